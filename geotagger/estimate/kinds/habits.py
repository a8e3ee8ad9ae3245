"""The places that the archive visits."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.protocol import Kind

if TYPE_CHECKING:
    from geotagger.estimate.timeline import Evidence


class Habits(Kind):
    name = "habits"
    what = "the places that this archive visits"

    def taken_from(self, evidence: "Evidence") -> "Evidence":
        return replace(evidence, options=replace(evidence.options, habits=False))
