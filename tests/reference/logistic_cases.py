"""The problems whose extended-precision solutions are kept in logistic_golden.json: data, prior precision, axis."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Case:
    """One fit: which rows and columns of which data, at which Λ = λ·Σs, and whether on standardised columns."""

    data: str
    precision: float
    standardize: bool = True
    weighted: bool = False
    rows: int | None = None
    columns: int | None = None
    fit_intercept: bool = True

    @property
    def kind(self) -> str:
        """Which loss."""
        return "poisson" if self.data == "diabetes" else "log"

    def arrays(self) -> tuple[Floats, NDArray[np.int64], Floats]:
        """X (n, p), classes or counts (n,), weights (n,)."""
        X, y = data(self.data)
        step = 1 if self.rows is None else len(y) // self.rows
        X, y = X[::step][: self.rows, : self.columns], y[::step][: self.rows]
        return X, y, 1.0 + np.arange(len(y)) % 3 if self.weighted else np.ones(len(y))


@cache
def data(name: str) -> tuple[Floats, NDArray[np.int64]]:
    """Raw columns, and classes or counts."""
    if name == "diabetes":
        X, y = load_diabetes(return_X_y=True, scaled=False)
    else:
        X, y = {"breast cancer": load_breast_cancer, "wine": load_wine}[name](return_X_y=True)
    return np.asarray(X, dtype=np.float64), np.asarray(y).astype(np.int64)


# Named after scikit-learn's C = 1/Λ where they are classes.
CASES: Mapping[str, Case] = {
    f"{name} {axis} {'C' if name != 'diabetes' else '1/precision'}={C:g}": Case(name, 1.0 / C, axis == "standardised")
    for name in ("breast cancer", "wine", "diabetes")
    for axis in ("standardised", "raw")
    for C in (1.0, 100.0)
} | {
    "breast cancer weighted": Case("breast cancer", 1.0, weighted=True),
    "breast cancer weighted raw": Case("breast cancer", 1.0, False, weighted=True),
    "breast cancer without intercept": Case("breast cancer", 1.0, fit_intercept=False),
    "breast cancer wide": Case("breast cancer", 0.1, rows=20),
    "breast cancer wide raw": Case("breast cancer", 0.1, False, rows=20),
    "breast cancer without decay": Case("breast cancer", 0.0, columns=4),
    "wine weighted": Case("wine", 1.0, weighted=True),
    "wine wide": Case("wine", 0.1, rows=11),
    "diabetes without decay": Case("diabetes", 0.0),
}
