"""The outcome of one check on one printed number."""

from __future__ import annotations

from dataclasses import dataclass
from math import isnan, nan
from typing import Literal, NamedTuple

from palmira.record.entries import Entry
from palmira.record.printed import Printed

Verdict = Literal[
    "consistent", "rounding", "information", "not checkable", "inconsistent", "impossible"
]
MEANINGS: dict[Verdict, str] = {
    "consistent": "some point within the rounding of the printed numbers satisfies the check",
    "rounding": "only a number that was cut off instead of rounded explains it",
    "information": "worth showing; it proves nothing",
    "not checkable": "something that the check needs is not in the record",
    "inconsistent": "no point within the rounding of the printed numbers satisfies the check",
    "impossible": "it contradicts a theorem, whatever the rounding, if its assumptions hold",
}
# From the mildest to the gravest, for a threshold.
WEIGHT = {verdict: weight for weight, verdict in enumerate(MEANINGS)}


@dataclass(frozen=True)
class Found:
    """What a check comes to: a ``value``, the range from ``lower`` to ``upper``, or both (NaN where
    there is none); ``form`` says how they are shown, as in ``"{lower:.2f} to {upper:.2f}"``."""

    form: str = ""
    value: float = nan
    lower: float = nan
    upper: float = nan

    @classmethod
    def number(cls, value: float, decimals: int) -> Found:
        """One number, shown with so many decimals."""
        return cls(f"{{value:.{decimals}f}}", value)

    @classmethod
    def span(cls, lower: float, upper: float, decimals: int = 2) -> Found:
        """A range, shown with so many decimals."""
        return cls(f"{{lower:.{decimals}f}} to {{upper:.{decimals}f}}", lower=lower, upper=upper)

    @classmethod
    def printed(cls, entry: Entry) -> Found:
        """Another print, digit by digit."""
        return cls(entry.text.replace("{", "{{").replace("}", "}}"), entry.number)

    def __str__(self) -> str:
        return self.form.format(value=self.value, lower=self.lower, upper=self.upper)

    def limit(self, part: Literal["lower", "upper"]) -> Found:
        """One end of the range by itself, with two decimals."""
        return Found("" if isnan(x := getattr(self, part)) else "{value:.2f}", x)


@dataclass(frozen=True)
class Check:
    """Verdict of check ``id`` on ``entry``: the number as printed, what was ``found``, ``how``, and
    a ``remark`` on what the verdict rests on or suggests."""

    id: str
    entry: str
    verdict: Verdict
    printed: str
    found: Found
    how: str
    remark: str = ""

    @classmethod
    def lacking(cls, id: str, entry: str, printed: str, what: str) -> Check:
        """A check that lacks something."""
        return cls(id, entry, "not checkable", printed, Found(), what)

    @property
    def recomputed(self) -> str:
        """What was found, as it is shown."""
        return str(self.found)

    @property
    def detail(self) -> str:
        """How, with the remark."""
        return f"{self.how}; {self.remark}" if self.remark else self.how

    def shown(self) -> dict[str, str]:
        """Its texts by the name of their column."""
        names = ("id", "entry", "verdict", "printed", "recomputed", "detail")
        return {name: getattr(self, name) for name in names}


class Box(NamedTuple):
    """A range of numbers."""

    low: float
    high: float


def before_cut(printed: Printed) -> Box:
    """What a number may have been if the print was cut off."""
    return Box(printed.value, printed.value + 2 * printed.half_unit)


def compare(check: str, entry: Entry, value: float, how: str, otherwise: str = "") -> Check:
    """Hold a recomputed ``value`` against a printed number with its rounding.

    ``how`` says where the value comes from, ``otherwise`` what a difference suggests. A number
    printed without its trailing zeros is compared under the literal and the declared decimals.
    """
    printed = entry.rounding
    if not entry.estimable:
        raise TypeError(f"{entry.id} is no number")
    verdict: Verdict = "consistent"
    remark, decimals = "", printed.decimals
    if printed.bound:
        below = printed.bound in "<≤"
        holds = value <= printed.value if below else value >= printed.value
        verdict = "consistent" if holds else "inconsistent"
    elif not printed.rounds_from(value) and not Printed(printed.text).rounds_from(value):
        cut, decimals = printed.truncates_from(value), decimals + 1
        verdict = "rounding" if cut else "inconsistent"
        remark = "cut off instead of rounded" if cut else otherwise
    return Check(check, entry.id, verdict, entry.text, Found.number(value, decimals), how, remark)


def boxes_meet(one: Printed, low: float, high: float) -> bool:
    """Whether the rounding interval of a print and the range ``low`` to ``high`` share more than an
    end: a number halfway between two prints is printed as one of them under one rule, not as both.
    """
    slack = 1e-9
    return low < one.high - slack and one.low < high - slack
