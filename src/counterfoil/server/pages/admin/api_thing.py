"""The page of one API: its scopes, what its tokens are encrypted to, and which are too long."""

from typing import Final

from counterfoil.server.documents.apis import ApiDocument, document_of
from counterfoil.server.pages.admin.views import AdminThingPage, Group, Row, Verb
from counterfoil.server.pages.admin.visit import Visit
from counterfoil.server.pages.wording import moment_of
from counterfoil.server.protocol.endings import Ends
from counterfoil.server.protocol.size_budget import budget_of
from counterfoil.server.records.policy import ApiPolicy

_FEW: Final = 10


async def api(visit: Visit) -> AdminThingPage | None:
    """``GET /admin/apis/named?uri=…``."""
    uri = visit.query.get("uri", "")
    found = await visit.read(lambda tx: tx.apis.find(uri))
    if found is None:
        return None
    document = document_of(found)
    scopes = tuple(Row(name=name, facts=(("Lets", text),)) for name, text in found.scopes.items())
    return AdminThingPage(
        prefix=visit.server.prefix,
        frame=visit.frame("apis"),
        kind="API",
        title=found.name,
        facts=(
            ("Identifier", found.uri),
            ("Registered", moment_of(found.created_at)),
            ("Tokens live", f"{found.token_lifetime} seconds" if found.token_lifetime else ""),
            ("Tokens are", _form_in_words(found.policy)),
            ("They tell of the person", found.policy.claims),
            ("Size budget", _budget_in_words(visit, found.policy)),
        ),
        groups=(
            Group(title="Scopes", rows=scopes),
            *_groups_of_keys(document),
            *_groups_of_sizes(visit, found.uri),
        ),
        verbs=(
            Verb(
                says="Ends every token for this API, whoever holds it. Nobody is signed out.",
                label="End all tokens for it",
                href=visit.url("end", kind=Ends.API.value, name=found.uri),
            ),
        ),
    )


def _form_in_words(policy: ApiPolicy) -> str:
    return f"{policy.token_format}, encrypted" if policy.encryption else policy.token_format


def _groups_of_keys(document: ApiDocument) -> tuple[Group, ...]:
    """Show what tokens are encrypted to; nothing where there is nothing."""
    every = tuple(
        Row(
            name=key.kid,
            facts=(
                ("Algorithm", key.alg),
                ("State", key.state),
                ("Active from", moment_of(key.active_from) if key.active_from else ""),
                ("Until", moment_of(key.retired_at) if key.retired_at else ""),
            ),
        )
        for key in document.encryption_keys
    )
    return (Group(title="Encrypted to", rows=every),) if every else ()


def _budget_in_words(visit: Visit, policy: ApiPolicy) -> str:
    budget = budget_of(policy, visit.server.authority.settings)
    if not budget:
        return "none"
    then = ", then a reference token" if policy.over_budget == "reference" else ""
    return f"{budget:,} bytes{then}"


def _groups_of_sizes(visit: Visit, uri: str) -> tuple[Group, ...]:
    """Name those whose tokens were too long; nothing where there are none."""
    found = visit.server.authority.token_sizes.of_api(uri)[:_FEW]
    every = tuple(
        Row(
            name=each.client_id,
            facts=(("Longest", f"{each.bytes:,} bytes"), ("Signed", moment_of(each.at))),
            href=visit.url("clients", each.client_id),
        )
        for each in found
    )
    title = "Beyond the size budget, since this process started"
    return (Group(title=title, rows=every),) if every else ()
