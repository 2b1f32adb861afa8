"""Law 6 for leave-one-out: the losses reported are those of n honest refits with full-data scales and the same Λ.

The bar is 1 % at every decay of the window, for ``cv="loo"`` and for the opinion "alo" beside folds. What was
completed is far closer, and tables this small are completed wholly.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.datasets import load_breast_cancer, load_wine

import weightdecay as wd
from laws.logistic_oracles import REPORTED, fit, indicators, left_out_losses, problem, row_losses, weighted_scales

Floats = NDArray[np.float64]


@cache
def data(name: str) -> tuple[Floats, NDArray[np.int64]]:
    """The three sets of the bar, and others."""
    if name in ("breast cancer", "wine"):
        X, y = {"breast cancer": load_breast_cancer, "wine": load_wine}[name](return_X_y=True)
        return X, y.astype(np.int64)
    shapes: Mapping[str, tuple[int, int, int]] = {
        "wide": (40, 100, 2),
        "wide, three classes": (36, 60, 3),
        "tall": (150, 6, 2),
        "counts": (60, 4, 0),
        "wide counts": (30, 45, 0),
    }
    n, p, k = shapes[name]
    return factors(n, p, k) if p > n and k else problem(n, p, k=k, noise=0.7 if k else 0.4)


def factors(n: int, p: int, k: int) -> tuple[Floats, NDArray[np.int64]]:
    """Many columns that show five factors each with noise, and classes that depend on two of them: decay pays."""
    rng = np.random.default_rng(3)
    hidden = rng.standard_normal((n, 5))
    X = 3.0 + (hidden @ rng.standard_normal((5, p)) + 1.5 * rng.standard_normal((n, p))) * rng.uniform(0.2, 5.0, p)
    scores = np.column_stack([hidden @ (2.0 * np.eye(5)[one % 5]) for one in range(k)]) + rng.gumbel(size=(n, k))
    return X, scores.argmax(axis=1).astype(np.int64)


def kind(name: str) -> str:
    return "poisson" if "counts" in name else "log"


def estimator(name: str, *arguments: Any, **settings: Any) -> Any:
    return {"log": wd.LogisticRegression, "poisson": wd.PoissonRegression}[kind(name)](*arguments, **settings)


def targets(name: str) -> Floats:
    y = data(name)[1]
    return y[:, None].astype(float) if kind(name) == "poisson" else indicators(y)


@cache
def window(name: str) -> tuple[float, ...]:
    """Six decays from one end of the window to the other, or about its best decay where it has no end."""
    X, y = data(name)
    found = wd.tune(estimator(name), X, y, cv="loo")
    finite = found.decays[(found.decays > 0) & np.isfinite(found.decays)]
    low, high = max(found.window[0], float(finite[0])), min(found.window[1], float(finite[-1]), 1e4 * found.decay_min)
    return tuple(np.geomspace(low, high, 6).tolist())


@cache
def honest(name: str, decays: tuple[float, ...]) -> Floats:
    """Losses (n, L) of the refits."""
    X, y = data(name)
    metric = weighted_scales(X, np.ones(len(X))) ** 2
    return left_out_losses(kind(name), X, targets(name), np.array(decays) * len(y), metric)


@pytest.mark.parametrize(
    "name",
    ["breast cancer", pytest.param("wine", marks=pytest.mark.long), "wide", "wide, three classes", "tall", "counts"],
)
def test_reported_losses_are_those_of_refits_all_over_the_window(name: str) -> None:
    decays = window(name)
    X, y = data(name)
    loss = honest(name, decays)
    found = wd.tune(estimator(name), X, y, decays=decays, cv="loo")
    assert found.losses.shape == (1, 6)
    np.testing.assert_allclose(found.losses[0], loss.mean(axis=0), rtol=1e-2)
    spread = loss.std(axis=0) / np.sqrt(len(y) - 1)
    np.testing.assert_allclose(found.standard_error, spread, rtol=2e-2)
    best = int(found.best)
    difference = (loss - loss[:, [best]]).std(axis=0) / np.sqrt(len(y) - 1)
    np.testing.assert_allclose(found.paired, difference, rtol=5e-2, atol=1e-3 * spread.max())


@pytest.mark.parametrize("name", ["breast cancer", "wine", "wide", "wide, three classes", "tall"])
def test_the_opinion_beside_folds_is_the_same(name: str) -> None:
    """ "alo" is finished as well: the plain approximation is 50 % off for wine."""
    decays = window(name)
    X, y = data(name)
    opinions = wd.tune(estimator(name), X, y, decays=decays, cv=5).opinions
    assert "alo" in opinions
    np.testing.assert_allclose(opinions["alo"], honest(name, decays).mean(axis=0), rtol=1e-2)


@pytest.mark.parametrize("name", ["breast cancer", "wine", "wide", "wide, three classes", "counts", "wide counts"])
def test_far_from_the_window_as_well(name: str) -> None:
    """Where decay is a thousandth or a hundred times of what is best, the curve is still the curve."""
    middle = float(np.sqrt(window(name)[0] * window(name)[-1]))
    decays = (1e-3 * middle, 100 * middle)
    X, y = data(name)
    found = wd.tune(estimator(name), X, y, decays=decays, cv="loo")
    np.testing.assert_allclose(found.losses[0], honest(name, decays).mean(axis=0), rtol=1e-2)


@pytest.mark.parametrize("name", ["wide", "wide, three classes", "tall", "counts"])
def test_small_tables_are_completed(name: str) -> None:
    """Where n is small every row is completed by exact Newton steps: no approximation is left."""
    X, y = data(name)
    middle = window(name)[2]
    decays = (0.1 * middle, middle, 10 * middle)
    found = wd.tune(estimator(name), X, y, decays=decays, cv="loo")
    np.testing.assert_allclose(found.losses[0], honest(name, decays).mean(axis=0), rtol=1e-6)


@pytest.mark.parametrize("k", [2, 3, 0])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_weights_exempt_columns_and_a_centre(k: int, standardize: bool, fit_intercept: bool) -> None:
    """Rows of weight 0 are neither trained on nor counted; the others count with their weight."""
    X, y = problem(60, 5, k=k, noise=0.7)
    if k == 0:
        X = (X - X.mean(axis=0)) / X.std(axis=0)
    rng = np.random.default_rng(1)
    s = rng.uniform(0.2, 3.0, 60)
    s[4::9] = 0.0
    decay_weights = np.array([0.0, 1.0, 0.5, 2.0, 1.0])
    centre = 0.05 * rng.standard_normal((3 if k == 3 else 1, 5))
    name = "log" if k else "poisson"
    T = indicators(y) if k else y[:, None].astype(float)
    metric = decay_weights * (weighted_scales(X, s) ** 2 if standardize else 1.0)
    decays, expected = np.array([0.003, 0.03, 0.3]), []
    for decay in decays:
        losses = np.zeros(60)
        for row in np.flatnonzero(s):
            rest = s * (np.arange(60) != row)
            model = fit(
                name,
                X[rest > 0],
                T[rest > 0],
                decay * s.sum(),
                metric=metric,
                weight=rest[rest > 0],
                centre=centre,
                fit_intercept=fit_intercept,
            )
            losses[row] = REPORTED[name] * row_losses(name, T[[row]], model.predict(X[[row]]))[0]
        expected.append(s @ losses / s.sum())
    model = {"log": wd.LogisticRegression, "poisson": wd.PoissonRegression}[name](
        standardize=standardize,
        fit_intercept=fit_intercept,
        decay_weights=decay_weights,
        centre=centre if k == 3 else centre[0],
    )
    found = wd.tune(model, X, y, decays=decays, cv="loo", sample_weight=s)
    np.testing.assert_allclose(found.losses[0], expected, rtol=1e-2)


@pytest.mark.parametrize("k", [2, 3])
def test_sparse_columns(k: int) -> None:
    """CSR gives what the same numbers give when they are dense."""
    X, y = problem(80, 8, k=k)
    X[np.abs(X) < 1] = 0.0
    decays = [0.003, 0.03, 0.3]
    dense, sparse = (
        wd.tune(wd.LogisticRegression(), one, y, decays=decays, cv="loo").losses for one in (X, csr_array(X))
    )
    np.testing.assert_allclose(sparse, dense, rtol=1e-6)
    metric = weighted_scales(X, np.ones(80)) ** 2
    expected = left_out_losses("log", X, indicators(y), np.array(decays) * 80, metric).mean(axis=0)
    np.testing.assert_allclose(sparse[0], expected, rtol=1e-2)


def test_a_class_of_two_is_left_with_one() -> None:
    """Without one of two members the class is still there, and its loss is finite."""
    X, y = problem(50, 4)
    y = np.where(np.arange(50) % 25 == 24, 2, np.minimum(y, 1))
    decays = [0.01, 0.1]
    found = wd.tune(wd.LogisticRegression(), X, y, decays=decays, cv="loo")
    metric = weighted_scales(X, np.ones(50)) ** 2
    expected = left_out_losses("log", X, indicators(y), np.array(decays) * 50, metric).mean(axis=0)
    np.testing.assert_allclose(found.losses[0], expected, rtol=1e-2)


def test_how_many_rows_were_completed_is_said() -> None:
    """The number of completed rows stands in the status or in a finding, not only in the code."""
    X, y = data("wine")
    found = wd.tune(wd.LogisticRegression(), X, y, decays=window("wine"), cv="loo")
    said = " ".join([*np.ravel(found.status).tolist(), *(one.message for one in found.findings), found.verdict])
    assert any(character.isdigit() for character in said) and "row" in said
