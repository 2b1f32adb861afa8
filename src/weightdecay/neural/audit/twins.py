"""Copies of optimisers in which other tensors stand for the caller's, wherever an optimiser refers to them.

``copy.deepcopy`` will not do: it takes functions as they are, and with them the weights and optimisers that their
closures hold (schedulers and hooks put such functions on optimisers), and it loses what a subclass keeps as attributes.
"""

from __future__ import annotations

import enum
import functools
import logging
import sys
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from weightdecay.neural.audit.cuts import Cut, exact, local

LARGEST_COPY = 1 << 16  # numbers of a tensor of unknown use that is copied; larger ones are shared, under guard
MOST_OBJECTS = 200_000

_AS_IT_IS = (
    *(
        type(None),
        bool,
        int,
        float,
        complex,
        str,
        bytes,
        type,
        range,
        slice,
        types.ModuleType,
        types.BuiltinFunctionType,
    ),
    *(torch.dtype, torch.device, torch.Size, torch.layout, torch.memory_format, enum.Enum, logging.Logger),
)


class TooLargeError(RuntimeError):
    """An optimiser refers to more objects than can be copied."""


class StandIns:
    """What takes the place of the caller's parameters: tensors of some, nothing of all others.

    Parameters
    ----------
    probed : mapping of Tensor to Cut
        The parameters that are stepped.
    others : iterable of Tensor
        All other parameters: nothing of them is left but their type and axes.
    precise : bool
        Whether numbers are taken in float64 and complex128 rather than in their own type.
    device : torch.device, optional
        None: each parameter's own.
    """

    def __init__(
        self,
        probed: Mapping[Tensor, Cut],
        others: Iterable[Tensor],
        *,
        precise: bool,
        device: torch.device | None = None,
    ) -> None:
        self.cuts = dict(probed)
        self.precise = precise
        self.device = device
        self.by_id: dict[int, Tensor] = {}
        self.originals: dict[int, Tensor] = {}
        for tensor, cut in self.cuts.items():
            here = local(tensor)
            shape = here.shape if cut.whole else cut.shape(here.shape)
            self._put(tensor, torch.empty(shape, dtype=self.dtype(tensor), device=self._place(here)), True)
        for tensor in others:
            if id(tensor) not in self.by_id:
                here = local(tensor)
                nothing = torch.empty((0,) * here.dim(), dtype=here.dtype, device=self._place(here))
                self._put(tensor, nothing, tensor.requires_grad)

    def _put(self, original: Tensor, values: Tensor, trained: bool) -> None:
        made = nn.Parameter(values, trained) if isinstance(original, nn.Parameter) else values.requires_grad_(trained)
        self.by_id[id(original)] = made
        self.originals[id(original)] = original

    def dtype(self, tensor: Tensor) -> torch.dtype:
        """The type of a tensor's stand-in."""
        number = tensor.is_floating_point() or tensor.is_complex()
        return exact(tensor.dtype) if self.precise and number else tensor.dtype

    def of(self, original: Tensor) -> Tensor:
        """The stand-in of a parameter."""
        return self.by_id[id(original)]

    def kept(self, tensor: Tensor, owner: Tensor) -> Tensor:
        """What stands for a tensor that belongs to a parameter: the same cut of it, if it has the same shape."""
        cut = self.cuts.get(owner)
        here, shape = local(tensor), local(owner).shape
        if cut is None:
            return here.detach().new_empty((0,) * here.dim()) if here.shape == shape and here.dim() else _copy(here)
        if here.shape != shape:
            return _copy(here)
        part = cut.of(here.detach())
        dtype = self.dtype(here) if here.dim() else here.dtype
        if self.device is not None and self.device.type == "meta":
            return torch.empty(part.shape, dtype=dtype, device=self.device)
        return part.to(device=self._place(here), dtype=dtype, copy=True).contiguous()

    def _place(self, tensor: Tensor) -> torch.device:
        if self.device is not None:
            return self.device
        lacking = tensor.device.type == "meta" or (self.precise and tensor.device.type == "mps")
        return torch.device("cpu") if lacking else tensor.device


class Copier:
    """Copy whatever an optimiser refers to, stand-ins in the place of parameters.

    Parameters
    ----------
    stand_ins : StandIns
    keep : callable
        Told of each tensor that is shared because of its size, so that it can be guarded.
    """

    def __init__(self, stand_ins: StandIns, keep: Callable[[Tensor], None]) -> None:
        self.stand_ins = stand_ins
        self.keep = keep
        self.memo: dict[int, Any] = dict(stand_ins.by_id)
        self.alive: list[Any] = []
        self.parallel: tuple[tuple[Tensor, ...], ...] = ()

    def copy(self, value: Any, owner: Tensor | None = None) -> Any:
        """A copy of a value that may belong to a parameter."""
        if isinstance(value, _AS_IT_IS):
            return value
        found = self.memo.get(id(value))
        if found is not None:
            return found
        if len(self.alive) > MOST_OBJECTS:
            raise TooLargeError("it refers to more objects than can be copied")
        self.alive.append(value)
        if isinstance(value, Tensor):
            return self._remember(value, self._tensor(value, owner))
        for kinds, method in _WAYS:
            if isinstance(value, kinds):
                return method(self, value, owner)
        return self._instance(value, owner)

    def _remember(self, value: Any, made: Any) -> Any:
        self.memo[id(value)] = made
        return made

    def _tensor(self, value: Tensor, owner: Tensor | None) -> Tensor:
        if owner is not None:
            return self.stand_ins.kept(value, owner)
        if value.numel() > LARGEST_COPY:
            self.keep(value)
            return value
        return _copy(value)

    def _mapping(self, value: dict[Any, Any], owner: Tensor | None) -> Any:
        made = self._empty(value)
        self._remember(value, made)
        if isinstance(made, defaultdict):
            made.default_factory = self.copy(value.default_factory)  # type: ignore[attr-defined]
        originals = self.stand_ins.originals
        put = OrderedDict.__setitem__ if isinstance(made, OrderedDict) else dict.__setitem__
        for key, one in value.items():
            its = owner
            if isinstance(key, Tensor) and id(key) in originals:
                its = key
            elif type(key) is int and key in originals:  # kept by id(parameter)
                its = originals[key]
                key = id(self.stand_ins.of(its))
            put(made, self.copy(key), self.copy(one, its))
        self._attributes(value, made, owner)
        return made

    def _empty(self, value: Any) -> Any:
        kind: Any = type(value)
        try:
            return kind.__new__(kind)
        except TypeError:
            return {} if isinstance(value, dict) else []

    def _sequence(self, value: Any, owner: Tensor | None) -> Any:
        made = self._empty(value)
        self._remember(value, made)
        if isinstance(value, deque):
            made = self._remember(value, deque(maxlen=value.maxlen))
        made.extend(self.copy(one, its) for one, its in zip(value, self._owners(value, owner), strict=True))
        return made

    def _tuple(self, value: tuple[Any, ...], owner: Tensor | None) -> Any:
        parts = [self.copy(one, its) for one, its in zip(value, self._owners(value, owner), strict=True)]
        if all(one is other for one, other in zip(value, parts, strict=True)):
            return self._remember(value, value)
        named = type(value) is not tuple
        return self._remember(value, type(value)(*parts) if named else tuple(parts))

    def _owners(self, value: Any, owner: Tensor | None) -> list[Tensor | None]:
        """Which parameters the tensors of a list belong to: those of a group, where shape after shape agrees."""
        mine: list[Tensor | None] = [owner] * len(value)
        if owner is not None or not all(isinstance(one, Tensor) for one in value):
            return mine
        if any(id(one) in self.stand_ins.originals for one in value):
            return mine
        for parameters in self.parallel:
            if len(parameters) == len(value) and all(
                one.shape == other.shape for one, other in zip(value, parameters, strict=True)
            ):
                return list(parameters)
        return mine

    def _set(self, value: Any, owner: Tensor | None) -> Any:
        return self._remember(value, type(value)(self.copy(one, owner) for one in value))

    def _method(self, value: types.MethodType, owner: Tensor | None) -> Any:
        return self._remember(value, types.MethodType(self.copy(value.__func__), self.copy(value.__self__)))

    def _function(self, value: types.FunctionType, owner: Tensor | None) -> Any:
        inner = value.__dict__.get("_torchdynamo_orig_callable")
        if inner is not None:  # compiled for the caller's tensors
            return self._remember(value, self.copy(inner))
        if _is_public(value) or not (value.__closure__ or value.__defaults__ or value.__kwdefaults__ or value.__dict__):
            return self._remember(value, value)
        cells = tuple(types.CellType() for _ in value.__closure__ or ())
        made = types.FunctionType(value.__code__, value.__globals__, value.__name__, None, cells or None)
        self._remember(value, made)
        made.__defaults__ = self.copy(value.__defaults__)
        made.__kwdefaults__ = self.copy(value.__kwdefaults__)
        made.__qualname__, made.__module__, made.__doc__ = value.__qualname__, value.__module__, value.__doc__
        for cell, old in zip(cells, value.__closure__ or (), strict=True):
            try:
                cell.cell_contents = self.copy(old.cell_contents)
            except ValueError:  # not yet filled
                continue
        made.__dict__.update({key: self.copy(one) for key, one in value.__dict__.items()})
        return made

    def _partial(self, value: functools.partial[Any], owner: Tensor | None) -> Any:
        made = functools.partial(self.copy(value.func), *self.copy(value.args), **self.copy(value.keywords))
        return self._remember(value, made)

    def _reference(self, value: weakref.ref[Any], owner: Tensor | None) -> Any:
        target = self.copy(value())
        if target is None:
            return self._remember(value, value)
        self.alive.append(target)
        return self._remember(value, weakref.ref(target))

    def _generator(self, value: torch.Generator, owner: Tensor | None) -> Any:
        made = torch.Generator(value.device)
        made.set_state(value.get_state())
        return self._remember(value, made)

    def _array(self, value: Any, owner: Tensor | None) -> Any:
        return self._remember(value, value.copy() if value.size <= LARGEST_COPY and value.dtype != object else value)

    def _instance(self, value: Any, owner: Tensor | None) -> Any:
        """An object with attributes; what has none, or cannot be made anew, is shared."""
        kind = type(value)
        named = [name for base in kind.__mro__ for name in _slots(base)]
        if not named and not isinstance(getattr(value, "__dict__", None), dict):
            return self._remember(value, value)
        try:
            made = object.__new__(kind)
        except TypeError:
            return self._remember(value, value)
        self._remember(value, made)
        for name in named:
            if hasattr(value, name):
                object.__setattr__(made, name, self.copy(getattr(value, name), owner))
        self._attributes(value, made, owner)
        return made

    def _attributes(self, value: Any, made: Any, owner: Tensor | None) -> None:
        own = getattr(value, "__dict__", None)
        if isinstance(own, dict):
            vars(made).update({key: self.copy(one, owner) for key, one in own.items()})


_WAYS: tuple[tuple[Any, Callable[[Copier, Any, Tensor | None], Any]], ...] = (
    (dict, Copier._mapping),
    ((list, deque), Copier._sequence),
    (tuple, Copier._tuple),
    ((set, frozenset), Copier._set),
    (types.MethodType, Copier._method),
    (types.FunctionType, Copier._function),
    (functools.partial, Copier._partial),
    (weakref.ref, Copier._reference),
    (torch.Generator, Copier._generator),
    (np.ndarray, Copier._array),
)


def _is_public(function: types.FunctionType) -> bool:
    """Whether a function is one that its module or class has under its name: such hold nothing of an optimiser."""
    place: Any = sys.modules.get(function.__module__ or "")
    for name in function.__qualname__.split("."):
        place = getattr(place, "__dict__", {}).get(name)
    return place is function


def _slots(kind: type) -> tuple[str, ...]:
    found = kind.__dict__.get("__slots__", ())
    names = (found,) if isinstance(found, str) else tuple(found)
    return tuple(name for name in names if name not in ("__dict__", "__weakref__"))


def _copy(tensor: Tensor) -> Tensor:
    """Numbers of their own."""
    return tensor.detach().clone().requires_grad_(tensor.requires_grad and tensor.is_floating_point())


def twin(
    optimizer: torch.optim.Optimizer, copier: Copier, *, fresh: bool, emptied: bool = False
) -> torch.optim.Optimizer:
    """A copy of an optimiser that steps the stand-ins.

    Parameters
    ----------
    optimizer : torch.optim.Optimizer
        Left as it is.
    copier : Copier
        With the stand-ins.
    fresh : bool
        Whether the probed parameters have no state yet.
    emptied : bool
        With ``fresh``: their state is there, but all zeros, for optimisers that make it at their birth.

    Returns
    -------
    torch.optim.Optimizer
        Of the same class.
    """
    kind = type(optimizer)
    made: torch.optim.Optimizer = object.__new__(kind)
    copier.memo[id(optimizer)] = made
    copier.alive.append(made)
    stand_ins = copier.stand_ins
    groups = [tuple(group["params"]) for group in optimizer.param_groups]
    copier.parallel = (*groups, tuple(one for group in groups for one in group))
    state: defaultdict[Any, Any] = defaultdict(dict)
    copier.memo[id(optimizer.state)] = state
    for key, one in optimizer.state.items():
        if not isinstance(key, Tensor) or id(key) not in stand_ins.originals:
            state[copier.copy(key)] = copier.copy(one)
        elif key in stand_ins.cuts and (not fresh or emptied):
            entry = copier.copy(one, key)
            state[stand_ins.of(key)] = _emptied(entry) if emptied else entry
    vars(made).update({key: copier.copy(one) for key, one in vars(optimizer).items()})
    made.state = state
    for original, copied in stand_ins.by_id.items():
        for name, one in vars(stand_ins.originals[original]).items():  # marks that users put on parameters
            if name not in ("grad", "_backward_hooks"):
                setattr(copied, name, copier.copy(one, stand_ins.originals[original]))
    return made


def _emptied(entry: Any) -> Any:
    """A state in which nothing has happened yet."""
    if isinstance(entry, dict):
        return {key: _emptied(one) for key, one in entry.items()}
    if isinstance(entry, Tensor) and (entry.is_floating_point() or entry.is_complex()):
        return torch.zeros_like(entry)
    return 0 if type(entry) is int else entry
