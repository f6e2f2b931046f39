"""What ``database status --json`` prints: stable, a field may be added and none is renamed."""

from importlib.metadata import version
from typing import Final, Literal

from msgspec import Struct

from counterfoil.server.records.server_process import ServerProcess
from counterfoil.server.storage.migration import Ledger, Migration, UnknownDatabase, newest

Kind = Literal["expand", "contract", "newer"]

UP_TO_DATE: Final = "The schema is up to date."


class MigrationDocument(Struct, frozen=True, kw_only=True):
    """One migration. ``newer``: applied by a version that knows more than this one."""

    number: int
    name: str
    kind: Kind
    applied_at: int | None


class ProcessDocument(Struct, frozen=True, kw_only=True):
    """One server process, and whether it knows what contracts demand."""

    place: str
    version: str
    knows: int
    may_serve: bool


class SchemaDocument(Struct, frozen=True, kw_only=True):
    """The schema as this version sees it. ``needs`` is the migration that servers must know."""

    version: str
    knows: int
    needs: int
    may_serve: bool
    finding: str
    migrations: tuple[MigrationDocument, ...]
    processes: tuple[ProcessDocument, ...]


def document_of(ledger: Ledger, migrations: list[Migration], now: int) -> SchemaDocument:
    """Hold what a database says of itself against what this version ships."""
    needs = ledger.demand.needs if ledger.demand is not None else 0
    may_serve, finding = _judged(ledger, migrations)
    return SchemaDocument(
        version=version("counterfoil"),
        knows=newest(migrations),
        needs=needs,
        may_serve=may_serve,
        finding=finding,
        migrations=_listed(ledger, migrations),
        processes=tuple(_process(each, needs) for each in ledger.processes if each.until > now),
    )


def _judged(ledger: Ledger, migrations: list[Migration]) -> tuple[bool, str]:
    try:
        missing = ledger.missing(migrations)
    except UnknownDatabase as error:
        return False, f"This version may not serve: {error}."
    if not missing:
        return True, UP_TO_DATE
    if any(each.demand is None for each in missing):
        return True, "Migrations are missing; whatever opens the database applies them."
    return True, "Contracts wait for `counterfoil database migrate --contract`."


def _listed(ledger: Ledger, migrations: list[Migration]) -> tuple[MigrationDocument, ...]:
    applied = {each.number: each for each in ledger.applied}
    known = {each.number: each for each in migrations}
    return tuple(
        MigrationDocument(
            number=number,
            name=known[number].name if number in known else applied[number].name,
            kind=_kind(known.get(number)),
            applied_at=applied[number].applied_at if number in applied else None,
        )
        for number in sorted(applied.keys() | known.keys())
    )


def _kind(migration: Migration | None) -> Kind:
    if migration is None:
        return "newer"
    return "expand" if migration.demand is None else "contract"


def _process(process: ServerProcess, needs: int) -> ProcessDocument:
    return ProcessDocument(
        place=process.place,
        version=process.version,
        knows=process.knows,
        may_serve=process.knows >= needs,
    )
