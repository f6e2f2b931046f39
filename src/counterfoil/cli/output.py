"""How commands speak: JSON for programs, tables for people, one line for what went wrong."""

import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Final

import click

Rows = Sequence[Sequence[str]]
NOTHING: Final = "–"


class Failure(Exception):
    """What the user can mend. The text is one line: what and where."""


def print_json(document: object) -> None:
    """Print a document as indented JSON. Secrets in it are spelled out: see ``_revealed``."""
    import msgspec

    text = msgspec.json.encode(document, enc_hook=_revealed)
    click.echo(msgspec.json.format(text, indent=2).decode())


def _revealed(value: object) -> object:
    from counterfoil.oauth.opaque import Secret

    if isinstance(value, Secret):
        return value.reveal()
    if isinstance(value, str):  # a sentence, which is English here
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} is not for JSON")


def print_table(headers: Sequence[str], rows: Rows, *, empty: str) -> None:
    """Print rows under headers, or the sentence ``empty``; plain where nobody looks."""
    shown = [[printable(cell) for cell in row] for row in rows]
    if not shown:
        click.echo(empty)
    elif sys.stdout.isatty():
        _print_rich(headers, shown)
    else:
        _print_plain([headers, *shown])


def _print_rich(headers: Sequence[str], rows: Rows) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, header_style="bold", pad_edge=False)
    for header in headers:
        table.add_column(header, overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    Console().print(table)


def _print_plain(rows: Rows) -> None:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = (cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo("  ".join(cells).rstrip())


def print_fields(fields: Iterable[tuple[str, str]]) -> None:
    """Print one thing, a line for each of its fields."""
    shown = list(fields)
    width = max(len(name) for name, _ in shown)
    for name, value in shown:
        click.echo(f"{click.style(name.ljust(width), bold=True)}  {printable(value)}")


def printable(text: str) -> str:
    """Replace what could steer a terminal: names and browsers' words come from strangers."""
    return "".join(each if each.isprintable() else "�" for each in text) or NOTHING


def at(time: int | None) -> str:
    """Write a time (seconds since the epoch) for people, in UTC."""
    if time is None:
        return NOTHING
    return datetime.fromtimestamp(time, UTC).strftime("%Y-%m-%d %H:%M:%S")


def counted(count: int, noun: str) -> str:
    """Write a number of things: ``1 session``, ``2 sessions``, ``3 families``."""
    if count == 1:
        return f"1 {noun}"
    ends_in_y = noun.endswith("y") and noun[-2] not in "aeiou"
    return f"{count} {noun[:-1]}ies" if ends_in_y else f"{count} {noun}s"
