"""What an API says of itself, request by request (RFC 9728); who lies stands among the attacks."""

import pytest
from msgspec.structs import replace

from counterfoil.client.errors import NotTrusted
from counterfoil.client.protected_resource import ProtectedResource, learned
from counterfoil.net.exchange import Answer
from counterfoil.net.http import BadAnswer
from tests.client.conversation import ISSUER, Issuer, answer

API = "https://api.example/v1"
PLACE = "https://api.example/.well-known/oauth-protected-resource/v1"
SAID: dict[str, object] = {
    "resource": API,
    "authorization_servers": [ISSUER],
    "scopes_supported": ["notes:read"],
    "resource_name": "Notes",
}


def refusal(challenge: str, status: int = 401) -> Answer:
    return replace(answer({}, status), url=f"{API}/notes", www_authenticate=challenge)


def learn(document: object, url: str = f"{API}/notes", place: str = PLACE) -> ProtectedResource:
    issuer = Issuer()
    issuer.answers[place] = answer(document)
    challenge = f'Bearer resource_metadata="{place}", scope="notes:write"'
    found = issuer.run(learned(url, refusal(challenge)))
    assert found is not None
    return found


def test_a_refusal_points_to_what_the_api_says_of_itself():
    """§5.1, §2: members that are not known are passed over."""
    assert learn(SAID) == ProtectedResource(
        resource=API,
        authorization_servers=(ISSUER,),
        scopes_supported=("notes:read",),
        scope="notes:write",
    )


@pytest.mark.parametrize(
    "said", [refusal("Bearer"), refusal(""), refusal(f'Bearer resource_metadata="{PLACE}"', 403)]
)
def test_an_api_that_says_nothing_is_asked_nothing(said: Answer):
    issuer = Issuer()
    assert issuer.run(learned(f"{API}/notes", said)) is None
    assert issuer.asked == []


def test_it_speaks_for_the_place_that_was_called():
    """§3.3."""
    for resource in ("https://api.example", API, f"{API}/notes"):
        assert learn(SAID | {"resource": resource}).resource == resource
    for resource in ("https://api.example/v2", f"{API}/notes/7", "https://other.example/v1"):
        with pytest.raises(NotTrusted, match="speaks for"):
            learn(SAID | {"resource": resource})


def test_metadata_of_another_origin_is_not_fetched():
    with pytest.raises(NotTrusted, match="another origin"):
        learn(SAID, place="https://other.example/.well-known/oauth-protected-resource")


@pytest.mark.parametrize(
    "document", [{}, [], SAID | {"resource": 1}, SAID | {"authorization_servers": ["http://x.y"]}]
)
def test_metadata_that_is_none_is_refused(document: object):
    with pytest.raises(BadAnswer):
        learn(document)


def test_metadata_that_is_not_there_is_said():
    issuer = Issuer()
    with pytest.raises(BadAnswer, match="answered 404"):
        issuer.run(learned(f"{API}/notes", refusal(f'Bearer resource_metadata="{PLACE}"')))
