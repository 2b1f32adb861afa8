"""Tall data that cost digits: losses, coefficients and degrees of freedom against exact arithmetic or honest refits."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy.sparse import csr_array
from sklearn.model_selection import KFold

import weightdecay as wd
from laws.problems import pipeline_losses, regression
from reference.exact import ExactFit, exact_ridge
from weightdecay.linear import heavy_rows
from weightdecay.linear.leave_one_out import LeaveOneOut
from weightdecay.linear.moments import constant_columns, gather_extents
from weightdecay.linear.rows import Rows
from weightdecay.linear.spectrum import Tridiagonal, diagonal, singular, tridiagonal
from weightdecay.tuning.folds import leave_one_out

DECAYS = [0.0, 1e-9, 0.1, 1.0]


def tuned(X: Any, y: Any, cv: Any, decays: Any, *, weight: Any = None, **options: Any) -> wd.Tuning:
    return wd.tune(wd.LinearRegression(**options), X, y, cv=cv, decays=decays, sample_weight=weight)


def exact_losses(
    X: Any, y: Any, splits: Iterable[tuple[Any, Any]], decays: Any, s: Any = None, **options: Any
) -> np.ndarray:
    """Held-out errors (F, L) of rational refits at the same prior precision Λ."""
    s = np.ones(len(y)) if s is None else s
    total = sum(map(Fraction, s.tolist()))
    losses = []
    for train, test in splits:
        strength = total / sum(map(Fraction, s[train].tolist()))
        fits = [
            exact_ridge(X[train], y[train], Fraction(decay) * strength, sample_weight=s[train], **options)
            for decay in decays
        ]
        losses.append([error_sum(fit, X[test], y[test], s[test]) for fit in fits])
    return np.array(losses)


def error_sum(fit: ExactFit, X: Any, y: Any, s: Any) -> float:
    """Weighted mean of squared residuals."""
    total = Fraction(0)
    for row, target, weight in zip(X.tolist(), y.tolist(), s.tolist(), strict=True):
        prediction = fit.intercept + sum(Fraction(a) * b for a, b in zip(row, fit.coef, strict=True))
        total += Fraction(weight) * (Fraction(target) - prediction) ** 2
    return float(total / sum(map(Fraction, s.tolist())))


def exact_leave_one_out(X: Any, y: Any, decays: Any, s: Any = None, **options: Any) -> np.ndarray:
    """Mean errors (L,) of n rational refits with scales that do not change."""
    everyone = np.arange(len(y))
    losses = exact_losses(
        X, y, [(np.delete(everyone, i), everyone[i : i + 1]) for i in everyone], decays, s, standardize=False, **options
    )
    return np.asarray(np.average(losses, axis=0, weights=s))


def small(n: int = 14, p: int = 3, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + 0.5
    return X, X.sum(axis=1) + rng.standard_normal(n)


# Matrices of order 1 ------------------------------------------------------------------------------------------------


def test_a_tridiagonal_matrix_of_order_one() -> None:
    factor = tridiagonal(np.array([[4.0]]), np.array([[2.0, 8.0]]))
    np.testing.assert_array_equal(factor.solutions(np.array([1.0, 4.0]))[:, 0], [[0.4, 1.6], [0.25, 1.0]])
    assert factor.eigenvalues.tolist() == [4.0] and factor.extremes == (4.0, 4.0)
    nothing = Tridiagonal(np.zeros((1, 1)), np.zeros(0), np.zeros(1), np.zeros(0), np.ones((1, 1)))
    assert np.isnan(nothing.solutions(np.array([0.0]))).all()


def test_one_decayed_column_among_many() -> None:
    X, y = regression(20_000, 40)
    weights = np.zeros(40)
    weights[3] = 1.0
    found = wd.LinearRegression(0.1, decay_weights=weights).fit(X, y)
    others = np.column_stack([np.ones(len(y)), np.delete(X, 3, axis=1)])
    rest = X[:, 3] - others @ np.linalg.lstsq(others, X[:, 3], rcond=None)[0]
    assert found.coef_[3] == pytest.approx(rest @ y / (rest @ rest + 0.1 * len(y) * X[:, 3].var()), rel=1e-9)
    assert np.isfinite(tuned(X, y, 5, [0.0, 0.1], decay_weights=weights).mean).all()


# Law 5: what exempt columns span is theirs --------------------------------------------------------------------------


def exempt_spans() -> dict[str, tuple[np.ndarray, np.ndarray, int]]:
    """Columns, target, and how many of the first are exempt; they span all the others."""
    rng = np.random.default_rng(1)
    a = rng.standard_normal(40)
    groups = np.arange(60) % 6
    dummies = (groups[:, None] == np.arange(6)).astype(float)
    many, more = rng.standard_normal(12_000), rng.standard_normal((12_000, 49))
    return {
        "a multiple": (np.column_stack([a, 3.0 * a]), 2.0 * a + rng.standard_normal(40), 1),
        "groups": (
            np.column_stack([dummies, rng.standard_normal((6, 30))[groups]]),
            rng.standard_normal(6)[groups] + rng.standard_normal(60),
            6,
        ),
        "moments": (
            np.column_stack([more, many, more @ rng.standard_normal((49, 3))]),
            many + rng.standard_normal(12_000),
            50,
        ),
    }


@pytest.mark.parametrize("cv", ["loo", 5])
@pytest.mark.parametrize("name", exempt_spans())
def test_decayed_columns_that_exempt_ones_span_change_nothing(name: str, cv: Any) -> None:
    """Law 5: the penalty is least where their coefficients are zero, at every decay."""
    X, y, exempt = exempt_spans()[name]
    weights = np.repeat([0.0, 1.0], [exempt, X.shape[1] - exempt])
    found = tuned(X, y, cv, DECAYS, decay_weights=weights)
    alone = tuned(X[:, :exempt], y, cv, [0.0], decay_weights=np.zeros(exempt))
    np.testing.assert_allclose(found.mean, alone.mean[0], rtol=1e-9)
    path = wd.path(wd.LinearRegression(decay_weights=weights), X, y, DECAYS)
    rank = np.linalg.matrix_rank(X[:, :exempt] - X[:, :exempt].mean(axis=0))
    np.testing.assert_allclose(path.df, rank, rtol=1e-9)
    assert np.abs(path.coef[:, exempt:]).max() < 1e-7


@pytest.mark.parametrize("cv", ["loo", 5])
@pytest.mark.parametrize("n", [40, 12_000])
def test_exempt_columns_that_repeat_each_other_count_once(n: int, cv: Any) -> None:
    rng = np.random.default_rng(2)
    X = rng.standard_normal((n, 50 if n > 1000 else 4))
    y = X.sum(axis=1) + rng.standard_normal(n)
    weights = np.ones(X.shape[1])
    weights[:2] = 0.0
    repeated = np.column_stack([X[:, 0] - 2.0 * X[:, 1], X, X[:, 1]])
    once = tuned(X, y, cv, DECAYS, decay_weights=weights)
    found = tuned(repeated, y, cv, DECAYS, decay_weights=[0.0, *weights, 0.0])
    np.testing.assert_allclose(found.mean, once.mean, rtol=1e-9)
    np.testing.assert_allclose(found.path.df, once.path.df, rtol=1e-9)


def test_sizes_before_a_projection_decide_what_is_rounding() -> None:
    rng = np.random.default_rng(3)
    noise = 1e-16 * rng.standard_normal((5, 3))
    assert len(singular(noise, np.ones((5, 1)), 5).d) == 3
    assert len(singular(noise, np.ones((5, 1)), 5, 1.0).d) == 0
    assert len(singular(noise, np.ones((5, 1)), 5, np.array([1e-9, 1.0, 1e9])).d) == 1
    assert len(diagonal(noise.T @ noise, np.ones((3, 1))).d) == 3
    assert len(diagonal(noise.T @ noise, np.ones((3, 1)), 1.0).d) == 0
    assert len(diagonal(-np.eye(2), np.ones((2, 1))).d) == 0


# Columns of any lengths ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("decimal", [4, 8, 12, 30])
@pytest.mark.parametrize("copies", [False, True])
def test_unstandardised_columns_of_any_lengths(decimal: int, copies: bool) -> None:
    """Losses of folds and of leave-one-out, coefficients and degrees of freedom, as in rational arithmetic."""
    X, y = small()
    X = X * [1.0, 0.3, 10.0**decimal]
    if copies:
        X = np.column_stack([X, 2.0 * X[:, 1]])
    decays = [1e-12, 1e-3, 0.1]
    splits = list(KFold(4).split(X))
    found = tuned(X, y, KFold(4), decays, standardize=False)
    expected = exact_losses(X, y, splits, decays, standardize=False)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-9)
    loo = tuned(X, y, "loo", decays, standardize=False)
    np.testing.assert_allclose(loo.mean, exact_leave_one_out(X, y, decays), rtol=1e-9)
    path = wd.path(wd.LinearRegression(standardize=False), X, y, decays)
    for row, decay in enumerate(decays):
        truth = exact_ridge(X, y, decay, standardize=False)
        np.testing.assert_allclose(path.coef[row], list(map(float, truth.coef)), rtol=1e-9)
        assert path.df[row] == pytest.approx(exact_df(X, decay, standardize=False), rel=1e-9)


def test_decay_weights_of_any_size() -> None:
    X, y = small()
    options = {"decay_weights": np.array([1e-40, 1.0, 1e40])}
    decays = [1e-6, 1.0]
    found = tuned(X, y, KFold(4), decays, **options)
    np.testing.assert_allclose(found.losses, exact_losses(X, y, KFold(4).split(X), decays, **options), rtol=1e-9)


def exact_df(X: Any, decay: Any, **options: Any) -> float:
    """Σ ∂(fitted value i)/∂y_i without the intercept's 1, from a rational fit of every unit vector."""
    total = Fraction(-1)
    for i, row in enumerate(X.tolist()):
        fit = exact_ridge(X, np.eye(len(X))[i], decay, **options)
        total += fit.intercept + sum(Fraction(a) * b for a, b in zip(row, fit.coef, strict=True))
    return float(total)


def test_degrees_of_freedom_of_an_ill_conditioned_design() -> None:
    """Directions that a triangle resolves are not dropped for their squared singular values."""
    x = np.linspace(0.0, 1.0, 14)
    X = np.column_stack([x**k for k in range(1, 11)])
    decays = [0.0, 1e-20, 1e-16]
    path = wd.path(wd.LinearRegression(), X, np.sin(6.0 * x), decays)
    assert path.df[0] == pytest.approx(10.0, rel=1e-12)
    expected = [exact_df(X, decay) for decay in decays[1:]]
    np.testing.assert_allclose(path.df[1:], expected, rtol=1e-4)  # singular values are known to ε of the largest
    assert expected[0] > 9.9


# What cancels in moments --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("noise", [1e-7, 1e-4])
def test_errors_far_below_the_targets_keep_their_digits(noise: float) -> None:
    """Training loss, cross-validation and evidence of many rows with hardly any noise, and held-out losses."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((20_000, 40))
    y = X @ rng.standard_normal(40) + noise * rng.standard_normal(20_000)
    path = wd.path(wd.LinearRegression(), X, y, [0.0])
    A = np.column_stack([np.ones(len(y)), X])

    def residuals(train: Any, test: Any) -> Any:
        w = np.linalg.lstsq(A[train], y[train], rcond=None)[0]
        # A second step, since the first leaves an error that such residuals see.
        w += np.linalg.lstsq(A[train], y[train] - A[train] @ w, rcond=None)[0]
        return y[test] - A[test] @ w

    everyone = np.arange(len(y))
    loss = np.mean(residuals(everyone, everyone) ** 2)
    digits = 1e-9 * max(1.0, 1e-6 / noise)  # y itself is known to ε
    assert path.train_loss[0] == pytest.approx(loss, rel=digits)
    assert path.status == ("exact (triangular)",)
    opinions = wd.LinearRegression().open(X, y).opinions(np.array([0.0, 1e-12]))
    assert opinions["gcv"][0] == pytest.approx(loss / (1.0 - 41 / 20_000) ** 2, rel=digits)
    assert np.isfinite(opinions["evidence"][1])
    found = tuned(X, y, KFold(3), [0.0])
    expected = [np.mean(residuals(train, test) ** 2) for train, test in KFold(3).split(X)]
    np.testing.assert_allclose(found.losses[:, 0], expected, rtol=digits)


def two_groups() -> tuple[np.ndarray, np.ndarray, list[tuple[np.ndarray, np.ndarray]]]:
    """A column that lies 3e7 away in the second half, and folds that train on one half each."""
    rng = np.random.default_rng(6)
    n = 24_000
    X = rng.standard_normal((n, 40))
    y = X @ rng.standard_normal(40) + rng.standard_normal(n)
    X[: n // 2, 0] += 3e7
    return (
        X,
        y,
        [
            (np.arange(n // 2, n - 2000), np.arange(n - 2000, n)),
            (np.arange(2000, n // 2), np.arange(2000)),
        ],
    )


def test_a_column_far_from_the_shift_in_some_fold_is_not_taken_for_constant() -> None:
    X, y, splits = two_groups()
    decays = np.array([1e-3, 1.0])
    found = tuned(X, y, splits, decays)
    np.testing.assert_allclose(found.losses, pipeline_losses(X, y, iter(splits), decays * len(y)), rtol=1e-7)
    assert set(found.path.status) <= {"exact", "exact (triangular)"}


@pytest.mark.parametrize("p", [40, 5])
def test_a_far_column_without_intercept_is_decayed(p: int) -> None:
    """At infinite decay nothing is left of the model, however far a column lies from zero."""
    rng = np.random.default_rng(10)
    X = rng.standard_normal((24_000, p))
    y = 2.0 + X @ rng.standard_normal(p) + rng.standard_normal(24_000)
    X[:, 0] += 3e7
    found = tuned(X, y, KFold(3), [np.inf], fit_intercept=False)
    np.testing.assert_allclose(found.losses[:, 0], [np.mean(y[test] ** 2) for _, test in KFold(3).split(X)], rtol=1e-12)
    assert (wd.path(wd.LinearRegression(fit_intercept=False), X, y, [np.inf]).coef == 0.0).all()


@pytest.mark.parametrize("kind", [np.asarray, csr_array])
def test_a_column_that_is_constant_in_some_fold_is_dropped_there(kind: Any) -> None:
    """And the moments are trusted on: a category that no training row has costs no triangle."""
    rng = np.random.default_rng(7)
    X = rng.standard_normal((24_000, 40))
    X[:, 1] = 0.1
    X[:3, 1] = 5.0
    X[:, 2] = 1.0 / 3.0
    y = X.sum(axis=1) + rng.standard_normal(24_000)
    decays = np.array([1e-3, 1.0])
    expected = pipeline_losses(np.delete(X, 2, axis=1), y, KFold(3).split(X), decays * 24_000)
    found = wd.tune(wd.LinearRegression(), kind(X), y, cv=KFold(3), decays=decays)
    np.testing.assert_allclose(found.losses, expected, rtol=1e-9)
    assert set(found.path.status) == {"exact"}


def test_extents_are_those_of_the_rows_with_weight() -> None:
    rng = np.random.default_rng(8)
    X, s = rng.standard_normal((500, 3)), rng.integers(0, 2, 500).astype(float)
    X[:, 1] = 2.0
    labels = [rng.integers(-1, 4, 500).astype(np.int32), np.zeros(500, dtype=np.int32)]
    found = gather_extents(Rows(X, np.zeros((500, 1)), s), labels, [5, 1])
    for (least, greatest), label in zip(found, labels, strict=True):
        for cell in range(int(label.max()) + 1):
            mine = X[(label == cell) & (s > 0)]
            np.testing.assert_array_equal([least[cell], greatest[cell]], [mine.min(axis=0), mine.max(axis=0)])
    assert found[0][0][4].tolist() == [np.inf] * 3
    assert constant_columns(found[0], [0, 2]).tolist() == [False, True, False]


# Rows that a model follows ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("weight", [1e2, 1e5, 1e6, 1e8, 1e12, 1e16])
@pytest.mark.parametrize("exempt", [False, True])
def test_a_heavy_row_is_left_out_with_all_digits(weight: float, exempt: bool) -> None:
    """Leave-one-out equals rational refits, whatever part of all weight a row carries."""
    X, y = small(12)
    s = np.ones(12)
    s[4], s[7] = weight, 0.0
    used = s > 0
    options = {"decay_weights": np.array([0.0 if exempt else 1.0, 1.0, 2.0])}
    found = tuned(X, y, "loo", DECAYS, weight=s, standardize=False, **options)
    expected = exact_leave_one_out(X[used], y[used], DECAYS, s[used], **options)
    np.testing.assert_allclose(found.mean, expected, rtol=1e-9)


@pytest.mark.parametrize("far", [1e3, 1e5, 1e6])
def test_a_far_row_is_left_out_with_all_digits(far: float) -> None:
    X, y = small(12)
    X[3, 1] *= far
    found = tuned(X, y, "loo", DECAYS, standardize=False)
    np.testing.assert_allclose(found.mean, exact_leave_one_out(X, y, DECAYS), rtol=1e-9)


@pytest.mark.parametrize("n", [10, 11, 12])
def test_as_many_columns_as_rows(n: int) -> None:
    """Where models pass through every row at once."""
    X, y = small(n, 10)
    decays = [0.0, 1e-12, 1e-6, 1e-2]
    found = tuned(X, y, "loo", decays, standardize=False)
    np.testing.assert_allclose(found.mean, exact_leave_one_out(X, y, decays), rtol=1e-9)


@pytest.mark.parametrize("weights", [[0.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, 0.0, 1.0]])
def test_a_category_of_one_row(weights: list[float]) -> None:
    """Its coefficient is zero when the row is left out: the least that the others leave open."""
    X, y = small(12)
    X[:, 0] = 0.0
    X[5, 0] = 1.0
    found = tuned(X, y, "loo", DECAYS, standardize=False, decay_weights=weights)
    expected = exact_leave_one_out(X, y, DECAYS, decay_weights=weights)
    np.testing.assert_allclose(found.mean, expected, rtol=1e-9)
    scored = wd.tune(
        wd.LinearRegression(standardize=False, decay_weights=weights),
        X, y, cv="loo", decays=DECAYS, scoring="neg_mean_squared_error",
    )  # fmt: skip
    np.testing.assert_allclose(scored.mean, expected, rtol=1e-9)


def test_heavy_rows_among_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """In several blocks, from moments; and too many of them to factorise again are told."""
    rng = np.random.default_rng(9)
    n, p = 12_000, 50
    X = rng.standard_normal((n, p))
    y, s = X[:, 0] + rng.standard_normal(n), np.ones(n)
    heavy = [17, 9000, n - 1]
    s[heavy] = 1e14
    problem = wd.LinearRegression(decay_weights=np.r_[0.0, np.ones(p - 1)]).open(X, y, sample_weight=s)
    split = problem.side.split(leave_one_out(n))
    assert isinstance(split, LeaveOneOut)
    late = np.zeros(1, dtype=bool)
    residuals = np.concatenate([found[:, 0, 0] for _, found in split._residuals(np.array([1e-17]), late)])
    spread = np.sqrt(s @ (X - s @ X / s.sum()) ** 2 / s.sum())
    for row in [*heavy, 5]:
        rest = np.delete(np.arange(n), row)
        root = np.sqrt(s[rest])[:, None]
        A = np.hstack([np.ones((n - 1, 1)), X[rest] / spread]) * root
        penalty = np.sqrt(1e-17 * s.sum()) * np.eye(p + 1)[2:]
        order = np.argsort(-s[rest], kind="stable")  # rows in descending order keep the digits of light ones
        left = np.vstack([A[order], penalty])
        Q, R = np.linalg.qr(left)
        w = np.linalg.solve(R, Q.T @ np.concatenate([(y[rest] * root[:, 0])[order], np.zeros(p - 1)]))
        expected = y[row] - w[0] - (X[row] / spread) @ w[1:]
        assert residuals[row] == pytest.approx(expected, rel=1e-7)
    assert not late.any()
    monkeypatch.setattr(heavy_rows, "AFFORDABLE", 0.0)
    held_out = split.held_out(np.array([1e-17]))
    assert held_out.status[0, 0] == "inexact: leverage near 1" and np.isfinite(held_out.loss).all()


@pytest.mark.parametrize("factor", [1e-130, 1e-100, 1e-60, 1e60, 1e80, 1e100, 1e140])
def test_moments_of_columns_of_any_size_that_are_not_standardised(factor: float) -> None:
    """Squares of a power of ten leave no range on the way; λ goes with the square."""
    X, y = regression(4000, 90, seed=2)
    plain = wd.tune(wd.LinearRegression(standardize=False), X, y, cv=3, decays=[1e-3, 0.1])
    given = np.array([1e-3, 0.1]) * factor * factor
    scaled = wd.tune(wd.LinearRegression(standardize=False), X * factor, y, cv=3, decays=given)
    np.testing.assert_allclose(scaled.losses, plain.losses, rtol=1e-9)
    np.testing.assert_allclose(scaled.path.coef * factor, plain.path.coef, rtol=1e-9)
    np.testing.assert_allclose(scaled.path.df, plain.path.df, rtol=1e-9)


def test_no_warning_where_a_decay_is_far_below_the_columns() -> None:
    X, y = regression(60, 3)
    path = wd.path(wd.LinearRegression(standardize=False), X * 1e160, y, [0.0, 1e-300, 1.0])
    assert np.isfinite(path.df).all() and path.df[1] == pytest.approx(3.0)


def test_nearly_equal_columns_of_a_training_set_keep_nine_digits() -> None:
    """Two columns equal where a fold trains and different where it is tested: the weak direction shows in full."""
    rng = np.random.default_rng(0)
    n, p = 8000, 70
    X = rng.standard_normal((n, p)) + 5
    X[: n // 2, 1] = X[: n // 2, 0]
    y = X @ rng.standard_normal(p) + rng.standard_normal(n)
    halves = np.arange(n // 2), np.arange(n // 2, n)
    splits = [halves, halves[::-1]]
    decays = np.array([2e-9, 1e-8, 1e-7])
    tuning = wd.tune(wd.LinearRegression(), X, y, cv=splits, decays=decays)
    for fold, (train, test) in enumerate(splits):
        mean, scale = X[train].mean(axis=0), X[train].std(axis=0)
        Z, Zt = (X[train] - mean) / scale, (X[test] - mean) / scale
        # Equal columns share a coefficient: one column √2 as long, spread over both by this map.
        spread = np.eye(p) if fold else np.delete(np.eye(p), 1, axis=1)
        if not fold:
            spread[:2, 0] = np.sqrt(0.5)
        U, sigma, Vt = np.linalg.svd(Z @ spread, full_matrices=False)
        for column, decay in enumerate(decays):
            w = spread @ Vt.T @ (sigma / (sigma**2 + decay * n) * (U.T @ (y[train] - y[train].mean())))
            expected = np.mean((y[test] - y[train].mean() - Zt @ w) ** 2)
            assert tuning.losses[fold, column] == pytest.approx(expected, rel=1e-9)
    assert (tuning.status[0] == "exact (triangular)").all()


@pytest.mark.parametrize("scoring", [None, "neg_mean_squared_error"])
def test_a_hold_out_of_far_columns_keeps_its_digits(scoring: str | None) -> None:
    """Predictions about the shift: X w − mean w would cancel."""
    rng = np.random.default_rng(1)
    X = rng.standard_normal((12, 3))
    y = X.sum(axis=1) + rng.standard_normal(12)
    split = [(np.arange(8), np.arange(8, 12))]
    whole = np.round(X * 2**20) / 2**20  # so that X + 2^27 is exact
    near = wd.tune(wd.LinearRegression(), whole, y, cv=split, decays=[0.0, 0.1], scoring=scoring)
    far = wd.tune(wd.LinearRegression(), whole + 2.0**27, y, cv=split, decays=[0.0, 0.1], scoring=scoring)
    np.testing.assert_allclose(far.losses, near.losses, rtol=1e-12)
