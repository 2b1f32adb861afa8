"""Numbers in every spelling, and what is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from catalogue.cases import CLEAN, KIND, PLAIN, ROWS, A, B, Case, Y, csv, refused, right, with_value

ROW = 10
LINE = f"line {ROW + 2}"


def read_as(name: str, field: str, value: float | None, *told: str) -> Case:
    """One field of a column of numbers that is read as a value, or as a gap."""
    return right(name, csv({**CLEAN, "a": with_value(A, ROW, field)}), {**CLEAN, "a": with_value(A, ROW, value)}, *told)


def no_number(name: str, field: str, *told: str) -> Case:
    """One field of a column of numbers that is none."""
    given = field.replace('""', '"').strip('"') if '"' in field else field
    return refused(name, csv({**CLEAN, "a": with_value(A, ROW, field)}), "column 'a'", repr(given), LINE, *told)


def gap(word: str) -> Case:
    """A word that says that there is no value."""
    field = word or "an empty field"
    return read_as(f"gap {field}", word, None, "gaps take the median", "are flagged")


def spelled(form: str, values: Sequence[Any]) -> list[str]:
    """Every number in a form."""
    return [form.format(value) for value in values]


ZIPS = ("01234", "00501", "94110")
B_COMMA, Y_COMMA = ([str(value).replace(".", ",") for value in column] for column in (B, Y))

SPELLINGS = (
    read_as("an exponent", "1e1", 10.0),
    read_as("an exponent in capitals with sign", "1E+01", 10.0),
    read_as("a plus sign", "+5", 5.0),
    read_as("no digit before the point", ".5", 0.5),
    read_as("no digit after the point", "5.", 5.0),
    read_as("blanks around a number", "  5\t", 5.0),
    read_as("a no-break space around a number", "\u00a05\u3000", 5.0),
    read_as("leading zeros", "007", 7.0),
    read_as("minus zero", "-0", 0.0),
    right(
        "thirty digits",
        csv({"a": [f"{round(1e9 * (value + 9))}{row:021d}" for row, value in enumerate(A)], "b": B, "y": Y}),
        {"a": [float(f"{round(1e9 * (value + 9))}{row:021d}") for row, value in enumerate(A)], "b": B, "y": Y},
    ),
    read_as("forty decimals", "0.1000000000000000055511151231257827021181", 0.1),
    read_as("underflow to zero", "1e-999", 0.0),
    read_as("a million zeros that are hidden", "0" * 5000 + "3", 3.0),
    no_number("hexadecimal", "0x1F", "--drop a"),
    no_number("underscores", "1_000"),
    no_number("a minus sign of print", "−5"),
    no_number("Arabic digits", "٣"),
    no_number("full-width digits", "\uff15"),
    no_number("a fraction", "1/2"),
    no_number("two points", "1.2.3"),
    no_number("a blank within", "1 000"),
    no_number("a percent sign", "12%"),
    no_number("a unit", "5 kg"),
    no_number("a currency", "$5"),
    no_number("brackets for minus", "(5)"),
    no_number("a formula", "=1+1"),
    no_number("an exponent of FORTRAN", "1D5"),
    no_number("markup in a field", "[red]5[/red]"),
    no_number("text that looks like two numbers", "5;6"),
    refused(
        "an escape sequence in a field",
        csv({**CLEAN, "a": with_value(A, ROW, "\x1b[31m5")}),
        "column 'a'",
        r"'\x1b[31m5'",
        LINE,
    ),
    refused("a field of 100 kB", csv({**CLEAN, "a": with_value(A, ROW, "x" * 100_000)}), "column 'a'", "xxx…'", LINE),
    no_number("too large for a float64", "1e999", "infinite, or too large", "correct that line"),
    refused("four hundred digits", csv({**CLEAN, "a": with_value(A, ROW, "9" * 400)}), "column 'a'", "too large", LINE),
    no_number("inf", "inf", "infinite", "correct that line"),
    no_number("-Infinity", "-Infinity", "infinite"),
    no_number("a decimal comma", '"1,5"', "decimal point, without commas"),
    no_number("thousands by commas", '"1,234.5"', "decimal point, without commas"),
)

GAPS = (
    *map(gap, ["", "NA", "na", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "?", "-", ".", "missing", " NA "]),
    *map(gap, ["#N/A", "#n/a", "#NA", "n.a.", "N.A.", "nil", "NIL"]),
    read_as("gap minus nan", "-nan", None, "gaps take the median"),
    read_as("gap in quotes", '""', None, "gaps take the median"),
    no_number("#DIV/0! of spreadsheets", "#DIV/0!", "--drop a"),
    no_number("k.A.", "k.A."),
    no_number("-999 is a number but - - is none", "- -"),
    refused(
        "a word that recurs among numbers",
        csv({**CLEAN, "a": with_value(with_value(A, 4, "nought"), 9, "nought")}),
        "column 'a'",
        "'nought' (line 6, one of 2",
        "--missing nought",
        "leave the field empty where there is no value",
    ),
    refused(
        "two words that recur among numbers",
        csv({**CLEAN, "a": [("low" if row < 3 else "high") if row < 6 else value for row, value in enumerate(A)]}),
        "'low' (3 lines)",
        "'high' (3 lines)",
        "leave the field empty",
    ),
    right(
        "gaps of many spellings in two columns",
        csv({"a": with_value(with_value(A, 1, "NA"), 20, "?"), "b": with_value(with_value(B, 20, "-"), 2, ""), "y": Y}),
        {"a": with_value(with_value(A, 1, None), 20, None), "b": with_value(with_value(B, 20, None), 2, None), "y": Y},
        "gaps take the median",
    ),
)

NAMED = (
    right(
        "-999 is a gap if it is named",
        csv({**CLEAN, "a": with_value(with_value(A, ROW, -999), 3, "-999.0")}),
        {**CLEAN, "a": with_value(with_value(A, ROW, None), 3, None)},
        "read as gaps: '-999' in 'a'",
        "are flagged",
        read={"missing": ["-999"]},
    ),
    right(
        "words for gaps in columns of every kind",
        csv({"a": with_value(A, 2, "k.A."), "kind": with_value(KIND, 5, "K.a."), "b": with_value(B, 7, "x x"), "y": Y}),
        {"a": with_value(A, 2, None), "kind": with_value(KIND, 5, None), "b": with_value(B, 7, None), "y": Y},
        "read as gaps: 'k.A.', 'x x' in 'a', 'kind', 'b'",
        read={"missing": ["k.A.", "x x"]},
    ),
    right(
        "a word for gaps with a decimal comma",
        csv({"a": [str(v).replace(".", ",") for v in with_value(A, ROW, -99.0)], "b": B_COMMA, "y": Y_COMMA}, ";"),
        {**CLEAN, "a": with_value(A, ROW, None)},
        "read as gaps: '-99' in 'a'",
        read={"missing": ["-99"]},
    ),
    right(
        "a word for gaps that nobody uses",
        PLAIN,
        CLEAN,
        "no field is one: '\\x1b[31m-9'",
        read={"missing": ["\x1b[31m-9"]},
    ),
    refused(
        "a target of a word for gaps",
        csv({**CLEAN, "y": with_value(Y, ROW, -999)}),
        "target column 'y'",
        "no value",
        LINE,
        read={"missing": ["-999"]},
    ),
    refused(
        "a word that is not among those named",
        csv({**CLEAN, "a": with_value(with_value(A, ROW, "k.A."), 3, "n.b.")}),
        "'n.b.'",
        "line 5",
        read={"missing": ["k.A."]},
    ),
)
FAULTS = (
    refused(
        "faults in three columns",
        csv({"a": with_value(A, ROW, "oops"), "b": with_value(B, 3, "what"), "c": with_value(A, 5, "inf"), "y": Y}),
        "column 'a'",
        "'oops'",
        LINE,
        "2 other columns have faults too: 'b' ('what' in line 5), 'c' ('inf' in line 7)",
        "--drop a,b,c leaves all of them out",
    ),
    refused(
        "faults in the target, the weights and a column",
        csv({"a": with_value(A, ROW, "oops"), "w": with_value([1] * ROWS, 3, -1), "y": with_value(Y, 7, "")}),
        "target column 'y'",
        "no value",
        "line 9",
        "2 other columns have faults too: weight column 'w', 'a' ('oops' in line 12)",
        read={"weight": "w"},
    ),
)

CODES = (
    right(
        "codes with leading zeros",
        csv({"zip": [ZIPS[row % 3] for row in range(ROWS)], "a": A, "y": Y}),
        {"zip": [ZIPS[row % 3] for row in range(ROWS)], "a": A, "y": Y},
        "'zip': digits with leading zeros are codes, not numbers: one column for each of 3 values",
    ),
    right(
        "codes with gaps",
        csv({"zip": with_value([ZIPS[row % 3] for row in range(ROWS)], 4, "NA"), "a": A, "y": Y}),
        {"zip": with_value([ZIPS[row % 3] for row in range(ROWS)], 4, None), "a": A, "y": Y},
        "gaps take the most frequent",
    ),
    right(
        "one code in every row",
        csv({**CLEAN, "part": [f"{row:04}" for row in range(ROWS)]}),
        CLEAN,
        "'part': left out: digits with leading zeros are codes",
        "like an identifier",
    ),
    right(
        "codes that are written as numbers are numbers",
        csv({"zip": [int(ZIPS[row % 3]) for row in range(ROWS)], "a": A, "y": Y}),
        {"zip": [int(ZIPS[row % 3]) for row in range(ROWS)], "a": A, "y": Y},
    ),
)

_LONG = 20_000
LONG = refused(
    "a word in row 20 000",
    csv(
        {
            "a": ["oops" if row == _LONG - 1 else row % 17 for row in range(_LONG + 5)],
            "y": [row % 11 for row in range(_LONG + 5)],
        }
    ),
    "column 'a'",
    "'oops'",
    f"line {_LONG + 1}",
    "--drop a",
)

_BIG = [round(1000 * (value + 9)) / 10 for value in A]
_POINTS = [f"{value:,.1f}" for value in _BIG]
_COMMAS = [one.replace(",", "_").replace(".", ",").replace("_", ".") for one in _POINTS]
_INTEGERS = [f"{round(1000 * (value + 9)):,}" for value in A]
MARKS = (
    refused(
        "thousands by commas between semicolons",
        csv({"a": _POINTS, "b": B, "y": Y}, ";"),
        "column 'a'",
        "line",
        "without commas",
    ),
    refused(
        "thousands by commas in quotes",
        csv({"a": [f'"{one}"' for one in _INTEGERS], "b": B, "y": Y}),
        "column 'a'",
        "without commas",
    ),
    refused(
        "thousands by points, decimals by commas",
        csv({"a": _COMMAS, "b": [str(one).replace(".", ",") for one in B], "y": Y}, ";"),
        "'a'",
        "line 2",
        "none between thousands",
    ),
    refused(
        "both decimal marks in one column",
        csv(
            {
                "a": [str(v).replace(".", ",") if row % 2 else str(v) for row, v in enumerate(A)],
                "b": [str(v).replace(".", ",") for v in B],
                "y": Y,
            },
            ";",
        ),
        "'a'",
        "line 2",
        "one decimal mark",
    ),
    right(
        "decimal commas in one column, whole numbers in another",
        csv({"a": [str(v).replace(".", ",") for v in A], "b": [round(v) for v in B], "y": [round(v) for v in Y]}, ";"),
        {"a": A, "b": [round(v) for v in B], "y": [round(v) for v in Y]},
        "decimal comma are read in 'a'",
    ),
    right(
        "whole numbers between semicolons",
        csv({"a": range(0, 2 * ROWS, 2), "b": [one * one % 7 for one in range(ROWS)], "y": Y}, ";"),
        {"a": range(0, 2 * ROWS, 2), "b": [one * one % 7 for one in range(ROWS)], "y": Y},
    ),
)

UNITS = (
    right(
        "a column with units",
        csv({**CLEAN, "mass": spelled("{} kg", A)}),
        CLEAN,
        "'mass': left out: numbers with units",
        "kg'",
    ),
    right(
        "a column of percentages",
        csv({**CLEAN, "share": spelled("{}%", A)}),
        CLEAN,
        "'share': left out: numbers with units",
        "%'",
    ),
    right(
        "a column of prices",
        csv({**CLEAN, "price": spelled("${}", A)}),
        CLEAN,
        "'price': left out: numbers with units",
        "'$",
    ),
    right(
        "a column of hexadecimal numbers",
        csv({**CLEAN, "code": [hex(1000 + 7 * row) for row in range(ROWS)]}),
        CLEAN,
        "'code': left out",
    ),
    right(
        "few different masses with units are categories",
        csv({**CLEAN, "mass": [f"{5 * (row % 3)} kg" for row in range(ROWS)]}),
        {"a": A, "b": B, "mass": [f"{5 * (row % 3)} kg" for row in range(ROWS)], "y": Y},
        "'mass': one column for each of 3 values",
    ),
)

_UNIT = [float(round(4 * value)) for value in A]
SCALES = (
    right(
        "a column times 1e300", csv({"a": [value * 1e300 for value in A], "b": B, "y": Y}), CLEAN, factor={"a": 1e300}
    ),
    right(
        "a column times 1e-300",
        csv({"a": [value * 1e-300 for value in A], "b": B, "y": Y}),
        CLEAN,
        factor={"a": 1e-300},
    ),
    right(
        "columns from 1e-300 to 1e300",
        csv({"a": [value * 1e-300 for value in A], "b": [value * 1e300 for value in B], "y": Y}),
        CLEAN,
        factor={"a": 1e-300, "b": 1e300},
    ),
    right(
        "a column times 1e8", csv({"a": [value * 2.0**27 for value in A], "b": B, "y": Y}), CLEAN, factor={"a": 2.0**27}
    ),
    right(
        "numbers that are subnormal",
        csv({"a": [value * 2.0**-1040 for value in _UNIT], "b": B, "y": [2.0**-60 * v for v in Y]}),
        {"a": [value for value in _UNIT], "b": B, "y": [2.0**-60 * v for v in Y]},
        factor={"a": 2.0**-1040},
    ),
    right(
        "a column far from zero",
        csv({"a": [1e9 + round(value) for value in B], "b": A, "y": Y}),
        {"a": [1e9 + round(value) for value in B], "b": A, "y": Y},
    ),
)

CASES = (*SPELLINGS, *GAPS, *NAMED, *FAULTS, *CODES, LONG, *MARKS, *UNITS, *SCALES)
