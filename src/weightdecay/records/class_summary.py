"""ClassSummary: what the held-out rows say of a classifier's probabilities."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.frozen import freeze, same

Array = NDArray[np.float64]

MOST_CURVES = 10  # classes with a ROC curve


@dataclass(frozen=True, eq=False)
class Calibration:
    """Predicted probabilities beside what came true, in B bins with about as much weight each.

    Parameters
    ----------
    edges : ndarray of shape (B + 1,)
        Ends of the bins, probabilities; rows of one probability share a bin.
    predicted, observed : ndarray of shape (B,)
        Mean predicted probability, and the share of rows in which it came true.
    low, high : ndarray of shape (B,)
        Wilson's 95 % interval of the observed share, at the effective number of rows (Σs)²/Σs².
    weight : ndarray of shape (B,)
        Σ of the sample weights.
    histogram : ndarray of shape (20,)
        Σ of the sample weights in bins of equal width from 0 to 1.
    error : float
        Expected calibration error Σ_b W_b |observed_b − predicted_b|/Σ_b W_b, a probability.
    error_by_chance, chance_std : float
        Mean and standard deviation of the same were every predicted probability true: few rows never agree exactly.
    """

    edges: Array
    predicted: Array
    observed: Array
    low: Array
    high: Array
    weight: Array
    histogram: Array
    error: float
    error_by_chance: float
    chance_std: float

    def __post_init__(self) -> None:
        freeze(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Calibration) and same(self, other)

    __hash__ = None  # type: ignore[assignment]


@dataclass(frozen=True, eq=False)
class ClassSummary:
    """Probabilities that models gave to rows they had not learned from, against the classes of these rows.

    With m rows of weights s, probabilities P (m, k) and true classes c; the predicted class of a row is that of the
    largest probability, the first of several.

    Parameters
    ----------
    rows : int
        Rows with positive weight.
    confusion : ndarray of shape (k, k)
        Σ of the weights: true classes in rows, predicted ones in columns.
    mean_probability : ndarray of shape (k,)
        Weighted mean of each class's predicted probability; its share where the model is right on average.
    log_loss, base_log_loss : float
        −Σ s log P[c]/Σs in nats, and the same where the class shares of these rows are always predicted.
    accuracy, base_accuracy : float
        Share of the weight that is predicted rightly, and the share of the most frequent class.
    balanced_accuracy : float
        Mean over the classes that occur of the share of each that is predicted rightly.
    f1 : float
        2 · precision · recall/(precision + recall): of the second of two classes, of more the mean over those that
        occur or are predicted.
    roc_auc : float
        Probability that a row of a class is given more of it than a row of another, ties counting half: of the second
        of two classes, of more the mean over classes, each against the rest; nan where no class can be compared.
    class_auc : ndarray of shape (k,)
        The same of each class against the rest; nan where one of the two is empty.
    brier : float
        Σ s (P − y)²/Σs: of the second of two classes, of more summed over classes.
    calibration : Calibration
        Of two classes the second; of more the predicted class and whether it was right.
    slope, slope_error, intercept : float
        Logistic recalibration: the greatest likelihood of logit π = intercept + slope · logit P for two classes, of
        π ∝ P^slope for more (intercept nan), with the sandwich standard error of the slope. 1 is right; above 1
        the probabilities are too near to each other (the decay is too strong for them), below 1 too far apart (too
        weak). Infinite where the held-out rows are separated.
    roc : ndarray of shape (r, 2)
        False and true positive rates of the second of two classes as the threshold falls, with the area of all
        thresholds, in at most 200 points; none for more classes.
    class_roc : ndarray of shape (m, r, 2)
        The same of each of k > 2 classes against the rest, or of the 10 most frequent, in their order: m = min(k, 10).
        Shorter curves repeat their end, (1, 1), and those of classes that cannot be compared are nan. None for two.

    References
    ----------
    Cox (1958), Two further applications of a model for binary regression; Guo, Pleiss, Sun & Weinberger (2017), On
    calibration of modern neural networks (the slope for more than two classes is the inverse of their temperature).
    """

    rows: int
    confusion: Array
    mean_probability: Array
    log_loss: float
    base_log_loss: float
    accuracy: float
    base_accuracy: float
    balanced_accuracy: float
    f1: float
    roc_auc: float
    class_auc: Array
    brier: float
    calibration: Calibration
    slope: float
    slope_error: float
    intercept: float
    roc: Array
    class_roc: Array

    def __post_init__(self) -> None:
        freeze(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassSummary) and same(self, other)

    __hash__ = None  # type: ignore[assignment]

    @property
    def weight(self) -> float:
        """Σ of the sample weights."""
        return float(self.confusion.sum())

    @property
    def shares(self) -> Array:
        """Weighted share of each class among the rows, shape (k,)."""
        return np.asarray(self.confusion.sum(axis=1) / self.confusion.sum(), dtype=np.float64)

    @property
    def curves(self) -> dict[int, Array]:
        """ROC curves (r, 2) by the place of their class: of two classes the second, of more each against the rest."""
        if len(self.confusion) == 2:
            return {1: self.roc} if len(self.roc) else {}
        drawn = zip(drawn_classes(self.confusion).tolist(), self.class_roc, strict=False)  # or no class has any
        known = {at: curve for at, curve in drawn if np.isfinite(curve).all()}
        return {at: curve[: 1 + int((curve >= 1.0).all(axis=1).argmax())] for at, curve in known.items()}

    @property
    def recall(self) -> Array:
        """Share of each class that is predicted rightly, shape (k,); nan for a class without rows."""
        return ratio(np.diag(self.confusion), self.confusion.sum(axis=1))

    @property
    def precision(self) -> Array:
        """Share of the rows predicted to be of each class that are, shape (k,); nan for one never predicted."""
        return ratio(np.diag(self.confusion), self.confusion.sum(axis=0))


def drawn_classes(confusion: Array) -> NDArray[np.intp]:
    """Places of the classes that have a ROC curve: the most frequent, in their order."""
    return np.sort(np.argsort(-confusion.sum(axis=1), kind="stable")[:MOST_CURVES])


def ratio(part: Array, whole: Array) -> Array:
    """part/whole, nan where the whole is 0."""
    unknown = np.full(np.shape(whole), np.nan)
    return np.asarray(np.divide(part, whole, out=unknown, where=whole > 0), dtype=np.float64)
