"""A Newton problem whose groups of columns want strengths of their own: which folds and which loss tune them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.fold_maps import fold_maps
from weightdecay.linear.group_problem import check_l1
from weightdecay.linear.newton.courses import FOLD_TOL, SHARED, direct
from weightdecay.linear.newton.factors import FORMED
from weightdecay.linear.newton.group_courses import CourseGroups, HeldOutSums
from weightdecay.linear.newton.group_rows import kernel_groups
from weightdecay.linear.spectrum import EPS
from weightdecay.records.grouping import Grouping
from weightdecay.tuning.folds import Folds, natural_count, plan
from weightdecay.tuning.group_search import ColumnGroups, GroupLoss, box

if TYPE_CHECKING:
    from weightdecay.linear.newton.problem import NewtonProblem

Array = NDArray[np.float64]

# Folds that strengths are tuned on where the curve is by leave-one-out.
FOLDS = 10
# A Hessian stays positive definite where λ_g is at least so many times the rounding error of its diagonal.
SAFE = 16.0
# Nats between the decays, from large to small, at which models are found before the first evaluation.
RUNG = 2.5
# What of a problem does not depend on its decay weights, and may be known already.
OF_ROWS = ("data", "offset", "wide")


class Part(Protocol):
    """Some of the folds of a plan."""

    passes: int

    def sizes(self, n_groups: int) -> tuple[Array, Array]:
        """Mean and largest eigenvalue, roughly, of each group's own matrix, each (F, G)."""
        ...

    def held_out(self, log_decays: Array) -> HeldOutSums:
        """Losses of the folds, and their slopes."""
        ...

    def visit(self, log_decays: Array) -> None:
        """Find the models, for others to start from."""
        ...


def check_groups(problem: NewtonProblem, estimator: Any) -> None:
    """Refuse groups where their strengths cannot be tuned.

    Raises
    ------
    ValueError
        Where there is an L1 part, and for so many coefficients that Hessians are not formed.
    """
    check_l1(estimator)
    rows, c = problem.rows, problem.loss.outputs
    if c * rows.p > FORMED and not by_rows(problem):
        count = f"{rows.p:,} columns" + (f" and {c} classes" if c > 1 else "")
        raise ValueError(
            f"decay_groups is not available for {count} in {rows.n_positive:,} rows, whose {c * rows.p:,} coefficients "
            f"are more than the {FORMED:,} that second derivatives are formed of; give decay_weights, or fewer columns"
        )


def by_rows(problem: NewtonProblem) -> bool:
    """Whether models are sought as sums of rows, through a kernel per group: any number of columns is one then."""
    rows, exempt = problem.rows, int(np.count_nonzero(problem.design.decay_weights == 0))
    return rows.n_positive < rows.p and problem.loss.outputs * (rows.n + exempt) <= FORMED


def group_folds(problem: NewtonProblem, folds: Folds) -> Folds:
    """The folds of the curve, but 10 folds, evenly by class, for leave-one-out."""
    if not folds.leave_one_out:
        return folds
    facts, most = problem.facts(), FOLDS
    if facts.strata is not None:
        used = slice(None) if facts.positive is None else facts.positive
        most = natural_count(facts.strata[used], FOLDS)
    return plan(min(most, facts.n_rows), facts.n_given, strata=facts.strata, positive=facts.positive)


def group_loss(problem: NewtonProblem, groups: ColumnGroups, folds: Folds) -> GroupLoss:
    """The mean held-out loss as a function of the groups' log decays; classes share them."""
    problem.check_folds(folds)
    asked, maps, start = problem.asked(FOLD_TOL), fold_maps(problem.rows, folds), 0
    count = np.bincount(groups.label[groups.label >= 0], minlength=len(groups.names)).astype(np.float64)
    if by_rows(problem):
        pairs = [(train, test) for train, test in folds.splits()]
        return NewtonGroups(problem, kernel_groups(problem.wide, pairs, asked, maps, groups.label), count)
    parts: list[Part] = []
    apart = problem.rows.n_positive < SHARED * problem.loss.outputs * problem.rows.p
    for partition in folds.partitions:
        mine = maps[start : start + len(partition.train)]
        course = direct(problem.data, partition, start, asked, mine)
        parts.append(CourseGroups(course, groups.label, apart))
        start += len(partition.train)
    return NewtonGroups(problem, parts, count)


@final
@dataclass(frozen=True, eq=False)
class NewtonGroups:
    """The mean held-out loss over the folds of a plan.

    Parameters
    ----------
    problem : NewtonProblem
    each : sequence of Part
        The folds, in order.
    count : ndarray of shape (G,)
        Decayed columns of the groups.
    """

    problem: NewtonProblem
    each: Sequence[Part]
    count: Array

    @property
    def passes(self) -> int:
        """Passes over the rows so far."""
        return sum(one.passes for one in self.each)

    @cached_property
    def bounds(self) -> tuple[Array, Array]:
        """Log decays between which the loss changes; models are found from the upper ones down to the lower ones."""
        with self.problem.working(), np.errstate(over="ignore", invalid="ignore"):
            found = [one.sizes(len(self.count)) for one in self.each]
            mean, most = (np.concatenate([one[at] for one in found]).max(axis=0) for at in (0, 1))
            low, high = box(mean, self.count)
            least = SAFE * EPS * len(self.problem.columns) * most
            low = np.maximum(low, np.log(np.where(least > 0, least, np.exp(low))))
            rungs = max(2, round(float((high - low).max()) / RUNG))
            for share in np.linspace(1.0, 0.0, rungs):
                for one in self.each:
                    one.visit(low + share * (high - low))
        return low, high

    def value_and_gradient(self, log_decays: Array) -> tuple[float, Array]:
        """The mean over folds, and its slope in the log decays."""
        loss, slope, weight = self._all(log_decays)
        scale = self.problem.loss.reported / weight.sum()
        return float(loss.sum() * scale), np.asarray(slope.sum(axis=0) * scale)

    def parts(self, log_decays: Array) -> tuple[Array, Array]:
        """Of every fold."""
        loss, _, weight = self._all(log_decays)
        return loss * (self.problem.loss.reported / weight), weight

    def _all(self, log_decays: Array) -> tuple[Array, Array, Array]:
        """Sums of all folds."""
        with self.problem.working(), np.errstate(over="ignore", invalid="ignore"):
            found = [one.held_out(log_decays) for one in self.each]
        loss, slope, weight = ([getattr(one, name) for one in found] for name in ("loss", "slope", "weight"))
        return np.concatenate(loss), np.concatenate(slope), np.concatenate(weight)


def weighted(problem: NewtonProblem, decay_weights: Array, grouping: Grouping) -> NewtonProblem:
    """The same rows with other decay weights (p,), given for the caller's columns; what was read of them is kept."""
    weights, exponent = problem.scaling.decay_weights(decay_weights, problem.design.standardize)
    if exponent:
        raise ValueError(
            "the groups' strengths are so far apart that no decay serves them all; bring the columns to one unit"
        )
    # Other tools decay all columns alike.
    alike = problem.references if grouping.alike else tuple(one for one in problem.references if one[1] == 0)
    twin = replace(
        problem,
        design=replace(problem.design, decay_weights=weights),
        references=alike,
        decay_weights=decay_weights,
        column_groups=None,
        grouping=grouping,
    )
    vars(twin).update({name: value for name, value in vars(problem).items() if name in OF_ROWS})
    return twin
