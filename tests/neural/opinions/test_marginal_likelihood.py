"""The evidence of networks: the linear engine's where a module is linear, Laplace's by dense algebra elsewhere."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
from scipy.special import gammaln  # noqa: E402
from sklearn.datasets import load_diabetes, load_digits, load_wine  # noqa: E402
from torch import nn  # noqa: E402

import weightdecay as wd  # noqa: E402
from neural.opinions.plain_newton import dense_gauss_newton, laplace, softmax_fit, trained  # noqa: E402
from weightdecay.neural.opinions import curvature  # noqa: E402
from weightdecay.neural.opinions.marginal import marginal_likelihood  # noqa: E402
from weightdecay.records.second_opinion import Evidence  # noqa: E402

Floats = NDArray[np.float64]

DECAYS = np.r_[np.logspace(-6, 3, 10), np.inf]


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Small products gain nothing by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def standardised() -> tuple[Floats, Floats]:
    X, y = load_diabetes(return_X_y=True)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def wide() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 90))
    return X, X[:, 0] + rng.standard_normal(40)


@pytest.mark.parametrize("data", [standardised, wide])
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("bias", [False, True])
def test_a_linear_module_has_the_linear_engines_evidence(data: Any, weighted: bool, bias: bool) -> None:
    """Whatever its weights were, at every λ from 0 to infinity, the constant included."""
    X, y = data()
    s = np.random.default_rng(1).uniform(0.0, 3.0, len(y)) * (np.arange(len(y)) % 7 > 0) if weighted else None
    found = marginal_likelihood(nn.Linear(X.shape[1], 1, bias=bias), X, y, DECAYS, sample_weight=s)
    engine = wd.LinearRegression(standardize=False, fit_intercept=bias)
    expected = wd.tune(engine, X, y, decays=DECAYS, cv=3, sample_weight=s).opinions["evidence"]
    np.testing.assert_allclose(found.values, expected, rtol=1e-9, atol=1e-9)
    assert found.structure == "exact"
    path = wd.path(engine, X, y, DECAYS, sample_weight=s)
    np.testing.assert_allclose(found.loss, path.train_loss, rtol=1e-6)
    np.testing.assert_allclose(found.df, path.df, rtol=1e-8, atol=1e-9)


def test_of_collinear_columns_of_unlike_lengths_too() -> None:
    rng = np.random.default_rng(3)
    X = rng.standard_normal((60, 8)) * 10.0 ** np.arange(-3, 5)
    X[:, 1] = X[:, 0]
    y = X[:, 0] * 1e3 + rng.standard_normal(60)
    decays = np.logspace(-2, 6, 9)
    found = marginal_likelihood(nn.Linear(8, 1), X, y, decays)
    expected = wd.tune(wd.LinearRegression(standardize=False), X, y, decays=decays, cv=3).opinions["evidence"]
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-7)


class Halves(nn.Module):
    """A decayed half of the columns, an undecayed one."""

    def __init__(self, p: int) -> None:
        super().__init__()
        self.cut, self.held, self.free = p // 2, nn.Linear(p // 2, 1, bias=False), nn.Linear(p - p // 2, 1)

    def forward(self, x: Any) -> Any:
        return self.held(x[:, : self.cut]) + self.free(x[:, self.cut :])


def test_exempt_weights_are_profiled_out_as_exempt_columns_are() -> None:
    X, y = standardised()
    p = X.shape[1]
    found = marginal_likelihood(Halves(p), X, y, DECAYS, exempt=["free.*"])
    engine = wd.LinearRegression(standardize=False, decay_weights=(np.arange(p) < p // 2).astype(float))
    expected = wd.tune(engine, X, y, decays=DECAYS, cv=3).opinions["evidence"]
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-9)


def test_dependent_exempt_weights_are_counted_by_their_rank() -> None:
    """Two biases that are one: the same evidence as with one of them."""

    class Twice(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.linear, self.more = nn.Linear(10, 1), nn.Parameter(torch.zeros(1))

        def forward(self, x: Any) -> Any:
            return self.linear(x) + self.more

    X, y = standardised()
    once = marginal_likelihood(nn.Linear(10, 1), X, y, DECAYS)
    twice = marginal_likelihood(Twice(), X, y, DECAYS, exempt=["linear.bias", "more"])
    np.testing.assert_allclose(twice.values, once.values, rtol=0, atol=1e-9)


def ridge_module(X: Floats, y: Floats, decay: float) -> nn.Module:
    """The closed formula of NumPy in a module."""
    Z, t = X - X.mean(axis=0), y - y.mean()
    w = np.linalg.solve(Z.T @ Z / len(y) + decay * np.eye(X.shape[1]), Z.T @ t / len(y))
    made = nn.Linear(X.shape[1], 1).double()
    with torch.no_grad():
        made.weight.copy_(torch.as_tensor(w)[None])
        made.bias.fill_(y.mean() - X.mean(axis=0) @ w)
    return made


def test_networks_trained_at_each_decay_may_be_given() -> None:
    X, y = standardised()
    decays = np.logspace(-3, 1, 5)
    found = marginal_likelihood(lambda decay: ridge_module(X, y, decay), X, y, decays)
    expected = wd.tune(wd.LinearRegression(standardize=False), X, y, decays=decays, cv=3).opinions["evidence"]
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-9)


def test_networks_that_are_at_no_mode_are_refused() -> None:
    X, y = standardised()
    with pytest.raises(ValueError, match=r"at decay=1 the weights given are not at a mode: .* \d+ % lower") as told:
        marginal_likelihood(lambda decay: ridge_module(X, 0.2 * y, decay), X, y, [1.0])
    assert "one network in place of a callable" in str(told.value)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("exempt", [None, "auto"])
def test_softmax_has_laplaces_evidence(exempt: Any, weighted: bool) -> None:
    """Three classes; the GGN of a linear module is its Hessian."""
    X, y = load_wine(return_X_y=True)
    X = (X - X.mean(axis=0)) / X.std(axis=0)
    n, p = X.shape
    s = np.random.default_rng(2).uniform(0.5, 2.0, n) if weighted else np.ones(n)
    ones, decayed = np.column_stack([X, np.ones(n)]), np.r_[np.ones(p), float(exempt is None)]
    decays, expected = np.logspace(-3, 1, 5), []
    for decay in decays:
        _, H, value = softmax_fit(ones, np.eye(3)[y], s, decay, decayed)
        expected.append(laplace(value, H, decay, np.tile(decayed > 0, 3), n))
    weight = s if weighted else None
    found = marginal_likelihood(nn.Linear(p, 3), X, y, decays, loss="log-loss", exempt=exempt, sample_weight=weight)
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-8)
    assert np.isnan(found.noise).all()
    scaled = marginal_likelihood(nn.Linear(p, 3), X, y, decays, loss="log-loss", exempt=exempt, sample_weight=5 * s)
    np.testing.assert_allclose(scaled.values, found.values, rtol=0, atol=1e-10)


def test_one_logit_has_laplaces_evidence() -> None:
    """Two classes: a softmax of (0, f)."""
    X, y = load_wine(return_X_y=True)
    X, y = (X[y < 2] - X[y < 2].mean(axis=0)) / X[y < 2].std(axis=0), y[y < 2]
    n, p = X.shape
    ones, decayed = np.column_stack([X, np.ones(n)]), np.r_[np.ones(p), 0.0]
    expected, decays = [], np.logspace(-3, 1, 4)
    for decay in decays:
        # Of two classes w = 2 W_1 and ‖w‖² = 2 ‖W‖²: the same J at half of λ.
        W, _, value = softmax_fit(ones, np.eye(2)[y], np.ones(n), 2 * decay, decayed)
        chance = 1 / (1 + np.exp(-ones @ (W[1] - W[0])))
        H = ones.T @ ((chance * (1 - chance))[:, None] * ones) / n
        expected.append(laplace(value, H, decay, decayed > 0, n))
    found = marginal_likelihood(nn.Linear(p, 1), X, y, decays, loss="log-loss")
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-8)


def test_a_loss_of_the_callers_own() -> None:
    """Poisson regression, by NumPy's Newton method."""
    rng = np.random.default_rng(5)
    X = rng.standard_normal((80, 3))
    y = rng.poisson(np.exp(0.5 * X[:, 0] + 0.2)).astype(float)
    ones, P = np.column_stack([X, np.ones(80)]), np.diag([1.0, 1, 1, 0])
    expected, decays = [], [0.01, 0.1, 1.0]
    for decay in decays:
        w = np.zeros(4)
        for _ in range(50):
            m = np.exp(ones @ w)
            H = ones.T @ (m[:, None] * ones) / 80
            w = w - np.linalg.solve(H + decay * P, ones.T @ (m - y) / 80 + decay * P @ w)
        value = float((np.exp(ones @ w) - y * (ones @ w) + gammaln(y + 1)).mean() + 0.5 * decay * w @ P @ w)
        expected.append(laplace(value, H, decay, np.array([True, True, True, False]), 80))

    def poisson(f: Any, y: Any) -> Any:
        return f[:, 0].exp() - y * f[:, 0] + torch.lgamma(y + 1)

    found = marginal_likelihood(nn.Linear(3, 1), X, y, decays, loss=poisson)
    np.testing.assert_allclose(found.values, expected, rtol=0, atol=1e-9)
    with pytest.raises(ValueError, match="convex"):
        marginal_likelihood(nn.Linear(3, 1), X, y, decays, loss=lambda f, y: -((f[:, 0] - y) ** 2))
    with pytest.raises(ValueError, match=r"gave \(\) for \d+ rows"):
        marginal_likelihood(nn.Linear(3, 1), X, y, decays, loss=lambda f, y: ((f[:, 0] - y) ** 2).mean())


def tanh_net(seed: int = 0, p: int = 3, k: int = 1) -> nn.Module:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(p, 5), nn.Tanh(), nn.Linear(5, k)).double()


def curved() -> tuple[Floats, Floats]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((70, 3))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] * X[:, 2] + 0.3 * rng.standard_normal(70)


@pytest.mark.parametrize("exempt", [None, "auto"])
def test_a_network_of_tanh_has_laplaces_evidence(exempt: Any) -> None:
    """At weights that L-BFGS and dense Newton steps of plain torch have found, by dense determinants."""
    X, y = curved()
    x, target = torch.as_tensor(X), torch.as_tensor(y)[:, None]
    for decay in (0.001, 0.004):
        held = [exempt is None or name.endswith("weight") for name, _ in tanh_net().named_parameters()]
        by_name = {name: decay * one for (name, _), one in zip(tanh_net().named_parameters(), held, strict=True)}
        model = trained(tanh_net(), lambda m: 0.5 * (m(x) - target).square().mean(), by_name.get)
        decayed = np.concatenate([np.full(one.numel(), at) for one, at in zip(model.parameters(), held, strict=True)])
        penalty = sum(
            0.5 * by_name[name] * float(one.detach().square().sum()) for name, one in model.named_parameters()
        )
        J = 0.5 * float((model(x) - target).detach().square().mean()) + penalty
        rank = int((~decayed).sum())
        fit = 0.5 * (70 - rank) / 70 * np.log(2 * J)
        expected = laplace(fit, dense_gauss_newton(model, x), decay, decayed, 70)
        for given in (model, lambda decay, model=model: model):
            found = marginal_likelihood(given, X, y, [decay], exempt=exempt)
            np.testing.assert_allclose(found.values, [expected], rtol=0, atol=1e-8)
        np.testing.assert_allclose(found.noise, 2 * J * 70 / (70 - rank), rtol=1e-9)


def test_the_model_and_the_random_numbers_are_left_as_they_are() -> None:
    X, y = curved()
    model = tanh_net().float().train()
    before = {name: one.clone() for name, one in model.state_dict().items()}
    drawn = torch.get_rng_state()
    marginal_likelihood(model, X, y, [0.01, 0.1])
    assert all(torch.equal(before[name], one) for name, one in model.state_dict().items())
    assert torch.equal(drawn, torch.get_rng_state())
    assert model.training and all(one.grad is None for one in model.parameters())


def test_the_evidence_at_a_decay_does_not_depend_on_the_others_asked_for() -> None:
    X, y = curved()
    together = marginal_likelihood(tanh_net(), X, y, [0.01, 0.1])
    alone = [marginal_likelihood(tanh_net(), X, y, decay).values[0] for decay in (0.01, 0.1)]
    np.testing.assert_allclose(together.values, alone, rtol=0, atol=1e-8)


def test_random_vectors_estimate_the_determinant_within_their_error() -> None:
    """Of a network of 444 decayed numbers, biases profiled out; all of λ from one recurrence."""
    X, y = load_digits(return_X_y=True)
    X, y = X[:120] / 8 - 1, y[:120]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(64, 6), nn.Tanh(), nn.Linear(6, 10))
    decays = [0.003, 0.03, 0.3]
    exact = marginal_likelihood(model, X, y, decays, loss="log-loss")
    rough = marginal_likelihood(model, X, y, decays, loss="log-loss", structure="lanczos")
    assert (exact.structure, rough.structure) == ("exact", "lanczos")
    assert (rough.standard_error > 0).all() and (rough.standard_error < 0.05).all() and not exact.standard_error.any()
    np.testing.assert_allclose(rough.loss, exact.loss, rtol=1e-6)
    assert (np.abs(rough.values - exact.values) <= 4 * rough.standard_error).all()
    np.testing.assert_allclose(rough.df, exact.df, rtol=0.2)


def test_a_network_too_large_for_its_matrix_is_estimated(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = curved()
    exact = marginal_likelihood(tanh_net(), X, y, [0.1])
    monkeypatch.setattr(curvature, "SIDE", 20)
    rough = marginal_likelihood(tanh_net(), X, y, [0.1])
    assert rough.structure == "lanczos"
    assert abs(rough.values - exact.values)[0] <= 4 * rough.standard_error[0]
    monkeypatch.setattr(curvature, "SIDE", 3)
    with pytest.raises(ValueError, match="6 exempt numbers are too many"):
        marginal_likelihood(tanh_net(), X, y, [0.1])


def test_convolutions_and_indices_are_taken_too() -> None:
    rng = np.random.default_rng(0)
    images, y = rng.standard_normal((30, 1, 6, 6)), rng.integers(0, 3, 30)
    conv = nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 3))
    assert np.isfinite(marginal_likelihood(conv, images, y, [0.1], loss="log-loss").values).all()
    words = torch.as_tensor(rng.integers(0, 5, (30, 4)))
    table = nn.Sequential(nn.Embedding(5, 3), nn.Flatten(), nn.Linear(12, 3))
    assert np.isfinite(marginal_likelihood(table, words, y, [0.1], loss="log-loss", exempt=None).values).all()


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        (
            nn.Sequential(nn.Linear(3, 6), nn.LayerNorm(6), nn.Tanh(), nn.Linear(6, 1)),
            "as seen at '1'.*Antorán",
        ),
        (nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Linear(6, 1)), "depend on the other rows of the batch"),
        (nn.Sequential(nn.Linear(3, 6), nn.BatchNorm1d(6), nn.Linear(6, 1)).eval(), "seen at '0.weight'"),
        (nn.Sequential(nn.Linear(3, 6), nn.Dropout(0.5), nn.Linear(6, 1)), r"dropout.*model\.eval\(\)"),
    ],
)
def test_where_it_is_known_to_fail_it_refuses(model: nn.Module, sentence: str) -> None:
    X, y = curved()
    with pytest.raises(ValueError, match=sentence):
        marginal_likelihood(model, X, y, [0.1])


def test_dropout_at_rest_is_no_obstacle() -> None:
    X, y = standardised()
    model = nn.Sequential(nn.Dropout(0.5), nn.Linear(10, 1)).eval()
    np.testing.assert_allclose(
        marginal_likelihood(model, X, y, [0.1]).values, marginal_likelihood(nn.Linear(10, 1), X, y, [0.1]).values
    )


def test_kinks_are_noted_and_smooth_bends_are_not() -> None:
    X, y = curved()
    with torch.random.fork_rng():
        torch.manual_seed(0)
        kinked = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 1))
    assert "piecewise linear" in marginal_likelihood(kinked, X, y, [0.3]).notes[0]
    found = marginal_likelihood(kinked, X, y, [0.01])
    assert np.isfinite(found.values).all() and "piecewise linear" in found.notes[0]
    assert not marginal_likelihood(tanh_net(), X, y, [0.1]).notes
    assert not marginal_likelihood(nn.Linear(3, 1), X, y, [0.1]).notes


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"decays": [-1.0]}, "from 0 up"),
        ({"decays": []}, "one or more"),
        ({"loss": "hinge"}, "'mse', 'log-loss'"),
        ({"structure": "kfac"}, "'auto', 'exact' or 'lanczos'"),
        ({"y": np.zeros(5)}, "as many rows"),
        ({"y": np.zeros((70, 2))}, r"give y of \(n, 1\)"),
        ({"loss": "log-loss", "y": np.full(70, 2)}, "0 to 1"),
        ({"sample_weight": -np.ones(70)}, "sample_weight must be 70"),
        ({"model": nn.Tanh()}, "no trainable parameter"),
    ],
)
def test_what_cannot_be_used_is_told(change: dict[str, Any], sentence: str) -> None:
    X, y = curved()
    given: dict[str, Any] = {"model": nn.Linear(3, 1), "X": X, "y": y, "decays": [0.1], **change}
    with pytest.raises(ValueError, match=sentence):
        marginal_likelihood(**given)


def test_what_is_no_module_is_told() -> None:
    with pytest.raises(TypeError, match=r"must be a torch\.nn\.Module"):
        marginal_likelihood(lambda decay: "net", *curved(), [0.1])


def test_the_record_comes_back_from_json() -> None:
    X, y = standardised()
    found = marginal_likelihood(nn.Linear(10, 1), X, y, DECAYS)
    assert Evidence.from_json(found.to_json()) == found
    assert found.decay == found.decays[np.argmin(found.values)]
    assert "effective parameters" in repr(found)
