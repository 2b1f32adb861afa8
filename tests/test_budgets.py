"""How large a file and a function may be, what they must say, and the words they may not use (CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

import pytest

from source_trees import Function, Source, called, package

FILE_LINES = 400
BODY_LINES = 50
POSITIONAL_ARGUMENTS = 6
VAGUE = {"util", "utils", "misc", "helper", "helpers", "common", "base", "core", "tool", "tools"}

# What other tools call their strength: the unit changes from tool to tool, so inside there is one word, decay.
FOREIGN_WORDS = {"alpha", "alphas", "lambda", "lambdas", "l2", "reg"}
FOREIGN_ARGUMENTS = {"C"}  # as a matrix in a kernel it is a good name
SPEAKS_FOREIGN = {"decay/units.py"}
# File -> functions whose signature must mirror another tool's.
MIRRORS: dict[str, set[str]] = {}

Rule = Callable[[Source], Iterator[str]]


def file_length(source: Source) -> Iterator[str]:
    count = len(source.text.splitlines())
    if count > FILE_LINES:
        yield f"{source.path}: {count} lines (budget {FILE_LINES}); which part is a noun of its own?"


def body_length(source: Source) -> Iterator[str]:
    for function in source.functions():
        body = function.body[1:] if ast.get_docstring(function, clean=False) is not None else function.body
        count = (function.end_lineno or 0) - body[0].lineno + 1 if body else 0
        if count > BODY_LINES:
            yield f"{source.path}:{function.lineno} {function.name}: a body of {count} lines (budget {BODY_LINES})"


def positional_arguments(source: Source) -> Iterator[str]:
    for function in source.functions():
        count = len(function.args.posonlyargs) + len(function.args.args)
        if count > POSITIONAL_ARGUMENTS:
            yield (
                f"{source.path}:{function.lineno} {function.name}: {count} positional arguments "
                f"(budget {POSITIONAL_ARGUMENTS}); keyword-only beyond"
            )


def annotations(source: Source) -> Iterator[str]:
    """Every argument and every result has a type; of `self` and `cls` it is known."""
    for function in source.functions():
        missing = [arg.arg for arg in arguments(function) if arg.annotation is None and arg.arg not in ("self", "cls")]
        missing += [] if function.returns else ["the result"]
        if missing:
            yield f"{source.path}:{function.lineno} {function.name}: no type for {', '.join(missing)}"


def postponed_annotations(source: Source) -> Iterator[str]:
    """Types are never evaluated, so that naming one costs no import."""
    code = [node for node in source.tree.body if not isinstance(node, ast.Expr)]
    if code and not (isinstance(code[0], ast.ImportFrom) and code[0].module == "__future__"):
        yield f"{source.path}: begin with `from __future__ import annotations`"


def module_docstring(source: Source) -> Iterator[str]:
    if not ast.get_docstring(source.tree):
        yield f"{source.path}: say in one sentence what lives here"


def vague_names(source: Source) -> Iterator[str]:
    for part in source.path.with_suffix("").parts:
        if part.strip("_") in VAGUE:
            yield f"{source.path}: {part} says nothing; name what lives there"


def foreign_words(source: Source) -> Iterator[str]:
    """Names that we bind. What we call or read (``axes.plot(alpha=0.2)``, ``ridge.alpha``) is named by its owner."""
    if str(source.path) in SPEAKS_FOREIGN:
        return
    for line, name in bound_names(source):
        if FOREIGN_WORDS & set(name.lower().split("_")):
            yield f"{source.path}:{line} {name}: another tool's word; here it is decay (units: decay/units.py)"
    for function in source.functions():
        for argument in arguments(function):
            if argument.arg in FOREIGN_ARGUMENTS and function.name not in MIRRORS.get(str(source.path), set()):
                yield f"{source.path}:{argument.lineno} {argument.arg}: another tool's word; here it is decay"


# Where a table is what a user calls a function for: `param_groups` says who is decayed.
PRINTED = {"neural/groups.py"}


def printing(source: Source) -> Iterator[str]:
    """A library returns what it knows; only what faces a terminal writes to one, and what is asked for to be read."""
    if source.folder in ("cli", "show") or str(source.path) in PRINTED:
        return
    for call in source.calls():
        if called(call) == "print" or re.fullmatch(r"sys\.std(out|err)\.write", called(call)):
            yield f"{source.path}:{call.lineno} writes to the terminal: for cli/ and show/ only"


def arguments(function: Function) -> list[ast.arg]:
    """All arguments of a function, the starred ones too."""
    spec = function.args
    starred = [arg for arg in (spec.vararg, spec.kwarg) if arg is not None]
    return [*spec.posonlyargs, *spec.args, *spec.kwonlyargs, *starred]


def bound_names(source: Source) -> Iterator[tuple[int, str]]:
    """Names that a file itself gives: variables, attributes, arguments, functions, classes, import aliases."""
    mirrors = MIRRORS.get(str(source.path), set())
    mirrored = {id(arg) for function in source.functions() if function.name in mirrors for arg in arguments(function)}
    for node in source.nodes():
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr
        elif isinstance(node, ast.arg) and id(node) not in mirrored:
            yield node.lineno, node.arg
        elif isinstance(node, Function | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from ((node.lineno, alias.asname) for alias in node.names if alias.asname)


RULES: tuple[Rule, ...] = (
    file_length,
    body_length,
    positional_arguments,
    annotations,
    postponed_annotations,
    module_docstring,
    vague_names,
    foreign_words,
    printing,
)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_package_keeps_the_rule(rule: Rule) -> None:
    findings = [finding for source in package() for finding in rule(source)]
    assert not findings, "\n".join(findings)


def body(lines: int) -> str:
    return "def f() -> None:\n    '''Say what.\n\n    And why.\n    '''\n" + "    x = 1\n" * lines


@pytest.mark.parametrize(
    ("rule", "path", "text"),
    [
        (file_length, "decay/a.py", "x = 1\n" * 401),
        (body_length, "decay/a.py", body(51)),
        (body_length, "decay/a.py", "class A:\n    async def f(self):\n" + "        x = 1\n" * 51),
        (positional_arguments, "decay/a.py", "def f(a, b, c, /, d, e, f, g): ..."),
        (annotations, "decay/a.py", "def f(a: int): ..."),
        (annotations, "decay/a.py", "def f(a, *, b: int) -> None: ..."),
        (annotations, "decay/a.py", "def f(**given) -> None: ..."),
        (postponed_annotations, "decay/a.py", '"""A."""\nimport math'),
        (module_docstring, "decay/a.py", "import math"),
        (vague_names, "decay/utils.py", ""),
        (vague_names, "linear/_core/a.py", ""),
        (foreign_words, "linear/a.py", "alpha = 1.0"),
        (foreign_words, "linear/a.py", "def f(l2_penalty): ..."),
        (foreign_words, "linear/a.py", "def f(*, reg): ..."),
        (foreign_words, "linear/a.py", "def best_alphas(): ..."),
        (foreign_words, "linear/a.py", "lambda_ = 0.1"),
        (foreign_words, "linear/a.py", "self.alpha_ = 1"),
        (foreign_words, "linear/a.py", "def fit(X, C): ..."),
        (foreign_words, "linear/a.py", "for alpha in path: ..."),
        (printing, "linear/a.py", "print(1)"),
        (printing, "tuning/a.py", "sys.stderr.write('fold 1')"),
    ],
)
def test_a_violation_is_found(rule: Rule, path: str, text: str) -> None:
    assert len(list(rule(Source(PurePosixPath(path), text)))) == 1


BEGIN = '"""A."""\nfrom __future__ import annotations\n'


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("decay/a.py", BEGIN + "x = 1\n" * 398),
        ("decay/a.py", BEGIN + body(50)),
        ("decay/a.py", BEGIN + "def f(a: int, b: int, c: int, /, d: int, e: int, f: int, *, g: int) -> None: ..."),
        ("decay/__init__.py", '"""What decay means."""\n'),
        ("decay/units.py", BEGIN + "alpha = 1.0\ndef f(C: float) -> None: ..."),
        ("linear/a.py", BEGIN + "C = X.T @ X\nf = lambda x: x\nl1_ratio = 0.0\nregion = ridge.alpha\nRidge(alpha=1.0)"),
        ("cli/a.py", BEGIN + "print(1)"),
    ],
)
def test_what_is_allowed_passes(path: str, text: str) -> None:
    source = Source(PurePosixPath(path), text)
    assert [finding for rule in RULES for finding in rule(source)] == []


def test_a_mirrored_signature_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source(PurePosixPath("neural/a.py"), "def mirror(alpha, C): ...\ndef other(alpha): ...")
    monkeypatch.setitem(MIRRORS, "neural/a.py", {"mirror"})
    assert [finding.split(":")[1].split()[0] for finding in foreign_words(source)] == ["2"]
