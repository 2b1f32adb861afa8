"""The door's verbs: `tune` and `path`, for our estimators and for foreign ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from weightdecay.records.decay_path import DecayPath
from weightdecay.records.trial import l1_ratio_of
from weightdecay.records.tuning import Tuning
from weightdecay.studies import raw_tables
from weightdecay.studies.fitters import fitter_of
from weightdecay.studies.trials import search_space, settings_of
from weightdecay.tuning.folds import Folds
from weightdecay.tuning.grid import drawable
from weightdecay.tuning.group_search import tuned_weights, wants_strengths
from weightdecay.tuning.interrupts import Interrupted
from weightdecay.tuning.progress import Progress, Silent
from weightdecay.tuning.protocol import Problem
from weightdecay.tuning.request import Request, folds_of, strengths, tune_request


def tune(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    decays: Any = None,
    cv: Any = None,
    rule: Any = None,
    scoring: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    space: dict[str, Any] | None = None,
    search: str = "grid",
    n_candidates: int | None = None,
    random_state: Any = None,
    text: Sequence[str] = (),
    progress: Progress | None = None,
) -> Tuning:
    r"""How much weight decay: tune an estimator's decay on held-out rows.

    With W_f the weight of fold f's test rows and L_f(λ) their mean loss under the model of its training rows,

    .. math:: \hat λ = \arg\min_λ \; \bar L(λ), \qquad
              \bar L(λ) = \frac{\sum_f W_f L_f(λ)}{\sum_f W_f}, \qquad
              SE^2(λ) = \frac{1}{F - 1} \frac{\sum_f W_f (L_f(λ) - \bar L(λ))^2}{\sum_f W_f}.

    All decays and folds share one factorisation per fold. Every fold is fitted at the prior precision Λ = λ·Σs of all
    rows, that is at λ·Σs/S_f on its own training rows of weight S_f.

    Parameters
    ----------
    estimator : LinearRegression, LogisticRegression, or a scikit-learn estimator or Pipeline with a penalty
        An instance; it is not changed. Foreign estimators are cloned and refitted for every fold and decay, and
        ``status`` says so; with several targets, all share one decay.
    X : array-like, data frame, sparse matrix of shape (n, p), or Table
        Frames (polars or pandas) may hold text, categories, dates and missing values: these are encoded, anew in every
        fold (see Notes). A `Table` from `wd.read` brings its own target, weights, groups and times. For a Pipeline
        whatever its first step takes, such as a list of n texts.
    y : array-like of shape (n,) or (n, t)
        Numbers, or classes for a classifier; left out where X is a Table.
    decays : array-like of float, shape (L,), optional
        λ to try, used as they are, neither refined nor extended; None lets the data span a grid that is.
    cv : "auto", "loo", int, scikit-learn splitter or list of (train, test) index arrays, optional
        How rows are held out. An int shuffles the rows with ``random_state`` (None = 0), by whole groups if groups are
        given, evenly by class for classifiers, and leaves out rows of weight 0.
    rule : "min", "1se" or callable, optional
        The least loss, the largest λ within one standard error of it, or ``rule(decays, mean, standard_error)``.
    scoring : str or callable, optional
        A scikit-learn scorer, whose score with its sign turned is then the loss; None is the mean squared error, a
        deviance or the log-loss, as suits the estimator. For classes ``"brier"`` and ``"auc"`` are short for
        ``"neg_brier_score"`` and ``"roc_auc"``; scorers of one class against another (``"f1"``) take the class 1, else
        the second in order, and of more than two classes their mean (``"f1_macro"``, ``"roc_auc_ovr"``).
    groups : array-like of shape (n,), optional
        Rows of one group are held out together.
    sample_weight : array-like of shape (n,), optional
        Relative weights of at least 0.
    space : dict of str to sequence, optional
        Other parameters to try, all on the same folds; the decay is tuned for each setting, and the best is returned
        with all as ``trials``. Where they differ in ``l1_ratio`` the verdict says which kind suits the data better.
    search : "grid" or "random", default "grid"
        Every combination of the space, or ``n_candidates`` of them drawn at random.
    n_candidates : int, optional
        How many settings a random search draws; None is 10.
    random_state : int, RandomState or None, optional
        Shuffles the rows of ``cv=int`` and draws the settings.
    text : sequence of str, optional
        Columns of a frame that hold prose: their words become columns.
    progress : Progress, optional
        A listener to long work.

    Returns
    -------
    Tuning
        The curve, the choice, its window and what there is to say. ``model``, ``path``, ``opinions`` and ``findings``
        are computed when first asked for, and read X and y again: do not change these meanwhile, or take
        ``tuning.settled()``, which computes all but the model at once.

    Raises
    ------
    ValueError
        For data or arguments that cannot be used; the sentence names the place and the remedy.

    Notes
    -----
    cv, rule, scoring, decays and random_state that are None are the estimator's own.

    For linear regression ``cv="loo"`` keeps the columns' full-data means and scales, which makes its short-cut exact;
    ``cv=LeaveOneOut()`` takes them anew from the other rows of every fold, with a factorisation per row, so its decay
    may differ.

    In frames a gap of a number takes the median of the training rows, a gap of a category their most frequent level,
    and a column of 0 and 1 flags it; categories become a column of 0 and 1 for every level, dates become parts that
    count, and columns that tell nothing are left out. `Tuning.plan` says what became of each. Every fold learns this
    from its own training rows, at no extra cost: it is a linear map of the columns, which acts on their moments. The
    losses are those of refits of scikit-learn's ``SimpleImputer``, ``OneHotEncoder``, ``StandardScaler`` and ``Ridge``
    in a pipeline. Where there are gaps or prose ``cv="auto"`` takes 10 folds, as leave-one-out would keep the encoding
    of all rows. ``model`` is a `TableModel`, which predicts from frames as they are.

    Networks take the same tables: every fold has its own medians, levels and frequencies, scaled to mean 0 and standard
    deviation 1 by its training rows (terms of prose by their frequency alone); a column that does not vary in these is
    0 in all rows.

    With ``decay_groups`` the ratios of the groups' strengths are tuned first, on the same folds and by their loss;
    `Tuning.grouping` tells what they are and what they gained, ``groups`` each group's decay.

    The standard error is that of Friedman, Hastie & Tibshirani (2010), "Regularization paths for generalized linear
    models via coordinate descent", J. Stat. Softw. 33(1), and the rule "1se" that of Breiman, Friedman, Olshen & Stone
    (1984), "Classification and Regression Trees", section 3.4.3.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((40, 10)); y = X[:, 0] + rng.standard_normal(40)
    >>> tuning = wd.tune(wd.LinearRegression(), X, y, cv=5)
    >>> tuning.losses.shape[0], tuning.window[0] <= tuning.decay <= tuning.window[1]
    (5, True)
    """
    listener: Progress = progress or Silent()
    folds: Folds | None = None
    cv = list(cv) if isinstance(cv, Iterator) else cv  # each setting of a space needs them again
    given = {"decays": decays, "cv": cv, "rule": rule, "scoring": scoring, "random_state": random_state}

    rows = raw_tables.given(X, y, sample_weight, groups, text, estimator)

    def planned(candidate: Any) -> tuple[Any, Problem, Request]:
        nonlocal folds
        candidate, data = rows.of(candidate)
        fitter, own = fitter_of(candidate)
        problem = fitter.open(data, rows.y, rows.sample_weight)
        request: Request = replace(own, **{name: value for name, value in given.items() if value is not None})
        request = replace(request, cv=rows.folds(request.cv))
        folds = folds or folds_of(problem, request, rows.groups, rows.y)  # settings are compared on the same rows
        return candidate, problem, replace(request, cv=folds)

    def tuned(candidate: Any, listener: Progress) -> Tuning:
        candidate, problem, request = planned(candidate)
        try:
            problem, request = tuned_weights(problem, request, progress=listener)
            found = tune_request(problem, request, groups=rows.groups, y=rows.y, progress=listener)
        except Interrupted as stopped:
            raise stopped.told(lambda one: rows.told(one, candidate)) from None
        return rows.told(found, candidate)

    if space is None:
        return tuned(estimator, listener)
    settings = settings_of(estimator, space, (search, n_candidates, random_state))
    for params, candidate in settings:
        if l1_ratio_of(params):  # whose folds suit the others too, but not the other way round
            planned(candidate)
            break
    return search_space(lambda candidate: tuned(candidate, Silent()), settings, lambda: folds, listener)


def path(
    estimator: Any,
    X: Any,
    y: Any = None,
    decays: Any = None,
    *,
    sample_weight: Any = None,
    text: Sequence[str] = (),
) -> DecayPath:
    r"""Models on all rows along a path of decays, from one factorisation.

    For every λ the minimiser over coefficients w and intercept b of

    .. math:: J(w, b) = \frac{1}{\sum s} \sum_i s_i \, \mathrm{loss}(y_i, b + x_i \cdot w) + λ R(w),

    with the loss and the penalty R of the estimator.

    Parameters
    ----------
    estimator : LinearRegression, or a scikit-learn estimator or Pipeline with a penalty
        An instance; it is not changed. Foreign estimators are cloned and refitted for every decay.
    X : array-like, data frame or sparse matrix of shape (n, p), or Table
        As in `tune`.
    y : array-like of shape (n,) or (n, t)
        Left out where X is a Table.
    decays : array-like of float, shape (L,), optional
        λ in any order, 0 and inf allowed; None takes the estimator's own, or else a lattice from the spectrum of the
        data.
    sample_weight : array-like of shape (n,), optional
        Relative weights of at least 0.
    text : sequence of str, optional
        Columns of a frame that hold prose.

    Returns
    -------
    DecayPath
        ``decays`` (L,), ``coef`` (L, p) or (L, t, p) in the units of the columns, or for a Pipeline of what reaches its
        last step, ``intercept`` (L,) or (L, t), ``df``, ``train_loss`` and ``status``.

    Raises
    ------
    ValueError
        For data or arguments that cannot be used; the sentence names the place and the remedy.

    Notes
    -----
    With ``decay_groups`` the ratios of the groups' strengths are tuned first, on the estimator's folds.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> X = np.array([[1.0], [2.0], [3.0]])
    >>> wd.path(wd.LinearRegression(standardize=False), X, [1.0, 2.0, 4.0], [0.0, 1.0, np.inf]).coef.ravel().round(3)
    array([1.5, 0.6, 0. ])
    """
    rows = raw_tables.given(X, y, sample_weight, None, text, estimator)
    estimator, data = rows.of(estimator)
    fitter, own = fitter_of(estimator)
    problem = fitter.open(data, rows.y, rows.sample_weight)
    if wants_strengths(problem):
        problem, _ = tuned_weights(problem, replace(own, cv=rows.folds(own.cv)), groups=rows.groups, y=rows.y)
    wanted = own.decays if decays is None else decays
    return problem.path(drawable(problem.candidates()) if wanted is None else strengths(wanted))
