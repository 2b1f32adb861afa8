"""Decay on real optimisers: schedulers, scalers, saved states, closures, and everything that must be refused."""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from weightdecay.neural.forms import Form  # noqa: E402
from weightdecay.neural.with_decay import with_decay, without_decay  # noqa: E402

FORMS = ["coupled", "decoupled", "independent", "corrected", "cautious"]


@pytest.fixture(autouse=True)
def seeded() -> Iterator[None]:
    torch.manual_seed(0)
    yield


def weight(*shape: int, dtype: Any = torch.float64) -> Any:
    return torch.nn.Parameter(torch.randn(*(shape or (6,)), dtype=dtype))


def step(optimizer: Any, *, zero: bool = True) -> None:
    for group in optimizer.param_groups:
        for position, w in enumerate(group["params"]):
            w.grad = torch.zeros_like(w) if zero else torch.cos(w.detach() * (2 + position))
    optimizer.step()


# --- the same object, and who is decayed ----------------------------------------------------------------------------


def test_it_is_the_same_optimiser() -> None:
    optimizer = torch.optim.AdamW([weight()], weight_decay=0.0)
    assert with_decay(optimizer, form="decoupled", decay=0.1) is optimizer


def test_a_gradient_of_none_is_left_alone_and_one_of_zeros_is_not() -> None:
    for form in FORMS:
        idle, zero = weight(), weight()
        start = idle.detach().clone()
        zero_start = zero.detach().clone()
        optimizer = torch.optim.SGD([idle, zero], lr=0.1)
        with_decay(optimizer, form=form, decay=0.5, peak_lr=0.1, normalised=True)
        zero.grad = torch.zeros(6, dtype=torch.float64)
        optimizer.step()
        assert torch.equal(idle.detach(), start)
        assert float((zero.detach() / zero_start).max()) < 1.0


def test_groups_without_decay_among_groups_with_it_stay_exempt() -> None:
    w, bias = weight(), weight()
    start = bias.detach().clone()
    groups = [{"params": [w], "weight_decay": 0.1}, {"params": [bias], "weight_decay": 0.0}]
    optimizer = with_decay(torch.optim.SGD(groups, lr=1.0), form="decoupled", decay=0.1)
    step(optimizer)
    optimizer.decay.set(0.5)
    step(optimizer)
    assert torch.equal(bias.detach(), start)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.5, 0.0]


def test_a_tensor_may_take_the_place_of_the_groups_own_number() -> None:
    decay = torch.tensor(0.1)
    groups = [{"params": [weight()], "weight_decay": 0.1}, {"params": [weight()], "weight_decay": 0.0}]
    optimizer = with_decay(torch.optim.AdamW(groups), form="decoupled", decay=decay)
    assert optimizer.param_groups[0]["weight_decay"] is decay
    assert optimizer.decay.exempt == {1}


def test_groups_named_exempt_stay_so_where_every_number_is_zero() -> None:
    w, bias = weight(), weight()
    start = bias.detach().clone()
    groups = [{"params": [w], "name": "decayed"}, {"params": [bias], "name": "exempt"}]
    optimizer = with_decay(torch.optim.SGD(groups, lr=1.0), form="decoupled", decay=0.1)
    step(optimizer)
    assert torch.equal(bias.detach(), start)
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0]


def test_without_a_decay_the_groups_keep_their_own() -> None:
    first, second = weight(), weight()
    starts = [first.detach().clone(), second.detach().clone()]
    groups = [{"params": [first], "weight_decay": 0.1}, {"params": [second], "weight_decay": 0.3}]
    optimizer = with_decay(torch.optim.SGD(groups, lr=0.5), form="decoupled")
    step(optimizer)
    torch.testing.assert_close(first.detach(), starts[0] * 0.95)
    torch.testing.assert_close(second.detach(), starts[1] * 0.85)


def test_a_group_added_later_is_decayed_too() -> None:
    head, later = weight(), weight()
    optimizer = with_decay(torch.optim.SGD([head], lr=0.5), form="decoupled", decay=0.2)
    step(optimizer)
    start = later.detach().clone()
    optimizer.add_param_group({"params": [later]})
    step(optimizer)
    torch.testing.assert_close(later.detach(), start * 0.9)


# --- schedules ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", ["StepLR", "CosineAnnealingLR", "OneCycleLR"])
@pytest.mark.parametrize("form", ["independent", "corrected", "decoupled"])
@pytest.mark.parametrize("kind", ["SGD", "AdamW"])  # AdamW decays natively, SGD by a pass
def test_decay_follows_the_learning_rate_as_its_form_says(make: str, form: str, kind: str) -> None:
    w = weight()
    start = w.detach().clone()
    options = {"weight_decay": 0.0} if kind == "AdamW" else {}
    optimizer = getattr(torch.optim, kind)([w], lr=0.2, **options)
    with_decay(optimizer, form=form, decay=0.1, normalised=True)
    scheduler = {
        "StepLR": lambda: torch.optim.lr_scheduler.StepLR(optimizer, 3, 0.5),
        "CosineAnnealingLR": lambda: torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 20),
        "OneCycleLR": lambda: torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.4, total_steps=20, cycle_momentum=False),
    }[make]()
    peak = 0.4 if make == "OneCycleLR" else 0.2
    kept = 1.0
    for _ in range(20):
        eta = optimizer.param_groups[0]["lr"]
        kept *= 1 - 0.1 * {"independent": eta / peak, "corrected": eta * eta / peak, "decoupled": eta}[form]
        step(optimizer)
        scheduler.step()
    assert optimizer.decay.native == (kind == "AdamW",)
    torch.testing.assert_close(w.detach(), start * kept, rtol=1e-12, atol=0)


def test_a_torch_scheduler_of_another_optimiser_schedules_the_decay() -> None:
    w = weight()
    start = w.detach().clone()
    dummy = torch.optim.SGD([torch.zeros(1)], lr=7.0)
    falling = torch.optim.lr_scheduler.LinearLR(dummy, start_factor=1.0, end_factor=0.0, total_iters=10)
    optimizer = with_decay(torch.optim.SGD([w], lr=0.5), form="decoupled", decay=0.2, schedule=falling)
    for _ in range(12):
        step(optimizer)
        dummy.step()
        falling.step()
    kept = math.prod(1 - 0.5 * 0.2 * max(0.0, 1 - t / 10) for t in range(12))
    torch.testing.assert_close(w.detach(), start * kept, rtol=1e-10, atol=0)


@pytest.mark.parametrize("form", ["decoupled", "coupled", "cautious"])
def test_decay_may_change_in_mid_run(form: str) -> None:
    for change in ("set", "group", "tensor"):
        w = weight()
        start = w.detach().clone()
        decay = torch.tensor(0.1, dtype=torch.float64) if change == "tensor" else 0.1
        optimizer = with_decay(torch.optim.SGD([w], lr=0.5), form=form, decay=decay)
        step(optimizer)
        if change == "set":
            optimizer.decay.set(0.4)
        elif change == "group":
            optimizer.param_groups[0]["weight_decay"] = 0.4
        else:
            decay.fill_(0.4)
        step(optimizer)
        torch.testing.assert_close(w.detach(), start * 0.95 * 0.8, rtol=1e-14, atol=0)


@pytest.mark.filterwarnings("ignore:.torch.jit.script_method. is deprecated:DeprecationWarning")  # torch's own
def test_a_compiled_step_follows_a_tensor_without_compiling_again() -> None:
    from torch._dynamo.testing import CompileCounter

    w = weight(dtype=torch.float32)
    start = w.detach().clone()
    decay = torch.tensor(0.1)
    optimizer = with_decay(torch.optim.AdamW([w], lr=0.5, weight_decay=0.0), form="decoupled", decay=decay)
    counter = CompileCounter()
    compiled = torch.compile(lambda: optimizer.step(), backend=counter)
    kept, frames = 1.0, 0
    for round_, value in enumerate((0.1, 0.1, 0.1, 0.2, 0.3, 0.05, 0.0)):
        decay.fill_(value)
        w.grad = torch.zeros_like(w)
        compiled()
        kept *= 1 - 0.5 * value
        frames = counter.frame_count if round_ == 2 else frames
    assert counter.frame_count == frames > 0
    torch.testing.assert_close(w.detach(), start * kept)


# --- steps that are skipped, retried, or given a closure ------------------------------------------------------------


@pytest.mark.parametrize("fused", [True, False])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("moving", [True, False])
def test_a_step_that_the_scaler_skips_does_not_decay(fused: bool, form: str, moving: bool) -> None:
    w = weight(dtype=torch.float32)
    decay = torch.tensor(0.5) if moving else 0.5
    optimizer = torch.optim.Adam([w], lr=0.1, fused=fused)
    with_decay(optimizer, form=form, decay=decay, peak_lr=0.1, normalised=True, schedule=lambda t: 0.5**t)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for bad in (False, True, False):
        before = w.detach().clone()
        optimizer.zero_grad()
        scaler.scale((w * (math.inf if bad else 1.0)).sum()).backward()
        scaler.step(optimizer)
        scaler.update()
        assert torch.equal(w.detach(), before) == bad
    assert optimizer.decay.steps_done == 2


@pytest.mark.parametrize("form", FORMS)
def test_under_a_scaler_the_steps_are_the_same(form: str) -> None:
    start = torch.randn(9)
    ends = []
    for scaled in (True, False):
        w = torch.nn.Parameter(start.clone())
        optimizer = torch.optim.Adam([w], lr=0.05, fused=True)
        with_decay(optimizer, form=form, decay=torch.tensor(0.3), peak_lr=0.05, normalised=True)
        scaler = torch.amp.GradScaler("cpu", init_scale=4096.0, enabled=scaled)
        for _ in range(10):
            optimizer.zero_grad()
            scaler.scale((w - 1).square().sum()).backward()
            scaler.step(optimizer)
            scaler.update()
        ends.append(w.detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("by_name", [True, False])
def test_a_closure_sees_the_weights_before_the_decay(form: str, by_name: bool) -> None:
    start = torch.randn(6, dtype=torch.float64)
    ends = []
    for closed in (True, False):
        w = torch.nn.Parameter(start.clone())
        optimizer = torch.optim.Adam([w], lr=0.05)
        decay = torch.tensor(0.3, dtype=torch.float64)
        with_decay(optimizer, form=form, decay=decay, peak_lr=0.05, normalised=True)

        def closure(w: Any = w, optimizer: Any = optimizer) -> Any:
            optimizer.zero_grad()
            loss = (w - 2).square().sum()
            loss.backward()
            return loss

        for _ in range(10):
            if not closed:
                closure()
                optimizer.step()
            elif by_name:
                optimizer.step(closure=closure)
            else:
                assert float(optimizer.step(closure).detach()) > 0
        ends.append(w.detach())
    assert torch.equal(*ends)


def test_the_users_gradients_come_back_untouched() -> None:
    w = weight()
    optimizer = with_decay(torch.optim.AdamW([w], weight_decay=0.0), form="coupled", decay=0.3)
    assert optimizer.decay.native == (False,)
    w.grad = given = torch.ones(6, dtype=torch.float64)
    optimizer.step()
    assert w.grad is given
    assert torch.equal(given, torch.ones(6, dtype=torch.float64))


def test_coupled_decay_pulls_inwards_when_the_optimiser_maximises() -> None:
    for decay in (0.3, torch.tensor(0.3, dtype=torch.float64)):
        w = weight()
        start = w.detach().clone()
        optimizer = with_decay(torch.optim.SGD([w], lr=0.1, maximize=True), form="coupled", decay=decay)
        step(optimizer)
        torch.testing.assert_close(w.detach(), start * 0.97, rtol=1e-14, atol=0)


def test_after_a_step_that_failed_the_next_one_is_right() -> None:
    w = weight()
    optimizer = with_decay(torch.optim.SGD([w], lr=0.5), form="decoupled", decay=0.2)

    def broken() -> Any:
        w.grad = torch.zeros_like(w)
        raise RuntimeError("no batch")

    with pytest.raises(RuntimeError, match="no batch"):
        optimizer.step(broken)
    start = w.detach().clone()
    step(optimizer)
    torch.testing.assert_close(w.detach(), start * 0.9, rtol=1e-14, atol=0)
    assert optimizer.param_groups[0]["weight_decay"] == 0.2


# --- saving and loading ---------------------------------------------------------------------------------------------


def saved(state: Any) -> Any:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("l1_ratio", [0.0, 0.1])
def test_a_run_continued_from_its_state_is_the_same_bit_for_bit(
    form: str, moving: bool, dtype: Any, l1_ratio: float
) -> None:
    def build(values: list[Any]) -> tuple[list[Any], Any]:
        ws = [torch.nn.Parameter(value.clone()) for value in values]
        optimizer = torch.optim.Adam(ws, lr=0.05, eps=1e-4)
        decay = torch.tensor(0.02) if moving else 0.02
        options = {"peak_lr": 0.05, "normalised": True, "l1_ratio": l1_ratio, "centre": "initial"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # coupled in bfloat16
            return ws, with_decay(optimizer, form=form, decay=decay, schedule=lambda t: 0.9**t, **options)

    ws, optimizer = build([torch.randn(5).to(dtype), torch.randn(3, 2).to(dtype)])
    for _ in range(7):
        step(optimizer, zero=False)
    optimizer.decay.set(0.07)
    state = saved(optimizer.state_dict())
    others, resumed = build([w.detach() for w in ws])
    handle = resumed.param_groups[0]["weight_decay"]
    resumed.load_state_dict(state)
    assert not moving or resumed.param_groups[0]["weight_decay"] is handle
    for _ in range(7):
        step(optimizer, zero=False)
        step(resumed, zero=False)
    assert all(torch.equal(w, other) for w, other in zip(ws, others, strict=True))
    assert resumed.decay.steps_done == 14


def test_a_state_of_the_bare_optimiser_keeps_the_decay_of_this_one() -> None:
    w = weight()
    bare = torch.optim.Adam([w], lr=0.1)
    step(bare)
    optimizer = with_decay(torch.optim.Adam([w], lr=0.1), form="decoupled", decay=0.2)
    optimizer.load_state_dict(saved(bare.state_dict()))
    start = w.detach().clone()
    step(optimizer)
    torch.testing.assert_close(w.detach(), start * 0.98, rtol=1e-14, atol=0)


def test_a_state_of_another_form_is_refused() -> None:
    state = with_decay(torch.optim.SGD([weight()], lr=0.1), form="cautious", decay=0.2).state_dict()
    other = with_decay(torch.optim.SGD([weight()], lr=0.1), form="decoupled", decay=0.2)
    with pytest.raises(ValueError, match="saved with form='cautious', this optimiser has form='decoupled'"):
        other.load_state_dict(state)


# --- kinds of weights and gradients ---------------------------------------------------------------------------------


def test_a_sparse_gradient_decays_every_row_beside_the_step_and_is_refused_inside_it() -> None:
    w = weight(5, 3)
    start = w.detach().clone()
    optimizer = with_decay(torch.optim.SGD([w], lr=0.5), form="decoupled", decay=0.2)
    w.grad = torch.sparse_coo_tensor(
        torch.tensor([[0, 2]]), torch.ones(2, 3, dtype=torch.float64), (5, 3), check_invariants=True
    )
    optimizer.step()
    expected = start * 0.9
    expected[[0, 2]] -= 0.5
    torch.testing.assert_close(w.detach(), expected)
    sparse = with_decay(torch.optim.SparseAdam([w], lr=0.5), form="cautious", decay=0.2)
    before = w.detach().clone()
    sparse.step()
    torch.testing.assert_close(w.detach()[1], before[1] * 0.9)
    coupled = with_decay(torch.optim.SGD([w], lr=0.5), form="coupled", decay=0.2)
    with pytest.raises(ValueError, match="would make the sparse gradient in param group 0 dense"):
        coupled.step()


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("l1_ratio", [0.0, 0.5])
def test_complex_weights_are_pairs_of_real_ones(form: str, l1_ratio: float) -> None:
    start, centre = torch.randn(2, 8, dtype=torch.complex128)
    ends = []
    for pairs in (True, False):
        view: Callable[[Any], Any] = torch.view_as_real if pairs else (lambda z: z)
        w = torch.nn.Parameter(view(start.clone()))
        optimizer = torch.optim.Adam([w], lr=0.05)
        centres = {w: view(centre)}
        with_decay(optimizer, form=form, decay=0.3, peak_lr=0.05, normalised=True, l1_ratio=l1_ratio, centre=centres)
        for t in range(10):
            w.grad = view(torch.polar(torch.ones(8, dtype=torch.float64), torch.arange(8.0, dtype=torch.float64) + t))
            optimizer.step()
        ends.append(w.detach())
    torch.testing.assert_close(ends[0], torch.view_as_real(ends[1]), rtol=1e-12, atol=1e-14)


def test_weights_of_several_kinds_in_one_group() -> None:
    kinds = [torch.float32, torch.float64, torch.bfloat16, torch.float32]
    ws = [torch.nn.Parameter((torch.rand(4, 3) + 1).to(kind)) for kind in kinds]
    ws.append(torch.nn.Parameter(torch.rand(2, 3, 4, 4).contiguous(memory_format=torch.channels_last) + 1))
    starts = [w.detach().clone() for w in ws]
    optimizer = torch.optim.SGD(ws, lr=0.5, foreach=False)
    with_decay(optimizer, form="cautious", decay=0.2, centre=[None, "x" and torch.ones(4, 3), None, None, None])
    step(optimizer)
    torch.testing.assert_close(ws[0].detach(), starts[0] * 0.9)
    torch.testing.assert_close(ws[1].detach(), 1 + (starts[1] - 1) * 0.9)
    torch.testing.assert_close(ws[2].detach(), (starts[2].float() * 0.9).bfloat16())
    torch.testing.assert_close(ws[4].detach(), starts[4] * 0.9)


def test_16_bit_weights_with_a_coupled_decay_are_warned_of() -> None:
    with pytest.warns(UserWarning, match="weights in bfloat16 and form='coupled' moves them by 0.0001"):
        with_decay(torch.optim.SGD([weight(dtype=torch.bfloat16)], lr=0.1), form="coupled", decay=1e-3)


# --- centres --------------------------------------------------------------------------------------------------------


def test_centres_by_name_leave_a_new_head_at_zero() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 1))
    pretrained = {"0.weight": torch.ones(2, 3), "0.bias": torch.ones(2), "running_mean": torch.zeros(9)}
    optimizer = torch.optim.SGD(model.named_parameters(), lr=0.5)
    with_decay(optimizer, form="decoupled", decay=1.0, centre=pretrained)
    body, head = model[0].weight.detach().clone(), model[1].weight.detach().clone()
    step(optimizer)
    torch.testing.assert_close(model[0].weight.detach(), 0.5 * body + 0.5)
    torch.testing.assert_close(model[1].weight.detach(), 0.5 * head)


@pytest.mark.parametrize(
    ("centre", "says"),
    [
        ({"w": "wrong shape"}, "has shape"),
        ([None, None], "has 2 entries, but the optimiser has 1 parameters"),
        ("pretrained", "must be 0, 'initial', or tensors"),
        (1.0, "a centre that is a number must be 0"),
        ({"other": torch.zeros(6)}, "none of the centre's names"),
        ({torch.zeros(6): torch.zeros(6)}, "no parameters of this optimiser"),
        ([torch.full((6,), math.nan)], "centre must be finite"),
    ],
)
def test_a_centre_that_does_not_fit_is_refused(centre: Any, says: str) -> None:
    if centre == {"w": "wrong shape"}:
        centre = {"w": torch.zeros(2, 2)}
    optimizer = torch.optim.SGD([("w", weight())], lr=0.1)
    with pytest.raises(ValueError, match=says):
        with_decay(optimizer, form="decoupled", decay=0.1, centre=centre)
    assert optimizer.param_groups[0]["weight_decay"] == 0


def test_centres_by_name_need_an_optimiser_with_names() -> None:
    with pytest.raises(ValueError, match="named_parameters"):
        with_decay(torch.optim.SGD([weight()], lr=0.1), form="decoupled", decay=0.1, centre={"w": torch.zeros(6)})


# --- refusals -------------------------------------------------------------------------------------------------------


def test_penalty_is_told_how_to_enter_the_loss() -> None:
    with pytest.raises(ValueError, match=r"add decay \* sum\(Penalty\(\)\.value"):
        with_decay(torch.optim.SGD([weight()], lr=0.1), form="penalty", decay=0.1)


def test_a_second_decay_is_refused_and_the_first_can_be_taken_off() -> None:
    w = weight()
    optimizer = with_decay(torch.optim.Adam([w], lr=0.1), form="cautious", decay=0.1)
    with pytest.raises(ValueError, match="decays already, with form='cautious'"):
        with_decay(optimizer, form="decoupled", decay=0.1)
    assert without_decay(optimizer) is optimizer
    start = w.detach().clone()
    step(optimizer)
    assert torch.equal(w.detach(), start)
    assert "weightdecay" not in optimizer.state_dict()
    step(with_decay(optimizer, form="decoupled", decay=0.1))
    torch.testing.assert_close(w.detach(), start * 0.99)
    with pytest.raises(ValueError, match="no decay"):
        without_decay(torch.optim.Adam([w]))


def sgd(**options: Any) -> Any:
    return torch.optim.SGD([weight()], **{"lr": 0.1, **options})


@pytest.mark.parametrize(
    ("optimizer", "options", "says"),
    [
        (lambda: torch.optim.AdamW([weight()]), {"decay": 0.1}, "has weight_decay=0.01 already, but decay=0.1"),
        (lambda: torch.optim.LBFGS([weight()]), {"decay": 0.1}, "LBFGS takes many steps in one"),
        (lambda: sgd(differentiable=True), {"decay": 0.1}, "differentiable=True"),
        (sgd, {}, "no group of this optimiser has a weight_decay of its own: pass decay="),
        (sgd, {"decay": -0.1}, "finite and at least 0, got -0.1"),
        (sgd, {"decay": math.nan}, "finite and at least 0, got nan"),
        (sgd, {"decay": torch.ones(2)}, "no dimensions|Boolean|scalar"),
        (sgd, {"decay": 11.0}, "takes 1.1 times w away in a step of param group 0"),
        (sgd, {"decay": 1.5, "form": "independent"}, "here λ itself is the share"),
        (sgd, {"decay": 0.1, "rounding": "up"}, "rounding must be"),
        (sgd, {"decay": 0.1, "schedule": 0.5}, "schedule must be a function"),
        (sgd, {"decay": 0.1, "l1_ratio": 2.0}, "l1_ratio must be a number from 0"),
        (sgd, {"decay": 0.1, "form": "corrected"}, "pass normalised="),
        (sgd, {"decay": 0.1, "form": "adamw"}, "form must be one of"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_changed(optimizer: Any, options: Any, says: str) -> None:
    bare = optimizer()
    before = [dict(group) for group in bare.param_groups]
    with pytest.raises(ValueError, match=says):
        with_decay(bare, **{"form": "decoupled", **options})
    assert [{**group, "params": 0} for group in bare.param_groups] == [{**group, "params": 0} for group in before]
    assert "decay" not in vars(bare)


def test_an_independent_decay_without_a_peak_says_so_in_its_first_step() -> None:
    optimizer = with_decay(sgd(), form="independent", decay=0.1)
    with pytest.raises(ValueError, match="neither 'max_lr' nor 'initial_lr'"):
        step(optimizer)


def test_a_form_of_your_own_combines_rate_and_mask() -> None:
    w = weight()
    start = w.detach().clone()
    form = Form("cautious and independent", "weights", "share", "agreeing")
    optimizer = with_decay(torch.optim.SGD([w], lr=0.1), form=form, decay=0.25, peak_lr=0.2)
    step(optimizer)
    torch.testing.assert_close(w.detach(), start * 0.875)


# --- optimisers of others -------------------------------------------------------------------------------------------

THIRD_PARTY: dict[str, Callable[[Any], Any]] = {
    "lion_pytorch": lambda p: pytest.importorskip("lion_pytorch").Lion(p, lr=1e-2),
    "prodigyopt": lambda p: pytest.importorskip("prodigyopt").Prodigy(p, lr=1.0),
    "adabelief": lambda p: pytest.importorskip("pytorch_optimizer").AdaBelief(p, lr=1e-2),
    "adan": lambda p: pytest.importorskip("pytorch_optimizer").Adan(p, lr=1e-2),
}


@pytest.mark.parametrize("name", THIRD_PARTY)
@pytest.mark.parametrize("form", ["decoupled", "cautious", "coupled"])
def test_optimisers_of_others_equal_a_plain_loop_around_them(name: str, form: str) -> None:
    start = torch.randn(12)

    def gradient(w: Any, t: int) -> Any:
        return w.detach() - 1 + 0.3 * math.cos(t)

    w, plain = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizer, bare = THIRD_PARTY[name]([w]), THIRD_PARTY[name]([plain])
    with_decay(optimizer, form=form, decay=0.2)
    for t in range(25):
        w.grad, plain.grad = gradient(w, t), gradient(plain, t)
        optimizer.step()
        eta = bare.param_groups[0]["lr"] * bare.param_groups[0].get("d", 1.0)
        before = plain.detach().clone()
        if form == "coupled":
            plain.grad = plain.grad + 0.2 * before
        if form == "decoupled":
            plain.data.mul_(1 - eta * 0.2)  # before the update: Prodigy's estimate d sees the decayed weight
        bare.step()
        if form == "cautious":
            plain.data.sub_(eta * 0.2 * before * ((before - plain.detach()) * before >= 0))
    torch.testing.assert_close(w.detach(), plain.detach(), rtol=1e-5, atol=1e-6)


def test_an_optimiser_with_weights_of_its_own_is_refused() -> None:
    others = pytest.importorskip("pytorch_optimizer")
    with pytest.raises(ValueError, match="a copy of the weights that only it knows"):
        with_decay(others.ScheduleFreeAdamW([weight()]), form="decoupled", decay=0.1)


@pytest.mark.parametrize("name", ["Muon", "Adafactor", "NAdam", "RAdam", "Adam", "AdamW"])
def test_what_decouples_natively_equals_a_plain_loop_around_it(name: str) -> None:
    if not hasattr(torch.optim, name):
        pytest.skip(f"this torch has no {name}")
    kind = getattr(torch.optim, name)
    start = torch.randn(6, 4, dtype=torch.float64)
    w, plain = torch.nn.Parameter(start.clone()), torch.nn.Parameter(start.clone())
    optimizer = with_decay(kind([w], lr=0.02, weight_decay=0.0), form="decoupled", decay=0.2)
    bare = kind([plain], lr=0.02, weight_decay=0.0)
    # Adam has the flag since torch 2.7; before, a pass of ours decays.
    assert optimizer.decay.native == (name != "Adam" or "decoupled_weight_decay" in bare.param_groups[0],)
    for t in range(20):
        w.grad, plain.grad = torch.sin(w.detach() + t), torch.sin(plain.detach() + t)
        before = plain.detach().clone()
        optimizer.step()
        bare.step()
        plain.data.sub_(0.02 * 0.2 * before)
    torch.testing.assert_close(w.detach(), plain.detach(), rtol=1e-10, atol=1e-12)
