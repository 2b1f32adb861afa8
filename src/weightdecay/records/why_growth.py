"""`LearningCurve`: what decay gains over the number of rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar, Self, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.jsonable import encode, pair
from weightdecay.records.why import Why
from weightdecay.records.why_fits import (
    Fits,
    change,
    errors_apart,
    in_two,
    is_score,
    metric_of,
    percent,
    shown,
)

# A loss without decay that is so many times that of the sizes beside it has a peak.
PEAK = 1.1
# Rows saved that are worth a word, as a share.
SAVED = 0.9
# Fall of the loss over the last sizes, as a share, from which more rows would help.
FALLS = 0.02


@final
@dataclass(frozen=True, eq=False)
class LearningCurve(Why):
    """Held-out loss over the number of rows to train on, with tuned decay, without and at infinite decay.

    Parameters
    ----------
    sizes : ndarray of shape (k,)
        Rows to train on, ascending.
    fits : Fits
        Losses (k, repeats) and their means.
    falls : (float, float)
        By how much tuned decay's mean loss falls from the last size but two to the last, and the paired standard error.
    repeats, inner : int
        Random subsets of every size, and folds within each that choose its decay.
    n_rows, n_columns : int
        Rows with positive weight, and columns.
    model_name, scoring : str
        The estimator's class; the metric, or − and a scorer's name.
    notes : tuple of str
    """

    name: ClassVar[str] = "learning_curve"

    sizes: NDArray[np.int64]
    fits: Fits
    falls: tuple[float, float]
    repeats: int
    inner: int
    n_rows: int
    n_columns: int
    model_name: str
    scoring: str
    notes: tuple[str, ...] = ()

    @property
    def metric(self) -> str:
        """The metric in words."""
        return metric_of(self.scoring)

    @property
    def rows_without(self) -> float:
        """Rows that tuned decay needs for the loss that no decay has with the most rows; nan where it never gets there.

        Between sizes it is read off a line in log m; the least size where that is as good already.
        """
        goal, tuned = float(self.fits.none_mean[-1]), self.fits.tuned_mean
        if not (math.isfinite(goal) and np.isfinite(tuned).all()):
            return math.nan
        reached = np.flatnonzero(tuned <= goal)
        if not reached.size:
            return math.nan
        first = int(reached[0])
        if first == 0:
            return float(self.sizes[0])
        before, after = float(tuned[first - 1]), float(tuned[first])
        share = (before - goal) / (before - after)
        ends = np.log(self.sizes[first - 1 : first + 1])
        return float(np.exp(ends[0] + share * (ends[1] - ends[0])))

    @property
    def peak(self) -> int | None:
        """The size at which the loss without decay has a peak, which it has where rows are as many as columns."""
        loss = np.where(np.isfinite(self.fits.none_mean), self.fits.none_mean, -math.inf)
        if len(loss) < 3 or is_score(self.scoring):
            return None
        at = int(np.argmax(loss))
        if not 0 < at < len(loss) - 1 or not loss[at] > PEAK * max(loss[at - 1], loss[-1]) or loss[at - 1] < 0:
            return None
        return int(self.sizes[at])

    def sentences(self) -> tuple[str, ...]:
        """What it says, the answer first."""
        return tuple(
            filter(
                None,
                [
                    self._answer(),
                    self._saved(),
                    self._peak(),
                    self._more(),
                    self._how(),
                    self.fits.stands_in,
                    *self.notes,
                ],
            )
        )

    def _answer(self) -> str:
        """The gain with the fewest rows and with the most."""
        ends = (0, len(self.sizes) - 1) if len(self.sizes) > 1 else (0,)
        parts = [self._at(k, first=number == 0) for number, k in enumerate(ends)]
        return f"{'; '.join(parts)}."

    def _at(self, k: int, *, first: bool) -> str:
        """Both fits at one size."""
        fits = self.fits
        none, tuned = float(fits.none_mean[k]), float(fits.tuned_mean[k])
        what = f"With {self.sizes[k]:,} rows the held-out {self.metric}" if first else f"with {self.sizes[k]:,} rows it"
        if not math.isfinite(none):
            return f"{what} is {shown(self.scoring, tuned)} with tuned decay; some subset has no model without"
        errors = errors_apart(float(fits.gain[k]), float(fits.gain_error[k]))
        return (
            f"{what} is {shown(self.scoring, tuned)} with tuned decay against {shown(self.scoring, none)} "
            f"{fits.without(k)}: {change(self.scoring, none, tuned)}{errors}"
        )

    def _saved(self) -> str:
        """Rows that decay stands in for."""
        needed, most = self.rows_without, int(self.sizes[-1])
        if not needed < SAVED * most or len(self.sizes) < 2:
            return ""
        about = "at most " if needed <= self.sizes[0] else "about "
        return (
            f"Tuned decay needs {about}{needed:,.0f} rows for what no decay reaches with {most:,}, "
            f"{percent(100 * needed / most)} % of them."
        )

    def _peak(self) -> str:
        """Where no decay is worst."""
        if self.peak is None:
            return ""
        return (
            f"Without decay the loss has a peak at {self.peak:,} rows (there are {self.n_columns:,} columns), which "
            "more rows at first make worse; tuned decay has none."
            if self._no_peak_tuned()
            else f"Without decay the loss has a peak at {self.peak:,} rows (there are {self.n_columns:,} columns)."
        )

    def _no_peak_tuned(self) -> bool:
        """Whether tuned decay is no worse at the peak than at the size before it."""
        at = int(np.flatnonzero(self.sizes == self.peak)[0])
        return bool(self.fits.tuned_mean[at] <= self.fits.tuned_mean[at - 1])

    def _more(self) -> str:
        """Whether more rows would help."""
        tuned = self.fits.tuned_mean
        if len(tuned) < 3 or not np.isfinite(tuned[[-3, -1]]).all():
            return ""
        before, after = int(self.sizes[-3]), int(self.sizes[-1])
        moved = f"From {before:,} to {after:,} rows tuned decay's {self.metric} moves by "
        moved += change(self.scoring, float(tuned[-3]), float(tuned[-1]))
        falls, error = self.falls
        clear = falls > FALLS * abs(float(tuned[-1])) and not falls < error
        moved += errors_apart(falls, error)
        return f"{moved}: more rows {'would still help' if clear else 'would help little, as far as can be told'}."

    def _how(self) -> str:
        """What was done."""
        decay = self.fits.decay
        chosen = f"; the decay chosen goes from {in_two(decay[0])} to {in_two(decay[-1])}" if len(decay) > 1 else ""
        return (
            f"Means of {self.repeats} random subsets of every size, nested in each other, judged by a fifth of the "
            f"rows each; decay was tuned by {self.inner} folds within the subset{chosen}."
        )

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types: dicts, lists, text, numbers; infinities and nan as text."""
        plain: dict[str, Any] = encode({name: value for name, value in vars(self).items() if name != "fits"})
        return {"why": self.name} | plain | {"fits": self.fits.to_dict(), "sentences": list(self.sentences())}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The record from its JSON types."""
        plain: dict[str, Any] = {name: str(data[name]) for name in ("model_name", "scoring")}
        plain |= {name: int(data[name]) for name in ("repeats", "inner", "n_rows", "n_columns")}
        return cls(
            sizes=np.asarray(data["sizes"], dtype=np.int64),
            fits=Fits.from_dict(data["fits"]),
            falls=pair(data["falls"]),
            notes=tuple(data["notes"]),
            **plain,
        )

    def __repr__(self) -> str:
        return f"LearningCurve({self.model_name}, {len(self.sizes)} sizes: {self.sentences()[0]})"
