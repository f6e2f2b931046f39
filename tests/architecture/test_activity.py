"""Whatever is written down of a person, they can read: each kind of event has its sentence."""

from counterfoil.server.pages.activity_words import ADMINISTRATION, SENTENCES
from counterfoil.server.records.event import SUBJECTS, EventKind


def test_every_kind_of_event_is_said_in_words_or_is_administration():
    """Whoever adds a kind says it in ``pages/activity_words.py``."""
    assert set(EventKind) - set(SENTENCES) - ADMINISTRATION == set()


def test_what_is_done_to_a_person_is_never_administration_alone():
    assert {kind for kind in EventKind if SUBJECTS[kind] == "user"} <= set(SENTENCES)


def test_no_sentence_holds_a_word_of_the_machine():
    assert not [text for text in SENTENCES.values() if "_" in text or text.endswith(".")]
