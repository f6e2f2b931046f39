"""What follows where a token was noticed elsewhere: its person is told, or its session signs in
anew, or it ends (S106, S107).
"""

from msgspec import Struct

from counterfoil.oauth.addresses import network_of
from counterfoil.server.identity.security_letters import tell
from counterfoil.server.protocol import events
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.events import Actor
from counterfoil.server.protocol.noticing import elsewhere
from counterfoil.server.protocol.noticing.doubting import doubt
from counterfoil.server.protocol.noticing.finding import OFF, Action, Finding, actions_by
from counterfoil.server.protocol.noticing.noting import rules_for
from counterfoil.server.records.client import Client
from counterfoil.server.records.family import Family
from counterfoil.server.records.habits import NO_HABITS, Stood
from counterfoil.server.records.letter import LetterKind
from counterfoil.server.records.session import Origin
from counterfoil.server.records.store import Transaction


class Elsewhere(Struct, frozen=True):
    """A finding about a token, from which two addresses, and what policy does about it.

    ``is_off``: the settings say that it is not looked for.
    """

    finding: Finding
    where: str
    other: str
    actions: frozenset[Action]
    is_off: bool = False

    @property
    def detail(self) -> dict[str, str]:
        """What of it stands in the event."""
        return self.finding.detail | {"done": " ".join(sorted(self.actions))}

    @property
    def ends(self) -> bool:
        """Whether the token is to end."""
        return Action.END in self.actions


async def two_places(
    authority: Authority, tx: Transaction, family: Family | None, places: tuple[str, str]
) -> Elsewhere:
    """Weigh a token that guards report from two addresses at once."""
    habits = await tx.habits.of_user(family.user_id) if family is not None else NO_HABITS
    one, other = (authority.atlas.find(address) for address in places)
    return _elsewhere(authority, elsewhere.two_places(habits, one, other), places)


async def refreshed(
    authority: Authority, tx: Transaction, client: Client, family: Family, origin: Origin
) -> Elsewhere | None:
    """Weigh from where an app refreshes; ``None`` where nothing is to be said.

    Only of apps on people's devices: what stands at a provider of clouds moves by itself. It costs
    a statement where the place is another, and further away than anybody travels.
    """
    before = family.origin.address
    if not client.public or before == origin.address:
        return None
    if network_of(before) == network_of(origin.address):
        return None
    places = authority.atlas.find(before), authority.atlas.find(origin.address)
    stood, stands = Stood(places[0], family.last_used_at), Stood(places[1], tx.now)
    if elsewhere.refresh(NO_HABITS, stood, stands) is None:
        return None
    habits = await tx.habits.of_user(family.user_id)
    found = elsewhere.refresh(habits, stood, stands)
    if found is None:
        return None
    noticed = _elsewhere(authority, found, (origin.address, before))
    return None if noticed.is_off else noticed


def _elsewhere(authority: Authority, found: Finding, places: tuple[str, str]) -> Elsewhere:
    rules = rules_for(authority.settings, found)
    is_off = OFF in rules
    actions = frozenset[Action]() if is_off else actions_by(rules, found.score)
    return Elsewhere(found, *places, actions, is_off)


async def record_refresh(tx: Transaction, noticed: Elsewhere, family: Family, by: Actor) -> None:
    """Write down that an app was refreshed from afar."""
    whose = {"user_id": family.user_id, "client_id": family.client_id}
    detail = noticed.detail | whose | {"refreshed_before_from": noticed.other}
    await events.record(tx, noticed.finding.kind, by, family.id, detail)


async def follow(authority: Authority, tx: Transaction, noticed: Elsewhere, family: Family) -> None:
    """Tell the person, and have their session sign in anew, where policy says so."""
    if Action.TELL in noticed.actions:
        await _tell(authority, tx, noticed, family)
    if Action.STEP_UP in noticed.actions and family.session_id is not None:
        await doubt(tx, family.session_id)


async def _tell(authority: Authority, tx: Transaction, noticed: Elsewhere, family: Family) -> None:
    user = await tx.users.find(family.user_id)
    habits = await tx.habits.of_user(family.user_id)
    what = f"{LetterKind.TOKEN_NOTICED.value} {noticed.finding.what}"
    if user is None or habits.was_told(what, tx.now):
        return
    client = await tx.clients.find(family.client_id)
    values = {
        "app": client.client_name if client is not None else family.client_id,
        "where": authority.atlas.describe(noticed.where),
        "other": authority.atlas.describe(noticed.other),
        "link": f"{authority.issuer}/account/not-me?about=family:{family.id}",
    }
    await tell(authority, tx, user, LetterKind.TOKEN_NOTICED, **values)
    await tx.habits.keep(user.id, habits.telling(what, tx.now))
