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

ATTRIBUTES = (
    "arm", "measure", "unit", "endpoint", "factor", "category", "term", "grade", "time",
    "population", "analysis", "sided",
)  # fmt: skip


# Parts that a column's declared decimals do not touch.
UNDECLARED = frozenset({"count", "events", "n", "level", "percent", "p"})


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


def _attribute(name: str, *levels: Attributes) -> Any:
    """The first level (row, column, block) that says something."""
    for level in levels:
        if (said := getattr(level, name)) is not None:
            return said
    return None


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
                yield from _cell(block, about, name, column, text, version)
        if reading.p is not None:
            plain = about.model_copy(update={"cell": "p", "measure": "P", "unit": None})
            yield from _cell(block, plain, "", Column(), reading.p, version)


def _cell(
    block: Block, row: Row, name: str, column: Column, text: str, version: int
) -> Iterator[Entry]:
    where = f"block {block.id}, row {row.id}" + (f", column {name}" if name else "")
    layout = _attribute("cell", row, column, block) or "value"
    if layout not in CELLS:
        raise RecordError(f"{where}: unknown cell {layout!r}. Mend: use one of {sorted(CELLS)}.")
    match = CELLS[layout].match(text)
    if match is None:
        raise RecordError(f"{where}: {text!r} does not read as {layout!r}. Mend: correct it.")
    parts = {part: string for part, string in match.groupdict().items() if string is not None}
    level = _attribute("interval_level", row, column, block)
    if "lower" in parts:
        if level is None:
            raise RecordError(f"{where}: an interval without its level. Mend: add interval_level.")
        parts["level"] = level
    declared = _attribute("decimals", row, column, block)
    numbers: dict[str, Printed] = {}
    for part, string in parts.items():
        try:
            if part == "date":
                parse_date(string)
            elif part not in NOT_NUMBERS:
                numbers[part] = Printed(string, None if part in UNDECLARED else declared)
        except ValueError as error:
            raise RecordError(f"{where}: {error}. Mend: correct it.") from None
    if not row.as_printed:
        _check(where, numbers, _attribute("measure", row, column, block))
    stem = ".".join(x for x in (block.id, row.id, name) if x) + (f"@{version}" if version else "")
    attributes = {a: _attribute(a, row, column, block) for a in ATTRIBUTES}
    for part, string in parts.items():
        yield Entry(
            id=stem if part in {"value", *NOT_NUMBERS} else f"{stem}.{part}",
            text=string, part=part, place=row.place or block.place, label=row.label,
            block=block.id, row=row.id, column=name, printed=numbers.get(part),
            interval_level=level if part in {"estimate", "lower", "upper"} else None,
            source=tuple(row.source or ()), confidence=row.confidence, version=version,
            same_as=tuple(row.same_as), perhaps_same_as=tuple(row.perhaps_same_as),
            quotes=row.quotes, within=row.within, exhaustive=row.exhaustive,
            between=tuple(row.between), test=row.test, reference=row.reference,
            repair=row.repairs.get(name), note=row.note,
            **attributes,
        )  # fmt: skip


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
    for order in (
        ("lower", "estimate", "upper"), ("minimum", "median", "maximum"), ("q1", "median", "q3"),
        ("low", "high"),
    ):  # fmt: skip
        present = [numbers[p] for p in order if p in numbers and numbers[p].exact is not None]
        if len(order) == len([p for p in order if p in numbers]):
            for one, other in pairwise(present):
                if one.low > other.high:
                    raise RecordError(
                        f"{where}: {' <= '.join(order)} does not hold ({one} > {other}). {mend}"
                    )
