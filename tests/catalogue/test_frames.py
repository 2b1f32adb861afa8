"""Arrays and data frames in memory: the right answer, or one sentence; never a third."""

from __future__ import annotations

import datetime
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

import weightdecay as wd
from catalogue.cases import CLEAN, KIND, ROWS, A, B, Columns, Y, with_value
from catalogue.files_kinds import DAYS, HOURS, dated
from catalogue.oracle import DECAYS, FOLDS, expected

X = np.array([A, B]).T
ARRAY: Columns = {"x0": A, "x1": B, "y": Y}
FRAME = pd.DataFrame({"a": A, "b": B})
POLARS = pl.DataFrame({"a": A, "b": B})
NAN, INF = float("nan"), float("inf")


@dataclass(frozen=True, eq=False)
class Case:
    """Data in memory, and the clean columns that they mean or the words of the refusal."""

    name: str
    X: Any
    y: Any = field(default_factory=lambda: np.array(Y))
    clean: Columns | None = None
    told: tuple[str, ...] = ()
    given: Mapping[str, Any] = field(default_factory=dict)


def cell(row: int, column: int, value: float) -> Any:
    """The array with another value in a cell."""
    changed = X.copy()
    changed[row, column] = value
    return changed


def right(name: str, given: Any, clean: Columns, *told: str, y: Any = Y, **options: Any) -> Case:
    """Data that are computed."""
    return Case(name, given, y, clean, told, options)


def third(name: str, column: Any, clean: Columns | None, *told: str) -> Case:
    """A pandas frame with a third column, which becomes clean ones or none."""
    return right(name, FRAME.assign(c=column), {"a": A, "b": B, **(clean or {}), "y": Y}, *told)


def refused(name: str, given: Any, *told: str, y: Any = Y, **options: Any) -> Case:
    """Data that are refused."""
    return Case(name, given, y, None, told, options)


def weight(name: str, given: Any, *told: str) -> tuple[Case, Case]:
    """Weights that are refused, of an array and of a frame that is encoded."""
    frame = FRAME.assign(c=KIND)
    return (
        refused(f"weights {name}", X, "sample_weight", *told, sample_weight=given),
        refused(f"weights {name}, of text", frame, "sample_weight", *told, sample_weight=given),
    )


def renamed(column: str, columns: Mapping[str, Any]) -> Columns:
    """Clean columns of a date that has another name."""
    return {name.replace("day", column, 1): values for name, values in columns.items()}


_ONE_INT = [1, 2, None] * (ROWS // 3)
_MASKED = np.ma.masked_array(X, X > 5)
ARRAYS = (
    right("an array", X, ARRAY),
    right("lists of lists", X.tolist(), ARRAY),
    right("an array of objects", X.astype(object), ARRAY),
    right("numbers as text", X.astype(str), ARRAY),
    right("single precision", X.astype(np.float32), {**ARRAY, "x0": np.float32(A), "x1": np.float32(B)}),
    right("columns in Fortran's order", np.asfortranarray(X), ARRAY),
    right("an array that may not be written", np.lib.stride_tricks.as_strided(X, writeable=False), ARRAY),
    right("every second row of an array", np.repeat(X, 2, axis=0)[::2], ARRAY),
    right("truth values", X > 0, {"x0": [a > 0 for a in A], "x1": [b > 0 for b in B], "y": Y}),
    right("a constant column", np.column_stack([X, np.ones(ROWS)]), {**ARRAY, "x2": [1.0] * ROWS}, "'x2' is constant"),
    right("a column twice", X[:, [0, 1, 0]], {**ARRAY, "x2": A}, "'x0' and 'x2'"),
    right("the target among the columns", np.column_stack([X, Y]), {**ARRAY, "x2": Y}, "'x2'"),
    right("a mask of nothing", np.ma.masked_array(X, np.zeros(X.shape, dtype=bool)), ARRAY),
    right("a target of one column", X, ARRAY, y=np.array(Y)[:, None]),
    right("a target as text", X, ARRAY, y=np.array(Y).astype(str)),
    right("a target as a series with an index of its own", X, ARRAY, y=pd.Series(Y, index=range(100, 100 + ROWS))),
    right("a target of truth values", X, {**ARRAY, "y": [y > 0 for y in Y]}, "only 2 values", y=np.array(Y) > 0),
    refused("nan in a column", cell(3, 0, NAN), "NaN", "'x0'", "row 3"),
    refused("inf in a column", cell(4, 1, -INF), "infinity", "'x1'", "row 4"),
    refused("nan in the target", X, "NaN", "row 4", "drop these rows", y=with_value(Y, 4, NAN)),
    refused("inf in the target", X, "infinity", "row 4", y=with_value(Y, 4, INF)),
    refused("None in the target", X, "row 4", "drop these rows", y=np.array(with_value(Y, 4, None), dtype=object)),
    refused("a target of words", X, "'ash' in row 0", "regressor", y=KIND),
    refused("a target of dates", X, "row 0", "regressor", y=np.array(DAYS, dtype="M8[s]")),
    refused("no target", X, "y is None", y=None),
    refused("words in an array", np.array([A, KIND], dtype=object).T, "'x1'", "'ash' at row 0", "data frame"),
    refused("masked values", _MASKED, "3 masked values", "pandas.DataFrame(X)"),
    refused(
        "masked values of the target", X, "y is an array with 1 masked", y=np.ma.masked_array(Y, np.arange(ROWS) == 3)
    ),
    refused("dates in an array", np.array([DAYS], dtype="M8[s]").T, "dates (datetime64[s])", "data frame"),
    refused("lengths of time in an array", np.ones((ROWS, 1), dtype="m8[s]"), "lengths of time"),
    refused("complex numbers", X + 1j, "complex numbers", "real numbers"),
    refused("one dimension", X[:, 0], "shape (24,)", "np.reshape(X, (-1, 1))"),
    refused("a list of numbers", A, "shape (24,)", "np.reshape(X, (-1, 1))"),
    refused("a series", FRAME["a"], "shape (24,)", "X.to_frame()"),
    refused("three dimensions", X[None], "shape (1, 24, 2)", "two dimensions"),
    refused("no rows", X[:0], "shape (0, 2)", "no rows", y=[]),
    refused("no columns", X[:, :0], "shape (24, 0)", "no columns"),
    refused("one row", X[:1], "1 sample", "minimum of 2", y=Y[:1]),
    refused("a target that is too short", X, "24 rows", "23 values", y=Y[:-1]),
    refused("a path instead of a table", "data.csv", "'data.csv', a text", "wd.read('data.csv', target)"),
    refused("nothing", None, "X is None"),
    refused("rows of different lengths", [[1.0, 2.0], [3.0]] * 12, "inhomogeneous"),
)

OPTIONS = (
    *weight("negative", [-1.0] * ROWS, "-1.0 at row 0", "at least 0"),
    *weight("nan", [NAN] * ROWS, "nan at row 0"),
    *weight("zero", [0.0] * ROWS, "zero for all rows"),
    *weight("of text", KIND, "cannot be read as numbers"),
    *weight("too few", [1.0] * 3, "(3,), expected (24,)"),
    *weight("in two columns", np.ones((ROWS, 2)), "(24, 2), expected (24,)"),
    refused("groups too few", X, "groups has 2 entries for 24 rows", groups=[1, 2]),
    refused("one group", X, "groups holds a single group", groups=[1] * ROWS),
    refused("groups without labels", X, "groups", groups=[None] * ROWS),
    refused("groups of two types", X, "groups mixes", groups=np.array(["p", 1] * (ROWS // 2), dtype=object)),
    refused("negative decays", X, "decays=[-1.0]", "at least 0", decays=[-1.0]),
    refused("decays that are no numbers", X, "decays=[nan]", decays=[NAN]),
    refused("no decays at all", X, "decays=[]", decays=[]),
    refused("decays of text", X, "decays='x'", decays="x"),
    refused("more folds than rows", X, "cv=25 folds need at least 25 rows, got 24", cv=25),
    refused("one fold", X, "at least 2", cv=1),
    refused("folds of a word", X, "cv='many'", cv="many"),
    refused("folds of a fraction", X, "cv=2.5", cv=2.5),
    refused("a scorer that there is not", X, "scoring='nope'", "did you mean", scoring="nope"),
    refused("text of an array", X, "DataFrame", text=["a"]),
    refused("text that is not there", POLARS, "text column 'z' is not in the table", "'a', 'b'", text=["z"]),
    refused("text without a list", POLARS, "text='a'", "text=['a']", text="a"),
)

_GAPPED = with_value(with_value(DAYS, 3, None), 10, None)
PANDAS = (
    right("a frame", FRAME, CLEAN),
    right("an index of its own", FRAME.set_axis(KIND, axis=0), CLEAN),
    right(
        "gaps", FRAME.assign(a=with_value(A, 3, NAN)), {**CLEAN, "a": with_value(A, 3, None)}, "gaps take the median"
    ),
    right("names that are numbers", FRAME.set_axis([7, 8], axis=1), ARRAY),
    right(
        "names that are numbers, with text",
        FRAME.set_axis([7, 8], axis=1).assign(c=KIND),
        {"7": A, "8": B, "c": KIND, "y": Y},
    ),
    right("names on two levels", FRAME.set_axis(pd.MultiIndex.from_tuples([("p", "a"), ("p", "b")]), axis=1), ARRAY),
    third("words", KIND, {"c": KIND}, "one column for each of 3 values"),
    third("a category", pd.Categorical(KIND), {"c": KIND}, "each of 3 values"),
    third("a category of numbers", pd.Categorical([3, 1, 2] * 8), {"c": ["3", "1", "2"] * 8}, "each of 3 values"),
    third(
        "a level that no row has",
        pd.Categorical(KIND, categories=["ash", "birch", "cedar", "elm"]),
        {"c": KIND},
        "each of 3",
    ),
    third("words with None", with_value(KIND, 3, None), {"c": with_value(KIND, 3, None)}, "most frequent"),
    third("numbers as text", [str(b) for b in B], {"c": B}, "numbers written as text, read as numbers"),
    third("integers with NA", pd.array(_ONE_INT, dtype="Int64"), {"c": _ONE_INT}, "gaps take the median 1.5"),
    third(
        "truth values with NA",
        pd.array([True, False, None] * 8, dtype="boolean"),
        {"c": [1.0, 0.0, None] * 8},
        "1 where true",
    ),
    third("truth values with None", [True, False, None] * 8, {"c": [1.0, 0.0, None] * 8}, "1 where true"),
    third(
        "moments",
        pd.Series(DAYS),
        renamed("c", {**dated(DAYS), "day in days": dated(DAYS, hours=True)["day in days"]}),
        "days since",
    ),
    third(
        "dates with NaT",
        pd.Series([None if d is None else d.replace(hour=0) for d in _GAPPED]),
        renamed("c", dated(_GAPPED)),
        "median day",
    ),
    third("dates as objects", [one.date() for one in DAYS], renamed("c", dated(DAYS)), "days since"),
    third("decimals", [Decimal(str(b)) for b in B], {"c": B}),
    third(
        "lengths of time",
        pd.to_timedelta([row * row % 7 for row in range(ROWS)], unit="D"),
        {"c": [float(row * row % 7) for row in range(ROWS)]},
    ),
    third("a column of nan", NAN, None, "no row has a value"),
    third("lists", [[1]] * ROWS, None, "'c': left out"),
    third("raw bytes", [b"x"] * ROWS, None, "'c': left out"),
    third("periods", pd.period_range("2024-01", periods=ROWS, freq="M"), None, "'c': left out"),
    third("names of the rows", [f"n{row}" for row in range(ROWS)], None, "like an identifier"),
    refused(
        "numbers and words in one column", FRAME.assign(c=[1, "x"] * 12), "column 'c'", "'1'", "row 0", "'x'", "row 1"
    ),
    refused("an infinite number", FRAME.assign(a=with_value(A, 3, INF)), "'a'", "row 3", "infinity"),
    refused(
        "an infinite number beside text", FRAME.assign(a=with_value(A, 3, INF), c=KIND), "'a'", "row 3", "infinite"
    ),
    refused("the same name twice", FRAME.set_axis(["a", "a"], axis=1), "columns 0 and 1", "'a'", "rename"),
    refused("the same name thrice", pd.concat([FRAME[["a"]]] * 3, axis=1), "columns 0, 1 and 2", "all but one"),
    refused(
        "the same name twice, of text",
        pd.DataFrame({"a": A, "b": KIND}).set_axis(["a", "a"], axis=1),
        "columns 0 and 1",
    ),
    refused(
        "names that are joined to one",
        FRAME.assign(c=KIND).set_axis(pd.MultiIndex.from_tuples([("p a", "b"), ("p", "a b"), ("p", "c")]), axis=1),
        "same name 'p a b'",
    ),
    refused("names of two types", FRAME.set_axis(["a", 1], axis=1), "string names", "astype(str)"),
    refused("no rows", FRAME.iloc[:0], "no rows", y=[]),
    refused("no columns", FRAME[[]], "no columns"),
    refused("one row of text", FRAME.assign(c=KIND).iloc[:1], "1 sample", y=Y[:1]),
    refused("a target that is too short, of text", FRAME.assign(c=KIND), "24 rows", "3 values", y=Y[:3]),
    refused("nan in the target, of text", FRAME.assign(c=KIND), "NaN", "row 4", y=with_value(Y, 4, NAN)),
    refused("nothing but nan", pd.DataFrame({"c": [NAN] * ROWS}), "'c'", "no row has a value"),
    refused("complex numbers", FRAME.assign(c=1j), "'c'", "complex"),
    refused("sparse around nan", FRAME.astype(pd.SparseDtype(float)), "'a'", "sparse with nan", "to_dense()"),
)


def fourth(name: str, column: Any, clean: Columns | None, *told: str) -> Case:
    """A polars frame with a third column, which becomes clean ones or none."""
    return right(name, POLARS.with_columns(c=column), {"a": A, "b": B, **(clean or {}), "y": Y}, *told)


OF_POLARS = (
    right("a frame", POLARS, CLEAN),
    right("a target of a series", POLARS, CLEAN, y=pl.Series(Y)),
    right("a target of a frame", POLARS, CLEAN, y=pl.DataFrame({"y": Y})),
    fourth("words", pl.Series(KIND), {"c": KIND}, "each of 3 values"),
    fourth("words with empty ones", pl.Series(["", "a", "b"] * 8), {"c": ["", "a", "b"] * 8}, "each of 3 values"),
    fourth(
        "a word for a gap is a word", pl.Series(["NA", "a", "b"] * 8), {"c": ["NA", "a", "b"] * 8}, "each of 3 values"
    ),
    fourth("decimals", pl.Series([Decimal(str(b)) for b in B]), {"c": B}),
    fourth(
        "integers of 128 bits",
        pl.Series([row * row % 7 for row in range(ROWS)], dtype=pl.Int128),
        {"c": [row * row % 7 for row in range(ROWS)]},
    ),
    fourth(
        "moments in a zone",
        pl.Series(HOURS).dt.replace_time_zone("UTC").dt.convert_time_zone("Europe/Berlin"),
        renamed("c", dated(HOURS, hours=True)),
        "hour",
    ),
    fourth("nothing but null", pl.lit(None), None, "no row has a value"),
    fourth("lists", pl.Series([[1]] * ROWS), None, "'c': left out", "List"),
    fourth("fields in fields", pl.struct("a", "b"), None, "'c': left out", "Struct"),
    fourth("objects", pl.Series([object()] * ROWS, dtype=pl.Object), None, "'c': left out"),
    fourth("times of day", pl.Series([datetime.time(row) for row in range(ROWS)]), None, "'c': left out"),
    refused("a lazy frame", POLARS.lazy(), "LazyFrame", "collect()"),
    refused(
        "a word among numbers as text",
        POLARS.with_columns(c=pl.Series(["1.5"] * (ROWS - 1) + ["x"])),
        "'c'",
        "'x'",
        "row 23",
    ),
    refused("null in the target", POLARS, "NaN", "row 0", y=pl.Series([None, *Y[1:]])),
    refused("no rows", POLARS.clear(), "no rows", y=[]),
    refused("an infinite number", POLARS.with_columns(c=pl.lit(INF)), "'c'", "infinity", "row 0"),
)

NAMED = {"array": ARRAYS, "options": OPTIONS, "pandas": PANDAS, "polars": OF_POLARS}
CASES = [(f"{room}: {case.name}", case) for room, cases in NAMED.items() for case in cases]


def of(*, sound: bool) -> Callable[..., Any]:
    """The cases that are computed, or refused, as parameters."""
    chosen = [(name, case) for name, case in CASES if (case.clean is not None) is sound]
    return pytest.mark.parametrize("case", [case for _, case in chosen], ids=[name for name, _ in chosen])


def test_names_are_unique() -> None:
    assert len({name for name, _ in CASES}) == len(CASES)


@of(sound=True)
def test_what_can_be_computed_is_right_and_told(case: Case) -> None:
    assert case.clean is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tuning = wd.tune(wd.LinearRegression(), case.X, case.y, decays=DECAYS, cv=FOLDS)
    oracle = expected(case.clean)
    assert tuning.columns == oracle.names
    atol = 1e-8 * float(np.abs(oracle.coef).max())
    np.testing.assert_allclose(tuning.path.coef.reshape(oracle.coef.shape), oracle.coef, rtol=1e-8, atol=atol)
    np.testing.assert_allclose(tuning.losses, oracle.losses, rtol=1e-8, atol=1e-20)
    told = "\n".join([*(f"{one.name!r}: {one.done}" for one in tuning.plan), *(one.message for one in tuning.findings)])
    for word in case.told:
        assert word in told, told


@of(sound=False)
def test_what_cannot_be_computed_is_one_sentence(case: Case) -> None:
    work = {"decays": DECAYS, "cv": FOLDS, **case.given}
    with pytest.raises((ValueError, TypeError)) as raised, warnings.catch_warnings():
        warnings.simplefilter("error")
        wd.tune(wd.LinearRegression(), case.X, case.y, **work)
    sentence = str(raised.value)
    assert isinstance(raised.value, ValueError) or "feature name" in sentence, "scikit-learn's own, on names"
    for word in case.told:
        assert word in sentence, sentence
    assert not re.search(r"[\x00-\x1f\x7f]", sentence), "more than one line"


def test_data_are_left_as_they_were() -> None:
    before = FRAME.assign(c=KIND)
    after = before.copy()
    wd.tune(wd.LinearRegression(), after, Y, decays=DECAYS, cv=FOLDS).settled()
    pd.testing.assert_frame_equal(before, after)
