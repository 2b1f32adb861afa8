"""The forms of weight decay: where in an update λ acts, at which rate, and on which coordinates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias, final

Place: TypeAlias = Literal["loss", "gradient", "weights"]
Rate: TypeAlias = Literal["step", "share", "square"]
Mask: TypeAlias = Literal["all", "agreeing"]


@final
@dataclass(frozen=True)
class Form:
    r"""One form of weight decay: place × rate × mask.

    With λ the decay, η_t the learning rate of step t, η_peak the largest of the run, u_t the optimiser's update and
    c the centre, the place says where λ(w − c) enters:

    .. math::
        \text{loss, gradient:}\quad & g_t \leftarrow g_t + λ (w - c), \qquad w \leftarrow w - η_t u_t(g_t) \\
        \text{weights:}\quad & w \leftarrow w - η_t u_t - a_t \, m_t (w - c)

    Parameters
    ----------
    name : str
        What users call it.
    place : {"loss", "gradient", "weights"}
        Part of the loss itself; added to its gradient before the update is formed; or beside the update.
    rate : {"step", "share", "square"}
        a_t = η_t λ, (η_t/η_peak) λ, or (η_t²/η_peak) λ. In the loss and the gradient only "step": there the
        optimiser multiplies by η_t itself.
    mask : {"all", "agreeing"}
        m_t = 1 everywhere, or 1 where u_j (w_j − c_j) ≥ 0 and 0 where the update already pulls away from the centre.
    normalised_only : bool
        The rate holds for the layers that feed a normalisation; elsewhere it is "step".

    Raises
    ------
    ValueError
        If a place other than the weights has a rate or a mask of its own.

    Notes
    -----
    Loshchilov & Hutter (2019), "Decoupled Weight Decay Regularization" (decoupled; independent is their schedule
    multiplier); Defazio (2025), arXiv 2506.02285 (corrected); Chen et al. (2025), arXiv 2510.12402 (cautious).

    Examples
    --------
    >>> form_named("independent")
    Form(name='independent', place='weights', rate='share', mask='all', normalised_only=False)
    >>> Form("cautious and independent", "weights", "share", "agreeing").mask
    'agreeing'
    """

    name: str
    place: Place
    rate: Rate = "step"
    mask: Mask = "all"
    normalised_only: bool = False

    def __post_init__(self) -> None:
        if self.place != "weights" and (self.rate, self.mask, self.normalised_only) != ("step", "all", False):
            raise ValueError(
                f"a form in the {self.place} has no rate or mask of its own, got rate={self.rate!r}, "
                f"mask={self.mask!r}: give place='weights', or leave rate and mask out"
            )


FORMS: Mapping[str, Form] = MappingProxyType(
    {
        form.name: form
        for form in (
            Form("penalty", "loss"),
            Form("coupled", "gradient"),
            Form("decoupled", "weights"),
            Form("independent", "weights", "share"),
            Form("corrected", "weights", "square", normalised_only=True),
            Form("cautious", "weights", "step", "agreeing"),
        )
    }
)


def form_named(form: str | Form) -> Form:
    """Return the form of that name; a `Form` of your own passes as it is.

    Parameters
    ----------
    form : str or Form
        One of ``penalty``, ``coupled``, ``decoupled``, ``independent``, ``corrected``, ``cautious``; or place, rate
        and mask of your own choice.

    Raises
    ------
    ValueError
        If no form has that name.

    Examples
    --------
    >>> form_named("coupled").place
    'gradient'
    """
    if isinstance(form, Form):
        return form
    if form not in FORMS:
        raise ValueError(f"form must be one of {', '.join(FORMS)}, got {form!r}: 'decoupled' is what AdamW does")
    return FORMS[form]
