"""Checks of odds ratios against the arms' counts: C5 and C6."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from math import log

from palmira.audit.check import Check, Verdict
from palmira.audit.counts import chosen, counts_behind
from palmira.audit.ratios import interval_text, level_of, prints, ratio_rows, stem
from palmira.record import Record
from palmira.record.entries import Entry
from palmira.statistics.estimates import Estimate, log_se
from palmira.statistics.proportions import odds_ratio

# Within this of no effect, on the log scale, covariates may turn an odds ratio round.
SAME_SIDE = 0.2


def tables_of(record: Record, entry: Entry) -> dict[str, tuple[list[int], int]]:
    """By the arm's role: the counts of responders that fit the printed rate, and the patients."""
    roles = {k: a.role for k, a in record.sheet.arms.items()}
    table: dict[str, tuple[list[int], int]] = {}
    for e in chosen(record):
        if (e.measure, e.part, e.endpoint) != ("response rate", "estimate", entry.endpoint):
            continue
        if e.population and e.population == entry.population and e.arm and e.printed:
            n = int(record.size(e.population, e.arm).value)
            rounded, cut = counts_behind(e.printed, n)
            table[roles[e.arm]] = (rounded + cut, n)
    full = {"experimental", "control"} <= set(table)
    return table if full and all(counts for counts, _ in table.values()) else {}


def c5_odds_ratio(record: Record) -> Iterator[Check]:
    """An odds ratio against the raw one of the arms' counts, its SE against Woolf's.

    Inputs: odds ratio and limits with rounding, counts by arm (all that fit the printed rates).
    Adjusting a logistic model does not lower its model-based standard error (Robinson and Jewell,
    Int Stat Rev 1991;59:227; at the maximum likelihood estimate by the same argument as C3's), so
    limits narrower than Woolf's by more than 0.5% are ``inconsistent``. Robust errors, and marginal
    odds ratios standardized over covariates, may be narrower. A differing estimate is
    ``information``, for covariates and the reference arm may not be stated.
    """
    for cell in ratio_rows(record, "odds ratio"):
        entry = cell["estimate"]
        table = tables_of(record, entry)
        arms = ["experimental", "control"]
        pairs = product(*(table[a][0] for a in arms)) if table else ()
        whole = [
            (a, b) for a, b in pairs if 0 < a < table[arms[0]][1] and 0 < b < table[arms[1]][1]
        ]
        if not whole:
            detail = "the arms' counts do not follow from the record, or one is empty"
            yield Check("C5", entry.id, "not checkable", interval_text(cell), "", detail)
            continue
        a, b = whole[0]
        turned = (a / table[arms[0]][1] - b / table[arms[1]][1]) * (entry.value - 1) < 0
        raws = [_raw(a, b, table, turned) for a, b in whole]
        estimate, lower, upper = prints(cell)
        raw, se, p = raws[0]
        meets = any(estimate.rounds_from(r[0].value) for r in raws)
        how = f"raw counts, {' to '.join(reversed(arms) if turned else arms)}; P = {p:.3f}"
        how += "" if meets else "; covariates and reference arm may explain a difference"
        verdict: Verdict = "consistent" if meets else "information"
        yield Check("C5", entry.id, verdict, entry.text, raw.text(), how)
        widest = log_se(lower.low, upper.high, level_of(cell)) if lower.low > 0 else float("inf")
        verdict = "inconsistent" if widest < 0.995 * min(r[1] for r in raws) else "consistent"
        how = f"SE {widest:.3f} at most in print, {se:.3f} in the raw table (Woolf)"
        text = f"{raw.lower:.2f} to {raw.upper:.2f}"
        yield Check("C5", stem(cell), verdict, interval_text(cell), text, how)


def _raw(
    a: int, b: int, table: dict[str, tuple[list[int], int]], turned: bool
) -> tuple[Estimate, float, float]:
    one, other = (a, table["experimental"][1]), (b, table["control"][1])
    return odds_ratio(*other, *one) if turned else odds_ratio(*one, *other)


def c6_direction(record: Record) -> Iterator[Check]:
    """An odds ratio points the way the arms differ.

    Inputs: odds ratio, response rates, the reference arm. Where that is stated, a ratio clearly on
    the other side of 1 is ``inconsistent``. It seldom is: then a ratio that is not experimental to
    control is ``information``.
    """
    for cell in ratio_rows(record, "odds ratio"):
        entry = cell["estimate"]
        if table := tables_of(record, entry):
            shares = {r: k[0] / n for r, (k, n) in table.items()}
            gap = shares["experimental"] - shares["control"]
            agrees = (gap if entry.reference != "experimental" else -gap) * (entry.value - 1) >= 0
            verdict: Verdict = "consistent" if agrees else "information"
            how = f"{'more' if gap > 0 else 'no more'} patients respond in the experimental arm"
            odds = {r: (k[0] + 0.5) / (n - k[0] + 0.5) for r, (k, n) in table.items()}
            raw = log(odds["experimental"] / odds["control"])
            far = min(abs(raw), abs(log(entry.value))) > SAME_SIDE
            if not agrees and entry.reference and far:
                verdict, how = "inconsistent", f"{how}; the reference arm is {entry.reference}"
            elif not agrees:
                how += "; the ratio is control to experimental, or of no benefit"
            words = " v ".join(f"{100 * shares[r]:.1f}%" for r in ("experimental", "control"))
            yield Check("C6", entry.id, verdict, entry.text, words, how)
