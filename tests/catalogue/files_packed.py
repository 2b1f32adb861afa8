"""Archives, Parquet, and files of other kinds under the name of a table; places that hold no file."""

from __future__ import annotations

import gzip
import io
import json
import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import polars as pl

from catalogue.cases import CLEAN, KIND, PLAIN, ROWS, A, B, Case, Columns, Y, refused, right
from catalogue.files_kinds import DAYS, HOURS, dated

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

GZ, ZST = gzip.compress(PLAIN, mtime=0), zstd.compress(PLAIN)


def called(name: str, data: bytes) -> Callable[[Path], Path]:
    """A file of another name."""

    def write(folder: Path) -> Path:
        (folder / name).write_bytes(data)
        return folder / name

    return write


def parquet(columns: Any, name: str = "data.parquet") -> Callable[[Path], Path]:
    """A Parquet file of columns."""
    file = io.BytesIO()
    pl.DataFrame(columns).write_parquet(file)
    return called(name, file.getvalue())


def table(name: str, columns: dict[str, Any], clean: Columns, *told: str) -> Case:
    """A Parquet file with a column of a type of its own."""
    return right(name, parquet({**columns, "a": A, "y": Y}), {**clean, "a": A, "y": Y}, *told)


def other(name: str, column: Any, *told: str) -> Case:
    """A Parquet file with a column of a type that cannot be learned from."""
    columns = pl.DataFrame({"a": A, "y": Y}).with_columns(pl.Series("odd", column))
    return refused(name, parquet(columns), "column 'odd'", *told, "--drop odd")


def zipped(**files: bytes) -> bytes:
    """A zip archive."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as opened:
        for name, data in files.items():
            opened.writestr(name, data)
    return file.getvalue()


_PARQUET = io.BytesIO()
pl.DataFrame(CLEAN).write_parquet(_PARQUET)
PARQUET = _PARQUET.getvalue()
_HTML = b"<!DOCTYPE html>\n<html><table><tr><td>1</td></tr></table></html>\n"
_XML = b'<?xml version="1.0"?>\n<table><row a="1" y="2"/></table>\n'

ARCHIVES = (
    right("gzip", called("data.csv.gz", GZ), CLEAN, "the file is a gzip archive, unpacked"),
    right("gzip of another name", GZ, CLEAN, "gzip archive, unpacked"),
    right("zstd", called("data.csv.zst", ZST), CLEAN, "the file is a zstd archive, unpacked"),
    right("zstd of another name", called("data.parquet", ZST), CLEAN, "zstd archive, unpacked"),
    right("plain text called gzip", called("data.csv.gz", PLAIN), CLEAN),
    right("two gzip members", gzip.compress(PLAIN[:100]) + gzip.compress(PLAIN[100:]), CLEAN),
    refused("a gzip archive that breaks off", GZ[:-20], "gzip archive that breaks off", "get it again"),
    refused("a gzip archive with a wrong sum", GZ[:-8] + bytes(8), "gzip archive that cannot be unpacked", "gunzip"),
    refused("a gzip archive of noise", GZ[:12] + bytes(range(200)), "gzip archive that cannot be unpacked", "gunzip"),
    refused("a zstd archive that breaks off", ZST[:-20], "zstd archive that", "get it again"),
    refused("an archive within an archive", gzip.compress(GZ), "a gzip archive", "unpack it first"),
    refused(
        "an archive that fills the memory", gzip.compress(b"a,b,y\n" + b"1,2,3\n" * 15_000_000), "unpacks to", "gunzip"
    ),
    refused("Parquet in a gzip archive", gzip.compress(PARQUET), "Parquet", "unpack it first"),
    refused("a gzip archive of nothing", gzip.compress(b""), "is empty"),
)

TYPED = (
    right("Parquet", parquet(CLEAN), CLEAN),
    right("Parquet of another name", parquet(CLEAN, "data.csv"), CLEAN),
    table(
        "integers and truth values of Parquet",
        {"n": range(ROWS), "kept": [a > 3 for a in A]},
        {"n": range(ROWS), "kept": [float(a > 3) for a in A]},
        "1 where true, 0 where false",
    ),
    table("decimals of Parquet", {"price": [Decimal(str(b)) for b in B]}, {"price": B}),
    table("a category of Parquet", {"kind": pl.Series(KIND, dtype=pl.Categorical)}, {"kind": KIND}, "each of 3 values"),
    table(
        "an enumeration of Parquet",
        {"kind": pl.Series(KIND, dtype=pl.Enum(["cedar", "birch", "ash"]))},
        {"kind": KIND},
        "each of 3 values",
    ),
    table("dates of Parquet", {"day": [one.date() for one in DAYS]}, dated(DAYS), "days since 1970-01-01"),
    table("moments of Parquet", {"day": HOURS}, dated(HOURS, hours=True), "hour"),
    table(
        "durations of Parquet",
        {"took": [timedelta(seconds=row * row % 50) for row in range(ROWS)]},
        {"took": [float(row * row % 50) for row in range(ROWS)]},
        "read as seconds: 'took'",
    ),
    table("gaps of Parquet", {"n": [None, float("nan"), *B[2:]]}, {"n": [None, None, *B[2:]]}, "gaps take the median"),
    table(
        "text of numbers in Parquet", {"n": [str(b) for b in B]}, {"n": B}, "numbers written as text, read as numbers"
    ),
    table(
        "numbers of 8 bits in Parquet",
        {"n": pl.Series([row * 5 for row in range(ROWS)], dtype=pl.UInt8)},
        {"n": [row * 5 for row in range(ROWS)]},
    ),
    other("lists of Parquet", [[row, 1] for row in range(ROWS)], "lists", "columns of their own"),
    other("fields in fields of Parquet", [{"p": row, "q": 1} for row in range(ROWS)], "several fields in one"),
    other("raw bytes of Parquet", [b"x"] * ROWS, "raw bytes"),
    refused(
        "an infinite number of Parquet",
        parquet({"a": [*A[:-1], float("inf")], "b": B, "y": Y}),
        "column 'a'",
        "infinite",
        f"row {ROWS}",
        "--drop a",
    ),
    refused(
        "a Parquet file that breaks off", PARQUET[: len(PARQUET) // 2], "Parquet file that breaks off", "get it again"
    ),
    refused("a Parquet file of noise", b"PAR1" + bytes(200) + PARQUET[-50:], "Parquet file that", "get it again"),
    refused("a Parquet file of one row", parquet(pl.DataFrame(CLEAN).head(1)), "one row of data"),
    refused("a Parquet file of no rows", parquet(pl.DataFrame(CLEAN).clear()), "no row"),
    refused(
        "an infinite Parquet target",
        parquet({"a": A, "y": [float("inf"), *Y[1:]]}),
        "target column 'y'",
        "infinite",
        "row 1",
        "correct that row or remove it",
    ),
    refused(
        "a Parquet target of nan",
        parquet({"a": A, "y": [*Y[:-1], float("nan")]}),
        "target column 'y'",
        f"row {ROWS}",
        "--skip-missing-target",
    ),
    refused(
        "an infinite Parquet weight",
        parquet({**CLEAN, "w": [float("inf")] * ROWS}),
        "weight column 'w'",
        "row 1",
        read={"weight": "w"},
    ),
    right(
        "Parquet weights that are decimals",
        parquet({**CLEAN, "w": [Decimal(1 + row % 3) for row in range(ROWS)]}),
        {**CLEAN, "weight": [1 + row % 3 for row in range(ROWS)]},
        read={"weight": "w"},
    ),
    right(
        "a Parquet target of truth values",
        parquet({"a": A, "b": B, "y": [y > 0 for y in Y]}),
        {"a": A, "b": B, "y": [float(y > 0) for y in Y]},
        "true and false are read as 1 and 0 in 'y'",
        read={"classes": False},
    ),
    right(
        "a Parquet target of numbers as text",
        parquet({"a": A, "b": B, "y": [str(y) for y in Y]}),
        CLEAN,
    ),
    refused("a Parquet target of lists", parquet({"a": A, "y": [[1]] * ROWS}), "column 'y' (lists)"),
    refused(
        "a Parquet group of nan",
        parquet({**CLEAN, "g": [float("nan"), 2.0] * (ROWS // 2)}),
        "group column 'g'",
        "no value",
        "row 1",
        read={"group": "g"},
    ),
    refused(
        "a Parquet time of categories",
        parquet({**CLEAN, "t": pl.Series(KIND, dtype=pl.Categorical)}),
        "time column 't'",
        "'ash'",
        "row 1",
        read={"time": "t"},
    ),
    right(
        "a Parquet time in a zone",
        parquet({**CLEAN, "t": pl.Series(DAYS).dt.replace_time_zone("Europe/Berlin")}),
        CLEAN,
        "by time",
        read={"time": "t", "drop": ["t"]},
    ),
    refused("a Parquet name of nothing", parquet({"": A, "y": Y}), "column 1 has no name"),
    refused("Parquet names that differ in blanks", parquet({"a": A, " a": B, "y": Y}), "columns 1 and 2", "'a'"),
    refused(
        "a Parquet target of text, as numbers",
        parquet({"a": A, "y": KIND}),
        "target column 'y'",
        "'ash'",
        "row 1",
        read={"classes": False},
    ),
    refused(
        "a Parquet target of dates",
        parquet({"a": A, "y": [date(2024, 1, 1 + row) for row in range(ROWS)]}),
        "target column 'y'",
        "row 1",
    ),
    refused(
        "a Parquet target of moments with gaps",
        parquet({"a": A, "y": [None, *[datetime(2024, 1, 1 + row) for row in range(ROWS - 1)]]}),
        "target column 'y'",
    ),
)

OTHERS = (
    refused(
        "a zip archive called .csv",
        zipped(**{"data.csv": PLAIN}),
        "zip archive or a spreadsheet",
        "save the sheet as CSV",
    ),
    refused(
        "a spreadsheet (.xlsx) called .csv",
        zipped(**{"xl/workbook.xml": _XML}),
        "spreadsheet (.xlsx)",
        "save the sheet as CSV",
    ),
    refused(
        "a spreadsheet (.xls) called .csv",
        b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600),
        "spreadsheet (.xls)",
        "save the sheet as CSV",
    ),
    refused("a PDF document called .csv", b"%PDF-1.7\n1 0 obj\n", "PDF document", "as CSV"),
    refused("a web page called .csv", _HTML, "web page", "download the table itself"),
    refused("a web page after a blank line", b"\n  " + _HTML, "web page"),
    refused("XML called .csv", _XML, "XML document"),
    refused("JSON called .csv", json.dumps({"a": A, "y": Y}).encode(), "JSON"),
    refused(
        "JSON of records called .csv",
        json.dumps([{"a": a, "y": y} for a, y in zip(A, Y, strict=True)]).encode(),
        "JSON",
    ),
    refused(
        "JSON in lines called .csv",
        "".join(json.dumps({"a": a, "y": y}) + "\n" for a, y in zip(A, Y, strict=True)).encode(),
        "JSON",
    ),
    refused("a pickle called .csv", pickle.dumps({"a": A, "y": Y}), "data.csv", "pickle"),
    refused("an Arrow file called .csv", b"ARROW1\0\0" + bytes(50), "Arrow", "Parquet or CSV"),
    refused("a NumPy array called .csv", b"\x93NUMPY\x01\0" + bytes(50), "NumPy array"),
    refused("an SQLite database called .csv", b"SQLite format 3\0" + bytes(50), "SQLite"),
    refused("a picture called .csv", b"\x89PNG\r\n\x1a\n" + bytes(50), "data.csv"),
    refused("noise called .csv", bytes((row * 197 + 31) % 251 + 1 for row in range(500)), "not UTF-8", "byte"),
    refused("a folder", lambda folder: folder, "is a folder"),
    refused(
        "a file that is not there",
        lambda folder: called("date.csv", PLAIN)(folder).with_name("data.csv"),
        "does not exist",
        "did you mean",
        "date.csv",
    ),
    refused(
        "a folder that is not there",
        lambda folder: folder / "no" / "data.csv",
        "does not exist",
        "check the name and the folder",
    ),
    refused("a name that is too long", lambda folder: folder / ("x" * 5000), "cannot be read"),
    refused("a FIFO", lambda folder: _pipe(folder / "data.csv"), "pipe or device"),
    refused("a link to nothing", lambda folder: _link(folder / "data.csv"), "does not exist"),
    right("a link to a file", lambda folder: _link(folder / "link.csv", called("data.csv", PLAIN)(folder)), CLEAN),
    right("a name with quotation marks and blanks", called('it\'s "my" data.csv', PLAIN), CLEAN),
    right("a file's name with an escape sequence", called("\x1b[31mdata.csv", PLAIN), CLEAN),
    right("a name that is an option of Unix", called("-rf", PLAIN), CLEAN),
)


def _pipe(place: Path) -> Path:
    """A pipe with a name."""
    os.mkfifo(place)
    return place


def _link(place: Path, to: Path = Path("nowhere")) -> Path:
    """A link."""
    place.symlink_to(to)
    return place


CASES = (*ARCHIVES, *TYPED, *OTHERS)
