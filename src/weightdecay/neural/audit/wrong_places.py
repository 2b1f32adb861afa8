"""Findings about who is decayed: roles against the policy, groups, missing and doubled parameters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from weightdecay.neural.audit.cuts import local
from weightdecay.neural.audit.guard import Optimizers
from weightdecay.neural.audit.naming import named, role, tensors
from weightdecay.neural.audit.rows import Case
from weightdecay.records.brief import brief
from weightdecay.records.finding import Finding, Severity
from weightdecay.records.param_table import plain

MOST = 0.8  # of the exempt and of the decayed, that must be the wrong way round for groups to be swapped
SPARED = ("bias", "norm gain", "scalar")
GROUPS = "build the optimiser from wd.param_groups(model, decay), which sorts parameters by role"


def wrong_places(optimizers: Optimizers, cases: Sequence[Case], policy: str) -> Iterator[Finding]:
    """All findings about who is decayed."""
    decided = [one for one in cases if one.measured and one.member.places and one.member.parameter.requires_grad]
    yield from _against_policy(decided, policy)
    yield from _empty_groups(optimizers, cases)
    yield from _missing(cases)
    yield from _twice(cases)
    yield from _without_gradient(cases)
    yield from _tied(cases)


def _against_policy(cases: Sequence[Case], policy: str) -> Iterator[Finding]:
    """Decayed that should not be, exempt that should be decayed, or both."""
    due = [one for one in cases if one.member.wanted == "decayed"]
    free = [one for one in cases if one.member.wanted == "exempt"]
    spared = [one for one in due if not one.decayed and not (one.promise is not None and one.promise.decays)]
    hit = [one for one in free if one.decayed]
    if not any(one.decayed for one in cases):
        return  # nobody is, on purpose
    firm = [one for one in free if one.member.role != "embedding"] or free
    wrong = [one for one in hit if one in firm]
    if due and firm and len(spared) >= MOST * len(due) and len(wrong) >= MOST * len(firm):
        yield Finding(
            "WD043",
            "error",
            f"the groups are swapped: {named(wrong, role)} {'is' if len(wrong) == 1 else 'are'} decayed, "
            f"{named(spared, role)} {'is' if len(spared) == 1 else 'are'} exempt",
            "exchange the weight_decay of the groups",
        )
        return
    embeddings = [one for one in hit if one.member.role == "embedding"]
    for certain in (True, False):
        others = [one for one in hit if one not in embeddings and one.member.firm is certain]
        if others:
            yield Finding(
                "WD040",
                "warning" if certain else "info",
                f"{tensors(others, 'is')} decayed against the policy {policy!r}: {named(others, role)}",
                f"put them into a group with weight_decay=0, or {GROUPS}",
            )
        left = [one for one in spared if one.member.firm is certain]
        if left:
            yield Finding(
                "WD042",
                "warning" if certain else "info",
                f"{tensors(left, 'is')} exempt against the policy {policy!r}: {named(left, role)}",
                f"put them into a group with decay, or {GROUPS}",
            )
    yield from _without_length(cases)
    if embeddings:
        severity: Severity = "info" if policy == "auto" else "warning"
        yield Finding(
            "WD041",
            severity,
            f"{tensors(embeddings, 'is')} decayed and looked up by index: {named(embeddings, role)}",
            "rows that are rarely looked up shrink without a gradient to hold them; exempt embeddings with "
            "wd.param_groups unless you want that",
        )


def _without_length(cases: Sequence[Case]) -> Iterator[Finding]:
    """Directions that are decayed while the lengths that belong to them are not."""
    decayed = {one.member.name for one in cases if one.decayed}
    vain = [
        one
        for one in cases
        if one.member.idle
        and one.decayed
        and one.member.wanted == "decayed"
        and one.member.name.removesuffix("original1") + "original0" not in decayed
    ]
    if vain:
        yield Finding(
            "WD042",
            "warning",
            f"{tensors(vain, 'is')} decayed, but their length has no effect, and what sets it is exempt: {named(vain)}",
            "decay the lengths of weight_norm (original0) in the place of its directions (original1)",
        )


def _empty_groups(optimizers: Optimizers, cases: Sequence[Case]) -> Iterator[Finding]:
    """Groups without parameters; one for the exempt is no harm where a model has none, as under LoRA."""
    spare = any(one.member.parameter.requires_grad and one.member.role in SPARED for one in cases)
    found: dict[Severity, list[str]] = {"warning": [], "info": []}
    for optimizer in optimizers:
        for position, group in enumerate(optimizer.param_groups):
            if not group["params"]:
                name = f" ({plain(str(group['name']))})" if "name" in group else ""
                harmless = not group.get("weight_decay", 0.0) and not spare
                found["info" if harmless else "warning"].append(f"group {position}{name} of {type(optimizer).__name__}")
    for severity, words in found.items():
        if words:
            yield Finding(
                "WD044",
                severity,
                f"{', '.join(words)} {'has' if len(words) == 1 else 'have'} no parameters",
                "look at the rule that sorts parameters into groups: it matches nothing",
            )


def _missing(cases: Sequence[Case]) -> Iterator[Finding]:
    """Parameters of the model that no optimiser has."""
    lacking = [one for one in cases if one.member.known and not one.member.places]
    for trained in (True, False):
        these = [one for one in lacking if one.member.parameter.requires_grad is trained]
        if these and trained:
            yield Finding(
                "WD048",
                "error",
                f"{tensors(these, 'is')} trainable but in no group of the optimiser: {named(these)}",
                "give them to the optimiser, or set requires_grad=False; if the model was moved or wrapped after the "
                "optimiser was built, build it again",
            )
        elif these:
            yield Finding(
                "WD048",
                "info",
                f"{tensors(these, 'is')} frozen and in no group of the optimiser: {named(these)}",
                "nothing needs to be done if they are to stay as they are",
            )


def _twice(cases: Sequence[Case]) -> Iterator[Finding]:
    double = [one for one in cases if len(one.member.places) > 1]
    if double:
        yield Finding(
            "WD049",
            "error",
            f"{tensors(double, 'is')} in the optimiser more than once, and every time updated and decayed: "
            f"{named(double, lambda one: f'{len(one.member.places)} times')}",
            "keep each parameter in one group of one optimiser",
        )
    doubled = [one for one in cases if one not in double and one.acts and _is_doubled(one)]
    if doubled:
        yield Finding(
            "WD049",
            "error",
            f"{tensors(doubled, 'is')} decayed twice in a step: {named(doubled, _double)}",
            "take one of the two decays out of the optimiser",
        )


def _is_doubled(case: Case) -> bool:
    if case.reading is None or case.promise is None:
        return False
    if case.reading.doubled:
        return True
    direct = case.promise.steady if case.reading.form == "coupled (through momentum)" else case.promise.direct
    return direct > 0 and case.reading.power > 0.5 and abs(case.reading.shrink / direct - 2) < 0.05


def _double(case: Case) -> str:
    assert case.reading is not None and case.promise is not None
    if case.reading.doubled:
        return "once beside the update and once inside the gradient"
    return f"by {brief(case.reading.shrink)} of itself, configured {brief(case.promise.direct)}"


def _without_gradient(cases: Sequence[Case]) -> Iterator[Finding]:
    """Decay on what has no gradient: by the optimiser's way, on frozen ones with an old gradient, on unused ones."""
    bare = [one for one in cases if one.reading is not None and one.reading.bare]
    old = [
        one
        for one in cases
        if one not in bare
        and one.acts
        and not one.member.parameter.requires_grad
        and one.member.parameter.grad is not None
    ]
    idle = [
        one
        for one in cases
        if one not in bare and one.acts and "unused" in one.member.marks and _is_zero(one.member.parameter.grad)
    ]
    advice = "set their gradients to None, or leave them out of the optimiser"
    for these, what in (
        (bare, "decayed although the gradient is None"),
        (old, "frozen, but still decayed: an old gradient is left"),
        (idle, "not used by the model, but decayed: a gradient of zeros is left"),
    ):
        if these:
            remedy = "let the optimiser skip parameters without gradient" if these is bare else advice
            yield Finding("WD052", "warning", f"{tensors(these, 'is')} {what}: {named(these)}", remedy)


def _is_zero(gradient: torch.Tensor | None) -> bool:
    return gradient is not None and not bool(local(gradient).any())


def _tied(cases: Sequence[Case]) -> Iterator[Finding]:
    """Shared weights that are decayed once for each name."""
    often = [one for one in cases if "tied" in one.member.marks and len(one.member.places) > 1 and one.decayed]
    shared: dict[tuple[object, ...], list[Case]] = {}
    for one in cases:
        here = local(one.member.parameter)
        if one.acts and here.numel() and here.device.type != "meta" and here.layout == torch.strided:
            key = (here.device, here.untyped_storage().data_ptr(), here.storage_offset(), here.numel())
            shared.setdefault(key, []).append(one)
    often += [one for same in shared.values() if len(same) > 1 for one in same]
    usual = [one.penalty for one in cases if one.penalty and "tied" not in one.member.marks]
    if usual:
        middle = sorted(usual)[len(usual) // 2]
        often += [
            one
            for one in cases
            if one.penalty and "tied" in one.member.marks and one not in often and one.penalty > 1.5 * middle
        ]
    if often:
        yield Finding(
            "WD053",
            "error",
            f"{tensors(often, 'is')} tied and decayed once for each name: {named(often)}",
            "let the optimiser and the penalty see shared weights once: iterate over model.parameters(), which does so",
        )
