"""An audit as HTML for notebooks: a fragment that styles nothing but itself, without a style sheet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from weightdecay.records.audit_words import HEADINGS, headline, lines
from weightdecay.records.notebook import GREY, MARKS, MOST_FINDINGS, ONLY_TABLE, as_text, safe

if TYPE_CHECKING:
    from weightdecay.records.audit import Audit

LONGEST = 600  # characters of a sentence
CELL = 'style="text-align:left;padding:2px 8px;border-bottom:1px solid #80808066"'


def html(audit: Audit) -> str | None:
    """The headline, the problems and the table, cut where a page would become too large; None where text is asked for.

    Text has the notebook's own colour, whatever that is on: only the marks beside problems are coloured.
    """
    if as_text():
        return None
    found = [
        f'<li style="border-left:4px solid {MARKS.get(one.severity, GREY)};padding:1px 8px;margin:4px 0">'
        f"<b>{safe(one.severity, 12)} {safe(one.code, 12)}</b> {safe(one.message, LONGEST)}; "
        f"{safe(one.remedy, LONGEST)}</li>"
        for one in audit.problems[:MOST_FINDINGS]
    ]
    found += _left(len(audit.problems) - len(found), "li", "problem")
    problems = f'<ul style="list-style:none;padding:0">{"".join(found)}</ul>' if found else ""
    head = "".join(f"<th {CELL}>{safe(one, LONGEST)}</th>" for one in HEADINGS)
    table, size = lines(audit), 0
    shown: list[str] = []
    for line in table:
        row = f"<tr>{''.join(f'<td {CELL}>{safe(one, LONGEST)}</td>' for one in line[1:])}</tr>"
        size += len(row.encode())
        if size > ONLY_TABLE and shown:
            break
        shown.append(row)
    more = "".join(_left(len(table) - len(shown), "p", "row"))
    return (
        f"<div><p><b>{safe(headline(audit), LONGEST)}</b></p>{problems}"
        f'<div style="overflow-x:auto"><table style="border-collapse:collapse;color:inherit"><thead><tr>{head}</tr>'
        f"</thead><tbody>{''.join(shown)}</tbody></table></div>{more}</div>"
    )


def _left(count: int, tag: str, noun: str) -> list[str]:
    """How many are not shown."""
    return [f"<{tag}>{count:,} more {noun}{'' if count == 1 else 's'}; print the audit to see all</{tag}>"] * (
        count > 0
    )
