"""Held-out losses of many decays over many folds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.frozen import freeze

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What the held-out rows say about L decays.

    Parameters
    ----------
    decays : ndarray of shape (L,)
        λ on the scale of the full data.
    loss : ndarray of shape (F, L)
        Held-out loss of each fold: mean squared error, log-loss or −score. Leave-one-out has one row.
    weight : ndarray of shape (F,)
        Σ of the sample weights of a fold's test rows (ones for scorers).
    standard_error : ndarray of shape (L,)
        Standard error of the mean loss.
    paired : ndarray of shape (L,)
        Standard error of the paired difference to the decay with the smallest mean loss.
    status : ndarray of shape (F, L) of str
        How each loss was computed; ``"exact"`` is the normal case.
    targets : tuple of HeldOut
        One per target when there are several, else empty.
    opinions : mapping of str to ndarray of shape (L,)
        Other criteria at the same decays, such as ``"gcv"``.

    Examples
    --------
    Two folds of three and one rows, two decays:

    >>> import numpy as np, weightdecay as wd
    >>> loss, unknown = np.array([[1.0, 2.0], [5.0, 4.0]]), np.full(2, np.nan)
    >>> held_out = wd.HeldOut(
    ...     decays=np.array([0.1, 1.0]), loss=loss, weight=np.array([3.0, 1.0]),
    ...     standard_error=unknown, paired=unknown, status=np.full((2, 2), "exact"),
    ... )
    >>> held_out.mean
    array([2. , 2.5])
    """

    decays: Array
    loss: Array
    weight: Array
    standard_error: Array
    paired: Array
    status: NDArray[np.str_]
    targets: tuple[HeldOut, ...] = ()
    opinions: Mapping[str, Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        freeze(self)

    def __repr__(self) -> str:
        F, L = self.loss.shape
        return f"HeldOut({L} decays, {F} folds, {len(self.targets) or 1} targets)"

    @property
    def mean(self) -> Array:
        """Weighted mean loss ΣW_f L_f/ΣW_f over the folds, shape (L,)."""
        return weighted_mean(self.loss, self.weight)


def weighted_mean(loss: Array, weight: Array) -> Array:
    """ΣW_f L_f / ΣW_f over the first axis."""
    return np.asarray(weight @ loss / weight.sum(), dtype=np.float64)
