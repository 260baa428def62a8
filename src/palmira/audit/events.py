"""Checks of events and responses: A6, B1, C9, C14 and D1."""

from __future__ import annotations

from collections.abc import Iterator
from math import prod, sqrt

from scipy.optimize import brentq
from scipy.stats import binom, binomtest, chi2_contingency, fisher_exact
from statsmodels.stats.proportion import proportion_confint

from palmira.audit.check import WEIGHT, Check, Verdict, compare
from palmira.audit.counts import chosen, counts_behind
from palmira.record import Record
from palmira.record.entries import Entry
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
    cells: dict[tuple[str, str, str], dict[str, Entry]] = {}
    entries = [e for e in chosen(record) if e.part == "count" and e.term and e.grade and e.arm]
    for e in entries:
        cells.setdefault((e.block, e.row, str(e.arm)), {})[str(e.grade)] = e
    terms = {(e.term, e.arm, e.grade): e for e in entries}
    for e in chosen(record):
        wanted = [(e.term, e.arm, g) for g in SPANS.get(e.grade or "", ())]
        found = [terms[key] for key in wanted if key in terms]
        if not found or e.part not in ("count", "percent"):
            continue
        total, words = sum(g.value for g in found), " + ".join(g.text for g in found)
        if e.part == "count":
            yield compare("A6", e, total, f"grades: {words}")
        elif "count" not in record.cell(e) and e.population and e.arm:
            n = record.size(e.population, e.arm)
            yield compare("A6", e, 100 * total / n.value, f"grades: {words} of {n.text}")
    for (block, row, arm), grades in cells.items():
        if "any" in grades and (severe := [grades[g] for g in GRADES if g in grades]):
            total = sum(g.value for g in severe)
            yield _bound(grades["any"], total, float("inf"), "the sum of grades 3 to 5")
        parts = [c for (b, _, a), c in cells.items()
                 if (b, a) == (block, arm) and next(iter(c.values())).within == row]  # fmt: skip
        for least in ("any", *GRADES):
            mine = _cumulative(grades, least)
            theirs = [t for p in parts if (t := _cumulative(p, least)) is not None]
            if mine is None or not theirs:
                continue
            most = sum(theirs) if next(iter(grades.values())).exhaustive else float("inf")
            name = "any grade" if least == "any" else f"grade {least} or higher"
            entry = grades.get(least, grades.get("any", next(iter(grades.values()))))
            yield _bound(entry, max(theirs), most, f"{name} in the rows of the class", mine)
        if next(iter(grades.values())).exhaustive:
            for g in GRADES:
                if g in grades and len(parts) > 1 and all(g in p for p in parts):
                    most = sum(p[g].value for p in parts)
                    yield _bound(grades[g], 0, most, f"grade {g} in the rows of the class")


def _cumulative(grades: dict[str, Entry], least: str) -> float | None:
    if least == "any":
        return grades["any"].value if "any" in grades else None
    wanted = [g for g in GRADES if g >= least]
    return sum(grades[g].value for g in wanted if g in grades) if least in grades else None


def _bound(entry: Entry, low: float, high: float, what: str, value: float | None = None) -> Check:
    value = entry.value if value is None else value
    verdict: Verdict = "consistent" if low <= value <= high else "inconsistent"
    text = f"{low:.0f} or more" if high == float("inf") else f"{low:.0f} to {high:.0f}"
    return Check("A6", entry.id, verdict, f"{value:.0f}", text, what)


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
    for entry in chosen(record):
        if entry.measure != "response rate" or entry.part != "estimate" or not entry.printed:
            continue
        if not entry.population or not entry.arm:
            yield Check("B1", entry.id, "not checkable", entry.text, "", "no analysis set is named")
            continue
        n = int(record.size(entry.population, entry.arm).value)
        fits, cut = counts_behind(entry.printed, n)
        if not fits and not cut:
            detail = f"no whole number of {n} prints as {entry.text}%"
            yield Check("B1", entry.id, "inconsistent", entry.text, "", detail)
            continue
        tried = [_interval(record, entry, k, n, m) for m in METHODS for k in (*fits, *cut)]
        yield from min(tried, key=lambda checks: max(WEIGHT[c.verdict] for c in checks))


def _interval(record: Record, entry: Entry, count: int, n: int, method: str) -> list[Check]:
    """A response rate and its limits against one count and one method."""
    cell, level = record.cell(entry), float(entry.interval_level or 95)
    limits = _limits(count, n, level, method)
    how = f"{count} of {n}, {METHODS[method]}"
    checks = [compare("B1", entry, 100 * count / n, f"{count} of {n}")]
    for part, limit in zip(("lower", "upper"), limits, strict=True):
        if (printed := cell[part].printed) and printed.exact is not None:
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
    for e in chosen(record):
        if e.part in ("events", "n") and e.factor and e.category and e.arm:
            groups.setdefault((e.block, e.factor, e.arm, e.part), []).append(e)
    for (block, factor, arm, part), entries in groups.items():
        whole = record.entries.get(f"{block}.all.{entries[0].column}.{part}")
        if whole is None or len(entries) < 2:
            continue
        total = sum(e.value for e in entries)
        verdict: Verdict = "consistent" if total == whole.value else "inconsistent"
        words = f"{' + '.join(e.text for e in entries)} {part} by {factor}"
        if total < whole.value and _some_unknown(record, groups, (block, factor, arm)):
            verdict, words = "information", f"{words}; others may be of unknown level"
        id = f"{block}.{factor}.{arm}.{part}"
        yield Check("C9", id, verdict, whole.text, f"{total:.0f}", words)


def _some_unknown(
    record: Record, groups: dict[tuple[str, str, str, str], list[Entry]], key: tuple[str, str, str]
) -> bool:
    """Whether a factor's levels hold fewer patients than all in both arms, or in the only one."""
    block, factor, _ = key
    short = []
    for (b, f, _, part), entries in groups.items():
        whole = record.entries.get(f"{b}.all.{entries[0].column}.n")
        if (b, f, part) == (block, factor, "n") and whole is not None:
            short.append(sum(e.value for e in entries) < whole.value)
    return bool(short) and all(short)


def c14_arm_sizes(record: Record) -> Iterator[Check]:
    """Arm sizes against the allocation ratio, by the exact binomial test; never more than
    ``information``, for blocks and strata bind them in ways that a paper does not print."""
    sizes = record.sheet.populations.get("randomized", {})
    ratios = [e for e in chosen(record) if e.part == "ratio" and e.text.count(":") == 1]
    arms = {record.sheet.arms[a].role: record[id] for a, id in sizes.items()}
    if not ratios or not {"experimental", "control"} <= set(arms):
        return
    parts = [float(x) for x in ratios[0].text.split(":")]
    k, n = int(arms["experimental"].value), int(arms["control"].value)
    p = binomtest(k, k + n, parts[0] / sum(parts)).pvalue
    verdict: Verdict = "consistent" if p >= 0.01 else "information"
    yield Check("C14", ratios[0].id, verdict, f"{k}:{n}", f"P = {p:.2f}", f"of {ratios[0].text}")


def d1_baseline(record: Record) -> Iterator[Check]:
    """Baseline counts by arm: Fisher's test, of more levels chi-square; ``information`` only.

    Randomization makes the null hypothesis true, so a small P proves nothing of one factor, and no
    P is combined over the factors of one trial.
    """
    roles = {k: a.role for k, a in record.sheet.arms.items()}
    tables: dict[tuple[str, str], dict[str, dict[str, float]]] = {}
    for e in chosen(record):
        if e.part == "count" and e.factor and e.category and e.arm and not e.endpoint:
            rows = tables.setdefault((e.block, e.factor), {})
            rows.setdefault(e.category, {})[roles[e.arm]] = e.value
    for (block, factor), rows in tables.items():
        table = [[r["experimental"], r["control"]] for r in rows.values()
                 if {"experimental", "control"} <= set(r)]  # fmt: skip
        if (
            len(table) < 2
            or not prod(map(sum, zip(*table, strict=True)))
            or not all(map(sum, table))
        ):
            continue
        p = fisher_exact(table).pvalue if len(table) == 2 else chi2_contingency(table).pvalue
        test = "Fisher" if len(table) == 2 else "chi-square"
        words = f"{test}, {len(table)} levels; information only"
        yield Check("D1", f"{block}.{factor}", "information", "", f"P = {p:.2f}", words)
