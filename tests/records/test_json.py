"""Law 9: a `Tuning` goes to JSON and back unchanged, whatever it holds."""

from __future__ import annotations

import copy
import json
import math
import pickle
from dataclasses import FrozenInstanceError, fields, replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightdecay as wd
from tuning.fakes import FakeProblem, falling, rising, tuned, valley
from weightdecay.records.finding import Finding
from weightdecay.records.jsonable import encode, number, numbers, pair
from weightdecay.records.later import Known
from weightdecay.records.trial import Trial
from weightdecay.records.tuning import MAX_PATH_NUMBERS, Tuning

FOUND = (Finding("WD006", "info", "'<b>' is constant — “so”", "drop it"),)


def some() -> Tuning:
    """A tuning with targets, infinities, nan, trials, findings and opinions."""
    problem = FakeProblem((valley(0.1), rising(1.0), falling(1.0)), noise=0.1, found=FOUND)
    trials = (
        Trial({"l1_ratio": 0.5, "steps": np.int64(3), "scaler": None, "shape": (2, 3)}, math.inf, 1.0, math.nan),
        Trial({"kind": ValueError("an object")}, 0.0, -1.0, 0.1),
    )
    return replace(tuned(problem), trials=trials, command="tune 'a b.csv'", y_std=math.nan)


def refuse(token: str) -> Any:
    """What Python's reader calls for a token that strict JSON lacks."""
    raise AssertionError(f"{token} is not JSON")


def test_there_and_back_is_the_identity() -> None:
    tuning = some()
    text = tuning.to_json()
    back = Tuning.from_json(text)
    assert back == tuning
    assert back.to_json() == text
    assert Tuning.from_json(back.to_json()) == back


def test_every_field_comes_back_with_its_type_and_shape() -> None:
    tuning = some()
    back = Tuning.from_json(tuning.to_json())
    for field in fields(Tuning):
        ours, theirs = getattr(tuning, field.name), getattr(back, field.name)
        if field.name in ("later", "targets", "trials"):
            continue
        assert type(theirs) is type(ours), field.name
        if isinstance(ours, np.ndarray):
            assert theirs.dtype.kind == ours.dtype.kind and theirs.shape == ours.shape, field.name
            np.testing.assert_array_equal(theirs, ours)
        elif not (isinstance(ours, float) and math.isnan(ours)):
            assert theirs == ours, field.name
    assert math.isnan(back.y_std)
    assert back.targets == tuning.targets
    assert back.targets[2].decay == math.inf
    assert back.trials[0].decay == math.inf and math.isnan(back.trials[0].standard_error)
    assert back.trials[0].params == {"l1_ratio": 0.5, "steps": 3, "scaler": None, "shape": [2, 3]}
    assert back.trials[1].params == {"kind": "an object"}
    assert back.findings == tuning.findings and FOUND[0] in back.findings
    assert back.verdict == tuning.verdict


def test_the_json_is_strict() -> None:
    data = json.loads(some().to_json(), parse_constant=refuse)
    assert data["decays"][-1] == "inf" and data["y_std"] == "nan"
    assert data["decay"] == pytest.approx(some().decay)
    assert data["verdict"] == some().verdict


def test_a_real_tuning_comes_back_with_opinions_and_path() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 3))
    y = np.stack([X[:, 0] + rng.standard_normal(30), rng.standard_normal(30)], axis=1)
    for target in (y, y[:, 0]):
        tuning = wd.tune(wd.LinearRegression(), X, target)
        back = wd.Tuning.from_json(tuning.to_json())
        assert back == tuning
        np.testing.assert_array_equal(back.path.coef, tuning.path.coef)
        assert back.path.status == tuning.path.status and back.path.columns == tuning.path.columns
        assert back.opinions.keys() == tuning.opinions.keys() == {"gcv", "evidence"}
        for name in tuning.opinions:
            np.testing.assert_array_equal(back.opinions[name], tuning.opinions[name])


def test_the_same_work_gives_an_equal_record_and_other_work_another() -> None:
    tuning = tuned(FakeProblem((valley(0.1),)))
    assert tuning == tuned(FakeProblem((valley(0.1),)))
    assert tuning != tuned(FakeProblem((valley(0.1),)), rule="1se")
    assert tuning != replace(tuning, command="other")
    assert tuning != replace(tuning, mean=tuning.mean + 1e-15)
    assert tuning != "a string"
    with pytest.raises(TypeError, match="unhashable"):
        hash(tuning)


def test_pickles_are_equal_and_hold_no_data_and_copies_are_the_same() -> None:
    tuning = some()
    twin = pickle.loads(pickle.dumps(tuning))
    assert twin == tuning
    with pytest.raises(ValueError, match=r"holds no model; fit the estimator at decay=tuning\.decay"):
        _ = twin.model
    assert copy.copy(tuning).model == copy.deepcopy(tuning).model == tuning.model
    assert tuning.settled() == tuning
    assert isinstance(tuning.settled().later, Known)


def test_a_record_is_frozen() -> None:
    tuning = some()
    with pytest.raises(FrozenInstanceError):
        tuning.decay = 3.0  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        tuning.references[0].mean = 3.0  # type: ignore[misc]


def test_arrays_of_records_cannot_be_written_and_their_owners_still_can() -> None:
    tuning = some()
    for array in (tuning.mean, tuning.losses, tuning.status, tuning.path.coef, tuning.targets[0].decays):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = array[...]
    mine = np.array([0.1, 1.0])
    path = wd.path(wd.LinearRegression(), [[1.0], [2.0], [4.0]], [1.0, 2.0, 3.0], mine)
    assert mine.flags.writeable and not path.decays.flags.writeable


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("decays", "abc"), ("window", None), ("window", [1]), ("opinions", None), ("references", [{}])),
        *(("findings", [{}]), ("decay_min", 77.0), ("status", 3), ("mean", [1.0, 2.0]), ("n_rows", "x")),
        *(("cv", 5), ("path", {"decays": 1}), ("targets", [{}]), ("standardize", "yes"), ("weight", [1.0])),
    ],
)
def test_json_with_a_field_of_something_else_is_told(name: str, value: Any) -> None:
    data = json.loads(some().to_json()) | {name: value}
    with pytest.raises(ValueError, match=r"this JSON is not a Tuning \(.*\); give what Tuning.to_json\(\) wrote"):
        Tuning.from_json(json.dumps(data))


def test_a_path_too_large_for_json_stays_out_and_is_not_even_computed() -> None:
    problem = FakeProblem((valley(0.1),))
    tuning = tuned(problem)
    columns = tuple(f"x{j}" for j in range(MAX_PATH_NUMBERS // len(tuning.decays) + 1))
    wide = replace(tuning, columns=columns)
    data = json.loads(wide.to_json())
    assert data["path"] is None
    assert problem.asked["path"] == 0
    back = Tuning.from_json(wide.to_json())
    assert back == wide
    with pytest.raises(ValueError, match=r"read without its path .* use wd\.path"):
        _ = back.path
    just = replace(tuning, columns=columns[:-1])
    assert json.loads(just.to_json())["path"] is not None
    assert problem.asked["path"] == 1


@pytest.mark.parametrize(("text", "missing"), [("{}", "decays"), ("[1]", "decays"), ('{"decays": [1]}', "losses")])
def test_json_of_something_else_is_told(text: str, missing: str) -> None:
    with pytest.raises(ValueError, match=f"this JSON is not a Tuning: it lacks '{missing}'"):
        Tuning.from_json(text)


def test_a_file_name_is_no_json() -> None:
    with pytest.raises(ValueError, match=r"this is not JSON \(.*\); give what Tuning\.to_json\(\) wrote, not the name"):
        Tuning.from_json("heart.csv")


def test_paths_are_equal_number_by_number() -> None:
    X, y = [[1.0], [2.0], [4.0]], [1.0, 2.0, 3.0]
    path, same, other = (
        wd.path(wd.LinearRegression(), X, y, decays) for decays in ([0.0, 1.0], [0.0, 1.0], [0.0, 2.0])
    )
    assert path == same and path != other and path != "a path"
    assert some().path == Tuning.from_json(some().to_json()).path


def test_records_print_as_a_line_and_a_tuning_as_its_verdict() -> None:
    tuning = some()
    assert str(tuning) == tuning.verdict
    assert repr(tuning).startswith("Tuning(Fake, ") and "\n" not in repr(tuning)
    assert repr(tuning.path) == f"DecayPath({len(tuning.decays)} decays from 0 to inf, 2 columns)"
    assert (
        repr(FakeProblem((valley(0.1),)).split(None).held_out(np.array([1.0])))
        == "HeldOut(1 decays, 4 folds, 1 targets)"
    )


@given(st.lists(st.lists(st.floats(), min_size=3, max_size=3), min_size=1, max_size=4))
def test_arrays_of_any_floats_come_back_bit_for_bit(values: list[list[float]]) -> None:
    array = np.array(values)
    text = json.dumps(encode(array), allow_nan=False)
    np.testing.assert_array_equal(numbers(json.loads(text)), array)


@given(st.floats(), st.floats())
def test_numbers_and_pairs_come_back(low: float, high: float) -> None:
    text = json.dumps(encode((low, np.float64(high))), allow_nan=False)
    np.testing.assert_array_equal(pair(json.loads(text)), (low, high))
    np.testing.assert_equal(number(encode(low)), low)
