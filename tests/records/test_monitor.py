"""Records of a monitor: pooling by role, words, findings and their near misses, and JSON."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from weightdecay.records.monitor import ARRAYS, Measurement, Monitored
from weightdecay.records.monitor_expected import expected_gradient, expected_rms, growth
from weightdecay.records.monitor_explanations import OF_THE_MONITOR


def measurement(step: int, **given: Any) -> Measurement:
    """Two matrices, of 6 and 2 numbers, and an exempt bias."""
    arrays = {name: np.array([1.0, 2.0, 3.0]) for name in ARRAYS}
    arrays |= {"share": np.array([0.01, 0.01, 0.0]), "elapsed": np.array([0.01, 0.01, 0.0]) * step}
    facts: dict[str, Any] = {
        "step": step,
        "optimizer": "AdamW",
        "names": ("a", "b", "c"),
        "roles": ("matrix", "matrix", "bias"),
        "forms": ("decoupled", "decoupled", "exempt"),
        "signals": ("g/√v̂",) * 3,
        "elements": np.array([6, 2, 1]),
        **arrays,
    }
    return Measurement(
        **{**facts, **{key: np.asarray(value) if key in ARRAYS else value for key, value in given.items()}}
    )


def run(steps: int = 600, every: int = 10, **rates: Any) -> Monitored:
    """A run whose gradient ratio, expected ratio and the like are functions of the step."""
    records = []
    for step in range(1, steps + 1, every):
        found = {name: np.full(3, float(rate(step))) for name, rate in rates.items()}
        records.append(measurement(step, **found))
    return Monitored(tuple(records))


def codes(monitored: Monitored) -> list[str]:
    return [one.code for one in monitored.findings]


def test_roles_are_pooled_as_one_long_vector() -> None:
    one = measurement(1, rms=[2.0, 4.0, 1.0], ratio=[3.0, 5.0, 1.0], pushed=[1.0, 2.5, 0.0], decayed=[2.0, 5.0, 0.0])
    series = Monitored((one,)).series("matrix")
    length = 6 * 4.0 + 2 * 16.0
    assert series.rms[0] == pytest.approx(math.sqrt(length / 8))
    # ‖g‖²/‖w‖² of both together
    assert series.ratio[0] == pytest.approx(math.sqrt((9 * 6 * 4.0 + 25 * 2 * 16.0) / length))
    assert series.balance() == pytest.approx(0.5)
    assert (series.weights, series.elements, series.form) == (2, 8, "decoupled")
    assert Monitored((one,)).series("b").rms[0] == 4.0
    assert Monitored((one,)).labels() == ("matrix", "bias, exempt")
    with pytest.raises(ValueError, match=r"nothing was measured of 'x'; there is matrix, bias, exempt"):
        Monitored((one,)).series("x")


def test_what_is_not_known_of_one_weight_does_not_hide_the_others() -> None:
    one = measurement(1, gradient=[3.0, np.nan, 1.0], angle=[0.5, np.nan, 0.1], equilibrium=[1.0, np.nan, np.nan])
    series = Monitored((one,)).series("matrix")
    assert series.gradient[0] == 3.0 and series.angle[0] == 0.5
    assert math.isnan(series.equilibrium[0])  # it would be held against the size of both


def test_sizes_are_followed_to_an_equilibrium_that_moves() -> None:
    """Against the recursion itself, step by step."""
    target = lambda step: 1.0 + 0.5 * math.sin(step / 100)  # noqa: E731
    square, found = 25.0, []
    for step in range(1, 602):
        found.append(math.sqrt(square))
        square = (1 - 0.01) ** 2 * square + (1 - (1 - 0.01) ** 2) * target(step) ** 2
    series = run(600, 5, equilibrium=target, rms=lambda step: 5.0).series("matrix")
    np.testing.assert_allclose(expected_rms(series), np.array(found)[::5][: len(series.step)], rtol=0.01)


def test_gradients_follow_at_the_rates_of_adam_and_of_sgd() -> None:
    for signal, power in (("g/√v̂", 2), ("g", 4)):
        # A weight of squared length W under W' = −2aW + 2aW₀ (Adam), W' = −2aW + 2aW₀²/W (SGD), W₀ falling in one jump.
        ratio = lambda step: 1.0 if step < 100 else 2.0  # noqa: E731
        monitored = run(400, 5, expected_ratio=ratio, ratio=lambda step: 1.0)
        kept = tuple(Measurement(**{**vars(one), "signals": (signal,) * 3}) for one in monitored.records)
        series = Monitored(kept).series("matrix")
        inverse, found = 1.0, []
        for step in range(1, 401):
            found.append(inverse**-0.5)
            inverse += 0.01 * power * (ratio(step) ** -2 - inverse)
        np.testing.assert_allclose(expected_gradient(series), np.array(found)[::5], rtol=0.04)


def test_a_run_that_ends_before_a_timescale_is_told() -> None:
    short, enough = measurement(50), measurement(50)
    assert codes(Monitored((short,), total_steps=99)) == ["WD060"]
    assert codes(Monitored((enough,), total_steps=101)) == []
    assert codes(Monitored((short,))) == []  # its end is not known


def test_a_timescale_shorter_than_an_epoch_is_told() -> None:
    assert codes(Monitored((measurement(500),), steps_per_epoch=101)) == ["WD061"]
    assert codes(Monitored((measurement(500),), steps_per_epoch=99)) == []


def annealed(gain: float) -> Monitored:
    """A rate that falls from step 400 on, and a ratio that grows so many times as much as √(2λ/γ) does."""
    grows = lambda step: 1.0 + max(0, step - 400) / 200  # noqa: E731
    return run(
        800,
        learning_rate=lambda step: 1.0 / grows(step) ** 2,
        expected_ratio=grows,
        ratio=lambda step: 1.0 + gain * (grows(step) - 1.0),
    )


def test_a_gradient_that_grows_is_explained_or_not() -> None:
    assert codes(annealed(0.8)) == ["WD062"]
    assert codes(annealed(0.1)) == []
    assert codes(annealed(5.0)) == ["WD063"]
    told = growth(annealed(0.8).series("matrix"))
    assert told is not None and told[0] >= 300 and 1.5 < told[1] < 2.6 and 1.5 < told[2] < 3.0
    assert growth(run(200).series("matrix")) is None  # three timescales have not passed


def test_forms_without_timescale_or_not_known_are_told() -> None:
    shares = {"share": [np.nan, np.nan, 0.0], "elapsed": [np.nan, np.nan, 0.0]}
    inside = measurement(1, forms=("coupled, through the preconditioner",) * 2 + ("exempt",), **shares)
    assert codes(Monitored((inside,))) == ["WD064"]
    assert codes(Monitored((measurement(1, forms=("decoupled (assumed)",) * 2 + ("exempt",)),))) == ["WD065"]
    assert codes(Monitored((measurement(1),))) == []


def test_every_finding_is_explained() -> None:
    assert [one.code for one in OF_THE_MONITOR] == [f"WD{number:03d}" for number in range(60, 66)]


def test_the_text_says_sizes_equilibrium_timescales_and_balance() -> None:
    one = measurement(230, rms=[0.031] * 3, equilibrium=[0.036] * 3, pushed=[0.9] * 3, decayed=[1.0] * 3)
    text = Monitored((one,), total_steps=1000).text()
    for part in (
        "230 steps of AdamW of 1,000, measured 1 time",
        "matrices (2 tensors, 8 numbers)",
        "0.6 to 1.0 is normal",
        "2.3 τ elapsed, τ = 100 steps now",
        "updates put back 0.9 times what decay takes (last 1 measured; 1 in equilibrium)",
        "‖g/√v̂‖/‖w‖",
        "bias, exempt (1 tensor, 1 numbers): RMS 0.031",
    ):
        assert part in text, text
    late = Monitored(tuple(measurement(step, rms=[0.031] * 3, equilibrium=[0.036] * 3) for step in range(1, 600, 10)))
    assert "RMS 0.031, equilibrium 0.036 (ratio 0.86; real gradients are not independent" in late.text()


def test_json_keeps_everything_and_is_strict() -> None:
    one = measurement(1, rms=[np.nan, np.inf, 0.1 + 0.2], values={"loss": float("nan"), "x": 1.5})
    line = Monitored((one,), 100, 2.5).line(one)
    read = json.loads(line, parse_constant=lambda name: pytest.fail(name))
    assert read["total_steps"] == 100 and line.endswith("\n") and line.count("\n") == 1
    back = Measurement.from_json(read)
    assert vars(back).keys() == vars(one).keys()
    np.testing.assert_array_equal(back.rms, one.rms)
    assert math.isnan(back.values["loss"]) and back.values["x"] == 1.5
    with pytest.raises(ValueError, match=r"read-only|assignment destination"):
        one.rms[0] = 1.0
