"""Turns a view into HTML, and holds the static files that the pages link to.

Jinja2 is loaded with the first page.
"""

import hashlib
import re
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from counterfoil.server.pages.account_views import (
    ActivityPage,
    DataPage,
    DeletePage,
    DevicesPage,
    GonePage,
    NotMePage,
    ProfilePage,
    SecurityPage,
)
from counterfoil.server.pages.admin.views import (
    AdminEndPage,
    AdminExplainPage,
    AdminInvitePage,
    AdminListPage,
    AdminMintRightPage,
    AdminSendPage,
    AdminThingPage,
)
from counterfoil.server.pages.factor_views import (
    MailedCodePage,
    NewAuthenticatorPage,
    RecoveryCodesPage,
    SecondFactorPage,
)
from counterfoil.server.pages.joining_views import (
    ConfirmEmailPage,
    EmailPage,
    EmailSentPage,
    RegisterPage,
    RegisterSentPage,
    UndoEmailPage,
    WelcomedPage,
    WelcomePage,
)
from counterfoil.server.pages.passkey_views import NewPasskeyPage, PasskeyPage, PasskeysPage
from counterfoil.server.pages.provider_views import LinkedPage, LinkPage
from counterfoil.server.pages.recovery_views import (
    CaughtMailPage,
    ForgottenPage,
    LinkOverPage,
    LinkSentPage,
    NewPasswordPage,
)
from counterfoil.server.pages.token_views import MadeTokenPage, NewTokenPage, TokensPage
from counterfoil.server.pages.tongues import OWN_NAMES, English, tongue_of
from counterfoil.server.pages.views import (
    AppsPage,
    ConsentPage,
    DeviceConsentPage,
    DeviceDonePage,
    DevicePage,
    EndedPage,
    EndPage,
    ErrorPage,
    ExplainPage,
    HomePage,
    LogoutPage,
    PasswordPage,
    SignedOutPage,
    SignInPage,
)
from counterfoil.server.records.sentence import Sentence, Tongue, say, spoken
from counterfoil.server.web.page import Asset, Page, Reading

if TYPE_CHECKING:
    from jinja2 import Environment

IN_ENGLISH: Final = Reading()
IN_TONGUE: Final = English()

TEMPLATES: Final[Mapping[type[Page], str]] = MappingProxyType(
    {
        SignInPage: "sign_in.html",
        SecondFactorPage: "second_factor.html",
        MailedCodePage: "mailed_code.html",
        NewAuthenticatorPage: "authenticator_new.html",
        RecoveryCodesPage: "recovery_codes.html",
        ConsentPage: "consent.html",
        DevicePage: "device.html",
        DeviceConsentPage: "device_consent.html",
        DeviceDonePage: "device_done.html",
        ErrorPage: "error.html",
        ProfilePage: "profile.html",
        SecurityPage: "security.html",
        AppsPage: "apps.html",
        DevicesPage: "devices.html",
        ActivityPage: "activity.html",
        NotMePage: "not_me.html",
        DataPage: "own_data.html",
        DeletePage: "delete_account.html",
        GonePage: "gone.html",
        TokensPage: "tokens.html",
        NewTokenPage: "token_new.html",
        MadeTokenPage: "token_made.html",
        PasskeysPage: "passkeys.html",
        LinkedPage: "linked.html",
        LinkPage: "link.html",
        NewPasskeyPage: "passkey_new.html",
        PasskeyPage: "passkey_change.html",
        EndPage: "end.html",
        EndedPage: "ended.html",
        PasswordPage: "password.html",
        RegisterPage: "register.html",
        RegisterSentPage: "register_sent.html",
        WelcomePage: "welcome.html",
        WelcomedPage: "welcomed.html",
        EmailPage: "email.html",
        EmailSentPage: "email_sent.html",
        ConfirmEmailPage: "email_confirm.html",
        UndoEmailPage: "email_undo.html",
        ForgottenPage: "forgotten.html",
        LinkSentPage: "link_sent.html",
        NewPasswordPage: "new_password.html",
        LinkOverPage: "link_over.html",
        CaughtMailPage: "caught_mail.html",
        ExplainPage: "explain.html",
        AdminExplainPage: "admin_explain.html",
        LogoutPage: "logout.html",
        SignedOutPage: "signed_out.html",
        HomePage: "home.html",
        AdminListPage: "admin_list.html",
        AdminThingPage: "admin_thing.html",
        AdminEndPage: "admin_end.html",
        AdminSendPage: "admin_send.html",
        AdminInvitePage: "admin_invite.html",
        AdminMintRightPage: "admin_mint_right.html",
    }
)
MEDIA_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        ".css": "text/css; charset=utf-8",
        ".js": "text/javascript; charset=utf-8",
        ".svg": "image/svg+xml",
    }
)
# Controls, zero-width characters and marks that turn the direction of the text around.
# Joiners (U+200C, U+200D) stay: Persian, Indic scripts and emoji are spelt with them.
UNSEEN: Final = re.compile(
    "[\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e"
    "\u2060-\u206f\u3164\ufeff]"
)


class Pages:
    """The templates and static files of the pages, read from beside this module."""

    def __init__(self) -> None:
        here = Path(__file__).parent
        self.assets: Final = _read_assets(here / "static")
        self._environments: Final = dict[str, "Environment"]()

    def render(self, view: Page, reading: Reading = IN_ENGLISH) -> str:
        """The HTML document of `view`; a `KeyError` if its type has no template."""
        template = self._environment(reading.language).get_template(TEMPLATES[type(view)])
        return template.render(
            view=view,
            stylesheet=self.asset_url(view.prefix, "counterfoil.css"),
            icon=self.asset_url(view.prefix, "mark.svg"),
            passkey_script=self.asset_url(view.prefix, "passkeys.js"),
            language=reading.language,
            languages=OWN_NAMES if view.for_people and reading.back else (),
            back=reading.back,
            own_names=OWN_NAMES,
        )

    def asset_url(self, prefix: str, name: str) -> str:
        """Where a static file stands; the address changes with its content."""
        return f"{prefix}/static/{name}?v={self.assets[name].version}"

    def _environment(self, language: str) -> "Environment":
        """Give the templates in a language, which are made ready when the first page is read."""
        known = self._environments.get(language)
        if known is None:
            known = environment_in(tongue_of(language))
            self._environments[language] = known
        return known


def environment_in(tongue: Tongue) -> "Environment":
    """Make the templates ready, in a language."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        extensions=["jinja2.ext.i18n"],
        autoescape=True,
        undefined=StrictUndefined,
        finalize=lambda value: spoken(value, tongue) if isinstance(value, Sentence) else value,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    # What a sentence of a template is given is escaped first, and never read as a pattern.
    environment.install_gettext_callables(  # type: ignore[attr-defined]  # by the extension
        tongue.translate, tongue.translate_many, newstyle=True
    )
    environment.filters["shown"] = partial(shown, tongue=tongue)
    return environment


def shown(text: str, limit: int = 120, tongue: Tongue = IN_TONGUE) -> str:
    """`text` as a name may be shown: on one line, nothing unseen, at most `limit` characters.

    A name that is empty after this says so, as an empty heading would hide who is asking.
    """
    visible = " ".join(UNSEEN.sub("", spoken(text, tongue)).split())
    if len(visible) > limit:
        visible = visible[: limit - 1].rstrip() + "…"
    return visible or say("(no name)").said_in(tongue)


def _read_assets(directory: Path) -> Mapping[str, Asset]:
    files = (path for path in sorted(directory.iterdir()) if path.suffix in MEDIA_TYPES)
    return MappingProxyType({path.name: _read_asset(path) for path in files})


def _read_asset(path: Path) -> Asset:
    body = path.read_bytes()
    version = hashlib.sha256(body).hexdigest()[:12]
    return Asset(path.name, MEDIA_TYPES[path.suffix], body, version)
