"""Cells of nested folds: which plans have them, who trains and who is held out, and at what price."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sklearn.model_selection import GroupKFold, KFold, LeaveOneGroupOut, RepeatedKFold, ShuffleSplit, TimeSeriesSplit

from weightdecay.tuning.folds import plan
from weightdecay.tuning.nested_folds import FEW_DECAYS, LONG, MOST, SHORT, NestedFolds, nested_folds
from weightdecay.tuning.protocol import Facts

N = 60
FACTS = Facts(
    n_given=N,
    n_rows=N,
    weight_sum=float(N),
    y_std=(1.0,),
    n_targets=1,
    columns=("a",),
    model_name="Any",
    standardize=True,
    loss_name="mean squared error",
    references=(),
)


def found(cv: Any, facts: Facts = FACTS, **given: Any) -> NestedFolds:
    """The nested folds of a plan that has some."""
    nested = nested_folds(plan(cv, facts.n_given, positive=facts.positive, **given), facts)
    assert isinstance(nested, NestedFolds), nested
    return nested


def why(cv: Any, facts: Facts = FACTS, **given: Any) -> str:
    """Why a plan has none."""
    nested = nested_folds(plan(cv, facts.n_given, positive=facts.positive, **given), facts)
    assert isinstance(nested, str)
    return nested


def check_sets(nested: NestedFolds) -> None:
    """Every fold is held out by all others, and every other one by all but these two."""
    splits = list(nested.folds.splits())
    start = 0
    for cells in nested.repetitions:
        F, used = cells.count, np.flatnonzero(cells.label >= 0)
        rows = [np.flatnonzero(cells.label == f) for f in range(F)]
        pairs = [(f, g) for f in range(F) for g in range(F) if f != g]
        for left_out in [*((f,) for f in range(F)), *pairs]:
            train, test = splits[start]
            np.testing.assert_array_equal(test, rows[left_out[-1]])
            np.testing.assert_array_equal(train, np.setdiff1d(used, np.concatenate([rows[one] for one in left_out])))
            start += 1
    assert start == len(splits) == len(nested.folds.repeat)


@pytest.mark.parametrize(
    ("cv", "count", "times"),
    [
        ("loo", 10, 3),
        (5, 5, 3),
        (8, 8, 3),
        (3, 10, 3),
        (20, 10, 3),
        (KFold(6), 6, 1),
        (RepeatedKFold(n_splits=4), 4, 3),
    ],
)
def test_folds_of_a_plan(cv: Any, count: int, times: int) -> None:
    nested = found(cv)
    assert [one.count for one in nested.repetitions] == [count] * times
    assert nested.text == f"{count} folds" + (f", {times} times" if times > 1 else "")
    check_sets(nested)
    labels = {one.label.tobytes() for one in nested.repetitions}
    assert len(labels) == times  # no deal comes twice


def test_the_first_deal_is_the_plan_itself_and_others_are_like_it() -> None:
    folds = plan(5, N, random_state=7)
    nested = nested_folds(folds, FACTS)
    assert isinstance(nested, NestedFolds)
    for (_, test), number in zip(folds.splits(), range(5), strict=True):
        np.testing.assert_array_equal(np.flatnonzero(nested.repetitions[0].label == number), test)
    assert all((np.bincount(one.label) == 12).all() for one in nested.repetitions)


def test_groups_stay_whole_and_many_are_merged() -> None:
    groups = np.arange(N) // 3
    for cv in (GroupKFold(5), LeaveOneGroupOut()):
        nested = found(list(cv.split(np.zeros(N), None, groups)))
        (cells,) = nested.repetitions
        assert cells.count == min(MOST, 5 if isinstance(cv, GroupKFold) else 20)
        assert all(len(set(cells.label[groups == one])) == 1 for one in range(20))
        check_sets(nested)
    assert found(4, groups=groups).text == "4 folds"


def test_rows_without_weight_are_no_part_of_it() -> None:
    positive = np.arange(N) % 4 != 0
    facts = replace(FACTS, positive=positive, n_rows=int(positive.sum()))
    for cv in ("loo", 5):
        nested = found(cv, facts)
        assert all((one.label[~positive] == -1).all() for one in nested.repetitions)
        check_sets(nested)


def test_members_of_classes_are_dealt_out_and_a_single_one_always_trains() -> None:
    strata = np.repeat([0, 1, 2], [39, 20, 1])
    nested = found(5, replace(FACTS, strata=strata), strata=strata)
    check_sets(nested)
    for cells in nested.repetitions:
        assert cells.label[-1] == 5 and cells.count == 5
        assert (np.bincount(cells.label[strata == 1]) == 4).all()
    few = np.repeat([0, 1], [58, 2])
    assert "all rows of a class" in why(5, replace(FACTS, strata=few), strata=few)


@pytest.mark.parametrize(
    ("cv", "reason"),
    [
        (TimeSeriesSplit(4), "by time"),
        (ShuffleSplit(4, random_state=0), "share no rows"),
        (KFold(2), "at least 3 folds"),
        ([(np.arange(50), np.arange(50, 60))], "at least 3 folds"),
        ([(np.delete(np.arange(N), [f, f + 1]), [f]) for f in range(4)], "all but their own"),
    ],
)
def test_plans_that_have_none(cv: Any, reason: str) -> None:
    assert reason in why(cv)


def test_few_rows() -> None:
    facts = replace(FACTS, n_given=4, n_rows=4)
    assert found("loo", facts).text == "4 folds, 3 times"
    assert "2 rows" in why("loo", replace(FACTS, n_given=2, n_rows=2))


def test_dear_training_sets_are_fewer_or_none() -> None:
    assert found("loo", replace(FACTS, fold_work=SHORT / 100)).text == "10 folds"
    assert found("loo", replace(FACTS, fold_work=SHORT / 50)).text == "5 folds"
    assert found(8, replace(FACTS, fold_work=SHORT / 50)).text == "5 folds"
    assert why("loo", replace(FACTS, fold_work=LONG / 14)) == (
        "it would train on 15 more sets of rows, and each of them takes long"
    )
    assert "a fit of its own" in why("loo", replace(FACTS, fold_work=math.inf))


def test_of_other_losses_few_decays_are_asked_which_costs_a_share_of_the_path() -> None:
    facts = replace(FACTS, loss_name="log-loss")
    assert found("loo", replace(facts, fold_work=SHORT / 100 / FEW_DECAYS)).text == "10 folds"
    assert found("loo", replace(facts, fold_work=SHORT / 50 / FEW_DECAYS)).text == "5 folds"
    assert found("loo", replace(facts, fold_work=LONG / 16 / FEW_DECAYS)).text == "5 folds"
    assert "15 more sets of rows" in why("loo", replace(facts, fold_work=LONG / 14 / FEW_DECAYS))


@pytest.mark.parametrize("cv", [5, 8, KFold(6), RepeatedKFold(n_splits=4), "loo"])
def test_training_sets_without_two_folds_are_the_same_whichever_is_held_out(cv: Any) -> None:
    nested = found(cv)
    for cells, partition in zip(nested.repetitions, nested.folds.partitions, strict=True):
        F = cells.count
        assert len(partition.train) == F * F
        assert len(set(partition.train)) == cells.training_sets == F * (F + 1) / 2
