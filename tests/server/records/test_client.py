"""A client's rules: its redirect URIs, its secrets, its grant types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.access import Access
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.records.client import Client, ClientSecret, demand_redirect_uri


def client(*redirect_uris: str, **members: object) -> Client:
    given = {"grant_types": ("authorization_code",), "scopes": frozenset()} | members
    return Client(
        client_id="app", client_name="App", created_at=1, redirect_uris=redirect_uris, **given
    )


@given(st.text(max_size=60))
def test_only_what_was_registered_is_redirected_to(uri: str):
    """OAuth 2.1 §2.3.1: exact comparison."""
    assert not client("https://app.example/callback").allows_redirect_to(uri)


@given(st.integers(1, 65535))
def test_any_port_of_a_loopback_address_will_do(port: int):
    """RFC 8252 §7.3."""
    app = client("http://127.0.0.1/cb", "http://[::1]:1/cb?a=b")
    assert app.allows_redirect_to(f"http://127.0.0.1:{port}/cb")
    assert app.allows_redirect_to(f"http://[::1]:{port}/cb?a=b")
    assert not app.allows_redirect_to(f"http://[::1]:{port}/cb")
    assert not app.allows_redirect_to(f"https://127.0.0.1:{port}/cb")
    assert not app.allows_redirect_to(f"http://localhost:{port}/cb")


@pytest.mark.parametrize(
    "given",
    [
        "http://127.0.0.1:0x50/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:80@evil.example/cb",
        "http://evil@127.0.0.1:80/cb",
        "http://127.0.0.1:80/cb#x",
        "http://127.0.0.1:80//cb",
        "http://127.0.0.1:80\\@evil.example/cb",
        "HTTP://127.0.0.1:80/cb",
        "http://127.0.0.1.:80/cb",
        "http://127.1:80/cb",
        "http://[::ffff:127.0.0.1]:80/cb",
        " http://127.0.0.1:80/cb",
        "http://127.0.0.1:80/cb\n",
    ],
)
def test_nothing_but_the_port_may_differ(given: str):
    """RFC 8252 §7.3, §8.3: parsers disagree, so the spelling must be the plain one."""
    assert not client("http://127.0.0.1/cb").allows_redirect_to(given)


def test_a_localhost_name_has_no_open_port():
    """RFC 8252 §8.3: localhost may resolve to elsewhere."""
    app = client("http://localhost:3000/cb")
    assert app.allows_redirect_to("http://localhost:3000/cb")
    assert not app.allows_redirect_to("http://localhost:3001/cb")


@pytest.mark.parametrize(
    "uri",
    [
        "https://app.example/callback",
        "https://app.example:8443/cb?tenant=1",
        "http://127.0.0.1/cb",
        "http://127.0.0.1:3000/cb",
        "http://[::1]/cb",
        "com.example.app:/callback",
    ],
)
def test_safe_redirect_uris_can_be_registered(uri: str):
    """OAuth 2.1 §2.3, RFC 8252 §7."""
    demand_redirect_uri(uri, development=False)


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "/callback",
        "app.example/callback",
        "http://app.example/callback",
        "http://127.0.0.1.evil.example/cb",
        "http://localhost/cb",
        "https://app.example/cb#fragment",
        "https://app.example/cb#",
        "https://user@app.example/cb",
        "https://*.app.example/cb",
        "https://app.example/*",
        "https://app.example\\@evil.example/",
        "https:///callback",
        "https://a.example;sandbox/cb",
        "https://a.example,default-src/cb",
        "https://[::1",
        "https://app.example:port/cb",
        "https://app.example/a b",
        "https://äpp.example/cb",
        "https://app.example/\n",
        "javascript:alert(1)",
        "data:text/html,x",
        "myapp:/callback",
        "com.example.app://callback",
        "file:///etc/passwd",
    ],
)
def test_unsafe_redirect_uris_cannot(uri: str):
    """OAuth 2.1 §2.3, RFC 8252 §7.1, §8.4: absolute, no fragment, https or the native forms."""
    with pytest.raises(OAuthError) as refused:
        demand_redirect_uri(uri, development=False)
    assert refused.value.error == "invalid_request"


def test_localhost_is_for_development():
    demand_redirect_uri("http://localhost:3000/cb", development=True)
    with pytest.raises(OAuthError):
        demand_redirect_uri("http://app.example/cb", development=True)


def test_a_grant_type_must_be_registered():
    """RFC 6749 §5.2: unauthorized_client."""
    app = client("https://app.example/cb")
    app.demand_grant_type("authorization_code")
    with pytest.raises(OAuthError) as refused:
        app.demand_grant_type("client_credentials")
    assert refused.value.error == "unauthorized_client"


def test_how_a_client_authenticates_has_the_name_of_rfc_7591():
    """RFC 7591 §2."""
    assert client().token_endpoint_auth_method == "client_secret_basic"
    assert client(public=True).token_endpoint_auth_method == "none"


def test_a_secret_lives_until_it_expires():
    secret = ClientSecret("s", "app", b"", 100)
    assert secret.is_live(10**10)
    secret = ClientSecret("s", "app", b"", 100, expires_at=200)
    assert secret.is_live(199)
    assert not secret.is_live(200)


def test_a_disabled_client_is_not_enabled():
    assert client().is_enabled
    assert not client(disabled_at=5).is_enabled


def test_a_guards_client_is_of_the_apis_where_it_has_scopes():
    """S43, S106: with none, it is of all of them."""
    notes, mail = "https://notes.example", "https://mail.example"
    of_notes = client(access=Access({notes: frozenset({"notes:read"})}))
    assert (of_notes.guards(notes), of_notes.guards(mail)) == (True, False)
    assert client().guards(mail)
