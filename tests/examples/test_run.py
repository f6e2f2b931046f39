"""``make run``: one page, four commands that work as printed, and an end without remains."""

import json
import os
import signal
import socket
import stat
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.architecture.sources import ROOT
from tests.examples.demonstration import Demonstration, demonstration, start
from tests.ports import free_port

pytestmark = pytest.mark.skipif(os.name != "posix", reason="it is run by a POSIX shell")


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demonstration]:
    with demonstration(tmp_path_factory.mktemp("run") / "data") as it:
        yield it


def test_the_four_commands_work_as_printed(running: Demonstration):
    """S109: pasted one after the other into one shell, the last call is refused, and why."""
    answers = pasted(running.commands)
    assert answers[0] == ""
    assert json.loads(answers[1])["notes"] == [
        "Welcome! The notes API keeps this note in memory, for you alone."
    ]
    assert "ended" in answers[2].lower() or "revoked" in answers[2].lower()
    refused = json.loads(answers[3])
    assert refused["error"] == "invalid_token"
    assert refused["error_reason"] == "revoked"
    assert refused["error_description"] == "The access token has been revoked."


def test_the_passwords_are_shown_at_the_first_start_alone(tmp_path: Path):
    with demonstration(tmp_path / "data") as first:
        assert set(first.passwords) == {"ada@example.com", "admin@example.com"}
        assert all(len(password) >= 14 for password in first.passwords.values())
        old = first.commands[0]
    with demonstration(tmp_path / "data") as second:
        assert second.passwords == {}
        assert not any(password in second.printed for password in first.passwords.values())
        fresh = second.commands[0]
        assert secret_in(fresh) != secret_in(old)
        assert pasted([fresh, "echo ${#TOKEN}"])[1].strip().isdigit()
    with demonstration(tmp_path / "data") as third:
        secrets = json.loads(third.counterfoil("client", "show", "notes-robot", "--json"))[
            "secrets"
        ]
        assert sum(secret["expires_at"] is None for secret in secrets) == 1
        assert still_good(third, old) is False, "the oldest secret of three retires"
        assert still_good(third, fresh) is True
        assert still_good(third, third.commands[0]) is True


def test_the_data_directory_is_for_its_owner_alone(running: Demonstration):
    assert stat.S_IMODE(running.data.stat().st_mode) == 0o700


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_in_order(tmp_path: Path, number: int):
    with demonstration(tmp_path / "data") as it:
        children = children_of(it.process.pid)
        assert len(children) == 3
        assert set(children) < set(processes_on(it.port))
        errors = it.end(number)
        assert errors == ""
        assert it.process.returncode == 0
        assert [pid for pid in children if is_alive(pid)] == []


@pytest.mark.parametrize("number", [1, 2, 3])
def test_a_ctrl_c_amid_the_start_leaves_neither_traceback_nor_orphan(tmp_path: Path, number: int):
    """It comes at the worst moment: as soon as there are so many children."""
    port = free_port()
    process = start(port, tmp_path / "data")
    while len(children_of(process.pid)) < number and process.poll() is None:
        pass
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=20)
    assert errors == ""
    assert process.returncode == 0
    assert processes_on(port) == []


def test_when_a_server_dies_all_end_and_it_is_said_which(tmp_path: Path):
    with demonstration(tmp_path / "data") as it:
        children = children_of(it.process.pid)
        api = next(pid for pid in children if "notes_api" in command_of(pid))
        os.kill(api, signal.SIGKILL)
        _, errors = it.process.communicate(timeout=20)
        # On a busy machine the guard may have said before that it heard nothing for a while.
        said = errors.splitlines()[-1]
        assert (
            said == "the notes API ended by itself, with exit code -9. The others were ended too."
        )
        assert it.process.returncode == 1
        assert [pid for pid in children if is_alive(pid)] == []


@pytest.mark.parametrize("offset", [0, 1, 2])
def test_a_taken_port_is_named(tmp_path: Path, offset: int):
    port = free_port()
    with socket.create_server(("127.0.0.1", port + offset)):
        process = start(port, tmp_path / "data")
        printed, errors = process.communicate(timeout=20)
    assert errors == (
        f"Port {port + offset} is taken. Choose three others: PORT={port + 1000} make run\n"
    )
    assert (printed, process.returncode) == ("", 1)
    assert not (tmp_path / "data").exists()


def test_a_data_directory_that_cannot_be_used_is_named_without_a_traceback(tmp_path: Path):
    (tmp_path / "data").write_text("this is a file")
    process = start(free_port(), tmp_path / "data")
    printed, errors = process.communicate(timeout=20)
    assert "data" in errors
    assert "Traceback" not in errors
    assert (printed, process.returncode) == ("", 1)


def pasted(commands: list[str]) -> list[str]:
    """Run commands in one shell; give what each of them printed."""
    end = "~~~end of a command~~~"
    script = "\n".join(f"{command}\necho '{end}'" for command in commands)
    answer = subprocess.run(
        ["bash", "-c", script], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    warned = [line for line in answer.stderr.splitlines() if " ends at once, " in line]
    assert warned == answer.stderr.splitlines(), "what will end is said before, and nothing else"
    assert len(warned) == len([each for each in commands if "token revoke" in each])
    return answer.stdout.split(f"{end}\n")[:-1]


def secret_in(command: str) -> str:
    return command.split(" -u notes-robot:")[1].split(maxsplit=1)[0]


def still_good(it: Demonstration, command: str) -> bool:
    asked = [
        *("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", f"{it.issuer}/token"),
        *("-u", f"notes-robot:{secret_in(command)}", "-d", "grant_type=client_credentials"),
    ]
    return subprocess.run(asked, capture_output=True, text=True, check=True).stdout == "200"


def children_of(pid: int) -> list[int]:
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        if parent == pid:
            found.append(int(path.parent.name))
    return found


def processes_on(port: int) -> list[int]:
    """Every process that was told one of the demonstration's ports, whoever its parent is."""
    ports = {str(each) for each in range(port, port + 3)}
    found = []
    for path in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if ports & set(command_of(int(path.name)).split()):
                found.append(int(path.name))
    return found


def command_of(pid: int) -> str:
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
