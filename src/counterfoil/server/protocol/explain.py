"""Why is this token refused? What was pasted is looked at, and neither stored nor logged (S109)."""

from functools import partial
from types import MappingProxyType
from typing import Final

from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.explaining.access_token import (
    explain_access_token,
    explain_reference,
)
from counterfoil.server.protocol.explaining.endings import Case
from counterfoil.server.protocol.explaining.explanation import Explanation, Verdict
from counterfoil.server.protocol.explaining.fingerprint import explain_fingerprint
from counterfoil.server.protocol.explaining.personal_token import (
    explain_personal_row,
    explain_personal_token,
)
from counterfoil.server.protocol.explaining.refresh_token import explain_refresh_token
from counterfoil.server.protocol.identifiers import is_fingerprint
from counterfoil.server.records.sentence import say
from counterfoil.server.records.store import Transaction

_SECRETS: Final = MappingProxyType(
    {
        Kind.CLIENT_SECRET: say("This is a client's secret. It should not be pasted: rotate it."),
        Kind.AUTHORIZATION_CODE: say(
            "This is an authorization code, a secret that is good once, for a minute. It should "
            "not be pasted: let the app ask for another."
        ),
        Kind.DEVICE_CODE: say(
            "This is the code of a device that waits to be let in, a secret that is good once. It "
            "should not be pasted."
        ),
        Kind.ACTION_TOKEN: say(
            "This is what stands in a link that was sent by mail, a secret that is good once. It "
            "should not be pasted."
        ),
        Kind.SESSION: say(
            "This is the secret of a signed-in browser. It should not be pasted: sign that browser "
            "out."
        ),
        Kind.REMEMBERED: say(
            "This is what a browser is remembered by. It should not be pasted: forget that browser "
            "under Devices."
        ),
        Kind.BROWSER: say(
            "This is the secret of a browser's cookie. It should not be pasted: close that browser."
        ),
    }
)
NOTHING: Final = Explanation(
    kind="unknown",
    verdict=Verdict.UNKNOWN,
    sentence=say(
        "This is no token, and no fingerprint of one. Was all of it copied, and nothing else?"
    ),
)
NOT_YOURS: Final = Explanation(
    kind="unknown",
    verdict=Verdict.UNKNOWN,
    sentence=say(
        "This is not known as a token of yours. Was all of it copied, and nothing else? It may "
        "also have expired and been forgotten."
    ),
)


async def explain(authority: Authority, pasted: str) -> Explanation:
    """Explain a token, or its fingerprint, to whoever may know everything.

    Raises:
        StoreUnavailable: nothing can be said at the moment.
    """
    await authority.hub.catch_up()
    return await authority.store.read(partial(_explained, authority, pasted.strip()))


async def explain_to(authority: Authority, pasted: str, user_id: str) -> Explanation:
    """Explain a token to a person: of their own, everything; of any other, that it is not theirs.

    Whatever is not certainly theirs is answered in the same words: forged, foreign or unknown.

    Raises:
        StoreUnavailable: nothing can be said at the moment.
    """
    found = await explain(authority, pasted)
    if found.verdict is Verdict.SECRET or (found.owner and found.owner == user_id):
        return found
    return NOT_YOURS


async def _explained(authority: Authority, pasted: str, tx: Transaction) -> Explanation:
    case = Case(authority, tx)
    if is_spelled(Kind.REFRESH_TOKEN, pasted):
        return await explain_refresh_token(case, pasted)
    if is_spelled(Kind.ACCESS_TOKEN, pasted):
        return await explain_reference(case, pasted)
    if is_spelled(Kind.PERSONAL_TOKEN, pasted):
        return await explain_personal_token(case, pasted)
    for kind, sentence in _SECRETS.items():
        if is_spelled(kind, pasted):
            return Explanation(kind=kind.name.lower(), verdict=Verdict.SECRET, sentence=sentence)
    if is_fingerprint(pasted):
        personal = await tx.personal_tokens.find_by_id(pasted)
        if personal is not None:
            return await explain_personal_row(case, personal)
        return await explain_fingerprint(case, pasted)
    if "." in pasted:
        return await explain_access_token(case, pasted)
    return NOTHING
