"""Reading a request within bounds: parameters, where it comes from (RFC 9700 §4.13)."""

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Final

from starlette.requests import Request

from counterfoil.net.forwarded import address_behind, is_within
from counterfoil.oauth.errors import invalid_request
from counterfoil.oauth.parameters import MAX_PARAMETERS, REPEATABLE, Parameters
from counterfoil.server.records.session import Origin

MAX_BODY: Final = 65_536
MAX_QUERY: Final = 32_768
_FORM: Final = b"application/x-www-form-urlencoded"
_JSON: Final = b"application/json"
_ADDRESS: Final = "counterfoil.address"
_LONGEST_USER_AGENT: Final = 256


async def form_of(
    request: Request, repeatable: frozenset[str] = REPEATABLE, most: int = MAX_PARAMETERS
) -> Parameters:
    """Read a form body of at most ``MAX_BODY`` bytes.

    Raises:
        OAuthError: ``invalid_request``, saying what is wrong with the body.
    """
    return Parameters.parse(await encoded_form_of(request), repeatable, most)


async def encoded_form_of(request: Request) -> bytes:
    """Give a form body of at most ``MAX_BODY`` bytes; its parameters are not read yet.

    Raises:
        OAuthError: ``invalid_request``: it is of another type, or too long.
    """
    content_type = header(request, b"content-type") or b""
    if content_type != _FORM:
        _demand_form(content_type)
    return await _body_of(request)


def _demand_form(content_type: bytes) -> None:
    media_type, _, rest = content_type.partition(b";")
    if media_type.strip().lower() != _FORM:
        raise invalid_request(f"The body must be {_FORM.decode()}.")
    if b"charset" in rest.lower() and b"utf-8" not in rest.lower():
        raise invalid_request("The body must be encoded in UTF-8.")


async def json_of(request: Request, most: int = MAX_BODY) -> bytes:
    """Give the text of a JSON body of at most so many bytes; it is not parsed yet.

    Raises:
        OAuthError: ``invalid_request``: it is of another type, or too long.
    """
    content_type = header(request, b"content-type") or b""
    if content_type.partition(b";")[0].strip().lower() != _JSON:
        raise invalid_request(f"The body must be {_JSON.decode()}.")
    return await _body_of(request, most)


async def _body_of(request: Request, most: int = MAX_BODY) -> bytes:
    chunks, length, more = list[bytes](), 0, True
    while more:
        message = await request.receive()
        if message["type"] == "http.disconnect":
            raise invalid_request("The body ended early.")
        chunk = message.get("body", b"")
        length += len(chunk)
        if length > most:
            raise invalid_request(f"The body is longer than {most} bytes.")
        chunks.append(chunk)
        more = message.get("more_body", False)
    return b"".join(chunks)


def query_of(request: Request) -> Parameters:
    """Read the query of at most ``MAX_QUERY`` bytes.

    Raises:
        OAuthError: ``invalid_request``, saying what is wrong with it.
    """
    query: bytes = request.scope.get("query_string", b"")
    if len(query) > MAX_QUERY:
        raise invalid_request(f"The query is longer than {MAX_QUERY} bytes.")
    return Parameters.parse(query)


def header(request: Request, name: bytes) -> bytes | None:
    """Give the one header of a name (in lower case).

    Raises:
        OAuthError: ``invalid_request`` where it is given more than once.
    """
    found = [value for key, value in request.scope["headers"] if key == name]
    if len(found) > 1:
        raise invalid_request(f"The header {name.decode('ascii')} is given more than once.")
    return found[0] if found else None


def authorization_of(request: Request) -> str | None:
    """Give the ``Authorization`` header's text."""
    value = header(request, b"authorization")
    return None if value is None else value.decode("latin-1")


def origin_of(request: Request, trusted_proxies: Sequence[str]) -> Origin:
    """Say from where a request comes; forwarded addresses count from trusted proxies alone."""
    user_agent = next((v for name, v in request.scope["headers"] if name == b"user-agent"), b"")
    shown = user_agent[:_LONGEST_USER_AGENT].decode("latin-1")
    return Origin(address_of(request, trusted_proxies), shown)


def address_of(request: Request, trusted_proxies: Sequence[str]) -> str:
    """Say from which address a request comes; forwarded ones count from trusted proxies alone."""
    client = request.scope.get("client")
    address: str = client[0] if client else ""
    if not trusted_proxies:
        return address
    read: str | None = request.scope.get(_ADDRESS)
    if read is None:
        forwarded = request.headers.getlist("x-forwarded-for")
        networks = [ip_network(proxy) for proxy in trusted_proxies]
        read = address_behind(address, forwarded, lambda hop: is_within(hop, networks))
        request.scope[_ADDRESS] = read
    return read


def path_below(path: str, root: str) -> str:
    """Give a path as it is below ``root``, whether or not a proxy has taken that off."""
    if path != root and not path.startswith(f"{root}/"):
        return path
    return path.removeprefix(root) or "/"
