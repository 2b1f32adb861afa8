"""Fields without a value: words that say so everywhere, and those that a user names."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from numbers import Real
from typing import TYPE_CHECKING

import numpy as np

from weightdecay.tables.faults import MISSING
from weightdecay.tables.preflight import TableError, quoted

if TYPE_CHECKING:
    import polars as pl

# A number's reader takes these for numbers, of which there is none.
MARKERS = (*MISSING, "+nan", "-nan")
DIGITS = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
# A longer list of names hides what is said of them.
LISTED = 20


def missing_fields(text: pl.Series) -> pl.Series:
    """Which fields have no value: null, empty, or a word that says so."""
    import polars as pl

    # Few fields are as short as the longest of the words.
    short = (text.str.len_bytes() <= max(map(len, MARKERS))).fill_null(True)
    missing = short.to_numpy(writable=True)
    lower = text.filter(short).str.to_lowercase()
    missing[missing] = (lower.is_null() | lower.is_in(MARKERS)).to_numpy()
    return pl.Series(missing)


def gaps_out(text: pl.Series) -> pl.Series:
    """A column of text with null where it has no value."""
    return text.set(missing_fields(text), None)


def words_of(given: str | float | Sequence[str | float]) -> tuple[str, ...]:
    """Words for gaps, each once: ``-999`` and ``["k.A.", -1]`` alike.

    Raises
    ------
    TableError
        One is neither a word nor a number.
    """
    single = isinstance(given, str | bytes | Real) or not isinstance(given, Iterable)
    each = [given] if single else list(given)  # type: ignore[arg-type]
    for one in each:
        if isinstance(one, bool | np.bool_) or not isinstance(one, str | Real):
            raise TableError(
                f"missing={quoted(str(given), 60)}: expected words or numbers, or a list of them, and "
                f"{quoted(str(one))} is a {type(one).__name__}"
            )
    return tuple(dict.fromkeys(word for one in each if (word := str(one).strip())))


def without(
    frame: pl.DataFrame, words: Sequence[str], *, empty: str | None = None, comma: bool = False
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """A frame without the words for gaps that a user names, and a note on what they did.

    A word is a gap where it is the whole field, in capitals or not; one that is a number also where the field is that
    number in other digits, such as -999.0 for -999.

    Parameters
    ----------
    frame : data frame
        Typed, or all of text.
    words : sequence of str
    empty : str or None
        What a gap is in columns of text: null, or the empty text as in a frame that is all of text.
    comma : bool
        Whether numbers are written with a decimal comma.
    """
    import polars as pl

    kinds = frame.schema
    hits: dict[str, list[str]] = {}
    gone: dict[str, pl.Expr] = {}
    for word in words:
        tests = {name: test for name, kind in kinds.items() if (test := _is(word, name, kind, comma=comma)) is not None}
        found = frame.select(test.any() for test in tests.values()).row(0) if tests else ()
        for name, there in zip(tests, found, strict=True):
            if there:
                hits.setdefault(word, []).append(name)
                gone[name] = gone[name] | tests[name] if name in gone else tests[name]
    made = frame.with_columns(
        pl.when(test.fill_null(False))
        .then(pl.lit(empty if kinds[name] == pl.String else None))
        .otherwise(pl.col(name))
        .alias(name)
        for name, test in gone.items()
    )
    return made, _notes(words, hits)


def word_in(column: pl.Series, words: Sequence[str], *, comma: bool = False) -> str:
    """The first of some words for gaps that a column has; the empty text where it has none."""
    frame = column.to_frame()
    for word in words:
        test = _is(word, column.name, column.dtype, comma=comma)
        if test is not None and frame.select(test.any()).item():
            return word
    return ""


def _is(word: str, name: str, kind: pl.DataType, *, comma: bool) -> pl.Expr | None:
    """Whether a field is the word; None for a column in which none can be."""
    import polars as pl

    column, number = pl.col(name), _number(word)
    if kind.is_numeric():
        return None if number is None else column == number
    if kind.is_temporal() or kind == pl.Categorical or kind == pl.Enum:
        return column.cast(pl.String).str.to_lowercase() == word.lower()
    if kind != pl.String:
        return None
    same = column.str.to_lowercase() == word.lower()
    if number is None:
        return same
    digits = column.str.replace(",", ".", literal=True) if comma else column
    # 0999 is a code, and no 999.
    return same | ((digits.cast(pl.Float64, strict=False) == number) & ~column.str.contains(r"^[+-]?0\d"))


def _number(word: str) -> float | None:
    """The number that a word is."""
    return float(word) if DIGITS.fullmatch(word) else None


def _notes(words: Sequence[str], hits: dict[str, list[str]]) -> tuple[str, ...]:
    """What became of the words."""
    notes = []
    if hits:
        columns = list(dict.fromkeys(name for names in hits.values() for name in names))
        more = f" and {len(columns) - LISTED:,} more" if len(columns) > LISTED else ""
        listed = ", ".join(map(quoted, columns[:LISTED])) + more
        notes.append(f"read as gaps: {', '.join(map(quoted, hits))} in {listed}")
    if idle := [word for word in words if word not in hits]:
        notes.append(f"named as words for gaps, but no field is one: {', '.join(map(quoted, idle))}")
    return tuple(notes)
