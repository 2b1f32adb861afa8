"""Folds: which rows train and which are held out, as few disjoint cells of rows as possible.

Every training set and every test set is a union of *cells*. A cell is a set of rows that the folds of one partition
never separate, so whatever is additive over rows (moments) is computed once per cell and summed per fold. K-fold has K
cells; repeated k-fold has one partition per repeat; overlapping and time-series splits share cells where that is cheap.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class Partition:
    """Rows by cell, and folds as unions of cells.

    Parameters
    ----------
    label : ndarray of shape (n,)
        Cell of every row; −1 for rows that none of these folds uses.
    n_cells : int
    train, test : tuple of tuple of int
        The cells of each fold's training and test rows.
    """

    label: NDArray[np.int32]
    n_cells: int
    train: tuple[tuple[int, ...], ...]
    test: tuple[tuple[int, ...], ...]

    def rows(self, cells: tuple[int, ...]) -> Index:
        """Indices of the rows in some cells, ascending."""
        inside = np.zeros(self.n_cells + 1, dtype=bool)
        inside[list(cells)] = True
        return np.flatnonzero(inside[self.label])


@dataclass(frozen=True, eq=False)
class Folds:
    """A plan of F folds over n rows.

    Parameters
    ----------
    n : int
    partitions : tuple of Partition
        Their folds in order are the folds of the plan; empty for leave-one-out, which is symbolic.
    repeat : ndarray of shape (F,)
        Which repetition a fold belongs to; standard errors are taken within repetitions.
    text : str
        The plan in words.
    shuffled : bool
        Whether rows were dealt out at random, so that any other deal would do as well.
    once : bool
        Whether it is asked about only once, so that nothing of it need be kept.
    """

    n: int
    partitions: tuple[Partition, ...]
    repeat: Index
    text: str
    shuffled: bool = False
    once: bool = False

    @property
    def leave_one_out(self) -> bool:
        """Whether every row is a fold of its own."""
        return not self.partitions

    def splits(self) -> Iterable[tuple[Index, Index]]:
        """Training and test rows of every fold."""
        for partition in self.partitions:
            for train, test in zip(partition.train, partition.test, strict=True):
                yield partition.rows(train), partition.rows(test)


def leave_one_out(n: int) -> Folds:
    """Every row held out once."""
    if n < 2:
        raise ValueError(f"leave-one-out needs at least 2 rows, got {n}; give more data or fix decay=")
    return Folds(n, (), np.zeros(1, dtype=np.intp), f"leave-one-out over {n:,} rows", shuffled=True)


def k_folds(n: int, k: int, random_state: Any = None) -> Folds:
    """K shuffled folds, the very rows of scikit-learn's ``KFold(k, shuffle=True, random_state=random_state or 0)``."""
    from sklearn.utils import check_random_state

    _check_number(k, n)
    order = np.arange(n)
    check_random_state(0 if random_state is None else random_state).shuffle(order)
    sizes = np.full(k, n // k, dtype=np.intp)
    sizes[: n % k] += 1
    label = np.empty(n, dtype=np.int32)
    label[order] = np.repeat(np.arange(k, dtype=np.int32), sizes)
    train = tuple(tuple(cell for cell in range(k) if cell != fold) for fold in range(k))
    partition = Partition(label, k, train, tuple((fold,) for fold in range(k)))
    return Folds(n, (partition,), np.zeros(k, dtype=np.intp), f"{k} folds", shuffled=True)


def stratified_folds(strata: Any, k: int, random_state: Any = None) -> Folds:
    """K shuffled folds among which every class is dealt out evenly; the member of a class of one always trains.

    A class of two or more members has some in every training set.
    """
    from sklearn.utils import check_random_state

    _, code, count = np.unique(np.asarray(strata), return_inverse=True, return_counts=True)
    n = len(code)
    _check_number(k, n)
    order = check_random_state(0 if random_state is None else random_state).permutation(n)
    order = order[np.argsort(code[order], kind="stable")]
    order = order[count[code[order]] > 1]
    if len(order) < k:
        raise ValueError(
            f"cv={k} folds need at least {k} rows in classes of two or more, got {len(order)}; merge classes"
        )
    label = np.full(n, k, dtype=np.int32)
    label[order] = np.arange(len(order)) % k
    cells = k + int(len(order) < n)
    train = tuple(tuple(cell for cell in range(cells) if cell != fold) for fold in range(k))
    partition = Partition(label, cells, train, tuple((fold,) for fold in range(k)))
    return Folds(n, (partition,), np.zeros(k, dtype=np.intp), f"{k} stratified folds", shuffled=True)


def for_every_class(text: str) -> str:
    """What to do where a fold of such a plan trains on no row of some class."""
    kind = text.lower()
    if "group" in kind:
        return "all of its rows are in groups that are held out together: merge classes, or groups"
    if "time" in kind:
        return "it occurs in later rows alone: merge classes, leave its rows out, or give fewer folds"
    return "give cv=5 (stratified) or other folds, or merge classes"


def natural_count(strata: Any, k: int) -> int:
    """K, or as many folds as the smallest class of two or more has members, but at least 2."""
    count = np.unique(np.asarray(strata), return_counts=True)[1]
    return max(2, min(k, int(count[count > 1].min(initial=k))))


def _check_number(k: int, n: int, what: str = "rows") -> None:
    """At least two folds, and a row for each."""
    if k < 2:
        raise ValueError(f"cv={k}: a number of folds is at least 2; give cv=5 or cv='loo'")
    if n < k:
        raise ValueError(f"cv={k} folds need at least {k} {what}, got {n}; give fewer folds or cv='loo'")


def plan(
    cv: Any,
    n: int,
    *,
    y: Any = None,
    groups: Any = None,
    strata: Any = None,
    random_state: Any = None,
    positive: NDArray[np.bool_] | None = None,
) -> Folds:
    """The folds that a ``cv`` argument means for n rows.

    Parameters
    ----------
    cv : int, "loo", scikit-learn splitter, iterable of (train, test) index arrays, or Folds
        An int shuffles with ``random_state`` (None = 0), by whole groups if groups are given. `Folds` are a plan
        already.
    n : int
        Number of rows.
    y, groups : array-like of shape (n,), optional
        Passed on to splitters that use them.
    strata : array-like of shape (n,), optional
        Classes that an int deals out evenly over the folds.
    random_state : int, RandomState or None
    positive : ndarray of shape (n,) of bool, optional
        Rows with positive weight. An int plans as if the others were removed; splitters and lists refer to all rows.

    Raises
    ------
    ValueError
        When the folds cannot be had from these rows; the sentence says which and why.
    """
    if isinstance(cv, Folds):
        return cv
    codes = None if groups is None else _group_codes(groups, n)
    if isinstance(cv, str):
        if cv != "loo":
            raise ValueError(
                f"cv={cv!r} is not known; give 'auto', 'loo', an int, a scikit-learn splitter or a list of splits"
            )
        if groups is not None:
            raise ValueError("cv='loo' would split groups; give cv=5 (by whole groups) or a group splitter")
        used = n if positive is None else int(np.count_nonzero(positive))
        return replace(leave_one_out(used), n=n)
    if isinstance(cv, int | np.integer):
        return _counted(int(cv), n, codes, strata, _seed(random_state), positive)
    if isinstance(cv, type):
        raise ValueError(f"cv is the class {cv.__name__}; give an instance, such as cv={cv.__name__}()")
    if isinstance(cv, Iterable):
        pairs = list(cv)
        return from_splits(pairs, n, f"{len(pairs)} given fold{'' if len(pairs) == 1 else 's'}")
    if not hasattr(cv, "split"):
        raise ValueError(f"cv={cv!r}: expected 'auto', 'loo', an int, a scikit-learn splitter or a list of splits")
    pairs = list(cv.split(np.zeros((n, 1)), y, groups))
    return from_splits(pairs, n, f"{len(pairs)} fold{'' if len(pairs) == 1 else 's'} of {type(cv).__name__}")


def _seed(random_state: Any) -> Any:
    """What shuffles, 0 for None; refused where scikit-learn would refuse it."""
    from sklearn.utils import check_random_state

    try:
        check_random_state(random_state)
    except ValueError:
        raise ValueError(
            f"random_state={random_state!r}: expected an int of at least 0, a RandomState or None"
        ) from None
    return 0 if random_state is None else random_state


def _group_codes(groups: Any, n: int) -> Index:
    """Groups by number (n,)."""
    labels = np.asarray(groups)
    if labels.ndim != 1 or len(labels) != n:
        found = f"has {len(labels)} entries for {n} rows" if labels.ndim == 1 else f"has shape {labels.shape}"
        raise ValueError(f"groups {found}; give one group label per row")
    return label_codes(labels, "groups")


def label_codes(labels: NDArray[Any], name: str) -> Index:
    """Labels by number (n,), in their own order."""
    try:
        return np.unique(labels, return_inverse=True)[1]
    except TypeError:
        mixed = " and ".join(sorted({type(one).__name__ for one in labels.tolist()}))
        raise ValueError(f"{name} mixes labels of type {mixed}; give labels of one type, such as str") from None


def _counted(
    k: int, n: int, groups: Index | None, strata: Any, random_state: Any, positive: NDArray[np.bool_] | None
) -> Folds:
    """K folds of the rows with positive weight, the very ones that they would have without the others."""
    if positive is not None and not positive.all():
        rows = np.flatnonzero(positive)
        if k > 1:
            _check_number(k, len(rows), "rows of positive weight")
        few = _counted(
            k,
            len(rows),
            None if groups is None else groups[rows],
            None if strata is None else np.asarray(strata)[rows],
            random_state,
            None,
        )
        return replace(few, n=n, partitions=tuple(_spread(one, rows, n) for one in few.partitions))
    if groups is not None:
        return _group_folds(n, k, groups, random_state)
    return k_folds(n, k, random_state) if strata is None else stratified_folds(strata, k, random_state)


def _spread(partition: Partition, rows: Index, n: int) -> Partition:
    """The same cells of some rows among all n, the others in none."""
    label = np.full(n, -1, dtype=np.int32)
    label[rows] = partition.label
    return replace(partition, label=label)


def _group_folds(n: int, k: int, groups: Index, random_state: Any) -> Folds:
    """K folds of whole groups, shuffled."""
    from sklearn.model_selection import GroupKFold

    found = len(np.unique(groups))
    _check_number(k, n)
    if found < 2:
        raise ValueError("groups holds a single group; at least 2 are needed to hold one out")
    k = min(k, found)
    splitter = GroupKFold(k, shuffle=True, random_state=random_state)
    return from_splits(list(splitter.split(np.zeros((n, 1)), None, groups)), n, f"{k} folds by group")


def from_splits(pairs: Sequence[tuple[Any, Any]], n: int, text: str) -> Folds:
    """A plan from explicit pairs of training and test rows (indices or boolean masks)."""
    if not pairs:
        raise ValueError("cv gave no folds; give at least one pair of training and test rows")
    status = [_membership(number, pair, n) for number, pair in enumerate(pairs)]
    repeat = _repetitions(status)
    return Folds(n, tuple(_partitions(status, repeat)), repeat, text)


def _membership(number: int, pair: tuple[Any, Any], n: int) -> NDArray[np.int32]:
    """Per row: 0 unused, 1 training, 2 test."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        raise ValueError(f"fold {number} is {type(pair).__name__}; expected a pair (training rows, test rows)")
    status = np.zeros(n, dtype=np.int32)
    for value, rows in zip((1, 2), pair, strict=True):
        index, name = np.asarray(rows), "training" if value == 1 else "test"
        if index.dtype == bool:
            if index.shape != (n,):
                raise ValueError(f"fold {number}'s {name} mask has {index.size} entries for {n} rows")
            index = np.flatnonzero(index)
        if index.size == 0:
            raise ValueError(f"fold {number} has no {name} rows; drop that fold")
        if index.ndim != 1 or index.dtype.kind not in "iu":
            raise ValueError(f"fold {number}'s {name} rows are {index.dtype}; give row numbers or a boolean mask")
        outside = index[(index < 0) | (index >= n)]
        if outside.size:
            raise ValueError(f"fold {number} names row {int(outside[0])}, but there are {n} rows (0 to {n - 1})")
        if value == 2 and status[index].any():
            raise ValueError(f"fold {number} holds out rows that it also trains on; its error would be too good")
        if np.unique(index).size != index.size:
            raise ValueError(f"fold {number} names a row more than once; use sample_weight to count rows twice")
        status[index] = value
    return status


def _repetitions(status: list[NDArray[np.int32]]) -> Index:
    """A new repetition begins where test rows come again; single-fold repetitions are merged into one."""
    repeat = np.zeros(len(status), dtype=np.intp)
    seen = np.zeros(status[0].size, dtype=bool)
    for fold, one in enumerate(status):
        test = one == 2
        repeat[fold] = repeat[fold - 1] if fold else 0
        if (seen & test).any():
            repeat[fold] += 1
            seen[:] = False
        seen |= test
    return repeat if np.bincount(repeat).min() > 1 else np.zeros_like(repeat)


def _partitions(status: list[NDArray[np.int32]], repeat: Index) -> Iterable[Partition]:
    """Greedily put folds into one partition while their common cells stay few.

    A partition of m folds costs one pass of products over the rows and one moment matrix per cell; alone, each fold
    would cost a pass and two matrices. Joint cells are therefore worth having up to about twice the number of folds,
    and further while each still holds many rows. A repetition joins as a whole or not at all: half of one would leave
    the other half as many cells.
    """
    start = 0
    n = status[0].size
    while start < len(status):
        label, n_cells, stop = np.zeros(n, dtype=np.int64), 1, start
        while stop < len(status):
            again = stop > start and repeat[stop] != repeat[stop - 1]
            end = int(np.searchsorted(repeat, repeat[stop], side="right")) if again else stop + 1
            joint, joint_cells = label, n_cells
            for one in status[stop:end]:
                joint, joint_cells = _refined(joint, one)
            if stop > start and joint_cells > max(2 * (end - start) + 1, min(64, n // 256)):
                break
            label, n_cells, stop = joint, joint_cells, end
        yield _partition(label, n_cells, status[start:stop])
        start = stop


def _refined(label: NDArray[np.int64], status: NDArray[np.int32]) -> tuple[NDArray[np.int64], int]:
    """Cells split by one more fold, numbered without gaps."""
    code = label * 3 + status
    used = np.bincount(code) > 0
    return (np.cumsum(used) - 1)[code], int(used.sum())


def _partition(label: NDArray[np.int64], n_cells: int, status: list[NDArray[np.int32]]) -> Partition:
    """Folds as unions of cells; a cell that no fold uses becomes −1."""
    member = np.zeros(n_cells, dtype=np.intp)
    member[label] = np.arange(label.size)
    role = np.stack([one[member] for one in status])  # (folds, cells): 0 unused, 1 training, 2 test
    number = np.where((role > 0).any(axis=0), np.cumsum((role > 0).any(axis=0)) - 1, -1)
    train = tuple(tuple(number[row == 1].tolist()) for row in role)
    test = tuple(tuple(number[row == 2].tolist()) for row in role)
    return Partition(number[label].astype(np.int32), int(number.max()) + 1, train, test)
