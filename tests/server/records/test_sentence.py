"""A sentence is English text that knows how it is said in another language."""

import pytest

from counterfoil.server.pages.tongues import English, tongue_of
from counterfoil.server.records.sentence import (
    Day,
    Listed,
    Minute,
    Row,
    Sentence,
    kept,
    said_again,
    say,
    say_many,
    spoken,
)

MOMENT = 1_800_000_000
GERMAN = tongue_of("de")


class Loud(English):
    """A language that shouts, and puts what is counted last."""

    def translate(self, english: str) -> str:
        return english.upper().replace("{NAME}", "{name}")

    def translate_many(self, one: str, many: str, count: int) -> str:
        return f"MANY: {{count}} ({one if count == 1 else many})"


def test_a_sentence_is_english_text():
    """The wire, the log and the command line say it as it is."""
    sentence = say("Hello, {name}.", name="Ada")
    assert sentence == "Hello, Ada."
    assert type(str(sentence)) is str


def test_it_is_said_with_its_values_in_another_language():
    assert spoken(say("Hello, {name}.", name="Ada"), Loud()) == "HELLO, Ada."
    assert spoken(say_many("{count} day", "{count} days", 3), Loud()) == "MANY: 3 (3 days)"
    assert say_many("{count} day", "{count} days", 1) == "1 day"


def test_a_value_may_be_a_sentence():
    inner = say("tea")
    assert spoken(say("Have {name}.", name=inner), Loud()) == "HAVE TEA."
    assert spoken(Row((inner, "Ada"), ", "), Loud()) == "TEA, Ada"
    assert spoken(Listed((inner, inner)), Loud()) == "tea and tea".upper().replace("AND", "and")


def test_what_is_a_sentence_already_stays_that_one():
    """An error may be given as one, and is said by whoever shows it, whatever it was given as."""
    many = say_many("{count} day", "{count} days", 3)
    assert say(many) is many
    assert spoken(say("Sign in"), GERMAN) == "Anmelden"


@pytest.mark.parametrize("hostile", ["{name}", "%(name)s", "{0.__class__}", "\\g<1>", "{"])
def test_what_is_put_in_is_never_read_as_a_pattern(hostile: str):
    """A client may be called anything."""
    sentence = say("Let {name} in?", name=hostile)
    assert sentence == f"Let {hostile} in?"
    assert spoken(sentence, GERMAN).count(hostile) == 1


def test_days_and_moments_are_named_as_a_language_does():
    assert Day(MOMENT) == "15 January 2027"
    assert Minute(MOMENT) == "15 January 2027, 08:00 UTC"
    assert spoken(Day(MOMENT), GERMAN) == "15. Januar 2027"
    assert spoken(Minute(MOMENT), GERMAN) == "15. Januar 2027, 08:00 UTC"


def test_lists_are_made_as_a_language_does():
    parts = ("a", "b", "c")
    assert Listed(parts) == "a, b and c"
    assert spoken(Listed(parts), GERMAN) == "a, b und c"
    assert Listed(("a",)) == "a"


def test_whoever_joins_sentences_gets_plain_text():
    """So what is joined must be a sentence itself, to be said in another language."""
    assert not isinstance(say("a") + say("b"), Sentence)


def test_sentences_are_kept_and_said_again_in_any_language():
    day = say("on a Sunday")
    many = say_many("{count} hour", "{count} hours", 3)
    sentences = (
        say("{near} of {total} sign-ins were {day} (UTC).", near=0, total=9, day=day),
        many,
    )
    again = said_again(kept(sentences))
    assert again == sentences
    assert spoken(again[0], GERMAN) == "0 von 9 Anmeldungen waren an einem Sonntag (UTC)."
    assert spoken(again[1], GERMAN) == "3 Stunden"


def test_what_is_kept_of_plain_text_is_no_pattern():
    hostile = "{name} {0} %s"
    (again,) = said_again(kept([say("Hello, {name}.", name=hostile)]))
    assert again == f"Hello, {hostile}."


@pytest.mark.parametrize("text", ["", "x", "[1]", "{}", '[["a"]]', "[]"])
def test_what_was_not_kept_is_not_said(text: str):
    assert said_again(text) == ()
