"""Cells: what is no number in the table, target or list that was given, told by its column, row and value."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


def check_collected(given: Any, name: str) -> None:
    """Refuse a lazy frame: it holds no rows yet."""
    kind = type(given)  # a column of a data frame may have the name that is looked for
    if hasattr(kind, "collect") and not hasattr(kind, "shape"):
        raise ValueError(f"{name} is a {kind.__name__}, which holds no rows yet; give {name}.collect()")


def check_columns(X: Any) -> None:
    """Refuse a column of a data frame that holds text, dates or other things than numbers.

    Missing values pass, and so does all that is no data frame.
    """
    kind = type(X)
    if not (hasattr(kind, "dtypes") and hasattr(kind, "columns")):
        return
    for place, (name, dtype) in enumerate(zip(X.columns, X.dtypes, strict=True)):
        letter = _letter(dtype)
        if letter in "biufc":
            continue
        cells = np.asarray(getattr(X, "iloc", X)[:, place])
        _check_cells(cells, str(name), strict=True)


def check_array(X: Any) -> None:
    """Refuse an array or list of rows with a cell that cannot be turned into a number."""
    cells = np.asarray(X, dtype=object)
    if cells.ndim == 2:
        for place, column in enumerate(cells.T):
            _check_cells(column, f"x{place}", strict=False)


def check_numbers(values: NDArray[Any], kind: str) -> None:
    """Refuse a target (n,) or (n, t) of something else than numbers, on behalf of a regressor."""
    if values.dtype.kind in "biuf":
        return
    if values.dtype.kind in "mM":  # as objects some of them are integers
        bad = np.ones(values.shape, dtype=bool)
    else:
        bad = ~np.frompyfunc(lambda one: _is_number(one, strict=False), 1, 1)(values).astype(bool)
    if bad.any():
        first, where = first_place(values, bad)
        raise ValueError(
            f"y is {_shown(first)} {where}, but {kind} is a regressor; give numbers, or tune a classifier such as "
            "LogisticRegression"
        )


def check_missing(values: NDArray[Any]) -> None:
    """Refuse a target (n,) or (n, t) with missing or infinite values, by the place of the first."""
    if values.dtype.kind == "O":
        bad = np.frompyfunc(is_missing, 1, 1)(values).astype(bool)
    elif values.dtype.kind == "f":
        bad = ~np.isfinite(values)
    else:
        return
    if bad.any():
        first, where = first_place(values, bad)
        raise ValueError(f"y is {first} {where}{more_places(bad)}; drop these rows or give them a value")


def first_place(values: NDArray[Any], bad: NDArray[np.bool_]) -> tuple[Any, str]:
    """The first bad value of a target (n,) or (n, t), and where it is, in words."""
    row, *target = np.argwhere(bad)[0].tolist()
    which = f" of target {target[0]}" if target and values.shape[1] > 1 else ""
    return values[(row, *target)], f"in row {row}{which}"


def more_places(bad: NDArray[np.bool_]) -> str:
    """How many bad values there are beyond the first."""
    many = int(np.count_nonzero(bad)) - 1
    return f" and {many} more places" if many else ""


def is_missing(cell: Any) -> bool:
    """None, nan, NaT and pandas' NA: what does not equal itself, or will not say so."""
    if hasattr(cell, "__len__"):  # text, or a list in a cell
        return False
    try:
        return cell is None or not cell == cell
    except TypeError:
        return True


def floats(given: Any, name: str, expected: str) -> Array:
    """What was given as numbers, as an array of them."""
    try:
        return np.asarray(given, dtype=np.float64)
    except (TypeError, ValueError):
        raise ValueError(f"{name} (a {type(given).__name__}) cannot be read as numbers; give {expected}") from None


def _letter(dtype: Any) -> str:
    """NumPy's letter for what a column holds; of polars, whose types have none, that of the nearest."""
    letter = getattr(dtype, "kind", None)
    if letter is not None:
        return str(letter)
    is_numeric, is_temporal = (getattr(dtype, name, None) for name in ("is_numeric", "is_temporal"))
    if is_numeric is None or is_temporal is None or is_numeric() or str(dtype) == "Boolean":
        return "f"
    return "M" if is_temporal() else "O"


def _check_cells(cells: NDArray[Any], column: str, *, strict: bool) -> None:
    """Refuse a column by its first cell that is no number, or if none is by the first that is missing."""
    empty = -1
    for row, cell in enumerate(cells):
        if _is_number(cell, strict):
            continue
        if not is_missing(cell):
            raise ValueError(
                f"column {column!r} holds {_shown(cell)} at row {row}, which is no number; "
                f"{_remedy(cell, frame=strict)}"
            )
        empty = row if empty < 0 else empty
    if empty >= 0:
        raise ValueError(
            f"column {column!r} is missing at row {empty}; wd.tune and wd.path fill gaps of frames in, or drop the rows"
        )


def _remedy(cell: Any, *, frame: bool) -> str:
    """What to do about a column with a cell that is no number."""
    if frame:
        return "wd.tune and wd.path encode frames of text and dates, or drop the column"
    if not isinstance(cell, str):
        return "turn it into numbers, such as dates into days, or drop the column"
    return "give a data frame to wd.tune, which encodes text, or drop the column"


def _is_number(cell: Any, strict: bool) -> bool:
    """Whether a cell is a number or None; text that reads as one is, unless it must be one."""
    if cell is None:
        return True
    if isinstance(cell, np.datetime64 | np.timedelta64) or (strict and isinstance(cell, str)):
        return False
    try:
        float(cell)
    except (TypeError, ValueError):
        return False
    return True


def _shown(cell: Any) -> str:
    """A cell in a sentence: text in quotation marks, and not more of it than tells it apart."""
    return f"{str(cell)!r:.60}" if isinstance(cell, str) else f"{' '.join(str(cell).split()):.60}"
