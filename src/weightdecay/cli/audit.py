"""``weightdecay audit``: what decay the parameters of a model really receive from an optimiser."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from enum import StrEnum
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any, NoReturn

import typer

from weightdecay.cli.options import AsJson
from weightdecay.cli.sentences import BAD_DATA, WRONG_CALL, say, sentences, tell

WANTED = "(model, optimizer), (model, optimizer, loss) or a dict with these keys and, at will, policy and sample"


class AuditPolicy(StrEnum):
    """Who should be decayed."""

    auto = "auto"
    all = "all"


def audit(
    factory: Annotated[
        str, typer.Argument(metavar="MODULE:FACTORY", help=f"A function without arguments that returns {WANTED}.")
    ],
    *,
    policy: Annotated[
        AuditPolicy | None,
        typer.Option(help="Who should be decayed: matrices alone (auto), or whoever is (all). [default: auto]"),
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Measure what weight decay each parameter really receives; leaves with 1 if there is an error or a warning."""
    with sentences():
        import weightdecay as wd

        made = _made(factory)
        settings = {name: made[name] for name in ("loss", "sample", "policy") if made.get(name) is not None}
        if policy is not None:
            settings["policy"] = policy.value
        try:
            found = wd.audit(made["model"], made["optimizer"], **settings)
        except (TypeError, ValueError) as error:
            say(f"{factory}: {error}")
            raise typer.Exit(BAD_DATA) from None
        if as_json:
            sys.stdout.write(found.to_json() + "\n")
        else:
            tell(wd.terminal.audit(found))
        if not found.ok:
            raise typer.Exit(BAD_DATA)


def _made(factory: str) -> dict[str, Any]:
    """What the factory returns, by name."""
    place, sign, name = factory.partition(":")
    if not (place and sign and name):
        raise typer.BadParameter(f"{factory!r} is not MODULE:FACTORY", param_hint="'MODULE:FACTORY'")
    make = _function(_module(place), place, name)
    try:
        made = make()
    except Exception as error:
        _leave(f"{factory} raises {type(error).__name__}: {error}")
    if isinstance(made, Mapping):
        found = {str(key): value for key, value in made.items()}
    elif isinstance(made, tuple) and 2 <= len(made) <= 3:
        found = dict(zip(("model", "optimizer", "loss"), made, strict=False))
    else:
        _leave(f"{factory} returns {type(made).__name__}; it must return {WANTED}")
    known = ("model", "optimizer", "loss", "policy", "sample")
    wrong = [key for key in ("model", "optimizer") if key not in found] or [key for key in found if key not in known]
    if wrong:
        what = "lacks" if wrong[0] not in found else "has the unknown key"
        _leave(f"what {factory} returns {what} {wrong[0]!r}; it must be {WANTED}")
    return found


def _module(place: str) -> ModuleType:
    """A module, looked for in the working directory first."""
    if not all(word.isidentifier() for word in place.split(".")):
        _leave(f"{place!r} is no name of a module; give MODULE:FACTORY, such as recipes.small:make")
    here = os.getcwd()
    if here not in sys.path:
        sys.path.insert(0, here)
    try:
        return import_module(place)
    except ModuleNotFoundError as error:
        missing = error.name or ""
        if place == missing or place.startswith(f"{missing}."):
            _leave(f"there is no module {missing!r} in {here} or among the installed ones; run this where it is")
        _leave(f"{place} cannot be imported: there is no module {missing!r}")
    except Exception as error:
        _leave(f"{place} cannot be imported, it raises {type(error).__name__}: {error}")


def _function(module: ModuleType, place: str, name: str) -> Any:
    found: Any = module
    for part in name.split("."):
        if not hasattr(found, part):
            _leave(f"{place} has no {name!r}; name a function in it that takes no arguments")
        found = getattr(found, part)
    if not callable(found):
        _leave(f"{place}:{name} is {type(found).__name__}, not a function; name one that takes no arguments")
    return found


def _leave(sentence: str) -> NoReturn:
    """Say what is wrong and leave."""
    say(sentence)
    raise typer.Exit(WRONG_CALL)
