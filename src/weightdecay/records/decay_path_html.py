"""A path as HTML for notebooks: what it is, and its largest coefficients against the decay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from weightdecay.records.brief import brief
from weightdecay.records.notebook import BLUE, GREY, ORANGE, RED, as_text, fragment, small, table, verdict_lines
from weightdecay.records.small_picture import frame, picture, points, stroke

if TYPE_CHECKING:
    from weightdecay.records.decay_path import DecayPath

MOST_LINES, MOST_ROWS = 8, 12
COLOURS = (BLUE, ORANGE, RED, GREY)
DASHES = ("", ' stroke-dasharray="6 3"')


def html(path: DecayPath) -> str | None:
    """The fragment; None where text is asked for."""
    if as_text():
        return None
    return fragment(verdict_lines([_words(path)]), _lines(path), _table(path))


def _words(path: DecayPath) -> str:
    """What it is."""
    decays, columns = len(path.decays), path.coef.shape[-1]
    fits = f"{decays:,} model{'' if decays == 1 else 's'}"
    span = (
        f"decays from {brief(float(path.decays.min()))} to {brief(float(path.decays.max()))}" if decays else "no decay"
    )
    return f"{fits}, {span}, {columns:,} column{'' if columns == 1 else 's'}"


def _lines(path: DecayPath) -> str:
    """The coefficients that become largest, of one target."""
    if path.coef.ndim != 2 or not path.coef.size or len(path.decays) < 2:
        return ""
    coef = np.where(np.isfinite(path.coef), path.coef, np.nan)
    order = np.argsort(path.decays, kind="stable")
    largest = np.nan_to_num(np.abs(coef)).max(axis=0)
    shown = np.argsort(-largest, kind="stable")[:MOST_LINES]
    ends = coef[:, shown][np.isfinite(coef[:, shown])]
    low, high = min(0.0, float(ends.min(initial=0.0))), max(0.0, float(ends.max(initial=0.0)))
    room = 0.05 * ((high - low) or 1.0)
    at = frame(path.decays, low - room, high + room)
    drawn = [stroke([(0.0, at.y(0.0)), (1e3, at.y(0.0))], "currentColor", ' stroke-opacity=".4"')]
    for number, column in enumerate(shown.tolist()):
        colour, dashes = COLOURS[number % len(COLOURS)], DASHES[number // len(COLOURS) % len(DASHES)]
        drawn += [
            stroke(line, colour, f' stroke-width="1.5"{dashes}')
            for line in points(at, path.decays[order], coef[order, column])
        ]
    which = "all" if len(shown) == path.coef.shape[1] else f"the {len(shown)} largest"
    words = f"Coefficients in {path.units}, {which} of {path.coef.shape[1]:,}."
    return picture(at, drawn, "coefficients against the decay", words, "coefficient")


def _table(path: DecayPath) -> str:
    """Some of the decays, ends included: degrees of freedom, training loss, and what is not zero."""
    count = len(path.decays)
    at = sorted({round(one) for one in np.linspace(0, count - 1, min(count, MOST_ROWS)).tolist()}) if count else ()
    loss = path.train_loss if path.train_loss.ndim == 1 else path.train_loss.mean(axis=1)
    nonzero = path.nonzeros if path.nonzeros.ndim == 1 else path.nonzeros.max(axis=1)
    rows = [
        (brief(float(path.decays[one])), brief(float(path.mean_df[one])), brief(float(loss[one])), f"{nonzero[one]:,}")
        for one in at
    ]
    heads = ("decay", "degrees of freedom", "training loss", "coefficients not zero")
    more = small(f"{len(rows)} of {count:,} decays.") if len(rows) < count else ""
    return table(heads, rows) + more
