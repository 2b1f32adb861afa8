"""The report and the terminal on a classifier: the numbers of the record, and no word that is only for numbers."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace

import numpy as np
import pytest

import weightdecay as wd
from show.class_records import class_diagnostics, class_tuning, with_diagnostics
from show.hostile import NAMES
from show.pages import Report, assert_harmless
from show.records import tuning
from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.records.finding import Finding
from weightdecay.records.tuning import Tuning
from weightdecay.records.verdict import brief
from weightdecay.show.class_words import against_guessing, areas, most_confused, share, slope_words
from weightdecay.show.report import html

FINDING = Finding("WD027", "warning", "held-out probabilities differ by 12 percentage points", "tune by the log-loss")
OF_NUMBERS = ("squared", "R²", "residual", "least squares", "typical error", "unit of the target", "prediction of")


def seen_of(record: Tuning) -> ClassDiagnostics:
    """The diagnostics of a classifier."""
    assert isinstance(record.diagnostics, ClassDiagnostics)
    return record.diagnostics


def titles(page: Report) -> list[str]:
    """Names of the parts of the page."""
    return [text for where, text in page.texts if where in ("h2", "h3")]


@pytest.mark.parametrize("k", [2, 3])
def test_a_report_speaks_of_classes(k: int) -> None:
    page = assert_harmless(html(class_tuning(k)))
    assert titles(page) == ["Coefficients", "Held-out classes", "Opinions side by side", "How this was found"]
    assert len(page.pictures()) == 7
    for word in OF_NUMBERS:
        assert word not in page.words(), word
    facts = [text for where, text in page.texts if where in ("dt", "dd")]
    assert facts[facts.index("classes") + 1] == ", ".join(f"class {at}" for at in range(k))
    regression = assert_harmless(html(tuning(diagnosed=True)))
    assert "Held-out classes" not in titles(regression)


def test_the_numbers_at_a_glance_stand_beside_those_of_guesses() -> None:
    record = class_tuning(3)
    found, page = seen_of(record), assert_harmless(html(record))
    seen = found.held_out
    assert {name: float(value) for name, value in page.glance.items()} == {
        "decay in use": record.decay,
        "held-out log-loss": record.mean[record.best],
        "held-out accuracy": seen.accuracy,
        "ROC-AUC": seen.roc_auc,
        "Brier score": seen.brier,
        "effective degrees of freedom": found.df,
        "rows": record.n_rows,
    }
    words = page.words()
    assert f"class shares: {brief(seen.base_log_loss)}" in words and "always class 0: 33.3 %" in words
    assert "of at most 8 in 3 classes and 4 columns" in words
    scored = assert_harmless(html(replace(record, scoring="−accuracy", mean=-record.mean, cv="leave-one-out")))
    assert float(scored.glance["log-loss (4 folds)"]) == seen.log_loss
    assert "held-out accuracy (4 folds)" in scored.glance
    unknown = with_diagnostics(record, replace(found, held_out=replace(seen, roc_auc=math.nan)))
    assert "ROC-AUC" not in assert_harmless(html(unknown)).glance


def test_the_coefficients_of_two_classes_are_those_of_the_record() -> None:
    record = class_tuning(2, names=("no", "yes"))
    told = json.loads(record.to_json())["diagnostics"]
    page = assert_harmless(html(record))
    caption = "Coefficients in the units"
    assert page.column(caption, "coefficient") == [*told["intercept"], *told["coef"][0]]
    assert page.column(caption, "no decay") == [*told["unpenalised_intercept"], *told["unpenalised"][0]]
    assert page.column(caption, "lowest of 4 folds")[1:] == told["fold_low"][0]
    assert "Coefficients add up to the log-odds of yes." in page.words()
    found = replace(seen_of(record), unpenalised=None, unpenalised_intercept=None)
    bare = assert_harmless(html(with_diagnostics(record, found)))
    assert "no decay" not in bare.table(caption).header and "Hollow marks" not in bare.words()
    assert bare.column(caption, "coefficient") == page.column(caption, "coefficient")


def test_the_coefficients_of_few_classes_have_a_line_each() -> None:
    record = class_tuning(3)
    found, page = seen_of(record), assert_harmless(html(record))
    caption = "Coefficients in the units"
    assert page.column(caption, "coefficient") == [*found.intercept, *found.coef.ravel()]
    assert page.texts_of(caption, "class") == [*found.classes, *np.repeat(found.classes, 4)]
    assert page.texts_of(caption, "column") == ["intercept"] * 3 + list(found.columns) * 3
    scaled = page.column(caption, "per standard deviation")[3:]
    np.testing.assert_allclose(scaled, (found.coef * found.scale).ravel())


def test_the_coefficients_of_many_classes_have_a_column_each() -> None:
    record = class_tuning(10, n=400, p=64)
    found, page = seen_of(record), assert_harmless(html(record))
    sheet = page.table("Coefficients of each class")
    assert sheet.header == ["column", *found.classes, "largest per standard deviation"]
    for at, name in enumerate(found.classes):
        assert page.column("Coefficients of each class", name) == [found.intercept[at], *found.coef[at]]
    largest = np.abs(found.coef * found.scale).max(axis=0)
    np.testing.assert_allclose(page.column("Coefficients of each class", sheet.header[-1])[1:], largest)
    assert len(html(record)) < 500_000


def test_many_columns_and_many_decays_stay_small() -> None:
    rng = np.random.default_rng(0)
    for k in (2, 10):
        p, L = 1000, 100
        found = class_diagnostics(k)
        r = len(found.coef)
        wide = {
            name: rng.standard_normal((r, p)) for name in ("coef", "unpenalised", "fold_low", "fold_high", "fold_std")
        }
        columns = tuple(f"a column of number {j}" for j in range(p))
        found = replace(found, scale=np.ones(p), columns=columns, **wide)
        record = class_tuning(k)
        decays = np.geomspace(1e-4, 1e2, L)
        path = replace(
            record.path,
            decays=decays,
            coef=rng.standard_normal((L, p) if k == 2 else (L, k, p)),
            intercept=np.zeros(L) if k == 2 else np.zeros((L, k)),
            df=np.linspace(p, 1, L),
            train_loss=np.linspace(0.1, 0.5, L),
            status=("exact",) * L,
            columns=columns,
        )
        curve = 0.5 + 0.1 * (np.log10(decays) ** 2)
        record = replace(
            record,
            decays=decays,
            losses=curve[None],
            mean=curve,
            standard_error=curve / 10,
            paired=curve / 20,
            decay=decays[50],
            decay_min=decays[curve.argmin()],
            decay_1se=decays[60],
            status=np.full((1, L), "exact"),
            columns=columns,
        )
        record = with_diagnostics(replace(record, later=replace(record.later, known_path=path)), found)
        text = html(record)
        assert_harmless(text)
        assert len(text.encode()) < 500_000, (k, len(text))


def test_each_class_has_a_line() -> None:
    record = class_tuning(3)
    found, page = seen_of(record), assert_harmless(html(record))
    seen, caption = found.held_out, "How well each class is told (4 folds)"
    assert page.texts_of(caption, "class") == list(found.classes)
    for name, values in (
        ("share of rows", seen.shares),
        ("mean probability", seen.mean_probability),
        ("found (recall)", seen.recall),
        ("right where told (precision)", seen.precision),
        ("ROC-AUC against the rest", seen.class_auc),
    ):
        assert page.column(caption, name) == values.tolist()
    wrong = seen.confusion - np.diag(np.diag(seen.confusion))
    for at, text in enumerate(page.texts_of(caption, "most often taken for")):
        other = int(wrong[at].argmax())
        assert text == f"class {other} ({share(wrong[at, other] / seen.confusion[at].sum())})"


def test_very_many_classes_are_cut() -> None:
    k = 120
    found = class_diagnostics(2)
    rng = np.random.default_rng(0)
    P, code = rng.dirichlet(np.ones(k), 600), np.arange(600) % k
    from weightdecay.tuning.class_summary import summarise_classes

    names = tuple(f"class {at}" for at in range(k))
    many = replace(
        found,
        classes=names,
        held_out=summarise_classes(P, code, np.ones(600)),
        **{name: rng.standard_normal((k, 4)) for name in ("coef", "unpenalised", "fold_low", "fold_high", "fold_std")},
        intercept=np.zeros(k),
        unpenalised_intercept=np.zeros(k),
    )
    record = with_diagnostics(replace(class_tuning(2), classes=names), many)
    text = html(record)
    page = assert_harmless(text)
    assert len(page.table("How well each class").rows) == 100 and "The 100 most frequent of 120 classes" in page.words()
    assert len(page.table("Coefficients of each class").header) == 14
    assert "The 12 most frequent of 120 classes." in page.words() and len(text) < 500_000
    assert "Bars are the pairs most often confused" in page.words()
    assert "ROC curves of 10 of 120 classes against the rest" in page.words()


def test_words_against_guessing() -> None:
    record = class_tuning(2, names=("benign", "malignant"))
    seen = seen_of(record).held_out
    (line,) = against_guessing(record)
    assert line == (
        f"Held out, it is right for {share(seen.accuracy)} of the rows; always guessing 'benign' is right for 50.0 %. "
        f"Log-loss {brief(seen.log_loss)}; always predicting the class shares gives 0.6931. ROC-AUC "
        f"{brief(seen.roc_auc)}; chance gives 0.5."
    )
    weighted = replace(record, weight_sum=3.0, cv="leave-one-out")
    (line,) = against_guessing(weighted)
    assert line.startswith("Held out (4 folds), it is right for") and "of the weight" in line
    assert not list(against_guessing(class_tuning(2, diagnosed=False))) and not list(against_guessing(tuning()))


def test_the_terminal_tells_accuracy_and_guesses() -> None:
    record = class_tuning(3, findings=(FINDING,))
    console = wd.terminal.console()
    with console.capture() as captured:
        console.print(wd.terminal.tuning(record))
    text = " ".join(captured.get().split())
    (line,) = against_guessing(record)
    assert " ".join(line.split()) in text and "WD027" in text
    with console.capture() as captured:
        console.print(wd.terminal.path(record.path))
    assert "column 0 · class 1" in captured.get()


def test_shares_never_round_to_what_they_are_not() -> None:
    assert [share(one) for one in (0.0, 1e-5, 0.62724, 0.99999, 1.0)] == [
        "0 %",
        "< 0.1 %",
        "62.7 %",
        "> 99.9 %",
        "100 %",
    ]


def test_words_on_the_slope() -> None:
    seen = class_diagnostics(2).held_out
    for slope, error, words in (
        (1.1, 0.1, "1.1 ± 0.1: neither too sure"),
        (1.9, 0.2, "1.9 ± 0.2: the probabilities are less sure than they could be, as too strong a decay"),
        (0.4, 0.1, "0.4 ± 0.1: the probabilities are surer than they should be, as too weak a decay"),
        (math.inf, math.nan, "separated without error"),
    ):
        assert words in slope_words(replace(seen, slope=slope, slope_error=error))
    assert slope_words(replace(seen, slope=math.nan)) == ""


def test_the_most_confused_pair_is_told() -> None:
    found = class_diagnostics(3)
    counts = np.array([[8.0, 2, 0], [0, 10, 0], [1, 3, 6]])
    told = replace(found, held_out=replace(found.held_out, confusion=counts))
    assert most_confused(told) == "Most often 'class 2' is taken for 'class 1': 30.0 % of its rows."
    right = replace(found, held_out=replace(found.held_out, confusion=np.diag([1.0, 2, 3])))
    assert most_confused(right) == "No row is in a wrong class."


def test_areas_are_told_in_words() -> None:
    record = class_tuning(2, names=("no", "yes"))
    found = seen_of(record)
    told = (
        "The area under it is the share of all pairs in which a row of 'yes' is given more of it than another row, "
        f"ties counting half: {share(found.held_out.roc_auc)}; chance gives 50 %."
    )
    words = assert_harmless(html(record)).words()
    assert areas(found) == told and told in words and "The mark is where the class of the larger" in words
    three = class_tuning(3)
    each = seen_of(three).held_out.class_auc
    assert areas(seen_of(three)).endswith(
        f"half: {share(each.mean())} on average over the classes, from {share(each.min())} ('class {each.argmin()}') "
        f"to {share(each.max())} ('class {each.argmax()}'); chance gives 50 %."
    )
    assert areas(seen_of(three)) in (words := assert_harmless(html(three)).words())
    assert "ROC curves of each class against the rest" in words and "The mark is" not in words
    alone = replace(found.held_out, roc_auc=math.nan, roc=np.zeros((0, 2)))
    without = with_diagnostics(record, replace(found, held_out=alone))
    page = assert_harmless(html(without))
    assert "ROC curve" not in page.words() and len(page.pictures()) == 6 and areas(seen_of(without)) == ""


@pytest.mark.parametrize(
    "start",
    [0, 48, *(pytest.param(one, marks=pytest.mark.long) for one in range(0, len(NAMES), 12) if one not in (0, 48))],
)
def test_hostile_classes_are_text(start: int) -> None:
    names = tuple(dict.fromkeys(NAMES[start : start + 12]))
    k = len(names)
    record = class_tuning(k, names=names)
    page = assert_harmless(html(record))
    assert page.table("How well each class is told").rows
    console = wd.terminal.console()
    with console.capture() as captured:
        console.print(wd.terminal.tuning(record))
    assert not re.search(r"\x1b\[?[^\[]*alert|\x1b\]", captured.get())


def test_a_record_from_json_makes_the_same_bytes() -> None:
    for k in (2, 3):
        record = class_tuning(k, findings=(FINDING,))
        assert html(Tuning.from_json(record.to_json())) == html(record)


def test_without_diagnostics_there_is_a_report() -> None:
    page = assert_harmless(html(class_tuning(3, diagnosed=False)))
    assert "Held-out classes" not in titles(page) and "Coefficients" in titles(page)


def test_the_part_of_the_path_where_coefficients_grow_without_bound_is_left_out() -> None:
    record = class_tuning(2)
    grown = record.path.coef.copy()
    grown[0] *= 50.0
    wild = replace(record, later=replace(record.later, known_path=replace(record.path, coef=grown)))
    words = assert_harmless(html(wild)).words()
    assert f"Below decay {brief(float(record.decays[1]))} they grow without bound" in words
    assert "grow without bound" not in assert_harmless(html(record)).words()
    # Of numbers, which cannot be separated, all of the path is drawn.
    numbers = tuning(diagnosed=True)
    assert "grow without bound" not in assert_harmless(html(numbers)).words()
