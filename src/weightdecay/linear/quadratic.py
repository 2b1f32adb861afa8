"""Quadratics ½ wᵀQw − qᵀw, held as a Gram matrix or as rows of which Q is the Gram matrix.

Both tell a block of Q, and the slope q − Qw; rows lose none of its digits where columns are nearly dependent. Both ask
scikit-learn's coordinate descent for a first answer.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

Array = NDArray[np.float64]
Index = NDArray[np.intp]

# Columns up to which rows are multiplied out once, rather than read in every sweep of coordinate descent.
MULTIPLIED = 2000
# Columns of sparse data of which a block is still factorised (a second, and 50 MB), and no limit at all.
FACTORISED, ALL = 2500, 2**62
# Columns per row beyond which few of them are active at once, and cheaply multiplied.
MOSTLY = 20
# Sweeps of coordinate descent at one strength, and its tolerance (of the duality gap, relative to yᵀy): it has only to
# tell about which coefficients are zero.
SWEEPS = 200
ROUGH = 1e-4


class Quadratic(Protocol):
    """½ wᵀQw − qᵀw with a positive semi-definite Q of p columns."""

    @property
    def most(self) -> int:
        """Columns of which a block is worth a factorisation."""
        ...

    @property
    def ends(self) -> bool:
        """Whether its path is to be followed to the end, where nothing is penalised."""
        ...

    @property
    def q(self) -> Array:
        """The slope at zero, shape (p,)."""
        ...

    @property
    def diagonal(self) -> Array:
        """Of Q, shape (p,)."""
        ...

    def block(self, index: Index) -> Array:
        """Q of some columns; the caller's own."""
        ...

    def slope(self, w: Array) -> Array:
        """q − Qw, shape (p,)."""
        ...

    def scaled(self, factor: Array) -> Quadratic:
        """The same in v = factor · w."""
        ...

    def descend(self, strength: float, ridge: Array, start: Array, tol: float) -> Array:
        """Roughly the minimum (p,) with strength · Σ|w_j| + ½ Σ ridge_j w_j² added, for a strength > 0.

        ``ridge`` is of shape (1,), or (p,) where it differs between columns.
        """
        ...


@dataclass(frozen=True, eq=False)
class OfGram:
    """A Gram matrix (p, p) and q (p,).

    ``square`` is a bound of qᵀQ⁺q, by which coordinate descent measures its gap: yᵀy where q = Xᵀy.
    """

    Q: Array
    q: Array
    square: float
    most: ClassVar[int] = ALL
    ends: ClassVar[bool] = True

    @cached_property
    def diagonal(self) -> Array:
        """Of Q."""
        return np.diagonal(self.Q)

    def block(self, index: Index) -> Array:
        """Q of some columns."""
        p = len(self.q)
        if len(index) == p:
            return self.Q.copy()
        if 8 * len(index) > p:
            return np.asarray(self.Q[index][:, index])
        return self.Q.ravel("K").take(index[:, None] * p + index)  # of so few no whole rows are copied

    def slope(self, w: Array) -> Array:
        """q − Qw."""
        index = np.flatnonzero(w)
        if 4 * len(index) > len(w):
            return np.asarray(self.q - self.Q @ w)
        return np.asarray(self.q - w[index] @ self.Q[index])

    def scaled(self, factor: Array) -> OfGram:
        """The same in v = factor · w."""
        return OfGram(self.Q / factor / factor[:, None], self.q / factor, self.square)

    def without(self, free: NDArray[np.bool_]) -> OfGram:
        """The same of the other columns, minimised over the free ones: the Schur complement."""
        kept, gone = np.flatnonzero(~free), np.flatnonzero(free)
        cross = self.Q[np.ix_(gone, kept)]
        right = np.linalg.lstsq(self.Q[np.ix_(gone, gone)], np.column_stack([cross, self.q[gone]]), rcond=None)[0]
        left = self.square - float(self.q[gone] @ right[:, -1])
        return OfGram(self.block(kept) - cross.T @ right[:, :-1], self.q[kept] - cross.T @ right[:, -1], max(left, 0.0))

    def descend(self, strength: float, ridge: Array, start: Array, tol: float) -> Array:
        """By the Gram matrix; a ridge that differs between columns goes onto its diagonal."""
        Q, same = self.Q, float(ridge[0])
        if len(ridge) > 1:
            Q, same = Q + np.diag(ridge), 0.0
        # With the Gram matrix at hand the rows are looked at only for their number, of which alpha is per one.
        X, y = np.zeros((1, len(self.q)), order="F"), np.array([np.sqrt(self.square)])
        Q, Xy = np.ascontiguousarray(Q), np.ascontiguousarray(self.q)
        return _descended(strength, same, start, X=X, y=y, precompute=Q, Xy=Xy, tol=tol)


@dataclass(frozen=True, eq=False)
class OfRows:
    """Rows Z (m, p) and y (m,): Q = ZᵀZ and q = Zᵀy."""

    Z: Array
    y: Array
    most: ClassVar[int] = ALL
    ends: ClassVar[bool] = True

    @cached_property
    def q(self) -> Array:
        """Products of the columns with y."""
        return np.asarray(self.Z.T @ self.y)

    @cached_property
    def diagonal(self) -> Array:
        """Squared lengths of the columns."""
        return np.asarray(np.einsum("ij,ij->j", self.Z, self.Z))

    @cached_property
    def gram(self) -> OfGram:
        """Multiplied out."""
        return OfGram(self.Z.T @ self.Z, self.q, float(self.y @ self.y))

    def block(self, index: Index) -> Array:
        """Products of some columns."""
        if len(self.q) <= min(MULTIPLIED, MOSTLY * len(self.y)):
            return self.gram.block(index)
        part = self.Z[:, index]
        return np.asarray(part.T @ part)

    def slope(self, w: Array) -> Array:
        """Zᵀ(y − Zw), in which less cancels than in q − Qw."""
        index = np.flatnonzero(w)
        part = self.Z if 4 * len(index) > len(w) else self.Z[:, index]
        return np.asarray(self.Z.T @ (self.y - part @ (w if part is self.Z else w[index])))

    def scaled(self, factor: Array) -> OfRows:
        """The same in v = factor · w."""
        return OfRows(np.asfortranarray(self.Z / factor), self.y)

    def descend(self, strength: float, ridge: Array, start: Array, tol: float) -> Array:
        """Through the Gram matrix where that is small, else through the rows."""
        if len(start) <= MULTIPLIED:
            return self.gram.descend(strength, ridge, start, tol)
        m = len(self.y)
        same = float(ridge.mean())  # of strengths that differ between columns only a rougher answer is had
        X = np.asfortranarray(self.Z)
        return _descended(strength / m, same / m, start, X=X, y=self.y, precompute=False, tol=tol)


@dataclass(frozen=True, eq=False)
class OfSparse:
    """Sparse rows Z (m, p), their weights s and centred y (m,): Q = Zᵀ diag(s) Z − Σs m mᵀ about the means m (p,)."""

    Z: sparse.csc_array
    y: Array
    s: Array
    mean: Array | None
    most: ClassVar[int] = FACTORISED
    ends: ClassVar[bool] = False

    @cached_property
    def _means(self) -> Array:
        """Zeros where nothing is centred."""
        return np.zeros(self.Z.shape[1]) if self.mean is None else self.mean

    @cached_property
    def q(self) -> Array:
        """Products of the centred columns with y."""
        return self._back(self.y)

    @cached_property
    def diagonal(self) -> Array:
        """Squared lengths of the centred columns."""
        return np.asarray(self.Z.multiply(self.Z).T @ self.s - self.s.sum() * self._means**2)

    def block(self, index: Index) -> Array:
        """Products of some columns."""
        part, mean = self.Z[:, index], self._means[index]
        product = part.T @ part.multiply(self.s[:, None]).tocsc()
        return np.asarray(product.toarray() - self.s.sum() * np.outer(mean, mean))

    def slope(self, w: Array) -> Array:
        """Through the residuals."""
        index = np.flatnonzero(w)
        return self._back(self.y - self.Z[:, index] @ w[index] + self._means @ w)

    def _back(self, residual: Array) -> Array:
        """Products of the centred columns with residuals."""
        weighted = self.s * residual
        return np.asarray(self.Z.T @ weighted - self._means * weighted.sum())

    def scaled(self, factor: Array) -> OfSparse:
        """The same in v = factor · w."""
        Z = sparse.csc_array(self.Z @ sparse.diags_array(1.0 / factor))
        return OfSparse(Z, self.y, self.s, None if self.mean is None else self.mean / factor)

    def descend(self, strength: float, ridge: Array, start: Array, tol: float) -> Array:
        """By scikit-learn's ElasticNet, which centres sparse columns in passing."""
        import warnings

        from sklearn.exceptions import ConvergenceWarning
        from sklearn.linear_model import ElasticNet

        both, S = strength + float(ridge.mean()), float(self.s.sum())
        model = ElasticNet(
            both / S,
            l1_ratio=strength / both,
            fit_intercept=self.mean is not None,
            warm_start=True,
            max_iter=SWEEPS,
            tol=tol,
        )
        model.coef_ = start.copy()  # where a warm start begins
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            model.fit(self.Z, self.y, sample_weight=self.s)
        return np.asarray(model.coef_)


def _descended(strength: float, ridge: float, start: Array, **given: Any) -> Array:
    """scikit-learn's ``enet_path``: alpha is the sum of both strengths, l1_ratio the share of the first."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import enet_path

    both = strength + ridge
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # whoever asks looks at what was found
        _, coef, *_ = enet_path(
            alphas=np.array([both]),
            l1_ratio=strength / both,
            coef_init=start.copy(),
            max_iter=SWEEPS,
            check_input=False,
            **given,
        )
    return np.asarray(coef[:, 0])
