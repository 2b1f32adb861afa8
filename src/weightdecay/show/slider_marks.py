"""Where the marker of the slider stands in the picture of the curve, at every stop and in every layout of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.tuning import Tuning
from weightdecay.show import plots
from weightdecay.show.decay_axis import decay_axis
from weightdecay.show.loss_axis import COMPARABLE
from weightdecay.show.page_pictures import Picture, Room, picture

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEIGHT = 4.1  # inches


@dataclass(frozen=True)
class Marks:
    """Places in one layout, in points from the upper left corner.

    Parameters
    ----------
    size : (float, float)
        Width and height of the picture.
    axes : (float, float)
        Upper and lower end of the axes.
    places : tuple of (float, float or None)
        For every stop where it is, None for a height outside of the axes.
    """

    size: tuple[float, float]
    axes: tuple[float, float]
    places: tuple[tuple[float, float | None], ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON types, the places in one text."""
        places = " ".join(f"{x:.1f}," + ("" if y is None else f"{y:.1f}") for x, y in self.places)
        return {
            "size": [round(one, 2) for one in self.size],
            "axes": [round(one, 1) for one in self.axes],
            "places": places,
        }


def marked_curve(tuning: Tuning, room: Room, stops: NDArray[np.intp]) -> tuple[Picture, tuple[Marks, ...]]:
    """The flagship, held-out and training loss against the decay, and the marker's places in it, the wide one first."""
    what = tuning.metric if tuning.scoring not in COMPARABLE else "and training loss"
    words = f"Held-out {what} against the decay. " + tuning.verdict.replace("\n", " ")
    drawn: list[Axes] = []
    shown = picture(room, lambda ax: drawn.append(plots.validation(tuning, ax=ax)), HEIGHT, words)
    # The narrow one is drawn first.
    return shown, tuple(_marks(ax, tuning, stops) for ax in reversed(drawn) if len(stops))


def _marks(ax: Axes, tuning: Tuning, stops: Sequence[int] | NDArray[np.intp]) -> Marks:
    """The places in one pair of axes, once they have theirs."""
    figure = ax.figure.canvas.figure
    scale = 72 / figure.dpi
    width, height = 72 * figure.get_size_inches()
    box = ax.get_window_extent()
    x = decay_axis(tuning.decays.tolist()).place(tuning.decays[stops])
    y = tuning.as_metric(tuning.mean[stops])
    low, high = ax.get_ylim()
    seen = np.isfinite(y) & (y >= low) & (y <= high)
    # A height that the axis cannot show has no place; that of its middle stands in.
    at = scale * ax.transData.transform(np.column_stack([x, np.where(seen, y, high)]))
    places = tuple(
        (float(across), float(height - up) if inside else None) for (across, up), inside in zip(at, seen, strict=True)
    )
    ends = float(height - scale * box.y1), float(height - scale * box.y0)
    return Marks((float(width), float(height)), ends, places)
