"""The held-out error by groups' strengths: its gradient, its value, where it comes from, and what it refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from scipy.sparse import csr_array
from scipy.sparse import random as sparse_random
from sklearn.model_selection import RepeatedKFold, ShuffleSplit, TimeSeriesSplit

import weightdecay as wd
from weightdecay.linear import group_gradient, group_kernels, group_problem, moments, opening, triangles
from weightdecay.linear.ridge import RidgeProblem
from weightdecay.records.grouping import Grouping
from weightdecay.tables.encoder import encode
from weightdecay.tuning.folds import Folds, plan
from weightdecay.tuning.group_search import GroupLoss

Array = NDArray[np.float64]

TALL, WIDE = (60, 9), (25, 60)
THETAS = ([-3.0, -1.0, 0.5], [-8.0, -2.0, 3.0], [2.0, -6.0, -1.0])
VARIANTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "weights": {"weights": True},
    "exempt": {"exempt": (0, 5)},
    "centre": {"centre": True},
    "targets": {"t": 3},
    "raw columns": {"standardize": False, "fit_intercept": False},
    "all at once": {"weights": True, "exempt": (0, 5), "centre": True, "t": 2},
}


def opened(
    n: int,
    p: int,
    *,
    weights: bool = False,
    exempt: tuple[int, ...] = (),
    centre: bool = False,
    t: int = 0,
    sparse: bool = False,
    **settings: Any,
) -> RidgeProblem:
    """A problem with three groups."""
    rng = np.random.default_rng(n + p)
    X = rng.standard_normal((n, p)) * np.exp(rng.uniform(-1, 1, p)) + rng.uniform(-2, 2, p)
    Y = X[:, :3] @ rng.standard_normal((3, max(t, 1))) + rng.standard_normal((n, max(t, 1)))
    s = rng.uniform(0, 2, n) if weights else None
    if s is not None:
        s[3] = 0.0
    relative = rng.uniform(0.5, 2.0, p)
    relative[list(exempt)] = 0.0
    model = wd.LinearRegression(
        decay_groups={"a": range(p // 3), "b": range(p // 3, 2 * p // 3)},
        decay_weights=relative,
        centre=rng.standard_normal(p) if centre else None,
        **settings,
    )
    return model.open(csr_array(X) if sparse else X, Y if t else Y[:, 0], s)


def loss_of(problem: RidgeProblem, cv: Any) -> tuple[GroupLoss, Folds]:
    """The loss over the folds that are asked for."""
    assert problem.column_groups is not None
    folds = plan(cv, problem.rows.n, positive=problem.facts().positive)
    return problem.group_loss(problem.column_groups, folds), folds


def check_gradient(loss: GroupLoss) -> None:
    """Against central differences, and the value against its parts."""
    for theta in map(np.array, THETAS):
        value, gradient = loss.value_and_gradient(theta)
        step = 1e-4
        differences = [
            (loss.value_and_gradient(theta + step * one)[0] - loss.value_and_gradient(theta - step * one)[0])
            / (2 * step)
            for one in np.eye(3)
        ]
        np.testing.assert_allclose(gradient, differences, rtol=0, atol=1e-6 * max(np.abs(gradient).max(), 1e-2 * value))
        parts, weight = loss.parts(theta)
        assert weight @ parts / weight.sum() == pytest.approx(value, rel=1e-12)


def check_value(problem: RidgeProblem, loss: GroupLoss, folds: Folds, rtol: float = 1e-9) -> None:
    """Against the engine's own losses with the decay weights that the strengths are."""
    groups = problem.column_groups
    assert groups is not None
    for theta in map(np.array, THETAS):
        strengths = groups.strengths(theta)
        untold = Grouping((), 1.0, 1.0, 1.0, 0.0, "", 0, True)
        weighted = problem.weighted(groups.decay_weights(strengths), untold)
        decay = float(np.exp(theta[0]) / strengths[0])
        engine = weighted.split(folds).held_out(np.array([decay, 1.0]))
        assert loss.value_and_gradient(theta)[0] == pytest.approx(float(engine.mean[0]), rel=rtol)


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("cv", [4, "loo"])
@pytest.mark.parametrize("shape", [TALL, WIDE], ids=["tall", "wide"])
def test_gradient_and_value(shape: tuple[int, int], cv: Any, variant: str) -> None:
    problem = opened(*shape, **VARIANTS[variant])
    loss, folds = loss_of(problem, cv)
    check_gradient(loss)
    check_value(problem, loss, folds)


@pytest.mark.parametrize(
    "cv",
    [RepeatedKFold(n_splits=3, n_repeats=2, random_state=0), TimeSeriesSplit(3), ShuffleSplit(1, random_state=0)],
    ids=["repeated", "time", "hold-out"],
)
@pytest.mark.parametrize("shape", [TALL, WIDE], ids=["tall", "wide"])
def test_any_plan_of_folds(shape: tuple[int, int], cv: Any) -> None:
    problem = opened(*shape)
    loss, folds = loss_of(problem, cv)
    check_gradient(loss)
    check_value(problem, loss, folds)


@pytest.mark.parametrize("variant", ["plain", "all at once"])
def test_moments_of_many_rows(variant: str) -> None:
    problem = opened(4000, 90, **VARIANTS[variant])
    loss, folds = loss_of(problem, 5)
    check_gradient(loss)
    check_value(problem, loss, folds)


@pytest.mark.parametrize("cv", [4, "loo"])
@pytest.mark.parametrize("shape", [TALL, WIDE], ids=["tall", "wide"])
def test_sparse_columns(shape: tuple[int, int], cv: Any) -> None:
    problem, dense = opened(*shape, sparse=True), opened(*shape)
    for theta in map(np.array, THETAS):
        one, other = (loss_of(each, cv)[0].value_and_gradient(theta) for each in (problem, dense))
        assert one[0] == pytest.approx(other[0], rel=1e-12)
        np.testing.assert_allclose(one[1], other[1], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("n", [90, 14], ids=["tall", "wide"])
@pytest.mark.parametrize("parted", [False, True], ids=["by column", "across a category"])
def test_an_encoded_table(n: int, parted: bool) -> None:
    """Gaps are filled and terms are weighed anew in every fold; a category may be parted between two groups."""
    rng = np.random.default_rng(n)
    frame = pl.DataFrame(
        {
            "age": [None if row % 5 == 1 else float(row % 11) for row in range(n)],
            "height": rng.standard_normal(n),
            "island": ["abc"[row % 3] if row % 7 else None for row in range(n)],
            "words": [" ".join(rng.choice(["red", "green", "blue", "grey", "pink"], 3)) for _ in range(n)],
        }
    )
    _, encoded = encode(frame, text=("words",))
    y = rng.standard_normal(n) + frame["height"].to_numpy()
    first = ["age", "island = a"] if parted else ["age", "island"]
    problem = wd.LinearRegression(decay_groups={"first": first, "words": ["words"]}).open(encoded, y)
    loss, folds = loss_of(problem, 4)
    check_gradient(loss)
    check_value(problem, loss, folds)


def test_columns_that_a_fold_makes_constant() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((30, 6))
    X[:, 1] = 4.0
    X[:, 2] = np.arange(30) < 6
    model = wd.LinearRegression(decay_groups={"a": [0, 1, 2], "b": [3], "c": [4, 5]})
    problem = model.open(X, X[:, 0] + rng.standard_normal(30))
    folds = [(np.arange(6, 30), np.arange(6)), (np.arange(20), np.arange(20, 30))]
    for cv in (folds, "loo"):
        loss, plan_of = loss_of(problem, cv)
        check_gradient(loss)
        check_value(problem, loss, plan_of)


def test_a_group_of_constant_columns_has_no_say() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 4))
    X[:, 3] = 7.0
    model = wd.LinearRegression(decay_groups={"a": [0], "b": [1, 2], "still": [3]}, cv=4)
    model.fit(X, X[:, 0] + 0.3 * rng.standard_normal(40))
    assert np.isfinite(model.decay_weights_).all()
    assert next(one for one in model.tuning_.grouping.groups if one.name == "still").extreme in ("any", "")


@pytest.mark.parametrize("shape", [TALL, WIDE], ids=["tall", "wide"])
def test_a_row_that_only_an_exempt_column_tells_has_no_say(shape: tuple[int, int]) -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal(shape)
    X[:, 0] = np.arange(shape[0]) == 5
    weights = np.ones(shape[1])
    weights[0] = 0.0
    model = wd.LinearRegression(decay_groups={"a": range(1, 3), "b": range(3, 5)}, decay_weights=weights)
    problem = model.open(X, X[:, 1] + rng.standard_normal(shape[0]))
    loss, _ = loss_of(problem, "loo")
    check_gradient(loss)
    assert len(loss.parts(np.zeros(3))[0]) == shape[0] - 1


@pytest.mark.parametrize("noise", [1e-9, 0.0])
@pytest.mark.parametrize("shape", [TALL, (4000, 90)], ids=["small", "large"])
def test_a_target_without_noise(shape: tuple[int, int], noise: float) -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal(shape)
    y = X[:, 0] - X[:, 1] + noise * rng.standard_normal(shape[0])
    model = wd.LinearRegression(decay_groups={"own": [0, 1]}, cv=4).fit(X, y)
    assert model.tuning_.grouping.loss <= model.tuning_.grouping.single_loss
    assert model.tuning_.mean.min() < 1e-15


@pytest.mark.parametrize("power", [-120, 130])
def test_columns_and_targets_of_any_size(power: int) -> None:
    """Units change neither the strengths nor, beside their own square, the losses."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((50, 8))
    y = X[:, :2].sum(axis=1) + rng.standard_normal(50)
    groups, size = {"own": [0, 1]}, 10.0**power
    plain = wd.tune(wd.LinearRegression(decay_groups=groups), X, y, cv=4).grouping
    scaled = wd.tune(wd.LinearRegression(decay_groups=groups), X * size, y * size, cv=4).grouping
    for one, other in zip(plain.groups, scaled.groups, strict=True):
        assert one.strength == pytest.approx(other.strength, rel=1e-3)
    assert scaled.loss == pytest.approx(plain.loss * size**2, rel=1e-6)
    assert scaled.single_decay == pytest.approx(plain.single_decay, rel=0.05)


def test_raw_columns_of_very_different_size() -> None:
    """Where columns are not standardised a group of small ones has bounds of its own."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((80, 12))
    y = X[:, :2].sum(axis=1) + rng.standard_normal(80)
    scale = np.where(np.arange(12) < 2, 1e-6, 1e5)
    groups = {"own": [0, 1]}
    plain = wd.tune(wd.LinearRegression(decay_groups=groups, standardize=False), X, y, cv=4)
    other = wd.tune(wd.LinearRegression(decay_groups=groups, standardize=False), X * scale, y, cv=4)
    assert other.grouping.loss == pytest.approx(plain.grouping.loss, rel=1e-4)
    assert other.groups["own"] / plain.groups["own"] == pytest.approx(1e-12, rel=0.2)


def test_leave_one_out_of_many_rows_tunes_strengths_on_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_problem, "LEFT_OUT", 1000.0)
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 6))
    s = (np.arange(60) > 2).astype(float)
    tuning = wd.tune(
        wd.LinearRegression(decay_groups={"a": [0]}), X, X[:, 0] + rng.standard_normal(60), sample_weight=s
    )
    assert tuning.cv == "leave-one-out over 57 rows" and tuning.grouping.cv == "10 folds"


def test_large_sparse_data_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "LARGE", 20)
    X = csr_array(sparse_random(40, 50, 0.2, rng=np.random.default_rng(0)))
    with pytest.raises(ValueError) as caught:
        wd.LinearRegression(decay_groups={"a": [0]}).fit(X, np.arange(40.0))
    assert str(caught.value) == (
        "decay_groups is not available for sparse data as large as 40 × 50, whose equations are not factorised; give "
        "decay_weights, or fewer columns"
    )


def test_kernels_beyond_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(group_kernels, "MOST", 1000)
    with pytest.raises(
        ValueError, match=r"3 groups, 25 rows and 4 folds make 12 kernels of 25 × 25 numbers, more than"
    ):
        loss_of(opened(*WIDE), 4)


def test_rows_are_read_once_for_moments_and_once_where_strengths_far_apart_ask_for_triangles(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    read: Counter[str] = Counter()

    def counting(original: Any, name: str) -> Any:
        def reader(X: Any, **options: Any) -> Iterator[Any]:
            for block, part in original(X, **options):
                read[name] += block.stop - block.start
                yield block, part

        return reader

    for module in (moments, triangles, group_gradient):
        monkeypatch.setattr(module, "row_blocks", counting(module.row_blocks, module.__name__))
    rng = np.random.default_rng(0)
    X = rng.standard_normal((4000, 90))
    y = X[:, 0] + rng.standard_normal(4000)
    wd.tune(wd.LinearRegression(), X, y, cv=5)
    plain = dict(read)
    read.clear()
    wd.tune(wd.LinearRegression(decay_groups={"a": range(45)}), X, y, cv=5)
    assert read.pop(triangles.__name__, 0) in (0, len(X))
    assert dict(read) == plain
