"""Connections to NATS: to real servers, and to some that lie."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from counterfoil.net.carrier import CarrierDown, NatsServers, NatsUrl
from counterfoil.net.nats_client import close, connect, shown
from counterfoil.net.nats_parser import MOST_BYTES
from tests.nats import running

pytestmark = pytest.mark.anyio

SECRET = "s3cret"
Conversation = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


def nobody() -> None:
    """What to call when a connection is closed: here nobody cares."""


def servers(*urls: str, **files: Path) -> NatsServers:
    return NatsServers(tuple(map(NatsUrl, urls)), **files)


async def refusal(*urls: str, **files: Path) -> str:
    with pytest.raises(CarrierDown) as refused:
        await connect(servers(*urls, **files), 0, nobody)
    assert SECRET not in str(refused.value)
    return str(refused.value)


@asynccontextmanager
async def talking(conversation: Conversation) -> AsyncIterator[str]:
    """Somebody on loopback; gives where."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await conversation(reader, writer)
        except ConnectionError:
            pass
        finally:
            writer.close()

    listening = await asyncio.start_server(talk, "127.0.0.1", 0)
    async with listening:
        yield f"127.0.0.1:{listening.sockets[0].getsockname()[1]}"


@pytest.mark.nats
async def test_one_server_of_several_will_do():
    with running() as nats:
        for first in range(3):
            client = await connect(servers("nats://127.0.0.1:1", nats.url), first, nobody)
            assert client.is_connected
            await close(client)


async def test_none_that_answers_is_said_once_for_each():
    said = await refusal(f"nats://ada:{SECRET}@127.0.0.1:1", "nats://127.0.0.1:2")
    assert said.count("Connect call failed") == 2
    assert "ada:…@" in said


@pytest.mark.nats
async def test_who_may_come_in():
    with running(authorization={"users": [{"user": "ada", "password": SECRET}]}) as nats:
        place = nats.url.removeprefix("nats://")
        client = await connect(servers(f"nats://ada:{SECRET}@{place}"), 0, nobody)
        await close(client)
        for login in ("", "ada:wrong@", f"{SECRET}@"):
            assert "authorization" in (await refusal(f"nats://{login}{place}")).lower()
    with running(authorization={"token": SECRET}) as nats:
        place = nats.url.removeprefix("nats://")
        client = await connect(servers(f"nats://{SECRET}@{place}"), 0, nobody)
        await close(client)


@pytest.mark.nats
async def test_a_connection_that_breaks_is_closed_and_said():
    closed = asyncio.Event()
    with running() as nats:
        client = await connect(servers(nats.url), 0, closed.set)
        nats.stop()
        async with asyncio.timeout(5):
            await closed.wait()
    assert client.is_closed
    await close(client)


INFO = (
    b'INFO {"server_id":"x","version":"2.15.1","max_payload":1048576%s,'
    b'"connect_urls":["192.0.2.1:4222"]}\r\n'
)


@pytest.mark.parametrize("says", [b"", b',"tls_required":false', b',"tls_available":true'])
async def test_nothing_is_said_to_one_who_does_not_speak_tls_where_tls_is_asked(says: bytes):
    """A stranger on the line answers in the clear, and is not told the password."""
    heard = bytearray()

    async def in_the_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO % says)
        heard.extend(await reader.read(4096))

    async with talking(in_the_clear) as place:
        said = await refusal(f"tls://ada:{SECRET}@{place}")
    assert "secure connection" in said
    assert bytes(heard) == b""


async def test_the_same_in_the_clear_is_told_it_or_this_test_could_not_fail():
    heard = bytearray()

    async def in_the_clear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO % b"")
        heard.extend(await reader.read(4096))

    async with talking(in_the_clear) as place:
        await refusal(f"nats://ada:{SECRET}@{place}")
    assert SECRET.encode() in heard


@pytest.mark.parametrize(
    "flood",
    [
        b"MSG x 1 %d\r\n" % (10 * MOST_BYTES),
        b"HMSG x 1 12 %d\r\n" % (10 * MOST_BYTES),
        b"INFO " + b" " * (MOST_BYTES + 1),
    ],
    ids=["message", "with headers", "a line without an end"],
)
async def test_who_announces_too_much_is_left(flood: bytes):
    """Memory is bounded by us, whatever the server says."""
    closed = asyncio.Event()

    async def flooding(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO % b"")
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n" + flood)
        await writer.drain()
        await reader.read()

    async with talking(flooding) as place:
        client = await connect(servers(f"nats://{place}"), 0, closed.set)
        async with asyncio.timeout(5):
            await closed.wait()
        assert client.is_closed
        await close(client)


async def test_a_flush_is_answered_after_all_that_was_said_before_it():
    """Else whoever subscribes and flushes could miss what somebody else puts right afterwards."""
    heard: list[bytes] = []

    async def answering(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b'INFO {"max_payload": 1048576}\r\n')
        while line := await reader.readline():
            heard.append(line.split()[0])
            if line == b"PING\r\n":
                writer.write(b"PONG\r\n")

    async with talking(answering) as where:
        client = await connect(servers(f"nats://{where}"), 0, nobody)
        for number in range(20):
            await client.subscribe(f"subject-{number}")
            await client.flush(2)
        await close(client)
    assert heard[:2] == [b"CONNECT", b"PING"]
    assert heard[2:] == [b"SUB", b"PING"] * 20


async def test_what_a_server_tells_of_others_is_not_kept():
    """nats-py compares each with all before it: a few hundred lines hold the loop up for ever."""

    def others(line: int) -> bytes:
        urls = b",".join(b'"h%d-%d:1"' % (line, number) for number in range(1000))
        return b'INFO {"max_payload":1,"connect_urls":[%b]}\r\n' % urls

    async def telling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(INFO % b"")
        await reader.readuntil(b"PING\r\n")
        writer.write(b"PONG\r\n" + b"".join(map(others, range(3))) + b"PING\r\n")
        await reader.readuntil(b"PONG\r\n")
        heard_all.set()
        await reader.read()

    heard_all = asyncio.Event()
    async with talking(telling) as place:
        client = await connect(servers(f"nats://{place}"), 0, nobody)
        async with asyncio.timeout(5):
            await heard_all.wait()
        assert client.discovered_servers == []
        await close(client)


@pytest.mark.parametrize(
    "nonsense", [b"", b"HTTP/1.1 200 OK\r\n\r\n", b"INFO {\r\n", b"INFO []\r\n"]
)
async def test_who_speaks_something_else_is_left(nonsense: bytes):
    async def babbling(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(nonsense)

    async with talking(babbling) as place:
        assert place in await refusal(f"nats://{place}")


def test_what_a_stranger_writes_begins_no_line_of_its_own():
    said = shown(ValueError("no\r\n2026-01-01 ERROR the server was broken into\x1b[2J" + "x" * 500))
    assert said.startswith("no??2026")
    assert said.isprintable()
    assert len(said) == 200


class Authority:
    """Vouches for 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()
        self._key = ec.generate_private_key(ec.SECP256R1())
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, folder.name)])
        self._own = self._builder(name, name, self._key.public_key()).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self._name = name
        self.file = folder / "ca.pem"
        certificate = self._own.sign(self._key, hashes.SHA256())
        self.file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    @staticmethod
    def _builder(
        subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer)
        builder = builder.public_key(key).serial_number(x509.random_serial_number())
        return builder.not_valid_before(now - timedelta(1)).not_valid_after(now + timedelta(1))

    def issue(self, name: str) -> Path:
        """A certificate and its key, in one file."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        loopback = x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))])
        builder = self._builder(subject, self._name, key.public_key())
        certificate = builder.add_extension(loopback, critical=False).sign(
            self._key, hashes.SHA256()
        )
        file = self.folder / f"{name}.pem"
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        return file


@pytest.mark.nats
async def test_who_vouches_for_the_server_and_for_us(tmp_path: Path):
    ours, strangers = Authority(tmp_path / "ours"), Authority(tmp_path / "strangers")
    server = str(ours.issue("server"))
    tls = {"cert_file": server, "key_file": server, "ca_file": str(ours.file), "verify": True}
    with running(tls=tls) as nats:
        url = nats.url.replace("nats://", "tls://")
        mine = ours.issue("mine")
        client = await connect(servers(url, ca_file=ours.file, certificate_file=mine), 0, nobody)
        await close(client)
        await refusal(url, ca_file=ours.file)
        assert "certificate verify failed" in await refusal(
            url, ca_file=strangers.file, certificate_file=mine
        )
        assert "certificate verify failed" in await refusal(url)
        assert "No such file" in await refusal(url, ca_file=tmp_path / "nowhere")
