"""WD027: where probabilities do not mean what they say, and where they may."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from show.class_records import class_diagnostics
from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.tuning import class_findings as module
from weightdecay.tuning.class_findings import class_findings
from weightdecay.tuning.class_summary import summarise_classes

FOUND = class_diagnostics(2)


def with_slope(slope: float, error: float, distance: float = 0.0) -> ClassDiagnostics:
    """Diagnostics of such a slope, and of such a distance beside one of 0.01 by chance."""
    bins = replace(FOUND.held_out.calibration, error=distance, error_by_chance=0.01, chance_std=0.01)
    return replace(FOUND, held_out=replace(FOUND.held_out, slope=slope, slope_error=error, calibration=bins))


@pytest.mark.parametrize(
    ("slope", "error", "distance", "told"),
    [
        (2.1, 0.3, 0.0, "less sure than they could be"),
        (1.9, 0.3, 0.0, ""),
        (2.1, 0.4, 0.0, ""),  # not certain
        (0.45, 0.1, 0.0, "surer than they should be"),
        (0.55, 0.1, 0.0, ""),
        (0.45, 0.2, 0.0, ""),
        (1.0, 0.1, 0.06, "differ from what came true by 6 percentage points on average, where chance would give 1"),
        (1.0, 0.1, 0.045, ""),
        (math.inf, math.nan, 0.0, ""),
        (math.inf, math.nan, 0.2, "by 20 percentage points"),
        (math.nan, math.nan, 0.0, ""),
    ],
)
def test_it_is_told_beyond_its_thresholds(slope: float, error: float, distance: float, told: str) -> None:
    found = list(class_findings(with_slope(slope, error, distance)))
    assert len(found) == bool(told)
    if told:
        assert told in found[0].message and found[0].code == "WD027"


def test_a_distance_that_chance_gives_is_not_told() -> None:
    bins = replace(FOUND.held_out.calibration, error=0.12, error_by_chance=0.08, chance_std=0.02)
    found = replace(FOUND, held_out=replace(FOUND.held_out, slope=1.0, slope_error=0.1, calibration=bins))
    assert not list(class_findings(found))


def test_regressions_have_none() -> None:
    assert not list(class_findings(None))


def test_true_probabilities_are_seldom_blamed() -> None:
    # Classes drawn from the very probabilities: of 200 samples of each size hardly any may be told.
    rng = np.random.default_rng(0)
    for m, k in ((60, 2), (500, 2), (200, 4)):
        told = 0
        for _ in range(200):
            P = rng.dirichlet(np.full(k, 0.7), m)
            code = (P.cumsum(axis=1) < rng.random((m, 1))).sum(axis=1).clip(0, k - 1)
            summary = summarise_classes(P, code, np.ones(m))
            told += len(list(class_findings(replace(FOUND, held_out=summary))))
        assert told <= 4


def test_flattened_and_sharpened_probabilities_are_told() -> None:
    rng = np.random.default_rng(1)
    P = rng.dirichlet(np.full(3, 0.7), 2000)
    code = (P.cumsum(axis=1) < rng.random((2000, 1))).sum(axis=1).clip(0, 2)
    for power, words in ((0.3, "less sure"), (4.0, "surer")):
        bent = np.maximum(P, 1e-12) ** power
        bent /= bent.sum(axis=1, keepdims=True)
        (found,) = class_findings(replace(FOUND, held_out=summarise_classes(bent, code, np.ones(2000))))
        assert words in found.message
    assert not list(class_findings(replace(FOUND, held_out=summarise_classes(P, code, np.ones(2000)))))


def test_the_explanation_says_the_thresholds() -> None:
    from weightdecay.records.codes import explain

    told = explain("WD027").evidence
    assert "above 2 or below 0.5" in told and module.STEEP == 2 and "over 5 percentage points" in told
    assert module.APART == 0.05 and module.CERTAIN == 3 and told.count("three standard") == 2
