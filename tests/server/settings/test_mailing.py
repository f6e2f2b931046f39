"""What is set about mail fits together, and a password stands nowhere where it is shown."""

from pathlib import Path
from typing import Any

import pytest

from counterfoil.server.settings import Settings, SettingsError, describe, load

SENDER = {"mail_host": "mail.example", "mail_sender": "id@id.example"}
PASSWORD = "a mail passw0rd"


def loaded(environment: dict[str, str] | None = None, **given: Any) -> Settings:
    return load(environment or {}, {"data": "/nowhere", **SENDER, **given})


@pytest.mark.parametrize(("tls", "port"), [("starttls", 587), ("tls", 465), ("none", 25)])
def test_the_port_follows_from_the_line(tls: str, port: int):
    server = loaded(mail_tls=tls).mail_server("id.example")
    assert server is not None
    assert (server.host, server.port, server.own_name) == ("mail.example", port, "id.example")
    other = loaded(mail_tls=tls, mail_port=2525).mail_server("id.example")
    assert other is not None
    assert other.port == 2525


def test_without_a_host_there_is_no_mail():
    assert Settings().mail_server("id.example") is None


def test_the_password_comes_from_the_environment_or_a_file(tmp_path: Path):
    file = tmp_path / "password"
    file.write_text(f"{PASSWORD}\n")
    by_file = loaded(mail_user="id", mail_password_file=str(file))
    by_variable = loaded({"COUNTERFOIL_MAIL_PASSWORD": PASSWORD}, mail_user="id")
    for settings in (by_file, by_variable):
        server = settings.mail_server("id.example")
        assert server is not None
        assert server.password is not None
        assert server.password.reveal() == PASSWORD
        assert PASSWORD not in repr(server)
        assert PASSWORD not in repr(settings)
        assert PASSWORD not in str(describe(settings))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"mail_sender": ""}, "from whom mail is"),
        ({"mail_user": "id"}, "belong together"),
        ({"mail_password_file": "x"}, "belong together"),
        ({"mail_password": PASSWORD, "mail_user": "id"}, "from the environment only"),
        (
            {"mail_tls": "none", "mail_user": "id", "mail_password_file": "x"},
            "in the clear",
        ),
        ({"mail_tls": "ssl"}, "mail-tls"),
        ({"mail_sender": "nobody"}, "mail_sender"),
        ({"mail_sender": "A\r\nBcc: b@c.example <id@id.example>"}, "mail_sender"),
    ],
)
def test_what_does_not_fit_is_refused(given: dict[str, Any], words: str):
    with pytest.raises(SettingsError, match=words):
        loaded(**given)


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff", b"x" * 5000])
def test_a_file_that_holds_no_password_is_refused(tmp_path: Path, content: bytes | None):
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    settings = loaded(mail_user="id", mail_password_file=str(file))
    with pytest.raises(SettingsError, match="mail_password_file"):
        settings.mail_server("id.example")
