"""What the held-out probabilities of a classifier give to say."""

from __future__ import annotations

from collections.abc import Iterator

from weightdecay.records.class_diagnostics import AnyDiagnostics, ClassDiagnostics
from weightdecay.records.class_summary import ClassSummary
from weightdecay.records.finding import Finding
from weightdecay.records.verdict import brief

STEEP = 2.0  # slope of the recalibration above which, or below the inverse of which, it is told
APART = 0.05  # mean distance of probabilities from what came true
CERTAIN = 3.0  # standard errors of the slope, and standard deviations of that distance


def class_findings(found: AnyDiagnostics | None) -> Iterator[Finding]:
    """WD027: probabilities that do not mean what they say, where enough rows tell."""
    if not isinstance(found, ClassDiagnostics):
        return
    seen = found.held_out
    slope, spread = seen.slope, seen.slope_error
    if (slope > STEEP or slope < 1 / STEEP) and abs(slope - 1) > CERTAIN * spread:
        how, why = ("less sure than they could be", "strong") if slope > 1 else ("surer than they should be", "weak")
        yield Finding(
            "WD027",
            "warning",
            f"held-out probabilities are {how}: their logistic recalibration has a slope of {_two(slope)} ± "
            f"{_two(spread)}, where 1 is right",
            f"the decay is too {why} for probabilities: tune by the log-loss with rule='min', or recalibrate them; "
            "where only the predicted classes count, all may be well",
        )
    elif _far(seen):
        bins = seen.calibration
        yield Finding(
            "WD027",
            "warning",
            f"held-out probabilities differ from what came true by {_two(100 * bins.error)} percentage points on "
            f"average, where chance would give {_two(100 * bins.error_by_chance)}",
            "class weights, and scorers or rules that take much decay, do this: tune by the log-loss with rule='min' "
            "and without class weights, or recalibrate; else add columns (squares, products) for effects missed",
        )


def _far(seen: ClassSummary) -> bool:
    """Whether probabilities are farther from what came true than chance and tolerance allow."""
    bins = seen.calibration
    return bins.error > APART and bins.error > bins.error_by_chance + CERTAIN * bins.chance_std


def _two(value: float) -> str:
    """A number in two significant digits."""
    return brief(float(f"{value:.2g}"))
