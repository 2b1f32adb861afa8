"""Penalties of foreign estimators: where their parameter is, what unit it has, and what infinite decay leaves.

The estimator is cloned for every fit. At infinite decay nothing but the intercept is left, so a constant model stands
in, which every estimator would approach and few accept as a number.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import ConvergenceWarning
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from weightdecay.decay.units import convert

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
class Penalised:
    """An estimator or Pipeline, and the final step that holds the penalty."""

    template: Any
    final: Any

    @property
    def kind(self) -> str:
        """Class name of the final step."""
        return type(self.final).__name__

    @property
    def l1_ratio(self) -> float:
        """The share of L1, where the estimator has one."""
        return 1.0 if self.kind == "Lasso" else float(getattr(self.final, "l1_ratio", 0.0) or 0.0)

    def loss_name(self, classifies: bool) -> str:
        """The loss in words."""
        if classifies:
            return "log-loss"
        return "Poisson deviance" if self.kind == "PoissonRegressor" else "mean squared error"

    def default(self, weight_sum: float, rows: int) -> tuple[str, float]:
        """What the parameter is by default, in words and as λ."""
        parameter, convention = PENALTIES[self.kind]
        value = float(type(self.final)().get_params()[parameter])
        return f"sklearn {parameter}={value:g}", self._convert(value, convention, "decay", (weight_sum, rows))

    def class_weights(self, y: NDArray[Any]) -> Array:
        """What ``class_weight`` makes of every row's weight."""
        return np.asarray(compute_sample_weight(getattr(self.final, "class_weight", None), y), dtype=np.float64)

    def fitted(
        self, decay: float, X: Any, y: NDArray[Any], sample_weight: Array | None, loss_weight: Array
    ) -> tuple[Any, bool]:
        """A clone fitted at λ on the scale of these rows, and whether it converged."""
        if math.isinf(decay):
            return self._constant(y).fit(X, y, loss_weight), True
        parameter, convention = PENALTIES[self.kind]
        value = self._convert(decay, "decay", convention, (float(loss_weight.sum()), len(y)))
        model = clone(self.template).set_params(**{self._prefix + parameter: value})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, y, **self._weights(sample_weight))
        late = [one for one in caught if issubclass(one.category, ConvergenceWarning)]
        for one in caught:
            # Solvers also say that they dislike a decay of 0, which is asked for to compare with.
            if one not in late and decay != 0:
                warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        return model, not late

    def coefficients(self, models: Sequence[Any]) -> list[tuple[Array, Array]]:
        """Coefficients (p,) or (k, p) and intercept () or (k,) of every model, constant ones included; nan for None."""
        finals = [one.steps[-1][1] if isinstance(one, Pipeline) else one for one in models]
        apart = [one is None or isinstance(one, DummyClassifier | DummyRegressor) for one in finals]
        known = [None if other else _squeezed(one) for one, other in zip(finals, apart, strict=True)]
        shapes = [one[0].shape for one in known if one is not None]
        if not shapes:
            raise ValueError("decays: none of them gave coefficients; give one that is positive and finite")
        zero = np.zeros(shapes[0])
        missing = (np.full(zero.shape, np.nan), np.full(zero.shape[:-1], np.nan))
        return [
            missing if model is None else one or (zero, self._constant_intercept(model, zero.ndim > 1))
            for model, one in zip(finals, known, strict=True)
        ]

    def final_columns(self, model: Any, columns: tuple[str, ...]) -> tuple[str, ...]:
        """Names of what reaches the final step; none where a step does not tell."""
        if not isinstance(model, Pipeline) or len(model.steps) == 1:
            return columns
        try:
            return tuple(map(str, model[:-1].get_feature_names_out(np.asarray(columns, dtype=object))))
        except (AttributeError, ValueError):
            return ()

    @property
    def _prefix(self) -> str:
        """What set_params wants before the parameter's name."""
        return f"{self.template.steps[-1][0]}__" if isinstance(self.template, Pipeline) else ""

    def _convert(self, value: float, source: str, target: str, sizes: tuple[float, int]) -> float:
        """Between λ and the parameter, at the estimator's own mix, on data of (Σs, n)."""
        return convert(value, source, target, l1_ratio=self.l1_ratio, weight_sum=sizes[0], n_samples=sizes[1])

    def _constant(self, y: NDArray[Any]) -> Any:
        """The model without coefficients: the mean, or the shares of the classes, or nothing without intercept."""
        intercept = bool(getattr(self.final, "fit_intercept", True))
        if is_classifier(self.template):
            return DummyClassifier(strategy="prior" if intercept else "uniform")
        if intercept:
            return DummyRegressor()
        constant = 1.0 if self.kind == "PoissonRegressor" else 0.0
        return DummyRegressor(strategy="constant", constant=np.full(y.shape[1:], constant))

    def _constant_intercept(self, model: Any, many: bool) -> Array:
        """The intercept of a constant model on the estimator's link: log-odds, log-mean or mean."""
        if isinstance(model, DummyClassifier):
            logs = np.log(model.class_prior_)
            return np.asarray(logs - logs.mean() if many else logs[1] - logs[0])
        constant = np.asarray(model.constant_, dtype=np.float64).ravel()
        value = np.log(constant) if self.kind == "PoissonRegressor" else constant
        return np.asarray(value if many else value[0])

    def _weights(self, weight: Array | None) -> dict[str, Array]:
        """Sample weights for every step that takes them."""
        if weight is None:
            return {}
        if not isinstance(self.template, Pipeline):
            return {"sample_weight": weight}
        steps = [name for name, step in self.template.steps if has_fit_parameter(step, "sample_weight")]
        return {f"{name}__sample_weight": weight for name in steps}


def penalised(estimator: Any) -> Penalised:
    """The estimator with its penalty found.

    Raises
    ------
    ValueError
        When the final step has no penalty whose unit is known.
    """
    final = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator
    kind = type(final).__name__
    if kind not in PENALTIES:
        raise ValueError(
            f"{kind} has no penalty that wd.tune knows; give wd.LinearRegression(), or one of "
            f"{', '.join(PENALTIES)}, alone or at the end of a Pipeline"
        )
    return Penalised(estimator, final)


def _squeezed(model: Any) -> tuple[Array, Array]:
    """Coefficients (p,) or (k, p) and intercept () or (k,) of a fitted final step; one row is no axis."""
    coef = np.asarray(model.coef_, dtype=np.float64)
    intercept = np.asarray(model.intercept_, dtype=np.float64)
    if coef.ndim == 2 and len(coef) == 1:
        return coef[0], intercept.reshape(-1)[0]
    return coef, np.broadcast_to(intercept.ravel() if coef.ndim == 2 else intercept.ravel()[0], coef.shape[:-1])
