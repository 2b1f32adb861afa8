"""The gallery keeps its word: every example runs without a warning, and every claim that it makes is borne out.

An example ends with ``shown``, the numbers that it speaks of, and ``claims``, a sentence each with whether the numbers
bear it out. Some of the numbers are recomputed here by other tools.
"""

from __future__ import annotations

import ast
import math
import re
import runpy
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import pytest
import torch
from scipy.optimize import minimize
from scipy.special import expit
from sklearn.datasets import load_breast_cancer, load_diabetes
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.model_selection import KFold, LeaveOneOut, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

GALLERY = Path(__file__).resolve().parent.parent / "docs" / "gallery"
EXAMPLES = sorted(GALLERY.glob("plot_*.py"))
# What the textbook treats, in its order.
SUBJECTS = (
    "gradient_update",
    "four_decays",
    "logistic_regression",
    "three_ways",
    "l1_and_dropout",
    "search",
    "under_and_over",
    "why_it_works",
    "text",
    "not_the_tool",
    "own_loop",
)
Shown = dict[str, Any]
Found = dict[str, Any]


def named(subject: str) -> Path:
    return GALLERY / f"plot_{1 + SUBJECTS.index(subject):02d}_{subject}.py"


@pytest.fixture
def no_windows() -> Iterator[None]:
    """Figures are drawn and thrown away; the state of random generators and of torch is the example's own business."""
    yield
    plt.close("all")


def numbers(value: Any) -> Iterator[float]:
    """All numbers in nested dicts and lists; anything else than text, truth values and numbers is refused."""
    if isinstance(value, dict):
        assert all(isinstance(key, str) for key in value), f"keys must be text: {list(value)}"
        value = list(value.values())
    if isinstance(value, list | tuple):
        for one in value:
            yield from numbers(one)
    elif isinstance(value, int | float):
        yield float(value)
    else:
        assert isinstance(value, str), f"{value!r} is a {type(value).__name__}: show plain numbers and text"


# -- Numbers recomputed by other tools ---------------------------------------------------------------------------------


def diabetes() -> tuple[np.ndarray, np.ndarray]:
    X, y = load_diabetes(return_X_y=True, scaled=False)
    return StandardScaler().fit_transform(X), y


def ridge_weights(shown: Shown, found: Found) -> None:
    """Norm and shares of the weights at λ = 0.1, by scikit-learn; the strength is λ·n."""
    Z, y = diabetes()
    assert shown["ridge_strength"] == pytest.approx(0.1 * len(y), rel=1e-12)
    kept, free = Ridge(alpha=0.1 * len(y)).fit(Z, y).coef_, Ridge(alpha=1e-10).fit(Z, y).coef_
    assert shown["norm"] == pytest.approx(float(np.linalg.norm(kept)), rel=1e-9)
    assert shown["norm_no_decay"] == pytest.approx(float(np.linalg.norm(free)), rel=1e-6)
    for column, name in ((2, "bmi"), (4, "s1"), (5, "s2")):
        assert shown[f"share_left_{name}"] == pytest.approx(abs(kept[column] / free[column]), rel=1e-6)


def four_ridges(shown: Shown, found: Found) -> None:
    """Held-out losses by honest refits; epochs by a loop in plain NumPy."""
    Z, y = diabetes()
    for place, decay in enumerate((0.0, 0.01, 0.1, 1.0)):
        if decay in (0.01, 1.0):
            refitted = cross_val_predict(Ridge(alpha=decay * len(y)), Z, y, cv=LeaveOneOut())
            assert shown["held_out"][place] == pytest.approx(float(np.mean((y - refitted) ** 2)), rel=1e-9)
        G, r = Z.T @ Z / len(y), Z.T @ (y - y.mean()) / len(y)
        end, w, away = np.linalg.solve(G + decay * np.eye(10), r), np.zeros(10), []
        for _ in range(5001):
            away.append(np.linalg.norm(w - end) / np.linalg.norm(end))
            w = w - 0.2 * (G @ w - r + decay * w)
        assert shown["epochs_to_one_percent"][place] == int(np.flatnonzero(np.array(away) > 0.01)[-1]) + 1


def logistic_norms(shown: Shown, found: Found) -> None:
    """The norm of the weights and the loss at λ = 0.1, 0.01, 0.001, by a general minimiser."""
    X, y = load_breast_cancer(return_X_y=True)
    Z, sign = StandardScaler().fit_transform(X), 2.0 * y - 1.0
    for place, decay in enumerate((0.1, 0.01, 0.001)):

        def objective(w: np.ndarray, decay: float = decay) -> tuple[float, np.ndarray]:
            margin = sign * (Z @ w[1:] + w[0])
            slope = -sign / (1 + np.exp(margin)) / len(sign)
            gradient = np.append(slope.sum(), Z.T @ slope + decay * w[1:])
            return float(np.logaddexp(0, -margin).mean() + decay / 2 * w[1:] @ w[1:]), gradient

        least = minimize(objective, np.zeros(31), jac=True, method="L-BFGS-B", options={"maxiter": 5000, "gtol": 1e-9})
        assert shown["norms"][place] == pytest.approx(float(np.linalg.norm(least.x[1:])), rel=1e-3)
        loss = least.fun - decay / 2 * least.x[1:] @ least.x[1:]
        assert shown["train_loss"][place] == pytest.approx(float(loss), rel=1e-3)


def searched_loss(shown: Shown, found: Found) -> None:
    """The loss of the best decay, by refits of a pipeline on the same folds."""
    X, y = load_diabetes(return_X_y=True, scaled=False)
    pipeline = make_pipeline(StandardScaler(), Ridge(alpha=shown["free_decay"] * len(y)))
    refitted = cross_val_predict(pipeline, X, y, cv=KFold(10, shuffle=True, random_state=0))
    assert shown["free_loss"] == pytest.approx(float(np.mean((y - refitted) ** 2)), rel=1e-8)


def sums_of_parts(shown: Shown, found: Found) -> None:
    """Bias² of the formula is 0 without decay, and its variance σ²/n · tr S⁻¹ is near its mean, p/(n − p − 1)."""
    assert shown["bias_theory"][0] == pytest.approx(0.0, abs=1e-20)
    assert shown["variance_theory"][0] == pytest.approx(40 / (60 - 40 - 1), rel=0.5)
    assert np.argmin(shown["error"]) not in (0, len(shown["error"]) - 1)


def geometry(shown: Shown, found: Found) -> None:
    """One thing that is known without any tool: zeros of the soft threshold at the truth that the example plants."""
    assert shown["zeros_of_l1"] == 4  # 0.2, 0.1, 0 and 0 of the truth, at λ = 0.4 and noise of 0.025


def left_of_weights(shown: Shown, found: Found) -> None:
    """(1 − ηλ)^t by repeated multiplication."""
    left = 1.0
    for _ in range(100):
        left -= 3e-3 * 5.0 * left
    assert all(one == pytest.approx(left, rel=1e-4) for one in shown["left"].values())


def adam_with_decay(shown: Shown, found: Found) -> None:
    """Torch's own AdamW, and Adam with λw added to the gradient by hand, from the same start on the same batches."""
    norms = dict(zip(("loss", "gradient", "optimiser"), shown["norms_of_adam"], strict=False))
    for way in ("gradient", "optimiser"):
        model = found["network"]()
        decayed, exempt = [model[0].weight, model[2].weight], [model[0].bias, model[2].bias]
        if way == "optimiser":
            groups = [{"params": decayed, "weight_decay": 0.02}, {"params": exempt, "weight_decay": 0.0}]
            optimizer: torch.optim.Optimizer = torch.optim.AdamW(groups, lr=3e-3)
        else:
            optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
        batches = torch.Generator().manual_seed(1)
        for _ in range(300):
            rows = torch.randint(len(found["pixels"]), (64,), generator=batches)
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(model(found["pixels"][rows]), found["labels"][rows]).backward()
            if way == "gradient":
                for weight in decayed:
                    weight.grad += 0.02 * weight.detach()
            optimizer.step()
        norm = float(torch.cat([weight.detach().flatten() for weight in decayed]).norm())
        assert norms[way] == pytest.approx(norm, rel=1e-9)


def left_out_rows(shown: Shown, found: Found) -> None:
    """Held-out losses of the three polynomials by honest refits; the noise is a floor that none goes far below."""
    X, y = found["features"](found["x"]), found["y"]
    for name, decay in shown["decays"].items():
        model = Ridge(alpha=decay * len(y), solver="svd") if decay else LinearRegression(tol=0)
        refitted = cross_val_predict(model, X, y, cv=LeaveOneOut())
        assert shown["held_out"][name] == pytest.approx(float(np.mean((y - refitted) ** 2)), rel=1e-6)
        assert shown["new_rows"][name] > 0.95 * 0.3**2


def losses_of_texts(shown: Shown, found: Found) -> None:
    """Models stand where the gradient of their objective, with L1 a subgradient, is 0; losses of new texts by hand."""
    for kind, (X, _, _, y) in found["data"].items():
        for trial in found["found"][kind].trials:
            ratio, decay = trial.params["l1_ratio"], trial.decay
            fit = found["fits"][kind, found["form"][ratio]]
            w, eta = fit.coef_[0], X @ fit.coef_[0] + fit.intercept_[0]
            wrong = expit(eta[:250]) - y[:250]
            slope = X[:250].T @ wrong / 250
            pull = np.where(w == 0, np.clip(-slope, -decay, decay), decay * np.sign(w)) if ratio else decay * w
            assert abs(wrong.mean()) < 1e-6 and np.abs(slope + pull).max() < 1e-6
            loss = float(np.logaddexp(0, np.where(y[250:] == 1, -1, 1) * eta[250:]).mean())
            assert shown["new_loss"][f"{kind}, {found['form'][ratio]}"] == pytest.approx(loss, rel=1e-9)


def sums_of_weights(shown: Shown, found: Found) -> None:
    """Sums along the path by linear systems; and what the short run's decay is at most by its own formula."""
    X, y = found["sensors"], found["temperature"]
    for decay, total in zip(found["decays"], shown["sums"], strict=True):
        w = np.linalg.solve(X.T @ X / len(y) + decay * np.eye(4), X.T @ y / len(y))
        assert total == pytest.approx(float(w.sum()), rel=1e-9)
    free, small = shown["short_run"]["0.0"][1], shown["short_run"]["0.01"][1]
    assert small / free > (1 - 1e-5) ** 300


ORACLES: dict[str, Callable[[Shown, Found], None]] = {
    "gradient_update": ridge_weights,
    "four_decays": four_ridges,
    "logistic_regression": logistic_norms,
    "three_ways": adam_with_decay,
    "l1_and_dropout": geometry,
    "search": searched_loss,
    "under_and_over": left_out_rows,
    "why_it_works": sums_of_parts,
    "text": losses_of_texts,
    "not_the_tool": sums_of_weights,
    "own_loop": left_of_weights,
}


# -- The examples ------------------------------------------------------------------------------------------------------


def test_the_gallery_treats_what_the_textbook_treats() -> None:
    assert EXAMPLES == [named(subject) for subject in SUBJECTS]


@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_example_keeps_its_word(subject: str, capsys: pytest.CaptureFixture[str], no_windows: None) -> None:
    found = runpy.run_path(str(named(subject)))
    claims, shown, printed = found["claims"], found["shown"], capsys.readouterr().out
    assert len(claims) >= 5
    broken = [claim for claim, holds in claims.items() if not bool(holds)]
    assert not broken, f"{broken}\n{shown}"
    assert all(f"yes  {claim}" in printed for claim in claims)
    values = list(numbers(shown))
    assert len(values) >= 5
    assert all(math.isfinite(value) for value in values), shown
    assert plt.get_fignums(), "an example has a picture"
    ORACLES[subject](shown, found)


@pytest.mark.long
@pytest.mark.parametrize("subject", SUBJECTS)
def test_the_example_shows_the_same_twice(subject: str, no_windows: None) -> None:
    first, second = (runpy.run_path(str(named(subject)))["shown"] for _ in range(2))
    assert first == second


def assigned(path: Path, name: str) -> ast.Dict:
    """The dictionary that the example assigns to a name, once."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = [
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and [ast.unparse(target) for target in node.targets] == [name]
    ]
    assert len(found) == 1 and isinstance(found[0], ast.Dict)
    return found[0]


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_claims_are_computed_sentences(path: Path) -> None:
    claims = assigned(path, "claims")
    for key, value in zip(claims.keys, claims.values, strict=True):
        assert isinstance(key, ast.Constant), ast.unparse(value)
        assert re.fullmatch(r"[A-Z0-9λ].*\.", str(key.value)), key.value
        assert not isinstance(value, ast.Constant), f"{key.value!r} is not computed"
        assert any(isinstance(node, ast.Name) for node in ast.walk(value)), f"{key.value!r} depends on nothing"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_page_is_well_formed(path: Path) -> None:
    """A title with a rule as long as it is, three parts with words or more, and headings with rules of their length."""
    text = path.read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(text)) or ""
    title, rule, blank, *rest = docstring.splitlines()
    assert set(rule) == {"="} and len(rule) == len(title) and not blank and len(" ".join(rest)) > 150
    blocks = re.findall(r"(?m)^# %%\n((?:#.*\n)*)", text)
    assert len(blocks) >= 3
    for block in blocks:
        lines = [line.removeprefix("#").strip() for line in block.splitlines()]
        for above, line in pairwise(lines):
            assert not re.fullmatch(r"-{3,}", line) or len(line) == len(above), above
    assert len(text.splitlines()) <= 400
    words = re.sub(r"``[^`]*``|:math:`[^`]*`", "", "\n".join([docstring, *blocks]))
    assert "`" not in words, "code stands in double backticks, mathematics in :math:"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_nothing_is_downloaded(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"fetch_|https?://|urlopen|requests|open_url|hub\.load", text)
