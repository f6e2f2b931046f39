"""How a client says who it is at the token endpoint (RFC 6749 §2.3, RFC 7523 §2.2)."""

from base64 import b64encode
from urllib.parse import quote_plus

from msgspec import Struct

from counterfoil.client.client_key import ClientKey
from counterfoil.client.outside import Outside
from counterfoil.client.registration import Registration
from counterfoil.oauth.client_assertion import ASSERTION_TYPE


class Introduction(Struct, frozen=True):
    """The value of the ``Authorization`` header, and what goes into the form."""

    authorization: str
    form: dict[str, str]

    def __repr__(self) -> str:
        return f"Introduction({', '.join(self.form) or 'Basic'})"


def introduced(registration: Registration, outside: Outside) -> Introduction:
    """Say who the client is: by secret in the header, by a signed assertion, or by name alone."""
    client_id, credential = registration.client_id, registration.credential
    if credential is None:
        return Introduction("", {"client_id": client_id})
    if isinstance(credential, ClientKey):
        assertion = credential.assertion(registration.issuer, client_id, outside)
        said = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": assertion}
        return Introduction("", {"client_id": client_id} | said)
    pair = f"{quote_plus(client_id)}:{quote_plus(credential)}"
    return Introduction(f"Basic {b64encode(pair.encode()).decode()}", {})
