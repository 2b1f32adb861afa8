"""The pictures of coefficients against decays and of weights against epochs show their records."""

from __future__ import annotations

import itertools
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from numpy.testing import assert_array_equal

from show.records import GRID, data, decay_path, history, tuning
from weightdecay.records.history import History
from weightdecay.show import plots
from weightdecay.show.decay_axis import decay_axis, df_label
from weightdecay.show.labels import FAINT, text_width


def axes(size: tuple[float, float] = (7.2, 4.5)):
    """New axes."""
    return Figure(figsize=size, layout="constrained").add_subplot()


def a_path(p: int = 8, decays=GRID, names: tuple[str, ...] = ()):
    """A path with names for its columns."""
    X, y = data(p=p)
    return decay_path(X, y, np.asarray(decays, dtype=float), names or tuple(f"column {j}" for j in range(p)))


def curves(ax) -> set[tuple[float, ...]]:
    """Heights of every line."""
    return {tuple(np.asarray(one.get_ydata(), dtype=float)) for one in ax.get_lines()}


def coloured(ax) -> list:
    """The named lines."""
    return [one for one in ax.get_lines() if one.get_color() != FAINT and one.get_linestyle() != "--"]


def names(ax) -> list[str]:
    """What is written."""
    return [one.get_text() for one in ax.texts]


def box(annotation):
    """Where the text of an annotation stands, its arrow apart."""
    return Text.get_window_extent(annotation)


def test_every_coefficient_is_a_line():
    record = a_path()
    ax = plots.path(record, ax=axes())
    assert {tuple(column) for column in record.coef.T} <= curves(ax)
    assert all(tuple(one.get_xdata()) == tuple(GRID) for one in coloured(ax))


def test_the_largest_have_their_names_in_their_colours():
    record = a_path(p=40)
    ax = plots.path(record, ax=axes(), top=5)
    largest = np.argsort(-np.abs(record.coef).max(axis=0))[:5]
    by_colour = {one.get_color(): tuple(one.get_ydata()) for one in coloured(ax)}
    assert len(by_colour) == 5
    named = {text.get_text(): by_colour[text.get_color()] for text in ax.texts}
    assert named == {f"column {j}": tuple(record.coef[:, j]) for j in largest}


def test_a_marked_decay_ranks_and_is_marked():
    record = a_path(p=40)
    at = 30
    ax = plots.path(record, ax=axes(), top=4, decay=float(GRID[at]))
    largest = np.argsort(-np.abs(record.coef[at]))[:4]
    assert set(names(ax)) == {f"column {j}" for j in largest}
    assert [GRID[at], GRID[at]] in [list(one.get_xdata()) for one in ax.get_lines()]


def test_a_marked_decay_beside_the_path_has_a_place():
    for decay in (0.0, math.inf, 1e-6):
        ax = plots.path(a_path(), ax=axes(), decay=decay)
        axis = decay_axis([*GRID, decay])
        place = float(axis.place(decay))
        assert [place, place] in [list(one.get_xdata()) for one in ax.get_lines()]
        assert ax.get_xlim()[0] < place < ax.get_xlim()[1]
        ax.figure.draw_without_rendering()
        line = ax.transData.transform((place, 0))[0]
        # The line of the decay does not run through a name.
        assert not [one for one in ax.texts if box(one).x0 < line < box(one).x1]


def test_decays_in_another_order_make_the_same_picture():
    record = a_path(decays=[0.0, *GRID, math.inf])
    order = np.random.default_rng(0).permutation(len(record.decays))
    mixed = replace(
        record,
        decays=record.decays[order],
        coef=record.coef[order],
        df=record.df[order],
        intercept=record.intercept[order],
        train_loss=record.train_loss[order],
    )
    first, second = plots.path(record, ax=axes()), plots.path(mixed, ax=axes())
    assert curves(first) == curves(second)
    assert names(first) == names(second)
    (one,), (other,) = first.child_axes, second.child_axes
    assert [t.get_text() for t in one.get_xticklabels()] == [t.get_text() for t in other.get_xticklabels()]


def test_several_targets_have_a_line_for_every_coefficient_of_each():
    one = a_path(p=3)
    both = replace(
        one, coef=np.stack([one.coef, 2 * one.coef], axis=1), intercept=np.stack([one.intercept] * 2, axis=1)
    )
    ax = plots.path(both, ax=axes())
    assert {tuple(column) for column in one.coef.T} | {tuple(column) for column in 2 * one.coef.T} <= curves(ax)
    by_colour = {line.get_color(): tuple(line.get_ydata()) for line in coloured(ax)}
    (second,) = (text for text in ax.texts if text.get_text() == "column 1 · target 2")
    assert by_colour[second.get_color()] == tuple(2 * one.coef[:, 1])


def test_targets_are_called_by_their_names():
    one = a_path(p=2)
    both = replace(one, coef=np.stack([one.coef, 2 * one.coef], axis=1), target_names=("Weight", "Pulse"))
    assert set(names(plots.path(both, ax=axes()))) == {
        f"column {j} · {target}" for j in range(2) for target in ("Weight", "Pulse")
    }


def top_labels(ax) -> dict[float, str]:
    """Labels of the upper axis by their decays."""
    (top,) = ax.child_axes
    return dict(zip(top.get_xticks().tolist(), [one.get_text() for one in top.get_xticklabels()], strict=True))


def test_degrees_of_freedom_are_not_read_off_between_decays_far_apart():
    record = a_path(decays=[0.0, 0.1, 1e5])
    axis = decay_axis(record.decays)
    labels = top_labels(plots.path(record, ax=axes()))
    np.testing.assert_allclose(list(labels), axis.place(record.decays))
    assert list(labels.values()) == [df_label(df) for df in record.df]


def test_degrees_of_freedom_that_read_the_same_are_told_once():
    record = a_path(decays=np.geomspace(1e-9, 1e3, 49))
    labels = list(top_labels(plots.path(record, ax=axes())).values())
    assert labels[0] == "8.0" and len(labels) == len(set(labels)) > 1


def test_coefficients_per_standard_deviation_are_drawn_and_ranked_so():
    record, scale = a_path(), np.array([1000.0, *np.ones(7)])
    ax = plots.path(record, ax=axes(), top=1, scale=scale)
    assert ax.get_ylabel().startswith("per standard deviation") and plots.path(record).get_ylabel() == "coefficient"
    assert "column 0" in [one.get_text() for one in ax.texts]
    curves = [one.get_ydata() for one in ax.get_lines() if one.get_linewidth() == 1.5]
    np.testing.assert_array_equal(curves, [record.coef[:, 0] * 1000.0])
    several = replace(record, coef=np.stack([record.coef, 2 * record.coef], axis=1))
    lines = [one.get_ydata() for one in plots.path(several, ax=axes(), top=16, scale=scale).get_lines()]
    assert any(np.array_equal(one, 2000.0 * record.coef[:, 0]) for one in lines)
    with pytest.raises(ValueError, match=r"scale has shape \(3,\), expected \(8,\): one standard deviation for each"):
        plots.path(record, ax=axes(), scale=np.ones(3))


def test_the_zero_line_does_not_run_through_names():
    record = a_path()
    ax = plots.path(record, ax=axes())
    (zero,) = (one for one in ax.get_lines() if list(one.get_ydata()) == [0, 0])
    assert zero.get_xdata()[0] == record.decays.min() > ax.get_xlim()[0]


@pytest.mark.parametrize(
    "decays", [[0.0, *GRID, math.inf], [0.0, *GRID, 1e7], np.geomspace(1e-4, 1e3, 15), [1e-3, 1e3]]
)
@pytest.mark.parametrize("width", [3.2, 7.2])
def test_degrees_of_freedom_are_those_at_their_ticks(decays, width):
    record = a_path(decays=decays)
    ax = plots.path(record, ax=axes((width, 4.5)))
    axis, (X, y) = decay_axis(decays), data(p=8)
    labels = top_labels(ax)
    assert len(labels) >= 2
    for place, text in labels.items():
        decay = {axis.zero: 0.0, axis.infinity: math.inf}.get(place, place)
        true = float(decay_path(X, y, np.array([decay]), ()).df[0])
        # Half of the last digit, and 0.02 for each column by the line between two decays.
        assert abs(float(text) - true) <= 0.05 + 0.02 * 8
    ax.figure.draw_without_rendering()
    boxes = [one.get_window_extent() for one in ax.child_axes[0].get_xticklabels()]
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))


def test_one_decay_makes_points():
    record = a_path(decays=[0.1])
    ax = plots.path(record, ax=axes())
    for line in coloured(ax):
        assert line.get_marker() == "o"
    assert {(value,) for value in record.coef[0]} <= curves(ax)


def test_columns_of_very_different_units_share_an_axis():
    record = a_path()
    scales = 10.0 ** np.arange(8)
    assert plots.path(replace(record, coef=record.coef * scales), ax=axes()).get_yscale() == "symlog"
    assert plots.path(record, ax=axes()).get_yscale() == "linear"


def test_a_thousand_columns_stay_a_light_picture():
    record = a_path(p=8)
    wide = replace(record, coef=np.tile(record.coef, 125), columns=tuple(f"c{j}" for j in range(1000)))
    ax = plots.path(wide, ax=axes())
    assert len(ax.get_lines()) < 60


def test_a_path_without_names_counts_its_columns():
    assert set(names(plots.path(replace(a_path(p=3), columns=()), ax=axes()))) == {"x0", "x1", "x2"}


@pytest.mark.parametrize("size", [(7.2, 4.5), (3.2, 2.2)])
@pytest.mark.parametrize("side", ["path", "training"])
def test_names_do_not_overlap_and_stay_inside(size, side):
    columns = tuple(f"a long name of a column, number {j}" for j in range(30))
    X, y = data(p=30)
    if side == "path":
        ax = plots.path(decay_path(X, y, GRID, columns), ax=axes(size))
    else:
        weights = np.linspace(0, 1, 20)[:, None] * np.linspace(0.9, 1.0, 30)
        ax = plots.training(History(0.1, weights, np.ones(20), True, "", columns), ax=axes(size))
    ax.figure.draw_without_rendering()
    boxes = [box(one) for one in ax.texts]
    assert len({one.get_text() for one in ax.texts}) == len(boxes) >= 5
    # From top to bottom the names are in the order of their curves.
    heights = [one.xy[1] for one in sorted(ax.texts, key=lambda one: box(one).y0)]
    assert heights == sorted(heights)
    for one, other in itertools.combinations(boxes, 2):
        assert one.y1 - 3 <= other.y0 or other.y1 - 3 <= one.y0
    assert all(ax.bbox.x0 - 1 <= box.x0 and box.x1 <= ax.bbox.x1 + 1 for box in boxes)


@pytest.mark.parametrize("dpi", [72, 100, 200, 300])
def test_the_width_of_a_text_is_not_underestimated(dpi):
    ax = Figure(figsize=(7.2, 4.5), dpi=dpi).add_subplot()
    for text in ("best 0.0042", "under-fitting →", "sklearn alpha=1", "a long column name", "A" * 24, "W" * 24, "MW@%"):
        written = ax.text(0, 0, text, fontsize=7.5)
        assert text_width(text) >= 0.97 * written.get_window_extent().width * 72 / ax.figure.dpi


def test_letters_that_the_font_lacks_are_taken_for_wide_ones():
    assert text_width("名前") >= 2 * 7.5 and text_width("e\u0301") == text_width("e\u0301\u0489")


@pytest.mark.parametrize("letter", ["A", "W", "名", "i"])
@pytest.mark.parametrize("side", ["path", "training"])
def test_a_long_name_stays_off_the_ticks(letter, side):
    columns = tuple(letter * 10_000 + str(j) for j in range(3))
    if side == "path":
        ax = plots.path(a_path(p=3, names=columns), ax=axes((4.0, 3.0)))
    else:
        ax = plots.training(replace(history(0.1), columns=columns), ax=axes((4.0, 3.0)))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        ax.figure.draw_without_rendering()
        assert all(ax.bbox.x0 <= box(one).x0 and box(one).x1 <= ax.bbox.x1 for one in ax.texts)
    assert len(ax.texts) == 3 and all("…" in one.get_text() for one in ax.texts)


@pytest.mark.parametrize("scales", [(1e3, 1.0, 1e-1, 1e-2), (1e9, 1.0, 1.0, 1.0), (100.0, 0.009, 0.02, 0.2)])
@pytest.mark.parametrize("size", [(6.4, 3.8), (3.2, 2.2)])
def test_a_squeezed_axis_says_so_and_its_ticks_can_be_read(scales, size):
    record = a_path(p=4)
    sizes = record.coef / np.abs(record.coef).max(axis=0) * scales
    ax = plots.path(replace(record, coef=sizes), ax=axes(size))
    ax.figure.draw_without_rendering()
    assert ax.get_yscale() == "symlog"
    assert ax.get_ylabel().startswith("coefficient, log") and "beyond ±" in ax.get_ylabel()
    boxes = [one.get_window_extent() for one in ax.get_yticklabels() if one.get_text()]
    assert len(boxes) >= 3 and not len(ax.yaxis.get_minorticklocs())
    assert not any(one.overlaps(other) for one, other in itertools.combinations(boxes, 2))
    assert 0.0 in ax.get_yticks()


def test_one_fit_has_a_line_for_every_weight():
    record = history(0.1, p=5)
    ax = plots.training(record, ax=axes())
    assert {tuple(column) for column in record.weights.T} <= curves(ax)
    assert_array_equal(coloured(ax)[0].get_xdata(), np.arange(201))
    by_colour = {line.get_color(): tuple(line.get_ydata()) for line in coloured(ax)}
    named = {text.get_text(): by_colour[text.get_color()] for text in ax.texts}
    assert named == {f"column {j}": tuple(record.weights[:, j]) for j in range(5)}
    assert ax.get_legend() is None


def test_several_fits_have_a_shade_each_and_say_who_did_not_converge():
    fits = [history(1.0), history(0.0, converged=False), history(0.1)]
    ax = plots.training(fits, ax=axes())
    for fit in fits:
        assert {tuple(column) for column in fit.weights.T} <= curves(ax)
    legend = ax.get_legend()
    assert [text.get_text() for text in legend.get_texts()] == ["0 (not converged)", "0.1", "1"]
    shades = [handle.get_color() for handle in legend.get_lines()]
    strongest = {tuple(line.get_ydata()) for line in ax.get_lines() if line.get_color() == shades[-1]}
    assert strongest == {tuple(column) for column in fits[0].weights.T}
    # The stronger the decay the darker.
    assert [sum(shade[:3]) for shade in shades] == sorted((sum(shade[:3]) for shade in shades), reverse=True)


def test_names_stand_beyond_the_longest_fit():
    long, short = history(1.0, epochs=300), history(0.1, epochs=50)
    ax = plots.training([short, long], ax=axes())
    for text in ax.texts:
        assert text.xy[0] == 300
    heights = sorted(text.xy[1] for text in ax.texts)
    bottom, top = ax.get_ylim()
    assert np.allclose(heights, sorted((long.weights[-1] - bottom) / (top - bottom)))


def test_a_fit_that_grows_without_bound_leaves_the_others_visible():
    calm = history(0.1)
    wild = replace(history(10.0, converged=False), weights=calm.weights * (-3.0) ** np.arange(201)[:, None])
    ax = plots.training([calm, wild], ax=axes())
    assert {tuple(column) for column in calm.weights.T} <= curves(ax)
    low, high = ax.get_ylim()
    assert high - low < 1.2 * (calm.weights.max() - min(calm.weights.min(), 0))
    assert any("not converged" in text.get_text() for text in ax.get_legend().get_texts())
    alone = plots.training(wild, ax=axes())
    assert alone.get_yscale() == "symlog"


def test_epochs_are_whole_numbers():
    record = history(0.1, epochs=1)
    ax = plots.training(record, ax=axes())
    ax.figure.draw_without_rendering()
    assert all(float(tick).is_integer() for tick in ax.get_xticks())


def test_histories_that_cannot_share_a_picture_are_refused():
    with pytest.raises(ValueError, match="no history"):
        plots.training([])
    with pytest.raises(ValueError, match="different shapes"):
        plots.training([history(0.1, p=3), history(1.0, p=4)])


@pytest.mark.parametrize(
    ("draw", "wrong", "told"),
    [
        (plots.validation, 0.1, r"wd\.plot\.validation draws a Tuning, got float; pass what wd\.tune returned"),
        (plots.path, tuning(decays=[0.1]), r"wd\.plot\.path draws a DecayPath, got Tuning; .* or tuning\.path"),
        (plots.training, 0.1, r"wd\.plot\.training draws a History, got float; pass model\.history_"),
        (plots.training, [history(0.1), "x"], r"wd\.plot\.training draws a History, got str"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_a_sentence(draw, wrong, told):
    with pytest.raises(TypeError, match=told):
        draw(wrong)


@pytest.mark.parametrize("nothing", [None, [None], [history(0.1), None]])
def test_a_fit_without_history_is_said_to_have_none(nothing):
    with pytest.raises(ValueError, match=r"no history to draw, got None; give model\.history_ of fits with solver="):
        plots.training(nothing)


def test_many_decays_have_a_short_legend():
    ax = plots.training([history(decay, epochs=20) for decay in np.geomspace(0.01, 1, 20)], ax=axes())
    shown = [text.get_text() for text in ax.get_legend().get_texts()]
    assert 2 <= len(shown) <= 7
    assert shown[0] == "0.01" and shown[-1] == "1"
