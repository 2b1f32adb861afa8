"""All sections of `wd.why.explain`, those that make no sense for the data, and what of them a page shows."""

from __future__ import annotations

import json

import numpy as np
import pytest

import weightdecay as wd
from weightdecay.records.why import Refused
from weightdecay.show.page_pictures import Room
from weightdecay.show.why_part import why_parts
from weightdecay.show.why_sections import SECTIONS as SHOWN
from weightdecay.studies import why
from weightdecay.studies.why.explaining import SECTIONS


def data(n: int, p: int = 4) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n, p))
    return X, X[:, 0] + rng.standard_normal(n)


def test_names_are_functions_though_modules_have_them_too() -> None:
    assert set(why.__all__) == {*SECTIONS, "explain"}
    assert all(callable(getattr(why, name)) for name in why.__all__)


def test_every_section_is_there_in_order_and_on_the_page() -> None:
    X, y = data(24, 3)
    tuning = wd.tune(wd.LinearRegression(), X, y)
    found = why.explain(tuning, wd.LinearRegression(), X, y)
    assert [type(one).__name__ for one in found] == [
        "BiasVariance",
        "LearningCurve",
        "Noise",
        "Sensitivity",
        "DoubleDescent",
    ]
    assert [type(one).__name__ for one in found] == list(SHOWN)[:5]
    for one in found:
        assert json.loads(one.to_json()) and one.sentences()
    parts = why_parts(found, Room(wide=False))
    assert all(part.picture is not None and part.lines for part in parts)
    assert sum(len(part.picture.address) for part in parts if part.picture) < 90_000


def test_what_makes_no_sense_is_told_unless_it_was_asked_for() -> None:
    X, y = data(9, 2)
    estimator = wd.LinearRegression()
    tuning = wd.tune(estimator, X, y)
    found = why.explain(tuning, estimator, X, y)
    refused = {one.what: one.reason for one in found if isinstance(one, Refused)}
    assert "at least 12 rows" in refused["double_descent"]
    assert len(found) == 5 and type(found[0]).__name__ == "BiasVariance"
    with pytest.raises(ValueError, match="at least 12 rows"):
        why.explain(tuning, estimator, X, y, "double_descent")
    with pytest.raises(ValueError, match="explain='bias' is not known; give some of 'bias_variance'"):
        why.explain(tuning, estimator, X, y, ["bias"])


def test_sections_may_be_chosen_and_take_the_weights() -> None:
    X, y = data(30)
    weight = np.append(np.ones(25), np.zeros(5))
    estimator = wd.LinearRegression()
    tuning = wd.tune(estimator, X, y, sample_weight=weight)
    first, second = why.explain(tuning, estimator, X, y, ["double_descent", "bias_variance"], sample_weight=weight)
    assert first.n_rows == 25 and first.decay == tuning.decay
    assert second.n_train + second.n_test == 25
    tuning = wd.tune(estimator, X, y, cv=3)
    (other,) = why.explain(tuning, estimator, X, y, "bias_variance", cv=3)
    assert (other.folds, other.decay) == ("3 folds", tuning.decay)


@pytest.mark.long
def test_classes_and_networks_have_every_section() -> None:
    X, y = data(120)
    estimator = wd.LogisticRegression()
    tuning = wd.tune(estimator, X, y > 0)
    assert not any(isinstance(one, Refused) for one in why.explain(tuning, estimator, X, y > 0))
    pytest.importorskip("torch")
    network = wd.NetworkRegressor(hidden=(4,), epochs=3, decays=[0.01, 1.0], cv=2, random_state=0)
    found = why.explain(wd.tune(network, X, y), network, X, y)
    assert not any(isinstance(one, Refused) for one in found)
