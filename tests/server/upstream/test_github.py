"""Sign-in at GitHub, against a server with its addresses."""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest

from counterfoil.client.errors import NotTrusted
from counterfoil.net.exchange import Answer, AsyncSender
from counterfoil.net.http import BadAnswer
from counterfoil.oauth.opaque import Secret
from counterfoil.server.records.provider import Provider
from counterfoil.server.upstream import github
from counterfoil.server.upstream.arrival import Answered, Arrival, Asked
from counterfoil.server.upstream.presets import PRESETS
from tests.installation import Clock
from tests.upstreams import CLIENT_ID, CLIENT_SECRET, GitHub, upstream

pytestmark = pytest.mark.anyio


@pytest.fixture
async def theirs() -> AsyncIterator[GitHub]:
    async with upstream(GitHub, Clock()) as it:
        it.person = {"id": 583231, "login": "octocat", "name": None}
        it.answer = {"iss": None}
        it.emails = [address("other@example.com", primary=False), address("cat@example.com")]
        yield it


def address(email: str, *, primary: bool = True, verified: bool = True) -> dict[str, Any]:
    return {"email": email, "primary": primary, "verified": verified, "visibility": None}


def asked_of(theirs: GitHub) -> Asked:
    preset = PRESETS["github"]
    provider = Provider(
        id="github",
        kind=preset.kind,
        name=preset.name,
        issuer=theirs.issuer,
        client_id=CLIENT_ID,
        sealed_secret=b"",
        created_at=0,
        policy=preset.policy,
    )
    return Asked(
        provider=provider,
        secret=Secret(CLIENT_SECRET),
        redirect_uri="https://id.example/sign-in/from/github",
        nonce="",
        code_verifier="v" * 43,
    )


async def arrive(theirs: GitHub) -> Arrival:
    asked = asked_of(theirs)
    url = github.authorization_url(asked, "a state", {"prompt": "select_account"})
    async with httpx2.AsyncClient(trust_env=False) as browser, AsyncSender() as sender:
        answer = await browser.get(url)
        back = parse_qs(urlsplit(answer.headers["location"]).query)
        iss = back["iss"][0] if "iss" in back else None
        answered = Answered(back["code"][0], iss)
        return await sender.run(github.arrive(asked, answered, 0))


async def test_somebody_arrives_by_number_with_their_primary_address(theirs: GitHub):
    """S112: a login can be given to another, a number is not."""
    arrival = await arrive(theirs)
    assert (arrival.issuer, arrival.subject, arrival.name) == (theirs.issuer, "583231", "octocat")
    assert (arrival.email, arrival.email_verified) == ("cat@example.com", True)
    assert arrival.auth_time is None
    assert theirs.asked[0]["code_challenge_method"] == "S256"


@pytest.mark.parametrize(
    "emails",
    [[], [address("cat@example.com", verified=False)], [address("a@b.example", primary=False)]],
)
async def test_only_a_primary_address_that_is_verified_counts(theirs: GitHub, emails: Any):
    theirs.emails = emails
    arrival = await arrive(theirs)
    assert (arrival.email, arrival.email_verified) == (None, False)


async def test_a_name_that_cannot_be_shown_is_none(theirs: GitHub):
    theirs.person |= {"name": "a\0b"}
    assert (await arrive(theirs)).name == theirs.person["login"]
    theirs.person |= {"name": "x" * 256}
    assert (await arrive(theirs)).name == theirs.person["login"]


async def test_what_is_not_githubs_is_refused(theirs: GitHub):
    theirs.answer = {"iss": "https://another.example"}
    with pytest.raises(NotTrusted):
        await arrive(theirs)
    theirs.answer = {"iss": None}
    theirs.person = {"login": "octocat"}
    with pytest.raises(BadAnswer):
        await arrive(theirs)


@pytest.mark.parametrize(
    ("read", "body"),
    [
        (github._user_in, b'{"id":1,"login":"\xff"}'),
        (github._emails_in, b'[{"email":"\xff"}]'),
    ],
)
async def test_what_is_no_text_is_no_answer_of_githubs(read: Any, body: bytes):
    with pytest.raises(BadAnswer):
        read(Answer("https://api.github.com/user", 200, "application/json", body))
