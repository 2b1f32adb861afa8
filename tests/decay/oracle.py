"""An independent judge: a small real data set, and what J's own conditions say about coefficients fitted elsewhere.

Nothing here uses the package: λ comes in as a number, and the mathematics is written out again.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.datasets import load_diabetes

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Fit:
    """What a tool made of the toy data: its coefficients at one value of its parameter."""

    convention: str
    tool: str
    loss: str  # squared | sign (squared, of classes as ±1) | log | poisson | gamma
    value: float
    coef: tuple[float, ...]
    intercept: float | None  # None: the tool fitted none
    mix: float = 0.0  # the tool's own share of L1
    columns: str = "raw"  # the columns it was given: raw | scaled | either with "+1", a constant to be decayed
    inside: bool = False  # whether its strength acts on columns that it standardised itself
    weighted: bool = False
    facts: dict[str, Any] = field(default_factory=dict)
    tolerance: float = 1e-6  # on the strength, relative


@cache
def toy() -> tuple[Floats, Floats, Floats, Floats, Floats]:
    """Return X (40, 4), y, classes, counts and sample weights: every eleventh patient of the diabetes data."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    X, y = X[::11][:40, [0, 2, 3, 8]].astype(float), y[::11][:40].astype(float)
    return X, y, (y > 140).astype(float), np.floor(y / 50), 1.0 + np.arange(len(y)) % 3


def columns(name: str) -> Floats:
    """Return the toy columns by name: raw or scaled (mean 0, variance 1 with divisor n), with a constant if '+1'."""
    X = toy()[0]
    X = (X - X.mean(0)) / X.std(0) if name.startswith("scaled") else X
    return np.column_stack([X, np.ones(len(X))]) if name.endswith("+1") else X


def target(loss: str) -> Floats:
    """Return the toy target of a loss."""
    _, y, classes, counts, _ = toy()
    return {"squared": y, "sign": 2 * classes - 1, "gamma": y, "log": classes, "poisson": counts}[loss]


def slope(loss: str, y: Floats, f: Floats) -> Floats:
    """Return the derivative of the loss ½(y−f)², log-loss or deviance/2 by the linear predictor f."""
    if loss == "gamma":
        return np.asarray(1.0 - y * np.exp(-f))
    return np.asarray({"squared": f, "sign": f, "log": 1 / (1 + np.exp(-f)), "poisson": np.exp(f)}[loss] - y)


def weighted_std(y: Floats, s: Floats) -> float:
    """Return the standard deviation with weights and divisor Σs."""
    return float(np.sqrt(np.average((y - np.average(y, weights=s)) ** 2, weights=s)))


def misfit(fit: Fit, X: Floats, y: Floats, s: Floats, decay: float, rho: float) -> float:
    """Return by how much (−∇loss) misses λ∂R at the tool's coefficients, relative to λ times the largest entry of ∂R.

    A strength wrong by one in a thousand gives about a thousandth. The gradient by the intercept counts as well.
    """
    w = np.array(fit.coef)
    sigma = np.array([weighted_std(x, s) for x in X.T]) if fit.inside else np.ones(X.shape[1])
    r = s * slope(fit.loss, y, X @ w + (fit.intercept or 0.0)) / s.sum()
    gradient = X.T @ r / sigma  # by z = σw, where λ acts
    z = sigma * w
    pull = (1 - rho) * z + rho * np.sign(z)
    miss = np.where(z == 0, np.maximum(np.abs(gradient) - decay * rho, 0), np.abs(gradient + decay * pull))
    free = 0.0 if fit.intercept is None else abs(r.sum())
    return float(max(miss.max(), free) / (decay * np.abs(pull).max()))


def minimise(loss: str, X: Floats, y: Floats, decay: Floats, intercept: bool, s: Floats | None = None) -> Floats:
    """Return (w, b) that minimises J for ρ = 0 by damped Newton steps, with λ per column (b is 0 if not fitted)."""
    s = np.ones(len(y)) if s is None else s
    A = np.column_stack([X, np.ones(len(X))]) if intercept else X
    D = np.append(decay, 0.0) if intercept else np.asarray(decay, dtype=float)
    v = np.zeros(A.shape[1])

    def gradient(v: Floats) -> Floats:
        return np.asarray(A.T @ (s * slope(loss, y, A @ v)) / s.sum() + D * v)

    for _ in range(200):
        f = A @ v
        bend = {"squared": lambda f: np.ones_like(f), "poisson": np.exp}.get(loss, lambda f: 0.25 / np.cosh(f / 2) ** 2)
        g = gradient(v)
        step = np.linalg.solve(A.T @ ((s * bend(f))[:, None] * A) / s.sum() + np.diag(D), g)
        size = 1.0
        while size > 1e-3 and not np.abs(gradient(v - size * step)).max() < max(np.abs(g).max(), 1e-12):
            size /= 2
        v = v - size * step
        if np.abs(step).max() <= 1e-14 * np.abs(v).max():
            break
    return v if intercept else np.append(v, 0.0)
