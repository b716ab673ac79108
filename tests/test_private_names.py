"""No code of the project touches a private name of a third-party library: such names may change in any release."""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TREES = ("kcproxy", "devkit", "tools", "tests", "bench")
OWN = frozenset(TREES)
DOCUMENTED = frozenset({"os._exit"})
OF_NAMED_TUPLES = frozenset({"_replace"})
"""Documented methods; their underscore keeps them apart from the names of fields (library reference, collections.namedtuple)."""
"""Public in spite of its name: https://docs.python.org/3/library/os.html#os._exit"""
FILES = sorted(path for tree in TREES for path in (ROOT / tree).rglob("*.py"))


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.startswith("__") and name != "_"


def is_foreign(module: str) -> bool:
    package = module.partition(".")[0]
    return package not in OWN and package not in sys.stdlib_module_names


def private_names_defined_in(nodes: Iterable[ast.AST]) -> Iterator[str]:
    """Everything private that these nodes make: functions, classes, variables, attributes, slots, fields."""
    for node in nodes:
        match node:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Attribute(attr=name, ctx=ast.Store()) | ast.Name(id=name, ctx=ast.Store()):
                yield name
            case ast.Constant(value=str(name)):  # in __slots__ and namedtuples
                yield name


@dataclass(frozen=True)
class Source:
    path: Path
    tree: ast.Module

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """All nodes. Walking a tree costs more than everything else here."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def foreign(self) -> frozenset[str]:
        """Names that are imported from other projects, under the name that they have here."""
        names: set[str] = set()
        for node in self.nodes:
            if isinstance(node, ast.Import):
                names |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names if is_foreign(alias.name)}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level and is_foreign(node.module):
                names |= {alias.asname or alias.name for alias in node.names}
        return frozenset(names)


def source_of(path: Path) -> Source:
    return Source(path, ast.parse(path.read_text(encoding="utf-8")))


def violations(source: Source, own_names: frozenset[str]) -> Iterator[str]:
    yield from private_imports(source)
    yield from unknown_attributes(source, own_names)
    yield from inherited_attributes(source)


def private_imports(source: Source) -> Iterator[str]:
    for node in source.nodes:
        if isinstance(node, ast.ImportFrom) and node.module and not node.level and is_foreign(node.module):
            parts = [*node.module.split("."), *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            parts = [part for alias in node.names if is_foreign(alias.name) for part in alias.name.split(".")]
        else:
            continue
        yield from (f"{source.path}:{node.lineno}: imports {part}" for part in parts if is_private(part))


def unknown_attributes(source: Source, own_names: frozenset[str]) -> Iterator[str]:
    """A private attribute that no code of ours defines, or one of an imported name."""
    for node in source.nodes:
        if not (isinstance(node, ast.Attribute) and is_private(node.attr)) or ast.unparse(node) in DOCUMENTED:
            continue
        of_import = isinstance(node.value, ast.Name) and node.value.id in source.foreign
        if of_import or node.attr not in own_names | OF_NAMED_TUPLES:
            yield f"{source.path}:{node.lineno}: uses {ast.unparse(node)}"


def inherited_attributes(source: Source) -> Iterator[str]:
    """``self._name`` in a class with a foreign base, where the class does not define it."""
    for node in source.nodes:
        if not isinstance(node, ast.ClassDef) or not any(_root(base) in source.foreign for base in node.bases):
            continue
        defined = set(private_names_defined_in(ast.walk(node)))
        for inner in ast.walk(node):
            match inner:
                case ast.Attribute(value=ast.Name(id="self"), attr=name) if is_private(name) and name not in defined:
                    yield f"{source.path}:{inner.lineno}: uses self.{name} of {', '.join(ast.unparse(base) for base in node.bases)}"


def _root(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def test_no_private_name_of_a_library_is_used() -> None:
    sources = [source_of(path) for path in FILES]
    own_names = frozenset(name for source in sources for name in private_names_defined_in(source.nodes) if is_private(name))
    assert [line for source in sources for line in violations(source, own_names)] == []


@pytest.mark.parametrize(
    "code",
    [
        "from aiohttp._websocket import reader",
        "import aiohttp._websocket",
        "from aiohttp import web\nclass A(web.RequestHandler):\n    def f(self): return self._waiter",
        "import aiohttp\naiohttp._private()",
        "def f(session): return session._retry_connection_of_nobody",
    ],
)
def test_each_way_to_a_private_name_is_found(code: str) -> None:
    source = Source(Path("example.py"), ast.parse(code))
    own_names = frozenset(filter(is_private, private_names_defined_in(source.nodes))) | {"_waiter", "_private"}
    assert list(violations(source, own_names))
