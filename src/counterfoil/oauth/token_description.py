"""Descriptions of tokens to mint, as JSON: one object, or an array of them. Pure.

Whatever is wrong is named by its place (RFC 9535 §2.7), and all of it at once.
"""

import re
from collections.abc import Mapping
from itertools import chain, islice
from types import MappingProxyType
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import FieldInfo, fields, replace

from counterfoil.jose.errors import JoseError
from counterfoil.jose.strict_json import decode_value
from counterfoil.oauth.limits import Limits
from counterfoil.oauth.subject_identifier import SubjectIdentifier
from counterfoil.oauth.use_limit import MaxUses

MOST: Final = 2000
"""So many tokens may be described in one array."""
ROOT: Final = "$"
_NEITHER: Final = "The body is a JSON object, or an array of at least one."
_WHITE_SPACE: Final = b" \t\r\n"
_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_MOST_MISTAKES: Final = 20
"""Named of one description. Others are seen once these are mended."""
_LONGEST_SENTENCE: Final = 300
_SHOWN: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")
_UNSAYABLE: Final = re.compile(r"[^ -~]+")
_QUOTES: Final = str.maketrans('"\\`', "'''")
_PLACE: Final = re.compile(r"(?P<said>.*?)(?: - at `(?:key in )?\$(?P<place>[^`]*)`)?", re.DOTALL)
_Text = Annotated[str, Meta(min_length=1, max_length=4096)]
_Thumbprint = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$")]


class Description(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One token to mint: for which API, with which ``scope``, for how many seconds.

    Without ``subject`` it is for the client itself; a person is named as RFC 9493 says. Without
    ``lifetime`` it lives as long as any token there. ``url``, ``url_methods`` and
    ``url_hashed`` bind it to a URL, ``dpop_jkt`` to the key with this thumbprint (RFC 9449 §10).
    ``max_uses``: so often it works; ``authorization_details``: what it may do at most.
    Claims are named nowhere: what is registered is the server's to say.
    """

    audience: _Text
    scope: _Text
    subject: SubjectIdentifier | None = None
    lifetime: Annotated[int, Meta(ge=1, le=2**53)] | None = None
    url: _Text | None = None
    url_methods: Annotated[tuple[_Text, ...], Meta(min_length=1, max_length=16)] | None = None
    url_hashed: bool = False
    dpop_jkt: _Thumbprint | None = None
    max_uses: MaxUses | None = None
    authorization_details: Limits | None = None


class Mistake(Struct, frozen=True):
    """What is wrong, and where: ``path`` begins with ``$``, ``error`` is a code for the wire."""

    path: str
    error: str
    error_description: str

    def below(self, path: str) -> "Mistake":
        """Give the same mistake of a description that stands at ``path``."""
        return replace(self, path=path + self.path.removeprefix(ROOT))


class Batch(Struct, frozen=True):
    """The texts of a body in their order, and the value of each: what stands in it twice is the
    same text, and read once. ``is_array``: it came as one."""

    texts: list[bytes]
    values: Mapping[bytes, object]
    is_array: bool

    def path(self, place: int) -> str:
        """Say where a text stands in the body."""
        return f"{ROOT}[{place}]" if self.is_array else ROOT


class NotDescribed(Exception):
    """The body describes nothing. ``mistake`` says why."""

    def __init__(self, says: str) -> None:
        super().__init__(says)
        self.mistake = mistake(ROOT, says)


def mistake(path: str, says: str, error: str = "invalid_request") -> Mistake:
    """Say what is wrong; of a stranger's text only what may stand in an error (RFC 6749 §5.2)."""
    said = _UNSAYABLE.sub("", says[:_LONGEST_SENTENCE]).translate(_QUOTES)
    return Mistake(path, error, said)


def batch_in(body: bytes) -> Batch:
    """Read a body as strict JSON: one object, or an array of at most ``MOST`` values.

    Raises:
        NotDescribed: it is something else, gives a name twice, is nested too deep, or is empty.
    """
    if not body.lstrip(_WHITE_SPACE).startswith(b"["):
        value = _value_in(body)
        if not isinstance(value, dict):
            raise NotDescribed(_NEITHER)
        return Batch([body], {body: value}, is_array=False)
    found = _every_in(body)
    if not found:
        raise NotDescribed(_NEITHER)
    if len(found) > MOST:
        raise NotDescribed(f"The array has {len(found)} entries; at most {MOST} are taken at once.")
    texts = list(map(bytes, found))
    return Batch(texts, {text: _value_in(text) for text in dict.fromkeys(texts)}, is_array=True)


def _every_in(body: bytes) -> list[msgspec.Raw]:
    try:
        return _ARRAY.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise NotDescribed("The JSON is not well formed.") from None


def _value_in(text: bytes) -> object:
    try:
        return decode_value(text)
    except JoseError as error:
        raise NotDescribed(str(error)) from None


def description_in(value: object) -> Description | tuple[Mistake, ...]:
    """Read one description; or name all that is wrong with it, as if it stood at the root."""
    try:
        return msgspec.convert(value, Description)
    except msgspec.ValidationError:
        return _mistakes(value)


_FIELDS: Final[Mapping[str, FieldInfo]] = MappingProxyType(
    {field.encode_name: field for field in fields(Description)}
)


_NO_MEMBER: Final = f"A description has no such member; it may have {', '.join(_FIELDS)}."
_CODES: Final = MappingProxyType({"authorization_details": "invalid_authorization_details"})
"""What is said on the wire of a member that is wrong, where it has a word of its own."""


def _mistakes(value: object) -> tuple[Mistake, ...]:
    if not isinstance(value, dict):
        return (mistake(ROOT, "A token is described by an object."),)
    missing = [
        mistake(f"{ROOT}.{name}", "This is missing.")
        for name, field in _FIELDS.items()
        if field.required and name not in value
    ]
    found = (_mistake_of(name, given) for name, given in value.items())
    every = chain(missing, (each for each in found if each is not None))
    return tuple(islice(every, _MOST_MISTAKES))


def _mistake_of(name: str, given: Any) -> Mistake | None:
    field = _FIELDS.get(name)
    if field is None:
        place = f"{ROOT}.{name}" if _SHOWN.fullmatch(name) else ROOT
        return mistake(place, _NO_MEMBER)
    try:
        msgspec.convert(given, field.type)
    except msgspec.ValidationError as error:
        parts = _PLACE.fullmatch(str(error))
        said, place = (parts["said"], parts["place"] or "") if parts else (str(error), "")
        code = _CODES.get(name, "invalid_request")
        return mistake(f"{ROOT}.{name}{place}", f"{said}.", code)
    return None
