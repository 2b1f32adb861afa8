"""Against himalaya: cross-validated ridge by a singular value decomposition per fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from himalaya.ridge import RidgeCV

import weightdecay as wd
from benchmarks.measure import Result, medians, regression

DECAYS = np.geomspace(1e-4, 1e2, 100)


def folds(n: int, p: int, t: int, name: str, repeats: int) -> Result:
    """5 folds × 100 decays, a decay for each of t targets."""
    X, y = regression(n, p)
    rng = np.random.default_rng(1)
    Y = np.column_stack([y, *(X @ rng.standard_normal((p, t - 1)) / p**0.5 + rng.standard_normal((n, t - 1))).T])
    ours, rival = medians(
        lambda: wd.tune(wd.LinearRegression(standardize=False), X, Y, decays=DECAYS, cv=5),
        lambda: RidgeCV(
            alphas=DECAYS * n, cv=5, fit_intercept=True, solver_params={"warn": False, "n_alphas_batch": 5}
        ).fit(X, Y),
        repeats,
    )
    return Result(name, ours, rival, 1.0, None)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "n=5,000 p=200: 5 folds × 100 decays / himalaya RidgeCV": partial(folds, 5_000, 200, 1),
    "n=2,000 p=300, 50 targets: 5 folds × 100 decays / himalaya RidgeCV": partial(folds, 2_000, 300, 50),
}
