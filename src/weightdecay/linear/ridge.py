"""Ridge: the `Problem` of least squares with weight decay."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning

from weightdecay.linear.data_findings import Statistics, data_findings, like_classes
from weightdecay.linear.design import Design
from weightdecay.linear.diagnostics import diagnose
from weightdecay.linear.dominance import largest_share, ruling_share
from weightdecay.linear.elastic_net_sides import KinkedTall
from weightdecay.linear.fold_maps import plain_decay_weights
from weightdecay.linear.group_problem import group_folds, group_loss, weighted
from weightdecay.linear.refinement import solve_refined
from weightdecay.linear.rows import OutOfRangeError, Rows, fingerprint
from weightdecay.linear.sides import Side, Tall, fold_work
from weightdecay.linear.units_of_rows import Scaling, bad_cell
from weightdecay.linear.workers import threads_for
from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.finding import Finding
from weightdecay.records.grouping import Grouping
from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.group_search import ColumnGroups, GroupLoss
from weightdecay.tuning.protocol import Facts, Scorer, Split

Array = NDArray[np.float64]

FARTHEST = 305.0  # powers of ten within which candidates are
MADE_DENSE = 2**26  # numbers of a sparse X up to which refinement makes it dense: 512 MiB, and about a minute


class Shell(Protocol):
    """What a problem asks of the estimator that opened it."""

    def fitted(self, problem: RidgeProblem, decay: float | Array) -> Any:
        """A clone at a decay, fitted to the problem by its own solver."""
        ...


@dataclass(frozen=True, eq=False)
class Solution:
    """Fitted coefficients (t, p), intercepts (t,) and how they were computed."""

    coef: Array
    intercept: Array
    status: str


@dataclass(frozen=True, eq=False)
class RidgeProblem:
    """Rows opened for ridge: one side answers, this class speaks the protocol.

    Minimises J(w, b) = Σ s_i ½(y_i − b − x_i·w)²/Σs + (λ/2) Σ_j p_j v_j (w_j − c_j)², with v_j the variance of column j
    where columns are standardised, and 1 otherwise.
    """

    shell: Shell
    rows: Rows
    design: Design
    centre: Array
    columns: tuple[str, ...]
    single: bool
    model_name: str
    side: Side
    scaling: Scaling = field(repr=False)
    target_names: tuple[str, ...] = ()
    decay_exponent: int = 0
    plan: tuple[ColumnPlan, ...] = ()
    decay_weights: Array = field(default_factory=lambda: np.ones(0), repr=False)
    column_groups: ColumnGroups | None = None
    grouping: Grouping | None = None

    @cached_property
    def origins(self) -> tuple[str, ...]:
        """Of what column of the table each was made; the names themselves where nothing was encoded."""
        made = {name: one.name for one in self.plan for name in one.made}
        return tuple(made.get(name, name) for name in self.columns)

    @cached_property
    def dates(self) -> frozenset[str]:
        """Columns of the table that are dates."""
        return frozenset(one.name for one in self.plan if one.kind == "date")

    def triangle(self) -> Array | None:
        """Of the rows (`triangles`), where these are tall."""
        side = self.side.base if isinstance(self.side, KinkedTall) else self.side
        return side.whole.triangle if isinstance(side, Tall) else None

    @cached_property
    def _facts(self) -> Facts:
        S, weight = self.rows.weight_sum, self.rows.weight
        deviation = self.rows.Y - self.rows.s @ self.rows.Y / S
        y_std = np.sqrt(self.rows.s @ np.square(deviation, out=deviation) / S) * self.scaling.target
        return Facts(
            n_given=self.rows.n,
            n_rows=self.rows.n_positive,
            weight_sum=self.scaling.weight_sum(S),
            y_std=tuple(y_std.tolist()),
            n_targets=self.rows.t,
            columns=self.columns,
            model_name=self.model_name,
            standardize=self.design.standardize,
            loss_name=" of ".join(filter(None, ("mean squared error", self.scaling.unit))),
            references=(("no decay", 0.0), *self._habits),
            target_names=self.target_names,
            positive=None if weight is None or weight.all() else weight > 0,
            grouping=self.grouping,
            fold_work=fold_work(self.rows, self.side.name),
            l1_ratio=self.design.l1_ratio,
        )

    @property
    def _habits(self) -> tuple[tuple[str, float], ...]:
        """What other tools do untuned, which is to decay all columns alike."""
        alike = self.grouping is None or self.grouping.alike
        # Ridge's alpha goes with a sum over rows, that of Lasso and ElasticNet with a mean.
        default = 1.0 if self.design.l1_ratio else 1.0 / self.scaling.weight_sum(self.rows.weight_sum)
        return (("sklearn alpha=1", default),) if alike else ()

    def facts(self) -> Facts:
        """What is known of the data."""
        return self._facts

    def natural_cv(self) -> str | int:
        """Leave-one-out, or folds where one row rules a column or no exact short-cut exists."""
        rows = self.rows
        if self.side.name == "krylov" or self.design.l1_ratio:
            return min(5, rows.n_positive)
        if rows.encoding is not None and rows.encoding.of_rows:
            return min(10, rows.n_positive)  # every fold redoes the encoding, which leave-one-out would keep
        ruled = self.design.standardize and self.largest_share[2] > ruling_share(rows.n_positive, rows.p)
        return min(10, self.rows.n_positive) if ruled else "loo"

    @cached_property
    def statistics(self) -> Statistics:
        """Means, standard deviations and correlations with the targets of all columns."""
        return Statistics(self.rows)

    @cached_property
    def largest_share(self) -> tuple[int, int, float]:
        """Row, column and share of the largest part that one row has in a column's variance."""
        with self.working():
            return largest_share(self.rows)

    def candidates(self) -> Array:
        """Half-decade lattice of λ around the mean eigenvalue of G, or up to where an L1 part leaves no coefficient."""
        with self.working():
            trace, span = self.side.scale(), self.side.span
        scale = trace / max(1, min(self.rows.p, self.rows.n)) / self.rows.weight_sum
        middle = math.log10(scale) if scale > 0 and math.isfinite(scale) else 0.0
        middle -= self.decay_exponent * math.log10(2.0)
        middle = min(max(middle, -FARTHEST - span[0]), FARTHEST - span[1])
        low, high = (math.floor(2 * (middle + decades)) for decades in span)
        return np.asarray(10.0 ** (np.arange(low, high + 1) / 2.0))

    def inner(self, decays: Array) -> Array:
        """λ for the decay weights in use, whose common power of two it takes; beyond float64 it becomes inf or 0."""
        if not self.decay_exponent:
            return decays
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(np.ldexp(decays, self.decay_exponent))

    def split(self, folds: Folds) -> Split:
        """All folds factorised together."""
        self._check_unchanged()
        for number, (train, test) in enumerate(folds.splits()) if self.rows.weight is not None else ():
            for rows, name in ((train, "training"), (test, "test")):
                if not self.rows.s[rows].any():
                    raise ValueError(
                        f"all {name} rows of fold {number} have weight 0; use other folds or drop those rows"
                    )
        with self.working():
            return RidgeSplit(self.side.split(folds), self)

    def group_folds(self, folds: Folds) -> Folds:
        """The folds that strengths of groups of columns are tuned on."""
        return group_folds(self, folds)

    def group_loss(self, groups: ColumnGroups, folds: Folds) -> GroupLoss:
        """The mean held-out squared error as a function of those strengths."""
        with self.working():
            return group_loss(self, groups, folds)

    def weighted(self, decay_weights: Array, grouping: Grouping) -> RidgeProblem:
        """The same rows with tuned decay weights (p,)."""
        return weighted(self, decay_weights, grouping)

    @contextmanager
    def working(self) -> Iterator[None]:
        """With threads that suit the size; numbers that cannot be used, met on the way, become a sentence."""
        n, p = self.rows.n, self.rows.p
        try:
            with threads_for(float(n) * (p + self.rows.t) * (1 + min(n, p))):
                yield
        except OutOfRangeError:
            raise ValueError(bad_cell(self.rows.X, self.columns)) from None

    def __post_init__(self) -> None:
        vars(self)["_fingerprint"] = fingerprint(self.rows)

    def _check_unchanged(self) -> None:
        """What is computed only when asked for reads the rows again, and must find them as they were."""
        if fingerprint(self.rows) != vars(self)["_fingerprint"]:
            raise ValueError(
                "X, y or sample_weight were changed since the decay was tuned, and what is asked for is computed from "
                "them only now; call tuning.settled() before changing them, or tune on copies"
            )

    def path(self, decays: Array) -> DecayPath:
        """Models on all rows, one per decay."""
        self._check_unchanged()
        decays = np.asarray(decays, dtype=np.float64)
        with self.working():
            models = self.side.models(self.inner(decays) * self.rows.weight_sum)
        coef, intercept = self.scaling.undone(models.coef, models.intercept)
        loss = self.scaling.squared(models.rss / self.rows.weight_sum)
        status = models.status or tuple("exact (triangular)" if exact else "exact" for exact in models.exact)
        if self.single:
            coef, intercept, loss = coef[:, 0], intercept[:, 0], loss[:, 0]
        return DecayPath(decays, coef, intercept, models.df, loss, status, self.columns, self.target_names)

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Generalised cross-validation and restricted likelihood, each (L,) or (L, t).

        gcv = (RSS/Σs)/(1 − (df + 1)/n)², the 1 for the intercept; evidence = the negative restricted log likelihood per
        row of y ~ N(Eβ, σ²(I + X Xᵀ/Λ)) with σ² profiled out, up to a constant (Harville 1977): an L1 part has
        none.
        """
        self._check_unchanged()
        decays = np.asarray(decays, dtype=np.float64)
        S, n = self.rows.weight_sum, self.rows.n_positive
        with self.working():
            models = self.side.models(self.inner(decays) * S)
        df = models.df if models.df.ndim > 1 else models.df[:, None]
        free = np.broadcast_to(1.0 - (df + int(self.design.fit_intercept)) / n, models.rss.shape)
        with np.errstate(divide="ignore", invalid="ignore"):
            gcv = (models.rss / S) / free**2
            rest = n - models.undecayed
            evidence = 0.5 * (rest * np.log(models.shrunk / S) + models.log_det[:, None]) / n
        gcv[free <= 1e-9] = np.inf
        found = {"gcv": gcv} if self.design.l1_ratio else {"gcv": gcv, "evidence": evidence}
        return {name: values[:, 0] if self.single else values for name, values in found.items()}

    def solution(self, decay: float | Array) -> Solution:
        """The model at a decay, or at one decay per target, to working accuracy."""
        decays = np.broadcast_to(self.inner(np.asarray(decay, dtype=np.float64)), (self.rows.t,))
        coef, intercept = np.empty((self.rows.t, self.rows.p)), np.empty(self.rows.t)
        notes = []
        for one in np.unique(decays):
            mine = decays == one
            with self.working():
                found, offset, safe = self.side.solution(one * self.rows.weight_sum)
            note = "krylov" if self.side.name == "krylov" else "exact"
            if not safe:
                found, offset, note = self._refined(float(one), found, offset)
            coef[mine], intercept[mine] = found[mine], offset[mine]
            notes.append(note)
        coef, intercept = self.scaling.undone(coef[None], intercept[None])
        return Solution(coef[0], intercept[0], "; ".join(dict.fromkeys(notes)))

    def _refined(self, decay: float, coef: Array, intercept: Array) -> tuple[Array, Array, str]:
        """The model again by an orthogonal factorisation with residuals in extended precision."""
        kinked = self.design.l1_ratio > 0 and 0 < decay < math.inf  # at the ends it is ridge's own solution
        if self.side.name == "krylov" or kinked:
            needed = "a larger decay" if kinked else "max_iter or a larger decay"
            note = f"not converged: more digits need {needed}"
            warnings.warn(note, ConvergenceWarning, stacklevel=5)
            return coef, intercept, note
        sparse = not isinstance(self.rows.X, np.ndarray)
        if sparse and self.rows.n * self.rows.p > MADE_DENSE:
            note = f"exact, but not refined: {self.rows.n} × {self.rows.p} sparse numbers are too many to be made dense"
            warnings.warn(f"{note}; a larger decay needs no refinement", ConvergenceWarning, stacklevel=5)
            return coef, intercept, note
        dense = self.rows.X.toarray() if sparse else self.rows.X
        centre = self.centre if self.centre.any() else None
        refined = solve_refined(
            dense,
            self.rows.Y,
            decay,
            sample_weight=self.rows.weight,
            decay_weights=plain_decay_weights(self.rows, self.design),
            centre=centre,
            fit_intercept=self.design.fit_intercept,
            standardize=self.design.standardize,
        )
        note = f"refined in extended precision (condition {refined.condition:.1e}, {refined.steps} steps)"
        if not refined.correction <= 1e-9:
            note += f", not converged: the last correction was {refined.correction:.0e} of a coefficient"
            warnings.warn(note, ConvergenceWarning, stacklevel=5)
        return refined.coef, refined.intercept, note

    def diagnostics(self, decay: float | Array, folds: Folds) -> tuple[Diagnostics, ...]:
        """The models in use beside least squares and the models of folds."""
        decays = np.broadcast_to(np.asarray(decay, dtype=np.float64), (self.rows.t,))
        asked = decays.tobytes(), id(folds)  # every target asks for those of all
        known: dict[Any, tuple[Diagnostics, ...]] = vars(self).setdefault("_diagnostics", {})
        if asked not in known:
            self._check_unchanged()
            known.clear()
            known[asked] = diagnose(self, decays, folds)
        return known[asked]

    def estimator(self, decay: float | Array) -> Any:
        """A fitted clone of the estimator that opened the problem."""
        self._check_unchanged()
        return self.shell.fitted(self, decay)

    def findings(self) -> tuple[Finding, ...]:
        """What the data give to say."""
        self._check_unchanged()
        with self.working():
            return (*data_findings(self), *like_classes(self))


@dataclass(frozen=True, eq=False)
class RidgeSplit:
    """A side's folds, asked in the λ of the caller, and with threads that suit the size."""

    split: Split
    problem: RidgeProblem

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out losses of every fold."""
        problem = self.problem
        with problem.working():
            if not problem.decay_exponent:
                return self.split.held_out(decays, scoring, among)
            chosen = None if among is None else problem.inner(among)
            found = self.split.held_out(problem.inner(decays), scoring, chosen)
        return replace(found, decays=decays, targets=tuple(replace(one, decays=decays) for one in found.targets))
