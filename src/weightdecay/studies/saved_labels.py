"""Labels of classes as JSON, and back: texts, truth values and numbers, each in the type that it had."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
from numpy.typing import NDArray

_NUMBERS = frozenset(
    ("int64", "int32", "int16", "int8", "uint64", "uint32", "uint16", "uint8", "float64", "float32", "float16")
)
_TEXT = re.compile(r"<U[1-9]\d{0,6}")


def packed_labels(labels: NDArray[Any]) -> dict[str, Any]:
    """Labels (k,) as JSON types: their type, and their values in order.

    Raises
    ------
    ValueError
        They are of a kind that JSON does not hold exactly; the reason follows "it".
    """
    kind = labels.dtype.name
    if labels.dtype.kind == "U" or (labels.dtype == object and all(type(one) is str for one in labels.tolist())):
        kind = labels.dtype.newbyteorder("<").str if labels.dtype.kind == "U" else "object"
        return {"type": kind, "labels": [str(one) for one in labels.tolist()]}
    if kind == "bool" or (kind in _NUMBERS and np.isfinite(labels).all()):
        return {"type": kind, "labels": labels.tolist()}
    odd = sorted({type(one).__name__ for one in labels.tolist()}) if labels.dtype == object else [kind]
    raise ValueError(
        f"has classes of type {' and '.join(odd)}; a file keeps texts, truth values and numbers: fit it to such labels"
    )


def unpacked_labels(plain: Any) -> NDArray[Any]:
    """The labels that `packed_labels` took.

    Raises
    ------
    ValueError
        They are not of the form that it gives, fewer than two, or not in ascending order.
    """
    if not isinstance(plain, dict) or set(plain) != {"type", "labels"} or not isinstance(plain["labels"], list):
        raise ValueError("has classes in no known form; save the model again")
    kind, values = plain["type"], plain["labels"]
    if not isinstance(kind, str) or len(values) < 2 or not all(_fits(one, kind) for one in values):
        raise ValueError("has classes that are not of their type, or fewer than two; save the model again")
    try:
        labels = np.array(values, dtype=kind)
        kept = labels.tolist() == values and bool((labels[:-1] < labels[1:]).all())
    except (OverflowError, TypeError) as error:
        raise ValueError(f"has classes that are none of {kind[:40]!r} ({error})") from None
    if not kept:
        raise ValueError("has classes that are not in order, or not of their type; save the model again")
    return labels


def _fits(value: Any, kind: str) -> bool:
    """Whether a value of JSON is one of a type."""
    if kind == "object" or _TEXT.fullmatch(kind):
        return type(value) is str
    if kind == "bool":
        return type(value) is bool
    if kind not in _NUMBERS:
        return False
    return type(value) is int if "int" in kind else type(value) is float and math.isfinite(value)
