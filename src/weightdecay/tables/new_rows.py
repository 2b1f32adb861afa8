"""New rows of a file for a model that was trained on a table: its columns by name, each as the model takes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weightdecay.tables.encoder import Encoder
from weightdecay.tables.frames import as_polars
from weightdecay.tables.kinds import missing_fields, numbers_settled
from weightdecay.tables.origin import Origin
from weightdecay.tables.recipes import Prose
from weightdecay.tables.sheets import open_sheet

if TYPE_CHECKING:
    import polars as pl


def read_new(path: str | Path, encoder: Encoder, target: str = "") -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Read the columns of a file that a model needs.

    Parameters
    ----------
    path : str or Path
        A file as `read` takes it, of one row at least.
    encoder : Encoder
        What the model was trained through.
    target : str
        A column that is left alone if it is there.

    Returns
    -------
    frame : polars DataFrame of n rows
        For `Encoder.apply`, the columns in its order.
    notes : tuple of str
        What was done to read it, a sentence each; among them columns that are ignored.

    Raises
    ------
    TableError
        A column is missing, or holds what it cannot; with its line.
    """
    import polars as pl

    sheet = open_sheet(path)
    origin = Origin(sheet.source, sheet.place, sheet.decimal_comma)
    encoder.check(sheet.names, origin)
    frame = sheet.frame(encoder.columns, least=1)
    if sheet.typed:
        frame = as_polars(frame, prose=[one.name for one in encoder.recipes if isinstance(one, Prose)], origin=origin)
    frame = numbers_settled(frame, encoder.numbers, origin)
    columns = []
    for recipe in encoder.recipes:
        column = frame.get_column(recipe.name)
        if not sheet.typed and column.dtype == pl.String:
            # A word for a gap may be a level all the same, if the model was trained on a data frame.
            column = column.set(missing_fields(column) & ~column.is_in(recipe.known()), None)
        columns.append(recipe.read(column, origin))
    ignored = encoder.extra([name for name in sheet.names if name != target])
    return pl.DataFrame(columns), (*sheet.notes, *ignored)
