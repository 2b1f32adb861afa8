"""Strengths per group of columns: what they gain on new rows, what they cost, and himalaya's random search beside them.

``python -m benchmarks.groups`` prints the seeds one by one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from importlib.util import find_spec
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold

import weightdecay as wd
from benchmarks.measure import Result, medians

Array = NDArray[np.float64]

SEEDS, ALLOWED = 20, 2
# A class tells less than a number: the strengths that its rows ask for are as far apart with five times as many.
ROWS_TO_LEARN, ROWS_NEW = {"numbers": 200, "classes": 1_000}, 5_000
INFORMATIVE, NOISE = 10, 100
APART = 100.0
GROUPS = {"signal": range(INFORMATIVE), "noise": range(INFORMATIVE, INFORMATIVE + NOISE)}


@dataclass(frozen=True)
class Seed:
    """One draw: how far apart the strengths are, and mean squared errors, or log-losses, on new rows.

    ``kept`` tells whether the strengths differ enough and the new rows gain.
    """

    ratio: float
    groups: float
    single: float

    @property
    def kept(self) -> bool:
        """Whether it counts as won."""
        return self.ratio >= APART and self.groups < self.single


def informative_and_noise(seed: int, n: int, kind: str) -> tuple[Array, NDArray[Any]]:
    """Ten columns that matter alike, a hundred that do not, and noise of variance 1; or classes, by logistic noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, INFORMATIVE + NOISE))
    signal = X[:, :INFORMATIVE] @ rng.choice([-1.0, 1.0], INFORMATIVE)
    return X, signal + rng.standard_normal(n) if kind == "numbers" else signal + rng.logistic(size=n) > 0


def loss_on(model: Any, X: Array, y: NDArray[Any]) -> float:
    """Mean squared error, or log-loss."""
    if hasattr(model, "classes_"):
        return float(np.logaddexp(0.0, np.where(y, -1.0, 1.0) * model.decision_function(X)).mean())
    return float(((y - model.predict(X)) ** 2).mean())


@cache
def seeds(cv: int | str, kind: str = "numbers") -> tuple[Seed, ...]:
    """All draws, tuned with groups and with one decay for all on the same folds."""
    found, shell = [], wd.LinearRegression if kind == "numbers" else wd.LogisticRegression
    for seed in range(SEEDS):
        learned = ROWS_TO_LEARN[kind]
        X, y = informative_and_noise(seed, learned + ROWS_NEW, kind)
        known, new = slice(0, learned), slice(learned, None)
        grouped = shell(decay_groups=GROUPS, cv=cv).fit(X[known], y[known])
        single = shell(cv=cv).fit(X[known], y[known])
        errors = [loss_on(model, X[new], y[new]) for model in (grouped, single)]
        groups = grouped.tuning_.groups
        found.append(Seed(groups["noise"] / groups["signal"], *errors))
    return tuple(found)


def lost(cv: int | str, name: str, repeats: int, kind: str = "numbers") -> Result:
    """Seeds on which strengths differ by less than 100 × or new rows do not gain."""
    return Result(name, float(sum(not one.kept for one in seeds(cv, kind))), float(ALLOWED), 1.0, None, unit="seeds")


def gain(cv: int | str, name: str, repeats: int, kind: str = "numbers") -> Result:
    """Median loss on new rows; of numbers 1 is that of the noise."""
    every = seeds(cv, kind)
    return Result(name, median(one.groups for one in every), median(one.single for one in every), 1.0, None, unit="")


def several_groups(n: int, p: int, n_groups: int) -> tuple[Array, Array, NDArray[np.intp]]:
    """Groups of columns whose coefficients get smaller from group to group, and the group of every column."""
    rng = np.random.default_rng(0)
    X, label = rng.standard_normal((n, p)), np.arange(p) * n_groups // p
    return X, X @ (rng.standard_normal(p) * 0.3**label) + rng.standard_normal(n), label


def cost(n: int, p: int, n_groups: int, name: str, repeats: int) -> Result:
    """A search with groups against a search with one decay."""
    X, y, label = several_groups(n, p, n_groups)
    groups = {f"g{g}": np.flatnonzero(label == g) for g in range(n_groups)}
    ours, plain = medians(
        lambda: wd.tune(wd.LinearRegression(decay_groups=groups), X, y, cv=5),
        lambda: wd.tune(wd.LinearRegression(), X, y, cv=5),
        repeats,
    )
    return Result(name, ours, plain, 30.0, 10.0)


def against_himalaya(n: int, p: int, n_groups: int, name: str, repeats: int) -> Result:
    """Random search over 100 ratios × 20 strengths on the same folds; our held-out loss must not be larger."""
    from himalaya.ridge import GroupRidgeCV

    X, y, label = several_groups(n, p, n_groups)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    groups = {f"g{g}": np.flatnonzero(label == g) for g in range(n_groups)}
    cv = KFold(5, shuffle=True, random_state=0)
    settings = {"n_iter": 100, "alphas": np.geomspace(1e-3, 1e5, 20), "progress_bar": False, "warn": False}
    rival = GroupRidgeCV(groups=label, solver_params=settings, cv=cv, fit_intercept=True, random_state=0)
    estimator = wd.LinearRegression(decay_groups=groups, standardize=False, cv=cv)
    mine, theirs = estimator.fit(X, y).tuning_.mean.min(), -float(rival.fit(X, y).cv_scores_.max())
    if mine > theirs * (1 + 1e-3):
        raise AssertionError(f"{name}: held-out loss {mine} against {theirs}")
    ours, other = medians(lambda: estimator.fit(X, y), lambda: rival.fit(X, y), repeats)
    return Result(f"{name} (held-out loss {mine:.4g} against {theirs:.4g})", ours, other, 1.0, None)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "groups: seeds of 20 without strengths 100 × apart or without gain on 5,000 new rows, 5 folds": partial(lost, 5),
    "the same, leave-one-out": partial(lost, "loo"),
    "groups: median loss on 5,000 new rows / best single decay, 5 folds": partial(gain, 5),
    "the same as a loss, leave-one-out": partial(gain, "loo"),
    "groups: seeds of 20 without strengths 100 × apart or without gain on 5,000 new rows, classes": partial(
        lost, 5, kind="classes"
    ),
    "groups: median log-loss on 5,000 new rows / best single decay, classes": partial(gain, 5, kind="classes"),
    "groups: n=5,000 p=200, 4 groups, 5 folds / one decay for all": partial(cost, 5_000, 200, 4),
    "groups: n=300 p=2,000, 4 groups, 5 folds / one decay for all": partial(cost, 300, 2_000, 4),
}
if find_spec("himalaya") is not None:
    ROWS = {
        **ROWS,
        "groups: n=500 p=80, 4 groups, 5 folds / himalaya GroupRidgeCV": partial(against_himalaya, 500, 80, 4),
    }


def main() -> None:
    """Print every seed."""
    for cv, kind in ((5, "numbers"), ("loo", "numbers"), (5, "classes")):
        print(f"{kind}, cv={cv}: ratio of strengths, loss on new rows with groups and with one decay")
        for number, one in enumerate(seeds(cv, kind)):
            kept = "" if one.kept else "  LOST"
            print(f"  seed {number:2d}: {one.ratio:12.4g} ×  {one.groups:.4f}  {one.single:.4f}{kept}")
        won = sum(one.kept for one in seeds(cv, kind))
        print(f"  {won} of {SEEDS} seeds (bar {SEEDS - ALLOWED})")


if __name__ == "__main__":
    main()
