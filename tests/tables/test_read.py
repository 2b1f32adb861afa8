"""What is read is what stands there: every number to the last bit, under its name, in its row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import weightdecay as wd

Reader = Callable[..., wd.Table]


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    """The table in a file of some content."""

    def read(content: str | bytes, target: str = "y", **columns: object) -> wd.Table:
        file = tmp_path / "data.csv"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return wd.read(file, target, **columns)  # type: ignore[arg-type]

    return read


def numbers(table: wd.Table) -> list[list[float]]:
    return table.X.to_numpy().tolist()  # type: ignore[no-any-return]


def test_a_table_is_columns_and_target(reader: Reader, tmp_path: Path) -> None:
    table = reader("a,y,b\n1,2,3\n4,5,6\n7,8.5,-9e-3\n")
    assert isinstance(table, wd.Table)
    assert table.columns == tuple(table.X.columns) == ("a", "b")
    assert numbers(table) == [[1, 3], [4, 6], [7, -0.009]]
    assert table.y.tolist() == [2, 5, 8.5] and table.y.dtype == np.float64
    assert (table.target, table.source, table.notes) == ("y", str(tmp_path / "data.csv"), ())
    assert table.weight is None and table.groups is None


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["lf", "crlf", "cr"])
@pytest.mark.parametrize("last", ["", "end", "end end"])
@pytest.mark.parametrize("mark", ["", "\ufeff"], ids=["", "bom"])
def test_line_ends_and_byte_order_marks(end: str, last: str, mark: str, reader: Reader) -> None:
    text = end.join(["a,y", "1,2", "3,4"]) + last.replace("end", end).replace(" ", "")
    table = reader(mark + text)
    assert (table.columns, numbers(table), table.y.tolist()) == (("a",), [[1], [3]], [2, 4])


def test_line_ends_may_be_mixed(reader: Reader) -> None:
    assert numbers(reader("a,y\r1,2\r\n3,4\n5,6\r")) == [[1], [3], [5]]


@pytest.mark.parametrize(("delimiter", "name"), [(";", "semicolon"), ("\t", "tab"), ("|", "bar")])
def test_the_delimiter_is_found_and_told(delimiter: str, name: str, reader: Reader) -> None:
    text = "a,y,b\n1,2,3\n4,5,6\n".replace(",", delimiter)
    table = reader(text)
    assert numbers(table) == [[1, 3], [4, 6]] and table.notes == (f"the delimiter is a {name}",)


def test_the_delimiter_that_fits_most_rows_wins(reader: Reader) -> None:
    table = reader('"size; m, net"\t"y"\n' + "".join(f"{row}.5\t{row}\n" for row in range(20)))
    assert table.columns == ("size; m, net",)


def test_quoted_names_and_values(reader: Reader) -> None:
    table = reader('"a, in m","the ""best""","two\nlines",y\n"1","2"," 3 ","4"\n5,"6\n",7,8\n')
    assert table.columns == ("a, in m", 'the "best"', "two\nlines")
    assert numbers(table) == [[1, 2, 3], [5, 6, 7]]


def test_space_around_names_and_values_is_left_out(reader: Reader) -> None:
    table = reader(" a ,\ty\n 1 , 2\n\u00a03\u00a0,\u30004\n")
    assert (table.columns, numbers(table), table.y.tolist()) == (("a",), [[1], [3]], [2, 4])


HOSTILE = [
    "[red]x[/red]",
    "<script>alert(1)</script>",
    "=1+1",
    "\x1b[2J",
    "abc\u202edef",
    "$x^2$",
    "x" * 50_000,
    "名前",
]


def test_hostile_names_are_kept_as_they_are(reader: Reader) -> None:
    table = reader(",".join([*HOSTILE, "y"]) + "\n" + ("1," * len(HOSTILE) + "2\n") + ("3," * len(HOSTILE) + "4\n"))
    assert table.columns == tuple(HOSTILE) == tuple(table.X.columns)


def test_lines_above_the_header_without_anything_are_skipped(reader: Reader) -> None:
    assert numbers(reader('\n , \n"",""\na,y\n1,2\n3,4\n')) == [[1], [3]]


def test_empty_lines_are_left_out_and_counted(reader: Reader) -> None:
    table = reader("a,y\n1,2\n\n,\n \n3,4\n\n\n")
    assert numbers(table) == [[1], [3]] and table.notes == ("empty lines are left out: 3",)


def test_a_header_of_numbers_is_told(reader: Reader) -> None:
    assert reader("1999,2000,y\n1,2,3\n4,5,6\n").notes == ()
    assert reader("1999,2000\n1,2\n3,4\n", "2000").notes == ("line 1 holds only numbers and is read as the header",)


def test_true_and_false_become_numbers_and_are_told(reader: Reader) -> None:
    table = reader("a,b,y\ntrue,1,False\nFALSE,2,True\nTrue,3,False\n")
    assert numbers(table) == [[1, 1], [0, 2], [1, 3]] and table.y.tolist() == [0, 1, 0]
    assert table.notes == ("true and false are read as 1 and 0 in 'y', 'a'",)


def test_columns_to_drop_may_hold_anything(reader: Reader) -> None:
    table = reader("id,a,note,y\nx,1,NA,2\ny,3,,4\nz,5,'q,6\n", drop=["note", "id"])
    assert (table.columns, numbers(table)) == (("a",), [[1], [3], [5]])
    assert table.notes == ("left out: 'note', 'id'",)


def test_weights_and_groups_are_no_columns_to_learn_from(reader: Reader) -> None:
    table = reader("w,a,g,y\n1,10,north,2\n0,30,south pole,4\n2.5,50,north,5\n", weight="w", group="g")
    assert table.columns == ("a",)
    assert table.weight is not None and table.weight.tolist() == [1, 0, 2.5]
    assert table.groups is not None and table.groups.tolist() == ["north", "south pole", "north"]


def test_twenty_thousand_columns(reader: Reader) -> None:
    values = np.random.default_rng(0).standard_normal((20, 20_001))
    names = [f"gene {index}" for index in range(20_000)]
    text = ",".join([*names, "y"]) + "\n" + "\n".join(",".join(map(repr, row)) for row in values.tolist())
    table = reader(text)
    assert table.columns == tuple(names)
    np.testing.assert_array_equal(table.X.to_numpy(), values[:, :-1])
    np.testing.assert_array_equal(table.y, values[:, -1])


def test_quoted_line_ends_in_a_file_of_many_blocks(reader: Reader) -> None:
    """Long enough to be read in parallel blocks, none of which may begin within quotation marks."""
    file = io.StringIO()
    rows = csv.writer(file, lineterminator="\n")
    rows.writerow(["g", "a", "y"])
    labels = [f"line\n{index},\n\n{index}" for index in range(30_000)]
    rows.writerows([label, index, index % 9] for index, label in enumerate(labels))
    table = reader(file.getvalue(), group="g")
    assert table.groups is not None and table.groups.tolist() == labels
    assert table.X.to_numpy().ravel().tolist() == list(range(30_000))


EXACT = [
    "123456789012345678901234567890",
    "9007199254740993",
    "0.1",
    "1e22",
    "1e23",
    "8.5e-324",
    "5e-324",
    "2.4703282292062328e-324",
    "2.4703282292062327e-324",
    "2.2250738585072011e-308",
    "1.7976931348623157e308",
    "1.00000000000000011102230246251565404236316680908203125",
    "1.00000000000000011102230246251565404236316680908203124",
    "1.00000000000000011102230246251565404236316680908203126",
    "-0",
    "+1.",
    ".5",
    "-.5E+2",
    "00012.50",
    "1e-999",
]


@pytest.mark.parametrize("text", EXACT)
def test_hard_numbers_are_read_to_the_nearest_float(text: str, reader: Reader) -> None:
    value = numbers(reader(f"a,y\n{text},1\n1,2\n"))[0][0]
    assert value == float(text) and math.copysign(1, value) == math.copysign(1, float(text))


finite = st.floats(allow_nan=False, allow_infinity=False)
written = st.one_of(
    finite.map(repr),
    finite.map(lambda value: f"{value:.25e}"),
    st.decimals(-(10**30), 10**30, allow_nan=False, allow_infinity=False, places=20).map(str),
    st.integers(-(10**40), 10**40).map(str),
    st.tuples(st.integers(1, 10**25), st.integers(-330, 270)).map(lambda pair: f"{pair[0]}e{pair[1]}"),
)


@given(st.lists(written, min_size=2, max_size=200))
def test_numbers_as_anybody_writes_them_are_read_to_the_nearest_float(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    file = tmp_path_factory.getbasetemp() / "numbers.csv"
    file.write_text("a,y\n" + "".join(f"{text},{row}\n" for row, text in enumerate(texts)))
    read = wd.read(file, "y").X.to_numpy().ravel()
    assert read.tobytes() == np.array([float(text) for text in texts]).tobytes()
