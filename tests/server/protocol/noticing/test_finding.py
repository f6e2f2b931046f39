"""A finding, and what policy makes of its score."""

import pytest

from counterfoil.server.protocol.noticing.finding import Action, Finding, actions_by
from counterfoil.server.records.event import EventKind
from counterfoil.server.records.sentence import said_again


@pytest.mark.parametrize(
    ("score", "actions"),
    [
        (0, set()),
        (49, set()),
        (50, {Action.TELL}),
        (70, {Action.TELL, Action.STEP_UP}),
        (100, {Action.TELL, Action.STEP_UP}),
    ],
)
def test_every_action_whose_score_is_reached_is_done(score: int, actions: set[Action]):
    assert actions_by(("tell:50", "step_up:70"), score) == actions


def test_without_rules_it_is_an_event_alone():
    assert actions_by((), 100) == frozenset()
    assert actions_by(("off",), 100) == frozenset()


def test_score_and_reasons_stand_in_the_event():
    """S108: they can be read and explained."""
    finding = Finding(EventKind.NEW_PLACE, 65, ("No sign-in from there.", "Known is Berlin."))
    assert finding.detail["score"] == "65"
    assert finding.detail["reasons"] == "No sign-in from there. Known is Berlin."
    assert said_again(finding.detail["said"]) == finding.reasons
