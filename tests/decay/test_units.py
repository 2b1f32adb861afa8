"""Law 1: every row of the table of conventions against coefficients or numbers that another tool made.

A tool's coefficients at its own value must minimise J at the converted λ and mix, judged by J's own optimality
conditions, which know nothing of the package (`oracle`). Tools that the test environment has are run here (`rivals`);
what the others said is in golden.json, made by make_golden.py.
"""

from __future__ import annotations

import json
from collections import defaultdict
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import weightdecay as wd
from decay import oracle, rivals
from decay.oracle import Fit, Floats

NAMES = tuple(name for row in wd.conventions() for name in (row.name, *row.shared_by))
# The same parameter of the same class, under its longer name.
SYNONYMS = {"spark.LinearRegression.regParam": "spark.regParam"}
# Two tools that walk side by side, far from any minimum: compared with each other further below.
STEPS = "50 steps"


@cache
def golden() -> tuple[Fit, ...]:
    """Return what tools that are not here said, as make_golden.py kept it."""
    kept = json.loads(Path(__file__).with_name("golden.json").read_text(encoding="utf-8"))
    return tuple(Fit(**{**row, "coef": tuple(row["coef"])}) for rows in kept.values() for row in rows)


MINIMA = tuple(fit for fit in golden() if fit.loss != STEPS)


@cache
def live(family: str) -> tuple[Fit, ...]:
    return tuple(rivals.live(family))


def data(fit: Fit) -> tuple[Floats, Floats, Floats]:
    """Return the columns, the target and the weights that the tool was given."""
    y, s = oracle.target(fit.loss), oracle.toy()[-1]
    return oracle.columns(fit.columns), y, s if fit.weighted else np.ones(len(y))


def facts(fit: Fit) -> dict[str, Any]:
    """Return what is known of the data, more than any one conversion needs."""
    _, y, s = data(fit)
    size = {"n_samples": len(y), "weight_sum": s.sum(), "y_std": oracle.weighted_std(y, s), "learning_rate": 0.2}
    if fit.columns.startswith("scaled"):
        size["x_std"] = 1.0
    return {**size, "standardize": fit.inside, **fit.facts}


def check(fit: Fit) -> None:
    """The tool's coefficients minimise J at the converted strength, and at no other."""
    X, y, s = data(fit)
    there = wd.conversion(fit.value, fit.convention, "decay", l1_ratio=fit.mix, **facts(fit))
    missed = oracle.misfit(fit, X, y, s, there.value, there.l1_ratio)
    assert missed <= fit.tolerance, (
        f"{fit.tool}: {fit.convention} = {fit.value:g} (mix {fit.mix:g}) is not decay = {there.value:g} with "
        f"l1_ratio = {there.l1_ratio:g}: {missed:.1e}, {fit.loss}, {'standardised' if fit.inside else 'as given'}"
    )
    for wrong in (0.9, 1.1):
        # An entry that an L1 share holds at zero does not feel λ, but those that it moves do.
        other = oracle.misfit(fit, X, y, s, wrong * there.value, there.l1_ratio)
        assert other > 2 * fit.tolerance, f"{fit.tool}: {fit.convention}: the proof would not see λ × {wrong}"
    back = wd.conversion(there.value, "decay", fit.convention, l1_ratio=there.l1_ratio, **facts(fit))
    assert back.value == pytest.approx(fit.value, rel=1e-14)
    assert back.l1_ratio == pytest.approx(fit.mix, rel=1e-14)


@pytest.mark.parametrize("family", rivals.LIVE)
def test_a_tool_that_is_here_minimises_j_at_the_converted_strength(family: str) -> None:
    for fit in live(family):
        check(fit)


@pytest.mark.parametrize("name", sorted({fit.convention for fit in MINIMA}))
def test_a_tool_that_is_not_here_minimised_j_at_the_converted_strength(name: str) -> None:
    for fit in MINIMA:
        if fit.convention == name:
            check(fit)


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("inside", [False, True])
def test_decay_itself_is_the_coefficient_of_j(inside: bool, weighted: bool) -> None:
    fit = Fit("decay", "weightdecay", "squared", 0.4, (), 0.0, inside=inside, weighted=weighted)
    X, y, s = data(fit)
    model = wd.LinearRegression(decay=0.4, standardize=inside).fit(X, y, sample_weight=s if weighted else None)
    check(Fit(**{**vars(fit), "coef": tuple(model.coef_), "intercept": model.intercept_}))


def test_every_convention_is_proved() -> None:
    """A new row, or a new name of an old one, needs a tool's own numbers before it may stand in the table."""
    seen = {fit.convention for fit in MINIMA} | {fit.convention for family in rivals.LIVE for fit in live(family)}
    proved = seen | {"decay"} | {name for name, same in SYNONYMS.items() if same in seen}
    assert proved == set(NAMES)


def test_both_parts_of_every_convention_are_proved() -> None:
    """A convention that has an L2 and an L1 part was seen where each of them acts."""
    mixes = defaultdict(set)
    for fit in (*MINIMA, *(fit for family in rivals.LIVE for fit in live(family))):
        mixes[fit.convention].add(fit.mix)
    unseen = set()
    for row in wd.conventions():
        seen = set().union(*(mixes[name] for name in (row.name, *row.shared_by)))
        unseen |= {(row.name, "L2")} if row.l2 is not None and not seen - {1.0} else set()
        unseen |= {(row.name, "L1")} if row.l1 is not None and not seen - {0.0} else set()
    # Our definition, and its product with the sum of weights: no tool states a prior precision of a 1-norm.
    assert unseen == {("decay", "L2"), ("decay", "L1"), ("prior_precision", "L1")}


def test_ridge_coefficients_of_every_tool_are_those_of_ours() -> None:
    """The same law from the other side: our fit at the converted decay gives the tool's coefficients."""
    tools = set()
    for fit in (*MINIMA, *live("squared"), *live("updates"), *live("perceptrons")):
        if fit.loss != "squared" or fit.mix != 0.0 or fit.columns.endswith("+1"):
            continue
        X, y, s = data(fit)
        decay = wd.convert(fit.value, fit.convention, "decay", **facts(fit))
        model = wd.LinearRegression(decay, standardize=fit.inside, fit_intercept=fit.intercept is not None)
        model.fit(X, y, sample_weight=s if fit.weighted else None)
        near = {"rel": 10 * fit.tolerance, "abs": 10 * fit.tolerance * np.abs(fit.coef).max()}
        assert list(fit.coef) == pytest.approx(list(model.coef_), **near), fit
        assert (fit.intercept or 0.0) == pytest.approx(model.intercept_, **near), fit
        tools.add(fit.tool.split()[0])
    assert {"glmnet", "MASS", "Spark", "H2O", "adelie", "fastridge", "bbai", "glum", "Keras", "PyTorch"} <= tools


def test_the_course_exercise_says_the_same_cost_and_gradient() -> None:
    """Ng's machine-learning course, exercise 5 (water level and outflow of a dam, 12 training rows), λ = 1, θ = (1, 1).

    Its text gives the cost 303.993192 and the gradient (−15.303016, 598.250744). The rows are known here to four
    decimals, which moves the cost by 6e-4; λ's part of it is 0.0417, so that a missing 2 or m would show.
    """
    x = np.array(
        [-15.9368, -29.1530, 36.1895, 37.4922, -48.0588, -8.9415, 15.3078, -34.7063, 1.3892, -44.3838, 7.0135, 22.7627]
    )
    y = np.array([2.1343, 1.1733, 34.3591, 36.8380, 2.8090, 2.1211, 14.7103, 2.6142, 3.7402, 3.7317, 7.6277, 22.7524])
    decay = wd.convert(1.0, "textbook.lambda_over_2m", "decay", n_samples=12)
    residual = 1.0 + x - y
    assert 0.5 * np.mean(residual**2) + decay * 0.5 == pytest.approx(303.993192, abs=1e-3)
    assert np.mean(residual) == pytest.approx(-15.303016, abs=1e-4)
    assert np.mean(residual * x) + decay == pytest.approx(598.250744, abs=1e-3)


def test_decoupled_and_independent_walk_together_under_adam() -> None:
    """PyTorch's AdamW at weight_decay and pytorch_optimizer's Adam at the converted one, 50 steps from one start.

    The two put ε inside and outside the root, which is the 1e-8 that remains; without conversion they differ by half.
    """
    pytorch, other = (fit for fit in golden() if fit.loss == STEPS)
    assert pytorch.tool.startswith("PyTorch") and other.tool.startswith("pytorch_optimizer")
    assert pytorch.facts == other.facts and pytorch.facts["optimizer"] == "adam"
    assert wd.convert(pytorch.value, pytorch.convention, other.convention, **pytorch.facts) == pytest.approx(
        other.value
    )
    assert pytorch.coef == pytest.approx(other.coef, abs=1e-7)


def test_golden_numbers_say_who_made_them() -> None:
    assert all(len(fit.tool.split()) == 2 and fit.tool.split()[1][0].isdigit() for fit in golden())
