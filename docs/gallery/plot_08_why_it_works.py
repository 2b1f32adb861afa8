r"""
Why it works: generalisation, variance and noise, measured
==========================================================

The expected error of a fit has three parts: noise that nobody can predict, *bias*, by which the fit is off on average,
and *variance*, by which it changes from one sample to the next. Decay buys much less variance for a little bias. Where
the truth is known all of it can be measured: here 300 targets are drawn from one truth, and every decay is fitted to
each of them.
"""

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_diabetes

import weightdecay as wd

rng = np.random.default_rng(0)
n, p, sigma, samples = 60, 40, 1.0, 300
truth = rng.standard_normal(p) / np.sqrt(p)
decays = np.concatenate([[0.0], np.geomspace(1e-3, 10, 25)])
estimator = wd.LinearRegression(standardize=False, fit_intercept=False)

# %%
# Bias, variance, and their sum
# -----------------------------
# Rows have 40 independent columns of variance 1, so the expected squared error of weights w on new rows is
# :math:`\|w - w_*\|^2 + σ^2`, and bias and variance of the weights are those of the predictions. All 300 targets of the
# 60 rows go through one path: the factorisation depends on the rows alone. With :math:`S = X^\top X / n` theory says
# what both are, lines in the picture; dots are measured, and those of bias² below 0.01 are the chance of 300 samples.
#
# .. math:: \text{bias}^2 = λ^2 \|(S + λI)^{-1} w_*\|^2, \qquad
#           \text{variance} = \frac{σ^2}{n} \operatorname{tr}\, S (S + λI)^{-2}.

X = rng.standard_normal((n, p))
targets = (X @ truth)[:, None] + sigma * rng.standard_normal((n, samples))
weights = np.moveaxis(wd.path(estimator, X, targets, decays).coef, 1, 0)
train = ((np.einsum("np,slp->sln", X, weights) - targets.T[:, None, :]) ** 2).mean(axis=2)

variance = weights.var(axis=0, ddof=1).sum(axis=1)
# The mean over the samples is off by chance, too, by variance/300.
bias = ((weights.mean(axis=0) - truth) ** 2).sum(axis=1) - variance / samples
spectrum, basis = np.linalg.eigh(X.T @ X / n)
bias_theory = np.array([lam**2 * (((basis.T @ truth) / (spectrum + lam)) ** 2).sum() for lam in decays])
variance_theory = np.array([sigma**2 / n * (spectrum / (spectrum + lam) ** 2).sum() for lam in decays])

fresh_x = rng.standard_normal((4000, p))
fresh_y = fresh_x @ truth + sigma * rng.standard_normal(4000)
error = np.array([((fresh_x @ weights[:, k].T - fresh_y[:, None]) ** 2).mean() for k in range(len(decays))])
best = int(np.argmin(error))

print("     λ    bias² (theory)   variance (theory)   noise + both   error on new rows   on training rows")
for k in range(0, len(decays), 4):
    total = bias[k] + variance[k] + sigma**2
    print(
        f"{decays[k]:6.3f} {bias[k]:8.3f} {bias_theory[k]:8.3f} {variance[k]:9.3f} {variance_theory[k]:8.3f} "
        f"{total:14.3f} {error[k]:19.3f} {train[:, k].mean():18.3f}"
    )
theory = sigma**2 / (n * np.mean(truth**2))
print(f"least error at λ = {decays[best]:.3f}; the rule σ²/(n · mean w²) says {theory:.3f}")

fig, ax = plt.subplots(figsize=(7, 4))
ax.loglog(decays[1:], bias_theory[1:], label="bias² (dots: measured)")
ax.loglog(decays[1:], variance_theory[1:], label="variance (dots: measured)")
ax.plot(decays[1:], bias[1:], ".", color="C0")
ax.plot(decays[1:], variance[1:], ".", color="C1")
ax.set_ylim(1e-3, 6)
ax.loglog(decays[1:], error[1:], "k", label="error on new rows")
ax.loglog(decays[1:], train[:, 1:].mean(axis=0), "k--", label="error on training rows")
ax.axhline(sigma**2, color="grey", linewidth=0.8)
ax.set_xlabel("decay λ")
ax.legend(frameon=False)
fig.tight_layout()

# %%
# The generalisation gap
# ----------------------
# The difference between new and training rows is what the fit has learned by heart. It falls with every decay; the
# error on new rows does so only until bias takes over.

gap = error - train.mean(axis=0)
print(f"gap without decay {gap[0]:.2f}, at the best decay {gap[best]:.2f}, at λ = 10 {gap[-1]:.2f}")

# %%
# Noise in the target
# -------------------
# On real data: half of the diabetes rows train, the others test, and noise is added to the training targets, in units
# of the residuals' standard deviation. The fit with tuned decay and the one without are watched on clean targets, over
# 20 halvings.

data, target = load_diabetes(return_X_y=True, scaled=False)
pairs = [(a, b) for a in range(10) for b in range(a + 1, 10)]
data = np.hstack([data, np.column_stack([data[:, a] * data[:, b] for a, b in pairs])])
full = wd.LinearRegression(0.1).fit(data, target)
spread = float(np.std(target - full.predict(data)))
levels, halvings = (0.0, 1.0, 2.0, 3.0), 20
losses = {"tuned": np.zeros((halvings, len(levels))), "none": np.zeros((halvings, len(levels)))}
chosen = np.zeros((halvings, len(levels)))
for half in range(halvings):
    order = rng.permutation(len(target))
    fit_rows, test_rows = order[: len(order) // 2], order[len(order) // 2 :]
    noise = spread * rng.standard_normal(len(fit_rows))
    for k, level in enumerate(levels):
        noisy = target[fit_rows] + level * noise
        tuned = wd.LinearRegression().fit(data[fit_rows], noisy)
        none = wd.LinearRegression(0.0).fit(data[fit_rows], noisy)
        chosen[half, k] = tuned.decay_
        for name, fit in (("tuned", tuned), ("none", none)):
            losses[name][half, k] = np.mean((fit.predict(data[test_rows]) - target[test_rows]) ** 2)

print("noise added   no decay   tuned decay   saved   median λ")
saved = []
for k, level in enumerate(levels):
    a, b = losses["none"][:, k].mean(), losses["tuned"][:, k].mean()
    saved.append(float(1 - b / a))
    print(f"{level:8.0f} sd {a:12.0f} {b:13.0f} {saved[-1]:7.0%} {np.median(chosen[:, k]):10.3g}")

# %%
# Noise in the inputs
# -------------------
# A linear fit passes errors of its inputs on by :math:`\|w\|`: independent noise of standard deviation ε in every
# column moves a prediction by :math:`ε\|w\|`. Smaller weights are calmer, to the letter.

shake = 0.1 * rng.standard_normal(fresh_x.shape)
moved = np.array([np.std(shake @ weights[0, k]) for k in (0, best)])
expected = np.array([0.1 * np.linalg.norm(weights[0, k]) for k in (0, best)])
print(f"inputs shaken by 0.1: predictions move by {moved[0]:.3f} without decay, by {moved[1]:.3f} at the best decay")

# %%
# In short
# --------

total = bias + variance + sigma**2
median = np.median(chosen, axis=0).tolist()
shown = {
    "decays": decays.tolist(),
    "bias": bias.tolist(),
    "variance": variance.tolist(),
    "error": error.tolist(),
    "best_decay": float(decays[best]),
    "theory": float(theory),
    "bias_theory": bias_theory.tolist(),
    "variance_theory": variance_theory.tolist(),
    "gap": gap.tolist(),
    "saved_by_noise": saved,
    "chosen_by_noise": median,
    "moved": moved.tolist(),
    "expected_move": expected.tolist(),
}
claims = {
    "Bias² + variance + noise is the error on new rows, within 5 % (4,000 rows).": bool(
        (np.abs(total / error - 1) < 0.05).all()
    ),
    "Bias and variance are those of theory (10 %, or 0.02).": bool(
        np.allclose(bias, bias_theory, rtol=0.1, atol=0.02) and np.allclose(variance, variance_theory, rtol=0.1)
    ),
    "Bias rises with the decay, variance falls.": bool(
        (np.diff(bias_theory) > 0).all() and (np.diff(variance) < 0).all()
    ),
    "The best decay halves the error without decay, or better.": bool(error[best] < 0.5 * error[0]),
    "It is within a factor of 2 of σ²/(n · mean w²).": 0.5 < shown["best_decay"] / shown["theory"] < 2,
    "The generalisation gap falls with every decay.": bool((np.diff(gap) < 0).all()),
    "Decay saves something at every level of noise.": min(saved) > 0,
    "The more noise, the more decay saves.": saved == sorted(saved),
    "The more noise, the larger the decay chosen.": median == sorted(median),
    "Shaken inputs move predictions by ε‖w‖, within 10 %.": bool((np.abs(moved / expected - 1) < 0.1).all()),
    "The best decay makes predictions calmer.": bool(moved[1] < moved[0]),
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
