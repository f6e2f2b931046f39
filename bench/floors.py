"""What cannot be had faster here: one signature, one verification, one durable commit."""

import os
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import apsw
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256

_MESSAGE: Final = bytes(300)
_SETTINGS: Final = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;"


def es256(repeats: int) -> dict[str, float]:
    """Microseconds of an ECDSA signature on P-256 over 300 bytes, and of its verification."""
    key = ec.generate_private_key(ec.SECP256R1())
    public, scheme = key.public_key(), ec.ECDSA(SHA256())
    signature = key.sign(_MESSAGE, scheme)
    return {
        "es256_sign_us": _median_us(lambda: key.sign(_MESSAGE, scheme), repeats),
        "es256_verify_us": _median_us(lambda: public.verify(signature, _MESSAGE, scheme), repeats),
    }


def sqlite_commit(directory: Path, repeats: int) -> float:
    """Microseconds of one row in one commit of its own, on the disk of the data directory."""
    path = directory / "commit.db"
    database = apsw.Connection(str(path))
    database.execute(_SETTINGS)
    database.execute("CREATE TABLE rows (id BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID")
    cursor = database.cursor()

    def commit() -> None:
        cursor.execute("INSERT INTO rows VALUES (?, ?)", (os.urandom(32), _MESSAGE))

    try:
        return _median_us(commit, repeats)
    finally:
        database.close()
        path.unlink()


def _median_us(step: Callable[[], object], repeats: int) -> float:
    spent = []
    for _ in range(repeats):
        begun = time.perf_counter_ns()
        step()
        spent.append((time.perf_counter_ns() - begun) / 1000)
    return statistics.median(spent)
