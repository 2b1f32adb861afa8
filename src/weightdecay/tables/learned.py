"""What every column of a typed table becomes, decided over all rows that count."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.column_plan import Kind
from weightdecay.records.reading import Reading
from weightdecay.tables import dates
from weightdecay.tables.faults import option
from weightdecay.tables.kinds import TRUTHS
from weightdecay.tables.numbers import with_units
from weightdecay.tables.preflight import quoted
from weightdecay.tables.recipes import Category, Dates, Number, Prose, Recipe
from weightdecay.tables.terms import LEAST_ROWS, ONE_LETTER, vocabulary

if TYPE_CHECKING:
    import polars as pl

Array = NDArray[np.float64]

MOST_LEVELS = 1000
ROWS_PER_LEVEL = 2
# Of two levels one that recurs is enough.
PAIR = 2
# From this share of rows with a value of their own on, a column tells rows apart, as a name or a number of a row does.
OF_ITS_OWN = 0.95
# Texts with more blanks than this on average are prose rather than names.
BLANKS_OF_PROSE = 3


@dataclass(frozen=True)
class Learned:
    """A column: what it was taken for, its recipe (none where it is left out), its gaps, and what was done."""

    name: str
    kind: Kind
    recipe: Recipe | None
    missing: int
    done: str


def learn(
    table: pl.DataFrame,
    prose: Collection[str],
    used: NDArray[np.bool_] | None,
    told: Mapping[str, str],
    reading: Reading,
    *,
    fillings: bool,
) -> Iterator[Learned]:
    """What each column becomes.

    Parameters
    ----------
    table : data frame
        Typed; a missing value is null.
    prose : collection of str
        Columns whose words are counted.
    used : ndarray of shape (n,), optional
        Which rows count; the plan's counts of gaps are of all rows.
    told : mapping of str to str
        How columns were read, where that is part of what was done.
    reading : Reading
        What new rows need to be read alike.
    fillings : bool
        Whether to find what gaps of new rows take in columns without gaps, which no plan needs.
    """
    import polars as pl

    rows = table if used is None else table.filter(pl.Series(used))
    # One query for all columns.
    missing, gaps = table.null_count().row(0), rows.null_count().row(0)
    for column, total, here in zip(rows, missing, gaps, strict=True):
        if here == rows.height:
            yield Learned(column.name, "dropped", None, total, "left out: no row has a value")
        elif column.name in prose:
            yield _prose(column, total)
        elif column.dtype in (pl.Float64, pl.Boolean):
            yield _number(column, total, here, told.get(column.name, ""), fillings, reading.pair(column.name))
        elif column.dtype in (pl.String, pl.Categorical, pl.Enum):
            yield _text(column.cast(pl.String), total, here, told.get(column.name, ""))
        elif column.dtype == pl.Date or column.dtype == pl.Datetime:
            yield _date(column, total, here, told.get(column.name, ""), reading.form(column.name))
        else:
            done = f"left out: {quoted(str(column.dtype))} is neither number, truth value, date nor text"
            yield Learned(column.name, "dropped", None, total, done)


def median(values: Array) -> float:
    """The median of some numbers; of an even count the mean of the two in the middle."""
    half = len(values) // 2
    if len(values) % 2:
        return float(np.partition(values, half)[half])
    low, high = np.partition(values, (half - 1, half))[half - 1 : half + 1]
    with np.errstate(over="ignore"):
        middle = (low + high) / 2
    return float(middle if np.isfinite(middle) else low / 2 + high / 2)


def _number(column: pl.Series, missing: int, here: int, told: str, fillings: bool, words: tuple[str, ...]) -> Learned:
    """Numbers, or truth values as 1 and 0."""
    import polars as pl

    truth = column.dtype == pl.Boolean
    filling = math.nan
    if here or fillings:
        values = (column.cast(pl.Float64) if truth else column).to_numpy()
        filling = median(values[~np.isnan(values)] if here else values)
    done = [told or "1 where true, 0 where false"] if truth or told else []
    if here:
        done.append(f"gaps take the median {filling:.6g} and are flagged")
    recipe = Number(column.name, filling, bool(here), words or TRUTHS[0] * truth)
    return Learned(column.name, "boolean" if truth else "number", recipe, missing, "; ".join(done) or "as it is")


def _date(column: pl.Series, missing: int, here: int, told: str, form: str) -> Learned:
    """Dates, as days and the parts that vary."""
    days = dates.days(column).drop_nulls().to_numpy()
    parts = []
    for which in dates.PARTS:
        values = dates.part(column, which).drop_nulls().unique().sort().to_list()
        parts += [(which, tuple(values))] if len(values) > 1 else []
    if not here and days.min() == days.max():
        return Learned(column.name, "dropped", None, missing, f"left out: {_first(column)} in every row")
    named = [f"{which} (one column for each of {len(values):,})" for which, values in parts]
    done = "; ".join(
        [
            *([told] if told else []),
            ", ".join(["days since 1970-01-01", *named]),
            *(["gaps take the median day and are flagged"] if here else []),
        ]
    )
    recipe = Dates(column.name, median(days), bool(here), tuple(parts), dates.named(form))
    return Learned(column.name, "date", recipe, missing, done)


def _text(column: pl.Series, missing: int, here: int, told: str) -> Learned:
    """A category, or why it is none; ``told`` says that it is one of codes."""
    counts = column.value_counts(name="rows")
    levels, rows = (counts.get_column(name).to_list() for name in (column.name, "rows"))
    times = {level: count for level, count in zip(levels, rows, strict=True) if level is not None}
    there = len(column) - here
    if reason := _no_category(column, list(times), there, codes=bool(told)):
        because = f"{told}; " if told else ""
        return Learned(column.name, "dropped", None, missing, f"left out: {because}{reason}")
    if len(times) == 1 and not here:
        return Learned(column.name, "dropped", None, missing, f"left out: {_first(column)} in every row")
    ordered = tuple(sorted(times))
    most = max(times.values())
    filling = next(level for level in ordered if times[level] == most)
    done = (
        f"one column for each of {len(ordered):,} values"
        if len(ordered) > 1
        else f"one column for its only value, {quoted(ordered[0])}"
    )
    done = f"{told}: {done}" if told else done
    if here:
        done += f"; gaps take the most frequent, {quoted(filling)}, and are flagged"
    return Learned(column.name, "category", Category(column.name, ordered, filling, bool(here)), missing, done)


def _no_category(column: pl.Series, texts: list[str], there: int, *, codes: bool) -> str:
    """Why a column of text is no category; the empty text where it is one."""
    levels = len(texts)
    few = levels <= MOST_LEVELS and (ROWS_PER_LEVEL * levels <= there or levels <= PAIR < there)
    first = column.drop_nulls().head(MOST_LEVELS).to_list() if levels > MOST_LEVELS else texts
    if reason := dates.unclear(first):
        return f"dates such as {_first(column)} {reason}; write them as YYYY-MM-DD"
    if few:
        return ""
    if not codes and with_units(first):
        return f"numbers with units such as {_first(column)}; write the numbers alone, and the unit into the name"
    if _like_prose(column):
        return f"long texts; learn from their words with {option('--text', [column.name])}"
    if levels == there:
        return "a value of its own in every row, like an identifier"
    if levels >= OF_ITS_OWN * there:
        return "a value of its own in nearly every row, like an identifier"
    many = (
        f"{levels:,} different {'codes' if codes else 'texts'} in {there:,} rows, too "
        f"{'many' if levels > MOST_LEVELS else 'few rows for each'}"
    )
    if codes:
        return f"{many}; if they are numbers, write them without zeros before them"
    return f"{many}; write fewer, or if they are prose, give {option('--text', [column.name])}"


def _like_prose(column: pl.Series) -> bool:
    """Whether texts have several words each."""
    blanks = column.drop_nulls().head(MOST_LEVELS).str.count_matches(r"\s+").mean()
    return isinstance(blanks, float) and blanks >= BLANKS_OF_PROSE


def _prose(column: pl.Series, missing: int) -> Learned:
    """The words of a text."""
    terms = vocabulary(column)
    if not terms:
        done = f"left out: no word of two letters or more occurs in {LEAST_ROWS} rows"
        if column.str.contains(ONE_LETTER).any():
            done += " (words of one letter are not counted)"
        return Learned(column.name, "dropped", None, missing, done)
    each = (
        f"one column for each of {len(terms):,} words"
        if len(terms) > 1
        else f"one column for the word {quoted(terms[0])}"
    )
    done = f"{each}: how often it occurs, relative to the other words of its row"
    return Learned(column.name, "text", Prose(column.name, terms), missing, done)


def _first(column: pl.Series) -> str:
    """The first value that is there, for a sentence."""
    import polars as pl

    first = column.drop_nulls().head(1)
    # Python has no dates before the year 1 and after 9999.
    if first.dtype.is_temporal():
        first = first.dt.to_string("%Y-%m-%d" if first.dtype == pl.Date else "%Y-%m-%d %H:%M:%S%.f")
    return quoted(str(first[0]))
