"""Folds of tall data: moments of cells, one tridiagonalisation per fold, held-out errors from held-out moments.

What is ill-conditioned, or fits so well that residuals would cancel, goes through triangles instead (`triangles`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.design import Constancy, Design, Reduced, reduce
from weightdecay.linear.fold_maps import FoldMap, fold_maps
from weightdecay.linear.moments import Moments, Shift, choose_shift, constant_columns, gather, gather_extents, total
from weightdecay.linear.row_losses import marked, of_rows
from weightdecay.linear.rows import Rows
from weightdecay.linear.spectrum import Tridiagonal, tridiagonal
from weightdecay.linear.triangles import TriangularFit, fit_triangle, gather_triangles, residual_sum
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds, Partition
from weightdecay.tuning.protocol import Scorer
from weightdecay.tuning.scoring import losses_of_targets
from weightdecay.tuning.selection import from_folds

Array = NDArray[np.float64]
Predictor = Callable[[Array, Array, int], Array]
Fit = TypeVar("Fit")
# Models (L, t, p), (L, t) of a fold about the shift, Σ s (residual)² (L, t) on its test rows, and how (L,).
Solver = Callable[[int, Array], tuple[Array, Array, Array, NDArray[np.str_]]]

# The normal case.
EXACT = "exact"
# Below this many products the triangles cost next to nothing, and every digit is kept from the start.
SMALL = 3e7
# A condition number of G + ΛI beyond which moments would cost digits that the losses need.
ILL = 1e6
# Models are formed for so many coefficients at a time.
CHUNK = 4_000_000
# Rows of a single hold-out read at a time.
HELD_OUT_ROWS = 1024
# What of a split does not depend on the design.
OF_ROWS = ("cells", "maps", "weight", "small", "tests", "triangles", "extents", "triangular_tests")


@dataclass(frozen=True, eq=False)
class GramFit:
    """A training set as a reduced, tridiagonalised Gram matrix."""

    reduced: Reduced
    factor: Tridiagonal

    def models(self, precisions: Array) -> tuple[Array, Array]:
        """Coefficients (L, t, p) and intercepts (L, t) about the shift, for Λ > 0; zeros of u at Λ = inf."""
        q, t = self.reduced.r.shape
        U = np.zeros((len(precisions), q, t))
        finite = np.isfinite(precisions)
        if finite.any() and q:
            U[finite] = self.factor.solutions(precisions[finite])
        return self.reduced.models(U)

    def condition(self, precisions: Array | float) -> Array:
        """Condition number of G + ΛI."""
        smallest, largest = self.factor.extremes if self.reduced.q else (1.0, 1.0)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(np.isinf(precisions), 1.0, (largest + precisions) / (smallest + precisions))

    def trusted(self, precisions: Array) -> NDArray[np.bool_]:
        """Where the moments carry enough digits for G + ΛI."""
        return np.asarray(self.condition(precisions) * self.reduced.cancelled <= ILL)


def fit_moments(training: Moments, design: Design, constancy: Constancy, mapped: FoldMap | None = None) -> GramFit:
    """Reduce and tridiagonalise training moments, of mapped columns where a fold maps them."""
    reduced = reduce(training, design if mapped is None else mapped.designed(design), constancy, mapped)
    return GramFit(reduced, tridiagonal(np.array(reduced.G), reduced.r))


@dataclass(frozen=True, eq=False)
class FoldSplit:
    """All folds of a plan, factorised together."""

    rows: Rows
    design: Design
    centre: Array
    folds: Folds
    shift: Shift

    @cached_property
    def cells(self) -> list[list[Moments]]:
        """Moments of the cells: one pass over the rows."""
        labels, counts = layout(self.folds.partitions)
        cells = gather(self.rows, labels, counts, self.shift)
        if self.centre.any():
            return [[one.about_centre(self.centre) for one in part] for part in cells]
        return cells

    @cached_property
    def maps(self) -> Sequence[FoldMap | None]:
        """What every fold makes of the columns of an encoded table."""
        return fold_maps(self.rows, self.folds)

    @cached_property
    def weight(self) -> Array:
        """Σs of each fold's test rows."""
        sums = [np.bincount(one.label + 1, self.rows.weight, one.n_cells + 1)[1:] for one in self.folds.partitions]
        return np.array([sums[number][list(test)].sum() for number, _, test in self._each()], dtype=np.float64)

    @cached_property
    def small(self) -> bool:
        """Whether triangles are as good as free."""
        return bool(self.rows.n * (1.0 + self.rows.p + self.rows.t) ** 2 < SMALL)

    @cached_property
    def fits(self) -> list[GramFit]:
        """One factorised training set per fold."""

        def fit(number: int, train: tuple[int, ...], mapped: FoldMap | None) -> GramFit:
            cells = total([self.cells[number][cell] for cell in train])
            return fit_moments(cells, self.design, self._constancy(number, train), mapped)

        return self._fitted(fit)

    def _fitted(self, fit: Callable[[int, tuple[int, ...], FoldMap | None], Fit]) -> list[Fit]:
        """What becomes of each fold's training set, once for those of the same rows."""
        known: dict[tuple[int, tuple[int, ...]], Fit] = {}
        found = []
        for (number, train, _), mapped in zip(self._each(), self.maps, strict=True):
            if (number, train) not in known:
                known[number, train] = fit(number, train, mapped)
            found.append(known[number, train])
        return found

    def reduced(self, fold: int, design: Design) -> Reduced:
        """The training set of one fold for some design, not factorised."""
        number, train, _ = list(self._each())[fold]
        mapped, training = self.maps[fold], total([self.cells[number][cell] for cell in train])
        own = design if mapped is None else mapped.designed(design)
        return reduce(training, own, self._constancy(number, train), mapped)

    def redesigned(self, design: Design) -> FoldSplit:
        """The same folds for another design: what was read of the rows is kept."""
        twin = replace(self, design=design)
        vars(twin).update({name: value for name, value in vars(self).items() if name in OF_ROWS})
        return twin

    @cached_property
    def tests(self) -> list[Moments]:
        """Moments of each fold's test rows."""
        return [total([self.cells[number][cell] for cell in test]) for number, _, test in self._each()]

    def _each(self) -> Iterator[tuple[int, tuple[int, ...], tuple[int, ...]]]:
        """Partition, training cells and test cells of every fold."""
        for number, partition in enumerate(self.folds.partitions):
            for train, test in zip(partition.train, partition.test, strict=True):
                yield number, train, test

    @cached_property
    def triangles(self) -> list[list[Array]]:
        """Square-root moments of the cells, when something needs them: a second pass over the rows."""
        labels, counts = layout(self.folds.partitions)
        return gather_triangles(self.rows, labels, counts, self.shift, self.centre)

    @cached_property
    def triangular_fits(self) -> list[TriangularFit]:
        """One training set per fold, from triangles."""

        def fit(number: int, train: tuple[int, ...], mapped: FoldMap | None) -> TriangularFit:
            parts, constancy = [self.triangles[number][cell] for cell in train], self._constancy(number, train)
            return fit_triangle(parts, self.design, self.rows.t, self.rows.n, constancy, mapped)

        return self._fitted(fit)

    @cached_property
    def extents(self) -> list[tuple[Array, Array]]:
        """Smallest and largest values of the columns in the cells, when something needs them: another pass."""
        return gather_extents(self.rows, *layout(self.folds.partitions))

    def _constancy(self, number: int, train: tuple[int, ...]) -> Constancy:
        """Which columns hold a single value in some cells, once asked."""
        return lambda: constant_columns(self.extents[number], train)

    @cached_property
    def triangular_tests(self) -> list[Array]:
        """Triangle of each fold's test rows."""
        return [np.concatenate([self.triangles[number][cell] for cell in test]) for number, _, test in self._each()]

    def models(self, fold: int, precisions: Array) -> tuple[Array, Array, Array, NDArray[np.bool_]]:
        """Models of one fold about the shift, Σ s (residual)² (L, t) on its test rows, and who needed triangles."""
        mapped = self.maps[fold]
        wide = mapped.of_wide if mapped is not None else np.asarray
        if self.small:
            coef, intercept = self.triangular_fits[fold].models(precisions)
            coef = wide(coef)
            error = residual_sum(self.triangular_tests[fold], coef, intercept)
            return coef, intercept, error, np.zeros(len(precisions), dtype=bool)
        exact = ~self.fits[fold].trusted(precisions)
        coef, intercept = self.fits[fold].models(np.where(exact, np.inf, precisions))
        coef = wide(coef)
        error, lost = self.tests[fold].errors(coef, intercept)
        exact |= lost
        if exact.any():
            found, intercept[exact] = self.triangular_fits[fold].models(precisions[exact])
            coef[exact] = wide(found)
            error[exact] = residual_sum(self.triangular_tests[fold], coef[exact], intercept[exact])
        return coef, intercept, error, exact

    def errors(self, fold: int, coef: Array, intercept: Array) -> Array:
        """Σ s (residual)² (L, t) on the test rows of one fold, of models (L, t, p), (L, t) about the shift."""
        if self.small:
            return residual_sum(self.triangular_tests[fold], coef, intercept)
        error, lost = self.tests[fold].errors(coef, intercept)
        if lost.any():
            error[lost] = residual_sum(self.triangular_tests[fold], coef[lost], intercept[lost])
        return error

    def training(self, fold: int) -> tuple[int, tuple[int, ...]]:
        """Partition and cells that a fold trains on: the same for folds of the same training rows."""
        number, train, _ = list(self._each())[fold]
        return number, train

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out mean squared error (or −score) of every fold, target and decay."""
        return self.judged(self._ridge, decays, scoring, among)

    def _ridge(self, fold: int, precisions: Array) -> tuple[Array, Array, Array, NDArray[np.str_]]:
        """`models`, and who needed triangles in words."""
        coef, intercept, error, triangular = self.models(fold, precisions)
        return coef, intercept, error, np.where(triangular, "exact (triangular)", EXACT)

    def judged(self, solved: Solver, decays: Array, scoring: Scorer | None, among: Array | None) -> HeldOut:
        """Held-out losses of what a solver makes of every fold."""
        decays = np.asarray(decays, dtype=np.float64)
        precisions = decays * self.rows.weight_sum
        if scoring is not None:
            return self._scored(solved, precisions, decays, scoring, among)
        if len(self.folds.repeat) == 1:
            return self._of_one_fold(solved, precisions, decays, among)
        F, L, t = len(self.folds.repeat), len(decays), self.rows.t
        loss, status = np.empty((F, L, t)), exact(F, L)
        size = max(1, CHUNK // max(1, self.rows.p * t))
        for fold in range(F):
            for start in range(0, L, size):
                part = slice(start, min(L, start + size))
                *_, loss[fold, part], status[fold, part] = solved(fold, precisions[part])
        loss /= self.weight[:, None, None]
        return summarise(decays, loss, self.weight, self.folds, status, among)

    def _of_one_fold(self, solved: Solver, precisions: Array, decays: Array, among: Array | None) -> HeldOut:
        """A single hold-out: its rows are read once more, since their errors stand for those of folds."""
        coef, intercept, _, status = solved(0, precisions)
        _, test = next(iter(self.folds.splits()))
        L, t, p = coef.shape

        def pieces() -> Iterator[tuple[Array, Array]]:
            for start in range(0, len(test), HELD_OUT_ROWS):
                rows = test[start : start + HELD_OUT_ROWS]
                predicted = self._predictor(rows)(coef.reshape(L * t, p), intercept.reshape(L * t), L)
                yield (self.rows.Y[rows][:, None, :] - predicted.reshape(len(rows), L, t)) ** 2, self.rows.s[rows]

        found = of_rows(decays, pieces(), among)
        for word in np.unique(status[status != EXACT]):
            found = marked(found, status == word, str(word))
        return found

    def _predictor(self, test: NDArray[np.intp]) -> Predictor:
        """Predictions (m, k) of some rows by models (k, p), (k,) about the shift, targets in turn."""
        X, shift = self.rows.X[test], self.shift
        if isinstance(X, np.ndarray):
            X = X - shift.x  # not X w − shift w, which would cancel

        def predict(coef: Array, intercept: Array, times: int) -> Array:
            coef = coef + np.tile(self.centre, (times, 1))
            intercept = intercept + np.tile(shift.y, times)
            return np.asarray(X @ coef.T + (intercept if isinstance(X, np.ndarray) else intercept - coef @ shift.x))

        return predict

    def _scored(self, solved: Solver, precisions: Array, decays: Array, scorer: Scorer, among: Array | None) -> HeldOut:
        """−score of every fold and decay, by a scikit-learn scorer on the test rows."""
        losses, status = [], exact(len(self.folds.repeat), len(decays))
        for fold, (_, test) in enumerate(self.folds.splits()):
            coef, intercept, _, status[fold] = solved(fold, precisions)
            X, weight = self.rows.X[test], None if self.rows.weight is None else self.rows.weight[test]
            predict = self._predictor(test)
            predictions = (predict(one, offset, 1) for one, offset in zip(coef, intercept, strict=True))
            losses.append(losses_of_targets(scorer, X, self.rows.Y[test], predictions, weight))
        return of_scores(decays, np.stack(losses), self.folds, status, among)


def exact(F: int, L: int) -> NDArray[np.str_]:
    """The status of folds and decays of which nothing else is to be said."""
    return np.full((F, L), EXACT, dtype="<U24")


def summarise(
    decays: Array, loss: Array, weight: Array, folds: Folds, status: NDArray[np.str_], among: Array | None
) -> HeldOut:
    """A `HeldOut` from losses (F, L, t): the mean over targets, and each target when there are several."""
    several = range(loss.shape[2]) if loss.shape[2] > 1 else ()
    parts = [loss[:, :, k] for k in several]
    made = [from_folds(decays, one, weight, folds.repeat, status, among=among) for one in [*parts, loss.mean(axis=2)]]
    return replace(made[-1], targets=tuple(made[:-1]))


def of_scores(decays: Array, loss: Array, folds: Folds, status: NDArray[np.str_], among: Array | None) -> HeldOut:
    """A `HeldOut` from −scores (F, L, 1 or 1 + t) of all targets together and each alone; folds count alike."""
    parts = np.moveaxis(loss, 2, 0)
    made = [from_folds(decays, one, np.ones(len(one)), folds.repeat, status, among=among) for one in parts]
    return replace(made[0], targets=tuple(made[1:]))


def layout(partitions: tuple[Partition, ...]) -> tuple[list[NDArray[np.int32]], list[int]]:
    """Labels and numbers of cells of the partitions of a plan."""
    return [one.label for one in partitions], [one.n_cells for one in partitions]


def open_folds(rows: Rows, design: Design, centre: Array, folds: Folds) -> FoldSplit:
    """Folds of tall data; rows are read when losses are asked for."""
    return FoldSplit(rows, design, centre, folds, choose_shift(rows, design.fit_intercept))
