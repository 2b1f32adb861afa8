"""Inputs: rows of a network as it takes them, dense and of finite numbers, with a sentence where they are not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils.validation import validate_data

from weightdecay.records.encoding import Encoded, Encoding
from weightdecay.records.machine_memory import in_words, memory

Array = NDArray[np.float64]

# Sparse columns may take this share of the memory once they are dense: training needs several copies of them.
SHARE = 8
# How the types of columns begin whose cells need no look at each.
NUMBERS = ("int", "uint", "float", "bool", "sparse")
# What is told of columns of text in a frame that was not given to wd.tune.
ENCODE = "wd.tune encodes text, dates and gaps of a data frame by itself, anew in every fold"


def validated(
    estimator: Any, X: Any, y: Any, *, classes: bool
) -> tuple[Array, NDArray[Any], tuple[str, ...], Encoding | None]:
    """Rows of finite numbers, their targets, the names of the columns, and how a table was encoded.

    Raises
    ------
    ValueError
        What is wrong with them, and the place of the first value that is no finite number.
    """
    table, X = (X, X.matrix) if isinstance(X, Encoded) else (None, X)
    values = np.asarray(y) if y is not None else np.zeros(0)
    if values.dtype.kind == "f":
        _check_finite(values, "y", lambda column: f" of target {column}" if values.shape[-1] > 1 else "")
    X, y = validate_data(
        estimator,
        _numbers(X),
        y,
        accept_sparse="csr",
        dtype=np.float64,
        ensure_all_finite=False,
        multi_output=not classes,
        y_numeric=not classes,
        ensure_min_samples=2,
    )
    X = dense(X)
    _check_inputs(estimator, X)
    given = [f"x{j}" for j in range(X.shape[1])] if table is None else table.names
    columns = tuple(map(str, getattr(estimator, "feature_names_in_", given)))
    return X, y, columns, None if table is None else table.encoding


def validated_rows(estimator: Any, X: Any) -> Array:
    """Rows to predict, in the columns that the estimator was fitted on."""
    given = validate_data(
        estimator, _numbers(X), accept_sparse="csr", dtype=np.float64, reset=False, ensure_all_finite=False
    )
    found = dense(given)
    _check_inputs(estimator, found)
    return found


def dense(X: Any) -> Array:
    """X (n, p) as an array.

    Raises
    ------
    ValueError
        It is sparse, and memory would hardly hold it as one.
    """
    if not sparse.issparse(X):
        return np.asarray(X)
    n, p = X.shape
    size, limit = 8 * n * p, memory() // SHARE
    if size > limit:
        raise ValueError(
            f"X is sparse, and a network takes all numbers of {n:,} rows and {p:,} columns, {in_words(size)}: more "
            f"than {in_words(limit)}, an eighth of this computer's memory; leave columns of text out, take a sample of "
            "the rows, or tune wd.LinearRegression or wd.LogisticRegression, which keep X sparse"
        )
    return np.asarray(X.toarray())


def _numbers(X: Any) -> Any:
    """X, once it is known that no column of a data frame holds texts or dates."""
    kind = type(X)
    if hasattr(kind, "dtypes") and hasattr(kind, "columns"):
        for place, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
            if not str(dtype).lower().startswith(NUMBERS):
                _check_cells(np.asarray(getattr(X, "iloc", X)[:, place], dtype=object), str(name))
    return X


def _check_cells(cells: NDArray[Any], name: str) -> None:
    """Refuse a column with a cell that is no number; gaps are told of later."""
    for row, cell in enumerate(cells.tolist()):
        try:
            float("nan" if cell is None else cell)
        except (TypeError, ValueError):
            shown = repr(cell if len(str(cell)) <= 40 else str(cell)[:39] + "…")
            raise ValueError(
                f"column {name!r} holds {shown} in row {row}, and fit takes columns of numbers: {ENCODE}"
            ) from None


def _check_inputs(estimator: Any, X: Array) -> None:
    """Refuse inputs that are no finite numbers."""
    names = getattr(estimator, "feature_names_in_", None)
    _check_finite(X, "X", lambda column: f", column {column}" if names is None else f", column {names[column]!r}")


def _check_finite(values: NDArray[Any], name: str, of: Callable[[int], str]) -> None:
    """Refuse values (n,) or (n, c) that are no finite numbers; ``of`` names a column."""
    bad = ~np.isfinite(values)
    if not bad.any():
        return
    place = np.argwhere(bad)[0].tolist()
    found = values[tuple(place)]
    what = "NaN" if np.isnan(found) else f"infinity or a value too large for dtype({values.dtype.name!r})"
    more = int(bad.sum()) - 1
    others = f" and {more:,} more place{'s' if more > 1 else ''}" if more else ""
    column = of(place[1]) if len(place) == 2 else ""
    remedy = "drop these rows, or fill the gaps in" if name == "X" else "drop these rows, or give them a value"
    raise ValueError(f"Input {name} contains {what}. It is in row {place[0]}{column}{others}; {remedy}")
