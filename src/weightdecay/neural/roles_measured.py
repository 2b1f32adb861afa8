"""A forward and a few backward passes of a model: what is done with each parameter, and what depends on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils.parametrize import ParametrizationList

from weightdecay.neural.invariance import Invariance, Loss, gradient_products, has_directions, judged
from weightdecay.neural.roles_names import Site
from weightdecay.neural.roles_running import copied, floats, run, untouched
from weightdecay.neural.roles_trace import Recorder, Trace


@dataclass(frozen=True, eq=False)
class Measured:
    """What a sample shows of each parameter, by its place among the sites.

    Attributes
    ----------
    trace : the forward pass.
    unused : parameters that require a gradient and get none.
    invariances : of those that vary along two axes or more and have a gradient.
    order : rank in the order in which parameters are first used.
    """

    trace: Trace
    unused: frozenset[int]
    invariances: dict[int, Invariance]
    order: dict[int, int]


def measure(model: nn.Module, own: Sequence[Site], sample: Any, loss: Loss | None) -> Measured:
    """Run an unwrapped model on a sample and leave it as it was.

    Raises
    ------
    ValueError
        The model cannot be called with the sample, or no output depends on a trainable parameter.
    """
    trained = [number for number, site in enumerate(own) if site.parameter.requires_grad]
    with untouched(model):
        inputs = copied(sample)
        recorder = Recorder([site.parameter for site in own], inputs)
        with _handed_over(model, recorder), recorder:
            output = run(model, inputs)
        with recorder:
            ends = floats(output) if loss is None else [loss(output)]
        trace = recorder.finish(ends)
        products = gradient_products([own[number].parameter for number in trained], output, loss)
    unused = frozenset(number for number, found in zip(trained, products, strict=True) if not found)
    found = judged(model, [own[number] for number in trained], products, sample)
    invariances = {trained[place]: one for place, one in found.items() if products[place]}
    return Measured(trace, unused, invariances, _order(trace))


def _order(trace: Trace) -> dict[int, int]:
    first: dict[int, int] = {}
    for use in sorted(trace.uses, key=lambda use: use.node):
        first.setdefault(use.parameter, len(first))
    return first


@contextmanager
def _handed_over(model: nn.Module, recorder: Recorder) -> Iterator[None]:
    """Note the parameters that are handed to modules with matrices of their own: such are data, learned ones."""
    steps = {
        id(one) for holder in model.modules() if isinstance(holder, ParametrizationList) for one in holder.modules()
    }
    takers = [
        module
        for module in model.modules()
        if not isinstance(module, torch.jit.ScriptModule)  # such take no hooks
        and id(module) not in steps
        and module is not model
        and any(has_directions(one) for one in module.parameters())
    ]

    def note(module: nn.Module, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> None:
        for tensor in (*arguments, *keywords.values()):
            if isinstance(tensor, Tensor):
                recorder.given(tensor)

    handles = [module.register_forward_pre_hook(note, with_kwargs=True) for module in takers]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
