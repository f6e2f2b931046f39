"""What every test shares: the event loop, Hypothesis, and what a missing tool means."""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

if TYPE_CHECKING:
    from tests.postgres import Postgres

CHROMIUM = Path("/usr/bin/chromium")
NODE_MODULES = Path(__file__).parent / "interop" / "node_modules"
MEMORY = Path("/dev/shm")
LONGEST = (
    "tests/browser/test_admin",
    "tests/browser/",
    "tests/bench/",
    "tests/crash/",
    "tests/model/",
    "tests/storage/test_crash.py",
    "tests/flows/test_restore.py",
    "tests/flows/test_receipts.py",
    "tests/flows/test_carrier.py",
    "tests/flows/test_database_away.py",
    "tests/cli/test_serv",
    "tests/cli/test_receipts.py",
    "tests/attacks/test_slow_",
    "tests/examples/",
)
"""Whose tests take seconds each, most of them in processes of their own."""
FEWER_LOOKS = (20_000, 20, 20)
"""New objects before the collector of garbage looks, and how often it looks further."""
ROOM = 4 * 2**30
"""Bytes that tests may leave behind, and much more than they do."""


def has_patroni() -> bool:
    from tests.soak.patroni import etcd

    return etcd() is not None and find_spec("patroni") is not None


def has_postgres() -> bool:
    from tests.postgres import programs

    return programs() is not None


def has_nats() -> bool:
    from tests.nats import program

    return program() is not None


def has_nginx() -> bool:
    from tests.nginx import program

    return program() is not None


TOOLS: dict[str, Callable[[], bool]] = {
    "browser": CHROMIUM.exists,
    "wrk": lambda: shutil.which("wrk") is not None,
    "postgres": has_postgres,
    "patroni": has_patroni,
    "nats": has_nats,
    "nginx": has_nginx,
    "npm": lambda: bool(shutil.which("node")) and (NODE_MODULES / ".package-lock.json").exists(),
}
LEFT_OUT = "left out by hand"
MISSING = "is missing"

# No deadline: a busy machine is no reason to fail. The blob repeats a failure elsewhere.
settings.register_profile("counterfoil", deadline=None, print_blob=True)
settings.load_profile("counterfoil")


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session", autouse=True)
def templates_compiled_once() -> Iterator[None]:
    """All installations of a process show the same pages: to compile these takes longer than most
    tests do."""
    from counterfoil.server import assembly

    pages = assembly.Pages()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assembly, "Pages", lambda: pages)
        yield


@pytest.fixture(scope="session")
def postgres_server() -> Iterator["Postgres"]:
    """A PostgreSQL for the whole session, with the template of a new installation's database."""
    from tests.postgres import make_template, running

    with running() as server:
        with ThreadPoolExecutor(1) as beside:  # here a loop may be running
            beside.submit(lambda: asyncio.run(make_template(server))).result()
        yield server


@pytest.fixture
def database(postgres_server: "Postgres") -> Iterator[str]:
    """Where a new installation's database is, which several stores may share."""
    from tests.postgres import TEMPLATE

    name = postgres_server.create(TEMPLATE)
    yield postgres_server.url(name)
    postgres_server.drop(name)


@pytest.fixture(scope="module", autouse=True)
def on_engine(request: pytest.FixtureRequest) -> Iterator[str]:
    """Which engine whole installations keep their records in: SQLite, or what a folder asks for.

    What makes an installation for a whole module must ask for it, to make one for each engine.
    ``TEST_ENGINE=postgres`` asks for those who do not.
    """
    name = getattr(request, "param", os.environ.get("TEST_ENGINE", "sqlite"))
    if name == "sqlite":
        yield name
        return
    if not has_postgres():
        refuse_or_skip("postgres")
    from tests import engines
    from tests.postgres import Databases

    server = request.getfixturevalue("postgres_server")
    with closing(Databases(server)) as databases, engines.on(databases):
        yield name


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--without",
        default=os.environ.get("WITHOUT", ""),
        metavar="TOOLS",
        help="comma-separated tools whose tests are left out: browser,npm,… (default: $WITHOUT)",
    )


def pytest_configure(config: pytest.Config) -> None:
    keep_files_in_memory()
    unknown = left_out(config) - TOOLS.keys()
    if unknown:
        raise pytest.UsageError(f"--without knows {sorted(TOOLS)}, not {sorted(unknown)}")


def keep_files_in_memory() -> None:
    """Wait for no disk: what is killed here are processes, and their files outlive them in memory.

    ``TMPDIR`` names another place; workers, and whatever they start, inherit it.
    """
    if "TMPDIR" not in os.environ and has_room(MEMORY):
        os.environ["TMPDIR"] = str(MEMORY)
        tempfile.tempdir = None


def has_room(folder: Path) -> bool:
    """Whether it is there and large, and programs may run from it."""
    if not (folder.is_dir() and os.access(folder, os.W_OK)):
        return False
    said = os.statvfs(folder)
    return said.f_bavail * said.f_frsize >= ROOM and not said.f_flag & os.ST_NOEXEC


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors: tests of whole processes wait for them, too."""
    return len(os.sched_getaffinity(0)) + 1


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the longest: at the end nobody waits for one who began late."""
    items.sort(key=lambda each: next(place_in_line(each.nodeid), len(LONGEST)))


def pytest_collection_finish() -> None:
    """What was collected stays to the end: to look through it again and again finds no garbage."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*FEWER_LOOKS)


def place_in_line(node_id: str) -> Iterator[int]:
    return (number for number, name in enumerate(LONGEST) if node_id.startswith(name))


def pytest_runtest_setup(item: pytest.Item) -> None:
    for tool, is_there in TOOLS.items():
        if item.get_closest_marker(tool) is None:
            continue
        if tool in left_out(item.config):
            pytest.skip(f"{tool}: {LEFT_OUT}")
        if not is_there():
            refuse_or_skip(tool)


def refuse_or_skip(tool: str) -> None:
    """In CI a missing tool is a failure: a skip there would be a test that nobody runs."""
    if os.environ.get("CI", "").lower() in {"1", "true", "yes"}:
        pytest.fail(f"{tool} {MISSING} (WITHOUT={tool} leaves its tests out by hand)", False)
    pytest.skip(f"{tool} {MISSING}")


def left_out(config: pytest.Config) -> set[str]:
    return {tool for tool in config.getoption("--without").split(",") if tool}


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for report in terminalreporter.stats.get("passed", []):
        for name, value in report.user_properties:
            if name == "told":
                terminalreporter.write_line(str(value))
    skipped = terminalreporter.stats.get("skipped", [])
    for tool in TOOLS:
        number = sum(f"{tool} {MISSING}" in str(report.longrepr) for report in skipped)
        by_hand = sum(f"{tool}: {LEFT_OUT}" in str(report.longrepr) for report in skipped)
        if number or by_hand:
            why = f"{tool} {MISSING}" if number else f"WITHOUT={tool}"
            terminalreporter.write_line(
                f"!! {number + by_hand} tests did NOT run: {why}", red=True, bold=True
            )
