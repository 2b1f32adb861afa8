"""In real nets, trained on real data, what theory says of decay is seen: sizes, balances, and gradients that grow."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_digits

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from weightdecay.neural.monitor.monitor import Monitor  # noqa: E402
from weightdecay.neural.with_decay import with_decay  # noqa: E402
from weightdecay.records.monitor import Series  # noqa: E402
from weightdecay.records.monitor_expected import growth  # noqa: E402

WARM = 100
BATCH = 32
FLIPPED = 0.4  # of the labels of each batch, anew: else the nets learn them by heart and no gradient is left


def digits(image: bool) -> tuple[Any, Any]:
    X, y = load_digits(return_X_y=True)
    if not image:
        X = X[:, X.std(axis=0) > 0.5]
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    else:
        X = X / 16 - 0.3
    return torch.tensor(X, dtype=torch.float32), torch.tensor(y)


def layer_norm_net(columns: int) -> Any:
    first, second = nn.Linear(columns, 64, bias=False), nn.Linear(64, 64, bias=False)
    return nn.Sequential(first, nn.LayerNorm(64), nn.ReLU(), second, nn.LayerNorm(64), nn.ReLU(), nn.Linear(64, 10))


def batch_norm_net(columns: int) -> Any:
    return nn.Sequential(
        nn.Unflatten(1, (1, 8, 8)),
        nn.Conv2d(1, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding=1, bias=False),
        nn.BatchNorm2d(16),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, 10),
    )


def trained(kind: str, taus: float, *, cosine: bool = False, form: str | None = None, tau: int = 150) -> Series:
    """What a monitor has seen of the layers in front of normalisations in a run of so many τ at the peak rate."""
    torch.manual_seed(0)
    x, y = digits(image=kind == "conv")
    model = (batch_norm_net if kind == "conv" else layer_norm_net)(x.shape[1])
    inside = [one.weight for one in model if isinstance(one, nn.Linear | nn.Conv2d)][:-1]
    outside = [one for one in model.parameters() if not any(one is other for other in inside)]
    rate, beta = (0.1, 0.9) if kind == "conv" else (3e-3, 0.0)
    # Coupled SGD takes away η λ/(1 − β) in a step, the corrected form beside it η λ.
    decay = (1 - beta if form is None else 1.0) / (rate * tau)
    groups = [{"params": inside, "weight_decay": decay, "normalised": True}, {"params": outside, "weight_decay": 0.0}]
    optimizer: Any = torch.optim.SGD(groups, lr=rate, momentum=beta) if beta else torch.optim.AdamW(groups, lr=rate)
    if form is not None:
        with_decay(optimizer, form=form)
    steps = WARM + int(taus * tau)

    def factor(step: int) -> float:
        done = max(0, step - WARM) / (steps - WARM)
        return min(1.0, (step + 1) / WARM) * (0.5 * (1 + math.cos(math.pi * done)) if cosine else 1.0)

    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, factor)
    monitor = Monitor(model, optimizer, sample=x[:8])
    generator = torch.Generator().manual_seed(0)
    for _ in range(steps):
        rows = torch.randint(0, len(x), (BATCH,), generator=generator)
        flipped = torch.rand(BATCH, generator=generator) < FLIPPED
        labels = torch.where(flipped, torch.randint(0, 10, (BATCH,), generator=generator), y[rows])
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(x[rows]), labels).backward()
        optimizer.step()
        schedule.step()
    assert monitor.every == math.floor(tau / 20)
    return monitor.record.series("matrix")


def settled(series: Series, taus: float = 3.0) -> np.ndarray:
    """After warm-up and some timescales, while the rate is 0.3 of its peak at least."""
    begun = series.step > WARM
    since = series.elapsed - series.elapsed[int(begun.argmax())]
    return begun & (since >= taus) & (series.learning_rate >= 0.3 * series.learning_rate.max())


def windows(values: np.ndarray, count: int) -> np.ndarray:
    """Means of neighbours: gradients of single batches differ by a third of their size."""
    return np.array([part.mean() for part in np.array_split(values, count)])


def balance(series: Series, inside: np.ndarray) -> float:
    return float(series.pushed[inside].sum() / series.decayed[inside].sum())


def test_sizes_and_gradients_come_to_their_equilibrium() -> None:
    series = trained("mlp", 8, tau=100)
    inside = settled(series)
    assert balance(series, inside) == pytest.approx(1.0, abs=0.1)
    assert 0.6 <= series.rms[-1] / series.equilibrium[-1] <= 1.15
    assert windows(series.ratio[inside] / series.expected_ratio[inside], 2) == pytest.approx(1.0, abs=0.2)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_the_balance_holds_in_equilibrium_and_the_size_is_near_the_predicted(kind: str) -> None:
    series = trained(kind, 24)
    inside = settled(series, 8.0)
    ratio = windows((series.rms / series.equilibrium)[inside], 4)
    assert balance(series, inside) == pytest.approx(1.0, abs=0.05)
    # √(η/2λ) holds for independent gradients; real ones are not, and 0.6 to 1 is usual.
    assert (ratio >= 0.6).all() and (ratio <= 1.15).all(), ratio
    assert windows((series.angle / series.equilibrium_angle)[inside], 4) == pytest.approx(1.0, abs=0.2)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_under_a_cosine_the_gradient_over_the_weight_grows_as_the_rate_falls(kind: str) -> None:
    series = trained(kind, 30, cosine=True)
    inside = settled(series)
    followed = windows((series.ratio / series.expected_ratio)[inside], 8)
    assert followed == pytest.approx(1.0, abs=0.2), followed
    grown = windows(series.ratio[inside], 8)
    assert grown[-1] / grown[0] > 1.4
    told = growth(series)
    assert told is not None and told[1] > 1.4 and told[1] / told[2] == pytest.approx(1.0, abs=0.35)


@pytest.mark.long
@pytest.mark.parametrize("kind", ["mlp", "conv"])
def test_with_the_corrected_form_it_stays_level(kind: str) -> None:
    series = trained(kind, 30, cosine=True, form="corrected")
    inside = settled(series)
    level = windows(series.ratio[inside], 8)
    assert level / level.mean() == pytest.approx(1.0, abs=0.15), level
    np.testing.assert_allclose(series.expected_ratio[inside], series.expected_ratio[inside][0], rtol=1e-6)
