"""A comparison for a terminal."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from weightdecay.records.comparison import Comparison
from weightdecay.records.comparison_words import HEADINGS, cells, footnote
from weightdecay.show.grids import EDGES, Column, Fitting, grid, numbers, taken
from weightdecay.show.sanitize import for_terminal

if TYPE_CHECKING:
    from rich.console import RenderableType

SENTENCE = 4000
MARKS = {"error": "[bold red]error[/]", "warning": "[yellow]warning[/]", "info": "[dim]info[/]"}
NAME = 24
# What is left out first where a line is short.
SPARED = ("95 % interval", "tuning", "overhead", "fit", "to none", "stability", "weights", "decay", "to weight decay")


def comparison_lines(comparison: Comparison) -> Iterable[RenderableType]:
    """The verdict, what there is to say of the data and of rows, and the table."""
    first, *others = (for_terminal(line, SENTENCE) for line in comparison.verdict.splitlines())
    yield f"[bold]{first}[/]"
    yield from others
    for one in comparison.findings:
        told = for_terminal(f"{one.message}; {one.remedy}", SENTENCE)
        yield f"{MARKS[one.severity]} {for_terminal(one.code)} {told}"
    yield ""
    yield comparison_grid(comparison)
    for row in comparison.rows:
        if row.note:
            yield f"[dim]{for_terminal(f'{row.name}: {row.note}', SENTENCE)}[/]"
    yield f"[dim]{for_terminal(footnote(comparison), SENTENCE)}[/]"


def comparison_grid(comparison: Comparison) -> Fitting:
    """The table, with as many columns as fit."""
    lines = list(cells(comparison))
    every = {name: tuple(map(for_terminal, one)) for name, *one in zip(HEADINGS, *lines, strict=True) if any(one)}

    def build(width: int) -> RenderableType:
        shown = dict(every)
        columns = _columns(shown)
        for name in SPARED:
            if taken(columns) - 3 + EDGES <= width:
                break
            shown.pop(name, None)
            columns = _columns(shown)
        return grid(columns)

    return Fitting(build)


def _columns(shown: dict[str, tuple[str, ...]]) -> list[Column]:
    """Columns as wide as what is in them."""
    return [
        Column(name, one, min(NAME, max(map(len, one))), numbers=False)
        if name == HEADINGS[0]
        else numbers(name, one, len(name))
        for name, one in shown.items()
    ]
