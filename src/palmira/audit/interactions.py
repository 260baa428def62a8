"""Checks of a factor's subgroups: their pool and the test of interaction (C10)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import exp, log, sqrt

from scipy.stats import norm

from palmira.audit.check import Check, Found, Verdict
from palmira.audit.ratios import p_as_z
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.record import Interval

# Differences of z between a joint interaction model and two separate subgroup models: 1 in 20 of
# simulated trials exceeds the first; none with ten events in each cell reached the second.
INTERACTION_USUAL, INTERACTION_MOST, FEW_EVENTS = 0.4, 1.5, 10


def c10_subgroups(record: Record) -> Iterator[Check]:
    """A factor's subgroups: their pooled hazard ratio against the overall one, and interaction P.

    Inputs: the hazard ratios of all levels with intervals, the overall one, the interaction P. The
    pool weighs by inverse variance; beyond half an overall standard error it is ``information``.
    The interaction's z (Altman and Bland, BMJ 2003;326:219) differs from that of the paper's joint
    model: up to 0.4 is usual, more is ``information``. It is ``inconsistent`` where the P repeats
    that of another factor to its third decimal, or beyond 1.5 with ten events in each cell. A
    common factor on all ratios cancels.
    """
    groups: dict[tuple[str, str], list[Interval]] = {}
    for ratio in record.ratios("hazard ratio"):
        if ratio.estimate.factor:
            groups.setdefault((ratio.estimate.block, ratio.estimate.factor), []).append(ratio)
    for (block, factor), ratios in groups.items():
        if len(ratios) < 2:
            continue
        if overall := record.whole(ratios[0].estimate):
            whole = record.interval(overall.cell)
            weights = [1 / r.se**2 for r in ratios]
            sums = (w * log(r.estimate.value) for w, r in zip(weights, ratios, strict=True))
            pooled = sum(sums) / sum(weights)
            near = abs(pooled - log(whole.estimate.value)) <= whole.se / 2
            verdict: Verdict = "consistent" if near else "information"
            id, how = f"{block}.{factor}", f"inverse-variance pool over {factor}"
            found = Found.number(exp(pooled), 2)
            yield Check("C10", id, verdict, whole.estimate.text, found, how)
        tests = record.where(block=block, column="interaction", part="p", factor=factor)
        if tests and len(ratios) == 2 and tests[0].printed:
            yield _interaction(record, tests[0], ratios)


def _interaction(record: Record, test: Entry, ratios: list[Interval]) -> Check:
    one, other = (r.estimate.rounding for r in ratios)
    se = sqrt(sum(r.se**2 for r in ratios))
    corners = product((one.low, one.high), (other.low, other.high))
    zs = [log(a / b) / se for a, b in corners]
    least = 0.0 if min(zs) <= 0 <= max(zs) else min(map(abs, zs))
    z = abs(log(one.value / other.value)) / se
    printed = p_as_z(test.rounding)
    gap = max(0.0, least - printed.high, printed.low - max(map(abs, zs)))
    verdict: Verdict = "information" if gap > INTERACTION_USUAL else "consistent"
    how = f"z = {z:.2f} from the subgroups, {norm.isf(test.value / 2):.2f} from the printed P"
    remark = ""
    few = min(d for r in ratios for d in record.events_behind(r.estimate).numbers or [test.value])
    same = record.where(block=test.block, column=test.column, part=test.part, text=test.text)
    same.remove(test)
    if gap > INTERACTION_USUAL and same and test.rounding.decimals >= 3:
        verdict, remark = "inconsistent", f"the same P is reported for {same[0].factor}"
    elif gap > INTERACTION_MOST and few >= FEW_EVENTS:
        verdict = "inconsistent"
    found = Found.number(2 * float(norm.sf(z)), 3)
    return Check("C10", test.id, verdict, test.text, found, how, remark)
