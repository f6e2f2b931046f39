"""DPoP in HTTP: the proofs that come with a request, the nonce for the next (RFC 9449 §4.1, §8)."""

from starlette.requests import Request
from starlette.responses import Response

from counterfoil.server.protocol.proof_of_possession import nonces_of
from counterfoil.server.web.server import Server


def proofs_of(request: Request) -> tuple[str, ...]:
    """Give every value of the ``DPoP`` header; that there is one at most is asked later."""
    headers = request.scope["headers"]
    return tuple([value.decode("latin-1") for name, value in headers if name == b"dpop"])


def with_nonce(server: Server, response: Response) -> Response:
    """Add the nonce that the next proof must carry, where the settings require one (§8.2)."""
    nonces = nonces_of(server.authority)
    if nonces is not None:
        nonce = nonces.current(server.clock()).encode("ascii")
        response.raw_headers.append((b"dpop-nonce", nonce))
    return response
