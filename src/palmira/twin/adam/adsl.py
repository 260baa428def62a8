"""ADSL: the patients, their baseline, treatment and end of study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from palmira.record import Record
from palmira.twin.adam import dictionary
from palmira.twin.adam.dictionary import ROLES, SYNTHETIC, Dataset, datasets, plain
from palmira.twin.adam.study_days import date_of, timeline
from palmira.twin.facts import printed

# Parts of the record's row of patients not treated, in CDISC terms.
NOT_TREATED = {
    "investigator": "PHYSICIAN DECISION",
    "patient": "WITHDRAWAL BY SUBJECT",
    "violation": "PROTOCOL VIOLATION",
}
# Reasons that end the study with the treatment.
LEFT = ("WITHDRAWAL BY SUBJECT", "LOST TO FOLLOW-UP")
COLUMNS = ("arm", "treated", "enrolled", "on_treatment")
# Columns of ADSL that every other data set has.
SHARED = ["SYNTH", "STUDYID", "USUBJID", "TRT01P", "TRT01PN", "SAFFL"]
# Columns of the stages that run only where the record prints something of them.
DOSES = ("dose_reduced", "interrupted", "rdi", "rdi_et")
STAGES = {
    "OS": ("os", "died"),
    "response": ("response", "response_day", "benefit", "measurable"),
    "treatment": ("treatment_end", "end_reason", "untreated_reason", *DOSES),
}
# Variables that hold a column of the patients as it is.
COPIED = {
    "AGE": "age",
    "AGEGR1": "Age",
    "RACEGR1": "ethnicity",
    "ECOGBL": "ecog",
    "ECOGGR1": "ECOG performance status",
    "METGR1": "Metastatic sites",
    "HRSTAT": "receptor",
    "PRIORET": "prior_et",
    "ETDRUG": "Endocrine therapy",
    "PCDKSET": "prior_setting",
    "PCDKRSP": "prior_response",
    "PCDKDUR": "prior_duration",
    "PCDKGR1": "Duration of first-line palbociclib",
}
# Variables that are Y where a column says so.
FLAGGED = {"VISCFL": "Visceral involvement", "LIVERFL": "liver", "DENOVOFL": "de_novo"}
BASELINE = (*COPIED.values(), *FLAGGED.values(), "menopause", "last_dose")


def require(frame: pd.DataFrame, columns: tuple[str, ...]) -> None:
    """Raise ``ValueError`` naming the columns that a stage has not made."""
    if lost := [c for c in columns if c not in frame]:
        raise ValueError(f"the patients' or events' frame has no columns {lost}")


def yes(column: pd.Series) -> pd.Series:
    """True where a flag is set: True, 1, Yes or Y; a missing flag is not set."""
    return column.isin([True, "Yes", "Y"])


def flag(column: pd.Series) -> pd.Series:
    """Y where a flag is set, N otherwise."""
    return yes(column).map({True: "Y", False: "N"})


def stacked(
    dataset: Dataset, made: Mapping[str, pd.DataFrame], order: Sequence[str]
) -> pd.DataFrame:
    """Lines of all parameters, by PARAMCD, below each other and numbered within each patient."""
    frame = pd.concat(
        made[code].assign(PARAMCD=code, PARAM=p.label, PARAMN=p.number)
        for code, p in dataset.parameters.items()
        if code in made
    ).sort_values(list(order), kind="stable", ignore_index=True)
    number = frame.groupby("USUBJID").cumcount() + 1
    return frame.assign(TRTP=frame["TRT01P"], TRTPN=frame["TRT01PN"], ASEQ=number)


def adsl(patients: pd.DataFrame, record: Record, scale: str) -> pd.DataFrame:
    """One line a patient, in the order of ``patients`` (all stages done), as the dictionary says.

    ``scale`` is that of the hazard ratios, full or neutral. What the record prints nothing of is
    empty. Raises ``ValueError`` for a column that is missing although the record prints it.
    """
    known = printed(record)
    require(patients, COLUMNS + tuple(c for s in known & STAGES.keys() for c in STAGES[s]))
    optional = [*BASELINE, *record.sheet.strata, *(c for s in STAGES.values() for c in s)]
    empty = pd.Series(np.nan, patients.index, dtype=object)
    patients = patients.assign(**{c: empty for c in optional if c not in patients})
    study = f"{record.trial}-TWIN-{scale}".upper()
    number = pd.Series([f"{i + 1:04d}" for i in range(len(patients))], index=patients.index)
    frame = pd.DataFrame(
        {"SYNTH": SYNTHETIC, "STUDYID": study, "USUBJID": study + "-" + number, "SUBJID": number},
        index=patients.index,
    )
    for part in (_treatment, _baseline, _strata):
        frame = frame.join(part(patients, record))
    frame = frame.join(_end(patients, frame, record))
    dataset = datasets(record)["adsl"]
    frame[[v.name for v in dataset.variables if v.needs and v.needs not in known]] = None
    return dataset.typed(frame).reset_index(drop=True)


def _treatment(patients: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Arm, treatment, analysis sets, dates of random assignment and treatment, exposure."""
    names, treated = dictionary.treatments(record), yes(patients["treated"])
    labels = {arm: plain(record.sheet.arms[arm].label) for arm in names}
    numbers = {arm: ROLES[record.roles[arm]] for arm in names}
    enrolled = pd.to_timedelta(patients["enrolled"], unit="D")
    randomized = timeline(record, "first_randomized") + enrolled
    planned, planned_n = patients["arm"].map(names), patients["arm"].map(numbers)
    known = patients["treatment_end"].notna() & treated
    experimental = known & (planned_n == ROLES["experimental"])
    duration = patients["treatment_end"].where(treated)
    return pd.DataFrame(
        {
            "ARM": patients["arm"].map(labels),
            "ARMCD": patients["arm"].str.upper().str[:20],
            "TRT01P": planned,
            "TRT01PN": planned_n,
            "TRT01A": planned.where(treated, ""),
            "TRT01AN": planned_n.where(treated),
            "RANDDT": randomized,
            "TRTSDT": randomized.where(treated),
            "TRTEDT": date_of(randomized, duration),
            "TRTDURD": duration,
            "DCUTDT": timeline(record, "cutoff"),
            "ITTFL": "Y",
            "SAFFL": flag(treated),
            "MEASFL": flag(patients["measurable"]),
            "DOSREDFL": flag(patients["dose_reduced"]).where(experimental, ""),
            "DOSINTFL": flag(patients["interrupted"]).where(experimental, ""),
            "RDI": patients["rdi"].where(experimental),
            "RDIET": patients["rdi_et"].where(known),
        }
    )


def _baseline(patients: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Characteristics of Table 1 and the levels of Figure 3."""
    ages = next(v.terms for v in datasets(record)["adsl"].variables if v.name == "AGEGR1")
    numbers = {category: i + 1 for i, category in enumerate(ages)}
    menopause = patients["menopause"].fillna("")
    made = {variable: patients[column] for variable, column in COPIED.items()}
    made |= {variable: flag(patients[column]) for variable, column in FLAGGED.items()}
    return pd.DataFrame(made).assign(
        AGEU="YEARS",
        AGEGR1N=patients["Age"].map(plain, na_action="ignore").map(numbers),
        SEX=np.where(menopause != "", "F", "U"),
        RACE=np.where(patients["ethnicity"] == "Caucasian", "WHITE", "OTHER"),
        MENOPST=menopause,
        PCDKDOSE=patients["last_dose"].astype("string").str.removesuffix(" mg"),
    )


def _strata(patients: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Factors of stratification of the record, with the level of each patient."""
    frame = pd.DataFrame(index=patients.index)
    for k, factor in enumerate([*record.sheet.strata, None, None][:2], start=1):
        frame[f"STRAT{k}D"] = factor
        frame[f"STRAT{k}R"] = patients[factor] if factor else None
    return frame


def _end(patients: pd.DataFrame, frame: pd.DataFrame, record: Record) -> pd.DataFrame:
    """End of treatment and of the study, and death."""
    treated, died = frame["SAFFL"] == "Y", yes(patients["died"])
    known = treated & patients["treatment_end"].notna()
    ongoing = known & yes(patients["on_treatment"])
    reasons = dictionary.parts(record, "results", "not_treated")
    never = patients["untreated_reason"].fillna("").map(plain).where(~treated, "")
    never_term = never.map({label: NOT_TREATED.get(k, "OTHER") for k, label in reasons.items()})
    stopped = patients["end_reason"].fillna("").str.upper().where(treated & ~ongoing, "")
    left = stopped.where(stopped.isin(LEFT), never_term.fillna("").where(~treated, ""))
    reason = left.where(~died, "DEATH")
    last = date_of(frame["RANDDT"], patients["os"])
    return pd.DataFrame(
        {
            "NTRTRS": never,
            "EOTSTT": np.select([ongoing, known], ["ONGOING", "DISCONTINUED"], ""),
            "DCTREAS": stopped,
            "EOSSTT": np.where(reason != "", "DISCONTINUED", "ONGOING"),
            "DCSREAS": reason,
            "LSTALVDT": last,
            "DTHFL": np.where(died, "Y", ""),
            "DTHDT": last.where(died),
        }
    )
