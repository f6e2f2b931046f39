"""My account, activity: one's own events in plain words, and nothing of anybody else."""

import pytest

from counterfoil.server.pages.activity_words import doer_of, sentence_of
from counterfoil.server.pages.tongues import tongue_of
from counterfoil.server.protocol.noticing.finding import Finding
from counterfoil.server.records.event import Event, EventKind
from counterfoil.server.records.sentence import say, spoken
from tests.installation import Installation, Person, hidden_fields
from tests.server.pages.document import Document

pytestmark = pytest.mark.anyio

IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_4 like Mac OS X) Version/18.4 Safari/604.1"


async def told(person: Person, path: str = "/account/activity") -> list[str]:
    page = await person.browser.get(path)
    assert page.status_code == 200
    main = Document(page.text).all("li")
    return [" ".join(each.text.split()) for each in main if not each.within("nav")]


async def test_what_happened_stands_with_time_device_and_place(
    place: Installation, person: Person, visitor: Person
):
    person.browser.headers["user-agent"] = IPHONE
    await person.tokens()
    await visitor.browser.post("/sign-in", data={})
    page = await visitor.browser.get("/sign-in")
    await visitor.sign_in(page, password="wrong")
    failed, started, given, signed_in, added = await told(person)
    assert failed.startswith("Somebody tried to sign in to your account, and failed. 15 January")
    assert "By whoever typed your email address · " in failed
    assert started.startswith("App was signed in. 15 January 2027, ")
    assert started.endswith("UTC · By App")
    assert given.startswith("You gave App a permission.")
    assert signed_in.startswith("You signed in.")
    assert "UTC · In your name · Safari on iPhone, 127.0.0.1" in signed_in
    assert "Your account was made." in added
    assert "By an administrator" in added


async def test_older_events_stand_on_further_pages(person: Person):
    await person.code()
    for _ in range(12):
        await person.exchange(await person.code())
        page = await person.browser.get("/account/apps")
        verb = next(
            link.attributes["href"]
            for link in Document(page.text).all("a")
            if link.attributes["href"].startswith("/account/end/app_sessions/")
        )
        await person.browser.post(verb, data=hidden_fields((await person.browser.get(verb)).text))
    path, pages = "/account/activity", list[list[str]]()
    while path:
        pages.append(await told(person, path))
        links = Document((await person.browser.get(path)).text).all("a")
        path = next((a.attributes["href"] for a in links if a.text == "Older"), "")
    assert [len(each) for each in pages[:-1]] == [25] * (len(pages) - 1)
    assert len(pages) > 1
    assert pages[-1][-1].startswith("Your account was made.")
    for number in ("0", "-1", "x", "9" * 30, "1e3", "\u0661"):
        answer = await person.browser.get("/account/activity", params={"before": number})
        assert answer.status_code == 200


def event(kind: EventKind, actor: str, subject: str, **detail: str) -> Event:
    return Event(kind=kind, at=0, actor=actor, subject=subject, detail=detail)


def test_what_was_done_to_another_person_names_nobody():
    """An administrator's own page tells nothing that the others would not want told."""
    done = event(EventKind.USER_DISABLED, "user:me", "other")
    assert sentence_of(done, "me", {}) == "You did this as an administrator: user disabled."
    done = event(EventKind.SESSION_ENDED, "user:me", "s1", user_id="other", why="user_disabled")
    assert sentence_of(done, "me", {}) == "You did this as an administrator: session ended."


def test_a_right_to_mint_is_told_to_whom_it_is_for_and_to_who_gave_it():
    """S58."""
    given = event(EventKind.MINT_RIGHT_GIVEN, "user:boss", "cron", user_id="me")
    said = sentence_of(given, "me", {"cron": "Cron"})
    assert said == "Cron was given a right to make tokens for you."
    assert sentence_of(given, "boss", {}).startswith("You did this as an administrator")
    whole = event(EventKind.MINT_RIGHT_GIVEN, "user:boss", "cron")
    assert sentence_of(whole, "boss", {}).startswith("You did this as an administrator")


def test_an_administrator_who_acted_is_not_named():
    done = event(EventKind.USER_DISABLED, "user:boss", "me")
    assert doer_of(done, "me", {}) == "By an administrator"
    assert sentence_of(done, "me", {}) == "Your account was disabled."


def test_why_something_ended_is_said():
    done = event(EventKind.FAMILY_ENDED, "user:me", "f", user_id="me", client_id="a", why="ended")
    said = sentence_of(done, "me", {"a": "Notes {app} {0}"})
    assert said == "A session of Notes {app} {0} was ended: it was ended, and nothing else."
    assert sentence_of(done, "me", {}).startswith("A session of an app was ended")


def test_a_kind_that_is_newer_than_the_table_says_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("counterfoil.server.pages.activity_words.SENTENCES", {})
    done = event(EventKind.PASSWORD_CHANGED, "user:me", "me")
    assert sentence_of(done, "me", {}) == "Password changed."


def test_why_something_was_noticed_is_said_in_the_language_of_whoever_reads():
    """S108. An event that is older than this has its reasons in English alone."""
    reasons = (say("No sign-in from {place} before.", place="Sydney, Australia"),)
    detail = Finding(EventKind.NEW_PLACE, 65, reasons).detail
    noticed = sentence_of(event(EventKind.NEW_PLACE, "user:me", "me", **detail), "me", {})
    assert noticed == (
        "A sign-in came from a new place. No sign-in from Sydney, Australia before. "
        "(Score 65 of 100.)"
    )
    said = spoken(noticed, tongue_of("de"))
    assert "Von dort gab es noch keine Anmeldung: Sydney, Australia." in said
    assert "No sign-in" not in said
    del detail["said"]
    older = sentence_of(event(EventKind.NEW_PLACE, "user:me", "me", **detail), "me", {})
    assert older == noticed
    assert "No sign-in from Sydney" in spoken(older, tongue_of("de"))
