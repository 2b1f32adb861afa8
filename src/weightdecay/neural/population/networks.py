"""Networks: a module for all members at once, in the fastest way that it allows.

* `Chain`: layers one after another, all of which have kernels.
* `Mapped`: any other module whose forward pass can be vectorised by ``torch.func.vmap``.
* `Looped`: what is left, member by member.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Protocol, final

import torch
from torch import Tensor, nn

from weightdecay.neural.population import kernels
from weightdecay.neural.population.kernels import Differentiated, Dropout, Kernel, Linear, Pass, Reshaped
from weightdecay.neural.population.layout import Layout
from weightdecay.neural.population.objectives import Objective

# Modules whose dimension of rows may be several members' rows below each other.
ROWWISE = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d, nn.ZeroPad2d, nn.Upsample)


class Network(Protocol):
    """A module of all members over rows W (M, P), whose gradients go to G (M, P)."""

    @property
    def way(self) -> str:
        """How it is computed, in a word or two."""
        ...

    @property
    def tried(self) -> bool:
        """Whether the first step tells if the module can be computed so."""
        ...

    @property
    def repeats(self) -> bool:
        """Whether every step on rows of one shape is the same operations, with nothing drawn or decided in between."""
        ...

    def step(self, x: Tensor, target: Tensor, share: Tensor) -> Tensor:
        """Losses Σ share · loss (M,) on a batch (B, …), with their gradients in G."""
        ...

    def outputs(self, x: Tensor) -> Tensor:
        """Outputs (M, B, k) for rows (B, …), as in use: nothing dropped, statistics as they are."""
        ...

    def state(self, member: int) -> dict[str, Tensor]:
        """Buffers of a member by name, such as the running statistics of normalisation."""
        ...


@final
class Chain:
    """Kernels one after another."""

    way, tried = "batched kernels", False

    def __init__(
        self, layers: Sequence[Kernel], objective: Objective, buffers: dict[str, Tensor], generator: torch.Generator
    ) -> None:
        self.layers, self.objective, self.buffers, self.generator = layers, objective, buffers, generator
        learns = [
            isinstance(one, Linear) or (isinstance(one, Differentiated) and bool(one.parameters)) for one in layers
        ]
        self.first = learns.index(True)
        self.repeats = all(one.repeats for one in layers)

    def step(self, x: Tensor, target: Tensor, share: Tensor) -> Tensor:
        """Forward through all layers and back."""
        output, how = x[None], Pass(True, self.generator)
        for layer in self.layers:
            output = layer.forward(output, how)
        losses, slope = self.objective.both(output, target, share)
        g: Tensor | None = slope
        for place in range(len(self.layers) - 1, self.first - 1, -1):
            assert g is not None
            g = self.layers[place].backward(g, wanted=place > self.first)
        return losses

    def outputs(self, x: Tensor) -> Tensor:
        """Forward."""
        output, how = x[None], Pass(False)
        for layer in self.layers:
            output = layer.forward(output, how)
        return output

    def state(self, member: int) -> dict[str, Tensor]:
        """Running statistics."""
        return {name: one[member] for name, one in self.buffers.items()}


def chain(
    module: nn.Module, rows: tuple[Tensor, Tensor], layout: Layout, rates: Tensor | None
) -> tuple[list[Kernel], dict[str, Tensor]] | None:
    """The kernels of a module, None where some layer has none; and the members' buffers by name.

    Parameters
    ----------
    rows : (Tensor, Tensor)
        W and G, (M, P).
    rates : Tensor of shape (M,) or None
        What stands in place of every dropout probability of the module.
    """
    leaves = _leaves(module, "")
    if leaves is None:
        return None
    # A parameter that is used twice has one slot, but two gradients.
    owned = [id(one) for _, leaf in leaves for one in leaf.parameters(recurse=False)]
    if len(owned) != len(set(owned)) or not all(one.requires_grad for one in module.parameters()):
        return None
    values, into = layout.views(rows[0]), layout.views(rows[1])
    buffers: dict[str, Tensor] = {}
    found: list[Kernel] = []
    for prefix, leaf in leaves:
        own = {name: f"{prefix}{name}" for name, _ in leaf.named_parameters(recurse=False)}
        state = {name: one.repeat(len(rows[0]), *[1] * one.ndim) for name, one in leaf.named_buffers(recurse=False)}
        buffers.update({f"{prefix}{name}": one for name, one in state.items()})
        given = {name: values[full] for name, full in own.items()}, {name: into[full] for name, full in own.items()}
        own_rates = rows[0].new_full((1,), leaf.p) if rates is None and isinstance(leaf, nn.Dropout) else rates
        kernel = _kernel(leaf, given, state, own_rates)
        if kernel is None:
            return None
        found.append(kernel)
    return found, buffers


def _leaves(module: nn.Module, prefix: str) -> list[tuple[str, nn.Module]] | None:
    """The layers of a module of layers one after another, with the prefixes of their parameters' names."""
    if type(module) is nn.Sequential:
        found: list[tuple[str, nn.Module]] = []
        for name, child in module.named_children():
            inner = _leaves(child, f"{prefix}{name}.")
            if inner is None:
                return None
            found += inner
        return found
    hooked = module._forward_hooks or module._forward_pre_hooks or module._backward_hooks
    return None if any(True for _ in module.children()) or hooked else [(prefix, module)]


def _kernel(
    leaf: nn.Module,
    given: tuple[dict[str, Tensor], dict[str, Tensor]],
    state: dict[str, Tensor],
    rates: Tensor | None,
) -> Kernel | None:
    """The kernel of one layer. Subclasses may do something else, so that types are compared."""
    kind, (values, into) = type(leaf), given
    if kind is nn.Linear:
        return Linear(values["weight"], values.get("bias"), (into["weight"], into.get("bias")))
    if kind is nn.Dropout:
        assert rates is not None
        return Dropout(rates)
    if kind in (nn.Identity, nn.Flatten, nn.Unflatten):
        return Reshaped(_shaped(leaf))
    function: Callable[..., Tensor] | None = None
    if isinstance(leaf, nn.LayerNorm) and kind is nn.LayerNorm:
        function = kernels.layer_norm(leaf)
    elif kind in (nn.BatchNorm1d, nn.BatchNorm2d):
        function = kernels.batch_norm(leaf, state)
    elif isinstance(leaf, nn.Conv2d) and kind is nn.Conv2d:
        function = kernels.convolution(leaf)
    elif isinstance(leaf, nn.Embedding) and kind is nn.Embedding:
        plain = leaf.max_norm is None and not leaf.scale_grad_by_freq and not leaf.sparse
        function = kernels.embedding(leaf) if plain else None
    elif kind in ROWWISE:
        function = kernels.folded(leaf)
    if function is not None:
        return Differentiated(function, values, into, repeats=getattr(leaf, "momentum", 0.0) is not None)
    return kernels.pointwise(leaf) if kind.__module__.startswith("torch.nn.modules.activation") else None


def _shaped(leaf: nn.Module) -> Callable[[Tensor], Tensor]:
    """What a layer that only reshapes does to (M, B, …)."""
    if isinstance(leaf, nn.Flatten):
        first = leaf.start_dim + 1 if leaf.start_dim >= 0 else leaf.start_dim
        last = leaf.end_dim + 1 if leaf.end_dim >= 0 else leaf.end_dim
        return lambda x: x.flatten(first, last)
    if isinstance(leaf, nn.Unflatten):
        place = int(leaf.dim) + 1 if int(leaf.dim) >= 0 else int(leaf.dim)
        return lambda x: torch.unflatten(x, place, tuple(leaf.unflattened_size))
    return lambda x: x


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Random numbers of the processor, and of a card in use, from a seed; afterwards they are as they were."""
    cards = [device] if device.type == "cuda" else []
    with torch.random.fork_rng(devices=cards):
        torch.default_generator.manual_seed(seed)
        for card in cards:
            with torch.cuda.device(card):
                torch.cuda.manual_seed(seed)
        yield


@final
class Mapped:
    """One member's loss, differentiated and vectorised over the members by ``torch.func``."""

    way, tried, repeats = "torch.func", True, False

    def __init__(
        self, module: nn.Module, rows: tuple[Tensor, Tensor], layout: Layout, objective: Objective, generator: Any
    ) -> None:
        self.module, self.objective, self.layout, self.generator = module, objective, layout, generator
        self.values, self.into = layout.views(rows[0]), layout.views(rows[1])
        members = len(rows[0])
        fixed = {name: one.detach() for name, one in module.named_parameters() if not one.requires_grad}
        self.buffers = {name: one.repeat(members, *[1] * one.ndim) for name, one in module.named_buffers()}

        def loss(parameters: Any, buffers: Any, x: Tensor, target: Tensor, share: Tensor) -> tuple[Tensor, Any]:
            output: Tensor = torch.func.functional_call(module, {**fixed, **parameters, **buffers}, (x,))
            return (objective.rows(output[None], target) * share).sum(), buffers

        def output(parameters: Any, buffers: Any, x: Tensor) -> Tensor:
            found: Tensor = torch.func.functional_call(module, {**fixed, **parameters, **buffers}, (x,))
            return found

        both = torch.func.grad_and_value(loss, has_aux=True)
        # Random numbers are the same for all members, as everywhere.
        self.back = torch.func.vmap(both, in_dims=(0, 0, None, None, None), randomness="same")
        self.ahead = torch.func.vmap(output, in_dims=(0, 0, None))

    def step(self, x: Tensor, target: Tensor, share: Tensor) -> Tensor:
        """Losses and gradients of all members."""
        self.module.train()
        with seeded(int(torch.randint(2**62, (1,), generator=self.generator)), x.device):
            gradients, (losses, buffers) = self.back(self.values, self.buffers, x, target, share)
        self.buffers = buffers
        for name, gradient in gradients.items():
            self.into[name].copy_(gradient)
        return torch.as_tensor(losses)

    def outputs(self, x: Tensor) -> Tensor:
        """Of all members."""
        self.module.eval()
        with torch.no_grad():
            return torch.as_tensor(self.ahead(self.values, self.buffers, x))

    def state(self, member: int) -> dict[str, Tensor]:
        """Buffers."""
        return {name: one[member] for name, one in self.buffers.items()}


@final
class Looped:
    """One member after another: for modules that nothing else can do with."""

    way, tried, repeats = "one by one", False, False

    def __init__(
        self, module: nn.Module, rows: tuple[Tensor, Tensor], layout: Layout, objective: Objective, generator: Any
    ) -> None:
        self.module, self.rows, self.layout, self.objective = module, rows, layout, objective
        self.generator = generator
        self.buffers = [{name: one.clone() for name, one in module.named_buffers()} for _ in rows[0]]

    def _into(self, member: int) -> None:
        self.layout.put(self.module, self.rows[0][member])
        for name, one in self.module.named_buffers():
            one.data.copy_(self.buffers[member][name])

    def step(self, x: Tensor, target: Tensor, share: Tensor) -> Tensor:
        """Losses and gradients, with the same random numbers for all members."""
        self.module.train()
        seed = int(torch.randint(2**62, (1,), generator=self.generator))
        parameters = dict(self.module.named_parameters())
        losses = []
        for member in range(len(self.rows[0])):
            with seeded(seed, x.device), torch.enable_grad():
                self._into(member)
                self.module.zero_grad()
                loss = (self.objective.rows(self.module(x)[None], target) * share).sum()
                loss.backward()  # type: ignore[no-untyped-call]
                losses.append(loss.detach())
                for slot in self.layout.slots:
                    g = parameters[slot.name].grad
                    own = self.rows[1][member, slot.start : slot.start + slot.size]
                    own.zero_() if g is None else own.copy_(g.reshape(-1))
                self.buffers[member] = {name: one.clone() for name, one in self.module.named_buffers()}
        return torch.stack(losses)

    def outputs(self, x: Tensor) -> Tensor:
        """Of all members."""
        self.module.eval()
        found = []
        with torch.no_grad():
            for member in range(len(self.rows[0])):
                self._into(member)
                found.append(self.module(x))
        return torch.stack(found)

    def state(self, member: int) -> dict[str, Tensor]:
        """Buffers."""
        return self.buffers[member]
