r"""
Under-fitted, over-fitted, well fitted
======================================

A polynomial of degree 12 has enough freedom to run through nearly anything. With too little decay it follows the noise
of 25 points, with too much it follows nothing, and between lies a fit that is close to the curve behind the data. The
training loss alone cannot tell: it only ever rises with the decay. Held-out rows can.
"""

import matplotlib.pyplot as plt
import numpy as np
from numpy.polynomial.legendre import legvander

import weightdecay as wd

DEGREE, NOISE = 12, 0.3


def truth(x):
    """The curve behind the data."""
    return np.sin(3.0 * x) + 0.5 * x


def features(x):
    """Legendre polynomials of degree 1 to 12 on [-1, 1], each divided by its degree."""
    return legvander(x, DEGREE)[:, 1:] / np.arange(1, DEGREE + 1)


rng = np.random.default_rng(4)
x = np.sort(rng.uniform(-1, 1, 25))
y = truth(x) + NOISE * rng.standard_normal(25)
new_x = rng.uniform(-1, 1, 5000)
new_y = truth(new_x) + NOISE * rng.standard_normal(5000)

# %%
# How much
# --------
# High degrees wiggle more, so they come in divided by their degree and, with ``standardize=False``, decay holds them
# back more. Leave-one-out is exact here and costs no more than one fit.

model = wd.LinearRegression(standardize=False)
tuning = wd.tune(model, features(x), y, cv="loo")
print(tuning.verdict)

# %%
# Three fits
# ----------

fits = {"over-fitted": 0.0, "well fitted": tuning.decay, "under-fitted": 1.0}
line = np.linspace(-1, 1, 400)
fig, axes = plt.subplots(1, 3, figsize=(11, 3.6), sharey=True)
train, test, off, norm = {}, {}, {}, {}
for ax, (name, decay) in zip(axes, fits.items(), strict=True):
    fit = wd.LinearRegression(decay, standardize=False).fit(features(x), y)
    train[name] = float(np.mean((fit.predict(features(x)) - y) ** 2))
    test[name] = float(np.mean((fit.predict(features(new_x)) - new_y) ** 2))
    off[name] = float(np.mean((fit.predict(features(new_x)) - truth(new_x)) ** 2))
    norm[name] = float(np.linalg.norm(fit.coef_))
    ax.plot(line, truth(line), color="grey", linestyle="--", label="truth")
    ax.plot(line, fit.predict(features(line)), label="fit")
    ax.plot(x, y, "k.")
    ax.set_title(f"{name}: λ = {decay:.2g}")
    ax.set_ylim(-2.6, 2.6)
axes[0].legend(frameon=False)
fig.tight_layout()

print(f"noise: {NOISE**2:.3f}")
for name in fits:
    print(
        f"{name:>13}: training loss {train[name]:.3f}   5,000 new rows {test[name]:.3f}   "
        f"off the truth {off[name]:.3f}   norm of the weights {norm[name]:.1f}"
    )

# %%
# How to tell from the data at hand
# ---------------------------------
# Over-fitted: the training loss is far below the held-out loss. Under-fitted: both are high, and close together. Well
# fitted: the held-out loss is least. The picture has it all, and the held-out curve is close to that of new rows, which
# are drawn in grey.

path = wd.path(model, features(x), y, tuning.decays[tuning.decays > 0])
fresh = [
    float(np.mean((features(new_x) @ coef + intercept - new_y) ** 2))
    for coef, intercept in zip(path.coef, path.intercept, strict=True)
]
fig, ax = plt.subplots(figsize=(7.5, 4.5))
wd.plot.validation(tuning, ax=ax)
ax.plot(path.decays, fresh, color="grey", linewidth=1, linestyle=":")
fig.tight_layout()

regret = test["well fitted"] / min(fresh)
print(f"the tuned decay's loss on new rows is {regret:.3f} times the least that any decay has there")

# %%
# In short
# --------

held_out = {name: float(wd.tune(model, features(x), y, decays=[lam], cv="loo").mean[0]) for name, lam in fits.items()}
shown = {
    "decays": fits,
    "train": train,
    "held_out": held_out,
    "new_rows": test,
    "off_the_truth": off,
    "norms": norm,
    "regret": regret,
}
claims = {
    "The training loss only rises with the decay.": bool((np.diff(path.train_loss) >= -1e-12).all())
    and train["over-fitted"] < train["well fitted"] < train["under-fitted"],
    "Over-fitted: new rows cost over twice the training loss.": test["over-fitted"] > 2 * train["over-fitted"],
    "Under-fitted: new rows cost about what the training rows do (within a third).": abs(
        test["under-fitted"] / train["under-fitted"] - 1
    )
    < 1 / 3,
    "Well fitted predicts new rows best of the three.": test["well fitted"]
    < min(test["over-fitted"], test["under-fitted"]),
    "It is closest to the truth, too.": off["well fitted"] < 0.5 * min(off["over-fitted"], off["under-fitted"]),
    "Held-out losses put the three in the order in which new rows put them.": sorted(held_out, key=held_out.get)
    == sorted(test, key=test.get),
    "The decay chosen from 25 rows is within 10 % of the best for new rows.": regret < 1.1,
    "Over-fitted weights are the largest.": norm["over-fitted"] > norm["well fitted"] > norm["under-fitted"],
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
