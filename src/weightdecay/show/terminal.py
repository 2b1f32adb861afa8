"""Records for a terminal, as rich shows them, and for programs, as one line of JSON; every text from data is made harmless."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.jsonable import encode
from weightdecay.records.table import Table
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.files import check_writable
from weightdecay.show.plots import flat_coefficients
from weightdecay.show.sanitize import for_terminal

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table as Grid

    from weightdecay.decay.units import Convention, Conversion

__all__ = ["check_writable", "console", "conventions", "conversion", "json_line", "path", "sentence", "tuning"]

SENTENCE = 4000
NAME = 24
PATH_ROWS = 30
PATH_DECAYS = 6
MARKS = {"error": "[bold red]error[/]", "warning": "[yellow]warning[/]", "info": "[dim]info[/]"}


def console(*, stderr: bool = False) -> Console:
    """A console that adds nothing to what it is given: no emoji codes, no guessed colours.

    Where nobody looks (a file, a pipe) lines are not broken, so that they can be searched.
    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    return Console(file=stream, emoji=False, highlight=False, soft_wrap=not stream.isatty())


def sentence(text: str) -> str:
    """A sentence that may hold text from data, as markup on one line."""
    return for_terminal(text, SENTENCE)


def tuning(tuning: Tuning, table: Table | None = None) -> RenderableType:
    """The data, the verdict, the findings and the curve around its best."""
    from rich.console import Group

    first, *others = (sentence(line) for line in tuning.verdict.splitlines())
    lines = [*_data_lines(table), f"[bold]{first}[/]", *others]
    return Group(*lines, *(_finding(one) for one in tuning.findings), "", _curve(tuning))


def _data_lines(table: Table | None) -> Iterable[str]:
    """What was read, and what was done on the way."""
    if table is not None:
        rows, columns = len(table.y), len(table.columns)
        plural = "" if columns == 1 else "s"
        source, target = for_terminal(table.source), for_terminal(table.target, NAME)
        yield f"[dim]{source}: {rows} rows, {columns} column{plural}, target {target}[/]"
        yield from (f"[dim]{sentence(note)}[/]" for note in table.notes)
        yield ""


def _finding(finding: Finding) -> str:
    """A finding and its remedy."""
    return f"{MARKS[finding.severity]} {sentence(finding.code)} {sentence(f'{finding.message}; {finding.remedy}')}"


def _grid(**options: Any) -> Grid:
    """A plain table."""
    from rich import box
    from rich.table import Table as Grid

    return Grid(box=box.SIMPLE_HEAD, pad_edge=False, **options)


def _curve(tuning: Tuning) -> Grid:
    """A few decays: the ends, the best and its neighbours, the 1-SE decay, the ends of the window."""
    grid = _grid()
    for name in ("decay", f"held-out {sentence(tuning.scoring)}", "± SE"):
        grid.add_column(name, justify="right")
    grid.add_column("")
    for index in _shown(tuning):
        decay = float(tuning.decays[index])
        numbers = (decay, float(tuning.mean[index]), float(tuning.standard_error[index]))
        grid.add_row(*("" if math.isnan(one) else brief(one) for one in numbers), _remark(tuning, decay))
    return grid


def _shown(tuning: Tuning) -> list[int]:
    """Indices of the decays in the small table."""
    last, best = len(tuning.decays) - 1, tuning.best
    special = [float(tuning.decay), tuning.decay_1se]
    at = [index for index, decay in enumerate(tuning.decays) if float(decay) in special]
    inside = np.flatnonzero((tuning.decays >= tuning.window[0]) & (tuning.decays <= tuning.window[1]))
    ends = [int(inside[0]), int(inside[-1])] if len(inside) else []
    return sorted({0, max(best - 1, 0), best, min(best + 1, last), last, *at, *ends})


def _remark(tuning: Tuning, decay: float) -> str:
    """What is special about a decay."""
    special = (("in use", tuning.decay), ("best", tuning.decay_min), ("1-SE", tuning.decay_1se))
    return ", ".join(word for word, value in special if value == decay)


def path(path: DecayPath, table: Table | None = None) -> RenderableType:
    """The largest coefficients at a few decays along the path, and the degrees of freedom."""
    from rich.console import Group

    coef, names = flat_coefficients(path)
    chosen = np.unique(np.linspace(0, len(path.decays) - 1, PATH_DECAYS).round().astype(int))
    order = np.arange(len(names))
    if len(names) > PATH_ROWS:
        order = np.sort(np.argsort(-np.abs(coef).max(axis=0), kind="stable")[:PATH_ROWS])
    grid = _grid()
    grid.add_column("decay")
    for index in chosen:
        grid.add_column(brief(float(path.decays[index])), justify="right")
    for j in order:
        grid.add_row(for_terminal(names[j], NAME), *(brief(float(coef[index, j])) for index in chosen))
    grid.add_section()
    grid.add_row("degrees of freedom", *(brief(float(path.df[index])) for index in chosen))
    left = len(names) - len(order)
    note = [f"[dim]The {len(order)} largest of {len(names)} coefficients; --json has them all.[/]"] if left else []
    title = f"Coefficients in the units of the columns at {len(chosen)} of {len(path.decays)} decays:"
    return Group(*_data_lines(table), title, grid, *note)


def json_line(record: object) -> str:
    """A record of plain fields as one strict JSON object."""
    return json.dumps(encode(vars(record)), allow_nan=False)


def conversion(conversion: Conversion) -> RenderableType:
    """The number in full, then the formula and where it is documented."""
    from rich.console import Group

    mix = [f"l1_ratio = {conversion.l1_ratio!r}"] if 0 < conversion.l1_ratio < 1 else []
    details = (sentence(conversion.formula), f"source: {sentence(conversion.source)}")
    return Group(f"{conversion.value!r}", *mix, *(f"[dim]{line}[/]" for line in details))


def conventions(conventions: Iterable[Convention]) -> RenderableType:
    """The names that can be converted: what each multiplies, and which facts it needs."""
    from rich.console import Group

    blocks = []
    for one in conventions:
        needs = f"\n    needs {', '.join(one.needs)}" if one.needs else ""
        blocks.append(f"[bold]{sentence(one.name)}[/]\n    {sentence(one.objective)}{needs}")
        if one.shared_by:
            blocks.append(f"    also {sentence(', '.join(one.shared_by))}")
    return Group(*blocks)
