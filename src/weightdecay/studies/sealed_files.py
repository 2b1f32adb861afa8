"""Sealed files: a JSON document and arrays of float64 in one safetensors file, with a checksum over both."""

from __future__ import annotations

import hashlib
import io
import json
import math
import os
import stat
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

FORMAT = 1
# Bytes: safetensors reads no longer header.
MAX_HEADER = 100_000_000
# A gigabyte of float64; a file of nothing (a sparse one) may say that it has more.
MAX_NUMBERS = 1 << 27
_DOCUMENT, _CHECKSUM = "weightdecay", "sha256"


class ModelFileError(ValueError):
    """A file holds no model that can be used: what is wrong and what to do, in one sentence.

    Examples
    --------
    >>> import pathlib, tempfile, weightdecay as wd
    >>> file = pathlib.Path(tempfile.mkdtemp()) / "data.csv"
    >>> _ = file.write_text("a,b,y\\n1,2,3\\n")
    >>> try:
    ...     wd.load(file)
    ... except wd.ModelFileError as error:
    ...     print(str(error).partition(" is ")[2])
    no model of weightdecay; give a file that wd.save or weightdecay tune --save wrote
    """


class HeaderTooLong(ValueError):  # noqa: N818 - what was given is too long, not wrong
    """The document does not fit into a header."""


def seal(document: Mapping[str, Any], arrays: Mapping[str, Array | float]) -> bytes:
    """The bytes of a file: the document, with format and library version, and the arrays, a float as one of shape ().

    Raises
    ------
    HeaderTooLong
        The document takes more than a header may.
    ValueError
        The document is not strict JSON.
    """
    from safetensors.numpy import save

    written = {"format": FORMAT, "library": version("weightdecay"), **document}
    text = json.dumps(written, allow_nan=False)
    if len(text) + text.count('"') + text.count("\\") > MAX_HEADER - 1024 * (1 + len(arrays)):
        raise HeaderTooLong(
            f"takes {len(text):,} characters beside its coefficients (names of columns, levels and terms); use fewer"
        )
    numbers = {name: np.array(array, dtype="<f8", order="C") for name, array in arrays.items()}
    content: bytes = save(numbers, {_DOCUMENT: text, _CHECKSUM: _checksum(text, numbers)})
    return content


def read_sealed(path: str | Path) -> tuple[dict[str, Any], dict[str, Array]]:
    """The document and the arrays of a file.

    Raises
    ------
    ValueError
        The file is not one that `seal` made, or is damaged; the sentence lacks the file's name.
    OSError
        It cannot be read.
    """
    # A pipe would be waited for, and a device has no end.
    status = os.stat(path)
    if not stat.S_ISREG(status.st_mode):
        raise ValueError(f"is a {'folder' if stat.S_ISDIR(status.st_mode) else 'device'}, no file of a model; name one")
    with open(path, "rb") as file:
        return _read(file, os.fstat(file.fileno()).st_size)


def unseal(content: bytes) -> tuple[dict[str, Any], dict[str, Array]]:
    """The document and the arrays in the bytes of a file; raises as `read_sealed` does."""
    return _read(io.BytesIO(content), len(content))


def _read(file: BinaryIO, size: int) -> tuple[dict[str, Any], dict[str, Array]]:
    """What a file of some size says; what it declares is checked before more of it is read."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    start = file.read(8)
    length = int.from_bytes(start, "little")
    if len(start) < 8 or not 2 <= length <= MAX_HEADER:
        raise ValueError(f"is no model of weightdecay; {_GIVE}")
    if length > size - 8:
        # The first eight bytes of any text are a number that no file is long enough for.
        raise ValueError(f"is no model of weightdecay, or was cut off; {_GIVE}")
    head = file.read(length)
    text, checksum, declared = _header(head)
    numbers = sum(declared.values())
    if numbers > MAX_NUMBERS or size != 8 + length + 8 * numbers:
        raise ValueError(f"has {size:,} bytes where its header says {8 + length + 8 * numbers:,}; {_AGAIN}")
    document = _document(text)
    try:
        file.seek(0)
        arrays = load(file.read())
    except (SafetensorError, ValueError, TypeError) as error:
        raise ValueError(f"is no sound safetensors file ({error}); {_AGAIN}") from None
    arrays = {name: np.array(array, dtype=np.float64) for name, array in arrays.items()}
    if checksum != _checksum(text, arrays):
        raise ValueError(f"is damaged: its content does not give its checksum; {_AGAIN}")
    return document, arrays


_GIVE = "give a file that wd.save or weightdecay tune --save wrote"
_AGAIN = "save the model again"


def _header(head: bytes) -> tuple[str, str, dict[str, int]]:
    """The document as text, the checksum, and how many numbers every array has."""
    header = _strict(head)
    words = header.pop("__metadata__", None)
    if not isinstance(words, dict) or _DOCUMENT not in words:
        raise ValueError(f"is a safetensors file, but no model of weightdecay; {_GIVE}")
    if set(words) != {_DOCUMENT, _CHECKSUM} or not all(isinstance(one, str) for one in words.values()):
        raise ValueError(f"has no checksum, or more than a model has; {_AGAIN}")
    return words[_DOCUMENT], words[_CHECKSUM], {name: _count(name, entry) for name, entry in header.items()}


def _count(name: str, entry: Any) -> int:
    """How many numbers an array has, by its entry in the header."""
    shape = entry.get("shape") if isinstance(entry, dict) else None
    if not isinstance(shape, list) or len(shape) > 2 or not all(type(one) is int and one >= 0 for one in shape):
        raise ValueError(f"has an array {name[:40]!r} of no sound shape; {_AGAIN}")
    if entry.get("dtype") != "F64":
        raise ValueError(f"has an array {name[:40]!r} of other numbers than float64 (F64); {_GIVE}")
    return math.prod(shape)


def _document(text: str) -> dict[str, Any]:
    """The document, of a format that is known."""
    document = _strict(text)
    written, library = document.pop("format", None), document.pop("library", None)
    if type(written) is not int or not isinstance(library, str):
        raise ValueError(f"does not say its format; {_AGAIN}")
    if written > FORMAT:
        raise ValueError(
            f"was written by weightdecay {library[:40]!r} in format {written}, and this is weightdecay "
            f"{version('weightdecay')}, which reads formats up to {FORMAT}; upgrade: pip install -U weightdecay"
        )
    if written != FORMAT:
        raise ValueError(f"is of format {written}, which there never was; {_AGAIN}")
    return document


def _strict(text: str | bytes) -> dict[str, Any]:
    """A JSON object without what JSON lacks and without names that come twice."""

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            raise ValueError("a name comes twice")
        return found

    def refuse(word: str) -> Any:
        raise ValueError(f"{word} is no number of JSON")

    try:
        plain = text.decode("utf-8") if isinstance(text, bytes) else text
        found = json.loads(plain, object_pairs_hook=unique, parse_constant=refuse)
    except (ValueError, RecursionError) as error:
        reason = "nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise ValueError(f"is no model of weightdecay, or is damaged ({reason:.120}); {_GIVE}") from None
    if not isinstance(found, dict):
        raise ValueError(f"is no model of weightdecay; {_GIVE}")
    return found


def _checksum(text: str, arrays: Mapping[str, Array]) -> str:
    """SHA-256 over the document and the name, shape and numbers of every array."""
    found = hashlib.sha256(text.encode("utf-8", "surrogatepass"))
    for name, array in sorted(arrays.items()):
        found.update(f"\0{name}\0{array.shape}\0".encode("utf-8", "surrogatepass"))
        found.update(np.ascontiguousarray(array, dtype="<f8").data)
    return found.hexdigest()
