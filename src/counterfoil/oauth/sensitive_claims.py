"""Claims that must not stand in a token that anyone can read who holds it (S69). Pure.

A signed token is not secret: the client, its logs and every proxy on the way can read it. What
tells of a person by more than a name of ours goes into tokens that only their API can read.
"""

from collections.abc import Iterable
from types import MappingProxyType
from typing import Final

SENSITIVE: Final = MappingProxyType(
    {
        "name": "the person's name",
        "given_name": "the person's name",
        "family_name": "the person's name",
        "middle_name": "the person's name",
        "nickname": "the person's name",
        "preferred_username": "the person's name",
        "profile": "an address of a page about the person",
        "picture": "an address of a picture of the person",
        "website": "an address of the person's own",
        "email": "the person's e-mail address",
        "email_verified": "something about the person's e-mail address",
        "gender": "the person's gender",
        "birthdate": "the person's date of birth",
        "address": "where the person lives",
        "phone_number": "the person's telephone number",
        "phone_number_verified": "something about the person's telephone number",
    }
)
"""The claims about a person of OpenID Connect Core §5.1, and what each tells."""


class Exposed(Exception):
    """A token that can be read would tell what is sensitive. The text says what to do."""


def demand_unreadable(claims: Iterable[str], marked: Iterable[str] = ()) -> None:
    """Demand that none of these claims, meant for a readable token, is sensitive.

    ``marked``: the names of further ones that an operator has marked.

    Raises:
        Exposed: one is.
    """
    also = frozenset(marked)
    for claim in claims:
        if claim in SENSITIVE or claim in also:
            told = SENSITIVE.get(claim, "what is marked as sensitive here")
            raise Exposed(
                f"The claim {claim} tells {told}, and whoever holds a signed token can read it: "
                "let the API's tokens be encrypted (encryption=true) or opaque "
                "(token_format=reference), or leave the claim out."
            )
