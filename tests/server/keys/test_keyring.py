"""The keyring: parsed once, chosen by the time, published for as long as anything stands."""

import os
from pathlib import Path

import msgspec
import pytest

from counterfoil.jose.jwt import Verifier, verify
from counterfoil.jose.keys import KeySet
from counterfoil.server.keys.keyring import Keyring, NoSigningKey
from counterfoil.server.keys.master_key import MasterKeyError
from counterfoil.server.keys.sealing import Sealing
from counterfoil.server.records.signing_key import Purpose
from tests.server.keys.installation import START, installation

pytestmark = pytest.mark.anyio


async def test_what_it_signs_verifies_with_what_it_publishes(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        signer = place.keyring.signer(Purpose.TOKENS, "at+jwt", place.now)
        token = signer.sign({"sub": "someone"})
        published = place.keyring.published(Purpose.TOKENS, place.now)
        assert verify(token, published, "at+jwt").claims == {"sub": "someone"}


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "PS256", "RS256"])
async def test_every_algorithm_survives_being_sealed_and_stored(tmp_path: Path, algorithm: str):
    async with installation(tmp_path, signing_algorithm=algorithm) as place:
        await place.rotate()
        token = place.keyring.signer(Purpose.TOKENS, "at+jwt", place.now).sign(b"{}")
        jwks = msgspec.json.decode(place.keyring.jwks(Purpose.TOKENS, place.now))
        assert [key["alg"] for key in jwks["keys"]] == [algorithm]
        assert verify(token, KeySet.from_jwks(jwks), "at+jwt").claims == {}


async def test_the_feed_and_the_tokens_have_keys_of_their_own(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        signing = Purpose.TOKENS, Purpose.FEED
        published = [place.keyring.published(purpose, place.now) for purpose in signing]
        assert published[0].keys().isdisjoint(published[1].keys())
        assert place.kid(Purpose.FEED) in place.keyring.published(Purpose.FEED, place.now)


async def test_the_published_set_holds_no_private_member(tmp_path: Path):
    """S83."""
    async with installation(tmp_path) as place:
        await place.rotate()
        for key in msgspec.json.decode(place.keyring.jwks(Purpose.TOKENS, place.now))["keys"]:
            assert key.keys() == {"kty", "crv", "x", "y", "kid", "alg", "use"}


async def test_nothing_is_parsed_or_built_again_while_nothing_changes(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        keyring = place.keyring
        signer = keyring.signer(Purpose.TOKENS, "at+jwt", place.now)
        published = keyring.published(Purpose.TOKENS, place.now)
        assert keyring.signer(Purpose.TOKENS, "at+jwt", place.now + 1) is signer
        assert keyring.published(Purpose.TOKENS, place.now + 1) is published
        await place.load()
        assert keyring.signer(Purpose.TOKENS, "at+jwt", place.now) is signer


async def test_keys_take_turns_by_the_clock_without_being_loaded_again(tmp_path: Path):
    """S80: every process turns at the same second, also one that hears of nothing."""
    async with installation(tmp_path) as place:
        await place.rotate()
        first = place.kid()
        place.now += place.settings.key_rotation_interval - place.settings.key_publish_ahead
        assert await place.rotate()
        place.now = START + place.settings.key_rotation_interval - 1
        assert place.kid() == first
        place.now += 1
        assert place.kid() != first


async def test_a_gone_key_leaves_by_the_clock_too(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        [key] = await place.keys()
        gone = msgspec.structs.replace(key, retired_at=place.now + 5, gone_at=place.now + 9)
        await place.store.transact(lambda tx: tx.signing_keys.replace(gone))
        await place.load()
        assert key.kid in place.keyring.published(Purpose.TOKENS, place.now + 8)
        assert key.kid not in place.keyring.published(Purpose.TOKENS, place.now + 9)
        assert place.keyring.jwks(Purpose.TOKENS, place.now + 9) == b'{"keys":[]}'


async def test_private_halves_are_sealed_in_the_store(tmp_path: Path):
    """S77, S83: the database alone signs nothing."""
    async with installation(tmp_path) as place:
        await place.rotate()
        token = place.keyring.signer(Purpose.TOKENS, "at+jwt", place.now).sign(b"{}")
        Verifier(place.keyring.published(Purpose.TOKENS, place.now), "at+jwt").verify(token)
        stranger = Keyring(Sealing(b"o" * 32, os.urandom))
        with pytest.raises(MasterKeyError, match="another master key"):
            await place.store.read(stranger.load)


async def test_a_sealed_key_does_not_open_in_the_place_of_another(tmp_path: Path):
    async with installation(tmp_path) as place:
        await place.rotate()
        [token_key] = await place.keys(Purpose.TOKENS)
        [feed_key] = await place.keys(Purpose.FEED)
        swapped = msgspec.structs.replace(feed_key, kid="x", sealed=token_key.sealed)
        await place.store.transact(lambda tx: tx.signing_keys.add(swapped))
        with pytest.raises(MasterKeyError, match="signing key for feed x"):
            await place.load()


async def test_before_it_is_loaded_it_says_that_there_is_no_key(tmp_path: Path):
    keyring = Keyring(Sealing(b"k" * 32, os.urandom))
    with pytest.raises(NoSigningKey):
        keyring.signer(Purpose.TOKENS, "at+jwt", START)
    with pytest.raises(NoSigningKey):
        keyring.jwks(Purpose.TOKENS, START)
