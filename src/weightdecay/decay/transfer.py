"""From one run to another: the decay that does there what a good one did here."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from weightdecay.decay.rules import APART, Rule, apart, disagreement
from weightdecay.decay.runs import Run
from weightdecay.decay.shrinkage import IN_THE_GRADIENT, Pull, elapsed
from weightdecay.decay.suggest_rules import POWER, REPEATED
from weightdecay.decay.timescale_words import LITTLE, NOTHING

# Range of a rule, as a factor either way; wider where the runs differ by more than a factor of ten, or where decay did
# little in the first one, whose best decay was then hardly determined.
NEAR, FAR, MUCH = 2.0, 4.0, 10.0
SAME = 1e-6


@final
@dataclass(frozen=True)
class Transfer:
    """The decay of another run.

    Attributes
    ----------
    decay, low, high : float
        λ of the first rule, and the range of all of them.
    ratio : float
        It over the decay of the first run.
    rules : tuple of Rule
        What each rule says; the first is taken.
    agree : bool
        Whether they are within a factor of 3 of each other.
    verdict : str
        What was kept, and what else could be, in sentences.

    Examples
    --------
    >>> import weightdecay as wd
    >>> small = wd.Run(decay=0.1, learning_rate=1e-3, samples=10_000, batch_size=100, epochs=20)
    >>> wd.transfer(small, wd.Run(learning_rate=1e-3, samples=40_000, batch_size=100, epochs=20)).ratio
    0.25
    """

    decay: float
    low: float
    high: float
    ratio: float
    rules: tuple[Rule, ...]
    agree: bool
    verdict: str

    def __str__(self) -> str:
        head = f"decay {self.decay:.4g} ({self.ratio:.3g} times the first), from {self.low:.3g} to {self.high:.3g}"
        return "\n".join([head, *(f"  {rule}" for rule in self.rules), f"  {self.verdict}"])


def transfer(run_a: Run, run_b: Run) -> Transfer:
    r"""Return the decay with which a run does to its weights what another run's decay does to its own.

    The first rule keeps how many timescales the run lasts, Σ a_t, which is the timescale as a share of training:

    .. math:: λ_b = λ_a \, \frac{c_a \sum_{t < T_a} p_t}{c_b \sum_{t < T_b} p_t}
              \;=\; λ_a \, \frac{(ηT)_a}{(ηT)_b} \text{ at constant rates},

    with c and p_t of each run's form and schedule (`timescale`). So λ grows with the batch and falls as 1/η, as 1 over
    the rows and as 1 over the epochs. At the same number of epochs the timescale in epochs is kept with it; at another
    number it is not, and a second rule says what would.

    Parameters
    ----------
    run_a : Run
        With the decay that was good; both runs with learning rate and length.
    run_b : Run
        The other run; if it has a decay, the verdict compares.

    Returns
    -------
    Transfer

    Raises
    ------
    ValueError
        If a decay, a length or a learning rate is missing (the run and the fact are named), or a form has no
        timescale.

    See Also
    --------
    Run : What a run consists of.
    suggest : Without a run whose decay is known.

    Notes
    -----
    Wang & Aitchison (2024), arXiv 2405.13698, over data, batch and width (there with η/m at m times the width);
    Bergsma et al. (2025), arXiv 2505.13738, over tokens per parameter; Kosson et al. (2025), arXiv 2510.19093, and Fan
    et al. (2025), arXiv 2510.15262, over width, who disagree.

    Examples
    --------
    >>> import weightdecay as wd
    >>> small = wd.Run(decay=0.1, learning_rate=1e-3, samples=10_000, batch_size=100, epochs=20, width=128)
    >>> found = wd.transfer(small, wd.Run(learning_rate=2.5e-4, samples=10_000, batch_size=100, epochs=20, width=512))
    >>> [(rule.name, round(rule.decay, 3)) for rule in found.rules]
    [('share of the run', 0.4), ('square root of width', 0.2)]
    """
    if run_a.decay is None:
        raise ValueError("run_a has no decay: give wd.Run(decay=…), the one that was good")
    decay, pulls = run_a.decay, (_pull_of(run_a, "run_a"), _pull_of(run_b, "run_b"))
    lasts = elapsed(pulls[0], decay, run_a.course)
    kept = lasts / (pulls[1].per_decay * run_b.course.total(pulls[1].power))
    if decay == 0.0:
        rule = _rule("share of the run", 0.0, 1.0, "no decay stays none", "Wang & Aitchison (2024), arXiv 2405.13698")
        return Transfer(0.0, 0.0, 0.0, 1.0, (rule,), True, "run_a had no decay, so there is none to carry over")
    spread = FAR if max(kept / decay, decay / kept) > MUCH or lasts < LITTLE else NEAR
    rules = _rules(run_a, run_b, kept, spread)
    first = rules[0].decay
    low, high = min(rule.low for rule in rules), max(rule.high for rule in rules)
    said = _said(run_a, run_b, rules, lasts, (low, high))
    agree = apart(rules)[0] <= APART
    return Transfer(first, low, high, first / decay, rules, agree, "; ".join(said))


def _pull_of(run: Run, name: str) -> Pull:
    """How a run pulls, or a sentence on what it lacks."""
    missing = []
    if run.learning_rate is None and run.form != "independent":
        missing.append("learning_rate=")
    if run.total_steps is None:
        missing.append(
            "its length (steps=; or epochs= with samples= and batch_size=; or tokens= and tokens_per_batch=)"
        )
    if missing:
        raise ValueError(f"{name} lacks {' and '.join(missing)}: a timescale is carried over as a share of training")
    if run.pull is None:
        raise ValueError(f"{name}: {run.no_timescale()}")
    return run.pull


def _rule(name: str, decay: float, spread: float, why: str, source: str) -> Rule:
    """A rule with a range of the same factor either way."""
    return Rule(name, decay, decay / spread, decay * spread, why, source)


def _rules(run_a: Run, run_b: Run, kept: float, spread: float) -> tuple[Rule, ...]:
    """All rules that fit both runs; the one to take first."""
    wang = "Wang & Aitchison (2024), arXiv 2405.13698"
    rules = [_rule("share of the run", kept, spread, "the run lasts as many τ as the first one", wang)]
    passes = (run_a.total_epochs or 0.0, run_b.total_epochs or 0.0)
    if min(passes) > 0.0 and max(passes) >= REPEATED and not _same(passes):
        more = passes[1] / passes[0]
        rules.append(
            _rule("timescale in epochs", kept * more, spread, "τ stays the same number of passes over the rows", wang)
        )
    ratios = (_per_parameter(run_a), _per_parameter(run_b))
    if ratios[0] and ratios[1] and max(passes) < REPEATED:
        change = (ratios[1] / ratios[0]) ** -POWER
        line = _rule(
            "tokens per parameter",
            kept * change,
            spread,
            f"τ as a share of one pass falls as (tokens per parameter)^{POWER:g}, here from {ratios[0]:.3g} to "
            f"{ratios[1]:.3g}",
            "Bergsma et al. (2025), arXiv 2505.13738",
        )
        rules.insert(0, line)
    if run_a.width and run_b.width and run_a.width != run_b.width:
        rules.append(
            _rule(
                "square root of width",
                rules[0].decay / math.sqrt(run_b.width / run_a.width),
                spread,
                "singular values keep their size if λ grows as the root of the width while η falls as 1/width",
                "Fan et al. (2025), arXiv 2510.15262",
            )
        )
    if run_a.form in IN_THE_GRADIENT and run_b.form in IN_THE_GRADIENT and run_a.samples and run_b.samples:
        rules.append(
            _rule(
                "penalty of the loss",
                (run_a.decay or 0.0) * run_a.samples / run_b.samples,
                spread,
                "trained to convergence only the penalised loss counts, and λ times the rows, a prior precision, stays",
                "MacKay (1992), Bayesian Interpolation",
            )
        )
    return tuple(rules)


def _same(passes: tuple[float, float]) -> bool:
    """Whether both runs make as many passes."""
    return math.isclose(*passes, rel_tol=0.01)


def _per_parameter(run: Run) -> float | None:
    """Tokens seen per parameter."""
    if run.tokens is None or run.parameters is None:
        return None
    return run.tokens * (run.total_epochs or 1.0) / run.parameters


def _said(run_a: Run, run_b: Run, rules: tuple[Rule, ...], lasts: float, span: tuple[float, float]) -> list[str]:
    """What was kept, as sentences."""
    said = [f"{rules[0].decay:.3g} is what {rules[0].name!r} says"]
    if rules[0].name == "share of the run":
        said = [f"with {rules[0].decay:.3g} the run lasts {lasts:.3g} τ, as the first one"]
        if run_a.total_epochs and _same((run_a.total_epochs, run_b.total_epochs or 0.0)):
            said.append("at the same number of epochs this keeps τ in epochs too")
    if lasts < NOTHING:
        said.append("that is so little that decay had no effect in run_a, and there is nothing to carry over")
    elif lasts < LITTLE:
        said.append("decay had a weak effect in run_a, so that its best one is known within a wide range only")
    said.append(disagreement(rules))
    widths = (run_a.width, run_b.width)
    if widths[0] and widths[1] and widths[0] != widths[1] and run_a.learning_rate and run_b.learning_rate:
        follows = run_b.learning_rate * widths[1] / (run_a.learning_rate * widths[0])
        if not 0.5 <= follows <= 2.0:
            said.append(
                "the rules on width were found with the learning rate falling as 1/width, which it does not here"
            )
    if run_b.decay is not None:
        inside = span[0] * (1 - SAME) <= run_b.decay <= span[1] * (1 + SAME)
        said.append(f"run_b's own {run_b.decay:.3g} is {'inside' if inside else 'outside'} the range")
    return said
