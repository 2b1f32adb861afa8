"""Summaries of held-out probabilities against scikit-learn's metrics, a general minimiser and exact sums."""

from __future__ import annotations

import math
import warnings

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logsumexp, softmax
from sklearn import metrics

from weightdecay.records.class_summary import ClassSummary
from weightdecay.tuning.calibration import calibrate, recalibrate, wilson
from weightdecay.tuning.class_summary import summarise_classes

Array = NDArray[np.float64]
Rows = tuple[Array, NDArray[np.intp], Array]


def rows(m: int, k: int, *, seed: int = 0, ties: bool = False, slope: float = 1.0) -> Rows:
    """Probabilities, classes drawn from them sharpened by a slope, and weights of which some are 0."""
    rng = np.random.default_rng(seed)
    P = softmax(1.5 * rng.standard_normal((m, k)), axis=1)
    if ties:
        P = np.round(P, 1) + 0.05
        P /= P.sum(axis=1, keepdims=True)
    true = softmax(slope * np.log(P), axis=1)
    code = (true.cumsum(axis=1) < rng.random((m, 1))).sum(axis=1).clip(0, k - 1)
    weight = rng.integers(0, 4, m) * rng.random(m)
    return P, code, weight


def scikit_learn(P: Array, code: NDArray[np.intp], weight: Array) -> dict[str, float]:
    """The same metrics by scikit-learn."""
    used = weight > 0
    P, code, weight = P[used], code[used], weight[used]
    said, k = P.argmax(axis=1), P.shape[1]
    score, many = (P[:, 1], {}) if k == 2 else (P, {"multi_class": "ovr", "labels": np.arange(k)})
    average = "binary" if k == 2 else "macro"
    return {
        "log_loss": metrics.log_loss(code, P, sample_weight=weight, labels=np.arange(k)),
        "accuracy": metrics.accuracy_score(code, said, sample_weight=weight),
        "balanced_accuracy": metrics.balanced_accuracy_score(code, said, sample_weight=weight),
        "f1": metrics.f1_score(code, said, sample_weight=weight, average=average),
        "roc_auc": metrics.roc_auc_score(code, score, sample_weight=weight, **many),
        "brier": metrics.brier_score_loss(code, score, sample_weight=weight, labels=np.arange(k)),
    }


@pytest.mark.parametrize("k", [2, 3, 7])
@pytest.mark.parametrize("ties", [False, True])
def test_metrics_are_scikit_learns(k: int, ties: bool) -> None:
    P, code, weight = rows(400, k, ties=ties)
    found = summarise_classes(P, code, weight)
    for name, value in scikit_learn(P, code, weight).items():
        assert getattr(found, name) == pytest.approx(value, rel=1e-12), name
    expected = metrics.confusion_matrix(code, P.argmax(axis=1), sample_weight=weight)
    np.testing.assert_allclose(found.confusion, expected, rtol=1e-12)
    assert found.rows == np.count_nonzero(weight) and found.weight == pytest.approx(weight.sum())
    for name, values in (("recall_score", found.recall), ("precision_score", found.precision)):
        truth = getattr(metrics, name)(code, P.argmax(axis=1), sample_weight=weight, average=None)
        np.testing.assert_allclose(values, truth, rtol=1e-12)
    np.testing.assert_allclose(found.mean_probability, np.average(P, axis=0, weights=weight), rtol=1e-12)


@pytest.mark.parametrize("k", [2, 4])
def test_a_weight_is_so_many_rows_and_the_unit_of_weights_is_nothing(k: int) -> None:
    P, code, _ = rows(150, k, seed=1)
    times = np.random.default_rng(3).integers(0, 4, 150)
    at = np.repeat(np.arange(150), times)
    weighted, repeated = summarise_classes(P, code, times), summarise_classes(P[at], code[at], np.ones(len(at)))
    scaled = summarise_classes(P, code, 7.5 * times)
    for name in ("log_loss", "base_log_loss", "accuracy", "base_accuracy", "f1", "roc_auc", "brier", "slope"):
        assert getattr(weighted, name) == pytest.approx(getattr(repeated, name), rel=1e-9), name
        assert getattr(weighted, name) == pytest.approx(getattr(scaled, name), rel=1e-9), name
    np.testing.assert_allclose(scaled.confusion, 7.5 * weighted.confusion)
    np.testing.assert_allclose(scaled.calibration.low, weighted.calibration.low, rtol=1e-9)


def test_guessing_is_what_guessers_get() -> None:
    P, code, weight = rows(300, 3, seed=2)
    found = summarise_classes(P, code, weight)
    shares = np.bincount(code, weights=weight) / weight.sum()
    always = np.tile(shares, (300, 1))
    assert found.base_log_loss == pytest.approx(metrics.log_loss(code, always, sample_weight=weight))
    assert found.base_accuracy == shares.max()
    np.testing.assert_allclose(found.shares, shares)
    alone = summarise_classes(always, code, weight)
    assert alone.log_loss == pytest.approx(found.base_log_loss) and alone.accuracy == pytest.approx(found.base_accuracy)
    assert alone.roc_auc == 0.5 and math.isnan(alone.slope) is False


def test_classes_without_rows_are_left_out_of_means() -> None:
    P, code, weight = rows(300, 4, seed=4)
    code = code % 2  # classes 2 and 3 do not occur, but are predicted
    weight = weight + 0.1
    found = summarise_classes(P, code, weight)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        said = P.argmax(axis=1)
        expected = metrics.balanced_accuracy_score(code, said, sample_weight=weight)
        f1 = metrics.f1_score(code, said, sample_weight=weight, average="macro")
    assert found.balanced_accuracy == pytest.approx(expected) and found.f1 == pytest.approx(f1)
    assert np.isnan(found.recall[2:]).all() and np.isnan(found.class_auc[2:]).all()
    parts = [metrics.roc_auc_score(code == at, P[:, at], sample_weight=weight) for at in (0, 1)]
    assert found.roc_auc == pytest.approx(np.mean(parts))
    never = summarise_classes(np.tile([0.5, 0.3, 0.2], (6, 1)), np.array([0, 1, 0, 1, 1, 0]), np.ones(6))
    assert np.isnan(never.precision[1:]).all() and never.f1 == pytest.approx((2 / 3 + 0) / 2)


def test_a_single_class_has_no_area_and_no_slope() -> None:
    P = np.array([[0.7, 0.3], [0.4, 0.6], [0.9, 0.1]])
    found = summarise_classes(P, [0, 0, 0], [1.0, 2.0, 1.0])
    assert math.isnan(found.roc_auc) and math.isnan(found.slope) and found.roc.shape == (0, 2)
    assert found.accuracy == 0.5 and found.base_accuracy == 1.0 and found.base_log_loss == 0.0
    assert math.isnan(found.f1) or found.f1 == 0.0


@pytest.mark.parametrize(("k", "slope"), [(2, 1.0), (2, 2.5), (3, 1.0), (3, 0.4), (6, 1.7)])
def test_the_slope_is_the_likeliest(k: int, slope: float) -> None:
    P, code, weight = rows(3000, k, seed=6, slope=slope)
    weight = weight + 0.2
    found = recalibrate(P, code, weight)

    def loss(at: Array) -> float:
        if k == 2:
            z = at[0] + at[1] * np.log(P[:, 1] / P[:, 0])
            return -float(weight @ np.log(np.where(code == 1, expit(z), expit(-z)))) / weight.sum()
        z = at[0] * np.log(P)
        return -float(weight @ (z[np.arange(len(z)), code] - logsumexp(z, axis=1))) / weight.sum()

    best = minimize(loss, [0.0, 1.0] if k == 2 else [1.0], tol=1e-14)
    assert found.slope == pytest.approx(best.x[-1], abs=1e-5)
    if k == 2:
        assert found.intercept == pytest.approx(best.x[0], abs=1e-5)
    assert abs(found.slope - slope) < 4 * found.slope_error < 0.6
    # At equal weights the sandwich is the inverse information, where the model holds.
    equal = recalibrate(P, code, np.ones(3000))
    assert recalibrate(P, code, np.full(3000, 9.0)).slope_error == pytest.approx(equal.slope_error)


def test_separated_rows_have_an_infinite_slope() -> None:
    sure = np.array([0.2, 0.3, 0.7, 0.9])
    P = np.column_stack([1 - sure, sure])
    assert summarise_classes(P, [0, 0, 1, 1], np.ones(4)).slope == math.inf
    assert summarise_classes(P, [1, 1, 0, 0], np.ones(4)).slope == -math.inf
    three = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6]])
    assert summarise_classes(three, [0, 1, 2], np.ones(3)).slope == math.inf
    alike = np.full((4, 2), 0.5)
    assert math.isnan(summarise_classes(alike, [0, 1, 0, 1], np.ones(4)).slope)
    assert math.isnan(summarise_classes(np.full((3, 3), 1 / 3), [0, 1, 2], np.ones(3)).slope)
    # A row that ties does not part them, one on the other side does.
    assert summarise_classes(P[[0, 1, 2, 3, 1]], [0, 0, 1, 1, 1], np.ones(5)).slope == math.inf
    P = P[[0, 1, 2, 3, 0]]
    assert 0 < summarise_classes(P, [0, 0, 1, 1, 1], np.ones(5)).slope < math.inf


def test_certain_probabilities_are_summed_up() -> None:
    P = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1e-300, 1.0]])
    found = summarise_classes(P, [0, 1, 1, 1], np.ones(4))
    assert found.log_loss == pytest.approx(-math.log(np.finfo(float).tiny) / 4) and found.accuracy == 0.75
    assert np.isfinite(found.calibration.predicted).all() and not math.isnan(found.slope)


def test_bins_hold_what_they_say() -> None:
    P, code, weight = rows(2000, 2, seed=7)
    weight += 0.05
    p, came = P[:, 1], code == 1
    found = calibrate(p, came, weight)
    assert len(found.weight) == 12 and found.weight.sum() == pytest.approx(weight.sum())
    assert found.weight.max() - found.weight.min() < 2.1 * weight.max()
    at = np.searchsorted(found.edges[1:-1], p, side="right")
    for bin_ in range(12):
        inside = at == bin_
        assert found.predicted[bin_] == pytest.approx(np.average(p[inside], weights=weight[inside]))
        assert found.observed[bin_] == pytest.approx(np.average(came[inside], weights=weight[inside]))
    assert (found.low < found.observed).all() and (found.observed < found.high).all()
    expected = np.average(np.abs(found.observed - found.predicted), weights=found.weight)
    assert found.error == pytest.approx(expected)
    np.testing.assert_allclose(found.histogram, np.histogram(p, 20, (0, 1), weights=weight)[0])
    assert np.all(np.diff(found.edges) > 0) and found.edges[0] == p.min() and found.edges[-1] == p.max()


def test_equal_weights_are_as_scikit_learns_curve() -> None:
    P, code, _ = rows(1200, 2, seed=8)
    found = calibrate(P[:, 1], code == 1, np.ones(1200))
    from sklearn.calibration import calibration_curve

    true, predicted = calibration_curve(code, P[:, 1], n_bins=12, strategy="quantile")
    np.testing.assert_allclose(found.predicted, predicted, atol=2e-3)
    np.testing.assert_allclose(found.observed, true, atol=2e-2)


def test_equal_probabilities_share_a_bin_in_any_order() -> None:
    rng = np.random.default_rng(9)
    p = rng.choice([0.1, 0.2, 0.5, 0.9], 400, p=[0.4, 0.3, 0.2, 0.1])
    came, weight = rng.random(400) < p, rng.random(400) + 0.5
    found = calibrate(p, came, weight)
    assert len(found.weight) == 4
    np.testing.assert_allclose(found.predicted, [0.1, 0.2, 0.5, 0.9])
    order = rng.permutation(400)
    again = calibrate(p[order], came[order], weight[order])
    np.testing.assert_allclose(again.observed, found.observed, rtol=1e-12)
    one = calibrate(np.full(50, 0.3), np.arange(50) < 15, np.ones(50))
    assert len(one.weight) == 1 and one.error == pytest.approx(0.0, abs=1e-12)
    few = calibrate(np.array([0.2, 0.4, 0.9]), np.array([False, True, True]), np.ones(3))
    assert len(few.weight) == 1


def test_the_error_of_true_probabilities_is_what_chance_says() -> None:
    # The oracle: many draws of classes from the very probabilities that are predicted.
    rng = np.random.default_rng(10)
    p, weight = rng.beta(0.5, 1.0, 600), rng.integers(1, 4, 600).astype(float)
    errors = [calibrate(p, rng.random(600) < p, weight) for _ in range(300)]
    drawn = np.array([one.error for one in errors])
    assert drawn.mean() == pytest.approx(errors[0].error_by_chance, rel=0.06)
    assert drawn.std() == pytest.approx(errors[0].chance_std, rel=0.2)


def test_intervals_are_wilsons() -> None:
    # Brown, Cai & DasGupta (2001) tell the interval of 0 of 20 to be (0, 0.1611) and of 5 of 20 (0.1119, 0.4687).
    low, high = wilson(np.array([0.0, 0.25, 1.0]), np.array([20.0, 20.0, 20.0]))
    np.testing.assert_allclose(low, [0.0, 0.1119, 0.8389], atol=5e-5)
    np.testing.assert_allclose(high, [0.1611, 0.4687, 1.0], atol=5e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"probability": np.ones(3)}, "shapes"),
        ({"code": [0, 1]}, "shapes"),
        ({"probability": np.ones((3, 1))}, "k of at least 2"),
        ({"weight": [1.0, -1.0, 1.0]}, "a weight is negative"),
        ({"weight": [0.0, 0.0, 0.0]}, "no row has positive weight"),
        ({"code": [0, 1, 2]}, "a code is none of 0 to 1"),
        ({"code": [0, 1, 0.5]}, "a code is none of 0 to 1"),
        ({"probability": [[0.5, 0.5], [math.nan, 0.5], [0.5, 0.5]]}, "row 1 of those with weight"),
    ],
)
def test_what_does_not_fit_is_told(change: dict[str, object], words: str) -> None:
    given: dict[str, object] = {"probability": np.full((3, 2), 0.5), "code": [0, 1, 0], "weight": np.ones(3)} | change
    with pytest.raises(ValueError, match=words):
        summarise_classes(**given)  # type: ignore[arg-type]


def test_rows_without_weight_may_hold_anything() -> None:
    P, code, weight = rows(50, 3)
    weight[:] = 1.0
    weight[7] = 0.0
    broken = P.copy()
    broken[7] = math.nan
    kept = np.delete(np.arange(50), 7)
    found, fewer = summarise_classes(broken, code, weight), summarise_classes(P[kept], code[kept], weight[kept])
    assert isinstance(found, ClassSummary) and found == fewer
