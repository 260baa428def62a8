"""The twin's data sets as one line a patient, and which patients a printed number is about."""

from __future__ import annotations

import operator
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import sqrt

import pandas as pd

from palmira.record import Record
from palmira.record.entries import Entry
from palmira.record.printed import parse_date
from palmira.twin.adam.dictionary import ROLES, plain
from palmira.twin.facts import dated, printed

Frames = dict[str, pd.DataFrame]

# ADSL variable of a factor by the factor's name in the record.
VARIABLES = {
    "Age": "AGE",
    "Ethnicity": "RACEGR1",
    "Menopausal status": "MENOPST",
    "ECOG performance status": "ECOGBL",
    "Measurable disease": "MEASFL",
    "De novo advanced breast cancer": "DENOVOFL",
    "Visceral involvement": "VISCFL",
    "Liver metastases": "LIVERFL",
    "Metastatic sites": "METGR1",
    "Hormone receptor status": "HRSTAT",
    "Endocrine therapy": "ETDRUG",
    "Previous ET": "PRIORET",
    "Setting of previous palbociclib": "PCDKSET",
    "Last palbociclib dose": "PCDKDOSE",
    "Best response to previous palbociclib": "PCDKRSP",
    "Duration of previous palbociclib": "PCDKDUR",
    "Duration of first-line palbociclib": "PCDKDUR",
}
GROUPS = {"AGE": "AGEGR1", "ECOGBL": "ECOGGR1", "PCDKDUR": "PCDKGR1"}
ENDPOINTS = ("PFS", "OS")
# How an arm enters a model on a scale: (experimental, control). Orthonormal contrasts are what R
# gives an ordered factor of two levels.
CODING = {"full": (1 / sqrt(2), -1 / sqrt(2)), "neutral": (1.0, 0.0)}
_N = r"(\d+(?:\.\d+)?)"
FLAGS = {"yes": "y", "no": "n"}
COMPARED = {"<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge}


def at_level(values: pd.Series, category: str) -> pd.Series:
    """Which values belong to a printed category: a text or flag, or a range of a number.

    Numbers are held against what is printed: <65 years, ≥1, 6 to <12 months, 1-2, 100 mg or less.
    Raises ``ValueError`` for a category of a number that does not read as one.
    """
    text = plain(category).strip()
    if not pd.api.types.is_numeric_dtype(values):
        return values.str.lower().isin({text.lower(), FLAGS.get(text.lower())})
    if match := re.match(rf"([<>]=?)\s*{_N}", text):
        return COMPARED[match[1]](values, float(match[2]))
    if match := re.match(rf"{_N} to <\s*{_N}", text):
        return (values >= float(match[1])) & (values < float(match[2]))
    if match := re.match(rf"{_N}\s*-\s*{_N}", text):
        return values.between(float(match[1]), float(match[2]))
    if match := re.match(_N, text):
        number = float(match[1])
        if text.endswith("or less"):
            return values <= number
        return values >= number if text.endswith("or more") else values == number
    raise ValueError(f"{category!r} is no category of a number")


@dataclass(frozen=True)
class AnalysisSet:
    """ADaM frames (adsl, adtte, adrs, adae) beside the record that they are held against."""

    record: Record
    frames: Frames
    # Which patients are of an arm, level or analysis set; many numbers ask for the same.
    _masks: dict[tuple[str | None, ...], pd.Series] = field(default_factory=dict, repr=False)

    @cached_property
    def patients(self) -> pd.DataFrame:
        """ADSL by USUBJID with days, event and origin of each end point and the best response.

        An end point of which the record prints nothing may be absent. Raises ``ValueError`` where a
        patient has no, or two, lines of one of them.
        """
        patients = self.frames["adsl"].set_index("USUBJID", verify_integrity=True)
        times, responses = self.frames["adtte"], self.frames["adrs"]
        for endpoint in ENDPOINTS:
            if endpoint != ENDPOINTS[0] and endpoint not in printed(self.record):
                continue
            lines = _one_each(times, endpoint, patients.index)
            patients[endpoint] = lines["AVAL"].astype(float)
            patients[f"{endpoint}_event"] = lines["CNSR"] == 0
            patients[f"{endpoint}_start"] = pd.to_datetime(lines["STARTDT"])
        if "response" in printed(self.record):
            patients["BOR"] = _one_each(responses, "BOR", patients.index)["AVALC"]
        return patients

    def arm(self, arm: str | None) -> pd.Series:
        """Which patients are of an arm of the record; the total, and no arm, are all."""
        if ("arm", arm) not in self._masks:
            role = self.record.roles[arm] if arm else "total"
            wanted = [ROLES[role]] if role in ROLES else list(ROLES.values())
            self._masks["arm", arm] = self.patients["TRT01PN"].isin(wanted)
        return self._masks["arm", arm]

    def level(self, factor: str | None, category: str | None) -> pd.Series:
        """Which patients are at a level of a factor; without a factor all."""
        if (factor, category) not in self._masks:
            self._masks[factor, category] = (
                pd.Series(True, self.patients.index)
                if factor is None or category is None
                else at_level(self._values(factor), category)
            )
        return self._masks[factor, category]

    def _values(self, factor: str) -> pd.Series:
        """Values of a factor, or the groups that they lie in where no values are printed."""
        variable = VARIABLES[factor]
        if variable in GROUPS and self.patients[variable].isna().all():
            variable = GROUPS[variable]
        return self.patients[variable]

    def population(self, name: str | None) -> pd.Series:
        """Which patients are of an analysis set of the record, by what the record says of its size:
        the level of a factor, those treated, or all."""
        sizes = self.record.sheet.populations.get(name or "", {})
        entry = next((self.record[id] for id in sizes.values()), None)
        if entry is not None and entry.factor:
            return self.level(entry.factor, entry.category)
        if entry is not None and entry.row == "treated":
            return self.patients["SAFFL"] == "Y"
        return pd.Series(True, self.patients.index)

    def about(self, entry: Entry) -> pd.Series:
        """The patients of whom an entry's percent is the share: its arm and analysis set."""
        key = ("about", entry.arm, entry.population)
        if key not in self._masks:
            self._masks[key] = self.arm(entry.arm) & self.population(entry.population)
        return self._masks[key]

    def levels(self, factor: str, block: str | None = None) -> list[str]:
        """Printed levels of a factor in a block, or in the first block with its hazard ratios."""
        entries = [e for e in self.record.entries.values() if e.factor == factor and e.category]
        ratios = [e for e in entries if e.measure == "hazard ratio" and e.part == "estimate"]
        blocks = [block] if block else [e.block for e in (*ratios, *entries)]
        for name in blocks:
            found = dict.fromkeys(str(e.category) for e in entries if e.block == name)
            if len(found) > 1:
                return list(found)
        return []

    def times(self, endpoint: str, analysis: str | None) -> pd.DataFrame:
        """Days and events (columns time, event) by patient, at the date of an analysis.

        An analysis that has a date in the record's timeline holds the patients randomly assigned
        before that date, censored at it; any other holds all data.
        """
        columns = {endpoint: "time", f"{endpoint}_event": "event"}
        frame = self.patients[[*columns]].rename(columns=columns)
        date = cut_date(self.record, analysis)
        if date is None:
            return frame
        known = (date - self.patients[f"{endpoint}_start"]).dt.days + 1.0
        frame["event"] &= frame["time"] <= known
        frame["time"] = frame["time"].clip(upper=known)
        return frame[pd.to_datetime(self.patients["RANDDT"]) < date]


def times(frames: Mapping[str, pd.DataFrame], record: Record, code: str = "PFS") -> pd.DataFrame:
    """Arm (the record's key), time in days and event by patient, from the data set ADTTE."""
    keys = dict(zip(ROLES.values(), record.two_arms(), strict=True))
    lines = frames["adtte"].query("PARAMCD == @code").reset_index(drop=True)
    arm, time = lines["TRT01PN"].map(keys), lines["AVAL"].astype(float)
    return pd.DataFrame({"arm": arm, "time": time, "event": lines["CNSR"] == 0})


def cut_date(record: Record, analysis: str | None) -> pd.Timestamp | None:
    """The date of an analysis in the record's timeline; None where it has none, or where the record
    has no calendar to find it in."""
    entry = record.entries.get(f"timeline.{analysis}") if dated(record) else None
    return pd.Timestamp(parse_date(entry.text)) if entry and entry.part == "date" else None


def _one_each(frame: pd.DataFrame, code: str, patients: pd.Index) -> pd.DataFrame:
    lines = frame[frame["PARAMCD"] == code].set_index("USUBJID")
    if not lines.index.is_unique or set(lines.index) != set(patients):
        raise ValueError(f"{code}: not one line for each patient of ADSL")
    return lines.reindex(patients)
