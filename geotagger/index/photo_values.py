"""Values of columns that are only believed where they can be what they are said to be."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from geotagger.estimate.values import Posterior
from geotagger.index.damage import Damage

if TYPE_CHECKING:
    from geotagger.index.photos import IndexedPhoto


def sound_number(value: object, most: float = 1e15) -> float | None:
    """A number of a column; None where the row is damaged."""
    return value if isinstance(value, int | float) and abs(value) <= most else None


def sound_text(value: object) -> str | None:
    """A text of a column; None where the row is damaged."""
    return value if isinstance(value, str) else None


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


def name_if_damaged(damage: Damage, photo: "IndexedPhoto", row: Sequence[Any], kind: object) -> None:
    """Where something stands in its row that cannot stand there, it is named. kind: the format that its facts
    state."""
    read = (
        *(photo.utc, photo.confidence, photo.radius_km, photo.posterior),
        *(photo.latitude, photo.longitude, photo.other_utc),
        *(photo.error, photo.rung, photo.written, photo.cell, photo.doubt, photo.verdict),
    )
    stored = (
        *(row[7], row[11], row[12], row[15], row[17], row[18], row[24]),
        *(row[9], row[10], row[14], row[19], row[21], row[22]),
    )
    is_damaged = any(one is None and other is not None for one, other in zip(read, stored, strict=True))
    if is_damaged or (photo.facts is None and kind is not None):
        damage.pass_over(f"row {photo.id} of photos, or its estimate, ({photo.path})")
