"""What a signature vouches for, and that does not change with time (RFC 9068 §4, RFC 8725)."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final, NoReturn

from msgspec import Struct
from msgspec.structs import replace

from counterfoil.guard.claims import access_token_in, claims_of, token_of
from counterfoil.guard.encryption import Unsealing
from counterfoil.guard.issuer_state import IssuerState
from counterfoil.guard.scope_hierarchy import ScopeHierarchy
from counterfoil.guard.token import Rejected, Undecided
from counterfoil.guard.token_cache import Verified
from counterfoil.jose import jws, jwt
from counterfoil.jose.errors import JoseError, JoseReason
from counterfoil.oauth.access_token import LEEWAY, AccessToken
from counterfoil.oauth.opaque import Kind, is_spelled
from counterfoil.oauth.personal_token import networks_in
from counterfoil.oauth.reasons import Reason
from counterfoil.oauth.registry import digest_of
from counterfoil.oauth.revocations import Marks
from counterfoil.oauth.url_binding import TYPE as URL_BOUND
from counterfoil.oauth.use_limit import TYPE as LIMITED

REASONS: Final[Mapping[JoseReason, Reason]] = MappingProxyType(
    {
        "unknown_key": Reason.UNKNOWN_KEY,
        "wrong_type": Reason.WRONG_TYPE,
        "bad_signature": Reason.BAD_SIGNATURE,
        "wrong_algorithm": Reason.BAD_SIGNATURE,
    }
)


class Api(Struct, frozen=True):
    """Whose tokens are taken: its resource identifier, and whether they must be bound to a key.

    ``max_age``: seconds after their issue in which tokens are taken, whatever their expiry says.
    ``unsealing`` opens those that are encrypted.
    """

    audience: str
    takes_only_bound: bool
    hierarchy: ScopeHierarchy
    max_age: float | None = None
    unsealing: Unsealing = Unsealing(None)

    def end_of(self, access_token: AccessToken) -> float:
        """Say until when a token is taken (S27)."""
        if self.max_age is None:
            return float(access_token.exp)
        return float(min(access_token.exp, access_token.first_issued_at + self.max_age))


class Verification:
    """Checks signature, type, issuer and audience; no I/O.

    ``clock`` gives seconds since the epoch; ``wake`` has keys that are missed fetched.
    """

    def __init__(
        self,
        states: Mapping[str, IssuerState],
        api: Api,
        clock: Callable[[], float],
        wake: Callable[[], None],
    ) -> None:
        self._states = states
        self._api = api
        self._clock = clock
        self._wake = wake

    def verify(self, unverified: str) -> Verified:
        """Check a token as it came.

        Raises:
            Rejected: with the reason.
        """
        signed, unsealing = unverified, self._api.unsealing
        if unsealing.required or not jws.looks_signed(unverified):
            signed = unsealing.signed_in(unverified)
        state = self._pick(signed)
        verifier = state.keys.verifier
        if verifier is None:
            raise without_keys(state.issuer.url)
        try:
            genuine = verifier.verify(signed)
        except JoseError as error:
            self._refuse(signed, state, error)
        registered = digest_of(unverified) if state.registry is not None else b""
        if genuine.typ == URL_BOUND and genuine.claims.get("url_bound") is None:
            raise Rejected(Reason.MALFORMED, detail="its type says that it is bound to a URL")
        if genuine.typ == LIMITED and genuine.claims.get("max_uses") is None:
            raise Rejected(Reason.MALFORMED, detail="its type says that it works so many times")
        return self._vouched_for(genuine, state, verifier, registered)

    def _vouched_for(
        self,
        genuine: jwt.Verified,
        state: IssuerState,
        verifier: jwt.Verifier | None,
        registered: bytes = b"",
    ) -> Verified:
        claims, kid = genuine.claims, genuine.kid
        access_token = access_token_in(claims, state.issuer)
        if not access_token.is_for(self._api.audience):
            detail = f"this guard's audience is {self._api.audience!r}"
            raise Rejected(Reason.WRONG_AUDIENCE, detail=detail, fingerprint=access_token.jti)
        if self._api.takes_only_bound and access_token.binding.is_bearer:
            raise Rejected(Reason.UNBOUND, fingerprint=access_token.jti)
        lists = state.status_lists
        return Verified(
            token_of(access_token, claims, self._api.hierarchy, kid),
            self._api.end_of(access_token),
            float(access_token.begins_at - LEEWAY),
            access_token.binding,
            self._marks_of(access_token, kid),
            state,
            verifier,
            registered,
            None if lists is None else lists.reference_in(claims),
            access_token.url_bound,
        )

    def demand_key_of(self, parent: Verified) -> None:
        """Demand that the key which signed a ticket's parent is still one of its issuer's.

        Issuers without our feed have no other way to take a key back.

        Raises:
            Rejected: ``unknown_key``, or ``stale`` where no keys are here yet.
        """
        keys, fingerprint = parent.state.keys, parent.token.fingerprint
        if keys.verifier is None:
            raise Rejected(Reason.STALE, fingerprint=fingerprint)
        if parent.marks.kid not in keys.verifier.keys:
            self._look_for_keys(parent.state)
            raise Rejected(Reason.UNKNOWN_KEY, fingerprint=fingerprint)

    def refer(self, unverified: str) -> NoReturn:
        """Leave a reference token to the one issuer of such: nothing of it can be known here.

        Raises:
            Undecided: so that it is asked.
            Rejected: where it is none, or no issuer has such.
        """
        if not is_spelled(Kind.ACCESS_TOKEN, unverified):
            raise Rejected(Reason.MALFORMED)
        for url, state in self._states.items():
            if state.issuer.reference:
                raise Undecided(url, None, Reason.REVOKED)
        raise Rejected(Reason.WRONG_ISSUER, detail="no issuer has reference=True")

    def told(self, issuer: str, answer: Mapping[str, object]) -> Verified:
        """Give a reference token by what its issuer has just said of it.

        Raises:
            Rejected: where it is none of this API's.
        """
        said = jwt.Verified("", "", claims_of(answer))
        return self._vouched_for(said, self._states[issuer], None)

    def referred(self, unverified: str, shown_from: str) -> Undecided:
        """Leave a personal token to the one issuer of such, which is to be asked.

        Raises:
            Rejected: where it is none, or no issuer has such.
        """
        if not is_spelled(Kind.PERSONAL_TOKEN, unverified):
            raise Rejected(Reason.MALFORMED)
        for url, state in self._states.items():
            if state.issuer.personal:
                return Undecided(url, None, Reason.REVOKED, shown_from)
        raise Rejected(Reason.WRONG_ISSUER, detail="no issuer has personal=True")

    def told_personal(self, issuer: str, answer: Mapping[str, object]) -> Verified:
        """Give a personal token by what its issuer has just said of it.

        Raises:
            Rejected: where it is none of this API's, or its networks cannot be read.
        """
        verified = self.told(issuer, answer)
        try:
            networks = networks_in(answer.get("networks"))
        except ValueError as error:
            raise Rejected(Reason.MALFORMED, detail=str(error)) from None
        # A lifetime that an API shortens is not that of what people make by hand (S26).
        marks = replace(verified.marks, issued_at=int(verified.token.expires_at))
        return replace(verified, networks=networks, marks=marks)

    def _pick(self, unverified: str) -> IssuerState:
        states = self._states
        if len(states) == 1:
            return next(iter(states.values()))
        state = states.get(issuer_named_in(unverified))
        if state is None:
            raise Rejected(Reason.WRONG_ISSUER, detail=f"this guard's are {', '.join(states)}")
        return state

    def _refuse(self, unverified: str, state: IssuerState, error: JoseError) -> NoReturn:
        reason = REASONS.get(error.reason, Reason.MALFORMED)
        if reason is Reason.UNKNOWN_KEY:
            if issuer_named_in(unverified) != state.issuer.url:
                reason = Reason.WRONG_ISSUER
            elif self._is_withdrawn(unverified, state):
                reason = Reason.KEY_RETIRED
            else:
                self._look_for_keys(state)
        raise Rejected(reason, detail=str(error)) from None

    def _look_for_keys(self, state: IssuerState) -> None:
        if state.keys.missed(self._clock()):
            self._wake()

    def _is_withdrawn(self, unverified: str, state: IssuerState) -> bool:
        kid = jwt.unverified_header(unverified).get("kid")
        marks = Marks("", "", "", 0, "", 0, str(kid))
        return state.notices.rejects(marks, self._clock()) is Reason.KEY_RETIRED

    def _marks_of(self, access_token: AccessToken, kid: str) -> Marks:
        return Marks(
            access_token.jti,
            access_token.fam,
            access_token.client_id,
            access_token.gen[0],
            self._api.audience,
            access_token.gen[1],
            kid,
            access_token.iat,
            tuple([each.marks for each in access_token.parents]) if access_token.parents else (),
        )


def without_keys(issuer: str) -> Rejected:
    """Refuse what nothing can be said of yet, and tell the operator where to look."""
    detail = f"the keys of {issuer} are not here yet: was the guard started? Its health() says why"
    return Rejected(Reason.STALE, detail=detail)


def issuer_named_in(unverified: str) -> str:
    """Give the issuer that a token names, which may be forged.

    Raises:
        Rejected: ``malformed``.
    """
    try:
        return str(jwt.unverified_claims(unverified).get("iss"))
    except JoseError:
        raise Rejected(Reason.MALFORMED) from None
