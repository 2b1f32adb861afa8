"""What findings of a monitor mean."""

from __future__ import annotations

from weightdecay.records.explanations import Explanation

OF_THE_MONITOR = (
    Explanation(
        "WD060",
        "the run ends before one timescale",
        "In every step decay takes the share a_t = η_t λ of a weight; after τ = 1/(ηλ) steps it has forgotten all "
        "but a part of 1/e of what it was. A run whose Σ a_t stays under 1 ends before that: its weights are where the "
        "updates have put them, and another λ of the same order would give the same.",
        "That Σ a_t over the run stays below 1, counting the steps to come at the largest a_t so far.",
        "Raise λ until the run is several τ long, or leave decay out. wd.timescale turns a λ into steps and back.",
    ),
    Explanation(
        "WD061",
        "the timescale is shorter than an epoch",
        "Weights are an average of the updates of about the last τ steps. Where τ is under an epoch they have "
        "forgotten some rows before they see them again.",
        "That the largest a_t times the steps of an epoch is above 1.",
        "Lower λ or the learning rate until τ is at least an epoch, unless the data are seen once or twice only.",
    ),
    Explanation(
        "WD062",
        "the gradient norm grows as decay and schedule say",
        "In front of a normalisation the gradient over the weight tends to ‖g‖/‖w‖ = √(2λ/γ), γ being the learning "
        "rate (for Adam with g/√v̂ in the place of g). When the schedule lowers γ it grows, as far as the timescale "
        "lets it follow: weights shrink, gradients rise. It is no sign of instability.",
        "That the ratio has grown 1.5 times since the first measurement after the peak of the learning rate and three "
        "timescales, and not 1.5 times more than what follows √(2λ/γ) with the lag of τ has.",
        "Nothing; or the corrected form, λ γ²/γ_peak, under which the ratio stays level.",
    ),
    Explanation(
        "WD063",
        "the gradient norm grows more than decay and schedule explain",
        "Beside the growth that decay and the learning-rate schedule make, see WD062, something else makes gradients "
        "larger or weights smaller.",
        "That ‖g‖/‖w‖ has grown 1.5 times, and 1.5 times more than what follows √(2λ/γ) with the lag of τ has.",
        "Look for a loss that diverges, for data that have changed, for a weight that is driven to zero; layers "
        "without a normalisation behind them do not follow the formula and may do so in good health.",
    ),
    Explanation(
        "WD064",
        "decay inside an adaptive optimiser has no timescale",
        "An optimiser such as Adam divides every gradient by its usual size. A decay that is added to the gradient is "
        "divided too: coordinates with large gradients are hardly decayed, others much, and no share of the weight is "
        "taken in a step that one could count.",
        "That λ is coupled in an optimiser other than SGD.",
        "Use AdamW, or wd.with_decay(optimizer, form='decoupled'), and set λ anew: its scale is another.",
    ),
    Explanation(
        "WD065",
        "the optimiser's form of decay is not known",
        "The optimiser is not one of torch's, and its groups do not say where in the update its weight_decay acts. "
        "Timescale, equilibrium and balance are computed as for w ← w − η λ w.",
        "That the optimiser's class is none of torch's and its groups have no flag decoupled_weight_decay.",
        "Let wd.audit(model, optimizer) measure what each weight gets.",
    ),
)
