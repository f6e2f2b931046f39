"""No module holds state: everything hangs on objects that the assembly builds.

So one process can host several issuers, and no test patches anything. What a module may bind are
functions, classes, types, and tables: UPPER_CASE names for values that cannot change, that their
annotation forbids to change (`Mapping`, `Sequence`, `AbstractSet`; mypy enforces it), or that are
filled where they stand and marked `Final`. An empty container is no table: it waits to be filled.
"""

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.sources import modules

CONTAINERS = {"Counter", "OrderedDict", "bytearray", "defaultdict", "deque", "dict", "list", "set"}
HOLDERS = {"ContextVar", "Lock", "RLock", "local", "WeakKeyDictionary", "WeakValueDictionary"}
CACHES = {"cache", "lru_cache", "cached"}
DECLARATIONS = {"NewType", "ParamSpec", "TypeVar", "TypeVarTuple", "getLogger"}
READ_ONLY = {"AbstractSet", "Mapping", "Sequence", "frozenset", "tuple"}
DISPLAYS = (ast.Dict, ast.DictComp, ast.List, ast.ListComp, ast.Set, ast.SetComp)


def test_no_module_holds_state():
    found = [f"{name}:{place}" for name, text in modules() for place in state_in(text)]
    assert found == []


@pytest.mark.parametrize(
    "source",
    [
        "seen = []",
        "SEEN = {}",
        "SEEN: dict[str, int] = {}",
        "SEEN: Final = {}",
        "SEEN: Final = dict()",
        "seen: Final = {'a': 1}",
        "store = Store()",
        "SEEN = defaultdict(list)",
        "LOCK = threading.Lock()",
        "if True:\n    seen = set()",
        "def f():\n    global seen",
        "@functools.lru_cache\ndef f(): ...",
        "@cache\ndef f(): ...",
    ],
)
def test_state_is_found(source: str):
    assert list(state_in(source))


@pytest.mark.parametrize(
    "source",
    [
        "__all__ = ['a']",
        "NAMES = ('a', 'b')",
        "NAMES = frozenset({'a'})",
        "TABLE = MappingProxyType({'a': 1})",
        "TABLE: Final[Mapping[str, int]] = {'a': 1}",
        "TABLE: Final = {'a': 1}",
        "Names = dict[str, int]",
        "logger = logging.getLogger(__name__)",
        "T = TypeVar('T')",
        "class A:\n    @functools.cached_property\n    def b(self): ...",
        "def f():\n    seen = []",
    ],
)
def test_what_cannot_change_is_no_state(source: str):
    assert list(state_in(source)) == []


def state_in(text: str) -> Iterator[str]:
    tree = ast.parse(text)
    for statement in statements_of(tree.body):
        if isinstance(statement, ast.Assign | ast.AnnAssign) and may_change(statement):
            yield f"{statement.lineno}: {ast.unparse(statement)[:80]}"
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield f"{node.lineno}: global {', '.join(node.names)}"
        elif (
            isinstance(node, ast.FunctionDef)
            and {last(each) for each in node.decorator_list} & CACHES
        ):
            yield f"{node.lineno}: {node.name} remembers its answers for the life of the process"


def statements_of(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The module's own statements, those under `if`, `try` and `with` included."""
    for statement in body:
        yield statement
        if isinstance(statement, ast.If | ast.Try | ast.With | ast.For):
            for branch in ("body", "orelse", "finalbody"):
                yield from statements_of(getattr(statement, branch, []))


def may_change(statement: ast.Assign | ast.AnnAssign) -> bool:
    targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
    names = [
        node.id for target in targets for node in ast.walk(target) if isinstance(node, ast.Name)
    ]
    if names == ["__all__"] or statement.value is None:
        return False
    constant = all(name.strip("_").isupper() for name in names)
    if isinstance(statement.value, ast.Call):
        maker = last(statement.value)
        if maker in DECLARATIONS:
            return False
        if maker not in CONTAINERS | HOLDERS:
            return not constant
    elif not isinstance(statement.value, DISPLAYS):
        return False
    return not (constant and is_read_only(statement))


def is_read_only(statement: ast.Assign | ast.AnnAssign) -> bool:
    if not isinstance(statement, ast.AnnAssign):
        return False
    annotation = statement.annotation
    if last(annotation) == "Final":
        if isinstance(statement.value, DISPLAYS) and is_filled(statement.value):
            return True
        annotation = annotation.slice if isinstance(annotation, ast.Subscript) else annotation
    return last(annotation) in READ_ONLY


def is_filled(display: ast.expr) -> bool:
    match display:
        case ast.Dict(keys=entries) | ast.List(elts=entries) | ast.Set(elts=entries):
            return bool(entries)
    return True


def last(node: ast.AST) -> str:
    """The last part of a dotted name, whatever is called or subscripted: `a.b(c)` is `b`."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
        case ast.Call(func=inner) | ast.Subscript(value=inner):
            return last(inner)
    return ""
