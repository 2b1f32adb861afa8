"""Request: what a search is asked for, before there are data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.tuning import Tuning
from weightdecay.tuning.folds import Folds, plan
from weightdecay.tuning.progress import Progress, Silent
from weightdecay.tuning.protocol import Problem
from weightdecay.tuning.search import Choice, tune_problem

GROUP_FOLDS = 5


@dataclass(frozen=True)
class Request:
    """The arguments of a search: those of `tune`, or the estimator's own."""

    decays: Any = None
    cv: Any = "auto"
    rule: Any = "min"
    tolerance: float = 0.01
    scoring: Any = None
    random_state: Any = None


def tune_request(
    problem: Problem, request: Request, *, groups: Any = None, y: Any = None, progress: Progress | None = None
) -> Tuning:
    """Tune an opened problem as requested."""
    from weightdecay.tuning.scoring import as_scorer, scoring_name

    facts = problem.facts()
    choice = Choice(
        decays=_decays(request.decays),
        rule=request.rule,
        tolerance=request.tolerance,
        scorer=as_scorer(request.scoring),
        scoring=scoring_name(request.scoring, facts.loss_name),
        progress=progress or Silent(),
    )
    return tune_problem(problem, folds_of(problem, request, groups, y), choice)


def folds_of(problem: Problem, request: Request, groups: Any, y: Any) -> Folds:
    """The folds that a request means for a problem: "auto" asks the problem, unless groups are given."""
    cv = request.cv
    if cv is None or (isinstance(cv, str) and cv == "auto"):
        cv = GROUP_FOLDS if groups is not None else problem.natural_cv()
    facts = problem.facts()
    return plan(cv, facts.n_given, y=y, groups=groups, strata=facts.strata, random_state=request.random_state)


def _decays(decays: Any) -> NDArray[np.float64] | None:
    """Decays as an ascending array."""
    if decays is None:
        return None
    values = np.unique(np.asarray(decays, dtype=np.float64))
    if values.size == 0 or not (values >= 0).all():
        raise ValueError(
            f"decays={decays!r}: expected numbers of at least 0; wd.convert turns other tools' units into λ"
        )
    return values
