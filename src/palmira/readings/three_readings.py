"""A record's hazard ratios, each with its events and its three readings."""

from __future__ import annotations

from dataclasses import dataclass

from palmira.audit.ratios import events_of
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.statistics.estimates import Estimate, log_se
from palmira.statistics.estimates import (
    p_text as p_text,  # until the chapters have it from palmira.show
)
from palmira.statistics.hazard_ratios import ThreeWays, three_ways, wald_p

NAMES = {
    "printed": "As printed (published)",
    "neutral": "Neutral (derived)",
    "conditional": "Full scale (conditional)",
}


@dataclass(frozen=True)
class Reading:
    """A printed hazard ratio: ``ways`` to read it, the standard error at the widest rounding of its
    limits, the P value printed with it, and the events, by arm or in total.

    ``own`` is False where the events are those of a later analysis, an upper bound only.
    ``printed_text`` is the ratio with its interval, digit by digit.
    """

    ways: ThreeWays
    widest_se: float
    p: Entry | None
    events: tuple[int, ...]
    own: bool
    printed_text: str

    @property
    def largest_ratio(self) -> float:
        """Printed over least standard error at the most favorable rounding."""
        return self.widest_se / self.ways.smallest_se

    @property
    def events_text(self) -> str:
        """The events in words: ``107 and 51 events``, ``70 events``, ``at most 158 events``."""
        number = " and ".join(str(d) for d in self.events)
        return f"{'' if self.own else 'at most '}{number} events"

    def rows(self) -> list[dict[str, str | float]]:
        """One dict a reading: its name, estimate, limits, standard error and Wald P value."""
        ways = self.ways
        errors = {
            "printed": ways.printed_se,
            "neutral": ways.smallest_se,
            "conditional": log_se(ways.conditional.lower, ways.conditional.upper),
        }
        return [
            {
                "reading": name, "estimate": e.value, "lower": e.lower, "upper": e.upper,
                "se_log": errors[name], "wald_p": wald_p(e.value, errors[name]),
            }
            for name, e in self.estimates.items()
        ]  # fmt: skip

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


def printed_estimate(record: Record, cell: str, unit: float = 1) -> Estimate:
    """A printed estimate with its limits, divided by ``unit`` (100 for percents).

    Raises ``KeyError`` where the record has no such cell.
    """
    parts = record.cell(record[f"{cell}.estimate"])
    value, lower, upper = (parts[p].value / unit for p in ("estimate", "lower", "upper"))
    return Estimate(value, lower, upper, float(parts["estimate"].interval_level or 95))


def printed_text(record: Record, cell: str, unit: str = "") -> str:
    """An estimate with its interval, digit by digit as printed: ``0.8 (0.6 to 1.1)``."""
    parts = record.cell(record[f"{cell}.estimate"])
    return f"{parts['estimate']}{unit} ({parts['lower']} to {parts['upper']})"


def widest_se(record: Record, cell: str) -> float:
    """Largest standard error of a log ratio that the rounding of its printed limits allows."""
    parts = record.cell(record[f"{cell}.estimate"])
    lower, upper = parts["lower"].printed, parts["upper"].printed
    if lower is None or upper is None:
        raise ValueError(f"{cell}: a limit is not a number")
    return log_se(lower.low, upper.high, float(parts["estimate"].interval_level or 95))


def reading(record: Record, cell: str) -> Reading:
    """The three readings of the hazard ratio at ``cell``; events without arms count as even.

    Raises ``ValueError`` where the record knows no events behind the ratio.
    """
    entry = record[f"{cell}.estimate"]
    events, own = events_of(record, entry)
    if not events:
        raise ValueError(f"{cell}: no events are printed")
    d = [e.value for e in events]
    split = (d[0], d[1]) if len(d) == 2 else (d[0] / 2, d[0] / 2)
    e = printed_estimate(record, cell)
    return Reading(
        ways=three_ways(e.value, e.lower, e.upper, *split, level=e.level),
        widest_se=widest_se(record, cell),
        p=record.cell(entry).get("p"),
        events=tuple(int(x) for x in d),
        own=own,
        printed_text=printed_text(record, cell),
    )
