"""Pictures as self-contained addresses (data:), for a page that may load nothing."""

from __future__ import annotations

import base64
import io
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from weightdecay.show.labels import lay_out
from weightdecay.show.small_svg import small

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
        figure = Figure(figsize=(width, height), dpi=72, layout="constrained")  # as SVG has it
        canvas = FigureCanvasSVG(figure)
        draw(figure.add_subplot())
        lay_out(figure)
        figure.set_layout_engine("none")
        # `savefig` would draw everything twice, the first time for nothing.
        canvas.print_svg(content, metadata={"Date": None, "Creator": None})  # type: ignore[no-untyped-call]
    return "data:image/svg+xml;base64," + base64.b64encode(small(content.getvalue())).decode("ascii")
