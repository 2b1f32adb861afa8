"""Sparse tables, dense least squares as their oracle, and a count of the products with them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import sparse
from sklearn.model_selection import KFold

Floats = NDArray[np.float64]
Splits = Sequence[tuple[Any, Any]]

PRECISIONS = np.array([1e-3, 0.1, 3.0, 40.0, 1e3, 1e6])


def text_like(n: int, p: int, seed: int = 0) -> sparse.csr_array:
    """Word counts: the columns' frequencies fall like 1/rank, and many words occur in a row or two."""
    rank = np.arange(1, p + 1)
    return sparse.csr_array(np.random.default_rng(seed).poisson(40 / rank / np.log(p), (n, p)).astype(float))


def scattered(n: int, p: int, density: float, seed: int = 0) -> sparse.csr_array:
    """Values in (0, 1) at random places."""
    rng = np.random.default_rng(seed)
    return sparse.csr_array((rng.random((n, p)) < density) * rng.random((n, p)))


def response(X: sparse.csr_array, n_targets: int = 1, seed: int = 1) -> Floats:
    """A linear signal with noise of half its size, about 3."""
    rng = np.random.default_rng(seed)
    signal = X @ rng.standard_normal((X.shape[1], n_targets))
    noise = rng.standard_normal(signal.shape)
    return np.asarray(3.0 + signal / signal.std() + 0.5 * noise)


def five_folds(n: int) -> Splits:
    """Shuffled fifths."""
    return list(KFold(5, shuffle=True, random_state=0).split(np.zeros(n)))


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


def two_encodings(n: int, k: int, seed: int = 0) -> sparse.csr_array:
    """Two one-hot encodings of k categories side by side: with an intercept, some directions have no effect."""
    codes = np.random.default_rng(seed).integers(0, k, (2, n))
    columns = np.r_[codes[0], k + codes[1]]
    return sparse.csr_array((np.ones(2 * n), (np.tile(np.arange(n), 2), columns)), (n, 2 * k))


def ill_conditioned() -> tuple[sparse.csr_array, Floats, Splits]:
    """Spectrum over six decades: Krylov spaces find the small end late."""
    rng = np.random.default_rng(8)
    left, right = (np.linalg.qr(rng.standard_normal((rows, 60)))[0] for rows in (200, 60))
    X = left * np.logspace(0, -6, 60) @ right.T
    return sparse.csr_array(X), X @ rng.standard_normal((60, 1)) + 0.05 * rng.standard_normal((200, 1)), five_folds(200)


def count_products(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, ...]]:
    """The shapes of all that sparse arrays are multiplied by, as it happens."""
    seen: list[tuple[int, ...]] = []
    for kind in (sparse.csr_array, sparse.csc_array):
        original: Callable[[Any, Any], Any] = kind.__matmul__

        def counted(self: Any, other: Any, original: Callable[[Any, Any], Any] = original) -> Any:
            seen.append(np.shape(other))
            return original(self, other)

        monkeypatch.setattr(kind, "__matmul__", counted)
    return seen


MATRICES = {
    "tall": scattered(400, 30, 0.2),
    "square": scattered(150, 120, 0.1),
    "wide": scattered(200, 5000, 0.005),
    "text": text_like(250, 1200),
}
