"""Names of targets, where whoever gave them gave names too."""

from __future__ import annotations

from typing import Any


def target_names(y: Any) -> tuple[str, ...]:
    """Names of the columns of a frame, or of a series that has one; empty where there are none."""
    if hasattr(y, "columns"):
        return tuple(map(str, y.columns))
    name = getattr(y, "name", None)
    return () if name is None or name == "" else (str(name),)
