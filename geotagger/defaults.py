"""What is asked for where the owner asks for nothing, chosen together along the curve of risk and coverage
(benchmarks/RESULTS.md, "What is written by default")."""

CERTAINTY = 0.95
"""How probable it is that the true place lies within the radius that is stated."""
MIN_CONFIDENCE = 0.8
"""From which certainty on a place is written."""
