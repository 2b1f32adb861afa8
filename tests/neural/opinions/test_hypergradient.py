"""The slope of a held-out loss by log λ, against differences of exact curves and of networks trained again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
from sklearn.datasets import load_diabetes, load_wine  # noqa: E402
from torch import nn  # noqa: E402

import weightdecay as wd  # noqa: E402
from neural.opinions.plain_newton import softmax_fit, trained  # noqa: E402
from weightdecay.neural.opinions import curvature  # noqa: E402
from weightdecay.neural.opinions.hypergradient import hypergradient  # noqa: E402
from weightdecay.records.second_opinion import Hypergradient  # noqa: E402

Floats = NDArray[np.float64]


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Small products gain nothing by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def slope(curve: Callable[[Floats], Floats], decay: float, h: float = 0.02) -> float:
    """d curve/d log λ by four points, whose error is of order h⁴."""
    one = curve(decay * np.exp(h * np.array([-2.0, -1.0, 1.0, 2.0])))
    return float((one[0] - 8 * one[1] + 8 * one[2] - one[3]) / (12 * h))


def linear(W: Floats, b: Floats) -> nn.Module:
    made = nn.Linear(W.shape[1], len(W)).double()
    with torch.no_grad():
        made.weight.copy_(torch.as_tensor(W))
        made.bias.copy_(torch.as_tensor(b))
    return made


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("decay", [0.003, 0.3, 20.0])
def test_a_linear_module_has_the_slope_of_the_linear_engines_curve(decay: float, weighted: bool) -> None:
    X, y = load_diabetes(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    rows = np.arange(len(y))
    train, test = rows[rows % 4 > 0], rows[rows % 4 == 0]
    s = np.random.default_rng(0).uniform(0.5, 2, len(y)) if weighted else np.ones(len(y))
    engine = wd.LinearRegression(standardize=False)
    share = s.sum() / s[train].sum()  # folds share Λ

    def curve(decays: Floats) -> Floats:
        given = {"decays": decays / share, "cv": [(train, test)], "sample_weight": s}
        return np.asarray(wd.tune(engine, X, y, **given).mean)

    fitted = wd.LinearRegression(decay=decay, standardize=False).fit(X[train], y[train], s[train])
    model = linear(fitted.coef_[None], np.array([fitted.intercept_]))
    found = hypergradient(
        model, X[train], y[train], X[test], y[test], decay, sample_weight=s[train], weight_val=s[test]
    )
    expected = slope(curve, decay)
    assert abs(found.slope - expected) <= 1e-6 * max(abs(expected), 1e-2 * found.loss)
    np.testing.assert_allclose(found.loss, curve(np.array([decay]))[0], rtol=1e-10)


def test_a_softmax_has_the_slope_of_its_curve() -> None:
    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    ones, p = np.column_stack([X, np.ones(len(y))]), X.shape[1]
    train, test = np.arange(len(y)) % 3 > 0, np.arange(len(y)) % 3 == 0
    decayed = np.r_[np.ones(p), 0.0]

    def fit(decay: float) -> Floats:
        return softmax_fit(ones[train], np.eye(3)[y[train]], np.ones(train.sum()), decay, decayed)[0]

    def curve(decays: Floats) -> Floats:
        F = np.stack([ones[test] @ fit(decay).T for decay in decays])
        logs = F - np.log(np.exp(F).sum(axis=-1, keepdims=True))
        return np.asarray(-logs[:, np.arange(test.sum()), y[test]].mean(axis=1))

    W = fit(0.02)
    model = linear(W[:, :p], W[:, p])
    found = hypergradient(model, X[train], y[train], X[test], y[test], 0.02, loss="log-loss")
    np.testing.assert_allclose(found.slope, slope(curve, 0.02), rtol=1e-6)


def curved(n: int = 70, seed: int = 0) -> tuple[Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, 3))
    y = np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * rng.standard_normal(n)
    return torch.as_tensor(X), torch.as_tensor(y)


def net(seed: int = 0) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(3, 5), nn.Tanh(), nn.Linear(5, 1)).double()


def minimum(model: nn.Module, first: float, last: float) -> nn.Module:
    """Trained by plain torch with λ of its own for each layer's weights."""
    x, y = curved()
    decays = {"0.weight": first, "2.weight": last}
    return trained(model, lambda m: 0.5 * (m(x)[:, 0] - y).square().mean(), lambda name: decays.get(name, 0.0))


def test_a_network_has_the_slopes_of_networks_trained_again() -> None:
    """In float64, to a gradient of 1e-13, from the minimum at the λ asked about; one λ, and one for each layer."""
    (x, y), (x_val, y_val) = curved(), curved(50, 1)
    model = minimum(net(), 0.02, 0.02)
    base = {name: one.clone() for name, one in model.state_dict().items()}

    def curve(first: Any, last: Any) -> Callable[[Floats], Floats]:
        def losses(decays: Floats) -> Floats:
            found = []
            for decay in decays:
                again = net()
                again.load_state_dict(base)
                minimum(again, first(decay), last(decay))
                found.append(float((again(x_val)[:, 0] - y_val).detach().square().mean()))
            return np.array(found)

        return losses

    same, fixed = (lambda decay: decay), (lambda decay: 0.02)
    one = hypergradient(model, x, y, x_val, y_val, 0.02)
    np.testing.assert_allclose(one.slope, slope(curve(same, same), 0.02), rtol=1e-5)
    groups = {"first": "0.*", "last": ["2.weight"]}
    two = hypergradient(model, x, y, x_val, y_val, {"first": 0.02, "last": 0.02}, groups=groups)
    expected = [slope(curve(same, fixed), 0.02), slope(curve(fixed, same), 0.02)]
    np.testing.assert_allclose(two.slopes, expected, rtol=1e-5)
    np.testing.assert_allclose(two.slope, one.slope, rtol=1e-7)
    rest = hypergradient(model, x, y, x_val, y_val, 0.02, groups={"first": "0.*"})
    assert rest.names == ("first", "others")
    np.testing.assert_allclose(rest.slopes, two.slopes, rtol=1e-7)


def test_without_the_gauss_newton_matrix_the_slope_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    (x, y), (x_val, y_val) = curved(), curved(50, 1)
    model = minimum(net(), 0.02, 0.02)
    near = hypergradient(model, x, y, x_val, y_val, 0.02)
    monkeypatch.setattr(curvature, "SIDE", 5)
    far = hypergradient(model, x, y, x_val, y_val, 0.02)
    np.testing.assert_allclose(far.slope, near.slope, rtol=1e-6)
    assert far.iterations > near.iterations


def test_weights_that_are_at_no_stationary_point_are_refused() -> None:
    (x, y), (x_val, y_val) = curved(), curved(50, 1)
    model = minimum(net(), 0.02, 0.02)
    hypergradient(model, x, y, x_val, y_val, 0.02)
    with torch.no_grad():
        model[0].weight.mul_(1.03)
    with pytest.raises(ValueError, match=r"not at a stationary point of J: ‖∇J‖ is .* of their length"):
        hypergradient(model, x, y, x_val, y_val, 0.02)


def test_a_saddle_is_refused() -> None:
    """A network of zeros: its gradient is 0 and its Hessian has both signs."""
    (x, y), (x_val, y_val) = curved(), curved(50, 1)
    model = net()
    y = y + 3 * x[:, 0]
    with torch.no_grad():
        for one in model.parameters():
            one.zero_()
        model[2].bias.fill_(float(y.mean()))
    with pytest.raises(ValueError, match="indefinite"):
        hypergradient(model, x, y, x_val, y_val, 0.01, exempt=["2.bias"])


def test_a_singular_hessian_is_refused() -> None:
    """Without rows in some direction, and exempt there."""
    x = torch.zeros(6, 2, dtype=torch.float64)
    x[:, 0] = torch.arange(6.0)
    y = x[:, 0].clone()
    model = linear(np.array([[1.0, 0.5]]), np.zeros(1))
    with pytest.raises(ValueError, match="singular"):
        hypergradient(model, x, y, torch.randn(5, 2).double(), y[:5], 0.1, exempt=["weight"], groups={"b": "bias"})


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (nn.Sequential(nn.Linear(3, 6), nn.LayerNorm(6), nn.Linear(6, 1)), "length of weights"),
        (nn.Sequential(nn.Linear(3, 6), nn.Dropout(), nn.Linear(6, 1)), "dropout"),
    ],
)
def test_where_it_is_known_to_fail_it_refuses(model: nn.Module, sentence: str) -> None:
    x, y = curved()
    with pytest.raises(ValueError, match=sentence):
        hypergradient(model, x, y, x, y, 0.1)


@pytest.mark.parametrize(
    ("decay", "groups", "sentence"),
    [
        (0.0, None, "positive number"),
        ({"a": 0.1}, None, "one λ for each"),
        (0.1, {"a": "9.*"}, "holds no decayed parameter"),
        (0.1, {"a": "*.bias"}, "holds no decayed parameter"),
    ],
)
def test_what_cannot_be_used_is_told(decay: Any, groups: Any, sentence: str) -> None:
    x, y = curved()
    with pytest.raises(ValueError, match=sentence):
        hypergradient(net(), x, y, x, y, decay, groups=groups)


def test_the_record_comes_back_from_json_and_speaks() -> None:
    x, y = curved()
    found = hypergradient(minimum(net(), 0.02, 0.02), x, y, *curved(50, 1), 0.02, groups={"first": "0.*"})
    assert Hypergradient.from_json(found.to_json()) == found
    assert "decay would lower it" in repr(found) and "others" in repr(found)
