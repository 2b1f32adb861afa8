"""Nested cross-validation: the loss of the tuned model, each fold left out of everything, the choice of a decay too.

For an outer fold f the decay is chosen by the losses of the inner folds g ≠ f, from models of all cells but f and g,
and its model of all cells but f is tried on f. For an inner fold g it is chosen by the other inner folds, so that the
loss on g is not one that was minimised. `Intervals` has the formulas.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from weightdecay.records.held_out import HeldOut, weighted_mean
from weightdecay.records.intervals import Intervals
from weightdecay.records.tuning import Tuning
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.nested_folds import NestedFolds, nested_folds
from weightdecay.tuning.nested_search import first_asked, next_asked, one_by_one
from weightdecay.tuning.protocol import Problem, Scorer, Split
from weightdecay.tuning.selection import Rule, choose, standard_error

Array = NDArray[np.float64]
Choices = tuple[Array, Array]

LEVEL = 0.95
WITHOUT = "no nested cross-validation: "


def thinned(decays: Array, least: float = 0.25) -> Array:
    """Of ascending decays as many as are so many decades apart, with 0 and inf: what folds choose need not be finer."""
    kept: list[float] = []
    for one in decays.tolist():
        if 0.0 < one < math.inf and kept and kept[-1] > 0.0 and math.log10(one / kept[-1]) < least - 1e-9:
            continue
        kept.append(one)
    return np.array(kept)


class _RefusedError(Exception):
    """These folds or rows give no nested losses."""


@dataclass(frozen=True, eq=False)
class Choosing:
    """How a decay was chosen, for it to be chosen again within folds.

    Parameters
    ----------
    grid : ndarray of shape (L,)
        λ, ascending: some of those of the tuning.
    rule : str or callable
    scorer : Scorer or None
    """

    grid: Array
    rule: Rule
    scorer: Scorer | None

    def within(self, decays: Array, loss: Array, weight: Array) -> float:
        """The decay that some folds' losses (m, L) choose."""
        mean = weighted_mean(loss, weight)
        # The least loss needs no errors.
        error = mean if self.rule == "min" else standard_error(loss, weight, np.zeros(len(weight), dtype=np.intp))
        try:
            return choose(self.rule, decays, mean, error)
        except ValueError as refused:
            raise _RefusedError(f"within a fold no decay can be chosen ({refused})") from refused

    def without(self, decays: Array, inner: Array, weight: Array) -> Choices:
        """Decays (F,) chosen by the inner folds (F, F − 1, L) of each outer one, and (F, F − 1) by all but one."""
        F, m, _ = inner.shape
        chosen, without = np.empty(F), np.empty((F, m))
        for f in range(F):
            chosen[f] = self.within(decays, inner[f], weight[f])
            for g in range(m):
                others = np.arange(m) != g
                without[f, g] = self.within(decays, inner[f, others], weight[f, others])
        return chosen, without


@dataclass(frozen=True, eq=False)
class Repetition:
    """Losses of F folds at the decays that were chosen without them.

    Parameters
    ----------
    weight : ndarray of shape (F,)
    outer : ndarray of shape (F,)
        Of fold f, by the model of all others.
    inner : ndarray of shape (F,)
        What cross-validation within all others foretells for it.
    """

    weight: Array
    outer: Array
    inner: Array

    @property
    def mean(self) -> float:
        """Mean loss on the folds left out."""
        return float(weighted_mean(self.outer, self.weight))

    @property
    def foretold(self) -> float:
        """Mean loss of models without two folds: fold g is part of what is foretold for every other."""
        return float(weighted_mean(self.inner, self.weight.sum() - self.weight))

    @property
    def scatter(self) -> float:
        """SE² of the mean, by the spread between folds."""
        return float(
            standard_error(self.outer[:, None], self.weight, np.zeros(len(self.weight), dtype=np.intp))[0] ** 2
        )

    @property
    def error(self) -> float:
        """Mean squared error of a cross-validated loss, of all rows; of few folds it may come out negative."""
        F = len(self.weight)
        apart = float(weighted_mean((self.inner - self.outer) ** 2, self.weight))
        return (1.0 - 1.0 / F) * (apart - F * self.scatter)


class Nested:
    """Nested losses of a problem, computed once for all its targets."""

    def __init__(self, problem: Problem, folds: Folds, choosing: Choosing) -> None:
        self._problem, self._given, self._choosing = problem, folds, choosing
        self._known: list[HeldOut] = []

    @cached_property
    def _folds(self) -> NestedFolds | str:
        facts = self._problem.facts()
        if facts.grouping is not None and not facts.grouping.alike:
            return "the strengths of groups of columns were tuned on all rows, so that no fold was left out of that"
        return nested_folds(self._given, facts)

    @cached_property
    def _split(self) -> Split:
        """All nested folds; that the data were changed is an error, and no property of them."""
        assert isinstance(self._folds, NestedFolds)
        return self._problem.split(self._folds.folds)

    def _losses(self, decays: Array, number: int | None) -> tuple[Array, Array]:
        """Of all nested folds at some decays, (m, L), and their weights (m,); no decay is asked about twice."""
        known = np.concatenate([np.zeros(0), *(one.decays for one in self._known)])
        new = np.setdiff1d(decays, known)
        if new.size:
            split = self._split
            try:
                # Among decays that may all have no finite loss is one that has.
                self._known.append(split.held_out(np.union1d(new, self._finite()), self._choosing.scorer))
            except ValueError as refused:
                raise _RefusedError(str(refused)) from refused
        each = [_of_target(one, number) for one in self._known]
        asked, first = np.unique(np.concatenate([one.decays for one in each]), return_index=True)
        loss = np.concatenate([one.loss for one in each], axis=1)[:, first]
        return loss[:, np.searchsorted(asked, decays)], each[0].weight

    def _finite(self) -> Array:
        """One of the known decays at which all losses are finite, where some are known."""
        found = [one.decays[np.isfinite(one.loss).all(axis=0)] for one in self._known]
        return np.concatenate([np.zeros(0), *found])[:1]

    def intervals(self, tuning: Tuning, number: int | None = None) -> Intervals:
        """Those of a tuning, which is of one of several targets where a number is given."""
        found = _fold_wise(tuning, self._given)
        if isinstance(self._folds, str):
            return Intervals(**found, note=f"{WITHOUT}{self._folds}")
        try:
            repetitions, chosen = self._repetitions(self._folds, tuning, number)
        except _RefusedError as refused:
            return Intervals(**found, note=f"{WITHOUT}{refused}")
        finally:
            vars(self).pop("_split", None)  # what was factorised is let go
        rows = _in_use(tuning, tuning.standard_error) if self._given.leave_one_out else math.nan
        nested = _nested(repetitions, tuning, rows)
        return Intervals(**found, **nested, nested_decays=chosen, nested_folds=self._folds.text)

    def _searched(self, folds: NestedFolds, tuning: Tuning, number: int | None) -> tuple[Array, list[Choices]]:
        """The decays that were asked about, ascending, and what each repetition chooses among them."""
        grid, one = self._choosing.grid, self._choosing
        # A rule of the user's own may look at any decay; the others look at the least loss, and at what they choose.
        all_at_once = callable(one.rule) or not one_by_one(self._problem.facts())
        readings = (one,) if one.rule == "min" or all_at_once else (one, replace(one, rule="min"))
        asked = grid if all_at_once else first_asked(grid, tuning)
        while True:
            loss, weight = self._losses(asked, number)
            pairs = list(zip(folds.apart(loss), folds.apart(weight), strict=True))
            read = [[way.without(asked, inner, of) for (_, inner), (_, of) in pairs] for way in readings]
            every = [chosen for choices in read for pair in choices for chosen in pair]
            more = asked if all_at_once else next_asked(grid, asked, every)
            if len(more) == len(asked):
                return asked, read[0]
            asked = more

    def _repetitions(self, folds: NestedFolds, tuning: Tuning, number: int | None) -> tuple[list[Repetition], Array]:
        """The losses at the decays that were chosen without each fold, and these decays."""
        asked, choices = self._searched(folds, tuning, number)
        # A rule of the user's own may choose between those of the grid.
        asked = np.union1d(asked, np.concatenate([np.ravel(one) for pair in choices for one in pair]))
        loss, weights = self._losses(asked, number)
        found = []
        for losses, weight, chosen in zip(folds.apart(loss), folds.apart(weights), choices, strict=True):
            outer, inner = (
                np.take_along_axis(loss, np.searchsorted(asked, at)[..., None], axis=-1)[..., 0]
                for loss, at in zip(losses, chosen, strict=True)
            )
            if not (np.isfinite(outer).all() and np.isfinite(inner).all()):
                raise _RefusedError("some of its losses are not finite")
            found.append(Repetition(weight[0], outer, (weight[1] * inner).sum(axis=1) / weight[1].sum(axis=1)))
        return found, np.concatenate([outer for outer, _ in choices])


def _of_target(held_out: HeldOut, number: int | None) -> HeldOut:
    """Of one of several targets where a number is given."""
    return held_out if number is None else held_out.targets[number]


def _in_use(tuning: Tuning, values: Array) -> float:
    """One of the values (L,): at the decay in use; nan where a rule has chosen it beside the grid."""
    at = np.flatnonzero(tuning.decays == tuning.decay)
    return float(values[at[0]]) if len(at) else math.nan


def _fold_wise(tuning: Tuning, folds: Folds) -> dict[str, Any]:
    """The loss at the decay in use and its fold-wise interval."""
    loss, error = _in_use(tuning, tuning.mean), _in_use(tuning, tuning.standard_error)
    if folds.leave_one_out:
        count = tuning.n_rows
    elif len(folds.repeat) == 1:
        count = sum(len(test) for _, test in folds.splits())
    else:
        count = int(np.bincount(folds.repeat).min())
    reach = _quantile(count - 1) * error
    return {
        "decay": tuning.decay,
        "loss": loss,
        "fold_wise": _cut(tuning, loss, loss - reach, loss + reach),
        "n_folds": count,
    }


def _nested(repetitions: list[Repetition], tuning: Tuning, rows: float) -> dict[str, Any]:
    """The nested interval, of what repetitions find on average, given the standard error by rows (nan if unknown)."""
    F = float(np.mean([len(one.weight) for one in repetitions]))
    loss, foretold, scatter, square = (
        float(np.mean([getattr(one, name) for one in repetitions])) for name in ("mean", "foretold", "scatter", "error")
    )
    middle = loss - (1.0 - 2.0 / F) * max(0.0, foretold - loss)
    least = max(scatter, rows**2) if math.isfinite(rows) else scatter
    error = math.sqrt(min(max(square, least), F * least))
    free = min(len(repetitions) * (F - 1.0), tuning.n_rows - 1.0)
    reach = _quantile(free) * error
    return {"nested_loss": middle, "nested": _cut(tuning, middle, middle - reach, middle + reach)}


def _quantile(free: float) -> float:
    """Of Student's distribution with so many degrees of freedom."""
    return float(student.ppf(0.5 + LEVEL / 2, free)) if free >= 1 else math.nan


def _cut(tuning: Tuning, loss: float, low: float, high: float) -> tuple[float, float]:
    """An interval without what no loss can be."""
    return (max(low, 0.0) if loss >= 0 and not tuning.larger_is_better else low), high
