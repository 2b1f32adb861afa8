"""Row losses: mean, standard error and paired error of L decays over many rows, without keeping the rows."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.held_out import HeldOut
from weightdecay.tuning.selection import smallest

Array = NDArray[np.float64]


class RowLosses:
    """Weighted sums over rows of losses at L decays, added block by block.

    The standard error of the mean over n rows with weights W is √(Σ W (loss − mean)²/ΣW/(n − 1)). Paired errors need
    the products of the losses of two decays; they are kept of *differences to one reference decay*, chosen from the
    first block, so that what cancels between similar decays cancels before it is squared.
    """

    def __init__(self, decays: Array) -> None:
        L = len(decays)
        self.decays = decays
        self.reference = -1
        self.start = np.zeros(L)
        self.weight, self.rows = 0.0, 0
        self.first, self.second, self.product = np.zeros(L), np.zeros(L), np.zeros((L, L))
        self.reference_first, self.reference_second, self.crossed = 0.0, 0.0, np.zeros(L)

    def add(self, loss: Array, weight: Array) -> None:
        """Add the losses (m, L) of m rows with positive weights (m,)."""
        if self.reference < 0:
            mean = weight @ loss / weight.sum()
            self.reference = smallest(self.decays, mean)
            self.start = mean
        own = loss[:, self.reference] - self.start[self.reference]
        difference = loss - loss[:, [self.reference]]
        weighted = difference * weight[:, None]
        self.weight += float(weight.sum())
        self.rows += len(weight)
        self.first += weighted.sum(axis=0)
        self.product += weighted.T @ difference
        self.crossed += own @ weighted
        self.reference_first += float(weight @ own)
        self.reference_second += float(weight @ own**2)

    def held_out(self, among: Array | None = None) -> HeldOut:
        """The record: one fold-like row of mean losses, paired with the best of some decays."""
        W, n = self.weight, self.rows
        difference, own = self.first / W, self.reference_first / W
        mean = self.start[self.reference] + own + difference
        square = (np.diagonal(self.product) + 2 * self.crossed + self.reference_second) / W
        best = smallest(self.decays, mean, among)
        paired_square = (np.diagonal(self.product) - 2 * self.product[best] + self.product[best, best]) / W
        spread = np.maximum(
            [square - (own + difference) ** 2, paired_square - (difference - difference[best]) ** 2], 0.0
        )
        error, paired = np.sqrt(spread / max(n - 1, 1)) if n > 1 else np.full((2, len(mean)), np.nan)
        status = np.full((1, len(mean)), "exact", dtype="<U24")
        return HeldOut(self.decays, mean[None, :], np.array([W]), error, paired, status)


def of_rows(decays: Array, pieces: Iterable[tuple[Array, Array]], among: Array | None) -> HeldOut:
    """A `HeldOut` in whose errors rows stand for folds, from squared residuals (m, L, t) and weights (m,), piecewise.

    With several targets the record is of the rows' mean over targets, with one inside for every target.
    """
    sums: list[RowLosses] = []
    for square, weight in pieces:
        used = weight > 0
        if not used.all():
            square, weight = square[used], weight[used]
        if not len(weight):
            continue
        parts = [square[:, :, k] for k in range(square.shape[2])]
        parts += [square.mean(axis=2)] if len(parts) > 1 else []
        sums = sums or [RowLosses(decays) for _ in parts]
        for one, losses in zip(sums, parts, strict=True):
            one.add(losses, weight)
    made = [one.held_out(among) for one in sums]
    return replace(made[-1], targets=tuple(made[:-1]))


def marked(record: HeldOut, where: NDArray[np.bool_], word: str) -> HeldOut:
    """The record, and those inside, with another status at some decays."""
    if not where.any():
        return record
    targets = tuple(marked(one, where, word) for one in record.targets)
    return replace(record, status=np.where(where, word, record.status), targets=targets)
