"""Fits made while the tests run: scikit-learn, statsmodels, and updates as their sources print them."""

from __future__ import annotations

import importlib
import warnings
from collections.abc import Callable, Iterator

import numpy as np
from sklearn import linear_model, neural_network

from decay.oracle import Fit, Floats, columns, slope, target, toy

SHARP = {"tol": 1e-14, "max_iter": 100_000}


def made(name: str, loss: str, value: float, model: object, **more: object) -> Fit:
    """Return the fit of a scikit-learn-like model."""
    coef, intercept = np.ravel(model.coef_), float(np.ravel(model.intercept_)[0])  # type: ignore[attr-defined]
    return Fit(name, name.partition(".")[0], loss, value, tuple(map(float, coef)), intercept, **more)  # type: ignore[arg-type]


def squared() -> Iterator[Fit]:
    """Fit scikit-learn's models of squared loss."""
    X, y, s = columns("raw"), target("squared"), toy()[-1]
    for weights in (None, s):
        weighted = weights is not None
        m = linear_model.Ridge(300.0).fit(X, y, weights)
        yield made("sklearn.Ridge.alpha", "squared", 300.0, m, weighted=weighted)
        m = linear_model.Lasso(12.0, **SHARP).fit(X, y, weights)
        yield made("sklearn.Lasso.alpha", "squared", 12.0, m, mix=1.0, weighted=weighted)
        for mix in (0.0, 0.1, 0.5, 1.0):
            m = linear_model.ElasticNet(12.0, l1_ratio=mix, **SHARP).fit(X, y, weights)
            yield made("sklearn.ElasticNet.alpha", "squared", 12.0, m, mix=mix, weighted=weighted)
    m = linear_model.TweedieRegressor(power=0, alpha=12.0, solver="newton-cholesky").fit(X, y)
    yield made("sklearn.TweedieRegressor.alpha", "squared", 12.0, m)
    # The precision of the weights over that of the noise is the prior precision for a noise of variance 1.
    m = linear_model.BayesianRidge(tol=1e-14, max_iter=10_000).fit(columns("scaled"), y)
    yield made("prior_precision", "squared", m.lambda_ / m.alpha_, m, columns="scaled", tolerance=1e-5)


def classified() -> Iterator[Fit]:
    """Fit scikit-learn's classifiers."""
    X, z, s = columns("scaled"), target("log"), toy()[-1]
    for weights in (None, s):
        for mix in (0.0, 0.5, 1.0):
            solver = "newton-cholesky" if mix == 0 else "saga"
            m = linear_model.LogisticRegression(C=0.3, l1_ratio=mix, solver=solver, tol=1e-12, max_iter=100_000)
            if mix and m.penalty == "l2":  # before scikit-learn 1.8 the mix counted only under this name
                m.set_params(penalty="elasticnet")
            m.fit(X, z, weights)
            yield made(
                "sklearn.LogisticRegression.C", "log", 0.3, m, mix=mix, columns="scaled", weighted=weights is not None
            )
    m = linear_model.RidgeClassifier(30.0).fit(X, z)
    yield made("sklearn.RidgeClassifier.alpha", "sign", 30.0, m, columns="scaled")


def counted() -> Iterator[Fit]:
    """Fit scikit-learn's generalised linear models."""
    X, s = columns("scaled"), toy()[-1]
    for weights in (None, s):
        for name, loss in (("PoissonRegressor", "poisson"), ("GammaRegressor", "gamma")):
            m = getattr(linear_model, name)(alpha=0.15, solver="newton-cholesky", tol=1e-12).fit(
                X, target(loss), weights
            )
            yield made(f"sklearn.{name}.alpha", loss, 0.15, m, columns="scaled", weighted=weights is not None)


def stochastic() -> Iterator[Fit]:
    """Fit scikit-learn's SGD in small steps: near the minimum, by a noise of the size of the steps."""
    X, s = columns("scaled"), toy()[-1]
    still = {"learning_rate": "constant", "eta0": 1e-3, "average": 40_000, "max_iter": 2000}
    # Its averages forget L1, whose truncation is not averaged: there the steps shrink instead.
    shrinking = {"learning_rate": "invscaling", "eta0": 1e-2, "power_t": 0.5, "max_iter": 50_000}
    for weights in (None, s):
        for mix in (0.0, 0.5):
            options = {"penalty": "elasticnet", "l1_ratio": mix, "tol": None, "random_state": 0}
            options |= shrinking if mix else still
            more = {"mix": mix, "columns": "scaled", "weighted": weights is not None, "tolerance": 0.025}
            value = 0.1 if mix else 0.3
            m = linear_model.SGDClassifier("log_loss", alpha=value, **options)
            m.fit(X, target("log"), sample_weight=weights)
            yield made("sklearn.SGDClassifier.alpha", "log", value, m, **more)
            value = 10.0 if mix else 0.3
            m = linear_model.SGDRegressor(alpha=value, **options)
            m.fit(X, target("squared"), sample_weight=weights)
            yield made("sklearn.SGDRegressor.alpha", "squared", value, m, **more)


def perceptrons() -> Iterator[Fit]:
    """Fit scikit-learn's networks without hidden layers, which are the linear models, in full batch."""
    X = columns("scaled")
    for name, loss, alpha in (("MLPClassifier", "log", 4.0), ("MLPRegressor", "squared", 4.0)):
        m = getattr(neural_network, name)(
            hidden_layer_sizes=(), alpha=alpha, solver="lbfgs", tol=1e-14, max_iter=10_000, random_state=0
        )
        m.fit(X, target(loss))
        facts, coef = {"batch_size": len(X)}, tuple(map(float, m.coefs_[0].ravel()))
        yield Fit(
            f"sklearn.{name}.alpha",
            "sklearn",
            loss,
            alpha,
            coef,
            float(m.intercepts_[0][0]),
            0.0,
            "scaled",
            facts=facts,
            tolerance=5e-4,
        )


def statsmodels() -> Iterator[Fit]:
    """Fit statsmodels' regularised models, whose constant is decayed like any column.

    Weighted least squares divide by the sum of the weights, a weighted GLM by the number of rows all the same.
    """
    sm = importlib.import_module("statsmodels.api")
    X, s = columns("scaled+1"), toy()[-1]
    families = {"squared": None, "log": sm.families.Binomial(), "poisson": sm.families.Poisson()}
    sharp = {"cnvrg_tol": 1e-13, "maxiter": 5000}
    for loss, family in families.items():
        y, value = target(loss), {"squared": 2.0, "log": 0.07, "poisson": 0.15}[loss]
        for weights in ({}, {"weights": s}) if family is None else ({}, {"freq_weights": s}, {"var_weights": s}):
            name = "statsmodels.GLM.fit_regularized.alpha" if family else "statsmodels.fit_regularized.alpha"
            for mix in (0.0, 0.5, 1.0):
                if loss == "poisson" and mix == 0.5:
                    continue  # here it drops a column too early: its coefficients miss its own optimum
                if family is None:
                    m = sm.WLS(y, X, **weights) if weights else sm.OLS(y, X)
                else:
                    m = sm.GLM(y, X, family=family, **weights)
                options = {} if mix == 0 and family is None else sharp
                coef = m.fit_regularized(alpha=value, L1_wt=mix, **options).params
                more = {"mix": mix, "columns": "scaled+1", "weighted": bool(weights), "tolerance": 5e-4}
                for one in {name} if weights else {name, "statsmodels.fit_regularized.alpha"}:
                    yield Fit(one, "statsmodels", loss, value, tuple(map(float, coef)), None, **more)


def descend(step: Callable[[Floats, Floats, int], Floats], loss: str, rate: float) -> tuple[tuple[float, ...], float]:
    """Return coefficients and intercept after 4000 full-batch steps w ← step(w, ∇ mean loss, n), b ← b − rate·∇."""
    X, y = columns("scaled"), target(loss)
    w, b = np.zeros(X.shape[1]), 0.0
    for _ in range(4000):
        r = slope(loss, y, X @ w + b)
        w, b = step(w, X.T @ r / len(y), len(y)), b - rate * r.mean()
    return tuple(map(float, w)), float(b)


def updates() -> Iterator[Fit]:
    """Run the updates as their sources print them, at learning rate 0.2, until they stand still."""
    rate = 0.2
    printed: dict[str, tuple[float, Callable[[Floats, Floats, int], Floats]]] = {
        # Ng: θ := θ(1 − αλ/m) − α (1/m) Σ (h − y) x
        "textbook.lambda_over_2m": (9.0, lambda w, g, m: w * (1 - rate * 9.0 / m) - rate * g),
        # Loshchilov & Hutter's algorithm 1 as PyTorch scales it: w := (1 − lr·wd) w − lr·g
        "torch.decoupled.weight_decay": (0.3, lambda w, g, m: (1 - rate * 0.3) * w - rate * g),
        # The same as printed, with schedule multiplier η_t = 1: x := x − (α g + λ x)
        "torch.independent.weight_decay": (0.05, lambda w, g, m: w - (rate * g + 0.05 * w)),
        "torch.coupled.weight_decay": (0.3, lambda w, g, m: w - rate * (g + 0.3 * w)),
    }
    for name, (value, step) in printed.items():
        for loss in ("squared", "log"):
            facts = {"optimizer": "sgd", "learning_rate": rate}
            yield Fit(name, "printed update", loss, value, *descend(step, loss, rate), 0.0, "scaled", facts=facts)


LIVE: dict[str, Callable[[], Iterator[Fit]]] = {
    f.__name__: f for f in (squared, classified, counted, stochastic, perceptrons, statsmodels, updates)
}


def live(name: str) -> list[Fit]:
    """Return the fits of one family of tools; other libraries' remarks on convergence are not what is tested."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(LIVE[name]())
