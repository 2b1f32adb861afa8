"""The picture of a monitor shows its record."""

from __future__ import annotations

import numpy as np
import pytest
from matplotlib.figure import Figure

from weightdecay.records.monitor import ARRAYS, Measurement, Monitored
from weightdecay.records.monitor_expected import expected_gradient, expected_rms
from weightdecay.show import plots

PANELS = {"rms": "equilibrium", "angle": "equilibrium_angle", "gradient": "expected_ratio"}


def axes(size: tuple[float, float] = (7.2, 4.5)):
    return Figure(figsize=size, layout="constrained").add_subplot()


def measurement(step: int, names: tuple[str, ...] = ("0.weight", "2.weight", "0.bias"), scale: float = 1.0):
    """Three weights, the last one exempt."""
    roles = ("matrix", "head", "bias")[: len(names)]
    forms = ("decoupled", "decoupled", "exempt")[: len(names)]
    count = np.arange(1, len(names) + 1, dtype=float)
    arrays = {name: scale * (place + 1) * count for place, name in enumerate(ARRAYS)}
    arrays |= {"elapsed": 0.01 * step * np.ones(len(names)), "share": np.full(len(names), 0.01)}
    signals = ("g/√v̂",) * len(names)
    return Measurement(step, "AdamW", names, roles, forms, signals, np.array([6, 4, 3])[: len(names)], **arrays)


def record(steps: int = 20) -> Monitored:
    return Monitored(tuple(measurement(step, scale=1 + 0.02 * step) for step in range(1, steps + 1)))


def curves(ax) -> list[tuple[float, ...]]:
    return [tuple(np.asarray(one.get_ydata(), dtype=float)) for one in ax.get_lines()]


@pytest.mark.parametrize("what", PANELS)
def test_what_was_measured_and_what_was_expected_are_lines(what: str) -> None:
    given = record()
    drawn = curves(plots.monitor(given, what=what, ax=axes()))
    for label in ("matrix", "head"):
        series = given.series(label)
        measured = series.ratio if what == "gradient" else series.arrays[what]
        assert tuple(measured) in drawn and tuple(series.arrays[PANELS[what]]) in drawn
    way = {"rms": expected_rms, "gradient": expected_gradient}.get(what)
    if way is not None:
        assert tuple(way(given.series("head"))) in drawn


def test_the_exempt_are_left_out_and_the_legend_names_the_roles() -> None:
    ax = plots.monitor(record(), what="rms", ax=axes())
    shown = [one.get_text() for one in ax.get_legend().get_texts()]
    assert shown == ["matrix", "head", "in equilibrium", "expected on the way"]


def test_a_balance_is_summed_over_neighbours() -> None:
    given = record()
    series = given.series("matrix")
    drawn = curves(plots.monitor(given, what="balance", ax=axes()))
    middle = slice(10 - 4, 10 + 5)
    assert drawn[0][10] == pytest.approx(series.pushed[middle].sum() / series.decayed[middle].sum())


def test_all_four_are_parts_of_one_axes() -> None:
    ax = plots.monitor(record(), ax=axes())
    assert len(ax.child_axes) == 4
    assert ax.figure.axes == [ax] and not ax.axison
    ax.figure.draw_without_rendering()


def test_an_equilibrium_that_runs_away_leaves_the_picture_and_not_what_was_measured() -> None:
    steps = tuple(measurement(step, scale=1.0) for step in range(1, 6))
    last = measurement(6)
    far = Measurement(**{**vars(last), "equilibrium": last.equilibrium * 1e-9, "expected_ratio": last.ratio * 1e9})
    for what in ("rms", "gradient"):
        ax = plots.monitor(Monitored((*steps, far)), what=what, ax=axes())
        assert ax.get_ylim()[1] < 1e4 and ax.get_ylim()[0] > 1e-3
        measured = Monitored((*steps, far)).series("matrix").arrays["rms" if what == "rms" else "ratio"]
        assert ax.get_ylim()[0] <= measured.min() and measured.max() <= ax.get_ylim()[1]


def test_one_measurement_alone_and_one_without_anything_known_are_drawn() -> None:
    one = measurement(1)
    plots.monitor(Monitored((one,)), ax=axes()).figure.draw_without_rendering()
    blank = {name: np.full(3, np.nan) for name in ARRAYS}
    nothing = Monitored((Measurement(**{**vars(one), **blank}),))
    plots.monitor(nothing, ax=axes()).figure.draw_without_rendering()


def test_hostile_names_are_no_mathematics() -> None:
    hostile = Measurement(**{**vars(measurement(1)), "optimizer": "$\\frac$\x1b[31m"})
    both = Monitored((measurement(1), hostile))
    ax = plots.monitor(both, what="rms", ax=axes())
    ax.figure.draw_without_rendering()
    assert not [text for text in ax.get_legend().get_texts() if "\x1b" in text.get_text()]


def test_a_monitor_itself_is_drawn_and_anything_else_refused() -> None:
    class Watching:
        record = Monitored((measurement(1),))

    plots.monitor(Watching(), what="rms", ax=axes())
    with pytest.raises(TypeError, match=r"monitor"):
        plots.monitor(3)
    with pytest.raises(ValueError, match=r"no step was measured"):
        plots.monitor(Monitored(()))
    with pytest.raises(ValueError, match=r"what='x' is not known; give 'all', 'rms'"):
        plots.monitor(record(), what="x")
