"""A legend in the place where it covers least."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.show.labels import NAME_SIZE

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.transforms import Transform

Array = NDArray[np.float64]

EDGE = 0.012  # of the axes, between the legend and what bounds it
STEPS = 24  # points looked at on each piece of a line
# A band may shine through; a line may not, and a mark, which is a single point, would be gone altogether.
BAND_WEIGHT = 0.2
MARK_WEIGHT = 100.0


def place_legend(
    ax: Axes, entries: Mapping[str, Any], *, title: str | None = None, bottom: float = 0.0, right: float = 1.0
) -> None:
    """A legend of the entries (name → artist), where it covers least of the lines and bands of the axes.

    It stays above and to the left of the shares given. Matplotlib's own search counts a shaded window as covered, takes
    long straight pieces of a line for one point each, and so lands on curves.
    """
    style: dict[str, Any] = {
        "title": title,
        "fontsize": NAME_SIZE,
        "title_fontsize": NAME_SIZE,
        "framealpha": 0.85,
        "edgecolor": "none",
        "borderpad": 0.2,
        "borderaxespad": 0.0,
        "handlelength": 1.8,
        "labelspacing": 0.3,
        "alignment": "left",
    }
    trial = ax.legend(list(entries.values()), list(entries), loc="upper left", **style)
    box = ax.transAxes.inverted().transform(trial.get_window_extent())
    width, height = box[1] - box[0]
    drawn = [
        *((points, 1.0) for points in _lines(ax)),
        *((points, MARK_WEIGHT) for points in _marks(ax)),
        *((points, BAND_WEIGHT) for points in _bands(ax)),
    ]
    best = min(_spots(width, height, bottom, right), key=lambda spot: _covered(spot.corner, width, height, drawn))
    trial.remove()
    # Held by the corner that is nearest to an edge: where a layout shrinks the axes later it still stands inside.
    style |= {"loc": best.side, "bbox_to_anchor": best.anchor}
    ax.legend(list(entries.values()), list(entries), **style)


@dataclass(frozen=True)
class Spot:
    """A place for a legend.

    Parameters
    ----------
    corner : (float, float)
        Its lower left corner, as shares of the axes.
    side : str
        The part of the legend that is held, in matplotlib's words.
    anchor : (float, float)
        Where that part stands.
    """

    corner: tuple[float, float]
    side: str
    anchor: tuple[float, float]


def _spots(width: float, height: float, bottom: float, right: float) -> Iterable[Spot]:
    """Places to choose from, the most usual first."""
    # How far along the legend it is held: 0 at its left or lower end, 1 at the other.
    across = ((1.0, right - EDGE, "right"), (0.0, EDGE, "left"), (0.5, right / 2, "center"))
    along = ((1.0, 1 - EDGE, "upper "), (0.5, (1 + bottom) / 2, "center "), (0.0, bottom + EDGE, "lower "))
    for up, y, row in along:
        for part, x, column in across:
            left, floor = max(x - part * width, 0.0), max(y - up * height, 0.0)
            side = (row + column).replace("center center", "center")
            yield Spot((left, floor), side, (left + part * width, floor + up * height))


def _covered(spot: tuple[float, float], width: float, height: float, drawn: list[tuple[Array, float]]) -> float:
    """How much lies under a legend at the spot."""
    low = np.asarray(spot) - EDGE
    high = low + np.array([width, height]) + 2 * EDGE
    return sum(weight * float(np.sum(np.all((points > low) & (points < high), axis=1))) for points, weight in drawn)


def _marks(ax: Axes) -> Iterable[Array]:
    """Every mark, as shares of the axes."""
    for line in ax.get_lines():
        if line.get_marker() not in ("", "None", None):
            places = line.get_transform().transform(np.asarray(line.get_xydata(), dtype=np.float64))
            shares = ax.transAxes.inverted().transform(places)
            yield shares[np.isfinite(shares).all(axis=1)]


def _lines(ax: Axes) -> Iterable[Array]:
    """Points along every line but those in the background, as shares of the axes."""
    for line in ax.get_lines():
        if line.get_zorder() > 0:
            yield _shares(ax, np.asarray(line.get_xydata(), dtype=np.float64), line.get_transform())


def _bands(ax: Axes) -> Iterable[Array]:
    """Points along the edges of every band, as shares of the axes."""
    for band in ax.collections:
        for path in band.get_paths():
            yield _shares(ax, np.asarray(path.vertices, dtype=np.float64), band.get_transform())


def _shares(ax: Axes, corners: Array, transform: Transform) -> Array:
    """Points along a broken line, as shares of the axes."""
    places = ax.transAxes.inverted().transform(transform.transform(corners))
    places = places[np.isfinite(places).all(axis=1)]
    steps = np.linspace(0, 1, STEPS)[:, None, None]
    between = (places[:-1] * (1 - steps) + places[1:] * steps).reshape(-1, 2)
    return np.concatenate([between, places])
