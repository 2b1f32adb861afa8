"""What a user can mend is one sentence on stderr and an exit code; anything else stays a traceback."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType

import typer

BAD_DATA, INTERRUPTED, BROKEN_PIPE = 1, 130, 141

# A ValueError raised in these packages speaks of what they were given; one from deeper down is a defect of ours.
SPEAKS_TO_USERS = ("weightdecay", "sklearn")


@contextmanager
def sentences() -> Iterator[None]:
    """Run a command; say what went wrong, and leave with the code for it."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt:
        say("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        # Whoever read the output has gone; the interpreter's own last flush must not fail again.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        raise typer.Exit(BROKEN_PIPE) from None
    except OSError as error:
        # Without a number it is a sentence of ours; with one it is what the system says.
        say(str(error) if error.errno is None else f"the answer cannot be written: {error.strerror}")
        raise typer.Exit(BAD_DATA) from None
    except ValueError as error:
        if not _speaks_to_users(error.__traceback__):
            raise
        say(str(error))
        raise typer.Exit(BAD_DATA) from None


def say(text: str) -> None:
    """One sentence on stderr."""
    from weightdecay import terminal

    terminal.console(stderr=True).print(f"weightdecay: {terminal.sentence(text)}")


def _speaks_to_users(trace: TracebackType | None) -> bool:
    """Whether the innermost call is in a package whose errors are made for users."""
    module = ""
    while trace is not None:
        module, trace = trace.tb_frame.f_globals.get("__name__", ""), trace.tb_next
    return module.partition(".")[0] in SPEAKS_TO_USERS
