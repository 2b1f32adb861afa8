"""An encoding: which columns of numbers depend on the rows that a model learns from, and how to redo them per fold.

A table becomes a fixed wide design: numbers with their gaps filled in, a 0/1 flag for every gap, a 0/1 column for every
category. What is filled in depends on the training rows, so the design holds a filling of all rows, and a fold whose
own filling differs by δ adds δ times the flag: a linear map of columns, which acts on moments as well as on rows.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.column_plan import ColumnPlan

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Filled:
    """A column of numbers with gaps, each of which takes the median of the values that the training rows have.

    Parameters
    ----------
    value : int
        Column of the values; where the flag is 1 it holds the filling of all rows.
    flag : int
        Column that is 1 where the value is missing, else 0.
    """

    value: int
    flag: int


@dataclass(frozen=True)
class Levels:
    """A category with gaps, each of which takes the most frequent level of the training rows (of several, the first).

    Parameters
    ----------
    start, stop : int
        Columns ``start`` to ``stop`` − 1 are 1 where the row has the level, else 0; levels ascend.
    flag : int
        Column that is 1 where the category is missing; there the level that is most frequent in all rows is 1.
    """

    start: int
    stop: int
    flag: int


@dataclass(frozen=True)
class Terms:
    """Words of a text: term frequencies of a text, scaled to length 1, times inverse document frequencies.

    The columns hold the former alone. The latter, log((1 + n)/(1 + n_j)) + 1 of the n training rows, n_j of which have
    the term, are a scale of the column, redone for every fold; λ acts on the scaled columns.

    Parameters
    ----------
    start, stop : int
        Columns ``start`` to ``stop`` − 1.
    """

    start: int
    stop: int


@dataclass(frozen=True)
class Encoding:
    """Which columns of a wide design depend on the rows that a model learns from, and which belong together.

    Parameters
    ----------
    filled : tuple of Filled
    levels : tuple of Levels
        Categories with gaps.
    terms : tuple of Terms
    sums : tuple of tuple of int
        Sets of 0/1 columns that sum to 1 in every row, such as the levels of a category.
    flags : tuple of int
        All columns that flag gaps.
    truths : tuple of int
        Columns that are 1 where something is true, else 0.
    """

    filled: tuple[Filled, ...] = ()
    levels: tuple[Levels, ...] = ()
    terms: tuple[Terms, ...] = ()
    sums: tuple[tuple[int, ...], ...] = ()
    flags: tuple[int, ...] = ()
    truths: tuple[int, ...] = ()

    @property
    def of_rows(self) -> bool:
        """Whether anything does."""
        return bool(self.filled or self.levels or self.terms)


@dataclass(frozen=True, eq=False)
class Encoded:
    """A table as a wide design of numbers.

    Parameters
    ----------
    matrix : ndarray or sparse CSR array of shape (n, p)
        float64, gaps filled in from all rows that count.
    names : tuple of p str
    encoding : Encoding
    plan : tuple of ColumnPlan
        What became of every column of the table.
    """

    matrix: Any
    names: tuple[str, ...]
    encoding: Encoding
    plan: tuple[ColumnPlan, ...] = ()
