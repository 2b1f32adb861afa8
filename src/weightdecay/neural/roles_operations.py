"""What each operation of a forward pass does with its arguments, by the names that the operation gives them."""

from __future__ import annotations

from typing import Any, Literal

from torch import Tensor

ADDING = frozenset(("add", "sub", "rsub", "addmm", "baddbmm", "addmv", "addbmm", "addcmul", "addcdiv"))
MULTIPLYING = frozenset(("mul", "div", "addcmul"))
JOINING = frozenset(("cat", "stack", "where", "copy", "index_put", "scatter", "slice_scatter", "select_scatter"))
SUMMING = frozenset(("sum", "mean"))
# What passes its input on, at most times a constant: a product after it is still linear in what went in.
LINEAR = frozenset(
    """t transpose permute view _unsafe_view reshape expand unsqueeze squeeze slice select alias detach _to_copy clone
    split unbind native_dropout bernoulli mul div contiguous""".split()
)
_FACTORS = {
    "mm": ("self", "mat2"),
    "bmm": ("self", "mat2"),
    "addmm": ("mat1", "mat2"),
    "baddbmm": ("batch1", "batch2"),
    "addbmm": ("batch1", "batch2"),
    "mv": ("self", "vec"),
    "addmv": ("mat", "vec"),
    "dot": ("self", "tensor"),
    "linear": ("weight",),
    "_trilinear": ("i1", "i2", "i3"),
    "_grouped_mm": ("self", "mat2"),
}
_TABLES = {
    "embedding": "weight",
    "_embedding_bag": "weight",
    "_embedding_bag_forward_only": "weight",
    "index": "self",
    "index_select": "self",
    "gather": "self",
}

Placed = Literal["matrix", "lookup", "gain", "length", "scale", "shift"]


def operation(func: Any) -> str:
    """The name of an operation without its name space and the sign that it works in place."""
    name: str = func._schema.name.split("::")[-1]
    return name if name.startswith("__") else name.rstrip("_")


def placed(name: str, slot: str, tensor: Tensor) -> Placed | None:
    """What a tensor is to an operation by its place among the arguments; None where the place does not say."""
    if slot in _FACTORS.get(name, ()):
        return "matrix"
    if _TABLES.get(name) == slot:
        return "lookup"
    if name == "_weight_norm_interface":
        return "length" if slot == "g" else None
    if "rnn" in name or "lstm" in name or "gru" in name:
        return _recurrent(slot, tensor)
    if name in ("prelu", "_prelu_kernel") and slot == "weight":
        return "scale"
    if slot == "bias" or (slot == "self" and name in ("addmm", "addmv", "baddbmm", "addbmm") and tensor.ndim <= 1):
        return "shift"
    if slot == "weight":
        return "matrix" if "conv" in name else "gain" if "norm" in name else None
    return None


def _recurrent(slot: str, tensor: Tensor) -> Placed | None:
    """Fused recurrent layers take their matrices and biases in one list, or numbered."""
    if not slot.startswith("weight"):
        return "shift" if slot.startswith("bias") else None
    return "matrix" if tensor.ndim > 1 else "shift"
