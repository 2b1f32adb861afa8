"""A file as a `Table`: every number exact, every column planned, every fault a sentence with its column and line."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from weightdecay.records.table import Table
from weightdecay.tables.encoder import learned
from weightdecay.tables.frames import as_polars
from weightdecay.tables.kinds import TRUTHS, Typed, typed
from weightdecay.tables.origin import Origin
from weightdecay.tables.preflight import TableError, nearest, only_numbers, quoted
from weightdecay.tables.roles import Target, groups_of, places, target_of, times_of, weights_of
from weightdecay.tables.sheets import Sheet, open_sheet

if TYPE_CHECKING:
    import polars as pl

# A longer list of names hides what is said of them.
LISTED = 20


def read(
    path: str | Path,
    target: str,
    *,
    drop: Sequence[str] = (),
    weight: str | None = None,
    group: str | None = None,
    text: Sequence[str] = (),
    time: str | None = None,
    skip_missing_target: bool = False,
) -> Table:
    """Read a file of columns to learn from: numbers, truth values, dates, categories and texts, with gaps.

    A CSV file is text in UTF-8 with a header line; the delimiter (comma, semicolon, tab or bar) and the decimal mark
    are found by a vote. It may be packed by gzip or zstd. A Parquet file brings its types along.

    What a column is, all its fields decide. Numbers are read exactly (to the nearest float64); ``true`` and ``false``,
    ``yes`` and ``no``, ``y`` and ``n``, ``t`` and ``f``, ``on`` and ``off`` become 1 and 0; dates are those of ISO 8601
    (2024-12-31, with a time of day or without); other text is a category. An empty field and the words NA, N/A, NaN,
    null, none, missing and ``? - .`` are gaps. The plan tells what becomes of each column, gaps included, and which are
    left out and why: identifiers, dates of other forms, columns without any value.

    Parameters
    ----------
    path : str or Path
        The file.
    target : str
        Name of the column to predict.
    drop : sequence of str
        Names of columns to leave out.
    weight : str, optional
        Name of a column of sample weights (not negative). Rows of weight 0 count for nothing.
    group : str, optional
        Name of a column whose equal values mark rows that belong together; any text.
    text : sequence of str
        Names of columns of prose, whose words are learned from.
    time : str, optional
        Name of a column of dates or numbers that says when each row was.
    skip_missing_target : bool, default False
        Leave out the rows without a target instead of refusing them.

    Returns
    -------
    Table
        X a frame of p columns with their names, y of shape (n,).

    Raises
    ------
    TableError
        A `ValueError`: what is wrong in which column and line, and what to do next.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> import weightdecay as wd
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "small.csv"
    >>> _ = file.write_text("age,sex,y\\n1,f,3\\n2,m,4\\n,f,6\\n4,m,7\\n")
    >>> table = wd.read(file, "y")
    >>> table.columns, table.y.tolist()
    (('age', 'sex'), [3.0, 4.0, 6.0, 7.0])
    >>> [column.done for column in table.plan]
    ['gaps take the median 2 and are flagged', 'one column for each of 2 values']
    """
    text = [text] if isinstance(text, str) else list(dict.fromkeys(text))
    sheet = open_sheet(path)
    roles = {"weight column": weight, "group column": group, "time column": time}
    columns = _features(sheet, target, drop, text, roles)
    named = [one for one in (target, weight, group, time) if one is not None]
    origin = Origin(sheet.source, sheet.place, sheet.decimal_comma)
    frame = sheet.frame([*named, *columns])
    if sheet.typed:
        frame = as_polars(frame, prose=[*text, *([group] if group else [])], apart=named, origin=origin)
    goal = target_of(frame.get_column(target), origin, skip=skip_missing_target)
    where = places(sheet, frame.height, goal.kept)
    if goal.kept is not None:
        frame = frame[goal.kept]
        origin = Origin(sheet.source, lambda row: "{} {}".format(*where(row)), sheet.decimal_comma)
    weights = weights_of(frame.get_column(weight), origin) if weight else None
    found = typed(frame.select(columns), origin, prose=text, markers=not sheet.typed)
    encoder = learned(
        found.frame,
        text,
        None if weights is None else weights > 0,
        found.told(frame if sheet.typed else None),
        origin=origin,
        fillings=False,
    )
    notes = [*sheet.notes, *_notes(sheet, target, drop, found, goal)]
    return Table(
        X=_plain(found.frame.select(encoder.columns)),
        y=goal.values,
        columns=encoder.columns,
        target=target,
        source=sheet.source,
        notes=tuple(notes),
        weight=weights,
        groups=groups_of(frame.get_column(group), origin) if group else None,
        times=times_of(frame.get_column(time), origin) if time else None,
        text=tuple(name for name in text if name in encoder.columns),
        plan=encoder.plan,
        where=where,
    )


def _plain(frame: pl.DataFrame) -> pl.DataFrame:
    """The frame as float64 where it holds numbers without gaps and truth values alone."""
    import polars as pl

    truths = [name for name, kind in frame.schema.items() if kind == pl.Boolean]
    plain = all(kind in (pl.Float64, pl.Boolean) for kind in frame.dtypes) and not any(frame.null_count().row(0))
    return frame.with_columns(pl.col(truths).cast(pl.Float64)) if plain and truths else frame


def _features(
    sheet: Sheet, target: str, drop: Sequence[str], text: Sequence[str], others: dict[str, str | None]
) -> list[str]:
    """Names of the columns to learn from, once every name given is known to be there and to have one role."""
    where = quoted(sheet.source, 200)
    roles: dict[str, Sequence[str | None]] = {
        "target": [target],
        **{role: [name] for role, name in others.items()},
        "column to drop": drop,
        "text column": text,
    }
    apart: dict[str, str] = {}
    known = set(sheet.names)
    for role, names in roles.items():
        for name in names:
            if name is None:
                continue
            if name not in known:
                raise TableError(f"{role} {quoted(name)} is not in {where}; {nearest(name, sheet.names)}{_one(sheet)}")
            if apart.get(name, role) != role:
                raise TableError(f"column {quoted(name)} cannot be the {apart[name]} and the {role}; choose one")
            apart[name] = role
    columns = [name for name in sheet.names if apart.get(name, "text column") == "text column"]
    if not columns:
        step = "drop fewer" if drop else "at least one column beside the target is needed"
        raise TableError(
            f"no column is left in {where} to predict {quoted(target)} from (it has {len(sheet.names)}); {step}"
            + _one(sheet)
        )
    return columns


def _one(sheet: Sheet) -> str:
    """A hint where the header does not look like one."""
    if sheet.typed:
        return ""
    if len(sheet.names) == 1:
        return "; only one column was found: values must be parted by comma, semicolon, tab or bar"
    return f"; {_no_header(sheet)}: add a line with column names above it" if _no_header(sheet) else ""


def _no_header(sheet: Sheet) -> str:
    """What is told of a header that holds only numbers, as the rows below it do."""
    told = f"line {sheet.first_line} holds only numbers and is read as the header"
    return told if not sheet.typed and only_numbers(sheet.names) else ""


def _notes(sheet: Sheet, target: str, drop: Sequence[str], found: Typed, goal: Target) -> list[str]:
    """What was done on the way, besides what was done to read the file at all."""
    notes = [no_header] if (no_header := _no_header(sheet)) else []
    if drop:
        notes.append(f"left out: {_listed(drop)}")
    if goal.skipped:
        skipped = f"{goal.skipped:,} row{' is' if goal.skipped == 1 else 's are'} left out"
        notes.append(f"{skipped}, in which the target {quoted(target)} has no value")
    words: dict[tuple[str, str], list[str]] = {TRUTHS[0]: [target]} if goal.truth else {}
    for name, pair in found.truths:
        words.setdefault(pair, []).append(name)
    notes += [f"{yes} and {no} are read as 1 and 0 in {_listed(names)}" for (yes, no), names in words.items()]
    if commas := [*[target] * goal.comma, *found.commas]:
        notes.append(f"numbers with a decimal comma are read in {_listed(commas)}")
    return notes


def _listed(names: Sequence[str]) -> str:
    """Some names, for a sentence."""
    more = f" and {len(names) - LISTED:,} more" if len(names) > LISTED else ""
    return ", ".join(quoted(name) for name in names[:LISTED]) + more
