"""Conjugate gradients on sparse columns: the models of dense columns, whose Hessians are formed, and honest refits."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit, softmax

import weightdecay as wd
from laws.logistic_oracles import fit, indicators
from weightdecay.linear.newton import problem, unformed
from weightdecay.linear.newton.conjugate import Objective, parts
from weightdecay.linear.newton.members import ZMap
from weightdecay.tuning.folds import plan

Array = NDArray[np.float64]

N, P = 240, 30
DECAYS = np.array([1e-6, 1e-4, 1e-3, 1e-2, 0.3, 3.0, np.inf])
KINDS = pytest.mark.parametrize("k", [2, 3, 0], ids=["two classes", "three classes", "counts"])
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no intercept": {"fit_intercept": False},
    "columns as they are": {"standardize": False},
    "exempt columns": {"decay_weights": np.where(np.arange(P) < 2, 0.0, 1.0 + np.arange(P) / P)},
    "centre": {"centre": 0.2},
}


@pytest.fixture
def unformed_hessians(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if a handful of coefficients were too many for a Hessian."""
    for name, module in list(sys.modules.items()):
        if name.startswith("weightdecay.linear.newton.") and hasattr(module, "FORMED"):
            monkeypatch.setattr(module, "FORMED", 4)
    monkeypatch.setattr(problem, "TURNED_SPARSE", 0)


def data(k: int) -> tuple[Array, NDArray[np.int64]]:
    """Columns of which most numbers are 0, and classes or (k = 0) counts."""
    rng = np.random.default_rng(3)
    X = np.where(rng.random((N, P)) < 0.2, rng.exponential(1.0, (N, P)), 0.0)
    signal = X @ rng.standard_normal((P, max(k, 1))) / 2
    if k == 0:
        return X, rng.poisson(np.exp(np.clip(signal[:, 0], -4, 3)))
    if k == 2:
        return X, (signal[:, 0] + rng.logistic(size=N) > 0).astype(np.int64)
    return X, (signal + rng.gumbel(size=(N, k))).argmax(axis=1)


def shell(k: int, **settings: Any) -> Any:
    """Of classes, or of counts for k = 0."""
    if "centre" in settings:
        settings["centre"] = np.full((k, P) if k > 2 else P, settings["centre"])
        settings["centre"][..., ::2] *= -1
    return (wd.LogisticRegression if k else wd.PoissonRegression)(**settings)


@pytest.mark.parametrize("variant", VARIANTS)
@KINDS
def test_models_and_losses_are_those_of_formed_hessians(
    k: int, variant: str, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """All rows and three folds with weights, along the whole path: the reference forms Hessians of dense columns."""
    (X, y), s = data(k), np.random.default_rng(1).uniform(0.2, 2.0, N)
    folds = plan(3, N, strata=y if k else None)
    dense = shell(k, **VARIANTS[variant]).open(X, y, s)
    expected, losses = dense.models(DECAYS), dense.split(folds).held_out(DECAYS)
    request.getfixturevalue("unformed_hessians")
    steps, kept = [], unformed.newton_steps
    monkeypatch.setattr(unformed, "newton_steps", lambda *one: steps.append(1) or kept(*one))
    found = shell(k, **VARIANTS[variant]).open(csr_array(X), y, s)
    models, held_out = found.models(DECAYS), found.split(folds).held_out(DECAYS)
    assert len(steps) >= 5 * len(DECAYS[:-1])
    assert models.status == expected.status == ("newton",) * len(DECAYS)
    scale = X.std(axis=0)
    for one, other in zip(models.coef, expected.coef, strict=True):
        size = max(1.0, float(np.abs(other * scale).max()))
        np.testing.assert_allclose(one * scale, other * scale, rtol=0, atol=2e-5 * size)
    np.testing.assert_allclose(held_out.loss, losses.loss, rtol=1e-6)


@KINDS
def test_a_model_is_that_of_the_oracle(k: int, unformed_hessians: None) -> None:
    X, y = data(k)
    kind = {0: "poisson", 2: "logistic"}.get(k, "softmax")
    T = y[:, None].astype(float) if k == 0 else indicators(y)
    found = shell(k).open(csr_array(X), y).models(np.array([1e-3]))
    expected = fit(kind, X, T, 1e-3 * N, metric=X.var(axis=0))
    np.testing.assert_allclose(found.coef[0], expected.coef, rtol=0, atol=1e-6)


@pytest.mark.parametrize("k", [2, 3])
def test_encoded_folds_have_columns_of_their_own(k: int, request: pytest.FixtureRequest) -> None:
    """Gaps are filled by each fold's own mean: dense columns, by quasi-Newton steps."""
    X, y = data(k)
    folds = plan(3, N, strata=y)
    gaps = X.copy()
    gaps[::5, 1] = gaps[1::6, 2] = np.nan
    frame = pd.DataFrame(gaps, columns=[f"c{j}" for j in range(P)]).assign(
        town=[f"t{(7 * i) % 31}" for i in range(N)], street=[f"s{(11 * i) % 97}" for i in range(N)]
    )
    splits = list(folds.splits())
    decays = DECAYS[:-1]
    expected = wd.tune(shell(k), frame, y, cv=splits, decays=decays).losses
    request.getfixturevalue("unformed_hessians")
    found = wd.tune(shell(k), frame, y, cv=splits, decays=decays).losses
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@KINDS
def test_products_are_differences_of_gradients(k: int) -> None:
    X, y = data(k)
    course = shell(k).open(csr_array(X), y).split(plan(3, N, strata=y if k else None)).courses[0]
    own, shape = course.paths, course.paths.shape
    # As an encoding of its own would have it: columns that take others on top.
    mapped = ZMap(np.array([1, 2]), np.array([5, 6]), np.array([0.3, -0.2]))
    own.members = replace(own.members, maps=[None, mapped, None, mapped])
    rng = np.random.default_rng(0)
    for member in range(own.members.count):
        rows = parts(own.data, own.cells, own.members.train[member])
        assert (
            sum(len(one.s) for one in rows) == np.isin(own.cells.label, np.flatnonzero(own.members.train[member])).sum()
        )
        objective = Objective(rows, own.data.loss, own.members, member, 0.1, shape)
        v, d = rng.standard_normal((2, shape[0] * shape[1])) * 0.3
        ahead, behind = (objective.gradient(v + sign * 1e-5 * d) for sign in (1, -1))
        objective.gradient(v)
        np.testing.assert_allclose(objective.product(d), (ahead - behind) / 2e-5, rtol=0, atol=1e-7)
        together = own.gradients(v.reshape(1, *shape), np.array([member])).train
        decayed = own.members.decayed_gradient(together, v.reshape(1, *shape), np.array([0.1]), np.array([member]))
        np.testing.assert_allclose(objective.gradient(v), decayed.ravel(), rtol=0, atol=1e-12)


def test_nothing_is_lost_where_a_start_is_beyond_float64(unformed_hessians: None) -> None:
    """Counts whose predictors a far extrapolation drives over the top still end at the oracle's model."""
    X, y = data(0)
    X = X * 30.0
    found = shell(0, standardize=False).open(csr_array(X), y).models(np.array([1e4, 1e2, 1e-3]))
    expected = fit("poisson", X, y[:, None].astype(float), 1e-3 * N, metric=np.ones(P))
    place = int(np.argmin(found.decays))
    assert set(found.status) == {"newton"}
    np.testing.assert_allclose(found.coef[place], expected.coef, rtol=0, atol=1e-6)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("size", [30.0, 300.0])
def test_a_start_without_curvature_is_left_in_steps(k: int, size: float) -> None:
    """A centre that predicts certainties leaves no curvature, by which a Newton step leads to where numbers end."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 3))
    y = (X[:, 0] + rng.standard_normal(60) > 0).astype(int) if k == 2 else rng.integers(0, 3, 60)
    centre = np.zeros((k, 3)) if k > 2 else np.zeros(3)
    centre[(0, 0) if k > 2 else 0] = -size
    path = wd.path(wd.LogisticRegression(centre=centre, decay_weights=[1, 1, 0.0]), X, y, [0.01, 0.1, 1, np.inf])
    assert set(path.status) == {"newton"}
    for decay, coef, base in zip(path.decays[:3], path.coef, path.intercept, strict=False):
        eta = X @ np.atleast_2d(coef).T + base
        slope = expit(eta) - y[:, None] if k == 2 else softmax(eta, axis=1) - np.eye(k)[y]
        pull = decay * X.var(axis=0) * [1, 1, 0] * (np.atleast_2d(coef) - centre)
        np.testing.assert_allclose((slope.T @ X / 60 + pull) / X.std(axis=0), 0.0, atol=1e-8 * size)
        np.testing.assert_allclose(slope.sum(axis=0) / 60, 0.0, atol=1e-8 * size)
