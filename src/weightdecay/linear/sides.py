"""Sides: the same ridge problem through its columns (tall), its rows (wide), or a Krylov space (large and sparse).

Each side answers the same questions; `ridge` asks them and never how.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.accuracy import TINY, enough
from weightdecay.linear.design import Design
from weightdecay.linear.dual import DualFit, arranged, fit_duals, in_order, left_out
from weightdecay.linear.dual_models import dual_models, graded_models
from weightdecay.linear.dual_split import DualLeaveOneOut, DualSplit, FoldFit
from weightdecay.linear.fold_maps import FoldMap, fold_maps
from weightdecay.linear.fold_split import FoldSplit, open_folds
from weightdecay.linear.leave_one_out import LeaveOneOut
from weightdecay.linear.moments import Moments, total
from weightdecay.linear.polish import polished
from weightdecay.linear.rows import Rows, column_blocks, sample_middle
from weightdecay.linear.whole import Models, Whole, open_whole, spectral_sums
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Split

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Maps = Sequence[FoldMap | None] | None

# Moments of cells that are kept after a search, for what is asked afterwards: 64 MiB.
REMEMBERED = 2**23
# Numbers of a sparse X up to which the coefficients of columns of very different lengths make it dense: 512 MiB.
MADE_DENSE = 2**26
ROUGH = "exact (triangular), but coefficients of long columns have fewer digits: too many columns to be made dense"
# What the calls for a training set cost, in operations of matrix products.
CALLS = 1e7
# Decades of Λ around the trace of G over p, from where nothing shrinks to where everything does.
SPAN = (-7.0, 1.0)
# Amplification of rounding errors up to which coefficients of wide data need no refinement.
SAFE = 1e5


class Side(Protocol):
    """One way through a ridge problem."""

    @property
    def name(self) -> str:
        """Of the method."""
        ...

    @property
    def span(self) -> tuple[float, float]:
        """Decades of Λ around `scale` over the smaller of n and p from which candidates are taken."""
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
        """The trace of G: a bound of its eigenvalues, and the size from which candidates are counted.

        With an L1 part the least Λ that sets all decayed coefficients to zero, times the smaller of n and p.
        """
        ...


@dataclass(frozen=True, eq=False)
class Tall:
    """p × p moments."""

    rows: Rows
    design: Design
    centre: Array
    name: str = "moments"
    span: tuple[float, float] = SPAN
    _latest: dict[str, Any] = field(default_factory=dict, repr=False)

    @cached_property
    def whole(self) -> Whole:
        """All rows as one training set."""
        return open_whole(self.rows, self.design, self.centre)

    def split(self, folds: Folds) -> Split:
        """Moments of the cells, or one rotation for leave-one-out."""
        if folds.leave_one_out:
            return LeaveOneOut(self.rows, self.whole.rotation())
        split = self.fold_split(folds)
        if not split.small:
            cells = split.cells  # now, so that unusable numbers are told before the search begins
            self._learn(cells, folds)
        return split

    def fold_split(self, folds: Folds) -> FoldSplit:
        """Folds factorised as a search has left them, or new ones."""
        if self._latest.get("folds") is not folds:
            split = open_folds(self.rows, self.design, self.centre, folds)
            numbers = sum(one.n_cells for one in folds.partitions) * (1 + self.rows.p) ** 2
            if folds.once or numbers > REMEMBERED:
                return split
            self._latest.update(folds=folds, split=split)
        found: FoldSplit = self._latest["split"]
        return found

    def _learn(self, cells: list[list[Moments]], folds: Folds) -> None:
        """Where the cells of a partition are all rows, their sum saves the whole another pass."""
        if (folds.partitions[0].label >= 0).all() and "moments" not in vars(self.whole):
            vars(self.whole)["moments"] = total(cells[0])

    def redesigned(self, design: Design) -> Tall:
        """What was read of the rows is kept."""
        twin = Tall(self.rows, design, self.centre)
        if "whole" in vars(self):
            vars(twin)["whole"] = self.whole.redesigned(design)
        if self._latest:
            twin._latest.update(self._latest, split=self._latest["split"].redesigned(design))
        return twin

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
        return float(np.trace(self.whole.reduced.G) - self.whole.reduced.lifted.sum())


@dataclass(frozen=True, eq=False)
class Wide:
    """n × n kernels, and triangles where those would cost digits."""

    rows: Rows
    design: Design
    centre: Array
    name: str = "kernel"
    span: tuple[float, float] = SPAN

    @cached_property
    def centre_shift(self) -> Array:
        """From where the columns are counted in what the centre predicts; an intercept absorbs it."""
        return sample_middle(self.rows.X) if self.design.fit_intercept else np.zeros(self.rows.p)

    @cached_property
    def offset(self) -> Array:
        """What the centre predicts, (n, t), up to a constant per target."""
        found = np.zeros((self.rows.n, self.rows.t))
        for block, part in column_blocks(self.rows.X) if self.centre.any() else ():
            found += (part - self.centre_shift[block]) @ self.centre[:, block].T
        return found

    def _fits(self, pairs: Sequence[tuple[Index, Index]], maps: Maps = None) -> Iterator[DualFit]:
        """Training sets through kernels, with what each makes of the columns."""
        return fit_duals(self.rows, self.design, pairs, self.rows.Y - self.offset, None, maps)

    def triangular_fits(self, pairs: Sequence[tuple[Index, Index]], maps: Maps = None) -> Iterator[DualFit]:
        """The same through triangles."""
        rows, design, lengths, order = self._arranged
        if maps is not None and order is not None:
            maps = [None if one is None else one.ordered(order) for one in maps]
        for fit in fit_duals(rows, design, pairs, rows.Y - self.offset, lengths, maps):
            yield fit if order is None else in_order(fit, order)

    @cached_property
    def _arranged(self) -> tuple[Rows, Design, Array, Index | None]:
        """The columns and the lengths that triangles ask for."""
        return arranged(self.rows, self.design)

    @cached_property
    def _everything(self) -> tuple[Index, Index]:
        """All rows with weight train, and none is tested."""
        return np.flatnonzero(self.rows.s > 0), np.zeros(0, dtype=np.intp)

    @cached_property
    def whole(self) -> DualFit:
        """All rows with weight as one training set."""
        (fit,) = self._fits([self._everything])
        return fit

    @cached_property
    def triangular(self) -> DualFit:
        """The same through a triangle, when something needs it."""
        (fit,) = self.triangular_fits([self._everything])
        return fit

    def without(self, fit: DualFit, place: int) -> DualFit:
        """Either of these without one of its training rows."""
        return left_out(fit, place, self._arranged[2] if fit.triangular else None, self.rows.p)

    def split(self, folds: Folds) -> Split:
        """A kernel per training set."""
        if folds.leave_one_out:
            return DualLeaveOneOut(self.rows, self, self.offset)
        pairs, maps = training_pairs(self.rows, folds), fold_maps(self.rows, folds)
        fits = _of_folds(self._fits, pairs, maps)
        if "whole" not in vars(self):
            share = self.rows.weight_sum / float(self.rows.s[pairs[0][0]].sum())
            vars(self)["_size"] = float(fits[0].d.sum()) * share

        def triangles(which: list[int]) -> list[FoldFit]:
            return _of_folds(self.triangular_fits, [pairs[f] for f in which], [maps[f] for f in which])

        return DualSplit(self.rows, folds, fits, self.offset, triangles)

    def redesigned(self, design: Design) -> Wide:
        """Kernels are made anew."""
        return Wide(self.rows, design, self.centre)

    def models(self, precisions: Array) -> Models:
        """From the factorised kernel, or the triangle."""
        exact = ~self.whole.trusted(precisions)
        L, t, undecayed = len(precisions), self.rows.t, self.whole.sets.rank
        coef, intercept = np.empty((L, t, self.rows.p)), np.empty((L, t))
        rss, shrunk, df, log_det = np.empty((L, t)), np.empty((L, t)), np.empty(L), np.empty(L)
        for mask in (~exact, exact):
            if not mask.any():
                continue
            fit = self.triangular if mask is exact else self.whole
            coef[mask], intercept[mask] = self._coefficients(fit, precisions[mask])
            rss[mask], shrunk[mask] = fit.sums(precisions[mask])
            df[mask], log_det[mask] = spectral_sums(fit.d, precisions[mask], 0.0)
        df += undecayed - int(self.design.fit_intercept)
        intercept -= self.centre @ self.centre_shift
        status: tuple[str, ...] = ()
        if exact.any() and self._graded and not self._can_be_dense:
            status = tuple(ROUGH if one else "exact" for one in exact)
        return Models(coef + self.centre, intercept, rss, shrunk, df, log_det, exact, undecayed, status)

    @property
    def _graded(self) -> bool:
        """Whether columns are of very different lengths."""
        return self._arranged[3] is not None

    @property
    def _can_be_dense(self) -> bool:
        """Whether there is memory for all columns at once."""
        return isinstance(self.rows.X, np.ndarray) or self.rows.n * self.rows.p <= MADE_DENSE

    def _coefficients(self, fit: DualFit, precisions: Array) -> tuple[Array, Array]:
        """Of one of the factorisations, the centre left out."""
        rows, _, lengths, order = self._arranged if fit.triangular else (self.rows, None, None, None)
        if lengths is None or order is None or not self._can_be_dense:
            return dual_models(self.rows, fit, precisions)
        return graded_models(rows, fit, precisions, lengths, order)

    def solution(self, precision: float) -> tuple[Array, Array, bool]:
        """From the factorised kernel, or from the triangle where it is better."""
        models = self.models(np.array([precision]))
        many = self.rows.n * self.rows.p * self.rows.t > TINY
        fit = self.triangular if models.exact[0] else self.whole
        safe = np.isinf(precision) or (many and fit.condition(precision) <= SAFE)
        return models.coef[0], models.intercept[0], bool(safe)

    @cached_property
    def _size(self) -> float:
        """Trace of the kernel; a fold that was factorised before tells it well enough."""
        return float(self.whole.d.sum())

    def scale(self) -> float:
        """Trace of the kernel."""
        return self._size


def _of_folds(
    fitted: Callable[[Sequence[tuple[Index, Index]], Maps], Iterator[DualFit]],
    pairs: list[tuple[Index, Index]],
    maps: Sequence[FoldMap | None],
) -> list[FoldFit]:
    """What every fold asks of its training set, which is factorised once for all folds of the same training rows."""
    first: dict[bytes, int] = {}
    same = [first.setdefault(train.tobytes(), number) for number, (train, _) in enumerate(pairs)]
    different = sorted(first.values())
    found: dict[int, FoldFit] = {}
    for number, fit in zip(different, fitted([pairs[f] for f in different], [maps[f] for f in different]), strict=True):
        found |= {f: FoldFit.of(fit, pairs[f][1]) for f, one in enumerate(same) if one == number}
    return [found[f] for f in range(len(pairs))]


def fold_work(rows: Rows, side: str) -> float:
    """Operations, roughly, that one more training set of many costs, told by the name of the side."""
    n, p = float(rows.n), float(rows.p + rows.t)
    if side == "krylov":
        return max(5000.0 * float(rows.X.nnz), 1e11)  # some hundred products with X, and memory for all of them
    if side == "kernel":
        return CALLS + n * n * p + 10.0 * n**3
    if side == "active set":
        return 50.0 * CALLS + n * min(n, p) * p / 50.0 + 60.0 * min(n, p) ** 3  # a factorisation or two for every decay
    if side != "moments":
        return 50.0 * CALLS + 5000.0 * p**2 + n * p**2 / 50.0  # step by step along a path
    return CALLS + 4.0 * p**3 + 100.0 * p**2 + n * p**2 / 50.0


def training_pairs(rows: Rows, folds: Folds) -> list[tuple[Index, Index]]:
    """Training rows with weight, and test rows, of every fold."""
    return [(train[rows.s[train] > 0], test) for train, test in folds.splits()]
