"""Elastic net through columns: the moments (or triangles) that ridge reads of its rows, and what `elastic_net` solves.

Without any decay, and where the columns leave a choice of least-squares solutions none, the answer is ridge's own, with
all its digits; where they leave one it is that of least penalty.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.design import Design, Reduced
from weightdecay.linear.elastic_net import (
    NAME,
    Training,
    degrees_of_freedom,
    of_moments,
    of_triangle,
    refused,
    words,
)
from weightdecay.linear.elastic_net_digits import corrected
from weightdecay.linear.elastic_net_rows import KinkedRows
from weightdecay.linear.fold_split import FoldSplit
from weightdecay.linear.moments import Shift, total
from weightdecay.linear.rows import Rows
from weightdecay.linear.sides import Tall
from weightdecay.linear.triangles import TriangularFit, residual_sum
from weightdecay.linear.whole import Models, Whole
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Scorer, Split

Array = NDArray[np.float64]

# Where a reduction has taken away more of a column's square than this, only a triangle has the digits.
CANCELLED = 1e6


@dataclass(frozen=True, eq=False)
class KinkedSplit:
    """All folds of tall data: those of ridge, their training sets solved with an L1 part."""

    base: FoldSplit
    _trainings: dict[tuple[int, tuple[int, ...]], Training] = field(default_factory=dict, repr=False)

    @property
    def shift(self) -> Shift:
        """About which models are given."""
        return self.base.shift

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out mean squared error (or −score) of every fold, target and decay."""
        return self.base.judged(self.models, decays, scoring, among)

    def models(self, fold: int, precisions: Array) -> tuple[Array, Array, Array, NDArray[np.str_]]:
        """Models of one fold about the shift, Σ s (residual)² (L, t) on its test rows, and how they were computed."""
        base, mapped = self.base, self.base.maps[fold]
        none = (precisions == 0) & self._determined(fold)
        coef, intercept, done = self._training(fold).models(np.where(none, np.inf, precisions))
        if mapped is not None:
            coef = mapped.of_wide(coef)
        error = base.errors(fold, coef, intercept)
        if none.any():
            coef[none], intercept[none], error[none], _ = base.models(fold, precisions[none])
        return coef, intercept, error, words(done)

    def _training(self, fold: int) -> Training:
        """The training set of a fold, once for all folds that share it."""
        key, base = self.base.training(fold), self.base
        if key not in self._trainings:
            found = None
            if not base.small:
                reduced = base.reduced(fold, plain(base.design))
                square = total([base.cells[key[0]][cell] for cell in key[1]]).yy
                found = of_moments(reduced, square, base.design) if reduced.cancelled <= CANCELLED else None
            self._trainings[key] = found or of_triangle(base.triangular_fits[fold], base.design)
        return self._trainings[key]

    def _determined(self, fold: int) -> bool:
        """Whether least squares have one solution."""
        base = self.base
        return bool(not base.small and base.fits[fold].trusted(np.zeros(1))[0]) or full(base.triangular_fits[fold])


def plain(design: Design) -> Design:
    """The design with a Gram matrix as it is: nothing may be added to directions that an L1 part has a share in."""
    return replace(design, nulls=())


def full(fit: TriangularFit) -> bool:
    """Whether the decayed columns are independent."""
    return len(fit.diagonal.d) == len(fit.roles.decayed)


@dataclass(frozen=True, eq=False)
class KinkedTall:
    """p × p moments, and an L1 part."""

    base: Tall
    name: str = NAME
    _latest: dict[str, Any] = field(default_factory=dict, repr=False)

    @property
    def rows(self) -> Rows:
        """The data."""
        return self.base.rows

    @property
    def whole(self) -> Whole:
        """All rows as one training set."""
        return self.base.whole

    def split(self, folds: Folds) -> Split:
        """Moments of the cells."""
        if folds.leave_one_out:
            raise refused()
        split = self.base.split(folds)
        assert isinstance(split, FoldSplit)
        return self._kinked(split, folds)

    def fold_split(self, folds: Folds) -> KinkedSplit:
        """Folds as a search has left them, or new ones."""
        return self._kinked(self.base.fold_split(folds), folds)

    def _kinked(self, split: FoldSplit, folds: Folds) -> KinkedSplit:
        """The same folds with an L1 part; solutions of the latest are kept, but for those that are asked once."""
        if folds.once:
            return KinkedSplit(split)
        if self._latest.get("base") is not split:
            self._latest.update(base=split, split=KinkedSplit(split))
        found: KinkedSplit = self._latest["split"]
        return found

    @cached_property
    def training(self) -> Training:
        """All rows."""
        whole, design = self.whole, self.base.design
        if not whole.small and self.reduced.cancelled <= CANCELLED:
            return of_moments(self.reduced, whole.moments.yy, design)
        return of_triangle(whole.triangular, design)

    @cached_property
    def reduced(self) -> Reduced:
        """The decayed part of all rows, from their moments."""
        return self.whole.reduced_for(plain(self.base.design))

    @cached_property
    def determined(self) -> bool:
        """Whether least squares have one solution."""
        whole = self.whole
        return bool(not whole.small and whole.fit.trusted(np.zeros(1))[0]) or full(whole.triangular)

    def models(self, precisions: Array) -> Models:
        """Models at prior precisions Λ (0 and inf allowed)."""
        whole, t = self.whole, self.rows.t
        none = (precisions == 0) & (0.0 in precisions and self.determined)
        asked = np.where(none, np.inf, precisions)
        coef, intercept, done = self.training.models(asked)
        rss = self._squares(coef, intercept)
        start = self.training.undecayed - int(self.base.design.fit_intercept)
        df = start + np.stack([degrees_of_freedom(self.training, k, asked) for k in range(t)], axis=1)
        coef = coef + self.base.centre
        intercept = intercept + whole.shift.y - coef @ whole.shift.x
        if none.any():
            ridge = self.base.models(precisions[none])
            coef[none], intercept[none], rss[none], df[none] = ridge.coef, ridge.intercept, ridge.rss, ridge.df[:, None]
        status = () if done.all() else tuple(words(done).tolist())
        unknown = np.full(len(precisions), np.nan)
        df = df[:, 0] if t == 1 else df
        return Models(coef, intercept, rss, rss, df, unknown, ~done, self.training.undecayed, status)

    def _squares(self, coef: Array, intercept: Array) -> Array:
        """Σ s (residual)² (L, t) of models about the shift."""
        if self.whole.small:
            return residual_sum(self.whole.triangle, coef, intercept)
        rss, lost = self.whole.moments.errors(coef, intercept)
        if lost.any():
            rss[lost] = residual_sum(self.whole.triangle, coef[lost], intercept[lost])
        return rss

    def solution(self, precision: float) -> tuple[Array, Array, bool]:
        """The model at one Λ, corrected by residuals of the rows where moments have lost digits."""
        if np.isinf(precision) or (precision == 0 and self.determined):
            return self.base.solution(precision)
        if precision and not self.whole.small and self.reduced.cancelled <= CANCELLED:
            found = corrected(self.whole, self.reduced, self.training, precision)
            if found is not None:
                return (*found, True)
        models = self.models(np.array([precision]))
        # Of the end of the path no more digits are to be had elsewhere.
        return models.coef[0], models.intercept[0], not models.status or precision == 0

    def scale(self) -> float:
        """From which candidates are counted: about the least Λ that sets all decayed coefficients to zero."""
        return float(self.training.largest.max()) * max(1, min(self.rows.n, self.rows.p))

    @property
    def span(self) -> tuple[float, float]:
        """Decades about it."""
        return self.training.span


def choose_kinked(rows: Rows, design: Design, centre: Array, large: int) -> KinkedTall | KinkedRows:
    """Through columns where they are no more than rows, nor so many that their products would not fit; else rows."""
    many = sparse.issparse(rows.X) and min(rows.n, rows.p) > large
    if rows.p <= rows.n_positive and not many:
        return KinkedTall(Tall(rows, design, centre))
    return KinkedRows(rows, design, centre)
