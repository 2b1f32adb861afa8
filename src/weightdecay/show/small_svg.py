"""An SVG picture of matplotlib in a third of its bytes: the same shapes to two decimals of a point, the same words."""

from __future__ import annotations

import re

# What only describes the file to programs; names of groups, to which nothing refers; space between elements.
_ABOUT = re.compile(rb"<!DOCTYPE[^<>]*>|\s*<metadata>.*?</metadata>", re.DOTALL)
_NAMED = re.compile(rb'<g id="[^"]*"')
_BETWEEN = re.compile(rb">\s+<")
# The style of words: the family goes to the style of the whole picture.
_FAMILY = re.compile(rb"(<text style=\"[^\"<>]*?)font-family: ('[\w ]+'(?:, '[\w ]+')*, [\w-]+); ")
_SHEET = b'<style type="text/css">'
_UNTURNED = re.compile(rb'(<text [^<>]*?) transform="rotate\(-0 [^"]*\)"')
_PLACE = re.compile(rb'(<text [^<>]*? x="[-\d.]+" y="[-\d.]+")')
# Names within the picture, where they are given and where they are meant; the same letters may stand in words.
_TAG = re.compile(rb"<[^<>]*>")
_NAME = re.compile(rb'((?:<path|<clipPath) id="|xlink:href="#|url\(#)(\w+)')
# A shape, and its commands with their numbers.
_SHAPE = re.compile(rb'(<path[^<>]* d=)"([^"]*)"')
_COMMAND = re.compile(rb"([A-Za-z])([^A-Za-z]*)")
_NUMBER = re.compile(rb"-?\d+\.?\d*(?:e-?\d+)?")
_FINE = re.compile(rb"(\.\d\d)\d+")
# A mark: what it shows, where, and in which style. Marks of one style may follow each other by the hundred.
_MARK = rb'<use xlink:href="(#\w+)" x="([-\d.]+)" y="([-\d.]+)" style="([^"]*)"/>'
_MARKS = re.compile(rb"(?:\s*" + _MARK.replace(rb"(", rb"(?:") + rb"){2,}")
_ONE_MARK = re.compile(_MARK)
HUNDREDTHS = 100


def small(svg: bytes) -> bytes:
    """The picture without what nobody sees."""
    svg = _NAMED.sub(b"<g", _ABOUT.sub(b"", svg))
    svg = _SHAPE.sub(lambda shape: b'%b"%b"' % (shape[1], relative(shape[2])), svg)
    svg = _BETWEEN.sub(b"><", _MARKS.sub(_together, svg))
    return _short_names(_words(svg))


def relative(shape: bytes) -> bytes:
    """The commands of a path with distances instead of places, in hundredths of a point, which no rounding adds up.

    A place is rounded first and a distance is the difference of two rounded places.
    """
    at = start = (0, 0)
    written: list[bytes] = []
    for letter, rest in _COMMAND.findall(shape):
        numbers = [round(float(one) * HUNDREDTHS) for one in _NUMBER.findall(rest)]
        pairs = list(zip(numbers[::2], numbers[1::2], strict=True))
        lower = letter.lower()
        # Neither space nor letter is needed between lines that follow each other.
        same = lower == b"l" and written and written[-1][:1] in (b"l", b"~")
        written.append((b"~" if same else lower) + _joined(at, pairs))
        if lower == b"z":
            at = start
        elif pairs:
            at = pairs[-1]
            start = at if lower == b"m" else start
    return re.sub(rb"~(?!-)", b" ", b"".join(written)).replace(b"~", b"")


def _joined(at: tuple[int, int], pairs: list[tuple[int, int]]) -> bytes:
    """Distances of some places, with no more between them than is needed."""
    steps = [place[axis] - at[axis] for place in pairs for axis in (0, 1)]
    return re.sub(rb" -", b"-", b" ".join(_short(step) for step in steps))


def _short(hundredths: int) -> bytes:
    """A number of hundredths without needless zeros: ``2.2``, ``-.05``."""
    sign, (whole, part) = "-" if hundredths < 0 else "", divmod(abs(hundredths), HUNDREDTHS)
    fraction = f".{part:02d}".rstrip("0").rstrip(".")
    return f"{sign}{whole if whole or not fraction else ''}{fraction}".encode()


def _together(marks: re.Match[bytes]) -> bytes:
    """Marks that follow each other, in groups that name their style once, with two decimals of a point."""
    groups: list[tuple[bytes, list[bytes]]] = []
    for shape, x, y, style in _ONE_MARK.findall(marks[0]):
        if not groups or groups[-1][0] != style:
            groups.append((style, []))
        place = _FINE.sub(rb"\1", x), _FINE.sub(rb"\1", y)
        groups[-1][1].append(b'<use xlink:href="%b" x="%b" y="%b"/>' % (shape, *place))
    return b"".join(b'<g style="%b">%b</g>' % (style, b"".join(drawn)) for style, drawn in groups)


def _words(svg: bytes) -> bytes:
    """Words whose family is named once, and whose places have two decimals."""
    families = set(found[1] for found in _FAMILY.findall(svg))
    if len(families) == 1:
        family = b"text{font-family:%b}" % families.pop()
        svg = _FAMILY.sub(rb"\1", svg).replace(_SHEET, _SHEET + family, 1)
    return _PLACE.sub(lambda place: _FINE.sub(rb"\1", place[1]), _UNTURNED.sub(rb"\1", svg))


def _short_names(svg: bytes) -> bytes:
    """Names within the picture in a letter or two."""
    names: dict[bytes, bytes] = {}

    def shortened(found: re.Match[bytes]) -> bytes:
        return found[1] + names.setdefault(found[2], b"n%x" % len(names))

    return _TAG.sub(lambda tag: _NAME.sub(shortened, tag[0]), svg)
