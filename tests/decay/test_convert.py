"""What `convert` and `conversion` do with values, names, facts and mixes. That the numbers are right: test_units.py."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import FrozenInstanceError
from itertools import product
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.linear_model import Lasso, Ridge

import weightdecay as wd
from decay import oracle
from weightdecay.decay.facts import FACTS

ROWS = {name: row for row in wd.conventions() for name in (row.name, *row.shared_by)}
KNOWN: dict[str, Any] = {
    "n_samples": 40,
    "weight_sum": 70.0,
    "y_std": 3.5,
    "x_std": 0.3,
    "batch_size": 8,
    "learning_rate": 0.05,
    "noise_std": 1.3,
    "loss": "mse",
    "optimizer": "sgd",
    "standardize": True,
}


def acts(name: str, mix: float) -> bool:
    """Whether the tool of that name has the parts that the mix needs."""
    return (mix == 1.0 or ROWS[name].l2 is not None) and (mix == 0.0 or ROWS[name].l1 is not None)


def refused(*arguments: Any, **facts: Any) -> str:
    """The sentence with which a conversion is refused; a traceback of any other kind is a failure."""
    with pytest.raises(ValueError) as caught:
        wd.conversion(*arguments, **facts)
    return str(caught.value)


# One number through the whole table


@given(
    names=st.tuples(*[st.sampled_from(sorted(ROWS))] * 3),
    mix=st.sampled_from([0.0, 0.2, 0.5, 1.0]),
    value=st.floats(1e-6, 1e6),
)
def test_a_detour_by_a_third_convention_changes_nothing(names: tuple[str, str, str], mix: float, value: float) -> None:
    source, between, target = names
    assume(all(acts(name, mix) for name in names))
    direct = wd.conversion(value, source, target, l1_ratio=mix, **KNOWN)
    middle = wd.conversion(value, source, between, l1_ratio=mix, **KNOWN)
    detour = wd.conversion(middle.value, between, target, l1_ratio=middle.l1_ratio, **KNOWN)
    assert detour.value == pytest.approx(direct.value, rel=1e-12)
    assert detour.l1_ratio == pytest.approx(direct.l1_ratio, rel=1e-12)


@given(name=st.sampled_from(sorted(ROWS)), value=st.floats(1e-6, 1e6), factor=st.floats(1e-3, 1e3))
def test_a_parameter_is_proportional_to_decay_or_to_its_inverse(name: str, value: float, factor: float) -> None:
    mix = 0.0 if acts(name, 0.0) else 1.0
    once, more = (wd.convert(v, name, "decay", l1_ratio=mix, **KNOWN) for v in (value, factor * value))
    assert more == pytest.approx(once / factor if ROWS[name].reciprocal else once * factor, rel=1e-12)


@pytest.mark.parametrize("name", sorted(ROWS))
def test_no_decay_and_infinite_decay_stay_what_they_are(name: str) -> None:
    mix = 0.0 if acts(name, 0.0) else 1.0
    none, all_ = (math.inf, 0.0) if ROWS[name].reciprocal else (0.0, math.inf)
    assert wd.convert(none, name, "decay", l1_ratio=mix, **KNOWN) == 0.0
    assert wd.convert(all_, name, "decay", l1_ratio=mix, **KNOWN) == math.inf
    assert wd.convert(0.0, "decay", name, l1_ratio=mix, **KNOWN) == none
    assert wd.convert(math.inf, "decay", name, l1_ratio=mix, **KNOWN) == all_


def test_a_number_that_a_float_cannot_hold_is_refused() -> None:
    message = refused(1e305, "sklearn.ElasticNet.alpha", "sklearn.Ridge.alpha", n_samples=10**6)
    assert "outside the range of a float" in message and "alpha = weight_sum · decay" in message


@pytest.mark.parametrize("value", [-1.0, math.nan, "much", None, [1.0], True])
def test_a_value_that_is_no_strength_is_refused(value: Any) -> None:
    assert repr(value) in refused(value, "decay", "decay")


def test_an_integer_beyond_every_float_is_refused_without_its_digits() -> None:
    assert "beyond the largest float" in refused(10**400, "decay", "decay")
    assert len(refused(1.0, "decay", "decay", n_samples=10**400)) < 200


def test_a_value_may_be_written_as_text_or_come_from_numpy() -> None:
    assert wd.convert("44.2", "sklearn.Ridge.alpha", "decay", n_samples="442") == 0.1  # type: ignore[arg-type]
    assert wd.convert(np.float32(2.0), "decay", "prior_precision", n_samples=np.int64(3)) == 6.0


def test_a_quotient_is_rounded_once() -> None:
    for n in range(1, 500):
        assert wd.convert(1.0, "sklearn.Ridge.alpha", "decay", n_samples=n) == 1.0 / n


# Names


def test_an_unknown_name_is_answered_with_the_nearest() -> None:
    assert "did you mean sklearn.Ridge.alpha" in refused(1.0, "sklearn.ridge.alpah", "decay")
    assert "sklearn.LogisticRegression.C" in refused(1.0, "decay", "LogisticRegression.C")
    assert "glmnet.gaussian.lambda" in refused(1.0, "glmnet", "decay")
    assert all(row.name in refused(1.0, "decay", "???") for row in wd.conventions())


@pytest.mark.parametrize("name", [None, 3, ("decay",), ["decay"]])
def test_a_name_that_is_no_text_is_refused(name: Any) -> None:
    assert "not in the table" in refused(1.0, name, "decay")


def test_no_name_stands_twice() -> None:
    assert len(ROWS) == sum(1 + len(row.shared_by) for row in wd.conventions())


@pytest.mark.parametrize("row", wd.conventions(), ids=lambda row: row.name)
def test_every_row_is_whole(row: Any) -> None:
    assert len(row.objective) > 20 and len(row.source) > 10
    # The parameter is named in the objective by its own word.
    assert row.symbol in row.objective or row.name in (
        "textbook.lambda_over_2m",
        "spark.LinearRegression.lbfgs.regParam",
    )
    assert row.to_decay.count("decay = ") and row.from_decay.count(f"{row.symbol} = ")
    assert row.l1 is not None or row.l2 is not None
    with pytest.raises(FrozenInstanceError):
        row.name = "other"


def test_the_formula_says_each_step_and_the_numbers() -> None:
    result = wd.conversion(2.0, "sklearn.LogisticRegression.C", "keras.L2", n_samples=5)
    assert result.formula == ("decay = 1 / (weight_sum · C); L2 = decay / (2 · (½ if loss='mse')); C = 2 is L2 = 0.05")
    assert "scikit-learn" in result.source and "Keras" in result.source
    split = wd.conversion(0.3, "glmnet.gaussian.lambda", "decay", l1_ratio=0.5, y_std=2.0).formula
    assert "L2: decay = lambda / y_std" in split and "L1: decay = lambda" in split


# Facts


def wanted(name: str) -> list[tuple[str, float, str]]:
    """(name, mix, fact) for each fact without which a conversion to decay has no answer."""
    mixes = [mix for mix in (0.0, 1.0) if acts(name, mix)]
    return [(name, mix, fact) for mix in mixes for fact in FACTS if needed(name, mix, fact)]


def needed(name: str, mix: float, fact: str) -> bool:
    part = dict((ROWS[name].l2 if mix == 0.0 else ROWS[name].l1) or ())
    if fact == "n_samples":
        return "bessel" in part
    if fact == "optimizer":
        return ROWS[name].place == "weights"
    return fact in part and fact != "noise_std"


@pytest.mark.parametrize(("name", "mix", "fact"), [case for name in ROWS for case in wanted(name)])
def test_a_missing_fact_is_named_and_explained(name: str, mix: float, fact: str) -> None:
    absent = {"n_samples", "weight_sum"} if fact in ("n_samples", "weight_sum") else {fact}
    rest = {other: known for other, known in KNOWN.items() if other not in absent}
    for arguments in ((1.0, name, "decay"), (1.0, "decay", name)):
        message = refused(*arguments, l1_ratio=mix, **rest)
        if fact == "optimizer":
            assert "optimizer='sgd'" in message
        else:
            asked = "n_samples" if fact == "weight_sum" else fact
            assert f"needs the fact {asked}, {FACTS[asked]}" in message and f"pass {asked}=" in message
            assert name in message


def test_the_table_says_what_each_row_needs() -> None:
    for name in ROWS:
        assert {fact for _, _, fact in wanted(name)} == set(ROWS[name].needs), name


def test_rows_count_as_weights_where_weights_are_not_given() -> None:
    assert wd.convert(3.0, "prior_precision", "decay", n_samples=6) == 0.5
    assert wd.convert(3.0, "prior_precision", "decay", n_samples=6, weight_sum=12.0) == 0.25


def test_facts_that_two_tools_share_cancel_and_are_not_asked_for() -> None:
    for source, target in product(ROWS, repeat=2):
        one, other = ROWS[source], ROWS[target]
        if (one.l2, one.l1, one.place) == (other.l2, other.l1, other.place):
            mix = 0.0 if acts(source, 0.0) else 1.0
            value = wd.convert(0.7, source, target, l1_ratio=mix)
            assert value == pytest.approx(0.7 if one.reciprocal == other.reciprocal else 1 / 0.7, rel=1e-15)


def test_facts_that_are_not_needed_change_nothing() -> None:
    everywhere = {"n_samples", "weight_sum", "noise_std", "loss", "optimizer"}
    given = {fact: known for fact, known in KNOWN.items() if fact not in ("x_std", "standardize")}
    for source, target in product(ROWS, repeat=2):
        mix = 0.0 if acts(source, 0.0) and acts(target, 0.0) else 1.0
        if acts(source, mix) and acts(target, mix):
            use = everywhere | set(ROWS[source].needs) | set(ROWS[target].needs)
            lean = {fact: known for fact, known in given.items() if fact in use}
            full = wd.conversion(0.7, source, target, l1_ratio=mix, **given)
            assert wd.conversion(0.7, source, target, l1_ratio=mix, **lean) == full


def test_the_mean_weight_is_not_guessed_from_the_sum_alone() -> None:
    for name in ("sklearn.SGDClassifier.alpha", "statsmodels.GLM.fit_regularized.alpha"):
        message = refused(0.1, name, "decay", weight_sum=50.0)
        assert "needs the fact n_samples, the number of rows" in message and name in message
        assert wd.convert(0.1, name, "decay", weight_sum=50.0, n_samples=100) == 0.2
        # Rows without weights have the mean weight 1, however many there are.
        assert wd.convert(0.1, name, "decay") == wd.convert(0.1, name, "decay", n_samples=7) == 0.1


@pytest.mark.parametrize("size", [1e-200, 1e200])
def test_facts_that_leave_the_range_of_a_float_are_refused(size: float) -> None:
    known = {"n_samples": 3, "standardize": True, "x_std": size}
    assert "outside the range of a float" in refused(1.0, "sklearn.Ridge.alpha", "decay", **known)


def test_a_fact_that_is_none_is_not_given() -> None:
    assert wd.convert(1.0, "decay", "decay", y_std=None) == 1.0
    assert "needs the fact y_std" in refused(1.0, "glmnet.gaussian.lambda", "decay", y_std=None)


def test_an_unknown_fact_is_answered_with_the_nearest() -> None:
    assert "did you mean n_samples?" in refused(1.0, "decay", "decay", n_sample=3)
    assert "did you mean learning_rate?" in refused(1.0, "decay", "decay", learning_rates=3)


@pytest.mark.parametrize("fact", ["n_samples", "weight_sum", "y_std", "x_std", "batch_size", "learning_rate"])
@pytest.mark.parametrize("wrong", [0, -1.0, math.nan, math.inf, "many", True, 10**400])
def test_a_fact_that_cannot_be_is_refused_even_where_it_is_not_needed(fact: str, wrong: Any) -> None:
    assert refused(1.0, "decay", "decay", **{fact: wrong}).startswith(f"{fact} must be")


def test_words_among_the_facts_are_checked() -> None:
    assert "'mse', 'half_squared', 'log'" in refused(1.0, "decay", "keras.L2", loss="l2")
    assert "loss must be one of 'mse', 'half_squared'" in refused(1.0, "decay", "keras.L2", loss=["mse"])
    assert "standardize must be True or False" in refused(1.0, "decay", "decay", standardize="yes")
    assert wd.convert(1.0, "torch.decoupled.weight_decay", "decay", optimizer="SGD", loss="log") == 1.0


def test_a_standard_deviation_of_one_row_is_refused() -> None:
    assert "at least 2" in refused(1.0, "spark.LinearRegression.lbfgs.regParam", "decay", n_samples=1, y_std=1.0)


# The mix of L1 and L2


def test_one_number_is_refused_where_the_mix_would_change() -> None:
    arguments: tuple[float, str, str] = (0.3, "glmnet.gaussian.lambda", "sklearn.ElasticNet.alpha")
    with pytest.raises(ValueError, match=r"with l1_ratio=0\.666667 .* one number cannot say: use conversion"):
        wd.convert(*arguments, l1_ratio=0.5, y_std=2.0)
    result = wd.conversion(*arguments, l1_ratio=0.5, y_std=2.0)
    assert result.value * result.l1_ratio == pytest.approx(0.3 * 0.5)
    assert result.value * (1.0 - result.l1_ratio) == pytest.approx(0.3 * 0.5 / 2.0)
    # Between two tools with the same quirk, with y_std = 1, or with one part alone there is nothing to refuse.
    assert wd.convert(0.3, "glmnet.gaussian.lambda", "spark.regParam", l1_ratio=0.5) == 0.3
    assert wd.convert(*arguments, l1_ratio=0.5, y_std=1.0) == pytest.approx(0.3)
    assert wd.convert(*arguments, l1_ratio=0.0, y_std=2.0) == 0.15
    assert wd.convert(*arguments, l1_ratio=1.0) == 0.3


@pytest.mark.parametrize("mix", [-0.1, 1.1, math.nan, "half"])
def test_a_mix_is_a_share(mix: Any) -> None:
    assert "l1_ratio must be" in refused(1.0, "decay", "decay", l1_ratio=mix)


def test_a_part_that_a_tool_lacks_is_named() -> None:
    assert "sklearn.Ridge.alpha is all L2" in refused(1.0, "sklearn.Ridge.alpha", "decay", l1_ratio=0.5, n_samples=2)
    assert "sklearn.Lasso.alpha is all L1" in refused(1.0, "sklearn.Lasso.alpha", "decay", l1_ratio=0.5)
    assert "keras.L2 has no L1 part" in refused(1.0, "decay", "keras.L2", l1_ratio=0.5)
    assert "sklearn.Lasso.alpha has no L2 part" in refused(1.0, "decay", "sklearn.Lasso.alpha")
    assert "pass l1_ratio=1" in refused(1.0, "decay", "sklearn.Lasso.alpha")


def test_a_tool_that_is_all_l1_needs_no_mix() -> None:
    result = wd.conversion(0.2, "sklearn.Lasso.alpha", "decay")
    assert (result.value, result.l1_ratio) == (0.2, 1.0)


# Decay in the loss and decay of the weights

WALK = {"learning_rate": 0.1}


def test_decoupled_and_independent_differ_by_the_learning_rate_under_any_optimiser() -> None:
    decoupled, independent = "torch.decoupled.weight_decay", "torch.independent.weight_decay"
    for optimizer in (None, "adam", "sgd", "lion"):
        assert wd.convert(0.3, decoupled, independent, optimizer=optimizer, **WALK) == pytest.approx(0.03)
        assert wd.convert(0.03, independent, decoupled, optimizer=optimizer, **WALK) == pytest.approx(0.3)
    # A loss without its ½ scales both alike: not asked for, and without effect.
    assert wd.convert(0.3, decoupled, independent, loss="mse", **WALK) == pytest.approx(0.03)


@pytest.mark.parametrize("name", ["torch.decoupled.weight_decay", "torch.independent.weight_decay"])
@pytest.mark.parametrize("other", ["decay", "torch.coupled.weight_decay", "keras.L2"])
def test_a_decay_of_the_weights_is_a_penalty_under_plain_gradient_descent_alone(name: str, other: str) -> None:
    for source, target in ((name, other), (other, name)):
        assert f"{name} shrinks the weights" in refused(1.0, source, target, **WALK)
        assert "under 'adam' minimises no penalised loss" in refused(1.0, source, target, optimizer="Adam", **WALK)
        assert wd.convert(1.0, source, target, optimizer="sgd", **WALK) > 0


# Where a strength acts


@pytest.mark.parametrize(("kind", "name"), [(Ridge, "sklearn.Ridge.alpha"), (Lasso, "sklearn.Lasso.alpha")])
def test_x_std_leads_from_a_standardised_column_to_a_raw_one(kind: Any, name: str) -> None:
    """scikit-learn on a standardised column and on the raw one, at strengths that x_std makes the same."""
    x, y = oracle.columns("raw")[:, [1]], oracle.target("squared")
    spread, mix = float(x.std()), float(kind is Lasso)
    known = {"n_samples": len(y), "y_std": y.std(), "x_std": spread}
    inside = 12.0  # glmnet standardises unless it is told not to
    on_scaled = wd.convert(inside, "glmnet.gaussian.lambda", name, l1_ratio=mix, **{**known, "x_std": None})
    on_raw = wd.convert(inside, "glmnet.gaussian.lambda", name, l1_ratio=mix, **known)
    scaled = kind(on_scaled, tol=1e-12).fit((x - x.mean()) / spread, y).coef_[0] / spread
    assert kind(on_raw, tol=1e-12).fit(x, y).coef_[0] == pytest.approx(scaled, rel=1e-9)
    assert on_raw == pytest.approx(on_scaled * (spread if mix else spread**2))
    # The same of our own switch, and back.
    ours = wd.convert(on_raw, name, "decay", l1_ratio=mix, standardize=True, **known)
    assert wd.convert(ours, "decay", "glmnet.gaussian.lambda", l1_ratio=mix, standardize=True, **known) == (
        pytest.approx(inside)
    )


def test_where_x_std_is_wanted_it_is_asked_for() -> None:
    assert "needs the fact x_std" in refused(1.0, "sklearn.Ridge.alpha", "decay", n_samples=3, standardize=True)
    assert wd.convert(3.0, "sklearn.Ridge.alpha", "decay", n_samples=3, standardize=False) == 1.0


# What it costs to ask

FRESH = {
    "convert": "import weightdecay as wd\nassert wd.convert(2.0, 'sklearn.Ridge.alpha', 'decay', n_samples=4) == 0.5",
    "command": (
        "import contextlib\nfrom weightdecay.cli.app import main\n"
        "sys.argv = 'weightdecay convert 2.0 --from sklearn.Ridge.alpha --to decay --n-samples 4'.split()\n"
        "with contextlib.suppress(SystemExit):\n    main()"
    ),
}


@pytest.mark.parametrize("how", FRESH)
def test_a_conversion_never_loads_scikit_learn(how: str) -> None:
    heavy = "{'sklearn', 'scipy', 'torch', 'matplotlib', 'polars', 'pandas'}"
    script = f"import sys\n{FRESH[how]}\nprint('loaded', sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.splitlines()[-1] == "loaded []"
    assert how == "convert" or "0.5" in done.stdout
