"""Throws whatever coverage leads to at the guard: tokens, headers, events. ``python -m`` runs it.

Arguments are libFuzzer's, such as ``-max_total_time=3600``. It ends with a non-zero code at the
first input that raises anything but a refusal, or that passes without being genuine.
"""

import sys

import atheris

with atheris.instrument_imports(include=["counterfoil"]):
    from counterfoil.guard import Rejected
    from counterfoil.guard.bearer import token_in
    from counterfoil.guard.dpop import ProofWatch
    from counterfoil.guard.policy import Proofs
    from counterfoil.guard.request import Request
    from counterfoil.guard.transport import Transport, has_token_in_query
    from counterfoil.net.event_stream import EventParser, TooLong
    from counterfoil.oauth.dpop import Target
    from counterfoil.oauth.receipts import at_least_from

from base64 import urlsafe_b64encode

from tests.guard.desk import Desk

DESK = Desk()
GENUINE = DESK.token()
PARTS = GENUINE.split(".")
PROOFS = ProofWatch(Proofs(), DESK.clock, lambda size: b"x" * size)
TRANSPORT = Transport(("127.0.0.1", "10.0.0.0/8"))
HEADERS = (b"authorization", b"host", b"forwarded", b"x-forwarded-for", b"x-forwarded-proto")


def a_token(data: atheris.FuzzedDataProvider) -> None:
    """Any text; or one whose parts are partly genuine, and partly signed by the issuer itself."""
    kind = data.ConsumeIntInRange(0, 3)
    rest = data.ConsumeBytes(4096)
    if kind == 0:
        token = rest.decode("latin-1")
    elif kind == 1:
        place = data.ConsumeIntInRange(0, 2)
        token = ".".join(spelled(rest) if at == place else part for at, part in enumerate(PARTS))
    else:
        header = PARTS[0] if kind == 2 else spelled(rest)
        signed = f"{header}.{spelled(rest)}"
        token = f"{signed}.{spelled(DESK.key.sign(signed.encode()))}"
    try:
        passed = DESK.guard.check(token)
    except Rejected:
        return
    assert token == GENUINE or passed.issuer == DESK.iss


def a_request(data: atheris.FuzzedDataProvider) -> None:
    headers = [
        (HEADERS[data.ConsumeIntInRange(0, len(HEADERS) - 1)], data.ConsumeBytes(200))
        for _ in range(data.ConsumeIntInRange(0, 5))
    ]
    peer = data.PickValueInList(["", "127.0.0.1", "10.0.0.9", "203.0.113.9", "::1", "unix"])
    scheme = data.PickValueInList(["http", "https", "ws", "wss", ""])
    path = data.ConsumeBytes(100).decode("latin-1")
    request = Request("GET", scheme, peer, path, data.ConsumeBytes(200), headers)
    has_token_in_query(request.query)
    TRANSPORT.place_of(request)
    TRANSPORT.url_of(request)
    forwarded = any(name not in {b"authorization", b"host"} for name, _ in headers)
    if TRANSPORT.is_safe(request) and scheme in ("http", "ws", ""):
        assert peer != "203.0.113.9", "a stranger on plain http"
        assert not forwarded or peer != "::1", "one that is no named proxy"
    for read in (lambda: token_in(request.values(b"authorization")), lambda: receipt(request)):
        try:
            read()
        except (Rejected, ValueError):
            continue


def receipt(request: Request) -> None:
    at_least_from(request.values(b"host"))


def a_proof(data: atheris.FuzzedDataProvider) -> None:
    target = Target("GET", "https://notes.example/notes", GENUINE)
    try:
        PROOFS.read((data.ConsumeBytes(4096).decode("latin-1"),), target)
    except Rejected:
        return
    raise AssertionError("a proof that nobody made")


def a_stream(data: atheris.FuzzedDataProvider) -> None:
    """However a stream is cut, the events are the same."""
    stream = data.ConsumeBytes(4096)
    cut = data.ConsumeIntInRange(0, len(stream))
    whole, pieces = EventParser(1024), EventParser(1024)
    try:
        expected = whole.feed(stream)
    except TooLong:
        return
    assert pieces.feed(stream[:cut]) + pieces.feed(stream[cut:]) == expected


def spelled(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


TARGETS = (a_token, a_request, a_proof, a_stream)


def one(data: bytes) -> None:
    provider = atheris.FuzzedDataProvider(data)
    TARGETS[provider.ConsumeIntInRange(0, len(TARGETS) - 1)](provider)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
