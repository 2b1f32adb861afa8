"""Scoring: any scikit-learn scorer, applied to predictions that are already there."""

from __future__ import annotations

import math
from collections.abc import Iterable
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import check_scoring, get_scorer_names

from weightdecay.decay.facts import nearest
from weightdecay.tuning.protocol import Scorer

Array = NDArray[np.float64]


class Predicted(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """A regressor that has already predicted; it lets scorers work on shared computations."""

    def __init__(self, prediction: Array | None = None) -> None:
        self.prediction = prediction

    def fit(self, X: Any, y: Any) -> Predicted:
        """Nothing is left to fit."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, X: Any) -> Array:
        """The predictions it holds."""
        assert self.prediction is not None
        return self.prediction

    def _no_classes(self) -> Any:
        """Refuse scorers of classifiers, which look for these methods."""
        raise ValueError("it needs probabilities or decisions between classes")

    predict_proba = property(_no_classes)
    decision_function = property(_no_classes)


class _ScoreError(ValueError):
    """A scorer that takes no weights, or gave no number."""


def as_scorer(scoring: Any) -> Scorer | None:
    """A scorer from a name, a scorer or None (the engine's own loss)."""
    if scoring is None:
        return None
    if isinstance(scoring, str) and scoring not in (known := get_scorer_names()):
        # mse, rmse, mae and their like are the initials of names.
        meant = [name for name in known if scoring.lower() == _initials(name)]
        suggestion = f"; did you mean {' or '.join(meant)}?" if meant else nearest(scoring, known)
        raise ValueError(f"scoring={scoring!r} is no metric of scikit-learn{suggestion}")
    if not isinstance(scoring, str) and not callable(scoring):
        raise ValueError(
            f"scoring={scoring!r}: expected the name of one metric, such as 'r2', a scorer made by make_scorer, a "
            "function of (estimator, X, y), or None"
        )
    scorer: Scorer = check_scoring(Predicted(), scoring=scoring)
    if not isinstance(scoring, str):
        _check_arguments(scoring)
    return scorer


def _initials(name: str) -> str:
    """The first letters of a metric's words, without the sign: rmse of neg_root_mean_squared_error."""
    return "".join(word[0] for word in name.removeprefix("neg_").split("_") if word)


def _check_arguments(scoring: Any) -> None:
    """Refuse a function that cannot be called as a scorer is; most are metrics of (y, prediction)."""
    try:
        arguments = signature(scoring)
    except (TypeError, ValueError):  # compiled, and without a signature
        return
    try:
        arguments.bind(None, None, None)
    except TypeError:
        raise ValueError(
            f"scoring is a function of {arguments}, but a scorer is one of (estimator, X, y); "
            "sklearn.metrics.make_scorer turns a metric of (y, prediction) into a scorer"
        ) from None


def scoring_name(scoring: Any, loss_name: str) -> str:
    """The metric in words: with a minus where the loss is a score with its sign turned."""
    return loss_name if scoring is None else f"−{_metric(scoring)}"


def _metric(scoring: Any) -> str:
    """A scorer's name in scikit-learn's way: an error that a scorer turns into a score is ``neg_`` of it."""
    if isinstance(scoring, str):
        return scoring
    function = getattr(scoring, "_score_func", scoring)  # of what sklearn's make_scorer returns
    name = getattr(function, "__name__", type(function).__name__)
    return f"neg_{name}" if getattr(scoring, "_sign", 1) < 0 else str(name)


def loss_of_predictions(scorer: Scorer, X: Any, y: Array, prediction: Array, weight: Array | None) -> float:
    """−score of predictions (m,) or (m, t) on held-out rows, weights with them where there are some."""
    try:
        return loss_of_model(scorer, Predicted(prediction), X, y, weight)
    except _ScoreError:
        raise
    except ValueError as error:
        raise ValueError(
            f"the scoring cannot judge predictions of numbers ({str(error).rstrip('.')}); give a scorer of regression "
            "that suits the target, such as 'r2' or 'neg_mean_absolute_error'"
        ) from error


def losses_of_targets(scorer: Scorer, X: Any, Y: Array, predictions: Iterable[Array], weight: Array | None) -> Array:
    """−score of L predictions (m, t) of Y (m, t): of all targets together, then of each where there are several.

    Shape (L, 1), or (L, 1 + t).
    """
    parts: list[Any] = [slice(None), *range(Y.shape[1])] if Y.shape[1] > 1 else [0]
    return np.array(
        [[loss_of_predictions(scorer, X, Y[:, part], one[:, part], weight) for part in parts] for one in predictions]
    )


def loss_of_model(scorer: Scorer, model: Any, X: Any, y: NDArray[Any], weight: Array | None) -> float:
    """−score of a fitted model on held-out rows.

    nan where all its predictions are the same, as at infinite decay: correlations are then undefined by right.

    Raises
    ------
    ValueError
        When the scorer takes no weights though there are some, or gives no number; the sentence names it.
    """
    weights = {} if weight is None else {"sample_weight": weight}
    try:
        score = scorer(model, X, y, **weights)
    except TypeError as error:
        if weight is None or "sample_weight" not in str(error):
            raise
        raise _ScoreError(
            f"the scoring {_metric(scorer)} takes no sample_weight, and the rows are weighted; give a scorer that "
            "takes them, or leave the weights out"
        ) from error
    try:
        loss = -float(score)
    except (TypeError, ValueError):
        raise _ScoreError(
            f"the scoring {_metric(scorer)} returned {score!r}; a scorer returns one number, the larger the better"
        ) from None
    if math.isnan(loss) and (len(y) == 1 or not _constant(model.predict(X))):
        rows = "a single test row" if len(y) == 1 else f"{len(y)} test rows"
        raise _ScoreError(
            f"the scoring {_metric(scorer)} is nan on a fold of {rows}; give larger folds, another scorer, or "
            "scoring=None"
        )
    return loss


def _constant(prediction: NDArray[Any]) -> bool:
    """Whether all rows are predicted the same."""
    return bool((prediction == prediction[:1]).all())
