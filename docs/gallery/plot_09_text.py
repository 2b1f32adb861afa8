r"""
Text: thousands of words, and the question of form
==================================================

A text becomes a row of word counts: as many columns as words, nearly all of them zero. Whether weight decay or L1 is
the tool depends on how the classes speak. If a few words give a class away, L1 finds them and drops the rest. If every
word leans a little to one side, L1 throws away what decay would have kept. Two corpora are generated here, one of each
kind; their words follow Zipf's law, as those of languages do.
"""

import matplotlib.pyplot as plt
import numpy as np
import polars as pl
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics import log_loss

import weightdecay as wd

WORDS, TEXTS, NEW, LENGTH = 400, 250, 2000, 40

# %%
# Two corpora
# -----------
# Every text is drawn from the same 400 words. In the *telling* corpus 8 words of middling frequency are used five
# times as often by one class as by the other; in the *leaning* corpus every word is used more by one of them,
# most of them a little.


def corpus(kind, seed=0):
    """Texts of two classes, and the classes: those to learn from and, after them, new ones."""
    rng = np.random.default_rng(seed)
    frequency = 1.0 / np.arange(1, WORDS + 1)
    lean = np.zeros(WORDS)
    if kind == "telling":
        lean[rng.choice(np.arange(8, 60), 8, replace=False)] = rng.choice([-0.8, 0.8], 8)
    else:
        lean = 0.3 * rng.standard_normal(WORDS)
    names = np.array([f"w{j:03d}" for j in rng.permutation(WORDS)])
    classes = rng.integers(0, 2, TEXTS + NEW)
    texts = []
    for c in classes:
        share = frequency * np.exp(lean if c else -lean)
        texts.append(" ".join(rng.choice(names, LENGTH, p=share / share.sum())))
    return texts, classes


def counts(texts):
    """Sparse word counts of the words of at least three of the texts to learn from, and these words."""
    vectorizer = CountVectorizer(min_df=3).fit(texts[:TEXTS])
    return vectorizer.transform(texts).astype(float), vectorizer.get_feature_names_out()


data = {}
for kind in ("telling", "leaning"):
    texts, classes = corpus(kind)
    data[kind] = (*counts(texts), texts, classes)
sparse, words, texts, classes = data["telling"]
share = sparse.nnz / np.prod(sparse.shape)
print(texts[0][:60], "…")
print(f"{TEXTS} texts to learn from, {NEW} new ones, {len(words)} words, {share:.1%} of the counts not zero")

# %%
# The form that suits
# -------------------
# Counts go in as they are, sparse and unscaled (``standardize=False``), so that rare words are not blown up. The share
# of L1 is a second parameter; all forms and decays are tried on the same folds.

decays = np.geomspace(3e-3, 0.03, 5)
form, found = {0.0: "weight decay", 1.0: "L1"}, {}
for kind, (X, _, _, y) in data.items():
    model = wd.LogisticRegression(standardize=False)
    found[kind] = wd.tune(model, X[:TEXTS], y[:TEXTS], decays=decays, space={"l1_ratio": list(form)}, cv=5)
    print(f"-- {kind}")
    print(found[kind].verdict)

fig, axes = plt.subplots(1, 2, figsize=(10, 3.8), sharey=True)
for ax, (kind, tuning) in zip(axes, found.items(), strict=True):
    for trial in sorted(tuning.trials, key=lambda trial: trial.params["l1_ratio"]):
        ax.semilogx(trial.decays, trial.losses, "o-", label=form[trial.params["l1_ratio"]])
    ax.set_xticks(decays, [f"{decay:.2g}" for decay in decays])
    ax.minorticks_off()
    ax.set_title(kind)
    ax.set_xlabel("decay λ")
axes[0].set_ylabel("held-out log-loss")
axes[0].legend(frameon=False)
fig.tight_layout()

# %%
# Of the leaning corpus 250 texts cannot tell for sure which form is better, as the last sentence says. 2,000 new texts
# can.

fits, new_loss = {}, {}
for kind, (X, _, _, y) in data.items():
    for trial in found[kind].trials:
        ratio = trial.params["l1_ratio"]
        fit = wd.LogisticRegression(trial.decay, l1_ratio=ratio, standardize=False).fit(X[:TEXTS], y[:TEXTS])
        fits[kind, form[ratio]] = fit
        new_loss[kind, form[ratio]] = loss = log_loss(y[TEXTS:], fit.predict_proba(X[TEXTS:]))
        print(f"{kind}, {form[ratio]:>12}: held-out log-loss {trial.mean:.4f}, new texts {loss:.4f}")

# %%
# The words that L1 keeps
# -----------------------
# The largest weights of the telling corpus, with the number of texts that use each word. Decay finds much the same
# words, but leaves a little weight on every other one.

l1, decayed = fits["telling", "L1"], fits["telling", "weight decay"]
used = np.asarray((sparse[:TEXTS] > 0).sum(axis=0)).ravel()
order = np.argsort(-np.abs(l1.coef_[0]))[:12]
for j in order:
    print(f"{words[j]}  L1 {l1.coef_[0, j]:+.2f}   decay {decayed.coef_[0, j]:+.2f}   in {used[j]} texts")
kept = int((l1.coef_ != 0).sum()), int((decayed.coef_ != 0).sum())
print(f"words with a weight: L1 {kept[0]}, decay {kept[1]} of {len(words)}")

# %%
# Straight from a table
# ---------------------
# Nobody has to count words first. In a data frame a column of prose becomes its words, learned anew in every fold, and
# the model that comes back reads texts as they are.

frame = pl.DataFrame({"review": texts[:TEXTS]})
tuning = wd.tune(wd.LogisticRegression(), frame, classes[:TEXTS], text=["review"], decays=np.geomspace(1e-4, 0.1, 7))
print(tuning.verdict)
print(tuning.model.predict(frame[:5]), "against", classes[:5])

# %%
# In short
# --------

counted = np.bincount(classes[:TEXTS]) / TEXTS
shown = {
    "words": len(words),
    "share_not_zero": float(share),
    "new_loss": {f"{kind}, {name}": float(loss) for (kind, name), loss in new_loss.items()},
    "named": {kind: one.verdict.splitlines()[-1] for kind, one in found.items()},
    "kept": kept,
    "text_loss": float(tuning.mean.min()),
    "constant_loss": float(-counted @ np.log(counted)),
}
claims = {
    "Over 90 % of the counts are zero.": share < 0.1,
    "Where a few words tell, L1 predicts new texts better, by over 5 %.": new_loss["telling", "L1"]
    < 0.95 * new_loss["telling", "weight decay"],
    "It keeps less than a third of the words, decay all of them.": kept[0] < len(words) / 3 and kept[1] == len(words),
    "Where every word leans, decay does, by over 5 %.": new_loss["leaning", "weight decay"]
    < 0.95 * new_loss["leaning", "L1"],
    "The folds of the 250 texts take the better form in both.": found["telling"].l1_ratio == 1.0
    and found["leaning"].l1_ratio == 0.0,
    "A frame of texts works as it is, and beats a constant.": shown["text_loss"] < shown["constant_loss"],
}
for claim, holds in claims.items():
    print(f"{'yes' if holds else 'NO '}  {claim}")
