"""Values of patients that have a printed median and range, in each arm and in total."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.schema import RecordError
from palmira.twin.facts import Ints, ids, totals

Floats = NDArray[np.float64]
Cell = Mapping[str, Entry]
# How values crowd towards the median: the paper says nothing of it.
CROWDING = 2.0
PRINTED = ("minimum", "median", "maximum")


def median_cells(record: Record, factor: str) -> dict[str, Cell]:
    """By arm or total, the printed median and range of a factor, from the block that has most of
    them; empty where there are none."""
    found: dict[str, dict[str, Cell]] = {}
    for entry in record.where(factor=factor, measure="median", part="median"):
        cell = record.cell(entry)
        if entry.arm and "minimum" in cell:
            found.setdefault(entry.block, {}).setdefault(entry.arm, cell)
    return max(found.values(), key=len, default={})


class Interval(NamedTuple):
    """By patient, the least value and the largest, or the one that all are below."""

    low: Floats
    high: Floats


def values_on_medians(
    record: Record,
    factor: str,
    arm: NDArray[np.str_],
    category: Interval,
    rng: np.random.Generator,
) -> Floats | None:
    """A value for each patient so that each arm's and the total's median and range print as in the
    record; None where the record prints none of them.

    ``arm``: names; ``category``: the values that a patient's category allows, from the first to
    below the second. The median of an even number of values is the mean
    of the two in the middle, which here are both the printed one. Each patient gets an interval
    (category, range, side of the arm's median) within which any value leaves the arm's numbers as
    they are; values are drawn there, and some then moved to the total's median. Raises
    ``RecordError`` naming the entries where that cannot be.
    """
    cells = median_cells(record, factor)
    whole = next((cells[t] for t in totals(record) if t in cells), None)
    names = [a for a in record.two_arms() if a in cells]
    if len(names) < 2:
        if whole is None:
            return None
        groups = [(np.arange(len(arm)), whole)]
    else:
        groups = [(np.flatnonzero(arm == a), cells[a]) for a in names]
    printed = groups[0][1]["median"].printed
    decimals = max(printed.decimals if printed else 0, 0)
    unit = 10.0**-decimals
    able = Interval(category.low.copy(), category.high - unit)
    value = np.full(len(arm), np.nan)
    for members, cell in groups:
        _narrow(able, members, cell, rng)
        share = rng.beta(1.0, CROWDING, size=len(members))
        a, b = able.low[members], able.high[members]
        upper = a >= cell["median"].value
        value[members] = np.round(np.where(upper, a + share * (b - a), b - share * (b - a)), 9)
    value = np.clip(np.round(value, decimals), *able)
    if whole is not None and len(groups) > 1:
        _move_to_total(value, able, whole, [c for _, c in groups], rng)
    return value


def _narrow(interval: Interval, members: Ints, cell: Cell, rng: np.random.Generator) -> None:
    """Narrow the intervals of an arm's patients so that any values in them have its numbers."""
    low, middle, high = (cell[k].value for k in PRINTED)
    n, first, last = len(members), interval.low, interval.high
    entries = ids(*(cell[k] for k in PRINTED))
    half, pinned = (n - 1) // 2, 2 - n % 2  # Patients below the middle ones, and the middle ones.
    members = rng.permutation(members)

    def take(k: int, a: float, b: float, what: str) -> Ints:
        """``k`` patients who can have values from a to b; those who cannot have high ones first."""
        nonlocal members
        able = members[np.maximum(first[members], a) <= np.minimum(last[members], b) + 1e-9]
        chosen: Ints = able[np.argsort(last[able], kind="stable")][:k]
        if len(chosen) < k:
            raise RecordError(
                f"{entries}: the categories of the {n} patients leave {len(able)} for {k} {what}. "
                "Mend: correct the median, the range or the numbers by category."
            )
        first[chosen] = np.maximum(first[chosen], a)
        last[chosen] = np.minimum(last[chosen], b)
        members = rng.permutation(np.setdiff1d(members, chosen, assume_unique=True))
        return chosen

    take(1, low, low, "minimum")
    take(1, high, high, "maximum")
    only_above = members[first[members] > middle]
    only_below = members[last[members] < middle]
    if len(only_above) > half - 1 or len(only_below) > half - 1:
        raise RecordError(
            f"{entries}: by their categories {len(only_below)} patients of {n} lie below this "
            f"median and {len(only_above)} above. Mend: correct the median or the numbers by "
            "category."
        )
    take(pinned, middle, middle, "in the middle")
    take(half - 1, low, middle, "below the median")
    take(half - 1, middle, high, "above the median")


def _move_to_total(
    value: Floats, able: Interval, whole: Cell, cells: list[Cell], rng: np.random.Generator
) -> None:
    """Move values to the total's median until not more than half lie on either side of it."""
    middle, half = whole["median"].value, (len(value) - 1) // 2
    for side in (1, -1):
        beyond = side * (value - middle) > 1e-9
        around = (able.low <= middle + 1e-9) & (able.high >= middle - 1e-9)
        movable, k = np.flatnonzero(beyond & around), max(int(beyond.sum()) - half, 0)
        if k > len(movable):
            entries = ids(whole["median"], *(c["median"] for c in cells))
            raise RecordError(
                f"{entries}: no patients have these medians together. Mend: correct one of them."
            )
        value[rng.permutation(movable)[:k]] = middle
    for part, extreme in (("minimum", min(value)), ("maximum", max(value))):
        if abs(whole[part].value - extreme) > 1e-6:
            entries = ids(whole[part], *(c[part] for c in cells))
            raise RecordError(f"{entries}: the arms' do not make the total's. Mend: correct one.")
