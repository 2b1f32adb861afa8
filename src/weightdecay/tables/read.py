"""A CSV file of numbers as a `Table`: every number exact, every fault a sentence with its column and line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.table import Table
from weightdecay.tables.faults import MISSING, faults, sentence
from weightdecay.tables.preflight import (
    DELIMITERS,
    SPACES,
    Sheet,
    TableError,
    check_lengths,
    check_quotes,
    inspect,
    line_of,
    nearest,
    only_numbers,
    quoted,
)

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]


def read(
    path: str | Path,
    target: str,
    *,
    drop: Sequence[str] = (),
    weight: str | None = None,
    group: str | None = None,
) -> Table:
    """Read a CSV file of numeric columns.

    The file is text in UTF-8 with a header line; the delimiter (comma, semicolon, tab or bar) is found by a vote.
    Numbers are read exactly (to the nearest float64); ``true`` and ``false`` become 1 and 0. Nothing is filled in,
    and what is left out or converted stands in the notes.

    Parameters
    ----------
    path : str or Path
        The file.
    target : str
        Name of the column to predict.
    drop : sequence of str
        Names of columns to leave out.
    weight : str, optional
        Name of a column of sample weights (not negative).
    group : str, optional
        Name of a column whose equal values mark rows that belong together; any text.

    Returns
    -------
    Table
        X a frame of p float64 columns with their names, y of shape (n,).

    Raises
    ------
    TableError
        A `ValueError`: what is wrong in which column and line, and what to do next.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import weightdecay as wd
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "small.csv"
    >>> _ = file.write_text("age,height,y\\n1,75.5,3\\n2,86.0,4\\n3,95.25,6\\n")
    >>> table = wd.read(file, "y")
    >>> table.columns, table.y.tolist()
    (('age', 'height'), [3.0, 4.0, 6.0])
    """
    sheet = inspect(path)
    columns = _features(sheet, target, drop, (weight, group))
    frame, notes = _texts(sheet)
    numeric = [target, *([weight] if weight else []), *columns]
    values, truths = _numbers(sheet, frame.select(numeric), target, weight)
    _check_target(sheet, values.get_column(target))
    if no_header := _no_header(sheet):
        notes.append(no_header)
    if drop:
        notes.append(f"left out: {', '.join(quoted(name) for name in drop)}")
    if truths:
        notes.append(f"true and false are read as 1 and 0 in {', '.join(quoted(name) for name in truths)}")
    return Table(
        X=values.select(columns),
        y=values.get_column(target).to_numpy(),
        columns=tuple(columns),
        target=target,
        source=sheet.source,
        notes=tuple(notes),
        weight=_weights(sheet, values.get_column(weight)) if weight else None,
        groups=_groups(sheet, frame.get_column(group)) if group else None,
    )


def _features(sheet: Sheet, target: str, drop: Sequence[str], others: Sequence[str | None]) -> list[str]:
    """Names of the columns to learn from, once every name given is known to be there and to have one role."""
    where = quoted(sheet.source, 200)
    roles: dict[str, Sequence[str | None]] = {
        "target": [target],
        "weight column": [others[0]],
        "group column": [others[1]],
        "column to drop": drop,
    }
    apart: dict[str, str] = {}
    for role, names in roles.items():
        for name in names:
            if name is None:
                continue
            if name not in sheet.names:
                raise TableError(f"{role} {quoted(name)} is not in {where}; {nearest(name, sheet.names)}{_one(sheet)}")
            if apart.get(name, role) != role:
                raise TableError(f"column {quoted(name)} cannot be the {apart[name]} and the {role}; choose one")
            apart[name] = role
    columns = [name for name in sheet.names if name not in apart]
    if not columns:
        step = "drop fewer" if drop else "at least one column beside the target is needed"
        raise TableError(
            f"no column is left in {where} to predict {quoted(target)} from (it has {len(sheet.names)}); {step}"
            + _one(sheet)
        )
    return columns


def _one(sheet: Sheet) -> str:
    """A hint where the header does not look like one."""
    if len(sheet.names) == 1:
        return "; only one column was found: values must be parted by comma, semicolon, tab or bar"
    return f"; {_no_header(sheet)}: add a line with column names above it" if _no_header(sheet) else ""


def _no_header(sheet: Sheet) -> str:
    """What is told of a header that holds only numbers, as the rows below it do."""
    told = f"line {sheet.first_line} holds only numbers and is read as the header"
    return told if only_numbers(sheet.names) else ""


def _texts(sheet: Sheet) -> tuple[pl.DataFrame, list[str]]:
    """Every field as text, stripped, a missing one as the empty text; empty lines left out; what to note."""
    import polars as pl

    try:
        raw = pl.read_csv(sheet.data, separator=sheet.delimiter, infer_schema=False)
        raw.columns = list(sheet.names)
    except pl.exceptions.PolarsError as error:
        check_lengths(sheet)
        check_quotes(sheet)
        reason = quoted(str(error).partition("\n")[0], 120)
        raise TableError(f"file {quoted(sheet.source, 200)} cannot be read as CSV ({reason}); rewrite it") from None
    frame = raw.select(pl.all().str.strip_chars(SPACES).fill_null(""))
    frame = frame.filter(pl.any_horizontal(pl.all() != ""))
    # A row that is too short has nothing in the last column.
    if (frame.get_column(sheet.names[-1]) == "").any():
        check_lengths(sheet)
    if frame.height < 2:
        raise TableError(
            f"file {quoted(sheet.source, 200)} has {'one row of data' if frame.height else 'a header but no row'}; "
            "at least two rows are needed to learn from, and far more to choose a decay"
        )
    notes = [] if sheet.delimiter == "," else [f"the delimiter is a {DELIMITERS[sheet.delimiter]}"]
    if raw.height > frame.height:
        notes.append(f"empty lines are left out: {raw.height - frame.height}")
    return frame, notes


def _numbers(sheet: Sheet, frame: pl.DataFrame, target: str, weight: str | None) -> tuple[pl.DataFrame, list[str]]:
    """Every field as a finite float64; the names of the columns that held true and false."""
    import polars as pl

    values = frame.select(pl.all().cast(pl.Float64, strict=False))
    bad = [one.name for one in values if one.null_count() or not np.isfinite(one.to_numpy()).all()]
    lower = frame.select(pl.col(bad).str.to_lowercase())
    truth = lower.select(pl.all().is_in(["true", "false"]).all())
    truths = [one.name for one in truth if one[0]]
    if worse := [name for name in bad if name not in set(truths)]:
        raise TableError(sentence(sheet, faults(frame.select(worse), values.select(worse)), target, weight))
    return values.with_columns(lower.select((pl.col(truths) == "true").cast(pl.Float64))), truths


def _check_target(sheet: Sheet, values: pl.Series) -> None:
    """The target varies."""
    if values.n_unique() == 1:
        raise TableError(
            f"target column {quoted(values.name)} of {quoted(sheet.source, 200)} is {values[0]:g} in all {len(values)} "
            "rows, so there is nothing to predict; name another target"
        )


def _weights(sheet: Sheet, values: pl.Series) -> Array:
    """Sample weights, none negative, not all zero."""
    weight = values.to_numpy()
    if (weight < 0).any():
        row = int(np.argmax(weight < 0))
        raise TableError(
            f"weight column {quoted(values.name)} of {quoted(sheet.source, 200)} is negative ({weight[row]:g}) in line "
            f"{line_of(sheet, row)}; a weight says how much a row counts, 0 or more"
        )
    if not weight.any():
        raise TableError(
            f"weight column {quoted(values.name)} of {quoted(sheet.source, 200)} is 0 in every row, so no row counts; "
            "name another column, or none"
        )
    return weight


def _groups(sheet: Sheet, labels: pl.Series) -> NDArray[np.object_]:
    """Labels of the groups of rows, none missing."""
    missing = labels.str.to_lowercase().is_in(MISSING)
    if missing.any():
        row = int(missing.arg_true()[0])
        raise TableError(
            f"group column {quoted(labels.name)} of {quoted(sheet.source, 200)} has no value in line "
            f"{line_of(sheet, row)}; every row needs a group"
        )
    return np.asarray(labels.to_list(), dtype=object)
