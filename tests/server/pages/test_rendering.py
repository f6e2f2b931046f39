"""Every page renders, escapes what it shows, and works without scripts or inline styles."""

import re
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from jinja2 import UndefinedError

from counterfoil.server.pages.account_views import (
    ActivityPage,
    ActivityRow,
    DataPage,
    DeletePage,
    DeviceGroup,
    DeviceRow,
    DevicesPage,
    GonePage,
    NotMePage,
    ProfilePage,
    SecurityPage,
    SecurityRow,
)
from counterfoil.server.pages.admin.views import (
    AdminEndPage,
    AdminExplainPage,
    AdminInvitePage,
    AdminListPage,
    AdminMintRightPage,
    AdminSendPage,
    AdminThingPage,
    Frame,
    Group,
    MintableScope,
    Row,
    Verb,
)
from counterfoil.server.pages.factor_views import (
    MailedCodePage,
    NewAuthenticatorPage,
    QrCode,
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
from counterfoil.server.pages.passkey_views import (
    NewPasskeyPage,
    PasskeyForm,
    PasskeyPage,
    PasskeyRow,
    PasskeysPage,
)
from counterfoil.server.pages.provider_views import (
    LinkedPage,
    LinkedRow,
    LinkPage,
    ProviderButton,
)
from counterfoil.server.pages.recovery_views import (
    CaughtMailPage,
    CaughtMessage,
    ForgottenPage,
    LinkOverPage,
    LinkSentPage,
    NewPasswordPage,
)
from counterfoil.server.pages.rendering import TEMPLATES, Pages, environment_in, shown
from counterfoil.server.pages.token_views import (
    MadeTokenPage,
    NewTokenPage,
    OpenApi,
    TokenPermission,
    TokenRow,
    TokensPage,
)
from counterfoil.server.pages.tongues import English
from counterfoil.server.pages.views import (
    AppRow,
    AppsPage,
    CheckRow,
    ConsentPage,
    DeviceConsentPage,
    DeviceDonePage,
    DevicePage,
    EndedPage,
    EndPage,
    ErrorPage,
    Explained,
    ExplainPage,
    HomePage,
    LogoutPage,
    Page,
    PasswordPage,
    Permission,
    SessionRow,
    SignedOutPage,
    SignInPage,
    SpanChoice,
)
from counterfoil.server.web.page import Reading
from tests.server.pages.document import Document

LEAVING = {"/account/sign-out"}
HOSTILE = "<script>alert(1)</script>\"' onload=\"alert(2)\" style='x' {{ 7 * 7 }} &lt;"


def permissions(text: str) -> tuple[Permission, ...]:
    return (
        Permission(value=f"openid {text}", title=text, detail=text, required=True),
        Permission(value=f"read {text}", title=text, detail=text, api_name=text),
        Permission(value="email", title="See your email", already_granted=True),
    )


def consent(text: str) -> ConsentPage:
    return ConsentPage(
        action="/consent",
        csrf=f"csrf {text}",
        flow=f"flow {text}",
        client_name=text,
        return_host=text,
        user_email=text,
        permissions=permissions(text),
        spans=(
            SpanChoice(value=f"a {text}", title=text, chosen=True),
            SpanChoice(value=f"b {text}", title=text),
        ),
        until=text,
        return_is_local=True,
        error=text,
    )


def device_consent(text: str) -> DeviceConsentPage:
    return DeviceConsentPage(
        action="/device",
        csrf=f"csrf {text}",
        client_name=text,
        user_email=text,
        permissions=permissions(text),
        spans=(SpanChoice(value=f"a {text}", title=text, chosen=True),),
        until=text,
        error=text,
        user_code=text,
        device=text,
        place=text,
        since=text,
    )


def apps(text: str, prefix: str = "") -> AppsPage:
    session = SessionRow(
        family_id="f1", device=text, place=text, last_used=text, current=True, offline=True
    )
    app = AppRow(
        grant_id="g1",
        client_name=text,
        since=text,
        last_used=text,
        permissions=(text, text),
        sessions=(session, msgspec.structs.replace(session, family_id="f2")),
        until=text,
    )
    quiet = msgspec.structs.replace(app, grant_id="g2", permissions=(), sessions=(), until=None)
    return AppsPage(prefix=prefix, user_email=text, csrf=f"csrf {text}", apps=(app, quiet))


def asking(text: str, *, nothing: bool = False) -> EndPage:
    return EndPage(
        user_email=text,
        csrf=f"csrf {text}",
        action="/account/end/grant/g1",
        back="/id/account/apps",
        title=text,
        verb=text,
        sentence=text,
        nothing=nothing,
        here=True,
    )


def devices(text: str) -> DevicesPage:
    app = DeviceRow(kind="family", name="f1", title=text, since=text, last_used=text, offline=True)
    browser = msgspec.structs.replace(app, kind="session", name="s1", apps=(app,), offline=False)
    here = msgspec.structs.replace(browser, current=True)
    asleep = msgspec.structs.replace(browser, asleep=True, apps=())
    groups = (
        DeviceGroup(device=text, place=text, last_used=text, rows=(here, app)),
        DeviceGroup(device=text, place="", last_used=text, rows=(asleep,)),
    )
    return DevicesPage(user_email=text, user_id="u1", csrf=f"csrf {text}", groups=groups)


def activity(text: str) -> ActivityPage:
    own = ActivityRow(number=7, sentence=text, at=text, by=text, where=text, own=True)
    rows = (own, msgspec.structs.replace(own, number=6, where="", own=False))
    return ActivityPage(
        user_email=text, csrf=f"csrf {text}", rows=rows, older="/id/older", newest="/id/newest"
    )


def account(text: str) -> dict[str, Page]:
    """The pages of the account that are about the person."""
    own = {"user_email": text, "csrf": f"csrf {text}"}
    profile = ProfilePage(
        **own, action="/go", name=text, since=text, longest=100, own_language="de"
    )
    row = SecurityRow(title=text, state=text, path="password", verb=text)
    return {
        "profile": profile,
        "profile of one who may delete it": msgspec.structs.replace(profile, may_delete=True),
        "not me": NotMePage(**own, action="/go", about=text, what=text, sentence=text, error=text),
        "own data": DataPage(**own, action="/go"),
        "delete": DeletePage(**own, action="/go", sentence=text, error=text),
        "delete refused": DeletePage(**own, action="/go", sentence=text, refused=text),
        "gone": GonePage(sentence=text, receipt=text),
        "profile saved": msgspec.structs.replace(profile, saved=True),
        "profile refused": msgspec.structs.replace(profile, error=text),
        "security": SecurityPage(**own, rows=(row, row)),
        "devices": devices(text),
        "activity": activity(text),
        "no activity": ActivityPage(**own, rows=()),
    }


def inviting(text: str, frame: Frame) -> dict[str, Page]:
    """The pages by which administrators let people in."""
    form = {"frame": frame, "action": "/id/admin/x", "back": "/id/admin/users"}
    asks = AdminSendPage(**form, title=text, sentence=text, email=text)
    return {
        "admin send": asks,
        "admin sent": msgspec.structs.replace(asks, sent=True),
        "admin send again": msgspec.structs.replace(asks, error=text),
        "admin invite": AdminInvitePage(**form, email=text, name=text, error=text),
        "admin invite nobody": AdminInvitePage(**form, closed=True),
    } | mint_rights(text, form)


def mint_rights(text: str, form: dict[str, Any]) -> dict[str, Page]:
    scope = MintableScope(value=text, title=text, api_name=text, chosen=True)
    span = SpanChoice(value=text, title=text, chosen=True)
    asks = AdminMintRightPage(
        **form,
        client_name=text,
        permissions=(scope, msgspec.structs.replace(scope, chosen=False)),
        lifetimes=(span, msgspec.structs.replace(span, chosen=False)),
        users=text,
        any_user=True,
        until=text,
        first_day=text,
        last_day=text,
    )
    return {
        "admin mint right": asks,
        "admin mint right again": msgspec.structs.replace(asks, error=text, any_user=False),
        "admin mint right refused": msgspec.structs.replace(asks, refused=text),
    }


def passkey_form(text: str, kind: str = "get") -> PasskeyForm:
    return PasskeyForm(
        action="/sign-in/passkey",
        csrf=f"csrf {text}",
        ceremony=f"ceremony {text}",
        options=f"options {text}",
        kind=kind,
        fields=(("flow", f"flow {text}"),),
    )


def passkeys(text: str) -> dict[str, Page]:
    """The pages of passkeys."""
    own = {"user_email": text, "csrf": f"csrf {text}"}
    row = PasskeyRow(
        passkey_id=text, name=text, made=text, last_used=text, synced=True, suspect=text
    )
    plain = PasskeyRow(passkey_id="p2", name=text, made=text, last_used=text)
    one = PasskeyPage(
        **own, action="/account/passkeys/change/p", name=text, sentence=text, lost_sentence=text
    )
    form = passkey_form(text, "create")
    return {
        "passkeys": PasskeysPage(**own, passkeys=(row, plain)),
        "no passkeys": PasskeysPage(**own, passkeys=(), available=False),
        "new passkey": NewPasskeyPage(**own, passkey=form, name=text, error=text),
        "no new passkey": NewPasskeyPage(**own, passkey=None, error=text),
        "passkey": msgspec.structs.replace(one, error=text),
        "only passkey": msgspec.structs.replace(one, only_way_in=True),
    }


def providers(text: str) -> dict[str, Page]:
    """The pages of providers."""
    own = {"user_email": text, "csrf": f"csrf {text}", "action": "/account/providers/link"}
    row = LinkedRow(identity_id=text, provider=text, label=text, since=text, last_used=text)
    held = msgspec.structs.replace(row, last_way=True, disabled=True)
    ways = (ProviderButton(name=text, href="/id/account/providers/link/p"),)
    return {
        "linked": LinkedPage(**own, linked=(row, held), available=ways, error=text),
        "nothing linked": LinkedPage(**own, linked=(), available=()),
        "link": LinkPage(**own, offer=f"offer {text}", provider=text, label=text),
    }


def administration(text: str) -> dict[str, Page]:
    """The pages for administrators."""
    facts = ((text, text), ("Empty", ""))
    frame = Frame(user_email=text, csrf=f"csrf {text}", here="clients", rooms=(("clients", text),))
    row = Row(name=text, href="/id/admin/clients/c1", facts=facts, tags=(text,))
    plain = Row(name=text)
    listed = AdminListPage(frame=frame, title=text, lead=text, rows=(row, plain))
    thing = AdminThingPage(
        frame=frame,
        kind=text,
        title=text,
        facts=facts,
        tags=(text,),
        groups=(
            Group(title=text, rows=(row,), more="/id/admin/grants"),
            Group(title=text, rows=()),
        ),
        verbs=(Verb(says=text, label=text, href="/id/admin/end"),),
        deeds=(Verb(says=text, label=text, href="/id/admin/users/x/link"),),
    )
    asks = AdminEndPage(
        frame=frame,
        action="/id/admin/end",
        back="/id/admin/clients",
        title=text,
        kind="grant",
        name=text,
        sentence=text,
    )
    return {
        "admin list": listed,
        "admin list in parts": msgspec.structs.replace(
            listed, after="/id/admin/clients", first="/id/admin/clients"
        ),
        "admin list of nothing": msgspec.structs.replace(listed, rows=()),
        "admin list to add to": msgspec.structs.replace(
            listed, adds=Verb(says=text, label=text, href="/id/admin/invite")
        ),
        **inviting(text, frame),
        "admin thing": thing,
        "plain admin thing": AdminThingPage(frame=frame, kind=text, title=text, facts=()),
        "admin end": asks,
        "admin end here": msgspec.structs.replace(asks, here=True),
        "admin end of nothing": msgspec.structs.replace(asks, nothing=True),
    }


def new_authenticator(text: str, *, demanded: bool) -> NewAuthenticatorPage:
    return NewAuthenticatorPage(
        action="/go",
        csrf=f"csrf {text}",
        flow=f"flow {text}",
        fields=(("next", text),),
        setup=text,
        user_email=text,
        qr=QrCode(2, "M0 0h1v1h-1z"),
        secret=text,
        sentence=text,
        demanded=demanded,
        error=text if demanded else None,
    )


def views(text: str) -> dict[str, Page]:
    """Each page with `text` in every field that takes text, and its sparest form."""
    form = {"action": "/go", "csrf": f"csrf {text}"}
    asks = consent(text)
    return {
        "sign-in": SignInPage(
            **form,
            flow=f"flow {text}",
            client_name=text,
            email=text,
            error=text,
            offers_choice=True,
            keep=True,
            offers_recovery=True,
            fields=(("next", text),),
            passkey=passkey_form(text),
            providers=(ProviderButton(name=text, href="/id/sign-in/with/p?next=x"),),
        ),
        "plain sign-in": SignInPage(**form),
        "second factor": SecondFactorPage(
            **form,
            flow=f"flow {text}",
            fields=(("next", text),),
            user_email=text,
            other_account=f"sign-in?{text}",
            authenticator=True,
            error=text,
        ),
        "a code by mail alone": SecondFactorPage(
            **form,
            flow="",
            fields=(),
            user_email=text,
            other_account="sign-in",
            authenticator=False,
            mail="/id/sign-in/mailed-code/send",
        ),
        "code by mail": MailedCodePage(
            **form,
            again="/id/again",
            flow=f"flow {text}",
            fields=(("next", text),),
            user_email=text,
            back=f"sign-in?{text}",
            back_title=text,
            error=text,
        ),
        "recovery code alone": SecondFactorPage(
            **form,
            flow="",
            fields=(),
            user_email=text,
            other_account="sign-in",
            authenticator=False,
        ),
        "new authenticator": new_authenticator(text, demanded=False),
        "new authenticator on the way": new_authenticator(text, demanded=True),
        "recovery codes": RecoveryCodesPage(codes=(text, "0"), onward="on", sentence=text),
        "consent": asks,
        "empty consent": msgspec.structs.replace(asks, permissions=(), until=None, error=None),
        "device": DevicePage(**form, user_email=text, error=text),
        "plain device": DevicePage(**form, user_email=text),
        "device consent": device_consent(text),
        "plain device consent": msgspec.structs.replace(
            device_consent(text), error=None, until=None, permissions=(), is_same_place=True
        ),
        "device let in": DeviceDonePage(client_name=text, allowed=True),
        "device turned away": DeviceDonePage(client_name=text, allowed=False),
        "error": ErrorPage(title=text, sentence=text, code=text, detail=text, request_id=text),
        "plain error": ErrorPage(title=text, sentence=text, code=text, request_id=text),
        "apps": apps(text),
        "no apps": AppsPage(user_email=text, csrf=f"csrf {text}", apps=()),
        "end": asking(text),
        "end of nothing": asking(text, nothing=True),
        "ended": EndedPage(
            title=text, sentence=text, receipt=text, back="/id/account/apps", back_title=text
        ),
        "tokens": TokensPage(
            user_email=text,
            csrf=f"csrf {text}",
            tokens=tuple(
                TokenRow(
                    token_id=text,
                    name=text,
                    api_name=text,
                    permissions=(text, text),
                    networks=(text,),
                    made=text,
                    until=text,
                    last_used=text,
                    over=over,
                    found_at=over,
                )
                for over in ("", text)
            ),
            apis=(OpenApi(uri=text, name=text),),
        ),
        "token new": NewTokenPage(
            user_email=text,
            csrf=f"csrf {text}",
            action="/account/tokens/new",
            api=OpenApi(uri=text, name=text),
            permissions=(TokenPermission(value=text, title=text, chosen=True),),
            lifetimes=(SpanChoice(value=text, title=text, chosen=True),),
            name=text,
            networks=text,
            error=text,
        ),
        "token made": MadeTokenPage(
            user_email=text,
            csrf=f"csrf {text}",
            secret=text,
            name=text,
            api_name=text,
            until=text,
        ),
        "password": PasswordPage(
            user_email=text, csrf=f"csrf {text}", action="/go", sentence=text, error=text
        ),
        "forgotten": ForgottenPage(**form, email=text, error=text),
        "plain forgotten": ForgottenPage(**form),
        "link sent": LinkSentPage(email=text, minutes=60),
        "new password": NewPasswordPage(
            **form, link=text, user_email=text, sentence=text, error=text
        ),
        "link over": LinkOverPage(),
        "caught mail": CaughtMailPage(
            messages=(CaughtMessage(to=text, subject=text, date=text, text=text, link="/id/x"),)
        ),
        "no caught mail": CaughtMailPage(messages=()),
        "explain": ExplainPage(**form, user_email=text, whose=text),
        "admin explain": AdminExplainPage(**form, user_email=text, whose=text),
        "explained": ExplainPage(
            **form,
            user_email=text,
            whose=text,
            explained=Explained(
                verdict=text,
                sentence=text,
                facts=(("By", text),),
                checks=(CheckRow(check=text, outcome=text, sentence=text),),
            ),
        ),
        "logout": LogoutPage(**form, client_name=text, fields=((text, text), ("state", text))),
        "plain logout": LogoutPage(**form),
        "signed out": SignedOutPage(),
        "home": HomePage(issuer=text, csrf=f"csrf {text}"),
        "home signed in": HomePage(issuer=text, csrf=f"csrf {text}", signed_in_as=text),
        "home of an administrator": HomePage(
            issuer=text, csrf=f"csrf {text}", signed_in_as=text, is_admin=True
        ),
        **account(text),
        **joining(text),
        **passkeys(text),
        **providers(text),
        **administration(text),
    }


def joining(text: str) -> dict[str, Page]:
    """One of each page by which somebody gets an account or another address."""
    form = {"action": "/id/x", "csrf": f"csrf {text}"}
    return {
        "register": RegisterPage(**form),
        "register again": RegisterPage(**form, flow=text, email=text, error=text),
        "register sent": RegisterSentPage(email=text, minutes=60, onward="/id/sign-in"),
        "welcome": WelcomePage(**form, link=text, user_email=text),
        "welcome again": WelcomePage(
            **form, link=text, user_email=text, name=text, invited=True, error=text
        ),
        "welcomed": WelcomedPage(user_email=text),
        "email": EmailPage(**form, user_email=text, sentence=text, days=7, email=text, error=text),
        "email sent": EmailSentPage(user_email=text, csrf=f"csrf {text}", email=text, minutes=60),
        "confirm email": ConfirmEmailPage(**form, user_email=text, email=text, sentence=text),
        "undo email": UndoEmailPage(**form, link=text, email=text, sentence=text, error=text),
        "undo email, with passkeys": UndoEmailPage(
            **form, link=text, email=text, sentence=text, passkeys=(text,), may_drop=True
        ),
    }


@pytest.fixture(scope="module")
def pages() -> Pages:
    return Pages()


def each_page(text: str) -> pytest.MarkDecorator:
    pages = views(text)
    return pytest.mark.parametrize("view", pages.values(), ids=pages.keys())


# "Letters", with a joiner that its spelling needs.
PERSIAN = "\u0646\u0627\u0645\u0647\u200c\u0647\u0627"
EVERY_PAGE = each_page("Notes")
EVERY_HOSTILE_PAGE = each_page(HOSTILE)


def test_every_view_has_a_template_and_a_sample_here() -> None:
    """No kind of page is left out of these tests."""
    assert {type(view) for view in views("x").values()} == set(TEMPLATES) == kinds_of(Page)


def test_pages_of_those_who_run_the_server_are_not_for_people() -> None:
    """They are in English, whatever their readers ask for: their templates are not translated."""
    for page, template in TEMPLATES.items():
        assert page.for_people != template.startswith(("admin", "caught_mail")), page


IN_GERMAN = Reading("de", "/sign-in")


@EVERY_HOSTILE_PAGE
def test_a_page_in_german_is_the_same_page(pages: Pages, view: Page) -> None:
    """Every page for people is read in both languages: the same elements, and other words."""
    if not view.for_people:
        return
    german = pages.render(view, IN_GERMAN)
    english = pages.render(view, Reading("en", "/sign-in"))
    assert outline(Document(german)) == outline(Document(english))
    page = Document(german)
    assert page.all("html")[0].attributes["lang"] == "de"
    assert "<script" not in german.lower().replace('<script type="module" src="/static/', "")
    assert german.count('action="/language"') == 1


def kinds_of(page: type[Page]) -> set[type[Page]]:
    """The kinds of pages of which there are no further kinds."""
    below = page.__subclasses__()
    return set().union(*map(kinds_of, below)) if below else {page}


@EVERY_PAGE
def test_a_page_has_a_language_a_title_one_main_and_headings_in_order(
    pages: Pages, view: Page
) -> None:
    """A screen reader finds its way: landmarks, one first heading, no level left out."""
    page = Document(pages.render(view))
    assert page.all("html")[0].attributes["lang"] == "en"
    assert page.all("title")[0].text.strip()
    assert len(page.all("main")) == len(page.all("header")) == len(page.all("h1")) == 1
    levels = [int(each.tag[1]) for each in page.elements if re.fullmatch("h[1-6]", each.tag)]
    steps = pairwise(levels)
    assert levels[0] == 1
    assert all(below - above <= 1 for above, below in steps)


def is_the_same_for_all(view: Page) -> bool:
    nothing = isinstance(view, CaughtMailPage) and not view.messages
    return nothing or isinstance(view, SignedOutPage | LinkOverPage)


@EVERY_HOSTILE_PAGE
def test_hostile_text_stays_text(pages: Pages, view: Page) -> None:
    """S104: whatever a name, an address or an error contains, no element comes of it."""
    html = pages.render(view)
    tame = Document(pages.render(tamed(view)))
    assert "<script" not in html.lower().replace('<script type="module" src="/static/', "")
    assert is_the_same_for_all(view) or "{{ 7 * 7 }}" in html
    assert outline(Document(html)) == outline(tame)


@EVERY_HOSTILE_PAGE
def test_a_page_needs_no_script_and_no_inline_style(pages: Pages, view: Page) -> None:
    """The strict content security policy has nothing to forbid on any page."""
    page = Document(pages.render(view))
    names = {name for element in page.elements for name in element.attributes}
    form = getattr(view, "passkey", None)
    scripts = [each.attributes for each in page.all("script")]
    assert all(
        set(each) == {"type", "src"} and not each["src"].find("/static/") for each in scripts
    )
    assert len(scripts) == (form is not None), "a page has the script that its form needs, or none"
    assert not page.all("style")
    assert "style" not in names
    assert not {name for name in names if name.startswith("on")}
    assert not re.search(r"javascript:|https?://", " ".join(targets(page)))


@EVERY_PAGE
def test_passwords_are_masked_and_left_to_managers(pages: Pages, view: Page) -> None:
    """ASVS V6.2.6, V6.2.7: nothing that is secret is shown, and pasting and managers just work."""
    page = Document(pages.render(view))
    inputs = [each.attributes for each in page.all("input")]
    secret = [each for each in inputs if each["name"] in {"password", "current", "new", "again"}]
    assert {each["type"] for each in secret} <= {"password"}
    known = {"current-password", "new-password"}
    assert {each["autocomplete"] for each in secret} <= known
    assert all(int(each.get("maxlength", 256)) >= 64 for each in secret)


@EVERY_PAGE
def test_every_input_has_a_label_and_every_description_exists(pages: Pages, view: Page) -> None:
    """What can be typed or ticked is named, and ids are used once."""
    page = Document(pages.render(view))
    ids = [each.attributes["id"] for each in page.elements if "id" in each.attributes]
    labels = {each.attributes["for"]: each.text.strip() for each in page.all("label")}
    assert len(ids) == len(set(ids))
    for each in page.all("input"):
        if each.attributes["type"] != "hidden":
            assert labels[each.attributes["id"]]
    for each in page.elements:
        assert set(each.attributes.get("aria-describedby", "main").split()) <= set(ids)
    assert all(button.text.strip() for button in page.all("button"))


@EVERY_HOSTILE_PAGE
def test_every_form_posts_the_form_token(pages: Pages, view: Page) -> None:
    """S104: no form can be sent without the token of the browser's session."""
    page = Document(pages.render(view))
    for form in page.all("form"):
        assert form.attributes["method"] == "post"
        assert page.inputs_of(form)["csrf"] == f"csrf {HOSTILE}"


@pytest.mark.parametrize("name", ["sign-in", "consent"])
def test_forms_of_an_authorization_carry_it_along(pages: Pages, name: str) -> None:
    """The sealed pending authorization comes back exactly as it was handed out."""
    page = Document(pages.render(views(HOSTILE)[name]))
    leading = [form for form in page.all("form") if form.attributes["action"] not in LEAVING]
    assert {page.inputs_of(form)["flow"] for form in leading} == {f"flow {HOSTILE}"}


def test_sign_in_says_for_which_app_and_ties_the_error_to_the_fields(pages: Pages) -> None:
    """A failed attempt keeps the address, empties the password and explains itself."""
    page = Document(
        pages.render(
            SignInPage(
                action="/sign-in",
                csrf="c",
                client_name="Notes",
                email="ada@example.org",
                error="That did not match.",
            )
        )
    )
    fields = {each.attributes["name"]: each.attributes for each in page.all("input")}
    assert page.all("title")[0].text == "Problem: Sign in to continue to Notes"
    assert fields["email"]["value"] == "ada@example.org"
    assert fields["email"]["autocomplete"] == "username webauthn"
    assert fields["password"]["autocomplete"] == "current-password"
    assert "value" not in fields["password"]
    assert "flow" not in fields
    for name in ("email", "password"):
        assert fields[name]["aria-describedby"] == "problem"
    alert = next(each for each in page.elements if each.attributes.get("role") == "alert")
    assert "That did not match." in alert.text


def test_consent_offers_each_permission_and_fixes_the_required_ones(pages: Pages) -> None:
    """A person sees every permission by its API and can leave out what is not required."""
    page = Document(pages.render(consent("Notes")))
    offered = [each for each in page.all("input") if each.attributes["name"] == "permission"]
    kinds = {each.attributes["value"]: each.attributes["type"] for each in offered}
    assert kinds == {"openid Notes": "hidden", "email": "checkbox", "read Notes": "checkbox"}
    ticked = [each for each in offered if each.attributes["type"] == "checkbox"]
    assert all("checked" in each.attributes for each in ticked)
    assert [each.text for each in page.all("legend")] == ["Your account", "Notes"]


def test_consent_shows_where_the_browser_returns_and_warns_of_local_apps(pages: Pages) -> None:
    """The host is shown; a loopback address or private scheme is warned of (RFC 8252 §8.6)."""
    local = msgspec.structs.replace(consent("Notes"), return_host="127.0.0.1:4711")
    remote = msgspec.structs.replace(local, return_is_local=False)
    warning = "runs on your own device"
    assert "127.0.0.1:4711" in Document(pages.render(local)).all("main")[0].text
    assert warning in pages.render(local)
    assert warning not in pages.render(remote)


def test_consent_takes_a_pressed_button_and_never_the_enter_key(pages: Pages) -> None:
    """Enter on a tick box presses a form's first button, which sends nothing (HTML §4.10.21.3)."""
    page = Document(pages.render(consent("Notes")))
    buttons = [each.attributes for each in page.all("button") if each.within("main")]
    assert buttons[0]["formmethod"] == "dialog"
    assert buttons[0]["tabindex"] == "-1"
    decisions = {each["value"]: each.get("form") for each in buttons[1:]}
    assert decisions == {"switch": "switch", "allow": None, "deny": None}


def test_apps_page_has_one_row_per_app_and_three_verbs(pages: Pages) -> None:
    """S01: two sessions of an app are one row, which opens to both and to their endings."""
    page = Document(pages.render(apps("Notes", prefix="/id")))
    assert len(page.all("details")) == len(page.all("h2")) == 2
    assert page.actions() == ["/id/account/sign-out"]
    links = [each.attributes["href"] for each in page.all("a")]
    assert [each for each in links if "/end/" in each] == [
        "/id/account/end/family/f1",
        "/id/account/end/family/f2",
        "/id/account/end/app_sessions/g1",
        "/id/account/end/grant/g1",
        "/id/account/end/grant/g2",
    ]
    tags = [each.text for each in page.all("span") if each.attributes.get("class") == "tag"]
    assert tags == ["This browser", "Works while you are away"] * 2


def test_apps_page_without_apps_says_so(pages: Pages) -> None:
    """The first visit explains the page instead of showing nothing."""
    html = pages.render(AppsPage(user_email="ada@example.org", csrf="c", apps=()))
    assert "No apps yet" in html


def test_logout_asks_and_hands_its_fields_through(pages: Pages) -> None:
    """The request's own fields come back with the decision (RP-Initiated Logout 1.0 §2)."""
    view = LogoutPage(action="/logout", csrf="c", fields=(("state", "a&b"), ("x", '"')))
    page = Document(pages.render(view))
    fields = page.inputs_of(page.all("form")[0])
    assert fields == {"csrf": "c", "state": "a&b", "x": '"'}
    assert [each.attributes["value"] for each in page.all("button")] == ["logout", "stay"]


@EVERY_PAGE
def test_links_of_a_mounted_server_stay_below_its_path(pages: Pages, view: Page) -> None:
    """Below a path, every link and static file is found below that path."""
    page = Document(pages.render(msgspec.structs.replace(view, prefix="/id")))
    links = [each.attributes["href"] for each in page.elements if "href" in each.attributes]
    assert all(link.startswith(("/id/", "#main")) for link in links)


def test_an_asset_address_changes_with_its_content(pages: Pages) -> None:
    """A browser may keep a static file for ever, as its address names its content."""
    sheet = pages.assets["counterfoil.css"]
    assert pages.asset_url("/id", sheet.name) == f"/id/static/{sheet.name}?v={sheet.version}"
    assert sheet.media_type == "text/css; charset=utf-8"
    assert pages.assets["mark.svg"].media_type == "image/svg+xml"
    assert pages.assets["mark.svg"].version != sheet.version


def test_the_style_sheet_loads_nothing_from_elsewhere(pages: Pages) -> None:
    """Only data: images, as the content security policy allows; no import, no other host."""
    sheet = pages.assets["counterfoil.css"].body.decode()
    assert "@import" not in sheet
    assert all(url.startswith('"data:image/svg+xml') for url in re.findall(r"url\(([^)]*)", sheet))


@pytest.mark.parametrize(
    ("text", "visible"),
    [
        ("Notes\u202e gnp.exe", "Notes gnp.exe"),
        ("  many \n spaces\t", "many spaces"),
        ("\u200b\u2066\u2069", "(no name)"),
        ("", "(no name)"),
        (PERSIAN, PERSIAN),
        ("a\x00b\x1b[31m", "ab[31m"),
        ("x" * 200, "x" * 119 + "…"),
    ],
)
def test_a_name_cannot_hide_or_turn_around_what_stands_beside_it(text: str, visible: str) -> None:
    """Direction marks, controls and unseen characters are dropped; joiners are kept."""
    assert shown(text) == visible


def test_a_template_that_misses_a_value_is_an_error(pages: Pages) -> None:
    """A misspelt field fails loudly instead of showing an empty page."""
    with pytest.raises(UndefinedError):
        environment_in(English()).from_string("{{ view.missing }}").render(view=SignedOutPage())


def tamed(view: Page) -> Page:
    """The same view with harmless text in the place of the hostile one."""
    written = msgspec.json.encode(view, enc_hook=str)
    plain = written.replace(msgspec.json.encode(HOSTILE)[1:-1], b"Notes")
    return msgspec.json.decode(plain, type=type(view))


def outline(page: Document) -> list[tuple[str, list[str]]]:
    """Tags and attribute names in their order; a heading's class depends on its length."""
    return [(each.tag, list(each.attributes) * (each.tag != "h1")) for each in page.elements]


def targets(page: Document) -> list[str]:
    """Every address that a page names."""
    names = {"href", "action", "src", "formaction"}
    return [
        value for each in page.elements for name, value in each.attributes.items() if name in names
    ]


NOT_YET = (
    "second factor",
    "a code by mail alone",
    "code by mail",
    "recovery code alone",
    "new authenticator",
    "new password",
    "welcome",
)
"""Pages that name somebody who is not signed in, or may not be: for a factor, or by a link."""


@pytest.mark.parametrize(
    "name",
    [
        name
        for name, view in views("x").items()
        if getattr(view, "user_email", "") and not name.startswith(NOT_YET)
    ],
)
def test_whoever_is_signed_in_can_sign_out_on_every_page(pages: Pages, name: str) -> None:
    """ASVS V7.4.4: easily seen, so at the head of the page."""
    page = Document(pages.render(views("x")[name]))
    assert any(action.endswith("/account/sign-out") for action in page.actions()), name
