"""``--model``: classes or amounts, by the target or as asked, and what of it is said; predictions of classes."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

import weightdecay as wd

Run = Callable[..., Any]
N = 60
RNG = np.random.default_rng(0)
SIZE, AGE = RNG.normal(size=N).round(3), RNG.normal(size=N).round(3)
CODE = (SIZE + RNG.logistic(size=N) > 0).astype(int)
CODE3 = CODE + (AGE > 0.2) * CODE
FAST = ("--decays=0.03,1", "--cv=4")


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """A file with a target of some labels."""

    def made(labels: Any) -> Path:
        pl.DataFrame({"size": SIZE, "age": AGE, "ripe": labels}).write_csv(tmp_path / "data.csv")
        return tmp_path / "data.csv"

    return made


def of(labels: Any, code: Any = CODE) -> list[Any]:
    """Labels of the rows."""
    return [labels[one] for one in code]


@pytest.mark.parametrize(
    ("labels", "model", "said"),
    [
        (of(["no", "yes"]), "LogisticRegression", "logistic regression, since the target 'ripe' is text with 2 values"),
        (of(["a", "b", "c"], CODE3), "LogisticRegression", "is text with 3 values"),
        (of([False, True]), "LogisticRegression", "is true and false"),
        (of([0, 1]), "LogisticRegression", "has two values, 0 and 1 (--model linear takes them for amounts)"),
        (of([-1, 1]), "LogisticRegression", "has two values, -1 and 1"),
        (of([0.25, 1.0]), "LogisticRegression", "has two values, 0.25 and 1"),
        (
            of([1, 2, 3], CODE3),
            "LinearRegression",
            "linear regression, since the target 'ripe' is of numbers; it has only 3 different ones, all whole: if "
            "they are classes, give --model logistic",
        ),
        (of([1.0, 2.0, 3.5], CODE3), "LinearRegression", ""),
        (AGE + SIZE, "LinearRegression", ""),
    ],
)
def test_auto_goes_by_the_target_and_says_so(labels: Any, model: str, said: str, run: Run, write: Any) -> None:
    file = write(labels)
    done = run("tune", file, "--target=ripe", *FAST, "--json")
    tuning = wd.Tuning.from_json(done.out)
    assert (done.code, tuning.model_name) == (0, model)
    assert done.err.startswith("weightdecay: ") and said in done.err if said else done.err == ""
    assert any(said in note for note in tuning.notes) if said else tuning.notes == ()
    shown = run("tune", file, "--target=ripe", *FAST)
    assert shown.err == "" and (said or "linear regression, since the target 'ripe' is of numbers\n") in shown.out
    path = run("path", file, "--target=ripe", "--json")
    assert path.err == done.err and np.array(json.loads(path.out)["coef"]).ndim == (3 if "3 values" in said else 2)


@pytest.mark.parametrize("labels", [of([0, 1]), of([False, True])], ids=["numbers", "truth"])
def test_what_is_asked_for_is_done_without_a_word(labels: Any, run: Run, write: Any) -> None:
    file = write(labels)
    for model, name in (("linear", "LinearRegression"), ("logistic", "LogisticRegression")):
        done = run("tune", file, "--target=ripe", f"--model={model}", *FAST, "--json")
        assert (done.code, done.err, wd.Tuning.from_json(done.out).model_name) == (0, "", name)
        shown = run("tune", file, "--target=ripe", f"--model={model}", *FAST)
        assert shown.err == "" and "since the target" not in shown.out


@pytest.mark.parametrize(
    ("words", "model", "work"),
    [
        ("", {}, {}),
        ("--cv 3 --seed 2 --rule 1se", {}, {"cv": 3, "random_state": 2, "rule": "1se"}),
        ("--class-weight balanced", {"class_weight": "balanced"}, {}),
        ("--no-standardize --no-intercept", {"standardize": False, "fit_intercept": False}, {}),
        ("--decay-exempt age", {"decay_weights": [1.0, 0.0]}, {}),
        ("--scoring accuracy", {}, {"scoring": "accuracy"}),
        ("--cv loo", {}, {"cv": "loo"}),
    ],
)
def test_it_is_the_doors_tune(words: str, model: Any, work: Any, run: Run, write: Any) -> None:
    file = write(of(["a", "b", "c"], CODE3))
    done = run("tune", file, "--target=ripe", "--model=logistic", "--decays=0.03,1", *words.split(), "--json")
    assert (done.code, done.err) == (0, ""), done.err
    tuning = wd.Tuning.from_json(done.out)
    table = wd.read(file, "ripe")
    due = wd.tune(wd.LogisticRegression(**model), table, decays=[0.03, 1.0], **work)
    for name in ("losses", "decays", "weight", "mean"):
        np.testing.assert_array_equal(getattr(tuning, name), getattr(due, name))
    assert tuning.classes == due.classes == ("a", "b", "c") and tuning.window == due.window
    assert tuning.command.startswith("weightdecay tune") and "--model logistic" in tuning.command
    assert all(word in tuning.command for word in words.split() if word.startswith("--"))


@pytest.mark.parametrize(
    ("labels", "asked", "used", "said"),
    [
        (["no", "yes"], "f1", "−f1", "--scoring f1: the positive class is 'yes'"),
        ([0, 1], "f1", "−f1", "the positive class is '1'"),
        ([1, 2], "f1", "−f1", "the positive class is '1'"),
        (["no", "yes"], "auc", "−roc_auc", "--scoring auc: roc_auc"),
        (["no", "yes"], "BRIER", "−neg_brier_score", "--scoring BRIER: neg_brier_score"),
        (["no", "yes"], "log-loss", "log-loss", ""),
        (["no", "yes"], "roc_auc", "−roc_auc", ""),
        (["a", "b", "c"], "f1", "−f1_macro", "--scoring f1: f1_macro, the mean over the 3 classes"),
        (["a", "b", "c"], "auc", "−roc_auc_ovr", "--scoring auc: roc_auc_ovr, the mean over the 3 classes"),
        (["a", "b", "c"], "accuracy", "−accuracy", ""),
    ],
)
def test_scorers_are_named_and_what_they_mean_is_said(
    labels: Any, asked: str, used: str, said: str, run: Run, write: Any
) -> None:
    file = write(of(labels, CODE if len(labels) == 2 else CODE3))
    done = run("tune", file, "--target=ripe", "--model=logistic", f"--scoring={asked}", *FAST, "--json")
    assert (done.code, done.err) == (0, f"weightdecay: {said}\n" if said.startswith("-") else done.err)
    assert said in done.err and bool(said) == bool(done.err)
    assert wd.Tuning.from_json(done.out).scoring == used


def test_the_habit_of_scikit_learn_has_its_price(run: Run, write: Any) -> None:
    done = run("tune", write(of(["no", "yes"])), "--target=ripe", "--json")
    tuning = wd.Tuning.from_json(done.out)
    habit = tuning.reference("sklearn C=1")
    assert habit is not None and habit.decay == pytest.approx(1 / N)
    line = tuning.verdict.splitlines()[2]
    assert "held-out log-loss by" in line and "sklearn C=1 (decay = 0.01667) by" in line


def test_a_dry_run_counts_the_classes(run: Run, write: Any) -> None:
    file = write(of(["a", "b", "<c>"], CODE3))
    counts = {name: int((CODE3 == place).sum()) for name, place in (("<c>", 2), ("a", 0), ("b", 1))}
    shown = run("tune", file, "--target=ripe", "--dry-run")
    listed = ", ".join(f"{name} ({count})" for name, count in counts.items())
    assert f"3 classes, with the rows of each: {listed}" in shown.out
    assert json.loads(run("tune", file, "--target=ripe", "--dry-run", "--json").out)["classes"] == counts
    assert json.loads(run("tune", file, "--target=age", "--drop=ripe", "--dry-run", "--json").out)["classes"] == {}


@pytest.mark.parametrize(
    ("labels", "header", "words"),
    [
        (["no", "yes"], ["probability of no", "probability of yes"], ["no", "yes"]),
        ([False, True], ["probability of False", "probability of True"], ["false", "true"]),
        ([0, 1], ["probability of 0", "probability of 1"], ["0", "1"]),
        (["=1+1", "@a"], ["probability of _1_1", "probability of _a"], ["=1+1", "@a"]),
        (["a?", "a!"], ["probability of a_", "probability of a_ (1)"], ["a!", "a?"]),
        (["\u202e", "é, ü"], ["probability of é_ ü", "probability of _"], ["é, ü", "\u202e"]),
    ],
)
def test_predictions_are_labels_and_probabilities(
    labels: Any, header: list[str], words: list[str], run: Run, write: Any, tmp_path: Path
) -> None:
    file, model = write(of(labels)), tmp_path / "model.wd"
    assert run("tune", file, "--target=ripe", *FAST, "--save", model).code == 0
    done = run("predict", model, file)
    assert (done.code, done.err) == (0, "")
    first, *rows = list(csv.reader(io.StringIO(done.out)))
    assert first == ["prediction", *header]
    fitted = wd.load(model)
    probabilities = fitted.predict_proba(pl.DataFrame({"size": SIZE, "age": AGE}))
    assert [[float(one) for one in row[1:]] for row in rows] == probabilities.tolist()
    assert [row[0] for row in rows] == [words[place] for place in probabilities.argmax(axis=1)]
    told = json.loads(run("predict", model, file, "--json").out)
    assert told["classes"] == fitted.classes_.tolist() and told["probabilities"] == probabilities.tolist()
    assert told["predictions"] == fitted.predict(pl.DataFrame({"size": SIZE, "age": AGE})).tolist()
    assert told["targets"] == ["ripe"] and told["notes"] == []


def test_a_report_of_a_classifier_from_json_and_from_a_model(run: Run, write: Any, tmp_path: Path) -> None:
    file, model, stored = write(of(["no", "yes"])), tmp_path / "model.wd", tmp_path / "tuning.json"
    stored.write_text(run("tune", file, "--target=ripe", *FAST, "--json", "--save", model).out, encoding="utf-8")
    for source in (stored, model):
        done = run("report", source, tmp_path / "page.html")
        assert (done.code, done.err) == (0, ""), done.err
        assert "LogisticRegression" in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_numbers_of_other_tools_are_recognised_by_the_model(run: Run, write: Any) -> None:
    done = run("tune", write(of(["no", "yes"])), "--target=ripe", "--decays=1000,10000", "--json")
    assert "--from sklearn.LogisticRegression.C --to decay" in done.err
