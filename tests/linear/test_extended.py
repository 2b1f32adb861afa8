"""Error-free transformations and pair arithmetic against rational arithmetic."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from weightdecay.linear.extended import (
    HAS_80_BITS,
    Arithmetic,
    DoubleDouble,
    LongDouble,
    Pair,
    choose_arithmetic,
    extended_residual,
    pair_sum,
    split,
    stacked,
    two_prod,
    two_sum,
    zeros,
)

ARITHMETICS = [
    DoubleDouble(),
    pytest.param(
        LongDouble(),
        marks=pytest.mark.skipif(not HAS_80_BITS, reason="this machine's longdouble has no 64-bit mantissa"),
    ),
]


def signed(low: int, high: int) -> st.SearchStrategy[float]:
    """Zero, and floats with 53 random bits and an exponent from the range."""
    size = st.builds(
        lambda m, e: float(np.ldexp(m, e)), st.integers(2**52, 2**53 - 1), st.integers(low - 52, high - 52)
    )
    return st.one_of(st.just(0.0), size, size.map(lambda v: -v))


# Products and their errors stay normal numbers, as the module asks of its callers.
SAFE = signed(-400, 400)
NEAR = signed(-40, 40)


def array(values: Any) -> np.ndarray:
    return np.atleast_1d(np.array(values, dtype=np.float64))


def exact(pair: Pair) -> list[Fraction]:
    return [Fraction(a) + Fraction(b) for a, b in zip(pair.hi.ravel().tolist(), pair.lo.ravel().tolist(), strict=True)]


def normalised(pair: Pair) -> bool:
    """|lo| is at most half a unit in the last place of hi: adding it changes nothing."""
    return bool((pair.hi + pair.lo == pair.hi).all())


@st.composite
def pairs(draw: st.DrawFn, numbers: st.SearchStrategy[float] = SAFE) -> Pair:
    """One number of about 106 bits."""
    hi = draw(numbers)
    low = draw(st.integers(-(2**52), 2**52)) * 2.0**-53 * float(np.spacing(abs(hi))) if hi else 0.0
    return Pair(*two_sum(array(hi), array(low)))


@given(SAFE, SAFE)
def test_a_sum_and_its_error_are_exact(a: float, b: float) -> None:
    s, e = two_sum(array(a), array(b))
    assert s[0] == a + b
    assert Fraction(s[0]) + Fraction(e[0]) == Fraction(a) + Fraction(b)


@given(signed(-900, 990))
def test_halves_are_exact_and_short(a: float) -> None:
    big, small = split(array(a))
    assert Fraction(big[0]) + Fraction(small[0]) == Fraction(a)
    for half in (big[0], small[0]):
        odd = abs(Fraction(half)).numerator
        assert (odd // (odd & -odd) if odd else 0).bit_length() <= 26


@given(SAFE, SAFE)
def test_a_product_and_its_error_are_exact(a: float, b: float) -> None:
    p, e = two_prod(array(a), array(b))
    assert p[0] == a * b
    assert Fraction(p[0]) + Fraction(e[0]) == Fraction(a) * Fraction(b)


@given(pairs(), pairs())
def test_pairs_add(a: Pair, b: Pair) -> None:
    """Relative to the sum itself: nothing is lost where the leading parts cancel."""
    for found, truth in ((a + b, exact(a)[0] + exact(b)[0]), (a - b, exact(a)[0] - exact(b)[0])):
        assert normalised(found)
        assert abs(exact(found)[0] - truth) <= abs(truth) * Fraction(2) ** -103


@given(pairs(), pairs())
def test_pairs_multiply(a: Pair, b: Pair) -> None:
    found, truth = a * b, exact(a)[0] * exact(b)[0]
    assert normalised(found)
    assert abs(exact(found)[0] - truth) <= abs(truth) * Fraction(2) ** -102


@given(pairs(), SAFE)
def test_a_float_is_added_to_a_pair(a: Pair, b: float) -> None:
    """An error of a float's rounding of the low parts, which is no relative one where the leading parts cancel."""
    found, truth = a.plus(array(b)), exact(a)[0] + Fraction(b)
    assert normalised(found)
    assert abs(exact(found)[0] - truth) <= max(abs(exact(a)[0]), abs(Fraction(b))) * Fraction(2) ** -104


@given(pairs(signed(-300, 300)))
def test_a_reciprocal(a: Pair) -> None:
    assume(a.hi[0] != 0.0)
    truth = 1 / exact(a)[0]
    assert abs(exact(a.reciprocal())[0] - truth) <= abs(truth) * Fraction(2) ** -100


@given(pairs(), st.integers(-200, 200))
def test_powers_of_two_scale_exactly(a: Pair, k: int) -> None:
    assert exact(a.scaled(np.array([k], dtype=np.int32)))[0] == exact(a)[0] * Fraction(2) ** k


@given(arrays(np.float64, st.integers(0, 40), elements=NEAR))
def test_a_long_sum_is_as_good_as_in_106_bits(values: np.ndarray) -> None:
    found = pair_sum(Pair.of(values))
    total, size = sum(map(Fraction, values.tolist()), Fraction(0)), sum(map(abs, map(Fraction, values.tolist())))
    assert normalised(found)
    assert abs((exact(found)[0] if values.size else Fraction(found.hi.item())) - total) <= size * Fraction(2) ** -98


def test_columns_side_by_side() -> None:
    both = stacked([Pair(array([1.0, 2.0]), array([0.1, 0.2])), Pair(array([3.0, 4.0]), array([0.3, 0.4]))], 2)
    assert both.hi.tolist() == [[1.0, 3.0], [2.0, 4.0]]
    assert both.lo.tolist() == [[0.1, 0.3], [0.2, 0.4]]
    assert stacked([], 3).hi.shape == (3, 0)


@dataclass(frozen=True)
class Blocks:
    """A dense pair matrix as a design, in blocks of two rows."""

    matrix: Pair

    @property
    def shape(self) -> tuple[int, int]:
        n, q = self.matrix.hi.shape
        return n, q

    def blocks(self) -> Any:
        for start in range(0, self.shape[0], 2):
            rows = slice(start, min(start + 2, self.shape[0]))
            yield rows, self.matrix[rows]


def matrix(seed: int, *shape: int) -> Pair:
    """Random pairs over forty powers of two."""
    rng = np.random.default_rng(seed)
    hi = rng.standard_normal(shape) * 2.0 ** rng.integers(-20, 20, shape)
    return Pair(*two_sum(hi, hi * 2.0**-53 * rng.uniform(-1, 1, shape)))


def fractions(pair: Pair) -> list[list[Fraction]]:
    flat = exact(pair)
    return [flat[i * pair.hi.shape[1] : (i + 1) * pair.hi.shape[1]] for i in range(pair.hi.shape[0])]


def product(A: list[list[Fraction]], B: list[list[Fraction]], *, absolute: bool = False) -> list[list[Fraction]]:
    """A B, or |A| |B|."""
    one = abs if absolute else Fraction
    return [[sum((one(a) * one(b) for a, b in zip(row, col, strict=True)), Fraction(0)) for col in zip(*B, strict=True)]
            for row in A]  # fmt: skip


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
@pytest.mark.parametrize("seed", range(5))
def test_products_have_the_bits_they_claim(arithmetic: Arithmetic, seed: int) -> None:
    C, right, left = matrix(seed, 9, 4), matrix(seed + 50, 4, 2), matrix(seed + 90, 9, 3)
    forward, backward = arithmetic.products(C, right, left)
    slack = Fraction(2) ** (6 - arithmetic.bits)
    A, B, D = fractions(C), fractions(right), fractions(left)
    flipped = [list(column) for column in zip(*A, strict=True)]
    for found, (one, two) in ((forward, (A, B)), (backward, (flipped, D))):
        truth, size = product(one, two), product(one, two, absolute=True)
        for row, true_row, size_row in zip(fractions(found), truth, size, strict=True):
            for value, true, bound in zip(row, true_row, size_row, strict=True):
                assert abs(value - true) <= slack * bound
    assert arithmetic.products(C, right, zeros((9, 0)))[1].hi.shape == (4, 0)


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_moments_have_the_bits_they_claim(arithmetic: Arithmetic) -> None:
    C, first, second = matrix(1, 11, 3), matrix(2, 11).hi, np.abs(matrix(3, 11).hi)
    sums, squares = arithmetic.moments(C, first, second)
    slack = Fraction(2) ** (6 - arithmetic.bits)
    for found, weights, power in ((sums, first, 1), (squares, second, 2)):
        for value, column in zip(exact(found), zip(*fractions(C), strict=True), strict=True):
            terms = [Fraction(w) * v**power for w, v in zip(weights.tolist(), column, strict=True)]
            assert abs(value - sum(terms)) <= slack * sum(map(abs, terms))


@pytest.mark.parametrize("arithmetic", ARITHMETICS)
def test_residuals_near_a_solution_keep_their_leading_digits(arithmetic: Arithmetic) -> None:
    """θ and ν rounded from an exact solution: all that remains of the residuals is what the rounding left."""
    rng = np.random.default_rng(5)
    C = rng.integers(-50, 50, (6, 3)).astype(float)
    theta = rng.integers(-9, 9, (3, 1)) / 3.0
    penalty, spread = np.array([0.5, 2.0, 0.0]), np.array([1.0, 2.0, 4.0, 1.0, 0.5, 1.0])
    dual = rng.standard_normal((6, 1))
    y = C @ theta + spread[:, None] * dual
    f, g = extended_residual(
        Blocks(Pair.of(C)), Pair.of(y), Pair.of(spread), [Pair.of(penalty)], Pair.of(theta), dual=Pair.of(dual),
        arithmetic=arithmetic,
    )  # fmt: skip
    true_f = [
        Fraction(y[i, 0]) - Fraction(spread[i]) * Fraction(dual[i, 0])
        - sum(Fraction(C[i, j]) * Fraction(theta[j, 0]) for j in range(3))
        for i in range(6)
    ]  # fmt: skip
    true_g = [
        Fraction(penalty[j]) * Fraction(theta[j, 0]) - sum(Fraction(C[i, j]) * Fraction(dual[i, 0]) for i in range(6))
        for j in range(3)
    ]
    assert any(true_f)
    slack = 2.0 ** (14 - arithmetic.bits)
    for found, truth in ((f, true_f), (g, true_g)):
        np.testing.assert_allclose(found[:, 0], [float(v) for v in truth], rtol=2.0**-40, atol=100 * slack)


@pytest.mark.parametrize("multiplications", [1, 2**19, 2**19 + 1, 2**40])
def test_the_arithmetic_always_ends_in_the_portable_one(multiplications: int) -> None:
    ladder = choose_arithmetic(multiplications)
    assert ladder[-1] == DoubleDouble()
    assert (len(ladder) == 2) == (HAS_80_BITS and multiplications > 2**19)
