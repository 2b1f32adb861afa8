"""`LinearRegression` as a scikit-learn estimator: its contract, its parameters, its fitted state, its sentences."""

from __future__ import annotations

import copy
import pickle
import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures
from sklearn.utils.estimator_checks import estimator_checks_generator

import weightdecay as wd
from laws.problems import regression

Floats = NDArray[np.float64]

SLOW = "ignore:.*(epochs were not enough|gradient descent diverged).*:sklearn.exceptions.ConvergenceWarning"


CHECKED = (
    wd.LinearRegression(),
    wd.LinearRegression(0.1),
    wd.LinearRegression(0.0),
    wd.LinearRegression(cv=3),
    wd.LinearRegression(rule="1se", standardize=False, decays=[0.01, 0.1, 1.0]),
    wd.LinearRegression(0.1, solver="gradient_descent", learning_rate=0.1),
)


def named(one: Any) -> str:
    """What a check or an estimator is called."""
    return str(getattr(getattr(one, "func", one), "__name__", repr(one)))


@pytest.mark.parametrize(
    ("estimator", "check"), [pair for one in CHECKED for pair in estimator_checks_generator(one)], ids=named
)
@pytest.mark.filterwarnings(SLOW)
@pytest.mark.filterwarnings("ignore:.*SCIPY_ARRAY_API is not set.*:sklearn.exceptions.SkipTestWarning")
def test_the_whole_of_check_estimator(estimator: Any, check: Any) -> None:
    """Every check of the installed scikit-learn; none is expected to fail."""
    check(estimator)


def test_auto_is_the_search_and_the_refit() -> None:
    """decay="auto" is `tune`, then the model at its decay."""
    X, y = regression(80, 6)
    model = wd.LinearRegression().fit(X, y)
    assert model.tuning_ == wd.tune(wd.LinearRegression(), X, y)
    assert model.decay_ == model.tuning_.decay
    np.testing.assert_array_equal(model.coef_, wd.LinearRegression(model.decay_).fit(X, y).coef_)
    np.testing.assert_array_equal(model.coef_, model.tuning_.model.coef_)
    assert model.tuning_.model.tuning_ is None and model.tuning_.model.decay == model.decay_


@pytest.mark.parametrize("alpha", [0.01, 3.0])
def test_the_documented_relation_to_ridge(alpha: float) -> None:
    """Without standardising λ·Σs is Ridge's alpha."""
    X, y = regression(50, 5)
    s = np.random.default_rng(0).uniform(0.5, 2, 50)
    ridge = Ridge(alpha=alpha).fit(X, y, s)
    model = wd.LinearRegression(alpha / s.sum(), standardize=False).fit(X, y, s)
    np.testing.assert_allclose(model.coef_, ridge.coef_, rtol=1e-9)
    np.testing.assert_allclose(model.intercept_, ridge.intercept_, rtol=1e-9)


def test_a_decay_for_each_target() -> None:
    """decay of shape (t,) is a fit per target."""
    X, Y = regression(50, 5, t=2)
    model = wd.LinearRegression([0.0, 4.0]).fit(X, Y)
    for k, decay in enumerate((0.0, 4.0)):
        np.testing.assert_allclose(model.coef_[k], wd.LinearRegression(decay).fit(X, Y[:, k]).coef_, rtol=1e-10)
    np.testing.assert_array_equal(model.decay_, [0.0, 4.0])
    assert model.predict(X).shape == (50, 2)


def test_fitted_state_is_what_the_documentation_says() -> None:
    """Shapes and types of one and of several targets."""
    X, Y = regression(50, 5, t=3)
    one, several = wd.LinearRegression(0.1).fit(X, Y[:, 0]), wd.LinearRegression().fit(X, Y)
    assert one.coef_.shape == (5,) and isinstance(one.intercept_, float) and isinstance(one.decay_, float)
    assert one.tuning_ is None and one.history_ is None and one.n_iter_ == 1 and "exact" in one.status_
    assert several.coef_.shape == (3, 5) and several.intercept_.shape == (3,) and several.decay_.shape == (3,)
    column = wd.LinearRegression(0.1).fit(X, Y[:, [0]])
    assert column.coef_.shape == (1, 5) and column.predict(X).shape == (50, 1)


def test_the_rule_and_its_own_function() -> None:
    """1se takes the larger decay; a function gets decays, means and errors."""
    X, y = regression(40, 8, noise=0.5)
    least, simple = wd.LinearRegression().fit(X, y), wd.LinearRegression(rule="1se").fit(X, y)
    assert simple.decay_ == least.tuning_.decay_1se > least.decay_
    seen: list[Any] = []

    def third(decays: Floats, mean: Floats, error: Floats) -> float:
        seen.append((decays, mean, error))
        return float(decays[3])

    own = wd.LinearRegression(rule=third).fit(X, y)
    assert own.decay_ == own.tuning_.decays[3] and own.tuning_.rule == "third"
    np.testing.assert_array_equal(seen[0][1], own.tuning_.mean)


def test_it_composes_with_scikit_learn() -> None:
    """Pipelines, clones, searches over its other parameters, copies and pickles."""
    X, y = regression(60, 3)
    pipeline = make_pipeline(PolynomialFeatures(2, include_bias=False), wd.LinearRegression(cv=4))
    scores = cross_val_score(pipeline, X, y, cv=KFold(3))
    assert scores.min() > 0.0
    found = GridSearchCV(wd.LinearRegression(), {"standardize": [True, False]}, cv=3).fit(X, y)
    assert set(found.best_params_) == {"standardize"}
    model = clone(wd.LinearRegression(cv=4, rule="1se")).fit(X, y)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))
        assert twin.tuning_ == model.tuning_


def test_groups_reach_the_folds() -> None:
    """fit(groups=…) holds out whole groups, also where cv is auto."""
    X, y = regression(60, 3)
    groups = np.arange(60) // 6
    model = wd.LinearRegression().fit(X, y, groups=groups)
    assert model.tuning_.cv == "5 folds by group"
    assert model.tuning_ == wd.tune(wd.LinearRegression(), X, y, groups=groups)


def test_a_dominant_row_takes_folds_instead_of_leave_one_out() -> None:
    """cv="auto": exact leave-one-out keeps scales, which one row may rule; then min(10, n) folds."""
    X, y = regression(200, 3)
    assert wd.LinearRegression().fit(X, y).tuning_.cv == "leave-one-out over 200 rows"
    X[7, 1] += 60 * X[:, 1].std()
    assert wd.LinearRegression().fit(X, y).tuning_.cv == "10 folds"
    assert wd.LinearRegression().fit(X[3:9], y[3:9]).tuning_.cv == "6 folds"


def test_names_are_checked_at_prediction() -> None:
    """A frame with other columns is refused."""
    X, y = regression(40, 2)
    model = wd.LinearRegression(0.1).fit(pd.DataFrame(X, columns=["a", "b"]), y)
    with pytest.raises(ValueError, match="feature names"):
        model.predict(pd.DataFrame(X, columns=["a", "c"]))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a negative decay": ({"decay": -1.0}, r"decay=-1.0: expected 'auto', a number of at least 0"),
    "a decay that is not a number": ({"decay": np.nan}, r"expected 'auto', a number"),
    "an unknown word": ({"decay": "best"}, r"decay='best' is not known; give 'auto'"),
    "decays for other targets": ({"decay": [0.1, 0.2]}, r"one per target \(1\)"),
    "an unknown solver": ({"solver": "sag"}, r"solver='sag' is not known"),
    "an unknown rule": ({"rule": "max"}, r"rule='max' is not known"),
    "an unknown cv": ({"cv": "kfold"}, r"cv='kfold' is not known"),
    "too many folds": ({"cv": 41}, r"cv=41 folds need at least 41 rows, got 40"),
    "one fold": ({"cv": 1}, r"number of folds is at least 2"),
    "a negative tolerance": ({"tolerance": -0.1}, r"tolerance=-0.1"),
    "weights for other columns": ({"decay_weights": [1.0]}, r"decay_weights has shape \(1,\), expected \(2,\)"),
    "negative weights": ({"decay_weights": [1.0, -1.0]}, r"decay_weights holds -1.0"),
    "a centre for other columns": ({"centre": [1.0, 2.0, 3.0]}, r"centre has shape \(3,\), expected \(2,\)"),
    "negative decays": ({"decays": [0.1, -1.0]}, r"numbers of at least 0"),
    "no decays": ({"decays": []}, r"numbers of at least 0"),
    "L1": ({"l1_ratio": 1.5}, r"l1_ratio=1.5: expected a number from 0 "),
}


@pytest.mark.parametrize("name", WRONG)
def test_parameters_that_cannot_be_used(name: str) -> None:
    """One sentence: what was given, what was expected."""
    settings, words = WRONG[name]
    X, y = regression(40, 2)
    with pytest.raises(ValueError, match=words):
        wd.LinearRegression(**settings).fit(X, y)


def changed(array: Floats, place: Any, value: float) -> Floats:
    """A copy with one entry changed."""
    array = array.copy()
    array[place] = value
    return array


@pytest.mark.parametrize(
    ("X", "y", "s", "words"),
    [
        (lambda X: changed(X, (5, 1), np.nan), None, None, r"NaN in column 'x1' at row 5"),
        (lambda X: changed(X, (5, 1), -np.inf), None, None, r"infinity in column 'x1' at row 5"),
        (None, lambda y: changed(y, 3, np.nan), None, r"y contains NaN. It is in row 3;"),
        (None, lambda y: changed(y, 3, np.inf), None, r"y contains infinity .* in row 3;"),
        (lambda X: X[:1], lambda y: y[:1], None, r"minimum of 2|at least 2"),
        (None, None, lambda y: np.where(np.arange(40) == 2, -1.0, 1.0), r"sample_weight is -1.0 at row 2"),
        (None, None, lambda y: np.full(40, np.nan), r"sample_weight is nan at row 0"),
        (None, None, lambda y: np.zeros(40), r"sample_weight is zero"),
        (None, None, lambda y: np.ones(39), r"sample_weight.shape"),
        (None, lambda y: y[:-1], None, r"inconsistent numbers of samples"),
    ],
)
def test_data_that_cannot_be_used(X: Any, y: Any, s: Any, words: str) -> None:
    """The sentence names the column, the row and the value."""
    data, target = regression(40, 2)
    with pytest.raises(ValueError, match=words):
        wd.LinearRegression().fit(X(data) if X else data, y(target) if y else target, s(target) if s else None)


def test_a_bad_cell_in_large_data_is_found_on_the_way() -> None:
    """Large tables are not scanned first; the sentence is the same, for folds, leave-one-out, fits and paths."""
    X, y = regression(60_000, 80)
    X[41_234, 17] = np.nan
    for cv in (5, "loo"):
        with pytest.raises(ValueError, match="NaN in column 'x17' at row 41234"):
            wd.LinearRegression(cv=cv).fit(X, y)
    with pytest.raises(ValueError, match="NaN in column 'x17' at row 41234"):
        wd.LinearRegression(0.1).fit(X, y)
    with pytest.raises(ValueError, match="NaN in column 'x17' at row 41234"):
        wd.path(wd.LinearRegression(), X, y)


def test_prediction_before_fit() -> None:
    """As in scikit-learn."""
    with pytest.raises(NotFittedError):
        wd.LinearRegression().predict([[1.0]])


def test_constant_columns_get_no_weight() -> None:
    """With an intercept a constant column is useless; without one it serves as it."""
    X, y = regression(40, 2)
    with_constant = np.column_stack([X, np.full(40, 1e6 + 0.1)])
    model = wd.LinearRegression(0.1).fit(with_constant, y)
    assert model.coef_[2] == 0.0
    np.testing.assert_allclose(model.coef_[:2], wd.LinearRegression(0.1).fit(X, y).coef_, rtol=1e-9)
    for cv in (4, "loo"):
        losses = [
            wd.tune(wd.LinearRegression(), one, y, cv=cv, decays=[0.01, 1.0]).losses for one in (X, with_constant)
        ]
        np.testing.assert_allclose(losses[1], losses[0], rtol=1e-8)


def test_only_constant_columns() -> None:
    """Nothing to learn from: the mean, whatever the decay."""
    y = np.arange(20.0)
    model = wd.LinearRegression().fit(np.ones((20, 2)), y)
    np.testing.assert_array_equal(model.coef_, [0.0, 0.0])
    np.testing.assert_allclose(model.intercept_, y.mean())


def test_a_constant_target() -> None:
    """Zero weights, without a warning."""
    X, _ = regression(30, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = wd.LinearRegression().fit(X, np.full(30, 5.0))
    np.testing.assert_allclose(model.coef_, 0.0, atol=1e-12)
    np.testing.assert_allclose(model.predict(X), 5.0)
