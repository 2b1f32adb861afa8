"""Diagnostics of ridge: the model in use beside least squares, beside the models of folds, and on rows held out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.design import Design
from weightdecay.linear.dual import fit_duals
from weightdecay.linear.dual_models import dual_models
from weightdecay.linear.elastic_net import NAME
from weightdecay.linear.fold_maps import fold_maps
from weightdecay.linear.rows import Rows, row_blocks
from weightdecay.linear.uncertainty import Uncertainty, uncertainty
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.tuning.folds import Folds, from_splits, plan

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Leave-one-out has too many models to show, which hardly differ; folds of their own take its place.
STABILITY_FOLDS = 10
MOST_FOLDS = 100
# Predictions of all folds for the rows of a block.
PREDICTED = 2_000_000
# Rows drawn in the picture of residuals, and the groups of predictions that all rows fall into.
POINTS = 2000
GROUPS = 12
FEWEST_IN_GROUP = 10
LEVELS = (0.05, 0.25, 0.5, 0.75, 0.95)


@dataclass(frozen=True, eq=False)
class FoldModels:
    """Models of every fold (F, t, p), (F, t), and predictions (n, t) of the rows that some fold holds out."""

    coef: Array
    intercept: Array
    prediction: Array
    held_out: NDArray[np.bool_]


def diagnose(problem: Any, decays: Array, folds: Folds) -> tuple[Diagnostics, ...]:
    """One record per target at its decay (t,); none where there are no folds to be had, or models are iterative."""
    rows: Rows = problem.rows
    if problem.side.name == "krylov":
        return ()
    folds = few_folds(folds, rows.n, problem.facts().positive)
    with problem.working():
        precisions = problem.inner(decays) * rows.weight_sum
        models = _fold_models(problem, precisions, folds)
        scale = np.ldexp(problem.statistics.std, 0 if problem.scaling.columns is None else problem.scaling.columns)
        whole = problem.side.models(np.concatenate([[0.0], precisions]))
        spread = uncertainty(problem, precisions, whole)
    found = []
    coef, intercept = problem.scaling.undone(whole.coef, whole.intercept)
    fold_coef, _ = problem.scaling.undone(models.coef, models.intercept)
    several = len(models.coef) > 1
    std = models.coef.std(axis=0, ddof=1) if several else np.full((rows.t, rows.p), np.nan)
    fold_std, _ = problem.scaling.undone(std, models.intercept[0])  # before squares of extreme numbers
    for t in range(rows.t):
        own = fold_coef[:, t]
        shown = _residuals(rows.Y[:, t], models.prediction[:, t], models.held_out, rows.s)
        unit = problem.scaling.target
        found.append(
            Diagnostics(
                decay=float(decays[t]),
                coef=coef[1 + t, t],
                least_squares=coef[0, t],
                intercept=float(intercept[1 + t, t]),
                least_squares_intercept=float(intercept[0, t]),
                df=float(whole.df[1 + t] if whole.df.ndim == 1 else whole.df[1 + t, t]),
                rank=float(np.max(whole.df[0])),
                fold_low=own.min(axis=0),
                fold_high=own.max(axis=0),
                fold_std=fold_std[t],
                scale=scale,
                folds=folds.text,
                fitted=shown.fitted * unit,
                residual=shown.residual * unit,
                edges=shown.edges * unit,
                quantiles=shown.quantiles * unit,
                r2=shown.r2,
                columns=problem.columns,
                **_spread(problem, spread, t),
            )
        )
    return tuple(found)


def _spread(problem: Any, spread: Uncertainty, t: int) -> dict[str, Any]:
    """Standard deviations of one target's coefficients, in the units of the columns."""
    found: dict[str, Any] = {}
    for name in ("posterior", "sandwich"):
        std = getattr(spread, name)[t]
        coef, intercept = problem.scaling.undone(std[1:], std[:1])
        found |= {f"{name}_std": coef, f"{name}_intercept_std": float(intercept[0])}
    return found


def few_folds(folds: Folds, n: int, positive: NDArray[np.bool_] | None) -> Folds:
    """A plan of not so many models: of leave-one-out another, of many folds the same, several held out together.

    Whoever is held out together stays so, and whoever trains has trained each of those folds.
    """
    if folds.leave_one_out:
        used = n if positive is None else int(np.count_nonzero(positive))
        return plan(min(STABILITY_FOLDS, used), n, positive=positive)
    if len(folds.repeat) <= MOST_FOLDS:
        return folds
    pairs = [pair for pair, repeat in zip(folds.splits(), folds.repeat, strict=True) if repeat == folds.repeat[0]]
    merged = []
    for part in np.array_split(np.arange(len(pairs)), min(STABILITY_FOLDS, len(pairs))):
        train = np.ones(n, dtype=bool)
        for fold in part:
            train &= np.isin(np.arange(n), pairs[fold][0])
        test = np.setdiff1d(np.concatenate([pairs[fold][1] for fold in part]), np.flatnonzero(train))
        if train.any() and len(test):
            merged.append((np.flatnonzero(train), test))
    return from_splits(merged, n, f"{len(merged)} folds, each of several of the {folds.text}") if merged else folds


def _fold_models(problem: Any, precisions: Array, folds: Folds) -> FoldModels:
    """Models of all folds at one Λ per target, in the columns of the wide design, and what they predict."""
    rows: Rows = problem.rows
    coef, intercept = map(np.stack, zip(*each_fold(problem, precisions, folds), strict=True))
    held_out_by = np.full(rows.n, -1)
    for fold, (_, test) in enumerate(folds.splits()):
        # Of several repetitions the first holds every row out once.
        held_out_by[test[held_out_by[test] < 0]] = fold
    prediction, (F, t, p) = np.empty((rows.n, rows.t)), coef.shape
    for block, part in row_blocks(rows.X, maximum=max(256, PREDICTED // (F * t))):
        every = (part @ coef.reshape(F * t, p).T).reshape(-1, F, t) + intercept
        prediction[block] = every[np.arange(len(every)), held_out_by[block]]
    return FoldModels(coef, intercept, prediction, (held_out_by >= 0) & (rows.s > 0))


def each_fold(problem: Any, precisions: Array, folds: Folds) -> Iterator[tuple[Array, Array]]:
    """Coefficients (t, p) and intercepts (t,) of one fold after another."""
    rows: Rows = problem.rows
    design: Design = problem.design
    different, which = np.unique(precisions, return_inverse=True)
    own = which, np.arange(rows.t)
    if problem.side.name in ("moments", NAME):
        split = problem.side.fold_split(folds)
        for fold in range(len(folds.repeat)):
            coef, intercept, *_ = split.models(fold, different)
            found = coef[own] + problem.centre
            yield found, intercept[own] + split.shift.y - found @ split.shift.x
        return
    side = problem.side
    maps = fold_maps(rows, folds)
    for (train, test), mapped in zip(folds.splits(), maps, strict=True):
        pair = train[rows.s[train] > 0], test
        (fit,) = fit_duals(rows, design, [pair], rows.Y - side.offset, None, [mapped])
        if not fit.trusted(different).all():
            (fit,) = side.triangular_fits([pair], [mapped])
        coef, intercept = dual_models(rows if mapped is None else mapped.rows(rows), fit, different)
        coef = coef if mapped is None else mapped.of_wide(coef)
        found = coef[own] + problem.centre
        yield found, intercept[own] - (problem.centre @ side.centre_shift if problem.centre.any() else 0.0)


@dataclass(frozen=True, eq=False)
class _Residuals:
    fitted: Array
    residual: Array
    edges: Array
    quantiles: Array
    r2: float


def _residuals(y: Array, prediction: Array, held_out: NDArray[np.bool_], s: Array) -> _Residuals:
    """What is shown of held-out residuals: some of them, and their quantiles in groups of like predictions."""
    where = np.flatnonzero(held_out)
    order = where[np.argsort(prediction[where], kind="stable")]
    fitted, residual, weight = prediction[order], y[order] - prediction[order], s[order]
    mean = weight @ y[order] / weight.sum()
    total = weight @ (y[order] - mean) ** 2
    r2 = 1.0 - float(weight @ residual**2 / total) if total > 0 else float("nan")
    share = np.concatenate([[0.0], np.cumsum(weight)]) / weight.sum()
    effective = weight.sum() ** 2 / (weight @ weight)  # rows, were they all of one weight
    groups = max(1, min(GROUPS, int(effective / FEWEST_IN_GROUP)))
    bounds = np.unique(np.searchsorted(share, np.linspace(0.0, 1.0, groups + 1) - 1e-12))
    edges = fitted[np.minimum(bounds, len(order) - 1)]
    quantiles = np.array([_quantiles(residual[low:high], weight[low:high]) for low, high in pairwise(bounds)])
    some = np.unique(np.linspace(0, len(order) - 1, min(POINTS, len(order))).round().astype(np.intp))
    return _Residuals(fitted[some], residual[some], edges, quantiles, r2)


def _quantiles(values: Array, weight: Array) -> Array:
    """The least values that have at least such shares of the weight up to them."""
    return np.quantile(values, LEVELS, weights=weight, method="inverted_cdf")
