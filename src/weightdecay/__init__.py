"""How much weight decay, where, and in what form.

Every public name is here, and each is loaded when it is first used: ``import weightdecay`` alone imports nothing heavy.
"""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "Audit",
    "AuditRow",
    "ClassDiagnostics",
    "ColumnPlan",
    "Comparison",
    "Conversion",
    "DecayPath",
    "Diagnostics",
    "Evidence",
    "Explanation",
    "Finding",
    "HeldOut",
    "History",
    "Hypergradient",
    "Interrupted",
    "Intervals",
    "LightningMonitor",
    "LinearRegression",
    "LogisticRegression",
    "ModelFileError",
    "Monitor",
    "Monitored",
    "NetworkClassifier",
    "NetworkRegressor",
    "NewRowsWarning",
    "Penalty",
    "PoissonRegression",
    "Progress",
    "Rule",
    "Run",
    "SkorchMonitor",
    "Suggestion",
    "Table",
    "TableError",
    "TableModel",
    "Timescale",
    "Training",
    "Transfer",
    "TransformersMonitor",
    "Tuning",
    "audit",
    "codes",
    "compare",
    "conventions",
    "conversion",
    "convert",
    "explain",
    "hypergradient",
    "load",
    "marginal_likelihood",
    "normalised_parameters",
    "param_groups",
    "path",
    "plot",
    "read",
    "read_rows",
    "report",
    "save",
    "suggest",
    "terminal",
    "time_folds",
    "timescale",
    "transfer",
    "tune",
    "why",
    "with_decay",
    "with_max_norm",
    "without_decay",
]

# Public name -> the module that defines it.
_OBJECTS = {
    "Audit": "weightdecay.records.audit",
    "AuditRow": "weightdecay.records.audit",
    "ClassDiagnostics": "weightdecay.records.class_diagnostics",
    "ColumnPlan": "weightdecay.records.column_plan",
    "Comparison": "weightdecay.records.comparison",
    "Conversion": "weightdecay.decay.units",
    "DecayPath": "weightdecay.records.decay_path",
    "Diagnostics": "weightdecay.records.diagnostics",
    "Evidence": "weightdecay.records.second_opinion",
    "Explanation": "weightdecay.records.explanations",
    "Finding": "weightdecay.records.finding",
    "HeldOut": "weightdecay.records.held_out",
    "History": "weightdecay.records.history",
    "Hypergradient": "weightdecay.records.second_opinion",
    "Interrupted": "weightdecay.tuning.interrupts",
    "Intervals": "weightdecay.records.intervals",
    "LightningMonitor": "weightdecay.neural.adapters.lightning",
    "LinearRegression": "weightdecay.linear.estimators",
    "LogisticRegression": "weightdecay.linear.classification",
    "ModelFileError": "weightdecay.studies.sealed_files",
    "Monitor": "weightdecay.neural.monitor.monitor",
    "Monitored": "weightdecay.records.monitor",
    "NetworkClassifier": "weightdecay.neural.network.estimators",
    "NetworkRegressor": "weightdecay.neural.network.estimators",
    "NewRowsWarning": "weightdecay.studies.table_model",
    "Penalty": "weightdecay.decay.penalty",
    "PoissonRegression": "weightdecay.linear.counts",
    "Progress": "weightdecay.tuning.progress",
    "Rule": "weightdecay.decay.rules",
    "Run": "weightdecay.decay.runs",
    "SkorchMonitor": "weightdecay.neural.adapters.skorch",
    "Suggestion": "weightdecay.decay.suggest",
    "Table": "weightdecay.records.table",
    "TableError": "weightdecay.tables.preflight",
    "TableModel": "weightdecay.studies.table_model",
    "Timescale": "weightdecay.decay.timescale",
    "Training": "weightdecay.records.training",
    "Transfer": "weightdecay.decay.transfer",
    "TransformersMonitor": "weightdecay.neural.adapters.transformers",
    "Tuning": "weightdecay.records.tuning",
    "audit": "weightdecay.neural.audit.auditing",
    "codes": "weightdecay.records.codes",
    "compare": "weightdecay.studies.compare",
    "conventions": "weightdecay.decay.units",
    "conversion": "weightdecay.decay.units",
    "convert": "weightdecay.decay.units",
    "explain": "weightdecay.records.codes",
    "hypergradient": "weightdecay.neural.opinions.hypergradient",
    "load": "weightdecay.studies.model_files",
    "marginal_likelihood": "weightdecay.neural.opinions.marginal",
    "normalised_parameters": "weightdecay.neural.invariance",
    "param_groups": "weightdecay.neural.groups",
    "path": "weightdecay.studies.tuning",
    "read": "weightdecay.tables.read",
    "read_rows": "weightdecay.studies.new_rows",
    "report": "weightdecay.show.report",
    "save": "weightdecay.studies.model_files",
    "suggest": "weightdecay.decay.suggest",
    "time_folds": "weightdecay.tuning.time_folds",
    "timescale": "weightdecay.decay.timescale",
    "transfer": "weightdecay.decay.transfer",
    "tune": "weightdecay.studies.tuning",
    "with_decay": "weightdecay.neural.with_decay",
    "with_max_norm": "weightdecay.neural.constraints",
    "without_decay": "weightdecay.neural.with_decay",
}

# Packages that only some names need, and what installs them; ``weightdecay.neural`` as a whole needs torch.
_OPTIONAL = {
    "torch": "weightdecay[torch]",
    "lightning": "lightning",
    "pytorch_lightning": "lightning",
    "skorch": "skorch",
    "transformers": "transformers accelerate",
}

# Public name -> the module that it is.
_MODULES = {
    "plot": "weightdecay.show.plots",
    "terminal": "weightdecay.show.terminal",
    "why": "weightdecay.studies.why",
}

# Type checkers and editors read the imports, which a test holds against the two tables; hiding ``__getattr__`` from
# them keeps a misspelt name an error.
if TYPE_CHECKING:
    from weightdecay.decay.penalty import Penalty
    from weightdecay.decay.rules import Rule
    from weightdecay.decay.runs import Run
    from weightdecay.decay.suggest import Suggestion, suggest
    from weightdecay.decay.timescale import Timescale, timescale
    from weightdecay.decay.transfer import Transfer, transfer
    from weightdecay.decay.units import Conversion, conventions, conversion, convert
    from weightdecay.linear.classification import LogisticRegression
    from weightdecay.linear.counts import PoissonRegression
    from weightdecay.linear.estimators import LinearRegression
    from weightdecay.neural.adapters.lightning import LightningMonitor
    from weightdecay.neural.adapters.skorch import SkorchMonitor
    from weightdecay.neural.adapters.transformers import TransformersMonitor
    from weightdecay.neural.audit.auditing import audit
    from weightdecay.neural.constraints import with_max_norm
    from weightdecay.neural.groups import param_groups
    from weightdecay.neural.invariance import normalised_parameters
    from weightdecay.neural.monitor.monitor import Monitor
    from weightdecay.neural.network.estimators import NetworkClassifier, NetworkRegressor
    from weightdecay.neural.opinions.hypergradient import hypergradient
    from weightdecay.neural.opinions.marginal import marginal_likelihood
    from weightdecay.neural.with_decay import with_decay, without_decay
    from weightdecay.records.audit import Audit, AuditRow
    from weightdecay.records.class_diagnostics import ClassDiagnostics
    from weightdecay.records.codes import codes, explain
    from weightdecay.records.column_plan import ColumnPlan
    from weightdecay.records.comparison import Comparison
    from weightdecay.records.decay_path import DecayPath
    from weightdecay.records.diagnostics import Diagnostics
    from weightdecay.records.explanations import Explanation
    from weightdecay.records.finding import Finding
    from weightdecay.records.held_out import HeldOut
    from weightdecay.records.history import History
    from weightdecay.records.intervals import Intervals
    from weightdecay.records.monitor import Monitored
    from weightdecay.records.second_opinion import Evidence, Hypergradient
    from weightdecay.records.table import Table
    from weightdecay.records.training import Training
    from weightdecay.records.tuning import Tuning
    from weightdecay.show import plots as plot
    from weightdecay.show import terminal as terminal
    from weightdecay.show.report import report
    from weightdecay.studies import why as why
    from weightdecay.studies.compare import compare
    from weightdecay.studies.model_files import load, save
    from weightdecay.studies.new_rows import read_rows
    from weightdecay.studies.sealed_files import ModelFileError
    from weightdecay.studies.table_model import NewRowsWarning, TableModel
    from weightdecay.studies.tuning import path, tune
    from weightdecay.tables.preflight import TableError
    from weightdecay.tables.read import read
    from weightdecay.tuning.interrupts import Interrupted
    from weightdecay.tuning.progress import Progress
    from weightdecay.tuning.time_folds import time_folds
else:
    # A star import, and dir(), bring what the installed packages allow.
    _NEEDS = {name: {"torch"} for name, place in _OBJECTS.items() if place.startswith("weightdecay.neural.")}
    for _name in ("Lightning", "Skorch", "Transformers"):
        _NEEDS[f"{_name}Monitor"].add(_name.lower())
    _THERE = {package for package in set().union(*_NEEDS.values()) if find_spec(package) is not None}
    __all__ = [name for name in __all__ if _NEEDS.get(name, set()) <= _THERE]

    def __getattr__(name: str) -> object:
        """Load a public name on its first use (PEP 562) and keep it."""
        if name in _OBJECTS:
            try:
                value = getattr(import_module(_OBJECTS[name]), name)
            except ModuleNotFoundError as error:
                package = (error.name or "").partition(".")[0]
                if package not in _OPTIONAL:
                    raise
                advice = f"weightdecay.{name} needs {package}: pip install {_OPTIONAL[package]}"
                raise ModuleNotFoundError(advice, name=error.name) from None
        elif name in _MODULES:
            value = import_module(_MODULES[name])
        else:
            # With name and obj the interpreter adds "Did you mean ...?", taken from __dir__.
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}", name=name, obj=sys.modules[__name__])
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """Return the public names, loaded or not."""
    return sorted([*__all__, "__version__"])
