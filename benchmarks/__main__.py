"""``python -m benchmarks [RIVAL …] [--rows TEXT] [--repeats N] [--save NAME]``: measure, print, and keep the ratios."""

from __future__ import annotations

import argparse
import importlib
import json
import platform
import sys
from importlib import metadata
from pathlib import Path

from benchmarks.measure import Result

RIVALS = (
    *("scikit_learn", "tables", "logistic", "elastic_net", "groups", "population", "forms"),
    *("transfer", "audit", "monitor", "compare", "himalaya", "glum"),
)
RESULTS = Path(__file__).parent / "results"


def machine() -> dict[str, object]:
    """What of the machine matters for the figures."""
    import os

    from threadpoolctl import threadpool_info

    versions = {}
    for name in ("weightdecay", "numpy", "scipy", "scikit-learn", "polars", "himalaya", "glum"):
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    blas = sorted({f"{one['internal_api']} {one['version']}" for one in threadpool_info() if one["user_api"] == "blas"})
    return {"python": platform.python_version(), "cores": os.cpu_count(), "blas": blas, **versions}


def save(name: str, found: list[Result]) -> None:
    """Write what is known so far: a run that is broken off keeps its rows."""
    RESULTS.mkdir(exist_ok=True)
    record = {"machine": machine(), "results": [vars(one) for one in found]}
    (RESULTS / f"{name}.json").write_text(json.dumps(record, indent=1) + "\n", encoding="utf-8")
    head = "| work | ours | rival | ratio | bar | stretch |\n|---|---|---|---|---|---|\n"
    facts = "; ".join(f"{key} {value}" for key, value in machine().items())
    text = f"{facts}\n\n{head}" + "".join(one.row() + "\n" for one in found)
    (RESULTS / f"{name}.md").write_text(text, encoding="utf-8")


def main() -> int:
    """Run the rivals asked for (those installed), row by row."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("rivals", nargs="*", default=list(RIVALS), help=f"of {', '.join(RIVALS)}")
    parser.add_argument("--rows", default="", help="only rows whose name holds this text")
    parser.add_argument("--repeats", type=int, default=5, help="alternating runs of each side; the median counts")
    parser.add_argument("--save", default="", help="write benchmarks/results/NAME.json and NAME.md")
    options = parser.parse_args()
    found: list[Result] = []
    for rival in options.rivals:
        try:
            rows = importlib.import_module(f"benchmarks.{rival}").ROWS
        except ModuleNotFoundError as error:
            print(f"{rival}: {error.name} is not installed (pip install weightdecay[bench]); left out", file=sys.stderr)
            continue
        for name, row in rows.items():
            if options.rows in name:
                found.append(row(name, options.repeats))
                print(found[-1].line(), flush=True)
                if options.save:
                    save(options.save, found)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
