"""Files for eyes, written wholly or not at all."""

from __future__ import annotations

from pathlib import Path

from weightdecay.records.whole_files import check_writable, write_whole

__all__ = ["check_writable", "write_text"]


def write_text(path: str | Path, text: str) -> Path:
    """Write a text in UTF-8 so that its file is there wholly or as it was before.

    Raises
    ------
    OSError
        It cannot be written; what was there before is untouched.
    """
    return write_whole(path, text.encode("utf-8"))
