"""A number computed anew and how it compares with the printed one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from palmira.entries import Entry
from palmira.printed import Printed

Verdict = Literal[
    "reproduced", "rounding", "inconsistent", "conditional", "not recomputable", "unsettled"
]
MEANINGS: dict[Verdict, str] = {
    "reproduced": "computed anew or printed twice, it agrees within rounding",
    "rounding": "it agrees if the print was cut off instead of rounded",
    "inconsistent": "no value within the rounding of its sources gives the printed number",
    "conditional": "it agrees if a named assumption holds",
    "not recomputable": "what it is computed from was not published",
    "unsettled": "it could be computed in several ways, and the paper does not say which",
}


@dataclass(frozen=True)
class Finding:
    """A number computed anew: its verdict against the printed one and, where they differ, why."""

    id: str
    recomputed: str
    method: str
    verdict: Verdict
    reason: str = ""


def compare(entry: Entry, value: float, method: str, reason: str = "") -> Finding:
    """Hold a recomputed value against the printed one, with its rounding."""
    printed = entry.printed
    if printed is None or printed.exact is None:
        raise TypeError(f"{entry.id} is no number")
    literal = Printed(printed.text)
    text = f"{value:.{max(printed.decimals, 0)}f}"
    if printed.rounds_from(value) or literal.rounds_from(value):
        return Finding(entry.id, text, method, "reproduced")
    more = f"{value:.{printed.decimals + 1}f}"
    if printed.truncates_from(value):
        return Finding(entry.id, more, method, "rounding", "cut off instead of rounded")
    return Finding(entry.id, more, method, "inconsistent", reason or "does not round to the print")
