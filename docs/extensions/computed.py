"""Pages whose numbers are computed when they are built.

The directive ``run`` shows Python code and what it prints (``:show: code``, ``output``, ``both`` or ``nothing``;
``:markdown:`` takes what it prints for a part of the page; ``:picture: WORDS`` shows what it draws, described by the
words). ``command`` shows what a command line writes, and the role ``value`` what an expression is worth. All pieces of
a page share their names. A piece that fails ends the build.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from docutils.statemachine import StringList
from page_code import PageCode
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective, SphinxRole

_KEY = "weightdecay_page_code"
PICTURES = "_build/pictures"


def _page(env: BuildEnvironment) -> PageCode:
    """The names of the page that is read."""
    if _KEY not in env.temp_data:
        env.temp_data[_KEY] = PageCode(Path(tempfile.mkdtemp(prefix="page-")))
    page: PageCode = env.temp_data[_KEY]
    return page


def _leave(app: Sphinx, doctree: nodes.document) -> None:
    """Remove the page's folder."""
    if (page := app.env.temp_data.pop(_KEY, None)) is not None:
        shutil.rmtree(page.folder)


def _failed(where: str, error: Exception) -> ExtensionError:
    """What ends the build."""
    return ExtensionError(f"{where}: {type(error).__name__}: {error}", error)


def _block(text: str, language: str) -> nodes.literal_block:
    """Code, or what it printed."""
    block = nodes.literal_block(text, text)
    block["language"] = language
    return block


class Run(SphinxDirective):
    """Python code, and what it prints."""

    has_content = True
    option_spec: ClassVar[dict[str, Any]] = {
        "show": lambda given: directives.choice(given, ("both", "code", "output", "nothing")),
        "markdown": directives.flag,
        "picture": directives.unchanged_required,
    }

    def run(self) -> list[nodes.Node]:
        where = f"{self.env.docname}, line {self.lineno}"
        code, page = "\n".join(self.content), _page(self.env)
        shown = self.options.get("show", "both")
        try:
            said = page.run(code, where)
            drawn = self._drawn(page) if "picture" in self.options else []
        except Exception as error:
            raise _failed(where, error) from error
        made: list[nodes.Node] = [_block(code, "python")] if shown in ("both", "code") else []
        if said and shown in ("both", "output"):
            made += self._parsed(said) if "markdown" in self.options else [_block(said, "text")]
        return made + drawn

    def _parsed(self, text: str) -> list[nodes.Node]:
        """A part of the page, as if it stood there."""
        part = nodes.Element()
        self.state.nested_parse(StringList(text.splitlines(), self.env.docname), self.content_offset, part)
        return part.children

    def _drawn(self, page: PageCode) -> list[nodes.Node]:
        """The picture, as a file that the page shows."""
        name = f"{PICTURES}/{self.env.docname}-{self.lineno}.svg"
        file = Path(self.env.srcdir) / name
        file.parent.mkdir(parents=True, exist_ok=True)
        page.picture().savefig(file, bbox_inches="tight", metadata={"Date": None})
        return [nodes.image(uri=f"/{name}", alt=self.options["picture"])]


class Command(SphinxDirective):
    """A command line, and what it writes."""

    has_content = True

    def run(self) -> list[nodes.Node]:
        where, line = f"{self.env.docname}, line {self.lineno}", " ".join(self.content)
        try:
            said = _page(self.env).command(line)
        except Exception as error:
            raise _failed(where, error) from error
        return [_block(line, "sh"), _block(said, "text")]


class Value(SphinxRole):
    """What an expression is worth."""

    def run(self) -> tuple[list[nodes.Node], list[nodes.system_message]]:
        where = f"{self.env.docname}, line {self.lineno}"
        try:
            return [nodes.Text(_page(self.env).value(self.text, where))], []
        except Exception as error:
            raise _failed(where, error) from error


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the directives and the role."""
    app.add_directive("run", Run)
    app.add_directive("command", Command)
    app.add_role("value", Value())
    app.connect("doctree-read", _leave)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
