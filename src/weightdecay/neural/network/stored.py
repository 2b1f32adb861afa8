"""Stored: a fitted network as words and arrays, and back; every part is checked before anything is made of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from math import prod
from typing import Any, TypeVar, final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from weightdecay.neural.network.architecture import checked_output, factory_of, perceptron, widths
from weightdecay.neural.network.opened import Scales
from weightdecay.neural.network.problem import Constant
from weightdecay.neural.population.training import made

Array = NDArray[np.float64]
T = TypeVar("T")

# Ways in which a module comes about.
LAYERS, MODULE, CONSTANT = "layers", "module", "constant"
SCALES = ("x_mean", "x_scale", "y_mean", "y_scale")
# Begins the name of an array that is a weight, a bias or a buffer of the module.
STATE = "state."
# What arrays of float64 keep exactly.
TYPES = ("float64", "int64", "int32", "int16", "int8", "uint8", "bool")
DIMENSIONS = 16
AGAIN = "save the model again"


@final
@dataclass(frozen=True)
class Entry:
    """A weight, bias or buffer: its name in the module, its type and its shape."""

    name: str
    type: str
    shape: tuple[int, ...]


def stored(estimator: Any) -> tuple[dict[str, Any], dict[str, Array]]:
    """A fitted network estimator as JSON types and arrays, but for its parameters.

    Weights, biases and buffers, those too that a module does not count to its state; arrays of more than two dimensions
    are stored in one, with their shape beside them.

    Raises
    ------
    ValueError
        The module holds what no array keeps; the sentence goes on from "it".
    """
    module, scales = estimator.module_, estimator.scales_
    own = [name for name in module.state_dict() if name.endswith("_extra_state")]
    if own:
        raise ValueError(f"has a module with a state of its own kind ({own[0]}), which is no array; keep that yourself")
    plain: list[dict[str, Any]] = []
    arrays = {name: np.asarray(getattr(scales, name), dtype=np.float64) for name in SCALES}
    arrays["decay"] = np.asarray(estimator.decay_, dtype=np.float64)
    for name, one in tensors(module).items():
        kind = str(one.dtype).removeprefix("torch.")
        if kind not in TYPES:
            raise ValueError(f"has {name!r} of type {kind} in its module; a file keeps float64 and whole numbers")
        values = one.detach().cpu().numpy()
        numbers = values.astype(np.float64)
        if kind == "int64" and (np.abs(numbers) > 2.0**53).any():
            raise ValueError(f"has numbers beyond 2^53 in {name!r} of its module, which no file keeps exactly")
        plain.append({"name": name, "type": kind, "shape": list(values.shape)})
        arrays[STATE + name] = numbers.reshape(-1) if numbers.ndim > 2 else numbers
    way = CONSTANT if type(module) is Constant else LAYERS if estimator.module is None else MODULE
    hidden = list(widths(estimator.hidden)) if way == LAYERS else []
    single = bool(estimator._single)
    return {"made": way, "hidden": hidden, "single": single, "state": plain}, arrays


def restore(estimator: Any, plain: Mapping[str, Any], arrays: Mapping[str, Array], factory: Any) -> None:
    """Give an estimator, whose parameters, columns and classes are set, the network that `stored` took.

    Parameters
    ----------
    estimator : NetworkRegressor or NetworkClassifier
    plain, arrays
        As `stored` gives them.
    factory : callable or None
        What makes a module of its own, which no file holds.

    Raises
    ------
    ValueError
        They are not of the form that it gives, or do not go together; the sentence goes on from the file's name.
    """
    if set(plain) != {"made", "hidden", "single", "state"}:
        raise ValueError(f"has a network with other entries than a network has; {AGAIN}")
    state = tuple(_entry(one) for one in _typed(plain, "state", list))
    numbers = _numbers(state, arrays)
    scales = _scales(estimator, arrays)
    single, k = _typed(plain, "single", bool), len(scales.y_mean)
    if single and k > 1 and not hasattr(estimator, "classes_"):
        raise ValueError(f"has one target, but {k} outputs; {AGAIN}")
    way = _typed(plain, "made", str)
    if factory is not None and way != MODULE:
        raise ValueError(f"holds a {type(estimator).__name__} without a module of its own; leave module= out")
    module = _module(estimator, way, (plain, state), (scales, factory))
    _check_state(module, state, way)
    _put(module, numbers)
    estimator.module_, estimator.scales_ = module.eval(), scales
    estimator.n_outputs_, estimator._single = k, single


def tensors(module: nn.Module) -> dict[str, torch.Tensor]:
    """Parameters and buffers by name, each once."""
    return {**dict(module.named_parameters()), **dict(module.named_buffers())}


def _entry(given: Any) -> Entry:
    """An entry from its JSON form."""
    if not isinstance(given, dict) or set(given) != {"name", "type", "shape"}:
        raise ValueError(f"has weights in no known form; {AGAIN}")
    name, kind, shape = given["name"], given["type"], given["shape"]
    sound = isinstance(shape, list) and len(shape) <= DIMENSIONS and all(type(one) is int and one >= 0 for one in shape)
    if not isinstance(name, str) or kind not in TYPES or not sound:
        raise ValueError(f"has weights {str(name)[:40]!r} of no sound type or shape; {AGAIN}")
    return Entry(name, kind, tuple(shape))


def _numbers(state: tuple[Entry, ...], arrays: Mapping[str, Array]) -> dict[str, NDArray[Any]]:
    """The numbers of every entry in its type and shape."""
    due = {STATE + one.name for one in state}
    if len(due) < len(state):
        raise ValueError(f"has weights of one name twice; {AGAIN}")
    if wrong := due.union(SCALES, ["decay"]) ^ set(arrays):
        raise ValueError(f"lacks or adds an array {min(wrong)[:40]!r}; {AGAIN}")
    found: dict[str, NDArray[Any]] = {}
    for one in state:
        array = arrays[STATE + one.name]
        if array.shape != (one.shape if len(one.shape) <= 2 else (prod(one.shape),)):
            raise ValueError(
                f"has weights {one.name[:40]!r} that are not of their shape {str(one.shape)[:60]}; {AGAIN}"
            )
        with np.errstate(all="ignore"):
            typed = array.astype(one.type)
        if not np.array_equal(typed.astype(np.float64), array, equal_nan=True):
            raise ValueError(f"has numbers in {one.name[:40]!r} that are none of {one.type}; {AGAIN}")
        found[one.name] = typed.reshape(one.shape)
    return found


def _scales(estimator: Any, arrays: Mapping[str, Array]) -> Scales:
    """Means and deviations that go with the columns, the classes and each other."""
    x_mean, x_scale, y_mean, y_scale = (arrays[name] for name in SCALES)
    p = estimator.n_features_in_
    if x_mean.shape != (p,) or x_scale.shape != (p,):
        raise ValueError(f"has means or deviations of columns that are not {p} numbers; {AGAIN}")
    k = len(estimator.classes_) if hasattr(estimator, "classes_") else max(1, y_mean.size)
    if y_mean.shape != (k,) or y_scale.shape != (k,):
        raise ValueError(f"has means or deviations of targets that are not {k} numbers; {AGAIN}")
    finite = all(np.isfinite(one).all() for one in (x_mean, y_mean, y_scale))
    if not finite or not (x_scale > 0).all() or not (y_scale > 0).all():
        raise ValueError(f"has means that are not finite, or deviations that are not above 0; {AGAIN}")
    if arrays["decay"].shape != () or not arrays["decay"] >= 0:
        raise ValueError(f"has a decay that is no number of at least 0; {AGAIN}")
    return Scales(x_mean, x_scale, y_mean, y_scale)


def _module(
    estimator: Any, way: str, told: tuple[Mapping[str, Any], tuple[Entry, ...]], by: tuple[Scales, Any]
) -> nn.Module:
    """A module whose weights are yet to be put in; none is made whose weights the file does not hold."""
    (plain, state), (scales, factory) = told, by
    p, k = len(scales.x_mean), len(scales.y_mean)
    if way == CONSTANT:
        return Constant(np.zeros(k), scales)
    if way == LAYERS:
        hidden = _typed(plain, "hidden", list)
        if not all(type(one) is int and one > 0 for one in hidden):
            raise ValueError(f"has widths of hidden layers that are no whole numbers above 0; {AGAIN}")
        if len(state) != 2 * (len(hidden) + 1):
            raise ValueError(f"has {len(state)} arrays of weights for {len(hidden)} hidden layers; {AGAIN}")
        sizes = [p, *hidden, k]
        shapes = [shape for low, high in pairwise(sizes) for shape in ((high, low), (high,))]
        if [one.shape for one in state] != shapes:
            raise ValueError(
                f"has weights that do not go with {p} columns, hidden layers {str(hidden)[:60]} and {k} outputs"
            )
        dropout = estimator.dropout
        sound = isinstance(dropout, int | float) and 0 <= dropout < 1
        return _double(made(lambda: perceptron(p, k, hidden, float(dropout) if sound else 0.0), 0))
    if way != MODULE:
        raise ValueError(f"holds a network made in the way {way[:40]!r}, which this version of weightdecay lacks")
    if factory is None:
        raise ValueError(
            f"holds the weights of a module of its own ({str(estimator.module)[:80]!r}); load it in Python with what "
            "makes the module: wd.load(path, module=…)"
        )
    estimator.module = factory
    module = _double(made(factory_of(estimator, p, k), 0))
    _check_state(module, state, way)
    checked_output(module, torch.zeros(2, p, dtype=torch.float64), k)
    return module


def _double(module: nn.Module) -> nn.Module:
    """The module in float64 on the processor, as networks in use are."""
    return module.to("cpu", torch.float64)


def _check_state(module: nn.Module, state: tuple[Entry, ...], way: str) -> None:
    """The module has the weights, biases and buffers of the file, and no others."""
    remedy = "give the module= that it was fitted with" if way == MODULE else AGAIN
    there = {name: (str(one.dtype).removeprefix("torch."), tuple(one.shape)) for name, one in tensors(module).items()}
    given = {one.name: (one.type, one.shape) for one in state}
    for name in sorted(set(there) ^ set(given)):
        which = "lacks" if name in there else "adds"
        raise ValueError(f"{which} {name[:40]!r} where the module has {'it' if name in there else 'none'}; {remedy}")
    for name, (kind, shape) in given.items():
        if there[name] != (kind, shape):
            own = f"{there[name][0]} of shape {there[name][1]}"
            raise ValueError(f"has {name[:40]!r} as {kind} of shape {shape} where the module has {own}; {remedy}")


def _put(module: nn.Module, numbers: Mapping[str, NDArray[Any]]) -> None:
    """Put numbers into a module's weights, biases and buffers, of which only the last may be infinite."""
    weights = {name for name, _ in module.named_parameters()}
    with torch.no_grad():
        for name, one in tensors(module).items():
            values = numbers[name]
            if np.isnan(values).any() or (name in weights and not np.isfinite(values).all()):
                raise ValueError(f"has weights that are not finite ({name[:40]!r}); fit it again with a smaller rate")
            one.copy_(torch.as_tensor(values))


def _typed(document: Mapping[str, Any], name: str, kind: type[T]) -> T:
    """An entry of a type; True is no number."""
    value = document.get(name)
    if type(value) is not kind:
        raise ValueError(f"has {name} of type {type(value).__name__} where {kind.__name__} is due; {AGAIN}")
    return value
