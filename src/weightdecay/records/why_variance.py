"""`BiasVariance`: of what the expected held-out error is made at every decay."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, final

import numpy as np
from numpy.typing import NDArray

from weightdecay.records.brief import brief
from weightdecay.records.why import Why

Array = NDArray[np.float64]

# Below this share of the expected error a part of it is told as none.
NOTHING = 1e-3
# Where λ = 0 and λ = ∞ are, when it is asked which decay is nearest.
ENDS = (1e-300, 1e300)


@final
@dataclass(frozen=True, eq=False)
class BiasVariance(Why):
    """Squared bias and variance of held-out predictions against the decay, which with the noise are the expected error.

    Parameters
    ----------
    decays : ndarray of shape (L,)
        λ on the scale of all rows, ascending; 0 and inf are allowed.
    bias, variance : ndarray of shape (L,)
        Squared bias and variance of the predictions of held-out rows, weighted means over the rows, in the unit of
        ``loss``. A bias that was estimated by bootstrap may come out just below 0.
    noise : float
        What no model can foretell, in the same unit: σ² of squared error, else the loss of the true model.
    error : ndarray of shape (L,)
        Standard error of ``bias + variance`` from the samples or the random vectors; 0 where both are exact.
    cross_validated, standard_error : ndarray of shape (L,)
        Mean held-out loss of the data themselves on the same folds, and its standard error.
    decay : float
        The tuned λ, at which the model that was plugged in is.
    loss : str
        In words: ``"mean squared error"``, ``"log-loss"``, ``"Poisson deviance"``.
    way : str
        ``"closed form"``, ``"random vectors"`` or ``"bootstrap"``.
    samples : int
        Of the bootstrap, or random vectors; 0 in closed form.
    plug_in : str
        The model that the data are taken to come from, in words.
    folds : str
        In words.
    model_name : str
    n_rows : int
        With positive weight.

    Examples
    --------
    >>> import numpy as np, weightdecay as wd
    >>> rng = np.random.default_rng(0)
    >>> X = rng.standard_normal((40, 10)); y = X[:, 0] + rng.standard_normal(40)
    >>> found = wd.why.bias_variance(wd.LinearRegression(), X, y)
    >>> bool((np.diff(found.variance) < 0).all()), found == BiasVariance.from_json(found.to_json())
    (True, True)
    """

    name: ClassVar[str] = "bias_variance"

    decays: Array
    bias: Array
    variance: Array
    noise: float
    error: Array
    cross_validated: Array
    standard_error: Array
    decay: float
    loss: str
    way: str
    samples: int
    plug_in: str
    folds: str
    model_name: str
    n_rows: int

    @property
    def expected(self) -> Array:
        """The expected held-out error bias² + variance + noise, shape (L,)."""
        return np.asarray(self.bias + self.variance + self.noise)

    @property
    def best(self) -> int:
        """Index of the least expected error."""
        return int(np.nanargmin(self.expected))

    @property
    def at(self) -> int:
        """Index of the tuned decay, or of the one nearest to it."""
        places = np.log(np.clip([*self.decays, self.decay], *ENDS))  # 0 and infinity have places too
        return int(np.argmin(np.abs(places[:-1] - places[-1])))

    def sentences(self) -> tuple[str, ...]:
        """The answer first, then what it rests on.

        Returns
        -------
        tuple of str
        """
        return (self._answer(), *self._traded(), self._beside(), self._rests())

    def _answer(self) -> str:
        """Of what the error is made at the tuned decay."""
        j = self.at
        parts = f"noise {brief(self.noise)} + variance {brief(self._part(self.variance[j]))}"
        total = brief(float(self.expected[j]))
        where = "the tuned decay" if self.decays[j] == self.decay else "the decay nearest to the tuned one"
        return (
            f"At {where}, {brief(float(self.decays[j]))}, the expected held-out {self.loss} is {total} = {parts} + "
            f"bias² {brief(self._part(self.bias[j]))}."
        )

    def _traded(self) -> tuple[str, ...]:
        """What decay takes of the variance, and what it gives as bias for it."""
        j = self.at
        less = np.flatnonzero(self.decays < self.decays[j])
        less = less[np.isfinite(self.expected[less])]
        if not len(less):
            return ()
        first = int(less[0])
        saved, paid = float(self.variance[first] - self.variance[j]), float(self.bias[j] - self.bias[first])
        start = "no decay" if self.decays[first] == 0 else f"decay {brief(float(self.decays[first]))}"
        gain = saved - paid
        if abs(gain) <= NOTHING * float(self.expected[j]):
            return (f"Against {start} it changes next to nothing: there is little variance to be taken away.",)
        verb = "falls" if gain > 0 else "rises"
        share = abs(gain) / float(self.expected[first])
        return (
            f"Against {start} it takes {brief(saved)} off the variance for {brief(max(paid, 0.0))} of bias²: the "
            f"expected error {verb} by {100 * share:.3g} %.",
        )

    def _beside(self) -> str:
        """The cross-validated loss at the same place."""
        j = self.at
        error = float(self.standard_error[j])
        spread = f" ± {brief(error)}" if math.isfinite(error) else ""
        low, tuned = float(self.decays[self.best]), float(self.decays[j])
        apart = "there too" if low == tuned else f"at decay {brief(low)}"
        return (
            f"Cross-validation ({self.folds}) measured {brief(float(self.cross_validated[j]))}{spread} at that decay; "
            f"the expected error is least {apart}."
        )

    def _rests(self) -> str:
        """How it was found."""
        ways = {
            "closed form": "Exact sums over the rows",
            "random vectors": f"Estimated with {self.samples:,} random vectors",
            "bootstrap": f"From {self.samples:,} samples of a parametric bootstrap, the same at every decay",
        }
        return f"{ways[self.way]}, for data from {self.plug_in}."

    def _part(self, value: float) -> float:
        """A part of the error, 0 where it is lost in the rest or below 0 by chance."""
        return 0.0 if value < 1e-9 * float(self.expected[self.at]) else float(value)
