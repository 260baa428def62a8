"""Checks of events and responses: A6, B1, C9, C14 and D1."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from scipy.optimize import brentq
from scipy.stats import binom, binomtest, chi2_contingency, fisher_exact
from statsmodels.stats.proportion import proportion_confint

from palmira.audit.check import WEIGHT, Check, Found, Verdict, compare
from palmira.audit.counts import counts_behind
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.record import ROLES
from palmira.statistics.estimates import critical

GRADES = ("3", "4", "5")
SPANS = {"3-5": GRADES, "3-4": ("3", "4"), "4-5": ("4", "5")}


def a6_adverse_events(record: Record) -> Iterator[Check]:
    """Adverse events by maximum grade: grades add up within a row and rows fit into their class.

    Inputs: counts by term, arm and grade. A patient counts once in a row, at the highest grade, so
    grades 3 to 5 add up to grade 3 or higher and do not exceed any grade. For counts of grade g or
    higher, a row does not exceed its class; a class whose rows leave nobody out does not exceed
    their sum. At one exact grade only that last bound holds (a patient with grade 3 in one row and
    grade 4 in another counts at grade 4). No tolerance.
    """
    entries = [e for e in record.where(part="count") if e.term and e.grade and e.arm]
    terms = {(e.term, e.arm, e.grade): e for e in entries}
    for e in record.chosen:
        wanted = [(e.term, e.arm, g) for g in SPANS.get(e.grade or "", ())]
        found = [terms[key] for key in wanted if key in terms]
        if not found or e.part not in ("count", "percent"):
            continue
        total, words = sum(g.value for g in found), " + ".join(g.text for g in found)
        if e.part == "count":
            yield compare("A6", e, total, f"grades: {words}")
        elif "count" not in record.cell(e) and (n := record.patients(e)):
            yield compare("A6", e, 100 * total / n.value, f"grades: {words} of {n.text}")
    lines: dict[tuple[str, str, str], Grades] = {}
    for e in entries:
        lines.setdefault((e.block, e.row, str(e.arm)), Grades({})).counts[str(e.grade)] = e
    for (block, row, arm), line in lines.items():
        if "any" in line.counts and (severe := [g for g in GRADES if g in line.counts]):
            total = sum(line.counts[g].value for g in severe)
            yield _bound(line.counts["any"], total, inf, "the sum of grades 3 to 5")
        parts = [
            other
            for (in_block, _, in_arm), other in lines.items()
            if (in_block, in_arm) == (block, arm) and other.first.within == row
        ]
        yield from _class(line, parts)


@dataclass(frozen=True)
class Grades:
    """The counts of a row and arm by grade."""

    counts: dict[str, Entry]

    @property
    def first(self) -> Entry:
        return next(iter(self.counts.values()))

    def at_least(self, grade: str) -> float | None:
        """Patients of any grade, or of this grade or higher; None where it is not printed."""
        higher = ("any",) if grade == "any" else [g for g in GRADES if g >= grade]
        found = [self.counts[g].value for g in higher if g in self.counts]
        return sum(found) if grade in self.counts else None


def _class(line: Grades, parts: list[Grades]) -> Iterator[Check]:
    """A class of adverse events against the rows that stand within it."""
    exhaustive = line.first.exhaustive
    for least in ("any", *GRADES):
        mine = line.at_least(least)
        theirs = [n for part in parts if (n := part.at_least(least)) is not None]
        if mine is not None and theirs:
            entry, most = line.counts[least], sum(theirs) if exhaustive else inf
            name = "any grade" if least == "any" else f"grade {least} or higher"
            yield _bound(entry, max(theirs), most, f"{name} in the rows of the class", mine)
    for g in GRADES if exhaustive and len(parts) > 1 else ():
        if g in line.counts and all(g in part.counts for part in parts):
            most = sum(part.counts[g].value for part in parts)
            yield _bound(line.counts[g], 0, most, f"grade {g} in the rows of the class")


def _bound(entry: Entry, low: float, high: float, what: str, value: float | None = None) -> Check:
    value = entry.value if value is None else value
    verdict: Verdict = "consistent" if low <= value <= high else "inconsistent"
    form = "{lower:.0f} or more" if high == inf else "{lower:.0f} to {upper:.0f}"
    found = Found(form, lower=low, upper=high)
    return Check("A6", entry.id, verdict, f"{value:.0f}", found, what)


# The first that fits is named.
METHODS = {
    "beta": "Clopper-Pearson",
    "wilson": "Wilson's interval",
    "normal": "Wald's interval",
    "agresti_coull": "Agresti and Coull's interval",
    "jeffreys": "Jeffreys' interval",
    "mid-P": "mid-P interval",
    "wilson-cc": "Wilson's interval with continuity correction",
}


def b1_proportion_interval(record: Record) -> Iterator[Check]:
    """The interval of a response rate: Clopper-Pearson's, or the method that fits.

    Inputs: rate, limits, analysis set; the count is a whole number that prints as the rate, rounded
    or cut off. Tolerance: half a unit of each print. Where no count and no method of ``METHODS``
    fit it is ``inconsistent``, where only cut-off prints fit ``rounding``. Methods not tried,
    such as Blaker's, need not fit.
    """
    for entry in record.where(measure="response rate", part="estimate"):
        if not entry.printed:
            continue
        size = record.patients(entry)
        if size is None:
            yield Check.lacking("B1", entry.id, entry.text, "no analysis set is named")
            continue
        n = int(size.value)
        fits, cut = counts_behind(entry.printed, n)
        if not fits and not cut:
            how = f"no whole number of {n} gives {entry.text}%"
            yield Check("B1", entry.id, "inconsistent", entry.text, Found(), how)
            continue
        tried = [_interval(record, entry, k, n, m) for m in METHODS for k in (*fits, *cut)]
        yield from min(tried, key=lambda checks: max(WEIGHT[c.verdict] for c in checks))


def _interval(record: Record, entry: Entry, count: int, n: int, method: str) -> list[Check]:
    """A response rate and its limits against one count and one method."""
    cell = record.cell(entry)
    limits = _limits(count, n, entry.level, method)
    how = f"{count} of {n}, {METHODS[method]}"
    checks = [compare("B1", entry, 100 * count / n, f"{count} of {n}")]
    for part, limit in zip(("lower", "upper"), limits, strict=True):
        if cell[part].estimable:
            checks.append(compare("B1", cell[part], 100 * limit, how))
    return checks


def _limits(count: int, n: int, level: float, method: str) -> tuple[float, float]:
    alpha = 1 - level / 100
    if method == "mid-P":
        upper = brentq(lambda p: _mid_p(count, n, p) - alpha / 2, 1e-12, 1) if count < n else 1.0
        lower = brentq(lambda p: _mid_p(n - count, n, 1 - p) - alpha / 2, 0, 1) if count else 0.0
        return float(lower), float(upper)
    if method == "wilson-cc":  # Newcombe, Stat Med 1998;17:857, method 4
        z, p = critical(level), count / n

        def limit(side: int) -> float:
            inner = z * z + 2 * side - 1 / n + 4 * p * (n * (1 - p) - side)
            middle = 2 * count + z * z + side * (1 + z * sqrt(max(inner, 0)))
            return middle / (2 * (n + z * z))

        lower, upper = limit(-1), limit(1)
        return (max(0.0, lower) if count else 0.0), (min(1.0, upper) if count < n else 1.0)
    low, high = proportion_confint(count, n, alpha=alpha, method=method)
    return float(low), float(high)


def _mid_p(count: int, n: int, p: float) -> float:
    """Probability of fewer than ``count`` responders, and half that of exactly as many."""
    return float(binom.cdf(count, n, p) - binom.pmf(count, n, p) / 2)


def c9_subgroup_sums(record: Record) -> Iterator[Check]:
    """Events and patients of a factor's subgroups add up to those of all patients, in each arm.

    Inputs: events and n by level, and the row for all patients. No tolerance. Where the levels hold
    fewer patients than all in every arm, some may be of unknown level: ``information``. One check a
    factor, arm and kind.
    """
    groups: dict[tuple[str, str, str, str], list[Entry]] = {}
    for e in record.chosen:
        if e.part in ("events", "n") and e.factor and e.category and e.arm:
            groups.setdefault((e.block, e.factor, e.arm, e.part), []).append(e)
    wholes = {key: whole for key, entries in groups.items() if (whole := record.whole(entries[0]))}
    totals = {key: sum(e.value for e in groups[key]) for key in wholes}
    for (block, factor, arm, part), whole in wholes.items():
        entries, total = groups[block, factor, arm, part], totals[block, factor, arm, part]
        if len(entries) < 2:
            continue
        verdict: Verdict = "consistent" if total == whole.value else "inconsistent"
        how, remark = f"{' + '.join(e.text for e in entries)} {part} by {factor}", ""
        patients = [key for key in wholes if (*key[:2], key[3]) == (block, factor, "n")]
        unknown = bool(patients) and all(totals[key] < wholes[key].value for key in patients)
        if total < whole.value and unknown:
            verdict, remark = "information", "others may be of unknown level"
        id = f"{block}.{factor}.{arm}.{part}"
        yield Check("C9", id, verdict, whole.text, Found.number(total, 0), how, remark)


def c14_arm_sizes(record: Record) -> Iterator[Check]:
    """Arm sizes against the allocation ratio, by the exact binomial test; never more than
    ``information``, for blocks and strata bind them in ways that a paper does not print."""
    sizes = record.sheet.populations.get("randomized", {})
    ratios = [e for e in record.where(part="ratio") if e.text.count(":") == 1]
    arms = {role: record[sizes[arm]] for role, arm in record.arms().items() if arm in sizes}
    if not ratios or len(arms) < 2:
        return
    one, other = (float(x) for x in ratios[0].text.split(":"))
    k, n = (int(arms[role].value) for role in ROLES)
    p = float(binomtest(k, k + n, one / (one + other)).pvalue)
    verdict: Verdict = "consistent" if p >= 0.01 else "information"
    found, how = Found("P = {value:.2f}", p), f"of {ratios[0].text}"
    yield Check("C14", ratios[0].id, verdict, f"{k}:{n}", found, how)


def d1_baseline(record: Record) -> Iterator[Check]:
    """Baseline counts by arm: Fisher's test, of more levels chi-square; ``information`` only.

    Randomization makes the null hypothesis true, so a small P proves nothing of one factor, and no
    P is combined over the factors of one trial.
    """
    tables: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for e in record.where(part="count", endpoint=None):
        if e.factor and e.category and e.arm:
            rows = tables.setdefault((e.block, e.factor), {})
            rows.setdefault(e.category, {})[record.roles[e.arm]] = e.value
    for (block, factor), rows in tables.items():
        table = [[r[role] for role in ROLES] for r in rows.values() if {*ROLES} <= set(r)]
        if len(table) < 2 or not np.all(np.sum(table, axis=0)) or not np.all(np.sum(table, axis=1)):
            continue
        p = fisher_exact(table).pvalue if len(table) == 2 else chi2_contingency(table).pvalue
        how = f"{'Fisher' if len(table) == 2 else 'chi-square'}, {len(table)} levels"
        found, remark = Found("P = {value:.2f}", float(p)), "information only"
        yield Check("D1", f"{block}.{factor}", "information", "", found, how, remark)
