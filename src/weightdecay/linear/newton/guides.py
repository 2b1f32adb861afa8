"""Guides: the factors that lead many problems to their minima at once.

Of small Hessians one decomposition serves a member at all decays. With A the coefficients that are decayed and E those
that are not, S = H_AA − H_AE H_EE⁻¹ H_EA and the eigenvectors of Q^(−½) S Q^(−½) = U d Uᵀ,

    (H + λQ)⁻¹ = T (d + λ)⁻¹ Tᵀ + P,    T_A = Q^(−½) U,  T_E = −H_EE⁻¹ H_EA T_A,  P_EE = H_EE⁻¹,

so that a further decay costs nothing, and many problems are solved in two products.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgError

from weightdecay.linear.newton.factors import FORMED, Anchor, Factor, HeadHessian
from weightdecay.linear.workers import threads_for

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Coefficients up to which a decomposition takes no longer than so many of Cholesky's.
SPECTRAL, WORTH = 320, 8
# Coefficients up to which factors are formed by one thread.
ALONE = 1200


@final
@dataclass(frozen=True, eq=False)
class Spectrum:
    """T (D, a), d (a,) and P (D, D), None where everything is decayed."""

    T: Array
    d: Array
    P: Array | None

    def solve(self, right: Array, strength: Array) -> Array:
        """The solutions (m, D) for right-hand sides (m, D) at the strengths λ (m,)."""
        found = (right @ self.T / (self.d + strength[:, None])) @ self.T.T
        return np.asarray(found if self.P is None else found + right @ self.P)


def spectrum(H: Array, Q: Array, held: NDArray[np.bool_]) -> Spectrum:
    """Of the Hessian (D, D) of a mean loss and the decay's metric Q (D,), without what is held at 0 (D,).

    Raises
    ------
    LinAlgError
        What is not decayed has no inverse.
    """
    A, E = np.flatnonzero((Q > 0) & ~held), np.flatnonzero((Q == 0) & ~held)
    root = 1.0 / np.sqrt(Q[A])
    S = H[np.ix_(A, A)]
    P = None
    if len(E):
        inverse = np.linalg.inv(H[np.ix_(E, E)])
        B = inverse @ H[np.ix_(E, A)]
        S = S - H[np.ix_(A, E)] @ B
        P = np.zeros_like(H)
        P[np.ix_(E, E)] = inverse
    d, U = np.linalg.eigh(S * root[:, None] * root)
    T = np.zeros((len(H), len(A)))
    T[A] = root[:, None] * U
    if len(E):
        T[E] = -B @ T[A]
    return Spectrum(T, np.maximum(d, 0.0), P)


@final
@dataclass(frozen=True, eq=False)
class Shifted:
    """A spectrum at a strength of decay."""

    of: Spectrum
    strength: float

    def solve(self, right: Array) -> Array:
        """The solution for right-hand sides (D,) or (D, r)."""
        rows = np.atleast_2d(right.T)
        return self.of.solve(rows, np.full(len(rows), self.strength)).T.reshape(right.shape)

    def step(self, v: Array, gradient: Array) -> Array:
        """Whatever the model is, H⁻¹g."""
        return self.solve(gradient)


def solved(factors: Sequence[Factor], right: Array) -> Array:
    """The solutions (m, D) of m problems, those of one spectrum together."""
    found = np.empty_like(right)
    together: dict[int, list[int]] = {}
    for place, factor in enumerate(factors):
        if isinstance(factor, Shifted):
            together.setdefault(id(factor.of), []).append(place)
        else:
            found[place] = factor.solve(right[place])
    for places in together.values():
        mine = [one for one in (factors[place] for place in places) if isinstance(one, Shifted)]
        found[places] = mine[0].of.solve(right[places], np.array([one.strength for one in mine]))
    return found


Local = Callable[[Anchor, int, float, Any], Any]


def guides(near: Sequence[Anchor], member: Index, decays: Array, local: Local) -> list[Any]:
    """What leads every problem: of its anchor's Hessian, decomposed where it serves many decays.

    Parameters
    ----------
    near : sequence of Anchor
    member : ndarray of shape (M,)
    decays : ndarray of shape (M,)
    local : callable of (anchor, member, decay, hessian)
        A factor for one problem alone, or a quadratic.
    """
    keys = [(id(anchor), int(one)) for anchor, one in zip(near, member, strict=True)]
    times = Counter(keys)
    hessians: dict[tuple[int, int], Array | HeadHessian] = {}
    spectra: dict[tuple[int, int], Spectrum | None] = {}
    found: list[Any] = []
    for key, anchor, decay in zip(keys, near, decays.tolist(), strict=True):
        if key not in hessians:
            hessians[key] = anchor.hessian(key[1])
        # The threads of a BLAS that wait for each other are worth their while in large factors only.
        with threads_for(math.inf if ALONE < anchor.v.size <= FORMED else 0.0):
            if key not in spectra:
                spectra[key] = _spectrum(anchor, key[1], hessians[key]) if times[key] >= WORTH else None
            mine = spectra[key]
            if mine is not None and 0.0 < decay < math.inf:
                strength = anchor.members.strength(np.array(decay), np.array([key[1]]))
                found.append(Shifted(mine, float(strength[0])))
            else:
                found.append(local(anchor, key[1], decay, hessians[key]))
    return found


def _spectrum(anchor: Anchor, member: int, hessian: Array | HeadHessian) -> Spectrum | None:
    """Of a member's Hessian at an anchor, None where there is none."""
    members, c = anchor.members, len(anchor.v)
    if isinstance(hessian, HeadHessian) or len(hessian) > SPECTRAL or members.l1_ratio:
        return None
    held = np.tile(members.held(np.ones(1), np.array([member]))[0], c)
    try:
        return spectrum(hessian.astype(np.float64), np.tile(members.Q[member], c), held)
    except LinAlgError:
        return None
