"""What a bare parameter of a module that is not torch's may be: by a trial call of the module, else by its shape."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from weightdecay.neural.roles_names import Place
from weightdecay.neural.roles_running import floats, run, untouched
from weightdecay.neural.roles_scales import varying
from weightdecay.neural.roles_trace import Kind, Recorder
from weightdecay.neural.roles_types import Told

_ROWS = 8
_LISTS = (nn.ParameterList, nn.ParameterDict)


class Trial(NamedTuple):
    """A call of a module: how it uses a parameter, and whether it gives the same when its input is multiplied."""

    kinds: frozenset[Kind]
    normalises: bool


def tried(place: Place) -> Trial | None:
    """What the module that holds a parameter does with it when a copy of the module is called on random numbers.

    Only modules without modules that have parameters are called, in the shapes (rows, p), (rows, steps, p),
    (rows, p, height, width), (rows, p, steps); the rows and columns of the numbers have different sizes, so that what
    has one size in the end has been normalised. None where no such call works.
    """
    depth = max(at for at, one in enumerate(place.path) if not isinstance(one, _LISTS) or not at)
    module, key = place.path[depth], ".".join(place.keys[depth:])
    inside = [child for child in module.children() if not isinstance(child, _LISTS)]
    if any(True for child in inside for _ in child.parameters()) or _elsewhere(module):
        return None
    with untouched(module):
        try:
            copied = copy.deepcopy(module)
        except Exception:  # a module may hold what cannot be copied; then it is not called
            return None
        for inputs in _inputs(dict(module.named_parameters())[key], list(module.parameters())):
            try:
                trial = _called(copied, key, inputs)
            except Exception:  # the module takes other inputs than these
                continue
            if trial.kinds:
                return trial
    return None


def _called(module: nn.Module, key: str, inputs: Tensor) -> Trial:
    names = [name for name, _ in module.named_parameters()]
    recorder = Recorder(list(module.parameters()), inputs)
    with recorder:
        output = floats(run(module, inputs.clone()))
    kinds = recorder.finish(output).kinds(names.index(key))
    if "scale" not in kinds:
        return Trial(kinds, normalises="gain" in kinds)
    again = floats(run(module, 3.0 * inputs))
    same = [torch.allclose(one, other, rtol=1e-2, atol=1e-2) for one, other in zip(output, again, strict=True)]
    return Trial(kinds, normalises=all(same) and any(bool(one.std() > 0.1) for one in output))


def by_shape(parameter: Tensor) -> Told:
    """The role that the shape alone suggests."""
    axes = varying(parameter)
    if parameter.numel() == 1:
        return Told("scalar", "a single number")
    if len(axes) == 1 and parameter.ndim != 2:
        return Told("bias", "a bare vector: bias or gain, which only sample= tells", certain=False)
    if parameter.ndim > 2 and parameter.shape[0] == 1:
        return Told("embedding", "a bare tensor for all rows of a batch: token or position, by shape", certain=False)
    return Told("matrix", "a bare tensor: matrix or positions, which only sample= tells", certain=False)


def _elsewhere(module: nn.Module) -> bool:
    """Whether a module has no numbers here: on the meta device."""
    return any(value.device.type == "meta" for value in module.parameters())


def _inputs(parameter: Tensor, others: list[nn.Parameter]) -> Iterator[Tensor]:
    """Random inputs of shapes that may suit a module with this parameter and others, then indices."""
    if not parameter.is_floating_point():
        return
    generator = torch.Generator().manual_seed(0)
    sizes = [length for one in (parameter, *others) for length in reversed(one.shape) if length > 1]
    for size in dict.fromkeys(sizes or [4]):
        for shape in ((_ROWS, size), (_ROWS, 5, size), (_ROWS, size, 5, 5), (_ROWS, size, 5)):
            numbers = torch.randn(shape, generator=generator) + 0.5
            for axis in (0, shape.index(size, 1)):
                along = torch.linspace(-1.5, 1.5, shape[axis]).exp()
                numbers = numbers * along.reshape([-1 if place == axis else 1 for place in range(len(shape))])
            yield numbers.to(device=parameter.device, dtype=parameter.dtype)
    yield torch.zeros((_ROWS, 5), dtype=torch.long, device=parameter.device)
