"""Law 3 for the log-loss and counts: what weights, copies, units, order and names may change; the centre's offset."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.linear_model import LogisticRegression

import weightdecay as wd
from laws.logistic_oracles import SHAPES, fit, indicators, problem, weighted_scales

Floats = NDArray[np.float64]

shapes = st.sampled_from(list(SHAPES.values()))
seeds = st.integers(0, 10_000)
decays = st.sampled_from([0.001, 0.03, 2.0])
kinds = st.sampled_from([0, 2, 3])
FEW = settings(max_examples=25)


def fitted(k: int, X: Any, y: Any, decay: float, s: Any = None, **settings: Any) -> Any:
    """A fit at a fixed decay: counts for k = 0, else k classes."""
    model = wd.LogisticRegression if k else wd.PoissonRegression
    return model(decay, **settings).fit(X, y, s)


def assert_same(one: Any, other: Any, rtol: float = 1e-8) -> None:
    """Equal coefficients and intercepts."""
    size = np.abs(other.coef_).max()
    np.testing.assert_allclose(one.coef_, other.coef_, rtol=rtol, atol=rtol * size)
    np.testing.assert_allclose(one.intercept_, other.intercept_, rtol=rtol, atol=rtol * max(size, 1.0))


@FEW
@given(kinds, shapes, seeds, decays, st.booleans(), st.booleans())
def test_weight_two_is_the_row_twice(
    k: int, shape: tuple[int, int], seed: int, decay: float, standardize: bool, fit_intercept: bool
) -> None:
    """Whole weights are copies, and weight 0 is a row that is not there."""
    X, y = problem(*shape, k=k, seed=seed)
    X = X / X.std(axis=0)
    s = np.random.default_rng(seed).integers(0, 3, len(y)).astype(float)
    s[:12] = 1.0
    settings = {"standardize": standardize, "fit_intercept": fit_intercept}
    rows = np.repeat(np.arange(len(y)), s.astype(int))
    assert_same(fitted(k, X, y, decay, s, **settings), fitted(k, X[rows], y[rows], decay, **settings))


@FEW
@given(kinds, shapes, seeds, decays, st.sampled_from([1e-6, 0.37, 1e8]))
def test_only_ratios_of_weights_count(k: int, shape: tuple[int, int], seed: int, decay: float, factor: float) -> None:
    """All weights times c change nothing."""
    X, y = problem(*shape, k=k, seed=seed)
    s = np.random.default_rng(seed).uniform(0.1, 4.0, len(y))
    assert_same(fitted(k, X, y, decay, factor * s), fitted(k, X, y, decay, s))


@FEW
@given(kinds, shapes, seeds, decays, st.sampled_from([-3.0, 1e-7, 1e9]))
def test_a_column_in_other_units(k: int, shape: tuple[int, int], seed: int, decay: float, factor: float) -> None:
    """Column j times c changes its coefficients by 1/c, and no other."""
    X, y = problem(*shape, k=k, seed=seed)
    other = X.copy()
    other[:, 0] *= factor
    expected, found = (np.atleast_2d(fitted(k, one, y, decay).coef_) for one in (X, other))
    size = np.abs(expected * X.std(axis=0)).max() / X.std(axis=0)
    np.testing.assert_allclose(found[:, 0] * factor, expected[:, 0], rtol=1e-7, atol=1e-8 * size[0])
    for j in range(1, shape[1]):
        np.testing.assert_allclose(found[:, j], expected[:, j], rtol=1e-7, atol=1e-8 * size[j])


@FEW
@given(st.sampled_from([2, 3]), shapes, seeds, decays, st.booleans())
def test_the_order_of_classes_is_a_name(
    k: int, shape: tuple[int, int], seed: int, decay: float, standardize: bool
) -> None:
    """Classes renamed: the vectors move with the names, and of two the sign turns."""
    X, y = problem(*shape, k=k, seed=seed)
    first, second = (fitted(k, X, one, decay, standardize=standardize) for one in (y, k - 1 - y))
    size = np.abs(first.coef_).max()
    turned = -second.coef_ if k == 2 else second.coef_[::-1]
    np.testing.assert_allclose(turned, first.coef_, rtol=1e-7, atol=1e-8 * size)
    np.testing.assert_allclose(second.predict_proba(X)[:, ::-1], first.predict_proba(X), rtol=1e-6, atol=1e-12)


@FEW
@given(kinds, st.sampled_from([(60, 5), (30, 40)]), seeds, decays)
def test_the_order_of_rows_and_columns_is_none(k: int, shape: tuple[int, int], seed: int, decay: float) -> None:
    X, y = problem(*shape, k=k, seed=seed)
    rng = np.random.default_rng(seed)
    rows, columns = rng.permutation(shape[0]), rng.permutation(shape[1])
    first, second = fitted(k, X, y, decay), fitted(k, X[rows][:, columns], y[rows], decay)
    size = np.abs(first.coef_).max()
    np.testing.assert_allclose(second.coef_, first.coef_[..., columns], rtol=1e-8, atol=1e-8 * size)


@FEW
@given(kinds, seeds, st.booleans(), st.booleans(), st.sampled_from([(60, 5), (25, 35)]))
def test_centre_and_decay_weights_against_the_plain_newton_method(
    k: int, seed: int, standardize: bool, fit_intercept: bool, shape: tuple[int, int]
) -> None:
    """Towards c with strengths λ p_j: the offset Xc of the decayed rest."""
    X, y = problem(*shape, k=k, seed=seed, noise=2.0)
    X = (X - X.mean(axis=0)) / X.std(axis=0) + 0.3
    rng = np.random.default_rng(seed)
    m, p = (k if k > 2 else 1), shape[1]
    centre, decay_weights = 0.3 * rng.standard_normal((m, p)), rng.uniform(0.2, 3.0, p)
    s = rng.uniform(0.2, 2.0, len(y))
    T = indicators(y) if k else y[:, None].astype(float)
    metric = decay_weights * (weighted_scales(X, s) ** 2 if standardize else 1.0)
    expected = fit(
        "log" if k else "poisson",
        X,
        T,
        0.05 * s.sum(),
        metric=metric,
        weight=s,
        fit_intercept=fit_intercept,
        centre=centre,
    )
    found = fitted(
        k,
        X,
        y,
        0.05,
        s,
        centre=centre if m > 1 else centre[0],
        decay_weights=decay_weights,
        standardize=standardize,
        fit_intercept=fit_intercept,
    )
    np.testing.assert_allclose(np.atleast_2d(found.coef_), expected.coef, rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(np.atleast_1d(found.intercept_), expected.intercept, rtol=1e-7, atol=1e-9)


def test_at_infinite_decay_the_centre_is_an_offset() -> None:
    """w → c and only the intercept is fitted: scikit-learn's fit of the rest is at the same intercept."""
    X, y = problem(80, 4)
    centre = np.array([0.3, -0.2, 0.0, 0.1]) / X.std(axis=0)
    end = wd.LogisticRegression(np.inf, centre=centre).fit(X, y)
    np.testing.assert_array_equal(end.coef_[0], centre)
    assert np.mean(end.predict_proba(X)[:, 1]) == pytest.approx(np.mean(y), rel=1e-9)


@FEW
@given(st.sampled_from([2, 3]), seeds, st.booleans())
def test_balanced_classes_are_weights(k: int, seed: int, standardize: bool) -> None:
    """class_weight="balanced" is Σs/(k Σ_c s) on every row; of whole weights and of copies it is the same."""
    X, y = problem(60, 5, k=k, seed=seed)
    s = np.random.default_rng(seed).integers(1, 4, 60).astype(float)
    factor = s.sum() / (k * np.bincount(y, s))
    settings = {"standardize": standardize}
    balanced = fitted(k, X, y, 0.05, s, class_weight="balanced", **settings)
    assert_same(balanced, fitted(k, X, y, 0.05, s * factor[y], **settings))
    rows = np.repeat(np.arange(60), s.astype(int))
    assert_same(balanced, fitted(k, X[rows], y[rows], 0.05, class_weight="balanced", **settings))


def test_class_weights_are_those_of_scikit_learn() -> None:
    """At the same Λ, and a dict as well; λ is on the scale of the weights' sum."""
    X, y = problem(80, 4, k=3)
    Z = (X - X.mean(axis=0)) / X.std(axis=0)
    for given_weights in ("balanced", {0: 2.0, 1: 0.5, 2: 1.5}):
        rival = LogisticRegression(C=2.0, class_weight=given_weights, solver="newton-cholesky", tol=1e-12).fit(Z, y)
        counts = np.bincount(y)
        factor = 80 / (3 * counts) if given_weights == "balanced" else np.array([2.0, 0.5, 1.5])
        total = float((counts * factor).sum())
        found = wd.LogisticRegression(0.5 / total, class_weight=given_weights, standardize=False).fit(Z, y)
        np.testing.assert_allclose(found.coef_, rival.coef_, rtol=1e-6, atol=1e-8)


@settings(max_examples=15)
@given(kinds, st.sampled_from([(60, 5), (30, 45)]), seeds, st.booleans())
def test_copies_in_one_fold_are_a_weight_in_tuning(
    k: int, shape: tuple[int, int], seed: int, standardize: bool
) -> None:
    """Rows twice, both in one fold, tune as weight 2; rows of weight 0 as none."""
    X, y = problem(*shape, k=k, seed=seed, noise=2.0)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    rng = np.random.default_rng(seed)
    s = rng.integers(0, 3, len(y)).astype(float)
    fold = (np.arange(len(y)) // 12) % 2
    s[:24] = 1.0
    rows = np.repeat(np.arange(len(y)), s.astype(int))
    estimator = (wd.LogisticRegression if k else wd.PoissonRegression)(standardize=standardize)
    losses = []
    for index, weight in ((np.arange(len(y)), s), (rows, None)):
        splits = [(np.flatnonzero(fold[index] != f), np.flatnonzero(fold[index] == f)) for f in range(2)]
        found = wd.tune(estimator, X[index], y[index], sample_weight=weight, cv=splits, decays=[0.01, 1.0])
        losses.append(found.losses)
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-7)


@pytest.mark.parametrize("k", [0, 2, 3])
@pytest.mark.parametrize("shape", SHAPES)
def test_sparse_and_narrow_numbers_are_the_same_numbers(k: int, shape: str) -> None:
    X, y = problem(*SHAPES[shape], k=k)
    X = np.where(np.abs(X) > np.median(np.abs(X)), X, 0.0).astype(np.float32)
    dense = fitted(k, X.astype(np.float64), y, 0.05)
    assert_same(fitted(k, X, y, 0.05), dense, rtol=1e-7)
    assert_same(fitted(k, csr_array(X), y, 0.05), dense, rtol=1e-7)
    assert_same(fitted(k, csr_array(X).tocsc(), y, 0.05), dense, rtol=1e-7)


LABELLED = {
    "bool": np.array([False, True]),
    "text": np.array(["no", "yes"]),
    "object": np.array(["no", "yes"], dtype=object),
    "floats": np.array([-1.0, 2.0]),
    "signs": np.array([-1, 1]),
    "large": np.array([10**12, 10**12 + 1]),
    "uint8": np.array([3, 250], dtype=np.uint8),
}


@pytest.mark.parametrize("labels", LABELLED)
def test_classes_may_be_anything_that_sorts(labels: str) -> None:
    """Booleans, texts, whole floats: the same model, and predictions in the labels' own type."""
    X, y = problem(60, 4)
    plain = wd.LogisticRegression(0.05).fit(X, y)
    named = LABELLED[labels][y]
    model = wd.LogisticRegression(0.05).fit(X, named)
    assert_same(model, plain)
    np.testing.assert_array_equal(model.classes_, np.unique(named))
    predicted = model.predict(X)
    assert predicted.dtype.kind == model.classes_.dtype.kind
    np.testing.assert_array_equal(predicted, model.classes_[plain.predict(X)])
    found = wd.tune(wd.LogisticRegression(), X, named, decays=[0.01, 0.1], cv=4)
    other = wd.tune(wd.LogisticRegression(), X, y, decays=[0.01, 0.1], cv=4)
    np.testing.assert_allclose(found.losses, other.losses, rtol=1e-9)
    assert len(found.classes) == 2
