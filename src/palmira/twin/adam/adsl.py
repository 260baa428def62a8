"""ADSL: the patients, their baseline, treatment and end of study."""

from __future__ import annotations

import numpy as np
import pandas as pd

from palmira.record import Record
from palmira.twin.adam.dictionary import ROLES, SYNTHETIC, datasets, parts, plain, treatments
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
# Columns of the stages that run only where the record prints something of them.
STAGES = {
    "OS": ("os", "died"),
    "response": ("response", "response_day", "benefit", "measurable"),
    "treatment": ("treatment_end", "end_reason", "dose_reduced", "interrupted", "rdi", "rdi_et",
                  "untreated_reason"),
}  # fmt: skip
BASELINE = (
    "Age", "Endocrine therapy", "ECOG performance status", "Metastatic sites",
    "Visceral involvement", "Duration of first-line palbociclib", "age", "prior_duration",
    "ethnicity", "menopause", "ecog", "de_novo", "receptor", "prior_setting", "last_dose",
    "prior_et", "prior_response", "liver",
)  # fmt: skip


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
    for part in (
        _treatment(patients, record), _baseline(patients, record), _strata(patients, record)
    ):  # fmt: skip
        frame = frame.join(part)
    frame = frame.join(_end(patients, frame, record))
    dataset = datasets(record)["adsl"]
    frame[[v.name for v in dataset.variables if v.needs and v.needs not in known]] = None
    return dataset.typed(frame).reset_index(drop=True)


def _treatment(patients: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Arm, treatment, analysis sets, dates of random assignment and treatment, exposure."""
    names = treatments(record)
    labels = {arm: plain(record.sheet.arms[arm].label) for arm in names}
    numbers = {arm: ROLES[record.sheet.arms[arm].role] for arm in names}
    treated = yes(patients["treated"])
    randomized = timeline(record, "first_randomized") + pd.to_timedelta(
        patients["enrolled"], unit="D"
    )
    planned, planned_n = patients["arm"].map(names), patients["arm"].map(numbers)
    known = patients["treatment_end"].notna() & treated
    experimental = known & (planned_n == ROLES["experimental"])
    duration = patients["treatment_end"].where(treated)
    return pd.DataFrame(
        {
            "ARM": patients["arm"].map(labels), "ARMCD": patients["arm"].str.upper().str[:20],
            "TRT01P": planned, "TRT01PN": planned_n,
            "TRT01A": planned.where(treated, ""), "TRT01AN": planned_n.where(treated),
            "RANDDT": randomized, "TRTSDT": randomized.where(treated),
            "TRTEDT": date_of(randomized, duration), "TRTDURD": duration,
            "DCUTDT": timeline(record, "cutoff"),
            "ITTFL": "Y", "SAFFL": flag(treated), "MEASFL": flag(patients["measurable"]),
            "DOSREDFL": flag(patients["dose_reduced"]).where(experimental, ""),
            "DOSINTFL": flag(patients["interrupted"]).where(experimental, ""),
            "RDI": patients["rdi"].where(experimental), "RDIET": patients["rdi_et"].where(known),
        }
    )  # fmt: skip


def _baseline(patients: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Characteristics of Table 1 and the levels of Figure 3."""
    groups = datasets(record)["adsl"].variables
    levels = next(v.terms for v in groups if v.name == "AGEGR1")
    menopause = patients["menopause"].fillna("")
    return pd.DataFrame(
        {
            "AGE": patients["age"], "AGEU": "YEARS", "AGEGR1": patients["Age"],
            "AGEGR1N": patients["Age"]
            .map(plain, na_action="ignore")
            .map({c: i + 1 for i, c in enumerate(levels)}),
            "SEX": np.where(menopause != "", "F", "U"),
            "RACE": np.where(patients["ethnicity"] == "Caucasian", "WHITE", "OTHER"),
            "RACEGR1": patients["ethnicity"], "MENOPST": menopause,
            "ECOGBL": patients["ecog"], "ECOGGR1": patients["ECOG performance status"],
            "VISCFL": flag(patients["Visceral involvement"]), "LIVERFL": flag(patients["liver"]),
            "METGR1": patients["Metastatic sites"], "DENOVOFL": flag(patients["de_novo"]),
            "HRSTAT": patients["receptor"], "PRIORET": patients["prior_et"],
            "ETDRUG": patients["Endocrine therapy"], "PCDKSET": patients["prior_setting"],
            "PCDKDOSE": patients["last_dose"].astype("string").str.removesuffix(" mg"),
            "PCDKRSP": patients["prior_response"], "PCDKDUR": patients["prior_duration"],
            "PCDKGR1": patients["Duration of first-line palbociclib"],
        }
    )  # fmt: skip


def _strata(patients: pd.DataFrame, record: Record) -> pd.DataFrame:
    """Factors of stratification of the record, with the level of each patient."""
    first, second, *_ = *record.sheet.strata, None, None
    return pd.DataFrame(
        {
            "STRAT1D": first, "STRAT1R": patients[first] if first else None,
            "STRAT2D": second, "STRAT2R": patients[second] if second else None,
        },
        index=patients.index,
    )  # fmt: skip


def _end(patients: pd.DataFrame, frame: pd.DataFrame, record: Record) -> pd.DataFrame:
    """End of treatment and of the study, and death."""
    treated, died = frame["SAFFL"] == "Y", yes(patients["died"])
    known = treated & patients["treatment_end"].notna()
    ongoing = known & yes(patients["on_treatment"])
    reasons = parts(record, "results", "not_treated")
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
            "EOSSTT": np.where(reason != "", "DISCONTINUED", "ONGOING"), "DCSREAS": reason,
            "LSTALVDT": last, "DTHFL": np.where(died, "Y", ""), "DTHDT": last.where(died),
        }
    )  # fmt: skip
