"""Findings of training, on records made by hand: where each is told, and the decays that are worth a look."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from show.records import tuning
from show.trainings import history, of_network, training
from weightdecay.records.tuning import Reference, Tuning
from weightdecay.tuning.training_findings import telling, training_findings


def told(record: Tuning) -> dict[str, tuple[str, str]]:
    """Severity and message by code."""
    return {one.code: (one.severity, one.message) for one in training_findings(record)}


def lasting(timescales: float, *, decay: float = 0.1, pace: float = 0.01, decays: Any = (0.1,)) -> Tuning:
    """A run of so many timescales of a decay among others."""
    one = replace(training((history(decay, end=1.0),)), timescales=timescales / decay, pace=pace, steps=7)
    record = of_network(one, np.asarray(decays))
    return replace(record, decay=decay, decay_min=decay)


def test_a_run_that_is_short_for_every_decay_is_warned_of() -> None:
    severity, message = told(lasting(0.0999, decays=[0.0, 0.01, 0.1, math.inf]))["WD035"]
    assert severity == "warning" and "run of 7 steps" in message and "0.0999 timescales of the largest, 0.1," in message
    assert "takes 9.5 % of a weight" in message  # 1 − e^(−0.0999)
    assert told(lasting(0.1)) == {}


def test_a_decay_in_use_that_hardly_acts_is_told_of() -> None:
    record = lasting(0.02, decays=[0.1, 1.0, 10.0])
    (finding,) = training_findings(record)
    assert (finding.code, finding.severity) == ("WD035", "info")
    assert "it lasts 0.02 timescales of the decay in use, 0.1, which takes 2 % of a weight" in finding.message
    assert "decays around 5 act within it" in finding.remedy  # 1/(ηT), with ηT = 0.2
    assert told(lasting(0.1001, decays=[0.1, 1.0, 10.0])) == {}
    # No decay takes nothing, on purpose; of infinite decay nothing is left to take from.
    for other in (0.0, math.inf):
        assert told(replace(record, decay=other)) == {}


def test_a_decay_as_strong_as_steps_allow_is_told_of() -> None:
    severity, message = told(lasting(7.0, pace=1.01))["WD035"]
    assert severity == "info" and "every step takes 10 % of a weight (7 steps)" in message
    assert told(lasting(7.0, pace=0.99)) == {}


def test_nothing_is_told_of_forms_without_a_timescale() -> None:
    record = lasting(0.001)
    assert record.training is not None
    known = replace(record.training, pace=math.nan, timescales=math.nan)
    assert told(replace(of_network(known), decays=record.decays)) == {}
    assert training_findings(tuning()) == ()


def rising(least: int, end: float, *, epochs: int = 20, error: float = 0.0, early: bool = False) -> Tuning:
    """A held-out loss that is 1 at an epoch and so much at the last."""
    known = training((history(0.1, least=least, end=end, epochs=epochs),))
    return of_network(replace(known, errors=(error,), early_stopping=early))


def test_over_fitting_by_the_epoch_is_warned_of() -> None:
    (finding,) = training_findings(rising(8, 1.25))
    assert (finding.code, finding.severity) == ("WD036", "warning")
    assert "was least after epoch 8, 1, and is 1.25 after 20" in finding.message
    assert "give epochs=8, 20 % less loss on these held-out rows, or early_stopping=True" in finding.remedy
    # The first half of the epochs, over 5 %, by more than two standard errors, and not where members stop early.
    assert "WD036" in told(rising(10, 1.051)) and told(rising(11, 1.5)) == {}
    assert told(rising(10, 1.049)) == {}
    assert "WD036" in told(rising(8, 1.25, error=0.124)) and told(rising(8, 1.25, error=0.126)) == {}
    assert "WD036" in told(rising(8, 1.25, error=math.nan))
    assert told(rising(8, 1.25, early=True)) == {}


def test_a_held_out_loss_that_is_least_before_training_is_told_of() -> None:
    (finding,) = training_findings(rising(0, 1.5))
    assert "was least before training, 1, and is 1.5 after 20 epochs" in finding.message
    assert "learning_rate" in finding.remedy and "epochs=0" not in finding.remedy


def test_epochs_are_those_of_the_run_where_some_were_left_out() -> None:
    record = rising(1_234, 2.0, epochs=10_000)
    assert record.training is not None
    thin = replace(record.training, histories=tuple(one.thinned(100) for one in record.training.histories))
    assert told(of_network(thin)) == told(record) and "after epoch 1,234" in told(record)["WD036"][1]


def test_a_history_that_diverges_or_is_not_known_is_passed_over() -> None:
    known = training((replace(history(0.1), held_out=np.full(21, math.nan)),))
    assert told(of_network(known)) == {} and told(of_network(training((history(0.0, end=1.0),)))) == {}
    assert "WD036" not in told(replace(rising(8, 1.25), decay=0.5))
    ended = history(0.1)
    lost = replace(ended, held_out=np.r_[ended.held_out[:-1], math.inf])
    assert told(of_network(training((lost,)))) == {}


def curve(mean: list[float], *, constant: float = math.nan, decay: float = 1.0, best: float = 1.0) -> Tuning:
    """A tuning whose decays are powers of ten from 0.01 on."""
    decays = 10.0 ** np.arange(-2, len(mean) - 2)
    end = () if math.isnan(constant) else (Reference("infinite decay", math.inf, constant, 0.1),)
    one = tuning(decays=decays)
    return replace(one, mean=np.array(mean), decay=decay, decay_min=best, references=end, tolerance=0.01)


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        # Half of the way from 1 to 3 is 2.
        (curve([1.5, 1.2, 1.0, 1.5, 2.1, 2.9], constant=3.0), [0.0, 1.0, 100.0]),
        # No decay goes that far: the last, as it is worse.
        (curve([1.5, 1.2, 1.0, 1.5, 1.6], constant=3.0), [0.0, 1.0, 100.0]),
        # The last is no worse than the tolerance.
        (curve([1.5, 1.2, 1.0, 1.005], constant=3.0), [0.0, 1.0]),
        # Nothing is known of infinite decay, or it is no worse than the best.
        (curve([1.5, 1.2, 1.0, 1.5, 2.1]), [0.0, 1.0, 100.0]),
        (curve([1.5, 1.2, 1.0, 1.5, 1.6], constant=0.9), [0.0, 1.0, 100.0]),
        # One that diverged is not looked at.
        (curve([1.5, 1.2, 1.0, 1.5, math.nan], constant=1.2), [0.0, 1.0, 10.0]),
        # The one in use is beyond the best, none, or infinite.
        (curve([1.5, 1.2, 1.0, 1.5, 2.5], constant=3.0, decay=10.0), [0.0, 10.0, 100.0]),
        (curve([1.5, 1.2, 1.0, 2.5], constant=3.0, decay=0.0), [0.0, 10.0]),
        (curve([1.5, 1.2, 1.0, 2.5], constant=3.0, decay=math.inf), [0.0, 1.0, 10.0]),
    ],
)
def test_telling_decays_are_none_the_one_in_use_and_one_too_strong(record: Tuning, expected: list[float]) -> None:
    np.testing.assert_allclose(telling(record), expected)
