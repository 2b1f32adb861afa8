"""Labels of classes: which numbers may be such, and which names are likely the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from weightdecay.records.labels import alike, class_names, labels_of_numbers, like_classes


@pytest.mark.parametrize(
    ("values", "found"),
    [
        ([0, 1] * 2, (0.0, 1.0)),
        ([0, 1, 1], ()),
        ([-1, 1] * 10, (-1.0, 1.0)),
        ([0.5, 1.5] * 4, ()),
        ([0.5, 1.5] * 5, (0.5, 1.5)),
        ([1, 2, 3] * 5, (1.0, 2.0, 3.0)),
        ([1, 2, 3] * 4, ()),
        ([1, 2, 3.5] * 5, ()),
        (list(range(10)) * 5, tuple(map(float, range(10)))),
        (list(range(11)) * 9, ()),
        ([1.0] * 20, ()),
        ([], ()),
        ([*[0, 1] * 500, 7.5], ()),
    ],
)
def test_numbers_that_look_like_classes(values: list[float], found: tuple[float, ...]) -> None:
    assert like_classes(np.array(values, dtype=float)) == found


@pytest.mark.parametrize(
    ("values", "labels"),
    [
        ([0.0, 1.0, 1.0], [0, 1, 1]),
        ([-1.0, 2.0**53, -1.0], [-1, 2**53, -1]),
        ([0.5, 2.0, 2.0], ["0.5", "2", "2"]),
        ([1e300, 2.0, 2.0], ["1e+300", "2", "2"]),
    ],
)
def test_whole_numbers_are_labels_as_such(values: list[float], labels: list[object]) -> None:
    found = labels_of_numbers(np.array(values))
    assert found.tolist() == labels and found.dtype == (np.int64 if isinstance(labels[0], int) else object)


@pytest.mark.parametrize(
    ("values", "told"),
    [
        (np.arange(9.0), "every row would be a class of its own"),
        (np.r_[np.arange(20.0), 0.0], "nearly every row"),
        (np.repeat(np.arange(101.0), 3), "more than 100 are taken for amounts"),
        (np.repeat(np.arange(11.0) + 0.5, 3), "is continuous"),
    ],
)
def test_amounts_are_no_labels(values: np.ndarray, told: str) -> None:
    with pytest.raises(ValueError, match=told):
        labels_of_numbers(values)


def test_names_are_what_one_reads() -> None:
    labels = np.array([1.0, 2.5, 1e300])
    assert class_names(labels) == ("1", "2.5", "1e+300")
    assert class_names(np.array(["b", "a"])) == ("b", "a") and class_names(np.array([True, False])) == ("True", "False")
    assert class_names([np.int8(3), "x", None]) == ("3", "x", "None")


def test_names_that_are_alike() -> None:
    names = ["Yes", "yes", " yes\t", "no", "a b", "a  b", "caf\u00e9", "cafe\u0301", "STRASSE", "straße", "ﬁ", "fi"]
    groups = [
        ("Yes", "yes", " yes\t"),
        ("a b", "a  b"),
        ("caf\u00e9", "cafe\u0301"),
        ("STRASSE", "straße"),
        ("ﬁ", "fi"),
    ]
    assert alike(names) == tuple(groups) and alike(["a", "b", "ab"]) == ()


@given(st.lists(st.text(max_size=4), unique=True, max_size=8))
def test_each_name_is_in_one_group_at_most(names: list[str]) -> None:
    grouped = [name for group in alike(names) for name in group]
    assert len(grouped) == len(set(grouped)) and set(grouped) <= set(names)
    assert alike([name for name in names if name not in grouped]) == ()
