"""Folds and leave-one-out of wide data."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.dual import DualFit, null_directions, trusted
from weightdecay.linear.fold_split import exact, of_scores, summarise
from weightdecay.linear.heavy_rows import multipliers
from weightdecay.linear.leave_one_out import scored
from weightdecay.linear.row_losses import marked, of_rows
from weightdecay.linear.rows import Rows
from weightdecay.linear.spectrum import EPS
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Scorer
from weightdecay.tuning.scoring import losses_of_targets

Array = NDArray[np.float64]
Index = NDArray[np.intp]

TRIANGULAR = "exact (triangular)"
# A row whose share in the directions that decay acts on is smaller has no shortcut: it is left out honestly.
NO_SHARE = 1e-10


@dataclass(frozen=True, eq=False)
class FoldFit:
    """What a factorised training set says of its test rows: predictions are start + reach (d + Λ)⁻¹ z."""

    test: Index
    start: Array  # (n_test, t)
    reach: Array  # (n_test, k)
    d: Array
    z: Array
    size: float

    @staticmethod
    def of(fit: DualFit, test: Index | None = None) -> FoldFit:
        """Keep what no n × n matrix is needed for; the test rows may be others than those of the training set."""
        test = fit.sets.test if test is None else test
        return FoldFit(test, fit.start(test), fit.reach(test), fit.d, fit.z, fit.size)

    def predictions(self, precisions: Array) -> Array:
        """Of the test rows, shape (L, n_test, t)."""
        (n, t), L = self.start.shape, len(precisions)
        weights = (self.z[:, None, :] / (self.d[:, None] + precisions)[:, :, None]).reshape(len(self.d), L * t)
        return self.start + np.moveaxis((self.reach @ weights).reshape(n, L, t), 1, 0)


@dataclass(frozen=True, eq=False)
class DualSplit:
    """All folds of wide data: one factorised kernel each, and a triangle where a kernel would cost digits.

    Parameters
    ----------
    rows : Rows
    folds : Folds
    fits : list of F FoldFit
        Of kernels.
    offset : ndarray of shape (n, t)
        What the centre predicts.
    triangles : callable
        The same of some folds through triangles, from one more pass over the columns.
    """

    rows: Rows
    folds: Folds
    fits: list[FoldFit]
    offset: Array
    triangles: Callable[[list[int]], Iterable[FoldFit]]
    _triangular: dict[int, FoldFit] = field(default_factory=dict, repr=False)

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out mean squared error (or −score) of every fold, target and decay."""
        decays = np.asarray(decays, dtype=np.float64)
        precisions = decays * self.rows.weight_sum
        risky = self._prepared(precisions)
        status = np.where(risky, TRIANGULAR, exact(len(self.fits), len(decays)))
        losses, weight = [], np.ones(len(self.fits))
        for f, fit in enumerate(self.fits):
            prediction = self._predictions(f, precisions, risky[f]) + self.offset[fit.test]
            Y, s = self.rows.Y[fit.test], self.rows.s[fit.test]
            if scoring is not None:
                given = None if self.rows.weight is None else s
                losses.append(losses_of_targets(scoring, self.rows.X[fit.test], Y, prediction, given))
                continue
            square = np.swapaxes((Y - prediction) ** 2, 0, 1)
            if len(self.fits) == 1:
                return marked(of_rows(decays, [(square, s)], among), risky[0], TRIANGULAR)
            weight[f] = s.sum()
            losses.append(np.einsum("m,mlt->lt", s, square) / weight[f])
        if scoring is not None:
            return of_scores(decays, np.stack(losses), self.folds, status, among)
        return summarise(decays, np.stack(losses), weight, self.folds, status, among)

    def _prepared(self, precisions: Array) -> NDArray[np.bool_]:
        """Which folds and decays (F, L) go through triangles, which are made if they are not there yet."""
        risky = np.array([~trusted(one.d, one.size, precisions) for one in self.fits])
        missing = [int(f) for f in np.flatnonzero(risky.any(axis=1)) if f not in self._triangular]
        if missing:
            self._triangular.update(zip(missing, self.triangles(missing), strict=True))
        return risky

    def _predictions(self, fold: int, precisions: Array, risky: NDArray[np.bool_]) -> Array:
        """Of one fold's test rows, (L, n_test, t)."""
        found = self.fits[fold].predictions(np.where(risky, np.inf, precisions))
        if risky.any():
            found[risky] = self._triangular[fold].predictions(precisions[risky])
        return found


class WholeFits(Protocol):
    """All rows as one training set, factorised in either way when it is asked for."""

    @property
    def whole(self) -> DualFit:
        """Through the kernel."""
        ...

    @property
    def triangular(self) -> DualFit:
        """Through the triangle."""
        ...

    def without(self, fit: DualFit, place: int) -> DualFit:
        """One of these without one of its training rows."""
        ...


@dataclass(frozen=True, eq=False)
class DualLeaveOneOut:
    """Every row of wide data held out once.

    With K̃ = Q diag(d) Qᵀ on the complement of the undecayed columns, the residual of row i left out is
    (Σ_j q_ij m_j (Qᵀỹ)_j)/(Σ_j q_ij² m_j) with m_j = 1/(d_j + Λ): any common factor of m cancels, so m_j is scaled to
    (d_min + Λ)/(d_j + Λ), and nothing divides by Λ.
    """

    rows: Rows
    fits: WholeFits
    offset: Array

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out squared errors of the rows, averaged, or −score of all held-out predictions together."""
        decays = np.asarray(decays, dtype=np.float64)
        precisions = decays * self.rows.weight_sum
        sets = self.fits.whole.sets
        risky = ~self.fits.whole.trusted(precisions)
        residual = np.empty((len(sets.train), len(decays), self.rows.t))
        if not risky.all():
            residual[:, ~risky] = self._of_kernel.residuals(precisions[~risky])
        if risky.any():
            residual[:, risky] = self._of_triangle.residuals(precisions[risky])
        if scoring is not None:
            found = scored(self.rows, decays, self.rows.Y[sets.train][:, None, :] - residual, scoring)
        else:
            found = of_rows(decays, [(residual**2, sets.root**2)], among)
        return marked(found, risky, TRIANGULAR)

    @cached_property
    def _of_kernel(self) -> LeftOut:
        return LeftOut.of(self.fits, self.fits.whole)

    @cached_property
    def _of_triangle(self) -> LeftOut:
        return LeftOut.of(self.fits, self.fits.triangular)


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Residuals of left-out rows from one factorisation.

    Rows that no null direction of K̃ touches are answered by the others alone, as those would drown them at Λ = 0, and
    rows that the undecayed columns fit whatever the rest does are left out honestly.
    """

    fit: DualFit
    Q: Array  # (m, k)
    null: Array  # (m, n_null), zero for the rows that they do not touch
    null_z: Array  # (n_null, t)
    alone: dict[int, DualFit]

    @staticmethod
    def of(fits: WholeFits, fit: DualFit) -> LeftOut:
        """Sort the rows."""
        null = null_directions(fit) if fit.n_null else np.zeros((len(fit.B), 0))
        share = np.einsum("mk,mk->m", null, null)
        turned = 16 * len(fit.B) * EPS * fit.condition(0.0)  # a null direction towards the others, by rounding
        null = np.where((share > min(turned, NO_SHARE**0.5) ** 2)[:, None], null, 0.0)
        hidden = np.flatnonzero(np.einsum("mk,mk->m", fit.B, fit.B) + share <= NO_SHARE)
        alone = {int(row): fits.without(fit, int(row)) for row in hidden}
        return LeftOut(fit, fit.B, null, null.T @ fit.sets.y, alone)

    def residuals(self, precisions: Array) -> Array:
        """Of every training row left out, (m, L, t)."""
        touched = self.null.any(axis=1)
        found = np.empty((len(self.Q), len(precisions), self.fit.z.shape[1]))
        d, z = self.fit.d, self.fit.z
        found[~touched] = _ratio(self.Q[~touched], multipliers(d, precisions), z)
        if touched.any():
            Q = np.concatenate([self.null[touched], self.Q[touched]], axis=1)
            d = np.concatenate([np.zeros(self.null.shape[1]), d])
            found[touched] = _ratio(Q, multipliers(d, precisions), np.concatenate([self.null_z, z]))
        found /= self.fit.sets.root[:, None, None]
        for row, fit in self.alone.items():
            one = FoldFit.of(fit).predictions(precisions)[:, 0]
            found[row] = self.fit.sets.y[row] / self.fit.sets.root[row] - one
        return found


def _ratio(Q: Array, m: Array, z: Array) -> Array:
    """(Σ_j q_ij m_j z_j)/(Σ_j q_ij² m_j), (rows, L, t); nan for rows without a share in Q."""
    k, L = m.shape
    top = (Q @ (m[:, :, None] * z[:, None, :]).reshape(k, L * z.shape[1])).reshape(len(Q), L, z.shape[1])
    with np.errstate(invalid="ignore"):
        return np.asarray(top / (np.square(Q) @ m)[:, :, None])
