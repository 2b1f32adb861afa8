"""Diagnostics of a logistic regression against refits by the public estimator, one fold after another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse

import weightdecay as wd
from weightdecay.tuning.class_summary import summarise_classes
from weightdecay.tuning.folds import stratified_folds

Array = NDArray[np.float64]
NAMES = np.array(["ant", "bee", "cat"])


def data(k: int, n: int = 120, p: int = 4, seed: int = 0) -> tuple[Array, NDArray[np.str_]]:
    """Classes that columns of different scales tell apart, more or less."""
    rng = np.random.default_rng(seed)
    code = rng.permutation(np.arange(n) % k)
    X = (rng.standard_normal((k, p))[code] + rng.standard_normal((n, p))) * [1.0, 20.0, 0.1, 3.0][:p] + 5.0
    return X, NAMES[code]


def found_of(tuning: wd.Tuning) -> wd.ClassDiagnostics:
    """The diagnostics of a classifier."""
    assert isinstance(tuning.diagnostics, wd.ClassDiagnostics)
    return tuning.diagnostics


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_is_what_refits_say(k: int, weighted: bool) -> None:
    X, y = data(k)
    n, decay = len(y), 0.02
    s = np.random.default_rng(1).integers(0, 4, n).astype(float) if weighted else np.ones(n)
    pairs = list(stratified_folds(y, 4).splits())
    tuning = wd.tune(wd.LogisticRegression(), X, y, decays=[decay], cv=pairs, sample_weight=s)
    found, model = found_of(tuning), wd.LogisticRegression(decay).fit(X, y, s)
    np.testing.assert_allclose(found.coef, model.coef_, rtol=1e-7)
    np.testing.assert_allclose(found.intercept, model.intercept_, rtol=1e-7)
    free = wd.LogisticRegression(0).fit(X, y, s)
    np.testing.assert_allclose(found.unpenalised, free.coef_, rtol=1e-5)
    P, coefs = np.zeros((n, k)), []
    for train, test in pairs:
        own = decay * s.sum() / s[train].sum()
        fold = wd.LogisticRegression(own).fit(X[train], y[train], s[train])
        coefs.append(fold.coef_)
        P[test] = fold.predict_proba(X[test])
    np.testing.assert_allclose(found.fold_low, np.min(coefs, axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.fold_high, np.max(coefs, axis=0), rtol=1e-5)
    np.testing.assert_allclose(found.fold_std, np.std(coefs, axis=0, ddof=1), rtol=1e-3)
    expected = summarise_classes(P, np.unique(y, return_inverse=True)[1], s)
    np.testing.assert_allclose(found.held_out.confusion, expected.confusion)
    for name in ("rows", "log_loss", "accuracy", "roc_auc", "brier", "slope", "base_log_loss"):
        assert getattr(found.held_out, name) == pytest.approx(getattr(expected, name), rel=1e-5), name
    mean = np.average(X, axis=0, weights=s)
    np.testing.assert_allclose(found.scale, np.sqrt(np.average((X - mean) ** 2, axis=0, weights=s)), rtol=1e-10)
    assert found.classes == tuple(NAMES[:k]) == tuning.classes and found.decay == decay
    assert found.held_out.log_loss == pytest.approx(tuning.mean[0], rel=1e-6)
    assert 0 < found.df < (k - 1) * 4


def test_leave_one_out_has_folds_of_its_own() -> None:
    X, y = data(3)
    tuning = wd.tune(wd.LogisticRegression(), X, y, decays=[0.02], cv="loo")
    found = found_of(tuning)
    assert found.folds.startswith("10") and found.held_out.rows == len(y)
    assert found.held_out.log_loss == pytest.approx(tuning.mean[0], rel=0.1)


def test_rows_that_no_fold_holds_out_have_no_part() -> None:
    X, y = data(2)
    splits = [(np.arange(60), np.arange(60, 90)), (np.arange(90), np.arange(90, 120))]
    found = found_of(wd.tune(wd.LogisticRegression(), X, y, decays=[0.02], cv=splits))
    assert found.held_out.rows == 60


def test_separated_classes_have_no_fit_without_decay() -> None:
    X, y = data(2, n=40, p=2)
    X[:, 0] += 1e3 * (y == "bee")
    found = found_of(wd.tune(wd.LogisticRegression(), X, y, decays=[0.01, 0.1]))
    assert found.unpenalised is None and found.unpenalised_intercept is None
    assert found.held_out.accuracy == 1.0 and found.held_out.slope == math.inf


@pytest.mark.parametrize("kind", ["wide", "csr", "scaled"])
def test_other_forms_of_data_give_the_same(kind: str) -> None:
    X, y = data(3, n=60)
    expected = found_of(wd.tune(wd.LogisticRegression(), X, y, decays=[0.05], cv=4))
    if kind == "wide":
        rng = np.random.default_rng(2)
        X = np.column_stack([X, 1e-12 * rng.standard_normal((60, 80))])
        settings = {"decay_weights": [1.0] * 4 + [1e12] * 80}
        found = found_of(wd.tune(wd.LogisticRegression(**settings), X, y, decays=[0.05], cv=4))
        np.testing.assert_allclose(found.coef[:, :4], expected.coef, rtol=1e-4)
    elif kind == "csr":
        found = found_of(wd.tune(wd.LogisticRegression(), sparse.csr_array(X), y, decays=[0.05], cv=4))
        np.testing.assert_allclose(found.coef, expected.coef, rtol=1e-5)
        np.testing.assert_allclose(found.scale, expected.scale, rtol=1e-9)
    else:
        found = found_of(wd.tune(wd.LogisticRegression(), X * 1e160, y, decays=[0.05], cv=4))
        np.testing.assert_allclose(found.coef * 1e160, expected.coef, rtol=1e-6)
        np.testing.assert_allclose(found.scale / 1e160, expected.scale, rtol=1e-9)
    assert found.held_out.log_loss == pytest.approx(expected.held_out.log_loss, rel=1e-4)


def test_it_is_computed_once() -> None:
    X, y = data(2)
    tuning = wd.tune(wd.LogisticRegression(), X, y, decays=[0.01, 0.1])
    assert tuning.findings is not None and tuning.diagnostics is tuning.later.diagnostics()
    assert wd.Tuning.from_json(tuning.to_json()).diagnostics == tuning.diagnostics


def test_changed_data_are_refused() -> None:
    X, y = data(2)
    tuning = wd.tune(wd.LogisticRegression(), X, y, decays=[0.1])
    X += 1.0
    with pytest.raises(ValueError, match="were changed since the decay was tuned"):
        _ = tuning.diagnostics
