"""Where each parameter of a model lives: names that wrapping does not change, every tensor once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from torch import nn
from torch.nn.parallel import DistributedDataParallel
from torch.optim.swa_utils import AveragedModel

_CARRIERS = (nn.DataParallel, DistributedDataParallel, AveragedModel)
# The one child of torch.compile's, of fully sharded and of checkpointing wrappers.
_CARRIED = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")


@dataclass(frozen=True, eq=False)
class Place:
    """One place where a parameter is registered.

    Attributes
    ----------
    path : the modules from the root to the one that holds the parameter.
    keys : the names under which each module of the path but the root, and last the parameter, is registered.
    name : dotted, without what wrappers add.
    raw : dotted, as the root's ``named_parameters`` has it.
    """

    path: tuple[nn.Module, ...]
    keys: tuple[str, ...]
    name: str
    raw: str

    @property
    def module(self) -> nn.Module:
        return self.path[-1]

    @property
    def key(self) -> str:
        return self.keys[-1]


@dataclass(frozen=True, eq=False)
class Site:
    """A parameter and all places where it is registered, in the order of registration; tied where there are several."""

    parameter: nn.Parameter
    places: tuple[Place, ...]

    @property
    def name(self) -> str:
        return self.places[0].name


def carried(module: nn.Module) -> str | None:
    """The name of the child of a module that only carries it: compiled, parallel, averaged; None for others."""
    if isinstance(module, _CARRIERS):
        return "module"
    children = list(module._modules.keys())
    if len(children) == 1 and children[0] in _CARRIED and not module._parameters:
        return children[0]
    return None


def unwrapped(model: nn.Module) -> nn.Module:
    """The module inside all wrappers."""
    child = carried(model)
    while child is not None:
        model = model.get_submodule(child)
        child = carried(model)
    return model


def sites(model: nn.Module) -> tuple[Site, ...]:
    """Every parameter of a model once, in the order of ``model.parameters()``."""
    places: dict[int, list[Place]] = {}
    parameters: dict[int, nn.Parameter] = {}
    for place, parameter in _walk((model,), (), (), ()):
        parameters[id(parameter)] = parameter
        places.setdefault(id(parameter), []).append(place)
    return tuple(Site(parameters[key], tuple(found)) for key, found in places.items())


def _walk(
    path: tuple[nn.Module, ...], keys: tuple[str, ...], name: tuple[str, ...], raw: tuple[str, ...]
) -> Iterator[tuple[Place, nn.Parameter]]:
    """A module's own parameters, then those of its children, each under every name that leads to it."""
    module = path[-1]
    for key, parameter in module._parameters.items():
        if parameter is not None:
            yield Place(path, (*keys, key), ".".join((*name, key)), ".".join((*raw, key))), parameter
    hidden = carried(module)
    for key, child in module._modules.items():
        if child is not None:
            shown = name if key == hidden else (*name, key)
            yield from _walk((*path, child), (*keys, key), shown, (*raw, key))
