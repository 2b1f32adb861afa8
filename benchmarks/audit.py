"""Cost of ``wd.audit`` on models of about 100 million parameters: seconds, steps of copies, memory beside the model.

    python -m benchmarks audit          # seconds
    python -m benchmarks.audit          # memory and steps of other optimisers too

The memory is what the allocations of the audit's own operations add up to at their peak, counted by their storages.
"""

from __future__ import annotations

import math
import statistics
import time
import weakref
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.measure import Result
from weightdecay.neural.audit import runs
from weightdecay.neural.audit.auditing import audit


class Block(nn.Module):
    """A transformer block as in GPT-2."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first, self.second = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.qkv(self.first(x)).chunk(3, dim=-1)
        x = x + self.out(nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True))
        return x + self.down(nn.functional.gelu(self.up(self.second(x))))


class Gpt(nn.Module):
    """GPT-2 with its head tied to its embedding."""

    def __init__(self, words: int, width: int, depth: int) -> None:
        super().__init__()
        self.words, self.places = nn.Embedding(words, width), nn.Embedding(1024, width)
        self.blocks = nn.ModuleList(Block(width) for _ in range(depth))
        self.last = nn.LayerNorm(width)
        self.head = nn.Linear(width, words, bias=False)
        self.head.weight = self.words.weight

    def forward(self, tokens: Tensor) -> Tensor:
        x = self.words(tokens) + self.places(torch.arange(tokens.shape[-1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.last(x))


class Allocated(TorchDispatchMode):
    """Count the bytes of new storages that are alive, and their peak."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.alive = self.peak = 0
        self.known: dict[int, int] = {one.untyped_storage()._cdata: 0 for one in model.parameters()}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        result = func(*args, **(kwargs or {}))
        for one in result if isinstance(result, (list, tuple)) else (result,):
            if isinstance(one, Tensor) and one.device.type != "meta" and one.layout == torch.strided:
                self._add(one.untyped_storage())
        return result

    def _add(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key in self.known or storage.nbytes() < 1024:
            return
        self.known[key] = size = storage.nbytes()
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._drop, key)

    def _drop(self, key: int) -> None:
        self.alive -= self.known.pop(key, 0)


def few_large() -> nn.Module:
    """Five large tensors and 120 small ones."""
    layers: list[nn.Module] = [nn.Linear(4096, 4096) for _ in range(5)]
    layers += [nn.Linear(512, 512) if i % 3 == 0 else nn.LayerNorm(512) for i in range(60)]
    return nn.Sequential(*layers)


def nanogpt_groups(model: nn.Module) -> list[dict[str, object]]:
    """Two axes or more are decayed."""
    named = list(model.parameters())
    return [
        {"params": [one for one in named if one.dim() >= 2], "weight_decay": 0.1},
        {"params": [one for one in named if one.dim() < 2], "weight_decay": 0.0},
    ]


def main() -> None:
    """Print one line for each model and optimiser."""
    makers = {
        "AdamW": lambda groups: torch.optim.AdamW(groups, lr=3e-4),
        "AdamW fused": lambda groups: torch.optim.AdamW(groups, lr=3e-4, fused=True),
        "SGD momentum": lambda groups: torch.optim.SGD(groups, lr=0.1, momentum=0.9),
    }
    steps = 0
    step = runs.Workshop._step

    def counted(*args: object, **kwargs: object) -> None:
        nonlocal steps
        steps += 1
        step(*args, **kwargs)  # type: ignore[arg-type]

    runs.Workshop._step = counted  # type: ignore[method-assign,assignment]
    for title, model in (("12-layer GPT", Gpt(50257, 768, 12)), ("5 large, 120 small", few_large())):
        sizes = [one.numel() for one in model.parameters()]
        print(f"{title}: {sum(sizes) / 1e6:.0f} M parameters in {len(sizes)} tensors, largest {max(sizes) / 1e6:.1f} M")
        for name, make in makers.items():
            optimizer = make(nanogpt_groups(model))
            steps, begun = 0, time.perf_counter()
            found = audit(model, optimizer)
            seconds = time.perf_counter() - begun
            taken = steps
            with Allocated(model) as allocated:
                audit(model, optimizer)
            peak = allocated.peak / (4 * max(sizes))
            serious = sum(one.severity != "info" for one in found.problems)
            print(
                f"  {name:<14} {seconds:5.2f} s, {taken} steps, memory {peak:.2f} × the largest tensor, "
                f"{serious} problems, {math.fsum(row.treatment == 'decayed' for row in found.rows):.0f} decayed"
            )


def seconds_of(make: Callable[[], nn.Module], name: str, repeats: int) -> Result:
    """An audit under AdamW in seconds, beside one second."""
    torch.manual_seed(0)
    model = make()
    optimizer = torch.optim.AdamW(nanogpt_groups(model), lr=3e-4)
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        audit(model, optimizer)
        taken.append(time.perf_counter() - begun)
    return Result(name, statistics.median(taken), 1.0, 4.0, None)


ROWS: Mapping[str, Callable[[str, int], Result]] = {
    "GPT of 12 layers, 124 M parameters, AdamW: one audit, in seconds": partial(
        seconds_of, lambda: Gpt(50257, 768, 12)
    ),
    "5 large and 120 small tensors, 89 M parameters, AdamW: one audit, in seconds": partial(seconds_of, few_large),
}


if __name__ == "__main__":
    main()
