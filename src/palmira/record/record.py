"""The published record of a trial: every printed number, once, with its place in the paper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import cached_property
from typing import NamedTuple

import pandas as pd

from palmira.record.entries import ATTRIBUTES, Entry
from palmira.record.printed import Printed
from palmira.record.schema import Block, RecordError, Sheet
from palmira.statistics.estimates import Estimate, log_se

ROLES = ("experimental", "control")
RATIOS = ("hazard ratio", "odds ratio", "risk ratio")
# How a reader knows a cell of these parts; the first that has its parts is taken.
LAYOUTS = (
    "{estimate} ({lower} to {upper})",
    "{median} ({minimum} to {maximum})",
    "{median} ({q1} to {q3})",
    "{low} to {high}",
    "{events} / {n} ({percent})",
    "{count} ({percent})",
)
HEAD = ("block", "row", "column", "label")


@dataclass(frozen=True)
class Interval:
    """A printed estimate with its limits, and the P value printed with them."""

    estimate: Entry
    lower: Entry
    upper: Entry
    p: Entry | None = None

    @property
    def cell(self) -> str:
        """Id of the printed cell."""
        return self.estimate.cell

    @property
    def level(self) -> float:
        """Level in percent, as printed; 95 where none is."""
        return self.estimate.level

    @property
    def prints(self) -> tuple[Printed, Printed, Printed]:
        """Estimate and limits with their rounding. Raises ``TypeError`` where one is no number."""
        return self.estimate.rounding, self.lower.rounding, self.upper.rounding

    @property
    def se(self) -> float:
        """Standard error of a log ratio whose Wald limits these are."""
        return log_se(self.lower.value, self.upper.value, self.level)

    @property
    def se_range(self) -> tuple[float, float]:
        """The same of the narrowest and the widest limits that print as these."""
        _, lower, upper = self.prints
        narrow = log_se(lower.high, upper.low, self.level) if upper.low > 0 else 0.0
        return narrow, log_se(max(lower.low, 1e-9), upper.high, self.level)

    def over(self, unit: float = 1) -> Estimate:
        """Its numbers, divided by ``unit`` (100 for percents)."""
        value, lower, upper = (e.value / unit for e in (self.estimate, self.lower, self.upper))
        return Estimate(value, lower, upper, self.level)

    def text(self, unit: str = "") -> str:
        """As printed, digit by digit: ``0.84 (0.66 to 1.07)``."""
        return f"{self.estimate}{unit} ({self.lower} to {self.upper})"


class Events(NamedTuple):
    """Events behind a ratio: of the experimental and the control arm, or in total; ``own`` where
    they are those of the same analysis (otherwise they are an upper bound)."""

    printed: list[Entry]
    own: bool

    @property
    def numbers(self) -> list[float]:
        return [e.value for e in self.printed]

    @property
    def even(self) -> tuple[float, float]:
        """By arm; a total is split evenly."""
        d = self.numbers
        return (d[0], d[1]) if len(d) == 2 else (d[0] / 2, d[0] / 2)

    @property
    def text(self) -> str:
        """In words: ``107 and 51 events``, ``70 events``, ``at most 158 events``."""
        return f"{'' if self.own else 'at most '}{' and '.join(map(str, self.printed))} events"


@dataclass(frozen=True)
class Record:
    """A trial's published record. ``record["block.row.column.part"]`` is one entry.

    ``sheet`` is the file as it stands, ``entries`` its numbers by id in the order of the file,
    versions that were not chosen included (their ids end in ``@1``, ``@2`` ...).
    """

    sheet: Sheet
    entries: dict[str, Entry]

    @property
    def trial(self) -> str:
        return self.sheet.trial

    def __getitem__(self, id: str) -> Entry:
        try:
            return self.entries[id]
        except KeyError:
            near = [e for e in self.entries if e.startswith(id.rsplit(".", 1)[0])][:6]
            raise KeyError(f"{self.trial} has no entry {id!r}; near it: {near}") from None

    def block(self, id: str) -> Block:
        """A block of the record by its id."""
        for block in self.sheet.blocks:
            if block.id == id:
                return block
        raise KeyError(f"{self.trial} has no block {id!r}")

    @cached_property
    def chosen(self) -> list[Entry]:
        """All entries but the versions that were not chosen."""
        return [e for e in self.entries.values() if not e.version]

    @cached_property
    def _index(self) -> dict[str, dict[object, list[Entry]]]:
        """The chosen entries by the values of an attribute, filled as they are asked for."""
        return {}

    def where(self, **attributes: object) -> list[Entry]:
        """The chosen entries with these attributes (``block="figure3", part="n"``)."""
        (first, wanted), *rest = attributes.items()
        if first not in self._index:
            index = self._index[first] = {}
            for e in self.chosen:
                index.setdefault(getattr(e, first), []).append(e)
        found = self._index[first].get(wanted, [])
        return [e for e in found if all(getattr(e, name) == value for name, value in rest)]

    def whole(self, entry: Entry) -> Entry | None:
        """What its block prints of all patients, in the row ``all``, in place of a subgroup."""
        return self.entries.get(f"{entry.block}.all.{entry.column}.{entry.part}")

    @cached_property
    def rows(self) -> dict[str, list[Entry]]:
        """The chosen entries by the row that prints them (``block.row``)."""
        rows: dict[str, list[Entry]] = {}
        for entry in self.chosen:
            rows.setdefault(entry.in_row, []).append(entry)
        return rows

    @cached_property
    def frame(self) -> pd.DataFrame:
        """One line an entry: id, text, value (NaN for text), part, place and attributes."""
        about = ("part", *HEAD, "place", "version", "same_as", "confidence", "source", *ATTRIBUTES)
        return pd.DataFrame(
            [
                {"id": e.id, "text": e.text, "value": e.number, **{a: getattr(e, a) for a in about}}
                for e in self.entries.values()
            ]
        )

    def cells(self, *patterns: str) -> pd.DataFrame:
        """Printed cells as a tidy frame, a row each, in the order of the record.

        ``patterns`` are matched with ids less their part (``results.pfs.median.*``). Columns:
        ``cell`` (that id), block, row, column, label, the attributes (arm, measure, factor ...),
        confidence and source; each part as a number (estimate, lower, upper, p, count, percent,
        value ..., NaN where there is none); ``text``, the cell as printed: ``0.84 (0.66 to 1.07)``,
        ``107 (78.7)``. Raises ``KeyError`` for a pattern that no cell has.
        """
        frame = self.frame.assign(cell=[e.cell for e in self.entries.values()])
        frame = frame[frame["version"] == 0]
        found = []
        for pattern in patterns:
            part = frame[[fnmatchcase(cell, pattern) for cell in frame["cell"]]]
            if part.empty:
                raise KeyError(f"{self.trial} has no cell {pattern!r}")
            found.append(part)
        entries = pd.concat(found).drop_duplicates("id")
        about = ["cell", *HEAD, *ATTRIBUTES, "confidence", "source"]
        wide = entries.pivot(index="cell", columns="part", values="value").rename_axis(columns=None)
        heads = entries.drop_duplicates("cell")[about].set_index("cell")
        texts = [_printed_cell({p: e.text for p, e in self._cells[c].items()}) for c in heads.index]
        return heads.join(wide).assign(text=texts).reset_index()

    @cached_property
    def _cells(self) -> dict[str, dict[str, Entry]]:
        cells: dict[str, dict[str, Entry]] = {}
        for entry in self.entries.values():
            cells.setdefault(entry.cell, {})[entry.part] = entry
        return cells

    def cell(self, entry: Entry) -> dict[str, Entry]:
        """The parts of the same printed cell by name, and the P value printed with its row."""
        return self._cells[entry.cell]

    @cached_property
    def roles(self) -> dict[str, str]:
        """The role of each arm by its key."""
        return {key: arm.role for key, arm in self.sheet.arms.items()}

    def arms(self, *roles: str) -> dict[str, str]:
        """Keys of the arms by role: of the ``roles`` named, or the experimental and the control."""
        return {role: key for key, role in self.roles.items() if role in (roles or ROLES)}

    def two_arms(self) -> tuple[str, str]:
        """Keys of experimental and control arm. Raises ``RecordError`` unless one of each."""
        roles = list(self.roles.values())
        if any(roles.count(role) != 1 for role in ROLES):
            raise RecordError(
                f"{self.trial}: this needs one experimental and one control arm. "
                "Mend: give one arm each role, as in `role: control`."
            )
        arms = self.arms()
        return arms["experimental"], arms["control"]

    def size(self, population: str, arm: str) -> Entry:
        """The entry that holds the number of patients of an arm in an analysis set."""
        return self[self.sheet.populations[population][arm]]

    def patients(self, entry: Entry) -> Entry | None:
        """The size of the arm and analysis set that an entry names; None where it lacks either."""
        return self.size(entry.population, entry.arm) if entry.population and entry.arm else None

    def interval(self, cell: str) -> Interval:
        """A printed estimate with its limits. Raises ``KeyError`` where there is no such cell."""
        parts = self.cell(self[f"{cell}.estimate"])
        return Interval(parts["estimate"], parts["lower"], parts["upper"], parts.get("p"))

    def ratios(self, *measures: str) -> list[Interval]:
        """The ratios (hazard, odds, risk, or ``measures``) whose limits are positive numbers."""
        found = []
        for e in self.where(part="estimate"):
            if e.measure in (measures or RATIOS):
                parts = self.cell(e)
                if all(limit in parts and parts[limit].number > 0 for limit in ("lower", "upper")):
                    found.append(self.interval(e.cell))
        return found

    def events_behind(self, ratio: Entry) -> Events:
        """Events behind a ratio: those of its row, else of the same analysis, else of the final."""
        rows = [
            e
            for e in self.where(measure="events")
            if e.part in ("events", "count") and e.arm
            if e.population == ratio.population or None in (e.population, ratio.population)
        ]
        if own := self._by_arm(ratio, [e for e in rows if e.in_row == ratio.in_row]):
            return Events(own, True)
        if ratio.analysis is None:
            return Events([], False)
        group = ("endpoint", "factor", "category")
        same = [e for e in rows if all(getattr(e, a) == getattr(ratio, a) for a in group)]
        if own := self._by_arm(ratio, [e for e in same if e.analysis == ratio.analysis]):
            return Events(own, True)
        final = [e for e in same if e.analysis == "final" and self.roles[str(e.arm)] == "total"]
        return Events(final[:1] if ratio.factor is None else [], False)

    def _by_arm(self, ratio: Entry, events: list[Entry]) -> list[Entry]:
        """Events of the two arms, where the ratio compares them and both are printed, or in all."""
        by_role: dict[str, list[Entry]] = {}
        for e in events:
            by_role.setdefault(self.roles[str(e.arm)], []).append(e)
        if ratio.arm is None and all(role in by_role for role in ROLES):
            return [by_role[role][-1] for role in ROLES]
        return by_role.get("total", [])[:1]


def _printed_cell(texts: Mapping[str, str]) -> str:
    """A cell as a reader knows it, from the texts of its parts."""
    for layout in LAYOUTS:
        try:
            return layout.format_map(texts)
        except KeyError:
            continue
    return ", ".join(texts.values())
