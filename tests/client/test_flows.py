"""The flows, request by request, without any network."""

from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import pytest

from counterfoil.client.authorization import SignIn
from counterfoil.client.errors import NotTrusted, Refused
from counterfoil.client.flows import Flows
from counterfoil.client.registration import Registration
from counterfoil.client.tokens import Tokens
from counterfoil.net.http import BadAnswer, Unreachable
from tests.client.conversation import (
    ISSUER,
    NOW,
    OUTSIDE,
    REGISTRATION,
    Issuer,
    answer,
    id_token,
)


def flows(registration: Registration = REGISTRATION) -> Flows:
    return Flows(registration, OUTSIDE)


def response(**members: Any) -> Any:
    return answer({"access_token": "a1", "token_type": "Bearer", "expires_in": 60} | members)


def begun(issuer: Issuer, of: Flows, scope: str = "openid notes:read", **further: str) -> SignIn:
    return issuer.run(of.begin(scope, further))


def callback(sign_in: SignIn) -> str:
    return urlencode({"code": "c0de", "state": sign_in.attempt.state, "iss": ISSUER})


def test_a_sign_in_from_begin_to_tokens():
    """OAuth 2.1 §4.1, OpenID Connect Core §3.1."""
    issuer, client = Issuer(), flows()
    sign_in = begun(issuer, client)
    token = id_token(nonce=sign_in.attempt.nonce)
    issuer.answers["/token"] = response(id_token=token, refresh_token="r1", scope="openid")
    tokens = issuer.run(client.complete(sign_in.attempt, callback(sign_in)))
    assert tokens.identity is not None
    assert tokens.identity.subject == "ada"
    assert tokens.scopes == {"openid"}
    asked = next(each for each in issuer.asked if each.url == f"{ISSUER}/token")
    assert asked.form == {
        "grant_type": "authorization_code",
        "code": "c0de",
        "redirect_uri": "https://app.example/callback",
        "code_verifier": sign_in.attempt.code_verifier,
    }
    assert asked.authorization.startswith("Basic ")
    assert "c0de" not in repr(asked)


def test_without_openid_there_is_nobody():
    issuer, client = Issuer(token=response()), flows()
    sign_in = begun(issuer, client, "notes:read")
    tokens = issuer.run(client.complete(sign_in.attempt, callback(sign_in)))
    assert tokens.identity is None
    assert tokens.scopes == {"notes:read"}


def test_an_id_token_that_was_asked_for_must_come():
    issuer, client = Issuer(token=response()), flows()
    sign_in = begun(issuer, client)
    with pytest.raises(NotTrusted, match="no ID token"):
        issuer.run(client.complete(sign_in.attempt, callback(sign_in)))


def test_the_id_token_of_another_sign_in_is_refused():
    issuer, client = Issuer(token=response(id_token=id_token(nonce="other"))), flows()
    sign_in = begun(issuer, client)
    with pytest.raises(NotTrusted, match="nonce"):
        issuer.run(client.complete(sign_in.attempt, callback(sign_in)))


def test_an_old_sign_in_is_refused_where_a_new_one_was_asked_for():
    issuer, client = Issuer(), flows()
    sign_in = begun(issuer, client, max_age="60")
    token = id_token(nonce=sign_in.attempt.nonce, auth_time=NOW - 3600)
    issuer.answers["/token"] = response(id_token=token)
    with pytest.raises(NotTrusted, match="too long ago"):
        issuer.run(client.complete(sign_in.attempt, callback(sign_in)))


def held(**members: Any) -> Tokens:
    return Tokens(access_token="a0", refresh_token="r0", scopes=frozenset({"a"}), **members)


def test_a_refresh_keeps_what_the_answer_leaves_out():
    """RFC 6749 §6: neither a new refresh token nor the scope need be said."""
    issuer = Issuer(token=response())
    fresh = issuer.run(flows().refresh(held(id_token="i0"), None))
    assert (fresh.access_token, fresh.refresh_token, fresh.id_token) == ("a1", "r0", "i0")
    assert fresh.scopes == {"a"}
    assert issuer.form == {"grant_type": "refresh_token", "refresh_token": "r0"}


def test_a_refresh_takes_the_new_refresh_token_and_names_its_api():
    issuer = Issuer(token=response(refresh_token="r1"))
    fresh = issuer.run(flows().refresh(held(), "https://notes.example"))
    assert fresh.refresh_token == "r1"
    assert issuer.form["resource"] == "https://notes.example"


def test_a_refresh_whose_answer_is_lost_is_asked_for_once_more():
    """S19: safe, for the server gives the same successor; a third time nobody is asked."""
    issuer = Issuer(token=response(refresh_token="r1"))
    issuer.lost = 1
    assert issuer.run(flows().refresh(held(), None)).refresh_token == "r1"
    forms = [each.form for each in issuer.asked if each.form]
    assert forms == [{"grant_type": "refresh_token", "refresh_token": "r0"}] * 2
    issuer.lost = 2
    with pytest.raises(Unreachable):
        issuer.run(flows().refresh(held(), None))
    assert issuer.lost == 0


def test_a_sign_in_for_several_apis_names_the_one_that_its_token_is_for():
    """RFC 8707 §2.2."""
    issuer, client = Issuer(token=response()), flows()
    sign_in = begun(issuer, client, "notes:read")
    attempt = msgspec.structs.replace(sign_in.attempt, resource="https://notes.example")
    issuer.run(client.complete(attempt, callback(sign_in)))
    assert issuer.form["resource"] == "https://notes.example"


def test_a_code_whose_answer_is_lost_is_not_shown_again():
    """RFC 6749 §4.1.2: that would end what came of it."""
    issuer, client = Issuer(token=response()), flows()
    sign_in = begun(issuer, client)
    issuer.lost = 1
    with pytest.raises(Unreachable):
        issuer.run(client.complete(sign_in.attempt, callback(sign_in)))
    assert len([each for each in issuer.asked if each.form]) == 1


def test_a_refresh_never_turns_one_person_into_another():
    """OpenID Connect Core §12.2."""
    issuer, client = Issuer(), flows()
    sign_in = begun(issuer, client)
    token = id_token(nonce=sign_in.attempt.nonce)
    issuer.answers["/token"] = response(id_token=token, refresh_token="r1")
    tokens = issuer.run(client.complete(sign_in.attempt, callback(sign_in)))
    issuer.answers["/token"] = response(id_token=id_token(name="Ada"))
    fresh = issuer.run(client.refresh(tokens, None))
    assert fresh.identity is not None
    assert fresh.identity.name == "Ada"
    issuer.answers["/token"] = response(id_token=id_token(sub="eve"))
    with pytest.raises(NotTrusted, match="another person"):
        issuer.run(client.refresh(tokens, None))


def test_without_a_refresh_token_nobody_is_asked():
    issuer = Issuer()
    with pytest.raises(Refused, match="no refresh token"):
        issuer.run(flows().refresh(Tokens(access_token="a"), None))
    assert issuer.asked == []


def test_a_service_asks_for_itself():
    """RFC 6749 §4.4."""
    issuer = Issuer(token=response(scope="notes:read"))
    tokens = issuer.run(flows().client_credentials("notes:read", "https://notes.example"))
    assert tokens.access_token == "a1"
    assert issuer.form == {
        "grant_type": "client_credentials",
        "scope": "notes:read",
        "resource": "https://notes.example",
    }


def test_a_public_client_says_its_name_and_nothing_else():
    issuer = Issuer(revoke=answer({}))
    public = Registration(issuer=ISSUER, client_id="spa")
    issuer.run(flows(public).revoke("r0"))
    assert issuer.form == {"token": "r0", "client_id": "spa"}
    assert issuer.asked[-1].authorization == ""


def test_a_no_of_the_server_is_told():
    refused = {"error": "invalid_grant", "error_description": "It has ended."}
    issuer = Issuer(token=answer(refused, 400), revoke=answer(refused, 400))
    for exchange in (flows().refresh(held(), None), flows().revoke("r0")):
        with pytest.raises(Refused) as no:
            issuer.run(exchange)
        assert (no.value.error, no.value.description) == ("invalid_grant", "It has ended.")


@pytest.mark.parametrize(
    "broken", [answer({}, 500), answer({"error": 1}, 400), answer("x", 502, "text/html")]
)
def test_an_answer_that_is_none_is_named(broken: Any):
    with pytest.raises(BadAnswer, match=r"https://id\.example/token answered"):
        Issuer(token=broken).run(flows().client_credentials("", None))


def test_the_url_to_sign_out():
    """OpenID Connect RP-Initiated Logout §2."""
    issuer = Issuer()
    url = issuer.run(flows().logout_url(held(id_token="i0"), "st"))
    assert url.startswith(f"{ISSUER}/logout?")
    assert parse_qs(urlsplit(url).query) == {
        "client_id": ["app"],
        "id_token_hint": ["i0"],
        "post_logout_redirect_uri": ["https://app.example/bye"],
        "state": ["st"],
    }
    bare = Registration(issuer=ISSUER, client_id="app")
    assert issuer.run(flows(bare).logout_url(None, "st")) == f"{ISSUER}/logout?client_id=app"
