"""Providers on the page of signing in: a link for each, and who is sent to one without a click."""

from typing import Final
from urllib.parse import quote

from starlette.requests import Request

from counterfoil.oauth.parameters import Parameters
from counterfoil.server.pages.onward import Onward
from counterfoil.server.pages.provider_views import ProviderButton
from counterfoil.server.records.provider import Provider
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction
from counterfoil.server.web.browser import signed_in_at
from counterfoil.server.web.server import Server

SAID: Final = "said"
"""The parameter of the page of signing in that says, by a word of ours, what came of a provider."""
SENTENCES: Final = {
    "quiet": None,
    "refused": say("You were not signed in there. Try again, or sign in another way."),
    "failed": say(
        "The provider could not be reached, or its answer was not one that can be believed. "
        "Try again, or sign in another way."
    ),
    "unknown": say(
        "That account is linked to none here. If you have an account here, sign in to it first, "
        "and link the other one under Security."
    ),
    "over": say("That sign-in was begun in another browser, or is over already. Begin again."),
    "busy": say("Too many people are signing in at this moment. Wait a little and try again."),
}


def said_in(parameters: Parameters) -> str | None:
    """Say what came of a provider; what others write into the address is never shown."""
    return SENTENCES.get(parameters.get(SAID) or "")


def with_word(onward: Onward, word: str) -> str:
    """Give the query of the page of signing in that says this."""
    return f"{onward.query}{'&' if onward.query else '?'}{SAID}={word}"


async def enabled_providers(server: Server) -> list[Provider]:
    """Give those by which people come in."""

    async def work(tx: Transaction) -> list[Provider]:
        return [each for each in await tx.providers.every() if each.is_enabled]

    return await server.authority.store.read(work)


def buttons(
    server: Server, providers: list[Provider], onward: Onward
) -> tuple[ProviderButton, ...]:
    """Give a link to each provider, which leads on from there."""
    return tuple(
        ProviderButton(name=each.name, href=f"{way_to(server, each)}{onward.query}")
        for each in providers
    )


def way_to(server: Server, provider: Provider) -> str:
    """Say from where one is sent to a provider."""
    return f"{server.prefix}/sign-in/with/{quote(provider.id)}"


async def silent_way(
    server: Server, request: Request, providers: list[Provider], onward: Onward
) -> str | None:
    """Say where somebody is looked for without a click; ``None``: they are shown the page (S113).

    Once: whoever comes back from there without being known sees the page. Never where an app, or a
    page of ours, wants somebody to sign in anew.
    """
    last = server.cookies.provider_of(request)
    provider = next((each for each in providers if each.id == last and each.policy.silent), None)
    if provider is None or SAID in request.query_params or onward.next:
        return None
    if onward.flow is not None and wants_anew(onward):
        return None
    if await signed_in_at(server, request) is not None:
        return None
    joint = "&" if onward.query else "?"
    return f"{way_to(server, provider)}{onward.query}{joint}silent=yes"


def wants_anew(onward: Onward) -> bool:
    """Whether the app that somebody comes from wants them to sign in anew, or may."""
    pending = onward.flow.pending if onward.flow is not None else None
    if pending is None:
        return False
    return pending.max_age is not None or bool({"login", "select_account"} & pending.prompt)
