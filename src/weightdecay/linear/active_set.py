"""Active set: a rough minimum of ½ wᵀQw − qᵀw + Σ t_j |w_j| made exact.

With the signs of the coefficients held, those that are not zero solve linear equations: Q_AA w_A = q_A − t_A s_A. What
changes its sign on the way there becomes zero, what pulls harder than its threshold joins, and so on until nothing
does: the feature-sign search of Lee, Battle, Raina & Ng (2006), "Efficient sparse coding algorithms", NeurIPS 19. Its
objective falls with every change, so that it ends; from a good start it does after one or two.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import lapack

from weightdecay.linear.quadratic import Quadratic
from weightdecay.linear.spectrum import EPS

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Changes of the active set from one start; and how many of them may add several columns that pull, rather than the one
# that pulls most, by which it is certain to end.
CHANGES, GREEDY = 400, 30
# Columns that may join at once: so many, or a share of those that are active, the hardest pullers first.
JOINING, JOINING_SHARE = 16, 0.25
# Solves by which a solution with given signs is corrected.
CORRECTIONS = 6
# Share of a squared column that the others leave of it, from which its coefficient has the digits of its slope.
SOUND = 1e-3


@dataclass(frozen=True, eq=False)
class Kinked:
    """A quadratic with thresholds t (p,), 0 for columns that are free, and ½ ridge_j w_j² added, ridge (p,)."""

    quadratic: Quadratic
    thresholds: Array
    ridge: Array

    def slope(self, w: Array) -> Array:
        """Minus the gradient of the smooth part."""
        return np.asarray(self.quadratic.slope(w) - self.ridge * w)

    def distance(self, w: Array, slope: Array) -> Array:
        """How far the slope is from the subdifferential of Σ t_j |w_j|, per coefficient."""
        pulled = np.where(w != 0, np.abs(slope - self.thresholds * np.sign(w)), np.abs(slope) - self.thresholds)
        return np.asarray(np.maximum(pulled, 0.0))

    def value(self, w: Array, slope: Array) -> float:
        """½ wᵀQw − qᵀw + ½ Σ ridge_j w_j² + Σ t_j |w_j|, given the slope."""
        return float(-0.5 * (self.quadratic.q + slope) @ w + self.thresholds @ np.abs(w))

    def noise(self, w: Array) -> float:
        """What rounding may leave of a slope, by Cauchy's inequality."""
        length = np.sqrt(np.maximum(self.quadratic.diagonal + self.ridge, 0.0))
        return float(4 * EPS * length.max(initial=0.0) * (length @ np.abs(w)))


def settle(kinked: Kinked, w: Array, goal: float, changes: int = CHANGES) -> tuple[Array, float]:
    """The exact minimum from a rough one, and its distance from the conditions of a minimum.

    Parameters
    ----------
    kinked : Kinked
    w : ndarray of shape (p,)
    goal : float
        A distance that counts as zero.
    changes : int
        Of the active set, at most.

    Returns
    -------
    w : ndarray of shape (p,)
    distance : float
        The largest over the coefficients; above the goal where digits or changes did not suffice.
    """
    free = kinked.thresholds == 0
    w = np.where(np.isfinite(w), w, 0.0)
    sign, active = np.sign(w) * ~free, (w != 0) | free
    slope = kinked.slope(w)
    for change in range(changes):
        if active.sum() > kinked.quadratic.most:
            break
        w, slope, lost = _towards(kinked, (w, slope), (active, sign), goal)
        if lost is not None:
            active, sign = active & ~lost, sign * ~lost
            continue
        off = np.where(active, 0.0, np.abs(slope) - kinked.thresholds)
        enough = max(goal, kinked.noise(w))
        if not off.max(initial=0.0) > enough:
            break
        most = max(JOINING, int(JOINING_SHARE * active.sum())) if change < GREEDY else 1
        hardest = np.partition(off, -most)[-most] if most < len(off) else 0.0
        joining = (off > enough) & (off >= hardest)
        active, sign = active | joining, np.where(joining, np.sign(slope), sign)
    return w, float(kinked.distance(w, slope).max(initial=0.0))


def _towards(
    kinked: Kinked, state: tuple[Array, Array], signed: tuple[NDArray[np.bool_], Array], goal: float
) -> tuple[Array, Array, NDArray[np.bool_] | None]:
    """Minimise with these signs held, as far as they hold: the point, its slope, and who has lost its sign.

    None of them where the minimum is reached.
    """
    (w, slope), (active, sign) = state, signed
    index = np.flatnonzero(active)
    if not len(index):
        return w, slope, None
    solver, last = _Solver(kinked, index), np.inf
    for _ in range(CORRECTIONS):
        left = slope[index] - kinked.thresholds[index] * sign[index]
        size = float(np.abs(left).max())
        # A slope of ill-conditioned columns may be small long before their coefficients are right.
        if size <= (goal if solver.sound else 0.0) or not size < last / 2:
            break
        flat = solver.flat(left, max(goal, kinked.noise(w)))
        if (flat * sign[index] < 0).any():
            return _stopped(kinked, w, (index, flat), sign, endless=True)
        step = solver.step(left)
        there = w[index] + step
        if ((there * sign[index] <= 0) & (sign[index] != 0)).any():
            return _stopped(kinked, w, (index, step), sign, endless=False)
        w = w.copy()
        w[index] = there
        slope, last = kinked.slope(w), size
    return w, slope, None


def _stopped(
    kinked: Kinked, w: Array, path: tuple[Index, Array], sign: Array, *, endless: bool
) -> tuple[Array, Array, NDArray[np.bool_]]:
    """As far on a step as all signs hold, or all of it with those at zero whose do not, whichever is lower."""
    index, step = path
    here = w[index]
    against = (sign[index] != 0) & ((step * sign[index] < 0) | (here + step == 0))
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(against & (step != 0), -here / step, np.where(against, 0.0, np.inf))
    least = float(share.min())
    ends = [(share <= least, here + least * step)]
    if not endless:
        ends.append((share <= 1.0, here + step))
    found = []
    for zero, end in ends:
        point, lost = w.copy(), np.zeros(len(w), dtype=bool)
        point[index], lost[index] = np.where(zero, 0.0, end), zero
        slope = kinked.slope(point)
        found.append((kinked.value(point, slope), point, slope, lost))
    _, point, slope, lost = min(found, key=lambda one: one[0])
    return point, slope, lost


class _Solver:
    """Steps (Q_AA + ridge)⁻¹ left for one set of columns, factorised once, each column in units of its length.

    Where columns are dependent the factorisation is pivoted, and those that the others determine stay where they are:
    Q_BD = Q_BB W tells the directions (−W, I) along which the smooth part has no curvature.
    """

    def __init__(self, kinked: Kinked, index: Index) -> None:
        block = kinked.quadratic.block(index)
        block.flat[:: len(index) + 1] += kinked.ridge[index]
        length = np.sqrt(block.diagonal())
        self.length = np.where(length > 0, length, 1.0)
        block /= self.length
        block /= self.length[:, None]
        self.basis, self.others = np.arange(len(index)), np.zeros(0, dtype=np.intp)
        self.factor, info = lapack.dpotrf(block, lower=0)
        # Pivots that have lost all but their last digits are those of dependent columns.
        cut, pivot = 16 * len(index) * EPS, 0.0 if info else float((self.factor.diagonal() ** 2).min())
        self.sound = pivot > SOUND
        if not pivot > cut:
            factor, order, rank, _ = lapack.dpstrf(block, tol=cut, lower=0)
            self.basis, self.others = order[:rank] - 1, order[rank:] - 1
            self.factor = np.asfortranarray(factor[:rank, :rank])
            self.ways, _ = lapack.dtrtrs(self.factor, factor[:rank, rank:], lower=0)

    def flat(self, left: Array, goal: float) -> Array:
        """A direction without curvature in which the objective falls; zeros where it falls no more than rounding."""
        found = np.zeros_like(left)
        if len(self.others):
            left = left / self.length
            gain = left[self.others] - left[self.basis] @ self.ways
            if np.abs(gain * self.length[self.others]).max() > goal:
                found[self.others], found[self.basis] = gain, -self.ways @ gain
        return found / self.length

    def step(self, left: Array) -> Array:
        """To where the slope is what the signs ask for."""
        found = np.zeros_like(left)
        if len(self.basis):
            found[self.basis], _ = lapack.dpotrs(self.factor, (left / self.length)[self.basis], lower=0)
        return found / self.length
