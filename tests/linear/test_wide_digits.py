"""Wide data whose kernel would lose digits: folds, leave-one-out and paths against rational arithmetic."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd
from reference.exact import correct_digits, exact_ridge
from weightdecay.linear import sides

Floats = np.ndarray
N, P = 10, 12
SPLITS = list(KFold(3).split(np.zeros(N)))


def eighths(rng: np.random.Generator, *shape: int) -> Floats:
    """Random multiples of 1/8, so that sums with integers are exact."""
    return rng.integers(-16, 17, shape) / 8.0


def hard() -> dict[str, tuple[Floats, dict[str, Any]]]:
    """Columns and options by which ‖K‖ is large beside what has to be resolved."""
    rng = np.random.default_rng(11)
    X = eighths(rng, N, P)
    graded, decayed = X * np.resize([1.0, 2.0**20, 1.0], P), np.resize([1.0, 2.0**-40, 1.0], P)
    shuffled = X * 2.0 ** rng.permutation(np.arange(0, 2 * P, 2))
    base = eighths(rng, N, 2)
    inside = np.column_stack([base, base @ rng.integers(-4, 5, (2, P - 2)) * 2.0**18 + X[:, 2:] / 4])
    return {
        "far means": (X + 2.0**15, {"fit_intercept": False}),
        "far means, not standardised": (X + 2.0**15, {"fit_intercept": False, "standardize": False}),
        "two sizes": (graded, {"standardize": False}),
        "all sizes": (shuffled, {"standardize": False}),
        "decay weights": (X, {"decay_weights": decayed}),
        "nearly inside exempt columns": (inside, {"decay_weights": np.r_[0.0, 0.0, np.ones(P - 2)]}),
    }


def squared_errors(
    X: Floats, y: Floats, train: Any, test: Any, decay: Fraction, options: dict[str, Any]
) -> list[float]:
    """Of an exact refit of the training rows, on each of the test rows."""
    fit = exact_ridge(X[train], y[train], decay, **options)
    predicted = [sum(Fraction(v) * w for v, w in zip(X[i], fit.coef, strict=True)) + fit.intercept for i in test]
    return [float((Fraction(y[i]) - f) ** 2) for i, f in zip(test, predicted, strict=True)]


def left_out_errors(X: Floats, y: Floats, decay: float, options: dict[str, Any]) -> list[float]:
    """Of exact refits without each row, at the scales of all rows and the same Λ."""
    n, own = len(X), dict(options)
    weights = [Fraction(v) for v in own.pop("decay_weights", np.ones(X.shape[1]))]
    if own.pop("standardize", True):
        for j, column in enumerate(X.T):
            mean = sum(map(Fraction, column)) / n
            weights[j] *= sum((Fraction(v) - mean) ** 2 for v in column) / n
    own |= {"standardize": False, "decay_weights": weights}
    rows = [(np.delete(np.arange(n), i), [i]) for i in range(n)]
    return [squared_errors(X, y, *one, Fraction(decay) * n / (n - 1), own)[0] for one in rows]


@pytest.mark.parametrize("name", hard())
def test_losses_and_models_keep_nine_digits(name: str) -> None:
    """Where the kernel would have half of that, or none, and the status says what took its place."""
    X, options = hard()[name]
    y, decays = eighths(np.random.default_rng(3), N), np.array([2.0**-10, 0.125])
    if name.startswith("nearly"):
        decays *= 2.0**-36  # as small as what the exempt columns leave of the others
    estimator = wd.LinearRegression(**options)
    folds = wd.tune(estimator, X, y, cv=SPLITS, decays=decays)
    alone = wd.tune(estimator, X, y, cv="loo", decays=decays)
    path = wd.path(estimator, X, y, decays)
    for place, decay in enumerate(decays.tolist()):
        for fold, (train, test) in enumerate(SPLITS):
            errors = squared_errors(X, y, train, test, Fraction(decay) * N / len(train), options)
            assert folds.losses[fold, place] == pytest.approx(np.mean(errors), rel=1e-9)
        assert alone.losses[0, place] == pytest.approx(np.mean(left_out_errors(X, y, decay, options)), rel=1e-9)
        exact = exact_ridge(X, y, decay, **options)
        for found, truth in zip(path.coef[place].tolist(), exact.coef, strict=True):
            assert found == pytest.approx(float(truth), rel=1e-7)
    assert {"exact (triangular)"} == set(folds.status.ravel()) == set(alone.status.ravel()) == set(path.status)


@pytest.mark.parametrize("name", hard())
def test_training_loss_and_degrees_are_exact(name: str) -> None:
    """Degrees of freedom as the sum of the sensitivities ∂f_i/∂y_i, each from an exact fit to a unit target."""
    X, options = hard()[name]
    y, decay = eighths(np.random.default_rng(3), N), 0.125
    path = wd.path(wd.LinearRegression(**options), X, y, [decay])
    fits = [exact_ridge(X, np.eye(N)[i], decay, **options) for i in range(N)]
    rows = [[Fraction(v) for v in row] for row in X]
    own = [
        f.intercept + sum(v * w for v, w in zip(row, f.coef, strict=True)) for row, f in zip(rows, fits, strict=True)
    ]
    df = float(sum(own)) - float(options.get("fit_intercept", True))
    assert path.df[0] == pytest.approx(df, rel=1e-9)
    errors = squared_errors(X, y, slice(None), range(N), Fraction(decay), options)
    assert path.train_loss[0] == pytest.approx(np.mean(errors), rel=1e-9)


def test_a_kernel_that_keeps_its_digits_is_used() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 300))
    y = X[:, 0] + rng.standard_normal(40)
    for cv in (5, "loo"):
        assert set(wd.tune(wd.LinearRegression(), X, y, cv=cv, decays=[0.0, 1e-3, 1.0]).status.ravel()) == {"exact"}


@pytest.mark.parametrize("cv", [SPLITS, "loo"])
def test_columns_inside_the_span_of_exempt_ones_explain_nothing(cv: Any) -> None:
    """What an exempt column can explain costs nothing there: every decay is infinite decay, rounding errors or not."""
    rng = np.random.default_rng(1)
    base, y = rng.standard_normal((N, 2)), rng.standard_normal(N)
    X = np.column_stack([base, base @ rng.standard_normal((2, 2 * P))])
    weights = np.r_[0.0, 0.0, np.ones(2 * P)]
    estimator, decays = wd.LinearRegression(decay_weights=weights), np.array([0.0, 1e-30, 1e-10, 1.0, np.inf])
    tuning = wd.tune(estimator, X, y, cv=cv, decays=decays)
    np.testing.assert_allclose(tuning.mean, tuning.mean[-1], rtol=1e-9)
    path = wd.path(estimator, X, y, decays)
    np.testing.assert_allclose(path.df, 2.0, atol=1e-9)
    np.testing.assert_allclose(path.coef[:, 2:], 0.0, atol=1e-9)


@pytest.mark.parametrize("value", [0.1, 1e8 / 3])
@pytest.mark.parametrize("fit_intercept", [True, False])
def test_columns_that_are_constant_where_a_fold_trains(value: float, fit_intercept: bool) -> None:
    """An inexact mean of equal numbers is no spread: such a column is useless, or without intercept free of decay."""
    rng = np.random.default_rng(2)
    X = rng.standard_normal((400, 600))
    y = X[:, 1:5].sum(axis=1) + rng.standard_normal(400)
    splits = list(KFold(4).split(X))
    X[:, 0] = value
    X[[3, 5, 7], 0] *= 3.0
    found = wd.tune(wd.LinearRegression(fit_intercept=fit_intercept), X, y, cv=splits, decays=[0.1])
    train, test = splits[0]
    if fit_intercept:
        model = make_pipeline(StandardScaler(), Ridge(40.0)).fit(X[train], y[train])
        expected = np.mean((y[test] - model.predict(X[test])) ** 2)
    else:
        weights = np.r_[1e-12, X[train, 1:].var(axis=0)]
        rows = np.vstack([X[train] / np.r_[value, np.ones(599)], np.diag(np.sqrt(40.0 * weights))])
        coef = np.linalg.lstsq(rows, np.r_[y[train], np.zeros(600)], rcond=None)[0]
        expected = np.mean((y[test] - (X[test] / np.r_[value, np.ones(599)]) @ coef) ** 2)
    assert found.losses[0, 0] == pytest.approx(expected, rel=1e-9)


def test_a_centre_costs_no_digits_of_far_columns() -> None:
    """X c may be as large as the means are; only its differences count."""
    rng = np.random.default_rng(4)
    X, y, centre = eighths(rng, N, P), eighths(rng, N), eighths(rng, P)
    near = wd.tune(wd.LinearRegression(centre=centre), X, y, cv=SPLITS, decays=[0.5])
    far = wd.tune(wd.LinearRegression(centre=centre), X + 2.0**30, y, cv=SPLITS, decays=[0.5])
    np.testing.assert_allclose(far.losses, near.losses, rtol=1e-12)
    one, two = (wd.path(wd.LinearRegression(centre=centre), Z, y, [0.5]) for Z in (X, X + 2.0**30))
    np.testing.assert_allclose(two.coef, one.coef, rtol=1e-12)
    assert two.intercept[0] == pytest.approx(one.intercept[0] - 2.0**30 * one.coef[0].sum(), rel=1e-12)


@pytest.mark.parametrize("order", ["csr", "csc"])
def test_columns_of_extreme_size_in_either_sparse_format(order: str) -> None:
    """Each stored value is divided by its own column's power of two."""
    rng = np.random.default_rng(6)
    for n in (4, 30):
        X = np.maximum(rng.standard_normal((n, 4)), 0)
        y = X @ [1.0, 2.0, 3.0, 4.0] + rng.standard_normal(n)
        scaled = X * [1.0, 1e-150, 1.0, 1e150]
        given = sparse.csr_array(scaled).asformat(order)
        found, expected = (wd.LinearRegression(0.1).fit(Z, y) for Z in (given, X))
        np.testing.assert_allclose(found.coef_ * [1.0, 1e-150, 1.0, 1e150], expected.coef_, rtol=1e-10)
        np.testing.assert_allclose(found.predict(given), expected.predict(X), rtol=1e-10)


@pytest.mark.parametrize("decay", [0.0, 2.0**-30, 0.25])
def test_a_sparse_model_that_is_too_large_to_be_made_dense(decay: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """A triangle's digits are enough where the data's condition is moderate; else a sentence says what is not done."""
    from weightdecay.linear import ridge

    monkeypatch.setattr(ridge, "MADE_DENSE", 0)
    rng = np.random.default_rng(8)
    X = np.where(rng.random((40, 300)) < 0.1, eighths(rng, 40, 300), 0.0)
    X[:, 0] += 2.0 * X[:, 1]
    y = eighths(rng, 40)
    model = wd.LinearRegression(decay).fit(sparse.csr_array(X), y)
    assert model.status_ == "exact"
    np.testing.assert_allclose(model.coef_, wd.LinearRegression(decay).fit(X, y).coef_, rtol=1e-8, atol=1e-10)
    X[1] = X[0] + 2.0**-40 * X[2]
    with pytest.warns(UserWarning, match="too many to be made dense"):
        wd.LinearRegression(0.0).fit(sparse.csr_array(X), y)


def test_digits_of_small_data_are_those_of_refinement() -> None:
    X, options = hard()["two sizes"]
    y = eighths(np.random.default_rng(3), N)
    found = wd.LinearRegression(0.125, **options).fit(X, y)
    assert correct_digits([found.intercept_, *found.coef_], exact_ridge(X, y, 0.125, **options).all) >= 12.0


def lengths_of(name: str) -> Floats:
    """Column lengths up to 2⁶⁰ apart."""
    long = {"one": [0], "three": [0, 4, 9], "more than rows": range(P - 1)}
    exponent = np.zeros(P)
    for step, column in enumerate(long.get(name, [])):
        exponent[column] = 60 - step
    return np.asarray(2.0 ** (np.linspace(-30, 30, P)[::-1].round() if name == "all sizes" else exponent))


@pytest.mark.parametrize("way", ["columns", "decay weights"])
@pytest.mark.parametrize("name", ["one", "three", "more than rows", "all sizes"])
def test_long_columns_beside_short_ones(name: str, way: str) -> None:
    """A long column's coefficient is the small difference of large parts, but for the path no less than for the fit."""
    rng = np.random.default_rng(13)
    X, y, lengths = eighths(rng, N, P), eighths(rng, N), lengths_of(name)
    X, weights = (X * lengths, np.ones(P)) if way == "columns" else (X, lengths**-2.0)
    decays = np.array([2.0**-10, 1.0])
    options: dict[str, Any] = {"standardize": False, "decay_weights": weights, "centre": eighths(rng, P) / lengths}
    path = wd.path(wd.LinearRegression(**options), X, y, decays)
    for place, decay in enumerate(decays.tolist()):
        exact = exact_ridge(X, y, decay, **options)
        np.testing.assert_allclose(path.coef[place], [float(w) for w in exact.coef], rtol=1e-9)
        assert path.intercept[place] == pytest.approx(float(exact.intercept), rel=1e-9)
        fit = wd.LinearRegression(decay, **options).fit(X, y)
        np.testing.assert_allclose(path.coef[place], fit.coef_, rtol=1e-9)


@pytest.mark.parametrize("way", ["columns", "decay weights"])
@pytest.mark.parametrize("exponent", [40, 60, 120, 200])
def test_losses_of_long_columns_beside_short_ones(exponent: int, way: str) -> None:
    """However long: nothing of the short ones is lost, and each row is left out with nine digits."""
    rng = np.random.default_rng(17)
    X, y, lengths = eighths(rng, N, P), eighths(rng, N), np.ones(P)
    lengths[[0, 3, 5]] = 2.0 ** np.array([exponent, exponent, exponent // 2])
    X, weights = (X * lengths, np.ones(P)) if way == "columns" else (X, lengths**-2.0)
    options: dict[str, Any] = {"standardize": False, "decay_weights": weights}
    estimator, decays = wd.LinearRegression(**options), [2.0**-10, 1.0]
    folds, alone = (wd.tune(estimator, X, y, cv=cv, decays=decays) for cv in (SPLITS, "loo"))
    for place, decay in enumerate(decays):
        for fold, (train, test) in enumerate(SPLITS):
            errors = squared_errors(X, y, train, test, Fraction(decay) * N / len(train), options)
            assert folds.losses[fold, place] == pytest.approx(np.mean(errors), rel=1e-9)
        assert alone.losses[0, place] == pytest.approx(np.mean(left_out_errors(X, y, decay, options)), rel=1e-9)


def test_long_columns_with_weights_exempt_columns_and_several_targets() -> None:
    rng = np.random.default_rng(14)
    X, Y, s = eighths(rng, N, P) * lengths_of("three"), eighths(rng, N, 2), 1.0 + np.arange(N) % 3
    s[3] = 0.0
    options: dict[str, Any] = {"standardize": False, "decay_weights": np.r_[1.0, 0.0, np.ones(P - 2)]}
    path = wd.path(wd.LinearRegression(**options), X, Y, [0.25], sample_weight=s)
    for coef, y in zip(path.coef[0], Y.T, strict=True):
        exact = exact_ridge(X, y, 0.25, sample_weight=s, **options)
        np.testing.assert_allclose(coef, [float(w) for w in exact.coef], rtol=1e-9)


@pytest.mark.parametrize("standardize", [True, False])
def test_training_rows_that_no_column_tells_apart(standardize: bool) -> None:
    """They predict their mean at every decay, 0 included."""
    rng = np.random.default_rng(15)
    X, y, decays = rng.standard_normal((6, 9)), rng.standard_normal(6), [0.0, 1e-9, 1.0, np.inf]
    X[:3] = X[0]
    estimator, rows = wd.LinearRegression(standardize=standardize), np.arange(6)
    folds = wd.tune(estimator, X, y, cv=[(rows[:3], rows[3:]), (rows[3:], rows[:3])], decays=decays)
    np.testing.assert_allclose(folds.losses[0], np.mean((y[3:] - y[:3].mean()) ** 2), rtol=1e-12)
    for place, decay in enumerate(decays):
        model = wd.LinearRegression(decay * 2, standardize=standardize).fit(X[3:], y[3:])
        assert folds.losses[1, place] == pytest.approx(np.mean((y[:3] - model.predict(X[:3])) ** 2), rel=1e-8)
    path = wd.path(estimator, X[:3], y[:3], decays)
    np.testing.assert_array_equal(path.coef, 0.0)
    np.testing.assert_array_equal(path.df, 0.0)
    np.testing.assert_allclose(path.intercept, y[:3].mean(), rtol=1e-12)
    alone = wd.tune(estimator, X[:3], y[:3], cv="loo", decays=decays)
    np.testing.assert_allclose(alone.mean, np.mean((1.5 * (y[:3] - y[:3].mean())) ** 2), rtol=1e-12)


def test_long_columns_of_a_sparse_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are made dense, or the status says what that costs."""
    rng = np.random.default_rng(16)
    X, y = eighths(rng, N, P) * lengths_of("three"), eighths(rng, N)
    estimator, decays = wd.LinearRegression(standardize=False), [0.25, 2.0**100, 2.0**130]
    dense, given = wd.path(estimator, X, y, decays), wd.path(estimator, sparse.csr_array(X), y, decays)
    np.testing.assert_allclose(given.coef, dense.coef, rtol=1e-9)
    assert given.status == ("exact (triangular)", "exact (triangular)", "exact")
    monkeypatch.setattr(sides, "MADE_DENSE", 0)
    rough = wd.path(estimator, sparse.csr_array(X), y, decays)
    assert rough.status == (sides.ROUGH, sides.ROUGH, "exact")
    np.testing.assert_allclose(rough.coef[2], dense.coef[2], rtol=1e-9)
