"""A trial: one setting of an estimator's other parameters, tuned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any


@dataclass(frozen=True)
class Trial:
    """One setting of the other parameters, tuned: a row of the table of a search in a space.

    Parameters
    ----------
    params : mapping of str to value
    decay : float
        The choice of λ.
    mean, standard_error : float
        Least mean held-out loss over its decays, and its standard error.
    paired : float
        Standard error of the paired difference to the best setting; nan where folds are none or one.
    decays, losses : tuple of float
        λ tried with the setting, and the mean held-out loss of each; empty where they are not known.
    """

    params: Mapping[str, Any]
    decay: float
    mean: float
    standard_error: float
    paired: float = math.nan
    decays: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()


def l1_ratio_of(params: Mapping[str, Any]) -> float | None:
    """The l1_ratio of a setting, of a step of a Pipeline too; None where it has none."""
    for name, value in params.items():
        if name.rpartition("__")[2] == "l1_ratio" and isinstance(value, Real):
            return float(value)
    return None
