"""A file as a `Table`: every number exact, every column planned, every fault a sentence with its column and line."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.table import Table
from weightdecay.tables.encoder import learned
from weightdecay.tables.faults import Flaws
from weightdecay.tables.frames import as_polars
from weightdecay.tables.gaps import LISTED, MARKERS, without, word_in, words_of
from weightdecay.tables.kinds import TRUTHS, Typed, typed
from weightdecay.tables.origin import Origin
from weightdecay.tables.preflight import TableError, nearest, only_numbers, quoted
from weightdecay.tables.roles import Target, groups_of, places, target_of, times_of, weights_of
from weightdecay.tables.sheets import Sheet, open_sheet

if TYPE_CHECKING:
    import polars as pl


def read(
    path: str | Path,
    target: str,
    *,
    drop: Sequence[str] = (),
    weight: str | None = None,
    group: str | None = None,
    text: Sequence[str] = (),
    time: str | None = None,
    missing: str | float | Sequence[str | float] = (),
    skip_missing_target: bool = False,
    classes: bool | None = None,
) -> Table:
    """Read a file of columns to learn from: numbers, truth values, dates, categories and texts, with gaps.

    A CSV file is text in UTF-8 with a header line; the delimiter (comma, semicolon, tab or bar) and the decimal mark
    are found by a vote. It may be packed by gzip or zstd. A Parquet file brings its types along.

    What a column is, all its fields decide. Numbers are read exactly (to the nearest float64); ``true`` and ``false``,
    ``yes`` and ``no``, ``y`` and ``n``, ``t`` and ``f``, ``on`` and ``off`` become 1 and 0; dates are those of ISO 8601
    (2024-12-31, with a time of day or without), with the month by its name, with points (31.12.2024), and with slashes
    or dashes where a number from 13 on tells the day from the month; other text is a category, and so are digits of
    which some have leading zeros, such as postal codes. An empty field and the words NA, N/A, n.a., #N/A, #NA, NaN,
    nil, null, none, missing and ``? - .`` are gaps. The plan tells what becomes of each column, gaps included, and
    which are left out and why: identifiers, dates of unclear order, columns without any value.

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
        Name of a column of dates or numbers that says when each row was. It orders the rows, and is learned from like
        any other unless it is dropped as well.
    missing : str, number or sequence of them
        Further words for gaps, such as ``"k.A."`` or ``-999``.
    skip_missing_target : bool, default False
        Leave out the rows without a target instead of refusing them.
    classes : bool, optional
        Whether the target is of classes. None goes by its fields: texts and truth values are classes, numbers are not.
        True takes few numbers for classes as well, False takes true and false for 1 and 0 and refuses texts.

    Returns
    -------
    Table
        X a frame of p columns with their names, y of shape (n,), numbers or labels of classes.

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
    words = words_of(missing)
    sheet = open_sheet(path)
    roles = {"weight column": weight, "group column": group, "time column": time}
    columns = _features(sheet, target, drop, text, roles)
    fields = _fields(sheet, columns, [one for one in (target, weight, group, time) if one is not None], words)
    frame, origin, flaws = fields.frame, fields.origin, Flaws(fields.origin)
    if sheet.typed:
        prose = [*text, *([group] if group else [])]
        frame = as_polars(frame, prose=prose, apart=fields.roles, origin=origin, flaws=flaws)
    goals, skip = frame.get_column(target), skip_missing_target
    wanted: dict[str, Any] = {"skip": skip, "word": fields.word, "classes": classes, "markers": not sheet.typed}
    wanted["category"] = target in sheet.categories
    goal = flaws.tried("target column", target, target_of, goals, origin, **wanted)
    if skip:
        # Which rows are left out is not known where it failed.
        flaws.check()
    kept = None if goal is None else goal.kept
    where = places(sheet, frame.height, kept)
    if kept is not None:
        frame = frame[kept]
        origin = flaws.origin = Origin(sheet.source, lambda row: "{} {}".format(*where(row)), sheet.decimal_comma)
    weights = flaws.tried("weight column", weight, weights_of, frame.get_column(weight), origin) if weight else None
    groups = flaws.tried("group column", group, groups_of, frame.get_column(group), origin) if group else None
    times = flaws.tried("time column", time, times_of, frame.get_column(time), origin) if time else None
    found = typed(frame.select(columns), origin, prose=text, markers=not sheet.typed, flaws=flaws)
    flaws.check()
    assert goal is not None
    reading = found.reading(words)
    used = None if weights is None else weights > 0
    told = found.told(frame if sheet.typed else None)
    encoder = learned(found.frame, text, used, told, reading=reading, origin=origin, fillings=False)
    notes = [*sheet.notes, *fields.notes, *_notes(sheet, target, drop, found, goal)]
    return Table(
        X=_plain(found.frame.select(encoder.columns)),
        y=goal.values,
        columns=encoder.columns,
        target=target,
        source=sheet.source,
        notes=tuple(notes),
        weight=weights,
        groups=groups,
        times=times,
        text=tuple(name for name in text if name in encoder.columns),
        plan=_plan(sheet.names, encoder.plan if sheet.typed else _with_words(encoder.plan, frame), weight, group, time),
        reading=reading,
        target_kind=goal.kind,
        where=where,
    )


@dataclass(frozen=True, eq=False)
class _Fields:
    """Fields of columns with a role and of those to learn from, without words for gaps that were named.

    Of these words it has the first that the target has.
    """

    frame: pl.DataFrame
    origin: Origin
    roles: list[str]
    notes: tuple[str, ...]
    word: str


def _fields(sheet: Sheet, columns: Sequence[str], roles: list[str], missing: Sequence[str]) -> _Fields:
    """The fields that are needed."""
    origin = Origin(sheet.source, sheet.place, sheet.decimal_comma)
    frame = sheet.frame(list(dict.fromkeys([*roles, *columns])))
    notes: tuple[str, ...] = ()
    word = word_in(frame.get_column(roles[0]), missing, comma=origin.comma)
    if missing:
        frame, notes = without(frame, missing, empty=None if sheet.typed else "", comma=origin.comma)
    return _Fields(frame, origin, roles, notes, word)


def _with_words(plan: Sequence[ColumnPlan], fields: pl.DataFrame) -> list[ColumnPlan]:
    """The plan, telling of categories which words in them are gaps: one may be a value after all."""
    made = []
    for one in plan:
        if one.kind == "category" and one.missing:
            text = fields.get_column(one.name)
            gaps = text.filter(text.str.to_lowercase().is_in(MARKERS) & (text != ""))
            words = [
                f"{quoted(word)} ({times:,} row{'' if times == 1 else 's'})"
                for word, times in Counter(gaps.to_list()).most_common()
            ]
            one = replace(one, done="; ".join([one.done, *([f"read as gaps: {', '.join(words)}"] if words else [])]))
        made.append(one)
    return made


def _plan(
    names: Sequence[str], plan: Sequence[ColumnPlan], weight: str | None, group: str | None, time: str | None
) -> tuple[ColumnPlan, ...]:
    """The plan of all columns that have a use, in the order of the file."""
    rows = {one.name: one for one in plan}
    if weight is not None:
        rows[weight] = ColumnPlan(weight, "weight", (), 0, "used as sample weight: how much each row counts")
    if group is not None:
        rows[group] = ColumnPlan(group, "group", (), 0, "groups rows: those of one value are held out together")
    if time is not None:
        left_out = ColumnPlan(time, "time", (), 0, "left out as asked")
        one = rows.get(time, left_out)
        rows[time] = replace(one, done=f"orders rows; {one.done}")
    return tuple(rows[name] for name in names if name in rows)


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
    both = {"time column", "column to drop"}
    roles: dict[str, Sequence[str | None]] = {
        "target": [target],
        **{role: [name] for role, name in others.items()},
        "column to drop": drop,
        "text column": text,
    }
    apart: dict[str, str] = {}
    dropped = set(drop)
    known = set(sheet.names)
    for role, names in roles.items():
        for name in names:
            if name is None:
                continue
            if name not in known:
                raise TableError(f"{role} {quoted(name)} is not in {where}; {nearest(name, sheet.names)}{_one(sheet)}")
            if apart.get(name, role) != role and {apart[name], role} != both:
                raise TableError(f"column {quoted(name)} cannot be the {apart[name]} and the {role}; choose one")
            apart[name] = role
    learned_from = ("text column", "time column")
    columns = [name for name in sheet.names if apart.get(name, "text column") in learned_from and name not in dropped]
    if not columns:
        step = "drop fewer" if drop else "at least one column beside the target is needed"
        raise TableError(
            f"no column is left in {where} to predict {quoted(target)} from (it has {len(sheet.names):,}); {step}"
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
    notes += goal.notes
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
