"""The bytes of a file: a regular one, not too large, unpacked if it is a gzip or zstd archive, not plainly no text."""

from __future__ import annotations

import difflib
import os
import re
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, NamedTuple, Protocol

from weightdecay.records.machine_memory import in_words as in_words
from weightdecay.records.machine_memory import memory as memory
from weightdecay.tables.preflight import TableError, quoted

# What may stand before the first mark of a text.
START = rb"(?:\xef\xbb\xbf)?\s*"
# An object, or a list of objects or of lists.
JSON = rb"(?:\{\s*\"[^\"\n]*\"\s*:|\[\s*(?:\{\s*\"|\[\s*[-\d\"]))"
# How files begin that are not text (a pattern), what they are and how to go on.
SIGNATURES = (
    (rb"\xff\xfe", "UTF-16 text", "save it as UTF-8"),
    (rb"\xfe\xff", "UTF-16 text", "save it as UTF-8"),
    (rb"PK\x03\x04", "a zip archive or a spreadsheet (.xlsx)", "unpack it, or save the sheet as CSV in UTF-8"),
    (rb"PK\x05\x06", "an empty zip archive", "name the table itself"),
    (rb"\xd0\xcf\x11\xe0", "a spreadsheet (.xls)", "save the sheet as CSV in UTF-8"),
    (rb"ARROW1\0\0", "an Arrow (Feather) file", "write it as Parquet or CSV"),
    (rb"SQLite format 3\0", "an SQLite database", "write the table as CSV or Parquet"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file", "write the table as CSV or Parquet"),
    (rb"\x93NUMPY", "a NumPy array", "pass the array to wd.tune in Python, or write it as CSV"),
    (rb"BZh[1-9](?:1AY&SY|\x17rE8P\x90)", "a bzip2 archive", "unpack it first (bunzip2)"),
    (rb"\x1f\x8b", "a gzip archive", "unpack it first (gunzip)"),
    (rb"(?:\x28\xb5\x2f\xfd|[\x50-\x5f]\x2a\x4d\x18)", "a zstd archive", "unpack it first (unzstd)"),
    (rb"PAR1[^\n]{0,7}[\x00-\x08]", "a Parquet file", "unpack it first"),
    (rb"PARE[^\n]{0,7}[\x00-\x08]", "an encrypted Parquet file", "write it without encryption"),
    (rb"(?s:.{257})ustar", "a tar archive", "unpack it first (tar -xf), and name the table in it"),
    (START + rb"(?i:<!doctype html|<html[ >])", "a web page", "download the table itself, as CSV"),
    (START + rb"<\?xml", "an XML document", "write the table as CSV or Parquet"),
    (START + JSON, "JSON", "write the table as CSV or Parquet"),
    (rb"%PDF-", "a PDF document", "get the table itself, as CSV"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a", "a picture", "get the table itself, as CSV"),
    (rb"\x80[\x02-\x05]", "a pickle of Python", "write the table as CSV or Parquet"),
    (rb"RD[ABX][23]\n", "a file of R", "write the table as CSV or Parquet"),
    (rb"<stata_dta>", "a file of Stata", "write the table as CSV or Parquet"),
    (rb"\$FL[23]@\(#\)", "a file of SPSS", "write the table as CSV or Parquet"),
    (rb"\xfd7zXZ\0", "an xz archive", "unpack it first (unxz)"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7-Zip archive", "unpack it first"),
    (rb"Rar!\x1a\x07", "a RAR archive", "unpack it first"),
)
# A file of text may fill 1/8 of the memory: its fields take four times as much as text, and about two as numbers.
SHARE_OF_MEMORY = 8
# An archive that unpacks to more than this many bytes and this many times its size is taken for a trap.
HARMLESS_BYTES = 64_000_000
HARMLESS_RATIO = 100
CHUNK = 1 << 22


class Content(NamedTuple):
    """What a file holds, and what to note on how it was got."""

    data: bytes
    notes: tuple[str, ...]


class Stream(Protocol):
    """An archive that is being unpacked."""

    def read(self, size: int, /) -> bytes: ...


class Archive(NamedTuple):
    """A kind of archive: its name, the command that unpacks it, how a file is unpacked, and the errors of that."""

    name: str
    command: str
    unpack: Callable[[BinaryIO], Stream]
    errors: tuple[type[Exception], ...]


def content(path: Path) -> Content:
    """The bytes of a file of text, unpacked.

    Raises
    ------
    TableError
        The file is missing, no regular file, too large, a broken archive, or plainly no text.
    """
    where = quoted(str(path), 200)
    with opened(path) as file:
        size = os.fstat(file.fileno()).st_size
        archive = archive_of(head(file))
        limit = memory() // SHARE_OF_MEMORY
        if size > limit:
            raise TableError(f"file {where} holds {in_words(size)}, {too_much(limit)}")
        if archive is None:
            data, notes = _plain(file, limit, where), []
        else:
            data, notes = _unpacked(file, archive, limit, where), [f"the file is a {archive.name} archive, unpacked"]
    _check_signature(data, where, "holds" if archive else "is")
    return Content(data, tuple(notes))


def opened(path: Path) -> BinaryIO:
    """A regular file, open, or a sentence on why it cannot be."""
    where = quoted(str(path), 200)
    try:
        # Asked before it is opened: a pipe would wait for its writer.
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise TableError(f"{where} is a folder; name the CSV file in it")
        if not stat.S_ISREG(mode):
            raise TableError(f"{where} is a pipe or device, not a file; write the table to a file and name that")
        return path.open("rb")
    except FileNotFoundError:
        if str(path) == "-":
            raise TableError("standard input is not read; write the table to a file and name that") from None
        raise TableError(f"file {where} does not exist; {_nearest_file(path)}") from None
    except TableError:
        raise
    except (OSError, ValueError) as error:
        raise TableError(_unreadable(where, error)) from None


def head(file: BinaryIO) -> bytes:
    """The first bytes of a file, which is then at its start again."""
    try:
        first = file.read(512)
        file.seek(0)
    except OSError as error:
        raise TableError(_unreadable(quoted(str(file.name), 200), error)) from None
    return first


def archive_of(first: bytes) -> Archive | None:
    """The kind of archive whose first bytes these are."""
    if first.startswith(b"\x1f\x8b"):
        return _gzip()
    # A zstd archive may begin with a frame to skip, whose first byte is one of sixteen.
    if first.startswith(b"\x28\xb5\x2f\xfd") or (first[1:4] == b"\x2a\x4d\x18" and first[0] >> 4 == 5):
        return _zstd()
    return None


def too_much(limit: int) -> str:
    """Why a size is refused, and what to do."""
    return (
        f"more than the {in_words(limit)} of this computer's {in_words(memory())} of memory that a table may fill; "
        "take a sample of its rows, leave columns out of it, or use a computer with more memory"
    )


def _plain(file: BinaryIO, limit: int, where: str) -> bytes:
    """All bytes of a file."""
    try:
        data = file.read(limit + 1)
    except OSError as error:
        raise TableError(_unreadable(where, error)) from None
    if len(data) > limit:
        raise TableError(f"file {where} grows beyond {in_words(limit)} while it is read; copy it and name the copy")
    return data


def _unpacked(file: BinaryIO, archive: Archive, limit: int, where: str) -> bytes:
    """All bytes of an archive; reading ends as soon as they are too many."""
    size = os.fstat(file.fileno()).st_size
    harmless = max(HARMLESS_BYTES, HARMLESS_RATIO * size)
    parts, total = [], 0
    try:
        stream = archive.unpack(file)
        while chunk := stream.read(CHUNK):
            parts.append(chunk)
            total += len(chunk)
            if total > limit:
                raise TableError(f"file {where} ({in_words(size)}) unpacks to {too_much(limit)}")
            if total > harmless:
                raise TableError(
                    f"file {where} ({in_words(size)}) unpacks to more than {in_words(harmless)}, over "
                    f"{HARMLESS_RATIO} times its size, as archives do that are made to fill a computer; if you trust "
                    f"it, unpack it first ({archive.command})"
                )
    except EOFError:
        raise TableError(f"file {where} is a {archive.name} archive that breaks off; get it again, whole") from None
    except archive.errors as error:
        reason = quoted(str(error).partition("\n")[0], 120)
        raise TableError(
            f"file {where} is a {archive.name} archive that cannot be unpacked ({reason}); get it again, or see what "
            f"{archive.command} says"
        ) from None
    return b"".join(parts)


def _gzip() -> Archive:
    import gzip
    import zlib

    return Archive("gzip", "gunzip", lambda file: gzip.GzipFile(fileobj=file), (OSError, zlib.error))


def _zstd() -> Archive:
    # The standard library has it from Python 3.14 on; before, its back-port does.
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd

    return Archive("zstd", "unzstd", zstd.ZstdFile, (OSError, zstd.ZstdError))


def _check_signature(data: bytes, where: str, verb: str) -> None:
    """The bytes are not those of a kind of file that is no text."""
    for signature, kind, remedy in SIGNATURES:
        if re.match(signature, data):
            raise TableError(f"file {where} {verb} {kind}, not CSV text; {remedy}")


def _unreadable(where: str, error: Exception) -> str:
    """The sentence on a file that the system does not hand out."""
    reason = getattr(error, "strerror", None) or str(error)
    return f"file {where} cannot be read ({reason}); check its name and permissions"


def _nearest_file(path: Path) -> str:
    """A hint after a file that is not there: the one beside it with the likeliest name."""
    try:
        files = [one.name for one in path.parent.iterdir() if one.is_file()]
    except OSError:
        files = []
    close = difflib.get_close_matches(path.name, files, n=1)
    return f"did you mean {quoted(str(path.parent / close[0]), 200)}?" if close else "check the name and the folder"
