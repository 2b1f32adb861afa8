"""Request: what a search is asked for, before there are data."""

from __future__ import annotations

import math
from dataclasses import dataclass
from numbers import Real
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
    """The arguments of a search: those of `tune`, or the estimator's own.

    ``cv`` may also be `Folds`, already planned.
    """

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
    tolerance = request.tolerance
    if not isinstance(tolerance, Real) or not 0 <= tolerance < math.inf:
        raise ValueError(f"tolerance={tolerance!r}: expected a share of at least 0, such as 0.01")
    choice = Choice(
        decays=None if request.decays is None else np.unique(strengths(request.decays)),
        rule=request.rule,
        tolerance=float(tolerance),
        scorer=as_scorer(request.scoring, len(facts.classes)),
        scoring=scoring_name(request.scoring, facts.loss_name, len(facts.classes)),
        progress=progress or Silent(),
    )
    folds = folds_of(problem, request, groups, y)
    if choice.scorer is not None and folds.leave_one_out and isinstance(choice.rule, str) and choice.rule == "1se":
        raise ValueError(
            "rule='1se' needs a standard error, which a scorer does not give under leave-one-out; give cv=5, or "
            "rule='min'"
        )
    return tune_problem(problem, folds, choice)


def folds_of(problem: Problem, request: Request, groups: Any, y: Any) -> Folds:
    """The folds that a request means for a problem: "auto" asks the problem, unless groups are given."""
    cv = request.cv
    if cv is None or (isinstance(cv, str) and cv == "auto"):
        cv = GROUP_FOLDS if groups is not None else problem.natural_cv()
    facts = problem.facts()
    return plan(
        cv,
        facts.n_given,
        y=y,
        groups=groups,
        strata=facts.strata,
        random_state=request.random_state,
        positive=facts.positive,
    )


def strengths(decays: Any) -> NDArray[np.float64]:
    """Decays that were given, as an array (L,) in their order."""
    if isinstance(decays, str):
        raise ValueError(f"decays={decays!r}: expected numbers of at least 0, or None for a grid that the data span")
    try:
        values = np.atleast_1d(np.asarray(decays, dtype=np.float64))
    except (TypeError, ValueError, OverflowError):
        values = np.zeros(0)
    if values.size == 0 or not (values >= 0).all():
        raise ValueError(
            f"decays={decays!r}: expected numbers of at least 0; wd.convert turns other tools' units into λ"
        )
    if values.ndim > 1:
        raise ValueError(
            f"decays has shape {values.shape}, expected (L,): one list of numbers, which all targets and settings share"
        )
    return values
