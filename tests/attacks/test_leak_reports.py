"""Reports of found secrets, as an oracle, as a flood, as a way to end what is another's (S11)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from counterfoil.jose import jwt
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.opaque import Kind, spell
from counterfoil.server.records.event import EventKind, EventQuery
from tests.installation import NOTES, Installation, Person, installed
from tests.server.protocol.test_personal_tokens import make

pytestmark = [pytest.mark.anyio, pytest.mark.one_engine("what is decided asks no engine")]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Installation]:
    async with installed(tmp_path, leak_rate_per_minute=1000) as place:
        await place.set_policy(NOTES, personal_tokens=True)
        await place.add_client("guard", scopes=frozenset({"introspect"}))
        yield place


async def report(place: Installation, body: Any) -> httpx2.Response:
    async with place.browser() as browser:
        return await browser.post("/leaked-secrets", json=body)


def shape(answer: httpx2.Response) -> tuple[int, bytes, list[str]]:
    return answer.status_code, answer.content, sorted(answer.headers)


async def test_the_answer_is_the_same_whatever_was_sent(place: Installation):
    """No oracle: of a true secret, an ended one, a forged one and nonsense."""
    true = (await make(place)).secret.reveal()
    ended = (await make(place)).secret.reveal()
    await report(place, {"token": ended})
    sent = [
        true,
        ended,
        await place.service_token(),
        place.secrets["service"],
        spell(Kind.PERSONAL_TOKEN, bytes(32)).reveal(),
        true[:-1] + "0",
        "ghp_nothing_of_ours",
        "a.b.c",
        "\u0000\ud7ff",
    ]
    shapes = [shape(await report(place, {"token": each})) for each in sent]
    assert shapes == [shapes[0]] * len(sent)
    assert shapes[0][0] == 202


async def test_one_secret_twice_in_a_report_ends_once(place: Installation):
    """Otherwise twenty copies would draw twenty generations, each with a notice."""
    token, personal = await place.service_token(), (await make(place)).secret.reveal()
    secret = place.secrets["service"]
    await report(place, [{"token": each} for each in (secret, token, personal) for _ in range(6)])
    query = EventQuery(kind=EventKind.SECRET_REPORTED)
    events = await place.authority.store.read(lambda tx: tx.events.find(query))
    assert len(events) <= 3
    client = await place.authority.store.read(lambda tx: tx.clients.find("service"))
    assert client is not None
    assert client.generation == 2


async def test_names_end_nothing(place: Installation):
    """Whoever knows a fingerprint, a digest or an id does not hold the secret."""
    made = await make(place)
    token = await place.service_token()
    names = [
        made.token.id,
        made.token.digest.hex(),
        made.token.user_id,
        "service",
        jwt.unverified_claims(token)["jti"],
        token.rpartition(".")[0],
        token.rpartition(".")[0] + ".AAAA",
    ]
    await report(place, [{"token": str(name)} for name in names])
    for each in (made.secret.reveal(), token):
        answer = await place.post("/introspect", "guard", token=each)
        assert answer.json()["active"] is True


async def test_a_token_that_somebody_else_signed_ends_nothing(place: Installation):
    """Otherwise anyone could fill every guard with notices."""
    claims = jwt.unverified_claims(await place.service_token())
    forged = jwt.sign(claims, PrivateKey.generate(), "at+jwt")
    version = place.authority.store.version()
    await report(place, {"token": forged})
    assert place.authority.store.version() == version


async def test_what_is_none_of_ours_never_reaches_the_writer(place: Installation):
    """A flood of well spelled nothings costs look-ups, and no place in the queue of endings."""
    forged = [{"token": spell(Kind.PERSONAL_TOKEN, bytes([n]) * 32).reveal()} for n in range(20)]
    version = place.authority.store.version()
    for _ in range(10):
        assert (await report(place, forged)).status_code == 202
    assert place.authority.store.version() == version


BODIES: dict[str, bytes] = {
    "nothing": b"",
    "no json": b"token=cfpt_x",
    "no object": b'"cfpt_x"',
    "no token": b'{"url": "https://pastes.example"}',
    "an empty token": b'{"token": ""}',
    "a number": b'{"token": 7}',
    "an empty array": b"[]",
    "too many": json.dumps([{"token": "x"}] * 21).encode(),
    "too long a token": json.dumps({"token": "x" * 16_385}).encode(),
    "too long a url": json.dumps({"token": "x", "url": "x" * 2_001}).encode(),
    "deep": b"[" * 5_000 + b"]" * 5_000,
    "deep where nobody looks": b'{"token": "x", "a": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
    "no utf-8": b'{"token": "\xff"}',
    "half a pair": b'{"token": "\\ud800"}',
    "too long at all": b" " * 262_145,
}


@pytest.mark.parametrize("case", BODIES)
async def test_what_is_no_report_is_refused_and_not_repeated(place: Installation, case: str):
    async with place.browser() as browser:
        headers = {"content-type": "application/json"}
        answer = await browser.post("/leaked-secrets", content=BODIES[case], headers=headers)
    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_request"
    assert "cfpt_x" not in answer.text


async def test_a_form_of_another_site_reports_nothing(place: Installation):
    """A page that somebody visits cannot send JSON without being asked first."""
    text = (await make(place)).secret.reveal()
    async with place.browser() as browser:
        answer = await browser.post("/leaked-secrets", data={"token": text})
        assert answer.status_code == 400
        answer = await browser.options(
            "/leaked-secrets",
            headers={
                "origin": "https://evil.example",
                "access-control-request-method": "POST",
                "access-control-request-headers": "content-type",
            },
        )
        assert "access-control-allow-origin" not in answer.headers


async def test_one_address_is_turned_away_when_it_comes_too_often(tmp_path: Path):
    async with installed(tmp_path) as place:
        answers = [await report(place, {"token": "nonsense"}) for _ in range(31)]
        assert [answer.status_code for answer in answers] == [202] * 30 + [429]
        assert "retry-after" in answers[-1].headers


async def test_where_it_was_found_is_text_and_holds_no_secret(place: Installation):
    """A scanner may report an address that has the very token in it; a stranger, a trap."""
    made = await make(place)
    text = made.secret.reveal()
    url = f"javascript:alert(1)//\u202e\r\nSet-Cookie: a=b/{text}?token={text}#{text}"
    await report(place, {"token": text, "url": url, "source": f"me\n{text}"})
    store = place.authority.store
    token = await store.read(lambda tx: tx.personal_tokens.find_by_id(made.token.id))
    assert token is not None
    query = EventQuery(kind=EventKind.SECRET_REPORTED)
    (event,) = await store.read(lambda tx: tx.events.find(query))
    for said in (token.found_at, event.detail["found_at"], event.detail["source"]):
        assert text not in said
        assert text[5:20] not in said
        assert said.isprintable()
    async with place.browser() as browser:
        person = Person(place, browser)
        await person.sign_in(await browser.get("/sign-in"))
        page = (await browser.get("/account/tokens")).text
    assert "javascript:alert(1)" in page
    assert 'href="javascript' not in page
