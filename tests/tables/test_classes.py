"""Targets of classes in files: when they are such, what their labels are, and when there is nothing to learn."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import weightdecay as wd
from weightdecay.tables.gaps import MARKERS
from weightdecay.tables.preflight import TableError

Reader = Callable[..., wd.Table]


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """Reads a table whose target y has these fields."""

    def read(fields: list[str], **given: Any) -> wd.Table:
        lines = [f"{row},{field}" for row, field in enumerate(fields)]
        (tmp_path / "data.csv").write_text("\n".join(["a,y", *lines, ""]), encoding="utf-8")
        return wd.read(tmp_path / "data.csv", "y", **given)

    return read


@pytest.mark.parametrize(
    ("fields", "kind", "labels"),
    [
        (["b", "a", "b"], "classes", ["b", "a", "b"]),
        (["yes", "no", "no"], "classes", ["yes", "no", "no"]),
        (["Yes", "No", "No"], "classes", ["Yes", "No", "No"]),
        (["Yes", "NO", "no", "yes"], "classes", ["yes", "no", "no", "yes"]),
        (["true", "False", "TRUE"], "classes", [True, False, True]),
        (["1", "0", "1"], "number", [1.0, 0.0, 1.0]),
        (["01", "02", "01"], "number", [1.0, 2.0, 1.0]),
        (["1.5", "2", "1.5"], "number", [1.5, 2.0, 1.5]),
        (["x", "1", "x", "y", "x", "y"], "classes", ["x", "1", "x", "y", "x", "y"]),
    ],
)
def test_fields_decide(fields: list[str], kind: str, labels: list[Any], reader: Reader) -> None:
    table = reader(fields)
    assert table.target_kind == kind and table.y.tolist() == labels
    assert table.classes == (tuple(map(str, sorted(set(labels)))) if kind == "classes" else ())
    assert isinstance(labels[0], str) == (table.y.dtype == object)


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        (["1", "0", "1"], [1, 0, 1]),
        (["1e0", "-0", "1.0"], [1, 0, 1]),
        (["01", "2", "01"], ["01", "2", "01"]),
        (["1.5", "2", "1.5"], ["1.5", "2", "1.5"]),
        (["1", "x", "1"], ["1", "x", "1"]),
        (["2024-01-01", "x", "x"], ["2024-01-01", "x", "x"]),
        (["5 kg", "6 kg", "5 kg"], ["5 kg", "6 kg", "5 kg"]),
    ],
)
def test_what_is_asked_for_as_classes(fields: list[str], labels: list[Any], reader: Reader) -> None:
    table = reader(fields, classes=True)
    assert table.target_kind == "classes" and table.y.tolist() == labels


def test_what_is_asked_for_as_numbers(reader: Reader) -> None:
    table = reader(["true", "False", "TRUE"], classes=False)
    assert table.target_kind == "number" and table.y.tolist() == [1, 0, 1]
    with pytest.raises(TableError, match="a target must be a number in every line: name another column, or take its"):
        reader(["a", "b", "a"], classes=False)
    assert reader(["a", "b", "a"]).as_classes().y.tolist() == ["a", "b", "a"]


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (["a", "a", "a"], "is 'a' in all 3 rows, so there is nothing to predict"),
        (["a", "b", "c"], "has a class of its own in every row (3 in 3: 'a', 'b', …), like an identifier"),
        (["a", "", "b"], "has no value in line 3 (''); fill it in, or leave such lines out with --skip-missing-target"),
        (
            ["a", "None", "b"],
            "leave such lines out with --skip-missing-target; if 'None' is a class, write it in another",
        ),
        (["1", "2", "x", "1"], "holds the text 'x' (line 4); correct that line or remove it"),
        (["1,5", "2,5", "1,5"], "line 2"),
        (["5 kg", "6 kg", "5 kg"], "holds the text '5 kg' (line 2, one of 3 such lines)"),
        (["2024-01-01", "2024-01-02", "x"], "holds the text '2024-01-01'"),
        (["2024-01-01", "2024-01-01"], "holds the text '2024-01-01'"),
    ],
)
def test_what_no_model_can_learn_is_told(fields: list[str], told: str, reader: Reader) -> None:
    with pytest.raises(TableError) as caught:
        reader([f'"{field}"' for field in fields])
    assert told in str(caught.value)


def test_a_word_for_a_gap_that_was_named(reader: Reader) -> None:
    with pytest.raises(TableError, match="'unsure', which was named as a word for gaps, is one there too"):
        reader(["a", "b", "unsure", "a"], missing="unsure")
    table = reader(["a", "b", "unsure", "NA", "a"], missing="unsure", skip_missing_target=True)
    assert table.y.tolist() == ["a", "b", "a"] and table.place(2) == "line 6"
    assert table.notes == (
        "read as gaps: 'unsure' in 'y'",
        "2 rows are left out, in which the target 'y' has no value",
        "read as gaps of the target: 'NA' (1 row)",
    )


def test_labels_in_capitals_or_not_are_told_only_where_they_are_joined(reader: Reader) -> None:
    assert reader(["Yes", "No", "No"]).notes == ()
    assert reader(["Yes", "no", "No"]).notes == ("'No', 'Yes', 'no' are read as 'yes' and 'no' in 'y'",)


@pytest.mark.parametrize("kind", [pl.Categorical, pl.Enum(["2", "1"]), pl.String, pl.Boolean, pl.Int16])
def test_types_of_a_parquet_file(kind: Any, tmp_path: Path) -> None:
    values = [True, False, True] if kind == pl.Boolean else [2, 1, 2] if kind == pl.Int16 else ["2", "1", "2"]
    pl.DataFrame({"a": [1, 2, 3], "y": pl.Series(values, dtype=kind)}).write_parquet(tmp_path / "data.parquet")
    table = wd.read(tmp_path / "data.parquet", "y")
    assert table.target_kind == ("number" if kind in (pl.String, pl.Int16) else "classes")
    assert table.y.tolist() == values if kind == pl.Boolean else table.y.tolist() == [2, 1, 2]
    assert wd.read(tmp_path / "data.parquet", "y", classes=True).y.dtype == (bool if kind == pl.Boolean else np.int64)


def test_words_for_gaps_are_classes_in_a_parquet_file(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1, 2, 3, 4], "y": ["none", "NA", "none", None]}).write_parquet(tmp_path / "data.parquet")
    table = wd.read(tmp_path / "data.parquet", "y", skip_missing_target=True)
    assert table.y.tolist() == ["none", "NA", "none"]


def test_very_many_classes_are_noted(reader: Reader) -> None:
    assert reader([f"c{row % 100}" for row in range(300)]).notes == ()
    (note,) = reader([f"c{row % 101}" for row in range(303)]).notes
    assert note.startswith("the target 'y' has 101 classes: each gets coefficients of its own")


words = st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters='",'), min_size=1, max_size=6)


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(names=st.lists(words, min_size=2, max_size=4, unique=True), random=st.randoms(use_true_random=False))
def test_labels_come_back_as_they_were_written(names: list[str], random: Any, reader: Reader) -> None:
    labels = [*names, *names, *(random.choice(names) for _ in range(8))]
    try:
        table = reader([f'"{label}"' for label in labels], classes=True)
    except TableError as refused:
        assert any(name.lower() in MARKERS for name in names), refused
        return
    if table.y.dtype == object and not any("are read as" in note for note in table.notes):
        assert table.y.tolist() == labels or all(_number(label) for label in labels)
    assert len(table.classes) <= len(names)


def _number(text: str) -> bool:
    """Whether a text is a number."""
    try:
        return np.isfinite(float(text.replace("_", "x")))
    except ValueError:
        return False
