"""``weightdecay predict``: what a saved model says of new rows."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from weightdecay.cli.options import AsJson
from weightdecay.cli.sentences import say, sentences, tell

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weightdecay import (
        LinearRegression,
        LogisticRegression,
        NetworkClassifier,
        NetworkRegressor,
        PoissonRegression,
        TableModel,
    )

    Model: TypeAlias = (
        LinearRegression | LogisticRegression | PoissonRegression | NetworkRegressor | NetworkClassifier | TableModel
    )

NAME = 60  # characters of a target's name in a header


def predict(
    model: Annotated[Path, typer.Argument(metavar="MODEL.WD", help="A model that tune --save wrote.")],
    data: Annotated[
        Path, typer.Argument(metavar="NEW.CSV", help="Rows with the columns that the model was fitted on, and others.")
    ],
    *,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.CSV", help="Write the predictions there, not to stdout.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Predict every row of NEW.CSV with a saved model: one line for each row, in their order.

    Of a classifier these are the class and the probability of each.
    """
    with sentences():
        import weightdecay as wd
        from weightdecay.cli.work import file_to_write

        file = file_to_write("--out", out, {"model": model, "rows": data})
        fitted = wd.load(model)
        frame, notes = wd.read_rows(data, fitted)
        predictions, more = _predicted(fitted, frame)
        notes = tuple(dict.fromkeys((*notes, *more)))
        for note in notes:
            say(note)
        labels = classes_of(fitted)
        table = as_csv(predictions, _names(fitted, predictions), labels)
        if file is not None:
            wd.terminal.write_text(file, table)
        if as_json:
            files = {"model": str(model), "data": str(data)}
            _write_json({**files, "targets": list(_targets(fitted)), **_plain(predictions, labels)}, notes)
        elif file is None:
            sys.stdout.write(table)
        if file is not None:
            tell(f"predictions: {wd.terminal.sentence(str(file))}", stderr=as_json)


def classes_of(fitted: Model) -> list[Any] | None:
    """What a classifier tells apart, in the order of its probabilities; None of a model of numbers."""
    return fitted.classes_.tolist() if hasattr(fitted, "predict_proba") else None


def _predicted(fitted: Model, frame: Any) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Predictions (n,) or (n, t), or probabilities (n, k), and what is to be told of the rows."""
    import numpy as np

    import weightdecay as wd

    notes: tuple[str, ...] = ()
    method = "predict" if classes_of(fitted) is None else "predict_proba"
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(fitted, wd.TableModel):
            predictions, notes = getattr(fitted, f"{method}_with_notes")(frame)
        else:
            predictions = getattr(fitted, method)(frame)
    beyond = int(np.count_nonzero(~np.isfinite(predictions)))
    if beyond:
        notes += (f"{beyond:,} prediction{'s are' if beyond > 1 else ' is'} beyond the largest number there is",)
    return predictions, notes


def _targets(fitted: Model) -> tuple[str, ...]:
    """Names of what is predicted, as far as they are known."""
    import weightdecay as wd

    if fitted.tuning_ is not None and fitted.tuning_.target_names:
        return fitted.tuning_.target_names
    return (fitted.target,) if isinstance(fitted, wd.TableModel) and fitted.target else ()


def _names(fitted: Model, predictions: NDArray[np.float64]) -> list[str]:
    """Headers of the columns of predictions: unique, and made of nothing that a spreadsheet would run."""
    if predictions.ndim == 1:
        return ["prediction"]
    count, classes = predictions.shape[1], classes_of(fitted)
    if classes is not None:
        return ["prediction", *_unique("probability", map(str, classes), "class")]
    targets = _targets(fitted)
    return _unique("prediction", targets if len(targets) == count else [""] * count, "target")


def _unique(what: str, given: Iterable[str], noun: str) -> list[str]:
    """A header for each name of something, by its number where nothing is left of it."""
    names: list[str] = []
    for number, one in enumerate(given):
        name = f"{what} of {_harmless(one) or f'{noun} {number}'}"
        names.append(f"{name} ({number})" if name in names else name)
    return names


def _harmless(name: str) -> str:
    """Letters, digits, blanks and ``_ - .`` of a name; anything else as ``_``."""
    kept = "".join(letter if letter.isalnum() or letter in " _-." else "_" for letter in name)
    return kept.strip()[:NAME]


def as_csv(predictions: NDArray[np.float64], names: list[str], classes: list[Any] | None = None) -> str:
    """Predictions, (n,) or (n, t), or probabilities of classes (n, k) behind the most probable one, as CSV.

    A header, then a line for each row, with all digits of every number.
    """
    if predictions.ndim == 1:
        return "\n".join([*names, *map(repr, predictions.tolist())]) + "\n"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    rows = (list(map(repr, row)) for row in predictions.tolist())
    if classes is None:
        writer.writerows(rows)
    else:
        words = [_field(one) for one in classes]
        most = predictions.argmax(axis=1).tolist()
        writer.writerows([words[place], *row] for place, row in zip(most, rows, strict=True))
    return text.getvalue()


def _field(label: Any) -> str:
    """A class as the field of a file: as it was read."""
    return str(label).lower() if isinstance(label, bool) else str(label)


def _plain(predictions: NDArray[np.float64], classes: list[Any] | None) -> dict[str, Any]:
    """Predictions for JSON; what overflowed is null."""

    def plain(value: Any) -> Any:
        return [plain(one) for one in value] if isinstance(value, list) else value if math.isfinite(value) else None

    if classes is None:
        return {"predictions": plain(predictions.tolist())}
    most = [classes[place] for place in predictions.argmax(axis=1).tolist()]
    return {"predictions": most, "classes": classes, "probabilities": plain(predictions.tolist())}


def _write_json(told: dict[str, Any], notes: tuple[str, ...]) -> None:
    """One JSON object on stdout."""
    sys.stdout.write(json.dumps({**told, "notes": list(notes)}, allow_nan=False) + "\n")
