"""How much weight decay, where, and in what form.

Every public name is here, and each is loaded when it is first used: ``import weightdecay`` alone imports nothing heavy.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "ColumnPlan",
    "Conversion",
    "DecayPath",
    "Diagnostics",
    "Finding",
    "HeldOut",
    "History",
    "LinearRegression",
    "Penalty",
    "Progress",
    "Table",
    "Tuning",
    "conventions",
    "conversion",
    "convert",
    "path",
    "plot",
    "read",
    "report",
    "terminal",
    "tune",
]

# Public name -> the module that defines it.
_OBJECTS = {
    "Conversion": "weightdecay.decay.units",
    "ColumnPlan": "weightdecay.records.column_plan",
    "DecayPath": "weightdecay.records.decay_path",
    "Diagnostics": "weightdecay.records.diagnostics",
    "Finding": "weightdecay.records.finding",
    "HeldOut": "weightdecay.records.held_out",
    "History": "weightdecay.records.history",
    "LinearRegression": "weightdecay.linear.estimators",
    "Penalty": "weightdecay.decay.penalty",
    "Progress": "weightdecay.tuning.progress",
    "Table": "weightdecay.records.table",
    "Tuning": "weightdecay.records.tuning",
    "conventions": "weightdecay.decay.units",
    "conversion": "weightdecay.decay.units",
    "convert": "weightdecay.decay.units",
    "path": "weightdecay.studies.tuning",
    "read": "weightdecay.tables.read",
    "report": "weightdecay.show.report",
    "tune": "weightdecay.studies.tuning",
}

# Public name -> the module that it is.
_MODULES = {"plot": "weightdecay.show.plots", "terminal": "weightdecay.show.terminal"}

# Type checkers and editors read the imports, which a test holds against the two tables; hiding ``__getattr__`` from
# them keeps a misspelt name an error.
if TYPE_CHECKING:
    from weightdecay.decay.penalty import Penalty
    from weightdecay.decay.units import Conversion, conventions, conversion, convert
    from weightdecay.linear.estimators import LinearRegression
    from weightdecay.records.column_plan import ColumnPlan
    from weightdecay.records.decay_path import DecayPath
    from weightdecay.records.diagnostics import Diagnostics
    from weightdecay.records.finding import Finding
    from weightdecay.records.held_out import HeldOut
    from weightdecay.records.history import History
    from weightdecay.records.table import Table
    from weightdecay.records.tuning import Tuning
    from weightdecay.show import plots as plot
    from weightdecay.show import terminal as terminal
    from weightdecay.show.report import report
    from weightdecay.studies.tuning import path, tune
    from weightdecay.tables.read import read
    from weightdecay.tuning.progress import Progress
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
