"""A population is what plain torch gives member by member, from the same weights and the same batches."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from weightdecay.neural.population.data import Rows, batches  # noqa: E402
from weightdecay.neural.population.groups import trained  # noqa: E402
from weightdecay.neural.population.objectives import CrossEntropy, SquaredError  # noqa: E402
from weightdecay.neural.population.optimisers import Settings  # noqa: E402
from weightdecay.neural.population.training import Members, Schedule, Task, Trained, made, train  # noqa: E402

N, P, K = 90, 6, 3
DECAYS, RATES = torch.tensor([0.0, 0.01, 0.3, 3.0]).double(), torch.tensor([0.01, 0.01, 0.01, 0.003]).double()
SCHEDULE = Schedule(epochs=5, batch_size=16, seed=7)  # 30 steps


class Residual(nn.Module):
    """Layers that do not stand one after another."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(P, 8), nn.Linear(8, 8), nn.Linear(8, K)

    def forward(self, x: Any) -> Any:
        h = torch.tanh(self.first(x))
        return self.head(h + torch.relu(self.second(h)))


class Untraceable(nn.Module):
    """A forward pass that looks at its numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.head = nn.Linear(P, 8), nn.Linear(8, K)

    def forward(self, x: Any) -> Any:
        h = torch.relu(self.first(x))
        return self.head(h if float(h.detach().sum()) > 0 else -h)


class Words(nn.Module):
    """Whole numbers made of columns."""

    def forward(self, x: Any) -> Any:
        return x


def images(*layers: nn.Module) -> nn.Module:
    """Columns as an image of 2 × 3."""
    return nn.Sequential(nn.Unflatten(1, (1, 2, 3)), *layers)


MODULES: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "mlp": (lambda: nn.Sequential(nn.Linear(P, 8), nn.ReLU(), nn.Linear(8, 8), nn.Tanh(), nn.Linear(8, K)), "batched"),
    "activations": (
        lambda: nn.Sequential(
            nn.Linear(P, 8),
            nn.GELU(),
            nn.Linear(8, 8),
            nn.SiLU(),
            nn.Linear(8, 8),
            nn.LeakyReLU(0.1),
            nn.Linear(8, 8, bias=False),
            nn.Sigmoid(),
            nn.Linear(8, K),
        ),
        "batched",
    ),
    "layer norm": (lambda: nn.Sequential(nn.Linear(P, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, K)), "batched"),
    "batch norm": (lambda: nn.Sequential(nn.Linear(P, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Linear(8, K)), "batched"),
    "convolution": (
        lambda: images(
            nn.Conv2d(1, 4, 2, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(),
            nn.Conv2d(4, 4, 2, groups=2),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(4, K),
        ),
        "batched",
    ),
    "nested": (
        lambda: nn.Sequential(nn.Sequential(nn.Linear(P, 8), nn.ReLU()), nn.Identity(), nn.Linear(8, K)),
        "batched",
    ),
    "residual": (Residual, "torch.func"),
    "untraceable": (Untraceable, "one by one"),
}


def rows(kind: Any = torch.float64) -> tuple[Rows, Rows]:
    """Training and test rows of three classes, with weights."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, P, generator=generator, dtype=torch.float64)
    y = (x @ torch.randn(P, K, generator=generator, dtype=torch.float64)).argmax(1)
    weight = 0.5 + torch.rand(N, generator=generator, dtype=torch.float64)
    target = CrossEntropy(K).prepared(y, torch.float64)
    parts = [torch.arange(60), torch.arange(60, N)]
    return tuple(Rows(x[i].to(kind), target[i], weight[i].to(kind)) for i in parts)  # type: ignore[return-value]


def matrices(module: nn.Module) -> frozenset[str]:
    """Exempt: whatever has one dimension."""
    return frozenset(name for name, one in module.named_parameters() if one.ndim < 2)


def task(factory: Callable[[], nn.Module], train_rows: Rows, test: Rows | None) -> Task:
    """Classes."""
    return Task(factory, train_rows, test, None, CrossEntropy(K), matrices)


def alone(factory: Callable[[], nn.Module], member: int, kind: str, form: str) -> tuple[nn.Module, list[float]]:
    """A member by nn.Module and torch.optim, without any of our code but the order of the batches."""
    module = made(factory, SCHEDULE.seed).double()
    decay, rate = float(DECAYS[member]), float(RATES[member])
    named = list(module.named_parameters())
    groups = [
        {"params": [one for name, one in named if one.ndim > 1], "weight_decay": decay},
        {"params": [one for name, one in named if one.ndim < 2], "weight_decay": 0.0},
    ]
    if kind == "adam":
        optimiser: Any = (torch.optim.Adam if form == "coupled" else torch.optim.AdamW)(groups, lr=rate)
    else:
        optimiser = torch.optim.SGD(groups, lr=rate, momentum=0.9)
    train_rows, losses = rows()[0], []
    for epoch in range(SCHEDULE.epochs):
        found = []
        for x, target, share in batches(train_rows, SCHEDULE.batch_size, SCHEDULE.seed, epoch):
            optimiser.zero_grad()
            each = nn.functional.cross_entropy(module(x), target.argmax(1), reduction="none")
            loss = (each * share).sum()
            loss.backward()
            optimiser.step()
            found.append(float(loss.detach()))
        losses.append(sum(found) / len(found))
    return module.eval(), losses


def weights(module: nn.Module) -> Any:
    """All parameters and buffers as one row."""
    return torch.cat([one.detach().double().reshape(-1) for one in module.state_dict().values()])


@pytest.mark.parametrize("kind, form", [("adam", "decoupled"), ("adam", "coupled"), ("sgd", "coupled")])
@pytest.mark.parametrize("name", MODULES)
def test_members_are_those_of_plain_torch(name: str, kind: str, form: str) -> None:
    """Law 7: in float64, weights, running statistics and losses."""
    factory, way = MODULES[name]
    momentum = (0.9, 0.999)
    found = train(task(factory, *rows()), Members(DECAYS, RATES), Settings(kind, form, betas=momentum), SCHEDULE)
    assert found.way.startswith(way)
    test = rows()[1]
    for member in range(len(DECAYS)):
        expected, losses = alone(factory, member, kind, form)
        module = found.module(member, lambda: made(factory, 0).double())
        torch.testing.assert_close(weights(module), weights(expected), rtol=0, atol=1e-9)
        torch.testing.assert_close(
            found.training[1:, member], torch.tensor(losses, dtype=torch.float64), rtol=0, atol=1e-9
        )
        with torch.no_grad():
            each = nn.functional.cross_entropy(expected(test.x), test.target.argmax(1), reduction="none")
        loss = float((each * test.weight).sum() / test.weight.sum())
        assert float(found.held_out[-1, member]) == pytest.approx(loss, abs=1e-9)


def test_portions_and_threads_change_nothing() -> None:
    """Three folds of members in portions on two threads: the same bits as one by one."""
    factory, both = MODULES["mlp"][0], rows()
    decays, rates = DECAYS.repeat(3), RATES.repeat(3)
    work = [(task(factory, *both), Members(decays, rates)), (task(factory, both[1], both[0]), Members(DECAYS, RATES))]
    done: list[int] = []
    found = trained(work, Settings(), SCHEDULE, done.append)
    assert [sum(len(one.rows) for one in each) for each in found] == [12, 4] and done[-1] == 16 * SCHEDULE.epochs
    for (work_task, members), each in zip(work, found, strict=True):
        together: Trained = train(work_task, members, Settings(), SCHEDULE)
        torch.testing.assert_close(torch.cat([one.rows for one in each]), together.rows, rtol=0, atol=1e-12)


class ImpatienceError(Exception):
    """Of whoever listens."""


@pytest.mark.parametrize("error", [KeyboardInterrupt, ImpatienceError])
@pytest.mark.parametrize("threads", [1, 2])
def test_whoever_listens_ends_all_portions_after_their_epoch(error: type[BaseException], threads: int) -> None:
    """A run that would take hours; the listener is called in the thread that asked, and what it raises comes back."""
    told: list[tuple[int, int]] = []

    def listener(done: int) -> None:
        told.append((done, threading.get_ident()))
        if len(told) == 10:
            raise error

    work = [(task(MODULES["mlp"][0], *rows()), Members(DECAYS.repeat(4), RATES.repeat(4)))]
    before, began = torch.get_num_threads(), time.monotonic()
    torch.set_num_threads(threads)
    try:
        with pytest.raises(error):
            trained(work, Settings(), Schedule(epochs=1_000_000, batch_size=16, seed=7), listener)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)
    assert len(told) == 10 and {thread for _, thread in told} == {threading.get_ident()}
    assert [done for done, _ in told] == sorted({done for done, _ in told}) and time.monotonic() - began < 60


def test_a_portion_that_fails_ends_the_others_and_is_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from weightdecay.neural.population import groups

    whole = groups.train

    def failing(one: Any, members: Any, *more: Any) -> Any:
        if float(members.decay[0]) > 0:
            raise MemoryError("not enough memory")
        return whole(one, members, *more)

    monkeypatch.setattr(groups, "train", failing)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        members = [Members(decays.repeat(4), RATES.repeat(4)) for decays in (torch.zeros(4).double(), DECAYS + 1.0)]
        with pytest.raises(MemoryError, match="not enough memory"):
            work = [(task(MODULES["mlp"][0], *rows()), one) for one in members]
            trained(work, Settings(), Schedule(epochs=1_000_000, batch_size=16, seed=7))
    finally:
        torch.set_num_threads(before)


def test_members_that_stop_early_are_told_of_to_their_end() -> None:
    both = rows()
    one = Task(MODULES["mlp"][0], both[0], None, both[1], CrossEntropy(K), matrices)
    told: list[int] = []
    found = train(one, Members(DECAYS, RATES), Settings(), Schedule(2000, 16, 7, patience=2), told.append)
    assert len(found.training) < 2001 and sum(told) == 4 * 2000


def test_squared_errors() -> None:
    """½ (y − η)² of a linear module, full batch: one step of SGD is w − η∇."""
    train_rows = rows()[0]
    y = train_rows.x @ torch.arange(1.0, P + 1).double()
    data = Rows(train_rows.x, y[:, None], torch.ones(60).double())
    one = Task(lambda: nn.Linear(P, 1), data, None, None, SquaredError(), matrices)
    found = train(one, Members(DECAYS, RATES), Settings("sgd", "coupled", betas=(0.0, 0.0)), Schedule(1, 60, 3))
    for member in range(4):
        module = made(lambda: nn.Linear(P, 1), 3).double()
        loss = 0.5 * ((module(data.x) - data.target) ** 2).mean()
        loss.backward()
        w = module.weight.detach() - RATES[member] * (module.weight.grad + DECAYS[member] * module.weight.detach())
        torch.testing.assert_close(found.rows[member, :P], w[0], rtol=0, atol=1e-12)


def test_a_member_that_diverges_is_marked_and_harms_nobody() -> None:
    rates = torch.tensor([0.01, 1e30]).double()
    settings = Settings("sgd", "coupled")
    found = train(task(MODULES["mlp"][0], *rows()), Members(torch.zeros(2).double(), rates), settings, SCHEDULE)
    alone_ = train(task(MODULES["mlp"][0], *rows()), Members(torch.zeros(1).double(), rates[:1]), settings, SCHEDULE)
    assert found.diverged.tolist() == [False, True]
    torch.testing.assert_close(found.rows[0], alone_.rows[0], rtol=0, atol=1e-12)
