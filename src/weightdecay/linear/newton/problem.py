"""The `Problem` of a loss with weight decay that is solved by Newton's method."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning

from weightdecay.linear.design import Design
from weightdecay.linear.fold_maps import fold_maps
from weightdecay.linear.losses import Loss
from weightdecay.linear.newton.courses import FOLD_TOL, SHARED, Asked, Course, Wide, direct, of_fold, turned
from weightdecay.linear.newton.diagnosis import diagnose_classes
from weightdecay.linear.newton.factors import FORMED
from weightdecay.linear.newton.findings import newton_findings
from weightdecay.linear.newton.groups import group_folds, group_loss, weighted
from weightdecay.linear.newton.leave_one_out import LeaveOneOut
from weightdecay.linear.newton.models import Models, models_of, polished
from weightdecay.linear.newton.rows import Standardised, standardised
from weightdecay.linear.newton.split import NOWHERE, NewtonSplit
from weightdecay.linear.rows import OutOfRangeError, Rows, fingerprint
from weightdecay.linear.units_of_rows import Scaling, bad_cell
from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.grouping import Grouping
from weightdecay.tuning.folds import Folds, for_every_class, natural_count
from weightdecay.tuning.group_search import ColumnGroups, GroupLoss
from weightdecay.tuning.label_findings import label_findings
from weightdecay.tuning.protocol import Facts, Scorer, Split

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Numbers in X, times classes, up to which folds are solved as exactly as all rows: it costs next to nothing.
SMALL = 1e6
# Decades of λ around the mean curvature: nothing shrinks to everything shrinks.
SPAN = (-6.0, 1.5)
# What the calls for the path of a training set cost, in operations of matrix products.
PATH_CALLS = 6e9
# The same of an L1 part, about the least λ that leaves no coefficient.
L1_SPAN = (-4.5, 0.5)
FARTHEST = 300.0
# Rows up to which data of more columns than rows are turned to as many columns as rows.
TURNED, TURNED_SPARSE = 2500, 400


class Shell(Protocol):
    """What a problem asks of the estimator that opened it."""

    @property
    def tol(self) -> float:
        """Relative gradient at which models are done."""
        ...

    @property
    def l1_ratio(self) -> float:
        """Share of the L1 part."""
        ...

    @property
    def max_iter(self) -> int:
        """Newton steps for one model."""
        ...

    def fitted(self, problem: NewtonProblem, decay: float | Array) -> Any:
        """A clone at a decay, fitted to the problem."""
        ...


class Judge(Protocol):
    """How a scorer is applied to what a loss predicts."""

    def weights(self, rows: Index) -> Array:
        """Sample weights of some rows, without those of classes."""
        ...

    def __call__(self, scorer: Scorer, rows: Index, means: Array) -> Array:
        """−score (L,) of predictions (m, L, k) of some rows."""
        ...


@dataclass(frozen=True, eq=False)
class Solution:
    """Coefficients (c, p), intercepts (c,), how they were computed, and in how many Newton steps."""

    coef: Array
    intercept: Array
    status: str
    steps: int


@dataclass(frozen=True, eq=False)
class NewtonProblem:
    """Rows opened for a smooth convex loss.

    Minimises J(w, b) = Σ s_i loss(y_i, b + x_i·w)/Σs + (λ/2) Σ_j p_j v_j ‖w_j − c_j‖², v_j the variance of column j
    where columns are standardised, and 1 otherwise.
    """

    shell: Shell
    rows: Rows
    design: Design
    centre: Array
    columns: tuple[str, ...]
    model_name: str
    loss: Loss
    judge: Judge
    scaling: Scaling = field(repr=False)
    references: tuple[tuple[str, float], ...]
    classes: tuple[str, ...] = ()
    strata: NDArray[Any] | None = None
    plan: tuple[ColumnPlan, ...] = ()
    target_names: tuple[str, ...] = ()
    decay_weights: Array = field(default_factory=lambda: np.ones(0), repr=False)
    column_groups: ColumnGroups | None = None
    grouping: Grouping | None = None

    def __post_init__(self) -> None:
        vars(self)["_fingerprint"] = fingerprint(self.rows)

    def _check_unchanged(self) -> None:
        """What is computed only when asked for reads the rows again, and must find them as they were."""
        if fingerprint(self.rows) != vars(self)["_fingerprint"]:
            raise ValueError(
                "X, y or sample_weight were changed since the decay was tuned, and what is asked for is computed from "
                "them only now; call tuning.settled() before changing them, or tune on copies"
            )

    @contextmanager
    def working(self) -> Any:
        """Numbers that cannot be used, met on the way, become a sentence."""
        try:
            yield
        except OutOfRangeError:
            raise ValueError(bad_cell(self.rows.X, self.columns)) from None

    @cached_property
    def offset(self) -> Array | None:
        """What the centre predicts, (n, c)."""
        return np.asarray(self.rows.X @ self.centre.T) if self.centre.any() else None

    @cached_property
    def data(self) -> Standardised:
        """The columns on one scale."""
        return standardised(self.rows, self.loss, self.offset, centred=self.design.fit_intercept)

    @property
    def turns(self) -> bool:
        """Whether models are sought as sums of rows."""
        most = TURNED_SPARSE if sparse.issparse(self.rows.X) else TURNED
        return self.rows.n_positive < self.rows.p and self.rows.n <= most and self.shell.l1_ratio == 0

    def asked(self, tol: float) -> Asked:
        """What courses are to do."""
        return Asked(self.design, self.centre, tol, self.shell.max_iter, float(self.shell.l1_ratio))

    def courses(self, folds: Folds) -> Sequence[Course]:
        """The folds of a plan, those that share Hessians together."""
        D = self.loss.outputs * self.rows.p
        small = self.rows.n * D <= SMALL
        asked = self.asked(min(FOLD_TOL, 0.1 * self.shell.tol) if small else FOLD_TOL)
        maps, pairs = fold_maps(self.rows, folds), list(folds.splits())
        if self.turns or (D <= FORMED and self.rows.n_positive < SHARED * D):
            each = enumerate(zip(pairs, maps, strict=True))
            if self.turns:
                return [turned(self.wide, pair, number, asked, mapped) for number, (pair, mapped) in each]
            return [of_fold(self.data, (pair[0], pair[1]), number, asked, mapped) for number, (pair, mapped) in each]
        found, start = [], 0
        for partition in folds.partitions:
            mine = maps[start : start + len(partition.train)]
            found.append(direct(self.data, partition, start, asked, mine))
            start += len(partition.train)
        return found

    @cached_property
    def wide(self) -> Wide:
        return Wide(self.rows, self.loss, self.offset)

    @cached_property
    def whole(self) -> Course:
        """All rows."""
        asked = self.asked(self.shell.tol)
        if self.turns:
            return turned(self.wide, (np.arange(self.rows.n), np.zeros(0, dtype=np.intp)), -1, asked, None)
        course = direct(self.data, None, -1, asked, [])
        course.paths.hints.update(vars(self).get("_remembered", {}))
        return course

    def remember(self, course: Course) -> None:
        """Keep what a course knows of the models of all rows, as a start for them."""
        if course.folds[0] == -1:
            vars(self).setdefault("_remembered", {}).update(course.paths.first)
            if "whole" in vars(self):
                self.whole.paths.hints.update(course.paths.first)

    @cached_property
    def _facts(self) -> Facts:
        weight, S = self.rows.weight, self.rows.weight_sum
        y = self.rows.Y[:, 0]
        spread = math.sqrt(float(self.rows.s @ (y - self.rows.s @ y / S) ** 2 / S))
        return Facts(
            n_given=self.rows.n,
            n_rows=self.rows.n_positive,
            weight_sum=self.scaling.weight_sum(S),
            y_std=(math.nan if self.classes else spread,),
            n_targets=1,
            columns=self.columns,
            model_name=self.model_name,
            standardize=self.design.standardize,
            loss_name=self.loss.name,
            references=self.references,
            target_names=self.target_names,
            strata=self.strata,
            positive=None if weight is None or weight.all() else weight > 0,
            classes=self.classes,
            fold_work=self._fold_work,
            l1_ratio=float(self.shell.l1_ratio),
            grouping=self.grouping,
        )

    @property
    def _fold_work(self) -> float:
        """Operations, roughly, that a path of one more training set costs."""
        vectors = len(self.classes) if len(self.classes) > 2 else 1
        return PATH_CALLS * vectors + 5.0 * self.rows.n * (vectors * self.rows.p) ** 2

    def facts(self) -> Facts:
        """What is known of the data."""
        return self._facts

    def natural_cv(self) -> str | int:
        """Five folds, fewer where the smallest class has fewer members."""
        if self.strata is None:
            return min(5, self.rows.n_positive)
        return min(natural_count(self.strata[self.rows.s > 0], 5), self.rows.n_positive)

    def candidates(self) -> Array:
        """Half-decade lattice of λ around the mean curvature of the loss where λ acts."""
        with self.working():
            members = self.whole.paths.members
            data = self.whole.paths.data
            flat = data.loss.constant(data.target, data.s)[None, :].repeat(2, axis=0)
            some = data.target[:2] if data.n > 1 else data.target.repeat(2)
            bend = data.loss.curvature(some, flat)[0]
        curvature = float(np.trace(bend)) / len(bend)
        q = members.Q[0, : data.p]
        trace = float(np.sum(1.0 / q[q > 0]))
        scale = curvature * trace / max(1, min(self.rows.p, self.rows.n))
        middle = math.log10(scale) if scale > 0 and math.isfinite(scale) else 0.0
        middle = min(max(middle, -FARTHEST - SPAN[0]), FARTHEST - SPAN[1])
        low, high = (math.floor(2 * (middle + decades)) for decades in SPAN)
        if self.shell.l1_ratio:
            most = self._all_zero()
            low, high = (math.floor(2 * (math.log10(most) + decades)) for decades in L1_SPAN)
        return np.asarray(10.0 ** (np.arange(low, high + 1) / 2.0))

    def _all_zero(self) -> float:
        """The least λ at which every decayed coefficient is zero."""
        paths = self.whole.paths
        (solved,) = paths.solve(np.array([math.inf]))
        gradient = np.abs(paths.gradient(solved.V[0]))
        unit = paths.members.kinks(1.0, 0, 1)
        held = unit > 0
        most = float((gradient[:, held] / unit[held]).max(initial=0.0))
        return most if most > 0 and math.isfinite(most) else 1.0

    def split(self, folds: Folds) -> Split:
        """All folds, solved together when they are asked."""
        if folds.leave_one_out:
            if self.shell.l1_ratio:
                raise ValueError(
                    f"cv='loo' with l1_ratio={self.shell.l1_ratio:g}: leave-one-out is for weight decay alone; give "
                    "cv=10, or l1_ratio=0"
                )
            columns = self.rows.n_positive if self.turns else self.rows.p
            if self.loss.outputs * columns > FORMED:
                raise ValueError(
                    f"cv='loo' with {self.loss.outputs * columns:,} coefficients: it needs second derivatives, which "
                    f"are formed of up to {FORMED:,}; give cv=10"
                )
            return LeaveOneOut(self)
        self.check_folds(folds)
        return NewtonSplit(self, folds)

    def group_folds(self, folds: Folds) -> Folds:
        """The folds that strengths of groups of columns are tuned on."""
        return group_folds(self, folds)

    def group_loss(self, groups: ColumnGroups, folds: Folds) -> GroupLoss:
        """The mean held-out loss as a function of those strengths."""
        with self.working():
            return group_loss(self, groups, folds)

    def weighted(self, decay_weights: Array, grouping: Grouping) -> NewtonProblem:
        """The same rows with tuned decay weights (p,)."""
        return weighted(self, decay_weights, grouping)

    def check_folds(self, folds: Folds) -> None:
        """Every fold has weight on both sides, and trains on every class that any row has."""
        s, y = self.rows.s, self.rows.Y[:, 0]
        for number, pair in enumerate(folds.splits()):
            for rows, name in zip(pair, ("training", "test"), strict=True):
                if not s[rows].any():
                    raise ValueError(
                        f"all {name} rows of fold {number} have weight 0; use other folds or drop those rows"
                    )
            if not self.classes:
                continue
            train = pair[0]
            seen = np.bincount(y[train[s[train] > 0]].astype(np.intp), minlength=len(self.classes))
            if not seen.all():
                name = self.classes[int(np.argmin(seen > 0))]
                raise ValueError(f"fold {number} trains on no row of class {name!r}; {for_every_class(folds.text)}")

    def scored(self, scorer: Scorer, rows: Index, means: Array) -> Array:
        """−score (L,) of predictions (m, L, k) of some rows."""
        return self.judge(scorer, rows, means)

    def models(self, decays: Array) -> Models:
        """Models on all rows, one per decay."""
        self._check_unchanged()
        with self.working():
            return models_of(self.whole, np.asarray(decays, dtype=np.float64))

    def path(self, decays: Array) -> DecayPath:
        """Models on all rows, one per decay."""
        found = self.models(decays)
        coef, intercept = self.scaling.undone(found.coef, found.intercept)
        if self.loss.outputs == 1:
            coef, intercept = coef[:, 0], intercept[:, 0]
        names = self.classes if self.loss.outputs > 1 else self.target_names
        loss = found.loss * self.loss.reported
        return DecayPath(found.decays, coef, intercept, found.df, loss, found.status, self.columns, names)

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """Leave-one-out beside the folds, (L,)."""
        self._check_unchanged()
        if self.loss.outputs * self.rows.p > FORMED or self.shell.l1_ratio:
            return {}
        with self.working():
            found = LeaveOneOut(self, thorough=False).held_out(np.asarray(decays, dtype=np.float64))
        return {"alo": found.mean}

    def diagnostics(self, decay: float | Array, folds: Folds) -> tuple[Any, ...]:
        """The model looked at closely; of a classifier, and computed once for a decay and folds."""
        if not self.classes:
            return ()
        self._check_unchanged()
        known: dict[Any, tuple[Any, ...]] = vars(self).setdefault("_diagnosed", {})
        key = float(np.asarray(decay)), folds
        if key not in known:
            known[key] = diagnose_classes(self, *key)
        return known[key]

    def solution(self, decay: float) -> Solution:
        """The model at a decay, to working accuracy."""
        with self.working():
            v, status, steps = polished(self.whole, decay)
        if status == NOWHERE:
            status = (
                f"{NOWHERE}: the {'classes can be separated' if self.classes else 'loss falls for ever'} without "
                "decay, and coefficients grow without end; what is given is where the search stopped"
            )
        if status != "newton":
            warnings.warn(f"{status}; give a larger decay, or raise max_iter", ConvergenceWarning, stacklevel=4)
        coef, intercept = self.whole.units.models(v[None], np.zeros(1, dtype=np.intp))
        coef, intercept = self.scaling.undone(coef, intercept)
        return Solution(coef[0], intercept[0], status, steps)

    def estimator(self, decay: float | Array) -> Any:
        """A fitted clone of the estimator that opened the problem."""
        self._check_unchanged()
        return self.shell.fitted(self, float(np.asarray(decay)))

    def findings(self) -> tuple[Finding, ...]:
        """What the data give to say."""
        self._check_unchanged()
        with self.working():
            found = newton_findings(self)
        if self.strata is None:
            return found
        return found + label_findings(
            self.classes, np.bincount(self.strata[self.rows.s > 0], minlength=len(self.classes))
        )
