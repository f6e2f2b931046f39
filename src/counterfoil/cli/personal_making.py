"""Making a personal token for somebody by the command line."""

from collections.abc import Mapping

import click
import msgspec
from msgspec import Struct

from counterfoil.cli.endings import refused
from counterfoil.cli.invocation import Invocation
from counterfoil.cli.output import at, print_fields
from counterfoil.cli.people import find_person
from counterfoil.oauth.errors import OAuthError
from counterfoil.server.documents.personal_tokens import PersonalTokenDocument, document_of
from counterfoil.server.protocol import personal_tokens
from counterfoil.server.protocol.events import CLI
from counterfoil.server.protocol.personal_tokens import Made, Maker, Wish
from counterfoil.server.records.store import Transaction


class _Options(Struct, frozen=True, forbid_unknown_fields=True):
    """What was asked for on the command line."""

    name: str
    uri: str
    scopes: tuple[str, ...]
    networks: tuple[str, ...]
    lifetime: int | None = None


class MadeDocument(Struct, frozen=True, kw_only=True):
    """The new token with its text, which is shown this once."""

    token: str
    personal_token: PersonalTokenDocument

    def tell(self) -> None:
        """Tell a person."""
        made = self.personal_token
        print_fields((("id", made.id), ("api", made.audience), ("until", at(made.expires_at))))
        click.echo(f"\n{self.token}")

    def __repr__(self) -> str:
        return "MadeDocument(…)"


def make_token(call: Invocation, user: str, wanted: Mapping[str, object]) -> MadeDocument:
    """Make a token for a person.

    Raises:
        Failure: there is no such person, or it cannot be had.
    """
    options = msgspec.convert(wanted, _Options)
    settings = call.settings()
    wish = Wish(
        name=options.name,
        audience=options.uri,
        scopes=options.scopes,
        lifetime=options.lifetime,
        networks=options.networks,
    )

    async def work(tx: Transaction) -> Made:
        maker = Maker((await find_person(tx, user)).id, None)
        return await personal_tokens.make(settings, tx, maker, wish, CLI)

    try:
        made = call.change(work)
    except OAuthError as error:
        raise refused(error.description) from None
    return MadeDocument(token=made.secret.reveal(), personal_token=document_of(made.token))
