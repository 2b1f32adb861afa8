"""Records to strict JSON and back: infinities and NaN travel as strings, arrays as nested lists."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

_SPECIAL = {"inf": math.inf, "-inf": -math.inf, "nan": math.nan}


def encode(value: Any) -> Any:
    """A value as strict JSON types: floats keep all digits, inf and nan become strings, as does what JSON lacks."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    if isinstance(value, float) and not math.isfinite(value):
        return repr(value)
    if isinstance(value, Mapping):
        return {str(key): encode(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float | str) else str(value)


def number(value: Any) -> float:
    """A float from its JSON form."""
    return _SPECIAL[value] if isinstance(value, str) else float(value)


def pair(value: Any) -> tuple[float, float]:
    """An interval from its JSON form."""
    return number(value[0]), number(value[1])


def numbers(value: Any) -> NDArray[np.float64]:
    """An array of floats from nested lists, inf and nan as strings."""

    def plain(item: Any) -> Any:
        return [plain(one) for one in item] if isinstance(item, list) else number(item)

    return np.asarray(plain(value), dtype=np.float64)
