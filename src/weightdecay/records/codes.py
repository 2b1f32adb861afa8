"""The table of finding codes: stable names of what can be wrong or worth knowing."""

from __future__ import annotations

CODES: dict[str, str] = {
    "WD001": "the best decay lies at the edge of the decays given",
    "WD002": "the held-out curve is flat: decay hardly matters here",
    "WD003": "the held-out curve has several minima",
    "WD004": "columns differ widely in scale and are not standardised",
    "WD005": "columns are collinear or duplicated",
    "WD006": "a column is constant",
    "WD007": "one column almost alone explains the target: a likely leak",
    "WD008": "a column looks like an identifier",
    "WD009": "one row dominates a column",
    "WD010": "very few rows",
    "WD011": "more columns than rows",
    "WD012": "other criteria disagree with cross-validation",
    "WD013": "the solver stopped before the tolerance was met",
    "WD014": "digits are at risk: the problem is ill-conditioned",
}
