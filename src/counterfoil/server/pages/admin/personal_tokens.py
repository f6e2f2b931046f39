"""The personal tokens of a person, on the administrators' page of that person."""

from counterfoil.server.pages.admin.views import Group, Row
from counterfoil.server.pages.admin.visit import Visit
from counterfoil.server.pages.wording import moment_of
from counterfoil.server.protocol.endings import Ends
from counterfoil.server.protocol.explaining.history import in_words
from counterfoil.server.records.personal_token import PersonalToken
from counterfoil.server.records.store import Transaction


async def group_of(visit: Visit, user_id: str) -> Group:
    """Give those that are still kept; one that stands leads to the page that ends it."""

    async def work(tx: Transaction) -> tuple[list[PersonalToken], int]:
        return await tx.personal_tokens.of_user(user_id), tx.now

    tokens, now = await visit.read(work)
    return Group(title="Personal tokens", rows=tuple(_row(visit, each, now) for each in tokens))


def _row(visit: Visit, token: PersonalToken, now: int) -> Row:
    stands = token.is_live(now)
    end = visit.url("end", kind=Ends.PERSONAL_TOKEN.value, name=token.id)
    used = moment_of(token.last_used_at)
    whence = f" from {token.last_used_from}" if token.last_used_from else ""
    return Row(
        name=token.name,
        href=end if stands else None,
        facts=(
            ("Fingerprint", token.id),
            ("For", token.audience),
            ("Scope", " ".join(token.scopes)),
            ("Good from", ", ".join(token.networks)),
            ("Made", moment_of(token.created_at)),
            ("Until", moment_of(token.expires_at)),
            ("Last used", f"{used}{whence}" if used else ""),
            ("Ended", moment_of(token.ended_at)),
            ("Why", in_words(token.ended_why) if token.ended_at is not None else ""),
            ("Found at", token.found_at),
        ),
        tags=() if stands else ("Over",),
    )
