"""``weightdecay predict``: what a saved model says of new rows."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from weightdecay.cli.options import AsJson
from weightdecay.cli.sentences import say, sentences, tell

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from weightdecay import LinearRegression, TableModel

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
    """Predict every row of NEW.CSV with a saved model: one line for each row, in their order."""
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
        table = as_csv(predictions, _names(fitted, predictions))
        if file is not None:
            wd.terminal.write_text(file, table)
        if as_json:
            _write_json(predictions, fitted, (model, data), notes)
        elif file is None:
            sys.stdout.write(table)
        if file is not None:
            tell(f"predictions: {wd.terminal.sentence(str(file))}", stderr=as_json)


def _predicted(fitted: LinearRegression | TableModel, frame: Any) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Predictions (n,) or (n, t), and what is to be told of the rows."""
    import numpy as np

    import weightdecay as wd

    notes: tuple[str, ...] = ()
    with np.errstate(over="ignore", invalid="ignore"):
        if isinstance(fitted, wd.TableModel):
            predictions, notes = fitted.predict_with_notes(frame)
        else:
            predictions = fitted.predict(frame)
    beyond = int(np.count_nonzero(~np.isfinite(predictions)))
    if beyond:
        notes += (f"{beyond:,} prediction{'s are' if beyond > 1 else ' is'} beyond the largest number there is",)
    return predictions, notes


def _targets(fitted: LinearRegression | TableModel) -> tuple[str, ...]:
    """Names of what is predicted, as far as they are known."""
    import weightdecay as wd

    if fitted.tuning_ is not None and fitted.tuning_.target_names:
        return fitted.tuning_.target_names
    return (fitted.target,) if isinstance(fitted, wd.TableModel) and fitted.target else ()


def _names(fitted: LinearRegression | TableModel, predictions: NDArray[np.float64]) -> list[str]:
    """Headers of the columns of predictions: unique, and made of nothing that a spreadsheet would run."""
    if predictions.ndim == 1:
        return ["prediction"]
    count = predictions.shape[1]
    targets = _targets(fitted)
    given = targets if len(targets) == count else [""] * count
    names: list[str] = []
    for number, target in enumerate(given):
        name = f"prediction of {_harmless(target) or f'target {number}'}"
        names.append(f"{name} ({number})" if name in names else name)
    return names


def _harmless(name: str) -> str:
    """Letters, digits, blanks and ``_ - .`` of a name; anything else as ``_``."""
    kept = "".join(letter if letter.isalnum() or letter in " _-." else "_" for letter in name)
    return kept.strip()[:NAME]


def as_csv(predictions: NDArray[np.float64], names: list[str]) -> str:
    """Predictions, (n,) or (n, t), as CSV: a header, then a line for each row, all digits of every number."""
    if predictions.ndim == 1:
        return "\n".join([*names, *map(repr, predictions.tolist())]) + "\n"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(names)
    writer.writerows(map(repr, row) for row in predictions.tolist())
    return text.getvalue()


def _write_json(
    predictions: NDArray[np.float64],
    fitted: LinearRegression | TableModel,
    files: tuple[Path, Path],
    notes: tuple[str, ...],
) -> None:
    """One JSON object on stdout; what overflowed is null."""

    def plain(value: Any) -> Any:
        return [plain(one) for one in value] if isinstance(value, list) else value if math.isfinite(value) else None

    told = {
        "model": str(files[0]),
        "data": str(files[1]),
        "targets": list(_targets(fitted)),
        "predictions": plain(predictions.tolist()),
        "notes": list(notes),
    }
    sys.stdout.write(json.dumps(told, allow_nan=False) + "\n")
