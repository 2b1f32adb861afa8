"""What the functions of `wd.why` begin with: the data, opened for an estimator, and the decay tuned on them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.base import clone

from weightdecay.records.encoding import Encoded
from weightdecay.records.tuning import Tuning
from weightdecay.studies import raw_tables
from weightdecay.studies.fitters import fitter_of
from weightdecay.studies.penalties import last_step
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Problem
from weightdecay.tuning.request import Request, folds_of, tune_request

Array = NDArray[np.float64]

# Folds where leave-one-out has no short-cut.
FEW = 5


@dataclass(frozen=True, eq=False)
class Opened:
    """Data opened for an estimator.

    Parameters
    ----------
    rows : Given
    estimator : estimator
        What opens them, and stays as it is.
    data : array-like
        What it opens, the design of an encoded table.
    problem : Problem
    request : Request
        Its own, by its own loss.
    weight : ndarray of shape (n,)
        Of the rows, with mean 1 over those that have some.
    """

    rows: raw_tables.Given
    estimator: Any
    data: Any
    problem: Problem
    request: Request
    weight: Array

    @property
    def used(self) -> NDArray[np.bool_]:
        """Rows with weight, (n,)."""
        return self.weight > 0

    @property
    def columns(self) -> Any:
        """The columns that the estimator sees, (n, p), dense or sparse."""
        return columns_of(self.data)

    def again(self, y: Any, **parameters: Any) -> Problem:
        """The same columns and weights with another target, and some parameters of the estimator changed."""
        estimator = clone(self.estimator).set_params(**parameters) if parameters else self.estimator
        return fitter_of(estimator)[0].open(self.data, y, self.rows.sample_weight)

    def folds(self, *, exact: Callable[[Problem], bool]) -> Folds:
        """The estimator's folds; leave-one-out only for a problem that has a short-cut to it."""
        folds = folds_of(self.problem, self.request, self.rows.groups, self.rows.y)
        if not folds.leave_one_out or exact(self.problem):
            return folds
        few = replace(self.request, cv=min(FEW, self.problem.facts().n_rows))
        return folds_of(self.problem, few, self.rows.groups, self.rows.y)

    def tuned(self, folds: Folds) -> Tuning:
        """The decay of least held-out loss among the estimator's own, or looked for where the data point."""
        request = replace(self.request, cv=folds, rule="min")
        found = tune_request(self.problem, request, groups=self.rows.groups, y=self.rows.y)
        return self.rows.told(found, self.estimator)


def opened(
    estimator: Any,
    X: Any,
    y: Any,
    name: str,
    *,
    cv: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    text: Sequence[str] = (),
) -> Opened:
    """Open the data for a function of `wd.why`.

    Raises
    ------
    ValueError
        The estimator has groups of columns, there are several targets, or the target does not vary.
    """
    rows = raw_tables.given(X, y, sample_weight, groups, text, estimator)
    final, _ = last_step(estimator)
    if getattr(final, "decay_groups", None) is not None:
        raise ValueError(
            f"wd.why.{name} looks at one decay for all columns, and decay_groups tunes one for each group; give "
            "decay_weights=tuning.model.decay_weights_ of a wd.tune with the groups instead"
        )
    own, data = rows.of(estimator)
    fitter, request = fitter_of(own)
    problem = fitter.open(data, rows.y, rows.sample_weight)
    facts = problem.facts()
    if facts.n_targets > 1:
        raise ValueError(
            f"wd.why.{name} looks at one target, and y has {facts.n_targets}; give one of its columns at a time"
        )
    given = {} if cv is None else {"cv": cv}
    request = replace(request, scoring=None, **given)
    request = replace(request, cv=rows.folds(request.cv))
    n = facts.n_given
    weight = np.ones(n) if rows.sample_weight is None else np.broadcast_to(np.asarray(rows.sample_weight, float), (n,))
    weight = weight * (np.count_nonzero(weight) / weight.sum())
    if not facts.classes and np.ptp(np.asarray(rows.y, dtype=np.float64).ravel()[weight > 0]) == 0:
        raise ValueError(
            f"y is the same in all rows, so that wd.why.{name} has no error to look at; give another target"
        )
    return Opened(rows, own, data, problem, request, weight)


def columns_of(data: Any) -> Any:
    """A table of numbers as an array or sparse matrix of shape (n, p)."""
    data = data.matrix if isinstance(data, Encoded) else data
    return data.tocsr() if sparse.issparse(data) else np.asarray(data, dtype=np.float64)


def evenly(decays: Array, most: int, *always: float) -> Array:
    """At most so many of ascending positive decays, evenly in log λ if they allow, and some that must be among them."""
    inside = decays[(decays > 0) & np.isfinite(decays)]
    if len(inside) > most:
        logarithm = np.log(inside)
        wanted = np.linspace(logarithm[0], logarithm[-1], most)
        inside = inside[np.unique(np.abs(logarithm - wanted[:, None]).argmin(axis=1))]
    return np.union1d(inside, np.array(always))
