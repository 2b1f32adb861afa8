"""Losses: slopes and curvatures are derivatives, values are those of scikit-learn, digits survive far out."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.stats import poisson
from sklearn.metrics import log_loss, mean_poisson_deviance

from weightdecay.linear.losses import Logistic, Loss, Poisson, Softmax

Array = NDArray[np.float64]
N = 40


def case(loss: Loss) -> tuple[Array, Array]:
    """Targets and predictors (n, c)."""
    rng = np.random.default_rng(0)
    eta = 1.5 * rng.standard_normal((N, loss.outputs))
    if isinstance(loss, Softmax):
        return rng.integers(0, loss.outputs, N).astype(np.float64), eta
    return (rng.integers(0, 2, N) if isinstance(loss, Logistic) else rng.poisson(2.0, N)).astype(np.float64), eta


LOSSES = [Logistic(), Softmax(3), Softmax(5), Poisson()]


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_slopes_and_curvatures_are_derivatives(loss: Loss) -> None:
    """Central differences of values give slopes, those of slopes curvatures."""
    y, eta = case(loss)
    h, c = 1e-5, loss.outputs
    slope = loss.slope(y, eta[:, None].copy())[:, 0]
    bend = loss.curvature(y, eta.copy())
    for k in range(c):
        step = h * np.eye(c)[k]
        up, down = (loss.value(y, (eta + sign * step)[:, None])[:, 0] for sign in (1, -1))
        np.testing.assert_allclose(slope[:, k], (up - down) / (2 * h), atol=1e-9)
        up, down = (loss.slope(y, (eta + sign * step)[:, None].copy())[:, 0] for sign in (1, -1))
        np.testing.assert_allclose(bend[:, k], (up - down) / (2 * h), atol=1e-9)


@pytest.mark.parametrize("loss", LOSSES, ids=repr)
def test_the_constant_has_no_slope(loss: Loss) -> None:
    """The best model without columns, under weights."""
    y, _ = case(loss)
    s = np.random.default_rng(1).uniform(0.1, 2.0, N)
    flat = np.broadcast_to(loss.constant(y, s), (N, 1, loss.outputs)).copy()
    np.testing.assert_allclose(s @ loss.slope(y, flat)[:, 0], 0.0, atol=1e-12)


def test_values_are_those_of_scikit_learn() -> None:
    """Log-losses from probabilities, and half the deviance."""
    for loss in (Logistic(), Softmax(4)):
        y, eta = case(loss)
        found = log_loss(y, loss.mean(eta[:, None])[:, 0], labels=np.arange(max(2, loss.outputs)))
        assert loss.value(y, eta[:, None]).mean() == pytest.approx(found, rel=1e-12)
    y, eta = case(Poisson())
    deviance = mean_poisson_deviance(y, np.exp(eta[:, 0]))
    assert Poisson().reported * Poisson().value(y, eta[:, None]).mean() == pytest.approx(deviance, rel=1e-12)
    likelihood = poisson.logpmf(y, y) - poisson.logpmf(y, np.exp(eta[:, 0]))
    np.testing.assert_allclose(Poisson().value(y, eta[:, None])[:, 0], likelihood, atol=1e-12)


def test_digits_survive_where_rows_are_far_on_their_side() -> None:
    """Losses, slopes and curvatures at |η| = 40 keep relative digits or at least none that matter."""
    far = np.array([[[40.0]], [[-40.0]]])
    y = np.array([1.0, 0.0])
    np.testing.assert_allclose(Logistic().value(y, far)[:, 0], np.exp(-40.0), rtol=1e-12)
    assert np.abs(Logistic().slope(y, far.copy())).max() < 1e-16
    np.testing.assert_allclose(Logistic().curvature(y, far[:, 0])[:, 0, 0], np.exp(-40.0), rtol=1e-12)
    np.testing.assert_allclose(Logistic().mean(far)[0, 0], [np.exp(-40.0), 1.0], rtol=1e-12)
    two = np.array([[[0.0, 40.0]], [[40.0, 0.0]]])
    np.testing.assert_allclose(Softmax(2).slope(y, two.copy())[0, 0], [np.exp(-40.0), -np.exp(-40.0)], rtol=1e-12)


def test_two_classes_by_either_loss() -> None:
    """A softmax of (0, η) is the logistic loss of η."""
    y, eta = case(Logistic())
    both = np.concatenate([np.zeros_like(eta), eta], axis=1)
    np.testing.assert_allclose(Softmax(2).value(y, both[:, None]), Logistic().value(y, eta[:, None]), rtol=1e-12)
    np.testing.assert_allclose(Softmax(2).mean(both[:, None]), Logistic().mean(eta[:, None]), rtol=1e-12)
    np.testing.assert_allclose(
        Softmax(2).slope(y, both[:, None].copy())[:, 0, 1:], Logistic().slope(y, eta[:, None].copy())[:, 0], atol=1e-15
    )


def test_separation_is_seen() -> None:
    """All rows on their own side, or not."""
    y = np.array([1.0, 0.0, 1.0])
    assert Logistic().separated(y, np.array([[0.1], [-2.0], [3.0]]))
    assert not Logistic().separated(y, np.array([[0.1], [2.0], [3.0]]))
    assert not Logistic().separated(y, np.array([[0.0], [-2.0], [3.0]]))
    assert Softmax(3).separated(np.array([0.0, 2.0]), np.array([[1.0, 0.0, 0.5], [0.0, 1.0, 1.5]]))
    assert not Softmax(3).separated(np.array([0.0, 2.0]), np.array([[1.0, 1.0, 0.5], [0.0, 1.0, 1.5]]))
    assert not Poisson().separated(np.array([0.0, 1.0]), np.array([[-1.0], [-1.0]]))
