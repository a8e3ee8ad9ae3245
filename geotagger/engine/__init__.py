"""Running a model: runtimes, devices, batches, precision."""

import os

# ONNX Runtime tells its maker of its use unless asked not to before it is imported
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
