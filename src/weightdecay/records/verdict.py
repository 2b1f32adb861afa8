"""The verdict: a `Tuning` in four lines of words."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from weightdecay.decay.units import convert

if TYPE_CHECKING:
    from weightdecay.records.tuning import Reference, Tuning

# Which other tools' numbers a user of each estimator is likely to need.
ELSEWHERE = {
    "LinearRegression": (
        ("scikit-learn Ridge(alpha={})", "sklearn.Ridge.alpha"),
        ("glmnet lambda={}", "glmnet.gaussian.lambda"),
        ("torch SGD weight_decay={}", "torch.coupled.weight_decay"),
    ),
}


def brief(value: float) -> str:
    """A number in at most four significant digits."""
    if value == 0 or not math.isfinite(value):
        return "0" if value == 0 else "infinity" if value > 0 else "undefined"
    return f"{value:.4g}" if 1e-4 <= abs(value) < 1e6 else f"{value:.3e}"


def verdict(tuning: Tuning) -> str:
    """How much; whether it matters; what the habits would cost; the same strength elsewhere."""
    return "\n".join((_how_much(tuning), _matters(tuning), _habits(tuning), _elsewhere(tuning)))


def matters(tuning: Tuning) -> str:
    """Which of the three cases holds: ``"no"`` (does not matter), ``"unknown"`` (cannot tell) or ``"yes"``."""
    if tuning.window == (0.0, math.inf):
        return "no"
    if tuning.plausible == (0.0, math.inf):
        return "unknown"
    return "yes"


def _how_much(tuning: Tuning) -> str:
    """Line 1: the choice, its loss and where it comes from."""
    if tuning.targets:
        values = [one.decay for one in tuning.targets]
        choice = (
            f"Use a decay of its own for each of {len(values)} targets: {brief(min(values))} to {brief(max(values))}"
        )
    elif tuning.decay == 0:
        choice = "Use no decay (decay = 0): shrinking the weights does not help here"
    elif math.isinf(tuning.decay):
        choice = "Use infinite decay: the decayed columns do not help to predict, the undecayed fit is as good"
    else:
        choice = f"Use decay = {brief(tuning.decay)}"
    index = int(np.argmin(np.abs(tuning.decays - tuning.decay))) if math.isfinite(tuning.decay) else -1
    error = tuning.standard_error[index]
    spread = f" ± {brief(float(error))}" if math.isfinite(error) else ""
    return f"{choice} (rule {tuning.rule}; held-out {tuning.scoring} {brief(float(tuning.mean[index]))}{spread}, {tuning.cv})."


def _range(interval: tuple[float, float]) -> str:
    """An interval of decays in words."""
    low, high = interval
    if low == 0 and math.isinf(high):
        return "any decay from none to infinity"
    if low == 0:
        return f"anything up to {brief(high)}"
    return f"anything from {brief(low)} up" if math.isinf(high) else f"anything from {brief(low)} to {brief(high)}"


def _matters(tuning: Tuning) -> str:
    """Line 2: the window, and which of the three cases holds."""
    percent = f"{100 * tuning.tolerance:g} %"
    case = matters(tuning)
    if case == "no":
        return f"Decay hardly matters here: {_range(tuning.window)} is within {percent} of the best."
    near = f"{_range(tuning.window)} is within {percent} of the best"
    if case == "unknown":
        return f"These data cannot tell: {near}, but no decay at all differs from it by more than one standard error."
    low, high = tuning.window
    factor = f" (a factor of {brief(high / low)})" if low > 0 and math.isfinite(high) else ""
    return f"It matters: {near}{factor}; {_range(tuning.plausible)} is within one paired standard error."


def _cost(tuning: Tuning, reference: Reference) -> str:
    """What a reference decay costs against the best, in percent and paired standard errors."""
    best = float(tuning.mean[tuning.best])
    excess = reference.mean - best
    if not math.isfinite(excess):
        return "cannot be computed"
    share = f"{100 * excess / abs(best):+.2g} %" if best else f"{excess:+.3g}"
    if math.isfinite(reference.paired) and reference.paired > 0:
        return f"{share} ({excess / reference.paired:.1f} standard errors)"
    return share


def _habits(tuning: Tuning) -> str:
    """Line 3: what no decay and the common default would cost."""
    parts = [
        f"{one.name} (decay = {brief(one.decay)}) {_cost(tuning, one)}"
        for one in tuning.references
        if math.isfinite(one.decay)
    ]
    return f"Without tuning, the held-out {tuning.scoring} changes by: {'; '.join(parts) or 'not evaluated'}."


def _elsewhere(tuning: Tuning) -> str:
    """Line 4: the chosen decay in other tools' units."""
    facts = {"n_samples": tuning.weight_sum}
    if math.isfinite(tuning.y_std) and tuning.y_std > 0:
        facts["y_std"] = tuning.y_std
    if tuning.targets or not math.isfinite(tuning.decay):
        return (
            "The same strength in other tools: see wd.convert for each target's decay."
            if tuning.targets
            else ("The same strength in other tools: leave the decayed columns out.")
        )
    parts = []
    for text, name in ELSEWHERE.get(tuning.model_name, ()):
        if "glmnet" in name and "y_std" not in facts:
            continue
        parts.append(text.format(brief(convert(tuning.decay, "decay", name, **facts))))
    columns = " on standardised columns" if tuning.standardize else ""
    return f"The same strength elsewhere{columns}: {', '.join(parts) or brief(tuning.decay)}."
