"""Facts about data and optimisers, and products of their powers: what one unit of strength is worth in another.

A `Powers` such as ``(("y_std", -1), ("weight_sum", 1))`` stands for weight_sum / y_std. Kept as data, quotients of two
cancel before any fact is asked for, and a formula can be written from them.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping
from typing import TypeAlias

Fact: TypeAlias = float | str | bool | None
Powers: TypeAlias = tuple[tuple[str, float], ...]

FACTS: Mapping[str, str] = {
    "n_samples": "the number of rows",
    "weight_sum": "the sum of the sample weights, where rows are weighted",
    "y_std": "the standard deviation of the target with divisor n, as numpy.std gives it",
    "x_std": "the standard deviation of one raw column with divisor n, as numpy.std gives it; 1 if standardised",
    "batch_size": "the rows in one batch (all n_samples under a full-batch solver such as lbfgs)",
    "learning_rate": "the peak learning rate of the optimiser",
    "noise_std": "the standard deviation of the noise in a Gaussian likelihood (1 if not given)",
    "loss": "'mse' for (y − f)² without a ½; 'half_squared', 'log', 'cross_entropy' and 'poisson' change nothing",
    "optimizer": "'sgd' for plain gradient descent without momentum, or the name of another optimiser",
    "standardize": "whether weightdecay, and a tool with such a switch, standardises inside (True or False)",
}
_LOSSES = {"mse": 0.5, "half_squared": 1.0, "log": 1.0, "cross_entropy": 1.0, "poisson": 1.0}
# How a factor is written where it is not simply a fact; "bessel" is a variance of divisor n−1 over one of divisor n.
_SYMBOLS = {
    "two": "2",
    "bessel": "(n/(n−1))",
    "loss_factor": "(½ if loss='mse')",
    "weight_mean": "(weight_sum/n_samples)",
}


def powers(**exponents: float) -> Powers:
    """Return the product of the named factors, each to its power."""
    return tuple(exponents.items())


ONE = powers()


def quotient(above: Powers, below: Powers) -> Powers:
    """Return one product over another, without the factors that cancel.

    Examples
    --------
    >>> quotient(powers(weight_sum=-1), powers(weight_sum=-1, y_std=1))
    (('y_std', -1),)
    """
    left = dict(above)
    for factor, power in below:
        left[factor] = left.get(factor, 0) - power
    return tuple((factor, power) for factor, power in left.items() if power != 0)


def needed(products: Iterable[Powers]) -> tuple[str, ...]:
    """Return the facts without which one of the products has no value."""
    factors = ("n_samples" if factor == "bessel" else factor for product in products for factor, _ in product)
    return tuple(dict.fromkeys(factor for factor in factors if factor in FACTS and factor != "noise_std"))


def fraction(symbol: str, product: Powers, *, divides: bool = False) -> str:
    """Write ``symbol`` times the product (or 1 over the symbol) as a fraction.

    Examples
    --------
    >>> fraction("lambda", powers(weight_sum=1, y_std=-1)), fraction("C", powers(weight_sum=-1), divides=True)
    ('weight_sum · lambda / y_std', '1 / (weight_sum · C)')
    """
    above: list[str] = []
    below: list[str] = []
    for factor, power in product:
        name = _SYMBOLS.get(factor, factor)
        shown = {0.5: f"√{name}", 2: f"{name}²"}.get(abs(power), name)
        (above if power > 0 else below).append(shown)
    (below if divides else above).append(symbol)
    over = " · ".join(above) or "1"
    under = f"({' · '.join(below)})" if len(below) > 1 else "".join(below)
    return f"{over} / {under}" if under else over


def read(given: Mapping[str, Fact]) -> dict[str, float | str]:
    """Return the facts that are given (not None), checked one by one.

    Raises
    ------
    ValueError
        If a name is not one of `FACTS`, a number is not positive and finite, or a word is not a known one.
    """
    known: dict[str, float | str] = {}
    for name, fact in given.items():
        if name not in FACTS:
            raise ValueError(f"{name!r} is no fact that a conversion can use{nearest(name, FACTS)}")
        if fact is None:
            continue
        if name == "loss":
            if not isinstance(fact, str) or fact not in _LOSSES:
                raise ValueError(f"loss must be one of {', '.join(map(repr, _LOSSES))}, got {fact!r}")
            known[name] = fact
        elif name == "optimizer":
            known[name] = str(fact).lower()
        elif name == "standardize":
            if str(fact).lower() not in ("true", "false"):
                raise ValueError(f"standardize must be True or False, got {fact!r}")
            known[name] = float(str(fact).lower() == "true")
        else:
            known[name] = size = number(name, fact, f"{FACTS[name]}: a positive finite number")
            if not 0.0 < size < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {fact!r}: it is {FACTS[name]}")
    return known


def number(name: str, given: Fact, expected: str) -> float:
    """Return ``given`` as a float, or refuse it by name."""
    try:
        # True is 1 to float, and its own text is no number.
        return float(str(given) if isinstance(given, bool) else given)  # type: ignore[arg-type]
    except OverflowError:
        raise ValueError(f"{name} must be {expected}; got an integer beyond the largest float, 1.8e308") from None
    except (TypeError, ValueError):
        raise ValueError(f"{name} must be {expected}; got {given!r}") from None


def nearest(name: str, names: Iterable[str]) -> str:
    """Return a clause that names the likeliest of ``names``, or all of them where none is near."""
    known = {each.lower(): each for each in names}
    wanted = name.lower()
    found = difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)
    found += [each for each in known if len(wanted) > 2 and wanted in each and each not in found]
    found = found or difflib.get_close_matches(wanted, known, n=3, cutoff=0.4)
    if found:
        return f"; did you mean {' or '.join(known[each] for each in found[:5])}?"
    return f"; known are {', '.join(known.values())}"


def evaluate(product: Powers, known: Mapping[str, float | str], context: str) -> tuple[float, float]:
    """Return numerator and denominator of the product, apart so that one division rounds once.

    Raises
    ------
    ValueError
        If a fact is missing: the message names it and says what it is, after ``context``; or if the facts together
        are beyond the range of a float.
    """
    over = under = 1.0
    for factor, power in product:
        try:
            base = _factor(factor, known, context) ** abs(power)
        except OverflowError:
            base = math.inf
        over, under = (over * base, under) if power > 0 else (over, under * base)
    if not (0.0 < over < math.inf and 0.0 < under < math.inf):
        raise ValueError(f"{context}: the facts given are together outside the range of a float")
    return over, under


def _factor(name: str, known: Mapping[str, float | str], context: str) -> float:
    """Return one factor: a fact, or what follows from facts."""
    rows, weights = known.get("n_samples"), known.get("weight_sum")
    if name == "two":
        return 2.0
    if name == "loss_factor":
        return _LOSSES[str(known.get("loss", "half_squared"))]
    if name == "noise_std":
        return float(known.get(name, 1.0))
    if name == "weight_mean" and weights is None:
        return 1.0  # rows that are not weighted
    if name == "weight_mean" and rows is not None:
        return float(weights or 0.0) / float(rows)
    if name == "weight_sum" and weights is None and rows is not None:
        return float(rows)
    if name == "bessel" and rows is not None:
        if float(rows) < 2:
            raise ValueError(
                f"{context}: n_samples must be at least 2 for a standard deviation of divisor n−1, got {rows:g}"
            )
        return float(rows) / (float(rows) - 1.0)
    if name in known:
        return float(known[name])
    wanted = {"weight_sum": "n_samples", "bessel": "n_samples", "weight_mean": "n_samples"}.get(name, name)
    other = f" (or weight_sum, {FACTS['weight_sum']})" if name == "weight_sum" else ""
    raise ValueError(f"{context} needs the fact {wanted}, {FACTS[wanted]}{other}: pass {wanted}=…")
