"""The verb: held-out losses of a problem over a grid of decays that brackets its best, and the choice."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.held_out import HeldOut
from weightdecay.records.tuning import Reference, Tuning
from weightdecay.tuning.curve_findings import curve_findings
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.progress import Progress, Silent
from weightdecay.tuning.protocol import Facts, Problem, Scorer, Split
from weightdecay.tuning.selection import Rule, choose, connected, one_standard_error, smallest

Array = NDArray[np.float64]

COARSE_PER_DECADE = 2  # the lattice of `Problem.candidates`
FINE_PER_DECADE = 16  # the lattice around the minimum
EXTENSION = 2.0  # decades added at an edge
MAX_EXTENSIONS = 12
SAME = 1e-6  # relative difference at which an edge has reached its limit, no decay or infinite decay


@dataclass(frozen=True)
class Choice:
    """How to choose: the arguments of `tune` that do not touch the data.

    Parameters
    ----------
    decays : ndarray of shape (L,) or None
        Used as they are; None lets the data and the search decide.
    rule : str or callable
    tolerance : float
        Relative tolerance of the window.
    scorer : scikit-learn scorer or None
    scoring : str
        The metric in words.
    progress : Progress
    """

    decays: Array | None
    rule: Rule
    tolerance: float
    scorer: Scorer | None
    scoring: str
    progress: Progress = Silent()


def tune_problem(problem: Problem, folds: Folds, choice: Choice) -> Tuning:
    """Tune the decay of an opened problem over a plan of folds.

    Every call of ``Split.held_out`` serves all folds and many decays from one factorisation; the last one covers the
    union of all decays, so that paired errors refer to the final best.
    """
    facts = problem.facts()
    choice.progress.start(3, "factorising the folds")
    try:
        split = problem.split(folds)
        choice.progress.advance("searching the decays")
        if choice.decays is None:
            grid = _searched(split, problem.candidates(), choice)
        else:
            grid = np.unique(choice.decays)
        choice.progress.advance(f"{len(grid)} decays, {folds.text}")
        names = (*facts.references, ("infinite decay", math.inf))
        everything = np.unique(np.concatenate([grid, [value for _, value in names]]))
        held_out = split.held_out(everything, choice.scorer)
        tuning = _record(_Evaluated(held_out, grid, names), facts, folds, choice, problem)
        choice.progress.advance(f"best decay {tuning.decay:.3g}")
    finally:
        choice.progress.finish()
    return tuning


def _searched(split: Split, lattice: Array, choice: Choice) -> Array:
    """A grid that brackets every target's minimum: the coarse lattice, extended at its edges, refined around minima."""
    first = split.held_out(np.concatenate([[0.0], lattice, [math.inf]]), choice.scorer)
    curves = _curves(first)
    limits = curves[:, [0, -1]]
    curves = curves[:, 1:-1]
    for _ in range(MAX_EXTENSIONS):
        new = _extension(lattice, curves, limits)
        if new.size == 0:
            break
        order = np.argsort(np.concatenate([lattice, new]))
        curves = np.concatenate([curves, _curves(split.held_out(new, choice.scorer))], axis=1)[:, order]
        lattice = np.concatenate([lattice, new])[order]
    best = np.unique([smallest(lattice, curve) for curve in curves])
    ends = [0.0] if (limits[:, 0] < curves.min(axis=1) * (1 - np.sign(curves.min(axis=1)) * 1e-10)).any() else []
    return np.unique(np.concatenate([ends, lattice, _refinement(lattice[best])]))


def _curves(held_out: HeldOut) -> Array:
    """The mean loss of every target, or of the whole when there is one, shape (t, L)."""
    return np.stack([one.mean for one in held_out.targets or (held_out,)])


def _extension(lattice: Array, curves: Array, limits: Array) -> Array:
    """Two more decades beyond an edge where some curve is still falling towards its limit; empty when none is."""
    scale = np.abs(curves).min(axis=1)
    at_low = (curves.argmin(axis=1) == 0) & (np.abs(curves[:, 0] - limits[:, 0]) > SAME * scale)
    at_high = (curves.argmin(axis=1) == curves.shape[1] - 1) & (np.abs(curves[:, -1] - limits[:, 1]) > SAME * scale)
    steps = np.arange(1, int(EXTENSION * COARSE_PER_DECADE) + 1) / COARSE_PER_DECADE
    low, high = math.log10(lattice[0]), math.log10(lattice[-1])
    parts = [10.0 ** (low - steps[::-1])] if at_low.any() and low > -290 else []
    parts += [10.0 ** (high + steps)] if at_high.any() and high < 290 else []
    return np.concatenate([*parts, []])


def _refinement(centres: Array) -> Array:
    """A finer regular lattice, half a decade to either side of each centre."""
    reach = FINE_PER_DECADE // COARSE_PER_DECADE
    fine = [np.round(math.log10(centre) * FINE_PER_DECADE) + np.arange(-reach, reach + 1) for centre in centres]
    # Exponents as integers: the lattice points of the coarse grid come out as the same floats.
    exponents = np.unique(np.concatenate(fine))
    coarse = exponents % (FINE_PER_DECADE // COARSE_PER_DECADE) == 0
    return np.asarray(10.0 ** (exponents[~coarse] / FINE_PER_DECADE), dtype=np.float64)


@dataclass(frozen=True, eq=False)
class _Evaluated:
    """Held-out losses at the grid and at the reference decays, in one array."""

    held_out: HeldOut
    grid: Array
    names: tuple[tuple[str, float], ...]

    def target(self, number: int) -> _Evaluated:
        """The same for one target."""
        return replace(self, held_out=self.held_out.targets[number])

    @cached_property
    def on_grid(self) -> NDArray[np.intp]:
        """Positions of the grid among all decays."""
        return np.searchsorted(self.held_out.decays, self.grid)

    def at(self, decay: float) -> float:
        """Mean loss at one of the decays."""
        return float(self.held_out.mean[np.searchsorted(self.held_out.decays, decay)])


def _record(evaluated: _Evaluated, facts: Facts, folds: Folds, choice: Choice, problem: Problem) -> Tuning:
    """The `Tuning` of what was evaluated, with one inside for every target when there are several."""
    held_out, on_grid = evaluated.held_out, evaluated.on_grid
    targets = tuple(
        replace(_record(evaluated.target(number), facts, folds, choice, problem), later=_TargetLater(problem, number))
        for number in range(len(held_out.targets))
    )
    decays, mean, error = evaluated.grid, held_out.mean[on_grid], held_out.standard_error[on_grid]
    best = smallest(decays, mean)
    paired = _paired(held_out, on_grid)
    decay = choose(choice.rule, decays, mean, error)
    window, plausible = _ranges(evaluated, best, choice, paired)
    tuning = Tuning(
        decays=decays,
        losses=held_out.loss[:, on_grid],
        weight=held_out.weight,
        mean=mean,
        standard_error=error,
        paired=paired[on_grid],
        decay=decay,
        decay_min=float(decays[best]),
        decay_1se=one_standard_error(decays, mean, error),
        window=window,
        plausible=plausible,
        status=held_out.status[:, on_grid],
        rule=choice.rule if isinstance(choice.rule, str) else getattr(choice.rule, "__name__", "a function"),
        cv=folds.text,
        scoring=choice.scoring,
        model_name=facts.model_name,
        tolerance=choice.tolerance,
        standardize=facts.standardize,
        n_rows=facts.n_rows,
        weight_sum=facts.weight_sum,
        y_std=facts.y_std,
        references=tuple(
            Reference(name, value, evaluated.at(value), float(paired[np.searchsorted(held_out.decays, value)]))
            for name, value in evaluated.names
        ),
        columns=facts.columns,
        targets=targets,
    )
    chosen = np.asarray([one.decay for one in targets]) if targets else decay
    return replace(tuning, later=_Later(problem, chosen, choice))


def _paired(held_out: HeldOut, on_grid: NDArray[np.intp]) -> Array:
    """Paired errors; the engine pairs with the best of everything, which is the best of the grid but for reference decays."""
    return held_out.paired


def _ranges(
    evaluated: _Evaluated, best: int, choice: Choice, paired: Array
) -> tuple[tuple[float, float], tuple[float, float]]:
    """Window and plausible range, with no decay and infinite decay deciding beyond the grid."""
    held_out, on_grid = evaluated.held_out, evaluated.on_grid
    mean = held_out.mean
    least = float(mean[on_grid[best]])
    limit = choice.tolerance * (abs(least) if choice.scorer is None else abs(evaluated.at(math.inf) - least))
    outside = np.searchsorted(held_out.decays, [0.0, math.inf])
    far = mean - least - limit
    unsure = mean - least - np.where(np.isfinite(paired), paired, 0.0)
    ends = [(float(one[outside[0]]), float(one[outside[1]])) for one in (far, unsure)]
    window = connected(evaluated.grid, far[on_grid], best, ends[0])
    return window, connected(evaluated.grid, unsure[on_grid], best, ends[1])


@dataclass(frozen=True, eq=False)
class _Later:
    """What a finished `Tuning` may still ask of its problem."""

    problem: Problem
    decay: float | Array
    choice: Choice

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Other criteria, averaged over targets."""
        return {name: values.mean(axis=1) if values.ndim > 1 else values for name, values in self._all(decays).items()}

    def _all(self, decays: Array) -> Mapping[str, Array]:
        return self.problem.opinions(decays)

    def path(self, decays: Array) -> DecayPath:
        """Models at the decays."""
        return self.problem.path(decays)

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """Findings of the data and of the curve, worst first."""
        found = (*self.problem.findings(), *curve_findings(tuning, given=self.choice.decays is not None))
        rank = {"error": 0, "warning": 1, "info": 2}
        return tuple(sorted(found, key=lambda one: (rank[one.severity], one.code)))

    def model(self) -> Any:
        """The estimator at the chosen decay."""
        return self.problem.estimator(self.decay)


@dataclass(frozen=True, eq=False)
class _TargetLater:
    """The same for one of several targets."""

    problem: Problem
    number: int

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Other criteria of this target."""
        return {name: values[:, self.number] for name, values in self.problem.opinions(decays).items()}

    def path(self, decays: Array) -> DecayPath:
        """Models of this target."""
        whole = self.problem.path(decays)
        return replace(
            whole,
            coef=whole.coef[:, self.number],
            intercept=whole.intercept[:, self.number],
            train_loss=whole.train_loss[:, self.number],
        )

    def findings(self, tuning: Tuning) -> tuple[Finding, ...]:
        """Findings of this target's curve; those of the data are in the outer record."""
        return curve_findings(tuning, given=False)

    def model(self) -> Any:
        """There is one model for all targets."""
        raise ValueError("the model of several targets is in the outer Tuning: use tuning.model")


RuleFunction = Callable[[Array, Array, Array], float]
