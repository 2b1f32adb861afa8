"""Records of `wd.why` that hold other records, which each reads from JSON itself."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, Self

from weightdecay.records.why import Why


class NestedWhy(Why):
    """A measurement with records inside."""

    @classmethod
    @abstractmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """The record from its JSON types."""

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
