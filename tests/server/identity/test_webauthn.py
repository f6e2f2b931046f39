"""What is asked of a browser, and what its answer proves (WebAuthn Level 3)."""

import json

import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key

from counterfoil.server.identity import webauthn
from counterfoil.server.identity.webauthn import (
    Asked,
    Known,
    NotProved,
    Party,
    Person,
    creation_options,
    party_of,
    request_options,
)
from tests.authenticator import Authenticator, spelled

pytestmark = pytest.mark.anyio

ORIGIN = "https://id.example"
ASKED = Asked(Party("id.example", ORIGIN), b"c" * 32)
P384 = generate_private_key(SECP384R1()).public_key().public_numbers()
ADA = Person(b"h" * 32, "ada@example.com", "Ada")


@pytest.mark.parametrize(
    ("issuer", "party"),
    [
        ("https://id.example", Party("id.example", "https://id.example")),
        ("https://ID.example:443/people", Party("id.example", "https://id.example")),
        ("https://id.example:8443/a/b", Party("id.example", "https://id.example:8443")),
        ("http://localhost:8000", Party("localhost", "http://localhost:8000")),
        ("http://localhost:80", Party("localhost", "http://localhost")),
        ("https://localhost", Party("localhost", "https://localhost")),
        ("http://127.0.0.1:8000", None),
        ("https://192.0.2.7", None),
        ("https://[2001:db8::1]:8443", None),
        ("http://[::1]:8000", None),
    ],
)
def test_passkeys_are_for_the_host_of_the_issuer(issuer: str, party: Party | None):
    """Its path and port are no part of the host; an address is no host name (§5.1.2)."""
    assert party_of(issuer) == party


def test_a_passkey_is_asked_for_that_needs_no_email_and_tells_no_maker():
    options = creation_options(ASKED, ADA, [Known(b"k" * 32, ("usb",))], 600)
    assert options["rp"]["id"] == "id.example"
    assert options["user"]["id"] == spelled(b"h" * 32)
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "preferred"
    assert options["attestation"] == "none"
    assert options["timeout"] == 600_000
    excluded = {"type": "public-key", "id": spelled(b"k" * 32), "transports": ["usb"]}
    assert options["excludeCredentials"] == [excluded]


def test_verification_of_the_person_is_preferred_unless_it_is_needed():
    preferred = request_options(ASKED, [], 60)
    needed = request_options(Asked(ASKED.party, ASKED.challenge, must_verify=True), [], 60)
    assert preferred["userVerification"] == "preferred"
    assert needed["userVerification"] == "required"


async def test_what_an_authenticator_answers_is_read_and_verified():
    phone = Authenticator(ORIGIN)
    made = phone.create(json.dumps(creation_options(ASKED, ADA, [], 60)))
    registered = await webauthn.verify_registration(ASKED, made)
    assert registered.credential_id == phone.credentials[0].id
    assert registered.transports == ("hybrid", "internal")
    assert not registered.backup_eligible
    answer = phone.get(json.dumps(request_options(ASKED, [], 60)))
    assert webauthn.named_in(answer).user_handle == b"h" * 32
    asserted = await webauthn.verify_assertion(ASKED, answer, registered.public_key)
    assert (asserted.sign_count, asserted.user_verified) == (1, True)


async def test_a_statement_that_nobody_asked_for_is_not_looked_at():
    """Attestation none: who made the authenticator is nobody's business, nor a way in for bugs."""
    phone = Authenticator(ORIGIN)
    options = json.dumps(creation_options(ASKED, ADA, [], 60))
    made = phone.create(options, fmt="tpm", statement={"x5c": [b"not a certificate"]})
    assert (await webauthn.verify_registration(ASKED, made)).public_key


@pytest.mark.parametrize(
    "cose",
    [
        {1: 2, 3: -7, -1: 2, -2: P384.x.to_bytes(48, "big"), -3: P384.y.to_bytes(48, "big")},
        {1: 2, 3: -7, -1: 1, -2: b"\x01" * 32, -3: b"\x01" * 32},
        {1: 2, 3: -36, -1: 3, -2: b"\x01" * 66, -3: b"\x01" * 66},
        {1: 3, 3: -65535, -1: b"\xff" * 256, -2: b"\x01\x00\x01"},
        {1: 3, 3: -257, -1: b"\xff" * 2048, -2: b"\x01\x00\x01"},
        {1: 4, 3: 5, -1: b"k" * 32},
        {},
    ],
    ids=["another curve", "no point", "ES512", "RS1", "huge", "shared secret", "nothing"],
)
async def test_a_key_that_was_not_asked_for_is_not_taken(cose: dict[int, object]):
    phone = Authenticator(ORIGIN)
    made = phone.create(json.dumps(creation_options(ASKED, ADA, [], 60)), cose=cose)
    with pytest.raises(NotProved):
        await webauthn.verify_registration(ASKED, made)


DEEP = b"\x81" * 9_000 + b"\x00"
HUGE = b"\x5b\x7f\xff\xff\xff\xff\xff\xff\xff"


@pytest.mark.parametrize(
    "attestation", [b"", b"\x00", DEEP, HUGE, cbor2.dumps({"authData": 7}), b"\xa1" * 9_000]
)
async def test_cbor_that_is_none_or_a_bomb_is_refused(attestation: bytes):
    phone = Authenticator(ORIGIN)
    options = json.dumps(creation_options(ASKED, ADA, [], 60))
    with pytest.raises(NotProved):
        await webauthn.verify_registration(ASKED, phone.create(options, attestation=attestation))


async def test_an_answer_that_is_too_long_is_not_read():
    with pytest.raises(NotProved, match="too long"):
        webauthn.named_in("{" + " " * 20_000 + "}")
