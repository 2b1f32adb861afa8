r"""
Logistic regression: decay decides whether there is an answer
=============================================================

For classes the loss is the log-loss, and where some plane parts the classes without an error it falls for ever while
the weights grow: without decay there is no best model at all, and long before infinity the probabilities are far too
sure of themselves.

So it is with these 569 tumours and their 30 measurements. The update is that of the regression,
:math:`w \leftarrow w - α(\nabla \mathrm{loss} + λw)`.
"""

import matplotlib.pyplot as plt
import numpy as np
from scipy.special import expit
from sklearn.datasets import load_breast_cancer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

import weightdecay as wd

data = load_breast_cancer()
X, y = data.data, data.target
Z = StandardScaler().fit_transform(X)
n, p = Z.shape

# %%
# The update by hand
# ------------------
# The gradient of the mean log-loss is :math:`Z^\top(π - y)/n` with the probabilities :math:`π`. The intercept takes the
# same step without decay. The library's exact solver is Newton's method, and scikit-learn's ``LogisticRegression``
# divides by its strength C: λ = 1/(C n).

decay, rate = 0.1, 0.2
w, b = np.zeros(p), 0.0
for _ in range(2500):
    wrong = expit(Z @ w + b) - y
    w, b = w - rate * (Z.T @ wrong / n + decay * w), b - rate * wrong.mean()

model = wd.LogisticRegression(decay).fit(X, y)
C = wd.convert(decay, "decay", "sklearn.LogisticRegression.C", n_samples=n)
theirs = LogisticRegression(C=C, tol=1e-10, max_iter=10_000).fit(Z, y)


def gap(one, other):
    """Largest difference, as a share of the largest weight."""
    return float(np.abs(one - other).max() / np.abs(other).max())


ours = model.coef_[0] * X.std(axis=0)
hand_to_ours, theirs_to_ours = gap(w, ours), gap(theirs.coef_[0], ours)
print(f"loop by hand to the exact solver: {hand_to_ours:.1e}; scikit-learn at C = {C:.4f}: {theirs_to_ours:.1e}")

# %%
# Without decay the weights never stop
# ------------------------------------
# Every tenfold weaker decay lets them grow further, and the training loss goes to zero. Asked for no decay at all, the
# library says that there is no such model.

decays = 10.0 ** -np.arange(1, 8)
path = wd.path(wd.LogisticRegression(), X, y, decays)
norms = np.linalg.norm(path.coef.reshape(len(decays), -1) * X.std(axis=0), axis=1)
print("       λ   norm of the weights   training log-loss")
for lam, norm, loss in zip(decays, norms, path.train_loss, strict=True):
    print(f"{lam:8.0e} {norm:21.1f} {loss:19.6f}")
none = wd.path(wd.LogisticRegression(), X, y, [0.0])
print(f"λ = 0: {none.status[0]}")

# %%
# How much
# --------
# Five folds, and all decays at about the price of one fit. The picture's left side is where the weights run away.

tuning = wd.tune(wd.LogisticRegression(), X, y)
print(tuning.verdict)

fig, ax = plt.subplots(figsize=(7, 4.5))
wd.plot.validation(tuning, ax=ax)
fig.tight_layout()

# %%
# What it buys
# ------------
# Hardly any accuracy: the plane is nearly the same. What it buys is honest probabilities. Held-out rows are predicted
# by models of the other folds, at the tuned decay and at a thousandth of it.

pair = [1e-3 * tuning.decay, tuning.decay]
report = {"a thousandth": {}, "tuned": {}}
for metric, scoring in (("log-loss", None), ("accuracy", "accuracy"), ("Brier score", "brier")):
    both = wd.tune(wd.LogisticRegression(), X, y, decays=pair, scoring=scoring)
    for name, value in zip(report, both.as_metric(both.mean), strict=True):
        report[name][metric] = float(value)
for name, values in report.items():
    print(f"{name:>12}: " + ", ".join(f"{metric} {value:.4f}" for metric, value in values.items()))

# %%
# In short
# --------

shown = {
    "hand_to_exact": hand_to_ours,
    "scikit_learn_to_exact": theirs_to_ours,
    "norms": norms.tolist(),
    "train_loss": path.train_loss.tolist(),
    "status_without_decay": str(none.status[0]),
    "decay": tuning.decay,
    "window": list(tuning.window),
    "tuned": report["tuned"],
    "thousandth": report["a thousandth"],
}
claims = {
    "The loop by hand ends at the library's model.": hand_to_ours < 1e-5,
    "So does scikit-learn at C = 1/(λn).": theirs_to_ours < 1e-4,
    "The weaker the decay, the larger the weights, without end.": bool(
        (np.diff(norms) > 0).all() and norms[-1] > 2 * norms[-3]
    ),
    "The training loss falls on, to below 0.02.": bool(
        (np.diff(path.train_loss) < 0).all() and path.train_loss[-1] < 0.02
    ),
    "Without decay there is no best model, and it is said.": shown["status_without_decay"] == "no minimum",
    "With next to no decay the held-out log-loss is over twice that of the tuned.": report["a thousandth"]["log-loss"]
    > 2 * report["tuned"]["log-loss"],
    "Accuracy differs by less than 4 points.": abs(report["a thousandth"]["accuracy"] - report["tuned"]["accuracy"])
    < 0.04,
    "The Brier score, too, is better with the tuned decay.": report["tuned"]["Brier score"]
    < report["a thousandth"]["Brier score"],
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
