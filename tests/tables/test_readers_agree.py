"""Two readers see every file, the standard library's for where things stand and polars for speed: they must agree.

Random files, sound and spoilt, are read by `open_sheet` and by a few lines on ``csv``. What one reads the other reads,
field for field and line for line; what is refused is refused with a sentence.
"""

from __future__ import annotations

import csv
import gzip
import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from weightdecay.tables.preflight import SPACES, TableError, vote
from weightdecay.tables.sheets import open_sheet

NUMBERS = st.one_of(st.floats(allow_nan=False, allow_infinity=False).map(repr), st.integers().map(str))
ODD = [
    *(
        "",
        "NA",
        "x",
        "1,5",
        '"1"',
        '"2',
        '1"2',
        '""',
        '"a ""b"',
        '"3\n"',
        " 4 ",
        "\x1c",
        "\u2028",
        "\x85",
        "-nan",
        "1 2",
    ),
    *("\t5", '"5" ', ' "6"', '"7"8', "+1", "1.", ".5", "- 1", "é", '"1\r2"', "inf", "1e999", "1_0", "\x0b7", "\u200b8"),
]
EMPTY = ["", " ", ",", ";;;;", "\t\t", "\x1c", '""', '"\n"', "#"]


@st.composite
def files(draw: st.DrawFn) -> str:
    """A file of up to three columns and five rows, half of them without a fault."""
    width = draw(st.integers(1, 3))
    delimiter, end = (
        draw(st.sampled_from([",", ",", ";", "\t", "|"])),
        draw(st.sampled_from(["\n", "\n", "\r\n", "\r"])),
    )
    fields = NUMBERS if draw(st.booleans()) else st.one_of(NUMBERS, st.sampled_from(ODD))
    lines = [delimiter.join(["y", "a", "b"][:width])]
    for _ in range(draw(st.integers(0, 5))):
        ragged = fields is not NUMBERS and draw(st.integers(0, 5)) == 0
        count = draw(st.integers(0, 4)) if ragged else width
        lines.append(delimiter.join(draw(fields) for _ in range(count)))
        lines += [draw(st.sampled_from(EMPTY))] if draw(st.integers(0, 6)) == 0 else []
    above = [draw(st.sampled_from(["\ufeff", *EMPTY]))] if draw(st.integers(0, 6)) == 0 else []
    return end.join([*above, *lines]) + draw(st.sampled_from(["", end, end + end]))


def plainly(text: str) -> tuple[tuple[str, ...], list[tuple[str, ...]], list[int]]:
    """Names, fields and line numbers by the standard library alone; an exception for anything that is not whole."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=vote(text.encode()), strict=True)
    rows, lines, line = [], [], 1
    for record in reader:
        stripped = tuple(field.strip(SPACES) for field in record)
        if any(stripped):
            rows.append(stripped)
            lines.append(line)
        line = reader.line_num + 1
    header, *rows = rows
    if any(len(row) != len(header) for row in rows) or len(set(header)) < len(header) or not all(header):
        raise ValueError("not a table")
    return header, rows, lines[1:]


@settings(max_examples=600)
@given(files())
@example(",,\ny,a\n1,2\n3,4\n")
@example("y,a\r1,2\r\n3,4\n")
@example("y,a\n1,2\n\x1c\n3,x\n")
@example("y,a\n-nan,1\n2,3\n4,5\n")
@example("y,a\n1,\n,\n2\n")
@example("y,a\n,\n\n,1\n , \n2,\n")
@example("y\n\n1\n\n2\n")
@example('y,a\n"",""\n1,2\n"\n",\n3,4\n')
def test_what_one_reads_the_other_reads(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    file.write_bytes(text.encode())
    try:
        header, rows, lines = plainly(text)
    except (ValueError, csv.Error):
        with pytest.raises(TableError) as caught:
            open_sheet(file).frame(least=0)
        # What polars alone has against a file would be a fault that the first look missed.
        assert "cannot be read as CSV" not in str(caught.value)
        return
    try:
        sheet = open_sheet(file)
        frame = sheet.frame(least=0)
    except TableError as refused:
        # Refused although they could be read: empty lines of more fields than there are columns, and stray quotes.
        assert "fields but the header names" in str(refused) or "a quotation mark within the value" in str(refused)
        return
    assert (sheet.names, frame.rows()) == (header, rows)
    assert [sheet.line_of(row) for row in range(frame.height)] == lines
    assert open_sheet(file).frame(header[-1:], least=0).rows() == [row[-1:] for row in rows]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gz"])
@pytest.mark.parametrize("quoting", [csv.QUOTE_MINIMAL, csv.QUOTE_ALL, csv.QUOTE_NONNUMERIC])
def test_a_long_file_as_pandas_reads_it(quoting: int, pack: Callable[[bytes], bytes], tmp_path: Path) -> None:
    """Long enough to be read in blocks, with gaps in all columns and line ends, delimiters and quotes in values."""
    random = np.random.default_rng(0)
    words = np.array(["", "north, by east", "two\nlines", 'a "word"', "é", "\n", '"', "plain"])
    frame = pd.DataFrame(
        {
            "a": np.where(random.random(60_000) < 0.1, np.nan, random.standard_normal(60_000)),
            "b": words[random.integers(0, len(words), 60_000)],
            "y": np.where(random.random(60_000) < 0.3, np.nan, np.arange(60_000)),
        }
    )
    file = tmp_path / "long.csv"
    file.write_bytes(pack(frame.to_csv(index=False, quoting=quoting).encode()))
    packed = "gzip" if pack is gzip.compress else None
    oracle = pd.read_csv(file, dtype=str, keep_default_na=False, compression=packed)  # type: ignore[call-overload]
    expected = [tuple(field.strip(SPACES) for field in row) for row in oracle.itertuples(index=False)]
    assert open_sheet(file).frame().rows() == [row for row in expected if any(row)]
