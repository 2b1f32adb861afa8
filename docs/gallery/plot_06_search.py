r"""
Cross-validation, grid and random search, with the metric of your choice
========================================================================

How much decay is a question for held-out rows. The usual way is to refit a model for every fold and every value of a
grid; the folds of a linear model can share that work, and give the same numbers. Here both ways run on the same folds,
then with another metric, then over a second parameter, by grid and by random search.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import Ridge
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import weightdecay as wd

X, y = load_diabetes(return_X_y=True, scaled=False)
folds = KFold(10, shuffle=True, random_state=0)

# %%
# A grid, twice
# -------------
# ``GridSearchCV`` fits 10 × 25 models, one after the other. ``wd.tune`` factorises each fold once. The strengths are
# the same: Ridge's is λ times the sum of weights, here the number of all rows (``wd.convert``).

decays = np.geomspace(1e-4, 1, 25)
strengths = [wd.convert(lam, "decay", "sklearn.Ridge.alpha", n_samples=len(y)) for lam in decays]


def timed(work):
    """What some work returns, and the seconds that it takes."""
    begun = time.perf_counter()
    return work(), time.perf_counter() - begun


pipeline = make_pipeline(StandardScaler(), Ridge())
search = GridSearchCV(pipeline, {"ridge__alpha": strengths}, cv=folds, scoring="neg_mean_squared_error")
theirs, theirs_took = timed(lambda: search.fit(X, y))

wd.tune(wd.LinearRegression(), X, y)  # imports what is needed: the clock shall measure work
ours, ours_took = timed(lambda: wd.tune(wd.LinearRegression(), X, y, decays=decays, cv=folds))

by_fold = -np.array([theirs.cv_results_[f"split{fold}_test_score"] for fold in range(10)])
apart = float(np.abs(by_fold / ours.losses - 1).max())
print(f"GridSearchCV: {theirs_took:.2f} s, best Ridge alpha {theirs.best_params_['ridge__alpha']:.3g}")
print(f"wd.tune:      {ours_took:.3f} s, best λ {ours.decay:.3g}")
print(f"largest relative difference of the 250 held-out losses: {apart:.1e}")

# %%
# Without a grid
# --------------
# Nobody has to know where to look. Without ``decays`` the data span the grid, which is refined about the best and
# extended where the best lies at an end. The answer comes with the window in which the choice hardly matters, and with
# the largest decay within one standard error (``rule="1se"``) for those who like a simpler model.

free = wd.tune(wd.LinearRegression(), X, y, cv=folds)
simpler = wd.tune(wd.LinearRegression(), X, y, cv=folds, rule="1se")
print(free.verdict)
print(f"rule 1se takes λ = {simpler.decay:.3g}")

fig, ax = plt.subplots(figsize=(7, 4.5))
wd.plot.validation(free, ax=ax)
fig.tight_layout()

# %%
# Another metric, another answer
# ------------------------------
# A decay that is best for probabilities need not be best for ranking or for hits. Any scorer of scikit-learn is taken.

C, c = load_breast_cancer(return_X_y=True)
metrics = {"log-loss": None, "area under the ROC curve": "auc", "accuracy": "accuracy", "F1": "f1"}
chosen = {}
for name, scoring in metrics.items():
    found = wd.tune(wd.LogisticRegression(), C, c, scoring=scoring, decays=np.geomspace(1e-4, 1, 13))
    chosen[name] = found
    low, high = found.window
    print(f"{name:>25}: λ = {found.decay:7.4f}, window {low:.4f} to {high:.4f}, {float(found.mean.min()):+.4f}")

# %%
# A second parameter: grid and random search
# ------------------------------------------
# Each setting of a ``space`` has its decay tuned, on the same folds. The map shows the loss of every pair. A random
# search draws some of the settings only; what it found is at best as good as the grid.

shares = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0]
grid = wd.tune(wd.LinearRegression(), X, y, space={"l1_ratio": shares}, cv=folds)
drawn = wd.tune(
    wd.LinearRegression(), X, y, space={"l1_ratio": shares}, search="random", n_candidates=3, random_state=0, cv=folds
)
for trial in grid.trials:
    print(f"share of L1 {trial.params['l1_ratio']:4.2f}: best λ {trial.decay:8.4f}, loss {trial.mean:.1f}")
print(
    f"grid: {grid.mean.min():.1f} of {len(grid.trials)} settings; random: {drawn.mean.min():.1f} of {len(drawn.trials)}"
)

fig, ax = plt.subplots(figsize=(7, 4))
wd.plot.heatmap(grid, ax=ax)
fig.tight_layout()

# %%
# The best of many is optimistic
# ------------------------------
# The least of many held-out losses is a little too good to be true. ``intervals`` tunes again inside every fold, and
# says what new rows may expect.

intervals = free.intervals
print(intervals)

# %%
# In short
# --------

losses = [trial.mean for trial in grid.trials]
shown = {
    "relative_difference": apart,
    "best_alpha": float(theirs.best_params_["ridge__alpha"]),
    "best_decay": ours.decay,
    "free_decay": free.decay,
    "free_loss": float(free.mean.min()),
    "grid_loss": float(ours.mean.min()),
    "decay_1se": simpler.decay,
    "window": list(free.window),
    "decays_by_metric": {name: one.decay for name, one in chosen.items()},
    "losses_by_share": {str(trial.params["l1_ratio"]): trial.mean for trial in grid.trials},
    "random_loss": float(drawn.mean.min()),
}
claims = {
    "All 250 held-out losses are those of GridSearchCV, to rounding.": apart < 1e-8,
    "So is the choice.": bool(np.isclose(shown["best_alpha"], ours.decay * len(y))),
    "The grid from the data does as well as the given one or better.": shown["free_loss"]
    <= shown["grid_loss"] * (1 + 1e-9),
    "The 1se rule takes a larger decay.": simpler.decay > free.decay,
    "Metrics disagree about the best decay.": len({round(one.decay, 12) for one in chosen.values()}) > 1,
    "A random search finds nothing better than the grid it draws from.": shown["random_loss"]
    >= min(losses) * (1 - 1e-9),
    "On these data the share of L1 matters less than 1 %.": max(losses) < 1.01 * min(losses),
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
