"""The entries of a record: each cell of its blocks, taken apart into single printed numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from itertools import pairwise
from typing import Any

from palmira.record.printed import CELLS, NOT_NUMBERS, Printed, parse_date
from palmira.record.schema import (
    Attributes,
    Block,
    Column,
    RecordError,
    Repair,
    Row,
    Sheet,
    Version,
)

WHAT = ("arm", "measure", "unit", "endpoint", "factor", "category", "term", "grade")
ATTRIBUTES = (*WHAT, "time", "population", "analysis", "sided")
# What an entry has from its row: as it stands, and lists.
FROM_ROW = ("label", "confidence", "quotes", "within", "exhaustive", "test", "reference", "note")
LISTS = ("source", "same_as", "perhaps_same_as", "between")
# Parts that a column's declared decimals do not touch.
UNDECLARED = frozenset({"count", "events", "n", "level", "percent", "p"})
LIMITS = ("lower", "estimate", "upper")
# Parts of a cell that stand in this order.
ORDERS = (LIMITS, ("minimum", "median", "maximum"), ("q1", "median", "q3"), ("low", "high"))


@dataclass(frozen=True)
class Entry:
    """One printed number (or date, or stated fact) with all that the record says of it."""

    id: str
    text: str
    part: str
    place: str
    label: str
    block: str
    row: str
    column: str
    printed: Printed | None = field(repr=False)
    interval_level: str | None = None
    measure: str | None = None
    unit: str | None = None
    arm: str | None = None
    endpoint: str | None = None
    factor: str | None = None
    category: str | None = None
    term: str | None = None
    grade: str | None = None
    time: str | None = None
    population: str | None = None
    analysis: str | None = None
    sided: str | None = None
    source: tuple[str, ...] = ()
    confidence: str | None = None
    version: int = 0
    same_as: tuple[str, ...] = ()
    perhaps_same_as: tuple[str, ...] = ()
    quotes: str | None = None
    within: str | None = None
    exhaustive: bool = False
    between: tuple[str, ...] = ()
    test: str | None = None
    reference: str | None = None
    repair: Repair | None = None
    note: str | None = None

    @property
    def value(self) -> float:
        """The printed value; raises ``TypeError`` for a date or a text."""
        if self.printed is None:
            raise TypeError(f"{self.id} is not a number: {self.text!r}")
        return self.printed.value

    @property
    def rounding(self) -> Printed:
        """The printed number with its rounding; raises ``TypeError`` for a date or a text."""
        if self.printed is None:
            raise TypeError(f"{self.id} is no number")
        return self.printed

    @property
    def estimable(self) -> bool:
        """Whether it is a number, and not "NA"."""
        return self.printed is not None and self.printed.exact is not None

    @property
    def level(self) -> float:
        """Level of its interval in percent; 95 where none is printed."""
        return float(self.interval_level or 95)

    @property
    def in_row(self) -> str:
        """Id of its row: ``block.row``."""
        return f"{self.block}.{self.row}"

    @cached_property
    def cell(self) -> str:
        """Id of the printed cell: that of the entry without its part."""
        return self.id.removesuffix(f".{self.part}")

    @property
    def number(self) -> float:
        """The printed value; NaN for a date, a text and "NA"."""
        return self.printed.value if self.printed else float("nan")

    def __str__(self) -> str:
        return self.text


def expand(sheet: Sheet) -> dict[str, Entry]:
    """All entries of a sheet by id. Raises ``RecordError`` where a cell cannot be read."""
    entries: dict[str, Entry] = {}
    if twice := [i for i, n in Counter(b.id for b in sheet.blocks).items() if n > 1]:
        raise RecordError(f"block {twice[0]}: the id occurs twice. Mend: rename one.")
    for block in sheet.blocks:
        for row in block.rows:
            for entry in _row(block, row):
                if entry.id in entries:
                    raise RecordError(f"entry {entry.id}: the id occurs twice. Mend: rename a row.")
                entries[entry.id] = entry
    return entries


def _row(block: Block, row: Row) -> Iterator[Entry]:
    columns = block.columns or {"": Column()}
    readings: list[Row | Version] = [row, *row.versions]
    for version, reading in enumerate(readings):
        if len(reading.values) != len(columns):
            raise RecordError(
                f"block {block.id}, row {row.id}: {len(reading.values)} values for {len(columns)} "
                f"columns ({', '.join(columns)}). Mend: one value a column, null where none stands."
            )
        about = row.model_copy(
            update={
                "source": reading.source or row.source or block.source,
                "confidence": reading.confidence or row.confidence or block.confidence,
                "interval_level": reading.interval_level or row.interval_level,
            }
        )
        for (name, column), text in zip(columns.items(), reading.values, strict=True):
            if text is not None:
                yield from _Cell(block, about, name, column, version).entries(text)
        if reading.p is not None:
            plain = about.model_copy(update={"cell": "p", "measure": "P", "unit": None})
            yield from _Cell(block, plain, "", Column(), version).entries(reading.p)


@dataclass(frozen=True)
class _Cell:
    """A cell of a block: its row, its column with the column's name, the version of the row."""

    block: Block
    row: Row
    name: str
    column: Column
    version: int

    def said(self, attribute: str) -> Any:
        """What the first level (row, column, block) says that says something."""
        levels: tuple[Attributes, ...] = (self.row, self.column, self.block)
        return next((x for level in levels if (x := getattr(level, attribute)) is not None), None)

    @property
    def where(self) -> str:
        column = f", column {self.name}" if self.name else ""
        return f"block {self.block.id}, row {self.row.id}{column}"

    def parts(self, text: str) -> dict[str, str]:
        """The printed strings of the cell by part, the level of an interval among them."""
        layout = self.said("cell") or "value"
        if layout not in CELLS:
            known = sorted(CELLS)
            raise RecordError(f"{self.where}: unknown cell {layout!r}. Mend: use one of {known}.")
        match = CELLS[layout].match(text)
        if match is None:
            raise RecordError(
                f"{self.where}: {text!r} does not read as {layout!r}. Mend: correct it."
            )
        parts = {part: string for part, string in match.groupdict().items() if string is not None}
        if "lower" not in parts:
            return parts
        level = self.said("interval_level")
        if level is None:
            mend = "Mend: add interval_level."
            raise RecordError(f"{self.where}: an interval without its level. {mend}")
        return {**parts, "level": level}

    def numbers(self, parts: dict[str, str]) -> dict[str, Printed]:
        """Those of the parts that are numbers."""
        declared, numbers = self.said("decimals"), {}
        for part, string in parts.items():
            try:
                if part == "date":
                    parse_date(string)
                elif part not in NOT_NUMBERS:
                    numbers[part] = Printed(string, None if part in UNDECLARED else declared)
            except ValueError as error:
                raise RecordError(f"{self.where}: {error}. Mend: correct it.") from None
        if not self.row.as_printed:
            _check(self.where, numbers, self.said("measure"))
        return numbers

    def entries(self, text: str) -> Iterator[Entry]:
        """The entries of the cell, printed as ``text``."""
        block, row = self.block, self.row
        parts = self.parts(text)
        numbers = self.numbers(parts)
        stem = ".".join(x for x in (block.id, row.id, self.name) if x)
        stem += f"@{self.version}" if self.version else ""
        about = {a: self.said(a) for a in ATTRIBUTES}
        about |= {a: getattr(row, a) for a in FROM_ROW}
        about |= {a: tuple(getattr(row, a) or ()) for a in LISTS}
        for part, string in parts.items():
            yield Entry(
                id=stem if part in {"value", *NOT_NUMBERS} else f"{stem}.{part}",
                text=string,
                part=part,
                place=row.place or block.place,
                block=block.id,
                row=row.id,
                column=self.name,
                printed=numbers.get(part),
                interval_level=self.said("interval_level") if part in LIMITS else None,
                version=self.version,
                repair=row.repairs.get(self.name),
                **about,
            )


def _check(where: str, numbers: dict[str, Printed], measure: str | None) -> None:
    """Refuse what no paper can mean: a slip of the transcription until somebody says otherwise."""
    mend = "Mend: correct it, or, if the paper prints it so, say why in the row's as_printed."
    for part in ("percent", "level"):
        if part in numbers and not 0 <= numbers[part].value <= 100:
            raise RecordError(f"{where}: {part} {numbers[part]} lies outside 0 to 100. {mend}")
    if "p" in numbers and not 0 <= numbers["p"].value <= 1:
        raise RecordError(f"{where}: P = {numbers['p']} lies outside 0 to 1. {mend}")
    for part in ("count", "events", "n"):
        if part in numbers and (numbers[part].decimals or numbers[part].value < 0):
            raise RecordError(f"{where}: {part} {numbers[part]} is not a whole number. {mend}")
    if (measure or "").endswith("ratio") and any(x.value < 0 for x in numbers.values()):
        raise RecordError(f"{where}: a {measure} below zero. {mend}")
    if "events" in numbers and numbers["events"].value > numbers["n"].value:
        raise RecordError(f"{where}: more events than patients. {mend}")
    for order in ORDERS:
        found = [numbers[part] for part in order if part in numbers]
        estimable = [x for x in found if x.exact is not None]
        for one, other in pairwise(estimable if len(found) == len(order) else ()):
            if one.low > other.high:
                names = " <= ".join(order)
                raise RecordError(f"{where}: {names} does not hold ({one} > {other}). {mend}")
