"""What is to come out, computed from clean columns by NumPy and scikit-learn alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold

from catalogue.cases import Columns

Array = NDArray[np.float64]
DECAYS = (0.01, 1.0)
FOLDS = 4


class Expected(NamedTuple):
    """Names of the wide columns, coefficients (L, p), intercepts (L,) and held-out losses (F, L)."""

    names: tuple[str, ...]
    coef: Array
    intercept: Array
    losses: Array


def split_off(clean: Columns) -> tuple[dict[str, Sequence[Any]], Array, Array]:
    """The columns to learn from, the target and the weights."""
    columns = {name: column for name, column in clean.items() if name not in ("y", "weight")}
    y = np.array(clean["y"], dtype=float)
    return columns, y, np.array(clean.get("weight", np.ones(len(y))), dtype=float)


def expected(clean: Columns) -> Expected:
    """Ridge on standardised columns, all rows and fold by fold, gaps filled in by what the rows learned from have."""
    # Columns are looked up by who they are: they do not change, and some are very many.
    if id(clean) not in _KNOWN:
        _KNOWN[id(clean)] = (clean, _expected(clean))
    return _KNOWN[id(clean)][1]


_KNOWN: dict[int, tuple[Columns, Expected]] = {}


def _expected(clean: Columns) -> Expected:
    columns, y, weight = split_off(clean)
    every = np.arange(len(y))
    names, models = fits(columns, y, weight, every)
    losses = np.empty((FOLDS, len(DECAYS)))
    used = np.flatnonzero(weight)
    for fold, halves in enumerate(KFold(FOLDS, shuffle=True, random_state=0).split(used)):
        train, test = (used[half] for half in halves)
        for place, model in enumerate(fits(columns, y, weight, train)[1]):
            losses[fold, place] = np.average((y - model.predictions)[test] ** 2, weights=weight[test])
    return Expected(names, np.array([one.coef for one in models]), np.array([one.intercept for one in models]), losses)


class Model(NamedTuple):
    """Coefficients in original units, the intercept, and the predictions of all rows."""

    coef: Array
    intercept: float
    predictions: Array


def fits(
    columns: Mapping[str, Sequence[Any]], y: Array, weight: Array, train: NDArray[np.intp]
) -> tuple[tuple[str, ...], list[Model]]:
    """Models of some rows at `DECAYS`; the prior precision of each is that of all rows."""
    train = train[weight[train] > 0]
    names, X = wide(columns, train, weight > 0)
    s = weight[train]
    size = np.maximum(np.abs(X[train]).max(axis=0), 1e-300)
    centre = size * np.average(X[train] / size, axis=0, weights=s)
    centred = X - centre
    scale = size * np.sqrt(np.average((centred[train] / size) ** 2, axis=0, weights=s))
    varies = scale > 1e-12 * size
    scaled, mean, models = centred[:, varies] / scale[varies], float(np.average(y[train], weights=s)), []
    for decay in DECAYS:
        coef, predictions = np.zeros(X.shape[1]), np.full(len(y), mean)
        if varies.any():
            model = Ridge(alpha=decay * weight.sum(), solver="svd").fit(scaled[train], y[train], sample_weight=s)
            coef[varies] = model.coef_ / scale[varies]
            predictions = model.predict(scaled)
        models.append(Model(coef, mean - float(centre @ coef), predictions))
    return names, models


def predicted(clean: Columns, new: Columns, decay: int = 0) -> Array:
    """Predictions for new rows of a model of clean ones."""
    columns, y, weight = split_off(clean)
    both = {name: [*column, *new[name]] for name, column in columns.items()}
    rows = len(next(iter(new.values())))
    models = fits(both, np.append(y, np.zeros(rows)), np.append(weight, np.zeros(rows)), np.arange(len(y)))[1]
    return models[decay].predictions[len(y) :]


def wide(
    columns: Mapping[str, Sequence[Any]], train: NDArray[np.intp], counted: NDArray[np.bool_]
) -> tuple[tuple[str, ...], Array]:
    """All rows as numbers: medians and most frequent levels are those of the rows learned from."""
    names: list[str] = []
    made: list[Any] = []
    for name, column in columns.items():
        filled, gaps = list(column), [value is None for value in column]
        there = [column[row] for row in train if column[row] is not None] if any(gaps) else []
        if any(isinstance(value, str) for value in column):
            levels = sorted({value for value, used in zip(column, counted, strict=True) if used and value is not None})
            if there:
                most = max(map(there.count, levels))
                first = next(level for level in levels if there.count(level) == most)
                filled = [first if gap else value for value, gap in zip(column, gaps, strict=True)]
            names += [f"{name} = {level}" for level in levels]
            made += [[value == level for value in filled] for level in levels]
        else:
            if there:
                median = float(np.median(there))
                filled = [median if gap else value for value, gap in zip(column, gaps, strict=True)]
            names.append(name)
            made.append(filled)
        if any(gap for gap, used in zip(gaps, counted, strict=True) if used):
            names.append(f"{name.removesuffix(' in days')} is missing")
            made.append(gaps)
    return tuple(names), np.array(made, dtype=float).T
