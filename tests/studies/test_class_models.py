"""Classifiers of tables and in files: labels and probabilities come back as they were, in the types that they had."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import weightdecay as wd
from studies.file_parts import craft, parts, same_bits, same_models

LABELS: dict[str, np.ndarray] = {
    "texts": np.array(["no", "yes"]),
    "texts as objects": np.array(["a, b", "\U0001f333", "\x1b[31m"], dtype=object),
    "long texts": np.array(["x" * 5, "y" * 300]),
    "half a letter": np.array(["\ud800", "a"], dtype=object),
    "whole numbers": np.array([-1, 1]),
    "small whole numbers": np.array([0, 1, 5], dtype=np.int8),
    "large whole numbers": np.array([0, 2**63], dtype=np.uint64),
    "truth values": np.array([False, True]),
    "floats": np.array([0.0, 1.0, 1e10]),
    "small floats": np.array([1.0, 2.0], dtype=np.float32),
}


def table(n: int = 90, seed: int = 0, k: int = 3) -> tuple[pl.DataFrame, np.ndarray]:
    """A category and a number with gaps, one without, and the codes of classes."""
    rng = np.random.default_rng(seed)
    island, bill, mass = rng.choice(["Biscoe", "Dream"], n), rng.normal(40, 5, n), rng.normal(4000, 800, n)
    code = np.digitize(bill + 3 * (island == "Dream") + rng.normal(0, 4, n), np.linspace(36, 46, k + 1)[1:-1])
    frame = pl.DataFrame({"island": island, "bill": bill, "mass": mass})
    return frame.with_columns(bill=pl.when(pl.int_range(n) % 9 == 4).then(None).otherwise("bill")), code


def in_pandas(frame: pl.DataFrame) -> pd.DataFrame:
    """The same frame in the other package."""
    return pd.DataFrame({name: frame[name].to_list() for name in frame.columns})


def tuned(labels: np.ndarray, **settings: Any) -> tuple[wd.Tuning, pl.DataFrame, np.ndarray]:
    """A table's classes tuned at one decay."""
    frame, code = table(k=len(labels))
    estimator = wd.LogisticRegression(decays=[0.05], cv=3, **settings)
    return wd.tune(estimator, frame, labels[code]), frame, labels[code]


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_a_classifier_comes_back_as_it_was(labels: np.ndarray, tmp_path: Path) -> None:
    frame, code = table(k=len(labels))
    X = in_pandas(frame[["mass"]]).assign(other=np.sin(np.arange(len(code))) + code)
    model = wd.LogisticRegression(decay=0.1).fit(X, labels[code])
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert type(back) is wd.LogisticRegression and same_models(model, back)
    assert back.classes_.dtype == model.classes_.dtype and back.classes_.tolist() == model.classes_.tolist()
    assert same_bits(back.predict_proba(X), model.predict_proba(X))
    found, due = back.predict(X), model.predict(X)
    assert found.dtype == due.dtype == labels.dtype and found.tolist() == due.tolist()
    assert same_bits(back.fit(X, labels[code]).coef_, model.coef_)


@pytest.mark.parametrize(
    "weight",
    ["balanced", {0: 1.0, 3: 2.5}, {np.int64(3): 2}, None],
    ids=str,
)
def test_class_weights_come_back(weight: Any, tmp_path: Path) -> None:
    frame, code = table(k=2)
    X, y = frame[["mass"]].to_numpy(), 3 * code
    model = wd.LogisticRegression(decay=0.1, class_weight=weight).fit(X, y)
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert back.class_weight == weight and same_bits(back.fit(X, y).coef_, model.coef_)


@pytest.mark.parametrize("name", ["texts", "texts as objects", "truth values"])
def test_a_table_of_classes_comes_back_with_its_tuning(name: str, tmp_path: Path) -> None:
    tuning, frame, y = tuned(LABELS[name])
    back = wd.load(wd.save(tuning, tmp_path / "model.wd"))
    assert isinstance(back, wd.TableModel) and back.tuning_ == tuning
    assert same_bits(back.predict_proba(frame), tuning.model.predict_proba(frame))
    assert back.predict(frame).tolist() == tuning.model.predict(frame).tolist()
    assert back.classes_.tolist() == sorted(LABELS[name].tolist())
    assert back.score(frame, y) == np.mean(back.predict(frame) == y) > 0.5


def test_probabilities_of_a_table_are_scikit_learns() -> None:
    frame, code = table()
    frame = frame.with_columns(pl.col("bill").fill_null(40.0))
    y = np.array(["low", "middle", "top"])[code]
    model = wd.tune(wd.LogisticRegression(), frame, y, decays=[0.05], cv=3).model
    columns = ColumnTransformer([("k", OneHotEncoder(), ["island"])], remainder="passthrough")
    solver = LogisticRegression(C=1 / (0.05 * len(y)), solver="newton-cholesky", tol=1e-12)
    other = make_pipeline(columns, StandardScaler(), solver).fit(in_pandas(frame), y)
    new = table(40, seed=3)[0].with_columns(pl.col("bill").fill_null(41.0))
    np.testing.assert_allclose(model.predict_proba(new), other.predict_proba(in_pandas(new)), rtol=1e-7)
    assert model.predict(new).tolist() == other.predict(in_pandas(new)).tolist()
    assert model.score(new, other.predict(in_pandas(new))) == 1.0


def test_what_the_rows_lack_is_told_with_probabilities_too() -> None:
    tuning, frame, _ = tuned(LABELS["texts"])
    new = frame.with_columns(island=pl.lit("Mars"), note=pl.lit("x"))
    with pytest.warns(wd.NewRowsWarning, match="Mars"):
        probabilities = tuning.model.predict_proba(new)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again, notes = tuning.model.predict_proba_with_notes(new)
        labels, told = tuning.model.predict_with_notes(new)
    assert same_bits(probabilities, again) and notes == told and any("'note'" in note for note in notes)
    assert labels.tolist() == tuning.model.classes_[again.argmax(axis=1)].tolist()


def test_models_of_numbers_have_no_probabilities() -> None:
    frame, code = table()
    model = wd.tune(wd.LinearRegression(), frame, code * 1.0, decays=[0.1]).model
    for name in ("predict_proba", "predict_proba_with_notes", "classes_"):
        assert not hasattr(model, name)
    assert model.score(frame, code * 1.0) < 1


@pytest.mark.parametrize("given", [pd.Series, pl.Series, list, np.asarray])
def test_labels_may_come_in_any_form(given: Any) -> None:
    frame, code = table(k=2)
    labels = np.array(["no", "yes"], dtype=object)[code]
    due = wd.tune(wd.LogisticRegression(), frame, labels, decays=[0.1], cv=3)
    found = wd.tune(wd.LogisticRegression(), frame, given(labels.tolist()), decays=[0.1], cv=3)
    np.testing.assert_array_equal(found.losses, due.losses)
    assert found.classes == ("no", "yes") and found.model.classes_.tolist() == ["no", "yes"]


def test_a_category_of_pandas_is_classes() -> None:
    frame, code = table(k=2)
    labels = pd.Categorical.from_codes(code, ["zebra", "ant"])
    tuning = wd.tune(wd.LogisticRegression(), in_pandas(frame), pd.Series(labels, name="kind"), decays=[0.1], cv=3)
    assert tuning.classes == ("ant", "zebra") and tuning.target_names == ("kind",)


def test_a_table_of_numbers_becomes_classes_for_a_classifier(tmp_path: Path) -> None:
    frame, code = table(k=2)
    frame.with_columns(y=pl.Series(code + 1)).write_csv(tmp_path / "data.csv")
    table_ = wd.read(tmp_path / "data.csv", "y")
    assert table_.target_kind == "number" and table_.classes == () and table_.like_classes == (1.0, 2.0)
    tuning = wd.tune(wd.LogisticRegression(), table_, decays=[0.1], cv=3)
    assert tuning.classes == ("1", "2") and tuning.model.classes_.dtype == np.int64
    assert "target 'y' of 2 classes" in repr(table_.as_classes())
    assert wd.tune(LogisticRegression(), table_, decays=[0.1], cv=3).classes == ("1", "2")
    assert wd.tune(wd.LinearRegression(), table_, decays=[0.1], cv=3).classes == ()
    amounts = wd.read(tmp_path / "data.csv", "mass")
    with pytest.raises(ValueError, match="every row would be a class of its own; predict it as a number"):
        wd.tune(wd.LogisticRegression(), amounts)


def test_a_regression_refuses_a_table_of_classes(tmp_path: Path) -> None:
    frame, code = table(k=2)
    frame.with_columns(y=pl.Series(["no", "yes"]).gather(code)).write_csv(tmp_path / "data.csv")
    with pytest.raises(ValueError, match=r"is of classes \('no', 'yes'\), and LinearRegression predicts numbers; tune"):
        wd.tune(wd.LinearRegression(), wd.read(tmp_path / "data.csv", "y"))
    frame.with_columns(y=pl.Series(code == 1)).write_csv(tmp_path / "data.csv")
    with pytest.raises(ValueError, match="or read it with classes=False"):
        wd.path(wd.LinearRegression(), wd.read(tmp_path / "data.csv", "y"))
    assert wd.path(wd.LinearRegression(), wd.read(tmp_path / "data.csv", "y", classes=False)).coef.shape[1] > 1


@pytest.mark.parametrize(
    ("labels", "told"),
    [
        (np.array(["2024-01-01", "2024-01-02"], dtype="datetime64[D]"), "has classes of type datetime64"),
        (np.array([b"a", b"b"]), "has classes of type bytes"),
    ],
)
def test_labels_that_no_file_keeps_are_a_sentence(labels: np.ndarray, told: str, tmp_path: Path) -> None:
    model = wd.LogisticRegression(decay=0.1).fit([[0.0], [1.0], [2.0]], [0, 1, 1])
    model.classes_ = labels
    with pytest.raises(ValueError, match=told):
        wd.save(model, tmp_path / "model.wd")
    assert not list(tmp_path.iterdir())


def changed(document: dict[str, Any], **values: Any) -> dict[str, Any]:
    """A document whose estimator has other classes."""
    return {**document, "estimator": {**document["estimator"], **values}}


CRAFTED: list[tuple[dict[str, Any], str]] = [
    ({"classes": None}, "LogisticRegression without classes"),
    ({"class": "LinearRegression"}, "does not know"),
    ({"class": "Forest"}, "does not know"),
    ({"class": 3}, "has class of type int where str is due"),
    ({"classes": ["no", "yes"]}, "in no known form"),
    ({"classes": {"type": "<U3", "labels": ["yes", "no"]}}, "not in order"),
    ({"classes": {"type": "<U3", "labels": ["no"]}}, "fewer than two"),
    ({"classes": {"type": "<U3", "labels": ["a", "a"]}}, "not in order"),
    ({"classes": {"type": "<U3", "labels": ["no", 1]}}, "not of their type"),
    ({"classes": {"type": "<U1", "labels": ["no", "yes"]}}, "not in order, or not of their type"),
    ({"classes": {"type": "<U3", "labels": ["a", "b", "c"]}}, "do not go with 3 classes"),
    ({"classes": {"type": "int8", "labels": [1, 1000]}}, "classes that are none of 'int8'|not of their type"),
    ({"classes": {"type": "int64", "labels": [0, True]}}, "not of their type"),
    ({"classes": {"type": "float64", "labels": [0.0, "inf"]}}, "not of their type"),
    ({"classes": {"type": "O8", "labels": ["a", "b"]}}, "not of their type"),
    ({"classes": {"type": "<U99999999", "labels": ["a", "b"]}}, "not of their type"),
]


@pytest.mark.parametrize(("values", "told"), CRAFTED)
def test_a_crafted_file_is_refused_where_it_is_wrong(values: dict[str, Any], told: str, tmp_path: Path) -> None:
    model = wd.LogisticRegression(decay=0.1).fit([[0.0], [1.0], [2.0]], ["no", "yes", "yes"])
    file = wd.save(model, tmp_path / "model.wd")
    document, arrays = parts(file)
    assert document["estimator"] == {"class": "LogisticRegression", "classes": {"type": "<U3", "labels": ["no", "yes"]}}
    with pytest.raises(wd.ModelFileError, match=told):
        wd.load(craft(tmp_path / "other.wd", changed(document, **values), arrays))


@pytest.mark.parametrize("decay", [0.1, "auto"])
def test_a_regression_of_counts_comes_back_as_it_was(decay: Any, tmp_path: Path) -> None:
    frame, code = table()
    X = in_pandas(frame[["mass"]]) / 1000
    model = wd.PoissonRegression(decay=decay, decays=[0.01, 0.1], cv=3).fit(X, code)
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert type(back) is wd.PoissonRegression and same_models(model, back)
    assert same_bits(back.predict(X), model.predict(X)) and not hasattr(back, "classes_")
    tuning = wd.tune(wd.PoissonRegression(), frame, code, decays=[0.1], cv=3)
    of_table = wd.load(wd.save(tuning, tmp_path / "table.wd"))
    assert same_bits(of_table.predict(frame), tuning.model.predict(frame)) and (of_table.predict(frame) > 0).all()
    assert not hasattr(of_table, "predict_proba")
    document, arrays = parts(tmp_path / "table.wd")
    with pytest.raises(wd.ModelFileError, match="PoissonRegression with classes"):
        wd.load(
            craft(tmp_path / "other.wd", changed(document, classes={"type": "bool", "labels": [False, True]}), arrays)
        )


@pytest.mark.parametrize("kind", [wd.LogisticRegression, wd.PoissonRegression])
def test_at_the_end_of_a_pipeline_they_are_refitted_alike(kind: Any) -> None:
    frame, code = table(k=2)
    X, y = frame[["mass"]].with_columns(wave=pl.Series(np.sin(np.arange(len(code))) + code)).to_numpy(), code
    due = wd.tune(kind(), X, y, decays=[0.01, 0.1], cv=4)
    found = wd.tune(make_pipeline(StandardScaler(), kind()), X, y, decays=[0.01, 0.1], cv=4)
    np.testing.assert_allclose(found.losses, due.losses, rtol=1e-7)
    assert found.classes == due.classes and found.scoring == due.scoring


def test_a_file_of_a_regression_is_as_it_was(tmp_path: Path) -> None:
    """No version that knows regressions alone is to take a classifier for one: the file has what it does not know."""
    model = wd.LinearRegression(decay=0.1).fit([[0.0], [1.0], [2.0]], [0.0, 1.0, 3.0])
    document, _ = parts(wd.save(model, tmp_path / "model.wd"))
    assert "estimator" not in document and "classes" not in json.dumps(document["fitted"])
