"""Files and functions stay small enough to be read in one look, and have names that say what."""

import ast

import pytest

from tests.architecture.sources import ROOT, SOURCE, Function, functions, modules

LINES_OF_A_FILE = 350
LINES_OF_A_FUNCTION = 40  # without its docstring
PARAMETERS = 5  # without self; a command's options in cli/ are not counted
DRAWERS = {"base", "common", "helper", "helpers", "manager", "misc", "shared", "util", "utils"}


def test_no_file_is_long():
    sizes = {name: len(text.splitlines()) for name, text in modules()}
    assert sizes, "no sources found"
    assert {name: size for name, size in sizes.items() if size > LINES_OF_A_FILE} == {}


def test_no_function_is_long():
    long = {
        f"{name}:{function.name}": length_of(function)
        for name, text in modules()
        for function in functions(text)
        if length_of(function) > LINES_OF_A_FUNCTION
    }
    assert long == {}


def test_no_function_takes_many_parameters():
    many = {
        f"{name}:{function.name}": number_of_parameters(function)
        for name, text in modules()
        if "/cli/" not in name
        for function in functions(text)
        if number_of_parameters(function) > PARAMETERS
    }
    assert many == {}


def test_no_file_is_a_drawer():
    """Where there is a drawer, nobody can say what belongs in it, and so everything does."""
    drawers = [
        str(path.relative_to(ROOT))
        for path in SOURCE.rglob("*")
        if DRAWERS & set(path.stem.lower().split("_"))
    ]
    assert drawers == []


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("def f(self, a, b): pass", 2),
        ("def f(a, /, b, *, c): pass", 3),
        ("async def f(*a, **b): pass", 2),
    ],
)
def test_parameters_are_counted_without_self(source: str, expected: int):
    assert [number_of_parameters(function) for function in functions(source)] == [expected]


def test_a_docstring_is_no_length():
    source = 'def f():\n    """One.\n\n    Two.\n    """\n    return 1\n'
    assert [length_of(function) for function in functions(source)] == [2]


def number_of_parameters(function: Function) -> int:
    given = function.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    rest = [each for each in (given.vararg, given.kwarg) if each]
    return len([each for each in named if each.arg not in {"self", "cls"}]) + len(rest)


def length_of(function: Function) -> int:
    length = (function.end_lineno or function.lineno) - function.lineno + 1
    if ast.get_docstring(function) is not None:
        docstring = function.body[0]
        length -= (docstring.end_lineno or docstring.lineno) - docstring.lineno + 1
    return length
