"""Why a token is refused: which check decides, since when, by whom; and to whom that is told."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.access_token import TYPE, access_token_from
from counterfoil.oauth.allowances import USES
from counterfoil.oauth.opaque import Kind, spell
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import events, revocation
from counterfoil.server.protocol.explain import NOT_YOURS, NOTHING, explain, explain_to
from counterfoil.server.protocol.explaining.explanation import Explanation, Outcome, Verdict
from counterfoil.server.protocol.identifiers import family_in
from counterfoil.server.records.allowance import Take
from counterfoil.server.records.session import Origin
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Work
from tests.installation import NOTES, Installation, Person, installed

pytestmark = pytest.mark.anyio


@pytest.fixture
async def own(tmp_path: Path) -> AsyncIterator[Installation]:
    """An installation of a test's own, whose APIs it may change."""
    async with installed(tmp_path) as installation:
        yield installation


async def do(place: Installation, work: Work[Any]) -> Any:
    return await place.authority.store.transact(work)


async def told(place: Installation, pasted: str) -> Explanation:
    return await explain(place.authority, pasted)


def outcomes(found: Explanation) -> dict[str, Outcome]:
    return {step.check: step.outcome for step in found.steps}


async def test_a_token_that_stands_passes_every_check(place: Installation, person: Person):
    """S109: in the guard's order, then what stands behind it."""
    token = (await person.tokens())["access_token"]
    found = await told(place, f" {token}\n")
    assert (found.kind, found.verdict, found.owner) == (
        "access_token",
        Verdict.STANDS,
        person.user_id,
    )
    assert list(outcomes(found)) == [
        "spelling", "key", "type", "signature", "issuer", "audience", "expiry", "begin", "binding",
        "token", "family", "signing_key", "client_tokens", "api_tokens",
        "authorization", "session", "permission", "person", "client",
    ]  # fmt: skip
    assert set(outcomes(found).values()) == {Outcome.PASSED}
    assert found.fingerprint == unverified_claims(token)["jti"]


async def test_the_check_that_decides_says_since_when_and_by_whom(
    place: Installation, person: Person
):
    """S109, S45: one token; its sibling stands, and says that it does."""
    tokens = await person.tokens()
    other = (await person.tokens())["access_token"]
    jti = str(unverified_claims(tokens["access_token"])["jti"])
    by = events.by_user("an-administrator", Origin(), "session:s")
    await do(place, lambda tx: revocation.end_token(tx, jti, None, by))
    then = int(place.clock())
    place.clock.turn(5)
    for pasted in (tokens["access_token"], jti):
        found = await told(place, pasted)
        assert (found.verdict, found.reason) == (Verdict.REFUSED, Reason.REVOKED)
        assert (found.decided_by, found.since, found.by) == ("token", then, "user:an-administrator")
    assert (await told(place, other)).verdict is Verdict.STANDS


@pytest.mark.parametrize("way", ["family", "session", "grant", "user", "client"])
async def test_every_way_of_ending_is_explained_by_token_and_by_fingerprint(
    place: Installation, person: Person, way: str
):
    """S109, S48: with the token in hand, and with what a log shows of it."""
    token = (await person.tokens())["access_token"]
    jti = str(unverified_claims(token)["jti"])
    (family,) = await place.authority.store.read(
        lambda tx: tx.families.live_of_user(person.user_id)
    )
    ways: dict[str, Any] = {
        "family": lambda tx: revocation.end_family(tx, family.id, "revoked", events.CLI),
        "session": lambda tx: revocation.end_session(tx, family.session_id, events.CLI),
        "grant": lambda tx: revocation.end_grant(tx, family.grant_id, events.CLI),
        "user": lambda tx: revocation.disable_user(tx, family.user_id, events.CLI),
        "client": lambda tx: revocation.end_family(tx, family.id, "client_disabled", events.CLI),
    }
    await do(place, ways[way])
    behind = {"session": "session", "grant": "permission", "user": "person"}
    for pasted in (token, jti):
        found = await told(place, pasted)
        assert (found.reason, found.decided_by) == (Reason.REVOKED, "family")
        assert (found.since, found.by) == (int(place.clock()), "cli")
        assert outcomes(found)["authorization"] is Outcome.FAILED
        if way in behind:
            assert outcomes(found)[behind[way]] is Outcome.FAILED


async def test_tokens_of_a_client_that_ended_as_a_whole_are_explained(place: Installation):
    """S109: by the generation in the token."""
    secret = await place.add_client("short-lived")
    assert secret is None or secret
    token = await place.service_token("short-lived")
    await do(place, lambda tx: revocation.disable_client(tx, "short-lived", events.CLI))
    found = await told(place, token)
    assert (found.decided_by, found.by) == ("client_tokens", "cli")
    assert outcomes(found)["client"] is Outcome.FAILED
    assert found.owner == ""


async def test_an_expired_token_says_when(place: Installation, person: Person):
    """S109: expiry comes before what was ended, as at a guard."""
    token = (await person.tokens(scope="openid notes:read offline_access"))["access_token"]
    claims = unverified_claims(token)
    jti, exp = str(claims["jti"]), int(str(claims["exp"]))
    place.clock.turn(exp - place.clock())
    found = await told(place, token)
    assert (found.decided_by, found.reason, found.since) == ("expiry", Reason.EXPIRED, exp)
    by_name = await told(place, jti)
    assert (by_name.decided_by, by_name.since) == ("expiry", exp)


async def test_a_fingerprint_alone_says_what_only_the_token_can_tell(
    place: Installation, person: Person
):
    """S48: no row for a token, and yet its name leads to all behind it."""
    token = (await person.tokens())["access_token"]
    jti = str(unverified_claims(token)["jti"])
    assert family_in(jti) == unverified_claims(token)["fam"]
    found = await told(place, jti)
    assert (found.verdict, found.owner) == (Verdict.UNKNOWN, person.user_id)
    assert found.steps[-1].check == "the_rest"
    assert "Only the token in hand can tell" in found.sentence


async def test_an_event_tells_of_a_token_that_the_notices_have_forgotten(
    place: Installation, person: Person
):
    """S48: weeks later."""
    token = (await person.tokens())["access_token"]
    jti = str(unverified_claims(token)["jti"])
    await do(place, lambda tx: revocation.end_token(tx, jti, int(place.clock()) + 1, events.CLI))
    then = int(place.clock())
    place.clock.turn(400 * 86_400)
    await do(place, lambda tx: tx.sweep(1000))
    await place.authority.hub.catch_up()
    place.authority.hub.revocations.forget(int(place.clock()))
    found = await told(place, jti)
    assert (found.decided_by, found.since, found.by) == ("token", then, "cli")
    assert found.owner == person.user_id


@pytest.mark.parametrize(
    "pasted", ["", " ", "nonsense", "A" * 22, f"{'A' * 22}.{'B' * 16}", "ünï", "\x00", "-"]
)
async def test_what_is_not_known_is_said_to_be_so(place: Installation, pasted: str):
    found = await told(place, pasted)
    assert found.verdict is Verdict.UNKNOWN
    assert found.owner == ""


@pytest.mark.parametrize(
    "kind", sorted(set(Kind) - {Kind.REFRESH_TOKEN, Kind.ACCESS_TOKEN, Kind.PERSONAL_TOKEN})
)
async def test_a_secret_is_named_and_not_looked_up(place: Installation, kind: Kind):
    """S109: "this is a secret, it should not be pasted"."""
    found = await told(place, spell(kind, b"x" * 32).reveal())
    assert found.verdict is Verdict.SECRET
    assert "should not be pasted" in found.sentence
    assert found.steps == ()


async def test_a_person_learns_of_their_own_tokens_and_no_others(
    place: Installation, person: Person, visitor: Person
):
    """S109: foreign, forged, unknown and nonsense are answered in the same words."""
    mine = await person.tokens()
    token = mine["access_token"]
    jti = str(unverified_claims(token)["jti"])
    stranger = await place.add_user("stranger@example.com")
    service = await place.service_token()
    for pasted in (token, jti, mine["refresh_token"]):
        assert (await explain_to(place.authority, pasted, person.user_id)).owner == person.user_id
        assert await explain_to(place.authority, pasted, stranger.id) == NOT_YOURS
        assert await explain_to(place.authority, pasted, "") == NOT_YOURS
    for pasted in (service, token[:-4] + "AAAA", token[:40], "A" * 22, "", "nonsense"):
        assert await explain_to(place.authority, pasted, person.user_id) == NOT_YOURS
        assert await explain_to(place.authority, pasted, "") == NOT_YOURS
    secret = spell(Kind.CLIENT_SECRET, b"x" * 32).reveal()
    assert (await explain_to(place.authority, secret, stranger.id)).verdict is Verdict.SECRET
    assert NOTHING != NOT_YOURS


async def test_explaining_changes_nothing(place: Installation, person: Person):
    """S109: not a row, not an event, not a use."""
    tokens = await person.tokens()
    version = place.authority.store.version()
    for pasted in tokens.values():
        await told(place, str(pasted))
    assert place.authority.store.version() == version


async def test_a_token_that_was_not_written_down_is_explained(own: Installation):
    """S109, S43: where the API wants that, a signature alone does not count."""
    plain = await own.service_token()
    await own.set_policy(NOTES, registry=True)
    recorded = await own.service_token()
    found = await told(own, plain)
    assert (found.decided_by, found.reason) == ("registry", Reason.NOT_REGISTERED)
    assert outcomes(await told(own, recorded))["registry"] is Outcome.PASSED


async def test_an_opaque_token_is_explained_by_its_row(own: Installation):
    """S109, S64: as any other; once it is forgotten, that is said."""
    await own.set_policy(NOTES, token_format="reference")
    async with own.browser() as browser:
        ada = Person(own, browser)
        token = (await ada.tokens())["access_token"]
    found = await told(own, token)
    assert (found.kind, found.verdict, found.owner) == (
        "access_token",
        Verdict.STANDS,
        ada.user_id,
    )
    assert family_in(found.fingerprint)
    await do(own, lambda tx: revocation.end_everything_of(tx, ada.user_id, "revoked", events.CLI))
    assert (await told(own, token)).decided_by == "family"
    assert await explain_to(own.authority, token, "somebody-else") == NOT_YOURS
    unknown = spell(Kind.ACCESS_TOKEN, b"x" * 32).reveal()
    assert (await told(own, unknown)).reason is Reason.NOT_REGISTERED
    assert await explain_to(own.authority, unknown, ada.user_id) == NOT_YOURS


async def test_a_leaked_key_names_nobody_elses_family_as_ones_own(
    place: Installation, person: Person, visitor: Person
):
    """Whoever can sign could put their own name beside another's family, to read of it."""
    claims = access_token_from(unverified_claims((await person.tokens())["access_token"]))
    assert claims is not None
    signer = place.authority.keyring.signer(Purpose.TOKENS, TYPE, int(place.clock()))
    forged = signer.sign(replace(claims, sub="the-thief"))
    assert (await told(place, forged)).owner == ""
    assert await explain_to(place.authority, forged, "the-thief") == NOT_YOURS


async def test_a_client_with_the_name_of_a_thing_is_not_taken_for_it(own: Installation):
    """People stand in the log as ``user``: a client of that name is another matter."""
    await own.add_client("user")
    token = await own.service_token("user")
    other = await own.add_user("other@example.com")
    await do(own, lambda tx: revocation.disable_user(tx, other.id, events.CLI))
    own.clock.turn(5)
    await do(own, lambda tx: revocation.disable_client(tx, "user", events.CLI))
    assert (await told(own, token)).since == int(own.clock())


async def test_a_limited_token_says_what_is_left(place: Installation):
    """S54, S109: the same for the token and for whoever has taken every use."""
    token = await place.service_token(max_uses=2)
    found = await told(place, token)
    assert (found.verdict, outcomes(found)["uses"]) == (Verdict.STANDS, Outcome.PASSED)
    assert "2 are left" in next(each.sentence for each in found.steps if each.check == "uses")
    jti = unverified_claims(token)["jti"]
    await do(place, lambda tx: tx.allowances.take(Take(jti, USES, "k" * 22, "guard", 2, 2)))
    found = await told(place, token)
    assert (found.verdict, found.decided_by, found.reason) == (
        Verdict.REFUSED,
        "uses",
        Reason.USED_UP,
    )
    assert "uses" not in outcomes(await told(place, await place.service_token()))
