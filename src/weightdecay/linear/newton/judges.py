"""Judges: scikit-learn's scorers applied to predictions that are already there."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.tuning.protocol import Scorer

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@final
@dataclass(frozen=True, eq=False)
class OfClasses:
    """Of probabilities (m, L, k)."""

    X: Any
    y: NDArray[Any]
    classes: NDArray[Any]
    weight: Array | None

    def weights(self, rows: Index) -> Array:
        """Sample weights of some rows."""
        return np.ones(len(rows)) if self.weight is None else self.weight[rows]

    def __call__(self, scorer: Scorer, rows: Index, means: Array) -> Array:
        """−score (L,)."""
        from weightdecay.tuning.scoring import losses_of_probabilities

        if self.weight is not None:
            # What has no weight may be of a class that nothing is known of.
            kept = self.weight[rows] > 0
            rows, means = rows[kept], means[kept]
        weight = None if self.weight is None else self.weight[rows]
        each = np.moveaxis(means, 1, 0)
        return losses_of_probabilities(scorer, self.X[rows], self.y[rows], self.classes, each, weight)


@final
@dataclass(frozen=True, eq=False)
class OfMeans:
    """Of means (m, L, 1)."""

    X: Any
    y: Array
    weight: Array | None

    def weights(self, rows: Index) -> Array:
        """Sample weights of some rows."""
        return np.ones(len(rows)) if self.weight is None else self.weight[rows]

    def __call__(self, scorer: Scorer, rows: Index, means: Array) -> Array:
        """−score (L,)."""
        from weightdecay.tuning.scoring import losses_of_targets

        weight = None if self.weight is None else self.weight[rows]
        each = np.moveaxis(means, 1, 0)
        return losses_of_targets(scorer, self.X[rows], self.y[rows][:, None], each, weight)[:, 0]
