"""Traces of functions of a matrix that is never formed: degrees of freedom and log determinants, estimated.

With d_j the eigenvalues of AᵀA and m their number, df = Σ d/(d + Λ) and log det = Σ log(1 + d/Λ) are m times the mean
of a function over the spectrum. For a random unit vector v, Σ_j (v·q_j)² f(d_j) has that mean as its expectation, and
Lanczos steps from v give its Gauss quadrature, for all Λ at once. Two errors are left, and both are known: that of the
sample, from the spread between several v, and that of the quadrature, since Gauss's rule and Radau's with a node at 0
enclose the truth for both functions.

The smaller side of A is sampled. As v has length 1, df is exact where no direction is shrunk, or every one shrunk away.

Golub & Meurant (1994), "Matrices, moments and quadrature". Ubaru, Chen & Saad (2017), SIAM J. Matrix Anal. 38(4).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from weightdecay.linear.krylov_data import Floats
from weightdecay.linear.krylov_folds import EPSILON, FoldOperator
from weightdecay.linear.krylov_recurrence import normalised, quotient

# Random vectors, and how many numbers those of one run may hold on rows and columns together.
PROBES, PROBE_ENTRIES = 16, 2**23
# Lanczos steps: at most so many, looked at every so often.
STEPS, LOOK = 400, 16
# They end when the quadrature is off by this share of the sample's error, or by this share of the dimension.
SHARE, FRACTION = 0.1, 1e-4
SEED = 0


@dataclass(frozen=True, eq=False)
class Traces:
    """Estimates at L prior precisions.

    Parameters
    ----------
    df : ndarray of shape (L,)
        Σ d/(d + Λ); at Λ = 0 the rank.
    df_error : ndarray of shape (L,)
        Standard error of the sample, and half the width that the quadrature leaves open.
    log_det : ndarray of shape (L,)
        Σ log(1 + d/Λ); inf at Λ = 0.
    log_det_error : ndarray of shape (L,)
    """

    df: Floats
    df_error: Floats
    log_det: Floats
    log_det_error: Floats


@dataclass(frozen=True, eq=False)
class Spectrum:
    """What random vectors have seen of the eigenvalues of AᵀA.

    Parameters
    ----------
    size : int
        m: dimension of the side that was sampled.
    runs : tuple of (ndarray of shape (K, V), ndarray of shape (K, V))
        The numbers of K Golub-Kahan steps from V vectors: α_k and β_{k+1}.
    passes : int
        Products with X or its transpose.
    """

    size: int
    runs: tuple[tuple[Floats, Floats], ...]
    passes: int

    def traces(self, precisions: Floats) -> Traces:
        """Df and log det at Λ (L,), in the units of the operator."""
        if self.size == 0:
            nothing = np.zeros(len(precisions))
            return Traces(nothing, nothing, nothing, nothing)
        steps = [one for run in self.runs for one in zip(run[0].T, run[1].T, strict=True)]
        df, log_det = np.empty((2, 2, len(steps), len(precisions)))
        for rule in (0, 1):
            for vector, (outward, homeward) in enumerate(steps):
                nodes, weights = _quadrature(outward, homeward, radau=bool(rule))
                df[rule, vector] = weights @ quotient(nodes[:, None], nodes[:, None] + precisions)
                log_det[rule, vector] = weights @ np.log1p(quotient(nodes[:, None], precisions))
        df_mean, df_error = _estimate(df)
        log_mean, log_error = _estimate(log_det)
        log_mean[precisions == 0] = np.inf
        return Traces(self.size * df_mean, self.size * df_error, self.size * log_mean, self.size * log_error)


def sampled_spectrum(operator: FoldOperator, smallest: float) -> Spectrum:
    """See the spectrum of an operator of one fold with random vectors of a fixed seed.

    Parameters
    ----------
    operator : FoldOperator
        Of one fold.
    smallest : float
        The smallest Λ, in the operator's units, that traces will be asked for: steps end when it is served.
    """
    n, p = len(operator.row_roots), len(operator.decay_roots)
    rows, columns = operator.row_roots[:, 0] > 0, operator.inverse_scales[:, 0] > 0
    by_rows, by_columns = int(rows.sum()) - n_unpenalised(operator), int(columns.sum())
    size = max(0, min(by_rows, by_columns))
    if size == 0:
        return Spectrum(0, (), 0)
    through_rows = by_rows < by_columns
    inside = rows if through_rows else columns
    width = int(np.clip(PROBE_ENTRIES // (n + p), 1, PROBES))
    rng, runs = np.random.default_rng(SEED), []
    for start in range(0, PROBES, width):
        vectors = rng.standard_normal((len(inside), 1, min(width, PROBES - start))) * inside[:, None, None]
        runs.append(_lanczos(operator, vectors, smallest, through_rows=through_rows))
    return Spectrum(size, tuple(runs), sum(2 * len(outward) for outward, _ in runs))


def n_unpenalised(operator: FoldOperator) -> int:
    """Rank of what is not penalised, in an operator of one fold."""
    return int(np.any(operator.unpenalised.maps[0] != 0, axis=0).sum())


def _lanczos(operator: FoldOperator, vectors: Floats, smallest: float, *, through_rows: bool) -> tuple[Floats, Floats]:
    """α_k and β_{k+1}, both (K, V), of Golub-Kahan steps from V vectors on the rows or on the columns."""

    def image(theta: Floats) -> Floats:
        return operator.reproject(operator.rooted(operator.apply(theta)))

    there, back = (operator.adjoint, image) if through_rows else (image, operator.adjoint)
    near, _ = normalised(operator.reproject(vectors) if through_rows else vectors)
    outward, homeward = [], []
    far, near_length = np.zeros(()), np.zeros(())
    for taken in range(1, STEPS + 1):
        far, far_length = normalised(there(near) - near_length * far)
        near, near_length = normalised(back(far) - far_length * near)
        outward.append(far_length[0])
        homeward.append(near_length[0])
        if not (far_length.any() and near_length.any()):
            break
        if taken % LOOK == 0 and _served(np.array(outward), np.array(homeward), smallest):
            break
    return np.array(outward), np.array(homeward)


def _served(outward: Floats, homeward: Floats, precision: float) -> bool:
    """Whether both rules agree on df/m at Λ, measured by what the sample leaves open."""
    tridiagonals = [_tridiagonal(outward, homeward, radau=radau) for radau in (False, True)]
    df = np.stack([1.0 - precision * _resolvent(*one, precision) for one in tridiagonals])
    half, spread = np.abs(df[0] - df[1]).mean() / 2, df.mean(axis=0).std() / np.sqrt(df.shape[1])
    return bool(half <= max(SHARE * spread, FRACTION))


def _tridiagonal(outward: Floats, homeward: Floats, *, radau: bool) -> tuple[Floats, Floats]:
    """Diagonal and off-diagonal of Gauss's rule, or of Radau's with a node at 0, along the first axis."""
    diagonal = np.square(outward)
    diagonal[1:] += np.square(homeward[:-1])
    off = outward * homeward
    return (np.concatenate([diagonal, np.square(homeward[-1:])]), off) if radau else (diagonal, off[:-1])


def _resolvent(diagonal: Floats, off: Floats, shift: float) -> Floats:
    """First entries (V,) of the inverses of tridiagonal matrices plus a shift, by their continued fractions."""
    fraction = diagonal[-1] + shift
    for k in range(len(off) - 1, -1, -1):
        fraction = diagonal[k] + shift - quotient(np.square(off[k]), fraction)
    return quotient(np.ones_like(fraction), fraction)


def _quadrature(outward: Floats, homeward: Floats, *, radau: bool) -> tuple[Floats, Floats]:
    """Nodes and weights of a rule."""
    diagonal, off = _tridiagonal(outward, homeward, radau=radau)
    # LAPACK's drivers for tridiagonal matrices fail on graded ones in some builds; divide and conquer does not.
    nodes, vectors = np.linalg.eigh(np.diag(diagonal) + np.diag(off, -1))
    nodes[nodes <= len(nodes) * EPSILON * nodes[-1]] = 0.0
    return nodes, np.square(vectors[0])


def _estimate(values: Floats) -> tuple[Floats, Floats]:
    """Mean and error (L,) of the two rules' values (2, V, L)."""
    middle, half = values.mean(axis=0), np.abs(values[0] - values[1]).mean(axis=0) / 2
    return middle.mean(axis=0), middle.std(axis=0, ddof=1) / np.sqrt(len(middle)) + half
