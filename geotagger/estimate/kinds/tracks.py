"""Tracks that were recorded."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.protocol import Kind

if TYPE_CHECKING:
    from geotagger.estimate.timeline import Evidence


class RecordedTracks(Kind):
    name = "tracks"
    what = "recorded tracks"

    def taken_from(self, evidence: "Evidence") -> "Evidence":
        from geotagger.estimate.tracks import Tracks

        return replace(evidence, tracks=Tracks())
