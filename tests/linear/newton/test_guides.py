"""Guides: one decomposition solves with a Hessian at every decay, and single precision leads to the same minimum."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import LinAlgError

import weightdecay as wd
from weightdecay.linear.newton import factors, guides
from weightdecay.linear.newton.factors import triangle
from weightdecay.linear.newton.guides import Shifted, solved, spectrum
from weightdecay.tuning.folds import plan


@pytest.mark.parametrize("exempt", [0, 1, 3])
@pytest.mark.parametrize("held", [0, 2])
def test_a_spectrum_solves_at_every_strength(exempt: int, held: int) -> None:
    rng = np.random.default_rng(0)
    D = 12
    A = rng.standard_normal((40, D)) * np.logspace(0, 2, D)
    H, Q = A.T @ A / 40, rng.uniform(0.5, 2.0, D)
    Q[:exempt] = 0.0
    out = np.zeros(D, dtype=bool)
    out[D - held :] = held > 0
    found = spectrum(H, Q, out)
    free, right = np.flatnonzero(~out), rng.standard_normal((5, D))
    strengths = np.array([1e-6, 1e-3, 1.0, 30.0, 1e6])
    for row, strength, got in zip(right, strengths, found.solve(right, strengths), strict=True):
        expected = np.linalg.solve((H + strength * np.diag(Q))[np.ix_(free, free)], row[free])
        np.testing.assert_allclose(got[free], expected, rtol=1e-9)
        assert not got[out].any()


def test_problems_of_one_spectrum_are_solved_together_with_others() -> None:
    rng = np.random.default_rng(1)
    A = rng.standard_normal((30, 6))
    H, Q = A.T @ A, np.ones(6)
    shared, alone = spectrum(H, Q, np.zeros(6, dtype=bool)), triangle(H + 2.0 * np.eye(6))
    factors_ = [Shifted(shared, 0.5), alone, Shifted(shared, 7.0)]
    right = rng.standard_normal((3, 6))
    expected = [np.linalg.solve(H + s * np.eye(6), one) for s, one in zip((0.5, 2.0, 7.0), right, strict=True)]
    np.testing.assert_allclose(solved(factors_, right), expected, rtol=1e-10)
    np.testing.assert_allclose(factors_[0].solve(right.T), np.linalg.solve(H + 0.5 * np.eye(6), right.T), rtol=1e-10)


def test_what_is_not_decayed_needs_an_inverse() -> None:
    with pytest.raises(LinAlgError):
        spectrum(np.zeros((3, 3)), np.array([0.0, 1.0, 1.0]), np.zeros(3, dtype=bool))


@pytest.mark.parametrize("k", [2, 3])
def test_the_guide_changes_no_model(k: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Decomposed, by Cholesky alone, and in single precision: models and held-out losses are the same."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((300, 12)) @ rng.standard_normal((12, 12))
    y = (X @ rng.standard_normal((12, k)) / 4 + rng.gumbel(size=(300, k))).argmax(axis=1)
    decays, folds = np.logspace(-7, 1, 40), plan(4, 300, strata=y)

    def losses() -> np.ndarray:
        return wd.LogisticRegression().open(X, y).split(folds).held_out(decays).loss

    spectral = losses()
    monkeypatch.setattr(guides, "WORTH", 10**9)
    by_cholesky = losses()
    monkeypatch.setattr(factors, "SINGLE", 1)
    made = []
    kept = factors.triangle
    monkeypatch.setattr(factors, "triangle", lambda H: made.append(H.dtype) or kept(H))
    single = losses()
    assert made.count(np.dtype(np.float32)) > 20
    np.testing.assert_allclose(by_cholesky, spectral, rtol=1e-8)
    np.testing.assert_allclose(single, spectral, rtol=1e-8)


def test_what_single_precision_cannot_tell_apart_is_formed_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two columns that differ by 1e-6 have no factor in single precision at a tiny decay."""
    monkeypatch.setattr(factors, "SINGLE", 1)
    rng = np.random.default_rng(3)
    x = rng.standard_normal(200)
    X = np.column_stack([x, x + 1e-6 * rng.standard_normal(200)])
    y = (x + rng.logistic(size=200) > 0).astype(int)
    decays, folds = np.array([1e-9, 1e-3]), plan(3, 200, strata=y)
    single = wd.LogisticRegression().open(X, y).split(folds).held_out(decays).loss
    monkeypatch.setattr(factors, "SINGLE", 10**9)
    np.testing.assert_allclose(single, wd.LogisticRegression().open(X, y).split(folds).held_out(decays).loss, rtol=1e-7)
