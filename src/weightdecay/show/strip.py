"""The strip below the curves: every label in a lane of its own, so that no label lies on a curve or another label."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightdecay.show.decay_axis import DecayAxis
from weightdecay.show.labels import NAME_SIZE, points, text_width

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LANE = 10.0  # points
FOOT = 7.0  # points below the first lane, for the bar of the plausible range
MAX_LANES = 5


@dataclass(frozen=True)
class Label:
    """A label in the strip.

    Parameters
    ----------
    share : float
        Where it belongs, from 0 (left end of the axis) to 1.
    text : str
    colour : str
    height : float or None
        Value on the axis of y down from which a thin line leads to the label; None for no line.
    italic : bool
    """

    share: float
    text: str
    colour: str
    height: float | None = None
    italic: bool = False


@dataclass(frozen=True)
class Placed:
    """A label with its lane, from 0 at the bottom, and its left end as a share of the width."""

    label: Label
    lane: int
    left: float


def lanes(labels: Sequence[Label], width: float) -> list[Placed]:
    """Put each label, first come first served, into the lowest lane where it touches no other; more is left out.

    A label may stand below its place, or to the right or the left of it. Its line runs up through the lanes above.
    """
    texts: list[list[tuple[float, float]]] = [[] for _ in range(MAX_LANES)]
    lines: list[list[float]] = [[] for _ in range(MAX_LANES)]
    placed = []
    for label in labels:
        size, gap = text_width(label.text) / width, 5 / width
        starts = [label.share - size / 2, label.share - gap / 2, label.share - size + gap / 2]
        starts = [min(max(start, 0.005), max(0.995 - size, 0.005)) for start in starts]
        for lane, left in ((lane, left) for lane in range(MAX_LANES) for left in starts):
            free = all(left + size + gap <= a or left >= b + gap for a, b in texts[lane])
            free &= all(not left - gap / 2 < line < left + size + gap / 2 for line in lines[lane])
            above = range(lane + 1, MAX_LANES) if label.height is not None else ()
            if free and all(not a < label.share < b for high in above for a, b in texts[high]):
                texts[lane].append((left, left + size))
                for high in above:
                    lines[high].append(label.share)
                placed.append(Placed(label, lane, left))
                break
    return placed


def strip_height(placed: Sequence[Placed]) -> float:
    """Height of the strip in points."""
    return FOOT + LANE * (1 + max((one.lane for one in placed), default=-1)) + 3


def write(ax: Axes, axis: DecayAxis, placed: Sequence[Placed]) -> None:
    """Write the labels, with thin lines to what they name."""
    for one in placed:
        at = FOOT + LANE * one.lane
        ax.annotate(
            one.label.text,
            (one.left, 0),
            xytext=(0, at),
            xycoords="axes fraction",
            textcoords="offset points",
            va="bottom",
            fontsize=NAME_SIZE,
            style="italic" if one.label.italic else "normal",
            color=one.label.colour,
            zorder=6,
        )
        if one.label.height is not None:
            x = axis.left * (axis.right / axis.left) ** one.label.share
            share = (at + LANE) / points(ax)[1]
            bottom, top = ax.get_ylim()
            low = bottom * (top / bottom) ** share if ax.get_yscale() == "log" else bottom + share * (top - bottom)
            ax.plot([x, x], [low, one.label.height], color=one.label.colour, linewidth=0.7, alpha=0.6, zorder=1)


def extend(ax: Axes, bottom: float, top: float, height: float) -> None:
    """Set the limits of y so that the curves' range [bottom, top] stands above a strip of that height in points."""
    share = min(height / points(ax)[1], 0.5)
    if ax.get_yscale() == "log":
        ax.set_ylim(math.exp(math.log(bottom) - math.log(top / bottom) * share / (1 - share)), top)
    else:
        ax.set_ylim(bottom - (top - bottom) * share / (1 - share), top)
