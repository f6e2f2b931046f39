"""Where more than a password is demanded: of people, by clients, for scopes. Pure but for look-ups.

What an app asks for by ``acr_values`` is a wish of that app; what stands here is policy (S105).
"""

from collections.abc import Sequence

from counterfoil.oauth.access import Access
from counterfoil.oauth.acr import (
    FEDERATED,
    FIRST,
    MAILBOX,
    MULTIPLE,
    PASSWORD,
    PHISHING_RESISTANT,
    SINGLE,
    acr_of,
    is_enough,
    strongest_of,
)
from counterfoil.server.records.client import Client
from counterfoil.server.records.second_factor import Factors
from counterfoil.server.records.session import Session
from counterfoil.server.records.store import Transaction
from counterfoil.server.records.user import User
from counterfoil.server.settings import Settings


def least_of_person(settings: Settings, user: User) -> str | None:
    """Say of which class every sign-in of a person must be; ``None``: any will do."""
    demanded = settings.second_factor_for
    of_all = demanded == "everyone"
    return MULTIPLE if of_all or (demanded == "administrators" and user.is_admin) else None


def mailed_code_is_due(
    settings: Settings, user: User, factors: Factors, amr: Sequence[str]
) -> bool:
    """Whether a second step is due for no other reason than that somebody has codes sent by mail.

    Whoever only touched a passkey, and has a password, is to begin with that.
    """
    if not settings.mailed_codes or factors.mailed_since is None or not user.email_verified:
        return False
    is_after = factors.password or not FIRST.isdisjoint(amr)
    return is_after and MAILBOX not in amr and not is_enough(amr, MULTIPLE)


def takes_mailed_code(settings: Settings, user: User, factors: Factors, amr: Sequence[str]) -> bool:
    """Whether a code by mail is a second step after these methods.

    Not in place of an app after a provider: the mailbox often opens the account there. Nor where
    more is demanded of somebody who has more: it would lead nowhere.
    """
    if not mailed_code_is_due(settings, user, factors, amr):
        return False
    if least_of_person(settings, user) is not None and factors.has_any:
        return False
    return PASSWORD in amr or (FEDERATED in amr and not factors.authenticator)


def is_strong_enough(settings: Settings, user: User, session: Session) -> bool:
    """Whether a session counts: one from before more was demanded does not."""
    return is_enough(session.amr, least_of_person(settings, user))


async def least_of_request(tx: Transaction, client: Client, access: Access) -> str | None:
    """Say of which class a sign-in must be for what a client asks."""
    for uri, scopes in access.apis.items():
        api = await tx.apis.find(uri)
        if api is not None and not scopes.isdisjoint(api.policy.strong_scopes):
            return strongest_of([MULTIPLE, client.policy.least_acr])
    return client.policy.least_acr


def within_reach(
    settings: Settings, factors: Factors, policy: str | None, session: Session | None
) -> str:
    """Say what class the session can become: by what the person has, or sets up on the way.

    Setting one up is for who has none, and for policy alone: an app's wish makes nobody do it. A
    passkey adds to a password; one to which it would only be added again signs in anew.
    """
    if session is not None and factors.has_any and not adds_key(factors, session.amr):
        return MULTIPLE if factors.authenticator else acr_of(session.amr)
    may_set_up = settings.second_factor_enrolment and not factors.has_any
    return MULTIPLE if policy is not None and may_set_up else factors.strongest


def by_password(factors: Factors, session: Session | None) -> str:
    """Say what class whoever only touched a passkey comes to if they begin with their password."""
    touched = session is not None and PASSWORD not in session.amr
    return factors.strongest if touched and factors.password else SINGLE


def adds_key(factors: Factors, amr: Sequence[str]) -> bool:
    """Whether a passkey of the person, even one only touched, makes of this more than it is."""
    return factors.has_key and not FIRST.isdisjoint(amr) and acr_of(amr) != PHISHING_RESISTANT
