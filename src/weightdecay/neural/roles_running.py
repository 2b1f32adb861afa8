"""A model run on a sample and left as it was: flags, buffers, attributes and random numbers, bit for bit."""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import is_dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.modules.dropout import _DropoutNd
from torch.utils._pytree import tree_flatten, tree_map

SEED = 20_251  # of every run, so that all runs drop the same units


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Within it the model may run in any mode; afterwards it is as before, and so are the random number generators."""
    tensors = _tensors(model)
    attributes = [_attributes(module) for module in model.modules()]
    numpy_state, python_state = np.random.get_state(), random.getstate()
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.random.fork_rng(devices=_cards(model)))
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            stack.enter_context(_eager())
            yield
    finally:
        np.random.set_state(numpy_state)
        random.setstate(python_state)
        for restore in attributes:
            restore()
        for tensor, saved in tensors:
            if not torch.equal(tensor, saved):
                with torch.no_grad():
                    tensor.copy_(saved)


def run(model: nn.Module, sample: Any) -> Any:
    """The output for a sample, the model in the mode in which it trains, dropout apart.

    Raises
    ------
    ValueError
        The model cannot be called with the sample.
    """
    if not model.training:
        model.train()
    for module in model.modules():
        if isinstance(module, _DropoutNd):
            module.eval()
    _seed_torch(_cards(model))
    random.seed(SEED)
    np.random.seed(SEED)
    try:
        return called(model, sample)
    except Exception as error:
        raise ValueError(
            f"the model cannot be called with the sample given ({type(error).__name__}: {_brief(error)}): "
            "give its inputs as in training, a tensor, a tuple of arguments or a dict of keywords, two rows or more"
        ) from error


def called(model: Callable[..., Any], sample: Any) -> Any:
    """model(x), model(*arguments) or model(**keywords)."""
    if isinstance(sample, Mapping):
        return model(**sample)
    if isinstance(sample, (tuple, list)):
        return model(*sample)
    return model(sample)


def copied(sample: Any) -> Any:
    """The sample with tensors of its own: a model may change its inputs."""
    return tree_map(lambda leaf: leaf.detach().clone() if isinstance(leaf, Tensor) else leaf, sample)


def floats(output: Any) -> list[Tensor]:
    """The tensors of real numbers in an output, in whatever it packs them."""
    # Mappings and dataclasses of other libraries are leaves to the tree functions.
    if isinstance(output, Mapping):
        output = dict(output)
    elif is_dataclass(output) and not isinstance(output, type):
        output = dict(vars(output))
    leaves, _ = tree_flatten(output)
    return [leaf for leaf in leaves if isinstance(leaf, Tensor) and leaf.is_floating_point()]


def _cards(model: nn.Module) -> list[int]:
    """The CUDA devices that a model is on."""
    return sorted({value.device.index for value in model.parameters() if value.device.type == "cuda"})


def _seed_torch(cards: list[int]) -> None:
    """Seed the generators that will be put back, and no others."""
    torch.default_generator.manual_seed(SEED)
    for card in cards:
        torch.cuda.default_generators[card].manual_seed(SEED)


def _tensors(model: nn.Module) -> list[tuple[Tensor, Tensor]]:
    """Buffers, and tensors kept as plain attributes, each with a copy."""
    found = {id(value): value for value in model.buffers()}
    for module in model.modules():
        found.update((id(value), value) for value in vars(module).values() if isinstance(value, Tensor))
    return [(value, value.detach().clone()) for value in found.values()]


def _attributes(module: nn.Module) -> Callable[[], None]:
    """What puts a module's attributes back, and what its lists, dicts and sets hold."""
    own = vars(module)
    kept = dict(own)
    lists = [(value, list(value)) for value in kept.values() if isinstance(value, list)]
    sets = [(value, set(value)) for value in kept.values() if isinstance(value, set)]
    dicts = [(own, kept), *((value, dict(value)) for value in kept.values() if isinstance(value, dict))]

    def restore() -> None:
        for values, before in lists:
            values[:] = before
        for members, those in sets:
            members.clear()
            members.update(those)
        for entries, content in dicts:
            if list(entries) != list(content) or any(entries[key] is not value for key, value in content.items()):
                entries.clear()
                entries.update(content)

    return restore


def _eager() -> AbstractContextManager[Any]:
    """Compiled parts run as they are written, if anything can be compiled at all."""
    if "torch._dynamo" not in sys.modules:
        return nullcontext()
    stance: AbstractContextManager[Any] = torch.compiler.set_stance("force_eager")
    return stance


def _brief(error: Exception) -> str:
    """The first line of what an exception says."""
    text = str(error).strip().splitlines()
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in (text or [""])[0])[
        :200
    ]
