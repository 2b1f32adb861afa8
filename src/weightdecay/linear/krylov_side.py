"""The sparse side: folds, models and their degrees of freedom through Krylov spaces, for X that is never densified.

Solutions are iterative: they stop on a bound of their error, with gradients that are computed anew, and the status says
"krylov" or "not converged". Losses that have not converged are nan, models that have not come with a warning. Degrees
of freedom and log determinants are estimates, ± the error that the status tells.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from weightdecay.linear.design import Design
from weightdecay.linear.fold_maps import FoldMap, fold_maps
from weightdecay.linear.fold_split import of_scores, summarise
from weightdecay.linear.krylov import MAX_ITER, TOL, KrylovFolds, open_folds
from weightdecay.linear.krylov_traces import Traces, n_unpenalised, sampled_spectrum
from weightdecay.linear.krylov_whole import KrylovPath, KrylovWhole, open_whole
from weightdecay.linear.row_losses import of_rows
from weightdecay.linear.rows import OutOfRangeError, Rows
from weightdecay.linear.sides import SPAN
from weightdecay.linear.whole import Models
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Scorer, Split
from weightdecay.tuning.scoring import losses_of_targets

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# (Rows + columns) × targets × folds that one operator holds: 256 MiB in each of a few arrays. More folds take turns.
FOLD_ENTRIES = 2**25
# Where only no decay and infinite decay are asked for, traces are sampled as for this share of the mean eigenvalue.
RESOLVED = 1e-7


@dataclass(frozen=True, eq=False)
class Krylov:
    """A Krylov space per training set and target, shared by all decays.

    Parameters
    ----------
    rows : Rows
        With sparse X.
    design : Design
    centre : ndarray of shape (t, p)
    tol : float
        Relative error in the energy norm; relative gradients are below 10 tol.
    max_iter : int
        Steps, each of two passes over X.
    """

    rows: Rows
    design: Design
    centre: Array
    tol: float = TOL
    max_iter: int = MAX_ITER
    name: str = "krylov"
    span: tuple[float, float] = SPAN
    _latest: dict[str, tuple[Array, Models]] = field(default_factory=dict, repr=False)

    @cached_property
    def offset(self) -> Array:
        """What the centre predicts, (n, t)."""
        if not np.isfinite(self.rows.X.data).all():
            raise OutOfRangeError("X holds nan or infinity")
        if not self.centre.any():
            return np.zeros((self.rows.n, self.rows.t))
        return np.asarray(self.rows.X @ self.centre.T, dtype=np.float64)

    @cached_property
    def whole(self) -> KrylovWhole:
        """All rows as one training set."""
        return open_whole(
            self.rows.X,
            self.rows.Y - self.offset,
            sample_weight=self.rows.weight,
            decay_weights=self.design.decay_weights,
            fit_intercept=self.design.fit_intercept,
            standardize=self.design.standardize,
            spread=None if self.design.spread is None else self.design.spread[:, None],
        )

    def split(self, folds: Folds) -> Split:
        """All folds as one operator, or a few where memory asks for it.

        Raises
        ------
        ValueError
            For leave-one-out, which would need the leverage of every row.
        """
        if folds.leave_one_out:
            raise ValueError(
                f"cv='loo' needs the leverage of every row, out of reach for sparse data of {self.rows.n} rows and "
                f"{self.rows.p} columns; give a number of folds, for example cv=5"
            )
        together = max(1, FOLD_ENTRIES // ((self.rows.n + self.rows.p) * self.rows.t))
        splits = list(folds.splits())
        maps = fold_maps(self.rows, folds)
        if any(one is not None and one.delta.any() for one in maps):
            together = 1  # folds that fill gaps in differently have a matrix each
        some = [slice(start, start + together) for start in range(0, len(splits), together)]
        opened = tuple(self._opened(splits[part], maps[part]) for part in some)
        return KrylovSplit(self.rows, folds, opened, self.offset, self.tol, self.max_iter)

    def _opened(self, splits: list[tuple[Index, Index]], maps: Sequence[FoldMap | None]) -> KrylovFolds:
        first, spread = maps[0], None
        if first is not None and first.spread is not None:
            spread = np.stack([one.spread for one in maps if one is not None and one.spread is not None], axis=1)
        return open_folds(
            self.rows.X if first is None or len(maps) > 1 else first.patched_sparse(self.rows.X),
            self.rows.Y - self.offset,
            train=[train for train, _ in splits],
            test=[test for _, test in splits],
            sample_weight=self.rows.weight,
            decay_weights=self.design.decay_weights,
            fit_intercept=self.design.fit_intercept,
            standardize=self.design.standardize,
            spread=spread,
        )

    def models(self, precisions: Array) -> Models:
        """One Krylov space for all Λ, and one sample of the spectrum; the latest answer is kept."""
        asked, found = self._latest.get("models", (np.zeros(0), None))
        if found is None or not np.array_equal(asked, precisions):
            found = self._models(precisions)
            self._latest["models"] = (np.array(precisions), found)
        return found

    def _models(self, precisions: Array) -> Models:
        path, traces = self._path(precisions), self._traces(precisions)
        late = ~path.converged.all(axis=1)
        if late.any():
            count = f"{int(late.sum())} of {len(precisions)}"
            note = f"{count} models have not converged; raise max_iter or give larger decays"
            warnings.warn(note, ConvergenceWarning, stacklevel=6)
        rank = n_unpenalised(self.whole.operator)
        return Models(
            coef=path.coef,
            intercept=path.intercept,
            rss=path.residual_square,
            shrunk=path.residual_square + path.penalty,
            df=traces.df + rank - int(self.design.fit_intercept),
            log_det=traces.log_det,
            exact=np.zeros(len(precisions), dtype=bool),
            undecayed=rank,
            status=tuple(_words(path, traces)),
        )

    def _path(self, precisions: Array) -> KrylovPath:
        """Models about the caller's centre."""
        path = self.whole.path(precisions, tol=self.tol, max_iter=self.max_iter)
        if self.centre.any():
            path.coef[...] += self.centre
        return path

    def _traces(self, precisions: Array) -> Traces:
        """Degrees of freedom and log determinants, estimated."""
        internal = self.whole.operator.internal(precisions)
        least = internal[(internal > 0) & np.isfinite(internal)].min(initial=np.inf)
        if not np.isfinite(least):
            least = RESOLVED * float(self.whole.operator.internal(np.array(self.scale() / min(self.rows.X.shape))))
        return sampled_spectrum(self.whole.operator, least).traces(internal)

    def solution(self, precision: float) -> tuple[Array, Array, bool]:
        """A Krylov space of its own; False where the steps were not enough."""
        path = self._path(np.array([precision]))
        return path.coef[0], path.intercept[0], bool(path.converged.all())

    def scale(self) -> float:
        """The trace of G before exempt columns are projected out."""
        return self.whole.trace()


@dataclass(frozen=True, eq=False)
class KrylovSplit:
    """All folds of a sparse problem; a decay that has been answered is not solved for again."""

    rows: Rows
    folds: Folds
    parts: tuple[KrylovFolds, ...]
    offset: Array  # (n, t): X times the centre
    tol: float
    max_iter: int
    _known: dict[int, tuple[Scorer | None, dict[float, tuple[Array, list[str]]]]] = field(
        default_factory=dict, repr=False
    )

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out mean squared error (or −score) of every fold, target and decay."""
        decays = np.asarray(decays, dtype=np.float64)
        if scoring is None and len(self.folds.repeat) == 1:
            return self._of_one_fold(decays, among)
        # The scorer is kept beside its losses, so that its id stays its own.
        _, known = self._known.setdefault(id(scoring), (scoring, {}))
        new = np.array([decay for decay in decays.tolist() if decay not in known])
        if len(new):
            loss, status = self._solved(new * self.rows.weight_sum, scoring)
            known.update((decay, (loss[:, k], status[:, k].tolist())) for k, decay in enumerate(new.tolist()))
        answers = [known[decay] for decay in decays.tolist()]
        loss = np.stack([loss for loss, _ in answers], axis=1)
        status = np.array([status for _, status in answers]).T
        if scoring is not None:
            return of_scores(decays, loss, self.folds, status, among)
        weight = np.array([self.rows.s[test].sum() for _, test in self.folds.splits()])
        return summarise(decays, loss, weight, self.folds, status, among)

    def _of_one_fold(self, decays: Array, among: Array | None) -> HeldOut:
        """A single hold-out: the errors of its rows stand for those of folds."""
        (part,) = self.parts
        found = part.predictions(decays * self.rows.weight_sum, tol=self.tol, max_iter=self.max_iter)
        (test,) = found.rows
        Y, predicted = self.rows.Y[test] - self.offset[test], np.swapaxes(found.predictions[0], 1, 2)
        square = np.where(found.converged[0].T, (Y[:, None, :] - predicted) ** 2, np.nan)
        record = of_rows(decays, [(square, self.rows.s[test])], among)
        status = _status(found.converged, found.iterations)
        return replace(record, status=status, targets=tuple(replace(one, status=status) for one in record.targets))

    def _solved(self, precisions: Array, scoring: Scorer | None) -> tuple[Array, NDArray[np.str_]]:
        """Losses (F, L, t), or (F, L, 1 or 1 + t) for scorers, and how they were computed (F, L)."""
        losses, statuses = [], []
        for part in self.parts:
            if scoring is None:
                errors = part.squared_errors(precisions, tol=self.tol, max_iter=self.max_iter)
                losses.append(np.where(errors.converged, errors.loss, np.nan).transpose(0, 2, 1))
                statuses.append(_status(errors.converged, errors.iterations))
                continue
            found = part.predictions(precisions, tol=self.tol, max_iter=self.max_iter)
            scores = np.stack(list(self._scores(found.rows, found.predictions, scoring)))
            losses.append(np.where(np.asarray(found.converged.all(axis=1))[:, :, None], scores, np.nan))
            statuses.append(_status(found.converged, found.iterations))
        return np.concatenate(losses), np.concatenate(statuses)

    def _scores(self, tests: tuple[Index, ...], predictions: tuple[Array, ...], scorer: Scorer) -> Iterator[Array]:
        """−score (L, 1 or 1 + t) of every fold's predictions (n_f, t, L)."""
        for test, predicted in zip(tests, predictions, strict=True):
            weight = None if self.rows.weight is None else self.rows.weight[test]
            whole = np.moveaxis(predicted, 2, 0) + self.offset[test]
            yield losses_of_targets(scorer, self.rows.X[test], self.rows.Y[test], whole, weight)


def _status(converged: NDArray[np.bool_], iterations: Index) -> NDArray[np.str_]:
    """In words (F, L), from (F, t, L)."""
    steps = iterations.max(axis=1)
    late = np.char.add("not converged: steps ", steps.astype(np.str_))
    return np.where(converged.all(axis=1), "krylov", late)


def _words(path: KrylovPath, traces: Traces) -> Iterator[str]:
    """How each model was computed, and how far its degrees of freedom may be off."""
    for converged, steps, error in zip(path.converged, path.iterations, traces.df_error, strict=True):
        yield f"{'krylov' if converged.all() else f'not converged: steps {steps.max()}'}; df ± {error:.2g}"
