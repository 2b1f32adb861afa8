"""Forms, schedules, centres and infinite decay of a population, beside loops of plain torch that spell them out."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from weightdecay.neural.population.captured import AHEAD, Captured  # noqa: E402
from weightdecay.neural.population.data import Rows, batches  # noqa: E402
from weightdecay.neural.population.objectives import CrossEntropy  # noqa: E402
from weightdecay.neural.population.optimisers import Settings  # noqa: E402
from weightdecay.neural.population.schedules import COURSES, course_of, factor_at, mean_factor  # noqa: E402
from weightdecay.neural.population.training import Members, Schedule, Task, Trained, made, train  # noqa: E402
from weightdecay.neural.with_decay import with_decay  # noqa: E402

N, P, K, BATCH, EPOCHS, SEED = 60, 6, 3, 16, 26, 7  # 104 steps
DECAYS, RATES = [0.0, 0.02, 0.4], [0.02, 0.01, 0.02]
BETAS = {"adam": (0.9, 0.999), "sgd": (0.9, 0.0)}
DROPPED = 0.3


def warm_up(x: float) -> float:
    """A tenth of the run up, and down by a square root."""
    return x / 0.1 if x < 0.1 else math.sqrt((1 - x) / 0.9)


def doubles(values: list[float]) -> Any:
    """In float64 to the last digit."""
    return torch.tensor(values, dtype=torch.float64)


def normalising() -> nn.Module:
    """The first layer feeds a normalisation."""
    return nn.Sequential(nn.Linear(P, 8, bias=False), nn.LayerNorm(8), nn.Tanh(), nn.Linear(8, K))


NORMALISED = frozenset(("0.weight",))


def matrices(module: nn.Module) -> frozenset[str]:
    """Exempt: whatever has one dimension."""
    return frozenset(name for name, one in module.named_parameters() if one.ndim < 2)


@cache
def data() -> Rows:
    """Three classes, with weights."""
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(N, P, generator=generator, dtype=torch.float64)
    y = (x @ torch.randn(P, K, generator=generator, dtype=torch.float64)).argmax(1)
    weight = 0.5 + torch.rand(N, generator=generator, dtype=torch.float64)
    return Rows(x, CrossEntropy(K).prepared(y, torch.float64), weight)


def given_centre() -> dict[str, Any]:
    """Of the first layer alone: the head is new."""
    return {"0.weight": torch.randn(8, P, generator=torch.Generator().manual_seed(5), dtype=torch.float64)}


def population(settings: Settings, course: str | Callable[[float], float], centre: Any, **more: Any) -> Trained:
    """All members."""
    task = Task(normalising, data(), None, None, CrossEntropy(K), matrices, NORMALISED, centre)
    decays, rates = doubles(more.get("decays", DECAYS)), doubles(more.get("rates", RATES))
    return train(task, Members(decays, rates), settings, Schedule(EPOCHS, BATCH, SEED, 0, course_of(course)))


def in_plain_torch(
    member: int, kind: str, course: str | Callable[[float], float], start: Callable[[nn.Module, Any, Any], Any]
) -> nn.Module:
    """A member by nn.Module, torch.optim and LambdaLR; ``start`` gives what is called for a step of the optimiser."""
    module = made(normalising, SEED).double()
    rate, T = RATES[member], EPOCHS * -(-N // BATCH)
    make: Any = torch.optim.Adam if kind == "adam" else torch.optim.SGD
    both = [[one for one in module.parameters() if (one.ndim > 1) == decayed] for decayed in (True, False)]
    groups = [{"params": both[0], "name": "decayed"}, {"params": both[1], "name": "exempt"}]
    optimiser = make(groups, lr=rate, **({"momentum": 0.9} if kind == "sgd" else {}))
    factor = {"constant": lambda x: 1.0, "cosine": lambda x: (1 + math.cos(math.pi * x)) / 2, "linear": lambda x: 1 - x}
    shape = factor[course] if isinstance(course, str) else course
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda t: shape(t / T))
    step = start(module, optimiser, rate)
    for epoch in range(EPOCHS):
        for x, target, share in batches(data(), BATCH, SEED, epoch):
            optimiser.zero_grad()
            (nn.functional.cross_entropy(module(x), target.argmax(1), reduction="none") * share).sum().backward()
            step(optimiser)
            scheduler.step()
    return module


def by_hand(form: str, decay: float, rho: float, centre: dict[str, Any]) -> Callable[[nn.Module, Any, Any], Any]:
    """The update as the documentation has it."""

    def start(module: nn.Module, optimiser: Any, peak: float) -> Any:
        start = {name: one.detach().clone() for name, one in module.named_parameters()}
        own = start if centre == "initial" else centre or {}
        weights = [(name, one, own.get(name, torch.zeros_like(one))) for name, one in module.named_parameters()]
        weights = [pair for pair in weights if pair[1].ndim > 1]

        def step(optimiser: Any) -> None:
            eta = optimiser.param_groups[0]["lr"]
            before = {name: one.detach().clone() for name, one, _ in weights}
            for name, one, c in weights:
                z = before[name] - c
                if form in ("coupled", "penalty"):
                    one.grad += decay * (1 - rho) * z + (decay * rho * torch.sign(z) if form == "penalty" else 0.0)
            optimiser.step()
            for name, one, c in weights:
                z, moved = before[name] - c, before[name] - one.detach()
                a = {"independent": decay * eta / peak}.get(form, eta * decay)
                if form == "corrected" and name in NORMALISED:
                    a = decay * eta * eta / peak
                mask = (moved * z >= 0).double() if form == "cautious" else torch.ones_like(z)
                with torch.no_grad():
                    if form not in ("coupled", "penalty"):
                        one -= a * (1 - rho) * mask * z
                    if form != "penalty" and rho:
                        y = one - c
                        one.copy_(c + torch.sign(y) * torch.clamp(y.abs() - a * rho * mask, min=0))

        return step

    return start


def by_with_decay(form: str, decay: float, rho: float, centre: Any) -> Callable[[nn.Module, Any, Any], Any]:
    """The same by our form on torch's optimiser."""

    def start(module: nn.Module, optimiser: Any, peak: float) -> Any:
        kept = dict(module.named_parameters())
        pulled = {kept[name]: value for name, value in centre.items()} if isinstance(centre, dict) else centre
        normalised = [kept[name] for name in NORMALISED]
        with_decay(optimiser, form=form, decay=decay, centre=pulled, l1_ratio=rho, normalised=normalised)
        return lambda optimiser: optimiser.step()

    return start


CASES: dict[str, tuple[str, Any, Any, float]] = {
    "adam, cosine": ("adam", "cosine", None, 0.0),
    "adam, a warm-up of one's own, a centre, ρ": ("adam", warm_up, "given", 0.4),
    "sgd, linear, initial centre, ρ": ("sgd", "linear", "initial", 0.4),
    "sgd, constant, ρ = 1": ("sgd", "constant", None, 1.0),
}
FORMS = ["penalty", "coupled", "decoupled", "independent", "corrected", "cautious"]


def weights(module: nn.Module) -> Any:
    """All parameters as one row."""
    return torch.cat([one.detach().reshape(-1) for one in module.parameters()])


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", CASES)
def test_forms_are_those_of_plain_torch(case: str, form: str) -> None:
    """Law 7 of every form: after 104 steps in float64, with rates that move; and `with_decay` is the same."""
    kind, course, centre, rho = CASES[case]
    centre = given_centre() if centre == "given" else centre
    # Signs of weights about 0 turn on the last bit, and so does a normalised layer whose weights are all 0.
    decays = [decay * 0.02 for decay in DECAYS] if form in ("independent", "penalty") else DECAYS
    found = population(Settings(kind, form, rho, BETAS[kind]), course, centre, decays=decays)
    for member, decay in enumerate(decays):
        own = weights(found.module(member, lambda: made(normalising, 0).double()))
        hand = in_plain_torch(member, kind, course, by_hand(form, decay, rho, centre))
        torch.testing.assert_close(own, weights(hand), rtol=0, atol=1e-9)
        if form != "penalty" and decay > 0:
            other = in_plain_torch(member, kind, course, by_with_decay(form, decay, rho, centre))
            torch.testing.assert_close(own, weights(other), rtol=0, atol=1e-9)


def test_an_l1_share_makes_weights_exactly_their_centre() -> None:
    """What the threshold is for; a subgradient leaves them beside it."""
    for form, exact in (("coupled", True), ("decoupled", True), ("penalty", False)):
        found = population(
            Settings("sgd", form, 1.0, (0.9, 0.0)), "constant", "initial", decays=[0.0, 0.3], rates=[0.02, 0.02]
        )
        initial = weights(made(normalising, SEED).double())[: 8 * P]
        reached = (found.rows[1, : 8 * P] == initial).double().mean()
        assert float(reached) > 0.2 if exact else float(reached) == 0.0


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("centre", [None, "initial", "given"])
def test_at_infinite_decay_decayed_weights_stay_and_others_train(form: str, centre: Any) -> None:
    """The oracle has these weights frozen at the centre."""
    kept = given_centre() if centre == "given" else centre
    found = population(
        Settings("adam", form), "cosine", kept, decays=[math.inf, 0.02, math.inf], rates=[0.02, 0.01, 0.02]
    )
    module = made(normalising, SEED).double()
    with torch.no_grad():
        for name, one in module.named_parameters():
            if one.ndim > 1 and centre != "initial":
                one.copy_((kept or {}).get(name, torch.zeros_like(one)))
    free = [one for one in module.parameters() if one.ndim < 2]
    optimiser = torch.optim.Adam(free, lr=0.02)
    T = EPOCHS * -(-N // BATCH)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda t: (1 + math.cos(math.pi * t / T)) / 2)
    for epoch in range(EPOCHS):
        for x, target, share in batches(data(), BATCH, SEED, epoch):
            optimiser.zero_grad()
            (nn.functional.cross_entropy(module(x), target.argmax(1), reduction="none") * share).sum().backward()
            optimiser.step()
            scheduler.step()
    for member in (0, 2):
        own = weights(found.module(member, lambda: made(normalising, 0).double()))
        torch.testing.assert_close(own, weights(module), rtol=0, atol=1e-9)
    neighbour = population(Settings("adam", form), "cosine", kept, decays=[0.02], rates=[0.01])
    torch.testing.assert_close(found.rows[1], neighbour.rows[0], rtol=0, atol=1e-12)


class Dropping(nn.Module):
    """Dropout as a population has it, by hand: the same uniform numbers for all, from a generator of the seed."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate, self.generator = rate, torch.Generator().manual_seed(SEED)

    def forward(self, x: Any) -> Any:
        """Of training alone."""
        if not self.training:
            return x
        return torch.where(torch.rand(x.shape, generator=self.generator, dtype=x.dtype) < self.rate, 0, x) / (
            1 - self.rate
        )


def dropping(layer: Callable[[], nn.Module]) -> nn.Module:
    """A hidden layer of which some is dropped."""
    return nn.Sequential(nn.Linear(P, 8), nn.ReLU(), layer(), nn.Linear(8, K))


@pytest.mark.parametrize("rates", [None, [0.0, 0.5, DROPPED]])
def test_dropout_is_that_of_plain_torch_with_the_same_numbers(rates: list[float] | None) -> None:
    task = Task(lambda: dropping(lambda: nn.Dropout(DROPPED)), data(), None, None, CrossEntropy(K), matrices)
    members = Members(
        doubles(DECAYS),
        doubles(RATES),
        None if rates is None else doubles(rates),
    )
    found = train(task, members, Settings(), Schedule(EPOCHS, BATCH, SEED))
    assert found.way == "batched kernels"
    for member, decay in enumerate(DECAYS):
        share_dropped = DROPPED if rates is None else rates[member]
        module = made(lambda: dropping(lambda: Dropping(share_dropped)), SEED).double()  # noqa: B023
        groups = [
            {"params": [one for one in module.parameters() if one.ndim > 1], "weight_decay": decay},
            {"params": [one for one in module.parameters() if one.ndim < 2], "weight_decay": 0.0},
        ]
        optimiser = torch.optim.AdamW(groups, lr=RATES[member])
        for epoch in range(EPOCHS):
            for x, target, share in batches(data(), BATCH, SEED, epoch):
                optimiser.zero_grad()
                (nn.functional.cross_entropy(module(x), target.argmax(1), reduction="none") * share).sum().backward()
                optimiser.step()
        own = weights(found.module(member, lambda: dropping(nn.Identity).double()))
        torch.testing.assert_close(own, weights(module), rtol=0, atol=1e-9)


def test_a_seed_of_members_is_that_of_their_weights_and_batches() -> None:
    task = Task(normalising, data(), None, None, CrossEntropy(K), matrices)
    decays, rates = doubles(DECAYS), doubles(RATES)
    own = train(task, Members(decays, rates, seed=3), Settings(), Schedule(5, BATCH, SEED))
    other = train(task, Members(decays, rates), Settings(), Schedule(5, BATCH, 3))
    assert torch.equal(own.rows, other.rows) and torch.equal(own.training, other.training)
    common = train(task, Members(decays, rates), Settings(), Schedule(5, BATCH, SEED))
    assert not torch.equal(own.training, common.training)
    assert Members(decays, rates, seed=3).part(slice(1, 2)).seed == 3


def test_modules_are_made_without_touching_anybodys_random_numbers() -> None:
    torch.manual_seed(11)
    before = torch.get_rng_state()
    first, again = made(normalising, 3), made(normalising, 3)
    assert torch.equal(weights(first), weights(again)) and torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("kind", ["adam", "sgd"])
@pytest.mark.parametrize("rates", [RATES, [0.01, 0.01, 0.01]])
@pytest.mark.parametrize("form", ["decoupled", "corrected", "cautious", "coupled"])
def test_a_step_that_is_replayed_is_the_step(
    kind: str, rates: list[float], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a card replays reads all that changes from memory: here a recording is the step on that memory."""
    from weightdecay.neural.population import training

    recordings, replays = [], []

    def recorder(step: Callable[[], Any]) -> tuple[Any, Callable[[], Any]]:
        losses = torch.zeros(len(rates), dtype=torch.float64)
        recordings.append(step)
        return losses, lambda: (replays.append(1), losses.copy_(step()))

    plain = population(Settings(kind, form, 0.2, BETAS[kind]), "cosine", "initial", rates=rates)
    begun = training._Run.begun

    def replaying(*given: Any) -> Any:
        run = begun(*given)
        assert run.network.repeats and not isinstance(run.step, Captured)  # a processor is not asked to
        run.step = Captured(run.step, recorder)
        return run

    monkeypatch.setattr(training._Run, "begun", staticmethod(replaying))
    found = population(Settings(kind, form, 0.2, BETAS[kind]), "cosine", "initial", rates=rates)
    whole = EPOCHS * (N // BATCH)  # the last batch of an epoch is smaller
    assert len(recordings) == 1 and whole - AHEAD <= len(replays) <= whole
    torch.testing.assert_close(found.rows, plain.rows, rtol=0, atol=1e-12)
    torch.testing.assert_close(found.training, plain.training, rtol=0, atol=1e-12)


def test_a_card_that_refuses_to_record_trains_step_by_step() -> None:
    asked: list[int] = []

    def refused(step: Callable[[], Any]) -> Any:
        asked.append(1)
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing")

    done: list[float] = []
    whole = Captured(lambda x, target, share, now: done.append(float(now.factor)) or x.sum(), refused)
    from weightdecay.neural.population.optimisers import Moment

    for step in range(10):
        assert float(whole(torch.ones(4, 2), torch.ones(4), torch.ones(4), Moment(step / 10))) == 8
    assert asked == [1] and done == [step / 10 for step in range(10)]


@pytest.mark.skipif(not torch.cuda.is_available(), reason="there is no card on this machine")
@pytest.mark.parametrize("form", ["decoupled", "corrected", "cautious"])
def test_a_card_gives_what_a_processor_gives(form: str) -> None:
    rows = data()
    found = {}
    for device in ("cpu", "cuda"):
        there = Rows(*(one.to(device) for one in (rows.x, rows.target, rows.weight)))
        task = Task(normalising, there, there, None, CrossEntropy(K), matrices, NORMALISED, "initial")
        members = Members(doubles([*DECAYS, math.inf]).to(device), doubles([0.01] * 4).to(device))
        found[device] = train(
            task, members, Settings("adam", form), Schedule(EPOCHS, BATCH, SEED, 0, COURSES["cosine"])
        )
    torch.testing.assert_close(found["cuda"].rows.cpu(), found["cpu"].rows, rtol=0, atol=1e-6)
    torch.testing.assert_close(found["cuda"].held_out, found["cpu"].held_out, rtol=0, atol=1e-6)


def test_schedules_are_shares_of_the_peak() -> None:
    assert course_of("constant") is None and factor_at(None, 0.7) == mean_factor(None) == 1.0
    for name in ("cosine", "linear"):
        course = course_of(name)
        assert factor_at(course, 0.0) == 1.0 and factor_at(course, 1.0) == pytest.approx(0.0, abs=1e-15)
        assert mean_factor(course) == pytest.approx(0.5, abs=1e-12)
    assert course_of(warm_up) is warm_up


BAD: list[tuple[Any, str]] = [
    ("exponential", "is not known; give one of 'constant', 'cosine', 'linear', or a function"),
    (3, "is not known"),
    (lambda x: 2.0 * x, r"schedule\(0\.51\) = 1\.02: expected a share of the learning rate from 0 to 1"),
    (lambda x: -x, "expected a share of the learning rate"),
    (lambda x: math.nan, "= nan: expected a share"),
    (lambda x: None, "failed .* returns a share of the learning rate"),
    (lambda: 1.0, "it is called with the elapsed share of the run"),
    (lambda x: 0.0, "gives 0 from the first step to the last"),
]


@pytest.mark.parametrize("given, sentence", BAD)
def test_schedules_that_are_none_get_a_sentence(given: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        course_of(given)
