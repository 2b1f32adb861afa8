"""Pictures as self-contained addresses (data:), for a page that may load nothing."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from weightdecay.show.small_svg import small

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import LayoutEngine

SETTLED = 4.0  # points, that move the axes so little that the labels of their ticks stay
EDGE = 3.0  # points between what is drawn and the edge of the picture, as matplotlib's constrained layout has it


def svg_address(draw: Callable[[Axes], object], width: float, height: float) -> str:
    """A drawing of that size in inches as the address of an SVG image; the same bytes for the same drawing."""
    import matplotlib as mpl
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    content = io.BytesIO()
    with mpl.rc_context(), warnings.catch_warnings():
        mpl.rcdefaults()
        # Text stays text: a fifth of the size of outlines, and the reader's own fonts serve every script. The labels
        # are laid out for DejaVu Sans, which is wider than the fonts that take its place where it is missing.
        mpl.rc("svg", fonttype="none", hashsalt="weightdecay")
        mpl.rc("path", simplify=True, simplify_threshold=0.5)
        # One family rather than the twelve that matplotlib would name in every word.
        mpl.rcParams["font.sans-serif"] = ["DejaVu Sans"]
        # A script that matplotlib's font lacks only costs the exact width of a name; the reader's fonts have it.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure = Figure(figsize=(width, height), dpi=72, layout=_filling())  # as SVG has it
        canvas = FigureCanvasSVG(figure)
        ax = figure.add_subplot()
        draw(ax)
        # Labels of ticks may change with the size of the axes, once.
        if fill(ax) > SETTLED:
            fill(ax)
        figure.set_layout_engine("none")
        # `savefig` would draw everything twice, the first time for nothing.
        canvas.print_svg(content, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return "data:image/svg+xml;base64," + base64.b64encode(small(content.getvalue())).decode("ascii")


def fill(ax: Axes) -> float:
    """Give the only axes of a figure all the room that their labels leave; how far an end of them moved, in points.

    For one pair of axes this is what the constrained layout does, at a quarter of the time.
    """
    figure = ax.figure.canvas.figure
    size = 72 * figure.get_size_inches()
    box = ax.get_tightbbox(for_layout_only=True)
    if box is None:
        return 0.0
    drawn = box.transformed(figure.transFigure.inverted()).get_points()
    before = ax.get_position(original=True).get_points()
    after = np.array([[0.0, 0.0], [1.0, 1.0]]) + before - drawn + np.array([[1.0], [-1.0]]) * EDGE / size
    if not (after[0] < after[1]).all():
        return 0.0
    ax.set_position((*after[0], *(after[1] - after[0])))
    return float(np.abs((after - before) * size).max())


def _filling() -> LayoutEngine:
    """A layout that fills the figure with its axes."""
    from matplotlib.layout_engine import LayoutEngine

    class Filling(LayoutEngine):
        """One pair of axes."""

        _adjust_compatible = False
        _colorbar_gridspec = False

        def execute(self, fig: Figure) -> None:
            """Give the axes their place."""
            for ax in fig.axes:
                fill(ax)

    return Filling()
