r"""
Four decays, epoch by epoch
===========================

The same regression, trained with four decays. A decay does two things to the course of the weights: they end smaller,
and they get there sooner.

How much sooner is no accident. Along a principal direction of variance :math:`d` the distance to the end is multiplied
by :math:`1 - α(d + λ)` in every epoch, and the slowest direction, that of the least variance, sets the pace.
"""

import warnings

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from sklearn.datasets import load_diabetes
from sklearn.exceptions import ConvergenceWarning

import weightdecay as wd

data = load_diabetes(scaled=False)
Z, y = (data.data - data.data.mean(axis=0)) / data.data.std(axis=0), data.target
X = pl.DataFrame(Z, schema=data.feature_names)
decays, rate, epochs = (0.0, 0.01, 0.1, 1.0), 0.2, 5000

# %%
# Training
# --------
# 5,000 epochs at a learning rate of 0.2. Without decay that is not enough to meet the solver's tolerance, and it says
# so.

fits, told = [], []
for decay in decays:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        fits.append(wd.LinearRegression(decay, solver="gradient_descent", learning_rate=rate, epochs=epochs).fit(X, y))
    told.append(len(caught))
    print(f"λ = {decay:<5g} {fits[-1].history_.message}")

fig, ax = plt.subplots(figsize=(7, 4))
wd.plot.training([fit.history_.thinned(400) for fit in fits], ax=ax, top=6)
fig.tight_layout()

# %%
# The darker the line, the stronger the decay. With :math:`λ = 1` everything is over after a few epochs; without decay
# the cholesterols s1 and s2 part slowly, over thousands of epochs. The first two hundred show it better (a line ends
# where training stood still):

fig, ax = plt.subplots(figsize=(7, 4))
courses = [fit.history_.weights for fit in fits]
for decay, course in zip(decays, courses, strict=True):
    ax.plot(np.linalg.norm(course[:200], axis=1), label=f"λ = {decay:g}")
ax.set_xlabel("epoch")
ax.set_ylabel("norm of the weights")
ax.legend(frameon=False)
fig.tight_layout()

# %%
# How far, how fast
# -----------------
# *Epochs* counts until the weights are within 1 % of where they will end, which the exact solver tells. *Factor* is
# what one epoch leaves of the distance, measured over the last hundred of them in which it is above rounding, beside
# :math:`1 - α(d_{\min} + λ)`.

least = float(np.linalg.eigvalsh(Z.T @ Z / len(Z))[0])
norms, needed, factors, theory = [], [], [], []
print("    λ    norm at the end   epochs to 1 %   factor per epoch   1 − α(d + λ)")
for decay, course in zip(decays, courses, strict=True):
    end = wd.LinearRegression(decay).fit(X, y).coef_
    distance = np.linalg.norm(course - end, axis=1) / np.linalg.norm(end)
    norms.append(float(np.linalg.norm(end)))
    needed.append(int(np.flatnonzero(distance > 0.01)[-1]) + 1)
    last = int(np.flatnonzero(distance > 1e-8)[-1])
    first = max(last - 100, last // 2)
    factors.append(float((distance[last] / distance[first]) ** (1 / (last - first))))
    theory.append(1 - rate * (least + decay))
    print(f"{decay:5g} {norms[-1]:15.2f} {needed[-1]:15d} {factors[-1]:18.4f} {theory[-1]:14.4f}")

# %%
# Which of them predicts best
# ---------------------------
# Smaller and sooner is not better. Held-out rows decide; here every row is predicted by a model of all others. Among
# these four the weak decay wins by a hair, and :math:`λ = 1`, which ended first, costs most.

tuning = wd.tune(wd.LinearRegression(), X, y, decays=decays)
for decay, loss in zip(tuning.decays, tuning.mean, strict=True):
    print(f"λ = {decay:<5g} held-out mean squared error {loss:.1f}")
print()
print(tuning.verdict)

# %%
# In short
# --------

losses = dict(zip(tuning.decays.tolist(), tuning.mean.tolist(), strict=True))
shown = {
    "norms": norms,
    "epochs_to_one_percent": needed,
    "factors": factors,
    "factors_in_theory": theory,
    "held_out": [losses[decay] for decay in decays],
    "not_converged": told,
    "speed_up_at_1": needed[0] / needed[-1],
}
claims = {
    "The stronger the decay, the smaller the weights at the end.": norms == sorted(norms, reverse=True),
    "The stronger the decay, the fewer epochs are needed.": needed == sorted(needed, reverse=True),
    "With λ = 1 it takes less than a hundredth of the epochs of λ = 0.": shown["speed_up_at_1"] > 100,
    "The last epochs shrink the distance by 1 − α(d + λ).": bool(
        np.allclose(1 - np.array(factors), 1 - np.array(theory), rtol=0.05)
    ),
    "Only the fit without decay runs out of epochs, and says so.": told == [1, 0, 0, 0],
    "Of the four, λ = 0.01 predicts best and λ = 1 worst.": min(losses, key=losses.get) == 0.01
    and max(losses, key=losses.get) == 1.0,
    "Between 0 and 0.1 it hardly matters (1 %).": max(losses[d] for d in (0.0, 0.01, 0.1)) < 1.01 * losses[0.01],
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
