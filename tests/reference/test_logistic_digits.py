"""Coefficients against Newton's method in 60-digit arithmetic (logistic_golden.json, make_logistic_golden.py)."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

import weightdecay as wd
from laws.logistic_oracles import fit, indicators, weighted_scales
from reference.logistic_cases import CASES, Case

Floats = NDArray[np.float64]

DIGITS = {True: 9.0, False: 8.0}  # by whether λ acts on standardised columns


@cache
def golden() -> dict[str, Any]:
    """The kept solutions."""
    kept: dict[str, Any] = json.loads(Path(__file__).with_name("logistic_golden.json").read_text(encoding="utf-8"))
    return kept


def truth(name: str) -> tuple[Floats, Floats]:
    """Coefficients (m, p) and intercepts (m,), rounded to doubles."""
    one = golden()[name]
    coef = np.array([[float(v) for v in row] for row in one["coef"]])
    return coef, np.array([float(v) for v in one["intercept"]])


def ours(case: Case) -> tuple[Floats, Floats]:
    """Our coefficients (m, p) and intercepts (m,)."""
    X, y, s = case.arrays()
    model = {"log": wd.LogisticRegression, "poisson": wd.PoissonRegression}[case.kind](
        case.precision / s.sum(), standardize=case.standardize, fit_intercept=case.fit_intercept
    )
    model.fit(X, y, s if case.weighted else None)
    return np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)


def digits(found: Floats, exact: Floats) -> float:
    """−log10 of ‖found − exact‖/‖exact‖, at most 16."""
    error = float(np.linalg.norm(found - exact) / np.linalg.norm(exact))
    return 16.0 if error == 0 else min(16.0, -float(np.log10(error)))


@pytest.mark.parametrize("name", CASES)
def test_coefficients_have_their_digits(name: str) -> None:
    """In the units of the columns, and per standard deviation; intercepts too."""
    case = CASES[name]
    coef, intercept = truth(name)
    found, base = ours(case)
    X, _, s = case.arrays()
    scale = weighted_scales(X, s)
    assert digits(found, coef) >= DIGITS[case.standardize]
    assert digits(found * scale, coef * scale) >= DIGITS[case.standardize]
    if case.fit_intercept:
        level = base + found @ (s @ X / s.sum()), intercept + coef @ (s @ X / s.sum())
        assert digits(*level) >= DIGITS[case.standardize]  # the intercept at the mean of the columns
        assert digits(base, intercept) >= DIGITS[case.standardize]
    else:
        assert (base == 0).all()


@pytest.mark.parametrize("C", [1.0, 100.0])
def test_columns_that_were_standardised_beforehand(C: float) -> None:
    """The same digits where the caller standardises and ``standardize=False``: what sklearn's users do."""
    case = CASES[f"breast cancer standardised C={C:g}"]
    X, y, s = case.arrays()
    scale = weighted_scales(X, s)
    model = wd.LogisticRegression(1.0 / (C * len(y)), standardize=False).fit((X - X.mean(axis=0)) / scale, y)
    coef, _ = truth(f"breast cancer standardised C={C:g}")
    assert digits(model.coef_, coef * scale) >= 9.0


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.data == "wine"])
def test_the_classes_sum_to_zero(name: str) -> None:
    """Intercepts of three classes sum to 0, and so do the coefficients of every decayed column."""
    found, base = ours(CASES[name])
    assert abs(base.sum()) <= 1e-9 * np.abs(base).max()
    assert np.abs(found.sum(axis=0)).max() <= 1e-9 * np.abs(found).max()


@pytest.mark.parametrize("axis", ["standardised", "raw"])
@pytest.mark.parametrize("C", [1.0, 100.0])
@pytest.mark.parametrize("data", ["breast cancer", "wine"])
def test_scikit_learn_is_at_the_same_place(data: str, axis: str, C: float) -> None:
    """What C means: sklearn's Newton method, on the columns where λ acts, ends where ours does (λ = 1/(CΣs))."""
    name = f"{data} {axis} C={C:g}"
    case = CASES[name]
    X, y, s = case.arrays()
    scale = weighted_scales(X, s) if case.standardize else np.ones(X.shape[1])
    rival = LogisticRegression(C=C, solver="newton-cholesky", tol=1e-12, max_iter=1000).fit(
        (X - X.mean(axis=0) * case.standardize) / scale, y
    )
    found, _ = ours(case)
    assert digits(found * scale, rival.coef_) >= 7.0
    decay = wd.convert(C, "sklearn.LogisticRegression.C", "decay", n_samples=len(y))
    assert decay == pytest.approx(case.precision / s.sum(), rel=1e-15)


@pytest.mark.parametrize("name", CASES)
def test_the_golden_numbers_satisfy_their_conditions(name: str) -> None:
    """∇J vanishes at the kept numbers, in 30-digit arithmetic, as far as 25 digits let it: the oracle is no hearsay."""
    case = CASES[name]
    X, y, s = case.arrays()
    one = golden()[name]
    with mp.workdps(40):
        coef = [[mp.mpf(v) for v in row] for row in one["coef"]]
        base = [mp.mpf(v) for v in one["intercept"]]
        j = int(np.argmax(weighted_scales(X, s)))  # one column is enough: its condition holds all the others
        column = [mp.mpf(v) for v in X[:, j].tolist()]
        mean = sum(mp.mpf(w) * v for w, v in zip(s.tolist(), column, strict=True)) / mp.mpf(s.sum())
        variance = sum(mp.mpf(w) * (v - mean) ** 2 for w, v in zip(s.tolist(), column, strict=True)) / mp.mpf(s.sum())
        pull = mp.mpf(1) / mp.mpf(1 / case.precision) if case.precision else mp.mpf(0)
        pull *= variance if case.standardize else 1
        gradient, size = mp.mpf(0), mp.mpf(0)
        for row, target, weight, v in zip(X.tolist(), y.tolist(), s.tolist(), column, strict=True):
            f = [b + mp.fdot(row, w) for b, w in zip(base, coef, strict=True)]
            if case.kind == "poisson":
                error = mp.exp(f[0]) - target
            elif len(f) == 1:
                error = 1 / (1 + mp.exp(-f[0])) - target
            else:
                error = mp.exp(f[0]) / sum(mp.exp(u) for u in f) - (target == 0)
            gradient += mp.mpf(weight) * error * v
            size += abs(mp.mpf(weight) * error * v)
        assert abs(gradient + pull * coef[0][j]) <= mp.mpf(10) ** -18 * size


@pytest.mark.parametrize("name", CASES)
def test_the_oracle_of_the_laws_has_its_digits(name: str) -> None:
    """The plain Newton method that the laws lean on, against the same numbers."""
    case = CASES[name]
    X, y, s = case.arrays()
    T = y[:, None].astype(float) if case.kind == "poisson" else indicators(y)
    metric = weighted_scales(X, s) ** 2 if case.standardize else np.ones(X.shape[1])
    found = fit(case.kind, X, T, case.precision, metric=metric, weight=s, fit_intercept=case.fit_intercept)
    coef, _ = truth(name)
    assert digits(found.coef, coef) >= 9.0
