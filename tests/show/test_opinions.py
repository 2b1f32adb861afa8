"""Opinions side by side: what every criterion and habit would choose, in the table, and in the picture."""

from __future__ import annotations

import json
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import PolyCollection
from matplotlib.figure import Figure
from numpy.testing import assert_allclose, assert_array_equal

import weightdecay as wd
from show.hostile import NAMES
from show.pages import assert_harmless
from show.records import GRID, tuning
from weightdecay.records.later import Known
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import relative
from weightdecay.show.choices import choices
from weightdecay.show.decay_axis import decay_axis
from weightdecay.show.report import html
from weightdecay.show.sanitize import for_html

CAPTION = "What each criterion and habit would choose"


def judged(**opinions) -> Tuning:
    """A tuning with these opinions of its decays."""
    record = tuning()
    return replace(record, later=Known(opinions, record.path))


def drawn(record, size: tuple[float, float] = (7.2, 4.0)):
    """The picture in a figure of its own."""
    figure = Figure(figsize=size, layout="constrained")
    ax = figure.add_subplot()
    assert wd.plot.opinions(record, ax=ax) is ax
    figure.draw_without_rendering()
    return ax


def marks(ax) -> list[tuple[float, float]]:
    """Places of the choices."""
    return [tuple(point) for one in ax.get_lines() if one.get_markersize() == 5.5 for point in one.get_xydata()]


def curve(ax):
    """The held-out curve."""
    (line,) = (one for one in ax.get_lines() if str(one.get_label()).startswith("held-out"))
    return line


def test_each_criterion_chooses_the_decay_of_its_least_value_and_pays_the_difference():
    evidence = np.abs(np.log(GRID) - np.log(GRID[30]))
    record = judged(gcv=np.abs(np.log(GRID) - np.log(GRID[3])), evidence=evidence)
    told = json.loads(record.to_json())
    page = assert_harmless(html(record))
    rows = {row[0][0]: row for row in page.table(CAPTION).rows}
    one_se = told["decays"].index(told["decay_1se"])
    for name, at in (
        ("least held-out loss", record.best),
        ("one-standard-error rule", one_se),
        ("generalised cross-validation (gcv)", 3),
        ("restricted marginal likelihood (evidence)", 30),
    ):
        decay, loss, excess, share, paired, _ = (None if value is None else float(value) for _, value in rows[name][1:])
        assert share == excess / min(told["mean"])
        assert (decay, loss, paired) == (told["decays"][at], told["mean"][at], told["paired"][at])
        assert excess == told["mean"][at] - min(told["mean"])
    for habit in told["references"]:
        _, decay, loss, excess, share, paired, _ = rows[f"untuned: {habit['name']}"]
        # What is read is what the verdict says.
        assert share[0] == relative(float(excess[1]), min(told["mean"]))
        assert math.isinf(float(habit["decay"])) or f"by {share[0]} (" in record.verdict
        assert [float(one[1]) for one in (decay, loss, paired)] == [
            float(habit[k]) for k in ("decay", "mean", "paired")
        ]
        assert float(excess[1]) == habit["mean"] - min(told["mean"])
    assert rows["least held-out loss"][-1][0] == "in use" and rows["one-standard-error rule"][-1][0] == ""


def test_a_criterion_that_stops_at_an_end_is_said_to():
    (first, last, inside, unknown) = (
        np.arange(40.0),
        -np.arange(40.0),
        (np.arange(40.0) - 20) ** 2,
        np.full(40, math.nan),
    )
    record = judged(first=first, last=last, inside=inside, unknown=unknown)
    remarks = {one.short: (one.decay, one.remark) for one in choices(record)}
    assert remarks["first"] == (GRID[0], "at the edge of the decays")
    assert remarks["last"] == (GRID[-1], "at the edge of the decays")
    assert remarks["inside"] == (GRID[20], "")
    assert "unknown" not in remarks
    # Infinite values, as of gcv where no degree of freedom is left, are no choice; the first finite one is an edge.
    cut = judged(gcv=np.where(np.arange(40) < 10, math.inf, np.arange(40.0)))
    assert {one.short: (one.decay, one.remark) for one in choices(cut)}["gcv"] == (
        GRID[10],
        "at the edge of the decays",
    )


def test_a_decay_of_another_rule_is_told():
    record = tuning()
    tried = replace(record, rule="mine", decay=float(GRID[5]))
    (found,) = (one for one in choices(tried) if one.remark == "in use")
    assert (found.name, found.decay, found.loss) == ("rule mine", GRID[5], record.mean[5])
    other = replace(record, rule="mine", decay=0.123)
    (found,) = (one for one in choices(other) if one.remark == "in use")
    assert found.decay == 0.123 and math.isnan(found.loss) and math.isnan(found.excess)
    page = assert_harmless(html(other))
    assert page.column(CAPTION, "decay").count(0.123) == 1 and "nan" not in page.words()


def test_the_curve_is_the_paired_difference_to_the_best():
    record = tuning()
    ax = drawn(record)
    assert_allclose(curve(ax).get_xydata(), np.column_stack([GRID, record.mean - record.mean.min()]))
    (band,) = (one for one in ax.collections if isinstance(one, PolyCollection))
    corners = {tuple(corner) for corner in band.get_paths()[0].vertices}
    for decay, mean, error in zip(GRID, record.mean - record.mean[record.best], record.paired, strict=True):
        assert {(decay, mean - error), (decay, mean + error)} <= corners
    (allowed,) = (one for one in ax.get_lines() if one.get_label() == "1 % of the best")
    assert_allclose(allowed.get_ydata(), 0.01 * record.mean.min())


def test_the_choices_stand_on_the_curve_with_their_names():
    record = judged(gcv=np.abs(np.arange(40.0) - 14), evidence=np.abs(np.arange(40.0) - 24))
    ax = drawn(record)
    excess = record.mean - record.mean.min()
    for index in (14, 24, record.best):
        assert (GRID[index], excess[index]) in marks(ax)
    written = {one.get_text() for one in ax.texts}
    assert {"gcv", "evidence", "held-out", "1-SE", "sklearn alpha=1"} <= written
    # No decay stands beside the curve.
    axis = decay_axis([0.0, *GRID])
    assert (axis.zero, record.references[0].mean - record.mean.min()) in marks(ax)


def test_those_who_agree_share_a_name():
    record = tuning()  # its gcv is the held-out loss times a number
    assert "held-out, gcv" in {one.get_text() for one in drawn(record).texts}
    # So do those whose marks no eye can tell apart; in a narrow picture more are that close.
    at = record.best
    near = judged(gcv=np.abs(np.arange(40.0) - at - 1), evidence=np.abs(np.arange(40.0) - at - 9))
    wide, narrow = ({one.get_text() for one in drawn(near, size).texts} for size in ((12.0, 4.0), (2.6, 2.6)))
    assert {"held-out", "gcv", "evidence"} <= wide
    assert "held-out, gcv" in narrow and not any("evidence" in text and "held-out" in text for text in narrow)


def test_scores_are_turned_round():
    plain = tuning()
    top = plain.mean.max()
    habits = tuple(replace(one, mean=one.mean / top - 1) for one in plain.references)
    record = replace(plain, scoring="−r2", mean=plain.mean / top - 1, paired=plain.paired / top, references=habits)
    ax = drawn(record)
    assert ax.get_ylabel() == "r2 below the best"
    assert (curve(ax).get_ydata() >= 0).all() and curve(ax).get_ydata().max() > 0
    page = assert_harmless(html(record))
    assert page.table(CAPTION).header[2:4] == ["held-out r2", "worse than the best by"]
    assert page.column(CAPTION, "held-out r2")[0] == -record.mean.min()
    assert min(page.column(CAPTION, "worse than the best by")) == 0


def test_no_tick_stands_below_the_curve():
    ax = drawn(tuning())
    low = float(np.min(tuning().mean - tuning().mean.min() - tuning().paired))
    assert len(ax.get_yticks()) >= 3 and min(ax.get_yticks()) >= low


@pytest.mark.parametrize("decays", [[0.1], [0.0], [0.0, math.inf], [0.1, 1.0], [0.0, 0.01, 0.1, 1.0, math.inf]])
def test_few_decays_are_drawn(decays):
    record = tuning(decays=decays)
    ax = drawn(record)
    heights = {float(y) for one in ax.get_lines() for y in np.atleast_1d(one.get_ydata())}
    excess = record.mean - record.mean.min()
    assert {one for one in excess.tolist() if one <= ax.get_ylim()[1]} <= heights


def test_without_standard_errors_the_legend_promises_none():
    record = replace(tuning(), paired=np.full(40, math.nan), decay_1se=math.nan)
    ax = drawn(record)
    assert curve(ax).get_label() == "held-out"
    assert "1-SE" not in {one.get_text() for one in ax.texts}


def test_several_targets_have_opinions_of_their_own():
    record = tuning(decays=GRID[::4], targets=2)
    with pytest.raises(ValueError, match=r"one target of 2; pass one of tuning\.targets"):
        wd.plot.opinions(record)
    page = assert_harmless(html(record))
    first, *others = (one for one in page.tables if one.caption.startswith(CAPTION))
    assert [row[0][0] for row in first.rows] == [f"untuned: {one.name}" for one in record.references]
    least = np.mean([one.mean.min() for one in record.targets])
    assert_allclose([float(row[3][1]) for row in first.rows], [one.mean - least for one in record.references])
    for sheet, one in zip(others, record.targets, strict=True):
        assert float(sheet.rows[0][1][1]) == one.decay_min


def test_only_a_tuning_has_opinions():
    with pytest.raises(TypeError, match=r"draws a Tuning, got float; pass what wd\.tune returned"):
        wd.plot.opinions(0.1)


@pytest.mark.parametrize("group", range(0, len(NAMES), 12))
def test_hostile_criteria_are_text(group):
    some = NAMES[group : group + 12]
    record = replace(
        judged(**{name: np.abs(np.arange(40.0) - at) for at, name in enumerate(some)}), scoring=some[0] or "x"
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        ax = drawn(record)
        for text in (ax.get_ylabel(), *(one.get_text() for one in ax.texts)):
            assert "\x1b" not in text and "\n" not in text and "\u202e" not in text
            assert text.count("$") == text.count(r"\$")
    page = assert_harmless(html(record))
    written = [row[0][0] for row in page.table(CAPTION).rows]
    assert {for_html(name) for name in some} <= set(written)


def test_labels_do_not_overlap():
    record = judged(**{f"criterion {k}": np.abs(np.arange(40.0) - 14 - k) for k in range(6)})
    for size in ((7.2, 4.0), (3.2, 2.8)):
        boxes = [one.get_window_extent() for one in drawn(record, size).texts]
        assert len(boxes) >= 3
        for at, one in enumerate(boxes):
            for other in boxes[:at]:
                apart = one.x1 <= other.x0 or other.x1 <= one.x0 or one.y1 - 3 <= other.y0 or other.y1 - 3 <= one.y0
                assert apart


def test_the_record_is_not_changed():
    record = tuning()
    before = record.mean.copy()
    drawn(record)
    assert_array_equal(record.mean, before)
