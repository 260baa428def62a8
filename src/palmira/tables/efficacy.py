"""P values that the rounding of a printed ratio and its interval allows."""

from __future__ import annotations

from itertools import product
from math import log

from palmira.estimates import critical, two_sided_p
from palmira.readings import printed_estimate
from palmira.record import Record


def p_range(record: Record, cell: str) -> tuple[float, float, float]:
    """Wald P value of a printed ratio and interval, with its range under rounding."""
    parts = record.cell(record[f"{cell}.estimate"])
    boxes = [(x.low, x.high) for p in ("estimate", "lower", "upper") if (x := parts[p].printed)]
    e = printed_estimate(record, cell)
    width = 2 * critical(e.level)
    values = [
        two_sided_p(log(value) * width / log(upper / lower))
        for value, lower, upper in ((e.value, e.lower, e.upper), *product(*boxes))
    ]
    return values[0], min(values), max(values)
