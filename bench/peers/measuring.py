"""Every server in turns with all others, operation by operation; a wrong answer ends its turns."""

import statistics
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from bench import machine
from bench.generator import Load, WrongAnswers
from bench.http_session import HttpSession
from bench.operations import NothingCame, Operation, Run, written
from bench.peers.proving import OPERATIONS, Proved
from bench.peers.site import Peer, Site, member, refresh_tokens
from bench.seeding import pkce_pair


class PeersPlan(Struct, frozen=True):
    """The sizes of one run: each is measured ``rounds`` times with each number of connections."""

    seconds: float = 2.0
    rounds: int = 3
    connections: tuple[int, ...] = (16, 64)
    families: int = 128
    tokens: int = 500


FULL = PeersPlan()
QUICK = PeersPlan(seconds=1.0, rounds=1, connections=(4,), families=8, tokens=20)


class Best(Struct, frozen=True):
    """The medians at the number of connections with which the server was fastest."""

    per_s: float
    cpu_us: float
    database_us: float
    p50_ms: float
    p99_ms: float
    connections: int
    busy: float
    every: Mapping[int, tuple[float, ...]]


class Candidate:
    """A server that runs, what it proved, and what was measured of it."""

    def __init__(self, peer: Peer, site: Site, proved: Mapping[str, Proved], files: Path) -> None:
        self.peer = peer
        self.site = site
        self.proved = dict(proved)
        self.files = files
        self.turns: dict[tuple[str, int], list[Run]] = {}
        self.rest_mb = machine.proportional_mb(site.server.pid)
        self.loaded_mb = 0.0
        self._browser: HttpSession | None = None
        files.mkdir()

    @property
    def browser(self) -> HttpSession:
        """The person's, signed in when first asked for."""
        if self._browser is None:
            self._browser = self.site.sign_in(self.site)
            self._browser.close()  # it opens anew when it is used
        return self._browser

    def able(self, operation: str) -> bool:
        """Whether it may be measured."""
        return self.proved[operation].able

    def fail(self, operation: str, why: str) -> None:
        """Take back whatever was measured: not every answer was right."""
        self.proved[operation] = Proved(able=False, word=f"failed under load: {why}")
        for key in [key for key in self.turns if key[0] == operation]:
            del self.turns[key]

    def best(self, operation: str) -> Best | None:
        """Give the numbers of an operation, if there are any."""
        found = {c: turns for (name, c), turns in self.turns.items() if name == operation}
        if not found:
            return None
        rates = {c: statistics.median(turn.rate for turn in found[c]) for c in found}
        connections = max(rates, key=lambda c: rates[c])
        turns = found[connections]
        middle = sorted(turns, key=lambda turn: turn.rate)[len(turns) // 2]
        return Best(
            per_s=rates[connections],
            cpu_us=statistics.median(turn.cpu_us for turn in turns),
            database_us=statistics.median(turn.database_us for turn in turns),
            p50_ms=middle.measured.counted.p50_us / 1000,
            p99_ms=middle.measured.counted.p99_us / 1000,
            connections=connections,
            busy=statistics.median(turn.busy for turn in turns),
            every={c: tuple(turn.rate for turn in found[c]) for c in found},
        )


class Measuring(Struct, frozen=True):
    """All candidates, and the PostgreSQL that some of them share."""

    candidates: list[Candidate]
    plan: PeersPlan
    database_pid: int

    def all_turns(self) -> None:
        """Let all have their turns, after one to warm up."""
        self._round(self.plan.connections[0], counts=False)
        for _ in range(self.plan.rounds):
            for connections in self.plan.connections:
                self._round(connections, counts=True)
        for candidate in self.candidates:
            candidate.loaded_mb = machine.proportional_mb(candidate.site.server.pid)

    def _round(self, connections: int, *, counts: bool) -> None:
        for operation in OPERATIONS:
            # A flow is two requests, and those that are not finished at the end do not count.
            seconds = (2 if operation == "code_flow" else 1) * self.plan.seconds if counts else 1.0
            for candidate in self.candidates:
                if not candidate.able(operation):
                    continue
                try:
                    turn = self._turn(candidate, operation, connections, seconds)
                except NothingCame:
                    continue
                except (WrongAnswers, LookupError) as wrong:
                    candidate.fail(operation, str(wrong))
                    continue
                if counts:
                    candidate.turns.setdefault((operation, connections), []).append(turn)

    def _turn(self, candidate: Candidate, operation: str, connections: int, seconds: float) -> Run:
        load = _load(candidate, operation, self.plan)
        server = candidate.site.server.pid
        database = self.database_pid if candidate.peer.on_postgres else None
        measured = Operation(operation, load, server, operation == "code_flow", database)
        return measured.run(connections, seconds)


def _load(candidate: Candidate, operation: str, plan: PeersPlan) -> Load:
    """Prepare what is sent: no refresh token is left over from an earlier turn."""
    site, files = candidate.site, candidate.files
    paths, clients, kind = site.paths, site.clients, site.kind
    app = written(files / "app", [clients.app.authorization])
    path = paths.token
    arguments: tuple[str, ...]
    if operation == "client_credentials":
        service = written(files / "service", [clients.service.authorization])
        arguments = (service, site.scope, kind)
    elif operation == "introspection":
        asker = written(files / "asker", [clients.opaque.authorization])
        path, arguments = paths.introspection, (asker, _tokens(candidate, plan))
    elif operation == "refresh":
        families = refresh_tokens(site, candidate.browser, plan.families)
        arguments = (app, written(files / "families", families), kind)
    else:
        cookies = written(files / "cookies", [candidate.browser.cookie])
        pairs = written(files / "pairs", [" ".join(pkce_pair()) for _ in range(256)])
        request = written(files / "request", [site.request])
        path, arguments = paths.authorize, (app, cookies, pairs, request, paths.token, kind)
    return Load(operation, site.server.url + path, arguments)


def _tokens(candidate: Candidate, plan: PeersPlan) -> str:
    path = candidate.files / "tokens"
    if not path.exists():
        answers = [candidate.site.issue(candidate.site.clients.opaque) for _ in range(plan.tokens)]
        written(path, [member(each, "access_token") for each in answers])
    return str(path)
