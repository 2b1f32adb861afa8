"""Leave-one-out: what each row would be predicted as, had the model not seen it.

With F = Σ s ẑ W ẑᵀ + ΛQ the Hessian of the sum, E_i = I ⊗ ẑ_i and G_i = E_iᵀ F⁻¹ E_i, one Newton step from the model of
all rows to that without row i changes its predictors by (approximate leave-one-out, ALO)

    Δη_i = G_i (I − s_i W_i G_i)⁻¹ s_i slope_i.

That is exact for squares alone. Rows on which the step is large, or all rows where these are few, are therefore
completed: their own problems are solved, many together, with (F − E_i s_i W_i E_iᵀ)⁻¹ as Woodbury's formula has it.
Scales are those of all rows, intercepts are refitted, and Λ is shared.

Rad & Maleki (2020), "A scalable estimate of the out-of-sample prediction error via approximate leave-one-out
cross-validation", JRSS B 82(4), eq. 8 for the step.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.losses import Loss
from weightdecay.linear.newton.factors import FORMED, Anchor
from weightdecay.linear.newton.leverages import MANY, Leverages, extended, interpolates, leverages
from weightdecay.linear.newton.minimise import Settings, minimise
from weightdecay.linear.newton.paths import Paths
from weightdecay.linear.newton.rows import Standardised, block_rows
from weightdecay.linear.newton.solved import Solved
from weightdecay.linear.row_losses import marked, of_rows
from weightdecay.linear.rows import Share
from weightdecay.linear.workers import in_order, shared_out, threads_for
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.protocol import Scorer

if TYPE_CHECKING:
    from weightdecay.linear.newton.problem import NewtonProblem

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Products (rows × rows completed × coefficients) that may be formed for one decay.
BUDGET = 4e7
# Change of a predictor from which a row is completed where not all are.
LARGE = 0.1
# The same of many rows, on which each has little hold, and how many are completed then at least.
VERY_LARGE, FEWEST = 0.25, 16
# Rows whose models resist together and are solved one by one.
RESISTING = 64
# Evaluations for the models without one row.
MOST = 40
# Room that a row's step needs, and what the step counts as where there is none.
LEAST_ROOM, UNSAFE = 1e-8, 1e9
# Predictors of a block of rows at all decays: they stay in the cache of a core.
BLOCK = 2**16
# Bytes of leverages held at once.
HELD = 256 << 20


@final
@dataclass(frozen=True, eq=False)
class LeftOut:
    """Predictors (n, c) of the rows by models that have not seen them, and which rows (n,) were completed."""

    eta: Array
    completed: NDArray[np.bool_]


@final
@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Every row that counts held out once, but for a class's only member, which always trains.

    Parameters
    ----------
    problem : NewtonProblem
    thorough : bool
        Whether rows whose models resist are solved one by one.
    known : dict of float to LeftOut
        By decay.
    """

    problem: NewtonProblem
    thorough: bool = True
    known: dict[float, LeftOut] = field(default_factory=dict)

    @property
    def paths(self) -> Paths:
        """Models of all rows."""
        return self.problem.whole.paths

    @cached_property
    def rows(self) -> Index:
        """The rows that are held out, as positions in the data."""
        data = self.paths.data
        used = data.s > 0
        if self.problem.classes:
            code = data.target.astype(np.intp)
            used &= np.bincount(code[used], minlength=len(self.problem.classes))[code] > 1
        return np.flatnonzero(used)

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out loss (or −score) at every decay."""
        decays = np.asarray(decays, dtype=np.float64)
        data, rows, loss = self.paths.data, self.rows, self.problem.loss
        found = list(self.left_out(decays))
        notes = [f"approximate ({int(one.completed.sum())} exact)" for one in found]
        notes = ["newton" if one.completed[rows].all() else note for one, note in zip(found, notes, strict=True)]
        if scoring is not None:
            means = np.stack([loss.mean(one.eta[rows][:, None])[:, 0] for one in found], axis=1)
            known = np.isfinite(means).all(axis=(0, 2))
            score = np.full(len(decays), np.nan)
            score[known] = self.problem.scored(scoring, self.problem.whole.rows[rows], means[:, known])
            nothing = np.full(len(decays), np.nan)
            return HeldOut(decays, score[None], np.ones(1), nothing, nothing, np.array([notes]))

        weight = np.zeros(data.n)
        weight[rows] = data.s[rows]

        def losses(block: slice) -> tuple[Array, Array]:
            each = loss.value(data.target[block], np.stack([one.eta[block] for one in found], axis=1))
            each *= loss.reported
            return each[:, :, None], weight[block]

        size = max(1, BLOCK // (len(decays) * loss.outputs))
        blocks = [slice(start, start + size) for start in range(0, data.n, size)]
        record = of_rows(decays, in_order(losses, blocks, data.n), among)
        for note in set(notes):
            record = marked(record, np.array(notes) == note, note)
        return record

    def left_out(self, decays: Array) -> Iterator[LeftOut]:
        """Predictors of all rows by models that have not seen them, decay by decay."""
        new = np.array([one for one in decays if one not in self.known])
        if len(new):
            solved = self.paths.solve(new)
            c = self.paths.shape[0]
            # What every decay's own leverages would take is held for some of them at a time.
            most = len(new) if interpolates(self.paths.data) else max(1, HELD // (8 * self.paths.data.n * c * c))
            for start in range(0, len(new), most):
                part = slice(start, start + most)
                self.known.update(zip(new[part].tolist(), self._left_out(new[part], solved[part]), strict=True))
        yield from (self.known[float(one)] for one in decays)

    def _left_out(self, decays: Array, solved: Sequence[Solved]) -> Iterator[LeftOut]:
        """The same of decays that are not known yet."""
        n, (c, q) = self.paths.data.n, self.paths.shape
        fine = [place for place, one in enumerate(solved) if not np.isnan(one.V[0]).any()]
        if fine:
            V = np.stack([solved[place].V[0] for place in fine])
            eta, size = self._stepped(V, leverages(self.paths, decays[fine], list(V)))
        for place, decay in enumerate(decays.tolist()):
            if place not in fine:
                yield LeftOut(np.full((n, c), np.nan), np.ones(n, dtype=bool))
                continue
            at = fine.index(place)
            found, completed = eta[:, at], np.zeros(n, dtype=bool)
            rows = self._chosen(size[at], c * q)
            if len(rows):
                with threads_for(0.0 if c * q < 500 else math.inf):
                    done, there = self._solved(decay, V[at], rows)
                found[rows[done]] = there[done]
                completed[rows[done]] = True
            yield LeftOut(found, completed)

    def _stepped(self, V: Array, levers: Leverages) -> tuple[Array, Array]:
        """Predictors (n, L, c) of all rows one Newton step from models V (L, c, q), and the steps' sizes (L, n)."""
        data, (L, c, q) = self.paths.data, V.shape
        p = data.p
        found, size = np.empty((data.n, L, c)), np.empty((L, data.n))
        W = np.ascontiguousarray(V[:, :, :p].reshape(L * c, p).T)
        most = max(1, BLOCK // max(1, L * c * c))

        def of_share(share: Share) -> None:
            number, of = share
            for start in range(number * most, data.n, of * most):
                rows = slice(start, min(start + most, data.n))
                s, target = data.s[rows], data.target[rows]
                eta = np.asarray(data.Z[rows] @ W).reshape(len(s), L, c)
                if q > p:
                    eta += V[:, :, p]
                if data.offset is not None:
                    eta += data.offset[rows][:, None, :]
                step, safe = _step(data.loss, target, s, eta, levers.of(rows))[:2]
                size[:, rows] = np.where(safe, np.abs(step).max(axis=2), UNSAFE).T
                found[rows] = eta + step

        shared_out(of_share, data.n, 0)
        return found, size

    def _chosen(self, size: Array, D: int) -> Index:
        """The rows to complete: all, or those whose step is large, the largest first."""
        rows, data = self.rows, self.paths.data
        if D > FORMED:
            return np.zeros(0, dtype=np.intp)
        if len(rows) <= BUDGET / (data.n * D):
            return rows
        most = max(FEWEST, D // 8) if data.n > MANY else int(BUDGET / (data.n * D))
        large = rows[size[rows] > (VERY_LARGE if data.n > MANY else LARGE)]
        return np.sort(large[np.argsort(-size[large], kind="stable")[:most]])

    def _solved(self, decay: float, v: Array, rows: Index) -> tuple[NDArray[np.bool_], Array]:
        """Which of some rows' own problems were solved, and the rows' predictors (m, c) there."""
        paths, data = self.paths, self.paths.data
        (c, q), S, members = v.shape, float(self.paths.members.weight[0]), self.paths.members
        near = paths.nearest(decay) if data.n > MANY else Anchor(data, paths.cells, members, 0.0, v)
        factor = near.factor(0, decay, near.hessian(0))
        Z = extended(data, rows, q)
        # F⁻¹E_i of every row, (m, D, c).
        free = np.tile(~members.held(np.array([decay]), np.zeros(1, dtype=np.intp))[0], c).astype(np.float64)[:, None]
        toward = np.stack([factor.solve(free * np.kron(np.eye(c)[a][:, None], Z.T)).T / S for a in range(c)], axis=2)
        G = np.einsum("mkqb,mq->mkb", toward.reshape(len(rows), c, q, c), Z)
        eta = Z @ v.T if data.offset is None else Z @ v.T + data.offset[rows]
        _, _, push, weight = _step(data.loss, data.target[rows], data.s[rows], eta[:, None], G[:, None])
        middle = np.linalg.pinv(np.eye(c) - weight[:, 0] @ G) @ weight[:, 0]
        member, strength = np.zeros(len(rows), dtype=np.intp), np.full(len(rows), decay)
        goal = float(paths.goal[0])

        def evaluate(V: Array, which: Index) -> tuple[Array, None]:
            train = _gradients(data, V.reshape(-1, c, q), rows[which]) / S
            found = members.decayed_gradient(train, V.reshape(-1, c, q), strength[which], member[which])
            return found.reshape(len(which), c * q), None

        def precondition(right: Array, which: Index) -> Array:
            plain = factor.solve(np.ascontiguousarray(right.T)).T
            own = np.einsum("mda,md->ma", toward[which], right)
            return np.asarray(plain + S * np.einsum("mda,mab,mb->md", toward[which], middle[which], own))

        def measure(gradient: Array, which: Index) -> Array:
            reached = np.abs(gradient.reshape(-1, c, q) * members.reach[0])
            return np.asarray(reached.max(axis=(1, 2), initial=0.0) / goal)

        start = v.reshape(1, -1) + np.einsum("mda,ma->md", toward, push[:, 0])
        ended = minimise(start, evaluate, precondition, measure, Settings(MOST))
        V, done = ended.V.reshape(-1, c, q), ended.converged.copy()
        for one in np.flatnonzero(~done)[: RESISTING if self.thorough else 0]:
            V[one], done[one] = self._alone(decay, V[one], int(rows[one]))
        eta = np.einsum("mcq,mq->mc", V, Z)
        return done, eta if data.offset is None else eta + data.offset[rows]

    def _alone(self, decay: float, v: Array, row: int) -> tuple[Array, bool]:
        """The model without one row, with Hessians of its own."""
        paths, s = self.paths, self.paths.data.s.copy()
        mine, s[row] = s[row], 0.0
        members = replace(paths.members, weight=paths.members.weight - mine)
        own = replace(paths, data=replace(paths.data, s=s), members=members, known={}, first={}, anchors=[], hints={})
        vars(own)["goal"] = paths.goal
        found = own.model(v if np.isfinite(v).all() else np.zeros_like(v), decay)
        return found.V[0], bool(found.converged[0])


def _step(loss: Loss, target: Array, s: Array, eta: Array, G: Array) -> tuple[Array, NDArray[np.bool_], Array, Array]:
    """Newton steps of predictors (m, L, c) to those without each row, given leverages (m, L, c, c).

    Returns
    -------
    step : ndarray of shape (m, L, c)
        G (I − sWG)⁻¹ s slope.
    safe : ndarray of shape (m, L) of bool
        Whether a row does not alone hold up a direction: otherwise there is no room for its step, which is then taken
        as if it had no hold.
    push : ndarray of shape (m, L, c)
        (I − sWG)⁻¹ s slope.
    weight : ndarray of shape (m, L, c, c)
        sW.
    """
    m, L, c = eta.shape
    weight = loss.curvature(np.repeat(target, L), eta.reshape(m * L, c)).reshape(m, L, c, c)
    weight *= s[:, None, None, None]
    push = loss.slope(target, eta.copy())
    push *= s[:, None, None]
    if c == 1:
        room = 1.0 - weight[..., 0] * G[..., 0]
        safe = room[..., 0] > LEAST_ROOM
        push /= np.where(safe[..., None], room, 1.0)
        return G[..., 0] * push, safe, push, weight
    room = np.eye(c) - weight @ G
    safe = np.linalg.cond(room) < 1.0 / LEAST_ROOM
    room[~safe] = np.eye(c)
    push = np.asarray(np.linalg.solve(room, push[..., None]), dtype=np.float64)[..., 0]
    return np.asarray(G @ push[..., None])[..., 0], safe, push, weight


def _gradients(data: Standardised, V: Array, rows: Index) -> Array:
    """Σ s slope ẑ (M, c, q) of models V, each over all rows but its own."""
    M, c, q = V.shape
    p = data.p
    W = np.ascontiguousarray(V[:, :, :p].reshape(M * c, p).T)

    def of_share(share: Share) -> Array:
        found = np.zeros((q, M * c))
        number, of = share
        size = block_rows(data, M * c)
        for start in range(number * size, data.n, of * size):
            block = slice(start, min(start + size, data.n))
            part, s, target = data.Z[block], data.s[block], data.target[block]
            eta = np.asarray(part @ W).reshape(len(s), M, c)
            if q > p:
                eta += V[:, :, p]
            if data.offset is not None:
                eta += data.offset[block][:, None, :]
            slope = data.loss.slope(target, eta)
            mine = np.flatnonzero((rows >= block.start) & (rows < block.stop))
            slope[rows[mine] - block.start, mine] = 0.0
            flat = slope.reshape(len(s), M * c) * s[:, None]
            found[:p] += part.T @ flat
            if q > p:
                found[p] += flat.sum(axis=0)
        return found

    total = sum(shared_out(of_share, data.n, 8 * V.size))
    return np.ascontiguousarray(np.asarray(total).T).reshape(M, c, q)
