"""Colours, and names beside curves that do not overlap."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Literal

import numpy as np

from weightdecay.show.sanitize import for_plot

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Safe for colour-blind eyes, after Okabe and Ito (2008).
BLUE, VERMILLION, GREEN, PURPLE, SKY, ORANGE = "#0072B2", "#D55E00", "#009E73", "#AA4499", "#56B4E9", "#E69F00"
CYCLE = (BLUE, VERMILLION, GREEN, PURPLE, ORANGE, SKY, "#332288", "#661100", "#117733", "#999933")
INK, GREY, FAINT = "#222222", "#6E6E6E", "#C8C8C8"

NAME_SIZE = 7.5  # points
LINE = 9.0  # points from one name to the next
AWAY = 14.0  # points from a curve's end to its name
HINTED = 1.06  # a letter drawn on whole pixels is up to so much wider than its outline
MOST_ROOM = 0.4  # of the axes' width, for names
MOST_LETTERS, LEAST_LETTERS = 24, 4  # of a name


def points(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in points."""
    box = ax.get_window_extent()
    scale = 72 / ax.figure.dpi
    return box.width * scale, box.height * scale


def settle(ax: Axes) -> None:
    """Let the figure's layout find the place of the axes, so that what is measured next holds."""
    lay_out(ax.figure.canvas.figure)


def lay_out(figure: Figure) -> None:
    """Give everything its place, without drawing it where a layout can do alone."""
    engine = figure.get_layout_engine()
    if engine is None:
        figure.draw_without_rendering()
    else:
        engine.execute(figure)


def names_that_fit(ax: Axes) -> int:
    """How many names fit above one another into the axes."""
    return max(1, int(points(ax)[1] / LINE) - 1)


def text_width(text: str) -> float:
    """Width of a small text in points, as matplotlib's font has it; letters that it lacks are taken for wide ones."""
    return HINTED * NAME_SIZE * sum(_letter_width(letter) for letter in text)


@cache
def _letter_width(letter: str) -> float:
    """Width of a letter in units of the font's size."""
    from matplotlib.font_manager import FontProperties, findfont, get_font
    from matplotlib.textpath import TextToPath

    if unicodedata.category(letter) in ("Mn", "Me"):  # a mark on the letter before
        return 0.0
    if not get_font(findfont(FontProperties())).get_char_index(ord(letter)):
        return 1.2
    return float(TextToPath().get_text_width_height_descent(letter, FontProperties(size=1.0), False)[0])


def letters_beside(ax: Axes) -> int:
    """Letters of a label of the axis of y that fit along it."""
    return max(8, int(points(ax)[1] / 6.5))


def name_room(ax: Axes) -> float:
    """Width in points that there is for names beside the curves."""
    return MOST_ROOM * points(ax)[0] - AWAY - 4


def fitted(name: str, room: float, most: int = MOST_LETTERS) -> str:
    """A name from data for a figure, in so few letters that it fits into the room in points."""
    limits = range(min(most, max(len(name), LEAST_LETTERS)), LEAST_LETTERS, -1)
    return next(
        (text for limit in limits if text_width(text := for_plot(name, limit)) <= room), for_plot(name, LEAST_LETTERS)
    )


def make_room(ax: Axes, names: Sequence[str], side: Literal["left", "right"]) -> float:
    """Move one limit of the axis of x outwards by the width of the names; the share of the axes that they get."""
    widest = max((text_width(name) for name in names), default=0.0)
    share = min((AWAY + 4 + widest) / points(ax)[0], MOST_ROOM)
    scale = ax.xaxis.get_transform()
    left, right = scale.transform(np.asarray(ax.get_xlim(), dtype=np.float64))
    more = (right - left) * share / (1 - share)
    ends = (left - more, right) if side == "left" else (left, right + more)
    ax.set_xlim(*scale.inverted().transform(np.asarray(ends)))
    return share


def name_curves(
    ax: Axes,
    x: float,
    heights: Sequence[float],
    names: Sequence[str],
    colours: Sequence[str],
    side: Literal["left", "right"],
) -> None:
    """Write each name beside its curve's end at x, moved up or down as little as keeps the names apart.

    The places z solve min Σ(z_i − y_i)² subject to z_{i+1} − z_i ≥ one line: an isotonic regression of y_i − i lines.
    """
    from scipy.optimize import isotonic_regression

    if not names:
        return
    low, high = ax.get_ylim()
    scaled = ax.yaxis.get_transform().transform(np.asarray([low, high, *heights], dtype=np.float64))
    shares = np.clip((scaled[2:] - scaled[0]) / (scaled[1] - scaled[0]), 0, 1)
    line = LINE / points(ax)[1]
    order = np.argsort(shares, kind="stable")
    steps = line * np.arange(len(order))
    # Bounds on the regression keep the first and the last name within the axes.
    places = np.clip(isotonic_regression(shares[order] - steps).x, line / 2, 1 - line / 2 - steps[-1]) + steps
    away = -AWAY if side == "left" else AWAY
    for index, place in zip(order, places, strict=True):
        ax.annotate(
            names[index],
            (x, float(shares[index])),
            xytext=(away, float(place)),
            xycoords=("data", "axes fraction"),
            textcoords=("offset points", "axes fraction"),
            ha="right" if side == "left" else "left",
            va="center",
            fontsize=NAME_SIZE,
            color=colours[index],
            arrowprops={
                "arrowstyle": "-",
                "color": colours[index],
                "alpha": 0.5,
                "linewidth": 0.6,
                "shrinkA": 1,
                "shrinkB": 1,
                "relpos": (1.0 if side == "left" else 0.0, 0.5),
            },
        )
