"""A comparison in words: which form suits the data, how the others compare, and a table of plain text."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from weightdecay.records.brief import brief
from weightdecay.records.shares import share_unit

if TYPE_CHECKING:
    from weightdecay.records.comparison import Comparison, ComparisonRow, Difference

NONE, DECAY, CONSTANT, NOTHING = "none", "weight decay", "infinite decay", "nothing"
# From what is simplest to have to what is not: nothing to choose; one strength and a unique, smooth solution; one
# strength and a set of weights; two strengths; what trains at random, or stops early; both. No regularisation has most
# degrees of freedom of all: it is named only where decay gains nothing worth having.
SIMPLEST = (NONE, DECAY, "L1", "elastic net", "dropout", "early stopping", "dropout + weight decay")
# Paired standard errors from which the columns are said to help, and within which a form is as good as the best.
CERTAIN, AS_GOOD = 2.0, 1.0
# Chance (of a sign test) that a form without use is better in so many folds: 9 of 10, or 8 of 8. Where one fold is most
# of the loss its spread hides what all the others say.
SELDOM = 0.011
# Share of the others' weights up to which a form that keeps fewer of them is simpler than all.
LEAN = 0.25
CALLED = {NONE: "no regularisation", CONSTANT: "infinite decay (a model without the decayed weights)"}


def named_form(comparison: Comparison) -> str:
    """The form that suits the data; `Comparison.suits` says by which rule."""
    known = _known(comparison)
    if not known:
        return NOTHING
    best = min(known, key=lambda one: one.mean)
    if not helps(best, comparison):
        return NOTHING
    good = [one for one in known if as_good(one.to_best, comparison, best)]
    order = sorted(good, key=lambda one: SIMPLEST.index(one.name))
    if order[0].name == NONE:
        if order[0].mean - best.mean <= comparison.tolerance * _unit(best, comparison):
            return NONE
        order = order[1:]
    most = max((one.nonzero for one in known if math.isfinite(one.nonzero)), default=math.nan)
    lean = [one for one in order if one.nonzero <= LEAN * most]
    return (min(lean, key=lambda one: one.nonzero) if lean else order[0]).name


def _known(comparison: Comparison) -> list[ComparisonRow]:
    """Forms with a loss, but for infinite decay, and for what stands in where no model without decay exists."""
    return [
        one
        for one in comparison.rows
        if one.name != CONSTANT and math.isfinite(one.mean) and not (one.name == NONE and one.decay > 0)
    ]


def _unit(best: ComparisonRow, comparison: Comparison) -> float:
    """What the tolerance is a share of: the least loss or, for scorers, the best's gain on infinite decay."""
    return share_unit(best.mean, best.mean - best.to_constant.mean if comparison.scoring.startswith("−") else None)


def helps(row: ComparisonRow, comparison: Comparison) -> bool:
    """Whether a form is better than infinite decay: by two paired standard errors, or in nearly all of many folds."""
    gain = -row.to_constant.mean
    if math.isnan(gain):  # at infinite decay there is nothing to compare with
        return True
    if math.isnan(row.to_constant.error):
        return gain > comparison.tolerance * abs(row.mean)
    return gain > 0 and (gain > CERTAIN * row.to_constant.error or _nearly_everywhere(row, comparison))


def _nearly_everywhere(row: ComparisonRow, comparison: Comparison) -> bool:
    """Whether a form is better than infinite decay in more folds of every repetition than chance would have it."""
    constant = comparison.row(CONSTANT)
    if constant is None or not len(row.losses) == len(constant.losses) == len(comparison.repeat):
        return False
    better = row.losses < constant.losses
    for repeat in set(comparison.repeat.tolist()):
        mine = better[comparison.repeat == repeat]
        count, wins = len(mine), int(mine.sum())
        if sum(math.comb(count, k) for k in range(wins, count + 1)) > SELDOM * 2**count:
            return False
    return True


def as_good(to_best: Difference, comparison: Comparison, best: ComparisonRow) -> bool:
    """Whether a form is within one paired standard error of the best, or within the tolerance where there is none."""
    if math.isnan(to_best.error):
        return to_best.mean <= comparison.tolerance * abs(best.mean)
    return to_best.mean <= AS_GOOD * to_best.error


def verdict(comparison: Comparison) -> str:
    """The form; the others beside it; its weights; what decay costs."""
    lines = (_answer(comparison), _others(comparison), _weights(comparison), _cost(comparison))
    return "\n".join(filter(None, lines))


def _loss(comparison: Comparison, row: ComparisonRow) -> str:
    """The mean held-out metric of a form."""
    return brief(comparison.as_metric(row.mean))


def _errors(difference: Difference) -> str:
    """A difference in paired standard errors, in brackets; nothing where these are not known."""
    if not (math.isfinite(difference.error) and difference.error > 0):
        return ""
    return f" (difference {abs(difference.mean) / difference.error:.1f} paired standard errors)"


def _answer(comparison: Comparison) -> str:
    """Line 1."""
    name, known = comparison.suits, _known(comparison)
    if not known:
        return "No form has a finite held-out loss on these folds, so that none can be named."
    best = min(known, key=lambda one: one.mean)
    held = f"held-out {comparison.metric}"
    if name == NOTHING:
        constant = comparison.row(CONSTANT)
        beside = "" if constant is None else f" against {_loss(comparison, constant)}"
        return (
            f"Nothing helps: no form predicts better than {CALLED[CONSTANT]}; the best, {_called(best.name)}, has a "
            f"{held} of {_loss(comparison, best)}{beside}{_errors(best.to_constant)}."
        )
    row = next(one for one in known if one.name == name)
    if name == NONE:
        decay = comparison.row(DECAY)
        beside = "" if decay is None else f", with weight decay it is {_loss(comparison, decay)}{_errors(row.to_decay)}"
        return f"No regularisation is needed: without any the {held} is {_loss(comparison, row)}{beside}."
    said = f"{held} {_loss(comparison, row)}"
    other = comparison.row(NONE if name == DECAY else DECAY)
    if other is not None and math.isfinite(other.mean):
        to = row.to_none if name == DECAY else row.to_decay
        with_it = "without" if name == DECAY else "with weight decay"
        said += f" against {_loss(comparison, other)} {with_it}{_errors(to)}"
    if math.isfinite(row.nonzero) and row.nonzero < comparison.n_weights:
        count = f"{row.nonzero:,.0f} of {comparison.n_weights:,} weights carry everything"
        return f"{_capital(name)}: {count}; {said}."
    return f"{_capital(name)} suits these data: {said}."


def _others(comparison: Comparison) -> str:
    """Line 2: who is as good, who is worse, and whether dropout adds to decay."""
    known = _known(comparison)
    if not known or comparison.suits == NOTHING:
        return ""
    best = min(known, key=lambda one: one.mean)
    rest = [one for one in known if one.name != comparison.suits]
    good = [one.name for one in rest if as_good(one.to_best, comparison, best)]
    worse = [one for one in rest if one.name not in good]
    maybe = [one for one in worse if one.to_best.mean <= CERTAIN * one.to_best.error]
    parts = []
    if good:
        parts.append(f"as good within one paired standard error: {_listed(good)}")
    for how, some in (("perhaps worse, by one to two", maybe), ("worse", [one for one in worse if one not in maybe])):
        if some:
            told = (f"{_called(one.name)} ({_loss(comparison, one)})" for one in sorted(some, key=lambda one: one.mean))
            parts.append(f"{how}: {', '.join(told)}")
    both = next((one for one in known if one.name == "dropout + weight decay"), None)
    if both is not None and not _adds(both.to_decay, comparison, best):
        parts.append("dropout adds nothing over decay")
    return f"{_capital('; '.join(parts))}." if parts else ""


def _adds(to_decay: Difference, comparison: Comparison, best: ComparisonRow) -> bool:
    """Whether a form is clearly better than weight decay."""
    gain = -to_decay.mean
    least = comparison.tolerance * abs(best.mean) if math.isnan(to_decay.error) else AS_GOOD * to_decay.error
    return gain > least


def _weights(comparison: Comparison) -> str:
    """Line 3: whether the weights of the form named are the same in all folds."""
    row = comparison.row(comparison.suits)
    if row is None or math.isnan(row.stability):
        return ""
    said = f"From fold to fold its weights agree to a mean cosine of {row.stability:.2f} (1 is the same direction)"
    if math.isfinite(row.support) and row.nonzero < comparison.n_weights:
        said += f", and two folds share {row.support:.0%} of those that are not zero"
    return f"{said}."


def _cost(comparison: Comparison) -> str:
    """Line 4: what decay itself costs."""
    row = comparison.row(DECAY)
    if row is None or math.isnan(row.overhead) or comparison.suits == NOTHING:
        return ""
    return f"A fit with weight decay takes {row.overhead:.2g} times as long as one without."


def _called(name: str) -> str:
    """A form within a sentence."""
    return CALLED.get(name, name)


def _listed(names: Sequence[str]) -> str:
    """Forms in a sentence."""
    called = [_called(one) for one in names]
    return called[0] if len(called) == 1 else f"{', '.join(called[:-1])} and {called[-1]}"


def _capital(text: str) -> str:
    """At the beginning of a sentence."""
    return text[:1].upper() + text[1:]


HEADINGS: tuple[str, ...] = (
    *("form", "held-out", "95 % interval", "to weight decay", "to none", "weights", "stability", "decay"),
    *("fit", "tuning", "overhead"),
)


def cells(comparison: Comparison) -> Iterator[tuple[str, ...]]:
    """The rows of the table, in the order of `HEADINGS`; unknown numbers are empty."""
    for row in comparison.rows:
        ends = sorted(comparison.as_metric(one) for one in row.interval)
        yield (
            row.name,
            _number(comparison.as_metric(row.mean)),
            "" if math.isnan(ends[0]) else f"{brief(ends[0])} to {brief(ends[1])}",
            _difference(row.to_decay, comparison),
            _difference(row.to_none, comparison),
            "" if math.isnan(row.nonzero) else f"{row.nonzero:,.0f}",
            "" if math.isnan(row.stability) else f"{row.stability:.2f}",
            _strength(row),
            _seconds(row.fit_seconds),
            _seconds(row.tuning_seconds),
            "" if math.isnan(row.overhead) else f"{row.overhead:.2g}",
        )


def _strength(row: ComparisonRow) -> str:
    """The decay chosen, and what else was."""
    also = [f"l1_ratio={brief(row.l1_ratio)}"] if 0 < row.l1_ratio < 1 else []
    also += [f"{name}={value}" for name, value in row.settings.items() if name == "dropout"]
    return ", ".join([_number(row.decay), *also])


def _difference(difference: Difference, comparison: Comparison) -> str:
    """A paired difference and half its interval, as the metric; empty of a form to itself."""
    if math.isnan(difference.mean) or difference.mean == 0 == difference.error:
        return ""
    half = (difference.high - difference.low) / 2
    spread = f" ± {half:.2g}" if math.isfinite(half) else ""
    return f"{comparison.as_metric(difference.mean):+.3g}{spread}"


def _number(value: float) -> str:
    return "" if math.isnan(value) else brief(value)


def _seconds(value: float) -> str:
    """A time in a unit that suits it."""
    if math.isnan(value):
        return ""
    return f"{1000 * value:.2g} ms" if value < 0.0995 else f"{value:.2g} s" if value < 99.5 else f"{value:,.0f} s"


def table(comparison: Comparison) -> str:
    """All forms in a table of plain text; columns of which nothing is known are left out."""
    lines = [HEADINGS, *cells(comparison)]
    columns = [one for one in zip(*lines, strict=True) if any(one[1:])]
    widths = [max(map(len, one)) for one in columns]
    texts = []
    for number in range(len(lines)):
        parts = [one[number].rjust(width) for one, width in zip(columns, widths, strict=True)]
        parts[0] = columns[0][number].ljust(widths[0])
        texts.append("  ".join(parts).rstrip())
    return "\n".join([*texts, "", footnote(comparison)])


def footnote(comparison: Comparison) -> str:
    """What the numbers of the table are."""
    worse = "below" if comparison.as_metric(1.0) < 0 else "above"
    return (
        f"Held-out {comparison.metric} on {comparison.cv}; differences, {worse} 0 is worse, ± half a 95 % interval; "
        f"{comparison.how} "
        "Stability: mean cosine between the weights of two folds. Overhead: time of a fit over that of none."
    )
