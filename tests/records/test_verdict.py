"""The verdict: each sentence where it is true, each number against its source."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Ridge

import weightdecay as wd
from tuning.fakes import Curve, FakeProblem, falling, rising, tuned, valley
from weightdecay.records.tuning import Reference, Tuning
from weightdecay.records.verdict import brief, matters

Array = NDArray[np.float64]


def lines(tuning: Tuning) -> list[str]:
    """The verdict, line by line."""
    return tuning.verdict.splitlines()


def linear(problem: FakeProblem, **more: Any) -> Tuning:
    """A tuning that looks like one of `LinearRegression`."""
    return replace(tuned(problem, **more), model_name="LinearRegression", y_std=2.5, weight_sum=80.0)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (math.inf, "infinity"),
        (-math.inf, "−infinity"),
        (math.nan, "undefined"),
        (0.123456, "0.1235"),
        (1e-4, "0.0001"),
        (9.99e-5, "9.990e-05"),
        (999999.0, "1.000e+06"),
        (177612.3, "177600"),
        (99995.0, "100000"),
        (4300.0, "4300"),
        (0.00012345, "0.0001234"),
        (1e6, "1.000e+06"),
        (-12.0, "-12"),
        (3000.06, "3000"),
    ],
)
def test_brief(value: float, text: str) -> None:
    assert brief(value) == text


def test_there_are_always_four_lines_that_end_as_sentences() -> None:
    for curves in ((valley(0.1),), (rising(1.0),), (falling(1.0),), (valley(0.1), falling(1.0))):
        for scoring in ("loss", "−r2"):
            found = lines(tuned(FakeProblem(curves), scoring=scoring))
            assert len(found) == 4
            assert all(line.endswith(".") and "nan" not in line and "  " not in line for line in found)


def test_how_much_with_its_loss_error_and_folds() -> None:
    first = lines(tuned(FakeProblem((valley(0.1),), noise=0.1)))[0]
    match = re.fullmatch(r"Use decay = (\S+) \(rule min; held-out loss (\S+) ± (\S+), 4 folds\)\.", first)
    assert match is not None
    tuning = tuned(FakeProblem((valley(0.1),), noise=0.1))
    shown = [float(one) for one in match.groups()]
    assert shown == pytest.approx(
        [tuning.decay, tuning.mean[tuning.best], tuning.standard_error[tuning.best]], rel=1e-3
    )


def test_another_rule_tells_the_best_too() -> None:
    tuning = tuned(FakeProblem((valley(0.1),), noise=0.1), rule="1se")
    at = int(np.flatnonzero(tuning.decays == tuning.decay)[0])
    assert lines(tuning)[0] == (
        f"Use decay = {brief(tuning.decay)} (rule 1se; held-out loss {brief(tuning.mean[at])} ± "
        f"{brief(tuning.standard_error[at])}, 4 folds; the best is {brief(tuning.mean[tuning.best])} at 0.1)."
    )


def test_what_another_rules_decay_costs_is_told_and_against_what() -> None:
    tuning = tuned(FakeProblem((valley(0.1),), noise=0.1), rule="1se")
    at = int(np.flatnonzero(tuning.decays == tuning.decay)[0])
    excess, paired = tuning.mean[at] / tuning.mean[tuning.best] - 1, tuning.paired[at]
    _, second, third, _ = lines(tuning)
    assert tuning.decay > tuning.window[1] and excess > 0.01
    match = re.search(
        r"\. The decay in use, (\S+), lies outside of the 1 % window and changes the held-out loss by \+(\S+) % "
        r"\((\S+) standard errors\) against the best\.$",
        second,
    )
    assert match is not None and match[1] == brief(tuning.decay)
    assert float(match[2]) == pytest.approx(100 * excess, rel=0.1)
    assert float(match[3]) == pytest.approx((tuning.mean[at] - tuning.mean[tuning.best]) / paired, abs=0.051)
    assert third.startswith("Untuned, against the best (0.1), no decay changes the held-out loss by ")
    # Of the best itself there is nothing to tell, and inside of the window only the cost.
    best = lines(tuned(FakeProblem((valley(0.1),), noise=0.1)))
    assert "in use" not in best[1] and best[2].startswith("Untuned, no decay changes")
    inside = lines(replace(tuning, window=(0.0, math.inf)))[1]
    assert inside.startswith("Decay hardly matters here: any decay")
    assert f" The decay in use, {brief(tuning.decay)}, changes the held-out loss by +" in inside
    unknown = lines(replace(tuning, plausible=(0.0, math.inf)))[1]
    assert unknown.startswith("These data cannot tell: ") and "lies outside of the 1 % window" in unknown
    untried = lines(replace(tuning, decay=5e5))[1]
    assert untried.endswith(". The decay in use, 500000, lies outside of the 1 % window.")
    scored = lines(replace(tuning, scoring="−r2"))[1]
    assert f"changes the held-out r2 by -{tuning.mean[at] - tuning.mean[tuning.best]:.2g} (" in scored


@pytest.mark.parametrize("name", ["neg_mean_absolute_error", "neg_root_mean_squared_error"])
def test_a_score_that_is_a_loss_turned_round_is_told_as_that_loss(name: str) -> None:
    loss = tuned(FakeProblem((valley(0.1),), noise=0.1))
    scored = replace(loss, scoring=f"−{name}")
    words = name.removeprefix("neg_").replace("_", " ")
    assert scored.metric == words and scored.scored and not scored.larger_is_better
    assert scored.as_metric(loss.mean) is loss.mean
    for told, plain in zip(lines(scored)[::2], lines(loss)[::2], strict=True):
        assert told == plain.replace("held-out loss", f"held-out {words}")
    record = json.loads(scored.to_json())
    assert record["scoring"] == f"−{name}" and record["losses"] == loss.losses.tolist()
    turned = replace(loss, scoring="−explained_variance")
    assert turned.metric == "explained variance" and turned.larger_is_better
    assert turned.as_metric(2.0) == -2.0 and str(turned.as_metric(0.0)) == "0.0"


def test_a_rules_decay_that_was_not_tried_gets_no_loss_of_its_neighbour() -> None:
    def rule(decays: Array, mean: Array, error: Array) -> float:
        return 0.123456789

    first = lines(tuned(FakeProblem((valley(0.1),)), rule=rule))[0]
    assert first == (
        "Use decay = 0.1235 (rule rule; not among the decays tried, so that its loss is not known; "
        "the best is 1 at 0.1)."
    )
    first = lines(tuned(FakeProblem((valley(0.1),)), rule=lambda *_: math.inf))[0]
    assert "held-out" not in first


def test_no_decay_and_infinite_decay_in_words() -> None:
    none = lines(linear(FakeProblem((rising(1.0),))))
    assert none[0].startswith("Use no decay (decay = 0): shrinking the weights does not help here (rule min;")
    assert "Ridge(alpha=0)" in none[3] and "weight_decay=0 " in none[3]
    assert none[1].startswith("Decay hardly matters as long as it is not too large: anything from none up to 0.0")
    infinite = lines(linear(FakeProblem((falling(1.0),))))
    assert infinite[0].startswith("Use infinite decay: the decayed columns do not help to predict")
    assert infinite[1].startswith("Decay hardly matters as long as it is not too small: anything from ")
    assert " up is within 1 % of the best" in infinite[1]
    assert infinite[3] == "The same strength elsewhere: leave the decayed columns out."


def test_a_rule_that_goes_to_infinity_does_not_make_it_as_good() -> None:
    tuning = tuned(FakeProblem((valley(0.1),)))
    sentence = "the decayed columns do not help to predict, the fit without them is as good"
    best = tuned(FakeProblem((falling(1.0),)), rule="1se")
    assert math.isinf(best.decay_min) and sentence in lines(best)[0]
    ruled = lines(replace(tuning, decay=math.inf, rule="1se"))[0]
    assert ruled.startswith(
        "Use infinite decay (leave the decayed columns out): its loss is within one standard error of the best "
        "(rule 1se; "
    )
    own = lines(tuned(FakeProblem((valley(0.1),)), rule=lambda *_: math.inf))[0]
    assert own.startswith(
        "Use infinite decay (leave the decayed columns out): the rule takes it, though 0.1 is better ("
    )
    assert "standard error of the best" not in own and sentence not in ruled + own


def unfit(curve: Curve) -> Curve:
    """The same curve where no decay cannot be fitted."""
    return lambda decays: np.where(decays == 0, np.nan, curve(decays))


FITTED = "of the decays whose loss is known, "


def test_below_what_can_be_fitted_too_little_is_not_said_to_hurt() -> None:
    tuning = tuned(FakeProblem((unfit(rising(1.0)),)))
    none = tuning.reference("no decay")
    assert none is not None and math.isnan(none.mean) and tuning.window[0] == tuning.decays[0] > 0
    second = lines(tuning)[1]
    assert second.startswith(f"Decay hardly matters as long as it is not too large: {FITTED}anything from ")
    assert second.count("whose loss is known") == 1 and "a factor of" not in second
    # Where too little is seen to hurt it is said, as if no decay could be fitted.
    assert lines(tuned(FakeProblem((unfit(falling(1.0)),))))[1].startswith(
        "Decay hardly matters as long as it is not too small"
    )
    # A smaller decay that was tried besides, and is worse, closes the end again; one as good does not.
    given = [0.05, 0.1, 10.0]
    worse = tuned(FakeProblem((unfit(valley(0.1)),), default=0.01), given)
    assert "not too large" in lines(replace(worse, window=(0.05, 0.2), references=worse.references[:1]))[1]
    assert lines(replace(worse, window=(0.05, 0.2)))[1].startswith("It matters: anything from 0.05 to 0.2")
    good = tuned(FakeProblem((unfit(rising(1e4)),), default=1e-9), [0.1, 1.0, 1e6])
    assert good.window[0] == 0.1 and "not too large" in lines(good)[1]


def test_where_all_that_can_be_fitted_are_as_good_decay_hardly_matters() -> None:
    tuning = tuned(FakeProblem((unfit(valley(1.0, depth=0.0099)),)))
    low, high = tuning.window
    assert low == tuning.decays[0] > 0 and math.isinf(high)
    assert matters(tuning) == "no"
    assert lines(tuning)[1] == (
        f"Decay hardly matters here: {FITTED}anything from {brief(low)} up is within 1 % of the best."
    )


def test_what_is_plausible_is_open_below_what_can_be_fitted_too() -> None:
    tuning = tuned(FakeProblem((unfit(valley(0.1)),)))
    least = float(tuning.decays[0])
    tuning = replace(tuning, references=tuning.references[:1])
    unknown = replace(tuning, plausible=(least, math.inf))
    assert matters(unknown) == "unknown"
    second = lines(unknown)[1]
    assert second.startswith(f"These data cannot tell: {FITTED}anything from ")
    assert ", but the least decay and infinite decay are not clearly worse either" in second
    half = lines(replace(tuning, plausible=(least, 1e3)))[1]
    assert half.startswith(f"Too much decay hurts, but whether too little does these data cannot tell: {FITTED}")
    closed = replace(tuning, plausible=(2 * least, math.inf))
    assert lines(closed)[1].startswith("Too little decay hurts, ") and FITTED not in lines(closed)[1]
    assert lines(replace(tuning, plausible=(math.nan, math.nan)))[1].startswith("It matters: anything from ")


@pytest.mark.parametrize(("signal", "case"), [(0.0, "unknown"), (0.3, "yes")])
def test_collinear_columns_do_not_make_too_little_decay_hurt(signal: float, case: str) -> None:
    rng, n = np.random.default_rng(3), 60
    Z, group = rng.normal(size=(n, 2)), rng.integers(0, 2, n).astype(float)
    X = np.column_stack([Z, group, 1 - group])
    tuning = wd.tune(Ridge(), X, signal * Z[:, 0] + rng.normal(size=n), cv=5)
    none, second = tuning.reference("no decay"), lines(tuning)[1]
    assert none is not None and math.isnan(none.mean) and tuning.plausible[0] == tuning.decays[0] > 0
    assert matters(tuning) == case and second.count("whose loss is known") == 1
    assert not second.startswith(("Too little decay hurts", "It matters"))


def test_it_does_not_matter() -> None:
    tuning = tuned(FakeProblem((valley(1.0, depth=0.0099),)))
    assert matters(tuning) == "no"
    assert lines(tuning)[1] == ("Decay hardly matters here: any decay from none to infinity is within 1 % of the best.")
    assert matters(tuned(FakeProblem((valley(1.0, depth=0.0102),)))) != "no"


def test_it_matters_with_the_factor_of_the_window() -> None:
    tuning = tuned(FakeProblem((valley(1.0),), noise=0.01), np.geomspace(1e-2, 1e2, 2001))
    assert matters(tuning) == "yes"
    half = 10 ** math.sqrt(1 / 99)
    match = re.match(
        r"It matters: anything from (\S+) to (\S+), a factor of (\S+), is within 1 % of the best, "
        r"anything from (\S+) to (\S+) within one paired standard error of it\.",
        lines(tuning)[1],
    )
    assert match is not None
    low, high, factor, *plausible = (float(one) for one in match.groups())
    assert (low, high) == pytest.approx((1 / half, half), rel=1e-3)
    assert factor == pytest.approx(half**2, rel=0.05)
    assert plausible == pytest.approx(tuning.plausible, rel=1e-3)


def test_these_data_cannot_tell() -> None:
    tuning = tuned(FakeProblem((valley(1.0, depth=0.05),), noise=0.0), [0.1, 1.0, 10.0])
    errors = replace(tuning, plausible=(0.0, math.inf))
    assert matters(errors) == "unknown"
    second = lines(errors)[1]
    assert second.startswith("These data cannot tell: anything from ")
    assert "no decay and infinite decay are not clearly worse either" in second
    # Just short of everything is not everything, but nothing is known of one side.
    half = replace(tuning, plausible=(0.0, 1e9))
    assert matters(half) == "yes"
    assert lines(half)[1].startswith(
        "Too much decay hurts, but whether any is needed these data cannot tell: anything from "
    )
    half = replace(tuning, plausible=(1e-9, math.inf))
    assert lines(half)[1].startswith(
        "Too little decay hurts, but whether any is too much these data cannot tell: anything"
    )
    # With both ends known, or the window itself open to one side, there is nothing to add.
    assert lines(replace(tuning, plausible=(1e-9, 1e9)))[1].startswith("It matters: ")
    assert lines(replace(half, window=(0.0, 3.0)))[1].startswith(
        "Decay hardly matters as long as it is not too large: "
    )


def test_data_that_cannot_tell_exist() -> None:
    rng = np.random.default_rng(10)
    X = rng.standard_normal((25, 4))
    tuning = wd.tune(wd.LinearRegression(), X, 0.35 * X[:, 0] + rng.standard_normal(25), cv=5)
    assert matters(tuning) == "unknown"
    assert 0 < tuning.window[0] < tuning.window[1] < math.inf
    strong = wd.tune(wd.LinearRegression(), X, 3.5 * X[:, 0] + rng.standard_normal(25), cv=5)
    assert matters(strong) == "yes"


def test_no_word_about_a_plausible_range_that_is_unknown_or_a_point() -> None:
    tuning = tuned(FakeProblem((valley(1.0),)))
    assert "paired" not in lines(replace(tuning, plausible=(math.nan, math.nan)))[1]
    assert "paired" not in lines(replace(tuning, plausible=(1.0, 1.0)))[1]


def with_references(tuning: Tuning, *references: tuple[str, float, float, float]) -> Tuning:
    """The same with other references."""
    return replace(tuning, references=tuple(Reference(*one) for one in references))


@pytest.mark.parametrize(
    ("mean", "paired", "text"),
    [
        (1.12, 0.05, "+12 % (2.4 standard errors)"),
        (1.0123, 0.0, "+1.2 %"),
        (1.0123, math.nan, "+1.2 %"),
        (1.00005, 0.1, "less than 0.01 % (0.0 standard errors)"),
        (1.0, 0.0, "nothing"),
        (2.5, 0.5, "+150 % (3.0 standard errors)"),
        (260.0, 10.0, "a factor of 260 (25.9 standard errors)"),
        (0.9, 0.1, "-10 % (1.0 standard errors)"),
        (math.inf, math.nan, "more than can be computed"),
        (math.nan, math.nan, "an unknown amount (its loss is not known)"),
    ],
)
def test_what_habits_cost(mean: float, paired: float, text: str) -> None:
    tuning = with_references(
        tuned(FakeProblem((valley(1.0),)), [0.1, 1.0, 10.0]),
        ("no decay", 0.0, mean, paired),
        ("sklearn alpha=1", 0.0125, mean, paired),
        ("infinite decay", math.inf, 2.0, 0.1),
    )
    assert tuning.mean[tuning.best] == 1.0
    assert lines(tuning)[2] == (
        f"Untuned, no decay changes the held-out loss by {text}; sklearn alpha=1 (decay = 0.0125) by {text}."
    )


@pytest.mark.parametrize("decays", [[0.0, 1000.0], [1000.0, math.inf], [1000.0, 3000.0]])
def test_decays_given_that_a_habit_beats_are_called_given(decays: list[float]) -> None:
    tuning = tuned(FakeProblem((valley(1.0),), default=1.0), decays)
    first, second, third, _ = lines(tuning)
    assert first.startswith(f"Of the decays given, use {brief(tuning.decay)} (")
    assert "of the decays given, " in second and "does not help" not in first
    assert "sklearn alpha=1 (decay = 1) by -" in third
    (finding,) = (one for one in tuning.findings if one.code == "WD001")
    assert "is worse than sklearn alpha=1 (decay 1), which was not among them" in finding.message
    assert finding.remedy.startswith("give more" if decays[0] == 0.0 else "give smaller")


def test_a_habit_between_the_decays_given_that_is_hardly_better_is_no_fault_of_theirs() -> None:
    tuning = tuned(FakeProblem((valley(1.0),), default=1.0), [0.1, 1.15, 10.0])
    assert tuning.reference("sklearn alpha=1").mean < tuning.mean[tuning.best]  # type: ignore[union-attr]
    assert lines(tuning)[0].startswith("Use decay = 1.15 (") and not tuning.findings


def test_a_single_decay_cannot_tell_whether_it_matters() -> None:
    tuning = tuned(FakeProblem((valley(1.0),), noise=0.01), [1.0])
    assert lines(tuning)[1] == "Whether it matters a single decay cannot tell; line 3 compares it with others."


def test_no_decay_among_given_decays_is_not_said_to_be_best_of_all() -> None:
    tuning = tuned(FakeProblem((lambda decays: rising(1.0)(np.abs(decays - 0.01)),)), [0.0, math.inf])
    assert tuning.reference("sklearn alpha=1").mean < tuning.mean[0]  # type: ignore[union-attr]
    assert lines(tuning)[0].startswith("Of the decays given, use 0 (")


def test_where_nothing_is_decayed_any_decay_will_do() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    tuning = wd.tune(wd.LinearRegression(decay_weights=[0.0, 0.0]), X, X[:, 0] + rng.standard_normal(60))
    first, second, _, fourth = lines(tuning)
    assert first.startswith("Any decay will do: it changes nothing here, since nothing that varies is decayed (")
    assert second == "It does not matter: all decays give the same predictions."
    assert fourth == "The same strength elsewhere: any."


def test_the_best_setting_of_a_space_is_named() -> None:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 2))
    space = {"fit_intercept": [True, False]}
    tuning = wd.tune(wd.LinearRegression(), X, X[:, 0] + 5 + rng.standard_normal(60), space=space)
    assert " with fit_intercept=True (rule min; held-out" in lines(tuning)[0]


def test_a_score_that_gains_nothing_on_the_constant_model_is_compared_with_itself() -> None:
    tuning = tuned(FakeProblem((lambda decays: falling(1.0)(decays) - 1.5,)), scoring="−r2", scorer=lambda: 0.0)
    assert tuning.decay == math.inf and tuning.unit == 0.5
    assert "constant prediction" not in tuning.verdict and " up is within 1 % of the best" in lines(tuning)[1]


def test_habits_that_were_not_evaluated() -> None:
    assert lines(with_references(tuned(FakeProblem((valley(1.0),)))))[2] == "Untuned decays were not evaluated."


def test_scores_are_told_as_scores() -> None:
    def curve(decays: Array) -> Array:
        return -0.5 * (2.0 - valley(1.0)(decays))  # R² of 0.5 at the best, 0 at both ends

    tuning = tuned(FakeProblem((curve,), noise=0.01), np.geomspace(1e-2, 1e2, 2001), scoring="−r2", scorer=lambda: 0.0)
    first, second, third, _ = lines(tuning)
    assert "held-out r2 0.5 ± " in first
    assert "keeps 99 % of what the best gains on a constant prediction" in second
    half = math.sqrt(1 / 99)
    assert math.log10(tuning.window[1]) == pytest.approx(half, abs=1e-3)
    assert third.startswith("Untuned, no decay changes the held-out r2 by -0.5 (")
    no_decay = tuning.reference("no decay")
    assert no_decay is not None
    assert f"({0.5 / no_decay.paired:.1f} standard errors)" in third


def test_scores_near_zero_are_not_divided_by() -> None:
    tuning = tuned(FakeProblem((lambda decays: np.zeros(len(decays)),)), scoring="−r2", scorer=lambda: 0.0)
    assert "changes the held-out r2 by nothing" in lines(tuning)[2]
    assert "%" not in lines(tuning)[2]


def test_the_same_strength_elsewhere_is_what_convert_says() -> None:
    tuning = linear(FakeProblem((valley(0.1),)))
    match = re.fullmatch(
        r"The same strength elsewhere on standardised columns \(StandardScaler first\): "
        r"scikit-learn Ridge\(alpha=(\S+)\), glmnet lambda=(\S+), "
        r"torch SGD weight_decay=(\S+) with MSELoss\.",
        lines(tuning)[3],
    )
    assert match is not None
    facts = {"weight_sum": 80.0, "y_std": 2.5}
    expected = [
        wd.convert(tuning.decay, "decay", "sklearn.Ridge.alpha", **facts),
        wd.convert(tuning.decay, "decay", "glmnet.gaussian.lambda", **facts),
        wd.convert(tuning.decay, "decay", "torch.coupled.weight_decay", loss="mse"),
    ]
    assert [float(one) for one in match.groups()] == pytest.approx(expected, rel=1e-3)
    assert expected == pytest.approx([80 * tuning.decay, tuning.decay * 2.5, 2 * tuning.decay])
    raw = replace(tuning, standardize=False)
    assert lines(raw)[3].startswith("The same strength elsewhere: scikit-learn Ridge(")


def test_glmnet_is_left_out_where_the_targets_deviation_is_unknown() -> None:
    tuning = linear(FakeProblem((valley(0.1),)))
    for y_std in (math.nan, 0.0):
        last = lines(replace(tuning, y_std=y_std))[3]
        assert "glmnet" not in last and "Ridge(alpha=8)" in last


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Ridge", "Ridge(alpha=8)"),
        ("Lasso", "Lasso(alpha=0.1)"),
        ("ElasticNet", "ElasticNet(alpha=0.1)"),
        ("PoissonRegressor", "PoissonRegressor(alpha=0.1)"),
        ("GammaRegressor", "GammaRegressor(alpha=0.1)"),
        ("TweedieRegressor", "TweedieRegressor(alpha=0.1)"),
        ("RidgeClassifier", "RidgeClassifier(alpha=8)"),
        (
            "LogisticRegression",
            "scikit-learn LogisticRegression(C=0.125), glmnet lambda=0.1, torch SGD weight_decay=0.1",
        ),
        ("SGDClassifier", "SGDClassifier(alpha=0.2)"),  # it multiplies the mean weight, here 2, on top
        ("Unheard", "decay = 0.1"),
    ],
)
def test_every_estimator_gets_its_own_units(name: str, text: str) -> None:
    tuning = replace(linear(FakeProblem((valley(0.1),))), model_name=name, standardize=False)
    assert lines(tuning)[3] == f"The same strength elsewhere: {text}."


def test_targets_are_told_by_name_and_only_if_they_are_few() -> None:
    def first(tuning: Tuning) -> str:
        return lines(tuning)[0].removeprefix("Use a decay of its own for each of ").split(" (")[0]

    tuning = tuned(FakeProblem((valley(0.1), falling(1.0), valley(1.0))))
    assert first(replace(tuning, target_names=("a", "b", "c"))) == "3 targets: a 0.1, b infinity, c 1"
    assert first(tuned(FakeProblem((valley(0.1),) * 3))) == "3 targets: 0.1 for all"
    assert first(tuned(FakeProblem(tuple(valley(10.0**k) for k in range(-3, 3))))) == "6 targets: 0.001 to 100"


def test_several_targets() -> None:
    problem = FakeProblem((valley(0.1), falling(1.0, 4.0, 8.0), valley(1.0, depth=0.005)))
    tuning = tuned(problem)
    first, second, third, fourth = lines(tuning)
    assert first == (
        "Use a decay of its own for each of 3 targets: 0.1, infinity, 1 "
        "(rule min; held-out loss averaged over targets 2, 4 folds)."
    )
    assert (
        second == "It matters for 2 of 3 targets, it hardly matters for 1 of 3 targets; "
        "each one's window is in its own record."
    )
    # Each target's own best is 1, 4 and 1; no decay gives 2, 8 and 1.005: 3.668 against 2 on average.
    assert third.startswith("Untuned, no decay changes the held-out loss by +83 %;")
    assert third.endswith(", against each target's best.")
    assert "wd.convert" in fourth
