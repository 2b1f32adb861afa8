"""Minimise: known minima of many problems at once, whatever the Hessian they start from is worth."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from weightdecay.linear.newton.minimise import Minimum, Settings, minimise

Array = NDArray[np.float64]
M, D = 7, 5


class Problems:
    """Σ log cosh(A v − b) + ½ q ‖v‖² for M matrices A, whose minima have vanishing gradients."""

    def __init__(self, scale: float = 1.0) -> None:
        rng = np.random.default_rng(0)
        self.A = scale * rng.standard_normal((M, 12, D))
        self.b = rng.standard_normal((M, 12))
        self.q = np.geomspace(0.01, 10.0, M)
        self.asked: list[int] = []

    def gradient(self, V: Array, which: Any) -> Array:
        """(m, D)."""
        bent = np.tanh(np.einsum("mij,mj->mi", self.A[which], V) - self.b[which])
        return np.einsum("mij,mi->mj", self.A[which], bent) + self.q[which, None] * V

    def evaluate(self, V: Array, which: Any) -> tuple[Array, Any]:
        """Counted."""
        self.asked.append(len(which))
        return self.gradient(V, which), V.copy()

    def hessian(self) -> Array:
        """At zero, (M, D, D)."""
        bend = 1 - np.tanh(self.b) ** 2
        return np.einsum("mij,mi,mik->mjk", self.A, bend, self.A) + self.q[:, None, None] * np.eye(D)

    def solve(self, how: Any, **settings: Any) -> Minimum:
        """From zero."""
        measure = lambda G, which: np.abs(G).max(axis=1) / 1e-9  # noqa: E731
        return minimise(np.zeros((M, D)), self.evaluate, how, measure, Settings(**settings))


def of(H: Array) -> Any:
    """Solves with given Hessians."""
    return lambda right, which: np.linalg.solve(H[which], right[:, :, None])[:, :, 0]


@pytest.mark.parametrize("quality", ["true", "twice", "a tenth", "identity"])
def test_minima_are_found_from_any_hessian(quality: str) -> None:
    """Too large, too small or no Hessian at all."""
    problems = Problems()
    H = problems.hessian()
    given = {"true": H, "twice": 2 * H, "a tenth": 0.1 * H, "identity": np.broadcast_to(np.eye(D), H.shape)}[quality]
    found = problems.solve(of(given), most=200, trust=False)
    assert found.converged.all()
    assert np.abs(problems.gradient(found.V, np.arange(M))).max() <= 1e-9


def test_problems_that_are_done_are_asked_no_more() -> None:
    """The gradients evaluated are those of open problems."""
    problems = Problems()
    found = problems.solve(of(problems.hessian()), most=100)
    assert found.converged.all()
    assert problems.asked == sorted(problems.asked, reverse=True)
    assert sum(problems.asked) == found.evaluations.sum()


def test_a_step_that_is_taken_unseen_ends_as_well() -> None:
    """The last step of a problem that converges fast costs no evaluation, and keeps its promise."""
    seen, unseen = Problems(0.3), Problems(0.3)
    with_look = seen.solve(of(seen.hessian()), most=100, trust=False)
    without = unseen.solve(of(unseen.hessian()), most=100)
    assert sum(unseen.asked) < sum(seen.asked)
    assert without.step.any()
    assert np.abs(unseen.gradient(without.V, np.arange(M))).max() <= 1e-9
    np.testing.assert_allclose(without.V, with_look.V, atol=1e-8)
    place, position = without.found[0]
    np.testing.assert_array_equal(place[position] + without.step[0], without.V[0])


def test_far_starts_do_not_blow_up() -> None:
    """From far away, where tanh is flat and the first step is much too long, steps are shortened."""
    problems = Problems(20.0)
    found = problems.solve(of(1e-3 * problems.hessian()), most=400, trust=False)
    assert found.converged.all()
    assert np.abs(problems.gradient(found.V, np.arange(M))).max() <= 1e-9


def test_limits_are_kept() -> None:
    """Who may take two steps takes no more, and says that it is not done."""
    problems = Problems(5.0)
    found = problems.solve(of(np.broadcast_to(np.eye(D), (M, D, D))), most=2, trust=False)
    assert not found.converged.all()
    assert np.isfinite(found.V).all()
