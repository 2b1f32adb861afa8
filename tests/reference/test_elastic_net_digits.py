"""Elastic nets of nearly dependent columns against exact rational arithmetic, with the signs that were found."""

from __future__ import annotations

from decimal import Decimal, localcontext
from fractions import Fraction
from functools import cache

import numpy as np
import pytest
from numpy.typing import NDArray

import weightdecay as wd

Floats = NDArray[np.float64]


def nearly_dependent() -> tuple[Floats, Floats]:
    """Two pairs of columns that differ by 1e-5 and 1e-4 of their size, one of them 1e5 away from 0."""
    rng = np.random.default_rng(0)
    Z = rng.standard_normal((60, 6))
    Z[:, 1], Z[:, 3] = Z[:, 0] + 1e-5 * Z[:, 1], Z[:, 2] - 1e-4 * Z[:, 3]
    y = Z[:, 0] - 2 * Z[:, 1] + Z[:, 4] + 0.1 * rng.standard_normal(60)
    return Z * [1, 1, 5, 5, 1, 2] + [1e3, 0, 1e5, 0, 0, 0], y


def root(value: Fraction) -> Fraction:
    """A square root to fifty digits."""
    with localcontext() as context:
        context.prec = 50
        return Fraction((Decimal(value.numerator) / Decimal(value.denominator)).sqrt())


@cache
def standardised() -> tuple[list[list[Fraction]], list[Fraction], list[Fraction]]:
    """Correlations of the columns, their products with the target per row, and their scales, all exact."""
    X, y = nearly_dependent()
    n = len(y)
    columns = [[Fraction(v) for v in column] for column in X.T.tolist()]
    columns = [[v - sum(one) / n for v in one] for one in columns]
    scale = [root(sum(v * v for v in one) / n) for one in columns]
    target = [Fraction(v) for v in y.tolist()]
    columns = [[v / s for v in one] for one, s in zip(columns, scale, strict=True)]
    G = [[sum(a * b for a, b in zip(one, other, strict=True)) / n for other in columns] for one in columns]
    r = [sum(a * b for a, b in zip(one, target, strict=True)) / n for one in columns]
    return G, r, scale


def exact(decay: float, mix: float, sign: Floats) -> tuple[list[Fraction], list[Fraction]]:
    """Coefficients with given signs, and how hard each column is pulled at them, over λρ."""
    G, r, scale = standardised()
    weak, strong = Fraction(decay) * (1 - Fraction(mix)), Fraction(decay) * Fraction(mix)
    active = [j for j in range(len(r)) if sign[j]]
    A = [[G[i][j] + (weak if i == j else 0) for j in active] for i in active]
    b = [r[j] - strong * int(sign[j]) for j in active]
    for k in range(len(active)):
        for i in range(k + 1, len(active)):
            factor = A[i][k] / A[k][k]
            A[i] = [v - factor * w for v, w in zip(A[i], A[k], strict=True)]
            b[i] -= factor * b[k]
    solution = [Fraction(0)] * len(r)
    for k in reversed(range(len(active))):
        rest = sum(A[k][m] * solution[active[m]] for m in range(k + 1, len(active)))
        solution[active[k]] = (b[k] - rest) / A[k][k]
    pull = [(r[j] - sum(G[j][i] * solution[i] for i in range(len(r)))) / strong for j in range(len(r))]
    return [w / s for w, s in zip(solution, scale, strict=True)], pull


@pytest.mark.parametrize("way", ["triangles", "moments"])
@pytest.mark.parametrize("mix", [1.0, 0.5])
@pytest.mark.parametrize(("decay", "digits"), [(1e-8, 9), (1e-6, 11), (1e-4, 12), (1e-2, 13)])
def test_digits(decay: float, digits: int, mix: float, way: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Reached: 6e-10 at decay 1e-8, where all six columns are active, of condition 1e5 (squared in the equations)."""
    if way == "moments":
        for module in ("fold_split", "whole"):
            monkeypatch.setattr(f"weightdecay.linear.{module}.SMALL", 0)
    X, y = nearly_dependent()
    model = wd.LinearRegression(decay, l1_ratio=mix).fit(X, y)
    assert model.status_ == "exact"
    coef, pull = exact(decay, mix, np.sign(model.coef_))
    assert [np.sign(float(one)) for one in coef] == np.sign(model.coef_).tolist()  # so that these are the right signs
    assert all(abs(one) <= 1 for one, w in zip(pull, model.coef_, strict=True) if w == 0)
    off = np.abs([float(ours) - float(one) for ours, one in zip(model.coef_, coef, strict=True)]).max()
    assert off <= 10.0**-digits * np.abs(model.coef_).max()
