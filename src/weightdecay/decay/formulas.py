"""Formulas: what one convention's parameter is worth in another's, and the equations that say so."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

from weightdecay.decay.facts import ONE, Powers, fraction, powers, quotient

if TYPE_CHECKING:
    from weightdecay.decay.units import Convention


def check_place(given: Convention, wanted: Convention, known: Mapping[str, float | str]) -> None:
    """Refuse to call a decay of the weights a penalty, save under plain gradient descent, where they are the same."""
    if given.place != wanted.place and known.get("optimizer") != "sgd":
        name = given.name if given.place == "weights" else wanted.name
        told = f"under {known['optimizer']!r}" if "optimizer" in known else "under most optimisers"
        raise ValueError(
            f"{given.name} to {wanted.name}: {name} shrinks the weights beside the gradient's step, which {told} "
            "minimises no penalised loss; pass optimizer='sgd' if it is plain gradient descent without momentum, "
            "where it does (torch.decoupled and torch.independent convert into each other under any optimiser)"
        )


def ratio(given: Convention, wanted: Convention, part: Literal[1, 2], known: Mapping[str, float | str]) -> Powers:
    """Return what the target's parameter is worth in the source's, for the L2 or the L1 part, where both act."""
    above, below = (given.l2, wanted.l2) if part == 2 else (given.l1, wanted.l1)
    if above is None or below is None:
        raise ValueError(
            f"{wanted.name} has no L{part} part, which {given.name} here has: choose a target that has one"
            + (", or pass l1_ratio=1 if the source is all L1" if part == 2 and given.l1 is not None else "")
        )
    worth = quotient(above, below)
    for row, sign in ((given, 1), (wanted, -1)):
        if row.divisor == "n-1" and known.get("standardize"):
            worth = quotient(worth, powers(bessel=-sign * part / 2))
    inside, outside = _standardises(given, known), _standardises(wanted, known)
    if inside is not None and outside is not None and inside != outside and known.keys() & {"x_std", "standardize"}:
        worth = quotient(worth, powers(x_std=-part if inside else part))
    return worth


def _standardises(row: Convention, known: Mapping[str, float | str]) -> bool | None:
    """Return whether a strength acts on standardised columns; None where it goes by the other tool's."""
    switch = known.get("standardize")
    if row.axis == "ours":
        return None if switch is None else bool(switch)
    return row.axis == "standardised" or (row.axis == "switch" and switch != 0.0)


def steps_between(given: Convention, wanted: Convention, mix: float) -> str:
    """Return the formulas to λ and from λ."""
    steps = [formula_of(given, back=False, mix=mix)] if given.name != "decay" else []
    steps += [formula_of(wanted, back=True, mix=mix)] if wanted.name != "decay" else []
    return "; ".join(steps) or "decay = decay"


def formula_of(row: Convention, *, back: bool, mix: float = 0.5) -> str:
    """Return the equation between λ and the parameter, once for each part that acts at this mix, if they differ."""
    equations = {}
    for part, product, acts in (("L2", row.l2, mix < 1.0), ("L1", row.l1, mix > 0.0)):
        if product is not None and acts:
            inverse = product if row.reciprocal else quotient(ONE, product)
            symbol, other, factor = (row.symbol, "decay", inverse) if back else ("decay", row.symbol, product)
            equations[part] = f"{symbol} = {fraction(other, factor, divides=row.reciprocal)}"
    if len(set(equations.values())) > 1:
        return ", ".join(f"{part}: {equation}" for part, equation in equations.items())
    return next(iter(equations.values()), "")
