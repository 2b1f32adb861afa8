"""How much decay to begin with: a centre, an honest range, the rules behind them, and whether they agree."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import final

from weightdecay.decay.rules import APART, Rule, apart, centre_of, disagreement
from weightdecay.decay.runs import Run
from weightdecay.decay.schedules import Schedule
from weightdecay.decay.suggest_rules import DOMAINS, Facts, measured_rules, tuning_nothing, usual_rules

# Where a network has no normalisation, decay also limits what it can express, and no rule knows by how much.
WITHOUT_NORMALISATION = 3.0


@final
@dataclass(frozen=True)
class Suggestion:
    """Where to begin with a decay, and how far the truth may be from there.

    Attributes
    ----------
    decay, low, high : float
        Centre and range of the rules that were derived or measured (of the habits, where there are no others).
    rules : tuple of Rule
        Every rule that fits the facts, habits last.
    agree : bool
        Whether all centres are within a factor of 3 of each other.
    verdict : str
        What to do with it, in sentences.

    Examples
    --------
    >>> import weightdecay as wd
    >>> found = wd.suggest(samples=50_000, batch_size=128, epochs=100, learning_rate=1e-3)
    >>> [rule.name for rule in found.rules], found.agree
    (['timescale in epochs', "default of torch's AdamW"], False)
    """

    decay: float
    low: float
    high: float
    rules: tuple[Rule, ...]
    agree: bool
    verdict: str

    def __str__(self) -> str:
        head = f"decay {self.decay:.3g}, from {self.low:.3g} to {self.high:.3g}"
        return "\n".join([head, *(f"  {rule}" for rule in self.rules), f"  {self.verdict}"])


def suggest(
    *,
    samples: float | None = None,
    tokens: float | None = None,
    parameters: float | None = None,
    epochs: float | None = None,
    steps: float | None = None,
    batch_size: float | None = None,
    tokens_per_batch: float | None = None,
    learning_rate: float | None = None,
    schedule: Schedule = "constant",
    warmup: float | str | None = None,
    optimizer: str = "adamw",
    form: str | None = None,
    momentum: float | None = None,
    betas: Sequence[float] | None = None,
    width: float | None = None,
    reference_width: float | None = None,
    normalised: bool | None = None,
    fine_tuning: bool = False,
    lora: bool = False,
    domain: str | None = None,
) -> Suggestion:
    r"""Return a decay to begin with, its range, and the rules that say so.

    The rules give a timescale τ: how many steps a weight remembers. With p_t = η_t/η of the schedule (its square for
    the corrected form) and c of `timescale`, the decay of a τ is

    .. math:: λ = \frac{T}{2 τ} \Big/ \Big( c \sum_t p_t \Big)

    as the rules were found in runs of T steps whose rate falls to about zero, and has a mean of half its peak: under a
    constant rate half the decay does the same.

    Parameters
    ----------
    samples, tokens : float, optional
        Rows, or tokens, of the training set.
    parameters : float, optional
        How many numbers are trained; with tokens in one pass it decides the timescale.
    epochs : float, optional
        Passes over the training set; 1 if neither epochs nor steps are given.
    steps, batch_size, tokens_per_batch, learning_rate, schedule, warmup, optimizer, form, momentum, betas
        As in `Run`; learning_rate is that of this width.
    width, reference_width : float, optional
        Of this network and of the one whose decay was good, whose learning rate was larger by width/reference_width
        (as maximal-update parametrisation has it).
    normalised : bool, optional
        Whether the layers feed normalisations. None: not known.
    fine_tuning, lora : bool, default False
        Whether pretrained weights are trained on, all of them or by low-rank additions.
    domain : {"text", "images", "tables"}, optional
        Of the data, for the habits of the field; "text" if tokens are given.

    Returns
    -------
    Suggestion

    Raises
    ------
    ValueError
        If facts are missing (all of them are named), wrong or contradictory; or if the form has no timescale.

    See Also
    --------
    timescale : What a decay means for a run.
    transfer : From a run whose decay is known to be good.

    Notes
    -----
    Wang & Aitchison (2024), arXiv 2405.13698; Bergsma et al. (2025), arXiv 2505.13738; Kim et al. (2025), arXiv
    2509.14786; Fan et al. (2025), arXiv 2510.15262. On 95 tables no formula in rows and columns predicted the best
    decay: a suggestion is where tuning begins.

    Examples
    --------
    >>> import weightdecay as wd
    >>> found = wd.suggest(
    ...     tokens=2e9, parameters=1e8, tokens_per_batch=5e5, learning_rate=1e-3, schedule="warmup-cosine", warmup="2 %"
    ... )
    >>> print(f"{found.decay:.2f}, from {found.low:.2f} to {found.high:.2f}")
    1.12, from 0.37 to 3.35
    >>> wd.suggest(samples=5000, batch_size=32, epochs=3, learning_rate=2e-5, fine_tuning=True).decay
    0.0
    """
    if (width is None) != (reference_width is None):
        missing = "reference_width" if reference_width is None else "width"
        raise ValueError(f"width and reference_width say together how much wider a network is: give {missing}= too")
    domain = "text" if domain is None and tokens is not None else domain
    if domain is not None and domain not in DOMAINS:
        raise ValueError(f"domain must be one of {', '.join(DOMAINS)}, got {domain!r}")
    run = Run(
        learning_rate=learning_rate,
        batch_size=batch_size,
        samples=samples,
        tokens=tokens,
        tokens_per_batch=tokens_per_batch,
        epochs=1.0 if epochs is None and steps is None else epochs,
        steps=steps,
        width=width,
        parameters=parameters,
        schedule=schedule,
        warmup=warmup,
        optimizer=optimizer,
        form=form,
        momentum=momentum,
        betas=betas,
    )
    facts = _facts(run, domain, lora)
    if fine_tuning or lora:
        return _for_fine_tuning(facts)
    wider = None if width is None or reference_width is None else width / reference_width
    return _combined(facts, wider, normalised)


def _facts(run: Run, domain: str | None, lora: bool) -> Facts:
    """The run as the rules need it, or a sentence on all that is missing."""
    missing = []
    if run.learning_rate is None and run.form != "independent":
        missing.append("the peak learning rate (learning_rate=)")
    if run.total_steps is None:
        missing.append("the steps of the run (steps=; or samples= and batch_size=; or tokens= and tokens_per_batch=)")
    if missing:
        raise ValueError(f"a decay follows from the timescale of a run, so suggest needs {' and '.join(missing)}")
    if run.pull is None:
        raise ValueError(run.no_timescale())
    return Facts(run, run.pull, run.course, run.total_epochs, domain, lora)


def _combined(facts: Facts, wider: float | None, normalised: bool | None) -> Suggestion:
    """What all rules together say."""
    measured, usual = measured_rules(facts, wider), usual_rules(facts)
    rules = (*measured, *usual)
    widen = WITHOUT_NORMALISATION if normalised is False else 1.0
    low, high = min(rule.low for rule in measured) / widen, max(rule.high for rule in measured) * widen
    centre = centre_of(measured)
    said = [f"begin at {centre:.2g} and tune from {low:.2g} to {high:.2g}", disagreement(rules)]
    lasts = centre * facts.pull.per_decay * facts.course.total(facts.pull.power)
    said.append(f"at {centre:.2g} the run lasts {lasts:.2g} τ")
    if normalised is False:
        said.append("without normalisation decay also limits the function, so the range is three times wider each way")
    elif normalised is None:
        said.append("the rules were found on normalised networks; without normalisation give normalised=False")
    return Suggestion(centre, low, high, rules, apart(rules)[0] <= APART, "; ".join(said))


def _for_fine_tuning(facts: Facts) -> Suggestion:
    """Short runs at small rates, where most decays do nothing."""
    nothing = tuning_nothing(facts)
    rules = (nothing, *usual_rules(facts, fine_tuning=True))
    lasts = [
        f"at {decay:g} the run lasts {decay * facts.pull.per_decay * facts.course.total(facts.pull.power):.2g} τ"
        for decay in (0.01, 0.1)
    ]
    what = (
        "decay of the low-rank factors pulls towards the pretrained weights"
        if facts.lora
        else "decay to zero pulls away from the pretrained weights, which centre='initial' in wd.with_decay turns round"
    )
    said = [
        f"up to {nothing.high:.2g} decay does next to nothing in this run, so 0 is as good",
        *lasts,
        f"above that, {what}",
        disagreement(rules),
    ]
    agree = apart(rules)[0] <= APART
    return Suggestion(0.0, 0.0, nothing.high, rules, agree, "; ".join(said))
