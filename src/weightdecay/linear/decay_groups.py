"""Groups of columns by name: which share a strength, from a dictionary or from the kinds of a table's columns."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.column_plan import ColumnPlan
from weightdecay.tuning.group_search import ColumnGroups

Array = NDArray[np.float64]
Index = NDArray[np.intp]

KINDS = "kinds"
OTHERS = "other columns"
EXPECTED = "expected a dict of group name → list of columns, or 'kinds' for a table"


def column_groups_of(
    given: Any, weights: Array, columns: tuple[str, ...], plan: Sequence[ColumnPlan], *, encoded: bool
) -> ColumnGroups | None:
    """Groups of columns, None where none are asked for.

    Parameters
    ----------
    given : dict of str to columns, "kinds" or None
        Columns by index, by name, by a mask of truth values or a slice. A name may be that of a column of the table:
        all columns that were made of it follow, unless they are named themselves. Columns in no group make one.
    weights : ndarray of shape (p,)
        Relative strengths inside the groups; 0 exempts a column.
    columns : tuple of p str
    plan : sequence of ColumnPlan
        What columns of a table were made into.
    encoded : bool
        Whether the columns were made of a table, so that their numbers are nobody's.

    Raises
    ------
    ValueError
        For groups that cannot be: what is wrong, where, and what to do.
    """
    if given is None:
        return None
    if isinstance(given, str):
        if given != KINDS:
            raise ValueError(f"decay_groups={given!r}: {EXPECTED}")
        given = _by_kind(plan)
    if not isinstance(given, Mapping):
        raise ValueError(f"decay_groups is a {type(given).__name__}: {EXPECTED}")
    if not given:
        raise ValueError(f"decay_groups is empty: {EXPECTED}; leave it out for one strength")
    label = _labels(given, columns, plan, encoded)
    names = [str(name) for name in given]
    if (label < 0).any():
        if OTHERS in names:
            raise ValueError(
                f"decay_groups names a group {OTHERS!r}, which columns in no group make; give it another name"
            )
        label[label < 0] = len(names)
        if (weights[label == len(names)] > 0).any():
            names.append(OTHERS)
    label[weights == 0] = -1
    for number, name in enumerate(names):
        if not (label == number).any():
            raise ValueError(
                f"decay_groups: all columns of group {name!r} are exempt (decay_weights 0), so it has no strength; "
                "leave it out"
            )
    return ColumnGroups(tuple(names), label, _relative(weights, label))


def _by_kind(plan: Sequence[ColumnPlan]) -> dict[str, list[str]]:
    """Columns of a table by what they were taken for."""
    kinds: dict[str, list[str]] = {}
    for one in plan:
        if one.made:
            kinds.setdefault(one.kind, []).append(one.name)
    if not kinds:
        raise ValueError(
            "decay_groups='kinds' needs a table that wd.tune encodes (text, categories, dates or gaps): here all "
            "columns are numbers; give a dict of group name → list of columns"
        )
    return kinds


def _labels(given: Mapping[Any, Any], columns: tuple[str, ...], plan: Sequence[ColumnPlan], encoded: bool) -> Index:
    """The group of every column (p,), −1 for none."""
    place = {name: j for j, name in enumerate(columns)}
    made = {one.name: [place[part] for part in one.made] for one in plan if one.made}
    words = [str(name) for name in given]
    if len(set(words)) < len(words):
        twice = next(one for one in words if words.count(one) > 1)
        raise ValueError(f"decay_groups has two groups called {twice!r}; give them different names")
    # What was made of a column of the table follows it, unless it is named itself.
    following, itself = (np.full(len(columns), -1, dtype=np.intp) for _ in range(2))
    for number, (members, name) in enumerate(zip(given.values(), words, strict=True)):
        for one in _members(members, name, len(columns)):
            which = _which(one, name, place, made, encoded)
            label = itself if len(which) == 1 else following
            for j in which:
                if label[j] == number:
                    raise ValueError(f"decay_groups: group {name!r} has column {columns[j]!r} twice; name it once")
                if label[j] >= 0:
                    raise ValueError(
                        f"decay_groups: column {columns[j]!r} is in the groups {words[label[j]]!r} and {name!r}; a "
                        "column has one strength, so name it in one of them"
                    )
                label[j] = number
    label = np.where(itself >= 0, itself, following)
    for number, name in enumerate(words):
        if not (label == number).any():
            raise ValueError(f"decay_groups: all columns of group {name!r} are named in other groups; leave it out")
    return label


def _members(members: Any, name: str, p: int) -> list[Any]:
    """What a group lists, one by one; masks and slices as indices."""
    if isinstance(members, slice):
        members = range(p)[members]
    if isinstance(members, str | bytes | Mapping) or not hasattr(members, "__iter__"):
        hint = f"[{members!r}]" if isinstance(members, str | int | np.integer) else "['age', 'height'] or range(3)"
        raise ValueError(f"decay_groups: group {name!r} is {members!r:.60}; give a list of columns, such as {hint}")
    listed = np.asarray(members).tolist() if isinstance(members, np.ndarray) else list(members)
    if any(isinstance(one, list) for one in listed):
        raise ValueError(f"decay_groups: group {name!r} has more than one dimension; give one list of columns")
    if listed and all(isinstance(one, bool | np.bool_) for one in listed):
        if len(listed) != p:
            raise ValueError(
                f"decay_groups: group {name!r} is a mask of {len(listed)} truth values for {p} columns; give one per "
                "column, or a list of columns"
            )
        listed = [j for j, inside in enumerate(listed) if inside]
        if not listed:
            raise ValueError(f"decay_groups: the mask of group {name!r} is False throughout; leave the group out")
        return listed
    if not listed:
        raise ValueError(f"decay_groups: group {name!r} is empty; name its columns or leave it out")
    return listed


def _which(one: Any, group: str, place: Mapping[str, int], made: Mapping[str, list[int]], encoded: bool) -> list[int]:
    """The columns that a member of a group means."""
    p = len(place)
    if isinstance(one, bool | np.bool_):
        raise ValueError(f"decay_groups: group {group!r} mixes truth values and columns; give one or the other")
    if isinstance(one, int | np.integer):
        if encoded:
            raise ValueError(
                f"decay_groups: group {group!r} has the number {one}, but the columns are made of a table's; give names"
            )
        if not 0 <= one < p:
            raise ValueError(
                f"decay_groups: group {group!r} has column {one} of {p}; columns are numbered from 0 to {p - 1}"
            )
        return [int(one)]
    if not isinstance(one, str):
        raise ValueError(f"decay_groups: group {group!r} has {one!r:.60}; columns are given by number or by name")
    if one in made:
        return made[one]
    if one in place:
        return [place[one]]
    close = difflib.get_close_matches(one, [*made, *place], n=1)
    hint = f"did you mean {close[0]!r}?" if close else "name columns of the data"
    raise ValueError(f"decay_groups: group {group!r} names {one!r}, which is none of the columns; {hint}")


def _relative(weights: Array, label: Index) -> Array:
    """Weights of geometric mean 1 in every group, 0 outside."""
    found = np.zeros(len(weights))
    for number in np.unique(label[label >= 0]):
        mine = label == number
        logs = np.log(weights[mine])
        found[mine] = np.exp(logs - logs.mean())
    return found
