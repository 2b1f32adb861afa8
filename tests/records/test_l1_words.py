"""Which kind of penalty suits the data, in one sentence; the strength in tools with an L1 part."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import weightdecay as wd
from weightdecay.records.l1_words import suits
from weightdecay.records.trial import Trial


def tuning() -> wd.Tuning:
    """Any record of a squared error."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 3))
    return wd.tune(wd.LinearRegression(l1_ratio=1.0), X, X[:, 0] + rng.standard_normal(40), decays=[0.1, 1.0], cv=4)


def sentence(*trials: tuple[float, float, float], name: str = "l1_ratio", **changed: Any) -> str:
    """Of settings (l1_ratio, mean, paired error), in order of their means."""
    ordered = sorted(trials, key=lambda one: one[1])
    record = replace(
        tuning(), trials=tuple(Trial({name: mix}, 0.1, mean, 0.2, paired) for mix, mean, paired in ordered)
    )
    return suits(replace(record, **changed))


def test_l1_is_better() -> None:
    assert sentence((1.0, 1.02, 0.0), (0.5, 1.1, 0.05), (0.0, 1.31, 0.0967)) == (
        "L1 suits these data better: mean squared error 1.02 against 1.31 for weight decay "
        "(difference 3 paired standard errors)."
    )


def test_weight_decay_is_better_than_the_best_of_the_others() -> None:
    assert sentence((0.0, 1.0, 0.0), (1.0, 1.9, 0.1), (0.5, 1.4, 0.1)) == (
        "Weight decay suits these data better: mean squared error 1 against 1.4 for elastic net "
        "(difference 4 paired standard errors)."
    )


def test_they_cannot_be_told_apart() -> None:
    assert sentence((1.0, 1.0, 0.0), (0.0, 1.2, 0.15)) == (
        "Whether L1 or weight decay suits these data better cannot be told: mean squared error 1 against 1.2 "
        "(difference 1.3 paired standard errors)."
    )


def test_they_do_equally_well() -> None:
    """Within the tolerance of the window, however sure the difference is."""
    assert sentence((0.5, 1.0, 0.0), (0.0, 1.005, 0.001)) == (
        "Elastic net and weight decay suit these data about equally well: mean squared error 1 against 1.005 "
        "(difference 5 paired standard errors)."
    )
    assert sentence((1.0, 0.0, 0.0), (0.0, 0.0, 0.0)).endswith("equally well: mean squared error 0 against 0.")


def test_a_single_hold_out_knows_no_error() -> None:
    found = sentence((1.0, 1.0, math.nan), (0.0, 1.2, math.nan))
    assert found.endswith(
        "for weight decay (on a single set of held-out rows, which does not tell how much of it is chance)."
    )


def test_mixes_of_one_kind_are_told_by_their_numbers() -> None:
    assert sentence((0.9, 1.0, 0.0), (0.2, 2.0, 0.1), name="net__l1_ratio") == (
        "l1_ratio=0.9 suits these data better: mean squared error 1 against 2 for l1_ratio=0.2 "
        "(difference 10 paired standard errors)."
    )


@pytest.mark.parametrize("trials", [[], [(1.0, 1.0, 0.0)], [(1.0, 1.0, 0.0), (1.0, 2.0, 0.1)]])
def test_nothing_is_said_where_nothing_differs(trials: list[tuple[float, float, float]]) -> None:
    assert sentence(*trials) == ""
    assert sentence((1.0, 1.0, 0.0), (0.0, 2.0, 0.1), name="other") == ""


def test_scores_are_told_as_scores() -> None:
    found = sentence((1.0, -0.8, 0.0), (0.0, -0.5, 0.1), scoring="−r2")
    assert found.startswith("L1 suits these data better: r2 0.8 against 0.5 for weight decay")


def test_the_strength_elsewhere() -> None:
    """Both parts: glmnet's scale of y changes the mix, as wd.conversion has it."""
    record = tuning()
    assert "scikit-learn ElasticNet(alpha=0.1, l1_ratio=1), glmnet lambda=0.1 at alpha=1." in record.verdict
    mixed = replace(record, l1_ratio=0.5)
    there = wd.conversion(0.1, "decay", "glmnet.gaussian.lambda", l1_ratio=0.5, y_std=record.y_std)
    assert f"ElasticNet(alpha=0.1, l1_ratio=0.5), glmnet lambda={there.value:.4g} at alpha={there.l1_ratio:.4g}." in (
        mixed.verdict
    )
    logistic = replace(record, model_name="LogisticRegression", l1_ratio=0.5)
    assert "LogisticRegression(C=0.25, l1_ratio=0.5), glmnet lambda=0.1 at alpha=0.5." in logistic.verdict
