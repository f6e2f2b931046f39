"""A finding: something that does not fit, with a score that can be read and explained. Pure."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from msgspec import Struct

from counterfoil.server.records.event import EventKind
from counterfoil.server.records.sentence import kept

MOST: Final = 100


class Action(StrEnum):
    """What policy can do about a finding, besides the event that is written in any case."""

    TELL = "tell"
    STEP_UP = "step_up"
    END = "end"


OFF: Final = "off"
"""What a rule says where a kind is not looked for."""


class Finding(Struct, frozen=True):
    """What was noticed, how much it weighs from 0 to 100, and why, in whole sentences.

    ``what`` names it for the limit of letters: one of a kind and place in a day.
    """

    kind: EventKind
    score: int
    reasons: tuple[str, ...]
    what: str = ""

    @property
    def detail(self) -> dict[str, str]:
        """What of it stands in the event: in English, and as what is said in any language."""
        reasons = " ".join(self.reasons)
        return {"score": str(self.score), "reasons": reasons, "said": kept(self.reasons)}


def actions_by(rules: Sequence[str], score: int) -> frozenset[Action]:
    """Say what rules such as ``tell:50`` ask for: every action whose score is reached."""
    pairs = (rule.partition(":") for rule in rules if rule != OFF)
    return frozenset(Action(name) for name, _, least in pairs if score >= int(least))
