"""Files that are no table: each ends in one sentence with the place and a next step."""

from __future__ import annotations

import gzip
import io
import os
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import weightdecay as wd
from weightdecay.tables.preflight import TableError

ROWS = "".join(f"{row},{row * row},{row % 7}\n" for row in range(50))
SOUND = f"a,b,y\n{ROWS}"

Refusal = Callable[..., str]


@pytest.fixture
def refusal(tmp_path: Path) -> Refusal:
    """The sentence with which a file is refused."""

    def refuse(content: str | bytes, target: str = "y", name: str = "data.csv", **columns: str) -> str:
        file = tmp_path / name
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(TableError) as caught:
            wd.read(file, target, **columns)
        sentence = str(caught.value)
        assert "\n" not in sentence
        return sentence

    return refuse


def zipped(text: str) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("data.csv", text)
    return file.getvalue()


def parquet(_: str) -> bytes:
    file = io.BytesIO()
    pl.DataFrame({"a": [1.0, 2.0], "y": [1.0, 2.0]}).write_parquet(file)
    return file.getvalue()


@pytest.mark.parametrize(
    ("encode", "what", "step"),
    [
        (lambda text: gzip.compress(text.encode()), "gzip", "gunzip"),
        (lambda text: gzip.compress(text.encode())[:40], "gzip", "gunzip"),
        (lambda text: b"\x28\xb5\x2f\xfd" + text.encode(), "zstd", "unzstd"),
        (zipped, "spreadsheet (.xlsx)", "save the sheet as CSV"),
        (lambda text: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(64), "spreadsheet (.xls)", "save the sheet as CSV"),
        (parquet, "Parquet", "write it as CSV"),
        (lambda text: text.encode("utf-16"), "UTF-16", "save it as UTF-8"),
        (lambda text: b"\xfe\xff" + text.encode("utf-16-be"), "UTF-16", "save it as UTF-8"),
    ],
    ids=["gz", "truncated-gz", "zstd", "zip", "xls", "parquet", "utf-16", "utf-16-be"],
)
@pytest.mark.parametrize("name", ["data.csv", "data.csv.gz", "data.parquet"])
def test_what_is_no_text_is_named_whatever_its_name(
    encode: Callable[[str], bytes], what: str, step: str, name: str, refusal: Refusal
) -> None:
    sentence = refusal(encode(SOUND), name=name)
    assert what in sentence and step in sentence


@pytest.mark.parametrize("content", ["", "\n", " \n\t\n", "\r\n\r\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n"])
def test_an_empty_file(content: str | bytes, refusal: Refusal) -> None:
    sentence = refusal(content)
    assert "is empty" in sentence and "header line" in sentence


@pytest.mark.parametrize("content", ["a,b,y", "a,b,y\n", "a,b,y\n\n\n", "a,b,y\n,,\n , ,\n"])
def test_a_header_alone(content: str, refusal: Refusal) -> None:
    assert "has a header but no row" in refusal(content)


def test_one_row(refusal: Refusal) -> None:
    sentence = refusal("a,b,y\n1,2,3\n")
    assert "one row of data" in sentence and "at least two rows" in sentence


def test_utf_16_without_its_mark_has_nul_bytes(refusal: Refusal) -> None:
    sentence = refusal(SOUND.encode("utf-16-le"))
    assert "NUL byte at byte 1 (line 1)" in sentence and "UTF-16" in sentence


def test_a_nul_byte_in_a_number(refusal: Refusal) -> None:
    content = SOUND.replace("\n20,", "\n2\x000,")
    assert f"NUL byte at byte {content.index(chr(0))} (line 22)" in refusal(content)


def test_a_latin_1_header_is_told_byte_line_and_remedy(refusal: Refusal) -> None:
    sentence = refusal("größe,y\n1,2\n3,4\n".encode("latin-1"))
    assert "byte 2 (line 1) is 0xf6" in sentence
    assert "iconv -f ISO-8859-1 -t UTF-8" in sentence


def test_windows_quotes_point_to_their_code_page(refusal: Refusal) -> None:
    sentence = refusal("a,y\n1,2\n“3”,4\n".encode("cp1252"))
    assert "byte 8 (line 3) is 0x93" in sentence and "iconv -f WINDOWS-1252" in sentence


@pytest.mark.parametrize("seed", range(30))
def test_random_bytes(seed: int, refusal: Refusal) -> None:
    noise = np.random.default_rng(seed).bytes(500)
    sentence = refusal(noise)
    assert re.search(r"not UTF-8|NUL byte|not CSV text", sentence)


@pytest.mark.parametrize(
    ("content", "line", "fields"),
    [
        ("a,b,y\n1,2,3\n4,5\n6,7,8\n", 3, "2 fields"),
        ("a,b,y\n1,2,3\n4,5,6,7\n8,9,10\n", 3, "4 fields"),
        ("a,b,y\n1,2,3\n\n4,5,6\n7\n8,9,10\n", 5, "1 field"),
        ('"a\nb",b,y\n1,2,3\n"4",5\n', 4, "2 fields"),
        ("\n,,\na,b,y\n1,2,3\n4,5\n", 5, "2 fields"),
        ("a,b,y\n1,2,3\n4,5,6\n,,,,\n", 4, "5 fields"),
        (SOUND + "1,2\n", 52, "2 fields"),
    ],
)
def test_a_row_of_another_length(content: str, line: int, fields: str, refusal: Refusal) -> None:
    sentence = refusal(content)
    assert f"line {line} of" in sentence
    assert f"has {fields} but the header names 3 columns (delimiter: comma)" in sentence


@pytest.mark.parametrize("content", ['a,y\n1,2\n"3,4\n5,6\n', 'a,y\n1,2\n3,"4\n5,6\n', 'a,y\n1,2\n3"5"",6\n"'])
def test_a_quotation_mark_that_is_never_closed(content: str, refusal: Refusal) -> None:
    sentence = refusal(content)
    assert re.search(r"line [34] ", sentence) and "quotation mark" in sentence


@pytest.mark.parametrize("content", ['a,y\n1,2"3\n4,5\n', 'a,y\n1,2 "x" 3\n4,5\n'])
def test_a_quotation_mark_within_a_value(content: str, refusal: Refusal) -> None:
    sentence = refusal(content)
    assert "line 2" in sentence and ("within the value" in sentence or "holds the text" in sentence)


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("a,b,a,y", "columns 1 and 3 have the same name 'a'"),
        ("a,b, a ,y", "columns 1 and 3 have the same name 'a'"),
        (",a,b,y", "column 1 has no name"),
        (
            ",a,b,y",
            "(index=False, row.names=FALSE), or name it there, for example 'row', and leave it out with --drop row",
        ),
        (",a,,y", "give every column a name"),
        ("a,,b,y", "column 2 has no name"),
        ("a,b,y,", "column 4 has no name"),
        ('a," ",b,y', "column 2 has no name"),
    ],
)
def test_names_are_there_and_unique(header: str, told: str, refusal: Refusal) -> None:
    sentence = refusal(f"{header}\n1,2,3,4\n5,6,7,8\n")
    assert told in sentence and "line 1 of" in sentence


def test_the_line_of_the_header_is_told_where_it_is_not_the_first(refusal: Refusal) -> None:
    assert "line 3 of" in refusal("\n , ,\na,a,y\n1,2,3\n4,5,6\n")


def test_a_missing_file_and_the_one_that_was_meant(tmp_path: Path) -> None:
    (tmp_path / "houses.csv").write_text(SOUND)
    with pytest.raises(TableError, match=r"house\.csv' does not exist; did you mean '.*houses\.csv'"):
        wd.read(tmp_path / "house.csv", "y")
    with pytest.raises(TableError, match="does not exist; check the name and the folder"):
        wd.read(tmp_path / "nowhere" / "x.csv", "y")


def test_a_folder_and_a_name_that_no_file_can_have(tmp_path: Path) -> None:
    with pytest.raises(TableError, match="is a folder; name the CSV file in it"):
        wd.read(tmp_path, "y")
    with pytest.raises(TableError, match="cannot be read"):
        wd.read("a\0b.csv", "y")
    with pytest.raises(TableError, match="cannot be read"):
        wd.read("x" * 5000, "y")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    file = tmp_path / "secret.csv"
    file.write_text(SOUND)
    file.chmod(0)
    with pytest.raises(TableError, match="permissions"):
        wd.read(file, "y")


@pytest.mark.parametrize(
    ("target", "hint"),
    [("Y", "did you mean 'y'"), ("bb", "did you mean 'b'"), ("price", "the columns are 'a', 'b', 'y'"), ("", "''")],
)
def test_a_target_that_is_not_there(target: str, hint: str, refusal: Refusal) -> None:
    sentence = refusal(SOUND, target=target)
    assert f"target {target!r} is not in" in sentence and hint in sentence


def test_a_table_without_header_and_one_without_delimiter(refusal: Refusal) -> None:
    assert "line 1 holds only numbers" in refusal("1,2.5,-3e4\n4,5,6\n")
    assert "only one column was found" in refusal("a b y\n1 2 3\n4 5 6\n")
    assert "only one column was found" in refusal("y\n1\n2\n")


@pytest.mark.parametrize("header", ["0,0,1", "1,,3", "-1e3,2,-1e3"])
def test_a_header_of_numbers_is_told_before_their_names_are_judged(header: str, refusal: Refusal) -> None:
    sentence = refusal(f"{header}\n1,2,3\n4,5,6\n")
    assert "line 1 of " in sentence and "holds only numbers where column names are expected" in sentence
    assert "same name" not in sentence and "no name" not in sentence


def test_nothing_is_to_be_dropped_fewer_where_nothing_was_dropped(refusal: Refusal) -> None:
    sentence = refusal("y\n1\n2\n")
    assert "drop fewer" not in sentence and "at least one column beside the target is needed" in sentence
    assert "drop fewer" in refusal("a,y\n1,2\n2,3\n", drop=["a"])


def test_a_column_has_one_role(refusal: Refusal) -> None:
    assert "'y' cannot be the target and the weight column" in refusal(SOUND, weight="y")
    assert "'y' cannot be the target and the column to drop" in refusal(SOUND, drop=["y"])
    assert "'a' cannot be the weight column and the group column" in refusal(SOUND, weight="a", group="a")
    assert "column to drop 'c' is not in" in refusal(SOUND, drop=["c"])
    assert "weight column 'w' is not in" in refusal(SOUND, weight="w")
    assert "no column is left" in refusal(SOUND, drop=["a", "b"])


def test_many_columns_are_not_all_listed(refusal: Refusal) -> None:
    header = ",".join(f"column{index}" for index in range(300))
    sentence = refusal(f"{header}\n{','.join(['1'] * 300)}\n{','.join(['2'] * 300)}\n", target="zzz")
    assert "and 292 more" in sentence and len(sentence) < 500
