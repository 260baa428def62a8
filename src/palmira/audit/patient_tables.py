"""The tables of patients by cell of which the printed numbers of a record are margins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import compress, product
from typing import NamedTuple, TypeVar

from palmira.audit.margins import EVERYBODY, Key, Margin, Margins, Property
from palmira.record import Record

Cell = frozenset[Property]
Item = TypeVar("Item")


class Group(NamedTuple):
    """Keys that need a table in common: their kind, their set, and their factor or analysis."""

    kind: str
    population: str
    what: str = ""


# Each is part of the next: a patient who responds has clinical benefit, and disease control.
CHAIN = ("ORR", "CBR", "DCR")
NAMES = {
    "size": "Analysis sets",
    "event": "Events",
    "response": "Responses",
    "term": "Adverse events",
    "row": "Other counts",
}
ORDER = ("size", "event", "level", "response", "term", "row")
GRADES = range(6)


@dataclass
class Table:
    """Numbers of patients by cell, in each arm. ``sums``: the cells that a key counts, several
    lists where each must give the same; ``at_most``: cells that together do not exceed others."""

    size: int
    sums: dict[Key, list[list[int]]]
    at_most: list[tuple[list[int], list[int]]] = field(default_factory=list)


@dataclass
class Component:
    """Tables that are solved together, and the printed numbers that bear on them, its own first."""

    name: str
    tables: list[Table]
    arms: list[str]
    totals: list[str]
    margins: list[Margin]
    own: frozenset[Key]

    def stated(self, without: set[str]) -> list[Margin]:
        """Its numbers ``without`` some; of a number that it shares with others a single print."""
        chosen: dict[object, Margin] = {}
        for m in self.margins:
            if m.entry.id not in without:
                alike = m.entry.id if self.own & set(m.keys) else (m.keys, m.arm, m.count)
                chosen.setdefault(alike, m)
        return list(chosen.values())

    def key(self, margin: Margin) -> Key:
        """The first key of a margin that the tables count."""
        return next(k for k in margin.keys if any(k in t.sums for t in self.tables))


def components(margins: Margins, record: Record) -> list[Component]:
    """All tables of a record, those that share a number without a print by arm together."""
    builder = _Builder(margins, record)
    groups: dict[Group, list[Key]] = {}
    for key in {k: None for m in margins.margins for k in m.keys}:
        groups.setdefault(builder.group(key), []).append(key)
    tables = {g: builder.tables(g, keys) for g, keys in groups.items()}
    homes: dict[Key, list[Group]] = {}
    for g in sorted(groups, key=lambda g: ORDER.index(g.kind)):
        for key in {k: None for t in tables[g] for k in t.sums}:
            homes.setdefault(key, []).append(g)
    together = {g: [g] for g in sorted(groups, key=lambda g: ORDER.index(g.kind))}
    for key, (first, *others) in homes.items():
        if any((key, arm) not in margins.printed for arm in builder.arms):
            for g in others:
                if together[g] is not together[first]:
                    together[first] += together[g]
                    together |= dict.fromkeys(together[g], together[first])
    found: list[Component] = []
    for g, members in together.items():
        if members[0] == g:
            own = {k for member in members for k in groups[member]}
            found += builder.components(members, [t for m in members for t in tables[m]], own)
    return found


class _Builder:
    """Tables from the margins of a record."""

    def __init__(self, margins: Margins, record: Record) -> None:
        self.margins = margins
        self.arms = [a for a, role in record.roles.items() if role != "total"] or [*record.roles]
        self.totals = [a for a in record.roles if a not in self.arms]
        self.parts, self.full = margins.trees()
        self.groups_named: dict[str, list[Group]] = {}

    def group(self, key: Key) -> Group:
        kinds = {p.kind: p for p in key.who}
        root = self.margins.chain(key.population)[-1]
        if "level" in kinds:
            return Group("level", key.population, kinds["level"].name)
        if "event" in kinds and kinds["event"].name in CHAIN:
            return Group("response", root, kinds["event"].of)
        for kind in ("event", "term", "row"):
            if kind in kinds:
                return Group(kind, key.population)
        return Group("size", root)

    def tables(self, group: Group, keys: list[Key]) -> list[Table]:
        kind, population, what = group
        if kind == "size":
            inside = [
                p for p in self.margins.populations if self.margins.chain(p)[-1] == population
            ]
            return [self._sizes(p) for p in inside]
        if kind == "event":
            return [_table(population, [EVERYBODY, k.who], [k]) for k in keys]
        if kind == "level":
            return self._levels(population, what, keys)
        if kind == "response":
            return [self._responses(population, keys)]
        return [self._rows(population, keys)]

    def _sizes(self, population: str) -> Table:
        """A set within the sets around it: patients up to each of them."""
        *inner, root = self.margins.chain(population)
        out, within = ([Property(kind, p) for p in inner] for kind in ("out", "in"))
        cells = [frozenset([*out[:n], *within[n:]]) for n in range(len(inner) + 1)]
        outs = [Key(p, frozenset({q})) for p in (*inner, root) for q in out]
        return _table(root, cells, [Key(p, EVERYBODY) for p in inner] + outs)

    def _levels(self, population: str, factor: str, keys: list[Key]) -> list[Table]:
        """Levels of a factor with the events in them: one table for all blocks whose levels are
        all, one for each other level."""
        events = list({p: None for k in keys for p in sorted(k.who) if p.kind == "event"})
        shared = [Key(population, frozenset({e})) for e in events]
        partitions = self._partitions(population, factor)
        patterns: list[Cell] = []
        for values in product(*partitions) if partitions else ():
            if all(v == values[i] for v in values for i, p in enumerate(partitions) if v in p):
                patterns.append(frozenset(Property("level", factor, v) for v in values))
        inside = {Property("level", factor, v) for p in partitions for v in p}
        sets = [(patterns, inside)] if partitions else []
        for level in {p: None for k in keys for p in k.who if p.kind == "level"}:
            if level not in inside:
                sets.append(([EVERYBODY, frozenset({level})], {level}))
        happened = [frozenset(some) for some in _subsets(events)]
        wanted, tables = [*shared, *keys], []
        for cells, levels in sets:
            both = [cell | h for cell in cells for h in happened]
            tables.append(_table(population, both, wanted, levels | set(events)))
        return tables

    def _partitions(self, population: str, factor: str) -> list[tuple[str, ...]]:
        """Levels of the factor by block, where they fill the set (see ``c16_patient_table``)."""
        blocks: dict[str, dict[str, dict[str, int]]] = {}
        for m in self.margins.margins:
            for key in (k for k in m.keys if k.population == population and len(k.who) == 1):
                (p,) = key.who
                if (p.kind, p.name) == ("level", factor):
                    levels = blocks.setdefault(m.entry.block, {})
                    if m.count is not None:
                        levels.setdefault(p.of, {}).setdefault(m.arm, m.count)
        found: dict[frozenset[str], tuple[str, ...]] = {}
        printed = self.margins.printed
        for levels in blocks.values():
            gaps = {
                arm: sum(counts[arm] for counts in levels.values()) - n
                for arm in (*self.arms, *self.totals)
                if (n := printed.get((Key(population, EVERYBODY), arm))) is not None
                and all(arm in counts for counts in levels.values())
            }
            wrong = [arm for arm, gap in gaps.items() if gap]
            complete = all(a in gaps for a in self.arms) and any(a in gaps for a in self.totals)
            if gaps and (not wrong or (len(wrong) == 1 and complete)):
                found.setdefault(frozenset(levels), tuple(levels))
        return list(found.values())

    def _responses(self, root: str, keys: list[Key]) -> Table:
        """Patients by the sets that they are in and by how far they come in the chain."""
        universe, sets = root, {p: None for key in keys for p in self.margins.chain(key.population)}
        if len({k.population for k in keys}) == 1:
            universe, sets = keys[0].population, {}
        inner = [p for p in sets if p != universe]
        events = {p for k in keys for p in k.who}
        chain = sorted(events, key=lambda e: CHAIN.index(e.name), reverse=True)
        cells: list[Cell] = []
        for into in map(set, _subsets(inner)):
            if all(set(self.margins.chain(p)) <= into | {universe} for p in into):
                member = {Property("in", p) for p in into}
                cells += [frozenset({*member, *chain[:n]}) for n in range(len(chain) + 1)]
        return _table(universe, cells, [*(Key(p, EVERYBODY) for p in inner), *keys])

    def _rows(self, population: str, keys: list[Key]) -> Table:
        """Patients by row and grade (0: none), rows within each other by their inequalities."""
        nodes = list({p.node: None for k in keys for p in k.who})
        at = {(n, g): i * len(GRADES) + g for i, n in enumerate(nodes) for g in GRADES}
        everybody = [[at[n, g] for g in GRADES] for n in nodes]
        table = Table(len(at), {Key(population, EVERYBODY): everybody})
        for key in keys:
            (p,) = key.who
            table.sums[key] = [[at[p.node, g] for g in range(p.low, p.high + 1)]]
        known = {whole: parts for whole, parts in self.parts.items() if whole in nodes}
        for (whole, parts), g in product(known.items(), GRADES[1:]):
            higher = [at[whole, h] for h in GRADES[g:]]
            for part in (part for part in parts if part in nodes):
                table.at_most.append(([at[part, h] for h in GRADES[g:]], higher))
            if whole in self.full and all(part in nodes for part in parts):
                table.at_most.append(([at[whole, g]], [at[part, g] for part in parts]))
        return table

    def components(
        self, members: list[Group], tables: list[Table], own: set[Key]
    ) -> list[Component]:
        """One component, or one for each arm of adverse events without a total."""
        name, known = self._name(members), {*self.arms, *self.totals}
        counted = {k for t in tables for k in t.sums}
        margins = [m for m in self.margins.margins if counted & set(m.keys) and m.arm in known]
        # Its own numbers first, then of those that it shares the ones that define a set's size.
        margins.sort(key=lambda m: (not own & set(m.keys), m.entry.id not in self.margins.sizes))
        mine = {m.arm for m in margins if own & set(m.keys)}
        if members[0].kind != "term" or len(members) > 1 or mine & set(self.totals):
            return [Component(name, tables, self.arms, self.totals, margins, frozenset(own))]
        by_arm = {a: [m for m in margins if m.arm == a] for a in self.arms if a in mine}
        return [
            Component(f"{name}, {arm}", tables, [arm], [], of_arm, frozenset(own))
            for arm, of_arm in by_arm.items()
        ]

    def _name(self, members: list[Group]) -> str:
        kind, population, what = members[0]
        name = what if kind == "level" else NAMES[kind]
        alike = self.groups_named.setdefault(name, [])
        alike.append(members[0])
        name += f" ({population})" if len(alike) > 1 or kind in ("event", "row") else ""
        return name + (f" and {len(members) - 1} more" if len(members) > 1 else "")


def _subsets(items: list[Item]) -> Iterator[list[Item]]:
    """All choices among some items, those without the first ones first."""
    for flags in product((False, True), repeat=len(items)):
        yield list(compress(items, flags))


def _table(
    universe: str, cells: Iterable[Cell], keys: list[Key], known: set[Property] | None = None
) -> Table:
    """A table of all patients of a set by cell, and those keys of which it knows all properties."""
    cells = list(dict.fromkeys(cells))
    known = {p for cell in cells for p in cell} if known is None else known
    table = Table(len(cells), {Key(universe, EVERYBODY): [list(range(len(cells)))]})
    for key in keys:
        inside = {Property("in", key.population)} if key.population != universe else set()
        if (needed := key.who | inside) and needed <= known:
            table.sums[key] = [[i for i, cell in enumerate(cells) if needed <= cell]]
    return table
