"""A comparison for eyes: its picture and its table for a terminal, hostile names included."""

from __future__ import annotations

import io
import math
import warnings
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

import weightdecay as wd
from show.hostile import THINNED
from weightdecay.records.comparison import Comparison, ComparisonRow, Difference
from weightdecay.records.finding import Finding


def row(name: str, apart: float, nonzero: float = 40.0) -> ComparisonRow:
    """A row so far from weight decay."""
    to_decay = Difference(apart, 0.1, apart - 0.2, apart + 0.2) if apart else Difference(0.0, 0.0, 0.0, 0.0)
    return ComparisonRow(
        name,
        np.full(3, 1.0 + apart),
        1.0 + apart,
        0.1,
        (0.8 + apart, 1.2 + apart),
        to_best=Difference(apart, 0.1),
        to_decay=to_decay,
        to_none=replace(to_decay, mean=apart - 0.5),
        to_constant=Difference(-3.0, 0.3, -4.0, -2.0),
        nonzero=nonzero,
        decay=0.0 if name == "none" else 0.1,
        fit_seconds=0.01,
        overhead=1.1,
    )


def record(**more: object) -> Comparison:
    """Four forms, weight decay the best, one of them far out."""
    rows = (row("none", 0.5), row("weight decay", 0.0), row("L1", 0.3, 12.0), row("infinite decay", 90.0, 0.0))
    given = {"scoring": "mean squared error", "cv": "3 folds", "how": "settings were chosen apart."} | more
    return Comparison(rows, np.ones(3), np.zeros(3, dtype=int), "M", n_rows=30, n_weights=40, **given)  # type: ignore[arg-type]


def drawn(comparison: Comparison):
    """The picture in a figure of its own."""
    figure = Figure(figsize=(7.2, 3.5), layout="constrained")
    ax = figure.add_subplot()
    assert wd.plot.comparison(comparison, ax=ax) is ax
    figure.draw_without_rendering()
    return ax


def test_marks_are_the_paired_differences_and_bars_their_intervals():
    ax = drawn(record())
    points = {round(line.get_ydata()[0]): line for line in ax.get_lines() if line.get_marker() == "o"}
    assert {place: float(line.get_xdata()[0]) for place, line in points.items()} == {0: 0.5, 1: 0.0, 2: 0.3}
    bars = {
        int(line.get_ydata()[0]): tuple(line.get_xdata()) for line in ax.get_lines() if line.get_linewidth() == 1.5
        and line.get_marker() == "None"
    }  # fmt: skip
    assert bars[0] == pytest.approx((0.3, 0.7)) and bars[2] == pytest.approx((0.1, 0.5))
    assert [one.get_text() for one in ax.get_yticklabels()] == [
        "none", "weight decay", "L1\n12 of 40 weights", "infinite decay",
    ]  # fmt: skip
    assert any("90" in one.get_text() for one in ax.texts)  # far out: its number at the edge
    assert ax.get_xlim()[1] < 10


def test_scores_are_turned_round():
    ax = drawn(record(scoring="−r2"))
    points = [float(line.get_xdata()[0]) for line in ax.get_lines() if line.get_marker() == "o"]
    assert points == [-0.5, 0.0, -0.3] and "right is better" in ax.get_xlabel()


def test_unknown_losses_and_intervals():
    rows = (replace(row("none", 0.5), mean=math.nan, to_decay=Difference()), row("weight decay", 0.0))
    assert drawn(replace(record(), rows=rows)).texts[0].get_text().strip() == "no loss is known"
    alone = (replace(row("none", 0.5), to_decay=Difference(0.5)), row("weight decay", 0.0))
    drawn(replace(record(), rows=alone))
    drawn(replace(record(), rows=(replace(row("none", 0.0), to_none=Difference(0.0)), row("L1", 0.3))))
    with pytest.raises(TypeError, match=r"pass what wd\.compare returned"):
        wd.plot.comparison(3)  # type: ignore[arg-type]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 200])
def test_the_table_fits(width: int):
    text = io.StringIO()
    Console(file=text, width=width).print(wd.terminal.comparison(record()))
    lines = text.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "weight decay" in text.getvalue() and "1.5" in text.getvalue()
    if width == 200:
        for word in ("95 % interval", "to weight decay", "+0.5 ± 0.2", "overhead"):
            assert word in text.getvalue()


@pytest.mark.parametrize("name", THINNED)
def test_hostile_names(name: str):
    found = record(scoring=f"−{name}", cv=name, notes=(name,), findings=(Finding("WD001", "info", name, name),))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # letters that the font lacks are drawn as boxes
        drawn(found).figure.savefig(io.BytesIO(), format="svg")
    text = io.StringIO()
    Console(file=text, width=100, force_terminal=False).print(wd.terminal.comparison(found))
    assert "\x1b" not in text.getvalue() and "\x07" not in text.getvalue()
    html = found._repr_html_()
    assert "<script" not in html.lower() and "<img" not in html.lower() and "\x1b" not in html
    assert html.count("<table>") == 1 and html.count("<tr") == 5
