"""Pictures for a page: few bytes, and the same shapes and words as matplotlib's own."""

from __future__ import annotations

import base64
import io
import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure

from show.hostile import NAMES
from show.pages import assert_inert
from weightdecay.show.pictures import svg_address
from weightdecay.show.sanitize import for_plot
from weightdecay.show.small_svg import relative

SVG, LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"


def draw(ax) -> None:
    """Curves, bands, marks by the hundred, and words that look like shapes."""
    x = np.linspace(0, 1, 200)
    ax.plot(x, np.sin(20 * x))
    ax.fill_between(x, np.cos(20 * x), 1)
    ax.plot(x, np.cos(7 * x), "o", color="red", alpha=0.5)
    ax.plot(x[:9], x[:9], "^", fillstyle="none")
    ax.set_title(' d="0.123456" x="0.123456" id="m0123456789" url(#p1)')
    ax.set_ylabel("font-family: 'DejaVu Sans', serif; ")


def matplotlibs(draw) -> bytes:
    """What matplotlib itself writes."""
    content = io.BytesIO()
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rc("svg", fonttype="none", hashsalt="weightdecay")
        mpl.rc("path", simplify=True, simplify_threshold=0.5)
        figure = Figure(figsize=(4, 3), layout="constrained")
        draw(figure.add_subplot())
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
    return content.getvalue()


def ours(draw) -> bytes:
    """What a page gets."""
    return base64.b64decode(svg_address(draw, 4, 3).partition(",")[2])


def places(shape: str) -> list[tuple[str, list[float]]]:
    """Commands of a path with absolute places, whatever the path was written in, as the SVG standard reads it."""
    at = start = np.zeros(2)
    read = []
    for letter, rest in re.findall(r"([A-Za-z])([^A-Za-z]*)", re.sub(r"e(?=-?\d)", "E0", shape)):
        numbers = [float(one) for one in re.findall(r"-?(?:\d+\.?\d*|\.\d+)", rest)]
        size = {"m": 2, "l": 2, "q": 4, "c": 6, "z": 0}[letter.lower()]
        for first in range(0, len(numbers) or 1, size or 1):
            pairs = np.array(numbers[first : first + size]).reshape(-1, 2)
            pairs = pairs + at if letter.islower() else pairs
            at = start if letter.lower() == "z" else pairs[-1]
            start = at if letter.lower() == "m" else start
            read.append((letter.lower(), pairs.ravel().tolist()))
    return read


def shapes(svg: bytes) -> list[list[tuple[str, list[float]]]]:
    """Every path."""
    return [places(one.attrib["d"]) for one in ElementTree.fromstring(svg).iter(f"{SVG}path")]


def marks(svg: bytes) -> list[tuple[float, float, str]]:
    """Place and style of every mark, the style from itself or from its group."""
    found = []

    def walk(element: ElementTree.Element, style: str) -> None:
        style = element.attrib.get("style", style)
        if element.tag == f"{SVG}use":
            found.append((float(element.attrib["x"]), float(element.attrib["y"]), style))
        for child in element:
            walk(child, style)

    walk(ElementTree.fromstring(svg), "")
    return found


def words(svg: bytes) -> list[str]:
    """Everything written, in order."""
    return ["".join(one.itertext()) for one in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def test_shapes_are_matplotlibs_own_to_two_decimals():
    before, after = shapes(matplotlibs(draw)), shapes(ours(draw))
    assert len(before) == len(after) and max(map(len, after)) > 100
    for old, new in zip(before, after, strict=True):
        assert [letter for letter, _ in old] == [letter for letter, _ in new]
        for (_, one), (_, other) in zip(old, new, strict=True):
            np.testing.assert_allclose(one, other, atol=0.0051)


def test_marks_stand_where_matplotlib_puts_them_in_its_style():
    before, after = marks(matplotlibs(draw)), marks(ours(draw))
    assert len(before) == len(after) > 200
    for (x, y, style), (left, top, same) in zip(before, after, strict=True):
        assert abs(x - left) < 0.011 and abs(y - top) < 0.011 and style == same


def test_words_are_untouched_and_stand_where_they_stood():
    svg = ours(draw)
    assert words(svg) == words(matplotlibs(draw))
    assert ' d="0.123456" x="0.123456" id="m0123456789" url(#p1)' in words(svg)
    assert "font-family: 'DejaVu Sans', serif; " in words(svg)
    one, other = (
        [(float(text.attrib["x"]), float(text.attrib["y"])) for text in ElementTree.fromstring(each).iter(f"{SVG}text")]
        for each in (matplotlibs(draw), svg)
    )
    np.testing.assert_allclose(one, other, atol=0.011)
    # The word along the axis of y is still turned.
    assert svg.count(b"rotate(-90") == 1


def test_every_name_that_is_meant_is_given():
    tree = ElementTree.fromstring(ours(draw))
    given_names = [one.attrib["id"] for one in tree.iter() if "id" in one.attrib]
    meant = {one.attrib[LINK] for one in tree.iter() if LINK in one.attrib}
    meant |= {found for one in tree.iter() for found in re.findall(r"url\((#\w+)\)", one.attrib.get("clip-path", ""))}
    assert len(set(given_names)) == len(given_names) >= 4
    assert meant == {f"#{name}" for name in given_names}


def test_half_of_the_bytes_are_saved():
    assert len(ours(draw)) < 0.5 * len(matplotlibs(draw))


@pytest.mark.parametrize("group", range(0, len(NAMES), 12))
def test_hostile_words_stay_words(group):
    some = [for_plot(name) for name in NAMES[group : group + 12]]

    def write(ax) -> None:
        for at, text in enumerate(some):
            ax.text(0.1, at / 12, text).set_in_layout(False)

    svg = ours(write)
    assert_inert(svg)
    written = words(svg)
    assert all(text.replace(r"\$", "$") in written for text in some if text.strip())


@given(
    st.lists(
        st.tuples(st.sampled_from("MLQCz"), st.lists(st.floats(-2000, 2000), min_size=6, max_size=6)),
        min_size=1,
        max_size=30,
    )
)
def test_distances_lead_to_the_same_places(commands):
    text = "M 0 0 " + " ".join(
        letter + " ".join(f"{one:.6f}" for one in numbers[: {"M": 2, "L": 2, "Q": 4, "C": 6, "z": 0}[letter]]) + "\n"
        for letter, numbers in commands
    )
    before, after = places(text), places(relative(text.encode()).decode())
    assert [letter for letter, _ in before] == [letter for letter, _ in after]
    for (_, one), (_, other) in zip(before, after, strict=True):
        np.testing.assert_allclose(one, other, atol=0.0051)
