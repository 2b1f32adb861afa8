"""Nothing of the caller's is written while copies are stepped: a guard before every operation, and what is put back."""

from __future__ import annotations

import random
import sys
import warnings
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

Optimizers: TypeAlias = "tuple[torch.optim.Optimizer, ...]"
Call: TypeAlias = "tuple[str, tuple[int, ...], tuple[str, ...]]"

SEED = 20_252


class TouchesOriginalsError(RuntimeError):
    """A step of a copy was about to write to a tensor of the caller's."""


class Guard(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Refuse every operation that would write into the memory of some tensors, whatever leads to them.

    Parameters
    ----------
    tensors : iterable of Tensor
        Those that stay as they are.
    """

    def __init__(self, tensors: Iterable[Tensor]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._kept = {place for tensor in tensors if (place := _memory(tensor)) is not None}
        self.calls: list[Call] | None = None

    def watch(self, tensors: Iterable[Tensor]) -> None:
        """Keep more tensors as they are."""
        self._kept.update(place for tensor in tensors if (place := _memory(tensor)) is not None)

    @contextmanager
    def recording(self) -> Iterator[list[Call]]:
        """Note each operation: its name, the number of axes of its tensors, its numbers."""
        self.calls = []
        try:
            yield self.calls
        finally:
            self.calls = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = kwargs or {}
        for place, name in _written(func):
            target = args[place] if place < len(args) else given.get(name)
            for tensor in target if isinstance(target, (list, tuple)) else (target,):
                if isinstance(tensor, Tensor) and _memory(tensor) in self._kept:
                    raise TouchesOriginalsError("its step writes to weights that it holds in a place of its own")
        if self.calls is not None:
            self.calls.append(_described(func, args, given))
        return func(*args, **given)


_WRITTEN: dict[Any, tuple[tuple[int, str], ...]] = {}


def _written(func: Any) -> tuple[tuple[int, str], ...]:
    """Places and names of the arguments that an operation writes to."""
    found = _WRITTEN.get(func)
    if found is None:
        arguments = func._schema.arguments
        found = tuple(
            (place, argument.name)
            for place, argument in enumerate(arguments)
            if argument.alias_info is not None and argument.alias_info.is_write
        )
        _WRITTEN[func] = found
    return found


def _memory(tensor: Tensor) -> int | None:
    """Which memory a tensor lies in; None where it has none of its own."""
    try:
        return int(tensor.untyped_storage()._cdata)
    except (NotImplementedError, RuntimeError):
        return None


def _described(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Call:
    axes: list[int] = []
    numbers: list[str] = []
    for value in (*args, *kwargs.values()):
        for one in value if isinstance(value, (list, tuple)) and value else (value,):
            if isinstance(one, Tensor):
                axes.append(one.dim())
            elif isinstance(one, float):
                numbers.append(repr(one))
    return str(func), tuple(axes), tuple(numbers)


@contextmanager
def left_alone(model: nn.Module, optimizers: Optimizers) -> Iterator[None]:
    """Afterwards random numbers, attributes of the optimisers and gradients are what they were before."""
    parameters = list(model.parameters())
    parameters += [one for optimizer in optimizers for group in optimizer.param_groups for one in group["params"]]
    gradients = [(one, one.grad) for one in parameters]
    entries: list[tuple[dict[Any, Any], dict[Any, Any]]] = []
    for optimizer in optimizers:
        for content in (vars(optimizer), optimizer.state, *optimizer.param_groups, *optimizer.state.values()):
            if isinstance(content, dict):
                entries.append((content, dict(content)))
    numpy_state, python_state = np.random.get_state(), random.getstate()
    cards = sorted({one.device.index for one in parameters if one.device.type == "cuda"})
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=cards))
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            if "torch._dynamo" in sys.modules:
                stack.enter_context(torch.compiler.set_stance("force_eager"))
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore")
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        for parameter, gradient in gradients:
            if parameter.grad is not gradient:
                parameter.grad = gradient
        for content, before in entries:
            if [*map(id, content)] != [*map(id, before)] or any(content[key] is not before[key] for key in before):
                content.clear()
                content.update(before)


@contextmanager
def one_thread() -> Iterator[None]:
    """Within it torch uses one thread: tensors are small, and threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def seed(cards: Iterable[int]) -> None:
    """Begin all random numbers anew, so that two runs draw the same."""
    torch.default_generator.manual_seed(SEED)
    for card in cards:
        torch.cuda.default_generators[card].manual_seed(SEED)
    random.seed(SEED)
    np.random.seed(SEED)


def held(model: nn.Module, optimizers: Optimizers) -> Iterator[Tensor]:
    """Every tensor of a model and its optimisers that must not change."""
    parameters = [*model.parameters(), *model.buffers()]
    for optimizer in optimizers:
        parameters += [one for group in optimizer.param_groups for one in group["params"]]
        yield from _within(list(optimizer.state.values()))
        yield from (one for group in optimizer.param_groups for one in group.values() if isinstance(one, Tensor))
    for one in parameters:
        yield one
        if one.grad is not None:
            yield one.grad


def _within(value: Any) -> Iterator[Tensor]:
    """Tensors in lists and dicts."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for one in value.values():
            yield from _within(one)
    elif isinstance(value, (list, tuple)):
        for one in value:
            yield from _within(one)
