"""How much weight decay, where, and in what form.

Every public name is here, and each is loaded when it is first used: ``import weightdecay`` alone imports nothing heavy.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "ClassDiagnostics",
    "ColumnPlan",
    "Conversion",
    "DecayPath",
    "Diagnostics",
    "Explanation",
    "Finding",
    "HeldOut",
    "History",
    "Interrupted",
    "Intervals",
    "LinearRegression",
    "LogisticRegression",
    "ModelFileError",
    "NetworkClassifier",
    "NetworkRegressor",
    "NewRowsWarning",
    "Penalty",
    "PoissonRegression",
    "Progress",
    "Table",
    "TableError",
    "TableModel",
    "Training",
    "Tuning",
    "codes",
    "conventions",
    "conversion",
    "convert",
    "explain",
    "load",
    "normalised_parameters",
    "param_groups",
    "path",
    "plot",
    "read",
    "read_rows",
    "report",
    "save",
    "terminal",
    "time_folds",
    "tune",
    "with_decay",
    "with_max_norm",
    "without_decay",
]

# Public name -> the module that defines it.
_OBJECTS = {
    "ClassDiagnostics": "weightdecay.records.class_diagnostics",
    "ColumnPlan": "weightdecay.records.column_plan",
    "Conversion": "weightdecay.decay.units",
    "DecayPath": "weightdecay.records.decay_path",
    "Diagnostics": "weightdecay.records.diagnostics",
    "Explanation": "weightdecay.records.explanations",
    "Finding": "weightdecay.records.finding",
    "HeldOut": "weightdecay.records.held_out",
    "History": "weightdecay.records.history",
    "Interrupted": "weightdecay.tuning.interrupts",
    "Intervals": "weightdecay.records.intervals",
    "LinearRegression": "weightdecay.linear.estimators",
    "LogisticRegression": "weightdecay.linear.classification",
    "ModelFileError": "weightdecay.studies.sealed_files",
    "NetworkClassifier": "weightdecay.neural.network.estimators",
    "NetworkRegressor": "weightdecay.neural.network.estimators",
    "NewRowsWarning": "weightdecay.studies.table_model",
    "Penalty": "weightdecay.decay.penalty",
    "PoissonRegression": "weightdecay.linear.counts",
    "Progress": "weightdecay.tuning.progress",
    "Table": "weightdecay.records.table",
    "TableError": "weightdecay.tables.preflight",
    "TableModel": "weightdecay.studies.table_model",
    "Training": "weightdecay.records.training",
    "Tuning": "weightdecay.records.tuning",
    "codes": "weightdecay.records.codes",
    "conventions": "weightdecay.decay.units",
    "conversion": "weightdecay.decay.units",
    "convert": "weightdecay.decay.units",
    "explain": "weightdecay.records.codes",
    "load": "weightdecay.studies.model_files",
    "normalised_parameters": "weightdecay.neural.invariance",
    "param_groups": "weightdecay.neural.groups",
    "path": "weightdecay.studies.tuning",
    "read": "weightdecay.tables.read",
    "read_rows": "weightdecay.studies.new_rows",
    "report": "weightdecay.show.report",
    "save": "weightdecay.studies.model_files",
    "time_folds": "weightdecay.tuning.time_folds",
    "tune": "weightdecay.studies.tuning",
    "with_decay": "weightdecay.neural.with_decay",
    "with_max_norm": "weightdecay.neural.constraints",
    "without_decay": "weightdecay.neural.with_decay",
}

# Public name -> the module that it is.
_MODULES = {"plot": "weightdecay.show.plots", "terminal": "weightdecay.show.terminal"}

# Type checkers and editors read the imports, which a test holds against the two tables; hiding ``__getattr__`` from
# them keeps a misspelt name an error.
if TYPE_CHECKING:
    from weightdecay.decay.penalty import Penalty
    from weightdecay.decay.units import Conversion, conventions, conversion, convert
    from weightdecay.linear.classification import LogisticRegression
    from weightdecay.linear.counts import PoissonRegression
    from weightdecay.linear.estimators import LinearRegression
    from weightdecay.neural.constraints import with_max_norm
    from weightdecay.neural.groups import param_groups
    from weightdecay.neural.invariance import normalised_parameters
    from weightdecay.neural.network.estimators import NetworkClassifier, NetworkRegressor
    from weightdecay.neural.with_decay import with_decay, without_decay
    from weightdecay.records.class_diagnostics import ClassDiagnostics
    from weightdecay.records.codes import codes, explain
    from weightdecay.records.column_plan import ColumnPlan
    from weightdecay.records.decay_path import DecayPath
    from weightdecay.records.diagnostics import Diagnostics
    from weightdecay.records.explanations import Explanation
    from weightdecay.records.finding import Finding
    from weightdecay.records.held_out import HeldOut
    from weightdecay.records.history import History
    from weightdecay.records.intervals import Intervals
    from weightdecay.records.table import Table
    from weightdecay.records.training import Training
    from weightdecay.records.tuning import Tuning
    from weightdecay.show import plots as plot
    from weightdecay.show import terminal as terminal
    from weightdecay.show.report import report
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

    def __getattr__(name: str) -> object:
        """Load a public name on its first use (PEP 562) and keep it."""
        if name in _OBJECTS:
            value = getattr(import_module(_OBJECTS[name]), name)
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
