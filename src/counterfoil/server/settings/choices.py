"""What a type leaves to choose from, for whoever chose something else."""

from typing import Literal, get_args, get_origin


def choices_of(wanted: object) -> tuple[str, ...]:
    """Give the words of a ``Literal``, however it is annotated; none where it is something else."""
    if get_origin(wanted) is Literal:
        return get_args(wanted)
    return tuple(word for part in get_args(wanted) for word in choices_of(part))


def or_one_of(wanted: object) -> str:
    """Give what a refusal ends with: the words that there are, where they are words."""
    choices = choices_of(wanted)
    return f"; there are {', '.join(choices)}" if choices else ""


def unsaid_of(wanted: object, said: str) -> str:
    """Give the sentence that follows ``said``: which words there are, unless it names them all."""
    spelled = [f"`{word}`" for word in choices_of(wanted)]
    return "" if all(word in said for word in spelled) else f" One of {', '.join(spelled)}."
