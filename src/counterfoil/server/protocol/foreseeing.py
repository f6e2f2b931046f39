"""What an ending will end, said in plain words before it is done. Nothing is changed here."""

from typing import Final

from msgspec import Struct

from counterfoil.server.keys.rotation import KeyRefused, find_key
from counterfoil.server.protocol import what_hangs
from counterfoil.server.protocol.ending_targets import Target, demand_fingerprint, unknown
from counterfoil.server.protocol.what_hangs import Hanging
from counterfoil.server.records.client import Client
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.sentence import Listed, Row, Sentence, say, say_many
from counterfoil.server.records.signing_key import Purpose
from counterfoil.server.records.store import Transaction

_MOST_NAMES: Final = 5
REMEMBERED: Final = ("{count} remembered browser", "{count} remembered browsers")
SESSIONS_OF_APPS: Final = (
    "{count} session of apps ({names})",
    "{count} sessions of apps ({names})",
)


class Foreseen(Struct, frozen=True):
    """What will end. ``sessions`` are signed-in browsers, ``families`` what apps hold of people.

    ``apps`` are the names of the apps concerned. ``nothing``: it has ended already. ``sentence``
    holds names that strangers chose: escape it.
    """

    target: Target
    sessions: int
    families: int
    apps: tuple[str, ...]
    sentence: str
    nothing: bool = False


async def of_token(tx: Transaction, target: Target) -> Foreseen:
    """One access token: nothing is kept of it, so that anything that may be one is taken."""
    demand_fingerprint(target)
    if await tx.personal_tokens.find_by_id(target.name) is not None:
        return await of_personal_token(tx, target)
    if target.expires_at is not None and tx.now >= target.expires_at:
        return _nothing(target, f"The access token {target.name} has expired already.")
    if await tx.notices.names_token(target.name):
        return _nothing(target, f"The access token {target.name} has ended already.")
    sentence = (
        f"The access token {target.name} ends at once, and no other. "
        "An app with a refresh token gets another by itself."
    )
    return Foreseen(target, 0, 0, (), sentence)


async def of_personal_token(tx: Transaction, target: Target) -> Foreseen:
    """One token that a person has made by hand."""
    token = await tx.personal_tokens.find_by_id(target.name)
    if token is None:
        raise unknown(target)
    if not token.is_live(tx.now):
        return _nothing(
            target,
            say("The personal token “{name}” has ended or expired already.", name=token.name),
        )
    sentence = say(
        "The personal token “{name}” ends at once, and nothing else. "
        "Every program that has it stops working.",
        name=token.name,
    )
    return Foreseen(target, 0, 0, (), sentence)


async def of_family(tx: Transaction, target: Target) -> Foreseen:
    """One authorization with its tokens."""
    family = await tx.families.find(target.name)
    if family is None:
        raise unknown(target)
    hanging = await what_hangs.of_family(tx, target.name)
    apps = (await _name_of(tx, family.client_id),)
    if not hanging.families:
        return _nothing(target, say("This session of {app} is over already.", app=apps[0]), apps)
    made = await tx.mint_rights.of_family(family.id)
    if made is not None:
        sentence = say(
            "The tokens that {app} has made for this person end. It may make others until "
            "an administrator withdraws its right.",
            app=apps[0],
        )
        return await _foreseen(tx, target, hanging, sentence)
    sentence = say(
        "One session of {app} ends, with all its tokens. "
        "{app} keeps its permission, and its other sessions go on.",
        app=apps[0],
    )
    return await _foreseen(tx, target, hanging, sentence)


async def of_session(tx: Transaction, target: Target) -> Foreseen:
    """One signed-in browser."""
    if await tx.sessions.find(target.name) is None:
        raise unknown(target)
    hanging = await what_hangs.of_session(tx, target.name)
    if not hanging:
        return _nothing(target, say("This browser is signed out already."))
    apps = await _apps_of(tx, hanging)
    go_on = say("Apps that were allowed to go on after a sign-out go on.")
    if apps:
        within = _counted_apps(hanging, apps)
        sentence = Row((say("One browser is signed out, and with it {apps}.", apps=within), go_on))
    else:
        sentence = Row((say("One browser is signed out."), go_on))
    return await _foreseen(tx, target, hanging, sentence)


async def of_remembered(tx: Transaction, target: Target) -> Foreseen:
    """What a browser is remembered by (S24). One that was forgotten is not there any more."""
    remembered = await tx.remembered_browsers.find(target.name)
    if remembered is None:
        raise unknown(target)
    hanging = await what_hangs.of_remembered(tx, remembered)
    sentence = say(
        "This browser is remembered no more. Whatever it got by that ends: the browser is signed "
        "out, and with it the apps in it."
    )
    return await _foreseen(tx, target, hanging, sentence)


async def of_app_sessions(tx: Transaction, target: Target) -> Foreseen:
    """Every session of an app; its permission stays (S44)."""
    name, hanging = await _of_grant(tx, target)
    if not hanging.families:
        return _nothing(target, say("{app} is signed in nowhere.", app=name), (name,))
    sentence = say(
        "{app} is signed out everywhere: {what}. It keeps its permission, and can sign in again.",
        app=name,
        what=_sessions_end(hanging),
    )
    return await _foreseen(tx, target, hanging, sentence)


async def of_grant(tx: Transaction, target: Target) -> Foreseen:
    """A permission with everything under it (S46)."""
    name, hanging = await _of_grant(tx, target)
    grant = await tx.grants.find(target.name)
    if grant is None or (grant.ended_at is not None and not hanging.families):
        return _nothing(target, say("{app} has no permission any more.", app=name), (name,))
    if hanging.families:
        sentence = say(
            "{app} loses its permission, and {what}. It would have to ask anew.",
            app=name,
            what=_sessions_end(hanging),
        )
    else:
        sentence = say("{app} loses its permission. It would have to ask anew.", app=name)
    return Foreseen(target, 0, len(hanging.families), (name,), sentence)


async def of_user(tx: Transaction, target: Target) -> Foreseen:
    """Everything of a person (S47)."""
    user = await tx.users.find(target.name)
    if user is None:
        raise unknown(target)
    hanging = await what_hangs.of_user(tx, user.id)
    if not hanging:
        return _nothing(
            target, say("{email} is signed in nowhere, and no app has a token.", email=user.email)
        )
    apps = await _apps_of(tx, hanging)
    parts = [say_many("{count} browser", "{count} browsers", len(hanging.sessions))]
    if apps:
        parts.append(_counted_apps(hanging, apps))
    if hanging.personal_tokens:
        tokens = len(hanging.personal_tokens)
        parts.append(say_many("{count} personal token", "{count} personal tokens", tokens))
    if hanging.remembered:
        one, many = REMEMBERED
        parts.append(say_many(one, many, len(hanging.remembered)))
    sentence = say(
        "Everything of {email} ends: {what}, also where apps go on after a sign-out. "
        "The account and the permissions of apps stay.",
        email=user.email,
        what=Listed(tuple(parts)),
    )
    return await _foreseen(tx, target, hanging, sentence)


async def of_client(tx: Transaction, target: Target) -> Foreseen:
    """Every token of a client. Those in its own name are kept nowhere, so none is counted."""
    client = await tx.clients.find(target.name)
    if client is None:
        raise unknown(target)
    if not client.is_enabled:
        sentence = f"{client.client_name} is disabled: its tokens ended then."
        return _nothing(target, sentence, (client.client_name,))
    families = await tx.families.count_of_client(client.client_id)
    sentence = (
        f"Every token of {client.client_name} ends at once: {_counted(families, 'session')} of "
        "people, and all that it got in its own name. It stays registered, may ask anew, and "
        "the permissions that people gave it stay."
    )
    return Foreseen(target, 0, families, (client.client_name,), sentence)


async def of_api(tx: Transaction, target: Target) -> Foreseen:
    """Every token for an API. They are kept nowhere, so none is counted."""
    api = await tx.apis.find(target.name)
    if api is None:
        raise unknown(target)
    sentence = (
        f"Every token for {api.name} ends at once, whoever holds it. Nobody is signed out: an app "
        "with a refresh token gets a new one by itself, others ask anew."
    )
    return Foreseen(target, 0, 0, (), sentence)


async def of_mint_right(tx: Transaction, target: Target) -> Foreseen:
    """A right to mint for people, with what was made by it (S58)."""
    right = await tx.mint_rights.find(target.name)
    if right is None:
        raise unknown(target)
    name = await _name_of(tx, right.client_id)
    if right.ended_at is not None:
        return _nothing(target, f"This right of {name} has been withdrawn already.", (name,))
    hanging = await what_hangs.of_right(tx, right.id)
    people = len({family.user_id for family in hanging.families})
    of_them = "1 person" if people == 1 else f"{people} people"
    sentence = (
        f"{name} loses a right to mint, and every token ends that it has made by it, of {of_them}. "
        "Its other rights and tokens stay."
    )
    return Foreseen(target, 0, len(hanging.families), (name,), sentence)


async def of_key(tx: Transaction, target: Target) -> Foreseen:
    """Everything that a key has signed (S84)."""
    try:
        key = await find_key(tx, target.name)
    except KeyRefused:
        raise unknown(target) from None
    if not key.is_published(tx.now):
        return _nothing(target, f"Nothing that the key {key.kid} has signed stands any more.")
    if key.purpose is Purpose.FEED:
        sentence = (
            f"The key {key.kid} signs the notices feed. Guards will believe nothing that it "
            "signed, and fetch the new key."
        )
    else:
        sentence = (
            f"Every token that the key {key.kid} has signed ends at once. Apps with a refresh "
            "token get a new one by themselves; others sign in anew."
        )
    return Foreseen(target, 0, 0, (), sentence)


async def _of_grant(tx: Transaction, target: Target) -> tuple[str, Hanging]:
    grant: Grant | None = await tx.grants.find(target.name)
    if grant is None:
        raise unknown(target)
    return await _name_of(tx, grant.client_id), await what_hangs.of_grant(tx, grant.id)


async def _foreseen(tx: Transaction, target: Target, hanging: Hanging, sentence: str) -> Foreseen:
    apps = await _apps_of(tx, hanging)
    return Foreseen(target, len(hanging.sessions), len(hanging.families), apps, sentence)


def _nothing(target: Target, sentence: str, apps: tuple[str, ...] = ()) -> Foreseen:
    return Foreseen(
        target, 0, 0, apps, Row((sentence, say("Nothing is left to end."))), nothing=True
    )


async def _apps_of(tx: Transaction, hanging: Hanging) -> tuple[str, ...]:
    client_ids = {family.client_id for family in hanging.families}
    return tuple(sorted([await _name_of(tx, each) for each in client_ids], key=str.casefold))


async def _name_of(tx: Transaction, client_id: str) -> str:
    client: Client | None = await tx.clients.find(client_id)
    return client.client_name if client else client_id


def _counted_apps(hanging: Hanging, apps: tuple[str, ...]) -> Sentence:
    names: str = ", ".join(apps[:_MOST_NAMES])
    if len(apps) > _MOST_NAMES:
        names = say("{names} and {more} more", names=names, more=len(apps) - _MOST_NAMES)
    one, many = SESSIONS_OF_APPS
    return say_many(one, many, len(hanging.families), names=names)


def _sessions_end(hanging: Hanging) -> Sentence:
    return say_many(
        "{count} session ends, with all its tokens",
        "{count} sessions end, with all their tokens",
        len(hanging.families),
    )


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
