"""Plans of folds: the very rows of scikit-learn's splitters, held in few disjoint cells."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import (
    GroupKFold,
    GroupShuffleSplit,
    KFold,
    LeaveOneGroupOut,
    LeaveOneOut,
    LeavePOut,
    PredefinedSplit,
    RepeatedKFold,
    ShuffleSplit,
    StratifiedKFold,
    TimeSeriesSplit,
)

from weightdecay.tuning.folds import Folds, from_splits, k_folds, natural_count, plan, stratified_folds

N = 37
GROUPS = np.repeat(np.arange(9), 5)[:N]
Y = np.arange(N) % 3
X = np.zeros((N, 1))


def rows_of(folds: Folds) -> list[tuple[list[int], list[int]]]:
    """Training and test rows of every fold, as lists."""
    return [(train.tolist(), test.tolist()) for train, test in folds.splits()]


def rows_given(pairs: Any) -> list[tuple[list[int], list[int]]]:
    """The same of (training, test) pairs of index arrays, in ascending order."""
    return [(np.sort(train).tolist(), np.sort(test).tolist()) for train, test in pairs]


def check_cells(folds: Folds) -> None:
    """A partition numbers its cells without gaps, and no fold trains and tests on one cell."""
    for partition in folds.partitions:
        assert set(partition.label) - {-1} == set(range(partition.n_cells))
        for train, test in zip(partition.train, partition.test, strict=True):
            assert not set(train) & set(test)
            assert len(set(train)) == len(train) and len(set(test)) == len(test)


@pytest.mark.parametrize("k", [2, 5, 7, N])
@pytest.mark.parametrize("seed", [None, 0, 3])
def test_an_int_means_the_rows_of_sklearns_shuffled_kfold(k: int, seed: int | None) -> None:
    expected = KFold(k, shuffle=True, random_state=seed or 0).split(X)
    folds = plan(k, N, random_state=seed)
    assert rows_of(folds) == rows_given(expected)
    assert folds.partitions[0].n_cells == k
    assert folds.repeat.tolist() == [0] * k
    check_cells(folds)


def test_a_random_state_object_is_used_as_it_is() -> None:
    expected = KFold(4, shuffle=True, random_state=np.random.RandomState(5)).split(X)
    assert rows_of(plan(4, N, random_state=np.random.RandomState(5))) == rows_given(expected)


def test_an_int_with_groups_means_sklearns_shuffled_group_folds() -> None:
    expected = GroupKFold(4, shuffle=True, random_state=0).split(X, None, GROUPS)
    folds = plan(4, N, groups=GROUPS)
    assert rows_of(folds) == rows_given(expected)
    assert folds.partitions[0].n_cells == 4


def test_there_are_no_more_group_folds_than_groups() -> None:
    folds = plan(5, N, groups=Y)
    assert len(folds.repeat) == 3
    assert folds.text == "3 folds by group"


SPLITTERS = [
    # splitter, cells at most, repetition of every fold (None: not checked)
    (KFold(5), 5, [0] * 5),
    (KFold(5, shuffle=True, random_state=1), 5, [0] * 5),
    (StratifiedKFold(4), 4, [0] * 4),
    (RepeatedKFold(n_splits=5, n_repeats=3, random_state=0), 26, [0] * 5 + [1] * 5 + [2] * 5),
    (TimeSeriesSplit(5), 6, [0] * 5),
    (TimeSeriesSplit(5, gap=2, max_train_size=9), 12, [0] * 5),
    (ShuffleSplit(4, test_size=0.25, random_state=0), 12, [0] * 4),
    (ShuffleSplit(1, test_size=0.25, random_state=0), 2, [0]),
    (GroupKFold(3), 3, [0] * 3),
    (GroupShuffleSplit(3, random_state=0), 9, None),
    (PredefinedSplit(np.where(np.arange(N) < 5, -1, np.arange(N) % 3)), 4, [0] * 3),
    (LeaveOneGroupOut(), 8, [0] * 8),
    (LeaveOneOut(), N, [0] * N),
]


@pytest.mark.parametrize(("splitter", "cells", "repeat"), SPLITTERS, ids=lambda one: type(one).__name__)
def test_any_splitter_keeps_its_rows_in_few_cells(splitter: Any, cells: int, repeat: list[int] | None) -> None:
    groups = GROUPS if "Group" in type(splitter).__name__ else None
    folds = plan(splitter, N, y=Y, groups=groups)
    assert rows_of(folds) == rows_given(splitter.split(X, Y, groups))
    check_cells(folds)
    assert sum(partition.n_cells for partition in folds.partitions) <= cells
    if repeat is not None:
        assert folds.repeat.tolist() == repeat
    assert type(splitter).__name__ in folds.text


def test_repetitions_share_cells_wholly_or_not_at_all() -> None:
    def cells_and_folds(n: int) -> list[tuple[int, int]]:
        folds = plan(RepeatedKFold(n_splits=5, n_repeats=3, random_state=0), n)
        return [(partition.n_cells, len(partition.train)) for partition in folds.partitions]

    assert cells_and_folds(1000) == [(5, 5)] * 3
    # Where joint cells hold many rows, one pass over the rows for two repetitions is worth 25 of them.
    assert cells_and_folds(50_000) == [(25, 10), (5, 5)]


def test_leaving_pairs_out_keeps_its_rows() -> None:
    folds = plan(LeavePOut(2), 8)
    assert rows_of(folds) == rows_given(LeavePOut(2).split(np.zeros((8, 1))))
    assert folds.repeat.tolist() == [0] * 28


def test_leave_one_out_is_symbolic() -> None:
    folds = plan("loo", N)
    assert folds.leave_one_out
    assert folds.partitions == ()
    assert rows_of(folds) == []
    assert not plan(5, N).leave_one_out


def test_lists_and_masks_and_generators_mean_the_same() -> None:
    pairs = list(KFold(3).split(X))
    masks = [(np.isin(np.arange(N), train), np.isin(np.arange(N), test)) for train, test in pairs]
    lists = [[train.tolist(), test.tolist()] for train, test in pairs]
    for given_folds in (pairs, masks, lists, (pair for pair in pairs)):
        assert rows_of(plan(given_folds, N)) == rows_given(pairs)


@given(st.data())
def test_cells_reconstruct_any_overlapping_splits(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 25))
    roles = st.lists(st.sampled_from([0, 1, 2]), min_size=n, max_size=n).filter(lambda one: {1, 2} <= set(one))
    chosen = [np.array(one) for one in data.draw(st.lists(roles, min_size=1, max_size=8))]
    pairs = [(np.flatnonzero(one == 1), np.flatnonzero(one == 2)) for one in chosen]
    folds = from_splits(pairs, n, "random folds")
    assert rows_of(folds) == rows_given(pairs)
    check_cells(folds)
    for partition in folds.partitions:  # never more than a pair of sums for each fold, and one for what is left
        assert partition.n_cells <= max(2 * len(partition.train) + 1, 3)
    assert len(folds.repeat) == len(pairs)


def test_a_repetition_begins_where_test_rows_come_again() -> None:
    halves = [([0, 1], [2, 3]), ([2, 3], [0, 1])]
    folds = plan([*halves, *halves], 4)
    assert folds.repeat.tolist() == [0, 0, 1, 1]
    # A repetition of a single fold would have no standard error: all are then taken together.
    assert plan([*halves, halves[0]], 4).repeat.tolist() == [0, 0, 0]


@given(st.lists(st.integers(0, 4), min_size=6, max_size=40), st.integers(2, 6))
def test_stratified_folds_deal_every_class_out_evenly(labels: list[int], k: int) -> None:
    strata = np.array(labels)
    count = {label: labels.count(label) for label in set(labels)}
    if sum(number for number in count.values() if number > 1) < k:
        with pytest.raises(ValueError, match="classes of two or more"):
            stratified_folds(strata, k)
        return
    folds = stratified_folds(strata, k)
    tests = [test for _, test in folds.splits()]
    for label, number in count.items():
        held = [int((strata[test] == label).sum()) for test in tests]
        assert sum(held) == (number if number > 1 else 0)
        assert max(held) - min(held) <= 1
    for train, test in folds.splits():
        assert sorted([*train, *test]) == list(range(len(labels)))
        assert set(strata[train]) == set(labels)


def test_an_int_deals_classes_out_evenly() -> None:
    strata = np.array(["a"] * 10 + ["b"] * 5)
    folds = plan(5, 15, strata=strata)
    assert [sorted(strata[test]) for _, test in folds.splits()] == [["a", "a", "b"]] * 5
    assert rows_of(folds) == rows_of(plan(5, 15, strata=strata, random_state=0))
    assert rows_of(folds) != rows_of(plan(5, 15, strata=strata, random_state=1))


@pytest.mark.parametrize(("counts", "expected"), [((9, 9), 5), ((9, 4), 4), ((9, 2), 2), ((9, 1), 5), ((1, 1), 5)])
def test_the_smallest_class_limits_the_number_of_folds(counts: tuple[int, int], expected: int) -> None:
    assert natural_count(np.repeat([0, 1], counts), 5) == expected


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize("by", ["rows", "groups", "strata"])
def test_an_int_plans_as_if_rows_without_weight_were_removed(by: str, seed: int | None) -> None:
    positive = np.arange(N) % 4 > 0
    kept = np.flatnonzero(positive)
    labels = {"groups": GROUPS, "strata": Y.astype(str)}
    more = {by: labels[by]} if by in labels else {}
    fewer = {name: one[kept] for name, one in more.items()}
    folds = plan(4, N, random_state=seed, positive=positive, **more)
    expected = plan(4, len(kept), random_state=seed, **fewer)
    assert rows_of(folds) == [(kept[train].tolist(), kept[test].tolist()) for train, test in rows_of(expected)]
    assert folds.n == N and folds.text == expected.text
    assert [one.n_cells for one in folds.partitions] == [one.n_cells for one in expected.partitions]
    for partition in folds.partitions:
        assert (partition.label[~positive] == -1).all()
    assert rows_of(plan(4, N, positive=np.ones(N, dtype=bool), **more)) == rows_of(plan(4, N, **more))


def test_splits_that_are_given_refer_to_all_rows() -> None:
    positive = np.arange(N) % 4 > 0
    pairs = list(KFold(3).split(X))
    for cv in (KFold(3), pairs):
        assert rows_of(plan(cv, N, positive=positive)) == rows_given(pairs)
    assert plan("loo", N, positive=positive).text == f"leave-one-out over {positive.sum()} rows"


def test_too_few_rows_of_weight_are_told() -> None:
    positive = np.arange(N) < 4
    with pytest.raises(ValueError, match="cv=5 folds need at least 5 rows of positive weight, got 4"):
        plan(5, N, positive=positive)
    with pytest.raises(ValueError, match="cv=1: a number of folds is at least 2"):
        plan(1, N, positive=positive)
    with pytest.raises(ValueError, match="leave-one-out needs at least 2 rows, got 1"):
        plan("loo", N, positive=np.arange(N) == 3)


def test_a_plan_is_itself() -> None:
    folds = plan(5, N)
    assert plan(folds, N) is folds


def test_splitters_see_the_groups_as_they_were_given() -> None:
    class HoldOut:
        def split(self, X: Any, y: Any, groups: Any) -> Any:
            yield np.flatnonzero(groups != "b"), np.flatnonzero(groups == "b")

    groups = np.array(["b", "c", "a"])[Y]
    assert rows_of(plan(HoldOut(), N, groups=groups))[0][1] == np.flatnonzero(groups == "b").tolist()


@pytest.mark.parametrize(
    ("cv", "more", "sentence"),
    [
        (1, {}, "cv=1: a number of folds is at least 2"),
        (True, {}, "cv=1: a number of folds is at least 2"),
        (N + 1, {}, f"cv={N + 1} folds need at least {N + 1} rows, got {N}"),
        (N + 1, {"groups": GROUPS}, f"cv={N + 1} folds need at least {N + 1} rows"),
        ("five", {}, "cv='five' is not known"),
        (KFold, {}, "cv is the class KFold; give an instance, such as cv=KFold()"),
        (5, {"random_state": "a"}, "random_state='a': expected an int of at least 0"),
        (5, {"random_state": -1}, "random_state=-1: expected an int of at least 0"),
        (5, {"groups": 3}, "groups has shape (); give one group label per row"),
        (5, {"groups": np.zeros((N, 2))}, f"groups has shape ({N}, 2); give one"),
        (5, {"groups": np.array([0, "a"] * N, dtype=object)[:N]}, "groups mixes labels of type int and str"),
        (2.5, {}, "cv=2.5: expected 'auto', 'loo', an int"),
        ("loo", {"groups": GROUPS}, "cv='loo' would split groups"),
        (5, {"groups": np.zeros(N)}, "groups holds a single group"),
        (5, {"groups": GROUPS[:-1]}, f"groups has {N - 1} entries for {N} rows"),
        ([], {}, "cv gave no folds"),
        ([([0, 1], [])], {}, "fold 0 has no test rows"),
        ([([0], [1]), ([], [1])], {}, "fold 1 has no training rows"),
        ([([0, 1], [N])], {}, f"fold 0 names row {N}, but there are {N} rows"),
        ([([0, -1], [5])], {}, "fold 0 names row -1"),
        ([([0, 1], [1, 2])], {}, "fold 0 holds out rows that it also trains on"),
        ([([0, 0], [1])], {}, "fold 0 names a row more than once"),
        ([(np.ones(5, dtype=bool), [1])], {}, f"fold 0's training mask has 5 entries for {N} rows"),
        ([([0.5], [1])], {}, "fold 0's training rows are float64"),
        ([[0, 1, 2]], {}, "fold 0 is list; expected a pair"),
        ([7], {}, "fold 0 is int; expected a pair"),
    ],
)
def test_folds_that_cannot_be_had_are_told_in_a_sentence(cv: Any, more: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError) as caught:
        plan(cv, N, **more)
    assert str(caught.value).startswith(sentence)


def test_leave_one_out_needs_two_rows() -> None:
    with pytest.raises(ValueError, match="leave-one-out needs at least 2 rows, got 1"):
        plan("loo", 1)


def test_k_folds_do_not_touch_the_global_random_state() -> None:
    before = np.random.get_state()[1].tolist()  # type: ignore[index,union-attr]
    k_folds(N, 5)
    assert np.random.get_state()[1].tolist() == before  # type: ignore[index,union-attr]
