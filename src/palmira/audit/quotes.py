"""Check of figures quoted from another study's report: C15."""

from __future__ import annotations

from collections.abc import Iterator

from palmira.audit.check import Check, Found, Verdict, boxes_meet
from palmira.record import Record
from palmira.record.entries import Entry


def c15_quotations(record: Record, others: dict[str, Record]) -> Iterator[Check]:
    """A figure quoted from another study against that study's own record.

    Inputs: rows that name what they quote, and the other record. The rounding intervals must meet;
    a quotation that was cut off gives ``rounding``.
    Where another source of the other record agrees with the quotation, the detail says so.
    """
    own = {s.doi for s in record.sheet.sources.values() if s.doi}
    for entry in record.chosen:
        trial, _, row = (entry.quotes or "").partition(":")
        source = others.get(trial)
        if source is None or entry.printed is None:
            continue
        part = "" if entry.id == f"{entry.block}.{entry.row}" else f".{entry.part}"
        twin = source.entries.get(row + part) or source.entries.get(f"{row}.estimate")
        if twin is None or twin.printed is None:
            continue
        how = f"{source.trial}, as the source in use has it"
        verdict: Verdict = "consistent"
        remarks: list[str] = []
        if not boxes_meet(entry.printed, twin.printed.low, twin.printed.high):
            if _elsewhere(entry, twin, source, own):
                remarks = ["another source reports the same as here"]
            cut = entry.printed.truncates_from(twin.value)
            verdict = "rounding" if cut else "inconsistent"
            remarks += ["cut off instead of rounded"] if cut else []
        found = Found.printed(twin)
        yield Check("C15", entry.id, verdict, entry.text, found, how, "; ".join(remarks))


def _elsewhere(entry: Entry, twin: Entry, source: Record, own: set[str]) -> bool:
    """Whether another version of the quoted number, by others than ``own``, agrees."""
    return any(
        boxes_meet(entry.rounding, v.printed.low, v.printed.high)
        for v in source.entries.values()
        if v.version and v.printed and v.id.replace(f"@{v.version}", "") == twin.id
        if not own & {source.sheet.sources[s].doi for s in v.source}
    )
