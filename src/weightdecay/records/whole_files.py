"""Files that are written wholly or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path


def write_whole(path: str | Path, content: bytes) -> Path:
    """Write a file so that it is there wholly or as it was before: into a new file beside it, then moved over it.

    Parameters
    ----------
    path : str or Path
        A link is followed; the permissions of a file that is there are kept.
    content : bytes

    Returns
    -------
    Path
        Its absolute path, links followed.

    Raises
    ------
    OSError
        It cannot be written; what was there before is untouched. The sentence says why and what to do.
    """
    asked = repr(str(path))
    try:
        file = Path(os.path.realpath(path))
        _check(file, asked)
        _replace(file, content)
    except ValueError as error:  # a NUL in the name
        raise OSError(f"cannot write to {asked}: {error}; name another file") from None
    except OSError as error:
        if error.errno is None:
            raise
        raise type(error)(f"cannot write to {asked}: {error.strerror}; name a file in another folder") from None
    return file


def _check(file: Path, asked: str) -> None:
    """Only a regular file that may be changed is replaced."""
    if file.is_dir():
        raise IsADirectoryError(f"cannot write to {asked}: it is a folder; name a file in it")
    if not file.parent.is_dir():
        raise FileNotFoundError(
            f"cannot write to {asked}: there is no folder {str(file.parent)!r}; create it or name another"
        )
    if file.exists() and not file.is_file():
        raise OSError(f"cannot write to {asked}: it is not a regular file; name another")
    if file.exists() and not os.access(file, os.W_OK):
        raise PermissionError(f"cannot write to {asked}: the file may not be changed; name another")


def _replace(file: Path, content: bytes) -> None:
    """Write beside the file, since only within one file system is moving one step, and move over it."""
    draft = file.with_name(f".{file.name[:40]}.{secrets.token_hex(6)}")
    # What only its owner could read stays so.
    mode = stat.S_IMODE(file.stat().st_mode) if file.exists() else None
    try:
        descriptor = os.open(draft, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666 if mode is None else mode)
        with open(descriptor, "wb") as out:
            out.write(content)
            out.flush()
            os.fsync(out.fileno())
        if mode is not None:
            os.chmod(draft, mode)
        os.replace(draft, file)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
