"""Arithmetic wider than float64: unevaluated pairs of floats, and residuals computed in them.

A `Pair` (hi, lo) stands for the exact sum hi + lo with |lo| at most half a unit in the last place of hi: some 106 bits.
Two arithmetics multiply a pair-valued matrix by a pair-valued vector: `DoubleDouble`, from float64 operations alone
(error-free transformations of Knuth and Dekker; dot products as "Dot2" of Ogita, Rump and Oishi, *Accurate sum and dot
product*, SIAM J. Sci. Comput. 26(6), 2005: as accurate as if computed with 106 bits), and `LongDouble`, the 80-bit type
of x86 processors (64 bits, about four times as fast). `choose_arithmetic` is the only place that decides between
them.

Magnitudes are the caller's business: products need |x| < 2**996, and lose bits below 2**-969.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Integers = NDArray[np.int32]

_SPLITTER = 2.0**27 + 1.0  # Veltkamp: cuts 53 bits into 26 + 26 and a sign
HAS_80_BITS = bool(np.finfo(np.longdouble).nmant == 63)  # x86, but for Microsoft's compilers
_SMALL_PROBLEM = 2**19  # multiplications; below it even double-double takes about a hundredth of a second a step


def two_sum(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded sum and its rounding error: s + e = a + b exactly (Knuth, TAOCP 2, 4.2.2)."""
    s = a + b
    t = s - a
    return s, (a - (s - t)) + (b - t)


def split(a: Floats) -> tuple[Floats, Floats]:
    """Two halves of at most 26 bits each, a = big + small exactly (Veltkamp)."""
    t = _SPLITTER * a
    big = t - (t - a)
    return big, a - big


def two_prod(a: Floats, b: Floats) -> tuple[Floats, Floats]:
    """The rounded product and its rounding error: p + e = a b exactly (Dekker, Numer. Math. 18, 1971)."""
    return _split_prod(a, *split(a), b, *split(b))


def _split_prod(
    a: Floats, a_big: Floats, a_small: Floats, b: Floats, b_big: Floats, b_small: Floats
) -> tuple[Floats, Floats]:
    """`two_prod` of numbers that are already split."""
    p = a * b
    return p, ((a_big * b_big - p) + a_big * b_small + a_small * b_big) + a_small * b_small


@final
@dataclass(frozen=True)
class Pair:
    """An array of unevaluated sums hi + lo of two float64 arrays of one shape."""

    hi: Floats
    lo: Floats

    @staticmethod
    def of(value: Floats) -> Pair:
        """The float64 array `value`, exactly."""
        return Pair(value, np.zeros_like(value))

    def __add__(self, other: Pair) -> Pair:
        """Sum with a relative error of about 2**-105, cancellation included."""
        s, e = two_sum(self.hi, other.hi)
        t, f = two_sum(self.lo, other.lo)
        s, e = two_sum(s, e + t)
        return Pair(*two_sum(s, e + f))

    def __neg__(self) -> Pair:
        return Pair(-self.hi, -self.lo)

    def __sub__(self, other: Pair) -> Pair:
        return self + (-other)

    def __mul__(self, other: Pair) -> Pair:
        """Product, relative error about 2**-104; shapes broadcast."""
        p, e = two_prod(self.hi, other.hi)
        return Pair(*two_sum(p, e + (self.hi * other.lo + self.lo * other.hi)))

    def __getitem__(self, index: Any) -> Pair:
        return Pair(self.hi[index], self.lo[index])

    def transposed(self) -> Pair:
        """The transposed array."""
        return Pair(self.hi.T, self.lo.T)

    def plus(self, value: Floats) -> Pair:
        """The sum with a float64 array."""
        s, e = two_sum(self.hi, value)
        return Pair(*two_sum(s, e + self.lo))

    def where(self, condition: NDArray[np.bool_]) -> Pair:
        """The same, zero where the condition fails."""
        return Pair(np.where(condition, self.hi, 0.0), np.where(condition, self.lo, 0.0))

    def scaled(self, exponent: Integers) -> Pair:
        """The product with 2**exponent, exact but for underflow and overflow."""
        return Pair(np.ldexp(self.hi, exponent), np.ldexp(self.lo, exponent))

    def reciprocal(self) -> Pair:
        """1 / (hi + lo), by one Newton step from the float64 quotient."""
        q = 1.0 / self.hi
        p, e = two_prod(q, self.hi)
        return Pair(*two_sum(q, q * ((1.0 - p) - e - q * self.lo)))

    def rounded(self) -> Floats:
        """The nearest float64 array."""
        return self.hi + self.lo


def zeros(shape: tuple[int, ...]) -> Pair:
    """A pair array of zeros."""
    return Pair(np.zeros(shape), np.zeros(shape))


def stacked(pairs: list[Pair], m: int) -> Pair:
    """Pair columns of shape (m,) side by side, (m, k); none of them is (m, 0)."""
    found = zeros((m, len(pairs)))
    for k, pair in enumerate(pairs):
        found.hi[:, k], found.lo[:, k] = pair.hi, pair.lo
    return found


def pair_sum(terms: Pair) -> Pair:
    """The sum over the first axis, by halves, the rounding errors carried along (a vectorised "Sum2")."""
    hi, lo = terms.hi, terms.lo
    while (m := hi.shape[0]) > 1:
        half = m // 2
        s, e = two_sum(hi[:half], hi[half : 2 * half])
        e += lo[:half] + lo[half : 2 * half]
        if m % 2:
            s[0], last = two_sum(s[0], hi[-1])
            e[0] += last + lo[-1]
        hi, lo = s, e
    if not hi.shape[0]:
        return zeros(hi.shape[1:])
    return Pair(*two_sum(hi[0], lo[0]))


class Arithmetic(Protocol):
    """Products of one block of a pair-valued matrix C = hi + lo, shape (r, q), in more than float64."""

    @property
    def bits(self) -> int:
        """Bits to which a dot product is as good as computed."""

    def products(self, block: Pair, right: Pair, left: Pair) -> tuple[Pair, Pair]:
        """C right, (r, t), and Cᵀ left, (q, u), for right (q, t) and left (r, u)."""

    def moments(self, block: Pair, first: Floats, second: Floats) -> tuple[Pair, Pair]:
        """Σ_i first_i C_ij and Σ_i second_i C_ij², each (q,), for weights (r,)."""


@final
@dataclass(frozen=True)
class DoubleDouble:
    """Products from float64 operations alone, as if with 106 bits; the same on every machine."""

    bits: int = 106

    def products(self, block: Pair, right: Pair, left: Pair) -> tuple[Pair, Pair]:
        """C right and Cᵀ left."""
        halves = split(block.hi)
        flipped = (halves[0].T, halves[1].T)
        forward = [_dot(block.transposed(), flipped, right[:, k]) for k in range(right.hi.shape[1])]
        backward = [_dot(block, halves, left[:, k]) for k in range(left.hi.shape[1])]
        r, q = block.hi.shape
        return stacked(forward, r), stacked(backward, q)

    def moments(self, block: Pair, first: Floats, second: Floats) -> tuple[Pair, Pair]:
        """Weighted column sums and sums of squares."""
        sums = pair_sum(block * Pair.of(first[:, None]))
        return sums, pair_sum(block * block * Pair.of(second[:, None]))


def _dot(matrix: Pair, halves: tuple[Floats, Floats], vector: Pair) -> Pair:
    """Σ_i matrix_ij vector_i, (columns,), from the matrix's split halves."""
    v = vector.hi[:, None]
    p, e = _split_prod(matrix.hi, *halves, v, *split(v))
    e += matrix.hi * vector.lo[:, None]
    e += matrix.lo * v
    return pair_sum(Pair(p, e))


@final
@dataclass(frozen=True)
class LongDouble:
    """Products in `numpy.longdouble`; for machines where that is the 80-bit type."""

    bits: int = 64

    def products(self, block: Pair, right: Pair, left: Pair) -> tuple[Pair, Pair]:
        """C right and Cᵀ left."""
        matrix = _widened(block)
        return _narrowed(matrix @ _widened(right)), _narrowed(_widened(left).T @ matrix).transposed()

    def moments(self, block: Pair, first: Floats, second: Floats) -> tuple[Pair, Pair]:
        """Weighted column sums and sums of squares."""
        matrix = _widened(block)
        sums = first.astype(np.longdouble) @ matrix
        matrix *= matrix
        return _narrowed(sums), _narrowed(second.astype(np.longdouble) @ matrix)


def _widened(pair: Pair) -> NDArray[np.longdouble]:
    """The pair rounded to `longdouble`."""
    wide = pair.hi.astype(np.longdouble)
    wide += pair.lo
    return wide


def _narrowed(value: NDArray[np.longdouble]) -> Pair:
    """A `longdouble` array as a pair, exactly."""
    hi = value.astype(np.float64)
    return Pair(hi, (value - hi).astype(np.float64))


def choose_arithmetic(multiplications: int) -> tuple[Arithmetic, ...]:
    """The arithmetics for residuals that take this many multiplications a step, each to be used until it helps no more.

    Small problems get the 106 bits, which they hardly notice; large ones first the 80-bit type, if the machine has it.
    """
    if HAS_80_BITS and multiplications > _SMALL_PROBLEM:
        return LongDouble(), DoubleDouble()
    return (DoubleDouble(),)


class Design(Protocol):
    """A pair-valued matrix C (n, q) that is only ever seen in blocks of rows."""

    @property
    def shape(self) -> tuple[int, int]:
        """(n, q)."""

    def blocks(self) -> Iterator[tuple[slice, Pair]]:
        """Row ranges with their part of C."""


def extended_residual(
    design: Design,
    target: Pair,
    spread: Pair,
    penalties: list[Pair],
    solution: Pair,
    *,
    dual: Pair,
    arithmetic: Arithmetic,
) -> tuple[Floats, Floats]:
    """Residuals of a least-squares saddle system, computed in extended precision and rounded once.

    With C = design (n, q), y = target (n, t), θ = solution (q, t), dual = (ν, μ, …) of shape (n, m t) and penalties
    (W, W₀, …), m of them of shape (q,)::

        f = y − spread ∘ ν − C θ            (n, t)
        g = (W ∘ θ − Cᵀν, W₀ ∘ θ − Cᵀμ, …)  (q, m t)

    Both vanish at the solution, where ν are the weighted residuals. Source: Å. Björck, *Iterative refinement of linear
    least squares solutions I*, BIT 7, 1967.

    Parameters
    ----------
    design : Design
        The matrix C.
    target : Pair (n, t)
    spread : Pair (n,)
        Reciprocal row weights.
    penalties : list of Pair (q,)
    solution : Pair (q, t)
    dual : Pair (n, m t)
    arithmetic : Arithmetic

    Returns
    -------
    f : array (n, t)
    g : array (q, m t)

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> C = Pair.of(np.array([[1.0, 1.0], [1.0, 1.0 + 2**-52]]))
    >>> design = SimpleNamespace(shape=(2, 2), blocks=lambda: iter([(slice(0, 2), C)]))
    >>> column = lambda *v: Pair.of(np.array(v)[:, None])
    >>> f, g = extended_residual(design, column(0.0, 0.0), Pair.of(np.ones(2)), [Pair.of(np.zeros(2))],
    ...                          column(1.0, -1.0), dual=column(0.0, 0.0), arithmetic=DoubleDouble())
    >>> bool(f[1, 0] == 2**-52)
    True
    """
    n, q = design.shape
    t = solution.hi.shape[1]
    f = np.empty((n, t))
    total = zeros((q, dual.hi.shape[1]))
    for rows, block in design.blocks():
        forward, backward = arithmetic.products(block, solution, dual[rows])
        f[rows] = (target[rows] - spread[rows, None] * dual[rows, :t] - forward).rounded()
        total = total + backward
    shrunk = [penalty[:, None] * solution for penalty in penalties]
    pull = Pair(np.hstack([pair.hi for pair in shrunk]), np.hstack([pair.lo for pair in shrunk]))
    return f, (pull - total).rounded()
