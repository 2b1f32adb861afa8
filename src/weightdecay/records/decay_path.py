"""Fitted models along a path of decays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.frozen import freeze, same

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DecayPath:
    """L fitted models, one per decay.

    Parameters
    ----------
    decays : ndarray of shape (L,)
        λ, ascending unless the caller gave another order; 0 and inf are allowed.
    coef : ndarray of shape (L, p), or (L, t, p) for t targets or classes
        Coefficients, in ``units``.
    intercept : ndarray of shape (L,) or (L, t)
    df : ndarray of shape (L,), or (L, t) where several targets differ in it
        Effective degrees of freedom, the intercept excluded. With an L1 part those of the columns that are not zero,
        with L1 alone their number (Zou, Hastie & Tibshirani 2007, Annals of Statistics 35(5)).
    train_loss : ndarray of shape (L,), or (L, t) for several targets
        Mean training loss: mean squared error or log-loss.
    status : tuple of L str
        How each model was computed and how exact it is.
    columns : tuple of str
        Names of the p columns.
    target_names : tuple of str
        Names of the targets, where they have some.
    units : str
        What the coefficients are in the units of: the columns, but for what a Pipeline made of them.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> path = wd.path(wd.LinearRegression(), [[1.0], [2.0], [4.0]], [1.0, 2.0, 3.0], [0.0, 1.0, np.inf])
    >>> path.decays, path.coef.round(3)[:, 0], path.df.round(3)
    (array([ 0.,  1., inf]), array([0.643, 0.321, 0.   ]), array([1. , 0.5, 0. ]))
    """

    decays: Array
    coef: Array
    intercept: Array
    df: Array
    train_loss: Array
    status: tuple[str, ...]
    columns: tuple[str, ...] = ()
    target_names: tuple[str, ...] = ()
    units: str = "the units of the columns"

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def nonzeros(self) -> NDArray[np.int64]:
        """How many coefficients are not zero, shape (L,), or (L, t) for t targets or classes."""
        return np.asarray(np.count_nonzero(self.coef, axis=-1), dtype=np.int64)

    @property
    def mean_df(self) -> Array:
        """Degrees of freedom, the mean over targets that differ in it; shape (L,)."""
        return self.df if self.df.ndim == 1 else np.asarray(self.df.mean(axis=1))

    @property
    def selects(self) -> bool:
        """Whether decay sets coefficients to zero, one after another, as an L1 part does."""
        finite = self.nonzeros[np.isfinite(self.decays)]
        return bool(len(finite)) and bool((finite != finite[0]).any())

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DecayPath) and same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def _repr_html_(self) -> str | None:
        """What it is, the largest coefficients against the decay, and a few decays, for notebooks."""
        from weightdecay.records.decay_path_html import html

        return html(self)

    def __repr__(self) -> str:
        L, *_, p = self.coef.shape
        return f"DecayPath({L} decays from {self.decays.min():.4g} to {self.decays.max():.4g}, {p} columns)"
