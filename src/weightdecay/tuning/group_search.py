"""Strengths of groups of columns: the held-out loss minimised over their logarithms, by its exact gradient.

The surface has plateaus, where a group is as good as left out or as good as free, and more than one minimum. So the
search starts from the best single decay, from others, from each group moved up and down and from each group almost
alone, goes on from the most promising, and at the end tries what no gradient points at. Everything is deterministic.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import Any, Protocol, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.grouping import Extreme, Group, Grouping
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.interrupts import Interrupted
from weightdecay.tuning.progress import Progress, Silent
from weightdecay.tuning.protocol import Problem
from weightdecay.tuning.request import Request, folds_of
from weightdecay.tuning.selection import standard_error

Array = NDArray[np.float64]
P = TypeVar("P", bound=Problem)

# Shares of the loss: below which a gain is none, up to which strengths are as good, and up to which a group that is
# left out, or free, costs nothing.
RELEVANT, AS_GOOD, NOTHING = 1e-6, 1e-5, 1e-4
# Nats below the mean eigenvalue of a group's own matrix from which on decay is as good as none, and above the largest.
BELOW, ABOVE = 23.0, 12.0
STEP = math.log(10.0)  # of the scan with one decay for all
MOVED = 4.0  # by which a group is moved to start from there
# Where between its bounds a group is neither free nor left out, and how far below it other starts are.
MIDDLE, LEVELS = 0.6, (0.0, 3.0, 6.0)
STARTS = 12
FIRST_STEPS, STEPS, FINALISTS = 5, 100, 3
ROUNDS = 4
HALVINGS = 6


@dataclass(frozen=True, eq=False)
class ColumnGroups:
    """Which columns share a strength.

    Parameters
    ----------
    names : tuple of G str
    label : ndarray of shape (p,)
        Group of every column, −1 for exempt ones.
    weights : ndarray of shape (p,)
        Relative strengths inside the groups, of geometric mean 1 in each; 0 for exempt columns.
    """

    names: tuple[str, ...]
    label: NDArray[np.intp]
    weights: Array

    def strengths(self, log_decays: Array) -> Array:
        """Strengths (G,) of which the decayed columns' decay weights have the geometric mean 1."""
        shares = np.bincount(self.label[self.label >= 0], minlength=len(self.names))
        return np.asarray(np.exp(log_decays - shares @ log_decays / shares.sum()))

    def decay_weights(self, strengths: Array) -> Array:
        """Decay weights (p,)."""
        return np.asarray(np.where(self.label >= 0, self.weights * strengths[self.label], 0.0))


class GroupLoss(Protocol):
    """The mean held-out loss of a plan of folds as a function of θ_g = log λ_g."""

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Log decays (G,), (G,) below which decay is as good as none, and above which it is as good as infinite."""
        ...

    def value_and_gradient(self, log_decays: Array) -> tuple[float, Array]:
        """The loss L(θ), and ∂L/∂θ of shape (G,)."""
        ...

    def parts(self, log_decays: Array) -> tuple[Array, Array]:
        """Losses and weights of the folds, or of the rows under leave-one-out, whose weighted mean is the loss."""
        ...


@runtime_checkable
class Grouped(Protocol):
    """A problem whose groups of columns want strengths of their own."""

    @property
    def column_groups(self) -> ColumnGroups | None:
        """The groups whose strengths are to be tuned, None where there are none or they have been tuned."""
        ...

    def group_folds(self, folds: Folds) -> Folds:
        """The folds that the strengths are tuned on, given those of the curve."""
        ...

    def group_loss(self, groups: ColumnGroups, folds: Folds) -> GroupLoss:
        """The held-out loss as a function of the groups' strengths."""
        ...

    def weighted(self, decay_weights: Array, grouping: Grouping) -> Any:
        """The same data with other decay weights (p,), and where these came from."""
        ...


@dataclass(frozen=True, eq=False)
class Found:
    """What a search has found.

    Parameters
    ----------
    log_decays : ndarray of shape (G,)
    loss, single_loss, single : float
        The least loss, the least with one decay for all, and that decay's logarithm.
    extremes : tuple of G str
    evaluations : int
    converged : bool
    """

    log_decays: Array
    loss: float
    single_loss: float
    single: float
    extremes: tuple[Extreme, ...]
    evaluations: int
    converged: bool


def wants_strengths(problem: Problem) -> bool:
    """Whether a problem has groups of columns whose strengths are still to be tuned."""
    return isinstance(problem, Grouped) and problem.column_groups is not None


def tuned_weights(
    problem: P, request: Request, *, groups: Any = None, y: Any = None, progress: Progress | None = None
) -> tuple[P, Request]:
    """The problem with its groups' strengths tuned, and the request with the folds planned; both as they were without.

    Parameters
    ----------
    problem : Problem
    request : Request
        Whose folds hold rows out; its scorer has no say in the strengths, which minimise the problem's own loss.
    groups, y : array-like of shape (n,), optional
        For the plan of folds: groups of *rows*.
    progress : Progress, optional

    Raises
    ------
    Interrupted
        The interrupt key was pressed.
    """
    if not isinstance(problem, Grouped) or problem.column_groups is None:
        return problem, request
    columns, told = problem.column_groups, progress or Silent()
    folds = folds_of(problem, request, groups, y)
    used = problem.group_folds(folds)
    try:
        told.start(1, f"tuning the strengths of {len(columns.names)} groups of columns, {used.text}")
        loss = problem.group_loss(columns, used)
        found = search_groups(loss)
        told.advance(f"{found.evaluations} evaluations")
    except KeyboardInterrupt:
        told.finish()
        raise Interrupted from None
    except BaseException:
        told.finish()
        raise
    strengths = columns.strengths(found.log_decays)
    grouping = _record(columns, strengths, loss, found, used)
    return problem.weighted(columns.decay_weights(strengths), grouping), replace(request, cv=folds)


def _record(columns: ColumnGroups, strengths: Array, loss: GroupLoss, found: Found, folds: Folds) -> Grouping:
    """What was found, for eyes."""
    counts = np.bincount(columns.label[columns.label >= 0], minlength=len(columns.names))
    each = zip(columns.names, counts.tolist(), strengths.tolist(), found.extremes, strict=True)
    mine, weight = loss.parts(found.log_decays)
    one, _ = loss.parts(np.full(len(columns.names), found.single))
    repeat = folds.repeat if len(folds.repeat) == len(weight) else np.zeros(len(weight), dtype=np.intp)
    used = weight > 0
    paired = float(standard_error((mine - one)[used, None], weight[used], repeat[used])[0])
    return Grouping(
        groups=tuple(Group(*one) for one in each),
        loss=found.loss,
        single_loss=found.single_loss,
        single_decay=math.exp(found.single),
        paired=paired,
        cv=folds.text,
        evaluations=found.evaluations,
        converged=found.converged,
    )


def box(mean: Array, count: Array) -> tuple[Array, Array]:
    """Bounds of log decays from the mean eigenvalues (G,) of the groups' own matrices and their numbers of columns.

    A group whose columns say nothing (mean 0) takes what the others have.
    """
    known = mean > 0
    mean = np.where(known, mean, mean[known].mean() if known.any() else 1.0)
    return np.log(mean) - BELOW, np.log(mean) + np.log(np.maximum(count, 1)) + ABOVE


def search_groups(loss: GroupLoss) -> Found:
    """Minimise the held-out loss over the log decays of all groups.

    Parameters
    ----------
    loss : GroupLoss

    Returns
    -------
    Found
        No worse than one decay for all, which it keeps where the groups' own gain less than a millionth of the loss.
    """
    surface = _Surface(loss)
    single = _best_single(surface)
    start = np.full(len(surface.low), single)
    least = surface.value(start)
    surface.unit = abs(least) if least else 1.0
    surface.widen(single)
    point, converged = start, True
    if len(start) > 1 and least > 0:
        point, converged = _descended(surface, start)
        point, converged = _jumped(surface, point, converged)
    if not surface.value(point) < least - RELEVANT * surface.unit:
        alike: list[Extreme] = [""] * len(start)
        return Found(start, least, least, single, tuple(alike), surface.evaluations, converged)
    extremes = _extremes(surface, point, single)
    point = _settled(surface, point, start, extremes)
    return Found(point, surface.value(point), least, single, extremes, surface.evaluations, converged)


@dataclass(eq=False)
class _Surface:
    """A loss that remembers what it was asked, inside bounds."""

    loss: GroupLoss
    unit: float = 1.0
    evaluations: int = 0
    known: dict[bytes, tuple[float, Array]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.low, self.high = (np.array(one, dtype=np.float64) for one in self.loss.bounds)

    def widen(self, single: float) -> None:
        """Let the bounds hold one decay for all."""
        self.low, self.high = np.minimum(self.low, single), np.maximum(self.high, single)

    def at(self, point: Array) -> tuple[float, Array]:
        """Value and gradient; what is no number is a wall."""
        key = point.tobytes()
        if key not in self.known:
            self.evaluations += 1
            value, gradient = self.loss.value_and_gradient(point)
            sound = math.isfinite(value) and bool(np.isfinite(gradient).all())
            self.known[key] = (value, gradient) if sound else (math.inf, np.zeros_like(point))
        return self.known[key]

    def value(self, point: Array) -> float:
        """The loss."""
        return self.at(point)[0]

    def relative(self, point: Array) -> tuple[float, Array]:
        """Value and gradient in units of the best single decay's loss."""
        value, gradient = self.at(point)
        return value / self.unit, gradient / self.unit

    def inside(self, point: Array) -> Array:
        """The nearest point within the bounds."""
        return np.clip(point, self.low, self.high)


def _best_single(surface: _Surface) -> float:
    """Logarithm of the best decay for all groups: a scan by decades, then between the best's neighbours."""
    from scipy.optimize import minimize_scalar

    ones, low, high = np.ones(len(surface.low)), float(surface.low.min()), float(surface.high.max())
    scan = np.linspace(low, high, max(3, 1 + math.ceil((high - low) / STEP)))
    values = [surface.value(one * ones) for one in scan]
    best = int(np.argmin(values))
    ends = scan[max(best - 1, 0)], scan[min(best + 1, len(scan) - 1)]
    found = minimize_scalar(
        lambda one: surface.value(one * ones), bounds=ends, method="bounded", options={"xatol": 0.02}
    )
    return float(found.x) if found.fun < values[best] else float(scan[best])


def _descent(surface: _Surface, start: Array, steps: int) -> tuple[Array, bool]:
    """Downhill from a point by L-BFGS-B (Byrd, Lu, Nocedal & Zhu 1995); whether it ended by itself."""
    from scipy.optimize import minimize

    found = minimize(
        surface.relative,
        surface.inside(start),
        jac=True,
        method="L-BFGS-B",
        bounds=list(zip(surface.low, surface.high, strict=True)),
        options={"maxiter": steps, "ftol": 0.1 * RELEVANT, "gtol": RELEVANT, "maxfun": 20 * steps},
    )
    # A line search that finds nothing better ends the search as well: at a point that rounding errors surround.
    return np.asarray(found.x, dtype=np.float64), bool(found.status != 1)


def _starts(surface: _Surface, single: Array) -> list[Array]:
    """The best single decay and, of all other points that a descent may start from, those of least loss."""
    middle = surface.low + MIDDLE * (surface.high - surface.low)
    units = np.eye(len(single))
    levels = [middle - level for level in LEVELS]
    moved = [base + MOVED * sign * unit for base in (single, levels[1]) for unit in units for sign in (1.0, -1.0)]
    alone = [middle + MOVED - 2.0 * MOVED * unit for unit in units]
    others = [surface.inside(one) for one in (*levels, *moved, *alone)]
    return [single, *sorted(others, key=surface.value)[:STARTS]]


def _descended(surface: _Surface, single: Array) -> tuple[Array, bool]:
    """A few steps from every start, then to the end from the best of them."""
    first = [_descent(surface, start, FIRST_STEPS)[0] for start in _starts(surface, single)]
    finalists: list[Array] = []
    for one in sorted(first, key=surface.value):
        if len(finalists) < FINALISTS and all(np.abs(one - other).max() > 0.5 for other in finalists):
            finalists.append(one)
    ends = [_descent(surface, one, STEPS) for one in finalists]
    return min(ends, key=lambda one: surface.value(one[0]))


def _jumped(surface: _Surface, point: Array, converged: bool) -> tuple[Array, bool]:
    """What no gradient points at: a group left out, free, or far from where it is; downhill again from what helps."""
    for _ in range(ROUNDS):
        tried = []
        for g in range(len(point)):
            for value in (surface.low[g], point[g] - MOVED, point[g] + MOVED, surface.high[g]):
                other = point.copy()
                other[g] = value
                tried.append(surface.inside(other))
        best = min(tried, key=surface.value)
        if not surface.value(best) < surface.value(point) - RELEVANT * surface.unit:
            break
        point, converged = _descent(surface, best, STEPS)
    return point, converged


def _extremes(surface: _Surface, point: Array, single: float) -> tuple[Extreme, ...]:
    """Which groups are as good left out, or free, all of those at once; the farthest out is asked first."""
    limit, moved = surface.value(point) + NOTHING * surface.unit, point.copy()
    found: list[Extreme] = [""] * len(point)
    for g in np.argsort(-np.abs(point - single), kind="stable"):
        ends = []
        for end in (surface.high[g], surface.low[g]):
            other = moved.copy()
            other[g] = end
            ends.append(surface.value(other) <= limit)
        above, below = ends
        if above and below:
            found[g] = "any"
        elif above or below:
            found[g] = "infinite" if above else "none"
            moved[g] = surface.high[g] if above else surface.low[g]
    return tuple(found)


def _settled(surface: _Surface, point: Array, start: Array, extremes: tuple[Extreme, ...]) -> Array:
    """Of strengths on a plateau the one nearest to the single decay that is as good, and better than that decay.

    What lies farther out says the same, and costs the digits of columns that differ so much.
    """
    best, single = surface.value(point), float(start[0])
    limit = best + min(AS_GOOD * surface.unit, 0.5 * (surface.value(start) - best))

    def moved(g: int, to: float) -> Array:
        other = point.copy()
        other[g] = to
        return other

    for g in (g for g, one in enumerate(extremes) if one):
        good, bad = float(point[g]), single
        if surface.value(moved(g, single)) <= limit:
            good = bad
        for _ in range(HALVINGS if good != bad else 0):
            middle = 0.5 * (good + bad)
            good, bad = (middle, bad) if surface.value(moved(g, middle)) <= limit else (good, middle)
        point = moved(g, good)
    return point
