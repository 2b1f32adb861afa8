"""Law 9 for training: it goes to JSON and back unchanged, and thinned histories keep what is told of them."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from show.records import tuning
from show.trainings import history, of_network, training
from weightdecay.records.history import History, read_history
from weightdecay.records.later import Known
from weightdecay.records.training import FEWEST, NUMBERS, ROWS, Training, kept, read_training
from weightdecay.records.tuning import Tuning


def test_there_and_back_is_the_identity() -> None:
    record = of_network()
    text = record.to_json()
    back = Tuning.from_json(text)
    assert back == record and back.to_json() == text
    assert back.training == record.training and isinstance(back.training, Training)
    assert back.settled().training == record.training
    assert back.history == record.history and isinstance(back.history, History)
    assert back.history.decay == record.decay


def test_numbers_that_are_none_come_back() -> None:
    lost = replace(
        history(0.0), loss=np.array([2.0, math.nan, math.inf]), held_out=np.zeros(0), weights=np.ones((3, 2))
    )
    odd = replace(
        training((lost,)), errors=(math.nan,), pace=math.nan, timescales=math.nan, together=False, early_stopping=True
    )
    record = replace(of_network(), later=Known(known_training=odd))
    data = json.loads(json.dumps(record.to_dict(), allow_nan=False))
    back = read_training(data["training"])
    assert back == odd and back is not None and back.histories[0] == lost
    assert math.isnan(back.elapsed(0.1)) and math.isnan(back.elapsed(0.0)) and back.at(1.0) is None


def test_a_module_without_layers_comes_back() -> None:
    bare = History(0.1, np.zeros((3, 0)), np.ones(3), True, "2 epochs of sgd", (), np.ones(3), "norm of the layer")
    assert read_history(json.loads(json.dumps(bare.to_dict()))) == bare
    assert kept(bare) is bare


def test_records_of_older_versions_have_no_training() -> None:
    data = json.loads(tuning().to_json())
    assert data.pop("training") is None
    back = Tuning.from_json(json.dumps(data))
    assert back.training is None and back.history is None


def test_a_decay_in_use_that_was_not_trained_has_no_history() -> None:
    assert replace(of_network(), decay=math.inf).history is None


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("loss", [1.0]),
        ("held_out", [1.0]),
        ("epochs", [0.0]),
        ("columns", ["a"]),
        ("weights", [[1.0, 2.0]]),
        ("loss", 3),
    ],
)
def test_a_history_whose_parts_do_not_go_together_is_told(part: str, value: Any) -> None:
    data = json.loads(of_network().to_json())
    data["training"]["histories"][0][part] = value
    with pytest.raises(ValueError, match=r"this JSON is not a Tuning \(.*\); give what Tuning.to_json\(\) wrote"):
        Tuning.from_json(json.dumps(data))


@pytest.mark.parametrize(("part", "value"), [("errors", []), ("steps", "many"), ("histories", None), ("pace", None)])
def test_a_training_of_something_else_is_told(part: str, value: Any) -> None:
    data = json.loads(of_network().to_json())
    data["training"][part] = value
    with pytest.raises(ValueError, match=r"this JSON is not a Tuning \(.*\); give what Tuning.to_json\(\) wrote"):
        Tuning.from_json(json.dumps(data))


def test_thinned_histories_keep_their_ends_and_the_least_held_out_loss() -> None:
    one = history(0.1, epochs=10_000, least=1_234)
    for most in (2, 50, 501):
        thin = one.thinned(most)
        assert len(thin.loss) == len(thin.weights) == len(thin.held_out) == len(thin.at) <= most + 1
        assert thin.least is not None and thin.at[thin.least] == 1_234
        assert (thin.at[0], thin.at[-1]) == (0, 10_000)
        rows = thin.at.astype(int)
        np.testing.assert_array_equal(thin.loss, one.loss[rows])
        np.testing.assert_array_equal(thin.held_out, one.held_out[rows])
        np.testing.assert_array_equal(thin.weights, one.weights[rows])
    # A thinned one is thinned further as the whole one would be.
    again = one.thinned(501).thinned(50)
    assert again.at[again.least] == 1_234 and again.loss[-1] == one.loss[-1]
    assert one.thinned(10_001) is one and repr(thin) == "History(decay 0.1, 10000 epochs: 10000 epochs of adam)"


def test_histories_are_cut_to_the_room_of_a_record() -> None:
    assert len(kept(history(0.1, epochs=300)).loss) == 301
    assert len(kept(history(0.1, epochs=5_000)).loss) <= ROWS + 1
    many = kept(history(0.1, epochs=5_000, columns=tuple(f"{k}.weight" for k in range(1_000))))
    assert many.weights.size <= NUMBERS + 1_000
    most = kept(history(0.1, epochs=60, columns=tuple(f"{k}" for k in range(NUMBERS))))
    assert len(most.loss) <= FEWEST + 1


def test_records_are_equal_number_by_number() -> None:
    one = training()
    assert one == training() and one != replace(one, steps=1) and one != "training"
    assert history(0.1) == history(0.1) and history(0.1) != history(0.2) and history(0.1) != 0.1


def test_timescales_are_products() -> None:
    one = training()
    assert one.elapsed(0.0) == 0.0 and one.elapsed(10.0) == 10.0 * one.timescales
    assert one.timescales == pytest.approx(one.learning_rate * one.steps)
