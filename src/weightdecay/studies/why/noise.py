"""Robustness to noise: columns that tell nothing, and targets that are wrong, added in steps."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.why_noise import FLIPPED, GAUSSIAN, SWAPPED, Noise, NoiseSteps
from weightdecay.studies.why.added_noise import spread_of, twice, widened, with_flips, with_gaussian, with_swaps
from weightdecay.studies.why.opened_rows import OUTER, Opened, check_count, opened, seed_of
from weightdecay.studies.why.three_fits import Judged, TrainingSet, share_of, three_fits
from weightdecay.studies.why.watched import fits_of, repetitions
from weightdecay.tuning.folds import from_splits
from weightdecay.tuning.progress import Progress, Silent
from weightdecay.tuning.protocol import Problem

Array = NDArray[np.float64]
Index = NDArray[np.intp]

WHAT = "noise"
# Steps, and fewer where decays are minimised one by one; columns of noise are no more than so many times the rows.
COLUMNS, FEW_COLUMNS = (0, 10, 30, 100, 300), (0, 10, 100)
DEVIATIONS, FEW_DEVIATIONS = (0.0, 0.5, 1.0, 2.0, 4.0), (0.0, 1.0, 4.0)
SHARES, FEW_SHARES = (0.0, 0.05, 0.1, 0.2, 0.4), (0.0, 0.1, 0.4)
ROWS = 3
REPEATS = 2
SQUARED = "mean squared error"


def noise(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    columns: Any = None,
    labels: Any = None,
    repeats: int | None = None,
    decays: Any = None,
    scoring: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    random_state: int | None = None,
    text: Sequence[str] = (),
    progress: Progress | None = None,
) -> Noise:
    r"""How well fits with and without decay stand noise: columns that tell nothing, and wrong targets to learn from.

    With ŵ(X̃, ỹ) the fit to the training rows of a fold, made noisier, and the loss on its test rows with clean targets,

    .. math:: L(λ) = \frac{\sum_f W_f L_f\!\left(y;\, \hat w_λ(\tilde X_{-f}, \tilde y_{-f})\right)}{\sum_f W_f},

    without decay, at infinite decay, and at the decay that folds within the noisy training rows choose by their noisy
    targets, as all that a user has.

    Parameters
    ----------
    estimator : LinearRegression, LogisticRegression, or any other that `tune` takes
        An instance; it is not changed.
    X, y
        As in `tune`; tables with times are refused, since rows are dealt out at random.
    columns : sequence of int, optional
        Numbers of noise columns, independent normal with the median standard deviation of the columns; None is 0, 10,
        30, 100 and 300 (up to three times the rows), and [] leaves this part out.
    labels : sequence of float, optional
        Amounts of noise on the targets. Of squared loss standard deviations of Gaussian noise, in units of the tuned
        model's residual; of classes shares of rows that get another class; else (counts) shares of rows whose targets
        are dealt out anew among them. [] leaves this part out.
    repeats : int, optional
        How often noise and folds are drawn; None is 2 (1 where decays are minimised one by one).
    decays : array-like of float, optional
        λ to choose from; None is a lattice from the data's spectrum.
    scoring : str or callable, optional
        As in `tune`.
    groups : array-like of shape (n,), optional
        Rows of one group are held out together.
    sample_weight : array-like of shape (n,), optional
        Relative weights of at least 0.
    random_state : int, optional
        Of the noise and the folds; None is 0.
    text : sequence of str, optional
        Columns of a frame that hold prose.
    progress : Progress, optional
        A listener to long work.

    Returns
    -------
    Noise

    Raises
    ------
    ValueError
        There are fewer than 10 rows, the target is constant, an amount makes no sense, or as in `tune`.

    Notes
    -----
    There are 5 outer folds, the same at all amounts, and 5 folds within each that choose the decay (3 where decays are
    minimised one by one). More noise columns are those of the step before and others beside them; more noise on numbers
    is the same noise times more. A decay is given as `tune` would on the training rows.

    That noise on the inputs of least squares acts as a penalty is Bishop (1995), "Training with Noise is Equivalent to
    Tikhonov Regularization", Neural Computation 7(1); here noise is in columns of its own.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 5)); y = X @ [1.0, 1.0, 1.0, 0.0, 0.0] + rng.standard_normal(60)
    >>> found = wd.why.noise(wd.LinearRegression(), X, y, columns=[0, 30], labels=[])
    >>> none, tuned = found.columns.fits.none_mean, found.columns.fits.tuned_mean
    >>> bool(none[1] / none[0] > tuned[1] / tuned[0])
    True
    """
    own: dict[str, Any] = {"decays": decays, "scoring": scoring, "groups": groups, "sample_weight": sample_weight}
    work = opened(estimator, X, y, what=WHAT, text=text, **own)
    count = (1 if work.one_by_one else REPEATS) if repeats is None else check_count("repeats", repeats, 1)
    study = _Study(work, count, seed_of(random_state), progress or Silent())
    kind = FLIPPED if work.facts.classes else GAUSSIAN if work.facts.loss_name.startswith(SQUARED) else SWAPPED
    wide, note = study.column_levels(columns)
    amounts = study.label_levels(labels, kind)
    if not wide and not amounts:
        raise ValueError("neither columns nor labels has an amount of noise; give one of them, or leave both out")
    try:
        study.progress.start(len(wide) + len(amounts), f"noise: {len(wide) + len(amounts)} amounts, {count} draws")
        found = study.wide(wide) if wide else None
        wrong, size = study.wrong(amounts, kind) if amounts else (None, math.nan)
    finally:
        study.progress.finish()
    facts = work.facts
    return Noise(
        columns=found,
        labels=wrong,
        kind=kind,
        residual=size,
        repeats=count,
        inner=work.inner_folds,
        n_rows=facts.n_rows,
        n_columns=len(facts.columns),
        model_name=facts.model_name,
        scoring=work.scoring,
        notes=(note,) if note else (),
    )


@dataclass(frozen=True, eq=False)
class _Study:
    """The data, and draws of noise and folds."""

    work: Opened
    repeats: int
    seed: int
    progress: Progress

    def column_levels(self, given: Any) -> tuple[list[int], str]:
        """Numbers of columns, ascending, and why there are none where none were left out."""
        work = self.work
        raw = work.rows.encoder is not None and not work.encoded
        if given is None:
            most = max(10, ROWS * work.facts.n_rows)
            few = FEW_COLUMNS if work.one_by_one else COLUMNS
            levels = [one for one in few if one <= most]
        else:
            levels = [check_count("columns holds", one, 0) for one in np.atleast_1d(np.asarray(given)).tolist()]
        if not levels:
            return [], ""
        try:
            if raw:
                raise ValueError(
                    f"columns of noise cannot go into a table that {work.facts.model_name} gets as it is; leave them "
                    "out with columns=[], or give columns of numbers"
                )
            widened(work.data, np.zeros((work.facts.n_given, 1)))
        except ValueError as refused:
            if given is not None:
                raise
            return [], f"Noise columns were left out: {refused}."
        return sorted(set(levels)), ""

    def label_levels(self, given: Any, kind: str) -> list[float]:
        """Amounts of noise on targets, ascending."""
        few = self.work.one_by_one
        if given is None:
            some = (FEW_DEVIATIONS if few else DEVIATIONS) if kind == GAUSSIAN else FEW_SHARES if few else SHARES
            return list(some)
        try:
            levels = np.atleast_1d(np.asarray(given, dtype=np.float64))
        except (TypeError, ValueError):
            levels = np.array([-1.0])
        most = math.inf if kind == GAUSSIAN else 1.0
        if levels.ndim != 1 or not ((levels >= 0) & (levels <= most) & np.isfinite(levels)).all():
            expected = (
                "standard deviations of at least 0, in units of the residual" if kind == GAUSSIAN else "shares of rows"
            )
            raise ValueError(f"labels={given!r}: expected {expected}, such as {[0.0, 0.1, 0.4]}")
        return sorted(set(levels.tolist()))

    def wide(self, levels: Sequence[int]) -> NoiseSteps:
        """Columns of noise beside those of the data."""
        work, most = self.work, max(levels)
        size = spread_of(work.data)
        draws = [size * self._rng(draw).standard_normal((work.facts.n_given, most)) for draw in range(self.repeats)]
        judged = []
        for level in levels:
            parts = []
            for draw, columns in enumerate(draws):
                data = widened(work.data, columns[:, :level])
                problem = work.fitter.open(data, work.rows.y, work.rows.sample_weight)
                parts.append(self._judged(problem, draw, doubled=False))
            judged.append(_joined(parts))
            self.progress.advance(f"{level:,} noise columns")
        return self._steps(levels, judged)

    def wrong(self, levels: Sequence[float], kind: str) -> tuple[NoiseSteps, float]:
        """Noise on the targets to learn from, and the size of a unit of it."""
        work = self.work
        y = np.asarray(work.rows.y)
        y = y.astype(np.float64) if kind == GAUSSIAN else y
        size = self._residual() if kind == GAUSSIAN else np.array([math.nan])
        data, weight = twice(work.data), work.rows.sample_weight
        weight = None if weight is None else np.tile(np.asarray(weight), 2)
        judged = []
        for level in levels:
            parts = []
            for draw in range(self.repeats):
                noisy = _MADE[kind](y, level, size, self._rng(draw))
                problem = work.fitter.open(data, np.concatenate([noisy, y]), weight)
                parts.append(self._judged(problem, draw, doubled=True))
            judged.append(_joined(parts))
            self.progress.advance(f"noise {level:g} on the targets")
        return self._steps(levels, judged), float(size.mean())

    def _residual(self) -> Array:
        """Root mean squared held-out error of the tuned model, for every target (t,)."""
        work = self.work
        folds = from_splits(work.folds(work.used, OUTER, self.seed), work.facts.n_given, "")
        held_out = work.problem.split(folds).held_out(np.concatenate([work.problem.candidates(), [np.inf]]))
        each = held_out.targets or (held_out,)
        return np.array([math.sqrt(max(float(np.nanmin(one.mean)), 0.0)) for one in each])

    def _judged(self, problem: Problem, draw: int, *, doubled: bool) -> Judged:
        """The folds of one draw: of doubled rows the first half teaches and chooses, the other judges."""
        work, n = self.work, self.work.facts.n_given
        sets = []
        for train, test in work.folds(work.used, OUTER, self.seed + draw):
            inner = work.folds(train, work.inner_folds, self.seed + draw)
            sets.append(TrainingSet(train, test + n if doubled else test, tuple(inner)))
        weight = work.weight
        share = float(np.mean([weight[one.train].sum() for one in sets]) / weight.sum()) / (2.0 if doubled else 1.0)
        return three_fits(problem, sets, work.care, share_of(problem, share))

    def _steps(self, levels: Sequence[float], judged: Sequence[Judged]) -> NoiseSteps:
        """The record of one kind of noise."""
        folds = len(judged[0].none) // self.repeats
        return NoiseSteps(
            np.asarray(levels, dtype=np.float64), fits_of(judged, repetitions(len(judged[0].none), folds))
        )

    def _rng(self, draw: int) -> np.random.Generator:
        """The noise of one draw, the same at every amount."""
        return np.random.default_rng((self.seed, draw))


_MADE: dict[str, Callable[[NDArray[Any], float, Array, np.random.Generator], NDArray[Any]]] = {
    GAUSSIAN: with_gaussian,
    FLIPPED: lambda y, level, size, rng: with_flips(y, level, rng),
    SWAPPED: lambda y, level, size, rng: with_swaps(y, level, rng),
}


def _joined(parts: Sequence[Judged]) -> Judged:
    """The training sets of all draws."""
    return Judged(*(np.concatenate([getattr(one, name) for one in parts]) for name in Judged.__dataclass_fields__))
