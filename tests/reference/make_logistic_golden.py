"""Solve the cases of logistic_cases.py by Newton's method in 60-digit arithmetic, and keep 25 digits.

    python tests/reference/make_logistic_golden.py

writes logistic_golden.json. Data and weights enter exactly; means, standard deviations, exponentials and the solutions
of the linear systems all have 60 digits, so nothing of floating point is left in what is kept. The start is a double's
accuracy away from the solution and does not matter: J is strictly convex, and the last step is below 1e-40.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import mpmath as mp
import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))
from laws.logistic_oracles import fit, indicators, weighted_scales
from reference.logistic_cases import CASES, Case

mp.mp.dps = 60
EXP = np.frompyfunc(mp.exp, 1, 1)
SQRT = np.frompyfunc(mp.sqrt, 1, 1)
MPF = np.frompyfunc(mp.mpf, 1, 1)


def means(case: Case, F: Any) -> Any:
    """What linear predictors (n, m) expect of the targets."""
    E = EXP(F)
    if case.kind == "poisson":
        return E
    return E / (1 + E) if F.shape[1] == 1 else E / E.sum(axis=1, keepdims=True)


def hessian(Z: Any, bends: Any, D: Any) -> Any:
    """∇²J (m·q, m·q) with the curvature bends (n, m, m); undecayed rows keep their sum over classes at 0."""
    q, m = Z.shape[1], bends.shape[1]
    H = mp.matrix(m * q)
    for a in range(m):
        for b in range(a, m):
            block = Z.T.dot(bends[:, a, b][:, None] * Z)
            for i in range(q):
                for j in range(q):
                    extra = D[i] if a == b and i == j else 0
                    extra += mp.mpf(1) if m > 1 and i == j and D[i] == 0 else 0
                    H[a * q + i, b * q + j] = H[b * q + j, a * q + i] = block[i, j] + extra
    return H


def solve(case: Case) -> dict[str, Any]:
    """Coefficients and intercepts in the units of X, as decimal strings."""
    X, y, s = case.arrays()
    T = y[:, None].astype(float) if case.kind == "poisson" else indicators(y)
    n, p, m = *X.shape, T.shape[1]
    metric = weighted_scales(X, s) ** 2 if case.standardize else np.ones(p)
    near = fit(case.kind, X, T, case.precision, metric=metric, weight=s, fit_intercept=case.fit_intercept)
    A, S, Y = MPF(X), MPF(s), MPF(T)
    place = S.dot(A) / S.sum()
    scale = SQRT(S.dot((A - place) ** 2) / S.sum())
    exact_metric = scale**2 if case.standardize else MPF(np.ones(p))
    origin = place if case.fit_intercept else 0 * place
    Z = (A - origin) / scale
    D = mp.mpf(1) / mp.mpf(1 / case.precision) * exact_metric / scale**2 if case.precision else MPF(np.zeros(p))
    V = (MPF(near.coef) * scale).T
    if case.fit_intercept:
        Z, D = np.column_stack([Z, MPF(np.ones(n))]), np.append(D, mp.mpf(0))
        V = np.vstack([V, MPF(near.intercept) + MPF(near.coef).dot(origin)])
    for _ in range(12):
        P = means(case, Z.dot(V))
        bends = S[:, None, None] * np.stack(
            [
                np.stack([P[:, a] if case.kind == "poisson" else P[:, a] * (int(a == b) - P[:, b]) for b in range(m)])
                for a in range(m)
            ]
        ).transpose(2, 0, 1)
        g = Z.T.dot(S[:, None] * (P - Y)) + D[:, None] * V
        if m > 1:
            g = g + np.where(D == 0, 1, 0)[:, None] * V.sum(axis=1, keepdims=True)
        step = mp.lu_solve(hessian(Z, bends, D), mp.matrix(g.T.ravel().tolist()))
        step = np.array(list(step), dtype=object).reshape(m, -1).T
        V = V - step
        last = max(abs(v) for v in step.ravel())
        if last < mp.mpf(10) ** -40:
            break
    else:
        raise RuntimeError(f"the last step was {mp.nstr(last, 3)}")
    coef = V[:p].T / scale
    base = V[p] - coef.dot(origin) if case.fit_intercept else MPF(np.zeros(m))
    base = base - base.sum() / m if m > 1 else base
    return {"coef": [[mp.nstr(v, 25) for v in row] for row in coef], "intercept": [mp.nstr(v, 25) for v in base]}


def main() -> None:
    """Write all cases."""
    target = Path(__file__).with_name("logistic_golden.json")
    found = {}
    for name, case in CASES.items():
        found[name] = solve(case)
        print(name, file=sys.stderr)
    lines = ",\n".join(f"{json.dumps(name)}: {json.dumps(one)}" for name, one in found.items())
    target.write_text("{\n" + lines + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
