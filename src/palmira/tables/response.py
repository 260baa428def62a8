"""Tables of response: counts behind the rates, comparisons of the arms."""

from __future__ import annotations

from collections.abc import Mapping
from math import exp

import pandas as pd

from palmira.estimates import Estimate, ratio
from palmira.figures.analyses import ORDER
from palmira.figures.twin import TWINS
from palmira.record import Record
from palmira.response import OUTCOMES, comparison, response_rates
from palmira.show.exhibits import Table
from palmira.twin.analysis_set import ROLES, Frames
from palmira.twin.curves import arms_of, period_ratio


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


BEST = {"CR": "Complete response", "PR": "Partial response", "SD": "Stable disease",
        "PD": "Progressive disease", "NE": "Not evaluable"}  # fmt: skip


def best_responses(frames: Mapping[str, Frames], record: Record) -> Table:
    """Best confirmed response by arm on both twins, beside what is printed of it."""
    arms = arms_of(record)
    rows, data = [], []
    for code, label in BEST.items():
        row = {"Best response": label}
        for role, arm in arms.items():
            name = record.sheet.arms[arm].label
            row[f"{name}: printed"] = _best_printed(record, arm, code)
            for scale in ORDER:
                lines = frames[scale]["adrs"].query("PARAMCD == 'BOR'")
                mine = lines[lines["TRT01PN"] == ROLES[role]]
                count = int((mine["AVALC"] == code).sum())
                row[f"{name}: {TWINS[scale].lower()}"] = f"{count} of {len(mine)}"
                data.append({"response": code, "arm": arm, "twin": scale, "patients": count,
                             "of": len(mine)})  # fmt: skip
        rows.append(row)
    notes = (
        "Printed: counts that the printed response rates imply, all responses partial. How the "
        "others divide is not printed beyond clinical benefit.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), notes=notes)


def _best_printed(record: Record, arm: str, code: str) -> str:
    """All responses were partial, so the printed rate is that of the partial ones."""
    if code != "PR":
        return "none" if code == "CR" else "not given"
    rates = {r.arm: r for r in response_rates(record) if r.outcome == OUTCOMES["orr"]}
    return f"{rates[arm].count} of {rates[arm].n}"


def clocks(
    times: Mapping[str, Mapping[str, pd.DataFrame]], record: Record
) -> Table:  # fmt: skip
    """Hazard ratios of the arm alone by end point and by who is in, on both twins.

    ``times`` holds for each end point the frames of ``arm_comparisons.stratified`` by twin.
    """
    experimental = arms_of(record)["experimental"]
    rows, data = [], []
    for endpoint, patients in times.items():
        for who in ("All patients", "Patients ever treated"):
            row = {"End point": endpoint, "Who": who}
            for scale in ORDER:
                frame = patients[scale]
                mine = frame if who == "All patients" else frame[frame["treated"]]
                e = _ratio(mine, experimental)
                row[TWINS[scale]] = f"{e.text(3)}; {int(mine['event'].sum())} of {len(mine)}"
                data.append({"endpoint": endpoint, "who": who, "twin": scale, "patients": len(mine),
                             "events": int(mine["event"].sum()), "hazard_ratio": e.value,
                             "lower": e.lower, "upper": e.upper})  # fmt: skip
            rows.append(row)
    notes = (
        "Hazard ratio (95% CI); events of patients. Three decimals, to show how little moves.",
    )
    return Table(pd.DataFrame(rows), pd.DataFrame(data), group="End point", notes=notes)


def _ratio(patients: pd.DataFrame, experimental: str) -> Estimate:
    """Hazard ratio of the arm alone over all of follow-up."""
    beta, se = period_ratio(patients, experimental, 0, patients["time"].max())
    return ratio(exp(beta), se)
