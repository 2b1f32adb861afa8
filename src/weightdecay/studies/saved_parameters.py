"""Parameters of an estimator as JSON and arrays, and back; what neither holds stays behind as words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Ends the words that stand for what is not stored; no parameter of ours is known by them, so a fit says so.
NOT_STORED = " (not stored in the file)"
WORDS, DEPTH = 200, 8
LARGEST_INT = 1 << 63
_DTYPES = frozenset(
    ("float64", "float32", "float16", "int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "bool")
)
_SPECIAL = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


class _Unwritable(Exception):  # noqa: N818 - a signal, which never leaves this module
    """A value that neither JSON nor an array of float64 holds."""


def packed(parameters: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Parameters as JSON types, and the arrays among them by the parameter's name.

    Numbers, text, truth values, None, and lists, tuples and dictionaries of them are kept as they are; arrays, and
    what turns into one (a series), as arrays; anything else, such as a function or a splitter, as words.
    """
    plain: dict[str, Any] = {}
    arrays: dict[str, Array] = {}
    for name, value in parameters.items():
        try:
            array = value if isinstance(value, np.ndarray) else _from_series(value)
            if array is not None:
                arrays[name], plain[name] = _exact(array), {"array": array.dtype.name}
            else:
                plain[name] = _plain(value, DEPTH)
        except _Unwritable:
            plain[name] = {"words": _words(value)}
    return plain, arrays


def unpacked(plain: Mapping[str, Any], arrays: Mapping[str, Array]) -> dict[str, Any]:
    """The parameters that `packed` took; words for what it did not keep.

    Raises
    ------
    ValueError
        They are not of the form that `packed` gives.
    """
    found: dict[str, Any] = {}
    left = set(arrays)
    for name, value in plain.items():
        if isinstance(value, dict) and set(value) == {"array"}:
            found[name] = _array(name, value["array"], arrays)
            left.discard(name)
        else:
            found[name] = _value(name, value)
    if left:
        raise ValueError(f"holds an array of the parameter {min(left)[:40]!r}, which is none")
    return found


def _from_series(value: Any) -> NDArray[Any] | None:
    """What turns itself into an array, such as a series, as one."""
    if hasattr(type(value), "__array__") and not isinstance(value, np.generic):
        return np.asarray(value)
    return None


def _exact(array: NDArray[Any]) -> Array:
    """An array as float64, if that keeps every number."""
    if array.dtype.name not in _DTYPES or array.ndim > 2:
        raise _Unwritable
    numbers = array.astype(np.float64)
    # 2^63 and more, rounded, would not come back as an integer.
    if array.dtype.kind in "iu" and (np.abs(numbers) > 2.0**53).any():
        raise _Unwritable
    return numbers


def _plain(value: Any, depth: int) -> Any:
    """A value as JSON types; what JSON has no form of is a dictionary of one tag."""
    if isinstance(value, np.generic) and value.dtype.name in _DTYPES:
        value = value.item()
    if value is None or type(value) in (bool, str):
        return value
    if type(value) is int and -LARGEST_INT <= value < LARGEST_INT:
        return value
    if type(value) is float:
        return value if math.isfinite(value) else {"number": repr(value)}
    if depth and type(value) is list:
        return [_plain(one, depth - 1) for one in value]
    if depth and type(value) is tuple:
        return {"tuple": [_plain(one, depth - 1) for one in value]}
    if depth and type(value) is dict and all(type(one) is str for one in value):
        return {"dict": [[name, _member(one, depth - 1)] for name, one in value.items()]}
    if depth and type(value) is dict:
        return {"pairs": [[_key(name), _member(one, depth - 1)] for name, one in value.items()]}
    raise _Unwritable


def _member(value: Any, depth: int) -> Any:
    """A value of a dictionary as JSON types: columns of a group may be an array, a range or a slice."""
    if depth and type(value) in (range, slice):
        return {type(value).__name__: [_plain(one, depth - 1) for one in (value.start, value.stop, value.step)]}
    if depth and type(value) is np.ndarray and value.ndim == 1 and value.dtype.name in _DTYPES:
        return {"vector": [value.dtype.name, [_plain(one, depth - 1) for one in value.tolist()]]}
    return _plain(value, depth)


def _key(value: Any) -> Any:
    """A key of a dictionary that is no text, such as a label of ``class_weight``, as JSON types."""
    plain = _plain(value, 0)
    if plain is None or isinstance(plain, dict):
        raise _Unwritable
    return plain


def _words(value: Any) -> str:
    """What a value was, in a few words."""
    if callable(value) and hasattr(value, "__qualname__"):
        text = f"{value.__module__}.{value.__qualname__}"
    elif isinstance(value, list | tuple | dict):
        text = f"{type(value).__name__} of {len(value)}"
    elif isinstance(value, np.ndarray):
        text = f"array of {value.dtype} of shape {value.shape}"
    elif "__repr__" not in {name for one in type(value).__mro__[:-1] for name in vars(one)}:
        text = type(value).__name__
    else:
        text = " ".join(repr(value).split())
    return text[:WORDS] + NOT_STORED


def _value(name: str, value: Any) -> Any:
    """A value from its JSON form."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list):
        return [_value(name, one) for one in value]
    if isinstance(value, dict) and len(value) == 1:
        ((tag, content),) = value.items()
        if tag == "number" and isinstance(content, str) and content in _SPECIAL:
            return _SPECIAL[content]
        if tag == "words" and isinstance(content, str) and content.endswith(NOT_STORED):
            return content
        if tag == "tuple" and isinstance(content, list):
            return tuple(_value(name, one) for one in content)
        if tag in ("range", "slice") and isinstance(content, list):
            return _ends(name, tag, content)
        if tag == "vector" and isinstance(content, list):
            return _vector(name, content)
        if tag in ("dict", "pairs") and isinstance(content, list):
            return _dictionary(name, content, (str,) if tag == "dict" else (str, bool, int, float))
    raise ValueError(f"has a parameter {name[:40]!r} in no known form")


def _ends(name: str, tag: str, content: list[Any]) -> range | slice:
    """A range or a slice from its ends and its step."""
    whole = all(type(one) is int or (one is None and tag == "slice") for one in content)
    if len(content) != 3 or not whole or (content[2] == 0):
        raise ValueError(f"has a parameter {name[:40]!r} in no known form")
    return range(*content) if tag == "range" else slice(*content)


def _vector(name: str, content: list[Any]) -> NDArray[Any]:
    """An array of one dimension from its type and its numbers."""
    if len(content) == 2 and content[0] in _DTYPES and isinstance(content[1], list):
        values = [_value(name, one) for one in content[1]]
        if all(isinstance(one, bool | int | float) for one in values):
            array = np.array(values, dtype=np.float64)
            with np.errstate(all="ignore"):
                typed = array.astype(content[0])
            if np.array_equal(typed.astype(np.float64), array, equal_nan=True):
                return typed
    raise ValueError(f"has a parameter {name[:40]!r} in no known form")


def _dictionary(name: str, pairs: list[Any], keys: tuple[type, ...]) -> dict[Any, Any]:
    """A dictionary from pairs of a key and a value."""
    if not all(isinstance(one, list) and len(one) == 2 and isinstance(one[0], keys) for one in pairs):
        raise ValueError(f"has a parameter {name[:40]!r} in no known form")
    return {key: _value(name, one) for key, one in pairs}


def _array(name: str, dtype: Any, arrays: Mapping[str, Array]) -> NDArray[Any]:
    """An array of a type, whose numbers it holds exactly."""
    if name not in arrays or not isinstance(dtype, str) or dtype not in _DTYPES:
        raise ValueError(f"lacks the array of the parameter {name[:40]!r}, or its type")
    with np.errstate(all="ignore"):
        array = arrays[name].astype(dtype)
        kept = np.array_equal(array.astype(np.float64), arrays[name], equal_nan=True)
    if not kept:
        raise ValueError(f"has numbers in the parameter {name[:40]!r} that are none of {dtype}")
    return array
