"""Records made by hand, from ridge regression in plain numpy: what show is tested with."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.finding import Finding
from weightdecay.records.history import History
from weightdecay.records.later import Known
from weightdecay.records.tuning import Reference, Tuning

Array = NDArray[np.float64]
GRID = np.geomspace(1e-4, 1e3, 40)
FOLDS = 5
PLAN = (
    ColumnPlan("age", "number", ("age", "age is missing"), 7, "gaps take the median 44.45 and are flagged"),
    ColumnPlan("height", "number", ("height",), 0, "taken as it is"),
    ColumnPlan("island", "category", ("island = Biscoe", "island = Dream"), 0, "one column for each of 2 values"),
    ColumnPlan("seen", "date", tuple(f"seen: {part}" for part in ("year", "month", "day", "hour")), 0, "taken apart"),
    ColumnPlan("id", "dropped", (), 0, "left out: a value of its own in every row, like an identifier"),
)


def data(n: int = 60, p: int = 8, noise: float = 2.0, seed: int = 0) -> tuple[Array, Array]:
    """A regression with correlated columns of which every third counts."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + rng.standard_normal((n, 1))
    y = X[:, ::3].sum(axis=1) + noise * rng.standard_normal(n)
    return X, y


def fit(X: Array, y: Array, decay: float) -> tuple[Array, Array, Array]:
    """Coefficients, fitted values and leverages (the intercept's 1/n included) of ridge on centred columns."""
    Z = X - X.mean(axis=0)
    if np.isinf(decay):
        hat = np.zeros((len(y), len(y)))
        coef = np.zeros(X.shape[1])
    else:
        inverse = np.linalg.pinv(Z.T @ Z / len(y) + decay * np.eye(X.shape[1]))
        coef = inverse @ Z.T @ (y - y.mean()) / len(y)
        hat = Z @ inverse @ Z.T / len(y)
    return coef, hat @ y + y.mean(), np.diag(hat) + 1 / len(y)


def decay_path(X: Array, y: Array, decays: Array, columns: tuple[str, ...]) -> DecayPath:
    """The path of ridge fits."""
    fits = [fit(X, y, decay) for decay in decays]
    coef = np.array([one[0] for one in fits])
    return DecayPath(
        decays=decays,
        coef=coef,
        intercept=y.mean() - coef @ X.mean(axis=0),
        df=np.array([one[2].sum() - 1 for one in fits]),
        train_loss=np.array([np.mean((y - one[1]) ** 2) for one in fits]),
        status=("made by hand",) * len(decays),
        columns=columns,
    )


def diagnostics(X: Array, y: Array, decay: float, columns: tuple[str, ...] = (), groups: int = 6) -> Diagnostics:
    """The model at a decay, least squares, and every fifth row held out from models of the others."""
    n = len(y)
    models, predicted = [], np.zeros(n)
    for number in range(FOLDS):
        out = np.arange(n) % FOLDS == number
        coef = fit(X[~out], y[~out], decay * n / (~out).sum())[0]
        predicted[out] = (X[out] - X[~out].mean(axis=0)) @ coef + y[~out].mean()
        models.append(coef)
    order = np.argsort(predicted, kind="stable")
    fitted, residual = predicted[order], (y - predicted)[order]
    parts = np.array_split(np.arange(n), groups)
    coef, least = fit(X, y, decay)[0], fit(X, y, 0.0)[0]
    return Diagnostics(
        decay=decay,
        coef=coef,
        least_squares=least,
        intercept=float(y.mean() - X.mean(axis=0) @ coef),
        least_squares_intercept=float(y.mean() - X.mean(axis=0) @ least),
        df=float(fit(X, y, decay)[2].sum() - 1),
        rank=float(fit(X, y, 0.0)[2].sum() - 1),
        fold_low=np.min(models, axis=0),
        fold_high=np.max(models, axis=0),
        fold_std=np.std(models, axis=0, ddof=1),
        scale=X.std(axis=0),
        folds=f"{FOLDS} folds",
        fitted=fitted,
        residual=residual,
        edges=np.array([*(fitted[part[0]] for part in parts), fitted[-1]]),
        quantiles=np.array([np.quantile(residual[part], [0.05, 0.25, 0.5, 0.75, 0.95]) for part in parts]),
        r2=float(1 - residual @ residual / ((y - y.mean()) ** 2).sum()),
        columns=columns,
    )


def tuning(
    X: Array | None = None,
    y: Array | None = None,
    decays: Array = GRID,
    *,
    columns: tuple[str, ...] = (),
    findings: tuple[Finding, ...] = (),
    targets: int = 0,
    command: str = "weightdecay tune data.csv --target y",
    plan: tuple[ColumnPlan, ...] = (),
    diagnosed: bool = False,
) -> Tuning:
    """A leave-one-out tuning, with diagnostics if they are asked for; of several targets each has its own."""
    if X is None or y is None:
        X, y = data()
    columns = columns or tuple(f"column {j}" for j in range(X.shape[1]))
    decays = np.asarray(decays, dtype=float)
    errors = np.array([((y - f) / (1 - h)) ** 2 for _, f, h in (fit(X, y, decay) for decay in decays)])
    mean, n = errors.mean(axis=1), len(y)
    standard_error = errors.std(axis=1, ddof=1) / np.sqrt(n)
    best = int(np.argmin(mean))
    paired = (errors - errors[best]).std(axis=1, ddof=1) / np.sqrt(n)
    near = np.flatnonzero(mean <= 1.01 * mean[best])
    like = np.flatnonzero(mean - mean[best] <= paired)
    one_se = int(np.flatnonzero(mean <= mean[best] + standard_error[best]).max())
    references = []
    for name, decay in (("no decay", 0.0), ("sklearn alpha=1", 1 / n), ("infinite decay", np.inf)):
        _, fitted, leverage = fit(X, y, decay)
        lost = ((y - fitted) / (1 - leverage)) ** 2
        references.append(Reference(name, decay, float(lost.mean()), float((lost - errors[best]).std() / np.sqrt(n))))
    several = tuple(
        tuning(X, y + 3 * k * X[:, 0], decays, columns=columns, command="", diagnosed=diagnosed) for k in range(targets)
    )
    found = diagnostics(X, y, float(decays[best]), columns) if diagnosed and not targets else None
    return Tuning(
        decays=decays,
        losses=mean[None],
        weight=np.array([float(n)]),
        mean=mean,
        standard_error=standard_error,
        paired=paired,
        decay=float(decays[best]),
        decay_min=float(decays[best]),
        decay_1se=float(decays[one_se]),
        window=(float(decays[near.min()]), float(decays[near.max()])),
        plausible=(float(decays[like.min()]), float(decays[like.max()])),
        status=np.full((1, len(decays)), "exact"),
        rule="min",
        cv="leave-one-out",
        scoring="mean squared error",
        model_name="LinearRegression",
        tolerance=0.01,
        standardize=True,
        n_rows=n,
        weight_sum=float(n),
        y_std=float(y.std()),
        references=tuple(references),
        columns=columns,
        targets=several,
        command=command,
        plan=plan,
        later=Known({"gcv": mean * 1.01}, decay_path(X, y, decays, columns), findings, found),
    )


def history(decay: float, epochs: int = 200, p: int = 3, *, converged: bool = True) -> History:
    """Gradient descent on a small regression."""
    X, y = data(p=p)
    weights = [np.zeros(p)]
    for _ in range(epochs):
        w = weights[-1]
        weights.append(w - 0.05 * (X.T @ (X @ w - y) / len(y) + decay * w))
    loss = np.array([0.5 * np.mean((y - X @ w) ** 2) + 0.5 * decay * w @ w for w in weights])
    message = "converged" if converged else "stopped before the tolerance was met"
    return History(decay, np.array(weights), loss, converged, message, tuple(f"column {j}" for j in range(p)))
