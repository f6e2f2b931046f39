"""The real command line on a real data directory, and an installation that has been lived in."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from click.testing import CliRunner, Result
from msgspec import Struct

from counterfoil.cli.program import program
from counterfoil.oauth.access import Access
from counterfoil.oauth.access_token import TYPE, AccessToken
from counterfoil.server.opening import open_authority
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.protocol.refresh_tokens import RANDOM_BYTES, spell_refresh_token
from counterfoil.server.records.event import Event
from counterfoil.server.records.family import Family
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import load

T = TypeVar("T")
API = "https://notes.example"
EMAIL = "ada@example.com"
PASSWORD = "correct horse battery staple"


class Installation:
    """A data directory, and the commands on it."""

    def __init__(self, data: Path) -> None:
        self.data = data

    def run(self, *arguments: str, stdin: str | None = None) -> Result:
        """Run a command, whatever its exit code; an exception of ours is raised here."""
        located = [*arguments, "--data", str(self.data)]
        result = CliRunner().invoke(program, located, input=stdin, prog_name="counterfoil")
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result

    def succeed(self, *arguments: str, stdin: str | None = None) -> str:
        result = self.run(*arguments, stdin=stdin)
        assert result.exit_code == 0, result.output
        return result.stdout

    def json(self, *arguments: str, stdin: str | None = None) -> Any:
        return json.loads(self.succeed(*arguments, "--json", stdin=stdin))

    def refused(self, *arguments: str, stdin: str | None = None) -> str:
        """Run a command that cannot do what it was asked: one line on stderr, exit code 1."""
        result = self.run(*arguments, stdin=stdin)
        assert (result.exit_code, result.stdout) == (1, ""), result.output
        assert result.stderr.startswith("counterfoil: ")
        assert result.stderr.count("\n") == 1
        return result.stderr

    def add_user(self, *options: str, email: str = EMAIL) -> Any:
        """Add a person, who takes their account up with their password; gives the document."""
        added = self.json("user", "add", email, *options)
        self.succeed("user", "claim", added["link"], "--password-stdin", stdin=PASSWORD)
        return added

    def with_authority(self, action: Callable[[Authority], Awaitable[T]], **settings: object) -> T:
        async def opened() -> T:
            authority = await open_authority(load({}, {"data": self.data, **settings}))
            try:
                return await action(authority)
            finally:
                await authority.store.close()

        return asyncio.run(opened())

    def transact(self, work: Callable[[Transaction], Awaitable[T]]) -> T:
        return self.with_authority(lambda authority: authority.store.transact(work))

    def newest_event(self) -> Event:
        async def work(tx: Transaction) -> Event:
            return (await tx.events.latest(1))[0]

        return self.transact(work)

    def events(self) -> list[Event]:
        async def work(tx: Transaction) -> list[Event]:
            return await tx.events.latest(1000)

        return self.transact(work)


class LivedIn(Struct, frozen=True):
    """One person, one app, two authorizations: one from a browser's session, one offline."""

    installation: Installation
    user_id: str
    client_id: str
    client_secret: str
    session_id: str
    grant_id: str
    online_id: str
    offline_id: str
    refresh_token: str


@pytest.fixture
def installation(tmp_path: Path) -> Installation:
    return Installation(tmp_path / "data")


@pytest.fixture
def lived_in(installation: Installation) -> LivedIn:
    scopes = ("--scope", "notes:read=Read your notes", "--scope", "notes:write=Change your notes")
    installation.succeed("api", "add", API, "--name", "Notes", *scopes)
    redirect = ("--redirect-uri", "https://app.example/callback")
    scope = "notes:read openid offline_access"
    arguments = ("Notes app", "--scope", scope, *redirect, "--client-id", "notes-app")
    client = installation.json("client", "add", *arguments)
    user = installation.add_user()

    async def action(authority: Authority) -> tuple[str, str, str, str, str]:
        async def work(tx: Transaction) -> tuple[str, str, str, str, str]:
            return await allow(authority, tx, user["id"], client["client_id"])

        return await authority.store.transact(work)

    allowed = installation.with_authority(action)
    return LivedIn(installation, user["id"], client["client_id"], client["client_secret"], *allowed)


async def allow(
    authority: Authority, tx: Transaction, user_id: str, client_id: str
) -> tuple[str, str, str, str, str]:
    """Let the app in twice; gives session, grant, both families, and the offline refresh token."""
    origin = Origin("192.0.2.7", "Firefox\x1b[31m on Linux")
    session = Session(
        id=new_handle(tx),
        digest=tx.random(32),
        user_id=user_id,
        auth_time=tx.now,
        last_used_at=tx.now,
        expires_at=tx.now + 3600,
        origin=origin,
    )
    await tx.sessions.add(session)
    openid = frozenset({"openid", "offline_access"})
    access = Access({API: frozenset({"notes:read"})}, openid)
    grant = await tx.grants.allow(
        Grant(
            id=new_handle(tx),
            user_id=user_id,
            client_id=client_id,
            access=access,
            created_at=tx.now,
            updated_at=tx.now,
        )
    )
    families = []
    for session_id in (session.id, None):
        family_id = new_handle(tx)
        token = spell_refresh_token(
            authority.keys.refresh_mac, family_id, 0, tx.random(RANDOM_BYTES)
        )
        family = Family(
            id=family_id,
            grant_id=grant.id,
            client_id=client_id,
            user_id=user_id,
            session_id=session_id,
            access=access,
            auth_time=tx.now,
            created_at=tx.now,
            last_used_at=tx.now,
            access_expires_at=tx.now + 3600,
            origin=origin,
            refresh_digest=token.fingerprint(),
            refresh_expires_at=tx.now + 3600,
            absolute_expires_at=tx.now + 7200,
        )
        await tx.families.add(family)
        families.append((family_id, token.reveal()))
    (online, _), (offline, refresh_token) = families
    return session.id, grant.id, online, offline, refresh_token


def access_token(lived_in: LivedIn, jti: str, *, lifetime: int = 3600, family: str = "") -> str:
    """Sign an access token of the app, as the server would."""
    now = int(time.time())

    async def action(authority: Authority) -> str:
        claims = AccessToken(
            iss=authority.issuer,
            sub=lived_in.user_id,
            aud=API,
            exp=now + lifetime,
            iat=now - 10,
            client_id=lived_in.client_id,
            jti=jti,
            scope="notes:read",
            fam=family,
            gen=(1, 1),
        )
        return authority.keyring.signer(Purpose.TOKENS, TYPE, now).sign(claims)

    return lived_in.installation.with_authority(action)
