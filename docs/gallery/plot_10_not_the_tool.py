r"""
When weight decay is not the tool
=================================

Four cases in which decay does nothing, or not what was wanted, each measured: layers whose scale does not matter, a
penalty too small for the length of the run, models without weights, and conditions that must hold exactly.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.datasets import load_diabetes
from sklearn.model_selection import cross_val_score
from sklearn.tree import DecisionTreeRegressor

import weightdecay as wd

X, y = load_diabetes(return_X_y=True, scaled=False)
Z = (X - X.mean(axis=0)) / X.std(axis=0)
target = (y - y.mean()) / y.std()
inputs, outputs = torch.tensor(Z), torch.tensor(target)[:, None]

# %%
# Layers that feed a normalisation
# --------------------------------
# A normalisation divides by the size of what it gets, so the weights before it can be multiplied by any number and the
# network computes the same. Decay can then not simplify the function: all that it changes is the *speed* of learning,
# since small weights turn faster. To the letter: with :math:`r = 1 - ηλ`, training with decay λ at the rate η gives the
# same functions as training without decay at the growing rate :math:`η r^{-(2t + 1)}`.


class Normalised(torch.nn.Module):
    """A matrix, a normalisation without gain, a rectifier and a fixed read-out."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.matrix = torch.nn.Linear(10, 16, bias=False).double()
        self.norm = torch.nn.BatchNorm1d(16, eps=1e-30, affine=False).double()
        self.read = torch.linspace(-1, 1, 16, dtype=torch.float64)[:, None]

    def forward(self, x):
        return torch.relu(self.norm(self.matrix(x))) @ self.read / 4


network = Normalised()
with torch.no_grad():
    before = network(inputs)
    penalty_before = float((network.matrix.weight**2).sum())
    network.matrix.weight.mul_(0.1)
    changed = float((network(inputs) - before).abs().max() / before.abs().max())
    penalty_ratio = float((network.matrix.weight**2).sum()) / penalty_before
measured = [one is network.matrix.weight for one in wd.normalised_parameters(network, inputs)]
print(f"weights times 0.1: the penalty is {penalty_ratio:.2f} of what it was, the outputs changed by {changed:.0e}")
print(f"wd.normalised_parameters finds the matrix: {measured == [True]}")

rate, decay, steps = 0.05, 0.2, 150
shrink = 1 - rate * decay
outputs_at, losses, norms = {}, {}, {}
for name in ("decay", "growing rate", "neither"):
    network = Normalised()
    groups = wd.param_groups(network, decay if name == "decay" else 0.0, sample=inputs, verbose=False)
    optimizer = torch.optim.SGD(groups, lr=rate)
    losses[name], norms[name] = [], []
    for t in range(steps):
        if name == "growing rate":
            optimizer.param_groups[0]["lr"] = rate * shrink ** -(2 * t + 1)
        optimizer.zero_grad()
        loss = 0.5 * ((network(inputs) - outputs) ** 2).mean()
        loss.backward()
        optimizer.step()
        losses[name].append(float(loss.detach()))
        norms[name].append(float(network.matrix.weight.detach().norm()))
    outputs_at[name] = network(inputs).detach()


def apart(one, other):
    """Largest difference, as a share of the largest value."""
    return float((one - other).abs().max() / other.abs().max())


same = apart(outputs_at["decay"], outputs_at["growing rate"])
differs = apart(outputs_at["decay"], outputs_at["neither"])
print(
    f"after {steps} steps, decay against a growing rate: outputs {same:.0e} apart, "
    f"norms {norms['decay'][-1]:.2f} and {norms['growing rate'][-1]:.2f}"
)
print(f"decay against neither: outputs {differs:.0e} apart")

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
for name, dashes in (("decay", "-"), ("growing rate", "--"), ("neither", ":")):
    left.plot(losses[name], dashes, label=name)
    right.plot(norms[name], dashes, label=name)
left.set_ylabel("training loss")
right.set_ylabel("norm of the weights")
for ax in (left, right):
    ax.set_xlabel("step")
left.legend(frameon=False)
fig.tight_layout()

# %%
# A small penalty in a short run
# ------------------------------
# The habit ``weight_decay=0.01`` at a learning rate of 0.001 takes :math:`10^{-5}` of a weight in a step. A run of 300
# steps is over before decay has begun, and no tuning near that number can matter. Here 1 would be a number to begin
# with.

told = wd.timescale(0.01, learning_rate=1e-3, steps=300)
print(told.verdict)


def trained(decay):
    """AdamW for 300 steps on half of the rows; the loss on the other half, and the norm of the weights."""
    torch.manual_seed(1)
    network = torch.nn.Sequential(torch.nn.Linear(10, 32), torch.nn.Tanh(), torch.nn.Linear(32, 1)).double()
    optimizer = torch.optim.AdamW(wd.param_groups(network, decay, verbose=False), lr=1e-3)
    for _ in range(300):
        optimizer.zero_grad()
        (0.5 * (network(inputs[::2]) - outputs[::2]) ** 2).mean().backward()
        optimizer.step()
    with torch.no_grad():
        held_out = float(((network(inputs[1::2]) - outputs[1::2]) ** 2).mean())
        return held_out, float(sum((w**2).sum() for w in optimizer.param_groups[0]["params"]) ** 0.5)


short = {lam: trained(lam) for lam in (0.0, 0.01, 1.0)}
for lam, (held_out, norm) in short.items():
    print(f"λ = {lam:<5g} held-out loss {held_out:.5f}   norm of the weights {norm:.4f}")
tiny_matters = abs(short[0.01][0] / short[0.0][0] - 1)

# %%
# Models without weights
# ----------------------
# A tree has thresholds and leaves, and no weight that could be made smaller. What keeps it simple is the number of rows
# in a leaf. Asked to tune a decay, the library says that there is none.

try:
    wd.tune(DecisionTreeRegressor(), X, y)
    refusal = ""
except ValueError as error:
    refusal = str(error)
print(refusal)

leaves = (1, 3, 10, 30, 100)
tree = {
    size: -float(
        cross_val_score(
            DecisionTreeRegressor(min_samples_leaf=size, random_state=0), X, y, cv=5, scoring="neg_mean_squared_error"
        ).mean()
    )
    for size in leaves
}
linear = float(wd.tune(wd.LinearRegression(), X, y, cv=5).mean.min())
print("rows in a leaf: held-out mean squared error  " + ", ".join(f"{k}: {v:.0f}" for k, v in tree.items()))
print(f"linear regression with tuned decay: {linear:.0f}")

# %%
# What must hold exactly
# ----------------------
# Shares must sum to one, a norm must not exceed its bound: decay pulls and never guarantees. Four sensors of different
# precision measure the same temperature. A weighted mean of them is right at every temperature only if its weights sum
# to one, and that no decay gives: the stronger it is, the smaller the sum. What gives it is the algebra of the
# condition, :math:`w_4 = 1 - w_1 - w_2 - w_3`: regress the differences to the fourth sensor, in whose weights decay can
# then do its own work.

rng = np.random.default_rng(5)
temperature = 20 + 2 * rng.standard_normal(40)
sensors = temperature[:, None] + np.array([0.5, 1.0, 1.5, 2.0]) * rng.standard_normal((40, 4))
plain = {"fit_intercept": False, "standardize": False}
decays = np.geomspace(1e-3, 1e4, 40)
sums = wd.path(wd.LinearRegression(**plain), sensors, temperature, decays).coef.sum(axis=1)
differences = sensors[:, :3] - sensors[:, 3:]
free = wd.LinearRegression(**plain, centre=[0.25] * 3).fit(differences, temperature - sensors[:, 3])
shares = np.append(free.coef_, 1 - free.coef_.sum())
loose = wd.LinearRegression(**plain).fit(sensors, temperature).coef_
centred = wd.LinearRegression(standardize=False).fit(sensors, temperature)
hot = np.full((1, 4), 60.0)
off = {
    "decay on the sensors": abs(float(loose @ hot[0]) - 60),
    "the same with an intercept": abs(float(centred.predict(hot)[0]) - 60),
    "shares that sum to one": abs(float(shares @ hot[0]) - 60),
}
print(f"sum of the weights along the path: from {sums[0]:.4f} at λ = {decays[0]:.0e} to {sums[-1]:.4f}")
print(f"shares from the differences: {shares.round(3)}, their sum less one: {shares.sum() - 1:.0e}")
for name, error in off.items():
    print(f"all sensors say 60 degrees, {name}: off by {error:.2g}")

# %%
# And a bound on the norms of a network's rows: decay needs another λ for every network and every run, while
# ``wd.with_max_norm`` holds it after each step.

bound = 0.5
torch.manual_seed(2)
layer = torch.nn.Linear(10, 8).double()
optimizer = wd.with_max_norm(torch.optim.SGD(layer.parameters(), lr=0.1), bound, parameters=[layer.weight])
largest = []
for _ in range(100):
    optimizer.zero_grad()
    (0.5 * (layer(inputs).mean(dim=1, keepdim=True) - 10 * outputs) ** 2).mean().backward()
    optimizer.step()
    largest.append(float(layer.weight.detach().norm(dim=1).max()))
print(f"largest norm of a row over 100 steps: {max(largest):.6f} (bound {bound})")

# %%
# In short
# --------

shown = {
    "penalty_ratio": penalty_ratio,
    "outputs_changed": changed,
    "decay_to_growing_rate": same,
    "decay_to_neither": differs,
    "norms": {name: one[-1] for name, one in norms.items()},
    "tiny_matters": tiny_matters,
    "short_run": {str(lam): list(one) for lam, one in short.items()},
    "refusal": refusal,
    "tree": {str(size): loss for size, loss in tree.items()},
    "linear": linear,
    "sums": sums.tolist(),
    "sum_of_shares": float(shares.sum()),
    "off_at_60": off,
    "largest_row": max(largest),
}
claims = {
    "Before a normalisation, weights times 0.1 change nothing that the network computes.": changed < 1e-9
    and abs(penalty_ratio - 0.01) < 1e-12,
    "The library finds such weights by measurement.": measured == [True],
    "Decay there is a growing learning rate: the same outputs.": same < 1e-6 < differs,
    "λ = 0.01 in 300 steps at rate 0.001 changes the held-out loss by less than 0.1 %.": tiny_matters < 1e-3,
    "A hundred times as much changes it by over 0.5 %.": abs(short[1.0][0] / short[0.0][0] - 1) > 5e-3,
    "A tree has no decay to tune, and the library says so.": bool(refusal),
    "What suits a tree is the size of its leaves: the best beats single rows by a quarter.": min(tree.values())
    < 0.75 * tree[1],
    "The stronger the decay, the further the weights are from summing to one.": bool(
        (np.diff(sums) < 0).all() and sums[0] < 1
    ),
    "Shares from the differences sum to one, to rounding.": abs(shares.sum() - 1) < 1e-12,
    "At 60 degrees they are right, and fits with decay on the sensors are off.": off["shares that sum to one"] < 1e-9
    and min(off["decay on the sensors"], off["the same with an intercept"]) > 0.01,
    "The bound on the rows holds after every step.": max(largest) <= bound * (1 + 1e-12),
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
