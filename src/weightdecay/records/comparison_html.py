"""A comparison as HTML for notebooks."""

from __future__ import annotations

import unicodedata
from html import escape
from typing import TYPE_CHECKING

from weightdecay.records.comparison_words import HEADINGS, cells, footnote

if TYPE_CHECKING:
    from weightdecay.records.comparison import Comparison

LIMIT = 4000
HOSTILE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def html(comparison: Comparison) -> str:
    """The verdict and the table; text that may come from data is harmless."""
    first, *others = (_safe(line) for line in comparison.verdict.splitlines())
    lines = [HEADINGS, *cells(comparison)]
    columns = [one for one in zip(*lines, strict=True) if any(one[1:])]
    head = "".join(f'<th scope="col">{_safe(one[0])}</th>' for one in columns)
    body = []
    for number, row in enumerate(comparison.rows, 1):
        own = ' style="font-weight:bold"' if row.name == comparison.suits else ""
        name = f'<th scope="row" style="text-align:left">{_safe(columns[0][number])}</th>'
        body.append(f"<tr{own}>{name}{''.join(f'<td>{_safe(one[number])}</td>' for one in columns[1:])}</tr>")
    told = "".join(f"<p>{line}</p>" for line in others)
    notes = "".join(f"<p>{_safe(f'{one.code}: {one.message}; {one.remedy}')}</p>" for one in comparison.findings)
    return (
        f"<div><p><strong>{first}</strong></p>{told}<table><thead><tr>{head}</tr></thead>"
        f"<tbody>{''.join(body)}</tbody></table><p><small>{_safe(footnote(comparison))}</small></p>{notes}</div>"
    )


def _safe(text: str) -> str:
    """Text without markup and without letters that cannot be seen."""
    cut = text if len(text) <= LIMIT else f"{text[:LIMIT]}…"
    return escape("".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(one) in HOSTILE else one for one in cut))
