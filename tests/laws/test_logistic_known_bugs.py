"""Mistakes that well-known tools made or still make with penalised logistic regression, each kept out by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, KFold, cross_val_score
from statsmodels.api import GLM, Logit, add_constant
from statsmodels.genmod.families import Poisson

import weightdecay as wd
from laws.logistic_oracles import fit, indicators, problem, weighted_scales

Floats = NDArray[np.float64]


def share_of_ones(model: Any, X: Any, s: Floats | None = None) -> float:
    """Mean predicted probability of the second class."""
    return float(np.average(model.predict_proba(X)[:, 1], weights=s))


@pytest.mark.parametrize("decay", [0.01, 1.0, 100.0])
def test_liblinear_10626_the_intercept_is_not_decayed(decay: float) -> None:
    """scikit-learn #10626, #11715: with an unpenalised intercept the mean prediction is the share, at any strength."""
    X, y = problem(100, 4)
    y[np.arange(100) % 3 > 0] = 1
    model = wd.LogisticRegression(decay).fit(X, y)
    assert share_of_ones(model, X) == pytest.approx(y.mean(), rel=1e-9)
    decayed = LogisticRegression(C=1 / (100 * decay), solver="liblinear", tol=1e-10).fit(X / X.std(axis=0), y)
    assert abs(share_of_ones(decayed, X / X.std(axis=0)) - y.mean()) > 1e-4


@pytest.mark.parametrize("k", [2, 3])
def test_dask_glm_65_every_intercept_is_free(k: int) -> None:
    """dask-glm #65, dask-ml #860: the shares of all classes are met, with weights and columns far from 0."""
    X, y = problem(90, 4, k=k)
    s = np.random.default_rng(0).uniform(0.2, 3, 90)
    model = wd.LogisticRegression(2.0).fit(X + 50, y, s)
    found = np.average(model.predict_proba(X + 50), axis=0, weights=s)
    np.testing.assert_allclose(found, np.bincount(y, s) / s.sum(), rtol=1e-8)


def test_celer_96_a_shift_of_the_columns_changes_nothing() -> None:
    """celer #96, skglm #97: without an intercept the origin would matter."""
    X, y = problem(80, 3)
    first, second = (wd.LogisticRegression(0.1, standardize=False).fit(one, y) for one in (X, X - 7.0))
    np.testing.assert_allclose(first.coef_, second.coef_, rtol=1e-9)
    np.testing.assert_allclose(first.predict_proba(X), second.predict_proba(X - 7.0), rtol=1e-9)


def test_statsmodels_1669_a_constant_column_is_not_a_decayed_intercept() -> None:
    """statsmodels #1669: a column of ones beside the intercept takes nothing from it."""
    X, y = problem(80, 3)
    model = wd.LogisticRegression(1.0).fit(add_constant(X), y)
    plain = wd.LogisticRegression(1.0).fit(X, y)
    assert model.coef_[0, 0] == 0
    np.testing.assert_allclose(model.intercept_, plain.intercept_, rtol=1e-9)


def test_scikit_learn_25906_held_out_losses_see_the_weights() -> None:
    """scikit-learn #25906, #29416, #4632: rows of weight 0 neither train nor count, and folds count by their weight."""
    X, y = problem(80, 3)
    s = np.random.default_rng(0).uniform(0.1, 3, 80)
    s[::4] = 0.0
    spoilt, wrong = X.copy(), y.copy()
    spoilt[::4] *= 50.0
    wrong[::4] = 1 - wrong[::4]
    a, b = (
        wd.tune(wd.LogisticRegression(), *data, cv=KFold(4), decays=[0.01, 1.0], sample_weight=s)
        for data in ((X, y), (spoilt, wrong))
    )
    np.testing.assert_allclose(a.losses, b.losses, rtol=1e-8)
    weight = [s[test].sum() for _, test in KFold(4).split(X)]
    np.testing.assert_allclose(a.mean, np.average(a.losses, axis=0, weights=weight), rtol=1e-12)


def test_scikit_learn_26848_tuning_does_not_feel_the_scale_of_the_weights() -> None:
    """scikit-learn #26848, #5364: all weights × 10 is no ten times weaker decay."""
    X, y = problem(80, 4)
    s = np.random.default_rng(0).uniform(0.5, 2, 80)
    a, b = (wd.tune(wd.LogisticRegression(), X, y, cv=4, sample_weight=c * s, decays=[1e-3, 0.1]) for c in (1.0, 1e3))
    np.testing.assert_allclose(a.losses, b.losses, rtol=1e-7)
    assert a.decay == b.decay


def test_scikit_learn_32042_folds_share_the_prior_precision() -> None:
    """scikit-learn PR #32042: the tuned strength is handed to the refit in a unit that knows the number of rows."""
    X, y = problem(80, 4)
    found = wd.tune(wd.LogisticRegression(standardize=False), X, y, cv=KFold(2), decays=[0.05])
    train, test = next(KFold(2).split(X))
    model = wd.LogisticRegression(0.05 * 80 / 40, standardize=False).fit(X[train], y[train])
    chances = model.predict_proba(X[test])[np.arange(40), y[test]]
    assert found.losses[0, 0] == pytest.approx(-np.log(chances).mean(), rel=1e-8)


def test_scikit_learn_33214_the_choice_is_by_log_loss() -> None:
    """scikit-learn #33214: for ten years C was chosen by accuracy."""
    X, y = problem(80, 4)
    plain, named = (wd.tune(wd.LogisticRegression(scoring=one), X, y, cv=4) for one in (None, "neg_log_loss"))
    shared = np.intersect1d(plain.decays, named.decays)
    at = (np.searchsorted(plain.decays, shared), np.searchsorted(named.decays, shared))
    np.testing.assert_allclose(plain.losses[:, at[0]], named.losses[:, at[1]], rtol=1e-6)


def test_scikit_learn_16398_an_optimum_beyond_the_usual_grid_is_found() -> None:
    """scikit-learn #16398, rMVPA #87: columns that say nothing want a decay beyond any fixed grid."""
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((60, 40)), np.arange(60) % 2
    found = wd.tune(wd.LogisticRegression(), X, y, cv=5)
    constant = wd.tune(wd.LogisticRegression(), X, y, cv=5, decays=[np.inf]).mean[0]
    assert found.mean[found.best] <= constant * 1.005
    assert found.decay > 1.0


def test_scikit_learn_18994_no_decay_is_allowed() -> None:
    """scikit-learn #18994, #14070, pingouin #53: decay=0 is plain maximum likelihood, and says so by its numbers."""
    X, y = problem(200, 3, noise=3.0)
    expected = Logit(y, add_constant(X)).fit(disp=0, method="newton", maxiter=100, tol=1e-14).params
    model = wd.LogisticRegression(0.0).fit(X, y)
    np.testing.assert_allclose(np.append(model.intercept_, model.coef_), expected, rtol=1e-8)
    X, y = problem(200, 3, k=0)
    expected = GLM(y, add_constant(X), family=Poisson()).fit(tol=1e-14).params
    counts = wd.PoissonRegression(0.0).fit(X, y)
    np.testing.assert_allclose(np.append(counts.intercept_, counts.coef_), expected, rtol=1e-8)


def test_adelie_an_error_bar_is_a_standard_error() -> None:
    """adelie, himalaya and scikit-learn's example show a standard deviation: √F times too wide."""
    X, y = problem(90, 4)
    found = wd.tune(wd.LogisticRegression(), X, y, cv=KFold(6), decays=[0.01, 0.1])
    spread = found.losses.std(axis=0) / np.sqrt(5)
    np.testing.assert_allclose(found.standard_error, spread, rtol=1e-9)


@pytest.mark.parametrize("k", [2, 3])
def test_sparse_lm_96_one_standard_error_is_towards_more_decay(k: int) -> None:
    """sparse-lm #96, tune #664: home-made rules picked a smaller penalty."""
    X, y = problem(90, 6, k=k)
    found = wd.tune(wd.LogisticRegression(rule="1se"), X, y, cv=5)
    assert found.decay == found.decay_1se >= found.decay_min
    at = int(np.searchsorted(found.decays, found.decay_1se))
    best = int(np.searchsorted(found.decays, found.decay_min))
    assert found.mean[at] <= found.mean[best] + found.standard_error[best]


def test_fastridge_leave_one_out_refits_the_intercept() -> None:
    """fastridge: without the intercept's leverage the error is too small. Of a constant model it is known exactly."""
    X, y = problem(40, 3)
    found = wd.tune(wd.LogisticRegression(), X, y, cv="loo", decays=[np.inf])
    one = y.sum()
    share = (y * (one - 1) + (1 - y) * (40 - one - 1)) / 39.0
    assert found.losses[0, 0] == pytest.approx(-np.log(share).mean(), rel=1e-9)
    counts = np.arange(30) % 5
    found = wd.tune(
        wd.PoissonRegression(), np.ones((30, 1)) * np.arange(30)[:, None], counts, cv="loo", decays=[np.inf]
    )
    mean = (counts.sum() - counts) / 29.0
    loss = mean - counts + np.where(counts > 0, counts * np.log(np.maximum(counts, 1) / mean), 0.0)
    assert found.losses[0, 0] == pytest.approx(2.0 * loss.mean(), rel=1e-9)


def test_scikit_learn_11715_the_search_and_the_fit_agree() -> None:
    """scikit-learn #11715, #9979: LogisticRegression and its CV twin disagreed at the same C."""
    X, y = problem(90, 5)
    found = wd.tune(wd.LogisticRegression(), X, y, cv=5)
    alone = wd.LogisticRegression(found.decay).fit(X, y)
    np.testing.assert_allclose(found.model.coef_, alone.coef_, rtol=1e-9)
    np.testing.assert_allclose(found.model.intercept_, alone.intercept_, rtol=1e-9)


def test_scikit_learn_29634_groups_reach_the_splitter() -> None:
    """scikit-learn PR #29634: a group splitter within fit."""
    X, y = problem(90, 4)
    groups = np.arange(90) // 9
    model = wd.LogisticRegression(cv=GroupKFold(5), decays=[0.01, 0.1]).fit(X, y, groups=groups)
    found = wd.tune(wd.LogisticRegression(), X, y, cv=GroupKFold(5), decays=[0.01, 0.1], groups=groups)
    np.testing.assert_array_equal(model.tuning_.losses, found.losses)


def test_scikit_learn_10998_score_is_accuracy_and_takes_weights() -> None:
    """scikit-learn's own tools see an ordinary classifier."""
    X, y = problem(90, 4)
    model = wd.LogisticRegression(0.05).fit(X, y)
    s = np.random.default_rng(0).uniform(0, 1, 90)
    assert model.score(X, y, s) == pytest.approx(np.average(model.predict(X) == y, weights=s))
    assert cross_val_score(wd.LogisticRegression(0.05), X, y, cv=3, scoring="neg_log_loss").shape == (3,)


def test_scikit_learn_17624_the_scale_of_a_column_does_not_choose() -> None:
    """scikit-learn #17624: a search that depends on the units of the columns."""
    X, y = problem(90, 5)
    a, b = (wd.tune(wd.LogisticRegression(), one, y, cv=4) for one in (X, X * [1e6, 1.0, 1e-6, 10.0, 3.0]))
    assert b.decay == pytest.approx(a.decay, rel=1e-4)
    assert b.mean.min() == pytest.approx(a.mean.min(), rel=1e-7)


def test_spark_10702_standardising_is_inside_and_undone() -> None:
    """spark PR #10702, #779: coefficients come back in the units of the columns, with standard deviations of 1/Σs."""
    X, y = problem(60, 4)
    s = np.random.default_rng(0).uniform(0.5, 2, 60)
    scale = weighted_scales(X, s)
    inside = wd.LogisticRegression(0.05).fit(X, y, s)
    outside = wd.LogisticRegression(0.05, standardize=False).fit(X / scale, y, s)
    np.testing.assert_allclose(inside.coef_ * scale, outside.coef_, rtol=1e-9)
    expected = fit("log", X, indicators(y), 0.05 * s.sum(), metric=scale**2, weight=s)
    np.testing.assert_allclose(inside.coef_, expected.coef, rtol=1e-8)


def test_scikit_learn_31733_the_whole_path_is_kept() -> None:
    """scikit-learn #31733, #582: coefficients, training losses and held-out losses at every decay tried."""
    X, y = problem(90, 5, k=3)
    found = wd.tune(wd.LogisticRegression(), X, y, cv=4)
    L = len(found.decays)
    assert found.losses.shape == (4, L) and found.path.coef.shape == (L, 3, 5)
    assert found.path.intercept.shape == (L, 3) and found.path.train_loss.shape == (L,)
    np.testing.assert_array_equal(found.path.decays, found.decays)
    assert found.path.target_names == found.classes == ("0", "1", "2")
