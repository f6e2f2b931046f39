"""The program as a whole: its overview, its speed, its extras, its manners."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from counterfoil.cli.program import COMMANDS, program
from tests.cli.conftest import Installation

SCRIPT = Path(sys.executable).parent / "counterfoil"
SLOW = {"asyncio", "concurrent", "email", "http", "json", "logging", "multiprocessing", "socket",
        "sqlite3", "ssl", "subprocess", "tempfile", "unittest", "urllib", "xml"}  # fmt: skip
"""Parts of the standard library that take long to import."""
REFERENCE = Path(__file__).parents[2] / "docs" / "reference" / "cli.md"


def commands() -> Iterator[tuple[str, click.Command]]:
    context = click.Context(program)
    for name in COMMANDS:
        command = program.get_command(context, name)
        assert command is not None
        yield from under(name, command)


def under(name: str, command: click.Command) -> Iterator[tuple[str, click.Command]]:
    if not isinstance(command, click.Group):
        yield name, command
        return
    for verb, inner in command.commands.items():
        yield from under(f"{name} {verb}", inner)


AS_A_CLIENT = {"login", "logout", "call", "token exchange", "token ticket"}
"""They speak to an issuer as anybody does, and open no installation."""


def test_every_command_has_help_and_takes_the_data_directory():
    for name, command in commands():
        assert command.help, name
        takes_data = {"--data", "--config"} <= options_of(command)
        assert takes_data is (name not in AS_A_CLIENT), name


def test_every_command_that_prints_data_speaks_json():
    silent = {name for name, command in commands() if "--json" not in options_of(command)}
    assert silent == {"serve", *AS_A_CLIENT}


def test_the_reference_names_every_command_and_option():
    text = REFERENCE.read_text()
    for name, command in commands():
        section = re.search(
            rf"^### `{name}`$(.*?)(?=^##)", text + "\n## end", re.DOTALL | re.MULTILINE
        )
        assert section, f"{name} has no section"
        shared = {"--data", "--database", "--config", "--json", "--wait"}
        missing = options_of(command) - shared
        assert [option for option in missing if f"`{option}" not in section[1]] == [], name


def test_the_overview_imports_nothing_but_itself_and_click():
    """That keeps it quick; how quick it is stands in the bench (``overview_ms``)."""
    code = "import sys; before = set(sys.modules)\nfrom counterfoil.cli import main\n"
    code += "sys.argv = ['counterfoil', '--help']\ntry: main()\nexcept SystemExit: pass\n"
    code += "print(*set(sys.modules) - before, file=sys.stderr)"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert all(f"  {name} " in answer.stdout for name in COMMANDS)
    imported = answer.stderr.split()
    assert {name for name in imported if name.startswith("counterfoil")} == {
        "counterfoil", "counterfoil.cli", "counterfoil.cli.output", "counterfoil.cli.program"
    }  # fmt: skip
    roots = {name.partition(".")[0] for name in imported}
    assert roots - sys.stdlib_module_names == {"click", "counterfoil"}
    assert roots & SLOW == set()


def test_without_the_server_a_command_names_the_extra(tmp_path: Path):
    answer = without(("apsw", "starlette"), "client", "list", "--data", str(tmp_path))
    assert answer.returncode == 1
    assert "pip install 'counterfoil[server]'" in answer.stderr
    assert answer.stderr.count("\n") == 1
    assert without(("apsw", "starlette", "msgspec"), "--help").returncode == 0


def test_without_click_the_script_names_the_extra():
    answer = without(("click",), "--help")
    assert answer.returncode == 1
    assert "pip install 'counterfoil[cli]'" in answer.stderr
    assert answer.stderr.count("\n") == 1


def without(missing: tuple[str, ...], *arguments: str) -> subprocess.CompletedProcess[str]:
    code = f"import sys; sys.modules.update(dict.fromkeys({missing!r}))\n"
    code += f"sys.argv = ['counterfoil', *{arguments!r}]\n"
    code += "from counterfoil.cli import main; main()"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_version_is_printed():
    assert re.fullmatch(
        r"counterfoil \d+\.\d+\.\d+\n", CliRunner().invoke(program, ["--version"]).output
    )


@pytest.mark.parametrize("arguments", [["nonsense"], ["client", "nonsense"], ["--nonsense"]])
def test_a_command_that_is_none_is_a_usage_error(arguments: list[str]):
    assert CliRunner().invoke(program, arguments).exit_code == 2


@pytest.mark.parametrize("name", ["-hV5T2rT0cWcGJ2SVuHn9Q", "--V5T2rT0cWcGJ2SVuHn9Q", "-"])
@pytest.mark.parametrize(
    "command",
    [
        "client show", "client disable", "client rotate-secret", "user disable", "grant end",
        "session end", "key retire", "key withdraw", "family end", "grant sign-out", "user end",
        "user enable", "user end-password", "user recover", "user invite",
        "client end", "client enable",
    ],
)  # fmt: skip
def test_an_id_may_begin_with_a_hyphen(installation: Installation, command: str, name: str):
    """One in sixty-four random ids does."""
    installation.succeed("client", "add", "Service")
    noun, _ = command.split()
    assert (
        installation.refused(*command.split(), name) == f"counterfoil: there is no {noun} {name}\n"
    )


def test_a_jti_may_begin_with_a_hyphen(installation: Installation):
    installation.succeed("client", "add", "Service")
    jti = "-hV5T2rT0cWcGJ2SVuHn9Q"
    assert installation.json("token", "revoke", "--jti", jti, "--yes")["jti"] == jti


@pytest.mark.parametrize(
    ("arguments", "stdin"),
    [
        (["client", "show", b"\xff"], b""),
        (["client", "add", b"\xff"], b""),
        (["user", "add", b"\xff@example.com"], b""),
        (["user", "claim", "?token=x", "--password-stdin"], b"long enough \xff"),
        (["user", "claim", "-", "--password-stdin"], b"\xff\nlong enough"),
        (["token", "inspect", b"\xff"], b""),
        (["token", "inspect", "-"], b"\xff"),
        (["token", "revoke", b"\xff"], b""),
    ],
)
def test_bytes_that_are_no_text_are_refused_in_a_line(
    installation: Installation, arguments: list[str | bytes], stdin: bytes
):
    installation.succeed("client", "add", "Service")
    command = [SCRIPT, *arguments, "--data", installation.data]
    answer = subprocess.run(command, input=stdin, capture_output=True, check=False)
    assert (answer.returncode, answer.stdout) == (1, b"")
    assert answer.stderr.startswith(b"counterfoil: ")
    assert answer.stderr.count(b"\n") == 1


def test_a_mistyped_option_is_a_usage_error(installation: Installation):
    assert installation.run("grant", "end", "some-id", "--jsn").exit_code == 2


def test_on_a_terminal_the_overview_is_rich():
    import os
    import pty

    parent, child = pty.openpty()
    with subprocess.Popen([SCRIPT, "--help"], stdout=child, env={**os.environ, "TERM": "xterm"}):
        os.close(child)
        seen = b""
        try:
            while chunk := os.read(parent, 4096):
                seen += chunk
        except OSError:  # Linux says EIO when the other end has gone
            pass
    os.close(parent)
    assert "╭".encode() in seen
    assert b"doctor" in seen


def options_of(command: click.Command) -> set[str]:
    return {
        option
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for option in parameter.opts
        if option.startswith("--")
    }
