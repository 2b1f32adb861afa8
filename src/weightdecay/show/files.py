"""Files for eyes, written wholly or not at all."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def check_writable(path: str | Path) -> Path:
    """The file's absolute path, once it is known that it can be written; nothing stays behind.

    Raises
    ------
    OSError
        It cannot be written; the sentence says why and what to do.
    """
    asked = repr(str(path))
    try:
        file = Path(os.path.realpath(path))
        if file.is_dir():
            raise IsADirectoryError(f"cannot write to {asked}: it is a folder; name a file in it, such as report.html")
        if file.exists() and not file.is_file():
            raise OSError(f"cannot write to {asked}: it is not a regular file; name another")
        if not file.parent.is_dir():
            raise FileNotFoundError(
                f"cannot write to {asked}: there is no folder {str(file.parent)!r}; create it or name another"
            )
        if file.exists() and not os.access(file, os.W_OK):
            raise PermissionError(f"cannot write to {asked}: the file may not be changed; name another")
        trial = _beside(file)
        os.close(os.open(trial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666))
        trial.unlink()
    except ValueError as error:
        raise OSError(f"cannot write to {asked}: {error}; name another file") from None
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(f"cannot write to {asked}: {error.strerror}; name a file in another folder") from None
    return file


def write_text(path: str | Path, text: str) -> Path:
    """Write a file so that it is there wholly or as it was before: into a new file beside it, then moved over it.

    Raises
    ------
    OSError
        It cannot be written; what was there before is untouched.
    """
    file = check_writable(path)
    draft = _beside(file)
    try:
        with open(
            os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666), "w", encoding="utf-8", newline="\n"
        ) as out:
            out.write(text)
            out.flush()
            os.fsync(out.fileno())
        os.replace(draft, file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    return file


def _beside(file: Path) -> Path:
    """A new name in the same folder: only within one file system is moving a file one step."""
    return file.with_name(f".{file.name[:40]}.{secrets.token_hex(6)}")
