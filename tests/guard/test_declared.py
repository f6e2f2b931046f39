"""What routes declare, and which paths are open."""

from functools import partial, wraps

import pytest

from counterfoil.guard.declared import (
    OPEN,
    Declared,
    OpenPaths,
    Route,
    Undeclared,
    declare,
    declare_open,
    declared_of,
    deny_undeclared,
    name_of,
)
from counterfoil.guard.demands import demands_of
from counterfoil.guard.token import Rejected
from counterfoil.oauth.reasons import Reason

PATHS = OpenPaths().with_further(["/health", "/", "/static/"])


def view() -> None:
    """Declares nothing."""


@pytest.mark.parametrize("path", ["/health", "/", "/static/", "/static/a.css", "/static/a/b;c"])
def test_what_was_opened_is_open(path: str):
    assert PATHS.has(path)


@pytest.mark.parametrize(
    "path",
    [
        "/health/",
        "/Health",
        "/health;x",
        "/static",
        "/staticx",
        "/static/../notes",
        "/static//notes",
        "/static/..\\notes",
        "//static/",
        "/x/static/",
        "",
        "/notes",
    ],
)
def test_nothing_near_it_is(path: str):
    assert not PATHS.has(path)


@pytest.mark.parametrize(
    ("template", "covered"),
    [
        ("/health", True),
        ("/static/<path:file>", True),
        ("/static/css/{file}", True),
        ("/health{x}", False),
        ("/{anything}", False),
        ("/static{rest:path}", False),
        ("/static", False),
        ("/", True),
    ],
)
def test_a_template_is_covered_where_all_that_it_matches_is_open(template: str, covered: bool):
    assert PATHS.covers(template) is covered


def test_where_nothing_is_open_no_template_is_covered():
    assert not OpenPaths().covers("/{path}")
    assert not OpenPaths().has("/")


@pytest.mark.parametrize("path", ["health", "/a/../b", "/a//b", "/a%2fb", "/a\\b", "/a?b", ""])
def test_what_is_no_path_cannot_be_opened(path: str):
    with pytest.raises(ValueError, match="no path to open"):
        OpenPaths().with_further([path])


def test_a_view_declares_also_through_what_wraps_it():
    declared = declare(lambda: None, Declared(demands_of("a")))

    @wraps(declared)
    def wrapped() -> None:
        declared()

    assert declared_of(wrapped) == declared_of(partial(declared)) == Declared(demands_of("a"))
    assert declared_of(view) is None


def test_a_class_declares_for_itself_alone():
    """What inherits from an open class may do something else."""

    class Health:
        pass

    declare_open(Health)

    class Admin(Health):
        pass

    assert declared_of(Health) is OPEN
    assert declared_of(Admin) is None


def test_what_is_guarded_cannot_be_open_too():
    guarded = declare(lambda: None, Declared(demands_of("a")))
    with pytest.raises(TypeError, match="declares already"):
        declare_open(guarded)
    with pytest.raises(TypeError, match="without parentheses"):
        declare_open("/health")


def test_the_error_says_what_to_write():
    routes = [Route("/notes", name_of(view)), Route("/static/<path:file>", "x.static")]
    said = str(Undeclared(routes, '@guarded("a scope")  above the view'))
    assert "2 of this app's routes" in said
    assert f"/notes ({__name__}.view)" in said
    assert '@guarded("a scope")' in said
    assert 'guarded.open_paths("/notes", "/static/")' in said


def test_what_lies_below_an_opening_is_not_named_beside_it():
    """An admin of fifty pages is opened by one path."""
    templates = ("/", "/admin/", "/admin/login/", "/admin/user/<id>", "/administration")
    said = str(Undeclared([Route(each, "x") for each in templates], "how"))
    assert said.endswith('guarded.open_paths("/", "/admin/", "/administration")')


def test_a_view_with_arguments_of_its_own_is_named_by_what_it_calls():
    """What a developer is told must be found in his code."""
    assert name_of(partial(partial(view, 1), 2)) == f"{__name__}.view"


def test_a_path_that_could_be_read_as_open_and_as_another_is_refused_and_no_mistake():
    """A stranger wrote it: he hears that a token is missing, and nobody is told of a mistake."""
    route = Route("/static/<path:file>", "x.static")
    deny_undeclared(route, "/static/a.css", PATHS, "how")
    with pytest.raises(Rejected) as refused:
        deny_undeclared(route, "/static/../notes", PATHS, "how")
    assert refused.value.reason is Reason.MISSING
    with pytest.raises(Undeclared):
        deny_undeclared(route, "/notes", PATHS, "how")
