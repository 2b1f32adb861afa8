"""Diagnostics of a classifier: the model in use beside no decay, beside the models of folds, and on rows held out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.diagnostics import STABILITY_FOLDS, few_folds
from weightdecay.linear.newton.split import NewtonSplit
from weightdecay.linear.newton.uncertainty import coefficient_stds
from weightdecay.linear.rows import Rows, row_blocks
from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.tuning.class_summary import summarise_classes
from weightdecay.tuning.folds import Folds, natural_count, plan

if TYPE_CHECKING:
    from weightdecay.linear.newton.problem import NewtonProblem

Array = NDArray[np.float64]

# Coefficients up to which the fit without decay is had as well: it takes many steps where classes all but separate.
FREE = 300


def diagnose_classes(problem: NewtonProblem, decay: float, folds: Folds) -> tuple[ClassDiagnostics, ...]:
    """One record of a classifier at a decay; none where the folds leave no row with a prediction.

    The models of all rows come from the course that has made the path, so that this costs one decay of the folds.
    """
    s = problem.rows.s
    folds = _few(problem, folds)
    predicted = np.full((problem.rows.n, len(problem.classes)), np.nan)
    coefs = []
    for rows, probability, coef in held_out_models(problem, decay, folds):
        fresh = np.isnan(predicted[rows, 0])  # of several repetitions the first holds every row out once
        predicted[rows[fresh]] = probability[fresh]
        coefs.append(coef)
    known = np.flatnonzero(np.isfinite(predicted).all(axis=1) & (s > 0))
    if not len(known):
        return ()
    asked = [decay, 0.0] if problem.loss.outputs * problem.rows.p <= FREE else [decay]
    whole = problem.path(np.array(asked))
    shape = (len(asked), problem.loss.outputs, problem.rows.p)
    coef, intercept = whole.coef.reshape(shape), whole.intercept.reshape(shape[:2])
    free = len(asked) > 1 and bool(np.isfinite(coef[1]).all())
    every = np.stack(coefs)
    weight = problem.judge.weights(known)  # without those of classes: shares are of rows
    spread = every.std(axis=0, ddof=1) if len(every) > 1 else np.full(shape[1:], np.nan)
    with problem.working():
        stds = coefficient_stds(problem, decay) or (None, None)
    found = ClassDiagnostics(
        decay=decay,
        classes=problem.classes,
        coef=coef[0],
        intercept=intercept[0],
        unpenalised=coef[1] if free else None,
        unpenalised_intercept=intercept[1] if free else None,
        df=float(whole.df[0]),
        fold_low=every.min(axis=0),
        fold_high=every.max(axis=0),
        fold_std=spread,
        scale=column_scale(problem),
        folds=folds.text,
        held_out=summarise_classes(predicted[known], problem.rows.Y[known, 0], weight),
        columns=problem.columns,
        posterior_std=stds[0],
        sandwich_std=stds[1],
    )
    return (found,)


def _few(problem: NewtonProblem, folds: Folds) -> Folds:
    """A plan of not so many models: of leave-one-out another, of many folds the same, several held out together."""
    positive = problem.facts().positive
    if not folds.leave_one_out:
        return few_folds(folds, problem.rows.n, positive)
    used = np.arange(problem.rows.n) if positive is None else np.flatnonzero(positive)
    strata = problem.strata
    count = STABILITY_FOLDS if strata is None else natural_count(strata[used], STABILITY_FOLDS)
    return plan(min(count, len(used)), problem.rows.n, strata=strata, positive=positive)


def held_out_models(
    problem: NewtonProblem, decay: float, folds: Folds
) -> Iterator[tuple[NDArray[np.intp], Array, Array]]:
    """Of every fold its test rows (m,), their probabilities (m, k), and its coefficients (r, p), in the units given."""
    split: Any = NewtonSplit(problem, folds)
    with problem.working():
        for course in split.courses:
            solved = course.paths.solve(np.array([decay]))
            for member, fold in enumerate(course.folds):
                if fold < 0:
                    continue
                parts = [problem.loss.mean(eta)[:, 0] for _, eta in split.predicted(course, member, solved)]
                coef, intercept = course.units.models(solved[0].V[[member]], np.array([member]))
                coef, _ = problem.scaling.undone(coef, intercept)
                yield course.rows[course.test_rows(member)], np.concatenate(parts), coef[0]


def column_scale(problem: NewtonProblem) -> Array:
    """Weighted standard deviations (p,) of the columns, in the units given."""
    exponent = problem.scaling.columns
    return np.asarray(np.ldexp(_deviations(problem.rows), 0 if exponent is None else exponent))


def _deviations(rows: Rows) -> Array:
    """Weighted standard deviations (p,) of the columns."""
    s, S = rows.s, rows.weight_sum
    if sparse.issparse(rows.X):
        square = np.asarray(rows.X.multiply(rows.X).T @ s).ravel() / S
        return np.asarray(np.sqrt(np.maximum(square - (np.asarray(rows.X.T @ s).ravel() / S) ** 2, 0.0)))
    blocks = list(row_blocks(rows.X))
    mean = sum((s[block] @ part for block, part in blocks), np.zeros(rows.p)) / S
    square = sum((s[block] @ (part - mean) ** 2 for block, part in blocks), np.zeros(rows.p))
    return np.asarray(np.sqrt(square / S))
