"""What is wrong is logged when it begins and when it ends, not each time it is met."""

import logging

import pytest

from counterfoil.guard.troubles import QUIET, Troubles


def test_each_change_is_logged_once(caplog: pytest.LogCaptureFixture):
    caplog.set_level(logging.INFO)
    troubles = Troubles("https://id.example")
    for second in range(0, 20 * int(QUIET), int(QUIET)):
        troubles.begin("no keys", f"failure {second}", float(second))
    troubles.begin("the line is down", "cut", 20.0)
    assert troubles.present == {"no keys": "failure 1140", "the line is down": "cut"}
    troubles.end("no keys")
    troubles.end("no keys")
    assert troubles.present == {"the line is down": "cut"}
    assert caplog.messages == [
        "https://id.example: no keys: failure 0",
        "https://id.example: the line is down: cut",
        "https://id.example: no keys: no longer",
    ]


def test_what_comes_and_goes_fills_no_log(caplog: pytest.LogCaptureFixture):
    """As it would where somebody on the line lets every second head through."""
    troubles = Troubles("https://id.example")
    for second in range(100):
        troubles.begin("a head is not believed", "x", second / 10)
        troubles.end("a head is not believed")
    assert len(caplog.messages) == 2
    troubles.begin("a head is not believed", "x", QUIET)
    assert len(caplog.messages) == 3


def test_what_is_present_cannot_be_changed_from_outside():
    troubles = Troubles("https://id.example")
    troubles.begin("no keys", "x", 0.0)
    dict(troubles.present).clear()
    assert troubles.present
