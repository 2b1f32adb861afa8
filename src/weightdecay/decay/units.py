r"""The strength of a decay in other tools' units: the only file that knows the words alpha, C, lambda, reg and l2.

A tool's parameter v has a part that is L2 and a part that is L1. Each is λ's part (see `Penalty`) up to a product of
powers of facts about the data or the optimiser, so a convention is two such products, k₂ and k₁:

.. math:: λ (1 - ρ) = k_2 \, v \, (1 - \mathtt{l1\_ratio}), \qquad λ ρ = k_1 \, v \, \mathtt{l1\_ratio}

A conversion is a quotient of products: facts that the two tools share cancel, and are not asked for. Where k₁/k₂
differs between two tools, so does the mix.

**Where a strength acts.** Some tools standardise the columns inside (glmnet, MASS, Spark, H2O, and weightdecay unless
told not to), the others take them as given. Unless told more, a conversion is between numbers that act on the same
columns: standardised by a tool or beforehand, or else raw, where weightdecay needs ``standardize=False``. To pass from
a tool that standardises to one that does not, on a raw column, give that column's ``x_std``. Give ``standardize`` to
say what weightdecay, and any tool with such a switch, does; then a tool's divisor n − 1 is counted too, exactly.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from weightdecay.decay.facts import ONE, Fact, Powers, evaluate, nearest, needed, number, powers, read
from weightdecay.decay.formulas import check_place, formula_of, ratio, steps_between

_MEAN = powers(weight_sum=-1)  # turns a strength on the sum of the losses into one on their mean
_LOSS = powers(loss_factor=1)


@dataclass(frozen=True)
class Convention:
    """One parameter of one tool: what it multiplies there, and how that compares with λ.

    Parameters
    ----------
    name : str
        ``package.Estimator.parameter``.
    objective : str
        What the tool minimises, or the update it makes, with the parameter in its own word.
    source : str
        Where that is documented, or which code says so.
    l2, l1 : tuple of (str, float) pairs, or None
        k₂ and k₁ of the module's docstring, as facts with their powers; None where the tool lacks that part.
    axis : {"given", "standardised", "switch", "ours"}
        The columns it acts on: as given; standardised inside; standardised inside unless switched off; or
        weightdecay's own, which are those of the other tool unless the fact ``standardize`` is given.
    divisor : {"n", "n-1"}
        Of the variances by which a tool standardises inside.
    place : {"loss", "weights"}
        Whether the decay is in the loss (or its gradient), or is taken off the weights beside the gradient's step.
    reciprocal : bool
        Whether the parameter divides the penalty instead of multiplying it.
    shared_by : tuple of str
        Other names that mean the same.
    """

    name: str
    objective: str
    source: str
    l2: Powers | None = ONE
    l1: Powers | None = ONE
    axis: Literal["given", "standardised", "switch", "ours"] = "given"
    divisor: Literal["n", "n-1"] = "n"
    place: Literal["loss", "weights"] = "loss"
    reciprocal: bool = False
    shared_by: tuple[str, ...] = ()

    @property
    def symbol(self) -> str:
        """The parameter's own word, the last part of the name."""
        return self.name.rpartition(".")[2]

    @property
    def needs(self) -> tuple[str, ...]:
        """Facts without which a conversion to λ is refused, for one of its parts at least."""
        return (*needed((self.l2 or ONE, self.l1 or ONE)), *(("optimizer",) if self.place == "weights" else ()))

    @property
    def to_decay(self) -> str:
        """The formula that gives λ, part by part where the parts differ."""
        return formula_of(self, back=False)

    @property
    def from_decay(self) -> str:
        """The formula that gives the parameter from λ, part by part where the parts differ."""
        return formula_of(self, back=True)


@dataclass(frozen=True)
class Conversion:
    """A strength in the target's units: what `conversion` returns.

    Parameters
    ----------
    value : float
        The target's parameter, in the target's unit.
    l1_ratio : float
        The target's share of L1, which may differ from the source's.
    formula : str
        Both steps, to λ and from λ, then the numbers.
    source : str
        Where the two conventions are documented.

    Examples
    --------
    >>> import weightdecay as wd
    >>> result = wd.conversion(44.2, "sklearn.Ridge.alpha", "decay", n_samples=442)
    >>> result.value, result.l1_ratio, result.formula
    (0.1, 0.0, 'decay = alpha / weight_sum; alpha = 44.2 is decay = 0.1')
    """

    value: float
    l1_ratio: float
    formula: str
    source: str


# One convention, one row: name, objective, source, then k₂ and k₁ (1 unless said) and where it acts.
# fmt: off
_CONVENTIONS = (
    Convention("decay",
        "(1/Σs) Σ s·loss + decay·Σ p (½(1−ρ)(w−c)² + ρ|w−c|), loss = ½(y−f)², log-loss or Poisson deviance/2",
        "this library's definition of λ", axis="ours"),
    Convention("prior_precision",
        "Σ s·loss + prior_precision·(½(1−ρ)‖w‖² + ρ‖w‖₁)",
        "MacKay (1992), Bayesian interpolation, Neural Computation 4(3)", _MEAN, _MEAN, axis="ours"),
    Convention("textbook.lambda_over_2m",
        "(1/2m) Σ (f−y)² or −(1/m) Σ loglik, + (lambda/2m)·‖w‖²; the parameter is lambda, not lambda/2m",
        "Ng, Machine Learning (CS229 and its online course), regularised regression", _MEAN, None),
    Convention("sklearn.Ridge.alpha",
        "Σ s(y−f)² + alpha·‖w‖²",
        "scikit-learn 1.9, user guide 1.1.2", _MEAN, None,
        shared_by=("sklearn.RidgeClassifier.alpha", "bbai.RidgeRegression.alpha")),
    Convention("sklearn.LogisticRegression.C",
        "C·Σ s·loss + ½(1−l1_ratio)‖w‖² + l1_ratio·‖w‖₁ (liblinear decays the intercept too)",
        "scikit-learn 1.9, user guide 1.1.11", _MEAN, _MEAN, reciprocal=True, shared_by=("bbai.LogisticRegression.C",)),
    Convention("sklearn.ElasticNet.alpha",
        "(1/2Σs) Σ s(y−f)² + alpha·(½(1−l1_ratio)‖w‖² + l1_ratio·‖w‖₁)",
        "scikit-learn 1.9, user guide 1.1.5", shared_by=("celer.ElasticNet.alpha", "skglm.ElasticNet.alpha")),
    Convention("sklearn.Lasso.alpha",
        "(1/2Σs) Σ s(y−f)² + alpha·‖w‖₁",
        "scikit-learn 1.9, user guide 1.1.3", None, shared_by=("celer.Lasso.alpha", "skglm.Lasso.alpha")),
    Convention("sklearn.SGDClassifier.alpha",
        "(1/n) Σ s·loss + alpha·(½(1−l1_ratio)‖w‖² + l1_ratio·‖w‖₁) in the limit; loss 'squared_error' is ½(y−f)²",
        "scikit-learn 1.9, user guide 1.5.8", powers(weight_mean=-1), powers(weight_mean=-1),
        shared_by=("sklearn.SGDRegressor.alpha",)),
    Convention("sklearn.PoissonRegressor.alpha",
        "(1/2Σs) Σ s·deviance + ½·alpha·‖w‖²",
        "scikit-learn 1.9, user guide 1.1.12", l1=None,
        shared_by=("sklearn.GammaRegressor.alpha", "sklearn.TweedieRegressor.alpha")),
    Convention("sklearn.MLPClassifier.alpha",
        "(1/B) Σ_batch loss + ½·(alpha/B)·‖W‖², B = batch_size (the batch's sum of weights, where rows are weighted)",
        "scikit-learn 1.9, user guide 1.17.5 and BaseMultilayerPerceptron._backprop", powers(batch_size=-1), None,
        shared_by=("sklearn.MLPRegressor.alpha",)),
    Convention("glmnet.gaussian.lambda",
        "(1/2n) Σ s(y−f)² + lambda·(½(1−alpha)‖w‖²/sd(y) + alpha·‖w‖₁): y is scaled inside, which only L2 feels",
        "Friedman, Hastie & Tibshirani (2010), J. Stat. Softw. 33(1), eq. 1; documentation of glmnet 4.1",
        powers(y_std=-1), axis="switch"),
    Convention("glmnet.binomial.lambda",
        "−loglik/n + lambda·(½(1−alpha)‖w‖² + alpha·‖w‖₁)",
        "Friedman, Hastie & Tibshirani (2010), J. Stat. Softw. 33(1), eq. 14", axis="switch",
        shared_by=("glmnet.poisson.lambda",)),
    Convention("MASS.lm.ridge.lambda",
        "Σ (y−f)² + lambda·‖w‖², columns scaled to variance 1 with divisor n",
        "Venables & Ripley (2002), Modern Applied Statistics with S, ch. 6; code of MASS 7.3", _MEAN, None,
        axis="standardised"),
    Convention("statsmodels.fit_regularized.alpha",
        "(1/2Σs) Σ s(y−f)² + alpha·(½(1−L1_wt)‖w‖² + L1_wt·‖w‖₁), and −loglik/n of a GLM without weights; a constant "
        "in X is decayed like any column",
        "statsmodels 0.14, code of OLS.fit_regularized and WLS.fit_regularized"),
    Convention("statsmodels.GLM.fit_regularized.alpha",
        "−(1/n) Σ s·loglik + alpha·(½(1−L1_wt)‖w‖² + L1_wt·‖w‖₁), n rows whatever freq_weights or var_weights s say; "
        "a constant in X is decayed like any column",
        "statsmodels 0.14, code of GLM.fit_regularized", powers(weight_mean=-1), powers(weight_mean=-1)),
    Convention("glum.alpha",
        "(1/2Σs) Σ s·deviance + alpha·(½(1−l1_ratio)‖w‖² + l1_ratio·‖w‖₁), P1 and P2 the identity",
        "glum 3, GeneralizedLinearRegressor"),
    Convention("adelie.grpnet.lambda",
        "Σ (s/Σs)·loss + lambda·(½(1−alpha)‖w‖² + alpha·‖w‖₁), every column a group of its own",
        "adelie 1.1, solver.grpnet"),
    Convention("celer.LogisticRegression.C",
        "C·Σ loss + ‖w‖₁, without intercept",
        "celer 0.7, LogisticRegression", None, _MEAN, reciprocal=True),
    Convention("skglm.SparseLogisticRegression.alpha",
        "(1/n) Σ loss + alpha·(½(1−l1_ratio)‖w‖² + l1_ratio·‖w‖₁)",
        "skglm 0.5, SparseLogisticRegression"),
    Convention("dask_ml.LinearRegression.C",
        "Σ (y−f)² + (1/C)·½‖w‖², columns scaled to variance 1 with divisor n, intercept included",
        "dask-glm 0.4, families, regularizers.L2, utils.normalize", powers(two=-1, weight_sum=-1), None,
        axis="standardised", reciprocal=True),
    Convention("dask_ml.LogisticRegression.C",
        "Σ loss + (1/C)·½‖w‖² (or ‖w‖₁), columns scaled to variance 1 with divisor n, intercept included",
        "dask-glm 0.4, families, regularizers, utils.normalize", _MEAN, _MEAN, axis="standardised", reciprocal=True),
    Convention("fastridge.RidgeEM.alpha",
        "Σ (y−f)² + alpha·‖w‖², columns scaled to variance 1 with divisor n",
        "fastridge 1.2, RidgeEM", _MEAN, None, axis="standardised"),
    Convention("spark.regParam",
        "(1/2Σs) Σ s(y−f)² + regParam·(½(1−elasticNetParam)‖w‖²/sd(y) + elasticNetParam·‖w‖₁), solver 'normal'",
        "Apache Spark 4, documentation of LinearRegression and code of WeightedLeastSquares", powers(y_std=-1),
        axis="switch", shared_by=("spark.LinearRegression.regParam",)),
    Convention("spark.LinearRegression.lbfgs.regParam",
        "as spark.regParam, with standard deviations of divisor n−1: solver 'l-bfgs', or more than 4096 columns",
        "Apache Spark 4, code of LinearRegression", powers(y_std=-1, bessel=-0.5), axis="switch", divisor="n-1"),
    Convention("spark.LogisticRegression.regParam",
        "(1/Σs) Σ s·loss + regParam·(½(1−elasticNetParam)‖w‖² + elasticNetParam·‖w‖₁)",
        "Apache Spark 4, documentation and code of LogisticRegression", axis="switch", divisor="n-1"),
    Convention("h2o.lambda",
        "(1/Σs) Σ s·loss, loss = ½(y−f)² or −loglik, + lambda·(½(1−alpha)‖w‖² + alpha·‖w‖₁)",
        "H2O 3, documentation of GLM, section on regularisation", axis="switch", divisor="n-1"),
    Convention("keras.L2",
        "mean loss + L2·Σ w², without a ½; give loss='mse' for Keras's mean squared error, which has none either",
        "Keras 3, regularizers.L2", powers(two=1, loss_factor=1), None),
    Convention("keras.L1",
        "mean loss + L1·Σ |w|; give loss='mse' for Keras's mean squared error, which has no ½",
        "Keras 3, regularizers.L1", None, _LOSS),
    Convention("torch.coupled.weight_decay",
        "∇ mean loss + weight_decay·w is the gradient; give loss='mse' for MSELoss, which has no ½",
        "PyTorch 2, optim.SGD and optim.Adam", _LOSS, None),
    Convention("torch.decoupled.weight_decay",
        "w ← w − lr·u − lr·weight_decay·w, u the optimiser's step; give loss='mse' for MSELoss",
        "Loshchilov & Hutter (2019), arXiv:1711.05101, algorithm 1, as scaled in PyTorch 2, optim.AdamW", _LOSS, None,
        place="weights"),
    Convention("torch.independent.weight_decay",
        "w ← w − lr·u − (lr/peak lr)·weight_decay·w, u the optimiser's step; give loss='mse' for MSELoss",
        "Loshchilov & Hutter (2019), arXiv:1711.05101, algorithm 1, η_t the schedule and α the peak rate",
        powers(learning_rate=-1, loss_factor=1), None, place="weights"),
    Convention("laplace.prior_precision",
        "Σ loss (Gaussian: (1/2σ²) Σ (y−f)², σ = noise_std) + ½·prior_precision·‖w‖²",
        "Daxberger et al. (2021), arXiv:2106.14806, eq. 2; laplace-torch", powers(noise_std=2, weight_sum=-1), None),
)
# fmt: on
_BY_NAME = {name: row for row in _CONVENTIONS for name in (row.name, *row.shared_by)}


def conventions() -> tuple[Convention, ...]:
    """Return the table of conventions: what every known parameter multiplies in its tool.

    Returns
    -------
    tuple of Convention
        Frozen rows with ``name``, ``objective`` (what the tool minimises), ``source`` (where that is documented),
        ``needs`` (facts that a conversion to λ asks for) and the formulas ``to_decay`` and ``from_decay``.

    Examples
    --------
    >>> import weightdecay as wd
    >>> [row.to_decay for row in wd.conventions() if row.name == "sklearn.LogisticRegression.C"]
    ['decay = 1 / (weight_sum · C)']
    """
    return _CONVENTIONS


def convert(value: float, source: str, target: str, *, l1_ratio: float = 0.0, **facts: Fact) -> float:
    r"""Return the number that means the same strength in another tool.

    With the two conventions' factors k for the part of the penalty that acts (k₂ for L2, k₁ for L1),

    .. math:: v_{target} = v_{source} \, k^{source} / k^{target}, \qquad λ = k^{source} \, v_{source},

    where a parameter that divides the penalty (scikit-learn's C) enters by its inverse.

    Parameters
    ----------
    value : float
        The source's parameter, at least 0, in the source's unit; infinity is allowed.
    source, target : str
        Names of the table: see `conventions`. ``"decay"`` is λ, ``"prior_precision"`` is λ·Σs.
    l1_ratio : float, default 0.0
        The source's share of L1. A source that is all L1 (such as the lasso) needs none.
    **facts : float, str, bool or None
        What the two conventions need to know of the data or of the optimiser; facts that they do not need are
        ignored, and None is not given. ``n_samples``: rows; ``weight_sum``: Σs, where rows are weighted; ``y_std``,
        ``x_std``: standard deviations with divisor n, in the units of the target and of one raw column;
        ``batch_size``: rows; ``learning_rate``: the peak; ``noise_std``; ``loss``; ``optimizer``; ``standardize``.

    Returns
    -------
    float
        The target's parameter, in the target's unit.

    Raises
    ------
    ValueError
        If the value, a name or a fact is wrong or missing, or the two tools differ in their mix of L1 and L2 so that
        one number cannot say it (then use `conversion`).

    See Also
    --------
    conversion : The same with the mix, the formula and its source, as `Conversion`.

    Notes
    -----
    Each row of `conventions` names the paper, manual or code that its factors come from.

    Examples
    --------
    >>> import weightdecay as wd
    >>> wd.convert(44.2, "sklearn.Ridge.alpha", "decay", n_samples=442)
    0.1
    >>> wd.convert(4.0, "sklearn.Ridge.alpha", "sklearn.LogisticRegression.C")
    0.25
    """
    result = conversion(value, source, target, l1_ratio=l1_ratio, **facts)
    mix = _mix(_find(source), l1_ratio)
    if not math.isclose(result.l1_ratio, mix, rel_tol=1e-12):
        raise ValueError(
            f"{source} with l1_ratio={mix:g} is {target} with l1_ratio={result.l1_ratio:.6g} ({result.formula}), which "
            "one number cannot say: use conversion(...), which returns both"
        )
    return result.value


def conversion(value: float, source: str, target: str, *, l1_ratio: float = 0.0, **facts: Fact) -> Conversion:
    r"""Return the same strength in another tool, with its mix, the formula and where it is documented.

    Both parts of the penalty keep their size, so the mix ρ of L1 and L2 may change:

    .. math:: k_2^{target} v_{target} (1 - ρ_{target}) = k_2^{source} v_{source} (1 - ρ_{source}), \qquad
              k_1^{target} v_{target} ρ_{target} = k_1^{source} v_{source} ρ_{source}

    Parameters
    ----------
    value : float
        The source's parameter, at least 0, in the source's unit; infinity is allowed.
    source, target : str
        Names of the table: see `conventions`.
    l1_ratio : float, default 0.0
        The source's share of L1.
    **facts : float, str, bool or None
        As for `convert`.

    Returns
    -------
    Conversion
        ``value`` and ``l1_ratio`` of the target, ``formula`` and ``source``.

    Raises
    ------
    ValueError
        If the value, a name or a fact is wrong or missing, or the target lacks a part that the source has.

    Examples
    --------
    >>> import weightdecay as wd
    >>> result = wd.conversion(0.3, "glmnet.gaussian.lambda", "sklearn.ElasticNet.alpha", l1_ratio=0.5, y_std=2.0)
    >>> round(result.value, 6), round(result.l1_ratio, 6)
    (0.225, 0.666667)
    """
    given, wanted, known = _find(source), _find(target), read(facts)
    strength = number("value", value, "a number, at least 0")
    if not strength >= 0.0:
        raise ValueError(f"value must be at least 0, got {value!r}: {source} is the strength of a decay")
    mix = _mix(given, l1_ratio)
    check_place(given, wanted, known)
    steps = steps_between(given, wanted, mix)
    l2 = evaluate(ratio(given, wanted, 2, known), known, f"{source} to {target} ({steps})") if mix < 1.0 else None
    l1 = evaluate(ratio(given, wanted, 1, known), known, f"{source} to {target} ({steps})") if mix > 0.0 else None
    if l2 is None or l1 is None or l2 == l1:
        over, under = l2 or l1 or (1.0, 1.0)
    else:
        part = mix * l1[0] / l1[1]
        over, under = part + (1.0 - mix) * l2[0] / l2[1], 1.0
        mix = part / over
    above, below = (over, strength * under) if given.reciprocal else (strength * over, under)
    above, below = (below, above) if wanted.reciprocal else (above, below)
    out = above / below if below > 0.0 else math.inf
    if 0.0 < strength < math.inf and not 0.0 < out < math.inf:
        raise ValueError(f"{source} = {strength:g} is outside the range of a float as {target}: {steps}")
    formula = f"{steps}; {given.symbol} = {strength:g} is {wanted.symbol} = {out:g}"
    return Conversion(out, mix, formula, "; ".join(dict.fromkeys((given.source, wanted.source))))


def _find(name: str) -> Convention:
    """Return the row of a name, or refuse it with the nearest names."""
    if not isinstance(name, str) or name not in _BY_NAME:
        raise ValueError(f"{name!r} is not in the table of conventions{nearest(str(name), _BY_NAME)}")
    return _BY_NAME[name]


def _mix(given: Convention, l1_ratio: float) -> float:
    """Return the source's share of L1, which a tool with one part alone fixes."""
    share = number("l1_ratio", l1_ratio, "a number from 0 (L2) to 1 (L1)")
    if not 0.0 <= share <= 1.0:
        raise ValueError(f"l1_ratio must be from 0 (L2) to 1 (L1), got {l1_ratio!r}")
    if given.l2 is None and share in (0.0, 1.0):
        return 1.0
    if given.l2 is None or (given.l1 is None and share > 0.0):
        part = "L1" if given.l2 is None else "L2"
        raise ValueError(f"{given.name} is all {part}, so l1_ratio={share:g} does not fit it: leave l1_ratio out")
    return share
