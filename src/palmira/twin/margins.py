"""What the stages of the generator read from a record: arms, counts and sizes by arm."""

from __future__ import annotations

from collections.abc import Iterator

from palmira.audit.counts import counts_behind
from palmira.entries import Entry
from palmira.record import Record
from palmira.safety import arms
from palmira.schema import RecordError


def arm_names(record: Record) -> list[str]:
    """The experimental and the control arm, in this order.

    Raises ``RecordError`` where the record lacks one of them.
    """
    names = arms(record)
    if len(names) != 2:
        raise RecordError(f"{record.trial}: no experimental or no control arm. Mend: add its role.")
    return [names["experimental"], names["control"]]


def chosen(record: Record, **attributes: str) -> Iterator[Entry]:
    """The entries with these attributes, other sources' versions left out."""
    for entry in record.entries.values():
        if not entry.version and all(getattr(entry, k) == v for k, v in attributes.items()):
            yield entry


def size(record: Record, population: str, arm: str) -> int:
    """Patients of an arm in an analysis set. Raises ``RecordError`` where it has no size."""
    try:
        return int(record.size(population, arm).value)
    except KeyError:
        raise RecordError(
            f"{record.trial}: analysis set {population} has no size in arm {arm}. Mend: add it."
        ) from None


def responders(record: Record, endpoint: str, population: str, arm: str) -> int | None:
    """The number of patients that a printed rate of response implies; None where none is printed.

    Raises ``RecordError`` where no number of patients, or several, print as the rate.
    """
    found = chosen(
        record, measure="response rate", endpoint=endpoint, population=population, arm=arm
    )
    entry = next((e for e in found if e.part in ("estimate", "percent") and e.printed), None)
    if entry is None or entry.printed is None:
        return None
    counts, _ = counts_behind(entry.printed, size(record, population, arm))
    if len(counts) != 1:
        raise RecordError(
            f"entry {entry.id}: {entry.text}% of the arm may be {counts or 'no number of'} "
            "patients. Mend: correct the rate or the size of its analysis set."
        )
    return counts[0]
