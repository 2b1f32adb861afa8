"""What findings of an L1 part mean."""

from __future__ import annotations

from weightdecay.records.explanations import Explanation

OF_L1 = (
    Explanation(
        "WD020",
        "which columns have a coefficient differs between folds",
        "An L1 part sets coefficients to zero, and of columns that say nearly the same it keeps one and drops the "
        "others, though by a hair. Other rows would have kept others. Predictions hardly feel that, but a list of the "
        "columns that are not zero then says little of which columns matter.",
        "How many of the columns that are not zero have a coefficient of the same sign in the models of all folds, "
        "where that is less than half of at least four.",
        "Trust the columns that stay, and read each of the others as one of several that might stand there. A smaller "
        "l1_ratio keeps related columns together, and so does weight decay.",
        "Meinshausen & Bühlmann (2010), Stability selection, Journal of the Royal Statistical Society B 72(4); Zou & "
        "Hastie (2005), Regularization and variable selection via the elastic net, the same, 67(2).",
    ),
)
