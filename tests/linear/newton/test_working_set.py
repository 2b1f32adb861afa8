"""Working sets: L1 paths of more columns than Hessians have meet their conditions, and are scikit-learn's."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

import weightdecay as wd
from weightdecay.linear.newton import working_set
from weightdecay.linear.newton.factors import FORMED
from weightdecay.linear.newton.split import UNFINISHED
from weightdecay.tuning.folds import plan

Array = NDArray[np.float64]

N, COLUMNS = 48, {0: 2600, 2: 2600, 3: 900}
SHARES = np.array([0.8, 0.3, 0.1])  # of the least decay that leaves no coefficient
KINDS = pytest.mark.parametrize("k", [2, 3, 0], ids=["two classes", "three classes", "counts"])


@cache
def data(k: int) -> tuple[csr_array, NDArray[np.int64]]:
    """Sparse columns of which a few tell k classes apart, or counts for k = 0."""
    P = COLUMNS[k]
    assert (k if k > 2 else 1) * P > FORMED
    rng = np.random.default_rng(7)
    X = np.where(rng.random((N, P)) < 0.06, rng.normal(1.0, 1.0, (N, P)), 0.0)
    X[:, :4] = rng.standard_normal((N, 4))
    signal = X[:, :4] @ rng.standard_normal((4, max(k, 1)))
    y = rng.poisson(np.exp(0.5 * signal[:, 0])) if k == 0 else (signal + rng.gumbel(size=(N, max(k, 1)))).argmax(axis=1)
    if k == 2:
        y = (signal[:, 0] + rng.logistic(size=N) > 0).astype(int)
    return csr_array(X), y


def shell(k: int, **settings: Any) -> Any:
    """Of classes, or of counts for k = 0."""
    return (wd.LogisticRegression if k else wd.PoissonRegression)(l1_ratio=1.0, **settings)


def most(k: int, s: Array, scale: Array, fit_intercept: bool) -> float:
    """The least λ that leaves no coefficient: the largest gradient of the model without columns, where λ acts."""
    X, y = data(k)
    share = np.bincount(y, s) / s.sum() if k else np.array([s @ y / s.sum()])
    if k == 0:
        error = (share[0] if fit_intercept else 1.0) - y[:, None]
    else:
        flat = share if fit_intercept else np.full(k, 1 / k)
        error = flat[None, :] - np.eye(k)[y]
    return float(np.abs((X.T @ (s[:, None] * error)) / s.sum() / scale[:, None]).max())


def slopes(k: int, X: Any, y: Any, model: tuple[Array, Array]) -> Array:
    """∂loss/∂η (n, c) of a model's predictors."""
    eta = X @ model[0].T + model[1]
    if k == 0:
        return np.asarray(np.exp(eta) - y[:, None])
    return np.asarray(expit(eta) - y[:, None] if k == 2 else softmax(eta, axis=1) - np.eye(k)[y])


@pytest.mark.parametrize("l1_ratio", [1.0, 0.6])
@pytest.mark.parametrize("standardize", [True, pytest.param(False, marks=pytest.mark.long)])
@KINDS
def test_models_meet_the_conditions_of_a_minimum(k: int, standardize: bool, l1_ratio: float) -> None:
    """With w where λ acts: g + λ(1 − ρ)w = −λρ sign w where w ≠ 0, and |g| ≤ λρ elsewhere; a column is free."""
    (X, y), P = data(k), COLUMNS[k]
    s = np.random.default_rng(1).uniform(0.3, 2.0, N)
    mean, dense = s @ X.toarray() / s.sum(), X.toarray()
    scale = np.sqrt(s @ (dense - mean) ** 2 / s.sum()) if standardize else np.ones(P)
    p = np.ones(P)
    p[1] = 0.0
    decays = SHARES * most(k, s, np.where(scale > 0, scale, np.inf), True) / l1_ratio
    problem = shell(k, decay_weights=p, standardize=standardize).set_params(l1_ratio=l1_ratio).open(X, y, s)
    found = problem.models(decays)
    assert found.status == ("newton",) * 3
    for decay, coef, intercept in zip(decays, found.coef, found.intercept, strict=True):
        slope = s[:, None] * slopes(k, X, y, (coef, intercept)) / s.sum()
        gradient = np.divide(slope.T @ dense, scale, out=np.zeros((slope.shape[1], P)), where=scale > 0)
        w = coef * scale
        gradient += decay * (1 - l1_ratio) * p * w
        assert np.abs(gradient[:, 1]).max() < 1e-6 and np.abs(slope.sum(axis=0)).max() < 1e-6
        w, gradient = np.delete(w, 1, axis=1), np.delete(gradient, 1, axis=1)
        used = w != 0
        assert used.sum() < 0.1 * used.size
        np.testing.assert_allclose(gradient[used], -decay * l1_ratio * np.sign(w[used]), rtol=0, atol=1e-6)
        assert np.abs(gradient[~used]).max() <= decay * l1_ratio + 1e-6
    assert used.sum() > 5


def by_scikit_learn(X: Any, y: Any, penalty: float) -> LogisticRegression:
    """The lasso without intercept at Σ loss + penalty ‖w‖₁."""
    model = LogisticRegression(C=1 / penalty, l1_ratio=1, solver="liblinear", fit_intercept=False)
    if model.penalty == "l2":  # before scikit-learn 1.8 the mix counted only under this name
        model.set_params(penalty="l1")
    return model.set_params(tol=1e-10, max_iter=100_000, random_state=0).fit(X, y)


def test_the_path_is_liblinears() -> None:
    X, y = data(2)
    decays = SHARES * most(2, np.ones(N), np.ones(X.shape[1]), False)
    path = wd.path(shell(2, standardize=False, fit_intercept=False), X, y, decays)
    for place, decay in enumerate(decays):
        expected = by_scikit_learn(X, y, decay * N).coef_[0]
        np.testing.assert_allclose(path.coef[place], expected, rtol=0, atol=1e-6)
        np.testing.assert_array_equal(path.coef[place] != 0, expected != 0)


def test_held_out_losses_are_those_of_liblinears_refits() -> None:
    """At the Λ of all rows, the folds' sets taken along together."""
    X, y = data(2)
    decays, folds = SHARES * most(2, np.ones(N), np.ones(X.shape[1]), False), plan(3, N, strata=y)
    found = shell(2, standardize=False, fit_intercept=False).open(X, y).split(folds).held_out(decays)
    for fold, (train, test) in enumerate(folds.splits()):
        for place, decay in enumerate(decays):
            eta = by_scikit_learn(X[train], y[train], decay * N).decision_function(X[test])
            expected = np.logaddexp(0, np.where(y[test] > 0, -eta, eta)).mean()
            assert found.loss[fold, place] == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("k", [2, 0], ids=["two classes", "counts"])
def test_where_the_path_is_asked_changes_nothing(k: int) -> None:
    """A decay far below the others is reached by way of some in between, in any order, with the same model."""
    X, y = data(k)
    decays = most(k, np.ones(N), np.ones(X.shape[1]), True) * np.array([0.1, 0.9, 1.5])
    along, alone = (shell(k, standardize=False).open(X, y).models(one) for one in (decays, decays[:1]))
    np.testing.assert_allclose(along.coef[0], alone.coef[0], rtol=0, atol=1e-6)
    assert not along.coef[2].any() and along.coef[1].any() and along.status == ("newton",) * 3


def test_columns_left_out_wrongly_are_taken_along(monkeypatch: pytest.MonkeyPatch) -> None:
    """From a start so far away that the strong rule errs, further rounds add what the gradients of all columns ask."""
    X, y = data(2)
    decays, rounds = SHARES * most(2, np.ones(N), np.ones(X.shape[1]), True), []
    expected = shell(2, standardize=False).open(X, y).models(decays)
    narrowed = working_set._narrowed

    def counted(paths: Any, columns: Any) -> Any:
        rounds.append(len(columns))
        return narrowed(paths, columns)

    monkeypatch.setattr(working_set, "_narrowed", counted)
    problem = shell(2, standardize=False).open(X, y)
    paths = problem.whole.paths
    paths.solve(np.array([np.inf]))
    start = paths.known[np.inf].V
    found = working_set.sparse_models(paths, float(decays[2]), start, float(decays[2]))
    assert rounds[-1] > rounds[0] and rounds == sorted(rounds) and max(rounds) < 0.25 * X.shape[1]
    assert found.converged.all()
    coef, _ = problem.whole.units.models(found.V[:1], np.zeros(1, dtype=np.intp))
    np.testing.assert_allclose(coef[0], expected.coef[2], rtol=0, atol=1e-6)


def test_more_columns_than_a_hessian_may_have_are_said_to_be_too_many(monkeypatch: pytest.MonkeyPatch) -> None:
    X, y = data(2)
    decays = SHARES * most(2, np.ones(N), np.ones(X.shape[1]), True)
    monkeypatch.setattr(working_set, "FORMED", 6)
    found = shell(2, standardize=False).open(X, y).models(decays)
    assert found.status[0] == "newton" and found.status[2] == UNFINISHED


def test_more_that_pull_than_there_is_room_for_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as those that have coefficients fit, the model is that of a set without bounds."""
    X, y = data(2)
    decays = SHARES * most(2, np.ones(N), np.ones(X.shape[1]), True)
    expected = shell(2, standardize=False).open(X, y).models(decays)
    used = int((expected.coef[2] != 0).sum())
    monkeypatch.setattr(working_set, "FORMED", used + 12)
    monkeypatch.setattr(working_set, "FEWEST", 5)
    found = shell(2, standardize=False).open(X, y).models(decays)
    assert found.status == ("newton",) * 3
    np.testing.assert_allclose(found.coef, expected.coef, rtol=0, atol=1e-6)
