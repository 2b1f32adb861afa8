"""The dry run: a table as it would be learned from, and the work stopped as soon as it is planned."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, final

from weightdecay.cli.sentences import counted, tell

if TYPE_CHECKING:
    from weightdecay import Progress, Table


SHOWN = 20  # classes


class _Planned(Exception):  # noqa: N818 - nothing went wrong
    """The work is about to begin."""


@final
class _Before:
    """A listener that stops the work at its first word."""

    text = ""

    def start(self, total: int, text: str) -> None:
        """The work is planned."""
        self.text = text
        raise _Planned

    def advance(self, text: str = "") -> None:
        """Never reached."""

    def finish(self) -> None:
        """Nothing to take away."""


def planned(work: Callable[[Progress], Any]) -> str:
    """What work is about to do, in the words of its listener; whatever is wrong with it is raised as ever."""
    listener = _Before()
    try:
        work(listener)
    except _Planned:
        pass
    return listener.text


def show(table: Table, step: str, *, as_json: bool) -> None:
    """Show what a table is taken for, and which step would be next."""
    import weightdecay as wd

    if as_json:
        told = {
            "source": table.source,
            "target": table.target,
            "rows": len(table.y),
            "classes": counts(table),
            "columns": list(table.columns),
            "plan": [asdict(one) for one in table.plan],
            "notes": list(table.notes),
            "next": step,
        }
        sys.stdout.write(json.dumps(told) + "\n")
        return
    for line in _lines(table):
        tell(wd.terminal.sentence(line))
    tell(wd.terminal.plan(table))
    tell(wd.terminal.sentence(f"Nothing was computed. The next step would be {step}."))


def counts(table: Table) -> dict[str, int]:
    """How many rows each class has; nothing for a target of numbers."""
    import numpy as np

    if not table.classes:
        return {}
    return dict(zip(table.classes, np.unique(table.y, return_counts=True)[1].tolist(), strict=True))


def _lines(table: Table) -> Iterator[str]:
    """The table in words."""
    nothing = 0 if table.weight is None else int((table.weight == 0).sum())
    weightless = f" ({nothing:,} of weight 0)" if nothing else ""
    rows, columns = counted(len(table.y), "row"), counted(len(table.columns), "column")
    yield f"{table.source}: {rows}{weightless}, {columns}, target {table.target}"
    if table.classes:
        shown = [f"{name} ({count:,})" for name, count in list(counts(table).items())[:SHOWN]]
        more = f" and {len(table.classes) - SHOWN:,} more" if len(table.classes) > SHOWN else ""
        yield f"{counted(len(table.classes), 'class', 'classes')}, with the rows of each: {', '.join(shown)}{more}"
    yield from table.notes
    if table.groups is not None:
        groups = len(set(table.groups.tolist()))
        yield f"{counted(groups, 'group')} of rows {'is' if groups == 1 else 'are'} held out whole"
    if table.times is not None:
        yield f"{counted(len(set(table.times.tolist())), 'time')}: later rows are held out by models of earlier ones"
