"""Words about a timescale: what a decay can do in a run, and what cannot be."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from weightdecay.decay.runs import Run
from weightdecay.decay.schedules import Course
from weightdecay.decay.shrinkage import Pull, elapsed, left_after, oscillates

if TYPE_CHECKING:
    from weightdecay.decay.timescale import Timescale

# Below so many τ a decay has no effect; below so many, little; from so many on, weights are in their steady state.
NOTHING, LITTLE, SETTLED = 0.05, 0.5, 3.0


def verdict_of(run: Run, decay: float, pull: Pull | None, course: Course) -> str:
    """What a decay means for a run, as sentences joined by "; "."""
    if pull is None:
        return run.no_timescale()
    if decay == 0.0:
        return "there is no decay: nothing pulls at the weights"
    said = [] if run.total_steps is None else [_of_the_run(pull, decay, course)]
    tau, each = 1.0 / (decay * pull.per_decay), run.steps_per_epoch
    if each is not None and tau < each and (run.total_epochs or 1.0) > 1.0:
        said.append(
            f"τ is shorter than one epoch ({tau / each:.2g} of it): weights forget rows before they see them again"
        )
    if run.form == "cautious":
        said.append("the cautious form decays only where the update agrees, so τ is at least this long")
    if run.form == "corrected":
        said.append("this holds for the layers that feed a normalisation; the others decay as in the decoupled form")
    if oscillates(pull, decay):
        said.append("with this momentum the decay makes weights swing through zero, so τ says little")
    if not said:
        said.append("how much of it the run lasts is not known: give steps=, or epochs= with samples= and batch_size=")
    return "; ".join(said)


def _of_the_run(pull: Pull, decay: float, course: Course) -> str:
    """How the timescale compares with the run."""
    lasts = elapsed(pull, decay, course)
    lost = 1.0 - left_after(pull, decay, course)
    if lasts < NOTHING:
        return f"the run ends after {lasts:.2g} τ: this decay cannot have an effect"
    if lasts < LITTLE:
        return f"the run ends after {lasts:.2g} τ: decay alone takes {100 * lost:.2g} % of a weight, a weak effect"
    if lasts < SETTLED:
        return f"the run lasts {lasts:.2g} τ: decay matters, and weights do not reach a steady state before the end"
    return f"the run lasts {lasts:.3g} τ: the initial weights are forgotten, and weights reach their steady state"


def described(found: Timescale) -> str:
    """A timescale in lines."""
    rate = "" if found.learning_rate is None else f", learning rate {found.learning_rate:g}"
    lines = [f"decay {found.decay:.4g} ({found.form}, {found.optimizer}{rate})"]
    if found.tau is not None:
        also = [
            f"{value:.4g} {unit}"
            for value, unit in (
                (found.epochs, "epochs"),
                (found.tokens, "tokens"),
                (None if found.fraction is None else 100.0 * found.fraction, "% of the run"),
            )
            if value is not None
        ]
        lines.append(f"  τ = {found.tau:.4g} steps" + "".join(f" = {one}" for one in also))
        halved = found.half_life is not None and math.isfinite(found.half_life)
        lines.append(f"  half-life {found.half_life:.4g} steps" if halved else "  half-life longer than the run")
    if found.remaining is not None and found.elapsed is not None:
        lines.append(
            f"  run of {found.steps:.6g} steps = {found.elapsed:.3g} τ; decay leaves {found.remaining:.3g} of w"
        )
    if found.equilibrium_rms is not None:
        lines.append(f"  steady state: weight RMS {found.equilibrium_rms:.3g} for independent gradients")
    if found.angular_update is not None:
        lines.append(f"  steady state: a step turns the weights by {found.angular_update:.3g} rad")
    return "\n".join([*lines, f"  {found.verdict}"])
