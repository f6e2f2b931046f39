"""What comes next: the whole table of the one place that decides the order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from counterfoil.oauth.access import Access
from counterfoil.server.protocol.interaction import (
    Approve,
    Asker,
    Consent,
    Refuse,
    SecondFactor,
    SignIn,
    asker_of,
    next_step,
    returns_locally,
)
from counterfoil.server.protocol.lifetimes import limits_of
from counterfoil.server.protocol.pending import Pending
from counterfoil.server.records.client import Client
from counterfoil.server.records.grant import Grant
from counterfoil.server.records.policy import ClientPolicy
from counterfoil.server.records.session import Origin, Session
from counterfoil.server.settings import DAY, load

NOW = 10_000
READ = Access({"https://notes.example": frozenset({"notes:read"})}, frozenset({"openid"}))
LESS = Access(openid=frozenset({"openid"}))
WEB, LOCAL = "https://app.example/cb", "http://127.0.0.1:5000/cb"
PENDING = Pending(
    client_id="app", redirect_uri=WEB, code_challenge="c", access=READ, requested_at=NOW - 100
)
APP = Client(client_id="app", client_name="App", created_at=1, grant_types=(), scopes=frozenset())
SPA = replace(APP, public=True)
BEFORE = Session(
    id="s",
    digest=b"digest",
    user_id="u",
    auth_time=NOW - 1000,
    last_used_at=NOW,
    expires_at=NOW * 2,
    origin=Origin(),
)
AFTER = replace(BEFORE, auth_time=NOW - 50)
ALLOWED = Grant(id="g", user_id="u", client_id="app", access=READ, created_at=1, updated_at=1)


def asks(prompt: str = "", max_age: int | None = None, redirect_uri: str = WEB) -> Pending:
    return replace(
        PENDING, prompt=frozenset(prompt.split()), max_age=max_age, redirect_uri=redirect_uri
    )


def demands(least_acr: str, prompt: str = "") -> Pending:
    return replace(asks(prompt), least_acr=least_acr)


TABLE = [
    # what is asked, by whom, who is signed in, what was allowed before: what comes
    (asks(), APP, None, None, SignIn),
    (asks(), APP, BEFORE, None, Consent),
    (asks(), APP, BEFORE, ALLOWED, Approve),
    (asks(), APP, BEFORE, replace(ALLOWED, access=LESS), Consent),
    (asks(), SPA, BEFORE, ALLOWED, Approve),
    (asks("login"), APP, BEFORE, ALLOWED, SignIn),
    (asks("login"), APP, AFTER, ALLOWED, Approve),
    (asks("login"), APP, AFTER, None, Consent),
    (replace(asks("login"), session=AFTER.digest.hex()), APP, AFTER, ALLOWED, SignIn),
    (replace(asks("login"), session="of-another"), APP, AFTER, ALLOWED, Approve),
    (replace(asks("login"), session="of-another"), APP, BEFORE, ALLOWED, SignIn),
    (demands("mfa"), APP, BEFORE, ALLOWED, SignIn),
    (demands("mfa"), APP, replace(BEFORE, amr=("pwd", "otp", "mfa")), ALLOWED, Approve),
    (demands("phr"), APP, replace(BEFORE, amr=("pwd", "otp", "mfa")), ALLOWED, SignIn),
    (demands("mfa"), APP, replace(BEFORE, amr=("pop", "user", "mfa")), ALLOWED, Approve),
    (demands("mfa"), APP, AFTER, ALLOWED, Refuse),
    (demands("mfa", "none"), APP, BEFORE, ALLOWED, Refuse),
    (asks("select_account"), APP, BEFORE, ALLOWED, SignIn),
    (asks("select_account"), APP, AFTER, ALLOWED, Approve),
    (asks("consent"), APP, BEFORE, ALLOWED, Consent),
    (asks("login consent"), APP, BEFORE, ALLOWED, SignIn),
    (asks("login consent"), APP, AFTER, ALLOWED, Consent),
    (asks(max_age=1000), APP, BEFORE, ALLOWED, Approve),
    (asks(max_age=999), APP, BEFORE, ALLOWED, SignIn),
    (asks(max_age=0), APP, BEFORE, ALLOWED, SignIn),
    (asks(max_age=0), APP, AFTER, ALLOWED, Approve),
    (replace(asks(), subject_hint="u"), APP, BEFORE, ALLOWED, Approve),
    (replace(asks(), subject_hint="u"), APP, None, None, SignIn),
    (replace(asks(), subject_hint="another"), APP, BEFORE, ALLOWED, SignIn),
    (replace(asks(), subject_hint="another"), APP, AFTER, ALLOWED, Refuse),
    (replace(asks("consent"), subject_hint="another"), APP, AFTER, ALLOWED, Refuse),
    (asks(redirect_uri=LOCAL), SPA, BEFORE, ALLOWED, Consent),
    (asks(redirect_uri=LOCAL), APP, BEFORE, ALLOWED, Approve),
]


@pytest.mark.parametrize(("pending", "client", "session", "grant", "step"), TABLE)
def test_the_table(
    pending: Pending, client: Client, session: Session | None, grant: Grant | None, step: type
):
    """OpenID Connect Core §3.1.2.1, §3.1.2.3, RFC 8252 §8.6."""
    assert isinstance(next_step(pending, Asker(client), session, grant, NOW), step)


@pytest.mark.parametrize(("pending", "client", "session", "grant", "step"), TABLE)
def test_where_nobody_may_be_asked_asking_becomes_an_error(
    pending: Pending, client: Client, session: Session | None, grant: Grant | None, step: type
):
    """OpenID Connect Core §3.1.2.6: prompt=none."""
    silent = replace(pending, prompt=pending.prompt | {"none"})
    found = next_step(silent, Asker(client), session, grant, NOW)
    match found:
        case Refuse(error):
            unmet = "unmet_authentication_requirements"
            named = {
                SignIn: {"login_required"},
                Consent: {"consent_required"},
                Refuse: {"login_required", unmet if pending.least_acr else "login_required"},
            }
            assert error.error in named[step]
        case _:
            assert step is Approve
            assert found == Approve(ALLOWED)


@pytest.mark.parametrize(
    ("ends_at", "step"), [(None, Approve), (NOW + 1, Approve), (NOW, Consent), (NOW - 1, Consent)]
)
def test_after_its_end_date_a_permission_is_asked_for_anew(ends_at: int | None, step: type):
    """S13."""
    grant = replace(ALLOWED, ends_at=ends_at)
    assert isinstance(next_step(asks(), Asker(APP), BEFORE, grant, NOW), step)


@pytest.mark.parametrize(
    ("session", "lifetime", "step"),
    [
        (BEFORE, None, Approve),
        (BEFORE, 1001, Approve),
        (BEFORE, 1000, SignIn),
        (BEFORE, 60, SignIn),
        (AFTER, 60, Approve),
        (AFTER, 50, SignIn),
    ],
)
def test_a_sign_in_that_is_too_old_for_the_client_is_made_anew(
    session: Session, lifetime: int | None, step: type
):
    """S30: so often people prove who they are; S32: no family is born dead."""
    asker = Asker(APP, lifetime)
    assert isinstance(next_step(asks(), asker, session, ALLOWED, NOW), step)
    silent = next_step(asks("none"), asker, session, ALLOWED, NOW)
    assert isinstance(silent, Approve if step is Approve else Refuse)


REFRESHING = ("authorization_code", "refresh_token")
POLICY = ClientPolicy(refresh_absolute_lifetime=2, offline_absolute_lifetime=4)
OFFLINE = frozenset({"offline_access"})


@pytest.mark.parametrize(
    ("policy", "grant_types", "openid", "lifetime"),
    [
        (ClientPolicy(), (), OFFLINE, None),
        (ClientPolicy(), REFRESHING, frozenset(), 180 * DAY),
        (ClientPolicy(), REFRESHING, OFFLINE, 365 * DAY),
        (POLICY, REFRESHING, frozenset(), 2),
        (POLICY, REFRESHING, OFFLINE, 4),
        (POLICY, (), OFFLINE, None),
        (ClientPolicy(reproof_interval=9), (), frozenset(), 9),
        (ClientPolicy(reproof_interval=9), REFRESHING, OFFLINE, 9),
    ],
)
def test_a_sign_in_must_be_younger_than_all_that_would_be_issued(
    policy: ClientPolicy, grant_types: tuple[str, ...], openid: frozenset[str], lifetime: int | None
):
    """S32: a family whose absolute end has passed is not begun."""
    client = replace(APP, policy=policy, grant_types=grant_types)
    pending = replace(PENDING, access=Access(openid=openid))
    assert asker_of(client, pending, limits_of(load({}, {}))) == Asker(client, lifetime)


PROMPTS = st.frozensets(st.sampled_from(["none", "login", "consent", "select_account"]))


@given(PROMPTS, st.none() | st.integers(0, 2000), st.sampled_from([None, BEFORE, AFTER]))
def test_nobody_is_approved_for_without_signing_in_and_consenting(
    prompt: frozenset[str], max_age: int | None, session: Session | None
):
    pending = replace(PENDING, prompt=prompt, max_age=max_age)
    assert not isinstance(next_step(pending, Asker(APP), session, None, NOW), Approve)
    assert not isinstance(next_step(pending, Asker(APP), None, ALLOWED, NOW), Approve)


@given(PROMPTS, st.none() | st.integers(0, 2000), st.integers(0, 10_000))
def test_nobody_is_asked_to_sign_in_twice(prompt: frozenset[str], max_age: int | None, later: int):
    """However long the consent page stands open: a sign-in made for the request is enough."""
    pending = replace(PENDING, prompt=prompt - {"none"}, max_age=max_age)
    step = next_step(pending, Asker(APP), AFTER, None, NOW + later)
    assert isinstance(step, Consent)


@pytest.mark.parametrize(
    ("uri", "local"),
    [
        (WEB, False),
        (LOCAL, True),
        ("http://[::1]:7/cb", True),
        ("http://localhost/cb", True),
        ("https://localhost/cb", True),
        ("com.example.app:/cb", True),
        ("https://127.0.0.1.example/cb", False),
    ],
)
def test_where_another_program_could_stand_is_known(uri: str, local: bool):
    """RFC 8252 §8.6."""
    assert returns_locally(uri) is local


STRONG = ("pwd", "otp", "mfa")
STRENGTH = [
    # what the app wishes, what policy demands, what is within reach, who is signed in: what comes
    (None, None, "sfa", BEFORE, Approve),
    ("mfa", None, "mfa", BEFORE, SecondFactor),
    ("mfa", None, "mfa", AFTER, SecondFactor),
    ("mfa", None, "phr", BEFORE, SecondFactor),
    ("phr", None, "mfa", BEFORE, SignIn),
    ("phr", None, "mfa", AFTER, Refuse),
    (None, "mfa", "mfa", BEFORE, SecondFactor),
    (None, "mfa", "sfa", BEFORE, SignIn),
    (None, "mfa", "sfa", AFTER, Refuse),
    ("mfa", "phr", "mfa", AFTER, Refuse),
    ("sfa", "mfa", "mfa", BEFORE, SecondFactor),
    (None, "mfa", "mfa", replace(BEFORE, amr=STRONG), Approve),
    (None, "phr", "phr", replace(BEFORE, amr=STRONG), SecondFactor),
    (None, "mfa", "mfa", None, SignIn),
]


@pytest.mark.parametrize(("wish", "policy", "reach", "session", "step"), STRENGTH)
def test_only_what_is_missing_is_asked_for(
    wish: str | None, policy: str | None, reach: str, session: Session | None, step: type
):
    """S105, RFC 9470 §5: the stronger of wish and policy counts."""
    asker = Asker(APP, None, policy, reach)
    pending = replace(asks(), least_acr=wish)
    assert isinstance(next_step(pending, asker, session, ALLOWED, NOW), step)
    silent = next_step(replace(pending, prompt=frozenset({"none"})), asker, session, ALLOWED, NOW)
    assert isinstance(silent, Approve if step is Approve else Refuse)


def test_a_sign_in_that_is_too_old_is_made_anew_before_anything_is_added() -> None:
    asker = Asker(APP, None, "mfa", "mfa")
    found = next_step(asks("login"), asker, BEFORE, ALLOWED, NOW)
    assert isinstance(found, SignIn)


@pytest.mark.parametrize(
    ("takes", "recalled", "step"),
    [(True, True, Approve), (False, True, SignIn), (False, False, Approve)],
)
def test_a_client_may_refuse_what_a_remembered_browser_got(
    takes: bool, recalled: bool, step: type
) -> None:
    """S24: it counts as no sign-in there; where nobody may be asked, that is an error."""
    session, asker = replace(BEFORE, recalled=recalled), Asker(APP, takes_recalled=takes)
    assert isinstance(next_step(asks(), asker, session, ALLOWED, NOW), step)
    silent = next_step(asks("none"), asker, session, ALLOWED, NOW)
    assert isinstance(silent, Refuse if step is SignIn else Approve)


def test_whether_it_does_is_said_by_its_policy() -> None:
    strict = replace(APP, policy=replace(APP.policy, remembered_sign_in=False))
    limits = limits_of(load({}, {}))
    assert not asker_of(strict, asks(), limits).takes_recalled
    assert asker_of(APP, asks(), limits).takes_recalled
