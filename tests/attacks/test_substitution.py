"""One kind of secret or token in the place of another (S75, RFC 8725 §3.11, RFC 9068 §5)."""

from typing import Any

import httpx2
import pytest

from tests.installation import Installation, Person, hidden_fields, token_request

pytestmark = pytest.mark.anyio

KINDS = (
    "access_token",
    "id_token",
    "refresh_token",
    "code",
    "client_secret",
    "csrf",
    "flow",
    "session",
    "browser",
    "head",
    "snapshot",
    "jti",
    "kid",
    "client_id",
    "user_id",
)


@pytest.fixture(scope="module")
async def held(site: Installation) -> dict[str, str]:
    """One of each kind, all of them living."""
    async with site.browser() as browser:
        person = Person(site, browser)
        page = await person.open(prompt="consent")
        flow = hidden_fields(page.text)["flow"]
        tokens = await person.tokens()
        cookies = {each.name: str(each.value) for each in browser.cookies.jar}
        account = await browser.get("/account/apps")
        await site.authority.hub._sign_head(site.clock)
        assert site.user is not None
        return {
            **{name: str(value) for name, value in tokens.items()},
            "code": await person.code(),
            "client_secret": site.secrets["app"],
            "csrf": hidden_fields(account.text)["csrf"],
            "flow": flow,
            "session": cookies["counterfoil_session"],
            "browser": cookies["counterfoil_browser"],
            "head": site.authority.hub.head.data.split(b"data: ")[1].strip().decode(),
            "snapshot": (await browser.get("/notices/snapshot")).text.partition("\n")[0],
            "jti": _claim(tokens["access_token"], "jti"),
            "kid": (await browser.get("/jwks.json")).json()["keys"][0]["kid"],
            "client_id": "app",
            "user_id": site.user.id,
        }


def _claim(token: str, name: str) -> str:
    from counterfoil.jose.jwt import unverified_claims

    return str(unverified_claims(token)[name])


def others(*kinds: str) -> list[str]:
    return [kind for kind in KINDS if kind not in kinds]


@pytest.mark.parametrize("kind", others("access_token", "refresh_token"))
async def test_introspection_knows_no_other_kind(
    site: Installation, held: dict[str, str], kind: str
) -> None:
    """S75: an ID token, a code or a signed head is not active, whatever the hint says."""
    for hint in ("access_token", "refresh_token", "id_token", "nonsense"):
        answer = await site.post("/introspect", "app", token=held[kind], token_type_hint=hint)
        assert answer.json() == {"active": False}


@pytest.mark.parametrize("kind", others("access_token"))
async def test_userinfo_opens_for_access_tokens_alone(
    site: Installation, held: dict[str, str], kind: str
) -> None:
    """S75, S95: neither ID tokens nor heads signed by the same server are bearer tokens."""
    async with site.browser() as browser:
        headers = {"authorization": f"Bearer {held[kind]}"}
        answer = await browser.get("/userinfo", headers=headers)
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize("kind", others("refresh_token"))
async def test_only_a_refresh_token_refreshes(
    site: Installation, held: dict[str, str], kind: str
) -> None:
    """S75: an access token cannot be turned into more."""
    form = {"grant_type": "refresh_token", "refresh_token": held[kind]}
    answer = await token_request(site, "app", **form)
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("kind", others("code"))
async def test_only_a_code_is_exchanged(
    site: Installation, held: dict[str, str], kind: str
) -> None:
    """S75."""
    form = {"grant_type": "authorization_code", "code": held[kind], "code_verifier": "v" * 43}
    answer = await token_request(site, "app", **form)
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.parametrize("kind", others("client_secret"))
async def test_only_its_secret_authenticates_a_client(
    site: Installation, held: dict[str, str], kind: str
) -> None:
    """S75: not even a token that was issued to it."""
    form = {"grant_type": "client_credentials", "client_id": "app", "client_secret": held[kind]}
    async with site.browser() as browser:
        answer = await browser.post("/token", data=form)
    assert answer.status_code == 401


@pytest.mark.parametrize("kind", others("session"))
async def test_only_its_cookie_is_a_session(
    site: Installation, held: dict[str, str], kind: str
) -> None:
    """S75."""
    async with site.browser(cookies={"counterfoil_session": held[kind]}) as browser:
        assert (await browser.get("/account/apps")).status_code == 303


@pytest.mark.parametrize("kind", others("id_token"))
async def test_logout_takes_id_tokens_alone(
    site: Installation, held: dict[str, str], kind: str
) -> None:
    """S75: an API that was given an access token cannot sign its user out with it."""
    async with site.browser(cookies={"counterfoil_session": held["session"]}) as browser:
        answer = await browser.get("/logout", params={"id_token_hint": held[kind]})
        assert answer.status_code == 400
        assert "id_token_hint" in answer.text
        assert (await browser.get("/account/apps")).status_code == 200


@pytest.mark.parametrize("kind", others("access_token", "refresh_token"))
async def test_revoking_what_is_no_token_ends_nothing(
    site: Installation, held: dict[str, str], kind: str
) -> None:
    """S75: RFC 7009 §2.2: an unknown token is no error, and nothing happens."""
    before = site.authority.hub.position
    assert (await site.post("/revoke", "app", token=held[kind])).status_code == 200
    assert site.authority.hub.position == before


async def test_what_is_held_is_good_for_its_own_place(
    site: Installation, held: dict[str, str]
) -> None:
    """The counter-proof for all of the above."""
    answers: list[httpx2.Response | Any] = []
    async with site.browser(cookies={"counterfoil_session": held["session"]}) as browser:
        headers = {"authorization": f"Bearer {held['access_token']}"}
        answers += [
            await browser.get("/userinfo", headers=headers),
            await browser.get("/account/apps"),
            await site.post("/introspect", "app", token=held["refresh_token"]),
            await site.post(
                "/token", "app", grant_type="refresh_token", refresh_token=held["refresh_token"]
            ),
        ]
        assert [answer.status_code for answer in answers] == [200] * 4
        answer = await browser.get("/logout", params={"id_token_hint": held["id_token"]})
        assert answer.headers["location"] == "/signed-out"
