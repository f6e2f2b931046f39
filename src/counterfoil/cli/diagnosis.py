"""What the doctor looks at, in order: each check gives findings, each finding its mend."""

import http.client
import json
import os
import shutil
import stat
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Final, Literal

from msgspec import Struct

from counterfoil.cli.invocation import Invocation, finish, nothing_there
from counterfoil.cli.other_issuer import MEND, said
from counterfoil.cli.output import Failure, at
from counterfoil.oauth.feed import Position
from counterfoil.server.documents.keys import KeyDocument
from counterfoil.server.documents.keys import documents as key_documents
from counterfoil.server.opening import DATABASE, is_made, keeper_of, look_at_schema, shipped_for
from counterfoil.server.protocol.own_api import other_issuer
from counterfoil.server.records.store import Transaction
from counterfoil.server.settings import Settings

_MEGABYTE: Final = 1_000_000
_LEAST_FREE: Final = 100 * _MEGABYTE
_LITTLE_FREE: Final = 1000 * _MEGABYTE
_BUILT_AT: Final = 1_760_000_000
"""No right clock is before October 2025."""
_CLOCK_SLACK: Final = 60
_SECONDS_TO_ANSWER: Final = 2


class Finding(Struct, frozen=True, kw_only=True):
    """What a check found; ``mend`` is empty where nothing need be done."""

    check: str
    status: Literal["ok", "warning", "problem"]
    finding: str
    mend: str = ""


class Diagnosis(Struct, frozen=True, kw_only=True):
    """All findings; ``ok``: none of them is a problem."""

    ok: bool
    findings: tuple[Finding, ...]


class _Kept(Struct, frozen=True):
    """What the checks need to know of what the database holds."""

    keys: list[KeyDocument]
    newest_event_at: int
    position: Position
    served: str
    """Another issuer than that of the settings."""


def diagnose(call: Invocation) -> Iterator[Finding]:
    """Look at everything, in the order in which a server needs it."""
    try:
        settings = call.settings()
    except Failure as failure:
        yield _problem("settings", str(failure), "change it where it says; then ask again")
        return
    yield _ok("settings", f"can be read; data in {settings.data}")
    yield _issuer(settings)
    yield from _mail(settings)
    missing = _missing(settings)
    if missing is not None:
        yield missing
        yield _port(settings)
        return
    yield from _files(settings)
    yield _disk(settings)
    yield from _inside(call, settings)
    yield _port(settings)


def _missing(settings: Settings) -> Finding | None:
    try:
        if finish(lambda: is_made(settings)):
            return None
    except Failure as failure:
        return _problem("database", str(failure), _mend_of(str(failure)))
    finding, _, mend = nothing_there(settings).rpartition(": ")
    return _problem("data", finding, mend)


def _ok(check: str, finding: str) -> Finding:
    return Finding(check=check, status="ok", finding=finding)


def _problem(check: str, finding: str, mend: str) -> Finding:
    return Finding(check=check, status="problem", finding=finding, mend=mend)


def _warning(check: str, finding: str, mend: str) -> Finding:
    return Finding(check=check, status="warning", finding=finding, mend=mend)


def _issuer(settings: Settings) -> Finding:
    if settings.development:
        return _warning(
            "issuer",
            f"{settings.issuer} is plain http: this is a server for development",
            "for others to use it, set issuer to its https address",
        )
    return _ok("issuer", settings.issuer)


def _mail(settings: Settings) -> Iterator[Finding]:
    if settings.registration == "open" and not (settings.mail_host or settings.development):
        yield _warning(
            "mail",
            "registration is open, but there is no mail_host: by an address nobody can register",
            "set mail_host; leave it where people register by a provider alone",
        )


def _files(settings: Settings) -> Iterator[Finding]:
    paths = [settings.data]
    if settings.database is None:
        paths += [settings.data / f"{DATABASE}{end}" for end in ("", "-wal", "-shm")]
    if settings.master_key_in_file:
        paths.append(settings.master_key_file)
    wrong = [finding for path in paths if path.exists() for finding in _permissions(path)]
    yield from wrong
    if not wrong:
        yield _ok("files", "belong to this user, and nobody else can read them")


def _permissions(path: Path) -> Iterator[Finding]:
    try:
        found = path.stat()
    except OSError as error:
        yield _problem("files", f"{path}: {error.strerror}", "run as the user that it belongs to")
        return
    if not os.access(path, os.R_OK | os.W_OK):
        yield _problem("files", f"{path} cannot be written", "run as the user that it belongs to")
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o077:
        wanted = "700" if path.is_dir() else "600"
        yield _problem(
            "files", f"others may read or change {path} (mode {mode:04o})", f"chmod {wanted} {path}"
        )


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(settings.data).free
    finding = f"{free // _MEGABYTE} MB are free where {settings.data} lies"
    if free < _LEAST_FREE:
        return _problem("disk", finding, "make room: without it nothing can be committed")
    if free < _LITTLE_FREE:
        return _warning("disk", finding, "make room soon")
    return _ok("disk", finding)


def _inside(call: Invocation, settings: Settings) -> Iterator[Finding]:
    """Open the installation, as a server would: engine, migrations, master key, keys."""
    if settings.master_key_in_file and not settings.master_key_file.exists():
        yield _problem(
            "master key",
            f"{settings.master_key_file} is missing, and the keys in the database are sealed by it",
            "put it back from its copy before you start the server",
        )
        return
    try:
        kept = call.read(partial(_kept, issuer=settings.issuer))
    except Failure as failure:
        yield _problem("database", str(failure).removesuffix(_SELF), _mend_of(str(failure)))
        return
    engine = "SQLite" if settings.database is None else "PostgreSQL"
    yield _ok("database", f"opens; {engine} is new enough, and what this version needs is there")
    if kept.served:
        yield _warning("issuer", said(kept.served, settings.issuer), MEND)
    yield from _contracts(settings)
    yield _ok("master key", "opens what is sealed in the database")
    yield from _keys(kept.keys, settings)
    yield _clock(kept.newest_event_at, int(time.time()))
    yield from _carrier(settings, kept.position)


_SELF: Final = " (`counterfoil doctor` says more)"


def _contracts(settings: Settings) -> Iterator[Finding]:
    ledger = finish(lambda: look_at_schema(settings))
    waiting = [each.name for each in ledger.missing(shipped_for(settings))]
    if waiting:
        yield _warning(
            "schema",
            f"what only older versions use is still there ({', '.join(waiting)} waits)",
            "when no older server runs: `counterfoil database migrate --contract`",
        )


async def _kept(tx: Transaction, issuer: str) -> _Kept:
    newest = await tx.events.latest(1)
    position, _ = await tx.notices.head()
    newest_at = newest[0].at if newest else 0
    return _Kept(await key_documents(tx), newest_at, position, await other_issuer(tx, issuer))


def _mend_of(finding: str) -> str:
    if "it is shut" in finding:
        return "name the other database: this one stands still"
    if "master key" in finding:
        return "put the master key back that this database was made with"
    if "or newer" in finding and "Counterfoil" in finding:
        return "install that version"
    if "SQLite" in finding:
        return "pip install --upgrade 'counterfoil[server]'"
    if "PostgreSQL" in finding or "cannot be used" in finding:
        return (
            "see whether the database runs, and whether --database or COUNTERFOIL_DATABASE is right"
        )
    return "read the sentence; `counterfoil serve` cannot start before it is mended"


def _keys(keys: list[KeyDocument], settings: Settings) -> Iterator[Finding]:
    for purpose in ("tokens", "feed"):
        mine = [each for each in keys if each.purpose == purpose]
        active = next((each for each in mine if each.state == "active"), None)
        if active is None:
            mend = "start the server, which makes one"
            yield _problem("keys", f"no key signs for {purpose}", mend)
            continue
        overdue_at = active.active_from + settings.key_rotation_interval
        if active.retired_at is None and time.time() > overdue_at + _CLOCK_SLACK:
            since = at(overdue_at)
            mend = "see whether the server runs, for it turns keys by itself"
            yield _problem("keys", f"the key for {purpose} is overdue since {since}", mend)
        else:
            since = at(active.active_from)
            yield _ok("keys", f"{active.kid} signs for {purpose} since {since}")


def _clock(newest_event_at: int, now: int) -> Finding:
    mend = "set the clock, and keep it right with NTP"
    if now < _BUILT_AT:
        return _problem("clock", f"it says {at(now)}", mend)
    if now < newest_event_at - _CLOCK_SLACK:
        return _problem("clock", f"it says {at(now)}, before the newest event", mend)
    return _ok("clock", f"it says {at(now)} UTC")


def _carrier(settings: Settings, position: Position) -> Iterator[Finding]:
    """Look how far the notices have come that NATS is to carry."""
    if not settings.nats:
        return
    try:
        reached = finish(lambda: _carried_up_to(settings))
    except Failure as failure:
        mend = "see whether NATS runs; till it does, guards go by the server's own feed"
        yield _warning("nats", str(failure), mend)
        return
    if reached == str(position):
        yield _ok("nats", f"has the notices up to {reached}, the last")
    else:
        finding = f"has the notices up to {reached or 'nowhere'}; the last is {position}"
        yield _warning("nats", finding, "see whether the server runs, for it puts them there")


async def _carried_up_to(settings: Settings) -> str:
    opens = keeper_of(settings)
    if opens is None:
        return ""
    keeper = await opens()
    try:
        return await keeper.last()
    finally:
        await keeper.close()


def _port(settings: Settings) -> Finding:
    place = f"{settings.host} port {settings.port}"
    address = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(  # noqa: S104 - compared, not listened on
        settings.host, settings.host
    )
    connection = http.client.HTTPConnection(address, settings.port, timeout=_SECONDS_TO_ANSWER)
    try:
        connection.request("GET", "/health/ready")
        if json.loads(connection.getresponse().read()) == {"status": "unavailable"}:
            mend = "read its log, and what stands above of the database"
            return _problem("port", f"a server holds {place}, and cannot serve", mend)
        connection.request("GET", "/.well-known/oauth-authorization-server")
        served = json.loads(connection.getresponse().read()).get("issuer")
    except ConnectionRefusedError:
        return _ok("port", f"{place} is free: the server does not run there")
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        served = None
    finally:
        connection.close()
    if served == settings.issuer:
        return _ok("port", f"the server answers on {place}")
    return _problem(
        "port",
        f"{place} is held by something else",
        "end it, or choose another with --port or COUNTERFOIL_PORT",
    )
