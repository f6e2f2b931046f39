"""Clients by the command line, under the names of RFC 7591."""

import hashlib
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import asdict

from counterfoil.server.records.client import DEVICE_CODE, GRANT_TYPES, ClientSecret
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.store import Transaction
from tests.cli.conftest import API, Installation, LivedIn
from tests.client_keys import jwks_of, key

CALLBACK = "https://app.example/callback"


def as_json(policy: ClientPolicy) -> dict[str, Any]:
    return dict(msgspec.json.decode(msgspec.json.encode(asdict(policy))))


def test_a_confidential_client_gets_its_secret_once(installation: Installation):
    before = int(time.time())
    client = installation.json(
        "client", "add", "Web app", "--redirect-uri", CALLBACK, "--scope", "openid email",
        "--scope", "profile", "--post-logout-redirect-uri", "https://app.example/",
    )  # fmt: skip
    secret, client_id = client.pop("client_secret"), client.pop("client_id")
    assert before <= client.pop("client_id_issued_at") <= time.time()
    assert client == {
        "client_name": "Web app",
        "grant_types": ["authorization_code", "refresh_token"],
        "redirect_uris": [CALLBACK],
        "post_logout_redirect_uris": ["https://app.example/"],
        "scope": "email openid profile",
        "token_endpoint_auth_method": "client_secret_basic",
        "disabled_at": None,
        "policy": as_json(ClientPolicy()),
        "jwks": None,
        "exchange_rights": [],
        "backchannel_logout_uri": "",
        "backchannel_logout_session_required": False,
        "client_secret_expires_at": 0,
    }
    shown = installation.succeed("client", "show", client_id, "--json")
    assert secret not in shown + installation.succeed("client", "list", "--json")
    assert secrets_of(installation, client_id)[0].digest == hashlib.sha256(secret.encode()).digest()


def test_the_secret_is_printed_for_people_too(installation: Installation):
    printed = installation.succeed("client", "add", "Service", "--grant-type", "client_credentials")
    assert "client_secret  cfcs_" in printed


def test_a_public_client_has_no_secret(installation: Installation):
    client = installation.json("client", "add", "Phone", "--public", "--redirect-uri", CALLBACK)
    assert client["client_secret"] is None
    assert client["token_endpoint_auth_method"] == "none"
    assert "it is public" in installation.refused("client", "rotate-secret", client["client_id"])


def test_without_a_redirect_uri_a_client_acts_for_itself(installation: Installation):
    assert installation.json("client", "add", "Cron")["grant_types"] == ["client_credentials"]


def test_clients_are_listed(installation: Installation):
    assert installation.refused("client", "list").startswith(
        "counterfoil: there is no installation"
    )
    installation.json("client", "add", "One", "--client-id", "one")
    installation.json("client", "add", "Two", "--client-id", "two", "--grant-type",
                      "client_credentials")  # fmt: skip
    listed = installation.json("client", "list")["clients"]
    assert [each["client_id"] for each in listed] == ["one", "two"]
    assert set(listed[0]) == {
        "client_id", "client_name", "client_id_issued_at", "grant_types", "redirect_uris",
        "post_logout_redirect_uris", "scope", "token_endpoint_auth_method", "disabled_at",
        "policy", "jwks", "exchange_rights",
        "backchannel_logout_uri", "backchannel_logout_session_required",
    }  # fmt: skip
    assert installation.succeed("client", "list").splitlines()[1].split() == [
        "one", "One", "client_credentials", "–", "confidential",
    ]  # fmt: skip


def test_rotation_keeps_the_secret_before_for_the_overlap(installation: Installation):
    client_id = installation.json("client", "add", "Service")["client_id"]
    new = installation.json("client", "rotate-secret", client_id, "--overlap", "600")
    shown = installation.json("client", "show", client_id)["secrets"]
    assert [set(each) for each in shown] == [{"id", "created_at", "expires_at", "last_used_at"}] * 2
    (expires_at,) = [each["expires_at"] for each in shown if each["expires_at"] is not None]
    assert 590 <= expires_at - time.time() <= 600
    digest = hashlib.sha256(new["client_secret"].encode()).digest()
    (kept,) = [each for each in secrets_of(installation, client_id) if each.expires_at is None]
    assert kept.digest == digest


def test_without_overlap_the_secret_before_ends_at_once(installation: Installation):
    client_id = installation.json("client", "add", "Service")["client_id"]
    printed = installation.succeed("client", "rotate-secret", client_id, "--overlap", "0", "--yes")
    assert "The secret before it has ended with every token." in printed
    shown = installation.json("client", "show", client_id)["secrets"]
    (expires_at,) = [each["expires_at"] for each in shown if each["expires_at"] is not None]
    assert expires_at <= time.time()


def test_disabling_a_client_ends_its_families(lived_in: LivedIn):
    installation = lived_in.installation
    ended = installation.json("client", "disable", lived_in.client_id, "--yes")
    counted = {"families_ended", "sessions_ended", "remembered_browsers_ended"}
    assert set(ended) == counted | {"notice", "ended", "guards"}
    assert ended["notice"].rpartition(":")[2].isdigit()
    assert installation.json("client", "show", lived_in.client_id)["disabled_at"] is not None
    assert installation.json("grant", "list")["grants"][0]["families"] == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["show", "nobody"], "there is no client nobody"),
        (["disable", "nobody"], "there is no client nobody"),
        (["rotate-secret", "nobody"], "there is no client nobody"),
        (["add", "App", "--client-id", "taken"], "the client_id taken is taken"),
        (["add", "App", "--scope", "unheard:of"], "No API has the scope unheard:of"),
        (["add", "App", "--grant-type", "password"], "grant_types must be some of"),
        (["add", "App", "--redirect-uri", "http://app.example/"], "must use https"),
        (["add", "App", "--public"], "no client_credentials"),
        (["add", "App", "--policy", "rotation=1"], "There is no policy rotation"),
        (["update", "nobody"], "there is no client nobody"),
        (["update", "taken", "--name", ""], "client_name must be"),
        (["update", "taken", "--scope", "unheard:of"], "No API has the scope unheard:of"),
        (["update", "taken", "--policy", "reproof_interval=0"], "reproof_interval: Expected"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(
    installation: Installation, arguments: list[str], sentence: str
):
    installation.succeed("client", "add", "Taken", "--client-id", "taken")
    assert sentence in installation.refused("client", *arguments)
    assert len(installation.json("client", "list")["clients"]) == 1


def test_a_client_is_changed(installation: Installation):
    """What is not given stays; what is given takes the place of what stood."""
    installation.succeed("api", "add", API, "--scope", "notes:read=Read", "--scope", "notes:x=X")
    before = installation.json(
        "client", "add", "App", "--client-id", "app", "--redirect-uri", CALLBACK,
        "--scope", "notes:read openid", "--policy", "refresh_rotation=false",
        "--policy", "offline_idle_lifetime=600",
    )  # fmt: skip
    changed = installation.json(
        "client", "update", "app", "--name", "Renamed", "--scope", "notes:x",
        "--redirect-uri", "https://new.example/", "--policy", "refresh_idle_lifetime=900",
        "--policy", "refresh_rotation=",
    )  # fmt: skip
    policy = ClientPolicy(offline_idle_lifetime=600, refresh_idle_lifetime=900)
    assert changed == {
        **{name: before[name] for name in changed},
        "client_name": "Renamed",
        "scope": "notes:x",
        "redirect_uris": ["https://new.example/"],
        "policy": as_json(policy),
    }
    event = installation.newest_event()
    assert (event.kind, event.actor, event.subject) == ("client_changed", "cli", "app")
    shown = installation.succeed("client", "show", "app").splitlines()
    assert shown[9].split()[1:] == ["refresh_idle_lifetime=900", "offline_idle_lifetime=600"]


@pytest.mark.parametrize(
    ("policies", "sentence"),
    [
        (["refresh_rotation"], "write NAME=VALUE"),
        (["=1"], "write NAME=VALUE"),
        (["in_session=true", "in_session=false"], "is given twice"),
    ],
)
def test_a_policy_is_written_once_as_name_and_value(
    installation: Installation, policies: list[str], sentence: str
):
    options = [part for policy in policies for part in ("--policy", policy)]
    result = installation.run("client", "add", "App", *options)
    assert result.exit_code == 2
    assert sentence in result.stderr


def test_the_help_names_every_grant_type(installation: Installation):
    printed = installation.succeed("client", "add", "--help")
    unwrapped = "".join(printed.split())
    assert all(grant_type.rpartition(":")[2] in unwrapped for grant_type in GRANT_TYPES)


def test_every_change_is_an_event_of_the_command_line(installation: Installation):
    client_id = installation.json("client", "add", "Service")["client_id"]
    installation.succeed("client", "rotate-secret", client_id)
    installation.succeed("client", "disable", client_id, "--yes")
    mine = [event for event in installation.events() if event.subject == client_id]
    assert {event.kind for event in mine} == {
        "client_added", "client_secret_added", "client_secret_retired", "client_disabled",
    }  # fmt: skip
    assert {event.actor for event in mine} == {"cli"}


def secrets_of(installation: Installation, client_id: str) -> list[ClientSecret]:
    async def work(tx: Transaction) -> list[ClientSecret]:
        return await tx.clients.secrets_of(client_id)

    return installation.transact(work)


def test_a_client_of_devices_is_registered_by_a_short_name(installation: Installation):
    """RFC 8628 §3.4: nobody types the long one; both are understood."""
    for grant_type in ("device_code", DEVICE_CODE):
        made = installation.json(
            "client", "add", "TV", "--public", "--grant-type", grant_type,
            "--grant-type", "refresh_token", "--scope", "openid",
        )  # fmt: skip
        assert made["grant_types"] == [DEVICE_CODE, "refresh_token"]
    changed = installation.json(
        "client", "update", made["client_id"], "--grant-type", "device_code"
    )
    assert changed["grant_types"] == [DEVICE_CODE]


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "jwks.json"
    file.write_text(jwks_of(key()))
    return file


def test_a_client_with_keys_has_no_secret(installation: Installation, key_file: Path):
    """RFC 7523: and is given none."""
    made = installation.json("client", "add", "Keyed", "--jwks", str(key_file))
    assert made["client_secret"] is None
    assert made["token_endpoint_auth_method"] == "private_key_jwt"
    assert made["jwks"] == {"keys": [key().public.as_jwk()]}
    refused = installation.refused("client", "rotate-secret", made["client_id"])
    assert "has no secret" in refused
    assert key().public.kid in installation.succeed("client", "show", made["client_id"])


def test_keys_take_the_place_of_those_before(installation: Installation, key_file: Path):
    """S38: it says before what ends, and asks."""
    client_id = installation.json("client", "add", "Keyed", "--jwks", str(key_file))["client_id"]
    assert installation.run("client", "set-keys", client_id, "nowhere", "--yes").exit_code == 2
    other = key("EdDSA")
    key_file.write_text(jwks_of(other, key()))
    kept = installation.json("client", "set-keys", client_id, str(key_file), "--yes")
    assert [each["kid"] for each in kept["jwks"]["keys"]] == [other.public.kid, key().public.kid]
    before = kept["notice"]
    key_file.write_text(jwks_of(key("PS256")))
    replaced = installation.json("client", "set-keys", client_id, str(key_file), "--yes")
    assert replaced["notice"] != before, "none of those before stays: every token ends"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [("x", "well-formed JSON"), ("{}", "keys"), ('{"keys": [{"kty": "oct", "k": "x"}]}', "alg")],
)
def test_what_holds_no_public_keys_is_refused(
    installation: Installation, key_file: Path, text: str, sentence: str
):
    key_file.write_text(text)
    assert sentence in installation.refused("client", "add", "Keyed", "--jwks", str(key_file))
    client_id = installation.json("client", "add", "Secret")["client_id"]
    refused = installation.refused("client", "set-keys", client_id, str(key_file), "--yes")
    assert sentence in refused


def test_rights_to_exchange_are_given_and_taken_back(installation: Installation):
    """RFC 8693: from which API, to which, with which scopes."""
    for name, scope in (("notes", "notes:read"), ("mail", "mail:send")):
        installation.json("api", "add", f"https://{name}.example", "--scope", f"{scope}=Do it")
    right = ("https://notes.example", "https://mail.example", "mail:send")
    said = dict(zip(("from", "to", "scope"), right, strict=True))
    added = installation.json(
        "client", "add", "Notes", "--client-id", "notes-api", "--grant-type", "token-exchange",
        "--exchange-right", *right,
    )  # fmt: skip
    assert added["exchange_rights"] == [said]
    assert " ".join(right) in installation.succeed("client", "show", "notes-api")
    kept = installation.json("client", "update", "notes-api", "--name", "The notes")
    assert kept["exchange_rights"] == [said]
    gone = installation.json("client", "update", "notes-api", "--no-exchange-rights")
    assert gone["exchange_rights"] == []


def test_a_client_listens_for_logouts_and_no_more(installation: Installation):
    uri = "https://app.example/logged-out"
    client = installation.json(
        "client", "add", "Web app", "--redirect-uri", CALLBACK, "--scope", "openid",
        "--backchannel-logout-uri", uri, "--backchannel-logout-session-required",
    )  # fmt: skip
    client_id = client["client_id"]
    names = ("backchannel_logout_uri", "backchannel_logout_session_required")
    assert [client[name] for name in names] == [uri, True]
    assert uri in installation.succeed("client", "show", client_id)
    kept = installation.json("client", "update", client_id, "--name", "Shop")
    assert [kept[name] for name in names] == [uri, True]
    refused = installation.refused("client", "update", client_id, "--backchannel-logout-uri", "x:y")
    assert "backchannel_logout_uri must" in refused
    gone = installation.json(
        "client", "update", client_id, "--backchannel-logout-uri", "",
        "--no-backchannel-logout-session-required",
    )  # fmt: skip
    assert [gone[name] for name in names] == ["", False]
