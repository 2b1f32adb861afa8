"""What a monitor has seen of a training run: one record for each measured step, and series of them by role."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.finding import Finding
from weightdecay.records.frozen import freeze, same
from weightdecay.records.jsonable import encode, number, numbers

Array = NDArray[np.float64]

# What a weight's gradient is held against its length as: as it is, or divided as Adam does.
PLAIN, SCALED = "g", "g/√v̂"

# The arrays of a measurement, one number for each weight.
ARRAYS = (
    "learning_rate",
    "share",
    "elapsed",
    "rms",
    "equilibrium",
    "angle",
    "equilibrium_angle",
    "update",
    "decayed",
    "pushed",
    "gradient",
    "ratio",
    "expected_ratio",
    "effective_rate",
)


@dataclass(frozen=True, eq=False)
class Measurement:
    r"""One measured step of one optimiser: P weights before and after it.

    With w_− and w_+ the weight before and after the step, v = w − c its way from the centre (0, if none was given),
    and a_t the share of it that decay takes in the step (η_t λ for the decoupled form),

    .. math:: v_+ = v_- - η_t u_t - a_t v_-

    defines the update η_t u_t. Whatever the optimiser,

    .. math:: \|v_+\|^2 - \|v_-\|^2 =
              \underbrace{\|η_t u_t\|^2 - 2 (1 - a_t) ⟨η_t u_t, v_-⟩}_{\text{pushed}}
              - \underbrace{\|v_-\|^2 (1 - (1 - a_t)^2)}_{\text{decayed}}

    and in equilibrium both are equal on average.

    Parameters
    ----------
    step : int
        Steps that the optimiser had made, this one included.
    optimizer : str
        Which one.
    names, roles, forms : tuples of P str
        Of each weight its name, its role and how it is decayed, "exempt" if it is not.
    signals : tuple of P str
        What ``ratio`` is of: "g/√v̂" for Adam's kind, "g" for SGD, empty for others.
    elements : ndarray of shape (P,)
        Numbers in each weight.
    learning_rate, share : ndarray of shape (P,)
        η_t and a_t; a_t is nan where decay takes no share of the weight (coupled decay in Adam).
    elapsed : ndarray of shape (P,)
        Σ a_t over all steps so far: timescales τ since the beginning.
    rms, equilibrium : ndarray of shape (P,)
        Root mean square of v before the step, and of its steady state for independent gradients; nan if not known.
    angle, equilibrium_angle : ndarray of shape (P,)
        Between v before and after the step, in radians, and in the steady state.
    update : ndarray of shape (P,)
        Root mean square of η_t u_t.
    decayed, pushed : ndarray of shape (P,)
        The two sides of the balance, squared lengths.
    gradient : ndarray of shape (P,)
        ‖g‖; nan without a gradient.
    ratio, expected_ratio : ndarray of shape (P,)
        ‖g/√v̂‖/‖v‖ for Adam's kind, ‖g‖/‖v‖ for SGD, and √(2 a_t)/γ_t, which it tends to for weights without length;
        γ_t is η_t, for SGD with momentum β η_t/(1 − β), so that it is √(2λ/γ_t) for the decoupled form.
    effective_rate : ndarray of shape (P,)
        How far a weight without length turns for a gradient of 1: γ_t/‖v‖² for SGD, γ_t/‖v‖ for Adam's kind.
    values : mapping of str to float
        Losses and other numbers that the loop has given.

    Notes
    -----
    Kosson, Messmer & Jaggi (2024), arXiv 2305.17212 (equilibrium, angle); Defazio (2025), arXiv 2506.02285 (ratio);
    van Laarhoven (2017), arXiv 1706.05350 (effective rate).
    """

    step: int
    optimizer: str
    names: tuple[str, ...]
    roles: tuple[str, ...]
    forms: tuple[str, ...]
    signals: tuple[str, ...]
    elements: NDArray[np.int64]
    learning_rate: Array
    share: Array
    elapsed: Array
    rms: Array
    equilibrium: Array
    angle: Array
    equilibrium_angle: Array
    update: Array
    decayed: Array
    pushed: Array
    gradient: Array
    ratio: Array
    expected_ratio: Array
    effective_rate: Array
    values: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        freeze(self)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Measurement) and same(self, other)

    @property
    def labels(self) -> tuple[str, ...]:
        """What each weight belongs to: its role, and whether it is exempt."""
        return tuple(
            role + (", exempt" if form == "exempt" else "") for role, form in zip(self.roles, self.forms, strict=True)
        )

    def to_json(self) -> dict[str, Any]:
        """Strict JSON types: infinities and nan as strings."""
        found: dict[str, Any] = encode({one.name: getattr(self, one.name) for one in fields(self)})
        return found

    @classmethod
    def from_json(cls, given: Mapping[str, Any]) -> Measurement:
        """The measurement that `to_json` has written."""
        return cls(
            step=int(given["step"]),
            optimizer=str(given["optimizer"]),
            names=tuple(map(str, given["names"])),
            roles=tuple(map(str, given["roles"])),
            forms=tuple(map(str, given["forms"])),
            signals=tuple(map(str, given["signals"])),
            elements=np.asarray(given["elements"], dtype=np.int64),
            values={str(key): number(value) for key, value in given["values"].items()},
            **{name: numbers(given[name]) for name in ARRAYS},
        )


@dataclass(frozen=True, eq=False)
class Series:
    """One role of one optimiser (or one weight) over T measured steps.

    Sizes are pooled over the role's weights: root mean squares over all their numbers, squared lengths added, angles
    and elapsed timescales averaged by numbers. Attributes are those of `Measurement`, of shape (T,).
    """

    label: str
    form: str
    signal: str
    weights: int
    elements: int
    step: NDArray[np.int64]
    arrays: Mapping[str, Array]

    def __getattr__(self, name: str) -> Array:
        arrays: Mapping[str, Array] = vars(self).get("arrays", {})
        if name not in arrays:
            raise AttributeError(f"a series has no {name!r}; it has {', '.join(arrays)}")
        return arrays[name]

    def balance(self, last: int | None = None) -> float:
        """What the update puts back over what decay takes, summed over the last measured steps; 1 in equilibrium."""
        pushed, decayed = self.arrays["pushed"], self.arrays["decayed"]
        inside = np.isfinite(pushed) & (decayed > 0)
        if last is not None:
            inside &= np.arange(len(inside)) >= len(inside) - last
        return float(pushed[inside].sum() / decayed[inside].sum()) if inside.any() else float("nan")


@dataclass(frozen=True, eq=False)
class Monitored:
    """All that a monitor has measured.

    Parameters
    ----------
    records : tuple of Measurement
        In the order of the steps.
    total_steps, steps_per_epoch : int or None
        Of the run, if known.

    Examples
    --------
    >>> Monitored(()).text()
    'nothing measured yet'
    """

    records: tuple[Measurement, ...]
    total_steps: int | None = None
    steps_per_epoch: float | None = None

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Monitored) and vars(self) == vars(other)

    def labels(self) -> tuple[str, ...]:
        """What `series` can be asked for: roles, with the optimiser's name where there are several."""
        several = self._several
        return tuple(dict.fromkeys(label for one in self.records for label in _labels(one, several)))

    def series(self, label: str) -> Series:
        """A role, or one weight by its name, over all measured steps.

        Parameters
        ----------
        label : str
            Of `labels`, or a weight's name.

        Raises
        ------
        ValueError
            There is nothing of that label.
        """
        rows, several = [], self._several
        for one in self.records:
            pairs = zip(_labels(one, several), one.names, strict=True)
            chosen = np.array([label in pair for pair in pairs], dtype=bool)
            if chosen.any():
                rows.append((one, chosen))
        if not rows:
            raise ValueError(f"nothing was measured of {label!r}; there is {', '.join(self.labels()) or 'nothing yet'}")
        last, chosen = rows[-1]
        pooled = [_pooled(one, inside) for one, inside in rows]
        return Series(
            label=label,
            form=" or ".join(dict.fromkeys(np.array(last.forms, dtype=object)[chosen])),
            signal=str(np.array(last.signals, dtype=object)[chosen][0]),
            weights=int(chosen.sum()),
            elements=int(last.elements[chosen].sum()),
            step=np.array([one.step for one, _ in rows], dtype=np.int64),
            arrays={name: np.array([row[name] for row in pooled]) for name in ARRAYS},
        )

    def text(self) -> str:
        """What was seen, in words."""
        from weightdecay.records.monitor_words import words

        return words(self)

    def __str__(self) -> str:
        return self.text()

    def _repr_html_(self) -> str | None:
        """What was seen, for notebooks."""
        from weightdecay.records.monitor_html import html

        return html(self)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the user should know of it."""
        from weightdecay.records.monitor_findings import findings

        return findings(self)

    def line(self, record: Measurement) -> str:
        """One measured step as a line of JSON, complete in itself."""
        extra = {"total_steps": self.total_steps, "steps_per_epoch": self.steps_per_epoch}
        return json.dumps({**record.to_json(), **encode(extra)}, ensure_ascii=True, allow_nan=False) + "\n"

    @property
    def _several(self) -> bool:
        """Whether more than one optimiser was watched."""
        return len({record.optimizer for record in self.records}) > 1


def _labels(one: Measurement, several: bool) -> tuple[str, ...]:
    """What each weight belongs to, with the optimiser's name where there are several."""
    return tuple(f"{label} · {one.optimizer}" for label in one.labels) if several else one.labels


def read_lines(path: str | Path) -> Monitored:
    """Read the JSON lines that a monitor has written.

    A last line that is broken off, as by a crash, is left out. Where a run was taken up again from an earlier step,
    the later lines count.

    Parameters
    ----------
    path : str or Path

    Returns
    -------
    Monitored

    Raises
    ------
    OSError
        The file cannot be read.
    ValueError
        A line is not one of a monitor's.
    """
    content = Path(path).read_text(encoding="utf-8")
    lines = content.split("\n")
    records: dict[str, list[Measurement]] = {}
    order: list[Measurement] = []
    facts: dict[str, Any] = {}
    for place, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            facts = json.loads(line)
            one = Measurement.from_json(facts)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            if place == len(lines):  # without its end: it was being written
                break
            raise ValueError(
                f"line {place} of {str(path)!r} is no measurement of a monitor ({type(error).__name__}): give the "
                "file that wd.Monitor(file=...) has written"
            ) from None
        for late in [old for old in records.get(one.optimizer, []) if old.step >= one.step]:
            records[one.optimizer].remove(late)
            order = [old for old in order if old is not late]
        records.setdefault(one.optimizer, []).append(one)
        order.append(one)
    total, epoch = facts.get("total_steps"), facts.get("steps_per_epoch")
    return Monitored(tuple(order), None if total is None else int(total), None if epoch is None else float(epoch))


def _pooled(one: Measurement, inside: NDArray[np.bool_]) -> dict[str, float]:
    """One measurement's numbers over several weights."""
    count = one.elements[inside].astype(np.float64)
    length = count * one.rms[inside] ** 2
    weights = {"ratio": length, "expected_ratio": length}
    found = {}
    for name in ARRAYS:
        values = getattr(one, name)[inside]
        if name in ("decayed", "pushed"):
            found[name] = float(values.sum())
        elif name == "equilibrium" and not np.isfinite(values).all():
            found[name] = float("nan")  # of a part it could not be held against the size of the whole
        elif name == "gradient":
            found[name] = float(np.sqrt(np.nansum(values**2))) if np.isfinite(values).any() else float("nan")
        elif name in ("rms", "equilibrium", "update", "ratio", "expected_ratio"):
            found[name] = float(np.sqrt(_mean(values**2, weights.get(name, count))))
        else:
            found[name] = _mean(values, count)
    return found


def _mean(values: Array, weights: Array) -> float:
    """A weighted mean of the numbers that are known."""
    inside = np.isfinite(values) & (weights > 0)
    total = float(weights[inside].sum())
    return float((values[inside] * weights[inside]).sum() / total) if total > 0 else float("nan")
