"""ROC curves against scikit-learn's, with weights and ties, and thinned without a change of their area."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn import metrics

from weightdecay.tuning import roc_curve as module
from weightdecay.tuning.class_summary import summarise_classes
from weightdecay.tuning.roc_curve import area_under, roc_curve, thinned

Array = NDArray[np.float64]

WEIGHTS = {
    "equal": lambda rng, m: np.ones(m),
    "uneven": lambda rng, m: rng.uniform(0.01, 1.0, m),
    "a few heavy rows": lambda rng, m: rng.pareto(1.1, m) + 0.01,
}


def rows(m: int, weight: str, *, decimals: int = 17, apart: float = 0.8) -> tuple[Array, NDArray[np.bool_], Array]:
    """Scores, which rows are positive, and weights."""
    rng = np.random.default_rng(m)
    positive = rng.random(m) < 0.3
    positive[:2] = [True, False]
    return np.round(rng.standard_normal(m) + apart * positive, decimals), positive, WEIGHTS[weight](rng, m)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("decimals", [17, 1, 0])
@pytest.mark.parametrize("m", [5, 300, 3000])
def test_curve_and_area_are_scikit_learns(m: int, decimals: int, weight: str) -> None:
    score, positive, s = rows(m, weight, decimals=decimals)
    curve = roc_curve(score, positive, s)
    assert len(curve) == 1 + len(np.unique(score))  # one point per distinct score
    false, true, _ = metrics.roc_curve(positive, score, sample_weight=s, drop_intermediate=False)
    np.testing.assert_allclose(curve / curve[-1], np.column_stack([false, true]), atol=1e-12)
    expected = metrics.roc_auc_score(positive, score, sample_weight=s)
    assert area_under(curve) == pytest.approx(expected, rel=1e-12)
    assert area_under(thinned(curve)) == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("weight", WEIGHTS)
@pytest.mark.parametrize("m", [300, 900, 3000, 100_000])
def test_few_points_stay_close_to_all(m: int, weight: str) -> None:
    """At most 200, never back, and nowhere away by more than a stretch of the curve; few corners are all kept."""
    curve = roc_curve(*rows(m, weight, apart=0.3))
    few, rates = thinned(curve), curve / curve[-1]
    assert len(few) <= 200
    np.testing.assert_array_equal(few[[0, -1]], [[0.0, 0.0], [1.0, 1.0]])
    assert (np.diff(few, axis=0) >= -1e-15).all()
    along = np.linspace(0.0, 2.0, 4001)
    away = np.interp(along, few.sum(axis=1), few[:, 0]) - np.interp(along, rates.sum(axis=1), rates[:, 0])
    assert np.abs(away).max() <= 2.0 / 99
    assert 100 < len(few) < len(rates) and (np.abs(away).max() <= 1e-12) == (m == 300)


def test_a_single_class_has_no_curve() -> None:
    one = roc_curve(np.array([0.2, 0.5]), np.array([True, True]), np.ones(2))
    assert math.isnan(area_under(one)) and thinned(one).shape == (0, 2)


def many(m: int, k: int, decimals: int = 2) -> tuple[Array, NDArray[np.intp], Array]:
    """Probabilities with ties, classes of which some are rare, and weights of which some are 0."""
    rng = np.random.default_rng(k)
    code = rng.choice(k, m, p=np.arange(1, k + 1) / (k * (k + 1) / 2))
    P = np.round(softmax(rng.standard_normal((m, k)) + 1.5 * np.eye(k)[code], axis=1), decimals)
    return P, code, rng.integers(0, 4, m) * rng.random(m)


@pytest.mark.parametrize("k", [2, 3, 10, 14])
@pytest.mark.parametrize("m", [250, 4000])
def test_a_summary_has_a_curve_for_each_class(m: int, k: int) -> None:
    """Of the 10 most frequent where there are more, each with the area that scikit-learn tells."""
    P, code, s = many(m, k)
    found = summarise_classes(P, code, s)
    weight = np.bincount(code, s, k)
    expected = [1] if k == 2 else sorted(np.argsort(-weight)[:10])
    assert list(found.curves) == expected
    assert found.roc.size == 0 if k > 2 else found.class_roc.shape == (0, 0, 2)
    for at, curve in found.curves.items():
        area = metrics.roc_auc_score(code == at, P[:, at], sample_weight=s)
        assert np.trapezoid(curve[:, 1], curve[:, 0]) == pytest.approx(area, abs=1e-12)
        assert found.class_auc[at] == pytest.approx(area, abs=1e-12)
        assert len(curve) <= 200 and (np.diff(curve, axis=0).sum(axis=1) > 0).all()


def test_classes_that_cannot_be_compared_have_none() -> None:
    P, code, s = many(300, 4)
    s = s + 0.1
    without = summarise_classes(P, np.where(code == 2, 1, code), s)
    assert list(without.curves) == [0, 1, 3]
    for k in (2, 4):
        alone = summarise_classes(P[:, :k], np.zeros(300, dtype=int), s)
        assert alone.curves == {} and alone.class_roc.shape == (0, 0, 2)


def test_bounds_are_kept_at_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ten points have the area of all as well, though little else."""
    monkeypatch.setattr(module, "MOST_POINTS", 10)
    curve = roc_curve(*rows(2000, "uneven"))
    few: Any = thinned(curve)
    assert len(few) <= 10 and area_under(few) == pytest.approx(area_under(curve), abs=1e-12)
    assert len(few) > 5 and (np.diff(few, axis=0) >= 0).all()
