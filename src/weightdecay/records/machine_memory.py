"""Memory of this machine, and numbers of bytes in words."""

from __future__ import annotations

import os
from pathlib import Path


def memory() -> int:
    """The bytes of memory that this computer has, or that it grants to this process."""
    try:
        most = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        most = 16_000_000_000
    try:
        granted = Path("/sys/fs/cgroup/memory.max").read_text().strip()
    except OSError:
        granted = ""
    return min(most, int(granted)) if granted.isdecimal() else most


def in_words(size: float) -> str:
    """A number of bytes, as people say it."""
    for unit in ("bytes", "kB", "MB", "GB"):
        if size < 1000 or unit == "GB":
            break
        size /= 1000
    return f"{size:.3g} {unit}" if size < 1000 else f"{size:.0f} {unit}"
