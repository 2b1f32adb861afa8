"""`DoubleDescent`: the held-out error over the number of columns, with no, tuned and infinite decay."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.why import Why

Array = NDArray[np.float64]

# Times the error of tuned decay, or of its least, from which a rise is told as a peak.
PEAK = 1.15
# Below this ratio two errors are told as about the same.
ALIKE = 1.05
# Shares of the training rows between which as many columns are about as many.
NEAR = (0.6, 1.6)


@final
@dataclass(frozen=True, eq=False)
class DoubleDescent(Why):
    """Held-out errors of models with more and more columns, on the same training rows.

    Parameters
    ----------
    sizes : ndarray of shape (m,)
        Numbers of columns, ascending.
    none, tuned : ndarray of shape (R, m)
        Held-out error of each of R repeats without decay (the least-penalty least squares where columns outnumber rows)
        and with tuned decay.
    constant : ndarray of shape (R,)
        Of infinite decay, which predicts the mean of the training rows.
    decays : ndarray of shape (R, m)
        λ tuned on the training rows alone.
    n_train, n_test : int
        Rows of a training and of a test set.
    columns : str
        What the columns are: ``"columns"`` of the data, ``"fourier"`` or ``"relu"``.
    n_columns : int
        Columns that the data have.
    loss : str
        In words.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 4)); y = np.sin(X[:, 0]) + 0.5 * rng.standard_normal(60)
    >>> found = wd.why.double_descent(wd.LinearRegression(), X, y, sizes=[5, 30, 100], n_train=30, repeats=2)
    >>> found.peak, found == DoubleDescent.from_json(found.to_json())
    (30, True)
    """

    name: ClassVar[str] = "double_descent"

    sizes: Array
    none: Array
    tuned: Array
    constant: Array
    decays: Array
    n_train: int
    n_test: int
    columns: str
    n_columns: int
    loss: str

    @property
    def peak(self) -> int:
        """The number of columns at which no decay does worst."""
        return int(self.sizes[int(np.argmax(self.none.mean(axis=0)))])

    @property
    def height(self) -> float:
        """The largest mean error without decay over that of tuned decay at the same place."""
        at = int(np.argmax(self.none.mean(axis=0)))
        return float(self.none[:, at].mean() / self.tuned[:, at].mean())

    @property
    def descends_twice(self) -> bool:
        """Whether the error without decay rises to a peak inside the sizes and falls again behind it."""
        return _humped(self.none.mean(axis=0))

    @property
    def tuned_peak(self) -> float:
        """How far the mean error of tuned decay ever stands above an earlier and a later one, a share; 0 for never."""
        return _hump(self.tuned.mean(axis=0)) - 1.0

    def sentences(self) -> tuple[str, ...]:
        """The answer first, then what it rests on.

        Returns
        -------
        tuple of str
        """
        return (self._answer(), self._of_tuned(), self._least(), self._rests())

    @property
    def what(self) -> str:
        """The columns in words."""
        return {
            "columns": "columns of the data",
            "fourier": "random Fourier features",
            "relu": "random ReLU features",
        }[self.columns]

    def _answer(self) -> str:
        """Whether there is a peak, and where."""
        at = int(np.argmax(self.none.mean(axis=0)))
        height = brief(float(self.none[:, at].mean()))
        if self.descends_twice:
            near = NEAR[0] * self.n_train <= self.peak <= NEAR[1] * self.n_train
            where = f"{'near' if near else 'away from'} the {self.n_train:,} training rows"
            return (
                f"Without decay the held-out {self.loss} peaks at {height} with {self.peak:,} {self.what}, {where}, "
                "and falls again beyond: double descent."
            )
        ends = "the most that were tried" if at == len(self.sizes) - 1 else "which is no peak between two valleys"
        return f"Without decay the held-out {self.loss} is worst, {height}, with {self.peak:,} {self.what}, {ends}."

    def _of_tuned(self) -> str:
        """What tuned decay makes of it."""
        at = int(np.argmax(self.none.mean(axis=0)))
        mean = self.tuned.mean(axis=0)
        times = f"{self.height:.3g} times less" if self.height >= ALIKE else "about the same"
        there = f"Tuned decay has {brief(float(mean[at]))} there, {times}"
        rise = self.tuned_peak
        if rise <= PEAK - 1:
            cost = f"cost more than {100 * rise:.0f} %" if rise >= 0.005 else "cost anything"
            return f"{there}, and no peak anywhere: more columns never {cost}."
        return f"{there}; its own curve has a rise of {100 * rise:.0f} % above what lies on both sides."

    def _least(self) -> str:
        """The best of both, and of a constant."""
        best, plain = float(self.tuned.mean(axis=0).min()), float(self.none.mean(axis=0).min())
        size = int(self.sizes[int(np.argmin(self.tuned.mean(axis=0)))])
        return (
            f"The least errors are {brief(best)} with tuned decay ({size:,} columns), {brief(plain)} without, and "
            f"{brief(float(self.constant.mean()))} for the mean of the training rows."
        )

    def _rests(self) -> str:
        """How it was measured."""
        repeats = len(self.none)
        several = f"Means of {repeats} draws" if repeats > 1 else "One draw"
        return (
            f"{several} of {self.n_train:,} training rows, {self.n_test:,} test rows and {self.what}; the decay was "
            "tuned on the training rows alone."
        )


def _hump(values: Array) -> float:
    """The largest ratio of a value to the larger of the least before it and the least behind it; at least 1."""
    if len(values) < 3:
        return 1.0
    before = np.minimum.accumulate(values)[:-2]
    behind = np.minimum.accumulate(values[::-1])[::-1][2:]
    return max(1.0, float((values[1:-1] / np.maximum(before, behind)).max()))


def _humped(values: Array) -> bool:
    """Whether there is a peak with lower ground on both sides."""
    return _hump(values) > PEAK
