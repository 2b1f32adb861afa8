"""What is read is what stands there: every number to the last bit, under its name, in its row."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable
from datetime import date
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
    table = reader("a,b,y\ntrue,1,False\nFALSE,2,True\nTrue,3,False\n", classes=False)
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


def test_numbers_with_gaps_categories_and_dates_come_with_their_types(reader: Reader) -> None:
    table = reader("a,k,d,t,y\n1,u,2024-01-01,yes,1\n,u,2024-01-02,no,2\n3,NA,?,,4\n4,v,2024-01-02,no,3\n")
    assert {name: str(kind) for name, kind in table.X.schema.items()} == {
        "a": "Float64",
        "k": "String",
        "d": "Date",
        "t": "Boolean",
    }
    assert table.X.rows() == [
        (1.0, "u", date(2024, 1, 1), True),
        (None, "u", date(2024, 1, 2), False),
        (3.0, None, None, None),
        (4.0, "v", date(2024, 1, 2), False),
    ]
    assert [one.kind for one in table.plan] == ["number", "category", "date", "boolean"]


def test_columns_that_are_left_out_are_in_the_plan_alone(reader: Reader) -> None:
    table = reader("id,a,none,y\n" + "".join(f"i{row},{row},,{row}\n" for row in range(9)))
    assert table.columns == tuple(table.X.columns) == ("a",)
    assert [(one.name, one.kind) for one in table.plan] == [("id", "dropped"), ("a", "number"), ("none", "dropped")]


def test_rows_without_a_target_are_left_out_if_so_asked(reader: Reader) -> None:
    text = "a,k,g,w,s,y\n1,u,p,1,1,1\n2,only here,q,0,2,NA\n\n3,u,p,1,3,4\n4,v,q,2,4,\n5,u,q,1,5,9\n"
    with pytest.raises(
        ValueError, match=r"has no value in line 3 \('NA', one of 2 such lines\); .* --skip-missing-target"
    ):
        reader(text, group="g", weight="w", time="s")
    table = reader(text, group="g", weight="w", time="s", drop=["s"], skip_missing_target=True)
    assert table.y.tolist() == [1, 4, 9]
    assert table.X.get_column("a").to_list() == [1, 3, 5] and table.columns == ("a",)
    assert table.groups is not None and table.groups.tolist() == ["p", "p", "q"]
    assert table.weight is not None and table.weight.tolist() == [1, 1, 1]
    assert table.times is not None and table.times.tolist() == [1, 3, 5]
    assert "2 rows are left out, in which the target 'y' has no value" in table.notes
    assert [table.line_of(row) for row in range(3)] == [2, 5, 7]


def test_faults_below_rows_that_are_left_out_are_told_by_their_own_lines(reader: Reader) -> None:
    text = "a,g,w,y\n1,p,1,1\n2,p,1,NA\n\n3,p,1,4\n{},{},{},5\n5,q,1,9\n"
    for fields, told in (
        (("oops", "q", "1"), r"holds the text 'oops' \(line 6\)"),
        (("4", "", "1"), "group column 'g' .* has no value in line 6"),
        (("4", "q", "-1"), r"weight column 'w' .* is negative \(-1\) in line 6"),
    ):
        with pytest.raises(ValueError, match=told):
            reader(text.format(*fields), group="g", weight="w", skip_missing_target=True)


@pytest.mark.parametrize("last", ["", "NA"])
def test_a_target_that_is_nearly_nowhere(last: str, reader: Reader) -> None:
    with pytest.raises(ValueError, match=r"has a value in 1 line of 3, and at least two are needed"):
        reader(f"a,y\n1,NA\n2,3\n3,{last}\n", skip_missing_target=True)


def test_rows_stand_where_an_editor_shows_them(reader: Reader) -> None:
    for text in ("a,y\n1,2\n3,4\n5,6\n", "\n\na,y\n1,2\n\n3,4\n,\n5,6\n", 'a,y\n1,2\n"3\n",4\n5,6\n'):
        table = reader(text)
        lines = text.split("\n")
        assert [table.line_of(row) for row in range(3)] == [
            1 + next(place for place, line in enumerate(lines) if line.lstrip('"').startswith(field)) for field in "135"
        ]
        assert table.place(2) == f"line {table.line_of(2)}"


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (["2024-01-03", "2024-01-01", "1970-01-02"], [19725, 19723, 1]),
        (["2024-01-03T12:00", "2024-01-01", "1970-01-01"], [19725.5, 19723, 0]),
        (["2024-01-03T12:00+02:00", "2024-01-03T12:00Z", "2024-01-01 00:00"], [19725 + 10 / 24, 19725.5, 19723]),
        (["3", "-1.5", "2e3"], [3, -1.5, 2000]),
        (["2020", "2021", "2022"], [2020, 2021, 2022]),
        (["31.12.2024", "1.1.2024", "2.1.1970"], [20088, 19723, 1]),
        (["31/12/2024", "1/1/2024", "2/1/1970"], [20088, 19723, 1]),
        (["12/31/2024 12:00", "1/1/2024 0:00", "1/2/1970 6:00 PM"], [20088.5, 19723, 1.75]),
        (["Jan 2 1970", "January 1 2024", "31-Dec-2024"], [1, 19723, 20088]),
    ],
)
def test_times_are_days_or_numbers(fields: list[str], expected: list[float], reader: Reader) -> None:
    table = reader("a,when,y\n" + "".join(f"{row},{field},{row}\n" for row, field in enumerate(fields)), time="when")
    assert table.columns == ("a", "when") and table.times is not None
    assert table.times.tolist() == pytest.approx(expected, rel=0, abs=1e-9)


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (["1", "", "3"], "time column 'when' of .* has no value in line 3"),
        (["2024-01-01", "", "2024-01-02"], "time column 'when' of .* has no value in line 3"),
        (["2024-01-01", "2024-01-02", "soon"], "time column 'when' of .* holds 'soon', which is no date.*line 4"),
        (["1", "2", "soon"], r"time column 'when' of .* holds the text 'soon' \(line 4\)"),
        (["u", "v", "w"], r"a time must be a number or a date \(YYYY-MM-DD\) in every line: name another column"),
        (
            ["1/2/2024", "2/2/2024", "3/2/2024"],
            r"time column 'when' of .* holds dates such as '1/2/2024' \(line 2\), which are not of ISO 8601, "
            r"and day and month cannot be told apart; write them as YYYY-MM-DD",
        ),
        (
            ["1/2/2024", "v", "w"],
            r"a time must be a number or a date \(YYYY-MM-DD\) in every line: name another column",
        ),
    ],
)
def test_times_that_are_none(fields: list[str], told: str, reader: Reader) -> None:
    with pytest.raises(ValueError, match=told):
        reader("a,when,y\n" + "".join(f"{row},{field},{row}\n" for row, field in enumerate(fields)), time="when")


def test_texts_are_named(reader: Reader) -> None:
    text = "a,t,y\n" + "".join(f"{row},some words {row},{row}\n" for row in range(9))
    table = reader(text, text=["t", "t"])
    assert reader(text, text="t").plan == table.plan
    assert table.text == ("t",) and table.plan[1].made == ("t: some", "t: words")
    with pytest.raises(ValueError, match=r"text column 'tt' is not in .*; did you mean 't'\?"):
        reader(text, text=["tt"])
    with pytest.raises(ValueError, match="column 't' cannot be the column to drop and the text column; choose one"):
        reader(text, text=["t"], drop=["t"])


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
