r"""
A network in three ways: in the loss, in the gradient, in the optimiser
=======================================================================

Decay can enter the training of a network at three places: as a term of the loss, as a part of the gradient, or beside
the optimiser's step. For plain gradient descent the three are one; for Adam they are not.

The term of the loss is :math:`\frac{λ}{2}\|w\|^2`, the part of the gradient :math:`λw`, and beside the step the update
is :math:`w \leftarrow w - ηu - ηλw`. Adam divides the gradient by its own size, decay and all, so that weights with
large gradients are hardly decayed. Below all three train the same small network on handwritten digits.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_digits

import weightdecay as wd

digits = load_digits()
pixels = torch.tensor(digits.data / 16.0)
labels = torch.tensor(digits.target)
WAYS = ("loss", "gradient", "optimiser")


def network():
    """The same initial weights every time, in float64, so that equal means equal to rounding."""
    torch.manual_seed(0)
    layers = [torch.nn.Linear(64, 32), torch.nn.ReLU(), torch.nn.Linear(32, 10)]
    return torch.nn.Sequential(*layers).double()


# %%
# Three ways
# ----------
# ``wd.param_groups`` says who is decayed: the two matrices, not the biases. ``wd.with_decay`` gives any torch optimiser
# the form asked for: ``"coupled"`` is the gradient's, ``"decoupled"`` the one beside the step. The term of the loss is
# written out.

model = network()
groups = wd.param_groups(model, 0.02)


def train(way, kind, decay, steps=300, **settings):
    """Train on random batches, the same ones for all; return the network and its weights' norm after every step."""
    model = network()
    groups = wd.param_groups(model, decay, verbose=False)
    decayed = [w for group in groups if group["name"] == "decayed" for w in group["params"]]
    if way == "loss":
        optimizer = kind(model.parameters(), **settings)
    else:
        form = {"gradient": "coupled", "optimiser": "decoupled"}[way]
        optimizer = wd.with_decay(kind(groups, **settings), form=form, decay=decay)
    batches, norms = torch.Generator().manual_seed(1), []
    for _ in range(steps):
        rows = torch.randint(len(pixels), (64,), generator=batches)
        loss = torch.nn.functional.cross_entropy(model(pixels[rows]), labels[rows])
        if way == "loss":
            loss = loss + 0.5 * decay * sum((w**2).sum() for w in decayed)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        norms.append(float(sum((w.detach() ** 2).sum() for w in decayed)) ** 0.5)
    return torch.cat([w.detach().flatten() for w in decayed]), norms


def apart(one, other):
    """Distance of two weight vectors, as a share of their length."""
    return float((one - other).norm() / other.norm())


# %%
# Plain gradient descent
# ----------------------
# All three give the same weights, to the last digits.

weights = {way: train(way, torch.optim.SGD, 0.02, lr=0.2)[0] for way in WAYS}
sgd = {way: apart(weights[way], weights["loss"]) for way in WAYS}
for way in WAYS[1:]:
    print(f"SGD, in the {way} against in the loss: {sgd[way]:.1e} apart")

# %%
# Adam
# ----
# In the loss and in the gradient it is one method again. Beside the step it is another, not by rounding but by far.

runs = {way: train(way, torch.optim.Adam, 0.02, lr=3e-3) for way in WAYS}
adam = {way: apart(runs[way][0], runs["loss"][0]) for way in WAYS}
for way in WAYS[1:]:
    print(f"Adam, in the {way} against in the loss: {adam[way]:.1e} apart")

reference = train("optimiser", torch.optim.Adam, 0.0, lr=3e-3)
fig, ax = plt.subplots(figsize=(7, 4))
for way, dashes in zip(WAYS, ("-", "--", "-"), strict=True):
    ax.plot(runs[way][1], dashes, label=f"in the {way}")
ax.plot(reference[1], color="grey", linestyle=":", label="no decay")
ax.set_xlabel("step of Adam")
ax.set_ylabel("norm of the decayed weights")
ax.legend(frameon=False)
fig.tight_layout()

# %%
# So the same number means different things
# -----------------------------------------
# Beside the step λ = 0.02 has barely begun after 300 steps: alone it would have left :math:`(1 - ηλ)^{300}`, 98 % of a
# weight. Inside Adam's gradient it has already taken a good part. A decay that suits one form is wrong for the other.
# Here each form has its own tuned, on 500 digits of which every seventh has a wrong label; all decays and folds train
# together, as one population.

print("norm at the end: " + ", ".join(f"in the {way} {runs[way][1][-1]:.2f}" for way in WAYS))
print(f"without decay {reference[1][-1]:.2f}; ηλ alone would leave {(1 - 3e-3 * 0.02) ** 300:.1%}")

few, answers = digits.data[:500], digits.target[:500].copy()
wrong = np.random.default_rng(0).random(500) < 1 / 7
answers[wrong] = np.random.default_rng(1).integers(0, 10, wrong.sum())
lattices = {"penalty": (-4, -3, -2, -1.5, -1), "coupled": (-4, -3, -2, -1.5, -1), "decoupled": (-2, -1, 0, 0.5, 1)}
tunings = {}
for form, powers in lattices.items():
    estimator = wd.NetworkClassifier(hidden=(32,), form=form, learning_rate=3e-3, epochs=40, batch_size=64)
    found = wd.tune(estimator, few, answers, decays=[10.0**power for power in powers], cv=3)
    tunings[form] = found
    losses = ", ".join(f"{lam:.2g}: {loss:.3f}" for lam, loss in zip(found.decays, found.mean, strict=True))
    print(f"{form:>10}  best λ = {found.decay:.2g}   held-out log-loss at λ = {losses}")

best = {form: float(one.mean.min()) for form, one in tunings.items()}
ratio = tunings["decoupled"].decay / tunings["coupled"].decay

# %%
# In short
# --------

shown = {
    "sgd_apart": [sgd[way] for way in WAYS],
    "adam_apart": [adam[way] for way in WAYS],
    "norms_of_adam": [runs[way][1][-1] for way in WAYS] + [reference[1][-1]],
    "left_by_decay_alone": (1 - 3e-3 * 0.02) ** 300,
    "best_decays": {form: one.decay for form, one in tunings.items()},
    "best_losses": best,
    "ratio_of_best_decays": ratio,
}
claims = {
    "Biases are exempt, both matrices are decayed.": [len(group["params"]) for group in groups] == [2, 2],
    "Under plain gradient descent the three ways are one.": max(sgd.values()) < 1e-12,
    "Under Adam loss and gradient are one.": adam["gradient"] < 1e-10,
    "Under Adam decay beside the step is another method.": adam["optimiser"] > 0.1,
    "At λ = 0.02 decay in Adam's gradient takes over a quarter of the norm.": runs["gradient"][1][-1]
    < 0.75 * reference[1][-1],
    "Beside the step it takes less than 3 %.": runs["optimiser"][1][-1] > 0.97 * reference[1][-1],
    "The best decays of the two forms differ by 10 times or more.": ratio >= 10,
    "Penalty and coupled have the same curve.": bool(
        np.allclose(tunings["penalty"].mean, tunings["coupled"].mean, rtol=0.02)
    ),
    "In each form a decay in the middle is better than the weakest.": all(
        one.mean.min() < 0.97 * one.mean[0] for one in tunings.values()
    ),
    "Each at its own best, the forms are within 15 % of one another.": max(best.values()) < 1.15 * min(best.values()),
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
