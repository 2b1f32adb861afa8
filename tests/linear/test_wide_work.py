"""Law 11 for wide data: memory, passes over the columns and factorisations, with and without triangles."""

from __future__ import annotations

import tracemalloc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import LeaveOneGroupOut, RepeatedKFold

import weightdecay as wd
from laws.problems import regression
from weightdecay.linear import dual, dual_models

N, P = 60, 3000


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Columns read, kernels and triangles factorised."""
    found: Counter[str] = Counter()

    def counting(module: Any, name: str) -> None:
        original = getattr(module, name)

        def factorise(*arguments: Any) -> Any:
            found[name] += 1
            return original(*arguments)

        monkeypatch.setattr(module, name, factorise)

    def reader(X: Any) -> Iterator[Any]:
        for block, part in original(X):
            found["columns"] += part.shape[1]
            yield block, part

    original = dual.column_blocks
    for module in (dual, dual_models):
        monkeypatch.setattr(module, "column_blocks", reader)
    for name in ("of_kernel", "of_triangle"):
        counting(dual, name)
    return found


@pytest.mark.parametrize("cv", [5, RepeatedKFold(n_splits=3, n_repeats=3, random_state=0)])
def test_each_fold_is_factorised_once_from_one_pass(cv: Any, count: Counter[str]) -> None:
    X, y = regression(N, P)
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=cv)
    assert count == {"columns": P, "of_kernel": len(tuning.losses)} and len(tuning.decays) > 20


def test_a_triangle_for_every_fold_costs_as_much_again(count: Counter[str]) -> None:
    """One pass looks for the lengths of the columns, one makes the triangles; later calls find them."""
    X, y = regression(N, P)
    X[::2] = X[1::2]
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=5)
    assert count == {"columns": 3 * P, "of_kernel": 5, "of_triangle": 5}
    assert "exact" in tuning.status and "exact (triangular)" in np.unique(
        wd.tune(wd.LinearRegression(), X, y, cv=5, decays=[0.0]).status
    )


def test_folds_that_do_not_fit_into_memory_take_turns(monkeypatch: pytest.MonkeyPatch, count: Counter[str]) -> None:
    X, y = regression(N, 100)
    expected = wd.tune(wd.LinearRegression(), X, y, cv=6, decays=[0.0, 1e-3, 1.0]).losses
    count.clear()
    monkeypatch.setattr(dual, "TOGETHER", 2 * N**2)
    found = wd.tune(wd.LinearRegression(), X, y, cv=6, decays=[0.0, 1e-3, 1.0]).losses
    assert count["columns"] == 3 * 100
    np.testing.assert_array_equal(found, expected)


def test_memory_does_not_grow_with_the_number_of_folds() -> None:
    """After its factorisation a fold keeps n_test × n numbers, and all folds together as many as one kernel."""
    X, y = regression(400, 500)
    kernel = 400 * 400 * 8

    def peak(n_groups: int) -> int:
        groups = np.arange(400) % n_groups
        tracemalloc.start()
        wd.tune(wd.LinearRegression(), X, y, cv=LeaveOneGroupOut(), groups=groups, decays=[0.1, 1.0])
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    kept = dual.TOGETHER
    try:
        dual.TOGETHER = 2 * 400**2
        few, many = peak(4), peak(40)
    finally:
        dual.TOGETHER = kept
    assert many < few + 4 * kernel
