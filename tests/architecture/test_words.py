"""The catalogues are kept true by tools. `make words` brings them up to date."""

import ast
import re
from collections import Counter
from pathlib import Path
from typing import Literal, get_args, get_origin, get_type_hints

import pytest
from babel.messages.catalog import Catalog, Message
from jinja2 import Environment, nodes

from counterfoil.server.endpoints.api.users import NewPerson
from counterfoil.server.mail.words import CATALOGUE
from counterfoil.server.pages.tongues import catalogue_of
from counterfoil.server.records.language import ENGLISH, LANGUAGES
from counterfoil.server.settings import Settings
from scripts import words

MEND = "run `make words`, and give what it names words in the .po file"
OTHERS = [language for language in LANGUAGES if language != ENGLISH]
PLACES = re.compile(r"%\(\w+\)s|\{\w+\}")
MARKUP = re.compile(r"<[^<>]*>")
UNSEEN = '<span class="unseen">'
NAMES = {"Counterfoil"}
"""What is called so in every language."""
NOT_SHOWN = {"room", "body_class"}
"""Blocks of the layout that hold no text for people."""
ENVIRONMENT = Environment(extensions=["jinja2.ext.i18n"])
MARK = "\x01"
WORD = re.compile(r"[^\W\d_]{2}")
TAG = re.compile(r"<[a-z!/](?:[^<>\"]|\"[^\"]*\")*>|\x01")
SPOKEN_ATTRIBUTES = re.compile(r'\b(?:aria-label|title|alt|placeholder|data-[\w-]+)="([^"]*)"')


@pytest.fixture(scope="module")
def every() -> Catalog:
    return words.template()


def messages(catalogue: Catalog) -> list[Message]:
    return [each for each in catalogue if each.id]


def forms(text: object) -> tuple[str, ...]:
    return tuple(text) if isinstance(text, list | tuple) else (str(text),)


@pytest.mark.parametrize("language", OTHERS)
def test_every_sentence_has_words_and_none_is_left_over(language: str, every: Catalog):
    catalogue = words.read(language)
    said = {each.id: each for each in messages(every)}
    translated = {each.id: each for each in messages(catalogue)}
    assert set(said) - set(translated) == set(), MEND
    assert set(translated) - set(said) == set(), MEND
    assert [each.id for each in words.without_text(catalogue)] == [], MEND
    assert [each.id for each in messages(catalogue) if each.fuzzy] == [], MEND
    assert not catalogue.obsolete, MEND


@pytest.mark.parametrize("language", OTHERS)
def test_translations_keep_the_places_of_values_and_the_markup(language: str):
    """Nothing is lost in them, and no element comes in by them."""
    for each in messages(words.read(language)):
        one, many = forms(each.id)[0], forms(each.id)[-1]
        for number, text in enumerate(forms(each.string)):
            own = one if number == 0 else many
            assert Counter(PLACES.findall(text)) == Counter(PLACES.findall(own)), each.id
            assert Counter(MARKUP.findall(text)) == Counter(MARKUP.findall(own)), each.id
            bare = MARKUP.sub("", text)
            assert not set('<>"&') & set(bare), f"these are markup: {each.id!r}"
            assert bare.replace("%(", "").count("%") == 0, each.id
            assert text[:1].isspace() == one[:1].isspace(), each.id
            assert text[-1:].isspace() == one[-1:].isspace(), each.id


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_read_aloud_alone_stands_last(language: str):
    """In the middle it would glue together what stands beside it, for whoever sees the page."""
    for each in messages(words.read(language)):
        for text in (*forms(each.id), *forms(each.string)):
            assert UNSEEN not in text or text.endswith("</span>"), text


def test_letters_quote_what_stands_on_the_pages():
    """In the language of the letter: nobody finds a button by its name in another one."""
    german = {text for each in messages(words.read("de")) for text in forms(each.string)}
    letters = " ".join(
        text for each in CATALOGUE["de"].values() for text in (*each.before, *each.after)
    )
    quoted = re.findall("\u201e([^\u201c]+)\u201c", letters)
    assert quoted
    assert set(quoted) <= german


@pytest.mark.parametrize("name", sorted(words.SHOWN))
def test_no_error_that_people_read_is_put_together(name: str):
    """No catalogue knows what an f-string gives: ``say`` takes the values. Nor a variable."""
    tree = ast.parse((words.SERVER / name).read_text(encoding="utf-8"))
    calls = (each for each in ast.walk(tree) if isinstance(each, ast.Call))
    for call in calls:
        if getattr(call.func, "id", "") in words.ERRORS:
            made = [type(each) for given in call.args for each in ast.walk(given)]
            assert not {ast.JoinedStr, ast.BinOp} & set(made), f"line {call.lineno}"
            names = [each.id for each in call.args if isinstance(each, ast.Name)]
            assert names == [each for each in names if each.isupper()], f"line {call.lineno}"


def test_whatever_names_languages_names_all_of_them():
    """Types are written out; what they may be must be what there is."""
    for named in (NewPerson, Settings):
        hints = get_type_hints(named)
        (found,) = [each for name, each in hints.items() if name.endswith("language")]
        literal = found if get_origin(found) is Literal else get_args(found)[0]
        assert get_args(literal) == LANGUAGES


@pytest.mark.parametrize("language", OTHERS)
def test_a_catalogue_stands_as_the_tool_writes_it(language: str, every: Catalog, tmp_path):
    """Whoever runs `make words` changes nothing that they did not mean to."""
    path = tmp_path / "messages.po"
    before = catalogue_of(language).read_text(encoding="utf-8")
    path.write_text(before, encoding="utf-8")
    words.write(words.brought_up_to_date(words.read(language), every), path)
    assert path.read_text(encoding="utf-8") == before, MEND


@pytest.mark.parametrize("path", words.templates(), ids=lambda path: path.name)
def test_no_template_for_people_has_words_of_its_own(path: Path):
    """All text stands in `{% trans %}` or `_()`; between them is markup."""
    for text in untranslated(path.read_text(encoding="utf-8")):
        assert text.strip() in NAMES, f"{text!r} stands outside of trans and _()"


@pytest.mark.parametrize(
    "template",
    [
        "<p>Hello there</p>",
        '<p aria-label="Hello there"></p>',
        "<p>Hello {{ name }}</p>",
        '<p{% if a %} class="b"{% endif %}>Hello</p>',
        '{{ "Hello there" if a }}',
        '<input data-waiting="Hello">',
        "<p>{% trans %}Some{% endtrans %} Hello</p>",
    ],
)
def test_the_test_sees_words_in_a_template(template: str):
    """A test that cannot fail is worse than none."""
    assert any("Hello" in text for text in untranslated(template))


def untranslated(template: str) -> list[str]:
    """Give the words of a template that stand in no call of gettext."""
    markup = written(template)
    between = TAG.sub("\x00", markup).split("\x00")
    found = [*between, *SPOKEN_ATTRIBUTES.findall(markup), *constants(template)]
    return [text for text in found if WORD.search(text)]


def written(template: str) -> str:
    """Give the text of a template, with a mark where something is put in or called."""
    text, within = list[str](), ""
    tokens = list(ENVIRONMENT.lex(template))
    for number, (_, kind, value) in enumerate(tokens):
        if kind == "block_begin":
            names = [each[2] for each in tokens[number + 1 : number + 5] if each[1] == "name"]
            within = block(names, within)
            text.append(MARK)
        elif kind == "variable_begin":
            text.append(MARK)
        elif kind == "data" and not within:
            text.append(value)
    return "".join(text)


def block(names: list[str], within: str) -> str:
    """Say after a tag in which block the text is that is not looked at; "": it is looked at."""
    if within:
        return "" if names[0] == f"end{within}" else within
    if names[0] == "trans":
        return "trans"
    return "block" if names[0] == "block" and names[1] in NOT_SHOWN else ""


def constants(template: str) -> list[str]:
    """Give the texts that expressions show as they are."""
    found = list[str]()
    for output in ENVIRONMENT.parse(template).find_all(nodes.Output):
        given = [
            each
            for call in output.find_all((nodes.Call, nodes.Filter, nodes.Compare))
            for each in call.find_all(nodes.Const)
        ]
        called = set(map(id, given))
        consts = (each for each in output.find_all(nodes.Const) if id(each) not in called)
        found.extend(each.value for each in consts if isinstance(each.value, str))
    return [each for each in found if re.search(r"[A-Z ]", each)]
