"""Roles: what each parameter of a model is, by module type, by what a forward pass does with it, and by measurement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import torch
from torch import nn
from torch.nn.parameter import UninitializedParameter

from weightdecay.neural.invariance import Invariance, Loss
from weightdecay.neural.roles_heads import LowRank, heads, low_rank_pairs
from weightdecay.neural.roles_measured import Measured, measure
from weightdecay.neural.roles_names import Site, sites, unwrapped
from weightdecay.neural.roles_scales import varying
from weightdecay.neural.roles_shape import by_shape, tried
from weightdecay.neural.roles_trace import Trace
from weightdecay.neural.roles_types import Told, by_type, is_recurrent
from weightdecay.records.param_table import Mark, Role

ROLES: tuple[Role, ...] = get_args(Role)
MARKS: tuple[Mark, ...] = get_args(Mark)


@dataclass(frozen=True, eq=False)
class ParameterRole:
    """What one parameter is.

    Parameters
    ----------
    name : str
        Dotted, the same before and after ``torch.compile`` and data-parallel wrapping.
    names : tuple of str
        All names that it has, those with wrappers' prefixes included: several where it is tied.
    parameter : nn.Parameter
        The parameter itself.
    role : {"matrix", "head", "embedding", "norm gain", "bias", "scalar"}
        ``head``: the last matrix on the way to the output; ``scalar``: a number, or several that multiply element by
        element (slope, temperature, layer scale).
    also : frozenset of str
        Further roles: a head tied to an embedding is both.
    marks : frozenset of {"tied", "unused", "lora"}
        Registered in several places; without gradient; factor of a product of low rank that is added to a matrix.
    why : str
        What it does, and how that is known.
    certain : bool
        False where the role is a guess that a sample would replace by a measurement.
    order : int or None
        Rank in the order of first use in a forward pass; None without a sample, or if it is not used.
    invariance : Invariance or None
        Whether its length matters; None without a sample, and for vectors.
    """

    name: str
    names: tuple[str, ...]
    parameter: nn.Parameter
    role: Role
    also: frozenset[str]
    marks: frozenset[Mark]
    why: str
    certain: bool
    order: int | None
    invariance: Invariance | None

    @property
    def words(self) -> frozenset[str]:
        """Every word that ``exempt`` can call it by."""
        return self.also | self.marks | {self.role}


def parameter_roles(model: nn.Module, *, sample: Any = None, loss: Loss | None = None) -> tuple[ParameterRole, ...]:
    """Tell what each parameter of a model is: never by its name.

    Without a sample torch's own modules tell what their tensors are, parametrisations seen through; other modules
    without submodules are called on random numbers, as a copy, to see what they do with their parameters; what then
    remains, bare parameters of larger modules and which matrix is the head, is guessed from shape and order, and said
    to be a guess. With a sample the model's forward pass is recorded operation by operation: what is multiplied as a
    matrix, looked up, added, or multiplied by data of one length whatever the input (a norm gain), and which matrix
    comes last. Gradients tell which parameters are unused and which matrices have no length
    (:func:`~weightdecay.neural.invariance.scale_invariance`). The model is left as it was.

    Parameters
    ----------
    model : nn.Module
        Wrapped or not, on any device.
    sample : Tensor, tuple or dict, optional
        Inputs: one argument, several, or keywords; two rows or more.
    loss : callable, optional
        From the model's output to a single number.

    Returns
    -------
    tuple of ParameterRole
        Every parameter once, in the order of ``model.parameters()``.

    Raises
    ------
    TypeError
        The model is not a torch module.
    ValueError
        Lazy layers have no parameters yet, a wrapper has flattened several into one, a loss is given without a sample,
        or the model cannot be called with it.

    Notes
    -----
    A bare two-dimensional parameter of a larger module is a matrix or a table of positions, and only a sample tells
    which. What multiplies element by element is a norm gain if, on the sample, the data have one root mean square
    along it: right behind a layer of normalisation a layer scale is not told from its gain.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> model = nn.Sequential(nn.Linear(4, 8), nn.LayerNorm(8), nn.Linear(8, 2))
    >>> [one.role for one in parameter_roles(model, sample=torch.randn(3, 4))]
    ['matrix', 'bias', 'norm gain', 'bias', 'head', 'bias']
    """
    inner = _checked(model, sample, loss)
    own = sites(inner)
    measured = None if sample is None else measure(inner, own, sample, loss)
    trace = None if measured is None else measured.trace
    told = [_told(site, number, trace) for number, site in enumerate(own)]
    pairs = low_rank_pairs(inner, own, trace)
    last, certain = _heads(own, told, pairs, trace)
    shared = _shared(own)
    raw = {id(site.parameter): site for site in sites(model)}
    found = []
    for number, site in enumerate(own):
        roles, one = told[number]
        if number in last and "matrix" in roles:
            why = "multiplies its input" if one.role == "embedding" else one.why
            one = Told("head", why, certain=one.certain and certain)
            roles = (roles - {"matrix"}) | {"head"}
        names = tuple(
            dict.fromkeys(name for place in raw[id(site.parameter)].places for name in (place.name, place.raw))
        )
        marks = _marks(number, site, pairs, measured)
        role = _role(site, names, one, roles, marks)
        found.append(_described(number, role, pairs, own, measured, shared.get(number, [])))
    return tuple(found)


def _role(
    site: Site, names: tuple[str, ...], told: Told, roles: frozenset[str], marks: frozenset[Mark]
) -> ParameterRole:
    """A parameter's role before what was measured is added to it."""
    role: Role = next(one for one in ROLES if one == told.role)
    return ParameterRole(
        site.name, names, site.parameter, role, roles - {role}, marks, told.why, told.certain, None, None
    )


def _described(
    number: int,
    role: ParameterRole,
    pairs: Sequence[LowRank],
    own: Sequence[Site],
    measured: Measured | None,
    sharing: Sequence[str],
) -> ParameterRole:
    """The role with all that is known besides."""
    why = [role.why]
    why += [f"as its last matrix{'' if role.certain else ' by order, a guess without sample='}"] * (role.role == "head")
    why += ["and looked up by index"] * ("embedding" in role.also)
    for pair in pairs:
        if number in (pair.first, pair.second):
            why.append(f"a factor of the product of low rank added to {own[pair.base].name}")
    invariance = None if measured is None else measured.invariances.get(number)
    if invariance is not None and invariance.beside:
        why.append("it has a length beside its bias alone: what both give is normalised")
    elif invariance is not None and invariance.invariant:
        why.append("its length has no effect: decay sets its effective learning rate")
    why += [f"shares its numbers with {one}, both are changed by an optimiser" for one in sharing]
    why += ["no gradient from this sample"] * ("unused" in role.marks)
    order = None if measured is None else measured.order.get(number)
    return replace(role, why=", ".join(why), order=order, invariance=invariance)


def _checked(model: nn.Module, sample: Any, loss: Loss | None) -> nn.Module:
    """The model inside its wrappers, if it can be asked."""
    if not isinstance(model, nn.Module):
        raise TypeError(f"model must be a torch.nn.Module, got {type(model).__name__}: give the network itself")
    if loss is not None and sample is None:
        raise ValueError("loss was given without a sample: give sample=, a batch of inputs, to compute it from")
    for name, parameter in model.named_parameters():
        if getattr(parameter, "_is_flat_param", False):
            raise ValueError(
                f"{name!r} holds several parameters flattened into one (FSDP), which no role fits: make the groups "
                "before the model is wrapped, or wrap it with use_orig_params=True"
            )
        if isinstance(parameter, UninitializedParameter):
            raise ValueError(f"{name!r} has no numbers yet: call the model once on a batch, then make the groups")
    return unwrapped(model)


def _told(site: Site, number: int, trace: Trace | None) -> tuple[frozenset[str], Told]:
    """All roles of a parameter, and the main one with its reason."""
    types = [told for told in map(by_type, site.places) if told is not None]
    kinds: frozenset[str] = frozenset() if trace is None else trace.kinds(number)
    if types:
        roles = frozenset(told.role for told in types)
        seen = frozenset({"matrix": "matrix", "lookup": "embedding"}[kind] for kind in kinds & {"matrix", "lookup"})
        if roles <= {"matrix", "embedding"} and seen:
            roles = seen
        role = "embedding" if "embedding" in roles else types[0].role if types[0].role in roles else min(roles)
        why = next((told.why for told in types if told.role == role), f"used as {role} in a forward pass")
        return roles, Told(role, why)
    told = _by_use(site, kinds)
    # Data of length 0, as after a layer that starts at 0, hide what multiplies them, and so does one that is folded
    # into the normaliser.
    if told is None or (told[1].role == "scalar" and site.parameter.numel() > 1):
        trial = tried(site.places[0])
        if trial is not None and (told is None or trial.normalises):
            probed = _by_use(
                site, trial.kinds | {"gain"} if trial.normalises and "scale" in trial.kinds else trial.kinds
            )
            if probed is not None:
                return probed[0], probed[1]._replace(why=f"{probed[1].why} (seen in a trial call)")
    if told is not None:
        return told
    guess = by_shape(site.parameter)
    return frozenset((guess.role,)), guess


def _by_use(site: Site, kinds: frozenset[str]) -> tuple[frozenset[str], Told] | None:
    """The roles that the uses of a bare parameter give it; None where they do not tell."""
    if "joined" in kinds:
        return _one("embedding", "learned data: put among the inputs")
    if kinds >= {"matrix", "lookup"}:
        return frozenset(("embedding", "matrix")), Told("embedding", "one vector for each index")
    if "matrix" in kinds:
        return _one("matrix", "multiplies its input as a matrix")
    if "lookup" in kinds:
        return _one("embedding", "one vector for each index")
    if "gain" in kinds:
        return _one("norm gain", "multiplies data of one length, whatever the input")
    if "shift" in kinds:
        if len(varying(site.parameter)) > 1:
            return _one("embedding", "is added, another vector for each position")
        return _one("bias", "is added")
    if "length" in kinds:
        return _one("scalar" if site.parameter.numel() == 1 else "norm gain", "sets the length of a matrix or its rows")
    return _one("scalar", "multiplies element by element") if "scale" in kinds else None


def _one(role: str, why: str) -> tuple[frozenset[str], Told]:
    return frozenset((role,)), Told(role, why)


def _heads(
    own: Sequence[Site],
    told: Sequence[tuple[frozenset[str], Told]],
    pairs: Sequence[LowRank],
    trace: Trace | None,
) -> tuple[frozenset[int], bool]:
    """The last matrices, and whether that was seen."""
    factors = frozenset(number for pair in pairs for number in (pair.first, pair.second))
    barred = factors | {
        number for number, site in enumerate(own) if is_recurrent(site.places[0]) or "matrix" not in told[number][0]
    }
    if trace is not None:
        return heads(trace, frozenset(barred)), True
    free = [number for number in range(len(own)) if number not in barred]
    tied = frozenset(number for number in free if "embedding" in told[number][0])
    if tied:
        return tied, True
    # A matrix registered again later is used again later.
    order = {id(site.parameter): number for number, site in enumerate(own)}
    return frozenset(max(free, key=lambda number: order[id(own[number].parameter)], default=-1) for _ in free[:1]), (
        len(free) == 1
    )


def _shared(own: Sequence[Site]) -> dict[int, list[str]]:
    """By number, names of other parameters that are views of the same numbers: tied by data rather than by object."""
    found: dict[tuple[object, ...], list[int]] = {}
    for number, site in enumerate(own):
        shard = getattr(site.parameter, "to_local", None)  # of a tensor that is spread over processes, the part here
        one = site.parameter if shard is None else shard()
        if one.device.type != "meta" and one.numel() and one.layout == torch.strided:
            where = (one.device, one.untyped_storage().data_ptr(), one.storage_offset(), one.shape, one.stride())
            found.setdefault(where, []).append(number)
    return {
        number: [own[other].name for other in same if other != number] for same in found.values() for number in same
    }


def _marks(number: int, site: Site, pairs: Sequence[LowRank], measured: Measured | None) -> frozenset[Mark]:
    marks: set[Mark] = set()
    if len(site.places) > 1:
        marks.add("tied")
    if measured is not None and number in measured.unused:
        marks.add("unused")
    if any(number in (pair.first, pair.second) for pair in pairs):
        marks.add("lora")
    return frozenset(marks)
