"""``weightdecay explain``: what a finding means."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from weightdecay.cli.options import AsJson
from weightdecay.cli.sentences import WRONG_CALL, say, sentences, tell

if TYPE_CHECKING:
    from rich.console import RenderableType

    from weightdecay import Explanation

_INTRODUCTION = """\
# Findings

What the tuning of a decay may have to tell about the data or the answer. Each finding has a code that never changes its
meaning, a severity (an error: the answer cannot be trusted; a warning: it may mislead; info: good to know), what was
found and what to do next. `weightdecay explain WD007` shows an entry of this page in a terminal, `wd.explain("WD007")`
in Python.
"""


def explain(
    code: Annotated[
        str | None, typer.Argument(metavar="CODE", help="The code of a finding, such as WD007; without it, all codes.")
    ] = None,
    *,
    as_json: AsJson = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print all explanations as one page.")] = False,
) -> None:
    """Say what the finding of a code means: why it happens, from which numbers on it is told, what to do."""
    if markdown and (as_json or code is not None):
        raise typer.BadParameter("it goes with neither CODE nor --json", param_hint="'--markdown'")
    with sentences():
        import weightdecay as wd

        if markdown:
            sys.stdout.write("\n".join([_INTRODUCTION, *(_entry(wd.explain(one)) for one in wd.codes())]))
            return
        if code is None:
            known = wd.codes()
            if as_json:
                sys.stdout.write(json.dumps({"codes": known}) + "\n")
            else:
                tell("\n".join(f"[bold]{one}[/] {wd.terminal.sentence(title)}" for one, title in known.items()))
            return
        try:
            found = wd.explain(code)
        except ValueError as error:
            say(str(error))
            raise typer.Exit(WRONG_CALL) from None
        if as_json:
            sys.stdout.write(json.dumps({**asdict(found), "anchor": found.anchor}, ensure_ascii=False) + "\n")
        else:
            tell(_told(found))


def _told(found: Explanation) -> RenderableType:
    """An explanation for eyes."""
    from rich.console import Group

    from weightdecay import terminal

    blocks = [f"\n[bold]{name}[/]\n{terminal.sentence(text)}" for name, text in _parts(found).items()]
    return Group(f"[bold]{found.code}: {found.title}[/]", *blocks)


def _entry(found: Explanation) -> str:
    """An explanation as Markdown, under a heading whose anchor is the code."""
    told = "\n\n".join(f"**{name}.** {text}" for name, text in _parts(found).items())
    return f'<a id="{found.code.lower()}"></a>\n\n## {found.code}: {found.title}\n\n{told}\n'


def _parts(found: Explanation) -> dict[str, str]:
    """The paragraphs of an explanation by name, without those that it lacks."""
    parts = {"Why": found.cause, "Shown": found.evidence, "What to do": found.remedy, "Source": found.source}
    return {name: text for name, text in parts.items() if text}
