"""Two readers see every file, the standard library's for where things stand and polars for speed: they must agree.

Random files, sound and spoilt, are read by `wd.read` and by a few lines on ``csv`` and ``float``. What one reads the
other reads, number for number; what is refused is refused with a sentence.
"""

from __future__ import annotations

import csv
import io
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import weightdecay as wd
from weightdecay.tables.preflight import SPACES, TableError, vote

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


def plainly(text: str) -> tuple[list[str], list[list[float]]]:
    """Names and numbers by the standard library alone; an exception for anything that is not whole."""
    text = text.removeprefix("\ufeff").replace("\r\n", "\n").replace("\r", "\n")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=vote(text.encode()), strict=True)
    stripped = ([field.strip(SPACES) for field in record] for record in reader)
    header, *rows = [record for record in stripped if any(record)]
    if any(len(row) != len(header) for row in rows) or len(rows) < 2 or len(header) < 2:
        raise ValueError("not a table")
    numbers = [[float(field) for field in row] for row in rows]
    if "_" in text or not all(math.isfinite(value) for row in numbers for value in row):
        raise ValueError("not finite numbers")
    if len({row[0] for row in numbers}) == 1:
        raise ValueError("a constant target")
    return header, numbers


@settings(max_examples=400)
@given(files())
@example(",,\ny,a\n1,2\n3,4\n")
@example("y,a\r1,2\r\n3,4\n")
@example("y,a\n1,2\n\x1c\n3,x\n")
@example("y,a\n-nan,1\n2,3\n4,5\n")
def test_what_one_reads_the_other_reads(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    file = tmp_path_factory.getbasetemp() / "fuzzed.csv"
    file.write_bytes(text.encode())
    try:
        header, rows = plainly(text)
    except (ValueError, csv.Error):
        with pytest.raises(TableError) as caught:
            wd.read(file, "y")
        # What polars alone has against a file would be a fault that the first look missed.
        assert "cannot be read as CSV" not in str(caught.value)
        return
    try:
        table = wd.read(file, "y")
    except TableError as refused:
        # The one thing refused that could be read: an empty line of more fields than there are columns.
        assert "fields but the header names" in str(refused)
        return
    assert [["y", *table.columns]] == [header]
    assert [[y, *x] for y, x in zip(table.y.tolist(), table.X.to_numpy().tolist(), strict=True)] == rows
