"""Double descent: the held-out error over the number of columns, which peaks where they are as many as the rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from weightdecay.linear.estimators import LinearRegression
from weightdecay.records.why_descent import DoubleDescent
from weightdecay.studies.why.opened import Opened, opened
from weightdecay.studies.why.random_features import MAKERS, Maker, dense, standardised
from weightdecay.tuning.progress import Progress, Silent
from weightdecay.tuning.request import Request, tune_request

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Training rows: enough for a curve, and few enough for many features; of all rows two thirds at most.
ROWS, LEAST_ROWS, SHARE = 100, 8, 2 / 3
# Columns of the data are taken as they are where there are so many that they can outnumber training rows clearly.
OWN, TIMES = 40, 2.0
SIZES = (0.1, 0.25, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0, 3.0, 5.0)  # of the training rows
# Folds that choose a decay: leave-one-out of so few rows sometimes takes a model that follows them all for the best.
FOLDS = 5
# Numbers of a sparse table up to which it is made dense.
MADE_DENSE = 2**26


def double_descent(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    sizes: Any = None,
    columns: str = "auto",
    n_train: int | None = None,
    repeats: int = 5,
    groups: Any = None,
    sample_weight: Any = None,
    text: Sequence[str] = (),
    random_state: Any = None,
    progress: Progress | None = None,
) -> DoubleDescent:
    r"""Why decay works with many columns: without it the held-out error peaks where columns are as many as rows.

    For growing numbers q of columns z, on the same training rows, the models

    .. math:: \hat w_q(λ) = \arg\min_w \frac{1}{\sum s} \sum_i s_i \tfrac12 (y_i - b - z_i \cdot w)^2
              + \frac{λ}{2} \|w\|^2

    at λ → 0 (of all that fit the rows equally well the one of least norm), at the λ that 5 folds of the training rows
    choose, and at λ = ∞, judged on rows that none of them has seen.

    Parameters
    ----------
    estimator : LinearRegression, LogisticRegression, PoissonRegression, a network, or foreign
        It says what kind the target is. The models are ridge regressions for all: of classes, on indicators.
    X : array-like, data frame, sparse matrix of shape (n, p), or Table
        As in `tune`.
    y : array-like of shape (n,)
        Left out where X is a Table.
    sizes : array-like of int, shape (m,), optional
        Numbers of columns; None takes shares of ``n_train`` from 0.1 to 5, or to p.
    columns : {"auto", "columns", "fourier", "relu"}, default "auto"
        The columns of the data in random order, or random features of them: cosines, or a hidden layer of a network
        that is not trained. "auto" takes the columns where there are at least 40, else cosines.
    n_train : int, optional
        Training rows; None takes at most 100, two thirds of the rows and, of columns, half their number.
    repeats : int, default 5
        Draws of training rows and columns; larger sizes have the columns of smaller ones.
    groups : array-like of shape (n,), optional
        Rows of one group train together.
    sample_weight : array-like of shape (n,), optional
        Relative weights of at least 0.
    text : sequence of str, optional
        Columns of a frame that hold prose.
    random_state : int, RandomState or None, optional
        None is 0.
    progress : Progress, optional
        A listener to long work.

    Returns
    -------
    DoubleDescent
        ``none`` and ``tuned`` (R, m), ``constant`` (R,), and what they say in words.

    Raises
    ------
    ValueError
        For data or arguments that cannot be used; the sentence names the place and the remedy.

    Notes
    -----
    At q near n the least-squares fit must follow every row, noise included, with hardly a choice, so that ŵ is huge;
    with more columns there are many such fits, and the one of least norm is tamer (Belkin, Hsu, Ma & Mandal 2019, PNAS
    116(32)). Tuned decay takes the peak away (Nakkiran, Venkat, Kakade & Ma 2021, ICLR, "Optimal regularization can
    mitigate double descent"). Columns of the data are standardised on the training rows, and features are made of that.

    Of k classes the target is 1 for the row's class and 0 for the others, and the error the mean over the classes (of
    two the second alone) of squared errors.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((60, 4)); y = np.sin(X[:, 0]) + 0.5 * rng.standard_normal(60)
    >>> found = wd.why.double_descent(wd.LinearRegression(), X, y, sizes=[5, 30, 100], n_train=30, repeats=2)
    >>> found.peak, found.height > 2
    (30, True)
    """
    if columns != "auto" and columns not in MAKERS:
        raise ValueError(f"columns={columns!r} is not known; give 'auto', {', '.join(map(repr, MAKERS))}")
    if repeats < 1:
        raise ValueError(f"repeats={repeats!r}: expected at least 1; give 5, or leave it out")
    work = opened(estimator, X, y, "double_descent", groups=groups, sample_weight=sample_weight, text=text)
    draws = _drawn(work, columns, n_train)
    asked = _sizes(sizes, draws)
    generator = check_random_state(0 if random_state is None else random_state)
    listener: Progress = progress or Silent()
    listener.start(repeats, f"fitting {len(asked)} numbers of columns, {repeats} times")
    rounds = []
    try:
        for _ in range(repeats):
            rounds.append(_round(draws, asked, generator))
            listener.advance()
    finally:
        listener.finish()
    none, tuned, constant, decays = (np.array(each) for each in zip(*rounds, strict=True))
    classes = len(work.problem.facts().classes)
    return DoubleDescent(
        sizes=asked.astype(np.float64),
        none=none,
        tuned=tuned,
        constant=constant,
        decays=decays,
        n_train=draws.n_train,
        n_test=len(draws.X) - draws.n_train,
        columns=draws.name,
        n_columns=draws.X.shape[1],
        loss="squared error of class indicators" if classes else "mean squared error",
    )


@dataclass(frozen=True, eq=False)
class Draws:
    """From what training rows and columns are drawn: columns (n, p), targets (n, t), weights (n,) and groups (n,)."""

    X: Array
    Y: Array
    weight: Array
    groups: NDArray[Any] | None
    maker: Maker
    name: str
    n_train: int

    @property
    def most(self) -> float:
        """Columns that there can be."""
        return float(self.X.shape[1]) if self.name == "columns" else np.inf


def _drawn(work: Opened, columns: str, n_train: int | None) -> Draws:
    """The rows that count, in numbers, and what is to be made of them."""
    table = work.columns
    if table.shape[0] * table.shape[1] > MADE_DENSE:
        raise ValueError(
            f"X has {table.shape[0]:,} × {table.shape[1]:,} numbers, and wd.why.double_descent would make them dense; "
            "give it some of the rows or columns"
        )
    used = work.used
    X, p = dense(table)[used], int(table.shape[1])
    n = len(X)
    most = int(SHARE * n)
    auto = min(ROWS, most)
    own = columns == "columns" or (columns == "auto" and p >= OWN and min(auto, int(p / TIMES)) >= OWN / TIMES)
    count = (min(auto, max(int(p / TIMES), LEAST_ROWS)) if own else auto) if n_train is None else n_train
    if not LEAST_ROWS <= count <= n - 2:
        raise ValueError(
            f"n_train={count}: of {n:,} rows with weight from {LEAST_ROWS} to {n - 2:,} can train; give "
            f"{'another n_train' if n >= 12 else 'at least 12 rows'}"
        )
    name = "columns" if own else "fourier" if columns == "auto" else columns
    groups = None if work.rows.groups is None else np.asarray(work.rows.groups)[used]
    return Draws(X, _targets(work)[used], work.weight[used], groups, MAKERS[name], name, int(count))


def _targets(work: Opened) -> Array:
    """Numbers (n, 1), or indicators of classes, of two the second alone."""
    y = np.asarray(work.rows.y).ravel()
    if not work.problem.facts().classes:
        return np.asarray(y, dtype=np.float64)[:, None]
    labels, code = np.unique(y, return_inverse=True)
    indicators = np.eye(len(labels))[code.ravel()]
    return np.asarray(indicators[:, 1:] if len(labels) == 2 else indicators)


def _sizes(given: Any, draws: Draws) -> Index:
    """Numbers of columns, ascending."""
    if given is None:
        wanted = np.array(SIZES) * draws.n_train
        if np.isfinite(draws.most):
            wanted = np.append(wanted[wanted < 0.95 * draws.most], draws.most)
        return np.unique(np.maximum(wanted.round(), 1).astype(np.intp))
    found = np.unique(np.asarray(given, dtype=np.float64).ravel())
    if not len(found) or not (found >= 1).all() or (found != found.round()).any() or found[-1] > draws.most:
        limit = f" up to the {draws.most:,.0f} of the data" if np.isfinite(draws.most) else ""
        raise ValueError(f"sizes={given!r}: expected whole numbers of columns from 1{limit}")
    return found.astype(np.intp)


def _round(draws: Draws, sizes: Index, generator: np.random.RandomState) -> tuple[Array, Array, float, Array]:
    """Errors without decay (m,), with tuned decay (m,) and at infinite decay, and the decays (m,), of one draw."""
    train, test = _split(draws, generator)
    made = standardised(draws.X[train], draws.X[test])
    Z, Z_test = draws.maker(*made, int(sizes[-1]), generator)
    none, tuned, decays, constant = np.empty(len(sizes)), np.empty(len(sizes)), np.empty(len(sizes)), np.nan
    groups = None if draws.groups is None else draws.groups[train]
    folds = FOLDS if groups is None else min(FOLDS, len(np.unique(groups)))
    for place, size in enumerate(np.minimum(sizes, Z.shape[1])):
        problem = LinearRegression(standardize=False).open(Z[:, :size], draws.Y[train], draws.weight[train])
        chosen = tune_request(problem, Request(cv=folds), groups=groups).decay
        path = problem.path(np.array([0.0, chosen, np.inf]))
        coef, intercept = path.coef.reshape(3, -1, size), path.intercept.reshape(3, 1, -1)
        predictions = np.einsum("ij,ltj->lit", Z_test[:, :size], coef) + intercept
        squares = ((predictions - draws.Y[test]) ** 2).mean(axis=2)
        none[place], tuned[place], constant = squares @ draws.weight[test] / draws.weight[test].sum()
        decays[place] = chosen
    return none, tuned, float(constant), decays


def _split(draws: Draws, generator: np.random.RandomState) -> tuple[Index, Index]:
    """Training and test rows drawn at random, by whole groups where there are some."""
    n = len(draws.X)
    if draws.groups is None:
        order = generator.permutation(n)
        return order[: draws.n_train], order[draws.n_train :]
    labels, code = np.unique(draws.groups, return_inverse=True)
    order = generator.permutation(len(labels))
    counts = np.bincount(code)[order]
    taken = max(1, int(np.searchsorted(counts.cumsum(), draws.n_train, side="right")))
    inside = np.isin(code, order[:taken])
    if inside.all() or np.count_nonzero(inside) < 2 or taken < 2:
        raise ValueError(
            f"the {len(labels)} groups cannot be dealt into about {draws.n_train} training rows and others; give "
            "another n_train, or leave groups out"
        )
    return np.flatnonzero(inside), np.flatnonzero(~inside)
