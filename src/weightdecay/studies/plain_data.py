"""Data of which no estimator can make use, refused in a sentence before some package does so in words of its own."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import numpy as np

from weightdecay.tables.preflight import TableError, quoted

# NumPy's letters for what is ordered or counted like numbers but is none.
NO_NUMBERS = {"M": "dates", "m": "lengths of time", "c": "complex numbers"}


def check_given(X: Any, y: Any, sample_weight: Any) -> None:
    """Refuse what is no data, names that two columns have, and masks, which would be taken off without a word.

    Raises
    ------
    ValueError
        X is a text, a path or None; two columns of a pandas frame have one name; an array has masked values.
    """
    if isinstance(X, str | bytes | os.PathLike):
        name = quoted(os.fsdecode(X))
        raise ValueError(f"X is {name}, a text; read the file first: wd.tune(estimator, wd.read({name}, target))")
    if X is None:
        raise ValueError("X is None; expected a table of n rows and p columns")
    for name, values in (("X", X), ("y", y), ("sample_weight", sample_weight)):
        if np.ma.is_masked(values):
            gaps = f"or give pandas.DataFrame({name}), whose gaps are filled in" if name == "X" else "or fill them in"
            count = int(np.ma.getmaskarray(values).sum())
            raise ValueError(
                f"{name} is an array with {count:,} masked values, which would be taken as they stand; leave "
                f"their rows out, {gaps}"
            )
    _check_names(X)


def check_rectangle(X: Any, y: Any) -> None:
    """Refuse data without two dimensions, rows, columns and real numbers, on behalf of an estimator of numbers.

    Raises
    ------
    ValueError
        What X is, and what to give.
    """
    shape = getattr(X, "shape", None)
    if shape is None:
        shape = (len(X),) if isinstance(X, list | tuple) and X and not hasattr(X[0], "__len__") else None
    if shape is None or not all(isinstance(length, int) for length in shape):
        return
    if len(shape) != 2:
        column = "; if it is one column, give X.to_frame()" if hasattr(X, "to_frame") else ""
        column = column or ("; if it is one column, give np.reshape(X, (-1, 1))" if len(shape) == 1 else "")
        raise ValueError(f"X has shape {shape}, expected two dimensions: n rows and p columns{column}")
    if 0 in shape:
        lacking = "rows, and at least two are" if shape[0] == 0 else "columns, and at least one is"
        raise ValueError(f"X has shape {shape}, so there are no {lacking} needed; look at how it was selected")
    count = len(y) if hasattr(y, "__len__") else None
    if count is not None and count != shape[0]:
        raise ValueError(f"X has {shape[0]:,} rows, but y has {count:,} values; give one value for each row")
    if (kind := getattr(getattr(X, "dtype", None), "kind", "")) in NO_NUMBERS:
        frame = "give real numbers" if kind == "c" else "give a data frame, of which wd.tune encodes dates"
        raise ValueError(f"X holds {NO_NUMBERS[kind]} ({X.dtype}), expected numbers; {frame}")
    _check_kinds(X)


def _check_names(X: Any) -> None:
    """Every column of a pandas frame has a name of its own."""
    if not (hasattr(type(X), "iloc") and hasattr(type(X), "columns")) or X.columns.is_unique:
        return
    name, count = Counter(X.columns).most_common(1)[0]
    places = [str(place) for place, one in enumerate(X.columns) if one == name]
    raise TableError(
        f"columns {', '.join(places[:-1])[:200]} and {places[-1]} (counted from 0) have the same name "
        f"{quoted(str(name))}; rename {'one' if count == 2 else 'all but one'}"
    )


def _check_kinds(X: Any) -> None:
    """Refuse columns of a pandas frame that scikit-learn cannot take, though they hold numbers of a kind."""
    if not (hasattr(type(X), "iloc") and hasattr(type(X), "dtypes")):
        return
    for name, kind in zip(X.columns, X.dtypes, strict=True):
        if getattr(kind, "kind", "") == "c":
            raise TableError(f"column {quoted(str(name))} holds complex numbers; give real numbers")
        if type(kind).__name__ == "SparseDtype" and kind.fill_value != 0:
            raise TableError(
                f"column {quoted(str(name))} is sparse with {kind.fill_value!s:.20} where nothing is stored; give "
                "X.sparse.to_dense(), or columns that are sparse around 0"
            )
