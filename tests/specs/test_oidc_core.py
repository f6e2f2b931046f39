"""OpenID Connect Core 1.0: the code flow, its ID token, its prompts, userinfo."""

import jwt as pyjwt
import pytest

from counterfoil.jose.jwt import unverified_claims, unverified_header
from tests.installation import Installation, Person, answer_of, token_request

pytestmark = pytest.mark.anyio


async def id_token_claims(place: Installation, tokens: dict[str, str]) -> dict[str, object]:
    """The claims, after somebody else's library has verified the signature."""
    async with place.browser() as anyone:
        keys = pyjwt.PyJWKSet.from_dict((await anyone.get("/jwks.json")).json())
    token = tokens["id_token"]
    key = keys[str(unverified_header(token)["kid"])]
    ours = {"verify_exp": False, "verify_iat": False}  # our clock stands elsewhere
    return dict(
        pyjwt.decode(token, key, algorithms=[key.algorithm_name], audience="app", options=ours)
    )


async def userinfo(place: Installation, token: str) -> dict[str, object]:
    async with place.browser() as anyone:
        answer = await anyone.get("/userinfo", headers={"authorization": f"Bearer {token}"})
    assert answer.status_code == 200
    return dict(answer.json())


async def test_the_id_token_says_who_signed_in_when_and_for_whom(
    place: Installation, person: Person
):
    """§2, §3.1.3.6."""
    claims = await id_token_claims(place, await person.tokens())
    now = int(place.clock())
    sid = claims.pop("sid")
    assert sid
    assert claims == {
        "iss": place.issuer,
        "sub": person.user_id,
        "aud": "app",
        "exp": now + place.authority.settings.id_token_lifetime,
        "iat": now,
        "auth_time": now,
        "acr": "sfa",
        "nonce": "n0nce",
        "amr": ["pwd"],
    }


async def test_an_id_token_comes_for_openid_alone(place: Installation, person: Person):
    """§3.1.2.1: without the scope openid it is plain OAuth."""
    assert "id_token" not in await person.tokens(scope="notes:read")


async def test_a_service_gets_no_id_token(place: Installation):
    """§3.1.3.3: nobody signed in."""
    answer = await place.post("/token", "service", grant_type="client_credentials")
    assert "id_token" not in answer.json()


async def test_the_nonce_comes_back_unmodified(place: Installation, person: Person):
    """§3.1.2.1, §3.1.3.7."""
    tokens = await person.tokens(nonce="a b/é?&=+")
    assert unverified_claims(tokens["id_token"])["nonce"] == "a b/é?&=+"


async def test_no_nonce_comes_where_none_was_sent(place: Installation, person: Person):
    """§2."""
    assert "nonce" not in unverified_claims((await person.tokens(nonce=""))["id_token"])


async def test_sub_is_the_same_for_ever_and_nothing_personal(
    place: Installation, person: Person, visitor: Person
):
    """§2, §5.7, §8: stable over sessions and clients (public), and never the e-mail."""
    tokens = [
        await person.tokens(),
        await visitor.tokens(),
        await visitor.tokens("spa"),
    ]
    subjects = {unverified_claims(each["id_token"])["sub"] for each in tokens}
    assert subjects == {person.user_id}
    assert "@" not in person.user_id


async def test_claims_follow_the_scopes(place: Installation, person: Person):
    """§5.4: profile and email open theirs; openid alone only sub."""
    whole = await person.tokens(scope="openid profile email")
    assert await userinfo(place, whole["access_token"]) == {
        "sub": person.user_id,
        "name": "Grace",
        "email": person.email,
        "email_verified": False,
    }
    bare = await person.tokens(scope="openid")
    assert await userinfo(place, bare["access_token"]) == {"sub": person.user_id}
    email = await person.tokens(scope="openid email")
    assert (await userinfo(place, email["access_token"])).keys() == {
        "sub",
        "email",
        "email_verified",
    }


async def test_userinfo_is_answered_to_get_and_post(place: Installation, person: Person):
    """§5.3: both must be supported; §5.3.2: JSON; sub equals that of the ID token."""
    tokens = await person.tokens()
    headers = {"authorization": f"Bearer {tokens['access_token']}"}
    async with place.browser() as anyone:
        got = await anyone.get("/userinfo", headers=headers)
        posted = await anyone.post("/userinfo", headers=headers)
    assert got.headers["content-type"] == "application/json"
    assert got.json() == posted.json()
    assert got.json()["sub"] == unverified_claims(tokens["id_token"])["sub"]


async def test_userinfo_needs_the_scope_openid(place: Installation, person: Person):
    """§5.3.1: an access token obtained by OpenID Connect."""
    tokens = await person.tokens(scope="notes:read")
    async with place.browser() as anyone:
        header = {"authorization": f"Bearer {tokens['access_token']}"}
        assert (await anyone.get("/userinfo", headers=header)).status_code == 403


async def test_prompt_none_shows_nothing(place: Installation, person: Person):
    """§3.1.2.1, §3.1.2.6: login_required before sign-in, consent_required before consent."""
    said = answer_of(await person.open(prompt="none"))
    assert (said["error"], said["state"]) == ("login_required", "st4te")
    page = await person.sign_in(await person.open())
    said = answer_of(await person.open(prompt="none"))
    assert said["error"] == "consent_required"
    await person.allow(page)
    assert "code" in answer_of(await person.open(prompt="none"))


async def test_prompt_none_with_another_value_is_an_error(person: Person):
    """§3.1.2.1."""
    said = answer_of(await person.open(prompt="none login"))
    assert said["error"] == "invalid_request"


async def test_an_unknown_prompt_is_an_error(person: Person):
    """§3.1.2.1: only values that the metadata names."""
    assert answer_of(await person.open(prompt="magic"))["error"] == "invalid_request"


@pytest.mark.parametrize("prompt", ["login", "select_account", "login consent"])
async def test_prompt_login_asks_for_the_password_again(
    place: Installation, person: Person, prompt: str
):
    """§3.1.2.1: reauthentication, even of somebody signed in; auth_time is new."""
    await person.code()
    place.clock.turn(5)
    page = await person.open(prompt=prompt)
    assert 'name="password"' in page.text
    place.clock.turn(5)
    after = await person.sign_in(page)
    back = await person.allow(after) if after.status_code == 200 else after
    tokens = (await person.exchange(answer_of(back)["code"])).json()
    assert unverified_claims(tokens["id_token"])["auth_time"] == int(place.clock())


async def test_prompt_login_counts_no_sign_in_of_the_same_second(person: Person):
    """§3.1.2.1: a session that came with the request is not a new one, however young."""
    await person.code()
    page = await person.open(prompt="login")
    assert 'name="password"' in page.text
    assert "code" in answer_of(await person.sign_in(page))


async def test_going_back_does_not_get_around_prompt_login(place: Installation, person: Person):
    """§3.1.2.1: only a sign-in after the request counts."""
    await person.code()
    place.clock.turn(5)
    start = await person.browser.get(person.authorization_url(prompt="login"))
    flow = start.headers["location"].partition("?")[2]
    again = await person.browser.get(f"/authorize/continue?{flow}")
    assert again.headers["location"].startswith("/sign-in?")
    consent = await person.browser.get(f"/consent?{flow}")
    assert consent.headers["location"].startswith("/authorize/continue?")


async def test_prompt_consent_asks_again(person: Person):
    """§3.1.2.1: before anything is returned to the client."""
    await person.code()
    page = await person.open(prompt="consent")
    assert page.status_code == 200
    assert "permission" in page.text
    assert "code" in answer_of(await person.allow(page))


async def test_a_consent_once_given_is_not_asked_for_again(person: Person):
    """§3.1.2.4: it was obtained before; but more than before is asked for."""
    await person.code()
    assert "code" in answer_of(await person.open())
    page = await person.open(scope="openid notes:read notes:write")
    assert page.status_code == 200
    assert "Already allowed" in page.text


async def test_max_age_asks_those_who_signed_in_longer_ago(place: Installation, person: Person):
    """§3.1.2.1: max_age."""
    await person.code()
    place.clock.turn(100)
    assert "code" in answer_of(await person.open(max_age="100"))
    place.clock.turn(1)
    page = await person.open(max_age="100")
    assert 'name="password"' in page.text
    back = await person.sign_in(page)
    tokens = (await person.exchange(answer_of(back)["code"])).json()
    assert unverified_claims(tokens["id_token"])["auth_time"] == int(place.clock())


async def test_max_age_with_prompt_none_is_an_error(place: Installation, person: Person):
    """§3.1.2.6: login_required."""
    await person.code()
    place.clock.turn(101)
    said = answer_of(await person.open(max_age="100", prompt="none"))
    assert said["error"] == "login_required"


async def test_whoever_reads_the_consent_slowly_is_not_asked_in_circles(
    place: Installation, person: Person
):
    """§3.1.2.1: max_age is about sign-ins before the request; one made for it is enough."""
    page = await person.sign_in(await person.open(max_age="1"))
    place.clock.turn(60)
    assert "code" in answer_of(await person.allow(page))


@pytest.mark.parametrize("max_age", ["-1", "1.5", "x", "1e3", "9999999999", "\u0661"])
async def test_max_age_must_be_a_number_of_seconds(person: Person, max_age: str):
    """§3.1.2.6: invalid_request."""
    said = answer_of(await person.open(max_age=max_age))
    assert said["error"] == "invalid_request"
    assert "max_age" in said["error_description"]


async def test_the_id_token_hint_is_for_one_person_only(place: Installation, person: Person):
    """§3.1.2.1: nobody else is answered for; with prompt=none it is login_required."""
    hint = (await person.tokens())["id_token"]
    back = await person.open(id_token_hint=hint, prompt="none")
    assert "code" in answer_of(back)
    await place.add_user("another@example.com")
    async with place.browser() as browser:
        another = Person(place, browser, "another@example.com")
        await another.tokens()
        back = await another.open(id_token_hint=hint, prompt="none")
        assert answer_of(back)["error"] == "login_required"
        page = await another.open(id_token_hint=hint)
        assert 'name="password"' in page.text
        back = await another.sign_in(page)
        assert answer_of(back)["error"] == "login_required", "somebody else signed in"
        page = await another.open(id_token_hint=hint)
        assert "code" in answer_of(await another.sign_in(page, person.email))


async def test_an_id_token_hint_of_another_app_is_an_error(place: Installation, person: Person):
    """§3.1.2.1; it is sent back to the app."""
    hint = (await person.tokens())["id_token"]
    for client_id, sent in (("spa", hint), ("app", hint + "x"), ("app", "x")):
        back = await person.open(client_id, id_token_hint=sent)
        assert answer_of(back)["error"] == "invalid_request"


async def test_the_login_hint_stands_in_the_form(person: Person):
    """§3.1.2.1: a hint about whom to sign in."""
    page = await person.open(login_hint="grace@example.com")
    assert 'value="grace@example.com"' in page.text


@pytest.mark.parametrize(
    ("parameter", "error"),
    [
        ("request", "request_not_supported"),
        ("request_uri", "request_uri_not_supported"),
        ("registration", "registration_not_supported"),
    ],
)
async def test_what_is_not_supported_says_so(person: Person, parameter: str, error: str):
    """§3.1.2.6, §6, §7.2.1."""
    assert answer_of(await person.open(**{parameter: "https://x.example"}))["error"] == error


async def test_unknown_parameters_are_ignored(person: Person):
    """§3.1.2.1: extensions must not break the request."""
    code = await person.code(ui_locales="de", display="page", acr_values="x", claims_locales="de")
    assert (await person.exchange(code)).status_code == 200


async def test_a_refresh_brings_an_id_token_of_the_same_sign_in(
    place: Installation, person: Person
):
    """§12.2: iss, sub, aud and auth_time are the same; iat is new; no nonce."""
    tokens = await person.tokens()
    before = await id_token_claims(place, tokens)
    place.clock.turn(300)
    answer = await token_request(
        place, "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    after = await id_token_claims(place, answer.json())
    for name in ("iss", "sub", "aud", "auth_time", "sid"):
        assert after[name] == before[name]
    assert after["iat"] == before["iat"] + 300
    assert "nonce" not in after


async def sign_out(person: Person) -> None:
    page = await person.browser.get("/account/apps")
    csrf = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    answer = await person.browser.post("/account/sign-out", data={"csrf": csrf})
    assert answer.headers["location"] == "/signed-out"


async def test_online_access_ends_with_the_session(place: Installation, person: Person):
    """§11: without offline_access the person must be there; S39: a stolen copy is refused."""
    tokens = await person.tokens()
    await sign_out(person)
    said = (await place.post("/introspect", "app", token=tokens["access_token"])).json()
    assert said == {"active": False}
    answer = await token_request(
        place, "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert answer.json()["error"] == "invalid_grant"


async def test_offline_access_survives_the_sign_out(place: Installation, person: Person):
    """§11: access while the person is not present; S08."""
    tokens = await person.tokens(scope="openid notes:read offline_access")
    await sign_out(person)
    answer = await token_request(
        place, "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert answer.status_code == 200
    said = (await place.post("/introspect", "app", token=answer.json()["access_token"])).json()
    assert said["active"] is True


async def test_offline_access_needs_the_persons_consent(place: Installation, person: Person):
    """§11: it is a permission of its own, and may be left unticked; S10."""
    page = await person.sign_in(await person.open(scope="openid notes:read offline_access"))
    assert "Go on while you are away" in page.text
    back = await person.allow(page, permissions=["openid", "https://notes.example notes:read"])
    tokens = (await person.exchange(answer_of(back)["code"])).json()
    assert tokens["scope"] == "notes:read openid"
    await sign_out(person)
    answer = await token_request(
        place, "app", grant_type="refresh_token", refresh_token=tokens["refresh_token"]
    )
    assert answer.json()["error"] == "invalid_grant"


async def test_the_authorization_endpoint_is_answered_to_get_and_post(person: Person):
    """§3.1.2.1: both must be supported; HEAD is GET without a body."""
    url = person.authorization_url()
    assert (await person.browser.get(url)).status_code == 303
    assert (await person.browser.head(url)).status_code == 303
    form = url.partition("?")[2]
    headers = {"content-type": "application/x-www-form-urlencoded"}
    posted = await person.browser.post("/authorize", content=form, headers=headers)
    assert posted.status_code == 303
