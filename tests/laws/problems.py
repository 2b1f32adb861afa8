"""Regression problems of every shape, and honest refits of scikit-learn to hold them against."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
Index = NDArray[np.intp]

SHAPES = {"tall": (60, 7), "square": (24, 24), "wide": (30, 55), "one column": (25, 1)}


def regression(n: int, p: int, *, t: int = 0, seed: int = 0, noise: float = 1.0) -> tuple[Floats, Floats]:
    """Correlated columns of different sizes and places, and targets (n,) or (n, t)."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.7 * rng.standard_normal((n, 1))
    X = X * np.exp(rng.uniform(-2, 2, p)) + rng.uniform(-5, 5, p)
    scale = np.std(X, axis=0)
    shape = (p,) if t == 0 else (p, t)
    signal = (X / scale) @ rng.standard_normal(shape)
    return X, 3.0 + signal + noise * rng.standard_normal(signal.shape) * np.std(signal)


def pipeline_losses(
    X: Any, Y: Floats, splits: Iterator[tuple[Index, Index]], precisions: Floats, weight: Floats | None = None
) -> Floats:
    """Held-out mean squared errors (F, L) of StandardScaler and Ridge, refitted for every fold and precision.

    Rows are weighted throughout: in the scaler, in the fit and in the error.
    """
    s = np.ones(len(Y)) if weight is None else weight
    losses = []
    for train, test in splits:
        row = []
        for precision in precisions:
            model = make_pipeline(
                StandardScaler(), Ridge(alpha=precision, solver="svd" if precision < 1e-6 else "cholesky")
            )
            model.fit(X[train], Y[train], standardscaler__sample_weight=s[train], ridge__sample_weight=s[train])
            error = (Y[test] - model.predict(X[test])) ** 2
            error = error if error.ndim == 1 else error.mean(axis=1)
            row.append(np.average(error, weights=s[test]))
        losses.append(row)
    return np.array(losses)


def weighted_scales(X: Floats, s: Floats) -> Floats:
    """Standard deviations with divisor Σs."""
    mean = s @ X / s.sum()
    return np.sqrt(s @ (X - mean) ** 2 / s.sum())


def ridge(
    X: Floats, y: Floats, precision: float, s: Floats, metric: Floats, *, fit_intercept: bool = True
) -> tuple[Floats, float]:
    """Coefficients and intercept of the minimiser of ½Σ s (y − b − x·w)² + ½Λ Σ metric_j w_j², by a stacked system.

    Least squares on rows √s (1, x) and √(Λ metric) e_j: no product of X with itself is formed.
    """
    p = X.shape[1]
    ones = np.ones((len(X), 1)) if fit_intercept else np.zeros((len(X), 0))
    root = np.sqrt(s)[:, None]
    top = np.hstack([X, ones]) * root
    bottom = np.hstack([np.diag(np.sqrt(precision * metric)), np.zeros((p, ones.shape[1]))])
    solution, *_ = np.linalg.lstsq(np.vstack([top, bottom]), np.concatenate([y * root[:, 0], np.zeros(p)]), rcond=None)
    return solution[:p], float(solution[p]) if fit_intercept else 0.0
