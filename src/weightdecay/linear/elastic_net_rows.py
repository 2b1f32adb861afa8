"""Elastic net through rows: for more columns than rows, where a Gram matrix would be larger than the data.

Each training set is centred and scaled once. Sparse data too large to be made dense stay as they are, and are centred
in passing; what they lack is the end of the path, least squares without any decay.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.design import Design
from weightdecay.linear.elastic_net import NAME, Training, degrees_of_freedom, kinks, refused, words
from weightdecay.linear.fold_maps import FoldMap, fold_maps
from weightdecay.linear.fold_split import EXACT, HELD_OUT_ROWS, exact, of_scores, summarise
from weightdecay.linear.moments import Shift, choose_shift
from weightdecay.linear.quadratic import OfRows, OfSparse
from weightdecay.linear.row_losses import marked, of_rows
from weightdecay.linear.rows import Rows, row_blocks
from weightdecay.linear.sides import MADE_DENSE, training_pairs
from weightdecay.linear.whole import Models
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Scorer, Split
from weightdecay.tuning.scoring import losses_of_targets

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class KinkedRows:
    """Rows as they are, and an L1 part."""

    rows: Rows
    design: Design
    centre: Array
    name: str = NAME

    @cached_property
    def shift(self) -> Shift:
        """About which models are made, so that far-off columns do not cancel."""
        middle = Shift(np.zeros(self.rows.p), np.zeros(self.rows.t))
        return middle if self.large else Shift(choose_shift(self.rows, self.design.fit_intercept).x, middle.y)

    @property
    def large(self) -> bool:
        """Whether the data are sparse, and too many to be made dense."""
        return sparse.issparse(self.rows.X) and self.rows.n * self.rows.p > MADE_DENSE

    @cached_property
    def offset(self) -> Array:
        """What the centre predicts about the shift, (n, t)."""
        found = np.zeros((self.rows.n, self.rows.t))
        for block, part in row_blocks(self.rows.X) if self.centre.any() else ():
            found[block] = (part - self.shift.x) @ self.centre.T
        return found

    def training(self, train: Index, mapped: FoldMap | None = None) -> Training:
        """The decayed part of some rows, all with weight."""
        design = self.design if mapped is None else mapped.designed(self.design)
        rows = self.rows if mapped is None else mapped.rows(self.rows)
        y, s = (self.rows.Y - self.offset)[train], self.rows.s[train]
        make = _of_sparse if self.large else _of_dense
        return make(rows.X[train], y, s, design, self.shift.x)

    @cached_property
    def whole(self) -> Training:
        """All rows."""
        return self.training(np.flatnonzero(self.rows.s > 0))

    def split(self, folds: Folds) -> Split:
        """A training set per fold."""
        if folds.leave_one_out:
            raise refused()
        return self.fold_split(folds)

    def fold_split(self, folds: Folds) -> RowsSplit:
        """The same."""
        return RowsSplit(self, folds, training_pairs(self.rows, folds), list(fold_maps(self.rows, folds)))

    def models(self, precisions: Array) -> Models:
        """Models at prior precisions Λ (0 and inf allowed)."""
        training, t = self.whole, self.rows.t
        coef, intercept, done = training.models(precisions)
        rss, start = np.zeros((len(precisions), t)), training.undecayed - int(self.design.fit_intercept)
        for first in range(0, self.rows.n, HELD_OUT_ROWS):
            some = slice(first, first + HELD_OUT_ROWS)
            rss += np.einsum("i,ilt->lt", self.rows.s[some], self.residuals(some, coef, intercept) ** 2)
        df = start + np.stack([degrees_of_freedom(training, k, precisions) for k in range(t)], axis=1)
        coef = coef + self.centre
        status = () if done.all() else tuple(words(done).tolist())
        unknown = np.full(len(precisions), np.nan)
        df = df[:, 0] if t == 1 else df
        intercept = intercept - coef @ self.shift.x
        return Models(coef, intercept, rss, rss, df, unknown, ~done, training.undecayed, status)

    def residuals(self, some: slice | Index, coef: Array, intercept: Array) -> Array:
        """Residuals (m, L, t) of some rows under models (L, t, p), (L, t) about the shift, the centre left out."""
        L, t, p = coef.shape
        X, flat = self.rows.X[some], coef.reshape(L * t, p)
        product = X @ flat.T - flat @ self.shift.x if sparse.issparse(X) else (X - self.shift.x) @ flat.T
        return np.asarray((self.rows.Y - self.offset)[some, None, :] - product.reshape(-1, L, t) - intercept)

    def solution(self, precision: float) -> tuple[Array, Array, bool]:
        """The model at one Λ."""
        models = self.models(np.array([precision]))
        if np.isnan(models.coef).any():
            raise ValueError(
                f"decay={precision:g} with an L1 part is not available for sparse data as large as {self.rows.n:,} × "
                f"{self.rows.p:,}; give a decay above 0, or l1_ratio=0"
            )
        return models.coef[0], models.intercept[0], not models.status

    def scale(self) -> float:
        """From which candidates are counted."""
        return float(self.whole.largest.max()) * max(1, min(self.rows.n, self.rows.p))

    @property
    def span(self) -> tuple[float, float]:
        """Decades about it."""
        return self.whole.span


@dataclass(frozen=True, eq=False)
class RowsSplit:
    """All folds of rows, each a training set of its own."""

    side: KinkedRows
    folds: Folds
    pairs: list[tuple[Index, Index]]
    maps: list[FoldMap | None]
    _trainings: dict[bytes, Training] = field(default_factory=dict, repr=False)

    @property
    def shift(self) -> Shift:
        """About which models are given."""
        return self.side.shift

    def models(self, fold: int, precisions: Array) -> tuple[Array, Array, NDArray[np.str_]]:
        """Models of one fold about the shift, the centre left out, and how they were computed."""
        train, _ = self.pairs[fold]
        mapped, key = self.maps[fold], train.tobytes()
        if key not in self._trainings:
            self._trainings[key] = self.side.training(train, mapped)
        coef, intercept, done = self._trainings[key].models(precisions)
        return (coef if mapped is None else mapped.of_wide(coef)), intercept, words(done)

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out mean squared error (or −score) of every fold, target and decay."""
        decays, rows = np.asarray(decays, dtype=np.float64), self.side.rows
        status = exact(len(self.pairs), len(decays))
        losses, weights = [], []
        for fold, (_, test) in enumerate(self.pairs):
            coef, intercept, status[fold] = self.models(fold, decays * rows.weight_sum)
            if scoring is not None:
                losses.append(self._scores(test, coef, intercept, scoring))
                continue
            pieces = self._pieces(test, coef, intercept)
            if len(self.pairs) == 1:
                return _marked(of_rows(decays, ((one**2, s) for one, s in pieces), among), status[0])
            losses.append(sum(np.einsum("i,ilt->lt", s, one**2) for one, s in pieces) / rows.s[test].sum())
            weights.append(rows.s[test].sum())
        if scoring is not None:
            return of_scores(decays, np.stack(losses), self.folds, status, among)
        return summarise(decays, np.stack(losses), np.array(weights), self.folds, status, among)

    def _pieces(self, test: Index, coef: Array, intercept: Array) -> Iterator[tuple[Array, Array]]:
        """Residuals (m, L, t) of the test rows, and their weights."""
        for first in range(0, len(test), HELD_OUT_ROWS):
            some = test[first : first + HELD_OUT_ROWS]
            yield self.side.residuals(some, coef, intercept), self.side.rows.s[some]

    def _scores(self, test: Index, coef: Array, intercept: Array, scorer: Scorer) -> Array:
        """−score of every decay, (L, 1) or (L, 1 + t)."""
        rows = self.side.rows
        predictions = (
            rows.Y[test] - self.side.residuals(test, one[None], offset[None])[:, 0]
            for one, offset in zip(coef, intercept, strict=True)
        )
        weight = None if rows.weight is None else rows.weight[test]
        return losses_of_targets(scorer, rows.X[test], rows.Y[test], predictions, weight)


def _of_dense(X: Any, Y: Array, s: Array, design: Design, shift: Array) -> Training:
    """From rows that are made dense, centred and scaled, exempt columns projected out."""
    Z = np.array(X.toarray() if sparse.issparse(X) else X, dtype=np.float64, order="F")
    constant = Z.max(axis=0) == Z.min(axis=0)
    Z -= shift
    S = float(s.sum())
    mean = s @ Z / S
    away = mean + s @ (Z - mean) / S  # the second sum wins back what rounding took in the first
    roles = design.roles(s @ np.square(Z - away) / S, constant)
    mean, y_mean = (away, s @ Y / S) if design.fit_intercept else (np.zeros_like(mean), np.zeros(Y.shape[1]))
    root = np.sqrt(s)[:, None]
    Z = root * (Z - mean)
    D, E = roles.decayed, roles.exempt
    everything = np.column_stack([Z[:, D] / roles.scale, root * (Y - y_mean)])
    exempt, rank = np.zeros((len(E), everything.shape[1])), 0
    if len(E):
        fitted = np.linalg.lstsq(Z[:, E], everything, rcond=None)
        exempt, rank = np.asarray(fitted[0], dtype=np.float64), int(fitted[2])
        everything -= Z[:, E] @ exempt
    q = len(D)

    def expand(U: Array) -> tuple[Array, Array]:
        flat = np.swapaxes(U, 1, 2)
        coef = np.zeros((*flat.shape[:2], len(mean)))
        coef[:, :, D] = flat / roles.scale
        coef[:, :, E] = exempt[:, q:].T - flat @ exempt[:, :q].T
        return coef, y_mean - coef @ mean

    columns = np.asfortranarray(everything[:, :q])
    quadratics = tuple(OfRows(columns, y) for y in everything[:, q:].T.copy())
    return Training(quadratics, kinks(design)[D], design.l1_ratio, expand, int(design.fit_intercept) + rank)


def _of_sparse(X: Any, Y: Array, s: Array, design: Design, shift: Array) -> Training:
    """From sparse rows, scaled; they are centred in passing."""
    columns, S = sparse.csc_array(X, dtype=np.float64), float(s.sum())
    mean = columns.T @ s / S
    variance = np.maximum(columns.multiply(columns).T @ s / S - mean**2, 0.0)
    constant = np.asarray((columns.max(axis=0) - columns.min(axis=0)).todense()).ravel() == 0.0
    roles = design.roles(variance, constant)
    exempt = int(np.count_nonzero((variance + mean**2)[roles.exempt]))  # of columns of zeros nothing is to be fitted
    if exempt:
        raise ValueError(
            f"{exempt} columns are exempt from decay, which with an L1 part is not available for sparse data "
            f"as large as {X.shape[0]:,} × {X.shape[1]:,}; give them a small decay weight"
        )
    D = roles.decayed
    mean, y_mean = (mean, s @ Y / S) if design.fit_intercept else (np.zeros_like(mean), np.zeros(Y.shape[1]))
    scaled = sparse.csc_array(columns[:, D] @ sparse.diags_array(1.0 / roles.scale))

    def expand(U: Array) -> tuple[Array, Array]:
        coef = np.zeros((len(U), U.shape[2], len(mean)))
        coef[:, :, D] = np.swapaxes(U, 1, 2) / roles.scale
        return coef, y_mean - coef @ mean

    quadratics = tuple(
        OfSparse(scaled, y, s, mean[D] / roles.scale if design.fit_intercept else None) for y in (Y - y_mean).T.copy()
    )
    return Training(quadratics, kinks(design)[D], design.l1_ratio, expand, int(design.fit_intercept))


def _marked(record: HeldOut, words: NDArray[np.str_]) -> HeldOut:
    """The record of a single fold, told how its models were computed."""
    for word in np.unique(words[words != EXACT]):
        record = marked(record, words == word, str(word))
    return record
