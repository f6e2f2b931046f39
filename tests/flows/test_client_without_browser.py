"""Our client at our server where there is no browser: devices (RFC 8628), and keys (RFC 7523)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import msgspec
import pytest
from click.testing import CliRunner

from counterfoil.cli.program import program
from counterfoil.client import AsyncClient, Client, ClientKey, DeviceSignIn, DpopKey, Refused
from counterfoil.jose.keys import PrivateKey
from tests.interop.serving import EMAIL, NOTES, SCOPE, Serving, serving

pytestmark = pytest.mark.one_engine("about what the client does")

ALGORITHMS = ("ES256", "EdDSA", "PS256", "RS256")
KEYS = {name: PrivateKey.generate(name) for name in ALGORITHMS}


@pytest.fixture(scope="module")
def server(on_engine: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    place = tmp_path_factory.mktemp("serving")
    data = place / "data"
    data.mkdir()
    (data / "counterfoil.toml").write_text('dpop_nonces = "required"\n')
    jwks = place / "jwks.json"
    jwks.write_bytes(msgspec.json.encode({"keys": [k.public.as_jwk() for k in KEYS.values()]}))
    with serving(data) as it:
        it.register("robot", "--scope", "notes:read", "--jwks", str(jwks))
        yield it


def quick(device: DeviceSignIn) -> DeviceSignIn:
    """The same, asked for every second: a test need not wait as long as a television."""
    return msgspec.structs.replace(device, interval=1.0)


def test_a_person_lets_a_device_in(server: Serving):
    """RFC 8628 §3: the device shows, the person allows elsewhere, the device goes on by itself."""
    with Client(server.issuer, "tv") as client:
        device = client.begin_device(SCOPE, NOTES)
        assert device.user_code in device.verification_uri_complete
        server.let_in(device.verification_uri_complete)
        tokens = client.finish_device(quick(device))
        assert tokens.identity is not None
        assert tokens.identity.email == EMAIL
        holder = client.holder(resource=NOTES)
        holder.take(tokens)
        assert holder.tokens(refused=tokens.access_token).access_token != tokens.access_token
        holder.end()


@pytest.mark.anyio
async def test_a_person_who_says_no_is_told(server: Serving):
    """§3.5: access_denied."""
    async with AsyncClient(server.issuer, "box", server.secrets["box"]) as client:
        device = await client.begin_device(SCOPE, NOTES)
        server.let_in(device.verification_uri_complete, "deny")
        with pytest.raises(Refused, match="access_denied"):
            await client.finish_device(quick(device))


def test_a_bound_device_proves_its_key_from_the_start(server: Serving):
    """RFC 9449 §5, with the server's own nonce."""
    with Client(server.issuer, "tv", dpop_key=DpopKey.in_memory()) as client:
        device = client.begin_device(SCOPE, NOTES)
        server.let_in(device.verification_uri_complete)
        tokens = client.finish_device(quick(device))
        assert tokens.token_type == "DPoP"
        client.revoke(tokens.refresh_token or "")


def test_a_terminal_without_a_browser_signs_in(server: Serving, tmp_path: Path):
    """`counterfoil login --device`: what it says is what the person follows."""
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    shown: Queue[DeviceSignIn] = Queue()
    asking = Client.begin_device

    def begin_device(self: Client, scope: str, resource: str | None = None) -> DeviceSignIn:
        device = quick(asking(self, scope, resource))
        shown.put(device)
        return device

    arguments = ["login", server.issuer, "--client-id", "tv", "--scope", SCOPE, "--device"]
    with pytest.MonkeyPatch.context() as patch, ThreadPoolExecutor(1) as beside:
        patch.setattr(Client, "begin_device", begin_device)
        running = beside.submit(CliRunner().invoke, program, arguments, env=environment)
        device = shown.get(timeout=20)
        server.let_in(device.verification_uri_complete)
        result = running.result(30)
    assert result.exit_code == 0, result.output
    assert f"Signed in at {server.issuer} as {EMAIL}" in result.stdout
    for said in (device.verification_uri, device.user_code):
        assert said in result.stderr
    token = CliRunner().invoke(program, ["token", "--resource", NOTES], env=environment)
    assert token.stdout.count(".") == 2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_a_client_proves_itself_by_its_key(server: Serving, algorithm: str):
    """RFC 7523 §2.2: every algorithm, one key set; each assertion is good once, so each is new."""
    key = ClientKey(KEYS[algorithm])
    with Client(server.issuer, "robot", key) as client:
        for _ in range(2):
            tokens = client.client_credentials("notes:read", NOTES)
        client.revoke(tokens.access_token)
    other = ClientKey(PrivateKey.generate(algorithm))
    with (
        Client(server.issuer, "robot", other) as stranger,
        pytest.raises(Refused, match="invalid_client"),
    ):
        stranger.client_credentials("notes:read", NOTES)


@pytest.mark.anyio
async def test_an_assertion_is_made_anew_for_the_nonce(server: Serving):
    """RFC 9449 §8: the first try has used the first one up."""
    key = ClientKey(KEYS["ES256"])
    async with AsyncClient(server.issuer, "robot", key, dpop_key=DpopKey.in_memory()) as client:
        holder = client.service("notes:read", resource=NOTES)
        assert (await holder.tokens()).token_type == "DPoP"


def test_an_automation_signs_in_at_the_command_line(server: Serving, tmp_path: Path):
    """`counterfoil login --service`: no person, no secret, a key in a file."""
    (tmp_path / "key.pem").write_bytes(KEYS["EdDSA"].to_pem())
    environment = {"XDG_STATE_HOME": str(tmp_path)}
    arguments = ["login", server.issuer, "--client-id", "robot", "--scope", "notes:read"]
    arguments += ["--resource", NOTES, "--service", "--client-key", str(tmp_path / "key.pem")]
    result = CliRunner().invoke(program, arguments, env=environment)
    assert result.exit_code == 0, result.output
    assert "as robot" in result.stdout
    printed = CliRunner().invoke(program, ["token"], env=environment)
    assert printed.stdout.count(".") == 2
    assert CliRunner().invoke(program, ["logout"], env=environment).exit_code == 0
