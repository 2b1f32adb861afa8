"""The plan of the columns in a line, in a terminal and in the report; names from data stay text everywhere."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

import weightdecay as wd
from show.hostile import NAMES
from show.pages import assert_harmless
from show.records import GRID, PLAN, tuning
from weightdecay.records.column_plan import ColumnPlan
from weightdecay.show.plan_words import in_a_line
from weightdecay.show.report import html
from weightdecay.show.sanitize import for_html, for_terminal

CAPTION = "What became of the columns"
LINE = "2 numbers, 1 category, 1 date, 1 dropped: id"


def told(record, width: int = 100) -> str:
    """What a terminal of that width shows."""
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(record)
    return capture.get()


def test_a_line_counts_every_kind_and_names_what_is_dropped():
    def many(kind, count):
        return tuple(ColumnPlan(f"{kind}{k}", kind, (), 0, "") for k in range(count))

    def line(plan):
        return in_a_line(plan, for_html)

    assert line(PLAN) == LINE
    assert line(many("number", 1)) == "1 number" and line(many("category", 2)) == "2 categories"
    assert line(many("number", 42) + many("text", 1)) == "42 numbers, 1 text"
    assert line(many("dropped", 7)) == "7 dropped: dropped0, dropped1, dropped2, dropped3, dropped4 and 2 more"
    assert line(()) == ""


def test_the_report_tells_every_column():
    page = assert_harmless(html(tuning(decays=GRID[::8], plan=PLAN)))
    sheet = page.table(CAPTION)
    assert sheet.caption == f"{CAPTION}: {LINE}"
    assert sheet.header == ["column", "taken for", "missing", "what was done", "columns made of it"]
    for row, one in zip(sheet.rows, PLAN, strict=True):
        name, kind, missing, done, made = (text for text, _ in row)
        assert (name, kind, missing, done) == (one.name, one.kind, str(one.missing), one.done)
        assert made == {
            "age": "age, age is missing",
            "island": "island = Biscoe, island = Dream",
            "seen": "seen: year, seen: month, seen: day and 1 more",
        }.get(one.name, "")
    facts = [text for where, text in page.texts if where in ("dt", "dd")]
    assert facts[facts.index("columns") + 1] == "4 of the table, made into 8 columns of numbers"


def test_without_a_plan_there_is_no_table_of_columns():
    page = assert_harmless(html(tuning(decays=GRID[::8])))
    assert CAPTION not in page.words() and "Columns" not in page.words()


def test_a_long_plan_is_folded_away_and_cut():
    plan = tuple(ColumnPlan(f"c{k}", "number", (f"c{k}",), 0, "taken as it is") for k in range(1000))
    page = assert_harmless(html(tuning(decays=GRID[::8], plan=plan)))
    assert len(page.table(CAPTION).rows) == 200
    assert "The first 200 of 1,000; the JSON has them all." in page.words()
    summaries = [text for where, text in page.texts if where == "summary"]
    assert f"{CAPTION}: 1000 numbers" in summaries
    short = assert_harmless(html(tuning(decays=GRID[::8], plan=PLAN)))
    assert not any(text.startswith(CAPTION) for where, text in short.texts if where == "summary")


@pytest.mark.parametrize("group", range(0, len(NAMES), 30))
def test_hostile_names_stay_text_in_the_report(group):
    some = NAMES[group : group + 30]
    plan = tuple(
        ColumnPlan(name, ("category", "dropped")[k % 2], (f"{name} = a", f"{name} = b"), k, f"made of {name}")
        for k, name in enumerate(some)
    )
    text = html(tuning(decays=GRID[::8], plan=plan))
    page = assert_harmless(text)
    assert "\x1b" not in text and "\x00" not in text
    rows = page.table(CAPTION).rows
    assert [row[0][0] for row in rows] == [for_html(name, 60) for name in some]
    assert [row[3][0] for row in rows] == [for_html(f"made of {name}", 160) for name in some]


@pytest.mark.parametrize("width", [30, 40, 60, 80, 200])
def test_the_terminal_tells_every_column_within_its_width(width):
    shown = told(wd.terminal.plan(PLAN), width)
    assert max(map(len, shown.splitlines())) <= width
    assert " ".join(shown.split()).startswith(LINE)
    rows = [line.split() for line in shown.splitlines()]
    for one in PLAN:
        assert any(row[:2] == [one.name, one.kind] for row in rows)
    if width >= 60:
        assert any(row[:3] == ["age", "number", "7"] for row in rows)
    if width == 200:
        assert all(one.done in shown for one in PLAN)


def test_the_terminal_tells_thirty_columns_and_how_many_more():
    plan = tuple(ColumnPlan(f"c{k}", "number", (f"c{k}",), 0, "taken as it is") for k in range(33))
    shown = told(wd.terminal.plan(plan))
    assert "c29" in shown and "c30" not in shown and "and 3 more columns; all in the report." in shown
    assert "more" not in told(wd.terminal.plan(plan[:30]))
    assert "and 1 more column; all" in told(wd.terminal.plan(plan[:31]))
    assert told(wd.terminal.plan(())).strip() == "every column is taken as it is"


def test_a_tuning_tells_its_columns_below_the_data():
    record = tuning(decays=GRID[::8], plan=PLAN)
    assert told(wd.terminal.tuning(record)).splitlines()[0] == LINE
    assert LINE not in told(wd.terminal.tuning(replace(record, plan=())))
    # Where all are plain numbers there is nothing to tell.
    plain = ColumnPlan("a", "number", ("a",), 0, "as it is")
    assert "1 number" not in told(wd.terminal.tuning(replace(record, plan=(plain,))))
    gaps = replace(plain, missing=2)
    assert told(wd.terminal.tuning(replace(record, plan=(plain, gaps)))).splitlines()[0] == "2 numbers"


def test_a_tuning_tells_what_was_done_when_its_rows_were_read():
    record = replace(tuning(decays=GRID[::8]), notes=("2 rows are left out",))
    assert told(wd.terminal.tuning(record)).splitlines()[:2] == ["2 rows are left out", ""]
    assert told(wd.terminal.tuning(replace(record, notes=()))).startswith("Use decay")


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_hostile_names_stay_text_in_a_terminal(name):
    plan = (ColumnPlan(name, "dropped", (), 1, f"left out: {name}"),)
    for record in (wd.terminal.plan(plan), wd.terminal.tuning(tuning(decays=GRID[::8], plan=plan))):
        console = Console(width=200, force_terminal=True, color_system=None, highlight=False)
        with console.capture() as capture:
            console.print(record)
        text = (
            capture.get().replace("\x1b[1m", "").replace("\x1b[2m", "").replace("\x1b[0m", "").replace("\x1b[33m", "")
        )
        assert not any(bad in text for bad in ("\x1b", "\x07", "\x9b", "\u202e", "\u200b", "\x00"))
        plain = told(for_terminal(name, 24), 1000).rstrip("\n")
        assert f"1 dropped: {plain}".rstrip() in text
