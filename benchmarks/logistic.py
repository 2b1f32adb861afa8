"""Against scikit-learn: tuning logistic regression along a path, beside LogisticRegressionCV and beside one fit.

Both sides search the same strengths (those of ``LogisticRegressionCV(Cs=L)``, 1e-4 to 1e4) over the same stratified
folds and are judged by log-loss. In the same run our log-losses are compared with refits converged tightly; a row
whose log-losses are further than 1e-7 from them is no result.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from benchmarks.measure import Array, Result, medians

Index = NDArray[np.intp]
Splits = list[tuple[Index, Index]]

EXACT = 1e-7  # how far our log-losses may be from tight refits, relative
EQUAL = 1e-3  # how far a rival's may be, to count as equal


@dataclass(frozen=True)
class Work:
    """One table, its folds, and the strengths both sides try."""

    X: Any
    y: NDArray[np.int64]
    n_decays: int
    standardize: bool = True

    @property
    def strengths(self) -> Array:
        """scikit-learn's C, ascending: its own grid of that many."""
        return np.logspace(-4, 4, self.n_decays)

    @property
    def decays(self) -> Array:
        """The same as λ = 1/(nC), in the order of C."""
        return np.asarray(1.0 / (len(self.y) * self.strengths))

    def folds(self) -> Splits:
        """Five stratified folds for both sides."""
        return list(StratifiedKFold(5, shuffle=True, random_state=0).split(np.zeros(len(self.y)), self.y))

    def ours(self) -> Any:
        """The whole search."""
        estimator = wd.LogisticRegression(standardize=self.standardize)
        return wd.tune(estimator, self.X, self.y, decays=self.decays, cv=self.folds())

    def leave_one_out(self) -> Any:
        """Approximate leave-one-out, finished, at all decays."""
        return wd.tune(wd.LogisticRegression(), self.X, self.y, decays=self.decays, cv="loo")

    def path(self) -> Any:
        """The models alone."""
        return wd.path(wd.LogisticRegression(), self.X, self.y, self.decays)

    def rival(self, solver: str = "lbfgs", **settings: Any) -> Any:
        """The same search by scikit-learn."""
        return LogisticRegressionCV(
            Cs=self.strengths,
            cv=self.folds(),
            scoring="neg_log_loss",
            solver=solver,
            l1_ratios=(0.0,),
            use_legacy_attributes=False,
            **settings,
        ).fit(self.X, self.y)


@contextmanager
def quietly() -> Iterator[None]:
    """A rival that stops early says so hundreds of times."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def classes(n: int, p: int, seed: int = 0) -> tuple[Array, NDArray[np.int64]]:
    """Correlated columns, standardised beforehand as its users should for the rival, and two overlapping classes."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.5 * rng.standard_normal((n, 1))
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    score = 2.0 * X @ rng.standard_normal(p) / np.sqrt(p)
    return X, (score + rng.logistic(size=n) > 0).astype(np.int64)


def digits() -> tuple[Array, NDArray[np.int64]]:
    """scikit-learn's digits, columns standardised; those that are constant are nothing to either side."""
    X, y = load_digits(return_X_y=True)
    return StandardScaler().fit_transform(X), y.astype(np.int64)


def text(n: int, p: int, density: float, seed: int = 0) -> tuple[csr_array, NDArray[np.int64]]:
    """Words in rows as in text: frequencies by Zipf's law, inverse document frequencies, rows of length 1.

    A row has about p·density words on average, lengths vary; 300 words of middling frequency speak for a class.
    """
    rng = np.random.default_rng(seed)
    share = 1.0 / (np.arange(p) + 10.0)
    share /= share.sum()
    target = density * p
    lengths = np.maximum(3, rng.lognormal(np.log(1.08 * target) - 0.125, 0.5, n)).astype(np.intp)
    rows = np.repeat(np.arange(n), lengths)
    words = rng.choice(p, size=len(rows), p=share)
    counts = csr_array((np.ones(len(rows)), (rows.astype(np.int32), words.astype(np.int32))), shape=(n, p))
    counts.sum_duplicates()
    known = np.bincount(counts.indices, minlength=p)
    counts.data = (1.0 + np.log(counts.data)) * np.log(n / np.maximum(known, 1))[counts.indices]
    length = np.sqrt(np.add.reduceat(counts.data**2, counts.indptr[:-1]))
    counts.data /= np.repeat(length, np.diff(counts.indptr))
    effect = np.zeros(p)
    effect[rng.choice(np.arange(20, min(p, 4000)), min(300, p // 4), replace=False)] = 6.0 * rng.standard_normal(
        min(300, p // 4)
    )
    score = np.asarray(counts @ effect)
    return counts, (score + rng.logistic(size=n) > 0).astype(np.int64)


def tight(work: Work, fold: int, at: int) -> float:
    """Log-loss of a fold by a refit converged tightly, on columns scaled as ours are."""
    train, test = work.folds()[fold]
    solver = "newton-cholesky" if work.X.shape[1] < 3000 else "newton-cg"
    last = LogisticRegression(C=work.strengths[at], solver=solver, tol=1e-10, max_iter=100_000)
    model = make_pipeline(StandardScaler(), last) if work.standardize else last
    with quietly():
        model.fit(work.X[train], work.y[train])
    if work.y.max() > 1:
        return float(log_loss(work.y[test], model.predict_proba(work.X[test])))
    score = model.decision_function(work.X[test])
    return float(np.logaddexp(0.0, np.where(work.y[test] > 0, -score, score)).mean())


def checked(work: Work, losses: Array, bound: float, who: str, places: Sequence[tuple[int, int]]) -> None:
    """Refuse a row whose log-losses (F, L), in the order of C, are not those of tight refits."""
    errors = [abs(losses[fold, at] / tight(work, fold, at) - 1.0) for fold, at in places]
    print(f"  {who}: log-losses within {max(errors):.1e} of tight refits", file=sys.stderr, flush=True)
    if not max(errors) <= bound:
        raise RuntimeError(f"{who}: log-losses are {max(errors):.1e} from tight refits, expected at most {bound:g}")


def places(work: Work, count: int = 4) -> list[tuple[int, int]]:
    """Some folds and strengths to check: spread over both, the ends included."""
    return [(number % 5, int(at)) for number, at in enumerate(np.linspace(0, work.n_decays - 1, count))]


def against_the_search(work: Work, bar: float, stretch: float, name: str, repeats: int, rivals: int = 1) -> Result:
    """Our search beside LogisticRegressionCV with its default solver and tolerance, which takes minutes."""
    checked(work, work.ours().losses[:, ::-1], EXACT, "ours", places(work))
    with quietly():
        ours, rival = medians(work.ours, work.rival, repeats, rival_repeats=rivals)
    return Result(name, ours, rival, bar, stretch, faster=True)


def dense_search(n: int, p: int, n_decays: int, name: str, repeats: int) -> Result:
    """5 folds × 100 decays of a tall table."""
    return against_the_search(Work(*classes(n, p), n_decays), 10.0, 30.0, name, repeats)


def dense_beside_one_fit(n: int, p: int, n_decays: int, name: str, repeats: int) -> Result:
    """The same beside one ``LogisticRegression().fit``."""
    work = Work(*classes(n, p), n_decays)
    checked(work, work.ours().losses[:, ::-1], EXACT, "ours", places(work))
    ours, rival = medians(work.ours, lambda: LogisticRegression().fit(work.X, work.y), repeats)
    return Result(name, ours, rival, 15.0, 5.0)


def digits_search(name: str, repeats: int) -> Result:
    """Ten classes."""
    return against_the_search(Work(*digits(), 50), 5.0, 20.0, name, repeats, rivals=2)


# What LogisticRegressionCV can use on 50,000 sparse columns: newton-cholesky would form their Hessian. `rank_solvers`
# times them. Its losses are equal to tight refits along the whole curve for EVERYWHERE alone: at the default tolerance
# all stop far from the minimum where decay is weak, and liblinear decays the intercept. AT_ITS_BEST is the fastest
# whose least log-loss is right, which is all that a user of the default looks at.
EVERYWHERE: tuple[str, Mapping[str, Any]] = ("newton-cg", {"tol": 1e-8, "max_iter": 1000})
AT_ITS_BEST: tuple[str, Mapping[str, Any]] = ("newton-cg", {})
CANDIDATES: tuple[tuple[str, Mapping[str, Any]], ...] = (
    AT_ITS_BEST,
    EVERYWHERE,
    ("lbfgs", {}),
    ("newton-cg", {"tol": 1e-7}),
    ("lbfgs", {"tol": 1e-7, "max_iter": 10_000}),
    ("liblinear", {}),
    ("liblinear", {"dual": True, "max_iter": 1000}),
    ("sag", {"tol": 1e-3}),
    ("saga", {"tol": 1e-3}),
)


def rival_errors(work: Work, losses: Array) -> tuple[float, float]:
    """How far a rival's log-losses (F, L) are from tight refits: along the curve, and of its least mean."""
    wanted = [(number % 5, int(at)) for number, at in enumerate(np.linspace(0, work.n_decays - 1, 7))]
    along = max(abs(losses[one] / tight(work, *one) - 1.0) for one in wanted)
    best = int(losses.mean(axis=0).argmin())
    right = np.mean([tight(work, fold, best) for fold in range(5)])
    return float(along), float(abs(losses[:, best].mean() / right - 1.0))


def rank_solvers(work: Work) -> None:
    """Time each candidate once and say how right it is; takes an hour at full size."""
    for solver, settings in CANDIDATES:
        begun = time.perf_counter()
        with quietly():
            found = work.rival(solver, **settings)
        taken = time.perf_counter() - begun
        along, best = rival_errors(work, -found.scores_.reshape(5, work.n_decays))
        print(f"  {solver} {dict(settings)}: {taken:.1f} s; log-losses within {along:.1e}, at the best {best:.1e}")


def sparse_search(
    n: int, p: int, density: float, n_decays: int, solver: tuple[str, Mapping[str, Any]], name: str, repeats: int
) -> Result:
    """Text-like sparse columns as they are, beside the best solver of LogisticRegressionCV."""
    work = Work(*text(n, p, density), n_decays, standardize=False)
    checked(work, np.asarray(work.ours().losses)[:, ::-1], EXACT, "ours", places(work))
    found: list[Any] = []

    def rival() -> None:
        found[:] = [work.rival(solver[0], **solver[1])]

    with quietly():
        ours, theirs = medians(work.ours, rival, repeats, rival_repeats=2)
    along, best = rival_errors(work, -found[0].scores_.reshape(5, n_decays))
    print(
        f"  rival: log-losses within {along:.1e} of tight refits, {best:.1e} at its best", file=sys.stderr, flush=True
    )
    if not (along if solver is EVERYWHERE else best) <= EQUAL:
        raise RuntimeError(f"{solver[0]} is not at equal log-loss: {along:.1e} along the curve, {best:.1e} at its best")
    return Result(name, ours, theirs, 3.0, 10.0, faster=True)


def leave_one_out_beside_the_path(n: int, p: int, n_decays: int, name: str, repeats: int) -> Result:
    """What finished approximate leave-one-out costs beside the models that it needs anyhow."""
    work = Work(*classes(n, p), n_decays)
    ours, rival = medians(work.leave_one_out, work.path, repeats)
    return Result(name, ours, rival, 2.0, None)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "n=50,000 p=200: 5 folds × 100 decays, LogisticRegressionCV / ours": partial(dense_search, 50_000, 200, 100),
    "n=50,000 p=200: 5 folds × 100 decays / one LogisticRegression fit": partial(
        dense_beside_one_fit, 50_000, 200, 100
    ),
    "digits, 10 classes: 5 folds × 50 decays, LogisticRegressionCV / ours": digits_search,
    "CSR 20,000 × 50,000 at 0.1 %: 5 folds × 30 decays, newton-cg (equal everywhere) / ours": partial(
        sparse_search, 20_000, 50_000, 1e-3, 30, EVERYWHERE
    ),
    "CSR 20,000 × 50,000 at 0.1 %: 5 folds × 30 decays, newton-cg (equal at its best) / ours": partial(
        sparse_search, 20_000, 50_000, 1e-3, 30, AT_ITS_BEST
    ),
    "n=50,000 p=200: leave-one-out × 100 decays / the path alone": partial(
        leave_one_out_beside_the_path, 50_000, 200, 100
    ),
}
