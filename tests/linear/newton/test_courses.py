"""Courses: columns that folds share, those of one fold, and rows turned to columns give the models of refits."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ShuffleSplit

import weightdecay as wd
from laws.logistic_oracles import Solution, fit, indicators, problem, row_losses, weighted_scales
from weightdecay.linear.fold_maps import fold_maps
from weightdecay.linear.newton import courses
from weightdecay.linear.newton.courses import Course, direct, of_fold, turned
from weightdecay.linear.newton.problem import NewtonProblem
from weightdecay.tables.encoder import encode
from weightdecay.tuning.folds import Folds, plan

Array = NDArray[np.float64]

TOL = 1e-11
SHAPES = pytest.mark.parametrize("shape", [(72, 5), (24, 30)], ids=["tall", "wide"])
DECAYS = np.array([0.02, 0.3, 5.0])
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weights": {"weights": True},
    "exempt columns": {"exempt": (0, 3)},
    "no intercept": {"fit_intercept": False},
    "columns as they are": {"standardize": False},
    "centre": {"centre": True},
    "all at once": {"weights": True, "exempt": (0, 3), "standardize": False, "fit_intercept": False, "centre": True},
}


class Case:
    """A problem of k classes, or for k = 0 of counts, its folds, and the models and losses of refits."""

    def __init__(self, shape: tuple[int, int], k: int, *, sparse: bool = False, **variant: Any) -> None:
        (n, p), rng = shape, np.random.default_rng(1)
        self.X, self.y = problem(n, p, k=k, seed=3)
        self.X = (self.X - self.X.mean(axis=0)) / self.X.std(axis=0) * rng.uniform(0.5, 2.0, p) + rng.uniform(-1, 1, p)
        self.s = rng.uniform(0.2, 2.0, n) if variant.pop("weights", False) else np.ones(n)
        self.decay_weights = rng.uniform(0.5, 2.0, p)
        self.decay_weights[list(variant.pop("exempt", ()))] = 0.0
        c = k if k > 2 else 1
        self.centre = 0.2 * rng.standard_normal((c, p)) if variant.pop("centre", False) else np.zeros((c, p))
        self.settings = {"standardize": True, "fit_intercept": True} | variant
        shell = (wd.LogisticRegression if k else wd.PoissonRegression)(
            decay_weights=self.decay_weights, centre=self.centre if k > 2 else self.centre[0], **self.settings
        )
        self.kind = "log" if k else "poisson"
        self.T = indicators(self.y) if k else self.y[:, None].astype(float)
        self.opened: NewtonProblem = shell.open(csr_array(self.X) if sparse else self.X, self.y, self.s)
        self.folds = plan(3, n, strata=self.opened.facts().strata)

    def refits(self, train: Any) -> Iterator[Solution]:
        """Of every decay, at the prior precision that all rows share."""
        X, s = self.X[train], self.s[train]
        scale = weighted_scales(X, s) if self.settings["standardize"] else np.ones(X.shape[1])
        metric = self.decay_weights * scale**2
        for precision in DECAYS * self.s.sum():
            options: Any = {"fit_intercept": self.settings["fit_intercept"], "centre": self.centre}
            yield fit(self.kind, X, self.T[train], precision, metric=metric, weight=s, **options)

    def loss(self, model: Solution, test: Any) -> float:
        """Mean over held-out rows, half the deviance for counts."""
        return float(np.average(row_losses(self.kind, self.T[test], model.predict(self.X[test])), weights=self.s[test]))


def courses_of(opened: NewtonProblem, folds: Folds, maps: Any = None) -> dict[str, list[Course]]:
    """The same folds by every way there is."""
    pairs = [(np.asarray(train), np.asarray(test)) for train, test in folds.splits()]
    maps = maps or [None] * len(pairs)
    asked, each = opened.asked(TOL), list(enumerate(zip(pairs, maps, strict=True)))
    (partition,) = folds.partitions
    return {
        "direct": [direct(opened.data, partition, 0, asked, maps)],
        "of_fold": [of_fold(opened.data, pair, at, asked, mapped) for at, (pair, mapped) in each],
        "turned": [turned(opened.wide, pair, at, asked, mapped) for at, (pair, mapped) in each],
    }


def solved(course: Course) -> Iterator[tuple[int, list[Solution], Array]]:
    """Of every fold of a course its number, its models, and the mean losses (L,) of its test rows."""
    found = course.paths.solve(DECAYS)
    for member, fold in enumerate(course.folds):
        assert all(one.converged[member] for one in found)
        coef, intercept = course.units.models(np.stack([one.V[member] for one in found]), np.full(len(found), member))
        models = [Solution(*one) for one in zip(coef, intercept, strict=True)]
        weight = course.paths.members.test_weight[member]
        yield fold, models, np.array([one.test_loss[member] for one in found]) / weight if weight else np.zeros(0)


def assert_same(one: Solution, other: Solution, scale: Array) -> None:
    """Coefficients per standard deviation of the column, and intercepts, which classes only share up to a constant."""
    size = max(np.abs(other.coef * scale).max(), 1e-3)
    np.testing.assert_allclose(one.coef * scale, other.coef * scale, rtol=0, atol=1e-7 * size)
    common = (one.intercept - other.intercept).mean() if len(one.intercept) > 1 else 0.0
    np.testing.assert_allclose(one.intercept - common, other.intercept, rtol=0, atol=1e-6)


def check(case: Case, expected: dict[int, list[Solution]]) -> None:
    """Every fold of every course has the models that are expected of its number, and their held-out losses."""
    tests = [test for _, test in case.folds.splits()]
    for way, each in courses_of(case.opened, case.folds).items():
        seen = []
        for fold, models, losses in (one for course in each for one in solved(course)):
            seen.append(fold)
            for model, other in zip(models, expected.get(fold, models), strict=True):
                assert_same(model, other, case.X.std(axis=0))
            if fold >= 0:
                np.testing.assert_allclose(losses, [case.loss(one, tests[fold]) for one in expected[fold]], rtol=1e-7)
        assert seen == ([-1, 0, 1, 2] if way == "direct" else [0, 1, 2])


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("k", [2, 3, 0], ids=["two classes", "three classes", "counts"])
@SHAPES
def test_every_course_ends_where_refits_do(shape: tuple[int, int], k: int, variant: str) -> None:
    case = Case(shape, k, **VARIANTS[variant])
    parts = {-1: np.arange(len(case.y))} | {at: train for at, (train, _) in enumerate(case.folds.splits())}
    check(case, {fold: list(case.refits(train)) for fold, train in parts.items()})


@pytest.mark.parametrize("variant", ["plain", "weights", "no intercept", "columns as they are"])
@pytest.mark.parametrize("k", [2, 3])
@SHAPES
def test_scikit_learn_on_the_same_training_rows(shape: tuple[int, int], k: int, variant: str) -> None:
    """newton-cholesky at C = 1/(λ Σs), on columns divided by √decay_weights times the deviations of its rows."""
    case = Case(shape, k, **VARIANTS[variant])
    expected: dict[int, list[Solution]] = {}
    for fold, (train, _) in enumerate(case.folds.splits()):
        X, s = case.X[train], case.s[train]
        unit = np.sqrt(case.decay_weights) * (weighted_scales(X, s) if case.settings["standardize"] else 1.0)
        middle = X.mean(axis=0) * case.settings["fit_intercept"]
        expected[fold] = []
        for precision in DECAYS * case.s.sum():
            rival = LogisticRegression(C=1 / precision, solver="newton-cholesky", tol=1e-12, max_iter=1000)
            rival.set_params(fit_intercept=case.settings["fit_intercept"])
            with warnings.catch_warnings():
                # Line searches that end at the last bits of the objective.
                warnings.simplefilter("ignore", ConvergenceWarning)
                rival.fit((X - middle) / unit, case.y[train], s)
            coef = rival.coef_ / unit
            expected[fold].append(Solution(coef, rival.intercept_ - coef @ middle))
    check(case, expected)


@pytest.mark.parametrize("k", [2, 3])
@SHAPES
def test_sparse_columns_are_the_same(shape: tuple[int, int], k: int) -> None:
    dense, sparse = (Case(shape, k, sparse=one, **VARIANTS["weights"]) for one in (False, True))
    both = [courses_of(one.opened, one.folds) for one in (dense, sparse)]
    for way in both[0]:
        for one, other in zip(*(each[way] for each in both), strict=True):
            for (_, models, losses), (_, others, expected) in zip(solved(one), solved(other), strict=True):
                np.testing.assert_allclose(losses, expected, rtol=1e-7)
                for model, wanted in zip(models, others, strict=True):
                    assert_same(model, wanted, dense.X.std(axis=0))


@pytest.mark.parametrize("by_kernel", [False, True], ids=["rows", "kernel"])
def test_turned_rows_by_singular_values_and_by_kernel(by_kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(courses, "DECOMPOSED", 0 if by_kernel else 10**9)
    case = Case((24, 30), 2, **VARIANTS["exempt columns"])
    for number, pair in enumerate(case.folds.splits()):
        course = turned(case.opened.wide, pair, number, case.opened.asked(TOL), None)
        assert course.paths.data.p <= len(pair[0]) + 2  # as many columns as rows, beside those that are exempt
        ((fold, models, _),) = solved(course)
        assert fold == number
        for model, expected in zip(models, case.refits(pair[0]), strict=True):
            assert_same(model, expected, case.X.std(axis=0))


@pytest.mark.parametrize("n", [60, 16], ids=["tall", "wide"])
def test_an_encoded_table_is_encoded_anew_in_every_fold(n: int) -> None:
    """Gaps filled and terms weighed by each fold's own rows: all courses agree, and differ from one encoding of all."""
    rng = np.random.default_rng(n)
    frame = pl.DataFrame(
        {
            "age": [None if row % 5 == 1 else float(row % 11) for row in range(n)],
            "island": ["abc"[row % 3] if row % 7 else None for row in range(n)],
            "words": [" ".join(rng.choice(["red", "lime", "blue", "grey", "pink", "tan", "sky"], 3)) for _ in range(n)],
        }
    )
    _, encoded = encode(frame, text=("words",))
    y = (np.arange(n) % 11 + rng.normal(0, 4, n) > 5).astype(int)
    opened = wd.LogisticRegression().open(encoded, y)
    folds = plan(3, n, strata=y)
    maps = fold_maps(opened.rows, folds)
    assert all(one is not None for one in maps)
    ways = courses_of(opened, folds, maps) | {"none": courses_of(opened, folds)["of_fold"]}
    losses: dict[str, list[Array]] = {way: [] for way in ways}
    tests, X = [test for _, test in folds.splits()], opened.rows.X
    for way, each in ways.items():
        for fold, models, found in (one for course in each for one in solved(course)):
            if fold < 0:
                continue
            losses[way].append(found)
            # Coefficients are those of the columns as they were given, whatever a fold makes of them.
            T = y[tests[fold], None].astype(float)
            told = [row_losses("log", T, model.predict(X[tests[fold]])).mean() for model in models]
            np.testing.assert_allclose(found, told, rtol=1e-7)
    for way in ("of_fold", "turned"):
        np.testing.assert_allclose(losses[way], losses["direct"], rtol=1e-6)
    assert np.abs(np.divide(losses["none"], losses["direct"]) - 1).max() > 1e-4


def test_courses_know_their_folds_and_rows() -> None:
    """Of a plan whose folds leave rows out, the number of the first fold not being 0."""
    case = Case((72, 5), 2)
    folds = plan(ShuffleSplit(2, test_size=0.2, train_size=0.5, random_state=0), 72)
    pairs = list(folds.splits())
    start = 0
    for partition in folds.partitions:
        count = len(partition.train)
        course = direct(case.opened.data, partition, 4 + start, case.opened.asked(TOL), [None] * count)
        assert course.folds == (-1, *range(4 + start, 4 + start + count))
        for member in range(count):
            train, test = pairs[start + member]
            np.testing.assert_array_equal(np.sort(course.rows[course.test_rows(1 + member)]), np.sort(test))
            assert course.paths.members.weight[1 + member] == pytest.approx(case.s[train].sum())
        assert course.paths.members.weight[0] == 72.0 and not len(course.test_rows(0))
        start += count
    assert start == 2
    whole = direct(case.opened.data, None, -1, case.opened.asked(TOL), [])
    assert whole.folds == (-1,) and whole.paths.members.count == 1
