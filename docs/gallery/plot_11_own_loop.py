r"""
Decay in a training loop of your own
====================================

Two calls put decay into any torch training loop: ``wd.param_groups`` says who is decayed, and why, and
``wd.with_decay`` gives the optimiser the form that was asked for. A third, ``wd.audit``, proves that what was asked for
is what happens. The network here reads sequences of digits: it has an embedding, a normalisation, biases and matrices,
and only the matrices should be decayed.
"""

import matplotlib.pyplot as plt
import torch

import weightdecay as wd

# %%
# The data and the network
# ------------------------
# A sequence of eight digits belongs to class 1 if its sum is above 36. One in seven of the 400 labels to learn from is
# wrong; the 800 new ones are right.

DECAY = 5.0
SCORE = torch.nn.functional.binary_cross_entropy_with_logits
generator = torch.Generator().manual_seed(0)
digits = torch.randint(10, (1200, 8), generator=generator)
labels = (digits.sum(dim=1) > 36).float()
train, new = slice(0, 400), slice(400, 1200)
wrong = torch.rand(1200, generator=generator) < 1 / 7
wrong[new] = False
labels[wrong] = 1 - labels[wrong]


class Reader(torch.nn.Module):
    """An embedding of every digit, a hidden layer with a normalisation, a head."""

    def __init__(self):
        super().__init__()
        self.embedding = torch.nn.Embedding(10, 8)
        self.hidden = torch.nn.Linear(64, 32)
        self.norm = torch.nn.LayerNorm(32)
        self.head = torch.nn.Linear(32, 1)

    def forward(self, digits):
        return self.head(torch.relu(self.norm(self.hidden(self.embedding(digits).flatten(1)))))[:, 0]


def reader():
    """The same initial weights every time."""
    torch.manual_seed(0)
    return Reader()


# %%
# Who is decayed
# --------------
# The table says what every parameter is and what becomes of it. With ``sample=``, a batch of inputs, nothing is guessed
# from names or order.

model = reader()
groups = wd.param_groups(model, DECAY, sample=digits[:16])

# %%
# Which form
# ----------
# ``"decoupled"`` is what AdamW does; ``"coupled"`` is the textbook's λw inside the gradient; ``"cautious"`` decays only
# where it does not work against the optimiser's step. The optimiser that comes back is the same object.

optimizer = torch.optim.Adam(groups, lr=3e-3)
same_object = wd.with_decay(optimizer, form="decoupled") is optimizer
schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)


# %%
# How long weights remember under this decay, before anything is trained:

told = wd.timescale(DECAY, learning_rate=3e-3, epochs=40, batch_size=50, samples=400, schedule="cosine")
print(told.verdict)

# %%
# Before the first step
# ---------------------
# The audit measures on copies the decay that every parameter really receives; nothing of the network or the optimiser
# is touched. ``assert_ok`` is for a test suite.

audit = wd.audit(model, optimizer, loss=lambda model: SCORE(model(digits[:50]), labels[:50]))
print(audit)
audit.assert_ok()

# %%
# It also finds what goes wrong in other loops. Here one optimiser gets all parameters, and has its decay inside Adam's
# gradient.

other = reader()
faulty = wd.audit(other, torch.optim.Adam(other.parameters(), lr=3e-3, weight_decay=DECAY))
for problem in faulty.problems:
    print(f"{problem.code} {problem.message}")

# %%
# The loop
# --------
# Nothing in it is special. Without decay the loss on new sequences soon rises again: who stops at the right epoch does
# not need decay here. With it there is little to be gained by stopping.


def trained(decay):
    """Train from the same start on the same batches; losses on new sequences and the norm of the matrices by epoch."""
    model = reader()
    optimizer = torch.optim.Adam(wd.param_groups(model, decay, sample=digits[:16], verbose=False), lr=3e-3)
    wd.with_decay(optimizer, form="decoupled", decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=40)
    batches = torch.Generator().manual_seed(1)
    losses, norms = [], []
    for _ in range(40):
        for rows in torch.randperm(400, generator=batches).split(50):
            optimizer.zero_grad()
            out = model(digits[train][rows])
            SCORE(out, labels[train][rows]).backward()
            optimizer.step()
        schedule.step()
        with torch.no_grad():
            losses.append(float(SCORE(model(digits[new]), labels[new])))
            norms.append(float((model.hidden.weight**2).sum() + (model.head.weight**2).sum()) ** 0.5)
    return losses, norms


decays = (0.0, DECAY, 10 * DECAY)
runs = {decay: trained(decay) for decay in decays}
fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
for decay, (losses, norms) in runs.items():
    left.plot(losses, label=f"λ = {decay:g}")
    right.plot(norms)
    print(f"λ = {decay:<4g} loss on 800 new sequences {losses[-1]:.3f}   norm of the matrices {norms[-1]:.2f}")
least = {decay: min(run[0]) for decay, run in runs.items()}
rise = {decay: run[0][-1] / least[decay] - 1 for decay, run in runs.items()}
print("rise after the best epoch: " + ", ".join(f"λ = {decay:g}: {share:.0%}" for decay, share in rise.items()))
left.set_ylabel("loss on new sequences")
right.set_ylabel("norm of the decayed matrices")
for ax in (left, right):
    ax.set_xlabel("epoch")
left.legend(frameon=False)
fig.tight_layout()

# %%
# By hand
# -------
# With gradients of zero decay is all that is left, and after t steps a decayed weight is :math:`(1 - ηλ)^t` of itself.
# Exempt parameters do not move.

model = reader()
start = {name: w.detach().clone() for name, w in model.named_parameters()}
optimizer = wd.with_decay(
    torch.optim.Adam(wd.param_groups(model, DECAY, sample=digits[:16], verbose=False), lr=3e-3), form="decoupled"
)
for _ in range(100):
    for w in model.parameters():
        w.grad = torch.zeros_like(w)
    optimizer.step()
left_over = {
    name: float((w.detach() * start[name]).sum() / (start[name] ** 2).sum())
    for name, w in model.named_parameters()
    if start[name].any()
}
formula = (1 - 3e-3 * DECAY) ** 100
for name, share in left_over.items():
    print(f"{name:>18}: {share:.6f} of its start is left")
print(f"(1 − ηλ)^100 = {formula:.6f}")

# %%
# In short
# --------

decayed = [name for name, share in left_over.items() if share < 1]
kept = [name for name, share in left_over.items() if share == 1]
final = {decay: run[0][-1] for decay, run in runs.items()}
shown = {
    "decayed": decayed,
    "kept": kept,
    "left": {name: left_over[name] for name in decayed},
    "formula": formula,
    "problems": [problem.code for problem in faulty.problems],
    "least_losses": [least[decay] for decay in decays],
    "losses": [final[decay] for decay in decays],
    "norms": [runs[decay][1][-1] for decay in decays],
}
claims = {
    "The two matrices are decayed, everything else is exempt.": decayed == ["hidden.weight", "head.weight"],
    "The optimiser is the same object.": same_object,
    "A decayed weight without gradient is (1 − ηλ)^t of itself, to float32.": all(
        abs(left_over[name] - formula) < 1e-5 for name in decayed
    ),
    "What is exempt does not move.": "embedding.weight" in kept and "norm.weight" in kept,
    "The audit passes the right optimiser.": audit.ok,
    "It names what is wrong with the other.": not faulty.ok and len(faulty.problems) > 0,
    "With λ = 5 the loss on new sequences is over 5 % below that without decay.": final[DECAY] < 0.95 * final[0.0],
    "Without decay it rises after its best epoch, with λ = 5 less than half as much.": rise[DECAY] < 0.5 * rise[0.0],
    "Ten times as much is worse than none.": final[10 * DECAY] > final[0.0],
    "The stronger the decay, the smaller the matrices.": shown["norms"] == sorted(shown["norms"], reverse=True),
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
