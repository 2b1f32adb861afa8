"""What commands on a table share: the table, the estimator, files to write, what is told before and after."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from weightdecay import LinearRegression, Table


def linear(table: Table, exempt: Sequence[str], **settings: Any) -> LinearRegression:
    """A linear regression for the table's columns, some of them exempt from decay with all that is made of them."""
    import weightdecay as wd

    known = dict.fromkeys([*table.columns, *(name for one in table.plan for name in one.made)])
    for name in exempt:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "name columns of the table"
            raise ValueError(f"column {name!r} to exempt from decay is none of the columns to learn from; {hint}")
    return wd.LinearRegression(decay_weights=dict.fromkeys(exempt, 0.0) if exempt else None, **settings)


def file_to_write(option: str, file: Path | None, others: dict[str, Path | None]) -> Path | None:
    """Where something goes, once it is known that it can be written and is none of the other files of the call.

    Raises
    ------
    OSError
        It cannot be written.
    typer.BadParameter
        It is one of the others, which are named by what they are.
    """
    import weightdecay as wd

    if file is None:
        return None
    place = wd.terminal.check_writable(file)
    for what, other in others.items():
        if other is not None and (_same(place, other)):
            raise typer.BadParameter(f"it would overwrite the {what}; name another file", param_hint=f"'{option}'")
    return place


def _same(one: Path, other: Path) -> bool:
    """Whether two names are those of one file, there already or not."""
    if one.exists() and other.exists():
        return one.samefile(other)
    return one == other.absolute()


def warn_of_folds(asked: Any, made: int, table: Table) -> None:
    """Say on stderr that there are fewer folds than were asked for."""
    from weightdecay.cli.sentences import counted, say

    if isinstance(asked, int) and made < asked:
        each = (
            "time: rows of one time are held out together"
            if table.times is not None
            else "group: groups are held out whole"
        )
        were = "was" if made == 1 else "were"
        say(f"--cv {asked}: only {counted(made, 'fold')} {were} made, one for each {each}")


def warn_of_units(decays: Sequence[float] | None, table: Table) -> None:
    """Say on stderr that decays look like another tool's numbers.

    The eigenvalues of p standardised columns are at most p, so at λ > 10 p no weight keeps a tenth of its size.
    """
    from weightdecay.cli.sentences import counted, say

    given = [decay for decay in decays or () if 0 < decay < float("inf")]
    columns = sum(len(one.made) for one in table.plan) or len(table.columns)
    if given and min(given) > 10 * columns:
        say(
            f"--decays: {min(given):g} and more leave next to nothing of {counted(columns, 'standardised column')}; if "
            "it is another tool's alpha or C, convert it first, for example: weightdecay convert "
            f"{min(given):g} --from sklearn.Ridge.alpha --to decay --n-samples {len(table.y)}"
        )
