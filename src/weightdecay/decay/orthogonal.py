"""Orthogonalised matrices: what Muon makes of the singular values of a Gaussian one."""

from __future__ import annotations

import math

import numpy as np

# The polynomial of Muon's iteration, x ↦ a x + b x³ + c x⁵, five times (Jordan et al. 2024).
NEWTON_SCHULZ = (3.4445, -4.775, 2.0315)
NEWTON_SCHULZ_STEPS = 5


def singular_values(out: int, into: int, newton_schulz: bool) -> tuple[float, float]:
    r"""Of an orthogonalised Gaussian matrix: the root mean square singular value, and its linear share c₁.

    With s the singular values of the Gaussian matrix and h(s) those that are made of them, by the law of Marchenko
    and Pastur,

    .. math:: \sqrt{E h^2}, \qquad c_1 = (E s h)^2 / (E s^2 \, E h^2)

    Examples
    --------
    >>> [round(value, 3) for value in singular_values(256, 256, False)]
    [1.0, 0.721]
    """
    few, many = min(out, into), max(out, into)
    ratio = few / many
    angles = (np.arange(20_000) + 0.5) * (math.pi / 20_000)
    values = 1.0 + ratio + 2.0 * math.sqrt(ratio) * np.cos(angles)  # eigenvalues of G Gᵀ/many
    density = np.sin(angles) ** 2 / values
    density /= density.sum()
    sizes = np.sqrt(values)
    made = np.ones_like(sizes)
    if newton_schulz:
        a, b, c = NEWTON_SCHULZ
        made = sizes / math.sqrt(few)  # over the Frobenius norm
        for _ in range(NEWTON_SCHULZ_STEPS):
            made = a * made + b * made**3 + c * made**5
    square = float(density @ made**2)
    return math.sqrt(square), float(density @ (made * sizes)) ** 2 / square
