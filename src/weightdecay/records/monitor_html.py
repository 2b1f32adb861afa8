"""What a monitor has measured as HTML for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightdecay.records.notebook import MOST_LINES, as_text, findings_list, fragment, small, verdict_lines

if TYPE_CHECKING:
    from weightdecay.records.monitor import Monitored


def html(monitored: Monitored) -> str | None:
    """A head, a line for each role and the findings; None where text is asked for."""
    if as_text():
        return None
    findings = monitored.findings
    lines = monitored.text().splitlines()
    lines = lines[: len(lines) - len(findings)]  # which end the text, each in a line
    left = len(lines) - MOST_LINES
    more = small(f"{left:,} more {'line' if left == 1 else 'lines'}; print it to see all.") if left > 0 else ""
    return fragment(verdict_lines(lines), more, findings_list(findings))
