"""Tables for a terminal whose numbers are whole at any width: fewer decays and shorter names instead."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.fold_words import counted
from weightdecay.show.names import setting
from weightdecay.show.plots import flat_coefficients
from weightdecay.show.sanitize import for_terminal

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderableType

NAME, LEAST_NAME = 24, 10  # letters of a name
PATH_ROWS = 30
PATH_DECAYS = 6
PLAN_ROWS, LEAST_DONE, MOST_DONE = 30, 24, 160  # and letters of what was done to a column
TRIALS, SETTING = 20, 60  # rows, and letters of a setting
BETWEEN, EDGES = 3, 2  # characters between two columns, and at the two ends of a line


@dataclass(frozen=True)
class Fitting:
    """What is made for the width it gets, in characters."""

    build: Callable[[int], RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterable[RenderableType]:
        yield self.build(options.max_width)


@dataclass(frozen=True)
class Column:
    """A column of a table: its header, its cells and its width in characters; numbers stand to the right."""

    header: str
    cells: tuple[str, ...]
    width: int
    numbers: bool = True


def numbers(header: str, cells: Sequence[str], room: int = 0) -> Column:
    """A column as wide as its numbers, and as its header where there is room for it."""
    return Column(header, tuple(cells), max(*map(len, cells), min(len(header), room)))


def taken(columns: Sequence[Column]) -> int:
    """Characters that columns take, with what stands before each of them."""
    return sum(column.width + BETWEEN for column in columns)


def grid(columns: Sequence[Column], foot: int = 0) -> RenderableType:
    """A plain table; a line parts the last rows, its foot, from the others."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        # A header is broken between words where its column is narrow.
        table.add_column(
            Text.from_markup(column.header, overflow="ellipsis"),
            justify="right" if column.numbers else "left",
            width=column.width,
            no_wrap=column.numbers,
            overflow="ellipsis",
        )
    rows = list(zip(*(column.cells for column in columns), strict=True))
    for number, row in enumerate(rows):
        if foot and number == len(rows) - foot:
            table.add_section()
        table.add_row(*row)
    return table


def curve(tuning: Tuning) -> Fitting:
    """A few decays: the ends, the best and its neighbours, the 1-SE decay, the ends of the window."""
    at = _shown(tuning)
    mean = tuning.as_metric(tuning.mean)
    cells = [
        [("" if math.isnan(one) else brief(one)) for one in values[at].tolist()]
        for values in (tuning.decays, mean, tuning.standard_error)
    ]
    remarks = tuple(_remark(tuning, float(decay)) for decay in tuning.decays[at])
    words = [word for text in remarks for word in text.split()]
    header = for_terminal(f"held-out {tuning.metric}", 60)

    def build(width: int) -> RenderableType:
        decays, losses, errors = numbers("decay", cells[0], 5), numbers("", cells[1]), numbers("± SE", cells[2], 4)
        said = Column("", remarks, max(map(len, words), default=0), numbers=False)
        # Where even the narrowest columns do not fit, the last are left out.
        sets: tuple[tuple[Column, ...], ...] = ((errors, said), (said,), ())
        spare = [width - EDGES + BETWEEN - taken((decays, losses, *rest)) for rest in sets]
        fits = next((number for number, left in enumerate(spare) if left >= 0), len(sets) - 1)
        # What is left goes to the remarks, as far as they need it, then to the header.
        more = max(0, min(max(map(len, remarks)) - said.width, spare[fits])) if sets[fits] else 0
        wide = max(losses.width, min(len(header), losses.width + spare[fits] - more))
        rest = [replace(one, width=one.width + more) if one is said else one for one in sets[fits]]
        return grid([decays, replace(losses, header=header, width=wide), *rest])

    return Fitting(build)


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


def trials(tuning: Tuning) -> Fitting:
    """The settings of other parameters that were tried, best first, each with its decay."""
    from rich.console import Group

    shown = tuning.trials[:TRIALS]
    names = [setting(one.params) for one in shown]
    losses = [float(tuning.as_metric(one.mean)) for one in shown]
    cells = [
        ["" if math.isnan(one) else brief(one) for one in values]
        for values in ([one.decay for one in shown], losses, [one.standard_error for one in shown])
    ]
    header = for_terminal(f"held-out {tuning.metric}", 60)
    note = f"[dim]The {len(shown)} best of {len(tuning.trials):,} settings; the JSON has them all.[/]"

    def build(width: int) -> RenderableType:
        columns = [numbers("decay", cells[0], 5), numbers("", cells[1]), numbers("± SE", cells[2], 4)]
        while len(columns) > 2 and width - EDGES - taken(columns) < LEAST_NAME:
            columns.pop()
        room = width - EDGES - taken(columns)
        size = max(min(max(map(len, names)), SETTING, room), LEAST_NAME)
        wide = columns[1].width + max(0, min(len(header) - columns[1].width, room - size))
        columns[1] = replace(columns[1], header=header, width=wide)
        tried = Column("setting", tuple(for_terminal(name, size) for name in names), size, numbers=False)
        table = grid((tried, *columns))
        return Group(table, *([note] if len(shown) < len(tuning.trials) else []))

    return Fitting(build)


def coefficients(path: DecayPath) -> Fitting:
    """The largest coefficients at as many of a few decays as fit, and the degrees of freedom."""
    from rich.console import Group

    coef, every = flat_coefficients(path)
    ascending = np.argsort(path.decays, kind="stable")
    order = np.arange(len(every))
    if len(every) > PATH_ROWS:
        order = np.sort(np.argsort(-np.abs(coef).max(axis=0), kind="stable")[:PATH_ROWS])
    names = [every[j] for j in order]
    feet = ["intercept"] if path.intercept.ndim == 1 else []
    feet += ["degrees of freedom"]
    counts = path.nonzeros.reshape(len(path.decays), -1).sum(axis=1)
    feet += ["coefficients not zero"] if path.selects else []
    note = f"[dim]The {len(order)} largest of {len(every):,} coefficients; --json has them all.[/]"

    def at(index: int) -> Column:
        values = [*coef[index, order], *([path.intercept[index]] if path.intercept.ndim == 1 else [])]
        values += [path.mean_df[index], *([counts[index]] if path.selects else [])]
        header = brief(float(path.decays[index]))
        return numbers(header, [brief(float(one)) for one in values], len(header))

    def build(width: int) -> RenderableType:
        longest = max(map(len, (*names, *feet)))
        for count in range(min(PATH_DECAYS, len(path.decays)), 0, -1):
            chosen = ascending[np.unique(np.linspace(0, len(path.decays) - 1, count).round().astype(int))]
            columns = [at(int(index)) for index in chosen]
            room = width - EDGES - taken(columns)
            if room >= min(longest, LEAST_NAME):
                break
        size = max(min(longest, NAME, room), 1)
        cells = (*(for_terminal(name, max(size, 4)) for name in names), *feet)
        title = f"Coefficients in {for_terminal(path.units)} at {len(columns)} of {counted(len(path.decays), 'decay')}:"
        table = grid((Column("decay", cells, size, numbers=False), *columns), len(feet))
        return Group(title, table, *([note] if len(order) < len(every) else []))

    return Fitting(build)


def columns(plan: Sequence[ColumnPlan]) -> Fitting:
    """What became of the first columns of a table: what each was taken for, its gaps, and what was done."""
    from rich.console import Group

    shown = plan[:PLAN_ROWS]
    done = tuple(for_terminal(one.done, MOST_DONE) for one in shown)
    longest = max((len(one.name) for one in shown), default=1)
    gaps = [str(one.missing) if one.missing else "" for one in shown]
    left = len(plan) - len(shown)
    note = f"[dim]and {counted(left, 'more column')}; all in the report.[/]"

    def build(width: int) -> RenderableType:
        kinds = Column("taken for", tuple(one.kind for one in shown), 9, numbers=False)
        middle = [kinds, *([numbers("missing", gaps, 7)] if any(gaps) else [])]
        room = width - EDGES - taken(middle) - LEAST_DONE - BETWEEN
        size = max(min(longest, max(min(NAME, room), LEAST_NAME)), len("column"))
        if width - EDGES - size - taken(middle) - BETWEEN < LEAST_DONE:
            middle = [kinds]
        room = max(width - EDGES - size - taken(middle) - BETWEEN, 1)
        names = tuple(for_terminal(one.name, size) for one in shown)
        wide = max(min(room, max((len(one.done) for one in shown), default=1)), len("what was done"))
        last = Column("what was done", done, min(wide, room), numbers=False)
        table = grid((Column("column", names, size, numbers=False), *middle, last))
        return Group(table, *([note] if left else []))

    return Fitting(build)
