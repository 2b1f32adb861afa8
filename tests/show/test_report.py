"""The report: one harmless file with the same numbers as everywhere else, written wholly or not at all."""

from __future__ import annotations

import json
import math
import os
import re
from dataclasses import replace
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from rich.console import Console

import weightdecay as wd
from show.hostile import NAMES
from show.pages import Report, assert_harmless
from show.records import GRID, data, decay_path, tuning
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.later import Known
from weightdecay.records.trial import Trial
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief, relative
from weightdecay.show import terminal
from weightdecay.show.report import html, report
from weightdecay.show.sanitize import for_html, shortened

FINDINGS = (
    Finding("WD001", "error", "the first thing is wrong", "mend it"),
    Finding("WD002", "warning", "the second may mislead", "look at it"),
    Finding("WD003", "info", "the third is good to know", ""),
)
BOTH_ENDS = np.array([0.0, *GRID, math.inf])


def number(value: object) -> float:
    """A number of the JSON."""
    return float(value)  # "inf" and "nan" travel as words


def test_it_says_all_that_is_known():
    record = tuning(findings=FINDINGS)
    page = assert_harmless(html(record))
    words = page.words()
    for line in record.verdict.splitlines():
        assert line in words
    for finding in FINDINGS:
        assert finding.code in words and finding.message in words and finding.remedy in words
    assert [attrs["class"] for tag, attrs in page.elements if tag == "li"] == ["error", "warning", "info"]
    assert record.command in words
    assert f"weightdecay {wd.__version__}" in words and f"numpy {np.__version__}" in words
    assert len(page.pictures()) == 3
    assert [sheet.caption.split(" ")[0] for sheet in page.tables] == ["Coefficients", "What", "Held-out"]


@pytest.mark.parametrize("decays", [GRID, BOTH_ENDS, [0.1], [0.0, math.inf]], ids=["grid", "ends", "one", "two"])
def test_page_json_and_terminal_show_the_same_numbers(decays):
    record = tuning(decays=decays)
    told = json.loads(record.to_json())
    page = assert_harmless(html(record))
    columns = {
        "decay": told["decays"],
        "mean": told["mean"],
        "standard error": told["standard_error"],
        "paired standard error": told["paired"],
        "degrees of freedom": told["path"]["df"],
        "training loss": told["path"]["train_loss"],
        "gcv": told["opinions"]["gcv"],
    }
    assert page.table("Held-out").header == [*columns, "remark"]
    for name in ("paired standard error", "degrees of freedom", "training loss", "gcv"):
        assert re.search(rf"(?i)(The )?{name} (is|are) ", page.words())
    for name, values in columns.items():
        np.testing.assert_array_equal(page.column("Held-out", name), [number(value) for value in values])
    chosen = told["path"]["decays"].index(told["decay"])
    coefficients = [told["path"]["intercept"][chosen], *told["path"]["coef"][chosen]]
    np.testing.assert_array_equal(page.column("Coefficients", "coefficient"), coefficients)
    assert [row[0][0] for row in page.table("Coefficients").rows] == ["intercept", *told["columns"]]
    for name, key in (("decay", "decay"), ("held-out mean squared error", "mean"), ("paired standard error", "paired")):
        expected = [number(one[key]) for one in told["references"]]
        assert page.column("What each", name)[-3:] == expected
    # What is read is what is meant, in four digits; the terminal shows the same words.
    for sheet in page.tables:
        for row in sheet.rows:
            shown = [(text, float(value)) for text, value in row if value is not None]
            assert all(
                text in (brief(value), f"{100 * value:.0f} %", relative(value * told["mean"][record.best], least))
                for text, value in shown
                for least in (told["mean"][record.best],)
            )
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(terminal.tuning(record))
    read = {row[0][0]: [text for text, _ in row] for row in page.table("Held-out").rows}
    rows = [line.split() for line in capture.get().split("± SE")[1].splitlines()[2:] if line.strip()]
    assert len(rows) >= min(len(record.decays), 5)
    for decay, mean, *_ in rows:
        assert read[decay][1] == mean


def test_remarks_stand_at_their_decays():
    record = tuning()
    page = assert_harmless(html(replace(record, rule="1se", decay=record.decay_1se)))
    remarks = {float(row[0][1]): row[-1][0] for row in page.table("Held-out").rows if row[-1][0]}
    assert remarks == {record.decay_min: "best", record.decay_1se: "in use, 1-SE"}


def test_what_decay_leaves_is_the_share_of_the_coefficient():
    record = tuning(*data(p=12, noise=8.0))
    page = assert_harmless(html(record))
    chosen, least = record.path.coef[record.best], record.path.coef[0]
    shares = [row[-1][0] for row in page.table("Coefficients").rows[1:]]
    assert any(chosen * least < 0) and any(chosen * least > 0)
    assert shares == [f"{100 * a / b:.0f} %" if a * b > 0 else "other sign" for a, b in zip(chosen, least, strict=True)]


@pytest.mark.parametrize("group", range(0, len(NAMES), 18))
def test_names_from_data_stay_text(group):
    names = tuple(NAMES[group : group + 18])
    X, y = data(p=len(names))
    findings = tuple(Finding("WD001", "warning", f"column {name!s} is odd", f"drop {name!s}") for name in names)
    everything = "".join(names)[:300]
    record = replace(
        tuning(X, y, GRID[::4], columns=names, findings=findings, command="weightdecay tune " + everything),
        rule=everything,
        cv=everything,
        scoring=everything,
        model_name=everything,
    )
    text = html(record)
    page = assert_harmless(text)
    assert "\x1b" not in text and "\x00" not in text
    assert [row[0][0] for row in page.table("Coefficients").rows[1:]] == [for_html(name, 60) for name in names]
    told = [text for where, text in page.texts if where == "p" and text.startswith("drop ")]
    assert told == [for_html(f"drop {shortened(name, 60)}", 1000) for name in names]


def wide(columns: int, decays: int, name: str) -> Tuning:
    """A tuning over many columns and decays."""
    rng = np.random.default_rng(0)
    X, y = data()
    grid = np.geomspace(1e-6, 1e6, decays)
    record = tuning(X, y, grid)
    coef = rng.standard_normal(columns) / (1 + np.outer(grid, 10 ** rng.uniform(-3, 3, columns)))
    names = tuple(name.format(j) for j in range(columns))
    path = DecayPath(
        grid, coef, np.zeros(decays), coef.sum(axis=1) ** 2, record.path.train_loss, ("exact",) * decays, names
    )
    opinions = {key: record.mean * rng.random(decays) for key in ("gcv", "evidence")}
    return replace(record, columns=names, later=Known(opinions, path, FINDINGS))


@pytest.mark.parametrize("name", ["column {}", "<" * 60 + "{}" + "<script>" * 2000])
def test_a_thousand_columns_and_a_hundred_decays_stay_under_500_kilobytes(name):
    text = html(wide(1000, 100, name))
    assert len(text.encode()) < 500_000
    page = assert_harmless(text)
    assert len(page.table("Held-out").rows) == 100
    assert len(page.table("Coefficients").rows) == 201
    assert "The 200 largest of 1,000" in page.words()


def test_the_largest_coefficients_are_kept():
    record = wide(1000, 10, "column {}")
    page = assert_harmless(html(record))
    chosen = record.path.coef[record.best]
    shown = {int(row[0][0].split()[1]) for row in page.table("Coefficients").rows[1:]}
    assert shown == set(np.argsort(-np.abs(chosen))[:200].tolist())


def test_two_hundred_targets_are_summed_up():
    few = tuning(decays=np.geomspace(1e-4, 1e3, 100), targets=2, diagnosed=True)
    record = replace(few, targets=few.targets * 100)
    text = html(record)
    assert len(text.encode()) < 500_000
    page = assert_harmless(text)
    headings = [text for where, text in page.texts if where == "h2"]
    assert headings == ["All targets together", *(f"Target {k}" for k in range(1, 4)), "How this was found"]
    assert "197 more targets not shown here" in page.words()
    curve = [sheet for sheet in page.tables if sheet.caption.startswith("Held-out")][1]
    assert [float(row[1][1]) for row in curve.rows] == record.targets[0].mean.tolist()


def test_undefined_numbers_are_left_empty():
    record = tuning()
    nothing = np.full(len(record.decays), math.nan)
    bare = replace(
        record,
        standard_error=nothing,
        paired=nothing,
        decay_1se=math.nan,
        plausible=(math.nan, math.nan),
        window=(math.nan, math.nan),
    )
    page = assert_harmless(html(bare))
    assert np.isnan(page.column("Held-out", "standard error")).all()
    assert "nan" not in page.words()


def test_a_record_from_json_makes_the_same_bytes():
    record = tuning(decays=BOTH_ENDS[::4], findings=FINDINGS, targets=1)
    assert html(Tuning.from_json(record.to_json())) == html(record)


def test_without_its_path_the_record_still_makes_a_report():
    page = assert_harmless(html(replace(tuning(), later=Known())))
    assert [sheet.caption.split(" ")[0] for sheet in page.tables] == ["What", "Held-out"]
    assert len(page.pictures()) == 2


def test_the_users_style_of_figures_neither_matters_nor_changes():
    record = tuning(decays=GRID[::4])
    first = html(record)
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path", "axes.facecolor": "red", "text.usetex": False}):
        before = dict(mpl.rcParams)
        assert html(record) == first
        assert dict(mpl.rcParams) == before


def test_the_file_is_the_page(tmp_path):
    record = tuning(decays=GRID[::4])
    assert report(record, str(tmp_path / "out.html")) == (tmp_path / "out.html").resolve()
    assert (tmp_path / "out.html").read_text(encoding="utf-8") == html(record)
    assert os.listdir(tmp_path) == ["out.html"]


def test_what_fails_leaves_the_old_report(tmp_path):
    old = tmp_path / "out.html"
    old.write_text("old")
    broken = replace(tuning(decays=GRID[::4]), references=(None,))
    with pytest.raises(AttributeError):
        report(broken, old)
    with pytest.raises(FileNotFoundError, match="there is no folder"):
        report(tuning(decays=GRID[::4]), tmp_path / "missing" / "out.html")
    with pytest.raises(IsADirectoryError, match="is a folder"):
        report(tuning(decays=GRID[::4]), tmp_path)
    assert old.read_text() == "old" and os.listdir(tmp_path) == ["out.html"]


@pytest.mark.parametrize("wrong", [None, {"decay": 1.0}, 0.1])
def test_only_a_tuning_makes_a_report(wrong, tmp_path):
    with pytest.raises(TypeError, match=r"needs a Tuning, not (NoneType|dict|float); pass what wd\.tune returned"):
        report(wrong, tmp_path / "out.html")


@pytest.mark.parametrize("cv", ["loo", 5])
def test_a_real_tuning_makes_a_report(cv, repository, tmp_path):
    table = wd.read(repository / "examples" / "diabetes.csv", "progression")
    record = wd.tune(wd.LinearRegression(), table.X, table.y, cv=cv)
    file = wd.report(record, tmp_path / "out.html")
    page = assert_harmless(file.read_text(encoding="utf-8"))
    told = json.loads(record.to_json())
    assert page.column("Held-out", "mean") == told["mean"]
    assert [row[0][0] for row in page.table("Coefficients").rows[1:]] == list(record.columns)
    np.testing.assert_allclose(page.column("Coefficients", "coefficient")[1:], record.model.coef_, rtol=1e-9)


def test_hand_made_paths_are_what_the_pages_show():
    # The oracle itself: at no decay its coefficients are least squares.
    X, y = data()
    path = decay_path(X, y, np.array([0.0]), ())
    expected = np.linalg.lstsq(np.column_stack([np.ones(len(y)), X]), y, rcond=None)[0]
    np.testing.assert_allclose([path.intercept[0], *path.coef[0]], expected)


def test_the_title_tells_target_and_file():
    def title(**about: object) -> str:
        page = assert_harmless(html(replace(tuning(decays=GRID[::8]), **about)))
        (title,), (heading,) = ([text for where, text in page.texts if where == one] for one in ("title", "h1"))
        assert title == heading
        return title

    assert title() == "Weight decay for LinearRegression"
    assert title(target_names=("y",)) == "Weight decay to predict y (LinearRegression)"
    assert title(source="in/a.csv") == "Weight decay from a.csv (LinearRegression)"
    both = title(target_names=("<b>y</b>",), source="/data/a.csv")
    assert both == "Weight decay to predict <b>y</b> from a.csv (LinearRegression)"
    many = title(target_names=tuple(f"t{k}" for k in range(9)))
    assert many == "Weight decay to predict t0, t1, t2 and 6 more (LinearRegression)"
    assert len(title(target_names=("n" * 10_000,), source="f" * 10_000)) < 200


def test_several_targets_are_called_by_their_names():
    record = replace(tuning(decays=GRID[::8], targets=2), target_names=("height", "weight"), source="in/a.csv")
    page = assert_harmless(html(record))
    headings = [text for where, text in page.texts if where == "h2"]
    assert headings == ["All targets together", "height", "weight", "How this was found"]
    facts = [text for where, text in page.texts if where in ("dt", "dd")]
    assert facts[facts.index("targets") + 1] == "height, weight" and facts[facts.index("file") + 1] == "in/a.csv"


@pytest.mark.parametrize("letter", ["A", "a ", "\n", "'"])
def test_a_very_long_name_is_short_in_every_finding(letter):
    name = letter * 10_000
    told = Finding("WD006", "info", f"{name!r} is constant and gets no weight", f"drop {name!r}")
    record = tuning(*data(p=2), GRID[::8], columns=(name, "plain"), findings=(told,))
    page = assert_harmless(html(record))
    (message,) = (text for where, text in page.texts if "is constant" in text)
    assert len(message) < 150 and "…" in message
    console = Console(width=80, color_system=None)
    with console.capture() as capture:
        console.print(terminal.tuning(record))
    told = " ".join(capture.get().split()).partition("info WD006")[2].partition("decay held-out")[0]
    assert "is constant and gets no weight; drop " in told and len(told) < 250


def test_a_page_breaks_long_words_but_not_those_of_headers():
    style = next(text for where, text in Report(html(tuning(decays=GRID[::8]))).texts if where == "style")
    rules = {rule.partition("{")[0].strip(): rule.partition("{")[2] for rule in reversed(style.split("}"))}
    assert "overflow-wrap: anywhere" in rules["body"]
    assert "overflow-wrap: normal" in rules["th"]


def test_narrow_screens_get_pictures_that_are_laid_out_for_them():
    page = assert_harmless(html(tuning(decays=GRID[::8])))
    assert {attrs["media"] for tag, attrs in page.elements if tag == "source"} == {"screen and (max-width: 36rem)"}
    pairs = zip(page.pictures(), page.narrow_pictures(), strict=True)
    widths = [[float(ElementTree.fromstring(one).attrib["width"].removesuffix("pt")) for one in pair] for pair in pairs]
    assert len(widths) == 3 and all(narrow < 300 < wide for wide, narrow in widths)


def searched(count: int) -> Tuning:
    """A search in a space, the best first."""
    record = tuning(decays=GRID[::8])
    tried = tuple(
        Trial({"name": f"<b>{k}", "fit_intercept": k % 2 == 0}, 0.1 * k, 5.0 + k, 0.5 + k) for k in range(count)
    )
    return replace(record, trials=tried)


def test_the_settings_that_a_search_has_tried_are_told():
    record = searched(3)
    page = assert_harmless(html(record))
    sheet = page.table("Settings tried")
    assert sheet.header == ["setting", "decay", "held-out mean squared error", "standard error"]
    assert [row[0][0] for row in sheet.rows] == [f"name=<b>{k}, fit_intercept={k % 2 == 0}" for k in range(3)]
    assert page.column("Settings tried", "decay") == [one.decay for one in record.trials]
    assert page.column("Settings tried", "held-out mean squared error") == [one.mean for one in record.trials]
    assert page.column("Settings tried", "standard error") == [one.standard_error for one in record.trials]
    assert "Settings tried" not in assert_harmless(html(tuning(decays=GRID[::8]))).words()


def test_scores_of_settings_are_the_metric_itself_and_many_settings_are_cut():
    record = replace(searched(30), scoring="−r2")
    page = assert_harmless(html(record))
    assert page.column("Settings tried", "held-out r2") == [-one.mean for one in record.trials[:20]]
    assert "The 20 best of 30" in page.words()


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_the_terminal_tells_the_settings_whose_numbers_stay_whole(width):
    record = searched(30)
    console = Console(width=width, color_system=None)
    with console.capture() as capture:
        console.print(terminal.tuning(record))
    _, _, told = capture.get().partition(" setting ")
    rows = [line.split() for line in told.splitlines() if line.strip().startswith("name=<b>")]
    assert len(rows) == 20 and "The 20 best of 30 settings" in " ".join(told.split())
    for row, one in zip(rows, record.trials, strict=False):
        numbers = [brief(value) for value in (one.decay, one.mean, one.standard_error)]
        # A narrow terminal leaves out the errors.
        assert row[-3:] == numbers if width > 40 else numbers[1] in row
    assert max(map(len, capture.get().splitlines())) <= width


def test_coefficients_are_said_to_be_in_the_units_that_they_have():
    record = tuning(decays=GRID[::8])
    path = replace(record.path, units="the units of <what> reaches the last step")
    page = assert_harmless(html(replace(record, later=Known({}, path))))
    assert page.table("Coefficients").caption.startswith(
        "Coefficients in the units of <what> reaches the last step, at "
    )
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(terminal.path(path))
    assert capture.get().startswith("Coefficients in the units of <what> reaches the last step at 5 of 5 decays:")


def test_a_coefficient_of_minus_zero_is_no_negative_share():
    record = tuning(decays=[0.1, 1e9])
    coef = record.path.coef.copy()
    coef[:, 0] = [-2.0, 0.0]
    path = replace(record.path, coef=coef)
    page = assert_harmless(html(replace(record, decay=1e9, later=Known({}, path))))
    assert page.table("Coefficients").rows[1][-1][0] == "0 %"


def test_scores_are_shown_as_the_metric_itself():
    plain = tuning(decays=BOTH_ENDS)
    top = plain.mean.max()
    habits = tuple(replace(one, mean=one.mean / top - 1) for one in plain.references)
    record = replace(plain, scoring="−r2", mean=plain.mean / top - 1, references=habits)
    page = assert_harmless(html(record))
    np.testing.assert_array_equal(page.column("Held-out", "mean"), -record.mean)
    assert page.column("What each", "held-out r2")[-3:] == [-one.mean for one in habits]
    assert page.table("Held-out").caption.startswith("Held-out r2 of every decay") and "−r2" not in page.words()
    console = Console(width=120, color_system=None)
    with console.capture() as capture:
        console.print(terminal.tuning(record))
    text = capture.get()
    assert "held-out r2 " in text and "−r2" not in text
    (used,) = (line.split() for line in text.splitlines() if "in use" in line)
    assert used[1] == brief(-float(record.mean[record.best]))
