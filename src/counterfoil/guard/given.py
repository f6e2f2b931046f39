"""What a developer gave in place of something else: told at once, not at every request. Pure."""


def demand_several(given: object, what: str) -> None:
    """Demand that several were given as several: a text would be read letter by letter.

    Args:
        given: what should be a tuple of texts.
        what: how to call it in the error.

    Raises:
        ValueError: with what to write instead. It does not show the text: that may hold a password.
    """
    if isinstance(given, str):
        raise ValueError(f'{what} must be a tuple, such as ("this", "that"), and not a text')
