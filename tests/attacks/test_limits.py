"""Limits of what a token may do, in the hands of whoever wants to do more (S15)."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.delegation import ACCESS_TOKEN, GRANT_TYPE, TICKET
from counterfoil.server.records.client import SPEND
from tests.allowing import act, acted, add_guard, counted_token, granted, left, new_key, post, take
from tests.installation import (
    MAIL,
    NOTES,
    Installation,
    Person,
    answer_of,
    hidden_fields,
    permissions_in,
)

pytestmark = pytest.mark.anyio
COUNT, SUM = "count:transfer/EUR", "sum:transfer/EUR"


@pytest.fixture(scope="module")
async def counted(site: Installation) -> Installation:
    await site.add_api(MAIL, "Mail", {"mail:read": "Read your mail"})
    await add_guard(site)
    await add_guard(site, "thief", scopes=frozenset({SPEND}))
    await add_guard(site, "mail-guard", scopes=frozenset({SPEND, "mail:read"}))
    return site


@pytest.fixture
async def guest(counted: Installation) -> AsyncIterator[Person]:
    """Somebody who has allowed nothing yet."""
    email = f"{new_key()}@example.org"
    user = await counted.add_user(email)
    async with counted.browser() as browser:
        yield Person(counted, browser, email, user.id)


@pytest.fixture
async def jti(counted: Installation) -> str:
    return str(unverified_claims(await counted_token(counted))["jti"])


async def test_a_key_is_not_used_for_another_amount(counted: Installation, jti: str):
    """S15: though only the number is counted: the first was for one cent."""
    cheap = act(jti, 1)
    assert await acted(counted, cheap) == [1]
    assert await acted(counted, cheap | {"amount": 2500}) == ["key_reused"]
    only = [{"type": "counterfoil_limit", "action": "transfer", "unit": "EUR", "count": 2}]
    other = str(unverified_claims(await counted_token(counted, *only))["jti"])
    cheap = act(other, 1)
    assert await acted(counted, cheap, cheap | {"amount": 2**53 - 1}, cheap) == [
        1,
        "key_reused",
        1,
    ]
    assert await left(counted, other, COUNT) == 1


async def test_a_key_is_not_replayed_by_another_guard(counted: Installation, jti: str):
    one = act(jti, 100)
    assert await acted(counted, one) == [1]
    assert await acted(counted, one, client_id="thief") == ["key_reused"]


async def test_what_is_refused_takes_nothing_of_either(counted: Installation, jti: str):
    """Else a few that are too large would use up the count, or many small ones the sum."""
    assert await acted(counted, act(jti, 2500), act(jti, 2500), act(jti, 2500)) == [
        1,
        "used_up",
        "used_up",
    ]
    assert (await left(counted, jti, COUNT), await left(counted, jti, SUM)) == (2, 1500)


async def test_another_api_counts_nothing(counted: Installation, jti: str):
    asked: dict[str, Any] = {"client_id": "mail-guard", "audience": MAIL}
    assert await acted(counted, act(jti), **asked) == ["not_registered"]
    assert await left(counted, jti, COUNT) == 3


@pytest.mark.parametrize("amount", [-1, 1.0, "1", True, 2**53, 10**400, None])
async def test_odd_amounts_are_not_counted(counted: Installation, jti: str, amount: object):
    """And what else came with them neither."""
    body = {"audience": NOTES, "acts": [act(jti), act(jti) | {"amount": amount}]}
    assert (await post(counted, json.dumps(body))).status_code == 400
    assert await left(counted, jti, COUNT) == 3


async def test_units_are_not_confused(counted: Installation, jti: str):
    """No spelling of an action and a unit is another's: neither may hold what parts them."""
    odd = [("transfer/EUR", ""), ("transfer", "EUR/"), ("sum:transfer", "EUR"), ("Transfer", "EUR")]
    for action, unit in odd:
        body = {"audience": NOTES, "acts": [act(jti, action=action, unit=unit)]}
        answer = await post(counted, json.dumps(body))
        assert answer.status_code == 400 or answer.json()["acts"][0]["granted"] == 0
    assert await acted(counted, act(jti, unit="eur"), act(jti, unit="")) == ["not_registered"] * 2
    assert await left(counted, jti, COUNT) == 3


async def test_a_take_of_uses_is_none_of_a_transaction(counted: Installation, jti: str):
    """S54: what one is counted under, the other cannot name; a token has no uses to give here."""
    assert await granted(counted, take(jti)) == ["not_registered"]


async def test_what_has_ended_does_nothing_more(counted: Installation):
    token = await counted_token(counted)
    jti = str(unverified_claims(token)["jti"])
    assert await acted(counted, act(jti)) == [1]
    await counted.post("/revoke", "service", token=token)
    assert await acted(counted, act(jti)) == ["revoked"]


ASKED = [
    {"type": "counterfoil_limit", "action": "transfer", "unit": "EUR", "per_transaction": 2500}
]
DETAILS = {"authorization_details": json.dumps(ASKED)}


def is_asked(page: httpx2.Response) -> bool:
    return page.status_code == 200 and 'name="permission"' in page.text


async def test_who_allowed_something_within_limits_has_not_allowed_more(
    counted: Installation, guest: Person
):
    """The same app asks again, for all of it, and nobody would see a page."""
    await guest.tokens(**DETAILS)
    for further in (
        {},
        DETAILS,
        {"authorization_details": json.dumps([ASKED[0] | {"action": "x"}])},
    ):
        assert is_asked(await guest.open(**further)), further
    assert answer_of(await guest.open(prompt="none"))["error"] == "consent_required"


async def test_what_was_allowed_without_limits_is_allowed_within_them(
    counted: Installation, guest: Person
):
    """And an answer within limits is asked for again, though more was allowed before."""
    await guest.tokens()
    tokens = await guest.tokens(prompt="none", **DETAILS)
    assert tokens["authorization_details"] == ASKED
    page = await guest.open(prompt="consent", **DETAILS)
    await guest.allow(page)
    assert is_asked(await guest.open())
    await guest.allow(await guest.open())
    assert not is_asked(await guest.open())


async def test_the_consent_page_hides_no_limit_and_no_lack_of_one(
    counted: Installation, guest: Person
):
    """What could be read as another is written out; markup is none."""
    plain = await guest.open(prompt="login")
    page = await guest.sign_in(plain)
    assert is_asked(page)
    assert "Within these limits" not in page.text
    counted_too = ASKED[0] | {"count": 3, "sum": 4000, "until": 2_000_000_000}
    odd = {"type": "counterfoil_limit", "action": "delete", "unit": "files"}
    asked = json.dumps([counted_too, odd, odd | {"action": "close", "unit": ""}])
    page = await guest.open(prompt="consent", authorization_details=asked)
    for sentence in (
        "at most 25.00 EUR at a time, at most 3 times per access token, "
        "at most 40.00 EUR in all per access token, until 18 May 2033, 03:33 UTC",
        "any amount of files",
        "without any limit",
    ):
        assert sentence in page.text
    assert unverified_claims((await allowed(guest, page))["access_token"])[
        "authorization_details"
    ] == [counted_too, odd, {"type": "counterfoil_limit", "action": "close"}]


async def allowed(person: Person, page: httpx2.Response) -> dict[str, str]:
    code = answer_of(await person.allow(page))["code"]
    return dict((await person.exchange(code)).json())


async def test_a_form_that_is_changed_takes_no_limit_away(counted: Installation, guest: Person):
    """They travel sealed: a field of the form is none."""
    page = await guest.sign_in(await guest.open(**DETAILS))
    form: dict[str, Any] = hidden_fields(page.text) | {"decision": "allow", "span": "day"}
    form |= {"permission": permissions_in(page.text), "limits": "", "authorization_details": "[]"}
    answer = await guest.follow(await guest.browser.post("/consent", data=form))
    tokens = (await guest.exchange(answer_of(answer)["code"])).json()
    assert tokens["authorization_details"] == ASKED


async def test_a_token_with_limits_is_exchanged_for_none_without(counted: Installation):
    """RFC 8693: nor for a ticket, nor at another API."""
    await counted.add_client(
        "trader",
        grant_types=("client_credentials", GRANT_TYPE),
        scopes=frozenset({"notes:read"}),
    )
    token = await counted.service_token("trader", **DETAILS)
    form = {"grant_type": GRANT_TYPE, "subject_token": token, "subject_token_type": ACCESS_TOKEN}
    for further in ({"resource": MAIL}, {"requested_token_type": TICKET, "ticket_url": NOTES}):
        answer = await counted.post("/token", "trader", **form, **further)
        assert answer.json()["error"] == "invalid_target"
    for further in ({}, DETAILS):
        answer = await counted.post("/token", "trader", **form, **further)
        assert answer.json()["authorization_details"] == ASKED
    free = await counted.service_token("trader")
    answer = await counted.post("/token", "trader", **form | {"subject_token": free}, **DETAILS)
    assert answer.json()["authorization_details"] == ASKED


async def test_the_server_itself_asks_for_no_limits(counted: Installation):
    """A token for it that says so would promise what nobody keeps."""
    scopes = frozenset({"counterfoil:read"})
    await counted.add_client("looker", scopes=scopes)
    form = {"grant_type": "client_credentials"} | DETAILS
    answer = await counted.post("/token", "looker", **form)
    assert answer.json()["error"] == "invalid_target"
