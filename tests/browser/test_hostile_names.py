"""Names that attack a page, in a real browser: nothing runs, nothing is asked for, and the page stays whole."""

from __future__ import annotations

import csv
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightdecay as wd
from browser.chromium import Tab
from browser.test_slider import ALL, quiet
from show.class_records import class_tuning
from show.hostile import NAMES
from show.records import GRID, data, tuning
from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.finding import Finding
from weightdecay.records.later import Known
from weightdecay.records.trial import Trial
from weightdecay.records.tuning import Tuning
from weightdecay.show.report import html
from weightdecay.show.sheet import label

Open = Callable[..., Tab]
# What would tell that it ran, in every dress that browsers have been fooled by.
RUN = "window.__pwned=1"
CALLS = (
    RUN,
    "alert(1)",
    "top.__pwned=1",
    "(self['__pwned']=1)",
    "fetch('http://127.0.0.1:9/')",
    "location='http://127.0.0.1:9/'",
)
DRESSES = (
    "<script>{}</script>",
    "</script><script>{}</script>",
    "</title></style></textarea></noscript></template><script>{}</script>",
    '"><script>{}</script><x y="',
    "'><img src=x onerror={}>",
    '<img src="x" onerror="{}">',
    "<svg/onload={}>",
    "<body onload={}>",
    "<details open ontoggle={}>",
    "<video><source onerror={}>",
    "<iframe srcdoc='<script>parent.{}</script>'>",
    "<object data='javascript:{}'>",
    "<a id=decays href='javascript:{}' autofocus onfocus={}>",
    "--><!--><script>{}</script>",
    "]]></svg><script>{}</script>",
    "\\u003cscript\\u003e{}\\u003c/script\\u003e",
    "\\x3cscript>{}",
    "';{};'",
    '"}};{};//',
    "`${{{}}}`",
    "\u2028{};\u2029",
    "</text></svg><script>{}</script><svg><text>",
    "%3Cscript%3E{}%3C/script%3E",
    "data:text/html;base64,{}",
    "constructor[{}]",
)
ATTACKS = tuple(dress.replace("{}", call) for call in CALLS[:3] for dress in DRESSES) + tuple(
    DRESSES[number].replace("{}", call) for call in CALLS[3:] for number in (0, 1, 5, 6, 10)
)
# Names of what every object has.
ODD = (
    "__proto__",
    "constructor",
    "toString",
    "hasOwnProperty",
    "__pwned",
    "length",
    "undefined",
    "null",
    "NaN",
    "-0",
    "Infinity",
)
EVERY = tuple(dict.fromkeys((*NAMES, *ATTACKS, *ODD)))
PARTS = 4
SHAPE = """(() => {
  const count = (it) => document.querySelectorAll(it).length;
  const names = 'section table figure img script style svg iframe object form base meta link h1 h2'.split(' ');
  return Object.fromEntries(names.map(it => [it, count(it)]));
})()"""
HANDLERS = (
    "[...document.querySelectorAll('*')].filter(it => [...it.attributes].some(one => /^on/i.test(one.name))).length"
)


def record(names: Sequence[str]) -> Tuning:
    """A regression in which these names stand wherever data have a say."""
    X, y = data(n=80, p=len(names))
    columns = tuple(names)
    everything = " ".join(name[:40] for name in names)[:900]
    findings = tuple(Finding("WD001", "warning", f"column {name!s} is odd", f"drop {name!s}") for name in names)
    plan = tuple(ColumnPlan(name, "category", (f"{name} = {name[::-1]}", name), 1, f"made of {name}") for name in names)
    found = tuning(X, y, GRID[::8], columns=columns, findings=findings, command=everything, plan=plan, diagnosed=True)
    return replace(
        found,
        target_names=(names[0],),
        source=f"/tmp/{names[1]}",
        notes=columns,
        rule=names[2],
        cv=names[3],
        trials=tuple(Trial({"name": name}, 0.1, 5.0, 0.5) for name in names),
        later=Known({}, replace(found.path, units=names[4]), findings, replace(found.diagnostics, folds=names[5])),
    )


@cache
def harmless() -> str:
    """The same with names that attack nothing; more columns make longer tables, and no other parts."""
    return html(record([f"column {number}" for number in range(16)]))


def safe(tab: Tab, usual: dict[str, int]) -> None:
    """Nothing ran, nothing was asked for, and the page has the parts that it has with harmless names."""
    tab.run("new Promise(done => setTimeout(done, 50))")
    assert tab.run("[typeof window.__pwned, typeof top.__pwned, Object.keys(Object.prototype).length]") == [
        *("undefined", "undefined", 0)
    ]
    assert tab.run(SHAPE) == usual
    assert tab.run(HANDLERS) == 0
    quiet(tab)


def test_there_are_many() -> None:
    assert len(EVERY) >= 180


@pytest.mark.parametrize("part", range(PARTS))
def test_columns_targets_files_and_words_stay_text(part: int, open_page: Open) -> None:
    names = EVERY[part::PARTS]
    usual = open_page(harmless()).run(SHAPE)
    one = record(names)
    tab = open_page(html(one), "#decay=%3Cscript%3Ewindow.__pwned=1%3C/script%3E")
    (every,) = tab.run(ALL)
    known = {label(name) for name in names}
    for stop in every:
        assert len(stop["rows"]) == 12 and {name for name, _ in stop["rows"]} <= known
    safe(tab, usual)
    # One link for each finding, to itself.
    links = tab.run("[...document.querySelectorAll('a')].map(it => it.getAttribute('href'))")
    assert links == ["#WD001", *(f"#WD001-{number}" for number in range(2, len(names) + 1))]


def test_classes_stay_text(open_page: Open) -> None:
    names = (ATTACKS[1], ATTACKS[33], NAMES[0])
    usual = open_page(html(class_tuning(3, diagnosed=False))).run(SHAPE)
    one = class_tuning(3, names=names, diagnosed=False)
    tab = open_page(html(one))
    (every,) = tab.run(ALL)
    known = {label(f"{column} · {name}")[:20] for column in one.columns for name in names}
    assert all(name[:20] in known for stop in every for name, _ in stop["rows"])
    safe(tab, usual)


def test_targets_stay_text(open_page: Open) -> None:
    several = tuning(decays=GRID[::13], targets=2)
    usual = open_page(html(several)).run(SHAPE)
    safe(open_page(html(replace(several, target_names=(ATTACKS[2], ATTACKS[9])))), usual)


def test_a_file_with_such_a_name_headers_and_values(open_page: Open, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = [*ATTACKS[:3], "\u202egnp.exe", "[red]x[/red]"]
    header = ["y", *ATTACKS[3:9], "nul\x00", "$x^{$"]
    file = tmp_path / "<img src=x onerror=window.__pwned=1>\u202e.csv"
    rows = [[f"{rng.standard_normal():.3f}", *(values[k] for k in rng.integers(0, len(values), 2))] for _ in range(60)]
    with file.open("w", newline="", encoding="utf-8") as opened:
        writer = csv.writer(opened)
        writer.writerow([name.replace("\x00", "") for name in header])
        writer.writerows([*row, *(f"{one:.3f}" for one in rng.standard_normal(len(header) - len(row)))] for row in rows)
    table: Any = wd.read(file, "y")
    found = wd.tune(wd.LinearRegression(), table.X, table.y, decays=[0.01, 0.1, 1.0])
    found = replace(found, source=str(file), target_names=("y",), command=f"weightdecay tune {file}")
    page = wd.report(found, tmp_path / "<svg onload=window.__pwned=1>.html")
    tab = open_page(page.read_text(encoding="utf-8"), name="<script>window.__pwned=1<.html")
    (every,) = tab.run(ALL)
    assert len(every) == 3
    safe(tab, tab.run(SHAPE))
    assert tab.run("document.querySelectorAll('section').length") == 1


def test_what_is_not_the_pages_own_does_not_run(open_page: Open) -> None:
    # Were a name ever to become markup, the policy would still stop it.
    text = html(tuning(decays=GRID[::8]))
    planted = (
        "<script>window.__pwned=1</script><img src=x onerror=window.__pwned=1><img src='http://127.0.0.1:9/x.png'>"
        "<style>body { display: none }</style><link rel=stylesheet href='http://127.0.0.1:9/x.css'>"
        "<p style='color: red'>"
        "<iframe src='javascript:parent.__pwned=1'></iframe><base href='http://127.0.0.1:9/'>"
        "<script src='data:text/javascript,window.__pwned=1'></script>"
    )
    tab = open_page(text.replace("<main>", f"<main>{planted}"))
    tab.run("new Promise(done => setTimeout(done, 100))")
    assert tab.run("typeof window.__pwned") == "undefined"
    assert tab.run("getComputedStyle(document.body).display") == "block"
    assert tab.run("document.querySelectorAll('.slider').length") == 1
    assert len(tab.told("Log.entryAdded")) > 4  # the browser says what it has stopped
    asked = [one["request"]["url"] for one in tab.told("Network.requestWillBeSent")]
    failed = {one["requestId"] for one in tab.told("Network.loadingFailed")}
    sent = {one["requestId"]: one["request"]["url"] for one in tab.told("Network.requestWillBeSent")}
    assert all(key in failed for key, url in sent.items() if url.startswith("http")), asked
