"""Against scikit-learn's elastic net: 5 folds × 100 decays by shared moments beside ElasticNetCV on the same folds.

The decays are those that ElasticNetCV chooses for itself. Folds share Λ here and λ there: the curves are not the same,
so accuracy is checked apart from the times, by ElasticNet refitted on one fold at our λ of that fold.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from sklearn.linear_model import ElasticNet, ElasticNetCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from benchmarks.measure import Array, Result, medians, regression

# Losses agree with tightly converged refits to this relative difference.
AGREED = 1e-7


def natural(X: Array, y: Array, mix: float, count: int) -> Array:
    """The decays that ElasticNetCV would take: from where all coefficients are zero three decades down."""
    centred = X - X.mean(axis=0)
    top = float(np.abs(centred.T @ (y - y.mean())).max()) / len(y) / mix
    return np.geomspace(1e-3 * top, top, count)


def checked(X: Array, y: Array, mix: float, tuning: wd.Tuning) -> None:
    """Held-out losses of the first fold beside refits to the last digits of the duality gap."""
    train, test = next(KFold(5).split(X))
    for index in (20, 50, 80):
        share = tuning.decays[index] * len(y) / len(train)
        net = ElasticNet(share, l1_ratio=mix, tol=1e-12, max_iter=100_000, precompute=True)
        model = make_pipeline(StandardScaler(), net).fit(X[train], y[train])
        loss = float(np.mean((y[test] - model.predict(X[test])) ** 2))
        difference = abs(float(tuning.losses[0, index]) - loss) / loss
        if difference > AGREED:
            raise AssertionError(f"held-out loss at decay {tuning.decays[index]:.3g} differs by {difference:.1e}")


def beside_elastic_net_cv(n: int, p: int, mix: float, name: str, repeats: int) -> Result:
    """5 folds × 100 decays beside ``ElasticNetCV(l1_ratio=mix, alphas=100 values, cv=5)``."""
    X, y = regression(n, p)
    decays, folds = natural(X, y, mix, 100), KFold(5)

    def search() -> wd.Tuning:
        return wd.tune(wd.LinearRegression(l1_ratio=mix), X, y, decays=decays, cv=folds)

    checked(X, y, mix, search())
    rival = partial(ElasticNetCV(l1_ratio=mix, alphas=decays, cv=folds).fit, X, y)
    ours, theirs = medians(search, rival, repeats)
    return Result(name, ours, theirs, 2.0, 5.0, faster=True)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "n=50,000 p=200: elastic net, 5 folds × 100 decays, ElasticNetCV / ours": partial(
        beside_elastic_net_cv, 50_000, 200, 0.5
    ),
    "n=50,000 p=200: lasso, 5 folds × 100 decays, ElasticNetCV / ours": partial(
        beside_elastic_net_cv, 50_000, 200, 1.0
    ),
    "n=300 p=2,000: elastic net, 5 folds × 100 decays, ElasticNetCV / ours": partial(
        beside_elastic_net_cv, 300, 2_000, 0.5
    ),
}
