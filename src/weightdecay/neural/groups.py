"""Parameter groups: who is decayed, who is exempt, every trainable parameter exactly once."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from numbers import Real
from typing import Any, TypeAlias

from torch import Tensor, nn

from weightdecay.neural.invariance import Loss
from weightdecay.neural.roles import MARKS, ROLES, ParameterRole, parameter_roles
from weightdecay.records.param_table import ParamRow, ParamTable, Treatment, plain

Named: TypeAlias = str | nn.Module | Tensor
Chooser: TypeAlias = Callable[[str, nn.Parameter, str], bool]
Exempt: TypeAlias = Named | Chooser | Iterable[Named] | None

AUTO: frozenset[str] = frozenset(("bias", "norm gain", "scalar", "embedding"))


def param_groups(
    model: nn.Module,
    decay: float,
    *,
    exempt: Exempt = "auto",
    sample: Any = None,
    loss: Loss | None = None,
    verbose: bool = True,
) -> list[dict[str, Any]]:
    r"""Sort a model's parameters into a decayed and an exempt group for any torch optimiser, and print who is where.

    The optimiser then applies its form of decay with λ to the first group and with 0 to the second,

    .. math:: p_j = 1 \text{ if parameter } j \text{ is decayed}, \quad p_j = 0 \text{ if it is exempt.}

    Every trainable parameter is in exactly one group, tied ones once; frozen ones (``requires_grad=False``) in none.

    Parameters
    ----------
    model : nn.Module
        Before or after ``torch.compile`` and data-parallel wrapping: the groups are the same.
    decay : float
        λ ≥ 0, in the unit of the optimiser's ``weight_decay``.
    exempt : "auto", list, callable or None, default "auto"
        Who is exempt. "auto": biases, norm gains, scalars, embeddings unless tied to the head, and what a module's
        method ``no_weight_decay()`` names. A list: roles ("matrix", "head", "embedding", "norm gain", "bias",
        "scalar", "tied", "unused", "lora"), patterns of names as in :mod:`fnmatch` ("blocks.0.*"), modules,
        parameters, and "auto" for all of the above besides; whatever one entry names is exempt. A callable
        (name, parameter, role) → bool. None or an empty list: nobody.
    sample : Tensor, tuple or dict, optional
        A batch of inputs, from which roles are measured rather than guessed; see
        :func:`~weightdecay.neural.roles.parameter_roles`.
    loss : callable, optional
        From the model's output to a single number.
    verbose : bool, default True
        Whether the table is printed.

    Returns
    -------
    list of dict
        ``{"params": […], "weight_decay": decay, "name": "decayed"}`` and the same with 0.0 and "exempt", parameters in
        the order of registration; a group without parameters is left out.

    Raises
    ------
    TypeError
        The model is no module, or an entry of ``exempt`` is nothing that can name parameters.
    ValueError
        The decay is negative or not finite, nothing is trainable, an entry of ``exempt`` names no parameter, or the
        model cannot be called with the sample.

    Notes
    -----
    Loshchilov & Hutter (2019), arXiv:1711.05101, define the decay; that biases and gains are left out is common
    practice since He et al. (2019), arXiv:1812.01187, section 3.1.

    Examples
    --------
    >>> from torch import nn
    >>> groups = param_groups(nn.Linear(4, 1), 0.1)
    weight decay 0.1
    decayed: 1 tensor, 4 elements
      head  weight  4  multiplies the input (Linear), as its last matrix
    exempt: 1 tensor, 1 element
      bias  bias    1  is added (Linear)
    >>> [(group["name"], group["weight_decay"]) for group in groups]
    [('decayed', 0.1), ('exempt', 0.0)]
    """
    value = _decay(decay)
    roles = parameter_roles(model, sample=sample, loss=loss)
    trained = [one for one in roles if one.parameter.requires_grad]
    if not trained:
        raise ValueError(
            f"the model has no trainable parameter ({len(roles)} frozen): set requires_grad=True on those to train"
        )
    reasons = _exempted(model, roles, exempt)
    if verbose:
        print(_table(value, roles, reasons))
    groups: list[dict[str, Any]] = []
    for name, strength in (("decayed", value), ("exempt", 0.0)):
        own = [one.parameter for one in trained if (id(one.parameter) in reasons) == (name == "exempt")]
        if own:
            groups.append({"params": own, "weight_decay": strength, "name": name})
    return groups


def param_table(
    model: nn.Module,
    decay: float,
    *,
    exempt: Exempt = "auto",
    sample: Any = None,
    loss: Loss | None = None,
) -> ParamTable:
    """The table that :func:`param_groups` prints, as a record.

    Parameters
    ----------
    model, decay, exempt, sample, loss
        As for :func:`param_groups`.

    Returns
    -------
    ParamTable

    Raises
    ------
    TypeError, ValueError
        As :func:`param_groups` does, but a model without trainable parameters has a table.

    Examples
    --------
    >>> from torch import nn
    >>> [(row.name, row.treatment) for row in param_table(nn.Linear(4, 1), 0.1, exempt=["head"]).rows]
    [('weight', 'exempt'), ('bias', 'decayed')]
    """
    value = _decay(decay)
    roles = parameter_roles(model, sample=sample, loss=loss)
    return _table(value, roles, _exempted(model, roles, exempt))


def exempt_names(model: nn.Module, exempt: Exempt = "auto", sample: Any = None) -> frozenset[str]:
    """Names of the parameters that :func:`param_groups` exempts, as ``model.named_parameters()`` has them.

    Parameters
    ----------
    model, exempt, sample
        As for :func:`param_groups`.

    Returns
    -------
    frozenset of str
        Of a tied parameter all its names.

    Raises
    ------
    TypeError, ValueError
        As :func:`param_groups` does, but a model without trainable parameters has names.

    Examples
    --------
    >>> from torch import nn
    >>> sorted(exempt_names(nn.Sequential(nn.Embedding(9, 4), nn.Linear(4, 1))))
    ['0.weight', '1.bias']
    """
    reasons = _exempted(model, parameter_roles(model, sample=sample), exempt)
    every = model.named_parameters(remove_duplicate=False)
    return frozenset(name for name, one in every if id(one) in reasons)


def _decay(decay: float) -> float:
    """λ, if it is one."""
    if isinstance(decay, bool) or not isinstance(decay, Real) or not math.isfinite(decay) or decay < 0:
        raise ValueError(
            f"decay must be a finite number from 0 up, got {decay!r}: give the weight_decay of the optimiser"
        )
    return float(decay)


def _table(decay: float, roles: Sequence[ParameterRole], reasons: dict[int, str]) -> ParamTable:
    rows = []
    for one in roles:
        reason = reasons.get(id(one.parameter))
        treatment: Treatment = "exempt" if reason is not None else "decayed"
        if not one.parameter.requires_grad:
            treatment, reason = "frozen", None
        why = f"{one.why}; {reason}" if reason else one.why
        marks = tuple(mark for mark in MARKS if mark in one.marks)
        rows.append(ParamRow(one.name, one.role, marks, tuple(one.parameter.shape), treatment, why, one.certain))
    return ParamTable(decay, tuple(rows))


def _exempted(model: nn.Module, roles: Sequence[ParameterRole], exempt: Exempt) -> dict[int, str]:
    """Whoever is exempt, and why if not for its role alone."""
    if exempt is None:
        return {}
    if callable(exempt) and not isinstance(exempt, nn.Module):
        return {id(one.parameter): "chosen by exempt" for one in roles if exempt(one.name, one.parameter, one.role)}
    entries: Iterable[Any] = (exempt,) if isinstance(exempt, (str, nn.Module, Tensor)) else exempt
    if not isinstance(entries, Iterable):
        raise TypeError(_unknown(exempt))
    reasons: dict[int, str] = {}
    for entry in entries:
        for parameter, reason in _named(model, roles, entry).items():
            reasons.setdefault(parameter, reason)
    return reasons


def _named(model: nn.Module, roles: Sequence[ParameterRole], entry: Any) -> dict[int, str]:
    """The parameters that one entry names."""
    known = {id(one.parameter) for one in roles}
    if isinstance(entry, nn.Module):
        found = {id(parameter): "in a module named by exempt" for parameter in entry.parameters()}
        what = f"module {type(entry).__name__}"
    elif isinstance(entry, Tensor):
        found, what = {id(entry): "named by exempt"}, f"tensor of shape {tuple(entry.shape)}"
    elif not isinstance(entry, str):
        raise TypeError(_unknown(entry))
    elif entry == "auto":
        return _auto(model, roles)
    elif entry in (*ROLES, *MARKS):
        return {id(one.parameter): "" for one in roles if entry in one.words}
    else:
        return _matching(roles, entry)
    if not found or not found.keys() <= known:
        raise ValueError(f"exempt names a {what} without a parameter of this model: take it from model itself")
    return found


def _auto(model: nn.Module, roles: Sequence[ParameterRole]) -> dict[int, str]:
    """Biases, norm gains, scalars, embeddings that are no head, and what the model's own modules ask for."""
    found = {id(one.parameter): "" for one in roles if one.role in AUTO}
    for one in asked_for(model):
        found.setdefault(one, "named by the model's no_weight_decay()")
    return found


def asked_for(model: nn.Module) -> frozenset[int]:
    """Ids of the parameters that the model's modules want exempt, by the convention of timm's models."""
    found: set[int] = set()
    for module in model.modules():
        asked = getattr(module, "no_weight_decay", None)
        names = frozenset(asked()) if callable(asked) else frozenset[str]()
        found.update(id(one) for name, one in module.named_parameters(remove_duplicate=False) if name in names)
    return frozenset(found)


def _matching(roles: Sequence[ParameterRole], pattern: str) -> dict[int, str]:
    """The parameters with a name that matches a pattern."""
    shown = plain(pattern)
    found = {
        id(one.parameter): f"matches {shown!r}"
        for one in roles
        if any(fnmatchcase(name, pattern) for name in one.names)
    }
    if found:
        return found
    names = [one.name for one in roles]
    inside = sum(name.startswith(f"{pattern}.") for name in names)
    if inside:
        raise ValueError(
            f"exempt: {shown!r} is a module, not a parameter; {shown + '.*'!r} names its {inside} parameters"
        )
    near = difflib.get_close_matches(pattern, [*ROLES, *MARKS, "auto", *names], n=3, cutoff=0.5)
    told = ("near it are " if near else "the names begin with ") + ", ".join(
        repr(plain(name)) for name in near or names[:3]
    )
    raise ValueError(f"exempt: {shown!r} matches no parameter and is no role; {told}")


def _unknown(entry: object) -> str:
    return (
        f"exempt must name roles, patterns of names, modules or parameters, got {type(entry).__name__}: "
        'give "auto", a list of them, or a callable (name, parameter, role) -> bool'
    )
