"""RFC 7636: proof key for code exchange, S256 alone."""

import base64
import hashlib

import pytest

from tests.installation import Installation, Person, answer_of

pytestmark = pytest.mark.anyio

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_the_example_of_the_specification_passes(place: Installation, person: Person):
    """Appendix B."""
    code = await person.code(code_challenge=CHALLENGE)
    person.verifier = VERIFIER
    assert (await person.exchange(code)).status_code == 200


async def test_plain_is_refused(person: Person):
    """§4.2, §7.2 (OAuth 2.1 §7.5.1): plain lets whoever sees the request exchange the code."""
    for method in ("plain", "s256", "S512"):
        said = answer_of(await person.open(code_challenge_method=method))
        assert said["error"] == "invalid_request"
        assert "code_challenge_method" in said["error_description"]


async def test_the_method_is_not_guessed(person: Person):
    """§4.3: without a method it would mean plain."""
    said = answer_of(await person.open(code_challenge_method=""))
    assert said["error"] == "invalid_request"


@pytest.mark.parametrize("challenge", ["short", "E" * 44, CHALLENGE + "=", CHALLENGE[:-1] + "!"])
async def test_a_challenge_that_is_no_sha_256_is_refused(person: Person, challenge: str):
    """§4.2, §4.4.1: invalid_request."""
    said = answer_of(await person.open(code_challenge=challenge))
    assert said["error"] == "invalid_request"
    assert "code_challenge" in said["error_description"]


@pytest.mark.parametrize("verifier", ["v" * 42, "v" * 129, "v" * 42 + "!", "v" * 42 + "é"])
async def test_a_malformed_verifier_is_refused(place: Installation, person: Person, verifier: str):
    """§4.1: 43 to 128 unreserved characters."""
    code = await person.code()
    answer = await person.exchange(code, code_verifier=verifier)
    assert answer.json()["error"] == "invalid_request"
    assert (await person.exchange(code)).status_code == 200


async def test_a_wrong_verifier_is_an_invalid_grant(place: Installation, person: Person):
    """§4.6."""
    code = await person.code()
    answer = await person.exchange(code, code_verifier="w" * 43)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


@pytest.mark.parametrize("length", [43, 128])
async def test_the_shortest_and_the_longest_verifier_pass(
    place: Installation, person: Person, length: int
):
    """§4.1."""
    verifier = "~" * length
    digest = hashlib.sha256(verifier.encode()).digest()
    challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    code = await person.code(code_challenge=challenge)
    assert (await person.exchange(code, code_verifier=verifier)).status_code == 200


async def test_the_challenge_belongs_to_the_one_request(place: Installation, person: Person):
    """§4.4: bound to the code; another request's verifier opens nothing."""
    first = await person.code()
    verifier = person.verifier
    second = await person.code()
    assert (await person.exchange(second, code_verifier=verifier)).status_code == 400
    assert (await person.exchange(second)).status_code == 200
    assert (await person.exchange(first, code_verifier=verifier)).status_code == 200
