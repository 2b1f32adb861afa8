"""Nested folds: the cells that nested cross-validation leaves out one by one and two by two.

Of F cells of rows there are F training sets without one, and F(F − 1)/2 without two, each asked about both.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.tuning.folds import Folds, Partition, plan
from weightdecay.tuning.nested_search import one_by_one
from weightdecay.tuning.protocol import Facts

Array = NDArray[np.float64]

MOST, FEW = 10, 5  # folds, and how many where training sets are dear
LEAST = 3  # without two of them there is one left to train on
REPEATS = 3  # times that rows are dealt out anew, where they were dealt out at random
# Operations that all training sets may take where rows are dealt out anew, with many folds, and with few folds: less
# than a second, a few seconds, and less than a minute.
CHEAP, SHORT, LONG = 5e9, 2e10, 2.5e11
# Share of a path that is asked of a training set where decays are minimised one by one: few of them, and none of the
# small ones, which are the dear ones.
FEW_DECAYS = 0.1


@dataclass(frozen=True, eq=False)
class Cells:
    """One repetition: who is held out with whom.

    Parameters
    ----------
    label : ndarray of shape (n,)
        The fold that holds a row out, from 0 on; F for rows that always train, −1 for those that are not used.
    count : int
        F.
    """

    label: NDArray[np.int32]
    count: int

    def merged(self, most: int) -> Cells:
        """At most so many folds, each of neighbouring ones."""
        if self.count <= most:
            return self
        joined = np.repeat(np.arange(most), [len(part) for part in np.array_split(np.arange(self.count), most)])
        number = np.concatenate([joined, [most, -1]])  # −1 is the last
        return Cells(number[self.label].astype(np.int32), most)

    @property
    def training_sets(self) -> float:
        """How many different ones there are."""
        return self.count * (self.count + 1) / 2

    def partition(self) -> Partition:
        """F folds without one cell, then F − 1 for each of them without another as well."""
        F, cells = self.count, range(int(self.label.max()) + 1)
        left_out = [*((f,) for f in range(F)), *((f, g) for f in range(F) for g in range(F) if g != f)]
        train = tuple(tuple(cell for cell in cells if cell not in without) for without in left_out)
        return Partition(self.label, len(cells), train, tuple((without[-1],) for without in left_out))

    def loses_a_class(self, strata: NDArray[Any]) -> bool:
        """Whether some two folds hold all rows of a class."""
        used = self.label >= 0
        _, code = np.unique(strata[used], return_inverse=True)
        counts = np.zeros((code.max() + 1, self.count + 1))
        np.add.at(counts, (code, self.label[used]), 1.0)
        two = np.sort(counts[:, : self.count], axis=1)[:, -2:].sum(axis=1)
        return bool((two >= counts.sum(axis=1)).any())


@dataclass(frozen=True, eq=False)
class NestedFolds:
    """All repetitions, and their folds as one plan."""

    repetitions: tuple[Cells, ...]

    @cached_property
    def folds(self) -> Folds:
        """Repetition by repetition, F outer folds and F (F − 1) inner ones."""
        made = tuple(one.partition() for one in self.repetitions)
        repeat = np.repeat(np.arange(len(made)), [len(one.test) for one in made])
        return Folds(len(made[0].label), made, repeat, self.text, once=True)

    @property
    def text(self) -> str:
        """In words."""
        times = f", {len(self.repetitions)} times" if len(self.repetitions) > 1 else ""
        return f"{max(one.count for one in self.repetitions)} folds{times}"

    def apart(self, values: Array) -> Iterator[tuple[Array, Array]]:
        """Per repetition what belongs to the outer folds (F, …), and to the inner ones of each (F, F − 1, …)."""
        start = 0
        for F in (one.count for one in self.repetitions):
            inner = values[start + F : start + F * F]
            yield values[start : start + F], inner.reshape(F, F - 1, *values.shape[1:])
            start += F * F


def nested_folds(folds: Folds, facts: Facts, few: int = FEW) -> NestedFolds | str:
    """The cells that a plan of folds means, or in words why there are none.

    Folds that hold whole groups out keep doing so. Where rows were dealt out at random they are dealt out anew a few
    times, over as many folds as the plan has, but no more than 10; a plan of fewer than `few` folds, and leave-one-out,
    which would leave out every pair of rows, become 10 folds.
    """
    if math.isinf(facts.fold_work):
        return "every decay of every fold is a fit of its own, and it would take many times as many"
    work = facts.fold_work * (FEW_DECAYS if one_by_one(facts) else 1.0)
    most = MOST if MOST * (MOST + 1) / 2 * work <= SHORT else FEW
    found = _dealt(folds, facts, most, few) if folds.shuffled else _given(folds)
    if isinstance(found, str):
        return found
    found = [one.merged(most) for one in found]
    if found[0].training_sets * work > LONG:
        return f"it would train on {found[0].training_sets:.0f} more sets of rows, and each of them takes long"
    if facts.strata is not None and any(one.loses_a_class(facts.strata) for one in found):
        return "two folds together may hold all rows of a class"
    return NestedFolds(tuple(found[: _affordable(found[0], work)]))


def _affordable(cells: Cells, work: float) -> int:
    """How many repetitions are cheap, where a training set costs so many operations."""
    return int(min(REPEATS, max(1.0, CHEAP / max(1.0, cells.training_sets * work))))


def _dealt(folds: Folds, facts: Facts, most: int, few: int) -> list[Cells] | str:
    """The plan's own folds unless they are too few, and others like them."""
    own = None if folds.leave_one_out or len(folds.repeat) < few else _given(folds)
    if isinstance(own, str):
        return own
    F = min(most, facts.n_rows) if own is None else min(most, own[0].count)
    if F < LEAST:
        return f"it needs at least {LEAST} folds, and there are {facts.n_rows} rows"
    found = own or []
    for seed in range(len(found), REPEATS):
        deal = _given(plan(F, facts.n_given, strata=facts.strata, random_state=seed, positive=facts.positive))
        if isinstance(deal, str):
            return deal
        found += deal
    return found


def _given(folds: Folds) -> list[Cells] | str:
    """The folds of every repetition, if each trains on all rows but its own."""
    if folds.leave_one_out:
        return "rows were left out one by one"
    pairs, found = list(folds.splits()), []
    for number in range(int(folds.repeat.max()) + 1):
        mine = [pair for pair, repeat in zip(pairs, folds.repeat, strict=True) if repeat == number]
        used = np.zeros(folds.n, dtype=bool)
        used[np.concatenate([rows for pair in mine for rows in pair])] = True
        label = np.where(used, len(mine), -1).astype(np.int32)
        for fold, (train, test) in enumerate(mine):
            if (label[test] < len(mine)).any() or len(train) + len(test) < np.count_nonzero(used):
                return "it needs folds that share no rows and train on all but their own, as folds by time do not"
            label[test] = fold
        if len(mine) < LEAST:
            return f"it needs at least {LEAST} folds"
        found.append(Cells(label, len(mine)))
    return found
