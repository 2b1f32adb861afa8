"""What the findings of an audit of weight decay mean."""

from __future__ import annotations

from weightdecay.records.explanations import Explanation

_DECOUPLED = "Loshchilov & Hutter (2019), Decoupled weight decay regularization, ICLR, arXiv:1711.05101."
_BIASES = "He et al. (2019), Bag of tricks for image classification, CVPR, arXiv:1812.01187, section 3.1."

_OF_PLACES = (
    Explanation(
        "WD040",
        "biases, gains or scalars are decayed against the policy",
        "A bias has no part in how steep a function is, and the length of a norm gain is meant to be learned; decay "
        "pulls both to 0 and with them the layer. Optimisers decay whatever is in a group with weight_decay, so that "
        "model.parameters() in one group decays all.",
        "The tensors and their roles, measured to shrink; an information where a role is a guess without sample=.",
        "Build the optimiser from wd.param_groups(model, decay), or give policy='all' if that is what you want.",
        _BIASES,
    ),
    Explanation(
        "WD041",
        "an embedding is decayed",
        "A row of an embedding has a gradient only when it is looked up, but decay in every step. Rows of rare words "
        "shrink, and where embeddings feed a normalisation their gradients grow as they do. Some recipes decay "
        "embeddings all the same, so under policy='auto' this is an information only.",
        "The tensors that are looked up by index, measured to shrink. A warning where a policy of your own exempts "
        "them.",
        "Exempt them with wd.param_groups unless you copy a recipe that decays them.",
    ),
    Explanation(
        "WD042",
        "a matrix or the head is exempt against the policy",
        "Matrices are what weight decay is made for. One that is left out keeps growing, and its effective learning "
        "rate falls, or it overfits alone.",
        "The tensors and their roles, measured not to shrink while others do; an information where a role is a guess. "
        "Not told where nothing is decayed at all.",
        "Put them into the group with decay, or name them in exempt= if that is meant.",
    ),
    Explanation(
        "WD043",
        "the groups with and without decay are swapped",
        "A rule that sorts parameters by name was turned round, or its two lists were: biases and gains are decayed, "
        "matrices are not.",
        "That at least 80 % of what the policy exempts is decayed and 80 % of what it decays is not.",
        "Exchange the weight_decay of the two groups of parameters.",
    ),
    Explanation(
        "WD044",
        "a group has no parameters",
        "The rule that was to fill it matches no name, most often because the model is wrapped or spelled otherwise. "
        "Whoever should be in it is in another group, with another decay.",
        "The number and the name of the group. An information where the group has weight_decay 0 and the model has "
        "nothing to train that is usually exempt, as under LoRA.",
        "Look at the rule; wd.param_groups needs no names.",
    ),
    Explanation(
        "WD048",
        "parameters of the model are in no group of the optimiser",
        "Layers that were added, replaced or moved after the optimiser was built are not in it: they are neither "
        "trained nor decayed. Frozen parameters may be left out; that is an information.",
        "The tensors that require a gradient, or are frozen, and are in no group.",
        "Build the optimiser after the model is complete.",
    ),
    Explanation(
        "WD049",
        "a parameter is decayed twice",
        "It is in two groups or optimisers, or twice in one, and each time it is updated and decayed; or one step "
        "decays it at two places, such as in the gradient and beside the update.",
        "How often it is there, or the measured share beside the configured one: twice within 5 %.",
        "Keep every parameter in one group, and one decay in a step.",
    ),
    Explanation(
        "WD052",
        "decay acts where there is no gradient",
        "A parameter that the loss does not depend on is not trained, only decayed, until it is 0. Experts that are "
        "not chosen, heads that are not used and frozen layers with a gradient left from before are such. Torch's own "
        "optimisers skip parameters whose gradient is None, but not those whose gradient is zeros.",
        "Tensors that shrink in a step with gradient None; frozen ones that have a gradient left; unused ones with a "
        "gradient of zeros (where sample= is given).",
        "Set gradients to None (zero_grad(set_to_none=True)), or leave such parameters out of the optimiser.",
    ),
    Explanation(
        "WD053",
        "tied weights are decayed once for each name",
        "Weights that two layers share are one tensor. Whoever goes through names instead of tensors counts it twice: "
        "an optimiser's groups made with remove_duplicate=False, two parameters that are views of one memory, or a sum "
        "of penalties over state_dict().",
        "The tensors that are tied and in groups more than once, that share memory and are both decayed, or whose "
        "penalty in the loss is 1.5 times that of the others or more.",
        "Go through model.parameters(), which has shared weights once.",
    ),
)

_OF_SHARES = (
    Explanation(
        "WD045",
        "weight_decay is set, but weights do not shrink",
        "The setting is in the groups, but the step does not use it: an optimiser of one's own that forgot it, a "
        "wrapper that keeps it from the optimiser within, or a copy of the weights that is decayed instead of them.",
        "The tensors with a weight_decay above 0 that no step draws anywhere, at zero, small and large gradients, in "
        "float64.",
        "Use an optimiser that decays, or wd.with_decay(optimizer, form='decoupled').",
    ),
    Explanation(
        "WD046",
        "decay in the loss and in the optimiser",
        "A penalty in the loss and weight_decay in the optimiser are both decay, and they add up, under SGD exactly, "
        "under adaptive optimisers in two different forms. Whoever tunes one of them tunes beside the other.",
        "The λ of the penalty, from the gradient that the loss still has when the outputs of all modules are cut off, "
        "and the group's weight_decay; told where loss= is given.",
        "Keep one of the two: the penalty in the loss, or the decay of the optimiser.",
        _DECOUPLED,
    ),
    Explanation(
        "WD047",
        "L2 goes through an adaptive optimiser's preconditioner",
        "Adam divides a gradient by its usual size. If λw is part of it, it is divided as well, so that weights with "
        "large gradients are hardly decayed and those with small ones strongly: another penalty than the one asked "
        "for, without a timescale of its own. Adam, RMSprop, Adagrad and others do this with weight_decay.",
        "That what draws a weight falls when gradients of artificial size grow sixteenfold. Not told where "
        "wd.with_decay was asked for form='coupled'.",
        "Use AdamW, or wd.with_decay(optimizer, form='decoupled').",
        _DECOUPLED,
    ),
    Explanation(
        "WD050",
        "decay is lost to rounding",
        "A step takes the share ηλ of a weight. In bfloat16 neighbouring numbers differ by 0.4 to 0.8 %, and a change "
        "of less than half of that is rounded away, in every step anew: with η = 1e-4 and λ = 0.1 nothing is ever "
        "decayed.",
        "The share that a step takes in float64; in the weights' own type less than half of it is seen over some "
        "steps, neither do steps with decay end elsewhere than steps without, nor does what was rounded away come back "
        "later from where it was kept.",
        "Keep weights in float32, or use wd.with_decay, which keeps what rounding takes.",
    ),
    Explanation(
        "WD051",
        "a value is frozen: the group's settings do not reach the decay",
        "The optimiser has read weight_decay or lr once, when it was built or captured. A schedule of either changes "
        "the group, and the decay stays what it was.",
        "That the measured share is the same at twice the group's weight_decay, or at twice its lr while it is that of "
        "some learning rate.",
        "Let step() read the group, or build the optimiser again.",
    ),
    Explanation(
        "WD054",
        "decay goes with another power of the learning rate than promised",
        "Decoupled decay takes ηλ. If a step multiplies by η twice, or not at all, the decay is wrong by a factor of η "
        "and follows a schedule of η otherwise: λ without η destroys the trained weights when η falls.",
        "The power of the learning rate in the measured share, from doubling it, where it is not within 0.1 of what "
        "the settings say (1; of with_decay's forms and flags such as fixed_decay what they mean).",
        "Multiply by the learning rate once, or choose a form with the rate that you mean.",
    ),
    Explanation(
        "WD055",
        "weights shrink otherwise than configured",
        "What a step takes is not what its settings promise: another factor, a part of the tensor only, a tensor whose "
        "weight_decay is 0, a constant amount instead of a share, away from 0 instead of towards it, or not in every "
        "step.",
        "The measured share and the promised one, where they differ by over 5 %.",
        "Compare the optimiser's step with its settings.",
    ),
    Explanation(
        "WD056",
        "decay could not be measured",
        "The optimiser cannot be copied or stepped on artificial weights, for instance since it writes to weights that "
        "it holds in a place of its own, which the audit refuses; or what it takes is no share that settings could "
        "promise, as under a trust ratio.",
        "The tensors that could not be measured, and the reason.",
        "Look at these yourself: step a copy of the model with gradients of zero and compare the weights.",
    ),
)

OF_AUDITS = (*_OF_PLACES, *_OF_SHARES)
