"""Second opinions on how much decay, from curvature rather than from held-out rows of many fits."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.frozen import freeze, same
from weightdecay.records.jsonable import encode, number, numbers

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Evidence:
    """The marginal likelihood of a network at L decays.

    Parameters
    ----------
    decays : ndarray of shape (L,)
        λ, as given.
    values : ndarray of shape (L,)
        −log evidence per row, up to a constant; smaller is better. inf at λ = 0, under which no prior is proper.
    loss : ndarray of shape (L,)
        Mean training loss at the mode: mean squared error, log-loss, or that of a function given.
    log_det : ndarray of shape (L,)
        log det(I + S/Λ): what the data narrow the prior by.
    df : ndarray of shape (L,)
        Numbers that the data determine, tr S(S + Λ)⁻¹, exempt ones apart.
    noise : ndarray of shape (L,)
        Variance of the noise of squared error, in the square of y's unit; nan for other losses.
    standard_error : ndarray of shape (L,)
        Of ``values``, from random vectors; 0 where the determinant is exact.
    structure : str
        "exact" or "lanczos".
    notes : tuple of str
        What limits the answer.

    Examples
    --------
    >>> one = Evidence(*np.array([[0.1, 1.0], [0.4, 0.3], [0.5, 0.6], [9, 3], [4, 2], [1, 1], [0, 0]]), "exact")
    >>> one.decay, one
    (1.0, Evidence(least at decay 1 of 2 from 0.1 to 1, 2 effective parameters, exact))
    """

    decays: Array
    values: Array
    loss: Array
    log_det: Array
    df: Array
    noise: Array
    standard_error: Array
    structure: str
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def best(self) -> int:
        """Where −log evidence is least; the larger decay of two alike.

        Raises
        ------
        ValueError
            It is known at no decay.
        """
        if np.isnan(self.values).all():
            raise ValueError("the evidence is known at no decay: give decays above 0")
        least = np.flatnonzero(self.values == np.nanmin(self.values))
        return int(least[np.argmax(self.decays[least])])

    @property
    def decay(self) -> float:
        """λ of the largest evidence among those tried."""
        return float(self.decays[self.best])

    def to_json(self) -> dict[str, Any]:
        """Strict JSON types: infinities and nan as strings."""
        found: dict[str, Any] = encode({one.name: getattr(self, one.name) for one in fields(self)})
        return found

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Evidence:
        """The record that `to_json` has written."""
        decays, values, loss, log_det, df, noise, error = (numbers(given[one.name]) for one in fields(cls)[:7])
        notes = tuple(map(str, given["notes"]))
        return cls(decays, values, loss, log_det, df, noise, error, str(given["structure"]), notes)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Evidence) and same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        if np.isnan(self.values).all():
            return f"Evidence(known at none of {len(self.decays)} decays)"
        span = f"{len(self.decays)} from {brief(float(self.decays.min()))} to {brief(float(self.decays.max()))}"
        free = brief(float(f"{self.df[self.best]:.3g}"))
        return f"Evidence(least at decay {brief(self.decay)} of {span}, {free} effective parameters, {self.structure})"


@dataclass(frozen=True, eq=False)
class Hypergradient:
    """How a held-out loss changes with λ at a trained network.

    Parameters
    ----------
    names : tuple of G str
        Groups of decayed parameters, each with a λ of its own.
    decays : ndarray of shape (G,)
        λ of each.
    slopes : ndarray of shape (G,)
        d(held-out loss)/d log λ of each; negative where more decay would lower the loss.
    loss : float
        Held-out loss: mean squared error, log-loss, or that of a function given.
    gradient_norm : float
        ‖∇J‖ at the weights given.
    move : float
        Share of ‖w‖ by which a Newton step would still move the weights: the digits that the slopes can be trusted to.
    iterations : int
        Products with the Hessian that the solution took.

    Examples
    --------
    >>> one = Hypergradient(("all",), np.array([0.1]), np.array([-0.02]), 0.5, 1e-9, 1e-9, 7)
    >>> one.slope, one
    (-0.02, Hypergradient(held-out loss 0.5; d loss/d log λ −0.02 at decay 0.1: more decay would lower it))
    """

    names: tuple[str, ...]
    decays: Array
    slopes: Array
    loss: float
    gradient_norm: float
    move: float
    iterations: int

    def __post_init__(self) -> None:
        freeze(self)

    @property
    def slope(self) -> float:
        """d(held-out loss)/d log λ where all λ are multiplied alike."""
        return float(self.slopes.sum())

    def to_json(self) -> dict[str, Any]:
        """Strict JSON types: infinities and nan as strings."""
        found: dict[str, Any] = encode({one.name: getattr(self, one.name) for one in fields(self)})
        return found

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Hypergradient:
        """The record that `to_json` has written."""
        loss, norm, move = (number(given[name]) for name in ("loss", "gradient_norm", "move"))
        names, decays, slopes = tuple(map(str, given["names"])), numbers(given["decays"]), numbers(given["slopes"])
        return cls(names, decays, slopes, loss, norm, move, int(given["iterations"]))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Hypergradient) and same(self, other)

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        parts = []
        for name, decay, slope in zip(self.names, self.decays.tolist(), self.slopes.tolist(), strict=True):
            of = f"{name}: " if len(self.names) > 1 else ""
            told = "more" if slope < 0 else "less"
            shown = brief(slope).replace("-", "−", 1) if slope < 0 else brief(slope)
            parts.append(f"{of}d loss/d log λ {shown} at decay {brief(decay)}: {told} decay would lower it")
        return f"Hypergradient(held-out loss {brief(self.loss)}; {'; '.join(parts)})"
