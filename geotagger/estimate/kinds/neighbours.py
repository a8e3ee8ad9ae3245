"""Photos of the owner that know their place, near in time."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.protocol import Kind

if TYPE_CHECKING:
    from geotagger.estimate.timeline import Evidence
    from geotagger.estimate.values import Observation


class Neighbours(Kind):
    name = "neighbours"
    what = "photos with a place before and after"

    def taken_from(self, evidence: "Evidence") -> "Evidence":
        from geotagger.estimate.values import FixSeries

        return replace(evidence, fixes=FixSeries.of())

    def unheard(self, observation: "Observation") -> "Observation":
        """A place that stands goes on to stand; without its time it says nothing of others."""
        from geotagger.estimate.values import OWN_FIXES

        is_own = observation.fix is not None and observation.fix.rung in OWN_FIXES
        return replace(observation, utc=None) if is_own else observation
