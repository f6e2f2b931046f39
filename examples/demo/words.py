"""The one page that ``make run`` prints."""

import os
import shlex
import sys
from pathlib import Path

from .places import Places
from .provision import PEOPLE, SERVICE, Demo


def commands(places: Places, demo: Demo) -> tuple[str, str, str, str]:
    """Four commands to paste in order: get a token, call, end it, call again."""
    credentials = f"{SERVICE}:{demo.service_secret.reveal()}"
    token = (
        f"TOKEN=$(curl -s {places.issuer}/token -u {credentials} "
        "-d grant_type=client_credentials -d scope=notes:read "
        """| sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')"""
    )
    call = f"""curl -s -w '\\n' {places.api}/notes -H "Authorization: Bearer $TOKEN\""""
    revoke = (
        f'printf %s "$TOKEN" | {_counterfoil(places)} token revoke - --yes --wait{_data(places)}'
    )
    return token, call, revoke, call


def _counterfoil(places: Places) -> str:
    """The command beside the Python that runs this, as it is reached from here."""
    return shlex.quote(_from_here(Path(sys.executable).parent / "counterfoil"))


def _data(places: Places) -> str:
    shown = _from_here(places.data)
    return "" if shown == "data" else f" --data {shlex.quote(shown)}"


def _from_here(path: Path) -> str:
    near = os.path.relpath(path)
    return str(path.absolute()) if near.startswith("..") else near


def page(places: Places, demo: Demo, seconds: float) -> str:
    """Everything a newcomer needs, once all is ready."""
    get, call, end, again = commands(places, demo)
    cli = _counterfoil(places)
    data = _data(places)
    return f"""
Counterfoil is ready ({seconds:.1f} s).

  {places.web}    the notes app: sign in, let it in, see your notes
  {places.issuer}    your account: which apps may do what, and since when
  {places.issuer}/admin/    the administration, for the administrator
  {places.issuer}/development/mail    the mail that was caught: nothing leaves this machine
{_sign_in(demo)}
Paste these four, one after the other, into another shell in this directory.

  Get a token:
{get}

  Call the API with it:
{call}

  End it:
{end}

  Call again, and be refused with the reason:
{again}

The same in the browser: sign in to the notes app, then end its grant and reload its page.
{cli} grant list{data}
{cli} grant end GRANT_ID --yes{data}

Ctrl-C ends everything. What was made stays in {_from_here(places.data)}/.
"""


def _sign_in(demo: Demo) -> str:
    if not demo.passwords:
        return f"\nSign in as {PEOPLE[0].email}, with the password of the first start.\n"
    kinds = {each.email: "administrator" if each.is_admin else "user" for each in PEOPLE}
    lines = [
        f"  {email:<20} {password}    {kinds[email]}" for email, password in demo.passwords.items()
    ]
    return (
        "\nSign in as one of these. The passwords are shown this once.\n\n"
        + "\n".join(lines)
        + "\n"
    )
