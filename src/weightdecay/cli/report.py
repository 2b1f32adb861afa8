"""``weightdecay report``: a report from what ``tune`` or ``compare --json`` printed, or from a saved model."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from weightdecay.cli.sentences import sentences, tell

if TYPE_CHECKING:
    from weightdecay import Comparison, Tuning

MOST = 2**30  # bytes of a JSON file


def report(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="TUNING.JSON|MODEL.WD", help="What tune --json or compare --json printed, or a saved model."
        ),
    ],
    out: Annotated[Path, typer.Argument(metavar="OUT.HTML", help="The file to write.")],
) -> None:
    """Write a report of what was stored: verdict, pictures and numbers in one HTML file."""
    with sentences():
        import weightdecay as wd
        from weightdecay.cli import findings
        from weightdecay.cli.work import file_to_write

        file = file_to_write("OUT.HTML", out, {"source": source}) or out
        text = _text(source)
        if text is not None and _of_forms(text):
            found = _comparison(source, text)
            wd.report(replace(found, findings=findings.in_words(found.findings, None)), file)
        else:
            wd.report(findings.in_words_of_options(_tuning(source, text)), file)
        tell(f"report: {wd.terminal.sentence(str(file))}")


def _text(source: Path) -> str | None:
    """The text in a file, whatever it is called; None for a saved model.

    Raises
    ------
    ValueError
        It is neither.
    """
    head = _head(source)
    # Shells of Windows write what a command prints as UTF-16, which has a mark of its own.
    encoding = "utf-16" if head.startswith((b"\xff\xfe", b"\xfe\xff")) else "utf-8-sig"
    if encoding != "utf-16" and b"\0" in head:
        return None
    try:
        return source.read_text(encoding=encoding)
    except UnicodeError:
        raise _refused(source, "it is no text") from None


def _of_forms(text: str) -> bool:
    """Whether a text is what compare --json printed."""
    try:
        return {"suits", "rows"} <= set(json.loads(text))
    except (ValueError, TypeError):
        return False


def _comparison(source: Path, text: str) -> Comparison:
    """The comparison of a text."""
    import weightdecay as wd

    try:
        return wd.Comparison.from_json(text)
    except ValueError as error:
        told = str(error).partition("; give what")[0]
        raise ValueError(f"{str(source)!r}: {told}; give what compare --json printed") from None


def _tuning(source: Path, text: str | None) -> Tuning:
    """The tuning of a text, or of a saved model."""
    import weightdecay as wd

    if text is None:
        tuning = wd.load(source).tuning_
        if tuning is None:
            raise ValueError(
                f"{str(source)!r} holds a model whose decay was given, not tuned: there is nothing to show"
            )
        return tuning
    try:
        return wd.Tuning.from_json(text)
    except ValueError as error:
        raise _refused(source, str(error).partition("; give what")[0]) from None


def _refused(source: Path, told: str) -> ValueError:
    """A file that holds nothing to report."""
    return ValueError(f"{str(source)!r}: {told}; give what tune --json printed, or a model of tune --save")


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
