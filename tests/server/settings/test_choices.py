"""What a type leaves to choose from."""

from typing import Annotated, Literal

from counterfoil.server.settings.choices import choices_of, or_one_of, unsaid_of

Colour = Annotated[Literal["red", "blue"] | None, "of the sky"]


def test_the_words_are_found_wherever_they_stand():
    assert choices_of(Colour) == ("red", "blue")
    assert choices_of(tuple[Literal["red"], ...]) == ("red",)
    assert choices_of(Annotated[int, "of something"]) == ()


def test_a_refusal_ends_with_them():
    assert or_one_of(Colour) == "; there are red, blue"
    assert or_one_of(int) == ""


def test_what_names_them_all_is_left_as_it_is():
    assert unsaid_of(Colour, "Either `red` or `blue`.") == ""
    assert unsaid_of(Colour, "Not `red`.") == " One of `red`, `blue`."
    assert unsaid_of(int, "A number.") == ""
