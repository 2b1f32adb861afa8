"""The quadratic lasso: conditions of a minimum, free and dependent columns, warm starts, rows and Gram matrices."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csc_array
from sklearn.linear_model import Lasso

from weightdecay.linear import active_set, quadratic_lasso
from weightdecay.linear.quadratic import OfGram, OfRows, OfSparse
from weightdecay.linear.quadratic_lasso import along, minimise

Floats = NDArray[np.float64]


def data(n: int, p: int, seed: int = 0, together: float = 1.0) -> tuple[Floats, Floats]:
    """Correlated columns, a third of which tell something."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) + together * rng.standard_normal((n, 1))
    y = X @ (rng.standard_normal(p) * (np.arange(p) % 3 == 0)) + rng.standard_normal(n)
    return X, y


def missed(X: Floats, y: Floats, w: Floats, thresholds: Floats, ridge: float = 0.0) -> float:
    """Distance from the conditions of a minimum, by the rows, relative to the largest slope at zero."""
    slope = X.T @ (y - X @ w) - ridge * w
    left = np.where(w != 0, slope - thresholds * np.sign(w), np.maximum(np.abs(slope) - thresholds, 0.0))
    return float(np.abs(left).max() / np.abs(X.T @ y).max())


SHAPES = {"tall": (80, 12), "wide": (20, 60), "one": (9, 1), "square": (30, 30)}


@pytest.mark.parametrize("start", [None, "elsewhere", "near"])
@pytest.mark.parametrize("shape", SHAPES)
def test_thresholds_of_every_kind(shape: str, start: str | None) -> None:
    """Some 0, some beyond all slopes, the others over five decades; the start does not matter."""
    X, y = data(*SHAPES[shape])
    p = X.shape[1]
    rng = np.random.default_rng(1)
    q = X.T @ y
    thresholds = np.abs(q).max() * 10.0 ** rng.uniform(-5, 0, p)
    thresholds[::7], thresholds[1::9] = 0.0, 1e9
    begin = None if start is None else rng.standard_normal(p)
    if start == "near":
        begin = minimise(X.T @ X, q, 1.1 * thresholds)[0]
    kept = X.T @ X
    Q = kept.copy()
    w, distance = minimise(Q, q, thresholds, start=begin)
    np.testing.assert_array_equal(Q, kept)
    assert missed(X, y, w, thresholds) <= 1e-13
    assert distance <= 1e-13 * np.abs(q).max()
    assert (w[thresholds == 1e9] == 0).all()
    if shape == "tall":
        other, _ = minimise(Q, q, thresholds, square=float(y @ y))
        np.testing.assert_allclose(w, other, rtol=1e-11, atol=1e-13)


def test_scikit_learn_finds_the_same() -> None:
    X, y = data(60, 10, together=0.3)
    w, _ = minimise(X.T @ X, X.T @ y, np.full(10, 7.0))
    model = Lasso(7.0 / 60, fit_intercept=False, tol=1e-14, max_iter=100_000).fit(X, y)
    np.testing.assert_allclose(w, model.coef_, rtol=1e-7, atol=1e-9)
    assert ((w == 0) == (model.coef_ == 0)).all()


@pytest.mark.parametrize("mix", [0.0, 0.5])
def test_equal_opposite_and_dependent_columns(mix: float) -> None:
    """Minima are not unique with L1 alone; the conditions hold, and the predictions are those of one column."""
    X, y = data(50, 8, seed=2)
    X[:, 1], X[:, 3], X[:, 5] = X[:, 0], -X[:, 2], X[:, 4] + X[:, 6]
    gram = OfGram(X.T @ X, X.T @ y, float(y @ y))
    strengths = np.abs(gram.q).max() * np.geomspace(1.1, 1e-5, 30)
    found = along(gram, strengths, np.ones(8), ridge=mix * strengths)
    for strength, w in zip(strengths, found.w, strict=True):
        assert missed(X, y, w, np.full(8, strength), mix * strength) <= 1e-13
    if mix:
        np.testing.assert_allclose(found.w[:, 1], found.w[:, 0], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(found.w[:, 3], -found.w[:, 2], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("alike", [True, False])
def test_rows_sparse_rows_and_gram_matrices_agree(shape: str, alike: bool) -> None:
    """The same quadratic held in three ways, one of them with weights and means that are taken out in passing."""
    n, p = SHAPES[shape]
    X, y = data(n, p, seed=3)
    rng = np.random.default_rng(0)
    s, weights = rng.uniform(0.5, 2.0, n), np.ones(p) if alike else np.exp(rng.uniform(-1, 1, p))
    mean, y = s @ X / s.sum(), y - s @ y / s.sum()
    Z, v = np.sqrt(s)[:, None] * (X - mean), np.sqrt(s) * y
    rows = OfRows(np.asfortranarray(Z), v)
    ways = (rows, OfGram(Z.T @ Z, Z.T @ v, float(v @ v)), OfSparse(csc_array(X), y, s, mean))
    strengths = np.abs(rows.q / weights).max() * np.array([2.0, 0.5, 0.1, 0.01, np.inf, 1e-4])
    ridge = np.where(np.isinf(strengths), 0.0, 0.3 * strengths)
    first, *others = (along(one, strengths, weights, ridge=ridge) for one in ways)
    assert not first.w[[0, 4]].any() and first.w[1].any()
    for other in others:
        np.testing.assert_allclose(other.w, first.w, rtol=1e-9, atol=1e-11)
    for strength, l2, w in zip(strengths, ridge, first.w, strict=True):
        assert missed(Z, v, w, np.minimum(strength, 1e300) * weights, l2) <= 1e-13


@pytest.mark.parametrize("kind", ["gram", "many columns", "sparse"])
def test_coordinate_descent_takes_over_where_the_start_is_far(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """No changes from the start are allowed, so that all comes from scikit-learn's answer and what is made of it."""
    monkeypatch.setattr(quadratic_lasso, "FEW", 0)
    if kind == "many columns":
        monkeypatch.setattr("weightdecay.linear.quadratic.MULTIPLIED", 0)
    X, y = data(40, 90, seed=4)
    X, y = X - X.mean(axis=0), y - y.mean()
    ways = {
        "gram": OfGram(X.T @ X, X.T @ y, float(y @ y)),
        "many columns": OfRows(np.asfortranarray(X), y),
        "sparse": OfSparse(csc_array(X), y, np.ones(40), np.zeros(90)),
    }
    weights = np.exp(np.random.default_rng(0).uniform(-1, 1, 90))
    strengths = np.abs(X.T @ y / weights).max() * np.geomspace(1, 1e-3, 6)
    found = along(ways[kind], strengths, weights, ridge=0.2 * strengths)
    for strength, w in zip(strengths, found.w, strict=True):
        assert missed(X, y, w, strength * weights, 0.2 * strength) <= 1e-13


def test_a_minimum_that_is_not_reached_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither changes nor sweeps: the distance says so."""
    monkeypatch.setattr(quadratic_lasso, "FEW", 0)
    monkeypatch.setattr("weightdecay.linear.quadratic.SWEEPS", 1)
    monkeypatch.setattr(active_set.settle, "__defaults__", (0,))
    X, y = data(60, 20, seed=5)
    w, distance = minimise(X.T @ X, X.T @ y, np.full(20, 0.5))
    assert distance > 1e-6
    assert distance == pytest.approx(missed(X, y, w, np.full(20, 0.5)) * np.abs(X.T @ y).max(), rel=1e-6)


def test_a_path_costs_about_one_factorisation_a_decay(monkeypatch: pytest.MonkeyPatch) -> None:
    """From neighbour to neighbour hardly a sign changes."""
    solved = []
    original = active_set._Solver.__init__
    monkeypatch.setattr(
        active_set._Solver, "__init__", lambda self, *given: (solved.append(1), original(self, *given))[1]
    )
    X, y = data(400, 60, seed=6)
    gram = OfGram(X.T @ X, X.T @ y, float(y @ y))
    strengths = np.abs(gram.q).max() * np.geomspace(1, 1e-4, 100)
    along(gram, strengths, np.ones(60))
    assert len(solved) <= 200


def test_nothing_to_do() -> None:
    """No columns, no target, no penalty."""
    assert minimise(np.zeros((0, 0)), np.zeros(0), np.zeros(0))[0].shape == (0,)
    w, distance = minimise(np.eye(3), np.zeros(3), np.ones(3))
    assert not w.any() and distance == 0.0
    X, y = data(30, 4)
    np.testing.assert_allclose(minimise(X.T @ X, X.T @ y, np.zeros(4))[0], np.linalg.lstsq(X, y)[0], rtol=1e-10)
    constant = np.zeros((3, 3))
    constant[0, 0] = 2.0
    assert minimise(constant, np.array([4.0, 0.0, 0.0]), np.array([1.0, 1.0, 0.0]))[0].tolist() == [1.5, 0.0, 0.0]
