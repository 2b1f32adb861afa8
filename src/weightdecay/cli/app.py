"""The command ``weightdecay``: nothing but typer is loaded until a command runs."""

from __future__ import annotations

import io
import os
import sys
from typing import Annotated

import typer

from weightdecay.cli.audit import audit
from weightdecay.cli.compare import compare
from weightdecay.cli.convert import Negatives, convert
from weightdecay.cli.doctor import doctor
from weightdecay.cli.explain import explain
from weightdecay.cli.options import Once
from weightdecay.cli.path import path
from weightdecay.cli.predict import predict
from weightdecay.cli.report import report
from weightdecay.cli.sentences import sentences
from weightdecay.cli.timescale import timescale
from weightdecay.cli.tune import tune

# Plain help needs no rich, and tracebacks of what nobody foresaw stay plain.
app = typer.Typer(
    name="weightdecay",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(cls=Once, short_help="Say how much weight decay a table needs.")(tune)
app.command(cls=Once, short_help="Show the coefficients at every decay.")(path)
app.command(cls=Once, short_help="Say which form of regularisation suits a table.")(compare)
app.command(cls=Once, short_help="Predict new rows with a saved model.")(predict)
app.command(cls=Negatives, short_help="Convert a decay to other tools' units.")(convert)
app.command(cls=Once, short_help="Say how long weights remember under a decay.")(timescale)
app.command(cls=Once, short_help="Measure what decay an optimiser really applies.")(audit)
app.command(cls=Once, short_help="Write a report of a stored tuning or a saved model.")(report)
app.command(cls=Once, short_help="Say what the finding of a code means.")(explain)
app.command(cls=Once, short_help="Say what of this machine matters for the work.")(doctor)


def _version(wanted: bool) -> None:
    """Print the version and leave."""
    if wanted:
        from weightdecay import __version__

        typer.echo(f"weightdecay {__version__}")
        raise typer.Exit


@app.callback()
def weightdecay(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and leave.")
    ] = False,
) -> None:
    """How much weight decay, where, and in what form."""


def main() -> int:
    """Run the command line; the exit code: 0 fine, 1 data that cannot be used, 2 a wrong call, 130 interrupted."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by whoever started the command, who wants to see nothing.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))
        elif isinstance(stream, io.TextIOWrapper):
            # A terminal that lacks a letter shows its code instead of ending in an error.
            stream.reconfigure(errors="backslashreplace")
    try:
        # Help and version are written before any command is run, and what is buffered after it.
        with sentences():
            return _code()
    except typer.Exit as left:
        return left.exit_code


def _code() -> int:
    """The exit code of the command that was called."""
    try:
        app(prog_name="weightdecay")
    except SystemExit as left:
        return left.code if isinstance(left.code, int) else int(left.code is not None)
    return 0
