"""Frames with text, gaps and dates, and tables from files, through `tune` and `path`."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold
from sklearn.pipeline import Pipeline

import weightdecay as wd
from laws.honest_tables import honest_losses, pipeline, raw_table

DECAYS = np.array([1e-3, 0.1, 3.0])


def as_polars(frame: pd.DataFrame) -> pl.DataFrame:
    return pl.DataFrame({name: pl.Series([None if one != one else one for one in frame[name]]) for name in frame})


@pytest.mark.parametrize("kind", ["pandas", "categories", "polars"])
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_of_frames_are_those_of_honest_refits(kind: str, weighted: bool) -> None:
    """The very encoding of the package, weights, whole groups and a level in one fold only."""
    n = 300
    frame, y = raw_table(n)
    weight, groups = None, np.random.default_rng(2).integers(0, 14, n)
    if weighted:
        weight = np.random.default_rng(1).uniform(0.2, 3.0, n)
        weight[5::17] = 0.0
    splits = list(GroupKFold(4).split(y, y, groups))
    S = float(n if weight is None else weight.sum())
    honest = honest_losses(frame, y, DECAYS * S, splits, weight)
    given: Any = frame
    if kind == "categories":
        given = frame.astype({"kind": "category", "site": "category"})
    elif kind == "polars":
        given = as_polars(frame)
    tuning = wd.tune(wd.LinearRegression(), given, y, decays=DECAYS, cv=splits, sample_weight=weight)
    np.testing.assert_allclose(tuning.losses, honest, rtol=1e-9)
    if weight is None:
        best = pipeline(frame, tuning.decay * n).fit(frame, y)
        np.testing.assert_allclose(tuning.model.predict(given), best.predict(frame), rtol=1e-7)


def test_a_plan_tells_what_became_of_every_column() -> None:
    frame, y = raw_table(200)
    frame["id"] = [f"row {i}" for i in range(200)]
    frame["nothing"] = None
    tuning = wd.tune(wd.LinearRegression(), frame, y)
    kinds = {one.name: one.kind for one in tuning.plan}
    assert kinds == {
        **{f"x{j}": "number" for j in range(4)},
        **{"kind": "category", "site": "category", "id": "dropped", "nothing": "dropped"},
    }
    assert [name for one in tuning.plan for name in one.made] == list(tuning.columns)
    assert tuning.cv == "10 folds"
    codes = {one.code: one for one in tuning.findings}
    assert "WD015" in codes and "'id'" in codes["WD015"].message
    assert "WD005" not in codes and "WD014" not in codes  # that levels sum to 1 is no news
    assert wd.Tuning.from_json(tuning.to_json()) == tuning


def test_many_gaps_are_told() -> None:
    frame, y = raw_table(200)
    assert "WD017" not in {one.code for one in wd.tune(wd.LinearRegression(), frame.drop(columns="x0"), y).findings}
    frame.loc[:80, "x1"] = np.nan
    found = {one.code: one.message for one in wd.tune(wd.LinearRegression(), frame, y).findings}
    assert found["WD017"].startswith("many values are missing: 'x1' 40 %")


def test_frames_of_numbers_keep_their_old_way() -> None:
    frame, y = raw_table(100)
    numbers = frame[["x1", "x3"]]
    one, other = (wd.tune(wd.LinearRegression(), data, y) for data in (numbers, numbers.to_numpy()))
    np.testing.assert_array_equal(one.mean, other.mean)
    assert one.plan == () and one.cv.startswith("leave-one-out") and isinstance(one.model, wd.LinearRegression)


def test_a_table_brings_everything(tmp_path: Path) -> None:
    frame, y = raw_table(120)
    frame["y"], frame["w"], frame["g"] = y, 1.0 + np.arange(120) % 3, [f"g{i % 7}" for i in range(120)]
    file = tmp_path / "table.csv"
    frame.to_csv(file, index=False)
    table = wd.read(file, "y", weight="w", group="g")
    tuning = wd.tune(wd.LinearRegression(), table, cv=4)
    raw = frame.drop(columns=["y", "w", "g"])
    same = wd.tune(wd.LinearRegression(), raw, y, cv=4, sample_weight=frame["w"].to_numpy(), groups=frame["g"])
    np.testing.assert_allclose(tuning.losses, same.losses, rtol=1e-12)
    assert tuning.target_names == ("y",) and tuning.source == str(file) and tuning.plan
    with pytest.raises(ValueError, match="y is given beside a Table"):
        wd.tune(wd.LinearRegression(), table, y)
    with pytest.raises(ValueError, match="y is None; expected one value per row, unless X is a Table"):
        wd.tune(wd.LinearRegression(), raw)
    path = wd.path(wd.LinearRegression(), table, decays=[0.1])
    assert path.columns == tuning.columns


def test_times_hold_out_later_rows(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    days = pd.date_range("2024-01-01", periods=90).to_numpy()[rng.permutation(90)]
    x = rng.standard_normal(90)
    frame = pd.DataFrame({"day": pd.Series(days).dt.strftime("%Y-%m-%d"), "x": x, "y": x + rng.standard_normal(90)})
    file = tmp_path / "days.csv"
    frame.to_csv(file, index=False)
    table = wd.read(file, "y", time="day", drop=["day"])
    tuning = wd.tune(wd.LinearRegression(), table, cv=3)
    assert tuning.cv == "3 folds by time"
    splits = wd.time_folds(days, 3)
    same = wd.tune(wd.LinearRegression(), frame[["x"]], frame["y"], cv=splits, decays=tuning.decays)
    np.testing.assert_allclose(tuning.losses, same.losses, rtol=1e-10)
    assert all(days[train].max() < days[test].min() for train, test in splits)
    with pytest.raises(ValueError, match="by later ones"):
        wd.tune(wd.LinearRegression(), table, cv="loo")


def test_foreign_estimators_are_refitted_with_the_encoding() -> None:
    frame, y = raw_table(150)
    splits = list(KFold(3, shuffle=True, random_state=0).split(y))
    tuning = wd.tune(Ridge(solver="svd"), frame, y, decays=DECAYS, cv=splits)
    honest = honest_losses(frame, y, DECAYS * 150, splits, standardize=False)
    np.testing.assert_allclose(tuning.losses, honest, rtol=1e-8)
    assert isinstance(tuning.model, Pipeline) and tuning.model.predict(frame[:2]).shape == (2,)


def test_words_of_texts() -> None:
    rng = np.random.default_rng(0)
    words = ["red", "green", "blue", "small", "large", "round"]
    notes = [" ".join(rng.choice(words, 5)) for _ in range(200)]
    y = np.array([note.count("red") - note.count("small") for note in notes]) + 0.1 * rng.standard_normal(200)
    frame = pd.DataFrame({"note": notes, "x": rng.standard_normal(200)})
    tuning = wd.tune(wd.LinearRegression(), frame, y, text=["note"])
    assert set(tuning.columns) == {"x", *(f"note: {word}" for word in words)}
    assert tuning.diagnostics is not None and tuning.diagnostics.r2 > 0.9
    named = dict(zip(tuning.diagnostics.columns, tuning.diagnostics.coef, strict=True))
    assert named["note: red"] > 0 > named["note: small"]
    assert tuning.model.predict(pd.DataFrame({"x": [0.0], "note": ["red unheard of"]})).shape == (1,)
    with pytest.raises(ValueError, match=r"text='note': expected a list"):
        wd.tune(wd.LinearRegression(), frame, y, text="note")


def test_weights_by_the_names_of_raw_columns() -> None:
    frame, y = raw_table(200)
    tuning = wd.tune(wd.LinearRegression(decay_weights={"kind": 0.0}), frame, y, decays=[10.0, 1e6])
    levels = [j for j, name in enumerate(tuning.columns) if name.startswith("kind = ")]
    others = [j for j, name in enumerate(tuning.columns) if not name.startswith("kind")]
    coef = tuning.path.coef[1]
    assert np.abs(coef[levels]).max() > 0.5 > 1e-3 > np.abs(coef[others]).max()


@pytest.mark.parametrize(
    ("times", "sentence"),
    [
        ([1.0, np.nan], "row 1"),
        ([datetime.date(2024, 1, 1), None], "row 1"),
        ([2, 2, 2], "same in all rows"),
        (["10", "9"], "holds '10', which has no place in time"),
        ([1, "a"], "has no place in time"),
        ([], "is empty"),
    ],
)
def test_times_that_cannot_be_are_told(times: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        wd.time_folds(times)


def test_time_folds_are_those_of_scikit_learn_where_times_ascend() -> None:
    from sklearn.model_selection import TimeSeriesSplit

    for mine, theirs in zip(wd.time_folds(np.arange(60), 5), TimeSeriesSplit(5).split(np.zeros(60)), strict=True):
        np.testing.assert_array_equal(mine[0], theirs[0])
        np.testing.assert_array_equal(mine[1], theirs[1])


def test_rows_of_no_weight_have_no_time(tmp_path: Path) -> None:
    """Folds by time are those of the other rows alone, however cv is given."""
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"t": np.arange(80.0), "x": rng.standard_normal(80), "w": (np.arange(80) >= 40).astype(float)})
    frame["y"] = frame["x"] + rng.standard_normal(80)
    whole, late = tmp_path / "whole.csv", tmp_path / "late.csv"
    frame.to_csv(whole, index=False)
    frame[40:].to_csv(late, index=False)
    tables = [wd.read(file, "y", time="t", weight="w") for file in (whole, late)]
    one, other = (wd.tune(wd.LinearRegression(), table, cv=np.int64(3), decays=[0.1, 1.0]) for table in tables)
    assert one.cv == other.cv == "3 folds by time"
    np.testing.assert_allclose(one.losses, other.losses, rtol=1e-9)
    with pytest.raises(ValueError, match="n_folds=True"):
        wd.tune(wd.LinearRegression(), tables[0], cv=True)


def test_gaps_of_rows_without_weight_are_not_many(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    a = [None] * 30 + rng.standard_normal(170).tolist()
    weight = np.r_[np.zeros(30), np.ones(170)]
    frame = pl.DataFrame({"a": a, "x": rng.standard_normal(200)})
    tuning = wd.tune(wd.LinearRegression(), frame, rng.standard_normal(200), sample_weight=weight)
    assert "WD017" not in {one.code for one in tuning.findings}


def test_foreign_estimators_take_columns_for_what_they_are_in_the_whole_table() -> None:
    """A fold without the only proof of what a column is has the same kinds, and new rows the same gaps."""
    n = 60
    x = np.random.default_rng(0).standard_normal(n)
    days = pd.date_range("2010-01-01", periods=n, freq="29D")
    dates = [f"{one:%m/%d/%Y}" if one.day <= 12 else f"{one:%m/12/%Y}" for one in days]
    dates[0], dates[1] = "12/25/2009", "12/26/2009"
    frame = pd.DataFrame({"x": x, "d": dates, "c": [["101", "202", "303"][i % 3] for i in range(n)]})
    frame["b"] = ["yes", "no"] * (n // 2)
    frame.loc[7, "b"], frame.loc[3, "c"] = "unknown", "044"
    y = x + np.arange(n) / 10
    splits = list(KFold(5).split(x))
    theirs = wd.tune(Ridge(solver="svd"), frame, y, cv=splits, decays=DECAYS)
    ours = wd.tune(wd.LinearRegression(standardize=False), frame, y, cv=splits, decays=DECAYS)
    np.testing.assert_allclose(theirs.losses, ours.losses, rtol=1e-6)


def test_foreign_models_remember_words_for_gaps(tmp_path: Path) -> None:
    x = np.random.default_rng(0).standard_normal(60)
    y = 3 * x
    x[::6] = -999
    file = tmp_path / "gaps.csv"
    pd.DataFrame({"x": x, "y": y}).to_csv(file, index=False)
    model = wd.tune(Ridge(), wd.read(file, "y", missing=["-999"]), cv=4).model
    one, other = model.predict(pd.DataFrame({"x": [-999.0, None]}))
    assert one == pytest.approx(other)
