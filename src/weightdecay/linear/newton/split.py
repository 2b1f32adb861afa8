"""Split: all folds of a Newton problem, their courses solved together, and what they say of held-out rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.newton.courses import Course
from weightdecay.linear.newton.passes import predictors
from weightdecay.linear.newton.solved import Solved
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Scorer
from weightdecay.tuning.selection import from_folds, from_rows

if TYPE_CHECKING:
    from weightdecay.linear.newton.problem import NewtonProblem

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Predictors of held-out rows formed at a time.
PREDICTED = 2**22
UNFINISHED = "not converged"
NOWHERE = "no minimum"


@final
@dataclass(frozen=True, eq=False)
class NewtonSplit:
    """The folds of a plan, as courses."""

    problem: NewtonProblem
    folds: Folds

    @cached_property
    def courses(self) -> Sequence[Course]:
        """Training sets that are solved together."""
        return self.problem.courses(self.folds)

    @property
    def passes(self) -> int:
        """Passes over the rows so far."""
        return sum(one.paths.passes for one in self.courses)

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out loss (or −score) of every fold and decay."""
        decays = np.asarray(decays, dtype=np.float64)
        F, L = len(self.folds.repeat), len(decays)
        loss, weight = np.full((F, L), np.nan), np.ones(F)
        status = np.full((F, L), "newton", dtype="<U24")
        rows: Array = np.zeros((0, L))
        of_rows = np.zeros(0)
        for course in self.courses:
            solved = course.paths.solve(decays)
            self.problem.remember(course)
            for member, fold in enumerate(course.folds):
                if fold < 0:
                    continue
                members = course.paths.members
                weight[fold] = members.test_weight[member] if scoring is None else 1.0
                status[fold] = _statuses(solved, member)
                if scoring is not None:
                    loss[fold] = self._scores(course, member, solved, scoring)
                elif F == 1:
                    rows, of_rows = self._row_losses(course, member, solved)
                else:
                    loss[fold] = [one.test_loss[member] for one in solved]
                    loss[fold] *= self.problem.loss.reported / members.test_weight[member]
        if scoring is None and F == 1:
            return from_rows(decays, rows, of_rows, status, among)
        return from_folds(decays, loss, weight, self.folds.repeat, status, among=among)

    def _row_losses(self, course: Course, member: int, solved: Sequence[Solved]) -> tuple[Array, Array]:
        """Losses (m, L) of the test rows of a fold, and their weights."""
        data, rows = course.paths.data, course.test_rows(member)
        found = np.empty((len(rows), len(solved)))
        for part, eta in self.predicted(course, member, solved):
            found[part] = data.loss.value(data.target[rows[part]], eta) * self.problem.loss.reported
        return found, data.s[rows]

    def predicted(self, course: Course, member: int, solved: Sequence[Solved]) -> Sequence[tuple[slice, Array]]:
        """Linear predictors (m, L, c) of the test rows of a fold, block by block."""
        rows = course.test_rows(member)
        V = np.stack([one.V[member] for one in solved])
        which = np.full(len(solved), member)
        size = max(1, PREDICTED // max(1, V.shape[0] * V.shape[1]))
        parts = [slice(start, min(start + size, len(rows))) for start in range(0, len(rows), size)]
        paths = course.paths
        return [(part, predictors(paths.data, paths.members, V, which, rows[part])) for part in parts]

    def _scores(self, course: Course, member: int, solved: Sequence[Solved], scoring: Scorer) -> Array:
        """−score (L,) of a fold."""
        mean = self.problem.loss.mean
        found = np.concatenate([mean(eta) for _, eta in self.predicted(course, member, solved)])
        known = np.isfinite(found).all(axis=(0, 2))
        losses = np.full(len(solved), np.nan)
        rows = course.rows[course.test_rows(member)]
        losses[known] = self.problem.scored(scoring, rows, found[:, known])
        return losses


def _statuses(solved: Sequence[Solved], member: int) -> list[str]:
    """How the models of a member came about, in a word."""
    return [
        UNFINISHED if not one.converged[member] else NOWHERE if np.isnan(one.V[member]).any() else "newton"
        for one in solved
    ]
