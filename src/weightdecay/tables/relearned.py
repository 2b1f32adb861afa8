"""Relearned: what other rows of a table teach, its columns taken for what they are in the whole of it."""

from __future__ import annotations

from typing import Any

from weightdecay.tables.encoder import Encoder, learned
from weightdecay.tables.frames import FRAME, as_polars
from weightdecay.tables.gaps import without
from weightdecay.tables.recipes import Prose


def relearned(encoder: Encoder, frame: Any) -> Encoder:
    """The encoder of some rows of a table: its medians, levels and terms, under the kinds that all rows have told.

    A part of the rows may hold other kinds: no word among its numbers, no day beyond the twelfth in its dates.

    Parameters
    ----------
    encoder : Encoder
        Of the whole table.
    frame : polars or pandas DataFrame
        Some of its rows.

    Returns
    -------
    Encoder
    """
    import polars as pl

    prose = [one.name for one in encoder.recipes if isinstance(one, Prose)]
    given = as_polars(frame, prose=prose).select(encoder.columns)
    if encoder.missing:
        given = without(given, encoder.missing)[0]
    return learned(pl.DataFrame(list(encoder.read(given, FRAME))), prose, reading=encoder.reading)
