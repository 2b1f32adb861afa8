"""Gradient descent: the textbook update itself, its history, and what it says when it did not arrive."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.exceptions import ConvergenceWarning

import weightdecay as wd
from laws.problems import regression, weighted_scales

Floats = NDArray[np.float64]


def descended(X: Any, y: Any, decay: Any, s: Any = None, **settings: Any) -> wd.LinearRegression:
    """A fit by gradient descent, whether or not it arrives."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return wd.LinearRegression(decay, solver="gradient_descent", **settings).fit(X, y, s)


def textbook(
    X: Floats, y: Floats, decay: Floats, s: Floats, rate: float, epochs: int
) -> tuple[list[Floats], list[float]]:
    """w ← w − α(∇ mean loss + λ w) as it is printed, and J before every step."""
    w, weights, losses = np.zeros(X.shape[1]), [], []
    for _ in range(epochs + 1):
        residual = X @ w - y
        weights.append(w)
        losses.append(s @ residual**2 / s.sum() / 2 + decay @ w**2 / 2)
        w = w - rate * (X.T @ (s * residual) / s.sum() + decay * w)
    return weights, losses


def test_the_textbook_example() -> None:
    """X, y, α, λ and epochs of the textbook: its weights to the digits printed, and how far the exact ones are."""
    X, y = [[1, 2], [2, 3], [3, 4]], [3, 4, 5]
    settings: dict[str, Any] = {"fit_intercept": False, "standardize": False}
    with pytest.warns(ConvergenceWarning, match="1000 epochs were not enough"):
        model = wd.LinearRegression(0.1, solver="gradient_descent", learning_rate=0.01, epochs=1000, **settings).fit(
            X, y
        )
    np.testing.assert_allclose(model.coef_, [0.212974, 1.150323], atol=5e-7)
    np.testing.assert_allclose(wd.LinearRegression(0.1, **settings).fit(X, y).coef_, [0.094787, 1.232227], atol=5e-7)
    assert model.history_.weights.shape == (1001, 2) and model.n_iter_ == 1000
    assert not model.history_.converged and "not enough" in model.status_


@pytest.mark.parametrize("shape", [(40, 4), (12, 30)])
@pytest.mark.parametrize("container", [np.asarray, csr_array])
def test_every_epoch_is_the_textbook_update(shape: tuple[int, int], container: Any) -> None:
    """History row by row against a plain loop: weights, exempt column, intercept by centring, standardised columns."""
    X, y = regression(*shape)
    s, weights = np.random.default_rng(1).uniform(0.5, 2, len(y)), np.ones(shape[1])
    weights[1] = 0.0
    mean, scale = s @ X / s.sum(), weighted_scales(X, s)
    expected, losses = textbook((X - mean) / scale, y - s @ y / s.sum(), 0.3 * weights, s, 0.02, 50)
    model = descended(container(X), y, 0.3, s, decay_weights=weights, learning_rate=0.02, epochs=50)
    np.testing.assert_allclose(model.history_.weights * scale, expected, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.history_.loss, losses, rtol=1e-10)
    np.testing.assert_allclose(model.coef_ * scale, expected[-1], rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(model.intercept_, s @ y / s.sum() - mean @ model.coef_, rtol=1e-10)


def test_targets_keep_their_own_decay() -> None:
    """One decay per target acts on that target alone."""
    X, Y = regression(50, 3, t=2)
    settings = {"learning_rate": 0.1, "epochs": 5000, "tol": 1e-12}
    both = descended(X, Y, [0.01, 5.0], **settings)
    for k, decay in enumerate((0.01, 5.0)):
        np.testing.assert_allclose(both.coef_[k], wd.LinearRegression(decay).fit(X, Y[:, k]).coef_, rtol=1e-8)
    assert both.history_.weights.shape[1:] == (2, 3)


def test_a_centre_is_where_weights_go() -> None:
    """With much decay the update ends at the centre, in original units."""
    X, y = regression(50, 3)
    centre = np.array([1.0, -2.0, 0.5])
    model = descended(X, y, 1.5, centre=centre, learning_rate=0.3, epochs=2000)
    np.testing.assert_allclose(model.coef_, wd.LinearRegression(1.5, centre=centre).fit(X, y).coef_, rtol=1e-7)


def test_columns_beyond_squares_come_back_in_their_units() -> None:
    """History and coefficients of scaled columns are in the caller's units."""
    X, y = regression(30, 2)
    plain = descended(X, y, 0.1, learning_rate=0.1, epochs=30)
    huge = descended(X * [1e250, 1.0], y * 1e200, 0.1, learning_rate=0.1, epochs=30)
    np.testing.assert_allclose(huge.coef_ * [1e250, 1.0] / 1e200, plain.coef_, rtol=1e-9)
    np.testing.assert_allclose(huge.history_.weights[10] * [1e250, 1.0] / 1e200, plain.history_.weights[10], rtol=1e-9)


def test_divergence_is_said() -> None:
    """Too large a step: one warning, finite arrays, and a remedy."""
    X, y = regression(30, 3)
    with pytest.warns(ConvergenceWarning, match=r"diverged .* smaller learning_rate"):
        model = wd.LinearRegression(0.1, solver="gradient_descent", learning_rate=50.0, epochs=5000).fit(X, y)
    assert not model.history_.converged and np.isfinite(model.coef_).all()


def test_convergence_stops_early() -> None:
    """A met tolerance ends the epochs, without a warning."""
    X, y = regression(30, 3)
    model = wd.LinearRegression(1.0, solver="gradient_descent", learning_rate=0.3, epochs=10_000).fit(X, y)
    assert (
        model.history_.converged and len(model.history_.loss) < 2000 and model.n_iter_ == len(model.history_.loss) - 1
    )


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"learning_rate": 0.0}, "learning_rate=0.0: expected a positive number"),
        ({"epochs": 0}, "epochs=0: expected a whole number"),
        ({"epochs": 2.5}, "epochs=2.5: expected a whole number"),
        ({"decay": np.inf}, "cannot take infinite steps"),
    ],
)
def test_settings_that_cannot_run(settings: dict[str, Any], words: str) -> None:
    """One sentence each."""
    X, y = regression(30, 3)
    with pytest.raises(ValueError, match=words):
        wd.LinearRegression(**{"decay": 0.1, "solver": "gradient_descent", **settings}).fit(X, y)
