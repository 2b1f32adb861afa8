"""Pictures and the report of networks show their records: losses by epoch, norms of layers, maps of a space."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure

import weightdecay as wd
from show.pages import Report
from show.records import tuning
from weightdecay.records.decay_path import DecayPath
from weightdecay.records.history import History
from weightdecay.records.later import Known
from weightdecay.records.trial import Trial
from weightdecay.show import plots
from weightdecay.show.path_words import NORMS
from weightdecay.show.report import html

EPOCHS = 20
LAYERS = ("0.weight", "2.weight")
HOSTILE = "layer $x$\x1b[31m\u202e"


def axes(size: tuple[float, float] = (7.2, 4.5)) -> Any:
    """New axes."""
    return Figure(figsize=size, layout="constrained").add_subplot()


def history(decay: float, *, held_out: bool = True, start: float = 2.0, columns: tuple[str, ...] = LAYERS) -> History:
    """A fit whose training loss falls, and whose held-out loss rises again from epoch 5."""
    epoch = np.arange(EPOCHS + 1.0)
    loss = start * np.exp(-epoch / (4 + 10 * decay))
    beside = 1.0 + 0.01 * (epoch - 5) ** 2 if held_out else np.zeros(0)
    norms = np.outer(1 + epoch / (1 + decay), np.arange(1.0, 1 + len(columns)))
    return History(decay, norms, loss, True, "20 epochs of adam", columns, beside, "norm of the layer")


def curves(ax: Any, style: str) -> list[tuple[float, ...]]:
    """Heights of the lines of a style, those of a legend apart."""
    lines = [one for one in ax.get_lines() if one.get_linestyle() == style and one.get_marker() in ("", "None")]
    return [tuple(np.asarray(one.get_ydata(), dtype=float)) for one in lines]


def legend(ax: Any) -> list[str]:
    """What the legend names."""
    return [one.get_text() for one in ax.get_legend().get_texts()]


def test_losses_are_dashed_for_training_and_solid_for_held_out_rows() -> None:
    every = [history(decay) for decay in (1.0, 0.0, 0.1)]
    ax = plots.training(every, what="loss", ax=axes())
    assert sorted(curves(ax, "--")) == sorted(tuple(one.loss) for one in every)
    assert sorted(curves(ax, "-")) == sorted(tuple(one.held_out) for one in every)
    assert legend(ax) == ["0", "0.1", "1", "held-out", "training", "least held-out"]
    colours = [one.get_color() for one in ax.get_lines()]
    assert len(set(map(str, colours))) == 3  # one for both curves of a decay
    ax.figure.draw_without_rendering()


def test_the_least_held_out_loss_is_marked() -> None:
    ax = plots.training(history(0.5), what="loss", ax=axes())
    (mark,) = [one for one in ax.get_lines() if one.get_marker() == "o"]
    assert (list(mark.get_xdata()), list(mark.get_ydata())) == ([5], [1.0])
    assert ax.get_legend().get_title().get_text() == "decay λ = 0.5"


def test_without_held_out_losses_training_is_drawn_alone() -> None:
    one = history(0.5, held_out=False)
    for given in (one, replace(one, held_out=np.full(EPOCHS + 1, math.nan))):
        ax = plots.training(given, what="loss", ax=axes())
        assert curves(ax, "--") == [tuple(one.loss)] and legend(ax) == ["training"]


def test_losses_that_spread_are_logarithmic_and_those_of_a_fit_that_diverges_leave_the_picture() -> None:
    calm = history(0.0)
    assert plots.training(calm, what="loss", ax=axes()).get_yscale() == "log"
    assert plots.training(replace(calm, loss=calm.held_out), what="loss", ax=axes()).get_yscale() == "linear"
    wild = replace(calm, decay=9.0, loss=2.0 * 10.0 ** np.arange(EPOCHS + 1), converged=False, held_out=np.zeros(0))
    ax = plots.training([calm, wild], what="loss", ax=axes())
    assert ax.get_ylim()[1] < 10 * calm.loss[0] and "9 (not converged)" in legend(ax)
    lost = replace(calm, loss=np.full(EPOCHS + 1, math.nan), held_out=np.full(EPOCHS + 1, math.inf))
    plots.training([lost], what="loss", ax=axes()).figure.draw_without_rendering()


def test_losses_of_networks_of_different_layers_share_a_picture_and_weights_do_not() -> None:
    every = [history(0.0), history(1.0, columns=("0.weight",))]
    assert len(curves(plots.training(every, what="loss", ax=axes()), "--")) == 2
    with pytest.raises(ValueError, match="different shapes"):
        plots.training(every, ax=axes())


def test_norms_of_layers_have_their_names() -> None:
    ax = plots.training(history(0.1), ax=axes())
    assert ax.get_ylabel() == "norm of the layer" and {one.get_text() for one in ax.texts} == set(LAYERS)
    ax = plots.training(history(0.1, columns=("a", HOSTILE)), ax=axes())
    assert not [one for one in ax.texts if "\x1b" in one.get_text() or "\u202e" in one.get_text()]
    ax.figure.draw_without_rendering()


@pytest.mark.parametrize("what", ["lost", "", None])
def test_what_is_drawn_is_known(what: Any) -> None:
    with pytest.raises(ValueError, match=r"give 'weights' or 'loss'"):
        plots.training(history(0.1), what=what)


def searched(name: str = "learning_rate", values: Any = (0.001, 0.01, 0.1)) -> wd.Tuning:
    """A tuning whose second value was the best of a space."""
    one = tuning()
    decay, best = one.decay, float(one.mean[one.best])
    first = Trial({name: values[1]}, decay, best, 0.1)
    others = [Trial({name: value}, 3 * decay, 1.1 * best, 0.1) for k, value in enumerate(values) if k != 1]
    return replace(one, trials=(first, *others))


def cells(ax: Any) -> list[Any]:
    """The meshes of the map."""
    return [one for one in ax.collections if type(one).__name__ == "QuadMesh"]


def test_every_known_loss_is_a_cell() -> None:
    record = searched()
    ax = plots.heatmap(record, ax=axes())
    shown = np.concatenate([np.ravel(one.get_array()) for one in cells(ax)])
    expected = [*record.mean, *(one.mean for one in record.trials[1:])]
    np.testing.assert_allclose(np.sort(shown), np.sort(expected))
    assert (ax.get_xlabel(), ax.get_ylabel(), ax.get_xscale(), ax.get_yscale()) == (
        "decay λ",
        "learning_rate",
        "log",
        "log",
    )
    assert [one.get_text() for one in ax.get_yticklabels()] == ["0.001", "0.01", "0.1"]
    ax.figure.draw_without_rendering()


def test_a_cell_stands_over_its_decay_and_value() -> None:
    record = searched()
    ax = plots.heatmap(record, ax=axes())
    for mesh in cells(ax):
        corners = mesh.get_coordinates()
        if np.size(mesh.get_array()) == 1:
            (x0, y0), (x1, y1) = corners[0, 0], corners[-1, -1]
            assert x0 < 3 * record.decay < x1 and (y0 < 0.001 < y1 or y0 < 0.1 < y1)
        else:
            edges = corners[0, :, 0]
            assert (edges[:-1] < record.decays).all() and (record.decays < edges[1:]).all()
            assert corners[0, 0, 1] < 0.01 < corners[-1, 0, 1]


def marked(ax: Any, size: float) -> tuple[float, float]:
    """Where the mark of a size stands."""
    (one,) = [line for line in ax.get_lines() if line.get_markersize() == size and line.get_marker() in "oD"]
    return float(np.ravel(one.get_xdata())[0]), float(np.ravel(one.get_ydata())[0])


def test_the_best_and_the_decay_in_use_are_marked() -> None:
    record = searched()
    ax = plots.heatmap(record, ax=axes())
    assert marked(ax, 8) == (record.decay_min, 0.01) and legend(ax) == ["best, in use", "best of each value"]
    other = replace(record, decay=float(record.decays[-1]))
    ax = plots.heatmap(other, ax=axes())
    assert marked(ax, 8) == (record.decay_min, 0.01) and marked(ax, 7) == (other.decay, 0.01)
    assert legend(ax) == ["best", "in use", "best of each value"]


def diagonals(ax: Any) -> list[Any]:
    """The lines across the map."""
    return [one for one in ax.get_lines() if one.get_color() == "white" and one.get_linestyle() == "-"]


def test_equal_products_of_learning_rate_and_decay_are_diagonals() -> None:
    ax = plots.heatmap(searched(), ax=axes())
    every = [np.asarray(one.get_xdata()) * np.asarray(one.get_ydata()) for one in diagonals(ax)]
    assert len(every) > 1
    for products in every:
        power = math.log10(products[0])
        np.testing.assert_allclose(products, 10.0 ** round(power))
        assert power == pytest.approx(round(power))
    assert any(one.get_text().startswith("ηλ = 10") for one in ax.texts)
    assert not diagonals(plots.heatmap(searched("dropout", (0.0, 0.1, 0.5)), ax=axes()))


def test_other_parameters_have_an_axis_that_suits_them() -> None:
    ax = plots.heatmap(searched("dropout", (0.0, 0.1, 0.5)), ax=axes())
    assert ax.get_yscale() == "linear" and [float(one) for one in ax.get_yticks()] == [0.0, 0.1, 0.5]
    ax = plots.heatmap(searched("form", ("coupled", "decoupled", "$cautious$\x1b")), ax=axes())
    named = [one.get_text() for one in ax.get_yticklabels()]
    assert sorted(named)[1:] == ["coupled", "decoupled"] and "\x1b" not in "".join(named)
    ax.figure.draw_without_rendering()
    lists = plots.heatmap(searched("hidden", ((16,), (64, 64), None)), ax=axes())
    assert "[64, 64]" in [one.get_text() for one in lists.get_yticklabels()]


def test_of_several_parameters_the_learning_rate_or_the_one_asked_for_is_drawn() -> None:
    record = searched()
    rates = [0.01, 0.01, 0.1, 0.1]
    parts = [0.0, 0.5, 0.0, 0.5]
    trials = tuple(
        replace(record.trials[0], params={"dropout": part, "learning_rate": rate}, mean=record.trials[0].mean + k)
        for k, (rate, part) in enumerate(zip(rates, parts, strict=True))
    )
    record = replace(record, trials=trials)
    ax = plots.heatmap(record, ax=axes())
    assert ax.get_ylabel() == "learning_rate"
    # The better of two settings of one value.
    single = [np.ravel(one.get_array())[0] for one in cells(ax) if np.size(one.get_array()) == 1]
    assert single == [trials[2].mean]
    assert plots.heatmap(record, parameter="dropout", ax=axes()).get_ylabel() == "dropout"
    with pytest.raises(ValueError, match="it varied dropout, learning_rate"):
        plots.heatmap(record, parameter="epochs")


def test_scores_are_light_where_they_are_large() -> None:
    record = replace(searched(), scoring="−r2")
    ax = plots.heatmap(record, ax=axes())
    assert {one.get_cmap().name for one in cells(ax)} == {"viridis"}
    values = np.concatenate([np.ravel(one.get_array()) for one in cells(ax)])
    assert values.max() == pytest.approx(-record.mean[record.best])


def test_ends_of_the_decays_have_cells_of_their_own() -> None:
    record = searched()
    wide = replace(
        record, trials=tuple(replace(one, decay=d) for one, d in zip(record.trials, (1, 0, math.inf), strict=True))
    )
    ax = plots.heatmap(wide, ax=axes())
    assert sum(np.size(one.get_array()) == 1 for one in cells(ax)) == 2
    assert {"0", "∞"} <= {one.get_text() for one in ax.get_xticklabels()}
    ax.figure.draw_without_rendering()


def test_a_tuning_without_a_second_parameter_has_no_map() -> None:
    for trials in ((), (Trial({"learning_rate": 0.1}, 1.0, 1.0, 0.1),)):
        with pytest.raises(ValueError, match=r"give wd\.tune a space"):
            plots.heatmap(replace(tuning(), trials=trials))
    with pytest.raises(TypeError, match="Tuning"):
        plots.heatmap(history(0.1))  # type: ignore[arg-type]


def of_network(names: tuple[str, ...] = LAYERS) -> wd.Tuning:
    """A tuning of a network as a record: norms of layers, no degrees of freedom, no diagnostics."""
    one = tuning()
    L = len(one.decays)
    norms = np.outer(1 / (1 + one.decays), np.arange(1.0, 1 + len(names)))
    norms[-1] = 0.0
    nothing = np.full(L, math.nan)
    path = DecayPath(one.decays, norms, np.zeros(L), nothing, one.mean, ("trained",) * L, names, (), NORMS)
    return replace(one, model_name="NetworkRegressor", later=Known({}, path, (), None, None))


def test_the_report_of_a_network_speaks_of_norms_of_layers() -> None:
    text = html(of_network())
    report = Report(text)
    headings = [words for tag, words in report.texts if tag == "h2"]
    assert "Norms of the layers" in headings and "Coefficients" not in headings
    (norms,) = [one for one in report.tables if one.caption.startswith("Norms of the layers, at decay")]
    assert norms.header[:2] == ["layer", "norm of the layer"]
    assert [row[0][0] for row in norms.rows] == list(LAYERS)
    (numbers,) = [one for one in report.tables if one.caption.endswith(f"every decay ({of_network().cv})")]
    assert not {"degrees of freedom", "not zero"} & set(numbers.header) and "training loss" in numbers.header
    lower = text.lower()
    for word in ("coefficient", "intercept", "degrees of freedom", "standard deviation of the column"):
        assert word not in lower


def test_the_report_of_a_network_takes_hostile_names_of_layers() -> None:
    text = html(of_network((HOSTILE, "<script>")))
    assert "\x1b" not in text and "<script>" not in text


def test_the_path_of_a_network_has_no_axis_of_degrees_of_freedom() -> None:
    ax = plots.path(of_network().path, ax=axes())
    assert ax.get_ylabel() == "norm of the layer" and not ax.child_axes
