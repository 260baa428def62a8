"""Checks of hazard and odds ratios with their intervals and P values: C1 to C3 and C10."""

from __future__ import annotations

from collections.abc import Iterator
from math import log, sqrt

from scipy.stats import norm

from palmira.audit.check import Check, Verdict, boxes_meet
from palmira.audit.counts import chosen
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.printed import Printed
from palmira.statistics.estimates import log_se
from palmira.statistics.hazard_ratios import neutral, smallest_se, smallest_se_of_total, wald_p

RATIOS = ("hazard ratio", "odds ratio", "risk ratio")
# Differences of z that a log-rank P may show against the interval of a Cox model: in thousands of
# simulated trials 99 in 100 stay below 0.5 (stratified) to 1.3, and hardly any reaches this.
OTHER_TEST = 1.5
# Least robust standard error over the model-based bound seen in simulations, by patients; a row's
# events count as three quarters of its patients.
ROBUST = ((150, 0.86), (60, 0.81), (25, 0.76), (0, 0.53))


def ratio_rows(record: Record, *measures: str) -> Iterator[dict[str, Entry]]:
    """Cells of ratios that have an interval with two positive limits."""
    for entry in chosen(record):
        if entry.measure not in (measures or RATIOS) or entry.part != "estimate":
            continue
        cell = record.cell(entry)
        limits = [cell[p].printed for p in ("lower", "upper") if p in cell]
        if len([x for x in limits if x is not None and x.exact is not None and x.value > 0]) == 2:
            yield cell


def prints(cell: dict[str, Entry]) -> tuple[Printed, Printed, Printed]:
    """Estimate and limits as printed."""
    found = [cell[p].printed for p in ("estimate", "lower", "upper")]
    estimate, lower, upper = found
    assert estimate and lower and upper
    return estimate, lower, upper


def level_of(cell: dict[str, Entry]) -> float:
    """Level of the interval in percent, as printed; 95 where none is."""
    return float(cell["estimate"].interval_level or 95)


def interval_text(cell: dict[str, Entry]) -> str:
    """A ratio as printed: 0.84 (0.66 to 1.07)."""
    return f"{cell['estimate']} ({cell['lower']} to {cell['upper']})"


def stem(cell: dict[str, Entry]) -> str:
    """Id of the cell without the part."""
    return cell["estimate"].cell


def _unit(printed: Printed) -> tuple[float, float]:
    """What a number may have been if the print was cut off."""
    return printed.value, printed.value + 2 * printed.half_unit


def p_as_z(p: Printed, half: float = 1.0, cut: bool = False) -> tuple[float, float]:
    """Range of |z| of a printed P value, rounded or ``cut`` off; ``half`` is 0.5 if one-sided."""
    ends = _unit(p) if cut else (p.low, p.high)
    if p.bound:
        ends = (p.value, p.value)
    low, high = (float(norm.isf(min(max(x / half, 1e-12), 1.0) / 2)) for x in reversed(ends))
    if p.bound:
        return (low, float("inf")) if p.bound in "<≤" else (0.0, high)
    return low, high


def c1_symmetry(record: Record) -> Iterator[Check]:
    """A Wald interval is symmetric about its ratio on the log scale: sqrt(L U) meets the ratio.

    Inputs: ratio and limits, each with its rounding. A hazard ratio's interval is taken to be
    Wald's, as software prints it: a bootstrap, profile or credible interval need not be symmetric.
    For odds and risk ratios, whose intervals are more often profile or exact ones, a failure is
    ``information`` unless a Wald test is stated.
    """
    for cell in ratio_rows(record):
        estimate, lower, upper = prints(cell)
        low, high = sqrt(max(lower.low, 1e-9) * upper.low), sqrt(lower.high * upper.high)
        middle = sqrt(lower.value * upper.value)
        verdict: Verdict = "consistent"
        if not boxes_meet(estimate, low, high):
            (a, b), (c, d), (e, f) = _unit(estimate), _unit(lower), _unit(upper)
            cut = sqrt(c * e) < b and a < sqrt(d * f)
            hazard = cell["estimate"].measure == "hazard ratio"
            wald = hazard or cell["estimate"].test == "Wald"
            verdict = "rounding" if cut else "inconsistent" if wald else "information"
        text = f"{middle:.{estimate.decimals + 1}f}"
        how = f"middle of the limits on the log scale; {low:.3f} to {high:.3f} with rounding"
        yield Check("C1", stem(cell), verdict, interval_text(cell), text, how)


def c2_p_value(record: Record) -> Iterator[Check]:
    """The printed P against the ratio's own Wald test, compared as z.

    Inputs: ratio, limits and P with their rounding (``rounding`` where only cut-off prints meet).
    Stated to be Wald's: the ranges must meet. Otherwise the P may come from a log-rank test, whose
    z differs; up to 1.5 that is ``information``, beyond it ``inconsistent``.
    """
    for cell in ratio_rows(record):
        p = cell.get("p") or _p_of_row(record, cell)
        if p is None or p.printed is None or p.printed.exact is None:
            continue
        estimate, lower, upper = prints(cell)
        if not 0 < lower.value < upper.value:
            continue
        half = 0.5 if p.sided == "one" else 1.0
        boxes = [(x.low, x.high) for x in (estimate, lower, upper)]
        gap = _z_gap(boxes, p_as_z(p.printed, half), level_of(cell))
        cut = _z_gap([_unit(x) for x in (estimate, lower, upper)],
                     p_as_z(p.printed, half, cut=True), level_of(cell))  # fmt: skip
        verdict: Verdict = "consistent" if gap < 1e-9 else "rounding"
        if gap >= 1e-9 and cut >= 1e-9:
            beyond = min(gap, cut) > (0 if p.test == "Wald" else OTHER_TEST)
            verdict = "inconsistent" if beyond else "information"
        z, se = abs(log(estimate.value)), log_se(lower.value, upper.value, level_of(cell))
        recomputed = f"{wald_p(estimate.value, se):.3f}"
        how = (
            f"Wald test from ratio and interval, z = {z / se:.2f}; z differs by {gap:.2f} at least"
        )
        yield Check("C2", p.id, verdict, p.text, recomputed, how)


def _p_of_row(record: Record, cell: dict[str, Entry]) -> Entry | None:
    """The P printed with a row that has one ratio among its columns."""
    e = cell["estimate"]
    p = record.entries.get(f"{e.block}.{e.row}.p")
    ratios = [c for c in ratio_rows(record) if c["estimate"].row == e.row]
    return p if len([c for c in ratios if c["estimate"].block == e.block]) == 1 else None


def _z_gap(boxes: list[tuple[float, float]], ends: tuple[float, float], level: float) -> float:
    """Distance between the |z| that ratio and limits allow and those that the P allows."""
    (e_low, e_high), (l_low, l_high), (u_low, u_high) = boxes
    narrow, wide = log_se(l_high, u_low, level), log_se(max(l_low, 1e-9), u_high, level)
    if narrow <= 0:
        narrow = 1e-9
    zs = [abs(log(max(e, 1e-9))) / se for e in (e_low, e_high) for se in (narrow, wide)]
    low = 0.0 if e_low <= 1 <= e_high else min(zs)
    return max(0.0, low - ends[1], ends[0] - max(zs))


def events_of(record: Record, entry: Entry) -> tuple[list[Entry], bool]:
    """Events behind a ratio: by arm where printed, else the total; and whether they are those of
    the same analysis (otherwise they are an upper bound)."""
    roles = {k: a.role for k, a in record.sheet.arms.items()}
    parts = ("events", "count")
    rows = [
        e for e in chosen(record)
        if e.measure == "events" and e.part in parts and e.arm
        and (e.population == entry.population or None in (e.population, entry.population))
    ]  # fmt: skip
    pair = ("experimental", "control")

    def pick(candidates: list[Entry]) -> list[Entry]:
        arms = {roles[str(e.arm)]: e for e in candidates if roles[str(e.arm)] in pair}
        if len(arms) == 2 and entry.arm is None:
            return [arms["experimental"], arms["control"]]
        return [e for e in candidates if roles[str(e.arm)] == "total"][:1]

    if own := pick([e for e in rows if (e.block, e.row) == (entry.block, entry.row)]):
        return own, True
    same = [e for e in rows if (e.endpoint, e.factor, e.category) ==
            (entry.endpoint, entry.factor, entry.category)]  # fmt: skip
    if entry.analysis is not None and (
        found := pick([e for e in same if e.analysis == entry.analysis])
    ):
        return found, True
    if entry.factor is None and entry.analysis is not None:
        later = [e for e in same if e.analysis == "final" and roles[str(e.arm)] == "total"]
        return later[:1], False
    return [], False


def c3_least_se(record: Record) -> Iterator[Check]:
    """The standard error of a hazard ratio is at least sqrt(1/d1 + 1/d2), and 2/sqrt(D).

    Inputs: limits with their rounding, events by arm or in total (of the same analysis, or an
    upper bound). The limits are taken to be Wald's, of the printed level, and the events those of
    the patients in the model. A theorem for the model-based SE of an unweighted, unpenalized Cox
    model with one row a patient, at its estimate: the score
    equation makes the fitted probabilities add up to d1, the information is the sum of p (1 - p),
    and Jensen bounds it by d1 d2 / D; strata and covariates only lower it (an interaction model
    must hold the factor itself). A Peto or log-rank SE can fall below the per-arm bound, not below
    2/sqrt(D): ``impossible`` only there, ``inconsistent`` between the two. A robust SE can fall
    below both; the detail says how far it did in simulations of that size.
    """
    for cell in ratio_rows(record, "hazard ratio"):
        entry = cell["estimate"]
        events, own = events_of(record, entry)
        estimate, lower, upper = prints(cell)
        level = level_of(cell)
        if not events:
            detail = "the numbers of events are not in the record"
            yield Check("C3", stem(cell), "not checkable", interval_text(cell), "", detail)
            continue
        widest = log_se(max(lower.low, 1e-9), upper.high, level)
        d = [e.value for e in events]
        if min(d) <= 0:
            continue
        total = smallest_se_of_total(sum(d))
        least = smallest_se(*d) if len(d) == 2 else total
        verdict: Verdict = "consistent"
        if widest < total - 1e-9:
            verdict = "impossible"
        elif widest < least - 1e-9:
            verdict = "inconsistent"
        even = d if len(d) == 2 else [d[0] / 2, d[0] / 2]
        wide = neutral(estimate.value, even[0], even[1], level)
        words = f"{'' if own else 'at most '}{' and '.join(e.text for e in events)} events"
        how = f"SE {widest:.3f} at most in print, {least:.3f} at least with {words}"
        if verdict != "consistent":
            floor = next(r for n, r in ROBUST if sum(d) >= 0.75 * n)
            robust = "would hardly explain it" if widest < floor * least else "might explain it"
            how += f"; a robust SE, {floor} of the bound or more in simulations of such a size, "
            how += robust
        recomputed = f"{wide.lower:.2f} to {wide.upper:.2f}"
        yield Check("C3", stem(cell), verdict, interval_text(cell), recomputed, how)
