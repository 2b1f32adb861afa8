"""Paths: the models of all members at all decays, each found from what its neighbours are.

Models change smoothly with log λ. The first member's path is followed node by node, from large decays to small ones,
with a new Hessian only where the last has become a poor guide; between nodes models are interpolated. The other members
differ from the first by little: at nodes they start from its models, between nodes the difference is interpolated. What
is predicted so is then corrected until its own gradient meets the tolerance: all members and decays together in passes
over the rows (`minimise`), with the Hessians that the first member's path has left.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.newton.factors import FORMED, Anchor, Factor
from weightdecay.linear.newton.members import Members
from weightdecay.linear.newton.minimise import Minimum, Settings, minimise
from weightdecay.linear.newton.passes import Gradients, gradients, predictors
from weightdecay.linear.newton.rows import Cells, Standardised
from weightdecay.linear.workers import threads_for

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Decades between nodes: further apart than the first, nearer than the second where decays are to be had.
NEAR, FAR = 0.74, 1.1
# The same for what the other members differ by.
CLOSER, CLOSER_FAR = 0.24, 0.6
# Nodes to either side that are interpolated between, and those that are extrapolated from.
AROUND, BEHIND = 4, 4
# A ratio of gradients, step by step, from which a new Hessian is worth its pass.
POOR = 0.12
# Evaluations before the Hessian is renewed at the place that was reached.
PATIENCE = 4
# Bytes of Hessians and factors held at once.
HELD = 256 << 20
# Change of a linear predictor by a Newton step at vanishing gradient by which a minimum is told to be nowhere.
RUNNING = 0.1
# Rows whose predictors are looked at together.
SOME = 4096


@final
@dataclass(eq=False)
class Solved:
    """Models of M problems, or of all members at one decay.

    Parameters
    ----------
    V : ndarray of shape (M, c, q)
    test_loss : ndarray of shape (M,)
        Σ s loss over the test rows.
    ratio : ndarray of shape (M,)
        How well the Hessians in use led there.
    size : ndarray of shape (M,)
        Gradient in units of what counts as zero.
    converged : ndarray of shape (M,) of bool
    """

    V: Array
    test_loss: Array
    ratio: Array
    size: Array
    converged: NDArray[np.bool_]

    @property
    def complete(self) -> bool:
        """Whether all models are there."""
        return bool(self.ratio[-1] > 0.0)

    @staticmethod
    def nothing(M: int, shape: tuple[int, int]) -> Solved:
        """Zeros, to be filled."""
        return Solved(np.zeros((M, *shape)), np.zeros(M), np.zeros(M), np.zeros(M), np.zeros(M, dtype=bool))

    def put(self, where: Index | int, other: Solved, taken: Index | int | slice = slice(None)) -> None:
        """Take some of another's models."""
        for name in ("V", "test_loss", "ratio", "size", "converged"):
            getattr(self, name)[where] = getattr(other, name)[taken]


@final
@dataclass(eq=False)
class Paths:
    """Models of the members at every decay that was asked for; the first member is that whose path is followed.

    Parameters
    ----------
    data, cells, members
    tol : float
        Gradients count as zero at tol · max(1, gradient at infinite decay), in the coordinates where λ acts.
    max_iter : int
        Newton steps for a single model.
    """

    data: Standardised
    cells: Cells
    members: Members
    tol: float
    max_iter: int
    first: dict[float, Array] = field(default_factory=dict)
    known: dict[float, Solved] = field(default_factory=dict)
    anchors: list[Anchor] = field(default_factory=list)
    hints: dict[float, Array] = field(default_factory=dict)
    passes: int = 0
    last: Array = field(default_factory=lambda: np.zeros((0, 0)))

    @property
    def shape(self) -> tuple[int, int]:
        """c, q of a model."""
        return self.data.loss.outputs, self.members.Q.shape[1]

    def solve(self, decays: Array) -> list[Solved]:
        """The members' models at the decays, 0 and inf allowed."""
        if math.inf not in self.known:
            self._infinite()
        new = np.array([one for one in np.unique(decays) if one not in self.known])
        finite = new[(new > 0) & np.isfinite(new)]
        nodes = _nodes(finite, list(self.first), NEAR, FAR)
        for node in nodes:
            self._keep(node, self._newton(self._predicted(node), node, 0))
        between = np.setdiff1d(finite, nodes)
        if len(between):
            start = np.stack([self._predicted(one) for one in between])
            zeros = np.zeros(len(between), dtype=np.intp)
            found = self._all(start, zeros, between)
            for place, decay in enumerate(between):
                self._keep(float(decay), found, place)
        closer = _nodes(finite, [one for one in self.first if self.known[one].complete], CLOSER, CLOSER_FAR)
        self._members(np.array(closer))
        self._members(np.setdiff1d(finite, closer))
        if 0.0 in new:
            self._zero()
        return [self.known[float(one)] for one in decays]

    @cached_property
    def goal(self) -> Array:
        """Size (F,) of a gradient that counts as zero."""
        F = self.members.count
        found = self._gradients(self.known[math.inf].V, np.arange(F)).train
        held = self.members.pinned[:, None, :]
        reached = np.abs(np.where(held, 0.0, found) * self.members.reach[:, None, :])
        return np.asarray(self.tol * np.maximum(1.0, reached.max(axis=(1, 2), initial=0.0)))

    def _gradients(self, V: Array, member: Index) -> Gradients:
        """One pass over the rows."""
        self.passes += 1
        return gradients(self.data, self.cells, self.members, V, member)

    def gradient(self, v: Array) -> Array:
        """Of the mean training loss of the first member."""
        return self._gradients(v[None], np.zeros(1, dtype=np.intp)).train[0]

    def anchor_near(self, decay: float, v: Array) -> Anchor:
        """The nearest anchor, or one at the model itself where that is more than a tenth of a decade away."""
        place = math.log10(decay) if 0 < decay < math.inf else math.copysign(400.0, decay - 1.0)
        near = self._nearest(decay)
        return near if abs(near.place - place) <= 0.1 else self._own_anchor(v, 0, decay)

    def _keep(self, decay: float, found: Solved, place: int = 0) -> None:
        """Take down the first member's model at a decay."""
        solved = Solved.nothing(self.members.count, self.shape)
        solved.put(0, found, place)
        self.first[decay] = solved.V[0]
        self.known[decay] = solved

    def _infinite(self) -> None:
        """Every member without its decayed columns."""
        start = np.zeros(self.shape)
        if self.shape[1] > self.data.p and self.data.offset is None:
            start[:, -1] = self.data.loss.constant(self.data.target, self.data.s)
        self._anchor(math.inf, start)
        vars(self)["goal"] = np.full(self.members.count, self.tol)  # until models are there that tell
        self._keep(math.inf, self._newton(start, math.inf, 0))
        self._members(np.array([math.inf]))
        del vars(self)["goal"]
        del self.first[math.inf]

    def _zero(self) -> None:
        """Every member without decay; a model that has no minimum is nan."""
        least = min(self.first, default=math.inf)
        start = self.known[least].V
        solved = Solved.nothing(self.members.count, self.shape)
        solved.put(np.arange(self.members.count), self.known[least])
        ends = [one for one in range(self.members.count) if not self._separates(start[one], one)]
        if ends:
            member = np.array(ends)
            solved.put(member, self._all(start[member], member, np.zeros(len(ends))))
        self.last = solved.V[0].copy()
        for one in range(self.members.count):
            if one not in ends or self._runs_away(solved.V[one], one):
                solved.V[one], solved.test_loss[one], solved.converged[one] = math.nan, math.nan, True
        self.known[0.0] = solved

    def _training(self, member: int) -> Iterator[Index]:
        """A member's training rows that have weight, some thousand at a time."""
        inside = np.append(self.members.train[member], False)[self.cells.label] & (self.data.s > 0)
        rows = np.flatnonzero(inside)
        yield from (rows[k : k + SOME] for k in range(0, len(rows), SOME))

    def _separates(self, v: Array, member: int) -> bool:
        """Whether a model tells a member's training rows apart without exception: larger ones are then ever better."""
        one = np.array([member])
        return all(
            self.data.loss.separated(
                self.data.target[rows], predictors(self.data, self.members, v[None], one, rows)[:, 0]
            )
            for rows in self._training(member)
        )

    def _runs_away(self, v: Array, member: int) -> bool:
        """Whether a Newton step still moves predictors though the gradient has gone: there is no minimum."""
        if self._separates(v, member):
            return True
        one = np.array([member])
        train = self._gradients(v[None], one).train
        gradient = self.members.decayed_gradient(train, v[None], np.zeros(1), one)
        anchor = self._own_anchor(v, member, 0.0)
        step = anchor.factor(member, 0.0, anchor.hessian(member)).solve(gradient.ravel()).reshape(1, *self.shape)
        free = self.data.without_offset()
        moved = (np.abs(predictors(free, self.members, step, one, rows)).max() for rows in self._training(member))
        return not max(map(float, moved), default=0.0) < RUNNING

    def _members(self, decays: Array) -> None:
        """The other members at decays at which the first is known."""
        F, L = self.members.count, len(decays)
        if F == 1 or not L:
            return
        member, strength = np.tile(np.arange(1, F), L), np.repeat(decays, F - 1)
        start = np.stack(
            [self.known[d].V[0] + self._difference(m, d) for m, d in zip(member, strength.tolist(), strict=True)]
        )
        found = self._all(start, member, strength, self._expected(member, strength))
        for place, (m, d) in enumerate(zip(member.tolist(), strength.tolist(), strict=True)):
            self.known[d].put(m, found, place)

    def _predicted(self, decay: float) -> Array:
        """The first member's model, from its neighbours."""
        if decay in self.hints:
            return self.hints[decay]
        if not self.first:
            return self.known[math.inf].V[0].copy()
        return _interpolated(decay, self.first)

    def _difference(self, member: int, decay: float) -> Array | float:
        """A member's model less the first's, from its neighbours."""
        others = {one: solved.V[member] - solved.V[0] for one, solved in self._near(decay) if solved.converged[member]}
        return _interpolated(decay, others) if others and 0 < decay < math.inf else 0.0

    def _near(self, decay: float) -> list[tuple[float, Solved]]:
        """Finite decays about another one at which all members are known."""
        complete = [one for one in self.first if one != decay and self.known[one].complete]
        complete.sort(key=lambda one: abs(math.log(one / decay)) if 0 < decay < math.inf else 0.0)
        return [(one, self.known[one]) for one in complete[: 2 * AROUND + 2]]

    def _expected(self, member: Index, decays: Array) -> Array:
        """By what a step is expected to reduce the gradient: what it did nearby, nan where that is not known."""
        found = np.full(len(member), math.nan)
        for place, (m, d) in enumerate(zip(member.tolist(), decays.tolist(), strict=True)):
            if 0 < d < math.inf:
                near = [solved.ratio[m] for _, solved in self._near(d)[:2]] if m or self.first else []
                found[place] = max(near) if len(near) == 2 else math.nan
        return found

    def _all(self, V: Array, member: Index, decays: Array, expected: Array | None = None) -> Solved:
        """Models from V (M, c, q): together, and those that resist one by one."""
        found = self._solve(V, member, decays, Settings(3 * PATIENCE), expected)
        for place in np.flatnonzero(~found.converged):
            alone = self._newton(found.V[place], float(decays[place]), int(member[place]))
            found.put(int(place), alone, 0)
        return found

    def _newton(self, v: Array, decay: float, member: int) -> Solved:
        """One model, with a new Hessian wherever the last has become a poor guide."""
        one, decays = np.array([member]), np.array([decay])
        anchor = None if member == 0 else self._own_anchor(v, member, decay)
        tried = 0
        while True:
            found = self._solve(v[None], one, decays, Settings(PATIENCE), anchors=anchor)
            v, tried = found.V[0], tried + PATIENCE
            poor = not found.converged[0] or found.ratio[0] > POOR
            if poor and member == 0:
                self._anchor(decay, v)
            if found.converged[0] or tried >= PATIENCE * self.max_iter:
                return found
            if decay == 0.0 and (found.size[0] < math.inf and self._separates(v, member)):
                return found
            anchor = None if member == 0 else self._own_anchor(v, member, decay)

    def _anchor(self, decay: float, v: Array) -> None:
        """A new anchor at a model of the first member."""
        self.anchors.append(self._own_anchor(v, 0, decay))

    def _own_anchor(self, v: Array, member: int, decay: float) -> Anchor:
        """An anchor at a model of a member."""
        place = math.log10(decay) if 0 < decay < math.inf else math.copysign(400.0, decay - 1.0)
        wide = self.members.wide(v[None], np.array([member]))[0]
        return Anchor(self.data, self.cells, self.members, place, wide)

    def _nearest(self, decay: float) -> Anchor:
        """The anchor nearest to a decay, the newest of several."""
        place = math.log10(decay) if 0 < decay < math.inf else math.copysign(400.0, decay - 1.0)
        return min(reversed(self.anchors), key=lambda one: abs(one.place - place))

    def _solve(
        self,
        V: Array,
        member: Index,
        decays: Array,
        settings: Settings,
        expected: Array | None = None,
        *,
        anchors: Anchor | None = None,
    ) -> Solved:
        """Models from V (M, c, q), as many at a time as their factors are to be held."""
        found = Solved.nothing(len(member), self.shape)
        D = V[0].size
        size = max(1, HELD // (8 * D * (D if D <= FORMED else 1)))
        order = np.lexsort((member, decays))
        for start in range(0, len(order), size):
            part = order[start : start + size]
            near = [anchors or self._nearest(float(decays[one])) for one in part]
            hessians: dict[tuple[int, int], Array] = {}
            factors = []
            for anchor, one in zip(near, part, strict=True):
                key = id(anchor), int(member[one])
                if key not in hessians:
                    hessians[key] = anchor.hessian(key[1])
                with threads_for(float(D) ** 3):
                    factors.append(anchor.factor(key[1], float(decays[one]), hessians[key]))
            guess = None if expected is None else expected[part]
            ended = self._minimise(V[part], member[part], decays[part], (factors, settings, guess))
            c, q = self.shape
            found.V[part] = ended.V.reshape(-1, c, q)
            ratio = np.where(np.isfinite(ended.ratio), ended.ratio, 1.0)
            found.ratio[part], found.converged[part] = np.maximum(ratio, 1e-6), ended.converged
            found.size[part] = ended.size
            for position, (one, anchor) in enumerate(zip(part, near, strict=True)):
                found.test_loss[one] = self._test_loss(ended, position, anchor, int(member[one]))
        return found

    def _minimise(
        self, V: Array, member: Index, decays: Array, how: tuple[list[Factor], Settings, Array | None]
    ) -> Minimum:
        """From V (M, c, q) with a factor per problem."""
        M, (c, q) = len(member), self.shape
        factors, settings, expected = how

        def evaluate(points: Array, which: Index) -> tuple[Array, Gradients]:
            points = points.reshape(-1, c, q)
            found = self._gradients(points, member[which])
            train = self.members.decayed_gradient(found.train, points, decays[which], member[which])
            return train.reshape(len(which), c * q), found

        def precondition(right: Array, which: Index) -> Array:
            with threads_for(0.0):
                return np.stack([factors[one].solve(row) for one, row in zip(which, right, strict=True)])

        def measure(gradient: Array, which: Index) -> Array:
            reached = np.abs(gradient.reshape(-1, c, q) * self.members.reach[member[which]][:, None, :])
            return np.asarray(reached.max(axis=(1, 2), initial=0.0) / self.goal[member[which]])

        return minimise(V.reshape(M, c * q), evaluate, precondition, measure, settings, expected)

    def _test_loss(self, ended: Minimum, position: int, anchor: Anchor, member: int) -> float:
        """Σ s loss over test rows, carried along a step that was taken on trust."""
        gradient, place = ended.found[position]
        loss = float(gradient.test_loss[place])
        step = ended.step[position]
        if not step.any() or not self.members.test[member].any():
            return loss
        c, q = self.shape
        wide = self.members.wide(step.reshape(1, c, q), np.array([member]))[0]
        return loss + float(gradient.test[place].ravel() @ step) + anchor.test_curvature(member, wide)


def _nodes(new: Array, known: list[float], near: float, far: float) -> list[float]:
    """Decays that lie between no known ones ``far`` decades apart, thinned to ``near``, from the known ones outward."""
    nodes: list[float] = []
    places = sorted(math.log10(one) for one in known)
    for one in np.sort(new)[::-1]:
        place = math.log10(one)
        after = np.searchsorted(places, place)
        bracketed = 0 < after < len(places) and places[after] - places[after - 1] <= far
        close = bool(nodes) and math.log10(nodes[-1]) - place < near and one != new.min()
        if not bracketed and not close:
            nodes.append(float(one))
    above = [one for one in nodes if places and math.log10(one) > places[-1]]
    return above[::-1] + [one for one in nodes if one not in above]


def _interpolated(decay: float, known: dict[float, Array]) -> Array:
    """A model at a decay as the polynomial in log λ through its neighbours; beyond them one of low degree, or none."""
    at = np.log(np.array(sorted(known)))
    models = [known[one] for one in sorted(known)]
    place = math.log(decay)
    after = int(np.searchsorted(at, place))
    if 0 < after < len(at):
        low, high = max(0, after - AROUND), min(len(at), after + AROUND)
    else:
        low, high = (0, min(BEHIND, len(at))) if after == 0 else (max(0, len(at) - BEHIND), len(at))
        gap = abs(place - at[0 if after == 0 else -1])
        ends = at[low:high]
        if len(ends) < 2 or gap > 1.5 * (ends[-1] - ends[0]) / (len(ends) - 1):
            low, high = (0, 1) if after == 0 else (len(at) - 1, len(at))
    nodes = at[low:high]
    found = np.zeros_like(models[0])
    for one, node in enumerate(nodes):
        others = np.delete(nodes, one)
        found += float(np.prod((place - others) / (node - others))) * models[low + one]
    return found
