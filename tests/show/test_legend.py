"""The legend stands where it covers least."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.figure import Figure

from show.records import tuning
from weightdecay.show import plots
from weightdecay.show.legend import place_legend


def placed(*curves: tuple[list[float], list[float]], **room: float) -> tuple[float, float, float, float]:
    """The legend's left, right, bottom and top as shares of the axes, over curves in the unit square."""
    ax = Figure(figsize=(5, 4)).add_subplot()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    lines = [ax.plot(*curve)[0] for curve in curves]
    place_legend(ax, {"a curve": lines[0], "another": lines[-1]}, **room)
    ax.figure.draw_without_rendering()
    (left, bottom), (right, top) = ax.transAxes.inverted().transform(ax.get_legend().get_window_extent())
    return left, right, bottom, top


@pytest.mark.parametrize(
    ("curve", "where"),
    [
        (([0.0, 1.0], [0.1, 0.1]), "upper right"),
        (([0.5, 1.0], [0.1, 1.0]), "upper left"),
        # Long straight pieces with no point of theirs under the legend.
        (([0.0, 1.0], [0.95, 0.95]), "centre"),
        (([0.0, 1.0, 0.0, 1.0], [0.95, 0.95, 0.5, 0.5]), "lower"),
    ],
)
def test_it_keeps_off_the_curves(curve, where):
    left, right, bottom, top = placed(curve)
    x, y = (np.concatenate([np.linspace(a, b, 500) for a, b in itertools.pairwise(v)]) for v in curve)
    assert not ((left < x) & (x < right) & (bottom < y) & (y < top)).any()
    assert {
        "upper right": right > 0.97 and top > 0.97,
        "upper left": left < 0.03 and top > 0.97,
        "centre": 0.3 < (bottom + top) / 2 < 0.7,
        "lower": bottom < 0.03,
    }[where]


def test_it_stays_above_the_strip_and_left_of_the_names():
    everything = ([0.0, 1.0, 1.0, 0.0], [1.0, 1.0, 0.6, 0.6])
    _, right, bottom, _ = placed(everything, bottom=0.2, right=0.6)
    assert bottom > 0.2 and right < 0.6


def test_a_shaded_window_does_not_push_it_onto_the_curve():
    record = tuning()
    ax = Figure(figsize=(7.2, 4.5), layout="constrained").add_subplot()
    plots.validation(record, ax=ax)
    ax.figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    for name in ("held-out ± 1 SE", "training"):
        (line,) = (one for one in ax.get_lines() if one.get_label() == name)
        places = ax.transData.transform(line.get_xydata())
        assert not legend.count_contains(places)


def test_a_single_mark_is_worth_more_than_a_long_line():
    ax = Figure(figsize=(5, 4)).add_subplot()
    ax.set(xlim=(0, 1), ylim=(0, 1))
    # Only the upper right is free of lines, but a mark stands there.
    lines = [ax.plot([0.0, 1.0], [height, height], zorder=1)[0] for height in (0.05, 0.1, 0.45, 0.5, 0.55)]
    ax.plot([0.0, 0.6], [0.95, 0.95])
    ax.plot([0.95], [0.93], "s")
    place_legend(ax, {"a curve": lines[0], "another": lines[1]})
    ax.figure.draw_without_rendering()
    legend = ax.get_legend().get_window_extent()
    assert not legend.contains(*ax.transData.transform((0.95, 0.93)))


@pytest.mark.parametrize("corner", ["upper", "lower"])
def test_it_stays_inside_axes_that_a_layout_shrinks_later(corner):
    figure = Figure(figsize=(6, 6), layout="constrained")
    first = figure.add_subplot(2, 1, 1)
    first.set(xlim=(0, 1), ylim=(0, 1))
    height = 0.1 if corner == "upper" else 0.9
    curve = first.plot([0.0, 1.0], [height, height])[0]
    figure.draw_without_rendering()
    place_legend(first, {f"curve {number}": curve for number in range(4)})
    # What comes after takes half of the height.
    figure.add_subplot(2, 1, 2).set_title("\n".join("many lines of title"))
    figure.draw_without_rendering()
    legend = first.get_legend().get_window_extent()
    assert first.bbox.y0 <= legend.y0 and legend.y1 <= first.bbox.y1
