"""New rows: the rows of a file, read as the columns that a model was fitted on."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from weightdecay.studies.table_model import TableModel
from weightdecay.tables.preflight import TableError, quoted

if TYPE_CHECKING:
    from weightdecay.tables.encoder import Encoder


def read_rows(path: str | Path, model: Any) -> tuple[Any, tuple[str, ...]]:
    """Read the rows of a file for a model to predict.

    Parameters
    ----------
    path : str or Path
        A file as `wd.read` takes it, of one row at least. Columns are found by name, in any order; a target, or
        anything else that the model was not fitted on, may be there too.
    model : TableModel, or an estimator fitted on a data frame of numbers

    Returns
    -------
    frame : data frame (polars) of n rows
        For ``model.predict``, its columns those that the model was fitted on, in their order.
    notes : tuple of str
        What was done to read it, a sentence each, and which columns are ignored.

    Raises
    ------
    TableError
        A `ValueError`: a column is missing, or holds what it cannot; the column and the line are named.

    Examples
    --------
    >>> import pathlib, tempfile, polars as pl, weightdecay as wd
    >>> frame = pl.DataFrame({"age": [1.0, 2.0, 4.0], "height": [75.0, 86.0, 101.0]})
    >>> model = wd.LinearRegression(decay=0).fit(frame[["age"]], frame["height"])
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "new.csv"
    >>> _ = file.write_text("name,age\\nAnn,3\\n")
    >>> rows, notes = wd.read_rows(file, model)
    >>> notes
    ("columns that the model does not use are ignored: 'name'",)
    >>> model.predict(rows).round(1)
    array([93.])
    """
    from weightdecay.tables.new_rows import read_new

    if isinstance(model, TableModel):
        return read_new(path, model.encoder, model.target)
    names = getattr(model, "feature_names_in_", None)
    if names is None:
        fitted = hasattr(model, "n_features_in_")
        raise TableError(
            f"this {type(model).__name__} was fitted on an array, so its columns have no names by which they could be "
            f"found in {quoted(str(path), 200)}; fit it on a data frame, or tune it on a file"
            if fitted
            else f"{type(model).__name__} is no fitted model; give what wd.load returned, or call fit first"
        )
    targets: tuple[str, ...] = getattr(getattr(model, "tuning_", None), "target_names", ())
    frame, notes = read_new(path, _of_numbers([str(name) for name in names]), ", ".join(targets), words=True)
    for column in frame:
        if gaps := column.null_count():
            name, row = column.name, column.is_null().to_list().index(True) + 1
            more = f" and {gaps - 1:,} more" if gaps > 1 else ""
            raise TableError(
                f"column {quoted(name)} of {quoted(str(path), 200)} has no value in row {row} below the header{more}, "
                "and the model was fitted on rows without gaps; fill the value in or leave the row out"
            )
    return frame, notes


def _of_numbers(names: list[str]) -> Encoder:
    """The encoder of columns that are numbers as they are."""
    from weightdecay.records.column_plan import ColumnPlan
    from weightdecay.tables.encoder import Encoder
    from weightdecay.tables.recipes import Number

    recipes = tuple(Number(name, math.nan, False) for name in names)
    return Encoder(recipes, tuple(names), tuple(ColumnPlan(name, "number", (name,), 0, "as it is") for name in names))
