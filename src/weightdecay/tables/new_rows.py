"""New rows of a file for a model that was trained on a table: its columns by name, each as the model takes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from weightdecay.tables.encoder import Encoder
from weightdecay.tables.frames import as_polars
from weightdecay.tables.gaps import gaps_out, without
from weightdecay.tables.kinds import TRUTHS
from weightdecay.tables.origin import Origin
from weightdecay.tables.preflight import quoted
from weightdecay.tables.recipes import Number, Prose
from weightdecay.tables.sheets import open_sheet

if TYPE_CHECKING:
    import polars as pl


def read_new(
    path: str | Path, encoder: Encoder, target: str = "", *, words: bool = False
) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Read the columns of a file that a model needs.

    Parameters
    ----------
    path : str or Path
        A file as `read` takes it, of one row at least.
    encoder : Encoder
        What the model was trained through.
    target : str
        A column that is left alone if it is there.
    words : bool
        Whether words for true and false may stand in columns of which the encoder knows none, where all are of one
        pair, as for a model that does not remember which of its numbers were truth values.

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
        frame = frame.with_columns(
            gaps_out(frame.get_column(one.name)) for one in encoder.recipes if isinstance(one, Prose)
        )
    encoder, told = _of_truths(encoder, frame) if words else (encoder, [])
    columns = list(encoder.read(frame, origin))
    ignored = encoder.extra([name for name in sheet.names if name != target])
    return pl.DataFrame(columns), (*sheet.notes, *told, *ignored)


def _of_truths(encoder: Encoder, frame: pl.DataFrame) -> tuple[Encoder, list[str]]:
    """The encoder with the words for 1 and 0 of columns that hold nothing but those, and what is told of them."""
    import polars as pl

    recipes, told = [], []
    for one in encoder.recipes:
        column = frame.get_column(one.name)
        if isinstance(one, Number) and column.dtype == pl.String:
            found = set(gaps_out(column).drop_nulls().str.to_lowercase().unique().to_list())
            pair = next((pair for pair in TRUTHS if found and found <= set(pair)), ())
            one = replace(one, words=pair)
            told += [f"{pair[0]} and {pair[1]} are read as 1 and 0 in {quoted(one.name)}"] if pair else []
        recipes.append(one)
    return replace(encoder, recipes=tuple(recipes)), told
