"""ClassDiagnostics: a fitted classifier looked at closely, as its report shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_summary import Calibration, ClassSummary
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.frozen import freeze, same
from weightdecay.records.jsonable import encode, number, numbers

Array = NDArray[np.float64]

# Coefficients of more numbers than this stay out of JSON; they can be had again from the data.
MAX_NUMBERS = 200_000


@dataclass(frozen=True, eq=False)
class ClassDiagnostics:
    """The classifier in use beside the fit without decay and beside the models of the folds, on rows held out.

    Two classes have one coefficient vector, that of the log-odds of the second; k ≥ 3 have k of them, whose intercepts
    sum to 0. Below, r is 1 or k.

    Parameters
    ----------
    decay : float
        λ of the model in use.
    classes : tuple of k str
        The classes in words, in the order of ``classes_``.
    coef : ndarray of shape (r, p)
        Coefficients in the units of the columns.
    intercept : ndarray of shape (r,)
    unpenalised : ndarray of shape (r, p), or None
        The same at λ = 0; None where that fit does not exist (classes that columns separate) or was not computed.
    unpenalised_intercept : ndarray of shape (r,), or None
    df : float
        Effective degrees of freedom at λ, without the intercept.
    fold_low, fold_high, fold_std : ndarray of shape (r, p)
        Least and greatest coefficient among the models of the folds at λ's prior precision, and their standard
        deviation (1/(F − 1)).
    scale : ndarray of shape (p,)
        Weighted standard deviations of the columns.
    folds : str
        Those folds in words, ``"5 folds"``.
    held_out : ClassSummary
        What the models of the folds predict for the rows that they have not seen.
    columns : tuple of str
    posterior_std, sandwich_std : ndarray of shape (r, p), or None
        Standard deviation of each coefficient under the Gaussian prior that λ is, and its sandwich standard error.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> from weightdecay.tuning.class_summary import summarise_classes
    >>> code, sure = np.array([0, 0, 1, 1]), np.array([0.1, 0.6, 0.7, 0.8])
    >>> held_out = summarise_classes(np.column_stack([1 - sure, sure]), code, np.ones(4))
    >>> one, zero = np.ones((1, 1)), np.zeros(1)
    >>> found = wd.ClassDiagnostics(
    ...     decay=0.1, classes=("no", "yes"), coef=one, intercept=zero, unpenalised=None, unpenalised_intercept=None,
    ...     df=0.8, fold_low=one, fold_high=one, fold_std=0 * one, scale=zero + 1, folds="4 folds", held_out=held_out,
    ... )
    >>> found.held_out.accuracy, found.held_out.base_accuracy
    (0.75, 0.5)
    """

    decay: float
    classes: tuple[str, ...]
    coef: Array
    intercept: Array
    unpenalised: Array | None
    unpenalised_intercept: Array | None
    df: float
    fold_low: Array
    fold_high: Array
    fold_std: Array
    scale: Array
    folds: str
    held_out: ClassSummary
    columns: tuple[str, ...] = ()
    posterior_std: Array | None = None
    sandwich_std: Array | None = None

    def __post_init__(self) -> None:
        freeze(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ClassDiagnostics) and same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        said = f"held-out accuracy {self.held_out.accuracy:.3f}, log-loss {self.held_out.log_loss:.4g}"
        p = self.coef.shape[-1]
        return f"ClassDiagnostics({len(self.classes)} classes, {p} columns at decay {self.decay:.4g}, {said})"

    def light(self) -> ClassDiagnostics:
        """The same record, without coefficients where they are too many for a text.

        Returns
        -------
        ClassDiagnostics
            Itself if r · p is at most 200,000, else with arrays of no columns.
        """
        if self.coef.size <= MAX_NUMBERS:
            return self
        none = np.zeros((len(self.coef), 0))
        bare: dict[str, Any] = dict.fromkeys(("coef", "fold_low", "fold_high", "fold_std"), none)
        bare |= dict.fromkeys(("unpenalised", "unpenalised_intercept", "posterior_std", "sandwich_std"), None)
        return replace(self, scale=np.zeros(0), columns=(), **bare)


AnyDiagnostics = Diagnostics | ClassDiagnostics


def plain_diagnostics(found: AnyDiagnostics | None) -> dict[str, Any] | None:
    """Diagnostics as JSON types, those of a classifier without coefficients where these are too many."""
    if found is None:
        return None
    plain: dict[str, Any] = encode(asdict(found.light() if isinstance(found, ClassDiagnostics) else found))
    return plain


def read_class_diagnostics(data: dict[str, Any]) -> ClassDiagnostics:
    """Diagnostics of a classifier from their JSON form, the inverse of `plain_diagnostics`."""
    summary = _read(data["held_out"], ClassSummary)
    summary["roc"] = summary["roc"].reshape(-1, 2)  # an empty list tells no shape
    if not summary["class_roc"].size:
        summary["class_roc"] = np.zeros((0, 0, 2))
    summary["calibration"] = Calibration(**_read(data["held_out"]["calibration"], Calibration))
    return ClassDiagnostics(held_out=ClassSummary(**summary), **_read(data, ClassDiagnostics))


def _read(data: dict[str, Any], kind: type) -> dict[str, Any]:
    """The fields of a record from JSON, but for records in it: arrays from lists, numbers from numbers and words."""
    readers: dict[str, Callable[[Any], Any]] = {
        "Array": numbers,
        "Array | None": lambda given: None if given is None else numbers(given),
        "float": number,
        "int": int,
        "str": str,
        "tuple[str, ...]": tuple,
    }
    known = {one.name: readers.get(str(one.type)) for one in fields(kind)}
    return {name: read(data[name]) for name, read in known.items() if read is not None}
