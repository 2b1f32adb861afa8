"""The rules behind `suggest`: timescales that were measured, and numbers that people use."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from weightdecay.decay.rules import Rule, centre_of
from weightdecay.decay.runs import Run
from weightdecay.decay.schedules import Course
from weightdecay.decay.shrinkage import IN_THE_GRADIENT, Pull

DOMAINS = ("text", "images", "tables")
# From so many passes on, rows are repeated often enough that the timescale counts in epochs.
REPEATED = 2.0
OFTEN = 4.0
# τ as a share of one pass: tokens per parameter to this power, times this factor.
POWER, FACTOR, POWER_RANGE = -0.527, 1.084, 3.0
# τ as a share of one pass where the size of the network is not known: what the law gives from 4 to 300 tokens per
# parameter, up to the whole run.
SHARE_OF_A_PASS = (0.05, 1.0)
# No τ below so many steps: each of them would take a tenth of the weight.
FEWEST_STEPS = 10.0
# Mean of a learning rate that falls to zero, over its peak.
FALLING = 0.5
# τ that a run lasts, below which its decay takes less than a tenth of a weight.
NOTHING = 0.1


@final
@dataclass(frozen=True)
class Facts:
    """What rules look at: a run with all that follows from it."""

    run: Run
    pull: Pull
    course: Course
    epochs: float | None
    domain: str | None
    lora: bool

    def decay_of(self, steps: float) -> float:
        """λ of a timescale that was found under a falling rate."""
        lasts = FALLING * self.course.steps / max(steps, FEWEST_STEPS)
        return lasts / (self.pull.per_decay * self.course.total(self.pull.power))

    def rule(self, name: str, taus: tuple[float, float, float], why: str, source: str) -> Rule:
        """A rule from a timescale in steps: centre, shortest, longest."""
        centre, shortest, longest = (self.decay_of(tau) for tau in taus)
        return Rule(name, centre, longest, shortest, why, source)


def measured_rules(facts: Facts, wider: float | None) -> tuple[Rule, ...]:
    """Rules that were derived or measured, as far as they fit; at least one."""
    steps, epochs = facts.course.steps, facts.epochs or 1.0
    rules = []
    if epochs >= REPEATED:
        each = steps / epochs
        rules.append(
            facts.rule(
                "timescale in epochs",
                (each * math.sqrt(epochs), each, steps),
                f"the best τ is between one epoch and all {epochs:g}, and in the middle their geometric mean",
                "Wang & Aitchison (2024), arXiv 2405.13698",
            )
        )
    elif facts.domain == "text" and facts.run.tokens is not None and facts.run.parameters is not None:
        rules.append(_power_line(facts, facts.run.tokens * epochs / facts.run.parameters))
    else:
        short, long = SHARE_OF_A_PASS
        rules.append(
            facts.rule(
                "share of one pass",
                (math.sqrt(short * long) * steps, short * steps, long * steps),
                "in one pass the best τ was found between a twentieth of the run and all of it; tokens= and "
                "parameters= narrow it down for text",
                "Bergsma et al. (2025), arXiv 2505.13738, over 4 to 300 tokens per parameter; Wang & Aitchison (2024)",
            )
        )
    if facts.domain == "text" and epochs >= OFTEN and _like_adamw(facts):
        rules.append(
            Rule(
                "repeated text",
                math.sqrt(0.1 * 3.0),
                0.1,
                3.0,
                "on text that is repeated many times, decays up to 30 times the usual 0.1 were best",
                "Kim et al. (2025), arXiv 2509.14786",
            )
        )
    if wider is not None and wider != 1.0:
        root = math.sqrt(wider)
        rules.append(
            Rule(
                "square root of width",
                centre_of(rules) / root,
                min(rule.low for rule in rules) / root,
                max(rule.high for rule in rules) / root,
                f"singular values keep their size if λ grows with the root of the width, here {wider:.3g} times; the "
                f"rules above let it grow as the learning rate falls",
                "Fan et al. (2025), arXiv 2510.15262",
            )
        )
    return tuple(rules)


def _power_line(facts: Facts, ratio: float) -> Rule:
    """The timescale of one pass over text, by tokens per parameter."""
    tau = FACTOR * ratio**POWER * facts.course.steps
    return facts.rule(
        "tokens per parameter",
        (tau, tau / POWER_RANGE, tau * POWER_RANGE),
        f"the best τ is {FACTOR:g} · {ratio:.3g}^{POWER:g} = {tau / facts.course.steps:.2g} of one pass; the exponent "
        f"is the paper's, the factor depends on the recipe, hence a factor of {POWER_RANGE:g} either way",
        "Bergsma et al. (2025), arXiv 2505.13738",
    )


def tuning_nothing(facts: Facts) -> Rule:
    """The decays that take less than a tenth of a weight in the whole run."""
    high = NOTHING / (facts.pull.per_decay * facts.course.total(facts.pull.power))
    return Rule(
        "too short to decay",
        0.0,
        0.0,
        high,
        f"below {high:.2g} the run lasts less than {NOTHING:g} τ, and decay takes less than a tenth of a weight",
        "∏ (1 − a_t) over the schedule",
    )


def usual_rules(facts: Facts, *, fine_tuning: bool = False) -> tuple[Rule, ...]:
    """Numbers that people use for this optimiser and form; none for the rarer ones."""
    run, rules = facts.run, []

    def habit(name: str, numbers: tuple[float, float, float], why: str, source: str) -> None:
        rules.append(Rule(name, *numbers, why, source, habit=True))

    if run.optimizer == "sgd" and run.form in IN_THE_GRADIENT and not fine_tuning:
        habit(
            "convolutional networks under SGD",
            (5e-4, 1e-4, 1e-3),
            "with momentum 0.9 and learning rates near 0.1",
            "He et al. (2016), 1e-4; Zagoruyko & Komodakis (2016), 5e-4",
        )
    elif run.optimizer == "muon" and run.form == "decoupled" and not fine_tuning:
        habit("default of torch's Muon", (0.1, 0.01, 0.1), "what one gets without asking", "torch.optim.Muon")
    elif _like_adamw(facts) and facts.lora:
        habit("low-rank adapters", (0.01, 0.0, 0.1), "copied from recipe to recipe", "recipes of LoRA libraries")
    elif _like_adamw(facts) and fine_tuning:
        habit("fine-tuning", (0.01, 0.0, 0.1), "copied from recipe to recipe", "Devlin et al. (2019), BERT")
    elif _like_adamw(facts) and facts.domain == "text":
        habit(
            "language models",
            (0.1, 0.01, 0.5),
            "most published pre-training; 0.5 was better in most shorter ones",
            "Brown et al. (2020), GPT-3, appendix B; Semenov et al. (2025), arXiv 2509.01440",
        )
    elif _like_adamw(facts) and facts.domain == "images":
        habit(
            "vision transformers",
            (0.05, 0.02, 0.3),
            "with AdamW at rates near 1e-3",
            "Touvron et al. (2021), DeiT; recipes of timm",
        )
    elif _like_adamw(facts):
        habit("default of torch's AdamW", (0.01, 0.001, 0.1), "what one gets without asking", "torch.optim.AdamW")
    return tuple(rules)


def _like_adamw(facts: Facts) -> bool:
    """Whether numbers that people give AdamW mean the same here."""
    return facts.run.optimizer in ("adam", "adamw") and facts.run.form in ("decoupled", "cautious", "corrected")
