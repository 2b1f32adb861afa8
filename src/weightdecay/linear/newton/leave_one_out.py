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
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.newton.factors import FORMED, Anchor, Factor
from weightdecay.linear.newton.minimise import Settings, minimise
from weightdecay.linear.newton.paths import Paths
from weightdecay.linear.newton.rows import Standardised, block_rows
from weightdecay.linear.row_losses import marked, of_rows
from weightdecay.linear.rows import Share
from weightdecay.linear.workers import shared_out, threads_for
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
# Rows from which leverages are interpolated between decays that far apart in decades.
MANY = 2000
SPACING = 0.75
# Rows whose models resist together and are solved one by one.
RESISTING = 64
# Evaluations for the models without one row.
MOST = 40
# Rows whose leverages are formed together.
TOGETHER = 4096


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
        data, rows = self.paths.data, self.rows
        found = list(self.left_out(decays))
        loss = self.problem.loss
        notes = [f"approximate ({int(one.completed.sum())} exact)" for one in found]
        notes = ["newton" if one.completed[rows].all() else note for one, note in zip(found, notes, strict=True)]
        if scoring is not None:
            means = np.stack([loss.mean(one.eta[rows][:, None])[:, 0] for one in found], axis=1)
            known = np.isfinite(means).all(axis=(0, 2))
            score = np.full(len(decays), np.nan)
            score[known] = self.problem.scored(scoring, self.problem.whole.rows[rows], means[:, known])
            nothing = np.full(len(decays), np.nan)
            return HeldOut(decays, score[None], np.ones(1), nothing, nothing, np.array([notes]))
        each = np.stack([loss.value(data.target[rows], one.eta[rows][:, None])[:, 0] for one in found], axis=1)
        record = of_rows(decays, [(each[:, :, None] * loss.reported, data.s[rows])], among)
        for note in set(notes) - {"newton"}:
            record = marked(record, np.array(notes) == note, note)
        return marked(record, np.array(notes) == "newton", "newton")

    def left_out(self, decays: Array) -> Iterator[LeftOut]:
        """Predictors of all rows by models that have not seen them, decay by decay."""
        new = np.array([one for one in decays if one not in self.known])
        if len(new):
            self.known.update(zip(new.tolist(), self._left_out(new), strict=True))
        yield from (self.known[float(one)] for one in decays)

    def _left_out(self, decays: Array) -> Iterator[LeftOut]:
        """The same of decays that are not known yet."""
        solved = self.paths.solve(decays)
        leverages = self._leverages(decays, [one.V[0] for one in solved])
        for decay, one, leverage in zip(decays.tolist(), solved, leverages, strict=True):
            v = one.V[0]
            if np.isnan(v).any():
                yield LeftOut(np.full((self.paths.data.n, len(v)), np.nan), np.ones(self.paths.data.n, dtype=bool))
            else:
                with threads_for(0.0 if v.size < 500 else math.inf):
                    yield self._completed(decay, v, leverage)

    def _leverages(self, decays: Array, models: list[Array]) -> list[Array]:
        """G_i (n, c, c) at every decay: of many rows interpolated, as their logarithms are smooth in log λ."""
        data = self.paths.data
        inner = np.flatnonzero((decays > 0) & np.isfinite(decays) & np.array([not np.isnan(v).any() for v in models]))
        exact = {int(one) for one in np.setdiff1d(np.arange(len(decays)), inner)}
        order = inner[np.argsort(decays[inner])]
        if data.n < MANY or data.loss.outputs > 1 or len(order) < 8:
            exact |= set(order.tolist())
        else:
            last = -math.inf
            for one in [*order.tolist(), None]:
                if one is None or math.log10(decays[one]) - last >= SPACING:
                    chosen = int(order[-1]) if one is None else one
                    exact.add(chosen)
                    last = math.log10(decays[chosen])
        known = {one: self._leverage(float(decays[one]), models[one]) for one in sorted(exact)}
        nodes = [one for one in order.tolist() if one in known]
        return [known[one] if one in known else _between(one, decays, known, nodes) for one in range(len(decays))]

    def _factor(self, decay: float, v: Array, *, near: bool = False) -> tuple[Factor, Array]:
        """Of the Hessian of the mean at a model, or near it, and the curvatures (n, c, c) there."""
        paths = self.paths
        anchor = Anchor(paths.data, paths.cells, paths.members, 0.0, v)
        anchor = paths.nearest(decay) if near else anchor
        factor = anchor.factor(0, decay, anchor.hessian(0))
        return factor, paths.data.loss.curvature(paths.data.target, _predictors(paths.data, v))

    def _free(self, decay: float, c: int) -> Array:
        """1 for the coefficients (D,) that are not held at 0, which a row has no hold on either."""
        held = self.paths.members.held(np.array([decay]), np.zeros(1, dtype=np.intp))[0]
        return np.tile((~held).astype(np.float64), c)

    def _leverage(self, decay: float, v: Array) -> Array:
        """G_i (n, c, c) for the Hessian of the sum."""
        data, (c, q) = self.paths.data, v.shape
        if np.isnan(v).any():
            return np.zeros((data.n, c, c))
        factor, _ = self._factor(decay, v)
        S = float(self.paths.members.weight[0])
        with threads_for(0.0 if v.size < 500 else math.inf):
            free = np.diag(self._free(decay, c))
            inverse = factor.solve(free).reshape(c, q, c, q) / S

        def of_share(share: Share) -> Array:
            found = np.zeros((data.n, c, c))
            number, of = share
            for start in range(number * TOGETHER, data.n, of * TOGETHER):
                rows = slice(start, start + TOGETHER)
                Z = _extended(data, rows, q)
                for a in range(c):
                    for b in range(c):
                        found[rows, a, b] = np.einsum("ij,ij->i", Z @ inverse[a, :, b], Z)
            return found

        return np.asarray(sum(shared_out(of_share, data.n, 8 * data.n * c * c)))

    def _completed(self, decay: float, v: Array, leverage: Array) -> LeftOut:
        """One Newton step for all rows, and the whole way for those that need it."""
        data, c = self.paths.data, len(v)
        eta = _predictors(data, v)
        bend = data.loss.curvature(data.target, eta)
        slope = data.loss.slope(data.target, eta[:, None].copy())[:, 0]
        s = data.s[:, None, None]
        room = np.eye(c) - s * (bend @ leverage)
        # A row that alone holds up a direction leaves no room: it has to be completed.
        safe = np.linalg.cond(room) < 1e8 if c > 1 else room[:, 0, 0] > 1e-8
        room[~safe] = np.eye(c)
        right = (data.s[:, None] * slope)[:, :, None]
        push = np.asarray(right / room if c == 1 else np.linalg.solve(room, right), dtype=np.float64)[:, :, 0]
        step = (leverage @ push[:, :, None])[:, :, 0]
        found = eta + step
        rows = self._chosen(np.abs(step).max(axis=1) + np.where(safe, 0.0, 1e9), v.size)
        completed = np.zeros(data.n, dtype=bool)
        if len(rows):
            done, there = self._solved(decay, v, rows, push[rows])
            found[rows[done]] = there[done]
            completed[rows[done]] = True
        return LeftOut(found, completed)

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

    def _solved(self, decay: float, v: Array, rows: Index, push: Array) -> tuple[NDArray[np.bool_], Array]:
        """Which of some rows' own problems were solved, and the rows' predictors (m, c) there."""
        paths, data = self.paths, self.paths.data
        (c, q), S, members = v.shape, float(self.paths.members.weight[0]), self.paths.members
        factor, bend = self._factor(decay, v, near=data.n > MANY)
        Z = _extended(data, rows, q)
        # F⁻¹E_i of every row, (m, D, c).
        free = self._free(decay, c)[:, None]
        toward = np.stack([factor.solve(free * np.kron(np.eye(c)[a][:, None], Z.T)).T / S for a in range(c)], axis=2)
        weight = data.s[rows, None, None] * bend[rows]
        G = np.einsum("mkqb,mq->mkb", toward.reshape(len(rows), c, q, c), Z)
        middle = np.linalg.pinv(np.eye(c) - weight @ G) @ weight
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

        start = v.reshape(1, -1) + np.einsum("mda,ma->md", toward, push)
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


def _between(one: int, decays: Array, known: dict[int, Array], nodes: list[int]) -> Array:
    """Leverages at a decay by the cubic through the logarithms of the four nearest ones."""
    at = np.log(decays[nodes])
    place = math.log(decays[one])
    after = int(np.searchsorted(at, place))
    low = min(max(0, after - 2), max(0, len(nodes) - 4))
    near, x = nodes[low : low + 4], at[low : low + 4]
    tiny = np.finfo(np.float64).tiny
    logs = np.zeros_like(known[near[0]])
    for k, node in enumerate(near):
        others = np.delete(x, k)
        factor = float(np.prod((place - others) / (x[k] - others)))
        logs = logs + factor * np.log(np.maximum(known[node], tiny))
    return np.asarray(np.exp(logs))


def _extended(data: Standardised, rows: Index | slice, q: int) -> Array:
    """Columns of some rows, dense, with a 1 for the intercept where there is one."""
    part = data.Z[rows]
    part = part.toarray() if data.sparse else part
    return part if q == data.p else np.concatenate([part, np.ones((len(part), 1))], axis=1)


def _predictors(data: Standardised, v: Array) -> Array:
    """Predictors (n, c) of one model."""
    p = data.p
    eta = np.asarray(data.Z @ v[:, :p].T)
    if v.shape[1] > p:
        eta = eta + v[:, p]
    return eta if data.offset is None else eta + data.offset


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
