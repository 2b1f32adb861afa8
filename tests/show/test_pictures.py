"""Pictures for a page: few bytes, and the same shapes and words as matplotlib's own."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from weightdecay.show.pictures import svg_address

SVG = "{http://www.w3.org/2000/svg}"


def draw(ax) -> None:
    """A curve, and a word that looks like a shape."""
    ax.plot(np.linspace(0, 1, 200), np.sin(np.linspace(0, 20, 200)), gid="curve")
    ax.set_title(' d="0.123456"')


def shapes(svg: bytes) -> list[list[str]]:
    """Letters and numbers of every path."""
    paths = [one.attrib["d"] for one in ElementTree.fromstring(svg).iter(f"{SVG}path")]
    return [re.findall(r"[A-Za-z]|-?[\d.]+(?:e-?\d+)?", one) for one in paths]


def test_shapes_are_matplotlibs_own_to_two_decimals_and_words_are_untouched():
    content = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rc("svg", fonttype="none", hashsalt="weightdecay")
        mpl.rc("path", simplify=True, simplify_threshold=0.5)
        figure = Figure(figsize=(4, 3), layout="constrained")
        draw(figure.add_subplot())
        figure.savefig(content, format="svg")
    small = base64.b64decode(svg_address(draw, 4, 3).partition(",")[2])
    before, after = shapes(content.getvalue()), shapes(small)
    assert len(small) < 0.9 * len(content.getvalue())
    assert [len(one) for one in before] == [len(one) for one in after] and max(map(len, after)) > 100
    for old, new in zip(before, after, strict=True):
        for one, other in zip(old, new, strict=True):
            assert one == other or abs(float(one) - float(other)) < 0.01
    assert b"0.123456" in small
