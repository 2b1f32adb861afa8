"""Findings of data that a Newton problem was opened on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.data_findings import Statistics, data_findings
from weightdecay.linear.design import Design
from weightdecay.linear.dominance import largest_share
from weightdecay.linear.newton.factors import FORMED
from weightdecay.linear.rows import Rows
from weightdecay.records.finding import Finding

if TYPE_CHECKING:
    from weightdecay.linear.newton.problem import NewtonProblem

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Looked:
    """What the findings on columns look at: the rows of a problem, with a 0/1 target for every class."""

    problem: NewtonProblem

    @cached_property
    def rows(self) -> Rows:
        """The data; two classes have one target."""
        rows, k = self.problem.rows, len(self.problem.classes)
        if k < 3:
            return rows
        return replace(rows, Y=np.equal.outer(rows.Y[:, 0], np.arange(k)).astype(np.float64))

    @property
    def design(self) -> Design:
        """What the estimator asks of the columns."""
        return self.problem.design

    @property
    def columns(self) -> tuple[str, ...]:
        """Names."""
        return self.problem.columns

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """Of what column of the table each was made."""
        made = {name: one.name for one in self.problem.plan for name in one.made}
        return tuple(made.get(name, name) for name in self.columns)

    @cached_property
    def dates(self) -> frozenset[str]:
        """Columns of the table that are dates."""
        return frozenset(one.name for one in self.problem.plan if one.kind == "date")

    def triangle(self) -> Array | None:
        """There is none."""
        return None

    @cached_property
    def statistics(self) -> Statistics:
        """Means, deviations and correlations."""
        return Statistics(self.rows)

    @cached_property
    def largest_share(self) -> tuple[int, int, float]:
        """Row, column and share of the largest part of a column's variance in one row."""
        return largest_share(self.rows)


def newton_findings(problem: NewtonProblem) -> tuple[Finding, ...]:
    """Those of the columns, and whether there is a model without decay."""
    return (*data_findings(Looked(problem)), *_separable(problem))


def _separable(problem: NewtonProblem) -> Iterator[Finding]:
    """WD028: classes that a plane tells apart without exception."""
    rows = problem.rows
    if not problem.classes or rows.p >= rows.n_positive or problem.loss.outputs * rows.p > FORMED:
        return  # of so many columns nothing else is to be expected, which WD011 says
    (solved,) = problem.whole.paths.solve(np.zeros(1))
    if np.isnan(solved.V[0]).any():
        yield Finding(
            "WD028",
            "info",
            "the columns tell the classes apart without exception, or almost: without decay there is no best model, "
            "and coefficients grow without end",
            "trust the tuned decay; if a column should not be known beforehand, leave it out and tune again",
        )
