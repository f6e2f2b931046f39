"""``--wait``: a command tells how it stands with the guards, and so does its exit code."""

import http.client
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from counterfoil.cli.receipts import NOT_REACHED, tell_guards
from counterfoil.guard import Credentials, Guard, Issuer
from counterfoil.jose.jwt import unverified_claims
from counterfoil.oauth.feed import Position
from counterfoil.oauth.receipts import INTRODUCTION
from counterfoil.server.documents.receipts import document_of
from counterfoil.server.protocol.waiting import Acknowledged
from tests.cli.conftest import API, EMAIL, LivedIn
from tests.cli.test_serve import Serving, serving
from tests.flows.serving import START


@pytest.fixture
def guard_client(lived_in: LivedIn) -> Credentials:
    """A client for the guard of the notes API."""
    added = lived_in.installation.json("client", "add", "Guard", "--client-id", "notes-guard")
    return Credentials(added["client_id"], added["client_secret"])


@contextmanager
def silent_guard(server: Serving) -> Iterator[http.client.HTTPResponse]:
    """A guard that follows, and says nothing more: its machine has stopped."""
    signed = server.get("/notices/snapshot").partition(b"\n")[0]
    at = unverified_claims(signed.decode())
    cursor = f"{at['epoch']}:{at['number']}"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=10)
    introduction = 'introspect;tolerance=90;name="0123456789abcdef"'
    headers = {INTRODUCTION: introduction, "last-event-id": cursor}
    connection.request("GET", "/notices", headers=headers)
    answer = connection.getresponse()
    assert answer.readline() == b"event: welcome\n"
    try:
        yield answer
    finally:
        answer.close()
        connection.close()


def is_connected(guard: Guard) -> bool:
    """Wait until the line stands: a head comes after the snapshot."""
    assert guard.wait_until_fresh(10)
    notices = next(iter(guard._states.values())).notices
    before = notices.fresh_at
    return guard._follower.wait_until(lambda: notices.fresh_at > before, 10)


def test_every_connected_guard_is_waited_for(lived_in: LivedIn, guard_client: Credentials):
    installation = lived_in.installation
    with serving(installation) as server:
        trusted = Issuer(server.issuer, credentials=guard_client)
        with (
            Guard(issuers=[trusted], audience=API) as guard,
            Guard(server.issuer, audience=API) as two,
        ):
            for each in (guard, two):
                assert is_connected(each)
            ended = installation.json("session", "end", lived_in.session_id, "--yes", "--wait")
            assert ended["guards"] == {
                "reached": True,
                "known": 1,
                "anonymous": 1,
                "others": 0,
                "behind": [],
                "lost": [],
                "not_named": 0,
                "carried": False,
            }
            told = installation.succeed("user", "end", EMAIL, "--yes", "--wait", "30")
            assert "Guards: all 2 have acknowledged it." in told


def test_one_that_does_not_answer_is_named_and_the_command_says_so(lived_in: LivedIn):
    """Nothing is undone by that: what was to end has ended."""
    installation = lived_in.installation
    with serving(installation) as server, silent_guard(server):
        ending = ("grant", "end", lived_in.grant_id, "--yes", "--wait", "1")
        result = installation.run(*ending, "--json")
        assert result.exit_code == NOT_REACHED
        ended = json.loads(result.stdout)
        assert ended["ended"] is True
        (late,) = ended["guards"]["behind"]
        assert ended["guards"]["reached"] is False
        assert (late["client_id"], late["address"]) == (None, "127.0.0.1")
        assert (late["acknowledged"], late["then"]) == (None, "introspect")
        told = installation.run(*ending)
        assert told.exit_code == NOT_REACHED
        assert "Guards: 1 of 1 may still decide by what they knew." in told.stdout
        assert "(anonymous)" in told.stdout


def test_where_no_guard_is_connected_nobody_is_waited_for(lived_in: LivedIn):
    told = lived_in.installation.succeed("user", "end", EMAIL, "--yes", "--wait")
    assert "No guard is connected." in told


def test_where_it_cannot_be_found_out_it_is_not_reached(capsys: pytest.CaptureFixture[str]):
    tell_guards(document_of(Acknowledged(reached=False), Position("e", 1)))
    assert capsys.readouterr().out == "Guards: it is not known how it stands with them.\n"


def test_guards_of_a_carrier_are_said_not_to_be_counted(capsys: pytest.CaptureFixture[str]):
    """Whatever is said of the others."""
    said = "Guards that follow by NATS are not counted: nobody can wait for them.\n"
    for standing, others in (
        (
            Acknowledged(reached=True, known=3, carried=True),
            "Guards: all 3 have acknowledged it.\n",
        ),
        (Acknowledged(reached=True, carried=True), "No guard is connected.\n"),
    ):
        tell_guards(document_of(standing, Position("e", 1)))
        assert capsys.readouterr().out == others + said


def test_ctrl_c_ends_the_waiting_and_what_was_done_is_told(lived_in: LivedIn):
    """Else a secret that was replaced would be lost."""
    installation = lived_in.installation
    command = [sys.executable, "-c", START, "client", "rotate-secret", "notes-guard", "--overlap"]
    command += ["0", "--yes", "--json", "--data", str(installation.data), "--wait", "60"]
    installation.json("client", "add", "Guard", "--client-id", "notes-guard")
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with (
        serving(installation) as server,
        silent_guard(server) as answer,
        subprocess.Popen(command, text=True, **pipes) as child,
    ):
        while answer.readline() != b"event: acknowledge\n":
            pass
        child.send_signal(signal.SIGINT)
        stdout, _ = child.communicate(timeout=30)
    document = json.loads(stdout)
    assert document["client_secret"]
    assert document["guards"]["reached"] is False
    assert child.returncode == NOT_REACHED


@pytest.mark.parametrize("seconds", ["61", "soon", "1.5"])
def test_a_wait_has_bounds(lived_in: LivedIn, seconds: str):
    result = lived_in.installation.run("user", "end", EMAIL, "--yes", "--wait", seconds)
    assert result.exit_code == 2
    assert "--wait" in result.stderr
