"""Law 2 against torch: full-batch training of a linear module ends at the Newton solution, with the very same λ.

λ is the coefficient of ½‖w‖² beside a mean loss, and the ``weight_decay`` of `torch.optim.SGD`, which adds λw to the
gradient (the coupled form); the intercept is a parameter group without decay.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import weightdecay as wd
from laws.logistic_oracles import problem

Floats = NDArray[np.float64]

KINDS = pytest.mark.parametrize("k", [2, 3, 0], ids=["two classes", "three classes", "counts"])
DECAYS = [0.01, 0.3]


@pytest.fixture
def torch() -> Any:
    """Skips without it."""
    return pytest.importorskip("torch")


def case(n: int, p: int, k: int) -> tuple[Floats, Any]:
    """Columns of mean 0 and deviation 1, where λ acts, and k classes, or counts for k = 0."""
    X, y = problem(n, p, k=k, seed=5)
    return (X - X.mean(axis=0)) / X.std(axis=0), y


def newton(k: int, decay: float, X: Floats, y: Any) -> tuple[Floats, Floats]:
    """Coefficients (c, p) and intercepts (c,)."""
    model = (wd.LogisticRegression if k else wd.PoissonRegression)(decay).fit(X, y)
    return np.atleast_2d(model.coef_), np.atleast_1d(model.intercept_)


class Linear:
    """A linear module in double precision and the mean loss of its predictions on all rows."""

    def __init__(self, torch: Any, X: Floats, y: Any, k: int) -> None:
        self.X, self.module = torch.from_numpy(X), torch.nn.Linear(X.shape[1], k if k > 2 else 1, dtype=torch.float64)
        functional = torch.nn.functional
        if k > 2:
            self.loss, self.y = functional.cross_entropy, torch.from_numpy(np.asarray(y, dtype=np.int64))
            return
        self.y = torch.from_numpy(np.asarray(y, dtype=np.float64))[:, None]
        self.loss = functional.binary_cross_entropy_with_logits if k else functional.poisson_nll_loss

    def start(self, coef: float | Floats, intercept: float | Floats) -> None:
        """Put the parameters somewhere."""
        for parameter, value in zip(self.module.parameters(), (coef, intercept), strict=True):
            parameter.data[:] = parameter.data.new_tensor(value)

    def mean_loss(self) -> Any:
        """Of all rows."""
        return self.loss(self.module(self.X), self.y)

    def found(self) -> tuple[Floats, Floats]:
        """Coefficients, and intercepts that sum to 0 where classes have one each."""
        coef, intercept = (one.detach().numpy().copy() for one in self.module.parameters())
        return coef, intercept - (intercept.mean() if len(intercept) > 1 else 0.0)

    def sgd(self, torch: Any, decay: float, **settings: Any) -> Any:
        """SGD with that ``weight_decay``, the intercept exempt."""
        weight, bias = self.module.parameters()
        groups = [{"params": [weight], "weight_decay": decay}, {"params": [bias], "weight_decay": 0.0}]
        return torch.optim.SGD(groups, **settings)

    def step(self, optimiser: Any) -> None:
        """One update from all rows."""
        optimiser.zero_grad()
        self.mean_loss().backward()
        optimiser.step()


def assert_same(one: tuple[Floats, Floats], other: tuple[Floats, Floats], close: float) -> None:
    """Coefficients and intercepts."""
    for mine, theirs in zip(one, other, strict=True):
        np.testing.assert_allclose(mine, theirs, rtol=0, atol=close * max(1.0, np.abs(theirs).max()))


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("shape", [(90, 7), (40, 60)], ids=["tall", "wide"])
@KINDS
def test_lbfgs_in_full_batch_ends_at_the_newton_solution(
    torch: Any, k: int, shape: tuple[int, int], decay: float
) -> None:
    """Mean loss + (λ/2) Σ w², with strong Wolfe line searches, until nothing changes."""
    X, y = case(*shape, k)
    model = Linear(torch, X, y, k)
    model.start(0.0, 0.0)
    optimiser = torch.optim.LBFGS(
        model.module.parameters(),
        max_iter=2000,
        history_size=50,
        tolerance_grad=1e-12,
        tolerance_change=1e-18,
        line_search_fn="strong_wolfe",
    )

    def objective() -> Any:
        optimiser.zero_grad()
        value = model.mean_loss() + 0.5 * decay * (model.module.weight**2).sum()
        value.backward()
        return value

    optimiser.step(objective)
    assert_same(newton(k, decay, X, y), model.found(), 1e-6)


@KINDS
def test_sgd_with_weight_decay_settles_at_the_newton_solution(torch: Any, k: int) -> None:
    """In the long run, from zeros, at weight_decay = λ as it is."""
    (X, y), decay = case(90, 7, k), 0.3
    model = Linear(torch, X, y, k)
    model.start(0.0, 0.0)
    optimiser = model.sgd(torch, decay, lr=0.1 if k == 0 else 0.5)
    for _ in range(1500):
        model.step(optimiser)
    assert_same(newton(k, decay, X, y), model.found(), 1e-8)


@pytest.mark.parametrize("settings", [{}, {"momentum": 0.9}, {"momentum": 0.9, "nesterov": True}], ids=str)
@pytest.mark.parametrize("shape", [(90, 7), (40, 60)], ids=["tall", "wide"])
@KINDS
def test_the_newton_solution_is_a_fixed_point_of_sgd(
    torch: Any, k: int, shape: tuple[int, int], settings: dict[str, Any]
) -> None:
    """Put there, it stays; with a λ that is 1 % larger it leaves."""
    (X, y), decay = case(*shape, k), 0.1
    coef, intercept = newton(k, decay, X, y)
    model = Linear(torch, X, y, k)
    moved = []
    for other in (decay, 1.01 * decay):
        model.start(coef, intercept)
        optimiser = model.sgd(torch, other, lr=1e-3, **settings)
        for _ in range(20):
            model.step(optimiser)
        moved.append(np.abs(model.found()[0] - coef).max())
    assert moved[0] < 1e-10 and moved[1] > 1e3 * moved[0]
