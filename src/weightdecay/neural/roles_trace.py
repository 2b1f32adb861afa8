"""What a model does with each parameter: its forward pass recorded operation by operation.

A tensor is *active* if it depends on the sample, *parametric* if it comes from parameters and constants alone. Every
use of a parameter is an operation in which a parametric tensor meets an active one, or whose place says what it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from weightdecay.neural.roles_operations import ADDING, JOINING, MULTIPLYING, SUMMING, operation, placed
from weightdecay.neural.roles_scales import of_one_length, varying

# How a parameter is used: multiplied as a matrix, looked up by index, times what has been normalised, the length of
# normalised weights, times anything, added, put among the data, or otherwise.
Kind = Literal["matrix", "lookup", "gain", "length", "scale", "shift", "joined", "other"]


class Use(NamedTuple):
    """One use of a parameter: its number, the kind, the node, and the axes (from the end) along which it varies."""

    parameter: int
    kind: Kind
    node: int
    axes: tuple[int, ...] = ()


@dataclass
class Node:
    """One operation: its name, the nodes that it reads, whether it depends on the sample, which parameters it is of.

    ``matrices`` are the parameters that it multiplies as matrices; ``reduced`` the axes (from the end) that it sums.
    """

    name: str
    inputs: tuple[int, ...] = ()
    active: bool = False
    sources: frozenset[int] = frozenset()
    matrices: frozenset[int] = frozenset()
    reduced: tuple[int, ...] = ()


class Slot(NamedTuple):
    """A tensor among an operation's arguments."""

    name: str
    tensor: Tensor
    node: int


@dataclass
class Trace:
    """A recorded forward pass: nodes in the order of execution, uses, and the nodes of the outputs."""

    nodes: list[Node] = field(default_factory=lambda: [Node("constant")])
    uses: list[Use] = field(default_factory=list)
    outputs: tuple[int, ...] = ()

    def kinds(self, parameter: int) -> frozenset[Kind]:
        """The kinds of use that a parameter has."""
        return frozenset(use.kind for use in self.uses if use.parameter == parameter)


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Records what runs within it.

    Parameters
    ----------
    parameters : sequence of Tensor
        Numbered as they stand.
    sample : Any
        Its tensors are the active inputs.
    """

    def __init__(self, parameters: Sequence[Tensor], sample: Any) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.trace = Trace()
        self._kept: dict[int, tuple[Tensor, int]] = {}  # keeps tensors alive, whose ids would be given again
        self._storages: dict[int, int] = {}
        self._written: dict[int, int] = {}
        self._pending: dict[int, tuple[frozenset[int], Tensor, Tensor]] = {}
        for number, parameter in enumerate(parameters):
            self._leaf(parameter, Node("parameter", sources=frozenset((number,))))
            self._storages[_storage(parameter)] = self._kept[id(parameter)][1]
        for leaf in tree_leaves(sample):
            if isinstance(leaf, Tensor):
                self._leaf(leaf, Node("sample", active=True))

    def given(self, tensor: Tensor) -> None:
        """Note that a tensor was handed to a module that has matrices of its own, as data are."""
        self._use(self.trace.nodes[self.node_of(tensor)].sources, "joined", tensor)

    def finish(self, outputs: Sequence[Tensor]) -> Trace:
        """The trace, once the outputs are known."""
        self.trace.outputs = tuple(self.node_of(output) for output in outputs)
        self._kept.clear()
        self._pending.clear()
        _dots(self.trace)
        return self.trace

    def node_of(self, tensor: Tensor) -> int:
        """The node that last wrote a tensor; 0 for constants."""
        node = self._kept.get(id(tensor), (tensor, 0))[1]
        storage = _storage(tensor)
        return max(node, self._written.get(storage, 0)) or self._storages.get(storage, 0)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        slots = tuple(self._slots(func, args, kwargs or {}))
        name = operation(func)
        node = self._node(name, slots)
        if node is not None:
            self._uses(node, slots)
        output = func(*args, **(kwargs or {}))
        if node is not None:
            self._note(func, args, output, node)
        return output

    def _leaf(self, tensor: Tensor, node: Node) -> None:
        self.trace.nodes.append(node)
        self._kept[id(tensor)] = (tensor, len(self.trace.nodes) - 1)

    def _slots(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[Slot]:
        """The tensor arguments of a call with the names that the operation gives them."""
        declared = func._schema.arguments
        named = [(argument.name, value) for argument, value in zip(declared, args, strict=False)]
        for name, value in (*named, *kwargs.items()):
            for leaf in value if isinstance(value, (list, tuple)) else (value,):
                if isinstance(leaf, Tensor):
                    yield Slot(name, leaf, self.node_of(leaf))

    def _node(self, name: str, slots: tuple[Slot, ...]) -> Node | None:
        """What an operation makes of its inputs; None where all of them are constants."""
        inputs = tuple(dict.fromkeys(slot.node for slot in slots if slot.node))
        if not inputs:
            return None
        read = [self.trace.nodes[index] for index in inputs]
        active = any(one.active for one in read)
        node = Node(name, inputs, active)
        self.trace.nodes.append(node)
        if not active:
            node.sources = frozenset[int]().union(*(one.sources for one in read))
        return node

    def _uses(self, node: Node, slots: tuple[Slot, ...]) -> None:
        """Note in what way an operation uses the parameters among its inputs."""
        taken: set[int] = set()
        for slot in slots:
            sources = self._sources(slot)
            kind = placed(node.name, slot.name, slot.tensor)
            # Rows picked by a constant index are still the same table.
            constant = kind == "lookup" and "embedding" not in node.name and not node.active
            if not sources or kind is None or constant:
                continue
            self._use(sources, kind, slot.tensor)
            taken |= sources
            if kind == "matrix":
                node.matrices |= sources
            elif kind != "lookup":
                node.sources -= sources
        free = [slot for slot in slots if self._sources(slot) - taken]
        if node.active:
            active = [slot.tensor for slot in slots if self.trace.nodes[slot.node].active]
            for slot in free:
                self._meet(node, slot, active)
            if node.name in MULTIPLYING:
                self._resolve(slots)
        elif len(free) > 1 and node.name in ADDING | MULTIPLYING:
            self._combine(node, free)

    def _sources(self, slot: Slot) -> frozenset[int]:
        return self.trace.nodes[slot.node].sources

    def _meet(self, node: Node, slot: Slot, active: list[Tensor]) -> None:
        """A parametric tensor meets active ones."""
        sources, parameter = self._sources(slot), slot.tensor
        if node.name in MULTIPLYING and (node.name, slot.name) != ("addcmul", "self"):
            gain = any(of_one_length(one, parameter) for one in active)
            self._use(sources, "gain" if gain else "scale", parameter)
            # In (r g) x it shows only once x is there whether g multiplies what has been normalised by r.
            axes, first = varying(parameter), active[0]
            if not gain and axes and all(-axis > first.ndim or first.shape[axis] == 1 for axis in axes):
                self._pending[len(self.trace.nodes) - 1] = (sources, parameter, first)
        elif node.name in ADDING:
            self._use(sources, "shift", parameter)
        else:
            self._use(sources, "joined" if node.name in JOINING else "other", parameter)

    def _resolve(self, slots: tuple[Slot, ...]) -> None:
        """Look at gains that were multiplied by the normaliser before the data came."""
        for slot in slots:
            for other in slots:
                if slot.node in self._pending and other.node != slot.node:
                    sources, parameter, normaliser = self._pending[slot.node]
                    if of_one_length(normaliser * other.tensor, parameter):
                        self._use(sources, "gain", parameter)

    def _combine(self, node: Node, free: list[Slot]) -> None:
        """Of several parametric tensors the largest is what the result is of; smaller ones shift or scale it."""
        largest = max(slot.tensor.numel() for slot in free)
        main = frozenset[int]().union(*(self._sources(slot) for slot in free if slot.tensor.numel() == largest))
        for slot in free:
            small = self._sources(slot) - main
            if small:
                self._use(small, "shift" if node.name in ADDING else "length", slot.tensor)
                node.sources -= small

    def _use(self, sources: frozenset[int], kind: Kind, tensor: Tensor) -> None:
        node = len(self.trace.nodes) - 1
        self.trace.uses.extend(Use(number, kind, node, varying(tensor)) for number in sorted(sources))

    def _note(self, func: Any, args: Sequence[Any], output: Any, node: Node) -> None:
        """Remember which node made the outputs, and what was written in place."""
        index = len(self.trace.nodes) - 1
        for leaf in tree_leaves(output):
            if isinstance(leaf, Tensor):
                self._kept[id(leaf)] = (leaf, index)
        if node.name in SUMMING and len(args) > 1 and isinstance(args[1], (list, tuple)) and args[0].ndim:
            node.reduced = tuple(axis if axis < 0 else axis - args[0].ndim for axis in args[1])
        for argument, value in zip(func._schema.arguments, args, strict=False):
            written = argument.alias_info is not None and argument.alias_info.is_write
            if written and isinstance(value, Tensor) and _storage(value) not in self._storages:
                self._written[_storage(value)] = index


def _storage(tensor: Tensor) -> int:
    """What tells whether two tensors share their numbers."""
    return int(tensor.untyped_storage()._cdata)


def _dots(trace: Trace) -> None:
    """A product element by element that is then summed along the parameter is a product with a matrix."""
    readers: dict[int, list[int]] = {}
    for index, node in enumerate(trace.nodes):
        for read in node.inputs:
            readers.setdefault(read, []).append(index)
    for place, use in enumerate(trace.uses):
        if use.kind in ("scale", "gain") and readers.get(use.node):
            sums = [trace.nodes[index] for index in readers[use.node]]
            if all(one.name == "sum" and set(one.reduced) & set(use.axes) for one in sums):
                trace.uses[place] = use._replace(kind="matrix")
                for one in sums:
                    one.matrices |= {use.parameter}
