"""What must hold before a file is read: text in UTF-8, one delimiter, a header of unique names, rows of one length."""

from __future__ import annotations

import csv
import difflib
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# Order breaks ties in the vote.
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLE_BYTES = 1 << 18
SAMPLE_RECORDS = 1000
# What is taken off the ends of names and values: Unicode's white space, for both readers alike (str.strip takes more).
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))

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
        Its content in UTF-8 from the header on, without byte-order mark, lines ending in a line feed.
    delimiter : str
        One of the keys of `DELIMITERS`.
    names : tuple of str
        Column names, unique and not empty.
    source : str
        The file.
    first_line : int
        Number, from 1, of the line in which the header begins.
    """

    data: bytes
    delimiter: str
    names: tuple[str, ...]
    source: str
    first_line: int


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
    line, header = next(_filled(_records(data, delimiter, source)), (1, [""]))
    names = tuple(name.strip(SPACES) for name in header)
    _check_names(names, f"line {line} of {quoted(source, 200)}")
    return Sheet(_from_line(data, line), delimiter, names, source, line)


def _content(path: Path) -> bytes:
    """The bytes of a file, or a sentence on why there are none."""
    where = quoted(str(path), 200)
    try:
        return path.read_bytes()
    except IsADirectoryError:
        raise TableError(f"{where} is a folder; name the CSV file in it") from None
    except FileNotFoundError:
        raise TableError(f"file {where} does not exist; {_nearest_file(path)}") from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise TableError(f"file {where} cannot be read ({reason}); check its name and permissions") from None


def _nearest_file(path: Path) -> str:
    """A hint after a file that is not there: the one beside it with the likeliest name."""
    try:
        files = [one.name for one in path.parent.iterdir() if one.is_file()]
    except OSError:
        files = []
    close = difflib.get_close_matches(path.name, files, n=1)
    return f"did you mean {quoted(str(path.parent / close[0]), 200)}?" if close else "check the name and the folder"


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
    if b"\r" in data:
        # The two readers disagree on carriage returns that stand alone.
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.rstrip(b"\n") if data.endswith(b"\n\n") else data


def _from_line(data: bytes, line: int) -> bytes:
    """The data from a line (numbered from 1) on."""
    start = 0
    for _ in range(line - 1):
        start = data.index(b"\n", start) + 1
    return data[start:]


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
            first = (record for record, _ in zip(reader, range(SAMPLE_RECORDS), strict=False))
            counts = [len(record) for record in first if any(field.strip(SPACES) for field in record)]
        except csv.Error:
            continue
        width = counts[0] if counts else 0
        score = (sum(count == width for count in counts) / len(counts), width) if width > 1 else (0.0, 0)
        if score > best_score:
            best, best_score = delimiter, score
    return best


def only_numbers(names: Sequence[str]) -> bool:
    """Whether all names that are there are numbers: a file without header has such."""
    there = [name for name in names if name]
    return bool(there) and all(re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", name, re.IGNORECASE) for name in there)


def _check_names(names: tuple[str, ...], where: str) -> None:
    """Every column has a name of its own."""
    places: dict[str, int] = {}
    if only_numbers(names) and (len(set(names)) < len(names) or "" in names):
        raise TableError(f"{where} holds only numbers where column names are expected; add a line with them above it")
    for place, name in enumerate(names, start=1):
        if not name:
            raise TableError(f"column {place} has no name in {where}; {_name_it(place, names)}")
        if name in places:
            raise TableError(
                f"columns {places[name]} and {place} have the same name {quoted(name)} in {where}; rename one of them"
            )
        places[name] = place


def _name_it(place: int, names: Sequence[str]) -> str:
    """What to do about a column without a name."""
    if place == 1 and all(names[1:]):
        return (
            "if it holds the row names that pandas or R wrote, write the file without them (index=False, "
            "row.names=FALSE), or name it there, for example 'row', and leave it out with --drop row"
        )
    return "give every column a name"


def _records(data: bytes, delimiter: str, source: str, line: int = 1) -> Iterator[tuple[int, list[str]]]:
    """Every record with the number of the line in which it begins, counted from ``line``."""
    text = io.TextIOWrapper(io.BytesIO(data), encoding="utf-8", newline="")
    reader = csv.reader(text, delimiter=delimiter, strict=True)
    above = line - 1
    try:
        for record in reader:
            yield line, record
            line = above + reader.line_num + 1
    except csv.Error as error:
        raise TableError(
            f"file {quoted(source, 200)} breaks off in the record that starts in line {line} ({error}); "
            "look for a quotation mark that is never closed"
        ) from None


def _filled(records: Iterable[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    """The records with anything in them."""
    return ((line, record) for line, record in records if any(field.strip(SPACES) for field in record))


def _below(sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """Every record below the header, empty ones too: slow, for files in which something is wrong."""
    records = _records(sheet.data, sheet.delimiter, sheet.source, sheet.first_line)
    next(records)
    return records


def rows(sheet: Sheet) -> Iterator[tuple[int, list[str]]]:
    """Every row with the number of the line in which it begins; empty lines are no rows."""
    return _filled(_below(sheet))


def check_lengths(sheet: Sheet) -> None:
    """Every row has as many fields as the header.

    Raises
    ------
    TableError
        One has not; its line is named.
    """
    for line, record in _below(sheet):
        too_short = len(record) < len(sheet.names) and any(field.strip(SPACES) for field in record)
        if too_short or len(record) > len(sheet.names):
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
