"""Shared work: all folds and decays are solved together, so that passes over the rows and Hessians stay few."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.sparse import csr_array
from sklearn.model_selection import RepeatedKFold, TimeSeriesSplit

import weightdecay as wd
from weightdecay.linear.newton import factors, paths

N, P = 1500, 4
DECAYS = np.logspace(-4, 1, 40)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Passes for gradients, models in them, and passes for Hessians."""
    counts = {"passes": 0, "models": 0, "hessians": 0}
    gradients, hessians = paths.gradients, factors.cell_hessians

    def pass_for_gradients(data: Any, cells: Any, members: Any, V: Any, member: Any) -> Any:
        counts["passes"] += 1
        counts["models"] += len(V)
        return gradients(data, cells, members, V, member)

    def pass_for_hessians(*args: Any, **kept: Any) -> Any:
        counts["hessians"] += 1
        return hessians(*args, **kept)

    monkeypatch.setattr(paths, "gradients", pass_for_gradients)
    monkeypatch.setattr(factors, "cell_hessians", pass_for_hessians)
    return counts


def case(k: int = 2) -> tuple[Any, Any]:
    """Columns, and classes or (k = 0) counts that depend on them."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((N, P))
    if k == 0:
        return X, rng.poisson(np.exp(0.3 + 0.4 * X[:, 0]))
    return X, (X @ rng.standard_normal((P, k)) + rng.gumbel(size=(N, k))).argmax(axis=1)


def with_gaps(X: Any) -> pd.DataFrame:
    """A frame of numbers with gaps and a text."""
    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(P)])
    frame.loc[::7, "c1"] = np.nan
    return frame.assign(town=np.where(np.arange(N) % 3 == 0, "a", np.where(np.arange(N) % 3 == 1, "b", "c")))


FOLDS: dict[str, tuple[Any, int]] = {
    "k-fold": (5, 1),
    "time series": (TimeSeriesSplit(5), 1),
    "repeats": (RepeatedKFold(n_splits=5, n_repeats=2, random_state=0), 2),
}
KINDS: dict[str, Callable[[Any], Any]] = {"dense": np.asarray, "sparse": csr_array, "encoded": with_gaps}


@pytest.mark.parametrize("folds", FOLDS)
@pytest.mark.parametrize("kind", KINDS)
def test_folds_share_passes_and_hessians(counted: dict[str, int], folds: str, kind: str) -> None:
    """5 folds × 40 decays: alone they would be 200 fits of some ten passes and four Hessians each."""
    X, y = case()
    cv, partitions = FOLDS[folds]
    wd.tune(wd.LogisticRegression(), KINDS[kind](X), y, cv=cv, decays=DECAYS)
    assert counted["passes"] <= 120 * partitions
    assert counted["hessians"] <= 10 * partitions
    assert counted["models"] <= 10 * 6 * (len(DECAYS) + 3) * partitions


@pytest.mark.parametrize("k", [0, 3])
def test_weights_groups_counts_and_three_classes(counted: dict[str, int], k: int) -> None:
    """The same of groups of rows, of weights, of counts and of more classes."""
    X, y = case(k)
    rng = np.random.default_rng(1)
    model = wd.LogisticRegression() if k else wd.PoissonRegression()
    groups, weight = rng.integers(0, 40, N), rng.uniform(0.5, 2.0, N)
    wd.tune(model, X, y, cv=5, groups=groups, sample_weight=weight, decays=DECAYS)
    assert counted["passes"] <= 120
    assert counted["hessians"] <= 10


def test_a_grid_that_grows_costs_only_what_is_new(counted: dict[str, int]) -> None:
    """Asked again for the decays it knows, a split reads no row."""
    X, y = case()
    problem = wd.LogisticRegression().open(X, y)
    from weightdecay.tuning.folds import stratified_folds

    split = problem.split(stratified_folds(y, 5))
    first = split.held_out(DECAYS)
    before = dict(counted)
    again = split.held_out(DECAYS)
    assert counted == before
    np.testing.assert_array_equal(first.loss, again.loss)


def test_leave_one_out_needs_no_fold_of_its_own(counted: dict[str, int]) -> None:
    """The path of all rows, and one Hessian per decay for the rows' leverages and steps."""
    X, y = case()
    wd.tune(wd.LogisticRegression(), X, y, cv="loo", decays=DECAYS)
    assert counted["passes"] <= 120
    assert counted["hessians"] <= 2 * (len(DECAYS) + 3) + 14
