"""What foreign estimators are given: columns by name, and targets that can be judged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.tuning.folds import label_codes


def columns_of(X: Any) -> tuple[str, ...]:
    """Names of the columns given; a series or list, of texts or whatever a first step takes, is one column."""
    names = getattr(X, "columns", None)
    if names is not None:
        return tuple(map(str, names))
    name = getattr(X, "name", None)
    if isinstance(name, str):
        return (name,)
    if hasattr(X, "shape"):
        width = X.shape[1] if len(X.shape) > 1 else 1
    else:
        width = len(X[0]) if isinstance(X[0], list | tuple | np.ndarray) else 1
    return tuple(f"x{j}" for j in range(width))


def target_of(y: Any, classifies: bool, kind: str) -> NDArray[Any]:
    """The target as an array: classes (n,) for a classifier, finite numbers (n,) or (n, t) for a regressor.

    Raises
    ------
    ValueError
        When a value is missing, or is none that the estimator can learn; the sentence names its row.
    """
    values = np.asarray(y)
    if values.dtype.kind == "O":
        _refuse(values, np.frompyfunc(_missing, 1, 1)(values).astype(bool))
    if values.dtype.kind == "f":
        _refuse(values, ~np.isfinite(values))
    return _classes(values, kind) if classifies else _numbers(values, kind)


def _refuse(values: NDArray[Any], bad: NDArray[np.bool_]) -> None:
    """Refuse a target with bad values, by the place of the first."""
    places = np.argwhere(bad)
    if len(places):
        row, *target = places[0].tolist()
        which = f" of target {target[0]}" if target else ""
        many = f" and {len(places) - 1} more places" if len(places) > 1 else ""
        raise ValueError(
            f"y is {values[tuple(places[0])]} in row {row}{which}{many}; drop these rows or give them a value"
        )


def _missing(label: Any) -> bool:
    """None, nan, NaT and pandas' NA: what does not equal itself, or will not say so."""
    try:
        return label is None or not label == label
    except TypeError:
        return True


def _classes(values: NDArray[Any], kind: str) -> NDArray[Any]:
    """Classes (n,)."""
    if values.ndim > 1 and values.shape[1] != 1:
        raise ValueError(
            f"y has shape {values.shape}, but {kind} is a classifier; tune one column of classes at a time"
        )
    values = values.ravel()
    if values.dtype.kind == "f" and (between := np.flatnonzero(values != np.round(values))).size:
        raise ValueError(
            f"y is continuous ({values[between[0]]:g} in row {between[0]}), but {kind} is a classifier; give classes, "
            "or tune a regressor such as Ridge"
        )
    label_codes(values, "y")
    return values


def _numbers(values: NDArray[Any], kind: str) -> NDArray[Any]:
    """Numbers (n,) or (n, t)."""
    if values.dtype.kind in "biuf":
        return values
    for place, one in enumerate(values.ravel().tolist()):
        try:
            float(one)
        except (TypeError, ValueError):
            raise ValueError(
                f"y is {one!r} in row {place // max(1, values[0].size)}, but {kind} is a regressor; give numbers, or "
                "tune a classifier such as LogisticRegression"
            ) from None
    return values.astype(np.float64)
