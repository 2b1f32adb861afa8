"""Targets of classes, and of what looks like such."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from catalogue.cases import CLEAN, KIND, PLAIN, ROWS, A, B, Case, csv, refused, right, with_value

TWO = ["yes" if row * row % 7 % 2 else "no" for row in range(ROWS)]
ONES = [float(label == "yes") for label in TWO]
LOGISTIC: dict[str, Any] = {"classes": True}
SKIP: dict[str, Any] = {"skip_missing_target": True}
AUTO = "logistic regression, since the target 'y' is text with"
# Letters that have a code of their own, and as a letter with an accent behind it.
COMPOSED, DECOMPOSED = "caf\u00e9", "cafe\u0301"


def named(**names: Any) -> list[Any]:
    """The kinds under other names."""
    return [names[kind] for kind in KIND]


def either(yes: Any, no: Any) -> list[Any]:
    """The two classes under other names."""
    return [yes if label == "yes" else no for label in TWO]


def without(labels: Sequence[Any], *rows: int) -> dict[str, list[Any]]:
    """The clean table with labels, without some rows."""
    columns = {**CLEAN, "y": labels}
    return {name: [one for row, one in enumerate(column) if row not in rows] for name, column in columns.items()}


def classes(name: str, fields: Sequence[Any], labels: Sequence[Any], *told: str, **given: Any) -> Case:
    """Fields of a target that mean these labels."""
    return right(f"classes {name}", csv({**CLEAN, "y": fields}), {**CLEAN, "y": labels}, *told, **given)


def no_classes(name: str, fields: Sequence[Any], *told: str, **given: Any) -> Case:
    """Fields of a target that are refused."""
    return refused(f"classes {name}", csv({**CLEAN, "y": fields}), "target column 'y'", *told, **given)


def typed(**columns: Any) -> Callable[[Path], Path]:
    """A Parquet file of columns with types."""

    def write(folder: Path) -> Path:
        pl.DataFrame({"a": A, "b": B, **columns}).write_parquet(folder / "data.parquet")
        return folder / "data.parquet"

    return write


_QUOTED = named(ash='"ash, tall"', birch='"the ""birch"""', cedar="it's")
_HOSTILE = named(ash="<script>alert(1)</script>", birch="\x1b[31mred", cedar="=cmd()|'x'!A1")
_UNSEEN = named(ash="\u202eash", birch="\U0001f333", cedar="ce dar")

LABELS = (
    classes("three words", KIND, KIND, f"{AUTO} 3 values"),
    classes("yes and no", TWO, TWO, f"{AUTO} 2 values"),
    classes("yes and no in capitals or not", with_value(with_value(TWO, 1, "YES"), 2, "No"), TWO, "are read as 'yes'"),
    classes("t and f", either("t", "f"), either("t", "f")),
    classes("on and off", either("on", "off"), either("on", "off")),
    classes("true and false", either("true", "false"), either(True, False), "is true and false"),
    classes("TRUE and False", either("TRUE", "False"), either(True, False)),
    classes("0 and 1", either("1", "0"), either(1, 0), "has two values, 0 and 1", "--model linear"),
    classes("1 and 2", either("2", "1"), either(2, 1), "has two values, 1 and 2"),
    classes("-1 and 1", either("1", "-1"), either(1, -1), "has two values, -1 and 1"),
    classes("two numbers in other digits", either("1e0", "0.0"), either(1, 0)),
    classes("two fractions", either("1.5", "0.5"), either("1.5", "0.5"), "has two values, 0.5 and 1.5"),
    classes("two numbers in quotation marks", either('"7"', '"3"'), either(7, 3)),
    classes("three numbers", named(ash=1, birch=2, cedar=30), named(ash=1, birch=2, cedar=30), read=LOGISTIC),
    classes("codes", named(ash="01", birch="2", cedar="10"), named(ash="01", birch="2", cedar="10"), read=LOGISTIC),
    classes(
        "dates",
        named(ash="2024-01-01", birch="x", cedar="2024-01-03"),
        named(ash="2024-01-01", birch="x", cedar="2024-01-03"),
        read=LOGISTIC,
    ),
    classes(
        "words among numbers",
        named(ash="1", birch="2", cedar="many"),
        named(ash="1", birch="2", cedar="many"),
        read=LOGISTIC,
    ),
    classes("with commas and quotation marks", _QUOTED, named(ash="ash, tall", birch='the "birch"', cedar="it's")),
    classes("that are hostile", _HOSTILE, _HOSTILE),
    classes("that cannot be seen", _UNSEEN, _UNSEEN),
    classes(
        "very long",
        named(ash="x" * 5000, birch="y" * 5000, cedar="x" * 4999),
        named(ash="x" * 5000, birch="y" * 5000, cedar="x" * 4999),
    ),
    classes("with blanks around", [f"  {label}\t" for label in KIND], KIND),
    classes(
        "with blanks within",
        with_value(named(ash="an ash", birch="b", cedar="c"), 0, "an  ash"),
        with_value(named(ash="an ash", birch="b", cedar="c"), 0, "an  ash"),
        "WD026",
    ),
    classes("in capitals or not", with_value(KIND, 0, "Ash"), with_value(KIND, 0, "Ash"), "'Ash' and 'ash'", "WD026"),
    classes(
        "of letters coded twice",
        with_value(named(ash=COMPOSED, birch="b", cedar="c"), 0, DECOMPOSED),
        with_value(named(ash=COMPOSED, birch="b", cedar="c"), 0, DECOMPOSED),
        "WD026",
    ),
    classes("of one member", with_value(TWO, 5, "maybe"), with_value(TWO, 5, "maybe"), "'maybe' 1 of 24", "never held"),
)

OTHER_ROWS = (
    right(
        "classes with a gap, skipped",
        csv({**CLEAN, "y": with_value(TWO, 3, "")}),
        without(TWO, 3),
        "1 row is left out",
        read=SKIP,
    ),
    right(
        "classes with words for gaps, skipped",
        csv({**CLEAN, "y": with_value(with_value(KIND, 3, "NA"), 9, "?")}),
        without(KIND, 3, 9),
        "2 rows are left out",
        "read as gaps of the target: 'NA' (1 row)",
        read=SKIP,
    ),
    right(
        "classes with a word named as a gap, skipped",
        csv({**CLEAN, "y": with_value(KIND, 3, "unknown")}),
        without(KIND, 3),
        "1 row is left out",
        read={**SKIP, "missing": ["unknown"]},
    ),
    right(
        "classes and weights",
        csv({**CLEAN, "w": [row % 3 + 0.5 for row in range(ROWS)], "y": TWO}),
        {**CLEAN, "weight": [row % 3 + 0.5 for row in range(ROWS)], "y": TWO},
        read={"weight": "w"},
    ),
    right(
        "classes, one of weight 0",
        csv({**CLEAN, "w": [float(kind != "ash") for kind in KIND], "y": KIND}),
        {**CLEAN, "weight": [float(kind != "ash") for kind in KIND], "y": KIND},
        "of weight 0",
        read={"weight": "w"},
    ),
    right(
        "classes from categories with gaps",
        csv({"a": with_value(A, 4, ""), "k": with_value(KIND, 7, ""), "y": TWO}),
        {"a": with_value(A, 4, None), "k": with_value(KIND, 7, None), "y": TWO},
        "1 category",
    ),
    right(
        "classes between semicolons",
        csv({"a": [f"{a}".replace(".", ",") for a in A], "y": TWO}, ";"),
        {"a": A, "y": TWO},
        "decimal comma",
    ),
    right(
        "classes in groups",
        csv({**CLEAN, "g": [row % 5 for row in range(ROWS)], "y": TWO}),
        {**CLEAN, "y": TWO},
        read={"group": "g"},
    ),
    right(
        "classes in time",
        csv({**CLEAN, "t": list(range(ROWS)), "y": TWO}),
        {**CLEAN, "t": [float(row) for row in range(ROWS)], "y": TWO},
        read={"time": "t"},
    ),
)

PARQUET = (
    right(
        "classes of truth values, Parquet",
        typed(y=[label == "yes" for label in TWO]),
        {"a": A, "b": B, "y": either(True, False)},
        "is true and false",
    ),
    right(
        "classes of a category, Parquet",
        typed(y=pl.Series(named(ash="1", birch="2", cedar="3"), dtype=pl.Categorical)),
        {"a": A, "b": B, "y": named(ash=1, birch=2, cedar=3)},
        "is a category with 3 values",
    ),
    right(
        "classes of words for gaps, Parquet",
        typed(y=named(ash="none", birch="NA", cedar="-")),
        {"a": A, "b": B, "y": named(ash="none", birch="NA", cedar="-")},
        f"{AUTO} 3 values",
    ),
    right(
        "classes of whole numbers, Parquet",
        typed(y=pl.Series(either(1, 0), dtype=pl.Int8)),
        {"a": A, "b": B, "y": either(1, 0)},
        "has two values, 0 and 1",
    ),
)

_MANY = 103
_WIDE = np.random.default_rng(5).normal(size=3 * _MANY).round(3).tolist()
_NAMES = [f"c{row % _MANY}" for row in range(3 * _MANY)]
MANY = right("classes, 103 of them", csv({"a": _WIDE, "y": _NAMES}), {"a": _WIDE, "y": _NAMES}, tune={"cv": 3})

_MIXED = [row % 120 for row in range(480)]
REFUSED = (
    no_classes("all the same", ["yes"] * ROWS, "is 'yes' in all 24 rows", "nothing to predict", "name another target"),
    no_classes("all true", ["true"] * ROWS, "is 'True' in all 24 rows", "nothing to predict"),
    no_classes("all 1", ["1"] * ROWS, "is '1' in all 24 rows", "nothing to predict", read=LOGISTIC),
    no_classes(
        "one in each row",
        [f"tree {row}" for row in range(ROWS)],
        "a class of its own in every row (24 in 24",
        "identifier",
        "merge classes",
    ),
    no_classes(
        "one in nearly each row", [f"tree {max(row, 2)}" for row in range(ROWS)], "in nearly every row (22 in 24"
    ),
    no_classes("with a gap", with_value(TWO, 10, ""), "no value in line 12", "--skip-missing-target"),
    no_classes(
        "with a word for gaps",
        with_value(TWO, 10, "none"),
        "('none')",
        "line 12",
        "--skip-missing-target",
        "if 'none' is a class, write it in another word",
    ),
    no_classes(
        "with a word named as a gap",
        with_value(KIND, 10, "unknown"),
        "'unknown', which was named as a word",
        read={"missing": ["unknown"]},
    ),
    no_classes("one and gaps, skipped", either("yes", ""), "is 'yes' in all", "nothing to predict", read=SKIP),
    no_classes(
        "one row and gaps, skipped",
        ["yes", *[""] * (ROWS - 1)],
        "a value in 1 line of 24",
        "at least two",
        read={**SKIP, **LOGISTIC},
    ),
    no_classes(
        "continuous", A, "has 24 different numbers in 24 rows", "every row would be a class", "linear", read=LOGISTIC
    ),
    no_classes(
        "continuous, recurring",
        [f"{row % 11}.5" for row in range(ROWS)],
        "is continuous (11 different numbers",
        read=LOGISTIC,
    ),
    no_classes("with an infinite number", with_value(ONES, 10, "inf"), "infinite, or too large", read=LOGISTIC),
    refused(
        "classes, 120 numbers",
        csv({"a": [row % 7 for row in range(480)], "y": _MIXED}),
        "target column 'y'",
        "has 120 different numbers, and more than 100 are taken for amounts",
        read=LOGISTIC,
    ),
    no_classes("with a unit", [f"{a} kg" for a in A], " kg'", "must be a number", "--model logistic"),
    refused(
        "classes, one of them with weight",
        csv({"a": A, "w": ONES, "y": TWO}),
        "all rows of positive weight are of a single class",
        "take rows of another one along",
        read={"weight": "w"},
    ),
    refused(
        "classes that are groups",
        csv({"a": A, "b": B, "g": KIND, "y": KIND}),
        "trains on no row of class",
        "groups that are held out together",
        read={"group": "g"},
    ),
    refused(
        "classes that are new in time",
        csv({"a": A, "b": B, "t": list(range(ROWS)), "y": sorted(KIND)}),
        "trains on no row of class",
        "in later rows alone",
        read={"time": "t"},
    ),
    refused("classes of too many folds", csv({"a": A, "y": TWO}), "25 folds need at least 25 rows", tune={"cv": 25}),
    refused(
        "a scorer of numbers for classes",
        csv({"a": A, "y": TWO}),
        "--scoring r2 judges numbers",
        "the target is of classes",
        "'accuracy', 'f1'",
        tune={"scoring": "r2"},
    ),
    refused(
        "a scorer of numbers for three classes",
        csv({"a": A, "y": KIND}),
        "judges numbers",
        "'f1_macro'",
        tune={"scoring": "neg_mean_squared_error"},
    ),
    refused(
        "a scorer of several labels",
        csv({"a": A, "y": TWO}),
        "rows of several labels each",
        "'f1_macro'",
        tune={"scoring": "f1_samples"},
    ),
    refused(
        "a scorer that needs both classes",
        csv({"a": A, "y": with_value(["no"] * ROWS, 3, "yes")[:12] + TWO[12:]}),
        "on a fold of 2 test rows",
        "none of which is of class",
        "fewer or stratified folds",
        tune={"scoring": "roc_auc", "cv": 12},
    ),
    refused(
        "a short word for a scorer of classes, and numbers",
        PLAIN,
        "--scoring brier judges classes",
        "the target is of numbers",
        tune={"scoring": "brier"},
    ),
    refused(
        "an unknown class weight",
        csv({"a": A, "y": TWO}),
        "'--class-weight'",
        "balanced",
        code=2,
        words=("--class-weight=heavy",),
    ),
    refused(
        "a class weight for numbers",
        PLAIN,
        "'--class-weight'",
        "linear regression predicts numbers",
        code=2,
        words=("--class-weight=balanced",),
    ),
    refused("a share of L1 above 1", PLAIN, "'--l1-ratio'", code=2, words=("--l1-ratio=1.5",)),
)

CASES: tuple[Case, ...] = (*LABELS, *OTHER_ROWS, *PARQUET, *REFUSED)
