"""The code of a page: where it stands, and what it prints, draws and is worth when it is run."""

from __future__ import annotations

import ast
import contextlib
import io
import os
import re
import shlex
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[2]
# Of the terminal that commands are shown in, in characters: what one without colours has at most.
COLUMNS = 80
_PIECE = re.compile(
    r"^```\{(?P<kind>run|command)\}[^\n]*\n(?P<body>.*?)^```$|\{value\}`(?P<value>[^`]+)`", re.MULTILINE | re.DOTALL
)
_OPTION = re.compile(r"^:[\w-]+:.*\n", re.MULTILINE)


@dataclass(frozen=True)
class Piece:
    """What a page has computed: a ``run``, ``command`` or ``value``, its text, and the line where it stands."""

    kind: str
    text: str
    line: int


def pieces(page: str) -> Iterator[Piece]:
    """Every piece of a page's source, in order."""
    for found in _PIECE.finditer(page):
        line = page.count("\n", 0, found.start()) + 1
        if found["value"] is not None:
            yield Piece("value", found["value"], line)
        else:
            yield Piece(found["kind"], _OPTION.sub("", found["body"]), line)


class Terminal(io.StringIO):
    """A terminal that somebody looks at, as far as programs ask."""

    def isatty(self) -> bool:
        return True


def written(line: str, columns: int, looks: dict[str, str]) -> str:
    """What a command of ours writes to the standard output of a terminal of so many columns.

    Raises
    ------
    ValueError
        It is no command of ours.
    RuntimeError
        It ends with an error.
    """
    from weightdecay.cli.app import main

    words = shlex.split(line)
    if words[:1] != ["weightdecay"]:
        raise ValueError(f"{line!r} is no command of weightdecay: begin it with weightdecay")
    said, told = Terminal(), io.StringIO()
    with (
        mock.patch.dict(os.environ, {"COLUMNS": str(columns), **looks}),
        mock.patch.object(sys, "argv", words),
        contextlib.redirect_stdout(said),
        contextlib.redirect_stderr(told),
    ):
        code = main()
    if code:
        raise RuntimeError(f"{line} ended with {code}: {told.getvalue()}{said.getvalue()}")
    return said.getvalue()


@dataclass
class PageCode:
    """One page's names, in a folder of its own that holds the example tables.

    Parameters
    ----------
    folder : Path
        An empty folder that is there.
    """

    folder: Path
    names: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        shutil.copytree(ROOT / "examples", self.folder / "examples")

    def run(self, source: str, where: str = "page") -> str:
        """Run statements; what they print, and what the last one is worth if it is an expression, as a prompt says."""
        tree = ast.parse(source, where)
        last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
        with self._there(), contextlib.redirect_stdout(io.StringIO()) as said:
            exec(compile(tree, where, "exec"), self.names)
            if isinstance(last, ast.Expr):
                worth = eval(compile(ast.Expression(last.value), where, "eval"), self.names)
                if worth is not None and "matplotlib" not in type(worth).__module__:
                    print(repr(worth))
        return said.getvalue().rstrip()

    def value(self, expression: str, where: str = "page") -> str:
        """What an expression is worth, as a word of a sentence."""
        with self._there():
            return str(eval(compile(expression.strip(), where, "eval"), self.names))

    def command(self, line: str) -> str:
        """What a command writes to a terminal; the page ends with an error where the command does."""
        with self._there():
            said = written(line, COLUMNS, {"TERM": "dumb", "NO_COLOR": "1"})
        # Files are named as the reader would name them.
        said = said.replace(f"{self.folder.resolve()}{os.sep}", "")
        lines = [one.rstrip() for one in said.splitlines()]
        return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n")

    def picture(self) -> Figure:
        """The figure that was drawn last, which is then forgotten."""
        from matplotlib import pyplot

        if not pyplot.get_fignums():
            raise ValueError("nothing was drawn: draw a figure, or leave the option picture out")
        figure = pyplot.gcf()
        pyplot.close("all")
        return figure

    @contextlib.contextmanager
    def _there(self) -> Iterator[None]:
        """The page's folder as the working directory."""
        before = Path.cwd()
        os.chdir(self.folder)
        try:
            yield
        finally:
            os.chdir(before)
