"""Letters that tell a person what was changed about how they sign in, where there is mail."""

from counterfoil.server.mail.posting import post
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.identifiers import new_handle
from counterfoil.server.records.language import LANGUAGES
from counterfoil.server.records.letter import Letter, LetterKind
from counterfoil.server.records.provider import Provider
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.settings import Settings


def language_for(settings: Settings, user: User, asked: str = "") -> str:
    """Say in what a letter to somebody is written: what they chose, or what its asker reads."""
    own = user.language if user.language in LANGUAGES else ""
    return own or asked or settings.default_language


async def tell(
    authority: Authority, tx: Transaction, user: User, kind: LetterKind, **values: str
) -> None:
    """Have a person told, in the transaction of the change.

    Nobody is told where no mail is sent, or so many letters wait that no more are taken.
    """
    settings = authority.settings
    if not settings.mail_host and not settings.development:
        return
    if await tx.outbox.is_full(settings.mail_most):
        return
    letter = Letter(
        id=new_handle(tx),
        kind=kind,
        to=user.email,
        language=language_for(settings, user),
        written_at=tx.now,
        values={"link": f"{authority.issuer}/account/security", **values},
    )
    await post(tx, authority.letters, letter, settings.mail_lifetime)


async def tell_of_provider(
    authority: Authority, tx: Transaction, user: User, what: tuple[LetterKind, Provider]
) -> None:
    """Have a person told that an account at a provider signs in here from now on, or no more.

    Which account that is, it is not told: what it is called there, whoever has it has chosen.
    """
    kind, provider = what
    link = f"{authority.issuer}/account/providers"
    await tell(authority, tx, user, kind, provider=provider.name, link=link)
