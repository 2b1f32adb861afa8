"""What must hold before a file is read: text in UTF-8, one delimiter, a header of unique names, rows of one length."""

from __future__ import annotations

import csv
import difflib
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Order breaks ties in the vote.
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLE_BYTES = 1 << 18
SAMPLE_RECORDS = 1000

# First bytes of files that are not text -> what they are and how to go on.
SIGNATURES = (
    (b"\xff\xfe", "UTF-16 text", "save it as UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "save it as UTF-8"),
    (b"\x1f\x8b", "a gzip archive", "unpack it first (gunzip)"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it first (unzstd)"),
    (b"PK\x03\x04", "a zip archive or a spreadsheet (.xlsx)", "unpack it, or save the sheet as CSV in UTF-8"),
    (b"\xd0\xcf\x11\xe0", "a spreadsheet (.xls)", "save the sheet as CSV in UTF-8"),
    (b"PAR1", "a Parquet file", "write it as CSV"),
)


class TableError(ValueError):
    """A file cannot be read as a table: what is wrong, where, and what to do, in one sentence."""


@dataclass(frozen=True)
class Sheet:
    """A file that passed the preflight.

    Parameters
    ----------
    data : bytes
        Its content in UTF-8, without byte-order mark, lines ending in a line feed.
    delimiter : str
        One of the keys of `DELIMITERS`.
    names : tuple of str
        Column names, unique and not empty.
    source : str
        The file.
    """

    data: bytes
    delimiter: str
    names: tuple[str, ...]
    source: str


def quoted(text: str, limit: int = 40) -> str:
    """Text from a file for a sentence: in quotes, control characters escaped, cut at the limit."""
    return repr(text if len(text) <= limit else text[: limit - 1] + "…")


def nearest(name: str, names: Sequence[str]) -> str:
    """A hint after a name that is not there: the names most like it, or the first few."""
    lower = {one.casefold(): one for one in reversed(names)}
    close = [lower[one] for one in difflib.get_close_matches(name.casefold(), lower, n=3, cutoff=0.6)]
    if close:
        return f"did you mean {' or '.join(quoted(one) for one in close)}?"
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f"the columns are {', '.join(quoted(one) for one in names[:8])}{more}"


def inspect(path: str | Path) -> Sheet:
    """The file's bytes, delimiter and names, once they are known to be sound.

    Raises
    ------
    TableError
        The file is missing, empty, not text in UTF-8, or its header is not a list of unique names.
    """
    source = str(path)
    data = _text_bytes(_content(Path(path)), source)
    delimiter = vote(data)
    line, header = next(_records(data, delimiter, source))
    names = tuple(name.strip() for name in header)
    _check_names(names, f"line {line} of {quoted(source, 200)}")
    return Sheet(data, delimiter, names, source)


def _content(path: Path) -> bytes:
    """The bytes of a file, or a sentence on why there are none."""
    where = quoted(str(path), 200)
    if path.is_dir():
        raise TableError(f"{where} is a folder; name the CSV file in it")
    try:
        return path.read_bytes()
    except FileNotFoundError:
        parent = path.parent
        files = [one.name for one in parent.iterdir() if one.is_file()] if parent.is_dir() else []
        close = difflib.get_close_matches(path.name, files, n=1)
        hint = f"did you mean {quoted(str(parent / close[0]), 200)}?" if close else "check the name and the folder"
        raise TableError(f"file {where} does not exist; {hint}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TableError(f"file {where} cannot be read ({reason}); check its name and permissions") from None


def _text_bytes(data: bytes, source: str) -> bytes:
    """The bytes without byte-order mark, known to be UTF-8 text; or a sentence."""
    where = quoted(source, 200)
    for signature, kind, remedy in SIGNATURES:
        if data.startswith(signature):
            raise TableError(f"file {where} is {kind}, not CSV text; {remedy}")
    mark = b"\xef\xbb\xbf"
    if not data.removeprefix(mark).strip():
        raise TableError(f"file {where} is empty; it needs a header line with column names and a line for each row")
    if (nul := data.find(b"\0")) >= 0:
        raise TableError(
            f"file {where} has a NUL byte at byte {nul} (line {_line_at(data, nul)}), so it is not UTF-8 text; "
            "if it is UTF-16, save it as UTF-8"
        )
    if not data.isascii():
        try:
            data.decode("utf-8")
        except UnicodeDecodeError as error:
            raise TableError(_not_utf8(data, error.start, where)) from None
    data = data.removeprefix(mark)
    if data.endswith((b"\n\n", b"\n\r\n")):
        data = data.rstrip(b"\r\n")
    return data if b"\n" in data else data.replace(b"\r", b"\n")


def _line_at(data: bytes, offset: int) -> int:
    """Number of the line that holds a byte, from 1."""
    return data.count(b"\n", 0, offset) + 1


def _not_utf8(data: bytes, offset: int, where: str) -> str:
    """The sentence on a byte that is not UTF-8, with an encoding to try."""
    high = {byte for byte in data[offset : offset + SAMPLE_BYTES] if byte >= 0x80}
    # Bytes 0x80 to 0x9f are control characters in ISO 8859-1 but letters and quotes in Windows' code page.
    encoding = "WINDOWS-1252" if any(byte < 0xA0 for byte in high) else "ISO-8859-1"
    return (
        f"file {where} is not UTF-8: byte {offset} (line {_line_at(data, offset)}) is 0x{data[offset]:02x}; "
        f"if it is {encoding}, convert it with: iconv -f {encoding} -t UTF-8"
    )


def vote(data: bytes) -> str:
    """The delimiter under which most of the first records have as many fields as the header, at least two."""
    sample = data[:SAMPLE_BYTES]
    if len(data) > SAMPLE_BYTES:
        sample = sample[: sample.rfind(b"\n") + 1] or sample
    text = sample.decode("utf-8", errors="ignore")
    best, best_score = ",", (0.0, 0)
    for delimiter in DELIMITERS:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
        try:
            counts = [len(record) for record, _ in zip(reader, range(SAMPLE_RECORDS), strict=False) if record]
        except csv.Error:
            continue
        width = counts[0] if counts else 0
        score = (sum(count == width for count in counts) / len(counts), width) if width > 1 else (0.0, 0)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def _check_names(names: tuple[str, ...], where: str) -> None:
    """Every column has a name of its own."""
    places: dict[str, int] = {}
    for place, name in enumerate(names, start=1):
        if not name:
            raise TableError(f"column {place} has no name in {where}; give every column a name")
        if name in places:
            raise TableError(
                f"columns {places[name]} and {place} have the same name {quoted(name)} in {where}; rename one of them"
            )
        places[name] = place


def _records(data: bytes, delimiter: str, source: str) -> Iterator[tuple[int, list[str]]]:
    """Every record with anything in it, the header first, with the number of its first line."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    line = 1
    try:
        for record in reader:
            if any(field.strip() for field in record):
                yield line, record
            line = reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"file {quoted(source, 200)} breaks off in the record that starts in line {line} ({error}); "
            "look for a quotation mark that is never closed"
        ) from None


def rows(sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """Every row below the header with the number of its first line: slow, for files in which something is wrong."""
    records = _records(sheet.data, sheet.delimiter, sheet.source)
    next(records)
    return records


def check_lengths(sheet: Sheet) -> None:
    """Every row has as many fields as the header.

    Raises
    ------
    TableError
        One has not; its line is named.
    """
    for line, record in rows(sheet):
        if len(record) != len(sheet.names):
            raise TableError(
                f"line {line} of {quoted(sheet.source, 200)} has {_count(len(record), 'field')} but the header names "
                f"{_count(len(sheet.names), 'column')} (delimiter: {DELIMITERS[sheet.delimiter]}); correct that line, "
                "or put quotation marks around values that contain the delimiter"
            )


def check_quotes(sheet: Sheet) -> None:
    """No field has a quotation mark within.

    Raises
    ------
    TableError
        One has, and the reader cannot tell where that field ends; its line is named.
    """
    for line, record in rows(sheet):
        for field in record:
            if '"' in field:
                raise TableError(
                    f"line {line} of {quoted(sheet.source, 200)} has a quotation mark within the value "
                    f"{quoted(field)}; remove it, or double it and put the whole value in quotation marks"
                )


def _count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number} {noun}{'' if number == 1 else 's'}"


def line_of(sheet: Sheet, row: int) -> int:
    """Number, from 1, of the line in which a row (from 0, empty lines not counted) begins."""
    return next(line for index, (line, _) in enumerate(rows(sheet)) if index == row)
