"""The server as its own processes: started, told of endings by the command line, ended."""

import base64
import http.client
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pytest

from tests.cli.conftest import API, EMAIL, PASSWORD, Installation, LivedIn
from tests.installation import hidden_fields

SCRIPT = Path(sys.executable).parent / "counterfoil"
PATIENCE = 60.0
SIGN_INS = 8


class Serving:
    """``counterfoil serve`` as a process, and plain HTTP to it."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    @property
    def issuer(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE)

    def get(self, path: str) -> bytes:
        connection = self.connect()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        assert answer.status == 200, body
        return body

    def post(self, path: str, credentials: tuple[str, str], **form: str) -> dict[str, object]:
        basic = base64.b64encode(":".join(credentials).encode()).decode()
        headers = {
            "authorization": f"Basic {basic}",
            "content-type": "application/x-www-form-urlencoded",
        }
        connection = self.connect()
        connection.request("POST", path, urllib.parse.urlencode(form), headers)
        answer = connection.getresponse()
        document: dict[str, object] = json.loads(answer.read())
        connection.close()
        assert answer.status == 200, document
        return document

    @contextmanager
    def following(self) -> Iterator[Callable[[], dict[str, object]]]:
        """Follow the feed from where it stands; gives a function that waits for a notice."""
        snapshot = self.get("/notices/snapshot").partition(b"\n")[0].split(b".")[1]
        at = json.loads(base64.urlsafe_b64decode(snapshot + b"=="))
        connection = self.connect()
        cursor = f"{at['epoch']}:{at['number']}"
        connection.request("GET", "/notices", headers={"last-event-id": cursor})
        answer = connection.getresponse()
        assert answer.status == 200

        def next_notice() -> dict[str, object]:
            event = b""
            while True:
                line = answer.readline()
                assert line, "the stream ended"
                if line.startswith(b"event:"):
                    event = line
                elif line.startswith(b"data:") and b"notice" in event:
                    notice: dict[str, object] = json.loads(line.removeprefix(b"data:"))
                    return notice

        try:
            yield next_notice
        finally:
            connection.close()

    def end(self, how: int) -> tuple[int, float, str]:
        """Send a signal; gives the exit code, the seconds that it took, and what stderr holds."""
        before = time.monotonic()
        self.process.send_signal(how)
        code, said = self.outcome()
        return code, time.monotonic() - before, said

    def outcome(self) -> tuple[int, str]:
        """Wait for the end; gives the exit code, and what stderr holds."""
        code = self.process.wait(PATIENCE)
        assert self.process.stderr is not None
        return code, self.process.stderr.read()


def command(grace: int | None) -> list[str]:
    """The program, or the program with other seconds of grace."""
    if grace is None:
        return [str(SCRIPT)]
    code = "from counterfoil.cli import main, serving\n"
    code += f"serving.GRACE_SECONDS = {grace}\nmain()"
    return [sys.executable, "-c", code]


@contextmanager
def serving(
    installation: Installation, *arguments: str, grace: int | None = None
) -> Iterator[Serving]:
    environment = {n: v for n, v in os.environ.items() if not n.startswith("COUNTERFOIL_")}
    given = ("--data", str(installation.data), "--port", "0", *arguments)
    process = subprocess.Popen(
        [*command(grace), "serve", *given],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        start_new_session=True,
    )
    with process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready.startswith("Counterfoil serves http://"), process.stderr
            yield Serving(process, int(ready.partition(" port ")[2].split()[0]))
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait(PATIENCE)


def token_of(server: Serving, client: dict[str, str]) -> str:
    credentials = (client["client_id"], client["client_secret"])
    answer = server.post("/token", credentials, grant_type="client_credentials", resource=API)
    return str(answer["access_token"])


def is_active(server: Serving, client: dict[str, str], token: str) -> bool:
    credentials = (client["client_id"], client["client_secret"])
    return bool(server.post("/introspect", credentials, token=token)["active"])


@pytest.fixture
def service(installation: Installation) -> dict[str, str]:
    installation.succeed("api", "add", API, "--scope", "notes:read=Read")
    client: dict[str, str] = installation.json("client", "add", "Job", "--scope", "notes:read")
    return client


@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_revoked_token_is_refused_by_the_running_server(
    installation: Installation, service: dict[str, str], workers: str
):
    """S48: by its jti, from another process; the feed tells guards which token is dead."""
    with serving(installation, "--workers", workers) as server, server.following() as next_notice:
        token = token_of(server, service)
        assert is_active(server, service, token)
        claims = installation.json("token", "inspect", token)["claims"]
        ended = installation.json("token", "revoke", "--jti", str(claims["jti"]), "--yes")
        notice = next_notice()
        assert (notice["kind"], notice["name"]) == ("token", claims["jti"])
        assert not is_active(server, service, token)
        assert ended["notice"]


def test_an_ended_grant_reaches_who_follows_the_feed(lived_in: LivedIn):
    """S03, S40: a grant that is ended in one process is published by another."""
    with serving(lived_in.installation) as server, server.following() as next_notice:
        lived_in.installation.succeed("grant", "end", lived_in.grant_id, "--yes")
        told = {(notice["kind"], notice["name"]) for notice in (next_notice(), next_notice())}
    assert told == {("family", lived_in.online_id), ("family", lived_in.offline_id)}


def test_a_client_that_is_added_can_be_used_at_once(installation: Installation):
    with serving(installation) as server:
        installation.succeed("api", "add", API, "--scope", "notes:read=Read")
        client = installation.json("client", "add", "Job", "--scope", "notes:read")
        assert is_active(server, client, token_of(server, client))
        installation.succeed("client", "disable", client["client_id"], "--yes")
        connection = server.connect()
        connection.request("GET", "/health/ready")
        assert connection.getresponse().status == 200
        connection.close()
        with pytest.raises(AssertionError, match="invalid_client"):
            token_of(server, client)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("workers", ["1", "2"])
def test_a_signal_ends_everything_though_streams_are_open(
    installation: Installation, how: int, workers: str
):
    with serving(installation, "--workers", workers) as server, server.following():
        children = children_of(server.process.pid)
        assert len(children) == (0 if workers == "1" else 2)
        code, took, said = server.end(how)
    assert (code, said) == (0, "")
    assert took < 5
    assert not any(Path(f"/proc/{child}").exists() for child in children)


@pytest.fixture
def slow(installation: Installation, tmp_path: Path) -> Path:
    """A configuration by which sign-ins stand in line, one behind the other."""
    file = tmp_path / "slow.toml"
    file.write_text("password_threads = 1\nsign_in_rate_per_minute = 1000\n")
    installation.add_user()
    return file


def test_a_signal_leaves_nobody_without_an_answer(installation: Installation, slow: Path):
    """While the grace lasts all that was begun is answered; only the endless stream is cut."""
    with (
        serving(installation, "--config", str(slow), grace=10**6) as server,
        server.following(),
    ):
        under_way = begin(server)
        server.process.send_signal(signal.SIGTERM)
        answers = [answer_of(connection) for connection in under_way]
        code, said = server.outcome()
    assert answers == [(303, None)] * SIGN_INS
    assert (code, said) == (0, "")


def test_when_the_grace_is_over_who_waits_is_asked_to_come_back(
    installation: Installation, slow: Path
):
    """However slow the machine is: the one answer or the other, and never a broken connection."""
    with serving(installation, "--config", str(slow), grace=0) as server:
        under_way = begin(server)
        server.process.send_signal(signal.SIGTERM)
        answers = [answer_of(connection) for connection in under_way]
        code, said = server.outcome()
    assert set(answers) <= {(303, None), (503, "5")}
    assert code == 0
    assert "Traceback" not in said


def begin(server: Serving) -> list[http.client.HTTPConnection]:
    under_way = [sign_in(server) for _ in range(SIGN_INS)]
    for _ in range(2):  # what was sent before these has been taken up
        server.get("/health/live")
    return under_way


def sign_in(server: Serving) -> http.client.HTTPConnection:
    """Send the sign-in form, and leave the answer for later."""
    connection = server.connect()
    connection.request("GET", "/sign-in")
    answer = connection.getresponse()
    form = hidden_fields(answer.read().decode()) | {"email": EMAIL, "password": PASSWORD}
    cookie = str(answer.getheader("set-cookie")).partition(";")[0]
    headers = {"cookie": cookie, "content-type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/sign-in", urllib.parse.urlencode(form), headers)
    return connection


def answer_of(connection: http.client.HTTPConnection) -> tuple[int, str | None]:
    """The status, and when to come back."""
    with closing(connection), connection.getresponse() as answer:
        return answer.status, answer.getheader("retry-after")


def test_a_worker_that_dies_is_replaced(installation: Installation):
    with serving(installation, "--workers", "2") as server:
        first, second = children_of(server.process.pid)
        os.kill(first, signal.SIGKILL)
        until = time.monotonic() + PATIENCE
        while len(left := set(children_of(server.process.pid)) - {first}) < 2:
            server.get("/health/ready")
            assert time.monotonic() < until, "no other worker came"
        assert second in left
        code, _, said = server.end(signal.SIGTERM)
    assert code == 0
    assert f"worker {first} ended" in said


def test_workers_end_when_their_parent_is_killed(installation: Installation):
    with serving(installation, "--workers", "2") as server:
        children = children_of(server.process.pid)
        server.process.kill()
        await_end(children)


def test_the_issuer_and_the_settings_reach_every_worker(installation: Installation, tmp_path: Path):
    file = tmp_path / "mine.toml"
    file.write_text("jwks_max_age = 77\n")
    arguments = ("--workers", "2", "--issuer", "https://id.example", "--config", str(file))
    process = subprocess.Popen(
        [SCRIPT, "serve", "--data", str(installation.data), "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            assert process.stdout is not None
            ready = process.stdout.readline().split()
            assert ready[2] == "https://id.example"
            server = Serving(process, int(ready[ready.index("port") + 1]))
            metadata = json.loads(server.get("/.well-known/oauth-authorization-server"))
            assert metadata["issuer"] == "https://id.example"
            connection = server.connect()
            connection.request("GET", "/jwks.json")
            assert "max-age=77" in str(connection.getresponse().getheader("cache-control"))
            connection.close()
        finally:
            process.terminate()


def test_a_port_that_is_taken_is_said_in_a_line(installation: Installation):
    with socket.create_server(("127.0.0.1", 0)) as held:
        refused = installation.refused("serve", "--port", str(held.getsockname()[1]))
    assert "cannot listen on 127.0.0.1 port" in refused
    assert "in use" in refused


def test_an_issuer_on_plain_http_is_for_loopback(installation: Installation):
    assert "must be https" in installation.refused("serve", "--issuer", "http://id.example")


def test_a_list_of_stolen_passwords_that_is_not_there_is_said_in_a_line(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("COUNTERFOIL_BREACHED_PASSWORDS_FILE", "/nowhere")
    refused = installation.refused("serve", "--port", "0")
    assert "breached_passwords_file: /nowhere cannot be read: No such file" in refused


def test_a_worker_that_cannot_read_its_settings_says_so_in_a_line():
    """After SIGHUP, when the settings file has changed."""
    environment = {**os.environ, "COUNTERFOIL_PROT": "1"}
    worker = [sys.executable, "-m", "counterfoil.cli.worker", "0", "0", "0"]
    ended = subprocess.run(worker, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert ended.stderr.startswith("counterfoil: COUNTERFOIL_PROT, from the environment, is no")
    assert ended.stderr.count("\n") == 1


def test_an_installation_that_cannot_be_opened_is_said_in_a_line(installation: Installation):
    installation.succeed("client", "add", "Service")
    (installation.data / "master.key").chmod(0o644)
    assert "may be read or changed by others" in installation.refused("serve", "--port", "0")


@pytest.mark.parametrize(("hard", "most"), [(4_096, 300), (200, 72), (130, 16)])
def test_a_process_allows_itself_as_many_files_as_it_needs_and_may(hard: int, most: int):
    """Where it may not open as many, it takes fewer connections, and keeps some for itself."""
    code = (
        "from counterfoil.cli import serving\nfrom counterfoil.server.settings import load\n"
        "settings = load({}, {'connections_most': 300})\n"
        "print(serving._patience(settings).connections_most)"
    )
    limited = f'ulimit -Sn 128 && ulimit -Hn {hard} && exec {sys.executable} -c "$0"'
    said = subprocess.check_output(["/bin/bash", "-c", limited, code], text=True)
    assert said.strip() == str(most)


def children_of(pid: int) -> list[int]:
    text = Path(f"/proc/{pid}/task/{pid}/children").read_text()
    return sorted(map(int, text.split()))


def await_end(pids: list[int]) -> None:
    """Wait until none of these processes, which are not our children, is left."""
    for pid in pids:
        with suppress(ProcessLookupError), os.fdopen(os.pidfd_open(pid)) as process:
            assert select.select([process], [], [], PATIENCE)[0], f"{pid} goes on"
