"""Files that are no table: each ends in one sentence with the place and a next step."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import weightdecay as wd
from weightdecay.tables import preflight
from weightdecay.tables.preflight import TableError
from weightdecay.tables.sheets import Sheet, open_sheet

ROWS = "".join(f"{row},{row * row},{row % 7}\n" for row in range(50))
SOUND = f"a,b,y\n{ROWS}"

Refusal = Callable[..., str]


@pytest.fixture
def refusal(tmp_path: Path) -> Refusal:
    """The sentence with which a file is refused: by its sheet, or, given a target, by the table made of it."""

    def refuse(content: str | bytes, target: str | None = None, **columns: object) -> str:
        file = tmp_path / "data.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        with pytest.raises(TableError) as caught:
            if target is None:
                open_sheet(file).frame()
            else:
                wd.read(file, target, **columns)  # type: ignore[arg-type]
        sentence = str(caught.value)
        assert "\n" not in sentence
        return sentence

    return refuse


@pytest.fixture
def sheet(tmp_path: Path) -> Callable[[str | bytes], Sheet]:
    """The sheet in a file of some content."""

    def opened(content: str | bytes) -> Sheet:
        file = tmp_path / "data.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return open_sheet(file)

    return opened


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
    assert re.search(r"not UTF-8|NUL byte|not CSV text|archive that", sentence)


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


@pytest.mark.parametrize("content", ['a,y\n1,2"3\n4,5\n', 'a,y\n1, "x\n4,y"\n5,6\n'])
def test_a_quotation_mark_within_a_value(content: str, refusal: Refusal) -> None:
    sentence = refusal(content)
    assert "line 2" in sentence and "within the value" in sentence


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
    assert "line 1 holds only numbers" in refusal("1,2.5,-3e4\n4,5,6\n", "y")
    assert "only one column was found" in refusal("a b y\n1 2 3\n4 5 6\n", "y")
    assert "only one column was found" in refusal("y\n1\n2\n", "y")


@pytest.mark.parametrize("header", ["0,0,1", "1,,3", "-1e3,2,-1e3"])
def test_a_header_of_numbers_is_told_before_their_names_are_judged(header: str, refusal: Refusal) -> None:
    sentence = refusal(f"{header}\n1,2,3\n4,5,6\n")
    assert "line 1 of " in sentence and "holds only numbers where column names are expected" in sentence
    assert "same name" not in sentence and "no name" not in sentence


def test_nothing_is_to_be_dropped_fewer_where_nothing_was_dropped(refusal: Refusal) -> None:
    sentence = refusal("y\n1\n2\n", "y")
    assert "drop fewer" not in sentence and "at least one column beside the target is needed" in sentence
    assert "drop fewer" in refusal("a,y\n1,2\n2,3\n", "y", drop=["a"])


def test_a_column_has_one_role(refusal: Refusal) -> None:
    assert "'y' cannot be the target and the weight column" in refusal(SOUND, "y", weight="y")
    assert "'y' cannot be the target and the column to drop" in refusal(SOUND, "y", drop=["y"])
    assert "'a' cannot be the weight column and the group column" in refusal(SOUND, "y", weight="a", group="a")
    assert "column to drop 'c' is not in" in refusal(SOUND, "y", drop=["c"])
    assert "weight column 'w' is not in" in refusal(SOUND, "y", weight="w")
    assert "no column is left" in refusal(SOUND, "y", drop=["a", "b"])


def test_many_columns_are_not_all_listed(refusal: Refusal) -> None:
    header = ",".join(f"column{index}" for index in range(300))
    sentence = refusal(f"{header}\n{','.join(['1'] * 300)}\n{','.join(['2'] * 300)}\n", target="zzz")
    assert "and 292 more" in sentence and len(sentence) < 500


def test_a_sheet_of_text(sheet: Callable[[str], Sheet], tmp_path: Path) -> None:
    read = sheet('\n a ;b; y\n 1 ;;"x\ny"\n;;\n\n3;NA;\u00a0z \n')
    assert (read.names, read.source, read.typed) == (("a", "b", "y"), str(tmp_path / "data.csv"), False)
    assert (read.delimiter, read.first_line, read.decimal_comma) == (";", 2, False)
    assert read.frame().rows() == [("1", "", "x\ny"), ("3", "NA", "z")]
    assert [read.line_of(0), read.place(1)] == [3, "line 7"]


def test_columns_are_read_as_asked_for(sheet: Callable[[str], Sheet]) -> None:
    read = sheet("a,b,y\n1,2,3\n,5,\n,,\n7,8,9\n")
    assert read.frame(["y", "a"]).rows() == [("3", "1"), ("", ""), ("9", "7")]
    assert read.notes == ("empty lines are left out: 1",)
    assert [read.place(row) for row in range(3)] == ["line 2", "line 3", "line 5"]
    assert read.frame([]).width == 0


def test_notes_tell_what_was_done(sheet: Callable[[str], Sheet]) -> None:
    read = sheet("a|y\n1|2\n\n|\n3|4\n")
    assert read.notes == ("the delimiter is a bar",)
    read.frame()
    read.frame()
    assert read.notes == ("the delimiter is a bar", "empty lines are left out: 2")


def test_fewer_rows_are_read_where_fewer_are_needed(sheet: Callable[[str], Sheet]) -> None:
    assert sheet("a,y\n1,2\n").frame(least=1).rows() == [("1", "2")]
    assert sheet("a,y\n").frame(least=0).rows() == []
    with pytest.raises(TableError, match="has a header but no row; add rows"):
        sheet("a,y\n").frame(least=1)


@pytest.mark.parametrize(
    ("fields", "comma"),
    [
        (["1,5", "2,25"], True),
        (["1.234,5", "2"], True),
        (["1.234.567", "2"], True),
        (["0,123", "0,456"], True),
        ([",5", "-1,5e-3"], True),
        (["1,234", "2,345"], True),
        (["1.234", "2,5"], True),
        (["1.5", "2.25"], False),
        (["1,234.5", "2"], False),
        (["1,234,567", "2"], False),
        (["1.234", "2.345"], False),
        (["1,234", "2.5"], False),
        (["1", "2"], False),
        (["a,b", "c,d"], False),
        (["1,2,3", "31.12.2024"], False),
        (["1,5", "2.5", "3.5"], False),
        (["1,5", "2,5", "3.5"], True),
    ],
)
@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_the_decimal_mark_is_voted_for(
    fields: list[str], comma: bool, delimiter: str, sheet: Callable[[str], Sheet]
) -> None:
    read = sheet(f"a{delimiter}y\n" + "".join(f"{field}{delimiter}1\n" for field in fields))
    assert (read.delimiter, read.decimal_comma) == (delimiter, comma)


def test_with_the_comma_between_fields_there_is_none_within_numbers(sheet: Callable[[str], Sheet]) -> None:
    assert not sheet('a,y\n"1,5",1\n"2,5",2\n').decimal_comma


def test_the_decimal_mark_of_many_lines(sheet: Callable[[str], Sheet]) -> None:
    """A few dates and versions among a thousand lines do not decide."""
    rows = [f"{row},{row % 10};{'1.5' if row % 3 == 0 else 'x'};{row}" for row in range(5000)]
    assert sheet("a;b;y\n" + "\n".join(rows)).decimal_comma


def test_lines_are_found_at_once_in_a_long_file(sheet: Callable[[str], Sheet]) -> None:
    blank = set(range(0, 300_000, 7))
    read = sheet("a,y\n" + "".join("\n" if row in blank else f"{row},1\n" for row in range(300_000)))
    values = read.frame().get_column("a").to_list()
    start = time.perf_counter()
    for row in np.random.default_rng(0).integers(0, len(values), 200).tolist():
        assert read.line_of(row) == int(values[row]) + 2
    assert time.perf_counter() - start < 5  # line by line it is half a minute


def test_gaps_in_the_last_column_are_no_short_lines(sheet: Callable[[str], Sheet], refusal: Refusal) -> None:
    rows = "".join(f"{row},{'' if row % 3 else row}\n" for row in range(1000))
    assert sheet(f"a,y\n{rows}\n,\n").frame().get_column("y").to_list()[:4] == ["0", "", "", "3"]
    assert "line 502 of" in refusal(f"a,y\n{rows}".replace("\n500,\n", "\n500\n"))
    assert "line 502 of" in refusal(f"a,y\n{rows}\n,\n".replace("\n500,\n", "\n500\n"))
    assert "line 502 of" in refusal(f'a,y\n{rows}"7,",\n'.replace("\n500,\n", "\n500\n"))


def test_what_is_not_utf_8_is_found_in_any_block(refusal: Refusal) -> None:
    line = "é,1\n".encode()
    sound = b"a,y\n" + line * (preflight.CHUNK // len(line) + 3)
    for place in (5, preflight.CHUNK - 2, preflight.CHUNK, len(sound) - 1):
        spoilt = bytearray(sound)
        spoilt[place] = 0xE9
        with pytest.raises(UnicodeDecodeError) as oracle:
            bytes(spoilt).decode()
        assert f"is not UTF-8: byte {oracle.value.start} (line" in refusal(bytes(spoilt))
    assert f"byte {len(sound) + 1} " in refusal(sound + b"x\xc3")


def test_the_byte_is_told_as_it_stands_in_a_file_with_a_mark(refusal: Refusal) -> None:
    assert "byte 7 (line 2) is 0xe9" in refusal(b"\xef\xbb\xbfa,y\n\xe9,1\n")


@pytest.mark.parametrize("space", ["\t", *(pytest.param(one, marks=pytest.mark.long) for one in ("", " ", "\u3000"))])
def test_twenty_thousand_columns_are_quick(space: str, sheet: Callable[[str], Sheet]) -> None:
    values = np.random.default_rng(0).standard_normal((20, 20_000)).tolist()
    names = [f"gene {index}" for index in range(20_000)]
    text = ",".join(names) + "\n" + "\n".join(",".join(f"{space}{value!r}" for value in row) for row in values)
    start = time.perf_counter()
    frame = sheet(text).frame()
    assert time.perf_counter() - start < 20
    assert frame.columns == names and frame.row(19) == tuple(map(repr, values[19]))
