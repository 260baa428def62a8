"""What the stages of the generator read from a record: arms, sizes, counts, levels of factors."""

from __future__ import annotations

import re
from math import inf

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from palmira.audit.counts import counts_behind
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.schema import RecordError

Ints = NDArray[np.int64]
# Entries without which a record has no calendar; the interval of the tumor assessments at first.
DATES = ("timeline.first_randomized", "timeline.cutoff")
FIRST_INTERVAL = "methods.assessment.first_interval"
STRATA = ("first", "second")
LESS = re.compile(r"(?:(?P<from>[\d.]+) to )?< ?(?P<below>[\d.]+)")
MORE = re.compile(r"(?:≥|>=) ?(?P<from>[\d.]+)")


def totals(record: Record) -> list[str]:
    """The names under which the record prints all patients together."""
    return [name for name, role in record.roles.items() if role == "total"]


def number(record: Record, id: str) -> float | None:
    """The printed number with this id; None where the record has none."""
    entry = record.entries.get(id)
    return None if entry is None or entry.printed is None else entry.value


def count(record: Record, row: str, arm: str) -> int | None:
    """Patients of an arm by a printed row (``block.row``); None where there is no such cell."""
    block, _, name = row.partition(".")
    entries = record.where(block=block, row=name, arm=arm, part="count")
    return next((int(e.value) for e in entries), None)


def size(record: Record, population: str, arm: str) -> int:
    """Patients of an arm in an analysis set. Raises ``RecordError`` where it has no size."""
    try:
        return int(record.size(population, arm).value)
    except KeyError:
        raise RecordError(
            f"{record.trial}: analysis set {population} has no size in arm {arm}. Mend: add it."
        ) from None


def response_rate(record: Record, endpoint: str, population: str, arm: str) -> Entry | None:
    """The entry with an arm's rate of response; None where none is printed."""
    found = record.where(measure="response rate", endpoint=endpoint, population=population, arm=arm)
    return next((e for e in found if e.part in ("estimate", "percent") and e.printed), None)


def responders(record: Record, endpoint: str, population: str, arm: str) -> int | None:
    """The number of patients that a printed rate of response implies; None where none is printed.

    Raises ``RecordError`` where no number of patients, or several, print as the rate.
    """
    entry = response_rate(record, endpoint, population, arm)
    if entry is None or entry.printed is None:
        return None
    counts, _ = counts_behind(entry.printed, size(record, population, arm))
    if len(counts) != 1:
        raise RecordError(
            f"entry {entry.id}: {entry.text}% of the arm may be {counts or 'no number of'} "
            "patients. Mend: correct the rate or the size of its analysis set."
        )
    return counts[0]


def dated(record: Record) -> bool:
    """Whether a record prints the dates without which there is no calendar."""
    return all(id in record.entries for id in DATES)


def printed(record: Record) -> frozenset[str]:
    """What a record prints something of: categories of factors (``Ethnicity``), their medians
    (``median Age``), strata (``first stratum``), and what the later stages of the generator stand
    on: ``OS``, ``response`` and ``treatment`` (with adverse events)."""
    found = {e.factor for e in record.chosen if e.factor and e.category}
    found |= {f"median {e.factor}" for e in record.where(part="median") if e.factor}
    found |= {f"{place} stratum" for place, _ in zip(STRATA, record.sheet.strata, strict=False)}
    arms = (*record.two_arms(), None)
    own = [e for e in record.chosen if e.arm in arms and not e.quotes and e.printed is not None]
    if any(e.endpoint == "OS" for e in own):
        found.add("OS")
    if FIRST_INTERVAL in record.entries and any(e.measure == "response rate" for e in own):
        found.add("response")
    if any(e.arm and (e.term or e.block == "safety" or e.row == "on_treatment") for e in own):
        found.add("treatment")
    return frozenset(found)


def levels(record: Record, factor: str, arm: str) -> dict[str, Entry]:
    """Printed patients of an arm by category of a factor, of one block: the first that has some."""
    found: dict[str, dict[str, Entry]] = {}
    for entry in record.where(factor=factor, arm=arm):
        if entry.category and entry.part in ("count", "n") and entry.measure in ("count", "events"):
            found.setdefault(entry.block, {}).setdefault(entry.category, entry)
    return max(found.values(), key=len, default={})


def bounds(category: str) -> tuple[float, float]:
    """The values that a category such as ``<65 years``, ``≥3`` or ``6 to <12 months`` holds: from
    the first to below the second. Raises ``ValueError`` for other texts."""
    if match := LESS.match(category):
        return float(match["from"] or -inf), float(match["below"])
    if match := MORE.match(category):
        return float(match["from"]), inf
    raise ValueError(f"{category!r} is no range of values")


def ids(*entries: Entry | None) -> str:
    """The entries in words, for a message."""
    return ", ".join(f"{e.text} ({e.id})" for e in entries if e is not None)


def draw(rng: np.random.Generator, pool: Ints, k: int, weight: NDArray[np.float64]) -> Ints:
    """``k`` different members of ``pool``, likelier the larger their weight (at least a little)."""
    key = rng.exponential(size=len(pool)) / np.maximum(weight, 1e-6)
    return np.sort(pool[np.argsort(key, kind="stable")[:k]])


def where(mask: pd.Series | NDArray[np.bool_]) -> Ints:
    """Positions at which ``mask`` holds."""
    return np.flatnonzero(np.asarray(mask, dtype=bool)).astype(np.int64)
