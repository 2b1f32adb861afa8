"""Other tools' logistic and Poisson fits, reproduced by our estimators at the converted strength.

Two sources: the R-glmnet fits that the statsmodels wheel ships (printed to 7 digits, at glmnet's default tolerance),
and golden.json of tests/decay, which holds glmnet at ``thresh=1e-22``, Spark, H2O, adelie, glum and others.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import weightdecay as wd
from decay.oracle import Fit
from decay.test_units import MINIMA, data, facts
from reference.test_glmnet import Printed, generalised, off

Floats = NDArray[np.float64]
ESTIMATORS = {"binomial": wd.LogisticRegression, "poisson": wd.PoissonRegression}
# How far glmnet's printed ridge coefficients are from the minimum: it stops at 1e-7 of the null deviance.
PRINTED = {"binomial": 1e-5, "poisson": 1e-5}


def shipped_by_us(family: str, fit: Printed, decay: float, **settings: Any) -> Floats:
    """Our coefficients for a shipped fit: standardised columns, no intercept."""
    model = ESTIMATORS[family](decay, standardize=False, fit_intercept=False, **settings)
    return np.ravel(model.fit(fit.X, fit.y).coef_)


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_the_ridge_third_of_the_shipped_fits(family: str) -> None:
    """Reached: 8.3e-6, which is glmnet's own distance from the minimum."""
    fits = [one for one in generalised(family) if one.mix == 0.0]
    assert len(fits) == 3
    for one in fits:
        decay = wd.convert(one.strength, f"glmnet.{family}.lambda", "decay")
        assert decay == one.strength
        assert off(shipped_by_us(family, one, decay), one) <= PRINTED[family]


@pytest.mark.parametrize("family", ["binomial", "poisson"])
def test_the_other_two_thirds_of_the_shipped_fits(family: str) -> None:
    """Lasso and elastic net; what glmnet left at zero is at zero."""
    fits = [one for one in generalised(family) if one.mix > 0.0]
    assert len(fits) == 6
    for one in fits:
        there = wd.conversion(one.strength, f"glmnet.{family}.lambda", "decay", l1_ratio=one.mix)
        coef = shipped_by_us(family, one, there.value, l1_ratio=there.l1_ratio)
        assert off(coef, one) <= 1e-4
        np.testing.assert_array_equal(coef == 0, one.coef == 0)


GENERAL = [one for one in MINIMA if one.loss in ("log", "poisson")]


def titled(one: Fit) -> str:
    """What a fit is called."""
    sides = ("inside" if one.inside else "as given", "weighted" if one.weighted else "", f"mix {one.mix:g}")
    return " ".join((one.tool, one.convention, one.loss, one.columns, *sides))


def reproduced(one: Fit) -> tuple[float, float]:
    """How far our coefficients and intercept are from the tool's, relative to the largest per standard deviation."""
    X, y, s = data(one)
    there = wd.conversion(one.value, one.convention, "decay", l1_ratio=one.mix, **facts(one))
    family = "binomial" if one.loss == "log" else "poisson"
    kept = 1e-12 if there.l1_ratio else 0.0  # a share of L1 that is rounding
    model = ESTIMATORS[family](
        there.value,
        standardize=one.inside,
        fit_intercept=one.intercept is not None,
        l1_ratio=there.l1_ratio if there.l1_ratio > kept else 0.0,
    ).fit(X, y, s if one.weighted else None)
    scale = np.maximum(X.std(axis=0), 1e-3)
    difference = (np.ravel(model.coef_) - np.array(one.coef)) * scale
    level = float(np.ravel(model.intercept_)[0]) - (one.intercept or 0.0)
    largest = float(np.abs(np.array(one.coef) * scale).max())
    return float(np.abs(difference).max() / largest), abs(level) / max(abs(one.intercept or 0.0), largest)


@pytest.mark.parametrize("one", [one for one in GENERAL if one.mix == 0.0], ids=titled)
def test_weight_decay_of_every_tool(one: Fit) -> None:
    """Within the tool's own tolerance, which moves coefficients by little more than it moves the strength."""
    coef, intercept = reproduced(one)
    assert coef <= 5 * one.tolerance and intercept <= 5 * one.tolerance


@pytest.mark.parametrize("one", [one for one in GENERAL if one.mix > 0.0], ids=titled)
def test_elastic_nets_of_every_tool(one: Fit) -> None:
    """The same with a share of L1."""
    coef, intercept = reproduced(one)
    assert coef <= 20 * one.tolerance and intercept <= 20 * one.tolerance
