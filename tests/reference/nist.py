"""The NIST StRD linear regression sets: data, designs and certified coefficients.

Source: NIST/ITL, *Statistical Reference Datasets*, linear regression (itl.nist.gov/div898/strd). The data of Longley,
Filip, Norris and Pontius lie beside this file; the others are given by formula. `test_nist` reproduces every certified
value from the data in exact rational arithmetic.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_FOLDER = Path(__file__).resolve().parent / "nist"


@dataclass(frozen=True)
class NistSet:
    """One data set, exactly as published.

    Attributes
    ----------
    name : str
    rows : design without the intercept column, exact
    target : exact
    certified : decimal strings, the intercept first if there is one
    fit_intercept : bool
    """

    name: str
    rows: tuple[tuple[Fraction, ...], ...]
    target: tuple[Fraction, ...]
    certified: tuple[str, ...]
    fit_intercept: bool = True

    @property
    def X(self) -> NDArray[np.float64]:  # noqa: N802
        """The design, every entry rounded once to float64."""
        return np.array([[float(v) for v in row] for row in self.rows])

    @property
    def y(self) -> NDArray[np.float64]:
        """The target, rounded once to float64."""
        return np.array([float(v) for v in self.target])

    @property
    def exact(self) -> list[Fraction]:
        """The certified coefficients as fractions."""
        return [Fraction(v) for v in self.certified]


NAMES = (
    "Norris", "Pontius", "NoInt1", "NoInt2", "Filip", "Longley",
    "Wampler1", "Wampler2", "Wampler3", "Wampler4", "Wampler5",
)  # fmt: skip

_CERTIFIED = {
    "Norris": ("-0.262323073774029", "1.00211681802045"),
    "Pontius": ("0.673565789473684E-03", "0.732059160401003E-06", "-0.316081871345029E-14"),
    "NoInt1": ("2.07438016528926",),
    "NoInt2": ("0.727272727272727",),
    "Filip": (
        "-1467.48961422980", "-2772.17959193342", "-2316.37108160893", "-1127.97394098372", "-354.478233703349",
        "-75.1242017393757", "-10.8753180355343", "-1.06221498588947", "-0.670191154593408E-01",
        "-0.246781078275479E-02", "-0.402962525080404E-04",
    ),
    "Longley": (
        "-3482258.63459582", "15.0618722713733", "-0.358191792925910E-01", "-2.02022980381683", "-1.03322686717359",
        "-0.511041056535807E-01", "1829.15146461355",
    ),
    "Wampler1": ("1",) * 6,
    "Wampler2": ("1", "0.1", "0.01", "0.001", "0.0001", "0.00001"),
    "Wampler3": ("1",) * 6,
    "Wampler4": ("1",) * 6,
    "Wampler5": ("1",) * 6,
}  # fmt: skip

_DEGREE = {"Norris": 1, "Pontius": 2, "Filip": 10}

# The disturbance of Wampler3; Wampler4 has it a hundredfold, Wampler5 ten-thousandfold. It is orthogonal to the powers
# 0 to 5 of 0, …, 20, so the coefficients stay what they are.
_PATTERN = (
    759, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 1838, -2048, 2048,
    -2048, 1838, -2048, 2048, -2048, 2523, -2048, 2048, -2048, 759,
)  # fmt: skip
_DISTURBANCE = {"Wampler1": 0, "Wampler3": 1, "Wampler4": 100, "Wampler5": 10000}


@cache
def nist_set(name: str) -> NistSet:
    """The data set of that name."""
    certified = _CERTIFIED[name]
    if name == "NoInt1":
        return NistSet(name, _powers(range(60, 71), 1), tuple(map(Fraction, range(130, 141))), certified, False)
    if name == "NoInt2":
        return NistSet(name, _powers((4, 5, 6), 1), tuple(map(Fraction, (3, 4, 4))), certified, False)
    if name.startswith("Wampler"):
        return NistSet(name, _powers(range(21), 5), _wampler(name), certified)
    with (_FOLDER / f"{name.lower()}.csv").open() as file:
        _, _, *records = csv.reader(file)  # the line on origin and the names of the columns
    table = [[Fraction(v) for v in record] for record in records]
    rows = tuple(tuple(record[1:]) for record in table)
    if name in _DEGREE:
        rows = _powers([row[0] for row in rows], _DEGREE[name])
    return NistSet(name, rows, tuple(record[0] for record in table), certified)


def _powers(x: Sequence[Fraction | int], degree: int) -> tuple[tuple[Fraction, ...], ...]:
    """The powers 1 to `degree` of each x."""
    return tuple(tuple(Fraction(v) ** k for k in range(1, degree + 1)) for v in x)


def _wampler(name: str) -> tuple[Fraction, ...]:
    """The target of a Wampler set."""
    if name == "Wampler2":
        return tuple(sum((Fraction(x, 10) ** k for k in range(6)), Fraction(0)) for x in range(21))
    disturbance = _DISTURBANCE[name]
    return tuple(Fraction(sum(x**k for k in range(6)) + disturbance * _PATTERN[x]) for x in range(21))
