"""Every planted fault really has the effect that it claims, and every stock recipe decays as its settings say."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

import weightdecay as wd
from neural.audit.planted import FAULTS, STOCK
from neural.audit.planted_probe import names, promised, shrink, stepped
from neural.audit.planted_records import Fault, Recipe

Claim = Callable[[Fault], None]


def at_rate(factor: float, steps: int = 1) -> Claim:
    """What is named shrinks, but at this multiple of lr · weight_decay."""

    def claim(fault: Fault) -> None:
        measured, set_up = shrink(fault.make, steps=steps), promised(fault.make)
        for name in fault.parameters:
            assert measured[name] / steps == pytest.approx(factor * set_up[name], rel=0.05), name

    return claim


def power(exponent: int) -> Claim:
    """The shrink of decayed tensors grows as this power of the groups' lr."""

    def claim(fault: Fault) -> None:
        once, twice = shrink(fault.make), shrink(fault.make, lr=2.0)
        decayed = [name for name, rate in promised(fault.make).items() if rate > 0]
        assert decayed
        for name in decayed:
            assert once[name] > 0
            assert twice[name] / once[name] == pytest.approx(2.0**exponent, rel=0.01), name

    return claim


def deaf_to_decay(fault: Fault) -> None:
    once, twice, set_up = shrink(fault.make), shrink(fault.make, decay=2.0), promised(fault.make)
    assert any(rate > 0 for rate in set_up.values())
    for name, rate in set_up.items():
        assert once[name] == pytest.approx(rate, rel=0.01, abs=1e-9)
        assert twice[name] == once[name]


def vectors_decay(fault: Fault) -> None:
    """The step does shrink what is named, vectors that the author means to be exempt."""
    model, *_ = fault.make()
    measured = shrink(fault.make)
    for name in fault.parameters:
        assert measured[name] > 0
    assert any(model.get_parameter(name).ndim < 2 for name in fault.parameters)


def shrinks(fault: Fault) -> None:
    measured = shrink(fault.make)
    assert all(measured[name] > 0 for name in fault.parameters)


def stays(fault: Fault) -> None:
    """What is named does not shrink, or grows, though others, or its own settings, say it should."""
    measured, set_up = shrink(fault.make), promised(fault.make)
    largest = max(set_up.values())
    assert largest > 1e-9
    for name in fault.parameters:
        assert measured[name] < 1e-3 * largest, name


def stays_although_told(fault: Fault) -> None:
    stays(fault)
    assert all(promised(fault.make)[name] > 0 for name in fault.parameters)


def swapped(fault: Fault) -> None:
    model, *_ = fault.make()
    for name, rate in shrink(fault.make).items():
        assert (rate > 1e-6) == (model.get_parameter(name).ndim < 2), name


def missing(fault: Fault) -> None:
    model, optimizer, _ = fault.make()
    held = {id(p) for group in optimizer.param_groups for p in group["params"]}
    for name in fault.parameters:
        assert id(model.get_parameter(name)) not in held
        assert model.get_parameter(name).requires_grad


def twice_in_groups(fault: Fault) -> None:
    model, optimizer, _ = fault.make()
    held = [id(p) for group in optimizer.param_groups for p in group["params"]]
    assert all(held.count(id(model.get_parameter(name))) == 2 for name in fault.parameters)
    measured, set_up = shrink(fault.make), promised(fault.make)
    assert all(measured[name] > 1.9 * min(rate for rate in set_up.values() if rate) for name in fault.parameters)


def lost_to_rounding(fault: Fault) -> None:
    """No bit changes; the same step in float64 shrinks as told."""
    measured, exact, set_up = shrink(fault.make), shrink(fault.make, double=True), promised(fault.make)
    for name in fault.parameters:
        assert measured[name] == 0
        assert exact[name] == pytest.approx(set_up[name], rel=1e-6)


def preconditioned(fault: Fault) -> None:
    """One step on λw alone moves every weight about equally far: large weights do not shrink more."""
    model, before = stepped(fault.make)
    decayed = [name for name, rate in promised(fault.make).items() if rate > 0]
    for name in decayed:
        moved = (before[name] - model.get_parameter(name).detach().double()) * before[name].sign()
        large, small = before[name].abs() > before[name].abs().median(), before[name].abs() > 1e-3
        assert moved[large].mean() == pytest.approx(float(moved[small & ~large].mean()), rel=0.05)


def without_gradient(fault: Fault) -> None:
    measured = shrink(fault.make, gradient=None)
    assert all(measured[name] > 1e-3 for name in fault.parameters)


def an_empty_group(fault: Fault) -> None:
    _, optimizer, _ = fault.make()
    assert [len(group["params"]) for group in optimizer.param_groups].count(0) == 1


def clipped(fault: Fault) -> None:
    model, before = stepped(fault.make)
    (name,) = fault.parameters
    assert float((before[name] - model.get_parameter(name).detach()).abs().max()) == pytest.approx(1e-4, rel=1e-3)
    assert shrink(fault.make)[name] < 0.5 * promised(fault.make)[name]


def clipped_with_update(fault: Fault) -> None:
    """Sound at zero gradient; with gradients about half of the weights do not notice the decay."""
    (name,) = fault.parameters
    assert shrink(fault.make)[name] == pytest.approx(promised(fault.make)[name], rel=1e-3)
    (decayed, _), (plain, _) = (stepped(fault.make, decay=one, gradient="random") for one in (1.0, 0.0))
    unmoved = (decayed.get_parameter(name) == plain.get_parameter(name)).double().mean()
    assert 0.4 < float(unmoved) < 0.6


def by_size(fault: Fault) -> None:
    model, *_ = fault.make()
    measured, set_up = shrink(fault.make), promised(fault.make)
    for name in fault.parameters:
        assert measured[name] == pytest.approx(set_up[name] / model.get_parameter(name).numel(), rel=0.05)


def by_sign(fault: Fault) -> None:
    model, before = stepped(fault.make)
    for name in fault.parameters:
        moved = (before[name] - model.get_parameter(name).detach().double()).abs()
        assert float(moved.min()) == pytest.approx(float(moved.max()), rel=1e-3)


def effective_weight_stays(fault: Fault) -> None:
    after, _ = stepped(fault.make)
    before, *_ = fault.make()
    assert max(shrink(fault.make).values()) == pytest.approx(5e-5, rel=0.01)
    torch.testing.assert_close(after[1].weight, before[1].weight, rtol=1e-5, atol=1e-7)


def penalised(times: int) -> Claim:
    """Gradient of the loss with all outputs' gradient cut off: the penalty alone, this often on tied tensors."""

    def claim(fault: Fault) -> None:
        model, optimizer, loss = fault.make()
        assert loss is not None
        handle = model.register_forward_hook(lambda module, inputs, output: output.detach())
        loss(model).backward()
        handle.remove()
        ratios = {
            name: float((p.grad / p.detach()).median()) for name, p in model.named_parameters() if p.grad is not None
        }
        assert ratios
        least = min(ratios.values())
        assert least == pytest.approx(0.01, rel=1e-3)
        for name in fault.parameters:
            assert ratios[name] == pytest.approx(times * least, rel=1e-3)
        decays = {group["weight_decay"] for group in optimizer.param_groups}
        assert (max(decays) > 0) == ("WD046" in fault.code)

    return claim


TRUTH: dict[str, Claim | tuple[Claim, ...]] = {
    "norms_by_another_name": vectors_decay,
    "shortcut_norm_missed": vectors_decay,
    "one_group_for_all": vectors_decay,
    "groups_swapped": swapped,
    "groups_swapped_by_checkpoint": swapped,
    "empty_group": an_empty_group,
    "misspelt_key": vectors_decay,
    "convolutions_exempt": stays,
    "sweep_sets_the_first_group": stays,
    "no_weight_decay_not_called": shrinks,
    "embedding_decayed": shrinks,
    "adam_with_l2": preconditioned,
    "nadam_without_its_flag": preconditioned,
    "flag_lost_with_checkpoint": preconditioned,
    "groups_lost_by_rebuilding": vectors_decay,
    "penalty_and_adamw": penalised(1),
    "tied_penalised_twice": penalised(2),
    "tied_twice_in_a_group": twice_in_groups,
    "head_in_two_groups": twice_in_groups,
    "lost_in_bfloat16": lost_to_rounding,
    "lost_in_float16": lost_to_rounding,
    "lost_in_float32": lost_to_rounding,
    "turned_to_bfloat16_in_the_middle": lost_to_rounding,
    "head_added_later": missing,
    "unfrozen_later": missing,
    "head_made_anew": missing,
    "optimizer_of_another_copy": missing,
    "hook_decays_again": at_rate(2),
    "length_exempt_under_weight_norm": effective_weight_stays,
    "decay_never_used": stays_although_told,
    "subclass_decays_again": at_rate(2),
    "squared_rate": power(2),
    "decay_without_rate": power(0),
    "adamw_in_name_only": preconditioned,
    "wrong_sign": (at_rate(-1), stays_although_told),
    "clipped_decay": clipped,
    "clipped_with_the_update": clipped_with_update,
    "divided_by_size": by_size,
    "times_replicas": at_rate(8),
    "divided_by_batch": at_rate(1 / 32),
    "divided_by_loss_scale": at_rate(2.0**-8),
    "skipped_above_two_dimensions": stays_although_told,
    "sign_of_the_weights": by_sign,
    "divided_by_momentum": at_rate(10),
    "times_adjusted_rate": at_rate(0.2 * 12**0.5),
    "layer_scale_twice": at_rate(1 / 16),
    "decay_frozen_at_construction": deaf_to_decay,
    "rate_frozen_for_the_decay": power(0),
    "constants_of_a_captured_step": (deaf_to_decay, power(0)),
    "replay_on_captured_tensors": (deaf_to_decay, power(0)),
    "inner_optimisers_with_own_groups": (deaf_to_decay, power(0)),
    "idle_expert_decays": without_gradient,
    "zeros_for_missing_gradients": without_gradient,
    "frozen_base_drifts": without_gradient,
    "tied_decayed_twice": at_rate(2),
    "head_in_an_extra_list": at_rate(2),
    "every_tenth_step": at_rate(0.1, steps=20),
    "first_group_only": stays_although_told,
    "default_for_all_groups": vectors_decay,
    "last_group_for_all": stays_although_told,
    "inverted_mask": swapped,
    "towards_initial": stays_although_told,
    "momentum_decayed": stays_although_told,
    "master_weights_overwrite": stays_although_told,
    "both_halves_decay": at_rate(2),
    "norm_restored": stays_although_told,
    "slow_weights_without_decay": stays_although_told,
    "hidden_warm_up": at_rate(0.0095, steps=20),
    "only_with_a_closure": stays_although_told,
}


def test_every_fault_has_its_truth_and_names_are_unique() -> None:
    assert sorted(TRUTH) == sorted(fault.name for fault in FAULTS)
    assert len({recipe.name for recipe in STOCK}) == len(STOCK)
    assert len(FAULTS) >= 24
    assert len(STOCK) >= 16


def test_half_of_the_faults_are_optimisers_written_out() -> None:
    own = [not type(fault.make()[1]).__module__.startswith("torch.") for fault in FAULTS]
    assert sum(own) >= len(own) / 2


@pytest.mark.parametrize("fault", FAULTS, ids=lambda one: one.name)
def test_the_fault_has_the_effect_that_it_claims(fault: Fault) -> None:
    claims = TRUTH[fault.name]
    for claim in claims if isinstance(claims, tuple) else (claims,):
        claim(fault)


# What one step with zero gradient takes of a decayed weight, where it is not lr · weight_decay.
FORMS = {
    "nesterov": 1.9,
    "in_the_middle_of_training": 1.9,
    "independent_by_ours": 1 / 2e-3,
    "corrected_by_ours": 0.5,
}


@pytest.mark.parametrize("recipe", STOCK, ids=lambda one: one.name)
def test_the_recipe_decays_as_its_settings_say(recipe: Recipe) -> None:
    steps = 400 if recipe.name == "bfloat16_compensated" else 1
    measured, set_up = shrink(recipe.make, steps=steps), promised(recipe.make)
    assert set_up
    for name, rate in set_up.items():
        expected = 1 - (1 - FORMS.get(recipe.name, 1.0) * rate) ** steps
        assert measured[name] == pytest.approx(expected, rel=0.03, abs=6e-8), name


@pytest.mark.parametrize("recipe", [one for one in STOCK if one.policy == "auto"], ids=lambda one: one.name)
def test_the_recipe_obeys_its_policy(recipe: Recipe) -> None:
    """Under "auto": biases and gains are exempt; whoever has decay has it on every other trained tensor."""
    model, _, _ = recipe.make()
    set_up = promised(recipe.make)
    inner = getattr(model, "_orig_mod", model)
    special = inner.no_weight_decay() if hasattr(inner, "no_weight_decay") else set()
    trained = {name: p for name, p in ((names(model)[id(p)], p) for p in model.parameters()) if p.requires_grad}
    assert sorted(trained) == sorted(set_up)
    for name, p in trained.items():
        if p.ndim < 2 or name in special:
            assert set_up[name] == 0
        elif any(set_up.values()) and not recipe.name.endswith("by_ours") and "compensated" not in recipe.name:
            assert set_up[name] > 0


def test_groups_of_ours_leave_no_matrix_out() -> None:
    model, optimizer, _ = next(one for one in STOCK if one.name == "corrected_by_ours").make()
    exempt = [
        names(model)[id(p)] for group in optimizer.param_groups if not group["weight_decay"] for p in group["params"]
    ]
    assert {name for name in exempt if model.get_parameter(name).ndim >= 2} == {"embed_tokens.weight"}
    assert wd.param_groups(model, 0.1, verbose=False)[0]["weight_decay"] == 0.1
