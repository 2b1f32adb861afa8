"""Pictures of `wd.why` show the numbers of the records, whatever these are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.axes import Axes

from weightdecay.records.why import Refused
from weightdecay.records.why_descent import DoubleDescent
from weightdecay.records.why_variance import BiasVariance
from weightdecay.show.page_pictures import Room
from weightdecay.show.why_part import why_parts
from weightdecay.show.why_plot import why

DECAYS = np.array([0.0, 0.01, 0.1, 1.0, np.inf])
VARIANCE = BiasVariance(
    decays=DECAYS,
    bias=np.array([0.0, 0.01, 0.1, 0.5, 0.9]),
    variance=np.array([1.0, 0.8, 0.3, 0.1, 0.05]),
    noise=2.0,
    error=np.zeros(5),
    cross_validated=np.array([3.2, 2.9, 2.5, 2.6, 2.8]),
    standard_error=np.full(5, 0.2),
    decay=0.1,
    loss="mean squared error",
    way="closed form",
    samples=0,
    plug_in="N(Xw, 2)",
    folds="10 folds",
    model_name="LinearRegression",
    n_rows=50,
)
DESCENT = DoubleDescent(
    sizes=np.array([5.0, 20.0, 100.0]),
    none=np.array([[1.5, 90.0, 3.0], [1.7, 30.0, 2.0]]),
    tuned=np.array([[1.2, 1.1, 1.0], [1.4, 1.2, 1.0]]),
    constant=np.array([2.0, 2.2]),
    decays=np.full((2, 3), 0.1),
    n_train=20,
    n_test=80,
    columns="fourier",
    n_columns=6,
    loss="mean squared error",
)


@pytest.fixture
def ax() -> Iterator[Axes]:
    figure, made = plt.subplots(figsize=(6.4, 3.8), layout="constrained")
    yield made
    plt.close(figure)


def drawn(ax: Axes, colour: str, kind: str = "-") -> list[tuple[np.ndarray, np.ndarray]]:
    return [
        (np.asarray(one.get_xdata()), np.asarray(one.get_ydata()))
        for one in ax.get_lines()
        if one.get_color() == colour and (one.get_linestyle() == "None") == (kind == "o")
    ]


def test_bias_and_variance_are_drawn_above_the_noise_with_both_ends_beside(ax: Axes) -> None:
    assert why(VARIANCE, ax=ax) is ax
    legend = ax.get_legend()
    assert legend is not None
    names = [one.get_text() for one in legend.get_texts()]
    assert sorted(names) == sorted(["bias² + variance", "cross-validation", "bias²", "variance"])
    colours = {
        text.get_text(): line.get_color() for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
    }
    for name, values in (
        ("bias²", VARIANCE.bias),
        ("variance", VARIANCE.variance),
        ("cross-validation", VARIANCE.cross_validated - 2.0),
        ("bias² + variance", VARIANCE.bias + VARIANCE.variance),
    ):
        line = next(one for one in drawn(ax, colours[name]) if len(one[0]) == 3)
        np.testing.assert_array_equal(line[0], DECAYS[1:4])
        np.testing.assert_array_equal(line[1], values[1:4])
        ends = next(one for one in drawn(ax, colours[name], "o") if len(one[0]) == 2)
        np.testing.assert_array_equal(ends[1], values[[0, 4]])
        assert ends[0][0] < 0.01 and ends[0][1] > 1.0
    (right,) = [one for one in ax.child_axes if one.get_ylabel().startswith("with the noise")]
    assert right.get_ylabel() == "with the noise, 2"
    ax.figure.canvas.draw()
    low, high = ax.get_ylim()
    np.testing.assert_allclose(right.get_ylim(), (low + 2.0, high + 2.0))


def test_what_is_far_above_the_best_does_not_flatten_the_rest(ax: Axes) -> None:
    wild = replace(VARIANCE, variance=np.array([1e6, 0.8, 0.3, 0.1, 0.05]))
    why(wild, ax=ax)
    assert 0.9 < ax.get_ylim()[1] < 10


@pytest.mark.parametrize("flat", [0.0, 1e-300])
def test_no_excess_at_all_is_drawn_too(ax: Axes, flat: float) -> None:
    nothing = np.full(5, flat)
    why(replace(VARIANCE, bias=nothing, variance=nothing, cross_validated=np.full(5, 2.0)), ax=ax)
    ax.figure.canvas.draw()
    one = replace(
        VARIANCE,
        **{
            name: getattr(VARIANCE, name)[2:3]
            for name in ("decays", "bias", "variance", "error", "cross_validated", "standard_error")
        },
    )
    why(one)
    plt.close("all")


def test_double_descent_is_drawn_with_its_repeats_and_the_rows(ax: Axes) -> None:
    why(DESCENT, ax=ax)
    assert ax.get_xscale() == "log" and ax.get_yscale() == "log"
    lines = [np.asarray(one.get_ydata()) for one in ax.get_lines()]
    for values in (*DESCENT.none, *DESCENT.tuned, DESCENT.none.mean(axis=0), DESCENT.tuned.mean(axis=0)):
        assert any(len(one) == 3 and np.array_equal(one, values) for one in lines)
    assert any(len(one) == 2 and (one == 2.1).all() for one in lines)
    assert any(one.get_text() == "20 training rows" for one in ax.texts)
    assert ax.get_xlabel() == "number of random Fourier features"
    why(replace(DESCENT, sizes=np.array([5.0]), none=DESCENT.none[:, :1], tuned=DESCENT.tuned[:, :1]))
    plt.close("all")


def test_the_parts_of_a_page_are_in_order_and_have_words_and_pictures() -> None:
    left_out = Refused("double_descent", "<b>9 rows</b> are too few")
    first, second, third = why_parts([left_out, DESCENT, VARIANCE], Room())
    assert (first.title, second.title, third.title) == (
        "Bias and variance",
        "With more and more columns",
        "Not measured",
    )
    for part, record in ((first, VARIANCE), (second, DESCENT)):
        assert part.picture is not None and part.lines == tuple(record.sentences())
        assert part.picture.address.startswith("data:image/svg+xml;base64,") and part.picture.narrow
        assert part.lines[0] in part.picture.words and len(part.picture.address) < 60_000
    assert third.picture is None and "9 rows" in third.lines[0]


def test_other_things_are_refused() -> None:
    with pytest.raises(TypeError, match=r"draws what wd\.why returns, got dict"):
        why({})
    with pytest.raises(TypeError, match="nothing to draw: noise was left out: too few rows"):
        why(Refused("noise", "too few rows"))
    assert not plt.get_fignums()


def test_records_say_what_they_are() -> None:
    assert "peaks at 60 with 20 random Fourier features, near the 20 training rows" in str(DESCENT)
    assert "2.4 = noise 2 + variance 0.3 + bias² 0.1" in str(VARIANCE)
    assert Refused.from_json(Refused("noise", "no").to_json()) == Refused("noise", "no")
