"""`compare`: honest losses by plain scikit-learn, the rule of the verdict, and every kind of data."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from scipy.stats import t as student
from sklearn.linear_model import ElasticNet, Lasso, Ridge
from sklearn.model_selection import KFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from weightdecay.linear import fold_split
from weightdecay.records.comparison import Comparison, ComparisonRow, Difference
from weightdecay.records.comparison_words import table
from weightdecay.studies.compare import compare
from weightdecay.studies.compare_models import alike
from weightdecay.studies.compare_search import Care, Losses, from_above

DECAYS = 10.0 ** np.arange(-2.5, 1.0, 0.5)
Array = np.ndarray


def regression(n: int = 60, p: int = 12, seed: int = 0) -> tuple[Array, Array]:
    """Three columns of some use."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * rng.uniform(0.5, 3.0, p)
    return X, X[:, :3] @ [1.0, -1.0, 0.5] + 1.5 * rng.standard_normal(n)


def refitted(X: Array, y: Array, train: Array, test: Array, model: Any) -> float:
    """The mean squared error of a model of some rows on others."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = make_pipeline(StandardScaler(), model).fit(X[train], y[train])
    return float(np.mean((y[test] - fitted.predict(X[test])) ** 2))


def at(decay: float, mix: float, share: float) -> Any:
    """Scikit-learn's estimator at λ of all rows, on a training set that has so little of them."""
    if mix == 0:
        return None
    alpha, exact = decay / share, {"tol": 1e-10, "max_iter": 200_000}
    return Lasso(alpha, **exact) if mix == 1 else ElasticNet(alpha, l1_ratio=mix, **exact)


def one_loss(X: Array, y: Array, train: Array, test: Array, setting: tuple[float, float]) -> float:
    """At a decay and a mix."""
    decay, mix = setting
    model = at(decay, mix, len(train) / len(y)) or Ridge(decay * len(y))
    return refitted(X, y, train, test, model)


def nested_by_hand(
    X: Array, y: Array, folds: Sequence[Array], settings: Sequence[tuple[float, float]]
) -> tuple[list[float], list[tuple[float, float]]]:
    """Losses of every fold at what all pairs of folds choose without it."""
    rows, losses, chosen = np.arange(len(y)), [], []
    for f, test in enumerate(folds):
        others = [g for g in range(len(folds)) if g != f]
        means = []
        for one in settings:
            inner = [
                one_loss(X, y, np.setdiff1d(rows, np.concatenate([test, folds[g]])), folds[g], one) for g in others
            ]
            means.append(np.average(inner, weights=[len(folds[g]) for g in others]))
        chosen.append(settings[int(np.argmin(means))])
        losses.append(one_loss(X, y, np.setdiff1d(rows, test), test, chosen[-1]))
    return losses, chosen


def test_losses_are_those_of_nested_cross_validation_by_hand() -> None:
    X, y = regression()
    splits = list(KFold(4).split(X))
    found = compare(wd.LinearRegression(decays=DECAYS), X, y, cv=splits)
    assert found.how.startswith("settings were chosen without the fold") and "nested" in found.how
    folds = [test for _, test in splits]
    for name, mixes in (("weight decay", (0.0,)), ("L1", (1.0,)), ("elastic net", (0.1, 0.5, 0.9))):
        settings = [(float(decay), mix) for mix in mixes for decay in DECAYS]
        losses, chosen = nested_by_hand(X, y, folds, settings)
        row = found.row(name)
        assert row is not None
        assert_allclose(row.decays, [decay for decay, _ in chosen], rtol=1e-12)
        assert_allclose(row.losses, losses, rtol=1e-6)
    none = found.row("none")
    assert none is not None
    assert_allclose(none.losses, [refitted(X, y, train, test, Ridge(1e-10)) for train, test in splits], rtol=1e-6)
    constant = found.row("infinite decay")
    assert constant is not None
    assert_allclose(constant.losses, [np.mean((y[test] - y[train].mean()) ** 2) for train, test in splits])


def test_differences_are_paired_over_the_folds() -> None:
    X, y = regression()
    found = compare(wd.LinearRegression(), X, y, cv=list(KFold(5).split(X)))
    decay, one = found.row("weight decay"), found.row("L1")
    assert decay is not None and one is not None
    apart = one.losses - decay.losses
    error = np.sqrt(np.mean((apart - apart.mean()) ** 2) / 4)  # equal folds
    assert_allclose([one.to_decay.mean, one.to_decay.error], [apart.mean(), error])
    half = student.ppf(0.975, 4) * error
    assert_allclose([one.to_decay.low, one.to_decay.high], [apart.mean() - half, apart.mean() + half])
    assert_allclose(one.mean, one.losses.mean())
    assert decay.to_decay.mean == 0 == decay.to_decay.error


def test_the_choice_costs_what_the_plain_minimum_hides() -> None:
    rng = np.random.default_rng(1)
    X, y = rng.standard_normal((40, 60)), rng.standard_normal(40)
    found = compare(wd.LinearRegression(), X, y, cv=5)
    row = found.row("elastic net")
    assert row is not None and row.tuned < row.mean


def test_one_model_of_all_rows() -> None:
    X, y = regression(80, 30)
    found = compare(wd.LinearRegression(), X, y)
    for row in found.rows:
        model = wd.LinearRegression(decay=row.decay, l1_ratio=row.l1_ratio).fit(X, y)
        assert row.nonzero == np.count_nonzero(model.coef_)
        assert row.fit_seconds > 0
    assert found.n_weights == 30
    none = found.row("none")
    assert none is not None and none.overhead == 1


def test_stability_is_the_mean_cosine_of_the_folds_weights() -> None:
    X, y = regression(60, 6)
    splits = list(KFold(4).split(X))
    found = compare(wd.LinearRegression(decays=DECAYS), X, y, cv=splits)
    for name, mix in (("weight decay", 0.0), ("L1", 1.0)):
        row = found.row(name)
        assert row is not None
        coefs = []
        for train, _ in splits:
            # All folds share the prior precision λ n.
            model = wd.LinearRegression(decay=row.decay * len(y) / len(train), l1_ratio=mix).fit(X[train], y[train])
            coefs.append(model.coef_ * X.std(axis=0))
        cosines = [
            one @ other / np.linalg.norm(one) / np.linalg.norm(other)
            for place, one in enumerate(coefs)
            for other in coefs[:place]
        ]
        assert_allclose(row.stability, np.mean(cosines), rtol=1e-6)


@pytest.mark.parametrize(
    ("weights", "stability", "support"),
    [
        ([[1.0, 0.0], [2.0, 0.0]], 1.0, 1.0),
        ([[1.0, 0.0], [0.0, 1.0]], 0.0, 0.0),
        ([[1.0, 0.0], [1.0, 1.0]], math.sqrt(0.5), 0.5),
        ([[1e-300, 0.0], [1e300, 0.0]], 1.0, 1.0),
        ([[0.0, 0.0], [1.0, 1.0]], math.nan, math.nan),
        ([[1.0, 1.0]], math.nan, math.nan),
    ],
)
def test_alike(weights: list[list[float]], stability: float, support: float) -> None:
    assert_allclose(alike(np.array(weights)), [stability, support])


def row(name: str, mean: float, *, error: float = 0.1, constant: float = -5.0, nonzero: float = 100.0) -> ComparisonRow:
    """A row as far from the best as its mean is from 1."""
    to_best = Difference(mean - 1.0, 0.0 if mean == 1.0 else error)
    return ComparisonRow(
        name, np.ones(3), mean, 0.1, (0.8, 1.2), to_best=to_best, to_constant=Difference(constant, 1.0),
        to_decay=Difference(mean - 1.0, error), to_none=Difference(-1.0, error), nonzero=nonzero, decay=0.0,
    )  # fmt: skip


def of(*rows: ComparisonRow) -> Comparison:
    """A comparison of some rows."""
    return Comparison(rows, np.ones(3), np.zeros(3, dtype=int), "M", "mean squared error", "3 folds", "how.", 50, 100)


@pytest.mark.parametrize(
    ("rows", "suits"),
    [
        ((row("none", 1.005), row("weight decay", 1.0)), "none"),
        ((row("none", 1.0), row("weight decay", 1.05)), "none"),
        ((row("none", 1.05), row("weight decay", 1.0)), "weight decay"),
        ((row("none", 1.2), row("weight decay", 1.0), row("L1", 1.2)), "weight decay"),
        ((row("none", 1.2), row("weight decay", 1.05), row("L1", 1.0)), "weight decay"),
        ((row("none", 1.2), row("weight decay", 1.2), row("L1", 1.0)), "L1"),
        ((row("none", 1.2), row("weight decay", 1.2), row("L1", 1.05), row("elastic net", 1.0)), "L1"),
        ((row("none", 1.2), row("weight decay", 1.2), row("L1", 1.2), row("elastic net", 1.0)), "elastic net"),
        ((row("none", 1.2), row("weight decay", 1.0), row("L1", 1.05, nonzero=25)), "L1"),
        ((row("none", 1.2), row("weight decay", 1.0), row("L1", 1.05, nonzero=26)), "weight decay"),
        ((row("none", 1.005), row("weight decay", 1.0), row("L1", 1.0, nonzero=3)), "none"),
        ((row("none", 1.2), row("weight decay", 1.0, constant=-2.01)), "weight decay"),
        ((row("none", 1.2), row("weight decay", 1.0, constant=-1.99)), "nothing"),
        ((row("none", 1.2), row("weight decay", 1.0, constant=0.0)), "nothing"),
        ((row("none", 1.2), row("weight decay", 1.05), row("dropout + weight decay", 1.0)), "weight decay"),
        ((replace(row("none", 1.0), decay=1e-6), row("weight decay", 1.0)), "weight decay"),
        ((row("none", math.nan),), "nothing"),
    ],
)
def test_the_rule(rows: tuple[ComparisonRow, ...], suits: str) -> None:
    found = of(*rows)
    assert found.suits == suits
    assert found.verdict


@pytest.mark.parametrize(
    ("folds", "worse", "suits"),
    [
        (8, 0, "weight decay"),
        (8, 1, "nothing"),
        (6, 0, "nothing"),
        (10, 1, "weight decay"),
        (16, 0, "weight decay"),
        (16, 1, "nothing"),
    ],
)
def test_one_fold_that_is_most_of_the_loss_hides_no_gain_in_all_of_them(folds: int, worse: int, suits: str) -> None:
    constant = np.linspace(2.0, 100.0, folds)
    own = constant - 1.0
    own[:worse] += 2.0
    decay = replace(row("weight decay", 1.0, constant=-1.0), losses=own, to_constant=Difference(-1.0, 1.0))
    rows = (row("none", 1.3), decay, replace(row("infinite decay", 2.0), losses=constant))
    found = replace(
        of(*rows), weight=np.ones(folds), repeat=np.arange(folds) // 8 if folds == 16 else np.zeros(folds, int)
    )
    assert found.suits == suits


def test_words() -> None:
    sparse = of(row("none", 1.3), row("weight decay", 1.2), row("L1", 1.0, nonzero=31))
    assert "L1: 31 of 100 weights carry everything" in sparse.verdict
    both = of(row("none", 1.3), row("weight decay", 1.0), row("dropout + weight decay", 1.05))
    assert "dropout adds nothing over decay" in both.verdict
    assert of(row("none", 1.2), row("weight decay", 1.0, constant=0.0)).verdict.startswith("Nothing helps")
    assert of(row("none", 1.0), row("weight decay", 1.0)).verdict.startswith("No regularisation is needed")


def test_json_is_the_identity_and_text_has_the_same_numbers() -> None:
    X, y = regression(50, 20)
    found = compare(wd.LinearRegression(), X, y, cv=4)
    back = Comparison.from_json(found.to_json())
    assert back == found and str(back) == str(found) and back._repr_html_() == found._repr_html_()
    assert found != replace(found, source="other")
    assert table(found) in str(found)
    assert found.verdict.splitlines()[0] in repr(found)
    with pytest.raises(ValueError, match="JSON of a Comparison"):
        Comparison.from_json('{"rows": 3}')
    with pytest.raises(ValueError, match="read-only"):
        found.rows[0].losses[0] = 1.0


def test_html_is_harmless() -> None:
    found = of(row("none", 1.2), row("weight decay", 1.0))
    html = replace(found, scoring="−<script>alert(1)</script>\x1b\u202e")._repr_html_()
    assert "<script>" not in html and "\x1b" not in html and "\u202e" not in html


def test_classes_that_can_be_separated_have_no_model_without_decay() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 40))
    y = np.where(X[:, 0] + 0.3 * rng.standard_normal(60) > 0, "yes", "no")
    found = compare(wd.LogisticRegression(), X, y, cv=4)
    none = found.row("none")
    assert none is not None and none.decay > 0 and "columns can separate the classes" in none.note
    assert found.suits not in ("none", "nothing") and found.scoring == "log-loss" and found.classes == ("no", "yes")


@pytest.mark.parametrize(
    "estimator",
    [wd.LinearRegression(), wd.LogisticRegression(), wd.PoissonRegression()],
    ids=lambda one: type(one).__name__,
)
def test_every_estimator_with_weights_and_groups(estimator: Any) -> None:
    X, y = regression(90, 5)
    y = {"LinearRegression": y, "LogisticRegression": np.digitize(y, [-1.0, 1.0])}.get(
        type(estimator).__name__, np.random.default_rng(0).poisson(np.exp(0.3 * X[:, 0]))
    )
    weight, groups = np.random.default_rng(1).uniform(0.5, 2.0, 90), np.arange(90) // 6
    before = str(estimator.get_params())
    found = compare(estimator, X, y, sample_weight=weight, groups=groups, cv=3)
    assert str(estimator.get_params()) == before and not hasattr(estimator, "coef_")
    assert found.cv == "3 folds" and [one.name for one in found.rows][-1] == "infinite decay"
    assert all(np.isfinite(one.losses).all() for one in found.rows)
    assert_allclose(found.weight.sum(), weight.sum())


def test_a_scorer_is_shown_as_itself() -> None:
    X, y = regression(60, 5)
    found = compare(wd.LinearRegression(), X, y, scoring="r2", cv=4)
    decay = found.row("weight decay")
    assert decay is not None and found.metric == "r2" and found.larger_is_better
    assert 0 < found.as_metric(decay.mean) < 1 and f"{found.as_metric(decay.mean):.3f}"[:4] in str(found)


def test_frames_with_text_and_gaps() -> None:
    rng = np.random.default_rng(3)
    n = 80
    size = rng.standard_normal(n)
    kind = rng.choice(["a", "b", "c"], n)
    y = 2 * size + (kind == "a") + 0.5 * rng.standard_normal(n)
    size[::9] = np.nan
    said = [" ".join(rng.choice(["good", "bad", "large", "small", "old"], 4)) for _ in range(n)]
    frame = pd.DataFrame({"size": size, "kind": kind, "said": said})
    found = compare(wd.LinearRegression(), frame, y, text=["said"], cv=4)
    assert "size is missing" in found.columns and found.suits != "nothing"
    assert all(np.isfinite(one.stability) for one in found.rows[:-1])


def test_later_rows_by_earlier_ones_are_judged_by_the_other_folds() -> None:
    X, y = regression(60, 5)
    found = compare(wd.LinearRegression(decays=DECAYS), X, y, cv=TimeSeriesSplit(3))
    assert "chosen by the other folds" in found.how
    decay, one = found.row("weight decay"), wd.tune(wd.LinearRegression(), X, y, decays=DECAYS, cv=TimeSeriesSplit(3))
    assert decay is not None
    for f in range(3):
        others = [g for g in range(3) if g != f]
        place = int(np.argmin(one.losses[others].mean(axis=0)))
        assert_allclose([decay.decays[f], decay.losses[f]], [one.decays[place], one.losses[f, place]])


def test_a_single_hold_out_says_what_it_is() -> None:
    X, y = regression(60, 5)
    found = compare(wd.LinearRegression(), X, y, cv=[(np.arange(40), np.arange(40, 60))])
    assert "on the rows that they are judged on" in found.how
    assert all(math.isnan(one.to_decay.error) for one in found.rows) and found.verdict


@pytest.mark.parametrize(
    ("estimator", "names"),
    [
        (Ridge(), ["none", "weight decay", "infinite decay"]),
        (make_pipeline(StandardScaler(), Lasso()), ["none", "L1", "infinite decay"]),
        (
            make_pipeline(StandardScaler(), wd.LinearRegression()),
            ["none", "weight decay", "L1", "elastic net", "infinite decay"],
        ),
    ],
    ids=["ridge", "lasso", "ours in a pipeline"],
)
def test_foreign_estimators(estimator: Any, names: list[str]) -> None:
    X, y = regression(40, 3)
    found = compare(estimator, X, y, cv=3)
    assert [one.name for one in found.rows] == names
    assert "chosen by the other folds" in found.how and found.rows[1].nonzero > 0
    assert 0.5 < found.rows[1].stability <= 1


def test_several_targets_share_one_decay() -> None:
    X, y = regression(50, 4)
    found = compare(wd.LinearRegression(), X, np.stack([y, y[::-1]], axis=1), cv=3)
    assert found.n_weights == 8 and np.isfinite(found.rows[1].mean)


@pytest.mark.parametrize(
    ("estimator", "how", "sentence"),
    [
        (wd.LinearRegression(), {"cv": "loo"}, "give a number of folds"),
        (wd.LinearRegression(decay_groups={"a": [0]}), {}, "leave decay_groups out"),
        (wd.LinearRegression, {}, "give an instance"),
        (KFold(), {}, "has no penalty"),
    ],
)
def test_refusals(estimator: Any, how: dict[str, Any], sentence: str) -> None:
    X, y = regression(30, 3)
    with pytest.raises(ValueError, match=sentence):
        compare(estimator, X, y, **how)


def test_one_factorisation_for_every_training_set(monkeypatch: pytest.MonkeyPatch) -> None:
    found: Counter[str] = Counter()
    original = fold_split.tridiagonal

    def factorise(*arguments: Any) -> Any:
        found["tridiagonal"] += 1
        return original(*arguments)

    monkeypatch.setattr(fold_split, "tridiagonal", factorise)
    rng = np.random.default_rng(0)
    F, n, p = 5, 4000, 90  # more work than triangles are for
    X = rng.standard_normal((n, p))
    y = X[:, 0] + rng.standard_normal(n)
    result = compare(wd.LinearRegression(), X, y, cv=list(KFold(F).split(X)))
    assert "nested" in result.how
    # Of every setting F folds searched and F (F + 1)/2 nested training sets, whatever number of decays was tried; the
    # models whose weights are compared, of another plan, need no more.
    assert found["tridiagonal"] == 5 * (F + F * (F + 1) // 2)


def test_search_from_above_stops_where_the_loss_has_risen() -> None:
    asked: list[float] = []

    class Valley:
        def held_out(self, decays: Array, scoring: Any = None, among: Any = None) -> wd.HeldOut:
            asked.extend(decays.tolist())
            place = np.where(np.isinf(decays), 4.0, np.log10(np.maximum(decays, 1e-300)))
            loss = np.stack([1 + (np.minimum(place, 4.0) - 0.25) ** 2 + 0.01 * f for f in range(3)])
            nothing = np.full(len(decays), np.nan)
            return wd.HeldOut(decays, loss, np.ones(3), nothing, nothing, np.full(loss.shape, "exact"))

    losses = Losses(Valley(), None)  # type: ignore[arg-type]
    grid = from_above(losses, 10.0 ** np.arange(-8, 3), Care(None, "min", 0.01, None), np.zeros(3, dtype=np.intp))
    finite = [one for one in asked if 0 < one < math.inf]
    assert len(set(finite)) == len(finite) and min(finite) > 1e-2
    assert_allclose(grid[losses.mean(grid).argmin()], 10.0**0.25)


@pytest.mark.parametrize("classes", [False, True])
def test_networks_of_every_form(classes: bool) -> None:
    pytest.importorskip("torch")
    X, y = regression(60, 4)
    given: dict[str, Any] = {"hidden": (8,), "epochs": 8, "batch_size": 16, "learning_rate": 0.01}
    network = wd.NetworkClassifier(**given) if classes else wd.NetworkRegressor(**given)
    found = compare(network, X, np.where(y > 0, "up", "down") if classes else y, cv=3)
    names = ["none", "weight decay", "L1", "dropout", "dropout + weight decay", "early stopping", "infinite decay"]
    assert [one.name for one in found.rows] == names
    assert all(np.isfinite(one.losses).all() for one in found.rows) and "chosen by the other folds" in found.how
    for name in ("dropout", "dropout + weight decay"):
        one = found.row(name)
        assert one is not None and one.settings["dropout"] in (0.1, 0.25, 0.5) and one.tuning_seconds > 0
    none = found.row("none")
    assert none is not None and none.decay == 0 and none.nonzero == found.n_weights == 4 * 8 + 8 * (2 if classes else 1)
    assert found == Comparison.from_json(found.to_json())


def test_the_losses_of_networks_are_those_of_tune() -> None:
    pytest.importorskip("torch")
    X, y = regression(60, 4)
    network = wd.NetworkRegressor(hidden=(8,), epochs=5, batch_size=16, learning_rate=0.01, decays=[0.0, 0.1, 1.0])
    found, tuning = compare(network, X, y, cv=3), wd.tune(network, X, y, cv=3)
    none = found.row("none")
    assert none is not None
    assert_allclose(none.losses, tuning.losses[:, 0], rtol=1e-6)
    decay = found.row("weight decay")
    assert decay is not None
    for f in range(3):
        place = int(np.argmin(np.delete(tuning.losses, f, axis=0).mean(axis=0)))
        assert_allclose([decay.decays[f], decay.losses[f]], [tuning.decays[place], tuning.losses[f, place]], rtol=1e-6)


def test_a_module_of_ones_own_has_its_own_dropout() -> None:
    nn = pytest.importorskip("torch.nn")
    X, y = regression(40, 3)
    network = wd.NetworkRegressor(module=lambda p, k: nn.Linear(p, k), epochs=3)
    found = compare(network, X, y, cv=3)
    assert found.row("dropout") is None and any("dropout was left out" in one for one in found.notes)


def truth(kind: str, seed: int, *, classes: bool = False) -> tuple[Array, Array]:
    """A sparse truth, a dense one of small weights, or none at all."""
    rng = np.random.default_rng([seed, len(kind)])
    n, p = {"sparse": (200, 500), "dense": (150, 200), "noise": (150, 100)}[kind]
    X, w = rng.standard_normal((n, p)), np.zeros(p)
    if kind == "sparse":
        w[:10] = rng.choice([-1.0, 1.0], 10)
    if kind == "dense":
        w[:] = rng.standard_normal(p) * math.sqrt(4.0 / p)
    f = X @ w
    if classes:
        return X, (rng.random(n) < 1.0 / (1.0 + np.exp(-2.0 * f))).astype(int)
    return X, f + (1.5 if kind == "sparse" else 1.0) * rng.standard_normal(n)


SUITS = {"sparse": {"L1", "elastic net"}, "dense": {"weight decay"}, "noise": {"nothing"}}


@pytest.mark.parametrize("seeds", [(0,), pytest.param((1, 2), marks=pytest.mark.long)])
@pytest.mark.parametrize("kind", SUITS)
def test_the_right_form(kind: str, seeds: Sequence[int]) -> None:
    cv = 5 if kind == "sparse" else None  # it takes its time, and is told apart by few folds
    named = [compare(wd.LinearRegression(), *truth(kind, seed), cv=cv).suits for seed in seeds]
    assert set(named) <= SUITS[kind], named


@pytest.mark.long
@pytest.mark.parametrize(
    ("kind", "classes"), [("sparse", False), ("dense", False), ("noise", False), ("sparse", True), ("noise", True)]
)
def test_the_right_form_on_twenty_seeds(kind: str, classes: bool) -> None:
    estimator = wd.LogisticRegression() if classes else wd.LinearRegression()
    cv = 5 if kind == "sparse" else None
    named = [compare(estimator, *truth(kind, seed, classes=classes), cv=cv).suits for seed in range(20)]
    assert sum(one in SUITS[kind] for one in named) >= 18, Counter(named)


@pytest.mark.parametrize(
    ("cv", "told"), [(2, "on 2 folds;"), (3, "(nested, 3 folds"), (4, "(nested, 4 folds"), (7, "(nested, 7")]
)
def test_it_compares_on_as_many_folds_as_were_asked_for(cv: int, told: str) -> None:
    X, y = regression()
    assert told in str(compare(wd.LinearRegression(), X, y, cv=cv))
