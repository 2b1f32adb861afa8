"""Held-out loss by groups' strengths of logistic and Poisson regression: gradient, value, passes, and refusals."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from sklearn.model_selection import RepeatedKFold, ShuffleSplit, TimeSeriesSplit

import weightdecay as wd
from weightdecay.linear.newton import group_courses, group_rows, groups
from weightdecay.linear.newton.groups import NewtonGroups
from weightdecay.linear.newton.problem import NewtonProblem
from weightdecay.records.grouping import Grouping
from weightdecay.tables.encoder import encode
from weightdecay.tuning.folds import Folds, plan

Array = NDArray[np.float64]

TALL, MANY, WIDE = (60, 9), (900, 7), (25, 60)
SHAPES = pytest.mark.parametrize("shape", [TALL, MANY, WIDE], ids=["tall", "many rows", "wide"])
THETAS = ([-3.0, -1.0, 0.5], [-8.0, -2.0, 3.0], [2.0, -6.0, -1.0])
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weights and exempt": {"weights": True, "exempt": (0, 5)},
    "raw columns": {"standardize": False, "fit_intercept": False},
    "all at once": {"weights": True, "exempt": (0, 5), "centre": True},
}


def opened(
    n: int,
    p: int,
    k: int,
    *,
    weights: bool = False,
    exempt: tuple[int, ...] = (),
    centre: bool = False,
    sparse: bool = False,
    **settings: Any,
) -> NewtonProblem:
    """A problem with three groups: of k classes, or for k = 0 of counts."""
    rng = np.random.default_rng(n + p)
    X = rng.standard_normal((n, p)) * np.exp(rng.uniform(-1, 1, p)) + rng.uniform(-1, 1, p)
    signal = X[:, :3] @ rng.standard_normal((3, max(k - 1, 1)))
    if k:
        y = (np.column_stack([np.zeros(n), signal]) + rng.gumbel(size=(n, k))).argmax(axis=1)
        y[: 4 * k] = np.arange(4 * k) % k
    else:
        y = rng.poisson(np.exp(0.3 * signal[:, 0]))
    s = rng.uniform(0.2, 2, n) if weights else None
    if s is not None:
        s[3] = 0.0
    relative = rng.uniform(0.5, 2.0, p)
    relative[list(exempt)] = 0.0
    shell = (wd.LogisticRegression if k else wd.PoissonRegression)(
        decay_groups={"a": range(p // 3), "b": range(p // 3, 2 * p // 3)},
        decay_weights=relative,
        centre=0.3 * rng.standard_normal((k, p) if k > 2 else p) if centre else None,
        **settings,
    )
    return shell.open(csr_array(X) if sparse else X, y, s)


def loss_of(problem: NewtonProblem, cv: Any) -> tuple[NewtonGroups, Folds]:
    """The loss over the folds that are asked for."""
    assert problem.column_groups is not None
    facts = problem.facts()
    folds = plan(cv, problem.rows.n, strata=facts.strata, positive=facts.positive)
    loss = problem.group_loss(problem.column_groups, folds)
    assert isinstance(loss, NewtonGroups)
    return loss, folds


def check_gradient(loss: NewtonGroups, thetas: Any = THETAS) -> None:
    """Against central differences, and the value against its parts."""
    for theta in map(np.array, thetas):
        value, gradient = loss.value_and_gradient(theta)
        step = 1e-4
        differences = [
            (loss.value_and_gradient(theta + step * one)[0] - loss.value_and_gradient(theta - step * one)[0])
            / (2 * step)
            for one in np.eye(3)
        ]
        np.testing.assert_allclose(gradient, differences, rtol=0, atol=1e-6 * max(np.abs(gradient).max(), 1e-2 * value))
        parts, weight = loss.parts(theta)
        assert weight @ parts / weight.sum() == pytest.approx(value, rel=1e-10)


def check_value(problem: NewtonProblem, loss: NewtonGroups, folds: Folds, thetas: Any = THETAS) -> None:
    """Against the engine's own losses with the decay weights that the strengths are."""
    columns = problem.column_groups
    assert columns is not None
    for theta in map(np.array, thetas):
        strengths = columns.strengths(theta)
        untold = Grouping((), 1.0, 1.0, 1.0, 0.0, "", 0, True)
        weighted = problem.weighted(columns.decay_weights(strengths), untold)
        decay = float(np.exp(theta[0]) / strengths[0])
        engine = weighted.split(folds).held_out(np.array([decay]))
        assert loss.value_and_gradient(theta)[0] == pytest.approx(float(engine.mean[0]), rel=1e-7)


@pytest.mark.parametrize(
    "variant",
    [pytest.param(one, marks=() if one in ("plain", "all at once") else pytest.mark.long) for one in VARIANTS],
)
@pytest.mark.parametrize("k", [2, 3, 0], ids=["two classes", "three classes", "counts"])
@SHAPES
def test_gradient_and_value(shape: tuple[int, int], k: int, variant: str) -> None:
    problem = opened(*shape, k, **VARIANTS[variant])
    loss, folds = loss_of(problem, 4)
    # Raw columns of a few rows, of a group that is as good as free, predict counts beyond any size.
    thetas = THETAS if k else THETAS[:1]
    check_gradient(loss, thetas)
    check_value(problem, loss, folds, thetas)


@pytest.mark.parametrize(
    "cv",
    [RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), TimeSeriesSplit(3), ShuffleSplit(1, random_state=0)],
    ids=["repeated", "time", "hold-out"],
)
@pytest.mark.parametrize("shape", [TALL, WIDE], ids=["tall", "wide"])
def test_any_plan_of_folds(shape: tuple[int, int], cv: Any) -> None:
    problem = opened(*shape, 2)
    loss, folds = loss_of(problem, cv)
    check_gradient(loss, THETAS[:1])
    check_value(problem, loss, folds, THETAS[:1])


@pytest.mark.parametrize("k", [2, 3])
@SHAPES
def test_sparse_columns(shape: tuple[int, int], k: int) -> None:
    problem, dense = opened(*shape, k, sparse=True), opened(*shape, k)
    for theta in map(np.array, THETAS):
        one, other = (loss_of(each, 4)[0].value_and_gradient(theta) for each in (problem, dense))
        assert one[0] == pytest.approx(other[0], rel=1e-9)
        np.testing.assert_allclose(one[1], other[1], rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("n", [90, 12], ids=["tall", "wide"])
def test_an_encoded_table(n: int, k: int) -> None:
    """Gaps are filled and terms are weighed anew in every fold; a category may be parted between two groups."""
    rng = np.random.default_rng(n)
    frame = pl.DataFrame(
        {
            "age": [None if row % 5 == 1 else float(row % 11) for row in range(n)],
            "height": rng.standard_normal(n),
            "island": ["abc"[row % 3] if row % 7 else None for row in range(n)],
            "words": [" ".join(rng.choice(["red", "lime", "blue", "grey", "pink", "tan", "sky"], 3)) for _ in range(n)],
        }
    )
    _, encoded = encode(frame, text=("words",))
    y = np.arange(n) % k + (np.arange(n) % 4 == 0) * (frame["height"].to_numpy() > 0)
    named = {"first": ["age", "island = a"], "words": ["words"]}
    problem = wd.LogisticRegression(decay_groups=named).open(encoded, y % k)
    assert groups.by_rows(problem) == (n == 12)
    loss, folds = loss_of(problem, 4)
    check_gradient(loss)
    check_value(problem, loss, folds)


def test_columns_that_a_fold_makes_constant() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 6))
    X[:, 1] = 4.0
    X[:, 2] = np.arange(40) < 6
    shell = wd.LogisticRegression(decay_groups={"a": [0, 2], "b": [3, 1], "c": [4, 5]})
    problem = shell.open(X, (X[:, 0] + rng.standard_normal(40) > 0).astype(int))
    loss, folds = loss_of(problem, [(np.arange(6, 40), np.arange(6)), (np.arange(25), np.arange(25, 40))])
    check_gradient(loss)
    check_value(problem, loss, folds)


def test_kernels_and_columns_say_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """Data of more columns than rows both ways, where no column says more than another, and at the bounds."""
    both = []
    for through_rows in (True, False):
        monkeypatch.setattr(groups, "by_rows", lambda problem, answer=through_rows: answer)
        both.append(loss_of(opened(30, 36, 3), 3)[0])
    (low, high), (other_low, _) = (one.bounds for one in both)
    np.testing.assert_allclose(low, other_low, atol=2.0)
    for theta in (low + 4.0, 0.5 * (low + high), high):
        (one, slope), (other, expected) = (each.value_and_gradient(theta) for each in both)
        assert one == pytest.approx(other, rel=1e-7)
        np.testing.assert_allclose(slope, expected, atol=1e-6 * one)


@pytest.mark.parametrize("shape", [TALL, MANY], ids=["tall", "many rows"])
def test_an_evaluation_costs_few_passes(shape: tuple[int, int]) -> None:
    """Models and adjoints of all folds together: passes are counted where rows are read."""
    loss, _ = loss_of(opened(*shape, 2), 4)
    low, high = loss.bounds
    before, rng = loss.passes, np.random.default_rng(0)
    for _ in range(20):
        loss.value_and_gradient(low + rng.uniform(0.2, 1.0, 3) * (high - low))
    assert loss.passes - before <= 20 * 22
    theta = np.array([-3.0, -1.0, 0.5])
    loss.value_and_gradient(theta)
    before = loss.passes
    loss.value_and_gradient(theta + 0.05)
    assert loss.passes - before <= 14


def test_a_poor_guide_is_replaced_and_models_that_resist_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """With no renewal at all every model is left to itself, and the loss is the same."""
    expected = [loss_of(opened(*TALL, 2), 4)[0].value_and_gradient(np.array(theta)) for theta in THETAS]
    monkeypatch.setattr(group_courses, "RENEWALS", 1)
    monkeypatch.setattr(group_courses, "PATIENCE", 0)
    loss, _ = loss_of(opened(*TALL, 2), 4)
    for theta, (value, gradient) in zip(THETAS, expected, strict=True):
        one, slope = loss.value_and_gradient(np.array(theta))
        assert one == pytest.approx(value, rel=1e-9)
        np.testing.assert_allclose(slope, gradient, atol=1e-7)


def test_little_memory_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    expected = loss_of(opened(*TALL, 2), 4)[0].value_and_gradient(np.array(THETAS[0]))
    monkeypatch.setattr(group_courses, "HELD", 1)
    monkeypatch.setattr(group_courses, "KEPT", 1)
    loss, _ = loss_of(opened(*TALL, 2), 4)
    for _ in range(12):
        found = loss.value_and_gradient(np.array(THETAS[0]))
    assert found[0] == pytest.approx(expected[0], rel=1e-10)
    (course,) = loss.each
    assert isinstance(course, group_courses.CourseGroups)
    assert len(course.known) <= group_courses.FEWEST + 1 and len(course.guides) <= 2


def test_leave_one_out_tunes_strengths_on_ten_folds_evenly_by_class() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 4))
    y = np.where(X[:, 0] + rng.logistic(size=60) > 0, "yes", "no")
    y[:7] = "odd"
    s = (np.arange(60) != 20).astype(float)
    problem = wd.LogisticRegression(decay_groups={"a": [0]}).open(X, y, s)
    assert problem.group_folds(plan("loo", 60)).text == "7 stratified folds"
    few = y != "odd"
    tuning = wd.tune(wd.LogisticRegression(decay_groups={"a": [0]}), X[few], y[few], cv="loo", sample_weight=s[few])
    assert tuning.cv == "leave-one-out over 52 rows" and tuning.grouping.cv == "10 stratified folds"
    counts = wd.PoissonRegression(decay_groups={"a": [0]}).open(X, rng.poisson(np.exp(X[:, 0])))
    assert counts.group_folds(plan("loo", 60)).text == "10 folds"


def test_an_l1_part_is_refused() -> None:
    X = np.eye(4)
    with pytest.raises(ValueError, match=r"decay_groups with l1_ratio=0.5: strengths of groups are tuned for weight"):
        wd.LogisticRegression(decay_groups={"a": [0]}, l1_ratio=0.5).open(X, [0, 1, 0, 1])


def test_more_coefficients_than_hessians_are_formed_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(groups, "FORMED", 20)
    with pytest.raises(ValueError) as caught:
        opened(*TALL, 3)
    assert str(caught.value) == (
        "decay_groups is not available for 9 columns and 3 classes in 60 rows, whose 27 coefficients are more than the "
        "20 that second derivatives are formed of; give decay_weights, or fewer columns"
    )
    opened(*TALL, 2)
    # Of more columns than rows the rows count.
    monkeypatch.setattr(groups, "FORMED", 25)
    assert groups.by_rows(opened(*WIDE, 2, sparse=True))


def test_kernels_beyond_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_rows, "MOST", 1000)
    with pytest.raises(ValueError, match=r"3 groups, 25 rows and 4 folds make 12 kernels of 25 × 25 numbers, more"):
        loss_of(opened(*WIDE, 2), 4)


def test_a_fold_without_a_class_is_refused() -> None:
    X = np.arange(12.0)[:, None] * np.ones(2)
    shell = wd.LogisticRegression(decay_groups={"a": [0]}, cv=TimeSeriesSplit(2))
    with pytest.raises(ValueError, match="fold 0 trains on no row of class '1'"):
        shell.fit(X, np.arange(12) // 6)


def test_a_loss_that_is_corrected_stays_a_loss() -> None:
    """Where folds can be separated adjoints are ill-conditioned: no strengths may be told a loss below 0."""
    from sklearn.datasets import load_breast_cancer

    X, y = load_breast_cancer(return_X_y=True)
    model = wd.LogisticRegression(decay_groups={"worst": list(range(20, 30))}).fit(X, y)
    assert model.tuning_ is not None
    grouping = model.tuning_.grouping
    assert grouping is not None
    assert 0.0 < grouping.loss <= grouping.single_loss
    assert model.tuning_.mean.min() == pytest.approx(grouping.loss, rel=1e-3)
