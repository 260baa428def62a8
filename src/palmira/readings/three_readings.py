"""A record's hazard ratios, each with its events and its three readings."""

from __future__ import annotations

from dataclasses import dataclass

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.record import Events, Interval
from palmira.statistics.estimates import Estimate
from palmira.statistics.hazard_ratios import ThreeWays, three_ways

NAMES = ("printed", "neutral", "conditional")


@dataclass(frozen=True)
class Reading:
    """A printed ``ratio`` with its limits and P value, the ``ways`` to read it, and the events
    ``behind`` it."""

    ratio: Interval
    ways: ThreeWays
    behind: Events

    @property
    def p(self) -> Entry | None:
        """The P value printed with it."""
        return self.ratio.p

    @property
    def printed_text(self) -> str:
        """The ratio with its interval, digit by digit."""
        return self.ratio.text()

    @property
    def widest_se(self) -> float:
        """The standard error at the widest rounding of its limits."""
        return self.ratio.se_range[1]

    @property
    def largest_ratio(self) -> float:
        """Printed over least standard error at the most favorable rounding."""
        return self.widest_se / self.ways.smallest_se

    @property
    def events(self) -> tuple[int, ...]:
        """The events by arm, or in total."""
        return tuple(int(d) for d in self.behind.numbers)

    @property
    def events_text(self) -> str:
        """The events in words: ``107 and 51 events``, ``70 events``, ``at most 158 events``."""
        return self.behind.text

    @property
    def texts(self) -> dict[str, str]:
        """Estimate and interval of each reading; the printed one with its own decimals."""
        texts = {name: e.text() for name, e in self.estimates.items()}
        return texts | {"printed": self.printed_text}

    @property
    def least_limits(self) -> str:
        """The narrowest interval that the events allow: ``0.6 to 1.2``."""
        narrowest = self.ways.neutral
        return f"{narrowest.lower:.2f} to {narrowest.upper:.2f}"

    @property
    def estimates(self) -> dict[str, Estimate]:
        """The three readings by name."""
        return {name: getattr(self.ways, name) for name in NAMES}


def reading(record: Record, cell: str) -> Reading:
    """The three readings of the hazard ratio at ``cell``; events without arms count as even.

    Raises ``ValueError`` where the record knows no events behind the ratio.
    """
    ratio = record.interval(cell)
    events = record.events_behind(ratio.estimate)
    if not events.printed:
        raise ValueError(f"{cell}: no events are printed")
    return Reading(ratio, three_ways(ratio.over(), *events.even), events)
