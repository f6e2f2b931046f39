"""Explaining an access token that was pasted: in the order of a guard's checks (RFC 9068 §4)."""

from collections.abc import Sequence
from types import MappingProxyType
from typing import Final

from msgspec import Struct

from counterfoil.jose import jwt
from counterfoil.jose.errors import JoseError
from counterfoil.oauth.access_token import TYPES, AccessToken, access_token_from
from counterfoil.oauth.opaque import fingerprint
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.registry import digest_of
from counterfoil.server.protocol.explaining.claims import concluded, explain_claims
from counterfoil.server.protocol.explaining.endings import Case
from counterfoil.server.protocol.explaining.explanation import (
    Explanation,
    Step,
    failed,
    not_known,
    passed,
)
from counterfoil.server.protocol.explaining.history import Subject, dated
from counterfoil.server.protocol.token_reading import is_signed_as_asked, policies_for
from counterfoil.server.records.policy import ApiPolicy
from counterfoil.server.records.sentence import say
from counterfoil.server.records.signing_key import Purpose, SigningKey

_RECORDED: Final = say("It was written down when it was issued, as its API wants.")
_NO_RECORD: Final = say(
    "There is no record of it: it has expired and been forgotten, or we never issued it."
)
_OTHER_ALGORITHM: Final = say(
    "Its API asks for another algorithm: it is from before that, or forged."
)
_OPENED: Final = say("It is encrypted to its API, and this server, which did that, opens it again.")
_UNREADABLE: Final = say(
    "It is encrypted, but not by this server, or to a key of an API that is kept no more."
)
_UNBELIEVED: Final = say("Nothing after this is asked: what it says of itself is not believed.")
_FAILS_AT: Final = MappingProxyType(
    {
        "oversized": ("spelling", Reason.MALFORMED, say("It is longer than any token of ours.")),
        "malformed": (
            "spelling",
            Reason.MALFORMED,
            say("It is not spelled as a token is. Was all of it copied, and nothing else?"),
        ),
        "unknown_critical": (
            "spelling",
            Reason.MALFORMED,
            say("It demands what nobody here knows."),
        ),
        "wrong_algorithm": (
            "key",
            Reason.BAD_SIGNATURE,
            say("It names an algorithm that its key is not used with. We never made it so."),
        ),
        "unknown_key": (
            "key",
            Reason.UNKNOWN_KEY,
            say("It is signed by a key that is not ours."),
        ),
        "wrong_type": (
            "type",
            Reason.WRONG_TYPE,
            say(
                "It is of another type, an ID token or a ticket, perhaps: neither is an "
                "access token."
            ),
        ),
        "bad_signature": (
            "signature",
            Reason.BAD_SIGNATURE,
            say("Its signature does not match: something in it was changed, or we never made it."),
        ),
    }
)
_MET: Final = (
    ("spelling", say("It is spelled as a token is.")),
    ("key", say("It names a key of ours that is published.")),
    ("type", say("It is an access token.")),
    ("signature", say("Its signature is ours.")),
)


class _Genuine(Struct, frozen=True):
    """A token whose signature is ours."""

    token: AccessToken
    kid: str


async def explain_access_token(case: Case, unverified: str) -> Explanation:
    """Walk the checks of a JWT; nothing of it is believed before its signature is."""
    try:
        signed = await case.authority.reader.signed_in(unverified, case.tx)
    except JoseError:
        unreadable = failed("encryption", Reason.UNREADABLE, _UNREADABLE)
        return concluded([unreadable, not_known("claims", _UNBELIEVED)])
    steps, genuine = await _checked(case, signed)
    if signed is not unverified:
        steps = [passed("encryption", _OPENED), *steps]
    if genuine is None:
        return concluded(steps)
    token = genuine.token
    policies = await policies_for(case.tx, token)
    steps += _algorithm(case, policies, genuine.kid)
    steps += await _registry(case, unverified, policies)
    return await explain_claims(case, steps, token, token.marks(genuine.kid))


async def explain_reference(case: Case, unverified: str) -> Explanation:
    """Walk the checks of an opaque token: it counts by its row alone."""
    row = await case.tx.issued_tokens.find(fingerprint(unverified))
    if row is None or row.claims is None:
        return concluded([failed("registry", Reason.NOT_REGISTERED, _NO_RECORD)])
    return await explain_claims(case, [passed("registry", _RECORDED)], row.claims, row.marks)


def _algorithm(case: Case, policies: Sequence[ApiPolicy], kid: str) -> list[Step]:
    """An API may want that one algorithm alone counts, though the others be ours (RFC 9964)."""
    if not any(policy.signing_algorithm for policy in policies):
        return []
    if is_signed_as_asked(policies, case.authority.keyring, kid, case.now):
        return [passed("algorithm", say("It is signed by the algorithm that its API asks for."))]
    return [failed("algorithm", Reason.UNKNOWN_KEY, _OTHER_ALGORITHM)]


async def _registry(case: Case, unverified: str, policies: Sequence[ApiPolicy]) -> list[Step]:
    """An API may want that only what was written down counts, whoever has signed it (S43)."""
    if not any(policy.is_looked_up for policy in policies):
        return []
    row = await case.tx.issued_tokens.find(digest_of(unverified))
    if row is None:
        return [failed("registry", Reason.NOT_REGISTERED, _NO_RECORD)]
    return [passed("registry", _RECORDED)]


async def _checked(case: Case, unverified: str) -> tuple[list[Step], _Genuine | None]:
    keys = case.authority.keyring.published(Purpose.TOKENS, case.now)
    try:
        verified = jwt.verify(unverified, keys, TYPES)
    except JoseError as error:
        return await _failed_at(case, unverified, error), None
    met = [passed(check, sentence) for check, sentence in _MET]
    token = access_token_from(verified.claims)
    if token is None:
        lacking = failed(
            "claims", Reason.MALFORMED, say("A claim that it needs is missing or wrong.")
        )
        return [*met, lacking], None
    return met, _Genuine(token, verified.kid)


async def _failed_at(case: Case, unverified: str, error: JoseError) -> list[Step]:
    check, reason, sentence = _FAILS_AT.get(error.reason, _FAILS_AT["malformed"])
    step = failed(check, reason, sentence)
    if error.reason == "unknown_key":
        step = await _unknown_key(case, unverified, step)
    checks = [each for each, _ in _MET]
    met = [passed(each, said) for each, said in _MET[: checks.index(check)]]
    return [*met, step, not_known("claims", _UNBELIEVED)]


async def _unknown_key(case: Case, unverified: str, step: Step) -> Step:
    """Say more of a key that is not published. What the header names is only looked for."""
    kid = jwt.unverified_header(unverified).get("kid")
    key = next((each for each in await _token_keys(case) if each.kid == kid), None)
    if key is not None:
        return await _gone_key(case, key)
    if _names_another_issuer(case, unverified):
        sentence = say("It is signed by a key that is not ours, and names another issuer.")
        return failed("key", Reason.WRONG_ISSUER, sentence)
    return step


async def _token_keys(case: Case) -> list[SigningKey]:
    signs_tokens = Purpose.TOKENS, Purpose.POST_QUANTUM
    return [key for each in signs_tokens for key in await case.tx.signing_keys.every(each)]


async def _gone_key(case: Case, key: SigningKey) -> Step:
    if key.withdrawn_at is not None:
        sentence = say("Its key was withdrawn in an emergency: nothing that it signed stands.")
        return await dated(case.tx, failed("key", Reason.KEY_RETIRED, sentence), Subject(key.kid))
    sentence = say("Its key has gone: the last token that it signed expired long ago.")
    return failed("key", Reason.UNKNOWN_KEY, sentence)


def _names_another_issuer(case: Case, unverified: str) -> bool:
    try:
        return jwt.unverified_claims(unverified).get("iss") != case.authority.issuer
    except JoseError:
        return False
