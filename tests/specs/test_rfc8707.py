"""RFC 8707: a token names the one API that it is for."""

from collections.abc import Sequence

import httpx2
import pytest

from counterfoil.jose.jwt import unverified_claims
from tests.installation import CALLBACK, MAIL, NOTES, Installation, Person, answer_of

pytestmark = pytest.mark.anyio

FILES = "https://files.example"


@pytest.fixture(scope="module", autouse=True)
async def apis(place: Installation) -> None:
    await place.add_api(MAIL, "Mail", {"mail:read": "Read your mail", "shared": "Both know it"})
    await place.add_api(FILES, "Files", {"files:read": "Read your files", "shared": "It too"})
    scopes = frozenset({"notes:read", "mail:read", "files:read", "shared", "openid"})
    await place.add_client("worker", scopes=scopes - {"openid"})
    await place.add_client(
        "suite",
        grant_types=("authorization_code", "refresh_token"),
        redirect_uris=(CALLBACK,),
        scopes=scopes,
    )


async def ask(
    place: Installation, scope: str = "", resource: Sequence[str] = ()
) -> httpx2.Response:
    form = {"grant_type": "client_credentials", "resource": list(resource)}
    return await place.post("/token", "worker", **form, **({"scope": scope} if scope else {}))


def claims_in(answer: httpx2.Response) -> dict[str, object]:
    assert answer.status_code == 200, answer.text
    return dict(unverified_claims(answer.json()["access_token"]))


async def test_the_named_api_is_the_audience(place: Installation):
    """§2.2: the audience is restricted to the resource; one string, never a list."""
    claims = claims_in(await ask(place, "mail:read", [MAIL]))
    assert claims["aud"] == MAIL
    assert claims["scope"] == "mail:read"


async def test_a_named_api_gets_its_own_scopes_only(place: Installation):
    """§2: without scope, all that the client may have there."""
    assert claims_in(await ask(place, "", [MAIL]))["scope"] == "mail:read shared"


async def test_without_a_resource_the_api_that_owns_the_scopes_is_meant(place: Installation):
    """§2: the server may choose a default."""
    assert claims_in(await ask(place, "files:read"))["aud"] == FILES


@pytest.mark.parametrize("scope", ["shared", "notes:read mail:read"])
async def test_an_ambiguous_scope_needs_a_resource(place: Installation, scope: str):
    """§2: invalid_target, and a sentence that tells the way out."""
    answer = await ask(place, scope)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_target")
    assert "resource" in answer.json()["error_description"]


async def test_a_shared_scope_belongs_to_the_api_that_is_named(place: Installation):
    """§2."""
    assert claims_in(await ask(place, "shared", [FILES]))["aud"] == FILES


@pytest.mark.parametrize(
    "resource",
    ["https://unknown.example", "notes", "/notes", NOTES + "#fragment", NOTES + "/", "http://["],
)
async def test_what_names_no_api_is_refused(place: Installation, resource: str):
    """§2: an absolute URI without fragment, of an API that is known; else invalid_target."""
    answer = await ask(place, "notes:read", [resource])
    assert answer.json()["error"] == "invalid_target"


async def test_one_token_is_for_one_api(place: Installation):
    """§2.2, §3: several resources in one token request are refused."""
    answer = await ask(place, "notes:read mail:read", [NOTES, MAIL])
    assert answer.json()["error"] == "invalid_target"


async def test_the_same_resource_twice_is_one(place: Installation):
    """§2: the parameter may be repeated."""
    assert claims_in(await ask(place, "notes:read", [NOTES, NOTES]))["aud"] == NOTES


async def test_a_scope_of_another_api_is_refused(place: Installation):
    """§2: invalid_scope."""
    assert (await ask(place, "mail:read", [NOTES])).json()["error"] == "invalid_scope"


async def allowed(person: Person) -> str:
    """Allow the suite at two APIs; gives the code."""
    url = person.authorization_url("suite", scope="openid notes:read mail:read")
    url = str(httpx2.URL(url).copy_merge_params({"resource": [NOTES, MAIL]}))
    page = await person.sign_in(await person.follow(await person.browser.get(url)))
    return answer_of(await person.allow(page))["code"]


async def test_several_apis_are_asked_for_and_each_gets_its_own_token(
    place: Installation, person: Person
):
    """§2.1, §2.2: resource repeated at the authorization endpoint, one for each token."""
    code = await allowed(person)
    first = await person.exchange(code, "suite", resource=MAIL)
    claims = claims_in(first)
    assert claims["aud"] == MAIL
    assert claims["scope"] == "mail:read openid"
    second = await place.post(
        "/token",
        "suite",
        grant_type="refresh_token",
        refresh_token=first.json()["refresh_token"],
        resource=NOTES,
    )
    claims = claims_in(second)
    assert claims["aud"] == NOTES
    assert claims["scope"] == "notes:read openid"


async def test_which_of_several_apis_must_be_said(place: Installation, person: Person):
    """§2.2: the code is not used up by the mistake."""
    code = await allowed(person)
    assert (await person.exchange(code, "suite")).json()["error"] == "invalid_target"
    assert (await person.exchange(code, "suite", resource=NOTES)).status_code == 200


async def test_an_api_that_was_not_granted_is_refused(place: Installation, person: Person):
    """§2.2: equal to or a subset of what was authorized."""
    code = await allowed(person)
    answer = await person.exchange(code, "suite", resource=FILES)
    assert answer.json()["error"] == "invalid_target"


async def test_an_unknown_resource_goes_back_to_the_client(person: Person):
    """§2.1: invalid_target in the redirect."""
    said = answer_of(await person.open("suite", resource="https://unknown.example"))
    assert said["error"] == "invalid_target"


async def test_without_any_api_the_token_is_for_userinfo(place: Installation, person: Person):
    """§2.2: openid alone opens this server's own endpoint."""
    tokens = await person.tokens("suite", scope="openid")
    assert unverified_claims(tokens["access_token"])["aud"] == place.issuer
