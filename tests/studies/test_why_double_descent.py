"""Double descent against plain NumPy and scikit-learn, on data with and without a peak."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import RidgeCV
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from weightdecay.records.why_descent import DoubleDescent
from weightdecay.studies.why.double_descent import double_descent
from weightdecay.studies.why.random_features import fourier, relu

Array = NDArray[np.float64]


def data(n: int, p: int, seed: int = 0) -> tuple[Array, Array]:
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n, p)) * rng.uniform(0.5, 3.0, p)
    return X, X[:, : max(1, p // 3)].sum(axis=1) / np.sqrt(p) + rng.standard_normal(n)


def test_errors_are_those_of_least_squares_of_least_norm_and_of_tuned_ridge() -> None:
    X, y = data(90, 60)
    sizes = [5, 20, 30, 60]
    found = double_descent(wd.LinearRegression(), X, y, sizes=sizes, n_train=30, repeats=2, random_state=3)
    generator = np.random.RandomState(3)
    for repeat in range(2):
        order = generator.permutation(90)
        train, test = order[:30], order[30:]
        columns = generator.permutation(60)
        for place, q in enumerate(sizes):
            scaler = StandardScaler().fit(X[train][:, columns[:q]])
            Z, Z_test = scaler.transform(X[train][:, columns[:q]]), scaler.transform(X[test][:, columns[:q]])
            plain = y[train].mean() + Z_test @ np.linalg.pinv(Z) @ (y[train] - y[train].mean())
            assert found.none[repeat, place] == pytest.approx(np.mean((plain - y[test]) ** 2), rel=1e-6)
            if not np.isfinite(found.decays[repeat, place]):
                continue
            precision = found.decays[repeat, place] * 30
            ridge = RidgeCV(alphas=np.array([precision])).fit(Z, y[train])
            error = np.mean((ridge.predict(Z_test) - y[test]) ** 2)
            assert found.tuned[repeat, place] == pytest.approx(error, rel=1e-6)
        assert found.constant[repeat] == pytest.approx(np.mean((y[train].mean() - y[test]) ** 2), rel=1e-9)


def test_the_peak_is_where_columns_are_as_many_as_rows_and_tuned_decay_has_none() -> None:
    X, y = data(160, 5)
    for columns in ("fourier", "relu"):
        found = double_descent(
            wd.LinearRegression(), X, y, columns=columns, sizes=[8, 20, 40, 80, 200], n_train=40, repeats=10
        )
        assert found.peak == 40 and found.descends_twice and found.height > 5
        assert found.tuned_peak < 0.15
        first, second, *_ = found.sentences()
        assert "double descent" in first and "near the 40 training rows" in first and "no peak anywhere" in second


def test_few_columns_have_no_peak_and_it_says_so() -> None:
    X, y = data(120, 4)
    found = double_descent(wd.LinearRegression(), X, y, columns="columns", n_train=60, repeats=2)
    assert found.sizes[-1] == 4 and not found.descends_twice
    assert "double descent" not in str(found)


def test_auto_takes_columns_where_they_are_many_else_random_features() -> None:
    many = double_descent(wd.LinearRegression(), *data(60, 80), repeats=1)
    few = double_descent(wd.LinearRegression(), *data(60, 5), repeats=1)
    assert (many.columns, many.sizes[-1], many.n_train, many.n_test) == ("columns", 80, 40, 20)
    assert (few.columns, few.n_train, few.sizes[-1]) == ("fourier", 40, 200)


def test_random_features_have_the_kernels_that_they_stand_for() -> None:
    rng = np.random.default_rng(0)
    A, B = rng.standard_normal((6, 3)), rng.standard_normal((4, 3))
    one, other = fourier(A, B, 200_000, np.random.RandomState(0))
    apart = ((A[:, None] - B) ** 2).sum(axis=2)
    distances = np.sqrt(((A[:, None] - A) ** 2).sum(axis=2))[np.triu_indices(6, 1)]
    kernel = np.exp(-apart / (2 * np.median(distances) ** 2))
    np.testing.assert_allclose(one @ other.T / 200_000, kernel, atol=0.01)
    # E relu(v·x/√p + u) relu(v·z/√p + u) is the arc-cosine kernel of degree 1 of (x/√p, 1) and (z/√p, 1).
    one, other = relu(A, B, 200_000, np.random.RandomState(0))
    a, b = (np.column_stack([each / np.sqrt(3), np.ones(len(each))]) for each in (A, B))
    size = np.linalg.norm(a, axis=1)[:, None] * np.linalg.norm(b, axis=1)
    angle = np.arccos(np.clip(a @ b.T / size, -1, 1))
    expected = size * (np.sin(angle) + (np.pi - angle) * np.cos(angle)) / (2 * np.pi)
    np.testing.assert_allclose(one @ other.T / 200_000, expected, atol=0.03)


def test_classes_groups_weights_sparse_data_and_tables() -> None:
    X, y = data(60, 4)
    labels = np.array(["a", "b", "c"])[np.digitize(y, [-0.5, 0.5])]
    three = double_descent(wd.LogisticRegression(), X, labels, sizes=[5, 20], n_train=20, repeats=1)
    shares = np.unique(labels, return_counts=True)[1] / 60
    assert three.loss == "squared error of class indicators"
    assert three.constant[0] == pytest.approx((shares * (1 - shares)).mean(), abs=0.05)
    groups = np.repeat(np.arange(20), 3)
    apart = double_descent(wd.LinearRegression(), X, y, sizes=[5], n_train=30, repeats=2, groups=groups)
    assert np.isfinite(apart.tuned).all()
    weight = np.append(np.ones(60), np.zeros(5))
    more, target = np.vstack([X, X[:5] + 9]), np.append(y, np.full(5, 99.0))
    weighted = double_descent(
        wd.LinearRegression(), more, target, sizes=[5], n_train=30, repeats=1, sample_weight=weight
    )
    plain = double_descent(wd.LinearRegression(), X, y, sizes=[5], n_train=30, repeats=1)
    np.testing.assert_allclose(weighted.none, plain.none, rtol=1e-9)
    thin = double_descent(wd.LinearRegression(), sparse.csr_array(X), y, sizes=[5], n_train=30, repeats=1)
    np.testing.assert_allclose(thin.none, plain.none, rtol=1e-9)
    frame = pd.DataFrame({"x": X[:, 0], "kind": np.where(X[:, 1] > 0, "up", "down")})
    frame.loc[2, "x"] = np.nan
    assert np.isfinite(double_descent(wd.LinearRegression(), frame, y, sizes=[5, 60], repeats=1).none).all()


def test_what_makes_no_sense_is_refused_in_a_sentence() -> None:
    X, y = data(40, 3)
    for n, more, words in (
        (40, {"columns": "wavelets"}, "columns='wavelets'"),
        (40, {"repeats": 0}, "repeats=0"),
        (40, {"n_train": 39}, "n_train=39"),
        (9, {}, "at least 12 rows"),
        (40, {"sizes": [0, 5]}, "sizes"),
        (40, {"sizes": [2, 9], "columns": "columns"}, "up to the 3"),
        (40, {"groups": np.zeros(40), "n_train": 20}, "groups"),
    ):
        with pytest.raises(ValueError, match=words):
            double_descent(wd.LinearRegression(), X[:n], y[:n], **more)
    with pytest.raises(ValueError, match="y has 2"):
        double_descent(wd.LinearRegression(), X, np.column_stack([y, y]))


def test_the_record_goes_to_json_and_back() -> None:
    found = double_descent(wd.LinearRegression(), *data(60, 4), sizes=[5, 40], repeats=1)
    assert found == DoubleDescent.from_json(found.to_json())
    again = double_descent(wd.LinearRegression(), *data(60, 4), sizes=[5, 40], repeats=1)
    assert found == again
