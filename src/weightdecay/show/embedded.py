"""What a page holds in itself: data for its script, the fingerprints of what may run, and pictures in few bytes."""

from __future__ import annotations

import base64
import hashlib
import json
import re

# In a script element these could end it, begin a comment in it, or end a line.
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
_TAG = re.compile(r"<[^<>]*>")
_STYLE = re.compile(r'(?<= style=)"[^"]*"')
_SHAPE = re.compile(r'(?<= d=)"[^"]*"')
_CODED = str.maketrans({sign: f"%{ord(sign):02X}" for sign in '%#<>"'})
# In a list of addresses space is what parts them; in an attribute the ampersand needs a name.
_SPACED = str.maketrans({" ": "%20", "\n": "%0A", "&": "%26"})
_START = "data:image/svg+xml;base64,"


def script_data(value: object) -> str:
    r"""A value as JSON that is safe within a script element, whatever texts it holds.

    Examples
    --------
    >>> print(script_data({"</script>": 1}))
    {"\u003c/script\u003e":1}
    """
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).translate(_UNSAFE)


def fingerprint(text: str) -> str:
    """What a content security policy calls a script or a style sheet by: the SHA-256 of its text."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode("utf-8")).digest()).decode("ascii")


def in_letters(address: str) -> str:
    """The address of an SVG picture written in letters, four fifths of what it takes in base64; others as they are.

    It is safe in a double-quoted attribute of HTML, and in a list of addresses (srcset).
    """
    if not address.startswith(_START):
        return address
    svg = base64.b64decode(address.removeprefix(_START)).decode("utf-8")
    svg = _TAG.sub(_sparing, svg)
    return "data:image/svg+xml," + svg.translate(_CODED).translate(_SPACED)


def _sparing(tag: re.Match[str]) -> str:
    """A tag with few of the signs that take three letters in an address: spaces and double quotes."""
    text = _STYLE.sub(lambda found: found[0].replace(": ", ":").replace("; ", ";"), tag[0])
    text = _SHAPE.sub(lambda found: found[0].replace(" ", ","), text)
    # Single quotes need no code; where some are within the attributes those around them must differ.
    return text if "'" in text else text.replace('"', "'")
