"""Opening: what is no number is told by column, row and value, and arguments that cannot be in a sentence."""

from __future__ import annotations

import datetime
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import Ridge

import weightdecay as wd

N = 24
RNG = np.random.default_rng(0)
X = RNG.standard_normal((N, 2))
Y = X[:, 0] + RNG.standard_normal(N)
PANDAS = pd.DataFrame(X, columns=["a", "b"])
POLARS = pl.DataFrame(X, schema=["a", "b"])
COLOURS = ["red", "blue"] * (N // 2)
DAYS = [datetime.date(2020, 1, 1) + datetime.timedelta(days=day) for day in range(N)]
NO_NUMBER = "which is no number; wd.tune and wd.path encode frames of text and dates, or drop the column"
TEXT = f"column 'c' holds 'red' at row 0, {NO_NUMBER}"
DATE = "column 'c' holds 2020-01-01"
DATE_END = f"at row 0, {NO_NUMBER}"
BOTH = pytest.mark.parametrize("estimator", [wd.LinearRegression(), Ridge()], ids=["ours", "foreign"])


def told(call: Any, *arguments: Any, **more: Any) -> str:
    """The sentence of a refusal."""
    with pytest.raises(ValueError) as caught:
        call(*arguments, **more)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("column", "start", "end"),
    [
        (COLOURS, TEXT, ""),
        (pd.Series(COLOURS, dtype=object), TEXT, ""),
        (pd.Categorical(COLOURS), TEXT, ""),
        (pd.Series([pd.NA, 1.0, *COLOURS[2:]], dtype=object), TEXT.replace("row 0", "row 2"), ""),
        (
            pd.Series([pd.NA, 1.0] * (N // 2), dtype=object),
            "column 'c' is missing at row 0; wd.tune and wd.path fill gaps of frames in, or drop the rows",
            "",
        ),
        (["1.5"] * N, f"column 'c' holds '1.5' at row 0, {NO_NUMBER}", ""),
        (pd.date_range("2020", periods=N), DATE, DATE_END),
        (pd.DatetimeIndex([pd.NaT, *pd.date_range("2020", periods=N - 1)]), DATE, DATE_END.replace("row 0", "row 1")),
        (pd.date_range("2020", periods=N, tz="UTC"), DATE, DATE_END),
        (pd.period_range("2020", periods=N), DATE, DATE_END),
        (pd.to_timedelta(np.arange(N), unit="D"), "column 'c' holds 0 ", DATE_END),
    ],
)
def test_a_column_of_pandas_that_holds_no_numbers_is_told_by_fit(column: Any, start: str, end: str) -> None:
    sentence = told(wd.LinearRegression().fit, PANDAS.assign(c=column), Y)
    assert sentence.startswith(start) and sentence.endswith(end)


@pytest.mark.parametrize(
    ("column", "start"),
    [
        (pl.Series(COLOURS), TEXT),
        (pl.Series(COLOURS, dtype=pl.Categorical), TEXT),
        (pl.Series(COLOURS, dtype=pl.Enum(["red", "blue"])), TEXT),
        (pl.Series([None, *COLOURS[1:]]), TEXT.replace("'red' at row 0", "'blue' at row 1")),
        (pl.Series(DAYS), f"{DATE} {DATE_END}"),
        (pl.Series([[1.0, 2.0]] * N), f"column 'c' holds [1. 2.] at row 0, {NO_NUMBER}"),
    ],
)
def test_a_column_of_polars_that_holds_no_numbers_is_told_by_fit(column: Any, start: str) -> None:
    assert told(wd.LinearRegression().fit, POLARS.with_columns(c=column), Y).startswith(start)


@pytest.mark.parametrize(
    "frame",
    [
        PANDAS.assign(c=[1, 2] * (N // 2)),
        PANDAS.assign(c=pd.Categorical([1, 2] * (N // 2))),
        PANDAS.assign(c=pd.Series([1, 2] * (N // 2), dtype=object)),
        PANDAS.assign(c=pd.Series([1, 2] * (N // 2), dtype="Int64")),
        PANDAS.assign(c=[1, 2] * (N // 2)).astype(pd.SparseDtype("float64", 0.0)),
        POLARS.with_columns(c=pl.Series([1, 2] * (N // 2))),
        POLARS.with_columns(c=pl.Series([1, 2] * (N // 2)).cast(pl.Decimal(10, 2))),
    ],
)
def test_columns_of_numbers_of_any_kind_are_taken(frame: Any) -> None:
    expected = wd.LinearRegression(decay=1.0).fit(np.column_stack([X, [1.0, 2.0] * (N // 2)]), Y)
    np.testing.assert_allclose(wd.LinearRegression(decay=1.0).fit(frame, Y).coef_, expected.coef_, rtol=1e-12)


def test_truth_values_are_numbers_and_a_column_of_any_name_is_one() -> None:
    truths = [True, False] * (N // 2)
    for frame in (PANDAS.assign(collect=truths), POLARS.with_columns(collect=pl.Series(truths))):
        assert wd.LinearRegression(decay=1.0).fit(frame, Y).coef_.shape == (3,)


def test_two_columns_of_the_same_name_are_told_apart() -> None:
    twice = pd.concat([PANDAS.rename(columns={"b": "c"}), pd.DataFrame({"c": COLOURS})], axis=1)
    assert told(wd.LinearRegression().fit, twice, Y).startswith(TEXT)
    assert "'c'" in told(wd.tune, wd.LinearRegression(), twice, Y)


@pytest.mark.parametrize(
    "table",
    [[[1.0, "red"]] * N, np.array([[1.0, "red"]] * N, dtype=object), np.array([["1", "red"]] * N)],
    ids=["lists", "objects", "texts"],
)
def test_text_in_an_array_is_told(table: Any) -> None:
    assert told(wd.tune, wd.LinearRegression(), table, Y) == (
        "column 'x1' holds 'red' at row 0, which is no number; give a data frame to wd.tune, which encodes text, or "
        "drop the column"
    )


@BOTH
def test_a_lazy_frame_is_to_be_collected(estimator: Any) -> None:
    target = pl.DataFrame({"y": Y}).lazy()
    for verb in (wd.tune, wd.path):
        assert told(verb, estimator, POLARS.lazy(), Y) == (
            "X is a LazyFrame, which holds no rows yet; give X.collect()"
        )
        assert told(verb, estimator, POLARS, target) == "y is a LazyFrame, which holds no rows yet; give y.collect()"


@BOTH
@pytest.mark.parametrize(
    ("y", "value"),
    [
        (COLOURS, "'red' in row 0"),
        (pd.Series(COLOURS, name="colour"), "'red' in row 0"),
        (pd.Series(COLOURS, dtype="category"), "'red' in row 0"),
        (pl.Series(COLOURS), "'red' in row 0"),
        (pd.DataFrame({"u": Y, "v": COLOURS}), "'red' in row 0 of target 1"),
        (np.array([*Y[:-1], "?"], dtype=object), f"'?' in row {N - 1}"),
        (pl.Series(DAYS), "2020-01-01 in row 0"),
        (np.array(DAYS, dtype="M8[ns]"), "2020-01-01T00:00:00.000000000 in row 0"),
    ],
)
def test_a_target_that_holds_no_numbers_is_told(estimator: Any, y: Any, value: str) -> None:
    kind = type(estimator).__name__
    assert told(wd.tune, estimator, X, y) == (
        f"y is {value}, but {kind} is a regressor; give numbers, or tune a classifier such as LogisticRegression"
    )


@BOTH
def test_a_missing_target_among_objects_is_told(estimator: Any) -> None:
    sentence = told(wd.tune, estimator, X, np.array([Y[0], None, *Y[2:-1], None], dtype=object))
    assert sentence == "y is None in row 1 and 1 more places; drop these rows or give them a value"


@pytest.mark.parametrize(
    ("parameters", "sentence"),
    [
        ({"standardize": "yes"}, "standardize='yes': expected True or False"),
        ({"fit_intercept": None}, "fit_intercept=None: expected True or False"),
        (
            {"decay_weights": {"lry": 0}},
            "decay_weights names 'lry', which is none of the columns; name columns of the table",
        ),
        ({"centre": ["a", "b"]}, "centre (a list) cannot be read as numbers; give one number per column"),
    ],
)
def test_parameters_that_cannot_be_are_told(parameters: dict[str, Any], sentence: str) -> None:
    assert told(wd.tune, wd.LinearRegression(**parameters), X, Y) == sentence
    assert told(wd.LinearRegression(decay=1.0, **parameters).fit, X, Y) == sentence


def test_truth_values_of_numpy_are_true_or_false() -> None:
    given = wd.LinearRegression(decay=1.0, standardize=np.bool_(False), fit_intercept=np.bool_(True)).fit(X, Y)
    expected = wd.LinearRegression(decay=1.0, standardize=False).fit(X, Y)
    np.testing.assert_array_equal(given.coef_, expected.coef_)


def test_sample_weights_that_leave_no_rows_are_told() -> None:
    more = "; give at least 2 rows a positive weight"
    weight = np.zeros(N)
    assert (
        told(wd.tune, wd.LinearRegression(), X, Y, sample_weight=weight) == f"sample_weight is zero for all rows{more}"
    )
    weight[3] = 1.0
    sentence = told(wd.tune, wd.LinearRegression(), X, Y, sample_weight=weight)
    assert sentence == f"sample_weight is zero for all rows but one{more}"


@BOTH
def test_sample_weights_of_text_are_told(estimator: Any) -> None:
    sentence = told(wd.tune, estimator, X, Y, sample_weight=COLOURS)
    assert sentence.startswith("sample_weight (a list) cannot be read as numbers; give one number")


def test_prediction_tells_of_columns_that_hold_no_numbers_as_fitting_does() -> None:
    frame = pd.DataFrame({"a": [1.0, 2.0, 4.0], "b": [0.0, 1.0, 0.0]})
    model = wd.LinearRegression(0.1).fit(frame, [1.0, 2.0, 3.0])
    with pytest.raises(ValueError, match=r"'b'.*'red'"):
        model.predict(frame.assign(b=["red", "red", "blue"]))


def test_decay_weights_by_name_are_those_by_place() -> None:
    import pandas as pd

    frame = pd.DataFrame(X, columns=[f"c{j}" for j in range(np.shape(X)[1])])
    named = wd.LinearRegression(decay=0.1, decay_weights={"c0": 0.0}).fit(frame, Y)
    placed = wd.LinearRegression(decay=0.1, decay_weights=[0.0] + [1.0] * (np.shape(X)[1] - 1)).fit(frame, Y)
    np.testing.assert_array_equal(named.coef_, placed.coef_)
