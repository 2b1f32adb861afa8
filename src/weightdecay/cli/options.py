"""Options that commands share, and the words on the command line as values."""

from __future__ import annotations

import csv
import difflib
import math
import shlex
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, final

import typer
from typer.core import TyperCommand

MOST_DECAYS = 10_000
_NOT_REPEATED = ("report", "save", "as_json", "dry_run")


MODELS = ("auto", "linear", "logistic", "poisson")
# A network has no coefficients that a path could show.
TUNED_MODELS = (*MODELS, "network")
RULES = ("min", "1se")
CLASS_WEIGHTS = ("balanced",)
# What scorers of classes are called for short, and the scorer; log-loss is what is minimised by itself.
SHORT = {"log-loss": "log-loss", "log_loss": "log-loss", "logloss": "log-loss", "brier": "neg_brier_score"}
SHORT |= {"auc": "roc_auc"}

Data = Annotated[
    Path, typer.Argument(metavar="DATA.CSV", help="CSV file with a header line (may be packed: .gz, .zst), or Parquet.")
]
Target = Annotated[str, typer.Option("--target", metavar="COLUMN", help="The column to predict.")]
Models = Annotated[
    str,
    typer.Option(
        "--model",
        metavar=f"[{'|'.join(MODELS)}]",
        help="The model: of numbers, or of classes; auto goes by the target, and says so.",
    ),
]
TunedModels = Annotated[
    str,
    typer.Option(
        "--model",
        metavar=f"[{'|'.join(TUNED_MODELS)}]",
        help="The model: of numbers, or of classes; auto goes by the target, and says so. A network is either, by the "
        "target.",
    ),
]
Classes = Annotated[
    bool | None,
    typer.Option(
        "--classes/--numbers",
        help="What the target's values are. [default: classes if they are words, true and false, or two numbers]",
    ),
]
ClassWeight = Annotated[
    str | None,
    typer.Option(
        "--class-weight",
        metavar=f"[{'|'.join(CLASS_WEIGHTS)}]",
        help="balanced: rows of rare classes count for more, so that all classes count alike.",
    ),
]
L1Ratio = Annotated[
    float,
    typer.Option(
        "--l1-ratio", min=0.0, max=1.0, metavar="SHARE", help="Share of L1 in the penalty: 0 weight decay, 1 lasso."
    ),
]
Rules = Annotated[
    str,
    typer.Option(
        "--rule",
        metavar=f"[{'|'.join(RULES)}]",
        help="Least loss, or the largest decay within one standard error of it.",
    ),
]
Drop = Annotated[
    list[str] | None,
    typer.Option("--drop", metavar="COLUMNS", help="Columns to leave out, parted by commas; may be repeated."),
]
Text = Annotated[
    list[str] | None,
    typer.Option("--text", metavar="COLUMNS", help="Columns of prose, whose words are learned from; may be repeated."),
]
Missing = Annotated[
    list[str] | None,
    typer.Option(
        "--missing", metavar="WORDS", help="Words for gaps, such as -999 or k.A., parted by commas; may be repeated."
    ),
]
SkipMissing = Annotated[
    bool, typer.Option("--skip-missing-target", help="Leave out rows without a target instead of refusing them.")
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="Show what would become of every column, and stop before the work.")
]
Weight = Annotated[str | None, typer.Option("--weight", metavar="COLUMN", help="A column of sample weights.")]
Decays = Annotated[
    str | None,
    typer.Option(
        "--decays", metavar="LIST", help="Decays to try: 0.01,0.1,1 or low:high:count. [default: by the data]"
    ),
]
Standardize = Annotated[bool, typer.Option(help="Let decay act on columns scaled to standard deviation 1.")]
Intercept = Annotated[bool, typer.Option(help="Fit an intercept.")]
Exempt = Annotated[
    list[str] | None,
    typer.Option(
        "--decay-exempt", metavar="COLUMNS", help="Columns that decay leaves alone, with all that is made of them."
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout; all else goes to stderr.")]


@final
class Once(TyperCommand):
    """A command whose options of one value are given at most once."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Refuse what would override what was given before."""
        refuse_repeated(self, ctx, args)
        return super().parse_args(ctx, args)


def refuse_repeated(command: TyperCommand, ctx: Any, args: Sequence[str]) -> None:
    """Raise where an option of one value is given again: the last would win without a word.

    Raises
    ------
    typer.BadParameter
        One is.
    """
    *_, order = command.make_parser(ctx).parse_args(list(args))
    for parameter, count in Counter(order).items():
        if count > 1 and not parameter.multiple:
            raise _wrong(parameter.opts[0], f"it is given {count} times; give it once")


def names(given: Sequence[str] | None) -> list[str]:
    """Column names, parted by commas; a name with a comma stands in double quotes."""
    return [name.strip() for row in csv.reader(given or [], skipinitialspace=True) for name in row if name.strip()]


def decays(given: str | None) -> list[float] | None:
    """Decays from a list or a logarithmic lattice.

    Raises
    ------
    typer.BadParameter
        They are not numbers of at least 0.
    """
    if given is None:
        return None
    try:
        if ":" in given:
            low, high, count = given.split(":")
            return _lattice(float(low), float(high), int(count))
        values = [float(word) for word in given.split(",") if word.strip()]
    except ValueError:
        raise _wrong("--decays", f"{given!r} is neither a list such as 0.01,0.1,1 nor low:high:count") from None
    if not values or any(value < 0 or math.isnan(value) for value in values):
        raise _wrong("--decays", f"{given!r}: a decay is a number of at least 0")
    return values


def _lattice(low: float, high: float, count: int) -> list[float]:
    """Numbers of equal ratio, ends included."""
    if not (0 < low < high < math.inf and 2 <= count <= MOST_DECAYS):
        raise _wrong("--decays", f"low:high:count needs 0 < low < high and 2 to {MOST_DECAYS} decays")
    return [low * (high / low) ** (index / (count - 1)) for index in range(count - 1)] + [high]


def folds(given: str) -> str | int:
    """How rows are held out: by a word or a number of folds.

    Raises
    ------
    typer.BadParameter
        It is neither.
    """
    if given in ("auto", "loo"):
        return given
    try:
        count = int(given)
    except ValueError:
        raise _wrong("--cv", f"{given!r} is neither auto, nor loo, nor a number of folds") from None
    if count < 2:
        raise _wrong("--cv", f"{given!r}: give at least 2 folds")
    return count


def by_time(splits: str | int, *, group: str | None, seed: int | None) -> None:
    """Refuse what does not go with holding out later rows by earlier ones.

    Raises
    ------
    typer.BadParameter
        Groups, leave-one-out or a seed were given.
    """
    if group is not None:
        raise _wrong("--time-column", "rows are held out by time or by --group, not by both")
    if splits == "loo":
        raise _wrong(
            "--time-column", "--cv loo would hold earlier rows out by later ones; give --cv 5, or leave it out"
        )
    if seed is not None:
        raise _wrong("--seed", "it shuffles rows, and with --time-column none are shuffled")


def of_network(*, standardize: bool, intercept: bool, exempt: Sequence[str] | None, class_weight: str | None) -> None:
    """Refuse what a network does not know.

    Raises
    ------
    typer.BadParameter
        It was given.
    """
    alone = "it is for linear and logistic regression; leave it out, or give another --model"
    for option, given, why in (
        ("--no-standardize", not standardize, "a network's columns are always standardised; leave it out"),
        ("--no-intercept", not intercept, alone),
        ("--decay-exempt", bool(names(exempt)), alone),
        ("--class-weight", class_weight is not None, alone),
    ):
        if given:
            raise _wrong(option, why)


def one_of(option: str, given: str, known: Sequence[str]) -> str:
    """A word that an option knows.

    Raises
    ------
    typer.BadParameter
        It does not know it.
    """
    if given not in known:
        raise _wrong(option, f"{given!r} is not one of {', '.join(known)}")
    return given


def scorer(given: str | None) -> str | None:
    """The name of a scorer, once scikit-learn is known to have it, or a short word for one.

    Raises
    ------
    typer.BadParameter
        It has not.
    """
    if given is None:
        return None
    from sklearn.metrics import get_scorer_names

    known = get_scorer_names()
    if given not in known and given.lower() not in SHORT:
        named = [name for name in known if given.lower() == _initials(name)]
        close = named or difflib.get_close_matches(given, known, n=3) or ["r2", "neg_mean_absolute_error"]
        raise _wrong("--scoring", f"{given!r} is not a scorer of scikit-learn; did you mean {' or '.join(close)}?")
    return given


def _initials(scorer: str) -> str:
    """What a scorer is called for short: rmse for neg_root_mean_squared_error."""
    return "".join(word[0] for word in scorer.removeprefix("neg_").split("_"))


def _wrong(option: str, sentence: str) -> typer.BadParameter:
    """A wrong call, as typer tells it."""
    return typer.BadParameter(sentence, param_hint=f"'{option}'")


def repeated(context: typer.Context) -> str:
    """A line for a shell that repeats the work: what was given and is not the default, without where it is shown."""
    words = ["weightdecay", str(context.command.name)]
    for parameter in context.command.params:
        name = str(parameter.name)
        value = context.params.get(name)
        if name in _NOT_REPEATED or value is None or value == parameter.default:
            continue
        flag = parameter.opts[0]
        if isinstance(value, bool):
            words.append(flag if value else parameter.secondary_opts[0])
        elif name == "data":
            # A file's name that begins like an option is one no more with its folder before it.
            words.append(shell_word(f"./{value}" if str(value).startswith("-") else str(value)))
        else:
            for one in value if isinstance(value, list | tuple) else [value]:
                words += [shell_word(f"{flag}={one}")] if str(one).startswith("-") else [flag, shell_word(str(one))]
    return " ".join(words)


def shell_word(text: str) -> str:
    """A word for a shell; what cannot be seen is spelled out."""
    if text.isprintable():
        return shlex.quote(text)
    spelled = (_spelled(letter) if letter in "\\'" or not letter.isprintable() else letter for letter in text)
    return f"$'{''.join(spelled)}'"


def _spelled(letter: str) -> str:
    """A letter as bytes in octal, as $'…' reads them; bytes that are no text come back as they were."""
    return "".join(f"\\{byte:03o}" for byte in letter.encode("utf-8", "surrogateescape"))
