"""Run tools that the tests do without on the toy data, and keep what they say in golden.json.

    python tests/decay/make_golden.py r spark h2o adelie celer skglm bbai fastridge dask glum \\
        keras torch laplace kozistr

replaces the rows of the named tools. Each needs its tool: R with glmnet and MASS; Java for Spark and H2O; the others
are Python packages, not all of which live together in one environment.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parent))
from oracle import Fit, columns, target, toy

MIXES = (0.0, 0.5, 1.0)


def floats(values: Any) -> tuple[float, ...]:
    """Return plain floats with all their digits."""
    return tuple(float(v) for v in np.ravel(values))


R_SCRIPT = """
library(glmnet); library(MASS); options(digits = 17)
d <- as.matrix(read.csv(commandArgs(TRUE)[1], header = FALSE)); x <- d[, 1:4]; s <- d[, 8]
say <- function(...) cat(paste(format(c(...), digits = 17, trim = TRUE), collapse = ","), "\\n", sep = "")
for (k in 1:3) for (alpha in c(0, 0.5, 1)) for (inside in c(TRUE, FALSE)) for (weighted in c(FALSE, TRUE)) {
  family <- c("gaussian", "binomial", "poisson")[k]; lambda <- c(12, 0.07, 0.15)[k]
  w <- if (weighted) s else rep(1, nrow(x))
  m <- glmnet(x, d[, 4 + k], family = family, alpha = alpha, lambda = lambda * c(4, 2, 1), standardize = inside,
              weights = w, thresh = 1e-22, maxit = 1e7)
  b <- as.numeric(coef(m)[, 3]); cat(family, ","); say(lambda, alpha, inside, weighted, b[-1], b[1])
}
b <- coef(lm.ridge(y ~ ., data.frame(y = d[, 5], x), lambda = 7))
 cat("lm.ridge,"); say(7, 0, 1, 0, b[-1], b[1])
cat("version,", format(packageVersion("glmnet")), ",", format(packageVersion("MASS")), "\\n")
"""


def r() -> Iterator[Fit]:
    """Run glmnet and MASS::lm.ridge."""
    X, y, z, counts, s = toy()
    with tempfile.TemporaryDirectory() as folder:
        np.savetxt(f"{folder}/toy.csv", np.column_stack([X, y, z, counts, s]), delimiter=",", fmt="%.17g")
        Path(f"{folder}/fit.R").write_text(R_SCRIPT)
        command = ["Rscript", f"{folder}/fit.R", f"{folder}/toy.csv"]
        lines = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    glmnet, mass = (part.strip() for part in lines[-1].split(",")[1:])
    for line in lines[:-1]:
        kind, *rest = (part.strip() for part in line.split(","))
        value, mix, inside, weighted, *coef, intercept = map(float, rest)
        name, tool = f"glmnet.{kind}.lambda", f"glmnet {glmnet}"
        if kind == "lm.ridge":
            name, tool, kind = "MASS.lm.ridge.lambda", f"MASS {mass}", "gaussian"
        loss = {"gaussian": "squared", "binomial": "log", "poisson": "poisson"}[kind]
        yield Fit(name, tool, loss, value, tuple(coef), intercept, mix, inside=bool(inside), weighted=bool(weighted))


def spark() -> Iterator[Fit]:
    """Run Spark's linear and logistic regression."""
    from pyspark.ml.classification import LogisticRegression
    from pyspark.ml.linalg import Vectors
    from pyspark.ml.regression import LinearRegression
    from pyspark.sql import SparkSession

    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false").getOrCreate()
    X, y, z, _, s = toy()
    rows = [(*map(float, row), Vectors.dense(x)) for *row, x in zip(y, z, s, X, strict=True)]
    frame = session.createDataFrame(rows, ["y", "z", "s", "x"])
    common = {"featuresCol": "x", "tol": 1e-15, "maxIter": 5000}
    for mix in MIXES:
        for inside in (True, False):
            options = {**common, "elasticNetParam": mix, "standardization": inside}
            for solver, name in (("normal", "spark.regParam"), ("l-bfgs", "spark.LinearRegression.lbfgs.regParam")):
                for weight in ({}, {"weightCol": "s"}) if solver == "normal" else ({},):
                    m = LinearRegression(labelCol="y", regParam=12.0, solver=solver, **weight, **options).fit(frame)
                    coef, b = floats(m.coefficients.toArray()), float(m.intercept)
                    tool = f"Spark {version('pyspark')}"
                    yield Fit(
                        name, tool, "squared", 12.0, coef, b, mix, inside=inside, weighted=bool(weight), tolerance=1e-5
                    )
            m = LogisticRegression(labelCol="z", regParam=0.07, **options).fit(frame)
            coef, b = floats(m.coefficients.toArray()), float(m.intercept)
            name = "spark.LogisticRegression.regParam"
            yield Fit(name, tool, "log", 0.07, coef, b, mix, inside=inside, tolerance=1e-5)
    session.stop()


def h2o() -> Iterator[Fit]:
    """Run H2O's generalised linear models."""
    import h2o as server
    import pandas as pd
    from h2o.estimators import H2OGeneralizedLinearEstimator

    server.init(max_mem_size="1G", nthreads=1, bind_to_localhost=True)
    server.no_progress()
    X, y, z, _, _ = toy()
    frame = pd.DataFrame(X, columns=list("abcd")).assign(gaussian=y, binomial=z)
    frame = server.H2OFrame(frame)
    frame["binomial"] = frame["binomial"].asfactor()
    sharp = {"beta_epsilon": 1e-15, "objective_epsilon": 1e-18, "gradient_epsilon": 1e-15, "max_iterations": 5000}
    for family, loss, value in (("gaussian", "squared", 12.0), ("binomial", "log", 0.07)):
        for mix in MIXES:
            for inside in (True, False):
                if mix and not inside:
                    continue  # on raw columns its coordinate descent stops early
                m = H2OGeneralizedLinearEstimator(
                    family=family,
                    lambda_=value,
                    alpha=mix,
                    standardize=inside,
                    solver="COORDINATE_DESCENT" if mix else "IRLSM",
                    **sharp,
                )
                m.train(list("abcd"), family, frame)
                b = m.coef()
                coef = floats([b[x] for x in "abcd"])
                yield Fit("h2o.lambda", f"H2O {version('h2o')}", loss, value, coef, b["Intercept"], mix, inside=inside)
    server.cluster().shutdown()


def adelie() -> Iterator[Fit]:
    """Run adelie's group elastic net with groups of one column."""
    import adelie as ad

    s = toy()[-1]
    scaled = np.asfortranarray(columns("scaled"))
    for loss, family, value in (("squared", ad.glm.gaussian, 12.0), ("log", ad.glm.binomial, 0.07)):
        for mix in MIXES:
            for weights in (None, s / s.sum()):
                m = ad.grpnet(
                    scaled,
                    family(y=target(loss), weights=weights),
                    alpha=mix,
                    lmda_path=np.array([4, 2, 1]) * value,
                    early_exit=False,
                    progress_bar=False,
                    tol=1e-20,
                    max_iters=10**7,
                    **({} if loss == "squared" else {"irls_tol": 1e-20}),
                )
                coef, b = floats(m.betas[-1].toarray()), float(m.intercepts[-1])
                tool = f"adelie {version('adelie')}"
                yield Fit(
                    "adelie.grpnet.lambda", tool, loss, value, coef, b, mix, "scaled", weighted=weights is not None
                )


def celer() -> Iterator[Fit]:
    """Run celer's lasso, elastic net and sparse logistic regression."""
    from celer import ElasticNet, Lasso, LogisticRegression

    X, y, z = columns("scaled"), target("squared"), target("log")
    tool = f"celer {version('celer')}"
    m = Lasso(alpha=12.0, tol=1e-14).fit(X, y)
    yield Fit("celer.Lasso.alpha", tool, "squared", 12.0, floats(m.coef_), float(m.intercept_), 1.0, "scaled")
    m = ElasticNet(alpha=12.0, l1_ratio=0.5, tol=1e-14).fit(X, y)
    yield Fit("celer.ElasticNet.alpha", tool, "squared", 12.0, floats(m.coef_), float(m.intercept_), 0.5, "scaled")
    m = LogisticRegression(C=0.5, tol=1e-14, fit_intercept=False).fit(X, z)
    yield Fit("celer.LogisticRegression.C", tool, "log", 0.5, floats(m.coef_), None, 1.0, "scaled")


def skglm() -> Iterator[Fit]:
    """Run skglm's lasso, elastic net and sparse logistic regression."""
    from skglm import ElasticNet, Lasso, SparseLogisticRegression

    X, y, z = columns("scaled"), target("squared"), target("log")
    tool = f"skglm {version('skglm')}"
    m = Lasso(alpha=12.0, tol=1e-13).fit(X, y)
    yield Fit("skglm.Lasso.alpha", tool, "squared", 12.0, floats(m.coef_), float(m.intercept_), 1.0, "scaled")
    m = ElasticNet(alpha=12.0, l1_ratio=0.5, tol=1e-13).fit(X, y)
    yield Fit("skglm.ElasticNet.alpha", tool, "squared", 12.0, floats(m.coef_), float(m.intercept_), 0.5, "scaled")
    for mix in (0.5, 1.0):
        m = SparseLogisticRegression(alpha=0.07, l1_ratio=mix, tol=1e-13, max_iter=1000).fit(X, z)
        coef, b = floats(m.coef_), float(np.ravel(m.intercept_)[0])
        yield Fit("skglm.SparseLogisticRegression.alpha", tool, "log", 0.07, coef, b, mix, "scaled")


def bbai() -> Iterator[Fit]:
    """Run bbai's ridge and logistic regression."""
    from bbai.glm import LogisticRegression, RidgeRegression

    X, y, z = columns("scaled"), target("squared"), target("log")
    tool = f"bbai {version('bbai')}"
    m = RidgeRegression(alpha=9.0, tolerance=1e-14).fit(X, y.copy())
    yield Fit("bbai.RidgeRegression.alpha", tool, "squared", 9.0, floats(m.coef_), float(m.intercept_), 0.0, "scaled")
    m = LogisticRegression(C=0.3, tolerance=1e-14).fit(X, z)
    coef, b = floats(m.coef_), float(np.ravel(m.intercept_)[0])
    yield Fit("bbai.LogisticRegression.C", tool, "log", 0.3, coef, b, 0.0, "scaled", tolerance=1e-3)


def fastridge() -> Iterator[Fit]:
    """Run fastridge at the strength that it chooses itself."""
    from fastridge import RidgeEM

    m = RidgeEM().fit(toy()[0], toy()[1])
    coef, b = floats(m.coef_), float(m.intercept_)
    tool = f"fastridge {version('fastridge')}"
    yield Fit("fastridge.RidgeEM.alpha", tool, "squared", float(m.alpha_), coef, b, inside=True)


def dask() -> Iterator[Fit]:
    """Run dask-glm, the solver of dask-ml, through dask-ml's estimators.

    It standardises the columns before the strength acts, the intercept's constant excepted: seen on raw columns, where
    its L-BFGS stops early on the log-loss.
    """
    from dask_ml.linear_model import LinearRegression, LogisticRegression

    tool = f"dask-ml {version('dask-ml')}"
    sharp = {"lbfgs": {"tol": 1e-12}, "admm": {"abstol": 1e-12, "reltol": 1e-12}}
    kinds = (
        ("LinearRegression", LinearRegression, "squared", 0.02),
        ("LogisticRegression", LogisticRegression, "log", 0.3),
    )
    for mix, penalty, solver in ((0.0, "l2", "lbfgs"), (1.0, "l1", "admm")):
        for name, kind, loss, value in kinds:
            if mix and loss == "squared":
                continue
            for where, intercept in (("scaled", True), ("raw", False)):
                m = kind(penalty, C=value, solver=solver, fit_intercept=intercept, max_iter=10**4)
                m.solver_kwargs = sharp[solver]
                m.fit(columns(where), target(loss))
                coef = (*floats(m.coef_), *floats(m.intercept_)) if intercept else floats(m.coef_)
                given = "scaled+1" if intercept else "raw"
                more = {"inside": not intercept, "tolerance": 1e-2 if loss == "log" and not intercept else 1e-4}
                yield Fit(f"dask_ml.{name}.C", tool, loss, value, coef, None, mix, given, **more)


def glum() -> Iterator[Fit]:
    """Run glum's generalised linear models."""
    from glum import GeneralizedLinearRegressor

    X, s = columns("scaled"), toy()[-1]
    tool = f"glum {version('glum')}"
    for loss, family, value in (("squared", "normal", 12.0), ("log", "binomial", 0.07), ("poisson", "poisson", 0.15)):
        for mix in MIXES:
            for weights in (None, s):
                m = GeneralizedLinearRegressor(
                    alpha=value, l1_ratio=mix, family=family, gradient_tol=1e-12, max_iter=10_000
                )
                coef, b = floats(m.fit(X, target(loss), weights).coef_), float(m.intercept_)
                weighted = weights is not None
                yield Fit("glum.alpha", tool, loss, value, coef, b, mix, "scaled", weighted=weighted, tolerance=1e-5)


def keras() -> Iterator[Fit]:
    """Train one linear Keras layer by full-batch gradient descent until it stands still.

    Keras has both kinds: regularisers in the loss, and ``weight_decay`` of its SGD, which shrinks the weights apart.
    """
    import os

    os.environ["KERAS_BACKEND"] = "torch"
    import keras as k

    k.backend.set_floatx("float64")
    X = columns("scaled")
    tool = f"Keras {version('keras')}"
    for penalty, value, form, rate in (
        ("L2", 0.1, "mse", 0.05),
        ("L2", 0.1, "binary_crossentropy", 0.5),
        ("L1", 10.0, "mse", 0.05),
        ("decoupled", 0.3, "mse", 0.05),
        ("decoupled", 0.3, "binary_crossentropy", 0.5),
    ):
        loss = "squared" if form == "mse" else "log"
        apart = penalty == "decoupled"
        regularizer = None if apart else getattr(k.regularizers, penalty)(value)
        layer = k.layers.Dense(1, "sigmoid" if loss == "log" else None, kernel_regularizer=regularizer)
        m = k.Sequential([layer])
        optimizer = k.optimizers.SGD(rate, weight_decay=value if apart else None)
        if apart:
            optimizer.exclude_from_weight_decay(var_names=["bias"])
        m.compile(optimizer, loss=form)
        m.fit(X, target(loss)[:, None], batch_size=len(X), epochs=2500, verbose=0)
        for shorter in (rate / 10, rate / 100) if penalty == "L1" else ():
            m.optimizer.learning_rate = shorter  # a subgradient step only rattles around zero: shorten it
            m.fit(X, target(loss)[:, None], batch_size=len(X), epochs=2500, verbose=0)
        w, b = m.get_weights()
        w = np.where(np.abs(w) < 0.02, 0.0, w)  # what is left of the rattle, which the other columns feel a little
        facts = {"loss": "mse" if loss == "squared" else "cross_entropy"} | ({"optimizer": "sgd"} if apart else {})
        name, mix = "torch.decoupled.weight_decay" if apart else f"keras.{penalty}", float(penalty == "L1")
        near = 1e-3 if mix else 1e-4
        yield Fit(name, tool, loss, value, floats(w), float(b[0]), mix, "scaled", facts=facts, tolerance=near)


def torch() -> Iterator[Fit]:
    """Train one linear layer by PyTorch's SGD with weight_decay in full batch until it stands still."""
    import torch as t

    X = t.tensor(columns("scaled"))
    tool = f"PyTorch {version('torch').partition('+')[0]}"
    for loss, criterion, fact in (
        ("squared", t.nn.MSELoss(), "mse"),
        ("log", t.nn.BCEWithLogitsLoss(), "cross_entropy"),
        ("poisson", t.nn.PoissonNLLLoss(), "poisson"),
    ):
        y = t.tensor(target(loss))[:, None]
        layer = t.nn.Linear(4, 1, dtype=t.float64)
        groups = [{"params": [layer.weight], "weight_decay": 0.3}, {"params": [layer.bias]}]
        optimizer = t.optim.SGD(groups, lr=0.1)
        for _ in range(5000):
            optimizer.zero_grad()
            criterion(layer(X), y).backward()
            optimizer.step()
        coef, b = floats(layer.weight.detach()), float(layer.bias.detach())
        yield Fit("torch.coupled.weight_decay", tool, loss, 0.3, coef, b, 0.0, "scaled", facts={"loss": fact})


def laplace() -> Iterator[Fit]:
    """Ask laplace-torch for the posterior precision of a linear layer, and solve for the mean that goes with it."""
    import torch as t
    from laplace import Laplace

    X, y = t.tensor(columns("scaled")), t.tensor(target("squared"))[:, None]
    layer = t.nn.Linear(4, 1, bias=False, dtype=t.float64)
    loader = t.utils.data.DataLoader(t.utils.data.TensorDataset(X, y), batch_size=len(X))
    facts = {"noise_std": 1.7}
    la = Laplace(layer, "regression", "all", "full", sigma_noise=facts["noise_std"], prior_precision=11.0)
    la.fit(loader)
    precision = la.posterior_precision.detach().numpy()
    # The posterior mean of the same model is precision⁻¹ X'y/σ²: only the precision is laplace's.
    mean = np.linalg.solve(precision, (X.T @ y).numpy().ravel() / facts["noise_std"] ** 2)
    tool = f"laplace-torch {version('laplace-torch')}"
    yield Fit("laplace.prior_precision", tool, "squared", 11.0, floats(mean), None, 0.0, "scaled", facts=facts)


def trained(optimizer: Callable[[list[dict[str, Any]]], Any], loss: str, decay: float, steps: int) -> Any:
    """Train one linear torch layer in full batch on ½(y−f)² or log-loss; return its coefficients and intercept."""
    import torch as t

    X, y = t.tensor(columns("scaled")), t.tensor(target(loss))[:, None]
    layer = t.nn.Linear(4, 1, dtype=t.float64)
    with t.no_grad():
        layer.weight[:], layer.bias[:] = t.tensor([1.0, -2.0, 3.0, 0.5]), 0.25
    criterion = t.nn.BCEWithLogitsLoss() if loss == "log" else lambda f, y: 0.5 * t.nn.functional.mse_loss(f, y)
    chosen = optimizer(
        [{"params": [layer.weight], "weight_decay": decay}, {"params": [layer.bias], "weight_decay": 0.0}]
    )
    for _ in range(steps):
        chosen.zero_grad()
        criterion(layer(X), y).backward()
        chosen.step()
    return floats(layer.weight.detach()), float(layer.bias.detach())


def kozistr() -> Iterator[Fit]:
    """Run pytorch_optimizer, whose optimisers decay the weights by lr·weight_decay or by weight_decay alone.

    Its quasi-hyperbolic momentum at momentum 0 is plain gradient descent, run until it stands still. Its
    quasi-hyperbolic Adam at ν = (1, 1) is Adam: 50 steps of it, far from any minimum, to compare with PyTorch's AdamW.
    """
    import torch as t
    from pytorch_optimizer import QHM, QHAdam

    tool = f"pytorch_optimizer {version('pytorch_optimizer')}"
    rate = 0.2
    facts: dict[str, Any] = {"optimizer": "sgd", "learning_rate": rate}
    for name, fixed, value in (("decoupled", False, 0.3), ("independent", True, 0.05)):
        for loss in ("squared", "log"):
            coef, b = trained(
                lambda p, fixed=fixed: QHM(p, rate, weight_decouple=True, fixed_decay=fixed), loss, value, 4000
            )
            yield Fit(f"torch.{name}.weight_decay", tool, loss, value, coef, b, 0.0, "scaled", facts=facts)
    facts = {"optimizer": "adam", "learning_rate": 0.01}
    coef, b = trained(lambda p: t.optim.AdamW(p, 0.01), "log", 0.3, 50)
    torch_tool = f"PyTorch {version('torch').partition('+')[0]}"
    yield Fit("torch.decoupled.weight_decay", torch_tool, "50 steps", 0.3, coef, b, 0.0, "scaled", facts=facts)
    coef, b = trained(
        lambda p: QHAdam(p, 0.01, (0.9, 0.999), nus=(1.0, 1.0), weight_decouple=True, fixed_decay=True),
        "log",
        0.003,
        50,
    )
    yield Fit("torch.independent.weight_decay", tool, "50 steps", 0.003, coef, b, 0.0, "scaled", facts=facts)


TOOLS: dict[str, Callable[[], Iterator[Fit]]] = {
    tool.__name__: tool
    for tool in (r, spark, h2o, adelie, celer, skglm, bbai, fastridge, dask, glum, keras, torch, laplace, kozistr)
}
GOLDEN = Path(__file__).with_name("golden.json")


def main(chosen: list[str]) -> None:
    """Replace the chosen tools' rows in golden.json, one fit a line."""
    golden: dict[str, list[Any]] = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else {}
    for name in chosen:
        golden[name] = [asdict(fit) for fit in TOOLS[name]()]
    blocks = []
    for name in TOOLS:
        rows = ",\n".join("  " + json.dumps(row) for row in golden.get(name, []))
        blocks.append(f' "{name}": [\n{rows}\n ]')
    GOLDEN.write_text("{\n" + ",\n".join(blocks) + "\n}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
