"""Headers of pages, and CORS."""

import pytest
from starlette.responses import Response

from counterfoil.server.web.headers import form_target_of, open_to_scripts, preflight, protect_page


def policy_of(target: str = "") -> dict[str, str]:
    response = Response()
    protect_page(response, target)
    directives = response.headers["content-security-policy"].split("; ")
    return dict(directive.partition(" ")[::2] for directive in directives)


def test_a_page_may_load_nothing_but_our_styles_and_images():
    """S103: no script at all, nobody frames us, forms lead to us alone."""
    assert policy_of() == {
        "default-src": "'none'",
        "style-src": "'self'",
        "img-src": "'self' data:",
        "form-action": "'self'",
        "frame-ancestors": "'none'",
        "base-uri": "'none'",
    }


def test_a_page_may_run_the_one_script_that_it_names():
    """S103: no other file of ours, and none of anybody else's; separators end no directive."""
    response = Response()
    protect_page(response, None, "https://id.example/a;b,c/static/passkeys.js")
    policy = response.headers["content-security-policy"]
    assert "; script-src https://id.example/a%3Bb%2Cc/static/passkeys.js; " in policy
    assert "'unsafe" not in policy


def test_a_form_may_lead_back_to_the_app():
    """Browsers apply form-action to the redirect after a form, too."""
    assert policy_of("https://app.example")["form-action"] == "'self' https://app.example"


def test_a_page_keeps_the_headers_that_it_has():
    response = Response(headers={"cache-control": "private"})
    protect_page(response)
    assert response.headers.getlist("cache-control") == ["private"]
    assert response.headers["x-frame-options"] == "DENY"
    assert response.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    ("uri", "source"),
    [
        ("https://app.example/cb?x=1", "https://app.example"),
        ("http://127.0.0.1:5000/cb", "http://127.0.0.1:5000"),
        ("http://[::1]:5000/cb", "http:"),
        ("com.example.app:/cb", "com.example.app:"),
    ],
)
def test_the_source_of_a_redirect_uri(uri: str, source: str):
    """CSP Level 3 §2.3.1: host source or scheme source, without a path."""
    assert form_target_of(uri) == source


def test_a_preflight_allows_the_route_and_no_credentials():
    """S97: answered apart; S96: any origin, no cookies."""
    headers = preflight(("POST",)).headers
    assert headers["access-control-allow-origin"] == "*"
    assert headers["access-control-allow-methods"] == "POST"
    assert "access-control-allow-credentials" not in headers


def test_answers_are_open_to_scripts_with_their_challenge():
    """S96, S109: a script may read why it was refused."""
    response = Response()
    open_to_scripts(response)
    assert response.headers["access-control-allow-origin"] == "*"
    assert (
        response.headers["access-control-expose-headers"]
        == "WWW-Authenticate, DPoP-Nonce, X-Request-Id, Counterfoil-Notice"
    )
