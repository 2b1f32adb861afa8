"""``weightdecay convert``: a strength in another tool's units."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Any, final

import typer
from typer.core import TyperCommand

from weightdecay.cli.options import AsJson, refuse_repeated
from weightdecay.cli.sentences import WRONG_CALL, as_options, say, sentences, tell


def convert(
    value: Annotated[float | None, typer.Argument(metavar="VALUE", help="The strength in the units of --from.")] = None,
    *,
    source: Annotated[str | None, typer.Option("--from", metavar="NAME", help="Units of the value.")] = None,
    target: Annotated[str | None, typer.Option("--to", metavar="NAME", help="Units wanted.")] = None,
    l1_ratio: Annotated[float, typer.Option(min=0.0, max=1.0, metavar="SHARE", help="The source's share of L1.")] = 0.0,
    n_samples: Annotated[float | None, typer.Option(metavar="NUMBER", help="Number of rows.")] = None,
    weight_sum: Annotated[float | None, typer.Option(metavar="NUMBER", help="Sum of the sample weights.")] = None,
    y_std: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Standard deviation (1/n) of the target.")
    ] = None,
    x_std: Annotated[
        float | None, typer.Option(metavar="NUMBER", help="Standard deviation (1/n) of a raw column.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="NUMBER", help="Peak learning rate.")] = None,
    batch_size: Annotated[float | None, typer.Option(metavar="NUMBER", help="Rows in a batch.")] = None,
    fact: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Any other fact, such as loss=mse or optimizer=sgd.")
    ] = None,
    as_json: AsJson = False,
    show_list: Annotated[bool, typer.Option("--list", help="List the names, with what each means.")] = False,
) -> None:
    """Convert a strength of decay between this library (decay) and other tools (sklearn.Ridge.alpha, …)."""
    if not show_list and (value is None or source is None or target is None):
        raise typer.BadParameter("give a VALUE with --from and --to, or --list for the names")
    named = {"n_samples": n_samples, "weight_sum": weight_sum, "y_std": y_std, "x_std": x_std}
    named |= {"learning_rate": learning_rate, "batch_size": batch_size}
    others = _pairs(fact)
    if twice := [name for name in others if named.get(name) is not None]:
        raise typer.BadParameter(f"{twice[0]} is given twice", param_hint="'--fact'")
    with sentences():
        import weightdecay as wd

        if show_list:
            known = wd.conventions()
            if as_json:
                sys.stdout.write(wd.terminal.conventions_json(known) + "\n")
            else:
                tell(wd.terminal.conventions(known))
            return
        try:
            result = wd.conversion(value, source, target, l1_ratio=l1_ratio, **named | others)  # type: ignore[arg-type]
        except ValueError as error:
            say(as_options(str(error), named))
            raise typer.Exit(WRONG_CALL) from None
        if as_json:
            sys.stdout.write(wd.terminal.json_line(result) + "\n")
        else:
            tell(wd.terminal.conversion(result))


@final
class Negatives(TyperCommand):
    """A command whose argument may be a negative number, so that it can say what is wrong with it."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Take what begins like a negative number for an argument."""
        ctx.ignore_unknown_options = any(re.match(r"-\.?\d|-inf", word) for word in args)
        refuse_repeated(self, ctx, args)
        return super().parse_args(ctx, args)


def _pairs(given: list[str] | None) -> dict[str, str]:
    """Facts from words such as ``loss=mse``."""
    pairs = {}
    for word in given or []:
        name, sign, fact = word.partition("=")
        if not (name and sign and fact):
            raise typer.BadParameter(f"{word!r} is not NAME=VALUE", param_hint="'--fact'")
        pairs[name.strip()] = fact.strip()
    return pairs
