"""The outcome of one check on one printed number."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from palmira.record.entries import Entry
from palmira.record.printed import Printed

Verdict = Literal[
    "consistent", "rounding", "information", "not checkable", "inconsistent", "impossible"
]
MEANINGS: dict[Verdict, str] = {
    "consistent": "some point within the rounding of the printed numbers satisfies the check",
    "rounding": "only a print that was cut off instead of rounded explains it",
    "information": "worth showing; it proves nothing",
    "not checkable": "something that the check needs is not in the record",
    "inconsistent": "no point within the rounding of the printed numbers satisfies the check",
    "impossible": "it contradicts a theorem, whatever the rounding, if its assumptions hold",
}
# From the mildest to the gravest, for a threshold.
WEIGHT = {verdict: weight for weight, verdict in enumerate(MEANINGS)}


@dataclass(frozen=True)
class Check:
    """Verdict of check ``id`` on ``entry``: the printed and the recomputed number, and how."""

    id: str
    entry: str
    verdict: Verdict
    printed: str
    recomputed: str
    detail: str


def compare(check: str, entry: Entry, value: float, how: str, otherwise: str = "") -> Check:
    """Hold a recomputed ``value`` against a printed number with its rounding.

    ``how`` says where the value comes from, ``otherwise`` what a difference suggests. A number
    printed without its trailing zeros is compared under the literal and the declared decimals.
    """
    printed = entry.printed
    if printed is None or printed.exact is None:
        raise TypeError(f"{entry.id} is no number")
    if printed.bound:
        below = printed.bound in "<≤"
        holds = value <= printed.value if below else value >= printed.value
        verdict: Verdict = "consistent" if holds else "inconsistent"
        return Check(check, entry.id, verdict, entry.text, f"{value:.{printed.decimals}f}", how)
    if printed.rounds_from(value) or Printed(printed.text).rounds_from(value):
        text = f"{value:.{printed.decimals}f}"
        return Check(check, entry.id, "consistent", entry.text, text, how)
    text = f"{value:.{printed.decimals + 1}f}"
    if printed.truncates_from(value):
        detail = f"{how}; cut off instead of rounded"
        return Check(check, entry.id, "rounding", entry.text, text, detail)
    detail = f"{how}; {otherwise}" if otherwise else how
    return Check(check, entry.id, "inconsistent", entry.text, text, detail)


def boxes_meet(one: Printed, low: float, high: float) -> bool:
    """Whether the rounding interval of a print and the range ``low`` to ``high`` share more than an
    end: a number halfway between two prints is printed as one of them under one rule, not as both.
    """
    slack = 1e-9
    return low < one.high - slack and one.low < high - slack
