"""What the models of folds predict for their held-out rows, whatever the engine, all folds and decays at once."""

from __future__ import annotations

from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.tuning.folds import Folds, Index
from weightdecay.tuning.protocol import Split

Array = NDArray[np.float64]


@final
class Recorder:
    """A scorer that keeps what it is shown and scores by number, so that a score tells which predictions it is of."""

    def __init__(self, *, classes: bool) -> None:
        self.classes = classes
        self.seen: list[Array] = []

    def __call__(self, model: Any, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The negative of a running number, whose loss is that number."""
        found = model.predict_proba(X) if self.classes else model.predict(X)
        self.seen.append(np.array(found, dtype=np.float64).reshape(len(y), -1))
        return -float(len(self.seen) - 1)


def predicted(split: Split, decays: Array, *, classes: bool) -> Array:
    """Predictions (L, m, k) of the m test rows of all folds, one after another, at L decays; nan where there are none.

    Means (k = 1), or the probabilities of k classes.
    """
    recorder = Recorder(classes=classes)
    found = split.held_out(decays, recorder).loss
    width = recorder.seen[0].shape[1]
    sizes = [len(recorder.seen[int(one[np.isfinite(one)][0])]) for one in found]
    made = np.full((len(decays), sum(sizes), width), np.nan)
    ends = np.cumsum([0, *sizes])
    for fold, losses in enumerate(found):
        for place in np.flatnonzero(np.isfinite(losses)).tolist():
            made[place, ends[fold] : ends[fold + 1]] = recorder.seen[int(losses[place])]
    return made


def tested(folds: Folds) -> Index:
    """The test rows of all folds, one after another."""
    return np.concatenate([test for _, test in folds.splits()])
