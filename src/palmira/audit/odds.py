"""Checks of odds ratios against the arms' counts: C5 and C6."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import inf, log
from typing import NamedTuple

from palmira.audit.check import Check, Found, Verdict
from palmira.audit.counts import counts_behind
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.record import ROLES
from palmira.statistics.proportions import odds_ratio

# Within this of no effect, on the log scale, covariates may turn an odds ratio round.
SAME_SIDE = 0.2


class Responders(NamedTuple):
    """The counts of responders of an arm that fit its printed rate, and its patients."""

    counts: list[int]
    n: int


def tables_of(record: Record, entry: Entry) -> dict[str, Responders]:
    """The responders behind an odds ratio by the arm's role; empty unless both arms have any."""
    table: dict[str, Responders] = {}
    alike = {"endpoint": entry.endpoint, "population": entry.population}
    for e in record.where(measure="response rate", part="estimate", **alike):
        if e.printed and (size := record.patients(e)):
            rounded, cut = counts_behind(e.printed, int(size.value))
            table[record.roles[str(e.arm)]] = Responders(rounded + cut, int(size.value))
    full = all(role in table for role in ROLES)
    return table if full and all(arm.counts for arm in table.values()) else {}


def c5_odds_ratio(record: Record) -> Iterator[Check]:
    """An odds ratio against the raw one of the arms' counts, its SE against Woolf's.

    Inputs: odds ratio and limits with rounding, counts by arm (all that fit the printed rates).
    Adjusting a logistic model does not lower its model-based standard error (Robinson and Jewell,
    Int Stat Rev 1991;59:227; at the maximum likelihood estimate by the same argument as C3's), so
    limits narrower than Woolf's by more than 0.5% are ``inconsistent``. Robust errors, and marginal
    odds ratios standardized over covariates, may be narrower. A differing estimate is
    ``information``, for covariates and the reference arm may not be stated.
    """
    for ratio in record.ratios("odds ratio"):
        table = tables_of(record, ratio.estimate)
        one, other = (table.get(role, Responders([], 0)) for role in ROLES)
        filled = [
            (a, b)
            for a, b in product(one.counts, other.counts)
            if 0 < a < one.n and 0 < b < other.n
        ]
        if not filled:
            what = "the arms' counts do not follow from the record, or one is empty"
            yield Check.lacking("C5", ratio.estimate.id, ratio.text(), what)
            continue
        a, b = filled[0]
        turned = (a / one.n - b / other.n) * (ratio.estimate.value - 1) < 0
        raws = [
            odds_ratio(b, other.n, a, one.n) if turned else odds_ratio(a, one.n, b, other.n)
            for a, b in filled
        ]
        raw, se, p = raws[0]
        arms = " to ".join(reversed(ROLES) if turned else ROLES)
        meets = any(ratio.estimate.rounding.rounds_from(raw.value) for raw, _, _ in raws)
        verdict: Verdict = "consistent" if meets else "information"
        found = Found("{value:.2f} ({lower:.2f} to {upper:.2f})", raw.value, raw.lower, raw.upper)
        remark = f"P = {p:.3f}"
        remark += "" if meets else "; covariates and reference arm may explain a difference"
        how = f"raw counts, {arms}"
        yield Check("C5", ratio.estimate.id, verdict, ratio.estimate.text, found, how, remark)
        widest = ratio.se_range[1] if ratio.lower.rounding.low > 0 else inf
        verdict = "inconsistent" if widest < 0.995 * min(se for _, se, _ in raws) else "consistent"
        how = f"SE at most {widest:.3f} by the limits, {se:.3f} in the raw table (Woolf)"
        found = Found.span(raw.lower, raw.upper)
        yield Check("C5", ratio.cell, verdict, ratio.text(), found, how)


def c6_direction(record: Record) -> Iterator[Check]:
    """An odds ratio points the way the arms differ.

    Inputs: odds ratio, response rates, the reference arm. Where that is stated, a ratio clearly on
    the other side of 1 is ``inconsistent``. It seldom is: then a ratio that is not experimental to
    control is ``information``.
    """
    for ratio in record.ratios("odds ratio"):
        entry, table = ratio.estimate, tables_of(record, ratio.estimate)
        if not table:
            continue
        arms = [table[role] for role in ROLES]
        one, other = (arm.counts[0] / arm.n for arm in arms)
        gap = one - other
        agrees = (gap if entry.reference != "experimental" else -gap) * (entry.value - 1) >= 0
        verdict: Verdict = "consistent" if agrees else "information"
        how = f"{'more' if gap > 0 else 'no more'} patients respond in the experimental arm"
        odds = [(arm.counts[0] + 0.5) / (arm.n - arm.counts[0] + 0.5) for arm in arms]
        far = min(abs(log(odds[0] / odds[1])), abs(log(entry.value))) > SAME_SIDE
        remark = ""
        if not agrees and entry.reference and far:
            verdict, remark = "inconsistent", f"the reference arm is {entry.reference}"
        elif not agrees:
            remark = "the ratio is control to experimental, or of no benefit"
        found = Found(f"{100 * one:.1f}% v {100 * other:.1f}%", 100 * gap)
        yield Check("C6", entry.id, verdict, entry.text, found, how, remark)
