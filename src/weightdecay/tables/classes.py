"""A target of classes: labels as they are written, whether a target is one, and when it is none that can be learned."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.labels import MANY, labels_of_numbers, own_classes
from weightdecay.tables import dates
from weightdecay.tables.faults import COMMA_NUMBER, MOSTLY, fault, lines, sentence
from weightdecay.tables.gaps import missing_fields
from weightdecay.tables.kinds import TRUTHS, ZERO
from weightdecay.tables.numbers import read_numbers, with_units
from weightdecay.tables.origin import Origin
from weightdecay.tables.preflight import TableError, quoted

if TYPE_CHECKING:
    import polars as pl

# Fields that are looked at to tell numbers with a unit.
SAMPLE = 1000
# Words for gaps that are named.
SHOWN = 3


def holds_classes(column: pl.Series, origin: Origin, *, category: bool = False, markers: bool = True) -> bool:
    """Whether a target that nobody has said anything of is one of classes: texts or truth values.

    Texts most of which are numbers, dates or numbers with a unit are none: what is wrong with them is told. Where the
    file itself says that they are a category they are. ``markers`` says whether words such as NA are gaps.
    """
    import polars as pl

    if column.dtype != pl.String:
        return bool(column.dtype == pl.Boolean)
    there = column.filter(~(missing_fields(column) if markers else column.is_null()))
    if category or not len(there):
        return category
    numbers = len(there) - read_numbers(there.to_frame(), origin).values.to_series().null_count()
    commas = int(there.str.contains(rf"^(?:{COMMA_NUMBER.pattern})$").sum())
    moments = int((there.str.contains(dates.MOMENT) | there.str.contains(dates.OTHER)).sum())
    if max(numbers + commas, moments) >= MOSTLY * len(there):
        return False
    return not with_units(there.head(SAMPLE).to_list())


def labels_of(
    column: pl.Series, origin: Origin, *, skip: bool, word: str = "", markers: bool = True
) -> tuple[NDArray[Any], pl.Series, tuple[str, ...]]:
    """Labels (m,) of the rows that have one, which rows these are (n,), and what was done on the way.

    Some have the ``word`` that a user named as one for gaps. ``markers`` says whether words such as NA are gaps, too.

    Raises
    ------
    TableError
        A row has none (unless ``skip``), there is but one class, or as many as rows.
    """
    import polars as pl

    text = column if column.dtype == pl.String else column.cast(pl.String)
    missing = missing_fields(text) if column.dtype == pl.String and markers else column.is_null()
    if missing.any() and not skip:
        raise TableError(_missing(text, missing, origin, word))
    there = column.filter(~missing)
    notes = _gap_words(text.filter(missing)) if skip else ()
    if len(there) < 2:
        raise TableError(
            f"target column {quoted(column.name)}{origin.within} has a value in {lines(origin, len(there))} of "
            f"{len(column):,}, and at least two are needed to learn from; name another target"
        )
    if column.dtype == pl.Boolean:
        labels: NDArray[Any] = there.to_numpy()
    elif column.dtype == pl.String:
        labels, more = _of_texts(there, origin)
        notes += more
    else:
        labels = _of_numbers(there, origin)
    _check(labels, column.name, origin)
    return labels, ~missing, notes


def _of_texts(there: pl.Series, origin: Origin) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Labels of texts: numbers where all are, truth values where all are true or false, else as they are written."""
    import polars as pl

    values = read_numbers(there.to_frame(), origin).values.to_series()
    if not values.null_count() and not there.str.contains(ZERO).any():
        return _of_numbers(values, origin), ()
    lower = there.str.to_lowercase()
    words = set(lower.unique().to_list())
    if words <= set(TRUTHS[0]):
        return (lower == TRUTHS[0][0]).to_numpy(), ()
    pair = next((one for one in TRUTHS if words == set(one)), None)
    if pair is not None and there.n_unique() > len(pair):
        spelled = ", ".join(sorted(map(quoted, there.unique().to_list())))
        note = f"{spelled} are read as {quoted(pair[0])} and {quoted(pair[1])} in {quoted(there.name)}"
        return np.array(lower.to_list(), dtype=object), (note,)
    return np.array(there.cast(pl.String).to_list(), dtype=object), ()


def _of_numbers(there: pl.Series, origin: Origin) -> NDArray[Any]:
    """Labels of numbers, which must be few."""
    import polars as pl

    try:
        values = there.cast(pl.Float64)
        if not values.is_finite().all():
            raise ValueError("holds numbers that are infinite, or too large for a float64")
        return labels_of_numbers(values.to_numpy())
    except pl.exceptions.PolarsError:
        raise TableError(
            f"target column {quoted(there.name)}{origin.within} holds {quoted(str(there.dtype))}, expected classes: "
            "texts, truth values or a few numbers; write it as one of them"
        ) from None
    except ValueError as error:
        raise TableError(
            f"target column {quoted(there.name)}{origin.within} {error}; predict it as a number, by linear regression "
            "(--model linear)"
        ) from None


def _check(labels: NDArray[Any], name: str, origin: Origin) -> None:
    """There are at least two classes, and fewer than rows."""
    values = np.unique(labels)
    where = f"target column {quoted(name)}{origin.within}"
    if len(values) == 1:
        raise TableError(
            f"{where} is {quoted(str(values[0]))} in all {len(labels):,} rows, so there is nothing to predict; name "
            "another target"
        )
    if own_classes(len(values), len(labels)):
        nearly = "nearly " if len(values) < len(labels) else ""
        shown = f"{quoted(str(labels[0]))}, {quoted(str(labels[1]))}"
        raise TableError(
            f"{where} has a class of its own in {nearly}every row ({len(values):,} in {len(labels):,}: {shown}, …), "
            "like an identifier, and of a class that occurs once nothing can be learned; name another target, or "
            "merge classes"
        )


def many_classes(labels: NDArray[Any], name: str) -> tuple[str, ...]:
    """A note on a target of very many classes."""
    values = len(np.unique(labels))
    if values <= MANY:
        return ()
    return (
        f"the target {quoted(name)} has {values:,} classes: each gets coefficients of its own, which takes time and "
        "rows; if they form groups, predict these first",
    )


def _missing(text: pl.Series, missing: pl.Series, origin: Origin, word: str) -> str:
    """The sentence on rows without a class; a word for a gap may be a class after all."""
    one = fault(text, "missing", missing.to_numpy(), 1.0)
    told = sentence(origin, one, "target ")
    if word:
        return f"{told}; {quoted(word)}, which was named as a word for gaps, is one there too"
    field = quoted(one.field)
    return f"{told}; if {field} is a class, write it in another word" if one.field else told


def _gap_words(gaps: pl.Series) -> tuple[str, ...]:
    """A note on words that were taken for gaps."""
    words = Counter(word for word in gaps.to_list() if word)
    if not words:
        return ()
    counted = ((quoted(word), f"{times:,} row{'' if times == 1 else 's'}") for word, times in words.most_common(SHOWN))
    listed = ", ".join(f"{word} ({rows})" for word, rows in counted)
    return (f"read as gaps of the target: {listed}",)
