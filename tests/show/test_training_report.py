"""The report and the terminal on the training of networks: the numbers of the JSON, in pictures that stay small."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure
from rich.console import Console

from show.hostile import NAMES
from show.pages import Report, assert_harmless
from show.records import tuning
from show.trainings import LAYERS, LOSS, history, of_network, training
from weightdecay.records.brief import brief
from weightdecay.records.later import Known
from weightdecay.records.training import kept
from weightdecay.records.training_words import fit_words, training_line
from weightdecay.records.trial import Trial
from weightdecay.records.tuning import Tuning
from weightdecay.show import plots, terminal
from weightdecay.show.data_sheets import MAX_DECAYS
from weightdecay.show.heatmap_picture import PAGE_CELLS, PAGE_ROWS, of_page
from weightdecay.show.report import html

COLUMNS = ("decay", "training loss", "held-out loss", "gap", "least held-out loss", "at epoch", "timescales")


def shown(record: Tuning) -> str:
    """What the terminal shows, as one line."""
    console = Console(width=200, color_system=None)
    with console.capture() as capture:
        console.print(terminal.tuning(record))
    return " ".join(capture.get().split())


def numbers_of(record: Tuning) -> dict[str, list[float]]:
    """What the table of the report is to show, from the JSON alone."""
    told = json.loads(record.to_json())["training"]
    rows = []
    for one in told["histories"]:
        loss, held_out = float(one["loss"][-1]), [float(value) for value in one["held_out"]]
        least = min(held_out)
        epoch = one["epochs"][held_out.index(least)] if one["epochs"] else held_out.index(least)
        lasts = one["decay"] * told["timescales"]
        rows.append((one["decay"], loss, held_out[-1], held_out[-1] - loss, least, epoch, lasts))
    return dict(zip(COLUMNS, map(list, zip(*rows, strict=True)), strict=True))


@pytest.mark.parametrize("epochs", [1, 20, 3000])
def test_page_json_and_terminal_show_the_same_numbers(epochs: int) -> None:
    each = (history(0.0, epochs=epochs, least=1), history(0.1, epochs=epochs, end=1.2), history(10.0, epochs=epochs))
    record = of_network(training(tuple(map(kept, each))))
    page = assert_harmless(html(record))
    expected = numbers_of(record)
    for name, values in expected.items():
        assert page.column("Training at 3 decays", name) == values
    assert page.texts_of("Training at 3 decays", "remark") == ["no decay", "in use", "too strong"]
    assert LOSS in page.table("Training at").caption
    said = shown(record)
    for row in (0, 1):
        for name in ("training loss", "held-out loss"):
            read = brief(expected[name][row])
            assert read in page.texts_of("Training at", name) and read in said and read in page.words()
    assert html(Tuning.from_json(record.to_json())) == html(record)


def test_the_part_on_training_has_its_pictures_and_how_it_was_done() -> None:
    page = assert_harmless(html(of_network()))
    headings = [words for tag, words in page.texts if tag == "h2"]
    assert headings.index("Training") < headings.index("Norms of the layers")
    alone = assert_harmless(html(replace(of_network(), later=Known(known_path=of_network().path))))
    assert len(page.pictures()) == len(alone.pictures()) + 2
    facts = [text for where, text in page.texts if where in ("dt", "dd")]
    told = {
        "optimiser": "adam, learning rate 0.01",
        "form of decay": "decoupled",
        "training": "20 epochs of batches of 64 rows (400 steps)",
        "networks trained": "205, trained together",
    }
    assert {name: facts[facts.index(name) + 1] for name in told} == told
    assert "Decay 0.1 is in use." in page.words() and "too strong: the networks under-fit" in page.words()
    assert "lasts 0.4 timescales of the decay in use" in page.words()


def test_other_ways_of_training_are_told() -> None:
    other = replace(training(), dropout=0.5, early_stopping=True, together=False, timescales=math.nan, pace=math.nan)
    page = assert_harmless(html(of_network(other)))
    words = page.words()
    assert "dropout 0.5" in words and "which raises them" in words and "one by one" in words
    assert "kept aside" in words and "lasts" not in words
    assert np.isnan(page.column("Training at", "timescales")).all()


def test_models_that_are_not_trained_by_epochs_have_no_such_part() -> None:
    page = assert_harmless(html(tuning()))
    assert not [one for one in page.tables if one.caption.startswith("Training")]
    assert "networks" not in page.words() and "Training" not in shown(tuning()) and training_line(tuning()) == ""


def test_without_any_number_there_is_no_part() -> None:
    lost = replace(history(0.0), loss=np.full(21, math.nan), held_out=np.full(21, math.nan), converged=False)
    page = assert_harmless(html(of_network(training((lost,)))))
    assert not [one for one in page.tables if one.caption.startswith("Training")]
    assert "no loss is known" not in shown(of_network(training((lost,)))) and "diverged" in shown(
        of_network(training((lost,)))
    )


def said(*histories: Any, **about: Any) -> str:
    """The words on a training."""
    record = replace(of_network(training(histories)), **about)
    assert record.training is not None
    return fit_words(record, record.training)


def ending(decay: float, loss: float, held_out: float) -> Any:
    """A history that ends at these losses."""
    one = history(decay)
    return replace(one, loss=np.r_[one.loss[:-1], loss], held_out=np.r_[one.held_out[:-1], held_out])


def test_over_fitting_is_measured_by_the_gap() -> None:
    free = ending(0.0, 0.1, 0.9)
    assert said(free, ending(0.1, 0.3, 0.5)) == (
        "without decay the networks over-fit, loss 0.1 in training, 0.9 held out; decay 0.1 closes 75 % of that gap, "
        "loss 0.3 in training, 0.5 held out"
    )
    assert "closes 100 % of that gap" in said(free, ending(0.1, 0.5, 0.4))
    assert "leaves that gap as it is" in said(free, ending(0.1, 0.1, 0.88))
    assert "widens that gap" in said(free, ending(0.1, 0.1, 1.5))
    fit = "without decay the networks hardly over-fit, loss 0.5 in training, 0.51 held out; at decay 0.1 loss 0.6 in "
    assert said(ending(0.0, 0.5, 0.51), ending(0.1, 0.6, 0.6)) == f"{fit}training, 0.6 held out"
    none = "no decay is in use; the networks over-fit, loss 0.1 in training, 0.9 held out"
    assert said(free, ending(0.1, 0.3, 0.5), decay=0.0) == none
    assert said(free, decay=math.inf) == none.replace("no decay is in use; the", "without decay the")
    lost = replace(ending(0.0, math.nan, math.nan), converged=False)
    told = "without decay training diverged; at decay 0.1 loss 0.3 in training, 0.5 held out"
    assert said(lost, ending(0.1, 0.3, 0.5)) == told
    assert said(ending(0.1, 0.3, 0.5)) == told.partition("; ")[2]


def test_the_terminal_says_what_losses_are_where_the_metric_is_another() -> None:
    record = of_network()
    assert training_line(record).endswith(f"; losses are {LOSS}.")
    same = of_network(replace(training(), loss=record.metric))
    assert training_line(same).startswith("Training, 20 epochs of 205 networks together: without decay the networks")
    assert LOSS not in training_line(same) and training_line(same) in shown(same)


def test_a_thousand_decays_and_epochs_stay_under_500_kilobytes() -> None:
    rng = np.random.default_rng(0)
    names = tuple(f"block.{k}.weight" for k in range(40))
    each = []
    for decay in (0.0, 0.1, 10.0):
        one = history(decay, epochs=1000, columns=names)
        noise = np.exp(0.3 * rng.standard_normal((3, 1001)))
        weights = one.weights * noise[2][:, None]
        each.append(kept(replace(one, loss=one.loss * noise[0], held_out=one.held_out * noise[1], weights=weights)))
    record = of_network(training(tuple(each)), np.geomspace(1e-4, 1e3, 1000))
    rates = np.geomspace(1e-4, 1, 30)
    trials = tuple(
        Trial({"learning_rate": float(rate)}, 0.1, 1.0 + k, 0.1, 0.1, tuple(record.decays), tuple(record.mean + k))
        for k, rate in enumerate(rates)
    )
    text = html(replace(record, trials=trials))
    assert len(text.encode()) < 500_000
    page = assert_harmless(text)
    decays = page.column("Held-out", "decay")
    assert len(decays) <= MAX_DECAYS + 3 and record.decay in decays and record.decay_1se in decays
    assert f"{len(decays)} of {len(record.decays):,} decays; the JSON has them all." in page.words()
    places = np.searchsorted(record.decays, decays)
    assert page.column("Held-out", "mean") == record.mean[places].tolist()


@pytest.mark.parametrize("group", range(0, len(NAMES), 45))
def test_hostile_names_of_layers_stay_text(group: int) -> None:
    names = tuple(NAMES[group : group + 45])
    each = tuple(history(decay, columns=names) for decay in (0.0, 0.1))
    known = replace(training(each), optimizer="<script>\x1b[31m", form="<b>\u202e", loss="$x$ <i>\x1b")
    text = html(of_network(known))
    assert_harmless(text)
    assert "\x1b" not in text and "<script>" not in text and "\x1b" not in shown(of_network(known))


def axes() -> Any:
    """New axes."""
    return Figure(figsize=(7.2, 4.5), layout="constrained").add_subplot()


def test_histories_with_epochs_left_out_stand_at_their_epochs() -> None:
    one = history(0.1, epochs=1000, least=321).thinned(50)
    ax = plots.training(one, what="loss", ax=axes())
    curves = [line for line in ax.get_lines() if len(np.atleast_1d(line.get_xdata())) > 2]
    assert all(np.array_equal(line.get_xdata(), one.at) for line in curves) and ax.get_xlim() == (0, 1000)
    (mark,) = [line for line in ax.get_lines() if line.get_marker() == "o"]
    assert list(mark.get_xdata()) == [321]
    for given in (one, [one, history(1.0, epochs=1000).thinned(30)]):
        ax = plots.training(given, ax=axes())
        assert {name.get_text() for name in ax.texts} == set(LAYERS) and max(ax.get_xticks()) <= 1000
        assert any(np.array_equal(line.get_xdata(), one.at) for line in ax.get_lines())
        ax.figure.draw_without_rendering()


def test_losses_on_a_logarithmic_axis_have_plain_numbers() -> None:
    ax = plots.training(history(0.0), what="loss", ax=axes())
    ax.figure.draw_without_rendering()
    labels = [one.get_text() for one in ax.get_yticklabels() if one.get_text()]
    assert ax.get_yscale() == "log" and "0.1" in labels
    assert all(re.fullmatch(r"[\d.]+(e[-+]\d+)?", one) for one in labels)


def searched(rates: Any, record: Tuning | None = None, name: str = "learning_rate") -> Tuning:
    """A search over values of a parameter with curves of their own, the best first."""
    record = of_network() if record is None else record
    trials = tuple(
        Trial({name: rate}, 0.1, 1.0 + k, 0.1, 0.1, tuple(record.decays), tuple(record.mean * (1 + 0.2 * k)))
        for k, rate in enumerate(rates)
    )
    return replace(record, trials=trials)


def test_a_search_over_learning_rates_has_a_map_in_the_report() -> None:
    record = searched([0.01, 0.001, 0.1])
    page = assert_harmless(html(record))
    assert len(page.pictures()) == len(Report(html(of_network())).pictures()) + 1
    assert "Along a diagonal the product ηλ is the same" in page.words()
    other = assert_harmless(html(searched([0.0, 0.5], name="dropout")))
    assert "Along a diagonal" not in other.words() and "over the decay and dropout" in other.words()
    drawn = ElementTree.fromstring(page.pictures()[-1])
    assert "learning_rate" in "".join(drawn.itertext())


def test_a_search_over_words_or_without_curves_has_no_map() -> None:
    assert of_page(searched(["coupled", "decoupled"], name="form")) is None
    record = searched([0.01, 0.1])
    bare = tuple(replace(one, decays=(), losses=()) for one in record.trials)
    assert of_page(replace(record, trials=bare)) is None and of_page(of_network()) is None
    assert of_page(replace(record, trials=record.trials[:1])) is None


def test_a_map_of_the_page_keeps_the_best_of_many_cells() -> None:
    record = of_network(decays=np.geomspace(1e-3, 1e2, 500))
    found = of_page(searched(np.geomspace(1e-4, 1, 60).tolist()[::-1], record))
    assert found is not None
    name, rows = found
    assert name == "learning_rate" and len(rows) <= PAGE_ROWS + 1
    assert 1.0 in [row.value for row in rows]
    for row in rows:
        assert len(row.decays) <= PAGE_CELLS + 2 and record.decay in row.decays
        assert float(record.decays[record.mean.argmin()]) in row.decays
