"""All relations between the printed numbers of a synthetic paper, found by the ids of its rows."""

from __future__ import annotations

from collections.abc import Iterator, Set

from palmira.audit.selftest import relations as r
from palmira.audit.selftest.counting_tables import ARMS
from palmira.audit.selftest.relations import TRIPLE, Relation, parts
from palmira.record import Record
from palmira.record.entries import Entry

GRADES = ("3", "4", "5")


def ties(record: Record, log_log_tests: Set[str]) -> list[Relation]:
    """Every relation of the paper; ``log_log_tests`` are the rows whose P is of that scale."""
    found = [*_percents(record), *_sums(record), *_levels(record), *_flow(record)]
    found += [*_adverse_events(record), *_repeats(record), *_intervals(record), *_ratios(record)]
    found += [*_medians(record), *_responses(record), *_differences(record, log_log_tests)]
    return [x for x in found if set(x.entries) <= record.entries.keys()]


def _cells(record: Record, part: str) -> Iterator[tuple[str, Entry]]:
    """Id of the cell and entry of every entry of a part."""
    for entry in record.where(part=part):
        yield entry.cell, entry


def _percents(record: Record) -> Iterator[Relation]:
    for cell, entry in _cells(record, "percent"):
        if f"{cell}.events" in record.entries:
            yield Relation("percent", parts(cell, "percent", "events", "n"), r.share)
        elif f"{cell}.count" in record.entries and entry.population and entry.arm:
            n = record.size(entry.population, entry.arm).id
            yield Relation("percent", (f"{cell}.percent", f"{cell}.count", n), r.share)


def _sums(record: Record) -> Iterator[Relation]:
    for cell, entry in _cells(record, "count"):
        if entry.arm == "total" and cell.endswith(".total"):
            row = cell.removesuffix(".total")
            arms = tuple(f"{row}.{a}.count" for a in ARMS)
            yield Relation("sum of the arms", (f"{cell}.count", *arms), r.total)


def _levels(record: Record) -> Iterator[Relation]:
    groups: dict[tuple[str, str, str, str], list[Entry]] = {}
    for part in ("count", "events", "n"):
        for _, e in _cells(record, part):
            if e.factor and e.category:
                groups.setdefault((e.block, part, e.factor, e.column), []).append(e)
    for (block, part, _, column), entries in groups.items():
        all_ = "results.randomized" if block == "table1" else f"{block}.all"
        every = (f"{all_}.{column}.{part}", *(e.id for e in entries))
        yield Relation("sum of the levels", every, r.total)
    for cell, e in _cells(record, "n"):
        twin = f"table1.{e.row}.{e.arm}.count" if e.factor else f"results.randomized.{e.arm}.count"
        yield Relation("patients of the level", (f"{cell}.n", twin), r.same)


def _flow(record: Record) -> Iterator[Relation]:
    for arm in (*ARMS, "total"):
        steps = [f"results.{row}.{arm}.count" for row in ("randomized", "treated", "not_treated")]
        yield Relation("flow", tuple(steps), r.total)
        reasons = [f"results.not_treated.{x}.{arm}.count" for x in ("choice", "violation")]
        yield Relation("reasons", (steps[2], *reasons), r.total)
    for name, k in (("minimum", min), ("maximum", max)):
        ages = tuple(f"table1.age.{a}.{name}" for a in ("total", *ARMS))
        yield Relation("range of all", ages, r.extreme(k))


def _adverse_events(record: Record) -> Iterator[Relation]:
    def cells(row: str, arm: str, *grades: str) -> tuple[str, ...]:
        names = [g if g == "any" else f"grade{g}" for g in grades]
        return tuple(f"table2.{row}.{arm}.{name}.count" for name in names)

    rows = {e.row: e.within for e in record.entries.values() if e.block == "table2"}
    for arm in ARMS:
        severe = f"safety.teae.grade3.{arm}.count"
        yield Relation("sum of grades", (severe, *cells("any", arm, *GRADES)), r.total)
        for row, within in rows.items():
            every = cells(row, arm, *GRADES, "any")
            yield Relation("grades", every, r.at_most)
            if within:
                for k in range(3):
                    pair = (*every[k:3], *cells(within, arm, *GRADES[k:]))
                    yield Relation("class", pair, _no_more(3 - k))
                yield Relation("class", (every[3], *cells(within, arm, "any")), r.at_most)
        classes = [row for row, within in rows.items() if within == "any"]
        for grade in ("any", *GRADES):
            union = [cells(row, arm, grade)[0] for row in ("any", *classes)]
            yield Relation("union", tuple(union), _no_more(1))


def _no_more(k: int) -> r.Test:
    """The sum of the first ``k`` does not exceed that of the rest."""
    return lambda b: sum(x[0] for x in b[:k]) <= sum(x[0] for x in b[k:])


def _repeats(record: Record) -> Iterator[Relation]:
    by_row: dict[str, list[Entry]] = {}
    for e in record.entries.values():
        by_row.setdefault(f"{e.block}.{e.row}", []).append(e)
    for e in record.entries.values():
        for row in e.same_as:
            for twin in by_row.get(row, []):
                alike = (e.part, e.measure, e.arm) == (twin.part, twin.measure, twin.arm)
                if alike and e.printed and (e.grade or "any") == (twin.grade or "any"):
                    yield Relation("printed twice", (e.id, twin.id), r.same)


def _intervals(record: Record) -> Iterator[Relation]:
    for cell, _ in _cells(record, "lower"):
        yield Relation("order", parts(cell, *TRIPLE), r.ordered)
    for cell, _ in _cells(record, "minimum"):
        yield Relation("order", parts(cell, "median", "minimum", "maximum"), r.ordered)


def _ratios(record: Record) -> Iterator[Relation]:
    for cell, e in _cells(record, "estimate"):
        if e.measure not in ("hazard ratio", "odds ratio"):
            continue
        level = e.level
        if e.measure == "hazard ratio" or e.test == "Wald":
            yield Relation("Wald interval", parts(cell, *TRIPLE), r.wald_ratio)
        if e.test == "Wald":
            yield Relation("Wald P", parts(cell, *TRIPLE, "p"), r.wald_p(level))
        if e.measure == "hazard ratio":
            events = [f"results.{str(e.endpoint).lower()}.events.{a}.count" for a in ARMS]
            if e.block == "figure3":
                row = cell.removesuffix(".hazard_ratio")
                events = [f"{row}.{a}.events.events" for a in ARMS]
            limits = parts(cell, "lower", "upper")
            yield Relation("least SE", (*limits, *events), r.least_se(level))


def _medians(record: Record) -> Iterator[Relation]:
    for cell, e in _cells(record, "estimate"):
        if e.measure == "rate":
            level, n = e.level, record.size("randomized", str(e.arm)).id
            yield Relation("log-log interval", parts(cell, *TRIPLE), r.log_log)
            yield Relation("effective number", (*parts(cell, *TRIPLE), n), r.enough_patients(level))
            middle = f"results.pfs.median.{e.arm}.estimate"
            test = r.landmark_median(float(str(e.time)))
            yield Relation("rate and median", (f"{cell}.estimate", middle), test)


def _responses(record: Record) -> Iterator[Relation]:
    for cell, e in _cells(record, "estimate"):
        level = e.level
        if e.measure == "response rate":
            n = record.size("randomized", str(e.arm)).id
            exact = r.clopper_pearson(level)
            yield Relation("Clopper-Pearson", (*parts(cell, *TRIPLE), n), exact)
            patients = f"results.{str(e.endpoint).lower()}.patients.{e.arm}.count"
            yield Relation("responders", (f"{cell}.estimate", patients, n), r.share)
        elif e.measure == "odds ratio":
            rates = [f"results.cbr.{a}.estimate" for a in ARMS]
            sizes = [record.size("randomized", a).id for a in ARMS]
            tables = (rates[0], sizes[0], rates[1], sizes[1])
            yield Relation("Woolf", (*parts(cell, "lower", "upper"), *tables), r.woolf(level))
            if e.reference == "control":
                yield Relation("direction", (f"{cell}.estimate", *rates), r.direction)


def _differences(record: Record, log_log_tests: Set[str]) -> Iterator[Relation]:
    for cell, e in _cells(record, "estimate"):
        if e.measure != "difference":
            continue
        rates = [x for a in ARMS for x in parts(f"results.pfs.rate_{e.time}.{a}", *TRIPLE)]
        level, double = e.level, cell in log_log_tests
        for part in (*TRIPLE, "p"):
            test = r.difference(part, level, double)
            yield Relation("difference", (*rates, f"{cell}.{part}"), test)
