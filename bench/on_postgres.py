"""The operations once more, with the records in PostgreSQL: it runs on the generator's core."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from bench import machine
from bench.operations import measure, operations
from bench.plan import Plan
from bench.seeding import seed
from bench.server import Installation, counterfoil
from tests import postgres
from tests.ports import free_port

SETTINGS: Final = (
    "fsync=on",
    "synchronous_commit=on",
    "full_page_writes=on",
    "shared_buffers=256MB",
)
"""Nothing that was answered is lost; all else is as PostgreSQL comes."""


def on_postgres(directory: Path, plan: Plan) -> Mapping[str, float]:
    """Give the numbers, ``postgres_`` before their keys; none where PostgreSQL is not here."""
    if postgres.programs() is None:
        sys.stderr.write("!! bench: PostgreSQL is not here, and its part is left out\n")
        return {}
    place = directory / "postgres"
    place.mkdir()
    print(f"PostgreSQL: {', '.join(SETTINGS)}; on the generator's core")
    with postgres.running(durable=True, settings=SETTINGS) as database:
        machine.pin(database.pid, machine.GENERATOR)
        url = {"database": database.url(database.create())}
        installation = Installation(place / "data", free_port(), url)
        with counterfoil(installation) as server:
            seeded = seed(installation, server.port)
            each = operations(seeded, server, place, database.pid)
            results = measure(each, seeded, server, plan, place)
            results["rss_after_mb"] = machine.memory_mb(server.pid)
    return {f"postgres_{name}": value for name, value in results.items()}
