"""What a guard let pass and has yet to report: counted, gathered, bounded."""

import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st

from counterfoil.guard import Credentials, Issuer, Token
from counterfoil.guard.sightings import OLDEST, Sightings
from counterfoil.oauth.reports import MOST_SIGHTINGS, report_from, spelled
from tests.guard.desk import ISSUER, NOW, Clock, Desk
from tests.guard.issuer import AUDIENCE

HOME, OFFICE = "192.0.2.7", "198.51.100.9"


def token(name: str = "t1") -> Token:
    return Token(
        subject="u1",
        client_id="c1",
        scopes=frozenset(),
        audience=(AUDIENCE,),
        issuer=ISSUER,
        expires_at=int(NOW) + 600,
        issued_at=int(NOW),
        fingerprint=name,
        family="",
        claims={},
    )


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW + 0.7)


@pytest.fixture
def sightings(clock: Clock) -> Sightings:
    return Sightings(AUDIENCE, clock, most=250)


def test_what_was_seen_is_told_by_token_and_place(sightings: Sightings, clock: Clock):
    """S106: first and last time, and how often; never the token."""
    for place in (HOME, OFFICE, HOME):
        sightings.note(token(), place)
        clock.now += 5
    sightings.gather()
    report = sightings.next_report()
    assert report is not None
    assert (report.audience, report.sent_at, report.dropped) == (AUDIENCE, int(NOW) + 15, 0)
    home, office = report.sightings
    assert (home.jti, home.client_id, home.expires_at) == ("t1", "c1", int(NOW) + 600)
    assert (home.place, home.first, home.last, home.count) == (HOME, int(NOW), int(NOW) + 10, 2)
    assert (office.place, office.first, office.count) == (OFFICE, int(NOW) + 5, 1)
    assert report_from(spelled(report)) == report


def test_many_addresses_of_one_network_are_one_sighting(sightings: Sightings, clock: Clock):
    """S106: else one computer with IPv6 fills every report by itself."""
    for number in range(200):
        sightings.note(token(), f"2001:db8:1:{number:x}::1")
        clock.now += 0.1
    sightings.note(token(), OFFICE)
    sightings.gather()
    report = sightings.next_report()
    assert report is not None
    many, office = report.sightings
    assert (many.place, many.first, many.last) == ("2001:db8:1:c7::1", int(NOW), int(NOW) + 20)
    assert (many.count, office.place) == (200, OFFICE)


def test_what_was_told_is_forgotten_and_what_came_meanwhile_is_not(sightings: Sightings):
    sightings.note(token(), HOME)
    sightings.gather()
    report = sightings.next_report()
    assert report is not None
    sightings.note(token(), HOME)
    sightings.told(report)
    assert sightings.next_report() is None
    sightings.gather()
    assert sightings.next_report() == report
    assert len(sightings) == 1


def test_many_are_told_in_pages(sightings: Sightings):
    for number in range(MOST_SIGHTINGS + 1):
        sightings.note(token(f"t{number}"), HOME)
    sightings.gather()
    sizes = []
    while (report := sightings.next_report()) is not None:
        sizes.append(len(report.sightings))
        sightings.told(report)
    assert sizes == [MOST_SIGHTINGS, 1]


def test_memory_is_bounded_while_the_issuer_is_away(sightings: Sightings, clock: Clock):
    """The oldest are dropped, and the next report says how many."""
    for number in range(1000):
        sightings.note(token(f"t{number}"), HOME)
        if number % 200 == 199:
            clock.now += 1
            sightings.gather()
    assert len(sightings) == 250
    for number in range(1000):
        sightings.note(token(f"u{number}"), HOME)
    assert len(sightings) == 500
    report = sightings.next_report()
    assert report is not None
    assert report.dropped == 750 + 750
    assert report.sightings[0].jti == "t750"
    sightings.told(report)
    again = sightings.next_report()
    assert again is not None
    assert again.dropped == 0


def test_what_waited_too_long_is_dropped(sightings: Sightings, clock: Clock):
    sightings.note(token(), HOME)
    sightings.gather()
    clock.now += OLDEST
    sightings.gather()
    assert sightings.next_report() is not None
    clock.now += 1
    sightings.gather()
    assert sightings.next_report() is None
    sightings.note(token(), HOME)
    sightings.gather()
    report = sightings.next_report()
    assert report is not None
    assert report.dropped == 1


def test_what_the_issuer_never_takes_is_dropped(sightings: Sightings):
    sightings.note(token(), HOME)
    sightings.gather()
    report = sightings.next_report()
    assert report is not None
    sightings.drop(report)
    assert len(sightings) == 0
    sightings.note(token(), OFFICE)
    sightings.gather()
    again = sightings.next_report()
    assert again is not None
    assert again.dropped == 1


@given(st.text(), st.floats(-400, 400))
def test_whatever_is_noted_makes_a_report_that_is_well_formed(place: str, turned: float):
    """Also where a clock is set back, and a caller gives what is no address."""
    clock = Clock(NOW)
    sightings = Sightings(AUDIENCE, clock)
    sightings.note(token(), place)
    clock.now += turned
    sightings.note(token(), place)
    sightings.gather()
    report = sightings.next_report()
    assert report is None or report_from(spelled(report)) == report


def test_threads_share_it(sightings: Sightings):
    """None is lost but what a race may cost: a count."""
    begin = threading.Barrier(5)

    def work(name: str) -> None:
        begin.wait()
        for number in range(2000):
            sightings.note(token(f"{name}{number % 20}"), HOME)

    threads = [threading.Thread(target=work, args=(name,)) for name in "abcd"]
    for thread in threads:
        thread.start()
    begin.wait()
    seen = set()
    while any(thread.is_alive() for thread in threads) or len(sightings):
        sightings.gather()
        while (report := sightings.next_report()) is not None:
            seen |= {each.jti for each in report.sightings}
            sightings.told(report)
    assert len(seen) == 80


def test_a_guard_notes_for_the_issuer_of_the_token():
    reporting = Issuer(ISSUER, credentials=Credentials("guard", "secret"), reports=True)
    desk = Desk(reporting)
    assert desk.guard.reports
    desk.guard.saw(desk.guard.check(desk.token()), HOME)
    assert desk.state.sightings is not None
    assert len(desk.state.sightings) == 1


def test_a_guard_that_does_not_report_notes_nothing(desk: Desk):
    """S92: nothing is collected, and nothing asked but one attribute."""
    assert not desk.guard.reports
    desk.guard.saw(desk.guard.check(desk.token()), HOME)
    assert desk.state.sightings is None


def test_reports_need_credentials():
    with pytest.raises(ValueError, match="reports need credentials"):
        Issuer(ISSUER, reports=True)
