"""Reading our own access tokens: the signature is remembered, and nothing else."""

import pytest

from counterfoil.jose.jwt import Signer
from counterfoil.jose.keys import PrivateKey
from counterfoil.oauth.access_token import TYPE
from counterfoil.oauth.reasons import Reason
from counterfoil.server.protocol import revocation, token_reading
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.token_reading import Opening, ReadToken, TokenReader
from counterfoil.server.records.signing_key import Purpose
from tests.installation import Installation, Person

pytestmark = pytest.mark.anyio


async def read(place: Installation, token: str) -> ReadToken | Reason:
    return await place.authority.reader.read(token, place.clock())


def signed(place: Installation, claims: dict[str, object], typ: str = TYPE) -> str:
    """Sign anything with the server's own key."""
    keyring = place.authority.keyring
    return keyring.signer(Purpose.TOKENS, typ, int(place.clock())).sign(claims)


async def test_a_token_of_ours_is_read(place: Installation):
    found = await read(place, await place.service_token())
    assert isinstance(found, ReadToken)
    assert found.token.client_id == "service"
    assert found.marks.jti == found.token.jti
    assert found.marks.kid


async def test_a_token_read_before_is_judged_anew(place: Installation):
    """S36: expiry and revocation at each reading, remembered signature or not."""
    first, second = await place.service_token(), await place.service_token()
    for token in (first, second):
        assert isinstance(await read(place, token), ReadToken)
    ended = await read(place, first)
    assert isinstance(ended, ReadToken)
    await place.authority.store.transact(
        lambda tx: revocation.end_token(tx, ended.token.jti, ended.token.exp, CLI)
    )
    assert await read(place, first) is Reason.REVOKED
    assert isinstance(await read(place, second), ReadToken)
    place.clock.turn(place.authority.settings.access_token_lifetime)
    assert await read(place, second) is Reason.EXPIRED


async def test_any_changed_byte_is_refused(place: Installation):
    """S70."""
    token = await place.service_token()
    for place_of in range(0, len(token), 7):
        other = "A" if token[place_of] != "A" else "B"
        altered = token[:place_of] + other + token[place_of + 1 :]
        assert isinstance(await read(place, altered), Reason)


@pytest.mark.parametrize(
    ("typ", "reason"), [("JWT", Reason.WRONG_TYPE), ("notices-head+jwt", Reason.WRONG_TYPE)]
)
async def test_another_type_of_token_is_refused(place: Installation, typ: str, reason: Reason):
    """S75: even with our signature (RFC 8725 §3.11)."""
    assert await read(place, signed(place, {"sub": "x"}, typ)) is reason


async def test_the_feeds_key_signs_no_token(place: Installation):
    """S75."""
    keyring = place.authority.keyring
    token = keyring.signer(Purpose.FEED, TYPE, int(place.clock())).sign({"sub": "x"})
    assert await read(place, token) is Reason.UNKNOWN_KEY


async def test_a_strangers_key_is_refused_whatever_it_is_called(place: Installation):
    """S87: kid selects among our keys, and brings none of its own."""
    genuine = await place.service_token()
    kid = place.authority.keyring.published(Purpose.TOKENS, int(place.clock())).only().kid
    forger = PrivateKey.generate("ES256")
    stranger = PrivateKey.from_der(forger.to_der(), "ES256", kid)
    header, payload, _ = genuine.split(".")
    forged = Signer(stranger, TYPE).sign(b"{}")
    assert await read(place, forged) is Reason.BAD_SIGNATURE
    assert await read(place, f"{header}.{payload}.{forged.split('.')[2]}") is Reason.BAD_SIGNATURE
    assert await read(place, Signer(forger, TYPE).sign(b"{}")) is Reason.UNKNOWN_KEY


@pytest.mark.parametrize(
    "claims",
    [{}, {"iss": "x"}, {"iss": 1, "sub": "x", "aud": "x", "exp": 1, "iat": 1}],
)
async def test_claims_that_are_missing_or_odd_are_refused(
    place: Installation, claims: dict[str, object]
):
    """RFC 9068 §2.2."""
    assert await read(place, signed(place, claims)) is Reason.MALFORMED


@pytest.mark.parametrize("token", ["", "x", "..", "a.b.c", "é.é.é", "\ud800", "x" * 100_000])
async def test_any_text_is_read_or_refused(place: Installation, token: str):
    assert isinstance(await read(place, token), Reason)


async def test_another_issuers_token_is_refused(place: Installation, person: Person):
    tokens = await person.tokens()
    found = await read(place, tokens["access_token"])
    assert isinstance(found, ReadToken)
    claims = {
        "iss": "https://other.example",
        "sub": "x",
        "aud": "x",
        "exp": 2**40,
        "iat": int(place.clock()),
        "client_id": "x",
        "jti": "x",
    }
    assert await read(place, signed(place, claims)) is Reason.WRONG_ISSUER
    future = claims | {"iss": place.issuer, "iat": int(place.clock()) + 11}
    assert await read(place, signed(place, future)) is Reason.ISSUED_IN_FUTURE


async def test_what_is_remembered_is_bounded(place: Installation, monkeypatch: pytest.MonkeyPatch):
    """S93: memory does not grow with the tokens that were seen."""
    monkeypatch.setattr(token_reading, "_REMEMBERED", 8)
    authority = place.authority
    reader = TokenReader(
        place.issuer,
        authority.store,
        Opening(authority.keyring, authority.encrypting),
        authority.hub,
    )
    for _ in range(20):
        await reader.read(await place.service_token(), place.clock())
    assert len(reader._genuine) == 8
