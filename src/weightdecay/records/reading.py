"""How the fields of a file were read, so that new rows are read in the same way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reading:
    """What was decided over all rows of a file, or said by the user, and cannot be seen from values alone.

    Parameters
    ----------
    missing : tuple of str
        Words for gaps besides those that are known.
    dates : tuple of (str, str)
        Columns of dates that are not written with the year first, and how they are: ``"day first"``,
        ``"month first"`` or ``"month named"``.
    truths : tuple of (str, (str, str))
        Columns of truth values that are written as words, with those for 1 and 0 in lower case.

    Examples
    --------
    >>> Reading(missing=("-999",), dates=(("born", "day first"),)).form("born")
    'day first'
    """

    missing: tuple[str, ...] = ()
    dates: tuple[tuple[str, str], ...] = ()
    truths: tuple[tuple[str, tuple[str, str]], ...] = ()

    def form(self, name: str) -> str:
        """How a column's dates are written; the empty text for the year first."""
        return dict(self.dates).get(name, "")

    def pair(self, name: str) -> tuple[str, ...]:
        """The words for 1 and 0 of a column of truth values; none where it is not one of words."""
        return dict(self.truths).get(name, ())
