"""Photos of the owner that look like the one in question."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.protocol import Kind

if TYPE_CHECKING:
    from geotagger.estimate.values import Observation


class Reference(Kind):
    name = "reference"
    what = "your own geotagged photos that look like it"
    by_default = False

    def unheard(self, observation: "Observation") -> "Observation":
        return replace(observation, alike=None)
