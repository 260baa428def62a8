"""How a table writes numbers: intervals, P values, counts with percents, signs."""

from __future__ import annotations

import re
from math import isfinite, isnan

from palmira.record.printed import tidy
from palmira.statistics.estimates import p_text, percent

__all__ = ["ci", "count_percent", "minus", "p_text", "percent", "signed", "span", "spell", "tidy"]


MINUS = re.compile(r"(?:^|(?<=[\s(]))-(?=[\d.])")


def minus(text: str) -> str:
    """A text whose minus signs are true ones."""
    return MINUS.sub("−", text)


def ci(value: float, lower: float, upper: float, decimals: int = 2) -> str:
    """An estimate with its interval: ``0.84 (0.60 to 1.17)``; NaN is NA, infinity not reached."""
    return f"{_number(value, decimals)} ({span(lower, upper, decimals)})"


def span(lower: float, upper: float, decimals: int = 2) -> str:
    """The limits of an interval: ``0.60 to 1.17``; NaN is NA, infinity not reached."""
    return f"{_number(lower, decimals)} to {_number(upper, decimals)}"


def _number(x: float, decimals: int) -> str:
    return "NA" if isnan(x) else f"{x:z.{decimals}f}" if isfinite(x) else "not reached"


def count_percent(count: float, n: float, decimals: int = 1) -> str:
    """A number of patients with its share of ``n``: ``90 (66.2)``."""
    return f"{count:.0f}\u00a0({100 * count / n:.{decimals}f})"


def signed(x: float, decimals: int = 2) -> str:
    """A number with its sign, a true minus: ``+0.12``, ``−0.30``."""
    return f"{x:+z.{decimals}f}".replace("-", "−")


def spell(items: list[str]) -> str:
    """A list in words: a, b and c."""
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}"
