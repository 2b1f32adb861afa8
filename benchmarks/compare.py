"""`wd.compare`: on how many seeds it names the right form, and its time beside nested searches of scikit-learn.

Truths are sparse (10 of 500 columns, 200 rows), dense (200 small weights, 150 rows) or none (100 columns, 150 rows);
right is L1 or the elastic net, weight decay, and nothing. Classes are drawn with log-odds twice the linear part. The
number of seeds is four times the repeats.
"""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from sklearn.linear_model import ElasticNetCV, LassoCV, RidgeCV
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from benchmarks.measure import Array, Result, medians, regression

SHAPES = {"sparse": (200, 500), "dense": (150, 200), "none": (150, 100)}
RIGHT = {"sparse": ("L1", "elastic net"), "dense": ("weight decay",), "none": ("nothing",)}
MIXES = (0.1, 0.5, 0.9)


def truth(kind: str, seed: int, *, classes: bool) -> tuple[Array, Array]:
    """Data of a truth."""
    rng = np.random.default_rng([seed, len(kind)])
    n, p = SHAPES[kind]
    X, w = rng.standard_normal((n, p)), np.zeros(p)
    if kind == "sparse":
        w[:10] = rng.choice([-1.0, 1.0], 10)
    if kind == "dense":
        w[:] = rng.standard_normal(p) * math.sqrt(4.0 / p)
    f = X @ w
    if classes:
        return X, (rng.random(n) < 1.0 / (1.0 + np.exp(-2.0 * f))).astype(int)
    return X, f + (1.5 if kind == "sparse" else 1.0) * rng.standard_normal(n)


def named(kind: str, classes: bool, name: str, repeats: int) -> Result:
    """Seeds on which the right form is named."""
    estimator = wd.LogisticRegression() if classes else wd.LinearRegression()
    seeds = 4 * repeats
    found = Counter(wd.compare(estimator, *truth(kind, seed, classes=classes)).suits for seed in range(seeds))
    print(f"  {name}: {dict(found)}", file=sys.stderr, flush=True)
    right = sum(found[one] for one in RIGHT[kind])
    return Result(name, float(seeds), float(right), 0.9, 1.0, faster=True, unit="seeds")


def beside_scikit_learn(n: int, p: int, name: str, repeats: int) -> Result:
    """Weight decay, L1 and the elastic net, each tuned within each of 5 folds by the other 4."""
    X, y = regression(n, p)
    outer = KFold(5, shuffle=True, random_state=0)
    alphas = n * 10.0 ** np.arange(-4.0, 2.0, 0.25)

    def by_hand() -> list[float]:
        losses = []
        for train, test in outer.split(X):
            for model in (RidgeCV(alphas, cv=4), LassoCV(cv=4), ElasticNetCV(l1_ratio=MIXES, cv=4)):
                fitted = make_pipeline(StandardScaler(), model).fit(X[train], y[train])
                losses.append(float(np.mean((y[test] - fitted.predict(X[test])) ** 2)))
        return losses

    ours, theirs = medians(partial(wd.compare, wd.LinearRegression(), X, y, cv=5), by_hand, repeats)
    return Result(name, ours, theirs, 1.0, 2.0, faster=True)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    **{
        f"{kind} truth, {'classes' if classes else 'numbers'}: seeds with the right form / seeds": partial(
            named, kind, classes
        )
        for classes in (False, True)
        for kind in SHAPES
        if not (classes and kind == "dense")  # 150 classes say too little of 200 weights
    },
    "n=20,000 p=100: all forms, 5 folds, nested, scikit-learn / ours": partial(beside_scikit_learn, 20_000, 100),
}
