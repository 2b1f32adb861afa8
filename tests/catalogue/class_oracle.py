"""What is to come out of targets of classes, computed from clean columns by NumPy and scikit-learn alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from catalogue.cases import Columns
from catalogue.oracle import wide

Array = NDArray[np.float64]
DECAYS = (0.03, 1.0)


class Expected(NamedTuple):
    """Names of the wide columns, classes, coefficients (L, r, p), intercepts (L, r), and held-out losses (F, L)."""

    names: tuple[str, ...]
    classes: list[Any]
    coef: Array
    intercept: Array
    losses: Array


def split_off(clean: Columns) -> tuple[dict[str, Sequence[Any]], NDArray[Any], Array]:
    """The columns to learn from, the labels and the weights."""
    columns = {name: column for name, column in clean.items() if name not in ("y", "weight")}
    y = np.array(clean["y"], dtype=object if isinstance(clean["y"][0], str) else None)
    return columns, y, np.array(clean.get("weight", np.ones(len(y))), dtype=float)


def expected(clean: Columns, folds: Sequence[tuple[Any, Any]]) -> Expected:
    """Logistic regression on standardised columns, of all rows and fold by fold, at the prior precision of all."""
    columns, y, weight = split_off(clean)
    names, models = fits(columns, y, weight, np.arange(len(y)))
    losses = np.array([[held_out(columns, y, weight, pair, place) for place in range(len(DECAYS))] for pair in folds])
    coef, intercept = np.array([one[0] for one in models]), np.array([one[1] for one in models])
    return Expected(names, np.unique(y[weight > 0]).tolist(), coef, intercept, losses)


def held_out(
    columns: dict[str, Sequence[Any]], y: NDArray[Any], weight: Array, pair: tuple[Any, Any], place: int
) -> float:
    """The log-loss of a fold's test rows."""
    train, test = pair
    test = test[weight[test] > 0]
    _, models = fits(columns, y, weight, train)
    probability = models[place][2][test]
    chosen = probability[np.arange(len(test)), np.searchsorted(np.unique(y[weight > 0]), y[test])]
    return float(np.average(-np.log(chosen), weights=weight[test]))


def fits(
    columns: dict[str, Sequence[Any]], y: NDArray[Any], weight: Array, train: NDArray[np.intp]
) -> tuple[tuple[str, ...], list[tuple[Array, Array, Array]]]:
    """Coefficients and intercepts in original units, and probabilities of all rows, at `DECAYS`."""
    train = train[weight[train] > 0]
    names, X = wide(columns, train, weight > 0)
    s = weight[train]
    centre = np.average(X[train], axis=0, weights=s)
    scale = np.sqrt(np.average((X[train] - centre) ** 2, axis=0, weights=s))
    scale[scale < 1e-12] = np.inf
    Z, code, found = (X - centre) / scale, np.unique(y[train], return_inverse=True)[1], []
    for decay in DECAYS:
        model = LogisticRegression(C=1 / (decay * weight.sum()), solver="newton-cholesky", tol=1e-12, max_iter=1000)
        model.fit(Z[train], code, sample_weight=s)
        coef = model.coef_ / scale
        intercept = model.intercept_ - coef @ centre
        found.append((coef, intercept - (intercept.mean() if len(coef) > 1 else 0), model.predict_proba(Z)))
    return names, found
