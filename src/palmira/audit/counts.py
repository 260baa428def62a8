"""Checks of counts and percents: A1 to A5 and A7."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from math import nan
from typing import NamedTuple, cast

from palmira.audit.check import Check, Found, Verdict, boxes_meet, compare
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.printed import Printed
from palmira.statistics.proportions import count_from_percent


def counts_behind(printed: Printed, n: int) -> tuple[list[int], list[int]]:
    """Whole numbers of ``n`` that print as a percent when rounded, and the others when cut off."""
    rounded = count_from_percent(printed.value, printed.half_unit, n)
    cut = [k for k in range(n + 1) if k not in rounded and printed.truncates_from(100 * k / n)]
    return rounded, cut


def a1_percent(record: Record) -> Iterator[Check]:
    """A percent printed with its count: 100 n / N rounds to it, half up or half to even.

    Inputs: count or events, percent, the analysis set or the n of the cell. Tolerance: half a unit
    of the last decimal; a percent that was cut off gives ``rounding``.
    """
    for entry in record.where(part="percent"):
        if entry.printed is None:
            continue
        cell = record.cell(entry)
        count = cell.get("events", cell.get("count"))
        n = cell["n"] if "events" in cell else record.patients(entry)
        if count is None or (n and n.value == 0):
            continue
        if n is None:
            yield Check.lacking("A1", entry.id, entry.text, "no analysis set is named")
            continue
        fits = count_from_percent(entry.value, entry.printed.half_unit, int(n.value))
        would = f"{entry.text}% would be {' or '.join(map(str, fits)) or 'no count'} of {n.text}"
        yield compare("A1", entry, 100 * count.value / n.value, f"{count.text} of {n.text}", would)


def a2_grim(record: Record) -> Iterator[Check]:
    """A percent printed alone: some whole number of the analysis set prints as it.

    Inputs: percent of whole patients (not of doses or events), analysis set. All counts that fit
    are listed; a cut-off percent gives ``rounding``. Source: the GRIM test (Brown and Heathers, Soc
    Psychol Personal Sci 2017;8:363).
    """
    for entry in record.where(part="percent"):
        if entry.printed is None or entry.arm is None:
            continue
        # A Kaplan-Meier rate is no share of whole patients.
        if entry.measure == "rate" or {"count", "events"} & set(record.cell(entry)):
            continue
        size = record.patients(entry)
        if size is None:
            yield Check.lacking("A2", entry.id, entry.text, "no analysis set is named")
            continue
        n = int(size.value)
        fits, cut = counts_behind(entry.printed, n)
        text = " or ".join(map(str, fits or cut))
        verdict: Verdict = "consistent" if fits else "rounding" if cut else "inconsistent"
        none = f"no whole number of {n} prints so" + (", unless it was cut off" if cut else "")
        ends: list[float] = [*(fits or cut)] or [nan]
        found = Found(text, lower=ends[0], upper=ends[-1])
        yield Check("A2", entry.id, verdict, entry.text, found, f"{text} of {n}" if fits else none)


def _whole(record: Record, entry: Entry) -> Entry | None:
    """What a factor's levels add up to: the block's row for all patients, or the analysis set."""
    whole = record.whole(entry)
    return record.patients(entry) if whole is None and entry.part == "count" else whole


class Levels(NamedTuple):
    """Of which levels counts are: those of a factor in a block, by kind of count and arm."""

    block: str
    factor: str
    part: str
    arm: str | None


def a3_sums(record: Record) -> Iterator[Check]:
    """Arms add up to the total, and levels of a factor to all patients.

    Inputs: counts by arm and total; counts of all levels. No tolerance. Levels may fall short of
    all patients where their percents do not add up to 100 (others are missing: ``information``).
    They may exceed them where a patient can have several (sites of metastases): ``inconsistent`` if
    their percents add up to 100 all the same or all other columns are filled, else ``information``.
    Where levels do not add up, those that agree with their arms are spared: the other is the odd
    one.
    """
    rows: dict[tuple[str, str], list[Entry]] = {}
    levels: dict[Levels, list[Entry]] = {}
    for e in record.chosen:
        if e.part not in ("count", "events", "n") or e.grade is not None:
            continue
        rows.setdefault((e.in_row, e.part), []).append(e)
        if e.factor and e.category:
            levels.setdefault(Levels(e.block, e.factor, e.part, e.arm), []).append(e)
    agreed: set[str] = set()
    randomized = [arm for arm, role in record.roles.items() if role != "total"]
    for entries in rows.values():
        total = [e for e in entries if e.arm and record.roles[e.arm] == "total"]
        parts = [e for e in entries if e.arm in randomized]
        if len(total) == 1 and len(parts) == len(randomized):
            words = " + ".join(e.text for e in parts)
            check = compare("A3", total[0], sum(e.value for e in parts), f"arms: {words}")
            if check.verdict == "consistent":
                agreed.add(total[0].id)
            yield check
    yield from _levels(record, levels, agreed)


def _levels(record: Record, levels: dict[Levels, list[Entry]], agreed: set[str]) -> Iterator[Check]:
    """Levels of factors against all patients, but for totals that ``agreed`` with their arms."""
    wholes = {
        key: whole
        for key, entries in levels.items()
        if (whole := _whole(record, entries[0])) and len(entries) > 1 and whole not in entries
    }
    gaps = {key: whole.value - sum(e.value for e in levels[key]) for key, whole in wholes.items()}
    for key, whole in wholes.items():
        entries, missing = levels[key], gaps[key]
        beside = [gap for other, gap in gaps.items() if other != key and other[:3] == key[:3]]
        exclusive = bool(beside) and not any(beside)
        spared = not missing or _fill_up(record, entries) or (missing < 0 and exclusive)
        doubtful = [e for e in entries if e.id not in agreed] or entries
        for e in doubtful if missing else entries:
            others = sum(x.value for x in entries) - e.value
            how = f"{whole.text} less {others:.0f} in the other levels"
            check = compare("A3", e, whole.value - others, how)
            why = "others may be missing" if missing > 0 else "a patient may be in several"
            yield check if spared else replace(check, verdict="information", remark=why)


def _fill_up(record: Record, entries: list[Entry]) -> bool:
    """Whether the levels' percents add up to 100, as they do where nobody is missing."""
    percents = [record.cell(e).get("percent") for e in entries]
    if not all(percents):
        return False
    half = sum(p.printed.half_unit for p in percents if p and p.printed)
    return abs(sum(p.value for p in percents if p) - 100) <= half + 1e-9


def a4_denominators(record: Record) -> Iterator[Check]:
    """Rows whose percents do not use the arm's randomized number: ``information`` by arm.

    Inputs: count and percent. The N that prints as a percent lies between count / (percent + half a
    unit) and count / (percent - half a unit); the ranges of the rows of one analysis set are cut.
    """
    ranges: dict[tuple[str, str, str | None], list[tuple[float, float]]] = {}
    for entry in record.where(part="percent"):
        cell = record.cell(entry)
        if "count" not in cell or not entry.printed:
            continue
        if entry.arm is None or entry.arm not in record.sheet.populations.get("randomized", {}):
            continue
        count, n = cell["count"].value, record.size("randomized", entry.arm).value
        low = 100 * count / entry.printed.high
        high = 100 * count / max(entry.printed.low, 1e-9)
        if count and not low - 1e-9 <= n <= high + 1e-9:
            ranges.setdefault((entry.block, entry.arm, entry.population), []).append((low, high))
    for (block, arm, population), found in ranges.items():
        low, high = max(r[0] for r in found), min(r[1] for r in found)
        if low > high or (population == "randomized" and len(found) < 3):
            continue  # single slips, which A1 shows
        size = record.size("randomized", arm).text
        how = f"N that prints the percents of {len(found)} rows ({population}), not {size}"
        yield Check("A4", f"{block}.{arm}", "information", size, Found.span(low, high, 1), how)


def a5_flow(record: Record) -> Iterator[Check]:
    """The flow of patients: those before, less those lost between, are those after.

    Inputs: rows that name the two they stand ``between``, and rows ``within`` another. No
    tolerance. Parts that leave nobody out add up to the whole; other parts do not exceed it.
    """
    for entry in record.where(part="count", grade=None):
        suffix = f".{entry.column}.count" if entry.column else ".count"
        if entry.between:
            before, after = (record.entries.get(row + suffix) for row in entry.between)
            if before and after:
                how = f"{before.text} before, {after.text} after"
                yield compare("A5", entry, before.value - after.value, how)
        about = {"within": entry.row, "block": entry.block, "column": entry.column}
        parts = record.where(**about, part="count", grade=None)
        if parts:
            total = sum(e.value for e in parts)
            bad = total != entry.value if entry.exhaustive else total > entry.value
            verdict: Verdict = "inconsistent" if bad else "consistent"
            how = f"parts: {' + '.join(e.text for e in parts)}"
            yield Check("A5", entry.id, verdict, entry.text, Found.number(total, 0), how)


def a7_repeats(record: Record) -> Iterator[Check]:
    """A quantity printed in several places: the rounding intervals have a point in common.

    Inputs: rows that name another as the same, or as perhaps the same (then a difference is
    ``information``). Under a column's declared decimals; where only the literal reading meets, the
    detail says so.
    """
    for entry in record.chosen:
        for row in (*entry.same_as, *entry.perhaps_same_as):
            for twin in record.rows[row]:
                if _comparable(entry, twin):
                    yield _repeat(entry, twin, row in entry.perhaps_same_as)


def _comparable(entry: Entry, twin: Entry) -> bool:
    """Whether two entries of such rows are the same part, of the same arm and grade."""
    arms = entry.arm == twin.arm or None in (entry.arm, twin.arm)
    grades = (entry.grade or "any") == (twin.grade or "any")
    measures = entry.measure == twin.measure or entry.part == twin.part == "percent"
    estimable = all(e.printed is None or e.estimable for e in (entry, twin))
    return arms and grades and measures and estimable and entry.part == twin.part


def _repeat(entry: Entry, twin: Entry, perhaps: bool) -> Check:
    how, remark, verdict = f"printed again in {twin.place}", "", cast(Verdict, "consistent")
    if entry.printed is None or twin.printed is None:
        verdict = "consistent" if entry.text == twin.text else "inconsistent"
    elif not boxes_meet(entry.printed, twin.printed.low, twin.printed.high):
        verdict = "information" if perhaps else "inconsistent"
        one, other = Printed(entry.text), Printed(twin.text)
        if perhaps:
            how, remark = f"{twin.place} prints {twin.text}", "it may be another quantity"
        elif boxes_meet(one, other.low, other.high):
            remark = "the two meet only if the zero was not dropped"
    return Check("A7", entry.id, verdict, entry.text, Found.printed(twin), how, remark)
