"""Leave-one-out of wide data where the shortcut's numbers vanish: equal rows, rows that only exempt columns explain."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import weightdecay as wd
from laws.problems import weighted_scales

Floats = np.ndarray


def left_out(X: Floats, y: Floats, decays: Any, weights: Floats | None = None, s: Floats | None = None) -> Floats:
    """Mean squared errors (L,) of honest refits at the scales of all rows, through the public estimator."""
    n, p = X.shape
    s = np.ones(n) if s is None else s
    weights = np.ones(p) if weights is None else weights
    penalty, losses = weights * weighted_scales(X, s) ** 2, []
    for decay in decays:
        errors = np.empty(n)
        for i in range(n):
            others = np.delete(np.arange(n), i)
            model = wd.LinearRegression(
                decay * s.sum() / s[others].sum(), decay_weights=penalty, standardize=False
            ).fit(X[others], y[others], sample_weight=s[others])
            errors[i] = (y[i] - model.predict(X[[i]])[0]) ** 2
        losses.append(np.average(errors, weights=s))
    return np.array(losses)


DECAYS = [0.0, 1e-16, 1e-8, 0.1, np.inf]


@pytest.mark.parametrize("copies", [1, 2, 5])
@pytest.mark.parametrize("weighted", [False, True])
def test_equal_rows(copies: int, weighted: bool) -> None:
    """At no decay a row without a copy answers to the others alone; one with copies to what those cannot both have."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((9, 14)), rng.standard_normal(9)
    X[1 : 1 + copies] = X[0]
    s = rng.uniform(0.5, 2, 9) if weighted else None
    found = wd.tune(wd.LinearRegression(), X, y, cv="loo", decays=DECAYS, sample_weight=s)
    np.testing.assert_allclose(found.losses[0], left_out(X, y, DECAYS, s=s), rtol=1e-9)
    nearly = wd.tune(wd.LinearRegression(), X, y, cv="loo", decays=[1e-30, 1e-24, 1e-20], sample_weight=s)
    np.testing.assert_allclose(nearly.losses[0], found.losses[0, 0], rtol=1e-9)


def test_rows_that_are_combinations_of_others() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.integers(-16, 17, (12, 20)) / 8.0, rng.standard_normal(12)
    X[3] = X[4] + 0.5 * (X[5] - X[6])  # with weights that add up to 1, as the intercept asks
    found = wd.tune(wd.LinearRegression(), X, y, cv="loo", decays=DECAYS)
    np.testing.assert_allclose(found.losses[0], left_out(X, y, DECAYS), rtol=1e-9)


def test_a_row_that_alone_has_an_exempt_category() -> None:
    """Without it its category is unknown, and has no effect."""
    rng = np.random.default_rng(2)
    X, y = np.c_[np.eye(9)[:, [2, 5]], rng.standard_normal((9, 15))], rng.standard_normal(9)
    weights = np.r_[0.0, 0.0, np.ones(15)]
    decays = DECAYS[2:]
    found = wd.tune(wd.LinearRegression(decay_weights=weights), X, y, cv="loo", decays=decays)
    np.testing.assert_allclose(found.losses[0], left_out(X, y, decays, weights), rtol=1e-9)


@pytest.mark.parametrize("exempt", [4, 5, 7])
def test_exempt_columns_that_explain_all_rows(exempt: int) -> None:
    """Decay has nothing to act on, so that it does not matter."""
    rng = np.random.default_rng(3)
    weights = np.r_[np.zeros(exempt), np.ones(9 - exempt)]
    found = wd.tune(
        wd.LinearRegression(decay_weights=weights),
        rng.standard_normal((5, 9)), rng.standard_normal(5), cv="loo", decays=[0.0, 0.1, 1.0],
    )  # fmt: skip
    assert np.isfinite(found.losses).all()
    if exempt > 4:
        np.testing.assert_allclose(found.losses[0], found.losses[0, 0], rtol=1e-9)


def test_one_training_row_has_nothing_to_fit() -> None:
    found = wd.tune(
        wd.LinearRegression(), np.arange(6.0).reshape(2, 3) ** 2, [1.0, 3.0], cv=2, decays=[0.0, 0.1, np.inf]
    )
    np.testing.assert_allclose(found.losses, 4.0, rtol=1e-12)
