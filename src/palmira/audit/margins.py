"""Printed numbers of patients as margins of a patient table: which patients each of them counts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.printed import Printed


class Property(NamedTuple):
    """What patients have in common, by ``kind``: a "level" of the factor ``name`` (``of``: its
    category), an "event" of the end point ``name`` (its analysis), a "term" of adverse events (its
    analysis) or a plain "row" at some grades, to be "in" the analysis set ``name`` or "out"."""

    kind: str
    name: str
    of: str = ""
    low: int = 0
    high: int = 0

    @property
    def node(self) -> Property:
        """The same at whatever grade."""
        return self._replace(low=0, high=0)


class Key(NamedTuple):
    """An analysis set, and what those of its patients have in common ``who`` are counted."""

    population: str
    who: frozenset[Property]


EVERYBODY: frozenset[Property] = frozenset()

COUNTS = frozenset({"count", "events", "n"})
SHARES = frozenset({"percent", "estimate"})
MEASURES = frozenset({"count", "events", "response rate"})
GRADE = re.compile(r"(?P<least>≥|>=)?(?P<low>[1-5])(?:[-–](?P<high>[1-5]))?")


@dataclass(frozen=True)
class Margin:
    """A printed number: the patients that it counts (several keys where these are the same), and
    the count, or None where a percent is printed alone."""

    entry: Entry
    keys: tuple[Key, ...]
    count: int | None

    @property
    def arm(self) -> str:
        return str(self.entry.arm)

    def share(self) -> tuple[int, int, int]:
        """Whole numbers u, l, h so that ``count`` of ``n`` prints as this percent, rounded or cut
        off, where l n <= u count < h n."""
        exact = Printed(self.entry.text).exact
        decimals = Printed(self.entry.text).decimals
        units = int((exact or 0) * 10**decimals)
        return 200 * 10**decimals, 2 * units - 1, 2 * units + 2


def grades(text: str) -> tuple[str, str] | None:
    """Lowest and highest grade of a printed span such as any, 3, 3-5 or ≥3."""
    if text.lower() in ("any", "all"):
        return "1", "5"
    match = GRADE.fullmatch(text.replace(" ", ""))
    if match is None:
        return None
    return match["low"], match["high"] or ("5" if match["least"] else match["low"])


class Margins:
    """The margins of a record, how its analysis sets nest, and how its rows do.

    A row without an analysis set has that of the row that it is ``within``, of the other rows of
    its factor in its block or of those that are the ``same_as`` these, or else of the block's row
    for all patients. Without any it is no margin, and ``homeless`` unless it is a plain row.
    """

    def __init__(self, record: Record) -> None:
        self.entries, self.rows = record.chosen, record.rows
        self.populations = record.sheet.populations
        self.sizes: dict[str, list[str]] = {}
        for population, arms in self.populations.items():
            for id in arms.values():
                self.sizes.setdefault(id, []).append(population)
        self.twins: dict[str, list[str]] = {}
        for e in self.entries:
            for twin in e.same_as:
                self.twins.setdefault(e.in_row, []).append(twin)
                self.twins.setdefault(twin, []).append(e.in_row)
        # The set of which a set's patients are part, from the entries that hold its size.
        self.parent: dict[str, str] = {}
        for id, populations in self.sizes.items():
            for population in populations:
                outer = record.entries[id].population
                if outer and outer != population:
                    self.parent.setdefault(population, outer)
        self._factor_sets: dict[tuple[str, str], str | None] = {}
        self.homeless: list[Entry] = []
        found = list(self._margins(record))
        self.printed: dict[tuple[Key, str], int] = {}
        for m in sorted(found, key=lambda m: m.entry.id not in self.sizes):
            for key in m.keys if m.count is not None else ():
                self.printed.setdefault((key, m.arm), int(m.entry.value))
        # A percent says something only where it is known of how many.
        sized = {(key.population, arm) for key, arm in self.printed if key.who == EVERYBODY}
        self.margins = [
            m for m in found if m.count is not None or (m.keys[0].population, m.arm) in sized
        ]

    def chain(self, population: str) -> list[str]:
        """The set itself, the set of which it is part, and so on outwards."""
        chain = [population]
        while (outer := self.parent.get(chain[-1])) and outer not in chain:
            chain.append(outer)
        return chain

    def trees(self) -> tuple[dict[Property, list[Property]], set[Property]]:
        """Rows (kind, name, analysis) within each other, and those whose parts leave nobody out."""
        node: dict[str, Property] = {}
        for m in self.margins:
            for p in (p for key in m.keys for p in key.who):
                if p.kind in ("term", "row"):
                    node.setdefault(m.entry.in_row, p.node)
        parts: dict[Property, list[Property]] = {}
        full: set[Property] = set()
        unknown: set[Property] = set()
        for row, entries in self.rows.items():
            e = entries[0]
            outer = node.get(f"{e.block}.{e.within}")
            if row in node and e.exhaustive:
                full.add(node[row])
            if outer and row not in node:
                unknown.add(outer)
            elif outer and node[row] != outer and node[row] not in parts.setdefault(outer, []):
                parts[outer].append(node[row])
        return parts, {n for n in full if n in parts} - unknown

    def _margins(self, record: Record) -> Iterator[Margin]:
        for e in self.entries:
            if e.arm is None or not e.estimable or e.rounding.bound:
                continue
            if e.part in SHARES and COUNTS & set(record.cell(e)):
                continue
            if keys := self._keys(e) or self._keys_of_twin(e):
                yield Margin(e, tuple(keys), int(e.value) if e.part in COUNTS else None)
            elif any(p.kind != "row" for p in _properties(e) or ()):
                self.homeless.append(e)

    def _keys(self, e: Entry) -> list[Key]:
        sizes = [Key(p, EVERYBODY) for p in self.sizes.get(e.id, ())]
        population, properties = self._set(e), _properties(e)
        if population is None or properties is None or (sizes and not e.factor):
            return sizes
        keys = [*sizes, Key(population, properties)]
        if len(e.between) == 2:
            before, after = (self._sizes_of(row, e.arm) for row in e.between)
            keys += [_lost(one, other) for one in before for other in after]
        return keys

    def _sizes_of(self, row: str, arm: str | None) -> list[str]:
        return [p for e in self.rows.get(row, ()) if e.arm == arm for p in self.sizes.get(e.id, ())]

    def _keys_of_twin(self, e: Entry) -> list[Key]:
        def kind(x: Entry) -> tuple[object, ...]:
            return x.arm, x.part in COUNTS, _is_event(x), x.grade or "any"

        found = (self._keys(t) for t in self._twins_of(e) if kind(t) == kind(e))
        return next((keys for keys in found if keys), [])

    def _twins_of(self, e: Entry) -> list[Entry]:
        """The entries of the rows that are the same as that of an entry."""
        return [t for row in self.twins.get(e.in_row, ()) for t in self.rows[row]]

    def _set(self, e: Entry) -> str | None:
        if e.population:
            return e.population
        if e.within:
            outer = self.rows.get(f"{e.block}.{e.within}", ())
            return next((o.population for o in outer if o.population), None)
        if e.factor is None:
            return None
        group = (e.block, e.factor)
        if group not in self._factor_sets:
            mates = [x for x in self.entries if (x.block, x.factor) == group and x.part in COUNTS]
            twins = [t for x in mates for t in self._twins_of(x) if t.factor == e.factor]
            plain = [x for x in self.entries if x.block == e.block and not x.factor]
            all_patients = [x for x in plain if x.part in ("events", "n")]
            for candidates in ([*mates, *twins], all_patients):
                if sets := {x.population for x in candidates if x.population}:
                    break
            self._factor_sets[group] = sets.pop() if len(sets) == 1 else None
        return self._factor_sets[group]


def _lost(population: str, inner: str) -> Key:
    """The patients of an analysis set who are not in another."""
    return Key(population, frozenset({Property("out", inner)}))


def _is_event(e: Entry) -> bool:
    return e.part == "events" or (e.part != "n" and e.measure in ("events", "response rate"))


def _properties(e: Entry) -> frozenset[Property] | None:
    """What the patients counted by a number have in common; None where it counts no patients, or
    where the record does not say whom."""
    share = e.part in SHARES
    if share and e.measure != "response rate" and not (e.part == "percent" and e.term):
        return None
    units = {None, "patients"} | ({"percent"} if share else set())
    units |= {"events"} if e.measure == "events" else set()
    measures = MEASURES | ({"percent"} if share else set())
    if e.part not in COUNTS | SHARES or e.unit not in units or e.measure not in measures or e.time:
        return None
    if (e.factor and not e.category) or (share and e.factor):
        return None
    level = {Property("level", e.factor, str(e.category))} if e.factor else set()
    if e.part == "n":
        return frozenset(level)
    if e.term or e.grade:
        span = grades(e.grade or "")
        if not e.term or span is None or level:
            return None
        low, high = map(int, span)
        return frozenset({Property("term", e.term, e.analysis or "", low, high)})
    if _is_event(e) and e.endpoint:
        return frozenset({*level, Property("event", e.endpoint, e.analysis or "")})
    if level:
        return None if _is_event(e) else frozenset(level)
    return None if e.endpoint else frozenset({Property("row", e.in_row, "", 1, 5)})
