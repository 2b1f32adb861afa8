"""Rows of a comparison: what each form loses on the folds, by how much forms differ, and what its models are like."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t as student

from weightdecay.records.comparison import ComparisonRow, Difference
from weightdecay.records.comparison_words import CONSTANT, DECAY, NONE
from weightdecay.records.held_out import weighted_mean
from weightdecay.records.trial import l1_ratio_of
from weightdecay.studies.compare_forms import Form, Plan
from weightdecay.studies.compare_honest import Honest, Known, Searched, judged
from weightdecay.studies.compare_models import alike, counted, fold_weights, timed
from weightdecay.studies.compare_search import Care, chosen
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.progress import Progress
from weightdecay.tuning.selection import standard_error

Array = NDArray[np.float64]

LEVEL = 0.95


@dataclass(frozen=True, eq=False)
class Judge:
    """All forms on the same folds.

    Parameters
    ----------
    plan : Plan
    settings : sequence of Searched
    known : sequence of Known
    weight, repeat : ndarray of shape (m,)
    care : Care
    """

    plan: Plan
    settings: Sequence[Searched]
    known: Sequence[Known]
    weight: Array
    repeat: NDArray[np.intp]
    care: Care

    @cached_property
    def honest(self) -> Mapping[str, Honest]:
        """Losses of every form, settings chosen without the fold."""
        return {one.name: judged(one, self.known, self.settings, self.care) for one in self.plan.forms}

    @cached_property
    def best(self) -> str:
        """The form of least mean loss, infinite decay apart."""
        means = {name: self.mean(one.loss) for name, one in self.honest.items() if name != CONSTANT}
        return min(means, key=lambda name: means[name] if math.isfinite(means[name]) else math.inf)

    def mean(self, loss: Array) -> float:
        """Weighted mean over the folds."""
        return float(weighted_mean(loss, self.weight))

    def error(self, loss: Array) -> float:
        """Its standard error."""
        return float(standard_error(loss[:, None], self.weight, self.repeat)[0])

    @property
    def quantile(self) -> float:
        """Of Student's distribution, for an interval over the folds of one repetition."""
        free = int(np.bincount(self.repeat).min()) - 1
        return float(student.ppf(0.5 + LEVEL / 2, free)) if free >= 1 else math.nan

    def less(self, name: str, other: str) -> Difference:
        """The paired difference of a form to another; nan where that was not compared."""
        if other not in self.honest:
            return Difference()
        apart = self.honest[name].loss - self.honest[other].loss
        mean, error = self.mean(apart), self.error(apart)
        return Difference(mean, error, mean - self.quantile * error, mean + self.quantile * error)


@dataclass(frozen=True, eq=False)
class Told:
    """The rows, and how many weights a model has."""

    rows: tuple[ComparisonRow, ...]
    n_weights: int


@dataclass(frozen=True)
class _Choice:
    """What a form chooses on all folds."""

    setting: int
    decay: float
    loss: float


def rows_of(judge: Judge, folds: Folds, openers: Sequence[Callable[[], Any]], progress: Progress) -> Told:
    """Everything about every form."""
    rows: list[ComparisonRow] = []
    total, unpenalised = math.nan, math.nan
    timed(partial(_fitted, openers[0], math.inf))  # whatever is slow the first time
    for form in judge.plan.forms:
        choice = _choice(judge, form)
        problem = judge.settings[choice.setting].problem
        facts, note = {"fit_seconds": math.nan, "nonzero": math.nan}, ""
        if math.isfinite(choice.loss):
            model, seconds, note = timed(partial(_fitted, openers[choice.setting], choice.decay))
            nonzero, weights = counted(problem, model, choice.decay, joint=judge.plan.joint)
            total = weights if math.isnan(total) else total
            facts = {"fit_seconds": seconds, "nonzero": nonzero}
        unpenalised = facts["fit_seconds"] if form.name == NONE else unpenalised
        facts["overhead"] = facts["fit_seconds"] / unpenalised
        facts["stability"], facts["support"] = _alike(form, choice, problem, folds)
        rows.append(_row(judge, form, choice, facts, note))
        progress.advance(f"{form.name}: {rows[-1].mean:.4g}")
    return Told(tuple(rows), 0 if math.isnan(total) else int(total))


def _fitted(opener: Callable[[], Any], decay: float) -> Any:
    """The data opened anew, and a model on all rows."""
    return opener().estimator(decay)


def _choice(judge: Judge, form: Form) -> _Choice:
    """The setting and decay of least mean loss on all folds."""
    best = _Choice(form.settings[0], math.nan, math.nan)
    for number in form.settings:
        setting = judge.settings[number]
        decays = setting.of(form)
        decay, loss = chosen(judge.care, decays, setting.losses.at(decays), setting.losses.weight)
        if loss < best.loss or math.isnan(best.loss):
            best = _Choice(number, decay, loss)
    return best


def _alike(form: Form, choice: _Choice, problem: Any, folds: Folds) -> tuple[float, float]:
    """How alike the models of the folds are; of a model without weights nothing is."""
    if form.name == CONSTANT or not (math.isfinite(choice.loss) and math.isfinite(choice.decay)):
        return math.nan, math.nan
    return alike(fold_weights(problem, choice.decay, folds))


def _row(judge: Judge, form: Form, choice: _Choice, facts: Mapping[str, float], note: str) -> ComparisonRow:
    """One row."""
    honest, params = judge.honest[form.name], judge.plan.settings[choice.setting][0]
    mean, error = judge.mean(honest.loss), judge.error(honest.loss)
    low, high = mean - judge.quantile * error, mean + judge.quantile * error
    share = l1_ratio_of(params)
    searched = [judge.settings[number].seconds for number in form.settings]
    return ComparisonRow(
        name=form.name,
        losses=honest.loss,
        mean=mean,
        standard_error=error,
        interval=(max(0.0, low) if mean >= 0 and low < 0 and judge.care.scorer is None else low, high),
        tuned=choice.loss,
        to_best=judge.less(form.name, judge.best),
        to_decay=judge.less(form.name, DECAY),
        to_none=judge.less(form.name, NONE),
        to_constant=judge.less(form.name, CONSTANT),
        decay=choice.decay,
        l1_ratio=0.0 if share is None else share,
        settings={name: value for name, value in params.items() if not name.endswith("l1_ratio")},
        decays=honest.decays,
        tuning_seconds=sum(searched) if form.decays == "tuned" or len(form.settings) > 1 else math.nan,
        note=" ".join(filter(None, [_stands_in(judge, form, choice), note])),
        **facts,
    )


def _stands_in(judge: Judge, form: Form, choice: _Choice) -> str:
    """What stands in for no decay, where there is no model without."""
    if form.decays != "none" or choice.decay == 0 or judge.settings[choice.setting].least == 0:
        return ""
    facts = judge.settings[choice.setting].problem.facts()
    why = "columns can separate the classes" if facts.classes else "the estimator has none"
    return f"Without decay some fold has no model ({why}); the least decay tried stands in, {choice.decay:.3g}."
