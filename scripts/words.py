"""Brings the catalogues of the pages up to date: `make words`.

What people read is found in the templates, in the calls of `say` and `say_many`, and in tables of
lower floors. What is new stands in the catalogue without a translation; what nobody says any more
leaves it.
"""

import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

from babel.messages.catalog import Catalog, Message
from babel.messages.extract import extract_from_file
from babel.messages.pofile import read_po, write_po

from counterfoil.server.pages.activity_words import SENTENCES
from counterfoil.server.pages.ending import ENDED
from counterfoil.server.pages.explain import CHECKS
from counterfoil.server.pages.tokens import SPANS_OF_TIME
from counterfoil.server.pages.tongues import catalogue_of
from counterfoil.server.pages.wording import AGO
from counterfoil.server.protocol.consequences import CONSEQUENCES, Cause
from counterfoil.server.protocol.explaining.history import WHY
from counterfoil.server.protocol.foreseeing import REMEMBERED, SESSIONS_OF_APPS
from counterfoil.server.records.language import ENGLISH, LANGUAGES

ROOT = Path(__file__).parents[1]
SERVER = ROOT / "src" / "counterfoil" / "server"
KEYWORDS = {"say": None, "say_many": (1, 2)}
IN_TEMPLATES = {"_": None, "gettext": None, "ngettext": (1, 2)}
ERRORS = {"OAuthError": (2,), "invalid_request": (1,)}
SHOWN = {
    "identity/linking.py",
    "pages/ending.py",
    "pages/language.py",
    "pages/not_me.py",
    "pages/passkeys.py",
    "pages/second_factor.py",
    "protocol/account_deletion.py",
    "protocol/pending.py",
    "protocol/profile.py",
    "protocol/personal_tokens.py",
    "web/admission.py",
    "web/csrf.py",
    "web/refusal.py",
}
"""Modules whose errors people read. All others speak to the makers of an app: in English."""
OF_PEOPLE = (
    Cause.EMAIL_CHANGED,
    Cause.EMAIL_RESTORED,
    Cause.INTRUSION_REPORTED,
    Cause.MAILED_CODES_ADDED,
    Cause.MAILED_CODES_REMOVED,
    Cause.PASSKEY_LOST,
    Cause.PASSWORD_CHANGED,
    Cause.PASSWORD_RESET,
    Cause.SECOND_FACTOR_ADDED,
    Cause.SECOND_FACTOR_REMOVED,
    Cause.USER_DELETED,
)
"""Changes that people make themselves, and are told before what ends with them."""
TABLES = {
    "pages/activity_words.py": tuple(SENTENCES.values()),
    "pages/ending.py": ENDED,
    "pages/explain.py": CHECKS,
    "pages/tokens.py": tuple(forms for _, forms in SPANS_OF_TIME),
    "pages/wording.py": tuple(forms for _, forms in AGO),
    "protocol/consequences.py": tuple(CONSEQUENCES[each].sentence for each in OF_PEOPLE),
    "protocol/explaining/history.py": tuple(WHY.values()),
    "protocol/foreseeing.py": (SESSIONS_OF_APPS, REMEMBERED),
}
NOT_FOR_PEOPLE = ("admin", "caught_mail")
"""Templates that begin with these are for those who run the server: they are in English."""
WIDTH = 100


def templates() -> list[Path]:
    """Give the templates of the pages that people read."""
    every = (SERVER / "pages" / "templates").glob("*.html")
    return sorted(path for path in every if not path.name.startswith(NOT_FOR_PEOPLE))


Said = tuple[str | tuple[str, ...], str]


def said() -> Iterator[Said]:
    """Give each sentence (or its two forms, for one and for many), and the file that says it."""
    for path in templates():
        yield from _in_file("jinja2.ext:babel_extract", path, IN_TEMPLATES)
    for path in sorted(SERVER.rglob("*.py")):
        keywords = KEYWORDS | ERRORS if path.relative_to(SERVER).as_posix() in SHOWN else KEYWORDS
        yield from _in_file("python", path, keywords)
    for name, sentences in TABLES.items():
        yield from ((sentence, f"src/counterfoil/server/{name}") for sentence in sentences)


def _in_file(
    method: str, path: Path, keywords: object
) -> Iterator[tuple[str | tuple[str, ...], str]]:
    options = {"encoding": "utf-8", "silent": "false"}
    found = extract_from_file(method, path, keywords=keywords, options=options)
    where = str(path.relative_to(ROOT))
    yield from ((sentence, where) for _, sentence, _, _ in found)


def template() -> Catalog:
    """Give a catalogue of all that is said, without translations."""
    catalogue = Catalog()
    for sentence, where in said():
        catalogue.add(sentence, locations=[(where, 0)])
    return catalogue


def read(language: str) -> Catalog:
    """Give the catalogue of a language as it stands."""
    with catalogue_of(language).open("rb") as file:
        return read_po(file, locale=language)


def brought_up_to_date(catalogue: Catalog, every: Catalog) -> Catalog:
    """Give a catalogue with exactly what is said, and what of it was translated."""
    fresh = Catalog(locale=catalogue.locale)
    for message in every:
        if message.id:
            known = catalogue.get(message.id)
            same = known is not None and known.id == message.id and not known.fuzzy
            fresh.add(message.id, known.string if known and same else None, message.locations)
    return fresh


def write(catalogue: Catalog, path: Path) -> None:
    """Write a catalogue below its own head: sorted, without dates and lines.

    So the file changes where words do, and the glossary in the head stays as it is.
    """
    head = path.read_text(encoding="utf-8").partition("\n\n")[0]
    body = BytesIO()
    write_po(body, catalogue, width=WIDTH, omit_header=True, include_lineno=False, sort_output=True)
    path.write_text(f"{head}\n\n{body.getvalue().decode().strip()}\n", encoding="utf-8")


def without_text(catalogue: Catalog) -> list[Message]:
    """Give what a catalogue has no words for."""
    return [
        each
        for each in catalogue
        if each.id and not all(each.string if each.pluralizable else (each.string,))
    ]


def main() -> int:
    every = template()
    missing = 0
    for language in LANGUAGES:
        if language != ENGLISH:
            path = catalogue_of(language)
            fresh = brought_up_to_date(read(language), every)
            write(fresh, path)
            lacking = without_text(fresh)
            missing += len(lacking)
            print(f"{path.relative_to(ROOT)}: {len(fresh)} sentences, {len(lacking)} without words")
            for each in lacking:
                print(f"  {each.id!r}")
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
