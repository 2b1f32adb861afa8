"""Text from data is hostile: one function per sink makes it harmless there.

Common to all: control characters (C0, C1 and DEL), bidirectional overrides and other invisible format characters, line
and paragraph separators, lone surrogates and unassigned tags become a visible substitute; long text is cut in its
middle, for names often differ only at their ends. Letters of every script stay as they are, and so do the joiners that
some scripts need between letters.
"""

from __future__ import annotations

import re
import unicodedata

SUBSTITUTE = "\N{REPLACEMENT CHARACTER}"
NAME_LIMIT = 120

# What tells columns apart that were made of one: the value of a category, the part of a date, a word, a flag, a target.
_OWN = re.compile(r"(?: = |: | · | is missing$)")
_BRACKETS = re.compile(r"(\\*)(\[|\Z)")
# Zero-width joiner and non-joiner shape letters and emoji; they hide nothing.
_JOINERS = frozenset("\u200c\u200d")
# Control, format (bidirectional overrides and isolates, tags, byte-order mark), surrogate, private use, unassigned,
# line separator, paragraph separator.
_HOSTILE = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
# Marks on one letter beyond this number only serve to deface the lines around it.
_MARKS = frozenset(("Mn", "Me"))
MAX_MARKS = 4


def for_terminal(text: str, limit: int = NAME_LIMIT) -> str:
    """Text for a rich console that reads markup: no escape sequence, no markup, one line.

    Examples
    --------
    >>> for_terminal("[red]x[/red]") == chr(92) + "[red]x" + chr(92) + "[/red]"
    True
    """
    # rich's own escape leaves brackets that become a tag only together with the text that follows, and loses
    # backslashes. Here every opening bracket is escaped, and an empty style keeps backslashes from what follows them.
    return _BRACKETS.sub(_escaped, _plain(text, limit))


def _escaped(found: re.Match[str]) -> str:
    """Backslashes before a bracket or the end, and the bracket, as markup that shows them."""
    backslashes, bracket = found.groups()
    return (2 * backslashes + "[none][/none]" if backslashes else "") + ("\\[" if bracket else "")


def for_plot(text: str, limit: int = NAME_LIMIT) -> str:
    r"""Text for matplotlib: no mathematics, one line.

    Examples
    --------
    >>> for_plot("cost in $")
    'cost in \\$'
    """
    # An escaped dollar never opens mathematics, and matplotlib shows it as a plain one.
    return _plain(text, limit).replace("$", r"\$")


def for_html(text: str, limit: int = NAME_LIMIT) -> str:
    """Text for a template that escapes by itself (autoescape): one line without invisible characters.

    Examples
    --------
    >>> for_html("a\\x00b\\u202ec")
    'a\ufffdb\ufffdc'
    """
    return _plain(text, limit)


def shortened(text: str, limit: int) -> str:
    """Text of at most so many characters: of a longer one the beginning and the end.

    A column that was made of another keeps what tells it from its like, if that is short enough.

    Examples
    --------
    >>> shortened("the height of the plant", 12)
    'the hei…lant'
    >>> shortened("description = modern", 16)
    'descri… = modern'
    """
    if len(text) <= limit:
        return text
    own = _OWN.search(text, max(len(text) - limit + 2, 1))
    if own is not None:
        return text[: limit - 1 - len(text) + own.start()] + "…" + text[own.start() :]
    end = limit // 3
    return text[: limit - 1 - end] + "…" + text[len(text) - end :]


def _plain(text: str, limit: int) -> str:
    """One line of visible characters, at most `limit` of them."""
    kept: list[str] = []
    marks = 0
    # Cut first: the rest costs time per character.
    for character in shortened(text, limit):
        category = unicodedata.category(character)
        marks = marks + 1 if category in _MARKS else 0
        if marks > MAX_MARKS:
            continue
        if character in "\t\n\r":
            kept.append(" ")
        elif category in _HOSTILE and character not in _JOINERS:
            kept.append(SUBSTITUTE)
        else:
            kept.append(character)
    return "".join(kept)
