"""Sparse ridge through shared Krylov spaces: refits of other tools, dense least squares, and counted passes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, ShuffleSplit, TimeSeriesSplit
from sklearn.preprocessing import StandardScaler

from weightdecay.linear import krylov, krylov_recurrence, krylov_verification
from weightdecay.linear.krylov import KrylovFolds, krylov_path, open_folds

Floats = NDArray[np.float64]
Splits = Sequence[tuple[Any, Any]]

PRECISIONS = np.array([1e-3, 0.1, 3.0, 40.0, 1e3, 1e6])


def text_like(n: int, p: int, seed: int = 0) -> sparse.csr_array:
    """Word counts: the columns' frequencies fall like 1/rank, and many words occur in a row or two."""
    rank = np.arange(1, p + 1)
    return sparse.csr_array(np.random.default_rng(seed).poisson(40 / rank / np.log(p), (n, p)).astype(float))


def scattered(n: int, p: int, density: float, seed: int = 0) -> sparse.csr_array:
    return sparse.csr_array(sparse.random_array((n, p), density=density, rng=np.random.default_rng(seed)))


def response(X: sparse.csr_array, n_targets: int = 1, seed: int = 1) -> Floats:
    rng = np.random.default_rng(seed)
    signal = X @ rng.standard_normal((X.shape[1], n_targets))
    noise = rng.standard_normal(signal.shape)
    return np.asarray(3.0 + signal / signal.std() + 0.5 * noise)


def five_folds(n: int) -> Splits:
    return list(KFold(5, shuffle=True, random_state=0).split(np.zeros(n)))


def opened(X: Any, Y: Any, splits: Splits, **arguments: Any) -> KrylovFolds:
    return open_folds(X, Y, train=[train for train, _ in splits], test=[test for _, test in splits], **arguments)


def pipeline_losses(X: Any, Y: Floats, splits: Splits, precisions: Floats, weight: Floats | None = None) -> Floats:
    """What clone and refit of scikit-learn's scaler and Ridge gives, (F, t, L)."""
    X, weight = X.toarray().astype(float), np.ones(len(Y)) if weight is None else weight
    loss = np.empty((len(splits), Y.shape[1], len(precisions)))
    for fold, (train, test) in enumerate(splits):
        scaler = StandardScaler().fit(X[train], sample_weight=weight[train])
        for place, precision in enumerate(precisions):
            ridge = Ridge(precision, solver="cholesky").fit(scaler.transform(X[train]), Y[train], weight[train])
            predicted = ridge.predict(scaler.transform(X[test])).reshape(len(test), -1)
            loss[fold, :, place] = np.average(np.square(Y[test] - predicted), axis=0, weights=weight[test])
    return loss


def least_squares(
    X: Floats, Y: Floats, precision: float, weight: Floats, decay: Floats, fit_intercept: bool, standardize: bool
) -> tuple[Floats, Floats]:
    """Coefficients (t, p) and intercepts (t,) by dense least squares on the rows and one row for each penalty."""
    centre = np.average(X, axis=0, weights=weight)
    variance = np.average(np.square(X - centre), axis=0, weights=weight) if standardize else np.ones(X.shape[1])
    free = np.ones((len(X), int(fit_intercept)))
    root = np.sqrt(weight)[:, None]
    rows = np.vstack([root * np.hstack([free, X]), np.zeros((X.shape[1], X.shape[1] + free.shape[1]))])
    rows[len(X) :, free.shape[1] :] = np.diag(np.sqrt(precision * decay * variance))
    found = np.linalg.lstsq(rows, np.vstack([root * Y, np.zeros((X.shape[1], Y.shape[1]))]), rcond=1e-14)[0]
    return found[free.shape[1] :].T, found[:1].sum(axis=0) if fit_intercept else np.zeros(Y.shape[1])


def least_squares_losses(X: Any, Y: Floats, splits: Splits, weight: Floats, **design: Any) -> Floats:
    loss = np.empty((len(splits), Y.shape[1], len(PRECISIONS)))
    X = X.toarray()
    for fold, (train, test) in enumerate(splits):
        for place, precision in enumerate(PRECISIONS):
            coef, intercept = least_squares(X[train], Y[train], precision, weight[train], **design)
            errors = np.square(Y[test] - X[test] @ coef.T - intercept)
            loss[fold, :, place] = np.average(errors, axis=0, weights=weight[test])
    return loss


@pytest.fixture
def products(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of all that sparse arrays are multiplied by, as it happens."""
    seen: list[tuple[int, ...]] = []
    for kind in (sparse.csr_array, sparse.csc_array):
        original: Callable[[Any, Any], Any] = kind.__matmul__

        def counted(self: Any, other: Any, original: Callable[[Any, Any], Any] = original) -> Any:
            seen.append(np.shape(other))
            return original(self, other)

        monkeypatch.setattr(kind, "__matmul__", counted)
    return seen


SPLITTERS: dict[str, Callable[[int], Splits]] = {
    "k folds": five_folds,
    "groups": lambda n: list(GroupKFold(4).split(np.zeros(n), groups=np.arange(n) // 7)),
    "time series": lambda n: list(TimeSeriesSplit(4).split(np.zeros(n))),
    "repeated": lambda n: list(RepeatedKFold(n_splits=3, n_repeats=2, random_state=0).split(np.zeros(n))),
    "overlapping": lambda n: list(ShuffleSplit(3, test_size=0.3, random_state=0).split(np.zeros(n))),
}
MATRICES = {
    "tall": scattered(400, 30, 0.2),
    "square": scattered(150, 120, 0.1),
    "wide": scattered(200, 5000, 0.005),
    "text": text_like(250, 1200),
}


@pytest.mark.parametrize("name", MATRICES)
def test_fold_losses_are_those_of_clone_and_refit(name: str) -> None:
    X = MATRICES[name]
    Y, splits = response(X), five_folds(X.shape[0])
    found = opened(X, Y, splits).squared_errors(PRECISIONS)
    assert found.converged.all()
    np.testing.assert_allclose(found.loss, pipeline_losses(X, Y, splits, PRECISIONS), rtol=1e-9)


@pytest.mark.parametrize("name", SPLITTERS)
@pytest.mark.parametrize("weighted", [False, True])
def test_every_kind_of_split(name: str, weighted: bool) -> None:
    X = text_like(120, 300)
    Y, splits = response(X, 2), SPLITTERS[name](120)
    weight = np.random.default_rng(2).uniform(0.2, 3.0, 120) if weighted else None
    found = opened(X, Y, splits, sample_weight=weight).squared_errors(PRECISIONS)
    assert found.converged.all()
    np.testing.assert_allclose(found.loss, pipeline_losses(X, Y, splits, PRECISIONS, weight), rtol=1e-9)


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
@pytest.mark.parametrize("exempt", [(), (0, 3, 17)])
def test_decay_weights_and_exempt_columns(fit_intercept: bool, standardize: bool, exempt: tuple[int, ...]) -> None:
    rng = np.random.default_rng(3)
    X, weight, decay = scattered(90, 40, 0.3), rng.uniform(0, 2, 90), rng.uniform(0.1, 9, 40)
    decay[list(exempt)] = 0.0
    Y, splits = response(X, 2), five_folds(90)
    design: dict[str, Any] = {"fit_intercept": fit_intercept, "standardize": standardize}
    found = opened(X, Y, splits, sample_weight=weight, decay_weights=decay, **design).squared_errors(PRECISIONS)
    expected = least_squares_losses(X, Y, splits, weight, decay=decay, **design)
    assert found.converged.all()
    np.testing.assert_allclose(found.loss, expected, rtol=1e-9)


def test_predictions_stand_where_their_rows_and_targets_stand() -> None:
    X = scattered(60, 20, 0.3)
    Y = response(X, 3)
    splits = [(np.arange(10, 60), np.array([5, 2, 9])), (np.arange(40), np.arange(40, 60))]
    problem = opened(X, Y, splits)
    order = np.array([3, 0, 5, 1, 4, 2])
    found, losses = problem.predictions(PRECISIONS[order]), problem.squared_errors(PRECISIONS[order])
    for fold, (train, test) in enumerate(splits):
        assert found.rows[fold].tolist() == test.tolist()
        scaler = StandardScaler().fit(X.toarray()[train])
        for place, precision in enumerate(PRECISIONS[order]):
            ridge = Ridge(precision, solver="cholesky").fit(scaler.transform(X.toarray()[train]), Y[train])
            expected = ridge.predict(scaler.transform(X.toarray()[test]))
            np.testing.assert_allclose(found.predictions[fold][:, :, place], expected, rtol=1e-9)
        squares = np.square(Y[test][:, :, None] - found.predictions[fold]).mean(axis=0)
        np.testing.assert_allclose(losses.loss[fold], squares, rtol=1e-12)


def test_masks_and_rows_that_train_twice() -> None:
    X = scattered(50, 12, 0.4)
    Y = response(X)
    twice, test = np.r_[np.arange(30), np.arange(10)], np.arange(30, 50)
    mask = np.arange(50) < 30
    weight = np.where(np.arange(50) < 10, 2.0, 1.0)
    by_rows = open_folds(X, Y, train=[twice], test=[test]).squared_errors(PRECISIONS)
    by_weight = open_folds(X, Y, train=mask[None], test=~mask[None], sample_weight=weight).squared_errors(PRECISIONS)
    np.testing.assert_allclose(by_rows.loss, by_weight.loss, rtol=1e-11)


@pytest.mark.parametrize("kind", [sparse.csr_matrix, sparse.csc_matrix, sparse.csr_array, sparse.csc_array])
@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.int64])
def test_formats_and_types_give_the_same_and_stay_as_they_are(kind: Any, dtype: Any) -> None:
    X = text_like(80, 60)
    Y, splits = response(X, 2), five_folds(80)
    given = kind(X.astype(dtype))
    before = [part.copy() for part in (given.data, given.indices, given.indptr)]
    for part in (given.data, given.indices, given.indptr):
        part.flags.writeable = False
    found = opened(given, Y, splits).squared_errors(PRECISIONS)
    np.testing.assert_allclose(found.loss, opened(X, Y, splits).squared_errors(PRECISIONS).loss, rtol=1e-11)
    assert all(map(np.array_equal, before, (given.data, given.indices, given.indptr)))


def test_entries_in_any_order_and_in_parts_are_added_up() -> None:
    X = text_like(60, 30)
    Y, splits = response(X), five_folds(60)
    entries = X.tocoo()
    order = np.random.default_rng(0).permutation(2 * X.nnz) % X.nnz
    by_row = order[np.argsort(entries.row[order], kind="stable")]
    starts = np.r_[0, np.cumsum(np.bincount(entries.row[order], minlength=60))]
    halves = sparse.csr_array((entries.data[by_row].astype(np.float32) / 2, entries.col[by_row], starts), shape=X.shape)
    assert halves.nnz == 2 * X.nnz
    found = opened(halves, Y, splits).squared_errors(PRECISIONS)
    np.testing.assert_allclose(found.loss, opened(X, Y, splits).squared_errors(PRECISIONS).loss, rtol=1e-11)
    assert halves.nnz == 2 * X.nnz


def test_columns_that_a_fold_does_not_know() -> None:
    """Constant, absent, or nearly so on some training rows: weight 0 exactly where scikit-learn's scaler says constant."""
    rng = np.random.default_rng(5)
    X = scattered(60, 10, 0.4).toarray()
    X[:, 0] = 7.7  # constant everywhere
    X[:, 1] = 0.0
    X[:, 2] = np.where(np.arange(60) < 12, rng.standard_normal(60), 0.1)  # constant without the first fold
    X[:, 3] = np.where(np.arange(60) < 12, 1e6, 0.0)  # a word of the first fold
    X[:, 4] = 1e5 + rng.standard_normal(60)  # far from 0, no implicit zeros
    X[:, 5] = np.r_[0.0, 1e5 + rng.standard_normal(59)]  # far from 0 except for one implicit zero
    splits = list(KFold(5).split(X))
    Y = response(sparse.csr_array(X[:, 6:]))
    found = opened(sparse.csr_array(X), Y, splits).squared_errors(PRECISIONS)
    assert found.converged.all()
    np.testing.assert_allclose(found.loss, pipeline_losses(sparse.csr_array(X), Y, splits, PRECISIONS), rtol=1e-9)


def test_without_intercept_a_constant_column_is_free_where_it_is_constant() -> None:
    rng = np.random.default_rng(6)
    X = scattered(60, 8, 0.4).toarray()
    X[:, 0] = 2.0
    X[:, 1] = np.where(np.arange(60) < 12, rng.standard_normal(60), 0.5)
    Y, splits = response(sparse.csr_array(X)), list(KFold(5).split(X))
    found = opened(sparse.csr_array(X), Y, splits, fit_intercept=False).squared_errors(PRECISIONS)
    design: dict[str, Any] = {"decay": np.ones(8), "fit_intercept": False, "standardize": True}
    expected = least_squares_losses(sparse.csr_array(X), Y, splits, np.ones(60), **design)
    np.testing.assert_allclose(found.loss, expected, rtol=1e-9)


def test_passes_grow_neither_with_folds_nor_with_decays_nor_with_targets(products: list[tuple[int, ...]]) -> None:
    X = text_like(240, 400)
    Y = response(X, 3)

    def passes(n_targets: int, n_folds: int, n_decays: int) -> int:
        products.clear()
        splits = list(KFold(n_folds).split(Y))
        found = opened(X, Y[:, :n_targets], splits).squared_errors(np.geomspace(1.0, 1e4, n_decays))
        assert found.converged.all()
        # Two to open, and then what is reported: one to begin, two for each step, two to verify.
        assert len(products) == 2 + found.passes == 5 + 2 * found.iterations.max()
        return len(products)

    alone = passes(1, 2, 1)
    assert passes(3, 12, 1) <= alone + 8
    assert passes(3, 12, 150) <= alone + 8
    assert max(shape[1] for shape in products) == 3 * 12


def test_decays_that_do_not_fit_into_memory_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    X = text_like(100, 150)
    Y, splits = response(X, 2), five_folds(100)
    problem, order = opened(X, Y, splits), np.array([2, 0, 4, 1, 3, 5])
    together = problem.squared_errors(PRECISIONS[order])
    monkeypatch.setattr(krylov, "STATE_ENTRIES", 2 * 2 * 100)
    apart = problem.squared_errors(PRECISIONS[order])
    np.testing.assert_allclose(apart.loss, together.loss, rtol=1e-11)
    assert np.array_equal(apart.iterations, together.iterations) and apart.passes > together.passes
    predicted = problem.predictions(PRECISIONS[order]).predictions
    squares = [np.square(Y[test][:, :, None] - values).mean(axis=0) for (_, test), values in zip(splits, predicted)]
    np.testing.assert_allclose(np.array(squares), together.loss, rtol=1e-11)


@pytest.mark.parametrize("block", [1, 2, 7])
def test_blocks_of_the_recurrence_are_only_a_matter_of_speed(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    X = scattered(120, 80, 0.1)
    problem = opened(X, response(X), five_folds(120))
    expected = problem.squared_errors(PRECISIONS).loss
    monkeypatch.setattr(krylov_recurrence, "BLOCK", block)
    monkeypatch.setattr(krylov_recurrence, "STRIP", 5)
    np.testing.assert_allclose(problem.squared_errors(PRECISIONS).loss, expected, rtol=1e-11)


@pytest.mark.parametrize("tol", [1e-2, 1e-4, 1e-7])
@pytest.mark.parametrize("name", MATRICES)
def test_the_error_is_within_the_bound_that_stops_it(name: str, tol: float) -> None:
    """√(‖A e‖² + Λ‖e‖²) ≤ tol · √(2 J), with e from a dense decomposition."""
    X = MATRICES[name]
    y = response(X)[:, 0]
    found = krylov_path(X, y, PRECISIONS, tol=tol)
    dense = X.toarray()
    deviation = dense.std(axis=0)
    A = (dense - dense.mean(axis=0)) / np.where(deviation > 0, deviation, 1.0)
    left, spectrum, right = np.linalg.svd(A, full_matrices=False)
    residual = y - y.mean()
    for coef, precision, steps in zip(found.coef[:, 0], PRECISIONS, found.iterations[:, 0], strict=True):
        theta = coef * deviation
        error = theta - right.T @ (spectrum / (spectrum**2 + precision) * (left.T @ residual))
        energy = np.sum((A @ error) ** 2) + precision * np.sum(error**2)
        twice_objective = np.sum((residual - A @ theta) ** 2) + precision * np.sum(theta**2)
        assert 0 < energy <= tol**2 * twice_objective
        assert steps < 150
    assert found.converged.all()


@pytest.mark.parametrize("fit_intercept", [True, False])
@pytest.mark.parametrize("standardize", [True, False])
def test_path_is_dense_least_squares(fit_intercept: bool, standardize: bool) -> None:
    rng = np.random.default_rng(7)
    X, weight, decay = scattered(70, 25, 0.3).toarray(), rng.uniform(0, 2, 70), rng.uniform(0.1, 9, 25)
    decay[[2, 11]] = 0.0
    X[:, 4] = 50.0 + rng.standard_normal(70)
    Y = response(sparse.csr_array(X), 2)
    design: dict[str, Any] = {"fit_intercept": fit_intercept, "standardize": standardize}
    precisions = np.r_[PRECISIONS, 0.0]
    found = krylov_path(sparse.csc_array(X), Y, precisions, sample_weight=weight, decay_weights=decay, **design)
    assert found.converged.all()
    for place, precision in enumerate(precisions):
        coef, intercept = least_squares(X, Y, precision, weight, decay, **design)
        np.testing.assert_allclose(found.coef[place], coef, rtol=1e-8, atol=1e-8 * np.abs(coef).max())
        np.testing.assert_allclose(found.intercept[place], intercept, rtol=1e-8, atol=1e-8)
        rss = weight @ np.square(Y - X @ coef.T - intercept)
        np.testing.assert_allclose(found.residual_square[place], rss, rtol=1e-9)


def test_no_decay_and_infinite_decay() -> None:
    X = scattered(40, 90, 0.2)
    Y, splits = response(X, 2), five_folds(40)
    found = krylov_path(X, Y, [np.inf, 0.0], standardize=False)
    assert found.converged.all() and not found.coef[0].any()
    np.testing.assert_allclose(found.intercept[0], Y.mean(axis=0), rtol=1e-14)
    dense = X.toarray()
    least = np.linalg.pinv(dense - dense.mean(axis=0)) @ (Y - Y.mean(axis=0))
    np.testing.assert_allclose(found.coef[1], least.T, rtol=1e-8, atol=1e-9)
    held_out = opened(X, Y, splits).squared_errors([np.inf])
    means = [np.square(Y[test] - Y[train].mean(axis=0)).mean(axis=0) for train, test in splits]
    np.testing.assert_allclose(held_out.loss[:, :, 0], means, rtol=1e-12)


@pytest.mark.parametrize("value", [0.0, 0.1, -3e7])
def test_a_constant_target_needs_no_step(value: float) -> None:
    X = scattered(40, 30, 0.2)
    Y = np.column_stack([np.full(40, value), response(X)[:, 0]])
    found = krylov_path(X, Y, PRECISIONS)
    assert found.converged.all() and not found.iterations[:, 0].any() and not found.coef[:, 0].any()
    np.testing.assert_allclose(found.intercept[:, 0], value, rtol=1e-15)
    np.testing.assert_allclose(found.coef[:, 1], krylov_path(X, Y[:, 1], PRECISIONS).coef[:, 0], rtol=1e-9, atol=1e-12)


def ill_conditioned() -> tuple[sparse.csr_array, Floats, Splits]:
    """Spectrum over six decades: Krylov spaces find the small end late."""
    rng = np.random.default_rng(8)
    left, right = (np.linalg.qr(rng.standard_normal((rows, 60)))[0] for rows in (200, 60))
    X = left * np.logspace(0, -6, 60) @ right.T
    return sparse.csr_array(X), X @ rng.standard_normal((60, 1)) + 0.05 * rng.standard_normal((200, 1)), five_folds(200)


def test_status_is_honest_where_steps_run_out() -> None:
    X, Y, splits = ill_conditioned()
    precisions = np.geomspace(1e-12, 1e3, 31)
    found = opened(X, Y, splits).squared_errors(precisions, max_iter=200)
    assert np.all(found.iterations[~found.converged] == 200)
    expected = np.empty_like(found.loss)
    for fold, (train, test) in enumerate(splits):
        dense = X.toarray()
        centre, deviation = dense[train].mean(axis=0), dense[train].std(axis=0)
        left, spectrum, right = np.linalg.svd((dense[train] - centre) / deviation, full_matrices=False)
        rotated = (dense[test] - centre) / deviation @ right.T
        shrunk = (spectrum / (spectrum**2 + precisions[:, None])) * (left.T @ Y[train, 0])
        expected[fold, 0] = np.square(Y[test] - Y[train].mean() - rotated @ shrunk.T).mean(axis=0)
    errors = np.abs(found.loss / expected - 1)
    assert np.all(errors[found.converged] < 1e-9)
    assert 0.2 < found.converged.mean() < 0.9
    assert errors[~found.converged].max() > 1e-3


def test_status_is_honest_where_the_recurrence_drifts() -> None:
    """Powers of t ∈ [2, 4] have condition 6e9: without decay the gradients believed in are not those that are."""
    t = np.random.default_rng(0).uniform(2, 4, 300)
    X, Y = sparse.csr_array(np.vander(t, 10)[:, :-1]), np.sin(5 * t)[:, None]
    splits = five_folds(300)
    precisions = np.r_[0.0, np.geomspace(1e-3, 1e3, 12)]
    found = opened(X, Y, splits).squared_errors(precisions)
    assert not found.converged[:, :, 0].all() and found.converged[:, :, 1:].all()
    expected = pipeline_losses(X, Y, splits, precisions[1:])
    np.testing.assert_allclose(found.loss[:, :, 1:], expected, rtol=1e-8)


def test_a_path_starts_anew_where_the_recurrence_drifts(monkeypatch: pytest.MonkeyPatch) -> None:
    """At its limit the recurrence believes in gradients that it has not; Newton steps make them true again."""
    X, Y, _ = ill_conditioned()

    def run(restarts: int) -> tuple[bool, int]:
        monkeypatch.setattr(krylov_verification, "RESTARTS", restarts)
        found = krylov_path(X, Y, [1e-5], tol=3e-15, max_iter=3000)
        return bool(found.converged.all()), found.passes

    (before, few), (after, more) = run(0), run(3)
    assert not before and after and more > few


def test_gradients_are_small_where_the_penalty_acts() -> None:
    X = MATRICES["text"]
    y, decay = response(X)[:, 0], np.random.default_rng(9).uniform(0.5, 2.0, X.shape[1])
    found = krylov_path(X, y, PRECISIONS, decay_weights=decay)
    dense = X.toarray()
    deviation = dense.std(axis=0)
    A = (dense - dense.mean(axis=0))[:, deviation > 0] / deviation[deviation > 0]
    steepest = np.abs(A.T @ y).max()
    for coef, intercept, precision in zip(found.coef[:, 0], found.intercept[:, 0], PRECISIONS, strict=True):
        slope = precision * (decay * coef * deviation)[deviation > 0] - A.T @ (y - intercept - dense @ coef)
        assert np.abs(slope).max() <= 1e-9 * steepest


def test_far_scales_of_columns_targets_and_weights() -> None:
    X = text_like(60, 40)
    Y, splits = response(X, 2), five_folds(60)
    expected = opened(X, Y, splits).squared_errors(PRECISIONS).loss
    columns = 2.0 ** np.resize([1000, -1000, 3, 0], 40)
    scaled = sparse.csr_array(X.toarray() * columns)
    rows, targets = np.full(60, 2.0**-900), 2.0 ** np.array([400, -400])
    found = opened(scaled, Y * targets, splits, sample_weight=rows).squared_errors(PRECISIONS * rows[0])
    np.testing.assert_allclose(found.loss / np.square(targets)[:, None], expected, rtol=1e-11)
    plain = opened(X, Y, splits, standardize=False).squared_errors(PRECISIONS).loss
    large = opened(X * 2.0**400, Y, splits, standardize=False).squared_errors(PRECISIONS * 2.0**800).loss
    np.testing.assert_allclose(large, plain, rtol=1e-11)


@given(seed=st.integers(0, 10**6), factor=st.sampled_from([1e-3, 2.0, 1e5]))
def test_laws_of_weights_rows_and_columns(seed: int, factor: float) -> None:
    rng = np.random.default_rng(seed)
    n, p = int(rng.integers(8, 40)), int(rng.integers(1, 30))
    X = scattered(n, p, 0.4, seed)
    X.data[:] = np.round(4 * X.data) + 1
    Y = rng.standard_normal((n, 1)) + X @ rng.standard_normal((p, 1))
    weight = rng.integers(0, 3, n).astype(float)
    weight[:2] = 1.0
    fitted = krylov_path(X, Y, PRECISIONS[:4], sample_weight=weight)
    repeated = np.repeat(np.arange(n), weight.astype(int))
    np.testing.assert_allclose(
        fitted.coef, krylov_path(X[repeated], Y[repeated], PRECISIONS[:4]).coef, rtol=1e-7, atol=1e-8
    )
    heavier = krylov_path(X, Y, PRECISIONS[:4] * factor, sample_weight=weight * factor)
    np.testing.assert_allclose(fitted.coef, heavier.coef, rtol=1e-7, atol=1e-8)
    column = int(rng.integers(p))
    scale = np.where(np.arange(p) == column, factor, 1.0)
    stretched = krylov_path(sparse.csr_array(X * scale), Y, PRECISIONS[:4], sample_weight=weight)
    np.testing.assert_allclose(fitted.coef, stretched.coef * scale, rtol=1e-7, atol=1e-8)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "dense": ({"X": np.eye(4)}, "X is ndarray"),
    "format": ({"X": sparse.coo_array(np.eye(4))}, "X is sparse coo"),
    "missing": ({"X": sparse.csc_array([[0, 1], [2, 0], [0, np.nan], [1, 0]])}, "X holds nan in row 2, column 1"),
    "target": ({"Y": [1.0, 2.0, np.inf, 0.0]}, "Y holds inf in row 2, target 0"),
    "length": ({"Y": np.ones(3)}, r"Y has shape \(3,\); X has 4 rows"),
    "weight": ({"sample_weight": [1.0, -2.0, 1.0, 1.0]}, "sample_weight is -2.0 at row 1"),
    "decay": ({"decay_weights": [np.nan, 1, 1, 1]}, "decay_weights is nan at column 0"),
    "decays": ({"decay_weights": [1.0]}, r"decay_weights has shape \(1,\).*4 columns"),
    "idle": ({"sample_weight": [0.0, 0.0, 1.0, 1.0]}, "fold 0 has no training row of positive weight"),
    "far": ({"train": [[0, 9]]}, r"train\[0\] names rows 0 to 9; X has rows 0 to 3"),
    "mask": ({"test": [[True, False]]}, r"test\[0\] is a mask of shape \(2,\)"),
    "type": ({"test": [[0.5]]}, r"test\[0\] has shape \(1,\) and type float64"),
    "uneven": ({"test": [[2], [3]]}, "1 training sets and 2 test sets"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_used_is_named(name: str) -> None:
    changed, sentence = BAD[name]
    arguments = {"X": sparse.csr_array(np.eye(4)), "Y": np.arange(4.0), "train": [[0, 1]], "test": [[2, 3]], **changed}
    with pytest.raises(ValueError, match=sentence):
        open_folds(arguments.pop("X"), arguments.pop("Y"), **arguments)


def test_precisions_are_checked() -> None:
    problem = open_folds(sparse.csr_array(np.eye(4)), np.arange(4.0), train=[[0, 1]], test=[[2, 3]])
    with pytest.raises(ValueError, match=r"prior_precisions has -1\.0 at place 1"):
        problem.predictions([1.0, -1.0])
    with pytest.raises(ValueError, match=r"prior_precisions has shape \(1, 1\)"):
        problem.squared_errors([[1.0]])
