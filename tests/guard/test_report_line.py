"""The line on which a guard reports, to a small issuer on loopback that fails where it is told."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest

from counterfoil.guard import Credentials, Guard, Issuer, report_line
from counterfoil.guard.line import Surroundings
from counterfoil.guard.report_line import ReportLine
from counterfoil.guard.sightings import Sightings
from counterfoil.net.http import HttpClient
from tests.flows.serving import until
from tests.guard.issuer import AUDIENCE, TinyIssuer
from tests.guard.test_sightings import HOME, OFFICE, token

pytestmark = pytest.mark.anyio
SECRET = "hunter2-hunter2"


def trusted(issuer: TinyIssuer) -> Issuer:
    return Issuer(issuer.url, credentials=Credentials("guard", SECRET), reports=True)


def middling() -> float:
    return 0.5


@asynccontextmanager
async def held(
    issuer: TinyIssuer, sightings: Sightings, every: float, chance: Callable[[], float] = middling
) -> AsyncIterator[None]:
    """Hold the line; leaving the context stops it, as a guard is stopped."""
    surroundings = Surroundings(time.time, chance, lambda: None, lambda: "report")
    async with HttpClient() as http:
        line = ReportLine(sightings, trusted(issuer), surroundings, every)
        task = asyncio.create_task(line.hold(http))
        await asyncio.sleep(0)  # a task that never began has nothing to finish
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])


def seen_in(issuer: TinyIssuer) -> list[dict[str, Any]]:
    return [each for body in issuer.reports for each in msgspec.json.decode(body)["sightings"]]


@pytest.fixture
def sightings() -> Sightings:
    return Sightings(AUDIENCE, time.time)


async def test_what_was_seen_is_told_now_and_then(issuer: TinyIssuer, sightings: Sightings):
    async with held(issuer, sightings, every=0.01):
        sightings.note(token(), HOME)
        await until(lambda: len(issuer.reports) == 1 and not len(sightings))
        sightings.note(token(), OFFICE)
        await until(lambda: len(issuer.reports) == 2 and not len(sightings))
    assert [each["place"] for each in seen_in(issuer)] == [HOME, OFFICE]
    assert len(sightings) == 0
    assert issuer.counts["metadata"] == 1, "where to report is found out once"


async def test_nothing_seen_is_nothing_told(issuer: TinyIssuer, sightings: Sightings):
    rounds: list[float] = []

    def counted() -> float:
        rounds.append(0.5)
        return 0.5

    async with held(issuer, sightings, every=0.001, chance=counted):
        await until(lambda: len(rounds) > 3)
    assert "report" not in issuer.counts
    assert "metadata" not in issuer.counts


async def test_what_is_left_is_told_when_the_guard_stops(issuer: TinyIssuer, sightings: Sightings):
    """S25: the use of the last seconds counts."""
    async with held(issuer, sightings, every=3600):
        sightings.note(token(), HOME)
    assert [each["jti"] for each in seen_in(issuer)] == ["t1"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
async def test_what_is_not_taken_is_told_again_later(
    issuer: TinyIssuer, sightings: Sightings, status: int, caplog: pytest.LogCaptureFixture
):
    """And the log says so, without the secret."""
    issuer.report_status = status
    async with held(issuer, sightings, every=0.01):
        sightings.note(token(), HOME)
        await until(lambda: issuer.counts.get("report", 0) >= 2)
        assert len(sightings) == 1
        issuer.report_status = 200
        await until(lambda: len(issuer.reports) == 1 and not len(sightings))
    assert [each["jti"] for each in seen_in(issuer)] == ["t1"]
    assert f"answered {status}" in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("status", [400, 413])
async def test_what_is_never_taken_does_not_stand_in_the_way(
    issuer: TinyIssuer, sightings: Sightings, status: int
):
    issuer.report_status = status
    async with held(issuer, sightings, every=0.01):
        sightings.note(token(), HOME)
        await until(lambda: issuer.counts.get("report", 0) == 1 and len(sightings) == 0)
        issuer.report_status = 200
        sightings.note(token("t2"), HOME)
        await until(lambda: len(issuer.reports) == 1 and not len(sightings))
    assert [each["jti"] for each in seen_in(issuer)] == ["t2"]
    assert msgspec.json.decode(issuer.reports[0])["dropped"] == 1


async def test_an_issuer_that_takes_no_reports_is_said(
    issuer: TinyIssuer, sightings: Sightings, caplog: pytest.LogCaptureFixture
):
    issuer.metadata_changes = {"reports_endpoint": ""}
    async with held(issuer, sightings, every=3600):
        sightings.note(token(), HOME)
    assert "it takes no reports" in caplog.text


async def test_a_server_that_is_down_costs_bounded_memory(sightings: Sightings):
    """What cannot be told waits within bounds; the line goes on trying."""
    few = Sightings(AUDIENCE, time.time, most=10)
    with TinyIssuer() as gone:
        pass
    async with held(gone, few, every=0.001):
        for number in range(500):
            few.note(token(f"t{number}"), HOME)
            await asyncio.sleep(0)
        await until(lambda: len(few) == 10)
    assert len(few) == 10


async def test_a_guard_reports_by_itself(issuer: TinyIssuer):
    """The whole of it: a guard that is started, sees a token, and is stopped."""
    guard = Guard(issuers=[trusted(issuer)], audience=AUDIENCE)
    with guard:
        assert await asyncio.to_thread(guard.wait_until_fresh, 10)
        guard.saw(guard.check(issuer.token()), HOME)
        await asyncio.to_thread(guard.stop)
    [seen] = seen_in(issuer)
    assert (seen["jti"], seen["client_id"], seen["place"], seen["count"]) == ("t1", "c1", HOME, 1)


async def test_an_issuer_that_never_answers_holds_up_no_stop(
    issuer: TinyIssuer,
    sightings: Sightings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    monkeypatch.setattr(report_line, "LAST_WITHIN", 0.05)
    silent = asyncio.Event()

    async def discover(http: HttpClient, url: str) -> None:
        await silent.wait()

    monkeypatch.setattr(report_line, "discover", discover)
    async with held(issuer, sightings, every=3600):
        sightings.note(token(), HOME)
    assert "the last report was not taken in time" in caplog.text


async def test_a_mistake_of_ours_ends_no_line(
    issuer: TinyIssuer,
    sightings: Sightings,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
):
    """What was seen is told when it is mended."""
    right, mistakes = report_line.discover, [KeyError("ours")]

    async def discover(http: HttpClient, url: str) -> object:
        if mistakes:
            raise mistakes.pop()
        return await right(http, url)

    monkeypatch.setattr(report_line, "discover", discover)
    async with held(issuer, sightings, every=0.01):
        sightings.note(token(), HOME)
        await until(lambda: len(issuer.reports) == 1)
    assert "reporting failed" in caplog.text
