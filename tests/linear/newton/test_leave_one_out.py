"""Leave-one-out of many rows: interpolated leverages against exact ones, and predictors against honest refits."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array

import weightdecay as wd
from weightdecay.linear.newton import factors, leave_one_out, leverages, passes
from weightdecay.linear.newton.leave_one_out import LeaveOneOut
from weightdecay.linear.newton.paths import Paths
from weightdecay.linear.newton.problem import NewtonProblem
from weightdecay.linear.newton.rows import Standardised

Floats = NDArray[np.float64]

N = 2400
DECAYS = np.logspace(-6, 1, 57)


def table(kind: str) -> tuple[Any, Floats, dict[str, Any]]:
    """Columns, targets, and settings of the estimator and of `open`."""
    rng = np.random.default_rng(4)
    X = rng.standard_normal((N, 12)) + 0.5 * rng.standard_normal((N, 1))
    signal = X[:, :4] @ np.array([1.0, -0.8, 0.5, 0.3])
    settings: dict[str, Any] = {}
    if kind == "heavy tails":
        X[:, 4:] *= np.exp(2.0 * rng.standard_normal((N, 1)))
    if kind == "separable":
        return X, (signal > 0).astype(float), settings
    if kind == "rare columns":
        level = np.where(rng.random(N) < 0.5, rng.integers(0, 4, N), rng.integers(0, 120, N))
        X = np.column_stack([X, level[:, None] == np.arange(120)])
    if kind == "sparse":
        X[np.abs(X) < 1.0] = 0.0
        X = csr_array(X)
    if kind == "weights and a centre":
        weight = rng.uniform(0.2, 3.0, N)
        weight[::7] = 0.0
        X[:, 5] = 1.0
        settings = {"decay_weights": np.r_[0.0, np.ones(11)], "centre": 0.1 * np.arange(12), "weight": weight}
    if kind == "no intercept":
        settings = {"fit_intercept": False, "standardize": False}
    if kind == "counts":
        return X, rng.poisson(np.exp(0.5 * signal)).astype(float), settings
    return X, (signal + rng.logistic(size=N) > 0).astype(float), settings


KINDS = (
    "plain",
    "heavy tails",
    "separable",
    "rare columns",
    "sparse",
    "weights and a centre",
    "no intercept",
    "counts",
)


def opened(kind: str) -> NewtonProblem:
    """A problem of many rows."""
    X, y, settings = table(kind)
    weight = settings.pop("weight", None)
    shell = wd.PoissonRegression if kind == "counts" else wd.LogisticRegression
    problem = shell(**settings).open(X, y, weight)
    assert isinstance(problem, NewtonProblem)
    return problem


def models(paths: Paths, decays: Floats) -> tuple[Floats, list[Floats]]:
    """The decays that have a model, and the models."""
    found = [one.V[0] for one in paths.solve(decays)]
    known = [place for place, one in enumerate(found) if not np.isnan(one).any()]
    return decays[known], [found[place] for place in known]


@pytest.mark.parametrize("kind", KINDS)
def test_interpolated_leverages_are_near_exact_ones(kind: str) -> None:
    """Of every row, sampled or not, at every decay; 0 and inf are no part of the curve."""
    paths = opened(kind).whole.paths
    decays, V = models(paths, np.array([0.0, *DECAYS, math.inf]))
    exact = np.stack([leverages.leverage(paths, one, v) for one, v in zip(decays.tolist(), V, strict=True)], axis=1)
    found = leverages.leverages(paths, decays, V)
    assert isinstance(found, leverages.Between)
    assert found.logs.shape[1] <= len(DECAYS) // 2
    near = found.of(slice(0, N))
    inner = (decays > 0) & np.isfinite(decays)
    np.testing.assert_allclose(near[:, inner], exact[:, inner], rtol=5e-2)
    spread = np.abs(near[:, inner] / exact[:, inner] - 1.0)
    assert np.sqrt(np.mean(spread**2)) <= 5e-3
    np.testing.assert_allclose(near[:, decays == 0], exact[:, decays == 0], rtol=1e-9)
    np.testing.assert_allclose(near[:, np.isinf(decays)], exact[:, np.isinf(decays)], rtol=1e-2, atol=1e-300)


@pytest.mark.parametrize("kind", KINDS)
def test_losses_are_those_by_exact_leverages(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Held-out losses differ by a thousandth of what leaving rows out adds to them."""
    problem = opened(kind)
    decays = DECAYS[::3]
    near = LeaveOneOut(problem).held_out(decays)
    monkeypatch.setattr(leave_one_out, "interpolates", never)
    monkeypatch.setattr(leverages, "interpolates", never)
    exact = LeaveOneOut(problem).held_out(decays)
    added = exact.mean - problem.models(decays).loss * problem.loss.reported
    assert (added > 0).all()
    assert (np.abs(near.mean - exact.mean) <= 1e-3 * added + 1e-12).all()
    np.testing.assert_allclose(near.standard_error, exact.standard_error, rtol=1e-3)
    np.testing.assert_array_equal(near.status, exact.status)


def never(data: Standardised) -> bool:
    """No interpolation."""
    return False


@pytest.mark.parametrize("decay", [1e-5, 1e-3, 0.1])
def test_predictors_are_those_of_refits_without_the_row(decay: float) -> None:
    """Columns on their own scale, Λ shared: each of some rows is left out of an honest fit."""
    X, y, _ = table("plain")
    problem = wd.LogisticRegression(standardize=False).open(X, y)
    among = np.union1d(DECAYS, [decay])
    found = list(LeaveOneOut(problem).left_out(among))[int(np.searchsorted(among, decay))].eta[:, 0]
    whole = wd.LogisticRegression(decay=decay, standardize=False).fit(X, y)
    before = whole.decision_function(X)
    for row in np.random.default_rng(0).choice(N, 12, replace=False):
        rest = np.arange(N) != row
        own = wd.LogisticRegression(decay=decay * N / (N - 1), standardize=False).fit(X[rest], y[rest])
        refitted = float(own.decision_function(X[[row]])[0])
        assert found[row] - before[row] == pytest.approx(refitted - before[row], rel=2e-2)


def test_many_decays_cost_few_hessians(monkeypatch: pytest.MonkeyPatch) -> None:
    """The path's own Hessians serve the leverages of all decays, beside that of no decay and a few more."""
    count = [0]
    hessians = passes.cell_hessians

    def counted(*args: Any, **kept: Any) -> Any:
        count[0] += 1
        return hessians(*args, **kept)

    monkeypatch.setattr(factors, "cell_hessians", counted)
    problem = opened("plain")
    problem.whole.paths.solve(np.array([0.0, *DECAYS, math.inf]))
    before = count[0]
    LeaveOneOut(problem).held_out(np.array([0.0, *DECAYS, math.inf]))
    assert count[0] - before <= 6


def test_a_few_decays_are_not_interpolated_between() -> None:
    """What is asked for later, decay by decay, continues the curve."""
    problem = opened("plain")
    together = LeaveOneOut(problem).held_out(DECAYS).mean
    split = LeaveOneOut(problem)
    apart = [split.held_out(DECAYS[[place]]).mean[0] for place in (0, 20, 40, 56)]
    np.testing.assert_allclose(apart, together[[0, 20, 40, 56]], rtol=1e-4)


def test_the_order_of_the_rows_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows sorted by class, whose first block holds one class alone."""
    X, y, _ = table("plain")
    order = np.argsort(y, kind="stable")
    monkeypatch.setattr(leave_one_out, "BLOCK", 4000)
    first, second = (
        wd.tune(wd.LogisticRegression(), X[place], y[place], decays=DECAYS, cv="loo") for place in (np.arange(N), order)
    )
    np.testing.assert_allclose(second.losses, first.losses, rtol=1e-5)
    np.testing.assert_allclose(second.standard_error, first.standard_error, rtol=1e-4)


def test_a_score_is_of_the_same_predictions() -> None:
    X, y, _ = table("plain")
    loss, score = (
        wd.tune(wd.LogisticRegression(), X, y, decays=DECAYS, cv="loo", scoring=one) for one in (None, "neg_log_loss")
    )
    np.testing.assert_allclose(score.losses, loss.losses, rtol=1e-9)


def test_rows_of_weight_zero_and_the_only_member_of_a_class_do_not_count() -> None:
    """Three classes, of which one has a single row: it always trains, and the mean is over the other rows."""
    X, y, _ = table("plain")
    X, y = X[:300], y[:300].copy()
    y[5] = 2.0
    weight = np.where(np.arange(300) % 3 == 0, 0.0, 1.0)
    problem = wd.LogisticRegression().open(X, y, weight)
    split = LeaveOneOut(problem)
    found = split.held_out(np.array([0.01, 0.1]))
    rows = np.setdiff1d(np.flatnonzero(weight), [5])
    np.testing.assert_array_equal(split.rows, rows)
    for place, one in enumerate(split.left_out(np.array([0.01, 0.1]))):
        each = problem.loss.value(problem.whole.paths.data.target[rows], one.eta[rows][:, None])
        assert found.mean[place] == pytest.approx(each.mean(), rel=1e-12)


@pytest.mark.parametrize("held", [1, 1 << 30])
def test_several_classes_some_decays_at_a_time(held: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """How many decays' leverages are held at once changes nothing."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((2100, 3))
    y = (X @ rng.standard_normal((3, 3)) + rng.gumbel(size=(2100, 3))).argmax(axis=1)
    decays = np.logspace(-4, 0, 4)
    expected = LeaveOneOut(wd.LogisticRegression().open(X, y)).held_out(decays)
    monkeypatch.setattr(leave_one_out, "HELD", held)
    found = LeaveOneOut(wd.LogisticRegression().open(X, y)).held_out(decays)
    np.testing.assert_allclose(found.loss, expected.loss, rtol=1e-12)
