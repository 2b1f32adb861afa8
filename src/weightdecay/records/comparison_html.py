"""A comparison as HTML for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightdecay.records.comparison_words import HEADINGS, cells, footnote
from weightdecay.records.notebook import MOST_LINES, as_text, findings_list, fragment, small, table, verdict_lines

if TYPE_CHECKING:
    from weightdecay.records.comparison import Comparison


def html(comparison: Comparison) -> str | None:
    """The verdict, the table and the findings; None where text is asked for."""
    if as_text():
        return None
    notes = [small(f"{one.name}: {one.note}") for one in comparison.rows if one.note]
    return fragment(
        verdict_lines(comparison.verdict.splitlines()),
        table(HEADINGS, cells(comparison), chosen=comparison.suits),
        *notes[:MOST_LINES],
        small(footnote(comparison)),
        findings_list(comparison.findings),
    )
