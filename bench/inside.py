"""``python -m bench.inside KEPT OPERATION COUNT``: requests to the app in this process, no HTTP.

For whoever counts or samples what one of them takes (`bench.instructions`): the same so many times
over, after as many to warm up, 32 at once. Prints microseconds of CPU for each.
"""

import asyncio
import gc
import shutil
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec
import uvloop
from msgspec import Struct

from bench.seeding import CALLBACK, SCOPE, pkce_pair
from counterfoil.cli.invocation import Invocation
from counterfoil.server.app import App
from counterfoil.server.assembly import build

TOGETHER: Final = 32
MOST: Final = 192
"""So often a request is made at most; whatever it needs is made for so many, however few are."""
_FORM: Final = "application/x-www-form-urlencoded"

Ask = Callable[[Any], Awaitable[Any]]


class Kept(Struct, frozen=True):
    """An installation that was made before, as ``kept.json`` beside its data directory.

    ``app`` and ``service`` are their ``Authorization`` headers, ``query`` that of ``/authorize``.
    """

    port: int
    app: str
    service: str
    cookie: str
    query: str
    families: Sequence[str]
    tokens: Sequence[str]


class Requests:
    """Each operation as a request to the app; gives what the next one may need of its answer."""

    def __init__(self, app: App, kept: Kept) -> None:
        self._app = app
        self._kept = kept
        self._pairs = [pkce_pair() for _ in range(TOGETHER)]

    async def client_credentials(self, _: object) -> None:
        """A token for a service."""
        await self._post("/token", {"grant_type": "client_credentials", "scope": SCOPE})

    async def introspection(self, token: str) -> None:
        """A token that was asked about before."""
        assert (await self._post("/introspect", {"token": token}))["active"]

    async def refresh(self, token: str) -> str:
        """Gives the successor."""
        form = {"grant_type": "refresh_token", "refresh_token": token}
        return str((await self._post("/token", form, self._kept.app))["refresh_token"])

    async def authorize(self, number: int) -> tuple[int, str]:
        """Gives the code, and what it was asked with."""
        challenge = self._pairs[number % TOGETHER][1]
        query = f"{self._kept.query}&code_challenge={challenge}"
        headers = {"cookie": self._kept.cookie}
        _, answered, _ = await self._exchange("GET", "/authorize", query.encode(), headers, b"")
        return number, parse_qs(urlsplit(answered["location"]).query)["code"][0]

    async def code(self, authorized: tuple[int, str]) -> None:
        """Exchange a code for three tokens."""
        number, code = authorized
        form = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code": code}
        form["code_verifier"] = self._pairs[number % TOGETHER][0]
        await self._post("/token", form, self._kept.app)

    async def _post(self, path: str, form: dict[str, str], who: str = "") -> dict[str, Any]:
        headers = {"content-type": _FORM, "authorization": who or self._kept.service}
        body = urlencode(form).encode()
        headers["content-length"] = str(len(body))
        status, _, answer = await self._exchange("POST", path, b"", headers, body)
        assert status == 200, answer
        said: dict[str, Any] = msgspec.json.decode(answer)
        return said

    async def _exchange(
        self, method: str, path: str, query: bytes, headers: dict[str, str], body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        said = {"host": f"127.0.0.1:{self._kept.port}", **headers}
        scope = {
            "type": "http",
            "scheme": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "query_string": query,
            "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in said.items()],
            "client": ("127.0.0.1", 40_000),
            "server": ("127.0.0.1", self._kept.port),
            "state": {},
        }
        sent: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            sent.append(message)

        await self._app(scope, receive, send)
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], answered, b"".join(each.get("body", b"") for each in sent)


async def _all(ask: Ask, items: Sequence[Any]) -> list[Any]:
    return list(await asyncio.gather(*(ask(item) for item in items)))


async def _measure(app: App, kept: Kept, operation: str, count: int) -> float:
    requests = Requests(app, kept)
    ask: Ask = getattr(requests, operation)
    items: list[Any] = {
        "refresh": list(kept.families),
        "introspection": [*kept.tokens] * (1 + MOST // len(kept.tokens)),
    }.get(operation, list(range(TOGETHER + MOST)))
    if operation == "code":
        items = await _all(requests.authorize, items)
    spent = 0.0
    for begin in range(0, TOGETHER + count, TOGETHER):
        begun = time.process_time()
        await _all(ask, items[begin : begin + TOGETHER])
        if begin:  # the first of them warm up
            spent += time.process_time() - begun
    return spent / max(count, 1) * 1e6


async def main(place: Path, operation: str, count: int) -> None:
    """Measure on a copy of an installation."""
    kept = msgspec.json.decode((place / "kept.json").read_bytes(), type=Kept)
    copy = Path(tempfile.mkdtemp()) / "data"
    shutil.copytree(place / "data", copy)
    app = build(Invocation({"data": copy, "port": kept.port}).settings())
    async with app.running():
        gc.collect()
        gc.freeze()  # as a server does when it has started
        print(f"{operation} {await _measure(app, kept, operation, count):.0f} µs")
    shutil.rmtree(copy.parent)


if __name__ == "__main__":
    uvloop.run(main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])))
