"""Factors: what they say they solve is solved, and anchors' Hessians are the derivatives of the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.linalg import LinAlgError
from scipy.sparse import csr_array

import weightdecay as wd
from laws.logistic_oracles import problem
from weightdecay.linear.fold_maps import fold_maps
from weightdecay.linear.newton import factors
from weightdecay.linear.newton.courses import direct
from weightdecay.linear.newton.factors import Axes, Headed, HeadHessian, Triangle, axes, triangle
from weightdecay.linear.newton.paths import Paths
from weightdecay.tables.encoder import encode
from weightdecay.tuning.folds import plan

Array = NDArray[np.float64]

KINDS = pytest.mark.parametrize("k", [2, 3, 0], ids=["two classes", "three classes", "counts"])


def orthogonal(D: int) -> Array:
    """A rotation (D, D)."""
    return np.linalg.qr(np.random.default_rng(D).standard_normal((D, D)))[0]


@pytest.mark.parametrize("spread", [0, 8, 140])
def test_cholesky_solves_in_any_units(spread: int) -> None:
    """Columns whose units are up to 280 decades apart: as exact as in one unit, and nothing is overwritten."""
    D, unit = 9, 10.0 ** np.linspace(-spread, spread, 9)
    U = orthogonal(D)
    H = U @ np.diag(np.linspace(1, 50, D)) @ U.T
    given = (H * unit).T * unit
    for right in (np.arange(1.0, 10), np.arange(27.0).reshape(9, 3) - 5):
        scaled = (right.T * unit).T
        kept = scaled.copy()
        found = triangle(given).solve(scaled)
        np.testing.assert_allclose((found.T * unit).T, np.linalg.solve(H, right), rtol=1e-11)
        np.testing.assert_array_equal(scaled, kept)
    np.testing.assert_array_equal(triangle(H).step(right[:, 0], right[:, 1]), triangle(H).solve(right[:, 1]))


def test_cholesky_refuses_what_is_not_positive_definite() -> None:
    with pytest.raises(LinAlgError):
        triangle(np.array([[1.0, 2.0], [2.0, 1.0]]))


def test_axes_find_the_solution_of_least_penalty() -> None:
    """Of a singular matrix: the shortest in the metric, which pseudo-inverses tell; where the metric is 0 it is 1."""
    A = np.random.default_rng(1).standard_normal((4, 7))
    H, metric = A.T @ A, np.array([0.01, 1.0, 9.0, 100.0, 0.5, 2.0, 0.0])
    unit = 1.0 / np.sqrt(np.where(metric > 0, metric, 1.0))
    right = H @ np.arange(1.0, 8)
    found = axes(H, metric, 0.0)
    expected = unit * (np.linalg.pinv(A * unit) @ np.linalg.lstsq((A * unit).T, unit * right, rcond=None)[0])
    np.testing.assert_allclose(found.solve(right), expected, rtol=1e-9)
    np.testing.assert_allclose(H @ found.solve(right), right, rtol=1e-9)
    both = np.column_stack([right, 2 * right])
    np.testing.assert_allclose(found.solve(both), np.column_stack([expected, 2 * expected]), rtol=1e-9)


def test_axes_know_eigenvalues_that_rounding_hides() -> None:
    """A decay 20 decades below the curvature is the eigenvalue of what the data say nothing of."""
    U, least = orthogonal(6), 1e-20
    H = U[:, :3] @ np.diag([3.0, 2.0, 1.0]) @ U[:, :3].T
    found = axes(H, np.ones(6), least)
    for part, value in ((U[:, 0], 3.0), (U[:, 2], 1.0)):
        # What is left of its part in the others is rounding, times 1e20.
        np.testing.assert_allclose(U[:, :3].T @ found.solve(part), U[:, :3].T @ part / value, atol=1e-10)
    np.testing.assert_allclose(found.solve(U[:, 4]) * least, U[:, 4], atol=1e-9)


def paths_of(k: int, *, sparse: bool = False, n: int = 60, p: int = 6, **settings: Any) -> Paths:
    """Three folds of k classes, or of counts for k = 0, beside all rows; weights, a centre, an exempt column."""
    X, y = problem(n, p, k=k, seed=1)
    X = (X - X.mean(axis=0)) / X.std(axis=0) + np.linspace(-1, 1, p)
    settings = {
        "decay_weights": [0.0, *np.linspace(0.5, 2, p - 1)],
        "centre": 0.1 * np.ones((k, p) if k > 2 else p),
    } | settings
    shell = (wd.LogisticRegression if k else wd.PoissonRegression)(**settings)
    opened = shell.open(csr_array(X) if sparse else X, y, np.random.default_rng(2).uniform(0.2, 2, n))
    (partition,) = plan(3, n, strata=opened.facts().strata).partitions
    paths = direct(opened.data, partition, 0, opened.asked(1e-9), [None] * 3).paths
    paths.solve(np.array([0.1]))
    return paths


def table() -> Paths:
    """The same of a table with gaps, which every fold fills with means of its own."""
    n = 60
    frame = pl.DataFrame(
        {
            "age": [None if row % 5 == 1 else float(row % 11) for row in range(n)],
            "size": [None if row % 7 == 1 else float(row % 13) for row in range(n)],
            "island": ["abc"[row % 3] if row % 4 else None for row in range(n)],
        }
    )
    _, encoded = encode(frame)
    y = (np.arange(n) % 11 + np.random.default_rng(3).normal(0, 4, n) > 5).astype(int)
    opened, folds = wd.LogisticRegression().open(encoded, y), plan(3, n, strata=y)
    (partition,) = folds.partitions
    paths = direct(opened.data, partition, 0, opened.asked(1e-9), fold_maps(opened.rows, folds)).paths
    paths.solve(np.array([0.1]))
    return paths


def differences(paths: Paths, v: Array, member: int) -> Array:
    """Central differences (D, D) of a member's gradient at a model (c, q)."""
    step = 1e-5
    rows = [
        (
            paths.gradient(v + step * one.reshape(v.shape), member)
            - paths.gradient(v - step * one.reshape(v.shape), member)
        )
        for one in np.eye(v.size)
    ]
    return np.array([one.ravel() for one in rows]) / (2 * step)


def contrasts(c: int, q: int) -> Array:
    """The projection (D, D) that takes from the models of all classes what they share."""
    return np.kron(np.eye(c) - (1.0 / c if c > 1 else 0.0), np.eye(q))


def at(paths: Paths) -> Array:
    """A model (c, q) that is none's."""
    return np.asarray(0.3 * np.random.default_rng(4).standard_normal(paths.shape))


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@KINDS
def test_hessians_are_differences_of_the_gradient(k: int, sparse: bool) -> None:
    """Of all members; in what changes no probability they are positive instead of 0."""
    paths = paths_of(k, sparse=sparse)
    v, C = at(paths), contrasts(*paths.shape)
    for member in range(paths.members.count):
        H = paths.own_anchor(v, member, 0.1).hessian(member)
        assert isinstance(H, np.ndarray)
        np.testing.assert_allclose(C @ H @ C, differences(paths, v, member), atol=1e-8)
        np.testing.assert_allclose(H, H.T, atol=1e-13)
        np.testing.assert_allclose(C @ H @ (np.eye(len(H)) - C), 0.0, atol=1e-12)
        assert np.linalg.eigvalsh(H)[0] > 1e-4


def test_hessians_of_encodings_of_their_own() -> None:
    paths = table()
    assert any(one is not None for one in paths.members.maps)
    v = at(paths)
    for member in range(paths.members.count):
        H = paths.own_anchor(v, member, 0.1).hessian(member)
        np.testing.assert_allclose(H, differences(paths, v, member), atol=1e-8)


def full(paths: Paths, v: Array, member: int, decay: float) -> Array:
    """The objective's Hessian by differences of the gradient with its decay, in contrasts."""
    D = v.size
    one, strength = np.array([member]), np.array([decay])
    step = 1e-5
    columns = []
    for e in step * np.eye(D).reshape(D, *v.shape):
        ends = [
            paths.members.decayed_gradient(paths.gradient(w, member)[None], w[None], strength, one)
            for w in (v + e, v - e)
        ]
        columns.append((ends[0] - ends[1]).ravel() / (2 * step))
    return np.array(columns)


@pytest.mark.parametrize("decay", [1e-3, 0.3, 1e4])
@KINDS
def test_factors_solve_with_the_hessian_of_the_objective(k: int, decay: float) -> None:
    """Right-hand sides that are gradients: no part in what all classes share, nor in what stays 0."""
    paths = paths_of(k)
    v, C = at(paths), contrasts(*paths.shape)
    for member in range(paths.members.count):
        anchor = paths.own_anchor(v, member, decay)
        factor = anchor.factor(member, decay, anchor.hessian(member))
        assert isinstance(factor, Triangle)
        right = C @ np.random.default_rng(member).standard_normal((v.size, 2))
        found = factor.solve(right)
        np.testing.assert_allclose(full(paths, v, member, decay) @ found, right, atol=1e-6 * np.abs(right).max())
        np.testing.assert_allclose(C @ found, found, atol=1e-9 * np.abs(found).max())


@KINDS
def test_factors_without_decay_and_of_infinite_decay(k: int) -> None:
    """A column twice: without decay the shorter solution; at infinite decay what is decayed stays."""
    paths = paths_of(k)
    v, (c, q) = at(paths), paths.shape
    anchor = paths.own_anchor(v, 0, 0.1)
    H = anchor.hessian(0)
    assert isinstance(H, np.ndarray)
    twice = H.copy()
    for one in range(c):
        twice[one * q + 2], twice[:, one * q + 2] = twice[one * q + 1], twice[:, one * q + 1]
    factor = anchor.factor(0, 0.0, twice)
    assert isinstance(factor, Axes)
    right = twice @ np.random.default_rng(0).standard_normal(c * q)
    found = factor.solve(right)
    np.testing.assert_allclose(twice @ found, right, atol=1e-10 * np.abs(right).max())
    # Of w₁ + w₂ the part of each is inverse to its weight in the penalty.
    Q, found = paths.members.Q[0], found.reshape(c, q)
    np.testing.assert_allclose(found[:, 1] * Q[1], found[:, 2] * Q[2], rtol=1e-8)
    free = np.flatnonzero(np.tile(Q == 0, c))
    assert len(free) == 2 * c  # the exempt column and the intercept
    right = np.zeros(c * q)
    right[free] = np.arange(1.0, 1 + len(free))
    found = anchor.factor(0, np.inf, H).solve(right)
    np.testing.assert_allclose(found[free], np.linalg.solve(H[np.ix_(free, free)], right[free]), rtol=1e-9)
    assert not np.delete(found, free).any()


@pytest.mark.parametrize("sparse", [False, True], ids=["dense", "sparse"])
@pytest.mark.parametrize("decay", [0.0, 0.1, np.inf])
@KINDS
def test_heads_of_hessians_that_are_not_formed(
    k: int, decay: float, sparse: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The head's block and the diagonal are the Hessian's own, and what is solved with is symmetric and positive."""
    paths = paths_of(k, sparse=sparse, p=12)
    v, (c, q) = at(paths), paths.shape
    wholes = [paths.own_anchor(v, member, 0.1).hessian(member) for member in range(4)]
    monkeypatch.setattr(factors, "FORMED", 5)
    monkeypatch.setattr(factors, "HEAD", 4 * c)
    C = contrasts(c, q)
    for member, whole in enumerate(wholes):
        assert isinstance(whole, np.ndarray)
        anchor = paths.own_anchor(v, member, 0.1)
        hessian = anchor.hessian(member)
        assert isinstance(hessian, HeadHessian) and len(hessian.place) == 5 * c
        own = hessian.place[:5]
        np.testing.assert_array_equal(hessian.place, (np.arange(c)[:, None] * q + own).ravel())
        exact = C @ whole @ C
        np.testing.assert_allclose(hessian.diagonal, np.diag(exact), rtol=1e-9)
        P = contrasts(c, 5)
        np.testing.assert_allclose(P @ hessian.head @ P, exact[np.ix_(hessian.place, hessian.place)], atol=1e-10)
        # The columns of most curvature over all rows, and the intercept.
        total = sum(np.diag(C @ one @ C) * w for one, w in zip(wholes[1:], paths.members.weight[1:], strict=True))
        assert set(own) == {*np.argsort(-total.reshape(c, q)[:, :12].sum(axis=0))[:4], 12}
        factor = anchor.factor(member, decay, hessian)
        assert isinstance(factor, Headed)
        expected = check_headed(paths, factor, hessian, member, decay)
        np.testing.assert_allclose(anchor.diagonal(member, decay).solve(v.ravel()), expected * v.ravel(), rtol=1e-12)
        assert anchor.test_curvature(member, v) == 0.0


def check_headed(paths: Paths, factor: Headed, hessian: HeadHessian, member: int, decay: float) -> Array:
    """Its inverse is that of the head with its decay, and of the rest the diagonal with its own; that of all."""
    c, q = paths.shape
    D, place = c * q, hessian.place
    inverse = factor.solve(np.eye(D))
    np.testing.assert_allclose(inverse, inverse.T, atol=1e-12 * np.abs(inverse).max())
    Q = np.tile(paths.members.Q[member], c)
    free = np.flatnonzero((Q == 0) | np.isfinite(decay))
    assert np.linalg.eigvalsh(inverse[np.ix_(free, free)])[0] > 0
    strength = decay * paths.members.total / paths.members.weight[member]
    pull = np.where(Q > 0, strength, 0.0) * np.where(Q > 0, Q, 1.0) if np.isfinite(decay) else np.zeros(D)
    expected = np.diag(hessian.diagonal + pull)
    expected[np.ix_(place, place)] = hessian.head + np.diag(pull[place])
    within = np.linalg.inv(expected[np.ix_(free, free)])
    np.testing.assert_allclose(inverse[np.ix_(free, free)], within, rtol=1e-8, atol=1e-12 * np.abs(within).max())
    held = np.setdiff1d(np.arange(D), free)
    assert not inverse[np.ix_(held, free)].any()
    vector = np.arange(1.0, D + 1)
    np.testing.assert_allclose(factor.solve(vector), inverse @ vector, rtol=1e-9)
    return np.where(np.isin(np.arange(D), free), 1.0 / (hessian.diagonal + pull), 0.0)


@KINDS
def test_the_curvature_of_test_rows_along_a_step(k: int) -> None:
    """½ dᵀ H d of the sum over held-out rows, by second differences of their loss."""
    paths = paths_of(k)
    v, step = at(paths), np.random.default_rng(5).standard_normal(paths.shape)
    step = (contrasts(*paths.shape) @ step.ravel()).reshape(step.shape)
    for member in range(1, 4):
        anchor, h = paths.own_anchor(v, member, 0.1), 1e-4
        before, here, after = paths.gradients(np.stack([v - h * step, v, v + h * step]), np.full(3, member)).test_loss
        second = (before - 2 * here + after) / (2 * h**2)
        assert anchor.test_curvature(member, step) == pytest.approx(second, rel=1e-5)
    assert paths.own_anchor(v, 0, 0.1).test_curvature(0, step) == 0.0
