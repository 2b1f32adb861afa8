"""Which matrices come last, and which pairs of matrices are added to another one as a product of low rank."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from torch import nn

from weightdecay.neural.roles_names import Site
from weightdecay.neural.roles_operations import ADDING, LINEAR
from weightdecay.neural.roles_trace import Trace


@dataclass(frozen=True)
class LowRank:
    """A product B A of low rank that is added to a matrix W: numbers of the parameters."""

    first: int
    second: int
    base: int


def heads(trace: Trace, skipped: frozenset[int]) -> frozenset[int]:
    """The last matrices on the ways to the outputs.

    Going back from an output, the first matrix on each way stops it; where ways are added, as around a residual block,
    the later one counts. A matrix from which another output's last matrix is still to come is not the last.
    """
    fronts: list[frozenset[tuple[int, int]]] = []
    for index, node in enumerate(trace.nodes):
        mine = node.matrices - skipped
        ways = [fronts[read] for read in node.inputs if fronts[read]]
        if mine:
            fronts.append(frozenset((index, number) for number in mine))
        elif node.name in ADDING and ways:
            fronts.append(max(ways, key=max))
        else:
            fronts.append(frozenset[tuple[int, int]]().union(*ways))
    last = frozenset[tuple[int, int]]().union(*(fronts[output] for output in trace.outputs))
    before = _upstream(trace, last)
    return frozenset(number for index, number in last if index not in before)


def _upstream(trace: Trace, last: frozenset[tuple[int, int]]) -> set[int]:
    """Those nodes among the given ones from which another is reached."""
    bits = {index: 1 << place for place, index in enumerate(sorted({index for index, _ in last}))}
    reached: list[int] = []
    found = 0
    for index, node in enumerate(trace.nodes):
        mask = 0
        for read in node.inputs:
            mask |= reached[read]
        if index in bits:
            found |= mask
            mask |= bits[index]
        reached.append(mask)
    return {index for index, bit in bits.items() if found & bit}


def low_rank_pairs(model: nn.Module, own: Sequence[Site], trace: Trace | None) -> tuple[LowRank, ...]:
    """Modules that hold W (m × n) and pairs A (r × n), B (m × r) with r < min(m, n), all matrices in one of them.

    With a trace a pair counts only if nothing but scaling and dropout lies between its factors, and W is not before
    them; without, only if W is frozen and they are not, or one of them is 0, as such pairs start.
    """
    numbers = {id(site.parameter): number for number, site in enumerate(own)}
    found: dict[int, LowRank] = {}
    for module in reversed(list(model.modules())):
        matrices = [numbers[id(one)] for one in module.parameters() if one.ndim == 2 and id(one) in numbers]
        wide = [one for one in module.parameters() if one.ndim > 2]
        if len(matrices) % 2 == 0 or len(matrices) < 3 or wide or any(number in found for number in matrices):
            continue
        for pair in _pairs(matrices, own):
            if _starts(pair, own) if trace is None else _linear(trace, pair) and _beside(trace, pair):
                found[pair.first] = found[pair.second] = pair
    return tuple(dict.fromkeys(found.values()))


def _pairs(matrices: list[int], own: Sequence[Site]) -> Iterator[LowRank]:
    """Pairs of a module's matrices that fit its largest one; none unless all of them do."""
    shapes = {number: tuple(own[number].parameter.shape) for number in matrices}
    base = max(matrices, key=lambda number: own[number].parameter.numel())
    left = [number for number in matrices if number != base]
    pairs = []
    while left:
        first = left.pop(0)
        second = next((number for number in left if _fits(shapes[base], shapes[first], shapes[number])), None)
        if second is None:
            return
        left.remove(second)
        a, b = (first, second) if _down(shapes[base], shapes[first]) else (second, first)
        pairs.append(LowRank(a, b, base))
    yield from pairs


def _fits(base: tuple[int, ...], one: tuple[int, ...], other: tuple[int, ...]) -> bool:
    """Whether two shapes are (r, n) and (m, r), or their transposes, for a base (m, n)."""
    (m, n), rank = base, min(one)
    factors = sorted((sorted(one), sorted(other)))
    return rank < min(m, n) and factors == sorted((sorted((rank, n)), sorted((m, rank))))


def _down(base: tuple[int, ...], one: tuple[int, ...]) -> bool:
    """Whether a shape is that of the factor which is applied first; in square ones the first registered is."""
    return base[1] in one


def _starts(pair: LowRank, own: Sequence[Site]) -> bool:
    """Whether a pair is in a state in which hardly anything but an addition to a trained matrix is."""
    first, second, base = (own[number].parameter for number in (pair.first, pair.second, pair.base))
    frozen = not base.requires_grad and first.requires_grad and second.requires_grad
    return frozen or (first.device.type != "meta" and (not first.any() or not second.any()))


def _beside(trace: Trace, pair: LowRank) -> bool:
    """Whether the first factor is used somewhere on data that W has not yet multiplied."""
    after: list[bool] = []
    for node in trace.nodes:
        behind = any(after[read] for read in node.inputs)
        if pair.first in node.matrices and not behind:
            return True
        after.append(behind or pair.base in node.matrices)
    return False


def _linear(trace: Trace, pair: LowRank) -> bool:
    """Whether the second factor multiplies what the first gave, at most scaled."""
    for node in trace.nodes:
        if pair.second not in node.matrices:
            continue
        if pair.first in node.matrices:
            return True
        waiting = list(node.inputs)
        while waiting:
            before = trace.nodes[waiting.pop()]
            if pair.first in before.matrices:
                return True
            if before.name in LINEAR:
                waiting.extend(before.inputs)
    return False
