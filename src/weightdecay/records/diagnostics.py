"""Diagnostics: a fitted model looked at closely, as its report shows it."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.frozen import freeze, same

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Diagnostics:
    """The model in use beside least squares and beside the models of the folds, and its held-out residuals.

    Parameters
    ----------
    decay : float
        λ of the model in use.
    coef, least_squares : ndarray of shape (p,)
        Coefficients in the units of the columns, at λ and at λ = 0 (the least-penalty solution).
    intercept, least_squares_intercept : float
    df : float
        Effective degrees of freedom at λ, without the intercept.
    rank : float
        The same at λ = 0: as many as the columns have, but for those that others determine.
    fold_low, fold_high, fold_std : ndarray of shape (p,)
        Least and greatest coefficient among the models of the folds at λ's prior precision, and their standard
        deviation (1/(F − 1)).
    scale : ndarray of shape (p,)
        Weighted standard deviations of the columns.
    folds : str
        Those folds in words, ``"10 folds"``.
    fitted, residual : ndarray of shape (m,)
        Held-out predictions, ascending, and target minus prediction, of all rows or of at most 2,000 drawn evenly.
    edges : ndarray of shape (k + 1,)
        Bounds of k groups of predictions with about as many rows each, from all held-out rows.
    quantiles : ndarray of shape (k, 5)
        5 %, 25 %, 50 %, 75 % and 95 % quantiles of the residuals in each group.
    r2 : float
        1 − Σ s residual²/Σ s (y − ȳ)² over the held-out rows.
    columns : tuple of str
    posterior_std, sandwich_std : ndarray of shape (p,)
        Standard deviations of the coefficients. Posterior: under the Gaussian prior that λ is,
        σ̂² (G + Λ P)⁻¹ with σ̂² = Σ s residual²/(n − df − 1), as if the true coefficients had been drawn from that prior.
        Sandwich: H⁻¹ (Σ s² residual² x xᵀ) H⁻¹, how the decayed fit scatters about its own mean over samples of rows,
        whatever the noise is like; not about the true coefficients, as decay moves that mean. Scales and λ are taken as
        given in both. nan where the rows and the prior leave a coefficient undetermined, and where it was not computed.
    posterior_intercept_std, sandwich_intercept_std : float
        The same of the intercept, nan without one.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 3)); y = X @ [1.0, 0.0, 2.0] + rng.standard_normal(60)
    >>> found = wd.tune(wd.LinearRegression(), X, y).diagnostics
    >>> found.folds, bool((found.fold_low <= found.fold_high).all()), 0 < found.r2 < 1
    ('10 folds', True, True)
    """

    decay: float
    coef: Array
    least_squares: Array
    intercept: float
    least_squares_intercept: float
    df: float
    rank: float
    fold_low: Array
    fold_high: Array
    fold_std: Array
    scale: Array
    folds: str
    fitted: Array
    residual: Array
    edges: Array
    quantiles: Array
    r2: float
    columns: tuple[str, ...] = ()
    posterior_std: Array = field(default_factory=lambda: np.zeros(0))
    sandwich_std: Array = field(default_factory=lambda: np.zeros(0))
    posterior_intercept_std: float = math.nan
    sandwich_intercept_std: float = math.nan

    def __post_init__(self) -> None:
        for name in ("posterior_std", "sandwich_std"):
            if len(getattr(self, name)) != len(self.coef):
                object.__setattr__(self, name, np.full(len(self.coef), np.nan))
        freeze(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Diagnostics) and same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        p, r2 = len(self.coef), f"held-out R² {self.r2:.3f}"
        return f"Diagnostics({p} columns at decay {self.decay:.4g}, {self.folds}, {r2})"
