"""The package's source as syntax trees: what the tests of walls and budgets read."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).resolve().parent.parent / "src" / "weightdecay"

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Source:
    """One file of the package.

    Attributes
    ----------
    path : where it lies under the package, for example ``decay/units.py``.
    text : what it holds.
    """

    path: PurePosixPath
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text, str(self.path))

    @property
    def folder(self) -> str:
        """The folder directly under the package; "" for the package's own files."""
        return self.path.parts[0] if len(self.path.parts) > 1 else ""

    def nodes(self) -> Iterator[ast.AST]:
        return ast.walk(self.tree)

    def calls(self) -> Iterator[ast.Call]:
        return (node for node in self.nodes() if isinstance(node, ast.Call))

    def functions(self) -> Iterator[Function]:
        return (node for node in self.nodes() if isinstance(node, Function))


@dataclass(frozen=True)
class Import:
    """One imported module: ``name`` is absolute and dotted."""

    line: int
    name: str


@cache
def package() -> tuple[Source, ...]:
    """Every Python file of the package, read once."""
    paths = sorted(ROOT.rglob("*.py"))
    return tuple(Source(PurePosixPath(path.relative_to(ROOT)), path.read_text(encoding="utf-8")) for path in paths)


def imports(source: Source) -> Iterator[Import]:
    """Every module that a file imports, wherever in the file, relative names resolved.

    ``from a import b`` counts as ``a.b`` because b may be a module: a wall looks at the first names only. So do the
    modules that ``import_module("a.b")`` names.
    """
    here = ("weightdecay", *source.path.with_suffix("").parts)
    for node in source.nodes():
        if isinstance(node, ast.Import):
            yield from (Import(node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            stem = [*here[: len(here) - node.level]] if node.level else []
            stem += node.module.split(".") if node.module else []
            yield from (Import(node.lineno, ".".join([*stem, alias.name])) for alias in node.names)
        elif isinstance(node, ast.Call) and called(node) in ("import_module", "importlib.import_module", "__import__"):
            first = node.args[0] if node.args else None
            if isinstance(first, ast.Constant):
                yield Import(node.lineno, str(first.value))


def called(call: ast.Call) -> str:
    """The dotted name that a call is written with; "" for anything but names and dots."""
    try:
        return dotted(call.func)
    except TypeError:
        return ""


def dotted(node: ast.expr) -> str:
    """``a.b.c`` of an expression made of names and dots alone."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}"
    raise TypeError("not a dotted name")
