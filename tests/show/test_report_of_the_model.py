"""What the report says of the model in use: coefficients, residuals and findings, with the numbers of the record."""

from __future__ import annotations

import itertools
import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

import weightdecay as wd
from show.hostile import NAMES
from show.pages import Report, assert_harmless
from show.records import GRID, PLAN, data, diagnostics, tuning
from weightdecay.records.column_plan import ColumnPlan
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.finding import Finding
from weightdecay.records.later import Known
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.report import html
from weightdecay.show.sanitize import for_html

CODED = (
    Finding("WD007", "warning", "'s5' almost alone explains the target", "check it"),
    Finding("WD002", "info", "the curve is flat", "choose any"),
)


def titles(page: Report) -> list[str]:
    """Names of the parts of the page."""
    return [text for where, text in page.texts if where in ("h2", "h3")]


def test_the_coefficients_are_those_of_the_record():
    record = tuning(decays=GRID[::8], diagnosed=True)
    told = json.loads(record.to_json())["diagnostics"]
    page = assert_harmless(html(record))
    for name, key in (("coefficient", "coef"), ("least squares", "least_squares")):
        values = page.column("Coefficients", name)
        assert values[1:] == told[key]
    intercepts = [page.column("Coefficients", name)[0] for name in ("coefficient", "least squares")]
    assert intercepts == [told["intercept"], told["least_squares_intercept"]]
    assert page.column("Coefficients", "lowest of 5 folds")[1:] == told["fold_low"]
    assert page.column("Coefficients", "highest of 5 folds")[1:] == told["fold_high"]
    effects = [coef * scale for coef, scale in zip(told["coef"], told["scale"], strict=True)]
    np.testing.assert_allclose(page.column("Coefficients", "per standard deviation")[1:], effects, rtol=1e-15)
    assert page.texts_of("Coefficients", "column")[1:] == told["columns"]
    assert page.texts_of("Coefficients", "coefficient")[1:] == [brief(value) for value in told["coef"]]


def test_what_decay_leaves_is_told_against_least_squares():
    X, y = data(p=12, noise=8.0)
    record = tuning(X, y, GRID[::8], diagnosed=True)
    found = record.diagnostics
    page = assert_harmless(html(record))
    shares = page.texts_of("Coefficients", "decay leaves")[1:]
    pairs = list(zip(found.coef, found.least_squares, strict=True))
    assert {a * b > 0 for a, b in pairs} == {True, False}
    assert shares == [f"{100 * a / b:.0f} %" if a * b > 0 else "other sign" for a, b in pairs]
    values = page.column("Coefficients", "decay leaves")[1:]
    assert all(math.isnan(value) or value == a / b for value, (a, b) in zip(values, pairs, strict=True))


def test_a_sign_that_differs_by_fold_is_marked():
    X, y = data(p=12, noise=8.0)
    record = tuning(X, y, GRID[::8], diagnosed=True)
    found = record.diagnostics
    page = assert_harmless(html(record))
    marks = page.texts_of("Coefficients", "sign between folds")[1:]
    differs = [low < 0 < high for low, high in zip(found.fold_low, found.fold_high, strict=True)]
    assert set(differs) == {True, False}
    assert marks == ["differs" if one else "" for one in differs]
    # Where no sign differs there is no such column.
    alike = replace(found, fold_low=np.abs(found.fold_low), fold_high=np.abs(found.fold_high))
    page = assert_harmless(html(replace(record, later=Known({}, record.path, (), alike))))
    assert page.table("Coefficients").header[-1] == "per standard deviation"


def test_undefined_folds_and_scales_are_left_empty():
    record = tuning(decays=GRID[::8], diagnosed=True)
    unknown = np.full(8, math.nan)
    bare = replace(
        record.diagnostics, fold_low=unknown, fold_high=unknown, fold_std=unknown, scale=unknown, r2=math.nan
    )
    page = assert_harmless(html(replace(record, later=Known({}, record.path, (), bare))))
    for name in ("lowest of 5 folds", "highest of 5 folds", "per standard deviation"):
        assert np.isnan(page.column("Coefficients", name)).all()
    assert "nan" not in re.split(r"\W+", page.words()) and "held-out R²" not in page.glance


def test_the_numbers_at_a_glance():
    record = tuning(decays=GRID[::8], diagnosed=True)
    page = assert_harmless(html(record))
    found = record.diagnostics
    assert {name: float(value) for name, value in page.glance.items()} == {
        "decay in use": record.decay,
        "held-out mean squared error": record.mean[record.best],
        "typical error": math.sqrt(record.mean[record.best]),
        "held-out R² (5 folds)": found.r2,  # leave-one-out has models of other folds beside it
        "effective degrees of freedom": found.df,
        "rows": record.n_rows,
    }
    assert f"± {brief(record.standard_error[record.best])}" in page.words() and "of 8 columns" in page.words()
    scored = replace(record, scoring="−r2", mean=record.mean / record.mean.max() - 1)
    told = assert_harmless(html(scored)).glance
    assert float(told["held-out r2"]) == -scored.mean.min() and "typical error" not in told
    # A score that is a loss turned round is told as the loss, with the name of what it measures.
    loss = assert_harmless(html(replace(record, scoring="−neg_mean_squared_error", target_names=("mass",))))
    assert float(loss.glance["held-out mean squared error"]) == record.mean[record.best]
    assert float(loss.glance["typical error of mass"]) == math.sqrt(record.mean[record.best])
    assert "neg_" not in loss.words().split("How this was found")[0]
    folds = assert_harmless(html(replace(record, cv=found.folds)))
    assert float(folds.glance["held-out R²"]) == found.r2


def test_degrees_of_freedom_are_told_against_what_there_can_be():
    record = tuning(decays=GRID[::8], diagnosed=True)
    fewer = replace(record.diagnostics, rank=6.0000001)
    page = assert_harmless(html(replace(record, later=Known({}, record.path, (), fewer))))
    assert "of at most 6 in 8 columns" in page.words()
    unknown = replace(record.diagnostics, rank=math.nan)
    page = assert_harmless(html(replace(record, later=Known({}, record.path, (), unknown))))
    assert "of 8 columns" in page.words() and "at most" not in page.words()


def test_captions_tell_what_the_models_of_folds_have_learned_from():
    record = tuning(decays=GRID[::8], diagnosed=True, plan=PLAN)
    for folds, words in (
        ("10 folds", "Bars are the range over models that each leave out one of 10 folds. They show how stable"),
        ("5 folds by time", "models that each learned from the rows before one of 5 folds by time."),
        ("1 given fold", "Crosses are the only model of 1 given fold. One model tells nothing of stability."),
    ):
        found = replace(record.diagnostics, folds=folds)
        page = assert_harmless(html(replace(record, later=Known({}, record.path, (), found))))
        assert words in page.words()
        assert words.partition("models")[2] in page.words().partition("Lowest and highest are of")[2]
        assert page.words().count("A model whose rows lack a category or a word has 0 for it.") == 2
        numbers = assert_harmless(html(replace(record, plan=PLAN[:2], later=Known({}, record.path, (), found))))
        assert "lack a category" not in numbers.words()


def test_the_path_is_drawn_in_the_unit_of_the_coefficients_above_it():
    X, y = data()
    X[:, 3] *= 1000.0  # least in the unit of its column
    record = tuning(X, y, GRID[::8], diagnosed=True)
    page = assert_harmless(html(record))
    (picture,) = (one for one in page.pictures() if b"per standard deviation<" in one and b"decay \xce\xbb" in one)
    assert b"column 3" in picture
    assert "Every coefficient, per standard deviation of the column, against the decay" in page.words()
    plain = assert_harmless(html(tuning(X, y, GRID[::8])))
    assert "Every coefficient, in the units of the columns, against the decay" in plain.words()


def test_what_was_done_when_the_rows_were_read_is_told():
    record = replace(tuning(decays=GRID[::8]), notes=("2 rows are left out", "<b>odd</b>\x1b"))
    page = assert_harmless(html(record))
    assert "What was done when the rows were read" in titles(page)
    told = [text for where, text in page.texts if where == "p"]
    assert told[-2:] == ["2 rows are left out", "<b>odd</b>\ufffd"]
    many = assert_harmless(html(replace(record, notes=tuple(f"note {k}" for k in range(31)))))
    assert "note 29" in many.words() and "1 more note; the JSON has all." in many.words()
    assert "when the rows were read" not in assert_harmless(html(tuning(decays=GRID[::8]))).words()


def test_on_paper_nothing_says_that_it_is_folded_away():
    style = next(text for where, text in assert_harmless(html(tuning(decays=GRID[::8]))).texts if where == "style")
    paper = style.partition("@media print")[2]
    assert "summary { list-style: none" in paper and "content-visibility: visible" in paper


def test_the_parts_of_the_page_stand_in_their_order():
    page = assert_harmless(html(tuning(decays=GRID[::8], diagnosed=True, plan=PLAN)))
    assert titles(page) == [
        "Coefficients",
        "Held-out residuals",
        "Opinions side by side",
        "Columns",
        "How this was found",
    ]
    assert len(page.pictures()) == len(page.narrow_pictures()) == 5
    captions = [text for where, text in page.texts if where == "figcaption"]
    assert len(captions) == 4
    assert any(
        f"Held-out R² {brief(tuning(decays=GRID[::8], diagnosed=True).diagnostics.r2)} (5 folds)." in one
        for one in captions
    )


def test_captions_claim_no_more_than_is_drawn():
    def captions(record: Tuning) -> str:
        return "\n".join(text for where, text in assert_harmless(html(record)).texts if where == "figcaption")

    few = captions(tuning(decays=GRID[::8], diagnosed=True))
    assert "Every coefficient, per standard deviation" in few and "Every row is a point" in few
    X, y = data(n=500, p=40)
    many = captions(tuning(X, y, GRID[::8], diagnosed=True))
    assert "The largest coefficients at the decay in use, per" in many and "The 25 largest of 40 coefficients" in many
    assert re.search(r"\d+ of 500 rows are points, the largest residuals among them;", many)
    # Of a million rows the record holds some: the largest residuals need not be among them.
    assert re.search(r"\d+ of 1,000,000 rows are points;", captions(wide(20, 5, "c{}")))


def test_without_diagnostics_their_parts_are_not_there():
    page = assert_harmless(html(tuning(decays=GRID[::8])))
    assert titles(page) == ["Coefficients", "Opinions side by side", "How this was found"]
    assert len(page.pictures()) == 3
    assert page.table("Coefficients").header == ["column", "coefficient", "at decay 0.0001", "what decay leaves"]
    assert "held-out R²" not in page.glance and "least squares" not in page.words().lower()


def test_a_model_without_columns_has_no_coefficients():
    record = tuning(decays=GRID[::8], diagnosed=True)
    nothing = np.zeros(0)
    empty = dict.fromkeys(("coef", "least_squares", "fold_low", "fold_high", "fold_std", "scale"), nothing)
    found = replace(record.diagnostics, **empty, columns=())
    path = replace(record.path, coef=np.zeros((5, 0)), columns=())
    page = assert_harmless(html(replace(record, later=Known({}, path, (), found))))
    assert titles(page) == ["Held-out residuals", "Opinions side by side", "How this was found"]


def test_every_finding_has_a_place_of_its_own_and_a_command_that_tells_more():
    record = tuning(decays=GRID[::8], findings=(*CODED, CODED[0], Finding("X<1>", "error", "odd", "")))
    page = assert_harmless(html(record))
    places = [attrs.get("id") for tag, attrs in page.elements if tag == "li"]
    assert places == ["WD007", "WD002", "WD007-2", None]
    links = [attrs["href"] for tag, attrs in page.elements if tag == "a"]
    assert links == ["#WD007", "#WD002", "#WD007-2"]
    commands = [text for where, text in page.texts if where == "code"]
    assert commands == ["weightdecay explain WD007", "weightdecay explain WD002", "weightdecay explain WD007"]


def test_places_are_unique_over_several_targets():
    record = tuning(decays=GRID[::8], targets=2, findings=CODED)
    told = tuple(replace(one, later=replace(one.later, known_findings=CODED)) for one in record.targets)
    page = assert_harmless(html(replace(record, targets=told)))
    places = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert places == ["WD007", "WD002", "WD007-2", "WD002-2", "WD007-3", "WD002-3"]


def test_several_targets_have_models_of_their_own():
    record = replace(tuning(decays=GRID[::8], targets=2, diagnosed=True), target_names=("height", "mass"))
    page = assert_harmless(html(record))
    assert titles(page).count("Coefficients") == titles(page).count("Held-out residuals") == 2
    sheets = [one for one in page.tables if one.caption.startswith("Coefficients")]
    for sheet, one in zip(sheets, record.targets, strict=True):
        assert [float(row[1][1]) for row in sheet.rows[1:]] == one.diagnostics.coef.tolist()
    # One flagship in two layouts, and three small pictures for each target.
    assert len(page.pictures()) == 7 and len(page.narrow_pictures()) == 1


def wide(columns: int, decays: int, name: str, rows: int = 2000) -> Tuning:
    """A tuning over many columns and decays with all that a report can show."""
    rng = np.random.default_rng(0)
    X, y = data(n=200)
    grid = np.geomspace(1e-6, 1e6, decays)
    small = tuning(X, y, grid, diagnosed=True)
    names = tuple(name.format(j) for j in range(columns))
    coef = rng.standard_normal(columns) / (1 + np.outer(grid, 10 ** rng.uniform(-3, 3, columns)))
    path = DecayPath(
        grid, coef, np.zeros(decays), coef.sum(axis=1) ** 2, small.path.train_loss, ("exact",) * decays, names
    )
    spread = np.abs(rng.standard_normal(columns))
    found = replace(
        small.diagnostics,
        coef=coef[small.best],
        least_squares=coef[0],
        fold_low=coef[small.best] - spread,
        fold_high=coef[small.best] + spread,
        fold_std=spread,
        scale=rng.random(columns),
        fitted=np.sort(rng.standard_normal(rows)),
        residual=rng.standard_normal(rows),
        edges=np.linspace(-3, 3, 21),
        quantiles=np.sort(rng.standard_normal((20, 5)), axis=1),
        columns=names,
    )
    opinions = {key: small.mean * rng.random(decays) for key in ("gcv", "evidence", "alo")}
    plan = tuple(
        ColumnPlan(one, "category", tuple(f"{one} = {k}" for k in range(30)), 17, f"one column for each of {one}")
        for one in names
    )
    findings = tuple(Finding(f"WD{k:03d}", "warning", f"{names[k]!r} is odd", "mend it") for k in range(1, 15))
    return replace(
        small,
        columns=names,
        plan=plan,
        n_rows=10**6,
        later=Known(opinions, path, findings, found),
        references=small.references,
    )


@pytest.mark.parametrize("name", ["column {}", "<" * 60 + "{}" + "<script>" * 2000, "\N{GRINNING FACE}" * 90 + "{}"])
def test_all_of_a_thousand_columns_and_a_hundred_decays_stays_under_500_kilobytes(name):
    record = wide(1000, 100, name)
    text = html(record)
    assert len(text.encode()) < 500_000
    page = assert_harmless(text)
    assert len(page.table("Held-out").rows) == 100
    assert len(page.table("Coefficients").rows) == 201
    rows = page.table("What became").rows
    assert len(rows) > (150 if name == "column {}" else 25) and f"The first {len(rows)} of 1,000" in page.words()
    assert "The 200 largest of 1,000" in page.words()
    effect = np.abs(record.diagnostics.coef * record.diagnostics.scale)
    shown = set(page.column("Coefficients", "coefficient")[1:])
    assert shown == set(record.diagnostics.coef[np.argsort(-effect)[:200]].tolist())


def test_three_targets_of_a_thousand_columns_stay_under_500_kilobytes():
    one = replace(wide(1000, 100, "column {}"), plan=())
    whole = replace(one, targets=(one, one, one), target_names=("a", "b", "c"))
    text = html(replace(whole, later=replace(one.later, known_diagnostics=None)))
    assert len(text.encode()) < 500_000
    assert_harmless(text)


@pytest.mark.parametrize("group", range(0, len(NAMES), 18))
def test_hostile_names_stay_text(group):
    names = tuple(NAMES[group : group + 18])
    X, y = data(p=len(names))
    record = tuning(X, y, GRID[::4], columns=names, diagnosed=True)
    everything = "".join(names)[:300]
    found = replace(record.diagnostics, folds=everything)
    told = replace(record, target_names=(everything,), source=everything, later=Known({}, record.path, (), found))
    text = html(told)
    page = assert_harmless(text)
    assert "\x1b" not in text and "\x00" not in text
    assert page.texts_of("Coefficients", "column")[1:] == [for_html(name, 60) for name in names]
    assert page.table("Coefficients").header[4] == f"lowest of {for_html(everything, 40)}"


def test_how_it_was_found_tells_what_repeats_it():
    record = replace(tuning(decays=GRID[::8], plan=PLAN), target_names=("y",), source="in/a.csv")
    page = assert_harmless(html(record))
    told = [text for where, text in page.texts if where in ("dt", "dd")]
    facts = dict(itertools.pairwise(told))
    assert facts["command"] == record.command and facts["file"] == "in/a.csv" and facts["target"] == "y"
    assert facts["folds"] == record.cv and facts["rule"] == "min" and facts["rows with positive weight"] == "60"
    assert float(facts["decay in use, in full"]) == record.decay
    assert facts["decays tried"] == f"5, from 0.0001 to {GRID[32]:.4g}"
    assert facts["tolerance of the window"] == "1 %"
    assert "polars" in facts["versions"] and f"numpy {np.__version__}" in facts["versions"]
    assert "sum of the weights" not in facts
    weighted = assert_harmless(html(replace(record, weight_sum=12.5)))
    assert "12.5" in [text for where, text in weighted.texts if where == "dd"]
    # Numbers in memory were not read by polars.
    assert "polars" not in assert_harmless(html(tuning(decays=GRID[::8]))).words()


def test_a_record_from_json_makes_the_same_bytes():
    record = tuning(decays=GRID[::8], findings=CODED, diagnosed=True, plan=PLAN)
    assert html(Tuning.from_json(record.to_json())) == html(record)


def test_a_real_tuning_shows_its_own_model(repository, tmp_path):
    table = wd.read(repository / "examples" / "diabetes.csv", "progression")
    record = wd.tune(wd.LinearRegression(), table.X, table.y)
    page = assert_harmless(wd.report(record, tmp_path / "out.html").read_text(encoding="utf-8"))
    np.testing.assert_allclose(page.column("Coefficients", "coefficient")[1:], record.model.coef_, rtol=1e-9)
    assert titles(page)[:3] == ["Coefficients", "Held-out residuals", "Opinions side by side"]
    assert float(page.glance["held-out R² (10 folds)"]) == record.diagnostics.r2


def test_the_hand_made_diagnostics_are_refits():
    # The oracle itself: without decay the model is least squares, and so are its folds.
    X, y = data()
    found = diagnostics(X, y, 0.0)
    design = np.column_stack([np.ones(len(y)), X])
    expected = np.linalg.lstsq(design, y, rcond=None)[0]
    np.testing.assert_allclose([found.intercept, *found.coef], expected)
    out = np.arange(len(y)) % 5 == 0
    fold = np.linalg.lstsq(design[~out], y[~out], rcond=None)[0]
    assert (found.fold_low <= fold[1:] + 1e-12).all() and (fold[1:] - 1e-12 <= found.fold_high).all()
    held_out = y[out] - design[out] @ fold
    assert all(np.isclose(found.residual, one).any() for one in held_out)
