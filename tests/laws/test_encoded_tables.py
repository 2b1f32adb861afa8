"""Law 6 for raw tables: fold losses are those of honest refits of scikit-learn's pipeline, encoding included."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, TimeSeriesSplit
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from laws.honest_tables import by_hand, honest_losses, raw_table
from weightdecay.records.encoding import Encoded, Encoding, Terms

DECAYS = np.array([1e-3, 0.1, 3.0])


@pytest.fixture
def moments(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small tables go the way of large ones."""
    for module in ("fold_split", "whole"):
        monkeypatch.setattr(f"weightdecay.linear.{module}.SMALL", 0)


@pytest.mark.usefixtures("moments")
def test_levels_that_sum_to_one_need_no_triangles() -> None:
    """A zero eigenvalue by construction costs the moments no digits, at no decay either, and no degree of freedom."""
    n = 2000
    frame, y = raw_table(n)
    frame["also"] = frame["x0"].where(frame["x0"].isna(), 1.0 / frame["x1"])  # gaps that come together
    encoded = by_hand(frame)
    tuning = wd.tune(wd.LinearRegression(), encoded, y, decays=[0.0, 1e-8, 0.1], cv=5)
    assert set(tuning.status.ravel()) == {"exact"} and set(tuning.path.status) == {"exact"}
    exact = wd.tune(wd.LinearRegression(), exact_of(encoded), y, decays=[0.0, 1e-8, 0.1], cv=5)
    assert "exact (triangular)" in exact.status
    for name in ("coef", "df", "train_loss", "intercept"):
        np.testing.assert_allclose(getattr(tuning.path, name), getattr(exact.path, name), rtol=1e-7, atol=1e-9)
    np.testing.assert_allclose(tuning.opinions["evidence"], exact.opinions["evidence"], rtol=1e-9)
    loo, other = (
        wd.tune(wd.LinearRegression(), one, y, decays=[1e-8, 0.1], cv="loo") for one in (encoded, exact_of(encoded))
    )
    np.testing.assert_allclose(loo.mean, other.mean, rtol=1e-10)


def exact_of(encoded: Encoded) -> Encoded:
    """The same numbers, of which nothing is known."""
    return replace(encoded, encoding=Encoding())


def compared(n: int, cv: Any, numbers: int = 4, weighted: bool = False, groups: Any = None, **settings: bool) -> None:
    frame, y = raw_table(n, numbers=numbers)
    weight = None
    if weighted:
        weight = np.random.default_rng(1).uniform(0.2, 3.0, n)
        weight[::17] = 0.0
    S = float(n if weight is None else weight.sum())
    splits = list(cv.split(np.zeros((n, 1)), y, groups))
    honest = honest_losses(frame, y, DECAYS * S, splits, weight, **settings)
    encoded = by_hand(frame, None if weight is None else weight > 0)
    model = wd.LinearRegression(**settings)
    ours = wd.tune(model, encoded, y, decays=DECAYS, cv=splits, sample_weight=weight)
    np.testing.assert_allclose(ours.losses, honest, rtol=1e-9)


@pytest.mark.parametrize("n", [60, 1500])
@pytest.mark.parametrize("weighted", [False, True])
def test_folds(n: int, weighted: bool) -> None:
    """Triangles of small tables; one level is in a single fold."""
    compared(n, KFold(5, shuffle=True, random_state=0), weighted=weighted)


@pytest.mark.usefixtures("moments")
@pytest.mark.parametrize("n", [60, 1500, 40_000])
@pytest.mark.parametrize("weighted", [False, True])
def test_folds_through_moments(n: int, weighted: bool) -> None:
    compared(n, KFold(5, shuffle=True, random_state=0), weighted=weighted)
    compared(n, TimeSeriesSplit(3), weighted=weighted)


def test_groups_and_weights() -> None:
    groups = np.random.default_rng(2).integers(0, 12, 300)
    compared(300, GroupKFold(4), weighted=True, groups=groups)


@pytest.mark.parametrize("cv", [TimeSeriesSplit(4), RepeatedKFold(n_splits=3, n_repeats=2, random_state=0)])
def test_time_series_and_repeats(cv: Any) -> None:
    compared(400, cv)


@pytest.mark.parametrize("weighted", [False, True])
def test_more_columns_than_rows(weighted: bool) -> None:
    """Through kernels."""
    compared(50, KFold(4, shuffle=True, random_state=0), numbers=80, weighted=weighted)


def test_columns_as_they_are() -> None:
    compared(200, KFold(4), standardize=False)
    compared(200, KFold(4), fit_intercept=False)
    compared(40, KFold(4), numbers=60, standardize=False)


@pytest.mark.parametrize("sparse_columns", [False, True])
def test_sparse_designs(sparse_columns: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sparse wide design, through moments and through Krylov spaces."""
    if sparse_columns:
        monkeypatch.setattr("weightdecay.linear.opening.LARGE", 5)
    n = 300
    frame, y = raw_table(n)
    splits = list(KFold(4, shuffle=True, random_state=0).split(y))
    encoded = by_hand(frame)
    encoded = replace(encoded, matrix=sparse.csr_array(encoded.matrix))
    honest = honest_losses(frame, y, DECAYS * n, splits)
    ours = wd.tune(wd.LinearRegression(), encoded, y, decays=DECAYS, cv=splits)
    np.testing.assert_allclose(ours.losses, honest, rtol=1e-7 if sparse_columns else 1e-9)
    assert set(ours.status.ravel()) == {"krylov" if sparse_columns else "exact"}


def text_table(n: int, n_terms: int, seed: int = 0) -> tuple[Any, Any, Any]:
    """Counts of words (n, terms), scaled to length 1, beside three numbers; what they say of y."""
    rng = np.random.default_rng(seed)
    counts = rng.poisson(1.0 / np.arange(1, n_terms + 1) ** 0.7, size=(n, n_terms)).astype(float)
    counts[:, 0] += 1.0
    tf = counts / np.linalg.norm(counts, axis=1, keepdims=True)
    numbers = rng.standard_normal((n, 3)) * [1.0, 10.0, 0.1]
    return tf, numbers, 3 * tf[:, 1] - 2 * tf[:, 4] + numbers[:, 0] + 0.3 * rng.standard_normal(n)


@pytest.mark.parametrize(("n", "n_terms"), [(200, 30), (3000, 40), (60, 150)])
@pytest.mark.parametrize("krylov", [False, True])
def test_terms_have_the_inverse_document_frequencies_of_the_training_rows(
    n: int, n_terms: int, krylov: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if krylov:
        monkeypatch.setattr("weightdecay.linear.opening.LARGE", 5)
    tf, numbers, y = text_table(n, n_terms)
    encoded = Encoded(
        sparse.csr_array(np.hstack([numbers, tf])),
        (*"abc", *(f"t{j}" for j in range(n_terms))),
        Encoding(terms=(Terms(3, 3 + n_terms),)),
    )
    splits = list(KFold(4, shuffle=True, random_state=1).split(y))
    model = ColumnTransformer(
        [
            ("numbers", StandardScaler(), [0, 1, 2]),
            ("words", make_pipeline(TfidfTransformer(norm=None), DenseTransformer()), list(range(3, 3 + n_terms))),
        ]
    )
    honest = np.empty((4, len(DECAYS)))
    X = np.hstack([numbers, tf])
    for f, (train, test) in enumerate(splits):
        for place, decay in enumerate(DECAYS):
            fitted = make_pipeline(model, Ridge(decay * n, solver="svd")).fit(X[train], y[train])
            honest[f, place] = np.mean((y[test] - fitted.predict(X[test])) ** 2)
    ours = wd.tune(wd.LinearRegression(), encoded, y, decays=DECAYS, cv=splits)
    np.testing.assert_allclose(ours.losses, honest, rtol=1e-7 if krylov else 1e-9)
    # And the model of all rows.
    whole = make_pipeline(model, Ridge(0.1 * n, solver="svd")).fit(X, y)
    mine = wd.path(wd.LinearRegression(), encoded, y, [0.1])
    np.testing.assert_allclose(X @ mine.coef[0] + mine.intercept[0], whole.predict(X), rtol=1e-6)
    final = wd.LinearRegression(decay=0.1).open(encoded, y).estimator(0.1)
    np.testing.assert_allclose(final.predict(X), whole.predict(X), rtol=1e-6)
    if not krylov and n == 200:
        steps = wd.LinearRegression(decay=0.1, solver="gradient_descent", learning_rate=0.02, epochs=20_000)
        np.testing.assert_allclose(steps.open(encoded, y).estimator(0.1).predict(X), whole.predict(X), rtol=1e-4)


class DenseTransformer(TransformerMixin, BaseEstimator):  # type: ignore[misc]
    """A dense copy."""

    def fit(self, X: Any, y: Any = None) -> DenseTransformer:
        """Nothing to learn."""
        self.fitted_ = True
        return self

    def transform(self, X: Any) -> Any:
        """Dense."""
        return X.toarray()


@pytest.mark.parametrize(("n", "numbers"), [(300, 4), (20_000, 4), (50, 80)])
def test_work_is_shared(n: int, numbers: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """One pass over the columns' values for all folds and decays, one factorisation per fold."""
    frame, y = raw_table(n, numbers=numbers)
    encoded = by_hand(frame)
    counted = {"rows": 0, "columns": 0, "factorised": 0}

    def counting(module: str, name: str, what: str) -> None:
        original = getattr(import_module(module), name)

        def counts(*arguments: Any, **named: Any) -> Any:
            counted[what] += 1
            return original(*arguments, **named)

        monkeypatch.setattr(f"{module}.{name}", counts)

    for module in ("moments", "triangles"):
        counting(f"weightdecay.linear.{module}", "row_blocks", "rows")
    counting("weightdecay.linear.dual", "column_blocks", "columns")
    counting("weightdecay.linear.fold_split", "fit_triangle", "factorised")
    counting("weightdecay.linear.fold_split", "tridiagonal", "factorised")
    counting("weightdecay.linear.dual", "of_kernel", "factorised")
    wd.tune(wd.LinearRegression(), encoded, y, decays=np.logspace(-3, 2, 60), cv=5)
    assert counted["factorised"] == 5
    assert counted["rows"] + counted["columns"] <= (3 if n > 10_000 else 2)


@pytest.mark.filterwarnings("ignore:Skipping features without any observed values")
@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("through", ["triangles", "moments", "kernels"])
def test_a_column_of_which_a_fold_knows_nothing_is_none(
    fit_intercept: bool, through: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither the values of held-out rows nor their most frequent level may stand in for it."""
    if through == "moments":
        for module in ("fold_split", "whole"):
            monkeypatch.setattr(f"weightdecay.linear.{module}.SMALL", 0)
    rng = np.random.default_rng(0)
    n, more = 60, 80 if through == "kernels" else 0
    frame = pd.DataFrame({"x": 2 + rng.standard_normal(n), "g": 10 + rng.standard_normal(n)})
    frame = frame.join(pd.DataFrame(rng.standard_normal((n, more)), columns=[f"z{j}" for j in range(more)]))
    frame["k"] = rng.choice(["a", "b"], n)
    frame["l"] = rng.choice(["c", "d"], n)
    y = frame["x"].to_numpy() + 5 + rng.standard_normal(n)
    frame.loc[:29, ["g", "k"]] = None
    frame["k"] = frame["k"].astype(object).where(frame["k"].notna(), None)
    splits = [(np.arange(30), np.arange(30, 60)), (np.arange(15, 60), np.arange(15))]
    settings = {"standardize": False, "fit_intercept": fit_intercept}
    ours = wd.tune(wd.LinearRegression(**settings), by_hand(frame), y, decays=DECAYS, cv=splits)
    np.testing.assert_allclose(ours.losses, honest_losses(frame, y, DECAYS * n, splits, **settings), rtol=1e-9)


def test_exempt_categories_need_no_triangles(moments: None) -> None:
    frame, y = raw_table(1000)
    encoded = by_hand(frame)
    weights = [0.0 if name.startswith("site") else 1.0 for name in encoded.names]
    for settings in ({}, {"fit_intercept": False}):
        model = wd.LinearRegression(decay_weights=weights, **settings)
        splits = list(KFold(4, shuffle=True, random_state=0).split(y))
        tuning = wd.tune(model, encoded, y, decays=[1e-3, 0.1], cv=splits)
        exact = wd.tune(model, exact_of(encoded), y, decays=[1e-3, 0.1], cv=splits)
        if not settings:
            assert set(tuning.path.status) == {"exact"}
        np.testing.assert_allclose(tuning.path.train_loss, exact.path.train_loss, rtol=1e-9)
