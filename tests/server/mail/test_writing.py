"""A letter becomes a message in the reader's language; nothing from outside becomes a header."""

from email.policy import SMTP

import pytest
from msgspec.structs import replace

from counterfoil.server.mail.courier import Undeliverable
from counterfoil.server.mail.words import CATALOGUE
from counterfoil.server.mail.writing import Writer, address_in, sender_in
from counterfoil.server.records.letter import Letter, LetterKind

LINK = "https://id.example/new-password?token=cfal_x-1&a=<b>"
LETTER = Letter(
    id="letter-1",
    kind=LetterKind.NEW_PASSWORD,
    to="ada@example.com",
    language="en",
    written_at=1_800_000_000,
    values={"link": LINK, "minutes": "60", "days": "7", "left": "9"},
)
ERRANDS = {
    LetterKind.RECOVERY_ASKED,
    LetterKind.REGISTRATION_ASKED,
    LetterKind.EMAIL_CHANGE_ASKED,
}
ERRANDS = {LetterKind.RECOVERY_ASKED, LetterKind.REGISTRATION_ASKED, LetterKind.EMAIL_CHANGE_ASKED}
"""What waits among the letters and is none."""
VALUES = {
    "code": "1234 5678",
    "device": "Firefox, Linux",
    "where": "192.0.2.7",
    "other": "198.51.100.7",
    "app": "Notes",
    "provider": "Google",
    "link": LINK,
    "minutes": "60",
    "days": "7",
    "left": "9",
}
WRITER = Writer("https://id.example:8443/login", "Counterfoil <no-reply@id.example>")


def parts(letter: Letter) -> tuple[str, str]:
    message = WRITER.write(letter)
    plain, page = message.get_body(("plain",)), message.get_body(("html",))
    assert plain is not None
    assert page is not None
    return plain.get_content(), page.get_content()


def test_it_has_two_parts_with_the_same_link():
    plain, page = parts(LETTER)
    assert f"\n{LINK}\n" in plain
    assert 'href="https://id.example/new-password?token=cfal_x-1&amp;a=&lt;b&gt;"' in page
    assert "within 60 minutes" in plain
    assert "within 60 minutes" in page


def test_it_says_whose_it_is_and_is_the_same_whenever_it_is_written():
    message = WRITER.write(LETTER)
    assert str(message["From"]) == "Counterfoil <no-reply@id.example>"
    assert str(message["Date"]) == "Fri, 15 Jan 2027 08:00:00 +0000"
    assert message["Message-ID"] == "<letter-1@id.example>"
    assert message["Auto-Submitted"] == "auto-generated"
    assert "Message-ID: <letter-1@id.example>" in message.as_string()


def test_nothing_is_loaded_when_it_is_read():
    """No picture, no style sheet and no script tells anybody that a mail was opened."""
    _, page = parts(LETTER)
    for word in ("src=", "<img", "<link", "<script", "url(", "@import"):
        assert word not in page


def test_each_language_says_all_of_it():
    first, *others = CATALOGUE.values()
    assert set(first) == set(LetterKind) - ERRANDS
    for other in others:
        assert set(other) == set(first)
        for kind, words in other.items():
            same = first[kind]
            assert words.subject != same.subject
            assert len(words.before) == len(same.before)
            assert len(words.after) == len(same.after)
            assert bool(words.button) == bool(same.button)


@pytest.mark.parametrize("language", sorted(CATALOGUE))
@pytest.mark.parametrize("kind", sorted(set(LetterKind) - ERRANDS))
def test_each_letter_can_be_written(language: str, kind: LetterKind):
    plain, page = parts(replace(LETTER, language=language, kind=kind, values=VALUES))
    assert "{" not in plain
    assert f'<html lang="{language}">' in page


def test_a_language_that_is_not_there_is_english():
    assert parts(replace(LETTER, language="")) == parts(LETTER)


@pytest.mark.parametrize(
    "address",
    [
        "ada@example.com\nBcc: everyone@example.com",
        "ada@example.com\r\nBcc: everyone@example.com",
        "ada@example.com\u2028Bcc: x@example.com",
        "ada@example.com\x85Bcc:x@example.com",
        "ada@example.com, everyone@example.com",
        "Ada <ada@example.com>",
        '"ada"@example.com',
        "ada@evil.example@example.com",
        "ada@example.com\x00",
        "ada@\u202eexample.com",
        "ada example@example.com",
        "ada@",
        "@example.com",
        "",
        "a" * 65 + "@example.com",
    ],
)
def test_what_is_no_single_address_is_none(address: str):
    with pytest.raises(Undeliverable):
        address_in(address)
    with pytest.raises(Undeliverable):
        WRITER.write(replace(LETTER, to=address))


def test_a_domain_in_another_script_is_spelled_as_the_wire_has_it():
    for domain in ("bücher.example", "BÜCHER.example"):
        assert address_in(f"ada@{domain}").addr_spec == "ada@xn--bcher-kva.example"


@pytest.mark.parametrize(
    ("domain", "spelled"),
    [("faß.example", "xn--fa-hia.example"), ("βόλος.example", "xn--nxasmm1c.example")],
)
def test_a_letter_never_goes_to_a_domain_that_only_looks_the_same(domain: str, spelled: str):
    """By the rules before RFC 5891 it went to ``fass.example``, with a link in it."""
    assert address_in(f"ada@{domain}").addr_spec == f"ada@{spelled}"


@pytest.mark.parametrize("domain", ["\uff45xample.com", "a\u3002example", "\u2490.example"])
def test_a_domain_that_would_be_read_as_another_is_refused(domain: str):
    with pytest.raises(Undeliverable):
        address_in(f"ada@{domain}")


@pytest.mark.parametrize("sender", ["Counter\nfoil <id@id.example>", "Counterfoil", "a@b <c>"])
def test_a_sender_that_cannot_be_one_is_refused(sender: str):
    with pytest.raises(Undeliverable):
        sender_in(sender)


@pytest.mark.parametrize("value", ["x\r\nBcc: everyone@example.com", "<img src=x>", "\u202e"])
def test_a_value_stays_in_its_place(value: str):
    """However it came there: it is text of the body, and HTML escapes it."""
    message = WRITER.write(replace(LETTER, values={"link": value, "minutes": value}))
    head, _, _ = message.as_bytes(policy=SMTP).partition(b"\r\n\r\n")
    assert b"bcc" not in head.lower()
    _, page = parts(replace(LETTER, values={"link": value, "minutes": value}))
    assert "<img" not in page
