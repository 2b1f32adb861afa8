"""Data of a study opened once: the rows, the problem of all of them, and with what care decays are chosen."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.studies import raw_tables
from weightdecay.studies.compare_search import Care
from weightdecay.studies.fitters import fitter_of
from weightdecay.tuning.folds import natural_count, plan
from weightdecay.tuning.group_search import wants_strengths
from weightdecay.tuning.nested_search import one_by_one
from weightdecay.tuning.protocol import Facts, Fitter, Problem
from weightdecay.tuning.request import strengths
from weightdecay.tuning.scoring import as_scorer, scoring_name

Array = NDArray[np.float64]
Index = NDArray[np.intp]

LEAST_ROWS = 10
# Inner folds, and how many where decays are minimised one by one.
INNER, FEW = 5, 3
OUTER = 5


@dataclass(frozen=True, eq=False)
class Opened:
    """What a study works on.

    Parameters
    ----------
    rows : Given
    estimator, data : object
        The estimator as it takes the data, and these: X as given, or encoded.
    fitter : Fitter
    problem : Problem
        Of all rows.
    care : Care
    scoring : str
        The metric in words.
    """

    rows: raw_tables.Given
    estimator: Any
    data: Any
    fitter: Fitter
    problem: Problem
    care: Care
    scoring: str

    @property
    def facts(self) -> Facts:
        """Of the problem."""
        return self.problem.facts()

    @property
    def encoded(self) -> bool:
        """Whether the estimator takes an encoded table, rather than a raw one with an encoder of its own."""
        return self.rows.encoded is not None and self.data is self.rows.encoded

    @property
    def used(self) -> Index:
        """Rows with positive weight."""
        positive = self.facts.positive
        return np.arange(self.facts.n_given) if positive is None else np.flatnonzero(positive)

    @property
    def strata(self) -> NDArray[Any] | None:
        """Classes (n,), None where numbers are predicted."""
        return self.facts.strata

    @property
    def groups(self) -> NDArray[Any] | None:
        """Groups (n,) of rows that stay together."""
        return None if self.rows.groups is None else np.asarray(self.rows.groups)

    @property
    def weight(self) -> Array:
        """Sample weights (n,)."""
        given = self.rows.sample_weight
        return np.ones(self.facts.n_given) if given is None else np.asarray(given, dtype=np.float64)

    @property
    def one_by_one(self) -> bool:
        """Whether every decay of every training set is minimised, fitted or trained apart, so that sets are dear."""
        return one_by_one(self.facts) or math.isinf(self.facts.fold_work)

    @property
    def inner_folds(self) -> int:
        """How many choose a decay within a training set."""
        return FEW if self.one_by_one else INNER

    def folds(self, rows: Index, count: int, seed: int) -> list[tuple[Index, Index]]:
        """Training and test rows of some rows: by whole groups, evenly by class."""
        strata = None if self.strata is None else self.strata[rows]
        groups = None if self.groups is None else self.groups[rows]
        k = max(2, min(count, len(rows)))
        if strata is not None and groups is None:
            k = natural_count(strata, k)
        found = plan(k, len(rows), strata=strata, groups=groups, random_state=seed)
        return [(rows[train], rows[test]) for train, test in found.splits()]


def opened(estimator: Any, X: Any, y: Any, *, what: str, text: Sequence[str] = (), **given: Any) -> Opened:
    """Open data for a study.

    Parameters
    ----------
    estimator, X, y
        As `tune` takes them.
    what : str
        The study in words, for sentences.
    text : sequence of str
        Columns of prose.
    **given
        ``groups`` and ``sample_weight`` of `tune`, and ``decays``, ``rule`` and ``scoring``, None for the estimator's.

    Raises
    ------
    ValueError
        For data that the study makes no sense of; the sentence says why.
    """
    rows = raw_tables.given(X, y, given.pop("sample_weight", None), given.pop("groups", None), text, estimator)
    if rows.table is not None and rows.table.times is not None:
        raise ValueError(
            f"the table has times, and {what} deals rows out at random; read it without a time column, or give table.X "
            "and table.y"
        )
    own, data = rows.of(estimator)
    fitter, request = fitter_of(own)
    problem = fitter.open(data, rows.y, rows.sample_weight)
    if wants_strengths(problem):
        raise ValueError(
            f"decay_groups tunes a strength for every group of columns, and {what} tunes one for all; leave "
            "decay_groups out"
        )
    request = replace(request, **{name: value for name, value in given.items() if value is not None})
    facts = problem.facts()
    if facts.n_rows < LEAST_ROWS:
        raise ValueError(f"{what} needs at least {LEAST_ROWS} rows, got {facts.n_rows}; give more rows")
    if not facts.classes and facts.y_std and max(facts.y_std) == 0:
        raise ValueError(f"the target is the same number in all rows, of which {what} can tell nothing; give another")
    classes = len(facts.classes)
    decays = None if request.decays is None else np.unique(strengths(request.decays))
    care = Care(decays, request.rule, float(request.tolerance), as_scorer(request.scoring, classes))
    return Opened(rows, own, data, fitter, problem, care, scoring_name(request.scoring, facts.loss_name, classes))


def seed_of(random_state: Any) -> int:
    """A whole number that random draws begin with, 0 for None.

    Raises
    ------
    ValueError
        It is no such number.
    """
    if random_state is None:
        return 0
    if isinstance(random_state, bool) or not isinstance(random_state, int | np.integer) or random_state < 0:
        raise ValueError(f"random_state={random_state!r}: expected an int of at least 0, or None")
    return int(random_state)


def check_count(name: str, value: Any, least: int) -> int:
    """A whole number of at least so much.

    Raises
    ------
    ValueError
        It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < least:
        raise ValueError(f"{name}={value!r}: expected a whole number of at least {least}")
    return int(value)
