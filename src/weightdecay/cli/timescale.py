"""``weightdecay timescale``: how long weights remember under a decay, or the decay under which they do."""

from __future__ import annotations

import re
import sys
from typing import Annotated, Any

import typer

from weightdecay.cli.options import AsJson
from weightdecay.cli.sentences import WRONG_CALL, as_options, say, sentences, tell


def timescale(
    decay: Annotated[
        float | None, typer.Argument(metavar="DECAY", help="What torch calls weight_decay; or give a length below.")
    ] = None,
    *,
    half_life: Annotated[
        str | None, typer.Option(metavar="LENGTH", help="Find the decay: '3 epochs', '2000 steps', '20 %' of the run.")
    ] = None,
    tau: Annotated[str | None, typer.Option(metavar="LENGTH", help="Find the decay of a τ.")] = None,
    fraction: Annotated[
        float | None, typer.Option(metavar="SHARE", help="Find the decay whose τ is this share of the run.")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(metavar="NUMBER", help="Peak learning rate.")] = None,
    steps: Annotated[float | None, typer.Option(metavar="NUMBER", help="Steps of the whole run.")] = None,
    epochs: Annotated[float | None, typer.Option(metavar="NUMBER", help="Passes over the data.")] = None,
    samples: Annotated[float | None, typer.Option(metavar="NUMBER", help="Rows of the training set.")] = None,
    batch_size: Annotated[float | None, typer.Option(metavar="NUMBER", help="Rows in one step.")] = None,
    tokens: Annotated[float | None, typer.Option(metavar="NUMBER", help="Tokens of the training set.")] = None,
    tokens_per_batch: Annotated[float | None, typer.Option(metavar="NUMBER", help="Tokens in one step.")] = None,
    schedule: Annotated[
        str, typer.Option(metavar="NAME", help="constant, linear, cosine or warmup-cosine.")
    ] = "constant",
    warmup: Annotated[str | None, typer.Option(metavar="LENGTH", help="'500 steps' or '5 %'.")] = None,
    optimizer: Annotated[str, typer.Option(metavar="NAME", help="adamw, sgd, adam, muon, lion, …")] = "adamw",
    form: Annotated[
        str | None, typer.Option(metavar="NAME", help="Form of the decay; without it, what torch's optimiser does.")
    ] = None,
    momentum: Annotated[float | None, typer.Option(metavar="NUMBER", help="Momentum, or Adam's first beta.")] = None,
    as_json: AsJson = False,
) -> None:
    """Say how long weights remember under a decay: in steps, epochs, tokens and as a share of the run."""
    facts: dict[str, Any] = {"decay": decay, "half_life": half_life, "tau": tau, "fraction": fraction}
    facts |= {"learning_rate": learning_rate, "steps": steps, "epochs": epochs, "samples": samples}
    facts |= {"batch_size": batch_size, "tokens": tokens, "tokens_per_batch": tokens_per_batch}
    facts |= {"schedule": schedule, "warmup": warmup, "optimizer": optimizer, "form": form, "momentum": momentum}
    with sentences():
        import weightdecay as wd

        try:
            found = wd.timescale(**facts)
        except ValueError as error:
            say(as_options(re.sub(r"=(?=[ ,;:)])", "=…", str(error)), facts))
            raise typer.Exit(WRONG_CALL) from None
        if as_json:
            sys.stdout.write(wd.terminal.json_line(found) + "\n")
        else:
            tell(str(found))
