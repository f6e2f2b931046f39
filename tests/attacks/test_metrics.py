"""Whoever can send requests would like to write into the metrics, or to fill them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from counterfoil.guard import Guard, Issuer, Rejected
from tests.guard.desk import Desk, request

pytestmark = pytest.mark.one_engine("no server of ours is there")

HOSTILE = 'a"} 1\ncounterfoil_guard_up 7\nx{y="'


def test_nothing_that_a_request_brings_becomes_a_label(desk: Desk):
    """However many different things come: the number of lines stays the same."""
    gate = desk.gate()
    before = gate.guard.metrics()
    for n in range(50):
        tokens = [
            desk.token(iss=f"https://{n}.evil.example"),
            desk.token(sub=f"{HOSTILE}{n}", client_id=HOSTILE, jti=f"{HOSTILE}{n}", exp=1),
            desk.token(scope=f"s{n}", aud=f"https://{n}.example"),
            f"x{n}.y.z",
        ]
        for token in tokens:
            asked = request(f"/{n}", token=token, user_agent=HOSTILE, origin=HOSTILE)
            try:
                gate.admit_blocking(asked)
            except Rejected as rejected:
                gate.refusal(rejected, asked)
    after = gate.guard.metrics()
    assert len(after.splitlines()) == len(before.splitlines())
    assert "evil" not in after
    assert "\ncounterfoil_guard_up 7" not in after


def test_a_strange_name_of_an_issuer_stays_within_its_quotes():
    """It is the owner's own configuration; but one that is copied from elsewhere."""
    strange = 'https://id.example/a"b\\c'
    guard = Guard(issuers=[Issuer(strange, revocation="none")], audience="https://notes.example")
    labels = {
        sample.labels["issuer"]
        for family in text_string_to_metric_families(guard.metrics())
        for sample in family.samples
        if "issuer" in sample.labels
    }
    assert labels == {strange}
