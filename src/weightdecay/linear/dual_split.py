"""Folds and leave-one-out of wide data."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.dual import DualFit
from weightdecay.linear.fold_split import exact, squeeze, summarise
from weightdecay.linear.leave_one_out import scored
from weightdecay.linear.row_losses import of_rows
from weightdecay.linear.rows import Rows
from weightdecay.linear.spectrum import EPS
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Scorer
from weightdecay.tuning.scoring import loss_of_predictions
from weightdecay.tuning.selection import from_folds

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DualSplit:
    """All folds of wide data: one factorised kernel each."""

    rows: Rows
    folds: Folds
    fits: list[DualFit]
    offset: Array  # (n, t): X times the centre

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out mean squared error (or −score) of every fold, target and decay."""
        decays = np.asarray(decays, dtype=np.float64)
        F, L, t = len(self.fits), len(decays), self.rows.t
        loss, weight, status = np.empty((F, L, t)), np.ones(F), exact(F, L)
        for f, fit in enumerate(self.fits):
            prediction = fit.predictions(fit.test, decays * self.rows.weight_sum) + self.offset[fit.test]
            Y, s = self.rows.Y[fit.test], self.rows.s[fit.test]
            if scoring is None:
                square = np.swapaxes((Y - prediction) ** 2, 0, 1)
                if F == 1:
                    return of_rows(decays, [(square, s)], among)
                weight[f] = s.sum()
                loss[f] = np.einsum("m,mlt->lt", s, square) / weight[f]
                continue
            given = None if self.rows.weight is None else s
            X = self.rows.X[fit.test]
            loss[f, :, 0] = [loss_of_predictions(scoring, X, squeeze(Y), squeeze(one), given) for one in prediction]
        if scoring is not None:
            return from_folds(decays, loss[:, :, 0], weight, self.folds.repeat, status, among=among)
        return summarise(decays, loss, weight, self.folds, status, among)


@dataclass(frozen=True, eq=False)
class DualLeaveOneOut:
    """Every row of wide data held out once.

    With K̃ = Q diag(d) Qᵀ on the complement of the undecayed columns, the residual of row i left out is
    (Σ_j q_ij m_j (Qᵀỹ)_j)/(Σ_j q_ij² m_j) with m_j = 1/(d_j + Λ): any common factor of m cancels, so m_j is scaled to
    (d_min + Λ)/(d_j + Λ), and nothing divides by Λ.
    """

    rows: Rows
    fit: DualFit
    offset: Array

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out squared errors of the rows, averaged, or −score of all held-out predictions together."""
        decays = np.asarray(decays, dtype=np.float64)
        residual = self._residuals(decays * self.rows.weight_sum)  # (n_train, L, t)
        if scoring is not None:
            return scored(self.rows, decays, self.rows.Y[self.fit.train][:, None, :] - residual, scoring)
        return of_rows(decays, [(residual**2, self.fit.root**2)], among)

    @cached_property
    def _rotated(self) -> tuple[Array, Array, Array]:
        """Eigenvalues d (m,) of K̃ on the complement of the undecayed directions, Q (n_train, m) and Qᵀỹ (m, t)."""
        K, y = self.fit.projected
        h = self.fit.basis.shape[1]
        # On the orthogonal complement of the undecayed directions, whose own null directions are then K̃'s alone.
        complement = np.linalg.qr(self.fit.basis, mode="complete")[0][:, h:]
        d, V = np.linalg.eigh(complement.T @ K @ complement)
        Q = complement @ V
        return np.where(d > len(K) * EPS * d.max(initial=0.0), d, 0.0), Q, Q.T @ y

    def _residuals(self, precisions: Array) -> Array:
        """Residuals of the rows left out."""
        d, Q, z = self._rotated
        m = _multipliers(d, precisions)
        top = Q @ (m[:, :, None] * z[:, None, :]).reshape(len(d), -1)
        bottom = np.square(Q) @ m
        return np.asarray(top.reshape(len(Q), len(precisions), -1) / bottom[:, :, None] / self.fit.root[:, None, None])


def _multipliers(d: Array, precisions: Array) -> Array:
    """(d_min + Λ)/(d_j + Λ), shape (m, L): 1 for the smallest eigenvalue at every Λ, 1 for all at Λ = inf."""
    finite = np.where(np.isinf(precisions), 1.0, precisions)
    least = d.min(initial=np.inf)
    with np.errstate(invalid="ignore"):
        ratio = np.where(d[:, None] == least, 1.0, (least + finite) / (d[:, None] + finite))
    return np.asarray(np.where(np.isinf(precisions), 1.0, ratio))
