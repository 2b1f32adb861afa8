"""The evidence of networks that a tuning has trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from sklearn.datasets import load_diabetes  # noqa: E402
from torch import nn  # noqa: E402

import weightdecay as wd  # noqa: E402
from weightdecay.neural.network.estimators import NetworkClassifier, NetworkRegressor  # noqa: E402
from weightdecay.neural.opinions import of_networks  # noqa: E402
from weightdecay.neural.opinions.of_networks import opinions_of, penalty_share  # noqa: E402

DECAYS = np.array([0.003, 0.03, 0.3, 3.0])


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Small products gain nothing by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def linear(n_inputs: int, n_outputs: int) -> nn.Module:
    return nn.Linear(n_inputs, n_outputs)


def smooth(n_inputs: int, n_outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(n_inputs, 6), nn.Tanh(), nn.Linear(6, n_outputs))


def normalised(n_inputs: int, n_outputs: int) -> nn.Module:
    return nn.Sequential(nn.Linear(n_inputs, 6), nn.LayerNorm(6), nn.Linear(6, n_outputs))


LONG: dict[str, Any] = {"optimizer": "sgd", "form": "coupled", "learning_rate": 0.05, "epochs": 400, "batch_size": 442}


def opinion(decays: Any = DECAYS, kind: Any = NetworkRegressor, y: Any = None, **settings: Any) -> dict[str, Any]:
    X, target = load_diabetes(return_X_y=True)
    estimator = kind(**{**LONG, **settings})
    return dict(opinions_of(estimator.open(X, target if y is None else y), np.asarray(decays)))


@pytest.mark.parametrize(
    ("settings", "share"),
    [({}, 1.0), ({"form": "decoupled"}, 0.1), ({"form": "independent", "learning_rate": 0.05}, 2.0)],
)
def test_of_a_linear_module_it_is_the_linear_engines(settings: dict[str, Any], share: float) -> None:
    """At the λ of the penalty that the form amounts to: SGD has momentum 0.9."""
    X, y = load_diabetes(return_X_y=True)
    found = opinion(np.r_[0.0, DECAYS / share, np.inf], module=linear, **settings)["evidence"]
    expected = wd.tune(wd.LinearRegression(), X, y, decays=DECAYS, cv=3).opinions["evidence"]
    np.testing.assert_allclose(found[1:-1], expected, rtol=0, atol=1e-6)
    assert np.isnan(found[[0, -1]]).all()


def test_of_a_small_network_it_is_a_curve() -> None:
    found = opinion(module=smooth, epochs=1500)["evidence"]
    assert np.isfinite(found[1:]).all() and found[-1] > found[1]


def test_of_classes_too() -> None:
    y = np.digitize(load_diabetes().target, [100, 180])
    found = opinion(module=linear, kind=NetworkClassifier, y=y)["evidence"]
    assert np.isfinite(found[1:]).all()


@pytest.mark.parametrize(
    "settings",
    [
        {"form": "decoupled", "optimizer": "adam"},
        {"form": "cautious"},
        {"l1_ratio": 0.5},
        {"early_stopping": True},
        {"hidden": (6,), "module": None, "dropout": 0.2},
        {"module": normalised},
        {"epochs": 1},
    ],
    ids=" ".join,
)
def test_where_it_says_nothing_it_is_absent(settings: dict[str, Any]) -> None:
    assert opinion(**{"module": smooth, "epochs": 20, **settings}) == {}


def test_a_price_above_that_of_the_tuning_is_not_paid(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(of_networks, "SMALL", 0.0)
    assert opinion(module=linear, epochs=3) == {}
    assert "evidence" in opinion(module=linear)


def test_the_share_of_a_form() -> None:
    X, y = load_diabetes(return_X_y=True)
    problem = NetworkRegressor(optimizer="sgd", form="independent", learning_rate=0.01).open(X, y)
    assert penalty_share(problem) == pytest.approx(10.0)
