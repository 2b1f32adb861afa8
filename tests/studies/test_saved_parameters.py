"""Parameters of an estimator as JSON: members of groups come back as what they were, and nothing else does."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from weightdecay.studies.saved_parameters import NOT_STORED, packed, unpacked

MEMBERS: tuple[Any, ...] = (
    [0, 2],
    ["age", "height"],
    (1, 2),
    range(3),
    range(9, 0, -2),
    slice(3),
    slice(None, 8, 2),
    np.array([0, 5], dtype=np.int16),
    np.array([True, False, True]),
    np.array([0.5, np.inf, np.nan]),
)


@pytest.mark.parametrize("members", MEMBERS, ids=repr)
def test_members_of_a_group_come_back(members: Any) -> None:
    plain, arrays = packed({"decay_groups": {"own": members}})
    assert not arrays
    back = unpacked(json.loads(json.dumps(plain, allow_nan=False)), {})["decay_groups"]["own"]
    assert type(back) is type(members)
    if isinstance(members, np.ndarray):
        assert back.dtype == members.dtype and np.array_equal(back, members, equal_nan=members.dtype.kind == "f")
    else:
        assert back == members


@pytest.mark.parametrize("members", [np.eye(2), np.array(["a"]), {1, 2}, [np.arange(2)]], ids=repr)
def test_what_is_no_plain_list_stays_as_words(members: Any) -> None:
    plain, _ = packed({"decay_groups": {"own": members}})
    assert plain["decay_groups"]["words"].endswith(NOT_STORED)


@pytest.mark.parametrize(
    "content",
    [
        {"range": [0, 3]},
        {"range": [0, None, 1]},
        {"range": [0, 3, 0]},
        {"range": [0, 3.0, 1]},
        {"range": "abc"},
        {"slice": [0, True, 1]},
        {"vector": ["int8", [1, 300]]},
        {"vector": ["object", [1]]},
        {"vector": ["int8", ["a"]]},
        {"vector": ["int8"]},
        {"vector": ["int8", [[1]]]},
    ],
    ids=repr,
)
def test_what_no_file_of_ours_holds_is_refused(content: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="has a parameter 'decay_groups' in no known form"):
        unpacked({"decay_groups": {"dict": [["own", content]]}}, {})
