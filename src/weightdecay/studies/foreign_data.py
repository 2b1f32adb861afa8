"""What foreign estimators are given: columns by name, and targets that can be judged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.cells import check_missing, check_numbers
from weightdecay.tuning.folds import Index, label_codes


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
    if values.ndim == 0:
        raise ValueError(f"y is {y!r}; expected one value per row")
    check_missing(values)
    if classifies:
        return _classes(values, kind)
    check_numbers(values, kind)
    return values if values.dtype.kind in "biuf" else values.astype(np.float64)


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


def check_folds(pairs: list[tuple[Index, Index]], y: NDArray[Any], s: NDArray[np.float64], classifies: bool) -> None:
    """Every fold has weight on both sides, and trains on every class that it holds out.

    Raises
    ------
    ValueError
        One has not; the sentence says which.
    """
    for number, (train, test) in enumerate(pairs):
        for rows, name in ((train, "training"), (test, "test")):
            if not s[rows].any():
                raise ValueError(f"all {name} rows of fold {number} have weight 0; use other folds or drop those rows")
        if not classifies:
            continue
        seen, asked = (y[rows[s[rows] > 0]] for rows in (train, test))
        if len(missing := np.setdiff1d(asked, seen).tolist()):
            raise ValueError(
                f"fold {number} holds out class {missing[0]!r}, which none of its training rows has; "
                "give cv=5 (stratified) or other folds"
            )
