"""Which printed numbers no patient table can give back, and why: what the audit has shown."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from math import exp, inf, log, sqrt
from typing import NamedTuple

from palmira.audit import audit
from palmira.audit.counts import counts_behind
from palmira.audit.odds import tables_of
from palmira.record import Record
from palmira.record.record import Interval
from palmira.statistics.estimates import critical, two_sided_p
from palmira.statistics.hazard_ratios import smallest_se, smallest_se_of_total
from palmira.statistics.proportions import clopper_pearson, odds_ratio

# What multiplies a printed log ratio and its standard error before it is an ordinary one.
SCALES = {"full": sqrt(2), "neutral": 1.0}
# Checks whose verdict on an entry says that it contradicts other entries.
CONTRADICTIONS = ("A3", "A6", "A7", "C8", "C10", "C11", "C12", "C13")
# A logistic model's standard error may be this much smaller than the raw table's (see check C5).
SLACK = 0.995
# Nowhere but here a judgment of ours: by scale the entry, the print that was judged, the reason.
HALFWAY = (
    "not by the rule that takes the first time: then only one of the four patients has had an "
    "event when the lower limit of the whole arm is reached, and in every order of events and "
    "censorings that the arm's landmarks leave the lower limit on fulvestrant would come as early, "
    "which is printed later; halfway between two times, as R and SAS take a median where a curve "
    "stands at one half exactly, it is free"
)
CROWDED = (
    "the counts give a smaller ratio; of all tables of arm, two strata and benefit with the "
    "printed margins only those in which nearly every patient on letrozole benefits adjust it to "
    "this, and the printed median PFS on letrozole leaves no room for so many"
)
LETROZOLE = ("figure3.endocrine.letrozole.et.median.estimate", "3.1", HALFWAY)
JUDGED = {
    "full": [LETROZOLE],
    "neutral": [LETROZOLE, ("contrasts.cbr.odds_ratio.estimate", "0.62", CROWDED)],
}


class Reason(NamedTuple):
    """Why a number is not attainable: in words that its kind shares, and with its numbers."""

    why: str
    reason: str


Reasons = Iterator[tuple[str, Reason]]


def why_not(record: Record, scale: str) -> dict[str, Reason]:
    """Reason by entry id, for the printed numbers that are not attainable on a scale.

    ``scale`` is "full" (printed log ratios are the ordinary ones over sqrt(2)) or "neutral".
    Raises ``ValueError`` for another scale.
    """
    if scale not in SCALES:
        raise ValueError(f"unknown scale {scale!r}: use {' or '.join(SCALES)}")
    reasons: dict[str, Reason] = {}
    contradictions = list(_contradictions(record))
    for id, reason in chain(
        _judged(record, scale),
        contradictions,
        _shares(record, {id for id, _ in contradictions}),
        _exact_limits(record),
        _narrow_hazard_ratios(record, scale),
        _narrow_odds_ratios(record, scale),
        _differences(record),
    ):
        reasons.setdefault(id, reason)
    return reasons


def _judged(record: Record, scale: str) -> Reasons:
    for id, text, reason in JUDGED[scale]:
        if id in record.entries and record[id].text == text:
            yield id, Reason(reason, reason)


def _contradictions(record: Record) -> Reasons:
    for check in audit(record, only=CONTRADICTIONS):
        if check.entry in record.entries and check.verdict in ("inconsistent", "impossible"):
            why, would = "contradicts other numbers in print", ""
            if check.id in ("A3", "A6", "A7"):
                whole = check.found.value.is_integer()
                would = f"; would be {f'{check.found.value:.0f}' if whole else check.recomputed}"
            yield check.entry, Reason(why, f"{why}: {check.detail}{would}")


def _shares(record: Record, wrong: set[str]) -> Reasons:
    """Percents that their count does not print as; where the count itself contradicts others (is
    ``wrong``) the percent may well be right."""
    for check in audit(record, only=("A1", "A2")):
        cell = record.cell(record[check.entry])
        counts = {cell[p].id for p in ("count", "events", "n") if p in cell}
        if check.verdict in ("rounding", "inconsistent") and not counts & wrong:
            why = "not the percent of its count"
            yield check.entry, Reason(why, f"{why}: {check.detail}")


def _exact_limits(record: Record) -> Reasons:
    """Limits of a response rate that are not Clopper and Pearson's of any count that fits it."""
    for e in record.chosen:
        cell = record.cell(e)
        if e.measure != "response rate" or e.part != "estimate" or "lower" not in cell:
            continue
        if e.printed is None or not e.population or not e.arm:
            continue
        n = int(record.size(e.population, e.arm).value)
        counts = [k for found in counts_behind(e.printed, n) for k in found]
        exact = [clopper_pearson(k, n, e.level) for k in counts]
        if not counts:
            yield e.id, Reason("no whole number prints so", f"no whole number of {n} prints so")
        for part in ("lower", "upper"):
            printed = cell[part].printed
            limits = [100 * getattr(x, part) for x in exact]
            if printed and limits and not any(printed.rounds_from(x) for x in limits):
                counted = " or ".join(map(str, counts))
                why = "not the exact limit"
                yield cell[part].id, Reason(why, f"{why} of {counted} of {n}")


def _narrow_hazard_ratios(record: Record, scale: str) -> Reasons:
    """Limits and P values that the least standard error of a Cox model rules out (check C3)."""
    for ratio in record.ratios("hazard ratio"):
        events = record.events_behind(ratio.estimate)
        d = events.numbers
        if not d or min(d) <= 0 or ratio.estimate.quotes:
            continue
        least = smallest_se(*d) if len(d) == 2 else smallest_se_of_total(sum(d))
        yield from _narrow(ratio, least, ("the events", events.text), scale)


def _narrow_odds_ratios(record: Record, scale: str) -> Reasons:
    """The same of odds ratios: no model-based standard error is below the raw table's (C5)."""
    for ratio in record.ratios("odds ratio"):
        table = tables_of(record, ratio.estimate)
        if not table:
            continue
        (ks, n), (cs, m) = table["experimental"], table["control"]
        errors = [odds_ratio(k, n, c, m)[1] for k in ks for c in cs if 0 < k < n and 0 < c < m]
        if errors:
            yield from _narrow(ratio, min(errors), ("the arms' counts",) * 2, scale, SLACK)


def _narrow(
    ratio: Interval, least: float, words: tuple[str, str], scale: str, slack: float = 1.0
) -> Reasons:
    """``words``: what allows no more, without its numbers and with them."""
    factor = SCALES[scale]
    estimate, lower, upper = ratio.prints
    widest = factor * ratio.se_range[1]
    if widest < slack * least - 1e-9:
        why, reason = (f"narrower than {x} allow" for x in words)
        reason += f": a standard error of {least:.3f} at least, {widest:.3f} at most in print"
        half = critical(ratio.level) * least / factor
        if estimate.high * exp(-half) < lower.low:
            yield ratio.lower.id, Reason(why, reason)
        if estimate.low * exp(half) > upper.high:
            yield ratio.upper.id, Reason(why, reason)
    p = ratio.p
    if p is not None and p.printed is not None and p.printed.exact is not None:
        far = max(abs(log(max(x, 1e-9))) for x in (estimate.low, estimate.high))
        smallest = two_sided_p(factor * far / least) * (0.5 if p.sided == "one" else 1)
        if smallest > p.printed.high:
            why, reason = (f"{x} allow no P value" for x in words)
            yield p.id, Reason(f"{why} so small", f"{reason} below {smallest:.3f} at this ratio")


def _differences(record: Record) -> Reasons:
    """P values of a difference of rates that its own Wald interval does not give."""
    for e in record.chosen:
        cell = record.cell(e)
        p = cell.get("p")
        if e.measure != "difference" or e.part != "estimate" or p is None or p.printed is None:
            continue
        estimate, lower, upper = record.interval(e.cell).prints
        width = 2 * critical(e.level)
        least, most = (upper.low - lower.high) / width, (upper.high - lower.low) / width
        if least <= 0:
            continue
        near, far = sorted((abs(estimate.low), abs(estimate.high)))
        near = 0.0 if estimate.low <= 0 <= estimate.high else near
        low, high = two_sided_p(far / least), two_sided_p(near / most)
        high = inf if p.printed.bound in (">", "≥") else high
        if not low <= p.printed.high or not p.printed.low <= high:
            why = "the difference and its limits give"
            yield p.id, Reason(f"{why} another", f"{why} {low:.3f} to {high:.3f} (Wald)")
