"""Shells: what estimators of the Newton engine share: fitting at a decay, or at one that is tuned first."""

from __future__ import annotations

from numbers import Real
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone

from weightdecay.linear.newton.descent import descend
from weightdecay.linear.newton.problem import NewtonProblem
from weightdecay.records.history import History
from weightdecay.records.tuning import Tuning
from weightdecay.records.tuning_html import with_answer
from weightdecay.tuning.group_search import tuned_weights
from weightdecay.tuning.request import Request, tune_request

Array = NDArray[np.float64]


class NewtonShell(BaseEstimator):  # type: ignore[misc]
    """An estimator whose problem is solved by Newton's method; subclasses open it and predict."""

    def open(self, X: Any, y: Any, sample_weight: Any = None) -> NewtonProblem:
        """Validate the data and open them."""
        raise NotImplementedError

    def request(self) -> Request:
        """What this estimator asks of a search for its decay.

        Returns
        -------
        Request
        """
        return Request(self.decays, self.cv, self.rule, self.tolerance, self.scoring, self.random_state)

    def fitted(self, problem: NewtonProblem, decay: float | Array) -> Any:
        """A clone at a decay, fitted to a problem that this estimator opened; what a search hands back.

        Parameters
        ----------
        problem : NewtonProblem
        decay : float
            λ.

        Returns
        -------
        estimator
        """
        twin = clone(self).set_params(decay=float(decay))
        for name in ("n_features_in_", "feature_names_in_", "classes_"):
            if name in vars(self):
                setattr(twin, name, getattr(self, name))
        twin.tuning_ = None
        return twin._solve(problem, float(decay))

    def _fit(self, X: Any, y: Any, sample_weight: Any, groups: Any) -> Any:
        """Tune the decay, if it is to be tuned, and fit."""
        decay = self._fixed_decay()
        opened = self.open(X, y, sample_weight)
        self.tuning_: Tuning | None = None
        problem, request = tuned_weights(opened, self.request(), groups=groups, y=y)
        if decay is None:
            self.tuning_ = tune_request(problem, request, groups=groups, y=y)
            decay = self.tuning_.decay
        return self._solve(problem, decay)

    def _solve(self, problem: NewtonProblem, decay: float) -> Any:
        """Set what is fitted."""
        self.history_: History | None = None
        if self.solver == "gradient_descent":
            self.history_, solution = descend(problem, decay, self)
        else:
            solution = problem.solution(decay)
        single = not problem.classes
        self.coef_ = solution.coef[0] if single else solution.coef
        self.intercept_ = float(solution.intercept[0]) if single else solution.intercept
        self.decay_ = float(decay)
        self.decay_weights_ = problem.decay_weights.copy()
        self.status_ = solution.status
        self.n_iter_ = max(1, solution.steps)
        return self

    def _fixed_decay(self) -> float | None:
        """The decay given, None for "auto"."""
        if isinstance(self.decay, str):
            if self.decay == "auto":
                return None
            raise ValueError(f"decay={self.decay!r} is not known; give 'auto' or a number of at least 0")
        if not isinstance(self.decay, Real) or not float(self.decay) >= 0.0:
            raise ValueError(
                f"decay={self.decay!r}: expected 'auto' or a number of at least 0; wd.convert turns other tools' units "
                "into λ"
            )
        return float(self.decay)

    def _html_repr(self) -> str:
        """scikit-learn's diagram and below it, where the decay was tuned, the verdict and the curve."""
        return with_answer(super()._html_repr(), vars(self).get("tuning_"))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags
