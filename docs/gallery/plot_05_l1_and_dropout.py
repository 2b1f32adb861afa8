r"""
L1 and dropout: the neighbours of weight decay
==============================================

Weight decay takes a *share* of every weight, L1 takes the same *amount* from every weight and stops at zero, dropout
switches units off at random while a network trains. Which of them suits the data depends on the truth behind the data,
and ``wd.compare`` finds out: every form is tuned with the same care, and judged by rows that no choice has seen.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import zscore

import weightdecay as wd

# %%
# One weight
# ----------
# With columns that are uncorrelated, of mean 0 and variance 1, every weight has its own answer. From a least-squares
# weight v, decay makes :math:`v / (1 + λ)` and L1 makes :math:`\operatorname{sign}(v) \max(|v| - λ, 0)`.

rng = np.random.default_rng(0)
n, p = 400, 8
raw = rng.standard_normal((n, p))
X = np.linalg.qr(raw - raw.mean(axis=0))[0] * np.sqrt(n)
truth = np.array([3.0, -2.0, 1.0, 0.5, 0.2, 0.1, 0.0, 0.0])
y = X @ truth + 0.5 * rng.standard_normal(n)
v = X.T @ (y - y.mean()) / n

decay = 0.4
shrunk = wd.LinearRegression(decay).fit(X, y).coef_
soft = wd.LinearRegression(decay, l1_ratio=1.0).fit(X, y).coef_
by_formula = v / (1 + decay), np.sign(v) * np.maximum(np.abs(v) - decay, 0)
errors = [float(np.abs(one - formula).max()) for one, formula in zip((shrunk, soft), by_formula, strict=True)]
print("least squares ", v.round(3))
print("weight decay  ", shrunk.round(3), f"  (formula: {errors[0]:.0e} apart)")
print("L1            ", soft.round(3), f"  (formula: {errors[1]:.0e} apart)")

# %%
# Along the whole path decay makes all weights small and none zero; L1 drops one after the other.

fig, (left, right) = plt.subplots(1, 2, figsize=(10, 4))
decays = np.geomspace(1e-2, 10, 60)
wd.plot.path(wd.path(wd.LinearRegression(), X, y, decays), ax=left)
wd.plot.path(wd.path(wd.LinearRegression(l1_ratio=1.0), X, y, decays), ax=right)
left.set_title("weight decay", pad=24)
right.set_title("L1", pad=24)
fig.tight_layout()

# %%
# A few columns carry everything
# ------------------------------
# 120 rows, 60 columns, of which 4 matter.


def problem(count, seed):
    """Rows whose target depends on so many of 60 columns; a fifth of its variance is noise."""
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((120, 60))
    w = np.zeros(60)
    w[:count] = rng.choice([-1.0, 1.0], count) * 2 / np.sqrt(count)
    return X, X @ w + rng.standard_normal(120)


sparse = wd.compare(wd.LinearRegression(), *problem(4, seed=1), cv=5)
print(sparse.verdict)

fig, ax = plt.subplots(figsize=(7, 3.5))
wd.plot.comparison(sparse, ax=ax)
fig.tight_layout()

# %%
# Every column carries a little
# -----------------------------
# The same signal, spread over all 60.

dense = wd.compare(wd.LinearRegression(), *problem(60, seed=1), cv=5)
print(dense.verdict)

# %%
# Dropout is a decay, too
# -----------------------
# On the inputs of a linear model dropout at rate q, averaged over its randomness, is exactly a weight decay: the
# expected loss gains :math:`\frac{q}{1-q} \cdot \frac12 \sum_j \overline{x_j^2}\, w_j^2`, which on standardised columns
# is λ = q/(1 − q). Descent with dropout ends, on average, at the weights of that decay.

rate = 0.3
Z, target = zscore(problem(60, seed=2)[0]), zscore(problem(60, seed=2)[1])
torch.manual_seed(0)
inputs, outputs = torch.tensor(Z), torch.tensor(target)
linear = torch.nn.Linear(60, 1, bias=False).double()
dropout, optimizer = torch.nn.Dropout(rate), torch.optim.SGD(linear.parameters(), lr=0.02)
average = torch.zeros(60, dtype=torch.float64)
for step in range(2500):
    optimizer.zero_grad()
    (0.5 * (linear(dropout(inputs))[:, 0] - outputs) ** 2).mean().backward()
    optimizer.step()
    if step >= 500:
        average += linear.weight.detach()[0] / 2000
same = wd.LinearRegression(rate / (1 - rate)).fit(Z, target).coef_
free = wd.LinearRegression(0.0).fit(Z, target).coef_
to_decay = float(np.linalg.norm(average.numpy() - same) / np.linalg.norm(same))
to_none = float(np.linalg.norm(average.numpy() - free) / np.linalg.norm(free))
print(f"weights learned with dropout {rate} against decay {rate / (1 - rate):.3f}: {to_decay:.1%} apart")
print(f"against no decay: {to_none:.1%} apart")

# %%
# In a network
# ------------
# There dropout is more than a decay, and the data may prefer either. All forms, their folds and their settings train
# together.

rng = np.random.default_rng(3)
features = rng.standard_normal((200, 10))
wave = np.sin(2 * features[:, 0]) + features[:, 1] * features[:, 2] + 0.5 * rng.standard_normal(200)
network = wd.NetworkRegressor(hidden=(16,), learning_rate=0.02, epochs=60, batch_size=100, decays=[0.1, 1.0])
forms = wd.compare(network, features, wave, cv=3)
print(forms.verdict)

fig, ax = plt.subplots(figsize=(7, 4))
wd.plot.comparison(forms, ax=ax)
fig.tight_layout()

# %%
# In short
# --------

l1, ridge = sparse.row("L1"), sparse.row("weight decay")
shown = {
    "formula_of_decay": errors[0],
    "formula_of_l1": errors[1],
    "zeros_of_decay": int((shrunk == 0).sum()),
    "zeros_of_l1": int((soft == 0).sum()),
    "sparse_suits": sparse.suits,
    "sparse_losses": {row.name: row.mean for row in sparse.rows},
    "sparse_weights_kept": l1.nonzero,
    "dense_suits": dense.suits,
    "dense_losses": {row.name: row.mean for row in dense.rows},
    "dropout_to_decay": to_decay,
    "dropout_to_none": to_none,
    "network_suits": forms.suits,
    "network_losses": {row.name: row.mean for row in forms.rows},
}
network_losses = shown["network_losses"]
claims = {
    "Decay is v/(1 + λ), L1 the soft threshold, to rounding.": max(errors) < 1e-9,
    "Decay makes no weight zero, L1 those below λ.": shown["zeros_of_decay"] == 0
    and shown["zeros_of_l1"] == int((np.abs(v) <= decay).sum()),
    "Where 4 of 60 columns matter, L1 or the elastic net is named.": sparse.suits in ("L1", "elastic net"),
    "It keeps less than half of the columns, and predicts better than decay.": l1.nonzero < 30 and l1.mean < ridge.mean,
    "Where all 60 matter, weight decay is named.": dense.suits == "weight decay",
    "Dropout on the inputs of a linear model is the decay q/(1 − q), within 5 %.": to_decay < 0.05 < to_none,
    "In the network weight decay and dropout are both better than none, by over 5 %.": max(
        network_losses["weight decay"], network_losses["dropout"]
    )
    < 0.95 * network_losses["none"],
    "Both together gain no more than 5 % over the better of them.": network_losses["dropout + weight decay"]
    > 0.95 * min(network_losses["weight decay"], network_losses["dropout"]),
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
