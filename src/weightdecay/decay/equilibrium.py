r"""Equilibrium: the size of a weight, and how far it turns in a step, where decay and updates balance.

All of it for gradients that are independent from step to step and of mean zero. Real ones are not: correlated updates
make larger weights, a gradient that pulls against the weight smaller ones; ratios of 0.6 to 1 to √(η/2λ) are usual.

A weight that takes updates u_t in w ← α w − η u_t, α = 1 − ηλ, has in the long run

.. math:: E w^2 = \frac{η^2 u^2}{1 - α^2} \Big( 1 + 2 \sum_{k \ge 1} α^k r_k \Big)

with u² = E u_t² and r_k the correlation of updates k steps apart. An exponential average of independent numbers has
r_k = β^k; everything below is this sum.
"""

from __future__ import annotations

import math
from typing import Literal, TypeAlias

from weightdecay.decay.orthogonal import singular_values

Kind: TypeAlias = Literal["orthogonal", "original", "match_rms_adamw", "moonlight"]

# The part of an orthogonalised matrix that does not follow its argument linearly forgets about seven times as fast,
# as measured on Gaussian matrices of 32 to 256 rows; it is under a third of the whole, so that 5 or 10 change the
# size of a weight by 1 %.
FASTER = 7


def equilibrium_rms(
    update_rms: float, learning_rate: float, decay: float, *, momentum: float = 0.0, nesterov: bool = False
) -> float:
    r"""Return the root mean square of a weight in steady state under w ← (1 − ηλ) w − η u_t.

    With u_t an exponential average (momentum β) of independent numbers of mean zero, and α = 1 − ηλ,

    .. math:: \sqrt{E w^2} = η u \sqrt{\frac{1 + αβ}{(1 - α^2)(1 - αβ)}} \approx \sqrt{η / 2λ} \text{ for AdamW}

    Parameters
    ----------
    update_rms : float
        u, the root mean square of one number of the update: `adam_update_rms` for Adam, `sgd_update_rms` for SGD,
        ``muon_update_norm(shape)/√(rows · columns)`` for Muon.
    learning_rate : float
        η > 0.
    decay : float
        λ > 0 with ηλ < 1, in the decoupled form; the independent form's λ is this λ times η.
    momentum : float, default 0.0
        β of the average that the update is; 0 where updates of different steps are independent.
    nesterov : bool, default False
        Whether the update looks one step ahead, (1 − β) g_t + β m_t.

    Returns
    -------
    float
        In the unit of the weights.

    Raises
    ------
    ValueError
        If a number is outside its range.

    Notes
    -----
    Kosson, Messmer & Jaggi (2024), "Rotational Equilibrium", arXiv 2305.17212, table 1, without its approximation
    of small ηλ.

    Examples
    --------
    >>> round(equilibrium_rms(adam_update_rms(0.9), 0.01, 1.0, momentum=0.9), 4)
    0.0677
    >>> round(equilibrium_rms(1.0, 0.005, 1.0), 4)
    0.0501
    """
    left = _left(learning_rate, decay)
    _check_share("momentum", momentum)
    if not 0.0 <= update_rms < math.inf:
        raise ValueError(f"update_rms must be at least 0 and finite, got {update_rms!r}")
    memory = 1.0 + 2.0 * left * _next_correlation(momentum, nesterov) / (1.0 - left * momentum)
    return learning_rate * update_rms * math.sqrt(memory / ((1.0 - left) * (1.0 + left)))


def angular_update(learning_rate: float, decay: float, *, momentum: float = 0.0, nesterov: bool = False) -> float:
    r"""Return by how much a weight vector turns in one step in steady state, in radians.

    .. math:: \tan θ = \frac{\sqrt{(1 - α^2)(1 - β^2)}}{α + β}, \qquad
              θ \approx \sqrt{2ηλ \, (1 - β)/(1 + β)}

    for w ← α w − η u_t, α = 1 − ηλ, u_t an exponential average of independent numbers with momentum β, whatever their
    size.

    Parameters
    ----------
    learning_rate, decay : float
        η and λ of the decoupled form, ηλ < 1. For SGD whose decay is in the gradient: `coupled_sgd_angle`.
    momentum : float, default 0.0
        β.
    nesterov : bool, default False
        Whether the update looks one step ahead.

    Returns
    -------
    float
        θ in radians, from 0 to π/2.

    Notes
    -----
    Kosson, Messmer & Jaggi (2024), arXiv 2305.17212, eq. 3 and table 1. The angle's cosine is the correlation of a
    weight with itself one step later.

    Examples
    --------
    >>> round(angular_update(0.01, 1.0, momentum=0.9), 4)
    0.0325
    """
    left = _left(learning_rate, decay)
    _check_share("momentum", momentum)
    first = _next_correlation(momentum, nesterov)
    # E w_t w_{t+1} = α E w² + η² u² Σ_{k≥0} α^k r_{k+1}: what one step adds lies along the weight by that much.
    memory = 1.0 + 2.0 * left * first / (1.0 - left * momentum)
    along = first / (1.0 - left * momentum) * (1.0 - left) * (1.0 + left) / memory
    # 1 − cos θ, formed without taking a difference of numbers near 1.
    return 2.0 * math.asin(math.sqrt(0.5 * max((1.0 - left) - along, 0.0)))


def adam_update_rms(beta1: float) -> float:
    """Return the root mean square of Adam's update for independent gradients: √((1 − β₁)/(1 + β₁)).

    The second moment is taken to be known well: β₂ near 1.

    Examples
    --------
    >>> round(adam_update_rms(0.9), 4)
    0.2294
    """
    _check_share("beta1", beta1)
    return math.sqrt((1.0 - beta1) / (1.0 + beta1))


def sgd_update_rms(gradient_rms: float, momentum: float = 0.0, *, nesterov: bool = False) -> float:
    r"""Return the root mean square of the update of torch's SGD, v ← β v + g, for independent gradients.

    .. math:: u = g / \sqrt{1 - β^2}, \qquad \text{Nesterov: } u_t = g_t + β v_t

    Examples
    --------
    >>> round(sgd_update_rms(1.0, 0.9), 4), round(sgd_update_rms(1.0, 0.9, nesterov=True), 4)
    (2.2942, 2.6577)
    """
    _check_share("momentum", momentum)
    square = (1.0 + momentum) ** 2 + momentum**4 / (1.0 - momentum**2) if nesterov else 1.0 / (1.0 - momentum**2)
    return gradient_rms * math.sqrt(square)


def coupled_sgd_rms(gradient_rms: float, learning_rate: float, decay: float, momentum: float = 0.0) -> float:
    r"""Return the root mean square of a weight in steady state under torch's SGD, whose decay is in the gradient.

    Under v ← β v + g_t + λ w, w ← w − η v, with independent g_t of root mean square g,

    .. math:: \sqrt{E w^2} = g \sqrt{\frac{η (1 + β)}{λ (1 - β) (2 (1 + β) - ηλ)}}
              \approx g \sqrt{\frac{η}{2λ(1-β)}}

    Parameters
    ----------
    gradient_rms : float
        g, of one number of the gradient, without λ w.
    learning_rate, decay : float
        η and λ, ηλ < 2 (1 + β).
    momentum : float, default 0.0
        β, without dampening and not Nesterov's.

    Returns
    -------
    float

    Raises
    ------
    ValueError
        If the step is unstable, or a number outside its range.

    Notes
    -----
    w is an autoregression of order 2 with coefficients 1 + β − ηλ and −β: Box, Jenkins, Reinsel & Ljung, "Time Series
    Analysis", section 3.2.4.

    Examples
    --------
    >>> round(coupled_sgd_rms(1.0, 0.1, 0.01, 0.9), 3)
    7.072
    """
    taken = _coupled(learning_rate, decay, momentum)
    above, below = learning_rate * (1.0 + momentum), decay * (1.0 - momentum) * (2.0 * (1.0 + momentum) - taken)
    return gradient_rms * math.sqrt(above / below)


def coupled_sgd_angle(learning_rate: float, decay: float, momentum: float = 0.0) -> float:
    r"""Return the angle of one step in steady state under torch's SGD: cos θ = 1 − ηλ/(1 + β), θ ≈ √(2ηλ/(1 + β)).

    Parameters and source are those of `coupled_sgd_rms`.

    Examples
    --------
    >>> round(coupled_sgd_angle(0.1, 5e-4, 0.9), 5)
    0.00725
    """
    taken = _coupled(learning_rate, decay, momentum)
    return 2.0 * math.asin(math.sqrt(0.5 * taken / (1.0 + momentum)))


def steps_to_equilibrium(
    learning_rate: float, decay: float, *, ratio: float = 0.0, tolerance: float = 0.05, momentum: float = 0.0
) -> float:
    r"""Return the steps until the size of a weight is within a share of its equilibrium.

    With q the size at the beginning over that at the end, E w² = (1 + (q² − 1) α^{2t}) E w²_∞, so

    .. math:: t = \frac{\ln \big( |q^2 - 1| / |(1 \pm ε)^2 - 1| \big)}{-2 \ln (1 - ηλ)}

    Parameters
    ----------
    learning_rate, decay : float
        η and λ of the decoupled form.
    ratio : float, default 0.0
        q: 0 is a weight that begins at zero, 3 one that begins three times as large as its equilibrium.
    tolerance : float, default 0.05
        ε: how near is near enough.
    momentum : float, default 0.0
        β of SGD with its decay in the gradient: there the timescale is (1 − β)/(ηλ). 0 otherwise.

    Returns
    -------
    float
        Steps; 0 if the weight begins within ε. The β/(1 − β) steps in which momentum builds up are not counted.

    Examples
    --------
    >>> round(steps_to_equilibrium(1e-3, 0.1))
    11639
    """
    left = _left(learning_rate, decay / (1.0 - momentum))
    if not 0.0 <= ratio < math.inf or not 0.0 < tolerance < 1.0:
        raise ValueError(f"expected ratio at least 0 and 0 < tolerance < 1, got {ratio!r} and {tolerance!r}")
    away = ratio * ratio - 1.0
    near = (1.0 + math.copysign(tolerance, away)) ** 2 - 1.0
    return max(0.0, math.log(max(away / near, 1.0)) / (-2.0 * math.log(left)))


def muon_update_norm(shape: tuple[int, int], kind: Kind = "original", *, newton_schulz: bool = False) -> float:
    r"""Return the Frobenius norm of the update of Muon, its factor on the learning rate included.

    For a matrix of shape (d_out, d_in): √min(d_out, d_in) for an orthogonal update as it is; √d_out with the factor
    √max(1, d_out/d_in) ("original", torch's default); 0.2 √(d_out d_in) with 0.2 √max(d_out, d_in)
    ("match_rms_adamw", also "moonlight").

    Parameters
    ----------
    shape : tuple of int
        (d_out, d_in), as in ``Linear.weight``.
    kind : {"original", "orthogonal", "match_rms_adamw", "moonlight"}
    newton_schulz : bool, default False
        Count in that Muon's five steps of Newton and Schulz leave singular values between 0.7 and 1.2, not at 1: for
        Gaussian gradients the norm is smaller by 10 to 20 %.

    Raises
    ------
    ValueError
        If the shape is not that of a matrix, or the kind not known.

    Notes
    -----
    Jordan et al. (2024), "Muon"; Liu et al. (2025), "Muon is Scalable for LLM Training", arXiv 2502.16982, eq. 4.

    Examples
    --------
    >>> muon_update_norm((64, 16)), round(muon_update_norm((64, 16), "moonlight"), 6)
    (8.0, 6.4)
    """
    out, into = _matrix(shape)
    factors = {
        "orthogonal": 1.0,
        "original": math.sqrt(max(1.0, out / into)),
        "match_rms_adamw": 0.2 * math.sqrt(max(out, into)),
    }
    factors["moonlight"] = factors["match_rms_adamw"]
    if kind not in factors:
        raise ValueError(f"kind={kind!r} is not known: give one of {', '.join(factors)}")
    return math.sqrt(min(out, into)) * factors[kind] * (singular_values(out, into, True)[0] if newton_schulz else 1.0)


def muon_equilibrium_rms(
    shape: tuple[int, int],
    learning_rate: float,
    decay: float,
    *,
    kind: Kind = "original",
    momentum: float = 0.95,
    nesterov: bool = True,
    newton_schulz: bool = True,
) -> float:
    r"""Return the root mean square of a matrix in steady state under Muon, for independent Gaussian gradients.

    An orthogonalised average forgets faster than the average itself: the share c₁ of it that is linear in its argument
    is (E s)²/E s² over the singular values s, with correlations r_k = c₁ ρ_k + (1 − c₁) ρ_k⁷ at correlation ρ_k of the
    averages. A square matrix has c₁ = (8/3π)² = 0.72.

    Parameters
    ----------
    shape, kind, newton_schulz
        As in `muon_update_norm`.
    learning_rate, decay : float
        η and λ, the decay being 1 − ηλ in each step whatever the factor on the update.
    momentum, nesterov : float, bool
        Of the average that is orthogonalised.

    Returns
    -------
    float

    Notes
    -----
    c₁ from the law of Marchenko & Pastur (1967); the exponent 7 is measured, and weighs little.

    Examples
    --------
    >>> round(muon_equilibrium_rms((256, 256), 0.02, 0.1, momentum=0.0, newton_schulz=False), 4)
    0.0198
    """
    left = _left(learning_rate, decay)
    _check_share("momentum", momentum)
    norm = muon_update_norm(shape, kind, newton_schulz=newton_schulz)
    linear = singular_values(*_matrix(shape), newton_schulz)[1]
    first = _next_correlation(momentum, nesterov)
    sums = (share * first**n / (1.0 - left * momentum**n) for share, n in ((linear, 1), (1.0 - linear, FASTER)))
    memory = 1.0 + 2.0 * left * sum(sums)
    square = learning_rate**2 * norm**2 / (shape[0] * shape[1])
    return math.sqrt(square * memory / ((1.0 - left) * (1.0 + left)))


def _next_correlation(momentum: float, nesterov: bool) -> float:
    """r₁ of an average with momentum; from there r_k falls by β a step, Nesterov's too."""
    if not nesterov:
        return momentum
    tail = momentum**4 / (1.0 - momentum**2)
    return (momentum**2 * (1.0 + momentum) + momentum * tail) / ((1.0 + momentum) ** 2 + tail)


def _left(learning_rate: float, decay: float) -> float:
    """α = 1 − ηλ."""
    if not (learning_rate > 0.0 and decay > 0.0 and learning_rate * decay < 1.0):
        raise ValueError(
            f"an equilibrium needs learning_rate > 0, decay > 0 and their product below 1, got {learning_rate!r} and "
            f"{decay!r}: without decay a weight has no size that it tends to"
        )
    return 1.0 - learning_rate * decay


def _coupled(learning_rate: float, decay: float, momentum: float) -> float:
    """ηλ of SGD with its decay in the gradient."""
    _check_share("momentum", momentum)
    taken = learning_rate * decay
    if not (learning_rate > 0.0 and decay > 0.0 and taken < 2.0 * (1.0 + momentum)):
        raise ValueError(
            f"an equilibrium needs learning_rate > 0, decay > 0 and their product below 2 (1 + momentum), got "
            f"{learning_rate!r} and {decay!r}"
        )
    return taken


def _matrix(shape: tuple[int, int]) -> tuple[int, int]:
    """The two sides of a matrix."""
    if len(shape) != 2 or min(shape) < 1:
        raise ValueError(f"Muon updates matrices: expected a shape (d_out, d_in), got {shape!r}")
    return shape[0], shape[1]


def _check_share(name: str, value: float) -> None:
    """Refuse a momentum outside [0, 1)."""
    if not 0.0 <= value < 1.0:
        raise ValueError(f"{name} must be from 0 to below 1, got {value!r}")
