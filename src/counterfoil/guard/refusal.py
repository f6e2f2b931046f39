"""A refusal of a guard gets a name, and a line in the log that begins with it (S109)."""

import logging
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Final

from counterfoil.guard.token import Rejected

_LOG: Final = logging.getLogger("counterfoil.guard")
_ID_BYTES: Final = 6
_PLAIN: Final = re.compile(r"[\x21-\x7e]{1,128}")


def log_refusal(rejected: Rejected, random: Callable[[int], bytes]) -> str:
    """Name a refusal at random, log it under that name, and give the name.

    Reason, fingerprint and detail are logged: nothing of the token's text, nothing of the request.
    """
    request_id = urlsafe_b64encode(random(_ID_BYTES)).decode("ascii")
    fingerprint = rejected.fingerprint
    # Issuers that are not ours choose their own names: one with a line feed would forge lines.
    shown = fingerprint if _PLAIN.fullmatch(fingerprint) else "-"
    detail = str(rejected)
    detail = detail if detail.isprintable() else ascii(detail)
    _LOG.info("%s refused: %s fingerprint=%s (%s)", request_id, rejected.reason, shown, detail)
    return request_id
