"""`TableModel`: a fitted estimator together with what turns tables of text, dates and gaps into its columns."""

from __future__ import annotations

import warnings
from copy import copy
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import is_classifier
from sklearn.utils.metaestimators import available_if

from weightdecay.tables.preflight import quoted

if TYPE_CHECKING:
    from weightdecay.records.tuning import Tuning
    from weightdecay.tables.encoder import Encoder

Array = NDArray[np.float64]


def _classifies(model: Any) -> bool:
    """Whether the estimator of a model is a classifier."""
    return bool(is_classifier(model.estimator))


class NewRowsWarning(UserWarning):
    """Rows to predict hold what a model has never met: unknown categories, or gaps where its training rows had none.

    Examples
    --------
    >>> import warnings, weightdecay as wd
    >>> warnings.filterwarnings("ignore", category=wd.NewRowsWarning)  # predict says no more of it
    """


@final
@dataclass(frozen=True, eq=False, repr=False)
class TableModel:
    """A fitted estimator that predicts from tables as they are: with text, categories, dates and missing values.

    What `wd.tune` gives as ``tuning.model`` where a table had to be encoded. A table's columns are found by name, in
    any order, and others are ignored; a category that no training row had is none of the known ones.

    Parameters
    ----------
    estimator : LinearRegression, LogisticRegression, or another fitted estimator
        Fitted on the encoded columns.
    encoder : Encoder
        Turns a table into those columns, with the medians, levels and terms of the training rows.
    target : str, default ""
        Name of what is predicted.

    Attributes
    ----------
    classes_ : ndarray of shape (k,)
        Of a classifier: what it tells apart.
    coef_ : ndarray of shape (p,) or (t, p), of a classifier (1, p) or (k, p)
        Coefficients of the encoded columns, whose names are `get_feature_names_out`.
    intercept_ : float or ndarray of shape (t,), of a classifier (1,) or (k,)
    decay_ : float or ndarray of shape (t,)
        λ in use.
    decay_weights_ : ndarray of shape (p,)
        Relative strengths of the encoded columns in use.
    tuning_ : Tuning or None
        The search, if it is kept with the model.
    feature_names_in_ : ndarray of str
        Names of the columns that a table needs.
    n_features_in_ : int
        How many these are.

    Raises
    ------
    ValueError
        When the estimator was fitted on another number of columns than the encoder makes.

    Examples
    --------
    >>> import polars as pl, weightdecay as wd
    >>> frame = pl.DataFrame({"island": ["Biscoe", "Dream", None, "Dream"], "bill": [1.0, 2.0, None, 4.0]})
    >>> model = wd.tune(wd.LinearRegression(decay=0.1), frame, [1.0, 2.0, 3.0, 5.0]).model
    >>> model.feature_names_in_.tolist(), model.predict(frame[["bill", "island"]]).shape
    (['island', 'bill'], (4,))
    """

    estimator: Any
    encoder: Encoder
    target: str = ""

    def __post_init__(self) -> None:
        made, fitted = len(self.encoder.names), int(self.estimator.n_features_in_)
        if made != fitted:
            raise ValueError(f"the encoder makes {made} columns, but the estimator was fitted on {fitted}")

    def predict(self, frame: Any) -> NDArray[Any]:
        """Predictions for the rows of a table: numbers, or of a classifier labels.

        Parameters
        ----------
        frame : data frame (polars or pandas) of n rows
            With the columns `feature_names_in_`, in any order and among others.

        Returns
        -------
        ndarray of shape (n,) or (n, t)
            In the units of the target, or of classes as ``classes_`` has them.

        Warns
        -----
        NewRowsWarning
            For categories that no training row had, and for gaps in a column that had none.

        Raises
        ------
        ValueError
            When a column is missing, or holds what the training rows' column could not.
        """
        predictions, notes = self._predicted(self._needed(frame), "predict")
        for note in notes:
            warnings.warn(note, NewRowsWarning, stacklevel=2)
        return predictions

    @available_if(_classifies)  # type: ignore[untyped-decorator]
    def predict_proba(self, frame: Any) -> Array:
        """Probabilities of the classes for the rows of a table; classifiers alone have this.

        Parameters
        ----------
        frame : data frame (polars or pandas) of n rows
            With the columns `feature_names_in_`, in any order and among others.

        Returns
        -------
        ndarray of shape (n, k)
            In the order of ``classes_``; rows sum to 1.

        Warns
        -----
        NewRowsWarning
            For categories that no training row had, and for gaps in a column that had none.

        Raises
        ------
        ValueError
            When a column is missing, or holds what the training rows' column could not.

        Examples
        --------
        >>> import polars as pl, weightdecay as wd
        >>> frame = pl.DataFrame({"island": ["Biscoe", "Dream", None, "Dream"], "bill": [1.0, 2.0, None, 4.0]})
        >>> model = wd.tune(wd.LogisticRegression(), frame, ["no", "no", "yes", "yes"], decays=[0.1], cv=2).model
        >>> model.classes_.tolist(), model.predict_proba(frame).shape
        (['no', 'yes'], (4, 2))
        """
        probabilities, notes = self._predicted(self._needed(frame), "predict_proba")
        for note in notes:
            warnings.warn(note, NewRowsWarning, stacklevel=2)
        return probabilities

    @available_if(_classifies)  # type: ignore[untyped-decorator]
    def predict_proba_with_notes(self, frame: Any) -> tuple[Array, tuple[str, ...]]:
        """Probabilities of the classes for the rows of a table, and what is to be told of it, instead of warnings.

        Parameters
        ----------
        frame : data frame (polars or pandas) of n rows

        Returns
        -------
        probabilities : ndarray of shape (n, k)
        notes : tuple of str
            A sentence each, as of `predict_with_notes`.

        Raises
        ------
        ValueError
            When a column is missing, or holds what the training rows' column could not.
        """
        return self._predicted(frame, "predict_proba")

    def predict_with_notes(self, frame: Any) -> tuple[NDArray[Any], tuple[str, ...]]:
        """Predictions for the rows of a table, and what is to be told of it, instead of warnings.

        Parameters
        ----------
        frame : data frame (polars or pandas) of n rows

        Returns
        -------
        predictions : ndarray of shape (n,) or (n, t)
        notes : tuple of str
            A sentence each: unknown categories, gaps that were filled in, columns that were ignored.

        Raises
        ------
        ValueError
            When a column is missing, or holds what the training rows' column could not.
        """
        return self._predicted(frame, "predict")

    def score(self, frame: Any, y: Any, sample_weight: Any = None) -> float:
        """The coefficient of determination R² of the predictions for a table, or of a classifier their accuracy.

        Parameters
        ----------
        frame : data frame (polars or pandas) of n rows
        y : array-like of shape (n,) or (n, t)
            The true values or labels.
        sample_weight : array-like of shape (n,), optional

        Returns
        -------
        float
            R²: 1 for perfect predictions, 0 for those of a constant model; of several targets the mean. Accuracy: the
            share of rows whose label is predicted.
        """
        from sklearn.metrics import accuracy_score, r2_score

        if _classifies(self):
            return float(accuracy_score(y, self.predict(frame), sample_weight=sample_weight))
        return float(r2_score(y, self.predict(frame), sample_weight=sample_weight))

    def get_feature_names_out(self) -> NDArray[np.object_]:
        """Names of the encoded columns, in the order of `coef_`.

        Returns
        -------
        ndarray of shape (p,) of str
        """
        return np.array(self.encoder.names, dtype=object)

    @property
    def classes_(self) -> NDArray[Any]:
        """What a classifier tells apart, (k,)."""
        return self.estimator.classes_  # type: ignore[no-any-return]

    @property
    def coef_(self) -> Array:
        """Coefficients of the encoded columns, (p,), (t, p) or (k, p)."""
        return self.estimator.coef_  # type: ignore[no-any-return]

    @property
    def intercept_(self) -> float | Array:
        """The intercept, one per target."""
        return self.estimator.intercept_  # type: ignore[no-any-return]

    @property
    def decay_(self) -> float | Array:
        """λ in use."""
        return self.estimator.decay_  # type: ignore[no-any-return]

    @property
    def decay_weights_(self) -> Array:
        """Relative strengths of the encoded columns in use, (p,)."""
        return self.estimator.decay_weights_  # type: ignore[no-any-return]

    @property
    def tuning_(self) -> Tuning | None:
        """The search, if it is kept with the model."""
        return getattr(self.estimator, "tuning_", None)

    @property
    def feature_names_in_(self) -> NDArray[np.object_]:
        """Names of the columns that a table needs."""
        return np.array(self.encoder.columns, dtype=object)

    @property
    def n_features_in_(self) -> int:
        """How many columns a table needs."""
        return len(self.encoder.columns)

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def __repr__(self) -> str:
        of = f" of {quoted(self.target)}" if self.target else ""
        return f"TableModel({type(self.estimator).__name__}{of} from {_count(self.n_features_in_, 'column')})"

    def _repr_html_(self) -> str | None:
        """A notebook's view: that of the estimator inside, with the verdict of its search."""
        html: str | None = self.estimator._repr_html_()
        return html

    def _needed(self, frame: Any) -> Any:
        """The frame without columns that are ignored: nobody need be warned of a target that is still in it."""
        kind = type(frame)  # a column may have the name that is looked for
        if not (hasattr(kind, "columns") and hasattr(kind, "shape")):
            return frame
        wanted = set(self.encoder.columns)
        kept = [name for name in frame.columns if str(name) in wanted]
        # Where one is missing, or named on several levels, the encoder knows what to say or do.
        return frame[kept] if len(kept) == len(wanted) else frame

    def _predicted(self, frame: Any, method: str) -> tuple[NDArray[Any], tuple[str, ...]]:
        """Predictions by a method of the estimator, and notes."""
        matrix, notes = self.encoder.apply(frame)
        estimator = self.estimator
        if "feature_names_in_" in vars(estimator):
            # The encoder has seen to the names, and the matrix has none.
            estimator = copy(estimator)
            del estimator.feature_names_in_
        return getattr(estimator, method)(matrix), notes


def _count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"
