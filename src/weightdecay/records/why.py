"""What the records of `wd.why` share: an answer in sentences, and JSON there and back."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar, Self, final

from weightdecay.records.frozen import freeze
from weightdecay.records.jsonable import encode, number, numbers

# Annotation of a field -> what reads it from JSON.
READERS: Mapping[str, Callable[[Any], Any]] = {
    "Array": numbers,
    "float": number,
    "int": int,
    "bool": bool,
    "str": str,
    "tuple[str, ...]": lambda value: tuple(map(str, value)),
}


class Why(ABC):
    """A measurement of what decay does for the user's data: a frozen dataclass of arrays, numbers and text.

    Fields are of the types in `READERS`; ``name``, a class attribute, is that of the function that measures it.
    """

    name: ClassVar[str]

    def __post_init__(self) -> None:
        freeze(self)

    @abstractmethod
    def sentences(self) -> tuple[str, ...]:
        """The answer first, then what it rests on.

        Returns
        -------
        tuple of str
        """

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON types: dicts, lists, text, numbers; infinities and nan as text.

        Returns
        -------
        dict of str
        """
        plain = {one.name: encode(getattr(self, one.name)) for one in fields(self)}  # type: ignore[arg-type]
        return {"why": self.name, **plain, "sentences": list(self.sentences())}

    def to_json(self) -> str:
        """The record as one JSON object.

        Returns
        -------
        str
        """
        return json.dumps(self.to_dict(), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The record from its JSON text; the inverse of `to_json`.

        Parameters
        ----------
        text : str

        Returns
        -------
        a record of the class

        Raises
        ------
        ValueError
            When the text is not JSON, or not that of such a record.
        """
        try:
            data = json.loads(text)
            if data["why"] != cls.name:
                raise ValueError(f"it is of {data['why']!r}")
            return cls.from_dict(data)
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise ValueError(
                f"this is not the JSON of a {cls.__name__} ({type(error).__name__}: {error}); give what its to_json "
                "wrote"
            ) from None

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The record from its JSON types; the inverse of `to_dict`.

        Parameters
        ----------
        data : dict of str

        Returns
        -------
        a record of the class
        """
        return cls(**{one.name: READERS[str(one.type)](data[one.name]) for one in fields(cls)})  # type: ignore[arg-type]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.to_dict() == other.to_dict()

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return "\n".join(self.sentences())

    def __reduce__(self) -> tuple[Callable[[str], Why], tuple[str]]:
        return type(self).from_json, (self.to_json(),)


@final
@dataclass(frozen=True, eq=False)
class Refused(Why):
    """A measurement that makes no sense for these data, and why.

    Parameters
    ----------
    what : str
        The function of `wd.why`.
    reason : str
        A sentence.
    """

    name: ClassVar[str] = "refused"

    what: str
    reason: str

    def sentences(self) -> tuple[str, ...]:
        """The reason.

        Returns
        -------
        tuple of str
        """
        return (f"{self.what.replace('_', ' ')} was left out: {self.reason}",)
