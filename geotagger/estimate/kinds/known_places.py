"""What a model that scores any place says of the very places that an archive knows."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.protocol import Kind

if TYPE_CHECKING:
    from geotagger.estimate.values import Observation


class KnownPlaces(Kind):
    name = "known-places"
    what = "how well a picture fits the very places that this archive knows, of a model that scores any place"

    def unheard(self, observation: "Observation") -> "Observation":
        return replace(observation, features=None)
