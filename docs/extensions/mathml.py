"""Formulas as MathML, which browsers draw by themselves: a page loads nothing for them and runs nothing."""

from __future__ import annotations

import re
from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging

# What the converter passes through because it does not know it.
_UNKNOWN = re.compile(r">(\\\w+|&)<")
_log = logging.getLogger(__name__)


def mathml(latex: str, display: str) -> str:
    """A formula of LaTeX as MathML, ``inline`` or ``block``; lines and columns are aligned."""
    if "\\\\" in latex and "\\begin" not in latex:
        latex = f"\\begin{{split}}{latex}\\end{{split}}"
    latex = latex.replace("\\arg", "\\operatorname{arg}")
    made = convert(" ".join(latex.split()), display=display)
    if unknown := _UNKNOWN.search(made):
        raise ValueError(f"{unknown[1]} of {latex!r} is not known in formulas: write it otherwise")
    return made


def _made(node: nodes.Element, latex: str, display: str) -> str:
    """A formula, or a warning with its place."""
    try:
        return mathml(latex, display)
    except ValueError as error:
        _log.warning("%s", error, location=node)
        return f"<code>{latex}</code>"


def _inline(self: Any, node: nodes.math) -> None:
    self.body.append(_made(node, node.astext(), "inline"))
    raise nodes.SkipNode


def _block(self: Any, node: nodes.math_block) -> None:
    # Parts that an empty line divides are formulas of their own.
    for latex in filter(str.strip, node.astext().split("\n\n")):
        self.body.append(f'<div class="formula">{_made(node, latex, "block")}</div>\n')
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    """Tell Sphinx of the renderer."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
