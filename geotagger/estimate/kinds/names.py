"""Names of places in a photo's own metadata."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.protocol import Kind

if TYPE_CHECKING:
    from geotagger.estimate.values import Observation


class Names(Kind):
    name = "names"
    what = "city, region and country in its metadata"

    def unheard(self, observation: "Observation") -> "Observation":
        return replace(observation, named=())
