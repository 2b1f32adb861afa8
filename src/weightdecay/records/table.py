"""A table read from a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Table:
    """Numbers of a file, split into columns and target.

    Parameters
    ----------
    X : data frame of shape (n, p)
        float64 columns with their names, ready for `wd.tune`, which keeps the names.
    y : ndarray of shape (n,)
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
    """

    X: Any
    y: Array
    columns: tuple[str, ...]
    target: str
    source: str
    notes: tuple[str, ...] = ()
    weight: Array | None = None
    groups: NDArray[np.object_] | None = None
