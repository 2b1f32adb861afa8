"""The picture of coefficients shows the diagnostics: every mark is where its number is."""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from numpy.testing import assert_allclose

import weightdecay as wd
from show.hostile import NAMES
from show.records import data, diagnostics, tuning
from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.verdict import brief
from weightdecay.show.labels import BLUE, GREY, VERMILLION


def found(p: int = 8, noise: float = 2.0, names: tuple[str, ...] = ()) -> Diagnostics:
    """Diagnostics of columns in very different units."""
    X, y = data(p=p, noise=noise)
    return diagnostics(X * 10.0 ** (np.arange(p) % 4), y, 0.3, names or tuple(f"column {j}" for j in range(p)))


def drawn(record, size: tuple[float, float] = (7.2, 4.5), **options):
    """The picture in a figure of its own."""
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.add_subplot()
    assert wd.plot.coefficients(record, ax=ax, **options) is ax
    figure.draw_without_rendering()
    return ax


def marks(ax, marker: str) -> dict[float, tuple[float, str]]:
    """Place and colour of the marks of a kind, by their heights."""
    lines = [one for one in ax.get_lines() if one.get_marker() == marker]
    return {float(y): (float(x), one.get_color()) for one in lines for x, y in one.get_xydata()}


def names(ax) -> list[str]:
    """Names of the coefficients, from above."""
    return [one.get_text() for one in ax.get_yticklabels()]


def test_coefficients_per_standard_deviation_stand_the_largest_on_top():
    record = found()
    ax = drawn(record)
    effect = record.coef * record.scale
    order = sorted(range(8), key=lambda j: -abs(effect[j]))
    # The order is not that of the raw coefficients, whose units differ.
    assert order != sorted(range(8), key=lambda j: -abs(record.coef[j]))
    assert names(ax) == [f"column {j}" for j in order]
    assert_allclose([marks(ax, "o")[at][0] for at in range(8)], effect[order])
    bottom, top = ax.get_ylim()
    assert bottom > top  # from above


def test_ranges_over_the_folds_and_least_squares_stand_beside_them():
    record = found()
    ax = drawn(record)
    order = np.argsort(-np.abs(record.coef * record.scale))
    bars = [
        segment
        for one in ax.collections
        if isinstance(one, LineCollection) and one.get_linewidth()[0] == 3
        for segment in one.get_segments()
    ]
    at = {float(segment[0, 1]): (segment[0, 0], segment[1, 0]) for segment in bars}
    low, high = (record.scale * record.fold_low)[order], (record.scale * record.fold_high)[order]
    assert_allclose([at[height] for height in range(8)], np.column_stack([low, high]))
    assert_allclose([marks(ax, "D")[height][0] for height in range(8)], (record.scale * record.least_squares)[order])


def test_a_coefficient_whose_sign_differs_between_folds_is_grey():
    record = found(noise=8.0)
    changes = (record.fold_low < 0) & (record.fold_high > 0)
    assert 0 < changes.sum() < 8
    ax = drawn(record)
    order = np.argsort(-np.abs(record.coef * record.scale))
    colours = [marks(ax, "o")[at][1] for at in range(8)]
    assert colours == [GREY if changes[j] else BLUE for j in order]
    assert "sign differs by fold" in [one.get_text() for one in ax.get_legend().get_texts()]
    steady = replace(record, fold_low=record.coef - 0.1 * abs(record.coef), fold_high=record.coef)
    assert "sign differs by fold" not in [one.get_text() for one in drawn(steady).get_legend().get_texts()]


def test_least_squares_far_outside_is_a_triangle_with_its_number():
    record = found()
    far, near = record.least_squares.copy(), int(np.argmax(np.abs(record.coef * record.scale)))
    far[near] = 1e4 / record.scale[near]
    far[near - 1] = -3e5 / record.scale[near - 1]
    ax = drawn(replace(record, least_squares=far))
    left, right = ax.get_xlim()
    assert right < 100 * np.abs(record.coef * record.scale).max() and left > -3e5
    ((x, colour),) = marks(ax, ">").values()
    assert x == right and colour == VERMILLION
    ((x, _),) = marks(ax, "<").values()
    assert x == left
    assert {one.get_text() for one in ax.texts} == {brief(1e4), brief(-3e5)}
    # All others are in their places.
    assert len(marks(ax, "D")) == 6


def test_without_standard_deviations_the_units_are_those_of_the_columns():
    record = replace(found(), scale=np.full(8, math.nan))
    ax = drawn(record)
    assert ax.get_xlabel() == "coefficient, in the units of its column"
    assert_allclose(sorted(x for x, _ in marks(ax, "o").values()), sorted(record.coef))


def test_the_axis_names_the_target_where_it_fits():
    record = replace(tuning(diagnosed=True), target_names=("yield",))
    assert drawn(record).get_xlabel() == "change of yield per standard deviation of the column"
    assert drawn(record, target="crop").get_xlabel() == "change of crop per standard deviation of the column"
    assert drawn(record.diagnostics).get_xlabel() == "change of prediction per standard deviation of the column"
    narrow = drawn(record, (3.2, 3.0))
    assert narrow.get_xlabel().endswith("per standard deviation")
    box = narrow.xaxis.label.get_window_extent()
    assert box.x0 >= 0 and box.x1 <= narrow.figure.bbox.x1


@pytest.mark.parametrize(("size", "top", "count"), [((7.2, 8.0), 25, 25), ((7.2, 8.0), 5, 5), ((3.2, 2.0), 25, None)])
def test_only_the_largest_are_drawn_and_their_names_stay_apart_and_inside(size, top, count):
    record = found(p=60, names=tuple(f"a long name of a column, number {j}" for j in range(60)))
    ax = drawn(record, size, top=top)
    shown = names(ax)
    assert len(shown) == count if count else 1 <= len(shown) < 20
    largest = np.argsort(-np.abs(record.coef * record.scale))[: len(shown)]
    assert [text[-2:].strip() for text in shown] == [str(j) for j in largest]
    boxes = [one.get_window_extent() for one in ax.get_yticklabels()]
    assert not any(one.y1 - 3 > other.y0 and other.y1 - 3 > one.y0 for one, other in itertools.combinations(boxes, 2))
    assert min(one.x0 for one in boxes) >= 0
    assert ax.bbox.width > 0.45 * ax.figure.bbox.width


def test_the_legend_hides_nothing():
    for size in ((7.2, 4.5), (3.2, 3.0)):
        ax = drawn(found(noise=8.0), size)
        legend = ax.get_legend().get_window_extent()
        assert legend.y0 >= ax.bbox.y1 - 1 and legend.y1 <= ax.figure.bbox.y1 + 1 and legend.x1 <= ax.figure.bbox.x1 + 1


def test_a_tuning_and_its_diagnostics_make_the_same_picture():
    record = tuning(diagnosed=True)
    assert marks(drawn(record), "o") == marks(drawn(record.diagnostics), "o")


def test_what_cannot_be_drawn_is_told_with_a_next_step():
    with pytest.raises(TypeError, match=r"draws a Tuning, got dict; pass what wd\.tune returned"):
        wd.plot.coefficients({})
    with pytest.raises(ValueError, match=r"no diagnostics; wd\.plot\.path\(tuning\.path\) draws its coefficients"):
        wd.plot.coefficients(tuning())
    with pytest.raises(ValueError, match=r"one target of 2; pass one of tuning\.targets"):
        wd.plot.coefficients(tuning(targets=2, diagnosed=True))


@pytest.mark.parametrize("group", range(0, len(NAMES), 24))
def test_hostile_names_are_drawn_as_text(group):
    some = NAMES[group : group + 24]
    record = replace(found(p=len(some), names=some), folds=some[0])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        ax = drawn(record, (7.2, 8.0), target=some[-1])
        shown = [*names(ax), ax.get_xlabel(), *(one.get_text() for one in ax.get_legend().get_texts())]
    for text in shown:
        assert "\x1b" not in text and "\n" not in text and "\u202e" not in text
        assert text.count("$") == text.count(r"\$")


@pytest.mark.parametrize("p", [1, 2])
def test_a_model_of_nothing_is_drawn(p):
    record = found(p=p)
    nothing = np.zeros(p)
    ax = drawn(replace(record, coef=nothing, least_squares=nothing, fold_low=nothing, fold_high=nothing))
    left, right = ax.get_xlim()
    assert left < 0 < right and len(names(ax)) == p
    unknown = np.full(p, math.nan)
    assert len(names(drawn(replace(record, fold_low=unknown, fold_high=unknown)))) == p
