"""The example of each framework, by the README's own command, against a real server of ours."""

import importlib.util
import re
import shlex
import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from tests.architecture.sources import ROOT
from tests.flows.serving import served
from tests.frameworks.serving import client, under_gunicorn, under_uvicorn, wait_until_heard
from tests.installation import Installation

pytestmark = pytest.mark.anyio
EXAMPLES = ROOT / "examples" / "frameworks"
WRITTEN = "http://localhost:8000"
"""Where ``make run`` starts the server."""
COMMANDS = dict(
    re.findall(
        r"^\|.*\(examples/frameworks/(\w+)/\w+\.py\) \| `\.venv/bin/([^`]+)` \|$",
        (ROOT / "README.md").read_text(),
        re.MULTILINE,
    )
)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def place(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Installation]:
    async with served(tmp_path_factory.mktemp("server")) as place:
        yield place


@contextmanager
def started(command: str, folder: Path) -> Iterator[str]:
    """Start what the README says, on a free port, from a copy of the example."""
    program, *arguments = shlex.split(command)
    options = dict(zip(arguments[:-1:2], arguments[1:-1:2], strict=True))
    if program == "gunicorn":
        assert options.keys() == {"--bind", "--chdir"}
        with under_gunicorn(arguments[-1], "--chdir", str(folder)) as url:
            yield url
    else:
        assert options.keys() == {"--port", "--app-dir"}
        module, name = arguments[-1].split(":")
        with under_uvicorn(getattr(loaded(folder / f"{module}.py"), name), lifespan="auto") as url:
            yield url


def loaded(file: Path) -> Any:
    spec = importlib.util.spec_from_file_location(f"example_of_{file.parent.name}", file)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_readme_says_how_to_start_every_example():
    assert COMMANDS.keys() == {each.name for each in EXAMPLES.iterdir() if any(each.glob("*.py"))}


@pytest.mark.parametrize("name", sorted(COMMANDS))
async def test_an_example_lets_a_token_pass_until_it_is_ended(
    name: str, place: Installation, tmp_path: Path
):
    """S119: as it is written, but for where the server is: from the token to its ending."""
    folder = shutil.copytree(EXAMPLES / name, tmp_path / name)
    for file in folder.glob("*.py"):
        file.write_text(file.read_text().replace(WRITTEN, place.issuer))
    issued = await place.post("/token", "service", grant_type="client_credentials")
    token = issued.json()["access_token"]
    with ExitStack() as stack:
        http = stack.enter_context(client(stack.enter_context(started(COMMANDS[name], folder))))
        ask = partial(anyio.to_thread.run_sync, lambda: asked(http, token))
        assert http.get("/notes").status_code == 401
        await anyio.to_thread.run_sync(wait_until_heard, http, token)
        passed = await ask()
        assert (passed.status_code, passed.json()) == (200, {"subject": "service"})
        assert (await place.post("/revoke", "service", token=token)).status_code == 200
        with anyio.fail_after(20):
            while (answer := await ask()).status_code == 200:
                pass
    assert (answer.status_code, answer.json()["error_reason"]) == (401, "revoked")


def asked(http: httpx2.Client, token: str) -> httpx2.Response:
    return http.get("/notes", headers={"authorization": f"Bearer {token}"})


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_guarded_route_takes_fewer_than_ten_lines(name: str):
    """From the first import of ours to the end of the route; blank ones do not count."""
    lines = [
        line
        for file in sorted((EXAMPLES / name).glob("*.py"))
        for line in own_lines(file.read_text().splitlines())
    ]
    assert 4 <= len(lines) < 10, lines


def own_lines(lines: list[str]) -> list[str]:
    """What somebody writes who has a project of that framework already.

    Its imports, its settings and the making of its app were there before.
    """
    theirs = re.compile(
        r"import |from (?!counterfoil)|(?!COUNTERFOIL)[A-Z_]+ = |app = [FS]|app = Litestar"
        r"|urlpatterns|os\.|application"
    )
    return [line for line in lines if line.strip() and not theirs.match(line)]
