"""R(w) against finite differences, brute-force minimisation and identities of convex analysis, for several arrays."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

import weightdecay as wd

Floats = NDArray[np.float64]

P = np.array([1.0, 0.0, 2.5, 0.3, 1.0])
C = np.array([0.0, -1.0, 0.4, 2.0, 0.1])
S = np.array([1.0, 3.0, 0.2, 0.0, 7.0])
W = np.array([1.3, -0.7, -2.0, 0.5, 0.0])
RATIOS = (0.0, 0.3, 1.0)
VARIANTS = [
    {"l1_ratio": ratio, **{name: given for name, given in options.items() if given is not None}}
    for ratio in RATIOS
    for options in (
        dict(zip(("decay_weights", "centre", "scale"), chosen, strict=True))
        for chosen in itertools.product((None, P), (None, C), (None, S))
    )
]
each_variant = pytest.mark.parametrize("options", VARIANTS, ids=lambda v: "-".join([str(v["l1_ratio"]), *list(v)[1:]]))


def by_hand(options: dict[str, Any], w: Floats) -> float:
    """R(w) term by term, in exact rational arithmetic, rounded once."""
    rho = Fraction(options["l1_ratio"])
    total = Fraction(0)
    for j, weight in enumerate(w):
        p, c, s = (
            Fraction(float(options[name][j])) if name in options else Fraction(default)
            for name, default in (("decay_weights", 1), ("centre", 0), ("scale", 1))
        )
        z = s * (Fraction(float(weight)) - c)
        total += p * ((1 - rho) * z * z / 2 + rho * abs(z))
    return float(total)


# Value, gradient, curvature


@each_variant
def test_the_value_is_the_sum_of_the_formula(options: dict[str, Any]) -> None:
    penalty = wd.Penalty(**options)
    assert penalty.value(W) == pytest.approx(by_hand(options, W), rel=1e-15)
    many = np.stack([W, 2 * W, W + 1])
    assert list(penalty.value(many)) == pytest.approx([by_hand(options, w) for w in many], rel=1e-15)
    assert penalty.value(many.reshape(3, 1, 5)).shape == (3, 1)


@each_variant
def test_gradient_and_curvature_are_the_differences_of_the_value(options: dict[str, Any]) -> None:
    penalty, h = wd.Penalty(**options), 2.0**-16
    w = W + 0.05  # off the kinks
    gradient, curvature = penalty.gradient(w), penalty.curvature(w)
    assert gradient.shape == curvature.shape == w.shape
    for j in range(len(w)):
        step = h * np.eye(len(w))[j]
        slope = (penalty.value(w + step) - penalty.value(w - step)) / (2 * h)
        assert gradient[j] == pytest.approx(slope, abs=1e-9)
        bend = (penalty.gradient(w + step)[j] - penalty.gradient(w - step)[j]) / (2 * h)
        assert curvature[j] == pytest.approx(bend, abs=1e-9)


@each_variant
@given(shift=st.lists(st.floats(-5, 5), min_size=5, max_size=5))
def test_the_gradient_is_a_subgradient_everywhere(options: dict[str, Any], shift: list[float]) -> None:
    """R(u) ≥ R(w) + g·(u − w), at the kinks too."""
    penalty = wd.Penalty(**options)
    for w in (W, options.get("centre", np.zeros(5))):
        u = w + np.array(shift)
        assert penalty.value(u) >= penalty.value(w) + penalty.gradient(w) @ (u - w) - 1e-9


def test_at_the_centre_value_and_gradient_are_zero() -> None:
    penalty = wd.Penalty(l1_ratio=0.4, centre=C, scale=S)
    assert penalty.value(C) == 0.0
    assert not penalty.gradient(C).any()


# The proximal step


@each_variant
@pytest.mark.parametrize("step", [0.0, 0.1, 1.0, 30.0])
def test_the_proximal_step_is_the_minimiser(options: dict[str, Any], step: float) -> None:
    """Coordinate by coordinate by brute force on ½(u − w)² + step·R."""
    penalty = wd.Penalty(**options)
    found = penalty.proximal(W, step)
    for j in range(len(W)):

        def objective(u: float, j: int = j) -> float:
            return 0.5 * (u - W[j]) ** 2 + step * by_hand(options, np.concatenate([W[:j], [u], W[j + 1 :]]))

        low, high = sorted([W[j], options["centre"][j] if "centre" in options else 0.0])
        best = minimize_scalar(objective, bounds=(low - 1e-3, high + 1e-3), method="bounded", options={"xatol": 1e-9})
        assert found[j] == pytest.approx(best.x, abs=3e-7)
        assert objective(found[j]) <= best.fun + 1e-12


@each_variant
@given(
    w=st.lists(st.floats(-10, 10), min_size=5, max_size=5),
    step=st.floats(0, 100),
)
def test_the_proximal_step_meets_its_own_condition(options: dict[str, Any], w: list[float], step: float) -> None:
    """w − u ∈ step · ∂R(u), which `subdifferential_distance` measures: the two were derived apart."""
    penalty, given_w = wd.Penalty(**options), np.array(w)
    u = penalty.proximal(given_w, step)
    left = penalty.subdifferential_distance(u, u - given_w, step)
    pulls = step * np.abs(penalty.curvature(u)) * np.abs(u)
    assert (left <= 1e-13 * (1.0 + np.abs(given_w) + np.abs(u) + pulls)).all()


@given(w=st.lists(st.floats(-10, 10), min_size=5, max_size=5), step=st.floats(0.01, 100))
def test_moreau_the_proximal_steps_of_the_norm_and_of_its_conjugate_add_up(w: list[float], step: float) -> None:
    """w = prox_{step·R}(w) + step · prox_{R*/step}(w/step), with R* the box of |g| ≤ p ρ σ for the 1-norm."""
    penalty = wd.Penalty(l1_ratio=1.0, decay_weights=P, scale=S)
    given_w = np.array(w)
    box = P * S
    conjugate = step * np.clip(given_w / step, -box, box)
    assert penalty.proximal(given_w, step) + conjugate == pytest.approx(given_w, abs=1e-13)


@given(w=st.lists(st.floats(-10, 10), min_size=5, max_size=5), step=st.floats(0.01, 100))
def test_moreau_for_half_the_squared_norm(w: list[float], step: float) -> None:
    """R = R* = ½‖·‖²: prox_{step·R}(w) = w/(1 + step) and step · prox_{R/step}(w/step) = w·step/(1 + step)."""
    ridge, given_w = wd.Penalty(), np.array(w)
    both = ridge.proximal(given_w, step) + step * ridge.proximal(given_w / step, 1.0 / step)
    assert both == pytest.approx(given_w, rel=1e-13, abs=1e-300)


@each_variant
@given(w=st.lists(st.floats(-10, 10), min_size=10, max_size=10), step=st.floats(0, 100))
def test_proximal_steps_never_part(options: dict[str, Any], w: list[float], step: float) -> None:
    """Firmly non-expansive: ‖Pu − Pv‖² ≤ (Pu − Pv)·(u − v), coordinate by coordinate."""
    penalty = wd.Penalty(**options)
    u, v = np.array(w[:5]), np.array(w[5:])
    apart = penalty.proximal(u, step) - penalty.proximal(v, step)
    assert (apart**2 <= apart * (u - v) + 1e-12 * (1 + np.abs(u) + np.abs(v))).all()


def test_an_exempt_coefficient_comes_back_bit_for_bit() -> None:
    rng = np.random.default_rng(0)
    w, centre = rng.standard_normal((2, 1000)) * 10.0 ** rng.integers(-12, 12, (2, 1000))
    for ratio in RATIOS:
        for free in ({"decay_weights": np.zeros(1000)}, {"scale": np.zeros(1000)}):
            penalty = wd.Penalty(l1_ratio=ratio, centre=centre, **free)
            assert (penalty.proximal(w, 3.0) == w).all()
        assert (wd.Penalty(l1_ratio=ratio, centre=centre).proximal(w, 0.0) == w).all()


def test_a_coefficient_within_the_threshold_is_the_centre_exactly() -> None:
    rng = np.random.default_rng(1)
    centre = rng.standard_normal(1000) * 10.0 ** rng.integers(-6, 6, 1000)
    w = centre + rng.uniform(-0.9, 0.9, 1000)
    assert (wd.Penalty(l1_ratio=1.0, centre=centre).proximal(w, 1.0) == centre).all()
    assert (wd.Penalty(l1_ratio=1.0).proximal(np.array([0.5, -0.5, 1.0, -1.0]), 1.0) == 0.0).all()


def test_a_huge_step_leads_to_the_centre() -> None:
    assert wd.Penalty(centre=C).proximal(W, 1e300) == pytest.approx(C, abs=1e-12)


# The distance to the subdifferential


@each_variant
def test_the_distance_is_that_to_the_nearest_element(options: dict[str, Any]) -> None:
    """Against a search over the elements of ∂|z| at the kinks."""
    penalty, decay = wd.Penalty(**options), 0.7
    rho, p = options["l1_ratio"], options.get("decay_weights", np.ones(5))
    s, c = options.get("scale", np.ones(5)), options.get("centre", np.zeros(5))
    for w in (W, c, np.where([True, False, True, False, True], c, W)):
        z = s * (w - c)
        for gradient in np.random.default_rng(2).normal(0, 3, (20, 5)):
            signs = np.where(z == 0, np.linspace(-1, 1, 4001)[:, None], np.sign(z))
            elements = p * s * ((1 - rho) * z + rho * signs)
            nearest = np.abs(gradient + decay * elements).min(axis=0)
            found = penalty.subdifferential_distance(w, gradient, decay)
            assert (found >= 0).all()
            assert found == pytest.approx(nearest, abs=decay * 2.5 * 7 / 2000)


@pytest.mark.parametrize("ratio", RATIOS)
def test_the_distance_vanishes_at_a_minimum_and_nowhere_else(ratio: float) -> None:
    """Proximal gradient descent on a quadratic, run until it stands still."""
    rng = np.random.default_rng(3)
    A = rng.standard_normal((30, 5))
    y, decay = A @ W + rng.standard_normal(30), 0.5
    penalty = wd.Penalty(l1_ratio=ratio, decay_weights=P, centre=C, scale=S)

    def gradient(w: Floats) -> Floats:
        return np.asarray(A.T @ (A @ w - y) / 30)

    w, step = np.zeros(5), 30 / np.linalg.norm(A, 2) ** 2
    for _ in range(4000):
        w = penalty.proximal(w - step * gradient(w), step * decay)
    assert penalty.subdifferential_distance(w, gradient(w), decay).max() <= 1e-14
    off = w + 1e-3
    assert penalty.subdifferential_distance(off, gradient(off), decay).max() > 1e-4


# Arrays of other kinds


class Listed:
    """An array library of its own: a list with operators, a power and a sum, and nothing that NumPy could lend."""

    def __init__(self, entries: list[Any]) -> None:
        self.entries = list(entries)

    def _each(self, other: Any, work: Any) -> Listed:
        others = other.entries if isinstance(other, Listed) else [other] * len(self.entries)
        return Listed([work(a, b) for a, b in zip(self.entries, others, strict=True)])

    def __add__(self, other: Any) -> Listed:
        return self._each(other, lambda a, b: a + b)

    def __sub__(self, other: Any) -> Listed:
        return self._each(other, lambda a, b: a - b)

    def __mul__(self, other: Any) -> Listed:
        return self._each(other, lambda a, b: a * b)

    def __truediv__(self, other: Any) -> Listed:
        return self._each(other, lambda a, b: a / b)

    def __rsub__(self, other: Any) -> Listed:
        return self._each(other, lambda a, b: b - a)

    __radd__, __rmul__ = __add__, __mul__

    def __pow__(self, power: int) -> Listed:
        return Listed([entry**power for entry in self.entries])

    def __abs__(self) -> Listed:
        return Listed([abs(entry) for entry in self.entries])

    def __neg__(self) -> Listed:
        return Listed([-entry for entry in self.entries])

    def __gt__(self, other: Any) -> Listed:
        return self._each(other, lambda a, b: a > b)

    def __lt__(self, other: Any) -> Listed:
        return self._each(other, lambda a, b: a < b)

    def __ge__(self, other: Any) -> Listed:
        return self._each(other, lambda a, b: a >= b)

    def __eq__(self, other: Any) -> Listed:  # type: ignore[override]
        return self._each(other, lambda a, b: a == b)

    def __and__(self, other: Any) -> Listed:
        return self._each(other, lambda a, b: a and b)

    __hash__ = None  # type: ignore[assignment]

    def all(self) -> bool:
        return all(self.entries)

    def sum(self, axis: int) -> Any:
        assert axis == -1
        return sum(self.entries)


@each_variant
def test_array_operators_alone_are_used(options: dict[str, Any]) -> None:
    """On an array type that has operators and sums and nothing else, the same numbers come out."""
    foreign = {name: given if name == "l1_ratio" else Listed(given.tolist()) for name, given in options.items()}
    theirs, ours, w = wd.Penalty(**foreign), wd.Penalty(**options), Listed(W.tolist())
    assert theirs.value(w) == pytest.approx(ours.value(W), rel=1e-14)
    for result, expected in (
        (theirs.gradient(w), ours.gradient(W)),
        (theirs.curvature(w), ours.curvature(W)),
        (theirs.proximal(w, 0.7), ours.proximal(W, 0.7)),
        (theirs.subdifferential_distance(w, w, 0.7), ours.subdifferential_distance(W, W, 0.7)),
    ):
        assert isinstance(result, Listed)
        assert result.entries == pytest.approx(expected.tolist(), rel=1e-14)


@each_variant
def test_single_precision_stays(options: dict[str, Any]) -> None:
    single = {k: np.float32(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    penalty, w = wd.Penalty(**single), W.astype(np.float32)
    double = wd.Penalty(**options)
    for name, arguments in (
        ("value", ()),
        ("gradient", ()),
        ("curvature", ()),
        ("proximal", (0.7,)),
        ("subdifferential_distance", (w, 0.7)),
    ):
        result = getattr(penalty, name)(w, *arguments)
        assert result.dtype == np.float32, name
        expected = getattr(double, name)(W, *(W if a is w else a for a in arguments))
        assert result == pytest.approx(expected, rel=1e-5, abs=1e-5)


def test_torch_tensors_stay_tensors() -> None:
    torch = pytest.importorskip("torch")
    for options, dtype in itertools.product(VARIANTS, (torch.float64, torch.float32)):
        tensors = {
            name: torch.tensor(given, dtype=dtype) if isinstance(given, np.ndarray) else given
            for name, given in options.items()
        }
        penalty, w = wd.Penalty(**tensors), torch.tensor(W, dtype=dtype, requires_grad=True)
        value = penalty.value(w)
        assert value.dtype == dtype
        (gradient,) = torch.autograd.grad(value, w)
        near = {"rel": 1e-5, "abs": 1e-5} if dtype == torch.float32 else {"rel": 1e-13}
        # At a kink torch picks its own subgradient; the other entries are the derivative.
        smooth = (options["l1_ratio"] == 0.0) | (options.get("centre", np.zeros(5)) != W)
        assert penalty.gradient(w).detach().numpy()[smooth] == pytest.approx(gradient.numpy()[smooth], **near)
        for name, arguments in (("curvature", ()), ("proximal", (0.7,)), ("subdifferential_distance", (w, 0.7))):
            result = getattr(penalty, name)(w, *arguments)
            expected = getattr(wd.Penalty(**options), name)(W, *(W if a is w else a for a in arguments))
            assert result.dtype == dtype
            assert result.tolist() == pytest.approx(expected.tolist(), **near)


def test_arguments_are_not_changed() -> None:
    kept = {"decay_weights": P.copy(), "centre": C.copy(), "scale": S.copy()}
    w, gradient = W.copy(), W.copy()
    penalty = wd.Penalty(l1_ratio=0.3, **kept)
    penalty.value(w), penalty.gradient(w), penalty.curvature(w), penalty.proximal(w, 0.5)
    penalty.subdifferential_distance(w, gradient, 0.5)
    assert (w == W).all() and (gradient == W).all()
    assert (kept["decay_weights"] == P).all() and (kept["centre"] == C).all() and (kept["scale"] == S).all()


# What it is made of


def test_who_is_exempt() -> None:
    assert wd.Penalty(decay_weights=P).exempt.tolist() == [False, True, False, False, False]
    assert not np.broadcast_to(wd.Penalty().exempt, 3).any()


def test_lists_and_numbers_become_arrays() -> None:
    penalty = wd.Penalty(decay_weights=[1, 0], centre=2, scale=(1.0, 2.0))
    assert penalty.value(np.array([3.0, 5.0])) == 0.5


@pytest.mark.parametrize("ratio", [-0.01, 1.01, math.nan])
def test_a_ratio_outside_its_range_is_refused(ratio: float) -> None:
    with pytest.raises(ValueError, match="l1_ratio must be a number from 0"):
        wd.Penalty(l1_ratio=ratio)


@pytest.mark.parametrize(
    ("name", "wrong"),
    [
        ("decay_weights", -1.0),
        ("decay_weights", math.inf),
        ("decay_weights", math.nan),
        ("scale", -1e-300),
        ("scale", math.nan),
        ("centre", math.inf),
        ("centre", math.nan),
    ],
)
def test_a_parameter_that_cannot_be_is_refused_with_its_place(name: str, wrong: float) -> None:
    with pytest.raises(ValueError, match=rf"{name} must be finite.*got {wrong!r} at position 2"):
        wd.Penalty(**{name: np.array([1.0, 0.5, wrong, -0.0])})


def test_equality_is_identity() -> None:
    one = wd.Penalty(decay_weights=P)
    assert one == one and one != wd.Penalty(decay_weights=P)
    assert len({one, wd.Penalty()}) == 2
