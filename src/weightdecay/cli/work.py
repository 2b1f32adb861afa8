"""What commands on a table share: files to write, what is told before and after."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from weightdecay import Table


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


def warn_of_units(decays: Sequence[float] | None, table: Table, unit: str) -> None:
    """Say on stderr that decays look like another tool's numbers, most likely those of a unit.

    The eigenvalues of p standardised columns are at most p, so at λ > 10 p no weight keeps a tenth of its size.
    """
    from weightdecay.cli.sentences import counted, say

    given = [decay for decay in decays or () if 0 < decay < float("inf")]
    columns = sum(len(one.made) for one in table.plan) or len(table.columns)
    if given and min(given) > 10 * columns:
        say(
            f"--decays: {min(given):g} and more leave next to nothing of {counted(columns, 'standardised column')}; if "
            "it is another tool's alpha or C, convert it first, for example: weightdecay convert "
            f"{min(given):g} --from {unit} --to decay --n-samples {len(table.y)}"
        )
