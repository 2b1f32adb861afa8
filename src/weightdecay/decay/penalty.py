"""Who is decayed, towards what and in which shape: the penalty R(w), which λ multiplies from outside.

Every method uses array operators alone, so a NumPy array gives NumPy arrays and a torch tensor gives tensors, on
its own device and in its own floating-point type, provided that the penalty's parameters are of the same kind.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

Array: TypeAlias = Any  # a NumPy array or a torch tensor: anything with Python's arithmetic and comparison operators


@dataclass(frozen=True, eq=False)
class Penalty:
    r"""The penalty of J for one unit of λ, on coefficients of shape (..., p).

    .. math:: R(w) = \sum_j p_j \left( \tfrac12 (1-ρ) z_j^2 + ρ |z_j| \right), \qquad z_j = σ_j (w_j - c_j)

    Parameters
    ----------
    l1_ratio : float
        ρ in [0, 1]: 0 is weight decay (half the squared norm), 1 is the lasso (the 1-norm).
    decay_weights : array of shape (p,), optional
        p ≥ 0, how strongly each coefficient is decayed relative to λ; 0 exempts it. None: 1 for all.
    centre : array of shape (p,) or the shape of w, optional
        c, the values that λ pulls towards, in the units of w. None: 0.
    scale : array of shape (p,), optional
        σ ≥ 0, which takes w to the axis where λ acts: under ``standardize`` the columns' standard deviations,
        with divisor Σs. None: 1, so that λ acts on w itself.

    Raises
    ------
    ValueError
        If ρ is outside [0, 1], a decay weight or scale is negative or not finite, or a centre is not finite.

    Notes
    -----
    Zou & Hastie (2005), "Regularization and variable selection via the elastic net", JRSS B 67(2), eq. 3, written
    with one strength λ and a mix; factors p per coefficient as in Friedman, Hastie & Tibshirani (2010), J. Stat.
    Softw. 33(1), section 2.6. Two penalties are equal only if they are the same object.

    Examples
    --------
    >>> import numpy as np
    >>> penalty = Penalty(decay_weights=np.array([1.0, 0.0]))
    >>> w = np.array([3.0, -2.0])
    >>> float(penalty.value(w))
    4.5
    >>> penalty.proximal(w, 2.0).tolist()
    [1.0, -2.0]
    """

    l1_ratio: float = 0.0
    decay_weights: Array = None
    centre: Array = None
    scale: Array = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.l1_ratio <= 1.0:
            raise ValueError(
                f"l1_ratio must be a number from 0 (weight decay) to 1 (lasso), got {self.l1_ratio!r}: "
                "give the share of the penalty that is the 1-norm"
            )
        for name, lowest in (("decay_weights", 0.0), ("centre", -math.inf), ("scale", 0.0)):
            given = getattr(self, name)
            if isinstance(given, (int, float, list, tuple)):
                given = np.asarray(given, dtype=float)
                object.__setattr__(self, name, given)
            if given is not None:
                _check_finite(name, given, lowest)

    @property
    def exempt(self) -> Array:
        """Mask of shape (p,), true where λ has no hold; one false value that broadcasts when all are decayed."""
        return np.zeros((), dtype=bool) if self.decay_weights is None else self.decay_weights == 0

    def value(self, w: Array) -> Array:
        r"""Return R(w), summed over the last axis.

        Parameters
        ----------
        w : array of shape (..., p)
            Coefficients, in the units of the model.

        Returns
        -------
        array of shape (...)

        Examples
        --------
        >>> import numpy as np
        >>> Penalty(l1_ratio=1.0).value(np.array([[1.0, -2.0], [0.0, 0.5]])).tolist()
        [3.0, 0.5]
        """
        z = self._displacement(w)
        terms = 0.5 * (1.0 - self.l1_ratio) * z * z
        if self.l1_ratio > 0:
            terms = terms + self.l1_ratio * abs(z)
        return (terms if self.decay_weights is None else self.decay_weights * terms).sum(-1)

    def gradient(self, w: Array) -> Array:
        r"""Return ∂R/∂w_j = p_j σ_j ((1−ρ) z_j + ρ sign z_j), of the shape of w, with sign 0 = 0.

        At z_j = 0 this is the subgradient of least length.

        Parameters
        ----------
        w : array of shape (..., p)
            Coefficients, in the units of the model.

        Returns
        -------
        array of shape (..., p)

        Examples
        --------
        >>> import numpy as np
        >>> Penalty(l1_ratio=0.5).gradient(np.array([2.0, 0.0, -4.0])).tolist()
        [1.5, 0.0, -2.5]
        """
        z = self._displacement(w)
        slope = (1.0 - self.l1_ratio) * z
        if self.l1_ratio > 0:
            slope = slope + self.l1_ratio * _sign(z)
        return self._scaled(slope, 1)

    def curvature(self, w: Array) -> Array:
        r"""Return the diagonal p_j σ_j² (1−ρ) of the Hessian of R (its kinks left out).

        Parameters
        ----------
        w : array of shape (..., p)
            Coefficients; only their shape, type and device matter.

        Returns
        -------
        array of shape (..., p)

        Examples
        --------
        >>> import numpy as np
        >>> Penalty(scale=np.array([1.0, 3.0])).curvature(np.zeros(2)).tolist()
        [1.0, 9.0]
        """
        return self._scaled((1.0 - self.l1_ratio) * _ones(w), 2)

    def proximal(self, w: Array, step: Array) -> Array:
        r"""Return argmin_u ½‖u − w‖² + step · R(u), exactly, of the shape of w.

        With d = w − c, the weight decay a = step p (1−ρ) σ² and the threshold b = step p ρ σ, per coefficient:

        .. math:: u = c + \operatorname{sign}(d) \max(|d| - b, 0) / (1 + a)

        A coefficient that is not decayed comes back bit for bit, and one within the threshold is c exactly.

        Parameters
        ----------
        w : array of shape (..., p)
            Coefficients, in the units of the model.
        step : float or array that broadcasts against w
            Finite and ≥ 0: the learning rate times λ.

        Returns
        -------
        array of shape (..., p)

        Notes
        -----
        Parikh & Boyd (2014), "Proximal Algorithms", section 6.5.2 (soft thresholding) and section 2.2.

        Examples
        --------
        >>> import numpy as np
        >>> Penalty(l1_ratio=1.0).proximal(np.array([3.0, -0.5]), 1.0).tolist()
        [2.0, 0.0]
        """
        one = _ones(w)
        shrink = step * self._scaled((1.0 - self.l1_ratio) * one, 2)
        d = w if self.centre is None else w - self.centre
        if self.l1_ratio > 0:
            threshold = step * self._scaled(self.l1_ratio * one, 1)
            d = (d > threshold) * (d - threshold) + (d < -threshold) * (d + threshold)
            free = shrink + threshold == 0
        else:
            free = shrink == 0
        if self.centre is None:
            return d / (1.0 + shrink)  # d is w itself where both terms are 0, and 0 where it fell within the threshold
        # c + (w − c) may differ from w in its last digit: exempt coefficients must not drift, so they are put back.
        return free * w + (free == 0) * (self.centre + d / (1.0 + shrink))

    def subdifferential_distance(self, w: Array, gradient: Array, decay: Array = 1.0) -> Array:
        r"""Return how far −gradient is from decay · ∂R(w), per coefficient, of the shape of w.

        .. math:: |g_j + λ ∂_j R| \text{ where } z_j \ne 0 \text{ or } ρ = 0, \qquad
                  \max(|g_j| - λ p_j ρ σ_j, 0) \text{ where } z_j = 0

        All zeros if and only if w minimises loss + λR along every coordinate, with ``gradient`` that of the loss.

        Parameters
        ----------
        w, gradient : arrays of shape (..., p)
        decay : float or array that broadcasts against w
            λ ≥ 0.

        Returns
        -------
        array of shape (..., p)

        Notes
        -----
        Friedman, Hastie & Tibshirani (2010), J. Stat. Softw. 33(1), section 2.1.

        Examples
        --------
        >>> import numpy as np
        >>> lasso = Penalty(l1_ratio=1.0)
        >>> lasso.subdifferential_distance(np.array([2.0, 0.0, 0.0]), np.array([-1.0, 0.5, 3.0])).tolist()
        [0.0, 0.0, 2.0]
        """
        excess = abs(gradient + decay * self.gradient(w))
        if self.l1_ratio > 0:
            kink = (self._displacement(w) == 0) * self._scaled(self.l1_ratio * _ones(w), 1)
            excess = excess - decay * kink
        return 0.5 * (excess + abs(excess))

    def _displacement(self, w: Array) -> Array:
        """Return z = σ (w − c)."""
        d = w if self.centre is None else w - self.centre
        return d if self.scale is None else self.scale * d

    def _scaled(self, slope: Array, power: int) -> Array:
        """Return p σ^power · slope: the chain rule from the axis of z to that of w."""
        if self.scale is not None:
            slope = self.scale**power * slope
        return slope if self.decay_weights is None else self.decay_weights * slope


def _ones(w: Array) -> Array:
    """Return ones of the shape, type and device of w, by an operator that both kinds of array have."""
    return abs(w) ** 0


def _sign(z: Array) -> Array:
    """Return the sign of z in z's own floating-point type (a mask times a Python float would be 32-bit in torch)."""
    one = _ones(z)
    return (z > 0) * one - (z < 0) * one


def _check_finite(name: str, given: Array, lowest: float) -> None:
    """Refuse numbers below ``lowest`` and numbers that are not finite, naming the first."""
    good = (given >= lowest) & (abs(given) < math.inf)
    if not bool(good.all()):
        position = good.reshape(-1).tolist().index(False)
        expected = "finite" if lowest < 0 else "finite and at least 0"
        raise ValueError(
            f"{name} must be {expected}, got {given.reshape(-1)[position].item()!r} at position {position}"
            + ("; use 0 to exempt a coefficient" if name == "decay_weights" else "")
        )
