"""The part of the report on why decay works: a picture and sentences for every measurement of `wd.why`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from weightdecay.show.page_pictures import Picture, Room, picture
from weightdecay.show.sanitize import for_html
from weightdecay.show.why_sections import SECTIONS, Measured, Section, drawer, kind_of

TEXT_LIMIT = 1000


@dataclass(frozen=True)
class WhyPart:
    """One measurement for a page: its title, its sentences, and its picture if it has one."""

    title: str
    lines: tuple[str, ...]
    picture: Picture | None


def why_parts(records: Iterable[Measured], room: Room) -> tuple[WhyPart, ...]:
    """The measurements for a page, in the order of the report.

    Parameters
    ----------
    records : iterable of records of `wd.why`
        As `wd.why.explain` returns them.
    room : Room
        What the page can carry.

    Raises
    ------
    TypeError
        One is no such record.
    """
    every = sorted(records, key=lambda one: list(SECTIONS).index(kind_of(one)))
    return tuple(_part(one, SECTIONS[kind_of(one)], room) for one in every)


def _part(record: Measured, section: Section, room: Room) -> WhyPart:
    """The title, the sentences and the picture of a record."""
    lines = tuple(for_html(one, TEXT_LIMIT) for one in record.sentences())
    if section.draw is None:
        return WhyPart(section.title, lines, None)
    words = f"{section.title}. {lines[0] if lines else ''}"
    return WhyPart(section.title, lines, picture(room, drawer(record), section.height, words, section.caption))
