"""The verdict: a `Tuning` in four lines of words."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from weightdecay.decay.units import convert
from weightdecay.records.brief import brief as brief
from weightdecay.records.group_words import group_line
from weightdecay.records.jsonable import encode
from weightdecay.records.l1_words import mixed_elsewhere, suits
from weightdecay.records.shares import gains

if TYPE_CHECKING:
    from weightdecay.records.tuning import Reference, Tuning

# Which other tools' numbers a user of each estimator is likely to need: text, convention, and facts of that tool.
ELSEWHERE: Mapping[str, tuple[tuple[str, str, Mapping[str, str]], ...]] = {
    "LinearRegression": (
        ("scikit-learn Ridge(alpha={})", "sklearn.Ridge.alpha", {}),
        ("glmnet lambda={}", "glmnet.gaussian.lambda", {}),
        ("torch SGD weight_decay={} with MSELoss", "torch.coupled.weight_decay", {"loss": "mse"}),
    ),
    "LogisticRegression": (
        ("scikit-learn LogisticRegression(C={})", "sklearn.LogisticRegression.C", {}),
        ("glmnet lambda={}", "glmnet.binomial.lambda", {}),
        ("torch SGD weight_decay={}", "torch.coupled.weight_decay", {}),
    ),
    "PoissonRegression": (
        ("scikit-learn PoissonRegressor(alpha={})", "sklearn.PoissonRegressor.alpha", {}),
        ("glmnet lambda={}", "glmnet.poisson.lambda", {}),
    ),
    "Ridge": (("Ridge(alpha={})", "sklearn.Ridge.alpha", {}),),
    "Lasso": (("Lasso(alpha={})", "sklearn.Lasso.alpha", {}),),
    "ElasticNet": (("ElasticNet(alpha={})", "sklearn.ElasticNet.alpha", {}),),
    "PoissonRegressor": (("PoissonRegressor(alpha={})", "sklearn.PoissonRegressor.alpha", {}),),
    "GammaRegressor": (("GammaRegressor(alpha={})", "sklearn.GammaRegressor.alpha", {}),),
    "TweedieRegressor": (("TweedieRegressor(alpha={})", "sklearn.TweedieRegressor.alpha", {}),),
    "RidgeClassifier": (("RidgeClassifier(alpha={})", "sklearn.RidgeClassifier.alpha", {}),),
    "SGDClassifier": (("SGDClassifier(alpha={})", "sklearn.SGDClassifier.alpha", {}),),
    "SGDRegressor": (("SGDRegressor(alpha={})", "sklearn.SGDRegressor.alpha", {}),),
}
# Share of a loss by which a decay beyond those given must be better to say that it is.
BETTER = 1e-4
# Relative difference of losses that is rounding.
SAME = 1e-13
# Targets up to which the verdict tells each one's decay.
FEW_TARGETS = 5
# Penalties that have no L2 part at all; where a tool scales both parts alike, any mix gives the same number.
PURE_L1 = ("Lasso",)


def verdict(tuning: Tuning) -> str:
    """How much; whether it matters; what the habits would cost; the same strength elsewhere.

    Then groups of columns, and which kind of penalty suits the data, where there is something to say of them.
    """
    groups = "" if tuning.grouping is None else group_line(tuning.grouping)
    lines = _how_much(tuning), _matters(tuning), _habits(tuning), _elsewhere(tuning), groups, suits(tuning)
    return "\n".join(filter(None, lines))


def matters(tuning: Tuning) -> str:
    """Which of the three cases holds: ``"no"`` (does not matter), ``"unknown"`` (cannot tell) or ``"yes"``."""
    window, plausible = _opened(tuning)
    if window == (0.0, math.inf):
        return "no"
    if plausible == (0.0, math.inf):
        return "unknown"
    return "yes"


def _opened(tuning: Tuning) -> tuple[tuple[float, float], tuple[float, float]]:
    """Window and plausible range, from 0 where no decay cannot be fitted and nothing less that can be is outside.

    They end at the least decay tried then, but not because less would be worse: below it nothing is known.
    """
    (low, high), (least, most) = tuning.window, tuning.plausible
    none = tuning.reference("no decay")
    if none is None or not math.isnan(none.mean):
        return tuning.window, tuning.plausible
    known = float(tuning.decays[np.isfinite(tuning.mean)].min(initial=math.inf))
    below = [one for one in tuning.references if one.decay < known and not math.isnan(one.mean)]
    away = [abs(one.mean - float(tuning.mean[tuning.best])) for one in below]
    near = all(one <= tuning.tolerance * tuning.unit for one in away)
    likely = all(one <= reference.paired for one, reference in zip(away, below, strict=True))
    return (0.0 if near and low <= known else low, high), (0.0 if likely and least <= known else least, most)


def beaten(tuning: Tuning) -> Reference | None:
    """The best reference that is better than all decays of the record, which then were given.

    Between them it must be better by more than the tolerance: a coarse grid is no fault.
    """
    least, decays = float(tuning.mean[tuning.best]), tuning.decays

    def enough(one: Reference) -> float:
        return tuning.unit * (tuning.tolerance if decays[0] <= one.decay <= decays[-1] else BETTER)

    better = [one for one in tuning.references if one.mean < least - enough(one)]
    return min(better, key=lambda one: one.mean, default=None)


def nothing_decayed(tuning: Tuning) -> bool:
    """Whether no decay changes anything, from none to infinity."""
    losses = [*tuning.mean.tolist(), *(one.mean for one in tuning.references)]
    return bool(max(losses) - min(losses) <= SAME * abs(min(losses)))


def near_best(tuning: Tuning) -> str:
    """What the tolerance allows, in words that follow a subject."""
    constant = tuning.reference("infinite decay")
    if tuning.scored and constant is not None and gains(float(tuning.mean[tuning.best]), constant.mean):
        return f"keeps {100 * (1 - tuning.tolerance):g} % of what the best gains on a constant prediction"
    return f"is within {100 * tuning.tolerance:g} % of the best"


def _choice(tuning: Tuning) -> str:
    """The decay to use."""
    if tuning.targets:
        return _choice_of_targets(tuning)
    if nothing_decayed(tuning):
        return "Any decay will do: it changes nothing here, since nothing that varies is decayed"
    if beaten(tuning) is not None or (tuning.decay == 0 and _better_than_none(tuning)):
        return f"Of the decays given, use {brief(tuning.decay)}"
    if tuning.decay == 0:
        return "Use no decay (decay = 0): shrinking the weights does not help here"
    if math.isinf(tuning.decay):
        return _choice_of_infinity(tuning)
    return f"Use decay = {brief(tuning.decay)}"


def _choice_of_infinity(tuning: Tuning) -> str:
    """Infinite decay, and why: it is the best, or a rule takes it although it is not."""
    if math.isinf(tuning.decay_min):
        return "Use infinite decay: the decayed columns do not help to predict, the fit without them is as good"
    own = f"the rule takes it, though {brief(tuning.decay_min)} is better"
    why = "its loss is within one standard error of the best" if tuning.rule == "1se" else own
    return f"Use infinite decay (leave the decayed columns out): {why}"


def _better_than_none(tuning: Tuning) -> bool:
    """Whether some decay, given or not, is better than none, however little."""
    none = tuning.reference("no decay")
    return none is not None and any(one.mean < none.mean for one in tuning.references)


def _choice_of_targets(tuning: Tuning) -> str:
    """The decays of several targets: by name if they are few."""
    values = [brief(one.decay) for one in tuning.targets]
    count = len(values)
    if len(set(values)) == 1:
        what = f"{values[0]} for all"
    elif count > FEW_TARGETS:
        decays = [one.decay for one in tuning.targets]
        what = f"{brief(min(decays))} to {brief(max(decays))}"
    else:
        names = [f"{name} " for name in tuning.target_names] or [""] * count
        what = ", ".join(f"{name}{value}" for name, value in zip(names, values, strict=True))
    return f"Use a decay of its own for each of {count} targets: {what}"


def _setting(tuning: Tuning) -> str:
    """The setting of other parameters that a search in a space has found the best, as the end of a sentence."""
    if not tuning.trials:
        return ""
    words = ", ".join(f"{name}={encode(value)}" for name, value in tuning.trials[0].params.items())
    return f" with {words}"


def _how_much(tuning: Tuning) -> str:
    """Line 1: the choice, its loss and where it comes from."""
    details = [f"rule {tuning.rule}"]
    loss = _chosen_loss(tuning)
    if loss is not None:
        at = np.flatnonzero(tuning.decays == tuning.decay)
        error = float(tuning.standard_error[at[0]]) if len(at) and not tuning.targets else math.nan
        spread = f" ± {brief(error)}" if math.isfinite(error) else ""
        averaged = " averaged over targets" if tuning.targets else ""
        details.append(f"held-out {tuning.metric}{averaged} {brief(tuning.as_metric(loss))}{spread}, {tuning.cv}")
    elif not tuning.targets:
        details.append("not among the decays tried, so that its loss is not known")
    if not tuning.targets and tuning.decay != tuning.decay_min:
        least = tuning.as_metric(float(tuning.mean[tuning.best]))
        details.append(f"the best is {brief(least)} at {brief(tuning.decay_min)}")
    return f"{_choice(tuning)}{_setting(tuning)} ({'; '.join(details)})."


def _chosen_loss(tuning: Tuning) -> float | None:
    """Mean loss at the choice, each target at its own; None where a rule chose a decay that was not tried."""
    if tuning.targets:
        losses = [_chosen_loss(one) for one in tuning.targets]
        return None if None in losses else float(np.mean([one for one in losses if one is not None]))
    at = np.flatnonzero(tuning.decays == tuning.decay)
    return float(tuning.mean[at[0]]) if len(at) else None


def _range(interval: tuple[float, float]) -> str:
    """An interval of decays in words."""
    low, high = interval
    if low == high:
        return f"only {brief(low)}"
    if low == 0 and math.isinf(high):
        return "any decay from none to infinity"
    if low == 0:
        return f"anything from none up to {brief(high)}"
    return f"anything from {brief(low)} up" if math.isinf(high) else f"anything from {brief(low)} to {brief(high)}"


def _matters(tuning: Tuning) -> str:
    """Line 2: the window, and which of the cases holds."""
    if tuning.targets:
        return _matters_for_targets(tuning)
    if nothing_decayed(tuning):
        return "It does not matter: all decays give the same predictions."
    plausible, opened = tuning.plausible, _opened(tuning)
    if len(tuning.decays) == 1:
        return "Whether it matters a single decay cannot tell; line 3 compares it with others."
    near = f"{_among(tuning)}{_range(tuning.window)} {near_best(tuning)}"
    case, rule = matters(tuning), _in_use(tuning)
    if case == "no":
        return f"Decay hardly matters here: {near}.{rule}"
    if case == "unknown":
        little = "no" if opened[1] == plausible else "the least"
        return (
            f"These data cannot tell: {near}, but {little} decay and infinite decay are not clearly worse either "
            f"(within one paired standard error).{rule}"
        )
    low, high = opened[0]
    if 0 < low and math.isfinite(high) and high > 1.05 * low:
        factor = brief(float(f"{high / low:.2g}"))
        near = near.replace(_range(tuning.window), f"{_range(tuning.window)}, a factor of {factor},")
    wide = plausible[0] < plausible[1]
    within = f", {_range(plausible)} within one paired standard error of it" if wide else ""
    return f"{_how_it_matters(tuning)}: {near}{within}.{rule}"


def _among(tuning: Tuning) -> str:
    """Of which decays line 2 speaks, if not of all."""
    given = beaten(tuning) is not None or tuning.window[0] == tuning.window[1]
    fitted = _opened(tuning) != (tuning.window, tuning.plausible)
    words = f"of the decays{' given' if given else ''}{' whose loss is known' if fitted else ''}, "
    return words if given or fitted else ""


def _in_use(tuning: Tuning) -> str:
    """What the choice of another rule than the least loss costs, as a sentence of its own."""
    if tuning.decay == tuning.decay_min:
        return ""
    low, high = tuning.window
    at = np.flatnonzero(tuning.decays == tuning.decay)
    parts = (
        [f"lies outside of the {100 * tuning.tolerance:g} % window"]
        if tuning.decay < low or tuning.decay > high
        else []
    )
    if len(at):
        cost = _cost(tuning, float(tuning.mean[at[0]]), float(tuning.paired[at[0]]))
        parts.append(f"changes the held-out {tuning.metric} by {cost} against the best")
    return f" The decay in use, {brief(tuning.decay)}, {' and '.join(parts)}." if parts else ""


def _how_it_matters(tuning: Tuning) -> str:
    """On which side decay matters, and on which these data cannot tell."""
    (low, high), (least, most) = _opened(tuning)
    if low == 0:
        return "Decay hardly matters as long as it is not too large"
    if math.isinf(high):
        return "Decay hardly matters as long as it is not too small"
    if least == 0:
        # Where no decay cannot be fitted some is needed, however little.
        unsure = "any is needed" if tuning.plausible[0] == 0 else "too little does"
        return f"Too much decay hurts, but whether {unsure} these data cannot tell"
    if math.isinf(most):
        return "Too little decay hurts, but whether any is too much these data cannot tell"
    return "It matters"


def _matters_for_targets(tuning: Tuning) -> str:
    """Line 2 for several targets: how many are in each of the three cases."""
    count, total = Counter(matters(one) for one in tuning.targets), len(tuning.targets)
    parts = [
        f"{words} for {count[case]} of {total} targets"
        for case, words in (("yes", "it matters"), ("no", "it hardly matters"), ("unknown", "these data cannot tell"))
        if count[case]
    ]
    text = ", ".join(parts)
    return f"{text[0].upper()}{text[1:]}; each one's window is in its own record."


def relative(excess: float, best: float) -> str:
    """A difference to a positive loss in words: a percentage in two significant digits, or a factor."""
    if not excess < 10 * best:
        return f"a factor of {brief((best + excess) / best)}"
    percent = 100 * excess / best
    if abs(percent) < 0.01:
        return "less than 0.01 %" if percent else "nothing"
    return f"{percent:+.0f} %" if abs(percent) >= 10 else f"{percent:+.2g} %"


def _cost(tuning: Tuning, loss: float, paired: float) -> str:
    """What a loss changes against the best, in percent (or score) and paired standard errors."""
    best = (
        float(np.mean([one.mean[one.best] for one in tuning.targets]))
        if tuning.targets
        else float(tuning.mean[tuning.best])
    )
    excess = loss - best
    if math.isnan(excess):
        return "an unknown amount (its loss is not known)"
    if not math.isfinite(excess):
        return "more than can be computed"
    if best > 0 and not tuning.larger_is_better:
        share = relative(excess, best)
    else:
        share = f"{float(tuning.as_metric(excess)):+.2g}" if excess else "nothing"
    if not tuning.targets and math.isfinite(paired) and paired > 0:
        return f"{share} ({abs(excess) / paired:.1f} standard errors)"
    return share


def _habits(tuning: Tuning) -> str:
    """Line 3: what no decay and the common default would cost."""
    parts = [
        (one.name + (f" (decay = {brief(one.decay)})" if one.decay else ""), _cost(tuning, one.mean, one.paired))
        for one in tuning.references
        if math.isfinite(one.decay)
    ]
    if not parts:
        return "Untuned decays were not evaluated."
    (name, cost), *others = parts
    against = ", against each target's best" if tuning.targets else ""
    best = tuning.decay == tuning.decay_min or bool(tuning.targets)
    # Where another decay is in use, a reader would take that one for what is compared with.
    baseline = "Untuned," if best else f"Untuned, against the best ({brief(tuning.decay_min)}),"
    first = f"{baseline} {name} changes the held-out {tuning.metric} by {cost}"
    return f"{'; '.join((first, *(f'{name} by {cost}' for name, cost in others)))}{against}."


# Their decay is a number of the optimiser, whatever the rows are.
NETWORKS = ("NetworkClassifier", "NetworkRegressor")


def _elsewhere(tuning: Tuning) -> str:
    """Line 4: the chosen decay in other tools' units."""
    if tuning.targets:
        return "The same strength elsewhere: wd.convert tells it for each target's decay."
    if nothing_decayed(tuning):
        return "The same strength elsewhere: any."
    if math.isinf(tuning.decay):
        return "The same strength elsewhere: leave the decayed columns out."
    facts: dict[str, float] = {"n_samples": tuning.n_rows, "weight_sum": tuning.weight_sum}
    if math.isfinite(tuning.y_std) and tuning.y_std > 0:
        facts["y_std"] = tuning.y_std
    if tuning.model_name in NETWORKS:
        return (
            f"The same strength elsewhere: weight_decay={brief(tuning.decay)} of a torch optimiser of the same form "
            "and learning rate, where inputs and targets are standardised."
        )
    ratio = 1.0 if tuning.model_name in PURE_L1 else 0.0
    parts = [
        text.format(brief(convert(tuning.decay, "decay", name, l1_ratio=ratio, **facts, **more)))
        for text, name, more in ELSEWHERE.get(tuning.model_name, ())
        if name != "glmnet.gaussian.lambda" or "y_std" in facts
    ]
    if tuning.l1_ratio:
        parts = list(mixed_elsewhere(tuning, facts))
    columns = " on standardised columns (StandardScaler first)" if tuning.standardize else ""
    if tuning.grouping is not None and not tuning.grouping.alike:
        columns = f"{columns or ' on columns'} divided by the root of decay_weights_"
    return f"The same strength elsewhere{columns}: {', '.join(parts) or f'decay = {brief(tuning.decay)}'}."
