"""Makes the README's pictures with the tool itself: ``python docs/pictures.py [FOLDER]``, the same bytes each time.

``verdict.svg`` is what ``weightdecay tune examples/diabetes.csv --target progression`` writes to a terminal, and
``flagship.svg`` what ``wd.plot.validation`` draws of it.
"""

from __future__ import annotations

import io
import os
import sys
from html import escape
from pathlib import Path

import weightdecay as wd

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "docs" / "extensions"))

from page_code import written  # noqa: E402

DATA, TARGET = "examples/diabetes.csv", "progression"
COMMAND = f"weightdecay tune {DATA} --target {TARGET}"
COLUMNS = 98

# Of one letter and one line, in pixels; letters of a terminal are 0.6 of their height wide in every usual font.
SIZE, LEADING, MARGIN, BAR = 14.0, 20.0, 18.0, 34.0
WIDE = 0.6 * SIZE
PAPER, INK, FAINT, BRIGHT, PROMPT = "#0d1117", "#c9d1d9", "#8b949e", "#ffffff", "#3fb950"
LIGHTS = "#ff5f56", "#ffbd2e", "#27c93f"
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', 'Liberation Mono', monospace"


def tuned() -> wd.Tuning:
    """The answer for the table."""
    return wd.tune(wd.LinearRegression(), wd.read(DATA, TARGET))


def screen() -> list[list[tuple[str, bool, bool]]]:
    """Lines that the command writes: pieces of text, whether each is bold and whether it is faint."""
    from rich.ansi import AnsiDecoder
    from rich.console import Console

    console, lines = Console(file=io.StringIO(), width=COLUMNS), []
    for text in AnsiDecoder().decode(written(COMMAND, COLUMNS, {"TERM": "xterm", "NO_COLOR": "", "COLORTERM": ""})):
        text.rstrip()
        pieces = [one for one in text.render(console) if one.text]
        lines.append(
            [(one.text, bool(one.style and one.style.bold), bool(one.style and one.style.dim)) for one in pieces]
        )
    while lines and not lines[-1]:
        lines.pop()
    # No two empty lines together.
    return [line for line, before in zip(lines, [[("", False, False)], *lines], strict=False) if line or before]


def verdict() -> str:
    """The picture of the terminal."""
    prompt = f'<tspan fill="{PROMPT}">$</tspan> <tspan fill="{BRIGHT}">{escape(COMMAND)}</tspan>'
    texts, lines = [prompt], screen()
    for line in lines:
        texts.append("".join(_piece(*one) for one in line))
    wide, high = COLUMNS * WIDE + 2 * MARGIN, BAR + len(texts) * LEADING + MARGIN
    words = escape("\n".join("".join(text for text, *_ in line).rstrip() for line in lines))
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {wide:g} {high:g}" width="{wide:g}" height="{high:g}" '
        'role="img" aria-labelledby="title words">',
        f'<title id="title">{escape(COMMAND)}</title>',
        f'<desc id="words">{words}</desc>',
        f'<rect width="{wide:g}" height="{high:g}" rx="9" fill="{PAPER}"/>',
        *(f'<circle cx="{22 + 20 * i}" cy="18" r="6" fill="{colour}"/>' for i, colour in enumerate(LIGHTS)),
        f'<g font-family="{FONTS}" font-size="{SIZE:g}" fill="{INK}">',
    ]
    for row, text in enumerate(texts):
        if text:
            parts.append(f'<text x="{MARGIN:g}" y="{BAR + (row + 0.75) * LEADING:g}">{text}</text>')
    return "\n".join([*parts, "</g>", "</svg>", ""])


def _piece(text: str, bold: bool, faint: bool) -> str:
    """A piece of a line; its spaces are some that no viewer draws together."""
    text = escape(text).replace(" ", "\u00a0")
    if bold:
        return f'<tspan font-weight="bold" fill="{BRIGHT}">{text}</tspan>'
    return f'<tspan fill="{FAINT}">{text}</tspan>' if faint else text


def flagship(tuning: wd.Tuning) -> str:
    """The held-out curve, with words as outlines, so that it looks the same everywhere."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    content = io.StringIO()
    about = {"Date": None, "Title": "Held-out loss against decay", "Description": tuning.verdict}
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams["svg.hashsalt"] = "weightdecay"
        figure = Figure(figsize=(8.4, 4.8), layout="constrained")
        wd.plot.validation(tuning, ax=figure.add_subplot())
        figure.savefig(content, format="svg", metadata=about, facecolor="white")
    return "\n".join(line.rstrip() for line in content.getvalue().splitlines()) + "\n"


def pictures() -> dict[str, str]:
    """Every picture by the name of its file."""
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        return {"verdict.svg": verdict(), "flagship.svg": flagship(tuned())}
    finally:
        os.chdir(before)


def main(folder: Path = ROOT / "docs" / "images") -> None:
    """Write the pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in pictures().items():
        (folder / name).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:2]))
