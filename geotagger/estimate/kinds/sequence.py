"""That pictures and texts of one outing speak to each other."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.protocol import Kind

if TYPE_CHECKING:
    from geotagger.estimate.timeline import Evidence


class SequenceOfPictures(Kind):
    name = "sequence"
    what = "what pictures of one outing tell each other (without: each is looked at alone)"

    def taken_from(self, evidence: "Evidence") -> "Evidence":
        return replace(evidence, options=replace(evidence.options, sequence=False))
