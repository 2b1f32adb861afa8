"""Options that do not go with the table, or with each other."""

from __future__ import annotations

from catalogue.cases import CLEAN, KIND, PLAIN, ROWS, A, B, Case, Y, csv, refused, right

MIXED = csv({"kind": KIND, "note": [f"fine old tree of kind {one} here" for one in KIND], "a": A, "y": Y})


def wrong(name: str, option: str, *told: str, content: bytes = PLAIN) -> Case:
    """A call that the command line refuses."""
    return refused(f"option {name}", content, *told, code=2, words=tuple(option.split()))


ROLES = (
    refused(
        "a column to drop that is not there",
        PLAIN,
        "column to drop 'zz' is not in",
        "the columns are",
        read={"drop": ["zz"]},
    ),
    refused(
        "a column to drop, nearly", csv({"alpha": A, "b": B, "y": Y}), "did you mean 'alpha'?", read={"drop": ["alhpa"]}
    ),
    refused("all columns dropped", PLAIN, "no column is left", "drop fewer", read={"drop": ["a", "b"]}),
    refused(
        "the target dropped",
        PLAIN,
        "column 'y' cannot be the target and the column to drop",
        "choose one",
        read={"drop": ["y"]},
    ),
    refused(
        "text that is dropped",
        MIXED,
        "column 'note' cannot be the column to drop and the text column",
        read={"drop": ["note"], "text": ["note"]},
    ),
    refused(
        "text that is the target", PLAIN, "column 'y' cannot be the target and the text column", read={"text": ["y"]}
    ),
    refused("text that is not there", PLAIN, "text column 'note' is not in", read={"text": ["note"]}),
    right(
        "text of numbers has no words that recur",
        csv({"n": [f"{row}.5" for row in range(ROWS)], "a": A, "b": B, "y": Y}),
        CLEAN,
        "'n': left out: no word of two letters or more occurs in 2 rows",
        read={"text": ["n"]},
    ),
    right(
        "a column is left out as asked",
        csv({"a": A, "odd": KIND, "b": B, "y": Y}),
        CLEAN,
        "left out: 'odd'",
        read={"drop": ["odd"]},
    ),
    right(
        "a column dropped twice",
        csv({"a": A, "odd": KIND, "b": B, "y": Y}),
        CLEAN,
        "left out: 'odd'",
        read={"drop": ["odd", "odd"]},
    ),
    right(
        "a broken column is dropped",
        csv({"a": A, "odd": ["1", *"x" * 2, *"2" * (ROWS - 3)], "b": B, "y": Y}),
        CLEAN,
        read={"drop": ["odd"]},
    ),
    refused(
        "a column exempt from decay that is not there", PLAIN, "column 'zz'", "exempt", words=("--decay-exempt=zz",)
    ),
)

FOLDS = (
    refused("more folds than rows", PLAIN, "25 folds need at least 25 rows", "24", tune={"cv": 25}),
    wrong("one fold", "--cv 1", "'--cv'", "at least 2"),
    wrong("folds of a word", "--cv many", "'--cv'", "auto", "loo"),
    wrong("folds of a fraction", "--cv 2.5", "'--cv'", "number of folds"),
    wrong("decays of a word", "--decays nonsense", "'--decays'", "0.01,0.1,1", "low:high:count"),
    wrong("negative decays", "--decays=-1,1", "'--decays'", "at least 0"),
    wrong("a decay that is no number", "--decays nan", "'--decays'", "at least 0"),
    wrong("a lattice upside down", "--decays 10:1:5", "'--decays'", "0 < low < high"),
    wrong("a lattice without count", "--decays 1:10", "'--decays'", "low:high:count"),
    wrong("no decays", "--decays ,", "'--decays'", "at least 0"),
    wrong("a scorer that there is not", "--scoring rmse", "'--scoring'", "did you mean"),
    wrong("a rule that there is not", "--rule best", "'--rule'", "min", "1se"),
    wrong("a model that there is not", "--model forest", "'--model'", "linear"),
    wrong("a negative seed", "--seed=-1", "'--seed'"),
    wrong("a negative tolerance", "--tolerance=-1", "'--tolerance'"),
    wrong("cv given twice", "--cv 3 --cv 4", "'--cv'", "2 times"),
    wrong("an option that there is not", "--folds 3", "--folds"),
    wrong("time and group", "--time-column a --group b", "'--time-column'", "not by both"),
    wrong("time and leave-one-out", "--time-column a --cv loo", "'--time-column'", "--cv 5"),
    wrong("time and a seed", "--time-column a --seed 3", "'--seed'"),
    refused("a scorer under leave-one-out with 1se", PLAIN, "1se", tune={"cv": "loo", "rule": "1se", "scoring": "r2"}),
    refused("a scorer of classes", PLAIN, "scoring", "a scorer of regression", tune={"cv": 4, "scoring": "accuracy"}),
)

PLACES = (
    refused(
        "a report into a folder that is not there",
        PLAIN,
        "no",
        "there is no folder",
        words=("--report=/no/such/folder/report.html",),
    ),
    refused(
        "a model into a folder that is not there",
        PLAIN,
        "there is no folder",
        words=("--save=/no/such/folder/model.wd",),
    ),
    refused("a report onto a folder", PLAIN, "it is a folder", words=("--report=/",)),
    refused("a model onto a folder", PLAIN, "it is a folder", words=("--save=/tmp",)),
)

CASES = (*ROLES, *FOLDS, *PLACES)
