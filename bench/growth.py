"""``python -m bench.growth``: how large the database is while tokens are issued and refreshed.

The server's own protocol on a real file, without HTTP, and a clock that moves an hour a round: so
that what has expired is swept as it would be in weeks of use.
"""

import argparse
import asyncio
import hashlib
import secrets
import tempfile
import time
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from typing import Final

import msgspec
from msgspec import Struct

from bench.plot import Line, chart
from counterfoil.oauth.access import Access
from counterfoil.oauth.opaque import SECRET_BYTES, Kind, Secret, spell
from counterfoil.oauth.token_response import TokenResponse
from counterfoil.server.janitor import Janitor
from counterfoil.server.opening import DATABASE, Outside, open_authority
from counterfoil.server.protocol import registration, token_endpoint
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.api import Api
from counterfoil.server.records.authorization import Authorization
from counterfoil.server.records.client import Client
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import load

RESULTS: Final = Path(__file__).parent / "results" / "growth.json"
_API: Final = "https://notes.example"
_CALLBACK: Final = "https://app.example/callback"
_HOUR: Final = 3600
_AT_ONCE: Final = 64
_ORIGIN: Final = Origin("127.0.0.1", "bench")


class Size(Struct, frozen=True):
    """How much there is after so many tokens. ``live`` counts families, ``audit`` lines."""

    issued: int
    refreshed: int
    file_bytes: int
    live: int
    audit: int


class Load(Struct, frozen=True):
    """What one run does, in rounds of an hour each."""

    rounds: int = 50
    issued: int = 1_000_000
    refreshed: int = 200_000
    families: int = 500


class Clock:
    """Time that moves when a round is over."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


class Place:
    """One installation with a service, an app, and a person who is often away."""

    def __init__(self, authority: Authority, clock: Clock) -> None:
        self.authority = authority
        self.clock = clock
        self.basic: dict[str, str] = {}
        self.user_id = ""
        self.grant_id = ""
        self.refresh_tokens: list[str] = []

    async def furnish(self) -> None:
        """Register an API, a service, an app and a person who has allowed the app."""
        scopes = frozenset({"notes:read"})

        async def work(tx: Transaction) -> None:
            api = Api(uri=_API, name="Notes", created_at=tx.now, scopes={"notes:read": "Read"})
            await registration.add_api(tx, api, CLI)
            service = Client(
                client_id="service",
                client_name="Service",
                created_at=tx.now,
                grant_types=("client_credentials",),
                scopes=scopes,
            )
            app = Client(
                client_id="app",
                client_name="App",
                created_at=tx.now,
                grant_types=("authorization_code", "refresh_token"),
                scopes=scopes | {"offline_access"},
                redirect_uris=(_CALLBACK,),
            )
            for client in (service, app):
                secret = await registration.add_client(tx, client, CLI, development=True)
                self.basic[client.client_id] = _basic(client.client_id, secret)
            user = await registration.add_user(tx, registration.NewUser("a@example.com", "-"), CLI)
            self.user_id, self.grant_id = user.id, "grant"
            await tx.grants.allow(_grant(user.id, tx.now))

        await self.authority.store.transact(work)

    async def begin_family(self) -> str:
        """Exchange a code, as after a person has consented; give the refresh token."""
        code = spell(Kind.AUTHORIZATION_CODE, secrets.token_bytes(SECRET_BYTES))
        verifier = secrets.token_urlsafe(32)

        async def work(tx: Transaction) -> None:
            await tx.authorizations.add(self._authorization(code, verifier, tx.now))

        await self.authority.store.transact(work)
        form = f"grant_type=authorization_code&code={code.reveal()}&code_verifier={verifier}"
        return str((await self.token("app", form)).refresh_token)

    def _authorization(self, code: Secret, verifier: str, now: int) -> Authorization:
        digest = hashlib.sha256(verifier.encode()).digest()
        return Authorization(
            digest=code.fingerprint(),
            client_id="app",
            user_id=self.user_id,
            grant_id=self.grant_id,
            session_id=None,
            redirect_uri=_CALLBACK,
            code_challenge=urlsafe_b64encode(digest).rstrip(b"=").decode(),
            access=_access(),
            auth_time=now,
            expires_at=now + 60,
            origin=_ORIGIN,
        )

    async def issue(self) -> None:
        """Issue one token to the service."""
        await self.token("service", "grant_type=client_credentials&scope=notes:read")

    async def refresh(self, place: int) -> None:
        """Refresh one family."""
        form = f"grant_type=refresh_token&refresh_token={self.refresh_tokens[place]}"
        self.refresh_tokens[place] = str((await self.token("app", form)).refresh_token)

    async def token(self, client_id: str, form: str) -> TokenResponse:
        """Ask the token endpoint."""
        asked = token_endpoint.Asked(form.encode(), self.basic[client_id], _ORIGIN)
        return await token_endpoint.respond(self.authority, asked)


def _basic(client_id: str, secret: Secret | None) -> str:
    revealed = secret.reveal() if secret else ""
    return "Basic " + b64encode(f"{client_id}:{revealed}".encode()).decode()


def _access() -> Access:
    return Access({_API: frozenset({"notes:read"})}, frozenset({"offline_access"}))


def _grant(user_id: str, now: int) -> Grant:
    return Grant(
        id="grant",
        user_id=user_id,
        client_id="app",
        access=_access(),
        created_at=now,
        updated_at=now,
    )


async def grow(load_of: Load, data: Path) -> list[Size]:
    """Issue and refresh, and say after each round how large the database is."""
    clock = Clock()
    authority = await open_authority(load({}, {"data": data}), Outside(clock=clock))
    try:
        place = Place(authority, clock)
        await place.furnish()
        place.refresh_tokens = [await place.begin_family() for _ in range(load_of.families)]
        janitor = Janitor(authority.store, authority.rotation, "bench")
        sizes = []
        for number in range(1, load_of.rounds + 1):
            await _round(place, load_of)
            clock.now += _HOUR
            await janitor.tick()
            sizes.append(await _size(place, load_of, number, data))
        return sizes
    finally:
        await authority.store.close()


async def _round(place: Place, load_of: Load) -> None:
    for first in range(0, load_of.issued // load_of.rounds, _AT_ONCE):
        count = min(_AT_ONCE, load_of.issued // load_of.rounds - first)
        await asyncio.gather(*(place.issue() for _ in range(count)))
    for first in range(0, load_of.refreshed // load_of.rounds, _AT_ONCE):
        count = min(_AT_ONCE, load_of.refreshed // load_of.rounds - first)
        places = {(first + step) % load_of.families for step in range(count)}
        await asyncio.gather(*(place.refresh(each) for each in places))


async def _size(place: Place, load_of: Load, number: int, data: Path) -> Size:
    async def counts(tx: Transaction) -> tuple[int, int]:
        families = await tx.families.live_of_grant(place.grant_id)
        newest = await tx.events.latest(1)
        return len(families), newest[0].number

    live, audit = await place.authority.store.read(counts)
    return Size(
        issued=load_of.issued * number // load_of.rounds,
        refreshed=load_of.refreshed * number // load_of.rounds,
        file_bytes=_bytes_in(data),
        live=live,
        audit=audit,
    )


def _bytes_in(data: Path) -> int:
    return sum(path.stat().st_size for path in data.glob(f"{DATABASE}*"))


def growth(sizes: list[Size]) -> float:
    """Give how much larger the file is at the end than a fifth of the way in: 1.0 is flat."""
    return sizes[-1].file_bytes / sizes[max(0, len(sizes) // 5 - 1)].file_bytes


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="show in seconds that it runs")
    parser.add_argument("--output", type=Path, default=RESULTS, metavar="FILE")
    asked = parser.parse_args()
    load_of = Load(5, 2_000, 1_000, 20) if asked.quick else Load()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="counterfoil-growth-") as directory:
        sizes = asyncio.run(grow(load_of, Path(directory)))
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_bytes(msgspec.json.format(msgspec.json.encode(sizes), indent=2) + b"\n")
    points = [(each.issued / 1000, each.file_bytes / 1e6) for each in sizes]
    line = Line("database file, with its log, in MB", points)
    picture = chart(line, "thousands of access tokens issued (one refresh to five)")
    asked.output.with_suffix(".svg").write_text(picture, encoding="utf-8")
    last, seconds = sizes[-1], time.monotonic() - begun
    print(
        f"{last.issued:,} issued, {last.refreshed:,} refreshed in {seconds:.0f} s: "
        f"{last.file_bytes / 1e6:.2f} MB, {growth(sizes):.3f} × a fifth of the way in; "
        f"{last.live} live families, {last.audit} lines of audit"
    )


if __name__ == "__main__":
    main()
