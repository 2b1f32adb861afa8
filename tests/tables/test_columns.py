"""Columns that are not what their role needs: the sentence names column, line, value and what to type next."""

from __future__ import annotations

import csv
import io
import re
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import weightdecay as wd
from weightdecay.cli import options
from weightdecay.tables.faults import MISSING, drop
from weightdecay.tables.preflight import TableError

Refusal = Callable[..., str]

HOSTILE = {
    "escape sequence": "\x1b[31mred\x1b[0m",
    "bell": "a\x07b",
    "right to left": "abc\u202etxt.exe",
    "zero width": "a\u200bb",
    "line separator": "a\u2028b",
    "tag": "a\U000e0041b",
}


@pytest.fixture
def refusal(tmp_path: Path) -> Refusal:
    """The sentence with which a file is refused."""

    def refuse(content: str, **columns: object) -> str:
        file = tmp_path / "data.csv"
        file.write_text(content, encoding="utf-8", newline="")
        with pytest.raises(TableError) as caught:
            wd.read(file, "y", **columns)  # type: ignore[arg-type]
        return str(caught.value)

    return refuse


def table(*columns: str, rows: int = 12) -> list[list[str]]:
    """A sound table as rows of fields, the header first."""
    numbers = np.random.default_rng(0).standard_normal((rows, len(columns)))
    return [list(columns), *([repr(float(value)) for value in row] for row in numbers)]


def csv_of(records: list[list[str]], delimiter: str = ",") -> str:
    return "".join(delimiter.join(record) + "\n" for record in records)


def spoilt(row: int, column: int, field: str) -> str:
    """A sound table of a, b and y with one field changed; rows count from 0 below the header."""
    records = table("a", "b", "y")
    records[row + 1][column] = field
    return csv_of(records)


@pytest.mark.parametrize(
    "field", ["oops", "1_000", "0x1F", "1 234", "12%", "$3", "--1", "1e", "e5", "٣", "１", "1,5,5"]
)
def test_a_word_among_numbers(field: str, refusal: Refusal) -> None:
    shown = f'"{field}"' if "," in field else field
    sentence = refusal(spoilt(7, 1, shown))
    assert "column 'b' of " in sentence and f"holds the text {field!r} (line 9)" in sentence
    assert "correct that line, or leave the column out with --drop b" in sentence


def test_a_word_at_row_20_000(refusal: Refusal) -> None:
    records = table("a", "b", "y", rows=30_000)
    records[20_000][1] = "oops"
    records[25_000][1] = "again"
    sentence = refusal(csv_of(records))
    assert "column 'b'" in sentence and "the text 'oops' (line 20001, one of 2 such lines)" in sentence


def test_lines_are_counted_as_an_editor_does(refusal: Refusal) -> None:
    content = '\n\n"a\nlong name",y\n1,2\n\n"3\n",4\n\n\nx,6\n'
    assert f"(line {1 + content.split(chr(10)).index('x,6')})" in refusal(content)


@pytest.mark.parametrize("marker", MISSING)
def test_a_target_without_a_value(marker: str, refusal: Refusal) -> None:
    sentence = refusal(spoilt(3, 2, marker.upper()))
    assert "target column 'y' of " in sentence and f"has no value in line 5 ({marker.upper()!r})" in sentence
    assert sentence.endswith("; fill it in, or leave such lines out with --skip-missing-target")


@pytest.mark.parametrize("field", ["nan", "NaN", "-nan", "+NAN"])
def test_nan_is_never_a_number(field: str, refusal: Refusal) -> None:
    sentence = refusal(spoilt(0, 2, field))
    assert sentence.startswith("target column 'y'") and f"has no value in line 2 ({field!r})" in sentence


@pytest.mark.parametrize("field", ["inf", "-inf", "Infinity", "1e999", "-1e400", "9" * 400])
@pytest.mark.parametrize(("column", "role"), [(0, "column 'a'"), (2, "target column 'y'")])
def test_infinite_and_too_large_numbers(field: str, column: int, role: str, refusal: Refusal) -> None:
    sentence = refusal(spoilt(11, column, field))
    assert sentence.startswith(role)
    assert "is infinite, or too large for a float64, in line 13" in sentence and field[:20] in sentence


def test_targets_without_a_value_are_counted_together(refusal: Refusal) -> None:
    records = table("a", "y")
    for row, marker in enumerate(["-", "?", "NA", ""], start=2):
        records[row][1] = marker
    assert "no value in line 3 ('-', one of 4 such lines)" in refusal(csv_of(records))


def test_a_role_of_text_is_told_what_it_may_be(refusal: Refusal) -> None:
    content = csv_of([["a", "firm", "y"], *([str(row), f"f{row}", str(row**2)] for row in range(9))])
    told = refusal(content, weight="firm")
    assert told.endswith("; a weight must be a number in every line: name another column")
    content = content.replace("firm", "z").replace("y", "x").replace("z", "y")
    told = refusal(content, classes=False)
    assert told.endswith(
        "; a target must be a number in every line: name another column, or take its texts for classes (--model "
        "logistic, in Python classes=True)"
    )
    told = refusal(content)
    assert "has a class of its own in every row (9 in 9: 'f0', 'f1', …), like an identifier" in told


def test_text_is_told_before_what_is_infinite(refusal: Refusal) -> None:
    records = table("a", "b", "y")
    records[1][0], records[5][1] = "inf", "oops"
    assert "column 'b'" in refusal(csv_of(records))


@pytest.mark.parametrize("field", ["1,234.5", "1,000", "-12,345,678", "1,5"])
def test_commas_in_numbers(field: str, refusal: Refusal) -> None:
    sentence = refusal(f'a,y\n"{field}",1\n"{field}",2\n3,3\n')
    assert "column 'a' of " in sentence and f"holds the text {field!r} (line 2, one of 2 such lines)" in sentence
    assert "write its numbers with a decimal point, without commas, or leave the column out with --drop a" in sentence


@pytest.mark.parametrize("field", ["1.234", "1.234,5", "2.5"])
def test_points_among_decimal_commas(field: str, refusal: Refusal) -> None:
    rows = "".join(f"{row},5;{row}\n" for row in range(9))
    sentence = refusal(f"a;y\n{rows}{field};1\n")
    assert f"holds the text {field!r} (line 11)" in sentence and "other fields have a decimal comma ('0,5')" in sentence


def test_points_that_may_part_thousands_where_other_columns_have_decimal_commas(refusal: Refusal) -> None:
    rows = "".join(f"{row},5;{row + 1}.500;{row}\n" for row in range(9))
    sentence = refusal(f"a;b;y\n{rows}")
    assert "column 'b' of " in sentence and "holds the text '1.500' (line 2, one of 9 such lines)" in sentence


def test_words_that_recur_among_numbers_are_all_named(refusal: Refusal) -> None:
    records = table("a", "y", rows=40)
    for row in range(10, 30, 2):
        records[row][0] = "refused" if row % 4 else "unknown"
    sentence = refusal(csv_of(records))
    assert "holds the texts 'refused' (5 lines) and 'unknown' (5 lines), first 'refused' in line 11" in sentence
    assert "leave the field empty where there is no value or name such a word with --missing" in sentence
    assert "--missing refused,unknown" in sentence and sentence.endswith("--drop a")


def test_one_word_that_recurs_among_numbers(refusal: Refusal) -> None:
    records = table("a", "y", rows=40)
    for row in range(10, 30, 2):
        records[row][0] = "unknown"
    assert "holds the text 'unknown' (line 11, one of 10 such lines); leave the field empty" in refusal(csv_of(records))


def test_a_slip_among_dates(refusal: Refusal) -> None:
    rows = "".join(f"2024-01-{row + 10},{row}\n" for row in range(9))
    for field in ("2024-02-30", "2024-13-01", "soon", "2024-01-01T25:00", "2024-01-01T10:61", "01/02/2024"):
        sentence = refusal(f"d,y\n{rows}{field},3\n")
        assert (
            "column 'd' of " in sentence
            and f"holds {field!r}, which is no date that can be read, among dates (line 11)" in sentence
        )
        assert "write it as YYYY-MM-DD, leave it empty, or leave the column out with --drop d" in sentence


def test_nothing_left_to_learn_from_is_told_column_by_column(refusal: Refusal) -> None:
    rows = "".join(f"Paris,id{row},,{row}\n" for row in range(9))
    sentence = refusal(f"city,id,none,y\n{rows}")
    assert (
        "is left to learn from: 'city' is left out: 'Paris' in every row; 'id' is left out: a value of its" in sentence
    )
    assert "'none' is left out: no row has a value" in sentence


def test_very_many_columns_of_nothing_make_a_short_sentence(refusal: Refusal) -> None:
    names = [f"column{index}" for index in range(500)]
    sentence = refusal(
        ",".join([*names, "y"]) + "\n" + "".join(",".join(["x"] * 500) + f",{row}\n" for row in range(3))
    )
    assert "and 494 more" in sentence and len(sentence) < 800


@pytest.mark.parametrize(
    "names", [["plain"], ["with space"], ["a,b"], ['a "q"', "b"], ["it's"], ["$HOME", "`x`"], ["é,ü"]]
)
def test_the_option_told_is_what_a_shell_and_the_command_line_read(names: list[str], refusal: Refusal) -> None:
    option = drop(names)
    assert options.names(shlex.split(option)[1:]) == names
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow([names[0], "y"])
    assert refusal(header.getvalue() + "1,1\nword,2\n3,3\n").endswith(drop(names[:1]))


@pytest.mark.parametrize("name", HOSTILE.values(), ids=HOSTILE)
def test_hostile_names_and_values_show_as_codes(name: str, refusal: Refusal) -> None:
    for sentence in (
        refusal(f"{name},y\nword,1\nword,2\n"),
        refusal(f"{name},y\nword,1\n3,2\n4,3\n"),
        refusal(f"a,y\n{name},1\n2,2\n3,3\n"),
        refusal(f"{name},{name},y\n1,2,3\n4,5,6\n"),
        refusal(f"{name},b\n1,2\n3,4\n"),
    ):
        assert sentence.isprintable()
        assert repr(name) in sentence


def test_very_long_names_and_values_are_cut(refusal: Refusal) -> None:
    long = "x" * 100_000
    for content in (f"{long},y\nword,1\nword,2\n", f"a,y\n{long},1\n2,2\n", f"{long},{long},y\n1,2,3\n4,5,6\n"):
        assert len(refusal(content)) < 600


def test_the_target_is_text(refusal: Refusal) -> None:
    rows = "".join(f"{row},{'yes' if row % 3 else 'no'}\n" for row in range(9))
    sentence = refusal(f"a,y\n{rows}", classes=False)
    assert sentence.startswith("target column 'y' of ")
    assert "holds the text 'no' (line 2, one of 9 such lines)" in sentence
    assert "name another column, or take its texts for classes (--model logistic" in sentence


def test_the_target_has_a_word(refusal: Refusal) -> None:
    sentence = refusal(spoilt(4, 2, "oops"))
    assert sentence.startswith("target column 'y'") and "'oops' (line 6)" in sentence
    assert sentence.endswith("correct that line or remove it")


def test_the_target_is_told_before_the_columns(refusal: Refusal) -> None:
    assert refusal("a,b,y\nx,1,NA\nz,2,3\nu,3,4\n").startswith("target column 'y'")


@pytest.mark.parametrize("value", ["1", "-0.5", "1e300", "0"])
def test_a_constant_target(value: str, refusal: Refusal) -> None:
    sentence = refusal("a,y\n" + "".join(f"{row},{value}\n" for row in range(9)))
    assert "target column 'y' of " in sentence and "in all 9 rows, so there is nothing to predict" in sentence
    assert f"is {float(value):g} in all" in sentence


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("-1", r"is negative \(-1\) in line 6; a weight says how much a row counts, 0 or more"),
        ("heavy", r"holds the text 'heavy' \(line 6\)"),
        ("NA", r"has no value in line 6"),
        ("1e999", r"is infinite, or too large"),
    ],
)
def test_weights_that_are_none(field: str, told: str, refusal: Refusal) -> None:
    records = [["w", "a", "y"], *(["1", str(row * row), str(row)] for row in range(9))]
    records[5][0] = field
    sentence = refusal(csv_of(records), weight="w")
    assert sentence.startswith("weight column 'w' of") and re.search(told, sentence)


def test_weights_that_are_all_zero(refusal: Refusal) -> None:
    assert "is 0 in every row, so no row counts" in refusal("w,a,y\n0,1,2\n0,3,4\n", weight="w")


@pytest.mark.parametrize("marker", ["", "NA", " ", "?"])
def test_a_row_without_a_group(marker: str, refusal: Refusal) -> None:
    sentence = refusal(f"g,a,y\nx,1,2\n\n{marker},3,4\nx,5,7\n", group="g")
    assert "group column 'g' of" in sentence and "has no value in line 4; every row needs a group" in sentence


def test_truth_values_mixed_with_numbers_are_text(refusal: Refusal) -> None:
    assert "'true' (line 2" in refusal("a,y\ntrue,1\n0,2\n1,3\n")


def test_all_columns_at_fault_are_told_at_once(refusal: Refusal) -> None:
    records = table("a", "b", "c", "d", "y")
    records[3][0], records[5][1], records[6][2], records[7][2] = "oops", "what", "inf", "1e999"
    sentence = refusal(csv_of(records))
    assert "column 'a' of " in sentence and "holds the text 'oops' (line 4); correct that line, or leave" in sentence
    assert sentence.endswith(
        "; 2 other columns have faults too: 'b' ('what' in line 6), 'c' ('inf' in line 7); --drop a,b,c leaves all of "
        "them out"
    )
    records[3][0] = "1"
    assert "1 other column has a fault too: 'c' ('inf' in line 7)" in refusal(csv_of(records))


def test_roles_at_fault_are_told_with_the_columns(refusal: Refusal) -> None:
    records = table("w", "g", "t", "a", "y")
    for record in records[1:]:
        record[0] = "1"
    records[2][4], records[3][0], records[4][1], records[5][2], records[6][3] = "NA", "-1", "", "soon", "oops"
    sentence = refusal(csv_of(records), weight="w", group="g", time="t")
    assert sentence.startswith("target column 'y' of ") and "has no value in line 3" in sentence
    assert sentence.endswith(
        "4 other columns have faults too: weight column 'w', group column 'g', time column 't', 'a' ('oops' in line 7)"
    )
    # Which rows are left out is not known where the target is at fault.
    records[2][4] = "oops"
    assert "other column" not in refusal(csv_of(records), weight="w", skip_missing_target=True)


def test_very_many_columns_at_fault_make_a_short_sentence(refusal: Refusal) -> None:
    records = table(*(f"c{place}" for place in range(3000)), "y", rows=5)
    records[2][:3000] = ["oops"] * 3000
    sentence = refusal(csv_of(records))
    assert "2,999 other columns have faults too: 'c1' ('oops' in line 3), " in sentence and "and 2,994 more" in sentence
    assert len(sentence) < 600


def test_both_decimal_marks_in_several_columns(refusal: Refusal) -> None:
    rows = "".join(f"{row},5;{row},5;{row}\n" for row in range(9))
    assert "1 other column has a fault too: 'b' ('2.5' in line 11)" in refusal(f"a;b;y\n{rows}2.5;2.5;1\n")
