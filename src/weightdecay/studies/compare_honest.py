"""Honest losses: every fold judged by models whose settings were chosen without it.

Nested, they are chosen by models of all rows but two folds, so that the fold has no part in anything. Where that would
take too many fits they are chosen by the other folds of the same cross-validation: each of their models has learned
from the fold, which is judged by one that has not.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.held_out import weighted_mean
from weightdecay.studies.compare_forms import Form
from weightdecay.studies.compare_search import Care, Losses, chosen
from weightdecay.tuning.folds import Folds, Index
from weightdecay.tuning.nested import thinned
from weightdecay.tuning.nested_folds import NestedFolds
from weightdecay.tuning.protocol import Problem

Array = NDArray[np.float64]


@dataclass(eq=False)
class Searched:
    """A setting whose decays were searched.

    Parameters
    ----------
    problem : Problem
    losses : Losses
        On the folds of the plan.
    grid : ndarray of shape (L,)
        λ that it may have, ascending, 0 and inf among them where they are models of the form.
    least : float
        λ that stands for no decay: 0, or the least decay tried that has a model.
    seconds : float
    """

    problem: Problem
    losses: Losses
    grid: Array
    least: float = 0.0
    seconds: float = math.nan

    def of(self, form: Form) -> Array:
        """The decays that a form may have."""
        return {"tuned": self.grid, "none": np.array([self.least]), "infinite": np.array([np.inf])}[form.decays]


@dataclass(frozen=True, eq=False)
class Honest:
    """Of one form: losses (m,) of the folds, and the decays (m,) and settings (m,) that were chosen without them."""

    loss: Array
    decays: Array
    settings: Index


@dataclass(frozen=True, eq=False)
class Known:
    """Losses of one setting: of every fold f (m, L), and of the folds that choose for it a matrix (…, L) for each."""

    decays: Array
    outer: Array
    inner: Sequence[Array]
    inner_weight: Sequence[Array]


def judged(form: Form, known: Sequence[Known | None], settings: Sequence[Searched], care: Care) -> Honest:
    """Choose, for every fold, among all settings and decays of a form by the folds that may choose."""
    mine = [number for number in form.settings if known[number] is not None]
    first = known[mine[0]]
    assert first is not None
    m = len(first.outer)
    loss, decays, picked = np.full(m, np.nan), np.full(m, np.nan), np.zeros(m, dtype=np.intp)
    for f in range(m):
        least = math.inf
        for number in mine:
            one = known[number]
            assert one is not None
            at = np.flatnonzero(np.isin(one.decays, settings[number].of(form)))
            single = len(at) == 1 and len(mine) == 1
            decay, mean = chosen(care, one.decays[at], one.inner[f][:, at], one.inner_weight[f])
            if single:  # nothing to choose
                decay, mean = float(one.decays[at[0]]), -math.inf
            if mean < least:
                least = mean
                picked[f], decays[f] = number, decay
                loss[f] = one.outer[f, int(np.flatnonzero(one.decays == decay)[0])]
    return Honest(loss, decays, picked)


def by_other_folds(setting: Searched, extra: Array, folds: Folds) -> Known:
    """Losses on the folds of a plan, each judged by what the others of its repetition choose."""
    decays = np.union1d(setting.grid, extra)
    loss, weight = setting.losses.at(decays), setting.losses.weight
    inner = []
    for f, repetition in enumerate(folds.repeat):
        others = np.flatnonzero((folds.repeat == repetition) & (np.arange(len(folds.repeat)) != f))
        inner.append(others if len(others) else np.array([f]))
    return Known(decays, loss, [loss[one] for one in inner], [weight[one] for one in inner])


def nested(setting: Searched, extra: Array, losses: Losses, folds: NestedFolds, care: Care) -> tuple[Known, Array]:
    """Losses of a setting on nested folds, and the weights (m,) of the outer ones.

    Folds are asked about what the search leaves plausible, then about the neighbours of whatever one of them chooses,
    until every choice is better than both of its neighbours.
    """
    grid = thinned(setting.grid)
    wanted = _with_neighbours(_plausible(setting, grid)) if len(grid) else np.zeros(0, dtype=bool)
    while True:
        asked = grid[wanted]
        every = np.union1d(asked, extra)
        loss = losses.at(every)
        pairs = list(zip(folds.apart(loss), folds.apart(losses.weight), strict=True))
        at = np.searchsorted(every, asked)
        choices = [
            chosen(care, asked, inner[f][:, at], weight[f])[0]
            for (_, inner), (_, weight) in pairs
            for f in range(len(inner) if len(asked) else 0)
        ]
        more = wanted | _with_neighbours(np.isin(grid, choices))
        if (more == wanted).all():
            break
        wanted = more
    outer = np.concatenate([one for (one, _), _ in pairs])
    inner_losses = [each for (_, inner), _ in pairs for each in inner]
    inner_weights = [each for _, (_, weight) in pairs for each in weight]
    weight = np.concatenate([one for _, (one, _) in pairs])
    return Known(every, outer, inner_losses, inner_weights), weight


def _with_neighbours(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Places on a grid, and those beside them."""
    found = mask.copy()
    found[1:] |= mask[:-1]
    found[:-1] |= mask[1:]
    return found


def _plausible(setting: Searched, grid: Array) -> NDArray[np.bool_]:
    """Where on a grid the paired difference to the best is within one standard error, on the folds of the plan."""
    loss, weight = setting.losses.at(grid), setting.losses.weight
    mean = weighted_mean(loss, weight)
    mean = np.where(np.isfinite(mean), mean, np.inf)
    best = int(mean.argmin())
    apart = loss - loss[:, [best]]
    with np.errstate(invalid="ignore"):
        spread = np.sqrt(weighted_mean((apart - (mean - mean[best])) ** 2, weight) / max(1, len(weight) - 1))
    near = (mean - mean[best]) <= np.nan_to_num(spread)
    near[best] = True
    return np.asarray(near)
