"""Findings that the data themselves give, whatever the decay."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear.design import CONSTANT, Design
from weightdecay.linear.dominance import ruling_share
from weightdecay.linear.moments import Shift, gather
from weightdecay.linear.rows import Rows, column_blocks, row_blocks, sample_middle
from weightdecay.records.finding import Finding
from weightdecay.records.verdict import brief

Array = NDArray[np.float64]

SPREAD = 100.0  # ratio of standard deviations that one decay cannot serve
LEAK = 0.98  # share of the target's variance that one column explains alone
FEW_FOR_LEAK = 10  # rows below which any column may explain the target by chance
TWIN = 1 - 1e-10  # correlation of columns that are one and the same
DEPENDENT = 1e-10  # eigenvalue of the correlations below which a combination of columns is (almost) zero
ZERO = 1e-12  # share of the largest singular value that rounding leaves of zero
COLLINEAR = 30.0  # condition index of the standardised columns from which Belsley (1991) calls them collinear
FEW = 30  # rows
MANY_COLUMNS = 1500  # up to which all pairs are compared
MANY_NUMBERS = 10_000_000  # up to which nearly dependent columns are looked at in a copy of the data
SHOWN = 5  # columns named in a finding
PART = 1e-6  # of a column in a combination that is zero, beyond rounding
FEW_CLASSES = 10  # values of a target that may be classes
ROWS_PER_CLASS = 5  # rows that hold each on average


class Opened(Protocol):
    """What is needed of an opened problem."""

    @property
    def rows(self) -> Rows:
        """The data."""
        ...

    @property
    def design(self) -> Design:
        """What the estimator asks of the columns."""
        ...

    @property
    def columns(self) -> tuple[str, ...]:
        """Names."""
        ...

    @property
    def origins(self) -> tuple[str, ...]:
        """Of what column of the table each was made; the names themselves where nothing was encoded."""
        ...

    @property
    def dates(self) -> frozenset[str]:
        """Columns of the table that are dates."""
        ...

    def triangle(self) -> Array | None:
        """Of the rows (`triangles`), where these are tall."""
        ...

    @property
    def statistics(self) -> Statistics:
        """Means, deviations and correlations."""
        ...

    @property
    def largest_share(self) -> tuple[int, int, float]:
        """Row, column and share of the largest part of a column's variance in one row."""
        ...


def data_findings(problem: Opened) -> tuple[Finding, ...]:
    """Constant, dependent, identifying, leaking and dominated columns; scales; too few rows."""
    statistics = problem.statistics
    return (
        *_scales(problem, statistics),
        *_constants(problem, statistics),
        *_related(problem, statistics),
        *_leaks(problem, statistics),
        *_identifiers(problem),
        *_dominant(problem),
        *_sizes(problem),
    )


class Statistics:
    """Means, standard deviations and correlations with the targets of all columns."""

    def __init__(self, rows: Rows) -> None:
        s, S = rows.s, rows.weight_sum
        y = rows.Y - s @ rows.Y / S
        shift = np.zeros(rows.p) if sparse.issparse(rows.X) else sample_middle(rows.X)
        first, second, crossed = np.zeros(rows.p), np.zeros(rows.p), np.zeros((rows.p, rows.t))
        if sparse.issparse(rows.X):
            first, second = rows.X.T @ s, rows.X.multiply(rows.X).T @ s
            crossed = rows.X.T @ (s[:, None] * y)
        else:
            for block, part in row_blocks(rows.X):
                Z = np.subtract(part, shift, dtype=np.float64)
                weighted = Z * s[block][:, None]
                first += weighted.sum(axis=0)
                second += np.einsum("ij,ij->j", weighted, Z)
                crossed += weighted.T @ y[block]
        variance = second / S - (first / S) ** 2
        self.constant: NDArray[np.bool_] = variance <= CONSTANT * second / S
        self.std = np.sqrt(np.where(self.constant, 0.0, variance))
        self.mean = first / S + shift
        norm = np.sqrt(np.outer(np.where(self.constant, 1.0, variance), (s @ y**2) / S))
        self.correlation = np.where(
            self.constant[:, None] | (norm == 0), 0.0, crossed / S / np.where(norm > 0, norm, 1.0)
        )


def _named(problem: Opened, where: Any) -> str:
    """A few column names in words."""
    return _listed([problem.columns[j] for j in where])


def _listed(names: Sequence[str]) -> str:
    """A few names in words."""
    more = len(names) - SHOWN
    return ", ".join(map(repr, names[:SHOWN])) + (f" and {more} more" if more > 0 else "")


def _scales(problem: Opened, statistics: Statistics) -> Iterator[Finding]:
    """WD004: one decay on columns of very different size."""
    std = np.where(statistics.std > 0, statistics.std, np.nan)
    if problem.design.standardize or np.isnan(std).sum() > len(std) - 2:
        return
    low, high = int(np.nanargmin(std)), int(np.nanargmax(std))
    if std[high] > SPREAD * std[low]:
        yield Finding(
            "WD004",
            "warning",
            f"standardize=False, but {problem.columns[high]!r} (sd {brief(float(std[high]))}) is "
            f"{std[high] / std[low]:.0f} times as large as {problem.columns[low]!r} (sd {brief(float(std[low]))}): "
            "the same decay shrinks small columns far more than large ones",
            "use standardize=True, or bring the columns to one unit",
        )


def _constants(problem: Opened, statistics: Statistics) -> Iterator[Finding]:
    """WD006: columns without variance."""
    varying = {problem.origins[j] for j in np.flatnonzero(~statistics.constant)}
    constant = [problem.origins[j] for j in np.flatnonzero(statistics.constant)]
    found = list(dict.fromkeys(name for name in constant if name not in varying))
    if found:
        verb, it = ("is constant and gets", "it") if len(found) == 1 else ("are constant and get", "them")
        yield Finding(
            "WD006",
            "info",
            f"{_listed(found)} {verb} no weight",
            f"drop {it}: what never varies says nothing about the target",
        )


def _related(problem: Opened, statistics: Statistics) -> Iterator[Finding]:
    """WD005 and WD014: columns that others determine, exactly or almost."""
    rows = problem.rows
    used = np.flatnonzero(~statistics.constant & ~_redundant(rows))
    if sparse.issparse(rows.X) or len(used) < 2:
        return
    if len(used) > MANY_COLUMNS:
        yield from _twins(problem, _equal_columns(rows, used))
        return
    R = _correlations(rows, used, statistics)
    first, second = np.nonzero(np.triu(np.abs(R) > TWIN, 1))
    yield from _twins(problem, [(int(used[i]), int(used[j])) for i, j in zip(first, second, strict=True)])
    apart = np.setdiff1d(np.arange(len(used)), second)
    # With as many columns as rows some combination is always zero, which WD011 tells.
    if 2 <= len(apart) < rows.n_positive:
        d, V = np.linalg.eigh(R[np.ix_(apart, apart)])
        if d[0] < DEPENDENT:
            yield from _dependent(problem, used[apart], statistics)
        elif d[-1] > COLLINEAR**2 * d[0]:
            yield from _collinear(problem, _weighty(used[apart], V[:, 0]), float(np.sqrt(d[-1] / d[0])))


def _redundant(rows: Rows) -> NDArray[np.bool_]:
    """Columns that an encoding makes dependent on others by construction: a level of each category, and flags."""
    found = np.zeros(rows.p, dtype=bool)
    if rows.encoding is not None:
        flags = set(rows.encoding.flags)
        found[list(flags)] = True
        found[[next(column for column in one if column not in flags) for one in rows.encoding.sums]] = True
    return found


def _twins(problem: Opened, pairs: list[tuple[int, int]]) -> Iterator[Finding]:
    """WD005: columns that are copies of each other, up to sign, scale and shift."""
    if pairs:
        shown = "; ".join(f"{problem.columns[i]!r} and {problem.columns[j]!r}" for i, j in pairs[:SHOWN])
        counted = f"{len(pairs)} pairs of columns carry" if len(pairs) > 1 else "one pair of columns carries"
        yield Finding(
            "WD005",
            "warning",
            f"{counted} the same information: {shown}{' and more' if len(pairs) > SHOWN else ''}",
            "keep one of each: which of them gets the weight is arbitrary with L1 alone"
            if problem.design.l1_ratio == 1.0
            else "keep one of each: decay splits their common weight between them, and without decay it is arbitrary",
        )


def _weighty(used: NDArray[np.intp], direction: Array) -> NDArray[np.intp]:
    """The columns that make up a direction."""
    size = np.abs(direction)
    return used[np.flatnonzero(size > 0.1 * size.max())]


def _collinear(problem: Opened, where: NDArray[np.intp], index: float) -> Iterator[Finding]:
    """WD005 for columns whose separate coefficients are ill determined."""
    yield Finding(
        "WD005",
        "info",
        f"columns are collinear, above all {_named(problem, where)}: their condition index is {brief(index)} "
        f"(over {COLLINEAR:g})",
        "read their coefficients together: without decay each alone is uncertain, with decay they share the effect",
    )


def _dependent(problem: Opened, used: NDArray[np.intp], statistics: Statistics) -> Iterator[Finding]:
    """WD005 for combinations of columns that are zero, WD014 for one that is almost.

    The singular values of the standardised columns decide, and their vectors name them: the correlations, whose
    eigenvalues are the squares, have lost the digits that tell the two apart.
    """
    rows = problem.rows
    if rows.n * len(used) <= MANY_NUMBERS:
        Z = (np.asarray(rows.X[:, used], dtype=np.float64) - statistics.mean[used]) / statistics.std[used]
        Z *= np.sqrt(rows.s / rows.weight_sum)[:, None]
    elif (triangle := problem.triangle()) is not None:
        Z = triangle[1:, 1 + used] / (statistics.std[used] * np.sqrt(rows.weight_sum))
    else:
        return
    _, sigma, Vt = np.linalg.svd(Z, full_matrices=False)
    zero = sigma <= ZERO * sigma[0]
    if zero.any():
        # Whoever has a part in any of the combinations, however small: one minute in a time of a hundred hours.
        where = used[np.square(Vt[zero]).sum(axis=0) > PART**2]
        names = list(dict.fromkeys(problem.origins[j] for j in where))
        names = names if len(names) > 1 else [problem.columns[j] for j in where]
        yield Finding(
            "WD005",
            "info",
            f"columns are linearly dependent: {_listed(names)} determine each other",
            "with decay this does no harm; without, their separate coefficients are arbitrary: drop one of them",
        )
    else:
        yield Finding(
            "WD014",
            "warning",
            f"columns are nearly dependent, above all {_named(problem, _weighty(used, Vt[-1]))}: the condition number "
            f"is {brief(float(sigma[0] / sigma[-1]))}, so without decay the coefficients amplify the smallest change "
            "of the data by as much",
            "trust a tuned decay, or leave out or combine some of these columns",
        )


def _correlations(rows: Rows, used: NDArray[np.intp], statistics: Statistics) -> Array:
    """Correlations of columns, from one pass."""
    shift = Shift(statistics.mean, np.zeros(rows.t))
    ((found,),) = gather(rows, [np.zeros(rows.n, dtype=np.int32)], [1], shift)
    return found.zz[np.ix_(1 + used, 1 + used)] / (
        rows.weight_sum * np.outer(statistics.std[used], statistics.std[used])
    )


def _equal_columns(rows: Rows, used: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Pairs of equal columns among very many, by hashing."""
    seen: dict[int, int] = {}
    pairs = []
    wanted = set(used.tolist())
    for block, part in column_blocks(rows.X):
        for offset, column in enumerate(np.ascontiguousarray(part.T)):
            j = block.start + offset
            if j in wanted:
                i = seen.setdefault(hash(column.tobytes()), j)
                if i != j:
                    pairs.append((i, j))
    return pairs


def _leaks(problem: Opened, statistics: Statistics) -> Iterator[Finding]:
    """WD007: a column that is almost the target."""
    if problem.rows.p < 2 or problem.rows.n_positive < FEW_FOR_LEAK:
        return
    square = (statistics.correlation**2).max(axis=1)
    where = np.flatnonzero(square > LEAK)
    if len(where):
        j = int(where[np.argmax(square[where])])
        yield Finding(
            "WD007",
            "warning",
            f"{problem.columns[j]!r} alone explains {100 * square[j]:.2f} % of the target's variance",
            "ask whether it is known before the target is; if not, it is a leak: drop it and tune again",
        )


def _identifiers(problem: Opened) -> Iterator[Finding]:
    """WD008: whole numbers without gaps or repetition."""
    rows = problem.rows
    if sparse.issparse(rows.X) or rows.n < 20:
        return
    head = np.asarray(rows.X[:20], dtype=np.float64)
    whole = [len(np.unique(c)) == 20 and bool((c == np.floor(c)).all()) for c in head.T]
    likely = [j for j in np.flatnonzero(whole) if problem.origins[j] not in problem.dates]
    found = []
    for j in likely:
        column = np.asarray(rows.X[:, j], dtype=np.float64)
        if (column == np.floor(column)).all() and np.ptp(column) == rows.n - 1 and len(np.unique(column)) == rows.n:
            found.append(int(j))
    if found:
        verb, it = ("numbers", "it") if len(found) == 1 else ("number", "them")
        yield Finding(
            "WD008",
            "warning",
            f"{_named(problem, found)} {verb} the rows (every whole number once), like an identifier",
            f"drop {it}, unless the order of rows means time: then hold out later rows by earlier ones"
            if problem.rows.p > len(found)
            else "if it is time, hold out later rows by earlier ones; there is no other column to learn from",
        )


def _dominant(problem: Opened) -> Iterator[Finding]:
    """WD009: one row rules a column."""
    rows, standardize = problem.rows, problem.design.standardize
    if sparse.issparse(rows.X) and not standardize:
        return  # where most entries are zero, a column of a single row is no news
    row, column, share = problem.largest_share
    if share > ruling_share(rows.n_positive, rows.p):
        kept = "; leave-one-out would keep the scale that it sets, so cv='auto' takes folds" if standardize else ""
        yield Finding(
            "WD009",
            "info",
            f"row {row} (counted from 0) carries {100 * share:.0f} % of the variance of "
            f"{problem.columns[column]!r}{kept}",
            "look at that row; a logarithm or a cap of the column often helps",
        )


def _sizes(problem: Opened) -> Iterator[Finding]:
    """WD010 and WD011: few rows, more columns than rows."""
    n, p = problem.rows.n_positive, problem.rows.p
    if n < FEW:
        yield Finding(
            "WD010",
            "warning",
            f"{n} rows are very few: the held-out loss itself is uncertain",
            "read the plausible range rather than the best decay, and get more rows if you can",
        )
    if p > n:
        yield Finding(
            "WD011",
            "info",
            f"{p} columns but {n} rows: without decay the fit can pass through every row",
            "rely on the tuned decay; coefficients of single columns mean little here",
        )


def like_classes(problem: Opened) -> Iterator[Finding]:
    """WD016: targets of few whole numbers."""
    rows = problem.rows
    for t, y in enumerate(rows.Y[rows.s > 0].T):
        if len(np.unique(y[: FEW_CLASSES**2])) > FEW_CLASSES:
            continue
        values = np.unique(y)
        whole = bool((values == np.floor(values)).all())
        if whole and 2 <= len(values) <= FEW_CLASSES and len(y) >= ROWS_PER_CLASS * len(values):
            which = "the target" if rows.t == 1 else f"target {t}"
            shown = ", ".join(brief(float(value)) for value in values)
            yield Finding(
                "WD016",
                "info",
                f"{which} has only {len(values)} values, all whole numbers ({shown}); they are taken as amounts, by a "
                "regression",
                "if they are counts or grades, all is well; if they are classes, tune a classifier: "
                "wd.LogisticRegression, on the command line --model logistic",
            )
            return
