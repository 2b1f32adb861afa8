"""Paths: the models of all members at all decays, each found from what its neighbours are.

Models change smoothly with log λ. The first member's path is followed node by node, from large decays to small ones,
with a new Hessian only where the last has become a poor guide; between nodes models are interpolated. The other members
differ from the first by little: at nodes they start from its models, between nodes the difference is interpolated. What
is predicted so is then corrected until its own gradient meets the tolerance: all members and decays together in passes
over the rows (`minimise`), with the Hessians that the first member's path has left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.newton.existence import runs_away, separates
from weightdecay.linear.newton.factors import FORMED, Anchor, Factor, HeadHessian
from weightdecay.linear.newton.guides import guides, solved
from weightdecay.linear.newton.members import Members
from weightdecay.linear.newton.minimise import STEP, Minimum, Settings, minimise
from weightdecay.linear.newton.nodes import AROUND, interpolated, nodes
from weightdecay.linear.newton.passes import Gradients, gradients, test_losses
from weightdecay.linear.newton.proximal import Kinks, minimise_kinked
from weightdecay.linear.newton.rows import Cells, Standardised
from weightdecay.linear.newton.solved import Solved
from weightdecay.linear.newton.unformed import MANY_PAIRS, downward
from weightdecay.linear.workers import threads_for

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Decades between nodes: further apart than the first, nearer than the second where decays are to be had.
NEAR, FAR = 0.74, 1.1
# The same for those between, which are solved together, and for all that are left.
CLOSER, CLOSEST = (0.24, 0.6), (0.0, 0.0)
# A ratio of gradients, step by step, from which a new Hessian is worth its pass.
POOR = 0.12
# Evaluations before the Hessian is renewed at the place that was reached.
PATIENCE = 4
# Products of a Hessian that is formed without thinking twice.
CHEAP = 2e9
# New Hessians in search of a model without decay: a few lead to it, and none where there is none.
RENEWALS = 12
# Bytes of Hessians and factors held at once.
HELD = 256 << 20


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
    def step(self) -> float:
        """The step that counts as none: the finer, the smaller the gradient that does."""
        return STEP * min(1.0, self.tol / 1e-8)

    def _settings(self, most: int) -> Settings:
        """How far to go; of sparse columns no test gradient is known, by which losses follow an unseen step."""
        return Settings(most, step=self.step, trust=not self.data.sparse)

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
        if self.shape[0] * self.shape[1] > FORMED:
            downward(self, finite)
            finite = finite[:0]
        for node in nodes(finite, list(self.first), NEAR, FAR):
            self._keep(node, self._newton(self._predicted(node), node, 0))
        for gap in (CLOSER, CLOSEST):
            self._between(np.setdiff1d(nodes(finite, list(self.first), *gap), list(self.first)))
        for gap in ((NEAR, FAR), CLOSER, CLOSEST):
            complete = [one for one in self.first if self.known[one].complete]
            self._members(np.setdiff1d(nodes(finite, complete, *gap), complete))
        if 0.0 in new:
            self._zero()
        return [self.known[float(one)] for one in decays]

    def _between(self, decays: Array) -> None:
        """The first member's models at decays among known ones."""
        if not len(decays):
            return
        start = np.stack([self._predicted(one) for one in decays])
        found = self.together(start, np.zeros(len(decays), dtype=np.intp), decays)
        for place, decay in enumerate(decays):
            self._keep(float(decay), found, place)

    @cached_property
    def goal(self) -> Array:
        """Size (F,) of a gradient that counts as zero."""
        F = self.members.count
        found = self.gradients(self.known[math.inf].V, np.arange(F)).train
        held = self.members.pinned[:, None, :]
        reached = np.abs(np.where(held, 0.0, found) * self.members.reach[:, None, :])
        return np.asarray(self.tol * np.maximum(1.0, reached.max(axis=(1, 2), initial=0.0)))

    def gradients(self, V: Array, member: Index) -> Gradients:
        """One pass over the rows."""
        self.passes += 1
        return gradients(self.data, self.cells, self.members, V, member)

    def begin(self, decay: float, v: Array) -> None:
        """Take a Hessian at a model of the first member to begin with."""
        self._anchor(decay, v)

    def model(self, v: Array, decay: float) -> Solved:
        """The first member's model at a decay, from v (c, q) and with a Hessian from there."""
        self._anchor(decay, v)
        return self._newton(v, decay, 0)

    def gradient(self, v: Array, member: int = 0) -> Array:
        """Of the mean training loss of a member at a model (c, q)."""
        return np.asarray(self.gradients(v[None], np.array([member])).train[0])

    def anchor_near(self, decay: float, v: Array) -> Anchor:
        """An anchor at the model itself; where that costs much, the nearest if within a tenth of a decade."""
        place = math.log10(decay) if 0 < decay < math.inf else math.copysign(400.0, decay - 1.0)
        near = self.nearest(decay)
        cheap = float(self.data.n) * v.size**2 <= CHEAP
        usable = abs(near.place - place) <= 0.1 and not cheap and not near.rough
        return near if usable else self.own_anchor(v, 0, decay)

    def _keep(self, decay: float, found: Solved, place: int = 0) -> None:
        """Take down the first member's model at a decay."""
        solved = Solved.nothing(self.members.count, self.shape)
        solved.put(0, found, place)
        self.first[decay] = solved.V[0]
        self.known[decay] = solved

    def keep(self, decay: float, found: Solved) -> None:
        """Take down all members' models at a decay."""
        self._keep(decay, found)
        self.known[decay].put(np.arange(self.members.count), found)

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
        ends = [one for one in range(self.members.count) if not separates(self, start[one], one)]
        if ends:
            member = np.array(ends)
            solved.put(member, self.together(start[member], member, np.zeros(len(ends))))
        self.last = solved.V[0].copy()
        for one in range(self.members.count):
            if one not in ends or runs_away(self, solved.V[one], one):
                solved.V[one], solved.test_loss[one], solved.converged[one] = math.nan, math.nan, True
        self.known[0.0] = solved

    def _members(self, decays: Array) -> None:
        """The other members at decays at which the first is known."""
        F, L = self.members.count, len(decays)
        if F == 1 or not L:
            return
        member, strength = np.tile(np.arange(1, F), L), np.repeat(decays, F - 1)
        start = np.stack(
            [self.known[d].V[0] + self._difference(m, d) for m, d in zip(member, strength.tolist(), strict=True)]
        )
        found = self.together(start, member, strength, self._expected(member, strength))
        for place, (m, d) in enumerate(zip(member.tolist(), strength.tolist(), strict=True)):
            self.known[d].put(m, found, place)

    def _predicted(self, decay: float) -> Array:
        """The first member's model, from its neighbours."""
        if decay in self.hints:
            return self.hints[decay]
        if not self.first:
            return np.asarray(self.known[math.inf].V[0].copy())
        return interpolated(decay, self.first)

    def _difference(self, member: int, decay: float) -> Array | float:
        """A member's model less the first's, from its neighbours."""
        others = {one: solved.V[member] - solved.V[0] for one, solved in self._near(decay) if solved.converged[member]}
        return interpolated(decay, others) if others and 0 < decay < math.inf else 0.0

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

    def together(self, V: Array, member: Index, decays: Array, expected: Array | None = None) -> Solved:
        """Models from V (M, c, q): together, and those that resist one by one."""
        found = self.solve_from(V, member, decays, self._settings(3 * PATIENCE), expected)
        for place in np.flatnonzero(~found.converged):
            alone = self._newton(found.V[place], float(decays[place]), int(member[place]))
            found.put(int(place), alone, 0)
        return found

    def _newton(self, v: Array, decay: float, member: int) -> Solved:
        """One model, with a new Hessian wherever the last has become a poor guide."""
        one, decays = np.array([member]), np.array([decay])
        anchor = None if member == 0 else self.own_anchor(v, member, decay, guiding=True)
        tried = 0
        while True:
            found = self.solve_from(v[None], one, decays, self._settings(PATIENCE), anchors=anchor)
            v, tried = found.V[0], tried + PATIENCE
            if not math.isfinite(found.size[0]) and math.inf in self.known and tried <= PATIENCE:
                # What was extrapolated is beyond float64: a start that is not.
                v = self.known[math.inf].V[member].copy()
            poor = not found.converged[0] or found.ratio[0] > POOR
            if poor and member == 0:
                self._anchor(decay, v)
            if found.converged[0] or tried >= PATIENCE * (self.max_iter if decay else min(RENEWALS, self.max_iter)):
                return found
            if decay == 0.0 and (found.size[0] < math.inf and separates(self, v, member)):
                return found
            anchor = None if member == 0 else self.own_anchor(v, member, decay, guiding=True)

    def _anchor(self, decay: float, v: Array) -> None:
        """A new anchor at a model of the first member."""
        self.anchors.append(self.own_anchor(v, 0, decay, guiding=True))

    def own_anchor(self, v: Array, member: int, decay: float, *, guiding: bool = False) -> Anchor:
        """An anchor at a model of a member."""
        place = math.log10(decay) if 0 < decay < math.inf else math.copysign(400.0, decay - 1.0)
        wide = self.members.wide(v[None], np.array([member]))[0]
        return Anchor(self.data, self.cells, self.members, place, wide, guiding)

    def nearest(self, decay: float) -> Anchor:
        """The anchor nearest to a decay, the newest of several."""
        place = math.log10(decay) if 0 < decay < math.inf else math.copysign(400.0, decay - 1.0)
        return min(reversed(self.anchors), key=lambda one: abs(one.place - place))

    def solve_from(
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
        V = np.where(self.members.held(decays, member)[:, None, :], 0.0, V)
        D = V[0].size
        size = max(1, HELD // (8 * D * (D if D <= FORMED else 2 * MANY_PAIRS)))
        order = np.lexsort((member, decays))
        for start in range(0, len(order), size):
            part = order[start : start + size]
            near = [anchors or self.nearest(float(decays[one])) for one in part]
            factors = guides(near, member[part], decays[part], self.local)
            guess = None if expected is None else expected[part]
            ended = self._minimise(V[part], member[part], decays[part], (factors, settings, guess))
            c, q = self.shape
            found.V[part] = ended.V.reshape(-1, c, q)
            ratio = np.where(np.isfinite(ended.ratio), ended.ratio, 1.0)
            found.ratio[part], found.converged[part] = np.maximum(ratio, 1e-6), ended.converged
            found.size[part] = ended.size
            for position, (one, anchor) in enumerate(zip(part, near, strict=True)):
                found.test_loss[one] = self._test_loss(ended, position, anchor, int(member[one]))
            unseen = part[np.array([anchor.rough for anchor in near]) & ended.step.any(axis=1)]
            found.test_loss[unseen] = test_losses(self.data, self.cells, self.members, found.V[unseen], member[unseen])
        return found

    def local(self, anchor: Anchor, member: int, decay: float, hessian: Array | HeadHessian) -> Factor | Kinks:
        """What is known of a problem nearby: a factor, or a quadratic where there are L1 terms."""
        if self.members.l1_ratio and 0.0 < decay < math.inf and not isinstance(hessian, HeadHessian):
            zero = self.goal[member] / np.tile(self.members.reach[member], self.shape[0])
            return anchor.kinks(member, decay, hessian, zero)
        return anchor.factor(member, decay, hessian)

    def _minimise(
        self, V: Array, member: Index, decays: Array, how: tuple[list[Any], Settings, Array | None]
    ) -> Minimum:
        """From V (M, c, q) with a factor per problem, or a quadratic."""
        M, (c, q) = len(member), self.shape
        factors, settings, expected = how

        def evaluate(points: Array, which: Index) -> tuple[Array, Gradients]:
            points = points.reshape(-1, c, q)
            found = self.gradients(points, member[which])
            train = self.members.decayed_gradient(found.train, points, decays[which], member[which])
            return train.reshape(len(which), c * q), found

        if isinstance(factors[0], Kinks):
            with threads_for(0.0):
                return minimise_kinked(V.reshape(M, c * q), evaluate, factors, settings)

        def precondition(right: Array, which: Index) -> Array:
            with threads_for(0.0):
                return solved([factors[one] for one in which], right)

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
