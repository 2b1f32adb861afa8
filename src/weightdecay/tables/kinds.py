"""What a column of text is: numbers, codes, truth values, dates or text, decided over all its fields."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from weightdecay.records.reading import Reading
from weightdecay.tables import dates
from weightdecay.tables.faults import COMMA_NUMBER, MOSTLY, Fault, Flaws, fault
from weightdecay.tables.gaps import MARKERS, gaps_out, missing_fields
from weightdecay.tables.numbers import read_numbers
from weightdecay.tables.origin import Origin

if TYPE_CHECKING:
    import polars as pl

# Pairs of words for 1 and 0, in lower case.
TRUTHS = (("true", "false"), ("yes", "no"), ("y", "n"), ("t", "f"), ("on", "off"))
COMMA_FIELD = rf"^(?:{COMMA_NUMBER.pattern})$"
TRUE, FALSE = (tuple(words) for words in zip(*TRUTHS, strict=True))
CODES = "digits with leading zeros are codes, not numbers"
# So many rows tell quickly of most columns of numbers that they are no codes.
HEAD = 100
ZERO = r"^0\d"


@dataclass(frozen=True, eq=False)
class Typed:
    """Columns in the types that their fields are of.

    Parameters
    ----------
    frame : data frame
        Float64, Boolean, Date, Datetime or String columns; a missing value is null.
    truths : tuple of (str, (str, str))
        Columns of truth values, with the words for 1 and 0.
    commas : tuple of str
        Columns with numbers that are written with a decimal comma.
    codes : tuple of str
        Columns of digits that are texts.
    dates : tuple of (str, str)
        Columns of dates that are not written with the year first, and how they are.
    """

    frame: pl.DataFrame
    truths: tuple[tuple[str, tuple[str, str]], ...] = ()
    commas: tuple[str, ...] = ()
    codes: tuple[str, ...] = ()
    dates: tuple[tuple[str, str], ...] = ()

    def told(self, given: pl.DataFrame | None = None) -> dict[str, str]:
        """How columns were read, for the plan; ``given`` is the frame that they came in, if it had types."""
        import polars as pl

        told = {name: f"1 where {yes}, 0 where {no}" for name, (yes, no) in self.truths}
        told |= dict.fromkeys(self.codes, CODES)
        told |= told_of_dates(self.dates)
        if given is not None:
            kinds = given.schema
            texts = [
                name for name, kind in self.frame.schema.items() if kind == pl.Float64 and kinds[name] == pl.String
            ]
            told |= dict.fromkeys(texts, "numbers written as text, read as numbers")
        return told

    def reading(self, missing: tuple[str, ...] = ()) -> Reading:
        """What new rows need to be read alike."""
        return Reading(missing, self.dates, self.truths)


def told_of_dates(forms: Collection[tuple[str, str]]) -> dict[str, str]:
    """How dates were read, for the plan."""
    return {name: f"read with the {form}" for name, form in forms if form in ("day first", "month first")}


def typed(
    frame: pl.DataFrame,
    origin: Origin,
    *,
    prose: Collection[str] = (),
    markers: bool = False,
    flaws: Flaws | None = None,
) -> Typed:
    """Columns of text in the types that their fields are of; columns of other types are kept.

    Parameters
    ----------
    frame : data frame
    origin : Origin
        Where it comes from.
    prose : collection of str
        Columns to keep as text whatever they hold.
    markers : bool
        Whether an empty text and the words of `MISSING` are gaps in columns of text as well; in other columns they
        always are.
    flaws : Flaws, optional
        Takes what is wrong with columns, which stay as they are then; else it is raised.

    Raises
    ------
    TableError
        A column of numbers or dates holds something else in some rows.
    """
    import polars as pl

    found = Flaws(origin) if flaws is None else flaws
    names = [name for name, kind in frame.schema.items() if kind == pl.String and name not in prose]
    read = read_numbers(frame.select(names), origin, found)
    settled = {*read.whole, *only_empty(frame, read.values)}
    codes = _codes(frame.select(names))
    settled.difference_update(codes)
    open_names = [name for name in names if name not in settled and name not in codes]
    changed = [read.values.get_column(name) for name in names if name in settled]
    texts = [*codes]
    truths, forms = [], []
    for one in _fields(frame.select(open_names), read.values.select(open_names)):
        made, form = _decided(one)
        if isinstance(made, Fault):
            found.add(made)
            continue
        if made.dtype == pl.Boolean:
            truths.append((one.text.name, _pair(one.text)))
        elif made.dtype == pl.String:
            texts += [one.text.name] if one.gaps else []
            continue
        forms += [(one.text.name, form)] if form else []
        changed.append(made)
    if flaws is None:
        found.check()
    if markers:
        texts += [name for name in prose if frame.schema[name] == pl.String]
        changed += [gaps_out(frame.get_column(name)) for name in texts]
    return Typed(frame.with_columns(changed), tuple(truths), read.commas, tuple(codes), tuple(forms))


def only_empty(frame: pl.DataFrame, values: pl.DataFrame) -> list[str]:
    """Columns in which all that is no number is empty, and no number infinite."""
    import polars as pl

    if not values.width:
        return []
    empty = frame.select((pl.col(values.columns).is_null() | (pl.col(values.columns) == "")).sum()).row(0)
    finite = values.select(pl.all().is_finite().all()).row(0)
    numbers = zip(values.columns, values.null_count().row(0), empty, finite, strict=True)
    return [name for name, unread, gaps, sound in numbers if unread == gaps and sound]


def _codes(texts: pl.DataFrame) -> list[str]:
    """Columns of digits alone, some of which begin with a zero, such as postal codes."""
    import polars as pl

    lower = pl.all().str.to_lowercase()
    digits = (pl.all().str.contains(r"^\d+$") | lower.is_in(MARKERS) | lower.is_null()).all()
    # Most columns of numbers are told apart by their first rows, or by having no such field.
    for rows, test in ((HEAD, digits), (texts.height, pl.all().str.contains(ZERO).any()), (texts.height, digits)):
        if texts.width:
            passed = texts.head(rows).select(test).row(0)
            texts = texts.select(name for name, one in zip(texts.columns, passed, strict=True) if one)
    return texts.columns


@dataclass(frozen=True, eq=False)
class _Fields:
    """A column of text, its numbers (null where a field is none), and how many fields are what."""

    text: pl.Series
    value: pl.Series
    gaps: int
    numbers: int
    truths: int
    commas: int
    moments: int
    others: int

    @property
    def there(self) -> int:
        """Fields with a value."""
        return len(self.text) - self.gaps


def _fields(texts: pl.DataFrame, values: pl.DataFrame) -> list[_Fields]:
    """The fields of every column, counted in one query: a query for each takes minutes where there are 20 000."""
    import polars as pl

    if not texts.width:
        return []
    lower = texts.select(pl.all().str.to_lowercase())
    gaps = lower.select((pl.all().is_null() | pl.all().is_in(MARKERS)).sum()).row(0)
    truths = lower.select(pl.all().is_in(TRUE + FALSE).sum()).row(0)
    commas, moments, others = (
        texts.select(pl.all().str.contains(one).sum()).row(0) for one in (COMMA_FIELD, dates.MOMENT, dates.OTHER)
    )
    numbers = [texts.height - count for count in values.null_count().row(0)]
    counts = zip(gaps, numbers, truths, commas, moments, others, strict=True)
    return [_Fields(text, value, *count) for text, value, count in zip(texts, values, counts, strict=True)]


def _decided(one: _Fields) -> tuple[pl.Series | Fault, str]:
    """The column in its type, or what is wrong with it; and how its dates are written."""
    share = one.numbers / max(one.there, 1)
    if one.numbers == one.there:
        infinite = one.value.is_infinite().fill_null(False)
        return (fault(one.text, "infinite", infinite.to_numpy(), 1.0) if infinite.any() else one.value), ""
    if one.numbers + one.commas >= MOSTLY * one.there:
        if _with_letters(one):
            return one.text, ""
        bad = (one.value.is_null() & ~missing_fields(one.text)).to_numpy(writable=True)
        if one.numbers < MOSTLY * one.there:
            bad &= one.text.str.contains(COMMA_FIELD).fill_null(False).to_numpy()
        return fault(one.text, "text", bad, share), ""
    if one.truths == one.there and (truth := _truth_values(one.text)) is not None:
        return truth, ""
    if one.moments >= MOSTLY * one.there:
        return read_dates(one.text, ""), ""
    if one.others >= MOSTLY * one.there and (form := dates.form_of(one.text)) is not None:
        return read_dates(one.text, form), form
    return one.text, ""


def _with_letters(one: _Fields) -> bool:
    """Whether the numbers of a column are all digits, some with leading zeros, so that a word among them is a code."""
    numbers = one.text.filter(one.value.is_not_null())
    return bool(numbers.str.contains(ZERO).any()) and bool(numbers.str.contains(r"^\d+$").all())


def _truth_values(text: pl.Series) -> pl.Series | None:
    """The column as truth values, if all its words are of one pair."""
    import polars as pl

    lower = text.str.to_lowercase()
    words = set(lower.unique().to_list()) & {*TRUE, *FALSE}
    for pair in TRUTHS:
        # One word alone is a truth value only where it says so itself.
        if words == set(pair) or (pair == TRUTHS[0] and words <= set(pair)):
            frame = pl.DataFrame({"": lower})
            told = pl.when(pl.col("") == pair[0]).then(True).when(pl.col("") == pair[1]).then(False)
            return frame.select(told.alias(text.name)).to_series()
    return None


def _pair(text: pl.Series) -> tuple[str, str]:
    """The words for 1 and 0 of a column of truth values."""
    lower = text.str.to_lowercase()
    return next(pair for pair in TRUTHS if lower.is_in(pair).any())


def read_dates(text: pl.Series, form: dates.Form) -> pl.Series | Fault:
    """The column as dates, or its first field that is none."""
    missing = missing_fields(text)
    found = dates.parsed(text.set(missing, None), form)
    bad = found.is_null() & ~missing
    if bad.any():
        return fault(text, "date", bad.to_numpy(), 1 - float(bad.mean()))  # type: ignore[arg-type]
    return found
