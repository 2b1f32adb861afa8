"""Pictures of a classifier: what they draw is what the record says, and every name in them is harmless."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.collections import PolyCollection

import weightdecay as wd
from show.class_records import class_diagnostics, class_tuning
from show.hostile import NAMES, THINNED
from show.records import tuning
from weightdecay.records.class_diagnostics import ClassDiagnostics
from weightdecay.show.labels import BLUE
from weightdecay.tuning.class_summary import summarise_classes


@pytest.fixture(autouse=True)
def closed() -> Any:
    yield
    plt.close("all")


def drawn(draw: Any, record: Any, size: tuple[float, float] = (6.4, 3.6)) -> Any:
    """The axes, drawn."""
    figure, ax = plt.subplots(figsize=size, layout="constrained")
    draw(record, ax=ax)
    figure.draw_without_rendering()
    return ax


def found(confusion: Any, names: tuple[str, ...] = ()) -> ClassDiagnostics:
    """Diagnostics whose held-out rows have exactly these counts."""
    counts = np.asarray(confusion)
    k = len(counts)
    pairs = [(i, j, n) for i in range(k) for j, n in enumerate(counts[i].tolist()) if n]
    code = np.array([i for i, _, _ in pairs])
    P = np.full((len(pairs), k), 0.5 / k)
    P[np.arange(len(pairs)), [j for _, j, _ in pairs]] += 0.5
    summary = summarise_classes(P, code, np.array([n for *_, n in pairs], dtype=float))
    names = names or tuple(f"class {at}" for at in range(k))
    return replace(class_diagnostics(2), classes=names, held_out=summary)


def texts(ax: Any) -> dict[tuple[int, int], str]:
    """What stands in the cells, by true and predicted class."""
    return {(round(one.get_position()[1]), round(one.get_position()[0])): one.get_text() for one in ax.texts}


def test_cells_hold_counts_and_shares() -> None:
    ax = drawn(wd.plot.confusion, found([[30, 10], [0, 20]]))
    assert texts(ax) == {(0, 0): "30\n75.0 %", (0, 1): "10\n25.0 %", (1, 1): "20\n100 %"}
    assert [one.get_text() for one in ax.get_yticklabels()] == ["class 0", "class 1"]
    assert [one.get_text() for one in ax.get_xticklabels()] == ["class 0", "class 1"]
    assert ax.get_ylim()[0] > ax.get_ylim()[1]  # the first class on top


def test_the_colour_of_a_cell_tells_its_share() -> None:
    ax = drawn(wd.plot.confusion, found([[30, 10, 1], [0, 20, 20], [0, 0, 5]]))
    (cells,) = (one for one in ax.collections if isinstance(one, PolyCollection))
    assert len(cells.get_paths()) == 6
    colours = {
        (round(path.vertices[:, 1].mean()), round(path.vertices[:, 0].mean())): face[:3]
        for path, face in zip([replace_last(one) for one in cells.get_paths()], cells.get_facecolor(), strict=True)
    }
    darkness = {at: 1 - colour.min() for at, colour in colours.items()}
    assert darkness[2, 2] > darkness[0, 0] > darkness[1, 1] and darkness[1, 2] > darkness[0, 1] > darkness[0, 2]
    assert all((colour[2] > colour[0]) == (i == j) for (i, j), colour in colours.items())  # blue or red


def replace_last(path: Any) -> Any:
    """A closed path without its repeated corner."""
    path = path.deepcopy()
    path.vertices = path.vertices[:4]
    return path


def test_weights_are_sums() -> None:
    ax = drawn(wd.plot.confusion, found([[2.5, 0.25], [1.0, 1.25]]))
    assert texts(ax)[0, 0].startswith("2.5\n") and texts(ax)[0, 1].startswith("0.25\n")


@pytest.mark.parametrize("k", [8, 12, 30])
@pytest.mark.parametrize("size", [(6.4, 7.5), (3.9, 7.5), (6.4, 3.0)])
def test_many_classes_stay_readable(k: int, size: tuple[float, float]) -> None:
    counts = np.diag(np.full(k, 40)) + np.random.default_rng(0).integers(0, 3, (k, k))
    ax = drawn(wd.plot.confusion, found(counts, tuple(f"a rather long class {at}" for at in range(k))), size)
    box, cell = ax.get_window_extent(), ax.get_window_extent().width / k
    for one in ax.texts:
        extent = one.get_window_extent()
        assert extent.width <= 1.02 * cell and extent.height <= 1.3 * box.height / k
    for labels, side in ((ax.get_yticklabels(), "height"), (ax.get_xticklabels(), "width")):
        sizes = [getattr(one.get_window_extent(), side) for one in labels]
        assert len(labels) == k and max(sizes) <= 1.35 * getattr(box, side) / k
    edge = ax.figure.bbox
    for one in (*ax.get_yticklabels(), *ax.get_xticklabels()):
        extent = one.get_window_extent()
        assert extent.x0 >= edge.x0 - 1 and extent.y0 >= edge.y0 - 1


def test_beyond_thirty_classes_the_most_confused_pairs_are_bars() -> None:
    k = 40
    counts = np.diag(np.full(k, 50))
    counts[3, 4], counts[7, 1], counts[9, 9] = 30, 20, 5
    counts[9, 2] = 15
    ax = drawn(wd.plot.confusion, found(counts))
    names = [one.get_text() for one in ax.get_yticklabels()]
    assert names == ["class 3 → class 4", "class 7 → class 1", "class 9 → class 2"]
    np.testing.assert_allclose([bar.get_width() for bar in ax.patches], [30 / 80, 20 / 70, 15 / 20])
    assert [one.get_text().strip() for one in ax.texts] == ["30 of 80", "20 of 70", "15 of 20"]
    right = drawn(wd.plot.confusion, found(np.diag(np.full(k, 5))))
    assert not right.patches and not right.get_yticklabels()


def marks(ax: Any) -> list[tuple[float, float]]:
    """The points of the groups."""
    (line,) = (one for one in ax.get_lines() if one.get_marker() == "o" and one.get_color() == BLUE)
    return list(zip(*line.get_data(), strict=True))


@pytest.mark.parametrize("k", [2, 3])
def test_points_and_intervals_are_those_of_the_record(k: int) -> None:
    record = class_tuning(k)
    bins = record.diagnostics.held_out.calibration
    ax = drawn(wd.plot.calibration, record)
    assert marks(ax) == list(zip(bins.predicted, bins.observed, strict=True))
    spans = [one for one in ax.collections if len(one.get_paths()) == len(bins.low)]
    ends = np.array([[path.vertices[0, 1], path.vertices[1, 1]] for path in spans[0].get_paths()])
    np.testing.assert_allclose(ends, np.column_stack([bins.low, bins.high]))
    assert ax.get_xlim() == ax.get_ylim()
    heights = np.array([bar.get_height() for bar in ax.patches])
    np.testing.assert_allclose(heights / heights.max(), bins.histogram / bins.histogram.max())
    legend = [one.get_text() for one in ax.get_legend().get_texts()]
    assert set(legend) == {"held out", "95 % interval", "as predicted", "predictions"}


def test_the_axes_are_named_by_what_is_predicted() -> None:
    two = drawn(wd.plot.calibration, class_tuning(2, names=("benign", "malignant")))
    assert two.get_xlabel() == "predicted probability of malignant" and two.get_ylabel() == "share that is malignant"
    assert two.get_xlim()[0] < 0 < 1 < two.get_xlim()[1]
    three = drawn(wd.plot.calibration, class_tuning(3))
    assert three.get_xlabel() == "predicted probability of the predicted class"
    assert three.get_ylabel() == "share that is right" and three.get_xlim()[0] > -0.05
    narrow = drawn(wd.plot.calibration, class_tuning(2, names=("n", "y" * 60)), (2.6, 2.0))
    assert narrow.get_xlabel() == "predicted probability" and narrow.get_ylabel() == "observed share"


def test_sure_predictions_of_many_classes_fill_the_picture() -> None:
    code, rng = np.arange(300) % 3, np.random.default_rng(0)
    sure = rng.uniform(0.96, 1.0, 300)
    P = np.tile((1 - sure)[:, None] / 2, 3)
    P[np.arange(300), code] = sure
    summary = summarise_classes(P, code, np.ones(300))
    ax = drawn(wd.plot.calibration, replace(class_diagnostics(3), held_out=summary))
    # Wilson's interval of 25 right rows of 25 begins at 0.87.
    assert ax.get_xlim()[0] == pytest.approx(0.8 - 0.2 * 0.03) and len(marks(ax)) == 12


@pytest.mark.parametrize("k", [2, 3, 10])
def test_roc_curves_are_those_of_the_record(k: int) -> None:
    """And of two classes the mark is on the curve, at the rates of the confusion matrix."""
    record = class_tuning(k)
    seen, ax = record.diagnostics.held_out, drawn(wd.plot.roc, record)
    curves = [line.get_xydata() for line in ax.get_lines() if line.get_linestyle() == "-" and len(line.get_xdata()) > 1]
    for curve, expected in zip(curves, seen.curves.values(), strict=True):
        np.testing.assert_array_equal(curve, expected)
    legend = [one.get_text() for one in ax.get_legend().get_texts()]
    assert ax.get_xlim() == ax.get_ylim() and len(curves) == (1 if k == 2 else k) and legend[-1] == "chance"
    if k > 2:
        assert legend[:-1] == [f"class {at} {seen.class_auc[at]:.3g}" for at in range(k)]
        return
    (mark,) = (one for one in ax.get_lines() if one.get_marker() == "o")
    (false, true), (curve,) = mark.get_xydata()[0], curves
    assert true == seen.recall[1] and legend[:2] == ["held out", "predicted class"]
    assert np.abs(curve - [false, true]).max(axis=1).min() < 1e-12


def test_names_of_curves_fit_and_none_is_lost() -> None:
    names = tuple(f"a class whose name differs late {at}" for at in range(12))
    record = replace(class_diagnostics(12, n=400), classes=names)
    for size in ((6.4, 4.4), (2.6, 3.6)):
        ax = drawn(wd.plot.roc, record, size)
        texts = [one.get_text() for one in ax.get_legend().get_texts()]
        assert len(texts) == 11 and len(ax.get_lines()) == 11  # the 10 most frequent, and chance
        assert ax.get_legend().get_window_extent().x1 <= ax.figure.bbox.x1 + 2
    assert drawn(wd.plot.roc, class_diagnostics(2), (1.9, 1.4)).get_ylabel() == "sensitivity"


def test_coefficients_of_classes_are_drawn_with_their_class() -> None:
    two = class_diagnostics(2, names=("no", "yes"))
    ax = drawn(wd.plot.coefficients, two)
    assert ax.get_xlabel() == "change of the log-odds of yes per standard deviation of the column"
    assert sorted(one.get_text() for one in ax.get_yticklabels()) == [f"column {j}" for j in range(4)]
    assert [one.get_text() for one in ax.get_legend().get_texts()][-1] == "no decay"
    three = class_diagnostics(3)
    ax = drawn(wd.plot.coefficients, three)
    names = [one.get_text() for one in ax.get_yticklabels()]
    largest = np.unravel_index(np.abs(three.coef * three.scale).argmax(), three.coef.shape)
    assert len(names) == 12 and names[0] == f"column {largest[1]} · class {largest[0]}"
    bare = replace(three, unpenalised=None, unpenalised_intercept=None)
    legend = drawn(wd.plot.coefficients, bare).get_legend()
    assert "no decay" not in [one.get_text() for one in legend.get_texts()]


def test_what_cannot_be_drawn_is_told_with_a_next_step() -> None:
    with pytest.raises(ValueError, match=r"predicts 3 classes; wd\.plot\.confusion and wd\.plot\.calibration"):
        wd.plot.residuals(class_tuning(3))
    for draw in (wd.plot.confusion, wd.plot.calibration, wd.plot.roc):
        with pytest.raises(ValueError, match=r"this predicts numbers; wd\.plot\.residuals draws those"):
            draw(tuning(diagnosed=True))
        with pytest.raises(ValueError, match="has nothing to draw: this tuning of a LogisticRegression has no diag"):
            draw(class_tuning(2, diagnosed=False))
        with pytest.raises(TypeError, match="draws a Tuning, got NoneType"):
            draw(None)
    alone = class_diagnostics(2)
    alone = replace(alone, held_out=replace(alone.held_out, roc=np.zeros((0, 2))))
    with pytest.raises(ValueError, match=r"wd\.plot\.roc has nothing to draw: all held-out rows are of one class"):
        wd.plot.roc(alone)


@pytest.mark.parametrize("name", THINNED)
def test_hostile_classes_are_text(name: str) -> None:
    record = replace(class_diagnostics(2), classes=("plain", name))
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        told = [drawn(wd.plot.calibration, record, (9.0, 3.0)).get_xlabel()]
        cells = drawn(wd.plot.confusion, record, (9.0, 3.0))
        three = replace(class_diagnostics(3), classes=("plain", name, name))
        curves = drawn(wd.plot.roc, three, (9.0, 3.0)).get_legend().get_texts()
    told += [one.get_text() for one in (*cells.get_yticklabels(), *cells.get_xticklabels(), *curves)]
    assert_harmless_in_a_figure(told)


def assert_harmless_in_a_figure(told: list[str]) -> None:
    """No control, no line break, no mathematics."""
    for text in told:
        assert "\x1b" not in text and "\n" not in text and "\u202e" not in text
        assert text.count("$") == text.count(r"\$")


def test_hostile_pairs_are_text() -> None:
    every = tuple(dict.fromkeys(NAMES))[:40]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing")
        ax = drawn(wd.plot.confusion, found(np.ones((40, 40)) + np.eye(40), every), (9.0, 9.0))
    assert len(ax.get_yticklabels()) == 20
    assert_harmless_in_a_figure([one.get_text() for one in ax.get_yticklabels()])
