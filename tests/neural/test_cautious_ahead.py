"""Cautious decay under Adam is done before the step, from the momentum: the same as measuring the update after it.

The oracle is a bare twin of torch's: a copy of it steps first, to see each coordinate's update; then the twin's own
weights are decayed where that update agrees, and it steps.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from weightdecay.neural import steps  # noqa: E402
from weightdecay.neural.with_decay import with_decay  # noqa: E402

ETA, DECAY = 0.01, 0.5

KINDS = [
    {},
    {"foreach": True},
    {"fused": True},
    {"amsgrad": True},
    {"fused": True, "amsgrad": True},
    {"betas": (0.0, 0.9)},
    {"betas": (0.999, 0.9999)},
    {"eps": 1e-3},
]


def gradients(shape: tuple[int, ...], step: int, dtype: Any) -> Any:
    """Noise of every size, exact zeros of both signs, and columns that stay zero."""
    size = 10.0 ** torch.randint(-12, 5, shape)
    found = (torch.randn(shape) * size).to(dtype)
    found.view(-1)[::7] = 0.0
    found.view(-1)[1::7] = -0.0
    if step % 3:
        found.view(-1)[2::7] = 0.0
    return found


def start(shape: tuple[int, ...], dtype: Any) -> Any:
    found = (torch.randn(shape) * 10.0 ** torch.randint(-6, 2, shape)).to(dtype)
    found.view(-1)[::5] = 0.0
    found.view(-1)[1::35] = -0.0
    return found


def foreseen(twin: Any, centre: Any) -> tuple[Any, Any]:
    """Where the update of a copy of the twin agrees, by its momentum, and where its momentum is of rounding alone."""
    seer = copy.deepcopy(twin)
    w = seer.param_groups[0]["params"][0]
    beta = seer.param_groups[0]["betas"][0]
    old = seer.state[w]["exp_avg"].clone() if w in seer.state else torch.zeros_like(w)
    before, gradient = w.detach().clone(), twin.param_groups[0]["params"][0].grad
    w.grad = gradient.clone()
    seer.step()
    momentum = seer.state[w]["exp_avg"]
    rounding = 4 * torch.finfo(w.dtype).eps * (beta * old.abs() + (1 - beta) * gradient.abs())
    unclear = (momentum != 0) & (momentum.abs() <= rounding)
    agrees = momentum.sign() * (before - centre).sign() >= 0
    moved = (before - w.detach()).abs()
    # What was seen of the weights says the same wherever the update was not lost in rounding.
    seen = (before - w.detach()).sign() * (before - centre).sign() >= 0
    assert torch.equal(seen[moved > 0], agrees[moved > 0])
    return agrees, unclear


@pytest.mark.parametrize("kind", [torch.optim.Adam, torch.optim.AdamW])
@pytest.mark.parametrize("options", KINDS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_it_is_the_measured_mask_bit_for_bit(kind: Any, options: dict[str, Any], dtype: Any) -> None:
    torch.manual_seed(0)
    shape = (37, 21)
    w = torch.nn.Parameter(start(shape, dtype))
    twin_w = torch.nn.Parameter(w.detach().clone())
    optimizer, twin = (kind([one], lr=ETA, weight_decay=0.0, **options) for one in (w, twin_w))
    with_decay(optimizer, form="cautious", decay=DECAY)
    decayed = 0
    for step in range(12):
        w.grad = gradients(shape, step, dtype)
        twin_w.grad = w.grad.clone()
        agrees, unclear = foreseen(twin, torch.zeros((), dtype=dtype))
        assert not bool(unclear.any())
        decayed += int(agrees.sum())
        with torch.no_grad():
            twin_w.copy_(torch.where(agrees, twin_w * (1 - ETA * DECAY), twin_w))
        optimizer.step()
        twin.step()
        assert torch.equal(w, twin_w)
    assert 0.4 < decayed / (12 * w.numel()) < 0.9
    assert not optimizer.decay._before  # no copy of the weights was made


@pytest.mark.parametrize("block", [1, 64, 1 << 16])
def test_towards_a_centre_and_block_by_block(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    monkeypatch.setattr(steps, "BLOCK", block)
    shapes = [(37, 21), (3,), (), (130,)]
    ws = [torch.nn.Parameter(torch.randn(shape, dtype=torch.float64)) for shape in shapes]
    ws.append(torch.nn.Parameter(torch.randn(40, 30, dtype=torch.float64).T))  # cannot be cut
    twins = [torch.nn.Parameter(one.detach().clone()) for one in ws]
    centres = [torch.randn_like(one).detach() for one in ws]
    optimizer = with_decay(torch.optim.Adam(ws, lr=ETA), form="cautious", decay=DECAY, centre=centres)
    others = [torch.optim.Adam([one], lr=ETA) for one in twins]
    for _ in range(10):
        for w, twin_w in zip(ws, twins, strict=True):
            w.grad = torch.randn_like(w)
            twin_w.grad = w.grad.clone()
        for other, twin_w, centre in zip(others, twins, centres, strict=True):
            agrees, _ = foreseen(other, centre)
            with torch.no_grad():
                twin_w.copy_(torch.where(agrees, twin_w - ETA * DECAY * (twin_w - centre), twin_w))
            other.step()
        optimizer.step()
        for w, twin_w in zip(ws, twins, strict=True):
            torch.testing.assert_close(w, twin_w, rtol=1e-12, atol=1e-14)


def test_where_momentum_and_gradient_cancel_either_answer_is_within_rounding() -> None:
    torch.manual_seed(0)
    w = torch.nn.Parameter(torch.randn(4000))
    optimizer = with_decay(torch.optim.Adam([w], lr=ETA, fused=True), form="cautious", decay=DECAY)
    w.grad = torch.randn(4000)
    optimizer.step()
    w.grad = optimizer.state[w]["exp_avg"] * -9.0  # β m + (1 − β) g = 0, up to rounding
    before = w.detach().clone()
    optimizer.step()
    momentum = optimizer.state[w]["exp_avg"]
    assert float((momentum.abs() / w.grad.abs()).max()) < 1e-6
    shares = (before - w.detach()) / before
    near = torch.minimum(shares.abs(), (shares - ETA * DECAY).abs())
    assert float(near.max()) < 1e-4


def test_what_is_turned_round_or_scaled_is_measured() -> None:
    """Where the step itself changes the sign of the gradient, or may not happen, the weights are copied as ever."""
    for options, attribute in (({"maximize": True}, None), ({}, "grad_scale"), ({"betas": None}, None)):
        w = torch.nn.Parameter(torch.randn(6))
        betas = (torch.tensor(0.9), torch.tensor(0.999)) if "betas" in options else (0.9, 0.999)
        kept = {key: value for key, value in options.items() if key != "betas"}
        optimizer = torch.optim.Adam(
            [w], lr=ETA, **({**kept, "betas": betas, "capturable": True} if "betas" in options else kept)
        )
        with_decay(optimizer, form="cautious", decay=DECAY)
        if attribute is not None:
            setattr(optimizer, attribute, torch.tensor(2.0))
        group = optimizer.param_groups[0]
        assert not optimizer.decay._is_foreseen(group, w)


def test_lists_of_tensors_do_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """The way of other devices, on this one, against the formula."""
    torch.manual_seed(0)
    monkeypatch.setattr(steps.Columns, "on_processor", False)
    for share in (0.1, torch.tensor(0.1, dtype=torch.float64)):
        for centred in (False, True):
            w, c, m, g = (torch.randn(200, dtype=torch.float64) for _ in range(4))
            m[:20], g[:20] = 0.0, 0.0
            centre = c if centred else torch.zeros(())
            agrees = (0.9 * m + 0.1 * g) * (w - centre) >= 0
            expected = torch.where(agrees, w - 0.1 * (w - centre), w)
            columns = steps.Columns([w], [c] if centred else None, momenta=[m], gradients=[g])
            steps.shrink_agreeing_ahead(columns, share, 0.9)
            torch.testing.assert_close(w, expected, rtol=1e-13, atol=1e-15)


def test_gradients_of_another_layout_and_momenta_of_a_loaded_state() -> None:
    torch.manual_seed(0)
    w = torch.nn.Parameter(torch.randn(8, 5, 3, 3))
    twin_w = torch.nn.Parameter(w.detach().clone())
    optimizer, twin = (torch.optim.AdamW([one], lr=ETA, weight_decay=0.0) for one in (w, twin_w))
    w.grad = torch.randn(8, 5, 3, 3)
    twin_w.grad = w.grad.clone()
    optimizer.step()
    twin.step()
    state = copy.deepcopy(optimizer.state_dict())
    optimizer = with_decay(torch.optim.AdamW([w], lr=ETA, weight_decay=0.0), form="cautious", decay=DECAY)
    optimizer.load_state_dict(state)
    w.grad = torch.randn(8, 5, 3, 3).contiguous(memory_format=torch.channels_last)
    twin_w.grad = w.grad.clone()
    agrees, _ = foreseen(twin, torch.zeros(()))
    with torch.no_grad():
        twin_w.copy_(torch.where(agrees, twin_w * (1 - ETA * DECAY), twin_w))
    optimizer.step()
    twin.step()
    assert torch.equal(w, twin_w)
