"""Files that are written wholly or not at all."""

from __future__ import annotations

import os
import secrets
import stat
from pathlib import Path


def check_writable(path: str | Path) -> Path:
    """Make sure that a file can be written, before the work that it is for; nothing stays behind.

    Parameters
    ----------
    path : str or Path
        The file, there already or not.

    Returns
    -------
    Path
        Its absolute path, links followed.

    Raises
    ------
    OSError
        It cannot be written; the sentence says why and what to do.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from weightdecay import terminal
    >>> terminal.check_writable(pathlib.Path(tempfile.mkdtemp()) / "report.html").name
    'report.html'
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
        raise _in_words(error, asked) from None
    return file


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
    file = check_writable(path)
    draft = _beside(file)
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
    except BaseException as error:
        draft.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _in_words(error, repr(str(path))) from None
        raise
    return file


def _in_words(error: OSError, asked: str) -> OSError:
    """An error of the system as a sentence with a next step; one that is a sentence already stays as it is."""
    if error.errno is None:
        return error
    return type(error)(f"cannot write to {asked}: {error.strerror}; name a file in another folder")


def _beside(file: Path) -> Path:
    """A new name in the same folder: only within one file system is moving a file one step."""
    return file.with_name(f".{file.name[:40]}.{secrets.token_hex(6)}")
