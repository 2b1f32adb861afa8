"""One Krylov space for all decays: Golub-Kahan steps, LSQR's rotations for every Λ, and a bound of each one's error.

In the coordinates of `krylov_folds` the decays of a fold differ only in Λ of ½ ‖y − A θ‖² + ½ Λ ‖θ‖², and the spaces
spanned by the (AᵀA + Λ)ᵏ Aᵀy are the same for all Λ. Golub-Kahan bidiagonalisation builds them, for all folds and
targets at once, with two passes over X per step; each decay turns the few numbers it yields by the rotations of LSQR:

    β₁ u₁ = y,  α₁ v₁ = Aᵀu₁;      β_{k+1} u_{k+1} = A v_k − α_k u_k,      α_{k+1} v_{k+1} = Aᵀu_{k+1} − β_{k+1} v_k,
    θ_k = θ_{k−1} + a_k w_k,       w_{k+1} = v_{k+1} − g_k w_k,            a_k and g_k from the rotations, for each Λ.

Whatever is linear in θ follows the same recurrence. Held-out predictions need the image of v_k on the test rows, which
is part of the step: n_test × L numbers for all folds together, and no p × L.

A decay stops on a bound of its error. Its gradient is no measure: where Λ is small and the spectrum long, a gradient
reduced by 10¹⁰ leaves errors of 10⁻⁶. The energy ‖e_k‖² = ‖A e_k‖² + Λ‖e_k‖² = 2 J(θ_k) − 2 J(θ) is at most

    U_0 = ‖∇_0‖²/Λ,      1/U_{k+1} = Λ/‖∇_{k+1}‖² + 1/(U_k − φ_{k+1}²),      φ_k² = 2 J(θ_{k−1}) − 2 J(θ_k),

the Gauss-Radau bound of conjugate gradients with its node at Λ, as no eigenvalue of AᵀA + Λ lies below.

Where Λ is 0, or rounding error beside ‖A‖², that is out of reach. There a decay goes on until its gradient is rounding
error, ‖∇_k‖ ≤ c ε ‖A‖ ‖r_k‖, or the residual itself is, or the next direction would be: the recurrence would only
inflate noise. F = Σ_i ‖w_i‖²/ρ_i² ≥ 1/(σ²_min + Λ) of all that the space has seen then turns the gradient into an
error, and where this is not small enough, directions are left that float64 does not tell from those of no effect: the
decay has not converged.

Golub & Kahan (1965), SIAM J. Numer. Anal. B 2(2). Paige & Saunders (1982), "LSQR", ACM Trans. Math. Softw. 8(1), with
the damping of its section 2 and F from its section 5.4. Frommer & Maass (1999), SIAM J. Sci. Comput. 20(5), for one
space under all shifts. Meurant & Tichý (2013), Numer. Algorithms 62(2), for the bound.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.krylov_data import Floats
from weightdecay.linear.krylov_folds import EPSILON, FoldOperator

Booleans: TypeAlias = NDArray[np.bool_]
Counts: TypeAlias = NDArray[np.intp]

# Vectors that wait for one matrix product, how many numbers they may hold together, and the width of one product.
BLOCK, BLOCK_ENTRIES, STRIP = 32, 2**23, 4096
# Eigenvalues of AᵀA below this part of the largest count as 0 when Λ is smaller still.
RANK = 1e-20
# Lengths and gradients below this many ε of what they are computed from are rounding error, and directions that A
# shortens to this many ε of its norm.
ROUNDING, VANISHED = 8.0, 1e3
# ‖∇J‖∞ ≤ GRADIENT · tol · ‖∇J(0)‖∞: half of it by the recurrence, half for what the recurrence may have drifted.
GRADIENT = 10.0


@dataclass(frozen=True, eq=False)
class Step:
    """One step of the bidiagonalisation, and what the rotations make of it.

    Parameters
    ----------
    direction, following : ndarray of shape (p, F, t)
        v_k and v_{k+1}.
    image : ndarray of shape (n, F, t)
        Π X D⁻¹ v_k.
    gain, ratio : ndarray of shape (F, t, L)
        a_k, which is 0 for decays that have stopped, and g_k.
    slope : ndarray of shape (F, t, L)
        The gradient at θ_k is slope · v_{k+1}, up to rounding.
    before, after : ndarray of shape (F, t, L) of bool
        The decays that have not stopped.
    """

    direction: Floats
    following: Floats
    image: Floats
    gain: Floats
    ratio: Floats
    slope: Floats
    before: Booleans
    after: Booleans


View: TypeAlias = Callable[[Step, int, int], Floats]


class Follower(Protocol):
    """Something that is to be known of every θ."""

    def follow(self, step: Step) -> None:
        """Take one step in."""


@dataclass(frozen=True, eq=False)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    converged : ndarray of shape (F, t, L) of bool
    iterations : ndarray of shape (F, t, L) of int
    gradient_limit : ndarray of shape (F, t)
        What ‖∇J‖∞, computed anew, may reach where columns have variance 1: 10 tol ‖∇J(0)‖∞.
    passes : int
    """

    converged: Booleans
    iterations: Counts
    gradient_limit: Floats
    passes: int


def solve(
    operator: FoldOperator,
    centred: Floats,
    precisions: Floats,
    followers: Sequence[Follower],
    *,
    tol: float,
    max_iter: int,
) -> Outcome:
    """Step until every decay has stopped or the steps are spent.

    Parameters
    ----------
    operator : FoldOperator
    centred : ndarray of shape (n, F, t)
        Π y.
    precisions : ndarray of shape (L,)
        Λ in the operator's units, 0 and inf allowed.
    followers : sequence of Follower
    tol : float
        Demanded: energy norm of the error ≤ tol · √(2 J(θ)), and ‖∇J‖∞ ≤ 5 tol ‖∇J(0)‖∞ by the recurrence.
    max_iter : int
    """
    left_vector, left = normalised(operator.reproject(operator.rooted(centred)))
    right_vector, right = normalised(operator.adjoint(left_vector))
    steepest = left * right * peak(operator, right_vector)
    # √(max p) ‖∇J‖₂ is an upper bound of ‖∇J‖∞ that needs no look at the vectors.
    slope_limit = GRADIENT / 2 * tol * steepest / (operator.decay_roots.max(initial=0.0) or 1.0)
    rotations = Rotations(precisions, left, right, tol=tol, slope_limit=slope_limit)
    taken, longest = 0, right
    while rotations.active.any() and taken < max_iter:
        image = operator.apply(right_vector)
        left_vector *= -right
        left_vector += operator.rooted(image)
        left_vector, left = normalised(operator.reproject(left_vector), ROUNDING * EPSILON * longest)
        longest = np.maximum(longest, np.hypot(left, right))  # ‖A v_k‖
        following = operator.adjoint(left_vector)
        following -= left * right_vector
        following, right = normalised(following, ROUNDING * EPSILON * longest)
        before = rotations.active.copy()
        gain, ratio, slope = rotations.turn(left, right)
        step = Step(right_vector, following, image, gain, ratio, slope, before, rotations.active.copy())
        for follower in followers:
            follower.follow(step)
        right_vector = following
        taken += 1
    return Outcome(rotations.converged, rotations.iterations, GRADIENT * tol * steepest, 1 + 2 * taken)


class Rotations:
    """LSQR's numbers for every fold, target and decay, all of shape (F, t, L), and whether each decay may stop.

    β_{k+1} and α_{k+1} (F, t) come as `left` and `right`.
    """

    def __init__(self, precisions: Floats, left: Floats, right: Floats, *, tol: float, slope_limit: Floats) -> None:
        finite = np.isfinite(precisions)
        left, right = left[..., None], right[..., None]
        shape = np.broadcast_shapes(left.shape, precisions.shape)
        self._precisions = np.where(finite, precisions, 1.0)
        self._rho, self._phi, self._absorbed = right + np.zeros(shape), left + np.zeros(shape), np.zeros(shape)
        self._node, self._bound = np.zeros(shape), np.zeros(shape)
        self._tol, self._slope_limit = tol, slope_limit[..., None]
        self._floor = np.square(4 * EPSILON * left)
        # ‖w_k‖² for orthonormal v, F, the largest ‖A v_k‖², and gradient and 2 J as they are.
        self._length, self._inverse, self._size = np.ones(shape), np.zeros(shape), np.square(right)
        self._slope, self._twice_objective = self._rho * self._phi, np.square(self._phi)
        self.active = finite & (left * right > 0)
        self.converged = ~self.active
        self.iterations = np.zeros(shape, dtype=np.intp)

    def turn(self, left: Floats, right: Floats) -> tuple[Floats, Floats, Floats]:
        """Take one step; give a_k, which is 0 for decays that have stopped, g_k, and the gradient along v_{k+1}."""
        left, right = left[..., None], right[..., None]
        if not self.iterations.any():
            # α₁² + β₂² is the Rayleigh quotient of AᵀA at v₁.
            self._node = np.maximum(self._precisions, RANK * (np.square(self._rho) + np.square(left)))
            self._bound = quotient(np.square(self._rho * self._phi), self._node)
        damping = np.sqrt(self._precisions)
        damped = np.hypot(self._rho, damping)
        self._absorbed += np.square(quotient(damping, damped) * self._phi)
        self._phi = quotient(self._rho, damped) * self._phi
        rho = np.hypot(damped, left)
        cosine, sine = quotient(damped, rho), quotient(left, rho)
        phi, self._phi, self._rho = cosine * self._phi, sine * self._phi, -cosine * right
        self._size = np.maximum(self._size, np.square(right) + np.square(left))
        unresolved = self._precisions <= EPSILON * self._size
        inverse = self._inverse + quotient(self._length, np.square(rho))
        self._finish(unresolved & (inverse * self._size * (VANISHED * EPSILON) ** 2 >= 1.0), self._estimate())
        gain, ratio, slope = self.active * quotient(phi, rho), quotient(sine * right, rho), sine * phi * right
        self.iterations += self.active
        self._bound = tightened(self._bound, self._node, np.square(phi), np.square(slope))
        self._inverse, self._length = inverse, 1.0 + np.square(ratio) * self._length
        self._slope, self._twice_objective = slope, np.square(self._phi) + self._absorbed
        rounded = np.abs(slope) <= ROUNDING * EPSILON * np.sqrt(self._size * self._twice_objective)
        self._finish(unresolved & (rounded | (self._twice_objective <= self._floor)), self._estimate())
        self._finish(self._precise(self._bound), self._bound)
        return gain, ratio, slope

    def _estimate(self) -> Floats:
        """Of ‖e_k‖², where no bound is in reach."""
        return np.minimum(np.square(self._slope) * self._inverse, self._twice_objective)

    def _precise(self, bound: Floats) -> Booleans:
        """Where a bound of ‖e_k‖² and the gradient are within tolerance."""
        allowed = np.maximum(np.square(self._tol) * self._twice_objective, self._floor)
        found: Booleans = (bound <= allowed) & (np.abs(self._slope) <= self._slope_limit)
        return found

    def _finish(self, here: Booleans, bound: Floats) -> None:
        """Stop some decays; they have converged where their bound says so."""
        self.converged |= self.active & here & self._precise(bound)
        self.active &= ~here


class Combination:
    """One linear view of θ for L decays: Σ_k a_k w_k with w_{k+1} = v_{k+1} − g_k w_k, taken in blocks.

    The recurrence as it stands would pass over L × size numbers at every step. A block of m vectors is instead one
    product with m × L coefficients, which come from running it backwards, plus the last w before the block.
    """

    def __init__(self, size: int, n_decays: int, block: int) -> None:
        self._total = np.zeros((n_decays, size))
        self._alive = np.arange(n_decays)
        self._tail = np.zeros((n_decays, size))
        self._vectors = np.empty((block, size))
        self._gains, self._ratios = np.zeros((block, n_decays)), np.zeros((block + 1, n_decays))
        self._filled = 0

    def append(self, vector: Floats, gain: Floats, ratio: Floats, after: Booleans) -> None:
        """Take the view of v_k, with a_k and g_k (L,); the decays `after` will take more."""
        self._vectors[self._filled] = vector
        self._gains[self._filled] = gain
        self._ratios[self._filled + 1] = ratio
        self._filled += 1
        if self._filled == len(self._vectors):
            self._combine(after)

    def total(self) -> Floats:
        """The view of θ at every decay, (L, size)."""
        if self._filled:
            self._combine(np.zeros(len(self._total), dtype=bool))
        return self._total

    def _combine(self, after: Booleans) -> None:
        m, alive = self._filled, self._alive
        gains, ratios = self._gains[:m, alive], self._ratios[: m + 1, alive]
        last = np.zeros_like(gains)
        last[-1] = 1.0
        for k in range(m - 2, -1, -1):
            gains[k] -= ratios[k + 1] * gains[k + 1]
            last[k] -= ratios[k + 1] * last[k + 1]
        onward = after[alive]
        tail = np.empty((np.count_nonzero(onward), self._tail.shape[1]))
        for start in range(0, self._tail.shape[1], STRIP):
            strip = slice(start, start + STRIP)
            vectors, before = self._vectors[:m, strip], self._tail[:, strip]
            self._total[alive, strip] += gains.T @ vectors - (ratios[0] * gains[0])[:, None] * before
            carried = (ratios[0] * last[0])[onward, None] * before[onward]
            tail[:, strip] = last[:, onward].T @ vectors - carried
        self._alive, self._tail, self._filled = alive[onward], tail, 0
        self._ratios[0] = self._ratios[m]


class Views:
    """Follows one view of θ per fold; `view(step, fold, target)` is what it sees of v_k."""

    def __init__(self, view: View, sizes: Sequence[int], n_targets: int, n_decays: int) -> None:
        block = int(np.clip(BLOCK_ENTRIES // max(1, n_targets * sum(sizes)), 1, BLOCK))
        self._view = view
        self._combinations = [[Combination(size, n_decays, block) for _ in range(n_targets)] for size in sizes]

    def follow(self, step: Step) -> None:
        """Look at every fold and target where a decay moves."""
        for fold, target in np.argwhere(step.before.any(axis=2)).tolist():
            here = fold, target
            vector = self._view(step, fold, target)
            self._combinations[fold][target].append(vector, step.gain[here], step.ratio[here], step.after[here])

    def totals(self, fold: int) -> Floats:
        """The view of θ in one fold, (size, t, L)."""
        return np.stack([combination.total().T for combination in self._combinations[fold]], axis=1)


def tightened(bound: Floats, node: Floats, decrease: Floats, slope_square: Floats) -> Floats:
    """U_{k+1} of the next θ, whose J is smaller by ½ `decrease`; U_k − φ² is kept above its own rounding."""
    rest = np.maximum(bound - decrease, 0.0) + 4 * EPSILON * bound
    return quotient(rest * slope_square, node * rest + slope_square)


def peak(operator: FoldOperator, direction: Floats) -> Floats:
    """max_j √p_j |v_j| (F, T): a gradient's largest component where columns have variance 1."""
    largest: Floats = np.max(np.abs(direction) * operator.decay_roots[:, None, None], axis=0, initial=0.0)
    return largest


def norm(vectors: Floats) -> Floats:
    """Euclidean norms (F, T) along the first axis."""
    lengths: Floats = np.sqrt(np.einsum("ift,ift->ft", vectors, vectors))
    return lengths


def normalised(vectors: Floats, rounding: Floats | float = 0.0) -> tuple[Floats, Floats]:
    """Vectors of length 1 in place of those given, zeros for those up to a length of rounding, and the lengths."""
    lengths = norm(vectors)
    lengths *= lengths > rounding
    vectors *= quotient(np.ones_like(lengths), lengths)
    return vectors, lengths


def quotient(numerator: Floats, denominator: Floats) -> Floats:
    """numerator/denominator, and 0 where the denominator is 0."""
    shape = np.broadcast_shapes(numerator.shape, denominator.shape)
    return np.divide(numerator, denominator, out=np.zeros(shape), where=denominator > 0)
