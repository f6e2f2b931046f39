"""RFC 9207: an authorization response says who sends it, against mix-up."""

import pytest

from tests.installation import Installation, Person, answer_of

pytestmark = pytest.mark.anyio


async def test_a_successful_response_names_the_issuer(place: Installation, person: Person):
    """§2: iss, exactly as in the metadata."""
    page = await person.sign_in(await person.open())
    said = answer_of(await person.allow(page))
    assert "code" in said
    assert said["iss"] == place.issuer


async def test_a_silent_response_names_the_issuer(place: Installation, person: Person):
    """§2."""
    await person.code()
    said = answer_of(await person.open(prompt="none"))
    assert "code" in said
    assert said["iss"] == place.issuer


async def test_an_error_response_names_the_issuer(place: Installation, person: Person):
    """§2: error responses too."""
    for wrong in ({"scope": "unknown"}, {"prompt": "none"}, {"code_challenge": ""}):
        said = answer_of(await person.open(**wrong))
        assert "error" in said
        assert said["iss"] == place.issuer


async def test_a_denial_names_the_issuer(place: Installation, person: Person):
    """§2."""
    page = await person.sign_in(await person.open())
    assert answer_of(await person.allow(page, decision="deny"))["iss"] == place.issuer
