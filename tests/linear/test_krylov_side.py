"""Large sparse data from the door: honest refits, the dense sides, counted passes, and X that is never densified."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, TimeSeriesSplit

import weightdecay as wd
from laws.problems import pipeline_losses
from linear.sparse_data import Floats, count_products, response, scattered, text_like, two_encodings
from weightdecay.linear import krylov_side, opening, rows
from weightdecay.linear.krylov_side import Krylov

N, P = 150, 260
X = text_like(N, P)
DENSE = X.toarray()
DECAYS = np.geomspace(1e-4, 1e3, 15)


@pytest.fixture(autouse=True)
def sparse_side(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small data count as large, and no more than a block of them may be made dense."""
    monkeypatch.setattr(opening, "LARGE", 10)
    monkeypatch.setattr(rows, "BLOCK_BYTES", 0)  # blocks of 16 rows or columns
    for kind in (sparse.csr_array, sparse.csc_array, sparse.csr_matrix, sparse.csc_matrix):
        original = kind.toarray

        def guarded(self: Any, *order: Any, original: Callable[..., Any] = original, **out: Any) -> Any:
            assert self.shape[0] <= 16 or self.shape[1] <= 16, f"densified {self.shape}"
            return original(self, *order, **out)

        monkeypatch.setattr(kind, "toarray", guarded)


def opened(X: Any, y: Any, weight: Any = None, **settings: Any) -> Any:
    problem = wd.LinearRegression(**settings).open(X, y, weight)
    assert isinstance(problem.side, Krylov) == sparse.issparse(X)
    return problem


SEARCHES: dict[str, tuple[Any, Any, dict[str, Any], int]] = {
    "folds": (5, KFold(5, shuffle=True, random_state=0), {}, 0),
    "groups": (GroupKFold(4), GroupKFold(4), {"groups": np.arange(N) // 7}, 0),
    "time series": (TimeSeriesSplit(4), TimeSeriesSplit(4), {}, 0),
    "repeats": (RepeatedKFold(n_splits=2, n_repeats=2, random_state=1),) * 2 + ({}, 0),
    "weights": (3, KFold(3, shuffle=True, random_state=0), {"sample_weight": np.linspace(0.1, 2, N)}, 0),
    "several targets": (3, KFold(3, shuffle=True, random_state=0), {}, 2),
}


@pytest.mark.parametrize("name", SEARCHES)
def test_fold_losses_are_those_of_clone_and_refit(name: str) -> None:
    cv, splitter, settings, t = SEARCHES[name]
    Y = response(X, t) if t else response(X)[:, 0]
    tuning = wd.tune(wd.LinearRegression(), X, Y, cv=cv, **settings)
    weight = settings.get("sample_weight")
    precisions = tuning.decays * (N if weight is None else weight.sum())
    used = precisions > 0
    splits = list(splitter.split(DENSE, groups=settings.get("groups")))
    expected = pipeline_losses(DENSE, Y, iter(splits), precisions[used], weight)
    np.testing.assert_allclose(tuning.losses[:, used], expected, rtol=1e-9)
    assert set(tuning.status.ravel()) == {"krylov"}
    assert len(tuning.targets) == t


def test_every_target_has_its_own_losses_and_decay() -> None:
    Y = np.column_stack([response(X)[:, 0], np.random.default_rng(3).standard_normal(N)])
    tuning = wd.tune(wd.LinearRegression(), X, Y, cv=4, decays=DECAYS)
    for k, target in enumerate(tuning.targets):
        alone = wd.tune(wd.LinearRegression(), X, Y[:, k], cv=4, decays=DECAYS)
        np.testing.assert_allclose(target.losses, alone.losses, rtol=1e-9)
        np.testing.assert_allclose(tuning.model.coef_[k], alone.model.coef_, rtol=1e-7, atol=1e-9)
        assert target.decay == alone.decay == tuning.model.decay_[k]
    assert tuning.targets[0].decay < tuning.targets[1].decay


@pytest.mark.parametrize("scoring", ["neg_mean_absolute_error", "r2"])
def test_any_scorer_sees_the_predictions_of_refits(scoring: str) -> None:
    from sklearn.metrics import get_scorer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    y, centre = response(X)[:, 0], np.random.default_rng(4).standard_normal(P) / 10
    weight = np.linspace(0.5, 2, N)
    shifted = y - DENSE @ centre
    tuning = wd.tune(
        wd.LinearRegression(centre=centre), X, y, cv=3, decays=DECAYS[4:9], scoring=scoring, sample_weight=weight
    )
    for fold, (train, test) in enumerate(KFold(3, shuffle=True, random_state=0).split(DENSE)):
        for place, decay in enumerate(tuning.decays):
            model = make_pipeline(StandardScaler(), Ridge(decay * weight.sum(), solver="cholesky"))
            named = {f"{step}__sample_weight": weight[train] for step in ("standardscaler", "ridge")}
            model.fit(DENSE[train], shifted[train], **named)

            class Moved:
                _estimator_type, fit = "regressor", None

                def predict(self, rows: Floats, model: Any = model) -> Floats:
                    return np.asarray(model.predict(rows) + rows @ centre)

            function = get_scorer(scoring)._score_func
            value = function(y[test], Moved().predict(DENSE[test]), sample_weight=weight[test])
            expected = value if scoring.startswith("neg") else -value
            np.testing.assert_allclose(tuning.losses[fold, place], expected, rtol=1e-8)


DESIGNS: dict[str, dict[str, Any]] = {
    "plain": {},
    "no intercept": {"fit_intercept": False},
    "not standardised": {"standardize": False},
    "neither": {"fit_intercept": False, "standardize": False},
    "exempt columns": {"decay_weights": np.r_[np.zeros(3), np.linspace(0.1, 5, P - 3)]},
    "centre": {"centre": np.linspace(-0.1, 0.1, P)},
}


@pytest.mark.parametrize("name", DESIGNS)
def test_it_is_the_dense_side(name: str) -> None:
    """Losses, path, model, likelihood and trace agree with the kernel of the rows, which shares no code."""
    y, weight = response(X)[:, 0], 37 * np.random.default_rng(5).uniform(0, 2, N)
    weight[:5] = 0.0
    found, expected = (opened(data, y, weight, **DESIGNS[name]) for data in (X, DENSE))
    decays = np.r_[0.0, DECAYS, np.inf]
    one, two = found.path(decays), expected.path(decays)
    largest = np.abs(two.coef).max()
    np.testing.assert_allclose(one.coef, two.coef, rtol=1e-7, atol=1e-8 * largest)
    np.testing.assert_allclose(one.intercept, two.intercept, rtol=1e-7, atol=1e-7)
    np.testing.assert_allclose(one.train_loss, two.train_loss, rtol=1e-8, atol=1e-12 * two.train_loss.max())
    error = np.array([float(status.removeprefix("krylov; df ± ")) for status in one.status])
    assert np.all(np.abs(one.df - two.df) <= 4 * error + 1e-6)
    assert np.all(np.diff(one.df) <= 1e-9 * N)
    shrunk = [problem.side.models(decays[1:] * weight.sum()).shrunk for problem in (found, expected)]
    np.testing.assert_allclose(shrunk[0], shrunk[1], rtol=1e-8)
    assert found.side.models(decays).undecayed == expected.side.models(decays).undecayed
    if name != "exempt columns":
        np.testing.assert_allclose(found.side.scale(), expected.side.scale(), rtol=1e-9)
        np.testing.assert_allclose(found.candidates(), expected.candidates(), rtol=1e-12)
    for decay in (1e-3, 1.0, np.inf):
        coef = found.estimator(decay).coef_
        np.testing.assert_allclose(coef, expected.estimator(decay).coef_, rtol=1e-7, atol=1e-8 * largest)
    settings = DESIGNS[name]
    losses = [
        wd.tune(wd.LinearRegression(**settings), data, y, cv=4, decays=DECAYS, sample_weight=weight).losses
        for data in (X, DENSE)
    ]
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-8)


def test_the_likelihood_and_gcv_are_those_of_the_dense_side() -> None:
    y = response(X)[:, 0]
    found, expected = (opened(data, y).opinions(DECAYS) for data in (X, DENSE))
    rest = 1 - (opened(DENSE, y).path(DECAYS).df + 1) / N
    np.testing.assert_allclose(found["evidence"], expected["evidence"], atol=0.1)
    np.testing.assert_allclose(np.diff(found["evidence"]), np.diff(expected["evidence"]), atol=0.02)
    used = rest > 0.05
    assert used.sum() > 5
    np.testing.assert_allclose(found["gcv"][used], expected["gcv"][used], rtol=0.05)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_formats_and_types_give_the_same_and_stay_as_they_are(kind: Any, dtype: Any) -> None:
    y, given = response(X)[:, 0], kind(X.astype(dtype))
    before = given.copy()
    tuning = wd.tune(wd.LinearRegression(), given, y, decays=DECAYS)
    plain = wd.tune(wd.LinearRegression(), X, y, decays=DECAYS)
    np.testing.assert_allclose(tuning.losses, plain.losses, rtol=1e-11)
    np.testing.assert_allclose(tuning.model.predict(given), plain.model.predict(X), rtol=1e-8)
    for part in ("data", "indices", "indptr"):
        assert np.array_equal(getattr(given, part), getattr(before, part))


@pytest.mark.parametrize("decay", [0.0, 1e-3, 0.5, 100.0])
@pytest.mark.parametrize("shape", [(N, P), (240, 40)])
def test_gradients_of_returned_models_are_small_where_the_penalty_acts(decay: float, shape: tuple[int, int]) -> None:
    X = text_like(*shape)
    y = response(X)[:, 0]
    model = wd.LinearRegression(decay=decay).fit(X, y)
    assert model.status_ == "krylov"
    dense = X @ np.eye(shape[1])
    deviation = dense.std(axis=0)
    A = (dense - dense.mean(axis=0))[:, deviation > 0] / deviation[deviation > 0]
    start = np.abs(A.T @ (y - y.mean())).max() / len(y)
    w = (model.coef_ * deviation)[deviation > 0]
    slope = A.T @ (A @ w - (y - y.mean())) / len(y) + decay * w
    assert np.abs(slope).max() <= 1e-9 * max(1.0, start)
    assert np.abs(np.mean(y - model.predict(X))) <= 1e-9


def test_auto_takes_folds_and_leave_one_out_says_why_not() -> None:
    y = response(X)[:, 0]
    assert wd.tune(wd.LinearRegression(), X, y, decays=DECAYS).cv == "5 folds"
    with pytest.raises(ValueError, match=rf"cv='loo'.*{N} rows and {P} columns; give a number of folds.*cv=5"):
        wd.tune(wd.LinearRegression(), X, y, cv="loo")


def test_a_tuning_of_sparse_data_is_whole(tmp_path: Path) -> None:
    y = response(X)[:, 0]
    names = [f"word {j}" for j in range(P)]
    tuning = wd.tune(wd.LinearRegression(), X, y)
    assert tuning.window[0] <= tuning.decay <= tuning.window[1]
    assert len(tuning.verdict.splitlines()) == 4
    assert "WD011" in {one.code for one in tuning.findings} and "WD013" not in {one.code for one in tuning.findings}
    assert tuning.path.coef.shape == (len(tuning.decays), P) and len(names) == len(tuning.columns)
    again = wd.Tuning.from_json(tuning.to_json())
    assert again == tuning and np.array_equal(again.path.df, tuning.path.df)
    json.loads(tuning.to_json(), parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    page = wd.report(tuning, tmp_path / "report.html").read_text(encoding="utf-8")
    assert tuning.verdict.splitlines()[0][:20] in page
    fitted = wd.LinearRegression().fit(X, y)
    assert fitted.decay_ == tuning.decay and np.array_equal(fitted.coef_, tuning.model.coef_)


def test_steps_that_are_not_enough_are_told() -> None:
    y = response(X)[:, 0]
    tuning = wd.tune(wd.LinearRegression(max_iter=1), X, y, decays=np.r_[DECAYS, 1e6])
    late = np.char.startswith(tuning.status, "not converged: steps 10")
    assert late[:, 0].all() and not late[:, -1].any()
    with pytest.warns(ConvergenceWarning, match="models have not converged; raise max_iter or give larger decays"):
        path = tuning.path
    assert "WD013" in {one.code for one in tuning.findings}
    assert path.status[0].startswith("not converged: steps 10; df ± ")
    assert path.status[-1].startswith("krylov; df ± ")
    with pytest.warns(ConvergenceWarning, match="more digits need max_iter"):
        model = wd.LinearRegression(decay=1e-6, max_iter=1).fit(X, y)
    assert model.status_.startswith("not converged")
    expected = wd.tune(wd.LinearRegression(), DENSE, y, cv=5, decays=tuning.decays).losses
    np.testing.assert_allclose(tuning.losses[~late], expected[~late], rtol=1e-9)
    assert np.isnan(tuning.losses[late]).all()


@pytest.mark.parametrize("n_targets", [1, 2])
@pytest.mark.parametrize("cv", [3, [(np.arange(100), np.arange(100, N))]])
def test_losses_that_have_not_converged_are_unknown(cv: Any, n_targets: int) -> None:
    """Each by itself: of one fold, one target or one decay, with the library's losses or a scorer."""
    Y, decays = response(X, n_targets), np.r_[DECAYS, 1e6]
    Y = Y if n_targets > 1 else Y[:, 0]
    for scoring in (None, "r2"):
        tuning = wd.tune(wd.LinearRegression(max_iter=1), X, Y, cv=cv, decays=decays, scoring=scoring)
        late = np.char.startswith(tuning.status, "not converged")
        assert late.any() and not late.all()
        assert np.isnan(tuning.losses[late]).all() and np.isfinite(tuning.losses[~late]).all()
        assert tuning.decay in decays[~late.any(axis=0)]


@pytest.mark.parametrize("standardize", [True, False])
def test_no_decay_of_encoded_categories_is_that_of_the_dense_side(standardize: bool) -> None:
    """Directions without effect are no reason to go on, and no decay is told as what it is."""
    X, rng = two_encodings(300, 45), np.random.default_rng(0)
    y = X[:, :45] @ rng.standard_normal(45) + rng.standard_normal(300)
    estimator, decays = wd.LinearRegression(standardize=standardize), [0.0, 1e-6, 1e-3]
    found = wd.tune(estimator, X, y, cv=3, decays=decays)
    expected = wd.tune(estimator, X @ np.eye(90), y, cv=3, decays=decays)
    assert set(found.status.ravel()) == {"krylov"}
    np.testing.assert_allclose(found.losses, expected.losses, rtol=1e-8)
    model, dense = estimator.set_params(decay=0.0).fit(X, y), wd.LinearRegression(0.0, standardize=standardize)
    assert model.status_ == "krylov"
    np.testing.assert_allclose(model.coef_, dense.fit(X @ np.eye(90), y).coef_, atol=1e-8)


def test_passes_grow_neither_with_folds_nor_with_decays_nor_with_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    Y, splits = response(X, 3), list(KFold(10).split(DENSE))
    products = count_products(monkeypatch)

    def passes(n_targets: int, n_folds: int, n_decays: int) -> int:
        products.clear()
        decays = np.geomspace(1e-2, 1e3, n_decays)
        wd.tune(wd.LinearRegression(), X, Y[:, :n_targets], cv=splits[:n_folds], decays=decays)
        return len(products)

    few = passes(1, 2, 2)
    assert 20 < few < 300
    assert passes(3, 10, 80) <= 1.15 * few


def test_a_decay_is_solved_for_once_and_a_path_serves_its_opinions(monkeypatch: pytest.MonkeyPatch) -> None:
    y = response(X)[:, 0]
    tuning, products = wd.tune(wd.LinearRegression(), X, y), count_products(monkeypatch)
    assert len(tuning.path.df) == len(tuning.opinions["gcv"])
    before = len(products)
    assert tuning.later.path(tuning.decays).coef.shape[0] == len(tuning.opinions["evidence"]) and before > 20
    assert len(products) == before
    problem = opened(X, y)
    from weightdecay.tuning.folds import k_folds

    split = problem.split(k_folds(N, 4))
    first = split.held_out(DECAYS)
    products.clear()
    again = split.held_out(DECAYS[::-1])
    assert not products and np.array_equal(again.loss, first.loss[:, ::-1])
    more = split.held_out(np.r_[DECAYS, 0.5])
    assert products and np.array_equal(more.loss[:, :-1], first.loss)


def test_folds_that_do_not_fit_into_memory_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    y = response(X)[:, 0]
    together = wd.tune(wd.LinearRegression(), X, y, cv=5, decays=DECAYS)
    monkeypatch.setattr(krylov_side, "FOLD_ENTRIES", 2 * (N + P))
    products = count_products(monkeypatch)
    apart = wd.tune(wd.LinearRegression(), X, y, cv=5, decays=DECAYS)
    assert max(shape[1] for shape in products if len(shape) > 1) == 2
    np.testing.assert_allclose(apart.losses, together.losses, rtol=1e-11)
    assert np.array_equal(apart.status, together.status)


def test_memory_stays_far_below_a_dense_table() -> None:
    X = scattered_rows(3000, 4000, 20)
    y = response(X)[:, 0]
    tracemalloc.start()
    try:
        tuning = wd.tune(wd.LinearRegression(), X, y, cv=3, decays=DECAYS[::2])
        assert tuning.findings and tuning.model.coef_.shape == (4000,) and np.isfinite(tuning.path.df).all()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8 * X.shape[0] * X.shape[1] / 4


def scattered_rows(n: int, p: int, per_row: int) -> sparse.csr_array:
    rng = np.random.default_rng(0)
    columns = np.sort(rng.integers(0, p, (n, per_row)), axis=1).ravel()
    X = sparse.csr_array((rng.random(n * per_row), columns, np.arange(0, n * per_row + 1, per_row)), shape=(n, p))
    X.sum_duplicates()
    return X


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_missing_values_are_named(value: float) -> None:
    broken, y = scattered(60, 40, 0.3), np.arange(60.0)
    broken.data[broken.indptr[7]] = value
    sentence = rf"(NaN|infinity) in column 'x{broken.indices[broken.indptr[7]]}' at row 7"
    with pytest.raises(ValueError, match=sentence):
        wd.LinearRegression(decay=1.0).fit(broken, y)
    with pytest.raises(ValueError, match=sentence):
        wd.tune(wd.LinearRegression(), broken, y)


def test_missing_values_that_a_sample_of_rows_does_not_see_are_named_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "SCANNED", 100)
    broken, y = scattered_rows(2100, 40, 5), np.arange(2100.0)
    broken.data[broken.indptr[7]] = np.nan
    sentence = rf"NaN in column 'x{broken.indices[broken.indptr[7]]}' at row 7"
    with pytest.raises(ValueError, match=sentence):
        wd.LinearRegression(decay=1.0).fit(broken, y)
    with pytest.raises(ValueError, match=sentence):
        wd.tune(wd.LinearRegression(), broken, y)
