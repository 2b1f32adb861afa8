"""Coefficients in one row: those of a regression, or of all classes of a classifier one after another."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.class_diagnostics import AnyDiagnostics, ClassDiagnostics
from weightdecay.show.sanitize import shortened

Array = NDArray[np.float64]

CLASS = 24  # letters of a class within a name


@dataclass(frozen=True, eq=False)
class FlatCoefficients:
    """What pictures and tables show of coefficients.

    Parameters
    ----------
    decay : float
    columns : tuple of q str
    of : tuple of q str
        Their classes, empty where there is one vector.
    coef, without, low, high : ndarray of shape (q,)
        At λ, without decay (nan where that fit is not known), and the least and greatest of the folds' models.
    intercept, without_intercept : tuple of float
        One for each vector.
    scale : ndarray of shape (q,)
        Standard deviations of the columns.
    folds : str
    rival : str
        The fit without decay in words.
    effect : str
        What changes with a column.
    classifies : bool
    posterior, sandwich : ndarray of shape (q,)
        Standard deviations: under the prior that decay is, and over samples of rows; nan where they are not known.
    posterior_intercept, sandwich_intercept : tuple of float
    """

    decay: float
    columns: tuple[str, ...]
    of: tuple[str, ...]
    coef: Array
    without: Array
    low: Array
    high: Array
    intercept: tuple[float, ...]
    without_intercept: tuple[float, ...]
    scale: Array
    folds: str
    rival: str
    effect: str
    classifies: bool = False
    posterior: Array = field(default_factory=lambda: np.zeros(0))
    sandwich: Array = field(default_factory=lambda: np.zeros(0))
    posterior_intercept: tuple[float, ...] = ()
    sandwich_intercept: tuple[float, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Columns, with their class where there are several vectors."""
        if not self.of:
            return self.columns
        return tuple(f"{name} · {shortened(one, CLASS)}" for name, one in zip(self.columns, self.of, strict=True))

    @property
    def uncertain(self) -> bool:
        """Whether standard deviations are known."""
        return bool(np.isfinite(self.posterior).any() or np.isfinite(self.sandwich).any())

    @property
    def rivalled(self) -> bool:
        """Whether the fit without decay is known."""
        return bool(np.isfinite(self.without).any())


def in_one_row(found: AnyDiagnostics) -> FlatCoefficients:
    """The coefficients of diagnostics of either kind."""
    columns = found.columns or tuple(f"x{j}" for j in range(found.coef.shape[-1]))
    if isinstance(found, ClassDiagnostics):
        return _of_classes(found, columns)
    return FlatCoefficients(
        decay=found.decay,
        columns=tuple(columns),
        of=(),
        coef=found.coef,
        without=found.least_squares,
        low=found.fold_low,
        high=found.fold_high,
        intercept=(found.intercept,),
        without_intercept=(found.least_squares_intercept,),
        scale=found.scale,
        folds=found.folds,
        rival="least squares",
        effect="prediction",
        posterior=found.posterior_std,
        sandwich=found.sandwich_std,
        posterior_intercept=(found.posterior_intercept_std,),
        sandwich_intercept=(found.sandwich_intercept_std,),
    )


def _of_classes(found: ClassDiagnostics, columns: tuple[str, ...]) -> FlatCoefficients:
    """Every class's vector after another; of two classes there is one vector, that of the second."""
    several = len(found.coef) > 1
    unknown, base = np.full(found.coef.shape, np.nan), found.unpenalised_intercept
    without = found.unpenalised if found.unpenalised is not None else unknown
    return FlatCoefficients(
        decay=found.decay,
        columns=tuple(columns) * len(found.coef),
        of=tuple(one for one in found.classes for _ in columns) if several else (),
        coef=found.coef.ravel(),
        without=without.ravel(),
        low=found.fold_low.ravel(),
        high=found.fold_high.ravel(),
        intercept=tuple(found.intercept.tolist()),
        without_intercept=tuple((np.full(len(found.coef), np.nan) if base is None else base).tolist()),
        scale=np.tile(found.scale, len(found.coef)),
        folds=found.folds,
        rival="no decay",
        effect="the score of the class" if several else f"the log-odds of {shortened(found.classes[-1], CLASS)}",
        classifies=True,
        posterior=unknown.ravel() if found.posterior_std is None else found.posterior_std.ravel(),
        sandwich=unknown.ravel() if found.sandwich_std is None else found.sandwich_std.ravel(),
        posterior_intercept=(math.nan,) * len(found.coef),
        sandwich_intercept=(math.nan,) * len(found.coef),
    )
