"""What all pages are filled in by, and the parts that are the same in each."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from weightdecay.show.embedded import in_letters

if TYPE_CHECKING:
    from jinja2 import Template


@cache
def template(name: str) -> Template:
    """A template, with every value escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("weightdecay.show", package_path=""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["in_letters"] = in_letters
    return environment.get_template(name)


@cache
def part(name: str) -> str:
    """A style sheet or a script, letter by letter: a browser compares it with its fingerprint."""
    return files("weightdecay.show").joinpath(name).read_text(encoding="utf-8")
