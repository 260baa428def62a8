"""Checks of a factor's subgroups: their pool and the test of interaction (C10)."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import exp, log, sqrt

from scipy.stats import norm

from palmira.audit.check import Check, Verdict
from palmira.audit.counts import chosen
from palmira.audit.ratios import events_of, level_of, p_as_z, prints, ratio_rows
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.statistics.estimates import log_se

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
    rows = [c for c in ratio_rows(record, "hazard ratio") if c["estimate"].factor]
    groups: dict[tuple[str, str], list[dict[str, Entry]]] = {}
    for c in rows:
        groups.setdefault((c["estimate"].block, str(c["estimate"].factor)), []).append(c)
    for (block, factor), cells in groups.items():
        if len(cells) < 2:
            continue
        logs = [log(c["estimate"].value) for c in cells]
        ses = [log_se(c["lower"].value, c["upper"].value, level_of(c)) for c in cells]
        overall = record.entries.get(f"{block}.all.{cells[0]['estimate'].column}.estimate")
        if overall is not None:
            weights = [1 / s**2 for s in ses]
            pooled = sum(w * x for w, x in zip(weights, logs, strict=True)) / sum(weights)
            whole = record.cell(overall)
            se = log_se(whole["lower"].value, whole["upper"].value, level_of(whole))
            near = abs(pooled - log(overall.value)) <= se / 2
            verdict: Verdict = "consistent" if near else "information"
            how = f"inverse-variance pool over {factor}"
            yield Check(
                "C10", f"{block}.{factor}", verdict, overall.text, f"{exp(pooled):.2f}", how
            )
        key = (block, factor, "p", "interaction")
        tests = [e for e in chosen(record) if (e.block, e.factor, e.part, e.column) == key]
        if tests and len(cells) == 2 and tests[0].printed:
            yield _interaction(record, tests[0], cells, ses)


def _interaction(
    record: Record, test: Entry, cells: list[dict[str, Entry]], ses: list[float]
) -> Check:
    boxes = [prints(c)[0] for c in cells]
    se = sqrt(ses[0] ** 2 + ses[1] ** 2)
    zs = [log(a / b) / se for a, b in product(*((x.low, x.high) for x in boxes))]
    low = 0.0 if min(zs) <= 0 <= max(zs) else min(map(abs, zs))
    z = abs(log(boxes[0].value / boxes[1].value)) / se
    assert test.printed
    ends = p_as_z(test.printed)
    gap = max(0.0, low - ends[1], ends[0] - max(map(abs, zs)))
    verdict: Verdict = "information" if gap > INTERACTION_USUAL else "consistent"
    how = f"z = {z:.2f} from the subgroups, {norm.isf(test.value / 2):.2f} from the printed P"
    few = min(e.value for c in cells for e in events_of(record, c["estimate"])[0] or [test])
    others = [e for e in chosen(record)
              if (e.block, e.part, e.column) == (test.block, "p", "interaction") and e != test
              and e.text == test.text and test.printed.decimals >= 3]  # fmt: skip
    if gap > INTERACTION_USUAL and others:
        verdict, how = "inconsistent", f"{how}; the same P is printed for {others[0].factor}"
    elif gap > INTERACTION_MOST and few >= FEW_EVENTS:
        verdict = "inconsistent"
    return Check("C10", test.id, verdict, test.text, f"{2 * norm.sf(z):.3f}", how)
