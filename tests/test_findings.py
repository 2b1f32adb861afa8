"""The table of findings: for every code data on which it must be told, a near miss on which it must not, and its text.

The finer laws of each are in tests/linear/test_data_findings.py and tests/tuning/test_curve_findings.py.
"""

from __future__ import annotations

import datetime
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import Lasso, Ridge

import weightdecay as wd
from weightdecay.linear import data_findings, dominance
from weightdecay.records import verdict
from weightdecay.records.audit_explanations import OF_AUDITS
from weightdecay.records.monitor_explanations import OF_THE_MONITOR
from weightdecay.studies import raw_tables
from weightdecay.tuning import (
    class_findings,
    curve_findings,
    group_findings,
    group_search,
    l1_findings,
    label_findings,
    training_findings,
)

Array = NDArray[np.float64]
Case = Callable[[bool], wd.Tuning]
N = 60
DECAYS = [0.0, 0.001, 0.01, 0.1, 1.0, 10.0]


def data(n: int = N, p: int = 4) -> tuple[Array, Array]:
    """Columns of which no row rules one, and a target with noise."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, (n, p)) + 0.3
    return X, X[:, 0] - X[:, 1] + 0.5 * rng.standard_normal(n)


def tuned(X: Any, y: Any, *, decays: Any = DECAYS, **settings: Any) -> wd.Tuning:
    """A linear regression tuned."""
    return wd.tune(wd.LinearRegression(**settings), X, y, decays=decays)


def with_column(column: Any) -> wd.Tuning:
    """The data with one more column."""
    X, y = data()
    return tuned(np.column_stack([X, column]), y)


def edge(fires: bool) -> wd.Tuning:
    """The best is about 0.02: beyond the decays given, or among them."""
    return tuned(*data(), decays=[0.5, 5.0] if fires else [0.001, 0.02, 0.5, 5.0])


def flat(fires: bool) -> wd.Tuning:
    """A column that explains 0.5 % or 3 % of the target, in many rows."""
    rng = np.random.default_rng(1)
    x, noise = rng.uniform(-1, 1, (2, 4000))
    share = 0.005 if fires else 0.03
    return tuned(x[:, None], np.sqrt(share) * x + np.sqrt(1 - share) * noise, decays=None)


def two_minima(fires: bool) -> wd.Tuning:
    """Large columns of noise want much decay, a small one that matters wants little: the more it does, the clearer."""
    rng = np.random.default_rng(2)
    n = 100
    noise, small = 30.0 * rng.standard_normal((n, 15)), rng.standard_normal(n)
    y = (0.4 if fires else 0.65) * small + rng.standard_normal(n)
    return tuned(np.column_stack([noise, 0.003 * small]), y, decays=None, standardize=False)


def scales(fires: bool) -> wd.Tuning:
    """Standard deviations that differ 101 or 99 times."""
    X, y = data()
    return tuned(X / X.std(axis=0) * [1, 1, 101 if fires else 99, 1], y, standardize=False)


def collinear(fires: bool) -> wd.Tuning:
    """A pair of columns of condition index 31 or 29."""
    X, y = data()
    Q = np.linalg.qr(X - X.mean(axis=0))[0]
    index = 31.0 if fires else 29.0
    r = (index**2 - 1) / (index**2 + 1)
    return tuned(np.column_stack([Q[:, 0], r * Q[:, 0] + np.sqrt(1 - r**2) * Q[:, 1], Q[:, 2]]), y)


def constant(fires: bool) -> wd.Tuning:
    """A column that never varies, or by a millionth."""
    return with_column(1000.0 + (0.0 if fires else 1e-3) * np.linspace(-1, 1, N))


def leak(fires: bool) -> wd.Tuning:
    """A column that explains 98.1 % or 97.9 % of the target."""
    X, y = data()
    centred = y - y.mean()
    noise = np.random.default_rng(2).uniform(-1, 1, N)
    noise -= noise.mean() + centred * (noise @ centred) / (centred @ centred)
    noise *= np.linalg.norm(centred) / np.linalg.norm(noise)
    share = 0.981 if fires else 0.979
    return tuned(np.column_stack([X, np.sqrt(share) * centred + np.sqrt(1 - share) * noise]), y)


def identifier(fires: bool) -> wd.Tuning:
    """Whole numbers, each once, or with a gap."""
    return with_column(np.arange(N) if fires else np.r_[np.arange(N - 1), N])


def dominant(fires: bool) -> wd.Tuning:
    """A row with 10.5 % or 9.5 % of a column's variance, in 400 rows."""
    n, share = 400, 0.105 if fires else 0.095
    column = np.tile([1.0, -1.0], n // 2)
    column[:2] = 0.0
    column[0] = np.sqrt(share / (1 - share) * (n - 2) / (1 - 1 / n))
    X, y = data(n)
    return tuned(np.column_stack([X, column]), y)


def few_rows(fires: bool) -> wd.Tuning:
    """29 or 30 rows."""
    return tuned(*data(29 if fires else 30))


def many_columns(fires: bool) -> wd.Tuning:
    """41 or 40 columns, 40 rows."""
    rng = np.random.default_rng(3)
    X = rng.uniform(-1, 1, (40, 41))
    return tuned(X[:, : 41 if fires else 40], X[:, 0] + rng.standard_normal(40))


def disagreement(fires: bool) -> wd.Tuning:
    """Noise that rows of a group share, which only held-out groups see, or of every row its own."""
    rng = np.random.default_rng(4)
    group = np.repeat(np.arange(40), 5)
    X = rng.standard_normal((40, 25))[group]
    shared, own = rng.standard_normal(40)[group], rng.standard_normal(200)
    y = 0.3 * X[:, 0] + (shared + 0.1 * own if fires else own)
    return wd.tune(wd.LinearRegression(), X, y, groups=group)


def unfinished(fires: bool) -> wd.Tuning:
    """One iteration, or as many as are needed."""
    return wd.tune(Lasso(max_iter=1 if fires else 10_000, tol=1e-12), *data(), decays=[0.001, 0.01, 0.1], cv=4)


def ill_conditioned(fires: bool) -> wd.Tuning:
    """A combination of columns that is zero but for a part in ten millions, or in ten thousand."""
    X, _ = data()
    noise = np.random.default_rng(1).standard_normal(N)
    return with_column(X[:, 0] - X[:, 2] + (1e-7 if fires else 1e-4) * noise)


def left_out(fires: bool) -> wd.Tuning:
    """A text with a value of its own in every row, or in every fourth."""
    X, y = data()
    names = [f"name {row if fires else row % 4}" for row in range(N)]
    return tuned(pl.DataFrame({"size": X[:, 0], "name": names}), y)


def classes(fires: bool) -> wd.Tuning:
    """Ten or eleven whole numbers."""
    X, _ = data()
    return tuned(X, np.random.default_rng(5).permutation(np.arange(N) % (10 if fires else 11)))


def missing(fires: bool) -> wd.Tuning:
    """13 or 12 gaps in 60 rows."""
    X, y = data()
    known = [None if row < (13 if fires else 12) else value for row, value in enumerate(X[:, 1].tolist())]
    return tuned(pl.DataFrame({"size": X[:, 0], "age": known}), y)


def dated(fires: bool) -> wd.Tuning:
    """Rows with dates held out in shuffled folds, or by time."""
    X, y = data()
    days = [datetime.date(2024, 1, 1) + datetime.timedelta(days=7 * row) for row in range(N)]
    frame = pl.DataFrame({"size": X[:, 0], "day": days})
    return wd.tune(wd.LinearRegression(), frame, y, cv=4 if fires else wd.time_folds(np.arange(N), 4))


def interrupted(fires: bool) -> wd.Tuning:
    """Work that is stopped after twenty fits, or heard to its end."""

    class Listener:
        fits = 0

        def start(self, total: int, text: str) -> None: ...

        def advance(self, text: str = "") -> None:
            self.fits += 1
            if fires and self.fits == 20:
                raise KeyboardInterrupt

        def finish(self) -> None: ...

    try:
        return wd.tune(Ridge(), *data(), decays=DECAYS, cv=4, progress=Listener())
    except wd.Interrupted as stopped:
        assert stopped.tuning is not None
        return stopped.tuning


def grouped(n: int, noise: float) -> wd.Tuning:
    """Four columns that matter and sixteen that do not, each group with a strength of its own."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((n, 20))
    y = X[:, :4].sum(axis=1) + noise * rng.standard_normal(n)
    return wd.tune(wd.LinearRegression(decay_groups={"signal": range(4), "noise": range(4, 20)}), X, y, cv=4)


def far_apart(fires: bool) -> wd.Tuning:
    """Little noise, so that what matters is hardly decayed, or much of it."""
    return grouped(100, 0.5 if fires else 3.0)


def unsure_groups(fires: bool) -> wd.Tuning:
    """39 or 40 rows for two groups."""
    return grouped(39 if fires else 40, 1.0)


def optimistic(fires: bool) -> wd.Tuning:
    """Nearly as many columns as rows, or a tenth as many."""
    rng = np.random.default_rng(8)
    X = rng.standard_normal((30, 25) if fires else (250, 25))
    return tuned(X, 0.4 * X.sum(axis=1) + rng.standard_normal(len(X)), decays=None)


def unstable(fires: bool) -> wd.Tuning:
    """Sixty columns of which six matter, at a decay that lets others in, or keeps all but those six out."""
    rng = np.random.default_rng(3)
    X = rng.standard_normal((80, 60))
    y = X[:, :6].sum(axis=1) + rng.standard_normal(80)
    return tuned(X, y, decays=[0.1 if fires else 0.4], l1_ratio=1.0)


def classified(labels: list[str]) -> wd.Tuning:
    """A logistic regression tuned on rows in the order of these labels."""
    return wd.tune(wd.LogisticRegression(), data(len(labels))[0], labels, decays=[0.1, 1.0], cv=3)


def rare_class(fires: bool) -> wd.Tuning:
    """A class of 9 or of 10 rows."""
    rows = 9 if fires else 10
    return classified(["rare"] * rows + ["frequent"] * (N - rows))


def alike_labels(fires: bool) -> wd.Tuning:
    """A class that another one is in capitals, or not."""
    return classified(["yes", "Yes" if fires else "no"] * (N // 2))


def separable(fires: bool) -> wd.Tuning:
    """Classes on two sides of a plane, or with a row on the wrong one."""
    X, _ = data()
    y = (X[:, 0] > 0.3).astype(int)
    if not fires:
        y[int(np.argmax(X[:, 0]))] = 0
    return wd.tune(wd.LogisticRegression(), X, y, decays=[0.001, 0.1])


def untrue(fires: bool) -> wd.Tuning:
    """Probabilities that the decay given pulls together, or hardly more than chance would."""
    rng = np.random.default_rng(6)
    X = rng.standard_normal((600, 4))
    y = np.where(X[:, 0] - X[:, 1] + 0.5 * rng.logistic(size=600) > 0, "yes", "no")
    return wd.tune(wd.LogisticRegression(), X, y, decays=[0.04 if fires else 0.025])


def network(module: Any) -> wd.Tuning:
    """Three networks on three folds."""
    X, y = data()
    model = wd.NetworkRegressor(module=module, epochs=1, batch_size=64, cv=3)
    return wd.tune(model, X, y, decays=[0.0, 0.01, 0.1])


def one_by_one(fires: bool) -> wd.Tuning:
    """A forward pass that looks at its numbers, or one that does not."""
    torch = pytest.importorskip("torch")

    class Looks(torch.nn.Linear):  # type: ignore[misc]
        """A linear layer."""

        def forward(self, x: Any) -> Any:
            """The same, whatever the sum of its weights."""
            looked = float(self.weight.detach().sum()) if fires else 0.0
            return super().forward(x) if looked < 1e9 else x

    return network(Looks)


def little_memory(fires: bool) -> wd.Tuning:
    """Memory for two networks at a time, or for all nine."""
    torch = pytest.importorskip("torch")
    from weightdecay.neural.network import memory

    kept, most = memory.groups.trained, 2 if fires else 9

    def little(work: Any, *given: Any) -> Any:
        if sum(len(members) for _, members in work) > most:
            raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 8 TB")
        return kept(work, *given)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory.groups, "trained", little)
        return network(torch.nn.Linear).settled()


def short(fires: bool) -> wd.Tuning:
    """A run that lasts 0.096 or 0.105 timescales of the only decay: 60 steps at a learning rate of 0.001."""
    pytest.importorskip("torch")
    X, y = data()
    decay = 1.6 if fires else 1.75
    return wd.tune(wd.NetworkRegressor(hidden=(8,), epochs=20, batch_size=24, cv=3), X, y, decays=[decay])


def trained_on(fires: bool) -> wd.Tuning:
    """Many weights, few rows and noise: 200 epochs, or the 4 of which the held-out loss is about least."""
    pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 10))
    y = X[:, 0] + rng.standard_normal(60)
    model = wd.NetworkRegressor(hidden=(64,), learning_rate=0.01, epochs=200 if fires else 4, batch_size=20, cv=5)
    return wd.tune(model, X, y, decays=[0.001, 0.01])


CASES: dict[str, Case] = {
    "WD001": edge,
    "WD002": flat,
    "WD003": two_minima,
    "WD004": scales,
    "WD005": collinear,
    "WD006": constant,
    "WD007": leak,
    "WD008": identifier,
    "WD009": dominant,
    "WD010": few_rows,
    "WD011": many_columns,
    "WD012": disagreement,
    "WD013": unfinished,
    "WD014": ill_conditioned,
    "WD015": left_out,
    "WD016": classes,
    "WD017": missing,
    "WD018": interrupted,
    "WD019": dated,
    "WD025": rare_class,
    "WD026": alike_labels,
    "WD020": unstable,
    "WD022": optimistic,
    "WD023": far_apart,
    "WD024": unsure_groups,
    "WD027": untrue,
    "WD028": separable,
    "WD029": one_by_one,
    "WD030": little_memory,
    "WD035": short,
    "WD036": trained_on,
}


# What audits and monitors find has its pairs in tests/neural/audit/test_codes.py and tests/records/test_monitor.py.
ELSEWHERE = {one.code for one in (*OF_AUDITS, *OF_THE_MONITOR)}


def test_every_code_has_its_pair_of_data() -> None:
    assert set(CASES) | ELSEWHERE == set(wd.codes())


@pytest.mark.parametrize("code", CASES)
def test_it_is_told_where_it_must_be_and_only_there(code: str) -> None:
    told = {one.code: one for one in CASES[code](True).findings}
    assert code in told and set(told) <= set(wd.codes())
    assert told[code].message and told[code].remedy
    assert code not in {one.code for one in CASES[code](False).findings}


@pytest.mark.parametrize("code", wd.codes())
def test_every_explanation_is_whole(code: str) -> None:
    known = wd.explain(code)
    assert (known.code, known.title) == (code, wd.codes()[code])
    assert re.fullmatch(r"WD\d{3}", code) and known.anchor == f"docs/findings.md#{code.lower()}"
    for text in (known.cause, known.evidence, known.remedy):
        assert text[0].isupper() and text.endswith(".") and len(text) > 40 and "  " not in text
    assert not known.title.endswith(".") and (not known.source or known.source.endswith("."))


# What a text says of a threshold, and the threshold.
NUMBERS = [
    ("WD001", "0.01 %", verdict.BETTER, 1e-4),
    ("WD003", "0.1 %", curve_findings.PROMINENCE, 0.001),
    ("WD003", "over 10 %", curve_findings.COMPETES, 0.1),
    ("WD004", "factor of 100", data_findings.SPREAD, 100),
    ("WD005", "within 1e-10", 1 - data_findings.TWIN, 1e-10),
    ("WD005", "1e-12", data_findings.ZERO, 1e-12),
    ("WD005", "of 30 on", data_findings.COLLINEAR, 30),
    ("WD006", "1e-28", dominance.CONSTANT, 1e-28),
    ("WD007", "98 %", data_findings.LEAK, 0.98),
    ("WD007", "10 rows", data_findings.FEW_FOR_LEAK, 10),
    ("WD010", "below 30", data_findings.FEW, 30),
    ("WD012", "5 %", curve_findings.DISAGREE, 0.05),
    ("WD012", "two paired standard errors", curve_findings.CERTAIN, 2),
    ("WD014", "1e-10", data_findings.DEPENDENT, 1e-10),
    ("WD016", "at most 10", data_findings.FEW_CLASSES, 10),
    ("WD016", "5 rows", data_findings.ROWS_PER_CLASS, 5),
    ("WD017", "20 %", raw_tables.MANY_MISSING, 0.2),
    ("WD025", "fewer than 10 rows", label_findings.FEW_ROWS, 10),
    ("WD025", "1 %", label_findings.RARE, 0.01),
    ("WD020", "less than half", l1_findings.HALF, 0.5),
    ("WD020", "at least four", l1_findings.FEWEST, 4),
    ("WD022", "2.5 times", curve_findings.OPTIMISTIC, 2.5),
    ("WD023", "factor of 100", group_findings.APART, 100),
    ("WD023", "0.01 %", group_search.NOTHING, 1e-4),
    ("WD024", "20 rows", group_findings.ROWS_PER_GROUP, 20),
    ("WD027", "above 2", class_findings.STEEP, 2),
    ("WD027", "over 5 percentage points", class_findings.APART, 0.05),
    ("WD027", "three standard errors", class_findings.CERTAIN, 3),
    ("WD035", "0.1 timescales", training_findings.SHORT, 0.1),
    ("WD035", "at least 10 %", training_findings.STEEP, 0.1),
    ("WD036", "first half", training_findings.EARLY, 0.5),
    ("WD036", "over 5 %", training_findings.RISE, 0.05),
    ("WD036", "two standard errors", training_findings.CERTAIN, 2),
]


@pytest.mark.parametrize(("code", "said", "is_", "meant"), NUMBERS)
def test_explanations_say_the_thresholds_that_hold(code: str, said: str, is_: float, meant: float) -> None:
    assert said in wd.explain(code).evidence
    assert is_ == pytest.approx(meant, rel=1e-6)


def test_the_page_of_the_documentation_is_what_the_command_prints() -> None:
    page = Path(__file__).parents[1] / "docs" / "findings.md"
    words = [sys.executable, "-m", "weightdecay", "explain", "--markdown"]
    done = subprocess.run(words, capture_output=True, timeout=120, check=True)
    assert page.read_bytes() == done.stdout, "write it anew: weightdecay explain --markdown > docs/findings.md"
    text = done.stdout.decode()
    for code, title in wd.codes().items():
        assert text.count(f'<a id="{code.lower()}"></a>\n\n## {code}: {title}\n') == 1
