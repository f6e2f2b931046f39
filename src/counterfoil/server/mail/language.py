"""In which language somebody is written to, of those that the catalogue has."""

from typing import Final

from counterfoil.server.mail.words import CATALOGUE, LANGUAGES

_MOST: Final = 20


def language_in(accepted: str) -> str:
    """Choose a language of ours by an ``Accept-Language`` header (RFC 9110 §12.5.4)."""
    best, weight = LANGUAGES[0], 0.0
    for each in accepted.split(",")[:_MOST]:
        name, _, parameter = each.partition(";")
        language = name.strip().lower().partition("-")[0]
        quality = _quality(parameter)
        if language in CATALOGUE and quality > weight:
            best, weight = language, quality
    return best


def _quality(parameter: str) -> float:
    name, _, value = parameter.strip().partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0
