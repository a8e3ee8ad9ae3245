"""What a kind of evidence is to the weighing: a name by which the owner asks for it or does without it, and
what is left when it is not listened to.

A kind that is silent has its data taken away, from what is known of the archive and from what is said of each
photo; so the weighing needs no switch for it, and evidence that says nothing changes nothing. A new kind is a
file here and a line in table.py.
"""

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from geotagger.estimate.timeline import Evidence
    from geotagger.estimate.values import Observation


class Kind:
    """`name`: as `--with` and `--without` name it. `what`: in words, for the help. `by_default`: whether it
    speaks unless it is told not to."""

    name: ClassVar[str]
    what: ClassVar[str]
    by_default: ClassVar[bool] = True

    def taken_from(self, evidence: "Evidence") -> "Evidence":
        """What is known of the archive without this kind."""
        return evidence

    def unheard(self, observation: "Observation") -> "Observation":
        """What is said of one photo without this kind."""
        return observation
