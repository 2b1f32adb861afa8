r"""The Gauss-Newton matrix of a network, factorised once for every λ.

With A the root of the matrix G = AᵀA, its columns split into those of exempt and of decayed numbers, A = [E D], exempt
numbers are profiled out,

.. math:: S = D^T (I - E E^+) D = V \operatorname{diag}(d) V^T,

and of all λ, log det(S + λ) − log det λ = Σ log(1 + d/λ).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol, TypeAlias, final

import torch
from torch import Tensor

from weightdecay.neural.opinions.objective import Objective, Product

Structure: TypeAlias = Literal["auto", "exact", "lanczos"]

# The side of the largest matrix whose eigenvalues are found, and numbers of the largest array that is kept.
SIDE, NUMBERS = 3000, 2**26
# Share of the largest eigenvalue that is rounding, per number of the side.
ROUNDING = 2.0**-50
# Smallest λ, as a share of the trace, from which eigenvalues of the matrix have the digits that log det needs.
COARSE = 1e-8
# What stands for curvature that is 0 in a preconditioner, as a share of the largest.
FLOOR = 1e-8
# Random vectors of a sketch, and steps from each.
PROBES, STEPS = 12, 64
# Relative change in 8 steps from which a recurrence has ended.
SETTLED = 1e-3


class Curvature(Protocol):
    """What a Gauss-Newton matrix says of any λ."""

    @property
    def structure(self) -> str:
        """How it was computed."""
        ...

    def log_det(self, decay: float) -> tuple[float, float]:
        """Σ log(1 + d/λ), and its standard error."""
        ...

    def df(self, decay: float) -> float:
        """Σ d/(d + λ)."""
        ...

    def solve(self, b: Tensor, decay: float) -> Tensor:
        """About (G + λ)⁻¹ b (P,), λ on decayed numbers; symmetric and positive."""
        ...


@final
@dataclass(frozen=True, eq=False)
class Undecayed:
    """The block of the exempt numbers, (E,) at `index`: Q diag(values) Qᵀ."""

    index: Tensor
    values: Tensor
    Q: Tensor

    @property
    def known(self) -> Tensor:
        """Where an eigenvalue is more than rounding."""
        top = float(self.values[-1]) if len(self.values) else 0.0
        return self.values > top * ROUNDING * max(len(self.values), 64)

    def inverse(self) -> Tensor:
        """The pseudo-inverse (E, E)."""
        known = self.known
        return (self.Q[:, known] / self.values[known]) @ self.Q[:, known].T

    @cached_property
    def bounded(self) -> Tensor:
        """An inverse (E, E) in which no direction has curvature 0."""
        top = float(self.values[-1]) if len(self.values) else 0.0
        return (self.Q / self.values.clamp(min=FLOOR * top if top > 0 else 1.0)) @ self.Q.T


@final
@dataclass(frozen=True, eq=False)
class Exact:
    """Eigenvalues d (r,) and vectors V (D, r) of S, and the coupling (D, E) to exempt numbers."""

    decayed: Tensor
    values: Tensor
    V: Tensor
    undecayed: Undecayed
    cross: Tensor
    structure: str = "exact"

    def log_det(self, decay: float) -> tuple[float, float]:
        """Without error."""
        if math.isinf(decay) or not len(self.values):
            return 0.0, 0.0
        return (math.inf if decay == 0 else float(torch.log1p(self.values / decay).sum())), 0.0

    def df(self, decay: float) -> float:
        """Σ d/(d + λ)."""
        return float((self.values / (self.values + decay)).sum())

    def solve(self, b: Tensor, decay: float) -> Tensor:
        """By elimination of the exempt block."""
        # At λ = 0 the directions that S lacks have a share of its largest curvature.
        low = max(decay, FLOOR**2 * float(self.values.max()) if len(self.values) else 1.0)
        inner, bounded, found = b[self.undecayed.index], self.undecayed.bounded, torch.zeros_like(b)
        rest = b[self.decayed] - self.cross @ (bounded @ inner)
        ahead = rest / low + self.V @ ((1.0 / (self.values + low) - 1.0 / low) * (self.V.T @ rest))
        found[self.decayed] = ahead
        found[self.undecayed.index] = bounded @ (inner - self.cross.T @ ahead)
        return found


def exact(objective: Objective, w: Tensor, finest: float = 0.0) -> Exact:
    """Through the smaller of P × P numbers and rows × rows.

    The matrix itself has half of the digits of its root A: where the smallest λ asked about comes near to what is lost,
    the root is factorised in its place, which takes longer.
    """
    free, held = (torch.nonzero(one)[:, 0] for one in (objective.decayed, ~objective.decayed))
    if len(w) > objective.n * objective.k:
        A = torch.cat(list(objective.roots(w)))
        return _of_root(A, free, held, wide=finest > COARSE * float(A.square().sum()))
    G = torch.zeros(len(w), len(w), dtype=w.dtype, device=w.device)
    for A in objective.roots(w):
        G += A.T @ A
    if finest <= COARSE * float(G.trace()):
        return _of_root(_triangle(objective, w), free, held, wide=False)
    undecayed, cross = _undecayed(held, G[held][:, held]), G[free][:, held]
    S = G[free][:, free] - cross @ undecayed.inverse() @ cross.T
    values, V = torch.linalg.eigh(0.5 * (S + S.T))
    known = _above(values, G.diagonal())
    return Exact(free, values[known], V[:, known], undecayed, cross)


def _triangle(objective: Objective, w: Tensor) -> Tensor:
    """R with RᵀR = AᵀA, block by block."""
    R = torch.zeros(0, len(w), dtype=w.dtype, device=w.device)
    for A in objective.roots(w):
        R = torch.linalg.qr(torch.cat([R, A]), mode="r")[1]
    return R


def _of_root(A: Tensor, free: Tensor, held: Tensor, *, wide: bool) -> Exact:
    """From a root (m, P) of the matrix, by singular values, or by the eigenvalues of m × m numbers if it is wide."""
    E, D = A[:, held], A[:, free]
    size, cross = D.square().sum(dim=0), D.T @ E
    U, root, Qt = torch.linalg.svd(E, full_matrices=False)
    good = root > float(root.max() if len(root) else 0.0) * 2.0**-46
    undecayed = _undecayed(held, E.T @ E) if len(held) > len(A) else _rooted(held, root, Qt, good)
    for _ in range(2):
        D = D - U[:, good] @ (U[:, good].T @ D)
    if wide:
        values, U = torch.linalg.eigh(D @ D.T)
        known = _above(values, size)
        return Exact(free, values[known], D.T @ U[:, known] / values[known].sqrt(), undecayed, cross)
    _, root, Vt = torch.linalg.svd(D, full_matrices=False)
    known = root > float(size.max() if len(size) else 0.0) ** 0.5 * 2.0**-46
    return Exact(free, root[known].square(), Vt[known].T, undecayed, cross)


def _above(values: Tensor, diagonal: Tensor) -> Tensor:
    """Eigenvalues that are more than rounding of the numbers that they came from."""
    top = float(diagonal.max()) if len(diagonal) else 0.0
    return values > top * ROUNDING * max(len(values), 64)


def _rooted(index: Tensor, root: Tensor, Qt: Tensor, good: Tensor) -> Undecayed:
    """From singular values, largest first."""
    values = torch.where(good, root.square(), torch.zeros_like(root)).flip(0)
    return Undecayed(index, values, Qt.flip(0).T)


def _undecayed(index: Tensor, block: Tensor) -> Undecayed:
    values, Q = torch.linalg.eigh(block)
    return Undecayed(index, values.clamp(min=0.0), Q)


@final
@dataclass(frozen=True, eq=False)
class Sketch:
    r"""The same from random vectors z of ±1: zᵀ f(S) z by Lanczos' recurrence, averaged.

    Parameters
    ----------
    size : int
        D, the decayed numbers.
    nodes, shares : Tensor of shape (probes, steps)
        Gauss quadrature of each: zᵀ f(S) z ≈ D Σ shares f(nodes).

    Notes
    -----
    Ubaru, Chen & Saad (2017), "Fast estimation of tr(f(A)) via stochastic Lanczos quadrature". One recurrence serves
    every λ. The standard error is that over the random vectors; the quadrature's own error falls exponentially with
    the steps, at the rate of the square root of λ over the largest eigenvalue.
    """

    size: int
    nodes: Tensor
    shares: Tensor
    structure: str = "lanczos"

    def _trace(self, each: Tensor) -> tuple[float, float]:
        found = self.size * (self.shares * each).sum(dim=1)
        return float(found.mean()), float(found.std() / len(found) ** 0.5)

    def log_det(self, decay: float) -> tuple[float, float]:
        """Estimated."""
        if math.isinf(decay) or not self.size:
            return 0.0, 0.0
        return (math.inf, 0.0) if decay == 0 else self._trace(torch.log1p(self.nodes / decay))

    def df(self, decay: float) -> float:
        """Estimated."""
        if not self.size:
            return 0.0
        return self._trace(self.nodes / (self.nodes + max(decay, 1e-300)))[0]

    def solve(self, b: Tensor, decay: float) -> Tensor:
        """b: no preconditioner."""
        return b


def sketched(objective: Objective, w: Tensor, finest: float = 0.0) -> Sketch:
    """By products with the matrix, and the block of the exempt numbers, which must fit.

    Raises
    ------
    ValueError
        More exempt numbers than have a matrix of their own.
    """
    free, held = (torch.nonzero(one)[:, 0] for one in (objective.decayed, ~objective.decayed))
    if len(held) > SIDE:
        raise ValueError(
            f"{len(held):,} exempt numbers are too many to be profiled out (at most {SIDE:,}): exempt fewer, such as "
            "exempt=None, under which all are decayed"
        )
    block = torch.zeros(len(held), len(held), dtype=w.dtype, device=w.device)
    for A in objective.roots(w):
        block += A[:, held].T @ A[:, held]
    undecayed = _undecayed(held, block)
    inverse, gauss_newton = undecayed.inverse(), objective.gauss_newton(w)

    def product(v: Tensor) -> Tensor:
        full = torch.zeros_like(w)
        full[free] = v
        ahead = gauss_newton(full)
        if not len(held):
            return ahead
        back = torch.zeros_like(w)
        back[held] = inverse @ ahead[held]
        return (ahead - gauss_newton(back))[free]

    generator = torch.Generator().manual_seed(0)
    nodes, shares = [], []
    for _ in range(PROBES):
        sign = torch.randint(0, 2, (len(free),), generator=generator).to(w) * 2.0 - 1.0
        theta, share = _quadrature(product, sign, min(STEPS, len(free)), finest)
        nodes.append(torch.nn.functional.pad(theta, (0, STEPS - len(theta))))
        shares.append(torch.nn.functional.pad(share, (0, STEPS - len(share))))
    return Sketch(len(free), torch.stack(nodes), torch.stack(shares))


def _quadrature(product: Product, start: Tensor, steps: int, finest: float) -> tuple[Tensor, Tensor]:
    """Nodes and shares of Lanczos' recurrence, every vector orthogonalised against all before.

    It ends early where more steps no longer change what the smallest λ gives.
    """
    basis = [start / start.norm()]
    diagonal: list[float] = []
    beside: list[float] = []
    before = math.inf
    for step in range(1, steps + 1):
        v = product(basis[-1])
        diagonal.append(float(v @ basis[-1]))
        Q = torch.stack(basis)
        for _ in range(2):
            v = v - Q.T @ (Q @ v)
        length = float(v.norm())
        if length <= 1e-12 * max(map(abs, diagonal)) or step == steps:
            break
        if step % 8 == 0 and 0 < finest < math.inf:
            theta, share = _nodes(diagonal, beside)
            now = float((share * torch.log1p(theta / finest)).sum())
            if abs(now - before) <= SETTLED * now:
                break
            before = now
        beside.append(length)
        basis.append(v / length)
    theta, share = _nodes(diagonal, beside)
    return theta.to(start), share.to(start)


def _nodes(diagonal: list[float], beside: list[float]) -> tuple[Tensor, Tensor]:
    off = torch.tensor(beside[: len(diagonal) - 1], dtype=torch.float64)
    T = torch.diag(torch.tensor(diagonal, dtype=torch.float64)) + torch.diag(off, 1) + torch.diag(off, -1)
    values, vectors = torch.linalg.eigh(T)
    return values.clamp(min=0.0), vectors[0].square()


def generic_rank(objective: Objective) -> int:
    """Directions of the exempt numbers that outputs depend on at random weights, whatever decay has made of them."""
    held = torch.nonzero(~objective.decayed)[:, 0]
    w, generator = objective.start, torch.Generator().manual_seed(5)
    size = max(float(w.square().mean().sqrt()), 0.1)
    w = w + size * torch.randn(len(w), generator=generator, dtype=w.dtype).to(w)
    block = torch.zeros(len(held), len(held), dtype=w.dtype, device=w.device)
    for A in objective.roots(w) if len(held) else ():
        block += A[:, held].T @ A[:, held]
    return int(_undecayed(held, block).known.sum())


def affordable(objective: Objective) -> bool:
    """Whether the exact factorisation fits: its matrix, and the arrays that lead to it."""
    P, m = len(objective.start), objective.n * objective.k
    return min(P, m) <= SIDE and (m >= P or P * m <= NUMBERS) and int((~objective.decayed).sum()) <= SIDE


def factorised(objective: Objective, w: Tensor, structure: Structure, finest: float) -> Curvature:
    """Exact where that fits or is asked for, else a sketch."""
    if structure == "exact" or (structure == "auto" and affordable(objective)):
        return exact(objective, w, finest)
    return sketched(objective, w, finest)


def unchanged(objective: Objective, one: Tensor, other: Tensor) -> bool:
    """Whether the matrix is the same at two places, measured by its product with a random vector."""
    generator = torch.Generator().manual_seed(1)
    v = torch.randn(len(one), generator=generator, dtype=one.dtype).to(one)
    here, there = objective.gauss_newton(one)(v), objective.gauss_newton(other)(v)
    return bool((here - there).norm() <= 1e-10 * here.norm())
