"""``counterfoil call``: call an API with the token of whoever is signed in (RFC 6750, RFC 9728)."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from msgspec.structs import replace

from counterfoil.cli.output import Failure, printable
from counterfoil.cli.profiles import DEFAULT, Profile, Profiles, as_failures, profile_option

if TYPE_CHECKING:
    from counterfoil.client import Answer, Client
    from counterfoil.client.protected_resource import ProtectedResource
    from counterfoil.net.exchange import Message

_MOST: Final = 256 * 1024 * 1024
_TIMEOUT: Final = 60.0
_NOT_YOURS: Final = frozenset({"authorization", "dpop", "host", "content-length"})


@click.command()
@click.argument("url")
@click.option("-X", "--request", "method", metavar="METHOD", help="Default: GET, or POST with -d.")
@click.option("-d", "--data", metavar="TEXT|@FILE|@-", help="The body; JSON, unless -H says else.")
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME: VALUE", help="A header.")
@profile_option
def call(
    url: str, *, method: str | None, data: str | None, headers: tuple[str, ...], profile: str | None
) -> None:
    """Call an API with a fresh token, and print what it answers.

    An API that says who issues its tokens is found by itself; for another one, sign in with its
    --resource. The token goes to that API alone. The exit code is 1 where the API refuses,
    or sends the call elsewhere.
    """
    with as_failures():
        answer = _Caller(Profiles(), profile).call(url, _message(method, data, headers))
    _show(answer.body)
    if answer.status >= 300:
        raise Failure(_refusal(answer))


class _Caller:
    """Finds out whose token an API takes."""

    def __init__(self, profiles: Profiles, name: str | None) -> None:
        self._profiles = profiles
        self._name = name

    def call(self, url: str, message: "Message") -> "Answer":
        from counterfoil.client.call import is_below
        from counterfoil.net.http import demand_safe

        demand_safe(url)
        known = [
            (api, name)
            for name, profile in self._profiles.every().items()
            for api in profile.apis
            if self._name in (None, name) and is_below(url, api)
        ]
        if not known:
            return self._asked_for(url, message)
        api, name = max(known, key=lambda each: (len(each[0]), each[1] == DEFAULT))
        return self._with_token(name, api, url, message)

    def _asked_for(self, url: str, message: "Message") -> "Answer":
        """Call without a token, and learn from the refusal whose token is wanted."""
        from counterfoil.client.protected_resource import learned
        from counterfoil.net.exchange import BlockingSender, Request

        sender = BlockingSender()
        try:
            refusal = sender.send(Request(url, message=message))
            found = sender.run(learned(url, refusal))
        finally:
            sender.close()
        if found is None:
            return refusal
        name = self._of_issuer(found)
        answer = self._with_token(name, found.resource, url, message)
        profile = self._profiles.every().get(name)
        if answer.status != 401 and profile is not None and found.resource not in profile.apis:
            self._profiles.keep(name, replace(profile, apis=(*profile.apis, found.resource)))
        return answer

    def _with_token(self, name: str, api: str, url: str, message: "Message") -> "Answer":
        from counterfoil.client import Refused

        profile = self._profiles.find(name)
        with self._profiles.client(profile) as client:
            try:
                return self._fetched(client, name, profile, (api, url, message))
            except Refused as refused:
                if refused.error not in ("invalid_target", "invalid_scope"):
                    raise
                wanted = f"counterfoil login {profile.issuer} --client-id {profile.client_id}"
                raise Failure(
                    f"{printable(refused.description)} Sign in for it: "
                    f"{printable(wanted)} --resource {printable(api)} --scope ..."
                ) from None

    def _fetched(
        self, client: "Client", name: str, profile: Profile, what: tuple[str, str, "Message"]
    ) -> "Answer":
        api, url, message = what
        holder = self._profiles.holder(client, name, profile)
        if api not in profile.apis and not _is_for(holder.access_token(api), api):
            raise Failure(
                f"{printable(profile.issuer)} gave a token that does not say that it is for "
                f"{printable(api)}. It was not sent. If you trust that API with it, sign in with "
                f"--resource {printable(api)}"
            )
        return holder.fetch(url, message, api)

    def _of_issuer(self, found: "ProtectedResource") -> str:
        """Choose the sign-in at an issuer whose tokens the API takes."""
        every = self._profiles.every()
        fitting = [
            name
            for name, profile in every.items()
            if profile.issuer in found.authorization_servers and self._name in (None, name)
        ]
        if DEFAULT in fitting or len(fitting) == 1:
            return DEFAULT if DEFAULT in fitting else fitting[0]
        if fitting:
            raise Failure(f"name one with --profile: {', '.join(map(printable, sorted(fitting)))}")
        raise Failure(_how_to_sign_in(found))


def _is_for(unverified: str, api: str) -> bool:
    """Whether an access token names an API as the one that it is for.

    Issuers may overlook ``resource`` (RFC 8707 §2): then an API that nobody has named here could
    use what it is sent at another one.
    """
    from counterfoil.jose.errors import JoseError
    from counterfoil.jose.jwt import unverified_claims

    try:
        named = unverified_claims(unverified).get("aud")
    except JoseError:
        return False
    audience = named if isinstance(named, list) else [named]
    return api.rstrip("/") in {str(each).rstrip("/") for each in audience}


def _how_to_sign_in(found: "ProtectedResource") -> str:
    if not found.authorization_servers:
        return f"{printable(found.resource)} does not say who issues its tokens"
    issuer = printable(found.authorization_servers[0])
    scope = found.scope or " ".join(found.scopes_supported)
    asked = f' --scope "openid {printable(scope)}"' if scope else ""
    where = f"--resource {printable(found.resource)}"
    return f"sign in first: counterfoil login {issuer} --client-id ID {where}{asked}"


def _message(method: str | None, data: str | None, headers: tuple[str, ...]) -> "Message":
    from counterfoil.client import Message

    content = None if data is None else _body(data)
    own = dict(_header(each) for each in headers)
    if content is not None and "content-type" not in map(str.lower, own):
        own["Content-Type"] = "application/json"
    verb = method or ("GET" if content is None else "POST")
    if not verb.isascii() or not verb.isalpha():
        raise click.UsageError(f"-X {printable(verb)}: this is no method")
    return Message(verb.upper(), content, own, _MOST, _TIMEOUT)


def _body(data: str) -> bytes:
    if not data.startswith("@"):
        return data.encode()
    if data == "@-":
        return sys.stdin.buffer.read()
    return Path(data[1:]).read_bytes()


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not (name and colon and name.isascii() and value.isprintable()):
        raise click.UsageError(f"-H {printable(text)}: write NAME: VALUE")
    if name.lower() in _NOT_YOURS:
        raise click.UsageError(f"-H {name}: this one is written by `counterfoil call`")
    return name, value


def _show(body: bytes) -> None:
    """Print the body: as it came, but nothing that steers a terminal."""
    if not sys.stdout.isatty():
        sys.stdout.buffer.write(body)
        return
    text = body.decode("utf-8", "replace")
    click.echo("".join(each if each.isprintable() or each in "\n\t" else "�" for each in text))


def _refusal(answer: "Answer") -> str:
    """Say why an API refused, in the words of its challenge."""
    from counterfoil.oauth.challenge_reading import parameter_in

    names = ("error_reason", "error", "error_description", "scope")
    said = {name: parameter_in(answer.www_authenticate, name) for name in names}
    words = [f"{printable(answer.url)} answered {answer.status}"]
    if answer.status < 400:
        words.append("it sends the call elsewhere, which is not followed: call that place")
    if said["error_reason"] or said["error"]:
        words.append(printable(said["error_reason"] or said["error"]))
    if said["error_description"]:
        words.append(printable(said["error_description"]))
    if answer.status == 401 and not said["error"]:
        words.append("sign in for it: counterfoil login ISSUER --client-id ID --resource API")
    if answer.status == 403 and said["scope"]:
        words.append(f'sign in with --scope "{printable(said["scope"])}"')
    return ": ".join(words)
