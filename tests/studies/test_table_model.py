"""`TableModel`: predictions of raw tables are those of the same work done by hand."""

from __future__ import annotations

import copy
import json
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.metrics import r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import weightdecay as wd
from studies.file_parts import craft, parts, same_bits, same_models
from weightdecay.tables.encoder import encode

DECAY = 0.3


def table(n: int = 60, seed: int = 0) -> tuple[pl.DataFrame, np.ndarray]:
    """A number with gaps, one without, and two categories, one with gaps; and a target."""
    rng = np.random.default_rng(seed)
    island = rng.choice(["Biscoe", "Dream", "Torgersen"], n)
    sex = rng.choice(["f", "m"], n, p=[0.7, 0.3])
    bill, mass = rng.normal(40, 5, n), rng.normal(4000, 800, n)
    y = 0.2 * bill + mass / 400 + 3.0 * (island == "Dream") - (sex == "m") + rng.normal(0, 1, n)
    frame = pl.DataFrame({"island": island, "bill": bill, "sex": sex, "mass": mass})
    gaps = rng.random((2, n)) < 0.15
    frame = frame.with_columns(
        bill=pl.Series(bill).set(pl.Series(gaps[0]), None), sex=pl.Series(sex).set(pl.Series(gaps[1]), None)
    )
    return frame, y


def fitted(frame: Any, y: np.ndarray, target: str = "flipper", **settings: Any) -> wd.TableModel:
    """A model of a table."""
    encoder, encoded = encode(frame)
    estimator = wd.LinearRegression(**{"decay": DECAY, **settings}).fit(encoded.matrix, y)
    return wd.TableModel(estimator, encoder, target)


@pytest.fixture
def model() -> wd.TableModel:
    return fitted(*table())


def by_sklearn(frame: pl.DataFrame, y: np.ndarray, new: pl.DataFrame) -> np.ndarray:
    """Predictions by scikit-learn alone: medians and modes, one column for each level, flags, ridge at λ·n."""
    plain = make_pipeline(
        SimpleImputer(strategy="most_frequent", missing_values=None), OneHotEncoder(handle_unknown="ignore")
    )
    flags = [("flag", "passthrough", ["sex_flag"])]
    numbers = SimpleImputer(strategy="median", add_indicator=True)
    columns = ColumnTransformer([("numbers", numbers, ["bill", "mass"]), ("texts", plain, ["island", "sex"]), *flags])
    pipeline = make_pipeline(columns, StandardScaler(), Ridge(alpha=DECAY * len(y), solver="svd"))

    def pandas(one: pl.DataFrame) -> pd.DataFrame:
        made = pd.DataFrame({name: pd.Series(one[name].to_list(), dtype=object) for name in ("island", "sex")})
        made[["bill", "mass"]] = one[["bill", "mass"]].to_numpy()
        return made.assign(sex_flag=one["sex"].is_null().to_numpy().astype(float))

    return np.asarray(pipeline.fit(pandas(frame), y).predict(pandas(new)))


def test_new_rows_are_predicted_as_scikit_learn_would(model: wd.TableModel) -> None:
    frame, y = table()
    new = table(40, seed=1)[0].with_columns(
        island=pl.when(pl.int_range(40) % 5 == 0).then(pl.lit("Madagascar")).otherwise("island")
    )
    predictions, notes = model.predict_with_notes(new)
    assert np.allclose(predictions, by_sklearn(frame, y, new), rtol=1e-10)
    assert len(notes) == 1 and "'island'" in notes[0] and "'Madagascar'" in notes[0] and "8 rows" in notes[0]
    with pytest.warns(wd.NewRowsWarning, match="'Madagascar'; 8 rows") as warned:
        assert same_bits(model.predict(new), predictions)
    assert [one.filename for one in warned] == [__file__]  # it points at who asked


def test_columns_go_by_name_and_others_are_ignored(model: wd.TableModel) -> None:
    frame = table()[0]
    plain = model.predict(frame)
    more = frame.with_columns(flipper=pl.lit(1.0), note=pl.lit("x"))[
        ["note", "mass", "sex", "flipper", "bill", "island"]
    ]
    assert same_bits(model.predict(more), plain)  # without a warning: nobody minds a target that is still there
    predictions, notes = model.predict_with_notes(more)
    assert same_bits(predictions, plain)
    assert len(notes) == 1 and "'note'" in notes[0] and "'flipper'" in notes[0] and "ignored" in notes[0]


def test_pandas_and_polars_give_the_same(model: wd.TableModel) -> None:
    frame = table(30, seed=2)[0]
    pandas = pd.DataFrame({name: frame[name].to_list() for name in reversed(frame.columns)})
    assert same_bits(model.predict(pandas), model.predict(frame))
    assert same_bits(model.predict(pandas.assign(y=1.0)[:1]), model.predict(frame[:1]))


def test_names_of_several_levels_are_those_of_the_encoder() -> None:
    frame, y = table()
    pandas = pd.DataFrame({("big", "mass"): frame["mass"].to_list(), ("big", "island"): frame["island"].to_list()})
    model = fitted(pandas, y)
    assert model.feature_names_in_.tolist() == ["big mass", "big island"]
    assert same_bits(model.predict(pandas), fitted(frame[["mass", "island"]], y).predict(frame))


def test_gaps_that_training_had_not_are_told(model: wd.TableModel) -> None:
    frame = table()[0].with_columns(mass=pl.lit(None, dtype=pl.Float64))
    with pytest.warns(wd.NewRowsWarning, match="'mass' has no value in 60 rows"):
        model.predict(frame)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", wd.NewRowsWarning)
        model.predict(frame)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda frame: frame.drop("bill"), "column 'bill' is not in the table"),
        (lambda frame: pd.DataFrame(frame.drop("bill").to_dicts()), "column 'bill' is not in the table"),
        (lambda frame: frame.with_columns(mass=pl.lit("heavy")), "'heavy'"),
        (lambda frame: frame.lazy(), "LazyFrame, which holds no rows yet"),
        (lambda frame: frame.to_numpy(), "is a ndarray; give a pandas or polars DataFrame"),
    ],
)
def test_a_table_that_does_not_fit_is_a_sentence(model: wd.TableModel, change: Any, told: str) -> None:
    for predict in (model.predict, model.predict_with_notes):
        with pytest.raises(ValueError, match=told):
            predict(change(table()[0]))


def test_what_people_look_for_is_there(model: wd.TableModel) -> None:
    assert model.feature_names_in_.tolist() == ["island", "bill", "sex", "mass"] and model.n_features_in_ == 4
    names = model.get_feature_names_out().tolist()
    assert {"bill", "bill is missing", "island = Dream", "sex = f", "sex is missing", "mass"} == set(names) - {
        "island = Biscoe",
        "island = Torgersen",
        "sex = m",
    }
    assert model.coef_.shape == (len(names),) and model.coef_ is model.estimator.coef_
    assert (model.decay_, model.intercept_, model.tuning_) == (DECAY, model.estimator.intercept_, None)
    frame, y = table(50, seed=4)
    weight = np.arange(50.0)
    assert model.score(frame, y) == pytest.approx(r2_score(y, model.predict(frame)), rel=1e-12)
    assert model.score(frame, y, weight) == pytest.approx(r2_score(y, model.predict(frame), sample_weight=weight))
    assert model.score(frame, y) > 0.5


def test_the_repr_is_short_whatever_the_names(model: wd.TableModel) -> None:
    assert repr(model) == "TableModel(LinearRegression of 'flipper' from 4 columns)"
    frame, y = table()
    hostile = repr(fitted(frame[["mass"]], y, target="\x1b[31m\n" + "x" * 1000))
    assert hostile.isprintable() and len(hostile) < 120 and hostile.endswith("from 1 column)")
    assert repr(fitted(frame, y, target="")) == "TableModel(LinearRegression from 4 columns)"


def test_an_encoder_of_other_columns_is_refused() -> None:
    frame, y = table()
    encoder, encoded = encode(frame)
    estimator = wd.LinearRegression(decay=1.0).fit(encoded.matrix[:, 1:], y)
    with pytest.raises(ValueError, match=r"the encoder makes 9 columns, but the estimator was fitted on 8"):
        wd.TableModel(estimator, encoder)


@pytest.mark.parametrize("estimator", [wd.LinearRegression(decay=0.1), Ridge(alpha=6.0)], ids=str)
def test_estimators_that_know_names_are_not_asked_for_them(estimator: Any) -> None:
    frame, y = table()
    encoder, encoded = encode(frame)
    named = pd.DataFrame(encoded.matrix, columns=list(encoder.names))
    model = wd.TableModel(copy.deepcopy(estimator).fit(named, y), encoder)
    assert np.allclose(model.predict(frame), model.estimator.predict(named), rtol=1e-12)
    assert model.estimator.feature_names_in_.tolist() == list(encoder.names)  # it keeps its own


def test_several_targets() -> None:
    frame, y = table()
    model = fitted(frame, np.stack([y, -y, y**2], axis=1))
    assert model.predict(frame).shape == (60, 3) and model.coef_.shape == (3, 9)


def test_text_columns_make_a_sparse_matrix() -> None:
    notes = ["red wine and bread", "white wine", "bread and butter", "red bread", "butter wine", "white bread wine"]
    frame, y = pl.DataFrame({"note": notes, "size": np.arange(6.0)}), np.arange(6.0)
    encoder, encoded = encode(frame, text=["note"])
    model = wd.TableModel(wd.LinearRegression(decay=0.1).fit(encoded.matrix, y), encoder)
    assert np.allclose(model.predict(frame), encoded.matrix @ model.coef_ + model.intercept_, rtol=1e-12)


@pytest.mark.parametrize("settings", [{}, {"decay": "auto", "cv": 5}, {"decay_weights": np.arange(9.0)}])
def test_a_saved_table_model_predicts_bit_for_bit(settings: dict[str, Any], tmp_path: Path) -> None:
    frame, y = table()
    model = fitted(frame, y, target="\u202eflipper, \"'=1+1", **settings)
    back = wd.load(wd.save(model, tmp_path / "model.wd"))
    assert type(back) is wd.TableModel and same_models(back.estimator, model.estimator)
    assert (back.encoder, back.target) == (model.encoder, model.target)
    new = table(200, seed=5)[0].with_columns(sex=pl.lit("?"), extra=pl.lit(1))
    for one, other in zip(back.predict_with_notes(new), model.predict_with_notes(new), strict=True):
        assert same_bits(one, other) if isinstance(one, np.ndarray) else one == other
    assert back.tuning_ == model.tuning_


def test_a_table_model_around_another_estimator_is_not_saved(tmp_path: Path) -> None:
    frame, y = table()
    encoder, encoded = encode(frame)
    with pytest.raises(ValueError, match="was given Ridge"):
        wd.save(wd.TableModel(Ridge().fit(encoded.matrix, y), encoder), tmp_path / "model.wd")
    assert not any(tmp_path.iterdir())


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path to every place in nested lists and dictionaries."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, one in inside for place in places(one, (*path, key)))]


BAD = (None, True, -1, 0.5, 1e400, "", "x", [], [[]], {}, {"a": 1}, [1, 2], 2**70, -0.0, "1" * 50, ["x"] * 3)


def test_a_crafted_encoding_is_a_sentence_or_a_model(tmp_path: Path) -> None:
    frame, y = table()
    days = pl.Series(["2020-01-15", "2021-06-01", "2022-03-03"] * 20)
    file = wd.save(fitted(frame.with_columns(day=days), y), tmp_path / "model.wd")
    document, arrays = parts(file)
    rng = np.random.default_rng(0)
    everywhere = places(document)[1:]
    told = 0
    for _ in range(500):
        changed = copy.deepcopy(document)
        path = everywhere[rng.integers(len(everywhere))]
        inside = changed
        for key in path[:-1]:
            inside = inside[key]
        if rng.random() < 0.2:
            del inside[path[-1]]
        else:
            inside[path[-1]] = BAD[rng.integers(len(BAD))]
        try:
            text = json.dumps(changed, allow_nan=False)
        except ValueError:
            text = ""
        if not text:
            continue
        craft(file, changed, arrays)
        try:
            wd.load(file)
        except ValueError as error:
            assert "\n" not in str(error) and len(str(error)) < 1000, path
            told += 1
    assert told > 200
