"""The door's `compare`: in what form, each form tuned on the same folds with the same care."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.comparison import Comparison
from weightdecay.records.finding import Finding
from weightdecay.studies import raw_tables
from weightdecay.studies.compare_forms import Plan, forms_of
from weightdecay.studies.compare_honest import Known, Searched, by_other_folds, nested
from weightdecay.studies.compare_rows import Judge, Told, rows_of
from weightdecay.studies.compare_search import Care, Losses, from_above
from weightdecay.studies.fitters import fitter_of
from weightdecay.tuning.folds import Folds, natural_count
from weightdecay.tuning.folds import plan as plan_folds
from weightdecay.tuning.later import worst_first
from weightdecay.tuning.nested_folds import FEW_DECAYS, NestedFolds, nested_folds
from weightdecay.tuning.nested_search import one_by_one
from weightdecay.tuning.progress import Progress, Silent
from weightdecay.tuning.protocol import Joint, Problem, Waiting
from weightdecay.tuning.request import GROUP_FOLDS, Request, folds_of, strengths
from weightdecay.tuning.scoring import as_scorer, scoring_name

Array = NDArray[np.float64]

# Folds of `cv="auto"`: paired differences need some, and models that are refitted one by one are dear.
MANY, FEW = 10, 5


def compare(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    cv: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    scoring: Any = None,
    random_state: Any = None,
    text: Sequence[str] = (),
    progress: Progress | None = None,
) -> Comparison:
    r"""In what form: no regularisation, weight decay, L1, elastic net, dropout or early stopping, on the same folds.

    For every form, with its settings θ (λ, the share of L1, the rate of dropout) chosen without fold f,

    .. math:: \bar L = \frac{\sum_f W_f L_f(\hat θ_{-f})}{\sum_f W_f}, \qquad
              D = \frac{\sum_f W_f \left( L_f(\hat θ_{-f}) - L'_f(\hat θ'_{-f}) \right)}{\sum_f W_f},

    where L′ is another form on the same fold: D is their paired difference, and its standard error is that of `tune`.

    Parameters
    ----------
    estimator : LinearRegression, LogisticRegression, PoissonRegression, NetworkRegressor, NetworkClassifier, or foreign
        An instance; it is not changed. Its ``rule``, ``tolerance``, ``decays`` and other settings hold for all forms;
        its ``decay``, ``l1_ratio``, ``dropout`` and ``early_stopping`` are what is compared. A foreign estimator, or a
        Pipeline, is compared in the one form that its penalty has, beside none.
    X : array-like, data frame, sparse matrix of shape (n, p), or Table
        As in `tune`.
    y : array-like of shape (n,) or (n, t)
        Left out where X is a Table. Several targets share one decay here.
    cv : "auto", int, scikit-learn splitter or list of (train, test) index arrays, optional
        How rows are held out. None is the estimator's own; "auto" is 10 folds, stratified for classes, 5 by group if
        groups are given, and 5 for estimators that are refitted one by one or trained as networks.
    groups : array-like of shape (n,), optional
        Rows of one group are held out together.
    sample_weight : array-like of shape (n,), optional
        Relative weights of at least 0.
    scoring : str or callable, optional
        As in `tune`.
    random_state : int, RandomState or None, optional
        Shuffles the rows of ``cv=int``.
    text : sequence of str, optional
        Columns of a frame that hold prose.
    progress : Progress, optional
        A listener to long work.

    Returns
    -------
    Comparison
        A row for every form, the form that suits the data, and the verdict in words.

    Raises
    ------
    ValueError
        For data or arguments that cannot be used; the sentence names the place and the remedy.

    Notes
    -----
    The least of many losses is optimistic, the more so the more settings a form has, which would favour an elastic net.
    Settings are therefore chosen inside: for fold f by the losses of models that were fitted without f and another
    fold (nested cross-validation: Varma & Simon 2006, BMC Bioinformatics 7:91); F folds take F(F + 1)/2 training sets,
    each factorised once for all decays. Where models are refitted one by one or trained as networks, and where folds
    share rows, settings are chosen by the other folds of the same cross-validation, whose models have seen the rows of
    f; ``how`` says which. With a single hold-out settings are chosen by the rows that they are judged on.

    All forms have the same lattice of λ: half-decades downward from where nothing is left until the loss has clearly
    risen, then quarters about the best; an elastic net is tried at shares 0.1, 0.5 and 0.9 of L1, dropout at rates 0.1,
    0.25 and 0.5. "none" is λ = 0, of more columns than rows the least-penalty least squares; where classes can be
    separated there is no such model, and the least decay tried that has one stands in, which the row says. Which form
    is named is told in `Comparison.suits`: the simplest of those within one paired standard error of the best, after
    the rule of Breiman, Friedman, Olshen & Stone (1984), "Classification and Regression Trees", section 3.4.3.

    Stability is the mean cosine between the weights of the models of two folds, all at the decay chosen on all folds,
    weights being multiplied by the standard deviations of their columns. Networks have none: their units may trade
    places.

    Intervals are fold-wise, and as folds share training rows somewhat too narrow (Bates, Hastie & Tibshirani 2024).

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 40)); y = 3 * X[:, 0] + rng.standard_normal(80)
    >>> wd.compare(wd.LinearRegression(), X, y).suits
    'L1'
    """
    listener: Progress = progress or Silent()
    rows = raw_tables.given(X, y, sample_weight, groups, text, estimator)
    plan = forms_of(estimator)
    given = {"cv": cv, "scoring": scoring, "random_state": random_state}
    try:
        opened, request = _opened(plan, rows, {name: one for name, one in given.items() if one is not None})
        work = _Work(plan, opened, _care(request, opened.problems[0], plan), listener)
        folds, inner = _folds(opened, request, rows, plan)
        listener.start(2 * len(plan.settings) + len(plan.forms), f"comparing {len(plan.forms)} forms, {folds.text}")
        settings = work.searched(folds)
        known, weight, repeat = work.judged(settings, folds, inner)
        judge = Judge(plan, settings, known, weight, repeat, work.care)
        told = rows_of(judge, folds, _fitters(plan, rows), listener)
    finally:
        listener.finish()
    return _comparison(told, judge, (folds, inner), rows, request)


@dataclass(frozen=True, eq=False)
class _Opened:
    """A problem for every setting, and who trains them together."""

    problems: tuple[Problem, ...]
    joint: Joint | None


def _opened(plan: Plan, rows: raw_tables.Given, given: dict[str, Any]) -> tuple[_Opened, Request]:
    """Problems of all settings on the same data, and what is asked of the search."""
    joint = plan.settings[0][1].jointly(plan.settings) if plan.joint else None
    problems, request = [], Request()
    for _, candidate in plan.settings:
        own, data = rows.of(candidate)
        fitter, request = fitter_of(own)
        problems.append(fitter.open(data, rows.y, rows.sample_weight))
    request = replace(request, **given)
    return _Opened(tuple(problems), joint), replace(request, cv=rows.folds(request.cv))


def _fitters(plan: Plan, rows: raw_tables.Given) -> list[Any]:
    """For every setting a function that opens the data anew."""

    def opener(candidate: Any) -> Any:
        own, data = rows.of(candidate)
        return lambda: fitter_of(own)[0].open(data, rows.y, rows.sample_weight)

    return [opener(candidate) for _, candidate in plan.settings]


def _care(request: Request, problem: Problem, plan: Plan) -> Care:
    """With what care all forms are tuned."""
    classes = len(problem.facts().classes)
    given = None if request.decays is None else np.unique(strengths(request.decays))
    scorer = as_scorer(request.scoring, classes)
    return Care(given, request.rule, float(request.tolerance), scorer, at_once=plan.joint)


def _folds(opened: _Opened, request: Request, rows: raw_tables.Given, plan: Plan) -> tuple[Folds, NestedFolds | str]:
    """The folds that forms are judged on, and those that are nested in them or in words why there are none."""
    problem = max(opened.problems, key=lambda one: one.facts().fold_work)  # the dearest decides for all
    facts = problem.facts()
    cv = request.cv
    if cv is None or (isinstance(cv, str) and cv == "auto"):
        count = FEW if math.isinf(facts.fold_work) else MANY
        cv = GROUP_FOLDS if rows.groups is not None else min(count, facts.n_rows)
        if facts.strata is not None and rows.groups is None:
            used = facts.strata if facts.positive is None else facts.strata[facts.positive]
            cv = natural_count(used, cv)
    folds = folds_of(problem, replace(request, cv=cv), rows.groups, rows.y)
    if folds.leave_one_out:
        raise ValueError(
            "cv='loo' leaves out single rows, and forms are compared by folds within which settings are chosen; give a "
            "number of folds, such as cv=10"
        )
    # Training sets are asked about decays near those that are chosen, not about whole paths.
    few = 1.0 if one_by_one(facts) or not facts.l1_ratio else FEW_DECAYS
    inner = nested_folds(folds, replace(facts, fold_work=few * facts.fold_work), few=0)
    if isinstance(inner, str):
        return folds, inner
    first = inner.repetitions[0]
    if first.count == len(folds.repeat):
        return folds, inner
    # Fewer than asked for, since training sets are dear: all work is on these.
    cells = range(int(first.label.max()) + 1)
    pairs = [
        (np.flatnonzero(np.isin(first.label, [c for c in cells if c != f])), first.label == f)
        for f in range(first.count)
    ]
    return plan_folds(pairs, facts.n_given), inner


@dataclass(frozen=True, eq=False)
class _Work:
    """The searches and the judgement of all settings."""

    plan: Plan
    opened: _Opened
    care: Care
    progress: Progress

    def searched(self, folds: Folds) -> list[Searched]:
        """Every setting with its decays searched."""
        found: dict[int, Searched] = {}
        for number, one in self._searches(folds):
            found[number] = one
            self.progress.advance(f"searched {_words(self.plan.settings[number][0])}")
        return [found[number] for number in range(len(self.plan.settings))]

    def _searches(self, folds: Folds) -> Iterator[tuple[int, Searched]]:
        """One after the other, or in rounds: each goes on until it needs work, which is done for all at once."""
        joint, spent = self.opened.joint, 0.0
        losses: dict[int, Losses] = {}
        constant, waiting = None, list(range(len(self.plan.settings)))
        try:
            while waiting:
                still = []
                for number in waiting:
                    start = perf_counter()
                    if number not in losses:
                        losses[number] = Losses(self.opened.problems[number].split(folds), self.care.scorer)
                    try:
                        one = self._search(number, losses[number].begin(constant), folds)
                    except Waiting:
                        still.append(number)
                        continue
                    constant = one.losses.constant
                    losses[number].split = None  # what was factorised is let go
                    share = one.losses.decays.size / max(1, sum(each.decays.size for each in losses.values()))
                    yield number, replace(one, seconds=perf_counter() - start if joint is None else spent * share)
                waiting = still
                if waiting and joint is not None:
                    start = perf_counter()
                    joint.work(self.progress)
                    spent += perf_counter() - start
        finally:
            if joint is not None:
                joint.finish()

    def _search(self, number: int, losses: Losses, folds: Folds) -> Searched:
        """The decays of one setting, and its models without decay and at infinite decay where a form has these."""
        problem = self.opened.problems[number]
        kinds = {one.decays for one in self.plan.forms if number in one.settings}
        none = "none" in kinds
        if "tuned" not in kinds:
            losses.at(np.zeros(1))
            return Searched(problem, losses, np.zeros(0))
        candidates = problem.candidates()
        if none and self.care.at_once:
            losses.at(np.concatenate([[0.0], candidates]))
        grid = from_above(losses, candidates, self.care, folds.repeat)
        least = 0.0
        if none and not np.isfinite(losses.at(np.zeros(1))).all():
            least = float(candidates[0])
            losses.at(np.array([least]))
        exact = none and least == 0.0 and self.care.given is None
        ends = [*([0.0] if exact else []), *([np.inf] if self.care.given is None else [])]
        own = grid if self.care.given is None else self.care.given
        return Searched(problem, losses, np.union1d(own, ends), least)

    def judged(
        self, settings: list[Searched], folds: Folds, inner: NestedFolds | str
    ) -> tuple[list[Known], Array, NDArray[np.intp]]:
        """Losses of every setting for the honest choice, the weights of the folds, and their repetitions."""
        found, weight, constant = [], settings[0].losses.weight, None
        for number, setting in enumerate(settings):
            extra = [setting.of(one) for one in self.plan.forms if number in one.settings and one.decays != "tuned"]
            always = np.unique(np.concatenate([*extra, np.zeros(0)]))
            if isinstance(inner, str):
                found.append(by_other_folds(setting, always, folds))
            else:
                losses = Losses(setting.problem.split(inner.folds), self.care.scorer).begin(constant)
                known, weight = nested(setting, always, losses, inner, self.care)
                constant = losses.constant
                found.append(known)
            self.progress.advance(f"judged {_words(self.plan.settings[number][0])}")
        if isinstance(inner, str):
            return found, weight, folds.repeat
        counts = [one.count for one in inner.repetitions]
        return found, weight, np.repeat(np.arange(len(counts)), counts)


def _words(params: dict[str, Any]) -> str:
    """A setting in a word or two."""
    return ", ".join(f"{name}={value}" for name, value in params.items()) or "the plain model"


def _how(inner: NestedFolds | str, folds: Folds) -> str:
    """How settings were chosen."""
    if not isinstance(inner, str):
        return f"settings were chosen without the fold that they are judged on (nested, {inner.text})."
    if len(folds.repeat) == 1:
        return "settings were chosen on the rows that they are judged on, which favours forms with many of them."
    return "settings were chosen by the other folds, whose models have learned from the fold that is judged."


def _comparison(
    told: Told, judge: Judge, plans: tuple[Folds, NestedFolds | str], rows: raw_tables.Given, request: Request
) -> Comparison:
    """The record."""
    folds, inner = plans
    problem = judge.settings[0].problem
    facts = problem.facts()
    table = rows.table
    notes = [*(table.notes if table is not None else ()), *filter(None, [judge.plan.note])]
    return Comparison(
        rows=told.rows,
        weight=judge.weight,
        repeat=np.asarray(judge.repeat, dtype=np.int64),
        model_name=facts.model_name,
        scoring=scoring_name(request.scoring, facts.loss_name, len(facts.classes)),
        cv=folds.text if isinstance(inner, str) else inner.text,
        how=_how(inner, folds),
        n_rows=facts.n_rows,
        n_weights=told.n_weights,
        tolerance=judge.care.tolerance,
        columns=facts.columns,
        classes=facts.classes,
        target="" if table is None else table.target,
        source="" if table is None else table.source,
        notes=tuple(notes),
        findings=_findings(problem),
    )


def _findings(problem: Problem) -> tuple[Finding, ...]:
    """What the data give to say."""
    return worst_first(problem.findings())
