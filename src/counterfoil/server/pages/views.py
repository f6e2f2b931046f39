"""What each page shows, as frozen values: handlers fill them, templates read them.

Every string is untrusted text; the templates escape it. `prefix` is the path below which the
server is mounted, without a closing slash ("" at the root); `csrf` is the form token of the
browser's session; `flow` is the sealed pending authorization that a form carries along.
"""

from itertools import groupby

import msgspec

from counterfoil.server.pages.passkey_views import PasskeyForm
from counterfoil.server.pages.provider_views import ProviderButton
from counterfoil.server.web.page import Page


class SignInPage(Page, frozen=True, kw_only=True):
    """Asks for `email` and `password`; posts them to `action` with `csrf` and `flow`.

    `client_name` is the app that one signs in for, if any. `flow` is left out of the form
    when it is empty. `error` is one sentence about the last attempt and must not tell which
    of the two fields was wrong. `fields` are carried along, name and value. Where the page
    `offers_choice`, or says for how long it `remembers` the browser, it also posts `keep` (`yes`)
    if that is ticked, which it was before where `keep` is true. `greeted` is whom the browser is
    remembered for. Where it `offers_recovery`, it leads to where a link is asked for, and
    where it `offers_registration`, to where somebody gets an account.
    `passkey` is a form beside it, which shows itself where the browser can; `providers` lead to
    where one signs in elsewhere.
    """

    action: str
    csrf: str
    flow: str = ""
    fields: tuple[tuple[str, str], ...] = ()
    client_name: str | None = None
    email: str = ""
    error: str | None = None
    offers_choice: bool = False
    remembers: str = ""
    keep: bool = False
    greeted: str = ""
    offers_recovery: bool = False
    offers_registration: bool = False
    passkey: PasskeyForm | None = None
    providers: tuple[ProviderButton, ...] = ()


class Permission(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that an app asks for; `value` is what the form's `permission` field carries."""

    value: str
    title: str
    detail: str = ""
    api_name: str = ""
    required: bool = False
    already_granted: bool = False


class PermissionGroup(msgspec.Struct, frozen=True, kw_only=True):
    """The permissions of one API, in the order in which they were asked for."""

    api_name: str
    permissions: tuple[Permission, ...]


class SpanChoice(msgspec.Struct, frozen=True, kw_only=True):
    """One answer to the question for how long; `value` is what the form's `span` carries."""

    value: str
    title: str
    chosen: bool = False


class AskingPage(Page, frozen=True, kw_only=True):
    """Asks whether an app may come in, and with which permissions.

    Posts `permission` (once for each that stays ticked, and for each required one), `span`: for
    how long, and `decision`: `allow`, `deny`, or `switch` to use another account. `until` is the
    end date that the person gave before, if they did. `limits`: each action to which the app
    limits itself, and how far it may go.
    """

    action: str
    csrf: str
    client_name: str
    user_email: str
    permissions: tuple[Permission, ...]
    spans: tuple[SpanChoice, ...]
    limits: tuple[tuple[str, str], ...] = ()
    until: str | None = None
    error: str | None = None

    @property
    def groups(self) -> tuple[PermissionGroup, ...]:
        """The permissions by API; APIs stand in the order of their first permission."""
        names = list(dict.fromkeys(each.api_name for each in self.permissions))
        ordered = sorted(self.permissions, key=lambda each: names.index(each.api_name))
        return tuple(
            PermissionGroup(api_name=name, permissions=tuple(members))
            for name, members in groupby(ordered, key=lambda each: each.api_name)
        )


class ConsentPage(AskingPage, frozen=True, kw_only=True):
    """Asks for an app that sent this browser here, and carries `flow` along.

    `return_host` is where the browser goes afterwards; `return_is_local` says that this is a
    loopback address or a private scheme, which any program on the device could have claimed
    (RFC 8252 §8.6).
    """

    flow: str
    return_host: str
    return_is_local: bool = False


class DeviceConsentPage(AskingPage, frozen=True, kw_only=True):
    """Asks for an app on another device, and carries `user_code` along, as the device shows it.

    `device`, `place` and `since` say from where the request came and when, as text for people;
    `is_same_place`: from the address that this browser has, too (RFC 8628 §5.4).
    """

    user_code: str
    device: str
    place: str
    since: str
    is_same_place: bool = False


class DevicePage(Page, frozen=True, kw_only=True):
    """Asks for `user_code`, the code that a device shows; posts it with `decision`: `find`.

    `error` is one sentence about the last attempt.
    """

    action: str
    csrf: str
    user_email: str
    error: str | None = None


class DeviceDonePage(Page, frozen=True, kw_only=True):
    """Says what the device is told now; `allowed`: that it is let in."""

    client_name: str
    allowed: bool


class ErrorPage(Page, frozen=True, kw_only=True):
    """Says what went wrong where answering the app by a redirect would be unsafe.

    `code` is the wire's error word, `detail` a sentence for the makers of the app,
    `request_id` the reference under which the server's log knows this request.
    """

    title: str
    sentence: str
    code: str
    request_id: str
    detail: str | None = None


class SessionRow(msgspec.Struct, frozen=True, kw_only=True):
    """One session of an app. `last_used` is text for people, such as "2 hours ago".

    `current` marks the browser that looks at the page; `offline` a session that goes on
    without the person being signed in.
    """

    family_id: str
    device: str
    place: str
    last_used: str
    current: bool = False
    offline: bool = False


class LimitedRow(msgspec.Struct, frozen=True, kw_only=True):
    """A token that works so many times: how many are left, and until when, as text for people."""

    left: int
    max_uses: int
    until: str


class AppRow(msgspec.Struct, frozen=True, kw_only=True):
    """One app that the person has let in, with all its sessions. Times are text for people.

    `until` is the day on which the permission ends, if there is one. `limited` are its tokens that
    work so many times, if it has any.
    """

    grant_id: str
    client_name: str
    since: str
    last_used: str
    permissions: tuple[str, ...]
    sessions: tuple[SessionRow, ...]
    until: str | None = None
    limited: tuple[LimitedRow, ...] = ()


class MadeRow(msgspec.Struct, frozen=True, kw_only=True):
    """What an app has made for the person by an administrator's leave. `tokens`: how many."""

    family_id: str
    client_name: str
    since: str
    tokens: int
    permissions: tuple[str, ...]


class AppsPage(Page, frozen=True, kw_only=True):
    """My account, apps: one row per app however many sessions.

    Its verbs are links to `/account/end/{kind}/{id}` below the prefix, where each asks first.
    """

    user_email: str
    csrf: str
    apps: tuple[AppRow, ...]
    made: tuple[MadeRow, ...] = ()


class EndPage(Page, frozen=True, kw_only=True):
    """Says what will end, and asks. Posts `csrf` to `action`; `back` is where a no leads.

    `nothing`: it has ended already, and there is nothing to ask. `here`: this browser is signed
    out by it.
    """

    user_email: str
    csrf: str
    action: str
    back: str
    title: str
    verb: str
    sentence: str
    nothing: bool = False
    here: bool = False


class EndedPage(Page, frozen=True, kw_only=True):
    """Says what has ended, with the receipt: its position in the feed of endings."""

    title: str
    sentence: str
    receipt: str
    back: str
    back_title: str


class PasswordPage(Page, frozen=True, kw_only=True):
    """Asks for `current`, `new` and `again`; says before what ends with the old password.

    `error` is one sentence about the last attempt.
    """

    user_email: str
    csrf: str
    action: str
    sentence: str
    error: str | None = None


class LogoutPage(Page, frozen=True, kw_only=True):
    """Asks before signing out (OpenID Connect RP-Initiated Logout 1.0 §2).

    Posts `decision`: `logout` or `stay`, and `fields` as they came, name and value.
    """

    action: str
    csrf: str
    client_name: str | None = None
    fields: tuple[tuple[str, str], ...] = ()


class SignedOutPage(Page, frozen=True, kw_only=True):
    """Says that the person is signed out of this server.

    `there` is the name of the provider by which they had come in, and `there_href` where they sign
    out of it; empty where there is none.
    """

    there: str = ""
    there_href: str = ""


class HomePage(Page, frozen=True, kw_only=True):
    """What stands at the root of the server. `csrf` is used when somebody is signed in."""

    issuer: str
    csrf: str
    signed_in_as: str | None = None
    is_admin: bool = False


class CheckRow(msgspec.Struct, frozen=True, kw_only=True):
    """One check of an explained token. `outcome` is `passed`, `failed` or `not_known`."""

    check: str
    outcome: str
    sentence: str


class Explained(msgspec.Struct, frozen=True, kw_only=True):
    """What was found out about a token. `verdict` is a headline, `facts` name and value."""

    verdict: str
    sentence: str
    facts: tuple[tuple[str, str], ...] = ()
    checks: tuple[CheckRow, ...] = ()


class ExplainingPage(Page, frozen=True, kw_only=True):
    """Asks for a token or a fingerprint, and says why it is refused. Never shows what was pasted.

    Posts `token` and `csrf` to `action`. `whose` says whose tokens are explained here.
    """

    action: str
    csrf: str
    user_email: str
    whose: str
    explained: Explained | None = None


class ExplainPage(ExplainingPage, frozen=True, kw_only=True):
    """Explains tokens of one's own, to a person."""
