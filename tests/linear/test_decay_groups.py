"""Groups of columns: names, numbers, masks and kinds are taken, and what cannot be is a sentence."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray

import weightdecay as wd
from weightdecay.linear.decay_groups import column_groups_of
from weightdecay.records.column_plan import ColumnPlan
from weightdecay.tuning.group_search import ColumnGroups

Array = NDArray[np.float64]

COLUMNS = ("age", "age is missing", "height", "island = a", "island = b", "born year", "born month")
PLAN = (
    ColumnPlan("age", "number", ("age", "age is missing"), 3, "gaps take the median"),
    ColumnPlan("height", "number", ("height",), 0, ""),
    ColumnPlan("island", "category", ("island = a", "island = b"), 0, ""),
    ColumnPlan("born", "date", ("born year", "born month"), 0, ""),
    ColumnPlan("id", "dropped", (), 0, "left out"),
)


def groups(given: Any, weights: Any = None, *, plain: bool = False) -> ColumnGroups:
    """Of the columns of the table, or of as many that come from none."""
    weights = np.ones(len(COLUMNS)) if weights is None else np.asarray(weights, dtype=np.float64)
    found = column_groups_of(given, weights, COLUMNS, () if plain else PLAN, encoded=not plain)
    assert found is not None
    return found


def told(given: Any, weights: Any = None, *, plain: bool = False) -> str:
    """The sentence of a refusal."""
    with pytest.raises(ValueError) as caught:
        groups(given, weights, plain=plain)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "members",
    [
        [0, 2],
        (0, 2),
        {0, 2},
        range(0, 3, 2),
        slice(0, 3, 2),
        np.array([0, 2]),
        np.array([0, 2], dtype=np.uint8),
        pd.Index(["age", "height"]),
        pd.Series([0, 2]),
        ["age", 2],
        np.array(["age", "height"]),
        [True, False, True, False, False, False, False],
        np.isin(np.arange(7), [0, 2]),
    ],
)
def test_columns_may_be_given_in_many_forms(members: Any) -> None:
    found = groups({"own": members}, plain=True)
    assert found.names == ("own", "other columns")
    assert found.label.tolist() == [0, 1, 0, 1, 1, 1, 1]


def test_columns_of_a_table_bring_what_was_made_of_them() -> None:
    found = groups({"body": ["age", "height"], "place": ["island"]})
    assert found.names == ("body", "place", "other columns")
    assert found.label.tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_what_was_made_of_a_column_may_be_named_itself() -> None:
    for order in (1, -1):
        pairs = [("place", ["island"]), ("one", ["island = b", "age is missing"])][::order]
        found = groups(dict(pairs))
        by_name = [found.names[one] for one in found.label]
        assert by_name == ["other columns", "one", "other columns", "place", "one", "other columns", "other columns"]


def test_kinds_are_those_of_the_plan() -> None:
    found = groups("kinds")
    assert found.names == ("number", "category", "date") and found.label.tolist() == [0, 0, 0, 1, 1, 2, 2]


def test_all_columns_named_leave_no_others() -> None:
    assert groups({"a": range(4), "b": range(4, 7)}, plain=True).names == ("a", "b")
    assert groups({"all": range(7)}, plain=True).names == ("all",)


def test_weights_are_relative_inside_a_group_and_zero_exempts() -> None:
    found = groups({"a": [0, 1], "b": [2, 3, 4]}, [4.0, 1.0, 0.0, 10.0, 1000.0, 3.0, 3.0], plain=True)
    np.testing.assert_allclose(found.weights, [2.0, 0.5, 0.0, 0.1, 10.0, 1.0, 1.0])
    assert found.label.tolist() == [0, 0, -1, 1, 1, 2, 2]


def test_others_that_are_exempt_are_no_group() -> None:
    found = groups({"a": range(5)}, [1, 1, 1, 1, 1, 0, 0], plain=True)
    assert found.names == ("a",) and found.label.tolist() == [0] * 5 + [-1, -1]


WHAT = "expected a dict of group name → list of columns, or 'kinds' for a table"


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ("kind", f"decay_groups='kind': {WHAT}"),
        ([[0], [1]], f"decay_groups is a list: {WHAT}"),
        ({}, f"decay_groups is empty: {WHAT}; leave it out for one strength"),
        ({"a": []}, "decay_groups: group 'a' is empty; name its columns or leave it out"),
        ({"a": range(0)}, "decay_groups: group 'a' is empty; name its columns or leave it out"),
        ({"a": "age"}, "decay_groups: group 'a' is 'age'; give a list of columns, such as ['age']"),
        ({"a": 3}, "decay_groups: group 'a' is 3; give a list of columns, such as [3]"),
        ({"a": None}, "decay_groups: group 'a' is None; give a list of columns, such as ['age', 'height'] or range(3)"),
        ({"a": ["agee"]}, "decay_groups: group 'a' names 'agee', which is none of the columns; did you mean 'age'?"),
        ({"a": ["zzz"]}, "decay_groups: group 'a' names 'zzz', which is none of the columns; name columns of the data"),
        ({"a": [7]}, "decay_groups: group 'a' has column 7 of 7; columns are numbered from 0 to 6"),
        ({"a": [-1]}, "decay_groups: group 'a' has column -1 of 7; columns are numbered from 0 to 6"),
        ({"a": [1.5]}, "decay_groups: group 'a' has 1.5; columns are given by number or by name"),
        ({"a": [1, 1]}, "decay_groups: group 'a' has column 'age is missing' twice; name it once"),
        ({"a": [0, "age"]}, "decay_groups: group 'a' has column 'age' twice; name it once"),
        (
            {"a": [0, 1], "b": [2, 1]},
            "decay_groups: column 'age is missing' is in the groups 'a' and 'b'; a column has one strength, so name it "
            "in one of them",
        ),
        ({1: [0], "1": [1]}, "decay_groups has two groups called '1'; give them different names"),
        (
            {"a": [True, False]},
            "decay_groups: group 'a' is a mask of 2 truth values for 7 columns; give one per column, or a list of "
            "columns",
        ),
        ({"a": [False] * 7}, "decay_groups: the mask of group 'a' is False throughout; leave the group out"),
        ({"a": [True, 3]}, "decay_groups: group 'a' mixes truth values and columns; give one or the other"),
        ({"a": [[0, 1]]}, "decay_groups: group 'a' has more than one dimension; give one list of columns"),
        ({"a": np.eye(7)}, "decay_groups: group 'a' has more than one dimension; give one list of columns"),
        (
            {"other columns": [0]},
            "decay_groups names a group 'other columns', which columns in no group make; give it another name",
        ),
        (
            "kinds",
            "decay_groups='kinds' needs a table that wd.tune encodes (text, categories, dates or gaps): here all "
            "columns are numbers; give a dict of group name → list of columns",
        ),
    ],
)
def test_what_cannot_be_is_a_sentence(given: Any, sentence: str) -> None:
    assert told(given, plain=True) == sentence


def test_a_table_has_no_numbers_of_columns() -> None:
    assert told({"a": [0]}) == (
        "decay_groups: group 'a' has the number 0, but the columns are made of a table's; give names"
    )


def test_columns_of_a_table_are_in_one_group() -> None:
    assert told({"a": ["island"], "b": ["island"]}).startswith("decay_groups: column 'island = a' is in the groups")
    assert told({"a": ["island"], "b": ["island = a", "island = b"]}) == (
        "decay_groups: all columns of group 'a' are named in other groups; leave it out"
    )


def test_a_group_that_is_exempt_has_no_strength() -> None:
    assert told({"a": [0, 1]}, [0, 0, 1, 1, 1, 1, 1], plain=True) == (
        "decay_groups: all columns of group 'a' are exempt (decay_weights 0), so it has no strength; leave it out"
    )


def test_the_estimator_passes_the_sentence_on_and_keeps_its_arguments() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    given = {"a": ["x0", "x1"]}
    model = wd.LinearRegression(decay_groups=given, decay=0.1).fit(X, X[:, 0])
    assert model.decay_groups is given and given == {"a": ["x0", "x1"]}
    with pytest.raises(ValueError, match="'x7', which is none of the columns; name columns"):
        wd.LinearRegression(decay_groups={"a": ["x7"]}).fit(X, X[:, 0])
    frame = pd.DataFrame(X, columns=["one", "two", "three"])
    fitted = wd.LinearRegression(decay_groups={"a": ["one"]}).fit(frame, X[:, 0])
    assert [one.name for one in fitted.tuning_.grouping.groups] == ["a", "other columns"]
