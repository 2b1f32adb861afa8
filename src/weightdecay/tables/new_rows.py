"""New rows of a file for a model that was trained on a table: its columns by name, each as the model takes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from weightdecay.tables.encoder import Encoder
from weightdecay.tables.frames import as_polars
from weightdecay.tables.gaps import missing_fields, without
from weightdecay.tables.origin import Origin
from weightdecay.tables.recipes import Number, Prose
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
    if encoder.missing:
        frame = without(frame, encoder.missing, empty=None if sheet.typed else "", comma=origin.comma)[0]
    if not sheet.typed:
        # A word for a gap may be a level all the same, if the model was trained on a data frame.
        texts = {one.name: frame.get_column(one.name) for one in encoder.recipes if not isinstance(one, Number)}
        known = {one.name: one.known() for one in encoder.recipes}
        gaps = [text.set(missing_fields(text) & ~text.is_in(known[name]), None) for name, text in texts.items()]
        frame = frame.with_columns(gaps)
    columns = list(encoder.read(frame, origin))
    ignored = encoder.extra([name for name in sheet.names if name != target])
    return pl.DataFrame(columns), (*sheet.notes, *ignored)
