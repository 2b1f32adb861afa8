r"""
Linear regression: the update and the weights it learns
=======================================================

The textbook trains a linear regression with weight decay by a single line. Here that line is, on 442 patients and their
progression of diabetes: first written by hand, then as the library keeps it, epoch by epoch, then against the closed
form that it must reach. With the learning rate :math:`α` and the decay :math:`λ` it reads

.. math:: w \leftarrow w - α \left( \nabla \mathrm{loss}(w) + λ w \right).
"""

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from sklearn.datasets import load_diabetes
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

import weightdecay as wd

data = load_diabetes(scaled=False)
X, y, names = data.data, data.target, data.feature_names
decay, rate, epochs = 0.1, 0.2, 1000

# %%
# By hand
# -------
# Columns are brought to mean 0 and standard deviation 1, so that one λ means the same for all of them, and the
# intercept, which is never decayed, is the mean of the target. With the loss :math:`\frac{1}{2n} \|y - Zw\|^2` the
# gradient is :math:`Z^\top (Zw - y) / n`.

Z = StandardScaler().fit_transform(X)
target = y - y.mean()
n, p = Z.shape

w = np.zeros(p)
by_hand = [w]
for _ in range(epochs):
    w = w - rate * (Z.T @ (Z @ w - target) / n + decay * w)
    by_hand.append(w)

# %%
# By the library
# --------------
# ``solver="gradient_descent"`` runs the same update and keeps every epoch in ``history_``. It would bring the columns
# to mean 0 and standard deviation 1 by itself and give weights in the columns' own units; here they come in so, with
# their names.

model = wd.LinearRegression(decay, solver="gradient_descent", learning_rate=rate, epochs=epochs)
model.fit(pl.DataFrame(Z, schema=names), y)
history = model.history_
kept = history.weights
apart = np.abs(kept - np.array(by_hand)[: len(kept)]).max() / np.abs(kept).max()
print(history.message)
print(f"largest difference to the loop by hand, of all weights and epochs: {apart:.1e} of the largest weight")

# %%
# Most weights are where they belong after a few dozen epochs. The cholesterol measures s1 and s2, which say nearly the
# same, take longest: along a direction in which the columns hardly vary the gradient is small.

fig, ax = plt.subplots(figsize=(7, 4))
wd.plot.training(history, ax=ax, top=10)
fig.tight_layout()

# %%
# The closed form
# ---------------
# Where the update stands still the gradient is zero: :math:`(Z^\top Z / n + λ I)\, w = Z^\top y / n`, one linear
# system, which the default solver solves to the last digits. scikit-learn's ``Ridge`` sums the loss where ours takes
# its mean, so its strength is n times ours; ``wd.convert`` knows that.

closed = np.linalg.solve(Z.T @ Z / n + decay * np.eye(p), Z.T @ target / n)
exact = wd.LinearRegression(decay).fit(X, y)
strength = wd.convert(decay, "decay", "sklearn.Ridge.alpha", n_samples=n)
ridge = Ridge(alpha=strength).fit(Z, y)
free = np.linalg.lstsq(Z, target, rcond=None)[0]

print(f"{'':>5} {'no decay':>10} {'learned':>10} {'closed form':>12} {'Ridge(' + format(strength, '.1f') + ')':>12}")
for j, name in enumerate(names):
    print(f"{name:>5} {free[j]:10.3f} {kept[-1, j]:10.3f} {closed[j]:12.3f} {ridge.coef_[j]:12.3f}")


def gap(one, other):
    """Largest difference, as a share of the largest weight."""
    return float(np.abs(one - other).max() / np.abs(other).max())


to_closed = gap(kept[-1], closed)
exact_to_closed = gap(exact.coef_ * X.std(axis=0), closed)
to_ridge = gap(closed, ridge.coef_)
print(f"learned against closed form: {to_closed:.1e}; default solver: {exact_to_closed:.1e}; Ridge: {to_ridge:.1e}")

# %%
# What the decay did
# ------------------
# Along every principal direction of the columns, of variance :math:`d`, decay keeps the share :math:`d / (d + λ)` of
# the least-squares weight: nearly all where the data vary much, little where they hardly vary. Without decay s1 and s2
# get large weights of opposite sign, which nearly cancel: that is such a direction. They lose most, while the body-mass
# index keeps nearly everything.

variance, directions = np.linalg.eigh(Z.T @ Z / n)
share = (directions.T @ closed) / (directions.T @ free)
print("variance of the direction   share kept   d / (d + λ)")
for d, measured in zip(variance[::-1], share[::-1], strict=True):
    print(f"{d:25.4f} {measured:12.4f} {d / (d + decay):13.4f}")
left = {name: abs(closed[j] / free[j]) for j, name in enumerate(names)}

# %%
# In short
# --------

shown = {
    "hand_to_library": float(apart),
    "learned_to_closed_form": to_closed,
    "default_to_closed_form": exact_to_closed,
    "closed_form_to_ridge": to_ridge,
    "epochs": len(history.loss) - 1,
    "ridge_strength": strength,
    "share_left_s1": float(left["s1"]),
    "share_left_s2": float(left["s2"]),
    "share_left_bmi": float(left["bmi"]),
    "shares_from_formula": float(np.abs(share - variance / (variance + decay)).max()),
    "norm_no_decay": float(np.linalg.norm(free)),
    "norm": float(np.linalg.norm(closed)),
}
claims = {
    "The library's update is the textbook's, epoch by epoch, to rounding.": shown["hand_to_library"] < 1e-10,
    "It stops once it stands still.": history.converged,
    "The learned weights are those of the closed form.": shown["learned_to_closed_form"] < 1e-6,
    "So are those of the default solver.": shown["default_to_closed_form"] < 1e-10,
    "Ridge finds the same at the converted strength.": shown["closed_form_to_ridge"] < 1e-9,
    "Each principal direction keeps d / (d + λ).": shown["shares_from_formula"] < 1e-9,
    "The two cholesterols lose most of their weight.": max(shown["share_left_s1"], shown["share_left_s2"]) < 0.5,
    "The body-mass index keeps over 90 % of its own.": shown["share_left_bmi"] > 0.9,
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
