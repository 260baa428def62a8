"""The question behind each analysis, in the attributes of ICH E9(R1)."""

from __future__ import annotations

import pandas as pd

from palmira.show.exhibits import Table

# Analyses, what they sum up, and what an event that comes in between does to the answer.
QUESTIONS = (
    (
        "1, 2. Log-rank tests",
        "None: a test whether the two curves are one",
        "Stopping a drug: treatment policy. Death: part of the end point",
        "The stratified test compares like with like; without an effect both ask the same",
    ),
    (
        "3. Cox, arm alone",
        "One ratio of hazards over all patients (marginal)",
        "As above",
        "Where hazards are not proportional, an average that follow-up and censoring weigh",
    ),
    (
        "4, 5. Cox, adjusted or stratified",
        "One ratio of hazards among patients alike in the strata (conditional on them)",
        "As above",
        "Another number than the marginal one even without confounding: hazard ratios do not "
        "average over groups",
    ),
    (
        "6. Cox, orthonormal contrast",
        "The ratio of 4, raised to the power of 1/√2",
        "As above",
        "No estimand of its own: the same fit on another scale",
    ),
    (
        "7, 8. Rates at a landmark",
        "Difference in the share of patients alive and free of progression at one time",
        "As above; what happens later does not count",
        "No model of the hazards; uses one point of the curve",
    ),
    (
        "9, 10. Restricted means",
        "Difference in the mean time alive and free of progression up to a limit",
        "As above; what happens after the limit does not count",
        "No model of the hazards; depends on the limit, which should be chosen beforehand",
    ),
)
COLUMNS = ("Analysis", "Population-level summary", "Events in between", "What to know")


def estimands() -> Table:
    """Summary measure and handling of intercurrent events by analysis; what they share is said
    once, below."""
    notes = (
        "Alike in all: everybody randomly assigned; palbociclib + ET against ET alone; time to "
        "progression by the investigator or death. New therapy before progression ends the scans, "
        "so each censors there and assumes that censored patients resemble those who stay "
        "(hypothetical strategy). This is our reading; the article names no strategy.",
    )
    return Table(pd.DataFrame(QUESTIONS, columns=COLUMNS), notes=notes)
