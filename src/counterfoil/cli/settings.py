"""``counterfoil settings``: every setting with its value and where that comes from."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from counterfoil.cli.invocation import Invocation, installation
from counterfoil.cli.output import print_table

if TYPE_CHECKING:
    from counterfoil.server.settings import Settings


@click.command()
@installation
def settings(call: Invocation) -> None:
    """List every setting with its value, its source and its default."""
    current = call.settings()
    from counterfoil.server.settings import describe

    in_file = _names_in_file(call.overrides, current)
    rows = [{**row, "source": _source(row, call.overrides, in_file)} for row in describe(current)]
    cells = [
        (row["name"], f"{row['value']} {row['unit']}".strip(), row["source"], row["help"])
        for row in rows
    ]
    headers = ("setting", "value", "from", "what it is")
    call.show({"settings": rows}, lambda: print_table(headers, cells, empty=""))


def _names_in_file(overrides: Mapping[str, object], current: "Settings") -> frozenset[str]:
    from counterfoil.server.settings import FILE_NAME

    named = overrides.get("config") or os.environ.get("COUNTERFOIL_CONFIG")
    path = Path(str(named)) if named else current.data / FILE_NAME
    return frozenset(tomllib.loads(path.read_text("utf-8"))) if path.exists() else frozenset()


def _source(
    row: Mapping[str, str], overrides: Mapping[str, object], in_file: frozenset[str]
) -> str:
    if overrides.get(row["name"]) is not None:
        return "command line"
    if row["variable"] in os.environ:
        return "environment"
    return "file" if row["name"] in in_file else "default"
