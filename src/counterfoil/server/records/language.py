"""The languages of pages and letters, and the choice among them."""

import re
from typing import Final

ENGLISH: Final = "en"
LANGUAGES: Final = (ENGLISH, "de")
"""By their tags (RFC 5646). Each but the first has a catalogue."""
_MOST: Final = 20
_QUALITY: Final = re.compile(r"q=(0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?)", re.IGNORECASE)


def language_among(tags: str) -> str:
    """Choose by tags in order of preference (OpenID Connect Core §3.1.2.1); "" where none fits."""
    for tag in tags.split(" ")[:_MOST]:
        language = _primary(tag)
        if language in LANGUAGES:
            return language
    return ""


def language_in(accepted: str) -> str:
    """Choose by an ``Accept-Language`` header (RFC 9110 §12.5.4); "" where none of ours fits."""
    best, weight = "", 0.0
    for each in accepted.split(",", _MOST)[:_MOST]:
        tag, _, parameter = each.partition(";")
        language, quality = _primary(tag), _quality(parameter)
        if language in LANGUAGES and quality > weight:
            best, weight = language, quality
    return best


def _primary(tag: str) -> str:
    return tag.strip(" \t").lower().partition("-")[0]


def _quality(parameter: str) -> float:
    if not parameter.strip(" \t"):
        return 1.0
    found = _QUALITY.fullmatch(parameter.strip(" \t"))
    return float(found[1]) if found else 0.0
