"""Unformed: paths of more coefficients than a Hessian is formed for.

Every member is followed from large decays to small ones, since near starts are all that saves steps: first at decays
some way apart, each extrapolated from those before, then at those in between, which are interpolated. Sparse columns
take Newton steps by conjugate gradients (`conjugate`), dense ones, whose products are cheaper together, quasi-Newton
steps (`minimise`), and L1 terms working sets. What no decay holds is known up to a constant for all classes; it is that
with sum 0.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.newton.conjugate import Ended, Objective, Part, Target, newton_steps, parts
from weightdecay.linear.newton.minimise import Settings
from weightdecay.linear.newton.nodes import interpolated, nodes
from weightdecay.linear.newton.solved import Solved
from weightdecay.linear.newton.working_set import APART, descending, sparse_models
from weightdecay.linear.workers import in_order

if TYPE_CHECKING:
    from weightdecay.linear.newton.paths import Paths

Array = NDArray[np.float64]

# Decades between decays that are solved first: further apart than the first, nearer than the second.
NEAR, FAR = 0.5, 0.8
# Decades between Hessians' heads and diagonals.
RENEWED = 0.5
# Evaluations per Newton step allowed, those with one guide, and pairs of steps kept, by quasi-Newton steps.
LONG, PATIENCE, MANY_PAIRS = 10, 60, 8
# The step that counts as none, beside that of models whose Hessian is formed.
COARSER = 10.0


def downward(paths: Paths, decays: Array) -> None:
    """All members at new finite decays."""
    F = paths.members.count
    if paths.members.l1_ratio:
        _with_kinks(paths, decays)
        return
    first = nodes(decays, list(paths.first), NEAR, FAR)
    for decay in sorted(first, reverse=True) + np.setdiff1d(decays, first)[::-1].tolist():
        start = paths.known[math.inf].V.copy()
        if paths.first:
            each = [{one: paths.known[one].V[m] for one in paths.first} for m in range(F)]
            start = np.stack([interpolated(decay, one) for one in each])
        if abs(paths.nearest(decay).place - math.log10(decay)) > RENEWED:
            paths.begin(decay, start[0])
        if paths.data.sparse:
            found = _by_products(paths, decay, start)
        else:
            found = _together(paths, decay, start)
        if paths.shape[0] > 1:
            found.V -= np.where(paths.members.Q[:, None, :] == 0.0, found.V.mean(axis=1, keepdims=True), 0.0)
        paths.keep(decay, found)


def _together(paths: Paths, decay: float, start: Array) -> Solved:
    """The members' models at a decay from V (F, c, q), with a new guide wherever the last has led nowhere for long."""
    every, decays = np.arange(paths.members.count), np.full(paths.members.count, decay)
    settings = Settings(PATIENCE, MANY_PAIRS, trust=False, step=COARSER * paths.step)
    found = paths.solve_from(start, every, decays, settings)
    for _ in range(LONG * paths.max_iter // PATIENCE):
        if found.converged.all() or not np.isfinite(found.V).all():
            break
        paths.begin(decay, found.V[int(np.argmin(found.converged))])
        found = paths.solve_from(found.V, every, decays, settings)
    return found


def _with_kinks(paths: Paths, decays: Array) -> None:
    """The same with L1 terms."""
    for decay in descending(paths, decays):
        before = min((one for one in paths.first if one > decay), default=APART * decay)
        start = paths.known[before if before in paths.first else math.inf].V
        paths.keep(decay, sparse_models(paths, decay, start, before))


def _by_products(paths: Paths, decay: float, start: Array) -> Solved:
    """The members' models at a decay from V (F, c, q), each on a thread of its own."""
    F, (c, q) = paths.members.count, paths.shape
    anchor = paths.nearest(decay)
    rows: list[list[Part]] = vars(paths).setdefault("_parts", [])
    if not rows:
        rows += [parts(paths.data, paths.cells, inside) for inside in paths.members.train]

    def solved(member: int) -> tuple[Ended, int]:
        objective = Objective(rows[member], paths.data.loss, paths.members, member, decay, (c, q))
        reach, goal = np.tile(paths.members.reach[member], c), float(paths.goal[member])
        target = Target(reach, goal, COARSER * paths.step, paths.max_iter)
        factor = anchor.diagonal(member, decay)
        ended = newton_steps(objective, start[member].ravel(), factor, target)
        if not math.isfinite(ended.size):
            # What was extrapolated is beyond float64: a start that is not.
            ended = newton_steps(objective, paths.known[math.inf].V[member].ravel().copy(), factor, target)
        return ended, objective.products

    every = list(in_order(solved, range(F), paths.data.n))
    V = np.stack([ended.v for ended, _ in every]).reshape(F, c, q)
    paths.passes += -(-sum(products for _, products in every) // F)
    losses = paths.gradients(V, np.arange(F)).test_loss
    ended = [one for one, _ in every]
    return Solved(
        V,
        losses,
        np.array([min(max(one.ratio, 1e-6), 1.0) for one in ended]),
        np.array([max(one.size, one.ahead) for one in ended]),
        np.array([one.converged for one in ended]),
    )
