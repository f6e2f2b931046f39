"""Prints what the verifiers took, beside each other."""

from collections.abc import Mapping

from bench.verifiers.measuring import KINDS, VERIFIERS


def tell(results: Mapping[str, float]) -> None:
    """Print a table: a row for each verifier that was measured, microseconds for each kind."""
    kinds = (*KINDS, "revoked")
    print(f"\n{'µs for a token that is':<38}" + "".join(f"{kind:>10}" for kind in kinds))
    for verifier in VERIFIERS:
        times = [results.get(f"verifier_{verifier.key}_{kind}_us") for kind in kinds]
        if None in times:
            continue
        shown = "".join(f"{time:>10,.1f}" for time in times if time is not None)
        accepts = results[f"verifier_{verifier.key}_accepts_revoked"]
        print(f"{verifier.title:<38}{shown}{'  accepts what was revoked' if accepts else ''}")
