"""``python -m bench.instructions``: what a request takes of the processor, and for what.

Instructions of the server's process, without the kernel's, counted by valgrind's callgrind. They
are the same whatever else the machine does: a change of one in a hundred can be told.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec

from bench.inside import MOST, Kept
from bench.seeding import access_tokens, refresh_tokens, seed
from bench.server import Installation, counterfoil, environment
from tests.ports import free_port

OPERATIONS: Final = ("client_credentials", "introspection", "refresh", "authorize", "code")
_PARTS: Final[Mapping[str, str]] = {
    "_rust.abi3": "keys",
    "libcrypto": "hashes",
    "_hashlib": "hashes",
    "_blake2": "hashes",
    "apsw": "SQLite",
    "libc.so": "allocation, copying",
    "msgspec": "msgspec",
    "uvloop": "uvloop",
    "httptools": "uvloop",
    "python": "the interpreter",
}
"""What stands in a library whose path has this in it, the first that fits."""
_REST: Final = "the rest"
_LINE: Final = re.compile(r"^\s*([\d,]+) \([^)]*\)\s+\S*:(\S+)(?: \[([^\]]*)\])?\s*$")


def counted(annotated: str) -> Counter[str]:
    """Read what ``callgrind_annotate`` says: instructions by what they were for.

    What was inlined into a function stands in lines of its own, which do not name the library.
    """
    lines = [match for line in annotated.splitlines() if (match := _LINE.match(line))]
    library = {match[2]: match[3] for match in lines if match[3]}
    found = Counter[str]()
    for match in lines:
        path = library.get(match[2], "")
        part = next((name for key, name in _PARTS.items() if key in path), _REST)
        found[part] += int(match[1].replace(",", ""))
    return found


def _counted(place: Path, operation: str, count: int) -> Counter[str]:
    out = place / f"{operation}.{count}.callgrind"
    command = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", sys.executable]
    surroundings = {**environment(), "PYTHONHASHSEED": "0"}
    subprocess.run(
        [*command, "-m", "bench.inside", str(place), operation, str(count)],
        env=surroundings,
        capture_output=True,
        check=True,
    )
    annotated = ["callgrind_annotate", "--threshold=100", str(out)]
    said = subprocess.run(annotated, capture_output=True, text=True, check=True).stdout
    return counted(said)


def each_of(place: Path, operation: str) -> Mapping[str, float]:
    """Give thousands of instructions that one request takes more than none."""
    with ThreadPoolExecutor(2) as both:
        none, some = both.map(lambda count: _counted(place, operation, count), (0, MOST))
    return {part: (some[part] - none[part]) / MOST / 1000 for part in some}


def prepare(place: Path, families: int = 2 * MOST) -> None:
    """Make an installation whose requests are counted, as `bench` does."""
    installation = Installation(place / "data", free_port())
    with counterfoil(installation) as server:
        seeded = seed(installation, server.port)
        kept = Kept(
            port=server.port,
            app=seeded.app.authorization,
            service=seeded.service.authorization,
            cookie=seeded.browser.cookie,
            query=seeded.query,
            families=refresh_tokens(seeded, families),
            tokens=access_tokens(seeded, server.port, 32),
        )
        seeded.browser.close()
    (place / "kept.json").write_bytes(msgspec.json.encode(kept))


def main() -> None:
    """Count each operation, and print a table."""
    if shutil.which("valgrind") is None:
        sys.exit("!! bench: valgrind is missing")
    place = Path(tempfile.mkdtemp())
    try:
        prepare(place)
        counts = {operation: each_of(place, operation) for operation in OPERATIONS}
    finally:
        shutil.rmtree(place)
    parts = [*dict.fromkeys(_PARTS.values()), _REST]
    print(f"{'thousand instructions':24}", *(f"{operation:>20}" for operation in OPERATIONS))
    for part in parts:
        row = (f"{counts[operation].get(part, 0):>20,.0f}" for operation in OPERATIONS)
        print(f"{part:24}", *row)
    print(f"{'all':24}", *(f"{sum(counts[name].values()):>20,.0f}" for name in OPERATIONS))


if __name__ == "__main__":
    main()
