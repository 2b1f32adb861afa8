"""Headers: names that are missing, double, long or hostile; rows of another length; hardly any rows."""

from __future__ import annotations

from catalogue.cases import CLEAN, PLAIN, ROWS, A, B, Case, Y, csv, refused, right, text

LINES = text(CLEAN).splitlines()
BODY = "\n".join(LINES[1:]) + "\n"


def headed(header: str) -> bytes:
    """The rows below another header."""
    return f"{header}\n{BODY}".encode()


def named(name: str, column: str, field: str = "", *told: str) -> Case:
    """A name that is kept as it is, perhaps written in quotes."""
    return right(name, headed(f"{field or column},b,y"), {column: A, "b": B, "y": Y}, *told)


LONG = "n" * 10_000
NAMES = (
    refused("the same name twice", headed("a,a,y"), "columns 1 and 2", "'a'", "line 1", "rename one"),
    refused("the same name but for blanks", headed("a, a ,y"), "columns 1 and 2", "'a'", "rename one"),
    refused("the target's name twice", headed("a,y,y"), "columns 2 and 3", "'y'"),
    refused("a column without a name", headed("a,,y"), "column 2", "line 1", "give every column a name"),
    refused("row names of pandas", headed(",b,y"), "column 1", "index=False", "--drop row"),
    refused("a name of blanks", headed("a,  \t ,y"), "column 2 has no name"),
    refused("a name of quotation marks alone", headed('a,"",y'), "column 2 has no name"),
    refused(
        "no header: only numbers, all different",
        headed("1.5,2.5,3.5"),
        "line 1 holds only numbers",
        "add a line with column names",
    ),
    refused("no header: only numbers, two alike", headed("0,0,1"), "line 1", "only numbers", "add a line"),
    right("a header of numbers that is named so", headed("1,2,y"), {"1": A, "2": B, "y": Y}),
    right(
        "years as names and target",
        headed("1990,2000,2010"),
        {"1990": A, "2000": B, "y": Y},
        "only numbers and is read as the header",
        read={"target": "2010"},
    ),
    named("names that differ in case", "B"),
    named("names that differ in blanks", "b b"),
    named("blanks around a name", "a", "  a\t"),
    named("a name of 10 kB", LONG),
    named("a name with a line end", "a\nb", '"a\nb"'),
    named("a name with rich's markup", "[red]a[/red]"),
    named("a name with HTML", "<script>alert(1)</script>"),
    named("a name with an escape sequence", "\x1b[31ma\x1b[0m"),
    named("a name with a bell and a backspace", "a\x07\x08"),
    named("a name that turns the writing", "a\u202eb"),
    named("a name of mathematics", "$x^{"),
    named("a name of a formula", "=cmd|' /C calc'!A0"),
    named("a name that is an option", "--target"),
    named("a name with quotation marks", 'a "b"', '"a ""b"""'),
    named("a name with a backslash", "a\\n"),
    named("a name with braces and percent", "{0} %s %(a)s"),
    named("a name composed", "\u00e9"),
    named("a name of a zero-width space", "a\u200b"),
    named("a name of an emoji", "🌲"),
    right(
        "two Unicode forms of one name are two columns", headed("\u00e9,e\u0301,y"), {"\u00e9": A, "e\u0301": B, "y": Y}
    ),
    named("a name like a flag's", "b is missing"),
    right("a target with markup", headed("a,b,[bold]y"), CLEAN, read={"target": "[bold]y"}),
    refused("a name that is not there, by case", headed("a,b,Y"), "target 'y' is not in", "did you mean 'Y'?"),
    refused(
        "a target that is not there", PLAIN, "target 'price'", "the columns are 'a', 'b', 'y'", read={"target": "price"}
    ),
    refused("a target of nothing", PLAIN, "target ''", "is not in", read={"target": ""}),
    refused("a target with an escape sequence", PLAIN, r"target '\x1b[31m'", "is not in", read={"target": "\x1b[31m"}),
)

SHAPES = (
    refused("a short row", "\n".join([*LINES[:9], "1,2", *LINES[9:]]).encode(), "line 10", "2 fields", "3 columns"),
    refused("a long row", "\n".join([*LINES[:9], "1,2,3,4", *LINES[9:]]).encode(), "line 10", "4 fields", "3 columns"),
    refused(
        "a row with a delimiter at its end",
        "\n".join([*LINES[:9], LINES[9] + ",", *LINES[10:]]).encode(),
        "line 10",
        "4 fields",
    ),
    refused("a header longer than all rows", headed("a,b,c,y"), "line 2", "3 fields", "4 columns"),
    refused("a header shorter than all rows", headed("a,y"), "line 2", "3 fields", "2 columns"),
    refused("a comment above the header", b"# made by a program\n" + PLAIN, "target 'y' is not in"),
    refused("an empty file", b"", "is empty", "needs a header line"),
    refused("white space alone", b" \n\t\r\n  \n", "is empty", "needs a header line"),
    refused("a byte-order mark alone", b"\xef\xbb\xbf", "is empty"),
    refused("a header alone", b"a,b,y\n", "a header but no row", "at least two rows"),
    refused("a header and empty rows", b"a,b,y\n,,\n , ,\n", "a header but no row"),
    refused("one row", b"a,b,y\n1,2,3\n", "one row of data", "at least two rows"),
    refused("two rows for four folds", b"a,b,y\n1,2,3\n2,5,9\n", "4 folds need at least 4 rows", tune={"cv": 4}),
    refused("a word without line end", b"y", "no column is left"),
    right(
        "exactly as many rows as folds", csv({"a": A[:4], "b": B[:4], "y": Y[:4]}), {"a": A[:4], "b": B[:4], "y": Y[:4]}
    ),
    right(
        "more columns than rows",
        csv({**{f"x{j}": [(j * j + 3 * j * row + row**3) % 101 for row in range(ROWS)] for j in range(60)}, "y": Y}),
        {**{f"x{j}": [(j * j + 3 * j * row + row**3) % 101 for row in range(ROWS)] for j in range(60)}, "y": Y},
    ),
)


def broad(columns: int, rows: int) -> dict[str, list[int]]:
    """Very many columns of whole numbers."""
    made = {f"x{j}": [(j * j + 7 * j * row + row**3) % 1009 for row in range(rows)] for j in range(columns)}
    return {**made, "y": [row * row % 13 for row in range(rows)]}


BROAD = (right("5 000 columns", csv(broad(5_000, 20)), broad(5_000, 20)),)

CASES = (*NAMES, *SHAPES, *BROAD)
