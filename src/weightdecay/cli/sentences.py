"""What a user can mend is one sentence on stderr and an exit code; anything else stays a traceback."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import RenderableType

BAD_DATA, WRONG_CALL, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141

# Arguments of Python whose options go by the same name.
SAME_NAMES = ("cv", "decays", "rule", "scoring", "tolerance", "text", "drop", "class_weight", "l1_ratio")
# Arguments that are true or false, and the names of their options.
SWITCHES = {"standardize": "standardize", "fit_intercept": "intercept"}

# A ValueError raised in these packages speaks of what they were given; one from deeper down is a defect of ours.
SPEAKS_TO_USERS = ("weightdecay", "sklearn")


@contextmanager
def sentences() -> Iterator[None]:
    """Run a command; say what went wrong, and leave with the code for it."""
    try:
        yield
        sys.stdout.flush()
    except KeyboardInterrupt as stopped:
        say(str(stopped) or "interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except BrokenPipeError:
        _close_output()
        raise typer.Exit(BROKEN_PIPE) from None
    except OSError as error:
        if error.errno is None:  # a sentence of ours
            say(str(error))
        else:
            _close_output()
            say(f"the answer cannot be written: {error.strerror}")
        raise typer.Exit(BAD_DATA) from None
    except ValueError as error:
        if not _speaks_to_users(error.__traceback__):
            raise
        say(as_options(str(error), SAME_NAMES))
        raise typer.Exit(BAD_DATA) from None


def _close_output() -> None:
    """Let what is left of the output go nowhere: the interpreter's own last flush must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)


def tell(renderable: RenderableType, *, stderr: bool = False) -> None:
    """What a command has to tell, for eyes; rich itself would leave with its own code where nobody reads."""
    from weightdecay import terminal

    console = terminal.console(stderr=stderr)
    with console.capture() as captured:
        console.print(renderable)
    (sys.stderr if stderr else sys.stdout).write(captured.get())


def say(text: str) -> None:
    """One sentence on stderr."""
    from weightdecay import terminal

    tell(f"weightdecay: {terminal.sentence(text)}", stderr=True)


def counted(number: int, noun: str, many: str = "") -> str:
    """A number of things in words: ``1 column``, ``1,200 columns``."""
    return f"{number:,} {noun if number == 1 else many or f'{noun}s'}"


def as_options(sentence: str, names: Collection[str]) -> str:
    """A sentence that names arguments of Python (``cv='loo'``, pass ``n_samples=…``), in words for the command line."""

    def option(found: re.Match[str]) -> str:
        verb, name, value = found["verb"] or "", found["name"], found["value"].strip("'").replace("…", "VALUE")
        given = "give " if verb else ""
        if name in SWITCHES and value in ("True", "False"):
            return f"--{'' if value == 'True' else 'no-'}{SWITCHES[name]}"
        if name in names and value == "None":
            return f"out --{name.replace('_', '-')}"
        if name in names:
            return f"{given}--{name.replace('_', '-')} {value}"
        return f"{given}--fact {name}={value}" if verb else found[0]

    return re.sub(r"\b(?P<verb>pass )?(?P<name>[a-z]\w*)=(?P<value>…|'[\w-]*'|\w+(\.\w+)?)", option, sentence)


def _speaks_to_users(trace: TracebackType | None) -> bool:
    """Whether the innermost call is in a package whose errors are made for users."""
    module = ""
    while trace is not None:
        module, trace = trace.tb_frame.f_globals.get("__name__", ""), trace.tb_next
    return module.partition(".")[0] in SPEAKS_TO_USERS
