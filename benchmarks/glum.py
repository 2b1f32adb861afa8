"""Against glum: cross-validated ridge along a path, the folds one after another."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from glum import GeneralizedLinearRegressorCV

import weightdecay as wd
from benchmarks.measure import Result, medians, regression

DECAYS = np.geomspace(1e-4, 1e2, 100)


def folds(name: str, repeats: int) -> Result:
    """5 folds × 100 decays, columns standardised by both."""
    X, y = regression(5_000, 50)
    ours, rival = medians(
        lambda: wd.tune(wd.LinearRegression(), X, y, decays=DECAYS, cv=5),
        lambda: GeneralizedLinearRegressorCV(
            l1_ratio=0, alphas=DECAYS[::-1], cv=5, family="normal", scale_predictors=True
        ).fit(X, y),
        repeats,
    )
    return Result(name, ours, rival, 1.0, None)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "n=5,000 p=50: 5 folds × 100 decays / glum CV": folds,
}
