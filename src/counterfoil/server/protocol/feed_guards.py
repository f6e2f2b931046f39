"""Which client follows the notices: its credentials are welcome there, and never demanded.

The feed is for everyone. A guard with wrong credentials follows without a name, for that must not
keep it from knowing what has ended.
"""

import logging
from functools import partial
from typing import Final

from counterfoil.oauth.errors import OAuthError
from counterfoil.server.protocol.authority import Authority
from counterfoil.server.protocol.client_authentication import (
    AuthenticatedClient,
    Credentials,
    authenticate,
    credentials_of_header,
    demand_confidential,
)
from counterfoil.server.records.store import Transaction

_LOG: Final = logging.getLogger(__name__)


async def proved(authority: Authority, authorization: str | None) -> str:
    """Give the ``client_id`` that an ``Authorization`` header proves; empty where it proves none.

    Raises:
        StoreUnavailable: the clients cannot be read.
    """
    if authorization is None:
        return ""
    try:
        credentials = await credentials_of_header(authority, authorization)
        found, now = await authority.store.read(partial(_authenticate, credentials))
    except OAuthError as error:
        _LOG.warning("a guard follows without a name: %s", error.description)
        return ""
    authority.activity.note_secret(found.secret_id, now)
    return found.client.client_id


async def _authenticate(
    credentials: Credentials, tx: Transaction
) -> tuple[AuthenticatedClient, int]:
    authenticated = await authenticate(tx, credentials)
    demand_confidential(authenticated.client)
    return authenticated, tx.now
