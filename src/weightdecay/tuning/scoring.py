"""Scoring: any scikit-learn scorer, applied to predictions that are already there."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics import check_scoring

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


def as_scorer(scoring: Any) -> Scorer | None:
    """A scorer from a name, a scorer or None (the engine's own loss)."""
    if scoring is None:
        return None
    scorer: Scorer = check_scoring(Predicted(), scoring=scoring)
    return scorer


def scoring_name(scoring: Any, loss_name: str) -> str:
    """The metric in words."""
    if scoring is None:
        return loss_name
    if isinstance(scoring, str):
        return f"−{scoring}"
    function = getattr(scoring, "_score_func", scoring)  # of what sklearn's make_scorer returns
    return f"−{getattr(function, '__name__', type(function).__name__)}"


def loss_of_predictions(scorer: Scorer, X: Any, y: Array, prediction: Array, weight: Array | None) -> float:
    """−score of predictions (m,) or (m, t) on held-out rows; weights go to the scorer, which says if it takes none."""
    held = Predicted(prediction)
    weights = {} if weight is None else {"sample_weight": weight}
    try:
        return -float(scorer(held, X, y, **weights))
    except ValueError as error:
        raise ValueError(
            f"the scoring cannot judge predictions of numbers ({str(error).rstrip('.')}); give a scorer of regression "
            "that suits the target, such as 'r2' or 'neg_mean_absolute_error'"
        ) from error
