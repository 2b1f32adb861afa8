"""Losses: pointwise value, slope and curvature of (target, linear predictors); no X, no w, no λ.

A loss has c outputs: one linear predictor per row, or one per class. Predictors have shape (n, m, c), for m models at
once, and targets (n,): numbers, or the numbers of classes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol, final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Predictors whose exponentials, and sums of these, are within float64.
MODEST = 600.0
# Distance to log y within which a count's deviance is summed as a series.
NEAR = 1e-3


class Loss(Protocol):
    """A convex loss of one row.

    A new one costs these methods: the engine asks for nothing else.
    """

    @property
    def name(self) -> str:
        """The loss in words."""
        ...

    @property
    def outputs(self) -> int:
        """Linear predictors per row, c."""
        ...

    @property
    def reported(self) -> float:
        """By what the loss is multiplied where people see it."""
        ...

    def value(self, target: Array, eta: Array) -> Array:
        """Loss of every row and model, (n, m)."""
        ...

    def slope(self, target: Array, eta: Array) -> Array:
        """∂loss/∂η, (n, m, c); may overwrite ``eta``."""
        ...

    def curvature(self, target: Array, eta: Array) -> Array:
        """∂²loss/∂η∂η′ of one model, (n, c, c), from predictors (n, c)."""
        ...

    def constant(self, target: Array, weight: Array) -> Array:
        """The predictors (c,) of the best model without columns, where finite; zeros are a start as well."""
        ...

    def separated(self, target: Array, eta: Array) -> bool:
        """Whether predictors (n, c) that are ever enlarged make the loss of all these rows vanish."""
        ...

    def mean(self, eta: Array) -> Array:
        """What the predictors (n, m, c) predict: probabilities (n, m, k) of k classes, or a mean (n, m, 1)."""
        ...


@final
@dataclass(frozen=True)
class Logistic:
    """loss = log(1 + e^η) − yη for y of 0 or 1: minus the log-likelihood of a coin of probability 1/(1 + e^−η)."""

    name: str = "log-loss"
    outputs: int = 1
    reported: float = 1.0

    def value(self, target: Array, eta: Array) -> Array:
        """log(1 + e^−|η|) + max(η, 0) − yη."""
        one = eta[..., 0]
        signed = np.where(target[:, None] > 0, -one, one)
        return np.asarray(np.log1p(np.exp(-np.abs(signed))) + np.maximum(signed, 0.0))

    def slope(self, target: Array, eta: Array) -> Array:
        """1/(1 + e^−η) − y, with every digit where it is close to 0."""
        sign = np.where(target > 0, -1.0, 1.0)[:, None, None]
        eta *= 0.5 * sign
        np.tanh(eta, out=eta)
        eta += 1.0
        eta *= 0.5 * sign
        return eta

    def curvature(self, target: Array, eta: Array) -> Array:
        """π(1 − π)."""
        small = np.exp(-np.abs(eta))
        return np.asarray((small / (1.0 + small) ** 2)[..., None])

    def constant(self, target: Array, weight: Array) -> Array:
        """log(ȳ/(1 − ȳ))."""
        share = float(weight @ target / weight.sum())
        return np.array([math.log(share / (1.0 - share)) if 0.0 < share < 1.0 else 0.0])

    def separated(self, target: Array, eta: Array) -> bool:
        """Whether all rows are on their own side."""
        return bool((np.where(target > 0, eta[:, 0], -eta[:, 0]) > 0).all())

    def mean(self, eta: Array) -> Array:
        """Probabilities of both classes, (n, m, 2)."""
        small = np.exp(-np.abs(eta[..., 0]))
        likely = 1.0 / (1.0 + small)
        other = small * likely
        first = eta[..., 0] < 0
        return np.stack([np.where(first, likely, other), np.where(first, other, likely)], axis=-1)


@final
@dataclass(frozen=True)
class Softmax:
    """loss = log Σ_k e^η_k − η_y for classes y of 0 to k − 1.

    A constant added to all η of a row changes nothing.
    """

    outputs: int
    name: str = "log-loss"
    reported: float = 1.0

    def value(self, target: Array, eta: Array) -> Array:
        """−log π_y."""
        lowered = eta.copy()
        top = _lowered(lowered)
        chosen = np.take_along_axis(eta, target.astype(np.intp)[:, None, None], axis=-1)[..., 0]
        return np.asarray(np.log(_sums(np.exp(lowered, out=lowered))) + (top - chosen))

    def slope(self, target: Array, eta: Array) -> Array:
        """π_k, less 1 for the row's own class."""
        _softmax(eta)
        code = target.astype(np.intp)
        rows = np.arange(len(code))
        own = eta[rows, :, code]
        # Less digits than 1 − π_y would have are kept by summing the others.
        eta[rows, :, code] = 0.0
        eta[rows, :, code] = np.where(own < 0.5, own - 1.0, -eta.sum(axis=-1))
        return eta

    def curvature(self, target: Array, eta: Array) -> Array:
        """diag(π) − ππᵀ."""
        share = _softmax(eta.copy())
        found = -share[:, :, None] * share[:, None, :]
        k = np.arange(self.outputs)
        found[:, k, k] = share * (1.0 - share)
        return np.asarray(found)

    def constant(self, target: Array, weight: Array) -> Array:
        """Logarithms of the classes' shares, about their mean."""
        share = np.bincount(target.astype(np.intp), weight, self.outputs) / weight.sum()
        if not share.all():
            return np.zeros(self.outputs)
        logs = np.log(share)
        return np.asarray(logs - logs.mean())

    def separated(self, target: Array, eta: Array) -> bool:
        """Whether every row's own class has the largest predictor."""
        code = target.astype(np.intp)
        rows = np.arange(len(code))
        own = eta[rows, code]
        others = eta.copy()
        others[rows, code] = -np.inf
        return bool((own > others.max(axis=1)).all())

    def mean(self, eta: Array) -> Array:
        """Probabilities of the classes."""
        return _softmax(eta.copy())


@final
@dataclass(frozen=True)
class Poisson:
    """loss = e^η − yη + y log y − y, half the deviance of a count y of mean e^η."""

    name: str = "Poisson deviance"
    outputs: int = 1
    reported: float = 2.0

    def value(self, target: Array, eta: Array) -> Array:
        """Half the deviance: y (e^δ − 1 − δ), δ = η − log y, with digits where it is small; e^η for a count of 0."""
        y = target[:, None]
        known = y > 0
        with np.errstate(over="ignore", invalid="ignore"):
            off = eta[..., 0] - np.log(np.where(known, y, 1.0))
            # Beyond the first terms of the series what cancels is less than what is left.
            near = np.abs(off) < NEAR
            small = np.where(near, off, 0.0)
            series = 0.5 * small**2 * (1.0 + small / 3.0 * (1.0 + small / 4.0 * (1.0 + small / 5.0)))
            excess = np.where(near, series, np.expm1(off) - off)
            return np.asarray(np.where(known, y * excess, np.exp(eta[..., 0])))

    def slope(self, target: Array, eta: Array) -> Array:
        """e^η − y."""
        with np.errstate(over="ignore"):
            np.exp(eta, out=eta)
        eta -= target[:, None, None]
        return eta

    def curvature(self, target: Array, eta: Array) -> Array:
        """e^η."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(eta)[..., None])

    def constant(self, target: Array, weight: Array) -> Array:
        """log ȳ."""
        mean = float(weight @ target / weight.sum())
        return np.array([math.log(mean) if mean > 0 else 0.0])

    def separated(self, target: Array, eta: Array) -> bool:
        """Whether all counts are 0 and all predictors fall."""
        return bool((target == 0).all() and (eta < 0).all())

    def mean(self, eta: Array) -> Array:
        """e^η."""
        with np.errstate(over="ignore"):
            return np.asarray(np.exp(eta))


def _softmax(eta: Array) -> Array:
    """Shares e^η_k/Σ e^η, in the place of the predictors."""
    _lowered(eta)
    np.exp(eta, out=eta)
    eta /= _sums(eta)[..., None]
    return eta


def _lowered(eta: Array) -> Array:
    """What is taken from the predictors of a row (…,) to keep exponentials within float64: most often nothing."""
    if eta.size == 0 or float(np.abs(eta).max()) <= MODEST:
        return np.zeros(eta.shape[:-1])
    top = eta.max(axis=-1)
    eta -= top[..., None]
    return np.asarray(top)


def _sums(eta: Array) -> Array:
    """Sums over the last axis: a product, since that axis is short."""
    return np.asarray(eta @ np.ones(eta.shape[-1]))
