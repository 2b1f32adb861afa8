"""Records of classifiers made by hand with scikit-learn's logistic regression: what show is tested with."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold

from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.later import Known
from weightdecay.records.tuning import Reference, Tuning
from weightdecay.tuning.class_summary import summarise_classes

Array = NDArray[np.float64]
Codes = NDArray[np.intp]
GRID = np.geomspace(1e-3, 10.0, 9)
FOLDS = 4
COMMAND = "weightdecay tune data.csv --target y"


def class_data(k: int = 2, n: int = 240, p: int = 4, seed: int = 0) -> tuple[Array, Codes]:
    """Columns of which the first few tell the classes apart, and the classes of the rows."""
    rng = np.random.default_rng(seed)
    code = np.arange(n) % k
    centres = rng.standard_normal((k, p)) * 1.2
    return centres[code] + rng.standard_normal((n, p)), code


def model(X: Array, code: Codes, decay: float) -> tuple[Array, Array]:
    """Coefficients (r, p) and intercepts (r,) at λ = 1/(n C)."""
    fit = LogisticRegression(C=1 / (max(decay, 1e-9) * len(X)), tol=1e-8, max_iter=5000).fit(X, code)
    return fit.coef_, fit.intercept_


def predicted(X: Array, coef: Array, intercept: Array) -> Array:
    """Probabilities (n, k)."""
    eta = X @ coef.T + intercept
    eta = np.column_stack([np.zeros(len(X)), eta]) if eta.shape[1] == 1 else eta
    raised = np.exp(eta - eta.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def held_out(X: Array, code: Codes, decay: float) -> tuple[Array, list[Array]]:
    """Probabilities of held-out rows (n, k) and the coefficients of the folds' models."""
    P, models = np.zeros((len(X), code.max() + 1)), []
    for train, test in StratifiedKFold(FOLDS).split(X, code):
        coef, intercept = model(X[train], code[train], decay * len(X) / len(train))
        P[test] = predicted(X[test], coef, intercept)
        models.append(coef)
    return P, models


def class_diagnostics(
    k: int = 2, decay: float = 0.1, *, n: int = 240, p: int = 4, names: tuple[str, ...] = ()
) -> ClassDiagnostics:
    """The classifier at a decay, without decay, and held out."""
    found = _diagnostics(k, decay, n, p)
    return replace(found, classes=names) if names else found


@cache
def _diagnostics(k: int, decay: float, n: int, p: int) -> ClassDiagnostics:
    """The same, its classes without names of their own."""
    X, code = class_data(k, n, p)
    P, models = held_out(X, code, decay)
    coef, intercept = model(X, code, decay)
    free, free_intercept = model(X, code, 0.0)
    return ClassDiagnostics(
        decay=decay,
        classes=tuple(f"class {at}" for at in range(k)),
        coef=coef,
        intercept=intercept,
        unpenalised=free,
        unpenalised_intercept=free_intercept,
        df=float(0.9 * coef.size),
        fold_low=np.min(models, axis=0),
        fold_high=np.max(models, axis=0),
        fold_std=np.std(models, axis=0, ddof=1),
        scale=X.std(axis=0),
        folds=f"{FOLDS} folds",
        held_out=summarise_classes(P, code, np.ones(n)),
        columns=tuple(f"column {j}" for j in range(p)),
    )


def class_tuning(
    k: int = 2,
    *,
    n: int = 240,
    p: int = 4,
    diagnosed: bool = True,
    names: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
) -> Tuning:
    """A tuned classifier with its path and, if they are asked for, its diagnostics."""
    tuning = _tuning(k, n, p)
    classes = names or tuning.classes
    path = replace(tuning.path, target_names=() if k == 2 else classes)
    found = class_diagnostics(k, tuning.decay, n=n, p=p, names=classes) if diagnosed else None
    return replace(tuning, classes=classes, later=Known({}, path, findings, found))


@cache
def _tuning(k: int, n: int, p: int) -> Tuning:
    """The same without diagnostics, findings and names of its own."""
    X, code = class_data(k, n, p)
    at = np.arange(n)
    rows = np.array([-np.log(held_out(X, code, decay)[0][at, code]) for decay in GRID])
    mean = rows.mean(axis=1)
    best = int(mean.argmin())
    near = np.flatnonzero(mean <= 1.01 * mean[best])
    constant = float(-np.log(np.bincount(code) / n)[code].mean())
    free = float(-np.log(held_out(X, code, 0.0)[0][at, code]).mean())
    fits = [model(X, code, decay) for decay in GRID]
    train = np.array([-np.log(predicted(X, *fit)[at, code]).mean() for fit in fits])
    coef, intercept = (np.array([fit[part] for fit in fits]) for part in (0, 1))
    path = DecayPath(
        decays=GRID,
        coef=coef[:, 0] if k == 2 else coef,
        intercept=intercept[:, 0] if k == 2 else intercept,
        df=coef[0].size / (1 + GRID),
        train_loss=train,
        status=("made by hand",) * len(GRID),
        columns=tuple(f"column {j}" for j in range(p)),
    )
    error, paired = (one.std(axis=1, ddof=1) / np.sqrt(n) for one in (rows, rows - rows[best]))
    return Tuning(
        decays=GRID,
        losses=mean[None],
        weight=np.array([float(n)]),
        mean=mean,
        standard_error=error,
        paired=paired,
        decay=float(GRID[best]),
        decay_min=float(GRID[best]),
        decay_1se=float(GRID[np.flatnonzero(mean <= mean[best] + error[best]).max()]),
        window=(float(GRID[near.min()]), float(GRID[near.max()])),
        plausible=(float(GRID[near.min()]), float(GRID[near.max()])),
        status=np.full((1, len(GRID)), "exact"),
        rule="min",
        cv=f"{FOLDS} folds",
        scoring="log-loss",
        model_name="LogisticRegression",
        tolerance=0.01,
        standardize=True,
        n_rows=n,
        weight_sum=float(n),
        references=(Reference("no decay", 0.0, free, 0.01), Reference("infinite decay", np.inf, constant, 0.05)),
        columns=path.columns,
        classes=tuple(f"class {number}" for number in range(k)),
        command=COMMAND,
        later=Known({}, path),
    )


def with_diagnostics(tuning: Tuning, found: ClassDiagnostics | None) -> Tuning:
    """The same tuning with other diagnostics."""
    return replace(tuning, later=Known({}, tuning.path, tuning.findings, found))
