"""What a network is pulled to, how its rate moves, and what is measured of its module before it is trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
from sklearn.datasets import load_diabetes, load_wine  # noqa: E402
from torch import nn  # noqa: E402

import weightdecay as wd  # noqa: E402
from weightdecay.neural.network.measured import Fixed, Free, limit_at_zero, normalised_names  # noqa: E402
from weightdecay.neural.population.training import made  # noqa: E402

X, Y = load_wine(return_X_y=True)
SMALL: dict[str, Any] = {"epochs": 4, "batch_size": 32, "learning_rate": 0.01}
SAMPLE = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))


@pytest.fixture(autouse=True)
def one_thread() -> Any:
    """Small products gain nothing by threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def mlp(p: int, k: int) -> nn.Module:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(p, 5), nn.ReLU(), nn.Linear(5, k))


def flat(model: Any) -> Any:
    """All parameters of a fitted network as one row."""
    return torch.cat([one.detach().reshape(-1) for one in model.module_.parameters()])


def test_a_strong_decay_ends_at_the_centre() -> None:
    """λ = 1 a step in the independent form, at next to no learning rate."""
    settings: dict[str, Any] = {"form": "independent", "decay": 1.0, "epochs": 1, "learning_rate": 1e-30, "module": mlp}
    start = made(lambda: mlp(13, 3), 4).double()
    pretrained = {name: one + 1 for name, one in mlp(13, 3).double().state_dict().items()}
    head = {name: value for name, value in pretrained.items() if not name.startswith("2.")}
    for centre, first, last in (
        (None, torch.zeros(5, 13), torch.zeros(3, 5)),
        ("initial", start[0].weight, start[2].weight),
        (pretrained, pretrained["0.weight"], pretrained["2.weight"]),
        ({name: value.numpy() for name, value in head.items()}, pretrained["0.weight"], torch.zeros(3, 5)),
    ):
        model = wd.NetworkClassifier(centre=centre, random_state=4, **settings).fit(X, Y)
        torch.testing.assert_close(model.module_[0].weight.detach(), first.detach().double(), rtol=0, atol=1e-6)
        torch.testing.assert_close(model.module_[2].weight.detach(), last.detach().double(), rtol=0, atol=1e-6)
        torch.testing.assert_close(model.module_[0].bias, start[0].bias, rtol=0, atol=1e-6)


BAD: list[tuple[Any, str]] = [
    ("pretrained", "expected None, 'initial', or the weights to be pulled to as a dict"),
    (1.0, "expected None, 'initial'"),
    ({"0.weigth": np.zeros((5, 13))}, r"'0\.weigth', which is no parameter of the module.*0\.weight"),
    ({"0.weight": np.zeros((13, 5))}, r"shape \(13, 5\), the module's parameter \(5, 13\): leave out what belongs to"),
    ({"0.weight": np.full((5, 13), np.nan)}, r"centre\['0\.weight'\] holds a number that is not finite"),
    ({"0.weight": [["a"] * 13] * 5}, "holds something that is no number"),
]


@pytest.mark.parametrize("centre, sentence", BAD)
def test_a_centre_that_is_none_gets_a_sentence(centre: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        wd.NetworkClassifier(module=mlp, centre=centre, decay=0.1, epochs=1).fit(X, Y)


def test_a_state_dict_with_buffers_and_tied_names_is_a_centre() -> None:
    """Running statistics are no weights; of a parameter with two names either will do."""
    from weightdecay.neural.network.centre import centre_of

    module = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 4))
    module[2].weight = module[0].weight
    found = centre_of(module.state_dict(), module)
    assert set(found) == {"0.weight", "0.bias", "1.weight", "1.bias", "2.bias"}
    assert set(centre_of({"2.weight": np.ones((4, 4))}, module)) == {"0.weight"}


def test_schedule_and_centre_are_parameters_of_a_space_and_of_a_clone() -> None:
    from sklearn.base import clone

    network = wd.NetworkClassifier((6,), centre="initial", schedule="cosine", **SMALL)
    assert clone(network).get_params()["schedule"] == "cosine" and clone(network).get_params()["centre"] == "initial"
    tuning = wd.tune(network, X, Y, space={"schedule": ["constant", "linear"]}, decays=[0.0, 0.1], cv=3)
    for trial in tuning.trials:
        alone = wd.tune(clone(network).set_params(**trial.params), X, Y, decays=[0.0, 0.1], cv=3)
        assert trial.mean == pytest.approx(alone.mean[alone.best], rel=1e-6)
    assert len({trial.mean for trial in tuning.trials}) == 2
    with pytest.raises(ValueError, match="schedule='step' is not known"):
        wd.NetworkClassifier(schedule="step").fit(X, Y)


def test_decays_are_tried_where_they_act_in_the_time_that_a_schedule_leaves() -> None:
    """Half the mean rate is half the elapsed time: decays twice as large."""
    both = [
        wd.NetworkClassifier((4,), form="decoupled", schedule=schedule, epochs=100).open(X, Y).candidates()
        for schedule in ("constant", lambda x: 0.1 if x > 0 else 1.0)
    ]
    assert both[1][0] == pytest.approx(10 * both[0][0], rel=0.2)


class Gated(nn.Module):
    """A scalar, which is exempt, lets inputs through beside a matrix."""

    def __init__(self, p: int, k: int) -> None:
        super().__init__()
        self.matrix, self.gate = nn.Linear(p, k), nn.Parameter(torch.ones(1))

    def forward(self, x: Any) -> Any:
        """(n, p) → (n, k)."""
        return self.matrix(x) + self.gate * x[:, : self.matrix.out_features]


LIMITS: list[tuple[str, Any, Any, Any]] = [
    ("biases", mlp, {"0.bias", "2.bias"}, Free),
    ("the head's bias", mlp, {"2.bias"}, Free),
    ("a hidden bias", mlp, {"0.bias"}, Fixed),
    ("nobody", mlp, set(), Fixed),
    ("the first matrix", mlp, {"0.weight", "0.bias", "2.bias"}, Free),
    ("the head", mlp, {"2.weight", "2.bias"}, Free),
    ("both matrices", mlp, {"0.weight", "2.weight", "2.bias"}, type(None)),
    ("a gate", Gated, {"gate", "matrix.bias"}, type(None)),
    ("a gate that is decayed", Gated, {"matrix.bias"}, Free),
    ("a norm", lambda p, k: nn.Sequential(nn.LayerNorm(p), nn.Linear(p, k)), {"0.weight", "0.bias", "1.bias"}, Free),
]


@pytest.mark.parametrize("name, make, exempt, kind", LIMITS, ids=[one[0] for one in LIMITS])
def test_what_infinite_decay_leaves_is_seen_by_trying(name: str, make: Any, exempt: Any, kind: Any) -> None:
    found = limit_at_zero(lambda: made(lambda: make(6, 3), 0), frozenset(exempt), SAMPLE)
    assert type(found) is kind
    if kind is Fixed:
        np.testing.assert_array_equal(found.outputs, np.zeros(3))


def test_infinite_decay_of_a_network_that_sees_inputs_all_the_same() -> None:
    """Held out and on all rows: the gate and the bias are trained, which says more than the best constant."""
    rows, target = load_diabetes(return_X_y=True)
    target = target + 400 * rows[:, 0]
    settings: dict[str, Any] = {"epochs": 60, "batch_size": 64, "learning_rate": 0.02}
    splits = [(np.arange(300), np.arange(300, len(target)))]
    tuning = wd.tune(wd.NetworkRegressor(module=Gated, cv=splits, **settings), rows, target, decays=[0.01, np.inf])
    x_mean, x_scale = rows[:300].mean(axis=0), rows[:300].std(axis=0)
    z, y = ((rows - x_mean) / x_scale)[:, 0], (target - target[:300].mean()) / target[:300].std()
    slope = (z[:300] @ y[:300]) / (z[:300] @ z[:300])
    loss = ((y[300:] - slope * z[300:]) ** 2).mean() * target[:300].var()
    assert tuning.losses[0, 1] == pytest.approx(loss, rel=0.02) and tuning.status[0, 1] == "torch.func"
    model = wd.NetworkRegressor(module=Gated, decay=np.inf, **settings).fit(rows, target)
    assert model.n_iter_ == 60 and float(model.module_.matrix.weight.detach().abs().max()) == 0.0
    assert float(model.module_.gate.detach()) == pytest.approx(np.corrcoef(rows[:, 0], target)[0, 1], abs=0.05)
    path = wd.path(wd.NetworkRegressor(module=Gated, **settings), rows, target, [0.01, np.inf])
    assert path.coef[1, 0] == 0.0 and path.status == ("torch.func", "torch.func")


def test_infinite_decay_is_the_best_constant_where_a_bias_is_free_and_nothing_where_it_is_not() -> None:
    share = np.bincount(Y) / len(Y)
    free = wd.NetworkClassifier((5,), decay=np.inf, epochs=2).fit(X, Y)
    np.testing.assert_allclose(free.predict_proba(X), np.tile(share, (len(Y), 1)), rtol=1e-12)
    none = wd.NetworkClassifier((5,), decay=np.inf, epochs=2, exempt=None).fit(X, Y)
    np.testing.assert_allclose(none.predict_proba(X), 1 / 3, rtol=1e-12)
    centred = wd.NetworkClassifier((5,), decay=np.inf, centre="initial", random_state=2, **SMALL).fit(X, Y)
    start = made(lambda: mlp(13, 3), 2).double()
    torch.testing.assert_close(centred.module_[0].weight, start[0].weight, rtol=0, atol=1e-7)
    assert not torch.allclose(centred.module_[2].bias, start[2].bias)


NORMALISED: list[tuple[str, Any, set[str]]] = [
    ("none", lambda: mlp(6, 3), set()),
    (
        "layer norm",
        lambda: nn.Sequential(nn.Linear(6, 8, bias=False), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 3)),
        {"0.weight"},
    ),
    (
        "batch norm",
        lambda: nn.Sequential(
            nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8), nn.Linear(8, 3)
        ),
        {"0.weight", "2.weight"},  # rectifiers pass on the length of (W, b), which the normalisation then takes away
    ),
    (
        "batch norm behind a bend",
        lambda: nn.Sequential(
            nn.Linear(6, 8), nn.Tanh(), nn.Linear(8, 8, bias=False), nn.BatchNorm1d(8), nn.Linear(8, 3)
        ),
        {"2.weight"},
    ),
]


@pytest.mark.parametrize("name, make, names", NORMALISED, ids=[one[0] for one in NORMALISED])
def test_layers_that_feed_a_normalisation_are_measured(name: str, make: Any, names: set[str]) -> None:
    assert normalised_names(made(make, 0), SAMPLE) == names


def test_corrected_differs_from_decoupled_in_normalised_layers_alone() -> None:
    """At a rate of next to nothing a step of the schedule's half takes λη/4 of what is normalised, λη/2 of others."""

    def module(p: int, k: int) -> nn.Module:
        return nn.Sequential(nn.Linear(p, 8, bias=False), nn.LayerNorm(8), nn.Linear(8, k))

    start, left = made(lambda: module(13, 3), 0).double(), {}
    for form in ("decoupled", "corrected"):
        settings: dict[str, Any] = {"form": form, "decay": 0.4e6, "learning_rate": 1e-6, "schedule": lambda x: 0.5}
        model = wd.NetworkClassifier(module=module, epochs=1, batch_size=178, **settings).fit(X, Y)
        left[form] = [float((model.module_[n].weight / start[n].weight).detach().median()) for n in (0, 2)]
    assert left["decoupled"] == pytest.approx([0.8, 0.8], abs=1e-4)
    assert left["corrected"] == pytest.approx([0.9, 0.8], abs=1e-4)
