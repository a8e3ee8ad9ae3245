"""The offset from UTC that a camera states."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.protocol import Kind

if TYPE_CHECKING:
    from geotagger.estimate.timeline import Evidence


class TimeZone(Kind):
    name = "time-zone"
    what = "what the UTC offset tells of the place"

    def taken_from(self, evidence: "Evidence") -> "Evidence":
        return replace(evidence, options=replace(evidence.options, time_zone=False))
