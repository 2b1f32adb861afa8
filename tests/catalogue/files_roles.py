"""Targets, weights, groups and times that are not what they must be."""

from __future__ import annotations

import datetime
from typing import Any

from catalogue.cases import CLEAN, KIND, PLAIN, ROWS, A, B, Case, Y, csv, refused, right, with_value

ROW = 10
LINE = f"line {ROW + 2}"
ISO = [f"2024-{1 + row // 12:02d}-{1 + row % 12:02d}" for row in range(ROWS)]
# Of April in the years from 1990 on, the first.
SUNDAY = [1, 7, 5, 4, 3, 2]
SKIP = {"skip_missing_target": True}


def without(*rows: int) -> dict[str, list[float]]:
    """The clean table without some rows."""
    return {name: [one for row, one in enumerate(column) if row not in rows] for name, column in CLEAN.items()}


def target(name: str, column: Any, *told: str, **given: Any) -> Case:
    """A target that is refused."""
    return refused(f"target {name}", csv({**CLEAN, "y": column}), "target column 'y'", *told, **given)


TARGETS = (
    target("constant", [2.5] * ROWS, "is 2.5 in all 24 rows", "nothing to predict", "name another target"),
    target("with a gap", with_value(Y, ROW, ""), "no value", LINE, "--skip-missing-target"),
    target("with the word NA", with_value(Y, ROW, "NA"), "no value", LINE, "'NA'", "--skip-missing-target"),
    target(
        "with two gaps",
        with_value(with_value(Y, ROW, ""), 12, "?"),
        LINE,
        "one of 2 such lines",
        "--skip-missing-target",
    ),
    target("of text, as numbers", KIND, "'ash'", "line 2", "must be a number", "classes", read={"classes": False}),
    target("with a word", with_value(Y, ROW, "oops"), "'oops'", LINE, "correct that line"),
    target("of dates", ISO, "'2024-01-01'", "line 2", "must be a number"),
    target("with an infinite number", with_value(Y, ROW, "inf"), "infinite", "'inf'", LINE),
    target("too large", with_value(Y, ROW, "1e999"), "infinite, or too large", "'1e999'", LINE),
    target("without any value", [""] * ROWS, "no value", "line 2"),
    target(
        "without any value, skipped",
        ["NA"] * ROWS,
        "a value in 0 lines of 24",
        "at least two",
        "name another",
        read=SKIP,
    ),
    target("with one value, skipped", ["3", *[""] * (ROWS - 1)], "a value in 1 line of 24", "name another", read=SKIP),
    target("with a word, gaps skipped", with_value(with_value(Y, 3, ""), ROW, "oops"), "'oops'", LINE, read=SKIP),
    target("constant but for gaps", [""] + ["1"] * (ROWS - 1), "is 1 in all 23 rows", read=SKIP),
    right(
        "rows without a target are skipped",
        csv({**CLEAN, "y": with_value(with_value(Y, ROW, "NA"), 3, "")}),
        without(3, ROW),
        "2 rows are left out",
        "the target 'y' has no value",
        read=SKIP,
    ),
    refused(
        "a fault below skipped rows",
        csv({"a": with_value(A, 12, "oops"), "b": B, "y": with_value(Y, 3, "")}),
        "column 'a'",
        "'oops'",
        "line 14",
        read=SKIP,
    ),
    right(
        "a target of true and false, as numbers",
        csv({**CLEAN, "y": [str(y > 0).lower() for y in Y]}),
        {**CLEAN, "y": [float(y > 0) for y in Y]},
        "true and false are read as 1 and 0 in 'y'",
        "classifier",
        read={"classes": False},
    ),
    right(
        "a target of codes, as numbers",
        csv({**CLEAN, "y": [row * row % 7 % 2 for row in range(ROWS)]}),
        {**CLEAN, "y": [row * row % 7 % 2 for row in range(ROWS)]},
        "only 2 values, all whole numbers (0, 1)",
        "wd.LogisticRegression, on the command line --model logistic",
        read={"classes": False},
    ),
    right(
        "a target times 2^300",
        csv({**CLEAN, "y": [y * 2.0**300 for y in Y]}),
        {**CLEAN, "y": [y / 16 for y in Y]},
        "mean squared error of y/2^304",
        target_factor=2.0**304,
    ),
    right(
        "a target whose squares are too large",
        csv({**CLEAN, "y": [y * 1e300 for y in Y]}),
        {**CLEAN, "y": [y * 1e300 / 2.0**1001 for y in Y]},
        "mean squared error of y/2^1001",
        target_factor=2.0**1001,
    ),
    right(
        "a target whose squares are too small",
        csv({**CLEAN, "y": [y * 1e-300 for y in Y]}),
        {**CLEAN, "y": [y * 1e-300 * 2.0**992 for y in Y]},
        "mean squared error of y",
        target_factor=2.0**-992,
    ),
)

_WEIGHTS = [row % 3 + 0.5 for row in range(ROWS)]
_SOME = [row % 3 for row in range(ROWS)]
WEIGHT = {"weight": "w"}


def weighted(name: str, column: Any, *told: str) -> Case:
    """Weights that are refused."""
    return refused(f"weight {name}", csv({**CLEAN, "w": column}), "weight column 'w'", *told, read=WEIGHT)


WEIGHTS = (
    right(
        "weights",
        csv({**CLEAN, "w": _WEIGHTS}),
        {**CLEAN, "weight": _WEIGHTS},
        "'w': used as sample weight",
        "1 column of weights",
        read=WEIGHT,
    ),
    right(
        "weights of which some are 0",
        csv({**CLEAN, "w": _SOME}),
        {**CLEAN, "weight": _SOME},
        "(8 of weight 0)",
        read=WEIGHT,
    ),
    right(
        "a gap and a level in rows of weight 0 alone",
        csv({"a": with_value(A, 3, ""), "kind": with_value(KIND, 6, "elm"), "y": Y, "w": _SOME}),
        {"a": with_value(A, 3, 0.0), "kind": with_value(KIND, 6, "elm"), "y": Y, "weight": _SOME},
        read=WEIGHT,
    ),
    weighted("negative", with_value(_WEIGHTS, ROW, -1), "is negative (-1)", LINE, "0 or more"),
    weighted("zero in every row", [0] * ROWS, "is 0 in every row", "name another column, or none"),
    weighted("missing", with_value(_WEIGHTS, ROW, ""), "no value", LINE, "correct that line or remove it"),
    weighted("of text", KIND, "'ash'", "line 2", "must be a number"),
    weighted("with a word", with_value(_WEIGHTS, ROW, "many"), "'many'", LINE),
    weighted("infinite", with_value(_WEIGHTS, ROW, "inf"), "infinite", LINE),
    refused(
        "weight in one row", csv({**CLEAN, "w": [int(row == 3) for row in range(ROWS)]}), "row", "weight", read=WEIGHT
    ),
    refused(
        "weight that is the target",
        PLAIN,
        "column 'y' cannot be the target and the weight column",
        "choose one",
        read={"weight": "y"},
    ),
    refused(
        "weight that is not there",
        PLAIN,
        "weight column 'v' is not in",
        "the columns are 'a', 'b', 'y'",
        read={"weight": "v"},
    ),
)

_GROUPS = [f"g{row % 6}" for row in range(ROWS)]
GROUP = {"group": "g"}
GROUPS = (
    right("groups", csv({**CLEAN, "g": _GROUPS}), CLEAN, read=GROUP),
    right(
        "groups of numbers and words",
        csv({**CLEAN, "g": [("1", "01", "x", "inf", "1.0")[row % 5] for row in range(ROWS)]}),
        CLEAN,
        read=GROUP,
    ),
    refused(
        "a group is missing",
        csv({**CLEAN, "g": with_value(_GROUPS, ROW, "")}),
        "group column 'g'",
        "no value",
        LINE,
        "every row needs a group",
        read=GROUP,
    ),
    refused(
        "a group is NA",
        csv({**CLEAN, "g": with_value(_GROUPS, ROW, "NA")}),
        "group column 'g'",
        "no value",
        LINE,
        read=GROUP,
    ),
    refused("one group", csv({**CLEAN, "g": ["all"] * ROWS}), "group", read=GROUP),
    right(
        "more folds than groups", csv({**CLEAN, "g": _GROUPS}), CLEAN, "'g': groups rows", read=GROUP, tune={"cv": 4}
    ),
    refused(
        "group that is the target", PLAIN, "column 'y' cannot be the target and the group column", read={"group": "y"}
    ),
)

TIME = {"time": "t"}
# Sundays of April, whose months and weekdays say nothing, so that days alone are left.
SUNDAYS = [datetime.date(1990 + row // 4, 4, SUNDAY[row // 4] + 7 * (row % 4)) for row in range(ROWS)]
WITH_SUNDAYS = {"a": A, "b": B, "t in days": [(one - datetime.date(1970, 1, 1)).days for one in SUNDAYS], "y": Y}
TIMES = (
    right(
        "times of numbers",
        csv({**CLEAN, "t": range(ROWS)}),
        {"a": A, "b": B, "t": range(ROWS), "y": Y},
        "'t': orders rows; as it is",
        read=TIME,
    ),
    right(
        "times of numbers that are dropped",
        csv({**CLEAN, "t": range(ROWS)}),
        CLEAN,
        "'t': orders rows; left out as asked",
        read={**TIME, "drop": ["t"]},
    ),
    right(
        "times of dates",
        csv({**CLEAN, "t": [f"{one:%Y-%m-%d}" for one in SUNDAYS]}),
        WITH_SUNDAYS,
        "by time",
        "'t': orders rows; days since 1970-01-01",
        read=TIME,
    ),
    right(
        "times of dates with the day first",
        csv({**CLEAN, "t": [f"{one:%d/%m/%Y}" for one in SUNDAYS]}),
        WITH_SUNDAYS,
        "'t': orders rows; read with the day first; days since 1970-01-01",
        read=TIME,
    ),
    right(
        "times of dates that are dropped",
        csv({**CLEAN, "t": ISO}),
        CLEAN,
        "by time",
        "1 column of times",
        read={**TIME, "drop": ["t"]},
    ),
    refused(
        "a time is missing",
        csv({**CLEAN, "t": with_value(ISO, ROW, "")}),
        "time column 't'",
        "no value",
        LINE,
        read=TIME,
    ),
    refused(
        "a time is no date",
        csv({**CLEAN, "t": with_value(ISO, ROW, "soon")}),
        "time column 't'",
        "'soon'",
        LINE,
        read=TIME,
    ),
    refused(
        "a time that there was not",
        csv({**CLEAN, "t": with_value(ISO, ROW, "2024-02-30")}),
        "time column 't'",
        "'2024-02-30'",
        LINE,
        read=TIME,
    ),
    refused(
        "times of text",
        csv({**CLEAN, "t": KIND}),
        "time column 't'",
        "'ash'",
        "line 2",
        "a number or a date (YYYY-MM-DD)",
        read=TIME,
    ),
    refused(
        "times of two readings",
        csv({**CLEAN, "t": [f"{1 + row % 12}/01/2024" for row in range(ROWS)]}),
        "time column 't'",
        "'1/01/2024'",
        "day and month cannot be told apart",
        "YYYY-MM-DD",
        read=TIME,
    ),
    refused("one time", csv({**CLEAN, "t": ["2024-01-05"] * ROWS}), "same in all rows", read=TIME),
)

CASES = (*TARGETS, *WEIGHTS, *GROUPS, *TIMES)
