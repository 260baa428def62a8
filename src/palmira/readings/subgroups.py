"""A printed subgroup figure line by line: hazard ratio, events and patients of each level."""

from __future__ import annotations

from dataclasses import dataclass

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.statistics.hazard_ratios import ThreeWays, three_ways


@dataclass(frozen=True)
class Subgroup:
    """A line of a printed subgroup figure: a level of a factor, or all patients (no factor).

    ``events`` and ``n`` are those of the experimental arm, then of the control arm; ``cells`` the
    printed entries of the line by column and part, as in ``"hazard_ratio.lower"``.
    """

    row: str
    factor: str | None
    label: str
    events: tuple[int, int]
    n: tuple[int, int]
    ways: ThreeWays
    cells: dict[str, Entry]

    @property
    def name(self) -> str:
        """Factor and level in one line."""
        return self.label if self.factor is None else f"{self.factor}: {self.label}"


def subgroups(record: Record, block: str = "figure3") -> list[Subgroup]:
    """The lines of a printed subgroup figure in its order, all patients first."""
    arms = record.two_arms()
    return [_subgroup(record, f"{block}.{row.id}.", arms) for row in record.block(block).rows]


def _subgroup(record: Record, row: str, arms: tuple[str, str]) -> Subgroup:
    cells = {i.removeprefix(row): e for i, e in record.entries.items() if i.startswith(row)}
    events, n = (
        (int(cells[f"{arms[0]}.events.{x}"].value), int(cells[f"{arms[1]}.events.{x}"].value))
        for x in ("events", "n")
    )
    ratio = record.interval(f"{row}hazard_ratio")
    about = ratio.estimate
    ways = three_ways(ratio.over(), *events)
    return Subgroup(about.row, about.factor, about.label, events, n, ways, cells)
