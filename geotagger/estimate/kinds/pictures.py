"""What a model sees in the pictures."""

from dataclasses import replace
from typing import TYPE_CHECKING

from geotagger.estimate.kinds.protocol import Kind

if TYPE_CHECKING:
    from geotagger.estimate.timeline import Evidence
    from geotagger.estimate.values import Observation


class Pictures(Kind):
    name = "pictures"
    what = "what the model sees (without: as --model none)"

    def taken_from(self, evidence: "Evidence") -> "Evidence":
        return replace(evidence, table=None)

    def unheard(self, observation: "Observation") -> "Observation":
        return replace(observation, posterior=None)
