"""The 99 fits of R's glmnet that the statsmodels wheel ships (81 gaussian, 18 others), through `wd.convert`.

glmnet scales y to variance 1 inside (divisor n), which only its L2 part feels, so λ = lambda·(α + (1 − α)/sd(y)) and
the mix changes with it. The coefficients are printed to 7 digits, and glmnet stops when no step would change the
deviance by more than 1e-7 of its null value: the worst disagreements, stated below, are its own.
"""

from __future__ import annotations

import importlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import ElasticNet

import weightdecay as wd
from decay.oracle import minimise, slope

Floats = NDArray[np.float64]


class Printed(NamedTuple):
    """One fit: what glmnet was given, and the coefficients that it printed."""

    X: Floats
    y: Floats
    mix: float
    strength: float
    coef: Floats


def shipped(package: str, module: str = "glmnet_r_results") -> tuple[object, Path]:
    """Return the printed results of a part of statsmodels, and their folder."""
    results = importlib.import_module(f"statsmodels.{package}.tests.results.{module}")
    return results, Path(str(results.__file__)).parent


@cache
def gaussian(mix: float) -> tuple[Printed, ...]:
    """Return the 27 fits of a mix, on columns and target of mean 0 and variance 1 with divisor n − 1, no intercept."""
    results, folder = shipped("regression")
    table = np.loadtxt(folder / "lasso_data.csv", delimiter=",")
    fits = []
    for name in (name for name in dir(results) if name.startswith("rslt_")):
        n, p, l1_ratio, strength, *coef = getattr(results, name)
        rows = table[: int(n), : int(p) + 1]
        rows = (rows - rows.mean(0)) / rows.std(0, ddof=1)
        if l1_ratio == mix:
            fits.append(Printed(rows[:, 1:], rows[:, 0], l1_ratio, strength, np.array(coef)))
    return tuple(fits)


@cache
def generalised(family: str) -> tuple[Printed, ...]:
    """Return the 9 fits of a family, columns as above, no intercept; R took the first row for a header."""
    results, folder = shipped("genmod")
    table = np.loadtxt(folder / f"enet_{family}.csv", delimiter=",")[1:]
    X = (table[:, 1:] - table[:, 1:].mean(0)) / table[:, 1:].std(0, ddof=1)
    fits = []
    for number in range(9):
        mix, strength, *coef = getattr(results, f"rslt_{family}_{number}")
        fits.append(Printed(X, table[:, 0], mix, strength, np.array(coef)))
    return tuple(fits)


def off(coef: Floats, printed: Printed) -> float:
    """Return the largest difference of a coefficient, relative to the largest coefficient."""
    return float(np.abs(coef - printed.coef).max() / np.abs(printed.coef).max())


def ours(fit: Printed, decay: float, l1_ratio: float = 0.0) -> Floats:
    model = wd.LinearRegression(decay=decay, l1_ratio=l1_ratio, standardize=False, fit_intercept=False)
    return np.asarray(model.fit(fit.X, fit.y).coef_)


def test_there_are_81_gaussian_fits() -> None:
    assert [len(gaussian(mix)) for mix in (0.0, 0.5, 1.0)] == [27, 27, 27]


def test_the_ridge_third_agrees_with_ours_to_1e6() -> None:
    """Reached: 3.7e-7 at worst, 1.4e-8 at best."""
    for fit in gaussian(0.0):
        decay = wd.convert(fit.strength, "glmnet.gaussian.lambda", "decay", y_std=fit.y.std())
        assert off(ours(fit, decay), fit) <= 5e-7


def test_the_scale_of_y_is_what_makes_them_agree() -> None:
    """The columns' variance has divisor n − 1 here, so that sd(y) is 0.995 to 0.998: enough to be seen in all 27."""
    assert all(off(ours(fit, fit.strength), fit) > 1e-4 for fit in gaussian(0.0))


@pytest.mark.parametrize("mix", [0.5, 1.0])
def test_the_other_two_thirds_agree_with_ours(mix: float) -> None:
    """Reached: 3.7e-6 (elastic net) and 1.9e-6 (lasso) at worst, the second worst below 1e-6; the errors of glmnet.

    Those of ours are told by the conditions of a minimum, and by coordinate descent below.
    """
    errors = []
    for fit in gaussian(mix):
        there = wd.conversion(fit.strength, "glmnet.gaussian.lambda", "decay", l1_ratio=mix, y_std=fit.y.std())
        coef = ours(fit, there.value, there.l1_ratio)
        errors.append(off(coef, fit))
        gradient = fit.X.T @ (fit.X @ coef - fit.y) / len(fit.y)
        missed = wd.Penalty(l1_ratio=there.l1_ratio).subdifferential_distance(coef, gradient, there.value)
        assert missed.max() <= 1e-14
        # What glmnet printed as zero is zero.
        assert (coef[fit.coef == 0] == 0).all() and (fit.coef[coef == 0] == 0).all()
    assert max(errors) <= 4e-6
    assert sorted(errors)[-2] <= 1e-6


@pytest.mark.parametrize("mix", [0.5, 1.0])
def test_the_other_two_thirds_agree_with_coordinate_descent(mix: float) -> None:
    """Reached: 3.7e-6 (elastic net) and 1.9e-6 (lasso), in one or two fits whose smallest coefficient had not settled.

    All others are below 1e-6.
    """
    errors = []
    for fit in gaussian(mix):
        there = wd.conversion(
            fit.strength, "glmnet.gaussian.lambda", "sklearn.ElasticNet.alpha", l1_ratio=mix, y_std=fit.y.std()
        )
        assert there.l1_ratio < mix or mix == 1.0  # sd(y) < 1 makes the L2 part the larger
        model = ElasticNet(there.value, l1_ratio=there.l1_ratio, fit_intercept=False, tol=1e-14, max_iter=100_000)
        errors.append(off(model.fit(fit.X, fit.y).coef_, fit))
    assert max(errors) <= 4e-6
    assert sorted(errors)[-2] <= 1e-6


def test_convert_refuses_the_elastic_net_third_and_takes_the_lasso_third() -> None:
    for fit in gaussian(0.5):
        with pytest.raises(ValueError, match="which one number cannot say"):
            wd.convert(fit.strength, "glmnet.gaussian.lambda", "decay", l1_ratio=0.5, y_std=fit.y.std())
    for fit in gaussian(1.0):
        # All L1: y's scale cancels, and is not even asked for.
        assert wd.convert(fit.strength, "glmnet.gaussian.lambda", "sklearn.Lasso.alpha", l1_ratio=1.0) == fit.strength


@pytest.mark.parametrize(("family", "loss"), [("binomial", "log"), ("poisson", "poisson")])
def test_the_generalised_fits_agree_with_the_conditions_of_j(family: str, loss: str) -> None:
    """All by J's optimality conditions (reached: 1.5e-4 of λ), the ridge third by a Newton solution too (8.3e-6)."""
    for fit in generalised(family):
        there = wd.conversion(fit.strength, f"glmnet.{family}.lambda", "decay", l1_ratio=fit.mix)
        if fit.mix == 0.0:
            solution = minimise(loss, fit.X, fit.y, np.full(fit.X.shape[1], there.value), intercept=False)
            assert off(solution[:-1], fit) <= 1e-5
        gradient = fit.X.T @ slope(loss, fit.y, fit.X @ fit.coef) / len(fit.y)
        penalty = wd.Penalty(l1_ratio=there.l1_ratio)
        missed = penalty.subdifferential_distance(fit.coef, gradient, there.value)
        assert missed.max() <= 2e-4 * there.value
