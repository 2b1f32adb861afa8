"""What fragments of HTML for notebooks are made of: nothing that runs or loads, and texts that are harmless.

Colours are the notebook's own but for marks, whose contrast is at least 3 on light and on dark paper. Rules are those
of one class, `SCOPE`, and no element has an id, so that many fragments stand in one page.
"""

from __future__ import annotations

import sys
import unicodedata
from collections.abc import Iterable, Sequence
from html import escape

from weightdecay.records.finding import Finding

SCOPE = "wd-note"
BLUE, RED, ORANGE, GREY = "#2a84c8", "#d9453d", "#c0690b", "#808080"
MARKS = {"error": RED, "warning": ORANGE, "info": GREY}
STYLE = (
    f"<style>.{SCOPE}{{max-width:52rem;line-height:1.45;overflow-wrap:anywhere}}"
    f".{SCOPE} p{{margin:.3em 0}}.{SCOPE} p.wd-lead{{font-weight:600;font-size:1.1em}}"
    f".{SCOPE} p.wd-small{{font-size:.85em;opacity:.8}}"
    f".{SCOPE} ul{{list-style:none;margin:.6em 0;padding:0}}"
    f".{SCOPE} li{{border-left:4px solid {GREY};margin:.4em 0;padding:.1em .7em}}"
    f".{SCOPE} li.wd-error{{border-color:{RED}}}.{SCOPE} li.wd-warning{{border-color:{ORANGE}}}"
    f".{SCOPE} div.wd-scroll{{overflow-x:auto}}"
    f".{SCOPE} table{{border-collapse:collapse;color:inherit;font-size:.9em;font-variant-numeric:tabular-nums;"
    f"margin:.6em 0;width:auto}}"
    f".{SCOPE} th,.{SCOPE} td{{border-bottom:1px solid #80808066;padding:.15em .7em;text-align:right;"
    f"white-space:nowrap;color:inherit}}"
    f".{SCOPE} tr>:first-child{{padding-left:0;text-align:left;white-space:normal;min-width:9em}}"
    f".{SCOPE} tr.wd-chosen>*{{font-weight:700}}.{SCOPE} tr:not(.wd-chosen)>*{{font-weight:400}}"
    f".{SCOPE} svg{{display:block;height:auto;margin:.6em 0;max-width:100%}}</style>"
)

# Characters of a sentence and of a cell; of signs that take several bytes fewer are kept.
SENTENCE, REMEDY, CELL = 600, 300, 120
HEAVY = 2  # bytes for a character, from which a text is heavy
# Parts of a fragment, of which the whole stays below 60 kB.
MOST_LINES, MOST_FINDINGS, TABLE_BYTES, ONLY_TABLE = 9, 8, 8_000, 24_000
SUBSTITUTE = "\N{REPLACEMENT CHARACTER}"
_JOINERS = frozenset("\u200c\u200d")  # shape letters and emoji
_HOSTILE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
_MARKS = frozenset(("Mn", "Me"))
MAX_MARKS = 4  # on one letter


def visible(text: str, limit: int = SENTENCE) -> str:
    """One line of at most so many characters, all of which can be seen; a longer text is cut in its middle.

    Examples
    --------
    >>> visible("a\\x00b\\u202ec")
    'a\ufffdb\ufffdc'
    """
    kept: list[str] = []
    marks = 0
    # Cut first: the rest costs time per character.
    for character in _cut(text, limit):
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        if marks > MAX_MARKS:
            continue
        hostile = category in _HOSTILE and character not in _JOINERS
        kept.append(" " if character in "\t\n\r" else SUBSTITUTE if hostile else character)
    return "".join(kept)


def _cut(text: str, limit: int) -> str:
    """The beginning and the end of a text that is too long."""
    if len(text) <= limit:
        return text
    end = limit // 3
    return f"{text[: limit - 1 - end]}…{text[len(text) - end :]}"


def safe(text: str, limit: int = SENTENCE) -> str:
    """Text for an element or a quoted attribute: visible, escaped, and of at most twice as many bytes as characters.

    Examples
    --------
    >>> safe("<b>")
    '&lt;b&gt;'
    """
    shown = escape(visible(text, limit))
    # Six bytes at most stand for a character.
    return shown if len(shown.encode()) <= HEAVY * limit else escape(visible(text, limit * HEAVY // 6))


def as_text() -> bool:
    """Whether scikit-learn, if it is in use, was told to show text in place of diagrams."""
    sklearn = sys.modules.get("sklearn")
    return sklearn is not None and bool(sklearn.get_config()["display"] == "text")


def fragment(*parts: str) -> str:
    """All parts in a box with its own style; the empty text where there are none."""
    inside = "".join(parts)
    return f'{STYLE}<div class="{SCOPE}">{inside}</div>' if inside else ""


def verdict_lines(lines: Sequence[str]) -> str:
    """The lines of a verdict, the first one in bold."""
    first, *others = [safe(line) for line in lines[:MOST_LINES] if line] or [""]
    return "".join((f'<p class="wd-lead">{first}</p>', *(f"<p>{line}</p>" for line in others))) if first else ""


def small(text: str) -> str:
    """A remark."""
    return f'<p class="wd-small">{safe(text)}</p>'


def findings_list(findings: Sequence[Finding]) -> str:
    """Findings with their codes, the first ones, and how many more there are."""
    shown = "".join(map(_finding, findings[:MOST_FINDINGS]))
    left = len(findings) - MOST_FINDINGS
    more = f"<li>{left:,} more</li>" if left > 0 else ""
    return f"<ul>{shown}{more}</ul>" if shown else ""


def _finding(finding: Finding) -> str:
    severity, code = safe(finding.severity, 12), safe(finding.code, 12)
    told = "; ".join(filter(None, (safe(finding.message), safe(finding.remedy, REMEDY))))
    return f'<li class="wd-{severity}"><strong>{severity}</strong> <code>{code}</code> {told}</li>'


def table(
    headings: Sequence[str], rows: Iterable[Sequence[str]], *, chosen: str | None = None, most: int = TABLE_BYTES
) -> str:
    """Cells of text below headings, the row of a name in bold; what would take too many bytes is left out."""
    given = [[*row] for row in rows]
    keep = [at for at in range(len(headings)) if any(row[at] for row in given)]
    head = "".join(f'<th scope="col">{safe(headings[at], CELL)}</th>' for at in keep)
    size = 0
    shown: list[str] = []
    for row in given:
        line = _row([row[at] for at in keep], own=row[0] == chosen)
        size += len(line.encode())
        if size > most:
            break
        shown.append(line)
    left = len(given) - len(shown)
    more = small(f"{left:,} more {'row' if left == 1 else 'rows'} not shown here.") if left else ""
    top = f"<thead><tr>{head}</tr></thead>" if any(headings) else ""
    return f'<div class="wd-scroll"><table>{top}<tbody>{"".join(shown)}</tbody></table></div>{more}' if shown else ""


def _row(cells: Sequence[str], *, own: bool) -> str:
    first, *others = (_cell(one) for one in cells)
    marked = ' class="wd-chosen"' if own else ""
    return f'<tr{marked}><th scope="row">{first}</th>{"".join(f"<td>{one}</td>" for one in others)}</tr>'


def _cell(text: str) -> str:
    """A cell; letters that run from right to left leave the cells beside them alone."""
    return safe(text, CELL) if text.isascii() else f"<bdi>{safe(text, CELL)}</bdi>"
