"""Training sets of nested folds: each is solved once, whichever of the two folds that it leaves out is held out."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weightdecay as wd
from weightdecay.linear.newton.problem import NewtonProblem
from weightdecay.linear.newton.split import NewtonSplit
from weightdecay.tuning.folds import Folds, Partition, plan
from weightdecay.tuning.scoring import as_scorer


@pytest.mark.parametrize(("n", "p", "k"), [(150, 5, 2), (40, 60, 2), (60, 5, 3)])
def test_training_sets_without_two_folds_are_solved_once(
    n: int, p: int, k: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F without one fold and F(F − 1)/2 without two, on tall data, wide data, and data with Hessians for each fold."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    y = (X[:, :3] @ rng.standard_normal((3, k)) + rng.gumbel(size=(n, k))).argmax(axis=1)
    record = wd.tune(wd.LogisticRegression(decays=np.logspace(-3, 1, 5)), X, y, cv=5)
    solved: list[bytes] = []
    courses = NewtonProblem.courses

    def counting(self: NewtonProblem, folds: Folds) -> Any:
        solved.extend(train.tobytes() for train, _ in folds.splits())
        return courses(self, folds)

    monkeypatch.setattr(NewtonProblem, "courses", counting)
    found = record.intervals
    assert found is not None and found.nested_folds.startswith("5 folds")
    assert len(solved) == len(set(solved)) == 15 * len(found.nested_decays) // 5


@pytest.mark.parametrize("scoring", [None, "neg_brier_score"])
def test_folds_of_one_training_set_have_the_losses_that_they_have_alone(scoring: str | None) -> None:
    rng = np.random.default_rng(0)
    X, s = rng.standard_normal((90, 4)), rng.uniform(0.5, 2.0, 90)
    y = (X[:, 0] + rng.standard_normal(90) > 0).astype(int)
    label = plan(3, 90, strata=y).partitions[0].label
    pairs = [((2,), (0,)), ((2,), (1,)), ((0, 1), (2,))]
    together = Partition(label, 3, tuple(train for train, _ in pairs), tuple(test for _, test in pairs))
    problem = wd.LogisticRegression().open(X, y, s)
    scorer = as_scorer(scoring, 2)
    decays = np.array([0.0, 1e-2, 1.0, np.inf])
    repeat = np.zeros(3, dtype=np.intp)
    found = NewtonSplit(problem, Folds(90, (together,), repeat, "three")).held_out(decays, scorer)
    apart = tuple(Partition(label, 3, (train,), (test,)) for train, test in pairs)
    alone = NewtonSplit(problem, Folds(90, apart, repeat, "three")).held_out(decays, scorer)
    np.testing.assert_allclose(found.loss, alone.loss, rtol=1e-7)
    np.testing.assert_allclose(found.weight, alone.weight, rtol=1e-12)
    np.testing.assert_array_equal(found.status, alone.status)
