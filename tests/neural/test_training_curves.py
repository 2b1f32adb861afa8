"""Curves of a tuning of networks are those of plain torch networks, trained on the folds one by one."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import weightdecay as wd  # noqa: E402

Array = NDArray[np.float64]
EPOCHS, RATE, SEED = 12, 0.02, 3


def net(n_inputs: int, n_outputs: int) -> nn.Module:
    """One hidden layer."""
    return nn.Sequential(nn.Linear(n_inputs, 6), nn.Tanh(), nn.Linear(6, n_outputs))


def rows(classes: bool) -> tuple[Array, Any, Array]:
    """Inputs, targets and weights, some of them 0."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4)) * [1, 10, 0.1, 3] + 2
    y = X[:, 0] + 0.1 * X[:, 1] ** 2 + rng.standard_normal(60)
    weight = rng.integers(0, 4, 60).astype(float)
    return X, (np.digitize(y, np.quantile(y, [0.3, 0.7])) if classes else 50.0 * y + 7.0), weight


def folds() -> list[tuple[Any, Any]]:
    """Three folds of different sizes."""
    order = np.random.default_rng(1).permutation(60)
    return [(np.setdiff1d(np.arange(60), part), np.sort(part)) for part in (order[:10], order[10:25], order[25:])]


def alone(given: tuple[Array, Any, Array], fold: tuple[Any, Any], decay: float) -> tuple[Array, Array, Array]:
    """Training loss, held-out loss and norms per epoch of a plain torch network, full batches, in double precision."""
    X, y, weight = given
    train, test = fold
    s = weight[train] / weight[train].sum()
    mean = s @ X[train]
    Z = torch.as_tensor((X - mean) / np.sqrt(s @ (X[train] - mean) ** 2))
    if y.dtype.kind == "f":
        centre = s @ y[train]
        target: Any = torch.as_tensor((y - centre) / math.sqrt(s @ (y[train] - centre) ** 2))[:, None]
    else:
        target = torch.as_tensor(y)
    torch.manual_seed(SEED)
    module = net(4, 1 if y.dtype.kind == "f" else 3).double()
    weights = [one for one in module.parameters() if one.ndim > 1]
    others = [one for one in module.parameters() if one.ndim == 1]
    groups: list[dict[str, Any]] = [{"params": weights, "weight_decay": decay}, {"params": others, "weight_decay": 0.0}]
    optimiser = torch.optim.AdamW(groups, lr=RATE)

    def loss(part: Any) -> Any:
        out, share = module(Z[part]), torch.as_tensor(weight[part] / weight[part].sum())
        if y.dtype.kind == "f":
            return (share * 0.5 * ((out - target[part]) ** 2).sum(1)).sum()
        return (share * nn.functional.cross_entropy(out, target[part], reduction="none")).sum()

    def norms() -> list[float]:
        return [one.norm().item() for one in weights]

    used = train[weight[train] > 0]
    training, held_out, sizes = [loss(used).item()], [loss(test).item()], [norms()]
    for _ in range(EPOCHS):
        optimiser.zero_grad()
        value = loss(used)
        value.backward()
        optimiser.step()
        training.append(value.item())
        held_out.append(loss(test).item())
        sizes.append(norms())
    return np.array(training), np.array(held_out), np.array(sizes)


def tuned(classes: bool, **settings: Any) -> wd.Tuning:
    """Tuned on the folds, in full batches."""
    X, y, weight = rows(classes)
    kind = wd.NetworkClassifier if classes else wd.NetworkRegressor
    model = kind(module=net, epochs=EPOCHS, batch_size=100, learning_rate=RATE, random_state=SEED, **settings)
    return wd.tune(model, X, y, decays=[0.1, 1.0, 20.0], cv=folds(), sample_weight=weight)


@pytest.mark.parametrize("classes", [False, True])
def test_curves_are_those_of_networks_trained_alone(classes: bool) -> None:
    record, given = tuned(classes), rows(classes)
    known = record.training
    assert known is not None and known.networks == 3 * 5  # no decay and torch's default beside the three
    assert {0.0, record.decay} <= {one.decay for one in known.histories}
    shares = np.array([given[2][test].sum() for _, test in folds()])
    shares /= shares.sum()
    for one, error in zip(known.histories, known.errors, strict=True):
        each = [alone(given, fold, one.decay) for fold in folds()]
        training, held_out, norms = (np.array(part) for part in zip(*each, strict=True))
        np.testing.assert_allclose(one.loss, shares @ training, rtol=1e-4)
        np.testing.assert_allclose(one.held_out, shares @ held_out, rtol=1e-4)
        np.testing.assert_allclose(one.weights, np.einsum("f,fen->en", shares, norms), rtol=1e-4)
        least = int(np.argmin(shares @ held_out))
        assert one.least == least and one.columns == ("0.weight", "2.weight")
        rise = held_out[:, -1] - held_out[:, least]
        spread = math.sqrt(shares @ (rise - shares @ rise) ** 2 / 2)
        assert error == pytest.approx(spread, rel=1e-3, abs=1e-6)


def test_the_last_held_out_loss_is_that_of_the_curve() -> None:
    record = tuned(classes=True)
    assert record.history is not None and record.training is not None and record.training.loss == record.scoring
    for one in record.training.histories:
        at = np.flatnonzero(record.decays == one.decay)
        expected = record.mean[at[0]] if len(at) else record.reference("no decay").mean
        assert one.held_out[-1] == pytest.approx(expected, rel=1e-5)


def test_what_is_known_of_training_is_what_was_asked_for() -> None:
    known = tuned(classes=False, form="independent").training
    assert known is not None
    assert (known.optimizer, known.form, known.epochs, known.batch_size) == ("adam", "independent", EPOCHS, 100)
    assert (known.learning_rate, known.dropout, known.steps) == (RATE, 0.0, EPOCHS)
    assert (known.pace, known.timescales) == (1.0, EPOCHS) and not known.early_stopping
    for form, optimizer, l1_ratio, pace in (
        ("decoupled", "adam", 0.0, RATE),
        ("cautious", "adam", 0.0, RATE),
        ("decoupled", "sgd", 0.25, 0.75 * RATE),
        ("coupled", "sgd", 0.0, RATE / 0.1),  # momentum 0.9
        ("coupled", "adam", 0.0, math.nan),
        ("decoupled", "adam", 1.0, math.nan),
    ):
        known = tuned(classes=False, form=form, optimizer=optimizer, l1_ratio=l1_ratio).training
        assert known is not None and known.pace == pytest.approx(pace, nan_ok=True)
        assert known.timescales == pytest.approx(EPOCHS * pace, nan_ok=True)


@pytest.mark.parametrize(("schedule", "share"), [("linear", 0.5), ("cosine", 0.5), (lambda x: 1.0 - 0.4 * x, 0.8)])
def test_a_schedule_shortens_a_run_in_timescales(schedule: Any, share: float) -> None:
    known = tuned(classes=False, schedule=schedule).training
    assert known is not None and known.pace == RATE
    assert known.timescales == pytest.approx(share * RATE * EPOCHS, rel=0.1)


@pytest.mark.parametrize(("optimizer", "form"), [("adam", "decoupled"), ("sgd", "coupled")])
def test_a_timescale_is_the_time_in_which_decay_takes_63_percent(optimizer: str, form: str) -> None:
    """Weights without gradients, in plain torch: after as many timescales e to the minus that is left."""
    weight = nn.Parameter(torch.ones(3, dtype=torch.float64))
    decay, steps = 0.05, 4000
    kind = torch.optim.AdamW if optimizer == "adam" else torch.optim.SGD
    more = {} if optimizer == "adam" else {"momentum": 0.9}
    optimiser = kind([weight], lr=RATE, weight_decay=decay, **more)
    for _ in range(steps):
        weight.grad = torch.zeros_like(weight)
        optimiser.step()
    known = tuned(classes=False, form=form, optimizer=optimizer).training
    assert known is not None
    left = math.exp(-known.pace * decay * steps)
    np.testing.assert_allclose(weight.detach().numpy(), left, rtol=0.03 * known.pace * decay * steps)


def test_records_with_curves_come_back() -> None:
    record = tuned(classes=False)
    back = wd.Tuning.from_json(record.to_json())
    assert back == record and back.training == record.training
    assert {one.code for one in back.findings} == {one.code for one in record.findings}


def test_curves_are_of_the_folds_of_the_tuning_whatever_is_asked_first() -> None:
    first, second = tuned(classes=False), tuned(classes=False)
    assert first.training is not None
    _ = second.model, second.path, second.intervals
    assert second.training == first.training
    fitted = second.model.history_
    np.testing.assert_array_equal(fitted.held_out, first.history.held_out)


def test_settings_that_are_tuned_together_have_curves_of_their_own() -> None:
    X, y, weight = rows(classes=False)
    model = wd.NetworkRegressor(module=net, epochs=EPOCHS, batch_size=100, learning_rate=RATE, random_state=SEED)
    space = {"learning_rate": [RATE, RATE / 100]}
    found = wd.tune(model, X, y, decays=[0.1, 1.0], cv=folds(), sample_weight=weight, space=space)
    known = found.training
    assert known is not None and known.learning_rate == RATE and known.networks == 3 * 4
    one = known.at(0.1)
    given = X, y, weight
    shares = np.array([weight[test].sum() for _, test in folds()])
    expected = np.average([alone(given, fold, 0.1)[1] for fold in folds()], axis=0, weights=shares)
    if one is not None:
        np.testing.assert_allclose(one.held_out, expected, rtol=1e-4)
    assert known.at(found.decay) is not None


def test_members_that_stop_early_have_the_epochs_that_all_folds_had() -> None:
    X, y, _ = rows(classes=False)
    model = wd.NetworkRegressor(hidden=(16,), epochs=200, batch_size=20, learning_rate=0.05, early_stopping=True, cv=3)
    known = wd.tune(model, X, y, decays=[0.0, 0.1]).training
    assert known is not None and known.early_stopping
    for one in known.histories:
        assert 2 < len(one.loss) == len(one.held_out) == len(one.weights) < 200
        assert np.isfinite(one.loss).all() and np.isfinite(one.held_out).all()


def test_members_that_diverge_are_said_to() -> None:
    X, y, _ = rows(classes=False)
    model = wd.NetworkRegressor(hidden=(16,), optimizer="sgd", epochs=20, batch_size=20, learning_rate=30.0, cv=3)
    with pytest.raises(ValueError, match="finite"):
        wd.tune(model, X, y, decays=[0.0, 0.001])
    calm = wd.tune(model.set_params(learning_rate=0.01, form="independent"), X, y, decays=[0.01, 5.0])
    assert calm.training is not None and {one.converged for one in calm.training.histories} <= {True, False}


def test_linear_models_have_no_training() -> None:
    X, y, _ = rows(classes=False)
    record = wd.tune(wd.LinearRegression(), X, y)
    assert record.training is None and record.history is None
    several = wd.tune(wd.LinearRegression(), X, np.stack([y, y + X[:, 0]], axis=1))
    assert several.training is None and several.targets[1].training is None
