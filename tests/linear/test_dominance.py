"""The largest share of one row in a column's variance: the definition, for dense and sparse columns."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import sparse

from weightdecay.linear import dominance
from weightdecay.linear.dominance import largest_share
from weightdecay.linear.rows import Rows

Floats = NDArray[np.float64]


def shares(X: Floats, weight: Floats | None) -> Floats:
    """s_i (x_ij − x̄_j)²/Σ s (x_j − x̄_j)² (n, p), 0 for constant columns."""
    s = np.ones(len(X)) if weight is None else weight
    varying = np.ptp(X[s > 0], axis=0) > 0
    square = s[:, None] * np.square(X - s @ X / s.sum()) * varying
    return square / np.where(varying, square.sum(axis=0), 1.0)


def check(X: Floats, weight: Floats | None) -> None:
    """Dense and sparse against the definition; where rows tie any of them may be named."""
    expected = shares(X, weight)
    target = np.zeros((len(X), 1))
    for columns in (X, np.asfortranarray(X), sparse.csr_array(X), sparse.csr_array(X.astype(np.float32))):
        row, column, share = largest_share(Rows(columns, target, weight))
        precision = 1e-5 if columns.dtype == np.float32 else 1e-9
        assert share == pytest.approx(expected.max(initial=0.0), rel=precision)
        assert expected[row, column] == pytest.approx(share, rel=precision)


@given(
    seed=st.integers(0, 10**6),
    shape=st.tuples(st.integers(2, 12), st.integers(1, 14)),
    density=st.floats(0.1, 1.0),
    weighted=st.booleans(),
)
def test_it_is_the_definition(seed: int, shape: tuple[int, int], density: float, weighted: bool) -> None:
    rng = np.random.default_rng(seed)
    X = np.where(rng.random(shape) < density, rng.integers(-3, 9, shape), 0).astype(float)
    weight = rng.integers(0, 4, shape[0]).astype(float)
    weight[0] += 1.0
    check(X, weight if weighted else None)


@pytest.mark.parametrize("shape", [(20, 3), (4, 9)])
@pytest.mark.parametrize("value", [3.7, -0.1, 1e8 / 3])
def test_constant_columns_have_no_row_that_rules(shape: tuple[int, int], value: float) -> None:
    """Their variance is rounding, and so would be its parts."""
    X = np.full(shape, value)
    for weight in (None, np.linspace(0.1, 2, shape[0])):
        for columns in (X, sparse.csr_array(X)):
            assert largest_share(Rows(columns, np.zeros((shape[0], 1)), weight))[2] == 0.0


def test_a_heavy_zero_may_rule() -> None:
    X, weight = np.array([[1.0], [1.0], [0.0], [1.0], [0.0]]), np.array([1.0, 1.0, 0.1, 1.0, 5.0])
    check(X, weight)
    assert largest_share(Rows(sparse.csr_array(X), np.zeros((5, 1)), weight))[0] == 4


def test_entries_in_parts_and_in_any_order_are_added_up() -> None:
    X = sparse.csr_array((np.array([1.0, 1.0, 5.0, 2.0]), np.array([1, 1, 0, 0]), np.array([0, 3, 4, 4])), shape=(3, 2))
    assert largest_share(Rows(X, np.zeros((3, 1)), None)) == largest_share(Rows(X.toarray(), np.zeros((3, 1)), None))
    assert X.nnz == 4


def test_sparse_columns_are_not_read_in_dense_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("row_blocks", "column_blocks"):
        monkeypatch.setattr(dominance, name, lambda *_: pytest.fail("a dense block"))
    assert largest_share(Rows(sparse.csr_array(np.eye(5)), np.zeros((5, 1)), None))[2] == pytest.approx(0.8)
