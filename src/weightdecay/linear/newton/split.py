"""Split: all folds of a Newton problem, their courses solved together, and what they say of held-out rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.newton.courses import Course
from weightdecay.linear.newton.passes import predictors
from weightdecay.linear.newton.solved import Solved
from weightdecay.linear.workers import in_order
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
# Products of a Hessian from which courses are solved side by side.
SIDE_BY_SIDE = 5e7
UNFINISHED = "not converged"
NOWHERE = "no minimum"


@final
@dataclass(frozen=True, eq=False)
class NewtonSplit:
    """The folds of a plan, as courses."""

    problem: NewtonProblem
    folds: Folds

    @cached_property
    def different(self) -> tuple[Folds, list[list[int]]]:
        """A plan of the different training sets, each tested on all rows that its folds are, and who these folds are.

        Nested folds leave f and g out twice, tested on f and on g: it is one training set.
        """
        made, asked, start = [], [], 0
        for partition in self.folds.partitions:
            sets: dict[tuple[int, ...], list[int]] = {}
            for place, train in enumerate(partition.train):
                sets.setdefault(train, []).append(place)
            test = tuple(tuple(sorted({one for f in mine for one in partition.test[f]})) for mine in sets.values())
            made.append(replace(partition, train=tuple(sets), test=test))
            asked += [[start + f for f in mine] for mine in sets.values()]
            start += len(partition.train)
        if len(asked) == start:
            return self.folds, asked
        # No fold is a single hold-out of its own where others share its training set.
        repeat = np.zeros(len(asked), dtype=np.intp)
        return replace(self.folds, partitions=tuple(made), repeat=repeat), asked

    @cached_property
    def courses(self) -> Sequence[Course]:
        """Training sets that are solved together."""
        return self.problem.courses(self.different[0])

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
        for course, solved in zip(self.courses, self._solved(decays), strict=True):
            self.problem.remember(course)
            for member, number in enumerate(course.folds):
                if number < 0:
                    continue
                members, folds = course.paths.members, self.different[1][number]
                status[folds] = _statuses(solved, member)
                if scoring is not None:
                    loss[folds] = self._scores(course, member, (decays, solved), (scoring, folds))
                elif F == 1:
                    rows, of_rows = self._row_losses(course, member, solved)
                    weight[folds] = members.test_weight[member]
                elif len(folds) == 1:
                    loss[folds] = [one.test_loss[member] for one in solved]
                    loss[folds] *= self.problem.loss.reported / members.test_weight[member]
                    weight[folds] = members.test_weight[member]
                else:
                    each, of_each = self._row_losses(course, member, solved)
                    for fold, mine in zip(folds, self._apart(course, member, folds), strict=True):
                        weight[fold] = of_each[mine].sum()
                        loss[fold] = of_each[mine] @ each[mine] / weight[fold]
        if scoring is None and F == 1:
            return from_rows(decays, rows, of_rows, status, among)
        return from_folds(decays, loss, weight, self.folds.repeat, status, among=among)

    def _solved(self, decays: Array) -> Iterator[list[Solved]]:
        """The models of every course: large ones side by side, since one has seldom enough rows for two threads."""
        shape = self.courses[0].paths.shape
        products = float(self.courses[0].paths.data.n) * (shape[0] * shape[1]) ** 2
        apart = products >= SIDE_BY_SIDE and len(self.courses) > 1
        rows = sum(one.paths.data.n for one in self.courses) if apart else 0
        yield from in_order(lambda course: course.paths.solve(decays), self.courses, rows)

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

    def _apart(self, course: Course, member: int, folds: Sequence[int]) -> Sequence[NDArray[np.bool_]]:
        """Which of a member's test rows (m,) belong to each of its folds."""
        rows = course.rows[course.test_rows(member)]
        return [np.isin(rows, self._tests[fold]) for fold in folds]

    @cached_property
    def _tests(self) -> Sequence[Index]:
        """Test rows of every fold."""
        return [test for _, test in self.folds.splits()]

    def _scores(
        self, course: Course, member: int, models: tuple[Array, Sequence[Solved]], asked: tuple[Scorer, Sequence[int]]
    ) -> Array:
        """−score (m, L) of some folds of a member, each decay scored once."""
        decays, solved = models
        scoring, folds = asked
        known = self._scored.setdefault(id(scoring), (scoring, {}))[1]
        new = [place for place, decay in enumerate(decays.tolist()) if (folds[0], decay) not in known]
        if new:
            mean = self.problem.loss.mean
            parts = self.predicted(course, member, [solved[place] for place in new])
            found = np.concatenate([mean(eta) for _, eta in parts])
            there = np.isfinite(found).all(axis=(0, 2))
            rows = course.rows[course.test_rows(member)]
            for fold, mine in zip(folds, self._apart(course, member, folds), strict=True):
                losses = np.full(len(new), np.nan)
                losses[there] = self.problem.scored(scoring, rows[mine], found[mine][:, there])
                known.update(((fold, float(decays[place])), loss) for place, loss in zip(new, losses, strict=True))
        return np.array([[known[fold, decay] for decay in decays.tolist()] for fold in folds])

    @cached_property
    def _scored(self) -> dict[int, tuple[Scorer, dict[tuple[int, float], Array]]]:
        """Scorers, and scores by fold and decay."""
        return {}


def _statuses(solved: Sequence[Solved], member: int) -> list[str]:
    """How the models of a member came about, in a word."""
    return [
        UNFINISHED if not one.converged[member] else NOWHERE if np.isnan(one.V[member]).any() else "newton"
        for one in solved
    ]
