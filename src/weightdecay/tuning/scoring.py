"""Scoring: any scikit-learn scorer, applied to predictions that are already there."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Mapping
from inspect import signature
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.exceptions import UndefinedMetricWarning
from sklearn.metrics import check_scoring, get_scorer_names, make_scorer

from weightdecay.decay.facts import nearest
from weightdecay.tuning.protocol import Scorer

Array = NDArray[np.float64]

# Short words for scorers of classes; None is the loss that is minimised itself.
SHORT: Mapping[str, str | None] = {
    "log-loss": None,
    "log_loss": None,
    "logloss": None,
    "brier": "neg_brier_score",
    "auc": "roc_auc",
}
# Scorers of one class against another, and what they are of several.
OF_SEVERAL: Mapping[str, str] = {
    "f1": "f1_macro",
    "precision": "precision_macro",
    "recall": "recall_macro",
    "jaccard": "jaccard_macro",
    "roc_auc": "roc_auc_ovr",
}
# Modules of scikit-learn whose metrics judge numbers, and classes.
NUMBERS, CLASSES = ("_regression",), ("_classification", "_ranking", "_scorer")
LABEL = 40  # letters of a class in a sentence


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


class PredictedClasses(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """A classifier that has already predicted: k classes and probabilities (m, k), each exact to its own size."""

    def __init__(self, classes: NDArray[Any] | None = None, probabilities: Array | None = None) -> None:
        self.classes = classes
        self.probabilities = probabilities

    def fit(self, X: Any, y: Any) -> PredictedClasses:
        """Nothing is left to fit."""
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    @property
    def classes_(self) -> NDArray[Any]:
        """The classes (k,), in the order of the probabilities."""
        assert self.classes is not None
        return self.classes

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable classes (m,), the first of equals."""
        return np.asarray(self.classes_[self.predict_proba(X).argmax(axis=1)])

    def predict_proba(self, X: Any) -> Array:
        """The probabilities it holds, (m, k)."""
        assert self.probabilities is not None
        return self.probabilities

    def decision_function(self, X: Any) -> Array:
        """Log-odds of the second of two classes, (m,); of more the scores that sum to 0 in every row, (m, k)."""
        logarithms = np.log(np.maximum(self.predict_proba(X), np.finfo(np.float64).tiny))
        if logarithms.shape[1] == 2:
            return np.asarray(logarithms[:, 1] - logarithms[:, 0])
        return np.asarray(logarithms - logarithms.mean(axis=1, keepdims=True))


class _ScoreError(ValueError):
    """A scorer that takes no weights, or gave no number."""


def resolved(scoring: Any, classes: int = 0) -> Any:
    """What short words mean, and scorers of two classes where there are more; anything else is what it was.

    Parameters
    ----------
    scoring : str, callable or None
    classes : int
        How many are told apart; 0 where numbers are predicted.
    """
    if not isinstance(scoring, str) or not classes:
        return scoring
    name = SHORT.get(scoring.lower(), scoring)
    return OF_SEVERAL.get(name, name) if name is not None and classes > 2 else name


def as_scorer(scoring: Any, classes: int = 0) -> Scorer | None:
    """A scorer from a name, a scorer or None (the engine's own loss), for numbers or for so many classes."""
    scoring = resolved(scoring, classes)
    if scoring is None:
        return None
    if isinstance(scoring, str) and scoring.lower() in SHORT:
        raise _of_classes_alone(f"scoring={scoring!r}")
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
    scorer: Scorer = check_scoring(PredictedClasses() if classes else Predicted(), scoring=scoring)
    if not isinstance(scoring, str):
        _check_arguments(scoring)
    _check_kind(scorer, scoring, classes)
    return scorer


def _check_kind(scorer: Scorer, scoring: Any, classes: int) -> None:
    """Refuse metrics of numbers for classes, and metrics of classes for numbers, as far as scikit-learn's are known."""
    module = getattr(getattr(scorer, "_score_func", None), "__module__", None) or ""
    kind = module.rpartition(".")[2] if module.startswith("sklearn.metrics.") else ""
    name = f"scoring={scoring!r}" if isinstance(scoring, str) else f"the scoring {_metric(scoring)}"
    if classes and kind in NUMBERS:
        raise ValueError(
            f"{name} judges numbers, and the target is of classes; give a scorer of classes, such as 'accuracy', "
            f"'{OF_SEVERAL['f1'] if classes > 2 else 'f1'}' or 'neg_brier_score', or None for the log-loss, or tune "
            "a regression (--model linear)"
        )
    if classes and isinstance(scoring, str) and scoring.endswith("_samples"):
        raise ValueError(
            f"{name} judges rows of several labels each, and the target has one of {classes} classes; give "
            f"'{scoring.removesuffix('samples')}macro'"
        )
    if not classes and kind in CLASSES:
        raise _of_classes_alone(name)


def _of_classes_alone(name: str) -> ValueError:
    """What is said of a metric of classes where numbers are predicted."""
    return ValueError(
        f"{name} judges classes, and the target is of numbers; give a scorer of regression that suits it, such as 'r2' "
        "or 'neg_mean_absolute_error', or tune a classifier (--model logistic)"
    )


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


def scoring_name(scoring: Any, loss_name: str, classes: int = 0) -> str:
    """The metric in words: with a minus where the loss is a score with its sign turned."""
    scoring = resolved(scoring, classes)
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


def losses_of_probabilities(
    scorer: Scorer,
    X: Any,
    y: NDArray[Any],
    classes: NDArray[Any],
    probabilities: Iterable[Array],
    weight: Array | None,
) -> Array:
    """−score (L,) of L sets of probabilities (m, k) that held-out rows of labels y (m,) have one of k classes.

    Probabilities that are not finite have the loss nan. Scorers learn of all classes, whichever the rows have: see
    `of_classes`.

    Raises
    ------
    ValueError
        When the rows lack a class that the scorer needs, or it does not suit; the sentence says which.
    """
    judge = of_classes(scorer, classes)
    with warnings.catch_warnings():
        # What is undefined at a decay where all rows are of one class, such as its precision, is 0 by convention.
        warnings.simplefilter("ignore", UndefinedMetricWarning)
        warnings.filterwarnings("ignore", message="y_pred contains classes not in y_true")
        return np.array(
            [_loss_of_classes(judge, X, y, PredictedClasses(classes, one), weight) for one in probabilities]
        )


def _loss_of_classes(scorer: Scorer, X: Any, y: NDArray[Any], model: PredictedClasses, weight: Array | None) -> float:
    """−score of one set of probabilities."""
    if not np.isfinite(model.predict_proba(X)).all():
        return math.nan
    lacking = np.setdiff1d(model.classes_, y)
    where = f"a fold of {len(y)} test rows"
    if len(lacking):
        where += f", none of which is of class {_shown(lacking[0])}"
    try:
        loss = _turned(scorer, model, X, y, weight)
    except _ScoreError:
        raise
    except ValueError as error:
        reason = str(error).partition("\n")[0].rstrip(".")
        if len(lacking):
            told = f"the scoring {_metric(scorer)} cannot judge {where} ({reason}); give fewer or stratified folds"
        else:
            told = f"the scoring {_metric(scorer)} cannot judge {len(model.classes_)} classes ({reason})"
        raise ValueError(
            f"{told}; 'accuracy' always can, and so can the log-loss, if you leave scoring=None"
        ) from error
    if math.isnan(loss):
        if len(lacking):
            raise _ScoreError(f"the scoring {_metric(scorer)} is undefined on {where}; give fewer or stratified folds")
        _check_nan(scorer, model.predict_proba(X), len(y))
    return loss


def _shown(label: Any) -> str:
    """A class in a sentence."""
    text = str(label)
    return repr(text if len(text) <= LABEL else text[: LABEL - 1] + "…")


def of_classes(scorer: Scorer, classes: NDArray[Any]) -> Scorer:
    """A scorer of scikit-learn that knows of all k classes, which else it takes from the rows of each fold.

    Scorers of one class against another take scikit-learn's own positive class, 1; where no class is 1, as among texts,
    it is the second, as for ``roc_auc``. Scorers of other makes are as they were.
    """
    function = getattr(scorer, "_score_func", None)
    response = getattr(scorer, "_response_method", "predict")
    if function is None or not (getattr(function, "__module__", None) or "").startswith("sklearn.metrics."):
        return scorer
    given: dict[str, Any] = dict(getattr(scorer, "_kwargs", {}))
    takes, known = signature(function).parameters, len(classes)
    one_of_two = "pos_label" in takes and known == 2 and given.get("average", "binary") == "binary"
    if one_of_two and "pos_label" not in given:
        usual = takes["pos_label"].default
        if usual is None or not any(usual == one for one in classes.tolist()):
            given["pos_label"] = classes[1]
    if (
        "labels" in takes
        and "labels" not in given
        and response != "predict"
        and (known > 2 or "pos_label" not in takes)
    ):
        given["labels"] = classes
    if given == getattr(scorer, "_kwargs", {}):
        return scorer
    positive = getattr(scorer, "_sign", 1) > 0
    made: Scorer = make_scorer(function, response_method=response, greater_is_better=positive, **given)
    return made


def loss_of_model(scorer: Scorer, model: Any, X: Any, y: NDArray[Any], weight: Array | None) -> float:
    """−score of a fitted model on held-out rows.

    nan where all its predictions are the same, as at infinite decay: correlations are then undefined by right.

    Raises
    ------
    ValueError
        When the scorer takes no weights though there are some, or gives no number; the sentence names it.
    """
    loss = _turned(scorer, model, X, y, weight)
    if math.isnan(loss):
        _check_nan(scorer, model.predict(X), len(y))
    return loss


def _turned(scorer: Scorer, model: Any, X: Any, y: NDArray[Any], weight: Array | None) -> float:
    """−score, or nan."""
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
        return -float(score)
    except (TypeError, ValueError):
        raise _ScoreError(
            f"the scoring {_metric(scorer)} returned {score!r}; a scorer returns one number, the larger the better"
        ) from None


def _check_nan(scorer: Scorer, prediction: NDArray[Any], rows: int) -> None:
    """Refuse a score that is nan though predictions differ."""
    if rows == 1 or not _constant(prediction):
        told = "a single test row" if rows == 1 else f"{rows} test rows"
        raise _ScoreError(
            f"the scoring {_metric(scorer)} is nan on a fold of {told}; give larger folds, another scorer, or "
            "scoring=None"
        )


def _constant(prediction: NDArray[Any]) -> bool:
    """Whether all rows are predicted the same."""
    return bool((prediction == prediction[:1]).all())
