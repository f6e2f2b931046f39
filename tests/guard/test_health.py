"""How a guard is: what probes and dashboards are told, and what is in the log."""

import logging
import socket
import ssl
import threading
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from counterfoil.guard import Credentials, Guard, Issuer, Staleness
from counterfoil.guard.feed_reader import FeedReader
from counterfoil.guard.health import State
from counterfoil.guard.watch import Watch
from counterfoil.net.event_stream import Event
from counterfoil.oauth.reasons import Reason
from tests.guard.desk import ISSUER, NOW, Desk
from tests.guard.issuer import AUDIENCE, TinyIssuer

CREDENTIALS = Credentials("api", "s3cret")


def publish_feed_key(desk: Desk) -> FeedReader:
    desk.state.feed_keys.take({"keys": [dict(desk.book.key.public.as_jwk())]})
    return FeedReader(desk.state)


def test_an_issuer_that_was_heard_is_well(desk: Desk):
    (issuer,) = desk.guard.health().issuers
    assert (issuer.url, issuer.state, issuer.why, issuer.staleness) == (ISSUER, "ready", {}, 0.0)
    assert issuer.sentence == f"{ISSUER} is ready"


@pytest.mark.parametrize(
    ("staleness", "expected"),
    [
        (Staleness.reject(), "down"),
        (Staleness.accept_for(60), "degraded"),
        (Staleness.accept_for(1), "down"),
        (Staleness.introspect(), "down"),
    ],
)
def test_one_that_was_not_heard_is_as_the_owner_chose(staleness: Staleness, expected: State):
    desk = Desk(Issuer(ISSUER, credentials=CREDENTIALS), staleness)
    desk.clock.now = NOW + 45
    (issuer,) = desk.guard.health().issuers
    assert issuer.state == expected
    assert issuer.why == {"stale": "nothing was heard for 45 s"}
    assert desk.guard.health().is_ready is False  # its thread does not run


def test_who_can_be_asked_is_only_degraded():
    desk = Desk(Issuer(ISSUER, credentials=CREDENTIALS), Staleness.introspect())
    desk.state.introspection_endpoint = f"{ISSUER}/introspect"
    desk.clock.now = NOW + 45
    assert desk.guard.health().issuers[0].state == "degraded"


def test_without_keys_nothing_is_decided():
    desk = Desk()
    desk.state.keys.verifier = None
    assert desk.guard.health().issuers[0].state == "down"


def test_a_trouble_degrades_what_still_works(desk: Desk):
    desk.state.troubles.begin("no keys", "unreachable", NOW)
    (issuer,) = desk.guard.health().issuers
    assert (issuer.state, dict(issuer.why)) == ("degraded", {"no keys": "unreachable"})
    assert issuer.sentence == f"{ISSUER} is degraded (no keys: unreachable)"


def test_a_clock_that_is_wrong_is_measured_and_named(desk: Desk):
    """S28: the skew stands in the health, in the refusal's line and in the log, once."""
    reader = publish_feed_key(desk)
    for second in range(3):
        ahead = desk.book.signed_head(NOW + second + 42)
        reader.take(Event("head", ahead), NOW + second)
    (issuer,) = desk.guard.health().issuers
    assert issuer.skew == 42.0
    assert "42 s ahead" in issuer.why["the clocks differ"]
    refusal = desk.refusal(desk.token(iat=int(NOW) + 42))
    assert refusal is not None
    assert refusal.reason is Reason.ISSUED_IN_FUTURE
    assert "issuer's clock was last seen 42.0 s ahead of this one" in str(refusal)
    expired = desk.refusal(desk.token(exp=int(NOW)))
    assert "42.0 s ahead" in str(expired)
    reader.take(Event("head", desk.book.signed_head(NOW + 3)), NOW + 3)
    assert not desk.guard.health().issuers[0].why


def test_without_a_measure_no_clock_is_blamed(desk: Desk):
    refusal = desk.refusal(desk.token(exp=int(NOW)))
    assert str(refusal) == "The access token has expired."


def test_the_date_of_answers_measures_where_there_is_no_feed(issuer: TinyIssuer):
    trusted = Issuer(issuer.url, revocation="none")
    with Guard(issuers=[trusted], audience=AUDIENCE) as guard:
        assert guard.wait_until_fresh(10)
        skew = guard.health().issuers[0].skew
    assert skew is not None
    assert abs(skew) <= 2


def test_better_and_worse_are_said_once(desk: Desk, caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    watch = Watch((desk.state,), desk.clock)
    for after in (0, 10, 31, 32, 40):
        desk.clock.now = NOW + after
        watch.look()
    desk.state.notices.begin(desk.book.snapshot(desk.clock.now), desk.clock.now)
    watch.look()
    watch.look()
    assert caplog.messages == [
        f"{ISSUER} is down (stale: nothing was heard for 31 s)",
        f"{ISSUER} is ready",
    ]


def test_an_issuer_that_is_not_there_is_named_and_said_once(caplog: pytest.LogCaptureFixture):
    """Refused ten times, logged once: and ready as soon as it is there."""
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        with Guard(url, audience=AUDIENCE) as guard:
            kept = guard._follower
            tries = []

            def tried() -> bool:
                tries.append(1)
                return len(tries) > 4

            assert kept.wait_until(tried, 20)
            health = guard.health()
    assert health.state == "down"
    assert not health.is_ready
    assert url in health.issuers[0].why["no keys"]
    assert len([each for each in caplog.messages if "no keys:" in each]) == 1


def test_one_issuer_that_is_down_leaves_the_others_standing(issuer: TinyIssuer):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        other = Issuer(f"http://127.0.0.1:{nobody.getsockname()[1]}")
        guard = Guard(issuers=[Issuer(issuer.url), other], audience=AUDIENCE)
        with guard:
            assert guard._follower.wait_until(lambda: guard.health().is_ready, 10)
            assert guard.health().state == "down"
            assert guard.check(issuer.token()).subject == "u1"
    assert not guard.health().is_ready


def expired_certificate(folder: Path) -> Path:
    key = generate_private_key(SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 7)
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2021, 1, 1, tzinfo=UTC))
    addresses = [x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))]
    builder = builder.add_extension(x509.SubjectAlternativeName(addresses), critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.sign(key, SHA256())
    path = folder / "expired.pem"
    path.write_bytes(
        certificate.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return path


def test_a_certificate_that_has_expired_is_called_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = expired_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                    with connection, context.wrap_socket(connection, server_side=True):
                        pass
                except ssl.SSLError:
                    continue
                except OSError:
                    return

        threading.Thread(target=serve, daemon=True).start()
        guard = Guard(f"https://127.0.0.1:{listening.getsockname()[1]}", audience=AUDIENCE)
        with guard:
            found = guard._follower.wait_until(lambda: bool(guard.health().issuers[0].why), 10)
            why = dict(guard.health().issuers[0].why)
        listening.shutdown(socket.SHUT_RDWR)
    assert found
    assert "certificate has expired" in why["no keys"]


def test_a_guard_whose_thread_does_not_run_is_down_though_its_issuers_were_well(desk: Desk):
    """A readiness probe must not be told what was true before it stopped."""
    health = desk.guard.health()
    assert [each.state for each in health.issuers] == ["ready"]
    assert (health.is_alive, health.state, health.is_ready) == (False, "down", False)
