"""What findings of networks mean."""

from __future__ import annotations

from weightdecay.records.explanations import Explanation

OF_NETWORKS = (
    Explanation(
        "WD029",
        "the networks were trained one by one",
        "All decays and folds of a network are trained as one population, whose weights are stacked and moved by the "
        "same operations. That needs a forward pass that does the same for whatever numbers it is given. One that "
        "looks at its numbers, by .item(), float() or a branch on a value, cannot be stacked, and its networks are "
        "trained one after another: the result is the same, but takes as many times longer.",
        "That the module has no kernels of layers and that torch.func cannot vectorise its forward pass; the status "
        "of every loss is then 'one by one'.",
        "Write the forward pass without .item() and branches on values, with torch.where in their place, or make the "
        "module of layers in a torch.nn.Sequential. If time is no matter, all is well.",
    ),
    Explanation(
        "WD030",
        "memory did not hold all networks at once",
        "The networks of all decays, folds and settings are trained side by side where memory holds them. Where it "
        "does not, half as many are tried at a time until it does, which gives the same result later.",
        "How many networks were to be trained and how many at a time memory held.",
        "If time matters, give a smaller batch_size, narrower layers, fewer folds or settings, or a device with more "
        "memory.",
    ),
)
