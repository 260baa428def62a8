"""Check of figures quoted from another study's report: C15."""

from __future__ import annotations

from collections.abc import Iterator

from palmira.audit.check import Check, Verdict, boxes_meet
from palmira.audit.counts import chosen
from palmira.record import Record


def c15_quotations(record: Record, others: dict[str, Record]) -> Iterator[Check]:
    """A figure quoted from another study against that study's own record.

    Inputs: rows that name what they quote, and the other record. The rounding intervals must meet;
    a quotation that was cut off gives ``rounding``.
    Where another source of the other record agrees with the quotation, the detail says so.
    """
    own = {s.doi for s in record.sheet.sources.values() if s.doi}
    for entry in chosen(record):
        trial, _, row = (entry.quotes or "").partition(":")
        source = others.get(trial)
        if source is None or entry.printed is None:
            continue
        part = "" if entry.id == f"{entry.block}.{entry.row}" else f".{entry.part}"
        twin = source.entries.get(row + part) or source.entries.get(f"{row}.estimate")
        if twin is None or twin.printed is None:
            continue
        name = f"{source.trial}, as the source in use has it"
        if boxes_meet(entry.printed, twin.printed.low, twin.printed.high):
            yield Check("C15", entry.id, "consistent", entry.text, twin.text, name)
            continue
        elsewhere = [
            v for v in source.entries.values()
            if v.version and v.id.replace(f"@{v.version}", "") == twin.id and v.printed
            and boxes_meet(entry.printed, v.printed.low, v.printed.high)
            and not own & {source.sheet.sources[s].doi for s in v.source}
        ]  # fmt: skip
        how = name + ("; another source prints the same as here" if elsewhere else "")
        cut = entry.printed.truncates_from(twin.value)
        verdict: Verdict = "rounding" if cut else "inconsistent"
        how += "; cut off instead of rounded" if cut else ""
        yield Check("C15", entry.id, verdict, entry.text, twin.text, how)
