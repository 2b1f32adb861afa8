"""A table read from a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.labels import class_names, labels_of_numbers, like_classes
from weightdecay.records.reading import Reading

Array = NDArray[np.float64]
# Names in what is shown of a table, and letters of each.
NAMES, LETTERS = 5, 24


def _row_number(row: int) -> tuple[str, int]:
    """A row of nothing else, counted from 1."""
    return "row", row + 1


def _shown(name: str) -> str:
    """A name in quotes, control characters escaped, cut where it is long."""
    return repr(name if len(name) <= LETTERS else name[: LETTERS - 1] + "…")


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """Columns of a file, split into what is learned from and what is predicted.

    Parameters
    ----------
    X : data frame (polars) of shape (n, p)
        Columns with their names, ready for `wd.tune`, which keeps the names: numbers as Float64, truth values as
        Boolean, dates as Date or Datetime, text as String, gaps as null; all of it Float64 where nothing but numbers
        without gaps and truth values is there. Columns that are left out are not.
    y : ndarray of shape (n,)
        Numbers, or labels of classes: texts (objects), truth values or numbers.
    columns : tuple of p str
        Names of the columns of X.
    target : str
        Name of the column that became y.
    source : str
        The file it was read from.
    notes : tuple of str
        What was done on the way, a sentence each.
    weight : ndarray of shape (n,) or None
        Sample weights, if a weight column was named.
    groups : ndarray of shape (n,) or None
        Group labels, if a group column was named.
    times : ndarray of shape (n,) or None
        Times of the rows, if a time column was named: numbers, or days since 1970-01-01 (UTC).
    text : tuple of str
        Columns of X whose words are learned from.
    plan : tuple of ColumnPlan
        What becomes of every column of the file but the target and those that were to be left out, in their order.
    reading : Reading
        How its fields were read, for new rows to be read alike.
    target_kind : {"number", "classes"}
        What is predicted.
    where : callable
        What a row (from 0) is called in the file and its number, ``("line", 12)``.

    Examples
    --------
    >>> import os, tempfile, weightdecay as wd
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = os.path.join(folder, "plants.csv")
    ...     with open(path, "w") as file:
    ...         _ = file.write("light,water,height\\n1,2,3.5\\n2,1,4\\n3,3,6\\n")
    ...     table = wd.read(path, "height")
    >>> table.columns, table.y
    (('light', 'water'), array([3.5, 4. , 6. ]))
    >>> print(str(table).replace(table.source, "plants.csv"))
    Table('plants.csv': 3 rows; target 'height'; 2 columns: 'light', 'water')
    >>> table.place(2)
    'line 4'
    """

    X: Any
    y: NDArray[Any]
    columns: tuple[str, ...]
    target: str
    source: str
    notes: tuple[str, ...] = ()
    weight: Array | None = None
    groups: NDArray[np.object_] | None = None
    times: Array | None = None
    text: tuple[str, ...] = ()
    plan: tuple[ColumnPlan, ...] = ()
    reading: Reading = field(default_factory=Reading)
    target_kind: str = "number"
    where: Callable[[int], tuple[str, int]] = field(default=_row_number, repr=False)

    def __repr__(self) -> str:
        """The file, its rows, and the first columns; no values."""
        names = ", ".join(_shown(name) for name in self.columns[:NAMES])
        more = f" and {len(self.columns) - NAMES:,} more" if len(self.columns) > NAMES else ""
        roles = {"weights": self.weight, "groups": self.groups, "times": self.times}
        given = [f"with {' and '.join(role for role, one in roles.items() if one is not None)}"]
        rows = f"{len(self.y):,} row{'' if len(self.y) == 1 else 's'}"
        columns = f"{len(self.columns):,} column{'' if len(self.columns) == 1 else 's'}: {names}{more}"
        kind = f" of {len(self.classes):,} classes" if self.classes else ""
        parts = [rows, *(given if given != ["with "] else []), f"target {_shown(self.target)}{kind}", columns]
        return f"Table({self.source!r}: {'; '.join(parts)})"

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes of the target in words, in their order; empty where it is of numbers."""
        return class_names(np.unique(self.y)) if self.target_kind == "classes" else ()

    @cached_property
    def like_classes(self) -> tuple[float, ...]:
        """Of a target of numbers the different ones, where they look like classes: two, or a few whole ones."""
        return like_classes(self.y) if self.target_kind == "number" else ()

    def as_classes(self) -> Table:
        """The same table with a target of classes: numbers become labels, whole ones as int64, others as texts.

        Returns
        -------
        Table
            Itself where its target is of classes already.

        Raises
        ------
        ValueError
            When the numbers are amounts rather than classes.

        Examples
        --------
        >>> import numpy as np, polars as pl, weightdecay as wd
        >>> X = pl.DataFrame({"size": [1.0, 2.0, 4.0, 5.0]})
        >>> table = wd.Table(X, np.array([0.0, 0.0, 1.0, 1.0]), ("size",), "ripe", "fruit.csv")
        >>> table.as_classes().classes
        ('0', '1')
        """
        if self.target_kind == "classes":
            return self
        try:
            labels = labels_of_numbers(self.y)
        except ValueError as error:
            source = f" of {self.source!r}" if self.source else ""
            raise ValueError(
                f"target column {_shown(self.target)}{source} {error}; predict it as a number, by linear regression"
            ) from None
        return replace(self, y=labels, target_kind="classes")

    def place(self, row: int) -> str:
        """Where a row (from 0) stands in the file: ``"line 12"``, or ``"row 11"`` in a file without lines."""
        noun, number = self.where(row)
        return f"{noun} {number}"

    def line_of(self, row: int) -> int:
        """Number, from 1, of the line in which a row (from 0) begins; of the row in a file without lines."""
        return self.where(row)[1]
