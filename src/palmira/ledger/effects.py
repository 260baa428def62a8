"""Hazard ratios, odds ratios and differences, computed anew from the same record.

Each rule takes a record and yields findings. Nothing here names a trial.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, product
from math import log

from scipy.stats import norm

from palmira.entries import Entry
from palmira.estimates import log_se
from palmira.hazard_ratios import neutral, smallest_se, smallest_se_of_total, wald_p
from palmira.landmarks import Landmark, difference, from_interval, log_log_p
from palmira.ledger.finding import Finding, compare
from palmira.proportions import count_from_percent, odds_ratio
from palmira.record import Record

# How far the z of two subgroups' own models may lie from that of a joint interaction model.
INTERACTION_SLACK = 0.15
UNSTATED_MODEL = "the covariates of the model and its reference arm are not stated"


def events_of(record: Record, entry: Entry) -> tuple[list[Entry], bool]:
    """Events behind a ratio: by arm where they are printed, else the total; and whether they are
    those of the same analysis (otherwise they are only an upper bound)."""
    parts = ("events", "count")
    rows = [e for e in record.entries.values()
            if e.measure == "events" and e.part in parts and not e.version]  # fmt: skip
    roles = {k: a.role for k, a in record.sheet.arms.items()}

    def pick(candidates: list[Entry]) -> list[Entry]:
        arms = {
            e.arm: e for e in candidates if e.arm and roles[e.arm] in ("experimental", "control")
        }
        if len(arms) == 2:
            return sorted(arms.values(), key=lambda e: roles[str(e.arm)] != "experimental")
        return [e for e in candidates if e.arm and roles[e.arm] == "total"][:1]

    own = pick([e for e in rows if (e.block, e.row) == (entry.block, entry.row)])
    if own:
        return own, True
    same = [e for e in rows if e.endpoint == entry.endpoint and e.analysis == entry.analysis]
    found = pick([e for e in same if (e.factor, e.category) == (entry.factor, entry.category)])
    if found:
        return found, True
    if entry.factor is None and entry.analysis is not None:
        later = [e for e in rows if e.endpoint == entry.endpoint and e.factor is None
                 and e.analysis == "final"]  # fmt: skip
        total = [e for e in later if e.arm and roles[e.arm] == "total"]
        return total[:1], False
    return [], False


def hazard_ratio_rows(record: Record) -> Iterator[tuple[dict[str, Entry], list[Entry], bool]]:
    """Each printed hazard ratio: its parts, its events, and whether they are its own."""
    for entry in record.entries.values():
        if entry.measure == "hazard ratio" and entry.part == "estimate" and not entry.version:
            yield (record.cell(entry), *events_of(record, entry))


def hazard_ratio_limits(record: Record) -> Iterator[Finding]:
    """Limits of a hazard ratio against the least standard error that its events allow; its P."""
    for cell, events, own in hazard_ratio_rows(record):
        estimate, lower, upper = cell["estimate"], cell["lower"], cell["upper"]
        level = float(estimate.interval_level or 95)
        if not lower.printed or not upper.printed or not estimate.printed:
            continue
        if events:
            widest = log_se(lower.printed.low, upper.printed.high, level)
            d = [e.value for e in events]
            least = smallest_se(*d) if len(d) == 2 else smallest_se_of_total(d[0])
            number = " and ".join(e.text for e in events)
            which = f"{'' if own else 'at most '}{number} events"
            if widest < least:
                even = d if len(d) == 2 else [d[0] / 2, d[0] / 2]
                wide = neutral(estimate.value, even[0], even[1], level)
                for part, value in ((lower, wide.lower), (upper, wide.upper)):
                    yield Finding(
                        part.id, f"{value:.2f}", f"printed estimate, least SE of {which}",
                        "inconsistent",
                        f"SE {widest:.3f} at most in print, {least:.3f} at least with {which}",
                    )  # fmt: skip
            else:
                for part in (lower, upper):  # not ruled out, and not computed either
                    yield Finding(
                        part.id, "", f"least SE of {which}", "not recomputable",
                        f"SE {widest:.3f} at most in print, {least:.3f} at least with {which}: "
                        "compatible; the limit itself needs the patients' data",
                    )  # fmt: skip
        if "p" in cell and cell["p"].printed and not cell["p"].printed.bound:
            p = wald_p(estimate.value, log_se(lower.value, upper.value, level))
            ends = [
                wald_p(e, log_se(a, b, level))
                for e in (estimate.printed.low, estimate.printed.high)
                for a, b in ((lower.printed.low, upper.printed.high),
                             (lower.printed.high, upper.printed.low))
            ]  # fmt: skip
            yield _p(cell["p"], p, min(ends), max(ends), "Wald test from ratio and interval")


def _p(entry: Entry, p: float, low: float, high: float, method: str) -> Finding:
    """A P value against the range that rounding of its sources allows."""
    assert entry.printed is not None
    meets = low <= entry.printed.high and entry.printed.low <= high
    text = f"{p:.3f} ({low:.3f} to {high:.3f} with rounding)"
    reason = "" if meets else "outside what rounding allows; another test may be behind it"
    return Finding(entry.id, text, method, "reproduced" if meets else "inconsistent", reason)


def interactions(record: Record) -> Iterator[Finding]:
    """Interaction P values from a factor's two printed hazard ratios (Altman and Bland 2003)."""
    rows = [c for c, _, _ in hazard_ratio_rows(record) if c["estimate"].factor]
    tests = {
        (e.block, e.factor): e
        for e in record.entries.values()
        if e.part == "p" and e.column == "interaction" and e.printed
    }
    for one, other in combinations(rows, 2):
        a, b = one["estimate"], other["estimate"]
        test = tests.get((a.block, a.factor))
        if a.factor != b.factor or a.block != b.block or test is None:
            continue
        assert a.printed and b.printed and test.printed
        variance = sum(log_se(c["lower"].value, c["upper"].value) ** 2 for c in (one, other))
        ends = [
            abs(log(x / y)) / variance**0.5
            for x, y in product((a.printed.low, a.printed.high), (b.printed.low, b.printed.high))
        ]
        z = abs(log(a.value / b.value)) / variance**0.5
        printed = float(norm.isf(test.value / 2))
        agrees = min(ends) - INTERACTION_SLACK <= printed <= max(ends) + INTERACTION_SLACK
        yield Finding(
            test.id, f"{2 * norm.sf(z):.3f}", "z test between the printed subgroups",
            "reproduced" if agrees else "inconsistent",
            "" if agrees else f"z = {z:.2f} from the subgroups, {printed:.2f} from the printed P",
        )  # fmt: skip


def landmark_differences(record: Record) -> Iterator[Finding]:
    """A difference of landmark rates, its limits and P, from the arms' rates and limits."""
    entries = list(record.entries.values())
    roles = {k: a.role for k, a in record.sheet.arms.items()}
    for entry in entries:
        if entry.measure != "difference" or entry.part != "estimate" or not entry.time:
            continue
        arms = {
            roles[str(e.arm)]: record.cell(e)
            for e in entries
            if e.measure == "rate" and e.part == "estimate" and e.arm and not e.version
            and (e.endpoint, e.time, e.analysis) == (entry.endpoint, entry.time, entry.analysis)
        }  # fmt: skip
        if not {"experimental", "control"} <= set(arms):
            continue
        level = float(entry.interval_level or 95)
        marks = [_landmarks(arms[role], level) for role in ("experimental", "control")]
        corners = [difference(a, b, level) for a, b in product(*marks)]
        cell = record.cell(entry)
        central = difference(marks[0][0], marks[1][0], level)
        for part in ("estimate", "lower", "upper"):
            name = "value" if part == "estimate" else part
            values = [100 * getattr(c, name) for c, _ in corners]
            printed = cell[part].printed
            assert printed
            meets = min(values) <= printed.high and printed.low <= max(values)
            yield Finding(
                cell[part].id, f"{100 * getattr(central[0], name):.1f}",
                "arms' rates and log-log limits, linear scale",
                "reproduced" if meets else "inconsistent",
                "" if meets else f"{min(values):.1f} to {max(values):.1f} with rounding",
            )  # fmt: skip
        if "p" in cell and cell["p"].printed:
            plain = [p for _, p in corners]
            double = [log_log_p(a, b) for a, b in product(*marks)]
            printed = cell["p"].printed
            scale = next(
                (s for s, ps in (("linear", plain), ("log-log", double))
                 if min(ps) <= printed.high and printed.low <= max(ps)),
                None,
            )  # fmt: skip
            yield Finding(
                cell["p"].id, f"{central[1]:.3f} linear, {log_log_p(marks[0][0], marks[1][0]):.3f} "
                "log-log", f"arms' rates and limits{f', {scale} scale' if scale else ''}",
                "reproduced" if scale else "inconsistent",
            )  # fmt: skip


def _landmarks(cell: dict[str, Entry], level: float) -> list[Landmark]:
    """The printed landmark, then the corners of its rounding box."""
    parts = [cell[p].printed for p in ("estimate", "lower", "upper")]
    boxes = [(p.low / 100, p.high / 100) for p in parts if p]
    exact = [p.value / 100 for p in parts if p]
    return [from_interval(s, low, up, level) for s, low, up in (exact, *product(*boxes))]


def response_odds_ratios(record: Record) -> Iterator[Finding]:
    """An odds ratio against the raw one from the arms' counts; its SE against Woolf's.

    A model that adjusts cannot report a smaller standard error than the raw table, so limits that
    are narrower are inconsistent with a logistic model of these counts.
    """
    entries = list(record.entries.values())
    roles = {k: a.role for k, a in record.sheet.arms.items()}
    for entry in entries:
        if entry.measure != "odds ratio" or entry.part != "estimate" or not entry.printed:
            continue
        table: dict[str, tuple[int, int]] = {}
        for e in entries:
            same = (e.endpoint, e.population) == (entry.endpoint, entry.population)
            if same and e.measure == "response rate" and e.part == "estimate" and e.arm:
                n = int(record.size(str(e.population), e.arm).value)
                fits = count_from_percent(e.value, e.printed.half_unit, n) if e.printed else []
                if len(fits) == 1:
                    table[roles[e.arm]] = (fits[0], n)
        if not {"experimental", "control"} <= set(table):
            continue
        raw, se, p = odds_ratio(*table["experimental"], *table["control"])
        if (raw.value - 1) * (entry.value - 1) < 0:  # printed the other way round
            raw, se, p = odds_ratio(*table["control"], *table["experimental"])
        cell = record.cell(entry)
        lower, upper = cell["lower"], cell["upper"]
        assert lower.printed and upper.printed
        widest = log_se(lower.printed.low, upper.printed.high, float(entry.interval_level or 95))
        yield Finding(
            entry.id, raw.text(), "raw counts of the arms, control to experimental",
            "reproduced" if entry.printed.rounds_from(raw.value) else "unsettled",
            UNSTATED_MODEL,
        )  # fmt: skip
        for part, value in ((lower, raw.lower), (upper, raw.upper)):
            yield Finding(
                part.id, f"{value:.2f}", "Woolf's interval of the raw counts",
                "inconsistent" if widest < se else "unsettled",
                f"SE {widest:.3f} at most in print, {se:.3f} in the raw table"
                if widest < se else "",
            )  # fmt: skip
        if "p" in cell and cell["p"].printed:
            found = compare(cell["p"], p, "Wald test of the raw counts")
            if found.verdict != "reproduced":
                found = replace(found, verdict="unsettled", reason=UNSTATED_MODEL)
            yield found
