"""Penalties of foreign estimators: where their parameter is, what unit it has, and what infinite decay leaves.

The estimator is cloned for every fit. At infinite decay nothing but the intercept is left, so a constant model stands
in, which every estimator would approach and few accept as a number.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.pipeline import Pipeline
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.validation import has_fit_parameter

from weightdecay.decay.units import convert
from weightdecay.studies.foreign_fits import REFITTED, how_it_went
from weightdecay.studies.foreign_losses import loss_of

Array = NDArray[np.float64]

# Package and class of a final step -> its penalty's parameter and the convention of its unit.
PENALTIES: Mapping[str, tuple[str, str]] = {
    "sklearn.Ridge": ("alpha", "sklearn.Ridge.alpha"),
    "sklearn.RidgeClassifier": ("alpha", "sklearn.RidgeClassifier.alpha"),
    "sklearn.Lasso": ("alpha", "sklearn.Lasso.alpha"),
    "sklearn.ElasticNet": ("alpha", "sklearn.ElasticNet.alpha"),
    "sklearn.LogisticRegression": ("C", "sklearn.LogisticRegression.C"),
    "sklearn.PoissonRegressor": ("alpha", "sklearn.PoissonRegressor.alpha"),
    "sklearn.GammaRegressor": ("alpha", "sklearn.GammaRegressor.alpha"),
    "sklearn.TweedieRegressor": ("alpha", "sklearn.TweedieRegressor.alpha"),
    "sklearn.SGDClassifier": ("alpha", "sklearn.SGDClassifier.alpha"),
    "sklearn.SGDRegressor": ("alpha", "sklearn.SGDRegressor.alpha"),
    "weightdecay.LinearRegression": ("decay", "decay"),
    "weightdecay.LogisticRegression": ("decay", "decay"),
    "weightdecay.PoissonRegression": ("decay", "decay"),
}


@dataclass(frozen=True, eq=False)
class Penalised:
    """An estimator or Pipeline, and the final step that holds the penalty.

    Parameters
    ----------
    template : estimator
    final : estimator
        Its last step, however deep.
    prefix : str
        What ``set_params`` wants before the name of the last step's parameter.
    known : type
        The class of `PENALTIES` that the last step is, or derives from.
    """

    template: Any
    final: Any
    prefix: str
    known: type

    @property
    def kind(self) -> str:
        """Name of the known class."""
        return self.known.__name__

    @property
    def parameter(self) -> str:
        """The penalty's parameter, as ``set_params`` wants it."""
        return self.prefix + PENALTIES[_key(self.known)][0]

    @property
    def ours(self) -> bool:
        """Whether the last step is an estimator of this package, whose parameter is λ itself, infinity included."""
        return self.convention == "decay"

    @property
    def convention(self) -> str:
        """The unit of the parameter."""
        return PENALTIES[_key(self.known)][1]

    @property
    def l1_ratio(self) -> float:
        """The share of L1 that the estimator really has."""
        if self.kind == "Lasso":
            return 1.0
        # A penalty's name decides; "elasticnet", and from scikit-learn 1.8 on leaving the name out, go by the mix.
        name = getattr(self.final, "penalty", None)
        return float(name == "l1") if name in ("l1", "l2") else float(getattr(self.final, "l1_ratio", 0.0) or 0.0)

    @property
    def standardize(self) -> bool:
        """Whether λ acts on columns that the last step standardises inside."""
        return self.ours and bool(self.final.standardize)

    def loss_name(self, classifies: bool) -> str:
        """The loss in words."""
        return "log-loss" if classifies else loss_of(self.final, self.kind).name

    def default(self, weight_sum: float, rows: int) -> tuple[tuple[str, float], ...]:
        """What the parameter is by default, in words and as λ; nothing where that is to be tuned."""
        value = self.known().get_params()[PENALTIES[_key(self.known)][0]]
        if isinstance(value, str):
            return ()
        symbol = self.convention.rpartition(".")[2]
        return ((f"sklearn {symbol}={value:g}", self._convert(value, self.convention, "decay", (weight_sum, rows))),)

    def class_weights(self, y: NDArray[Any]) -> Array:
        """What ``class_weight`` makes of every row's weight."""
        return np.asarray(compute_sample_weight(getattr(self.final, "class_weight", None), y), dtype=np.float64)

    def fitted(
        self, decay: float, X: Any, y: NDArray[Any], sample_weight: Array | None, loss_weight: Array
    ) -> tuple[Any, str]:
        """A clone fitted at λ on the scale of these rows, and how that went."""
        if math.isinf(decay) and not self.ours:
            return self._constant(y).fit(X, y, loss_weight), REFITTED
        if decay == 0 and self._liblinear:
            # With an infinite C it may never end (scikit-learn 1.7).
            raise ValueError("liblinear cannot go without decay; give a positive decay, or solver='lbfgs'")
        value = self._convert(decay, "decay", self.convention, (float(loss_weight.sum()), len(y)))
        model = clone(self.template).set_params(**{self.parameter: value})
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            model.fit(X, y, **self._weights(sample_weight))
        return model, how_it_went(caught, model, X, sample_weight, decayed=decay != 0)

    def coefficients(self, models: Sequence[Any]) -> list[tuple[Array, Array]]:
        """Coefficients (p,) or (k, p) and intercept () or (k,) of every model, constant ones included; nan for None."""
        finals = [last_step(one)[0] for one in models]
        apart = [one is None or isinstance(one, DummyClassifier | DummyRegressor) for one in finals]
        known = [None if other else _squeezed(one) for one, other in zip(finals, apart, strict=True)]
        shapes = [one[0].shape for one in known if one is not None]
        if not shapes:
            raise ValueError("decays: none of them gave coefficients; give larger ones that are finite")
        zero = np.zeros(shapes[0])
        missing = (np.full(zero.shape, np.nan), np.full(zero.shape[:-1], np.nan))
        return [
            missing if model is None else one or (zero, self._constant_intercept(model, zero.ndim > 1))
            for model, one in zip(finals, known, strict=True)
        ]

    def final_columns(self, model: Any, columns: tuple[str, ...]) -> tuple[str, ...]:
        """Names of what reaches the final step; none where a step does not tell."""
        if not isinstance(model, Pipeline):
            return columns
        if len(model.steps) > 1:
            try:
                columns = tuple(map(str, model[:-1].get_feature_names_out(np.asarray(columns, dtype=object))))
            except (AttributeError, ValueError):
                return ()
        return self.final_columns(model.steps[-1][1], columns)

    @property
    def _intercept(self) -> bool:
        """Whether an intercept is left at infinite decay; liblinear decays it like any coefficient."""
        return bool(getattr(self.final, "fit_intercept", True)) and not self._liblinear

    @property
    def _liblinear(self) -> bool:
        """Whether liblinear fits."""
        return getattr(self.final, "solver", "") == "liblinear"

    def _convert(self, value: float, source: str, target: str, sizes: tuple[float, int]) -> float:
        """Between λ and the parameter, at the estimator's own mix, on data of (Σs, n)."""
        return convert(value, source, target, l1_ratio=self.l1_ratio, weight_sum=sizes[0], n_samples=sizes[1])

    def _constant(self, y: NDArray[Any]) -> Any:
        """The model without coefficients: the mean, or the shares of the classes, or nothing without intercept."""
        if is_classifier(self.template):
            return DummyClassifier(strategy="prior" if self._intercept else "uniform", random_state=0)
        if self._intercept:
            return DummyRegressor()
        constant = loss_of(self.final, self.kind).mean(np.zeros(1))[0]
        return DummyRegressor(strategy="constant", constant=np.full(y.shape[1:], constant))

    def _constant_intercept(self, model: Any, many: bool) -> Array:
        """The intercept of a constant model where coefficients add up: log-odds, mean of ±1, log-mean or mean."""
        if isinstance(model, DummyRegressor):
            value = loss_of(self.final, self.kind).link(np.asarray(model.constant_, dtype=np.float64).ravel())
            return np.asarray(value if many else value[0])
        prior = model.class_prior_ if self._intercept else np.full(len(model.classes_), 1 / len(model.classes_))
        if self.kind == "RidgeClassifier":
            each = (2 * prior - 1) * self._intercept
        elif many and self.kind == "LogisticRegression":
            each = np.log(prior) - np.log(prior).mean()
        else:
            each = np.log(prior / (1 - prior))
        return np.asarray(each if many else each[1])

    def _weights(self, weight: Array | None) -> dict[str, Array]:
        """Sample weights for every step that takes them."""
        return {} if weight is None else {name: weight for name in _weighted(self.template)}


def penalised(estimator: Any) -> Penalised:
    """The estimator with its penalty found.

    Raises
    ------
    ValueError
        When the final step has no penalty, or none whose unit is known.
    """
    final, prefix = last_step(estimator)
    kind, known = type(final).__name__, _known(type(final))
    if known is None or PENALTIES[_key(known)][0] not in final.get_params():
        _refuse_wrapped(final)
        names = ", ".join(name.partition(".")[2] for name in PENALTIES if name.startswith("sklearn"))
        raise ValueError(
            f"{kind} has no penalty that wd.tune knows; give wd.LinearRegression(), wd.LogisticRegression(), or one of "
            f"{names}, alone or at the end of a Pipeline"
        )
    if getattr(final, "penalty", "") is None:
        raise ValueError(
            f"{kind}(penalty=None) has no penalty, so there is no decay to tune; leave penalty out, or name one"
        )
    return Penalised(estimator, final, prefix, known)


def _refuse_wrapped(final: Any) -> None:
    """Refuse an estimator that holds another one with a penalty, by the name of that."""
    if not isinstance(final, BaseEstimator):
        return
    wrapper = type(final).__name__
    for one in final.get_params(deep=False).values():
        inner = type(last_step(one)[0])
        if _known(inner) is not None:
            raise ValueError(
                f"{wrapper} wraps {inner.__name__}, whose penalty wd.tune does not reach there; give "
                f"{inner.__name__} itself, alone or at the end of a Pipeline, and do what {wrapper} does beforehand"
            )


def last_step(estimator: Any) -> tuple[Any, str]:
    """The last step of a Pipeline, and of the Pipeline which that may be, and the prefix of its parameters."""
    prefix = ""
    while isinstance(estimator, Pipeline):
        name, estimator = estimator.steps[-1]
        prefix += f"{name}__"
    return estimator, prefix


def _key(kind: type) -> str:
    """Package and name of a class."""
    return f"{kind.__module__.partition('.')[0]}.{kind.__name__}"


def _known(kind: type) -> type | None:
    """The class of `PENALTIES` that a class is or derives from.

    What scikit-learn derives from one of them itself has another penalty (MultiTaskLasso) or tunes (RidgeCV).
    """
    for one in kind.__mro__:
        if _key(one) in PENALTIES:
            return one
        if _key(one).startswith("sklearn.") and any(_key(base) in PENALTIES for base in one.__mro__):
            return None
    return None


def _weighted(estimator: Any, prefix: str = "", final: bool = True) -> Iterator[str]:
    """Names under which ``fit`` passes sample weights on: to the steps that take them, and to the last in any case."""
    if isinstance(estimator, Pipeline):
        for number, (name, step) in enumerate(estimator.steps, 1 - len(estimator.steps)):
            yield from _weighted(step, f"{prefix}{name}__", final and number == 0)
    elif final or (hasattr(estimator, "fit") and has_fit_parameter(estimator, "sample_weight")):
        yield f"{prefix}sample_weight"


def _squeezed(model: Any) -> tuple[Array, Array]:
    """Coefficients (p,) or (k, p) and intercept () or (k,) of a fitted final step; one row is no axis."""
    coef = np.asarray(model.coef_, dtype=np.float64)
    intercept = np.asarray(model.intercept_, dtype=np.float64)
    if coef.ndim == 2 and len(coef) == 1:
        return coef[0], intercept.reshape(-1)[0]
    return coef, np.broadcast_to(intercept.ravel() if coef.ndim == 2 else intercept.ravel()[0], coef.shape[:-1])
