"""Values of columns that are only believed where they can be what they are said to be."""

import numpy as np

from geotagger.estimate.values import Posterior


def sound_number(value: object, most: float = 1e15) -> float | None:
    """A number of a column; None where the row is damaged."""
    return value if isinstance(value, int | float) and abs(value) <= most else None


def sound_posterior(classes: object, probabilities: object) -> Posterior | None:
    """What a model saw; None, as if it had not looked, where the row is damaged."""
    if not isinstance(classes, bytes) or not isinstance(probabilities, bytes):
        return None
    if len(classes) != len(probabilities) or len(classes) % 4:
        return None
    values = np.frombuffer(probabilities, dtype="<f4")
    if not (np.isfinite(values).all() and (values >= 0).all()):
        return None
    return Posterior(np.frombuffer(classes, dtype="<i4"), values)
