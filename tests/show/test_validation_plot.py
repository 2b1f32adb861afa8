"""The flagship picture shows the record: marks, edges and ticks are where the numbers are; no label hides another."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection, PolyCollection
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

from show.records import GRID, data, tuning
from weightdecay.records.later import Known
from weightdecay.records.tuning import Reference, Tuning
from weightdecay.records.verdict import brief
from weightdecay.show import plots
from weightdecay.show.decay_axis import decay_axis, df_label, tick_label, ticks

DECADES = np.geomspace(1e-4, 1e3, 8)
BOTH_ENDS = np.array([0.0, *GRID, math.inf])


def drawn(record: Tuning, size: tuple[float, float] = (7.2, 4.5)):
    """The picture in a figure of its own."""
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.add_subplot()
    assert plots.validation(record, ax=ax) is ax
    figure.draw_without_rendering()
    return ax


def line(ax, name: str):
    """The one line of a name in the legend."""
    (found,) = (one for one in ax.get_lines() if one.get_label() == name)
    return found


def marks(ax, marker: str, size: float) -> list[tuple[float, float]]:
    """Places of the marks of a kind."""
    found = [one for one in ax.get_lines() if one.get_marker() == marker and one.get_markersize() == size]
    return [tuple(point) for one in found for point in one.get_xydata()]


def texts(ax) -> list[str]:
    """What is written into the axes."""
    return [one.get_text() for one in ax.texts]


def span(ax) -> tuple[float, float]:
    """Edges of the shaded window."""
    (patch,) = ax.patches
    return patch.get_x(), patch.get_x() + patch.get_width()


def test_the_curves_are_the_record():
    record = tuning()
    ax = drawn(record)
    assert_array_equal(line(ax, "held-out ± 1 SE").get_xydata(), np.column_stack([record.decays, record.mean]))
    training = np.column_stack([record.decays, record.path.train_loss])
    assert_array_equal(line(ax, "training").get_xydata(), training)


def test_the_band_is_one_standard_error():
    record = tuning()
    (band,) = (one for one in drawn(record).collections if isinstance(one, PolyCollection))
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
    for decay, mean, error in zip(record.decays, record.mean, record.standard_error, strict=True):
        assert {(decay, mean - error), (decay, mean + error)} <= corners
    assert len({x for x, _ in corners}) == len(record.decays)


def test_no_decay_and_infinite_decay_stand_beside_the_scale():
    record = tuning(decays=BOTH_ENDS)
    ax = drawn(record)
    axis = decay_axis(record.decays)
    assert axis.left < axis.zero < GRID[0] and GRID[-1] < axis.infinity < axis.right
    assert_array_equal(line(ax, "held-out ± 1 SE").get_xdata(), GRID)
    expected = [(axis.zero, record.mean[0]), (axis.infinity, record.mean[-1])]
    assert set(expected) <= set(marks(ax, "o", 4))
    (bars,) = (one for one in ax.collections if isinstance(one, LineCollection))
    ends = np.array([bar[:, 1] for bar in bars.get_segments()])
    assert_allclose(ends[:, 1] - ends[:, 0], 2 * record.standard_error[[0, -1]])
    labels = dict(zip(ax.get_xticks(), [one.get_text() for one in ax.get_xticklabels()], strict=True))
    assert labels[axis.zero] == "0" and labels[axis.infinity] == "∞"


def test_the_best_and_the_one_standard_error_decay_are_marked_and_named():
    record = tuning()
    ax = drawn(record)
    assert record.decay_1se > record.decay_min
    at = dict(zip(record.decays, record.mean, strict=True))
    assert marks(ax, "o", 6) == [(record.decay_min, at[record.decay_min])]
    assert marks(ax, "D", 5.5) == [(record.decay_1se, at[record.decay_1se])]
    named = [text.split()[1] for text in texts(ax) if text.startswith(("best ", "1-SE "))]
    assert_allclose([float(text) for text in named], [record.decay_min, record.decay_1se], rtol=0.05)


def test_what_is_in_use_is_said_where_it_is_not_the_best():
    record = tuning()
    in_use = replace(record, rule="1se", decay=record.decay_1se)
    assert not any("in use" in text for text in texts(drawn(record)))
    assert any(text.startswith("1-SE") and text.endswith("in use") for text in texts(drawn(in_use)))
    other = float(record.decays[5])
    ax = drawn(replace(record, rule="mine", decay=other))
    assert_array_equal(line(ax, "chosen").get_xdata(), [other, other])


@pytest.mark.parametrize("window", [(0.02, 0.7), (0.0, 0.7), (0.02, math.inf), (0.0, math.inf), (1e-9, 1e9)])
def test_the_window_is_shaded_from_edge_to_edge(window):
    record = replace(tuning(), window=window, plausible=(window[0] * 2, window[1] / 2))
    ax = drawn(record)
    left, right = ax.get_xlim()
    assert_allclose(span(ax), (max(window[0], left), min(window[1], right)))
    bar = line(ax, "plausible range").get_xdata()
    assert_allclose(bar, (max(window[0] * 2, left), min(window[1] / 2, right)))
    assert line(ax, "plausible range").get_ydata()[0] < 0.05


def test_the_window_covers_a_tried_0_and_infinity():
    ax = drawn(replace(tuning(decays=BOTH_ENDS), window=(0.0, math.inf)))
    axis = decay_axis(BOTH_ENDS)
    left, right = span(ax)
    assert left < axis.zero and right > axis.infinity


def test_an_undefined_range_is_not_drawn():
    ax = drawn(replace(tuning(), plausible=(math.nan, math.nan)))
    assert not [one for one in ax.get_lines() if one.get_label() == "plausible range"]


def test_degrees_of_freedom_stand_above_their_decays():
    record = tuning(decays=np.geomspace(1e-4, 1e3, 15))
    ax = drawn(record)
    (top,) = ax.child_axes
    shown = dict(zip(top.get_xticks(), [one.get_text() for one in top.get_xticklabels()], strict=True))
    df = {float(f"{decay:.6g}"): value for decay, value in zip(record.path.decays, record.path.df, strict=True)}
    assert len(shown) >= 3
    assert shown == {tick: df_label(df[tick]) for tick in shown}
    assert set(shown) <= set(ax.get_xticks())


def test_degrees_of_freedom_between_decays_lie_between_theirs():
    record = tuning(decays=[0.03, 0.09, 0.25, 0.7, 2.0])
    (top,) = drawn(record).child_axes
    for tick, text in zip(top.get_xticks(), top.get_xticklabels(), strict=True):
        after = int(np.searchsorted(record.decays, tick))
        assert record.path.df[after] - 0.06 <= float(text.get_text()) <= record.path.df[after - 1] + 0.06


def test_both_sides_are_named_on_their_sides():
    ax = drawn(tuning())
    words = {one.get_text(): one for one in ax.texts}
    over, under, best = (words[name] for name in ("← over-fitting", "under-fitting →", texts(ax)[2]))
    assert best.get_text().startswith("best")
    assert over.get_window_extent().x1 < best.get_window_extent().x0
    assert under.get_window_extent().x0 > best.get_window_extent().x1


@pytest.mark.parametrize(("decays", "side"), [(GRID[15:], "under"), (GRID[:25], "over")])
def test_a_side_on_which_nothing_was_tried_has_no_name(decays, side):
    # Little noise: the least decay is best; much: the largest.
    X, y = data(noise=0.01 if side == "under" else 50.0)
    record = replace(tuning(X, y, decays), references=())
    assert record.decay_min == (decays[0] if side == "under" else decays[-1])
    sides = [text for text in texts(drawn(record)) if "fit" in text]
    assert len(sides) == 1 and side in sides[0]


def test_one_decay_alone_has_no_sides():
    assert texts(drawn(replace(tuning(decays=[0.1]), references=()))) == ["best 0.1"]


def test_habits_are_named_and_no_decay_stands_beside_the_curve():
    record = tuning()
    ax = drawn(record)
    assert "sklearn alpha=1" in texts(ax)
    no_decay = record.references[0]
    axis = decay_axis([*record.decays, 0.0])
    assert (axis.zero, no_decay.mean) in marks(ax, "s", 4)


def test_a_steep_curve_gets_a_logarithmic_axis():
    X, y = data(noise=0.001)
    steep, flat = drawn(tuning(X, y)), drawn(tuning())
    assert steep.get_yscale() == "log" and flat.get_yscale() == "linear"
    for ax, record in ((steep, tuning(X, y)), (flat, tuning())):
        bottom, top = ax.get_ylim()
        assert bottom < record.mean.min() < top


def test_a_best_that_is_better_by_thirty_decades_does_not_empty_the_picture():
    plain = tuning()
    mean = np.concatenate([[1e-30], np.geomspace(1e-14, 1.0, len(GRID) - 1)])
    record = replace(plain, mean=mean, standard_error=mean / 10, decay=GRID[0], decay_min=GRID[0], references=())
    bottom, top = drawn(record).get_ylim()
    assert bottom < 1e-30 and ((mean > bottom) & (mean < top)).mean() >= 0.5


def test_under_a_scorer_there_is_no_training_curve():
    record = tuning()
    scored = replace(record, scoring="−r2", mean=record.mean / record.mean.max() - 1)
    ax = drawn(scored)
    assert ax.get_ylabel() == "r2"
    assert "training" not in [one.get_label() for one in ax.get_lines()]
    # As the metric itself: the best stands at the top.
    assert_array_equal(line(ax, "held-out ± 1 SE").get_ydata(), -scored.mean)
    assert marks(ax, "o", 6) == [(record.decay_min, -scored.mean.min())]


def test_without_standard_errors_the_legend_promises_none():
    record = tuning()
    nothing = np.full(len(record.decays), math.nan)
    bare = replace(record, standard_error=nothing, paired=nothing, decay_1se=math.nan, plausible=(math.nan, math.nan))
    ax = drawn(bare)
    assert_array_equal(line(ax, "held-out").get_ydata(), record.mean)
    assert not any(text.startswith("1-SE") for text in texts(ax))


def test_a_record_from_json_draws_the_same_also_without_its_path():
    record = tuning()
    back = drawn(Tuning.from_json(record.to_json()))
    assert_array_equal(line(back, "training").get_xydata(), line(drawn(record), "training").get_xydata())
    lost = drawn(replace(record, later=Known()))
    assert_array_equal(line(lost, "held-out ± 1 SE").get_ydata(), record.mean)
    assert not lost.child_axes
    assert "training" not in [one.get_label() for one in lost.get_lines()]


@pytest.mark.parametrize(
    "decays", [[0.1], [0.0], [math.inf], [0.0, math.inf], [0.1, 1.0], [0.0, 0.1], [0.0, 0.01, 0.1, 1.0, math.inf]]
)
def test_few_decays_are_all_drawn(decays):
    record = tuning(decays=decays)
    ax = drawn(record)
    axis = decay_axis([*record.decays, *(one.decay for one in record.references if one.decay in (0, math.inf))])
    heights = {float(y) for one in ax.get_lines() for y in np.atleast_1d(one.get_ydata())}
    assert set(record.mean) <= heights
    labels = [one.get_text() for one in ax.get_xticklabels()]
    # A tick that stands for no decay would mislead.
    assert len(labels) >= len({*decays} & {0.0, math.inf})
    if not np.isfinite(np.asarray(decays)[np.asarray(decays) > 0]).any():
        assert set(labels) <= {"0", "∞"}
    assert axis.left < axis.right


def boxes(ax):
    """Places of all that is written or marked in the axes, in dots."""
    return [(one.get_text(), one.get_window_extent()) for one in ax.texts]


@pytest.mark.parametrize("size", [(7.2, 4.5), (3.2, 2.4)])
@pytest.mark.parametrize("noise", [0.001, 2.0, 30.0])
@pytest.mark.parametrize("decays", [GRID[::3], BOTH_ENDS, [0.1, 1.0]], ids=["grid", "ends", "two"])
def test_no_label_lies_on_another_and_the_legend_hides_no_mark(size, noise, decays):
    X, y = data(noise=noise)
    record = tuning(X, y, decays)
    ax = drawn(record, size)
    for (first, one), (second, other) in itertools.combinations(boxes(ax), 2):
        # Boxes hold the space above and below the letters.
        apart = one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 - 3 <= other.y0 or other.y1 - 3 <= one.y0
        assert apart, (first, second)
    for text, box in boxes(ax):
        for bottom, top in (
            ax.transData.transform(one.get_xydata()) for one in ax.get_lines() if one.get_alpha() == 0.6
        ):
            crossed = box.x0 < bottom[0] < box.x1 and bottom[1] < box.y1 - 3 and box.y0 + 3 < top[1]
            assert not crossed, text
    legend = ax.get_legend().get_window_extent()
    for mark in (*marks(ax, "o", 6), *marks(ax, "D", 5.5)):
        x, y_ = ax.transData.transform(mark)
        assert not (legend.x0 < x < legend.x1 and legend.y0 < y_ < legend.y1)
    for text, box in boxes(ax):
        assert not legend.overlaps(box), text
        assert ax.bbox.x0 - 1 <= box.x0 and box.x1 <= ax.bbox.x1 + 1, text


@pytest.mark.parametrize("count", [2, 12, 200])
def test_targets_are_drawn_in_units_of_their_best(count):
    few = tuning(decays=GRID[::4], targets=2)
    record = replace(few, targets=few.targets * (count // 2))
    ax = drawn(record)
    assert ax.get_ylabel() == "held-out loss / its best"
    shown = {tuple(one.get_ydata()) for one in ax.get_lines()}
    for one in record.targets[:40]:
        assert tuple(one.mean / one.mean.min()) in shown
    first = record.targets[0]
    assert (first.decay_min, 1.0) in marks(ax, "o", 5)
    assert any(text.startswith("target 1: ") for text in texts(ax))
    far = max(float(np.max(one.mean / one.mean.min())) for one in record.targets)
    first = "the first 20 of 200 targets; " if count == 200 else ""
    assert ax.get_title(loc="left") == f"{first}not shown: up to {brief(far)}"


def test_targets_under_a_scorer_are_differences():
    # A ratio to a best of −0.5 would turn the curve upside down, and one to 0 is undefined.
    plain = tuning(decays=GRID[::4], targets=2)
    scored = [replace(one, mean=one.mean / one.mean.max() - 1, scoring="−r2") for one in plain.targets]
    ax = drawn(replace(plain, scoring="−r2", targets=tuple(scored)))
    assert ax.get_ylabel() == "held-out r2 − its best"
    shown = {tuple(one.get_ydata()) for one in ax.get_lines()}
    for one in scored:
        assert tuple(one.mean.min() - one.mean) in shown
    assert {y for _, y in marks(ax, "o", 5)} == {0.0}


def test_a_new_figure_is_made_only_when_no_axes_are_given():
    import matplotlib.pyplot as plt

    before = plt.get_fignums()
    ax = plots.validation(tuning())
    assert len(plt.get_fignums()) == len(before) + 1
    plt.close(ax.figure)


def test_ticks_are_round_and_inside():
    assert ticks(1e-4, 1e3) == [1e-4, 1e-2, 1.0, 1e2]
    assert ticks(1e-4, 1e3, most=8) == [10.0**k for k in range(-4, 4)]
    assert ticks(0.013, 0.8) == [0.02, 0.05, 0.1, 0.2, 0.5]
    assert ticks(0.21, 0.49) == [0.21, 0.49]
    assert ticks(3.0, 3.0) == [3.0]
    for low, high in ((1e-300, 1e300), (0.2, 0.9), (0.21, 0.49), (3.0, 3.0), (1e-5, 1e-4)):
        found = ticks(low, high)
        assert 1 <= len(found) <= 9
        assert all(low * (1 - 1e-8) <= tick <= high * (1 + 1e-8) for tick in found)
    assert tick_label(1e-7) == "10⁻⁷" and tick_label(0.01) == "0.01" and tick_label(1.0) == "1"


def steep(tail: float) -> Tuning:
    """A flat valley, no decay 10 % above it, and a right tail that ends so many times above the best."""
    plain = tuning()
    mean = 1 + 0.1 * (GRID < 1e-2) + (tail - 1) * np.maximum(np.log10(GRID), 0) ** 4 / 81
    best = float(GRID[np.argmin(mean)])
    habits = (Reference("no decay", 0.0, 1.1, 0.1), Reference("infinite decay", math.inf, 2 * tail, 0.1))
    return replace(
        plain,
        mean=mean,
        standard_error=np.full(len(GRID), 0.05),
        decay=best,
        decay_min=best,
        decay_1se=best,
        references=habits,
    )


@pytest.mark.parametrize("tail", [20.0, 65.0, 250.0, 1e6])
def test_a_tail_far_above_does_not_flatten_the_valley(tail):
    ax = drawn(steep(tail))
    top = ax.get_ylim()[1]
    assert ax.get_yscale() == "linear" and top < 4
    depth = ax.transData.transform([(1, 1.0), (1, 1.1)])[:, 1]
    assert (depth[1] - depth[0]) / ax.bbox.height > 0.03
    assert ax.get_legend().get_title().get_text() == f"not shown: up to {brief(2 * tail)}"
    # Infinite decay is out of the picture, not at its edge.
    assert not [mark for mark in marks(ax, "s", 4) if mark[1] > top]


def test_what_is_shown_whole_has_no_note():
    ax = drawn(replace(steep(1.5), references=()))
    assert ax.get_legend().get_title().get_text() == ""
    assert ax.get_ylim()[1] > 1.5


def test_a_score_far_below_does_not_flatten_the_hill():
    losses = steep(250.0)
    habits = tuple(replace(one, mean=min(one.mean, 2.0) - 2) for one in losses.references)
    ax = drawn(replace(losses, scoring="−r2", mean=losses.mean - 2, references=habits))
    bottom, top = ax.get_ylim()
    assert top > 1.0 and bottom > -3
    assert ax.get_legend().get_title().get_text() == "not shown: down to -248"


@pytest.mark.parametrize("error", [0.05, 3.0])
def test_an_error_that_is_never_negative_has_no_negative_ticks(error):
    record = replace(steep(20.0), standard_error=np.full(len(GRID), error))
    ax = drawn(record)
    bottom, _ = ax.get_ylim()
    shown = [tick for tick in ax.get_yticks() if bottom <= tick <= ax.get_ylim()[1]]
    assert len(shown) >= 3 and min(shown) >= 0


def test_targets_are_called_by_their_names_and_say_what_is_cut():
    few = tuning(decays=GRID[::4], targets=2)
    record = replace(few, target_names=("height", "a name that is far too long for the strip " * 9))
    named = texts(drawn(record))
    assert any(text.startswith("height: ") for text in named)
    assert any(text.startswith("a name") and "…" in text for text in named)
    ax = drawn(replace(few, targets=(few.targets[0], steep(250.0))))
    assert ax.get_title(loc="left") == "not shown: up to 250"
