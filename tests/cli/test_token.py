"""Tokens by the command line: looked into, ended by value, ended by their fingerprint."""

import time

import pytest

from counterfoil.oauth.access_token import AccessToken
from counterfoil.oauth.opaque import Kind, spell
from counterfoil.oauth.revocations import Ended, Notice, notice_from
from counterfoil.server.records.issued_token import IssuedToken
from counterfoil.server.records.store import Transaction
from tests.cli.conftest import API, Installation, LivedIn, access_token

JTI = "AAAAAAAAAAAAAAAAAAAAAA"


def test_a_token_that_stands_is_shown_without_itself(lived_in: LivedIn):
    token = access_token(lived_in, JTI)
    seen = lived_in.installation.json("token", "inspect", token)
    header, claims = seen.pop("header"), seen.pop("claims")
    assert seen == {
        "kind": "access_token",
        "ours": True,
        "active": True,
        "reason": None,
        "sentence": None,
    }
    assert (header["alg"], header["typ"]) == ("ES256", "at+jwt")
    assert (claims["jti"], claims["aud"], claims["sub"]) == (JTI, API, lived_in.user_id)
    printed = lived_in.installation.succeed("token", "inspect", "-", stdin=f"{token}\n")
    assert "stands" in printed
    assert not any(part in printed for part in token.split("."))


def test_one_lost_token_is_ended_without_being_held(lived_in: LivedIn):
    """S48, S45: by its jti, and its sibling stands."""
    lost, sibling = access_token(lived_in, JTI), access_token(lived_in, "B" * 22)
    ended = lived_in.installation.json("token", "end", "--jti", JTI, "--yes")
    assert ended.pop("notice").rpartition(":")[2] == newest_number(lived_in.installation)
    assert ended == {
        "kind": "access_token",
        "jti": JTI,
        "family_id": None,
        "families_ended": 0,
        "sessions_ended": 0,
        "remembered_browsers_ended": 0,
        "ended": True,
        "guards": None,
    }
    seen = lived_in.installation.json("token", "inspect", lost)
    assert (seen["ours"], seen["active"], seen["reason"]) == (True, False, "revoked")
    assert seen["sentence"] == "The access token has been revoked."
    assert lived_in.installation.json("token", "inspect", sibling)["active"] is True


def test_an_access_token_is_ended_by_value(lived_in: LivedIn):
    token = access_token(lived_in, JTI)
    ended = lived_in.installation.json("token", "revoke", "-", "--yes", stdin=token)
    assert (ended["kind"], ended["jti"]) == ("access_token", JTI)
    (notice,) = token_notices(lived_in.installation)
    assert (notice.kind, notice.name) == (Ended.TOKEN, JTI)
    assert notice.until == pytest.approx(time.time() + 3600 + 60, abs=30)
    event = lived_in.installation.newest_event()
    assert (event.kind, event.actor, event.subject) == ("token_ended", "cli", JTI)


def test_an_expired_token_leaves_no_notice(lived_in: LivedIn):
    """S41: what has expired needs no entry."""
    token = access_token(lived_in, JTI, lifetime=-1)
    assert lived_in.installation.json("token", "revoke", token)["ended"] is False
    assert token_notices(lived_in.installation) == []
    seen = lived_in.installation.json("token", "inspect", token)
    assert (seen["ours"], seen["reason"]) == (True, "expired")


def test_a_refresh_token_is_shown_and_ended_with_its_family(lived_in: LivedIn):
    installation, token = lived_in.installation, lived_in.refresh_token
    seen = installation.json("token", "inspect", token)
    assert (seen["kind"], seen["ours"], seen["active"]) == ("refresh_token", True, True)
    claims = seen["claims"]
    assert claims["exp"] - claims["iat"] == 3600
    assert claims["auth_time"] == claims["iat"]
    assert {name: claims[name] for name in ("client_id", "sub", "fam", "generation", "scope")} == {
        "client_id": "notes-app",
        "sub": lived_in.user_id,
        "fam": lived_in.offline_id,
        "generation": 0,
        "scope": "notes:read offline_access openid",
    }
    bearer = access_token(lived_in, JTI, family=lived_in.offline_id)
    ended = installation.json("token", "revoke", token, "--yes")
    assert ended["notice"]
    assert (ended["kind"], ended["jti"]) == ("refresh_token", None)
    assert (ended["family_id"], ended["families_ended"]) == (lived_in.offline_id, 1)
    assert installation.json("token", "inspect", token)["reason"] == "revoked"
    assert installation.json("token", "inspect", bearer)["reason"] == "revoked"
    assert installation.json("grant", "list")["grants"][0]["families"] == 1


def test_a_token_of_another_issuer_is_shown_as_unproved(lived_in: LivedIn, tmp_path):
    stranger = Installation(tmp_path / "other")
    stranger.succeed("client", "add", "Other")
    token = access_token(lived_in, JTI)
    seen = stranger.json("token", "inspect", token)
    assert (seen["ours"], seen["active"], seen["reason"]) == (False, False, "unknown_key")
    assert seen["claims"]["jti"] == JTI
    refused = stranger.refused("token", "revoke", token)
    assert "no access token of ours" in refused
    assert token not in refused
    theirs = stranger.json("token", "inspect", lived_in.refresh_token)
    assert (theirs["ours"], theirs["reason"], theirs["claims"]) == (False, "bad_signature", {})
    assert "no refresh token of ours" in stranger.refused("token", "revoke", lived_in.refresh_token)


def test_a_changed_byte_is_a_bad_signature(lived_in: LivedIn):
    head, body, signature = access_token(lived_in, JTI).split(".")
    changed = ("B" if signature[0] == "A" else "A") + signature[1:]
    seen = lived_in.installation.json("token", "inspect", f"{head}.{body}.{changed}")
    assert (seen["ours"], seen["reason"]) == (False, "bad_signature")


@pytest.mark.parametrize("verb", ["inspect", "revoke"])
def test_another_secret_is_named_for_what_it_is(lived_in: LivedIn, verb: str):
    """S75: a secret of one kind is never taken for another, and never repeated."""
    refused = lived_in.installation.refused("token", verb, lived_in.client_secret)
    assert "this is a client secret, not a token" in refused
    code = spell(Kind.AUTHORIZATION_CODE, bytes(32)).reveal()
    assert "an authorization code" in lived_in.installation.refused("token", verb, code)


@pytest.mark.parametrize("text", ["nonsense", "a.b.c", "é" * 5000, "."])
def test_what_is_no_token_is_refused_in_a_line(lived_in: LivedIn, text: str):
    assert "this is no" in lived_in.installation.refused("token", "inspect", text)
    assert "this is no" in lived_in.installation.refused("token", "revoke", text)
    assert "no token in the input" in lived_in.installation.refused(
        "token", "inspect", "-", stdin=" \n"
    )


def test_a_whole_token_is_no_jti(lived_in: LivedIn):
    """A token that is pasted after --jti must not end up in a notice that everyone reads."""
    token = access_token(lived_in, JTI)
    result = lived_in.installation.run("token", "revoke", "--jti", token)
    assert result.exit_code == 2
    assert token not in result.output
    assert token_notices(lived_in.installation) == []


@pytest.mark.parametrize("arguments", [[], ["-", "--jti", JTI]])
def test_one_way_of_naming_the_token_is_demanded(lived_in: LivedIn, arguments: list[str]):
    assert lived_in.installation.run("token", "revoke", *arguments, stdin="x").exit_code == 2


def token_notices(installation: Installation) -> list[Notice]:
    async def work(tx: Transaction) -> list[Notice]:
        return [notice_from(text) for text in await tx.notices.live()]

    return [notice for notice in installation.transact(work) if notice.kind is Ended.TOKEN]


def newest_number(installation: Installation) -> str:
    async def work(tx: Transaction) -> str:
        return str((await tx.notices.head())[0].number)

    return installation.transact(work)


def reference_token(lived_in: LivedIn) -> str:
    """A token that says nothing, as the server would have issued it."""
    secret = spell(Kind.ACCESS_TOKEN, bytes(range(32)))
    now = int(time.time())

    async def work(tx: Transaction) -> None:
        claims = AccessToken(
            iss="http://127.0.0.1:8000",
            sub=lived_in.user_id,
            aud=API,
            exp=now + 600,
            iat=now,
            client_id="app",
            jti=JTI,
        )
        row = IssuedToken(
            digest=secret.fingerprint(),
            marks=claims.marks(""),
            expires_at=claims.exp,
            kept_until=claims.exp,
            claims=claims,
        )
        await tx.issued_tokens.add(row)

    lived_in.installation.transact(work)
    return secret.reveal()


def test_a_reference_token_is_looked_into_by_its_record(lived_in: LivedIn):
    """S64: it says nothing itself."""
    token = reference_token(lived_in)
    seen = lived_in.installation.json("token", "inspect", token)
    assert (seen["kind"], seen["ours"], seen["active"]) == ("access_token", True, True)
    assert seen["header"] == {}
    assert (seen["claims"]["jti"], seen["claims"]["sub"]) == (JTI, lived_in.user_id)
    assert token[5:-9] not in lived_in.installation.succeed("token", "inspect", token)


def test_a_reference_token_is_ended_by_value(lived_in: LivedIn):
    token = reference_token(lived_in)
    ended = lived_in.installation.json("token", "revoke", token, "--yes")
    assert (ended["kind"], ended["jti"]) == ("access_token", JTI)
    seen = lived_in.installation.json("token", "inspect", token)
    assert (seen["ours"], seen["active"], seen["reason"]) == (True, False, "revoked")


def test_a_reference_token_that_nobody_issued_is_none_of_ours(lived_in: LivedIn):
    token = spell(Kind.ACCESS_TOKEN, bytes(32)).reveal()
    seen = lived_in.installation.json("token", "inspect", token)
    assert (seen["ours"], seen["reason"], seen["claims"]) == (False, "not_registered", {})
    assert "no access token of ours" in lived_in.installation.refused("token", "revoke", token)


def test_a_refresh_token_that_would_be_refused_is_not_called_good(lived_in: LivedIn):
    """What it rests on has gone: refresh, introspection and this command say the same."""
    installation, token = lived_in.installation, lived_in.refresh_token
    assert installation.json("token", "inspect", token)["active"]
    (before,) = installation.transact(lambda tx: tx.users.every())
    installation.transact(lambda tx: tx.users.disable(before.id, int(time.time())))
    seen = installation.json("token", "inspect", token)
    assert (seen["active"], seen["reason"]) == (False, "revoked")
    assert "may no longer sign in" in seen["sentence"]
