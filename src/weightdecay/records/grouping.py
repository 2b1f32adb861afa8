"""A grouping: strengths of groups of columns, tuned together, and what that gained on one decay for all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from weightdecay.records.jsonable import encode, number

# What a group of columns asks for when its best strength lies at an end of what is tried.
Extreme = Literal["", "none", "infinite", "any"]
EXTREMES: tuple[Extreme, ...] = ("", "none", "infinite", "any")


@dataclass(frozen=True)
class Group:
    """A group of columns and its strength.

    Parameters
    ----------
    name : str
    columns : int
        How many of its columns are decayed.
    strength : float
        Its decay is λ_g = λ · strength, with λ the decay of the whole; the strengths of all decayed columns have the
        geometric mean 1.
    extreme : {"", "none", "infinite", "any"}
        ``"none"`` where no decay of the group would do as well, ``"infinite"`` where the group is of no use, ``"any"``
        where its strength makes no difference; empty elsewhere.
    """

    name: str
    columns: int
    strength: float
    extreme: Extreme = ""


@dataclass(frozen=True)
class Grouping:
    """Strengths of groups of columns that minimise the held-out loss, beside the best single decay on the same folds.

    Parameters
    ----------
    groups : tuple of Group
    loss : float
        Mean held-out loss at the groups' own best decays.
    single_loss, single_decay : float
        The least with one decay for all columns, and that λ.
    paired : float
        Standard error of the paired difference of the two losses; nan where there is none.
    cv : str
        The folds that the strengths were tuned on, in words.
    evaluations : int
        How often the loss of all folds was computed.
    converged : bool
        Whether the last search ended by itself.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((80, 30)); y = X[:, :3].sum(axis=1) + rng.standard_normal(80)
    >>> groups = {"signal": range(3), "noise": range(3, 30)}
    >>> tuning = wd.tune(wd.LinearRegression(decay_groups=groups), X, y, cv=5)
    >>> tuning.groups["noise"] > 10 * tuning.groups["signal"], tuning.grouping.loss <= tuning.grouping.single_loss
    (True, True)
    """

    groups: tuple[Group, ...]
    loss: float
    single_loss: float
    single_decay: float
    paired: float
    cv: str
    evaluations: int
    converged: bool

    @property
    def gain(self) -> float:
        """By how much the strengths of groups lower the held-out loss of the best single decay."""
        return self.single_loss - self.loss

    @property
    def alike(self) -> bool:
        """Whether all groups have one strength."""
        return len({one.strength for one in self.groups}) <= 1

    @property
    def useful(self) -> tuple[Group, ...]:
        """The groups that are not better left out, by strength."""
        kept = (one for one in self.groups if one.extreme not in ("infinite", "any"))
        return tuple(sorted(kept, key=lambda one: one.strength))

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types."""
        plain: dict[str, Any] = encode(vars(self))
        return plain | {"groups": [encode(vars(one)) for one in self.groups]}


def read_grouping(data: Mapping[str, Any] | None) -> Grouping | None:
    """A grouping from its JSON form.

    Raises
    ------
    ValueError
        A group asks for what none can.
    """
    if data is None:
        return None
    wrong = [one["extreme"] for one in data["groups"] if one["extreme"] not in EXTREMES]
    if wrong:
        raise ValueError(f"a group has extreme {wrong[0]!r}")
    return Grouping(
        groups=tuple(
            Group(one["name"], int(one["columns"]), number(one["strength"]), one["extreme"]) for one in data["groups"]
        ),
        loss=number(data["loss"]),
        single_loss=number(data["single_loss"]),
        single_decay=number(data["single_decay"]),
        paired=number(data["paired"]),
        cv=str(data["cv"]),
        evaluations=int(data["evaluations"]),
        converged=bool(data["converged"]),
    )
