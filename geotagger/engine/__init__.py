"""Running a model: runtimes, devices, batches, precision."""
