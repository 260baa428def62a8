"""Checks of odds ratios against the arms' counts: C5 and C6."""

from __future__ import annotations

from collections.abc import Iterator

from palmira.audit.check import Check, Verdict
from palmira.audit.counts import chosen
from palmira.audit.ratios import interval_text, level_of, prints, ratio_rows, stem
from palmira.entries import Entry
from palmira.estimates import log_se
from palmira.proportions import count_from_percent, odds_ratio
from palmira.record import Record


def tables_of(record: Record, entry: Entry) -> dict[str, tuple[int, int]]:
    """Responders and patients by the arm's role, from response rates of the same end point."""
    roles = {k: a.role for k, a in record.sheet.arms.items()}
    table: dict[str, tuple[int, int]] = {}
    for e in chosen(record):
        same = (e.endpoint, e.population) == (entry.endpoint, entry.population)
        if same and e.measure == "response rate" and e.part == "estimate" and e.arm and e.printed:
            if not e.population:
                continue
            n = int(record.size(e.population, e.arm).value)
            fits = count_from_percent(e.value, e.printed.half_unit, n)
            if len(fits) == 1:
                table[roles[e.arm]] = (fits[0], n)
    return table if {"experimental", "control"} <= set(table) else {}


def c5_odds_ratio(record: Record) -> Iterator[Check]:
    """An odds ratio against the raw one of the arms' counts, its SE against Woolf's.

    Inputs: odds ratio and limits with rounding, counts by arm. Adjusting a logistic model does not
    lower the standard error (Robinson and Jewell, Int Stat Rev 1991;59:227), so limits narrower
    than Woolf's are ``inconsistent``; a differing estimate is ``information``, for covariates and
    the reference arm may not be stated.
    """
    for cell in ratio_rows(record, "odds ratio"):
        entry = cell["estimate"]
        table = tables_of(record, entry)
        if not table or min(table["experimental"][0], table["control"][0]) == 0:
            detail = "the arms' counts do not follow from the record"
            yield Check("C5", entry.id, "not checkable", interval_text(cell), "", detail)
            continue
        arms = ["experimental", "control"]
        raw, se, p = odds_ratio(*table[arms[0]], *table[arms[1]])
        if (raw.value - 1) * (entry.value - 1) < 0:
            arms.reverse()
            raw, se, p = odds_ratio(*table[arms[0]], *table[arms[1]])
        estimate, lower, upper = prints(cell)
        meets = estimate.rounds_from(raw.value)
        how = f"raw counts, {arms[0]} to {arms[1]}; P = {p:.3f}"
        how += "" if meets else "; covariates and reference arm may explain a difference"
        verdict: Verdict = "consistent" if meets else "information"
        yield Check("C5", entry.id, verdict, entry.text, raw.text(), how)
        widest = log_se(lower.low, upper.high, level_of(cell))
        verdict = "inconsistent" if widest < 0.995 * se else "consistent"
        how = f"SE {widest:.3f} at most in print, {se:.3f} in the raw table (Woolf)"
        text = f"{raw.lower:.2f} to {raw.upper:.2f}"
        yield Check("C5", stem(cell), verdict, interval_text(cell), text, how)


def c6_direction(record: Record) -> Iterator[Check]:
    """The ratio points the way the arms differ, if it is experimental to control.

    Inputs: odds ratio and response rates, or hazard ratio and medians. The reference arm is seldom
    stated, so a ratio on the other side of 1 is ``information``.
    """
    for cell in ratio_rows(record, "odds ratio"):
        entry = cell["estimate"]
        if table := tables_of(record, entry):
            shares = {r: k / n for r, (k, n) in table.items()}
            agrees = (shares["experimental"] - shares["control"]) * (entry.value - 1) >= 0
            verdict: Verdict = "consistent" if agrees else "information"
            more = shares["experimental"] > shares["control"]
            how = f"{'more' if more else 'no more'} patients respond in the experimental arm"
            how += "" if agrees else "; the ratio is control to experimental, or of no benefit"
            words = " v ".join(f"{100 * shares[r]:.1f}%" for r in ("experimental", "control"))
            yield Check("C6", entry.id, verdict, entry.text, words, how)
