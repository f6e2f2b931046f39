"""What the commands of the audit log do and tell."""

from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

import click
from msgspec import Struct

from counterfoil.cli.output import Failure, counted, printable
from counterfoil.server.audit import files, keeping, verification
from counterfoil.server.audit.keeping import AuditKeeper
from counterfoil.server.audit.verification import Verification
from counterfoil.server.audit.walk import Fault, Witness
from counterfoil.server.audit.witnesses import HeadReader, NoWitness, gathered
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.erasure import erase_from_log
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.audit import FeedKey, Segment
from counterfoil.server.records.erased import ErasedLines
from counterfoil.server.records.store import Transaction

_LONGEST_FILE: Final = 64 * 1024 * 1024
_FAULTS_SHOWN: Final = 50


class FaultDocument(Struct, frozen=True, kw_only=True):
    """What is wrong, from one line to another."""

    first: int
    last: int
    sentence: str


class VerificationDocument(Struct, frozen=True, kw_only=True):
    """What was verified. ``number`` and ``digest``: where the chain stands now."""

    sound: bool
    lines: int
    first: int
    number: int
    digest: str
    erased_parts: int
    files: int
    heads: int
    unheard: tuple[str, ...]
    unseen: tuple[str, ...]
    faults: tuple[FaultDocument, ...]


class ExportDocument(Struct, frozen=True, kw_only=True):
    """The files that were written, in the order of the log."""

    files: tuple[str, ...]


class ErasureDocument(Struct, frozen=True, kw_only=True):
    """How many parts of lines were blanked in the database, and lines in which files."""

    parts: int
    files: dict[str, int]


async def verified(
    authority: Authority, given: Iterable[str], directory: Path | None
) -> VerificationDocument:
    """Verify the database, the files of a directory, and hold signed heads against both.

    Raises:
        Failure: something that was given cannot be read, or proves nothing.
    """
    keys = await authority.store.read(_feed_keys)
    reader = HeadReader(authority.issuer, tuple(keys))
    heads = gathered(_witnesses(reader, each) for each in given)
    paths = _files_in(directory) if directory else []

    async def work(tx: Transaction) -> Verification:
        return await verification.verify(tx, heads, paths)

    return _document_of(await authority.store.read(work))


def _witnesses(reader: HeadReader, given: str) -> list[Witness]:
    try:
        return reader.witnesses(_text_of(given))
    except NoWitness as error:
        name = "what was given" if given.count(".") == 2 and "/" not in given else given
        raise Failure(f"{printable(name)} {error}") from None


def _text_of(given: str) -> str:
    path = Path(given)
    try:
        if not path.is_file():
            return given
        if path.stat().st_size > _LONGEST_FILE:
            raise Failure(f"{given} is longer than any file that a guard keeps")
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError):
        return given


def _files_in(directory: Path) -> list[Path]:
    if not directory.is_dir():
        raise Failure(f"there is no directory {directory}")
    return sorted(directory.glob(files.PATTERN))


def _document_of(found: Verification) -> VerificationDocument:
    return VerificationDocument(
        sound=not found.faults,
        lines=found.lines,
        first=found.first,
        number=found.end.number,
        digest=found.end.digest,
        erased_parts=found.erased_parts,
        files=found.files,
        heads=found.heads,
        unheard=found.unheard,
        unseen=found.unseen,
        faults=tuple(map(_fault, found.faults)),
    )


def _fault(fault: Fault) -> FaultDocument:
    return FaultDocument(first=fault.first, last=fault.last, sentence=fault.sentence)


def tell_verification(document: VerificationDocument) -> None:
    """Tell a person."""
    for fault in document.faults[:_FAULTS_SHOWN]:
        click.echo(printable(fault.sentence))
    if len(document.faults) > _FAULTS_SHOWN:
        click.echo(f"... and {len(document.faults) - _FAULTS_SHOWN} more.")
    for each in document.unheard:
        click.echo(f"Not checked: {each} speaks of lines that were dropped; give --files.")
    for each in document.unseen:
        click.echo(f"Not checked: {each}, which were dropped; give --files.")
    stretch = f"{document.first} to {document.number}" if document.lines else "none"
    click.echo(f"Lines in the database: {stretch}. Files: {document.files}.")
    click.echo(f"Parts that were erased: {document.erased_parts}. Heads: {document.heads}.")
    click.echo(f"The chain stands at {document.number} {document.digest}")
    if document.sound:
        click.echo(_sound(document))
    else:
        click.echo(f"The log is NOT whole: {counted(len(document.faults), 'fault')}.")


def _sound(document: VerificationDocument) -> str:
    if document.heads > len(document.unheard):
        return "The log is whole, and passes through every head that could be checked."
    return (
        "The log agrees with itself. That nothing was cut off at its end, or written anew as a "
        "whole, only a signed head can show: --against."
    )


async def exported(authority: Authority, directory: Path, *, close: bool) -> ExportDocument:
    """Write every closed segment whose lines are here; ``close``: the open one too."""
    keeper = AuditKeeper(authority.store, authority.settings)
    if close:
        await authority.store.transact(_close)
    segments = await authority.store.read(_segments)
    whole = [segment for segment in segments if segment.dropped_at is None]
    return ExportDocument(
        files=tuple([str(await keeper.export(segment, directory)) for segment in whole])
    )


def tell_export(document: ExportDocument) -> None:
    """Tell a person."""
    for path in document.files:
        click.echo(path)
    if not document.files:
        click.echo("No segment is closed: --close closes the open one.")


async def erased(authority: Authority, user_id: str, directory: Path | None) -> ErasureDocument:
    """Erase a person from the database, and then from the files that are known or named.

    In this order: the log tells of it before a file is changed, and a file that is being written
    meanwhile is written once more.

    Raises:
        Failure: a file cannot be read, or it is an address and no id.
    """
    if "@" in user_id:
        # Lines name people by their ids: an address would be found nowhere, and all seem done.
        raise Failure(f"{user_id} is no id; `counterfoil user list` says whose is which")
    directories = {each for each in (authority.settings.audit_export_dir, directory) if each}
    paths = [path for each in sorted(directories) if each.is_dir() for path in _files_in(each)]
    in_files = _would_erase_in(paths, user_id)
    parts = await authority.store.transact(partial(_erase, user_id, in_files))
    return ErasureDocument(parts=parts, files=_erased_in(paths, user_id))


def _would_erase_in(paths: Iterable[Path], user_id: str) -> ErasedLines:
    found = ErasedLines()
    try:
        for path in paths:
            found |= files.would_erase(path, user_id)
    except files.BrokenFile as error:
        raise Failure(f"{error}; nothing was erased") from None
    return found


def _erased_in(paths: Iterable[Path], user_id: str) -> dict[str, int]:
    try:
        counts = {str(path): files.erase(path, user_id) for path in paths}
    except files.BrokenFile as error:
        raise Failure(f"{error}; files after it were not looked into") from None
    return {path: count for path, count in counts.items() if count}


def tell_erasure(document: ErasureDocument) -> None:
    """Tell a person."""
    click.echo(f"Erased: {counted(document.parts, 'part')} of lines in the database.")
    for path, count in document.files.items():
        click.echo(f"Erased in {counted(count, 'line')} of {path}.")


async def _erase(user_id: str, in_files: ErasedLines, tx: Transaction) -> int:
    return await erase_from_log(tx, user_id, CLI, in_files)


async def _close(tx: Transaction) -> None:
    await keeping.close(tx, (await tx.events.last()).number)


async def _segments(tx: Transaction) -> list[Segment]:
    return await tx.segments.every()


async def _feed_keys(tx: Transaction) -> list[FeedKey]:
    return await tx.signing_keys.feed_keys()
