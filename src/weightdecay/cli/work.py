"""What commands on a table share: the table, the estimator, the answer on stdout."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from weightdecay import LinearRegression, Table


def linear(table: Table, exempt: list[str], **settings: Any) -> LinearRegression:
    """A linear regression for the table's columns, some of them exempt from decay."""
    import weightdecay as wd

    for name in exempt:
        if name not in table.columns:
            close = difflib.get_close_matches(name, table.columns, n=1)
            hint = f"did you mean {close[0]!r}?" if close else "name columns of the table"
            raise ValueError(f"column {name!r} to exempt from decay is none of the columns to learn from; {hint}")
    weights = [0.0 if name in exempt else 1.0 for name in table.columns] if exempt else None
    return wd.LinearRegression(decay_weights=weights, **settings)


def read(data: Path, target: str, drop: list[str], weight: str | None = None, group: str | None = None) -> Table:
    """The table in a file, through the door."""
    import weightdecay as wd

    return wd.read(data, target, drop=drop, weight=weight, group=group)


def warn_of_folds(asked: str | int, made: int) -> None:
    """Say on stderr that there are fewer folds than were asked for."""
    from weightdecay.cli.sentences import say

    if isinstance(asked, int) and made < asked:
        say(f"--cv {asked}: only {made} folds were made, one for each group: groups are held out whole")


def warn_of_units(decays: Sequence[float] | None, table: Table) -> None:
    """Say on stderr that decays look like another tool's numbers.

    The eigenvalues of p standardised columns are at most p, so at λ > 10 p no weight keeps a tenth of its size.
    """
    from weightdecay.cli.sentences import say

    given = [decay for decay in decays or () if 0 < decay < float("inf")]
    if given and min(given) > 10 * len(table.columns):
        say(
            f"--decays: {min(given):g} and more leave next to nothing of {len(table.columns)} standardised columns; if "
            "it is another tool's alpha or C, convert it first, for example: weightdecay convert "
            f"{min(given):g} --from sklearn.Ridge.alpha --to decay --n-samples {len(table.y)}"
        )
