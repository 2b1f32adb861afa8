"""``weightdecay report``: a report from what ``tune --json`` printed, or from a saved model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weightdecay.cli.sentences import sentences, tell

if TYPE_CHECKING:
    from weightdecay import Tuning

MOST = 2**30  # bytes of a JSON file


def report(
    source: Annotated[
        Path, typer.Argument(metavar="TUNING.JSON|MODEL.WD", help="What tune --json printed, or a saved model.")
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.HTML", help="The file to write.")],
) -> None:
    """Write a report of a tuning that was stored: verdict, pictures and numbers in one HTML file."""
    with sentences():
        import weightdecay as wd
        from weightdecay.cli.findings import in_words_of_options
        from weightdecay.cli.work import file_to_write

        file = file_to_write("OUT.HTML", out, {"source": source}) or out
        wd.report(in_words_of_options(_tuning(source)), file)
        tell(f"report: {wd.terminal.sentence(str(file))}")


def _tuning(source: Path) -> Tuning:
    """The tuning in a file: of JSON, whatever the file is called, or of a saved model."""
    import weightdecay as wd

    head = _head(source)
    # Shells of Windows write what a command prints as UTF-16, which has a mark of its own.
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in head:
        tuning = wd.load(source).tuning_
        if tuning is None:
            raise ValueError(
                f"{str(source)!r} holds a model whose decay was given, not tuned: there is nothing to show"
            )
        return tuning
    try:
        return wd.Tuning.from_json(source.read_text(encoding=encoding))
    except ValueError as error:
        told = "it is no text" if isinstance(error, UnicodeError) else str(error).partition("; give what")[0]
        raise ValueError(f"{str(source)!r}: {told}; give what tune --json printed, or a model of tune --save") from None


def _head(source: Path) -> bytes:
    """The first bytes of a file, once it is known that all of it can be read."""
    asked = repr(str(source))
    try:
        if source.exists() and not source.is_file():
            raise OSError(f"{asked} is a folder or a device; name a file that tune --json or tune --save wrote")
        if source.stat().st_size > MOST:
            raise OSError(f"{asked} is larger than any tuning; name a file that tune --json or tune --save wrote")
        with open(source, "rb") as opened:
            return opened.read(8)
    except OSError as error:
        if error.errno is None:
            raise
        # The system's own sentence, which has a number, would be taken for one about the answer.
        raise OSError(f"cannot read {asked}: {error.strerror}; check the name and the folder") from None
