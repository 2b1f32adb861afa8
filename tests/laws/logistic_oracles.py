"""Independent solutions for the log-loss and the Poisson deviance: a plain Newton method, and scikit-learn's refits.

Nothing here uses the package. The objective is written out again from the axiom:

    J(W, b) = (1/Σs) Σ_i s_i loss(y_i, b + x_i W)  +  (λ/2) Σ_j metric_j ‖w_j − c_j‖²,

loss the log-loss of two classes (one coefficient vector), the log-loss of k ≥ 3 classes (softmax, k vectors whose
intercepts sum to 0) or half the Poisson deviance.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, PoissonRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

Floats = NDArray[np.float64]
Index = NDArray[np.intp]


# How many times the loss of J a reported loss is: the deviance is twice the loss of a count.
REPORTED = {"log": 1.0, "poisson": 2.0}
# scikit-learn's own 1e-10 is not enough where there are more columns than rows: losses differ by 4e-7 there.
TIGHT = 1e-13
SHAPES = {"tall": (90, 7), "square": (40, 40), "wide": (40, 70), "one column": (50, 1)}


def problem(n: int, p: int, *, k: int = 2, seed: int = 0, noise: float = 1.0) -> tuple[Floats, NDArray[np.int64]]:
    """Correlated columns of different sizes and places; classes 0 to k − 1, or for k = 0 counts, that depend on them.

    Every class has members among any 12 rows in a row, so that folds of them know all classes.
    """
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.7 * rng.standard_normal((n, 1))
    Z = X / X.std(axis=0)
    X = X * np.exp(rng.uniform(-2, 2, p)) + rng.uniform(-5, 5, p)
    signal = Z @ rng.standard_normal((p, max(k - 1, 1))) / np.sqrt(p)
    if k == 0:
        return X, rng.poisson(np.exp(0.7 + 0.6 * signal[:, 0] / noise)).astype(np.int64)
    scores = np.column_stack([np.zeros(n), 1.5 * signal / noise]) + rng.gumbel(size=(n, k))
    y = scores.argmax(axis=1)
    y[np.arange(n) % 12 == 0], y[np.arange(n) % 12 == 6] = 0, 1
    y[np.arange(n) % 12 == 3] = k - 1
    return X, y.astype(np.int64)


@dataclass(frozen=True)
class Solution:
    """Coefficients (m, p) and intercepts (m,): m = 1 for two classes and for counts, else one per class."""

    coef: Floats
    intercept: Floats

    def predict(self, X: Floats) -> Floats:
        """Linear predictors (n, m)."""
        return np.asarray(X @ self.coef.T + self.intercept)


def indicators(y: Any) -> Floats:
    """Targets (n, m): 0 and 1 for the second of two classes, or one column per class; classes are sorted."""
    classes = np.unique(y)
    table = (np.asarray(y)[:, None] == classes[None, :]).astype(np.float64)
    return table[:, 1:] if len(classes) == 2 else table


def row_losses(kind: str, T: Floats, F: Floats) -> Floats:
    """Losses (n,) of targets T (n, m) at linear predictors F (n, m); for counts half the deviance."""
    if kind == "poisson":
        y, f = T[:, 0], F[:, 0]
        safe = np.where(y > 0, y, 1.0)
        with np.errstate(over="ignore"):  # a step that is too long costs infinity, and is halved
            return np.asarray(np.exp(f) - y - y * (f - np.log(safe)))
    if T.shape[1] == 1:
        return np.asarray(np.logaddexp(0.0, np.where(T[:, 0] > 0, -F[:, 0], F[:, 0])))
    top = F.max(axis=1)
    return np.asarray(np.log(np.exp(F - top[:, None]).sum(axis=1)) + top - (T * F).sum(axis=1))


def means(kind: str, F: Floats) -> Floats:
    """What the linear predictors expect of the targets, (n, m)."""
    if kind == "poisson":
        return np.asarray(np.exp(F))
    if F.shape[1] == 1:
        return np.asarray(1.0 / (1.0 + np.exp(-F)))
    E = np.exp(F - F.max(axis=1, keepdims=True))
    return np.asarray(E / E.sum(axis=1, keepdims=True))


def weighted_scales(X: Floats, s: Floats) -> Floats:
    """Standard deviations with divisor Σs."""
    mean = s @ X / s.sum()
    return np.asarray(np.sqrt(s @ (X - mean) ** 2 / s.sum()))


@dataclass(frozen=True)
class Objective:
    """J on columns Z (n, q), the intercept's ones among them, with a decay D (q,) and a centre for each parameter.

    Parameters are V (q, m). For k ≥ 3 classes a further term keeps the sum over the classes of every row of V at that
    of its centre: at every minimum it is there anyhow where the row is decayed, and J does not know it where it is not.
    """

    kind: str
    Z: Floats
    T: Floats
    s: Floats
    D: Floats
    centre: Floats
    offset: Floats

    def value(self, V: Floats) -> float:
        """J."""
        V = np.asarray(V)
        away = V - self.centre
        return float(
            self.s @ row_losses(self.kind, self.T, self.Z @ V + self.offset)
            + 0.5 * (self.D[:, None] * away**2).sum()
            + 0.5 * (self._free[:, None] * away.sum(axis=1, keepdims=True) ** 2).sum()
        )

    @property
    def _free(self) -> Floats:
        """Weight of the term that no minimiser has: so strong that a tiny D leaves nothing to rounding."""
        return np.full(len(self.D), self.s.sum() if self.T.shape[1] > 1 else 0.0)

    def gradient(self, V: Floats) -> Floats:
        """∇J, (q, m)."""
        away = V - self.centre
        error = means(self.kind, self.Z @ V + self.offset) - self.T
        return np.asarray(
            self.Z.T @ (self.s[:, None] * error)
            + self.D[:, None] * away
            + self._free[:, None] * away.sum(axis=1, keepdims=True)
        )

    def hessian(self, V: Floats) -> Floats:
        """∇²J, (q·m, q·m), parameters in the order of V.T.ravel()."""
        q, m = V.shape
        P = means(self.kind, self.Z @ V + self.offset)
        H = np.zeros((m, q, m, q))
        for a in range(m):
            for b in range(m):
                if m == 1:
                    bend = P[:, 0] if self.kind == "poisson" else P[:, 0] * (1.0 - P[:, 0])
                else:
                    bend = P[:, a] * ((a == b) - P[:, b])
                block = self.Z.T @ ((self.s * bend)[:, None] * self.Z)
                H[a, :, b, :] = block + np.diag(self._free) + (a == b) * np.diag(self.D)
        return H.reshape(m * q, m * q)


def solved(H: Floats, g: Floats) -> Floats:
    """H⁻¹g, or the shortest solution where H is singular."""
    try:
        return np.asarray(cho_solve(cho_factor(H), g))
    except LinAlgError:
        return np.asarray(np.linalg.lstsq(H, g, rcond=1e-14)[0])


def minimise(J: Objective, start: Floats | None = None) -> Floats:
    """The minimiser (q, m) by damped Newton steps on the equilibrated Hessian, until they no longer help."""
    V = J.centre.copy() if start is None else start.copy()
    value = J.value(V)
    for _ in range(200):
        g, H = J.gradient(V), J.hessian(V)
        scale = 1.0 / np.sqrt(np.maximum(np.diag(H), 1e-300))
        step = solved(H * scale[:, None] * scale, g.T.ravel() * scale)
        S = (step * scale).reshape(V.shape[1], V.shape[0]).T
        slope, size = float((g * S).sum()), 1.0
        while size > 1e-10 and not J.value(V - size * S) <= value - 1e-4 * size * slope + 1e-13 * abs(value):
            size /= 2
        V = V - size * S
        value = J.value(V)
        if slope <= 1e-28 * abs(value) or np.abs(S).max() <= 1e-14 * max(np.abs(V).max(), 1e-300):
            break
    return V


def fit(
    kind: str,
    X: Floats,
    T: Floats,
    precision: float,
    *,
    metric: Floats,
    weight: Floats | None = None,
    fit_intercept: bool = True,
    centre: Floats | None = None,
    start: Solution | None = None,
) -> Solution:
    """The minimiser at a prior precision Λ = λ Σs and a decay metric_j per column, in the units of X."""
    s = np.ones(len(X)) if weight is None else weight
    m, p = T.shape[1], X.shape[1]
    c = np.zeros((m, p)) if centre is None else np.broadcast_to(centre, (m, p))
    place = s @ X / s.sum() if fit_intercept else np.zeros(p)
    size = np.sqrt(s @ (X - place) ** 2 / s.sum())
    size = np.where(size > 0, size, 1.0)
    Z = (X - place) / size
    D = precision * metric / size**2
    pull = np.asarray(c * size).T
    first = np.zeros((p, m)) if start is None else (start.coef * size).T
    if fit_intercept:
        Z, D, pull = np.column_stack([Z, np.ones(len(X))]), np.append(D, 0.0), np.vstack([pull, np.zeros(m)])
        base = np.zeros(m) if start is None else start.intercept + start.coef @ place
        first = np.vstack([first, base])
    else:
        place = np.zeros(p)
    J = Objective(kind, Z, T, s, D, pull, np.zeros((len(X), m)))
    V = minimise(J, first if start is not None else None)
    coef = V[:p].T / size
    base = V[p] - coef @ place if fit_intercept else np.zeros(m)
    return Solution(coef, base - base.mean() if fit_intercept and m > 1 else base)


def left_out_losses(
    kind: str, X: Floats, T: Floats, precisions: Iterable[float], metric: Floats, weight: Floats | None = None
) -> Floats:
    """Reported losses (n, L) of n honest refits that keep the full-data metric and the prior precision."""
    s = np.ones(len(X)) if weight is None else weight
    columns = []
    for precision in precisions:
        whole = fit(kind, X, T, precision, metric=metric, weight=s)
        column = np.zeros(len(X))
        for row in range(len(X)):
            rest = s * (np.arange(len(X)) != row)
            without = fit(kind, X[rest > 0], T[rest > 0], precision, metric=metric, weight=rest[rest > 0], start=whole)
            column[row] = REPORTED[kind] * row_losses(kind, T[[row]], without.predict(X[[row]]))[0]
        columns.append(column)
    return np.column_stack(columns)


def refit(kind: str, precision: float, training_weight: float, fit_intercept: bool = True) -> Any:
    """scikit-learn's estimator at a prior precision Λ, converged tightly."""
    if kind == "poisson":
        alpha = precision / training_weight
        return PoissonRegressor(
            alpha=alpha, fit_intercept=fit_intercept, solver="newton-cholesky", tol=TIGHT, max_iter=1000
        )
    return LogisticRegression(
        C=1.0 / precision, fit_intercept=fit_intercept, solver="newton-cholesky", tol=TIGHT, max_iter=1000
    )


def honest_losses(
    X: Any,
    y: Any,
    splits: Sequence[tuple[Index, Index]],
    precisions: Iterable[float],
    *,
    kind: str = "log",
    weight: Floats | None = None,
    standardize: bool = True,
    fit_intercept: bool = True,
) -> Floats:
    """Held-out losses (F, L) of refits for every fold and prior precision, rows weighted throughout.

    The scaler, the fit and the loss see the weights; for counts the loss is the deviance.
    """
    s = np.ones(len(y)) if weight is None else weight
    losses = []
    for train, test in splits:
        train = np.asarray(train)[s[train] > 0]
        scaler = StandardScaler(with_mean=fit_intercept)
        losses.append([])
        for precision in precisions:
            last = refit(kind, precision, s[train].sum(), fit_intercept)
            name = type(last).__name__.lower()
            model = make_pipeline(scaler, last) if standardize else make_pipeline(last)
            weights = {f"{name}__sample_weight": s[train]}
            if standardize:
                weights["standardscaler__sample_weight"] = s[train]
            with warnings.catch_warnings():
                # Line searches that end at the last bits of the objective; the numbers are compared, not the words.
                warnings.simplefilter("ignore", ConvergenceWarning)
                model.fit(X[train], y[train], **weights)
            losses[-1].append(held_out_loss(kind, model, X[test], y[test], s[test]))
    return np.array(losses)


def held_out_loss(kind: str, model: Any, X: Any, y: Any, s: Floats) -> float:
    """Weighted mean log-loss, from linear predictors so that no probability is rounded to 0; or mean deviance."""
    if kind == "poisson":
        return float(np.average(2.0 * row_losses(kind, y[:, None], np.log(model.predict(X))[:, None]), weights=s))
    T = (np.asarray(y)[:, None] == model.classes_[None, :]).astype(np.float64)
    F = model.decision_function(X)
    F = F[:, None] if F.ndim == 1 else F
    T = T[:, 1:] if F.shape[1] == 1 else T
    return float(np.average(row_losses("log", T, F), weights=s))
