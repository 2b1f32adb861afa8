"""Columns with a role of their own: what is predicted, weights, groups and times, complete or refused by line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.tables import dates
from weightdecay.tables.classes import holds_classes, labels_of, many_classes
from weightdecay.tables.faults import MOSTLY, Fault, Kind, fault, lines, sentence
from weightdecay.tables.gaps import missing_fields
from weightdecay.tables.kinds import read_dates
from weightdecay.tables.numbers import read_numbers
from weightdecay.tables.origin import Origin
from weightdecay.tables.preflight import TableError, quoted
from weightdecay.tables.sheets import Sheet

if TYPE_CHECKING:
    import polars as pl

# Texts that are looked at to tell what a column may be.
SAMPLE = 1000

Array = NDArray[np.float64]
Where = Callable[[int], tuple[str, int]]


@dataclass(frozen=True, eq=False)
class Target:
    """Values to predict, the rows that have one (None: all), and how they were written.

    Parameters
    ----------
    values : ndarray of shape (n,)
    kept : ndarray of shape (n,) or None
        The rows of the file that have one.
    truth : bool
        Whether they are true and false.
    comma : bool
        Whether they have a decimal comma.
    skipped : int
        Rows that have none.
    kind : {"number", "classes"}
    notes : tuple of str
        What was done on the way.
    """

    values: NDArray[Any]
    kept: NDArray[np.intp] | None
    truth: bool
    comma: bool
    skipped: int = 0
    kind: str = "number"
    notes: tuple[str, ...] = ()


def target_of(
    column: pl.Series,
    origin: Origin,
    *,
    skip: bool,
    word: str = "",
    classes: bool | None = None,
    category: bool = False,
    markers: bool = True,
) -> Target:
    """The numbers or classes to predict, which must vary; rows without one are left out or refused.

    Some have the ``word`` that a user named as one for gaps. Classes are what texts and truth values are, unless the
    user says so or not; ``category`` is what the file says of the column, and without ``markers`` words such as NA are
    classes as any other.
    """
    if classes or (classes is None and holds_classes(column, origin, category=category, markers=markers)):
        labels, there, notes = labels_of(column, origin, skip=skip, word=word, markers=markers)
        gone = len(column) - len(labels)
        rows = np.flatnonzero(there.to_numpy()) if gone else None
        notes = (*notes, *many_classes(labels, column.name))
        return Target(labels, rows, False, False, gone, "classes", notes)
    values, truth, comma = _numbers(column, origin, "target ", gaps=skip, word=word)
    gaps = values.null_count()
    kept = np.flatnonzero(values.is_not_null().to_numpy()) if gaps else None
    name, within = quoted(column.name), origin.within
    if len(values) - gaps < 2:
        count = lines(origin, len(values) - gaps)
        raise TableError(
            f"target column {name}{within} has a value in {count} of {len(values):,}, and at least two are needed to "
            "learn from; name another target"
        )
    found = values.drop_nulls().to_numpy()
    if found.min() == found.max():
        raise TableError(
            f"target column {name}{within} is {found[0]:g} in all {len(found):,} rows, so there is nothing to predict; "
            "name another target"
        )
    return Target(found, kept, truth, comma, gaps)


def weights_of(column: pl.Series, origin: Origin) -> Array:
    """Sample weights, none negative, not all zero."""
    weight = _numbers(column, origin, "weight ")[0].to_numpy()
    where = f"weight column {quoted(column.name)}{origin.within}"
    if (weight < 0).any():
        row = int(np.argmax(weight < 0))
        raise TableError(
            f"{where} is negative ({weight[row]:g}) in {origin.place(row)}; a weight says how much a row counts, 0 or "
            "more"
        )
    if not weight.any():
        raise TableError(f"{where} is 0 in every row, so no row counts; name another column, or none")
    return weight


def groups_of(column: pl.Series, origin: Origin) -> NDArray[np.object_]:
    """Labels of the groups of rows, none missing."""
    import polars as pl

    labels = column.cast(pl.String)
    missing = missing_fields(labels)
    if missing.any():
        row = int(missing.arg_true()[0])
        where = f"group column {quoted(labels.name)}{origin.within}"
        raise TableError(f"{where} has no value in {origin.place(row)}; every row needs a group")
    return np.asarray(labels.to_list(), dtype=object)


def times_of(column: pl.Series, origin: Origin) -> Array:
    """When each row was: a number, or days since 1970-01-01 in UTC."""
    import polars as pl

    moments = column
    if column.dtype == pl.String:
        form = _form(column, origin)
        if form is None:
            return _numbers(column, origin, "time ")[0].to_numpy()
        read = read_dates(column, form)
        if isinstance(read, Fault):
            raise TableError(sentence(origin, read, "time "))
        moments = read
    elif column.dtype not in (pl.Date, pl.Datetime):
        return _numbers(column, origin, "time ")[0].to_numpy()
    if moments.null_count():
        raise TableError(sentence(origin, fault(column, "missing", moments.is_null().to_numpy(), 1.0), "time "))
    if moments.dtype == pl.Date:
        return dates.days(moments).to_numpy()
    return dates.in_days(moments).to_numpy()


def _form(column: pl.Series, origin: Origin) -> dates.Form | None:
    """How the dates of a column are written; None where most of it is none."""
    there = len(column) - int(missing_fields(column).sum())
    if there and int(column.str.contains(dates.MOMENT).sum()) >= MOSTLY * there:
        return ""
    if there and int(column.str.contains(dates.OTHER).sum()) >= MOSTLY * there:
        if form := dates.form_of(column):
            return form
    elif not dates.unclear(column.head(SAMPLE).to_list()):
        return None
    row = int(column.str.contains(r"\d").arg_max() or 0)
    why = dates.unclear([str(column[row])]) or "can be read in more than one way"
    raise TableError(
        f"time column {quoted(column.name)}{origin.within} holds dates such as {quoted(str(column[row]))} "
        f"({origin.place(row)}), which {why}; write them as YYYY-MM-DD"
    )


def places(sheet: Sheet, height: int, kept: NDArray[np.intp] | None) -> Where:
    """What a row is called and its number in the file; of the kept rows (default: all), counted from 0."""
    noun = sheet.place(0).partition(" ")[0]
    number = sheet.line_of
    # Where every row stands on a line of its own the file need not be kept in memory.
    quotes = not sheet.typed and _has_quotes(sheet)
    if not quotes and sheet.line_of(height - 1) - sheet.line_of(0) == height - 1:
        first = sheet.line_of(0)

        def number(row: int) -> int:
            return first + row

    if kept is None:
        return lambda row: (noun, number(row))
    return lambda row: (noun, number(int(kept[row])))


def _numbers(
    column: pl.Series, origin: Origin, role: str, *, gaps: bool = False, word: str = ""
) -> tuple[pl.Series, bool, bool]:
    """A column of numbers, complete unless gaps are allowed; whether it is one of true and false; of decimal commas."""
    import polars as pl

    text, truth, comma = column, False, False
    if column.dtype == pl.String:
        read = read_numbers(column.to_frame(), origin)
        values, missing, comma = read.values.to_series(), missing_fields(column), bool(read.commas)
        words = column.set(missing, None).str.to_lowercase()
        truth = not missing.all() and bool(words.drop_nulls().is_in(["true", "false"]).all())
        values = (words == "true").cast(pl.Float64) if truth else values
    elif column.dtype in (pl.Float64, pl.Boolean):
        values, missing, truth = column.cast(pl.Float64), column.is_null(), column.dtype == pl.Boolean
    else:
        text, missing = column.cast(pl.String), column.is_null()
        values = pl.Series(column.name, [None] * len(column), dtype=pl.Float64)
    odd = values.is_null() & ~missing
    share = 1 - int(odd.sum()) / max(1, len(column) - int(missing.sum()))
    bad: dict[Kind, pl.Series] = {"text": odd, "missing": values.is_null(), "infinite": values.is_infinite()}
    for kind, where in bad.items():
        if where.any() and not (gaps and kind == "missing"):
            told = sentence(origin, fault(text, kind, where.fill_null(False).to_numpy(), share), role)
            named = f"; {quoted(word)}, which was named as a word for gaps, is one there too"
            raise TableError(told + named if word and kind == "missing" else told)
    return values, truth, comma


def _has_quotes(sheet: Sheet) -> bool:
    """Whether a record may go over several lines."""
    return b'"' in getattr(getattr(sheet, "text", None), "data", b"")
