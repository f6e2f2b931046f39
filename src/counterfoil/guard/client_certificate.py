"""The client's certificate, as the proxy that ended its TLS hands it on (RFC 8705, RFC 9440). Pure.

Anybody can write such a header. So it is read only where its name was configured, and only from a
proxy that was named; and the proxy must take out what its clients have sent under that name.
"""

import re
from base64 import b64decode
from collections.abc import Sequence
from typing import Final, Literal
from urllib.parse import unquote_to_bytes

from msgspec import Struct

from counterfoil.oauth.binding import CERTIFICATE, Binding, thumbprint_of

MOST_BYTES: Final = 16 * 1024
"""How long such a header may be; certificates have 1 to 3 KiB."""
_BYTE_SEQUENCE: Final = re.compile(r":([A-Za-z0-9+/]+={0,2}):")
_BEGIN: Final = b"-----BEGIN CERTIFICATE-----"
_END: Final = b"-----END CERTIFICATE-----"
_ENVOY_PAIR: Final = re.compile(r'([A-Za-z]+)=("(?:[^"\\]|\\.)*"|[^;,"]*)(;|$)')

Form = Literal["rfc9440", "pem", "xfcc"]


class ClientCertificates(Struct, frozen=True, kw_only=True):
    """In which header the named proxies hand on the certificate of the client's TLS.

    ``form``: ``rfc9440`` (a structured field, as ``Client-Cert``), ``pem`` (percent-encoded, as
    nginx makes of ``$ssl_client_escaped_cert``), or ``xfcc`` (Envoy's
    ``X-Forwarded-Client-Cert``, with its ``Cert``).

    Raises:
        ValueError: where that is no header, or no such form.
    """

    header: str = "client-cert"
    form: Form = "rfc9440"

    def __post_init__(self) -> None:
        if re.fullmatch(r"[A-Za-z0-9\-]+", self.header) is None:
            raise ValueError(f"{self.header!r} is no name of a header")
        if self.form not in _READERS:
            raise ValueError(f"the form of a certificate is one of {', '.join(_READERS)}")

    def binding_in(self, values: Sequence[str]) -> Binding | None:
        """Give what was proved by the values of the header; ``None`` where that is not clear.

        More than one value says that somebody wrote beside the proxy: then neither counts.
        """
        if len(values) != 1 or len(values[0]) > MOST_BYTES:
            return None
        der = _READERS[self.form](values[0])
        return Binding(CERTIFICATE, thumbprint_of(der)) if der else None


def _of_byte_sequence(value: str) -> bytes:
    match = _BYTE_SEQUENCE.fullmatch(value.strip(" "))
    return _decoded(match[1].encode("ascii")) if match else b""


def _of_pem(value: str) -> bytes:
    text = unquote_to_bytes(value).strip()
    if not (text.startswith(_BEGIN) and text.endswith(_END)):
        return b""
    return _decoded(b"".join(text[len(_BEGIN) : -len(_END)].split()))


def _of_envoy(value: str) -> bytes:
    """Read one element. Of several, each by another proxy, none is known to be the right one."""
    found, at = [], 0
    while at < len(value):
        pair = _ENVOY_PAIR.match(value, at)
        if pair is None:
            return b""
        if pair[1].lower() == "cert":
            found.append(pair[2].strip('"'))
        at = pair.end()
    return _of_pem(found[0]) if len(found) == 1 else b""


def _decoded(text: bytes) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        return b""


_READERS: Final = {"rfc9440": _of_byte_sequence, "pem": _of_pem, "xfcc": _of_envoy}
