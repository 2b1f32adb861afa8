"""Foreign estimators: any scikit-learn estimator or Pipeline whose penalty has a known unit, cloned and refitted.

The fall-back of `tune`: F × L honest fits instead of shared work, and ``status`` says so. Every fold keeps the prior
precision Λ = λ·Σs of the full data, converted to the estimator's own parameter.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import LinAlgWarning
from sklearn.base import is_classifier
from sklearn.utils import _safe_indexing as take
from sklearn.utils import indexable
from sklearn.utils.validation import _num_samples

from weightdecay.linear.cells import check_collected, check_columns, floats
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.finding import Finding
from weightdecay.records.held_out import HeldOut
from weightdecay.records.labels import class_names
from weightdecay.studies.foreign_data import check_folds, columns_of, target_of
from weightdecay.studies.foreign_fits import (
    ILL_CONDITIONED,
    REFUSED,
    STATUS,
    ill_conditioned,
    refuse_nothing_sound,
    together,
)
from weightdecay.studies.foreign_losses import RegressionLoss, loss_of, row_losses
from weightdecay.studies.penalties import Penalised, penalised
from weightdecay.tuning.folds import Folds, natural_count
from weightdecay.tuning.interrupts import Halted
from weightdecay.tuning.label_findings import findings_of_labels
from weightdecay.tuning.progress import Progress, Silent
from weightdecay.tuning.protocol import Facts, Problem, Scorer, Split
from weightdecay.tuning.scoring import loss_of_model, loss_of_predictions, of_classes
from weightdecay.tuning.selection import from_folds, from_rows
from weightdecay.tuning.target_names import target_names

Array = NDArray[np.float64]
Index = NDArray[np.intp]


@dataclass(frozen=True, eq=False)
class ForeignFitter:
    """Opens problems on behalf of an estimator that knows nothing of them."""

    estimator: Any

    def open(self, X: Any, y: Any, sample_weight: Any = None) -> Problem:
        """Find the penalty; the estimator validates the data itself."""
        model = penalised(self.estimator)
        check_collected(X, "X")
        check_collected(y, "y")
        if not model.prefix:
            check_columns(X)
        names = target_names(y)
        y = target_of(y, bool(is_classifier(model.template)), type(model.final).__name__)
        X, y, sample_weight = indexable(X, y, sample_weight)
        if _num_samples(X) < 2:
            raise ValueError(f"{_num_samples(X)} row: at least 2 are needed, one to fit and one to hold out")
        s = np.ones(len(y)) if sample_weight is None else floats(sample_weight, "sample_weight", "one number per row")
        if not (np.isfinite(s).all() and (s >= 0).all() and s.any()):
            raise ValueError("sample_weight: expected finite numbers of at least 0, some of them positive")
        return ForeignProblem(model, X, y, s, sample_weight is not None, names)


@dataclass(frozen=True, eq=False)
class ForeignProblem:
    """Data and an estimator that is refitted for every question.

    Parameters
    ----------
    model : Penalised
    X : array-like, data frame or sparse matrix of shape (n, p)
    y : ndarray of shape (n,) or (n, t)
    s : ndarray of shape (n,)
        Sample weights, ones if none were given.
    weighted : bool
        Whether weights were given; only then are they passed on.
    target_names : tuple of str
    progress : Progress
        Told of every fit of a split.
    ill : set of float
        Decays at which some fit of a split was ruled by rounding.
    """

    model: Penalised
    X: Any
    y: NDArray[Any]
    s: Array
    weighted: bool
    target_names: tuple[str, ...] = ()
    progress: Progress = field(default_factory=Silent)
    ill: set[float] = field(default_factory=set, repr=False)

    @cached_property
    def classifies(self) -> bool:
        """Whether the estimator is a classifier."""
        return bool(is_classifier(self.model.template))

    @cached_property
    def loss(self) -> RegressionLoss | None:
        """What rows are judged by; None is the log-loss of a classifier."""
        return None if self.classifies else loss_of(self.model.final, self.model.kind)

    @cached_property
    def used(self) -> Index:
        """Rows with positive weight: the others are as good as removed."""
        return np.flatnonzero(self.s)

    @cached_property
    def loss_weight(self) -> Array:
        """Weights of the rows in the estimator's own objective: sample weights times class weights."""
        weight = self.s.copy()
        if self.classifies:
            weight[self.used] *= self.model.class_weights(self.y[self.used])
        return weight

    def facts(self) -> Facts:
        """What is known of the data."""
        S, n, single = float(self.loss_weight.sum()), len(self.used), not self.classifies and self.y.ndim == 1
        return Facts(
            n_given=len(self.y),
            n_rows=n,
            weight_sum=S,
            y_std=(float(np.sqrt(np.cov(self.y, aweights=self.s, ddof=0))) if single else math.nan,),
            n_targets=1,
            columns=self.columns,
            model_name=type(self.model.final).__name__,
            standardize=self.model.standardize,
            loss_name=self.model.loss_name(self.classifies),
            references=(("no decay", 0.0), *self.model.default(S, n)),
            strata=self.y if self.classifies else None,
            target_names=self.target_names,
            positive=None if n == len(self.y) else self.s > 0,
            fold_work=math.inf,
            classes=class_names(np.unique(self.y[self.used])) if self.classifies else (),
        )

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns given."""
        return columns_of(self.X)

    def natural_cv(self) -> int:
        """Five folds, or fewer for small classes: every fold costs a fit per decay."""
        return natural_count(self.y[self.used], 5) if self.classifies else min(5, len(self.used))

    def candidates(self) -> Array:
        """Half-decade lattice for columns of about unit variance."""
        return np.asarray(10.0 ** (np.arange(-10, 5) / 2.0))

    def at(self, decay: float, rows: Index) -> tuple[Any, str]:
        """The estimator fitted on some rows at the prior precision that λ means on all rows, and how that went.

        None for an estimator that refuses to go without decay: it is asked for that to compare with.
        """
        rows = rows[self.s[rows] > 0]
        weight = self.loss_weight[rows]
        share = float(self.loss_weight.sum() / weight.sum())
        own = self.s[rows] if self.weighted else None
        try:
            model, status = self.model.fitted(decay * share, take(self.X, rows), self.y[rows], own, weight)
        except (ValueError, ArithmeticError):
            if decay != 0:
                raise
            return None, REFUSED
        return model, status

    def trusted(self, decay: float, rows: Index) -> tuple[Any, str]:
        """The same, and None for a model that is made of rounding."""
        model, status = self.at(decay, rows)
        return None if status == ILL_CONDITIONED else model, status

    def listening(self, progress: Progress) -> ForeignProblem:
        """The same problem, whose splits tell a listener of every fit."""
        return replace(self, progress=progress)

    def split(self, folds: Folds) -> Split:
        """Nothing to factorise."""
        n = len(self.y)
        if folds.leave_one_out:
            pairs = [(np.delete(np.arange(n), row), np.array([row])) for row in self.used]
            check_folds(pairs, self.y, self.s, self.classifies)
            return ForeignSplit(self, pairs, np.zeros(len(pairs), dtype=np.intp), leave_one_out=True)
        pairs = list(folds.splits())
        check_folds(pairs, self.y, self.s, self.classifies)
        with_weight = [(train, test[self.s[test] > 0]) for train, test in pairs]
        return ForeignSplit(self, with_weight, folds.repeat)

    def path(self, decays: Array) -> DecayPath:
        """Refits on all rows: coefficients of the final step, in the units of what reaches it."""
        decays = np.asarray(decays, dtype=np.float64)
        fits = [self.trusted(float(one), self.used) for one in decays]
        pairs = self.model.coefficients([fit for fit, _ in fits])
        known = next(fit for fit, _ in fits if fit is not None)
        coef, intercept = (np.array([pair[part] for pair in pairs]) for part in (0, 1))
        losses = [self.row_losses(fit, self.used) for fit, _ in fits]
        train = np.array([np.average(one, weights=self.s[self.used]) for one in losses])
        names = self.model.final_columns(known, self.columns)
        columns = names if len(names) == coef.shape[-1] else ()
        unknown = np.full(len(decays), np.nan)
        status = tuple(status for _, status in fits)
        targets = () if self.classifies else self.target_names
        path = DecayPath(decays, coef, intercept, unknown, train, status, columns, targets)
        return replace(path, units="the units of what reaches the last step") if self.model.prefix else path

    def row_losses(self, model: Any, rows: Index) -> Array:
        """Losses of some rows, the mean over targets where there are several; nan without a model or probabilities."""
        if model is None or not self._judged(model):
            return np.full(len(rows), np.nan)
        losses = row_losses(model, take(self.X, rows), self.y[rows], self.loss)
        return losses if losses.ndim == 1 else losses.mean(axis=1)

    def _judged(self, model: Any) -> bool:
        """Whether the natural loss can be had: of a classifier, whether it gives probabilities."""
        return self.loss is not None or hasattr(model, "predict_proba")

    def check_judged(self, model: Any) -> None:
        """Refuse to judge a classifier without probabilities by the log-loss."""
        if model is not None and not self._judged(model):
            raise ValueError(
                f"{type(self.model.final).__name__} gives no probabilities as it is; give scoring='accuracy', or "
                "to SGDClassifier loss='log_loss'"
            )

    def opinions(self, decays: Array) -> Mapping[str, Array]:
        """None: they need the inside of the fit."""
        return {}

    def diagnostics(self, decay: float | Array, folds: Folds) -> tuple[Diagnostics, ...]:
        """None: they would take more refits."""
        return ()

    def estimator(self, decay: float | Array) -> Any:
        """The estimator on all rows; at infinite decay the constant model that it then is."""
        model, status = self.at(float(np.max(decay)), self.used)
        if status == ILL_CONDITIONED:
            warnings.warn(
                f"decay {np.max(decay):.3g} leaves coefficients made of rounding", LinAlgWarning, stacklevel=2
            )
        return model

    def findings(self) -> tuple[Finding, ...]:
        """What its fits have shown; what else is seen of the data depends on the estimator."""
        found = findings_of_labels(self.y[self.used]) if self.classifies else ()
        return (*ill_conditioned(self.ill), *found)


def coarse_first(decays: Array) -> list[float]:
    """Decays in an order whose beginnings span them all: the middle, both ends, the quarters, and so on."""
    ascending = np.unique(decays).tolist()
    last, step, order = len(ascending) - 1, len(ascending) // 2, [len(ascending) // 2, 0, len(ascending) - 1]
    while step > 1:
        step = (step + 1) // 2
        order += range(0, last, step)
    return [ascending[index] for index in dict.fromkeys([*order, *range(last)])]


@dataclass(frozen=True, eq=False)
class ForeignSplit:
    """Folds of a foreign estimator: a refit for every fold and decay, once.

    Columns of losses are kept, since a search asks for the same decays again at its end. Decays are finished one after
    another, from coarse to fine, so that interrupted work has a curve over all decades.
    """

    problem: ForeignProblem
    pairs: list[tuple[Index, Index]]
    repeat: Index
    leave_one_out: bool = False
    known: dict[tuple[float, int], tuple[list[Any], list[str]]] = field(default_factory=dict, repr=False)
    best: list[tuple[float, str]] = field(default_factory=list, repr=False)

    def held_out(self, decays: Array, scoring: Scorer | None = None, among: Array | None = None) -> HeldOut:
        """Held-out losses by honest refits.

        Raises
        ------
        Halted
            The interrupt key was pressed; it holds the losses of the decays that were finished.
        ValueError
            No decay has a fit that is not made of rounding.
        """
        decays = np.asarray(decays, dtype=np.float64)
        new = [one for one in coarse_first(decays) if (one, id(scoring)) not in self.known]
        try:
            if new:
                words = f"fitting {len(new)} decays × {len(self.pairs)} folds"
                self.problem.progress.start(len(new) * len(self.pairs), words)
            for decay in new:
                self._fit(decay, scoring)
            asked = (decays if among is None else among).tolist()
            refuse_nothing_sound([self.known[one, id(scoring)][1] for one in asked])
            return self._assembled(decays, scoring, among)
        except KeyboardInterrupt:
            raise Halted(self._finished(decays, scoring, among)) from None

    def _finished(self, decays: Array, scoring: Scorer | None, among: Array | None) -> HeldOut | None:
        """Held-out losses of those decays that are done; None where there are none to choose from."""
        done = np.array([one for one in decays.tolist() if (one, id(scoring)) in self.known])
        if not done.size:
            return None
        try:
            return self._assembled(done, scoring, None if among is None else np.intersect1d(done, among))
        except ValueError:  # none has a finite loss
            return None

    def _assembled(self, decays: Array, scoring: Scorer | None, among: Array | None) -> HeldOut:
        """The record of decays that are done."""
        s = self.problem.s
        columns = [self.known[one, id(scoring)] for one in decays.tolist()]
        status = np.array([column[1] for column in columns]).T.astype(STATUS)
        values = [column[0] for column in columns]  # per decay, per fold: a score or the losses of the rows
        if scoring is not None and self.leave_one_out:
            return self._scored_together(decays, np.array(values), status, scoring)
        if scoring is not None:
            return from_folds(decays, np.array(values).T, np.ones(len(self.pairs)), self.repeat, status, among=among)
        weights = [s[test] for _, test in self.pairs]
        if len(self.pairs) == 1:
            return from_rows(decays, np.stack([one[0] for one in values], axis=1), weights[0], status, among)
        if self.leave_one_out:
            rows = np.array([[fold[0] for fold in one] for one in values]).T
            return from_rows(decays, rows, np.concatenate(weights), together(status), among)
        loss = [[np.average(fold, weights=w) for fold, w in zip(one, weights, strict=True)] for one in values]
        sums = np.array([one.sum() for one in weights])
        return from_folds(decays, np.array(loss).T, sums, self.repeat, status, among=among)

    def _scored_together(
        self, decays: Array, prediction: NDArray[Any], status: NDArray[np.str_], scorer: Scorer
    ) -> HeldOut:
        """−score once over all predictions (L, n) of rows left out: a single value without an error."""
        problem = self.problem
        rows = np.concatenate([test for _, test in self.pairs])
        X, y, weight = take(problem.X, rows), problem.y[rows], problem.s[rows] if problem.weighted else None
        tried = np.isfinite(prediction.reshape(len(decays), -1)).all(axis=1)
        loss = np.full((1, len(decays)), np.nan)
        loss[0, tried] = [loss_of_predictions(scorer, X, y, one, weight) for one in prediction[tried]]
        unknown = np.full(len(decays), np.nan)
        return HeldOut(decays, loss, np.ones(1), unknown, unknown, together(status))

    def _fit(self, decay: float, scoring: Scorer | None) -> None:
        """Losses of the test rows, or −score, of every fold at one decay, and their status; a listener is told."""
        values, statuses = [], []
        for number, (train, test) in enumerate(self.pairs, 1):
            model, status = self.problem.trusted(decay, train)
            if status == ILL_CONDITIONED:
                self.problem.ill.add(decay)
            values.append(self._value(model, test, scoring))
            statuses.append(status)
            if number == len(self.pairs):
                self.known[decay, id(scoring)] = values, statuses
                self._judge(decay, scoring)
            self.problem.progress.advance(self.best[-1][1] if self.best else "")

    def _judge(self, decay: float, scoring: Scorer | None) -> None:
        """Remember a decay that is the best so far, with its loss in words; scores of rows left out come together."""
        if scoring is not None and self.leave_one_out:
            return
        values = self.known[decay, id(scoring)][0]
        if scoring is None:
            loss = np.average(
                np.concatenate(values), weights=np.concatenate([self.problem.s[t] for _, t in self.pairs])
            )
        else:
            loss = np.mean(values)
        if math.isfinite(loss) and not (self.best and self.best[-1][0] <= loss):
            name, value = ("held-out loss", loss) if scoring is None else ("score", -loss)
            self.best.append((float(loss), f"best so far: decay {decay:.3g} ({name} {value:.4g})"))

    def _value(self, model: Any, test: Index, scoring: Scorer | None) -> Any:
        """Losses of the test rows, or −score, or for leave-one-out with a scorer the prediction."""
        problem = self.problem
        if scoring is None:
            problem.check_judged(model)
            return problem.row_losses(model, test)
        if self.leave_one_out and problem.classifies:
            raise ValueError("cv='loo' gives a scorer one row of a class at a time; give cv=5, or scoring=None")
        if model is None:
            return np.full(problem.y.shape[1:] if self.leave_one_out else (), np.nan)
        X, y = take(problem.X, test), problem.y[test]
        if self.leave_one_out:
            return model.predict(X)[0]
        scorer = of_classes(scoring, model.classes_) if problem.classifies else scoring
        return loss_of_model(scorer, model, X, y, problem.s[test] if problem.weighted else None)
