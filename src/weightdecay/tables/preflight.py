"""What must hold before a file is read: text in UTF-8, one delimiter, a header of unique names, rows of one length."""

from __future__ import annotations

import codecs
import csv
import difflib
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

# Order breaks ties in the vote.
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}
SAMPLE_BYTES = 1 << 18
SAMPLE_RECORDS = 1000
CHUNK = 1 << 22
# What is taken off the ends of names and values: Unicode's white space, for both readers alike (str.strip takes more).
SPACES = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))

# A number with a decimal comma or point; of 1,234 and 1.234 nobody knows whether the mark parts thousands.
MARKS = re.compile(
    r"[+-]?(?:(?P<perhaps_comma>[1-9]\d{0,2},\d{3})|(?P<perhaps_point>[1-9]\d{0,2}\.\d{3})"
    r"|(?P<comma>(?:\d*|\d{1,3}(?:\.\d{3})+),\d+(?:[eE][+-]?\d+)?|\d{1,3}(?:\.\d{3}){2,})"
    r"|(?P<point>(?:\d*|\d{1,3}(?:,\d{3})+)\.\d+(?:[eE][+-]?\d+)?|\d{1,3}(?:,\d{3}){2,}))"
)


class TableError(ValueError):
    """A file or frame cannot be read as a table: what is wrong, where, and what to do, in one sentence.

    Examples
    --------
    >>> import weightdecay as wd
    >>> try:
    ...     wd.read("nowhere.csv", "y")
    ... except wd.TableError as error:
    ...     print(error)
    file 'nowhere.csv' does not exist; check the name and the folder
    """


@dataclass(frozen=True)
class Text:
    """A file of text that passed the preflight.

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
    more = f" and {len(names) - 8:,} more" if len(names) > 8 else ""
    return f"the columns are {', '.join(quoted(one) for one in names[:8])}{more}"


def look(data: bytes, source: str) -> Text:
    """A file's text, delimiter and names, once they are known to be sound.

    Raises
    ------
    TableError
        The file is empty, not text in UTF-8, or its header is not a list of unique names.
    """
    data = _text_bytes(data, source)
    delimiter = vote(data)
    line, header = next(_filled(_records(data, delimiter, source)), (1, [""]))
    names = tuple(name.strip(SPACES) for name in header)
    check_names(names, f"line {line} of {quoted(source, 200)}")
    return Text(_from_line(data, line), delimiter, names, source, line)


def _text_bytes(data: bytes, source: str) -> bytes:
    """The bytes without byte-order mark, known to be UTF-8 text; or a sentence."""
    where = quoted(source, 200)
    mark = b"\xef\xbb\xbf"
    # A strip copies all that is left, so it is tried on the first bytes alone.
    if not data[:SAMPLE_BYTES].removeprefix(mark).strip() and not data.removeprefix(mark).strip():
        raise TableError(f"file {where} is empty; it needs a header line with column names and a line for each row")
    if (nul := data.find(b"\0")) >= 0:
        raise TableError(
            f"file {where} has a NUL byte at byte {nul} (line {_line_at(data, nul)}), so it is not UTF-8 text; "
            "if it is UTF-16, save it as UTF-8"
        )
    if not data.isascii() and (offset := _first_not_utf8(data)) is not None:
        raise TableError(_not_utf8(data, offset, where))
    data = data.removeprefix(mark)
    if b"\r" in data:
        # The two readers disagree on carriage returns that stand alone.
        data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    return data.rstrip(b"\n") if data.endswith(b"\n\n") else data


def _first_not_utf8(data: bytes) -> int | None:
    """Place of the first byte that is not UTF-8, found piece by piece: as one string the text may fill the memory."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(data), CHUNK):
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(data[start : start + CHUNK], final=start + CHUNK >= len(data))
        except UnicodeDecodeError as error:
            return start - pending + error.start
    return None


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


def uses_decimal_comma(text: Text) -> bool:
    """Whether most numbers of the first records are written like 1,5 or 1.234,5, not like 1.5 or 1,234.5.

    Numbers that can be read both ways (1,234 and 1.234) count only where the others leave the question open.
    """
    if text.delimiter == ",":
        return False
    sample = text.data[:SAMPLE_BYTES].decode("utf-8", errors="ignore")
    reader = csv.reader(io.StringIO(sample, newline=""), delimiter=text.delimiter)
    votes: Counter[str | None] = Counter()
    try:
        for record, _ in zip(reader, range(SAMPLE_RECORDS + 1), strict=False):
            marked = (field.strip(SPACES) for field in record if "," in field or "." in field)
            votes.update(found.lastgroup for field in marked if (found := MARKS.fullmatch(field)))
    except csv.Error:
        pass
    return (votes["comma"], votes["perhaps_comma"]) > (votes["point"], votes["perhaps_point"])


def check_height(source: str, height: int, least: int) -> None:
    """There are at least so many rows.

    Raises
    ------
    TableError
        There are not.
    """
    if height < least:
        raise TableError(
            f"file {quoted(source, 200)} has {'one row of data' if height else 'a header but no row'}; "
            + (
                "at least two rows are needed to learn from, and far more to choose a decay"
                if least > 1
                else "add rows"
            )
        )


def only_numbers(names: Sequence[str]) -> bool:
    """Whether all names that are there are numbers: a file without header has such."""
    there = [name for name in names if name]
    return bool(there) and all(re.fullmatch(r"[+-]?[\d.]+(e[+-]?\d+)?", name, re.IGNORECASE) for name in there)


def check_names(names: tuple[str, ...], where: str) -> None:
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


def _below(text: Text) -> Iterator[tuple[int, list[str]]]:
    """Every record below the header, empty ones too: slow, for files in which something is wrong."""
    records = _records(text.data, text.delimiter, text.source, text.first_line)
    next(records)
    return records


def rows(text: Text) -> Iterator[tuple[int, list[str]]]:
    """Every row with the number of the line in which it begins; empty lines are no rows."""
    return _filled(_below(text))


def check_lengths(text: Text) -> None:
    """Every row has as many fields as the header.

    Raises
    ------
    TableError
        One has not; its line is named.
    """
    for line, record in _below(text):
        too_short = len(record) < len(text.names) and any(field.strip(SPACES) for field in record)
        if too_short or len(record) > len(text.names):
            raise TableError(
                f"line {line} of {quoted(text.source, 200)} has {_count(len(record), 'field')} but the header names "
                f"{_count(len(text.names), 'column')} (delimiter: {DELIMITERS[text.delimiter]}); correct that line, "
                "or put quotation marks around values that contain the delimiter"
            )


def check_quotes(text: Text) -> None:
    """No field has a quotation mark within.

    Raises
    ------
    TableError
        One has, and the reader cannot tell where that field ends; its line is named.
    """
    for line, record in rows(text):
        for field in record:
            if '"' in field:
                raise TableError(
                    f"line {line} of {quoted(text.source, 200)} has a quotation mark within the value "
                    f"{quoted(field)}; remove it, or double it and put the whole value in quotation marks"
                )


def _count(number: int, noun: str) -> str:
    """A number with its noun."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def line_of(text: Text, row: int) -> int:
    """Number, from 1, of the line in which a row (from 0, empty lines not counted) begins."""
    return next(line for index, (line, _) in enumerate(rows(text)) if index == row)
