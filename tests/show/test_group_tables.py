"""Groups of columns in the terminal and in the report; names of groups stay text."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

import weightdecay as wd
from show.hostile import NAMES
from show.pages import assert_harmless
from show.records import GRID, tuning
from weightdecay.records.grouping import Group, Grouping
from weightdecay.show.group_tables import MAX_GROUPS, group_grid, group_sheet
from weightdecay.show.report import html
from weightdecay.show.sanitize import for_html

CAPTION = "Groups of columns, each with a decay of its own"
GROUPING = Grouping(
    groups=(Group("noise", 1100, 310.0, "infinite"), Group("signal", 10, 0.01)),
    loss=0.8,
    single_loss=1.0,
    single_decay=0.02,
    paired=0.04,
    cv="5 folds",
    evaluations=1087,
    converged=True,
)
TUNING = replace(tuning(decays=GRID[::8]), grouping=GROUPING)


def with_groups(*groups: Group) -> wd.Tuning:
    """The record with other groups."""
    return replace(TUNING, grouping=replace(GROUPING, groups=groups))


def told(record: wd.Tuning, width: int = 100) -> str:
    """What a terminal of that width shows."""
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(wd.terminal.tuning(record))
    return capture.get()


def test_the_terminal_tells_every_groups_decay() -> None:
    rows = [line.split() for line in told(TUNING).splitlines()]
    assert ["group", "decay", "strength"] in rows
    decays = [f"{TUNING.decay * one.strength:.4g}" for one in GROUPING.groups]
    signal, noise = ["signal", decays[1], "0.01"], ["noise", decays[0], "310", "of", "no", "use"]
    assert 0 < rows.index(signal) < rows.index(noise)


@pytest.mark.parametrize("width", [26, 30, 40])
def test_narrow_terminals_lose_columns_and_no_digits(width: int) -> None:
    shown = told(TUNING, width)
    assert max(map(len, shown.splitlines())) <= width
    assert f"{TUNING.decay * 310:.4g}" in shown.split()


def test_the_report_has_a_table() -> None:
    page = assert_harmless(html(TUNING))
    assert page.table(CAPTION).header == ["group", "columns decayed", "decay", "strength", "remark"]
    assert page.texts_of(CAPTION, "group") == ["signal", "noise"]
    assert page.texts_of(CAPTION, "columns decayed") == ["10", "1,100"]
    assert page.column(CAPTION, "decay") == [TUNING.groups["signal"], TUNING.groups["noise"]]
    assert page.texts_of(CAPTION, "remark") == ["", "of no use"]
    assert "Tuned on 5 folds by 1,087 evaluations of the held-out loss." in page.words()
    assert CAPTION not in assert_harmless(html(replace(TUNING, grouping=None))).words()


def test_the_weakest_come_first_and_not_too_many_are_shown() -> None:
    record = with_groups(*(Group(f"g{k}", 1, 1.0 + k) for k in range(MAX_GROUPS + 4, -1, -1)))
    sheet = group_sheet(record)
    assert sheet is not None and len(sheet.rows) == MAX_GROUPS and sheet.rows[0].name == "g0"
    assert sheet.note.startswith(f"The {MAX_GROUPS} weakest of {MAX_GROUPS + 5}; the JSON has them all.")
    shown = told(record).split()
    assert "g29" in shown and "g30" not in shown


def test_groups_that_are_alike_need_no_table() -> None:
    for record in (with_groups(Group("a", 1, 1.0), Group("b", 2, 1.0)), replace(TUNING, grouping=None)):
        assert group_sheet(record) is None and group_grid(record) is None


def test_several_targets_have_strengths_and_decays_of_their_own() -> None:
    record = replace(TUNING, targets=(TUNING, replace(TUNING, decay=3.0)))
    sheet = group_sheet(record)
    assert sheet is not None and [row.cells[1] for row in sheet.rows] == [None, None]
    assert ["group", "strength"] in [line.split() for line in told(record).splitlines()]


@pytest.mark.parametrize("group", range(0, len(NAMES), 30))
def test_hostile_names_stay_text_in_the_report(group: int) -> None:
    some = NAMES[group : group + 30]
    text = html(with_groups(*(Group(name, 1, 1.0 + k) for k, name in enumerate(some))))
    page = assert_harmless(text)
    assert "\x1b" not in text and "\x00" not in text
    assert len(page.table(CAPTION).rows) == len(some)
    assert page.texts_of(CAPTION, "group")[0].startswith(for_html(some[0], 60)[:8])


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_stay_text_in_a_terminal(name: str) -> None:
    text = told(with_groups(Group(name, 3, 0.1), Group("b", 2, 20.0)), 200)
    assert not any(bad in text for bad in ("\x1b", "\x07", "\x9b", "\u202e", "\u200b", "\x00"))
    assert len(text) < 20_000
