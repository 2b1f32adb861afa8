"""What the columns that an L1 part has chosen give to say."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from weightdecay.records.diagnostics import Diagnostics
from weightdecay.records.finding import Finding
from weightdecay.records.tuning import Tuning

HALF = 0.5  # share of the chosen columns that stay in all folds, below which it is told
FEWEST = 4  # chosen columns


def l1_findings(tuning: Tuning) -> Iterator[Finding]:
    """WD020: a choice of columns that other rows would not have made."""
    found = tuning.diagnostics if tuning.l1_ratio else None
    if not isinstance(found, Diagnostics) or not np.isfinite(found.fold_std).any():
        return
    # Columns that are zero in some models by an L1 part, not for want of variance or of a penalty.
    chosen = found.coef != 0
    stay = chosen & ((found.fold_low > 0) | (found.fold_high < 0))
    count, kept = int(np.count_nonzero(chosen)), int(np.count_nonzero(stay))
    if count >= FEWEST and kept < HALF * count:
        have = "has one" if kept == 1 else "have one"
        yield Finding(
            "WD020",
            "info",
            f"of {count} columns with a coefficient {kept or 'none'} {have} of the same sign in the models of all "
            f"{found.folds}",
            "read the others as one of several that might stand there; a smaller l1_ratio keeps related columns "
            "together",
        )
