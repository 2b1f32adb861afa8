"""A table of parameters, and what a monitor has measured, as HTML for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightdecay.records.brief import brief
from weightdecay.records.notebook import ONLY_TABLE, as_text, fragment, small, table, verdict_lines
from weightdecay.records.param_table import TREATMENTS, counted, lines

if TYPE_CHECKING:
    from weightdecay.records.param_table import ParamTable

HEADINGS = ("treatment", "role", "name", "elements", "why")


def html(params: ParamTable) -> str | None:
    """Who is decayed, who is exempt or frozen, and why; None where text is asked for."""
    if as_text():
        return None
    parts = [(treatment, params.of(treatment)) for treatment in TREATMENTS]
    said = "; ".join(f"{treatment}: {counted(rows)}" for treatment, rows in parts if rows or treatment != "frozen")
    every = [(treatment, *line) for treatment, rows in parts for line in lines(rows)]
    guessed = not all(row.certain for row in params.rows)
    return fragment(
        verdict_lines([f"weight decay {brief(params.decay)}; {said}"]),
        table(HEADINGS, every, most=ONLY_TABLE),
        small("? a guess: give sample=, a batch of inputs, and it is measured instead") if guessed else "",
    )
