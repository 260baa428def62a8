"""Tables of the trial's design: identity card, estimand, strata, sample size."""

from __future__ import annotations

from math import ceil

import pandas as pd

from palmira.design import detectable_hazard_ratio, schoenfeld_events, schoenfeld_power
from palmira.figures.design import allocation_ratio, design_power, planned_ratio
from palmira.record import Record
from palmira.show.exhibits import Table
from palmira.tables.intro import printed_cell

OPEN = "Not stated in the article (may be in the protocol)"


def identity_card(record: Record) -> Table:
    """The trial on one card: feature and what the article states."""

    def t(id: str) -> str:
        return record[id].text

    m, arms = "methods", record.sheet.arms
    treated = {a: f"{arms[a].label} ({t(f'results.randomized.{a}.count')})" for a in arms}
    rows = {
        "Registry": t(f"{m}.registry"),
        "Sponsor; funder": f"{t(f'{m}.sponsor')}; {t(f'{m}.funder')}",
        "Type": "Randomized, open-label, phase II, international",
        "Sites": f"{t(f'{m}.sites.count')} sites in {t(f'{m}.countries.count')} countries",
        "Patients": "Advanced breast cancer, hormone receptor-positive and HER2-negative, with "
        "progression on first-line palbociclib plus ET after a response or stable disease of "
        f"{t(f'{m}.eligibility.stable_disease')} weeks or more, or after adjuvant palbociclib "
        f"(from {t(f'{m}.eligibility.adjuvant_minimum')} months after its start to "
        f"{t(f'{m}.eligibility.adjuvant_maximum')} months after its end)",
        "Excluded": "Visceral crisis; chemotherapy for metastatic disease; another CDK4/6 "
        "inhibitor; resistance to fulvestrant and letrozole; uncontrolled disease of the central "
        "nervous system",
        "Arms (patients)": f"{treated['palbociclib']}; {treated['et']}",
        "Endocrine therapy": "Fulvestrant or letrozole, chosen by the agent given before",
        "Allocation": f"{t(f'{m}.allocation')}, central, in the electronic case report form",
        "Stratified by": "Previous ET (fulvestrant or aromatase inhibitor); visceral involvement "
        "(yes or no)",
        "Masking": "None: patients and site teams knew the treatment",
        "Primary end point": "PFS by the investigator, from random assignment, RECIST "
        + t(f"{m}.assessment.recist"),
        "Secondary end points": "Objective response, its duration and time to it; clinical "
        "benefit; OS; safety",
        "First to last assignment": f"{t('timeline.first_randomized')} to "
        f"{t('timeline.last_randomized')}",
        "Cutoff": t("timeline.cutoff"),
        "Median follow-up": f"{printed_cell(record, 'results.follow_up', 'total')} months",
        "PFS events": t("results.pfs.events.total.count"),
        "Published": f"{t('publication.published')}; doi {record.sheet.sources['jco'].doi}",
    }
    return Table(pd.DataFrame(rows.items(), columns=["Feature", record.trial]))


def estimand(record: Record) -> Table:
    """The attributes of the estimand (ICH E9(R1)): what is stated and what is left open."""
    doses = [record[f"methods.treatment.palbociclib.{k}"].text
             for k in ("full", "reduced", "lowest")]  # fmt: skip
    times = [record[f"results.pfs.{k}.et.estimate"].time for k in ("rate_6", "rate_12")]
    rows = [
        (
            "Population",
            "Patients as in the identity card; efficacy in all who were randomly assigned, "
            f"{record['results.randomized.total.count'].text}",
            "The full list of criteria",
        ),
        (
            "Treatments",
            f"Palbociclib at the last dose of the previous regimen ({', '.join(doses)} mg) with "
            "fulvestrant or letrozole, against fulvestrant or letrozole alone, until progression, "
            "unacceptable toxicity, death or withdrawal",
            "Whether the effect is meant whatever becomes of palbociclib or only while it is taken",
        ),
        (
            "Variable",
            "Time from random assignment to progression by the investigator or death, whichever "
            "came first",
            "The date given to a progression found between two scans; the rules of censoring",
        ),
        (
            "Population-level summary",
            f"Hazard ratio; medians; rates at {' and '.join(str(t) for t in times)} months. The "
            "forest plot calls its hazard ratios adjusted",
            "Model, covariates and strata of the hazard ratio; the test behind P; a check of "
            "proportional hazards",
        ),
        (
            "Intercurrent events",
            "Some rules of treatment and assessment (next table)",
            "A strategy for any of them",
        ),
    ]
    return Table(pd.DataFrame(rows, columns=["Attribute", "What the article states", OPEN]))


def intercurrent_events(record: Record) -> Table:
    """Events after random assignment that bear on the end point, stated and left open."""
    stopped = [printed_cell(record, "safety.discontinued", a) for a in ("palbociclib", "et")]
    first, until, later = (
        record[f"methods.assessment.{k}"].text
        for k in ("first_interval", "first_until", "later_interval")
    )
    untreated = record["results.not_treated.total.count"].text
    rows = [
        (
            "Palbociclib stopped, ET goes on",
            f"Allowed. All study treatment was stopped for adverse events in {stopped[0]} with "
            f"palbociclib and {stopped[1]} with ET alone (n, %)",
            "How many stopped palbociclib only, and when",
        ),
        (
            "New anticancer therapy before progression",
            "Ends the tumor assessments",
            "Whether the patient is censored, and at which scan; how many; which therapy",
        ),
        (
            "Missed or late assessment",
            f"Scans every {first} weeks to {until} months, then every {later} weeks",
            "The allowed window; progression or death after missed scans",
        ),
        (
            "Death",
            "An event of PFS, if it comes before progression",
            "Deaths among the PFS events, by arm",
        ),
        (
            "Never treated",
            f"{untreated} patients, kept in the efficacy analysis; follow-up starts at "
            f"{record['results.follow_up.total.minimum'].text} months",
            "Whether they were scanned; the time and status that they enter",
        ),
        (
            "Withdrawal from the study",
            "Ends the tumor assessments",
            "How many; the date of censoring",
        ),
        (
            "The clock of OS",
            "Starts at the first dose, while that of PFS starts at random assignment",
            f"The OS time of the {untreated} who never had a dose",
        ),
    ]
    return Table(pd.DataFrame(rows, columns=["Event", "What the article states", OPEN]))


def strata(record: Record) -> Table:
    """The stratification factors: patients by arm and the allocation within each level."""
    rows = []
    for level in ("prior_et.fulvestrant", "prior_et.ai", "visceral.yes", "visceral.no"):
        entries = [record[f"table1.{level}.{a}.count"] for a in ("palbociclib", "et")]
        rows.append(
            {"Factor": entries[0].factor, "Level": entries[0].category}
            | {record.sheet.arms[str(e.arm)].label:
               printed_cell(record, f"table1.{level}", str(e.arm)) for e in entries}
            | {"Allocation": f"{entries[0].value / entries[1].value:.2f}:1"}
        )  # fmt: skip
    return Table(pd.DataFrame(rows), group="Factor")


def sample_size(record: Record) -> Table:
    """Events needed under three allocations, and what the events that occurred could show."""
    hazard_ratio, alpha, power = design_power(record)
    actual = allocation_ratio(record)
    events = record["results.pfs.events.total.count"].value
    n = record["sample_size.planned_n.count"]
    rows = [
        ("Stated", "Hazard ratio to detect", record["sample_size.hazard_ratio"].text),
        ("Stated", "Two-sided significance level", record["sample_size.alpha"].text),
        ("Stated", "Power", f"{record['sample_size.power.percent'].text}%"),
        ("Stated", "Planned number of patients (registry)", n.text),
    ]
    for words, ratio in (
        ("equal allocation", 1.0),
        (f"the planned {record['methods.allocation'].text}", planned_ratio(record)),
        (f"the actual split, {actual:.2f}:1", actual),
    ):
        need = schoenfeld_events(hazard_ratio, power, alpha, ratio)
        rows.append(("Events needed", f"With {words}", f"{ceil(need)} ({need:.1f})"))
    group = f"With the {events:.0f} events that occurred"
    reached = schoenfeld_power(events, hazard_ratio, alpha, actual)
    smallest = detectable_hazard_ratio(events, power, alpha, actual)
    rows += [
        (group, "Power at the hazard ratio to detect", f"{reached:.0%}"),
        (group, "Hazard ratio detectable with the stated power", f"{smallest:.2f}"),
    ]
    return Table(pd.DataFrame(rows, columns=["Part", "Quantity", "Value"]), group="Part")
