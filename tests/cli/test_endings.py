"""Every ending by the command line: it says what will end, asks, and prints the receipt."""

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from tests.cli.conftest import API, EMAIL, LivedIn, access_token

SCRIPT = Path(sys.executable).parent / "counterfoil"
JTI = "J" * 22


def commands(lived_in: LivedIn) -> dict[str, tuple[str, ...]]:
    async def work(tx: Transaction) -> str:
        return (await tx.signing_keys.every(Purpose.TOKENS))[0].kid

    return {
        "token end": ("--jti", JTI),
        "token revoke": ("--jti", JTI),
        "family end": (lived_in.online_id,),
        "session end": (lived_in.session_id,),
        "grant end": (lived_in.grant_id,),
        "grant sign-out": (lived_in.grant_id,),
        "user end": (EMAIL,),
        "user disable": (EMAIL,),
        "client end": (lived_in.client_id,),
        "client disable": (lived_in.client_id,),
        "client rotate-secret": (lived_in.client_id, "--overlap", "0"),
        "api end": (API,),
        "key withdraw": (lived_in.installation.transact(work),),
    }


NAMES = [
    "token end", "token revoke", "family end", "session end", "grant end", "grant sign-out",
    "user end", "user disable", "client end", "client disable", "client rotate-secret", "api end",
    "key withdraw",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_where_nobody_can_be_asked_nothing_ends(lived_in: LivedIn, name: str):
    """A script that forgot --yes is told what would have ended, and does nothing."""
    installation = lived_in.installation
    events = installation.events()
    for stdin in (None, "y\n"):
        refused = installation.refused(*name.split(), *commands(lived_in)[name], stdin=stdin)
        said = refused.partition("Nothing was done")[0]
        assert " end" in said or "signed out" in said
        assert "give --yes" in refused
    assert installation.events() == events


@pytest.mark.parametrize("name", NAMES)
def test_it_says_what_ends_and_gives_the_receipt(lived_in: LivedIn, name: str):
    result = lived_in.installation.run(*name.split(), *commands(lived_in)[name], "--yes")
    assert result.exit_code == 0
    assert result.stderr.count("\n") == 1
    if name != "client rotate-secret":
        notice = result.stdout.splitlines()[-1]
        assert notice.startswith("Notice: ")
        assert int(notice.rpartition(":")[2]) > 0


@pytest.mark.parametrize(
    ("name", "families", "sessions"),
    [
        ("family end", 1, 0),
        ("session end", 1, 1),
        ("grant sign-out", 2, 0),
        ("grant end", 2, 0),
        ("user end", 2, 1),
        ("client end", 2, 0),
        ("api end", 0, 0),
    ],
)
def test_what_ended_is_counted(lived_in: LivedIn, name: str, families: int, sessions: int):
    """S44, S46, S47: and a second time nothing is left, where that can be known."""
    installation, arguments = lived_in.installation, commands(lived_in)[name]
    ended = installation.json(*name.split(), *arguments, "--yes")
    assert ended["ended"] is True
    assert (ended["families_ended"], ended["sessions_ended"]) == (families, sessions)
    if name not in {"client end", "api end"}:
        again = installation.json(*name.split(), *arguments)
        assert again == {
            "families_ended": 0,
            "sessions_ended": 0,
            "remembered_browsers_ended": 0,
            "notice": ended["notice"],
            "ended": False,
            "guards": None,
        }


def at_a_terminal(lived_in: LivedIn, answer: str, *arguments: str) -> tuple[int, str]:
    """Run a command at a real terminal, and answer when it asks."""
    ours, theirs = pty.openpty()
    command = [str(SCRIPT), *arguments, "--data", str(lived_in.installation.data)]
    with subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        while b"[y/N]" not in said:
            assert select.select([ours], [], [], 30)[0], said
            said += os.read(ours, 4096)
        os.write(ours, answer.encode())
        while True:
            try:
                said += os.read(ours, 4096)
            except OSError:  # the terminal has been hung up
                break
    os.close(ours)
    return process.returncode, said.decode()


def test_a_person_at_a_terminal_is_asked(lived_in: LivedIn):
    """It says what will end before it does, and a no leaves all as it was."""
    installation = lived_in.installation
    code, said = at_a_terminal(lived_in, "n\n", "grant", "end", lived_in.grant_id)
    assert code == 1
    assert "Notes app loses its permission, and 2 sessions end, with all their tokens." in said
    assert len(installation.json("grant", "list")["grants"]) == 1
    code, said = at_a_terminal(lived_in, "y\n", "grant", "end", lived_in.grant_id)
    assert code == 0
    assert "Notice: " in said
    assert installation.json("grant", "list") == {"grants": []}


def test_a_strangers_name_cannot_steer_the_terminal(lived_in: LivedIn):
    """The name of an app stands in the sentence."""

    async def work(tx: Transaction) -> None:
        from msgspec.structs import replace

        client = await tx.clients.find(lived_in.client_id)
        assert client is not None
        await tx.clients.update(replace(client, client_name="Notes\x1b[2J\n"))

    lived_in.installation.transact(work)
    result = lived_in.installation.run("grant", "end", lived_in.grant_id, "--yes")
    assert "\x1b" not in result.output
    assert result.stderr.count("\n") == 1


def test_families_of_a_grant_are_listed_to_be_ended(lived_in: LivedIn):
    installation = lived_in.installation
    families = installation.json("family", "list", lived_in.grant_id)["families"]
    assert {each["id"] for each in families} == {lived_in.online_id, lived_in.offline_id}
    online = next(each for each in families if each["id"] == lived_in.online_id)
    assert online == {
        "id": lived_in.online_id,
        "grant_id": lived_in.grant_id,
        "client_id": lived_in.client_id,
        "user_id": lived_in.user_id,
        "session_id": lived_in.session_id,
        "scope": "notes:read offline_access openid",
        "created_at": online["created_at"],
        "last_used_at": online["created_at"],
        "address": "192.0.2.7",
        "user_agent": "Firefox\x1b[31m on Linux",
        "ended_at": None,
        "ended_why": "",
    }
    installation.succeed("family", "end", lived_in.online_id, "--yes")
    (left,) = installation.json("family", "list", lived_in.grant_id)["families"]
    assert (left["id"], left["session_id"]) == (lived_in.offline_id, None)
    assert "offline" in installation.succeed("family", "list", lived_in.grant_id)
    assert "no grant x" in installation.refused("family", "list", "x")


def test_what_is_not_there_cannot_be_ended(lived_in: LivedIn):
    for name in ("family", "session", "grant", "client", "key"):
        verb = "withdraw" if name == "key" else "end"
        refused = lived_in.installation.refused(name, verb, "x", "--yes")
        assert refused == f"counterfoil: there is no {name} x\n"
    assert "no API x" in lived_in.installation.refused("api", "end", "x", "--yes")
    assert "no user x" in lived_in.installation.refused("user", "end", "x", "--yes")


def test_all_tokens_of_an_api_end_and_nobody_is_signed_out(lived_in: LivedIn):
    installation, token = lived_in.installation, access_token(lived_in, JTI)
    installation.succeed("api", "end", API, "--yes")
    assert installation.json("token", "inspect", token)["reason"] == "revoked"
    assert installation.json("grant", "list")["grants"][0]["families"] == 2


def test_a_replaced_secret_takes_every_token_along(lived_in: LivedIn):
    """S38: without an overlap a leak is feared; with one nothing ends."""
    installation, token = lived_in.installation, access_token(lived_in, JTI)
    installation.succeed("client", "rotate-secret", lived_in.client_id)
    assert installation.json("token", "inspect", token)["active"] is True
    installation.succeed("client", "rotate-secret", lived_in.client_id, "--overlap", "0", "--yes")
    assert installation.json("token", "inspect", token)["reason"] == "revoked"
    assert installation.json("grant", "list")["grants"][0]["families"] == 0


def test_what_is_enabled_again_brings_nothing_back(lived_in: LivedIn):
    """S38."""
    installation, token = lived_in.installation, access_token(lived_in, JTI)
    for noun, name in (("user", EMAIL), ("client", lived_in.client_id)):
        installation.succeed(noun, "disable", name, "--yes")
        assert "enabled" in installation.succeed(noun, "enable", name)
        (shown,) = installation.json(noun, "list")[f"{noun}s"]
        assert shown["disabled_at"] is None
        assert f"{noun}_enabled" in {event.kind for event in installation.events()}
    assert installation.json("session", "list") == {"sessions": []}
    assert installation.json("grant", "list")["grants"][0]["families"] == 0
    assert installation.json("token", "inspect", token)["reason"] == "revoked"


def test_a_password_that_is_ended_ends_everything_of_the_person(lived_in: LivedIn):
    """S38: nobody says what the next one is but the person."""
    installation, arguments = lived_in.installation, ("user", "end-password", EMAIL)
    assert "give --yes" in installation.refused(*arguments)
    ended = installation.json(*arguments, "--yes")
    assert (ended["families_ended"], ended["sessions_ended"]) == (2, 1)
    assert "password_ended" in {event.kind for event in installation.events()}
