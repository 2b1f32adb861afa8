"""What one optimiser does to each of its parameters: in batches, closer where it matters, and never in vain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from weightdecay.neural.audit.cuts import Cut, cut_of, local
from weightdecay.neural.audit.forms import COPIED, FAR, Reading, judge, kind
from weightdecay.neural.audit.measure import LONG, REAL_STEPS, SMALL, Deep, Light, deep, light
from weightdecay.neural.audit.rounding import is_lost
from weightdecay.neural.audit.runs import STRENGTHS, Manner, Setup, Workshop, manner_of

SHARE = 24  # of the largest tensor's memory, that the numbers of a batch take once
LEAST = 1 << 14  # numbers that a batch may have in any case
GIVEN_UP = 3  # failures for one reason after which the others are not tried


@dataclass(frozen=True)
class Received:
    """What a parameter receives, or why that is not known.

    Attributes
    ----------
    reading : the form and its numbers; None where it could not be measured.
    reason : why it was not.
    """

    reading: Reading | None
    reason: str = ""


Found = dict[int, Received]


def received(workshop: Workshop, mine: Sequence[tuple[Tensor, int]]) -> Found:
    """Measure the parameters of one optimiser.

    Parameters
    ----------
    workshop : Workshop
    mine : sequence of (Tensor, int)
        Each parameter once, and its group.

    Returns
    -------
    dict of int to Received
        By id.
    """
    found: Found = {}
    able = []
    for tensor, position in mine:
        here = local(tensor)
        if not here.numel() or not (here.is_floating_point() or here.is_complex()):
            found[id(tensor)] = Received(None, "it has no numbers that could shrink")
        else:
            able.append((tensor, position))
    manner = Manner()
    reasons: dict[str, int] = {}
    lights: dict[int, tuple[Light, Manner]] = {}
    for batch in _batches(able):
        manner = _batch(workshop, batch, manner, lights, found, reasons)
    _judged(workshop, able, lights, found)
    return found


def _batches(mine: Sequence[tuple[Tensor, int]]) -> Iterator[list[Tensor]]:
    """Tensors whose cuts are small beside the largest tensor, together."""
    largest = max((local(one).numel() * local(one).element_size() for one, _ in mine), default=0)
    room = max(LEAST, largest // (8 * SHARE))
    batch: list[Tensor] = []
    used = 0
    for tensor, _ in mine:
        here = local(tensor)
        size = 1
        for length in cut_of(here.shape).shape(here.shape):
            size *= length
        if batch and used + size > room:
            yield batch
            batch, used = [], 0
        batch.append(tensor)
        used += size
    if batch:
        yield batch


def _batch(
    workshop: Workshop,
    batch: Sequence[Tensor],
    manner: Manner,
    lights: dict[int, tuple[Light, Manner]],
    found: Found,
    reasons: dict[str, int],
) -> Manner:
    """Measure a batch; one by one where that fails. Return the manner that has worked."""
    tried = manner
    try:
        tried = manner_of(lambda one: _attempt(workshop, batch[0], one), (manner,))
        for tensor, seen in zip(batch, _light(workshop, batch, tried), strict=True):
            lights[id(tensor)] = seen, tried
        return tried
    except Exception as error:
        if len(batch) == 1:
            reason = _sentence(error)
            reasons[reason] = reasons.get(reason, 0) + 1
            found[id(batch[0])] = Received(None, reason)
            return manner
    for tensor in batch:
        hopeless = next((reason for reason, count in reasons.items() if count >= GIVEN_UP), None)
        if hopeless is not None and not lights:
            found[id(tensor)] = Received(None, hopeless)
        else:
            tried = _batch(workshop, [tensor], tried, lights, found, reasons)
    return tried


def _attempt(workshop: Workshop, tensor: Tensor, manner: Manner) -> None:
    """See whether a tensor can be stepped at all."""
    cuts = {tensor: cut_of(local(tensor).shape)}
    for gradient in (0.0, SMALL):
        (moved,) = workshop.run(cuts, Setup(gradient=gradient), manner)
        if not bool(moved.after.isfinite().all()):
            raise ArithmeticError("a step on artificial weights gives numbers that are not finite")


def _light(workshop: Workshop, batch: Sequence[Tensor], manner: Manner) -> list[Light]:
    cuts = {tensor: cut_of(local(tensor).shape) for tensor in batch}
    trained = [_has_state(workshop, tensor, cut) for tensor, cut in cuts.items()]
    try:
        found = light(workshop, cuts, manner, trained)
    except Exception:
        if not any(trained):
            raise
        trained = [False] * len(trained)
        found = light(workshop, cuts, manner, trained)
    shy = [  # such as are left alone while their gradient is 0
        i
        for i, one in enumerate(found)
        if one.base == 0 and abs(one.resting.total) <= one.noise < abs(one.moving.total)
    ]
    if shy:
        few = {batch[i]: cuts[batch[i]] for i in shy}
        again = light(workshop, few, manner, [trained[i] for i in shy], SMALL)
        for i, one in zip(shy, again, strict=True):
            found[i] = one
    return found


def _has_state(workshop: Workshop, tensor: Tensor, cut: Cut) -> bool:
    """Whether a parameter has a state, one that can be cut like it."""
    state: Any = workshop.optimizer.state.get(tensor)
    if not state or any("train_mode" in group for group in workshop.optimizer.param_groups):
        return False  # schedule-free optimisers keep other weights there
    kept = [one for one in state.values() if isinstance(one, Tensor)] if isinstance(state, Mapping) else []
    return cut.whole or all(one.numel() <= 1 or local(one).shape == local(tensor).shape for one in kept)


def _judged(
    workshop: Workshop, able: Sequence[tuple[Tensor, int]], lights: Mapping[int, tuple[Light, Manner]], found: Found
) -> None:
    """Tell forms: the first of each kind is measured more closely for all of it."""
    kinds: dict[tuple[object, ...], list[Tensor]] = {}
    for tensor, position in able:
        if id(tensor) in lights:
            seen, manner = lights[id(tensor)]
            here = local(tensor)
            key = (position, here.dtype, here.device, here.dim() > 1, seen.base, manner, kind(seen))
            kinds.setdefault(key, []).append(tensor)
    deeps = _deeps(workshop, [alike[0] for alike in kinds.values()], lights)
    for alike in kinds.values():
        closer = deeps[id(alike[0])]
        for tensor in alike:
            seen, manner = lights[id(tensor)]
            if isinstance(closer, str):
                found[id(tensor)] = Received(None, closer)
                continue
            reading = judge(seen, closer)
            if reading.lost:
                lost = _lost(workshop, tensor, manner, reading)
                reading = replace(reading, lost=lost, shrink=seen.kept / REAL_STEPS if lost else reading.shrink)
            found[id(tensor)] = Received(reading)
    _now_and_then(workshop, able, lights, found)
    _checked_whole(workshop, able, lights, found)


def _now_and_then(
    workshop: Workshop, able: Sequence[tuple[Tensor, int]], lights: Mapping[int, tuple[Light, Manner]], found: Found
) -> None:
    """Look longer at those that nothing draws although their group has a λ: there may be steps between."""
    idle: dict[Manner, list[Tensor]] = {}
    for tensor, position in able:
        reading = found[id(tensor)].reading
        group = workshop.optimizer.param_groups[position]
        if (
            reading is not None
            and not reading.acts
            and reading.note != COPIED
            and any(group.get(name) for name in STRENGTHS)
        ):
            idle.setdefault(lights[id(tensor)][1], []).append(tensor)
    for manner, tensors in idle.items():
        cuts = {tensor: cut_of(local(tensor).shape) for tensor in tensors}
        for tensor, moved in zip(tensors, workshop.run(cuts, Setup(steps=LONG), manner), strict=True):
            share = sum(moved.shares) / LONG
            if abs(share) > lights[id(tensor)][0].noise:
                found[id(tensor)] = Received(Reading("decoupled", share, share, note="not in every step"))


def _lost(workshop: Workshop, tensor: Tensor, manner: Manner, reading: Reading) -> bool:
    try:
        return is_lost(workshop, tensor, manner, reading)
    except Exception:
        return True  # nothing was seen that speaks against it


def _deeps(
    workshop: Workshop, firsts: Sequence[Tensor], lights: Mapping[int, tuple[Light, Manner]]
) -> dict[int, Deep | str]:
    """Measure the first of each kind, those that are stepped alike together."""
    together: dict[tuple[Manner, float], list[Tensor]] = {}
    for tensor in firsts:
        seen, manner = lights[id(tensor)]
        together.setdefault((manner, seen.base), []).append(tensor)
    found: dict[int, Deep | str] = {}
    for (manner, base), tensors in together.items():
        for batch in _batches([(one, 0) for one in tensors]):
            try:
                calm = min(lights[id(one)][0].calm for one in batch)
                closer = deep(workshop, {one: cut_of(local(one).shape) for one in batch}, manner, base, calm)
                found.update((id(one), seen) for one, seen in zip(batch, closer, strict=True))
            except Exception as error:
                found.update((id(one), _sentence(error)) for one in batch)
    return found


def _checked_whole(
    workshop: Workshop, able: Sequence[tuple[Tensor, int]], lights: Mapping[int, tuple[Light, Manner]], found: Found
) -> None:
    """Measure whole tensors where an optimiser does something else on a whole one than on its cut."""
    together: dict[Manner, list[tuple[Tensor, int]]] = {}
    for tensor, position in able:
        if id(tensor) in lights and not cut_of(local(tensor).shape).whole:
            together.setdefault(lights[id(tensor)][1], []).append((tensor, position))
    for manner, members in together.items():
        if _same_operations(workshop, [tensor for tensor, _ in members], manner):
            continue
        classes: dict[tuple[int, torch.Size, torch.dtype], list[Tensor]] = {}
        for tensor, position in members:
            classes.setdefault((position, local(tensor).shape, tensor.dtype), []).append(tensor)
        for alike in classes.values():
            share = _whole_share(workshop, alike[0], manner)
            first = lights[id(alike[0])][0]
            if share is None or _agree(share, first, alike[0].dtype):
                continue
            for tensor in alike:
                found[id(tensor)] = _corrected(found[id(tensor)], share)


def _same_operations(workshop: Workshop, tensors: Sequence[Tensor], manner: Manner) -> bool:
    """Whether a step does the same on whole tensors as on cuts, asked without memory for either."""
    whole = {tensor: Cut((1,) * tensor.dim()) for tensor in tensors}
    try:
        one = workshop.traced(whole, manner)
        other = workshop.traced({tensor: cut_of(local(tensor).shape) for tensor in tensors}, manner)
    except Exception:
        return False
    return one == other


def _whole_share(workshop: Workshop, tensor: Tensor, manner: Manner) -> float | None:
    try:
        return workshop.whole_share(tensor, manner)
    except Exception:
        return None


def _agree(share: float, seen: Light, dtype: torch.dtype) -> bool:
    """Whether a whole tensor and its cut lose the same share, but for rounding."""
    if seen.base > 0:
        return True
    least = max(seen.noise, torch.finfo(dtype).eps / 4)
    return abs(share - seen.begun) <= FAR * max(abs(share), abs(seen.begun)) + least


def _corrected(one: Received, share: float) -> Received:
    if one.reading is None:
        return one
    note = "measured on the whole tensor: its shape matters"
    form = one.reading.form if share else "none"
    return Received(replace(one.reading, form=form, shrink=share, first=share, note=note))


def _sentence(error: Exception) -> str:
    """What an exception says, in a line."""
    lines = str(error).strip().splitlines() or [""]
    text = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in lines[0])
    return f"{type(error).__name__}: {text[:160]}"
