"""The verb: held-out losses of a problem over a grid of decays that brackets its best, and the choice."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.held_out import HeldOut
from weightdecay.records.shares import share_unit
from weightdecay.records.tuning import Reference, Tuning
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.grid import bests, searched
from weightdecay.tuning.interrupts import Halted, Interrupted, Partial
from weightdecay.tuning.later import OfProblem, OfTarget
from weightdecay.tuning.nested import Choosing, Nested, thinned
from weightdecay.tuning.progress import Progress, Silent, Stepwise
from weightdecay.tuning.protocol import Facts, Problem, Scorer, Split
from weightdecay.tuning.selection import Rule, choose, connected, one_standard_error, paired_excess, smallest

Array = NDArray[np.float64]


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
    progress: Progress = field(default_factory=Silent)


def tune_problem(problem: Problem, folds: Folds, choice: Choice) -> Tuning:
    """Tune the decay of an opened problem over a plan of folds.

    Every call of ``Split.held_out`` serves all folds and many decays from one factorisation; the last one covers all
    decays of the result, so that paired errors refer to the final best.

    Raises
    ------
    Interrupted
        The interrupt key was pressed; it holds the `Tuning` of all decays that were finished.
    """
    facts = problem.facts()
    names = (*facts.references, ("infinite decay", math.inf))
    watch = _Watch()
    try:
        grid, held_out = _asked(problem, folds, choice, watch, np.array([value for _, value in names]))
        tuning = _record(_Evaluated(held_out, grid, names), facts, folds, choice, problem)
        if not isinstance(problem, Stepwise):
            choice.progress.advance(f"best decay {tuning.decay:.3g}")
    except KeyboardInterrupt:
        raise _stopped(watch, names, folds, choice, problem) from None
    finally:
        choice.progress.finish()
    return tuning


def _asked(problem: Problem, folds: Folds, choice: Choice, watch: _Watch, also: Array) -> tuple[Array, HeldOut]:
    """A grid and the held-out losses of it and of some decays beside it; a listener is told how far the work is."""
    told = Silent() if isinstance(problem, Stepwise) else choice.progress
    facts = problem.facts()
    plural = "" if len(facts.columns) == 1 else "s"
    told.start(3, f"tuning on {facts.n_rows:,} rows × {len(facts.columns):,} column{plural}, {folds.text}")
    source: Problem = problem.listening(choice.progress) if isinstance(problem, Stepwise) else problem
    watch.split = source.split(folds)
    told.advance("searching the decays")
    if choice.decays is None:
        grid, held_out = searched(watch, problem.candidates(), also, choice.scorer, choice.tolerance)
    else:
        grid = np.unique(choice.decays)
        held_out = watch.held_out(np.union1d(grid, also), choice.scorer, grid)
    told.advance(f"{len(grid)} decays, {folds.text}")
    return grid, held_out


@dataclass(eq=False)
class _Watch:
    """A split that remembers its last answer, and all that it was asked for."""

    split: Split | None = None
    known: HeldOut | None = None
    asked: Array = field(default_factory=lambda: np.zeros(0))

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out losses; of work that is interrupted those that were finished are remembered."""
        assert self.split is not None  # nobody asks before there is one
        self.asked = np.union1d(self.asked, decays)
        try:
            self.known = self.split.held_out(decays, scoring, among)
        except Halted as halted:
            self.known = halted.held_out or self.known
            raise
        return self.known


def _stopped(
    watch: _Watch, names: tuple[tuple[str, float], ...], folds: Folds, choice: Choice, problem: Problem
) -> Interrupted:
    """What is raised for work that was interrupted: with a `Tuning` where some decay has a loss."""
    held_out, given = watch.known, choice.decays
    asked = len(watch.asked if given is None else given)
    if held_out is None:
        return Interrupted(None, 0, asked)
    done = held_out.decays
    tried = len(done if given is None else np.intersect1d(given, done))
    try:
        inner = done[(done > 0) & np.isfinite(done)]
        grid = np.union1d(inner, bests(held_out)) if given is None else np.intersect1d(given, done)
        known = tuple((name, value) for name, value in names if value in done)
        tuning = _record(_Evaluated(held_out, grid, known), problem.facts(), folds, choice, problem)
    except ValueError:  # no decay has a finite loss, or the rule cannot choose among so few
        return Interrupted(None, tried, asked)
    return Interrupted(replace(tuning, later=Partial(tuning.later, tried, asked)), tried, asked)


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

    def at(self, values: Array, decay: float) -> float:
        """One of the values (L,) of all decays; nan where interrupted work has none."""
        found = values[self.held_out.decays == decay]
        return float(found[0]) if found.size else math.nan

    def references(self) -> tuple[Reference, ...]:
        """What the decays that people use without tuning give."""
        mean, paired = self.held_out.mean, self.held_out.paired
        return tuple(Reference(name, value, self.at(mean, value), self.at(paired, value)) for name, value in self.names)


def _record(evaluated: _Evaluated, facts: Facts, folds: Folds, choice: Choice, problem: Problem) -> Tuning:
    """The `Tuning` of what was evaluated, with one inside for every target when there are several."""
    held_out, on_grid, given = evaluated.held_out, evaluated.on_grid, choice.decays is not None
    each = [
        _record(evaluated.target(number), facts.of_target(number), folds, choice, problem)
        for number in range(len(held_out.targets))
    ]
    own = np.array([one.decay for one in each])
    nested = Nested(problem, folds, Choosing(thinned(evaluated.grid), choice.rule, choice.scorer))
    targets = tuple(
        replace(one, later=OfTarget(problem, number, own, given, folds, nested)) for number, one in enumerate(each)
    )
    decays, mean, error = evaluated.grid, held_out.mean[on_grid], held_out.standard_error[on_grid]
    best = smallest(decays, mean)
    decay = choose(choice.rule, decays, mean, error)
    window, plausible = _ranges(evaluated, best, choice)
    return Tuning(
        decays=decays,
        losses=held_out.loss[:, on_grid],
        weight=held_out.weight,
        mean=mean,
        standard_error=error,
        paired=held_out.paired[on_grid],
        decay=decay,
        decay_min=float(decays[best]),
        decay_1se=one_standard_error(decays, mean, error),
        window=window,
        plausible=plausible,
        status=held_out.status[:, on_grid],
        rule=_name(choice.rule),
        cv=folds.text,
        scoring=choice.scoring,
        model_name=facts.model_name,
        tolerance=choice.tolerance,
        standardize=facts.standardize,
        n_rows=facts.n_rows,
        weight_sum=facts.weight_sum,
        y_std=facts.y_std[0] if len(facts.y_std) == 1 else math.nan,
        target_names=facts.target_names,
        references=evaluated.references(),
        columns=facts.columns,
        classes=facts.classes,
        grouping=facts.grouping,
        l1_ratio=facts.l1_ratio,
        targets=targets,
        later=OfProblem(problem, own if targets else decay, given, folds, nested),
    )


def _name(rule: Rule) -> str:
    """A rule in words."""
    name = rule if isinstance(rule, str) else getattr(rule, "__name__", "<lambda>")
    return "of your own" if name == "<lambda>" else str(name)


def _ranges(evaluated: _Evaluated, best: int, choice: Choice) -> tuple[tuple[float, float], tuple[float, float]]:
    """Window and plausible range, with no decay and infinite decay deciding beyond the grid.

    Without paired errors, which leave-one-out with a scorer has not, nothing is known of what is plausible: (nan, nan).
    """
    held_out, on_grid = evaluated.held_out, evaluated.on_grid
    mean, paired = held_out.mean, held_out.paired
    least = float(mean[on_grid[best]])
    unit = share_unit(least, None if choice.scorer is None else evaluated.at(mean, math.inf))

    def within(excess: Callable[[Array], Array]) -> tuple[float, float]:
        # Beyond decays that were given the loss may be better still, which is as far from the same as if it were worse.
        beyond = excess(np.abs(mean - least))
        ends = evaluated.at(beyond, 0.0), evaluated.at(beyond, math.inf)
        return connected(evaluated.grid, excess(mean - least)[on_grid], best, ends)

    known = np.isfinite(paired)
    window = within(lambda difference: difference - choice.tolerance * unit)
    if not known[on_grid].any():
        return window, (math.nan, math.nan)
    return window, within(lambda difference: paired_excess(difference, np.where(known, paired, 0.0)))
