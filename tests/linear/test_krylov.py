"""Folds of sparse ridge through shared Krylov spaces: refits of other tools, dense least squares, counted passes."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import Ridge
from sklearn.model_selection import GroupKFold, KFold, RepeatedKFold, ShuffleSplit, TimeSeriesSplit
from sklearn.preprocessing import StandardScaler

from linear.sparse_data import (
    MATRICES,
    PRECISIONS,
    Floats,
    Splits,
    count_products,
    five_folds,
    ill_conditioned,
    least_squares,
    response,
    scattered,
    text_like,
)
from weightdecay.linear import krylov, krylov_recurrence
from weightdecay.linear.krylov import KrylovFolds, open_folds


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


def least_squares_losses(X: Any, Y: Floats, splits: Splits, weight: Floats, **design: Any) -> Floats:
    loss = np.empty((len(splits), Y.shape[1], len(PRECISIONS)))
    X = X.toarray()
    for fold, (train, test) in enumerate(splits):
        for place, precision in enumerate(PRECISIONS):
            coef, intercept = least_squares(X[train], Y[train], precision, weight[train], **design)
            errors = np.square(Y[test] - X[test] @ coef.T - intercept)
            loss[fold, :, place] = np.average(errors, axis=0, weights=weight[test])
    return loss


SPLITTERS: dict[str, Callable[[int], Splits]] = {
    "k folds": five_folds,
    "groups": lambda n: list(GroupKFold(4).split(np.zeros(n), groups=np.arange(n) // 7)),
    "time series": lambda n: list(TimeSeriesSplit(4).split(np.zeros(n))),
    "repeated": lambda n: list(RepeatedKFold(n_splits=3, n_repeats=2, random_state=0).split(np.zeros(n))),
    "overlapping": lambda n: list(ShuffleSplit(3, test_size=0.3, random_state=0).split(np.zeros(n))),
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
    """Constant, absent, or nearly so on some training rows: weight 0 where scikit-learn says so."""
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


@pytest.mark.parametrize("everywhere", [True, False])
def test_without_intercept_a_constant_column_is_free_where_it_is_constant(everywhere: bool) -> None:
    rng = np.random.default_rng(6)
    X = scattered(60, 8, 0.4).toarray()
    X[:, 0] = np.where((np.arange(60) < 12) & (not everywhere), rng.standard_normal(60), 0.5)
    Y, splits = response(sparse.csr_array(X)), list(KFold(5).split(X))
    found = opened(sparse.csr_array(X), Y, splits, fit_intercept=False).squared_errors(PRECISIONS)
    design: dict[str, Any] = {"decay": np.ones(8), "fit_intercept": False, "standardize": True}
    expected = least_squares_losses(sparse.csr_array(X), Y, splits, np.ones(60), **design)
    np.testing.assert_allclose(found.loss, expected, rtol=1e-9)


def test_passes_grow_neither_with_folds_nor_with_decays_nor_with_targets(monkeypatch: pytest.MonkeyPatch) -> None:
    X = text_like(240, 400)
    Y, splits = response(X, 3), list(KFold(12).split(np.zeros(240)))
    products = count_products(monkeypatch)

    def passes(n_targets: int, n_folds: int, n_decays: int) -> int:
        products.clear()
        found = opened(X, Y[:, :n_targets], splits[:n_folds]).squared_errors(np.geomspace(1.0, 1e4, n_decays))
        assert found.converged.all()
        # Two to open, and then what is reported: one to begin, two for each step, two to verify.
        assert len(products) == 2 + found.passes == 5 + 2 * found.iterations.max()
        return len(products)

    # What decides is the spectrum of the hardest training set, so all have the same number of rows.
    alone = passes(1, 1, 1)
    assert passes(3, 12, 1) <= 1.1 * alone
    assert passes(3, 12, 150) <= 1.1 * alone
    assert max(shape[1] for shape in products) == 3 * 12


def test_infinite_decay_predicts_the_training_mean() -> None:
    X = scattered(40, 90, 0.2)
    Y, splits = response(X, 2), five_folds(40)
    held_out = opened(X, Y, splits).squared_errors([np.inf])
    means = [np.square(Y[test] - Y[train].mean(axis=0)).mean(axis=0) for train, test in splits]
    np.testing.assert_allclose(held_out.loss[:, :, 0], means, rtol=1e-12)


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
    squares = [
        np.square(Y[test][:, :, None] - values).mean(axis=0)
        for (_, test), values in zip(splits, predicted, strict=True)
    ]
    np.testing.assert_allclose(np.array(squares), together.loss, rtol=1e-11)


@pytest.mark.parametrize("block", [1, 2, 7])
def test_blocks_of_the_recurrence_are_only_a_matter_of_speed(monkeypatch: pytest.MonkeyPatch, block: int) -> None:
    X = scattered(120, 80, 0.1)
    problem = opened(X, response(X), five_folds(120))
    expected = problem.squared_errors(PRECISIONS).loss
    monkeypatch.setattr(krylov_recurrence, "BLOCK", block)
    monkeypatch.setattr(krylov_recurrence, "STRIP", 5)
    np.testing.assert_allclose(problem.squared_errors(PRECISIONS).loss, expected, rtol=1e-11)


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
