"""Every operation of the admin API, in one table: its routes and its description are made of it."""

from typing import Final

from counterfoil.server.endpoints.api import (
    apis,
    clients,
    encryption_keys,
    endings,
    events,
    families,
    grants,
    keys,
    limited_tokens,
    mint_rights,
    personal_tokens,
    sessions,
    settings,
    users,
)
from counterfoil.server.endpoints.api.operation import Operation
from counterfoil.server.protocol.own_api import END, READ, WRITE

_CLIENT: Final = "/api/clients/{client_id}"
_USER: Final = "/api/users/{user_id}"
_API_KEY: Final = "/api/apis/keys/{encryption_kid}"
_API: Final = "/api/apis/named"

OPERATIONS: Final = (
    Operation("GET", "/api/clients", READ, "List clients.", clients.list_clients),
    Operation("POST", "/api/clients", WRITE, "Register a client.", clients.add_client, 201),
    Operation("GET", _CLIENT, READ, "Show a client.", clients.show_client),
    Operation("PATCH", _CLIENT, WRITE, "Change a client.", clients.change_client),
    Operation(
        "POST",
        f"{_CLIENT}/rotate-secret",
        WRITE,
        "Give a client a new secret.",
        clients.rotate_secret,
    ),
    Operation(
        "POST",
        f"{_CLIENT}/set-keys",
        WRITE,
        "Give a client other public keys.",
        clients.set_keys,
    ),
    Operation(
        "POST",
        f"{_CLIENT}/disable",
        WRITE,
        "Disable a client and end all its tokens.",
        clients.disable_client,
    ),
    Operation("POST", f"{_CLIENT}/enable", WRITE, "Enable a client.", clients.enable_client),
    Operation(
        "GET",
        f"{_CLIENT}/mint-rights",
        READ,
        "List for whom a client may mint.",
        mint_rights.list_mint_rights,
    ),
    Operation(
        "POST",
        f"{_CLIENT}/mint-rights",
        WRITE,
        "Let a client mint for people.",
        mint_rights.give_mint_right,
        201,
    ),
    Operation(
        "POST",
        f"{_CLIENT}/mint-rights/{{right_id}}/withdraw",
        END,
        "Withdraw a right to mint, with all that was made by it.",
        mint_rights.withdraw_mint_right,
    ),
    Operation("GET", "/api/apis", READ, "List APIs.", apis.list_apis),
    Operation("POST", "/api/apis", WRITE, "Register an API.", apis.add_api, 201),
    Operation("GET", _API, READ, "Show an API.", apis.show_api),
    Operation("PATCH", _API, WRITE, "Change an API.", apis.change_api),
    Operation(
        "POST",
        "/api/apis/keys",
        WRITE,
        "Add a key that an API's tokens may be encrypted to.",
        encryption_keys.add_encryption_key,
        201,
    ),
    Operation(
        "POST",
        f"{_API_KEY}/activate",
        WRITE,
        "Encrypt to a key from now on.",
        encryption_keys.activate_encryption_key,
    ),
    Operation(
        "POST",
        f"{_API_KEY}/retire",
        WRITE,
        "Encrypt to the active key no more.",
        encryption_keys.retire_encryption_key,
    ),
    Operation(
        "POST",
        f"{_API_KEY}/withdraw",
        WRITE,
        "Forget a key that has leaked, and end all tokens of its API.",
        encryption_keys.withdraw_encryption_key,
    ),
    Operation("GET", "/api/users", READ, "List people.", users.list_users),
    Operation("POST", "/api/users", WRITE, "Add a person.", users.add_user, 201),
    Operation("GET", _USER, READ, "Show a person.", users.show_user),
    Operation(
        "POST",
        f"{_USER}/disable",
        WRITE,
        "Disable a person and end everything of theirs.",
        users.disable_user,
    ),
    Operation("POST", f"{_USER}/enable", WRITE, "Enable a person.", users.enable_user),
    Operation(
        "POST",
        f"{_USER}/changed",
        WRITE,
        "Tell guards that a person's data changed.",
        users.tell_of_change,
    ),
    Operation(
        "GET",
        f"{_USER}/personal-tokens",
        READ,
        "List what a person has made by hand.",
        personal_tokens.list_personal_tokens,
    ),
    Operation("GET", "/api/grants", READ, "List what people allow apps.", grants.list_grants),
    Operation("GET", "/api/grants/{grant_id}", READ, "Show a grant.", grants.show_grant),
    Operation("GET", "/api/sessions", READ, "List signed-in browsers.", sessions.list_sessions),
    Operation("GET", "/api/sessions/{session_id}", READ, "Show a session.", sessions.show_session),
    Operation("GET", "/api/families", READ, "List authorizations.", families.list_families),
    Operation("GET", "/api/families/{family_id}", READ, "Show a family.", families.show_family),
    Operation(
        "GET",
        "/api/limited-tokens",
        READ,
        "List tokens that work so many times.",
        limited_tokens.list_limited_tokens,
    ),
    Operation("GET", "/api/keys", READ, "List signing keys.", keys.list_keys),
    Operation("GET", "/api/keys/{kid}", READ, "Show a signing key.", keys.show_key),
    Operation("GET", "/api/events", READ, "List what happened.", events.list_events),
    Operation("GET", "/api/settings", READ, "List the settings.", settings.list_settings),
    Operation("POST", "/api/endings", END, "End something, or say what would.", endings.end),
)
