"""Frozen: arrays of records that can be read but not written."""

from __future__ import annotations

from typing import Any

import numpy as np


def freeze(record: Any) -> None:
    """Replace a record's arrays by views that refuse to be written; whoever owns the numbers may still write them."""
    for name, value in vars(record).items():
        if isinstance(value, np.ndarray) and value.flags.writeable:
            view = value.view()
            view.flags.writeable = False
            object.__setattr__(record, name, view)


def same(one: Any, other: Any) -> bool:
    """Whether two records of a kind hold the same, arrays number by number, nan being the same as nan."""
    pairs = ((value, vars(other)[name]) for name, value in vars(one).items())
    return all(
        np.array_equal(mine, theirs, equal_nan=mine.dtype.kind == "f")
        if isinstance(mine, np.ndarray)
        else mine is theirs
        if mine is None or theirs is None
        else mine == theirs or (isinstance(mine, float) and mine != mine and theirs != theirs)
        for mine, theirs in pairs
    )
