"""The reports of guards over HTTP: who may report, and what is said where a report is not taken."""

import logging

import msgspec
import pytest

from counterfoil.server.records.client import REPORT
from tests.installation import MAIL, NOTES, Installation, Person
from tests.reporting import add_guard, post, report, sighting

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def reported(place: Installation) -> Installation:
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await add_guard(place)
    await add_guard(place, "mail-guard", scopes=frozenset({REPORT, "mail:read"}))
    await add_guard(place, "notes-guard", scopes=frozenset({REPORT, "notes:read"}))
    await add_guard(place, "asker", scopes=frozenset({"introspect"}))
    return place


async def test_a_report_is_taken(reported: Installation, person: Person):
    token = (await person.tokens())["access_token"]
    answer = await report(reported, sighting(reported, token), sighting(reported, token, jti="x"))
    assert (answer.status_code, answer.json()) == (200, {"taken": 1, "ignored": 1})
    assert answer.headers["cache-control"] == "no-store"


async def test_the_metadata_says_where(reported: Installation):
    async with reported.browser() as anyone:
        metadata = (await anyone.get("/.well-known/oauth-authorization-server")).json()
    assert metadata["reports_endpoint"] == f"{reported.issuer}/reports"


@pytest.mark.parametrize(
    ("client_id", "audience", "status", "error"),
    [
        ("guard", NOTES, 200, None),
        ("guard", MAIL, 200, None),
        ("notes-guard", NOTES, 200, None),
        ("notes-guard", MAIL, 400, "invalid_target"),
        ("mail-guard", NOTES, 400, "invalid_target"),
        ("guard", "https://nowhere.example", 400, "invalid_target"),
        ("asker", NOTES, 403, "insufficient_scope"),
        ("service", NOTES, 403, "insufficient_scope"),
        ("nobody", NOTES, 401, "invalid_client"),
    ],
)
async def test_a_client_reports_for_the_apis_that_it_guards(
    reported: Installation, client_id: str, audience: str, status: int, error: str | None
):
    answer = await report(reported, client_id=client_id, audience=audience)
    assert (answer.status_code, answer.json().get("error")) == (status, error)


async def test_a_disabled_client_reports_no_more(reported: Installation):
    await add_guard(reported, "old")
    assert (await report(reported, client_id="old")).status_code == 200
    now = int(reported.clock())
    await reported.authority.store.transact(lambda tx: tx.clients.disable("old", now))
    assert (await report(reported, client_id="old")).status_code == 401


async def test_credentials_come_in_the_header_alone(reported: Installation):
    async with reported.browser() as anyone:
        given = {"client_id": "guard", "client_secret": reported.secrets["guard"]}
        body = msgspec.json.encode({"audience": NOTES, "sent_at": 0, "sightings": []} | given)
        headers = {"content-type": "application/json"}
        answer = await anyone.post("/reports", content=body, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        answer = await anyone.post("/reports", data=given)
        assert answer.status_code == 400


async def test_a_report_is_taken_whole_or_not_at_all(reported: Installation, person: Person):
    """And what was wrong is said, with where it stands."""
    token = (await person.tokens())["access_token"]
    good = sighting(reported, token)
    answer = await report(reported, good, good | {"place": "home"})
    assert answer.status_code == 400
    told = answer.json()["error_description"]
    assert told == (
        "The report is not taken: The place is no address in its usual spelling - "
        "at $.sightings[1]."
    )
    jti = good["jti"]
    assert await reported.authority.store.read(lambda tx: tx.sightings.of_token(jti)) == []


@pytest.mark.parametrize(
    ("changes", "why"),
    [({"sent_at": 1_700_000_000}, "sent_at is 100000000 seconds away"), ({"x": 1}, "no report")],
)
async def test_the_log_says_why_a_report_was_not_taken(
    reported: Installation, caplog: pytest.LogCaptureFixture, changes: dict[str, int], why: str
):
    """S109: a guard's log knows no more than the status; what was sent stands in none."""
    caplog.set_level(logging.INFO, "counterfoil")
    answer = await report(reported, **changes)
    assert answer.status_code == 400
    assert f"{answer.json()['request_id']} /reports: invalid_request ({why})" in caplog.messages


async def test_a_body_of_another_type_is_refused(reported: Installation):
    answer = await post(reported, b"{}", **{"content-type": "text/plain"})
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
