"""Tables of what ``python -m benchmarks`` has measured, from ``benchmarks/results/``; nothing is left out of a file.

``python docs/extensions/benchmark_tables.py README.md`` writes the README's table anew, between its two marks.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"
BEGIN, END = "<!-- benchmarks: begin -->", "<!-- benchmarks: end -->"

# What files compare with; others go by their names.
TITLES = {
    "scikit_learn": "Squared loss, beside scikit-learn",
    "himalaya": "Squared loss, beside himalaya",
    "logistic": "Logistic regression, L1 and groups of columns, beside scikit-learn",
    "glum": "Logistic regression, beside glum",
    "tables": "From a file to a report",
    "population": "Networks: many trained at once, beside one after the other",
    "forms": "Forms of decay on an optimiser",
    "audit": "The audit of an optimiser",
    "toolkit": "Watching a run",
    "transfer": "A decay taken to another run, beside tuning there",
}

# The README's rows: file, the beginning of the row's name, and the words for it.
README = (
    ("scikit_learn", "n=200,000 p=100: 5 folds", "200,000 × 100: 5 folds × 100 decays, beside *one* `Ridge(1.0).fit`"),
    ("scikit_learn", "n=50,000 p=500: 5 folds", "50,000 × 500: the same"),
    ("scikit_learn", "n=5,000 p=1,000: 5 folds", "5,000 × 1,000: the same"),
    ("scikit_learn", "n=500 p=20,000", "500 × 20,000: exact leave-one-out × 100 decays, beside one `Ridge(1.0).fit`"),
    ("scikit_learn", "n=50,000 p=500: leave-one-out", "50,000 × 500: the same, beside `RidgeCV`"),
    ("scikit_learn", "n=442 p=10", "442 × 10: the same, beside `RidgeCV`"),
    (
        "himalaya",
        "n=2,000 p=300, 50 targets",
        "2,000 × 300, 50 targets: 5 folds × 100 decays, beside himalaya's `RidgeCV`",
    ),
    (
        "logistic",
        "n=50,000 p=200: 5 folds × 100 decays, Log",
        "50,000 × 200: the same of two classes, beside `LogisticRegressionCV`",
    ),
    ("logistic", "digits, 10 classes", "1,797 × 64, 10 classes: 5 folds × 50 decays, beside `LogisticRegressionCV`"),
    (
        "logistic",
        "CSR 20,000 × 50,000 at 0.1 %: 5 folds × 30 decays, newton-cg (equal at its",
        "20,000 × 50,000, sparse: 5 folds × 30 decays, beside newton-cg, equal at its best",
    ),
    ("logistic", "n=50,000 p=200: lasso", "50,000 × 200: lasso, 5 folds × 100 decays, beside `ElasticNetCV`"),
    ("logistic", "n=300 p=2,000: elastic net", "300 × 2,000: elastic net, 5 folds × 100 decays, beside `ElasticNetCV`"),
    ("population", "digits, MLP", "64 networks of 64-64-64-10 on digits, 20 epochs, beside fused AdamW in a loop"),
    ("population", "digits: 12 decays", "digits: 12 decays × 5 folds, beside `GridSearchCV(MLPClassifier)`"),
    (
        "tables",
        "1,000,000 × 30",
        "1,000,000 × 30 CSV with gaps and categories to its report, beside polars and one fit of a `Pipeline`",
    ),
    ("tables", "diabetes CSV", "diabetes.csv to its report, beside importing scikit-learn, matplotlib and polars"),
    ("forms", "10 M parameters, decoupled (native)", "a step of 10 M parameters, decoupled, beside bare fused AdamW"),
    ("forms", "the same, cautious", "the same, cautious"),
)


def files() -> dict[str, str]:
    """Title of every file of results, those that have one first."""
    there = {file.stem for file in RESULTS.glob("*.json")}
    known = {name: title for name, title in TITLES.items() if name in there}
    return known | {name: name for name in sorted(there - set(known))}


def stored(name: str) -> dict[str, Any]:
    """What a file of results holds."""
    found: dict[str, Any] = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return found


def amount(value: float, unit: str) -> str:
    """A measured value with its unit, to two digits."""
    if unit == "s" and value < 1:
        return f"{_short(1000 * value)} ms"
    return f"{_short(value)} {unit}".strip()


def ratio(row: dict[str, Any]) -> str:
    """Ours beside the other's, in words."""
    share = row["ours"] / row["rival"] if row["rival"] else 0.0
    if row["unit"] != "s":
        return f"{share:.2f} ×"
    if 0.95 <= share <= 1.05:
        return "equal"
    return f"{_short(1 / share)} × faster" if share < 1 else f"{_short(share)} × slower"


def _short(value: float) -> str:
    """Two digits, or all those before the point."""
    return f"{value:.0f}" if value >= 9.95 else f"{value:.2g}"


def machine(name: str) -> str:
    """What of the machine mattered."""
    facts = stored(name)["machine"]
    versions = ", ".join(f"{key} {value}" for key, value in facts.items() if key not in ("cores", "blas"))
    return f"{facts['cores']} cores; {versions}"


def whole(name: str) -> str:
    """Every row of a file, with what was aimed at."""
    lines = ["| work | weightdecay | the other | | aimed at |", "|---|---|---|---|---|"]
    for row in stored(name)["results"]:
        sign, share = ("≥", row["rival"] / row["ours"]) if row["faster"] else ("≤", row["ours"] / (row["rival"] or 1))
        met = share >= row["bar"] if row["faster"] else share <= row["bar"]
        aim = f"{sign} {row['bar']:.3g} × {'met' if met else '**missed**'}"
        cells = (row["name"], amount(row["ours"], row["unit"]), amount(row["rival"], row["unit"]), ratio(row), aim)
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def readme() -> str:
    """The README's table."""
    lines = ["| work | weightdecay | the other | |", "|---|---|---|---|"]
    for name, beginning, words in README:
        (row,) = (one for one in stored(name)["results"] if one["name"].startswith(beginning))
        lines.append(f"| {words} | {amount(row['ours'], 's')} | {amount(row['rival'], 's')} | {ratio(row)} |")
    return "\n".join(lines)


def renewed(text: str) -> str:
    """A text with the table between its marks as it is today."""
    marked = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    if len(marked.findall(text)) != 1:
        raise ValueError(f"expected {BEGIN} and {END} once each: put them around the place of the table")
    return marked.sub(lambda _: f"{BEGIN}\n{readme()}\n{END}", text)


if __name__ == "__main__":
    for given in map(Path, sys.argv[1:]):
        given.write_text(renewed(given.read_text(encoding="utf-8")), encoding="utf-8")
