"""What every test may rely on: the same examples, the same figures and the same terminal on every machine."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import settings

# Before anything imports matplotlib: figures are drawn in memory.
os.environ["MPLBACKEND"] = "Agg"

# What a developer's shell or a continuous-integration service sets to force colours and widths on the command line.
for name in ("FORCE_COLOR", "NO_COLOR", "PY_COLORS", "CLICOLOR_FORCE", "GITHUB_ACTIONS", "COLUMNS", "LINES"):
    os.environ.pop(name, None)

# The same examples in every run; no deadline, because a shared machine's pauses are no defect.
settings.register_profile("suite", derandomize=True, deadline=None, max_examples=50)
settings.register_profile("long", settings.get_profile("suite"), max_examples=2000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "suite"))


@pytest.fixture(scope="session")
def repository() -> Path:
    """The top of the checkout."""
    return Path(__file__).resolve().parent.parent
