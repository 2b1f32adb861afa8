"""The audit finds every planted fault, says nothing against sound recipes, and leaves no trace in either."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

import weightdecay as wd
from neural.audit.planted import FAULTS, STOCK
from neural.audit.planted_records import Fault, Recipe

SEVERITIES = ("info", "warning", "error")


def bits(value: Any, seen: set[int]) -> Any:
    """All that can be compared of a value: the bits and the place of tensors, the identity of parameters in lists."""
    if isinstance(value, Tensor):
        raw = value.detach().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
        grad = None if value.grad is None else (id(value.grad), bits(value.grad, seen))
        place = id(value) if isinstance(value, nn.Parameter) else None
        return (place, value.data_ptr(), value.dtype, value.shape, value.requires_grad, raw, grad)
    if value is None or isinstance(value, bool | int | float | complex | str | bytes):
        return value
    if id(value) in seen:
        return "seen"
    seen = seen | {id(value)}
    if isinstance(value, dict):
        return [(id(key) if isinstance(key, Tensor) else str(key), bits(one, seen)) for key, one in value.items()]
    if isinstance(value, list | tuple | set | frozenset):
        return [bits(one, seen) for one in value]
    if isinstance(value, Optimizer):
        return [(key, bits(one, seen)) for key, one in vars(value).items()]
    return (type(value).__name__, id(value))


def trace(model: nn.Module, optimizer: Optimizer) -> dict[str, Any]:
    """Model, optimiser and the three random states."""
    modules = {
        name: (one.training, [(key, bits(entry, {id(one)})) for key, entry in vars(one).items()])
        for name, one in model.named_modules()
    }
    return {
        "weights": [(name, bits(one, set())) for name, one in model.named_parameters(remove_duplicate=False)],
        "buffers": [(name, bits(one, set())) for name, one in model.named_buffers()],
        "modules": modules,
        "groups": [(group.keys(), bits(group, set())) for group in optimizer.param_groups],
        "state": bits(dict(optimizer.state), set()),
        "state_dict": bits(optimizer.state_dict(), set()),
        "attributes": dict(bits(optimizer, set())),
        "random": (bits(torch.get_rng_state(), set())[5], bits(np.random.get_state()[1].tolist(), set())),
        "positions": (np.random.get_state()[2:], random.getstate()),
        "modes": (torch.is_grad_enabled(), torch.get_default_dtype()),
    }


def assert_untouched(before: dict[str, Any], after: dict[str, Any]) -> None:
    """`state_dict` is made anew at every call, so its containers are compared, not their places."""
    for key, was in before.items():
        assert after[key] == was, f"the audit changed: {key}"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
def test_a_planted_fault_is_found_and_nothing_touched(fault: Fault) -> None:
    model, optimizer, loss = fault.make()
    before = trace(model, optimizer)
    result = wd.audit(model, optimizer, loss=loss)
    assert_untouched(before, trace(model, optimizer))
    said = [(one.code, one.severity, one.message) for one in result.problems]
    found = [one for one in result.problems if one.code in fault.code]
    assert found, f"{fault.why}: expected {fault.code}, the audit says {said}"
    assert max(SEVERITIES.index(one.severity) for one in found) >= SEVERITIES.index(fault.severity), said
    words = " ".join(one.message for one in found)
    assert [name for name in fault.parameters if name not in words] == [], said


@pytest.mark.parametrize("recipe", STOCK, ids=lambda one: one.name)
def test_a_sound_recipe_raises_no_alarm_and_is_not_touched(recipe: Recipe) -> None:
    model, optimizer, loss = recipe.make()
    before = trace(model, optimizer)
    result = wd.audit(model, optimizer, policy=recipe.policy, loss=loss)
    assert_untouched(before, trace(model, optimizer))
    alarms = [(one.code, one.severity, one.message) for one in result.problems if one.severity != "info"]
    assert alarms == []


@pytest.mark.parametrize("recipe", STOCK[:3], ids=lambda one: one.name)
def test_the_trace_sees_a_step(recipe: Recipe) -> None:
    """The comparison itself: nothing done, nothing seen; one step, one bit, one random number are."""
    model, optimizer, _ = recipe.make()
    before = trace(model, optimizer)
    assert_untouched(before, trace(model, optimizer))
    torch.rand(())
    with pytest.raises(AssertionError, match="random"):
        assert_untouched(before, trace(model, optimizer))
    before = trace(model, optimizer)
    first = next(model.parameters())
    with torch.no_grad():
        first.view(-1)[0].nextafter_(torch.tensor(9.0))
    with pytest.raises(AssertionError, match="weights"):
        assert_untouched(before, trace(model, optimizer))
    before = trace(model, optimizer)
    first.grad = torch.zeros_like(first)
    with pytest.raises(AssertionError, match="weights"):
        assert_untouched(before, trace(model, optimizer))
    before = trace(model, optimizer)
    optimizer.step()
    with pytest.raises(AssertionError):
        assert_untouched(before, trace(model, optimizer))
