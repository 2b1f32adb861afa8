"""Bias and variance against plain NumPy and scikit-learn: exact sums, simulations from the plug-in model, refits."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import sparse
from scipy.linalg import hadamard
from sklearn.linear_model import GammaRegressor, Ridge
from sklearn.linear_model import LogisticRegression as SkLogistic
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from weightdecay.records.why_variance import BiasVariance
from weightdecay.studies.why import variance_bootstrap, variance_closed
from weightdecay.studies.why.bias_variance import bias_variance
from weightdecay.studies.why.opened import opened
from weightdecay.tuning.progress import Silent

Array = NDArray[np.float64]


def data(n: int, p: int, seed: int = 0, noise: float = 1.0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * rng.uniform(0.5, 3.0, p) + rng.uniform(-2, 2, p)
    return X, X @ (rng.standard_normal(p) / np.sqrt(p)) + noise * rng.standard_normal(n)


def scaled(X: Array, s: Array) -> Array:
    """Columns with weighted mean 0 and variance 1."""
    mean = s @ X / s.sum()
    return np.asarray((X - mean) / np.sqrt(s @ (X - mean) ** 2 / s.sum()))


def fits(Z: Array, s: Array, precision: float, rows: NDArray[np.bool_]) -> Array:
    """The matrix (n, n) that turns y into predictions of all rows by a ridge fit of some rows with an intercept."""
    weight = np.where(rows, s, 0.0)
    Zc = np.column_stack([np.ones(len(Z)), Z])
    D = np.diag([0.0] + [precision] * Z.shape[1])
    return np.asarray(Zc @ np.linalg.pinv(Zc.T @ (weight[:, None] * Zc) + D, hermitian=True) @ (Zc.T * weight))


def left_out(X: Array, s: Array, precision: float) -> Array:
    """R of leave-one-out with the scales of all rows, by n refits."""
    Z, n = scaled(X, s), len(X)
    rows = [np.eye(n)[i] - fits(Z, s, precision, np.arange(n) != i)[i] for i in range(n)]
    return np.array(rows)


def parts(found: BiasVariance, X: Array, y: Array, s: Array, R: Any, *, posterior: bool) -> tuple[Array, Array]:
    """Squared bias and variance by the definition, with the noise that was found."""
    n, S = len(X), s.sum()
    Z = scaled(X, s)
    H = fits(Z, s, found.decay * S, np.ones(n, dtype=bool))
    s = s * n / S
    bias, variance = [], []
    for decay in found.decays:
        r = R(decay * S)
        about = np.average((r @ (H @ y)) ** 2, weights=s)
        cov = found.noise * H / s if posterior else np.zeros((n, n))
        bias.append(about + np.average(np.einsum("ij,jk,ik->i", r, cov, r), weights=s))
        own = np.average(((r - np.eye(n)) ** 2 / s).sum(axis=1), weights=s)
        variance.append(found.noise * own)
    return np.array(bias), np.array(variance)


@pytest.mark.parametrize("plug_in", ["posterior", "coefficients"])
@pytest.mark.parametrize(("n", "p"), [(30, 6), (24, 40)])
def test_leave_one_out_is_what_its_definition_says(n: int, p: int, plug_in: str) -> None:
    X, y = data(n, p)
    found = bias_variance(wd.LinearRegression(), X, y, decays=[1e-3, 0.1, 1.0, 30.0], plug_in=plug_in)
    ones = np.ones(n)
    expected = parts(found, X, y, ones, lambda Λ: left_out(X, ones, Λ), posterior=plug_in == "posterior")
    np.testing.assert_allclose(found.bias, expected[0], rtol=1e-7)
    np.testing.assert_allclose(found.variance, expected[1], rtol=1e-7)
    assert found.way == "closed form" and not found.error.any()


def test_weights_are_those_of_the_rows_and_their_noise() -> None:
    X, y = data(25, 4)
    s = np.random.default_rng(1).uniform(0.5, 2.0, 25)
    found = bias_variance(wd.LinearRegression(), X, y, decays=[0.01, 0.3], sample_weight=s)
    expected = parts(found, X, y, s, lambda Λ: left_out(X, s, Λ), posterior=True)
    np.testing.assert_allclose(found.bias, expected[0], rtol=1e-7)
    np.testing.assert_allclose(found.variance, expected[1], rtol=1e-7)
    again = bias_variance(wd.LinearRegression(), X, y, decays=[0.01, 0.3], sample_weight=7 * s)
    np.testing.assert_allclose(again.expected, found.expected, rtol=1e-9)
    more = np.vstack([X, X[:3] + 1.0]), np.append(y, [9.0, 9.0, 9.0]), np.append(s, [0.0, 0.0, 0.0])
    without = bias_variance(wd.LinearRegression(), *more[:2], decays=[0.01, 0.3], sample_weight=more[2])
    np.testing.assert_allclose(without.expected, found.expected, rtol=1e-9)
    assert without.n_rows == 25


def test_folds_have_scales_of_their_own() -> None:
    X, y = data(40, 5)
    folds = list(KFold(4, shuffle=True, random_state=3).split(X))
    found = bias_variance(wd.LinearRegression(), X, y, decays=[0.05, 1.0], cv=folds, plug_in="coefficients")
    tuned = make_pipeline(StandardScaler(), Ridge(found.decay * 40)).fit(X, y).predict(X)
    for place, decay in enumerate(found.decays):
        bias, variance = np.empty(40), np.empty(40)
        for train, test in folds:
            model = make_pipeline(StandardScaler(), Ridge(decay * 40))
            bias[test] = tuned[test] - model.fit(X[train], tuned[train]).predict(X[test])
            variance[test] = (model.fit(X[train], np.eye(len(train))).predict(X[test]) ** 2).sum(axis=1)
        assert found.bias[place] == pytest.approx((bias**2).mean(), rel=1e-7)
        assert found.variance[place] == pytest.approx(found.noise * variance.mean(), rel=1e-7)


def test_a_simulation_from_the_plug_in_has_that_error() -> None:
    """Coefficients from the posterior, targets of them, and honest refits by scikit-learn."""
    X, y = data(24, 12, noise=2.0)
    found = bias_variance(wd.LinearRegression(), X, y, decays=[0.02, 0.3, 3.0])
    rng, n = np.random.default_rng(5), 24
    Z = scaled(X, np.ones(n))
    gram = Z.T @ Z + found.decay * n * np.eye(12)
    w = np.linalg.solve(gram, Z.T @ (y - y.mean()))
    draws = 400
    truth = rng.multivariate_normal(w, found.noise * np.linalg.inv(gram), draws) @ Z.T + y.mean()
    Y = (truth + np.sqrt(found.noise) * rng.standard_normal((draws, n))).T
    for place, decay in enumerate(found.decays):
        missed = np.empty((n, draws))
        for i in range(n):
            others = np.arange(n) != i
            missed[i] = Y[i] - Ridge(decay * n).fit(Z[others], Y[others]).predict(Z[[i]])[0]
        errors = (missed**2).mean(axis=0)
        assert abs(errors.mean() - found.expected[place]) < 4 * errors.std() / np.sqrt(draws)


def test_an_orthogonal_design_has_the_textbook_formulas() -> None:
    """With XᵀX = n I coefficients shrink by 1/(1 + λ); all rows of ±1 have the same leverage h."""
    n, p = 32, 9
    X = hadamard(n)[:, 1 : p + 1].astype(float)
    y = X @ np.linspace(1.0, 0.1, p) + np.random.default_rng(0).standard_normal(n)
    found = bias_variance(wd.LinearRegression(), X, y, plug_in="coefficients")
    shrink = 1.0 / (1.0 + found.decays)
    w = X.T @ y / n / (1.0 + found.decay)
    h = (1 + p * shrink) / n
    np.testing.assert_allclose(found.bias, ((1 - shrink) / (1 - h)) ** 2 * (w @ w), rtol=1e-9, atol=1e-19)
    variance = found.noise * ((1 + p * shrink**2) / n - h**2) / (1 - h) ** 2
    np.testing.assert_allclose(found.variance, variance, rtol=1e-9)


def test_the_sum_is_the_cross_validated_loss_where_it_was_tuned() -> None:
    X, y = data(50, 20)
    found = bias_variance(wd.LinearRegression(), X, y)
    assert found.decays[0] == 0 and np.isinf(found.decays[-1]) and len(found.decays) <= 28
    j = found.at
    assert found.decays[j] == found.decay
    assert found.expected[j] == pytest.approx(found.cross_validated[j], rel=1e-9)
    tuning = wd.tune(wd.LinearRegression(), X, y, decays=found.decays)
    np.testing.assert_allclose(found.cross_validated, tuning.mean, rtol=1e-9)
    np.testing.assert_allclose(found.standard_error, tuning.standard_error, rtol=1e-9)
    assert (np.diff(found.variance) < 0).all()


def test_random_vectors_come_near_the_exact_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data(60, 10)
    exact = bias_variance(wd.LinearRegression(), X, y, decays=[0.01, 0.3])
    monkeypatch.setattr(variance_closed, "EXACT", 10)
    found = bias_variance(wd.LinearRegression(), X, y, decays=[0.01, 0.3])
    assert found.way == "random vectors" and found.samples == 100
    own = found.bias + found.variance
    assert (np.abs(own - exact.bias - exact.variance) < 5 * found.error).all()
    assert (found.error < 0.2 * own).all()
    assert "100 random vectors" in str(found)


def test_where_least_squares_is_best_of_more_columns_than_rows_the_noise_is_still_told() -> None:
    X, y = data(20, 60, noise=0.3)
    X = X * np.linspace(3.0, 0.05, 60) ** 2
    found = bias_variance(wd.LinearRegression(standardize=False), X, y, cv=5)
    assert 0 < found.noise < found.cross_validated[found.at]


@pytest.mark.long
def test_the_posterior_is_nearer_to_the_true_bias_than_the_coefficients_alone() -> None:
    ratios = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        X, w = rng.standard_normal((60, 40)), rng.standard_normal(40)
        y = X @ (w / np.linalg.norm(w)) + rng.standard_normal(60)
        ones = np.ones(60)
        both = []
        for plug_in in ("posterior", "coefficients"):
            found = bias_variance(wd.LinearRegression(), X, y, decays=[0.1, 1.0], plug_in=plug_in)
            both.append(found.bias)
        R = [left_out(X, ones, decay * 60) for decay in (0.1, 1.0)]
        truth = np.array([((r @ (y - (y - X @ (w / np.linalg.norm(w))))) ** 2).mean() for r in R])
        ratios.append([both[0], both[1], truth])
    posterior, plain, truth = np.mean(ratios, axis=0)
    assert (np.abs(posterior / truth - 1) < 0.25).all()
    assert (plain / truth < 0.85).all()


def test_the_bootstrap_of_ridge_comes_near_the_closed_form() -> None:
    X, y = data(40, 6)
    exact = bias_variance(wd.LinearRegression(), X, y, decays=[0.01, 1.0], cv=4, plug_in="coefficients")
    work = opened(wd.LinearRegression(), X, y, "bias_variance", cv=4)
    folds = work.folds(exact=lambda problem: False)
    tuning = work.tuned(folds)
    found = variance_bootstrap.by_bootstrap(work, folds, tuning, exact.decays, (200, 0, Silent()))
    scale = found.noise / exact.noise
    np.testing.assert_allclose(found.variance, scale * exact.variance, rtol=0.1)
    np.testing.assert_allclose(found.bias, exact.bias, atol=4 * float(found.error.max()))
    training = np.mean((y - tuning.model.predict(X)) ** 2)
    assert found.noise == pytest.approx(np.sqrt(training * tuning.mean[tuning.best]), rel=1e-9)


def test_classes_are_drawn_and_refitted_as_by_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    y = np.array(["no", "yes"])[(X[:, 0] + rng.standard_normal(60) > 0).astype(int)]
    decays, count = [0.02, 0.5], 4
    found = bias_variance(wd.LogisticRegression(), X, y, decays=decays, cv=3, n_bootstrap=count)
    work = opened(wd.LogisticRegression(), X, y, "bias_variance", cv=3)
    folds = work.folds(exact=lambda problem: False)
    truth = work.tuned(folds).model.predict_proba(X)
    generator = np.random.RandomState(0)
    error = np.zeros((count, len(decays)))
    logits = np.zeros((count, len(decays), 60))
    for b in range(count):
        drawn = (truth[:, 0] < generator.random_sample(60)).astype(int)
        for place, decay in enumerate(decays):
            for train, test in folds.splits():
                model = make_pipeline(StandardScaler(), SkLogistic(C=1 / (decay * 60), tol=1e-10, max_iter=1000))
                model.fit(X[train], drawn[train])
                logits[b, place, test] = model.decision_function(X[test])
                chance = model.predict_proba(X[test])
                error[b, place] -= (truth[test] * np.log(chance)).sum() / 60
    np.testing.assert_allclose(found.expected, error.mean(axis=0), rtol=1e-6)
    assert found.noise == pytest.approx(-(truth * np.log(truth)).sum() / 60, rel=1e-12)
    # Variance: the mean divergence from the model of mean logits, its own share in the mean taken out.
    middle = 1 / (1 + np.exp(-logits.mean(axis=0)))
    one = 1 / (1 + np.exp(-logits))
    apart = middle * np.log(middle / one) + (1 - middle) * np.log((1 - middle) / (1 - one))
    np.testing.assert_allclose(found.variance, apart.mean(axis=(0, 2)) * count / (count - 1), rtol=1e-5)


def test_the_laws_add_up() -> None:
    """The expected loss of other means is the noise and the divergence, by drawing from the law."""
    rng = np.random.RandomState(0)
    mean = np.full((200_000, 1), 1.7)
    law = variance_bootstrap.counts()
    y, other = law.draw(mean, rng), np.array([[2.4]])
    with np.errstate(divide="ignore", invalid="ignore"):
        deviance = 2 * (np.where(y > 0, y * np.log(y / 2.4), 0.0) - y + 2.4)
    expected = law.noise(mean[:1])[0] + law.apart(mean[:1], other)[0]
    assert deviance.mean() == pytest.approx(expected, abs=4 * deviance.std() / np.sqrt(200_000))
    chance = np.tile([[0.2, 0.5, 0.3]], (100_000, 1))
    kinds = variance_bootstrap.categories()
    shares = np.bincount(kinds.draw(chance, rng).astype(int)) / 100_000
    np.testing.assert_allclose(shares, chance[0], atol=0.008)
    far = np.array([[0.3, 0.3, 0.4]])
    cross = -(chance[0] * np.log(far[0])).sum()
    assert kinds.noise(chance[:1])[0] + kinds.apart(chance[:1], far)[0] == pytest.approx(cross, rel=1e-12)


def test_other_models_have_it_by_bootstrap() -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((50, 3))
    counts = rng.poisson(np.exp(0.5 * X[:, 0]))
    for estimator, y, loss in (
        (wd.PoissonRegression(), counts, "Poisson deviance"),
        (wd.LinearRegression(l1_ratio=1.0), X[:, 0] + rng.standard_normal(50), "mean squared error"),
        (Ridge(), X[:, 0] + rng.standard_normal(50), "mean squared error"),
    ):
        found = bias_variance(estimator, X, y, decays=[0.01, 1.0], n_bootstrap=5, cv=3)
        assert (found.way, found.samples, found.loss) == ("bootstrap", 5, loss)
        assert found.variance[0] > found.variance[1] > 0
        assert found == BiasVariance.from_json(found.to_json())


def test_networks_too() -> None:
    pytest.importorskip("torch")
    X, y = data(40, 3)
    network = wd.NetworkRegressor(hidden=(4,), epochs=3, decays=[0.01, 1.0], cv=2, random_state=0)
    found = bias_variance(network, X, y, n_bootstrap=2)
    assert found.decay in found.decays and found.samples == 2 and np.isfinite(found.expected).all()


def test_tables_and_sparse_data_as_they_are() -> None:
    rng = np.random.default_rng(0)
    n = 40
    frame = pd.DataFrame({"size": rng.standard_normal(n), "kind": rng.choice(["a", "b", "c"], n)})
    y = frame["size"].to_numpy() + (frame["kind"] == "b") + 0.5 * rng.standard_normal(n)
    frame.loc[3, "size"] = np.nan
    found = bias_variance(wd.LinearRegression(), frame, y, decays=[0.01, 1.0])
    assert found.folds == "10 folds" and found.bias[0] < found.bias[1] and found.variance[0] > found.variance[1]
    X = sparse.random_array((30, 50), density=0.2, rng=rng, format="csr")
    target = X @ rng.standard_normal(50) + 0.1 * rng.standard_normal(30)
    thin = bias_variance(wd.LinearRegression(), X, target, decays=[0.1])
    full = bias_variance(wd.LinearRegression(), X.toarray(), target, decays=[0.1])
    np.testing.assert_allclose(thin.expected, full.expected, rtol=1e-7)
    few = bias_variance(wd.LinearRegression(), *data(8, 2))
    assert np.isfinite(few.expected).all()


def test_what_makes_no_sense_is_refused_in_a_sentence() -> None:
    X, y = data(20, 3)
    several = np.column_stack([y, y])
    for estimator, target, more, words in (
        (wd.LinearRegression(), several, {}, "y has 2"),
        (wd.LinearRegression(), np.ones(20), {}, "the same in all rows"),
        (wd.LinearRegression(decay_groups={"a": [0]}), y, {}, "decay_groups"),
        (wd.LinearRegression(), X.sum(axis=1), {}, "but for errors of rounding"),
        (wd.LinearRegression(), y, {"plug_in": "truth"}, "plug_in='truth'"),
        (wd.LinearRegression(), y, {"n_bootstrap": 1}, "n_bootstrap=1"),
        (wd.LogisticRegression(class_weight="balanced"), y > 0, {}, "class_weight reweighs"),
        (GammaRegressor(), np.exp(y), {}, "has no law for the gamma deviance"),
    ):
        with pytest.raises(ValueError, match=words):
            bias_variance(estimator, X, target, **more)


def test_the_record_says_what_it_holds() -> None:
    X, y = data(50, 30)
    found = bias_variance(wd.LinearRegression(), X, y)
    assert found == BiasVariance.from_json(found.to_json())
    first, second, third, last = found.sentences()
    j = found.at
    assert f"{found.expected[j]:.4g}" in first and "noise" in first
    assert f"{found.variance[0] - found.variance[j]:.4g}" in second and "no decay" in second
    assert "leave-one-out" in third and "posterior" in last
    ends = (
        replace(found, decay=np.inf),
        replace(found, decays=found.decays[1:-1], decay=np.inf),
        replace(found, decay=0.0),
    )
    assert [one.decays[one.at] for one in ends] == [np.inf, found.decays[-2], 0.0]
    with pytest.raises(ValueError, match="not the JSON of a BiasVariance"):
        BiasVariance.from_json("{}")
