"""Sides: the same ridge problem through its columns (tall), its rows (wide), or a Krylov space (large and sparse).

Each side answers the same questions; `ridge` asks them and never how.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.accuracy import TINY, enough
from weightdecay.linear.design import Design
from weightdecay.linear.dual import DualFit, dual_models, fit_duals
from weightdecay.linear.dual_split import DualLeaveOneOut, DualSplit
from weightdecay.linear.fold_split import open_folds
from weightdecay.linear.leave_one_out import LeaveOneOut
from weightdecay.linear.moments import Moments, total
from weightdecay.linear.polish import polished
from weightdecay.linear.rows import Rows
from weightdecay.linear.whole import Models, Whole, open_whole, spectral_sums
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Split

Array = NDArray[np.float64]


class Side(Protocol):
    """One way through a ridge problem."""

    @property
    def name(self) -> str:
        """Of the method."""
        ...

    def split(self, folds: Folds) -> Split:
        """Factorise all folds."""
        ...

    def models(self, precisions: Array) -> Models:
        """Models on all rows, one per Λ."""
        ...

    def solution(self, precision: float) -> tuple[Array, Array, bool]:
        """Coefficients (t, p) and intercepts (t,) at one Λ to working accuracy; False if digits are at risk."""
        ...

    def scale(self) -> float:
        """The trace of G: a bound of its eigenvalues, and the size from which candidates are counted."""
        ...


@dataclass(frozen=True, eq=False)
class Tall:
    """p × p moments."""

    rows: Rows
    design: Design
    centre: Array
    name: str = "moments"

    @cached_property
    def whole(self) -> Whole:
        """All rows as one training set."""
        return open_whole(self.rows, self.design, self.centre)

    def split(self, folds: Folds) -> Split:
        """Moments of the cells, or one rotation for leave-one-out."""
        if folds.leave_one_out:
            return LeaveOneOut(self.rows, self.whole.rotation())
        split = open_folds(self.rows, self.design, self.centre, folds)
        if not split.small:
            cells = split.cells  # now, so that unusable numbers are told before the search begins
            self._learn(cells, folds)
        return split

    def _learn(self, cells: list[list[Moments]], folds: Folds) -> None:
        """Where the cells of a partition are all rows, their sum saves the whole another pass."""
        if (folds.partitions[0].label >= 0).all() and "moments" not in vars(self.whole):
            vars(self.whole)["moments"] = total(cells[0])

    def models(self, precisions: Array) -> Models:
        """From the factorised whole."""
        return self.whole.models(precisions)

    def solution(self, precision: float) -> tuple[Array, Array, bool]:
        """From the factorised whole, corrected by residuals of the rows where moments have lost digits."""
        models = self.models(np.array([precision]))
        limit = enough(self.rows.n * self.rows.p * self.rows.t)
        if not (self.whole.small or models.exact[0]):
            if self.whole.expected_error(precision, models, from_moments=True) <= limit:
                return models.coef[0], models.intercept[0], True
            coef, intercept = polished(self.whole, precision, models.coef[0], models.intercept[0])
            models = replace(models, coef=coef[None], intercept=intercept[None])
        safe = self.whole.expected_error(precision, models, from_moments=False) <= limit
        return models.coef[0], models.intercept[0], safe

    def scale(self) -> float:
        """Number of decayed columns times Σs, since each is scaled to variance 1, or the trace itself."""
        if self.whole.small:
            return float(self.whole.triangular.diagonal.d.sum())
        return float(np.trace(self.whole.reduced.G))


@dataclass(frozen=True, eq=False)
class Wide:
    """n × n kernels."""

    rows: Rows
    design: Design
    centre: Array
    name: str = "kernel"

    @cached_property
    def offset(self) -> Array:
        """What the centre predicts, (n, t)."""
        if not self.centre.any():
            return np.zeros((self.rows.n, self.rows.t))
        return np.asarray(self.rows.X @ self.centre.T, dtype=np.float64)

    @cached_property
    def whole(self) -> DualFit:
        """All rows with weight as one training set."""
        used = np.flatnonzero(self.rows.s > 0)
        (fit,) = fit_duals(self.rows, self.design, [used], [used], self.rows.Y - self.offset)
        return fit

    def split(self, folds: Folds) -> Split:
        """A kernel per training set."""
        if folds.leave_one_out:
            return DualLeaveOneOut(self.rows, self.whole, self.offset)
        pairs = [(train[self.rows.s[train] > 0], test) for train, test in folds.splits()]
        trains, tests = [train for train, _ in pairs], [test for _, test in pairs]
        fits = fit_duals(self.rows, self.design, trains, tests, self.rows.Y - self.offset)
        if "whole" not in vars(self):
            vars(self)["_size"] = _trace(fits[0]) * self.rows.weight_sum / float(fits[0].root @ fits[0].root)
        return DualSplit(self.rows, folds, fits, self.offset)

    def models(self, precisions: Array) -> Models:
        """From the factorised kernel."""
        coef, intercept = dual_models(self.rows, self.whole, precisions)
        residual, duals = self.whole.training_residuals(precisions), self.whole.duals(precisions)
        K, _ = self.whole.projected
        rss = np.einsum("lmt,lmt->lt", residual, residual)
        finite = np.where(np.isfinite(precisions), precisions, 0.0)[:, None]
        shrunk = rss + finite * np.einsum("lmt,lmt->lt", duals, K @ duals)
        eigenvalues = self._eigenvalues()
        df, log_det = spectral_sums(eigenvalues, precisions)
        df = df + self.whole.basis.shape[1] - int(self.design.fit_intercept)
        exact = np.zeros(len(precisions), dtype=bool)
        undecayed = self.whole.basis.shape[1]
        return Models(coef + self.centre, intercept, rss, shrunk, df, log_det, exact, undecayed)

    def _eigenvalues(self) -> Array:
        """Of the kernel, from whichever factorisation is there."""
        spectrum = self.whole.__dict__.get("spectrum")
        return np.asarray(self.whole.factor.eigenvalues if spectrum is None else spectrum.eigenvalues)

    def solution(self, precision: float) -> tuple[Array, Array, bool]:
        """From the factorised kernel."""
        models = self.models(np.array([precision]))
        if np.isinf(precision):
            return models.coef[0], models.intercept[0], True
        d = np.maximum(self._eigenvalues(), 0.0)
        positive = d[d > len(d) * np.finfo(float).eps * d.max(initial=0.0)]
        condition = (d.max(initial=1.0) + precision) / (positive.min(initial=1.0) + precision)
        many = self.rows.n * self.rows.p * self.rows.t > TINY
        return models.coef[0], models.intercept[0], bool(many and condition <= 1e5)

    @cached_property
    def _size(self) -> float:
        """Trace of the kernel; a fold that was factorised before tells it well enough."""
        return _trace(self.whole)

    def scale(self) -> float:
        """Trace of the kernel."""
        return self._size


def _trace(fit: DualFit) -> float:
    """Sum of the eigenvalues of a kernel."""
    return float(np.trace(fit.projected[0]))
