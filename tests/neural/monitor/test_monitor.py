"""A monitor in training loops of every kind: what it counts, when it measures, and that it changes nothing."""

from __future__ import annotations

import copy
import gc
import io
import json
import math
import pickle
import weakref
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch.optim.optimizer import _global_optimizer_pre_hooks  # noqa: E402

from weightdecay.neural.constraints import with_max_norm  # noqa: E402
from weightdecay.neural.monitor.monitor import Monitor  # noqa: E402
from weightdecay.neural.monitor.watched import interval  # noqa: E402
from weightdecay.neural.with_decay import with_decay  # noqa: E402


def net(width: int = 6) -> Any:
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(4, width), torch.nn.ReLU(), torch.nn.Linear(width, 1))


def adamw(model: Any, lr: float = 0.1, decay: float = 0.1) -> Any:
    return torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=decay)


def step(model: Any, optimizer: Any, seed: int = 0) -> Any:
    x = torch.randn(8, 4, generator=torch.Generator().manual_seed(seed))
    optimizer.zero_grad()
    loss = model(x).square().mean()
    loss.backward()
    optimizer.step()
    return loss


def elapsed(monitor: Monitor, name: str = "0.weight") -> float:
    last = monitor.records[-1]
    return float(last.elapsed[last.names.index(name)])


def hooks(optimizer: Any) -> int:
    return len(_global_optimizer_pre_hooks) + len(optimizer._optimizer_step_pre_hooks)


# --- what it counts ---------------------------------------------------------------------------------------------------


def test_every_step_counts_whether_measured_or_not_and_with_the_schedules_rate() -> None:
    model = net()
    optimizer = adamw(model)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: 1.0 / (1 + t))
    monitor = Monitor(model, optimizer, every=4)
    for seed in range(9):
        step(model, optimizer, seed)
        schedule.step()
    assert monitor.steps == 9
    assert [one.step for one in monitor.records] == [1, 5, 9]
    for one in monitor.records:
        assert one.elapsed[0] == pytest.approx(0.01 * sum(1.0 / (1 + t) for t in range(one.step)), rel=1e-12)


def test_a_parameter_without_gradient_is_not_decayed_and_not_counted() -> None:
    model = net()
    optimizer = adamw(model)
    monitor = Monitor(model, optimizer, every=1)
    step(model, optimizer)
    model[2].weight.grad = None
    optimizer.step()
    step(model, optimizer)
    assert elapsed(monitor) == pytest.approx(0.03)
    assert elapsed(monitor, "2.weight") == pytest.approx(0.02)
    idle = monitor.records[1]
    place = idle.names.index("2.weight")
    assert math.isnan(idle.gradient[place]) and idle.angle[place] == 0.0


def test_a_step_that_a_scaler_skips_is_no_step() -> None:
    for fused in (False, True):
        model = net()
        optimizer = torch.optim.AdamW(model.parameters(), lr=0.1, weight_decay=0.1, fused=fused)
        scaler = torch.amp.GradScaler("cpu", init_scale=4.0)
        monitor = Monitor(model, optimizer, every=1)
        for number in range(4):
            optimizer.zero_grad()
            scaler.scale(model(torch.ones(2, 4)).sum()).backward()
            if number in (0, 2):
                model[0].weight.grad[0, 0] = math.inf
            scaler.step(optimizer)
            scaler.update()
        assert monitor.steps == len(monitor.records) == 2
        assert elapsed(monitor) == pytest.approx(0.02)
        last = monitor.records[-1]
        assert np.isfinite(last.gradient).all() and last.update[0] > 0


def test_gradients_that_are_gathered_over_batches_are_seen_as_one() -> None:
    model = net()
    optimizer = adamw(model)
    monitor = Monitor(model, optimizer, every=1)
    for _ in range(3):
        for seed in range(4):
            model(torch.randn(8, 4, generator=torch.Generator().manual_seed(seed))).square().mean().backward()
        whole = float(model[0].weight.grad.norm())
        optimizer.step()
        optimizer.zero_grad()
        assert monitor.records[-1].gradient[0] == pytest.approx(whole, rel=1e-5)
    assert monitor.steps == 3


def test_a_closure_makes_the_gradients_within_the_step() -> None:
    model = net()
    optimizer = adamw(model)
    monitor = Monitor(model, optimizer, every=1)

    def closure() -> Any:
        optimizer.zero_grad()
        loss = model(torch.ones(2, 4)).square().mean()
        loss.backward()
        return loss

    for _ in range(2):
        optimizer.step(closure)
    assert elapsed(monitor) == pytest.approx(0.02) and np.isfinite(monitor.records[-1].gradient).all()


def test_a_group_that_comes_later_is_watched_from_then_on() -> None:
    model = net()
    optimizer = torch.optim.AdamW(model[2].parameters(), lr=0.1, weight_decay=0.1)
    monitor = Monitor(model, optimizer, every=1)
    step(model, optimizer)
    assert monitor.records[-1].names == ("2.weight", "2.bias")
    optimizer.add_param_group({"params": list(model[0].parameters()), "weight_decay": 0.2})
    step(model, optimizer)
    last = monitor.records[-1]
    assert last.names == ("2.weight", "2.bias", "0.weight", "0.bias")
    np.testing.assert_allclose(last.elapsed, [0.02, 0.02, 0.02, 0.02])


def test_several_optimisers_have_their_own_counts() -> None:
    model = net()
    first = torch.optim.AdamW(model[0].parameters(), lr=0.1, weight_decay=0.1)
    second = torch.optim.SGD(model[2].parameters(), lr=0.1, weight_decay=0.1)
    monitor = Monitor(model, [first, second], every=2)
    for number in range(4):
        step(model, first)
        if number == 0:
            second.step()
    assert [(one.optimizer, one.step) for one in monitor.records] == [("AdamW", 1), ("SGD", 1), ("AdamW", 3)]
    assert monitor.record.labels() == ("matrix · AdamW", "bias · AdamW", "head · SGD", "bias · SGD")
    assert monitor.record.series("head · SGD").weights == 1


def test_a_parameter_that_the_model_does_not_have_is_called_so() -> None:
    model = net()
    extra = torch.nn.Parameter(torch.ones(3, 3))
    optimizer = torch.optim.SGD([*model.parameters(), extra], lr=0.1)
    monitor = Monitor(model, optimizer, every=1)
    step(model, optimizer)
    assert monitor.records[0].names[-1] == "(not in the model) group 0, tensor 4"


def test_a_form_that_is_not_known_is_taken_for_decoupled_and_said_to_be() -> None:
    class Own(torch.optim.Optimizer):
        def step(self, closure: Any = None) -> None:
            for group in self.param_groups:
                for one in group["params"]:
                    one.data.mul_(1 - group["lr"] * group["weight_decay"]).sub_(group["lr"] * one.grad.sign())

    model = net()
    optimizer = Own(model.parameters(), {"lr": 0.1, "weight_decay": 0.1})
    monitor = Monitor(model, optimizer, every=1)
    step(model, optimizer)
    assert monitor.records[0].share[0] == pytest.approx(0.01)
    assert monitor.records[0].update[0] == pytest.approx(0.1, rel=1e-5)
    assert [one.code for one in monitor.findings] == ["WD065"]


# --- when it measures -------------------------------------------------------------------------------------------------


def test_the_interval_is_a_twentieth_of_the_timescale_at_the_peak_of_the_rate() -> None:
    model = net()
    optimizer = adamw(model, lr=1e-2, decay=0.1)
    torch.optim.lr_scheduler.LambdaLR(optimizer, lambda t: min(1.0, t / 100))  # the rate is 0 at first
    assert optimizer.param_groups[0]["lr"] == 0.0
    monitor = Monitor(model, optimizer)
    assert monitor.every == 50  # τ = 1000
    assert Monitor(model, adamw(model, 1e-2, 0.1), total_steps=1500).every == 15
    assert Monitor(model, adamw(model, 1e-2, 0.0)).every == 1000
    assert Monitor(model, torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9, weight_decay=0.01)).every == 50


def test_a_rate_that_rises_beyond_what_was_known_makes_it_shorter() -> None:
    model = net()
    optimizer = adamw(model, lr=1e-3, decay=0.1)
    monitor = Monitor(model, optimizer)
    assert monitor.every == 500
    step(model, optimizer)
    optimizer.param_groups[0]["lr"] = 1e-1
    for _ in range(10):
        step(model, optimizer)
    assert monitor.every == 5 and [one.step for one in monitor.records] == [1, 6, 11]


def test_the_interval_of_large_models_has_a_floor() -> None:
    assert interval(1e-4, 10_000_000, None) == 500
    assert interval(0.01, 10_000_000, 100) == 80
    assert interval(0.01, 10_000, 100) == 1


# --- that it changes nothing ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["coupled", "decoupled", "corrected", "cautious", None])
def test_the_weights_are_those_of_a_run_without_it(form: str | None) -> None:
    found = []
    for watched in (False, True):
        model = net()
        optimizer = adamw(model)
        if form is not None:
            with_decay(optimizer, form=form, peak_lr=0.1, normalised=True)
        monitor = Monitor(model, optimizer, every=2) if watched else None
        state = torch.random.get_rng_state()
        for seed in range(5):
            step(model, optimizer, seed)
        assert torch.equal(state, torch.random.get_rng_state())
        found.append([one.detach().clone() for one in model.parameters()])
        assert monitor is None or len(monitor.records) == 3
    assert all(torch.equal(one, two) for one, two in zip(*found, strict=True))


@pytest.mark.parametrize("late", [False, True])
def test_it_is_outside_all_hooks_whoever_came_first(late: bool) -> None:
    """Decay and constraints that were attached after the monitor belong to the step that it measures."""
    model = net()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    monitor = Monitor(model, optimizer, every=1) if late else None
    with_decay(optimizer, form="decoupled", decay=0.5)
    with_max_norm(optimizer, 0.2)
    monitor = monitor or Monitor(model, optimizer, every=1)
    before = model[0].weight.detach().clone()
    step(model, optimizer)
    (one,) = monitor.records
    assert one.share[0] == pytest.approx(0.05) and one.forms[0] == "decoupled"
    after = float(model[0].weight.detach().square().sum())
    assert one.pushed[0] - one.decayed[0] == pytest.approx(after - float(before.square().sum()), rel=1e-4)


def test_optimisers_can_be_copied_and_pickled_and_the_copies_are_not_watched() -> None:
    model = net()
    optimizer = adamw(model)
    monitor = Monitor(model, optimizer, every=1)
    step(model, optimizer)
    both = copy.deepcopy((model, optimizer))
    again = pickle.loads(pickle.dumps((model, optimizer)))
    for other in (both, again):
        step(*other)
    assert monitor.steps == 1
    step(model, optimizer)
    assert monitor.steps == 2


def test_a_copied_monitor_is_a_closed_one_with_the_records() -> None:
    model = net()
    optimizer = adamw(model)
    monitor = Monitor(model, optimizer, every=1)
    step(model, optimizer)
    for other in (copy.deepcopy(monitor), pickle.loads(pickle.dumps(monitor))):
        assert other.records == monitor.records and other.steps == 1 and other.text() == monitor.text()
        other.close()
    step(model, optimizer)
    assert monitor.steps == 2


def test_it_lives_as_long_as_the_optimiser_and_no_longer() -> None:
    model = net()
    optimizer = adamw(model)
    gc.collect()  # of the monitors of other tests
    before = hooks(optimizer)
    mine = weakref.ref(Monitor(model, optimizer, every=1))
    gc.collect()
    assert mine() is not None and hooks(optimizer) == before + 1
    step(model, optimizer)
    assert len(mine().records) == 1
    del optimizer
    gc.collect()
    assert mine() is None
    assert hooks(adamw(model)) == before


def test_closing_ends_it_and_the_records_stay() -> None:
    model = net()
    optimizer = adamw(model)
    gc.collect()
    before = hooks(optimizer)
    with Monitor(model, optimizer, every=1) as monitor, Monitor(model, optimizer, every=2) as other:
        step(model, optimizer)
    step(model, optimizer)
    assert hooks(optimizer) == before and "monitors" not in vars(optimizer)
    assert monitor.steps == other.steps == 1 and len(monitor.records) == 1 and monitor.text()
    monitor.close()
    assert monitor.state_dict()["optimizers"][0]["steps"] == 1


def test_a_compiled_model_and_an_average_of_it_are_no_obstacle() -> None:
    model = net()
    compiled = torch.compile(model, backend="eager")
    average = torch.optim.swa_utils.AveragedModel(model, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.9))
    optimizer = adamw(model)
    monitor = Monitor(compiled, optimizer, every=1)
    for seed in range(3):
        step(compiled, optimizer, seed)
        average.update_parameters(model)
    assert monitor.records[-1].names == ("0.weight", "0.bias", "2.weight", "2.bias")
    assert elapsed(monitor) == pytest.approx(0.03)


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")  # torch's own
def test_a_compiled_step_is_measured_too() -> None:
    model = net()
    optimizer = adamw(model)
    monitor = Monitor(model, optimizer, every=2)
    compiled = torch.compile(optimizer.step, backend="eager")
    for _ in range(3):
        optimizer.zero_grad()
        model(torch.ones(2, 4)).square().mean().backward()
        compiled()
    assert monitor.steps == 3 and [one.step for one in monitor.records] == [1, 3]


def test_wrappers_that_hand_a_step_on_are_seen_through() -> None:
    class Wrapper:
        def __init__(self, optimizer: Any) -> None:
            self.optimizer = optimizer

        def step(self) -> None:
            self.optimizer.step()

    model = net()
    optimizer = Wrapper(Wrapper(adamw(model)))
    monitor = Monitor(model, optimizer, every=1)
    model(torch.ones(2, 4)).sum().backward()
    optimizer.step()
    assert monitor.steps == 1


# --- what it keeps ----------------------------------------------------------------------------------------------------


def test_a_saved_state_goes_on_where_it_was() -> None:
    model = net()
    optimizer = adamw(model)
    monitor = Monitor(model, optimizer, every=3)
    for seed in range(5):
        step(model, optimizer, seed)
    file = io.BytesIO()
    torch.save(monitor.state_dict(), file)
    file.seek(0)
    state = torch.load(file, weights_only=True)
    json.dumps(state, allow_nan=False)
    model = net()
    optimizer = adamw(model)
    resumed = Monitor(model, optimizer, every=3)
    resumed.load_state_dict(state)
    assert resumed.steps == 5 and resumed.records == monitor.records
    step(model, optimizer)
    assert resumed.records[-1].step == 6 and elapsed(resumed) == pytest.approx(0.06)
    with pytest.raises(ValueError, match=r"monitor of 1 optimisers, this one has 2: build"):
        Monitor(model, [optimizer, adamw(net())]).load_state_dict(state)


def test_each_measured_step_is_a_line_that_is_read_back(tmp_path: Path) -> None:
    file = tmp_path / "decay.jsonl"
    model = net()
    optimizer = adamw(model)
    monitor = Monitor(model, optimizer, every=2, file=file, total_steps=100, steps_per_epoch=12.5)
    for number in range(5):
        monitor.update(loss=step(model, optimizer, number), norm=number)
        assert len(file.read_text().splitlines()) == number // 2 + 1  # on the disk at once
    content = file.read_text()
    assert "NaN" not in content and "Infinity" not in content
    assert Monitor.read(file) == monitor.record
    assert monitor.records[0].values == {} and monitor.records[2].values["norm"] == 3.0
    # Crashed while writing: the last line is broken off.
    file.write_text(content[:-40])
    assert Monitor.read(file).records == monitor.records[:-1]
    file.write_text(content.replace('"names"', '"nomes"', 1))
    with pytest.raises(ValueError, match=r"line 1 of .*decay.jsonl' is no measurement of a monitor"):
        Monitor.read(file)


def test_a_run_taken_up_again_writes_over_what_it_repeats(tmp_path: Path) -> None:
    file = tmp_path / "decay.jsonl"
    model = net()
    optimizer = adamw(model)
    with Monitor(model, optimizer, every=1, file=file) as monitor:
        for seed in range(3):
            step(model, optimizer, seed)
            if seed == 1:
                state = monitor.state_dict()
    again = Monitor(model, optimizer, every=1, file=file)
    again.load_state_dict(state)
    for seed in range(2):
        step(model, optimizer, seed)
    assert [one.step for one in Monitor.read(file).records] == [1, 2, 3, 4]
    assert Monitor.read(file).records == again.records


def test_losses_wait_for_no_device_and_are_kept_with_the_next_measured_step() -> None:
    model = net()
    optimizer = adamw(model)
    monitor = Monitor(model, optimizer, every=2)
    losses = []
    for seed in range(3):
        monitor.update(loss=torch.tensor(float(seed)))
        losses.append(step(model, optimizer, seed))
    assert [dict(one.values) for one in monitor.records] == [{"loss": 0.0}, {"loss": 2.0}]


def test_hostile_names_are_made_harmless_where_they_are_shown() -> None:
    model = torch.nn.Module()
    model.register_parameter("w\x1b[31m\n$x$\u202e", torch.nn.Parameter(torch.ones(2, 2)))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, weight_decay=0.1)
    monitor = Monitor(model, optimizer, every=1)
    next(model.parameters()).grad = torch.ones(2, 2)
    optimizer.step()
    assert monitor.records[0].names == ("w\x1b[31m\n$x$\u202e",)
    assert "\x1b" not in monitor.text() and "\u202e" not in monitor.text()


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        ({"every": 0}, ValueError, r"every must be above 0, got 0"),
        ({"total_steps": -1}, ValueError, r"total_steps must be above 0, got -1"),
        ({"optimizer": []}, ValueError, r"optimizer is an empty sequence"),
        ({"optimizer": 3}, TypeError, r"optimizer must be a torch.optim.Optimizer or a sequence of them, got int"),
        ({"model": 3}, TypeError, r"model must be a torch.nn.Module, got int"),
        ({"file": "/nowhere/x.jsonl"}, OSError, r"cannot write to '/nowhere/x.jsonl'"),
    ],
)
def test_what_cannot_be_watched_is_said(arguments: dict[str, Any], error: type[Exception], sentence: str) -> None:
    model = net()
    given = {"model": model, "optimizer": adamw(model), **arguments}
    with pytest.raises(error, match=sentence):
        Monitor(given.pop("model"), given.pop("optimizer"), **given)
