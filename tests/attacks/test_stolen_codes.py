"""Authorization codes: replayed, stolen, guessed at (OAuth 2.1 §4.1.3, RFC 9700 §2.1.1, §4.5)."""

import asyncio
from typing import Any

import pytest

from counterfoil.server.protocol import revocation
from counterfoil.server.protocol.endings import Ends, Target, carry_out
from counterfoil.server.protocol.events import CLI
from tests.installation import (
    CALLBACK,
    Installation,
    Person,
    answer_of,
    hidden_fields,
    token_request,
)

pytestmark = pytest.mark.anyio

WRONG = "w" * 43


async def is_active(site: Installation, token: str, client_id: str = "app") -> bool:
    return bool((await site.post("/introspect", client_id, token=token)).json()["active"])


async def refuses(answer: Any, error: str = "invalid_grant") -> bool:
    assert answer.status_code in {400, 401}, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return bool(answer.json()["error"] == error and "access_token" not in answer.text)


async def test_a_replayed_code_ends_all_that_came_of_it(site: Installation) -> None:
    """A code works once; shown again with its verifier, its tokens die (OAuth 2.1 §4.1.3)."""
    async with site.browser() as browser:
        person = Person(site, browser)
        code = await person.code()
        first = (await person.exchange(code)).json()
        assert await is_active(site, first["access_token"])
        assert await refuses(await person.exchange(code))
    assert not await is_active(site, first["access_token"])
    assert not await is_active(site, first["refresh_token"])
    refreshed = await token_request(
        site, "app", grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    assert await refuses(refreshed)


async def test_a_replayed_code_is_recognised_after_refreshes_too(own: Installation) -> None:
    """The row of a taken code stays as long as its family, however old the code is."""
    async with own.browser() as browser:
        person = Person(own, browser)
        code = await person.code()
        tokens = (await person.exchange(code)).json()
        for _ in range(3):
            own.clock.turn(3600)
            form = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
            tokens = (await token_request(own, "app", **form)).json()
        assert await is_active(own, tokens["access_token"])
        assert await refuses(await person.exchange(code))
    assert not await is_active(own, tokens["access_token"])


async def test_a_replay_ends_no_other_device_and_no_grant(site: Installation) -> None:
    """Reuse ends the family, never the grant: one stolen code must not sign everyone out."""
    async with site.browser() as laptop, site.browser() as phone:
        elsewhere = await Person(site, phone).tokens()
        person = Person(site, laptop)
        code = await person.code()
        assert (await person.exchange(code)).status_code == 200
        assert await refuses(await person.exchange(code))
        assert await is_active(site, elsewhere["access_token"])
        assert (await person.open()).status_code == 303, "the permission stands: nobody is asked"


async def test_a_replay_with_a_wrong_verifier_ends_nothing(site: Installation) -> None:
    """A stranger who saw the code in a log cannot sign the user out."""
    async with site.browser() as browser:
        person = Person(site, browser)
        code = await person.code()
        tokens = (await person.exchange(code)).json()
        for _ in range(5):
            assert await refuses(await person.exchange(code, code_verifier=WRONG))
    assert await is_active(site, tokens["access_token"])


async def test_a_replay_by_another_client_ends_nothing(site: Installation) -> None:
    async with site.browser() as browser:
        person = Person(site, browser)
        code = await person.code()
        tokens = (await person.exchange(code)).json()
        assert await refuses(await person.exchange(code, "spa"))
    assert await is_active(site, tokens["access_token"])


@pytest.mark.parametrize(
    "stolen",
    [
        {"code_verifier": WRONG},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": CALLBACK + "/"},
        {"resource": "https://mail.example"},
    ],
    ids=str,
)
async def test_a_stolen_code_gives_nothing_and_is_not_burnt(
    site: Installation, stolen: dict[str, str]
) -> None:
    """A stolen code without its verifier is worth nothing, and its owner can still use it."""
    async with site.browser() as browser:
        person = Person(site, browser)
        code = await person.code()
        answer = await person.exchange(code, **stolen)
        assert answer.status_code == 400
        assert "access_token" not in answer.text
        assert (await person.exchange(code)).status_code == 200


@pytest.mark.parametrize("thief", ["spa", "other"])
async def test_a_code_of_one_client_is_worth_nothing_to_another(
    site: Installation, thief: str
) -> None:
    """Code injection at another client: even with the right verifier (RFC 9700 §4.5)."""
    if thief == "other" and thief not in site.secrets:
        await site.add_client(
            "other", grant_types=("authorization_code",), redirect_uris=(CALLBACK,)
        )
    async with site.browser() as browser:
        person = Person(site, browser)
        code = await person.code()
        for _ in range(5):
            assert await refuses(await person.exchange(code, thief))
        assert (await person.exchange(code)).status_code == 200, "a stranger cannot burn it"


async def test_three_wrong_verifiers_burn_a_code(site: Installation) -> None:
    """Guessing the verifier is over after three tries, for its owner too."""
    async with site.browser() as browser:
        person = Person(site, browser)
        code = await person.code()
        for _ in range(2):
            assert await refuses(await person.exchange(code, code_verifier=WRONG))
        assert (await person.exchange(code)).status_code == 200
        code = await person.code()
        for _ in range(3):
            assert await refuses(await person.exchange(code, code_verifier=WRONG))
        assert await refuses(await person.exchange(code))


async def test_of_many_exchanges_at_one_moment_one_wins(site: Installation) -> None:
    """To check and to take is one statement: a code is never spent twice."""
    async with site.browser() as browser:
        person = Person(site, browser)
        code = await person.code()
        answers = await asyncio.gather(*(person.exchange(code) for _ in range(20)))
    won = [answer for answer in answers if answer.status_code == 200]
    assert len(won) == 1
    assert not await is_active(site, won[0].json()["access_token"]), "the rest were replays"


async def test_a_code_lives_for_a_minute(own: Installation) -> None:
    async with own.browser() as browser:
        person = Person(own, browser)
        code = await person.code()
        own.clock.turn(60)
        assert await refuses(await person.exchange(code))


@pytest.mark.parametrize("ended", ["session", "grant", "user"])
async def test_a_code_dies_with_what_it_rests_on(own: Installation, ended: str) -> None:
    """S33, S39: a code in flight is no way around signing out or taking the permission back."""
    from counterfoil.server.protocol import revocation
    from counterfoil.server.protocol.events import CLI

    async with own.browser() as browser:
        person = Person(own, browser)
        code = await person.code()

        async def end(tx: Any) -> None:
            assert own.user is not None
            user_id = own.user.id
            if ended == "session":
                await revocation.end_session(tx, (await tx.sessions.of_user(user_id))[0].id, CLI)
            elif ended == "grant":
                await revocation.end_grant(tx, (await tx.grants.of_user(user_id))[0].id, CLI)
            else:
                await revocation.disable_user(tx, user_id, CLI)

        await own.authority.store.transact(end)
        assert await refuses(await person.exchange(code))


async def test_every_answer_to_an_app_names_its_issuer(site: Installation) -> None:
    """Mix-up: `iss` stands in codes and in errors, so no other server's answer passes for ours.

    RFC 9207 §2, RFC 9700 §4.4.
    """
    async with site.browser() as browser:
        person = Person(site, browser)
        page = await person.sign_in(await person.open(prompt="consent"))
        for decision in ("deny", "allow"):
            answer = answer_of(await person.allow(page, decision=decision))
            assert answer["iss"] == site.issuer
            assert answer["state"] == "st4te"
            assert ("code" in answer) == (decision == "allow")
        for wrong in ({"scope": "admin"}, {"prompt": "bad"}, {"response_type": "token"}):
            answer = answer_of(await person.open(**wrong))
            assert answer["error"]
            assert answer["iss"] == site.issuer


async def test_a_permission_taken_back_meanwhile_is_not_given_by_silence(
    own: Installation,
) -> None:
    """Whichever of the two is first, nobody answers for the person, and no code outlives it."""
    async with own.browser() as browser:
        person = Person(own, browser)
        await person.tokens()
        assert own.user is not None
        user_id, store = own.user.id, own.authority.store
        (grant,) = await store.read(lambda tx: tx.grants.of_user(user_id))
        ending = store.transact(lambda tx: revocation.end_grant(tx, grant.id, CLI))
        came, _ = await asyncio.gather(browser.get(person.authorization_url()), ending)
        if came.headers["location"].startswith(CALLBACK):
            assert await refuses(await person.exchange(answer_of(came)["code"]))
        asked = await person.open()
        assert (asked.status_code, 'name="permission"' in asked.text) == (200, True)


async def test_a_code_kept_back_does_not_survive_signing_out_of_the_app(own: Installation) -> None:
    """S44: whoever holds a code that was not exchanged yet has nothing after the sign-out."""
    async with own.browser() as browser:
        person = Person(own, browser)
        code = await person.code()
        page = await browser.get("/account/apps")
        grants = await own.authority.store.read(lambda tx: tx.grants.every())
        target = f"/account/end/app_sessions/{grants[0].id}"
        await browser.post(target, data=hidden_fields(page.text))
        assert await refuses(await person.exchange(code))


@pytest.mark.parametrize("kind", [Ends.CLIENT, Ends.USER, Ends.GRANT, Ends.SESSION])
async def test_a_code_kept_back_does_not_survive_an_ending(own: Installation, kind: Ends) -> None:
    """S38, S47: after a leak, whoever kept a code for later has nothing."""
    async with own.browser() as browser:
        person = Person(own, browser)
        code = await person.code()

        async def end(tx: Any) -> Any:
            names = {
                Ends.CLIENT: "app",
                Ends.USER: person.user_id,
                Ends.GRANT: (await tx.grants.of_user(person.user_id))[0].id,
                Ends.SESSION: (await tx.sessions.of_user(person.user_id))[0].id,
            }
            return await carry_out(own.authority, tx, Target(kind, names[kind]), CLI)

        await own.authority.store.transact(end)
        assert await refuses(await person.exchange(code))
