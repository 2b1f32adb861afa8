"""Folds by time: later rows held out by models of earlier ones."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.tuning.folds import Folds, from_splits

Index = NDArray[np.intp]

FOLDS = 5


def time_folds(times: Any, n_folds: int = FOLDS) -> list[tuple[Index, Index]]:
    """Split rows by time: each fold is held out by the model of all rows before it.

    The rows, by time, make ``n_folds`` + 1 blocks of about as many rows each, but rows of one time stay together. Fold
    f trains on blocks 0 to f and holds out block f + 1, as scikit-learn's ``TimeSeriesSplit`` does with rows that are
    in order already.

    Parameters
    ----------
    times : array-like of shape (n,)
        Numbers or dates, none missing, in any order.
    n_folds : int, default 5
        Fewer are made where there are not so many times.

    Returns
    -------
    list of (ndarray, ndarray)
        Training and test rows of each fold, for ``cv=``.

    Raises
    ------
    ValueError
        When a time is missing, or all are the same.

    Examples
    --------
    >>> import weightdecay as wd
    >>> [(train.tolist(), test.tolist()) for train, test in wd.time_folds([3.0, 1.0, 2.0, 2.0], 2)]
    [([1], [2, 3]), ([1, 2, 3], [0])]
    """
    given = np.asarray(times)
    if given.ndim != 1:
        raise ValueError(f"times has shape {given.shape}; give one time per row")
    if isinstance(n_folds, bool) or not isinstance(n_folds, int | np.integer) or n_folds < 1:
        raise ValueError(f"n_folds={n_folds!r}: expected a whole number of at least 1")
    given = _in_order(given)
    _, code, count = np.unique(given, return_inverse=True, return_counts=True)
    if not len(given):
        raise ValueError("times is empty; give one time per row")
    if len(count) < 2:
        raise ValueError("times is the same in all rows; later rows cannot be held out by earlier ones")
    # The block of a time is that of its middle row.
    middle = np.cumsum(count) - 0.5 * count
    block = np.minimum((middle / len(given) * (n_folds + 1)).astype(np.intp), n_folds)
    block = np.unique(block, return_inverse=True)[1][code]
    if block.max() == 0:
        block = (code > 0).astype(np.intp)
    return [(np.flatnonzero(block < later), np.flatnonzero(block == later)) for later in range(1, int(block.max()) + 1)]


def _in_order(times: NDArray[Any]) -> NDArray[Any]:
    """Times that can be ordered, none missing."""
    if times.dtype.kind == "O":
        missing = np.frompyfunc(lambda one: one is None or one != one, 1, 1)(times).astype(bool)
    else:
        missing = np.isnat(times) if times.dtype.kind in "mM" else times != times  # nan alone differs from itself
    if np.any(missing):
        raise ValueError(f"times is missing in row {int(np.argmax(missing))}; every row needs a time")
    try:
        np.sort(times)
        sortable = times.dtype.kind not in "USc" and not any(isinstance(one, str) for one in times[:1].tolist())
    except TypeError:
        sortable = False
    if not sortable:
        first = times[:1].tolist()[0]
        raise ValueError(f"times holds {first!r}, which has no place in time; give numbers or dates, all of one kind")
    return times


def folds_by_time(times: Any, n_folds: Any, used: NDArray[np.bool_] | None = None) -> Folds:
    """The plan of `time_folds`, of the rows that count, as if there were no others."""
    rows = np.arange(len(times)) if used is None else np.flatnonzero(used)
    pairs = [(rows[train], rows[test]) for train, test in time_folds(np.asarray(times)[rows], n_folds)]
    return from_splits(pairs, len(times), f"{len(pairs)} fold{'' if len(pairs) == 1 else 's'} by time")
