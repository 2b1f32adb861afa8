"""The picture of residuals shows the diagnostics: points, bands and edges are where the numbers are."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.testing import assert_array_equal

import weightdecay as wd
from show.hostile import THINNED
from show.records import data, diagnostics, tuning
from weightdecay.records.diagnostics import Diagnostics


def found(n: int = 120) -> Diagnostics:
    """Diagnostics of so many rows."""
    X, y = data(n=n)
    return diagnostics(X, y, 0.3)


def drawn(record, size: tuple[float, float] = (7.2, 4.0), **options):
    """The picture in a figure of its own."""
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.add_subplot()
    assert wd.plot.residuals(record, ax=ax, **options) is ax
    figure.draw_without_rendering()
    return ax


def marks(ax, marker: str) -> list[tuple[float, float]]:
    """Places of the marks of a kind."""
    return [tuple(point) for one in ax.get_lines() if one.get_marker() == marker for point in one.get_xydata()]


def legend(ax) -> list[str]:
    """What the legend says."""
    return [one.get_text() for one in ax.get_legend().get_texts()]


def test_every_row_is_a_point():
    record = found()
    assert marks(drawn(record), "o") == list(zip(record.fitted, record.residual, strict=True))


def test_the_median_and_the_bands_are_those_of_the_groups():
    record = found()
    ax = drawn(record)
    (median,) = (one for one in ax.get_lines() if one.get_drawstyle() == "steps-post")
    assert_array_equal(median.get_xdata(), record.edges)
    assert_array_equal(median.get_ydata(), [*record.quantiles[:, 2], record.quantiles[-1, 2]])
    bands = [one for one in ax.collections if isinstance(one, PolyCollection)]
    for band, (low, high) in zip(bands, ((0, 4), (1, 3)), strict=True):
        corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
        for left, right, five in zip(record.edges, record.edges[1:], record.quantiles, strict=False):
            assert {(left, five[low]), (right, five[low]), (left, five[high]), (right, five[high])} <= corners
    assert legend(ax) == ["one row", "median", "middle 50 %", "middle 90 %"]
    assert [0.0, 0.0] in [list(one.get_ydata()) for one in ax.get_lines()]


def test_a_residual_far_out_stands_at_the_edge_and_is_told():
    record = found()
    residual = record.residual.copy()
    residual[[10, 60, 61]] = [-900.0, 1000.0, 2000.0]
    ax = drawn(replace(record, residual=residual))
    bottom, top = ax.get_ylim()
    assert -200 < bottom and top < 200
    assert [x for x, _ in marks(ax, "^")] == [record.fitted[60], record.fitted[61]]
    assert [x for x, _ in marks(ax, "v")] == [record.fitted[10]]
    assert all(bottom < y < top for _, y in (*marks(ax, "^"), *marks(ax, "v")))
    assert len(marks(ax, "o")) == 117
    assert legend(ax)[-2:] == ["1 more row, down to -900", "2 more rows, up to 2000"]


def test_a_prediction_far_out_stands_at_the_edge_and_is_told():
    record = found()
    fitted = record.fitted.copy()
    fitted[0], fitted[-1] = -5000.0, 7000.0
    edges = np.array([fitted[0], *record.edges[1:-1], fitted[-1]])
    ax = drawn(replace(record, fitted=fitted, edges=edges))
    left, right = ax.get_xlim()
    assert -100 < left < record.fitted[1] and record.fitted[-2] < right < 100
    assert [y for _, y in marks(ax, "<")] == [record.residual[0]] and [y for _, y in marks(ax, ">")] == [
        record.residual[-1]
    ]
    assert all(left < x < right for x, _ in (*marks(ax, "<"), *marks(ax, ">")))
    assert len(marks(ax, "o")) == 118
    assert legend(ax)[-2:] == ["1 more row, predicted down to -5000", "1 more row, predicted up to 7000"]


def test_a_row_far_out_both_ways_is_told_once():
    record = found()
    fitted, residual = record.fitted.copy(), record.residual.copy()
    fitted[-1], residual[-1] = 7000.0, -6000.0
    ax = drawn(replace(record, fitted=fitted, residual=residual))
    assert legend(ax)[-1] == "1 more row, predicted up to 7000" and len(legend(ax)) == 5
    assert len(marks(ax, ">")) == 1 and not marks(ax, "v") and ax.get_ylim()[0] < marks(ax, ">")[0][1]


def test_a_group_with_an_outlier_does_not_flatten_the_others():
    record = found()
    quantiles, residual = record.quantiles.copy(), record.residual.copy()
    quantiles[-1, 0] = residual[-1] = -5000.0
    bottom, top = drawn(replace(record, quantiles=quantiles, residual=residual)).get_ylim()
    assert -100 < bottom < record.quantiles[:, 0].min() and top > record.quantiles[:, 4].max()


def test_many_rows_are_thinned_but_for_the_largest_residuals():
    record = found(900)
    ax = drawn(record, most=200)
    points = set(marks(ax, "o"))
    every = list(zip(record.fitted, record.residual, strict=True))
    assert 150 < len(points) <= 200 and points <= set(every)
    largest = sorted(every, key=lambda point: -abs(point[1]))[:20]
    assert set(largest) <= points
    # Evenly: each tenth of the rows has about as many.
    tenths = np.array_split(record.fitted, 10)
    counts = [sum(part[0] <= x <= part[-1] for x, _ in points) for part in tenths]
    assert min(counts) > 0.6 * max(counts)


def test_the_axes_are_named_with_the_target():
    record = replace(tuning(diagnosed=True), target_names=("yield",))
    ax = drawn(record)
    assert ax.get_xlabel() == "held-out prediction of yield"
    assert ax.get_ylabel() == "residual (target − prediction)"
    assert drawn(record, target="crop").get_xlabel() == "held-out prediction of crop"
    assert drawn(record.diagnostics).get_xlabel() == "held-out prediction"
    assert drawn(record, (2.5, 1.8), target="n" * 60).get_xlabel() == "held-out prediction"
    assert drawn(record, (2.5, 1.8)).get_ylabel() == "residual"


def test_little_to_draw_is_drawn():
    record = found()
    nothing = replace(record, fitted=np.zeros(0), residual=np.zeros(0), edges=np.zeros(0), quantiles=np.zeros((0, 5)))
    assert marks(drawn(nothing), "o") == []
    one = replace(record, fitted=record.fitted[:1], residual=np.zeros(1), edges=np.zeros(0), quantiles=np.zeros((0, 5)))
    assert marks(drawn(one), "o") == [(record.fitted[0], 0.0)]
    # All predictions alike: the only group has no width.
    alike = replace(record, fitted=np.full(120, 3.0), edges=np.array([3.0, 3.0]), quantiles=record.quantiles[:1])
    assert len(marks(drawn(alike), "o")) > 100


def test_what_cannot_be_drawn_is_told_with_a_next_step():
    with pytest.raises(TypeError, match=r"draws a Tuning, got NoneType; pass what wd\.tune returned"):
        wd.plot.residuals(None)
    with pytest.raises(ValueError, match="has nothing to draw: this tuning of a LinearRegression has no diagnostics"):
        wd.plot.residuals(tuning())
    with pytest.raises(ValueError, match=r"one target of 2; pass one of tuning\.targets"):
        wd.plot.residuals(tuning(targets=2, diagnosed=True))


@pytest.mark.parametrize("size", [(7.2, 4.0), (3.2, 2.6)])
def test_the_legend_hides_nothing(size):
    record = found()
    residual = record.residual.copy()
    residual[60] = 1e6
    fitted = record.fitted.copy()
    fitted[-1] = 1e6
    ax = drawn(replace(record, residual=residual, fitted=fitted), size)
    box = ax.get_legend().get_window_extent()
    assert box.y0 >= ax.bbox.y1 - 1 and box.y1 <= ax.figure.bbox.y1 + 1 and box.x1 <= ax.figure.bbox.x1 + 1


@pytest.mark.parametrize("name", THINNED)
def test_a_hostile_target_is_text(name):
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        text = drawn(found(), (9.0, 3.0), target=name).get_xlabel()
    assert "\x1b" not in text and "\n" not in text and "\u202e" not in text
    assert text.count("$") == text.count(r"\$")
