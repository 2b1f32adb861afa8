"""Degrees of freedom and log determinants against dense eigenvalues: within the error that they tell, and unbiased."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from linear.sparse_data import Floats, response, scattered, text_like
from weightdecay.linear import krylov_traces
from weightdecay.linear.krylov_traces import n_unpenalised, sampled_spectrum
from weightdecay.linear.krylov_whole import KrylovWhole, open_whole

PRECISIONS = np.r_[0.0, np.geomspace(1e-2, 1e6, 9), np.inf]
MATRICES = {"tall": scattered(500, 120, 0.1), "wide": text_like(200, 600), "text": text_like(300, 300)}


def exact(X: Any, precisions: Floats, *, size: int, **design: Any) -> tuple[Floats, Floats]:
    """Σ d/(d + Λ) and Σ log(1 + d/Λ) from singular values; the `size` largest of them are not rounding."""
    dense, n = X.toarray(), X.shape[0]
    weight = design.get("sample_weight", np.ones(n))
    decay = design.get("decay_weights", np.ones(X.shape[1]))
    centred = dense - weight @ dense / weight.sum()
    deviation = np.sqrt(weight @ np.square(centred) / weight.sum())
    root, used = np.sqrt(weight)[:, None], (deviation > 0) & (decay > 0)
    A = root * centred[:, used] / (np.sqrt(decay) * deviation)[used]
    free = np.linalg.qr(root * np.column_stack([np.ones(n), centred[:, decay == 0]]))[0]
    d = np.square(np.linalg.svd(A - free @ (free.T @ A), compute_uv=False))[:size, None]
    with np.errstate(divide="ignore"):
        return (d / (d + precisions)).sum(axis=0), np.log1p(d / precisions).sum(axis=0)


def opened(X: Any, **design: Any) -> KrylovWhole:
    return open_whole(X, response(X), **design)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("name", MATRICES)
def test_traces_are_within_the_error_they_tell(name: str, weighted: bool) -> None:
    X = MATRICES[name]
    n, p = X.shape
    design: dict[str, Any] = {}
    if weighted:
        rng = np.random.default_rng(2)
        design = {"sample_weight": rng.uniform(0, 2, n), "decay_weights": rng.uniform(0.1, 9, p)}
        design["sample_weight"][:20] = 0.0
        design["decay_weights"][[3, 5]] = 0.0
    operator = opened(X, **design).operator
    spectrum = sampled_spectrum(operator, float(operator.internal(PRECISIONS[1])))
    found = spectrum.traces(operator.internal(PRECISIONS))
    assert n_unpenalised(operator) == (3 if weighted else 1)
    df, log_det = exact(X, PRECISIONS, size=spectrum.size, **design)
    assert np.all(np.abs(found.df - df) <= 4 * found.df_error + 1e-9)
    assert np.all(found.df_error <= 0.02 * df + 0.1 * np.sqrt(df))
    assert np.isinf(found.log_det[0]) and np.isinf(log_det[0])
    assert np.all(np.abs(found.log_det[1:] - log_det[1:]) <= 4 * found.log_det_error[1:] + 1e-9)
    assert np.all(found.log_det_error[1:] <= 0.02 * log_det[1:] + 0.2 * np.sqrt(log_det[1:]))
    assert np.all(np.diff(found.df) <= 0)


def test_estimates_are_unbiased_and_their_errors_true(monkeypatch: pytest.MonkeyPatch) -> None:
    X = MATRICES["wide"]
    operator, precisions = opened(X).operator, np.array([1.0, 100.0, 1e4])
    errors = []
    for seed in range(40):
        monkeypatch.setattr(krylov_traces, "SEED", seed)
        spectrum = sampled_spectrum(operator, 1.0)
        found, (df, _) = spectrum.traces(precisions), exact(X, precisions, size=spectrum.size)
        errors.append((found.df - df) / found.df_error)
    mean, spread = np.mean(errors, axis=0), np.std(errors, axis=0)
    assert np.all(np.abs(mean) <= 3 / np.sqrt(40))
    assert np.all((spread > 0.6) & (spread < 1.5))


def long_spectrum() -> sparse.csr_array:
    """Ten decades, of which few steps see the upper end only."""
    rng = np.random.default_rng(3)
    left, right = (np.linalg.qr(rng.standard_normal((rows, 80)))[0] for rows in (300, 80))
    return sparse.csr_array(left * np.logspace(0, -5, 80) @ right.T)


def test_too_few_steps_widen_the_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The two rules enclose what is left open."""
    X = long_spectrum()
    operator, precisions = opened(X).operator, np.array([1e-6, 1e-2])
    df, _ = exact(X, precisions, size=80)
    errors = []
    for steps in (4, 16, 400):
        monkeypatch.setattr(krylov_traces, "STEPS", steps)
        found = sampled_spectrum(operator, 1e-6).traces(precisions)
        assert np.all(np.abs(found.df - df) <= 4 * found.df_error)
        errors.append(found.df_error)
    assert np.all(errors[0] > 1.1 * errors[1]) and np.all(errors[1] > 2 * errors[2])


def test_steps_end_where_the_sample_is_the_larger_error() -> None:
    operator = opened(long_spectrum()).operator
    high, low = (sampled_spectrum(operator, precision) for precision in (1e6, 1.0))
    assert high.passes == 2 * krylov_traces.LOOK < low.passes < 2 * krylov_traces.STEPS


def test_vectors_that_do_not_fit_into_memory_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    X = MATRICES["tall"]
    operator = opened(X).operator
    together = sampled_spectrum(operator, 1e-2)
    monkeypatch.setattr(krylov_traces, "PROBE_ENTRIES", 5 * sum(X.shape))
    apart = sampled_spectrum(operator, 1e-2)
    assert [run[0].shape[1] for run in apart.runs] == [5, 5, 5, 1] and apart.passes > together.passes
    one, other = together.traces(PRECISIONS), apart.traces(PRECISIONS)
    assert np.all(np.abs(one.df - other.df) <= 4 * np.hypot(one.df_error, other.df_error) + 1e-9)


@pytest.mark.parametrize("X", [np.ones((5, 3)), np.zeros((5, 3))])
def test_nothing_to_shrink_has_no_degrees_of_freedom(X: Floats) -> None:
    operator = open_whole(sparse.csr_array(X), np.arange(5.0)).operator
    found = sampled_spectrum(operator, 1.0).traces(PRECISIONS)
    assert not found.df.any() and not found.df_error.any() and not found.log_det.any()


def test_a_single_direction_is_exact() -> None:
    X = sparse.csr_array(np.arange(6.0)[:, None] * [1.0, 2.0])
    operator = open_whole(X, np.arange(6.0), standardize=False).operator
    found = sampled_spectrum(operator, 1.0).traces(operator.internal(np.array([1.0, 10.0])))
    d = 5 * 17.5  # Σ (x − x̄)² of the first column, and 1 + 4 times that of both
    assert found.df == pytest.approx(d / (d + np.array([1.0, 10.0])), abs=4 * found.df_error.max())
