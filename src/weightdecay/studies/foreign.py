"""Foreign estimators: any scikit-learn estimator or Pipeline whose penalty has a known unit, cloned and refitted.

The fall-back of `tune`: F × L honest fits instead of shared work, and ``status`` says so. Every fold keeps the prior
precision Λ = λ·Σs of the full data, converted to the estimator's own parameter.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.metrics import log_loss, mean_squared_error
from sklearn.pipeline import Pipeline
from sklearn.utils import indexable
from sklearn.utils import _safe_indexing as take
from sklearn.utils.validation import _num_samples

from weightdecay.decay.units import convert
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.protocol import Facts, Problem, Scorer, Split
from weightdecay.tuning.selection import from_folds

Array = NDArray[np.float64]

# Class name of a final step -> its penalty's parameter and the convention of its unit.
PENALTIES: Mapping[str, tuple[str, str]] = {
    "Ridge": ("alpha", "sklearn.Ridge.alpha"),
    "Lasso": ("alpha", "sklearn.Lasso.alpha"),
    "ElasticNet": ("alpha", "sklearn.ElasticNet.alpha"),
    "LogisticRegression": ("C", "sklearn.LogisticRegression.C"),
    "PoissonRegressor": ("alpha", "sklearn.PoissonRegressor.alpha"),
    "SGDClassifier": ("alpha", "sklearn.SGDClassifier.alpha"),
    "SGDRegressor": ("alpha", "sklearn.SGDRegressor.alpha"),
}


@dataclass(frozen=True, eq=False)
class ForeignFitter:
    """Opens problems on behalf of an estimator that knows nothing of them."""

    estimator: Any

    def open(self, X: Any, y: Any, sample_weight: Any = None) -> Problem:
        """Find the penalty; the estimator validates the data itself."""
        final = self.estimator.steps[-1][1] if isinstance(self.estimator, Pipeline) else self.estimator
        kind = type(final).__name__
        if kind not in PENALTIES:
            raise ValueError(
                f"{kind} has no penalty that wd.tune knows; give wd.LinearRegression(), or one of "
                f"{', '.join(PENALTIES)}, alone or at the end of a Pipeline"
            )
        X, y, sample_weight = indexable(X, np.asarray(y), sample_weight)
        weight = None if sample_weight is None else np.asarray(sample_weight, dtype=np.float64)
        return ForeignProblem(self.estimator, final, X, y, weight)


@dataclass(frozen=True, eq=False)
class ForeignProblem:
    """Data and an estimator that is refitted for every question."""

    template: Any
    final: Any
    X: Any
    y: NDArray[Any]
    weight: Array | None

    @cached_property
    def classifies(self) -> bool:
        """Whether the estimator is a classifier."""
        return bool(is_classifier(self.template))

    @cached_property
    def s(self) -> Array:
        """Sample weights."""
        return np.ones(len(self.y)) if self.weight is None else self.weight

    def facts(self) -> Facts:
        """What is known of the data."""
        names = getattr(self.X, "columns", None)
        width = self.X.shape[1] if hasattr(self.X, "shape") else len(self.X[0])
        return Facts(
            n_given=_num_samples(self.X),
            n_rows=int(np.count_nonzero(self.s)),
            weight_sum=float(self.s.sum()),
            y_std=math.nan if self.classifies or self.y.ndim > 1 else float(np.std(self.y)),
            n_targets=1,
            columns=tuple(map(str, names if names is not None else [f"x{j}" for j in range(width)])),
            model_name=type(self.final).__name__,
            standardize=False,
            loss_name="log-loss" if self.classifies else "mean squared error",
            references=(("no decay", 0.0), ("sklearn alpha=1", 1.0 / float(self.s.sum()))),
        )

    def natural_cv(self) -> int:
        """Five folds: every fold costs a fit per decay."""
        return 5

    def candidates(self) -> Array:
        """Half-decade lattice for columns of about unit variance."""
        return np.asarray(10.0 ** (np.arange(-10, 5) / 2.0))

    def at(self, decay: float, rows: NDArray[np.intp]) -> Any:
        """The estimator fitted on some rows at the prior precision that λ means on all rows."""
        weight = None if self.weight is None else self.weight[rows]
        X, y = take(self.X, rows), self.y[rows]
        if math.isinf(decay):
            dummy = DummyClassifier(strategy="prior") if self.classifies else DummyRegressor()
            return dummy.fit(X, y, weight)
        return self._with(decay * self.s.sum() / self.s[rows].sum(), self.s[rows].sum()).fit(
            X, y, **self._weights(weight)
        )

    def _with(self, decay: float, weight_sum: float) -> Any:
        """A clone whose own parameter has the strength λ on data of a weight sum."""
        parameter, convention = PENALTIES[type(self.final).__name__]
        ratio = float(getattr(self.final, "l1_ratio", 0.0) or 0.0) if "ElasticNet" in convention else 0.0
        ratio = 1.0 if "Lasso" in convention else ratio
        facts = {"weight_sum": float(weight_sum), "n_samples": float(weight_sum)}
        value = convert(decay, "decay", convention, l1_ratio=ratio, **facts)
        prefix = f"{self.template.steps[-1][0]}__" if isinstance(self.template, Pipeline) else ""
        return clone(self.template).set_params(**{prefix + parameter: value})

    def _weights(self, weight: Array | None) -> dict[str, Array]:
        """Sample weights for every step that takes them."""
        if weight is None:
            return {}
        if not isinstance(self.template, Pipeline):
            return {"sample_weight": weight}
        from sklearn.utils.validation import has_fit_parameter

        steps = [name for name, step in self.template.steps if has_fit_parameter(step, "sample_weight")]
        return {f"{name}__sample_weight": weight for name in steps}

    def loss(self, model: Any, rows: NDArray[np.intp], scoring: Scorer | None) -> float:
        """Held-out loss of one model."""
        X, y = take(self.X, rows), self.y[rows]
        weight = None if self.weight is None else self.weight[rows]
        if scoring is not None:
            return -float(scoring(model, X, y, **({} if weight is None else {"sample_weight": weight})))
        if self.classifies:
            return float(log_loss(y, model.predict_proba(X), sample_weight=weight, labels=model.classes_))
        return float(mean_squared_error(y, model.predict(X), sample_weight=weight))

    def split(self, folds: Folds) -> Split:
        """Nothing to factorise."""
        if folds.leave_one_out:
            n = len(self.y)
            pairs = [(np.delete(np.arange(n), row), np.array([row])) for row in range(n)]
            return ForeignSplit(self, pairs, np.zeros(n, dtype=np.intp))
        return ForeignSplit(self, list(folds.splits()), folds.repeat)

    def path(self, decays: Array) -> DecayPath:
        """Refits on all rows; coefficients of the final step."""
        everything = np.arange(len(self.y))
        fits = [self.at(float(one), everything) for one in decays]
        finals = [one.steps[-1][1] if isinstance(one, Pipeline) else one for one in fits]
        size = next((np.size(one.coef_) for one in finals if not isinstance(one, DummyClassifier | DummyRegressor)), 0)
        dummy = (DummyClassifier, DummyRegressor)
        coef = np.array([np.zeros(size) if isinstance(one, dummy) else np.ravel(one.coef_) for one in finals])
        intercept = np.array([0.0 if isinstance(one, dummy) else np.ravel(one.intercept_)[0] for one in finals])
        loss = np.array([self.loss(one, everything, None) for one in fits])
        unknown = np.full(len(decays), np.nan)
        return DecayPath(np.asarray(decays), coef, intercept, unknown, loss, ("refitted",) * len(decays))

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """None: they need the inside of the fit."""
        return {}

    def estimator(self, decay: float | Array) -> Any:
        """The estimator on all rows."""
        return self._with(float(np.max(decay)), float(self.s.sum())).fit(self.X, self.y, **self._weights(self.weight))

    def findings(self) -> tuple[Finding, ...]:
        """None: what is seen of the data depends on the estimator."""
        return ()


@dataclass(frozen=True, eq=False)
class ForeignSplit:
    """Folds of a foreign estimator: a refit for every fold and decay."""

    problem: ForeignProblem
    pairs: list[tuple[NDArray[np.intp], NDArray[np.intp]]]
    repeat: NDArray[np.intp]

    def held_out(self, decays: Array, scoring: Scorer | None = None) -> HeldOut:
        """Held-out losses by honest refits."""
        decays = np.asarray(decays, dtype=np.float64)
        loss = np.array(
            [
                [self.problem.loss(self.problem.at(float(one), train), test, scoring) for one in decays]
                for train, test in self.pairs
            ]
        )
        weight = np.array([1.0 if scoring is not None else self.problem.s[test].sum() for _, test in self.pairs])
        status = np.full(loss.shape, "refitted", dtype="<U24")
        return from_folds(decays, loss, weight, self.repeat, status)
