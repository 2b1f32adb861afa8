"""Folds of a course at any strengths of groups of columns: their models, held-out losses, and how these change.

With J_f the objective of fold f, H_f its Hessian at the fold's model v and Λ_g = λ_g Σs,

    ∂v/∂θ_g = −H_f⁻¹ (Λ_g/S_f) Q_g v,     θ_g = log λ_g,

so that one adjoint solve a = H_f⁻¹ ∂L/∂v gives every ∂L/∂θ_g = −a·(Λ_g/S_f) Q_g v. The Hessians of models nearby
(*anchors*) lead to v and precondition conjugate gradients for a, which meet H_f itself only through its products with
directions. What is left of the gradient of J_f at v moves the loss by a·∇J_f more, which is taken off.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from typing import final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.newton.courses import Course
from weightdecay.linear.newton.factors import Anchor, Factor
from weightdecay.linear.newton.members import Members
from weightdecay.linear.newton.minimise import Minimum, Settings, minimise
from weightdecay.linear.newton.passes import Gradients, bent, gradients
from weightdecay.linear.newton.paths import HELD, PATIENCE, POOR, Paths
from weightdecay.linear.workers import threads_for

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Times that Hessians are renewed for the models of one evaluation before each fold is left to itself.
RENEWALS = 6
# Of the adjoints' residuals, in the norm of the preconditioner, and steps at most.
SOLVED, MOST = 1e-8, 400
# Numbers of models that are kept to start from, and models at least.
KEPT, FEWEST = 2**22, 8
# Share of the right-hand side that conjugate gradients may leave, and of a loss that may be corrected.
ASTRAY, CORRECTION = 1e-3, 1e-2


@final
@dataclass(frozen=True, eq=False)
class Guide:
    """Hessians (D, D) of the folds' mean training losses at models nearby.

    Parameters
    ----------
    place : ndarray of shape (G,)
        Log decays they were formed at.
    anchor : Anchor
        Factors them.
    hessians : list of ndarray
    """

    place: Array
    anchor: Anchor
    hessians: list[Array]

    def factors(self, members: Members, member: Index) -> list[Factor]:
        """Of the objectives' Hessians with other strengths."""
        anchor = replace(self.anchor, members=members)
        with threads_for(float(len(self.hessians[0])) ** 3):
            return [anchor.factor(int(m), 1.0, H) for m, H in zip(member, self.hessians, strict=True)]


@final
@dataclass(frozen=True, eq=False)
class HeldOutSums:
    """Σ s loss of the test rows of F folds, its slopes (F, G) in the log decays, and the weights of those rows."""

    loss: Array
    slope: Array
    weight: Array


@final
@dataclass(eq=False)
class CourseGroups:
    """The folds of a course.

    Parameters
    ----------
    course : Course
    label : ndarray of shape (p,)
        Group of every column, −1 for exempt ones.
    apart : bool
        Whether folds have so few rows for their coefficients that each needs Hessians of its own.
    """

    course: Course
    label: Index
    apart: bool
    known: list[tuple[Array, Array]] = field(default_factory=list)
    guides: list[Guide] = field(default_factory=list)
    passes: int = 0

    def __post_init__(self) -> None:
        self.member = np.flatnonzero(np.array(self.course.folds) >= 0)
        self.paths.solve(np.array([math.inf]))
        self.start = self.paths.known[math.inf].V[self.member]
        self.passes = self.paths.passes

    @property
    def paths(self) -> Paths:
        """Models with the relative weights inside the groups."""
        return self.course.paths

    @property
    def held(self) -> NDArray[np.bool_]:
        """Coefficients (F, 1, q) that are left out."""
        return np.asarray(self.paths.members.pinned[self.member][:, None, :])

    def sizes(self, n_groups: int) -> tuple[Array, Array]:
        """Mean and largest eigenvalue, roughly, that each group's columns have at infinite decay, each (F, G).

        They are those of the curvature where λ acts; of a group without columns they are 0.
        """
        guide = self._guide(np.full(n_groups, math.inf), self.start)
        c, q = self.paths.shape
        p = len(self.label)
        means, most = np.zeros((len(self.member), n_groups)), np.zeros((len(self.member), n_groups))
        for f, (m, H) in enumerate(zip(self.member, guide.hessians, strict=True)):
            Q = self.paths.members.Q[m, :p]
            used = np.flatnonzero((Q > 0) & (self.label >= 0) & ~self.paths.members.pinned[m, :p])
            each = np.diagonal(H).reshape(c, q)[:, used].mean(axis=0) / Q[used]
            count = np.bincount(self.label[used], minlength=n_groups)
            means[f] = np.bincount(self.label[used], each, n_groups) / np.maximum(count, 1)
            np.maximum.at(most[f], self.label[used], each)
        return means, most

    def held_out(self, log_decays: Array) -> HeldOutSums:
        """Losses of all folds, and their slopes."""
        members = self._members(log_decays)
        V, factors = self._solved(log_decays, members)
        strength = np.ones(len(self.member))
        found = self._gradients(members, V, self.member)
        train = members.decayed_gradient(found.train, V, strength, self.member)
        test = found.test
        if self.paths.data.sparse:  # these are read for one side at a time
            others = replace(members, train=members.test, weight=np.ones_like(members.weight))
            test = self._gradients(others, V, self.member).train
        adjoint = self._adjoints(members, V, np.where(self.held, 0.0, test), factors)
        pull = members.strength(strength, self.member)[:, None] * members.Q[self.member]
        each = -np.einsum("fcq,fq,fcq->fq", adjoint, pull, V)[:, : len(self.label)]
        slope = np.zeros((len(V), len(log_decays)))
        inside = self.label >= 0
        for f, row in enumerate(each):
            slope[f] = np.bincount(self.label[inside], row[inside], len(log_decays))
        # What is left of the gradients moves the losses by so much; where that is no small part it is no correction.
        left = np.einsum("fcq,fcq->f", adjoint, train)
        loss = np.where(np.abs(left) <= CORRECTION * np.abs(found.test_loss), found.test_loss - left, math.inf)
        return HeldOutSums(loss, slope, members.test_weight[self.member])

    def visit(self, log_decays: Array) -> None:
        """Find the models, for others to start from."""
        self._solved(log_decays, self._members(log_decays))

    def _members(self, log_decays: Array) -> Members:
        """The one place where the groups' decays change a metric: with these, λ is 1."""
        members = self.paths.members
        Q = members.Q.copy()
        inside = np.flatnonzero(self.label >= 0)
        Q[:, inside] *= np.exp(log_decays)[self.label[inside]]
        return replace(members, Q=Q)

    def _gradients(self, members: Members, V: Array, member: Index) -> Gradients:
        """One pass over the rows."""
        self.passes += 1
        return gradients(self.paths.data, self.paths.cells, members, V, member)

    def _solved(self, log_decays: Array, members: Members) -> tuple[Array, list[Factor]]:
        """Models (F, c, q) of the folds, and factors of Hessians close to theirs."""
        V = min(self.known, key=lambda one: _away(one[0], log_decays), default=(log_decays, self.start))[1]
        guide = min(reversed(self.guides), key=lambda one: _away(one.place, log_decays), default=None)
        guide = guide or self._guide(log_decays, V)
        factors, tried, converged = guide.factors(members, self.member), 0, np.zeros(len(V), dtype=bool)
        for _ in range(RENEWALS):
            ended = self._minimised(members, V, factors)
            V, tried, converged = ended.V.reshape(V.shape), tried + int(ended.evaluations.max()), ended.converged
            poor = tried > PATIENCE or np.nan_to_num(ended.ratio).max() > POOR
            if converged.all() and not (poor and _away(guide.place, log_decays)):
                break
            guide = self._guide(log_decays, V)
            factors = guide.factors(members, self.member)
            if converged.all():
                break
        if not converged.all():
            V = self._alone(members, V, converged, guide)
        most = max(FEWEST, KEPT // V.size)
        self.known = [*self.known[-most:], (log_decays.copy(), V)]
        return V, factors

    def _minimised(self, members: Members, V: Array, factors: list[Factor]) -> Minimum:
        """Towards the models from V, with the factors that there are."""
        F, (c, q) = len(V), self.paths.shape
        goal = self.paths.goal[self.member]

        def evaluate(points: Array, which: Index) -> tuple[Array, None]:
            points, member = points.reshape(-1, c, q), self.member[which]
            train = self._gradients(members, points, member).train
            decayed = members.decayed_gradient(train, points, np.ones(len(which)), member)
            return decayed.reshape(len(which), c * q), None

        def precondition(right: Array, which: Index) -> Array:
            with threads_for(0.0):
                return np.stack([factors[one].solve(row) for one, row in zip(which, right, strict=True)])

        def measure(gradient: Array, which: Index) -> Array:
            reached = np.abs(gradient.reshape(-1, c, q) * members.reach[self.member[which]][:, None, :])
            return np.asarray(reached.max(axis=(1, 2), initial=0.0) / goal[which])

        return minimise(V.reshape(F, c * q), evaluate, precondition, measure, Settings(2 * PATIENCE))

    def _alone(self, members: Members, V: Array, converged: NDArray[np.bool_], guide: Guide) -> Array:
        """Those models that resist, each with Hessians of its own."""
        anchor = replace(guide.anchor, members=members)
        known = dict(self.paths.known)
        own = replace(self.paths, members=members, first={}, known=known, anchors=[anchor], hints={}, passes=0)
        vars(own)["goal"] = self.paths.goal
        bad = np.flatnonzero(~converged)
        V = V.copy()
        V[bad] = own.together(V[bad], self.member[bad], np.ones(len(bad))).V
        self.passes += own.passes
        return V

    def _guide(self, log_decays: Array, V: Array) -> Guide:
        """New Hessians: at each fold's own model, or at their mean for all of them."""
        data, cells, members = self.paths.data, self.paths.cells, self.paths.members
        wide = members.wide(V, self.member)
        mean = Anchor(data, cells, members, 0.0, wide.mean(axis=0))
        own = [replace(mean, v=one) for one in wide] if self.apart and len(V) > 1 else [mean] * len(V)
        hessians = [np.asarray(one.hessian(int(m))) for one, m in zip(own, self.member, strict=True)]
        self.passes += len(V) if own[0] is not mean else 1
        found = Guide(log_decays.copy(), Anchor(data, cells, members, 0.0, mean.v), hessians)
        most = max(1, HELD // sum(H.nbytes for H in hessians))
        self.guides = [*self.guides[-most:], found]
        return found

    def _adjoints(self, members: Members, V: Array, right: Array, factors: list[Factor]) -> Array:
        """H_f⁻¹ times right-hand sides (F, c, q), by conjugate gradients with the factors for a preconditioner."""
        F, shape = len(V), right.shape

        def preconditioned(R: Array) -> Array:
            with threads_for(0.0):
                return np.stack([one.solve(row) for one, row in zip(factors, R.reshape(F, -1), strict=True)])

        found, residual = np.zeros((F, V[0].size)), right.reshape(F, -1)
        closer = preconditioned(residual)
        direction, size = closer, np.einsum("fd,fd->f", residual, closer)
        goal = SOLVED**2 * size
        for _ in range(MOST):
            open_ = np.flatnonzero(size > goal)
            if not len(open_):
                break
            moved = np.zeros_like(found)
            moved[open_] = self._bent(members, V[open_], direction[open_].reshape(-1, *shape[1:]), self.member[open_])
            along = np.einsum("fd,fd->f", direction, moved)
            length = np.where(along > 0, size / np.where(along > 0, along, 1.0), 0.0)
            found = found + length[:, None] * direction
            residual = residual - length[:, None] * moved
            closer = preconditioned(residual)
            before, size = size, np.einsum("fd,fd->f", residual, closer)
            size = np.where(along > 0, size, 0.0)
            direction = closer + (size / np.where(before > 0, before, 1.0))[:, None] * direction
        return self._checked(members, V, right, found.reshape(shape))

    def _checked(self, members: Members, V: Array, right: Array, found: Array) -> Array:
        """The solutions, anew by the true Hessians where conjugate gradients have lost their way."""
        left = right - self._bent(members, V, found, self.member).reshape(right.shape)
        with np.errstate(invalid="ignore"):
            lost = ~(np.abs(left).max(axis=(1, 2)) <= ASTRAY * np.abs(right).max(axis=(1, 2)))
        for f in np.flatnonzero(lost):
            member, wide = int(self.member[f]), members.wide(V[f][None], self.member[[f]])[0]
            anchor = Anchor(self.paths.data, self.paths.cells, members, 0.0, wide)
            self.passes += 1
            found[f] = (
                anchor.factor(member, 1.0, anchor.hessian(member)).solve(right[f].ravel()).reshape(right[f].shape)
            )
        return found

    def _bent(self, members: Members, V: Array, directions: Array, member: Index) -> Array:
        """Hessians of the objectives times directions, (M, D)."""
        self.passes += 1
        mean = bent(self.paths.data, self.paths.cells, members, (V, directions), member)
        whole = members.decayed_gradient(mean, directions, np.ones(len(member)), member)
        return whole.reshape(len(member), -1)


def _away(one: Array, other: Array) -> float:
    """How far apart two points are; what infinite decay has is far from everything."""
    gap = float(np.abs(one - other).max(initial=0.0))
    return gap if math.isfinite(gap) else 1e9
