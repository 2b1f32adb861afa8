"""A ridge problem whose groups of columns want strengths of their own: which folds and which loss tune them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.linear.fold_maps import fold_maps
from weightdecay.linear.group_gradient import FoldGroups, rows_left_out
from weightdecay.linear.group_kernels import KernelGroups, KernelRowGroups, gather_kernels
from weightdecay.linear.sides import Tall, Wide, training_pairs
from weightdecay.linear.workers import threads_for
from weightdecay.records.grouping import Grouping
from weightdecay.tuning.folds import Folds, plan
from weightdecay.tuning.group_search import ColumnGroups, GroupLoss

if TYPE_CHECKING:
    from weightdecay.linear.ridge import RidgeProblem

Array = NDArray[np.float64]

# Products of one evaluation of leave-one-out, and numbers it keeps, beyond which strengths are tuned on folds.
LEFT_OUT, KEPT = 5e7, 2**25
FOLDS = 10
# What of a problem does not depend on its decay weights, and may be known already.
OF_ROWS = ("statistics", "largest_share")


def check_groups(problem: RidgeProblem, estimator: Any) -> None:
    """Refuse groups where their strengths cannot be tuned.

    Raises
    ------
    ValueError
        For large sparse data, and where there is an L1 part.
    """
    check_l1(estimator)
    if not isinstance(problem.side, Tall | Wide):
        n, p = problem.rows.n, problem.rows.p
        raise ValueError(
            f"decay_groups is not available for sparse data as large as {n:,} × {p:,}, whose equations are not "
            "factorised; give decay_weights, or fewer columns"
        )


def check_l1(estimator: Any) -> None:
    """Refuse groups where there is an L1 part.

    Raises
    ------
    ValueError
        With what to give instead.
    """
    if estimator.l1_ratio != 0:
        raise ValueError(
            f"decay_groups with l1_ratio={estimator.l1_ratio!r}: strengths of groups are tuned for weight decay alone; "
            "give l1_ratio=0, or decay_weights"
        )


def group_folds(problem: RidgeProblem, folds: Folds) -> Folds:
    """The folds of the curve, but 10 folds for leave-one-out where that costs much.

    Leave-one-out reads all rows for every evaluation, folds read their moments. With so many rows the two agree.
    """
    rows, facts = problem.rows, problem.facts()
    large = rows.n * float(rows.p) ** 2 > LEFT_OUT or rows.n * rows.p > KEPT
    if folds.leave_one_out and isinstance(problem.side, Tall) and large:
        return plan(min(FOLDS, facts.n_rows), facts.n_given, positive=facts.positive)
    return folds


@dataclass(frozen=True, eq=False)
class Working:
    """A loss that is computed with threads that suit its size."""

    loss: GroupLoss
    products: float

    @property
    def bounds(self) -> tuple[Array, Array]:
        """Log decays between which the loss changes."""
        return self.loss.bounds

    def value_and_gradient(self, log_decays: Array) -> tuple[float, Array]:
        """The loss and its slope; inf where rounding errors leave no factorisation."""
        with threads_for(self.products):
            try:
                return self.loss.value_and_gradient(log_decays)
            except np.linalg.LinAlgError:
                return np.inf, np.zeros_like(log_decays)

    def parts(self, log_decays: Array) -> tuple[Array, Array]:
        """Of folds or rows."""
        with threads_for(self.products):
            return self.loss.parts(log_decays)


def group_loss(problem: RidgeProblem, groups: ColumnGroups, folds: Folds) -> GroupLoss:
    """The mean held-out squared error as a function of the groups' log decays; several targets are averaged."""
    n, p = problem.rows.n, problem.rows.p
    # Of the largest single product or factorisation.
    products = float(min(n, p)) ** 3 if not folds.leave_one_out else float(n) * min(n, p) ** 2
    return Working(_loss(problem, groups, folds), products)


def _loss(problem: RidgeProblem, groups: ColumnGroups, folds: Folds) -> GroupLoss:
    """The same in the engine's own form."""
    # A lifted eigenvalue would ask for the same decay along its direction, which groups part.
    rows, side, design = problem.rows, problem.side, replace(problem.design, nulls=())
    label, n_groups = groups.label, len(groups.names)
    if isinstance(side, Tall):
        if folds.leave_one_out:
            return rows_left_out(side.whole, design, label, n_groups)
        return FoldGroups(side.fold_split(folds), design, label, n_groups)
    assert isinstance(side, Wide)  # others have refused groups when they were opened
    Y, count = rows.Y - side.offset, np.bincount(label[label >= 0], minlength=n_groups).astype(np.float64)
    if folds.leave_one_out:
        everything = np.flatnonzero(rows.s > 0), np.zeros(0, dtype=np.intp)
        (whole,) = gather_kernels(rows, design, [everything], Y, label, [None])
        return KernelRowGroups(rows, whole, count)
    pairs = training_pairs(rows, folds)
    return KernelGroups(rows, Y, list(gather_kernels(rows, design, pairs, Y, label, fold_maps(rows, folds))), count)


def weighted(problem: RidgeProblem, decay_weights: Array, grouping: Grouping) -> RidgeProblem:
    """The same rows with other decay weights (p,), given for the caller's columns; what was read of them is kept.

    The losses of the grouping become those of the caller's targets, its decay that of the caller's weights.
    """
    weights, exponent = problem.scaling.decay_weights(decay_weights, problem.design.standardize)
    design = replace(problem.design, decay_weights=weights)
    assert isinstance(problem.side, Tall | Wide)
    loss, single, paired = problem.scaling.squared(
        np.array([grouping.loss, grouping.single_loss, grouping.paired])
    ).tolist()
    with np.errstate(over="ignore", under="ignore"):
        decay = float(np.ldexp(grouping.single_decay, -problem.decay_exponent))
    told = replace(grouping, loss=loss, single_loss=single, paired=paired, single_decay=decay)
    twin = replace(
        problem,
        design=design,
        side=problem.side.redesigned(design),
        decay_exponent=exponent,
        decay_weights=decay_weights,
        column_groups=None,
        grouping=told,
    )
    vars(twin).update({name: value for name, value in vars(problem).items() if name in OF_ROWS})
    return twin
