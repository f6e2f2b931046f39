"""The authorization server as the protocol sees it: all that its steps need, in one value."""

from msgspec import Struct

from counterfoil.server.geography.atlas import Atlas
from counterfoil.server.hub import Hub
from counterfoil.server.hub.receipts import Receipts
from counterfoil.server.hub.snapshots import Snapshots
from counterfoil.server.keys.encrypting import Encrypting
from counterfoil.server.keys.keyring import Keyring
from counterfoil.server.keys.rotation import Rotation
from counterfoil.server.keys.sealing import Sealing
from counterfoil.server.keys.server_secret import ServerKeys
from counterfoil.server.protocol.activity import Activity
from counterfoil.server.protocol.rates import ClientRates
from counterfoil.server.protocol.repeats import Repeats
from counterfoil.server.protocol.token_reading import TokenReader
from counterfoil.server.protocol.token_sizes import TokenSizes
from counterfoil.server.records.store import Store
from counterfoil.server.settings import Settings


class Authority(Struct, frozen=True):
    """One issuer. A process may hold several; nothing is shared between them."""

    settings: Settings
    store: Store
    keyring: Keyring
    keys: ServerKeys
    pending: Sealing
    letters: Sealing
    authenticators: Sealing
    upstream: Sealing
    rotation: Rotation
    hub: Hub
    receipts: Receipts
    snapshots: Snapshots
    activity: Activity
    client_rates: ClientRates
    repeats: Repeats
    reader: TokenReader
    token_sizes: TokenSizes
    encrypting: Encrypting
    atlas: Atlas

    @property
    def issuer(self) -> str:
        """The issuer identifier (RFC 8414 §2)."""
        return self.settings.issuer
