"""Encodings, line ends, quotation marks and delimiters."""

from __future__ import annotations

from catalogue.cases import CLEAN, KIND, PLAIN, ROWS, A, B, Y, csv, refused, right, text, with_value

TEXT = text(CLEAN)
LINES = TEXT.splitlines()
ENDS = ("\n", "\r\n", "\r")
NAMED = {"größe": A, "b": B, "y": Y}
PADDED = PLAIN + b"".join(b"%d,%d,%d\n" % (row, row % 5, row % 3) for row in range(30_000))
COMMAS = {name: [str(value).replace(".", ",") for value in column] for name, column in CLEAN.items()}


def joined(*lines: str, end: str = "\n") -> bytes:
    """Lines as a file."""
    return "".join(line + end for line in lines).encode()


ENCODINGS = (
    right("plain", PLAIN, CLEAN),
    right("UTF-8 with a byte-order mark", b"\xef\xbb\xbf" + PLAIN, CLEAN),
    right("umlauts in UTF-8", csv(NAMED), NAMED),
    right("letters beyond the basic plane", csv({"𝒜": A, "数": B, "y": Y}), {"𝒜": A, "数": B, "y": Y}),
    refused("UTF-16 LE with its mark", TEXT.encode("utf-16"), "UTF-16", "save it as UTF-8"),
    refused("UTF-16 BE with its mark", b"\xfe\xff" + TEXT.encode("utf-16-be"), "UTF-16", "save it as UTF-8"),
    refused("UTF-16 LE without mark", TEXT.encode("utf-16-le"), "NUL byte at byte 1", "line 1", "UTF-16"),
    refused("UTF-16 BE without mark", TEXT.encode("utf-16-be"), "NUL byte at byte 0", "line 1", "UTF-16"),
    refused("UTF-32 with its mark", TEXT.encode("utf-32"), "save it as UTF-8"),
    refused("Latin-1 header", text(NAMED).encode("latin-1"), "not UTF-8", "byte 2 (line 1)", "0xf6", "ISO-8859-1"),
    refused("Windows' code page", TEXT.replace("a,b", "“a”,b").encode("cp1252"), "byte 0", "0x93", "WINDOWS-1252"),
    refused(
        "not UTF-8 late in the file",
        PADDED + b"1,\xe9,2\n",
        f"byte {len(PADDED) + 2} (line {ROWS + 30_002})",
        "0xe9",
        "iconv",
    ),
    refused("an overlong form", PLAIN.replace(b"a,b", b"\xc0\xaf,b"), "not UTF-8", "byte 0", "0xc0"),
    refused("half a surrogate pair", PLAIN.replace(b"a,b", b"\xed\xa0\x80,b"), "not UTF-8", "byte 0"),
    refused("a letter cut off at the end", PLAIN + b"1,2,\xe2\x82", "not UTF-8", f"byte {len(PLAIN) + 4}"),
    refused("a NUL byte in a number", TEXT.replace("\n", "\n\0", 3).encode(), "NUL byte at byte 6", "line 2"),
    refused("a NUL byte at the very end", PLAIN + b"\0", f"NUL byte at byte {len(PLAIN)} (line {ROWS + 2})"),
)

LINE_ENDS = (
    right("CRLF", csv(CLEAN, end="\r\n"), CLEAN),
    right("CR alone", csv(CLEAN, end="\r"), CLEAN),
    right(
        "all three line ends",
        "".join(line + ENDS[row % 3] for row, line in enumerate(LINES)).encode(),
        CLEAN,
    ),
    right("no last line end", PLAIN.rstrip(b"\n"), CLEAN),
    right("blank lines at the end", PLAIN + b"\n\r\n \n\n", CLEAN),
    right("blank lines at the start", b"\n  \n" + PLAIN, CLEAN),
    right(
        "blank lines within",
        joined(*LINES[:5], "", *LINES[5:9], ",,", *LINES[9:]),
        CLEAN,
        "empty lines are left out: 2",
    ),
    refused(
        "a fault below blank lines",
        joined(*LINES[:5], "", "", *LINES[5:9], "1,x,2", *LINES[9:]),
        "column 'b'",
        "'x'",
        "line 12",
        "--drop b",
    ),
)

_NOTES = [f"note {row}" for row in range(ROWS)]
_QUOTED = {"a": [f'"{value}"' for value in A], "b": B, "y": Y}
_WORDS = {"kind": [f'"{value}"' for value in KIND], "a": A, "y": Y}
_ODD = {"ash": "ash, or\nelm", "birch": 'the "birch"', "cedar": "cedar"}
_ODD_FIELDS = {"ash": '"ash, or\nelm"', "birch": '"the ""birch"""', "cedar": "cedar"}

QUOTES = (
    right("quoted numbers", csv(_QUOTED), CLEAN),
    right("a quoted header", csv({'"a"': A, '"b"': B, '"y"': Y}), CLEAN),
    right("quoted words", csv(_WORDS), {"kind": KIND, "a": A, "y": Y}),
    right(
        "delimiters, line ends and quotation marks within quotes",
        csv({"kind": [_ODD_FIELDS[one] for one in KIND], "a": A, "y": Y}),
        {"kind": [_ODD[one] for one in KIND], "a": A, "y": Y},
    ),
    right("a name with the delimiter", csv({'"a,b"': A, "c": B, "y": Y}), {"a,b": A, "c": B, "y": Y}),
    refused(
        "a fault below quoted line ends",
        csv({"note": [f'"{one}\n"' for one in _NOTES], "a": with_value(A, 10, "oops"), "y": Y}),
        "column 'a'",
        "'oops'",
        "line 22",
        read={"drop": ["note"]},
    ),
    refused("an unclosed quotation mark", joined(*LINES[:5], '"1,2,3', *LINES[5:]), "line 6", "quotation mark"),
    refused("an unclosed quotation mark in the header", joined('a,"b,y', *LINES[1:]), "line 1", "quotation mark"),
    refused("a stray quotation mark", joined(*LINES[:5], '1,2"3,4', *LINES[5:]), "line 6", "quotation mark", "'2\"3'"),
    refused(
        "text after a closing quotation mark", joined(*LINES[:5], '1,"2"3,4', *LINES[5:]), "line 6", "quotation mark"
    ),
    refused(
        "single quotation marks are no quotes",
        csv({"a": [f"'{one}'" for one in A], "b": B, "y": Y}),
        "'a'",
        "like an identifier",
        read={"drop": ["b"]},
    ),
)

DELIMITERS = (
    right("semicolons", csv(CLEAN, ";"), CLEAN, "the delimiter is a semicolon"),
    right("tabs", csv(CLEAN, "\t"), CLEAN, "the delimiter is a tab"),
    right("bars", csv(CLEAN, "|"), CLEAN, "the delimiter is a bar"),
    right(
        "semicolons and decimal commas", csv(COMMAS, ";"), CLEAN, "semicolon", "decimal comma are read in 'y', 'a', 'b'"
    ),
    right("tabs and decimal commas", csv(COMMAS, "\t"), CLEAN, "tab", "decimal comma"),
    right("commas and blanks", csv(CLEAN, ", "), CLEAN),
    refused("blanks alone", csv(CLEAN, " "), "'y' is not in", "only one column", "comma, semicolon, tab or bar"),
    refused("carets", csv(CLEAN, "^"), "'y' is not in", "only one column", "comma, semicolon, tab or bar"),
    refused("a single column", csv({"y": Y}), "no column is left", "to predict 'y'", "only one column"),
    refused(
        "commas above, semicolons below",
        joined(LINES[0], *(one.replace(",", ";") for one in LINES[1:])),
        "line 2",
        "1 field",
        "3 columns",
        "comma",
    ),
    refused("semicolons above, commas below", joined("a;b;y", *LINES[1:]), "line 2", "1 field", "3 columns"),
    refused(
        "a row of semicolons",
        joined(*LINES[:8], LINES[8].replace(",", ";"), *LINES[9:]),
        "line 9",
        "1 field",
        "3 columns",
    ),
    refused("decimal commas and commas between fields", csv(COMMAS), "fields but the header names 3 columns", "line 2"),
)

CASES = (*ENCODINGS, *LINE_ENDS, *QUOTES, *DELIMITERS)
