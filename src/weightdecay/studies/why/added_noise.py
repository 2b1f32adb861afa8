"""Data made noisier: the same rows twice, with targets as they are and with noise, and columns that tell nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.utils import _safe_indexing as take

from weightdecay.records.encoding import Encoded

Array = NDArray[np.float64]
Index = NDArray[np.intp]

NAME = "noise {}"


def twice(data: Any) -> Any:
    """The rows of X two times, one after the other."""
    if isinstance(data, Encoded):
        return replace(data, matrix=twice(data.matrix))
    if sparse.issparse(data):
        return sparse.vstack([data, data], format="csr")
    n = data.shape[0] if hasattr(data, "shape") else len(data)
    return take(data, np.concatenate([np.arange(n), np.arange(n)]))


def widened(data: Any, noise: Array) -> Any:
    """X (n, p) with columns (n, q) beside its own, of whatever kind it is.

    Raises
    ------
    ValueError
        X is no table of columns.
    """
    if not noise.shape[1]:
        return data
    if isinstance(data, Encoded):
        names = (*data.names, *(NAME.format(j + 1) for j in range(noise.shape[1])))
        return replace(data, matrix=widened(data.matrix, noise), names=names)
    if sparse.issparse(data):
        return sparse.hstack([data, sparse.csr_array(noise)], format="csr")
    package = type(data).__module__.partition(".")[0]
    if package in _FRAMES:
        return _FRAMES[package](data, {NAME.format(j + 1): noise[:, j] for j in range(noise.shape[1])})
    array = np.asarray(data)
    if array.ndim != 2 or array.dtype.kind not in "iufb":
        raise ValueError(
            "columns of noise go beside columns of numbers, and X has none (it is of texts, say); leave them out with "
            "columns=[]"
        )
    return np.column_stack([array.astype(np.float64), noise])


def _of_pandas(frame: Any, columns: Mapping[str, Array]) -> Any:
    """A pandas frame with more columns; names of other types than texts become texts, and rows are counted anew."""
    named = frame.set_axis([str(one) for one in frame.columns], axis=1).reset_index(drop=True)
    return named.join(type(frame)(dict(columns)))


def _of_polars(frame: Any, columns: Mapping[str, Array]) -> Any:
    """A polars frame with more columns."""
    return frame.hstack(type(frame)(dict(columns)))


_FRAMES: Mapping[str, Callable[[Any, Mapping[str, Array]], Any]] = {"pandas": _of_pandas, "polars": _of_polars}


def spread_of(data: Any) -> float:
    """The median standard deviation of columns of numbers, 1 where there is none: the size of noise beside them."""
    if isinstance(data, Encoded):
        return spread_of(data.matrix)
    if sparse.issparse(data):
        mean = np.asarray(data.mean(axis=0)).ravel()
        squares = np.asarray(data.multiply(data).mean(axis=0)).ravel()
        spread = np.sqrt(np.maximum(squares - mean**2, 0.0))
    else:
        try:
            spread = np.asarray(data, dtype=np.float64).std(axis=0)
        except (TypeError, ValueError):
            return 1.0
    positive = spread[(spread > 0) & np.isfinite(spread)]
    return float(np.median(positive)) if positive.size else 1.0


def with_gaussian(y: Array, level: float, size: Array, rng: np.random.Generator) -> Array:
    """Targets (n,) or (n, t) plus Gaussian noise of ``level`` times a size (t,)."""
    noise = rng.standard_normal(y.shape)
    return np.asarray(y + level * (size if y.ndim > 1 else size[0]) * noise)


def with_flips(y: NDArray[Any], level: float, rng: np.random.Generator) -> NDArray[Any]:
    """Labels of which a share is another class, each of the others as likely; the first of every class stays."""
    classes, code, first = *np.unique(y, return_inverse=True)[:2], np.unique(y, return_index=True)[1]
    order = rng.permutation(np.setdiff1d(np.arange(len(y)), first))
    other = (code + rng.integers(1, len(classes), len(y))) % len(classes)
    chosen = order[: round(level * len(y))]
    code[chosen] = other[chosen]
    return np.asarray(classes[code])


def with_swaps(y: NDArray[Any], level: float, rng: np.random.Generator) -> NDArray[Any]:
    """Targets of which a share is dealt out anew among its rows."""
    found = y.copy()
    chosen = rng.permutation(len(y))[: round(level * len(y))]
    found[chosen] = y[rng.permutation(chosen)]
    return found
