"""Fragments of HTML read back: balanced, with nothing in them that could run, load or clash with another fragment."""

from __future__ import annotations

import re
from html.parser import HTMLParser

# Elements with no end tag.
VOID = {"meta", "img", "br", "source"}
SHOWN = set("style div p strong b code ul li table thead tbody tr th td bdi".split())
DRAWN = set("svg title desc g path line polyline polygon circle text".split())
ATTRIBUTES = set("class scope style".split())
OF_DRAWINGS = set(
    "xmlns role aria-label width height viewbox x y x1 x2 y1 y2 cx cy r d points fill fill-opacity stroke "
    "stroke-opacity stroke-width stroke-dasharray font-size text-anchor".split()
)


class Fragment(HTMLParser):
    """The elements and texts of a piece of HTML, in order; it fails where tags are not balanced."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append((self.open[-1] if self.open else "", data))

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def handle_decl(self, decl: str) -> None:
        assert decl == "doctype html"

    def unknown_decl(self, data: str) -> None:
        raise AssertionError(f"a declaration: {data}")

    def handle_pi(self, data: str) -> None:
        raise AssertionError(f"an instruction: {data}")

    def words(self) -> str:
        """All that can be read."""
        return "".join(text for where, text in self.texts if where not in ("style", "title", "desc"))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """Attributes of all elements of a kind."""
        return [attrs for name, attrs in self.elements if name == tag]

    def said(self, tag: str) -> list[str]:
        """Texts that stand directly in elements of a kind."""
        return [text for where, text in self.texts if where == tag]


def assert_harmless(text: str) -> Fragment:
    """A fragment for a notebook: only what shows, no name, no address, colours that leave the notebook's own."""
    page = Fragment(text)
    assert {tag for tag, _ in page.elements} <= SHOWN | DRAWN
    for tag, attrs in page.elements:
        assert set(attrs) <= (ATTRIBUTES if tag in SHOWN else OF_DRAWINGS), tag
    # The only address is the name of the language that a drawing is in.
    values = {(name, str(value)) for _, attrs in page.elements for name, value in attrs.items() if name != "aria-label"}
    assert {value for _, value in values if ":/" in value or "//" in value} <= {"http://www.w3.org/2000/svg"}
    for style in page.said("style"):
        assert "url(" not in style and "@" not in style and "\\" not in style
        # Every rule is one of the fragments' own class, and none of them paints paper or ink.
        for rule in filter(None, style.split("}")):
            selectors, _, body = rule.partition("{")
            assert all(one.startswith(".wd-note") for one in selectors.split(","))
            assert "background" not in body
            assert set(re.findall(r"(?<![-\w])color:([^;]*)", body)) <= {"inherit"}
    for attrs in page.of("svg"):
        assert "xmlns" not in attrs or (attrs["role"] == "img" and attrs["aria-label"])
    assert len(page.said("title")) == len(page.said("desc")) == sum("role" in attrs for attrs in page.of("svg"))
    for character in "\x00\x07\x08\x0c\x1b\x7f\x85\x9b\u2028\u202e\u2066\u200b\ufeff":
        assert character not in text
    text.encode()  # no lone surrogate
    return page
