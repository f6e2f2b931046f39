"""What is counted, read by the official parser of Prometheus."""

from contextlib import suppress

import pytest
from prometheus_client.parser import text_string_to_metric_families

from counterfoil.guard import Credentials, Guard, Issuer, Rejected
from counterfoil.guard.metrics import MEDIA_TYPE
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.revocations import Ended
from tests.guard.desk import ISSUER, NOW, Desk, request
from tests.guard.issuer import AUDIENCE, TinyIssuer

pytestmark = pytest.mark.anyio
Samples = dict[tuple[str, str], float]
NAMES = {
    "up": "gauge", "checks": "counter", "refusals": "counter", "cached_tokens": "gauge",
    "issuer_state": "gauge", "staleness_seconds": "gauge", "clock_skew_seconds": "gauge",
    "notices": "gauge", "feed_connections": "counter", "introspections": "counter",
}  # fmt: skip


def read(text: str) -> Samples:
    """By name and last label: what Prometheus would store."""
    return {
        (sample.name.removeprefix("counterfoil_guard_"), [*sample.labels.values(), ""][0]): (
            sample.value
        )
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def test_prometheus_reads_every_family_with_its_type(desk: Desk):
    families = {f.name: f for f in text_string_to_metric_families(desk.guard.metrics())}
    assert {name: families[f"counterfoil_guard_{name}"].type for name in NAMES} == NAMES
    assert len(families) == len(NAMES)
    assert all(family.documentation for family in families.values())
    assert "version=0.0.4" in MEDIA_TYPE


def test_checks_and_refusals_are_counted(desk: Desk):
    gate = desk.gate()
    token = desk.token()
    for _ in range(5):
        gate.admit_blocking(request(token=token))
    for asked in (request(), request(token=desk.token(exp=1)), request()):
        with pytest.raises(Rejected) as refused:
            gate.admit_blocking(asked)
        gate.refusal(refused.value, asked)
    samples = read(gate.guard.metrics())
    assert samples["checks_total", "hit"] == 4
    assert samples["checks_total", "miss"] == 2
    assert samples["refusals_total", "missing"] == 2
    assert samples["refusals_total", "expired"] == 1
    assert samples["refusals_total", "revoked"] == 0
    assert samples["cached_tokens", ""] == 1


def test_every_reason_is_there_from_the_beginning(desk: Desk):
    """So that a rate can be taken of what has not happened yet."""
    samples = read(desk.guard.metrics())
    assert {label for name, label in samples if name == "refusals_total"} == set(Reason)


def test_how_it_is_with_the_issuer_is_told(desk: Desk):
    desk.end(Ended.TOKEN, "t9")
    desk.clock.now = NOW + 40
    samples = read(desk.guard.metrics())
    assert samples["staleness_seconds", ISSUER] == 40
    assert samples["notices", ISSUER] == 1
    text = desk.guard.metrics()
    assert f'counterfoil_guard_issuer_state{{issuer="{ISSUER}",state="down"}} 1' in text
    assert f'counterfoil_guard_issuer_state{{issuer="{ISSUER}",state="ready"}} 0' in text
    assert "clock_skew_seconds{" not in text


async def test_lines_and_questions_are_counted(issuer: TinyIssuer):
    trusted = Issuer(issuer.url, credentials=Credentials("api", "s3cret"))
    with Guard(issuers=[trusted], audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        assert guard._follower.wait_until(lambda: issuer.streams == 1, 10)
        issuer.cut_streams()
        assert guard._follower.wait_until(
            lambda: read(guard.metrics())["feed_connections_total", issuer.url] >= 2, 10
        )
        assert read(guard.metrics())["up", ""] == 1
    assert read(guard.metrics())["up", ""] == 0


async def test_answers_are_counted_by_what_came_of_them(issuer: TinyIssuer):
    trusted = Issuer(issuer.url, revocation="introspect", credentials=Credentials("a", "s3cret"))
    answers = {"t1": True, "t2": False, "t3": 500}
    tokens = {jti: issuer.token(jti=jti) for jti in answers}
    issuer.active = lambda form: next(a for j, a in answers.items() if tokens[j] in form)
    guard = Guard(issuers=[trusted], audience=AUDIENCE)
    with guard:
        assert guard.wait_until_fresh(10)
        for token in tokens.values():
            with suppress(Rejected):
                await guard.decide(token)
        text = guard.metrics()
        assert "introspection fails" in guard.health().issuers[0].why
    for answer in ("active", "refused", "failed"):
        assert f'introspections_total{{issuer="{issuer.url}",answer="{answer}"}} 1' in text
    await guard.aclose()
