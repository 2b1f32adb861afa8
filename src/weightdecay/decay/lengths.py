"""Lengths of training: "3 epochs", "2000 steps", "1.5e9 tokens", "20 %" of the run, or a number of steps."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TypeAlias, final

Given: TypeAlias = float | str

UNITS = {"step": "steps", "epoch": "epochs", "token": "tokens", "sample": "samples", "%": "%"}
_THOUSANDS = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}
_TEXT = re.compile(r"\s*([0-9][0-9_,]*\.?[0-9]*(?:e[+-]?[0-9]+)?|\.[0-9]+)\s*([kmbt]?)\s*(%|[a-z]+)?\s*", re.IGNORECASE)


@final
@dataclass(frozen=True)
class Length:
    """An amount of a unit: steps, epochs, tokens, samples, or % of the run."""

    amount: float
    unit: str

    def __str__(self) -> str:
        return f"{self.amount:g} {self.unit}"


def length_of(name: str, given: Given) -> Length:
    """Return a length from a number of steps or from text.

    Parameters
    ----------
    name : str
        What it is the length of, for the error.
    given : float or str
        Steps; or a number with its unit, where k, M, B and T stand for thousands, millions and so on.

    Raises
    ------
    ValueError
        If it is no positive number with a unit that is known.

    Examples
    --------
    >>> str(length_of("half_life", "3 epochs")), str(length_of("tau", "20 %")), str(length_of("tau", "1.5B tokens"))
    ('3 epochs', '20 %', '1.5e+09 tokens')
    >>> str(length_of("tau", 500))
    '500 steps'
    """
    found = Length(math.nan, "steps")
    if isinstance(given, str):
        match = _TEXT.fullmatch(given)
        unit = UNITS.get((match[3] or "steps").lower().removesuffix("s"), "") if match else ""
        if match and unit:
            number = float(match[1].replace("_", "").replace(",", ""))
            found = Length(number * _THOUSANDS[match[2].lower()], unit)
    elif not isinstance(given, bool):
        found = Length(float(given), "steps")
    if not 0.0 < found.amount < math.inf:
        raise ValueError(
            f"{name}={given!r} is no length: expected a positive number of steps, or text such as '3 epochs', "
            f"'2000 steps', '1.5e9 tokens' or '20 %' (of the run)"
        )
    return found
