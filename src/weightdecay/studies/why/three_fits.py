"""Three fits of every training set: without decay, with a decay tuned within the set, and at infinite decay.

The decay is chosen by folds inside the training set, as by somebody who has no other rows; the rows that judge it have
no part in that. All training sets of a question and their inner folds are one plan of folds, factorised once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.held_out import HeldOut
from weightdecay.studies.compare_search import Care, chosen
from weightdecay.tuning.folds import from_splits
from weightdecay.tuning.grid import FINE, STEP, decays_at
from weightdecay.tuning.nested_search import one_by_one
from weightdecay.tuning.protocol import ByEpoch, Problem

Array = NDArray[np.float64]
Index = NDArray[np.intp]
Pairs = tuple[tuple[Index, Index], ...]

# Rounds of the search after the first, each of which may look a decade beyond an end.
ROUNDS = 8
# Decades beyond the candidates that choices are followed to, no decay and infinite decay being there anyway; of models
# that are minimised small decays are dear, and where classes can be separated their loss only falls.
BELOW, ABOVE = 4, 1
# Decades asked for first where decays are minimised one by one: the small ones are the dear ones, and chosen least.
FIRST = 4
# Bytes that the moments of the cells of one plan may take together.
MOMENTS = 4e8


@dataclass(frozen=True, eq=False)
class TrainingSet:
    """Rows to learn from, rows that judge, and how the decay is chosen.

    Parameters
    ----------
    train, test : ndarray of int
    inner : tuple of (train, test)
        Folds within ``train``; their test rows may be others' doubles.
    """

    train: Index
    test: Index
    inner: Pairs

    @property
    def pairs(self) -> Pairs:
        """The set itself, then its inner folds."""
        return ((self.train, self.test), *self.inner)


@dataclass(frozen=True, eq=False)
class Judged:
    """Held-out losses of m training sets, means over the targets.

    Parameters
    ----------
    none, tuned, constant : ndarray of shape (m,)
        Without decay (or at ``least``), at the chosen decay, at infinite decay; nan where there is no model.
    decays : ndarray of shape (m, t)
        λ chosen, of each target, on the scale of the training set.
    weight : ndarray of shape (m,)
        Weight of the test rows.
    least : ndarray of shape (m,)
        λ that stands for no decay, on the scale of the training set: 0, or the least of the lattice where there is no
        model without decay.
    """

    none: Array
    tuned: Array
    constant: Array
    decays: Array
    weight: Array
    least: Array


def share_of(problem: Problem, own: float) -> float:
    """What λ of a problem's rows is to one of rows that have a share of their weight: Λ = λ·Σs is the same.

    Networks decay step by step, whatever the rows.
    """
    return 1.0 if isinstance(problem, ByEpoch) else own


def three_fits(problem: Problem, sets: Sequence[TrainingSet], care: Care, share: float) -> Judged:
    """Held-out losses of the three fits of every training set.

    Parameters
    ----------
    problem : Problem
        Opened on all rows that any set uses.
    sets : sequence of TrainingSet
        Of about the same size.
    care : Care
        How a decay is chosen; ``given`` decays are on the scale of a training set.
    share : float
        λ of the problem's rows for a λ of 1 on the rows of a training set (`share_of`).
    """
    parts = [_judged(problem, part, care, share) for part in _batches(problem, sets)]
    return Judged(*(np.concatenate([getattr(one, name) for one in parts]) for name in Judged.__dataclass_fields__))


def _batches(problem: Problem, sets: Sequence[TrainingSet]) -> list[Sequence[TrainingSet]]:
    """Sets whose moments fit into memory together; what is fitted one by one, or as one population, all at once."""
    facts = problem.facts()
    if math.isinf(facts.fold_work):
        return [sets]
    cells = MOMENTS / (8.0 * max(1, len(facts.columns)) ** 2)
    each = max(1, int(cells / (2 * len(sets[0].pairs))))
    return [sets[start : start + each] for start in range(0, len(sets), each)]


@dataclass(eq=False)
class _Asked:
    """Losses (t, F, L) of a split at ascending decays; none is asked for twice, and infinite decay is among them."""

    problem: Problem
    care: Care
    pairs: Pairs

    def __post_init__(self) -> None:
        folds = from_splits(self.pairs, self.problem.facts().n_given, f"{len(self.pairs)} training sets")
        self.split = self.problem.split(folds)
        self.decays = np.zeros(0)
        self.loss = np.zeros((1, len(self.pairs), 0))
        self.weight = np.zeros(len(self.pairs))

    def ask(self, decays: Array) -> None:
        """Losses at some more decays."""
        new = np.setdiff1d(decays, self.decays)
        if not new.size:
            return
        # Every model there is at infinite decay: a question may hold decays at which no fold has one.
        asked = np.union1d(new, [np.inf])
        held_out: HeldOut = self.split.held_out(asked, self.care.scorer)
        fresh = np.stack([one.loss for one in held_out.targets or (held_out,)])
        keep = ~np.isin(asked, self.decays)
        known = self.loss if self.decays.size else np.zeros((*fresh.shape[:2], 0))
        every = np.concatenate([self.decays, asked[keep]])
        order = np.argsort(every)
        self.loss = np.concatenate([known, fresh[:, :, keep]], axis=2)[:, :, order]
        self.decays, self.weight = every[order], held_out.weight

    def at(self, decay: float) -> Array:
        """Losses (t, F) at one decay, nan where there is no model."""
        found = self.loss[:, :, int(np.searchsorted(self.decays, decay))]
        return np.where(np.isfinite(found), found, np.nan)


def _judged(problem: Problem, sets: Sequence[TrainingSet], care: Care, share: float) -> Judged:
    """The same of sets that are factorised together."""
    ends = np.cumsum([0, *(len(one.pairs) for one in sets)])
    asked = _Asked(problem, care, tuple(pair for one in sets for pair in one.pairs))
    inner = [np.arange(start + 1, stop) for start, stop in pairwise(ends.tolist())]
    choices = _searched(asked, inner, share)
    outer, m = ends[:-1], np.arange(len(sets))
    at_choice = np.array(
        [
            [asked.at(decay)[target, row] if decay == decay else math.nan for target, decay in enumerate(own)]
            for row, own in zip(outer, choices, strict=True)
        ]
    )
    none = asked.at(0.0)[:, outer].mean(axis=0)
    lacking, least = ~np.isfinite(none), np.zeros(len(sets))
    if lacking.any():
        stand_in = float(problem.candidates()[0] * share)
        asked.ask(np.array([stand_in]))
        none[lacking] = asked.at(stand_in)[:, outer].mean(axis=0)[lacking]
        least[lacking] = stand_in / share
    return Judged(
        none=none,
        tuned=at_choice.mean(axis=1),
        constant=asked.at(math.inf)[:, outer].mean(axis=0),
        decays=choices[m] / share,
        weight=asked.weight[outer],
        least=least,
    )


def _searched(asked: _Asked, inner: Sequence[Index], share: float) -> Array:
    """Decays (m, t) that the inner folds choose: among those given, or on a lattice refined where they are."""
    if asked.care.given is not None:
        given = np.unique(asked.care.given) * share
        asked.ask(np.union1d(given, [0.0, np.inf]))
        return _choices(asked, inner, given)
    # The spectrum of some rows is that of all rows to their share.
    shift = round(FINE * math.log10(share))
    points = np.round(FINE * np.log10(asked.problem.candidates())).astype(np.int64) + shift
    facts = asked.problem.facts()
    low, high = points[0] - (0 if one_by_one(facts) else BELOW * FINE), points[-1] + ABOVE * FINE
    rounds, near = (0 if math.isinf(facts.fold_work) else ROUNDS), STEP // 2
    if rounds and one_by_one(facts):
        points, near = points[::-1][: 2 * FIRST : 2][::-1], STEP
    while True:
        every = np.concatenate([[0.0], decays_at(points), [np.inf]])
        asked.ask(every)
        found = _choices(asked, inner, every)
        wanted = _about(found, points, near)
        new = np.setdiff1d(wanted[(wanted >= low) & (wanted <= high)], points)
        if not new.size or rounds == 0:
            return found
        points, rounds = np.union1d(points, new), rounds - 1


def _about(choices: Array, points: NDArray[np.int64], near: int) -> NDArray[np.int64]:
    """Lattice points near to either side of every choice, and a decade beyond an end that is one."""
    finite = choices[(choices > 0) & np.isfinite(choices)]
    at = np.unique(np.round(FINE * np.log10(finite)).astype(np.int64))
    wanted = [at - near, at + near]
    for end, way in ((points[0], -1), (points[-1], 1)):
        if end in at:
            wanted.append(end + way * STEP * np.arange(1, 3))
    return np.concatenate(wanted)


def _choices(asked: _Asked, inner: Sequence[Index], decays: Array) -> Array:
    """What the inner folds of every set choose among some decays, for every target."""
    at = np.searchsorted(asked.decays, decays)
    return np.array(
        [
            [chosen(asked.care, decays, loss[np.ix_(folds, at)], asked.weight[folds])[0] for loss in asked.loss]
            for folds in inner
        ]
    )
