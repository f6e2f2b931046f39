"""What a client is registered with, as the command line reads and tells it."""

from collections.abc import Callable, Mapping
from typing import IO, TYPE_CHECKING, Any, Final

import click

from counterfoil.cli.output import Failure, at, print_fields
from counterfoil.cli.policies import in_words

if TYPE_CHECKING:
    from counterfoil.server.documents.clients import ClientDocument, NewClientDocument
    from counterfoil.server.records.client import Client
    from counterfoil.server.records.exchange_right import ExchangeRight
    from counterfoil.server.records.store import Transaction

GRANT_TYPES: Final = {
    "device_code": "urn:ietf:params:oauth:grant-type:device_code",
    "token-exchange": "urn:ietf:params:oauth:grant-type:token-exchange",
}
"""Grant types whose names on the wire nobody should have to type."""


def exchange_right_option(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command ``--exchange-right``, to be read with ``rights_in``."""
    return click.option(
        "--exchange-right",
        "exchange_rights",
        type=(str, str, str),
        multiple=True,
        metavar="FROM TO SCOPE",
        help="It may exchange others' tokens for the API FROM for tokens for the API TO, with "
        "these scopes, and acts for them there (RFC 8693); may be repeated.",
    )(command)


def backchannel_logout_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a command the options for being told of logouts, under the names of the members."""
    required = click.option(
        "--backchannel-logout-session-required/--no-backchannel-logout-session-required",
        default=None,
        help="Whether it must be told which session has ended.",
    )
    uri = click.option(
        "--backchannel-logout-uri",
        metavar="URI",
        help="Where it is told that a session of a person has ended (OpenID Connect Back-Channel "
        "Logout); '' for nowhere.",
    )
    return uri(required(command))


def rights_in(given: tuple[tuple[str, str, str], ...]) -> "tuple[ExchangeRight, ...]":
    """Read ``--exchange-right``."""
    from counterfoil.server.records.exchange_right import ExchangeRight

    return tuple(ExchangeRight(*right) for right in given)


def members_in(
    given: Mapping[str, Any], exchange_rights: tuple[tuple[str, str, str], ...]
) -> dict[str, Any]:
    """Give the members of a new client that were given, read.

    Raises:
        Failure: as :func:`keys_in`.
    """
    read = {"jwks": keys_in(given["jwks"]), "exchange_rights": rights_in(exchange_rights)}
    return {name: value for name, value in given.items() if value is not None} | read


def spelled_out(grant_types: tuple[str, ...]) -> tuple[str, ...]:
    """Give grant types by their names on the wire (RFC 6749 §4.5)."""
    return tuple(GRANT_TYPES.get(each, each) for each in grant_types)


def usual_grant_types(redirect_uris: tuple[str, ...]) -> tuple[str, ...]:
    """Give the grant types of a client for which none are named."""
    return ("authorization_code", "refresh_token") if redirect_uris else ("client_credentials",)


def keys_in(file: IO[bytes] | None) -> str:
    """Read a JWK Set, spelled as it is kept; nothing where there is no file.

    Raises:
        Failure: saying what is wrong with it.
    """
    from counterfoil.oauth.errors import OAuthError
    from counterfoil.server.protocol.client_keys import LONGEST, spelled

    try:
        return spelled(file.read(LONGEST + 1)) if file is not None else ""
    except OAuthError as error:
        raise Failure(error.description) from None


async def find_client(tx: "Transaction", client_id: str) -> "Client":
    """Find a client, or fail."""
    found = await tx.clients.find(client_id)
    if found is None:
        raise Failure(f"there is no client {client_id}")
    return found


def tell_new_client(document: "NewClientDocument") -> None:
    """Tell a person a client with its secret."""
    tell_client(document)
    if document.client_secret is not None:
        click.echo(f"\nclient_secret  {document.client_secret.reveal()}")
        click.echo("This is shown once. Only its SHA-256 is kept.")


def tell_client(document: "ClientDocument") -> None:
    """Tell a person what a client is registered with."""
    from counterfoil.server.documents.clients import UNDECIDED

    print_fields(
        (
            ("client_id", document.client_id),
            ("client_name", document.client_name),
            ("grant_types", " ".join(document.grant_types)),
            ("redirect_uris", " ".join(document.redirect_uris)),
            ("post_logout_redirect_uris", " ".join(document.post_logout_redirect_uris)),
            ("scope", document.scope),
            ("token_endpoint_auth_method", document.token_endpoint_auth_method),
            ("registered", at(document.client_id_issued_at)),
            ("disabled", at(document.disabled_at)),
            ("policy", in_words(document.policy, UNDECIDED)),
            ("keys", " ".join(key["kid"] for key in document.jwks.keys) if document.jwks else ""),
            (
                "exchange_rights",
                "; ".join(f"{r.source} {r.target} {r.scope}" for r in document.exchange_rights),
            ),
            ("backchannel_logout_uri", document.backchannel_logout_uri),
        )
    )
