"""``weightdecay path`` and ``weightdecay convert``: the door's numbers, for eyes and for programs."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

import weightdecay as wd
from weightdecay.records.verdict import brief

Run = Callable[..., Any]
PLAIN = ("--target", "y", "--drop", "w,group")


@pytest.mark.parametrize(
    ("words", "model", "decays"),
    [
        ("", {}, None),
        ("--decays 0,0.1,inf", {}, [0.0, 0.1, np.inf]),
        ("--no-standardize --decays 2", {"standardize": False}, [2.0]),
        ("--no-intercept --decays 2", {"fit_intercept": False}, [2.0]),
        ("--decay-exempt b --decays 0.5,inf", {"decay_weights": [1.0, 0.0, 1.0, 1.0]}, [0.5, np.inf]),
    ],
)
def test_it_is_the_doors_path(words: str, model: dict[str, Any], decays: Any, run: Run, data: Path) -> None:
    done = run("path", data, *PLAIN, "--json", *words.split())
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    told = json.loads(done.out)
    table = wd.read(data, "y", drop=["w", "group"])
    path = wd.path(wd.LinearRegression(**model), table.X, table.y, decays)
    for name in ("coef", "intercept", "df", "train_loss"):
        np.testing.assert_array_equal(told[name], getattr(path, name), err_msg=name)
    assert told["decays"] == [float(one) if np.isfinite(one) else "inf" for one in path.decays]
    assert told["columns"] == ["a", "b", "c", "d"] and told["status"] == list(path.status)


def test_a_weight_of_two_is_the_row_twice_and_of_zero_is_no_row(run: Run, data: Path, tmp_path: Path) -> None:
    header, *rows = data.read_text().splitlines()
    repeated = [row for row in rows for _ in range(int(row.split(",")[5]))]
    (tmp_path / "repeated.csv").write_text("\n".join([header, *repeated]) + "\n")
    words = ("--target", "y", "--json", "--decays", "0.1,1")
    weighted = json.loads(run("path", data, *words, "--drop", "group", "--weight", "w").out)
    copies = json.loads(run("path", tmp_path / "repeated.csv", *words, "--drop", "w,group").out)
    for name in ("coef", "intercept", "df", "train_loss"):
        np.testing.assert_allclose(weighted[name], copies[name], rtol=1e-10, err_msg=name)


def test_the_text_has_every_coefficient_under_its_decay(run: Run, data: Path) -> None:
    done = run("path", data, *PLAIN, "--decays", "0,0.25,inf")
    table = wd.read(data, "y", drop=["w", "group"])
    path = wd.path(wd.LinearRegression(), table.X, table.y, [0.0, 0.25, np.inf])
    rows = {line.split()[0]: line.split()[1:] for line in done.out.splitlines() if line.strip()}
    assert rows["decay"] == ["0", "0.25", "infinity"]
    for column, name in enumerate("abcd"):
        np.testing.assert_allclose([float(one) for one in rows[name]], path.coef[:, column], rtol=1e-3)
    np.testing.assert_allclose([float(one) for one in rows["intercept"]], path.intercept, rtol=1e-3)
    np.testing.assert_allclose([float(one) for one in rows["degrees"][2:]], path.df, rtol=1e-3)


def test_the_columns_of_the_text_are_in_the_order_of_the_decays(run: Run, data: Path) -> None:
    mixed, sorted_ = (run("path", data, *PLAIN, "--decays", words) for words in ("inf,0,0.25", "0,0.25,inf"))
    assert mixed.out == sorted_.out


def test_of_many_columns_the_largest_are_shown_and_the_rest_counted(run: Run, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((90, 50))
    y = X @ np.r_[np.zeros(20), np.full(30, 5.0)] + rng.standard_normal(90)
    names = [f"column{index}" for index in range(50)]
    rows = [",".join(map(repr, map(float, row))) for row in np.column_stack([X, y])]
    (tmp_path / "wide.csv").write_text(",".join([*names, "y"]) + "\n" + "\n".join(rows))
    out = run("path", tmp_path / "wide.csv", "--target", "y").out
    assert [line.split()[0] for line in out.splitlines() if line.startswith(" column")] == names[20:]
    assert "The 30 largest of 50 coefficients; --json has them all." in out


def shown(renderable: Any, width: int) -> list[str]:
    """What a terminal of that width shows."""
    console = Console(width=width, file=io.StringIO(), record=True)
    console.print(renderable)
    lines = console.export_text().splitlines()
    assert all(len(line.rstrip()) <= width for line in lines)
    return lines


@pytest.mark.parametrize("width", [24, 40, 60, 80, 200])
def test_a_path_is_whole_on_any_terminal(width: int, data: Path, tmp_path: Path) -> None:
    long = data.read_text().replace("a,b,", "the first of all the columns,the second of all the columns,", 1)
    (tmp_path / "long.csv").write_text(long)
    table = wd.read(tmp_path / "long.csv", "y", drop=["w", "group"])
    path = wd.path(wd.LinearRegression(), table.X, -1e-5 * table.y, np.geomspace(1e-5, 10, 6))
    lines = shown(wd.terminal.path(path, table), width)
    at = next(index for index, line in enumerate(lines) if line.startswith(" decay"))
    header = lines[at].split()[1:]
    # As many decays as there is room for, the least and the largest among them.
    assert len(header) == {24: 1, 40: 2, 60: 3, 80: 5, 200: 6}[width]
    every = [brief(float(one)) for one in path.decays]
    assert set(header) <= set(every) and header[0] == every[0]
    where = [every.index(one) for one in header]
    rows = [line.split() for line in lines[at + 2 : at + 6]]
    for column, row in enumerate(rows):
        assert row[-len(where) :] == [brief(float(one)) for one in path.coef[where, column]]
    names = [" ".join(row[: -len(where)]) for row in rows]
    first, last = "the first of all the columns"[:3], "columns"[-2:]
    assert names[0].startswith(first) and names[0].endswith(last) and "…" in names[0]
    assert len(set(names)) == 4 and names[2:] == ["c", "d"]


@pytest.mark.parametrize("width", [24, 33, 40, 60, 80, 200])
@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", None])
def test_a_tuning_is_whole_on_any_terminal(width: int, scoring: str | None, data: Path) -> None:
    table = wd.read(data, "y", drop=["w", "group"])
    tuning = wd.tune(wd.LinearRegression(), table.X, -1e-5 * table.y, cv=5, scoring=scoring)
    lines = shown(wd.terminal.tuning(tuning), width)
    at = max(index for index, line in enumerate(lines) if set(line.strip()) == {"─"})
    rows = [line.split() for line in lines[at + 1 :] if line.strip() and line.split()[0][0].isdigit()]
    known = {brief(float(decay)): index for index, decay in enumerate(tuning.decays)}
    assert len(rows) >= 4
    for decay, loss, *_ in rows:
        mean = float(tuning.mean[known[decay]])
        assert loss == brief(mean), "an error is shown as it is, however its scorer turns it"
    words = " ".join(" ".join(lines[at + 1 :]).split())
    if width >= 40:
        assert "best" in words and "1-SE" in words
    if width >= 60:
        assert all(brief(float(tuning.standard_error[known[row[0]]])) == row[2] for row in rows)


FACTS = {"n_samples": 442, "y_std": 77.0, "x_std": 2.0, "learning_rate": 0.1, "batch_size": 32}


@pytest.mark.parametrize("name", sorted(one.name for one in wd.conventions() if one.name != "decay"))
def test_it_is_the_doors_conversion(name: str, run: Run) -> None:
    words = [word for fact, value in FACTS.items() for word in (f"--{fact.replace('_', '-')}", value)]
    facts = FACTS | {"optimizer": "sgd", "loss": "mse"}
    pure = next(one for one in wd.conventions() if one.name == name).l2 is None
    mix = ["--l1-ratio", "1"] if pure else []
    words += ["--fact", "optimizer=sgd", "--fact", "loss=mse", *mix]
    done = run("convert", "0.3", "--from", "decay", "--to", name, *words)
    result = wd.conversion(0.3, "decay", name, l1_ratio=float(pure), **facts)
    assert (done.code, done.err) == (0, "")
    mixed = ["l1_ratio = 1.0 (all L1)"] if pure else []
    assert done.out.splitlines() == [repr(result.value), *mixed, result.formula, f"source: {result.source}"]
    told = json.loads(run("convert", "0.3", "--from", "decay", "--to", name, *words, "--json").out)
    assert told == {
        "value": result.value,
        "l1_ratio": result.l1_ratio,
        "formula": result.formula,
        "source": result.source,
    }


def test_a_mix_that_changes_is_told(run: Run) -> None:
    words = (
        "--from",
        "glmnet.gaussian.lambda",
        "--to",
        "sklearn.ElasticNet.alpha",
        "--l1-ratio",
        "0.5",
        "--y-std",
        "2",
    )
    lines = run("convert", "0.3", *words).out.splitlines()
    assert float(lines[0]) == pytest.approx(0.225) and lines[1].startswith("l1_ratio = 0.6666")


@pytest.mark.parametrize("word", ["nan", "1e999", "-0"])
def test_values_that_are_special(word: str, run: Run) -> None:
    done = run("convert", "--from", "decay", "--to", "sklearn.Ridge.alpha", "--n-samples", "9", "--", word)
    assert (done.code == 2) == (word == "nan")
    assert done.out.split("\n")[0] == {"nan": "", "1e999": "inf", "-0": "-0.0"}[word]


def test_the_list_has_every_name_with_its_needs(run: Run) -> None:
    done = run("convert", "--list")
    assert done.code == 0
    for one in wd.conventions():
        assert f"\n{one.name}\n" in f"\n{done.out}"
        assert all(need in done.out for need in one.needs)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("1 --from sklearn.Ridge.alpha --to decay", "needs the fact n_samples, the number of rows"),
        ("1 --from sklearn.Ridge.alpha --to decay", "give --n-samples VALUE"),
        ("1 --from torch.decoupled.weight_decay --to decay", "give --fact optimizer=sgd"),
        ("1 --from sklearn.ridge.alpa --to decay", "did you mean sklearn.Ridge.alpha"),
        ("1 --from decay --to glmnet", "did you mean"),
        ("1 --from decay --to sklearn.Ridge.alpha --n-samples 0", "n_samples must be positive and finite, got 0.0"),
        ("1 --from decay --to sklearn.Ridge.alpha --fact rows=3", "'rows' is no fact that a conversion can use"),
        ("1 --from decay --to sklearn.Ridge.alpha --fact noise_std=x", "noise_std must be"),
        ("1 --from sklearn.Ridge.alpha --to decay --l1-ratio 0.5 --n-samples 9", "is all L2"),
    ],
)
def test_what_cannot_be_converted_is_one_sentence(words: str, told: str, run: Run) -> None:
    done = run("convert", *words.split())
    assert (done.code, done.out, done.err.count("\n")) == (2, "", 1), "no data are involved: the call is wrong"
    assert done.err.startswith("weightdecay: ") and told in done.err
    assert "pass " not in done.err


def test_what_is_all_l1_is_told(run: Run) -> None:
    lines = run("convert", "0.5", "--from", "sklearn.Lasso.alpha", "--to", "decay").out.splitlines()
    assert lines[:2] == ["0.5", "l1_ratio = 1.0 (all L1)"]


@pytest.mark.parametrize("word", ["-1", "-.5", "-1e-3", "-inf"])
@pytest.mark.parametrize("before", [True, False])
def test_a_negative_value_is_told_what_is_wrong_with_it(word: str, before: bool, run: Run) -> None:
    names = ("--from", "decay", "--to", "decay")
    done = run("convert", *((word, *names) if before else (*names, word)))
    assert (done.code, done.out) == (2, "")
    assert done.err == f"weightdecay: value must be at least 0, got {float(word)!r}: decay is the strength of a decay\n"


def test_the_list_as_json_is_one_object(run: Run) -> None:
    done = run("convert", "--list", "--json")
    assert (done.code, done.err, done.out.count("\n")) == (0, "", 1)
    told = json.loads(done.out)["conventions"]
    assert [one["name"] for one in told] == [one.name for one in wd.conventions()]
    for one, convention in zip(told, wd.conventions(), strict=True):
        assert one["needs"] == list(convention.needs) and one["to_decay"] == convention.to_decay


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("", "give a VALUE with --from and --to, or --list"),
        ("1 --from decay", "give a VALUE with --from and --to, or --list"),
        ("one --from decay --to decay", "VALUE"),
        ("1 --from decay --to decay --l1-ratio 2", "--l1-ratio"),
        ("1 --from decay --to decay --fact mse", "'mse' is not NAME=VALUE"),
        ("1 --from decay --to decay --fact loss=", "'loss=' is not NAME=VALUE"),
        ("1 --from decay --to decay --n-samples 5 --fact n_samples=6", "n_samples is given twice"),
        ("1 --from decay --to decay --rows 5", "--rows"),
    ],
)
def test_a_wrong_call_of_convert(words: str, told: str, run: Run) -> None:
    done = run("convert", *words.split())
    assert (done.code, done.out) == (2, "") and told in done.err
