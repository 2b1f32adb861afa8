"""What findings of the training of networks mean."""

from __future__ import annotations

from weightdecay.records.explanations import Explanation

OF_TRAINING = (
    Explanation(
        "WD035",
        "a run is too short for its decay, or its decay as strong as steps allow",
        "A step of decay takes the share ηλ of a weight (λ, in the form independent), and after T steps e^(−ηλT) of it "
        "is left: decay acts in a timescale of 1/(ηλ) steps. A run that lasts a fraction of it ends before decay has "
        "done anything, whatever λ would be right for a longer one. A run of very few steps, on the other hand, lets "
        "only so strong a decay act that every step takes much of a weight.",
        "That the run lasts less than 0.1 timescales of the largest decay tried, which is a warning, or of the decay "
        "in use; or that the decay in use takes at least 10 % of a weight at every step. Decay in the gradient of Adam "
        "has no timescale, and nothing is told of it.",
        "Give decays around 1/(ηT), or leave them to the search, which looks there. If the decay in use hardly acts "
        "though stronger ones were tried, the run stops before the network can over-fit: with more epochs more decay "
        "may pay. If it is very strong, train for more epochs or in smaller batches.",
        "Loshchilov & Hutter (2019), Decoupled weight decay regularization; Wang & Aitchison (2024), How to set "
        "AdamW's weight decay as you scale model and dataset size.",
    ),
    Explanation(
        "WD036",
        "the networks over-fit by training on",
        "The loss of held-out rows falls for some epochs and rises again while the training loss falls on: the network "
        "learns what is peculiar to its training rows. Weight decay lessens that, but the decay in use, which is the "
        "best at the last epoch, does not end it; fewer epochs would give a lower loss than any decay at so many.",
        "That at the decay in use the held-out loss, averaged over the folds, was least within the first half of the "
        "epochs and is over 5 % above that at the last, and by more than two standard errors of the difference where "
        "there are several folds. Nothing is told where members stop early. The gain is measured on the rows that it "
        "was found on, so it is a little too large.",
        "Give about as many epochs as the finding says, or early_stopping=True, and tune the decay anew: with fewer "
        "epochs another decay is the best. A smaller network or dropout may do as well.",
        "Prechelt (1998), Early stopping — but when?, in Neural networks: tricks of the trade.",
    ),
)
