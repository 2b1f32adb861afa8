"""The gain of decay over the number of rows: nested random subsets, each with and without tuned decay."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.why_growth import LearningCurve
from weightdecay.studies.why.opened_rows import OUTER, Opened, check_count, opened, seed_of
from weightdecay.studies.why.three_fits import Judged, TrainingSet, share_of, three_fits
from weightdecay.studies.why.watched import fits_of, repetitions, summary
from weightdecay.tuning.progress import Progress, Silent

Array = NDArray[np.float64]
Index = NDArray[np.intp]

WHAT = "a learning curve"
# Sizes and repeats, and how many where decays are minimised one by one; operations that all training sets may take.
SIZES, FEW_SIZES = 8, 5
MOST, LEAST, FEW = 10, 5, 3
BUDGET = 4e11
SMALLEST, SMALLEST_OF_CLASSES = 10, 20
IN_A_CLASS = 2


def learning_curve(
    estimator: Any,
    X: Any,
    y: Any = None,
    *,
    sizes: Any = None,
    repeats: int | None = None,
    decays: Any = None,
    scoring: Any = None,
    groups: Any = None,
    sample_weight: Any = None,
    random_state: int | None = None,
    text: Sequence[str] = (),
    progress: Progress | None = None,
) -> LearningCurve:
    r"""How much decay gains over the number of rows: held-out loss with tuned decay, without, and at infinite decay.

    With A_r(m) the first m rows of a random order of the rows that are not in the test set T_r, and L_T the mean loss
    on T,

    .. math:: g(m) = \frac{1}{R} \sum_r \left[ L_{T_r}\!\left(\hat w_0(A_r(m))\right)
              - L_{T_r}\!\left(\hat w_{\hat λ}(A_r(m))\right) \right], \qquad
              \hat λ = \hat λ(A_r(m)) \text{ chosen by folds within } A_r(m).

    Parameters
    ----------
    estimator : LinearRegression, LogisticRegression, or any other that `tune` takes
        An instance; it is not changed.
    X, y
        As in `tune`; tables with times are refused, since rows are dealt out at random.
    sizes : sequence of int, or of float in (0, 1], optional
        Rows m to train on, or shares of the most there are (four fifths of the rows), and then at least
        as many rows as are needed; None is 8 sizes (5 where decays
        are minimised one by one) in equal ratios.
    repeats : int, optional
        Test sets R; None is 10, or fewer where fits are dear.
    decays : array-like of float, optional
        λ to choose from, on the scale of the m rows; None is a lattice from the data's spectrum.
    scoring : str or callable, optional
        As in `tune`.
    groups : array-like of shape (n,), optional
        Rows of one group are held out together, and enter one after the other.
    sample_weight : array-like of shape (n,), optional
        Relative weights of at least 0; rows of weight 0 are left out.
    random_state : int, optional
        Of the order of the rows; None is 0.
    text : sequence of str, optional
        Columns of a frame that hold prose.
    progress : Progress, optional
        A listener to long work.

    Returns
    -------
    LearningCurve

    Raises
    ------
    ValueError
        There are fewer than 10 rows, the target is constant, a size is not to be had, or as in `tune`.

    Notes
    -----
    Every fifth of the rows is the test set of one repeat in five; a size takes the same rows for all three fits, and
    the rows of the sizes below it. Of classes the first rows of an order hold two of each, the others come evenly. The
    decay is chosen by 5 folds of the m rows, which no test row is part of, on a lattice of a quarter of a decade; where
    decays are minimised one by one, refitted or trained, by 3 folds on one of half a decade. Standard errors are over
    the repeats, as in `tune` over the folds.

    The test of whether more rows would help is that of Cortes, Jackel, Solla, Vapnik & Denker (1993), "Learning Curves:
    Asymptotic Values and Rate of Convergence", NIPS 6.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((120, 20)); y = X @ rng.standard_normal(20) / 4 + rng.standard_normal(120)
    >>> curve = wd.why.learning_curve(wd.LinearRegression(), X, y, sizes=[25, 96])
    >>> bool(curve.fits.none_mean[0] > 2 * curve.fits.tuned_mean[0])
    True
    """
    listener: Progress = progress or Silent()
    own: dict[str, Any] = {"decays": decays, "scoring": scoring, "groups": groups, "sample_weight": sample_weight}
    work = opened(estimator, X, y, what=WHAT, text=text, **own)
    seed = seed_of(random_state)
    count = None if repeats is None else check_count("repeats", repeats, 2)
    orders = _orders(work, MOST if count is None else count, seed)
    counts = _sizes(work, sizes, orders)
    orders = orders[: _afforded(work, len(counts)) if count is None else count]
    judged: list[Judged] = []
    try:
        listener.start(len(counts), f"learning curve: {len(counts)} sizes, {len(orders)} repeats")
        for size in counts:
            judged.append(_level(work, orders, size, seed))
            listener.advance(f"{size:,} rows")
    finally:
        listener.finish()
    facts, repeat = work.facts, repetitions(len(orders), OUTER)
    before = judged[max(0, len(judged) - 3)]
    return LearningCurve(
        sizes=np.array(counts, dtype=np.int64),
        fits=fits_of(judged, repeat),
        falls=summary(before.tuned - judged[-1].tuned, judged[-1].weight, repeat),
        repeats=len(orders),
        inner=work.inner_folds,
        n_rows=facts.n_rows,
        n_columns=len(facts.columns),
        model_name=facts.model_name,
        scoring=work.scoring,
    )


def _orders(work: Opened, count: int, seed: int) -> list[tuple[Index, Index]]:
    """Of every repeat the rows to train on, in their random order, and the test rows."""
    found: list[tuple[Index, Index]] = []
    while len(found) < count:
        number = seed + len(found)
        pairs = work.folds(work.used, OUTER, number)
        found += [
            (_dealt(work, train, np.random.default_rng((number, fold))), test)
            for fold, (train, test) in enumerate(pairs)
        ]
    return found[:count]


def _dealt(work: Opened, rows: Index, rng: np.random.Generator) -> Index:
    """Rows in random order: groups one after the other, classes evenly, two of each first."""
    rows = rng.permutation(rows)
    if work.groups is not None:
        _, code = np.unique(work.groups[rows], return_inverse=True)
        return np.asarray(rows[np.argsort(rng.permutation(code.max() + 1)[code], kind="stable")])
    if work.strata is None:
        return np.asarray(rows)
    _, code, count = np.unique(work.strata[rows], return_inverse=True, return_counts=True)
    # The place of a row within its class, in the order drawn, is spread over the whole order.
    within = np.empty(len(rows))
    for one in range(len(count)):
        within[code == one] = np.arange(count[one])
    place = np.where(within < IN_A_CLASS, -1.0, (within + rng.random(len(count))[code]) / count[code])
    return np.asarray(rows[np.argsort(place, kind="stable")])


def _least(work: Opened, orders: Sequence[tuple[Index, Index]]) -> int:
    """Rows that a set needs: two of every class, of groups two with rows to spare."""
    least = 4
    if work.strata is not None:
        least = max(least, *(int(np.minimum(IN_A_CLASS, _counts(work.strata[order])).sum()) for order, _ in orders))
    if work.groups is not None:
        for order, _ in orders:
            groups = work.groups[order]
            others = np.flatnonzero(groups != groups[0])
            least = max(least, int(others[0]) + 1 if others.size else len(order))
    return least


def _counts(labels: NDArray[Any]) -> Index:
    """How many rows each class has."""
    return np.asarray(np.unique(labels, return_counts=True)[1])


def _sizes(work: Opened, sizes: Any, orders: Sequence[tuple[Index, Index]]) -> list[int]:
    """Rows to train on, ascending."""
    most, least = min(len(order) for order, _ in orders), _least(work, orders)
    if sizes is None:
        smallest = SMALLEST if work.strata is None else SMALLEST_OF_CLASSES
        first = max(least, min(smallest, most // 2))
        ratio = np.geomspace(min(first, most), most, FEW_SIZES if work.one_by_one else SIZES)
        return sorted({round(float(one)) for one in ratio})
    try:
        given = np.atleast_1d(np.asarray(sizes, dtype=np.float64))
    except (TypeError, ValueError):
        given = np.zeros(0)
    if given.ndim != 1 or not given.size:
        raise ValueError(f"sizes={sizes!r}: expected numbers of rows, such as [20, 50, 100], or shares of the most")
    shares = np.asarray(sizes).dtype.kind == "f" and (given <= 1).all()
    rows = np.maximum(np.round(given * most), least) if shares and (given > 0).all() else given
    if not ((rows == np.round(rows)) & (rows >= least) & (rows <= most)).all():
        bad = float(given[~((rows == np.round(rows)) & (rows >= least) & (rows <= most))][0])
        raise ValueError(
            f"sizes holds {bad:g}; expected whole numbers of rows from {least} to {most:,}, four fifths of the rows, "
            "or shares of the latter in (0, 1]"
        )
    return sorted({int(one) for one in rows})


def _afforded(work: Opened, sizes: int) -> int:
    """How many repeats, by what their training sets cost."""
    if work.one_by_one:
        return FEW
    each = work.facts.fold_work * (1 + work.inner_folds) * sizes
    return MOST if MOST * each <= BUDGET else LEAST


def _level(work: Opened, orders: Sequence[tuple[Index, Index]], size: int, seed: int) -> Judged:
    """All repeats at one size."""
    sets = []
    for number, (order, test) in enumerate(orders):
        train = np.sort(order[:size])
        inner = work.folds(train, work.inner_folds, seed + number)
        sets.append(TrainingSet(train, np.sort(test), tuple(inner)))
    weight = work.weight
    share = float(np.mean([weight[one.train].sum() for one in sets]) / weight.sum())
    return three_fits(work.problem, sets, work.care, share_of(work.problem, share))
