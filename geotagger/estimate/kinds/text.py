"""What stands in the pictures: signs, names, addresses."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.protocol import Kind

if TYPE_CHECKING:
    from geotagger.estimate.values import Observation


class Text(Kind):
    name = "text"
    what = "what signs in the picture say"
    by_default = False

    def unheard(self, observation: "Observation") -> "Observation":
        return replace(observation, text=None)
