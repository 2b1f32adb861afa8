"""The table of finding codes: stable names of what can be wrong or worth knowing, and what each means."""

from __future__ import annotations

import difflib
import re

from weightdecay.records.audit_explanations import OF_AUDITS
from weightdecay.records.explanations import OF_THE_CURVE, OF_THE_DATA, OF_THE_TABLE, Explanation
from weightdecay.records.l1_explanations import OF_L1
from weightdecay.records.label_explanations import OF_LABELS
from weightdecay.records.monitor_explanations import OF_THE_MONITOR
from weightdecay.records.network_explanations import OF_NETWORKS
from weightdecay.records.training_explanations import OF_TRAINING

_ALL = (
    *(*OF_THE_CURVE, *OF_THE_DATA, *OF_THE_TABLE, *OF_LABELS, *OF_L1),
    *(*OF_NETWORKS, *OF_TRAINING, *OF_AUDITS, *OF_THE_MONITOR),
)
EXPLANATIONS: dict[str, Explanation] = {one.code: one for one in sorted(_ALL, key=lambda one: one.code)}
CODES: dict[str, str] = {code: one.title for code, one in EXPLANATIONS.items()}


def codes() -> dict[str, str]:
    """All codes of findings and what each says in half a sentence.

    Returns
    -------
    dict of str to str
        By code, ascending.

    Examples
    --------
    >>> import weightdecay as wd
    >>> wd.codes()["WD011"]
    'more columns than rows'
    """
    return dict(CODES)


def explain(code: str | int) -> Explanation:
    """What the finding of a code means: why it happens, from which numbers on it is told, and what to do.

    Parameters
    ----------
    code : str or int
        ``"WD007"``; ``"wd007"``, ``"7"`` and 7 mean the same.

    Returns
    -------
    Explanation

    Raises
    ------
    ValueError
        No finding has the code.

    Examples
    --------
    >>> import weightdecay as wd
    >>> wd.explain("wd7").title
    'one column almost alone explains the target: a likely leak'
    """
    found = re.fullmatch(r"(?:WD)?0*(\d{1,6})", str(code).strip(), re.IGNORECASE | re.ASCII)
    known = EXPLANATIONS.get(f"WD{int(found[1]):03d}") if found else None
    if known is None:
        raise ValueError(f"no finding has the code {str(code)[:40]!r}; {_nearest(str(code))}")
    return known


def _nearest(code: str) -> str:
    """The code that was probably meant, or which there are."""
    close = difflib.get_close_matches(code.strip().upper()[:40], CODES, n=1, cutoff=0.75)
    if close:
        return f"did you mean {close[0]} ({CODES[close[0]]})?"
    return f"the codes are {min(CODES)} to {max(CODES)}"
