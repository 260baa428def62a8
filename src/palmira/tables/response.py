"""Tables of response: counts behind the rates, comparisons of the arms."""

from __future__ import annotations

import pandas as pd

from palmira.exhibits import Table
from palmira.record import Record
from palmira.response import OUTCOMES, comparison, response_rates


def counts_table(record: Record) -> Table:
    """Printed rates beside the counts that they imply and the exact intervals of these counts."""
    rows, data = [], []
    for rate in response_rates(record):
        rows.append(
            {
                "Outcome": rate.outcome, "Arm": record.sheet.arms[rate.arm].label,
                "Patients": f"{rate.count} of {rate.n}",
                "Printed, % (95% CI)": rate.printed_text,
                "Recomputed, % (95% CI)": rate.exact.text(1),
            }
        )  # fmt: skip
        data.append(
            {
                "outcome": rate.outcome, "arm": rate.arm, "count": rate.count, "n": rate.n,
                "printed": rate.printed.value, "printed_lower": rate.printed.lower,
                "printed_upper": rate.printed.upper, "recomputed": rate.exact.value,
                "lower": rate.exact.lower, "upper": rate.exact.upper,
            }
        )  # fmt: skip
    notes = (
        "Each printed percent fits one count only, given the size of its analysis set. Recomputed "
        "with the interval of Clopper and Pearson.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), group="Outcome", notes=notes)


def comparisons_table(record: Record) -> Table:
    """Differences and raw odds ratios of the arms, from the counts."""
    rows, data = [], []
    for outcome, label in OUTCOMES.items():
        c = comparison(record, outcome)
        rows.append(
            {
                "Outcome": label,
                "Palbociclib + ET": f"{c.experimental.count} of {c.experimental.n}",
                "ET alone": f"{c.control.count} of {c.control.n}",
                "Difference, points (95% CI)": c.difference.text(1),
                "Odds ratio (95% CI)": c.odds_ratio.text(),
            }
        )  # fmt: skip
        data.append(
            {
                "outcome": label, "difference": c.difference.value,
                "difference_lower": c.difference.lower, "difference_upper": c.difference.upper,
                "odds_ratio": c.odds_ratio.value, "odds_ratio_lower": c.odds_ratio.lower,
                "odds_ratio_upper": c.odds_ratio.upper, "se_log_odds_ratio": c.odds_ratio_se,
                "wald_p": c.p,
            }
        )  # fmt: skip
    notes = (
        "Difference: palbociclib + ET less ET alone, Newcombe's interval. Odds ratio: odds under "
        "ET alone over odds under palbociclib + ET, as the printed one must be read, Woolf's "
        "interval; with so few objective responses that interval is only a rough guide.",
        "Not adjusted for strata or for multiplicity; both are secondary end points of an "
        "open-label trial.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), notes=notes)
