"""Forms, rates and the passes over the weights, piece by piece."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from weightdecay.decay.penalty import Penalty  # noqa: E402
from weightdecay.neural import rates, steps  # noqa: E402
from weightdecay.neural.constraints import limit_rows, with_max_norm  # noqa: E402
from weightdecay.neural.forms import FORMS, Form, form_named  # noqa: E402
from weightdecay.neural.with_decay import with_decay  # noqa: E402


def test_every_name_is_a_different_place_rate_and_mask() -> None:
    assert list(FORMS) == ["penalty", "coupled", "decoupled", "independent", "corrected", "cautious"]
    assert len({(form.place, form.rate, form.mask) for form in FORMS.values()}) == len(FORMS)


def test_an_unknown_form_is_told_the_known_ones() -> None:
    with pytest.raises(ValueError, match="penalty, coupled, decoupled, independent, corrected, cautious, got 'l2'"):
        form_named("l2")


@pytest.mark.parametrize("extra", [{"rate": "share"}, {"mask": "agreeing"}, {"normalised_only": True}])
def test_in_the_gradient_a_form_has_no_rate_of_its_own(extra: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="a form in the gradient has no rate or mask"):
        Form("mine", "gradient", **extra)


def test_the_peak_is_max_lr_then_initial_lr_then_the_argument() -> None:
    assert rates.peak_rate({"max_lr": 3.0, "initial_lr": 2.0}, 0, "x") == 3.0
    assert rates.peak_rate({"initial_lr": 2.0}, 0, "x") == 2.0
    assert rates.peak_rate({}, 0, "x", 1.0) == 1.0


@pytest.mark.parametrize(
    ("group", "peak_lr", "says"),
    [
        ({}, None, "param group 4 has neither 'max_lr' nor 'initial_lr'"),
        ({"max_lr": 0.5}, 0.1, "says max_lr=0.5, but peak_lr=0.1 was given"),
        ({"initial_lr": 0.0}, None, "must be above 0"),
        ({}, -1.0, "must be above 0"),
    ],
)
def test_a_peak_that_is_not_known_is_asked_for(group: dict[str, float], peak_lr: float | None, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        rates.peak_rate(group, 4, "independent", peak_lr)


@pytest.mark.parametrize("factor", [-0.1, float("nan"), float("inf")])
def test_a_factor_that_is_no_factor_is_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="finite and at least 0"):
        rates.factor_at(lambda step: factor, 3)


@pytest.mark.parametrize("centred", [True, False])
@pytest.mark.parametrize("size", [11, steps.BLOCK + 13, 2 * steps.BLOCK])
def test_the_threshold_is_the_proximal_step_of_the_penalty(centred: bool, size: int) -> None:
    torch.manual_seed(0)
    w, c = torch.randn(size, dtype=torch.float64), torch.randn(size, dtype=torch.float64)
    w[::3] = c[::3] + 0.01
    expected = Penalty(l1_ratio=1.0, centre=c if centred else None).proximal(w, 0.3)
    found = w.clone()
    steps.threshold(steps.Columns([found], [c] if centred else None), 0.3)
    torch.testing.assert_close(found, expected, rtol=1e-14, atol=1e-16)
    at_centre = expected == (c if centred else 0.0)
    assert int(at_centre.sum()) >= size // 10
    assert torch.equal(found[at_centre], expected[at_centre])


def test_the_shrink_is_the_gradient_step_of_the_penalty() -> None:
    torch.manual_seed(0)
    w, c = torch.randn(2, 500, dtype=torch.float64)
    for centre in (None, c):
        for share in (0.2, torch.tensor(0.2, dtype=torch.float64)):
            found = w.clone()
            steps.shrink(steps.Columns([found], None if centre is None else [centre]), share)
            torch.testing.assert_close(found, w - 0.2 * Penalty(centre=centre).gradient(w), rtol=1e-13, atol=1e-15)


@pytest.mark.parametrize("block", [1, 7, 64, 10_000])
def test_blocks_change_nothing(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    shapes = [(3,), (40, 5), (), (64,), (2, 3, 4)]
    monkeypatch.setattr(steps, "BLOCK", block)
    w, c, b = ([torch.randn(shape, dtype=torch.float64) for shape in shapes] for _ in range(3))
    w.append(torch.randn(6, 5, dtype=torch.float64).T)  # not contiguous: never cut
    c.append(torch.randn(5, 6, dtype=torch.float64))
    b.append(torch.randn(5, 6, dtype=torch.float64))
    found = [tensor.clone() for tensor in w]
    steps.shrink_agreeing(steps.Columns(found, c, before=b), 0.1, 0.25)
    for mine, weight, centre, before in zip(found, w, c, b, strict=True):
        chosen = (before - weight) * (before - centre) >= 0
        moved = weight - 0.1 * 0.75 * (before - centre) - centre
        limited = centre + moved.sign() * (moved.abs() - 0.025).clamp(min=0)
        shrunk = torch.where(chosen, limited, weight)
        torch.testing.assert_close(mine, shrunk, rtol=1e-12, atol=1e-14)


def test_a_row_within_the_ball_keeps_every_bit_and_one_outside_ends_on_it() -> None:
    torch.manual_seed(0)
    w = torch.randn(50, 4, 3)
    w[0] = 0
    start = w.clone()
    limit_rows([w], 3.0)
    norms = start.flatten(1).norm(dim=1)
    inside = norms <= 3.0
    assert 5 < int(inside.sum()) < 45
    assert torch.equal(w[inside], start[inside])
    torch.testing.assert_close(w[~inside].flatten(1).norm(dim=1), torch.full((int((~inside).sum()),), 3.0))
    torch.testing.assert_close(w[~inside], start[~inside] * (3.0 / norms[~inside])[:, None, None])


def test_max_norm_holds_after_every_step_and_beside_a_decay() -> None:
    torch.manual_seed(0)
    w, bias = torch.nn.Parameter(torch.randn(5, 4) * 3), torch.nn.Parameter(torch.full((5,), 9.0))
    optimizer = torch.optim.Adam([w, bias], lr=0.1)
    assert with_max_norm(with_decay(optimizer, form="decoupled", decay=0.1), 2.0) is optimizer
    for _ in range(20):
        w.grad, bias.grad = -w.detach(), torch.zeros(5)
        optimizer.step()
        assert float(w.detach().norm(dim=1).max()) <= 2.0 * (1 + 1e-6)
    assert float(bias.detach().min()) > 7.0


def test_max_norm_refuses_what_has_no_rows_or_no_size() -> None:
    optimizer = torch.optim.SGD([torch.zeros(3)], lr=0.1)
    with pytest.raises(ValueError, match="above 0, got 0"):
        with_max_norm(optimizer, 0)
    with pytest.raises(ValueError, match=r"parameter 0 has shape \(3,\)"):
        with_max_norm(optimizer, 1.0, parameters=[torch.zeros(3)])
