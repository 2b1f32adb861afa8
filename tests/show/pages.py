"""A report read back: its elements, numbers and pictures, and whether anything in it could run or load."""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.etree import ElementTree

# Elements with no end tag, and those whose end tag may be left out before the next of them or of their parents.
VOID = {"meta", "img", "br", "source"}
ENDED_BY = {"td": {"td", "tr", "tbody"}, "tr": {"tr", "tbody"}}
ELEMENTS = set(
    "html head meta title style body main h1 h2 h3 section div p ul li strong span figure figcaption picture source "
    "img table caption thead tbody tr th td bdi data details summary dl dt dd a code script".split()
)
ATTRIBUTES = set(
    "lang charset http-equiv content name class src srcset media alt scope value aria-label id href type".split()
)
# Of a page without a script of its own, and of one that may run one script, show one style and nothing else.
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
STRICT = (
    "default-src 'none'; script-src 'sha256-{script}'; style-src 'sha256-{style}'; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)


@dataclass
class Sheet:
    """A table: its caption, the names of its columns, and per row the texts and the full values of its cells."""

    caption: str = ""
    header: list[str] = field(default_factory=list)
    rows: list[list[tuple[str, str | None]]] = field(default_factory=list)


class Report(HTMLParser):
    """The elements of a report, in order."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[tuple[str, str]] = []
        self.tables: list[Sheet] = []
        self.glance: dict[str, str] = {}
        self.name = ""
        self.data: list[Any] = []
        self.feed(text)
        self.close()

    def end(self, tag: str) -> None:
        """Close what a tag ends without saying so."""
        while self.open and tag in ENDED_BY.get(self.open[-1], ()):
            self.open.pop()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.end(tag)
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "table":
            self.tables.append(Sheet())
        if tag == "th":
            self.tables[-1].header.append("")
        if tag == "tr" and "tbody" in self.open:
            self.tables[-1].rows.append([])
        if tag == "td":
            self.tables[-1].rows[-1].append(("", None))
        if tag == "data" and "table" not in self.open:
            self.glance[self.name] = str(dict(attrs)["value"])
        elif tag == "data":
            self.tables[-1].rows[-1][-1] = ("", dict(attrs)["value"])

    def handle_endtag(self, tag: str) -> None:
        if tag not in ENDED_BY:
            self.end(tag)
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        where = self.open[-1] if self.open else ""
        if where == "script" and self.elements[-1][1].get("type") == "application/json":
            self.data.append(json.loads(data))
            where = "data of the script"
        self.texts.append((where, data))
        if where == "dt":
            self.name = data
        if "caption" in self.open:
            self.tables[-1].caption += data
        if where == "th":
            self.tables[-1].header[-1] += data
        if "td" in self.open:
            text, value = self.tables[-1].rows[-1][-1]
            self.tables[-1].rows[-1][-1] = (text + data, value)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(f"a comment: {data}")

    def table(self, caption: str) -> Sheet:
        """The first table whose caption starts so."""
        return next(one for one in self.tables if one.caption.startswith(caption))

    def column(self, caption: str, name: str) -> list[float]:
        """The full values of a column of numbers."""
        sheet = self.table(caption)
        at = sheet.header.index(name)
        return [float(row[at][1]) if row[at][1] is not None else float("nan") for row in sheet.rows]

    def texts_of(self, caption: str, name: str) -> list[str]:
        """What is read in a column."""
        sheet = self.table(caption)
        return [row[sheet.header.index(name)][0] for row in sheet.rows]

    def words(self) -> str:
        """All that can be read."""
        hidden = ("style", "script", "data of the script")
        return "\n".join(text for where, text in self.texts if where not in hidden)

    def pictures(self) -> list[bytes]:
        """The images, as SVG."""
        return self._images("img", "src")

    def narrow_pictures(self) -> list[bytes]:
        """The images for narrow screens, as SVG."""
        return self._images("source", "srcset")

    def _images(self, tag: str, attribute: str) -> list[bytes]:
        """The images that stand in an attribute of an element."""
        addresses = [str(attrs[attribute]) for name, attrs in self.elements if name == tag]
        return [_svg(one) for one in addresses]


def _svg(address: str) -> bytes:
    """A picture from its address, in base64 or in letters without what would end an address or a string."""
    kind, _, content = address.partition(",")
    if kind == "data:image/svg+xml;base64":
        return base64.b64decode(content, validate=True)
    assert kind == "data:image/svg+xml"
    assert not set(content) & set(' \t\n\r"<>#&')
    return unquote_to_bytes(content)


def policy(page: Report) -> str:
    """What the page must say that it may do: with a script of its own, that one and its style by their fingerprints."""
    scripts = [text for where, text in page.texts if where == "script"]
    if not scripts:
        return POLICY
    (script,) = scripts
    (style,) = (text for where, text in page.texts if where == "style")
    prints = {
        name: base64.b64encode(hashlib.sha256(one.encode()).digest()).decode()
        for name, one in (("script", script), ("style", style))
    }
    return STRICT.format(**prints)


def assert_harmless(text: str) -> Report:
    """The report has only elements that show, its policy first, and nothing that runs or loads; the report, read."""
    page = Report(text)
    assert not page.open
    assert page.elements[2:4] == [
        ("meta", {"charset": "utf-8"}),
        ("meta", {"http-equiv": "Content-Security-Policy", "content": policy(page)}),
    ]
    assert {tag for tag, _ in page.elements} <= ELEMENTS
    assert {name for _, attrs in page.elements for name in attrs} <= ATTRIBUTES
    # A link leads to a place within the page, and every place has a name of its own.
    places = [attrs["id"] for _, attrs in page.elements if "id" in attrs]
    assert len(set(places)) == len(places)
    assert {attrs["href"] for _, attrs in page.elements if "href" in attrs} <= {f"#{place}" for place in places}
    assert [attrs["http-equiv"] for tag, attrs in page.elements if "http-equiv" in attrs] == ["Content-Security-Policy"]
    (style,) = (text for where, text in page.texts if where == "style")
    assert "url(" not in style and "@import" not in style
    for picture in (*page.pictures(), *page.narrow_pictures()):
        assert_inert(picture)
    return page


def assert_inert(svg: bytes) -> None:
    """An SVG picture holds shapes and text: nothing that runs, and nothing that is loaded."""
    for element in ElementTree.fromstring(svg).iter():
        kind = element.tag.rpartition("}")[2]
        assert kind not in {"script", "foreignObject", "image", "a", "iframe", "animate", "set"}
        for name, value in element.attrib.items():
            assert not name.lower().startswith("on")
            assert not name.endswith("href") or value.startswith("#")
            assert "url(" not in value or value.startswith("url(#")
