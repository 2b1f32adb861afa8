"""Standard deviations of coefficients: dense algebra by hand, a bootstrap, and what weights and units do to them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import weightdecay as wd

Array = NDArray[np.float64]
N, P = 400, 3


def data(k: int = 2, n: int = N) -> tuple[Array, NDArray[np.int64]]:
    """Columns of different units and classes that depend on them."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((n, P))
    y = (Z @ rng.standard_normal((P, k)) + rng.gumbel(size=(n, k))).argmax(axis=1)
    return Z * [1.0, 5.0, 0.2] + [0.0, 3.0, 1.0], y


def found(decay: float, X: Any, y: Any, **more: Any) -> wd.ClassDiagnostics:
    """The diagnostics at a decay."""
    weight = more.pop("sample_weight", None)
    tuning = wd.tune(wd.LogisticRegression(**more), X, y, decays=[decay], sample_weight=weight)
    assert isinstance(tuning.diagnostics, wd.ClassDiagnostics)
    return tuning.diagnostics


@pytest.mark.parametrize("decay", [0.0, 0.02, 1.0])
@pytest.mark.parametrize("standardize", [True, False])
def test_two_classes_by_hand(decay: float, standardize: bool) -> None:
    """Inverse Hessians in the caller's own units."""
    X, y = data()
    model = wd.LogisticRegression(decay, standardize=standardize).fit(X, y)
    E = np.column_stack([X, np.ones(N)])
    share = model.predict_proba(X)[:, 1]
    pull = np.append(X.var(axis=0) if standardize else np.ones(P), 0.0) * decay
    inverse = np.linalg.inv((E.T * (share * (1 - share))) @ E / N + np.diag(pull))
    scores = E * (share - y)[:, None] / N
    one = found(decay, X, y, standardize=standardize)
    np.testing.assert_allclose(one.posterior_std, np.sqrt(np.diag(inverse) / N)[None, :P], rtol=1e-6)
    np.testing.assert_allclose(
        one.sandwich_std, np.sqrt(np.diag(inverse @ scores.T @ scores @ inverse))[None, :P], rtol=1e-6
    )


def test_three_classes_are_those_of_contrasts() -> None:
    """Against the Hessian of two free classes, the third being minus their sum."""
    X, y = data(3)
    decay = 0.05
    model = wd.LogisticRegression(decay).fit(X, y)
    E = np.column_stack([X, np.ones(N)])
    share = model.predict_proba(X)
    bend = np.einsum("ia,ab->iab", share, np.eye(3)) - share[:, :, None] * share[:, None, :]
    H = np.einsum("ij,iab,ik->ajbk", E, bend, E).reshape(12, 12) / N
    pull = np.tile(np.append(X.var(axis=0), 0.0) * decay, 3)
    basis = np.kron(np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, -1.0]]), np.eye(4))
    inverse = basis @ np.linalg.inv(basis.T @ (H + np.diag(pull)) @ basis) @ basis.T
    expected = np.sqrt(np.diag(inverse) / N).reshape(3, 4)[:, :P]
    np.testing.assert_allclose(found(decay, X, y).posterior_std, expected, rtol=1e-6)


def test_a_bootstrap_spreads_as_the_sandwich_says() -> None:
    """Resampled rows, the same decay."""
    X, y = data()
    rng = np.random.default_rng(1)
    coefs = []
    for _ in range(150):
        rows = rng.integers(0, N, N)
        coefs.append(wd.LogisticRegression(0.02).fit(X[rows], y[rows]).coef_[0])
    sandwich = found(0.02, X, y).sandwich_std
    assert sandwich is not None
    np.testing.assert_allclose(np.std(coefs, axis=0), sandwich[0], rtol=0.3)


def test_only_ratios_of_weights_count() -> None:
    """All weights times 7 change nothing; so does a row of weight 0."""
    X, y = data()
    s = np.random.default_rng(2).uniform(0.5, 2.0, N)
    first, second = found(0.1, X, y, sample_weight=s), found(0.1, X, y, sample_weight=7 * s)
    np.testing.assert_allclose(first.posterior_std, second.posterior_std, rtol=1e-7)
    np.testing.assert_allclose(first.sandwich_std, second.sandwich_std, rtol=1e-7)


def test_where_there_is_none() -> None:
    """More columns than rows, an L1 part, infinite decay; a constant column's own."""
    X, y = data(n=40)
    wide = np.column_stack([X, np.random.default_rng(3).standard_normal((40, 60))])
    assert found(0.1, wide, y).posterior_std is None
    assert found(0.1, X, y, l1_ratio=1.0).sandwich_std is None
    assert found(np.inf, X, y).posterior_std is None
    constant = found(0.1, np.column_stack([X, np.ones(40)]), y).posterior_std
    assert constant is not None
    assert np.isnan(constant[0, -1])
    assert np.isfinite(constant[0, :-1]).all()
