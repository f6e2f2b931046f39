"""Who is the client: what is read, and what is believed."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.oauth.errors import OAuthError
from counterfoil.oauth.opaque import Secret
from counterfoil.oauth.parameters import Parameters
from counterfoil.server.protocol import client_authentication, registration
from counterfoil.server.protocol.client_authentication import Credentials, credentials_in
from counterfoil.server.protocol.events import CLI
from counterfoil.server.records.client import Client
from tests.installation import Installation


def basic(pair: str | bytes) -> str:
    raw = pair if isinstance(pair, bytes) else pair.encode()
    return "Basic " + base64.b64encode(raw).decode()


def read(body: str = "", authorization: str | None = None) -> Credentials:
    return credentials_in(Parameters.parse(body), authorization)


def refusal(body: str = "", authorization: str | None = None) -> str:
    with pytest.raises(OAuthError) as refused:
        read(body, authorization)
    return refused.value.error


def test_the_header_is_read():
    """RFC 6749 §2.3.1."""
    found = read("", basic("app:s3cret"))
    assert found == Credentials("app", Secret("s3cret"), "client_secret_basic")


def test_both_halves_are_form_decoded():
    """RFC 6749 §2.3.1: they were form-encoded before."""
    found = read("", basic("a%3Ab+c:s%2Bx"))
    assert (found.client_id, found.secret) == ("a:b c", Secret("s+x"))


def test_the_password_may_hold_colons():
    """RFC 7617 §2: the first colon divides."""
    assert read("", basic("app:a:b")).secret == Secret("a:b")


def test_the_body_is_read():
    assert read("client_id=app&client_secret=x").method == "client_secret_post"
    assert read("client_id=app").method == "none"


def test_an_empty_secret_is_none():
    """RFC 6749 §2.3.1: a client may omit it if it is empty."""
    assert read("", basic("app:")).secret is None
    assert read("client_id=app&client_secret=").secret is None


@pytest.mark.parametrize(
    ("body", "authorization", "error"),
    [
        ("client_secret=x", basic("app:x"), "invalid_request"),
        ("client_id=other", basic("app:x"), "invalid_request"),
        ("", None, "invalid_client"),
        ("client_secret=x", None, "invalid_client"),
        ("", "Bearer x", "invalid_client"),
        ("", "Basic", "invalid_client"),
        ("", "Basic !", "invalid_client"),
        ("", "Basic YQ", "invalid_client"),
        ("", basic("app"), "invalid_client"),
        ("", basic(":x"), "invalid_client"),
        ("", basic(b"\xff:x"), "invalid_client"),
        ("", basic("app:%ff"), "invalid_client"),
    ],
)
def test_anything_else_is_refused(body: str, authorization: str | None, error: str):
    """RFC 6749 §2.3, §5.2."""
    assert refusal(body, authorization) == error


@given(st.text(max_size=80))
def test_any_header_is_read_or_refused(authorization: str):
    try:
        found = read("", authorization)
    except OAuthError as refused:
        assert refused.error == "invalid_client"  # noqa: PT017 - either is right
    else:
        assert found.method == "client_secret_basic"


async def prove(place: Installation, client_id: str, secret: str | None, method: str = ""):
    method = method or ("client_secret_basic" if secret else "none")
    credentials = Credentials(client_id, Secret(secret) if secret else None, method)
    return await place.authority.store.read(
        lambda tx: client_authentication.authenticate(tx, credentials)
    )


@pytest.mark.anyio
async def test_the_right_secret_proves_the_client(place: Installation):
    found = await prove(place, "service", place.secrets["service"])
    assert found.client.client_id == "service"
    assert found.secret_id is not None


@pytest.mark.anyio
async def test_a_public_client_proves_nothing(place: Installation):
    found = await prove(place, "spa", None)
    assert found.client.public
    assert found.secret_id is None


@pytest.mark.anyio
@pytest.mark.parametrize(
    ("client_id", "secret"),
    [
        ("service", None),
        ("service", "wrong"),
        ("service", "OF-APP"),
        ("nobody", "OF-APP"),
        ("nobody", None),
        ("spa", "OF-APP"),
    ],
)
async def test_nobody_learns_which_half_was_wrong(
    place: Installation, client_id: str, secret: str | None
):
    """RFC 6749 §5.2: one error, one sentence, for the unknown and the wrong alike."""
    with pytest.raises(OAuthError) as refused:
        await prove(place, client_id, place.secrets["app"] if secret == "OF-APP" else secret)
    assert refused.value.error == "invalid_client"
    assert refused.value.description == "The client could not be authenticated."


@pytest.mark.anyio
async def test_two_secrets_live_and_the_older_one_ends_with_the_overlap(place: Installation):
    await place.add_client("twofold")
    store = place.authority.store
    first = place.secrets["twofold"]
    second = await store.transact(lambda tx: registration.rotate_secret(tx, "twofold", 100, CLI))
    assert second is not None
    one, other = (
        await prove(place, "twofold", first),
        await prove(place, "twofold", second.reveal()),
    )
    assert one.secret_id != other.secret_id
    place.clock.turn(100)
    assert (await prove(place, "twofold", second.reveal())).secret_id == other.secret_id
    with pytest.raises(OAuthError):
        await prove(place, "twofold", first)


def test_a_public_client_is_kept_from_where_secrets_are_needed():
    public = Client(
        client_id="spa",
        client_name="Spa",
        created_at=1,
        grant_types=(),
        scopes=frozenset(),
        public=True,
    )
    with pytest.raises(OAuthError) as refused:
        client_authentication.demand_confidential(public)
    assert refused.value.error == "unauthorized_client"
