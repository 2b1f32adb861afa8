"""An audit for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightdecay.records.audit import Audit
from weightdecay.records.audit_words import HEADINGS, headline, lines
from weightdecay.show.sanitize import for_terminal

if TYPE_CHECKING:
    from rich.console import RenderableType

SENTENCE = 4000
MARKS = {"error": "[bold red]error[/]", "warning": "[yellow]warning[/]", "info": "[dim]info[/]"}


def audit(audit: Audit) -> RenderableType:
    """Show what is wrong, then what every parameter receives, layers of one build in one line.

    Parameters
    ----------
    audit : Audit
        What `wd.audit` returned.

    Returns
    -------
    rich renderable
        For `terminal.console`.

    Examples
    --------
    >>> from rich.console import Console
    >>> from weightdecay.records.audit import Audit, AuditRow
    >>> row = AuditRow("weight", (1, 4), "head", (), True, 0.1, 1e-4, 1e-4, "decoupled", "decayed", "")
    >>> Console(width=100).print(audit(Audit("AdamW", "auto", (row,), ())))
    AdamW, policy 'auto': 1 tensor is decayed, no problem found
    ...
    """
    from rich import box
    from rich.console import Group
    from rich.table import Table

    found = [
        f"{MARKS[one.severity]} {for_terminal(one.code)} {for_terminal(f'{one.message}; {one.remedy}', SENTENCE)}"
        for one in audit.problems
    ]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in HEADINGS:
        right = name in ("elements", "weight_decay", "share per step", "half-life, steps")
        table.add_column(name, justify="right" if right else "left")
    for line in lines(audit):
        table.add_row(*(for_terminal(word, SENTENCE) for word in line[1:]))
    return Group(f"[bold]{for_terminal(headline(audit), SENTENCE)}[/]", *found, table)
