"""Mail is handed to a real server, safely or not at all; what it refuses is told apart."""

import asyncio
from contextlib import suppress
from email.message import EmailMessage
from pathlib import Path

import pytest

from counterfoil.server.mail.courier import NotNow, Undeliverable
from counterfoil.server.mail.smtp import SmtpCourier
from counterfoil.server.mail.writing import Writer
from counterfoil.server.records.letter import Letter, LetterKind
from tests.server.mail.post_office import PASSWORD, PostOffice, post_office, signed_in

pytestmark = pytest.mark.anyio


def message(to: str = "ada@example.com") -> EmailMessage:
    letter = Letter(
        id="letter-1",
        kind=LetterKind.NEW_PASSWORD,
        to=to,
        language="de",
        written_at=1_800_000_000,
        values={"link": "https://id.example/new-password?token=x", "minutes": "60"},
    )
    return Writer("https://id.example", "Counterfoil <id@id.example>").write(letter)


async def deliver(office: PostOffice, to: str = "ada@example.com", **server: object) -> None:
    await SmtpCourier(office.server(**server)).deliver(message(to))


async def test_a_message_arrives_as_it_was_written():
    async with post_office() as office:
        await deliver(office)
    (taken,) = office.messages
    assert office.recipients == ["ada@example.com"]
    assert taken["Subject"] == "Ein neues Passwort wählen"
    assert taken["Message-ID"] == "<letter-1@id.example>"
    assert "https://id.example/new-password?token=x" in taken.get_body(("plain",)).get_content()  # type: ignore[union-attr]


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_the_line_is_encrypted_and_we_sign_in(tmp_path: Path, tls: str):
    async with post_office(tmp_path, tls=tls) as office:
        await deliver(office, tls=tls, **signed_in(office))
        assert office.safely == [(True, True)]
        with pytest.raises(NotNow, match="535"):
            await deliver(office, tls=tls, **signed_in(office, "wrong"))
    assert len(office.taken) == 1


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_a_server_that_nobody_vouches_for_gets_nothing(tmp_path: Path, tls: str):
    """Its certificate is signed by itself, and it is not said that this is enough."""
    async with post_office(tmp_path, tls=tls) as office:
        with pytest.raises(NotNow, match="CERTIFICATE_VERIFY_FAILED"):
            await deliver(office, tls=tls, ca_file=None, **signed_in(office))
        with pytest.raises(NotNow):
            await deliver(office, tls=tls, host="127.0.0.1", **signed_in(office))
    assert office.taken == []


@pytest.mark.parametrize("tls", ["tls", "starttls"])
async def test_a_server_without_tls_gets_nothing_where_that_is_demanded(tls: str):
    """As somebody in between makes it look (RFC 3207 §6)."""
    async with post_office() as office:
        with pytest.raises(NotNow) as refused:
            await deliver(office, tls=tls, **signed_in(office))
        assert office.taken == []
    assert PASSWORD not in str(refused.value)
    assert ("STARTTLS" if tls == "starttls" else "SSL") in str(refused.value)


@pytest.mark.parametrize(
    ("answer", "failure"),
    [("450 later", NotNow), ("550 nobody here", Undeliverable)],
)
async def test_what_is_refused_for_good_is_told_from_what_is_not(
    answer: str, failure: type[Exception]
):
    async with post_office() as office:
        office.recipient = answer
        with pytest.raises(failure):
            await deliver(office)
        office.recipient, office.data = "250 OK", answer
        with pytest.raises(failure):
            await deliver(office)
    assert office.taken == []


async def test_a_server_that_dies_after_the_message_may_have_it():
    """Nobody knows: it is sent again under the same Message-ID."""
    async with post_office() as office:
        office.hangs_up = True
        with pytest.raises(NotNow):
            await deliver(office)
        office.hangs_up = False
        await deliver(office)
    assert [each["Message-ID"] for each in office.messages] == ["<letter-1@id.example>"] * 2


async def test_a_server_that_is_not_there_is_tried_again():
    async with post_office() as office:
        pass
    with pytest.raises(NotNow, match=rf"{office.port}.* Connect"):
        await deliver(office)


async def test_a_server_that_says_nothing_is_left():
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        lines.append(writer)

    lines: list[asyncio.StreamWriter] = []
    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    office = PostOffice()
    office.port = server.sockets[0].getsockname()[1]
    with pytest.raises(NotNow, match="Timeout"):
        await deliver(office, host="127.0.0.1", timeout=1)
    server.close()
    (line,) = lines
    line.close()
    with suppress(ConnectionError):
        await line.wait_closed()


async def test_an_address_in_another_script_is_for_servers_that_take_such():
    """RFC 6531: aiosmtpd does not, unless told to."""
    async with post_office() as office:
        with pytest.raises(Undeliverable):
            await deliver(office, "gräfin@example.com")
    assert office.taken == []
