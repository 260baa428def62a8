"""Counts, percents and repeated numbers, computed anew from other numbers of the same record.

Each rule takes a record and yields findings. Nothing here names a trial.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

from palmira.entries import Entry
from palmira.ledger.finding import Finding, compare
from palmira.printed import Printed
from palmira.proportions import clopper_pearson, count_from_percent
from palmira.record import Record


def percents(record: Record) -> Iterator[Finding]:
    """A percent from its count and its analysis set, or from events and patients."""
    for entry in record.entries.values():
        if entry.part != "percent" or entry.printed is None:
            continue
        cell = record.cell(entry)
        if "events" in cell:
            count, n, base = cell["events"], cell["n"], "patients of the row"
        elif "count" in cell and entry.population and entry.arm:
            count, n = cell["count"], record.size(entry.population, entry.arm)
            base = f"{n.text} patients ({entry.population.replace('_', ' ')})"
        elif entry.population and entry.arm:
            n = record.size(entry.population, entry.arm)
            fits = count_from_percent(entry.value, entry.printed.half_unit, int(n.value))
            if fits:
                values = " or ".join(str(k) for k in fits)
                yield compare(entry, 100 * fits[0] / n.value, f"{values} of {n.text} patients")
            continue
        else:
            continue
        fits = count_from_percent(entry.value, entry.printed.half_unit, int(n.value))
        reason = f"{entry.text}% would be {' or '.join(map(str, fits)) or 'no count'} of {n.text}"
        yield compare(entry, 100 * count.value / n.value, f"count over {base}", reason)


def totals(record: Record) -> Iterator[Finding]:
    """A total from the arms, an arm from the levels of the factor that fill it up."""
    counts = [e for e in record.entries.values() if e.part in ("count", "events", "n")]
    by_row: dict[tuple[str, str, str], dict[str | None, Entry]] = {}
    for entry in counts:
        if entry.grade is None:
            by_row.setdefault((entry.block, entry.row, entry.part), {})[entry.arm] = entry
    roles = {k: a.role for k, a in record.sheet.arms.items()}
    for arms in by_row.values():
        total = next((e for a, e in arms.items() if a and roles[a] == "total"), None)
        parts = [e for a, e in arms.items() if a and roles[a] != "total"]
        if total and len(parts) == 2:
            words = " + ".join(e.text for e in parts)
            yield compare(total, sum(e.value for e in parts), f"sum of the arms, {words}")
    levels: dict[tuple[str, str | None, str | None, str], list[Entry]] = {}
    for entry in counts:
        if entry.factor and entry.category and entry.block not in ("results", "contrasts"):
            levels.setdefault((entry.block, entry.factor, entry.arm, entry.part), []).append(entry)
    for (block, _, arm, part), entries in levels.items():
        whole = _whole(record, block, entries[0], arm, part)
        if whole is None or len(entries) < 2:
            continue
        for entry in entries:
            others = sum(e.value for e in entries if e is not entry)
            yield compare(
                entry, whole.value - others, f"{whole.text} less the other levels of the factor",
                f"{whole.text} less {others:.0f} is {whole.value - others:.0f}",
            )  # fmt: skip


def _whole(record: Record, block: str, entry: Entry, arm: str | None, part: str) -> Entry | None:
    """What the levels of a factor add up to: the row for all patients, or the analysis set."""
    whole = record.entries.get(f"{block}.all.{entry.column}.{part}")
    if whole is None and part == "count" and entry.population and arm:
        whole = record.size(entry.population, arm)
    return whole


def repeats(record: Record) -> Iterator[Finding]:
    """A number that is printed again elsewhere."""
    for entry in record.entries.values():
        if not entry.same_as or entry.version:
            continue
        rows = [e for e in record.entries.values() if f"{e.block}.{e.row}" in entry.same_as]
        twin = next(
            (e for e in rows if e.part == entry.part and e.measure == entry.measure
             and (e.arm == entry.arm or None in (e.arm, entry.arm))
             and (e.grade or "any") == (entry.grade or "any") and not e.version),
            None,
        )  # fmt: skip
        if twin is None:
            continue
        method = f"printed again in {twin.place}"
        if entry.printed is None or twin.printed is None:
            same = entry.text == twin.text
            yield Finding(entry.id, twin.text, method, "reproduced" if same else "inconsistent")
        elif isnan(entry.number) or isnan(twin.number):
            continue
        elif entry.printed.low < twin.printed.high and twin.printed.low < entry.printed.high:
            yield Finding(entry.id, twin.text, method, "reproduced")
        else:
            loose = Printed(entry.text)
            loosely = loose.low < twin.printed.high and twin.printed.low < loose.high
            yield Finding(
                entry.id, twin.text, method, "inconsistent", f"{twin.place} prints {twin.text}"
                + ("; they agree if no decimal was dropped here" if loosely else ""),
            )  # fmt: skip


def exact_intervals(record: Record) -> Iterator[Finding]:
    """A response rate and its Clopper-Pearson limits from the one count that fits."""
    for entry in record.entries.values():
        if entry.measure != "response rate" or entry.part != "estimate" or not entry.printed:
            continue
        if not entry.population or not entry.arm or entry.version:
            continue
        n = int(record.size(entry.population, entry.arm).value)
        fits = count_from_percent(entry.value, entry.printed.half_unit, n)
        if len(fits) != 1:
            continue
        exact = clopper_pearson(fits[0], n, float(entry.interval_level or 95))
        cell, method = record.cell(entry), f"{fits[0]} of {n}, Clopper-Pearson"
        yield compare(entry, 100 * exact.value, f"{fits[0]} of {n}")
        yield compare(cell["lower"], 100 * exact.lower, method)
        yield compare(cell["upper"], 100 * exact.upper, method)


def severe_events(record: Record) -> Iterator[Finding]:
    """Adverse events of grade 3 or higher (or 3 to 4) as the sum of the grades by maximum severity.

    A table by maximum grade counts each patient once in a row, so the grades add up.
    """
    spans = {"3-5": ("3", "4", "5"), "3-4": ("3", "4")}
    entries = list(record.entries.values())
    cells = {(e.term, e.arm, e.grade): e for e in entries if e.part == "count" and e.grade}
    for entry in entries:
        span = spans.get(entry.grade or "")
        if span is None or entry.part not in ("count", "percent"):
            continue
        grades = [cells.get((entry.term, entry.arm, g)) for g in span]
        found = [g for g in grades if g is not None]
        if not found:
            continue
        total = sum(g.value for g in found)
        method = f"grades {' + '.join(g.text for g in found)}"
        if entry.part == "count":
            yield compare(entry, total, method)
        elif entry.population and entry.arm:
            n = record.size(entry.population, entry.arm)
            yield compare(entry, 100 * total / n.value, f"{method} of {n.text} patients")


def quotations(record: Record, others: dict[str, Record]) -> Iterator[Finding]:
    """A figure quoted from another trial, against that trial's own record."""
    for entry in record.entries.values():
        if not entry.quotes:
            continue
        trial, row = entry.quotes.split(":")
        source = others.get(trial)
        if source is None:
            continue
        part = "" if entry.id == f"{entry.block}.{entry.row}" else f".{entry.part}"
        twin = source.entries.get(row + part) or source.entries.get(f"{row}.estimate")
        if twin is None or entry.printed is None or twin.printed is None:
            continue
        meets = entry.printed.low <= twin.printed.high and twin.printed.low <= entry.printed.high
        versions = [e for e in source.entries.values() if e.version and _unversioned(e) == twin.id]
        own = {s.doi for s in record.sheet.sources.values() if s.doi}
        others_say = any(
            v.printed
            and v.printed.rounds_from(entry.value)
            and {source.sheet.sources[name].doi for name in v.source} - own
            for v in versions
        )
        elsewhere = "; another source prints the same as here" if others_say else ""
        yield Finding(
            entry.id, twin.text, f"{source.trial}, as our source has it",
            "reproduced" if meets else "inconsistent",
            "" if meets else f"the source that we chose prints {twin.text}{elsewhere}",
        )  # fmt: skip


def _unversioned(entry: Entry) -> str:
    return entry.id.replace(f"@{entry.version}", "")
