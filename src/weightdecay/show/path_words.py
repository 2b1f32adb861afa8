"""What the lines of a path are: coefficients, or of a network the norms of its layers."""

from __future__ import annotations

from dataclasses import dataclass

from weightdecay.records.decay_path import DecayPath

NORMS = "norms of the layers"


@dataclass(frozen=True)
class PathWords:
    """Words for a path.

    Parameters
    ----------
    heading : str
        Of the part of a page.
    one : str
        A line of the picture, and the name of its axis.
    of : str
        What a line belongs to, in a table.
    norms : bool
        Whether they are norms, which have neither units nor intercepts.
    """

    heading: str
    one: str
    of: str
    norms: bool


COEFFICIENTS = PathWords("Coefficients", "coefficient", "column", norms=False)
LAYERS = PathWords("Norms of the layers", "norm of the layer", "layer", norms=True)


def path_words(path: DecayPath | None) -> PathWords:
    """The words for a path, those for coefficients where there is none."""
    return LAYERS if path is not None and path.units == NORMS else COEFFICIENTS
