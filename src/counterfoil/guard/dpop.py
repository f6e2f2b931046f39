"""DPoP at an API: each proof is for one request, and for one time (RFC 9449 §4.3, §9, §11.1)."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

from counterfoil.guard.policy import Proofs
from counterfoil.guard.token import Rejected
from counterfoil.oauth.dpop import KEPT, NotProved, Proof, Target, read_proof
from counterfoil.oauth.nonces import KEY_BYTES, Nonces
from counterfoil.oauth.reasons import Reason

HEADER: Final = b"dpop"
NONCE_HEADER: Final = "dpop-nonce"


class ProofWatch:
    """Judges proofs, and remembers those that were used. No I/O; threads may share it.

    ``clock`` gives seconds since the epoch, ``random`` so many random bytes.
    """

    def __init__(
        self, policy: Proofs, clock: Callable[[], float], random: Callable[[int], bytes]
    ) -> None:
        self.policy = policy
        self._clock = clock
        self._nonces = Nonces(policy.nonce_key or random(KEY_BYTES)) if policy.nonces else None
        self._used: OrderedDict[bytes, float] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, unverified: Sequence[str], target: Target) -> Proof:
        """Check the one proof in the values of the ``DPoP`` header, all but whether it was used.

        Its ``binding`` is what ``Guard.check`` wants to know as ``proved``. After that has let the
        token pass, ``take`` the proof: so nobody fills the memory who has no token.

        Raises:
            Rejected: ``proof_missing``, ``proof_invalid``, ``proof_mismatch``, ``proof_expired``
                or ``nonce_needed``.
        """
        now = self._clock()
        try:
            proof = read_proof(unverified, target)
            proof.demand_timely(now)
        except NotProved as error:
            raise Rejected(error.reason, detail=str(error)) from None
        if self._nonces is not None and not self._nonces.knows(proof.nonce, now):
            raise Rejected(Reason.NONCE_NEEDED)
        return proof

    def take(self, proof: Proof) -> None:
        """Use a proof up. One that must be remembered is never forgotten for another.

        Raises:
            Rejected: ``proof_replayed``; ``too_many_proofs`` where the memory is full.
        """
        now, proof_id = self._clock(), proof.id
        with self._lock:
            used = self._used
            while used and next(iter(used.values())) <= now:
                used.popitem(last=False)
            if proof_id in used:
                raise Rejected(Reason.PROOF_REPLAYED)
            if len(used) >= self.policy.remembered:
                raise Rejected(Reason.TOO_MANY_PROOFS)
            used[proof_id] = now + KEPT

    def nonce(self) -> str | None:
        """Give the nonce that the next proofs must carry; ``None`` where they need none."""
        return None if self._nonces is None else self._nonces.current(self._clock())
