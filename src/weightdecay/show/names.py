"""What a result is about: its target and its file, and names of data that are short enough to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePath
from typing import Any

from weightdecay.records.finding import Finding
from weightdecay.records.jsonable import encode
from weightdecay.records.tuning import Tuning
from weightdecay.show.sanitize import shortened

NAME = 60  # letters of one name within a sentence
TARGETS = 3  # named in a title


def target_names(tuning: Tuning, word: str = "target") -> tuple[str, ...]:
    """A name for each of several targets: its own, or its number after the word."""
    if len(tuning.target_names) == len(tuning.targets):
        return tuning.target_names
    return tuple(f"{word} {number}" for number in range(1, len(tuning.targets) + 1))


def subject(tuning: Tuning) -> str:
    """What was predicted, from which file and with which model, for a title."""
    names = [shortened(name, NAME) for name in tuning.target_names[:TARGETS]]
    left = len(tuning.target_names) - len(names)
    listed = ", ".join(names) + (f" and {left} more" if left else "")
    file = shortened(PurePath(tuning.source).name, NAME)
    model = shortened(tuning.model_name, NAME)
    about = " ".join(([f"to predict {listed}"] if listed else []) + ([f"from {file}"] if file else []))
    return f"Weight decay {about} ({model})" if about else f"Weight decay for {model}"


def setting(params: Mapping[str, Any]) -> str:
    """The values of parameters that a search has tried, as the verdict writes them."""
    return ", ".join(f"{name}={encode(value)}" for name, value in params.items())


def short_names(finding: Finding, columns: tuple[str, ...]) -> Finding:
    """A finding whose sentences name long columns in short."""
    long = sorted((name for name in columns if len(name) > NAME), key=len, reverse=True)
    message, remedy = finding.message, finding.remedy
    for name in long:
        for written in (name, repr(name)[1:-1]):  # a finding quotes names
            message, remedy = (
                message.replace(written, shortened(name, NAME)),
                remedy.replace(written, shortened(name, NAME)),
            )
    return replace(finding, message=message, remedy=remedy)
