"""The models of a form: weights that are not zero, how alike they are between folds, and how long a fit takes."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from functools import singledispatch
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.diagnostics import each_fold
from weightdecay.linear.newton.diagnosis import column_scale, held_out_models
from weightdecay.linear.newton.problem import NewtonProblem
from weightdecay.linear.ridge import RidgeProblem
from weightdecay.studies.foreign import ForeignProblem
from weightdecay.tuning.folds import Folds

Array = NDArray[np.float64]

# A fit is timed again until so many seconds are full, or so many fits were timed; the least counts.
ENOUGH, MOST = 0.2, 7


@singledispatch
def fold_weights(problem: Any, decay: float, folds: Folds) -> Array | None:
    """Weights (F, q) of the models of every fold at λ's prior precision, on standardised columns; None if unknown."""
    return None


@fold_weights.register
def _of_ridge(problem: RidgeProblem, decay: float, folds: Folds) -> Array | None:
    if problem.side.name == "krylov":
        return None
    with problem.working():
        precisions = np.full(problem.rows.t, float(problem.inner(np.array([decay]))[0]) * problem.rows.weight_sum)
        found = np.stack([coef for coef, _ in each_fold(problem, precisions, folds)])
        return np.asarray(found * problem.statistics.std).reshape(len(found), -1)


@fold_weights.register
def _of_newton(problem: NewtonProblem, decay: float, folds: Folds) -> Array | None:
    found = np.stack([coef for *_, coef in held_out_models(problem, decay, folds)])
    return np.asarray(found * column_scale(problem)).reshape(len(found), -1)


@fold_weights.register
def _of_others(problem: ForeignProblem, decay: float, folds: Folds) -> Array | None:
    if math.isinf(decay):
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        models = [problem.at(decay, train)[0] for train, _ in folds.splits()]
    if any(one is None for one in models):
        return None
    coefs = [np.ravel(coef) for coef, _ in problem.model.coefficients(models)]
    return np.stack(coefs) if len({len(one) for one in coefs}) == 1 else None


def alike(weights: Array | None) -> tuple[float, float]:
    """Mean cosine of the weights of two folds, and mean share of their weights not zero that both have.

    nan where there are less than two folds, or where some fold has no weights but zeros.
    """
    if weights is None or len(weights) < 2 or not np.isfinite(weights).all():
        return math.nan, math.nan
    there = (weights != 0).astype(np.float64)
    largest = np.abs(weights).max(axis=1, keepdims=True)
    if not (largest > 0).all():
        return math.nan, math.nan
    scaled = weights / largest
    scaled /= np.sqrt((scaled**2).sum(axis=1, keepdims=True))
    pairs = np.triu_indices(len(weights), 1)
    both = there @ there.T
    either = there.sum(axis=1)[:, None] + there.sum(axis=1) - both
    return float((scaled @ scaled.T)[pairs].mean()), float((both / either)[pairs].mean())


def timed(fit: Callable[[], Any]) -> tuple[Any, float, str]:
    """What a fit gives, the least time of a few, and what it warned of first."""
    total, least, count = 0.0, math.inf, 0
    note, model = "", None
    while count == 0 or (total < ENOUGH and count < MOST):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            start = perf_counter()
            model = fit()
            spent = perf_counter() - start
        note = note or next((str(one.message).partition("\n")[0] for one in caught), "")
        total, least, count = total + spent, min(least, spent), count + 1
    return model, least, note


def counted(problem: Any, model: Any, decay: float, *, joint: bool) -> tuple[float, float]:
    """Weights that are not zero in the model of all rows, and all weights; nan where they cannot be counted."""
    if joint:
        parameters = [one for one in model.module_.parameters() if one.ndim > 1]
        return float(sum(int((one != 0).sum()) for one in parameters)), float(sum(one.numel() for one in parameters))
    try:
        coef = problem.path(np.array([decay])).coef
    except ValueError:  # of a foreign estimator without coefficients
        return math.nan, math.nan
    if not np.isfinite(coef).all():
        return math.nan, float(coef.size)
    return float(np.count_nonzero(coef)), float(coef.size)
