"""What the handbook says of the client is what works: its lines are run as they stand."""

import asyncio
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterfoil.jose.keys import PrivateKey
from tests.architecture.sources import ROOT
from tests.cli.guarded import Api, api_of, registered, terminal
from tests.interop.serving import CALLBACK, Serving, serving

HOW_TO = ROOT / "docs" / "how-to"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    with serving(tmp_path_factory.mktemp("serving") / "data") as it:
        yield it


@pytest.fixture(scope="module")
def api(server: Serving) -> Iterator[Api]:
    with api_of(server) as it:
        registered(server)
        server.register("night-report", "--scope", "files:read")
        server.register(
            "shop", "--redirect-uri", CALLBACK, "--scope", "openid offline_access files:read"
        )
        yield it


def here(text: str, server: Serving, api: Api) -> str:
    """The same words with the addresses of this test."""
    for there, it in (
        ("https://id.example", server.issuer),
        ("https://orders.example", api.url),
        ("orders:read", "files:read"),
        ("https://shop.example/callback", CALLBACK),
        ("/orders", "/files"),
    ):
        text = text.replace(there, it)
    return text


def blocks(page: str, language: str) -> list[str]:
    text = (HOW_TO / page).read_text()
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def test_from_installing_to_a_call_it_is_ten_lines(
    server: Serving, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
):
    """Every block of Python of the page, one after the other."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    (tmp_path / "key.pem").write_bytes(PrivateKey.generate().to_pem())
    found = blocks("call-an-api.md", "python")
    assert len([line for line in found[0].splitlines() if line]) < 10
    names: dict[str, Any] = {
        "secret": server.secrets["night-report"],
        "shop_secret": server.secrets["shop"],
    }
    for block in found:
        for part in here(block, server, api).split("tokens = app.complete"):
            if part is not block and "sign_in" in names and "callback_url" not in names:
                names["callback_url"] = server.allow(names["sign_in"].url)
            code = part if not part.startswith("(") else f"tokens = app.complete{part}"
            exec(compile(code, "call-an-api.md", "exec"), names)
    assert '"body"' in capsys.readouterr().out.replace("'", '"')
    assert names["answer"].status_code == 200
    assert asyncio.run(names["orders"]())["body"] == ""
    assert "sub" in names["tokens"].identity.claims
    for name in ("client", "app", "lasting", "signing"):
        names[name].close()


def test_the_commands_of_the_page_do_what_it_says(
    server: Serving, api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """`login`, `call`, `token`, `logout`, in the order of the page."""
    _, commands, devices = blocks("call-from-a-terminal.md", "console")
    update = devices.replace("\\\n", " ").replace("terminal", "cli")
    server.counterfoil(*shlex.split(update)[2:])
    with terminal(server, tmp_path, monkeypatch) as me:
        for line in here(commands, server, api).replace("terminal", "cli").splitlines():
            words = shlex.split(line.removeprefix("$ "))
            if words[0] == "curl":
                inner = re.search(r"\$\(counterfoil (.*?)\)", line)
                assert inner is not None
                words = ["counterfoil", *shlex.split(inner[1])]
            said = me.succeed(*words[1:])
            assert said
        assert "nobody is signed in" in me.refused("token")
    assert [method for method, *_ in api.asked[-2:]] == ["GET", "POST"]
