"""RFC 6749 where OAuth 2.1 keeps it: the token endpoint and its errors, section by section."""

import base64
from typing import Any

import httpx2
import pytest

from tests.installation import NOTES, Installation, Person, answer_of, token_request

pytestmark = pytest.mark.anyio


async def post_raw(place: Installation, body: str, **headers: str) -> httpx2.Response:
    headers = {"content-type": "application/x-www-form-urlencoded"} | {
        name.replace("_", "-"): value for name, value in headers.items()
    }
    async with place.browser() as anyone:
        return await anyone.post("/token", content=body, headers=headers)


def basic(client_id: str, secret: str) -> str:
    return "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()


def assert_error(answer: httpx2.Response, error: str, status: int = 400, names: str = "") -> None:
    """RFC 6749 §5.2: JSON with error and error_description, which nobody may cache.

    S109: and the name under which the log knows it, with a reason where the sentence says one.
    """
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    said = answer.json()
    assert said["error"] == error, said
    assert said["error_description"].endswith(".")
    assert names in said["error_description"]
    assert said.keys() - {"error_reason"} == {"error", "error_description", "request_id"}
    assert answer.headers["x-request-id"] == said["request_id"]


async def test_a_client_authenticates_with_http_basic(place: Installation):
    """§2.3.1: client_secret_basic must be supported."""
    body = "grant_type=client_credentials&scope=notes:read"
    header = basic("service", place.secrets["service"])
    assert (await post_raw(place, body, authorization=header)).status_code == 200


async def test_basic_credentials_are_form_encoded_first(place: Installation):
    """§2.3.1, appendix B: %5F stands for an underscore."""
    secret = place.secrets["service"].replace("_", "%5F")
    answer = await post_raw(
        place, "grant_type=client_credentials", authorization=basic("%73ervice", secret)
    )
    assert answer.status_code == 200


async def test_the_scheme_is_compared_without_case(place: Installation):
    """§2.3.1, RFC 9110 §11.1."""
    header = basic("service", place.secrets["service"]).replace("Basic", "bAsIc")
    answer = await post_raw(place, "grant_type=client_credentials", authorization=header)
    assert answer.status_code == 200


async def test_a_client_authenticates_in_the_body(place: Installation):
    """§2.3.1: client_secret_post."""
    async with place.browser() as anyone:
        form = {
            "grant_type": "client_credentials",
            "client_id": "service",
            "client_secret": place.secrets["service"],
        }
        assert (await anyone.post("/token", data=form)).status_code == 200


async def test_credentials_in_the_url_are_not_read(place: Installation):
    """§2.3.1: they must not stand in the request URI."""
    async with place.browser() as anyone:
        query = {"client_id": "service", "client_secret": place.secrets["service"]}
        form = {"grant_type": "client_credentials"}
        answer = await anyone.post("/token", params=query, data=form)
    assert_error(answer, "invalid_client", 401)


async def test_two_ways_of_authentication_at_once_are_refused(place: Installation):
    """§2.3: a client must not use more than one method."""
    secret = place.secrets["service"]
    body = f"grant_type=client_credentials&client_id=service&client_secret={secret}"
    answer = await post_raw(place, body, authorization=basic("service", secret))
    assert_error(answer, "invalid_request")


async def test_another_client_id_in_the_body_is_refused(place: Installation):
    """§3.2.1, §5.2: the request is malformed."""
    header = basic("service", place.secrets["service"])
    body = "grant_type=client_credentials&client_id=app"
    assert_error(
        await post_raw(place, body, authorization=header), "invalid_request", names="client_id"
    )


@pytest.mark.parametrize("method", ["basic", "post"])
@pytest.mark.parametrize("client_id", ["service", "nobody"])
async def test_failed_authentication_is_401_whoever_it_was(
    place: Installation, method: str, client_id: str
):
    """§5.2 invalid_client: 401; the challenge matches the scheme that the client used."""
    if method == "basic":
        header = basic(client_id, "wrong")
        answer = await post_raw(place, "grant_type=client_credentials", authorization=header)
        assert answer.headers["www-authenticate"].startswith("Basic realm=")
    else:
        body = f"grant_type=client_credentials&client_id={client_id}&client_secret=wrong"
        answer = await post_raw(place, body)
        assert "www-authenticate" not in answer.headers
    assert_error(answer, "invalid_client", 401)
    assert client_id not in answer.text


async def test_an_unnamed_client_is_refused(place: Installation):
    """§3.2.1, §5.2."""
    assert_error(await post_raw(place, "grant_type=client_credentials"), "invalid_client", 401)


async def test_a_bearer_token_does_not_authenticate_a_client(place: Installation):
    """§2.3: only the registered methods."""
    answer = await post_raw(
        place, "grant_type=client_credentials&client_id=service", authorization="Bearer x"
    )
    assert_error(answer, "invalid_client", 401)
    assert answer.headers["www-authenticate"].startswith("Basic ")


async def test_only_post_is_answered(place: Installation):
    """§3.2: the client must use POST."""
    async with place.browser() as anyone:
        for method in ("GET", "HEAD", "PUT", "DELETE"):
            answer = await anyone.request(method, "/token")
            assert answer.status_code == 405
            assert set(answer.headers["allow"].split(", ")) == {"POST", "OPTIONS"}


async def test_a_parameter_without_a_value_is_as_if_omitted(place: Installation):
    """§3.2."""
    assert (
        await place.post("/token", "service", grant_type="client_credentials", scope="")
    ).status_code == 200
    assert_error(
        await place.post("/token", "service", grant_type=""), "invalid_request", names="grant_type"
    )


async def test_an_unknown_parameter_is_ignored(place: Installation):
    """§3.2."""
    answer = await place.post("/token", "service", grant_type="client_credentials", colour="blue")
    assert answer.status_code == 200


async def test_a_repeated_parameter_is_refused_by_its_name(place: Installation):
    """§3.2, §5.2 invalid_request: parameters must not be included more than once."""
    header = basic("service", place.secrets["service"])
    body = "grant_type=client_credentials&scope=notes:read&scope=notes:write"
    answer = await post_raw(place, body, authorization=header)
    assert_error(answer, "invalid_request", names="scope")


@pytest.mark.parametrize(
    "content_type", ["application/json", "text/plain", "multipart/form-data; boundary=x"]
)
async def test_another_encoding_of_the_body_is_refused(place: Installation, content_type: str):
    """§4.4.2, appendix B: application/x-www-form-urlencoded in UTF-8."""
    answer = await post_raw(
        place,
        '{"grant_type":"client_credentials"}',
        content_type=content_type,
        authorization=basic("service", place.secrets["service"]),
    )
    assert_error(answer, "invalid_request", names="application/x-www-form-urlencoded")


async def test_a_charset_beside_the_content_type_is_no_matter(place: Installation):
    """Appendix B: UTF-8 is the encoding whether it is said or not."""
    answer = await post_raw(
        place,
        "grant_type=client_credentials",
        content_type="application/x-www-form-urlencoded; charset=UTF-8",
        authorization=basic("service", place.secrets["service"]),
    )
    assert answer.status_code == 200


async def test_a_successful_answer_has_all_that_it_must(place: Installation):
    """§5.1, §3.3: token_type, expires_in, scope; never cached."""
    answer = await place.post("/token", "service", grant_type="client_credentials")
    said = answer.json()
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["cache-control"] == "no-store"
    assert said["token_type"] == "Bearer"
    assert said["expires_in"] == place.authority.settings.access_token_lifetime
    assert said["scope"] == "notes:read notes:write"
    assert set(said) == {"access_token", "token_type", "expires_in", "scope"}


async def test_no_refresh_token_comes_with_client_credentials(place: Installation):
    """§4.4.3: it should not be included."""
    answer = await place.post("/token", "service", grant_type="client_credentials")
    assert "refresh_token" not in answer.json()


async def test_the_scope_is_narrowed_to_what_was_asked(place: Installation):
    """§3.3."""
    answer = await place.post(
        "/token", "service", grant_type="client_credentials", scope="notes:read"
    )
    assert answer.json()["scope"] == "notes:read"


@pytest.mark.parametrize("scope", ["notes:delete", "notes:read nothing", "openid", 'a"b', "é"])
async def test_a_scope_beyond_the_clients_is_refused(place: Installation, scope: str):
    """§5.2 invalid_scope: unknown, malformed, or more than may be had."""
    answer = await place.post("/token", "service", grant_type="client_credentials", scope=scope)
    assert_error(answer, "invalid_scope")


@pytest.mark.parametrize("grant_type", ["password", "implicit", "urn:x", "CLIENT_CREDENTIALS"])
async def test_an_unknown_grant_type_is_refused(place: Installation, grant_type: str):
    """§5.2 unsupported_grant_type; OAuth 2.1 §10.1: no password grant."""
    answer = await place.post(
        "/token", "service", grant_type=grant_type, username="a", password="b"
    )
    assert_error(answer, "unsupported_grant_type")


@pytest.mark.parametrize(
    ("client_id", "form"),
    [
        ("app", {"grant_type": "client_credentials"}),
        ("service", {"grant_type": "refresh_token", "refresh_token": "x"}),
        ("service", {"grant_type": "authorization_code", "code": "x", "code_verifier": "v" * 43}),
    ],
)
async def test_a_grant_type_that_the_client_may_not_use_is_refused(
    place: Installation, client_id: str, form: dict[str, str]
):
    """§5.2 unauthorized_client."""
    answer = await place.post("/token", client_id, **form)
    assert_error(answer, "unauthorized_client", names=form["grant_type"])


async def test_an_unknown_code_is_an_invalid_grant(place: Installation):
    """§5.2 invalid_grant."""
    answer = await place.post(
        "/token", "app", grant_type="authorization_code", code="x", code_verifier="v" * 43
    )
    assert_error(answer, "invalid_grant")


@pytest.mark.parametrize("missing", ["code", "code_verifier"])
async def test_a_missing_parameter_is_named(place: Installation, missing: str):
    """§4.1.3, §5.2 invalid_request."""
    form = {"grant_type": "authorization_code", "code": "x", "code_verifier": "v" * 43}
    del form[missing]
    assert_error(await place.post("/token", "app", **form), "invalid_request", names=missing)


async def test_a_code_is_good_once(place: Installation, person: Person):
    """§4.1.2: the client must not use it more than once."""
    code = await person.code()
    assert (await person.exchange(code)).status_code == 200
    assert_error(await person.exchange(code), "invalid_grant")


async def test_a_code_expires_shortly_after_it_was_issued(place: Installation, person: Person):
    """§4.1.2: ten minutes are the most that is recommended; here it is less."""
    code = await person.code()
    assert place.authority.settings.code_lifetime <= 600
    place.clock.turn(place.authority.settings.code_lifetime)
    assert_error(await person.exchange(code), "invalid_grant")


async def test_a_code_is_bound_to_its_client(place: Installation, person: Person):
    """§4.1.3: issued to the authenticated client; another cannot even burn it."""
    code = await person.code()
    assert_error(await person.exchange(code, "spa"), "invalid_grant")
    assert (await person.exchange(code)).status_code == 200


async def test_a_code_is_bound_to_its_redirect_uri(place: Installation, person: Person):
    """§4.1.3: where it is sent it must be identical."""
    code = await person.code()
    wrong = await person.exchange(code, redirect_uri="https://app.example/other")
    assert_error(wrong, "invalid_grant", names="redirect_uri")
    assert (await person.exchange(code)).status_code == 200


async def test_a_public_client_only_names_itself(place: Installation, person: Person):
    """§3.2.1: a client that cannot keep a secret sends its client_id."""
    assert (await person.tokens("spa"))["token_type"] == "Bearer"


async def test_a_confidential_client_cannot_pass_for_a_public_one(
    place: Installation, person: Person
):
    """§3.2.1: confidential clients must authenticate."""
    code = await person.code()
    async with place.browser() as anyone:
        form = {
            "grant_type": "authorization_code",
            "client_id": "app",
            "code": code,
            "code_verifier": person.verifier,
        }
        assert_error(await anyone.post("/token", data=form), "invalid_client", 401)
    assert (await person.exchange(code)).status_code == 200


async def test_state_comes_back_as_it_was_sent(place: Installation, person: Person):
    """§4.1.2: the exact value."""
    state = "a b&c=d%20é+<>\"'"
    page = await person.sign_in(await person.open(state=state))
    back = await person.allow(page)
    assert answer_of(back)["state"] == state


async def test_no_state_comes_back_where_none_was_sent(place: Installation, person: Person):
    """§4.1.2: required only if it was in the request."""
    page = await person.sign_in(await person.open(state=""))
    assert "state" not in answer_of(await person.allow(page))


ERRORS: list[tuple[dict[str, Any], str]] = [
    ({"response_type": ""}, "invalid_request"),
    ({"response_type": "token"}, "unsupported_response_type"),
    ({"response_type": "code token"}, "unsupported_response_type"),
    ({"scope": "notes:delete"}, "invalid_scope"),
    ({"scope": ""}, "invalid_scope"),
    ({"response_mode": "fragment"}, "invalid_request"),
]


@pytest.mark.parametrize(("wrong", "error"), ERRORS)
async def test_an_error_goes_back_to_the_client(person: Person, wrong: dict[str, Any], error: str):
    """§4.1.2.1: error, error_description and state in the query of the redirect URI."""
    back = await person.open(**wrong)
    assert back.status_code == 303
    assert back.headers["location"].startswith("https://app.example/callback?")
    said = answer_of(back)
    assert said["error"] == error
    assert said["state"] == "st4te"
    assert said["error_description"].endswith(".")


async def test_a_denial_goes_back_to_the_client(person: Person):
    """§4.1.2.1: access_denied."""
    page = await person.sign_in(await person.open())
    assert answer_of(await person.allow(page, decision="deny"))["error"] == "access_denied"


@pytest.mark.parametrize(
    "wrong",
    [
        {"client_id": "nobody"},
        {"client_id": ""},
        {"redirect_uri": "https://evil.example/callback"},
        {"redirect_uri": "not a uri"},
    ],
)
async def test_who_cannot_be_trusted_is_never_redirected_to(person: Person, wrong: dict[str, Any]):
    """§4.1.2.1, §3.1.2.4: the resource owner is told, and the browser stays here."""
    page = await person.open(**({"client_id": "app"} | wrong))
    assert page.status_code == 400
    assert "location" not in page.headers
    assert page.headers["content-type"].startswith("text/html")
    assert next(iter(wrong)) in page.text


async def test_the_only_redirect_uri_need_not_be_named(person: Person):
    """§3.1.2.3: it may be left out where just one is registered."""
    code = answer_of(await person.allow(await person.sign_in(await person.open(redirect_uri=""))))
    assert (await person.exchange(code["code"])).status_code == 200


async def test_a_query_in_the_redirect_uri_is_kept(place: Installation, person: Person):
    """§3.1.2: it must be retained when parameters are added."""
    await place.add_client(
        "queried",
        grant_types=("authorization_code",),
        redirect_uris=("https://app.example/cb?tenant=7",),
        scopes=frozenset({"openid"}),
    )
    page = await person.sign_in(
        await person.open("queried", redirect_uri="https://app.example/cb?tenant=7", scope="openid")
    )
    back = await person.allow(page)
    assert back.headers["location"].startswith("https://app.example/cb?tenant=7&code=")


async def test_refresh_may_narrow_the_scope_and_not_widen_it(place: Installation, person: Person):
    """§6: the scope must not include any that was not granted."""
    tokens = await person.tokens(scope="openid notes:read notes:write")
    narrowed = await token_request(
        place,
        "app",
        grant_type="refresh_token",
        refresh_token=tokens["refresh_token"],
        scope="notes:read",
    )
    assert narrowed.json()["scope"] == "notes:read"
    refresh_token = narrowed.json()["refresh_token"]
    widened = await token_request(
        place, "app", grant_type="refresh_token", refresh_token=refresh_token, scope="email"
    )
    assert_error(widened, "invalid_scope")
    whole = await token_request(
        place, "app", grant_type="refresh_token", refresh_token=refresh_token
    )
    assert whole.json()["scope"] == "notes:read notes:write openid"


async def test_a_refresh_token_is_bound_to_its_client(place: Installation, person: Person):
    """§6, §10.4."""
    tokens = await person.tokens()
    shown = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert_error(await token_request(place, "spa", **shown), "invalid_grant")
    assert (await token_request(place, "app", **shown)).status_code == 200


async def test_a_client_without_the_refresh_grant_gets_no_refresh_token(
    place: Installation, person: Person
):
    """§5.1: refresh_token is optional."""
    await place.add_client(
        "once",
        grant_types=("authorization_code",),
        redirect_uris=("https://app.example/callback",),
        scopes=frozenset({"notes:read"}),
    )
    tokens = await person.tokens("once", scope="notes:read", resource=NOTES)
    assert "refresh_token" not in tokens
