"""Records for a terminal, and as one line of JSON for programs; every text from data is made harmless."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import fields
from typing import TYPE_CHECKING

from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.comparison import Comparison
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.interval_words import interval_line
from weightdecay.records.jsonable import encode
from weightdecay.records.table import Table
from weightdecay.records.training_words import training_line
from weightdecay.records.tuning import Tuning
from weightdecay.show.audit_table import audit
from weightdecay.show.class_words import against_guessing
from weightdecay.show.comparison_table import comparison_lines
from weightdecay.show.files import check_writable, write_text
from weightdecay.show.fold_words import counted
from weightdecay.show.grids import NAME, coefficients, columns, curve, trials
from weightdecay.show.group_tables import group_grid
from weightdecay.show.model_words import model_lines
from weightdecay.show.names import short_names
from weightdecay.show.plan_words import in_a_line, plain
from weightdecay.show.sanitize import for_terminal

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from weightdecay.decay.timescale import Timescale
    from weightdecay.decay.units import Convention, Conversion

__all__ = [
    "audit",
    "check_writable",
    "comparison",
    "console",
    "conventions",
    "conventions_json",
    "conversion",
    "json_line",
    "path",
    "plan",
    "sentence",
    "tuning",
    "write_text",
]

# Width of a page that nobody looks at, in characters: tables keep all their columns.
PAGE = 200
SENTENCE = 4000
MARKS = {"error": "[bold red]error[/]", "warning": "[yellow]warning[/]", "info": "[dim]info[/]"}


def console(*, stderr: bool = False) -> Console:
    """Open a console that adds nothing to what it is given: no emoji codes, no guessed colours.

    Where nobody looks (a file, a pipe) lines are not broken, so that they can be searched.

    Parameters
    ----------
    stderr : bool, default False
        Write to standard error instead of standard output.

    Returns
    -------
    rich.console.Console

    Examples
    --------
    >>> from weightdecay import terminal
    >>> terminal.console().print(terminal.sentence("[red] is the name of a column"))
    [red] is the name of a column
    """
    from rich.console import Console

    stream = sys.stderr if stderr else sys.stdout
    seen = stream.isatty()
    return Console(file=stream, emoji=False, highlight=False, soft_wrap=not seen, width=None if seen else PAGE)


def sentence(text: str) -> str:
    """Make a sentence that may hold text from data harmless: one line of markup that shows what it says.

    Parameters
    ----------
    text : str
        At most 4000 characters are kept.

    Returns
    -------
    str

    Examples
    --------
    >>> from weightdecay import terminal
    >>> print(terminal.sentence("two\\nlines"))
    two lines
    """
    return for_terminal(text, SENTENCE)


def tuning(tuning: Tuning, table: Table | None = None) -> RenderableType:
    """Show the data, the verdict, the findings, the settings that a search has tried, and the curve around its best.

    Of a classifier the verdict is followed by its held-out accuracy and log-loss beside those of guesses. Then come
    95 % intervals for the held-out loss, and of networks whether they over-fit.

    Parameters
    ----------
    tuning : Tuning
        What `wd.tune` returned.
    table : Table, optional
        What `wd.read` returned: its file, size and notes come first.

    Returns
    -------
    rich renderable
        For `console`.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> wd.terminal.console().print(wd.terminal.tuning(wd.tune(wd.LinearRegression(), X, y)))
    Use decay = ...
    """
    from rich.console import Group

    first, *others = (sentence(line) for line in tuning.verdict.splitlines())
    beside = filter(None, (interval_line(tuning), training_line(tuning)))
    guesses = map(sentence, (*against_guessing(tuning), *model_lines(tuning), *beside))
    lines = [*_data_lines(table, tuning.plan, tuning.notes), f"[bold]{first}[/]", *others, *guesses]
    findings = (_finding(short_names(one, tuning.columns)) for one in tuning.findings)
    tried: list[RenderableType] = ["", trials(tuning)] if tuning.trials else []
    grouped = group_grid(tuning)
    parts: list[RenderableType] = ["", grouped] if grouped is not None else []
    return Group(*lines, *findings, *parts, *tried, "", curve(tuning))


def comparison(comparison: Comparison, table: Table | None = None) -> RenderableType:
    """Show which form of regularisation suits the data, the findings, and a row for every form.

    Parameters
    ----------
    comparison : Comparison
        What `wd.compare` returned.
    table : Table, optional
        What `wd.read` returned: its file, size and notes come first.

    Returns
    -------
    rich renderable
        For `console`.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> wd.terminal.console().print(wd.terminal.comparison(wd.compare(wd.LinearRegression(), X, y)))
    No regularisation is needed: ...
    """
    from rich.console import Group

    own = [one for one in comparison.notes if table is None or one not in table.notes]
    return Group(*_data_lines(table), *comparison_lines(comparison), *(f"[dim]{sentence(one)}[/]" for one in own))


def _data_lines(table: Table | None, plan: Sequence[ColumnPlan] = (), notes: Sequence[str] = ()) -> Iterable[str]:
    """What was read, what its columns were taken for if not all are plain numbers, and what was done on the way."""
    if table is not None:
        plan, notes = plan or table.plan, table.notes
        rows, columns = len(table.y), len(table.columns)
        source, target = for_terminal(table.source), for_terminal(table.target, NAME)
        nothing = 0 if table.weight is None else int((table.weight == 0).sum())
        weightless = f" ({nothing:,} of weight 0)" if nothing else ""
        size = f"{counted(rows, 'row')}{weightless}, {counted(columns, 'column')}"
        yield f"[dim]{source}: {size}, target {target}[/]"
    if not plain(plan):
        yield f"[dim]{in_a_line(plan, for_terminal)}[/]"
    yield from (f"[dim]{sentence(note)}[/]" for note in notes)
    if table is not None or notes or not plain(plan):
        yield ""


def plan(table: Table | Sequence[ColumnPlan]) -> RenderableType:
    """Show what the columns of a table were taken for and what was done to each, in a line and then one by one.

    Parameters
    ----------
    table : Table, or sequence of ColumnPlan
        What `wd.read` returned, or ``tuning.plan``; at most 30 columns are shown.

    Returns
    -------
    rich renderable
        For `console`.

    Examples
    --------
    >>> import weightdecay as wd
    >>> made = ("island = Biscoe", "island = Dream")
    >>> island = wd.ColumnPlan("island", "category", made, 0, "one column for each of 2 values")
    >>> wd.terminal.console().print(wd.terminal.plan((island,)))
    1 category
    ...
    """
    from rich.console import Group

    every = table.plan if isinstance(table, Table) else tuple(table)
    return Group(in_a_line(every, for_terminal), columns(every)) if every else Group("every column is taken as it is")


def _finding(finding: Finding) -> str:
    """A finding and its remedy."""
    return f"{MARKS[finding.severity]} {sentence(finding.code)} {sentence(f'{finding.message}; {finding.remedy}')}"


def path(path: DecayPath, table: Table | None = None) -> RenderableType:
    """Show the largest coefficients at a few decays along the path, and the degrees of freedom.

    Parameters
    ----------
    path : DecayPath
        What `wd.path` returned.
    table : Table, optional
        What `wd.read` returned: its file, size and notes come first.

    Returns
    -------
    rich renderable
        For `console`.

    Examples
    --------
    >>> import weightdecay as wd
    >>> X, y = [[1.0], [2.0], [3.0]], [1.0, 2.0, 4.0]
    >>> wd.terminal.console().print(wd.terminal.path(wd.path(wd.LinearRegression(), X, y, [0.1, 1.0])))
    Coefficients in the units of the columns at 2 of 2 decays:
    ...
    """
    from rich.console import Group

    return Group(*_data_lines(table), coefficients(path))


def json_line(record: DecayPath | Conversion | Finding | Timescale) -> str:
    """Write a record of plain fields as one strict JSON object on one line.

    Parameters
    ----------
    record : DecayPath, Conversion, Finding or Timescale
        Arrays become lists; numbers that are not finite become the words of `Tuning.to_json`.

    Returns
    -------
    str

    Examples
    --------
    >>> import weightdecay as wd
    >>> wd.terminal.json_line(wd.Finding("WD001", "info", "a flat curve", "choose any"))
    '{"code": "WD001", "severity": "info", "message": "a flat curve", "remedy": "choose any"}'
    """
    plain = {one.name: encode(getattr(record, one.name)) for one in fields(record)}
    return json.dumps(plain, allow_nan=False)


def conversion(conversion: Conversion) -> RenderableType:
    """Show the number in full, then the formula and where it is documented.

    Parameters
    ----------
    conversion : Conversion
        What `wd.conversion` returned.

    Returns
    -------
    rich renderable
        For `console`.

    Examples
    --------
    >>> import weightdecay as wd
    >>> result = wd.conversion(44.2, "sklearn.Ridge.alpha", "decay", n_samples=442)
    >>> wd.terminal.console().print(wd.terminal.conversion(result))
    0.1
    decay = alpha / weight_sum; alpha = 44.2 is decay = 0.1
    source: ...
    """
    from rich.console import Group

    pure = " (all L1)" if conversion.l1_ratio == 1 else ""
    mix = [f"l1_ratio = {conversion.l1_ratio!r}{pure}"] if conversion.l1_ratio else []
    details = (sentence(conversion.formula), f"source: {sentence(conversion.source)}")
    return Group(f"{conversion.value!r}", *mix, *(f"[dim]{line}[/]" for line in details))


def conventions_json(conventions: Iterable[Convention]) -> str:
    """Write names that can be converted as one strict JSON object on one line.

    Parameters
    ----------
    conventions : iterable of Convention
        What `wd.conventions` returned, or some of it.

    Returns
    -------
    str
        An object whose ``conventions`` are a list of objects: name, objective, source, the facts it needs, the
        formulas to and from the decay, and the other names that share it.

    Examples
    --------
    >>> import json
    >>> import weightdecay as wd
    >>> told = json.loads(wd.terminal.conventions_json(wd.conventions()))
    >>> told["conventions"][0]["name"]
    'decay'
    """
    names = ("name", "objective", "source", "needs", "to_decay", "from_decay", "shared_by")
    plain = [{name: encode(getattr(one, name)) for name in names} for one in conventions]
    return json.dumps({"conventions": plain}, allow_nan=False)


def conventions(conventions: Iterable[Convention]) -> RenderableType:
    """Show the names that can be converted: what each multiplies, and which facts it needs.

    Parameters
    ----------
    conventions : iterable of Convention
        What `wd.conventions` returned, or some of it.

    Returns
    -------
    rich renderable
        For `console`.

    Examples
    --------
    >>> import weightdecay as wd
    >>> wd.terminal.console().print(wd.terminal.conventions(wd.conventions()))
    decay
    ...
    """
    from rich.console import Group

    blocks = []
    for one in conventions:
        needs = f"\n    needs {', '.join(one.needs)}" if one.needs else ""
        blocks.append(f"[bold]{sentence(one.name)}[/]\n    {sentence(one.objective)}{needs}")
        if one.shared_by:
            blocks.append(f"    also {sentence(', '.join(one.shared_by))}")
    return Group(*blocks)
